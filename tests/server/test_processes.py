"""Two server processes on one database keep every promise that one keeps: each promise is asked for from both sides at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import Any

import httpx
import pytest

from orgform.kinds import Kinds
from orgform.server import Store
from orgform.server.database import BUSY_SECONDS
from orgform.testing.postgres import PostgresMissing, running_postgres
from orgform.testing.server import RunningServer, running_server
from tests.server.conftest import Api

COMPANIES = count(1)


class Two:
    """Two servers on one database, with clients of both for a company of the test's own."""

    def __init__(self, one: RunningServer, two: RunningServer, store: Store) -> None:
        self.servers = (one, two)
        self.store = store
        self.company = f"pair-{next(COMPANIES)}"
        self._headers = {"authorization": f"Bearer {one.token(self.company)}"}

    def client(self, side: int) -> httpx.Client:
        """A new one: threads do not share clients here, so that every request has a connection of its own."""
        return httpx.Client(base_url=self.servers[side].url, headers=self._headers, timeout=60, trust_env=False)

    def ask(self, side: int, method: str, path: str, **options: Any) -> httpx.Response:
        with self.client(side) as client:
            return client.request(method, path, **options)

    def have(self, *members: str, **attributes: Any) -> None:
        for key in members:
            answer = self.ask(0, "POST", "/v1/members", json={"key": key, "attributes": attributes})
            assert answer.status_code == 201, answer.text

    def keys(self, side: int, collection: str) -> list[str]:
        return [i["key"] for i in self.ask(side, "GET", f"/v1/{collection}?limit=1000").json()["items"]]

    def events(self) -> list[dict[str, Any]]:
        """What happened to members; that the token was made is in the log as well."""
        items = self.ask(1, "GET", "/v1/audit-events?limit=1000").json()["items"]
        return [item for item in items if item["address"].startswith("member/")]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, RunningServer]]:
    with ExitStack() as stack:
        database = str(tmp_path_factory.mktemp("two") / "acme.db")
        if request.param == "postgresql":
            try:
                database = stack.enter_context(running_postgres()).database("two")
            except PostgresMissing as e:
                pytest.skip(str(e))
        one, two = (stack.enter_context(running_server(database, without_tokens=False)) for _ in range(2))
        yield one, two
        for server in (one, two):
            assert "Traceback" not in server.log()


@pytest.fixture
def two(servers: tuple[RunningServer, RunningServer], kinds: Kinds) -> Iterator[Two]:
    store = Store(servers[0].database)
    pair = Two(*servers, store)
    yield pair
    with Api(store, kinds, pair.company) as api:
        api.check_consistent()
    store.close()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    start = threading.Barrier(len(calls))

    def call(what: Callable[[], Any]) -> Any:
        start.wait()
        return what()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_the_same_idempotency_key_sent_to_both_is_done_once_and_answered_alike(two: Two) -> None:
    for n in range(10):
        body = {"key": f"p{n}@acme.com"}

        def make(side: int, n: int = n, body: dict[str, str] = body) -> httpx.Response:
            return two.ask(side, "POST", "/v1/members", json=body, headers={"idempotency-key": f"once-{n}"})

        first, second = at_once(lambda make=make: make(0), lambda make=make: make(1))
        assert (first.status_code, first.content, first.headers["etag"]) == (201, second.content, second.headers["etag"]), second.text
    assert [e["action"] for e in two.events()] == ["create"] * 10


def test_the_same_batch_sent_to_both_is_done_once_and_answered_alike(two: Two) -> None:
    operations = [{"method": "create", "collection": "members", "key": f"p{n}@acme.com", "idempotency_key": f"one-{n}"} for n in range(200)]

    def send(side: int, headers: dict[str, str]) -> httpx.Response:
        return two.ask(side, "POST", "/v1/batch", json={"operations": operations}, headers=headers)

    whole = at_once(lambda: send(0, {"idempotency-key": "b"}), lambda: send(1, {"idempotency-key": "b"}))
    each = at_once(lambda: send(0, {}), lambda: send(1, {}))
    assert len({answer.content for answer in (*whole, *each)}) == 1, "also operation by operation, by their own keys"
    assert {r["status"] for r in whole[0].json()["results"]} == {201}
    assert len(two.events()) == 200


def test_one_key_for_two_requests_is_a_conflict_for_one_of_them(two: Two) -> None:
    def make(side: int) -> int:
        return two.ask(side, "POST", "/v1/members", json={"key": f"{side}@acme.com"}, headers={"idempotency-key": "k"}).status_code

    assert sorted(at_once(lambda: make(0), lambda: make(1))) == [201, 409]
    assert len(two.keys(0, "members")) == 1


def test_of_many_writers_with_one_etag_exactly_one_wins(two: Two) -> None:
    two.have("ann@acme.com")
    for round in range(5):
        etag = two.ask(round % 2, "GET", "/v1/members/ann@acme.com").headers["etag"]

        def change(n: int, etag: str = etag) -> tuple[int, str]:
            body = {"attributes": {"name": f"{etag} {n}"}}
            answer = two.ask(n % 2, "PATCH", "/v1/members/ann@acme.com", json=body, headers={"if-match": etag})
            return answer.status_code, body["attributes"]["name"]

        answers = at_once(*(lambda n=n, change=change: change(n) for n in range(8)))
        assert sorted(status for status, _ in answers) == [200] + [412] * 7
        winner = next(name for status, name in answers if status == 200)
        for side in (0, 1):
            assert two.ask(side, "GET", "/v1/members/ann@acme.com").json()["attributes"]["name"] == winner


def test_two_admins_who_remove_each_other_leave_one(two: Two) -> None:
    two.have("other@acme.com")
    for n in range(5):
        admins = [f"a{n}@acme.com", f"b{n}@acme.com"]
        two.have(*admins, role="admin")
        for old in (k for k in two.keys(0, "members") if k[0] in "ab" and k not in admins):
            assert two.ask(0, "DELETE", f"/v1/members/{old}").status_code == 204
        ways: list[Callable[[], int]] = [
            lambda admins=admins: two.ask(0, "DELETE", f"/v1/members/{admins[1]}").status_code,
            lambda admins=admins: two.ask(1, "PATCH", f"/v1/members/{admins[0]}", json={"attributes": {"role": "standard"}}).status_code,
        ]
        assert sorted(at_once(*ways))[1] == 409
        roles = [i["attributes"]["role"] for i in two.ask(1, "GET", "/v1/members?limit=1000").json()["items"]]
        assert roles.count("admin") == 1


def test_a_parent_that_goes_on_one_side_while_a_child_comes_on_the_other(two: Two) -> None:
    for n in range(8):
        assert two.ask(0, "POST", "/v1/workspaces", json={"key": f"ws{n}"}).status_code == 201
        added, removed = at_once(
            lambda n=n: two.ask(0, "POST", "/v1/tags", json={"key": f"ws{n}/t"}).status_code,
            lambda n=n: two.ask(1, "DELETE", f"/v1/workspaces/ws{n}").status_code,
        )
        assert (removed, added in (201, 422)) == (204, True)
    assert two.keys(0, "tags") == two.keys(1, "workspaces") == []


def test_totals_and_links_hold_under_batches_from_both_sides(two: Two) -> None:
    """The fixture checks them: against all that is stored. Both sides make, rename and remove what the other one works on."""
    two.ask(0, "POST", "/v1/batch", json={"operations": [create("workspaces", f"ws{n}") for n in range(10)]})

    def work(side: int) -> set[int]:
        statuses: set[int] = set()
        for turn in range(6):
            people = [f"p{n}@acme.com" for n in range(turn * 10, turn * 10 + 30)]
            operations = [create("members", key) for key in people]
            operations += [create("memberships", f"ws{n % 10}/{key}") for n, key in enumerate(people)]
            operations += [{"method": "delete", "collection": "members", "key": key} for key in people[side::3]]
            operations += [{"method": "update", "collection": "workspaces", "key": f"ws{turn}", "new_key": f"ws{turn}-{side}"}]
            answer = two.ask(side, "POST", "/v1/batch", json={"operations": operations})
            assert answer.status_code == 200, answer.text
            statuses |= {r["status"] for r in answer.json()["results"]}
        return statuses

    assert set().union(*at_once(lambda: work(0), lambda: work(1))) <= {200, 201, 204, 404, 409, 422}
    assert len(two.keys(0, "workspaces")) == 10


def create(collection: str, key: str) -> dict[str, Any]:
    return {"method": "create", "collection": collection, "key": key}


def test_pages_that_are_read_while_others_write(two: Two) -> None:
    """What is there all the time is on exactly one page, in order; and each page's total is that of one moment."""
    steady = [f"k{n:04}@acme.com" for n in range(0, 1000, 2)]
    assert two.ask(0, "POST", "/v1/batch", json={"operations": [create("members", key) for key in steady]}).status_code == 200
    passing = [f"k{n:04}@acme.com" for n in range(1, 200, 2)]
    stop = threading.Event()

    def write() -> int:
        turns = 0
        while not stop.is_set():
            for method in ("create", "delete"):
                operations = [{"method": method, "collection": "members", "key": key} for key in passing]
                assert two.ask(0, "POST", "/v1/batch", json={"operations": operations}).status_code == 200
            turns += 1
        return turns

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for _ in range(3):
                keys, totals = listed(two)
                assert keys == sorted(set(keys))
                assert [key for key in keys if key not in passing] == steady
                assert totals <= {500, 600}, "a batch is seen whole or not at all"
        finally:
            stop.set()
        assert writing.result() > 0


def listed(two: Two) -> tuple[list[str], set[int]]:
    keys: list[str] = []
    totals: set[int] = set()
    cursor = ""
    while cursor is not None:
        page = two.ask(1, "GET", f"/v1/members?limit=50{f'&cursor={cursor}' if cursor else ''}").json()
        keys += [item["key"] for item in page["items"]]
        totals.add(page["total"])
        cursor = page["next"]
    return keys, totals


def test_reading_does_not_wait_for_who_writes(two: Two) -> None:
    """A third process holds the company, for as long as both sides need to read it. The token is used for the first time on the one."""
    with two.store.writing(two.company) as connection:
        connection.exec_driver_sql("UPDATE resources SET updated_at = updated_at")
        with ThreadPoolExecutor(1) as pool:
            assert (
                pool.submit(lambda: [read_everything(two, side) for side in (0, 1, 0)]).result(timeout=BUSY_SECONDS / 2) == [[200] * 4] * 3
            )


def read_everything(two: Two, side: int) -> list[int]:
    return [two.ask(side, "GET", path).status_code for path in ("/v1/members", "/v1/whoami", "/v1/audit-events", "/readyz")]


def test_companies_do_not_wait_for_each_other(two: Two) -> None:
    """On PostgreSQL. A SQLite file has one writer at a time, whichever company it is about."""
    if "://" not in two.servers[0].database:
        return
    two.have("ann@acme.com")
    with two.store.writing("another"):
        two.have("bob@acme.com")
    assert two.keys(1, "members") == ["ann@acme.com", "bob@acme.com"]


def test_a_writer_waits_for_the_one_before_it(two: Two) -> None:
    order: list[str] = []

    def write() -> None:
        two.have("ann@acme.com")
        order.append("after")

    with ThreadPoolExecutor(1) as pool, two.store.writing(two.company):
        waiting = pool.submit(write)
        two.keys(1, "members")
        order.append("before")
    waiting.result()
    assert order == ["before", "after"]


def test_a_server_that_is_killed_in_the_middle_holds_nobody_up(two: Two) -> None:
    """Its transaction ends with it: another process on the same database goes on at once."""
    database = two.servers[0].database
    operations = [create("members", f"p{n}@acme.com") for n in range(1000)]
    with running_server(database, without_tokens=False) as third, ThreadPoolExecutor(1) as pool:

        def load() -> None:
            with httpx.Client(base_url=third.url, headers=two._headers, timeout=60, trust_env=False) as client:
                while True:
                    client.post("/v1/batch", json={"operations": operations})

        loading = pool.submit(load)
        while not two.keys(0, "members"):
            assert not loading.done(), third.log()
        third.kill()
        assert isinstance(loading.exception(), httpx.HTTPError)
    two.have("ann@acme.com")
    assert two.ask(1, "GET", "/v1/members").json()["total"] == 1001


def test_events_come_in_one_order_whoever_wrote_them(two: Two) -> None:
    def write(side: int) -> None:
        for n in range(20):
            assert two.ask(side, "POST", "/v1/members", json={"key": f"{side}-{n}@acme.com"}).status_code == 201

    at_once(lambda: write(0), lambda: write(1))
    times = [e["time"] for e in two.events()]
    assert len(times) == 40
    assert times == sorted(times, reverse=True)
    assert {e["token"] for e in two.events()} == {two._headers["authorization"].split("_")[1]}
