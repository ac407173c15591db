"""Who waits for whom: by reference, by what is given before it is taken, and admins last of all."""

from __future__ import annotations

import pytest

from orgform.errors import ConfigInvalid
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Change
from orgform.planning.order import Dependency, dependencies, needed, ordered
from tests.planning.worlds import KINDS, change


def addresses(changes: tuple[Change, ...]) -> list[str]:
    return [c.address for c in changes]


def waits(changes: list[Change]) -> dict[str, tuple[set[str], set[str]]]:
    found: list[Dependency] = dependencies(changes, KINDS)
    return {
        f"{c.action} {c.address}": tuple({changes[i].address for i in part} for part in both)  # type: ignore[misc]
        for c, both in zip(changes, found, strict=True)
    }


def test_a_create_must_have_succeeded_before_what_references_it() -> None:
    found = waits(
        [
            change("create", "membership/x/group:g", after={"role": "lead"}),
            change("create", "group/g", after={"members": ["a@x.io"]}),
            change("create", "member/a@x.io", after={}),
            change("create", "workspace/x", after={"name": "X"}),
            change("create", "role/lead", after={"scope": "workspace"}),
        ]
    )
    assert found["create membership/x/group:g"] == ({"group/g", "workspace/x", "role/lead"}, set())
    assert found["create group/g"] == ({"member/a@x.io"}, set())
    assert found["create workspace/x"] == (set(), set())


def test_an_updated_referent_must_merely_be_finished() -> None:
    found = waits(
        [
            change("update", "feature_value/x/f", {"value": "a"}, {"value": "b"}),
            change("update", "feature/f", {"default": "a"}, {"default": "b"}),
        ]
    )
    assert found["update feature_value/x/f"] == (set(), {"feature/f"})


def test_a_renamed_referent_must_have_succeeded_and_its_old_name_is_free_then() -> None:
    found = waits(
        [
            change("update", "workspace/new", {"name": "X"}, {"name": "X"}, moved_from="workspace/old"),
            change("create", "workspace/old", after={"name": "Another"}),
            change("delete", "tag/new/t", {"color": "red"}),
        ]
    )
    assert found["create workspace/old"] == ({"workspace/new"}, set())
    assert found["delete tag/new/t"] == ({"workspace/new"}, set())


def test_a_delete_waits_for_what_let_go_and_only_for_the_end_of_what_goes_with_it() -> None:
    found = waits(
        [
            change("delete", "member/a@x.io", {"role": "standard"}),
            change("update", "group/g", {"members": ["a@x.io"]}, {"members": []}),
            change("delete", "membership/x/a@x.io", {"role": "member"}),
        ]
    )
    assert found["delete member/a@x.io"] == ({"group/g"}, {"membership/x/a@x.io"})


def test_grants_come_before_revokes_of_the_same_person_and_place() -> None:
    found = waits(
        [
            change("delete", "membership/x/a@x.io", {"role": "member"}),
            change("create", "membership/x/group:g", after={"role": "member"}),
            change("create", "membership/y/b@x.io", after={"role": "member"}),
        ]
    )
    assert found["delete membership/x/a@x.io"] == (set(), {"membership/x/group:g"})


def test_what_gives_and_takes_at_once_stands_between() -> None:
    changes = [
        change("delete", "membership/x/a@x.io", {"role": "member"}),
        change("update", "group/g", {"members": ["b@x.io"]}, {"members": ["a@x.io"]}),
        change("create", "membership/y/a@x.io", after={"role": "member"}),
    ]
    assert addresses(ordered(changes, KINDS)) == ["membership/y/a@x.io", "group/g", "membership/x/a@x.io"]
    assert waits(changes)["delete membership/x/a@x.io"] == (set(), {"group/g"})
    assert waits(changes)["update group/g"] == (set(), {"membership/y/a@x.io"})


def test_admins_go_last_and_only_once_the_admin_grants_of_their_scope_have_succeeded() -> None:
    changes = [
        change("update", "member/old@x.io", {"role": "owner"}, {"role": "standard"}),
        change("update", "member/new@x.io", {"role": "standard"}, {"role": "admin"}),
        change("update", "membership/x/old@x.io", {"role": "admin"}, {"role": "viewer"}),
        change("create", "membership/x/new@x.io", after={"role": "admin"}),
        change("create", "membership/y/new@x.io", after={"role": "admin"}),
        change("delete", "tag/x/t", {"color": "red"}),
    ]
    found = waits(changes)
    assert found["update member/old@x.io"][0] == {"member/new@x.io"}
    assert found["update membership/x/old@x.io"][0] == {"membership/x/new@x.io"}
    assert addresses(ordered(changes, KINDS))[-2:] == ["membership/x/old@x.io", "member/old@x.io"]
    assert addresses(ordered(changes, KINDS))[-3] == "tag/x/t"
    assert "tag/x/t" in found["update membership/x/old@x.io"][1]
    assert found["delete tag/x/t"][1] == {c.address for c in changes} - {"tag/x/t", "member/old@x.io", "membership/x/old@x.io"}


def test_owner_to_admin_takes_no_admin_away() -> None:
    changes = [
        change("update", "member/a@x.io", {"role": "owner"}, {"role": "admin"}),
        change("delete", "tag/x/t", {"color": "red"}),
    ]
    assert waits(changes)["update member/a@x.io"] == (set(), set())


def test_a_role_that_the_changes_do_not_show_may_be_an_admins() -> None:
    unknown = change("update", "membership/x/a@x.io", {"role": "super"}, {"role": "member"})
    grant = change("create", "membership/x/b@x.io", after={"role": "other"})
    assert waits([unknown, grant])["update membership/x/a@x.io"][0] == {"membership/x/b@x.io"}
    shown = change("update", "role/other", {"scope": "workspace", "extends": "viewer"}, {"scope": "workspace", "extends": "member"})
    assert waits([unknown, grant, shown])["update membership/x/a@x.io"][0] == set()


def test_a_revoke_never_goes_before_a_grant_for_the_sake_of_an_updated_referent() -> None:
    changes = [
        change("update", "member/a@x.io", {"role": "manager"}, {"role": "standard"}),
        change("update", "membership/x/a@x.io", {"role": "viewer"}, {"role": "member"}),
    ]
    assert waits(changes)["update member/a@x.io"] == (set(), {"membership/x/a@x.io"})


def test_at_the_end_of_everything_stand_those_who_are_surely_company_admins() -> None:
    changes = [
        change("delete", "member/a@x.io", {"role": "owner"}),
        change("delete", "member/z@x.io", {}),
        change("delete", "membership/x/z@x.io", {"role": "admin"}),
        change("delete", "workspace/x", {}),
    ]
    assert addresses(ordered(changes, KINDS))[-1] == "member/a@x.io"


def test_edges_grow_with_the_changes_not_with_their_square() -> None:
    grants = [change("create", f"membership/x/g{i}@x.io", after={"role": "member"}) for i in range(300)]
    revokes = [change("delete", f"membership/x/r{i}@x.io", {"role": "member"}) for i in range(300)]
    admins = [change("update", f"member/a{i}@x.io", {"role": "admin"}, {"role": "standard"}) for i in range(300)]
    found = dependencies([*revokes, *grants, *admins], KINDS)
    assert sum(len(must) + len(finish) for must, finish in found) < 5 * 900


def test_references_in_a_circle_are_named() -> None:
    schema = {
        "x-kind": "node",
        "x-collection": "nodes",
        "x-key": {"name": "key"},
        "properties": {"next": {"type": "string", "x-reference": {"kind": "node"}}},
    }
    changes = [change("create", "node/a", after={"next": "b"}), change("create", "node/b", after={"next": "a"})]
    with pytest.raises(ConfigInvalid) as error:
        ordered(changes, Kinds([Kind(schema)]))
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == "ORG505" and "node/a" in diagnostic.summary and "node/b" in diagnostic.summary


def test_what_is_needed_is_followed_to_its_end() -> None:
    changes = [
        change("create", "workspace/x", after={"parent": "top"}),
        change("create", "workspace/top", after={}),
        change("create", "tag/x/t", after={}),
        change("create", "tag/x/u", after={}),
    ]
    assert needed([2], changes, KINDS) == {0: 2, 1: 0}


def test_nothing_is_in_order() -> None:
    assert ordered([], KINDS) == () and dependencies([], KINDS) == []


def test_a_tree_is_turned_over_from_the_top_down() -> None:
    changes = [
        change("update", "workspace/hung", {"parent": None}, {"parent": "a"}),
        change("update", "workspace/low", {"parent": "a"}, {"parent": "mid"}),
        change("update", "workspace/mid", {"parent": "low"}, {"parent": "top"}),
        change("update", "workspace/loose", {"parent": "a"}, {"parent": None}),
    ]
    depth = {Address("workspace/low"): 2, Address("workspace/mid"): 1}
    found = ordered(changes, KINDS, depth=depth)
    assert addresses(found) == ["workspace/loose", "workspace/mid", "workspace/low", "workspace/hung"]
    assert [finish for _, finish in dependencies(found, KINDS)] == [set(), {0}, {1}, {2}]
    assert [finish for _, finish in dependencies(changes[:1] * 2, KINDS)] == [set(), set()]
