"""Writing what came of a transaction's operations: few statements with many rows each.

Invariant: nothing is decided here. The statements are plain text and the rows plain tuples, as for a thousand rows the building of
either would cost more than the database takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orgform.codec import Struct
from orgform.server import tables as t
from orgform.server.shape import Link
from orgform.server.store import Row

# PostgreSQL takes rows four times as fast by COPY; for a few of them its two round trips more are not worth it.
WORTH_A_COPY = 20
# So few rows are one statement. For each statement a thread lets the others go on, and waits until it may itself.
AT_A_TIME = 16

RESOURCE = ("company", "kind", "key", "id", "version", "attributes", "observed", "created_at", "updated_at")
LINK = ("company", "target", "source", "path", "rule")
EVENT = ("company", "time", "actor", "token", "client", "action", "address", "old_address", "before", "after")
ANSWER = ("company", "key", "digest", "answer", "created_at")

_KEY = ("company", "kind", "key")
_MORE = (
    sa.update(t.totals)
    .where(t.totals.c.company == sa.bindparam("of_company"), t.totals.c.kind == sa.bindparam("of_kind"))
    .values(total=t.totals.c.total + sa.bindparam("number"))
)


class Change(Struct, frozen=True):
    """A resource before and after all operations, with what it named and what it names; None: it was not there, or is gone."""

    address: str
    before: Row | None
    after: Row | None
    old_links: tuple[Link, ...] = ()
    new_links: tuple[Link, ...] = ()


def write_changes(connection: sa.Connection, company: str, changes: Sequence[Change]) -> None:
    """Links, resources and how many there are."""
    _write_links(connection, company, changes)
    gone = [(company, *split(c.address)) for c in changes if c.before and not c.after]
    new = [_columns(company, c.address, c.after) for c in changes if c.after and not c.before]
    other = [_columns(company, c.address, c.after) for c in changes if c.before and c.after and c.before is not c.after]
    _delete(connection, t.resources, _KEY, gone)
    _update(connection, t.resources, RESOURCE, _KEY, other)
    insert(connection, t.resources, RESOURCE, new)
    _count(connection, company, gone, new)


def _write_links(connection: sa.Connection, company: str, changes: Sequence[Change]) -> None:
    gone: list[tuple[Any, ...]] = []
    new: list[tuple[Any, ...]] = []
    for c in changes:
        at, old, fresh = c.address, c.old_links, c.new_links
        if old:
            was, is_now = set(old), set(fresh)
            gone.extend([(company, k.target, at, k.path) for k in old if k not in is_now])
            fresh = tuple(k for k in fresh if k not in was)
        new.extend([(company, k.target, at, k.path, k.rule) for k in fresh])
    _delete(connection, t.links, LINK[:4], gone)
    insert(connection, t.links, LINK, new)


def _columns(company: str, address: str, row: Row) -> tuple[Any, ...]:
    kind, key = split(address)
    return company, kind, key, row.id, row.version, row.text, row.observed, row.created_at, row.updated_at


def split(address: str) -> tuple[str, str]:
    kind, _, key = address.partition("/")
    return kind, key


def _count(connection: sa.Connection, company: str, gone: Iterable[tuple[Any, ...]], new: Iterable[tuple[Any, ...]]) -> None:
    delta: dict[str, int] = {}
    for row in gone:
        delta[row[1]] = delta.get(row[1], 0) - 1
    for row in new:
        delta[row[1]] = delta.get(row[1], 0) + 1
    for kind, number in delta.items():
        if not connection.execute(_MORE, {"of_company": company, "of_kind": kind, "number": number}).rowcount:
            connection.execute(sa.insert(t.totals).values(company=company, kind=kind, total=number))


def insert(connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """`rows` have the values of `columns`, in their order."""
    if not rows:
        return
    if connection.dialect.name == "postgresql" and len(rows) >= WORTH_A_COPY:
        _copy(connection, _copy_text(table.name, columns), rows)
    elif len(rows) <= AT_A_TIME:
        _run(connection, _insert_text(table.name, columns, _mark(connection), len(rows)), [tuple(v for row in rows for v in row)])
    else:
        _run(connection, _insert_text(table.name, columns, _mark(connection), 1), rows)


def _update(
    connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], key: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """The key's columns come first."""
    if rows:
        turned = [(*row[len(key) :], *row[: len(key)]) for row in rows]
        _run(connection, _update_text(table.name, columns[len(key) :], key, _mark(connection)), turned)


def _delete(connection: sa.Connection, table: sa.Table, key: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        _run(connection, _delete_text(table.name, key, _mark(connection)), rows)


def _run(connection: sa.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    connection.exec_driver_sql(statement, rows if len(rows) > 1 else rows[0])


def _copy(connection: sa.Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.Error as e:
        raise DBAPIError(statement, None, e, connection_invalidated=driver.broken) from e


def _mark(connection: sa.Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"


# All names in these statements are the tables' own.


@cache
def _insert_text(table: str, columns: tuple[str, ...], mark: str, rows: int) -> str:
    row = f"({', '.join([mark] * len(columns))})"
    return f"INSERT INTO {table} ({_names(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608


@cache
def _copy_text(table: str, columns: tuple[str, ...]) -> str:
    return f"COPY {table} ({_names(columns)}) FROM STDIN"


@cache
def _update_text(table: str, columns: tuple[str, ...], key: tuple[str, ...], mark: str) -> str:
    return f"UPDATE {table} SET {_equal(columns, mark, ', ')} WHERE {_equal(key, mark, ' AND ')}"  # noqa: S608


@cache
def _delete_text(table: str, key: tuple[str, ...], mark: str) -> str:
    return f"DELETE FROM {table} WHERE {_equal(key, mark, ' AND ')}"  # noqa: S608


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _equal(columns: Iterable[str], mark: str, between: str) -> str:
    return between.join(f'"{name}" = {mark}' for name in columns)
