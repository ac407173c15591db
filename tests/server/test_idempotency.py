"""A request that is sent again under its idempotency key is done once, and answered the same; the key is for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from orgform.kinds import Kinds
from orgform.server import Store, tables
from tests.server.conftest import Api
from tests.server.test_batch import op
from tests.server.test_concurrency import at_once

KEY = {"idempotency-key": "k1"}

WRITES: dict[str, Callable[[Api], httpx.Response]] = {
    "create": lambda api: api.make("workspace/new", {"name": "N"}, **KEY),
    "update": lambda api: api.change("workspace/ws", {"name": "N"}, **KEY),
    "rename": lambda api: api.patch("/v1/workspaces/ws", json={"key": "moved"}, headers=KEY),
    "delete": lambda api: api.remove("workspace/ws", **KEY),
    "batch": lambda api: api.post(
        "/v1/batch", json={"operations": [op("update", "workspaces", "ws", attributes={"name": "N"})]}, headers=KEY
    ),
    "atomic": lambda api: api.post("/v1/batch", json={"operations": [op("delete", "workspaces", "ws")], "atomic": True}, headers=KEY),
}


def same(one: httpx.Response, other: httpx.Response) -> bool:
    return (one.status_code, one.content, one.headers) == (other.status_code, other.content, other.headers)


def reused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (409, "idempotency-key-reused")


@pytest.mark.parametrize("write", WRITES)
def test_sent_again_it_is_answered_the_same(api: Api, write: str) -> None:
    api.have("workspace/ws")
    first = WRITES[write](api)
    assert first.status_code < 300, first.text
    before = api.dump()
    assert same(WRITES[write](api), first)
    assert api.dump() == before


def test_the_answer_is_the_one_of_that_time(api: Api) -> None:
    """Whatever became of the resource since."""
    first = WRITES["create"](api)
    assert first.headers["location"] == "/v1/workspaces/new"
    api.change("workspace/new", {"name": "Later"})
    assert same(WRITES["create"](api), first)
    api.remove("workspace/new")
    again = WRITES["create"](api)
    assert same(again, first)
    assert again.headers["etag"] == first.headers["etag"]
    assert api.addresses("workspace") == []


@pytest.mark.parametrize("second", WRITES)
@pytest.mark.parametrize("first", ["create", "delete", "batch"])
def test_a_key_is_for_one_request(api: Api, first: str, second: str) -> None:
    if first == second:
        return
    api.have("workspace/ws")
    assert WRITES[first](api).status_code < 300
    before = api.dump()
    assert reused(WRITES[second](api))
    assert api.dump() == before


def test_another_resource_body_or_precondition_is_another_request(api: Api) -> None:
    api.have("workspace/a", "workspace/b", "group/a")
    etag = api.item("workspace/a")["etag"]
    assert api.change("workspace/a", {"name": "N"}, **KEY).status_code == 200
    assert reused(api.change("workspace/b", {"name": "N"}, **KEY))
    assert reused(api.change("group/a", {"name": "N"}, **KEY))
    assert reused(api.change("workspace/a", {"name": "M"}, **KEY))
    assert reused(api.change("workspace/a", {"name": "N"}, **KEY, **{"if-match": etag}))
    assert reused(
        api.patch("/v1/workspaces/a", content=b'{"attributes": {"name":"N"}}', headers=KEY | {"content-type": "application/json"})
    )


def test_what_was_refused_may_be_sent_again(api: Api) -> None:
    assert api.make("tag/ws/t", {}, **KEY).status_code == 422
    assert api.make("tag/ws/t", {}, **KEY).status_code == 422
    assert api.dump()["idempotency_keys"] == []
    api.have("workspace/ws")
    assert api.make("tag/ws/t", {}, **KEY).status_code == 201


def test_a_precondition_that_held_is_not_asked_again(api: Api) -> None:
    api.have("workspace/ws")
    headers = KEY | {"if-match": api.item("workspace/ws")["etag"]}
    first = api.change("workspace/ws", {"name": "N"}, **headers)
    assert first.status_code == 200
    assert same(api.change("workspace/ws", {"name": "N"}, **headers), first), "though the resource has another etag now"


def test_a_batch_answers_the_same_with_what_it_refused(api: Api) -> None:
    body = {"operations": [op("create", "workspaces", "ws"), op("create", "tags", "other/t")]}
    first = api.post("/v1/batch", json=body, headers=KEY)
    assert [r["status"] for r in first.json()["results"]] == [201, 422]
    api.have("workspace/other")
    assert same(api.post("/v1/batch", json=body, headers=KEY), first), "a new try has a new key"


def test_keys_of_requests_and_of_operations_do_not_mix(api: Api) -> None:
    make = op("create", "workspaces", "ws", idempotency_key="k1")
    assert api.make("workspace/ws", {}, **KEY).status_code == 201
    assert api.batch(make)[0]["problem"]["code"] == "idempotency-key-reused"
    other = op("create", "workspaces", "other", idempotency_key="k2")
    assert api.batch(other)[0]["status"] == 201
    assert reused(api.make("workspace/other", {}, **{"idempotency-key": "k2"}))
    empty = api.post("/v1/batch", json={"operations": []}, headers={"idempotency-key": "k2"})
    assert reused(empty)
    assert [e["address"] for e in api.events()] == ["workspace/other", "workspace/ws"]


@pytest.mark.parametrize("atomic", [True, False])
def test_a_batch_and_its_operation_cannot_have_one_key(api: Api, atomic: bool) -> None:
    operations = [op("create", "workspaces", "a"), op("create", "workspaces", "b", idempotency_key="k1")]
    answer = api.post("/v1/batch", json={"operations": operations, "atomic": atomic}, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key")
    assert answer.json()["errors"][0]["pointer"] == "/operations/1/idempotency_key"
    assert api.addresses("workspace") == []


def test_an_operation_is_done_once_in_whichever_batch_it_stands(api: Api) -> None:
    make = op("create", "workspaces", "ws", idempotency_key="item")
    first = api.batch(make, **{"idempotency-key": "one"})
    second = api.batch(op("create", "workspaces", "more"), make, **{"idempotency-key": "two"})
    assert second[1] == first[0]
    assert api.addresses("workspace") == ["workspace/more", "workspace/ws"]
    assert len(api.events()) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", b"\xc3\xa4"])
def test_a_bad_key_is_refused(api: Api, key: str | bytes) -> None:
    for url, body in (("/v1/workspaces", {"key": "ws"}), ("/v1/batch", {"operations": []})):
        answer = api.post(url, json=body, headers=[(b"idempotency-key", key if isinstance(key, bytes) else key.encode())])
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key")
    assert api.addresses("workspace") == []


@pytest.mark.parametrize("write", WRITES)
def test_sent_many_times_at_once_it_is_done_once(api: Api, store: Store, kinds: Kinds, write: str) -> None:
    api.have("workspace/ws")
    events = len(api.events())

    def send() -> httpx.Response:
        with Api(store, kinds, api.company) as one:
            return WRITES[write](one)

    first, *others = at_once(*[send] * 4)
    assert first.status_code < 300, first.text
    assert all(same(first, other) for other in others)
    assert len(api.events()) == events + 1


def test_of_two_requests_with_one_key_at_once_one_is_done(api: Api, store: Store, kinds: Kinds) -> None:
    def make(name: str) -> int:
        with Api(store, kinds, api.company) as one:
            return one.make(f"workspace/{name}", {}, **KEY).status_code

    assert sorted(at_once(lambda: make("a"), lambda: make("b"))) == [201, 409]
    assert len(api.addresses("workspace")) == 1


def test_the_key_of_one_company_is_nothing_to_another(api: Api, store: Store, kinds: Kinds) -> None:
    first = WRITES["create"](api)
    with Api(store, kinds, api.company + "-other") as other:
        second = WRITES["create"](other)
        assert second.status_code == 201
        assert second.json()["id"] != first.json()["id"]


def test_keys_are_kept_for_seven_days(api: Api, store: Store) -> None:
    ages = {"new": 0.0, "week": 6.99, "old": 7.01}
    for key in ages:
        api.make(f"workspace/{key}", {}, **{"idempotency-key": key})
    keys = tables.idempotency_keys
    with store.writing(api.company) as connection:
        for key, days in ages.items():
            made = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            connection.execute(keys.update().where(keys.c.company == api.company, keys.c.key == key).values(created_at=made))
    api.make("workspace/last", {}, **{"idempotency-key": "last"})
    assert [row[1] for row in api.dump()["idempotency_keys"]] == ["last", "new", "week"]
    assert api.make("workspace/week", {}, **{"idempotency-key": "week"}).status_code == 201
    assert api.make("workspace/old", {}, **{"idempotency-key": "old"}).json()["code"] == "exists"


def test_keys_are_nothing_to_who_reads(api: Api) -> None:
    api.have("workspace/ws")
    for _ in range(2):
        assert api.get("/v1/workspaces/ws", headers=KEY).status_code == 200
    assert api.get("/v1/workspaces", headers=KEY).status_code == 200
    assert api.dump()["idempotency_keys"] == []
