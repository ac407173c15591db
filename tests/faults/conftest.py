"""A real PostgreSQL for ledgers that several machines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing as missing:
        pytest.skip(str(missing))
