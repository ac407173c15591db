"""kill -9 of a real server under load, on each database: what was answered is there, nothing is half done, and who asks again with the
same Idempotency-Key comes to the same end as if nothing had happened."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.server import Store
from orgform.server.tables import audit_events
from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres
from orgform.testing.server import RunningServer, running_server
from tests.server.conftest import Api
from tests.server.serving import Asking, client_of, until

DYING = ("-m", "tests.server.dying")
Event = tuple[str, str]


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing as e:
        pytest.skip(str(e))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "acme.db")
    postgres: Postgres = request.getfixturevalue("postgres_server")
    return postgres.database(f"d{os.urandom(4).hex()}")


class Write:
    """One request of a client. `events` are what it does, told by the audit log; `answer` what it was told, if it was."""

    def __init__(self, key: str, method: str, path: str, body: Any, events: list[Event]) -> None:
        self.key, self.method, self.path, self.body, self.events = key, method, path, body, events
        self.answer: httpx.Response | None = None

    def send(self, client: httpx.Client) -> httpx.Response:
        return client.request(self.method, self.path, json=self.body, headers={"idempotency-key": self.key})


def create(name: str) -> dict[str, Any]:
    return {"method": "create", "collection": "members", "key": f"{name}@acme.com", "attributes": {"name": name}}


def single(name: str) -> Write:
    return Write(name, "POST", "/v1/members", {"key": f"{name}@acme.com"}, [("create", f"member/{name}@acme.com")])


def together(name: str, *, atomic: bool) -> Write:
    """Members, a workspace, and who belongs to it."""
    names = [f"{name}-{n}" for n in range(5)]
    operations = [create(n) for n in names]
    operations.append({"method": "create", "collection": "workspaces", "key": name})
    operations.extend({"method": "create", "collection": "memberships", "key": f"{name}/{n}@acme.com"} for n in names)
    events = [("create", f"member/{n}@acme.com") for n in names] + [("create", f"workspace/{name}")]
    events.extend(("create", f"membership/{name}/{n}@acme.com") for n in names)
    return Write(name, "POST", "/v1/batch", {"operations": operations, "atomic": atomic}, events)


def change(name: str) -> Write:
    return Write(name, "PATCH", "/v1/workspaces/shared", {"attributes": {"name": name}}, [("update", "workspace/shared")])


class Load:
    """Clients that write until the server is gone. Each has at most one request that nobody answered."""

    def __init__(self, server: RunningServer, round: int) -> None:
        self.server = server
        self.writes: list[list[Write]] = [[] for _ in range(5)]
        kinds = [single, single, lambda n: together(n, atomic=False), lambda n: together(n, atomic=True), change]
        self.threads = [threading.Thread(target=self._write, args=(kind, f"r{round}c{i}", self.writes[i])) for i, kind in enumerate(kinds)]

    def _write(self, kind: Any, prefix: str, sent: list[Write]) -> None:
        with client_of(self.server) as client:
            for n in range(10_000):
                write = kind(f"{prefix}n{n}")
                sent.append(write)
                try:
                    write.answer = write.send(client)
                except httpx.HTTPError:
                    return

    def acknowledged(self) -> int:
        return sum(w.answer is not None for sent in self.writes for w in sent)

    def until_killed(self, after: int, pause: float) -> list[Write]:
        """Kills the server when `after` writes were answered, and a moment later; all that was sent."""
        for thread in self.threads:
            thread.start()
        while self.acknowledged() < after:
            assert self.server.process.poll() is None, self.server.log()
            time.sleep(0.001)
        time.sleep(pause)
        self.server.kill()
        for thread in self.threads:
            thread.join()
        return [w for sent in self.writes for w in sent]


def done(store: Store, kinds: Kinds) -> Counter[Event]:
    """What the audit log says was done; along the way everything is checked that always holds."""
    with Api(store, kinds, "default") as api:
        api.check_consistent()
        resources = {f"{kind}/{key}" for _, kind, key, *_ in api.dump()["resources"]}
    with store.reading() as connection:
        events = Counter(
            (action, address) for action, address in connection.execute(sa.select(audit_events.c.action, audit_events.c.address))
        )
    assert {address for action, address in events if action == "create"} == resources
    return events


def rounds(database: str, kinds: Kinds, count: int, seed: int) -> None:
    chance = random.Random(seed)
    expected: Counter[Event] = Counter({("create", "workspace/shared"): 1})
    unanswered: list[Write] = []
    with ExitStack() as stack:
        store = stack.enter_context(closing(Store(database)))
        for number in range(count):
            with running_server(database) as server:
                with client_of(server) as client:
                    client.post("/v1/workspaces", json={"key": "shared"})
                    for write in unanswered:
                        assert write.send(client).status_code in (200, 201), server.log()
                        expected.update(write.events)
                assert done(store, kinds) == expected
                sent = Load(server, number).until_killed(chance.randint(5, 40), chance.random() / 50)
            unanswered = _judged(sent, expected, done(store, kinds))
        with running_server(database) as server, client_of(server) as client:
            for write in sent:
                again = write.send(client)
                if write.answer is not None:
                    assert (again.status_code, again.content) == (write.answer.status_code, write.answer.content)
            expected.update(event for write in unanswered for event in write.events)
            assert done(store, kinds) == expected


def _judged(sent: list[Write], expected: Counter[Event], found: Counter[Event]) -> list[Write]:
    """Adds to `expected` what was answered; the others were done wholly or not at all. These are given back."""
    answered = [w for w in sent if w.answer is not None]
    unanswered = [w for w in sent if w.answer is None]
    assert {w.answer.status_code for w in answered if w.answer} <= {200, 201}
    for write in answered:
        expected.update(write.events)
    more = found - expected
    assert expected <= found, f"answered, and lost: {expected - found}"
    for write in unanswered:
        assert [more[event] for event in write.events] in ([0] * len(write.events), [1] * len(write.events)), "half done"
    assert set(more) <= {event for write in unanswered for event in write.events}
    return unanswered


def test_nothing_that_was_answered_is_lost(database: str, kinds: Kinds) -> None:
    rounds(database, kinds, 5, random.randrange(1_000_000))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nothing_that_was_answered_is_lost_in_many_rounds(database: str, kinds: Kinds) -> None:
    rounds(database, kinds, 200, random.randrange(1_000_000))


# Between the commit and the answer

BEFORE = [single("old"), Write("ws", "POST", "/v1/workspaces", {"key": "ws"}, [])]
LAST = {
    "create": (single("one"), {"key": "two@acme.com"}),
    "update": (Write("k", "PATCH", "/v1/workspaces/ws", {"attributes": {"name": "New"}}, [("update", "workspace/ws")]), {"attributes": {}}),
    "rename": (Write("k", "PATCH", "/v1/workspaces/ws", {"key": "other"}, [("rename", "workspace/other")]), {"key": "another"}),
    "delete": (Write("k", "DELETE", "/v1/members/old@acme.com", None, [("delete", "member/old@acme.com")]), None),
    "batch": (together("many", atomic=False), {"operations": []}),
    "atomic batch": (together("all", atomic=True), {"operations": [create("other")], "atomic": True}),
}


@pytest.mark.parametrize("what", LAST)
def test_killed_between_the_commit_and_the_answer(database: str, kinds: Kinds, what: str) -> None:
    write, other = LAST[what]
    environ = {"ORGFORM_TEST_DIES_AT": str(len(BEFORE) + 1)}
    with running_server(database, program=DYING, environ=environ) as server:
        with client_of(server) as client:
            for one in BEFORE:
                assert one.send(client).status_code == 201
            with pytest.raises(httpx.HTTPError):
                write.send(client)
        assert server.process.wait() == -9
    with closing(Store(database)) as store, Api(store, kinds, "default") as api:
        before = api.dump()
        again, third = (write.send(api) for _ in range(2))
        assert again.status_code == {"POST": 200 if "batch" in what else 201, "PATCH": 200, "DELETE": 204}[write.method]
        assert (again.status_code, again.content, again.headers.items()) == (third.status_code, third.content, third.headers.items())
        assert api.dump() == before, "it had been done, and is done once"
        events = Counter((e["action"], e["address"]) for e in api.events(limit="1000"))
        assert [events[event] for event in write.events] == [1] * len(write.events)
        if again.headers.get("etag"):
            assert (
                api.get(again.headers.get("location", write.path.replace("/ws", "/other" if what == "rename" else "/ws"))).json()
                == again.json()
            )
        if other is not None:
            reused = Write(write.key, write.method, write.path, other, []).send(api)
            assert (reused.status_code, reused.json()["code"]) == (409, "idempotency-key-reused")
            assert api.dump() == before


def test_what_a_killed_process_held_is_free_for_another(kinds: Kinds, postgres_server: Postgres) -> None:
    """It is killed in the middle of a write, while it has the company's turn."""
    database = postgres_server.database("two")
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = 'two' AND wait_event_type = 'Lock'")
    with running_server(database) as one, running_server(database) as two, closing(Store(database)) as store:
        with store.transaction() as connection:
            connection.execute(sa.text("LOCK TABLE audit_events IN EXCLUSIVE MODE"))
            asking = Asking(one, "POST", "/v1/batch", json={"operations": [create(f"p{n}") for n in range(10)]})
            until(lambda: connection.execute(waiting).scalar() == 1, one)
            one.kill()
        with client_of(two) as client:
            assert client.post("/v1/members", json={"key": "other@acme.com"}).status_code == 201
            assert client.get("/v1/members").json()["total"] == 1
        asking.join()
        assert asking.error is not None
        assert done(store, kinds) == Counter({("create", "member/other@acme.com"): 1})
