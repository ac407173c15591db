"""A large company is loaded through the batch endpoint of a real server and listed back: all of it, in order, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from benchmarks.bulk import MEMBERSHIPS, batches, operations

from orgform.server import Store, tables
from orgform.testing.postgres import PostgresMissing, running_postgres
from orgform.testing.server import RunningServer, running_server

PAGE = 1000


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    with ExitStack() as stack:
        database = str(tmp_path / "acme.db")
        if request.param == "postgresql":
            try:
                database = stack.enter_context(running_postgres()).database("bulk")
            except PostgresMissing as e:
                pytest.skip(str(e))
        server = stack.enter_context(running_server(database))
        yield server
        assert "Traceback" not in server.log()


def peak_megabytes(server: RunningServer) -> float:
    """The most memory that the process ever had."""
    words = dict(line.split(":", 1) for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines())
    return int(words["VmHWM"].split()[0]) / 1024


def load(client: httpx.Client, members: int) -> None:
    for number, body in batches(members):
        answer = client.post("/v1/batch", content=body, headers={"content-type": "application/json"})
        assert [r["status"] for r in answer.json()["results"]] == [201] * number


def pages(client: httpx.Client, path: str, **query: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        answer = client.get(path, params={"limit": str(PAGE), **query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        yield answer.json()
        cursor = answer.json()["next"]


def check_listed(client: httpx.Client, collection: str, wanted: list[str]) -> None:
    """Everything once, in the order of the bytes, in full pages, with the right total on each."""
    found: list[str] = []
    for page in pages(client, f"/v1/{collection}"):
        assert page["total"] == len(wanted)
        assert len(page["items"]) == min(PAGE, len(wanted) - len(found))
        found += [item["key"] for item in page["items"]]
    assert found == wanted


def check_all(server: RunningServer, members: int) -> None:
    with httpx.Client(base_url=server.url, timeout=120, trust_env=False) as client:
        load(client, min(members, 1000))
        small = peak_megabytes(server)
        with closing(Store(server.database)) as store:
            empty(store)
        load(client, members)
        asked = list(operations(members))
        for collection in ("workspaces", "members", "memberships"):
            check_listed(client, collection, sorted(o["key"] for o in asked if o["collection"] == collection))
        newest = next(pages(client, "/v1/audit-events"))["items"]
        assert [e["address"].partition("/")[2] for e in newest] == [o["key"] for o in reversed(asked[-PAGE:])]
        assert peak_megabytes(server) < small + 100, "what it needs does not grow with the company"
    check_counted(server, members)


def empty(store: Store) -> None:
    with store.transaction() as connection:
        for table in (tables.resources, tables.links, tables.totals, tables.audit_events):
            connection.execute(sa.delete(table))


def check_counted(server: RunningServer, members: int) -> None:
    """An event for each operation, and two links for each membership, but for those that make somebody an admin."""
    asked = list(operations(members))
    admins = sum(o["attributes"].get("role") == "admin" for o in asked)
    with closing(Store(server.database)) as store, store.reading() as connection:
        counted = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (tables.resources, tables.audit_events, tables.links)
        ]
    assert counted == [len(asked), len(asked), members * MEMBERSHIPS * 2 + admins]


def test_some_thousand_members_and_their_memberships(server: RunningServer) -> None:
    check_all(server, 4_000)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_members_and_their_memberships(server: RunningServer) -> None:
    check_all(server, 100_000)
