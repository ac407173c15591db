"""Documents as GitHub workflow commands: annotations at file and line, and a summary in the log.

Invariant: one line a command, escaped as the runner wants it, so that no name in a plan can become a command of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orgform.render import tables
from orgform.render.frames import joined
from orgform.render.undone import label_of, left_alone, left_by, left_field, losses
from orgform.render.view import apart, attribution, guards, rows, summary, who_changed
from orgform.render.words import clean, count

Doc = Mapping[str, Any]
LEVELS = {"error": "error", "warning": "warning", "info": "notice"}
MOST = 9  # GitHub shows ten annotations of a level for each step


def plan(doc: Doc, *, prefix: str = "") -> str:
    """Refusals as errors, deletes and drift as warnings, then the summary. `prefix`: the config folder, as seen from the repository."""
    problems = rows(doc, "diagnostics")
    errors = [*(_refusal(g) for g in guards(doc, "refused")), *_of(problems, "error", prefix)]
    warnings = [*_left(doc), *_deletes(doc, prefix), *_drift(doc, prefix), *_of(problems, "warning", prefix)]
    notices = [command("notice", "orgform plan", summary(doc)), *_steps(doc), *_of(problems, "info", prefix)]
    return _page([*_few(errors, "error"), *_few(warnings, "warning"), *_few(notices, "notice"), summary(doc)])


def diagnostics(listed: Sequence[Doc], *, prefix: str = "") -> str:
    """Every diagnostic at its place; one of those that are the same mistake at the same place."""
    errors = sum(d.get("severity") == "error" for d in listed)
    tail = f"The config has {count(errors, 'error')}." if errors else "The config is valid."
    return _page([*(_diagnostic(d, prefix) for d in joined(listed)), tail])


def report(doc: Doc, plan: Doc | None = None) -> str:
    """What was not done, as errors and warnings, then the last line."""
    wrong = [o for o in rows(doc, "outcomes") if o.get("status") != "done"]
    failed = [_outcome(o, "error") for o in wrong if o.get("status") == "failed"]
    other = [_outcome(o, "warning") for o in wrong if o.get("status") != "failed"]
    done = tables.applied(rows(doc, "outcomes"))
    told = f"{already} {done}" if (already := tables.already(doc)) else done
    return _page([*_few(failed, "error"), *_few(other, "warning"), command("notice", "orgform apply", told), done])


def error(message: str, hint: str) -> str:
    """What stopped a command."""
    return command("error", "orgform", f"{clean(message)}\n{clean(hint)}" if hint else clean(message)) + "\n"


def command(level: str, title: str, message: str, place: Mapping[str, Any] | None = None) -> str:
    """One workflow command. `place`: `file`, `line`, `col`; `message` may have several lines."""
    properties = {**(place or {}), "title": clean(title)}
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    return f"::{level} {listed}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _refusal(guard: Doc) -> str:
    lines = [clean(guard.get("summary", "")), *(f"- {clean(i)}" for i in (guard.get("items") or ())[:20])]
    lines.extend([f"to let it pass: {clean(guard['override'])}"] if guard.get("override") else [])
    return command("error", f"refused: {clean(guard.get('guard', ''))}", "\n".join(lines))


def _deletes(doc: Doc, prefix: str) -> Iterator[str]:
    for change in rows(doc, "changes"):
        if change.get("action") == "delete":
            undone = "; ".join(("", *filter(None, (label_of(change),)), *losses(change)))
            yield command("warning", "delete", f"{_named(change)} would be deleted{undone}", _place_of(change, prefix))


def _left(doc: Doc) -> Iterator[str]:
    for item in left_alone(doc):
        fields = "; ".join(f"{path} {went}" for path, went in map(left_field, rows(item, "fields")))
        way_out = f"to take it back all the same: {clean(item['override'])}" if item.get("override") else ""
        told = "\n".join(filter(None, (f"{_named(item)}: {clean(item.get('why', ''))}", left_by(item), fields, way_out)))
        yield command("warning", "left alone", told)


def _drift(doc: Doc, prefix: str) -> Iterator[str]:
    for change in rows(doc, "changes"):
        if change.get("origin") in ("drift", "conflict") and change.get("action") != "delete":
            fields = ", ".join(_changed_field(f, apart(change)) for f in change.get("fields") or ())
            told = "; ".join(
                filter(None, (f"{_named(change)} was changed outside of orgform{f': {fields}' if fields else ''}", attribution(change)))
            )
            yield command("warning", str(change["origin"]), told, _place_of(change, prefix))


def _changed_field(field: Doc, apart: bool) -> str:
    who = f" ({who_changed(field['attribution'])})" if apart and field.get("attribution") else ""
    return clean(field.get("path", "")) + who


def _steps(doc: Doc) -> Iterator[str]:
    for step in rows(doc, "manual_steps"):
        yield command("notice", "to do by hand", f"{clean(step.get('address', ''))}: {clean(step.get('instructions', ''))}")


def _of(problems: Sequence[Doc], severity: str, prefix: str) -> list[str]:
    return [_diagnostic(d, prefix) for d in problems if d.get("severity") == severity]


def _diagnostic(d: Doc, prefix: str) -> str:
    source = d.get("source") or {}
    place: dict[str, Any] = {}
    if source.get("file"):
        place = {"file": prefix + clean(source["file"]), "line": source.get("line") or 1, "col": source.get("column") or 0}
    message = "\n".join(filter(None, (clean(d.get("summary", "")), clean(d.get("detail") or ""))))
    return command(LEVELS.get(str(d.get("severity")), "error"), clean(d.get("code") or "orgform"), message, place)


def _outcome(outcome: Doc, level: str) -> str:
    detail = f": {clean(outcome['detail'])}" if outcome.get("detail") else ""
    return command(level, f"{clean(outcome.get('action', ''))} {clean(outcome.get('status', ''))}", f"{_named(outcome)}{detail}")


def _named(item: Doc) -> str:
    label = f"{clean(item['label'])} " if item.get("label") else ""
    return f"{label}{clean(item.get('address', ''))}"


def _place_of(change: Doc, prefix: str) -> dict[str, Any]:
    """`workspaces/us.yaml:12:3` -> file, line and column."""
    parts = clean(change.get("source") or "").rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdecimal() and parts[2].isdecimal():
        return {"file": prefix + parts[0], "line": parts[1], "col": parts[2]}
    return {"file": prefix + ":".join(parts), "line": 1} if parts[0] else {}


def _few(commands: Sequence[str], level: str) -> list[str]:
    if len(commands) <= MOST + 1:
        return list(commands)
    more = command(level, "orgform", f"and {len(commands) - MOST:,} more; the plan as text or JSON shows all")
    return [*commands[:MOST], more]


def _page(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)
