"""What a platform wants first comes first, of the same parent and the same target, and only what is new."""

from __future__ import annotations

from typing import Any

from orgform.model import Address, Change
from orgform.planning.platform_order import with_first
from orgform.planning.scope import TargetState
from orgform.providers.base import Capabilities, KindCapability

CAN = Capabilities(kinds={"shift": KindCapability(after=("membership",)), "membership": KindCapability()})


def change(action: Any, address: str, target: str = "front") -> Change:
    return Change(action, target, Address(address), "new", None, None, needs=(Address("tag/a/old"),))


def needs(*changes: Change) -> dict[str, tuple[Address, ...]]:
    targets = {name: TargetState("front", name, frozenset(), capabilities=CAN) for name in ("front", "second")}
    return {c.address: c.needs for c in with_first(changes, targets)}


def test_what_is_new_below_the_same_parent_comes_first() -> None:
    found = needs(
        change("create", "shift/a/early"),
        change("update", "shift/b/late"),
        change("delete", "shift/a/gone"),
        change("create", "membership/a/x@acme.com"),
        change("update", "membership/a/y@acme.com"),
        change("delete", "membership/a/z@acme.com"),
        change("create", "membership/b/x@acme.com"),
        change("create", "membership/a/other@acme.com", "second"),
        change("create", "tag/a/t"),
        change("create", "tag/a/unknown", "nowhere"),
    )
    assert found.pop("shift/a/early") == ("membership/a/x@acme.com",)
    assert found.pop("shift/b/late") == ("membership/b/x@acme.com",)
    assert set(found.values()) == {()}
