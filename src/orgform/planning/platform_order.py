"""What a platform wants done first, beside what references tell: nobody works a shift who is not in its workspace yet.

Invariant: pure, and no kind is named here; which ones wait for which stands in the provider's declaration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orgform.codec import replace
from orgform.model import Address, Change, kind_of, parts_of
from orgform.planning.scope import TargetState


def with_first(changes: Iterable[Change], targets: Mapping[str, TargetState]) -> list[Change]:
    """The changes, and what each needs by its platform's declaration and by nothing else (`Change.needs` of before is dropped)."""
    known = list(changes)
    made: dict[tuple[str, str, str], list[Address]] = {}
    for change in known:
        if change.action == "create":
            made.setdefault((change.target, kind_of(change.address), parts_of(change.address)[0]), []).append(change.address)
    return [replace(c, needs=_first(c, made, targets)) for c in known]


def _first(change: Change, made: Mapping[tuple[str, str, str], list[Address]], targets: Mapping[str, TargetState]) -> tuple[Address, ...]:
    target = targets.get(change.target)
    can = target.capabilities.of(kind_of(change.address)) if target else None
    if can is None or not can.after or change.action == "delete":
        return ()
    return tuple(sorted(a for kind in can.after for a in made.get((change.target, kind, parts_of(change.address)[0]), ())))
