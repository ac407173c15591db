"""From what was opened to a plan, and from a plan to a report.

Invariant: nothing is written to a live system before every guard has passed on what lives there now.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orgform import __version__
from orgform.codec import Struct, digest, replace
from orgform.diagnostics import Diagnostic
from orgform.errors import ConfigInvalid, GuardRefused, OrgformError, PlanFileInvalid, ProviderError, UsageError
from orgform.kinds import Kinds, load_kinds
from orgform.model import Address, Base, Config, Live, Move, Outcome, Plan, PlanBase, PlanTarget, Report, kind_of
from orgform.opening import actor, keep_seen, load, read_live, soon, today
from orgform.options import Listener, Options, Progress
from orgform.providers.base import RoleNames

if TYPE_CHECKING:
    from orgform.attested import Believed
    from orgform.ledger import Ledger
    from orgform.planning import PlanInputs, TargetState
    from orgform.providers.base import Event
    from orgform.targets import OpenTarget, Snapshot

# A live system's audit log is asked for this many drifted resources at the most: a plan's cost must not grow with what drifted.
MOST_ATTRIBUTED = 50


def plan_now(
    options: Options,
    config: Config,
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    *,
    base: str | None,
    destroy: bool,
    listen: Listener | None,
) -> tuple[Plan, Snapshot]:
    _, made, snapshot = judged_now(options, config, targets, ledger, base=base, destroy=destroy, listen=listen)
    return made, snapshot


def judged_now(
    options: Options,
    config: Config,
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    *,
    base: str | None = None,
    destroy: bool = False,
    listen: Listener | None = None,
    unmanaged: bool = False,
) -> tuple[PlanInputs, Plan, Snapshot]:
    """A plan with what it was made from. `unmanaged`: the audit logs are asked who created what the config does not have, too."""
    from orgform.planning import make_plan

    check_allowed(options.allow)
    kinds = load_kinds()
    known = _git_base(options, kinds, base, targets) if base else _ledger_base(targets, ledger, kinds, config.moved)
    snapshot = _whole_targets(read_live(targets, None, listen), targets, options.allow)
    inputs = inputs_of(options, config, targets, ledger, snapshot, known, destroy=destroy, keep=base is None)
    inputs = replace(inputs, diagnostics=(*inputs.diagnostics, *_elsewhere(config, targets, known, ledger)))
    made = make_plan(inputs, kinds)
    events = _events(made, known.base or {}, targets, unmanaged=unmanaged)
    if events:
        inputs = replace(inputs, events=events)
        made = make_plan(inputs, kinds)
    return inputs, made, replace(snapshot, live=inputs.live)


def _elsewhere(config: Config, targets: Mapping[str, OpenTarget], known: Known, ledger: Ledger) -> Iterator[Diagnostic]:
    """Another token, or another address, and it is another company: everything of this one would be made there."""
    for name in sorted(targets.keys() - known.targets):
        own = [address for address in config.desired if kind_of(address) in targets[name].kinds]
        so_far = sorted(ledger.systems(name, own) - {targets[name].key})
        if so_far:
            more = len(so_far) - 3
            before = ", ".join(so_far[:3]) + (f" and {more:,} other{'s' if more > 1 else ''}" if more > 0 else "")
            yield Diagnostic(
                "warning",
                "ORG514",
                f"nothing was applied before to {targets[name].provider.system}, which the target {name} is now; so far it was {before}",
                "if it is not meant to be another one, check its address, and whose token it has; else go on: nothing is deleted there",
            )


def _whole_targets(snapshot: Snapshot, targets: Mapping[str, OpenTarget], allow: tuple[str, ...]) -> Snapshot:
    """One of several targets of which not everything could be read is left out, as if nothing could: it does not stop the others. What
    `--allow incomplete-read:` names is planned all the same."""
    from orgform.planning.scope import matches

    globs = [word.partition(":")[2] for word in allow if word.startswith("incomplete-read:")]
    unread = {name: {k: why for k, why in found.items() if not matches(f"{k}/*", globs)} for name, found in snapshot.problems.items()}
    left_out = {name: found for name, found in unread.items() if found and name not in snapshot.failed}
    if not left_out or left_out.keys() | snapshot.failed.keys() >= targets.keys():
        return snapshot
    told = {name: "; ".join(f"{kind}: {why}" for kind, why in sorted(found.items())) for name, found in left_out.items()}
    gone = {kind for name in left_out for kind in targets[name].kinds}
    live = {address: found for address, found in snapshot.live.items() if kind_of(address) not in gone}
    return replace(snapshot, live=live, failed={**snapshot.failed, **told})


def judge_saved(
    saved: Plan, options: Options, config: Config, targets: Mapping[str, OpenTarget], ledger: Ledger, listen: Listener | None
) -> tuple[Plan, Snapshot]:
    """What was safe when the plan was made may not be now: its guards are asked again, on the live system as it is."""
    from orgform.planning import judge_again

    check_allowed(options.allow)
    snapshot = read_live(targets, None, listen)
    for name in sorted(snapshot.failed.keys() & saved.targets.keys()):
        raise _not_reached(name, snapshot.failed[name])
    inputs = inputs_of(options, config, targets, ledger, snapshot, Known())
    return judge_again(saved, inputs, load_kinds()), replace(snapshot, live=inputs.live)


def check_allowed(words: Iterable[str]) -> None:
    """A misspelt override would silently override nothing."""
    from orgform.planning.guards import ALLOWABLE

    for word in words:
        guard, colon, glob = word.partition(":")
        if guard not in ALLOWABLE or not (colon and glob):
            raise UsageError(
                f"`--allow {word}` names no guard that can be overridden", hint=f"GUARD:ADDRESS_GLOB with {', '.join(ALLOWABLE)}"
            )


def inputs_of(
    options: Options,
    config: Config,
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    snapshot: Snapshot,
    known: Known,
    *,
    destroy: bool = False,
    keep: bool = True,
) -> PlanInputs:
    """`keep`: what the read says of words that people gave stays said; a plan on another base (a pull request's) keeps nothing."""
    from orgform.planning import PlanInputs

    judged_by = today(options)
    word = _believed(options, config, targets, ledger, snapshot, destroy=destroy, keep=keep)
    return PlanInputs(
        desired=config.desired,
        base=known.base,
        base_info=known.info,
        live=word.live,
        targets={n: _state(n, t, options, snapshot, known) for n, t in targets.items() if n not in snapshot.failed},
        policy=config.policy,
        moved=config.moved,
        moved_done=frozenset(pair for t in targets.values() for pair in ledger.moved(t.key)),
        only=options.only,
        destroy=destroy,
        allow=options.allow,
        allow_destroy=options.allow_destroy,
        config_digest=config.digest,
        expired=config.expired,
        today=judged_by.isoformat(),
        soon=soon(judged_by).isoformat(),
        reserve=options.reserve,
        until={**config.expired, **{a: d.until for a, d in config.desired.items() if d.until}},
        tool_version=__version__,
        diagnostics=config.diagnostics,
        attested=word.words,
        failed={name: PlanTarget(config.targets[name].provider, False, problem=why) for name, why in snapshot.failed.items()},
        left_out={kind: name for kind, name in config.claims.items() if name in snapshot.failed},
    )


def _believed(
    options: Options, config: Config, targets: Mapping[str, OpenTarget], ledger: Ledger, snapshot: Snapshot, *, destroy: bool, keep: bool
) -> Believed:
    """What was read, with what people attested."""
    from orgform.attested import believed

    found = believed(
        snapshot.live,
        targets,
        ledger,
        today(options).isoformat(),
        load_kinds(),
        wanted=() if destroy else config.desired,
        moved=config.moved,
        unread=snapshot.problems | {name: targets[name].kinds for name in snapshot.failed if name in targets},
    )
    if keep:
        keep_seen(options, ledger, found.seen)
    return found


def _state(name: str, target: OpenTarget, options: Options, snapshot: Snapshot, known: Known) -> TargetState:
    from orgform.planning import TargetState

    return TargetState(
        provider=target.config.provider,
        system=target.provider.system,
        kinds=target.kinds,
        problems=snapshot.problems[name],
        capabilities=target.provider.capabilities,
        own_member=target.provider.own_member(),
        based=name in known.targets,
        instance=_instance(target, options),
        title=target.spec.title or target.config.provider,
        roles=_role_names(target),
    )


def _role_names(target: OpenTarget) -> dict[str, dict[str, str]]:
    """Scope -> {role of the config: what the platform calls it}."""
    roles = target.spec.roles
    names = RoleNames(roles, target.config.roles, target.spec.name)
    return {scope: names.known(scope) for scope in sorted({*roles.names, *roles.usual})}


class Known(Struct, frozen=True):
    """What is known of the last apply: `base` (None: nothing of any target), where from, and for which targets."""

    base: dict[Address, Base] | None = None
    info: PlanBase = PlanBase()
    targets: frozenset[str] = frozenset()


def _ledger_base(targets: Mapping[str, OpenTarget], ledger: Ledger, kinds: Kinds, moved: Sequence[Move]) -> Known:
    from orgform.attested import applied, readable

    found = {name: ledger.base(target.key) for name, target in targets.items()}
    with_words = {name: applied(found[name][0], target, ledger, kinds, moved) for name, target in targets.items()}
    known = {name: _claimed(base, targets[name].kinds, kinds) for name, base in with_words.items() if base is not None}
    if not known:
        return Known()
    # Words tell of what they are about, and of nothing that is read: of that nothing was applied yet.
    based = frozenset(name for name in known if found[name][0] is not None or not readable({name: targets[name]}))
    revisions = [str(found[name][1]) if len(targets) == 1 else f"{name}:{found[name][1]}" for name in sorted(known)]
    merged = next(iter(known.values())) if len(known) == 1 else {a: b for base in known.values() for a, b in base.items()}
    return Known(merged, PlanBase("ledger", ",".join(revisions)), based)


def _claimed(base: dict[Address, Base], claimed: frozenset[str], kinds: Kinds) -> dict[Address, Base]:
    """What the target still takes: of a kind that went to another target, this one's base says nothing any more."""
    if len(claimed) == len(kinds):
        return base
    return {address: known for address, known in base.items() if kind_of(address) in claimed}


def _git_base(options: Options, kinds: Kinds, ref: str, targets: Iterable[str]) -> Known:
    from orgform.config.gitfiles import GitFiles

    try:
        config = load(options, kinds, git_ref=ref)
    except ConfigInvalid as error:
        first = next((d for d in error.diagnostics if d.severity == "error"), None)
        told = f": {first.summary} ({first.source})" if first else ""
        raise OrgformError(
            f"the config at {ref} is invalid{told}", hint="choose a revision whose config is valid with `--base REF`"
        ) from None
    base = {
        address: Base({k: v for k, v in d.attributes.items() if v is not None}, bool(d.lifecycle.prevent_destroy))
        for address, d in config.desired.items()
    }
    return Known(base, PlanBase(f"git:{ref}", GitFiles(options.folder, ref).commit), frozenset(targets))


def _events(made: Plan, base: Mapping[Address, Base], targets: Mapping[str, OpenTarget], *, unmanaged: bool) -> dict[Address, list[Event]]:
    """What the audit logs say of what was changed by hand, under the names that the live systems have now."""
    from orgform.planning.who import by_hand

    asked: dict[str, list[Address]] = {}
    for change in made.changes:
        if by_hand(change, change.address in base):
            asked.setdefault(change.target, []).append(change.moved_from or change.address)
    for item in made.unmanaged if unmanaged else ():
        asked.setdefault(item.target, []).append(item.address)
    found: dict[Address, list[Event]] = {}
    for name, addresses in asked.items():
        found |= targets[name].provider.events(addresses[:MOST_ATTRIBUTED])
    return found


def _instance(target: OpenTarget, options: Options) -> str:
    remote = target.spec.origin(target.config.options)
    return "" if remote else digest([target.provider.system, str(options.folder.resolve())])


def refuse(made: Plan) -> None:
    if made.refused:
        names = ", ".join(sorted({g.guard for g in made.refused}))
        raise GuardRefused(f"refused by {names}; nothing was done", made, hint="each verdict above names its override")


def check_writable(made: Plan, targets: Mapping[str, OpenTarget]) -> None:
    """One sentence before the first write, in place of a failure for each change. Raises `ProviderError`."""
    for name in sorted({change.target for change in made.changes}):
        targets[name].provider.check_writable()


def _not_reached(name: str, why: str) -> ProviderError:
    """A saved plan was approved as a whole: it is applied as a whole."""
    return ProviderError(f"the target {name} cannot be reached: {why}", hint="nothing was done; apply the plan again later")


def check_saved(saved: Plan, targets: Mapping[str, OpenTarget], options: Options) -> None:
    from orgform.planfile import AGAIN as again

    for name, made_for in saved.targets.items():
        target = targets.get(name)
        if made_for.problem:  # it could not be read then, so the plan holds nothing of it
            continue
        if name in (failed := getattr(targets, "failed", {})):
            raise _not_reached(name, failed[name])
        if target is None:
            raise PlanFileInvalid(f"the plan is for the target {name!r}, which this config does not have", hint=again)
        if (target.config.provider, target.provider.system) != (made_for.provider, made_for.system):
            raise PlanFileInvalid(
                f"the plan was made for {made_for.provider} {made_for.system}; the target {name!r} is {target.config.provider} "
                f"{target.provider.system} now",
                hint=again,
            )
        if made_for.instance != _instance(target, options):
            raise PlanFileInvalid(f"the plan was made for the {made_for.system} of another folder", hint=again)


def execute(
    options: Options,
    made: Plan,
    targets: Mapping[str, OpenTarget],
    live: Mapping[Address, Live],
    ledger: Ledger,
    lock: Any,
    run: str,
    listen: Listener | None,
    stop: threading.Event | None,
) -> Report:
    from orgform.apply import apply_plan
    from orgform.preconditions import still_true

    memory = still_true(made, live, load_kinds())
    if not made.changes and not (memory.remember or memory.forget or memory.moved or memory.patch):
        return Report(run="", outcome="nothing")

    def news(done: int, total: int, outcome: Outcome) -> None:
        if listen:
            listen(Progress("apply", f"{outcome.action} {outcome.address}", done, total))

    systems = {name: t.key for name, t in targets.items()}
    claims = {kind: name for name, t in targets.items() for kind in t.kinds}
    done_by = ledger.done_by(made, systems)
    recorder = ledger.begin_run(lock, made, systems, actor(), run, claims=claims)
    recorder.remember(memory)
    report = apply_plan(
        made,
        providers={name: t.provider for name, t in targets.items()},
        live=live,
        kinds=load_kinds(),
        recorder=recorder,
        parallelism=options.parallelism,
        listen=news,
        stop=stop,
        may_write=lock.check,
        done_by=done_by,
    )
    recorder.finish(report.outcome)
    return report
