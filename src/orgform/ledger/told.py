"""A run as it is told: what was done, what was not and why, what was left to people, and how to go on. Plain documents, no I/O.

Invariant: every change of a run is in its document, with one status and, where it was not done, a sentence that says why; what it did not
even try is never taken for done, failed or skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orgform.codec import Struct, to_builtins
from orgform.model import ALREADY, Address, Attributes, Change, Plan, Waiting

PLANNED = "planned"
#: of a step for people; of a change that waited for one, or was left out with a target: no apply tried these
MANUAL, WAITING = "manual", "waiting"
NOT_TRIED = (MANUAL, WAITING)
CUT_OFF = "the run was cut off before this was recorded; the next plan shows whether it was done"
APPLY = "orgform apply"
DONE = {"create": "created", "update": "updated", "delete": "deleted"}
STATUSES = ("failed", "skipped", "stale", "unknown", "planned")
_SHOWN = ("target", "address", "action", "label", "origin", "before", "after", "fields", "moved_from", "undo", "loses")


class RecordedChange(Struct, frozen=True):
    """One change of a run, as the ledger has it. `live`: all attributes that the resource had before, where there was one.

    `status` is an outcome's; or `planned`: the run was cut off before this one was recorded, it may or may not have been done; or one of
    `NOT_TRIED`.
    """

    change: Change
    status: str
    detail: str
    live: Attributes | None = None


def not_tried(plan: Plan) -> Iterator[RecordedChange]:
    """What of a plan an apply leaves to people, and what it does not do yet, each with the reason."""
    asked = {step.address: step.instructions for step in plan.manual_steps}
    for step in plan.manual_steps:
        yield RecordedChange(step.as_change(), MANUAL, f"{step.instructions}: {step.where}" if step.where else step.instructions)
    for waiting in plan.waiting:
        yield RecordedChange(waiting.change, WAITING, _reason(waiting, asked))


def _reason(waiting: Waiting, asked: Mapping[Address, str]) -> str:
    needs = "; ".join(f"{address}: {asked[address]}" if address in asked else address for address in waiting.waits_for)
    if not waiting.left_out:
        return f"waits for {needs}"
    target = "the target" if len(waiting.left_out) == 1 else "the targets"
    return f"left out with {target} {', '.join(waiting.left_out)}, which could not be read; needs {needs}"


def in_short(run: Mapping[str, Any]) -> dict[str, Any]:
    """`{run, started, finished, actor, outcome, changes}`, `changes` how many were tried; an undo has `undoes`, too."""
    hidden = {"token", "systems"} | (set() if run["undoes"] else {"undoes"})
    return {name: value for name, value in run.items() if name not in hidden}


def in_full(run: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], changes: Sequence[RecordedChange]) -> dict[str, Any]:
    """One of `runs` with `targets` (names), `undone_by` (runs, oldest first), `counts`, `next` (sentences: how to go on) and each change
    with its `status`, `detail`, `before` and `after`; `already`: it was so before, nothing was done about it."""
    told = [_change(c, run["outcome"]) for c in changes]
    undone_by = [r["run"] for r in reversed(runs) if r["undoes"] == run["run"]]
    counts = Counter("already" if c["already"] else DONE[c["action"]] if c["status"] == "done" else c["status"] for c in told)
    return {
        **in_short(run),
        "targets": sorted(run["systems"]),
        "undone_by": undone_by,
        "counts": {name: counts[name] for name in (*DONE.values(), "already", *STATUSES, *NOT_TRIED)},
        "next": _next(run, counts, undone_by),
        "changes": told,
    }


def _change(recorded: RecordedChange, outcome: str) -> dict[str, Any]:
    """`status` is `unknown` where the run was cut off, `planned` where it has not got so far."""
    change = to_builtins(recorded.change)
    cut_off = recorded.status == PLANNED and outcome != "running"
    told = {"status": "unknown", "detail": CUT_OFF} if cut_off else {"status": recorded.status, "detail": recorded.detail}
    already = told["status"] == "done" and told["detail"] in ALREADY
    return {**{name: change[name] for name in _SHOWN}, **told, "already": already}


def _next(run: Mapping[str, Any], counts: Mapping[str, int], undone_by: Sequence[str]) -> list[str]:
    if run["outcome"] == "running":
        return ["It is still running."]
    again = f"orgform undo {run['undoes']}" if run["undoes"] else APPLY
    found = []
    if counts[MANUAL]:
        found.append(f"`{'orgform plan' if again == APPLY else again}` shows which steps are still to be done by hand.")
    if any(counts[status] for status in (*STATUSES, WAITING)):
        found.append(f"`{again}` looks at the live system anew and does what is missing.")
    if undone_by:
        found.append(f"It was undone by {', '.join(undone_by)}; `orgform undo {undone_by[-1]}` does it again.")
    elif any(counts[verb] for verb in (*DONE.values(), "unknown")):
        found.append(f"`orgform undo {run['run']}` takes back what it did.")
    return found
