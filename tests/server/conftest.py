"""The application over a real SQLite file and over a real PostgreSQL, each test with a company of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from orgform.codec import decode
from orgform.kinds import Kinds, load_kinds
from orgform.providers.http import InProcessTransport
from orgform.server import Caller, Store, create_app, tables
from orgform.server.shape import Shapes
from orgform.testing.postgres import PostgresMissing, running_postgres

COMPANIES = count(1)


class Api(httpx.Client):
    """A client of the application, with what tests ask for again and again. `company` is the one that its requests are about."""

    def __init__(self, store: Store, kinds: Kinds, company: str, *, actor: str = "dana@acme.com", token: str = "", **options: Any) -> None:
        def identify(request: Any) -> Caller:
            return Caller(company, actor, request.headers.get("user-agent", ""), token)

        app = create_app(store, kinds, identify=identify, inline=True, **options)
        super().__init__(transport=InProcessTransport(app), base_url="http://test", headers={"user-agent": "web console"})
        self.store = store
        self.kinds = kinds
        self.company = company

    def make(self, address: str, attributes: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        kind, _, key = address.partition("/")
        return self.post(f"/v1/{self.kinds[kind].api}", json={"key": key, "attributes": attributes or {}}, headers=headers)

    def have(self, *addresses: str, **attributes: Any) -> None:
        """Makes resources with as few attributes as they need."""
        for address in addresses:
            answer = self.make(address, {**NEEDED.get(address.partition("/")[0], {}), **attributes})
            assert answer.status_code == 201, answer.text

    def url(self, address: str) -> str:
        kind, _, key = address.partition("/")
        return f"/v1/{self.kinds[kind].api}/{key}"

    def item(self, address: str) -> dict[str, Any]:
        answer = self.get(self.url(address))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def attributes(self, address: str) -> dict[str, Any]:
        return dict(self.item(address)["attributes"])

    def change(self, address: str, attributes: dict[str, Any], **headers: str) -> httpx.Response:
        return self.patch(self.url(address), json={"attributes": attributes}, headers=headers)

    def rename(self, address: str, key: str) -> httpx.Response:
        return self.patch(self.url(address), json={"key": key})

    def remove(self, address: str, **headers: str) -> httpx.Response:
        return self.delete(self.url(address), headers=headers)

    def batch(self, *operations: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
        answer = self.post("/v1/batch", json={"operations": list(operations)}, headers=headers)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    def addresses(self, kind: str) -> list[str]:
        return [f"{kind}/{i['key']}" for i in self.get(f"/v1/{self.kinds[kind].api}?limit=1000").json()["items"]]

    def events(self, **query: str) -> list[dict[str, Any]]:
        return list(self.get("/v1/audit-events", params=query).json()["items"])

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is stored of the company, table by table."""
        kept = (tables.resources, tables.links, tables.totals, tables.audit_events, tables.idempotency_keys)
        with self.store.reading() as connection:
            return {
                t.name: sorted(tuple(map(str, row)) for row in connection.execute(sa.select(t).where(t.c.company == self.company)))
                for t in kept
            }

    def check_consistent(self) -> None:
        """Links and totals are what the resources say."""
        dump = self.dump()
        shapes = Shapes(self.kinds)
        resources: dict[str, dict[str, Any]] = {f"{kind}/{key}": decode(text) for _, kind, key, _, _, text, *_ in dump["resources"]}
        links = {(k.target, a, k.path, k.rule) for a, attributes in resources.items() for k in shapes.address(a).links(a, attributes)}  # type: ignore[arg-type]
        assert {tuple(row[1:]) for row in dump["resource_links"]} == links
        counted = {kind: n for _, kind, n in dump["resource_totals"] if n != "0"}
        kinds = [a.partition("/")[0] for a in resources]
        assert counted == {kind: str(kinds.count(kind)) for kind in set(kinds)}


NEEDED: dict[str, dict[str, Any]] = {
    "company": {"name": "Acme", "primary_domain": "acme.com"},
    "role": {"scope": "workspace"},
    "feature": {"type": "boolean", "default": False},
    "feature_value": {"value": True},
    "integration": {"status": "allowed"},
    "auto_top_up": {"threshold": 50, "amount": 200},
    "monthly_recharge": {"amount": 10, "day": 1},
    "message_template": {"body": "Hello"},
    "shift": {"timezone": "Europe/Berlin", "times": {"mon": {"start": "08:00", "end": "16:00"}}},
    "ad_account": {"platform": "meta", "external_id": "1"},
}


@pytest.fixture(scope="session")
def kinds() -> Kinds:
    return load_kinds()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Store]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except PostgresMissing as e:
            pytest.skip(str(e))
        store = Store(server.database("directory"))
        stack.callback(store.close)
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres")
        return
    store = Store(tmp_path / "acme.db")
    yield store
    store.close()


@pytest.fixture
def api(store: Store, kinds: Kinds) -> Iterator[Api]:
    with Api(store, kinds, f"company-{next(COMPANIES)}") as api:
        yield api
        api.check_consistent()
