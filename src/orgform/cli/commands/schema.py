"""`orgform schema`: the JSON Schemas."""

from __future__ import annotations

import click

from orgform.cli.options import examples
from orgform.cli.output import Screen

EXAMPLES = examples(
    "orgform schema > company.schema.json  # for the editor",
    "orgform schema workspace  # the attributes of a kind",
)


@click.command("schema", epilog=EXAMPLES)
@click.argument("name", default="company")
def command(name: str) -> int:
    """Print a JSON Schema: `company` (a whole config, for editors), `plan`, or the name of a kind."""
    from orgform import app
    from orgform.codec import encode_pretty

    Screen().result(encode_pretty(app.schema(name)))
    return 0
