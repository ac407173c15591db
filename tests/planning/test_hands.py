"""What waits for people: whoever keeps a place open by a step only does so once the step is done."""

from __future__ import annotations

from orgform.kinds import Kind
from orgform.model import FieldChange, Plan
from orgform.planning.hands import possible
from orgform.providers.base import Capabilities, Guide, KindCapability
from tests.planning.worlds import change, plan, steps, target

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


def test_a_secret_that_nobody_can_change_is_not_told() -> None:
    schema = {"x-kind": "hook", "x-collection": "hooks", "title": "Hook", "properties": {"key": {"type": "string", "x-sensitive": True}}}
    shown = target(capabilities=Capabilities(kinds={"hook": KindCapability(fields={"key": "read"})}))
    asked = change("update", "hook/a", {"key": "env:OLD"}, {"key": "env:NEW"}, fields=(FieldChange("key", "config"),))
    left, [told] = possible(asked, shown, Kind(schema))
    assert left is None
    assert "shows `key` of the hook" in told.summary and "env:" not in told.summary
