"""What is peculiar to Front: each trap of its API, one test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

from orgform.codec import decode, encode
from orgform.errors import ReadFailed
from orgform.model import Address, Attributes, Live, kind_of
from orgform.providers.base import Operation, Provider, ReadResult, Result
from orgform.providers.front import spec
from orgform.providers.front.client import opened as opened_on
from orgform.providers.http import Session
from orgform.testing.fakes.front import Front
from orgform.testing.faults import Passes, Refused, Reset, Rule, Said, fault_proxy
from orgform.testing.platform import Call, Told
from tests.platforms.front_company import DOCUMENT, PAGING, checked, company, context, opened

KINDS = sorted(spec.capabilities.kinds or {})
READ = [kind for kind in KINDS if kind != "role"]


@pytest.fixture
def fake() -> Iterator[Front]:
    with checked(company()) as running:
        yield running


@pytest.fixture
def provider(fake: Front) -> Iterator[Provider]:
    with closing(opened(fake.url)) as one:
        yield one


def read(provider: Provider, kind: str) -> dict[Address, Live]:
    [result] = provider.read([kind])
    assert result.complete, result.problem
    return result.resources


def own(provider: Provider, address: str) -> Attributes:
    return read(provider, address.partition("/")[0])[Address(address)].attributes


def write(provider: Provider, action: Any, address: str, attributes: Attributes | None = None, **more: Any) -> Result:
    [result] = provider.write([Operation(action, Address(address), attributes or {}, **more)])
    return result


def done(result: Result) -> None:
    assert result.status == "done", result.detail


@contextmanager
def behind(fake: Front, rules: Sequence[Rule]) -> Iterator[Provider]:
    with fault_proxy(fake.url, rules, paging=PAGING) as proxy, closing(opened(proxy.url, max_wait=0.01)) as one:
        yield one


def sent(fake: Front, method: str) -> list[tuple[str, Any]]:
    return [(e.call.path, e.call.body) for e in fake.exchanges if e.call.method == method]


# People


def test_people_are_read_and_bots_are_not(provider: Provider) -> None:
    found = read(provider, "member")
    assert {a: (live.attributes, live.observed) for a, live in found.items()} == {
        "member/alice@acme.example": ({"name": "Alice Ng", "role": "admin"}, {"status": "active"}),
        "member/bob@acme.example": ({"name": "Bob Roy", "role": "standard"}, {"status": "active"}),
        "member/carol@acme.example": ({"name": "Mary Jane Diaz", "role": "standard"}, {"status": "suspended"}),
    }


@pytest.mark.parametrize(
    ("address", "name", "parts"),
    [
        ("bob", "Robert Roy", ("Robert", "Roy")),
        ("bob", "Bob van der Roy", ("Bob van der", "Roy")),
        ("bob", "Bob Smith Jones", ("Bob", "Smith Jones")),
        ("carol", "Mary Jane Parker", ("Mary Jane", "Parker")),
        ("bob", "Ann Lee Cole", ("Ann", "Lee Cole")),
        ("bob", "Cher", ("Cher", "")),
    ],
)
def test_a_name_is_parted_where_its_known_part_says(
    fake: Front, provider: Provider, address: str, name: str, parts: tuple[str, str]
) -> None:
    done(write(provider, "update", f"member/{address}@acme.example", {"name": name}))
    row = next(r for r in fake.of("tea") if r["email"] == f"{address}@acme.example")
    assert (row["first_name"], row["last_name"]) == parts
    assert own(provider, f"member/{address}@acme.example")["name"] == name


def test_a_change_of_a_name_leaves_custom_fields_alone(fake: Front, provider: Provider) -> None:
    done(write(provider, "update", "member/bob@acme.example", {"name": "Robert Roy"}))
    [(_, body)] = sent(fake, "PATCH")
    assert set(body) == {"first_name", "last_name"}
    assert fake.of("tea")[1]["custom_fields"] == {"Desk": "4.02"}


@pytest.mark.parametrize(
    ("attributes", "why"),
    [({"role": "admin"}, "nothing changes `role`"), ({"name": None}, "keeps a name")],
)
def test_what_the_api_does_not_change_of_a_teammate_is_refused(provider: Provider, attributes: Attributes, why: str) -> None:
    result = write(provider, "update", "member/bob@acme.example", attributes)
    assert (result.status, why in result.detail) == ("failed", True), result


# Who is where


def test_who_leaves_a_workspace_is_named_in_the_body(fake: Front, provider: Provider) -> None:
    assert set(read(provider, "membership")) == {
        "membership/operations/alice@acme.example",
        "membership/operations/bob@acme.example",
        "membership/brokering/alice@acme.example",
    }
    done(write(provider, "delete", "membership/operations/bob@acme.example"))
    team, bob = fake.of("tim")[0]["id"], fake.of("tea")[1]["id"]
    assert sent(fake, "DELETE") == [(f"/teams/{team}/teammates", {"teammate_ids": [bob]})]
    assert "membership/operations/bob@acme.example" not in read(provider, "membership")


def test_a_group_is_let_into_a_workspace(fake: Front, provider: Provider) -> None:
    there = "membership/brokering/group:night"
    done(write(provider, "create", there))
    assert there in read(provider, "membership")
    assert write(provider, "create", there).status == "stale"
    done(write(provider, "delete", there))
    assert there not in read(provider, "membership")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("membership/nowhere/bob@acme.example", "no workspace nowhere"),
        ("membership/operations/nobody@acme.example", "no teammate nobody@acme.example"),
        ("membership/operations/group:nothing", "no teammate group nothing"),
        ("membership/operations/group:directory", "managed by SCIM"),
        ("tag/nowhere/any", "no workspace nowhere"),
        ("workspace/new", "no API to create it"),
        ("member/new@acme.example", "no API to create it"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_sentence(fake: Front, provider: Provider, address: str, why: str) -> None:
    result = write(provider, "create", address)
    assert result.status == "failed"
    assert why in result.detail
    assert sent(fake, "POST") == []


@pytest.mark.parametrize("address", ["membership/nowhere/bob@acme.example", "tag/nowhere/any", "group/nothing"])
def test_what_is_not_there_is_gone_already(provider: Provider, address: str) -> None:
    assert write(provider, "delete", address) == Result("done", "was gone already")


@pytest.mark.parametrize(
    "address", ["workspace/operations", "member/bob@acme.example", "inbox/operations/support", "shift/operations/early"]
)
def test_what_only_people_can_delete_is_refused(fake: Front, provider: Provider, address: str) -> None:
    result = write(provider, "delete", address)
    assert (result.status, "no API to delete it" in result.detail) == ("failed", True)
    assert sent(fake, "DELETE") == []


def test_a_group_of_scim_is_read_and_never_written(fake: Front, provider: Provider) -> None:
    assert own(provider, "group/directory") == {"name": "Directory", "members": ["alice@acme.example"]}
    for action, attributes in (("update", {"members": []}), ("delete", {})):
        result = write(provider, action, "group/directory", attributes)
        assert (result.status, "managed by SCIM" in result.detail) == ("failed", True)
    assert not sent(fake, "PATCH") + sent(fake, "DELETE")


def test_a_group_that_is_half_made_is_unknown(fake: Front) -> None:
    """Its people are let in by a second call: when that is refused, something was done all the same."""
    with behind(fake, [Rule(Refused(400), "POST", "*/teammates")]) as provider:
        result = write(provider, "create", "group/contract", {"members": ["bob@acme.example"]})
    assert result.status == "unknown"
    assert [g["name"] for g in fake.of("cir")] == ["Night shift", "Directory", "contract"]


def test_a_group_loses_its_description_and_gets_people(provider: Provider) -> None:
    done(write(provider, "update", "group/night", {"description": "On call", "members": ["alice@acme.example", "bob@acme.example"]}))
    assert own(provider, "group/night")["description"] == "On call"
    done(write(provider, "update", "group/night", {"description": None, "members": ["alice@acme.example"]}))
    assert own(provider, "group/night") == {"name": "Night shift", "members": ["alice@acme.example"]}


# Names


def test_names_are_not_unique_and_two_of_one_never_become_one(fake: Front, provider: Provider) -> None:
    team = fake.of("tim")[0]["id"]
    fake.add_tag(team, "VIP")
    found = read(provider, "tag")
    assert len(found) == 3
    assert len({live.id for live in found.values()}) == 3
    result = write(provider, "create", "tag/operations/another", {"name": "vip"})
    assert (result.status, "one named 'VIP' already" in result.detail) == ("stale", True)
    assert write(provider, "create", "group/again", {"name": "Night  Shift"}).status == "stale"


@pytest.mark.parametrize("address", ["tag/operations/vip", "group/night"])
def test_a_rename_of_a_key_that_was_the_name_renames_it_there(fake: Front, provider: Provider, address: str) -> None:
    new = f"{address}-2"
    live = read(provider, address.partition("/")[0])[Address(address)]
    done(write(provider, "update", new, {}, id=live.id, etag=live.etag, moved_from=Address(address)))
    assert fake.rows[live.id]["name"] == ("vip-2" if "tag" in address else "Night shift")


def test_a_workspace_is_known_by_its_id_whatever_its_name(fake: Front) -> None:
    fake.of("tim")[0]["name"] = "Renamed by hand"
    with closing(opened(fake.url, workspaces={"operations": fake.of("tim")[0]["id"]})) as provider:
        assert own(provider, "workspace/operations") == {"name": "Renamed by hand"}


def test_a_name_that_fits_two_workspaces_is_not_guessed(fake: Front) -> None:
    fake.add_team("Contract Brokering")
    with closing(opened(fake.url, workspaces={"b": "contract brokering"})) as provider, pytest.raises(ReadFailed, match="2 workspaces"):
        read(provider, "workspace")


# Pages and hosts


class Wire(httpx.BaseTransport):
    """Carries what is asked of any host to the fake; `hosts`: those that were asked, each with whether it got the token."""

    def __init__(self, fake: Front) -> None:
        self.fake = fake
        self.hosts: list[tuple[str, bool]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append((request.url.host, "authorization" in request.headers))
        query = {name: request.url.params.get_list(name) for name in request.url.params}
        told = self.fake.answer(Call(request.method, request.url.path, {}, query, dict(request.headers), decode(request.read() or b"null")))
        content = b"" if told.body is None else encode(told.body)
        return httpx.Response(told.status, headers={"content-type": "application/json"}, content=content)


@pytest.mark.parametrize(
    ("links", "followed"),
    [
        ("https://acme.api.frontapp.com", True),
        ("https://api2.frontapp.com", True),
        ("https://api2.frontapp.com.evil.example", False),
        ("https://evilfrontapp.com", False),
        ("http://api2.frontapp.com", False),
    ],
)
def test_pages_are_followed_within_fronts_own_domain(links: str, followed: bool) -> None:
    fake = company()
    for n in range(150):
        fake.add_tag(fake.of("tim")[0]["id"], f"tag {n}")
    wire, fake.url = Wire(fake), links
    session = Session("https://api2.frontapp.com", token="fake-token", transport=wire, hosts=spec.hosts)
    with closing(opened_on(session, context("https://api2.frontapp.com"), spec.capabilities, "https://api2.frontapp.com")) as provider:
        [result] = provider.read(["tag"])
    assert result.complete is followed
    assert followed or "not followed" in result.problem
    assert len(result.resources) == (152 if followed else 0)
    assert {host for host, _ in wire.hosts} <= {"api2.frontapp.com", "acme.api.frontapp.com"}
    assert all(token for _, token in wire.hosts)


def test_all_pages_of_templates_are_read(fake: Front, provider: Provider) -> None:
    for n in range(60):
        fake.add_template(fake.of("tim")[0]["id"], f"Template {n}", "<p>x</p>")
    assert len(read(provider, "message_template")) == 61


@pytest.mark.parametrize("next_page", [None, "/teams?page_token=2"])
def test_an_empty_page_that_another_led_to_is_no_end(fake: Front, provider: Provider, next_page: str | None) -> None:
    team = {"id": "tim_1", "name": "One", "_links": {}}
    ends = (("/teams?page_token=1", [team]), (next_page, []))
    first, second = ({"_pagination": {"next": to}, "_results": rows, "_links": {}} for to, rows in ends)
    results = provider.read(["company", "workspace"])
    assert next(results).complete
    fake.next_answers(Told(200, first), Told(200, second))
    assert not next(results).complete


# Limits and refusals


def test_too_many_requests_wait_no_longer_than_allowed(fake: Front) -> None:
    fake.quota = 3
    with closing(opened(fake.url, max_wait=0.01)) as provider:
        assert all(r.complete for r in provider.read(READ))
    assert [e.told.status for e in fake.exchanges].count(429) == 1


def test_a_kind_that_the_token_may_not_read_says_which_scope_it_takes(fake: Front) -> None:
    with behind(fake, [Rule(Refused(403), "GET", "*/tags*")]) as provider:
        found: dict[str, ReadResult] = {r.kind: r for r in provider.read(["tag", "shift"])}
    assert not found["tag"].complete
    assert "tags:read" in found["tag"].problem
    assert found["shift"].complete


def test_a_token_that_is_not_good_is_told_on_opening(fake: Front) -> None:
    with pytest.raises(ReadFailed) as caught:
        opened(fake.url, token="another")
    assert "JSON Web Token error" in caught.value.message
    assert "API tokens" in caught.value.hint
    assert "another" not in caught.value.message + caught.value.hint


def test_two_companies_at_one_address_are_two_systems(fake: Front, provider: Provider) -> None:
    assert provider.system == f"{fake.url}#cmp_k30"


@pytest.mark.parametrize(("plan", "rate"), [("starter", 50), ("professional", 100), ("scale", 200), (None, 50)])
def test_the_plan_says_how_fast_it_goes(fake: Front, plan: str | None, rate: int) -> None:
    with closing(opened(fake.url, **({"plan": plan} if plan else {}))) as provider:
        assert provider.capabilities.requests_per_minute == rate


def test_a_system_that_does_not_answer_is_not_read(fake: Front) -> None:
    with behind(fake, [Rule(Passes(), path="/me"), Rule(Reset(acted=False))]) as provider, pytest.raises(ReadFailed, match="cannot read"):
        list(provider.read(["member", "tag"]))


# Writing without ETags and idempotency keys


@pytest.mark.parametrize("action", ["update", "delete"])
def test_what_was_changed_since_it_was_read_is_left_alone(fake: Front, provider: Provider, action: str) -> None:
    live = read(provider, "tag")[Address("tag/operations/vip")]
    fake.rows[live.id]["highlight"] = "blue"
    result = write(provider, action, "tag/operations/vip", {"color": "green"} if action == "update" else {}, id=live.id, etag=live.etag)
    assert result == Result("stale", "it was changed meanwhile")
    assert fake.rows[live.id]["highlight"] == "blue"


def test_a_create_whose_answer_is_lost_is_unknown_and_not_repeated(fake: Front) -> None:
    with behind(fake, [Rule(Reset(acted=True), "POST")]) as provider:
        assert write(provider, "create", "tag/operations/new", {}).status == "unknown"
        assert write(provider, "create", "tag/operations/new", {}).status == "stale"
    assert [t["name"] for t in fake.of("tag")].count("new") == 1


@pytest.mark.parametrize("status", [200, 202])
def test_another_success_than_the_endpoints_own_is_none(fake: Front, status: int) -> None:
    with behind(fake, [Rule(Said('{"id": "tag_b", "status": "ok"}', status=status), "[PD]*")]) as provider:
        assert write(provider, "update", "tag/operations/vip", {"color": "green"}).status == "unknown"
        assert write(provider, "create", "tag/operations/new", {}).status == "unknown"
        assert write(provider, "delete", "tag/operations/vip").status == "unknown"


def test_an_answer_about_another_thing_is_none(fake: Front, provider: Provider) -> None:
    live = read(provider, "tag")[Address("tag/operations/vip")]
    other = next(r for r in fake.of("tag") if r["name"] == "Later")
    with behind(fake, [Rule(Said(encode({**other, "_links": {}}).decode()), "GET", "/tags/*")]) as faulty:
        result = write(faulty, "delete", "tag/operations/vip", id=live.id)
    assert (result.status, "is about" in result.detail) == ("failed", True)


def test_what_goes_between_looking_and_deleting_is_gone_already(fake: Front) -> None:
    with behind(fake, [Rule(Refused(404, acted=True), "DELETE")]) as provider:
        assert write(provider, "delete", "tag/operations/vip") == Result("done", "was gone already")
    assert all(row["name"] != "VIP" for row in fake.of("tag"))


GOING = ["tag/operations/vip", "message_template/operations/welcome", "group/night", "membership/operations/bob@acme.example"]


@pytest.mark.parametrize("address", GOING)
@pytest.mark.parametrize("known", [True, False], ids=["by-id", "by-name"])
def test_a_404_that_is_not_about_it_makes_nothing_gone(fake: Front, address: str, known: bool) -> None:
    """A gateway that lost a route answers 404 as well: what Front's own list has is there, whoever says what."""
    ways = {"tag": "/tags/*", "message_template": "/message_templates/*", "group": "/teammate_groups/*", "membership": "/teams/*"}
    with closing(opened(fake.url)) as plain:
        id = read(plain, kind_of(address))[Address(address)].id if known else ""
    for method in ("GET", "DELETE") if known else ("DELETE",):  # what is not known by its id is looked for in the list
        with behind(fake, [Rule(Refused(404), method, ways[kind_of(address)])]) as provider:
            result = write(provider, "delete", address, id=id)
            assert (result.status, "gone already" in result.detail) == ("failed", False), method
    with closing(opened(fake.url)) as plain:
        assert Address(address) in read(plain, kind_of(address))


def test_lists_that_are_not_there_tell_nothing(fake: Front) -> None:
    with behind(fake, [Rule(Refused(404), "GET", "/teams")]) as provider:
        assert write(provider, "delete", "tag/operations/vip").status == "failed"
    with behind(fake, [Rule(Refused(404), "GET", "/teams/*/tags*"), Rule(Refused(404), "DELETE")]) as provider:
        [vip] = [row["id"] for row in fake.of("tag") if row["name"] == "VIP"]
        assert write(provider, "delete", "tag/operations/vip", id=vip).status == "failed"


def test_a_thing_whose_workspace_has_another_name_is_not_gone(fake: Front, provider: Provider) -> None:
    """Somebody renamed the workspace since it was read, so no workspace has that key: the tag lives on."""
    live = read(provider, "tag")[Address("tag/operations/vip")]
    next(row for row in fake.of("tim") if row["name"] == "Customer operations")["name"] = "Front desk"
    with closing(opened(fake.url)) as anew:
        result = write(anew, "delete", "tag/operations/vip", id=live.id)
    assert (result.status, result.detail) == ("failed", "Front says that it is not there, and has it in its lists")


def test_who_is_in_a_workspace_that_has_another_name_is_not_gone(fake: Front, provider: Provider) -> None:
    """The access stays, whatever its address is now."""
    address = "membership/operations/bob@acme.example"
    live = read(provider, "membership")[Address(address)]
    next(row for row in fake.of("tim") if row["name"] == "Customer operations")["name"] = "Front desk"
    with closing(opened(fake.url)) as anew:
        result = write(anew, "delete", address, id=live.id)
    assert (result.status, result.detail) == ("failed", "Front says that it is not there, and has it in its lists")


def test_what_went_with_its_workspace_is_gone(fake: Front, provider: Provider) -> None:
    address = "membership/operations/bob@acme.example"
    read(provider, "membership")
    gone = next(row["id"] for row in fake.of("tim") if row["name"] == "Customer operations")
    fake.rows.pop(gone)
    assert write(provider, "delete", address) == Result("done", "was gone already")


# Tags, inboxes, templates, shifts


def test_the_color_of_a_tag_can_be_another_one_and_not_none(provider: Provider) -> None:
    assert "take the color" in write(provider, "update", "tag/operations/vip", {"color": None}).detail
    done(write(provider, "update", "tag/operations/vip", {"color": "green", "name": "Very important"}))
    assert own(provider, "tag/operations/very-important") == {"name": "Very important", "description": "Answered first", "color": "green"}


def test_who_may_see_an_inbox_is_changed_one_by_one(fake: Front, provider: Provider) -> None:
    assert own(provider, "inbox/operations/support") == {"name": "Support", "public": True}
    done(write(provider, "update", "inbox/operations/complaints", {"members": ["bob@acme.example"]}))
    assert own(provider, "inbox/operations/complaints")["members"] == ["bob@acme.example"]
    assert {path.rpartition("/")[2] for path, _ in sent(fake, "POST") + sent(fake, "DELETE")} == {"teammates"}
    assert "no API to update it" in write(provider, "update", "inbox/operations/complaints", {"public": True}).detail


def test_an_inbox_is_made_public_unless_it_is_written_otherwise(fake: Front, provider: Provider) -> None:
    done(write(provider, "create", "inbox/brokering/Open", {}))
    done(write(provider, "create", "inbox/brokering/Closed", {"public": False, "members": ["alice@acme.example"]}))
    assert own(provider, "inbox/brokering/open") == {"name": "Open", "public": True}
    assert own(provider, "inbox/brokering/closed") == {"name": "Closed", "public": False, "members": ["alice@acme.example"]}


def test_an_individual_inbox_is_nobodys_business(fake: Front, provider: Provider) -> None:
    fake.rows[fake.add_inbox(fake.of("tim")[0]["id"], "Alice's own")]["is_private"] = True
    assert len(read(provider, "inbox")) == 2


def test_a_template_stays_in_its_folder(fake: Front, provider: Provider) -> None:
    """Front moves a template to the top when a change names no folder."""
    done(write(provider, "update", "message_template/operations/welcome", {"body": "<p>Hi</p>", "subject": None}))
    assert own(provider, "message_template/operations/welcome") == {"name": "Welcome", "body": "<p>Hi</p>", "folder": "Onboarding"}
    done(write(provider, "update", "message_template/operations/welcome", {"folder": None}))
    assert own(provider, "message_template/operations/welcome") == {"name": "Welcome", "body": "<p>Hi</p>"}


def test_folders_are_made_once_however_many_ask_for_them(fake: Front, provider: Provider) -> None:
    def make(n: int) -> Result:
        return write(provider, "create", f"message_template/operations/t{n}", {"body": "x", "folder": "Onboarding/EU/DE"})

    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(make, range(4)):
            done(result)
    assert [f["name"] for f in fake.of("rsf")] == ["Onboarding", "EU", "DE"]
    assert own(provider, "message_template/operations/t0")["folder"] == "Onboarding/EU/DE"


def test_a_folder_of_which_there_are_two_is_not_guessed(fake: Front, provider: Provider) -> None:
    fake.add_folder(fake.of("tim")[0]["id"], "Onboarding")
    result = write(provider, "create", "message_template/operations/t", {"body": "x", "folder": "Onboarding"})
    assert (result.status, "2 folders are named 'Onboarding'" in result.detail) == ("failed", True)


def test_a_folder_whose_parent_is_not_listed_stands_at_the_top(fake: Front, provider: Provider) -> None:
    team = fake.of("tim")[0]["id"]
    fake.add_template(team, "Deep", "x", None, fake.add_folder(team, "Orphan", "rsf_gone"))
    assert own(provider, "message_template/operations/deep")["folder"] == "Orphan"


def test_the_hours_of_a_shift_are_sent_whole(fake: Front, provider: Provider) -> None:
    wednesday = {"start": "08:00", "end": "16:00"}
    done(write(provider, "update", "shift/operations/early", {"times": {"wed": wednesday}, "color": "red", "members": []}))
    [(_, body)] = sent(fake, "PATCH")
    assert body == {"color": "red", "times": {"mon": {"start": "06:00", "end": "14:00"}, "wed": wednesday}}
    done(write(provider, "update", "shift/operations/early", {"times": {"mon": None}, "timezone": "Europe/Berlin"}))
    assert own(provider, "shift/operations/early")["times"] == {"wed": wednesday}
    done(write(provider, "update", "shift/operations/early", {"times": None, "name": "First"}))
    assert own(provider, "shift/operations/first")["times"] == {}


def test_whoever_works_a_shift_must_be_in_its_workspace(provider: Provider) -> None:
    hours = {"timezone": "UTC", "times": {}, "members": ["carol@acme.example"]}
    result = write(provider, "create", "shift/operations/Late", hours)
    assert (result.status, "not in the team" in result.detail) == ("failed", True)
    done(write(provider, "create", "shift/operations/Late", {**hours, "members": ["bob@acme.example"]}))
    assert own(provider, "shift/operations/late")["color"] == "grey"


# The document


@pytest.mark.skipif(DOCUMENT is None, reason="Front's OpenAPI document is not here")
def test_the_document_finds_what_is_wrong(fake: Front) -> None:
    """What holds every exchange of these tests against the document must be able to fail."""
    assert DOCUMENT
    with fake.running():
        fake.next_answers(Told(200, {"_results": [{"id": 1}]}))
        httpx.get(f"{fake.url}/teams", params={"limit": "5"})
        fake.next_answers(Told(200))
        httpx.request("DELETE", f"{fake.url}/teams/tim_1/teammates", json={"teammates": []})
        fake.next_answers(Told(204))
        httpx.patch(f"{fake.url}/message_templates/rsp_1", json={"folder": "rsf_1"})
        fake.next_answers(Told(204))
        httpx.get(f"{fake.url}/nothing/here")
    found = "\n".join(DOCUMENT.problems(fake.exchanges))
    fake.exchanges.clear()
    for expected in (
        "GET /teams: the query has limit",
        "GET /teams: answer 200: $['_results'][0]",
        "DELETE /teams/{team_id}/teammates: request: $: 'teammate_ids' is a required property",
        "DELETE /teams/{team_id}/teammates: request: teammates is not known",
        "DELETE /teams/{team_id}/teammates: answer 200: only ['204'] are known",
        "PATCH /message_templates/{message_template_id}: request: folder is not known",
        "GET /nothing/here: there is no such operation",
    ):
        assert expected in found


def test_a_workspace_that_is_listed_and_not_there_leaves_its_people_unknown(fake: Front) -> None:
    rules = [Rule(Refused(404, body='{"_error": {"status": 404, "title": "Not found", "message": "no"}}'), path="/teams/*", method="GET")]
    with fault_proxy(fake.url, rules, paging=PAGING) as proxy, closing(opened(proxy.url)) as provider:
        [result] = provider.read(["membership"])
    assert not result.complete
    assert "is in the list of teams, and not there" in result.problem
