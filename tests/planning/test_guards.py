"""Guards hold on every collection that a kind declares, at any size, and what they print lets exactly that pass."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform.codec import replace
from orgform.model import Address, Attributes, Deletes, GuardVerdict, Live, Plan, Policy
from orgform.planning import PlanInputs, make_plan
from orgform.planning.guards import ALLOWABLE
from orgform.providers.base import Capabilities
from tests.planning.test_passage import OWN, companies, seen
from tests.planning.worlds import KINDS, inputs, target

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SIZES = [1, 2, 3, 20, 1000]
#: (kind, how its collection comes about): by itself, below one parent, as values of one thing, as elements of one set
COLLECTIONS = [
    *((kind.name, "kind") for kind in KINDS.values() if not kind.singleton or kind.parent),
    *((kind.name, "parent") for kind in KINDS.values() if kind.parent and not kind.singleton),
    *((kind.name, "group_by") for kind in KINDS.values() if kind.group_by),
    *((kind.name, ".".join(path)) for kind in KINDS.values() for path in kind.sets),
]
State = dict[str, Attributes]


def below(name: str, inner: str, parent: str = "p") -> str:
    """The address of a resource, whatever its key consists of."""
    kind = KINDS[name]
    return kind.address(*([parent] if kind.parent else []), *([] if kind.singleton and kind.parent else [inner]))


def bare(addresses: Iterable[str]) -> State:
    return {address: {} for address in addresses}


def collection(name: str, how: str, size: int, left: int) -> tuple[State, State, str]:
    """Before, after and what the guard names: `left` of `size` stay. As much again of the kind is elsewhere, and stays."""
    numbers = range(size)
    if how == "kind":
        spread = [below(name, f"k{n}@acme.com", f"p{n}") for n in numbers]
        return bare(spread), bare(spread[:left]), f"{name}/*"
    if how in ("parent", "group_by"):
        others = [below(name, f"o{n}", f"q{n}") for n in range(size + 4)]
        own = [below(name, f"k{n}") if how == "parent" else below(name, "k", f"p{n}") for n in numbers]
        return bare([*others, *own]), bare([*others, *own[:left]]), f"{name}/p/*" if how == "parent" else f"{name}/*/k"
    at, words = below(name, "k"), [f"w{n}" for n in numbers]
    return {at: {how: words}}, {at: {how: words[:left]}}, f"{at} {how}"


def refused(made: Plan, guard: str = "deletes") -> GuardVerdict | None:
    return next((v for v in made.refused if v.guard == guard), None)


def named(made: Plan) -> set[str]:
    verdict = refused(made)
    return {item.partition(": ")[0] for item in verdict.items} if verdict else set()


def planned(before: Mapping[str, Any], after: Mapping[str, Any], **more: Any) -> Plan:
    return make_plan(inputs(after, before, before, **more), KINDS)


def words_of(verdict: GuardVerdict) -> dict[str, tuple[str, ...]]:
    """What the printed override says, as a shell hands it over."""
    said = shlex.split(verdict.override)
    assert set(said[::2]) <= {"--allow", "--allow-destroy"}, verdict
    pairs = list(zip(said[::2], said[1::2], strict=True))
    return {n: tuple(w for option, w in pairs if option == o) for n, o in (("allow", "--allow"), ("allow_destroy", "--allow-destroy"))}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "how"), COLLECTIONS)
def test_emptying_a_collection_never_passes_by_itself_and_passes_with_what_is_printed(name: str, how: str, size: int) -> None:
    before, after, at = collection(name, how, size, left=0)
    policies = [Policy(deletes=Deletes(free=10**9, percent=100, count=10**9)), *([Policy()] if size <= 3 else [])]
    for policy in policies:
        made = planned(before, after, policy=policy)
        verdict = refused(made)
        assert verdict and at in named(made), (at, made.guards)
        assert f"{size} of {size} would go, none is left" in "".join(verdict.items)
        assert refused(planned(before, after, policy=policy, **words_of(verdict))) is None


@QUICK
@given(
    which=st.sampled_from(COLLECTIONS),
    size=st.one_of(st.sampled_from(SIZES[:-1]), st.integers(1, 120)),
    share=st.floats(0, 1),
    limits=st.one_of(st.just(Deletes()), st.builds(Deletes, st.integers(0, 5), st.integers(0, 100), st.integers(0, 40))),
)
def test_what_passes_is_what_the_policy_says(which: tuple[str, str], size: int, share: float, limits: Deletes) -> None:
    left = round(size * share)
    before, after, at = collection(*which, size, left)
    going = size - left
    too_much = going > 0 and (not left or (going > limits.free and (going * 100 > limits.percent * size or going > limits.count)))
    assert (at in named(planned(before, after, policy=Policy(deletes=limits)))) is too_much


@pytest.mark.parametrize(
    ("size", "left", "passes"), [(3, 1, True), (4, 1, False), (8, 5, False), (20, 15, True), (1000, 980, True), (1000, 979, False)]
)
@pytest.mark.parametrize(("name", "how"), COLLECTIONS)
def test_the_defaults_are_two_then_a_quarter_then_twenty(name: str, how: str, size: int, left: int, passes: bool) -> None:
    before, after, at = collection(name, how, size, left)
    assert (at not in named(planned(before, after))) is passes


def with_words(known: PlanInputs, words: Mapping[str, tuple[str, ...]]) -> Plan:
    return make_plan(replace(known, **{option: (*getattr(known, option), *more) for option, more in words.items()}), KINDS)


@QUICK
@given(desired=companies(), base=companies(), data=st.data(), own=st.sampled_from([None, OWN]), asks=st.booleans(), soon=st.booleans())
def test_every_refusal_passes_with_exactly_the_words_that_it_prints(
    desired: Any, base: Any, data: Any, own: Address | None, asks: bool, soon: bool
) -> None:
    live: dict[Address, Live] = seen(data.draw, base)
    state = target(own_member=own, capabilities=Capabilities(sign_in_verified_domain=asks))
    ends = {a: "2026-11-25" for a in desired if soon and data.draw(st.booleans())}
    known = inputs(desired, live, base, state=state, today="2026-11-20", soon="2026-11-26", until=ends)
    for verdict in make_plan(known, KINDS).refused:
        assert verdict.guard in ALLOWABLE and verdict.items and verdict.setting and verdict.summary
        words = words_of(verdict)
        assert refused(with_words(known, words), verdict.guard) is None, verdict
        for word in words["allow"]:
            less = {"allow": tuple(w for w in words["allow"] if w != word)}
            assert refused(with_words(known, less), verdict.guard), (word, verdict)


def test_an_address_with_a_star_in_it_is_allowed_by_words_that_name_nobody_else() -> None:
    star, alice = "member/*@acme.com", "member/alice@acme.com"
    there = {star: {"role": "owner"}, alice: {"role": "owner"}}
    known = inputs({a: {"role": "standard"} for a in there}, there, there)
    verdict = refused(make_plan(known, KINDS), "company-admins")
    assert verdict
    assert words_of(verdict)["allow"] == (f"company-admins:{star.replace('*', '[*]')}", f"company-admins:{alice}")
    assert refused(with_words(known, words_of(verdict)), "company-admins") is None
    one = refused(with_words(known, {"allow": words_of(verdict)["allow"][:1]}), "company-admins")
    assert one and one.items == (alice,)
