"""What alembic runs around the revisions: they work on the connection that they are given, in its transaction."""

from __future__ import annotations

from alembic import context

from orgform.server import tables
from orgform.server.migrations import VERSION

context.configure(connection=context.config.attributes["connection"], target_metadata=tables.metadata, version_table=VERSION.name)
context.run_migrations()
