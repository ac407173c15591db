"""What a plan tells besides its changes: what is worth knowing of the live system, what will cost money, how long it will take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from orgform.kinds import Kinds
from orgform.model import Change, Cost, Estimate, Observed, kind_of
from orgform.planning.scope import PlanInputs, Scope, TargetState


def notable(scope: Scope, kinds: Kinds, in_sight: Callable[[str], bool]) -> tuple[Observed, ...]:
    """Observed values of managed resources that their kind calls notable: a domain pending, a member invited."""
    asked = {name: kind.notable for name, kind in kinds.items() if kind.notable and name in scope.target_of}
    found = []
    for address, live in scope.live.items():
        if live.observed and address in scope.desired:
            for attribute, values in asked.get(kind_of(address), {}).items():
                value = live.observed.get(attribute)
                if value in values and in_sight(address):
                    found.append(Observed(scope.target_of[kind_of(address)], address, attribute, value))
    return tuple(sorted(found, key=lambda o: (o.address, o.attribute)))


def costs(changes: Sequence[Change], kinds: Kinds) -> tuple[Cost, ...]:
    """Changes that make the platform charge money, with the values that say how much."""
    found = []
    for change in changes:
        kind = kinds.of(change.address)
        if kind.cost_bearing and change.after:
            values = ", ".join(f"{name} {value}" for name, value in sorted(change.after.items()) if value is not None)
            found.append(Cost(change.target, change.address, f"{kind.cost_bearing}: {values}"))
    return tuple(found)


def estimate(changes: Sequence[Change], inputs: PlanInputs, scope: Scope) -> Estimate:
    """Calls and time of an apply: reading again what is there, then the writes. Nothing where nothing is to do."""
    if not changes:
        return Estimate()
    live = Counter(map(kind_of, scope.live))
    writes = Counter(change.target for change in changes)
    calls = {name: _calls(target, live, writes[name]) for name, target in inputs.targets.items()}
    seconds = sum(_seconds(inputs.targets[name], count) for name, count in calls.items())
    return Estimate(sum(calls.values()), round(seconds, 1))


def _calls(target: TargetState, live: Counter[str], writes: int) -> int:
    can = target.capabilities
    readable = [kind for kind in target.kinds if (reach := can.of(kind)) and reach.read == "api"]
    pages = sum(max(1, math.ceil(live[kind] / can.page)) for kind in readable)
    return pages + math.ceil(writes / can.batch)


def _seconds(target: TargetState, calls: int) -> float:
    can = target.capabilities
    limited = calls * 60 / can.requests_per_minute if can.requests_per_minute else 0.0
    return max(calls * can.seconds_per_call, limited)
