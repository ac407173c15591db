"""`orgform apply`: make the live system what the config, or a saved plan, says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orgform.cli.commands.plan import unread_targets
from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, examples, naming, screen
from orgform.cli.output import Screen
from orgform.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_PARTLY_APPLIED, EXIT_STALE, GuardRefused, UsageError

if TYPE_CHECKING:
    from orgform.cli.interrupt import Interrupts
    from orgform.cli.progress import Watch
    from orgform.model import Plan

CODES = {
    "done": EXIT_OK,
    "nothing": EXIT_OK,
    "partly": EXIT_PARTLY_APPLIED,
    "stale": EXIT_STALE,
    "interrupted": EXIT_INTERRUPTED,
    "failed": EXIT_FAILED,
    "declined": EXIT_FAILED,
}
NOT_WITH_A_FILE = {"base": "--base", "destroy": "--destroy", "only": "--only", "today": "--today"}


EXAMPLES = examples(
    "orgform apply -C acme  # shows the plan and asks",
    "orgform apply -C acme --yes  # where nobody can be asked",
    "orgform apply plan.json -C acme  # what was saved, as far as it still holds",
)


@click.command("apply", epilog=EXAMPLES)
@click.argument("plan_file", required=False, type=click.Path(path_type=Path, dir_okay=False), metavar="[PLAN_FILE]")
@click.option("-y", "--yes", is_flag=True, help="Apply without asking.")
@click.option("--base", metavar="REF", help="Compare with the config at this git revision instead of what was last applied.")
@click.option("--destroy", is_flag=True, help="Delete everything that is managed.")
@common(*CONFIG, "only", "today", *LIVE, "allow", "allow-destroy", *SCREEN, formats=("text", "json", "markdown", "github"))
def command(plan_file: Path | None, yes: bool, base: str | None, destroy: bool, **values: Any) -> int:
    """Make the live system what the config says; with PLAN_FILE exactly what that saved plan says.

    Shows the plan and asks first, unless --yes or PLAN_FILE is given. What changed meanwhile is skipped and reported.

    Exits 0 when all is done; 1 failed; 3 config invalid; 4 a guard refused; 5 the saved plan is stale; 6 partly applied; 130 interrupted.
    """
    from orgform import app
    from orgform.cli import show
    from orgform.cli.ask import secret_question
    from orgform.cli.interrupt import Interrupts
    from orgform.cli.progress import Watch

    paper = screen(values)
    _check_usage(paper, plan_file, yes, {"base": base, "destroy": destroy, **values})
    options, saved = chosen(values), _saved(paper, plan_file) if plan_file else None
    with Watch(paper) as watch, Interrupts() as interrupts:
        approve = Approval(paper, watch, interrupts, asks=not (yes or saved), shows=saved is None, words=naming(values))
        try:
            made, report = app.apply(
                options,
                saved=saved,
                base=base,
                destroy=destroy,
                approve=approve,
                listen=watch,
                stop=interrupts.event,
                confirm=secret_question(paper, watch),
            )
        except GuardRefused as refused:
            watch.pause()
            if paper.format != "json":
                show.plan(paper, refused.plan, words=naming(values))
            raise
    if not approve.asked:
        approve.show(made)
    show.report(paper, report, made)
    show.after_undo(paper, report, made)
    show.after_apply(paper, report, made)
    unread = unread_targets(made) and report.outcome in ("done", "nothing")
    return EXIT_PARTLY_APPLIED if unread else CODES.get(report.outcome, EXIT_FAILED)


def _saved(paper: Screen, file: Path) -> Plan:
    from orgform import app
    from orgform.cli import show

    plan, warnings = app.load_plan(file)
    show.warnings(paper, warnings)
    return plan


def _check_usage(paper: Screen, plan_file: Path | None, yes: bool, values: dict[str, Any]) -> None:
    if plan_file:
        wrong = [option for name, option in NOT_WITH_A_FILE.items() if values.get(name)]
        if wrong:
            raise UsageError(f"{wrong[0]} cannot stand beside a plan file", hint="a saved plan is applied as it is; make a new one instead")
    elif not yes and not paper.interactive:
        raise UsageError(
            "apply needs --yes or a plan file where nobody can be asked",
            hint="`orgform plan -o plan.json` and `orgform apply plan.json`, or `orgform apply --yes`",
        )


class Approval:
    """Shows the plan, asks where that is due, and tells the interrupts that writing begins."""

    def __init__(self, paper: Screen, watch: Watch, interrupts: Interrupts, *, asks: bool, shows: bool, words: str = "") -> None:
        self.paper, self.watch, self.interrupts = paper, watch, interrupts
        self.asks, self.shows, self.words, self.asked = asks, shows, words, False

    def __call__(self, made: Plan) -> bool:
        self.asked = True
        self.show(made)
        if self.asks and not self.paper.ask("Type yes to apply: "):
            return False
        self.interrupts.writing()
        return True

    def show(self, made: Plan) -> None:
        """The plan, unless it was saved and so seen before, or a machine reads."""
        from orgform.cli import show

        self.watch.pause()
        if self.shows and self.paper.format == "text" and (self.asks or not self.paper.quiet):
            show.plan(self.paper, made, full=self.asks, words=self.words)
            self.paper.result("\n")
