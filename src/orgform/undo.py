"""From a recorded run to the plan that takes it back: the ledger's pre-images against today's live state.

Invariant: the plan is made, guarded and applied like every other; it names nothing that the run did not do, and overwrites nothing that was
changed since unless `--allow changed-since:ADDRESS_GLOB` names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from orgform.codec import replace
from orgform.errors import OrgformError, UsageError
from orgform.kinds import Kinds, load_kinds
from orgform.ledger import FROM_RUN, MANUAL, NOT_TRIED, PLANNED, Ledger, RunInfo
from orgform.model import (
    ALREADY,
    Address,
    Attributes,
    Attribution,
    Base,
    Change,
    Config,
    FieldChange,
    LeftAlone,
    Live,
    Plan,
    PlanBase,
    Remember,
    Undoes,
    kind_of,
)
from orgform.opening import read_live
from orgform.options import Listener, Options
from orgform.planning import PlanInputs, make_plan
from orgform.planning.diff import patched
from orgform.planning.extras import PERHAPS_RENAMED
from orgform.planning.findings import BELIEVABLY_LOST
from orgform.planning.inverse import CHANGED_SINCE, Inverse, LaterChange, Step, Today, Wanted, name_after, renamed
from orgform.planning.scope import TargetState, matches
from orgform.providers.base import Event, KindCapability
from orgform.running import MOST_ATTRIBUTED, Known, check_allowed, inputs_of
from orgform.targets import OpenTarget, Snapshot

NEW_ID = "its id: the platform gives it a new one"


def plan_undo(
    options: Options, config: Config, targets: Mapping[str, OpenTarget], ledger: Ledger, run: str, listen: Listener | None = None
) -> tuple[PlanInputs, Plan, Snapshot]:
    """The plan that takes a run back, with what it was made from. `run`: its name or the beginning of it. A refusing guard is in
    `plan.refused`, not raised.

    Raises `LedgerError` for a run that is not known, `OrgformError` for one that still runs or was of another live system.
    """
    _check_words(options)
    kinds, about = load_kinds(), ledger.about(run)
    if about.outcome == "running":
        raise OrgformError(f"the run {about.run} is still running", hint="wait until it has ended, or interrupt it; then undo it")
    everything = [c for c in ledger.recorded(about.run) if not options.targets or c.change.target in options.targets]
    recorded = [c for c in everything if c.status not in NOT_TRIED]
    _check_systems(about, [c.change for c in recorded], targets)
    steps = [
        Step(c.change, c.live, sure=c.status == "done")
        for c in recorded
        if c.status in ("done", PLANNED) and not (c.status == "done" and c.detail in ALREADY)
    ]
    steps, later = _todays(steps, about, targets, ledger, kinds)
    snapshot = read_live(targets, None, listen)
    for name in sorted({c.change.target for c in recorded} & snapshot.failed.keys()):
        raise _not_read(about, name, snapshot.failed[name])
    inverse, inputs = _inverse(options, config, targets, ledger, snapshot, steps, later, kinds)
    inputs = replace(inputs, base_info=PlanBase(FROM_RUN + about.run, _revision(targets, ledger)))
    made = make_plan(inputs, kinds)
    left = _attributed(_in_sight(inverse.left.values(), options.only), about.run, later, targets)
    undoes = Undoes(
        about.run,
        about.started,
        about.actor,
        about.outcome,
        left,
        undone=len(inverse.settled),
        not_done=inverse.not_done + len(recorded) - len(steps),
        by_hand=sum(c.status == MANUAL for c in everything),
    )
    return inputs, _told(made, inverse, undoes, _base(targets, ledger), snapshot.live, kinds), snapshot


def _not_read(about: RunInfo, name: str, why: str) -> OrgformError:
    """What is not seen is not gone: nobody could tell what of the run is still so."""
    return OrgformError(
        f"the run {about.run} changed the target {name!r}, which cannot be read: {why}",
        hint="undo it again later, or the rest of it now with --target NAME",
    )


def _check_words(options: Options) -> None:
    own = [word for word in options.allow if word.partition(":")[0] == CHANGED_SINCE]
    for word in own:
        if not word.partition(":")[2]:
            raise UsageError(f"`--allow {word}` names nothing", hint=f"--allow {CHANGED_SINCE}:ADDRESS_GLOB")
    check_allowed(word for word in options.allow if word not in own)


def _check_systems(about: RunInfo, changes: Iterable[Change], targets: Mapping[str, OpenTarget]) -> None:
    """What was changed there can be taken back there and nowhere else."""
    failed = getattr(targets, "failed", {})
    for change in changes:
        name, target = change.target, targets.get(change.target)
        system = about.systems.get(name, "")
        if name in failed:
            raise _not_read(about, name, failed[name])
        if target is None:
            raise OrgformError(
                f"the run {about.run} changed the target {name!r} ({system}), which this config does not have",
                hint="put the target back into the config, or undo the rest of the run with --target NAME",
            )
        if target.key != system:
            raise OrgformError(
                f"the run {about.run} changed {system}; the target {name!r} is {target.key} now",
                hint="let the target lead there again (another --env, perhaps?), then undo the run",
            )
        if kind_of(change.address) not in target.kinds:
            raise OrgformError(
                f"the run {about.run} changed {change.address} in {name!r}, which does not take that kind any more",
                hint=f"give the target its `kinds` again, with {kind_of(change.address)}",
            )


def _todays(
    steps: list[Step], about: RunInfo, targets: Mapping[str, OpenTarget], ledger: Ledger, kinds: Kinds
) -> tuple[list[Step], dict[Address, list[LaterChange]]]:
    """The steps under the names of today, and what later runs did to the same resources."""
    later: dict[Address, list[LaterChange]] = {}
    for run, changes in ledger.later(about.run):
        here = [c for c in changes if _same_system(c.change.target, run, targets) and c.detail not in ALREADY]
        moves = {c.change.moved_from: c.change.address for c in here if c.change.moved_from}
        if moves:
            steps = renamed(steps, moves, kinds)
            later = {name_after(address, moves, kinds): told for address, told in later.items()}
        for c in here:
            told = LaterChange(run.run, run.actor, run.started, c.change.action, c.change.before)
            later.setdefault(c.change.address, []).append(told)
    return steps, later


def _same_system(target: str, run: RunInfo, targets: Mapping[str, OpenTarget]) -> bool:
    return target in targets and run.systems.get(target) == targets[target].key


def _base(targets: Mapping[str, OpenTarget], ledger: Ledger) -> dict[Address, Base]:
    return {a: b for target in targets.values() for a, b in (ledger.base(target.key)[0] or {}).items() if kind_of(a) in target.kinds}


def _revision(targets: Mapping[str, OpenTarget], ledger: Ledger) -> str:
    found = {name: ledger.base(target.key)[1] for name, target in sorted(targets.items())}
    return ",".join(f"{name}:{number}" if len(found) > 1 else str(number) for name, number in found.items())


def _inverse(
    options: Options,
    config: Config,
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    snapshot: Snapshot,
    steps: list[Step],
    later: Mapping[Address, list[LaterChange]],
    kinds: Kinds,
) -> tuple[Inverse, PlanInputs]:
    """What is wanted, as inputs of an ordinary plan: whatever the run did not do is there and managed by nobody."""
    base = _base(targets, ledger)
    globs = [glob for name, _, glob in (word.partition(":") for word in options.allow) if name == CHANGED_SINCE]
    inputs = inputs_of(options, config, targets, ledger, snapshot, Known(base, PlanBase(), frozenset(targets)))
    unread = {kind: why for t in inputs.targets.values() for kind, why in t.problems.items()}
    unread |= _lost(base, snapshot.live, {kind_of(step.change.address) for step in steps})
    today = Today(
        _planned(snapshot.live, inputs.targets.values()),
        base,
        later,
        allowed=lambda address: matches(address, globs),
        protected=lambda address: _protected(address, base, config),
        readable=frozenset(kind for t in targets.values() for kind in t.kinds) - unread.keys(),
    )
    inverse = Inverse(steps, today, kinds)
    states = {
        name: replace(t, problems={**t.problems, **{k: why for k, why in unread.items() if k in t.kinds}})
        for name, t in inputs.targets.items()
    }
    inputs = replace(
        inputs,
        desired=inverse.desired(),
        base=inverse.base(),
        targets=states,
        moved=inverse.moves,
        moved_done=frozenset(),
        policy=replace(config.policy, authoritative=()),
        expired={},
        diagnostics=(),
    )
    return inverse, inputs


def _planned(live: Mapping[Address, Live], targets: Iterable[TargetState]) -> Mapping[Address, Live]:
    """Without attributes that stay in the config, which no run ever sets: a platform may show what they come to there."""
    reach = {kind: can for t in targets for kind in t.kinds if (can := t.capabilities.of(kind)) and "config" in can.fields.values()}

    def cut(resource: Live, can: KindCapability) -> Live:
        return replace(resource, attributes={n: v for n, v in resource.attributes.items() if can.fields.get(n) != "config"})

    return {a: cut(r, reach[kind_of(a)]) if kind_of(a) in reach else r for a, r in live.items()} if reach else live


def _lost(base: Mapping[Address, Base], live: Mapping[Address, Live], kinds: set[str]) -> dict[str, str]:
    """Kinds of which the live system suddenly shows nothing: such a read is not believed."""
    known = Counter(kind_of(address) for address in base if kind_of(address) in kinds)
    there = {kind_of(address) for address in live}
    return {
        kind: f"the live system shows none, {n} were applied before"
        for kind, n in sorted(known.items())
        if n > BELIEVABLY_LOST and kind not in there
    }


def _protected(address: Address, base: Mapping[Address, Base], config: Config) -> bool:
    want, known = config.desired.get(address), base.get(address)
    written = want.lifecycle.prevent_destroy if want else None
    return written if written is not None else bool(known and known.prevent_destroy)


def _in_sight(left: Iterable[LeftAlone], only: tuple[str, ...]) -> list[LeftAlone]:
    return sorted((item for item in left if not only or matches(item.address, only)), key=lambda item: item.address)


def _attributed(
    left: list[LeftAlone], run: str, later: Mapping[Address, list[LaterChange]], targets: Mapping[str, OpenTarget]
) -> tuple[LeftAlone, ...]:
    """Who changed it since: a later run, as the ledger says, else whom the audit log names. What the run itself did is not since."""
    asked: dict[str, list[Address]] = {}
    for item in left:
        if not item.run:
            asked.setdefault(item.target, []).append(item.address)
    events: dict[Address, list[Event]] = {}
    for name, addresses in asked.items():
        found = targets[name].provider.events(addresses[:MOST_ATTRIBUTED])
        events |= {a: [e for e in told if f"(run {run})" not in e.client] for a, told in found.items()}
    return tuple(replace(item, attribution=_by(item, later, events.get(item.address, []))) for item in left)


def _by(item: LeftAlone, later: Mapping[Address, list[LaterChange]], events: list[Event]) -> Attribution | None:
    if item.run:
        last = later[item.address][-1]
        return Attribution(last.actor, last.time, f"orgform/ (run {last.run})")
    changed = [e for e in events if _touches(e, [f.path for f in item.fields])]
    return Attribution(changed[0].actor, changed[0].time, changed[0].client) if changed else None


def _touches(event: Event, paths: list[str]) -> bool:
    """Whether the event changed one of the fields; where it does not tell, or no field is asked for, it did."""
    if not paths or (event.before is None and event.after is None):
        return True
    before, after = event.before or {}, event.after or {}
    names = {path.partition(".")[0] for path in paths}
    return any(before.get(name) != after.get(name) for name in names)


def _told(made: Plan, inverse: Inverse, undoes: Undoes, base: Mapping[Address, Base], live: Mapping[Address, Live], kinds: Kinds) -> Plan:
    """The plan with the labels of an undo, and with what base gets of it."""
    wanted = {inverse.later_name(address): found for address, found in inverse.wanted.items()}
    with_ids = {kind_of(address) for address, found in live.items() if found.id}
    changes = tuple(_labelled(c, wanted[c.address], with_ids, kinds) for c in made.changes)
    patches = {a: found.patch for a, found in wanted.items() if found.desired is not None}
    chosen = {c.address for c in changes}
    settled = {inverse.later_name(a): patch for a, patch in inverse.settled.items()}
    memory = Remember(
        forget=tuple(sorted(a for a, patch in settled.items() if patch is None and a in base)),
        patch={
            **{a: patch for a, patch in sorted(patches.items()) if a in chosen},
            **{a: patch for a, patch in sorted(settled.items()) if patch is not None and _would_change(base.get(a), patch, a, kinds)},
        },
    )
    told = tuple(d for d in made.diagnostics if d.code != PERHAPS_RENAMED)  # the config renames nothing here
    return replace(made, changes=changes, ledger=memory, undoes=undoes, observed=(), diagnostics=told)


def _would_change(base: Base | None, patch: Attributes, address: Address, kinds: Kinds) -> bool:
    return base is not None and patched(base.attributes, patch, kinds.of(address)) != base.attributes


def _labelled(change: Change, found: Wanted, with_ids: set[str], kinds: Kinds) -> Change:
    loses = dict.fromkeys((*found.loses, *change.loses))
    kind = kinds.of(change.address)
    if change.action == "create" and not kind.parent and kind.name in with_ids:
        loses[NEW_ID] = None
    because = change.because
    if not found.step.sure:
        because = (*because, "the run was cut off before it recorded this; the live system is as the run wanted it")
    undo = change.undo if change.undo == "irreversible" or not loses else "lossy"
    fields = tuple(FieldChange(f.path, "conflict") for f in change.fields) if found.conflict else change.fields
    return replace(
        change,
        loses=tuple(loses),
        undo=undo,
        because=because,
        fields=fields,
        origin="conflict" if found.conflict else change.origin,
        attribution=None,
    )
