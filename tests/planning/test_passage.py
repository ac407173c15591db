"""Wherever an apply is cut off, and whatever of it fails, somebody can still sign in as an admin who could before and can after."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform.model import Address, Attributes, Change, Live, Move, Plan, Policy, kind_of
from orgform.planning import PlanInputs, make_plan
from orgform.planning.access import effective_access
from orgform.planning.diff import merge_patch, patched
from orgform.planning.order import dependencies
from orgform.planning.scope import relabel
from orgform.providers.base import Capabilities
from tests.planning.worlds import KINDS, inputs, target

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
LONG = settings(QUICK, max_examples=10_000)
PEOPLE = ["ann@acme.com", "ben@acme.com", "cid@acme.io", "dee@acme.io"]
PLACES = ["x", "y", "z"]
OWN = Address("member/ann@acme.com")
ALLOWED = ("deletes:*", "incomplete-read:*")
State = dict[Address, Live]


@st.composite
def companies(draw: st.DrawFn) -> dict[Address, Attributes]:
    """Small, with everything by which somebody may be an admin, densely used."""
    found: dict[str, Attributes] = {f"domain/{d}": {} for d in ("acme.com", "acme.io") if draw(st.integers(0, 5))}
    boss = {"scope": "workspace"} | ({"extends": draw(st.sampled_from(["admin", "viewer"]))} if draw(st.booleans()) else {})
    found["role/boss"] = boss
    members = [m for m in PEOPLE if draw(st.integers(0, 5))]
    for member in members:
        found[f"member/{member}"] = {"role": draw(st.sampled_from(["owner", "admin", "standard", "standard", "standard"]))}
    for group in ("g", "h"):
        if draw(st.booleans()):
            found[f"group/{group}"] = {"members": sorted(draw(st.sets(st.sampled_from(members)))) if members else []}
    places = [p for p in PLACES if draw(st.integers(0, 3))]
    for index, place in enumerate(places):
        above = {"parent": draw(st.sampled_from(places[:index]))} if index and draw(st.booleans()) else {}
        found[f"workspace/{place}"] = above
        principals = [*members, *(f"group:{g}" for g in ("g", "h") if f"group/{g}" in found)]
        for principal in draw(st.sets(st.sampled_from(principals))) if principals else ():
            found[f"membership/{place}/{principal}"] = {"role": draw(st.sampled_from(["admin", "admin", "boss", "viewer"]))}
    for domain in ("acme.com", "acme.io"):
        if f"domain/{domain}" in found and places and not draw(st.integers(0, 2)):
            found[f"domain/{domain}"] = {"auto_join": {"workspace": draw(st.sampled_from(places)), "role": "admin"}}
    return {Address(a): own for a, own in found.items()}


def seen(draw: Any, state: Mapping[Address, Attributes]) -> State:
    """As it lives: most people are active, most domains verified."""
    words = {"member": ["active"] * 4 + ["suspended"], "domain": ["verified"] * 3 + ["pending"]}
    return {a: Live(own, {"status": draw(st.sampled_from(words[kind_of(a)]))} if kind_of(a) in words else {}) for a, own in state.items()}


def renames(draw: Any, desired: Mapping[Address, Attributes], base: Mapping[Address, Attributes]) -> tuple[Move, ...]:
    """At most one person and one domain that go by another name."""
    found = []
    for kind in ("member", "domain"):
        old = sorted(a for a in base.keys() - desired.keys() - {OWN} if kind_of(a) == kind)
        new = sorted(a for a in desired.keys() - base.keys() - {OWN} if kind_of(a) == kind)
        if old and new and draw(st.booleans()):
            found.append(Move(draw(st.sampled_from(old)), draw(st.sampled_from(new))))
    return tuple(found)


class System:
    """A live system to which changes are done one by one; it knows who can sign in."""

    def __init__(self, live: State, asks: bool) -> None:
        self.live, self.asks = dict(live), asks

    def do(self, step: Change) -> None:
        if step.moved_from:
            self.live = relabel(self.live, {step.moved_from: step.address}, KINDS)
            if kind_of(step.address) == "domain":
                self.live[step.address] = Live(self.live[step.address].attributes, {"status": "pending"})
        if step.after is None:
            self.live.pop(step.address, None)
            for address in [a for a in self.live if step.address in KINDS.identity_references(a)]:
                del self.live[address]
            return
        kind, old = KINDS.of(step.address), self.live.get(step.address, Live({}, {"status": "invited"}))
        self.live[step.address] = Live(patched(old.attributes, merge_patch(step.before or {}, step.after, kind), kind), old.observed)

    def items(self) -> list[tuple[str, str, str]]:
        states = ({a: r.attributes for a, r in self.live.items()}, {a: r.observed for a, r in self.live.items()})
        there = {a.removeprefix("member/") for a in self.live if kind_of(a) == "member"}
        return [(i.member, i.workspace, self._root(i.role)) for i in effective_access(*states, KINDS) if i.member in there]

    def _root(self, role: str) -> str:
        own = self.live.get(Address(f"role/{role}"))
        return str(own.attributes.get("extends") or "") if own else role

    def signs_in(self, member: str) -> bool:
        domain = self.live.get(Address(f"domain/{member.rpartition('@')[2]}"))
        proved = domain is not None and domain.observed.get("status") == "verified"
        return self.live[Address(f"member/{member}")].observed.get("status") == "active" and (proved or not self.asks)

    def open_places(self, own: Address | None) -> set[str]:
        return {s for m, s, role in self.items() if role in ("owner", "admin") and f"member/{m}" != own and self.signs_in(m)}

    def own_access(self, own: Address | None) -> dict[str, int]:
        ranks = {role: -n for n, role in enumerate(KINDS["role"].builtin)}
        found: dict[str, int] = {}
        for member, scope, role in self.items():
            if f"member/{member}" == own:
                found[scope] = max(found.get(scope, -99), ranks.get(role, -99))
        return found


def orders(changes: Sequence[Change], chance: random.Random) -> list[tuple[int, bool]]:
    """One way in which apply may go about it: (change, whether the platform does it). What waits for a failure is skipped."""
    waits = dependencies(changes, KINDS)
    failing = chance.choice([0.0, 0.0, 0.2, 0.5])
    settled: dict[int, bool] = {}
    steps: list[tuple[int, bool]] = []
    eager = chance.random() < 0.5
    while len(settled) < len(changes):
        ready = [i for i, (must, after) in enumerate(waits) if i not in settled and must | after <= settled.keys()]
        index = max(ready) if eager and chance.random() < 0.8 else chance.choice(ready)
        done = all(settled[i] for i in waits[index][0]) and chance.random() >= failing
        settled[index] = done
        steps.append((index, done))
    return steps


def check_every_prefix(made: Plan, given_to: PlanInputs, own: Address | None, asks: bool, chance: random.Random) -> None:
    before, after = System(given_to.live, asks), System(given_to.live, asks)
    for step in made.changes:
        after.do(step)
    there = {"", *(p for p in PLACES if f"workspace/{p}" in before.live and f"workspace/{p}" in after.live)}
    always = before.open_places(own) & after.open_places(own) & there
    owns = before.own_access(own), after.own_access(own)
    kept = {s: min(rank, owns[1][s]) for s, rank in owns[0].items() if s in owns[1] and s in there}
    for _ in range(6):
        system, so_far = System(given_to.live, asks), []
        for index, done in orders(made.changes, chance):
            if done:
                system.do(made.changes[index])
                so_far.append(f"{made.changes[index].action} {made.changes[index].address}")
                assert always <= system.open_places(own), (always - system.open_places(own), so_far)
                assert kept.items() <= {s: min(r, kept.get(s, r)) for s, r in system.own_access(own).items()}.items(), (kept, so_far)


def no_prefix_of_any_order_locks_anybody_out(desired: Any, base: Any, data: Any, own: Address | None, asks: bool, seed: int) -> None:
    live = seen(data.draw, base)
    state = target(own_member=own, capabilities=Capabilities(sign_in_verified_domain=asks))
    policy = Policy(min_company_admins=0, min_workspace_admins=0)
    known = inputs(desired, live, base, state=state, policy=policy, allow=ALLOWED, moved=renames(data.draw, desired, base))
    made = make_plan(known, KINDS)
    if {v.guard for v in made.refused} & {"company-admins", "workspace-admins", "own-access"}:
        return  # nothing is done at all
    check_every_prefix(made, known, own, asks, random.Random(seed))


DRAWN = given(
    desired=companies(), base=companies(), data=st.data(), own=st.sampled_from([None, OWN]), asks=st.booleans(), seed=st.integers()
)


@QUICK
@DRAWN
def test_no_prefix_of_any_order_locks_anybody_out(**drawn: Any) -> None:
    no_prefix_of_any_order_locks_anybody_out(**drawn)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@LONG
@DRAWN
def test_no_prefix_of_any_order_locks_anybody_out_in_many_companies(**drawn: Any) -> None:
    no_prefix_of_any_order_locks_anybody_out(**drawn)
