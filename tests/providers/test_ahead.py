"""Several reads at a time: as many calls, the same results in the same order, and only where the network is slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from orgform.errors import ReadFailed
from orgform.kinds import Kinds
from orgform.providers.base import Provider
from orgform.providers.http import InProcessTransport, Session
from orgform.providers.orgform import remote
from orgform.providers.orgform.ahead import in_order
from orgform.providers.orgform.client import SLOW, AdminApi
from orgform.server import Store, create_app


class Far(httpx.BaseTransport):
    """The application, further away. `most`: requests that were under way at a time; `broken`: collections that answer with 500."""

    def __init__(self, near: httpx.BaseTransport, seconds: float, *broken: str) -> None:
        self.near, self.seconds, self.broken = near, seconds, broken
        self.paths: list[str] = []
        self.most = self._under_way = 0
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.paths.append(request.url.path)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        time.sleep(self.seconds)
        found = self.near.handle_request(request)
        with self._lock:
            self._under_way -= 1
        return httpx.Response(500) if request.url.path.removeprefix("/v1/") in self.broken else found


@pytest.fixture
def near(tmp_path: Path, kinds: Kinds) -> Iterator[InProcessTransport]:
    with closing(Store(tmp_path / "acme.db")) as store:
        transport = InProcessTransport(create_app(store, kinds, inline=True))
        with httpx.Client(transport=transport, base_url="http://test") as client:
            for name in ("design", "support"):
                client.post("/v1/workspaces", json={"key": name, "attributes": {"name": name}})
        yield transport


def behind(transport: Far, kinds: Kinds) -> Provider:
    return AdminApi(Session("http://test", transport=transport), kinds, remote.capabilities, "test")


def test_over_a_slow_network_several_kinds_are_read_at_once(near: InProcessTransport, kinds: Kinds) -> None:
    slow, quick = Far(near, SLOW), Far(near, 0)
    found, expected = (list(behind(transport, kinds).read(sorted(kinds))) for transport in (slow, quick))
    assert found == expected
    assert [r.kind for r in found] == sorted(kinds)
    assert sorted(slow.paths) == sorted(quick.paths)
    assert slow.most > 1
    assert quick.most == 1


def test_what_cannot_be_read_is_told_of_the_right_kind(near: InProcessTransport, kinds: Kinds) -> None:
    far = Far(near, SLOW, kinds["member"].api, kinds["workspace"].api)
    found = {r.kind: r for r in behind(far, kinds).read(sorted(kinds))}
    assert {kind for kind, result in found.items() if not result.complete} == {"member", "workspace"}
    assert all("500" in found[kind].problem for kind in ("member", "workspace"))


def test_a_system_that_cannot_be_read_at_all_is_asked_once(near: InProcessTransport, kinds: Kinds) -> None:
    first = sorted(kinds)[0]
    far = Far(near, SLOW, kinds[first].api)
    with pytest.raises(ReadFailed):
        list(behind(far, kinds).read(sorted(kinds)))
    assert far.paths == [f"/v1/{kinds[first].api}"]


def test_results_come_in_order_and_an_error_at_its_turn() -> None:
    later = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert later.wait(60)
        if number == 3:
            raise ValueError("three")
        if number == 2:
            later.set()
        return number

    given: list[int] = []
    with pytest.raises(ValueError, match="three"):
        for number in in_order(work, range(9), threads=3):
            given.append(number)
    assert given == [0, 1, 2]


def test_who_stops_asking_leaves_nobody_who_begins_anything_new() -> None:
    begun: list[int] = []
    going_on = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number:
            assert going_on.wait(60)
        return number

    results = in_order(work, range(50), threads=2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # it is a generator
    going_on.set()
    for thread in [t for t in threading.enumerate() if t.name == "orgform-read"]:
        thread.join(60)
    assert len(begun) <= 3
    assert list(in_order(work, [], threads=2)) == []
