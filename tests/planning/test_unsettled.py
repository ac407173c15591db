"""What needs a second look does not depend on the order in which the three states come."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from orgform.model import Address, Base, Desired, Lifecycle, Live
from orgform.planning.diff import unsettled

State = dict[str, int] | None

# Each of the three states of a resource: none, or one of a few values. `True` and `1` are equal, and not the same.
values = st.sampled_from([None, {"a": 1}, {"a": True}, {"a": 1, "b": 2}])
worlds = st.dictionaries(st.sampled_from([Address(f"tag/{n}") for n in range(6)]), st.tuples(values, values, values))
protections = st.sampled_from([None, True, False])


@given(worlds, st.randoms(use_true_random=False), protections)
@settings(max_examples=300, deadline=None)
def test_the_order_makes_no_difference(world: dict[Address, tuple[State, State, State]], random: Random, protect: bool | None) -> None:
    def state(place: int, shuffle: bool) -> list[tuple[Address, dict[str, int]]]:
        found = [(address, own) for address, states in sorted(world.items()) if (own := states[place]) is not None]
        if shuffle:
            random.shuffle(found)
        return found

    def told(shuffle: bool) -> list[Address]:
        desired = {a: Desired(own, lifecycle=Lifecycle(prevent_destroy=protect)) for a, own in state(0, shuffle)}
        base = {a: Base(own) for a, own in state(1, shuffle)}
        live = {a: Live(own) for a, own in state(2, shuffle)}
        return sorted(unsettled(desired, base, live, ("tag/",)))

    by_hand = [address for address, states in sorted(world.items()) if not _settled(*states, protect)]
    assert told(False) == told(True) == by_hand


def _settled(want: State, known: State, have: State, protect: bool | None) -> bool:
    if want is None or known is None or have is None:
        return want is known is have is None
    pairs = [(value, state.get(name)) for name, value in want.items() for state in (known, have)]
    return want.keys() == known.keys() and not protect and all(repr(one) == repr(other) for one, other in pairs)
