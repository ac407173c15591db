"""What waits for people: whoever keeps a place open by a step only does so once the step is done."""

from __future__ import annotations

from typing import Any

import pytest

from orgform.codec import replace, to_builtins
from orgform.errors import ConfigInvalid
from orgform.kinds import Kind
from orgform.model import Address, FieldChange, Move, Plan, PlanTarget
from orgform.planning.hands import possible
from orgform.providers.base import Capabilities, Guide, KindCapability
from orgform.render.steps import waiting
from tests.planning.worlds import KINDS, change, plan, steps, target

States = dict[str, dict[str, Any]]
ANN, BEN = "member/ann@acme.com", "member/ben@acme.com"
PEOPLE = {ANN: {"role": "standard"}, BEN: {"role": "standard"}}
ROLES_BY_HAND = KindCapability(fields={"role": "attested"}, guides={"*": Guide("Settings > Roles")})
BLIND = Capabilities(kinds={"workspace": KindCapability(), "member": KindCapability(), "membership": ROLES_BY_HAND})


def handed_over() -> Plan:
    """Ann administers the workspace and leaves it; Ben is new in it, to administer it."""
    there = {**PEOPLE, "workspace/x": {}}
    old = {**there, "membership/x/ann@acme.com": {"role": "admin"}}
    new = {**there, "membership/x/ben@acme.com": {"role": "admin"}}
    return plan(new, old, old, state=target(capabilities=BLIND))


def test_who_leaves_waits_for_the_role_that_people_give() -> None:
    """The API lets Ben in without a role: until somebody gave it, Ann is the only admin there is."""
    made = handed_over()
    assert not made.refused
    assert steps(made) == ["create membership/x/ben@acme.com"]
    assert [str(s.address) for s in made.manual_steps] == ["membership/x/ben@acme.com"]
    assert [(str(w.change.address), list(map(str, w.waits_for))) for w in made.waiting] == [
        ("membership/x/ann@acme.com", ["membership/x/ben@acme.com"])
    ]


def test_a_name_that_the_api_changes_gives_no_role() -> None:
    can = KindCapability(fields={"role": "manual"}, guides={"*": Guide("Settings > Roles")})
    kinds = {"workspace": KindCapability(), "member": can}
    old = {ANN: {"name": "Ann", "role": "owner"}, BEN: {"name": "Ben", "role": "standard"}}
    new = {BEN: {"name": "Benjamin", "role": "owner"}}
    made = plan(new, old, old, state=target(capabilities=Capabilities(kinds=kinds)), allow=("company-admins:*", "deletes:*"))
    assert not made.refused
    assert steps(made) == [f"update {BEN}"]
    assert [str(w.change.address) for w in made.waiting] == [ANN]


def test_what_people_rename_is_changed_by_the_api_afterwards() -> None:
    """The API would be sent after a name that is not there yet, and the ledger would take the rename for done."""
    can = KindCapability(update="manual", fields={"settings": "api"})
    states = {
        name: {"name": "Shop", "settings": {"timezone": zone}}
        for name, zone in (("workspace/old", "UTC"), ("workspace/new", "Europe/Berlin"))
    }
    old, new = ({name: states[name]} for name in ("workspace/old", "workspace/new"))
    move = Move(Address("workspace/old"), Address("workspace/new"))
    made = plan(new, old, old, state=target(capabilities=Capabilities(kinds={"workspace": can})), moved=(move,))
    assert (made.changes, made.ledger.moved) == ((), ())
    [held] = made.waiting
    assert (held.change.moved_from, held.waits_for, held.change.after) == (
        None,
        ("workspace/new",),
        {"settings": {"timezone": "Europe/Berlin"}},
    )
    assert [(s.action, s.because) for s in made.manual_steps] == [("update", ("renamed from workspace/old",))]
    assert waiting(to_builtins(made))[0].lines == ["update workspace/new: after its own step"]


def left_out(new: States, old: States, *, by_hand: str = "", away: str = "member") -> Plan:
    """A target that takes the one kind could not be read; people do the other kind."""
    kinds = {k: KindCapability(**dict.fromkeys(("create", "update", "delete"), "manual" if k == by_hand else "api")) for k in KINDS}  # type: ignore[arg-type]
    state = replace(target(capabilities=Capabilities(kinds=kinds)), kinds=frozenset(KINDS) - {away})
    seen = {a: own for a, own in old.items() if not a.startswith(f"{away}/")}
    failed = {"people": PlanTarget("scim", False, problem="it is away")}
    return plan(new, seen, seen, state=state, failed=failed, left_out={away: "people"}, allow=("incomplete-read:*", "deletes:*"))


def held_back(made: Plan) -> dict[str, tuple[list[str], list[str]]]:
    return {str(w.change.address): (list(map(str, w.waits_for)), list(w.left_out)) for w in made.waiting}


def test_what_waits_for_what_is_left_out_is_left_out_too() -> None:
    """The group's new members are in a system that is away: what is only as new as the group, and what it is to let go, waits for it."""
    there: States = {"workspace/x": {}, ANN: {}}
    made = left_out({**there, BEN: {}, "group/g": {"members": ["ben@acme.com"]}, "membership/x/group:g": {}}, there)
    assert steps(made) == []
    assert held_back(made) == {"group/g": ([BEN], ["people"]), "membership/x/group:g": (["group/g"], ["people"])}
    assert made.summary["waiting"] == 2


def test_what_something_refers_to_already_is_there() -> None:
    there: States = {"workspace/x": {}, ANN: {}, "group/g": {"members": ["ann@acme.com"]}, "membership/x/ann@acme.com": {"role": "member"}}
    new: States = {**there, "group/g": {"members": ["ann@acme.com"], "name": "G"}, "membership/x/ann@acme.com": {"role": "viewer"}}
    assert sorted(steps(left_out(new, there))) == ["update group/g", "update membership/x/ann@acme.com"]
    assert steps(left_out({**there, "workspace/x": {"name": "X"}}, there, away="role")) == ["update workspace/x"]


def test_nobody_is_asked_to_do_by_hand_what_is_left_out() -> None:
    there: States = {"workspace/x": {}, ANN: {}, BEN: {}}
    made = left_out({**there, "membership/x/ben@acme.com": {"role": "member"}, "tag/x/t": {}}, there, by_hand="membership")
    assert (made.manual_steps, steps(made)) == ((), ["create tag/x/t"])
    assert held_back(made) == {"membership/x/ben@acme.com": ([BEN], ["people"])}


def test_what_waits_for_people_too_says_both() -> None:
    there: States = {ANN: {}, BEN: {}}
    made = left_out(
        {**there, "workspace/x": {}, "membership/x/ben@acme.com": {"role": "member"}, "tag/x/t": {}}, there, by_hand="workspace"
    )
    assert [str(s.address) for s in made.manual_steps] == ["workspace/x"]
    assert held_back(made) == {
        "membership/x/ben@acme.com": ([BEN, "workspace/x"], ["people"]),
        "tag/x/t": (["workspace/x"], []),
    }


def test_what_is_built_in_is_in_no_target() -> None:
    there: States = {"workspace/x": {}, ANN: {}}
    assert steps(left_out({**there, "membership/x/ann@acme.com": {"role": "viewer"}}, there, away="role")) == [
        "create membership/x/ann@acme.com"
    ]


def test_a_secret_that_nobody_can_change_is_not_told() -> None:
    schema = {"x-kind": "hook", "x-collection": "hooks", "title": "Hook", "properties": {"key": {"type": "string", "x-sensitive": True}}}
    shown = target(capabilities=Capabilities(kinds={"hook": KindCapability(fields={"key": "read"})}))
    asked = change("update", "hook/a", {"key": "env:OLD"}, {"key": "env:NEW"}, fields=(FieldChange("key", "config"),))
    left, [told] = possible(asked, shown, Kind(schema))
    assert left is None
    assert "shows `key` of the hook" in told.summary and "env:" not in told.summary


def test_who_gives_another_key_is_declared() -> None:
    """By hand: the API's part waits, and does no rename. Nobody: the `moved` is refused, since what is below it would follow."""
    old, new = {BEN: {"name": "Ben", "role": "standard"}}, {"member/benjamin@acme.com": {"name": "Benjamin", "role": "standard"}}
    move = Move(Address(BEN), Address("member/benjamin@acme.com"))
    by_hand = target(capabilities=Capabilities(kinds={"member": KindCapability(fields={"email": "manual"})}))
    made = plan(new, old, old, state=by_hand, moved=(move,))
    assert (made.changes, [s.address for s in made.manual_steps]) == ((), ["member/benjamin@acme.com"])
    assert [(w.change.moved_from, w.change.after) for w in made.waiting] == [(None, {"name": "Benjamin", "role": "standard"})]
    nobody = target(capabilities=Capabilities(kinds={"member": KindCapability(fields={"email": "read"})}))
    with pytest.raises(ConfigInvalid) as caught:
        plan(new, old, old, state=nobody, moved=(move,))
    assert [d.code for d in caught.value.diagnostics] == ["ORG503"]
    # Done on the platform in another way, it is no rename of ours.
    assert not plan(new, new, old, state=nobody, moved=(move,)).changes
