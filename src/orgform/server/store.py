"""The directory in its database: opening it, its transactions, and what is read from it.

Invariant: one writer at a time for a company, on SQLite (BEGIN IMMEDIATE) and on PostgreSQL (the company's row is locked), so that what
a writer checked still holds when it commits. Reading never creates or changes anything: a database without tables is an empty directory,
and one of an earlier version is read as it is, until the first write.
"""

from __future__ import annotations

import functools
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from orgform.codec import Struct, decode, encode
from orgform.model import Attributes
from orgform.server import migrations
from orgform.server import tables as t
from orgform.server.database import BUSY_SECONDS, READY_SECONDS, Log, Place, StoreError, lacks_something

__all__ = ["CHUNK", "AuditFilter", "Page", "Row", "Store", "StoreError", "now", "rows_at", "time_text"]

CHUNK = 500
_ROWS = 250
# An answer with a page of resources or events has about so many bytes at most, and one thing at least.
LARGEST_ANSWER = 16 * 1024 * 1024
# How often `ready` sees that the database takes a write; and how often while it does not.
WRITE_SECONDS, REFUSED_SECONDS = 10.0, 1.0


class Row(Struct):
    """One resource as it is stored. `text` and `observed` are JSON."""

    id: str
    version: int
    text: str
    observed: str
    created_at: str
    updated_at: str
    decoded: Attributes | None = None

    @property
    def attributes(self) -> Attributes:
        """Decoded once, on first use. Not to be changed."""
        if self.decoded is None:
            self.decoded = decode(self.text, dict[str, Any])
        return self.decoded

    @property
    def etag(self) -> str:
        """Changes with every change of the attributes; never comes again, not even when the resource is deleted and created again."""
        return f"{self.id}.{self.version}"


class Page(Struct, frozen=True):
    """`items` are resources as JSON, in the order of their keys; `more`: there are others behind the last one."""

    items: list[str]
    more: bool
    total: int


class AuditFilter(Struct, frozen=True):
    """`since` (inclusive) and `until` (exclusive, so that spans join without a gap) are moments as `time_text` writes them.

    `address`: what the event is about; of a rename either address. `token`: id of a token. `below`: events older than this id.
    """

    address: str | None = None
    actor: str | None = None
    since: str | None = None
    below: int | None = None
    token: str | None = None
    until: str | None = None


def now() -> str:
    return time_text(datetime.now(UTC))


def time_text(moment: datetime) -> str:
    """UTC, ISO 8601 with milliseconds: sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Store:
    """A directory of companies in one database. Safe to use from several threads."""

    def __init__(self, database: str | Path) -> None:
        """`database`: a file, or an SQLAlchemy URL. Nothing is opened or created yet. Raises `StoreError` for what cannot be a database."""
        self._place = Place(database)
        self.name = self._place.name
        self._engines: tuple[sa.Engine, sa.Engine] | None = None
        self._revision: str | None = None
        self._written = False
        self._look_again = 0.0
        self._refused: StoreError | None = None
        self._empty: sa.Engine | None = None
        self._probe: sa.Engine | None = None
        self._opening = threading.RLock()
        self._writing = threading.Lock() if self._place.file else None
        self._log = Log(self._place.file) if self._place.file else None

    def close(self) -> None:
        for engine in (*(self._engines or ()), self._empty, self._probe):
            if engine is not None:
                engine.dispose()
        self._engines = self._empty = self._probe = self._revision = None

    def check(self) -> None:
        """Opens what is there, without creating anything. Raises `StoreError`, and is closed then."""
        try:
            with self.reading() as connection:
                connection.execute(sa.select(t.companies.c.company).limit(1)).all()
        except StoreError:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state throughout."""
        with self._failures(reading=True), self._readable().connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def looking(self) -> Iterator[sa.Connection]:
        """For one statement, which sees one state by itself: it needs no transaction, so none is begun on SQLite."""
        with self._failures(reading=True), self._readable().connect() as connection:
            yield connection.execution_options(orgform_alone=True)

    def ready(self) -> None:
        """Asks the database for something small, for `/readyz`, and now and then to write something, where this process writes.

        Raises `StoreError`, after about two seconds at the latest.
        """
        said: queue.SimpleQueue[StoreError | None] = queue.SimpleQueue()
        # A database that stands still can be waited for without end: who does that is left behind.
        threading.Thread(target=lambda: said.put(self._asked()), daemon=True).start()
        try:
            error = said.get(timeout=READY_SECONDS)
        except queue.Empty:
            raise StoreError(f"{self.name} does not answer", hint="see what its server does", busy=True) from None
        if error is not None:
            raise error

    def _asked(self) -> StoreError | None:
        try:
            if self._place.file:
                self._ask_file()
            else:
                self._ask_server()
            self._ask_to_write()
        except StoreError as e:
            return e
        return None

    def _check_there(self) -> None:
        """What is written into a file that was taken away is lost with it, so nothing is. Before the first write there is none."""
        if self._written and self._place.file and not self._place.file.exists():
            raise StoreError(f"{self.name} was taken away while it was open", hint="put it back and start the server again")

    def _ask_file(self) -> None:
        self._check_there()
        with self.reading() as connection:
            connection.execute(sa.select(t.companies.c.company).limit(1)).all()

    def _ask_server(self) -> None:
        with self._opening:
            self._probe = self._probe or self._place.probe()
        with self._failures(reading=True), self._probe.connect() as connection:
            connection.execute(sa.select(sa.literal(1))).all()

    def _ask_to_write(self) -> None:
        """A full disk, and a standby, are read without trouble. Who finds others writing need not know more."""
        if self._written and time.monotonic() >= self._look_again:
            self._look_again, self._refused = time.monotonic() + REFUSED_SECONDS, None
            try:
                with self._write_of_a_probe() as connection:
                    connection.execute(sa.update(t.schema_version).values(version=t.schema_version.c.version))
                self._look_again = time.monotonic() + WRITE_SECONDS
            except StoreError as e:
                self._refused = None if e.busy else e
        if self._refused:
            raise self._refused

    @contextmanager
    def _write_of_a_probe(self) -> Iterator[sa.Connection]:
        if self._probe is None:
            with self.transaction(wait=False) as connection:
                yield connection
        else:
            with self._failures(), self._probe.begin() as connection:
                yield connection

    def connections_in_use(self) -> int:
        """Of the database's, in this process, now."""
        pools = {engine.pool for engine in self._engines or ()}
        return sum(pool.checkedout() for pool in pools if isinstance(pool, sa.QueuePool))

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[sa.Connection]:
        """A transaction that writes and is tied to no company; commits at the end, or undoes everything.

        On SQLite it is alone in writing; on PostgreSQL only what it locks itself is its own. Without `wait` it raises a busy `StoreError`
        at once where it would have to wait for another writer of the SQLite file.
        """
        seconds = BUSY_SECONDS if wait else 0
        self._check_there()
        with self._failures(), self._turn(seconds), self._writable().connect() as connection:
            connection = connection.execution_options(orgform_write_within=seconds)
            with connection.begin():
                yield connection
            if self._log:
                self._log.shorten(connection)
            self._written = True

    @contextmanager
    def writing(self, company: str) -> Iterator[sa.Connection]:
        """A transaction that is alone in writing to the company; commits at the end, or undoes everything."""
        with self.transaction() as connection:
            if connection.execute(_OWN, {"company": company}).first() is None:
                self.insert_missing(connection, t.companies, {"company": company, "created_at": now()})
                connection.execute(_OWN, {"company": company}).all()
            yield connection

    @contextmanager
    def _turn(self, seconds: float) -> Iterator[None]:
        """Writers of this process queue here rather than poll at the file."""
        if self._writing is None:
            yield
        elif self._writing.acquire(timeout=seconds):
            try:
                yield
            finally:
                self._writing.release()
        else:
            raise StoreError(f"{self.name} is busy: other writers held it for {seconds} s", busy=True)

    @contextmanager
    def _failures(self, *, reading: bool = False) -> Iterator[None]:
        """What the database says, in sentences. Who only read, and lost the connection, has lost nothing."""
        try:
            yield
        except SQLAlchemyError as e:
            if self._is_old() and lacks_something(e):
                raise StoreError(
                    f"{self.name} was made by an earlier version of orgform and is not upgraded yet: what is asked for is not in it",
                    hint="the first `orgform apply` or `orgform serve` with it upgrades it",
                ) from e
            error = self._place.explained(e)
            error.busy = error.busy or (reading and error.lost)
            raise error from e

    def _is_old(self) -> bool:
        """Of an earlier version, and not upgraded yet."""
        return self._revision not in (None, migrations.NEWEST)

    def _readable(self) -> sa.Engine:
        if self._engines is not None and self._revision == migrations.NEWEST:
            return self._engines[0]
        with self._opening:
            if not self._place.has_content():
                return self._nothing()
            engine, _ = self._connected()
            self._look(engine)
            return engine if self._revision else self._nothing()

    def _writable(self) -> sa.Engine:
        if self._engines is not None and self._revision == migrations.NEWEST:
            return self._engines[1]
        with self._opening:
            self._place.make_folder()
            _, engine = self._connected()
            self._look(engine)
            if self._revision != migrations.NEWEST:
                with engine.connect().execution_options(orgform_write_within=BUSY_SECONDS) as connection, connection.begin():
                    migrations.upgrade(connection, self.name)
                self._revision = migrations.NEWEST
            return engine

    def _look(self, engine: sa.Engine) -> None:
        with engine.connect() as connection:
            self._revision = migrations.revision_of(connection, self.name)

    def _connected(self) -> tuple[sa.Engine, sa.Engine]:
        """The engines to read and to write with."""
        if self._engines is None:
            self._engines = self._place.engines()
        return self._engines

    def _nothing(self) -> sa.Engine:
        """An empty directory in memory, to read from while there is none."""
        if self._empty is None:
            self._empty = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
            t.metadata.create_all(self._empty)
        return self._empty

    @staticmethod
    def insert_missing(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
        """Inserts unless the primary key is there."""
        insert = import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert
        connection.execute(insert(table).values(**row).on_conflict_do_nothing())

    # Reading

    def page(self, company: str, kind: str, *, after: str, limit: int) -> Page:
        """Up to `limit` resources behind the key `after`; fewer, and one at least, where they are very large."""
        with self.reading() as connection:
            query = _page_query(connection.dialect.name)
            found = connection.execute(query, {"company": company, "kind": kind, "after": after, "most": limit + 1})
            items = _driver_items(found, LARGEST_ANSWER)
            total = connection.execute(_TOTAL, {"company": company, "kind": kind}).scalar() or 0
        fitting = fit(items[:limit], LARGEST_ANSWER)
        return Page(items[:fitting], len(items) > fitting, total)

    def get(self, company: str, address: str) -> Row | None:
        with self.reading() as connection:
            return rows_at(connection, company, [address]).get(address)

    def audit(self, company: str, wanted: AuditFilter, limit: int) -> Sequence[Sequence[Any]]:
        """(id, time, actor, token, client, action, address, before, after), newest first; one more than `limit` where there is more.

        `token` is empty where none was needed; `before` and `after` are JSON or None.
        """
        a = t.audit_events.c
        with self.reading() as connection:
            query = _events(company, wanted, old=self._is_old())
            if wanted.below is not None:
                at = connection.execute(sa.select(a.time).where(a.company == company, a.id == wanted.below)).scalar()
                query = query.where(sa.tuple_(a.time, a.id) < sa.tuple_(sa.literal(at or ""), sa.literal(wanted.below)))
            return connection.execute(query.order_by(a.time.desc(), a.id.desc()).limit(limit + 1)).all()

    def observe(self, address: str, observed: Mapping[str, Any], *, company: str = "default", actor: str = "platform") -> None:
        """Sets what the platform itself observes of a resource (a member's status, a balance). Its etag stays: nobody changed it.

        The audit log has it as `observe`, with what was observed before and after. Raises `StoreError` where there is no such resource.
        """
        kind, _, key = address.partition("/")
        with self.writing(company) as connection:
            row = rows_at(connection, company, [address]).get(address)
            if row is None:
                raise StoreError(f"{address} does not exist in {self.name}")
            after = encode({**decode(row.observed), **observed}).decode()
            if after == row.observed:
                return
            r = t.resources.c
            change = sa.update(t.resources).where(r.company == company, r.kind == kind, r.key == key)
            connection.execute(change.values(observed=after, updated_at=now()))
            event = {"company": company, "time": now(), "actor": actor, "client": "", "action": "observe", "address": address}
            connection.execute(sa.insert(t.audit_events).values(**event, before=row.observed, after=after))


# What `answers.resource` writes, written by the database: `printf` of the one and `format` of the other read this alike.
_ITEM = '{"id":"%s","key":%s,"attributes":%s,"observed":%s,"etag":"%s.%s","created_at":"%s","updated_at":"%s"}'
_THIS_KIND: dict[str, Any] = {"company": sa.bindparam("company"), "kind": sa.bindparam("kind")}
_TOTAL = sa.select(t.totals.c.total).filter_by(**_THIS_KIND)
# SQLite knows no FOR UPDATE and needs none: it has one writer.
_OWN = sa.select(t.companies.c.company).where(t.companies.c.company == sa.bindparam("company")).with_for_update()


@functools.cache
def _page_query(dialect: str) -> sa.Select[Any]:
    """One text for each resource: to fetch seven columns of it, and put them together here, takes twice as long."""
    r = t.resources.c
    formatted, quoted = (sa.func.printf, sa.func.json_quote) if dialect == "sqlite" else (sa.func.format, sa.func.to_json)
    item = formatted(_ITEM, r.id, quoted(r.key), r.attributes, r.observed, r.id, r.version, r.created_at, r.updated_at)
    query = sa.select(sa.type_coerce(item, sa.Text)).filter_by(**_THIS_KIND).where(r.key > sa.bindparam("after"))
    return query.order_by(r.key).limit(sa.bindparam("most"))


def _driver_rows(result: sa.CursorResult[Any]) -> Sequence[Any]:
    """The rows as the driver gives them: to wrap a thousand takes as long as to read them."""
    try:
        return result.cursor.fetchall()
    except sqlite3.Error as e:  # it reads on while the rows are fetched
        raise DBAPIError(None, None, e) from e


def _driver_items(result: sa.CursorResult[Any], most: int) -> list[str]:
    """The first column of rows as the driver gives them, until there are more than `most` characters of it."""
    items: list[str] = []
    size = 0
    cursor = result.cursor
    try:
        while size <= most and (rows := cursor.fetchmany(_ROWS)):
            texts = [text for (text,) in rows]
            size += sum(map(len, texts))
            items.extend(texts)
    except sqlite3.Error as e:  # it reads on while the rows are fetched
        raise DBAPIError(None, None, e) from e
    finally:
        result.close()
    return items


def fit(texts: Iterable[str], most: int) -> int:
    """How many of the first have no more than `most` characters together; one at least, where there is one."""
    count = 0
    for text in texts:
        most -= len(text)
        if most < 0 and count:
            break
        count += 1
    return count


def _events(company: str, wanted: AuditFilter, *, old: bool) -> sa.Select[Any]:
    """`old`: in a database that is not upgraded yet, where events have neither token nor old address."""
    a = t.audit_events.c
    token = sa.literal("") if old else a.token
    query = sa.select(a.id, a.time, a.actor, token, a.client, a.action, a.address, a.before, a.after)
    query = query.where(a.company == company if wanted.address is None else a.id.in_(_about(company, wanted.address, old=old)))
    if wanted.actor is not None:
        query = query.where(a.actor == wanted.actor)
    if wanted.token is not None:
        query = query.where(token == wanted.token)
    if wanted.since is not None:
        query = query.where(a.time >= wanted.since)
    return query if wanted.until is None else query.where(a.time < wanted.until)


def _about(company: str, address: str, *, old: bool) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """Ids of what happened to an address. Asked with OR, and the company outside, SQLite would read the whole log in its order."""
    a = t.audit_events.c
    this = sa.select(a.id).where(a.company == company)
    now_there = this.where(a.address == address)
    return now_there if old else sa.union_all(now_there, this.where(a.old_address == address))


def rows_at(connection: sa.Connection, company: str, addresses: Sequence[str]) -> dict[str, Row]:
    """Those of the addresses that exist."""
    by_kind: dict[str, list[str]] = {}
    for address in addresses:
        kind, _, key = address.partition("/")
        by_kind.setdefault(kind, []).append(key)
    found: dict[str, Row] = {}
    for kind, keys in by_kind.items():
        rows = looked_up(connection, t.resources, _ROW, {"company": company, "kind": kind}, "key", keys)
        found.update([(f"{kind}/{row[0]}", Row(*row[1:])) for row in rows])
    return found


_ROW = ("key", "id", "version", "attributes", "observed", "created_at", "updated_at")


def looked_up(
    connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], within: Mapping[str, str], column: str, words: Sequence[str]
) -> Sequence[Any]:
    """The rows whose `column` is one of the words, however many; `within`: what the columns of the primary key before it are."""
    dialect = connection.dialect.name
    listed: Any = list(words) if dialect == "postgresql" else encode(words).decode()
    query = _lookup(dialect, table, columns, tuple(within), column)
    return _driver_rows(connection.execute(query, {**within, "words": listed}))


@functools.cache
def _lookup(dialect: str, table: sa.Table, columns: tuple[str, ...], within: tuple[str, ...], column: str) -> sa.Select[Any]:
    """All words are one parameter, so that the statement stays the same: to put it together takes ten times as long as to run it.

    PostgreSQL looks each word up by the key; left to its statistics, which a directory that was just loaded has none of, it would read
    all rows and throw most of them away.
    """
    c = table.c
    found = sa.select(*(c[name] for name in columns)).where(*(c[name] == sa.bindparam(name) for name in within))
    if dialect != "postgresql":
        listed = sa.func.json_each(sa.bindparam("words", type_=sa.Text)).table_valued("value")
        return found.where(c[column].in_(sa.select(listed.c.value)))
    wanted = sa.func.unnest(sa.bindparam("words", type_=sa.ARRAY(sa.Text))).table_valued("word").render_derived()
    each = found.where(c[column] == wanted.c.word).offset(sa.literal_column("0")).lateral()
    return sa.select(*each.c).select_from(wanted.join(each, sa.true()))
