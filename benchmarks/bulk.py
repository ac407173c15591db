"""Loading a large directory through the batch endpoint and listing it back, beside the floor.

    python -m benchmarks.bulk [--members 100000] [--database URL] [--in-process] [--json]

A company of N members with three memberships each is written in batches of 1,000 operations and listed in pages of 1,000, over HTTP
against an `orgform serve` of its own (`--in-process`: against the application in this process, without HTTP). The floor is what no
server could do without: the same rows in the same tables with the same indexes by plain `executemany`, a transaction a batch; and
pages of JSON that was encoded before, read from a table by its key. On PostgreSQL both stand in schemas of their own, which are
dropped at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import sqlalchemy as sa

from orgform.codec import encode
from orgform.kinds import load_kinds
from orgform.model import Address
from orgform.providers.http import InProcessTransport
from orgform.server import Caller, Store, create_app, tables
from orgform.server.shape import Shapes
from orgform.server.store import rows_at
from orgform.testing.server import running_server

BATCH = PAGE = 1000
MEMBERSHIPS = 3
MEMBERS_IN_A_WORKSPACE = 300
ROLES = ("member", "viewer", "manager", "admin")
COMPANY = "bulk"
_SCHEMAS = ("orgform_bulk", "orgform_bulk_floor")

Send = Callable[..., httpx.Response]


def operations(members: int) -> Iterator[dict[str, Any]]:
    """Workspaces, members and their memberships, in the order in which they can be made."""
    workspaces = max(MEMBERSHIPS, members * MEMBERSHIPS // MEMBERS_IN_A_WORKSPACE)
    for n in range(workspaces):
        yield _create("workspaces", f"workspace-{n:05d}", {"name": f"Workspace {n}"})
    for n in range(members):
        yield _create("members", _email(n), {"name": f"Person {n}", "title": "Engineer", "labels": {"team": f"team-{n % 50}"}})
    for n in range(members):
        for i in range(MEMBERSHIPS):
            workspace = (n * MEMBERSHIPS + i * 7919) % workspaces
            yield _create("memberships", f"workspace-{workspace:05d}/{_email(n)}", {"role": ROLES[(n + i) % len(ROLES)]})


def _create(collection: str, key: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"method": "create", "collection": collection, "key": key, "attributes": attributes}


def _email(number: int) -> str:
    return f"person.{number:06d}@acme.com"


def batches(members: int) -> Iterator[tuple[int, bytes]]:
    """How many operations, and the body of the request that asks for them."""
    some: list[dict[str, Any]] = []
    for operation in operations(members):
        some.append(operation)
        if len(some) == BATCH:
            yield len(some), encode({"operations": some})
            some = []
    if some:
        yield len(some), encode({"operations": some})


def write(send: Send, members: int) -> dict[str, float]:
    """Operations a second, of the requests alone. Raises `AssertionError` where one was refused."""
    done, seconds = 0, 0.0
    for number, body in batches(members):
        began = perf_counter()
        answer = send("POST", "/v1/batch", content=body, headers={"content-type": "application/json"})
        seconds += perf_counter() - began
        assert answer.status_code == 200, answer.text
        assert answer.content.count(b'"status":201') == number, answer.text[:1000]
        done += number
    return {"operations": done, "seconds": seconds, "per_second": done / seconds}


def read(send: Send) -> dict[str, float]:
    """Pages a second of the two large collections."""
    pages, resources, seconds = 0, 0, 0.0
    for collection in ("members", "memberships"):
        cursor = ""
        while cursor is not None:
            began = perf_counter()
            answer = send("GET", f"/v1/{collection}?limit={PAGE}" + (f"&cursor={cursor}" if cursor else ""))
            seconds += perf_counter() - began
            page = answer.json()
            cursor, pages, resources = page["next"], pages + 1, resources + len(page["items"])
    return {"pages": pages, "resources": resources, "seconds": seconds, "per_second": pages / seconds}


# The floor


def write_floor(source: Store, floor: Store) -> dict[str, float]:
    """The rows that `source` holds of the company, into `floor`, in the order and in the transactions in which they came."""
    with floor.writing(COMPANY):
        pass  # makes the tables
    done, seconds = 0, 0.0
    for rows in _rows(source):
        began = perf_counter()
        with floor.transaction() as connection:
            for table, some in rows.items():
                connection.exec_driver_sql(_insert(connection, table), some)
        seconds += perf_counter() - began
        done += len(rows[tables.resources])
    return {"operations": done, "seconds": seconds, "per_second": done / seconds}


def _insert(connection: sa.Connection, table: sa.Table) -> str:
    columns = [c.name for c in table.columns if c.name != "id" or table is not tables.audit_events]
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join([_mark(connection)] * len(columns))
    return f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own


def _mark(connection: sa.Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"


def _rows(source: Store) -> Iterator[dict[sa.Table, list[tuple[Any, ...]]]]:
    shapes = Shapes(load_kinds())
    events = tables.audit_events
    columns = [c for c in events.columns if c.name != "id"]
    last = 0
    while True:
        with source.reading() as connection:
            query = sa.select(events.c.id, events.c.address, *columns).where(events.c.id > last).order_by(events.c.id).limit(BATCH)
            found = connection.execute(query).all()
            if not found:
                return
            last = found[-1][0]
            stored = rows_at(connection, COMPANY, [row[1] for row in found])
        links = [
            (COMPANY, k.target, a, k.path, k.rule) for a, row in stored.items() for k in shapes.address(a).links(Address(a), row.attributes)
        ]
        rows = [(COMPANY, *_kind_and_key(a), r.id, r.version, r.text, r.observed, r.created_at, r.updated_at) for a, r in stored.items()]
        filled: dict[sa.Table, list[tuple[Any, ...]]] = {
            tables.links: links,
            tables.resources: rows,
            events: [tuple(row[2:]) for row in found],
        }
        yield {table: some for table, some in filled.items() if some}


def _kind_and_key(address: str) -> tuple[str, str]:
    kind, _, key = address.partition("/")
    return kind, key


def read_floor(source: Store) -> dict[str, float]:
    """Pages a second out of a table that holds every resource as the JSON that it is listed as."""
    columns = [sa.Column(name, sa.Text, primary_key=name == "key") for name in ("key", "json")]
    encoded = sa.Table("encoded", sa.MetaData(), *columns, prefixes=["TEMPORARY"])
    pages, resources, seconds = 0, 0, 0.0
    with source.transaction() as connection:
        encoded.create(connection)
        _fill(connection, source)
        mark = _mark(connection)
        query = f'SELECT "key", json FROM encoded WHERE "key" > {mark} AND "key" < {mark} ORDER BY "key" LIMIT {PAGE}'  # noqa: S608
        for kind in ("member", "membership"):
            last = f"{kind}/"
            while True:
                began = perf_counter()
                found = connection.exec_driver_sql(query, (last, f"{kind}0")).all()
                body = ('{"items":[' + ",".join([row[1] for row in found]) + "]}").encode()
                seconds += perf_counter() - began
                if not found:
                    break
                assert body
                last, pages, resources = found[-1][0], pages + 1, resources + len(found)
        encoded.drop(connection)
    return {"pages": pages, "resources": resources, "seconds": seconds, "per_second": pages / seconds}


def _fill(connection: sa.Connection, source: Store) -> None:
    mark = _mark(connection)
    for kind in ("member", "membership"):
        after = ""
        while (page := source.page(COMPANY, kind, after=after, limit=PAGE)).items:
            rows = [(f"{kind}/{json.loads(item)['key']}", item) for item in page.items]
            connection.exec_driver_sql(f"INSERT INTO encoded VALUES ({mark}, {mark})", rows)  # noqa: S608
            after = rows[-1][0].partition("/")[2]


# All of it


def measure(database: str | None, members: int, *, in_process: bool = False) -> dict[str, Any]:
    """`{"writes": {...}, "reads": {...}, "write_floor": {...}, "read_floor": {...}, "ratios": {"write", "read"}}`; ratios: floor / ours."""
    with _databases(database) as (ours, floor):
        with (_in_process if in_process else _served)(ours) as send:
            found: dict[str, Any] = {"writes": write(send, members), "reads": read(send)}
        source, empty = Store(ours), Store(floor)
        try:
            found |= {"read_floor": read_floor(source), "write_floor": write_floor(source, empty)}
        finally:
            source.close()
            empty.close()
    found["ratios"] = {n: found[f"{n}_floor"]["per_second"] / found[f"{n}s"]["per_second"] for n in ("write", "read")}
    return found


@contextmanager
def _databases(database: str | None) -> Iterator[tuple[str, str]]:
    """Two empty databases of one sort."""
    if database is None:
        with tempfile.TemporaryDirectory(prefix="orgform-bulk-") as folder:
            yield str(Path(folder) / "ours.db"), str(Path(folder) / "floor.db")
        return
    engine = sa.create_engine(sa.make_url(database).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            for name in _SCHEMAS:
                connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        urls = [sa.make_url(database).update_query_dict({"options": f"-csearch_path={name}"}) for name in _SCHEMAS]
        yield urls[0].render_as_string(hide_password=False), urls[1].render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            for name in _SCHEMAS:
                connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        engine.dispose()


@contextmanager
def _served(database: str) -> Iterator[Send]:
    with running_server(database, without_tokens=False) as server:
        headers = {"authorization": f"Bearer {server.token(COMPANY)}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=120) as client:
            yield client.request


@contextmanager
def _in_process(database: str) -> Iterator[Send]:
    store = Store(database)
    app = create_app(store, load_kinds(), identify=lambda _: Caller(COMPANY, "loader@acme.com", "bulk"), inline=True)
    try:
        with httpx.Client(transport=InProcessTransport(app), base_url="http://bulk") as client:
            yield client.request
    finally:
        store.close()


def text(found: dict[str, Any]) -> str:
    return "\n".join(
        f"{what}: {ours['per_second']:,.0f} a second; {how}: {floor['per_second']:,.0f} a second, {ratio:.1f} times as many"
        for what, ours, how, floor, ratio in (
            (
                f"{found['writes']['operations']:,} batch writes",
                found["writes"],
                "plain SQL",
                found["write_floor"],
                found["ratios"]["write"],
            ),
            (f"{found['reads']['pages']:,} pages", found["reads"], "encoded before", found["read_floor"], found["ratios"]["read"]),
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bulk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL; without it a SQLite file of its own")
    parser.add_argument("--in-process", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.database, arguments.members, in_process=arguments.in_process)
    print(json.dumps(found, indent=2) if arguments.json else text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
