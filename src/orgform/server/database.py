"""How a database is reached: its URL or file, the engine over it, and what went wrong there in words.

Invariant: no message holds a password, and nothing here writes to a file, except that one that is opened to write to is put into
write-ahead mode. A file is read also where nothing may be written, as long as it is the whole truth.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orgform import urls
from orgform.disk import is_full
from orgform.errors import OrgformError

BUSY_SECONDS = 30
# For whoever asks whether the database is there at all.
READY_SECONDS = 2
# Rows of a large directory are written all over its trees: with SQLite's own 2 MB every write would read from the file first. There is
# one connection that writes, and there are many that read.
WRITER_KIBIBYTES = 64 * 1024
READER_KIBIBYTES = 8 * 1024
# SQLite takes its log over into the file as it goes, but begins it anew only in a moment when nobody reads. Where there is none, the next
# writer waits for one when the log has grown by this much.
LOG_BYTES = 32 * 1024 * 1024
LOG_WAIT_SECONDS = 1
# As many as a server process has threads for requests half of the time; those beyond are opened and closed again.
CONNECTIONS = 20

# A peer that is gone without a word is noticed within a minute, not after PostgreSQL's and the system's hours.
_TCP = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}

# A connection string of libpq's other form, and a URL that lacks a slash: as the name of a file it would be made, password and all.
_NO_FILE = re.compile(
    r"\s*(?:(?:postgres(?:ql)?|sqlite|file)[+\w]*:|(?:host|hostaddr|port|dbname|user|password|service|sslmode)\s*=)", re.IGNORECASE
)


class StoreError(OrgformError):
    """The database cannot be opened, read or written; nothing was changed.

    `busy`: it could not be had just now; trying again may help. `lost`: the connection broke, so the last transaction may have
    been committed after all.
    """

    def __init__(self, message: str, *, hint: str = "", busy: bool = False, lost: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.busy = busy
        self.lost = lost


class Place:
    """Where a database is. `file` for SQLite, `name` for people."""

    def __init__(self, database: str | Path) -> None:
        """`database`: a file, or an SQLAlchemy URL of SQLite or PostgreSQL. Raises `StoreError`."""
        self.file = database if isinstance(database, Path) else None
        if self.file is None:
            url = _parsed(str(database))
            self.file = _file_in(url) if url.get_backend_name() == "sqlite" else None
        self.url = sa.URL.create("sqlite", database=str(self.file)) if self.file else _with_driver(url)
        self.name = str(self.file) if self.file else _shown(self.url)

    def has_content(self) -> bool:
        """False for no file and for an empty one; whatever cannot be looked at is for the opening to judge."""
        if self.file is None:
            return True
        try:
            return self.file.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def make_folder(self) -> None:
        if self.file:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as e:
                raise StoreError(f"cannot make the folder {self.file.parent}: {e.strerror}") from e

    def engines(self) -> tuple[sa.Engine, sa.Engine]:
        """To read and to write with. Nothing is opened yet, but a file that is no database is refused."""
        if self.file:
            _refuse_strange_file(self.file)
            reads: dict[str, Any] = {"creator": partial(_opened_to_read, self.file)}
            return self._sqlite(CONNECTIONS, READER_KIBIBYTES, **reads), self._sqlite(1, WRITER_KIBIBYTES, writes=True)
        timeouts = {"connect_timeout": 10, **_TCP}
        engine = self._engine(pool_size=CONNECTIONS, max_overflow=-1, pool_pre_ping=True, connect_args=self._unless_given(timeouts))
        # A process that stands still, or whose machine is gone, must not keep a company's lock.
        _at_connect(engine, f"SET lock_timeout = '{BUSY_SECONDS}s'", f"SET idle_in_transaction_session_timeout = '{2 * BUSY_SECONDS}s'")
        return engine, engine

    def _sqlite(self, connections: int, cache: int, *, writes: bool = False, **options: Any) -> sa.Engine:
        engine = self._engine(pool_size=connections, max_overflow=-1, **options)
        _prepare_sqlite(engine, cache, writes=writes)
        return engine

    def probe(self) -> sa.Engine:
        """An engine of PostgreSQL with one connection, which gives up soon."""
        timeouts = {**_TCP, "connect_timeout": READY_SECONDS, "tcp_user_timeout": READY_SECONDS * 1000}
        engine = self._engine(pool_size=1, max_overflow=0, pool_timeout=READY_SECONDS, pool_pre_ping=True, connect_args=timeouts)
        _at_connect(engine, f"SET statement_timeout = '{READY_SECONDS}s'")
        return engine

    def _engine(self, **options: Any) -> sa.Engine:
        try:
            return sa.create_engine(self.url, **options)
        except ModuleNotFoundError as e:
            raise StoreError(
                f"{self.name} needs the PostgreSQL driver, which is not installed", hint="pip install 'orgform[postgresql]'"
            ) from e

    def _unless_given(self, options: dict[str, int]) -> dict[str, int]:
        """Those that the URL does not set itself."""
        return {name: value for name, value in options.items() if name not in self.url.query}

    def explained(self, error: SQLAlchemyError) -> StoreError:
        """What to tell people of an error."""
        if isinstance(error, PoolTimeout):
            return StoreError(f"{self.name} has no connection free: too many requests wait for it", busy=True)
        cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        reason = urls.mask_passwords(" ".join(cause.strip().partition("\n")[0].split()) or type(error).__name__)
        if self.file:
            return _sqlite_sentence(self.name, "disk is full" if "disk I/O" in reason and is_full(self.file) else reason)
        orig = error.orig if isinstance(error, DBAPIError) else None
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        return _postgres_sentence(self.name, self.url, reason, getattr(orig, "sqlstate", None) or "", lost)


class Log:
    """The write-ahead log of a SQLite file, kept from growing without end under readers that never pause."""

    def __init__(self, file: Path) -> None:
        self._file = Path(f"{file}-wal")
        self._limit = LOG_BYTES

    def shorten(self, connection: sa.Connection) -> None:
        """To be called by the only writer of the process, after a commit. What fails is left for later: nothing depends on it."""
        try:
            if self._file.stat().st_size <= self._limit:
                return
            raw: Any = connection.connection.driver_connection
            raw.execute(f"PRAGMA busy_timeout = {LOG_WAIT_SECONDS * 1000}")
            busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            raw.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            self._limit = (self._limit if busy else 0) + LOG_BYTES
        except (OSError, sqlite3.Error):
            self._limit += LOG_BYTES


def lacks_something(error: SQLAlchemyError) -> bool:
    """Whether it is about a table or a column that is not there."""
    orig = error.orig if isinstance(error, DBAPIError) else None
    return "no such" in str(orig) or getattr(orig, "sqlstate", None) in ("42P01", "42703")


def _parsed(database: str) -> sa.URL:
    if "://" not in database and not _NO_FILE.match(database):
        return sa.URL.create("sqlite", database=database)
    try:
        url = sa.make_url(database)
        backend = url.get_backend_name()
        if "@" in (url.host or ""):
            raise ValueError("a part of a password stands where the host is due")
    except (ArgumentError, ValueError) as e:
        # What is no plain word before :// may be a part of a password.
        shown = urls.without_password(database) if re.match(r"[A-Za-z][\w+.-]*://", database) else "what is given"
        raise StoreError(
            f"{shown} is not the URL of a database",
            hint="write postgresql://USER@HOST:PORT/NAME, with what is special in a password escaped (@ as %40), or name a file",
        ) from e
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise StoreError(
            f"a directory cannot be kept in {backend}", hint="name a file, or a PostgreSQL database as postgresql://USER@HOST/NAME"
        )
    return url


def _file_in(url: sa.URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise StoreError("an in-memory database cannot be served", hint="name a file")
    return Path(url.database)


def _with_driver(url: sa.URL) -> sa.URL:
    """PostgreSQL is reached through psycopg 3, whichever way the URL is written."""
    return url.set(drivername="postgresql+psycopg")


def _shown(url: sa.URL) -> str:
    """Without what a query may hold: it may be a password, too."""
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def _refuse_strange_file(file: Path) -> None:
    if file.is_dir():
        raise StoreError(f"{file} is a folder, not a database", hint="name a file in it")
    try:
        with file.open("rb") as opened:
            head = opened.read(16)
    except FileNotFoundError:
        return
    except OSError as e:
        raise StoreError(f"cannot read {file}: {e.strerror}") from e
    if head and head != b"SQLite format 3\x00":
        raise StoreError(f"{file} is not a database", hint="name another file, or move this one away")


def _opened_to_read(file: Path) -> sqlite3.Connection:
    """Also where nothing may be written, not even the shared memory of the write-ahead log: then the file is read as it is, unless a log
    beside it holds what the file lacks."""
    raw = sqlite3.connect(file, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return raw
    except sqlite3.Error as e:
        raw.close()
        if not any(words in str(e) for words in ("unable to open", "readonly", "disk I/O")) or _has_log(file):
            raise
    return sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True, check_same_thread=False)


def _has_log(file: Path) -> bool:
    """Somebody writes, or died writing."""
    log = Path(f"{file}-wal")
    return log.exists() and log.stat().st_size > 0


def _prepare_sqlite(engine: sa.Engine, cache: int, *, writes: bool) -> None:
    """SQLite as it should be: write-ahead log, durable commits, writers that wait, explicit BEGIN. `cache`: KiB for each connection."""

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        if writes:
            _use_log(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA cache_size = -{cache}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        seconds = options.get("orgform_write_within")
        if "orgform_alone" in options:
            return
        if seconds is None:
            connection.exec_driver_sql("BEGIN")
            return
        if seconds == BUSY_SECONDS:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")


def _use_log(cursor: sqlite3.Cursor) -> None:
    """Puts the file into write-ahead mode. SQLite does not wait for others by itself here: two who did so could wait for each other."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as e:
            if "locked" not in str(e) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _at_connect(engine: sa.Engine, *statements: str) -> None:
    """For every new connection, outside of a transaction, so that they last."""

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        for statement in statements:
            connection.execute(statement)
        connection.autocommit = False


def _sqlite_sentence(name: str, reason: str) -> StoreError:
    if "database is locked" in reason:
        return StoreError(f"{name} is busy: another process writes to it", busy=True)
    if "readonly" in reason:
        return StoreError(f"{name} is read-only", hint="make the file and its folder writable")
    if "unable to open" in reason:
        return StoreError(f"cannot open {name}", hint="see that its folder exists and may be written to")
    if "malformed" in reason or "not a database" in reason:
        return StoreError(f"{name} is damaged: {reason}", hint="restore it from a backup")
    if "disk is full" in reason:
        return StoreError(f"{name} cannot be written: its disk is full", hint="make room, then do it again: nothing was changed")
    return StoreError(f"the database {name} failed: {reason}")


# What PostgreSQL says of a connection that it does not give has no code that reaches the client: these are its words, and libpq's.
_AT_CONNECT: tuple[tuple[tuple[str, ...], Callable[[str, sa.URL, str], StoreError]], ...] = (
    (
        ("password authentication failed", "no password supplied", "SASL authentication failed", "empty password returned"),
        lambda name, url, _: StoreError(
            f"{name} does not take this password" + (f" of the user {url.username}" if url.username else ""),
            hint="put the right one into the database's URL (ORGFORM_DATABASE, to keep it off the command line), or into ~/.pgpass",
        ),
    ),
    (
        ("too many clients", "remaining connection slots", "too many connections"),
        lambda name, *_: StoreError(
            f"{name} has no connection free: other programs hold all that it gives", hint="raise its max_connections", busy=True
        ),
    ),
    (
        ("is starting up", "is shutting down", "in recovery mode", "not yet accepting connections"),
        lambda name, *_: StoreError(f"{name} is starting or stopping just now", hint="try again in a moment", busy=True),
    ),
)
_REACH = (
    "Connection refused",
    "could not translate host name",
    "failed to resolve host",
    "timeout expired",
    "timed out",
    "No such file or directory",
    "No route to host",
    "Network is unreachable",
    "could not receive data",
    "server closed the connection",
)


def _postgres_sentence(name: str, url: sa.URL, reason: str, code: str, lost: bool) -> StoreError:
    for words, sentence in _AT_CONNECT:
        if any(word in reason for word in words):
            return sentence(name, url, reason)
    if "does not exist" in reason and not code and f'database "{url.database}"' in reason:
        return StoreError(
            f"{name} does not exist: the server has no database {url.database}", hint=f"make it there: createdb {url.database}"
        )
    if lost:
        return StoreError(f"the connection to {name} was lost: {reason}", lost=True)
    if not code and ("connection failed" in reason or any(word in reason for word in _REACH)):
        where = "see that PostgreSQL runs there and takes connections from this machine"
        return StoreError(f"cannot reach {name}: {_without_prefix(reason)}", hint=where, busy=any(word in reason for word in _REACH))
    return _by_code(name, url, reason, code)


def _by_code(name: str, url: sa.URL, reason: str, code: str) -> StoreError:
    """SQLSTATE, as in appendix A of PostgreSQL's manual."""
    if code == "42501":
        hint = f"let it have the rights: make {url.username or 'the user'} the owner of the database, or GRANT ALL ON SCHEMA public TO it"
        return StoreError(f"the user {url.username or ''} may not do this in {name}: {reason}".replace("  ", " "), hint=hint)
    if code == "25006":
        return StoreError(f"{name} is read-only", hint="name the server that takes writes, not a standby of it")
    if code in ("53100", "53200"):
        return StoreError(f"{name} cannot be written: {reason}", hint="make room on the server, then do it again: nothing was changed")
    if code in ("40001", "40P01", "55P03", "57014"):
        return StoreError(f"{name} is busy: {reason}", busy=True)
    return StoreError(f"the database {name} failed: {reason}")


def _without_prefix(reason: str) -> str:
    """psycopg's own words, before libpq's."""
    return reason.removeprefix("connection failed: ").removeprefix("connection is bad: ")
