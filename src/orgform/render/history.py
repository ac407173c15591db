"""Runs as text: a table of all, or one of them with what was done, what was not and why, and how to go on.

Invariant: whatever is left out is counted, and what was not done is never left out without its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from orgform.render.tables import ALIKE_SHOWN, DONE, outcome, table, visible
from orgform.render.view import kind_of, moment
from orgform.render.words import Paint, clean, count, hang, listing, noun

Doc = Mapping[str, Any]
HEAD = ("RUN", "STARTED", "FINISHED", "OUTCOME", "CHANGES", "ACTOR")
#: what was not done, and what was, as they stand below each other
_BELOW = ("Not done", "Left to do by hand", "Not tried")
_DONE = ("Done", "So already: nothing was done")
NOT_TRIED = ("manual", "waiting")
#: of a run with more changes than this, those that are done are counted by kind
EACH = 200


def history(doc: Doc, *, color: bool, width: int, everything: bool = False) -> str:
    """Runs, newest first; a run whose `changes` are listed is shown change by change. `everything`: none is left out."""
    runs = doc.get("runs") or ()
    if not runs:
        return "Nothing was applied yet.\n"
    text = table(HEAD, [_row(r) for r in runs], color=color, width=width)
    page = _Page(Paint(color), width, everything)
    listed = [r for r in runs if isinstance(r.get("changes"), (list, tuple))]
    return text + "".join("\n" + "".join(line + "\n" for line in page.run(r)) for r in listed)


def _row(run: Doc) -> tuple[str, ...]:
    undoes = f" (undo of {clean(run['undoes'])})" if run.get("undoes") else ""
    return (
        clean(run.get("run", "")),
        moment(run.get("started") or ""),
        moment(run.get("finished") or "") or "-",
        clean(run.get("outcome") or "running"),
        _number(run.get("changes")),
        clean(run.get("actor", "")) + undoes,
    )


class _Page:
    def __init__(self, paint: Paint, width: int, everything: bool) -> None:
        self.paint, self.width, self.everything = paint, width, everything

    def run(self, run: Doc) -> Iterator[str]:
        changes: Sequence[Doc] = run["changes"]
        found: dict[str, list[Doc]] = {title: [] for title in (*_BELOW, *_DONE)}
        for change in changes:
            found[_title(change)].append(change)
        for title, listed in found.items():
            if listed:
                yield self.paint("bold", f"{title} ({len(listed):,})")
                yield from self._done(listed) if title in _DONE else self._rest(listed)
                yield ""
        for sentence in run.get("next") or ():
            yield from hang("", clean(sentence), self.width)

    def _rest(self, rest: Sequence[Doc]) -> Iterator[str]:
        """By reason, which is told once for all that have it."""
        for _, alike in groupby(sorted(rest, key=_reason), _reason):
            several = list(alike)
            shown = several if self.everything or len(several) <= ALIKE_SHOWN + 2 else several[:ALIKE_SHOWN]
            for change in shown[:-1]:
                yield from outcome({**change, "detail": ""}, self.paint, self.width)
            if len(shown) == len(several):
                yield from outcome(several[-1], self.paint, self.width)
                continue
            yield from outcome({**shown[-1], "detail": ""}, self.paint, self.width)
            yield self.paint("dim", f"  ... and {len(several) - len(shown):,} more, --all shows each")
            yield from hang(" " * 13, clean(several[-1].get("detail") or ""), self.width)

    def _done(self, done: Sequence[Doc]) -> Iterator[str]:
        shown = done if self.everything else visible(done) if len(done) <= EACH else []
        for change in shown:
            yield from outcome(change, self.paint, self.width)
        if not shown:
            yield from self._counted(done)
        if len(shown) < len(done):
            yield self.paint("dim", f"  ... {len(done) - len(shown):,}{' more' if shown else ''}, one by one with --all")

    def _counted(self, done: Sequence[Doc]) -> Iterator[str]:
        found: dict[str, Counter[str]] = {}
        for change in done:
            verb = "so already" if change.get("already") else DONE.get(str(change.get("action")), "done")
            found.setdefault(kind_of(change), Counter())[verb] += 1
        for kind, verbs in sorted(found.items()):
            yield f"  {count(verbs.total(), noun(kind))}: {listing(f'{number:,} {verb}' for verb, number in verbs.items())}"


def _title(change: Doc) -> str:
    if change.get("status") == "done":
        return _DONE[bool(change.get("already"))]
    return {"manual": _BELOW[1], "waiting": _BELOW[2]}.get(str(change.get("status")), _BELOW[0])


def _reason(change: Doc) -> tuple[str, str]:
    """Alike together: failures first, then what follows from them."""
    order = {"failed": "0", "stale": "1", "unknown": "2", "skipped": "3"}
    return order.get(str(change.get("status")), "4"), str(change.get("detail"))


def _number(changes: object) -> str:
    """How many were tried."""
    number = sum(c.get("status") not in NOT_TRIED for c in changes) if isinstance(changes, (list, tuple)) else changes
    return f"{number:,}" if isinstance(number, int) else "-"
