"""`orgform serve`: the admin API as a server."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from orgform.cli.options import Seconds, examples

MEGABYTE = 1024 * 1024


def _some(context: click.Context, option: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("it is empty", context, option)
    return value


EXAMPLES = examples(
    "orgform serve",
    "orgform serve --database postgresql://orgform@/orgform --port 8081",
    "orgform serve --without-tokens --port 0  # to try it out",
)


@click.command("serve", epilog=EXAMPLES)
@click.option(
    "--database",
    envvar="ORGFORM_DATABASE",
    default="orgform.db",
    show_default=True,
    callback=_some,
    metavar="FILE|URL",
    help="SQLite file or PostgreSQL URL; ORGFORM_DATABASE does the same and keeps a password off the command line.",
)
@click.option("--host", default="127.0.0.1", show_default=True, callback=_some, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, metavar="N", help="Port to listen on; 0 is any free one."
)
@click.option("--without-tokens", is_flag=True, help="Serve the company 'default' to anybody on this machine, to try it out.")
@click.option(
    "--rate-limit", type=click.IntRange(1, 1_000_000), metavar="N", help="Requests a minute for each token (no limit, if not given)."
)
@click.option(
    "--largest-body", type=click.IntRange(1, 1024), default=16, show_default=True, metavar="MB", help="Largest body of a request."
)
@click.option("--invite", is_flag=True, help="New members are invited until they accept, not active at once.")
@click.option("--resolver", metavar="HOST[:PORT]", help="DNS server that domains are looked up at (the system's, if not given).")
@click.option(
    "--grace",
    type=Seconds(0, 3600),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait, when stopped, for what has begun.",
)
@click.option("--log-format", type=click.Choice(("json", "text")), default="json", show_default=True, help="Form of the log on stderr.")
def command(**values: Any) -> int:
    """Run the admin API as a server, until Ctrl-C or SIGTERM.

    It prints its address when it listens. The log goes to stderr. `orgform token create` makes the token that clients need.

    Exits 0 when it was asked to stop; 1 when it could not listen, or open its database.
    """
    from orgform.cli.options import screen
    from orgform.kinds import load_kinds
    from orgform.server.serve import Settings, serve

    paper = screen({})
    source = click.get_current_context().get_parameter_source("database")
    values["largest_body"] *= MEGABYTE
    values["host"] = values["host"].removeprefix("[").removesuffix("]")  # as in a URL
    settings = Settings(**values, by_environment=source is ParameterSource.ENVIRONMENT)
    return serve(settings, load_kinds(), announce=paper.result)
