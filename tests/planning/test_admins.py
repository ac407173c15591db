"""What refusals and warnings say of the people: who is left, who does not count and why, who loses it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from orgform.codec import replace
from orgform.diagnostics import Diagnostic
from orgform.model import Address, GuardVerdict, Live, Move, Plan, Policy
from orgform.opening import soon
from orgform.planning import judge_again, make_plan
from orgform.providers.base import Capabilities
from tests.planning.worlds import KINDS, inputs, steps, target

OWN = Address("member/bot@acme.com")
ASKS = Capabilities(sign_in_verified_domain=True)
X = "workspace/x"


def person(role: str, status: str = "active") -> Live:
    return Live({"role": role}, {"status": status})


def verified(name: str = "acme.com", status: str = "verified") -> dict[str, Live]:
    return {f"domain/{name}": Live({}, {"status": status})}


def planned(desired: dict[str, Any], live: dict[str, Live], **more: Any) -> Plan:
    """On 2026-11-20; base is what lives."""
    base = {address: found.attributes for address, found in live.items()}
    return make_plan(inputs(desired, live, base, today="2026-11-20", soon="2026-11-26", **more), KINDS)


def verdict(made: Plan, guard: str) -> GuardVerdict:
    return next(v for v in made.guards if v.guard == guard)


def warning(made: Plan) -> Diagnostic | None:
    return next((d for d in made.diagnostics if d.code == "ORG509"), None)


def test_a_refusal_names_who_is_left_and_why_others_do_not_count() -> None:
    live = {
        **verified(),
        **verified("acme.io", "pending"),
        "member/ann@acme.com": person("owner"),
        "member/ben@acme.com": person("admin", "suspended"),
        "member/bot@acme.com": person("owner"),
        "member/cid@acme.io": person("admin"),
        "member/dee@gone.com": person("admin"),
        "member/eve@acme.com": person("admin"),
        "member/fay@acme.com": person("admin"),
    }
    changed = {"member/fay@acme.com": {"role": "standard"}, "member/new@acme.com": {"role": "owner"}}
    desired = {a: own.attributes for a, own in live.items()} | changed
    until = {Address("member/eve@acme.com"): "2026-11-26"}
    made = planned(desired, live, until=until, state=target(own_member=OWN, capabilities=ASKS))
    found = verdict(made, "company-admins")
    assert found.items == ("member/fay@acme.com",)
    assert found.summary == (
        "1 company admin who can sign in would be left (ann@acme.com); not counted: ben@acme.com (suspended), "
        "bot@acme.com (the account that orgform itself uses), cid@acme.io (acme.io is not verified), "
        "dee@gone.com (gone.com is no domain of the company), eve@acme.com (expires 2026-11-26) and 1 more; at least 2 must stay"
    )
    assert (found.setting, found.override) == ("policy.min_company_admins: 2", "--allow company-admins:member/fay@acme.com")


def test_enough_are_left_where_nobody_of_them_runs_out() -> None:
    live = {f"member/{name}@acme.com": person("owner") for name in ("ann", "ben", "cid")}
    desired = {a: own.attributes for a, own in live.items()} | {"member/cid@acme.com": {"role": "standard"}}
    found = verdict(planned(desired, live, until={Address("member/ben@acme.com"): "2026-11-27"}), "company-admins")
    assert (found.verdict, found.summary) == ("passed", "2 company admins who can sign in left")


DAYS = [("2026-11-19", "expired"), ("2026-11-20", "expires"), ("2026-11-26", "expires"), ("2026-11-27", "")]


@pytest.mark.parametrize(("day", "word"), DAYS)
def test_what_runs_out_within_a_week_is_a_warning_and_no_refusal(day: str, word: str) -> None:
    live = {"member/ann@acme.com": person("owner"), "member/ben@acme.com": person("owner")}
    desired = {a: own.attributes for a, own in live.items()}
    made = planned(desired, live, until={Address("member/ben@acme.com"): day})
    found = warning(made)
    assert not made.guards
    assert (found is not None) is bool(word)
    if found:
        assert found.summary == (
            f"the company will soon have fewer than 2 admins who can sign in: ann@acme.com stays; not counted: ben@acme.com ({word} {day})"
        )


def test_a_workspace_whose_only_membership_ends_is_named() -> None:
    live = {
        "member/ann@acme.com": person("standard"),
        X: Live({}),
        "workspace/y": Live({}),
        "membership/x/ann@acme.com": Live({"role": "admin"}),
        "membership/y/ann@acme.com": Live({"role": "admin"}),
    }
    desired = {a: own.attributes for a, own in live.items()}
    ends = {Address("membership/x/ann@acme.com"): "2026-11-22"}
    found = warning(planned(desired, live, until=ends, policy=Policy(min_company_admins=0)))
    assert found and found.address == X
    assert found.summary == (
        "workspace/x will soon have fewer than 1 admin who can sign in: nobody stays; not counted: ann@acme.com (expires 2026-11-22)"
    )
    gone = {**ends, Address(X): "2026-11-22"}
    assert warning(planned(desired, live, until=gone, policy=Policy(min_company_admins=0))) is None


def test_a_role_that_ends_takes_its_admins_with_it() -> None:
    live = {
        "member/ann@acme.com": person("standard"),
        "role/boss": Live({"scope": "workspace", "extends": "admin"}),
        X: Live({}),
        "membership/x/ann@acme.com": Live({"role": "boss"}),
    }
    desired = {a: own.attributes for a, own in live.items()}
    found = warning(planned(desired, live, until={Address("role/boss"): "2026-11-22"}, policy=Policy(min_company_admins=0)))
    assert found and "ann@acme.com (expires 2026-11-22)" in found.summary


def test_after_a_plan_that_takes_nobody_somebody_should_be_able_to_sign_in() -> None:
    live = {"member/ann@acme.com": person("owner", "invited"), "member/ben@acme.com": person("standard")}
    desired = {a: own.attributes for a, own in live.items()} | {"member/ben@acme.com": {"role": "standard", "name": "Ben"}}
    found = warning(planned(desired, live))
    assert found and found.summary == "nobody who is a company admin after this plan can sign in: ann@acme.com (invited)"
    assert warning(planned({a: own.attributes for a, own in live.items()}, live)) is None


def test_the_own_account_keeps_the_domain_that_it_signs_in_by() -> None:
    live = {**verified(), **verified("acme.io"), "member/ann@acme.io": person("owner"), "member/bot@acme.com": person("owner")}
    desired = {a: own.attributes for a, own in live.items() if a != "domain/acme.com"}
    made = planned(desired, live, state=target(own_member=OWN, capabilities=ASKS), allow=("deletes:*",))
    assert verdict(made, "own-access").items == (
        "member/bot@acme.com: acme.com is no domain of the company any more, so it could not sign in",
    )


def test_a_renamed_person_signs_in_by_the_new_name() -> None:
    live = {**verified(), **verified("acme.io", "pending"), "member/ann@acme.com": person("owner")}
    desired = {"domain/acme.com": {}, "domain/acme.io": {}, "member/ann@acme.io": {"role": "owner"}}
    moved = (Move(Address("member/ann@acme.com"), Address("member/ann@acme.io")),)
    policy = Policy(min_company_admins=1)
    assert not planned(desired, live, moved=moved, policy=policy).refused
    refused = planned(desired, live, moved=moved, policy=policy, state=target(capabilities=ASKS))
    assert "ann@acme.io (acme.io is not verified)" in verdict(refused, "company-admins").summary


def test_a_plan_saved_before_there_were_needs_is_put_in_order_when_it_is_judged_again() -> None:
    roles = {"boss": "admin", "chief": "viewer"}
    people = {"member/dan@acme.com": person("standard"), "member/erin@acme.com": person("standard")}
    live = {
        **people,
        X: Live({}),
        "membership/x/dan@acme.com": Live({"role": "boss"}),
        "membership/x/erin@acme.com": Live({"role": "chief"}),
        **{f"role/{name}": Live({"scope": "workspace", "extends": above}) for name, above in roles.items()},
    }
    swapped = {f"role/{name}": {"scope": "workspace", "extends": above} for name, above in zip(roles, ("viewer", "admin"), strict=True)}
    desired = {a: own.attributes for a, own in live.items()} | swapped
    made = planned(desired, live)
    assert steps(made) == ["update role/chief", "update role/boss"]
    assert made.changes[1].needs == ("role/chief",)
    old = replace(made, changes=tuple(replace(c, needs=()) for c in made.changes))
    again = judge_again(old, inputs({}, live), KINDS)
    assert again.changes == made.changes and not again.refused


@pytest.mark.parametrize("scope", ["company", "workspace"])
def test_where_no_order_keeps_a_place_open_the_guard_says_so_and_its_words_let_it_pass(scope: str) -> None:
    """Roles that change hands in a tree do so from the top down, in one order only; here it is the wrong one."""
    place = {"company": "member/{}@acme.com", "workspace": "membership/x/{}@acme.com"}[scope]
    live = {
        X: Live({}),
        "member/ann@acme.com": person("standard"),
        "member/ben@acme.com": person("standard"),
        "role/high": Live({"scope": scope, "extends": "admin"}),
        "role/low": Live({"scope": scope, "extends": "standard" if scope == "company" else "viewer"}),
        "role/one": Live({"scope": scope, "extends": "high"}),
        "role/two": Live({"scope": scope, "extends": "low"}),
        place.format("ann"): Live({"role": "one"}, {"status": "active"} if scope == "company" else {}),
        place.format("ben"): Live({"role": "two"}, {"status": "active"} if scope == "company" else {}),
    }
    swapped = {"role/one": {"scope": scope, "extends": "low"}, "role/two": {"scope": scope, "extends": "high"}}
    desired = {a: own.attributes for a, own in live.items()} | swapped
    policy = Policy(min_company_admins=1)
    made = planned(desired, live, policy=policy)
    guards = {"company": ["company-admins", "workspace-admins"], "workspace": ["workspace-admins"]}[scope]
    assert [v.guard for v in made.refused] == guards
    said = "in no order of these changes could somebody sign in as an admin all the time"
    assert all(said in item for v in made.refused for item in v.items)
    words = tuple(word for v in made.refused for word in v.override.split()[1::2])
    assert not planned(desired, live, policy=policy, allow=words).refused


@pytest.mark.parametrize(("day", "last"), [("2026-11-20", "2026-11-26"), ("9999-12-31", "9999-12-31")])
def test_a_week_ends_where_the_calendar_does(day: str, last: str) -> None:
    assert soon(date.fromisoformat(day)).isoformat() == last
