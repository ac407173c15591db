"""Requests a minute for each token, in one process and in several."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from orgform.server import Store
from orgform.server.limits import MINUTE, Count, Limiter
from orgform.server.problems import Problem
from orgform.server.tables import request_counts
from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres
from orgform.testing.server import running_server
from tests.server.serving import client_of

LIMIT = 5


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def refused(limiter: Limiter, token: str) -> Problem:
    with pytest.raises(Problem) as caught:
        limiter.admit(token)
    return caught.value


def test_so_many_a_minute_and_no_more(tmp_path: Path) -> None:
    clock = Clock(1000 * MINUTE + 45.5)
    limiter = Limiter(Store(tmp_path / "acme.db"), LIMIT, clock)
    left = [limiter.admit("a")["ratelimit-remaining"] for _ in range(LIMIT)]
    assert left == ["4", "3", "2", "1", "0"]
    problem = refused(limiter, "a")
    assert (problem.status, problem.code, problem.headers["retry-after"]) == (429, "rate-limited", "15")
    assert limiter.admit("b")["ratelimit-remaining"] == "4", "another token has its own count"
    clock.now = 1000 * MINUTE + 59.999
    assert refused(limiter, "a").headers["retry-after"] == "1"
    clock.now = 1001 * MINUTE
    assert limiter.admit("a") == {"ratelimit-limit": "5", "ratelimit-remaining": "4", "ratelimit-reset": "60"}


@pytest.mark.parametrize(("at", "seconds"), [(60.0, 60), (60.001, 60), (61.0, 59), (119.0, 1), (119.5, 1), (119.9999, 1)])
def test_how_long_to_wait(at: float, seconds: int) -> None:
    assert (Count(1, at).minute, Count(1, at).seconds_left) == (1, seconds)


def test_threads_count_each_request(tmp_path: Path) -> None:
    limiter = Limiter(Store(tmp_path / "acme.db"), 1_000_000, Clock(0))
    threads = [threading.Thread(target=lambda: [limiter.admit("a") for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limiter.admit("a")["ratelimit-remaining"] == str(1_000_000 - 4001)


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing as e:
        pytest.skip(str(e))


def counted(store: Store) -> list[tuple[str, int, int]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(request_counts))]


def test_processes_share_the_count_in_postgresql(postgres_server: Postgres) -> None:
    """The minute may end in between: then there are two, and no more than the limit in either."""
    database = postgres_server.database("shared")
    options = {"without_tokens": False, "options": ["--rate-limit", "20"]}
    with running_server(database, **options) as one, running_server(database, **options) as two:
        headers = {"authorization": f"Bearer {one.token('acme', 'read')}"}
        statuses: list[int] = []

        def ask(url: str) -> None:
            with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
                statuses.extend(client.get("/v1/members").status_code for _ in range(30))

        threads = [threading.Thread(target=ask, args=(server.url,)) for server in (one, two) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store = Store(database)
        minutes = [n for _, _, n in counted(store)]
        assert sum(minutes) == 120, one.log()
        assert statuses.count(200) == sum(min(n, 20) for n in minutes)
        assert statuses.count(429) == 120 - statuses.count(200)
        store.close()
        assert one.stop() == two.stop() == 0


def test_what_is_over_is_forgotten(postgres_server: Postgres) -> None:
    store = Store(postgres_server.database("old"))
    with store.transaction() as connection:
        connection.execute(sa.insert(request_counts), [{"token": "a", "minute": n, "requests": 7} for n in range(100)])
    Limiter(store, LIMIT).admit("a")
    [(token, minute, requests)] = counted(store)
    assert (token, requests) == ("a", 1)
    assert minute > 1_000_000
    store.close()


def test_a_count_that_cannot_be_kept_refuses_nobody(postgres_server: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(postgres_server.database("hiccup"))
    limiter = Limiter(store, 1)
    limiter.admit("a")
    with store.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE request_counts ADD CHECK (requests < 2)"))
    assert [limiter.admit("a") for _ in range(3)] == [{}, {}, {}]
    assert "a request could not be counted" in caplog.text
    store.close()


def test_over_http(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "acme.db", without_tokens=False, options=["--rate-limit", "1"]) as server,
        client_of(server) as client,
    ):
        assert client.get("/v1/members").status_code == 401
        reader = {"authorization": f"Bearer {server.token('acme', 'read')}"}
        forbidden = client.post("/v1/members", json={"key": "a@acme.com"}, headers=reader)
        assert forbidden.status_code == 403, "what is refused anyway does not count"
        first = client.get("/v1/members", headers=reader)
        assert (first.status_code, first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == (200, "1", "0")
        second, third = (client.get("/v1/members", headers=reader) for _ in range(2))
        answer = second if second.status_code == 429 else third  # a minute may have ended in between, but not two
        assert (answer.status_code, answer.json()["code"]) == (429, "rate-limited")
        assert re.fullmatch("[1-9][0-9]?", answer.headers["retry-after"])
        assert answer.headers["ratelimit-remaining"] == "0"
        assert client.get("/healthz").status_code == client.get("/metrics").status_code == 200
        other = {"authorization": f"Bearer {server.token('acme', 'write')}"}
        made = client.post("/v1/members", json={"key": "a@acme.com"}, headers=other)
        assert made.status_code == 201
        [line] = [e for e in _lines(server.log()) if e.get("id") == answer.headers["x-request-id"]]
        assert (line["status"], line["company"], line["token"]) == (429, "acme", reader["authorization"].split("_")[1])
        assert reader["authorization"].split("_", 2)[2] not in server.log()


def _lines(log: str) -> list[dict[str, object]]:
    import json

    return [json.loads(line) for line in log.splitlines()]
