"""Lists come in pages by key: nothing twice, nothing left out, whatever is written meanwhile; and the audit log, newest first."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from orgform.kinds import Kinds
from orgform.server import Store
from tests.server.conftest import Api


def people(api: Api, *numbers: int) -> None:
    make = [{"method": "create", "collection": "members", "key": f"p{n:04}@acme.com"} for n in numbers]
    for at in range(0, len(make), 1000):
        assert {r["status"] for r in api.batch(*make[at : at + 1000])} == {201}


def pages(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    found = [api.get(path, params=query).json()]
    while found[-1]["next"]:
        found.append(api.get(path, params={**query, "cursor": found[-1]["next"]}).json())
    return found


@pytest.mark.parametrize("limit", [1, 3, 10, 11, 1000])
def test_every_page_size_gives_the_same(api: Api, limit: int) -> None:
    people(api, *range(10))
    found = pages(api, "/v1/members", limit=limit)
    keys = [i["key"] for page in found for i in page["items"]]
    assert keys == [f"p{n:04}@acme.com" for n in range(10)]
    assert {page["total"] for page in found} == {10}
    assert len(found) == -(-10 // limit)


def test_a_thousand_and_one(api: Api) -> None:
    people(api, *range(1001))
    found = pages(api, "/v1/members", limit=1000)
    assert [len(page["items"]) for page in found] == [1000, 1]
    assert len(api.get("/v1/members").json()["items"]) == 100, "without a limit"


def test_keys_are_ordered_by_their_code_points(api: Api) -> None:
    """The same on every database, whatever its locale."""
    api.have("workspace/ws")
    names = ["Z", "a", "B", "ä", "é", "z", "_", "-", "10", "9", "ﬀ", "𝒳", "a b"]
    api.have(*(f"tag/ws/{n}" for n in names))
    keys = [i["key"] for page in pages(api, "/v1/tags", limit=2) for i in page["items"]]
    assert keys == sorted(f"ws/{n}" for n in names)


def test_pages_while_others_write(api: Api) -> None:
    people(api, *range(0, 20, 2))
    first = api.get("/v1/members?limit=5").json()
    people(api, 1, 19)
    api.remove("member/p0008@acme.com")
    api.remove("member/p0010@acme.com")
    second = api.get("/v1/members", params={"limit": 10, "cursor": first["next"]}).json()
    assert [i["key"] for i in second["items"]] == [f"p{n:04}@acme.com" for n in (12, 14, 16, 18, 19)], "the cursor's own row may be gone"
    assert second["next"] is None
    assert second["total"] == 10


def test_a_page_and_its_total_are_of_one_moment(api: Api, store: Store, kinds: Kinds) -> None:
    """A reader sees a batch whole or not at all."""
    stop = threading.Event()

    def write() -> None:
        with Api(store, kinds, api.company) as writer:
            while not stop.is_set():
                people(writer, *range(30))
                writer.batch(*({"method": "delete", "collection": "members", "key": f"p{n:04}@acme.com"} for n in range(30)))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = set()
        for _ in range(150):
            page = api.get("/v1/members?limit=1000").json()
            assert len(page["items"]) == page["total"]
            seen.add(page["total"])
        assert seen <= {0, 30}
    finally:
        stop.set()
        thread.join()


def test_the_audit_log_says_who_what_and_through_what(api: Api) -> None:
    api.have("workspace/ws")
    api.change("workspace/ws", {"name": "W"})
    api.remove("workspace/ws")
    events = api.events()
    assert [(e["action"], e["address"], e["before"], e["after"]) for e in events] == [
        ("delete", "workspace/ws", {"name": "W"}, None),
        ("update", "workspace/ws", {}, {"name": "W"}),
        ("create", "workspace/ws", None, {}),
    ]
    assert {(e["actor"], e["client"]) for e in events} == {("dana@acme.com", "web console")}
    assert sorted((e["id"] for e in events), reverse=True) == [e["id"] for e in events]
    assert all(e["time"].endswith("Z") and len(e["time"]) == 24 for e in events)


def test_the_audit_log_is_filtered_and_paged(api: Api, store: Store, kinds: Kinds) -> None:
    api.have("workspace/ws", "workspace/other")
    for n in range(5):
        api.change("workspace/ws", {"name": str(n)})
    with Api(store, kinds, api.company, actor="eve@acme.com") as eve:
        eve.change("workspace/ws", {"name": "eve"})
    assert [e["address"] for e in api.events(address="workspace/other")] == ["workspace/other"]
    assert [e["after"] for e in api.events(actor="eve@acme.com")] == [{"name": "eve"}]
    found = pages(api, "/v1/audit-events", limit=3, address="workspace/ws")
    assert [len(page["items"]) for page in found] == [3, 3, 1]
    assert [e for page in found for e in page["items"]] == api.events(address="workspace/ws")
    newest, *_, oldest = api.events()
    assert len(api.events(since=newest["time"])) >= 1
    assert api.events(since="2999-01-01") == []
    assert api.events(since=oldest["time"]) == api.events()
    assert api.events(since="1999-01-01T00:00:00+02:00") == api.events()
    cursor = found[0]["next"]
    assert api.get("/v1/audit-events", params={"cursor": cursor}).json()["code"] == "cursor", "it belongs to the filtered list"


def test_events_of_what_is_refused_are_not_there(api: Api) -> None:
    api.have("workspace/ws")
    api.make("workspace/ws")
    api.batch({"method": "delete", "collection": "workspaces", "key": "other"}, {"method": "create", "collection": "x"})
    assert len(api.events()) == 1
