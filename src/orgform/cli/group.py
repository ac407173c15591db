"""The command `orgform` itself: an overview, and commands that are imported when they are run.

Invariant: `orgform --version` and `orgform` import no command and nothing of the core.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from orgform import __version__

# name -> what it does, in the order of the usual flow; the module is orgform.cli.commands.NAME
USUAL = {
    "init": "Write a first config into an empty folder.",
    "validate": "Check the config, offline.",
    "plan": "Show exactly what an apply would change.",
    "apply": "Make the live system what the config says.",
}
FURTHER = {
    "drift": "Show what was changed by hand; take it over, or leave it alone.",
    "export": "Print the live system as config, or write it into a folder.",
    "access": "Show who can do what where, and why.",
    "history": "Show what was applied, when and by whom.",
    "undo": "Take back what a run did.",
    "attest": "Say that a step was done by hand, where nothing can read it.",
    "domains": "Show the DNS records that prove the domains; ask to verify them.",
    "providers": "Show which systems orgform speaks to and what it can do there.",
    "schema": "Print a JSON Schema: of the config, a plan, or a kind.",
    "serve": "Run the admin API as a server.",
    "token": "Create, list and revoke the tokens of a server.",
    "completion": "Print the completion script for a shell.",
}
COMMANDS = {**USUAL, **FURTHER}
# what other tools call it -> what it is here
ELSEWHERE = {
    "version": "--version",
    "help": "--help",
    "check": "validate",
    "lint": "validate",
    "diff": "plan",
    "preview": "plan",
    "destroy": "plan --destroy",
    "import": "export",
    "pull": "export",
    "rollback": "undo",
    "revert": "undo",
}

FLOW = """\
The usual flow:
  orgform init -C acme        a first config to start from
  orgform validate -C acme    is it right?
  orgform plan -C acme        what would change, and who gains or loses access
  orgform apply -C acme       make it so
"""


class Root(click.Group):
    """Commands by name from the table above, imported on use; a typo is answered with what was meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"orgform.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in COMMANDS or ctx.resilient_parsing or name.startswith("-"):
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"there is no command {name!r}{_meant(name)}", ctx)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(OVERVIEW)


def _meant(name: str) -> str:
    import difflib

    if name in ELSEWHERE:
        return f"; here it is `orgform {ELSEWHERE[name]}`"
    close = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _table(commands: dict[str, str]) -> str:
    return "".join(f"  {name:<11} {text}\n" for name, text in commands.items())


OVERVIEW = f"""\
orgform {__version__}: a company's workspaces, domains, members, roles and
feature flags as one folder of YAML.

Usage: orgform COMMAND [OPTIONS]

Commands:
{_table(USUAL)}
{_table(FURTHER)}
{FLOW}
Options stand after the command; `orgform COMMAND --help` explains them.
  --version   Show the version.
  -h, --help  Show this overview.
"""


def _overview(ctx: click.Context, param: Any, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"orgform {__version__}")
        ctx.exit()


@click.command(cls=Root, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_overview, help="Show the version.")
@click.pass_context
def root(ctx: click.Context) -> int:
    if ctx.invoked_subcommand is None:
        click.echo(OVERVIEW, nl=False)
    return 0
