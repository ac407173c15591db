"""`orgform plan`: what would an apply change?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, screen
from orgform.cli.output import Screen
from orgform.errors import EXIT_CHANGES, EXIT_FAILED, EXIT_GUARD_REFUSED, EXIT_OK

if TYPE_CHECKING:
    from orgform.model import Plan


@click.command("plan")
@click.option(
    "-o",
    "--out",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the plan; `orgform apply FILE` applies it.",
)
@click.option("--base", metavar="REF", help="Compare with the config at this git revision instead of what was last applied.")
@click.option("--destroy", is_flag=True, help="Plan the deletion of everything that is managed.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@common(*CONFIG, "only", "today", *LIVE, "allow", "allow-destroy", *SCREEN, formats=("text", "json", "markdown", "html", "github"))
def command(out: Path | None, base: str | None, destroy: bool, detailed_exitcode: bool, **values: Any) -> int:
    """Show exactly what an apply would change, who gains or loses access by it, and what was changed outside. Changes nothing.

    Exits 0; 1 when a target could not be read; 2 with --detailed-exitcode when there are changes; 3 when the config is invalid; 4 when a
    guard refuses.
    """
    from orgform import app
    from orgform.cli import show
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch

    paper = screen(values)
    with Watch(paper) as watch:
        made = app.plan(chosen(values), base=base, destroy=destroy, listen=watch, confirm=secret_question(paper, watch))
    if out:
        save(made, out)
    show.plan(paper, made)
    if out:
        paper.note(f"Saved the plan; `orgform apply {out}` applies it.")
    return _code(made, paper, detailed_exitcode)


def _code(made: Plan, paper: Screen, detailed: bool) -> int:
    if made.refused:
        paper.note(refusal(made))
        return EXIT_GUARD_REFUSED
    if unread := unread_targets(made):
        paper.note(f"Not read: {unread}; an apply of this plan does what it can of the rest.")
        return EXIT_FAILED
    return EXIT_CHANGES if detailed and (made.changes or made.manual_steps) else EXIT_OK


def unread_targets(made: Plan) -> str:
    """Names of the targets that the plan had to do without."""
    return ", ".join(name for name, target in made.targets.items() if target.problem)


def refusal(made: Plan) -> str:
    names = ", ".join(dict.fromkeys(g.guard for g in made.refused))
    return f"Refused by {names}: an apply of this plan does nothing."


def save(made: Plan, out: Path) -> None:
    """Whole or not at all, except where FILE is no ordinary file (/dev/stdout, a pipe)."""
    data = made.to_json()
    if out.exists() and not out.is_file():
        out.write_bytes(data)
        return
    draft = out.with_name(f".{out.name}.part")
    draft.write_bytes(data)
    draft.replace(out)
