"""The schema of the database, by its history: which revision a database has, and how it comes to the newest one.

Invariant: a database is at one of `REVISIONS` or is refused; an upgrade is one transaction, which ends at the newest revision or leaves the
database as it was. Looking at a revision costs one query and imports nothing; alembic is imported to upgrade only.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import sqlalchemy as sa

from orgform.server import tables as t
from orgform.server.database import StoreError

#: oldest first
REVISIONS = ("0001", "0002")
NEWEST = REVISIONS[-1]
VERSION = sa.table("api_revision", sa.column("version_num"))
# Any number, the same in every process: whoever changes the schema in PostgreSQL holds it.
LOCK = 0x6F7267666F726D

LOGGER = logging.getLogger("orgform.server")
# alembic keeps what it works on in globals.
_ALONE = threading.Lock()


def revision_of(connection: sa.Connection, name: str) -> str | None:
    """The database's revision; None for an empty one. Raises `StoreError` for somebody else's and for a later version's."""
    names = set(sa.inspect(connection).get_table_names())
    if VERSION.name in names:
        return _known(connection.execute(sa.select(VERSION.c.version_num)).scalar(), name)
    if t.schema_version.name in names:
        # The first version of orgform had no migrations: it wrote a number.
        return _known(f"{connection.execute(sa.select(sa.func.max(t.schema_version.c.version))).scalar():04}", name)
    ours = names & {table.name for table in t.metadata.tables.values()}
    if ours or (names and connection.dialect.name == "sqlite"):
        raise StoreError(
            f"{name} is the database of something else: it has the table {min(ours or names)}",
            hint="name another one; orgform makes its tables in an empty one",
        )
    return None


def _known(revision: str | None, name: str) -> str:
    if revision in REVISIONS:
        return str(revision)
    raise StoreError(
        f"{name} was written by a later version of orgform (its schema is {revision}, this one knows up to {NEWEST})",
        hint="use that version of orgform or a later one; this one can only open a backup from before",
    )


def upgrade(connection: sa.Connection, name: str) -> None:
    """Brings the database to the newest revision, in the transaction that the connection is in. `name`: for messages."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    found = revision_of(connection, name)
    if found == NEWEST:
        return
    with _ALONE:
        _migrate(connection, found)
    if found is not None:
        LOGGER.info("%s was upgraded from the schema %s to %s", name, found, NEWEST)


def _migrate(connection: sa.Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    if found is not None and not sa.inspect(connection).has_table(VERSION.name):
        command.stamp(config, found)
    command.upgrade(config, NEWEST)
