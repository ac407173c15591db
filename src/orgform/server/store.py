"""The database: opening it, its transactions, and what is read from it.

Invariant: one writer at a time for a company, on SQLite (BEGIN IMMEDIATE) and on PostgreSQL (the company's row is locked), so that what
a writer checked still holds when it commits. Reading never creates anything: a SQLite file that is not there is an empty directory
until the first write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from orgform.codec import Struct, decode, encode
from orgform.errors import OrgformError
from orgform.model import Attributes
from orgform.server import tables as t

BUSY_SECONDS = 30
CHUNK = 500
# Rows of a large directory are written all over its trees: with SQLite's own 2 MB every write would read from the file first.
CACHE_KIBIBYTES = 64 * 1024
# Any number, the same in every process: whoever creates the tables in PostgreSQL holds it.
SCHEMA_LOCK = 0x6F7267666F726D


class StoreError(OrgformError):
    """The database cannot be opened, read or written; nothing was changed.

    `busy`: another writer held it all the time; trying again may help. `lost`: the connection broke, so the last transaction may have
    been committed after all.
    """

    def __init__(self, message: str, *, hint: str = "", busy: bool = False, lost: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.busy = busy
        self.lost = lost


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
    """`rows` are (key, Row) in the order of their keys; `more`: there are rows behind the last one."""

    rows: list[tuple[str, Row]]
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
        """`database`: a file, or an SQLAlchemy URL. Nothing is opened or created yet."""
        self._file = database if isinstance(database, Path) else _file_of(database)
        self._url = sa.URL.create("sqlite", database=str(self._file)) if self._file else _with_driver(sa.make_url(str(database)))
        self.name = str(self._file) if self._file else self._url.render_as_string(hide_password=True)
        self._engine: sa.Engine | None = None
        self._empty: sa.Engine | None = None
        self._opening = threading.Lock()
        self._writing = threading.Lock() if self._url.get_backend_name() == "sqlite" else None

    def close(self) -> None:
        for engine in (self._engine, self._empty):
            if engine is not None:
                engine.dispose()
        self._engine = self._empty = None

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
        with self._failures(), self._readable().connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def ready(self) -> None:
        """Asks the database for something small, for `/readyz`. Raises `StoreError`, after about two seconds at the latest."""
        with self.reading() as connection:
            connection.execute(sa.select(t.companies.c.company).limit(1)).all()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction that writes and is tied to no company; commits at the end, or undoes everything.

        On SQLite it is alone in writing; on PostgreSQL only what it locks itself is its own.
        """
        with self._failures(), self._turn(), self._writer() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, company: str) -> Iterator[sa.Connection]:
        """A transaction that is alone in writing to the company; commits at the end, or undoes everything."""
        with self.transaction() as connection:
            self.insert_missing(connection, t.companies, {"company": company, "created_at": now()})
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(t.companies.c.company).where(t.companies.c.company == company).with_for_update())
            yield connection

    def _writer(self) -> sa.Connection:
        return self._writable().connect().execution_options(orgform_write=True)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Writers of this process queue here rather than poll at the file."""
        if self._writing is None:
            yield
        elif self._writing.acquire(timeout=BUSY_SECONDS):
            try:
                yield
            finally:
                self._writing.release()
        else:
            raise StoreError(f"{self.name} is busy: other writers held it for {BUSY_SECONDS} s", busy=True)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as e:
            raise _explained(self.name, e) from e

    def _readable(self) -> sa.Engine:
        if self._engine is None and self._file and not _has_content(self._file):
            return self._nothing()
        return self._opened(create=False)

    def _writable(self) -> sa.Engine:
        return self._opened(create=True)

    def _opened(self, *, create: bool) -> sa.Engine:
        with self._opening:
            if self._engine is None:
                self._engine = self._open(create=create)
            return self._engine

    def _open(self, *, create: bool) -> sa.Engine:
        if self._file:
            _refuse_strange_file(self._file)
            if create:
                _make_folder(self._file.parent)
        options: dict[str, Any] = {"max_overflow": -1, "pool_pre_ping": not self._file}
        engine = sa.create_engine(self._url, **options)
        _prepare(engine)
        try:
            self._settle_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _nothing(self) -> sa.Engine:
        """An empty directory in memory, to read from while there is no file."""
        with self._opening:
            if self._empty is None:
                self._empty = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
                t.metadata.create_all(self._empty)
            return self._empty

    def _settle_schema(self, engine: sa.Engine) -> None:
        """Creates the tables in an empty database; refuses one of somebody else, or of a later version."""
        with engine.connect() as connection:
            names = set(sa.inspect(connection).get_table_names())
            version = self._version(connection) if t.schema_version.name in names else None
        if version == t.SCHEMA_VERSION:
            return
        if version is not None:
            raise StoreError(
                f"{self.name} was written by another version of orgform (its schema is {version}, this one knows {t.SCHEMA_VERSION})",
                hint="use the version of orgform that wrote it, or a later one",
            )
        if names and self._file:
            raise StoreError(f"{self.name} is the database of something else", hint="name another file in the target's `database`")
        with engine.connect().execution_options(orgform_write=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            t.metadata.create_all(connection)
            self.insert_missing(connection, t.schema_version, {"version": t.SCHEMA_VERSION})

    @staticmethod
    def _version(connection: sa.Connection) -> int | None:
        return connection.execute(sa.select(sa.func.max(t.schema_version.c.version))).scalar()

    @staticmethod
    def insert_missing(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
        """Inserts unless the primary key is there."""
        insert = import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert
        connection.execute(insert(table).values(**row).on_conflict_do_nothing())

    # Reading

    def page(self, company: str, kind: str, *, after: str, limit: int) -> Page:
        """Up to `limit` resources behind the key `after`."""
        r = t.resources.c
        query = sa.select(r.key, r.id, r.version, r.attributes, r.observed, r.created_at, r.updated_at)
        query = query.where(r.company == company, r.kind == kind, r.key > after).order_by(r.key).limit(limit + 1)
        total = sa.select(t.totals.c.total).where(t.totals.c.company == company, t.totals.c.kind == kind)
        with self.reading() as connection:
            found = connection.execute(query).all()
            count = connection.execute(total).scalar() or 0
        return Page([(key, Row(*rest)) for key, *rest in found[:limit]], len(found) > limit, count)

    def get(self, company: str, address: str) -> Row | None:
        with self.reading() as connection:
            return rows_at(connection, company, [address]).get(address)

    def audit(self, company: str, wanted: AuditFilter, limit: int) -> Sequence[Sequence[Any]]:
        """(id, time, actor, token, client, action, address, before, after), newest first; one more than `limit` where there is more.

        `token` is empty where none was needed; `before` and `after` are JSON or None.
        """
        a = t.audit_events.c
        query = sa.select(a.id, a.time, a.actor, a.token, a.client, a.action, a.address, a.before, a.after).where(a.company == company)
        if wanted.address is not None:
            query = query.where(sa.or_(a.address == wanted.address, a.old_address == wanted.address))
        if wanted.actor is not None:
            query = query.where(a.actor == wanted.actor)
        if wanted.since is not None:
            query = query.where(a.time >= wanted.since)
        if wanted.token is not None:
            query = query.where(a.token == wanted.token)
        if wanted.until is not None:
            query = query.where(a.time < wanted.until)
        if wanted.below is not None:
            query = query.where(a.id < wanted.below)
        with self.reading() as connection:
            return connection.execute(query.order_by(a.id.desc()).limit(limit + 1)).all()

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


def rows_at(connection: sa.Connection, company: str, addresses: Sequence[str]) -> dict[str, Row]:
    """Those of the addresses that exist."""
    by_kind: dict[str, list[str]] = {}
    for address in addresses:
        kind, _, key = address.partition("/")
        by_kind.setdefault(kind, []).append(key)
    found: dict[str, Row] = {}
    r = t.resources.c
    for kind, keys in by_kind.items():
        query = sa.select(r.key, r.id, r.version, r.attributes, r.observed, r.created_at, r.updated_at)
        query = query.where(r.company == company, r.kind == kind)
        for i in range(0, len(keys), CHUNK):
            rows = connection.execute(query.where(r.key.in_(keys[i : i + CHUNK])))
            found.update((f"{kind}/{key}", Row(*rest)) for key, *rest in rows)
    return found


def _file_of(database: str) -> Path | None:
    """The file of a SQLite URL or of a plain path; None for other databases."""
    if "://" not in database:
        return Path(database)
    url = sa.make_url(database)
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:":
        raise StoreError("an in-memory database cannot be served", hint="name a file")
    return Path(url.database)


def _with_driver(url: sa.URL) -> sa.URL:
    """PostgreSQL is reached through psycopg 3, whichever way the URL is written."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def _has_content(file: Path) -> bool:
    """False for no file and for an empty one; whatever cannot be looked at is for the opening to judge."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _refuse_strange_file(file: Path) -> None:
    if file.is_dir():
        raise StoreError(f"{file} is a folder, not a database", hint="name a file in the target's `database`")
    try:
        with file.open("rb") as opened:
            head = opened.read(16)
    except FileNotFoundError:
        return
    except OSError as e:
        raise StoreError(f"cannot read {file}: {e.strerror}") from e
    if head and head != b"SQLite format 3\x00":
        raise StoreError(f"{file} is not a database", hint="name another file in the target's `database`, or move this one away")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise StoreError(f"cannot make the folder {folder}: {e.strerror}") from e


def _prepare(engine: sa.Engine) -> None:
    """SQLite as it should be: write-ahead log, durable commits, foreign keys, writers that wait, explicit BEGIN."""
    if engine.dialect.name != "sqlite":
        return

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        cursor.execute("PRAGMA foreign_keys = ON")
        if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("orgform_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _explained(name: str, error: SQLAlchemyError) -> StoreError:
    cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    first = cause.strip().splitlines()[0] if cause.strip() else type(error).__name__
    if "database is locked" in first:
        return StoreError(f"{name} is busy: another process writes to it", busy=True)
    if "readonly" in first:
        return StoreError(f"{name} is read-only", hint="make the file and its folder writable")
    if "unable to open" in first:
        return StoreError(f"cannot open {name}", hint="see that its folder exists and may be written to")
    if "malformed" in first or "not a database" in first:
        return StoreError(f"{name} is damaged: {first}", hint="restore it from a backup")
    return StoreError(f"the database {name} failed: {first}", lost=isinstance(error, DBAPIError) and error.connection_invalidated)
