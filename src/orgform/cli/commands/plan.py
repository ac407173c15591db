"""`orgform plan`: what would an apply change?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, examples, naming, screen
from orgform.cli.output import Screen
from orgform.errors import EXIT_CHANGES, EXIT_FAILED, EXIT_GUARD_REFUSED, EXIT_OK, OrgformError

if TYPE_CHECKING:
    from orgform.app import Split
    from orgform.model import Plan


EXAMPLES = examples(
    "orgform plan -C acme",
    "orgform plan -C acme --only 'workspace/brand-x-*'",
    "orgform plan -C acme --base origin/main --format markdown  # a pull request",
    "orgform plan -C acme -o plan.json  # saved for `orgform apply plan.json`",
)


@click.command("plan", epilog=EXAMPLES)
@click.option(
    "-o",
    "--out",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the plan; `orgform apply FILE` applies it.",
)
@click.option(
    "--split-by-risk",
    "into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Save it as two plans: DIR/additive.plan.json, to be applied first, and DIR/destructive.plan.json.",
)
@click.option("--base", metavar="REF", help="Compare with the config at this git revision instead of what was last applied.")
@click.option("--destroy", is_flag=True, help="Plan the deletion of everything that is managed.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@common(*CONFIG, "only", "today", *LIVE, "allow", "allow-destroy", *SCREEN, formats=("text", "json", "markdown", "html", "github"))
def command(out: Path | None, into: Path | None, base: str | None, destroy: bool, detailed_exitcode: bool, **values: Any) -> int:
    """Show exactly what an apply would change, who gains or loses access by it, and what was changed outside. Changes nothing.

    With --split-by-risk what deletes, or takes something away, is a plan of its own, for somebody to approve: apply it last.

    Exits 0; 1 when a target could not be read; 2 with --detailed-exitcode when there are changes; 3 when the config is invalid; 4 when a
    guard refuses.
    """
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch

    paper = screen(values)
    options, parts = chosen(values), None
    if out:
        check_place(out)
    with Watch(paper) as watch:
        confirm = secret_question(paper, watch)
        if into:
            parts = app.plan_by_risk(options, into, base=base, destroy=destroy, listen=watch, confirm=confirm)
        made = parts.whole if parts else app.plan(options, base=base, destroy=destroy, listen=watch, confirm=confirm)
    keep(paper, made, parts, out, naming(values))
    return _code(made, paper, detailed_exitcode)


def keep(paper: Screen, made: Plan, parts: Split | None, out: Path | None, words: str) -> None:
    """Shows a plan, saves it where it is wanted, and says what is where now."""
    from orgform.cli import show

    if out:
        save(made, out)
    show.plan(paper, made, words=words)
    if out:
        paper.note(f"Saved the plan; `orgform apply {out}` applies it.")
    if parts:
        _tell_parts(paper, parts)


def _tell_parts(paper: Screen, parts: Split) -> None:
    """What is where, in the order in which it is applied."""
    told = zip(("additive", "destructive"), (parts.additive, parts.destructive), parts.files, strict=True)
    for name, part, file in told:
        count = f"{len(part.changes):,}" if part.changes else "no"
        changes = f"{count} {name} change{'' if len(part.changes) == 1 else 's'}"
        after = f"refused by {guards(part)}" if part.refused else f"`orgform apply {file}` applies it" if part.changes else "nothing to do"
        paper.note(f"Saved {changes} in {file}: {after}.")
    if parts.whole.refused and parts.additive.changes and not parts.additive.refused:
        paper.note("No guard speaks against the additive part: it can be applied by itself.")


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
    return f"Refused by {guards(made)}: an apply of this plan does nothing."


def guards(made: Plan) -> str:
    return ", ".join(dict.fromkeys(g.guard for g in made.refused))


def check_place(out: Path) -> None:
    """Before anything is read: a plan that cannot be kept was made for nothing. Raises `OrgformError`."""
    if not out.parent.is_dir():
        hint = f"there is no folder {out.parent}: make it, or name another file"
        raise OrgformError(f"the plan cannot be saved in {out}: No such file or directory", hint=hint)


def save(made: Plan, out: Path) -> None:
    """Whole or not at all, except where FILE is no ordinary file (/dev/stdout, a pipe). Raises `OrgformError`."""
    data = made.to_json()
    draft = out if out.exists() and not out.is_file() else out.with_name(f".{out.name}.part")
    try:
        draft.write_bytes(data)
        if draft is not out:
            draft.replace(out)
    except OSError as error:
        if draft is not out:
            with suppress(OSError):
                draft.unlink()
        hint = "check the folder's rights and space, or name another file"
        raise OrgformError(f"the plan cannot be saved in {out}: {error.strerror}", hint=hint) from error
