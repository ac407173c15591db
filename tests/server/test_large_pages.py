"""A page ends where it grows very large, and goes on at its cursor: nothing is left out, nothing comes twice."""

from __future__ import annotations

import pytest

from orgform.server import answers, store
from tests.server.conftest import Api
from tests.server.test_pages import pages


@pytest.mark.parametrize("most", [1, 900, 2000, 10**6])
def test_every_size_gives_the_same(api: Api, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    api.have(*(f"workspace/w{n:02}" for n in range(12)), description="d" * 300)
    monkeypatch.setattr(store, "LARGEST_ANSWER", most)
    monkeypatch.setattr(answers, "LARGEST_ANSWER", most)
    found = pages(api, "/v1/workspaces", limit=1000)
    assert [i["key"] for page in found for i in page["items"]] == [f"w{n:02}" for n in range(12)]
    assert {page["total"] for page in found} == {12}
    assert len(found) == {1: 12, 900: 12, 2000: 3, 10**6: 1}[most]
    events = pages(api, "/v1/audit-events", limit=1000)
    assert [e["address"] for page in events for e in page["items"]] == [f"workspace/w{n:02}" for n in reversed(range(12))]
    assert all(page["items"] for page in events)
    assert (len(events) == 1) is (most == 10**6)
