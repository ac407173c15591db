"""A server whose database refuses writes is not ready, although everything can be read."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from orgform.server import Store, StoreError
from orgform.server import store as stores
from orgform.testing.server import RunningServer, running_server
from tests.server.serving import client_of, events, until

EAGER = "stores.WRITE_SECONDS = stores.REFUSED_SECONDS = 0"


@pytest.fixture
def eager(tmp_path: Path) -> Iterator[RunningServer]:
    program = ("-c", f"import sys; from orgform.server import store as stores; {EAGER}; from orgform.cli import main; sys.exit(main())")
    with running_server(tmp_path / "acme.db", program=program) as server:
        yield server
        assert server.stop() == 0
    assert "Traceback" not in server.log()


def test_a_disk_that_takes_nothing(eager: RunningServer) -> None:
    """The system lets the process make no file any larger, as on a disk that is full."""
    pid = eager.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    with client_of(eager) as client:
        assert client.post("/v1/members", json={"key": "a@acme.com"}).status_code == 201
        assert client.get("/readyz").status_code == 200
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
        assert client.post("/v1/members", json={"key": "b@acme.com"}).status_code == 500
        assert client.get("/v1/members").json()["total"] == 1
        refused = client.get("/readyz")
        assert (refused.status_code, refused.json()["code"]) == (503, "not-ready")
        assert client.get("/healthz").status_code == 200
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        until(lambda: client.get("/readyz").status_code == 200, eager)
        assert client.post("/v1/members", json={"key": "b@acme.com"}).status_code == 201
    assert events(eager)


def test_a_standby_is_not_ready(postgres: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every transaction only reads, as behind a failover that the server does not know of."""
    monkeypatch.setattr(stores, "WRITE_SECONDS", 0.0)
    url = postgres._place.url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    with closing(Store(url.render_as_string(hide_password=False))) as store:
        store.ready()
        store._written = True
        for _ in range(2):
            with pytest.raises(StoreError, match="is read-only"):
                store.ready()


def test_it_is_seen_now_and_then_and_waits_for_nobody(store: Store) -> None:
    with store.transaction():
        pass
    seen: list[str] = []
    sa.event.listen(sa.Engine, "before_cursor_execute", listener := lambda *a: seen.append(a[2]))
    try:
        for _ in range(5):
            store.ready()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listener)
    assert len([s for s in seen if s.startswith("UPDATE api_schema")]) <= 1
    store._look_again = 0.0
    with store.writing("somebody"):
        store.ready()
