"""What people set up on a platform as no config could say it: told, and left alone."""

from __future__ import annotations

from typing import Any

import pytest

from orgform.diagnostics import Source
from orgform.model import Address, Attributes, Desired, Live, Policy
from tests.planning.worlds import plan, steps

ON_X, X, FLAG = "feature_value/x/beta", {"workspace/x": {}}, {"feature/beta": {"type": "boolean", "default": False}}
THEIRS = Live({}, unmanaged={"value": "on for some only: 25 %"})


def world(*, value: Any = None, live: Live | None = None) -> dict[str, Any]:
    own = {} if value is None and live is None else {ON_X: live or {"value": value}}
    return {**X, **FLAG, **own}


@pytest.mark.parametrize("base", [None, True, False])
@pytest.mark.parametrize("wanted", [True, False])
def test_whatever_the_config_says_it_is_left_alone(base: bool | None, wanted: bool) -> None:
    made = plan(world(value=wanted), world(live=THEIRS), world(value=base))
    assert steps(made) == []
    [told] = [d for d in made.diagnostics if d.code == "ORG511"]
    assert told.severity == "warning"
    assert told.summary == f"{ON_X}: `value` is on for some only: 25 %, which people set up there and a config cannot say; it is left alone"


def test_what_the_config_dropped_is_not_deleted_and_is_told() -> None:
    made = plan(world(), world(live=THEIRS), world(value=True), allow=("deletes:*",))
    assert steps(made) == []
    assert [d.address for d in made.diagnostics if d.code == "ORG511"] == [ON_X]


def test_what_nobody_declared_is_no_news() -> None:
    made = plan(world(), world(live=THEIRS), world())
    assert (steps(made), [d for d in made.diagnostics if d.code == "ORG511"]) == ([], [])


def test_the_line_of_the_config_is_named() -> None:
    wanted = {**world(), ON_X: Desired({"value": True}, source=Source("company.yaml", 3, 5))}
    [told] = [d for d in plan(wanted, world(live=THEIRS), world()).diagnostics if d.code == "ORG511"]
    assert (str(told.source), told.address) == ("company.yaml:3:5", Address(ON_X))


def test_other_attributes_of_the_same_resource_are_managed() -> None:
    live = Live({"name": "Old"}, unmanaged={"region": "two at once"})
    [change] = plan({"workspace/x": {"name": "New", "region": "eu"}}, {"workspace/x": live}, {"workspace/x": {"name": "Old"}}).changes
    assert (change.before, change.after) == ({"name": "Old"}, {"name": "New"})


JOSE = "member/jos\u00e9@acme.com"
OTHERWISE = {
    JOSE: "member/jose\u0301@acme.com",
    "member/ann@acme.com": "member/Ann@Acme.com",
    "membership/x/ann@acme.com": "membership/x/ANN@acme.com",
}


@pytest.mark.parametrize("address", OTHERWISE)
@pytest.mark.parametrize("known", [True, False])
def test_a_key_in_another_spelling_is_nobody_else(address: str, known: bool) -> None:
    """Else a person would be created who is there, and deleted as somebody whom the config does not have."""
    wanted: dict[str, Attributes] = {"workspace/x": {"name": "X"}, "member/ann@acme.com": {}, JOSE: {}, "membership/x/ann@acme.com": {}}
    live = {OTHERWISE[address] if a == address else a: own for a, own in wanted.items()}
    made = plan(wanted, live, wanted if known else {}, policy=Policy(authoritative=(address.partition("/")[0],)))
    (verdict,) = made.refused
    assert verdict.guard == "incomplete-read"
    told = f"the live system has {OTHERWISE[address]}, which is {address} in another spelling"
    assert verdict.items == (f"{address.partition('/')[0]}: {told}",)


def test_another_spelling_of_nothing_that_is_known_is_just_unmanaged() -> None:
    made = plan({}, {"member/Ann@Acme.com": {}, "workspace/North": {}}, {})
    assert ([u.address for u in made.unmanaged], made.refused) == (["member/Ann@Acme.com", "workspace/North"], ())
