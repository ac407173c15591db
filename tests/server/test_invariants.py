"""What the directory promises beyond the shape of one resource."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform.kinds import Kinds
from orgform.server import Store
from tests.server.conftest import COMPANIES, Api


def refused(answer: httpx.Response, code: str, *words: str) -> None:
    assert (answer.status_code // 100, answer.json()["code"]) == (4, code), answer.text
    for word in words:
        assert word in answer.json()["detail"]


def test_what_is_named_cannot_go(api: Api) -> None:
    api.have("member/a@acme.com", "member/b@acme.com")
    api.have("group/g", "group/h", members=["a@acme.com"])
    refused(api.remove("member/a@acme.com"), "referenced", "group/g (members)", "and 1 more")
    api.change("group/g", {"members": []})
    api.change("group/h", {"members": ["b@acme.com"]})
    assert api.remove("member/a@acme.com").status_code == 204


def test_what_carries_the_key_goes_with_it(api: Api) -> None:
    api.have("workspace/ws", "workspace/other", "member/a@acme.com", "group/g", "feature/f")
    api.have("membership/ws/a@acme.com", "membership/ws/group:g", "membership/other/a@acme.com", "inbox/ws/i", "auto_top_up/ws")
    api.have("feature_value/ws/f", "feature_value/other/f")
    assert api.remove("feature/f").status_code == 204
    assert api.addresses("feature_value") == []
    assert api.remove("workspace/ws").status_code == 204
    assert api.addresses("membership") == ["membership/other/a@acme.com"]
    assert (api.addresses("inbox"), api.addresses("auto_top_up")) == ([], [])
    gone = [e["address"] for e in api.events() if e["action"] == "delete"]
    assert gone[0] == "workspace/ws", "what it held went before it"
    assert set(gone) == {"feature/f", "feature_value/ws/f", "feature_value/other/f", "workspace/ws", "inbox/ws/i", "auto_top_up/ws"} | {
        "membership/ws/a@acme.com",
        "membership/ws/group:g",
    }


def test_nothing_goes_when_something_that_stays_names_a_part_of_it(api: Api) -> None:
    api.have("workspace/ws", "workspace/below", "tag/ws/t")
    api.change("workspace/below", {"parent": "ws"})
    before = api.dump()
    refused(api.remove("workspace/ws"), "referenced", "workspace/below (parent)")
    assert api.dump() == before


@pytest.mark.parametrize(("kind", "attribute"), [("workspace", "parent"), ("role", "extends")])
def test_nothing_leads_back_to_itself(api: Api, kind: str, attribute: str) -> None:
    api.have(f"{kind}/a", f"{kind}/b", f"{kind}/c")
    assert api.change(f"{kind}/b", {attribute: "a"}).status_code == 200
    assert api.change(f"{kind}/c", {attribute: "b"}).status_code == 200
    refused(api.change(f"{kind}/a", {attribute: "c"}), "cycle", f"{kind}/c leads back to {kind}/a")
    refused(api.change(f"{kind}/a", {attribute: "a"}), "cycle")
    refused(api.make(f"{kind}/d", {"scope": "workspace", attribute: "d"} if kind == "role" else {attribute: "d"}), "cycle")
    assert api.change(f"{kind}/b", {attribute: None}).status_code == 200
    assert api.change(f"{kind}/a", {attribute: "c"}).status_code == 200


def test_a_role_is_usable_in_its_own_scope_only(api: Api) -> None:
    api.have("workspace/ws", "role/here")
    api.have("role/everywhere", scope="company")
    refused(api.make("member/a@acme.com", {"role": "here"}), "not-usable-here", "role/here has scope 'workspace', not 'company'")
    api.make("member/a@acme.com", {"role": "everywhere"})
    refused(api.make("membership/ws/a@acme.com", {"role": "everywhere"}), "not-usable-here")
    refused(api.make("membership/ws/a@acme.com", {"role": "owner"}), "not-usable-here")
    refused(api.change("role/here", {"extends": "everywhere"}), "not-usable-here")
    assert api.change("role/here", {"extends": "viewer"}).status_code == 200


def test_values_are_of_the_type_that_their_feature_gives(api: Api) -> None:
    api.have("workspace/ws", "feature/f")
    refused(api.make("feature_value/ws/f", {"value": "on"}), "wrong-type", "boolean")
    refused(api.change("feature/f", {"default": 1}), "wrong-type")
    api.make("feature/n", {"type": "number", "default": 1.5})
    refused(api.make("feature_value/ws/n", {"value": True}), "wrong-type", "number")
    api.make("feature/s", {"type": "string", "default": "a", "variants": {"a": "A", "b": "B"}})
    refused(api.make("feature_value/ws/s", {"value": "A"}), "no-such-variant", "a, b")
    refused(api.make("feature_value/ws/s", {"value": 1}), "no-such-variant")
    assert api.make("feature_value/ws/s", {"value": "b"}).status_code == 201
    refused(api.change("feature/s", {"variants": {"a": 1}}), "wrong-type", "variants.a")
    refused(api.change("feature/s", {"default": "c"}), "no-such-variant")
    assert api.change("feature/s", {"variants": {"a": "A", "c": "C"}}).status_code == 200, "a value may follow after its feature"
    assert api.change("feature_value/ws/s", {"value": "c"}).status_code == 200
    assert api.make("feature/o", {"type": "object", "default": {"x": [1]}}).status_code == 201
    refused(api.change("feature/o", {"default": []}), "wrong-type")


def test_what_is_immutable_may_be_set_once(api: Api) -> None:
    api.have("workspace/ws")
    assert api.change("workspace/ws", {"region": "us"}).status_code == 200
    refused(api.change("workspace/ws", {"region": "eu"}), "immutable", "region")
    refused(api.change("workspace/ws", {"region": None}), "immutable")
    assert api.change("workspace/ws", {"region": "us", "name": "W"}).status_code == 200


# The last admin


def test_a_company_with_members_keeps_an_active_admin(api: Api, store: Store) -> None:
    api.have("member/owner@acme.com", role="owner")
    api.have("member/a@acme.com", "member/b@acme.com")
    for attempt in (api.remove("member/owner@acme.com"), api.change("member/owner@acme.com", {"role": "standard"})):
        refused(attempt, "last-admin", "member/owner@acme.com")
    api.change("member/a@acme.com", {"role": "admin"})
    store.observe("member/a@acme.com", {"status": "suspended"}, company=api.company)
    refused(api.remove("member/owner@acme.com"), "last-admin")
    store.observe("member/a@acme.com", {"status": "active"}, company=api.company)
    assert api.remove("member/owner@acme.com").status_code == 204
    assert api.remove("member/b@acme.com").status_code == 204
    assert api.remove("member/a@acme.com").status_code == 204, "nobody is left whom it could lock out"


def test_an_admin_may_have_a_role_that_extends_one(api: Api) -> None:
    api.have("role/root", scope="company", extends="admin")
    api.have("role/deputy", scope="company", extends="root")
    api.have("member/boss@acme.com", role="deputy")
    api.have("member/a@acme.com")
    refused(api.change("role/deputy", {"extends": "member"}), "last-admin")
    refused(api.change("role/root", {"extends": None}), "last-admin")
    api.have("member/owner@acme.com", role="owner")
    assert api.change("role/root", {"extends": None}).status_code == 200
    refused(api.remove("member/owner@acme.com"), "last-admin")


def test_a_company_without_admins_may_change(api: Api) -> None:
    api.have("member/a@acme.com", "member/b@acme.com")
    assert api.remove("member/a@acme.com").status_code == 204


def test_the_last_admin_is_kept_within_a_batch_too(api: Api) -> None:
    api.have("member/x@acme.com", "member/y@acme.com", role="admin")
    api.have("member/a@acme.com")
    results = api.batch(*({"method": "delete", "collection": "members", "key": f"{n}@acme.com"} for n in "xya"))
    assert [r["status"] for r in results] == [204, 409, 204]
    assert api.addresses("member") == ["member/y@acme.com"]


def test_what_a_refused_operation_did_is_undone_and_what_came_before_it_stays(api: Api) -> None:
    api.have("member/x@acme.com", role="admin")
    api.have("member/a@acme.com", "workspace/ws")
    api.have("membership/ws/x@acme.com")
    results = api.batch(
        {"method": "update", "collection": "members", "key": "x@acme.com", "attributes": {"name": "X"}},
        {"method": "delete", "collection": "members", "key": "x@acme.com"},
        {"method": "update", "collection": "members", "key": "x@acme.com", "attributes": {"title": "T"}},
    )
    assert [r["status"] for r in results] == [200, 409, 200]
    assert api.attributes("member/x@acme.com") == {"name": "X", "title": "T", "role": "admin"}
    assert api.addresses("membership") == ["membership/ws/x@acme.com"]
    assert [e["action"] for e in api.events()].count("delete") == 0


# Renaming


def test_a_rename_is_followed_by_everything(api: Api) -> None:
    api.have("workspace/old", "workspace/below", "member/a@acme.com", "feature/f", "role/r", "group/g")
    api.change("workspace/below", {"parent": "old"})
    api.have("domain/acme.com", auto_join={"workspace": "old", "role": "r"})
    api.have("company/company", "membership/old/a@acme.com", "feature_value/old/f", "inbox/old/i")
    api.have("membership/old/group:g", role="r")
    api.change("inbox/old/i", {"members": ["a@acme.com"]})
    api.change("group/g", {"members": ["a@acme.com"]})
    api.change("feature/f", {"owner": "a@acme.com"})
    store_id = api.item("membership/old/a@acme.com")["id"]

    assert api.rename("workspace/old", "new").json()["key"] == "new"
    assert api.rename("member/a@acme.com", "Z@acme.com").json()["key"] == "z@acme.com"
    assert api.rename("feature/f", "flag").status_code == 200
    assert api.rename("role/r", "role").status_code == 200
    assert api.rename("group/g", "team").status_code == 200
    assert api.rename("domain/acme.com", "acme.example.com").status_code == 200

    assert api.attributes("workspace/below")["parent"] == "new"
    assert api.attributes("domain/acme.example.com")["auto_join"] == {"workspace": "new", "role": "role"}
    assert api.attributes("company/company")["primary_domain"] == "acme.example.com"
    assert api.addresses("membership") == ["membership/new/group:team", "membership/new/z@acme.com"]
    assert api.attributes("membership/new/group:team")["role"] == "role"
    assert api.addresses("feature_value") == ["feature_value/new/flag"]
    assert api.attributes("inbox/new/i")["members"] == ["z@acme.com"]
    assert api.attributes("group/team")["members"] == ["z@acme.com"]
    assert api.attributes("feature/flag")["owner"] == "z@acme.com"
    assert api.item("membership/new/z@acme.com")["id"] == store_id
    assert api.addresses("workspace") == ["workspace/below", "workspace/new"]
    address = "membership/new/group:g"
    renamed = next(e for e in api.events(address=address) if (e["action"], e["address"]) == ("rename", address))
    assert (renamed["before"], renamed["after"]) == ({"address": "membership/old/group:g"}, {"address": "membership/new/group:g"})


def test_a_rename_with_a_change_is_one(api: Api) -> None:
    api.have("workspace/old", "workspace/taken")
    answer = api.patch("/v1/workspaces/old", json={"key": "taken", "attributes": {"name": "N"}})
    refused(answer, "exists", "workspace/taken")
    assert api.attributes("workspace/old") == {}, "neither half was done"
    api.patch("/v1/workspaces/old", json={"key": "new", "attributes": {"name": "N"}})
    assert api.attributes("workspace/new") == {"name": "N"}


def test_names_may_be_swapped_by_way_of_a_third(api: Api) -> None:
    api.have("workspace/a", "workspace/b", "tag/a/t", "tag/b/t")
    results = api.batch(
        *({"method": "update", "collection": "workspaces", "key": old, "new_key": new} for old, new in (("a", "c"), ("b", "a"), ("c", "b")))
    )
    assert [r["status"] for r in results] == [200, 200, 200]
    assert api.addresses("tag") == ["tag/a/t", "tag/b/t"]


def test_a_workspace_may_be_renamed_while_it_names_itself_from_below(api: Api) -> None:
    api.have("role/a", "role/b", extends=None)
    api.change("role/b", {"extends": "a"})
    api.rename("role/a", "z")
    assert api.attributes("role/b")["extends"] == "z"
    refused(api.change("role/z", {"extends": "b"}), "cycle")


@pytest.mark.parametrize(
    ("address", "key", "code"),
    [
        ("membership/ws/a@acme.com", "ws/b@acme.com", "not-renamable"),
        ("auto_top_up/ws", "other", "not-renamable"),
        ("tag/ws/t", "other/t", "not-renamable"),
        ("role/r", "owner", "built-in"),
        ("role/r", "a b", "format"),
        ("tag/ws/t", "t", "key"),
        ("tag/ws/t", "ws/taken", "exists"),
    ],
)
def test_what_cannot_be_renamed(api: Api, address: str, key: str, code: str) -> None:
    api.have("workspace/ws", "workspace/other", "member/a@acme.com", "member/b@acme.com", "role/r")
    api.have("tag/ws/t", "tag/ws/taken", "auto_top_up/ws", "membership/ws/a@acme.com")
    before = api.dump()
    refused(api.rename(address, key), code)
    assert api.dump() == before


def test_within_a_workspace_names_are_its_own(api: Api) -> None:
    api.have("workspace/ws", "workspace/other", "tag/ws/t", "tag/other/t")
    assert api.rename("tag/ws/t", "ws/Neuer Name").status_code == 200
    assert api.addresses("tag") == ["tag/other/t", "tag/ws/Neuer Name"]


# Whatever is sent, in whatever order

WORDS = st.sampled_from(["a", "b", "c"])
MAILS = st.sampled_from(["a@acme.com", "B@acme.com", "c@acme.com"])
KEYS = {
    "workspaces": WORDS,
    "members": MAILS,
    "groups": WORDS,
    "roles": st.one_of(WORDS, st.just("admin")),
    "memberships": st.builds("{}/{}".format, WORDS, st.one_of(MAILS, WORDS.map("group:{}".format))),
    "features": WORDS,
    "feature_values": st.builds("{}/{}".format, WORDS, WORDS),
    "tags": st.builds("{}/{}".format, WORDS, WORDS),
}
ATTRIBUTES = {
    "workspaces": st.fixed_dictionaries({}, optional={"parent": st.one_of(st.none(), WORDS), "region": WORDS}),
    "members": st.fixed_dictionaries({}, optional={"role": st.sampled_from(["owner", "standard", "a", "b"]), "name": WORDS}),
    "groups": st.fixed_dictionaries({}, optional={"members": st.lists(MAILS)}),
    "roles": st.fixed_dictionaries(
        {"scope": st.sampled_from(["company", "workspace"])}, optional={"extends": st.sampled_from(["a", "b", "c", "admin", None])}
    ),
    "memberships": st.fixed_dictionaries({}, optional={"role": st.sampled_from(["admin", "a", "b"])}),
    "features": st.just({"type": "boolean", "default": True}),
    "feature_values": st.fixed_dictionaries({"value": st.sampled_from([True, False, "x"])}),
    "tags": st.just({}),
}


@st.composite
def operations(draw: st.DrawFn) -> dict[str, Any]:
    collection = draw(st.sampled_from(sorted(KEYS)))
    method = draw(st.sampled_from(["create", "create", "create", "update", "delete"]))
    operation: dict[str, Any] = {"method": method, "collection": collection, "key": draw(KEYS[collection])}
    if method != "delete":
        operation["attributes"] = draw(ATTRIBUTES[collection])
    if method == "update" and draw(st.booleans()):
        operation["new_key"] = draw(KEYS[collection])
    return operation


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(batches=st.lists(st.lists(operations(), max_size=12), min_size=1, max_size=4))
def test_one_batch_is_the_same_as_one_by_one_and_all_stays_consistent(
    store: Store, kinds: Kinds, batches: list[list[dict[str, Any]]]
) -> None:
    name = f"random-{next(COMPANIES)}"
    with Api(store, kinds, name) as together, Api(store, kinds, name + "-single") as single:
        for batch in batches:
            at_once = together.batch(*batch)
            each = [single.batch(operation)[0] for operation in batch]
            assert [(r["status"], r.get("problem", {}).get("code")) for r in at_once] == [
                (r["status"], r.get("problem", {}).get("code")) for r in each
            ]
            together.check_consistent()
        assert contents(together) == contents(single)
        _names_nothing_that_is_not_there(together)


def contents(api: Api) -> list[tuple[str, ...]]:
    rows = [(kind, key, text, observed) for _, kind, key, _, _, text, observed, *_ in api.dump()["resources"]]
    return sorted(rows + [(e["action"], e["address"], str(e["before"]), str(e["after"])) for e in api.events(limit="1000")])


def _names_nothing_that_is_not_there(api: Api) -> None:
    dump = api.dump()
    there = {f"{kind}/{key}" for _, kind, key, *_ in dump["resources"]}
    named = {target for _, target, *_ in dump["resource_links"]}
    assert named - there <= {"role/admin", "role/owner"}
