"""One plan as two: what only creates, gives or changes, and what deletes or takes away. The first is applied first, each like any plan.

Invariant: pure. Each change is in one part, the additive part waits for nothing of the destructive one, and no part remembers as done what
the other one does. The destructive part is judged on the live system as the additive one leaves it; whoever is new there counts for no
admin, as in the whole plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from orgform.codec import replace
from orgform.kinds import Kind, Kinds
from orgform.model import AccessDelta, Address, Attributes, Change, GuardVerdict, Live, ManualStep, Part, Plan, Remember
from orgform.planning.admins import NEW
from orgform.planning.diff import merge_patch, patched
from orgform.planning.effect import Effect, effects
from orgform.planning.extras import costs, estimate
from orgform.planning.guards import GUARDS, judge
from orgform.planning.order import dependencies, hard_edges, ordered, references_between
from orgform.planning.plan import Judged
from orgform.planning.platform_order import with_first
from orgform.planning.scope import PlanInputs, Scope, TargetState, relabel

#: verdicts that rest on more than the changes and the live system: a part has them from the whole plan
_NOBODY = Address("")
_FROM_THE_WHOLE = ("incomplete-read", "prevent-destroy")


def split(made: Plan, inputs: PlanInputs, kinds: Kinds) -> tuple[Plan, Plan]:
    """(additive, destructive) of a plan that was made from `inputs`. Neither is signed."""
    late = _destructive(made.changes, kinds)
    additive = [c for i, c in enumerate(made.changes) if i not in late]
    destructive = [c for i, c in enumerate(made.changes) if i in late]
    now = _scope(made, inputs, inputs.live, additive, kinds)
    then = _scope(made, inputs, _after(now.live, additive, kinds), destructive, kinds)
    going, staying = _manual(made)
    first = replace(
        _part(made, inputs, now, additive, kinds),
        manual_steps=staying,
        waiting=tuple(w for w in made.waiting if w.change.risk != "destructive"),
        unmanaged=made.unmanaged,
        observed=made.observed,
        ledger=_memory(made.ledger, {c.address for c in additive}, {c.address for c in destructive}),
        part=Part("additive"),
    )
    renamed = replace(inputs, targets=_own_members_renamed(inputs, additive))
    second = replace(
        _part(made, renamed, then, destructive, kinds),
        manual_steps=going,
        waiting=tuple(w for w in made.waiting if w.change.risk == "destructive"),
        attested=(),
        unmanaged=(),
        observed=(),
        ledger=_only_of(made.ledger, {c.address for c in destructive}),
        part=_what_comes_first(made.changes, late, kinds),
    )
    return _counted(first), _counted(second)


def _destructive(changes: Sequence[Change], kinds: Kinds) -> set[int]:
    """What deletes or takes something, and what waits for that. What is left is looked at by itself again, until nothing of it takes
    anything: a grant of another role is judged by what the role is as long as only the additive part was applied."""
    hard, soft = hard_edges(changes, kinds, {}), references_between(changes, kinds).soft
    # Nothing waits softly for what takes access, which comes late; what is cut down otherwise may have to be so first.
    early = {i for i, effect in enumerate(effects(changes, kinds)) if not effect.takes}
    waits = [h | (s & early) for h, s in zip(hard, soft, strict=True)]
    found: set[int] = set()
    while True:
        rest = [i for i in range(len(changes)) if i not in found]
        told = effects([changes[i] for i in rest], kinds)
        taking = {i for i, effect in zip(rest, told, strict=True) if _takes(changes[i], effect, kinds.of(changes[i].address))}
        if not taking:
            return found
        found |= taking
        # Every edge goes up in a plan's order, so one look at each is enough.
        for index in rest:
            if not found.isdisjoint(waits[index]):
                found.add(index)


def _takes(change: Change, effect: Effect, kind: Kind) -> bool:
    """A name that was proved loses its proof with a rename, and what rests on it."""
    return change.risk == "destructive" or effect.takes or bool(change.moved_from and kind.verification)


def _what_comes_first(changes: Sequence[Change], late: set[int], kinds: Kinds) -> Part:
    """What the destructive changes cannot be without of the others."""
    needs = {i: sorted(must - late) for i, (must, _) in enumerate(dependencies(changes, kinds)) if i in late}
    first = sorted({other for others in needs.values() for other in others})
    told = {changes[i].address: tuple(changes[n].address for n in others) for i, others in needs.items() if others}
    return Part("destructive", tuple(changes[i] for i in first), dict(sorted(told.items())))


def _scope(made: Plan, inputs: PlanInputs, live: Mapping[Address, Live], changes: Sequence[Change], kinds: Kinds) -> Scope:
    """A live system under the names that it has after these changes."""
    renames = {c.moved_from: c.address for c in changes if c.moved_from}
    target_of = {kind: name for name in sorted(made.targets.keys() & inputs.targets.keys()) for kind in inputs.targets[name].kinds}
    return Scope({}, {}, relabel(live, renames, kinds), target_of, {new: old for old, new in renames.items()})


def _after(live: Mapping[Address, Live], changes: Iterable[Change], kinds: Kinds) -> dict[Address, Live]:
    """The live system once these creates and updates are done."""
    later = dict(live)
    for change in changes:
        kind, found = kinds.of(change.address), later.get(change.address)
        patch = merge_patch(change.before or {}, change.after or {}, kind)
        if found is None:
            later[change.address] = Live(patched({}, patch, kind), _new(kind))
        else:
            later[change.address] = replace(found, attributes=patched(found.attributes, patch, kind))
    return later


def _new(kind: Kind) -> Attributes:
    """Nobody knows whether a person who was just created can sign in."""
    return dict.fromkeys(kind.access.get("active", ()), NEW)


def _own_members_renamed(inputs: PlanInputs, changes: Iterable[Change]) -> dict[str, TargetState]:
    renames = {c.moved_from: c.address for c in changes if c.moved_from}
    return {name: replace(t, own_member=renames.get(t.own_member or _NOBODY, t.own_member)) for name, t in inputs.targets.items()}


def _manual(made: Plan) -> tuple[tuple[ManualStep, ...], tuple[ManualStep, ...]]:
    """Steps for people: what they are to delete or to take away, and the rest."""
    going = tuple(step for step in made.manual_steps if step.risk == "destructive")
    return going, tuple(step for step in made.manual_steps if step.risk != "destructive")


def _part(made: Plan, inputs: PlanInputs, scope: Scope, changes: Sequence[Change], kinds: Kinds) -> Plan:
    """These changes judged by themselves, on this live system."""
    free = with_first(changes, inputs.targets)
    judged = Judged(inputs, scope, free, kinds)
    steps = ordered(judged.passage.marked(free), kinds)
    return replace(
        made,
        changes=steps,
        access=judged.access.delta if judged.access else AccessDelta(),
        guards=_verdicts(made, judge(judged.facts(steps, {}))),
        costs=costs(steps, kinds),
        estimate=estimate(steps, inputs, scope),
        signature=None,
    )


def _verdicts(made: Plan, judged: Iterable[GuardVerdict]) -> tuple[GuardVerdict, ...]:
    found = {verdict.guard: verdict for verdict in judged}
    whole = {verdict.guard: verdict for verdict in made.guards}
    # An incomplete read speaks against everything; the rest of these only against deletes.
    asked = {*found, *(() if all(t.complete for t in made.targets.values()) else ("incomplete-read",))}
    found |= {guard: whole[guard] for guard in _FROM_THE_WHOLE if guard in asked and guard in whole}
    return tuple(found[guard] for guard in GUARDS if guard in found)


def _memory(ledger: Remember, own: set[Address], others: set[Address]) -> Remember:
    """What is so already is remembered with the additive part: that is the one which is applied in any case."""
    protect = tuple(a for a in ledger.protect if a in own)
    return replace(ledger, protect=protect, patch={a: patch for a, patch in ledger.patch.items() if a not in others})


def _only_of(ledger: Remember, own: set[Address]) -> Remember:
    """Renames that the live system has already are no part's work, and both parts call things by their new names."""
    protect = tuple(a for a in ledger.protect if a in own)
    return Remember(moved=ledger.moved, protect=protect, patch={a: patch for a, patch in ledger.patch.items() if a in own})


def _counted(part: Plan) -> Plan:
    counts = Counter(c.action for c in part.changes)
    actions = {action: counts[action] for action in ("create", "update", "delete")}
    return replace(
        part, summary={**actions, "manual": len(part.manual_steps), "waiting": len(part.waiting)} | {"unmanaged": len(part.unmanaged)}
    )
