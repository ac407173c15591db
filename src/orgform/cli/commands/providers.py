"""`orgform providers`: the capability matrix."""

from __future__ import annotations

from typing import Any

import click

from orgform.cli.options import SCREEN, common, examples, screen

EXAMPLES = examples(
    "orgform providers",
    "orgform providers front  # with the way to click where there is no API",
)


@click.command("providers", epilog=EXAMPLES)
@click.argument("name", required=False)
@common(*SCREEN, formats=("text", "markdown", "json"))
def command(name: str | None, **values: Any) -> int:
    """Show which systems orgform speaks to, and what it can do there with each kind: by API, by hand, or not at all. With a NAME that one
    only, and how people do there what an API cannot."""
    from orgform import app
    from orgform.codec import encode_pretty

    paper, found = screen(values), app.providers(name)
    if paper.format == "json":
        paper.result(encode_pretty({"format": "orgform.providers/1", "providers": found}))
    elif paper.format == "markdown":
        from orgform.render import markdown

        paper.result(markdown.provider(found[name]) if name else markdown.providers(found))
    else:
        from orgform.render import text

        paper.result(text.providers(found, color=paper.color, width=paper.width, steps=bool(name)))
    return 0
