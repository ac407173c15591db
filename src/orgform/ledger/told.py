"""A run as it is told: what was done, what was not and why, and how to go on. Plain documents, no I/O.

Invariant: every change of a run is in its document, with one status and, where it was not done, a sentence that says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from orgform.codec import Struct, to_builtins
from orgform.model import Attributes, Change

PLANNED = "planned"
CUT_OFF = "the run was cut off before this was recorded; the next plan shows whether it was done"
DONE = {"create": "created", "update": "updated", "delete": "deleted"}
STATUSES = ("failed", "skipped", "stale", "unknown", "planned")
_SHOWN = ("target", "address", "action", "label", "origin", "before", "after", "fields", "moved_from", "undo", "loses")


class RecordedChange(Struct, frozen=True):
    """One change of a run, as the ledger has it. `live`: all attributes that the resource had before, where there was one.

    `status` is an outcome's, or `planned`: the run was cut off before this one was recorded, it may or may not have been done.
    """

    change: Change
    status: str
    detail: str
    live: Attributes | None = None


def in_short(run: Mapping[str, Any]) -> dict[str, Any]:
    """`{run, started, finished, actor, outcome, changes}`, `changes` a number; an undo has `undoes`, too."""
    hidden = {"token", "systems"} | (set() if run["undoes"] else {"undoes"})
    return {name: value for name, value in run.items() if name not in hidden}


def in_full(run: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], changes: Sequence[RecordedChange]) -> dict[str, Any]:
    """One of `runs` with `targets` (names), `undone_by` (runs, oldest first), `counts`, `next` (sentences: how to go on) and each change
    with its `status`, `detail`, `before` and `after`."""
    told = [_change(c, run["outcome"]) for c in changes]
    undone_by = [r["run"] for r in reversed(runs) if r["undoes"] == run["run"]]
    counts = Counter(DONE[c["action"]] if c["status"] == "done" else c["status"] for c in told)
    return {
        **in_short(run),
        "targets": sorted(run["systems"]),
        "undone_by": undone_by,
        "counts": {name: counts[name] for name in (*DONE.values(), *STATUSES)},
        "next": _next(run, counts, undone_by),
        "changes": told,
    }


def _change(recorded: RecordedChange, outcome: str) -> dict[str, Any]:
    """`status` is `unknown` where the run was cut off, `planned` where it has not got so far."""
    change = to_builtins(recorded.change)
    cut_off = recorded.status == PLANNED and outcome != "running"
    told = {"status": "unknown", "detail": CUT_OFF} if cut_off else {"status": recorded.status, "detail": recorded.detail}
    return {**{name: change[name] for name in _SHOWN}, **told}


def _next(run: Mapping[str, Any], counts: Mapping[str, int], undone_by: Sequence[str]) -> list[str]:
    if run["outcome"] == "running":
        return ["It is still running."]
    again = f"orgform undo {run['undoes']}" if run["undoes"] else "orgform apply"
    found = []
    if any(counts[status] for status in STATUSES):
        found.append(f"`{again}` looks at the live system anew and does what is missing.")
    if undone_by:
        found.append(f"It was undone by {', '.join(undone_by)}; `orgform undo {undone_by[-1]}` does it again.")
    elif any(counts[verb] for verb in (*DONE.values(), "unknown")):
        found.append(f"`orgform undo {run['run']}` takes back what it did.")
    return found
