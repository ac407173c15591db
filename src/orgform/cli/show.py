"""Documents in the form that was asked for: the one place that knows which renderer makes what."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orgform.cli.output import Screen, write
from orgform.codec import encode_pretty, to_builtins

if TYPE_CHECKING:
    from orgform.app import Validation
    from orgform.diagnostics import Diagnostic
    from orgform.drift import Drift
    from orgform.model import Plan, Report


_WAY_OUT = (
    "name the others by their addresses, or change these by hand; with --env NAME, what a `for_each` or an expression makes is overridden "
    "in environments/NAME.yaml"
)


def plan(screen: Screen, made: Plan, *, full: bool = False, words: str = "") -> None:
    """`full`: for somebody who is about to be asked, whatever `--quiet` says. `words`: the options that name this config in the commands
    that are shown."""
    if screen.format == "json":
        return screen.result(made.to_json())
    doc = to_builtins(made)
    for step in doc["manual_steps"] if words else ():
        step["command"] = step["command"] and f"{step['command']} {words}"
    if screen.format == "text":
        from orgform.render import text

        quiet = screen.quiet and not full
        return screen.result(text.plan(doc, color=screen.color, width=screen.width, quiet=quiet))
    return screen.result(_renderer(screen.format).plan(doc, **_prefix(screen)))


def drift(screen: Screen, found: Drift, words: str) -> None:
    """`words`: the options that name this config in the commands that are shown."""
    if screen.format == "json":
        return screen.result(encode_pretty(found))
    doc = to_builtins(found)
    if screen.format == "markdown":
        from orgform.render import markdown

        return screen.result(markdown.drift(doc, options=words))
    from orgform.render import drift as page

    return screen.result(page.text(doc, color=screen.color, width=screen.width, quiet=screen.quiet, words=words))


def rewritten(screen: Screen, found: Drift) -> None:
    """The files that were written as a patch on stdout; why none was, on stderr."""
    from orgform.render import drift as page

    doc = to_builtins(found)
    if screen.format == "json":
        return screen.result(encode_pretty(found))
    if found.refused:
        write(sys.stderr, page.refusals(doc, color=screen.color_err, width=screen.width))
        return screen.error("nothing was written into the config", _WAY_OUT, 1)
    if screen.format == "markdown":
        from orgform.render import markdown

        return screen.result(markdown.rewritten(doc))
    return screen.result(page.diffs(doc, color=screen.color))


def report(screen: Screen, done: Report, made: Plan) -> None:
    doc = {"format": "orgform.report/1", **to_builtins(done), "counts": done.counts}
    if made.undoes:
        doc["undoes"] = to_builtins(made.undoes)
    if screen.format == "json":
        return screen.result(encode_pretty(doc))
    if screen.format == "text":
        from orgform.render import text

        doc["steps"] = len(made.manual_steps)
        return screen.result(text.report(doc, color=screen.color, width=screen.width, quiet=screen.quiet))
    return screen.result(_renderer(screen.format).report(doc, to_builtins(made)))


def after_undo(screen: Screen, done: Report, made: Plan) -> None:
    """The config still asks for what was taken back: that is said where it will be seen. Its own steps, too."""
    steps = len(made.manual_steps)
    if made.undoes and steps and done.outcome != "declined":
        screen.note(f"{steps:,} step{'' if steps == 1 else 's'} of the undo {'is' if steps == 1 else 'are'} to do by hand: see the plan.")
    if made.undoes and any(outcome.status == "done" for outcome in done.outcomes):
        screen.note("Revert the commit, too: the config still asks for what was undone, and the next apply does it again.")


def after_apply(screen: Screen, done: Report, made: Plan) -> None:
    """What an apply could not do: said last, where it will be seen."""
    if done.outcome == "declined":
        return
    steps, waiting = len(made.manual_steps), sum(not w.left_out for w in made.waiting)
    if steps and not made.undoes:
        held = (
            f", and {waiting:,} change{'' if waiting == 1 else 's'} of the API wait{'s' if waiting == 1 else ''} for that"
            if waiting
            else ""
        )
        screen.note(f"{steps:,} step{'' if steps == 1 else 's'} to do by hand{held}; `orgform plan --format markdown` makes a check-list.")
    for name, target in made.targets.items():
        if target.problem:
            screen.note(f"Nothing was done in the target {name}: {target.problem}")
            if left := sum(name in w.left_out for w in made.waiting):
                need = "change of other targets needs" if left == 1 else "changes of other targets need"
                screen.note(f"{left:,} {need} something of {name}: left out.")


def valid(screen: Screen, found: Validation) -> None:
    doc = {"format": "orgform.diagnostics/1", "valid": True, **to_builtins(found)}
    if screen.format == "json":
        return screen.result(encode_pretty(doc))
    if screen.format == "text":
        from orgform.render import text

        return screen.result(text.validation(doc, color=screen.color, width=screen.width, quiet=screen.quiet))
    return screen.result(_renderer(screen.format).diagnostics(doc["diagnostics"], **_prefix(screen)))


def invalid(screen: Screen, listed: Sequence[Diagnostic]) -> None:
    """For people on stderr, where it does not mix with a result; for machines the document on stdout."""
    found = to_builtins(tuple(listed))
    if screen.format == "json":
        return screen.result(encode_pretty({"format": "orgform.diagnostics/1", "diagnostics": found}))
    if screen.format not in ("text", "csv"):
        return screen.result(_renderer(screen.format).diagnostics(found, **_prefix(screen)))
    from orgform.render import frames

    text = frames.diagnostics(found, color=screen.color_err, width=screen.width)
    return write(sys.stderr, f"{text}\n{frames.invalid_summary(found)}\n")


def warnings(screen: Screen, listed: Sequence[Diagnostic]) -> None:
    """On stderr whatever the format is: they are no part of a result."""
    if listed:
        from orgform.render import frames

        write(sys.stderr, f"{frames.diagnostics(to_builtins(tuple(listed)), color=screen.color_err, width=screen.width)}\n")


def _renderer(format: str) -> Any:
    import importlib

    return importlib.import_module(f"orgform.render.{format}")


def _prefix(screen: Screen) -> dict[str, str]:
    """Annotations name files from the top of the repository, diagnostics from the config folder."""
    if screen.format != "github":
        return {}
    top = os.environ.get("GITHUB_WORKSPACE") or str(Path.cwd())
    path = os.path.relpath(screen.folder, top)
    return {"prefix": "" if path == "." else Path(path).as_posix() + "/"}
