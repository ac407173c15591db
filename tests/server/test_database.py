"""What a database refuses, or fails at, is said in a sentence with a way out, and without any password. All of it with real ones."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.server import Store, StoreError, database, tables
from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres
from orgform.testing.server import running_server
from tests.server.conftest import Api

SECRET = "gehe1m"
NUMBERS = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """The user `reader` may connect and nothing else; `locked` needs the password `gehe1m`."""
    try:
        with running_postgres() as server:
            access = server.folder / "data" / "pg_hba.conf"
            access.write_text("local all locked scram-sha-256\nlocal postgres barred reject\n" + access.read_text())
            admin(
                server,
                "SELECT pg_reload_conf()",
                "CREATE ROLE reader LOGIN",
                "CREATE ROLE barred LOGIN",
                f"CREATE ROLE locked LOGIN PASSWORD '{SECRET}'",
                "CREATE ROLE single LOGIN CONNECTION LIMIT 1",
            )
            yield server
    except PostgresMissing as e:
        pytest.skip(str(e))


def admin(server: Postgres, *statements: str) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def url(server: Postgres, user: str, name: str = "postgres") -> str:
    return f"postgresql://{user}@/{name}?host={server.folder}"


def refusal(where: str | Path, *, write: bool = False) -> StoreError:
    store = Store(where)
    with pytest.raises(StoreError) as caught:
        if write:
            with store.transaction():
                pass
        store.check()
    store.close()
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


# What is no database


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (f"mysql://root:{SECRET}@localhost/acme", "a directory cannot be kept in mysql"),
        (f"postgresql://acme:{SECRET}@host:port/acme", "is not the URL of a database"),
        (f"postgresql://acme:x@{SECRET}@host/acme", "is not the URL of a database"),
        (f"postgresql//acme:{SECRET}@host://acme", "is not the URL of a database"),
        ("://", "is not the URL of a database"),
        ("sqlite://", "in-memory"),
        (f"host=db port=5432 dbname=acme password={SECRET}", "what is given is not the URL of a database"),
        (f"Password = {SECRET}", "what is given is not the URL of a database"),
        (f"postgresql:/acme:{SECRET}@host/acme", "what is given is not the URL of a database"),
        (f"postgresql+psycopg:acme:{SECRET}@host/acme", "what is given is not the URL of a database"),
        ("file:acme.db?mode=ro", "what is given is not the URL of a database"),
        ("sqlite:acme.db", "what is given is not the URL of a database"),
    ],
)
def test_what_names_no_database(where: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        Store(where)
    assert caught.value.hint
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("name", ["postgresql.db", "host", "file", "user.db", "hostile=1.db", "./password=x"])
def test_a_file_may_be_called_so(name: str) -> None:
    assert Store(name).name == str(Path(name))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_is_shown_as_one_and_without_password(scheme: str) -> None:
    store = Store(f"{scheme}://acme:{SECRET}@db.example:5432/acme?password={SECRET}&sslmode=require")
    assert store.name == "postgresql://acme:***@db.example:5432/acme"


def test_without_the_driver(tmp_path: Path) -> None:
    """As where orgform is installed without its PostgreSQL extra."""
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError('No module named psycopg', name='psycopg')")
    code = (
        "from orgform.server import Store, StoreError\n"
        "try:\n    Store('postgresql://acme@localhost/acme').check()\n"
        "except StoreError as e:\n    print(e.message, '|', e.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "postgresql://acme@localhost/acme needs the PostgreSQL driver, which is not installed | pip install 'orgform[postgresql]'\n"
    )


# PostgreSQL that gives no connection


def test_nobody_listens_there(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        errors = [refusal(where) for where in (f"postgresql://acme:{SECRET}@127.0.0.1:{port}/acme", f"postgresql:///acme?host={tmp_path}")]
    for error in errors:
        assert re.match(r"cannot reach postgresql://.*/acme: connection .*(refused|No such file)", error.message)
        assert "see that PostgreSQL runs there" in error.hint
        assert error.busy, "it may come back, and nothing was done"


def test_a_host_that_does_not_exist() -> None:
    assert re.search(
        r"cannot reach postgresql://acme:\*\*\*@nowhere\.invalid/acme: ",
        refusal(f"postgresql://acme:{SECRET}@nowhere.invalid/acme").message,
    )


def test_a_wrong_password(server: Postgres) -> None:
    for user in (f"locked:{SECRET}x", "locked"):
        error = refusal(url(server, user))
        assert "does not take this password of the user locked" in error.message
        assert "ORGFORM_DATABASE" in error.hint
        assert not error.busy


def test_a_database_that_is_not_there(server: Postgres) -> None:
    error = refusal(url(server, "orgform", "nothing"))
    assert error.message.endswith("does not exist: the server has no database nothing")
    assert error.hint == "make it there: createdb nothing"


def test_a_user_that_is_not_there_or_not_let_in(server: Postgres) -> None:
    assert 'role "nobody" does not exist' in refusal(url(server, "nobody")).message
    assert "pg_hba.conf rejects connection" in refusal(url(server, "barred")).message


def test_all_connections_are_taken(server: Postgres) -> None:
    with psycopg.connect(url(server, "single")):
        error = refusal(url(server, "single"))
    assert "has no connection free" in error.message
    assert error.busy


# PostgreSQL that does not let us do it


def test_a_user_without_rights(server: Postgres) -> None:
    server.database("bare")
    admin_of = psycopg.connect(url(server, "orgform", "bare"), autocommit=True)
    admin_of.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    error = refusal(url(server, "reader", "bare"), write=True)
    assert "the user reader may not do this in" in error.message
    assert "permission denied for schema public" in error.message
    assert "make reader the owner of the database" in error.hint
    store = Store(url(server, "orgform", "bare"))
    with store.transaction():
        pass
    store.close()
    assert "permission denied for table" in refusal(url(server, "reader", "bare")).message
    admin_of.close()


def test_a_database_that_may_only_be_read(server: Postgres, kinds: Kinds) -> None:
    store = Store(server.database("standby"))
    with Api(store, kinds, "default") as api:
        api.have("workspace/ws")
        admin(server, "ALTER DATABASE standby SET default_transaction_read_only = on")
        store.close()
        answer = api.make("workspace/other")
        assert answer.json()["detail"].endswith("/standby is read-only")
        assert api.addresses("workspace") == ["workspace/ws"]
    store.close()


def test_a_full_disk_of_the_server(server: Postgres) -> None:
    """PostgreSQL raises what it raises when it cannot extend a file."""
    store = Store(server.database("full"))
    with pytest.raises(StoreError, match=r"cannot be written: could not extend file") as caught, store.transaction() as connection:
        connection.exec_driver_sql("DO $$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file'; END $$")
    assert "make room on the server" in caught.value.hint
    store.close()


def test_a_writer_that_stands_still_is_put_out(server: Postgres, kinds: Kinds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that holds the company and does nothing loses its transaction; the others go on. Until then they are told to come again."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    where = server.database("still")
    still, store = Store(where), Store(where)
    with Api(store, kinds, "default") as api:
        api.have("workspace/ws")
        with pytest.raises(StoreError) as caught, still.writing("default") as connection:
            answers = [api.make("workspace/other") for _ in range(3)]
            connection.execute(sa.select(1))
        assert (answers[0].status_code, answers[0].json()["code"]) == (503, "busy")
        assert answers[-1].status_code in (201, 409), answers[-1].text
        assert caught.value.lost
    still.close()
    store.close()


def test_two_who_wait_for_each_other(server: Postgres) -> None:
    """PostgreSQL ends one of them, which may try again."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    store = Store(server.database("circle"))
    with store.writing("a"), store.writing("b"):
        pass
    both = Barrier(2)

    def lock(names: str) -> bool:
        c = tables.companies.c.company
        try:
            with store.transaction() as connection:
                for name in names:
                    connection.execute(sa.select(c).where(c == name).with_for_update())
                    if name == names[0]:
                        both.wait()
        except StoreError as e:
            assert "deadlock detected" in e.message
            return e.busy
        return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lock, ("ab", "ba"))) == [False, True]
    store.close()


# PostgreSQL that goes and comes back


def test_a_server_heals_when_postgresql_comes_back(kinds: Kinds) -> None:
    import httpx

    try:
        with running_postgres() as postgres, running_server(postgres.database("acme")) as server:
            with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
                assert client.post("/v1/members", json={"key": "ann@acme.com"}).status_code == 201
                assert client.get("/readyz").status_code == 200
                postgres.stop()
                for path in ("/v1/members", "/readyz"):
                    answer = client.get(path)
                    assert answer.status_code == 503, answer.text
                answer = client.post("/v1/members", json={"key": "bob@acme.com"})
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                assert "cannot reach postgresql://orgform@/acme" in server.log()
                postgres.start()
                assert client.get("/readyz").status_code == 200
                assert client.post("/v1/members", json={"key": "bob@acme.com"}).status_code == 201
                assert client.get("/v1/members").json()["total"] == 2
            assert "Traceback" not in server.log()
    except PostgresMissing as e:
        pytest.skip(str(e))


def test_who_asks_a_postgresql_that_stands_still_is_told_so_soon(server: Postgres) -> None:
    """Its process is stopped in the middle: the connection is good, and nothing comes."""
    store = Store(server.database("stopped"))
    store.ready()
    with psycopg.connect(server.admin_url) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'stopped'").fetchall()
    assert len(found) == 1
    os.kill(found[0][0], signal.SIGSTOP)
    try:
        for _ in range(2):
            with pytest.raises(StoreError, match=r"does not answer|has no connection free") as caught:
                store.ready()
            assert caught.value.busy
    finally:
        os.kill(found[0][0], signal.SIGCONT)
    store.ready()
    store.close()


def test_a_connection_that_breaks_while_reading_may_be_tried_again(server: Postgres) -> None:
    store = Store(server.database("breaking"))
    with store.transaction():
        pass
    with pytest.raises(StoreError, match="was lost") as caught, store.reading() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.busy
    with pytest.raises(StoreError, match="was lost") as caught, store.transaction() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert (caught.value.lost, caught.value.busy) == (True, False), "it may have been committed"
    store.ready()
    store.close()


# SQLite


def test_a_full_disk(tmp_path: Path, kinds: Kinds) -> None:
    """SQLite is told that there are no more pages, as if the disk had said so."""
    store = Store(tmp_path / "acme.db")
    with Api(store, kinds, "default") as api:
        api.have("workspace/ws")
        with store.transaction() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        answer = api.post("/v1/batch", json={"operations": many(1000)})
        assert (answer.status_code, answer.json()["code"]) == (500, "storage")
        assert "its disk is full" in answer.json()["detail"]
        assert api.addresses("member") == [], "nothing was changed"
        api.check_consistent()
    store.close()


def many(number: int) -> list[dict[str, str]]:
    """Operations that make members; each time others."""
    return [{"method": "create", "collection": "members", "key": f"p{next(NUMBERS)}@acme.com"} for _ in range(number)]


def test_a_file_that_is_damaged_in_the_middle(tmp_path: Path, kinds: Kinds) -> None:
    """It is noticed while the rows are fetched: the first ones are good."""
    file = tmp_path / "acme.db"
    store = Store(file)
    with Api(store, kinds, "default") as api:
        assert api.post("/v1/batch", json={"operations": many(1000)}).status_code == 200
        assert api.get("/v1/members?limit=1000").status_code == 200
        store.close()
        damage(file, "SELECT attributes FROM resources WHERE company = 'default' AND kind = 'member' ORDER BY key")
        assert api.get("/v1/members?limit=1").status_code == 200
        answer = api.get("/v1/members?limit=1000")
        assert (answer.status_code, answer.json()["code"]) == (500, "storage")
        assert "is damaged" in answer.json()["detail"]
    store.close()


def damage(file: Path, query: str) -> None:
    """A page of the file, such that the query fails only after its first rows."""
    whole = file.read_bytes()
    for start in range(4096, len(whole), 4096):
        file.write_bytes(whole[:start] + b"\xff" * 4096 + whole[start + 4096 :])
        connection = sqlite3.connect(file)
        try:
            cursor = connection.execute(query)
            assert len(cursor.fetchmany(10)) == 10
            try:
                cursor.fetchall()
            except sqlite3.DatabaseError:
                return
        except sqlite3.DatabaseError:
            continue
        finally:
            connection.close()
    raise AssertionError("there is no such page")


def test_a_file_that_is_taken_away_while_it_is_open(tmp_path: Path) -> None:
    store = Store(tmp_path / "acme.db")
    store.ready()
    with store.transaction():
        pass
    store.ready()
    (tmp_path / "acme.db").unlink()
    with pytest.raises(StoreError, match="was taken away while it was open"):
        store.ready()
    store.close()


def test_who_will_not_wait_is_told_at_once(tmp_path: Path) -> None:
    """For the other process, and for another thread of the same one."""
    store, other = Store(tmp_path / "acme.db"), Store(tmp_path / "acme.db")
    with other.transaction():
        for holder in (store, other):
            with pytest.raises(StoreError) as caught, holder.transaction(wait=False):
                pass
            assert caught.value.busy
    with store.transaction(wait=False), other.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == database.BUSY_SECONDS * 1000
    store.close()
    other.close()


def test_the_log_of_a_long_load_does_not_grow_without_end(tmp_path: Path, kinds: Kinds) -> None:
    """SQLite takes it over into the file as it goes, also while somebody reads now and then."""
    file = tmp_path / "acme.db"
    store = Store(file)
    largest = 0
    with Api(store, kinds, "default") as api:
        for _ in range(20):
            assert api.post("/v1/batch", json={"operations": many(1000)}).status_code == 200
            assert api.get("/v1/members?limit=10").status_code == 200
            largest = max(largest, Path(f"{file}-wal").stat().st_size)
        with store.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL: what is answered is on the disk"
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    store.close()
    assert largest < file.stat().st_size
    assert not Path(f"{file}-wal").exists()


def test_what_goes_wrong_with_the_log_after_a_commit_is_left_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed is committed: here the log is not there at all, and then it cannot be taken over within a transaction."""
    monkeypatch.setattr(database, "LOG_BYTES", 0)
    store = Store(tmp_path / "acme.db")
    with store.transaction() as connection:
        database.Log(tmp_path / "none.db").shorten(connection)
        connection.exec_driver_sql("CREATE TABLE more (n INTEGER)")
        database.Log(tmp_path / "acme.db").shorten(connection)
    store.check()
    store.close()


def test_a_file_without_a_log_that_somebody_reads_gets_one_when_they_have_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    file = tmp_path / "acme.db"
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("PRAGMA user_version = 1")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM sqlite_schema").fetchall()
    assert refusal(file, write=True).busy
    reader.execute("COMMIT")
    store = Store(file)
    with store.transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    store.close()
    reader.close()


def test_the_log_is_begun_anew_as_soon_as_nobody_reads_the_old_one(tmp_path: Path, kinds: Kinds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that never pause would let it grow without end; one that stays for long (a backup) is not waited for again and again."""
    monkeypatch.setattr(database, "LOG_BYTES", 200_000)
    monkeypatch.setattr(database, "LOG_WAIT_SECONDS", 0)
    file = tmp_path / "acme.db"
    store = Store(file)

    def log_bytes() -> int:
        return Path(f"{file}-wal").stat().st_size

    with Api(store, kinds, "default") as api:
        api.have("workspace/ws")
        with store.reading() as connection:
            assert connection.execute(sa.select(tables.resources.c.key)).all() == [("ws",)]
            while log_bytes() < 1_000_000:
                assert api.post("/v1/batch", json={"operations": many(100)}).status_code == 200
            assert connection.execute(sa.select(tables.resources.c.key)).all() == [("ws",)]
        before = log_bytes()
        while log_bytes() >= before:
            assert api.post("/v1/batch", json={"operations": many(100)}).status_code == 200
            assert log_bytes() < 2_000_000
    store.close()
