"""Both ways to the admin API keep the provider contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform.kinds import Kinds
from orgform.model import Address
from orgform.providers.base import Operation, Provider
from orgform.providers.http import InProcessTransport, Session
from orgform.providers.orgform import local
from orgform.providers.orgform.client import AdminApi
from orgform.server import Store, create_app
from orgform.testing import contract
from orgform.testing.contract import Sample, Subject
from orgform.testing.faults import Rule, fault_proxy
from orgform.testing.server import RunningServer

SAMPLES = (
    Sample(
        Address("workspace/contract"),
        {"name": "Contract", "region": "us", "labels": {"brand": "x", "tier": "a"}, "settings": {"retention_days": 365}},
        {"name": "Changed", "labels": {"tier": None, "owner": "y"}, "settings": {"thresholds": {"risk_score": 70}}},
        {"name": "Changed", "labels": {"brand": "x", "owner": "y"}, "settings": {"retention_days": 365, "thresholds": {"risk_score": 70}}},
        Address("workspace/contract-renamed"),
    ),
    Sample(Address("member/contract@acme.com"), {"name": "Con Tract", "role": "standard"}, {"name": "C"}, {"name": "C"}),
    Sample(Address("membership/contract/contract@acme.com"), {"role": "viewer"}, {"role": "admin"}, {"role": "admin"}),
    Sample(Address("group/contract"), {"members": ["contract@acme.com"]}, {"members": []}, {"members": []}),
)


class Losing(httpx.BaseTransport):
    """Cuts the connection for every list answer after the first `after`."""

    def __init__(self, inner: httpx.BaseTransport, after: int) -> None:
        self._inner = inner
        self._left = after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            self._left -= 1
            if self._left < 0:
                raise httpx.ReadError("cut off")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def subject(
    kinds: Kinds,
    opened: Callable[[], Provider],
    losing: Callable[[int], AbstractContextManager[Provider]],
    behind: Callable[[Sequence[Rule]], AbstractContextManager[Provider]] | None = None,
) -> Subject:
    return Subject(
        open=lambda: closing(opened()),
        kinds=kinds,
        samples=SAMPLES,
        many=lambda n: Sample(Address(f"member/person{n}@crowd.example.com"), {"role": "standard"}),
        losing=losing,
        refused=Operation("create", Address("membership/nowhere/nobody@acme.com"), {"role": "member"}, key="refused"),
        repeats=True,
        behind=behind,
    )


def behind(server: RunningServer, open_remote: Callable[..., Provider], **options: Any) -> Any:
    """Opens the server behind a fault proxy."""

    @contextmanager
    def opened(rules: Sequence[Rule]) -> Iterator[Provider]:
        with fault_proxy(server.url, rules) as proxy, closing(open_remote(url=proxy.url, **options)) as provider:
            yield provider

    return opened


@pytest.fixture(params=["local", "orgform"])
def checked(request: pytest.FixtureRequest, kinds: Kinds, tmp_path: Path) -> Subject:
    if request.param == "local":
        store = Store(tmp_path / "acme.db")

        @contextmanager
        def losing(after: int) -> Iterator[Provider]:
            transport = Losing(InProcessTransport(create_app(store, kinds, inline=True)), after)
            with closing(
                AdminApi(Session("http://local", transport=transport, max_wait=0), kinds, local.capabilities, "losing")
            ) as provider:
                yield provider
            store.close()

        return subject(kinds, request.getfixturevalue("open_local"), losing)

    server: RunningServer = request.getfixturevalue("served")

    @contextmanager
    def losing_remotely(after: int) -> Iterator[Provider]:
        session = Session(server.url, transport=Losing(httpx.HTTPTransport(), after), max_wait=0)
        with closing(AdminApi(session, kinds, local.capabilities, "losing")) as provider:
            yield provider

    open_remote = request.getfixturevalue("open_remote")
    return subject(kinds, open_remote, losing_remotely, behind(server, open_remote))


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], checked: Subject) -> None:
    check(checked)


@pytest.mark.parametrize(
    "check", [c for c in contract.CHECKS if c not in (contract.reads_every_page, contract.is_never_complete_without_a_page)]
)
def test_one_call_for_each_write(
    check: Callable[[Subject], None], kinds: Kinds, served: RunningServer, open_remote: Callable[..., Provider]
) -> None:
    """`batch: 1` goes by each resource's own route, and means the same. What is about reading is checked above."""

    def losing(after: int) -> AbstractContextManager[Provider]:
        raise NotImplementedError

    check(subject(kinds, lambda: open_remote(batch=1), losing, behind(served, open_remote, batch=1)))
