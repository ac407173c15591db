"""What servers of SCIM do that a client falls for, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from orgform.codec import encode
from orgform.errors import ReadFailed
from orgform.model import Address, Live
from orgform.providers.base import Declared, Finding, RoleNames, Roles
from orgform.providers.scim import spec
from orgform.providers.scim.people import is_active, user_of
from orgform.providers.scim.vendors import VENDORS
from orgform.testing.fakes.scim import Quirks, Scim
from orgform.testing.fakes.scim_patch import BadPatch, patched
from orgform.testing.fakes.scim_schemas import ATTRIBUTES, USER
from orgform.testing.faults import Refused, Rule, fault_proxy
from orgform.testing.platform import Call, Told
from tests.platforms.scim_company import create, delete, live, one, opened, problem, read, sent, update

ALICE, BOB = "alice@acme.com", "bob@acme.com"


# What it says of itself


def test_it_asks_what_the_server_can_and_keeps_path_and_query() -> None:
    with Scim(Quirks(query={"tenant": "7"}, page=3)).running() as fake, closing(opened(fake.url + "?tenant=7")) as provider:
        assert one(provider, create(f"member/{ALICE}", name="Alice", role="standard")).status == "done"
        read(provider, "member")
        paths = {e.call.path for e in fake.exchanges}
        assert {"/scim/v2/ServiceProviderConfig", "/scim/v2/ResourceTypes", "/scim/v2/Schemas", "/scim/v2/Users"} <= paths
        assert all(e.call.first("tenant") == "7" for e in fake.exchanges)
        assert all(e.call.headers["accept"].startswith("application/scim+json") for e in fake.exchanges)
        assert "tenant" not in provider.system
        assert (provider.capabilities.page, provider.capabilities.batch) == (3, 50)
        posts = [e.call for e in fake.exchanges if e.call.method == "POST"]
        assert {c.headers["content-type"] for c in posts} == {"application/scim+json"}


def test_two_tenants_are_two_systems() -> None:
    with Scim().running() as fake, closing(opened(fake.url + "?t=1")) as one_, closing(opened(fake.url + "?t=2")) as other:
        assert one_.system != other.system


def test_without_discovery_the_standard_holds() -> None:
    with live(Quirks(discovery=False, media="application/json")) as (_, provider):
        assert one(provider, create(f"member/{ALICE}", name="Alice", role="standard")).status == "done"
        assert read(provider, "member")[Address(f"member/{ALICE}")].attributes == {"name": "Alice", "role": "standard"}
        assert provider.capabilities.batch == 1
        assert not provider.capabilities.optimistic_locking


@pytest.mark.parametrize("body", [{"patch": "yes"}, [], {"patch": {"supported": True}, "bulk": {"supported": True}}])
def test_half_a_description_is_taken_for_what_it_says(body: Any) -> None:
    with Scim().running() as fake:
        fake.next_answers(Told(200, body), Told(200, {"Resources": [{"name": "Other"}]}), Told(200, {"Resources": "none"}))
        with closing(opened(fake.url)) as provider:
            assert provider.capabilities.batch == 1


def test_a_server_says_where_its_users_are_and_what_they_lack() -> None:
    schema = {"id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": [{"name": "displayName", "mutability": "readOnly"}]}
    types = [{"name": "User", "endpoint": "/scim/v2/Users"}]
    with Scim().running() as fake:
        fake.next_answers(Told(404), Told(200, {"Resources": types}), Told(200, [schema]))
        with closing(opened(fake.url)) as provider:
            assert set(provider.capabilities.kinds or {}) == {"member"}
            member = provider.capabilities.of("member")
            assert member is not None and member.fields == {"labels": "none", "title": "read", "name": "read"}
            assert "no groups" in problem(provider, "group")
            assert one(provider, create("group/support")).status == "failed"
            assert one(provider, create("workspace/x")).detail == "SCIM has no workspace"


def test_a_token_that_is_not_taken_is_told() -> None:
    with Scim(Quirks(token="other")).running() as fake, pytest.raises(ReadFailed, match=r"401.*the token is not known here") as told:
        opened(fake.url, token="env:TOKEN")
    assert told.value.hint


# Users


def test_users_are_read_as_members() -> None:
    with live() as (fake, provider):
        fake.user("Alice@ACME.com", displayName="Alice Ng", title="CTO")
        fake.user("u-17", name={"givenName": "Bob", "familyName": "Roy"}, emails=[{"value": "x@acme.com"}, {"value": BOB, "primary": True}])
        fake.user("carol@acme.com", name={"formatted": "Carol"}, active=False)
        fake.user("robot")
        members = read(provider, "member")
    assert {a: live_.attributes for a, live_ in members.items()} == {
        f"member/{ALICE}": {"name": "Alice Ng", "title": "CTO", "role": "standard"},
        f"member/{BOB}": {"name": "Bob Roy", "role": "standard"},
    }
    assert {live_.observed["status"] for live_ in members.values()} == {"active"}


@pytest.mark.parametrize(
    ("active", "is_it"),
    [({"active": True}, True), ({"active": "False"}, False), ({"active": "true"}, True), ({}, True), ({"active": False}, False)],
)
def test_a_word_may_stand_for_a_truth_value(active: Mapping[str, Any], is_it: bool) -> None:
    assert is_active(active) is is_it


def test_two_users_of_one_address_stop_the_read() -> None:
    with live() as (fake, provider):
        first = fake.user(ALICE)
        second = fake.user("a.ng", emails=[{"value": ALICE}])
        told = problem(provider, "member")
    assert all(word in told for word in (ALICE, first, second))


def test_who_is_there_is_found_by_external_id_then_by_name_and_escaped() -> None:
    with live() as (fake, provider):
        assert one(provider, create('member/o"brien\\x@acme.com', name="O", role="standard")).status == "done"
        filters = [e.call.first("filter") for e in fake.exchanges if e.call.first("filter")]
        assert filters == ['externalId eq "o\\"brien\\\\x@acme.com"', 'userName eq "o\\"brien\\\\x@acme.com"']


def test_an_external_id_that_others_use_hides_nobody() -> None:
    with live() as (fake, provider):
        fake.user(BOB, externalId=ALICE)
        fake.user(ALICE, displayName="Alice", externalId="00u1")
        assert one(provider, create(f"member/{ALICE}", name="Alice", role="standard")).status == "done"
        assert len(fake.users) == 2


def test_a_user_of_others_is_adopted_where_it_is_as_it_should_be() -> None:
    with live() as (fake, provider):
        id = fake.user(ALICE.upper(), displayName="Alice", externalId="00u1")
        assert one(provider, create(f"member/{ALICE}", name="Alice", role="standard")).status == "done"
        assert one(provider, create(f"member/{ALICE}", name="Other", role="standard")).status == "stale"
        assert fake.users[id]["externalId"] == "00u1"
        assert len(fake.users) == 1


def test_one_who_comes_meanwhile_is_found_after_the_conflict() -> None:
    with live() as (fake, provider):
        fake.user(ALICE, displayName="Alice")
        for filtered in ("Alice", "Other"):
            empty = Told(200, {"totalResults": 0})
            fake.next_answers(empty, empty)
            result = one(provider, create(f"member/{ALICE}", name=filtered, role="standard"))
            assert result.status == ("done" if filtered == "Alice" else "stale")
        assert len(fake.users) == 1


def test_a_conflict_with_somebody_else_is_told_in_the_servers_words() -> None:
    with live() as (fake, provider):
        fake.user(ALICE, emails=[])
        empty = Told(200, {"totalResults": 0})
        fake.next_answers(empty, empty, Told(409, {"detail": "the name is reserved", "scimType": "uniqueness"}), empty, empty)
        result = one(provider, create(f"member/{ALICE}", name="A", role="standard"))
        assert (result.status, "the name is reserved" in result.detail) == ("failed", True)


def test_members_leave_inactive_and_come_back_as_they_were() -> None:
    with live() as (fake, provider):
        one(provider, create(f"member/{ALICE}", name="Alice", role="manager"))
        one(provider, create(f"membership/brand-x/{ALICE}", role="member"))
        [id] = fake.users
        assert one(provider, delete(f"member/{ALICE}")).status == "done"
        assert fake.users[id]["active"] is False
        assert (fake.members("Managers"), fake.members("Brand X")) == ([], [])
        assert read(provider, "member") == {} == read(provider, "membership")
        assert one(provider, delete(f"member/{ALICE}")).detail == "was gone already"
        assert one(provider, update(f"member/{ALICE}", name="A")).status == "stale"
        assert one(provider, create(f"member/{ALICE}", name="Alice N", role="standard", title="CTO")).status == "done"
        assert read(provider, "member")[Address(f"member/{ALICE}")].attributes == {"name": "Alice N", "title": "CTO", "role": "standard"}
        assert list(fake.users) == [id]


def test_really_deleted_only_with_the_option() -> None:
    with live(delete=True) as (fake, provider):
        fake.user(ALICE, active=False)
        assert read(provider, "member")[Address(f"member/{ALICE}")].observed == {"status": "suspended"}
        assert one(provider, delete(f"member/{ALICE}")).status == "done"
        assert fake.users == {}


def test_a_deactivation_that_does_not_hold_is_told() -> None:
    with live(Quirks(keeps_active=True)) as (fake, provider):
        fake.user(ALICE)
        result = one(provider, delete(f"member/{ALICE}"))
    assert (result.status, result.detail) == ("failed", "the server says that it deactivated the user, and still shows it as active")


def test_deactivated_may_mean_gone() -> None:
    with live() as (fake, provider):
        id = fake.user(ALICE)
        fake.next_answers(Told(200, {"totalResults": 1, "Resources": [fake.users[id]]}), Told(204), Told(404))
        assert one(provider, delete(f"member/{ALICE}")).status == "done"


def test_a_change_names_paths_and_nothing_that_is_so_already() -> None:
    with live() as (fake, provider):
        fake.user(ALICE, displayName="Alice", title="CTO")
        found = read(provider, "member")[Address(f"member/{ALICE}")]
        assert one(provider, update(f"member/{ALICE}", found, name="Alice", title=None)).status == "done"
        assert [o for body in sent(fake, "PATCH") for o in body["Operations"]] == [
            {"op": "replace", "path": "name.formatted", "value": "Alice"},
            {"op": "remove", "path": "title"},
        ]
        found = read(provider, "member")[Address(f"member/{ALICE}")]
        assert one(provider, update(f"member/{ALICE}", found, name="Alice")).status == "done"
        assert len(sent(fake, "PATCH")) == 1


def test_without_patch_the_whole_is_put_as_it_was_just_read() -> None:
    with live(Quirks(patch=False)) as (fake, provider):
        id = fake.user(ALICE, displayName="A", name={"givenName": "Alice"}, phoneNumbers=[{"value": "1"}])
        assert one(provider, update(f"member/{ALICE}", name="Alice", title="CTO")).status == "done"
        assert fake.users[id]["phoneNumbers"] == [{"value": "1"}]
        assert fake.users[id]["name"] == {"givenName": "Alice", "formatted": "Alice"}
        assert one(provider, update(f"member/{ALICE}", title=None)).status == "done"
        assert "title" not in fake.users[id]


def test_a_server_that_normalises_what_it_gets_is_told_about() -> None:
    with live() as (fake, provider):
        id = fake.user(ALICE, displayName="A")
        shown = {**fake.users[id], "displayName": "ALICE"}
        fake.next_answers(*[Told(200, {"totalResults": 1, "Resources": [shown]}), Told(204), Told(200, shown)])
        result = one(provider, update(f"member/{ALICE}", name="Alice"))
    assert (result.status, result.detail) == ("failed", "the server took it, and `name` is 'ALICE' there all the same")


def test_names_are_split_only_where_nobody_is_taken_without() -> None:
    with live(vendor="aws-identity-center", quirks=Quirks(cursor=True, hides_members=True)) as (fake, provider):
        for name in ("Ludwig van Beethoven", "Cher"):
            one(provider, create(f"member/{name[:4].lower()}@acme.com", name=name, role="standard"))
        assert [u["name"] for u in fake.users.values()] == [
            {"formatted": "Ludwig van Beethoven", "givenName": "Ludwig van", "familyName": "Beethoven"},
            {"formatted": "Cher", "givenName": "Cher", "familyName": "Cher"},
        ]


# Lists


def test_pages_are_counted_by_what_came() -> None:
    with live(Quirks(page=2)) as (fake, provider):
        for n in range(5):
            fake.user(f"p{n}@acme.com")
        assert len(read(provider, "member")) == 5
        starts = [e.call.first("startIndex") for e in fake.exchanges if e.call.path.endswith("/Users")]
        assert starts == ["1", "3", "5"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"totalResults": 3, "Resources": []}, "says that there are 3, and gave 0"),
        ({"totalResults": 1, "Resources": [{"userName": "x@acme.com"}]}, "without an id"),
        ({"Resources": []}, "does not say how many"),
        ({"hello": 1}, "is no list of SCIM's"),
        ([], "is no list of SCIM's"),
    ],
)
def test_a_list_that_is_not_whole_is_told(answer: Any, words: str) -> None:
    with live() as (fake, provider):
        fake.next_answers(*[Told(200, answer)] * 3)
        assert words in problem(provider, "member")


def test_a_server_that_has_one_page_only_is_told() -> None:
    with live(Quirks(page=2, ignores_start=True)) as (fake, provider):
        for n in range(5):
            fake.user(f"p{n}@acme.com")
        assert "says that there are 5, and gave 2" in problem(provider, "member")


def test_cursors_that_go_in_a_circle_are_told() -> None:
    with live(Quirks(cursor=True)) as (fake, provider):
        fake.next_answers(*[Told(200, {"Resources": [{"id": "1"}], "nextCursor": "a"})] * 6)
        assert "go in a circle" in problem(provider, "member")
        fake.next_answers(*[Told(200, {"Resources": [], "nextCursor": str(n)}) for n in range(9)])
        assert "go in a circle" in problem(provider, "member")


def test_a_list_by_cursor_may_have_no_total() -> None:
    with live(Quirks(cursor=True, page=2, announced_totals=False)) as (fake, provider):
        for n in range(5):
            fake.user(f"p{n}@acme.com")
        assert len(read(provider, "member")) == 5


def test_a_server_may_give_fewer_than_it_was_asked_for() -> None:
    """It says nothing of its pages: the next one begins behind what came, not behind what was asked for (RFC 7644, 3.4.2.4)."""
    with live(Quirks(discovery=False, page=2)) as (fake, provider):
        people = [f"person{n}@acme.com" for n in range(5)]
        for email in people:
            fake.user(email)
        assert sorted(read(provider, "member")) == [f"member/{email}" for email in people]
        starts = [e.call.first("startIndex") for e in fake.exchanges if e.call.first("startIndex") and "Users" in e.call.path]
        assert starts[:3] == ["1", "3", "5"]


def test_without_filters_all_are_looked_through() -> None:
    with live(Quirks(filter=False, discovery=False)) as (fake, provider):
        fake.user(ALICE, displayName="Alice")
        assert one(provider, create(f"member/{ALICE}", name="Alice", role="standard")).status == "done"
        assert one(provider, create(f"member/{BOB}", name="Bob", role="standard")).status == "done"
        assert sorted(u["userName"] for u in fake.users.values()) == [ALICE, BOB]


def test_a_server_that_filters_nothing_finds_nobody_else() -> None:
    """It takes the filter and lists all there are: the first of them is not the one that was asked for."""
    with live(Quirks(ignores_filter=True)) as (fake, provider):
        fake.user(BOB, displayName="Bob")
        fake.group("Sales")
        fake.group("SUPPORT")
        assert one(provider, create(f"member/{ALICE}", name="Alice", role="standard")).status == "done"
        assert one(provider, create("group/legal", name="Legal", members=[])).status == "done"
        # Names are one but for the case (RFC 7643, 4.2), so that is no second group of the name.
        assert one(provider, create("group/support", name="Support", members=[])).status == "stale"
        assert sorted(g["displayName"] for g in fake.groups.values()) == ["Legal", "SUPPORT", "Sales"]


def test_of_two_groups_of_one_name_none_is_taken_over() -> None:
    with live() as (fake, provider):
        read(provider, "group")
        ids = sorted((fake.group("Support"), fake.group("support")))
        result = one(provider, create("group/help", name="Support", members=[]))
        assert (result.status, result.detail) == (
            "failed", f"2 groups are named 'Support' there: {', '.join(ids)}; rename all but one"
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "deletes", "methods"), [("member", True, "GET DELETE"), ("member", False, "GET PATCH"), ("group", True, "GET DELETE")]
)
def test_a_404_of_something_else_makes_nothing_gone(kind: str, deletes: bool, methods: str) -> None:
    """Whatever stands between may know no such path: what the list has is there."""
    with live(delete=deletes) as (fake, plain):
        fake.user(ALICE)
        fake.group("Sales")
        [known] = read(plain, kind).items()
        for method in methods.split():
            rule = Rule(Refused(404), method, "*/Users/*" if kind == "member" else "*/Groups/*")
            with fault_proxy(fake.url, [rule]) as proxy, closing(opened(proxy.url, delete=deletes)) as provider:
                result = one(provider, delete(*known))
            assert (result.status, "gone already" in result.detail) == ("failed", False), method
        assert one(plain, delete(*known)).status == "done"
        assert one(plain, delete(*known)).detail == "was gone already"


# Groups


def test_groups_are_read_without_members_first() -> None:
    with live() as (fake, provider):
        alice, robot = fake.user(ALICE), fake.user("robot")
        fake.group("Support (EMEA)", alice, robot)
        fake.group("Brand X", alice)
        assert {a: g.attributes for a, g in read(provider, "group").items()} == {
            "group/support-emea": {"name": "Support (EMEA)", "members": [ALICE]}
        }
        lists = [e.call for e in fake.exchanges if e.call.path.endswith("/Groups")]
        assert [c.first("excludedAttributes") for c in lists] == ["members"]


def test_two_groups_of_one_name_stop_and_are_both_named() -> None:
    with live() as (fake, provider):
        ids = [fake.group("Support"), fake.group(" support ")]
        with pytest.raises(ReadFailed) as told:
            list(provider.read(["member", "group"]))
        assert all(id in told.value.message for id in ids)
        assert "named" in told.value.hint
        named = {"named": {"support": ids[0], "support-us": ids[1]}}
        with closing(opened(fake.url, groups=named)) as other:
            assert sorted(read(other, "group")) == ["group/support", "group/support-us"]


def test_only_named_members_are_taken_out_of_a_group() -> None:
    with live() as (fake, provider):
        alice, bob, robot = fake.user(ALICE), fake.user(BOB), fake.user("robot")
        nested = fake.group("Nested")
        fake.group("Support", alice, robot, nested)
        found = read(provider, "group")[Address("group/support")]
        assert one(provider, update("group/support", found, members=[BOB])).status == "done"
        [body] = sent(fake, "PATCH")
        assert body["Operations"] == [
            {"op": "remove", "path": f'members[value eq "{alice}"]'},
            {"op": "add", "path": "members", "value": [{"value": bob}]},
        ]
        assert {m["value"] for g in fake.groups.values() for m in g.get("members", [])} == {bob, robot, nested}


def test_what_a_server_drops_is_told_by_counting() -> None:
    with live(Quirks(most_members=4)) as (fake, provider):
        people = [fake.user(f"p{n}@acme.com") for n in range(5)]
        fake.user(ALICE)
        fake.group("Support", *people[:4])
        result = one(provider, update("group/support", members=[f"p{n}@acme.com" for n in range(4)] + [ALICE]))
    assert result.status == "failed"
    assert "'Support' had 4 members and has 4 now: the server dropped 1 whom nobody asked to remove" in result.detail


def test_a_vendor_that_shows_so_many_members_is_not_believed_at_that_number() -> None:
    with live(vendor="fusionauth") as (fake, provider):
        fake.group("Support", *[fake.user(f"p{n}@acme.com") for n in range(100)])
        assert "has 100 members or more, and FusionAuth shows no more" in problem(provider, "group")


def test_members_go_in_pieces_where_a_vendor_takes_so_many() -> None:
    with live(vendor="fusionauth") as (fake, provider):
        for n in range(3):
            fake.user(f"p{n}@acme.com")
        assert one(provider, create("group/support", members=[f"p{n}@acme.com" for n in range(3)])).status == "done"
        assert [len(o["value"]) for body in sent(fake, "PATCH") for o in body["Operations"]] == [1, 1, 1]


def test_no_members_are_not_believed_where_users_say_otherwise() -> None:
    with live(Quirks(hides_members=True)) as (fake, provider):
        fake.group("Support", fake.user(ALICE))
        told = problem(provider, "group")
    assert "is empty, and that alice@acme.com is in it" in told
    assert "`vendor`" in told


def test_hidden_members_are_asked_for_where_the_vendor_is_said() -> None:
    with live(Quirks(hides_members=True, cursor=True, index=False, bulk=False), vendor="aws-identity-center") as (fake, provider):
        alice = fake.user(ALICE)
        fake.user(BOB)
        fake.group("Support", alice)
        fake.group("Brand X", alice)
        assert read(provider, "group")[Address("group/support")].attributes["members"] == [ALICE]
        assert read(provider, "membership") == {
            Address(f"membership/brand-x/{ALICE}"): read(provider, "membership")[Address(f"membership/brand-x/{ALICE}")]
        }
        assert one(provider, create(f"membership/brand-x/{BOB}", role="viewer")).status == "done"
        assert one(provider, update("group/support", members=[BOB])).status == "done"
        assert (fake.members("Support"), fake.members("Brand X Viewers")) == ([BOB], [BOB])


def test_a_change_of_hidden_members_that_does_not_hold_is_told() -> None:
    with live(Quirks(hides_members=True, bulk=False), vendor="aws-identity-center") as (fake, provider):
        fake.user(ALICE)
        group = fake.group("Brand X")
        read(provider, "membership")
        whole = Told(200, fake.groups[group])
        none = Told(200, {"totalResults": 0, "Resources": []})
        fake.next_answers(none, whole, Told(204), none)
        result = one(provider, create(f"membership/brand-x/{ALICE}", role="member"))
    assert (result.status, "does not hold" in result.detail) == ("failed", True)


def test_capital_operations_where_a_vendor_takes_no_others() -> None:
    quirks = Quirks(capital_ops=True, bulk=False)
    for options, status in (({}, "failed"), ({"vendor": "entra"}, "done")):
        with live(quirks, **options) as (fake, provider):
            fake.user(ALICE, displayName="A")
            result = one(provider, update(f"member/{ALICE}", name="Alice"))
            assert result.status == status, result.detail


def test_a_group_is_renamed_and_stays_the_same() -> None:
    with live() as (fake, provider):
        assert one(provider, create("group/support", members=[])).status == "done"
        [id] = fake.groups
        assert fake.groups[id]["displayName"] == "support"
        assert one(provider, update("group/support", name="Support Team")).status == "done"
        assert list(read(provider, "group")) == ["group/support"]
        assert one(provider, update("group/support", name=None)).status == "done"
        assert fake.groups[id]["displayName"] == "support"


@pytest.mark.parametrize("members", [[ALICE], []])
def test_a_group_of_others_is_adopted_where_it_is_as_it_should_be(members: list[str]) -> None:
    with live() as (fake, provider):
        fake.group("Support Team", fake.user(ALICE))
        result = one(provider, create("group/support", name="Support Team", members=members))
        assert result.status == ("done" if members else "stale")
        assert len(fake.groups) == 1


def test_nobody_unknown_gets_into_a_group() -> None:
    with live() as (_, provider):
        assert one(provider, create("group/support", members=[])).status == "done"
        result = one(provider, update("group/support", members=["nobody@acme.com"]))
        assert (result.status, result.detail) == ("failed", "there is no nobody@acme.com on the server")


# Roles by groups


def test_who_has_two_roles_has_the_first() -> None:
    with live() as (fake, provider):
        alice = fake.user(ALICE)
        fake.group("Brand X", alice)
        fake.group("Brand X Viewers", alice)
        found = read(provider, "membership")[Address(f"membership/brand-x/{ALICE}")]
        assert found.attributes == {"role": "member"}
        assert one(provider, update(f"membership/brand-x/{ALICE}", found, role="viewer")).status == "done"
        assert (fake.members("Brand X"), fake.members("Brand X Viewers")) == ([], [ALICE])


def test_a_membership_without_a_role_is_in_no_group_and_so_not_done() -> None:
    with live() as (fake, provider):
        fake.group("Brand X", fake.user(ALICE))
        fake.user(BOB)
        found = read(provider, "membership")[Address(f"membership/brand-x/{ALICE}")]
        made = one(provider, create(f"membership/brand-x/{BOB}"))
        assert (made.status, made.detail) == (
            "failed",
            f"{BOB} has no role in workspace brand-x here, and a group stands for one: write it",
        )
        assert one(provider, update(f"membership/brand-x/{ALICE}", found, role=None)).status == "failed"
        assert fake.members("Brand X") == [ALICE]


def test_a_group_may_have_a_role() -> None:
    with live() as (fake, provider):
        fake.group("Support", fake.user(ALICE))
        read(provider, "group")
        assert one(provider, create("membership/brand-x/group:support", role="member")).status == "done"
        assert list(read(provider, "membership")) == ["membership/brand-x/group:support"]
        assert one(provider, delete("membership/brand-x/group:support")).status == "done"


def test_a_role_without_its_group_is_told() -> None:
    with Scim().running() as fake:
        fake.user(ALICE)
        with closing(opened(fake.url, groups={"workspace": {"x": {"member": "X"}}})) as provider:
            assert "there is no group 'X', which stands for the role member of workspace x" in problem(provider, "membership")
            assert one(provider, create(f"membership/x/{ALICE}", role="member")).status == "failed"
            fake.group("X")
            assert read(provider, "membership") == {}
            assert one(provider, create(f"membership/x/{ALICE}", role="member")).status == "done"
            assert one(provider, create(f"membership/x/{ALICE}", role="admin")).status == "failed"
            assert one(provider, create("member/new@acme.com", role="owner")).status == "failed"
            assert one(provider, update("membership/x/none@acme.com", role="member")).status == "stale"
            assert one(provider, delete("membership/x/none@acme.com")).status == "done"
    assert spec.origin({"url": "https://a.example/scim?x=1"}) == "https://a.example"


def test_a_role_may_be_named_by_its_groups_id() -> None:
    with Scim().running() as fake:
        groups = [fake.group("Same", fake.user(ALICE)), fake.group("Same")]
        mapped = {"workspace": {"x": {"member": groups[0]}, "y": {"member": groups[1]}}}
        with closing(opened(fake.url, groups=mapped)) as provider:
            assert list(read(provider, "membership")) == [f"membership/x/{ALICE}"]
            assert read(provider, "group") == {}


# Concurrency


def test_what_was_changed_meanwhile_is_stale_and_a_busy_server_is_asked_again() -> None:
    with live() as (fake, provider):
        id = fake.user(ALICE, displayName="A")
        found = read(provider, "member")[Address(f"member/{ALICE}")]
        precondition = Told(412, {"status": "412", "detail": "changed"})
        fake.next_answers(Told(200, fake.users[id]), precondition)
        assert one(provider, update(f"member/{ALICE}", found, title="CTO")).status == "done"
        assert [e.call.headers.get("if-match") for e in fake.exchanges if e.call.method == "PATCH"] == [None, 'W/"1"']
        fake.users[id]["displayName"] = "Somebody"
        assert one(provider, update(f"member/{ALICE}", found, title="CEO")).detail == "it was changed since it was read"
        whole = Told(200, fake.users[id])
        fake.next_answers(whole, precondition, whole, precondition)
        result = one(provider, update(f"member/{ALICE}", Live({}, id=id), title="CEO"))
        assert (result.status, result.detail) == ("stale", "it is changed by somebody else all the time")


def test_a_group_that_is_changed_meanwhile_is_read_again() -> None:
    with live() as (fake, provider):
        fake.user(ALICE)
        group = fake.group("Brand X")
        read(provider, "membership")
        whole = Told(200, fake.groups[group])
        fake.next_answers(whole, whole, Told(412))
        assert one(provider, create(f"membership/brand-x/{ALICE}", role="member")).status == "done"
        assert fake.members("Brand X") == [ALICE]


# Bulk


def test_bulk_goes_in_pieces_that_the_server_takes() -> None:
    with live(Quirks(operations=3)) as (fake, provider):
        assert provider.capabilities.batch == 3
        people = [create(f"member/p{n}@acme.com", name=f"P {n}", role="standard") for n in range(14)]
        assert {r.status for r in provider.write(people)} == {"done"}
        assert [len(b["Operations"]) for b in sent(fake, "POST", "/Bulk")] == [3, 3, 3, 3, 2]
        assert len(fake.users) == 14
    size = len(encode(sent(fake, "POST", "/Bulk")[0]))
    with live(Quirks(payload=size)) as (fake, provider):
        assert {r.status for r in provider.write(people)} == {"done"}
        bodies = sent(fake, "POST", "/Bulk")
        assert len(bodies) > 3 and all(len(encode(b)) <= size for b in bodies)


def test_each_status_of_a_bulk_answer_counts() -> None:
    with live() as (fake, provider):
        fake.user(ALICE, displayName="Other")
        empty = Told(200, {"totalResults": 0})
        fake.next_answers(*[empty] * 4)
        results = provider.write(
            [create(f"member/{ALICE}", name="Alice", role="standard"), create(f"member/{BOB}", name="Bob", role="standard")]
        )
        assert [r.status for r in results] == ["stale", "done"]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([{"status": "201", "location": "/Users/x"}], "unknown"),
        ([{"bulkId": "0", "status": {"code": "400"}, "response": {"detail": "no"}}, {"bulkId": "1", "status": "500"}], "failed unknown"),
        ([{"bulkId": "0", "status": 503}, {"bulkId": "1", "status": "nonsense"}], "failed unknown"),
        ([{"status": "400"}, {"status": "429"}], "failed failed"),
        ("nothing", "unknown"),
        ([{"bulkId": "0", "status": "204"}, {"bulkId": "1", "status": "204"}], "unknown"),
    ],
)
def test_what_a_bulk_answer_does_not_say_is_unknown(told: Any, status: str) -> None:
    with live() as (fake, provider):
        empty = Told(200, {"totalResults": 0})
        fake.next_answers(*[empty] * 4, Told(200, {"Operations": told}))
        results = provider.write([create(f"member/{e}", name="N", role="standard") for e in (ALICE, BOB)])
        words = status.split()
        assert [r.status for r in results] == words * (2 // len(words))


def test_a_bulk_request_that_is_too_large_all_the_same_is_halved() -> None:
    with live() as (fake, provider):
        empty = Told(200, {"totalResults": 0})
        fake.next_answers(*[empty] * 4, Told(413))
        results = provider.write([create(f"member/{e}", name="N", role="standard") for e in (ALICE, BOB)])
        assert [r.status for r in results] == ["done", "done"]
        assert [len(b["Operations"]) for b in sent(fake, "POST", "/Bulk")] == [2, 1, 1]


def test_two_operations_on_one_resource_are_never_in_one_bulk_request() -> None:
    with live() as (_, provider):
        results = provider.write([create(f"member/{ALICE}", name="A", role="standard"), delete(f"member/{ALICE}")])
        assert [r.status for r in results] == ["done", "done"]


# What the config may say


def _found(resources: Mapping[str, Any], **options: Any) -> list[Finding]:
    declared = Declared({"url": "https://x.example", **options}, {Address(a): v for a, v in resources.items()}, RoleNames(Roles(), {}))
    return list(spec.check(declared))


def test_roles_that_no_group_stands_for_are_told_at_their_lines() -> None:
    mapped = {"company": {"owner": "Owners"}, "workspace": {"x": {"admin": "X"}}}
    [finding] = _found({f"member/{ALICE}": {"role": "admin"}, f"member/{BOB}": {"role": "owner"}}, groups=mapped)
    assert (finding.summary, finding.path) == ("no group stands for the company role admin", ("role",))
    assert finding.fix.endswith("there are groups for owner")
    [finding] = _found({f"membership/x/{ALICE}": {"role": "viewer"}, f"membership/x/{BOB}": {"role": "admin"}}, groups=mapped)
    assert finding.summary == "no group stands for the role viewer in workspace x"
    assert _found({f"member/{ALICE}": {"role": "standard"}, f"member/{BOB}": {}, "group/a": {}}) == []
    assert _found({f"member/{ALICE}": {"role": "member"}}, base_role="member") == []
    [finding] = _found({f"membership/y/{ALICE}": {"role": "member"}})
    assert "groups: {workspace: {y: {member: NAME OF THE GROUP}}}" in finding.fix


def test_who_is_in_a_workspace_without_a_role_is_told() -> None:
    """Somebody is in it by the group of a role: without one nobody can be let in, and where there are no groups nobody can be in it."""
    mapped = {"workspace": {"x": {"admin": "X", "member": "All of X"}}}
    [advice] = _found({f"membership/x/{ALICE}": {}}, groups=mapped)
    assert (advice.advice, advice.fix) == (True, "write the role, one of admin, member")
    [finding] = _found({f"membership/y/{ALICE}": {}}, groups=mapped)
    assert (finding.advice, finding.summary) == (False, "no group stands for any role in workspace y, so nobody can be in it")


def test_a_group_stands_for_one_role() -> None:
    twice = {"company": {"owner": "All"}, "workspace": {"x": {"admin": "all"}}}
    [finding] = _found({f"membership/x/{ALICE}": {"role": "admin"}}, groups=twice)
    assert finding.summary == "the group 'all' stands for the role admin of workspace x and for the role owner of the company"


def test_vendors_say_whether_groups_go_into_groups() -> None:
    mapped = {"workspace": {"x": {"admin": "X"}}}
    assert _found({"membership/x/group:a": {"role": "admin"}}, groups=mapped) == []
    [finding] = _found({"membership/x/group:a": {"role": "admin"}}, groups=mapped, vendor="okta")
    assert finding.summary == "a server made for Okta takes no group inside a group"


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_says_why_it_is_in_the_table(vendor: str) -> None:
    assert VENDORS[vendor].notes
    assert vendor in spec.options["properties"]["vendor"]["enum"]


def test_github_has_no_groups() -> None:
    with live(vendor="github") as (_, provider):
        assert set(provider.capabilities.kinds or {}) == {"member"}


def test_no_address_is_made_up() -> None:
    assert (
        user_of(
            {"id": "1", "userName": "a/b@acme.com", "emails": [{"value": 7}, "x"], "groups": [{"value": "g", "type": "indirect"}]}
        ).email
        == ""
    )


# Answers that say something else


@pytest.mark.parametrize(
    ("answers", "status", "words"),
    [
        ([Told(500)] * 6, "failed", "500"),
        ([Told(200, "nothing")], "failed", "is no resource"),
        ([Told(200, {"id": "x", "userName": ALICE}), Told(204), Told(404)], "failed", "shows nobody who is active"),
        ([Told(200, {"id": "x", "userName": ALICE}), Told(204), Told(200, {"id": "x", "userName": BOB})], "unknown", "somebody else"),
    ],
)
def test_an_answer_about_something_else_is_not_taken(answers: list[Told], status: str, words: str) -> None:
    with live() as (fake, provider):
        fake.next_answers(*answers)
        result = one(provider, update(f"member/{ALICE}", Live({}, id="x"), title="CTO"))
    assert (result.status, words in result.detail) == (status, True), result


@pytest.mark.parametrize(
    ("answers", "status", "words"),
    [
        ([Told(200, {"id": "g"}), Told(204), Told(404)], "failed", "shows no such group"),
        ([Told(200, {"id": "g"}), Told(204), Told(200, {"id": "g"})], "failed", "not as it should be"),
        ([Told(200, {"id": "g"}), Told(404), Told(404)], "stale", "not there any more"),
    ],
)
def test_a_group_that_does_not_become_what_it_should_is_told(answers: list[Told], status: str, words: str) -> None:
    with live() as (fake, provider):
        fake.next_answers(*answers)
        result = one(provider, update("group/support", Live({}, id="g"), name="Support"))
    assert (result.status, words in result.detail) == (status, True), result


@pytest.mark.parametrize("kind", ["member", "group"])
def test_what_is_said_to_be_deleted_and_is_still_there_is_told(kind: str) -> None:
    with live(delete=True) as (fake, provider):
        resource = Told(200, {"id": "x", "userName": ALICE, "displayName": "Support"})
        fake.next_answers(resource, Told(204), resource)
        address = f"member/{ALICE}" if kind == "member" else "group/support"
        result = one(provider, delete(address, Live({}, id="x")))
        assert (result.status, "still shows it" in result.detail) == ("failed", True)


@pytest.mark.parametrize("kind", ["member", "group"])
def test_a_create_whose_answer_names_nothing_is_unknown(kind: str) -> None:
    with live() as (fake, provider):
        empty = Told(200, {"totalResults": 0})
        fake.next_answers(empty, empty, Told(201, {}))
        result = one(provider, create(f"member/{ALICE}", name="A", role="standard") if kind == "member" else create("group/support"))
        assert (result.status, result.detail) == ("unknown", "the server did not say what it made")


def test_a_role_that_is_refused_is_told_with_what_was_done() -> None:
    with live() as (fake, provider):
        fake.group("Managers")
        empty, user = Told(200, {"totalResults": 0}), Told(201, {"id": "nobody", "userName": ALICE})
        fake.next_answers(empty, empty, user)
        result = one(provider, create(f"member/{ALICE}", name="A", role="manager"))
    assert result.status == "failed"
    assert result.detail.startswith("done in part: PATCH /scim/v2/Groups/")


def test_a_role_whose_group_cannot_be_made_is_told() -> None:
    with live() as (fake, provider):
        fake.user(ALICE)
        read(provider, "member")
        fake.next_answers(Told(201, {}))
        result = one(provider, create(f"membership/brand-x/{ALICE}", role="member"))
    assert result.detail == "the server did not say which group 'Brand X' became"


def test_many_creates_ask_for_all_users_at_once_or_one_by_one() -> None:
    people = [create(f"member/p{n}@acme.com", name="P", role="standard") for n in range(12)]
    for answers, asked in (([], 0), ([Told(403)], 24)):
        with live() as (fake, provider):
            fake.next_answers(*answers)
            assert {r.status for r in provider.write(people)} == {"done"}
            assert len([e for e in fake.exchanges if e.call.first("filter")]) == asked


# The fake's own PATCH


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ({"op": "move", "path": "title"}, "invalidSyntax"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "add", "path": "a b"}, "invalidPath"),
        ({"op": "add", "path": "groups", "value": []}, "mutability"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "userName", "value": ""}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": "False"}, "invalidValue"),
        ({"op": "remove", "path": "emails[value eq x]"}, "invalidFilter"),
        ({"op": "replace", "path": 'emails[value eq "x"].type', "value": "home"}, "noTarget"),
    ],
)
def test_the_fake_refuses_what_the_standard_refuses(operation: dict[str, Any], kind: str) -> None:
    with pytest.raises(BadPatch) as told:
        patched({"userName": ALICE}, {"Operations": [operation]}, ATTRIBUTES[USER])
    assert told.value.kind == kind
    with pytest.raises(BadPatch):
        patched({}, {"Operations": []}, ATTRIBUTES[USER])


def test_the_fake_does_what_the_standard_says() -> None:
    def done(resource: dict[str, Any], op: str, path: str | None, value: Any = None) -> dict[str, Any]:
        return patched(resource, {"Operations": [{"op": op, "path": path, "value": value}]}, ATTRIBUTES[USER])

    work = {"value": "w", "type": "work", "primary": True}
    assert done({"title": "A"}, "replace", None, {"title": "B", "id": "x"}) == {"title": "B"}
    assert done({"emails": [work]}, "add", "emails", [{"value": "h", "primary": True}])["emails"][0] == {"value": "w", "type": "work"}
    assert done({"emails": [dict(work)]}, "replace", 'emails[value eq "w"].type', "home")["emails"][0]["type"] == "home"
    assert done({"emails": [dict(work)]}, "replace", 'emails[value eq "w"]', {"type": "x"})["emails"][0]["type"] == "x"
    assert "type" not in done({"emails": [dict(work)]}, "remove", 'emails[value eq "w"].type')["emails"][0]
    assert done({"emails": [dict(work)]}, "remove", "emails", [{"value": "other"}]) == {}
    assert done({"emails": [dict(work)]}, "replace", "emails.type", "x")["emails"][0]["type"] == "x"
    assert done({"name": {"formatted": "A"}}, "remove", "name.formatted") == {}
    assert done({"name": {"formatted": "A"}}, "add", "name", {"givenName": "B"})["name"] == {"formatted": "A", "givenName": "B"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/Users", [1], 400),
        ("POST", "/Users", {"displayName": "A"}, 400),
        ("POST", "/Groups", {"displayName": "A", "members": [{"value": "none"}]}, 400),
        ("POST", "/Bulk", {}, 400),
        ("POST", "/Bulk", {"Operations": [{}] * 4}, 413),
        ("PATCH", "/ServiceProviderConfig", {}, 405),
        ("GET", "/Nothing", None, 404),
    ],
)
def test_the_fake_refuses_what_it_cannot_take(method: str, path: str, body: Any, status: int) -> None:
    fake = Scim(Quirks(operations=3))
    assert fake.answer(Call(method, Scim.base_path + path, body=body)).status == status
    assert Scim(Quirks(bulk=False)).answer(Call("POST", Scim.base_path + "/Bulk", body={})).status == 501


def test_what_is_gone_when_it_is_to_be_deleted_is_done() -> None:
    with live(delete=True) as (fake, provider):
        fake.next_answers(Told(200, {"id": "x", "userName": ALICE}), Told(404))
        assert one(provider, delete(f"member/{ALICE}", Live({}, id="x"))).status == "done"


def test_a_server_that_answers_nothing_stops_the_read() -> None:
    with live() as (fake, provider):
        fake.next_answers(*[Told(503)] * 6)
        with pytest.raises(ReadFailed, match="cannot read http"):
            list(provider.read(["member"]))


def test_a_filter_that_is_refused_is_done_without_and_another_refusal_is_told() -> None:
    with live() as (fake, provider):
        fake.user(ALICE, displayName="Alice")
        fake.next_answers(Told(400, {"scimType": "invalidFilter"}))
        assert one(provider, create(f"member/{ALICE}", name="Alice", role="standard")).status == "done"
        fake.next_answers(Told(403, {"detail": "the token may not list users"}))
        result = one(provider, create(f"member/{BOB}", name="Bob", role="standard"))
        assert (result.status, "the token may not list users" in result.detail) == ("failed", True)
