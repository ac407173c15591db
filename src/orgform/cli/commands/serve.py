"""`orgform serve`."""

from __future__ import annotations

import click


@click.command("serve")
def command() -> int:
    raise click.UsageError("being built")
