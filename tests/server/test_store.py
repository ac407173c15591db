"""The database file: made by the first write, never by reading; what is none of ours is refused in words."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.server import Store, StoreError, answers, tables
from orgform.server import store as module
from orgform.server.store import AuditFilter, Row
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


ODD = "".join(map(chr, range(1, 0x30))) + '\x7f\x80"\\%s%%/{}\u2028ß😀'


def test_a_page_holds_the_same_bytes_as_each_resource(store: Store) -> None:
    """The database writes the one, we the other: whatever is in a key, and in what is stored of it."""
    rows = [
        Row(f"id{n}", n, '{"a":"%s %% {}"}', '{"b":null}', "2026-01-02T03:04:05.678Z", "2026-01-03T03:04:05.678Z") for n in range(len(ODD))
    ]
    keys = sorted((f"{c}{n}" for n, c in enumerate(ODD)), key=lambda key: key.encode())
    values = [
        {"company": "odd", "kind": "k", "key": key, "id": r.id, "version": r.version, "attributes": r.text, "observed": r.observed}
        | {"created_at": r.created_at, "updated_at": r.updated_at}
        for key, r in zip(keys, rows, strict=True)
    ]
    with store.writing("odd") as connection:
        connection.execute(sa.insert(tables.resources), values)
    page = store.page("odd", "k", after="", limit=1000)
    assert page.items == [answers.resource(key, row) for key, row in zip(keys, rows, strict=True)]
    assert [store.page("odd", "k", after=key, limit=1).items for key in keys[:-1]] == [[item] for item in page.items[1:]]
    with store.transaction() as connection:
        connection.execute(sa.delete(tables.resources).where(tables.resources.c.company == "odd"))


BY = {
    "": "audit_events_by_time (company=?)",
    "actor": "audit_events_by_actor (company=? AND actor=?)",
    "token": "audit_events_by_token (company=? AND token=?)",
    "since": "audit_events_by_time (company=? AND time>?)",
    "until": "audit_events_by_time (company=? AND time<?)",
    "since until": "audit_events_by_time (company=? AND time>? AND time<?)",
    "actor since": "audit_events_by_actor (company=? AND actor=? AND time>?)",
    "token until": "audit_events_by_token (company=? AND token=? AND time<?)",
    "address": "INTEGER PRIMARY KEY (rowid=?)",
    "address actor since": "INTEGER PRIMARY KEY (rowid=?)",
}


@pytest.mark.parametrize("names", BY)
@pytest.mark.parametrize("below", [None, 7])
def test_the_audit_log_is_read_by_its_indexes(file: Path, names: str, below: int | None) -> None:
    """Whatever is asked for, nothing is read that is not of it; only the events of one address are sorted."""
    store = Store(file)
    with store.transaction():
        pass
    said: list[tuple[str, Any]] = []

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def heard(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    try:
        store.audit("c", AuditFilter(**dict.fromkeys(names.split(), "2026"), below=below), 10)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", heard)
    statement, parameters = next(s for s in reversed(said) if "LIMIT" in s[0])
    with store.reading() as connection:
        plan = [row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)]
    store.close()
    index = BY[names]
    if below is not None and "time<?" not in index and "address" not in names:
        index = index[:-1] + " AND time<?)"
    assert plan[0] == f"SEARCH audit_events USING {'' if 'address' in names else 'INDEX '}{index}", plan
    assert any("audit_events_by_old_address" in line for line in plan) == ("address" in names)
    assert any("ORDER BY" in line for line in plan) == ("address" in names)
    assert not any(line.startswith("SCAN") for line in plan)


def test_pages_of_the_audit_log_go_by_time(store: Store) -> None:
    """Also where clocks of several machines disagree, and where many events have one time: each is on exactly one page."""
    times = [f"2026-01-01T00:00:0{n}.000Z" for n in (3, 1, 1, 2, 1, 3, 0)]
    events = [
        {"company": "pages", "time": time, "actor": f"a{n % 2}", "client": "", "action": "create", "address": f"member/{n}"}
        for n, time in enumerate(times)
    ]
    with store.writing("pages") as connection:
        connection.execute(sa.insert(tables.audit_events), events)
    for wanted in ({}, {"actor": "a0"}, {"since": times[1], "until": times[0]}, {"token": ""}):
        whole = store.audit("pages", AuditFilter(**wanted), 100)
        assert [(e[1], e[0]) for e in whole] == sorted(((e[1], e[0]) for e in whole), reverse=True)
        paged: list[Any] = []
        while page := store.audit("pages", AuditFilter(**wanted, below=paged[-1][0] if paged else None), 2):
            paged += page[:2]
        assert paged == list(whole)
    assert [e[7] for e in store.audit("pages", AuditFilter(since=times[1], until=times[3]), 9)] == [None] * 3, "until is not included"
    assert len(store.audit("pages", AuditFilter(since=times[1], until=times[0]), 9)) == 4
    assert store.audit("pages", AuditFilter(below=10**17), 9) == [], "a cursor of no event"


def test_nothing_is_written_into_a_file_that_was_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "acme.db"
    store = Store(file)
    with store.writing("acme"):
        pass
    file.rename(tmp_path / "moved.db")
    with pytest.raises(StoreError, match="was taken away while it was open"), store.writing("acme"):
        raise AssertionError("not reached")
    (tmp_path / "moved.db").rename(file)
    with store.writing("acme"):
        pass
    store.close()


def test_the_first_writes_to_a_new_file_may_come_at_once(tmp_path: Path) -> None:
    for n in range(5):
        store = Store(tmp_path / f"{n}.db")
        failed: list[BaseException] = []

        def write(store: Store = store, failed: list[BaseException] = failed) -> None:
            try:
                with store.writing("acme"):
                    pass
            except StoreError as e:
                failed.append(e)

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.close()
        assert not failed
