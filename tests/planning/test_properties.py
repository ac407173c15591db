"""What holds for any base, any config and any live system."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform.codec import encode, replace
from orgform.model import Address, Attributes, Desired, Live, Outcome, Plan, Policy
from orgform.planning import make_plan
from orgform.planning.diff import Triple, compare, difference, fingerprint, merge_patch, patched, project
from orgform.planning.order import dependencies, ordered, references_between
from orgform.preconditions import Judge
from orgform.testing.fake import FakeProvider, dangling
from orgform.testing.scenarios import MemoryRecorder
from tests.planning.worlds import EVERYTHING, KINDS, inputs, lifecycles, states, steps

PROFILE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def applied(plan: Plan, live: FakeProvider, base: dict[Address, Any]) -> dict[Address, Any]:
    """Does the changes one by one, each on the live system as it was read before the first; nothing may dangle at any point."""
    recorder = MemoryRecorder(base, plan, KINDS)
    judge = Judge(plan, dict(live.resources), KINDS, "run")
    for change in plan.changes:
        verdict = judge.verdict(change)
        if verdict.operation:
            operation = replace(verdict.operation, etag=None)
            gone = change.action == "delete" and change.address not in live.resources
            result = "done" if gone else live.write([operation])[0]
            assert result == "done" or result.status == "done", (change, result, steps(plan))
        assert not dangling(live), (change.address, dangling(live), steps(plan))
        recorder.record([(change, Outcome(change.target, change.address, change.action, "done"))], {})
    return recorder.base


@PROFILE
@given(base=st.none() | states(), desired=states(), live=states(), authoritative=st.sets(st.sampled_from(["tag", "membership"])))
def test_it_converges_and_no_prefix_leaves_a_dangling_reference(
    base: dict[Address, Attributes] | None, desired: dict[Address, Attributes], live: dict[Address, Attributes], authoritative: set[str]
) -> None:
    policy = Policy(authoritative=tuple(sorted(authoritative)) if base is not None else ())
    system = FakeProvider({a: Live(own) for a, own in live.items()})
    desired = _reachable(desired, base, live)
    made = make_plan(inputs(desired, system.resources, base, allow=EVERYTHING, policy=policy), KINDS)
    if any(v.guard == "immutable" for v in made.refused) or not _can_be(desired, system, made):
        return
    known = applied(made, system, dict(inputs(base=base).base or {}))
    again = make_plan(inputs(desired, system.resources, known, policy=policy), KINDS)
    assert steps(again) == []
    assert not again.ledger.remember and not again.ledger.forget


def _reachable(desired: dict[Address, Attributes], base: Any, live: dict[Address, Attributes]) -> dict[Address, Attributes]:
    """Unmanaged live resources go on naming what they name: the config declares all that is live and unknown to base."""
    kept = {a: own for a, own in live.items() if base is None or a not in base}
    return {**kept, **desired}


def _can_be(desired: dict[Address, Attributes], system: FakeProvider, made: Plan) -> bool:
    """Whether the state that the plan ends in has no reference that leads nowhere: what is no longer written stays as it is."""
    end = {a: live.attributes for a, live in system.resources.items()}
    for change in made.changes:
        if change.after is None:
            end.pop(change.address, None)
        else:
            kind = KINDS.of(change.address)
            end[change.address] = patched(end.get(change.address, {}), merge_patch(change.before or {}, change.after, kind), kind)
    named = [(a, r) for a, own in end.items() for r in (*KINDS.identity_references(a), *(r for _, r in KINDS.attribute_references(a, own)))]
    circles = [a for a in end if _circles(a, end)]
    return all(r in end or KINDS.is_builtin(r) for _, r in named) and not circles


def _circles(address: Address, end: dict[Address, Attributes]) -> bool:
    seen: set[str] = set()
    here: str | None = address
    while here and here not in seen:
        seen.add(here)
        own = end.get(Address(here), {})
        kind, _, _ = here.partition("/")
        up = own.get("parent") if kind == "workspace" else own.get("extends") if kind == "role" else None
        here = f"{kind}/{up}" if up else None
    return here is not None


@PROFILE
@given(base=st.none() | states(), desired=states(), live=states(), lifecycle=lifecycles())
def test_equal_inputs_give_byte_equal_plans_that_round_trip(base: Any, desired: Any, live: Any, lifecycle: Any) -> None:
    wanted = {a: Desired(own, lifecycle=lifecycle) for a, own in desired.items()}
    one = make_plan(inputs(wanted, live, base), KINDS)
    other = make_plan(inputs(dict(reversed(wanted.items())), dict(reversed(live.items())), base and dict(reversed(base.items()))), KINDS)
    assert one.to_json() == other.to_json()
    assert Plan.from_json(one.to_json()) == one


@PROFILE
@given(base=states(), desired=states(), live=states())
def test_a_plan_can_be_put_in_order_again_from_its_changes_alone(base: Any, desired: Any, live: Any) -> None:
    changes = make_plan(inputs(desired, live, base), KINDS).changes
    assert ordered(changes, KINDS) == changes
    for index, (must, finish) in enumerate(dependencies(changes, KINDS)):
        assert all(other < index for other in must | finish)
        assert not must & finish


@PROFILE
@given(base=states(), desired=states(), live=states(), only=st.sampled_from(["*/x*", "member/*", "group/*", "*/g", "workspace/y"]))
def test_only_chooses_a_part_of_the_plan_that_stands_by_itself(base: Any, desired: Any, live: Any, only: str) -> None:
    whole = make_plan(inputs(desired, live, base), KINDS)
    part = make_plan(inputs(desired, live, base, only=(only,)), KINDS)
    assert set(steps(part)) <= set(steps(whole))
    chosen = set(steps(part))
    # What a change waits for in this plan so that nobody is locked out is no part of it: the part is judged as a plan of its own.
    named = [replace(c, needs=()) for c in whole.changes]
    for change, must in zip(whole.changes, references_between(named, KINDS).must, strict=True):
        assert set(change.needs) <= {c.address for c in whole.changes}
        if f"{change.action} {change.address}" in chosen:
            assert {steps(whole)[i] for i in must} <= chosen


@PROFILE
@given(base=states(), live=states())
def test_without_a_config_nothing_is_deleted_that_base_does_not_know(base: Any, live: Any) -> None:
    assert {c.address for c in make_plan(inputs({}, live, base), KINDS).changes} == base.keys() & live.keys()
    assert make_plan(inputs({}, live, None), KINDS).changes == ()


ATTRIBUTES = states().map(lambda s: s.get(Address("workspace/x"), {}))


@PROFILE
@given(before=ATTRIBUTES, after=ATTRIBUTES, live=ATTRIBUTES)
def test_a_patch_brings_about_exactly_what_the_config_says(before: Attributes, after: Attributes, live: Attributes) -> None:
    kind = KINDS["workspace"]
    shown, fields = compare(Triple(before, after, live), kind)
    assert project(shown, live, kind) == shown
    assert fingerprint(project(shown, live, kind)) == fingerprint(shown)
    result = patched(live, merge_patch(shown, after, kind), kind)
    assert compare(Triple(after, after, result), kind)[1] == ()
    assert bool(merge_patch(shown, after, kind)) == bool(fields)
    found = difference(Triple(before, after, live), kind)
    assert (found is None) == (fields == ())
    assert encode(shown) == encode(compare(Triple(before, after, live), kind)[0])
