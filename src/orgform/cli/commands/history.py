"""`orgform history`: what was applied, when and by whom."""

from __future__ import annotations

from typing import Any

import click

from orgform.cli.options import CONFIG, SCREEN, chosen, common, examples, screen

EXAMPLES = examples(
    "orgform history -C acme",
    "orgform history 20261122-0414 -C acme --all",
)


@click.command("history", epilog=EXAMPLES)
@click.argument("run", required=False)
@click.option("--all", "everything", is_flag=True, help="Of RUN every change, however many there are.")
@common(*CONFIG, "ledger", *SCREEN, formats=("text", "json"))
def command(run: str | None, everything: bool, **values: Any) -> int:
    """Show the runs, newest first; with RUN that one: what was done, what was not and why, and how to go on.

    RUN may be the beginning of a run's name. --format json has each change with its values before and after.

    Exits 0; 1 when there is no such run, or the ledger could not be read; 3 when the config is invalid.
    """
    from orgform import app
    from orgform.codec import encode_pretty

    paper, found = screen(values), app.history(chosen(values), run=run)
    if paper.format == "json":
        paper.result(encode_pretty(found))
    else:
        from orgform.render import text

        paper.result(text.history(found, color=paper.color, width=paper.width, everything=everything))
    return 0
