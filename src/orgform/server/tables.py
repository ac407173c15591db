"""The tables as queries name them, in words that SQLite and PostgreSQL share. What makes them is `migrations/`, held equal by a test.

Invariant: keys are compared byte by byte on both (collation C), so that pages come in the same order everywhere. Attributes are
JSON text, spliced into answers as they are. What belongs to a company carries it, and no query for a request goes without it; only a token
is found by its own id, as it is what tells the company.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

metadata = MetaData()

# What is ordered or compared: by bytes.
_Key = Text().with_variant(Text(collation="C"), "postgresql")
_Serial = BigInteger().with_variant(Integer, "sqlite")

# Where the first version of orgform looks for what it can open; nothing else reads it.
schema_version = Table("api_schema", metadata, Column("version", Integer, primary_key=True))

companies = Table("companies", metadata, Column("company", _Key, primary_key=True), Column("created_at", Text, nullable=False))

# Rows stand in the order they are listed in: a page is one range read.
resources = Table(
    "resources",
    metadata,
    Column("company", _Key, primary_key=True),
    Column("kind", _Key, primary_key=True),
    Column("key", _Key, primary_key=True),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("observed", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    sqlite_with_rowid=False,
)

# How many resources a collection has: a list answer's `total` without counting.
totals = Table(
    "resource_totals",
    metadata,
    Column("company", _Key, primary_key=True),
    Column("kind", _Key, primary_key=True),
    Column("total", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# `rule`: `cascade` where the target is part of the source's address, `restrict` where an attribute names it.
links = Table(
    "resource_links",
    metadata,
    Column("company", _Key, primary_key=True),
    Column("target", _Key, primary_key=True),
    Column("source", _Key, primary_key=True),
    Column("path", _Key, primary_key=True),
    Column("rule", Text, nullable=False),
    sqlite_with_rowid=False,
)

# `old_address`: of a rename, which is found by both addresses.
audit_events = Table(
    "audit_events",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("company", _Key, nullable=False),
    Column("time", _Key, nullable=False),
    Column("actor", _Key, nullable=False),
    Column("token", _Key, nullable=False, server_default=text("''")),
    Column("client", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("address", _Key, nullable=False),
    Column("old_address", _Key),
    Column("before", Text),
    Column("after", Text),
    Index("audit_events_by_address", "company", "address", "id"),
    # On PostgreSQL it has the same condition, by its migration; to say so here would load that dialect wherever there is only SQLite.
    Index("audit_events_by_old_address", "company", "old_address", "id", sqlite_where=text("old_address IS NOT NULL")),
    Index("audit_events_by_actor", "company", "actor", "time", "id"),
    Index("audit_events_by_token", "company", "token", "time", "id"),
    Index("audit_events_by_time", "company", "time", "id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("company", _Key, primary_key=True),
    Column("key", _Key, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", _Key, nullable=False),
    Index("idempotency_keys_by_age", "company", "created_at"),
    sqlite_with_rowid=False,
)

# `hash`: hex SHA-256 of the secret part; the token itself is kept nowhere. Times as the audit log writes them; NULL: never.
tokens = Table(
    "tokens",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("company", _Key, nullable=False),
    Column("hash", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("created_at", _Key, nullable=False),
    Column("expires_at", _Key),
    Column("revoked_at", _Key),
    Column("used_at", _Key),
    Index("tokens_by_company", "company", "id"),
)

# How many requests a token made in a minute (seconds since 1970 / 60), for limits that several processes share.
request_counts = Table(
    "request_counts",
    metadata,
    Column("token", _Key, primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("requests", Integer, nullable=False),
    sqlite_with_rowid=False,
)
