"""Every kind is served from its schema: made, listed, read, changed and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from orgform.kinds import Kind, Kinds, load_kinds
from orgform.providers.http import InProcessTransport
from orgform.server import Store
from tests.server.conftest import NEEDED, Api

# What stands before a resource of the kind: its parent, and what its key names.
BEFORE = {
    "company": ["domain/acme.com"],
    "membership": ["workspace/ws", "member/alice@acme.com"],
    "feature_value": ["workspace/ws", "feature/beta"],
}
KEYS = {
    "company": "company",
    "domain": "acme.co.uk",
    "member": "bob@acme.com",
    "membership": "ws/alice@acme.com",
    "feature_value": "ws/beta",
    "auto_top_up": "ws",
    "monthly_recharge": "ws",
}


def key_of_kind(kind: Kind) -> str:
    return KEYS.get(kind.name) or ("ws/thing" if kind.parent else "thing")


@pytest.mark.parametrize("name", sorted(load_kinds()))
def test_every_kind_is_served(api: Api, kinds: Kinds, name: str) -> None:
    kind = kinds[name]
    api.have(*BEFORE.get(name, ["workspace/ws"] if kind.parent else []))
    key, needed = key_of_kind(kind), NEEDED.get(name, {})

    made = api.make(f"{name}/{key}", needed)
    assert made.status_code == 201, made.text
    item = made.json()
    assert item["key"] == key
    assert item["attributes"] == {**kind.defaults, **needed}
    assert made.headers["etag"] == f'"{item["etag"]}"'

    assert api.get(made.headers["location"]).json() == item
    listed = api.get(f"/v1/{kind.api}").json()
    assert listed == {"items": [item], "next": None, "total": 1}

    assert api.remove(f"{name}/{key}").status_code == 204
    assert api.get(made.headers["location"]).status_code == 404
    assert api.get(f"/v1/{kind.api}").json() == {"items": [], "next": None, "total": 0}


def plug_in() -> Kind:
    """One with everything that shipped kinds have no use for."""
    member = {"kind": "member"}
    return Kind(
        {
            "x-kind": "webhook",
            "x-collection": "webhooks",
            "x-parent": "workspace",
            "x-key": {"name": "key", "format": "slug"},
            "type": "object",
            "properties": {
                "url": {"type": "string", "pattern": "^https://"},
                "owner": {"x-reference": member},
                "deputy": {"x-reference": member},
                "company": {"x-reference": {"kind": "company"}},
                "events": {"type": "array", "x-set": True},
                "contact": {"type": "string", "format": "acme-phone"},
                "sample": {"x-typed-by": {"type": "sample_type"}},
                "sample_type": {"enum": ["string", "number"]},
                "secret": {"type": "string", "x-sensitive": True, "maxLength": 20},
                "pager": {"type": "string", "x-sensitive": True, "format": "email"},
                "last": {"type": "string", "x-observed": True},
            },
            "required": ["url", "secret"],
        },
        origin="acme",
    )


def plug_in_with_a_prefix() -> Kind:
    """Its key names a group, always written with a prefix."""
    key = {"name": "team", "reference": [{"kind": "group", "prefix": "group:"}]}
    return Kind({"x-kind": "rota", "x-collection": "rotas", "x-parent": "workspace", "x-key": key, "type": "object"}, origin="acme")


def test_a_key_that_names_none_of_what_it_may(api: Api, store: Store, kinds: Kinds) -> None:
    with Api(store, Kinds([*kinds.values(), plug_in_with_a_prefix()]), api.company) as wider:
        wider.have("workspace/ws", "group/g", "rota/ws/group:g")
        assert wider.make("rota/ws/g").json()["detail"] == "names none of group"
        assert wider.rename("group/g", "h").status_code == 200
        assert wider.addresses("rota") == ["rota/ws/group:h"]
        wider.remove("workspace/ws")


def test_a_kind_of_a_plug_in_is_served_like_any_other(api: Api, store: Store, kinds: Kinds) -> None:
    with Api(store, Kinds([*kinds.values(), plug_in()]), api.company) as wider:
        wider.have("workspace/ws", "member/alice@acme.com", "domain/acme.com", "company/company")
        hook = "webhook/ws/hook"
        made = wider.make(
            hook, {"url": "https://a", "owner": "ALICE@acme.com", "events": [2, {"b": 1}, 2], "free": 1, "contact": "112", "secret": "s"}
        )
        assert made.json()["attributes"] == {
            "url": "https://a",
            "owner": "alice@acme.com",
            "events": [2, {"b": 1}],
            "free": 1,
            "contact": "112",
        }
        assert wider.change(hook, {"url": "http://a"}).json()["errors"][0]["pointer"] == "/attributes/url"
        assert wider.change(hook, {"owner": 5}).status_code == 422
        assert wider.change(hook, {"sample": 1, "sample_type": "string"}).json()["code"] == "wrong-type"
        assert wider.change(hook, {"company": "company", "sample": 1, "sample_type": "number"}).status_code == 200
        assert wider.change(hook, {"company": "other"}).json()["code"] == "no-such-reference"
        assert wider.rename("member/alice@acme.com", "zoe@acme.com").status_code == 200
        assert wider.attributes(hook)["owner"] == "zoe@acme.com"
        assert wider.change(hook, {"contact": "1\u00001"}).status_code == 422
        assert wider.change(hook, {"last": "now"}).json()["code"] == "unknown-attribute"
        assert wider.remove("member/zoe@acme.com").json()["code"] == "referenced"
        assert wider.remove("workspace/ws").status_code == 204
        assert wider.addresses("webhook") == []


def test_what_is_of_a_kind_that_is_gone_is_not_lost(api: Api, store: Store, kinds: Kinds) -> None:
    """The plug-in is uninstalled while the directory still holds what it brought."""
    with Api(store, Kinds([*kinds.values(), plug_in()]), api.company) as wider:
        wider.have("workspace/ws", "member/alice@acme.com")
        wider.make("webhook/ws/hook", {"url": "https://a", "owner": "alice@acme.com", "secret": "x"})
        refused = api.remove("workspace/ws")
        assert (refused.status_code, refused.json()["code"]) == (409, "unknown-kind")
        assert api.rename("workspace/ws", "other").json()["code"] == "unknown-kind"
        assert api.remove("member/alice@acme.com").json()["code"] == "referenced"
        wider.remove("workspace/ws")


def test_what_is_secret_is_never_read_back(api: Api, store: Store, kinds: Kinds) -> None:
    with Api(store, Kinds([*kinds.values(), plug_in()]), api.company) as wider:
        wider.have("workspace/ws")
        assert wider.make("webhook/ws/hook", {"url": "https://a"}).json()["detail"] == "'secret' is a required property"
        made = wider.make("webhook/ws/hook", {"url": "https://a", "secret": "geheim"})
        assert made.status_code == 201
        assert "geheim" not in str(wider.dump())
        assert wider.change("webhook/ws/hook", {"secret": "anders"}).status_code == 200
        assert wider.change("webhook/ws/hook", {"secret": 5}).status_code == 422
        assert "anders" not in str(wider.dump())
        refusals = [
            wider.make("webhook/ws/other", {"url": "https://a", "secret": "geheim" * 9}),
            wider.make("webhook/ws/other", {"url": "https://a", "secret": ["geheim"]}),
            wider.make("webhook/ws/other", {"url": "geheim", "secret": "geheim", "events": "geheim"}),
            wider.change("webhook/ws/hook", {"secret": {"geheim": "geheim"}}),
            wider.change("webhook/ws/hook", {"pager": "geheim"}),
            wider.change("webhook/ws/hook", {"secret": None, "sample": "geheim", "sample_type": "number"}),
        ]
        assert [answer.status_code for answer in refusals] == [422] * 6
        assert "geheim" not in "".join(answer.text for answer in refusals)
        make = {"method": "create", "collection": "webhooks", "key": "ws/kept", "idempotency_key": "item"}
        make["attributes"] = {"url": "https://a", "secret": "geheim"}
        assert [r["status"] for r in wider.batch(make, **{"idempotency-key": "all"})] == [201]
        assert "geheim" not in str(wider.dump()) + str(wider.events())
        wider.remove("workspace/ws")


def test_a_patch_merges_maps_replaces_the_rest_and_null_removes(api: Api) -> None:
    api.have("workspace/ws", "role/r")
    api.change("workspace/ws", {"name": "W", "labels": {"a": "1", "b": "2"}, "settings": {"thresholds": {"x": 1}, "retention_days": 7}})
    api.change("workspace/ws", {"labels": {"a": None, "c": "3"}, "settings": {"thresholds": {"y": 2}, "retention_days": None}})
    assert api.attributes("workspace/ws") == {"name": "W", "labels": {"b": "2", "c": "3"}, "settings": {"thresholds": {"x": 1, "y": 2}}}
    api.have("domain/acme.com", auto_join={"workspace": "ws", "role": "viewer"})
    assert api.change("domain/acme.com", {"auto_join": {"role": "admin"}}).status_code == 422, "an atomic value is replaced whole"
    api.change("domain/acme.com", {"auto_join": {"role": "r", "workspace": "ws"}})
    assert api.attributes("domain/acme.com") == {"auto_join": {"role": "r", "workspace": "ws"}}
    api.change("domain/acme.com", {"auto_join": None})
    assert api.attributes("domain/acme.com") == {}


def test_an_atomic_value_keeps_its_nulls(api: Api) -> None:
    value = {"a": None, "b": {"c": None}}
    api.make("feature/f", {"type": "object", "default": value})
    assert api.attributes("feature/f")["default"] == value


def test_defaults_are_for_what_is_not_written_and_null_is_written(api: Api) -> None:
    api.make("member/a@acme.com", {})
    api.make("member/b@acme.com", {"role": None})
    assert api.attributes("member/a@acme.com") == {"role": "standard"}
    assert api.attributes("member/b@acme.com") == {}


def test_keys_and_values_are_normalised(api: Api) -> None:
    made = api.make("member/Alice@ACME.com", {"name": "Alice NG"}).json()
    assert (made["key"], made["attributes"]["name"]) == ("alice@acme.com", "Alice NG")
    assert api.make("domain/Bücher.Example.com").json()["key"] == "xn--bcher-kva.example.com"
    assert api.item("domain/BÜCHER.example.com")["key"] == "xn--bcher-kva.example.com"
    api.have("member/bob@acme.com", "group/support")
    api.change("group/support", {"members": ["BOB@acme.com", "alice@acme.com", "bob@acme.com"]})
    assert api.attributes("group/support")["members"] == ["alice@acme.com", "bob@acme.com"]
    api.have("workspace/ws")
    api.have("membership/ws/ALICE@acme.com", "membership/ws/group:support")
    assert api.addresses("membership") == ["membership/ws/alice@acme.com", "membership/ws/group:support"]


def test_what_is_observed_comes_with_the_resource_and_is_the_platforms(api: Api, store: Store, kinds: Kinds) -> None:
    api.have("member/a@acme.com", "domain/acme.com", "workspace/ws")
    assert api.item("member/a@acme.com")["observed"] == {"status": "active"}
    assert api.item("domain/acme.com")["observed"]["status"] == "pending"
    before = api.item("workspace/ws")
    store.observe("workspace/ws", {"balance": 12.5, "holds_data": True}, company=api.company)
    after = api.item("workspace/ws")
    assert after["observed"] == {"balance": 12.5, "holds_data": True}
    assert after["etag"] == before["etag"], "nobody changed it"
    with Api(store, kinds, api.company, invite=True) as inviting:
        inviting.have("member/b@acme.com")
        assert inviting.item("member/b@acme.com")["observed"] == {"status": "invited"}


def test_an_etag_changes_with_every_change_and_never_comes_again(api: Api) -> None:
    seen = set()
    for name in ("one", "two"):
        api.have("workspace/ws")
        seen.add(api.item("workspace/ws")["etag"])
        seen.add(api.change("workspace/ws", {"name": name}).json()["etag"])
        api.remove("workspace/ws")
    assert len(seen) == 4


def test_a_change_that_changes_nothing_leaves_no_trace(api: Api) -> None:
    api.have("workspace/ws", name="W")
    before = api.dump()
    assert api.change("workspace/ws", {"name": "W", "description": None}).status_code == 200
    assert api.patch("/v1/workspaces/ws", json={"key": "ws"}).status_code == 200
    assert api.dump() == before


def test_preconditions(api: Api) -> None:
    api.have("workspace/ws")
    etag = api.item("workspace/ws")["etag"]
    assert api.change("workspace/ws", {"name": "A"}, **{"if-match": '"other"'}).status_code == 412
    assert api.change("workspace/ws", {"name": "A"}, **{"if-match": f'W/"{etag}"'}).status_code == 412, "weak tags never match"
    assert api.change("workspace/ws", {"name": "A"}, **{"if-match": f'"other", "{etag}"'}).status_code == 200
    assert api.change("workspace/ws", {"name": "B"}, **{"if-match": "*"}).status_code == 200
    assert api.remove("workspace/ws", **{"if-match": f'"{etag}"'}).status_code == 412
    assert api.remove("workspace/ws", **{"if-match": "*"}).status_code == 204
    assert api.change("workspace/ws", {"name": "C"}, **{"if-match": "*"}).status_code == 412
    assert api.remove("workspace/ws", **{"if-match": "*"}).status_code == 404, "a delete of what is gone is not stale"
    assert api.make("workspace/ws", {}, **{"if-match": "*"}).status_code == 412


def test_reading_again_only_what_changed(api: Api) -> None:
    api.have("workspace/ws")
    etag = api.get("/v1/workspaces/ws").headers["etag"]
    same = api.get("/v1/workspaces/ws", headers={"if-none-match": f'"x", W/{etag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert api.get("/v1/workspaces/ws", headers={"if-none-match": '"other"'}).status_code == 200
    assert api.get("/v1/workspaces/ws", headers={"if-none-match": "*"}).status_code == 304


def test_head_and_options(api: Api) -> None:
    api.have("workspace/ws")
    head, get = api.head("/v1/workspaces/ws"), api.get("/v1/workspaces/ws")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers
    assert api.options("/v1/workspaces").headers["allow"] == "OPTIONS, HEAD, GET, POST"
    assert api.options("/v1/batch").headers["allow"] == "OPTIONS, POST"
    assert api.options("/v1/workspaces/ws").status_code == 204


@pytest.mark.parametrize("key", ["ws/ö & ü?#%41", "ws/a b", "ws/100%", "ws/group:x@y"])
def test_any_name_can_be_reached_by_its_location(api: Api, key: str) -> None:
    api.have("workspace/ws")
    made = api.make(f"tag/{key}")
    assert api.get(made.headers["location"]).json()["key"] == key


def test_companies_share_nothing(api: Api, store: Store, kinds: Kinds) -> None:
    api.have("workspace/ws")
    with Api(store, kinds, api.company + "-other") as other:
        assert other.get("/v1/workspaces/ws").status_code == 404
        assert other.addresses("workspace") == []
        other.have("workspace/ws", name="Theirs")
        assert other.make("membership/ws/a@acme.com").status_code == 422
        other.remove("workspace/ws")
    assert api.addresses("workspace") == ["workspace/ws"]
    assert [e["action"] for e in api.events()] == ["create"]


def test_without_a_word_about_it_there_is_one_company(store: Store, kinds: Kinds) -> None:
    import httpx

    from orgform.server import create_app

    with httpx.Client(transport=InProcessTransport(create_app(store, kinds, inline=True)), base_url="http://test") as client:
        client.post("/v1/workspaces", json={"key": "ws"})
        event: dict[str, Any] = client.get("/v1/audit-events").json()["items"][0]
        assert (event["actor"], event["client"][:12]) == ("anonymous", "python-httpx")
        client.delete("/v1/workspaces/ws")
