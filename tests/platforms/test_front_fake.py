"""The fake is as Front is, also where orgform never goes: whoever tests with it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from orgform.testing.fakes.front import TOKEN, Front
from tests.platforms.front_company import checked, company


@pytest.fixture
def fake() -> Iterator[Front]:
    with checked(company()) as running:
        yield running


def ask(fake: Front, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = httpx.request(method, fake.url + path, json=body, headers={"authorization": f"Bearer {TOKEN}"})
    return answer.status_code, answer.json() if answer.content else None


def test_a_tag_without_a_workspace_lands_in_the_oldest(fake: Front) -> None:
    status, tag = ask(fake, "POST", "/tags", {"name": "Anywhere"})
    assert (status, tag["name"]) == (201, "Anywhere")
    assert fake.rows[tag["id"]]["team"] == fake.of("tim")[0]["id"]


def test_a_folder_goes_with_all_that_is_in_it(fake: Front) -> None:
    team, top = fake.of("tim")[0]["id"], fake.of("rsf")[0]["id"]
    below = fake.add_folder(team, "EU", top)
    fake.add_template(team, "Deep", "x", None, below)
    other = fake.add_template(team, "Top", "x")
    assert ask(fake, "DELETE", f"/message_template_folders/{top}") == (202, {"status": "accepted", "message_template_folder_id": top})
    assert [r["id"] for r in fake.of("rsp")] == [other]
    assert fake.of("rsf") == []


def test_custom_fields_are_replaced_whole(fake: Front) -> None:
    assert ask(fake, "PATCH", "/teammates/alt:email:bob@acme.example", {"custom_fields": {"Phone": "1"}}) == (204, None)
    assert ask(fake, "GET", "/teammates/alt:email:bob@acme.example")[1]["custom_fields"] == {"Phone": "1"}


def test_what_is_deleted_is_gone(fake: Front) -> None:
    for prefix, place in (("rsp", "message_templates"), ("tag", "tags"), ("cir", "teammate_groups")):
        id = fake.of(prefix)[0]["id"]
        assert ask(fake, "DELETE", f"/{place}/{id}") == (204, None)
        assert ask(fake, "GET", f"/{place}/{id}")[0] == 404


def test_a_shift_takes_people_of_its_workspace(fake: Front) -> None:
    shift = fake.of("shf")[0]["id"]
    alice, carol = fake.of("tea")[0]["id"], fake.of("tea")[2]["id"]
    assert ask(fake, "POST", f"/shifts/{shift}/teammates", {"teammate_ids": [alice]}) == (204, None)
    status, error = ask(fake, "POST", f"/shifts/{shift}/teammates", {"teammate_ids": [carol]})
    assert (status, error["_error"]["status"]) == (400, 400)


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("GET", "/teams/{tim}/tags?limit=100000", None, "limit"),
        ("GET", "/nothing", None, "Unknown endpoint"),
        ("PATCH", "/teams/{tim}", {"name": "x"}, "Unknown endpoint"),
        ("DELETE", "/shifts/{shf}", None, "Unknown endpoint"),
    ],
)
def test_what_front_refuses_is_refused(method: str, path: str, body: Any, said: str) -> None:
    with company().running() as fake:
        status, error = ask(fake, method, path.format(tim=fake.of("tim")[0]["id"], shf=fake.of("shf")[0]["id"]), body)
    assert status in (400, 404)
    assert said in error["_error"]["message"]


@pytest.mark.parametrize(("body", "said"), [({"description": "x"}, "name: is required"), ({"name": "x" * 65}, "at most 64")])
def test_a_tag_that_is_not_right_is_refused(body: Any, said: str) -> None:
    with company().running() as fake:
        status, error = ask(fake, "POST", f"/teams/{fake.of('tim')[0]['id']}/tags", body)
    assert (status, said in error["_error"]["message"]) == (400, True)


def test_a_field_that_front_does_not_know_is_refused() -> None:
    with company().running() as fake:
        status, error = ask(fake, "PATCH", f"/tags/{fake.of('tag')[0]['id']}", {"color": "red"})
    assert (status, error["_error"]["message"]) == (400, "color: is not allowed")


def test_a_group_of_scim_takes_no_change() -> None:
    with company().running() as fake:
        status, error = ask(fake, "DELETE", f"/teammate_groups/{fake.of('cir')[1]['id']}")
    assert (status, "managed by SCIM" in error["_error"]["message"]) == (400, True)
