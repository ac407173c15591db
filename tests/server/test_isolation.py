"""Two companies in one server: whatever the one asks, it is answered as if the other were not there.

Every route and method of the API's own description is asked with all that the other company has: keys, ids, etags, cursors, idempotency
keys. The same questions go to a server that never heard of the other company: the answers must be the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from starlette.routing import Route

from orgform.codec import Struct
from orgform.kinds import Kinds
from orgform.providers.http import InProcessTransport
from orgform.server import Store, create_app, tables
from orgform.server.tokens import OPERATOR, create, identify_by_token
from tests.server.conftest import COMPANIES, NEEDED

CANARY = "canary-4711"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
# Tables that hold nothing of any company.
SHARED = {"api_schema", "request_counts"}
# Everything there is to have, in an order in which it can be made.
THEIRS: dict[str, dict[str, Any]] = {
    "domain/their.example": {},
    "company/company": {"name": CANARY, "primary_domain": "their.example"},
    "role/their-role": {"scope": "workspace", "permissions": [f"{CANARY}.read"]},
    "member/their@their.example": {"name": CANARY, "role": "owner"},
    "member/second@their.example": {"name": CANARY, "role": "owner"},
    "group/their-group": {"name": CANARY, "members": ["their@their.example"]},
    "workspace/their-ws": {"name": CANARY, "region": "eu"},
    "membership/their-ws/their@their.example": {"role": "their-role"},
    "feature/their-feature": {"type": "boolean", "default": False, "description": CANARY},
    "feature_value/their-ws/their-feature": {},
    "integration/their-ws/their-integration": {},
    "auto_top_up/their-ws": {},
    "monthly_recharge/their-ws": {},
    "inbox/their-ws/their-inbox": {},
    "tag/their-ws/their-tag": {},
    "message_template/their-ws/their-template": {"body": CANARY},
    "shift/their-ws/their-shift": {},
    "site/their-ws/their-site": {},
    "ad_account/their-ws/their-account": {"platform": "meta", "external_id": CANARY},
}
OWN: dict[str, dict[str, Any]] = {
    "workspace/a-own": {"name": "Own"},
    "workspace/z-own": {"name": "Own"},
    "member/own@own.example": {"name": "Own"},
}


class Ask(Struct, frozen=True):
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = {}
    query: dict[str, str] = {}


class Tenant:
    """One company of a server, asking with a token of its own."""

    def __init__(self, store: Store, kinds: Kinds, company: str) -> None:
        app = create_app(store, kinds, identify=identify_by_token(store), inline=True)
        self.store, self.kinds, self.company = store, kinds, company
        self.token, self.text = create(store, company=company, scope="write", actor=f"{company}-actor")
        self._http = httpx.Client(transport=InProcessTransport(app), base_url="http://test")

    def ask(self, ask: Ask, token: str = "") -> httpx.Response:
        sent = {"authorization": f"Bearer {token or self.text}", **ask.headers}
        return self._http.request(ask.method, ask.path, json=ask.body, headers=sent, params=ask.query)

    def get(self, path: str, **query: str) -> Any:
        answer = self.ask(Ask("GET", path, query=query))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, resources: dict[str, dict[str, Any]]) -> None:
        for address, attributes in resources.items():
            made = self.ask(creation(self.kinds, address, attributes))
            assert made.status_code == 201, made.text

    def items(self) -> dict[str, dict[str, Any]]:
        """address -> resource."""
        found = {}
        for kind in self.kinds.values():
            for item in self.get(f"/v1/{kind.api}", limit="1000")["items"]:
                found[f"{kind.name}/{item['key']}"] = item
        return found

    def dump(self) -> dict[str, list[str]]:
        """Every row of every table that is this company's."""
        with self.store.reading() as connection:
            return {
                table.name: sorted(str(tuple(row)) for row in connection.execute(sa.select(table).where(table.c.company == self.company)))
                for table in tables.metadata.sorted_tables
                if "company" in table.c
            }

    def close(self) -> None:
        self._http.close()


def creation(kinds: Kinds, address: str, attributes: dict[str, Any], **headers: str) -> Ask:
    kind, _, key = address.partition("/")
    body = {"key": key, "attributes": {**NEEDED.get(kind, {}), **attributes}}
    return Ask("POST", f"/v1/{kinds[kind].api}", body, {"idempotency-key": f"make {address}", **headers})


@contextmanager
def tenant(store: Store, kinds: Kinds, company: str) -> Iterator[Tenant]:
    made = Tenant(store, kinds, company)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def they(store: Store, kinds: Kinds) -> Iterator[Tenant]:
    """The company whose things nobody else may see."""
    with tenant(store, kinds, f"they-{next(COMPANIES)}") as they:
        they.make(THEIRS)
        yield they


@pytest.fixture
def we(store: Store, kinds: Kinds, they: Tenant) -> Iterator[Tenant]:
    with tenant(store, kinds, f"we-{next(COMPANIES)}") as we:
        we.make(OWN)
        yield we


@pytest.fixture
def alone(tmp_path: Path, kinds: Kinds, we: Tenant) -> Iterator[Tenant]:
    """We again, on a server with nobody else."""
    store = Store(tmp_path / "alone.db")
    with tenant(store, kinds, we.company) as alone:
        alone.make(OWN)
        yield alone
    store.close()


def described(we: Tenant) -> dict[str, set[str]]:
    """Every path below /v1 that the API describes, with its methods."""
    paths = we.get("/openapi.json")["paths"]
    return {path: {m.upper() for m in item if m.upper() in METHODS} for path, item in paths.items() if path.startswith("/v1/")}


def questions(we: Tenant, they: Tenant) -> list[Ask]:
    """All that can be asked with what the others have, reading first."""
    theirs = they.items()
    asked = [*_about_lists(we, they), *_about_each(we, theirs), *_in_batches(we, theirs)]
    for path in described(we):
        if "{" not in path:
            asked.extend(Ask(method, path) for method in METHODS)
    return sorted(asked, key=lambda ask: ask.method not in ("GET", "HEAD", "OPTIONS"))


def _about_lists(we: Tenant, they: Tenant) -> Iterator[Ask]:
    event = they.get("/v1/audit-events", limit="1")
    for name, value in [
        ("address", event["items"][0]["address"]),
        ("actor", they.token.actor),
        ("token", they.token.id),
        ("cursor", event["next"]),
        ("since", "2000-01-01"),
    ]:
        yield Ask("GET", "/v1/audit-events", query={name: value})
    for address in THEIRS:
        yield Ask("GET", "/v1/audit-events", query={"address": address})
    for kind in we.kinds.values():
        page = they.get(f"/v1/{kind.api}", limit="1")
        yield Ask("GET", f"/v1/{kind.api}", query={"limit": "1000"})
        if page["next"]:
            yield Ask("GET", f"/v1/{kind.api}", query={"cursor": page["next"]})


def _about_each(we: Tenant, theirs: dict[str, dict[str, Any]]) -> Iterator[Ask]:
    for address, item in theirs.items():
        api = we.kinds[address.partition("/")[0]].api
        for name in (item["key"], item["id"]):
            path = f"/v1/{api}/{name}"
            for match in ({}, {"if-match": f'"{item["etag"]}"'}, {"if-match": "*"}, {"if-none-match": f'"{item["etag"]}"'}):
                for method in METHODS:
                    body: dict[str, Any] | None = {"attributes": {}} if method == "PATCH" else None
                    yield Ask(method, path, body, dict(match))
            yield Ask("PATCH", path, {"attributes": {}}, {"idempotency-key": f"make {address}"})
            yield Ask("POST", f"{path}/verify", {"restart": True})
            yield Ask("GET", f"{path}/verify")


def _in_batches(we: Tenant, theirs: dict[str, dict[str, Any]]) -> Iterator[Ask]:
    operations: list[dict[str, Any]] = []
    for address, item in theirs.items():
        on = {"collection": we.kinds[address.partition("/")[0]].api, "key": item["key"]}
        for match in ({}, {"if_match": item["etag"]}, {"if_match": "*"}):
            operations.append({"method": "update", **on, "attributes": {}, **match})
            operations.append({"method": "delete", **on, **match})
        operations.append({"method": "delete", **on, "idempotency_key": f"make {address}"})
        operations.append({"method": "update", "collection": on["collection"], "key": item["id"], "attributes": {}})
    naming = {"member": "their@their.example", "group": "group:their-group"}
    for word in naming.values():
        operations.append({"method": "create", "collection": "memberships", "key": f"a-own/{word}", "attributes": {}})
    operations.append({"method": "create", "collection": "workspaces", "key": "below", "attributes": {"parent": "their-ws"}})
    operations.append({"method": "create", "collection": "groups", "key": "g", "attributes": {"members": ["their@their.example"]}})
    operations.append({"method": "update", "collection": "members", "key": "own@own.example", "attributes": {"role": "their-role"}})
    yield Ask("POST", "/v1/batch", {"operations": operations})
    yield Ask("POST", "/v1/batch", {"operations": operations, "atomic": True})


_RANDOM = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{20}(\.\d+)?\b"), "ID"),
    (re.compile(r'"id":\d+'), '"id":N'),
    (re.compile(r'"token":"[a-z0-9]{12}"'), '"token":"T"'),
    (re.compile(r"token=[\w-]{32}"), "token=CHALLENGE"),
    (re.compile(r"token/[a-z0-9]{12}"), "token/ID"),
]


def told(answer: httpx.Response) -> str:
    """An answer as text, without what is random in every one."""
    headers = {n: v for n, v in answer.headers.items() if n not in ("content-length", "date")}
    text = f"{answer.status_code} {json.dumps(headers, sort_keys=True)}\n{answer.text}"
    for pattern, word in _RANDOM:
        text = pattern.sub(word, text)
    return text


def test_every_table_says_whose_a_row_is() -> None:
    assert {table.name for table in tables.metadata.sorted_tables if "company" not in table.c} == SHARED


def test_they_have_something_of_everything(we: Tenant, they: Tenant) -> None:
    assert {address.partition("/")[0] for address in THEIRS} == set(we.kinds)
    assert set(they.items()) == set(THEIRS)


def test_every_route_is_described(we: Tenant) -> None:
    """What the application takes is in its own description, which the questions are held against: no route can be forgotten."""
    app = create_app(we.store, we.kinds, identify=identify_by_token(we.store), inline=True)
    paths = [path.replace("{key}", "k") for path in we.get("/openapi.json")["paths"]]
    for route in app.routes:
        assert isinstance(route, Route)
        assert any(route.path_regex.match(path) for path in paths), route.path


def test_every_route_and_method_is_asked(we: Tenant, they: Tenant) -> None:
    asked = {(ask.method, ask.path) for ask in questions(we, they)}
    for path, methods in described(we).items():
        pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
        reached = {method for method, asked_path in asked if pattern.fullmatch(asked_path)}
        assert methods <= reached, path


def test_whatever_we_ask_it_is_as_if_they_were_not_there(we: Tenant, they: Tenant, alone: Tenant) -> None:
    before = they.dump()
    asked = questions(we, they)
    assert len(asked) > 1000
    for ask in asked:
        answer = we.ask(ask)
        assert answer.status_code < 500, (ask, answer.text)
        assert CANARY not in answer.text, (ask, answer.text)
        assert told(answer) == told(alone.ask(ask)), ask
    assert they.dump() == before
    assert set(we.items()) == set(alone.items())


def test_the_same_keys_are_ours_as_well(we: Tenant, they: Tenant, alone: Tenant) -> None:
    """Making what they have: same keys, same idempotency keys, in the same words. Nobody is told that somebody has it already."""
    before = they.dump()
    for address, attributes in THEIRS.items():
        ask = creation(we.kinds, address, {**attributes, "name": "Ours"} if "name" in attributes else attributes)
        made = we.ask(ask)
        assert made.status_code == 201, made.text
        assert told(made) == told(alone.ask(ask))
        assert we.ask(ask).json() == made.json(), "our own idempotency key"
    ids = {item["id"] for item in they.items().values()}
    assert not ids & {item["id"] for item in we.items().values()}
    assert they.dump() == before
    for address in reversed(THEIRS):
        kind, _, key = address.partition("/")
        assert we.ask(Ask("DELETE", f"/v1/{we.kinds[kind].api}/{key}")).status_code in (204, 409, 404), address
    assert they.dump() == before


def test_the_same_request_again_is_answered_by_ones_own_company(we: Tenant, they: Tenant) -> None:
    """Their idempotency key, their body: ours is a new request. Where the bodies differ, it is no conflict either."""
    address = "tag/their-ws/their-tag"
    ask = creation(we.kinds, address, THEIRS[address])
    assert they.ask(ask).status_code == 201, "theirs is answered from memory"
    assert we.ask(ask).status_code == 422, "we have no such workspace"
    other = creation(we.kinds, "workspace/new", {}, **{"idempotency-key": f"make {address}"})
    assert we.ask(other).status_code == 201
    assert they.ask(other).json()["code"] == "idempotency-key-reused"
    batch = Ask("POST", "/v1/batch", {"operations": []}, {"idempotency-key": "one batch"})
    assert they.ask(batch).status_code == we.ask(batch).status_code == 200


def test_a_cursor_of_theirs_gives_our_own(we: Tenant, they: Tenant) -> None:
    cursor = they.get("/v1/workspaces", limit="1")["next"]
    assert cursor is None, "they have one workspace"
    they.make({"workspace/more": {}})
    cursor = they.get("/v1/workspaces", limit="1")["next"]
    assert [i["key"] for i in we.get("/v1/workspaces", cursor=cursor)["items"]] == ["z-own"]
    events = they.get("/v1/audit-events", limit="1")["next"]
    ours = we.get("/v1/audit-events", cursor=events)["items"]
    assert {e["actor"] for e in ours} <= {we.token.actor, OPERATOR}
    every = {e["address"] for e in we.get("/v1/audit-events", limit="1000")["items"]}
    assert every == {*OWN, f"token/{we.token.id}"}


def test_what_happens_there_is_not_seen_here(we: Tenant, they: Tenant) -> None:
    before = we.dump()
    they.ask(Ask("PATCH", "/v1/workspaces/their-ws", {"key": "a-own"}))
    they.ask(Ask("DELETE", "/v1/members/second@their.example"))
    they.ask(Ask("DELETE", "/v1/workspaces/z-own"))
    assert we.dump() == before


def settled(tenant: Tenant) -> dict[str, Any]:
    """Everything but the audit log, where guesses at tokens are."""
    return {name: rows for name, rows in tenant.dump().items() if name != "audit_events"}


def test_without_a_good_token_every_question_is_one(we: Tenant, they: Tenant) -> None:
    theirs, ours = settled(they), settled(we)
    wrong = f"orgform_{they.token.id}_{we.text[-43:]}"
    for path in described(we):
        at = re.sub(r"\{\w+\}", "their-ws", path)
        for method in METHODS:
            statuses = {we.ask(Ask(method, at), token=token).status_code for token in (wrong, "nothing")}
            assert statuses <= {401, 429} if method in described(we)[path] else statuses <= {204, 401, 405, 429}, (method, at)
    assert (settled(they), settled(we)) == (theirs, ours)
    assert {e["action"] for e in they.get("/v1/audit-events", address=f"token/{they.token.id}")["items"]} == {"create", "refuse"}


def test_a_token_that_reads_changes_nothing_of_its_own_company_either(we: Tenant) -> None:
    reading = create(we.store, company=we.company, scope="read")[1]
    before = we.dump()
    for path, methods in described(we).items():
        at = re.sub(r"\{\w+\}", "a-own", path)
        for method in methods - {"GET", "HEAD", "OPTIONS"}:
            answer = we.ask(Ask(method, at, {"attributes": {}}), token=reading)
            assert (answer.status_code, answer.json()["code"]) == (403, "scope"), (method, at)
    assert we.ask(Ask("GET", "/v1/workspaces"), token=reading).json()["total"] == 2
    after = we.dump()
    assert [after[name] for name in after if name != "tokens"] == [before[name] for name in before if name != "tokens"]
