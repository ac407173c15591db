"""The schema: what the first version made is upgraded with every row of it, once, whole, and by one process at a time.

`data/first-version.*.sql` are dumps of databases that the first version itself filled, of two companies each.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.server import Store, StoreError, migrations, tables
from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres
from tests.server.conftest import Api

DATA = Path(__file__).parent / "data"
NUMBERS = count(1)
# The row counts that both dumps have.
ROWS = {
    "api_schema": 1,
    "audit_events": 44,
    "companies": 2,
    "idempotency_keys": 14,
    "resource_links": 20,
    "resource_totals": 6,
    "resources": 22,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing as e:
        pytest.skip(str(e))


class Database:
    """A database that may be filled before a store sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def load_first_version(self) -> None:
        script = (DATA / f"first-version.{self.engine.dialect.name}.sql").read_text(encoding="utf-8")
        with self.engine.begin() as connection:
            cursor = connection.connection.cursor()
            cursor.executescript(script) if self.is_sqlite else cursor.execute(script)

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table."""
        with self.engine.connect() as connection:
            names = sorted(sa.inspect(connection).get_table_names())
            rows = {n: connection.execute(sa.select(sa.text("*")).select_from(sa.table(n))).mappings().all() for n in names}
        return {name: sorted(map(dict, found), key=lambda row: [str(v) for v in row.values()]) for name, found in rows.items()}

    def schema(self) -> list[tuple[Any, ...]]:
        """As the database itself tells it, with types, collations, defaults and indexes."""
        ours = "SELECT name, sql FROM sqlite_schema WHERE name != 'sqlite_sequence' ORDER BY name"
        if not self.is_sqlite:
            ours = (
                "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, '' FROM information_schema.columns"
                " WHERE table_schema = 'public' UNION ALL SELECT tablename, indexname, indexdef, '', '', '', '' FROM pg_indexes"
                " WHERE schemaname = 'public' UNION ALL SELECT relname, relpersistence::text, '', '', '', '', '' FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1, 2"
            )
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(ours)]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path / 'acme.db'}")
    return Database(request.getfixturevalue("server").database(f"migrations_{next(NUMBERS)}"))


def upgraded(database: Database) -> None:
    store = Store(database.url)
    with store.transaction():
        pass
    store.close()


def differences(database: Database) -> list[Any]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "version_table": migrations.VERSION.name}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata))


def test_the_newest_revision_is_the_one_that_the_store_knows() -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_heads() == [migrations.NEWEST]
    assert tuple(r.revision for r in reversed(list(script.walk_revisions()))) == migrations.REVISIONS


@pytest.mark.parametrize("first", [False, True])
def test_migrations_make_what_queries_name(database: Database, first: bool) -> None:
    if first:
        database.load_first_version()
    upgraded(database)
    assert differences(database) == []


def test_a_difference_would_be_seen(database: Database) -> None:
    upgraded(database)
    database.run("ALTER TABLE tokens ADD COLUMN more TEXT", "DROP INDEX tokens_by_company")
    assert {d[0] for d in differences(database)} == {"add_index", "remove_column"}


def test_an_upgraded_database_is_made_like_a_new_one(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    new = Database(f"sqlite:///{tmp_path / 'new.db'}")
    if not database.is_sqlite:
        new = Database(request.getfixturevalue("server").database(f"migrations_{next(NUMBERS)}"))
    database.load_first_version()
    upgraded(database)
    upgraded(new)
    # SQLite keeps a statement as it was written, with its white space and quotes.
    assert [[normal(v) for v in row] for row in database.schema()] == [[normal(v) for v in row] for row in new.schema()]


def normal(value: Any) -> str:
    return "".join(str(value).replace('"', "").split())


def test_every_row_of_the_first_version_is_kept(database: Database, kinds: Kinds) -> None:
    database.load_first_version()
    before = database.dump()
    assert {name: len(rows) for name, rows in before.items()} == ROWS
    upgraded(database)
    after = database.dump()
    assert after.pop(migrations.VERSION.name) == [{"version_num": migrations.NEWEST}]
    assert after.pop("api_schema") == [{"version": 2}]
    assert (after.pop("tokens"), after.pop("request_counts")) == ([], [])
    for event in after["audit_events"]:
        assert event.pop("token") == ""
        assert event.pop("old_address") == (json.loads(event["before"])["address"] if event["action"] == "rename" else None)
    before.pop("api_schema")
    assert after == before


def test_what_was_upgraded_is_served(database: Database, kinds: Kinds) -> None:
    database.load_first_version()
    store = Store(database.url)
    with Api(store, kinds, "default") as api:
        # The same request with the same idempotency key as before the upgrade: the same answer, and nothing is done.
        body = {"attributes": {"name": "Bob"}}
        assert api.patch("/v1/members/bob@acme.com", json=body, headers={"idempotency-key": "patch-1"}).status_code == 200
        assert api.patch("/v1/members/bob@acme.com", json={}, headers={"idempotency-key": "patch-1"}).status_code == 409
        assert api.remove("member/bob@acme.com").status_code == 204
        assert api.addresses("member") == [f"member/{k}@acme.com" for k in ("ann", "m0", "m1", "m2", "m3")]
        assert api.attributes("workspace/sales-emea") == {"name": "Sales Zażółć “ß” 'quoted' \\ back"}
        renamed = [e for e in api.events(address="workspace/sales") if e["action"] == "rename"]
        assert [(e["address"], e["token"]) for e in renamed] == [("workspace/sales-emea", None)], "found by what it was called before"
        api.check_consistent()
    with Api(store, kinds, "other") as api:
        assert len(api.events()) == 22
        api.check_consistent()
    store.close()


def test_upgrading_again_is_nothing(database: Database) -> None:
    database.load_first_version()
    upgraded(database)
    once = database.dump(), database.schema()
    upgraded(database)
    assert (database.dump(), database.schema()) == once


def test_an_old_database_is_read_as_it_is(database: Database, kinds: Kinds) -> None:
    database.load_first_version()
    before = database.dump(), database.schema()
    store = Store(database.url)
    store.check()
    store.ready()
    with Api(store, kinds, "default") as api:
        assert api.item("member/bob@acme.com")["observed"] == {"status": "suspended"}
        assert len(api.addresses("membership")) == 4
        assert api.events(address="workspace/sales-emea")[0]["action"] == "rename"
        assert api.events(limit="1")[0]["token"] is None
        assert api.events(token="abcdefghijkl") == []
        with pytest.raises(StoreError, match="made by an earlier version of orgform") as caught, store.reading() as connection:
            connection.execute(sa.select(tables.tokens)).all()
        assert "upgrades it" in caught.value.hint
        with pytest.raises(StoreError, match="failed") as caught, store.reading() as connection:
            connection.exec_driver_sql("SELECT of nothing FROM")
        assert (database.dump(), database.schema()) == before
        upgraded(database)
        assert api.events(token="abcdefghijkl") == [], "and the upgrade by another process is noticed"
        with store.reading() as connection:
            assert connection.execute(sa.select(tables.tokens)).all() == []
    store.close()


def test_a_database_without_tables_is_an_empty_directory(database: Database, kinds: Kinds) -> None:
    if database.is_sqlite:
        database.run("PRAGMA journal_mode = WAL", "PRAGMA user_version = 1")
    store = Store(database.url)
    store.check()
    with Api(store, kinds, "default") as api:
        assert api.addresses("member") == api.events() == []
        assert database.schema() == []
        upgraded(database)
        api.have("workspace/ws")
    store.close()


LATER = "was written by a later version of orgform (its schema is {}, this one knows up to 0002)"


@pytest.mark.parametrize(
    "statement", ["UPDATE api_revision SET version_num = '0999'", "DROP TABLE api_revision; UPDATE api_schema SET version = 999"]
)
def test_a_later_version_is_refused(database: Database, kinds: Kinds, statement: str) -> None:
    upgraded(database)
    database.run(*statement.split("; "))
    before = database.dump()
    for attempt in (Store.check, lambda store: store.transaction().__enter__()):
        store = Store(database.url)
        with pytest.raises(StoreError) as caught:
            attempt(store)
        assert LATER.format("0999") in caught.value.message
        assert "use that version of orgform or a later one" in caught.value.hint
        store.close()
    assert database.dump() == before


def test_the_first_version_would_refuse_what_is_newer(database: Database) -> None:
    """It looks for `api_schema` with the number 1, and says that another version wrote it where it finds another number."""
    upgraded(database)
    assert database.dump()["api_schema"] == [{"version": 2}]


def test_tables_of_something_else(database: Database) -> None:
    """SQLite files are ours alone; a PostgreSQL database may be shared, as long as the names are free."""
    database.run("CREATE TABLE bookmarks (url TEXT)")
    store = Store(database.url)
    if database.is_sqlite:
        with pytest.raises(StoreError, match="is the database of something else: it has the table bookmarks"):
            store.check()
    else:
        store.check()
        upgraded(database)
        store.check()
    store.close()


def test_a_table_of_something_else_with_a_name_of_ours(database: Database) -> None:
    database.run("CREATE TABLE tokens (id TEXT)")
    store = Store(database.url)
    with pytest.raises(StoreError, match="is the database of something else: it has the table tokens") as caught, store.transaction():
        pass
    assert "empty one" in caught.value.hint
    assert database.dump() == {"tokens": []}
    store.close()


@pytest.mark.parametrize("first", [False, True])
def test_a_migration_that_fails_halfway_leaves_everything_as_it_was(database: Database, first: bool) -> None:
    """The last table that the upgrade makes cannot be made: there is an index of that name, which is no table."""
    if first:
        database.load_first_version()
    obstacle = "CREATE INDEX request_counts ON companies (created_at)" if first else "CREATE VIEW request_counts AS SELECT 1 AS one"
    database.run(obstacle)
    before = database.dump(), database.schema()
    for _ in range(2):
        store = Store(database.url)
        with pytest.raises(StoreError, match="request_counts"), store.transaction():
            pass
        store.close()
        assert (database.dump(), database.schema()) == before
    database.run("DROP INDEX request_counts" if first else "DROP VIEW request_counts")
    upgraded(database)
    assert differences(database) == []


OPEN = """
import sys
from orgform.server import Store
store = Store(sys.argv[1])
print("here", flush=True)
sys.stdin.readline()
with store.writing("default"):
    pass
store.close()
print("done")
"""


@pytest.mark.parametrize("first", [False, True])
def test_eight_processes_that_start_at_the_same_moment(database: Database, first: bool) -> None:
    if first:
        database.load_first_version()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes: list[subprocess.Popen[str]] = [subprocess.Popen([sys.executable, "-c", OPEN, database.url], **pipes) for _ in range(8)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "here\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [(process.communicate()[0], process.returncode) for process in processes]
    assert said == [("done\n", 0)] * 8
    assert differences(database) == []
    assert len(database.dump()["companies"]) == (2 if first else 1)


def test_threads_that_start_at_the_same_moment(database: Database) -> None:
    start = threading.Barrier(6)

    def open_it(_: int) -> None:
        store = Store(database.url)
        start.wait()
        with store.writing("default"):
            pass
        store.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_it, range(6)))
    assert differences(database) == []


def modules_after(code: str, *arguments: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("action", ["store.check()", "store.writing('default').__enter__()"])
def test_a_current_database_is_opened_without_alembic(database: Database, action: str) -> None:
    upgraded(database)
    code = f"from orgform.server import Store\nstore = Store(sys.argv[1])\n{action}"
    assert "alembic" not in modules_after(code, database.url)


def test_only_looking_at_an_old_one_needs_no_alembic_either(database: Database) -> None:
    database.load_first_version()
    assert "alembic" not in modules_after("from orgform.server import Store\nStore(sys.argv[1]).check()", database.url)


CONFIG = """
orgform: 1
company: {name: Acme, primary_domain: acme.com}
domains: {acme.com: {}}
targets: {test: {provider: local, database: acme.db}}
workspaces: {sales-emea: {name: Sales}}
"""


def test_a_file_of_the_first_version_is_planned_and_applied(tmp_path: Path) -> None:
    """As people have it: `provider: local` over a file that they made with the first version."""
    database = Database(f"sqlite:///{tmp_path / 'acme.db'}")
    database.load_first_version()
    (tmp_path / "orgform.yaml").write_text(CONFIG, encoding="utf-8")
    before = database.dump()

    def orgform(*arguments: str) -> str:
        command = [sys.executable, "-c", "from orgform.cli import main; main()", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert "workspace/sales-emea" in orgform("plan", "--target", "test")
    assert database.dump() == before
    orgform("apply", "--target", "test", "--yes")
    with sqlite3.connect(tmp_path / "acme.db") as connection:
        assert connection.execute("SELECT attributes FROM resources WHERE company = 'default' AND kind = 'workspace'").fetchall() == [
            ('{"name":"Sales"}',)
        ]
    connection.close()
