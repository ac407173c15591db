"""The database file: made by the first write, never by reading; what is none of ours is refused in words."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from orgform.kinds import Kinds
from orgform.server import Store, StoreError
from orgform.server import store as module
from tests.server.conftest import Api


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "acme.db"


def filled(file: Path, kinds: Kinds) -> None:
    store = Store(file)
    with Api(store, kinds, "default") as api:
        api.have("workspace/ws")
    store.close()


@pytest.mark.parametrize("there", [False, True])
def test_reading_makes_no_file(file: Path, kinds: Kinds, there: bool) -> None:
    if there:
        file.touch()
    store = Store(file)
    store.check()
    with Api(store, kinds, "default") as api:
        assert api.get("/v1/workspaces").json() == {"items": [], "next": None, "total": 0}
        assert api.get("/v1/workspaces/ws").status_code == 404
        assert api.events() == []
        assert [p.name for p in file.parent.iterdir()] == (["acme.db"] if there else [])
        assert not there or file.stat().st_size == 0
        api.have("workspace/ws")
        assert api.addresses("workspace") == ["workspace/ws"]
    store.close()
    assert [p.name for p in file.parent.iterdir()] == ["acme.db"]


def test_a_refused_write_of_a_bad_body_makes_no_file(file: Path, kinds: Kinds) -> None:
    store = Store(file)
    with Api(store, kinds, "default") as api:
        assert api.post("/v1/workspaces", json={"key": 1}).status_code == 422
        assert not file.exists()


def test_the_folder_is_made_with_the_file(tmp_path: Path, kinds: Kinds) -> None:
    filled(tmp_path / "a" / "b" / "acme.db", kinds)
    assert (tmp_path / "a" / "b" / "acme.db").is_file()


def test_what_one_process_makes_another_sees_that_had_it_open_before(file: Path, kinds: Kinds) -> None:
    reader = Store(file)
    with Api(reader, kinds, "default") as api:
        assert api.addresses("workspace") == []
        filled(file, kinds)
        assert api.addresses("workspace") == ["workspace/ws"]
    reader.close()


def refusal(database: str | Path) -> StoreError:
    store = Store(database)
    with pytest.raises(StoreError) as caught:
        store.check()
    return caught.value


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder, not a database" in refusal(tmp_path).message


def test_a_text(file: Path) -> None:
    file.write_text("not a database, but a text that is long enough")
    error = refusal(file)
    assert "is not a database" in error.message
    assert "name another file" in error.hint


def test_a_database_of_something_else(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    assert "is the database of something else" in refusal(file).message


def test_a_damaged_database(file: Path, kinds: Kinds) -> None:
    filled(file, kinds)
    content = bytearray(file.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    file.write_bytes(content)
    assert "damaged" in refusal(file).message


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    looping = tmp_path / "loop.db"
    looping.symlink_to(looping)
    assert "cannot read" in refusal(looping).message


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "acme.db")
    with pytest.raises(StoreError, match=r"cannot (make|read)"), store.writing("default"):
        pass


def test_a_folder_that_nobody_can_make(kinds: Kinds) -> None:
    store = Store("/proc/orgform/acme.db")
    with Api(store, kinds, "default") as api:
        assert "cannot make the folder /proc/orgform" in api.make("workspace/ws").json()["detail"]


def test_a_place_where_nothing_can_be_written(kinds: Kinds) -> None:
    store = Store(Path("/proc/acme.db"))
    with Api(store, kinds, "default") as api:
        assert api.addresses("workspace") == []
        answer = api.make("workspace/ws")
        assert (answer.status_code, answer.json()["code"]) == (500, "storage")
        assert "cannot open /proc/acme.db" in answer.json()["detail"]
    store.close()


def test_a_file_that_may_only_be_read(file: Path, kinds: Kinds) -> None:
    """As from a read-only disk: SQLite itself is told so, since the superuser may write everywhere."""
    filled(file, kinds)
    store = Store(f"sqlite:///{file}")
    with Api(store, kinds, "default") as api:
        with store.transaction() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        answer = api.make("workspace/other")
        assert (answer.status_code, answer.json()["code"]) == (500, "storage")
        assert "is read-only" in answer.json()["detail"]
        assert api.addresses("workspace") == ["workspace/ws"]
    store.close()


def test_a_writer_that_waits_too_long_is_told_to_come_again(file: Path, kinds: Kinds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0)
    filled(file, kinds)
    store = Store(file)
    with Api(store, kinds, "default") as api:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answer = api.make("workspace/other")
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "1")
        assert api.addresses("workspace") == ["workspace/ws"], "reading goes on"
        other.rollback()
        other.close()
        assert api.make("workspace/other").status_code == 201
    store.close()


def test_writers_of_one_process_wait_for_each_other(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.01)
    store = Store(file)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with store.writing("default"):
            entered.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    with pytest.raises(StoreError, match="other writers held it") as caught, store.writing("default"):
        pass
    assert caught.value.busy
    leave.set()
    holder.join()
    store.close()


def test_what_is_written_in_a_transaction_that_fails_is_undone(store: Store) -> None:
    from orgform.server import tables

    with pytest.raises(ZeroDivisionError), store.writing("undone") as connection:
        store.insert_missing(connection, tables.companies, {"company": "also-undone", "created_at": ""})
        1 / 0  # noqa: B018
    with store.reading() as connection:
        assert connection.execute(tables.companies.select().where(tables.companies.c.company.like("%undone"))).all() == []


def test_a_connection_that_breaks_may_have_done_its_last(postgres: Store, kinds: Kinds) -> None:
    with pytest.raises(StoreError) as caught, postgres.writing("broken") as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.lost
    assert not caught.value.busy
    with Api(postgres, kinds, "broken") as api:
        assert api.addresses("workspace") == [], "and the next one has another connection"


def test_only_what_is_there_can_be_observed(store: Store) -> None:
    with pytest.raises(StoreError, match="workspace/ws does not exist"):
        store.observe("workspace/ws", {"balance": 1}, company="nobody")


def test_in_memory_is_refused() -> None:
    with pytest.raises(StoreError, match="in-memory"):
        Store("sqlite://")


def test_a_copy_of_the_file_is_the_directory(file: Path, kinds: Kinds, tmp_path: Path) -> None:
    """Nothing is left in a log beside it once it is closed."""
    filled(file, kinds)
    copy = tmp_path / "copy.db"
    shutil.copy(file, copy)
    store = Store(copy)
    with Api(store, kinds, "default") as api:
        assert api.addresses("workspace") == ["workspace/ws"]
    store.close()
