"""What a server needs: tokens, counted requests, and an audit log that says by which token and is found by actor, token and time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    # The first version looks here, and so says that this is not for it.
    op.execute("UPDATE api_schema SET version = 2")
    _audit()
    op.create_table(
        "tokens",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("company", KEY, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("created_at", KEY, nullable=False),
        sa.Column("expires_at", KEY),
        sa.Column("revoked_at", KEY),
        sa.Column("used_at", KEY),
    )
    op.create_index("tokens_by_company", "tokens", ["company", "id"])
    op.create_table(
        "request_counts",
        sa.Column("token", KEY, primary_key=True),
        sa.Column("minute", sa.BigInteger, primary_key=True),
        sa.Column("requests", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "postgresql":
        # Worth less than a write to the log: after a crash the counting begins again.
        op.execute("ALTER TABLE request_counts SET UNLOGGED")


def _audit() -> None:
    op.add_column("audit_events", sa.Column("token", KEY, nullable=False, server_default=sa.text("''")))
    op.add_column("audit_events", sa.Column("old_address", KEY))
    postgresql = op.get_context().dialect.name == "postgresql"
    address = "before::json ->> 'address'" if postgresql else "json_extract(before, '$.address')"
    op.execute(f"UPDATE audit_events SET old_address = {address} WHERE action = 'rename'")  # noqa: S608
    op.create_index(
        "audit_events_by_old_address",
        "audit_events",
        ["company", "old_address", "id"],
        sqlite_where=sa.text("old_address IS NOT NULL"),
        postgresql_where=sa.text("old_address IS NOT NULL"),
    )
    op.drop_index("audit_events_by_company", "audit_events")
    op.create_index("audit_events_by_time", "audit_events", ["company", "time", "id"])
    op.create_index("audit_events_by_actor", "audit_events", ["company", "actor", "time", "id"])
    op.create_index("audit_events_by_token", "audit_events", ["company", "token", "time", "id"])
