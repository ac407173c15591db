"""`orgform domains`."""

from __future__ import annotations

import click


@click.command("domains")
def command() -> int:
    raise click.UsageError("being built")
