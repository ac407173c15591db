"""A SQLite file or a PostgreSQL database, spoken to in the SQL that both understand.

Invariant: whatever goes wrong underneath comes out as a `LedgerError` that says which ledger, what is wrong and what to do, and never shows
a password. Statements are written with `?`. A file ledger is opened for reading without creating anything that stays.

The drivers are used directly: a plan reads four tables, and loading a toolkit for that would take longer than the rest of a small plan.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orgform.disk import is_full
from orgform.errors import LedgerError
from orgform.urls import without_password

BUSY_SECONDS = 30.0
_SHAPE = "write it as postgresql://USER:PASSWORD@HOST/NAME"
_ESCAPES = "in a user or password / is written %2F, ? %3F, # %23, @ %40, [ %5B, ] %5D, % %25"
ELSEWHERE = "choose another ledger with --ledger or ORGFORM_LEDGER"

Row = tuple[Any, ...]


class Connection:
    """One open connection, used by one thread at a time."""

    def __init__(self, raw: Any, database: Database) -> None:
        self._raw = raw
        self._database = database

    def run(self, statement: str, values: Sequence[object] = ()) -> Any:
        """A cursor of the driver, executed. Only inside of `transaction`."""
        return self._raw.execute(self._database.dialect(statement), values)

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        self._raw.cursor().executemany(self._database.dialect(statement), rows)

    def one(self, statement: str, values: Sequence[object] = ()) -> Row | None:
        row: Row | None = self.run(statement, values).fetchone()
        return row

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Connection]:
        """All or nothing. A writing one is alone from its begin on (SQLite) or locks the rows it touches (PostgreSQL)."""
        with self._database.explained():
            self._raw.execute(self._database.begin(write=write))
            try:
                yield self
                self._raw.execute("COMMIT")
            except BaseException:
                with suppress(*self._database.errors):
                    self._raw.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with suppress(*self._database.errors):
            self._raw.close()


class Database(ABC):
    """Where a ledger is kept. `name` is for people. `file`: None where it is a server. `mixed`: tables of other programs may be there
    too. `clustered` ends a CREATE TABLE whose rows are to lie in the order of their key.
    """

    name: str
    file: Path | None = None
    mixed: bool
    clustered: str
    errors: tuple[type[Exception], ...]

    @abstractmethod
    def connect(self) -> Connection: ...

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is something to read; never creates it."""

    @abstractmethod
    def prepare(self) -> None:
        """Makes the place for a ledger that is not there yet."""

    @abstractmethod
    def begin(self, *, write: bool) -> str: ...

    @abstractmethod
    def alone(self, connection: Connection) -> None:
        """Inside a transaction: waits until no other one creates tables."""

    @abstractmethod
    def tables(self, connection: Connection) -> frozenset[str]: ...

    @abstractmethod
    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the one clock that all who share this ledger go by."""

    @abstractmethod
    def explain(self, error: Exception) -> LedgerError: ...

    def dialect(self, statement: str) -> str:
        return statement

    @contextmanager
    def explained(self) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            raise self.explain(error) from error


class SqliteFile(Database):
    """One file with WAL and a sync at each commit: what was recorded survives the machine."""

    mixed = False
    clustered = " WITHOUT ROWID"
    errors = (sqlite3.Error, OSError)

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = self.file = path
        self.name = str(path)
        self._read_only = read_only

    def exists(self) -> bool:
        self._refuse_a_link_out()
        with self.explained():
            try:
                with self.path.open("rb") as file:
                    return bool(file.read(1))
            except FileNotFoundError:
                return False

    def prepare(self) -> None:
        self._refuse_a_link_out()
        with self.explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))

    def _refuse_a_link_out(self) -> None:
        """Beside the config anybody who writes the config may have put a link, and where it leads is not theirs to choose."""
        beside = self.path.absolute().parent
        folder = beside.parent.resolve()
        if beside.name == ".orgform" and not self.path.resolve().is_relative_to(folder):
            raise LedgerError(f"the ledger {self.name} is a link that leads out of {folder}", hint=f"remove the link, or {ELSEWHERE}")
        if self.path.is_fifo() or self.path.is_socket() or self.path.is_char_device():  # it would be waited for, for ever
            raise LedgerError(f"the ledger {self.name} is no regular file", hint=f"remove it, or {ELSEWHERE}")

    def connect(self) -> Connection:
        with self.explained():
            raw = self._open()
            raw.execute("PRAGMA synchronous = FULL")
            raw.execute("PRAGMA trusted_schema = OFF")
            return Connection(raw, self)

    def _open(self) -> sqlite3.Connection:
        if not self._read_only:
            return _into_wal(self._tried("mode=rw"))
        try:
            return self._tried("mode=rw")
        except sqlite3.OperationalError as error:
            if not any(words in str(error) for words in _NOT_WRITABLE) or self._unmerged():
                raise
            return self._tried("mode=ro&immutable=1")

    def _tried(self, how: str) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path.absolute()))}?{how}"
        raw = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            raw.close()
            raise
        return raw

    def _unmerged(self) -> bool:
        """Whether the file alone is not the whole truth: somebody writes, or died writing."""
        wal = self.path.with_name(self.path.name + "-wal")
        return wal.exists() and wal.stat().st_size > 0

    def begin(self, *, write: bool) -> str:
        return "BEGIN IMMEDIATE" if write else "BEGIN"

    def alone(self, connection: Connection) -> None:
        pass  # BEGIN IMMEDIATE already is

    def tables(self, connection: Connection) -> frozenset[str]:
        return frozenset(name for (name,) in connection.run("SELECT name FROM sqlite_master WHERE type = 'table'"))

    def now(self, connection: Connection) -> float:
        return time.time()

    def explain(self, error: Exception) -> LedgerError:
        text = str(error)
        if "disk I/O" in text and is_full(self.path):
            text = "is full"
        for words, problem, hint in _SQLITE_PROBLEMS:
            if words in text:
                return LedgerError(f"the ledger {self.name} {problem}", hint=hint)
        if isinstance(error, OSError):
            return LedgerError(f"the ledger {self.name} cannot be opened: {error.strerror or text}", hint=f"check the path, or {ELSEWHERE}")
        return LedgerError(
            f"the ledger {self.name} failed: {text}", hint="run it again; if that persists, check the disk: its room, quota and health"
        )


# What SQLite says where it cannot make the shared memory of the write-ahead log, for lack of rights or of room.
_NOT_WRITABLE = ("unable to open", "readonly", "disk I/O")

_SQLITE_PROBLEMS = (
    ("not a database", "is not a ledger: the file is no SQLite database", ELSEWHERE),
    ("malformed", "is damaged", "restore the file from a backup, or move it away: without it nothing is deleted until the next apply"),
    ("is full", "cannot be written: the disk is full", "make room and run it again; what is already recorded stays"),
    ("No space left", "cannot be written: the disk is full", "make room and run it again"),
    ("readonly", "cannot be written: it is read-only", f"make the file and its folder writable, or {ELSEWHERE}"),
    ("Read-only file system", "cannot be written: its file system is read-only", ELSEWHERE),
    ("Permission denied", "may not be opened by this user", f"change the permissions of the file and its folder, or {ELSEWHERE}"),
    ("unable to open", "cannot be opened", f"make the file and its folder writable, or {ELSEWHERE}"),
    ("locked", f"has been busy for {BUSY_SECONDS:.0f} s", "another process writes to it; run it again when that has ended"),
)


def _into_wal(raw: sqlite3.Connection) -> sqlite3.Connection:
    """Two that open a new file at once may get in each other's way here, and SQLite does not wait for this by itself."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL").fetchone()
            return raw
        except sqlite3.Error as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raw.close()
                raise
            time.sleep(0.01)


class PostgresServer(Database):
    """A PostgreSQL database, where several machines share one ledger. Its tables begin with `orgform_`."""

    mixed = True
    clustered = ""

    def __init__(self, url: str) -> None:
        self._url = _plain_postgres_url(url)
        self.name = without_password(self._url)
        self._driver = _postgres_driver(self.name)
        self.errors = (self._driver.Error,)
        self._check()

    def _check(self) -> None:
        """The driver would take a password that is not escaped for a host or a port, and tell it in its error."""
        if _is_ambiguous(self._url):
            raise LedgerError(f"the user or password in the URL of the ledger {self.name} is not escaped", hint=_ESCAPES)
        try:
            read = self._driver.conninfo.conninfo_to_dict(self._url)
        except (self._driver.Error, ValueError):
            raise LedgerError(f"the URL of the ledger {self.name} cannot be read", hint=f"{_SHAPE}; {_ESCAPES}") from None
        if not re.fullmatch(r"[\d,]*", str(read.get("port") or "")):
            raise LedgerError(f"the URL of the ledger {self.name} has a port that is no number", hint=f"{_SHAPE}; {_ESCAPES}")

    def connect(self) -> Connection:
        with self.explained():
            raw = self._driver.connect(self._url, autocommit=True, connect_timeout=10, application_name="orgform")
            raw.execute("SET client_encoding TO 'UTF8'")
            raw.execute("SET statement_timeout TO 0")
            return Connection(raw, self)

    def exists(self) -> bool:
        return True

    def prepare(self) -> None:
        pass

    def begin(self, *, write: bool) -> str:
        return "BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def alone(self, connection: Connection) -> None:
        connection.run("SELECT pg_advisory_xact_lock(6171020240427)")

    def tables(self, connection: Connection) -> frozenset[str]:
        found = connection.run(
            "SELECT tablename FROM pg_tables WHERE left(tablename, 8) = 'orgform_' AND schemaname = ANY (current_schemas(false))"
        )
        return frozenset(name for (name,) in found)

    def now(self, connection: Connection) -> float:
        row = connection.one("SELECT extract(epoch FROM clock_timestamp())")
        return float(row[0]) if row else time.time()

    def dialect(self, statement: str) -> str:
        return statement.replace("?", "%s")

    def explain(self, error: Exception) -> LedgerError:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, self._driver.errors.DiskFull):
            return LedgerError(
                f"the ledger {self.name} cannot be written: its disk is full", hint="make room on the server and run it again"
            )
        if isinstance(error, self._driver.errors.InsufficientPrivilege | self._driver.errors.ReadOnlySqlTransaction):
            return LedgerError(f"the ledger {self.name} may not be written: {reason}", hint="grant the rights, or " + ELSEWHERE)
        if isinstance(error, self._driver.OperationalError):
            return LedgerError(f"the ledger {self.name} cannot be reached: {reason}", hint="check the address, the user and the network")
        return LedgerError(f"the ledger {self.name} failed: {reason}", hint="run it again; if that persists, check the server's log")


def database_at(where: str | Path, *, read_only: bool) -> Database:
    """A path, `sqlite:///PATH` or `postgresql://...` to where the ledger is."""
    text = str(where)
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if not scheme:
        return SqliteFile(Path(where), read_only=read_only)
    if scheme in ("sqlite", "sqlite+pysqlite"):
        return SqliteFile(Path(text.partition(":///")[2]), read_only=read_only)
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return PostgresServer(text)
    # What is no plain word may hold a password.
    place = scheme if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) else "such a place"
    raise LedgerError(f"a ledger cannot be kept in {place}", hint="give a file, or a PostgreSQL database as postgresql://USER@HOST/NAME")


def _plain_postgres_url(url: str) -> str:
    return "postgresql://" + url.partition("://")[2]


def _is_ambiguous(url: str) -> bool:
    """Whether an @ stands where none can be: behind the host, but in no value of a query."""
    rest = url.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    behind, _, query = rest[len(authority) :].partition("?")
    user = authority.rpartition("@")[0]
    values = all("=" in part.partition("@")[0] for part in query.split("&") if "@" in part)
    return "@" in behind or not values or bool(re.search(r"[@\[\]]", user))


def _postgres_driver(name: str) -> Any:
    try:
        import psycopg
    except ImportError:
        raise LedgerError(
            f"the ledger {name} needs the PostgreSQL driver, which is not installed", hint="pip install 'orgform[postgresql]'"
        ) from None
    return psycopg
