"""The application as a server runs it: in an event loop, handlers in threads."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform import server
from orgform.kinds import Kind, Kinds
from orgform.server import Store, create_app
from tests.server.conftest import Api

BROKEN = Kind(
    {"x-kind": "broken", "x-collection": "broken", "x-key": {"name": "key"}, "type": "object", "properties": {"a": {"pattern": "("}}}
)


def asked(app: Any, method: str, path: str, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())


@pytest.fixture
def wider(kinds: Kinds) -> Kinds:
    return Kinds([*kinds.values(), BROKEN])


def test_handlers_run_in_threads(store: Store, kinds: Kinds) -> None:
    app = create_app(store, kinds)
    assert asked(app, "POST", "/v1/workspaces", json={"key": "threaded"}).status_code == 201
    assert asked(app, "GET", "/v1/workspaces/threaded").status_code == 200
    assert asked(app, "HEAD", "/v1/workspaces/threaded").content == b""
    assert asked(app, "DELETE", "/v1/workspaces/threaded").status_code == 204


def test_what_the_server_itself_does_wrong_is_logged_and_answered(store: Store, wider: Kinds, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "orgform.server"):
        answer = asked(create_app(store, wider), "POST", "/v1/broken", json={"key": "a"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "(" not in answer.json()["detail"], "how it failed is for its log"
    [record] = caplog.records
    assert record.getMessage() == "POST /v1/broken failed"
    assert record.exc_info


def test_in_the_process_the_caller_gets_the_error_itself(store: Store, wider: Kinds) -> None:
    with Api(store, wider, "broken") as api, pytest.raises(ValueError, match="regex"):
        api.make("broken/a")


def test_a_client_that_hangs_up_in_the_middle(store: Store, kinds: Kinds) -> None:
    sent: list[Any] = []
    incoming = iter([{"type": "http.request", "body": b'{"key":', "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/workspaces", "query_string": b"", "headers": headers}
    asyncio.run(create_app(store, kinds)(scope, receive, send))
    assert sent[0]["status"] == 400
    assert b"cut-off" in sent[1]["body"]


GROUPS, WORKSPACES, BATCH = "/v1/groups", "/v1/workspaces", "/v1/batch"


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        (WORKSPACES, [], [""]),
        (WORKSPACES, {"key": 5}, ["/key"]),
        (WORKSPACES, {"key": "a", "attributes": []}, ["/attributes"]),
        (WORKSPACES, {"key": "a", "x/y~z": 1}, ["/x~1y~0z"]),
        (WORKSPACES, {"key": "a", "attributes": {"a/b~c": 5}}, ["/attributes/a~1b~0c"]),
        (WORKSPACES, {"key": "a", "attributes": {"labels": {"a/b~c": 5}}}, ["/attributes/labels/a~1b~0c"]),
        (
            WORKSPACES,
            {"key": "a", "attributes": {"settings": {"thresholds": {"x.y[0]`": "z"}}}},
            ["/attributes/settings/thresholds/x.y[0]`"],
        ),
        (GROUPS, {"key": "a", "attributes": {"members": ["a@b.com", 5]}}, ["/attributes/members/1"]),
        (GROUPS, {"key": "a", "attributes": {"members": ["a@b.com", "zz"]}}, ["/attributes/members/1"]),
        # The order is the client's own, whatever is kept of it.
        (GROUPS, {"key": "a", "attributes": {"members": ["Z@acme.com", "a@acme.com"]}}, ["/attributes/members/1", "/attributes/members/0"]),
        ("/v1/members", {"key": "a@acme.com", "attributes": {"role": "boss"}}, ["/attributes/role"]),
        (BATCH, {}, [""]),
        (BATCH, {"operations": {}}, ["/operations"]),
        (BATCH, {"operations": [{"method": "mend", "collection": "groups"}]}, ["/operations/0/method"]),
        (BATCH, {"operations": [{"method": "create", "collection": "groups", "attributes": []}]}, ["/operations/0/attributes"]),
        (BATCH, {"operations": [{"method": "create", "collection": "groups", "a/b": 1}]}, ["/operations/0/a~1b"]),
    ],
)
def test_faults_point_into_the_body(api: Api, path: str, body: Any, pointers: list[str]) -> None:
    answer = api.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == pointers


@pytest.mark.parametrize(
    ("attributes", "at"),
    [
        ({"members": ["b@acme.com", "A@acme.com"]}, "/operations/1/attributes/members/0"),
        ({"name": 5}, "/operations/1/attributes/name"),
        ({"x~/y": 5}, "/operations/1/attributes/x~0~1y"),
    ],
)
def test_faults_of_an_operation_point_into_the_batch(api: Api, attributes: dict[str, Any], at: str) -> None:
    made = {"method": "create", "collection": "members", "key": "a@acme.com"}
    results = api.batch(made, {"method": "create", "collection": "groups", "key": "x", "attributes": attributes})
    assert [fault["pointer"] for fault in results[1]["problem"]["errors"]] == [at]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b'{"key": "\xc3("}',
        b'{"key": "\\ud800"}',
        b"\xff\xfe{\x00}\x00",
        b'{"key": NaN}',
        b"{'key': 'a'}",
        b'{"key": "a",}',
    ],
)
def test_what_is_no_json_is_400(api: Api, body: bytes) -> None:
    answer = api.post(WORKSPACES, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "json"), answer.text


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_that_no_machine_holds_is_422(api: Api, number: str) -> None:
    body = f'{{"key": "a", "attributes": {{"settings": {{"thresholds": {{"x": {number}}}}}}}}}'
    answer = api.post(WORKSPACES, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/attributes")


def test_types_have_their_names_in_json(api: Api) -> None:
    assert api.post(WORKSPACES, json={"key": 5}).json()["detail"] == "Expected `string`, got `number`"
    matched = {"method": "delete", "collection": "workspaces", "key": "x", "if_match": 5}
    assert api.post("/v1/batch", json={"operations": [matched]}).json()["detail"] == "Expected `string | null`, got `number`"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v2/members", "/v1members", "/v1/nothing", "/v1/nothing/at/all", "/v1/members/"])
def test_where_nothing_is(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/members", "OPTIONS, HEAD, GET, POST"),
        ("/v1/members/a@acme.com", "OPTIONS, HEAD, GET, PATCH, DELETE"),
        ("/v1/batch", "OPTIONS, POST"),
        ("/v1/audit-events", "OPTIONS, HEAD, GET"),
        ("/v1/whoami", "OPTIONS, HEAD, GET"),
        ("/v1/domains/acme.com/verify", "OPTIONS, POST"),
        ("/openapi.json", "OPTIONS, HEAD, GET"),
    ],
)
def test_other_methods_are_405_and_told(api: Api, path: str, allowed: str) -> None:
    assert api.options(path).headers["allow"] == allowed
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - set(allowed.split(", ")):
        answer = api.request(method, path)
        assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, allowed, "method-not-allowed")


@pytest.mark.parametrize("type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_other_types_are_415(api: Api, type: str) -> None:
    answer = api.post(WORKSPACES, content=b'{"key": "a"}', headers={"content-type": type})
    assert (answer.status_code, answer.json()["code"]) == (415, "media-type")
    assert "application/json" in answer.headers["accept-patch"]


@pytest.mark.parametrize("type", ["application/json", "APPLICATION/JSON; charset=utf-8", "application/merge-patch+json"])
def test_types_that_are_taken(api: Api, type: str) -> None:
    assert api.post(WORKSPACES, content=b'{"key": "a"}', headers={"content-type": type}).status_code == 201


def test_what_the_package_offers(tmp_path: Path) -> None:
    assert {"create_app", "Store", "StoreError", "Caller"} == set(server.__all__)
    with pytest.raises(AttributeError):
        server.nothing  # noqa: B018


API_PAGE = Path(__file__).parents[2] / "docs" / "api.md"
#: where each function that makes a problem or a fault takes its code
CODE_AT = {"Problem": 1, "Fault": 2, "bad_request": 0, "invalid": 0, "conflict": 0, "_refused": 0}


def codes_in(source: str) -> set[str]:
    """Codes that stand in a module, as they are or as one of two (`a if b else c`), and in lists of (code, sentence)."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            at = CODE_AT.get(node.func.id)
            given = node.args[at : at + 1] if at is not None else []
        elif isinstance(node, ast.Yield | ast.Return) and isinstance(node.value, ast.Tuple):
            given = node.value.elts[:1]
        for part in given:
            for value in (part.body, part.orelse) if isinstance(part, ast.IfExp) else (part,):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found.add(value.value)
    return {code for code in found if re.fullmatch(r"[a-z]+(-[a-z]+)*", code)}


def test_every_code_is_in_the_table_of_the_docs() -> None:
    rows = [row.split(" | ") for row in API_PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    table = {code for row in rows if len(row) > 2 for code in re.findall(r"`([a-z-]+)`", row[0])}
    folder = Path(server.__file__).parent
    written = {code for file in folder.rglob("*.py") for code in codes_in(file.read_text(encoding="utf-8"))}
    # Made of a word that is found at run time (a token's state, a query parameter's name), or of an exception of its own.
    made = {"expired-token", "revoked-token", "since", "until", "wrong-token"}
    assert {"json", "cycle", "storage-lost", "no-such-variant", "rate-limited"} <= written, "the search finds codes wherever they stand"
    assert table == written | made
