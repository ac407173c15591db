"""`orgform access`: who can do what where, and why."""

from __future__ import annotations

from typing import Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, examples, screen

EXAMPLES = examples(
    "orgform access -C acme",
    "orgform access -C acme --today 2027-02-01  # who will have what on that day",
    "orgform access -C acme --live --format csv  # a list to review",
)


@click.command("access", epilog=EXAMPLES)
@click.option("--live", is_flag=True, help="Of the live system instead of the config.")
@common(*CONFIG, "only", "today", *LIVE, *SCREEN, formats=("text", "json", "csv"))
def command(live: bool, **values: Any) -> int:
    """Show who can do what where, and by which path: direct, group, domain, company admin, parent workspace.

    Of the config, offline; with --live of the live system.

    Exits 0; 1 when the live system could not be read; 3 when the config is invalid.
    """
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch
    from orgform.codec import encode_pretty, to_builtins

    paper = screen(values)
    with Watch(paper) as watch:
        items = to_builtins(app.access(chosen(values), live=live, listen=watch, confirm=secret_question(paper, watch)))
    if paper.format == "json":
        paper.result(encode_pretty({"format": "orgform.access/1", "access": items}))
    elif paper.format == "csv":
        from orgform.render import csv

        paper.result(csv.access(items))
    else:
        from orgform.render import text

        paper.result(text.access(items, color=paper.color, width=paper.width))
    return 0
