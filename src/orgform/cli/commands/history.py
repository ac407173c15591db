"""`orgform history`: what was applied, when and by whom."""

from __future__ import annotations

from typing import Any

import click

from orgform.cli.options import CONFIG, SCREEN, chosen, common, screen


@click.command("history")
@click.argument("run", required=False)
@common(*CONFIG, "ledger", *SCREEN, formats=("text", "json"))
def command(run: str | None, **values: Any) -> int:
    """Show the runs, newest first; with RUN that one, change by change."""
    from orgform import app
    from orgform.codec import encode_pretty

    paper, found = screen(values), app.history(chosen(values), run=run)
    if paper.format == "json":
        paper.result(encode_pretty(found))
    else:
        from orgform.render import text

        paper.result(text.history(found, color=paper.color, width=paper.width))
    return 0
