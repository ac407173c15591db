"""Rows that the database refuses: told like every other failure of it, however many there were, and nothing is left of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from orgform.server import Store, tables
from orgform.server.flush import RESOURCE, WORTH_A_COPY, insert
from orgform.server.store import StoreError
from tests.server.conftest import COMPANIES


@pytest.mark.parametrize("number", [2, WORTH_A_COPY, WORTH_A_COPY * 10])
def test_rows_that_are_refused(store: Store, number: int) -> None:
    company = f"company-{next(COMPANIES)}"
    row = (company, "workspace", "ws", "id", 1, "{}", "{}", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z")
    with pytest.raises(StoreError, match=r"(?i)unique constraint") as caught, store.writing(company) as connection:
        insert(connection, tables.resources, RESOURCE, [row] * number)
    assert not caught.value.lost
    with store.reading() as connection:
        assert connection.execute(sa.select(tables.resources).where(tables.resources.c.company == company)).all() == []


def test_a_connection_that_breaks_while_rows_are_written(store: Store) -> None:
    company = f"company-{next(COMPANIES)}"
    rows = [(company, "tag", f"ws/{n}", "id", 1, "{}", "{}", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z") for n in range(100)]
    with store.reading() as connection:
        if connection.dialect.name == "sqlite":
            return  # there is nothing between the process and its file
    with pytest.raises(StoreError) as caught, store.writing(company) as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with store.transaction() as other:
            other.exec_driver_sql("SELECT pg_terminate_backend(%s)", (own,))
        insert(connection, tables.resources, RESOURCE, rows)
    assert caught.value.lost
    with store.writing(company) as connection:
        insert(connection, tables.resources, RESOURCE, rows)
