"""Every change is written down: who, when, through what, before and after; and found again however the resource was named."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.server import Store, tables
from orgform.server.shape import Shapes
from tests.server.conftest import Api

EVENTS = "/v1/audit-events"


def at(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def date_events(api: Api, *times: str) -> None:
    """Sets the times of the company's events, oldest first."""
    events = tables.audit_events
    with api.store.writing(api.company) as connection:
        ids = connection.execute(sa.select(events.c.id).where(events.c.company == api.company).order_by(events.c.id)).scalars().all()
        assert len(ids) == len(times)
        for id, time in zip(ids, times, strict=True):
            connection.execute(sa.update(events).where(events.c.id == id).values(time=time))


def actions(api: Api, **query: str) -> list[tuple[str, str]]:
    """Oldest first."""
    return [(e["action"], e["address"]) for e in reversed(api.events(**query))]


def test_an_event_says_who_when_through_what_and_what_was(store: Store, kinds: Kinds, api: Api) -> None:
    with Api(store, kinds, api.company, actor="eve@acme.com", token="abcdefghijkl") as eve:
        before = datetime.now(UTC) - timedelta(milliseconds=1)
        eve.have("workspace/ws")
        eve.change("workspace/ws", {"name": "W"})
        eve.remove("workspace/ws")
        deleted, updated, created = eve.events()
    assert before <= datetime.fromisoformat(created["time"]) <= datetime.now(UTC)
    assert created | {"id": 0, "time": ""} == {
        "id": 0,
        "time": "",
        "actor": "eve@acme.com",
        "token": "abcdefghijkl",
        "client": "web console",
        "action": "create",
        "address": "workspace/ws",
        "before": None,
        "after": {},
    }
    assert (updated["action"], updated["before"], updated["after"]) == ("update", {}, {"name": "W"})
    assert (deleted["action"], deleted["before"], deleted["after"]) == ("delete", {"name": "W"}, None)
    assert created["id"] < updated["id"] < deleted["id"]


def test_where_no_token_was_needed_there_is_none(api: Api) -> None:
    api.have("workspace/ws")
    assert api.events()[0]["token"] is None


def test_what_changed_nothing_or_was_refused_is_no_event(api: Api) -> None:
    api.have("workspace/ws", name="W")
    api.change("workspace/ws", {"name": "W"})
    api.change("workspace/ws", {"name": 5})
    api.rename("workspace/ws", "ws")
    api.make("workspace/ws")
    api.remove("workspace/other")
    assert actions(api) == [("create", "workspace/ws")]


def test_events_stay_when_the_resource_is_gone_and_when_it_is_made_again(api: Api) -> None:
    for name in ("first", "second"):
        api.have("workspace/ws", name=name)
        api.remove("workspace/ws")
    assert [(e["action"], e["before"], e["after"]) for e in reversed(api.events(address="workspace/ws"))] == [
        ("create", None, {"name": "first"}),
        ("delete", {"name": "first"}, None),
        ("create", None, {"name": "second"}),
        ("delete", {"name": "second"}, None),
    ]


def test_what_goes_with_another_has_events_of_its_own(api: Api) -> None:
    api.have("workspace/ws", "member/a@acme.com", "membership/ws/a@acme.com", "tag/ws/t")
    api.remove("workspace/ws")
    gone = {e["address"]: e["before"] for e in api.events() if e["action"] == "delete"}
    assert gone == {"workspace/ws": {}, "membership/ws/a@acme.com": {"role": "member"}, "tag/ws/t": {}}


def test_what_follows_a_rename_has_events_of_its_own(api: Api) -> None:
    api.have("member/a@acme.com", "workspace/ws", "membership/ws/a@acme.com")
    api.have("group/g", members=["a@acme.com"])
    count = len(api.events())
    api.rename("member/a@acme.com", "b@acme.com")
    events = {e["address"]: e for e in api.events()[:-count]}
    assert {a: e["action"] for a, e in events.items()} == {
        "member/b@acme.com": "rename",
        "membership/ws/b@acme.com": "rename",
        "group/g": "update",
    }
    assert events["group/g"]["before"]["members"] == ["a@acme.com"]
    assert events["group/g"]["after"]["members"] == ["b@acme.com"]
    assert events["membership/ws/b@acme.com"]["before"] == {"address": "membership/ws/a@acme.com"}
    assert events["membership/ws/b@acme.com"]["after"] == {"address": "membership/ws/b@acme.com"}


def test_a_rename_is_found_by_both_addresses(api: Api) -> None:
    """Who asks for the old address sees where the resource went, and who has that address now; who asks for the new one, from where."""
    api.have("workspace/old")
    api.rename("workspace/old", "new")
    api.change("workspace/new", {"name": "N"})
    api.have("workspace/old")
    rename = ("rename", "workspace/new")
    assert actions(api, address="workspace/old") == [("create", "workspace/old"), rename, ("create", "workspace/old")]
    assert actions(api, address="workspace/new") == [rename, ("update", "workspace/new")]
    assert len(api.events()) == 4, "one change, one event"


def test_what_the_platform_observes_is_a_change_too(api: Api, store: Store) -> None:
    api.have("member/a@acme.com")
    store.observe("member/a@acme.com", {"status": "suspended"}, company=api.company)
    store.observe("member/a@acme.com", {"status": "suspended"}, company=api.company)
    observed, _ = api.events()
    assert (observed["action"], observed["actor"], observed["token"]) == ("observe", "platform", None)
    assert (observed["before"], observed["after"]) == ({"status": "active"}, {"status": "suspended"})


def test_the_log_tells_the_directory(api: Api) -> None:
    """Whoever follows the events from the first one on has what is stored."""
    api.have("workspace/a", "workspace/b", "member/m@acme.com", "member/n@acme.com", "membership/a/m@acme.com", "role/r", "feature/f")
    api.have("membership/b/n@acme.com", role="r")
    api.have("feature_value/a/f", "feature_value/b/f")
    api.have("group/g", members=["m@acme.com", "n@acme.com"])
    api.rename("role/r", "s")
    api.rename("workspace/a", "c")
    api.change("group/g", {"members": ["n@acme.com"]})
    api.remove("member/m@acme.com")
    api.rename("member/n@acme.com", "o@acme.com")
    api.remove("feature/f")
    told: dict[str, Any] = {}
    for event in reversed(api.events(limit="1000")):
        if event["action"] == "rename":
            told[event["after"]["address"]] = told.pop(event["before"]["address"])
        elif event["action"] == "delete":
            assert told.pop(event["address"]) == event["before"]
        else:
            assert told.get(event["address"]) == event["before"]
            told[event["address"]] = event["after"]
    stored = [a for kind in Shapes(api.kinds).of for a in api.addresses(kind)]
    assert told == {a: api.attributes(a) for a in stored}


# Finding


def test_an_address_is_found_however_it_is_written(api: Api) -> None:
    api.have("member/dana@acme.com")
    assert actions(api, address="member/Dana@ACME.com") == [("create", "member/dana@acme.com")]
    assert actions(api, address="spaceship/one") == [], "there may have been such a kind"
    assert actions(api, address="member/nobody") == []
    answer = api.get(EVENTS, params={"address": "dana@acme.com"})
    assert (answer.status_code, answer.json()["code"]) == (400, "address")
    assert "member/dana@acme.com" in answer.json()["detail"]


def test_filters_join(store: Store, kinds: Kinds, api: Api) -> None:
    with (
        Api(store, kinds, api.company, actor="eve@acme.com", token="eveseveseves") as eve,
        Api(store, kinds, api.company, actor="eve@acme.com", token="otherotherot") as other,
        Api(store, kinds, api.company + "-next", actor="eve@acme.com", token="eveseveseves") as stranger,
    ):
        api.have("workspace/a")
        eve.have("workspace/b")
        other.change("workspace/b", {"name": "B"})
        stranger.have("workspace/b")
        assert actions(api, actor="eve@acme.com") == [("create", "workspace/b"), ("update", "workspace/b")]
        assert actions(api, token="eveseveseves") == [("create", "workspace/b")]
        assert actions(api, actor="eve@acme.com", token="otherotherot", address="workspace/b") == [("update", "workspace/b")]
        assert actions(api, actor="dana@acme.com", token="eveseveseves") == []
        assert actions(api, actor="nobody") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"since": "2026-01-02"}, "bcd"),
        ({"since": "2026-01-02T00:00:00.000Z"}, "bcd"),
        ({"since": "2026-01-02T00:00:00.001Z"}, "cd"),
        ({"until": "2026-01-02"}, "a"),
        ({"until": "2026-01-02T00:00:00.001Z"}, "ab"),
        ({"since": "2026-01-02T01:00:00+01:00", "until": "2026-01-03T12:00:00"}, "b"),
        ({"since": "2026-01-02", "until": "2026-01-02"}, ""),
        ({"since": "0001-01-02"}, "abcd"),
        ({"until": "9999-12-30"}, "abcd"),
        ({"since": "20260104"}, "d"),
    ],
)
def test_since_is_included_and_until_is_not(api: Api, query: dict[str, str], found: str) -> None:
    api.have(*(f"workspace/{name}" for name in "abcd"))
    date_events(api, *(f"2026-01-0{n}T{hour}:00:00.000Z" for n, hour in ((1, 23), (2, "00"), (3, 12), (4, "00"))))
    assert "".join(e["address"][-1] for e in reversed(api.events(**query))) == found


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-01-01T25:00", "1767225600", "0001-01-01T00:00:00+14:00", "٢٠٢٦-01-01"]
)
def test_a_bad_time_is_a_sentence(api: Api, name: str, text: str) -> None:
    answer = api.get(EVENTS, params={name: text})
    assert (answer.status_code, answer.json()["code"]) == (400, name)
    assert f"{name} is a day or a moment in ISO 8601" in answer.json()["detail"]


def test_a_plus_that_a_url_lost_is_explained(api: Api) -> None:
    answer = api.get(EVENTS + "?since=2026-01-01T00:00:00+01:00")
    assert answer.status_code == 400
    assert "%2B" in answer.json()["detail"]


def test_a_time_that_ends_before_it_begins_is_a_mistake(api: Api) -> None:
    answer = api.get(EVENTS, params={"since": "2026-01-02", "until": "2026-01-01"})
    assert (answer.status_code, answer.json()["code"]) == (400, "since")
    assert "2026-01-02T00:00:00.000Z) is after until (2026-01-01T00:00:00.000Z)" in answer.json()["detail"]


# Pages


def test_pages_hold_every_event_once_while_others_are_written(api: Api) -> None:
    api.have(*(f"workspace/w{n}" for n in range(7)))
    ids, cursor = [], None
    while True:
        page = api.get(EVENTS, params={"limit": "3"} | ({"cursor": cursor} if cursor else {})).json()
        ids += [e["id"] for e in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        api.have(f"workspace/later{len(ids)}")
    assert len(ids) == 7
    assert all(newer > older for newer, older in pairwise(ids))


def test_a_page_that_is_just_full_is_the_last(api: Api) -> None:
    api.have("workspace/a", "workspace/b")
    assert api.get(EVENTS, params={"limit": "2"}).json()["next"] is None
    assert api.get(EVENTS, params={"limit": "1"}).json()["next"] is not None


def test_a_cursor_is_good_for_its_own_filters_only(api: Api) -> None:
    api.have("member/a@acme.com", "workspace/b")
    api.change("member/a@acme.com", {"name": "A"})
    mine = {"actor": "dana@acme.com", "address": "member/a@acme.com", "since": "2026-01-01"}
    cursor = api.get(EVENTS, params={**mine, "limit": "1"}).json()["next"]
    same = {"actor": "dana@acme.com", "address": "member/A@acme.com", "since": "2026-01-01T00:00:00Z", "limit": "5"}
    assert [e["action"] for e in api.get(EVENTS, params={**same, "cursor": cursor}).json()["items"]] == ["create"]
    others: list[dict[str, str]] = [
        {},
        {"actor": "dana@acme.com"},
        {**mine, "address": "workspace/b"},
        {**mine, "actor": "eve"},
        {**mine, "since": "2026-01-02"},
        {**mine, "until": "2027-01-01"},
        {**mine, "token": "abc"},
    ]
    for other in others:
        answer = api.get(EVENTS, params={**other, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor"), other
    assert api.get("/v1/members", params={"cursor": cursor}).status_code == 400


def test_a_large_log_is_looked_up_by_its_indexes(tmp_path: Path, kinds: Kinds) -> None:
    """Who asks for one address does not wait until the whole log is read. PostgreSQL chooses by statistics, SQLite by rules."""
    asked: list[tuple[str, Any]] = []
    with closing(Store(tmp_path / "acme.db")) as store, Api(store, kinds, "acme") as api:
        api.have("workspace/ws")
        with store.reading() as connection:
            sa.event.listen(connection.engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        api.events(address="workspace/ws")
        (statement, values) = next(a for a in asked if "audit_events" in a[0])
        with store.reading() as connection:
            plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))
    assert "SCAN" not in plan
    assert "audit_events_by_address" in plan
    assert "audit_events_by_old_address" in plan
