"""What is remembered of a target that could not be read stays as it was."""

from __future__ import annotations

from orgform.codec import replace
from orgform.model import Address, Base, Move, PlanTarget
from orgform.planning import TargetState, make_plan
from tests.planning.worlds import KINDS, inputs

OLD, NEW = Address("workspace/old"), Address("workspace/new")


def test_what_was_renamed_in_the_config_is_not_forgotten_where_nobody_could_look() -> None:
    """Its base has what protects it, and which of its parts may go."""
    given = inputs(
        {NEW: {}, "tag/new/vip": {}, "feature/beta": {"type": "boolean"}},
        {"feature/beta": {"type": "boolean"}},
        {OLD: Base({}, prevent_destroy=True), "tag/old/vip": {}, "feature/beta": {"type": "boolean"}},
        moved=(Move(OLD, NEW),),
        failed={"people": PlanTarget("fake", False, problem="it is down")},
    )
    made = make_plan(replace(given, targets={"acme": TargetState("fake", "fake:acme", frozenset({"feature"}))}), KINDS)
    assert (made.changes, made.ledger.forget, made.ledger.remember) == ((), (), {})
