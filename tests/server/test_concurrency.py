"""Several writers: of two who changed the same thing one wins, and nothing that was promised to anybody is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform.codec import decode
from orgform.kinds import Kinds
from orgform.server import Store
from orgform.testing.postgres import PostgresMissing, running_postgres
from orgform.testing.server import running_server
from tests.server.conftest import Api


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    start = threading.Barrier(len(calls))

    def call(what: Callable[[], Any]) -> Any:
        start.wait()
        return what()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_of_two_with_one_etag_exactly_one_wins(api: Api, store: Store, kinds: Kinds) -> None:
    api.have("workspace/ws")
    for _ in range(10):
        etag = f'"{api.item("workspace/ws")["etag"]}"'

        def change(name: str, etag: str = etag) -> int:
            with Api(store, kinds, api.company) as one:
                return one.change("workspace/ws", {"name": name + etag}, **{"if-match": etag}).status_code

        assert sorted(at_once(lambda: change("a"), lambda: change("b"), lambda: change("c"))) == [200, 412, 412]


def test_of_two_who_make_it_one_wins(api: Api, store: Store, kinds: Kinds) -> None:
    def make() -> int:
        with Api(store, kinds, api.company) as one:
            return one.make("workspace/ws").status_code

    assert sorted(at_once(make, make, make)) == [201, 409, 409]


def test_two_admins_who_remove_each_other(api: Api, store: Store, kinds: Kinds) -> None:
    api.have("member/a@acme.com", "member/b@acme.com", role="admin")
    api.have("member/c@acme.com")

    def remove(who: str) -> int:
        with Api(store, kinds, api.company) as one:
            return one.remove(f"member/{who}@acme.com").status_code

    assert sorted(at_once(lambda: remove("a"), lambda: remove("b"))) == [204, 409]


def test_a_parent_that_goes_while_a_child_comes(api: Api, store: Store, kinds: Kinds) -> None:
    for n in range(5):
        api.have(f"workspace/ws{n}")

        def add(n: int = n) -> int:
            with Api(store, kinds, api.company) as one:
                return one.make(f"tag/ws{n}/t").status_code

        added, removed = at_once(add, lambda n=n: api.remove(f"workspace/ws{n}").status_code)
        assert removed == 204
        assert added in (201, 422)
        assert api.addresses("tag") == []


def test_the_same_operation_sent_twice_at_once_is_done_once(api: Api, store: Store, kinds: Kinds) -> None:
    def make() -> dict[str, Any]:
        with Api(store, kinds, api.company) as one:
            return one.batch({"method": "create", "collection": "workspaces", "key": "ws", "idempotency_key": "k1"})[0]

    first, second = at_once(make, make)
    assert first == second
    assert len(api.events()) == 1


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_processes_on_one_database(tmp_path: Path, database: str) -> None:
    """Both start on nothing at the same moment, and both write."""
    if database == "sqlite":
        _two_processes(str(tmp_path / "acme.db"))
        return
    try:
        with running_postgres() as postgres:
            _two_processes(postgres.database("two"))
    except PostgresMissing as e:
        pytest.skip(str(e))


def _two_processes(database: str) -> None:
    with running_server(database) as one, running_server(database) as two:

        def write(url: str, name: str) -> list[int]:
            with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
                made = [client.post("/v1/members", json={"key": f"{name}{n}@acme.com"}) for n in range(20)]
                shared = [client.post("/v1/workspaces", json={"key": f"ws{n}"}) for n in range(10)]
                return [r.status_code for r in (*made, *shared)]

        first, second = at_once(lambda: write(one.url, "a"), lambda: write(two.url, "b"))
        assert first[:20] == second[:20] == [201] * 20, one.log() + two.log()
        assert [sorted(pair) for pair in zip(first[20:], second[20:], strict=True)] == [[201, 409]] * 10
        with httpx.Client(base_url=two.url, trust_env=False) as client:
            assert client.get("/v1/members").json()["total"] == 40
            assert client.get("/v1/workspaces").json()["total"] == 10


def test_what_was_answered_survives_a_killed_server(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    database = tmp_path / "acme.db"
    with running_server(database) as server:

        def write() -> None:
            try:
                with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
                    for n in range(10_000):
                        key = f"p{n}@acme.com"
                        if client.post("/v1/members", json={"key": key}).status_code == 201:
                            acknowledged.append(key)
            except httpx.HTTPError:
                return

        writer = threading.Thread(target=write)
        writer.start()
        while len(acknowledged) < 20:
            assert writer.is_alive(), server.log()
        server.kill()
        writer.join()
    store = Store(database)
    page = store.page("default", "member", after="", limit=1000)
    store.close()
    kept = {decode(item)["key"] for item in page.items}
    assert set(acknowledged) <= kept
    assert page.total == len(kept)
