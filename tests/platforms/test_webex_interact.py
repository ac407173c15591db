"""Webex Interact's API sends messages and does nothing else: everything is a step. It needs no fake: there is nothing to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.codec import replace
from orgform.errors import ConfigInvalid
from orgform.kinds import load_kinds
from orgform.model import Address, Base, Desired, Live
from orgform.planning import PlanInputs, TargetState, make_plan
from orgform.planning.inverse import Inverse, Step, Today
from orgform.providers import find_spec
from orgform.providers.base import Capabilities, KindCapability, TargetContext
from tests.platforms.hands import LATER, TODAY, asked, changed, done, example, step, warnings, written

FIRST = "transfer/2026-11-launch-us"


@pytest.fixture
def interact(tmp_path: Path) -> app.Options:
    return app.Options(folder=example("webex-interact", tmp_path), today=TODAY)


def test_the_whole_example_is_steps_and_only_money_that_moved_is_never_asked_for_again(interact: app.Options) -> None:
    first = app.plan(interact)
    assert first.changes == ()
    done(interact, first)
    second = app.plan(interact)
    assert (second.manual_steps, second.unmanaged, second.costs) == ((), (), ())
    assert {a.address for a in second.attested} == {s.address for s in first.manual_steps}
    later = app.plan(replace(interact, today=LATER))
    assert asked(later) == [s for s in asked(first) if not s[1].startswith("transfer/")]


def test_a_transfer_is_told_with_its_cost_and_what_comes_first(interact: app.Options) -> None:
    plan = app.plan(interact)
    moved = step(plan, "transfer/2026-11-us-to-eu")
    assert moved.instructions == "do the transfer 2026-11-us-to-eu once by hand"
    assert moved.values == {"From workspace": "Brand X - US", "To workspace": "Brand X - EU", "Amount": 100, "Currency": "USD"}
    assert set(moved.waits_for) == {"workspace/brand-x-us", "workspace/brand-x-eu"}
    assert "transaction history" in moved.note
    assert [c.address for c in plan.costs if c.address.startswith("transfer/")] == [FIRST, "transfer/2026-11-us-to-eu"]
    assert "From workspace" not in step(plan, FIRST).values


def test_a_transfer_that_was_done_is_not_done_otherwise_nor_taken_back(interact: app.Options) -> None:
    done(interact, app.plan(interact))
    changed(interact.folder, "amount: 500", "amount: 5000")
    plan = app.plan(interact)
    assert plan.manual_steps == ()
    [told] = [d for d in plan.diagnostics if d.code == "ORG512"]
    assert told.summary.startswith(
        f"{FIRST} was done already (amount 500, currency USD, to brand-x-us), and what is written now is another one"
    )
    assert told.source
    file = interact.folder / "company.yaml"
    text = file.read_text()
    file.write_text("".join(line for line in text.splitlines(True) if "2026-11-launch-us" not in line))
    for options in (interact, replace(interact, today=LATER)):
        gone = app.plan(options)
        assert not [s for s in asked(gone) if s[1] == FIRST]
        assert FIRST not in {u.address for u in gone.unmanaged}
    file.write_text(text.replace("amount: 5000", "amount: 500"))
    assert FIRST not in {a for _, a in asked(app.plan(replace(interact, today=LATER)))}
    assert not [s for s in asked(app.plan(interact, destroy=True)) if s[1].startswith("transfer/")]


def test_a_platform_that_does_transfers_by_its_api_does_each_once_and_no_undo_takes_it_back() -> None:
    kinds, address, made = load_kinds(), Address(FIRST), {"to": "us", "amount": 500}
    by_api = Capabilities(kinds={"transfer": KindCapability()})
    state = TargetState("bank", "bank:acme", frozenset({"transfer"}), capabilities=by_api)
    inputs = PlanInputs(desired={address: Desired(made)}, live={}, targets={"bank": state}, base={})
    [change] = make_plan(inputs, kinds).changes
    assert (change.action, change.undo, change.loses) == ("create", "irreversible", ("it is done once and never taken back",))
    gone = make_plan(replace(inputs, base={address: Base(made)}), kinds)
    assert (gone.changes, gone.manual_steps, gone.ledger.forget) == ((), (), ())
    there = {address: Live(made)}
    today = Today(there, {address: Base(made)}, {}, lambda a: False, lambda a: False, frozenset({"transfer"}))
    undone = Inverse([Step(change)], today, kinds)
    assert undone.wanted == {}
    assert undone.left[address].why == "it is done once and never taken back"


def test_another_transfer_has_an_id_of_its_own(interact: app.Options) -> None:
    done(interact, app.plan(interact))
    changed(interact.folder, "transfers:\n", "transfers:\n  2026-12-topup: {to: brand-x-eu, amount: 50}\n")
    assert asked(app.plan(interact)) == [("create", "transfer/2026-12-topup")]


def test_no_other_provider_has_transfers(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        {
            "targets": {"acme": {"provider": "local", "database": "acme.db"}},
            "company": {"name": "Acme", "primary_domain": "acme.com"},
            "domains": {"acme.com": {}},
            "workspaces": {"w": {}},
            "transfers": {"once": {"to": "w", "amount": 1}},
        },
    )
    with pytest.raises(ConfigInvalid) as caught:
        app.validate(app.Options(folder=folder))
    assert [d.code for d in caught.value.diagnostics] == ["ORG410"]
    text = (folder / "company.yaml").read_text().replace("database: acme.db", "database: acme.db\n    kinds: [transfer]")
    (folder / "company.yaml").write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        app.validate(app.Options(folder=folder))
    assert "ORG409" in [d.code for d in caught.value.diagnostics]


def test_payments_say_that_a_failed_charge_switches_them_off_and_are_entered_whole(interact: app.Options) -> None:
    done(interact, app.plan(interact))
    changed(interact.folder, "threshold: 50", "threshold: 75")
    [top_up] = app.plan(interact).manual_steps
    assert "a charge that fails switches it off" in top_up.note
    assert top_up.values == {
        "Workspace": "Brand X - US",
        "When the balance falls below": 75,
        "Top up by": 200,
        "At most so many times a month": 3,
        "Currency": "USD",
    }
    assert top_up.now == {"When the balance falls below": 50}
    assert top_up.who == "the Account Owner"


def test_an_invite_has_the_role_that_nobody_wrote(interact: app.Options) -> None:
    assert step(app.plan(interact), "member/bob@acme.com").values == {"E-mail": "bob@acme.com", "Name": "Bob Roy", "Role": "Marketer"}


def test_who_is_let_into_a_workspace_keeps_the_role_of_the_account(tmp_path: Path) -> None:
    """No role is written for Alice there: the usual one of a config would have the Owner let in as a Marketer."""
    folder = written(
        tmp_path / "roles",
        {
            "company": {"name": "Acme", "primary_domain": "acme.com"},
            "domains": {"acme.com": {}},
            "targets": {"wi": {"provider": "webex-interact", "account": "acme"}},
            "members": {"alice@acme.com": {"name": "Alice", "role": "owner"}, "bob@acme.com": {"role": "admin"}},
            "workspaces": {"one": {"name": "One", "members": {"alice@acme.com": {}, "bob@acme.com": "admin"}}},
        },
    )
    made = app.plan(app.Options(folder, today=TODAY))
    alice, bob = (step(made, f"membership/one/{who}@acme.com") for who in ("alice", "bob"))
    assert alice.values == {"Workspace": "One", "Teammate": "alice@acme.com"}
    assert bob.values["role"] == "Administrator"


def test_workspaces_are_enabled_by_support_and_made_by_owners(interact: app.Options) -> None:
    made = step(app.plan(interact), "workspace/brand-x-us")
    assert "ask Webex Interact's support" in made.note
    assert made.who == "an Account Owner"
    invited = step(app.plan(interact), "membership/brand-x-us/bob@acme.com")
    assert invited.who == "an Owner or an Administrator; an Administrator manages Marketers only"


def told(folder: Path, **more: Any) -> list[str]:
    config = {
        "targets": {"interact": {"provider": "webex-interact"}},
        "company": {"name": "Acme", "primary_domain": "acme.com"},
        "domains": {"acme.com": {}},
        **more,
    }
    options = app.Options(folder=written(folder, config), today=TODAY)
    try:
        return warnings(app.validate(options).diagnostics)
    except ConfigInvalid as error:
        return [f"{d.code} {d.summary}; {d.detail}" for d in error.diagnostics]


def test_two_roles_of_one_teammate_are_an_error(tmp_path: Path) -> None:
    people = {"a@acme.com": {}, "b@acme.com": {"role": "admin"}}
    spaces = {
        "eu": {"members": {"a@acme.com": "member", "b@acme.com": "admin"}},
        "us": {"members": {"a@acme.com": "admin", "b@acme.com": "member"}},
    }
    assert told(tmp_path, members=people, workspaces=spaces) == [
        "ORG414 a@acme.com is Administrator in us and Marketer in eu: Webex Interact has one role for a teammate, in all workspaces; "
        "choose one of the two, here and in eu",
        "ORG414 b@acme.com is Marketer in us and Administrator in the account: Webex Interact has one role for a teammate, in all "
        "workspaces; choose one of the two, here and in the account",
    ]


def test_fifty_users_are_an_account(tmp_path: Path) -> None:
    people: dict[str, dict[str, str]] = {f"p{n}@acme.com": {} for n in range(51)}
    assert told(tmp_path, members=people) == [
        "ORG413 51 members, and Webex Interact takes 50: an account has up to 50 users; remove 1 of them; this is the first beyond"
    ]
    people.pop("p50@acme.com")
    assert told(tmp_path, members=people) == []


def test_what_it_does_not_have_is_told(tmp_path: Path) -> None:
    config = {
        "members": {"a@acme.com": {"role": "owner"}, "b@acme.com": {"role": "owner"}},
        "workspaces": {"us": {"name": "US", "region": "us"}},
    }
    assert told(tmp_path, **config)[-1].startswith("ORG412 Webex Interact has no `region` for a workspace")
    config["workspaces"] = {"us": {"name": "US"}}
    assert told(tmp_path, **config) == ["ORG416 b@acme.com would be a second Owner after a@acme.com, and the account holder is one person"]
    assert "moves balance from us to itself" in told(tmp_path, **config, transfers={"t": {"from": "us", "to": "us", "amount": 1}})[-1]


def test_the_provider_asks_nobody(tmp_path: Path) -> None:
    spec = find_spec("webex-interact")
    assert spec
    provider = spec.open(TargetContext("interact", {"account": "acme"}, tmp_path, load_kinds(), lambda name: ""))
    assert provider.system == "webex-interact:acme"
    assert not any(result.complete for result in provider.read(["member"]))
