"""What a plan says of undoing: how far each change can be taken back, and in the plan of an undo what it takes back and what it leaves.

Invariant: of a plan that is no undo there is nothing here but the labels of its changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orgform.render.values import show
from orgform.render.view import moment, rows
from orgform.render.words import clean, count

Doc = Mapping[str, Any]
LABELS = {"lossy": "undone only in part", "irreversible": "cannot be undone"}
LEFT_NOTE = "an undo overwrites nothing that was changed since"


def label_of(change: Doc) -> str:
    """How far an undo takes it back, where that is not all of it."""
    return LABELS.get(str(change.get("undo")), "")


def losses(change: Doc) -> list[str]:
    """What is not brought back, as sentences, where `because` does not say it already."""
    said = " ".join(map(str, change.get("because") or ()))
    return [f"not brought back: {clean(lost)}" for lost in change.get("loses") or () if str(lost) not in said]


def left_alone(doc: Doc) -> Sequence[Doc]:
    """What an undo does not take back; empty in every other plan."""
    return rows(doc.get("undoes") or {}, "left")


def left_field(field: Doc) -> tuple[str, str]:
    """A field that is left alone: its path, and how it went (`"A", the run made it "B", now "C"`)."""
    was, made, now = (show(field.get(name)) for name in ("before", "after", "live"))
    return clean(field.get("path", "")), f"was {was}, the run made it {made}, now {now}"


def left_by(item: Doc) -> str:
    """Who changed it since, as far as that is known."""
    who = item.get("attribution")
    if not who:
        return f"by the run {clean(item['run'])}" if item.get("run") else ""
    how = f"by the run {clean(item['run'])} of" if item.get("run") else "by"
    client = f" in {clean(who['client'])}" if who.get("client") and not item.get("run") else ""
    return f"{how} {clean(who.get('actor', ''))}{client}, {moment(who.get('time', ''))}"


def undo_words(doc: Doc) -> str:
    """`run 20261120-140211-ab12cd of dana@acme.com, 2026-11-20 14:02Z, partly`; empty where the plan is no undo."""
    undoes = doc.get("undoes")
    if not undoes:
        return ""
    run, actor, outcome = (clean(undoes.get(name, "")) for name in ("run", "actor", "outcome"))
    return f"run {run} of {actor}, {moment(undoes.get('started', ''))}, {outcome}"


def undo_remarks(doc: Doc) -> list[str]:
    """What of the run is no part of this plan, as sentences."""
    undoes = doc.get("undoes") or {}
    undone, not_done, by_hand = (int(undoes.get(name) or 0) for name in ("undone", "not_done", "by_hand"))
    return [
        *([f"{count(undone, 'change')} of it {'is' if undone == 1 else 'are'} as before already"] if undone else []),
        *([f"{count(not_done, 'change')} of it {'was' if not_done == 1 else 'were'} never done"] if not_done else []),
        *(
            [f"{count(by_hand, 'step')} of it {'was' if by_hand == 1 else 'were'} left to people: what they did is not taken back"]
            * bool(by_hand)
        ),
    ]
