"""`orgform undo RUN`: take back what a run did, as far as it is still so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orgform.cli.commands.apply import CODES, Approval
from orgform.cli.commands.plan import check_place, keep, refusal
from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, examples, naming, screen
from orgform.cli.output import Screen
from orgform.errors import EXIT_FAILED, EXIT_GUARD_REFUSED, EXIT_OK, EXIT_PARTLY_APPLIED, EXIT_STALE, GuardRefused, UsageError

if TYPE_CHECKING:
    from orgform.model import Plan, Report


EXAMPLES = examples(
    "orgform undo 20261122-0414 -C acme  # shows the plan and asks",
    "orgform undo 20261122-0414 -C acme -o undo.json  # saved, to be applied",
)


@click.command("undo", epilog=EXAMPLES)
@click.argument("run", metavar="RUN")
@click.option("-y", "--yes", is_flag=True, help="Undo without asking.")
@click.option(
    "-o",
    "--out",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save the plan and change nothing; `orgform apply FILE` applies it.",
)
@click.option(
    "--split-by-risk",
    "into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Save it as two plans: DIR/additive.plan.json, to be applied first, and DIR/destructive.plan.json.",
)
@common(*CONFIG, "only", *LIVE, "allow", "allow-destroy", *SCREEN, formats=("text", "json", "markdown", "html", "github"))
def command(run: str, yes: bool, out: Path | None, into: Path | None, **values: Any) -> int:
    """Take back what RUN did, as far as it is still so: `orgform history` lists the runs. An undo can be undone itself.

    What somebody changed since is shown and left alone, unless --allow changed-since:ADDRESS_GLOB names it. What can be brought back
    only in part, or not at all, says so. Shows the plan and asks first, unless --yes is given.

    Exits 0 when all is taken back; 1 failed; 3 config invalid; 4 a guard refused; 5 all of it was changed since, nothing was done;
    6 partly taken back; 130 interrupted.
    """
    from orgform import app

    paper = screen(values)
    run = app.known_run(chosen(values), run)
    if out:
        check_place(out)
    if out or into:
        return _saved(paper, run, out, into, values)
    if paper.format == "html":
        raise UsageError("html is a form of a plan only", hint="`orgform undo RUN -o plan.json --format html` shows the plan and saves it")
    if not yes and not paper.interactive:
        raise UsageError(
            "undo needs --yes where nobody can be asked",
            hint="`orgform undo RUN -o plan.json` and `orgform apply plan.json`, or `orgform undo RUN --yes`",
        )
    return _undone(paper, run, yes, values)


def _saved(paper: Screen, run: str, out: Path | None, into: Path | None, values: dict[str, Any]) -> int:
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch

    options, parts = chosen(values), None
    with Watch(paper) as watch:
        confirm = secret_question(paper, watch)
        if into:
            parts = app.plan_by_risk(options, into, undo=run, listen=watch, confirm=confirm)
        made = parts.whole if parts else app.plan_undo(options, run, listen=watch, confirm=confirm)
    keep(paper, made, parts, out, naming(values))
    if made.refused:
        paper.note(refusal(made))
        return EXIT_GUARD_REFUSED
    return EXIT_OK


def _undone(paper: Screen, run: str, yes: bool, values: dict[str, Any]) -> int:
    from orgform import app
    from orgform.cli import show
    from orgform.cli.ask import secret_question
    from orgform.cli.interrupt import Interrupts
    from orgform.cli.progress import Watch

    with Watch(paper) as watch, Interrupts() as interrupts:
        approve = Approval(paper, watch, interrupts, asks=not yes, shows=True, words=naming(values))
        confirm = secret_question(paper, watch)
        try:
            made, report = app.undo(chosen(values), run, approve=approve, listen=watch, stop=interrupts.event, confirm=confirm)
        except GuardRefused as refused:
            watch.pause()
            if paper.format != "json":
                show.plan(paper, refused.plan, words=naming(values))
            raise
    if not approve.asked:
        approve.show(made)
    show.report(paper, report, made)
    show.after_undo(paper, report, made)
    return _code(made, report)


def _code(made: Plan, report: Report) -> int:
    """A run that was taken back only in part was not undone, whatever the reason: like a saved plan, parts of which are stale."""
    code = CODES.get(report.outcome, EXIT_FAILED)
    if code == EXIT_OK and made.undoes and made.undoes.left:
        return EXIT_PARTLY_APPLIED if report.outcome == "done" else EXIT_STALE
    return code
