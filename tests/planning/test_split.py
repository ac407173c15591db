"""A plan as two: what each part holds, what it is judged by, and that both together are the whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from orgform.codec import replace
from orgform.kinds import load_kinds
from orgform.model import AccessItem, Address, Attributes, Base, Change, Desired, Lifecycle, Live, Move, Outcome, Part, Plan
from orgform.planning import PlanInputs, judge_again, make_plan
from orgform.planning.access import AccessChange
from orgform.planning.order import dependencies, ordered
from orgform.planning.split import split
from orgform.preconditions import Judge, still_true
from orgform.providers.base import Capabilities, KindCapability
from orgform.testing.fake import FakeProvider, dangling
from orgform.testing.scenarios import MemoryRecorder
from tests.planning.test_properties import _can_be, _reachable
from tests.planning.worlds import EVERYTHING, KINDS, inputs, states, steps, target

PROFILE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
BASE = {"company/company": {"name": "Acme", "primary_domain": "acme.com"}, "domain/acme.com": {}}
ALICE, BOB, CAROL = (f"member/{name}@acme.com" for name in ("alice", "bob", "carol"))


def parts(given: PlanInputs) -> tuple[Plan, Plan, Plan]:
    whole = make_plan(given, KINDS)
    return whole, *split(whole, given, KINDS)


def of(desired: Any, live: Any, **more: Any) -> tuple[Plan, Plan, Plan]:
    """Everything that is live was applied before."""
    known = {a: own.attributes if isinstance(own, Live) else own for a, own in live.items()}
    return parts(inputs({**BASE, **desired}, {**BASE, **live}, {**BASE, **known}, allow=EVERYTHING, **more))


def verdicts(made: Plan) -> dict[str, str]:
    return {g.guard: g.verdict for g in made.guards}


def apply(plan: Plan, system: FakeProvider, base: dict[Address, Any]) -> tuple[dict[Address, Any], list[Outcome]]:
    """One change after the other, as an apply does it; whatever needs something that was not done is skipped. Nothing dangles."""
    recorder = MemoryRecorder(base, plan, KINDS)
    read = dict(system.resources)
    judge = Judge(replace(plan, ledger=still_true(plan, read, KINDS)), read, KINDS, "run")
    waits = dependencies(plan.changes, KINDS)
    done: list[Outcome] = []
    for change, (must, _) in zip(plan.changes, waits, strict=True):
        verdict = judge.verdict(change)
        status = "skipped" if any(done[n].status != "done" for n in must) else verdict.status
        if status == "done" and verdict.operation:
            gone = change.action == "delete" and change.address not in system.resources
            assert gone or system.write([replace(verdict.operation, etag=None)])[0].status == "done", (change, steps(plan))
        assert not dangling(system), (change.address, dangling(system), steps(plan))
        done.append(Outcome(change.target, change.address, change.action, status, verdict.detail))
        recorder.record([(change, done[-1])], {})
    return recorder.base, done


def lowered(live: dict[Address, Attributes], plan: Plan) -> list[AccessItem]:
    """What somebody loses without having as much or more by the same path."""
    change = AccessChange(live, {}, plan.changes, KINDS)
    gained = {(item.member, item.workspace, item.path): item.role for item in plan.access.gained}
    return [item for item in plan.access.lost if change.lowered(item.role, gained.get((item.member, item.workspace, item.path)))]


@PROFILE
@given(base=states(), desired=states(), live=states())
def test_both_parts_one_after_the_other_are_the_whole(base: Any, desired: Any, live: Any) -> None:
    desired = _reachable(desired, base, live)
    given_ = inputs(desired, {a: Live(own) for a, own in live.items()}, base, allow=EVERYTHING)
    whole, additive, destructive = parts(given_)
    systems = [FakeProvider({a: Live(own) for a, own in live.items()}) for _ in range(3)]
    assert sorted(steps(additive) + steps(destructive)) == sorted(steps(whole))
    assert not [c for c in additive.changes if c.action == "delete" or c.risk == "destructive"]
    for part in (additive, destructive):
        assert ordered(part.changes, KINDS) == part.changes
        assert Plan.from_json(part.to_json()) == part
    if any(v.guard == "immutable" for v in whole.refused) or not _can_be(desired, systems[0], whole):
        return
    assert lowered(live, additive) == []
    known = dict(given_.base or {})
    at_once, _ = apply(whole, systems[0], known)
    between, first = apply(additive, systems[1], known)
    in_two, second = apply(destructive, systems[1], between)
    assert {o.status for o in (*first, *second)} <= {"done"}
    assert {a: r.attributes for a, r in systems[1].resources.items()} == {a: r.attributes for a, r in systems[0].resources.items()}
    assert in_two == at_once
    # The other way round nothing wrong is done: what needs the additive part is skipped until that is there.
    early, outcomes = apply(destructive, systems[2], known)
    assert {o.status for o in outcomes} <= {"done", "skipped"}
    needing = destructive.part.needs if destructive.part else {}
    assert needing.keys() <= {o.address for o in outcomes if o.status == "skipped"}
    then, _ = apply(additive, systems[2], early)
    late, _ = apply(destructive, systems[2], then)
    assert {a: r.attributes for a, r in systems[2].resources.items()} == {a: r.attributes for a, r in systems[0].resources.items()}
    assert late == at_once


@PROFILE
@given(base=states(), desired=states(), live=states())
def test_the_parts_tell_of_access_what_the_whole_tells(base: Any, desired: Any, live: Any) -> None:
    whole, additive, destructive = parts(inputs(desired, live, base, allow=EVERYTHING))
    one, two = additive.access, destructive.access
    assert set(whole.access.gained) == (set(one.gained) - set(two.lost)) | (set(two.gained) - set(one.lost))
    assert set(whole.access.lost) == (set(one.lost) - set(two.gained)) | (set(two.lost) - set(one.gained))


def test_what_creates_changes_or_gives_comes_first_and_what_deletes_or_takes_later() -> None:
    live = {
        ALICE: {"role": "owner"},
        BOB: {"role": "standard", "name": "Bob"},
        "group/g": {"members": ["bob@acme.com"]},
        "workspace/x": {"name": "X"},
    }
    desired = {
        ALICE: {"role": "owner"},
        BOB: {"role": "standard", "name": "Robert"},
        "group/g": {"members": ["alice@acme.com"]},
        "workspace/y": {},
    }
    whole, additive, destructive = of(desired, live)
    assert steps(additive) == [f"update {BOB}", "create workspace/y"] or steps(additive) == ["create workspace/y", f"update {BOB}"]
    assert sorted(steps(destructive)) == ["delete workspace/x", "update group/g"]
    assert additive.summary == {"create": 1, "update": 1, "delete": 0, "manual": 0, "waiting": 0, "unmanaged": 0}
    assert destructive.summary == {"create": 0, "update": 1, "delete": 1, "manual": 0, "waiting": 0, "unmanaged": 0}
    assert whole.estimate.api_calls < additive.estimate.api_calls + destructive.estimate.api_calls
    assert additive.part and additive.part.name == "additive" and not additive.part.first


def test_a_grant_is_judged_by_what_its_role_is_until_the_destructive_part_is_applied() -> None:
    """The role is going to be less than admin; before that, to be admin in its place takes what it has besides."""
    role: Attributes = {"scope": "workspace", "permissions": ["p"]}
    live = {"role/high": {**role, "extends": "admin"}, "workspace/x": {}, ALICE: {}, "membership/x/alice@acme.com": {"role": "high"}}
    desired = {**live, "role/high": {**role, "extends": "viewer"}, "membership/x/alice@acme.com": {"role": "admin"}, BOB: {}}
    _, additive, destructive = of(desired, live)
    assert steps(additive) == [f"create {BOB}"]
    assert sorted(steps(destructive)) == ["update membership/x/alice@acme.com", "update role/high"]


def test_a_rename_is_additive_and_what_goes_under_the_new_name_needs_it() -> None:
    live = {"workspace/old": {}, ALICE: {}, "membership/old/alice@acme.com": {"role": "viewer"}}
    given_ = inputs(
        {**BASE, "workspace/new": {}, ALICE: {}},
        {**BASE, **live},
        {**BASE, **live},
        allow=EVERYTHING,
        moved=(Move(Address("workspace/old"), Address("workspace/new")),),
    )
    _, additive, destructive = parts(given_)
    assert steps(additive) == ["update workspace/new"]
    assert steps(destructive) == ["delete membership/new/alice@acme.com"]
    assert destructive.access.lost and not additive.access.lost
    judge = Judge(destructive, given_.live, KINDS, "run")
    verdict = judge.verdict(destructive.changes[0])
    assert (verdict.status, verdict.detail) == ("skipped", "needs workspace/new, which is not so yet: apply the additive plan first")


def test_a_proved_name_loses_its_proof_with_a_rename_and_what_names_it_waits_for_that() -> None:
    live = {**BASE, "domain/old.example": {}, ALICE: {}}
    desired = {"company/company": {"name": "Acme", "primary_domain": "new.example"}, "domain/acme.com": {}, "domain/new.example": {}}
    moved = (Move(Address("domain/old.example"), Address("domain/new.example")),)
    _, additive, destructive = parts(inputs({**desired, ALICE: {"name": "A"}}, live, live, allow=EVERYTHING, moved=moved))
    assert steps(additive) == [f"update {ALICE}"]
    assert steps(destructive) == ["update domain/new.example", "update company/company"]
    assert [c.risk for c in destructive.changes] == ["modifying", "modifying"]


def test_each_part_is_judged_by_itself_and_the_second_on_what_the_first_leaves() -> None:
    """An admin for another: taking the one away is fine once the other is there, and only then."""
    active = {"status": "active"}
    live = {
        ALICE: Live({"role": "owner"}, active),
        BOB: Live({"role": "owner"}, active),
        CAROL: Live({"role": "standard"}, active),
    }
    desired = {ALICE: {"role": "owner"}, BOB: {"role": "standard"}, CAROL: {"role": "owner"}}
    known = {a: own.attributes for a, own in live.items()}
    given_ = inputs({**BASE, **desired}, {**BASE, **live}, {**BASE, **known})
    whole, additive, destructive = parts(given_)
    assert not whole.refused and not additive.refused and not destructive.refused
    assert steps(destructive) == [f"update {BOB}"]
    assert verdicts(destructive)["company-admins"] == "passed"
    assert "company-admins" not in verdicts(additive)
    assert destructive.part and CAROL in destructive.part.needs[Address(BOB)]
    assert [g.guard for g in judge_again(destructive, given_, KINDS).refused] == ["company-admins"]
    later = replace(given_, live={**given_.live, Address(CAROL): Live({"role": "owner"}, active)})
    assert not judge_again(destructive, later, KINDS).refused


def test_who_is_new_counts_for_no_admin_in_the_second_part_either() -> None:
    active = {"status": "active"}
    live = {ALICE: Live({"role": "owner"}, active), BOB: Live({"role": "owner"}, active)}
    desired = {ALICE: {"role": "owner"}, CAROL: {"role": "owner"}}
    known = {a: own.attributes for a, own in live.items()}
    whole, additive, destructive = parts(inputs({**BASE, **desired}, {**BASE, **live}, {**BASE, **known}, allow=("deletes:*",)))
    assert [g.guard for g in whole.refused] == [g.guard for g in destructive.refused] == ["company-admins"]
    assert not additive.refused


def test_each_part_has_the_verdicts_that_concern_it() -> None:
    live = {"workspace/x": {"region": "eu"}, "workspace/y": {}, ALICE: {"name": "A"}}
    known = {**live, "workspace/y": Base({}, prevent_destroy=True)}
    desired = {"workspace/x": {"region": "us"}, ALICE: {"name": "B"}}
    whole, additive, destructive = parts(inputs({**BASE, **desired}, {**BASE, **live}, {**BASE, **known}, allow=("deletes:*",)))
    assert {g.guard for g in whole.refused} == {"immutable", "prevent-destroy"}
    assert {g.guard for g in additive.refused} == {"immutable"}
    assert {g.guard for g in destructive.refused} == {"prevent-destroy"}


def test_an_incomplete_read_speaks_against_both_parts() -> None:
    state = target(problems={"tag": "a page failed"})
    live = {ALICE: {"name": "A"}, "workspace/x": {}}
    _, additive, destructive = parts(inputs({**BASE, ALICE: {"name": "B"}}, {**BASE, **live}, {**BASE, **live}, state=state))
    assert verdicts(additive)["incomplete-read"] == verdicts(destructive)["incomplete-read"] == "refused"


def test_what_is_so_already_is_remembered_with_the_first_part_and_protection_with_its_own() -> None:
    live = {"workspace/x": {}, "workspace/y": {"name": "Y"}, "group/g": {"members": ["alice@acme.com"]}, ALICE: {}, "workspace/z": {}}
    known = {a: own for a, own in live.items() if a != "workspace/x"} | {"tag/y/t": {}}
    protect = Lifecycle(prevent_destroy=True)
    desired = {
        "workspace/x": {},
        "workspace/y": Desired({"name": "Y 2"}, lifecycle=protect),
        "group/g": Desired({"members": []}, lifecycle=protect),
        ALICE: {},
    }
    whole, additive, destructive = parts(inputs({**BASE, **desired}, {**BASE, **live}, {**BASE, **known}, allow=EVERYTHING))
    assert set(whole.ledger.protect) == {"workspace/y", "group/g"}
    assert additive.ledger == replace(whole.ledger, protect=(Address("workspace/y"),))
    assert additive.ledger.forget == ("tag/y/t",) and "workspace/x" in additive.ledger.remember
    assert destructive.ledger.protect == ("group/g",)
    assert not destructive.ledger.remember and not destructive.ledger.forget


def test_what_people_are_to_delete_is_a_step_of_the_second_part() -> None:
    by_hand = KindCapability(read="api", create="manual", update="manual", delete="manual")
    state = target(capabilities=Capabilities(kinds={"tag": by_hand, **{k: KindCapability() for k in load_kinds() if k != "tag"}}))
    live: dict[str, Attributes] = {"workspace/x": {}, "tag/x/old": {}}
    desired: dict[str, Attributes] = {"workspace/x": {}, "tag/x/new": {}}
    whole, additive, destructive = parts(inputs({**BASE, **desired}, {**BASE, **live}, {**BASE, **live}, state=state))
    assert [s.address for s in additive.manual_steps] == ["tag/x/new"] and additive.summary["manual"] == 1
    assert [s.address for s in destructive.manual_steps] == ["tag/x/old"] and destructive.summary["manual"] == 1
    assert whole.summary["manual"] == 2


def test_an_empty_plan_has_two_empty_parts() -> None:
    _, additive, destructive = parts(inputs(BASE, BASE, BASE))
    assert additive.changes == destructive.changes == ()
    assert additive.estimate.api_calls == destructive.estimate.api_calls == 0


@pytest.mark.parametrize(
    "live", [{"name": "New", "labels": {"k": "v", "other": "x"}}, {"name": "New", "labels": {"k": "v"}, "region": "eu"}]
)
def test_what_else_was_changed_since_does_not_matter_to_a_need(live: Attributes) -> None:
    first = Change(
        "update",
        "acme",
        Address("workspace/x"),
        "config",
        {"name": "Old", "labels": {"k": None, "gone": "1"}},
        {"name": "New", "labels": {"k": "v"}},
    )
    _, _, some = of({}, {"workspace/y": {}})
    plan = replace(some, part=Part("destructive", (first,), {Address("workspace/y"): (first.address,)}))
    there = {Address("workspace/y"): Live({}), Address("workspace/x"): Live(live)}
    assert Judge(plan, there, KINDS, "run").verdict(plan.changes[0]).operation
    still = {**there, Address("workspace/x"): Live({**live, "labels": {"k": "v", "gone": "1"}})}
    assert Judge(plan, still, KINDS, "run").verdict(plan.changes[0]).status == "skipped"
