"""What a plan tells besides its changes: what is worth knowing of the live system, what will cost money, how long it will take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from orgform.codec import encode, replace
from orgform.diagnostics import Diagnostic
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Change, Cost, Estimate, Observed, Window, kind_of, parts_of
from orgform.planning.scope import PlanInputs, Scope, TargetState

PERHAPS_RENAMED = "ORG513"


def notable(scope: Scope, kinds: Kinds, in_sight: Callable[[str], bool]) -> tuple[Observed, ...]:
    """Observed values of managed resources that their kind calls notable: a domain pending, a member invited."""
    asked = {name: kind.notable for name, kind in kinds.items() if kind.notable and name in scope.target_of}
    found = []
    for address, live in scope.live.items():
        if live.observed:
            for attribute, values in asked.get(kind_of(address), {}).items():
                value = live.observed.get(attribute)
                if (value in values if values is not None else value) and address in scope.desired and in_sight(address):
                    found.append(Observed(scope.target_of[kind_of(address)], address, attribute, value))
    return tuple(sorted(found, key=lambda o: (o.address, o.attribute)))


def still_named(changes: Sequence[Change], scope: Scope, kinds: Kinds) -> Iterator[Diagnostic]:
    """Deletes that the live system will not do, because something that stays names what goes, in an attribute nobody manages."""
    going = {c.address for c in changes if c.action == "delete"}
    kinds_going = {kind_of(address) for address in going}
    affected = {name for name, kind in kinds.items() if any(r.kind in kinds_going for r in kind.references)}
    after = {c.address: c.after or {} for c in changes}
    for address in sorted(a for a in scope.live if kind_of(a) in affected and a not in going) if affected else ():
        attributes = {**scope.live[address].attributes, **after.get(address, {})}
        for reference, referent in kinds.attribute_references(address, attributes):
            if referent in going:
                yield _named(address, reference.path[0], referent, scope)


def _named(address: Address, attribute: str, referent: Address, scope: Scope) -> Diagnostic:
    want = scope.desired.get(address)
    way_out = (
        f"write `{attribute}` under it (`{attribute}: null` clears it)" if want else "declare it without that, or change it there by hand"
    )
    return Diagnostic(
        "warning",
        "ORG507",
        f"{referent} is to be deleted, but {address} still names it in `{attribute}`, which the config does not manage",
        f"{way_out}; until then the live system may refuse the delete",
        source=want.source if want else None,
        address=address,
    )


def perhaps_renamed(changes: Sequence[Change], scope: Scope, kinds: Kinds) -> Iterator[Diagnostic]:
    """Something goes and something like it comes under another key: as a rename it would keep everything, as it is nothing is kept."""
    alike: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        kind = kinds.of(change.address)
        if change.action != "update" and kind.key and not kind.key.references and (looks := _looks(change, kind)):
            alike.setdefault((kind.name, *parts_of(change.address)[:-1], looks), []).append(change)
    for pair in alike.values():
        if [c.action for c in sorted(pair, key=lambda c: c.action)] == ["create", "delete"]:
            new, old = sorted(pair, key=lambda c: c.action)
            want = scope.desired.get(new.address)
            yield Diagnostic(
                "warning",
                PERHAPS_RENAMED,
                f"{old.address} is to be deleted and {new.address} created, which looks like it: what only the old one has would be lost",
                f"if it is the same under another key, write `moved: [{{from: {old.address}, to: {new.address}}}]`: a rename keeps it",
                source=want.source if want else None,
                address=new.address,
            )


def _looks(change: Change, kind: Kind) -> str:
    """By what people would take two of a kind for one: what they are called, else who is in them. Empty: by nothing."""
    own = change.before or change.after or {}
    called = own.get(kind.label) if kind.label else None
    return str(called) if called else encode(own).decode() if any(own.get(path[0]) for path in kind.sets) else ""


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
    seconds = sum(_seconds(inputs.targets[name], count, inputs.reserve) for name, count in calls.items())
    shares = [share for name, count in calls.items() for share in _shares(inputs.targets[name], count)]
    made = Estimate(sum(calls.values()), round(seconds, 1))
    if not shares:
        return made
    percent, of = max(shares)
    return replace(made, quota_percent=round(percent, 1), quota_of=of)


def _shares(target: TargetState, calls: int) -> Iterator[tuple[float, Window]]:
    """Percent of what a quota allows. A minute's only makes wait; a day's stops, so that it is told where it does not suffice."""
    can = target.capabilities
    day = calls * 100 / can.requests_per_day if can.requests_per_day else None
    if can.requests_per_minute and (day is None or day <= 100):
        yield calls * 100 / can.requests_per_minute, "minute"
    elif day is not None:
        yield day, "day"


def _calls(target: TargetState, live: Counter[str], writes: int) -> int:
    can = target.capabilities
    readable = [kind for kind in target.kinds if (reach := can.of(kind)) and reach.read == "api"]
    pages = sum(max(1, math.ceil(live[kind] / can.page)) for kind in readable)
    return pages + math.ceil(writes / can.batch)


def _seconds(target: TargetState, calls: int, reserve: float) -> float:
    """At our part of the quota, or as long as the calls take, whichever is longer."""
    can = target.capabilities
    ours = max(1.0, can.requests_per_minute * (100 - reserve) / 100) if can.requests_per_minute else math.inf
    limited = calls * 60 / ours
    days = calls // max(1.0, can.requests_per_day * (100 - reserve) / 100) if can.requests_per_day else 0
    return max(calls * can.seconds_per_call, limited, days * 86_400)
