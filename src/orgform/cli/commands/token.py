"""`orgform token`."""

from __future__ import annotations

import click


@click.command("token")
def command() -> int:
    raise click.UsageError("being built")
