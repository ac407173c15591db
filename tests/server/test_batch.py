"""Many operations in one call: in their order, a status each; and everything once, however often it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from orgform.kinds import Kinds
from orgform.server import Store, tables
from tests.server.conftest import Api


def op(method: str, collection: str, key: str, **rest: Any) -> dict[str, Any]:
    return {"method": method, "collection": collection, "key": key, **rest}


def test_operations_see_what_those_before_them_did(api: Api) -> None:
    results = api.batch(
        op("create", "memberships", "ws/a@acme.com"),
        op("create", "workspaces", "ws"),
        op("create", "members", "a@acme.com"),
        op("create", "memberships", "ws/a@acme.com"),
        op("update", "workspaces", "ws", attributes={"name": "W"}),
        op("delete", "members", "a@acme.com"),
        op("create", "memberships", "ws/a@acme.com"),
        op("update", "workspaces", "ws", new_key="new"),
        op("create", "workspaces", "ws"),
        op("delete", "workspaces", "nowhere"),
    )
    assert [r["status"] for r in results] == [422, 201, 201, 201, 200, 204, 422, 200, 201, 404]
    assert results[0]["problem"]["errors"][0]["pointer"] == "/operations/0/key"
    assert results[4]["etag"] == api.item("workspace/new")["etag"].replace(".3", ".2")
    assert results[1]["id"] == api.item("workspace/new")["id"]
    assert results[7]["key"] == "new"
    assert api.addresses("membership") == []
    assert api.addresses("workspace") == ["workspace/new", "workspace/ws"]


def test_made_and_deleted_in_one_call_leaves_events_only(api: Api) -> None:
    api.batch(op("create", "workspaces", "ws"), op("delete", "workspaces", "ws"))
    assert [e["action"] for e in api.events()] == ["delete", "create"]
    assert api.addresses("workspace") == []


def test_deleted_and_made_anew_is_another_resource(api: Api) -> None:
    api.have("workspace/ws")
    before = api.item("workspace/ws")
    api.batch(op("delete", "workspaces", "ws"), op("create", "workspaces", "ws", attributes={"name": "N"}))
    after = api.item("workspace/ws")
    assert after["id"] != before["id"]
    assert after["attributes"] == {"name": "N"}


def test_each_operation_has_its_own_precondition(api: Api) -> None:
    api.have("workspace/a", "workspace/b")
    a = api.item("workspace/a")["etag"]
    results = api.batch(
        op("update", "workspaces", "a", attributes={"name": "1"}, if_match=a),
        op("update", "workspaces", "a", attributes={"name": "2"}, if_match=a),
        op("delete", "workspaces", "b", if_match=a),
        op("delete", "workspaces", "b", if_match="*"),
    )
    assert [r["status"] for r in results] == [200, 412, 412, 204]
    assert api.attributes("workspace/a") == {"name": "1"}


def test_a_thousand_operations_with_a_refused_one_in_the_middle(api: Api) -> None:
    operations = [op("create", "members", f"p{n}@acme.com") for n in range(1000)]
    operations[500]["key"] = "nobody"
    statuses = [r["status"] for r in api.batch(*operations)]
    assert statuses.count(201) == 999
    assert statuses[500] == 422
    assert api.get("/v1/members?limit=1").json()["total"] == 999


def test_nothing_is_a_batch_too(api: Api) -> None:
    assert api.batch() == []


# Idempotency


def test_an_operation_with_one_key_is_done_once(api: Api) -> None:
    make = op("create", "workspaces", "ws", idempotency_key="k1")
    change = op("update", "workspaces", "ws", attributes={"name": "W"}, idempotency_key="k2")
    remove = op("delete", "workspaces", "ws", idempotency_key="k3")
    first = api.batch(make, change, make, remove)
    assert [r["status"] for r in first] == [201, 200, 201, 204]
    assert first[0] == first[2]
    before = api.dump()
    assert api.batch(make, change, remove) == [first[0], first[1], first[3]]
    assert api.dump() == before, "the answers are remembered, nothing is done again"


def test_a_key_is_for_one_request(api: Api) -> None:
    api.batch(op("create", "workspaces", "ws", idempotency_key="k1"))
    other = api.batch(op("create", "workspaces", "other", idempotency_key="k1"))[0]
    assert (other["status"], other["problem"]["code"]) == (409, "idempotency-key-reused")
    assert api.addresses("workspace") == ["workspace/ws"]


def test_what_was_refused_is_judged_anew(api: Api) -> None:
    make = op("create", "tags", "ws/t", idempotency_key="k1")
    assert api.batch(make)[0]["status"] == 422
    api.have("workspace/ws")
    assert api.batch(make)[0]["status"] == 201


@pytest.mark.parametrize("method", ["create", "update", "delete", "batch"])
def test_a_request_with_one_key_is_done_once(api: Api, method: str) -> None:
    header = {"idempotency-key": "k1"}
    if method != "create":
        api.have("workspace/ws")

    def send(name: str) -> Any:
        body = {"attributes": {"name": name}}
        return {
            "create": lambda: api.post("/v1/workspaces", json={"key": "ws", **body}, headers=header),
            "update": lambda: api.patch("/v1/workspaces/ws", json=body, headers=header),
            "delete": lambda: api.delete("/v1/workspaces/" + {"A": "ws", "B": "other"}[name], headers=header),
            "batch": lambda: api.post("/v1/batch", json={"operations": [op("update", "workspaces", "ws", **body)]}, headers=header),
        }[method]()

    first = send("A")
    assert first.status_code < 300, first.text
    before = api.dump()
    again = send("A")
    assert (again.status_code, again.content, again.headers) == (first.status_code, first.content, first.headers)
    reused = send("B")
    assert (reused.status_code, reused.json()["code"]) == (409, "idempotency-key-reused")
    assert api.dump() == before


def test_a_key_is_of_one_company(api: Api, store: Store, kinds: Kinds) -> None:
    with Api(store, kinds, api.company + "-other") as other:
        for client in (api, other):
            assert client.make("workspace/ws", {}, **{"idempotency-key": "k1"}).status_code == 201
            assert client.addresses("workspace") == ["workspace/ws"]
        other.remove("workspace/ws")


def test_old_answers_are_forgotten(api: Api, store: Store) -> None:
    api.batch(op("create", "workspaces", "ws", idempotency_key="old"), op("create", "workspaces", "other", idempotency_key="new"))
    keys = tables.idempotency_keys
    with store.writing(api.company) as connection:
        aged = keys.update().where(keys.c.company == api.company, keys.c.key == "old")
        connection.execute(aged.values(created_at="2020-01-01T00:00:00.000Z"))
    api.batch(op("delete", "workspaces", "ws", idempotency_key="newest"))
    assert [row[1] for row in api.dump()["idempotency_keys"]] == ["new", "newest"]


def test_a_bad_key_is_a_problem_of_its_operation(api: Api) -> None:
    results = api.batch(op("create", "workspaces", "a", idempotency_key="ä"), op("create", "workspaces", "b", idempotency_key="b"))
    assert [r["status"] for r in results] == [400, 201]


# All or nothing


def refused(api: Api, *operations: dict[str, Any], **headers: str) -> dict[str, Any]:
    """The problem that refuses an atomic batch, of which nothing is left."""
    before = api.dump()
    answer = api.post("/v1/batch", json={"operations": list(operations), "atomic": True}, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "batch-refused"
    assert answer.json()["status"] == answer.status_code
    assert api.dump() == before
    return dict(answer.json())


def test_all_are_done(api: Api) -> None:
    operations = [op("create", "workspaces", "ws"), op("create", "tags", "ws/t"), op("delete", "tags", "ws/t")]
    answer = api.post("/v1/batch", json={"operations": operations, "atomic": True})
    assert answer.status_code == 200
    assert [r["status"] for r in answer.json()["results"]] == [201, 201, 204]
    assert len(api.events()) == 3


def test_one_that_is_refused_undoes_all(api: Api) -> None:
    api.have("workspace/old")
    problem = refused(
        api,
        op("create", "workspaces", "ws"),
        op("create", "workspaces", "old"),
        op("update", "workspaces", "old", attributes={"name": 3, "nothing": 1}),
        op("update", "workspaces", "old", new_key="new"),
        op("delete", "nothings", "x"),
        op("create", "memberships", "ws/a@acme.com"),
    )
    assert problem["status"] == 409
    assert [r["status"] for r in problem["results"]] == [424, 409, 422, 424, 404, 422]
    assert problem["results"][0]["problem"]["code"] == "not-done"
    assert problem["detail"] == "nothing is done, as operation 1 is refused: workspace/old exists already (and 3 more)"
    assert [e["pointer"] for e in problem["errors"]] == [
        "/operations/1",
        "/operations/2/attributes/nothing",
        "/operations/4",
        "/operations/5/key",
    ]


def test_what_comes_after_sees_what_came_before_though_nothing_stays(api: Api) -> None:
    problem = refused(
        api, op("create", "workspaces", "ws"), op("create", "tags", "ws/t"), op("delete", "workspaces", "ws"), op("create", "tags", "ws/t")
    )
    assert [r["status"] for r in problem["results"]] == [424, 424, 424, 422]
    assert api.addresses("workspace") == []


def test_item_by_item_is_how_it_is_without_a_word(api: Api) -> None:
    operations = [op("create", "workspaces", "ws"), op("create", "tags", "other/t")]
    answer = api.post("/v1/batch", json={"operations": operations, "atomic": False})
    assert (answer.status_code, [r["status"] for r in answer.json()["results"]]) == (200, [201, 422])


@pytest.mark.parametrize("atomic", [1, "true", None, []])
def test_atomic_is_true_or_false(api: Api, atomic: Any) -> None:
    answer = api.post("/v1/batch", json={"operations": [], "atomic": atomic})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/atomic")


def test_nothing_is_remembered_of_a_refused_one(api: Api) -> None:
    make = op("create", "tags", "ws/t", idempotency_key="item")
    problem = refused(api, op("create", "workspaces", "other", idempotency_key="other"), make, **{"idempotency-key": "all"})
    assert [r["status"] for r in problem["results"]] == [424, 422]
    api.have("workspace/ws")
    body = {"operations": [op("create", "workspaces", "other", idempotency_key="other"), make], "atomic": True}
    done = api.post("/v1/batch", json=body, headers={"idempotency-key": "all"})
    assert [r["status"] for r in done.json()["results"]] == [201, 201]
    before = api.dump()
    again = api.post("/v1/batch", json=body, headers={"idempotency-key": "all"})
    assert (again.status_code, again.content, again.headers) == (done.status_code, done.content, done.headers)
    assert api.dump() == before


def test_what_an_earlier_request_did_stands(api: Api) -> None:
    """An operation that is only repeated was done, whatever becomes of the batch that repeats it."""
    make = op("create", "workspaces", "ws", idempotency_key="k1")
    first = api.batch(make)[0]
    fresh = op("create", "workspaces", "new", idempotency_key="k2")
    problem = refused(api, make, fresh, fresh, op("delete", "workspaces", "nowhere"))
    assert problem["results"][0] == first
    assert [r["status"] for r in problem["results"]] == [201, 424, 424, 404]


def test_item_by_item_and_all_or_nothing_are_two_requests(api: Api) -> None:
    operations = [op("create", "workspaces", "ws")]
    header = {"idempotency-key": "k1"}
    assert api.post("/v1/batch", json={"operations": operations}, headers=header).status_code == 200
    other = api.post("/v1/batch", json={"operations": operations, "atomic": True}, headers=header)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")
