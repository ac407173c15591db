"""A plan as two: what each part holds, what it is judged by, and that both together are the whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from orgform.codec import replace
from orgform.kinds import load_kinds
from orgform.model import Address, Attributes, Base, Change, Desired, Lifecycle, Live, Move, Outcome, Plan, Policy
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


def lowered(live: dict[Address, Attributes], plan: Plan) -> list[tuple[str, str]]:
    """(member, scope) where somebody can do less after the plan."""
    change = AccessChange(live, {}, plan.changes, KINDS)
    found = []
    for member in {item.member for item in plan.access.lost}:
        before, after = change.strongest(member)
        found += [(member, scope) for scope, role in before.items() if after.get(scope) != role and change.lowered(role, after.get(scope))]
    return found


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
    for name in ("gained", "lost"):
        other = "lost" if name == "gained" else "gained"
        told = {part: (set(getattr(part.access, name)), set(getattr(part.access, other))) for part in (additive, destructive)}
        first, second = told[additive], told[destructive]
        assert set(getattr(whole.access, name)) == (first[0] - second[1]) | (second[0] - first[1])
