"""The schema as the first version of orgform made it, without migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# What is ordered or compared: by bytes.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    version = op.create_table("api_schema", sa.Column("version", sa.Integer, primary_key=True))
    op.bulk_insert(version, [{"version": 1}])
    op.create_table("companies", sa.Column("company", KEY, primary_key=True), sa.Column("created_at", sa.Text, nullable=False))
    _resources()
    _audit()
    op.create_table(
        "idempotency_keys",
        sa.Column("company", KEY, primary_key=True),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_at", KEY, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["company", "created_at"])


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("company", KEY, primary_key=True),
        sa.Column("kind", KEY, primary_key=True),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("attributes", sa.Text, nullable=False),
        sa.Column("observed", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "resource_totals",
        sa.Column("company", KEY, primary_key=True),
        sa.Column("kind", KEY, primary_key=True),
        sa.Column("total", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "resource_links",
        sa.Column("company", KEY, primary_key=True),
        sa.Column("target", KEY, primary_key=True),
        sa.Column("source", KEY, primary_key=True),
        sa.Column("path", KEY, primary_key=True),
        sa.Column("rule", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("company", KEY, nullable=False),
        sa.Column("time", KEY, nullable=False),
        sa.Column("actor", KEY, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    op.create_index("audit_events_by_address", "audit_events", ["company", "address", "id"])
    op.create_index("audit_events_by_company", "audit_events", ["company", "id"])
