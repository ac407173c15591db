"""`orgform validate`: is the config right? Offline."""

from __future__ import annotations

from typing import Any

import click

from orgform.cli.options import CONFIG, SCREEN, chosen, common, examples, screen

EXAMPLES = examples(
    "orgform validate -C acme",
    "orgform validate -C acme --env staging --var region=eu",
    "orgform validate -C acme --format github  # for a pull request",
)


@click.command("validate", epilog=EXAMPLES)
@common(*CONFIG, "today", *SCREEN, formats=("text", "json", "markdown", "html", "github"))
def command(**values: Any) -> int:
    """Check the config, offline: every problem at once, with its place and what to do.

    Exits 0 when it is valid, 3 when it is not.
    """
    from orgform import app
    from orgform.cli import show

    show.valid(screen(values), app.validate(chosen(values)))
    return 0
