"""Who changed it by hand: a platform's audit log read against what drifted.

Invariant: nobody is named for a value that the log does not show them changing; where a log tells no values, its last word counts for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orgform.codec import replace
from orgform.kinds import Kind
from orgform.model import Attributes, Attribution, Change, FieldChange
from orgform.planning.diff import Difference, Path, Triple, differing, same
from orgform.providers.base import Event

_BY_HAND = ("drift", "conflict")


def by_hand(change: Change, known: bool) -> bool:
    """Whether somebody's hand has a part in what a change undoes; `known`: the resource was applied before."""
    if change.action == "delete":
        return not known
    return change.origin in _BY_HAND or any(field.origin in _BY_HAND for field in change.fields)


def attributed(fields: tuple[FieldChange, ...], triple: Triple, kind: Kind, events: Sequence[Event]) -> tuple[FieldChange, ...]:
    """The fields that were changed by hand, each with who did it."""
    if not (events and fields):
        return fields
    paths = [path for leaf in differing(triple, kind)[1] for path in leaf.paths()]
    return tuple(
        replace(field, attribution=changed_by(events, path)) if field.origin in _BY_HAND else field
        for field, path in zip(fields, paths, strict=True)
    )


def attribution_of(found: Difference, fields: Sequence[FieldChange], events: Sequence[Event]) -> Attribution | None:
    """Who is to be asked about the whole: who deleted or created it, or changed one of its fields last."""
    if found.action == "create":
        return deleted_by(events)
    if found.action == "delete":
        return created_by(events)
    told = [field.attribution for field in fields if field.attribution]
    return max(told, key=lambda who: who.time, default=None)


def changed_by(events: Sequence[Event], path: Path) -> Attribution | None:
    """Who gave the value at `path` its present value."""
    return _who(next((e for e in events if _tells_nothing(e) or not same(value_at(e.before, path), value_at(e.after, path))), None))


def deleted_by(events: Sequence[Event]) -> Attribution | None:
    return _who(next((e for e in events if e.after is None), None))


def created_by(events: Sequence[Event]) -> Attribution | None:
    return _who(next((e for e in events if e.before is None), None))


def value_at(attributes: Attributes | None, path: Path) -> Any:
    """The value at `path`, `None` where nothing is."""
    value: Any = attributes
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _tells_nothing(event: Event) -> bool:
    return event.before is None and event.after is None


def _who(event: Event | None) -> Attribution | None:
    return Attribution(event.actor, event.time, event.client) if event else None
