"""Where a ledger is, how it is opened, and what is said when that goes wrong. Real files, real servers, real permissions."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform.errors import LedgerError
from orgform.ledger import open_ledger
from orgform.ledger.database import _into_wal
from orgform.ledger.schema import VERSION
from orgform.model import Address, Base, Remember
from orgform.testing.postgres import Postgres
from tests.ledger.users import nobody
from tests.ledger.values import SYSTEM, plan_of

KNOWN = {Address("member/alice@acme.com"): Base({"name": "A"})}


def make(where: str | Path) -> None:
    ledger = open_ledger(where, create=True)
    with ledger.lock([SYSTEM], "me") as lock:
        ledger.begin_run(lock, plan_of(), {"acme": SYSTEM}, "me").remember(Remember(remember=KNOWN))
    ledger.close()


class TestFiles:
    def test_reading_creates_nothing(self, tmp_path: Path) -> None:
        open_ledger(tmp_path / "a" / "ledger.db", create=False).close()
        assert list(tmp_path.iterdir()) == []

    def test_an_empty_file_is_an_empty_ledger_and_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "ledger.db").touch()
        ledger = open_ledger(tmp_path / "ledger.db", create=False)
        assert ledger.base(SYSTEM) == (None, 0)
        ledger.close()
        assert (tmp_path / "ledger.db").stat().st_size == 0

    def test_a_ledger_is_for_its_owner_only_and_leaves_one_file(self, tmp_path: Path) -> None:
        where = tmp_path / ".orgform" / "ledger.db"
        before = os.umask(0)
        try:
            make(where)
        finally:
            os.umask(before)
        assert stat.S_IMODE(where.stat().st_mode) == 0o600
        open_ledger(where, create=False).close()
        assert [p.name for p in where.parent.iterdir()] == ["ledger.db"]

    def test_reading_changes_nothing(self, tmp_path: Path) -> None:
        where = tmp_path / "ledger.db"
        make(where)
        before = where.read_bytes()
        ledger = open_ledger(where, create=False)
        assert ledger.base(SYSTEM) == (KNOWN, 1)
        ledger.close()
        assert where.read_bytes() == before

    def test_it_says_where_it_is(self, tmp_path: Path) -> None:
        for where in (tmp_path / ".orgform" / "ledger.db", tmp_path / "all.db"):
            ledger = open_ledger(where, create=False)
            assert (ledger.file, ledger.name) == (where, str(where))
            ledger.close()

    @pytest.mark.parametrize("create", [True, False])
    @pytest.mark.parametrize("link", [".orgform", ".orgform/ledger.db"])
    def test_a_link_that_leads_out_of_the_config_folder(self, tmp_path: Path, link: str, create: bool) -> None:
        outside, folder = tmp_path / "outside", tmp_path / "config"
        outside.mkdir()
        (folder / link).parent.mkdir(parents=True)
        (folder / link).symlink_to(outside if link == ".orgform" else outside / "ledger.db")
        with pytest.raises(LedgerError, match="is a link that leads out of"):
            open_ledger(folder / ".orgform" / "ledger.db", create=create)
        assert list(outside.iterdir()) == []

    def test_a_sqlite_url_and_odd_names(self, tmp_path: Path) -> None:
        where = tmp_path / "50% of #a?.db"
        make(where)
        for place in (where, str(where), f"sqlite:///{where}"):
            ledger = open_ledger(place, create=False)
            assert ledger.base(SYSTEM)[0] == KNOWN
            ledger.close()
        assert [p.name for p in tmp_path.iterdir()] == [where.name]

    def test_it_syncs_every_commit_to_a_write_ahead_log(self, tmp_path: Path) -> None:
        ledger = open_ledger(tmp_path / "ledger.db", create=True)
        with ledger._writing() as connection:
            assert connection.one("PRAGMA journal_mode") == ("wal",)
            assert connection.one("PRAGMA synchronous") == (2,)
        ledger.close()


class TestNotALedger:
    @pytest.mark.parametrize("create", [True, False])
    def test_another_file(self, tmp_path: Path, create: bool) -> None:
        where = tmp_path / "acme.yaml"
        where.write_text("company: {name: Acme}\n" * 100)
        with pytest.raises(LedgerError, match="the file is no SQLite database") as error:
            open_ledger(where, create=create)
        assert str(where) in error.value.message
        assert "--ledger" in error.value.hint

    @pytest.mark.parametrize("create", [True, False])
    def test_the_database_of_something_else(self, tmp_path: Path, create: bool) -> None:
        where = tmp_path / "acme.db"
        with sqlite3.connect(where) as raw:
            raw.execute("CREATE TABLE members (key TEXT)")
        raw.close()
        with pytest.raises(LedgerError, match="is the database of something else"):
            open_ledger(where, create=create)

    def test_a_damaged_file(self, tmp_path: Path) -> None:
        where = tmp_path / "ledger.db"
        make(where)
        data = bytearray(where.read_bytes())
        data[4096 * 2 :] = b"\xff" * (len(data) - 4096 * 2)
        where.write_bytes(bytes(data))
        with pytest.raises(LedgerError, match="is damaged") as error:
            ledger = open_ledger(where, create=False)
            try:
                ledger.base(SYSTEM)
            finally:
                ledger.close()
        assert "backup" in error.value.hint

    @pytest.mark.parametrize("create", [True, False])
    def test_a_newer_version(self, where: str, create: bool) -> None:
        ledger = open_ledger(where, create=True)
        with ledger._writing() as connection:
            connection.run("UPDATE orgform_ledger SET version = 99")
        ledger.close()
        with pytest.raises(LedgerError, match=f"has version 99; this orgform knows versions up to {VERSION}") as error:
            open_ledger(where, create=create)
        assert error.value.hint == "use the newer orgform"

    @pytest.mark.parametrize("create", [True, False])
    def test_a_folder(self, tmp_path: Path, create: bool) -> None:
        with pytest.raises(LedgerError, match="cannot be opened"):
            open_ledger(tmp_path, create=create)

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LedgerError, match="cannot be opened"):
            open_ledger(tmp_path / "file" / "ledger.db", create=True)

    @pytest.mark.parametrize("where", ["mysql://root@db/ledger", "https://acme.example/ledger"])
    def test_a_place_for_no_ledger(self, where: str) -> None:
        with pytest.raises(LedgerError, match="a ledger cannot be kept in") as error:
            open_ledger(where, create=False)
        assert "postgresql://" in error.value.hint


@pytest.fixture
def for_all(tmp_path: Path) -> Iterator[Path]:
    """A folder that another user may enter, unlike pytest's own."""
    folder = Path("/var/tmp") / f"orgform-{tmp_path.parent.name}-{tmp_path.name}"
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_nobody(where: Path, how: str) -> str:
    """What comes of opening and reading it as a user without rights."""
    with nobody():
        try:
            ledger = open_ledger(where, create=how == "create")
            try:
                return str(ledger.base(SYSTEM))
            finally:
                ledger.close()
        except LedgerError as error:
            return f"LedgerError: {error.message} | {error.hint}"


class TestPermissions:
    def test_a_ledger_that_may_only_be_read_is_read_even_where_nothing_may_be_written(self, for_all: Path) -> None:
        make(for_all / "ledger.db")
        (for_all / "ledger.db").chmod(0o444)
        for_all.chmod(0o555)
        assert "alice@acme.com" in as_nobody(for_all / "ledger.db", "read")
        assert [p.name for p in for_all.iterdir()] == ["ledger.db"]

    def test_but_not_while_the_file_is_not_the_whole_truth(self, for_all: Path) -> None:
        ledger = open_ledger(for_all / "ledger.db", create=True)
        (for_all / "ledger.db").chmod(0o444)
        for_all.chmod(0o555)
        assert (for_all / "ledger.db-wal").stat().st_size
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (for_all / name).chmod(0o400)
        assert "LedgerError: the ledger" in as_nobody(for_all / "ledger.db", "read")
        ledger.close()

    def test_a_ledger_that_may_not_be_written(self, for_all: Path) -> None:
        make(for_all / "ledger.db")
        (for_all / "ledger.db").chmod(0o444)
        for_all.chmod(0o555)
        told = as_nobody(for_all / "ledger.db", "create")
        assert "may not be opened by this user" in told
        assert "permissions" in told

    def test_a_folder_that_may_not_be_written(self, for_all: Path) -> None:
        for_all.chmod(0o555)
        assert "may not be opened by this user" in as_nobody(for_all / "new" / "ledger.db", "create")
        assert list(for_all.iterdir()) == []

    def test_a_writable_file_in_a_folder_that_may_not_be_written(self, for_all: Path) -> None:
        make(for_all / "ledger.db")
        (for_all / "ledger.db").chmod(0o666)
        for_all.chmod(0o555)
        told = as_nobody(for_all / "ledger.db", "create")
        assert told.startswith("LedgerError: the ledger")
        assert "writable" in told

    def test_a_ledger_of_somebody_else(self, for_all: Path) -> None:
        make(for_all / "ledger.db")
        assert "may not be opened by this user" in as_nobody(for_all / "ledger.db", "read")


class TestDiskFull:
    def test_it_says_so_and_keeps_what_is_recorded(self, tmp_path: Path) -> None:
        where = tmp_path / "ledger.db"
        make(where)
        ledger = open_ledger(where, create=True)
        pages = ledger._connection._raw.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[union-attr]
        ledger._connection._raw.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone()  # type: ignore[union-attr]
        much = {Address(f"member/m{n}@acme.com"): Base({"name": "x" * 100}) for n in range(1000)}
        with ledger.lock([SYSTEM], "me") as lock:
            recorder = ledger.begin_run(lock, plan_of(), {"acme": SYSTEM}, "me")
            with pytest.raises(LedgerError, match="the disk is full") as error:
                recorder.remember(Remember(remember=much))
        assert "make room" in error.value.hint
        assert ledger.base(SYSTEM) == (KNOWN, 1)
        ledger.close()

    def test_a_file_system_without_room(self) -> None:
        with pytest.raises(LedgerError) as error:
            open_ledger("/dev/full/ledger.db", create=True)
        assert "/dev/full" in error.value.message


class TestPostgres:
    def test_a_server_that_is_not_there_and_no_password_shown(self) -> None:
        with pytest.raises(LedgerError, match="cannot be reached") as error:
            open_ledger("postgresql://me:hunter2@127.0.0.1:1/ledger?connect_timeout=2", create=False)
        assert "hunter2" not in str(error.value) + error.value.hint
        assert "postgresql://127.0.0.1:1/ledger" in error.value.message

    def test_a_database_that_is_not_there(self, postgres: Postgres) -> None:
        with pytest.raises(LedgerError, match="does not exist"):
            open_ledger(postgres.admin_url.replace("/postgres?", "/nope?"), create=True)

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
    def test_schemes(self, postgres_url: str, scheme: str) -> None:
        ledger = open_ledger(postgres_url.replace("postgresql", scheme), create=True)
        assert ledger.file is None
        ledger.close()

    def test_beside_the_tables_of_others(self, postgres_url: str) -> None:
        import psycopg

        with psycopg.connect(postgres_url) as raw:
            raw.execute("CREATE TABLE members (key TEXT)")
        make(postgres_url)
        ledger = open_ledger(postgres_url, create=False)
        assert ledger.base(SYSTEM)[0] == KNOWN
        ledger.close()

    def test_a_user_who_may_not_write(self, postgres_url: str) -> None:
        import psycopg

        make(postgres_url)
        with psycopg.connect(postgres_url) as raw:
            raw.execute("CREATE ROLE reader LOGIN")
            raw.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        as_reader = postgres_url.replace("orgform@", "reader@")
        ledger = open_ledger(as_reader, create=True)
        assert ledger.base(SYSTEM)[0] == KNOWN
        with pytest.raises(LedgerError, match="may not be written"), ledger.lock([SYSTEM], "me"):
            pass
        ledger.close()

    def test_a_connection_that_breaks(self, postgres_url: str) -> None:
        import psycopg

        make(postgres_url)
        ledger = open_ledger(postgres_url, create=True)
        with psycopg.connect(postgres_url, autocommit=True) as raw:
            raw.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orgform'")
        with pytest.raises(LedgerError, match="cannot be reached"):
            ledger.base(SYSTEM)
        ledger.close()

    def test_an_unforeseen_error_is_a_sentence(self, postgres_url: str) -> None:
        ledger = open_ledger(postgres_url, create=True)
        with pytest.raises(LedgerError, match="failed: relation"), ledger._writing() as connection:
            connection.run("SELECT * FROM nowhere")
        ledger.close()

    def test_without_the_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(LedgerError, match="needs the PostgreSQL driver") as error:
            open_ledger("postgresql://me:hunter2@db/ledger", create=False)
        assert error.value.hint == "pip install 'orgform[postgresql]'"
        assert "hunter2" not in error.value.message


class TestIntoWal:
    """SQLite does not wait by itself while another process turns a new file into one with a write-ahead log."""

    def test_it_waits(self, tmp_path: Path) -> None:
        held, waiting = self.two(tmp_path / "ledger.db")
        release = threading.Timer(0.1, lambda: held.execute("COMMIT"))
        release.start()
        assert _into_wal(waiting) is waiting
        release.join()
        assert waiting.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        for raw in (held, waiting):
            raw.close()

    def test_not_forever(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("orgform.ledger.database.BUSY_SECONDS", 0.05)
        held, waiting = self.two(tmp_path / "ledger.db")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            _into_wal(waiting)
        held.close()

    def two(self, where: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        held, waiting = (sqlite3.connect(where, timeout=0, isolation_level=None, check_same_thread=False) for _ in range(2))
        held.execute("CREATE TABLE t (x)")
        held.execute("BEGIN EXCLUSIVE")
        return held, waiting


def test_an_unforeseen_sqlite_error_is_a_sentence(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger.db", create=True)
    with pytest.raises(LedgerError, match="failed: no such table"), ledger._writing() as connection:
        connection.run("SELECT * FROM nowhere")
    ledger.close()


def test_reading_a_file_ledger_loads_no_toolkit(tmp_path: Path) -> None:
    """A no-op plan reads the ledger: what that imports is a part of its time."""
    make(tmp_path / "ledger.db")
    code = "import sys; from orgform.ledger import open_ledger; open_ledger(sys.argv[1], create=False).base('x'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "ledger.db"], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "psycopg", "httpx", "yaml", "deepdiff"} & set(done.stdout.split())


class TestPasswordsInUrls:
    """A password that is not escaped is read by the driver as a host or a port: it is refused before, and never shown."""

    @pytest.mark.parametrize(
        "password", ["hun/ter2", "hun?ter2", "hun#ter2", "hun@ter2", "hun[ter2", "1/ter2@hun", "5?a=ter2", "hun%zzter2", "1:ter2"]
    )
    def test_one_that_is_not_escaped(self, password: str) -> None:
        with pytest.raises(LedgerError) as error:
            open_ledger(f"postgresql://user:{password}@127.0.0.1:1/ledger", create=True)
        said = error.value.message + error.value.hint
        assert "postgresql://127.0.0.1:1/ledger" in said or "postgresql://***" in said
        assert not [part for part in ("hun", "ter2", "%zz") if part in said]
        assert ("%2F" in error.value.hint) is ("cannot be reached" not in error.value.message)

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://user:hun%2Fter2@127.0.0.1:1/l",
            "postgresql://127.0.0.1:1/l?user=me@corp&password=a@hunter2",
            "postgresql://[::1]:1/l",
        ],
    )
    def test_one_that_is(self, url: str) -> None:
        with pytest.raises(LedgerError, match="cannot be reached") as error:
            open_ledger(url, create=True)
        assert "ter2" not in error.value.message

    def test_a_port_that_is_no_number_may_be_a_part_of_a_password(self) -> None:
        with pytest.raises(LedgerError, match="has a port that is no number") as error:
            open_ledger("postgresql://user:hunter2/d", create=True)
        assert "%2F" in error.value.hint
        assert "hunter2" not in error.value.message + error.value.hint

    @pytest.mark.parametrize("url", ["mysql://user:hunter2@h/d", "u:hunter2@h://d"])
    def test_what_is_no_place_for_a_ledger(self, url: str) -> None:
        with pytest.raises(LedgerError, match="cannot be kept in") as error:
            open_ledger(url, create=True)
        assert "hunter2" not in str(error.value)
