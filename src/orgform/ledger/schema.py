"""The ledger's tables. Plain SQL that SQLite and PostgreSQL both understand; JSON and times (ISO 8601, UTC) are text.

Invariant: a ledger of a newer version is never touched. A change of the tables is one more entry in `STEPS`.
"""

from __future__ import annotations

from orgform.errors import LedgerError
from orgform.ledger.database import Connection, Database

_BASE = """
CREATE TABLE orgform_ledger (version INTEGER NOT NULL, token BIGINT NOT NULL);
CREATE TABLE orgform_systems (system TEXT PRIMARY KEY, revision BIGINT NOT NULL);
CREATE TABLE orgform_base (
  system TEXT NOT NULL, address TEXT NOT NULL, attributes TEXT NOT NULL, prevent_destroy SMALLINT NOT NULL,
  PRIMARY KEY (system, address)){clustered};
CREATE TABLE orgform_moved (
  system TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (system, old, new)){clustered};
CREATE TABLE orgform_runs (
  run TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, actor TEXT NOT NULL, outcome TEXT, token BIGINT NOT NULL,
  systems TEXT NOT NULL, tool_version TEXT NOT NULL, config_digest TEXT NOT NULL, base TEXT NOT NULL);
CREATE TABLE orgform_changes (
  run TEXT NOT NULL, position INTEGER NOT NULL, status TEXT NOT NULL, detail TEXT NOT NULL, change TEXT NOT NULL, live TEXT,
  PRIMARY KEY (run, position));
CREATE TABLE orgform_locks (
  system TEXT PRIMARY KEY, token BIGINT NOT NULL, lease DOUBLE PRECISION NOT NULL, since TEXT NOT NULL, actor TEXT NOT NULL,
  host TEXT NOT NULL, machine TEXT NOT NULL, pid BIGINT NOT NULL, started TEXT NOT NULL);
CREATE TABLE orgform_secrets (
  target TEXT NOT NULL, reference TEXT NOT NULL, origin TEXT NOT NULL, PRIMARY KEY (target, reference)){clustered};
INSERT INTO orgform_ledger (version, token) VALUES (1, 0)
"""

_PROOFS = "ALTER TABLE orgform_secrets ADD COLUMN proof TEXT NOT NULL DEFAULT ''"

_ATTESTED = """
CREATE TABLE orgform_attested (
  system TEXT NOT NULL, address TEXT NOT NULL, attributes TEXT, word_of TEXT NOT NULL, evidence TEXT NOT NULL, given TEXT NOT NULL,
  expires TEXT NOT NULL, PRIMARY KEY (system, address)){clustered}
"""

_ABOUT = "ALTER TABLE orgform_attested ADD COLUMN about TEXT NOT NULL DEFAULT ''"

#: What brings a ledger from version n to n + 1; the first makes it.
STEPS = (_BASE, _PROOFS, _ATTESTED, _ABOUT)
VERSION = len(STEPS)


def version_of(connection: Connection, database: Database) -> int:
    """0: no ledger there yet. Raises `LedgerError` for a newer one, and for a file that is the database of something else."""
    tables = database.tables(connection)
    if "orgform_ledger" not in tables:
        if tables and not database.mixed:
            raise LedgerError(
                f"{database.name} is the database of something else, not a ledger",
                hint="choose another ledger with --ledger or ORGFORM_LEDGER",
            )
        return 0
    row = connection.one("SELECT version FROM orgform_ledger")
    found = int(row[0]) if row else 0
    if found > VERSION:
        raise LedgerError(
            f"the ledger {database.name} has version {found}; this orgform knows versions up to {VERSION}", hint="use the newer orgform"
        )
    return found


def bring_up_to_date(connection: Connection, database: Database) -> None:
    """Makes the tables that are missing. Safe against others who do the same at the same time."""
    if version_of_now(connection, database) == VERSION:
        return
    with connection.transaction(write=True):
        database.alone(connection)
        for step in STEPS[version_of(connection, database) :]:
            for statement in step.replace("{clustered}", database.clustered).split(";"):
                connection.run(statement)
        connection.run("UPDATE orgform_ledger SET version = ?", (VERSION,))


def version_of_now(connection: Connection, database: Database) -> int:
    with connection.transaction(write=False):
        return version_of(connection, database)
