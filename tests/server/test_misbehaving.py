"""Clients that misbehave: each gets a 4xx with a stable code, as a problem document, and nothing is changed."""
# ruff: noqa: E501 - one line a case reads best

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from orgform.codec import Struct, encode
from tests.server.conftest import Api

JSON = {"content-type": "application/json"}


class Case(Struct, frozen=True):
    """`body`: bytes as they are, anything else as JSON."""

    name: str
    method: str
    path: str
    status: int
    code: str
    body: Any = None
    pointer: str | None = None
    headers: dict[str, str] = {}


def create(kind: str, key: str, **attributes: Any) -> dict[str, Any]:
    return {"path": f"/v1/{kind}", "body": {"key": key, "attributes": attributes}}


def case(name: str, status: int, code: str, method: str, **rest: Any) -> Case:
    return Case(name=name, status=status, code=code, method=method, **rest)


WS = "/v1/workspaces/ws"


def nested(levels: int) -> bytes:
    return b'{"key":"deep","attributes":{"type":"object","default":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}}"


CASES = [
    # Where nothing is
    case("no route", 404, "no-such-route", "GET", path="/"),
    case("another version", 404, "no-such-route", "GET", path="/v2/workspaces"),
    case("no collection", 404, "no-such-collection", "GET", path="/v1/unicorns"),
    case("no collection to write to", 404, "no-such-collection", "POST", path="/v1/unicorns", body={"key": "x"}),
    case("no collection for one", 404, "no-such-collection", "DELETE", path="/v1/unicorns/x"),
    case("no resource", 404, "not-found", "GET", path="/v1/workspaces/other"),
    case("no resource to change", 404, "not-found", "PATCH", path="/v1/workspaces/other", body={"attributes": {}}),
    case("no resource to delete", 404, "not-found", "DELETE", path="/v1/workspaces/other"),
    case("a key that cannot be", 404, "not-found", "GET", path="/v1/workspaces/a/b/c"),
    case("a key with a NUL", 404, "not-found", "GET", path="/v1/tags/ws/a%00b"),
    case("a key that is not UTF-8", 404, "not-found", "GET", path="/v1/tags/ws/a%ff"),
    case("a trailing slash", 404, "not-found", "GET", path="/v1/workspaces/"),
    case("a path out of the tree", 404, "no-such-route", "GET", path="/v1/../etc/passwd"),
    # Methods
    case("delete a collection", 405, "method-not-allowed", "DELETE", path="/v1/workspaces"),
    case("put", 405, "method-not-allowed", "PUT", path=WS, body={"attributes": {}}),
    case("post to one", 405, "method-not-allowed", "POST", path=WS, body={}),
    case("read a batch", 405, "method-not-allowed", "GET", path="/v1/batch"),
    case("write the audit log", 405, "method-not-allowed", "POST", path="/v1/audit-events", body={}),
    case("a method of one's own", 405, "method-not-allowed", "FROBNICATE", path="/v1/workspaces"),
    # Queries
    case("limit is no number", 400, "limit", "GET", path="/v1/workspaces?limit=many"),
    case("limit is zero", 400, "limit", "GET", path="/v1/workspaces?limit=0"),
    case("limit is negative", 400, "limit", "GET", path="/v1/workspaces?limit=-1"),
    case("limit is too large", 400, "limit", "GET", path="/v1/workspaces?limit=1001"),
    case("limit is huge", 400, "limit", "GET", path="/v1/workspaces?limit=" + "9" * 5000),
    case("limit is empty", 400, "limit", "GET", path="/v1/workspaces?limit="),
    case("limit in other digits", 400, "limit", "GET", path="/v1/workspaces?limit=%D9%A3"),
    case("a cursor of one's own", 400, "cursor", "GET", path="/v1/workspaces?cursor=abc"),
    case("an empty cursor", 400, "cursor", "GET", path="/v1/workspaces?cursor="),
    case("a cursor that is not ASCII", 400, "cursor", "GET", path="/v1/workspaces?cursor=%C3%A4"),
    case("a cursor of another list", 400, "cursor", "GET", path="/v1/workspaces?cursor=WyJtZW1iZXJzIiwiYSJd"),
    case("a cursor with a NUL", 400, "cursor", "GET", path="/v1/workspaces?cursor=WyJ3b3Jrc3BhY2VzIiwiXHUwMDAwIl0"),
    case("a cursor of another shape", 400, "cursor", "GET", path="/v1/workspaces?cursor=e30"),
    case("an unknown parameter", 400, "query", "GET", path="/v1/workspaces?filter=x"),
    case("a parameter twice", 400, "query", "GET", path="/v1/workspaces?limit=1&limit=2"),
    case("a query on one", 400, "query", "GET", path=WS + "?limit=1"),
    case("a query on a write", 400, "query", "DELETE", path=WS + "?force=true"),
    case("audit since nonsense", 400, "since", "GET", path="/v1/audit-events?since=yesterday"),
    case("audit since before time", 400, "since", "GET", path="/v1/audit-events?since=0001-01-01T00:00:00%2B23:59"),
    case("audit of a NUL", 400, "query", "GET", path="/v1/audit-events?address=%00"),
    case("audit cursor of nonsense", 400, "cursor", "GET", path="/v1/audit-events?cursor=WyJhdWRpdC1ldmVudHM_W251bGwsbnVsbCxudWxsXSIsIngiXQ"),
    # Bodies
    case("no body", 400, "json", "POST", path="/v1/workspaces"),
    case("no JSON", 400, "json", "POST", path="/v1/workspaces", body=b"{", headers=JSON),
    case("not UTF-8", 400, "json", "POST", path="/v1/workspaces", body=b'{"key":"\xff"}', headers=JSON),
    case("NaN", 400, "json", "POST", path="/v1/auto_top_up", body=b'{"key":"ws","attributes":{"threshold":NaN}}', headers=JSON),
    case("half a surrogate", 400, "json", "POST", path="/v1/workspaces", body=b'{"key":"\\ud800"}', headers=JSON),
    case("too deep", 400, "json", "POST", path="/v1/features", body=nested(5000), headers=JSON),
    case("a list", 422, "shape", "POST", path="/v1/workspaces", body=[]),
    case("null", 422, "shape", "POST", path="/v1/workspaces", body=b"null", headers=JSON),
    case("a key that is a number", 422, "shape", "POST", path="/v1/workspaces", body={"key": 5}, pointer="/key"),
    case("attributes that are a list", 422, "shape", "POST", path="/v1/workspaces", body={"key": "a", "attributes": []}, pointer="/attributes"),
    case("an unknown member", 422, "shape", "POST", path="/v1/workspaces", body={"key": "a", "attribute": {}}),
    case("a new key that is null", 422, "shape", "PATCH", path=WS, body={"key": None}, pointer="/key"),
    case("an etag in the body", 422, "shape", "PATCH", path=WS, body={"etag": "x"}),
    case("a number out of range", 422, "shape", "POST", path="/v1/auto_top_up", body=b'{"key":"ws","attributes":{"amount":1e999}}', headers=JSON),
    case("a delete with a body", 400, "body", "DELETE", path=WS, body={}),
    case("no media type", 415, "media-type", "POST", path="/v1/workspaces", body=b'{"key":"a"}'),
    case("a form", 415, "media-type", "POST", path="/v1/workspaces", body=b"key=a", headers={"content-type": "application/x-www-form-urlencoded"}),
    case("too large", 413, "body-too-large", "POST", path="/v1/workspaces", body=b" " * 5000, headers=JSON),
    # Keys
    case("no key", 422, "key", "POST", **create("workspaces", ""), pointer="/key"),
    case("a slash in a key", 422, "key", "POST", **create("workspaces", "a/b"), pointer="/key"),
    case("a key with a part missing", 422, "key", "POST", **create("tags", "ws"), pointer="/key"),
    case("a key with an empty part", 422, "key", "POST", **create("tags", "ws/"), pointer="/key"),
    case("a key that is too long", 422, "key", "POST", **create("tags", "ws/" + "x" * 2000), pointer="/key"),
    case("a key with a space", 422, "format", "POST", **create("workspaces", "a b"), pointer="/key"),
    case("a key with a control character", 422, "format", "POST", **create("tags", "ws/a\x07b"), pointer="/key"),
    case("no e-mail", 422, "format", "POST", **create("members", "alice"), pointer="/key"),
    case("no e-mail in a membership", 422, "format", "POST", **create("memberships", "ws/bob"), pointer="/key"),
    case("no FQDN", 422, "format", "POST", **create("domains", "acme"), pointer="/key"),
    case("a second company", 422, "key", "POST", **create("company", "other", name="A", primary_domain="acme.com"), pointer="/key"),
    case("a built-in role", 422, "built-in", "POST", **create("roles", "admin", scope="company"), pointer="/key"),
    # Attributes
    case("an unknown attribute", 422, "unknown-attribute", "POST", **create("workspaces", "a", nmae="x"), pointer="/attributes/nmae"),
    case("an unknown one to remove", 422, "unknown-attribute", "PATCH", path=WS, body={"attributes": {"nmae": None}}, pointer="/attributes/nmae"),
    case("an observed one", 422, "unknown-attribute", "PATCH", path=WS, body={"attributes": {"balance": 1}}, pointer="/attributes/balance"),
    case("a local one", 422, "unknown-attribute", "POST", **create("members", "x@acme.com", until="2027-01-01"), pointer="/attributes/until"),
    case("a wrong type", 422, "schema", "POST", **create("workspaces", "a", name=5), pointer="/attributes/name"),
    case("a wrong type inside", 422, "schema", "POST", **create("workspaces", "a", labels={"a/b": 5}), pointer="/attributes/labels/a~1b"),
    case("an unknown setting", 422, "schema", "POST", **create("workspaces", "a", settings={"x": 1}), pointer="/attributes/settings"),
    case("a missing one", 422, "schema", "POST", **create("message_templates", "ws/a"), pointer="/attributes"),
    case("a required one removed", 422, "schema", "PATCH", path="/v1/company/company", body={"attributes": {"name": None}}, pointer="/attributes"),
    case("no time zone", 422, "format", "POST", **create("workspaces", "a", settings={"timezone": "Mars/X"}), pointer="/attributes/settings/timezone"),
    case("no currency", 422, "format", "POST", **create("auto_top_up", "ws", threshold=1, amount=1, currency="XXQ"), pointer="/attributes/currency"),
    case("no date", 422, "format", "POST", **create("features", "f", type="boolean", default=True, expires="1.2.27"), pointer="/attributes/expires"),
    case("no e-mail in a list", 422, "format", "POST", **create("groups", "g", members=["owner@acme.com", "x"]), pointer="/attributes/members/1"),
    case("a value too deep", 422, "value", "POST", path="/v1/features", body=nested(101), headers=JSON),
    # What stands in its way
    case("made twice", 409, "exists", "POST", **create("workspaces", "ws")),
    case("made twice in other spelling", 409, "exists", "POST", **create("members", "OWNER@acme.com")),
    case("a missing parent", 422, "no-such-reference", "POST", **create("tags", "other/a"), pointer="/key"),
    case("a missing principal", 422, "no-such-reference", "POST", **create("memberships", "ws/group:x"), pointer="/key"),
    case("a missing reference", 422, "no-such-reference", "POST", **create("workspaces", "a", parent="b"), pointer="/attributes/parent"),
    case("a stale change", 412, "precondition-failed", "PATCH", path=WS, body={"attributes": {"name": "x"}}, headers={"if-match": '"1"'}),
    case("a stale delete", 412, "precondition-failed", "DELETE", path=WS, headers={"if-match": '"1"'}),
    case("an idempotency key too long", 400, "idempotency-key", "DELETE", path=WS, headers={"idempotency-key": "k" * 256}),
    case("an empty idempotency key", 400, "idempotency-key", "DELETE", path=WS, headers={"idempotency-key": ""}),
    # Batches
    case("a batch of nothing", 422, "shape", "POST", path="/v1/batch", body={}),
    case("a batch of too much", 413, "batch-too-large", "POST", path="/v1/batch", body=b'{"operations":[' + b",".join([b'{"method":"delete","collection":"x"}'] * 1001) + b"]}", headers=JSON),
    case("a method that is none", 422, "shape", "POST", path="/v1/batch", body={"operations": [{"method": "upsert", "collection": "x"}]}, pointer="/operations/0/method"),
]  # fmt: skip


@pytest.fixture
def company(api: Api) -> Api:
    api.have("domain/acme.com")
    api.have("company/company")
    api.have("workspace/ws")
    api.make("member/owner@acme.com", {"role": "owner"})
    return api


@pytest.mark.parametrize("given", CASES, ids=lambda c: c.name)
def test_a_client_that_misbehaves_changes_nothing(company: Api, given: Case) -> None:
    before = company.dump()
    body = given.body if isinstance(given.body, bytes) else encode(given.body) if given.body is not None else None
    headers = dict(given.headers) if isinstance(given.body, bytes) or body is None else {**JSON, **given.headers}
    limit = 4000 if given.name == "too large" else None
    if limit:
        with Api(company.store, company.kinds, company.company, largest_body=limit) as strict:
            answer = strict.request(given.method, given.path, content=body, headers=headers)
    else:
        answer = company.request(given.method, given.path, content=body, headers=headers)
    _is_problem(answer, given.status, given.code)
    if given.pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == given.pointer
    assert company.dump() == before


@pytest.mark.parametrize(
    "given", [c for c in CASES if c.path.startswith("/v1/") and isinstance(c.body, dict) and "key" in c.body], ids=lambda c: c.name
)
def test_the_same_in_a_batch_is_a_problem_of_that_operation(company: Api, given: Case) -> None:
    if given.code == "shape" or given.method != "POST":
        return
    collection = given.path.split("/")[2]
    good = {"method": "create", "collection": "workspaces", "key": "good"}
    bad = {"method": "create", "collection": collection, **given.body}
    first, second, third = company.batch(good, bad, {"method": "delete", "collection": "workspaces", "key": "good"})
    assert (first["status"], third["status"]) == (201, 204)
    assert (second["status"], second["problem"]["code"]) == (given.status, given.code)
    if given.pointer is not None:
        assert second["problem"]["errors"][0]["pointer"] == "/operations/1" + given.pointer


def _is_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:orgform:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    if status == 405:
        assert answer.headers["allow"]


def test_every_fault_of_a_body_comes_at_once(company: Api) -> None:
    answer = company.make("workspace/a", {"name": 5, "region": "", "labels": {"x": 1}})
    assert {e["pointer"] for e in answer.json()["errors"]} == {"/attributes/name", "/attributes/region", "/attributes/labels/x"}
    assert answer.json()["detail"].endswith("(and 2 more)")


MANY = 40_000
WRONG: dict[str, dict[str, Any]] = {
    "unknown attributes": create("workspaces", "a", name="A", **{f"x{n}": 1 for n in range(MANY)}),
    "nulls for what cannot be": create("workspaces", "a", name="A", settings={f"x{n}": None for n in range(MANY)}),
    "numbers for words": create("groups", "g", members=list(range(6 * MANY))),
    "a map of numbers": create("workspaces", "a", name="A", labels={f"x{n}": 1 for n in range(3 * MANY)}),
    "no addresses": create("groups", "g", members=[f"x{n}" for n in range(MANY)]),
    "nobody": create("groups", "g", members=[f"x{n}@acme.com" for n in range(MANY)]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_body_that_is_wrong_throughout_is_refused_in_little_time_and_few_words(company: Api, name: str) -> None:
    """To look for every fault took minutes, in which nobody else was answered, and some answers were larger than the body."""
    body = encode(WRONG[name]["body"])
    began = time.process_time()
    answer = company.post(WRONG[name]["path"], content=body, headers=JSON)
    assert time.process_time() - began < 5
    assert answer.status_code == 422
    assert 1 <= len(answer.json()["errors"]) <= 20
    assert len(answer.content) < 10_000


def test_many_values_and_one_fault(company: Api) -> None:
    words: list[Any] = [f"x{n}@acme.com" for n in range(1000)]
    answer = company.make("group/g", {"members": [*words, 5]})
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/attributes/members/1000", "schema")]


def test_a_value_of_a_hundred_levels_is_kept(company: Api) -> None:
    assert company.post("/v1/features", content=nested(99), headers=JSON).status_code == 201
    assert company.get("/v1/features").json()["total"] == 1


def test_no_depth_breaks_anything(company: Api) -> None:
    """Reading a body, and writing it again, each have their limit; between them is no gap."""
    for levels in range(880, 1000, 3):
        answer = company.post("/v1/features", content=nested(levels), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) in ((400, "json"), (422, "value"))
        batch = b'{"operations":[' + nested(levels)[:-1] + b',"method":"create","collection":"features","idempotency_key":"k"}]}'
        answer = company.post("/v1/batch", content=batch, headers=JSON)
        assert answer.status_code == 400 or answer.json()["results"][0]["problem"]["code"] == "value"


def test_a_huge_number_is_kept_as_it_is(company: Api) -> None:
    body = b'{"key":"f","attributes":{"type":"number","default":123456789012345678901234567890}}'
    assert company.post("/v1/features", content=body, headers=JSON).status_code == 201
    assert b"123456789012345678901234567890" in company.get("/v1/features/f").content


def test_a_number_of_thousands_of_digits_is_refused_or_kept(company: Api) -> None:
    body = b'{"key":"f","attributes":{"type":"number","default":' + b"9" * 5000 + b"}}"
    assert company.post("/v1/features", content=body, headers=JSON).status_code in (201, 400, 422)
    assert company.get("/v1/features").status_code == 200
