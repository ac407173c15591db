"""Requests inside of requests: by a batch, by headers that name another method or company, by paths, and by where a body ends.

Each is asked of a real server, over its socket; afterwards everything is as it was.
"""

# ruff: noqa: E501 - one thing to try beside the other reads best
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orgform.testing.server import RunningServer, running_server
from tests.server.serving import all_of, answer_of, client_of, connected, told

THEIRS = ("members/their@their.example", "workspaces/their-ws")
OURS = ("members/own@own.example", "workspaces/own-ws")


class Site:
    """A server with two companies; `get` and `post` are asked with our token."""

    def __init__(self, server: RunningServer) -> None:
        self.server, self.client = server, client_of(server)
        self.they, self.we, self.reader = server.token("they", "write"), server.token("we", "write"), server.token("we", "read")
        for token, paths in ((self.they, THEIRS), (self.we, OURS)):
            for path in paths:
                collection, _, key = path.partition("/")
                assert self.ask("POST", f"/v1/{collection}", token, json={"key": key}).status_code == 201

    def ask(self, method: str, path: str, token: str = "", headers: dict[str, str] | None = None, **more: Any) -> Any:
        return self.client.request(method, path, headers={"authorization": f"Bearer {token or self.we}", **(headers or {})}, **more)

    def last(self, token: str) -> Any:
        """What happened last in the company of a token: nothing is changed without an event."""
        return self.ask("GET", "/v1/audit-events?limit=1", token).json()

    def head(self, line: str, *lines: str) -> bytes:
        words = [line, "host: x", f"authorization: Bearer {self.we}", "content-type: application/json", *lines]
        return "\r\n".join([*words, "", ""]).encode("latin-1")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_server(tmp_path_factory.mktemp("smuggling") / "acme.db", without_tokens=False) as server:
        site = Site(server)
        yield site
        site.client.close()
        assert server.stop() == 0
        log = server.log()
    assert "Traceback" not in log
    assert [t for t in (site.they, site.we, site.reader) if t.split("_", 2)[2] in log] == []


@pytest.fixture(autouse=True)
def as_it_was(site: Site, request: pytest.FixtureRequest) -> Iterator[None]:
    before = site.last(site.they), site.last(site.we)
    yield
    if "twice_in_a_batch" not in request.node.name:
        assert (site.last(site.they), site.last(site.we)) == before


# By a batch

COLLECTIONS = [
    "", "batch", "whoami", "audit-events", "tokens", "companies", "Members", "MEMBERS", "members ", " members", "members/", "/members",
    "members?x=1", "members#", "members\0", "../they/members", "..", "v1/members", "members/their@their.example", "%6dembers",
    "\uff4dembers", "m\u0435mbers", "members/verify", "{collection}", "x" * 10_000,
]  # fmt: skip
KEYS = [
    "", "/", "//", ".", "..", "../own-ws", "../../they/workspaces/their-ws", "..%2fown-ws", "%2e%2e/own-ws", "own-ws/", "/own-ws", "own-ws/..",
    "own-ws%00", "own-ws\0", "own-ws\n", "own-ws ", "own-ws?x", "own-ws#x", "own\u2010ws", "\u043ewn-ws", "\uff4fwn-ws", "own-ws\u200b",
    "their-ws", "they/their-ws", "they:their-ws", "workspaces/own-ws", "own-ws/verify", "x" * 100_000, "own-ws;own-ws", "*", "own-ws,their-ws",
]  # fmt: skip
EXTRA = [
    {"path": "/v1/members"}, {"headers": {"authorization": "x"}}, {"company": "they"}, {"token": "x"}, {"actor": "their@their.example"},
    {"scope": "write"}, {"url": "http://x"}, {"body": {}}, {"operations": []}, {"Key": "x"}, {"X-HTTP-Method-Override": "DELETE"},
    {"method": "DELETE"}, {"method": "create "}, {"method": "CREATE"}, {"method": "verify"}, {"method": "get"}, {"method": ["delete"]},
    {"collection": ["members"]}, {"key": ["own-ws"]}, {"key": None}, {"key": {"$ne": ""}},
]  # fmt: skip


def test_a_batch_reaches_resources_of_its_own_company_only(site: Site) -> None:
    operations: list[dict[str, Any]] = [
        {"method": method, "collection": c, "key": "their@their.example"} for c in COLLECTIONS for method in ("update", "delete")
    ]
    operations += [{"method": m, "collection": "workspaces", "key": key} for key in KEYS for m in ("update", "delete")]
    operations += [{"method": "update", "collection": "workspaces", "key": "own-ws", "new_key": key} for key in KEYS if "their" not in key]
    operations += [{"method": "create", "collection": c, "key": "x@own.example"} for c in COLLECTIONS]
    for atomic in (False, True):
        answer = site.ask("POST", "/v1/batch", json={"operations": operations, "atomic": atomic})
        results = answer.json()["results"]
        assert len(results) == len(operations)
        assert {r["status"] for r in results} <= {400, 404, 422}, [
            (o, r) for o, r in zip(operations, results, strict=True) if r["status"] not in (400, 404, 422)
        ]
        assert "their-ws" not in [r.get("key") for r in results]


@pytest.mark.parametrize("extra", EXTRA, ids=[json.dumps(e) for e in EXTRA])
def test_an_operation_is_a_collection_and_a_key(site: Site, extra: dict[str, Any]) -> None:
    """Whatever else it says, nothing of the batch is done."""
    good = {"method": "delete", "collection": "workspaces", "key": "own-ws"}
    answer = site.ask("POST", "/v1/batch", json={"operations": [good, {**good, **extra}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "shape")


def test_a_batch_has_the_scope_of_its_token(site: Site) -> None:
    body = {"operations": [{"method": "delete", "collection": "workspaces", "key": "own-ws"}]}
    answer = site.ask("POST", "/v1/batch", site.reader, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope")


def test_the_same_twice_in_a_batch_and_in_other_spelling(site: Site) -> None:
    keys = ["twin@own.example", "twin@own.example", "TWIN@OWN.EXAMPLE", "Twin@own.example"]
    made = [{"method": "create", "collection": "members", "key": key} for key in keys]
    gone = [{"method": "delete", "collection": "members", "key": "tWin@own.example"} for _ in range(2)]
    results = site.ask("POST", "/v1/batch", json={"operations": [*made, *gone]}).json()["results"]
    assert [r["status"] for r in results] == [201, 409, 409, 409, 204, 404]


# By a name that stands twice

TWINS = [
    ("POST", "/v1/workspaces", '{"key":"a","key":"b"}', "key"),
    ("POST", "/v1/workspaces", '{"key":"a","attributes":{"name":"x","name":"y"}}', "name"),
    ("POST", "/v1/workspaces", '{"key":"a","attributes":{"labels":{"l":"x","\\u006c":"y"}}}', "l"),
    ("PATCH", "/v1/workspaces/own-ws", '{"attributes":{},"attributes":{"name":"x"}}', "attributes"),
    ("POST", "/v1/batch", '{"operations":[],"operations":[{"method":"delete","collection":"workspaces","key":"own-ws"}]}', "operations"),
    ("POST", "/v1/batch", '{"operations":[{"method":"update","method":"delete","collection":"workspaces","key":"own-ws"}]}', "method"),
    ("POST", "/v1/batch", '{"atomic":true,"operations":[],"atomic":false}', "atomic"),
]


@pytest.mark.parametrize(("method", "path", "body", "name"), TWINS)
def test_a_name_that_stands_twice_is_refused(site: Site, method: str, path: str, body: str, name: str) -> None:
    answer = site.ask(method, path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "json")
    assert f"the name '{name}' stands twice" in answer.json()["detail"]


# By headers

SAYING_OTHERWISE = [
    {"x-http-method-override": "DELETE"}, {"x-http-method": "DELETE"}, {"x-method-override": "DELETE"}, {"x-original-method": "DELETE"},
    {"x-original-url": "/v1/workspaces/their-ws"}, {"x-rewrite-url": "/v1/workspaces/their-ws"}, {"x-forwarded-prefix": "/they"},
    {"host": "they.example"}, {"x-forwarded-host": "they.example"}, {"forwarded": "for=1;host=they"}, {"x-company": "they"},
    {"company": "they"}, {"x-tenant": "they"}, {"x-forwarded-user": "their@their.example"}, {"x-actor": "their@their.example"},
    {"cookie": "company=they"}, {"via": "1.1 they"}, {"x-forwarded-for": "127.0.0.1, they"},
]  # fmt: skip


@pytest.mark.parametrize("headers", SAYING_OTHERWISE, ids=lambda h: next(iter(h)))
def test_no_header_says_that_it_is_another_request(site: Site, headers: dict[str, str]) -> None:
    plain = site.ask("GET", "/v1/whoami").json()
    assert (plain["company"], plain["actor"]) == ("we", plain["actor"])
    assert site.ask("GET", "/v1/whoami", headers=headers).json() == plain
    assert site.ask("GET", "/v1/workspaces/own-ws", headers=headers).json()["key"] == "own-ws"
    assert site.ask("GET", "/v1/workspaces/own-ws?_method=DELETE", headers=headers).status_code == 400
    assert site.ask("POST", "/v1/workspaces/own-ws", headers=headers, json={}).status_code == 405


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "identity, gzip", "x"])
def test_a_packed_body_is_refused_by_name(site: Site, coding: str) -> None:
    answer = site.ask("POST", "/v1/workspaces", json={"key": "packed"}, headers={"content-encoding": coding})
    assert (answer.status_code, answer.json()["code"]) == (415, "content-encoding")
    assert answer.headers["accept-encoding"] == "identity"


def test_a_body_that_says_that_it_is_not_packed_is_taken(site: Site) -> None:
    answer = site.ask("PATCH", "/v1/workspaces/own-ws", json={"attributes": {}}, headers={"content-encoding": "identity"})
    assert answer.status_code == 200


def test_a_line_break_in_a_header_makes_no_header(site: Site) -> None:
    """As it came, and escaped: no answer has a header of somebody else's, and no line of the log begins there."""
    for sent in ("r1\r\nx-evil: 1", "r1\nx-evil: 1", "r1\rx-evil: 1", "r1%0d%0ax-evil: 1"):
        answer = told(
            site.server, site.head("GET /v1/whoami HTTP/1.1", f"x-request-id: {sent}", f"user-agent: {sent}", "connection: close")
        )
        head = answer.partition(b"\r\n\r\n")[0]
        assert b"\nx-evil" not in head
    path = "/v1/workspaces/a%0d%0ax-evil:%201"
    assert b"\nx-evil" not in told(site.server, site.head(f"GET {path} HTTP/1.1")).partition(b"\r\n\r\n")[0]
    assert [line for line in site.server.log().splitlines() if not line.startswith("{")] == []


# By paths

PATHS = [
    "//v1/workspaces/own-ws", "/v1//workspaces/own-ws", "/v1/workspaces//own-ws", "/v1/./workspaces/own-ws", "/./v1/workspaces/own-ws",
    "/healthz/../v1/workspaces/own-ws", "/healthz/%2e%2e/v1/workspaces/own-ws", "/v1/members/../workspaces/own-ws",
    "/v1/members/%2e%2e/workspaces/own-ws", "/v1/members/..%2fworkspaces/own-ws", "/v1/workspaces/x/../own-ws", "/v1/workspaces/own-ws/..",
    "/v1/workspaces/own-ws/", "/v1/workspaces/own-ws/.", "/v1/workspaces/own-ws%2f", "/v1/workspaces/own-ws%00", "/v1/workspaces/own-ws;x=1",
    "/v1/workspaces;x/own-ws", "/v1\\workspaces\\own-ws", "/v1/workspaces\\own-ws", "/V1/workspaces/own-ws", "/v1/Workspaces/own-ws",
    "/v1%2fworkspaces%2fown-ws%2f", "/v1/workspaces/%6fwn-ws%20", "/v1/they/workspaces/their-ws", "/they/v1/workspaces/their-ws",
    "/v1/workspaces/their-ws", "/v1/workspaces/%2574heir-ws", "/openapi.json/../v1/workspaces", "http://they.example/v1/workspaces/own-ws",
    "/v1/workspaces/..", "/v1/../v1/workspaces", "/v1/batch/", "/v1/whoami/x", "/v1/audit-events/1",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_taken_as_it_came(site: Site, path: str) -> None:
    """Nothing is normalised: what a proxy in front reads as another path is no path here."""
    for method in ("GET", "DELETE", "PATCH"):
        body = b'{"attributes":{}}' if method == "PATCH" else b""
        answer = told(site.server, site.head(f"{method} {path} HTTP/1.1", f"content-length: {len(body)}", "connection: close") + body)
        assert int(answer.split(None, 2)[1]) in (400, 404, 405), answer


@pytest.mark.parametrize("path", PATHS)
def test_no_path_is_open_that_should_not_be(site: Site, path: str) -> None:
    answer = told(site.server, f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert int(answer.split(None, 2)[1]) in (400, 401, 404), answer
    assert b'"key":' not in answer


# By where a body ends

GONE = b"DELETE /v1/workspaces/own-ws HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n\r\n"
LENGTHS = {
    "both, the chunks end first": ["content-length: {all}", "transfer-encoding: chunked"],
    "both, the other way round": ["transfer-encoding: chunked", "content-length: {all}"],
    "both, and no length": ["content-length: 0", "transfer-encoding: chunked"],
    "two lengths": ["content-length: 5", "content-length: {all}"],
    "two lengths in one": ["content-length: 5, {all}"],
    "a sign": ["content-length: +5"],
    "a negative one": ["content-length: -5"],
    "in hexadecimal": ["content-length: 0x5"],
    "an underscore": ["content-length: 1_0"],
    "a fraction": ["content-length: 5.0"],
    "a length of nothing": ["content-length:"],
    "other digits": ["content-length: \xb2"],
    "a space before the colon": ["content-length : 5"],
    "a space before the other colon": ["transfer-encoding : chunked"],
    "a tab before the colon": ["transfer-encoding\t: chunked"],
    "two codings": ["transfer-encoding: chunked", "transfer-encoding: identity"],
    "a coding of a coding": ["transfer-encoding: gzip, chunked"],
    "chunked twice": ["transfer-encoding: chunked, chunked"],
    "chunked first": ["transfer-encoding: chunked, identity"],
    "nearly chunked": ["transfer-encoding: xchunked"],
    "chunked in quotes": ['transfer-encoding: "chunked"'],
    "a vertical tab": ["transfer-encoding: \x0bchunked"],
    "folded": ["transfer-encoding:", " gzip, chunked"],
    "identity": ["transfer-encoding: identity"],
}
CHUNKS = [
    b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
    b"5\r\nhelloXX0\r\n\r\n", b"\r\n5\r\nhello\r\n0\r\n\r\n", b"5_0\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"5\rhello\r\n0\r\n\r\n", b"g\r\nhello\r\n0\r\n\r\n", b";\r\nhello\r\n0\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("name", LENGTHS)
def test_no_request_hides_behind_a_body(site: Site, name: str) -> None:
    """One answer, a refusal, and the end of the connection: what follows is never taken for a request."""
    hidden = b"0\r\n\r\n" + GONE % site.we.encode()
    lines = [line.format(all=len(hidden)) for line in LENGTHS[name]]
    answer = told(site.server, site.head("POST /v1/workspaces HTTP/1.1", *lines) + hidden)
    assert int(answer.split(None, 2)[1]) == 400, answer
    assert (answer.count(b"HTTP/1.1 4"), answer.count(b"HTTP/1.1 2")) == (1, 0)
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("chunk", CHUNKS)
def test_no_request_hides_behind_a_chunk(site: Site, chunk: bytes) -> None:
    with connected(site.server) as one:
        one.sendall(site.head("POST /v1/workspaces HTTP/1.1", "transfer-encoding: chunked") + chunk + GONE % site.we.encode())
        one.shutdown(1)
        answer = all_of(one)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"HTTP/1.1 2" not in answer


def test_an_old_client_has_no_chunks(site: Site) -> None:
    answer = told(
        site.server, site.head("POST /v1/workspaces HTTP/1.0", "transfer-encoding: chunked") + b"0\r\n\r\n" + GONE % site.we.encode()
    )
    assert answer.startswith(b"HTTP/1.1 400")
    assert (answer.count(b"HTTP/1.1 4"), answer.count(b"HTTP/1.1 2")) == (1, 0)


def test_the_same_length_twice_and_good_chunks_are_one_request(site: Site) -> None:
    body = b'{"attributes":{}}'
    for lines, sent in (
        ([f"content-length: {len(body)}"] * 2, body),
        (["transfer-encoding: chunked"], b"%x;a=b\r\n%b\r\n0\r\nx: y\r\n\r\n" % (len(body), body)),
    ):
        with connected(site.server) as one:
            one.sendall(site.head("PATCH /v1/workspaces/own-ws HTTP/1.1", *lines) + sent)
            assert answer_of(one)[0] == 200
