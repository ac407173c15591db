"""The first try of docs/server.md, and its backups, on both databases: made while somebody writes, restored elsewhere, served."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres
from tests.docs.page import Shell, ask, blocks, executable, parts, source
from tests.docs.writer import Writer

SHOWS = blocks()


def keys(url: str, token: str, collection: str) -> set[str]:
    found: set[str] = set()
    cursor = ""
    while True:
        status, page = ask(f"{url}/v1/{collection}?limit=1000{cursor}", token)
        assert status == 200, page
        found.update(item["key"] for item in page["items"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing as e:
        pytest.skip(str(e))


# A first try


def test_a_first_try(tmp_path: Path) -> None:
    serve, rest = SHOWS["A first try"]
    shell = Shell(source(tmp_path / "source"))
    with shell.serving(serve):
        said = shell.run(rest).stdout
    assert "Applied: 9 created, 0 updated, 0 deleted, 0 failed" in said
    assert (shell.folder / "orgform.db").exists()


def test_the_same_as_a_script(tmp_path: Path) -> None:
    shell = Shell(source(tmp_path / "source"))
    said = shell.run("examples/server/try.sh").stdout
    assert said.startswith("orgform serves http://127.0.0.1:")
    assert "Applied: 9 created" in said
    assert "No changes" in said
    assert said.endswith("The server has stopped.\n")
    assert sorted(p.name for p in shell.folder.iterdir()) == ["examples"]
    assert not list(shell.folder.rglob("*.db*"))


# Backup and restore


def test_a_backup_of_sqlite_while_it_is_written_to_is_a_server_elsewhere(tmp_path: Path) -> None:
    check_backup(tmp_path, SHOWS["Backup of SQLite"][0])


@pytest.mark.skipif(not executable("sqlite3"), reason="SQLite's shell is not here")
def test_a_backup_by_sqlite_s_own_shell(tmp_path: Path) -> None:
    check_backup(tmp_path, SHOWS["Backup of SQLite"][1])


@contextmanager
def loaded(shell: Shell, serve: str) -> Iterator[tuple[str, str]]:
    """A running server with a company on it; a token that is good, and one that was revoked."""
    with shell.serving(serve):
        kept = shell.run("orgform token create --company acme --scope write").stdout.strip()
        revoked = shell.run("orgform token create --company acme --scope read").stdout.strip()
        shell.run("orgform token revoke -", stdin=revoked)
        shell.run("orgform apply -C examples/server/company --yes", **reached(shell, kept))
        yield kept, revoked


def reached(shell: Shell, token: str) -> dict[str, str]:
    return {"ORGFORM_TOKEN": token, "ORGFORM_ALLOW_TARGETS": f"acme={shell.url}"}


def written_while(shell: Shell, backup: str, token: str) -> list[str]:
    """Makes the backup while somebody writes; what was acknowledged before it began."""
    with Writer(shell.url, token) as writer:
        before = writer.further(20)
        shell.run(backup)
        writer.further(20)
    return before


def check_restored(shell: Shell, kept: str, revoked: str, before: list[str]) -> None:
    """All that was acknowledged is there, tokens are what they were, and the config has nothing to change."""
    members = keys(shell.url, kept, "members")
    assert set(before) <= members
    company = {"alice@acme.com", "bob@acme.com", "carol@acme.com"}
    assert company <= members
    assert all(re.fullmatch(r"writer\.[0-9]{6}@acme\.com", key) for key in members - company)
    assert ask(f"{shell.url}/v1/members", revoked)[0] == 401
    plan = shell.attempt("orgform plan -C examples/server/company --detailed-exitcode", **reached(shell, kept))
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert "No changes" in plan.stdout
    assert ask(f"{shell.url}/v1/members", kept, "POST", {"key": "new@acme.com"})[0] == 201
    events = ask(f"{shell.url}/v1/audit-events?address=member/{before[0]}", kept)[1]["items"]
    assert [e["action"] for e in events] == ["create"]


def check_backup(tmp_path: Path, backup: str) -> None:
    restore, serve = parts(SHOWS["Backup of SQLite"][2])
    old = Shell(source(tmp_path / "old"))
    with loaded(old, "orgform serve") as (kept, revoked):
        before = written_while(old, backup, kept)
    (database,) = old.folder.glob("backup.db")
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()

    new = Shell(source(tmp_path / "new"))
    shutil.copy(database, new.folder)
    # What stood there before, with a log of writes that are not to come back.
    for name in ("orgform.db", "orgform.db-wal", "orgform.db-shm"):
        shutil.copy(old.folder / "backup.db", new.folder / name)
    new.run(restore)
    with new.serving(serve):
        check_restored(new, kept, revoked, before)


def test_a_backup_does_not_write_over_another_one_and_makes_no_database(tmp_path: Path) -> None:
    backup = SHOWS["Backup of SQLite"][0]
    shell = Shell(tmp_path / "here")
    assert shell.attempt(backup).returncode != 0
    assert list(shell.folder.iterdir()) == []
    with shell.serving("orgform serve"):
        shell.run(backup)
        first = (shell.folder / "backup.db").read_bytes()
        assert "already exists" in shell.attempt(backup).stderr
    assert (shell.folder / "backup.db").read_bytes() == first


@pytest.mark.skipif(len(executable("pg_dump", "pg_restore", "createdb")) < 3, reason="PostgreSQL's own programs are not here")
def test_a_backup_of_postgresql_while_it_is_written_to_is_a_server_elsewhere(tmp_path: Path, postgres: Postgres) -> None:
    dump, block = SHOWS["Backup of PostgreSQL"]
    restore, serve = parts(block)
    url = postgres.database("dumped")
    libpq = {"PGHOST": str(postgres.folder), "PGUSER": "orgform"}
    old = Shell(source(tmp_path / "old"), ORGFORM_DATABASE=url, **libpq)
    with loaded(old, "orgform serve") as (kept, revoked):
        before = written_while(old, dump, kept)

    new = Shell(source(tmp_path / "new"), **libpq)
    shutil.copy(old.folder / "backup.dump", new.folder)
    new.run(restore)
    with new.serving(serve):
        check_restored(new, kept, revoked, before)
