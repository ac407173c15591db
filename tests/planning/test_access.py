"""Effective access with its path, of a config and of a live system."""

from __future__ import annotations

from typing import Any

from orgform.model import Address, Attributes, Live, Move
from orgform.planning.access import UNREAD, AccessChange, Roles, effective_access, unread_roles
from orgform.providers.base import KindCapability
from tests.planning.worlds import KINDS, change, plan, steps

COMPANY: dict[Address, Attributes] = {
    Address(a): own
    for a, own in {
        "domain/acme.com": {"auto_join": {"workspace": "top", "role": "viewer"}},
        "role/super": {"scope": "company", "extends": "admin"},
        "role/alone": {"scope": "workspace", "permissions": ["a"]},
        "member/ann@acme.com": {"role": "super"},
        "member/ben@other.io": {},
        "group/g": {"members": ["ben@other.io"]},
        "group/empty": {},
        "workspace/top": {},
        "workspace/mid": {"parent": "top"},
        "workspace/low": {"parent": "mid"},
        "membership/top/group:g": {"role": "alone"},
        "membership/low/ben@other.io": {},
        "membership/low/group:empty": {"role": "admin"},
        "tag/low/t": {},
    }.items()
}


def lines(items: object) -> list[str]:
    return [f"{i.member} {i.workspace or '-'} {i.role} {i.path}" for i in items]  # type: ignore[attr-defined]


def test_every_path_of_a_config() -> None:
    assert lines(effective_access(COMPANY, None, KINDS)) == [
        "ann@acme.com - super direct",
        "ann@acme.com low super company admin",
        "ann@acme.com low viewer parent:top > domain:acme.com (once verified)",
        "ann@acme.com mid super company admin",
        "ann@acme.com mid viewer parent:top > domain:acme.com (once verified)",
        "ann@acme.com top super company admin",
        "ann@acme.com top viewer domain:acme.com (once verified)",
        "ben@other.io - standard direct",
        "ben@other.io low alone parent:top > group:g",
        "ben@other.io low member direct",
        "ben@other.io mid alone parent:top > group:g",
        "ben@other.io top alone group:g",
    ]


def test_auto_join_of_a_live_system_needs_a_verified_domain() -> None:
    def joined(status: str) -> list[str]:
        found = lines(effective_access(COMPANY, {Address("domain/acme.com"): {"status": status}}, KINDS))
        return [line for line in found if "domain:" in line]

    assert joined("pending") == []
    assert "ann@acme.com top viewer domain:acme.com" in joined("verified")


def test_a_renamed_domain_has_to_be_proved_again() -> None:
    """The plan says so: access by the old name is lost, and by the new one nobody gains any yet."""
    join = {"auto_join": {"workspace": "top", "role": "viewer"}}
    there = {"workspace/top": {}, "member/ann@acme.com": {}, "member/bob@acme.org": {}}
    live = {**there, "domain/acme.com": Live(join, {"status": "verified"})}
    made = plan(
        {**there, "domain/acme.org": join}, live, live_base(live), moved=(Move(Address("domain/acme.com"), Address("domain/acme.org")),)
    )
    assert steps(made) == ["update domain/acme.org"]
    assert lines(made.access.lost) == ["ann@acme.com top viewer domain:acme.com"]
    assert lines(made.access.gained) == []


def live_base(live: dict[str, Any]) -> dict[str, Attributes]:
    return {a: r.attributes if isinstance(r, Live) else r for a, r in live.items()}


def test_a_circle_of_parents_ends_where_it_closes() -> None:
    circle = {
        Address("workspace/a"): {"parent": "b"},
        Address("workspace/b"): {"parent": "a"},
        Address("membership/a/ann@acme.com"): {"role": "member"},
    }
    assert lines(effective_access(circle, None, KINDS)) == ["ann@acme.com a member direct", "ann@acme.com b member parent:a"]


def test_what_roles_are_worth() -> None:
    roles = Roles(KINDS, {**COMPANY, Address("role/ring"): {"extends": "ring"}, Address("role/lost"): {"extends": "nobody-knows"}})
    order = ["alone", "standard", "viewer", "member", "manager", "admin", "super", "owner"]
    assert sorted(order, key=lambda r: roles.rank(r) or 0) == order
    assert roles.is_admin("super") and not roles.is_admin("alone") and not roles.is_admin("nobody-knows")
    assert roles.may_be_admin("nobody-knows") and roles.may_be_admin("ring") and roles.rank("lost") is None
    assert not roles.may_be_admin("alone")


def test_a_delta_is_exact_though_only_the_touched_are_looked_at() -> None:
    changes = [
        change("update", "group/g", {"members": ["ben@other.io"]}, {"members": ["ann@acme.com"]}),
        change("delete", "membership/low/ben@other.io", {}),
        change("create", "membership/mid/group:g", after={"role": "member"}),
        change("update", "member/ben@other.io", {"role": None}, {"role": "manager"}),
    ]
    found = AccessChange(COMPANY, {}, changes, KINDS)
    before = set(effective_access(found.states[0], {}, KINDS))
    after = set(effective_access(found.states[1], {}, KINDS))
    assert set(found.delta.gained) == after - before
    assert set(found.delta.lost) == before - after
    assert "ann@acme.com low member parent:mid > group:g" in lines(found.delta.gained)


def test_what_belongs_to_the_deleted_goes_with_it() -> None:
    found = AccessChange(COMPANY, {}, [change("delete", "group/g", {"members": ["ben@other.io"]})], KINDS)
    assert lines(found.delta.lost) == [
        "ben@other.io low alone parent:top > group:g",
        "ben@other.io mid alone parent:top > group:g",
        "ben@other.io top alone group:g",
    ]


def test_lowered() -> None:
    found = AccessChange(COMPANY, {}, [], KINDS)
    assert found.lowered("admin", None) and found.lowered("admin", "member") and found.lowered("admin", "unknown")
    assert not found.lowered("admin", "admin") and not found.lowered("member", "admin")
    assert found.strongest("ben@other.io")[0] == {"": "standard", "top": "alone", "mid": "alone", "low": "member"}


def test_a_role_that_nothing_shows_is_nobodys() -> None:
    """Neither the default of its kind nor an admin's; and what is not known is neither lost nor gained."""
    live: dict[Address, Attributes] = {
        Address("member/ann@acme.com"): {"role": "standard"},
        Address("member/ben@acme.com"): {"role": "standard"},
        Address("workspace/top"): {},
        Address("membership/top/ann@acme.com"): {},
        Address("membership/top/ben@acme.com"): {"role": "viewer"},
    }
    changes = [
        change("update", "membership/top/ann@acme.com", {"role": None}, {"role": "admin"}),
        change("delete", "membership/top/ben@acme.com", {}),
        change("create", "membership/top/cat@acme.com", after={}),
    ]
    found = AccessChange(live, {}, changes, KINDS, {"membership": True})
    assert lines(found.delta.unclear) == ["ann@acme.com top admin direct"]
    assert lines(found.delta.gained) == ["cat@acme.com top  direct"]
    assert lines(found.delta.lost) == ["ben@acme.com top viewer direct"]
    assert found.touched_admins[0] == {} and found.lowered(UNREAD, "admin")
    # What people make by hand has the role that the step names.
    by_hand = AccessChange(live, {}, changes, KINDS, {"membership": False})
    assert lines(by_hand.delta.gained) == ["cat@acme.com top member direct"]


def test_whose_role_is_asked_for() -> None:
    attested = KindCapability(fields={"role": "attested"})
    assert unread_roles({"membership": attested, "member": KindCapability(), "group": None}, KINDS) == {"membership": True}
    assert unread_roles({"membership": KindCapability(read="manual", fields={"role": "attested"})}, KINDS) == {}
    assert unread_roles({"membership": KindCapability(read="file", create="manual", fields={"role": "attested"})}, KINDS) == {
        "membership": False
    }
