"""The shell that joins the stages: the public Python API. The command line uses nothing else.

Every function takes `Options` (where the config is, and what was chosen), returns plain values, and raises `errors.OrgformError`.
Nothing here prints, asks or exits; what must be asked comes in as a callable.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orgform import __version__
from orgform.codec import Struct, decode, digest, replace, to_builtins
from orgform.diagnostics import Diagnostic
from orgform.errors import ConfigInvalid, GuardRefused, OrgformError, PlanFileInvalid, UsageError
from orgform.kinds import Kinds, load_kinds, schema_folder
from orgform.model import AccessItem, Address, Base, Config, Live, Outcome, Plan, PlanBase, Report, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orgform.ledger import Ledger
    from orgform.planning import PlanInputs
    from orgform.targets import OpenTarget, Snapshot

# A live system's audit log is asked for this many drifted resources at the most: a plan's cost must not grow with what drifted.
MOST_ATTRIBUTED = 50


class Options(Struct, frozen=True):
    """What the common options choose. `today`: the day `until` is judged by (None: the real one).

    `only` are address globs; `allow` are `GUARD:ADDRESS_GLOB`; `allow_destroy` address globs; `allow_target` `NAME=ORIGIN`.
    `ledger`: a file or database URL (None: `ORGFORM_LEDGER`, else `.orgform/ledger.db` in the config folder).
    """

    folder: Path = Path()
    env: str | None = None
    variables: tuple[str, ...] = ()
    var_files: tuple[Path, ...] = ()
    targets: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    today: date | None = None
    parallelism: int = 10
    max_wait: float = 30.0
    ledger: str | None = None
    allow: tuple[str, ...] = ()
    allow_destroy: tuple[str, ...] = ()
    allow_target: tuple[str, ...] = ()


class Progress(Struct, frozen=True):
    """One piece of news from long work. `phase`: `read`, `apply`. `total` is None where it is not known."""

    phase: str
    message: str
    done: int = 0
    total: int | None = None


Listener = Callable[[Progress], None]
Confirm = Callable[[str], bool]


class Validation(Struct, frozen=True):
    """`resources`: kind -> how many are declared."""

    resources: dict[str, int]
    diagnostics: tuple[Diagnostic, ...]


def validate(options: Options) -> Validation:
    """Reads and checks the config, offline. Raises `ConfigInvalid` with every problem at once."""
    config = _load(options, load_kinds())
    counts = Counter(kind_of(address) for address in config.desired)
    return Validation(dict(sorted(counts.items())), config.diagnostics)


def plan(
    options: Options,
    *,
    base: str | None = None,
    destroy: bool = False,
    listen: Listener | None = None,
    confirm: Confirm | None = None,
) -> Plan:
    """What an apply would do now. `base`: a git revision to take base from. A refusing guard is in `plan.refused`, not raised.

    `confirm` is asked once for a target's secret that nobody allowed yet; without it that is `SecretRefused`.
    """
    kinds = load_kinds()
    config = _load(options, kinds)
    with _ledger(options, create=False) as ledger, _targets(options, config, ledger, confirm) as targets:
        return _plan(options, config, targets, ledger, base=base, destroy=destroy, listen=listen)[0]


def apply(
    options: Options,
    *,
    saved: Plan | None = None,
    base: str | None = None,
    destroy: bool = False,
    approve: Callable[[Plan], bool] | None = None,
    listen: Listener | None = None,
    stop: threading.Event | None = None,
    confirm: Confirm | None = None,
) -> tuple[Plan, Report]:
    """Plans (unless `saved`), asks `approve` where given, and applies. Raises `GuardRefused` before any write.

    When `approve` says no, the report's outcome is `declined`. `stop`: set it to finish what is in flight and return (outcome
    `interrupted`).
    """
    config = _load(options, load_kinds())
    with _ledger(options, create=True) as ledger, _targets(options, config, ledger, confirm) as targets:
        if saved:
            _check_saved(saved, targets, options)
            targets = {name: targets[name] for name in saved.targets}
        with ledger.lock([t.key for t in targets.values()], _actor()) as lock:
            if saved:
                made, snapshot = _judged_again(saved, options, config, targets, ledger, listen)
            else:
                made, snapshot = _plan(options, config, targets, ledger, base=base, destroy=destroy, listen=listen)
            _refuse(made)
            if approve and made.changes and not approve(made):
                return made, Report(run="", outcome="declined")
            return made, _execute(options, made, targets, snapshot.live, ledger, lock, listen, stop)


def load_plan(path: Path) -> Plan:
    """Reads a saved plan. Raises `PlanFileInvalid`."""
    from orgform.planfile import read_plan

    return read_plan(path, load_kinds())


class Exported(Struct, frozen=True):
    """`files`: relative name -> text; with `into` those that were written. `notes`: what differs and was left alone, and why."""

    files: dict[str, str]
    notes: tuple[str, ...] = ()


def export(options: Options, *, into: Path | None = None, listen: Listener | None = None, confirm: Confirm | None = None) -> Exported:
    """The live system as config. With `into` it is written there: into a folder that has a config already, only what differs is
    changed, and comments and layout stay."""
    from orgform.export import documents
    from orgform.folders import texts_in, write_files

    kinds = load_kinds()
    config = _load(options, kinds)
    with _ledger(options, create=False) as ledger, _targets(options, config, ledger, confirm) as targets:
        live = _chosen(_complete(_read(targets, None, listen)).live, options.only)
        read = frozenset(kind for target in targets.values() for kind in target.kinds)
        written = {name: target.config for name, target in targets.items()}
    if into is None:
        return Exported(documents(live, kinds, written, split=False))
    texts = texts_in(into, options.env)
    found = _merged(replace(options, folder=into), texts, live, read) if texts else Exported(documents(live, kinds, written, split=True))
    write_files(into, found.files)
    return found


def _chosen(live: dict[Address, Live], only: tuple[str, ...]) -> dict[Address, Live]:
    from orgform.planning.scope import matches

    return {a: r for a, r in live.items() if matches(a, only)} if only else live


def _merged(options: Options, texts: Mapping[str, str], live: Mapping[Address, Live], read: frozenset[str]) -> Exported:
    from orgform.export_into import merge_into

    kinds = load_kinds()
    # With --only the rest was not looked at, so nothing of it is known to be gone.
    merged = merge_into(texts, live, kinds, _load(options, kinds), read=() if options.only else read, env=options.env)
    return Exported(merged.files, merged.notes)


def access(
    options: Options, *, live: bool = False, listen: Listener | None = None, confirm: Confirm | None = None
) -> tuple[AccessItem, ...]:
    """Effective access with its path: of the config (offline), or of the live system."""
    from orgform.planning.access import effective_access

    kinds = load_kinds()
    config = _load(options, kinds)
    if not live:
        return _in_sight(effective_access({a: d.attributes for a, d in config.desired.items()}, None, kinds), options.only, kinds)
    with _ledger(options, create=False) as ledger, _targets(options, config, ledger, confirm) as targets:
        found = _complete(_read(targets, None, listen)).live
    items = effective_access({a: r.attributes for a, r in found.items()}, {a: r.observed for a, r in found.items()}, kinds)
    return _in_sight(items, options.only, kinds)


def _in_sight(items: tuple[AccessItem, ...], only: tuple[str, ...], kinds: Kinds) -> tuple[AccessItem, ...]:
    """Those whose person, workspace, or the two together (`membership/WS/PERSON`), a glob names."""
    from orgform.planning.scope import matches

    if not only:
        return items
    named = {part: kinds.having_access(part) for part in ("subject", "scope", "grant")}

    def addresses(item: AccessItem) -> list[Address]:
        people = [kind.address(item.member) for kind in named["subject"]]
        spaces = [kind.address(item.workspace) for kind in named["scope"] if item.workspace]
        both = [kind.address(item.workspace, item.member) for kind in named["grant"] if item.workspace]
        return [*people, *spaces, *both]

    return tuple(item for item in items if any(matches(address, only) for address in addresses(item)))


def history(options: Options, *, run: str | None = None) -> dict[str, Any]:
    """`{runs: [{run, started, finished, actor, outcome, changes}]}`, newest first; with `run` that one, `changes` a list of outcomes."""
    with _ledger(options, create=False) as ledger:
        return ledger.history(run)


def providers() -> dict[str, Any]:
    """The capability matrix: `{NAME: {summary, options, kinds: {KIND: {read, create, update, delete, fields}}, batch, page, ...}}`."""
    from orgform.providers import find_spec, spec_names

    kinds = load_kinds()
    matrix: dict[str, Any] = {}
    for name in spec_names():
        spec = find_spec(name)
        if spec:
            can = spec.capabilities
            reach = {kind: to_builtins(found) for kind in kinds if (found := can.of(kind))}
            matrix[name] = {"summary": spec.summary, "options": dict(spec.options), "secrets": list(spec.secrets)}
            matrix[name] |= {k: v for k, v in to_builtins(can).items() if k != "kinds"} | {"kinds": reach}
    return matrix


def schema(name: str = "company") -> dict[str, Any]:
    """A JSON Schema: `company`, `plan`, or a kind's name. Raises `UsageError` with what there is."""
    kinds = load_kinds()
    if name == "company":
        from orgform.config import company_schema

        return company_schema(kinds)
    if name == "plan":
        found: dict[str, Any] = decode((schema_folder() / "plan.schema.json").read_bytes())
        return found
    if name in kinds:
        return dict(kinds[name].schema)
    raise UsageError(f"no schema named {name!r}", hint=f"there are: company, plan, {', '.join(kinds)}")


def init(
    folder: Path, *, strategy: str = "by-brand", company: str = "Acme Corp", domain: str = "acme.com", owners: tuple[str, ...] = ()
) -> Mapping[str, str]:
    """Writes a first config (strategies `by-brand`, `by-region`, `by-environment`): relative file name -> text. Refuses a folder
    that has one."""
    from orgform.init import write_starter

    return write_starter(folder, strategy=strategy, company=company, domain=domain, owners=owners)


def _load(options: Options, kinds: Kinds, *, git_ref: str | None = None) -> Config:
    from orgform.config import load_config
    from orgform.config.gitfiles import GitFiles
    from orgform.providers import find_spec, spec_names

    # What git holds is what was applied: a grant that has run out since must be in base, or nobody would ever take it away.
    today = date.min if git_ref else (options.today or date.today())
    return load_config(
        options.folder,
        kinds=kinds,
        specs=find_spec,
        spec_names=spec_names,
        today=today,
        env=options.env,
        variables=options.variables,
        var_files=options.var_files,
        environ=os.environ,
        files=GitFiles(options.folder, git_ref) if git_ref else None,
        cache=None if git_ref else cache_folder(os.environ),
    )


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """The user's cache folder for parsed configs; `ORGFORM_CACHE` moves it, and empty switches it off."""
    if "ORGFORM_CACHE" in environ:
        return Path(environ["ORGFORM_CACHE"]) if environ["ORGFORM_CACHE"] else None
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/orgform"
    default = environ.get("LOCALAPPDATA") or environ.get("XDG_CACHE_HOME")
    return (Path(default) if default else Path.home() / ".cache") / "orgform"


@contextmanager
def _ledger(options: Options, *, create: bool) -> Iterator[Ledger]:
    from orgform.ledger import open_ledger

    where = options.ledger or os.environ.get("ORGFORM_LEDGER") or options.folder / ".orgform" / "ledger.db"
    ledger = open_ledger(where, create=create)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def _targets(options: Options, config: Config, ledger: Ledger, confirm: Confirm | None) -> Iterator[dict[str, OpenTarget]]:
    from orgform.targets import Opening, open_targets

    opening = Opening(options.folder, load_kinds(), ledger, options.max_wait, options.allow_target, confirm)
    with open_targets(config, options.targets, opening) as targets:
        yield targets


def _read(targets: Mapping[str, OpenTarget], kinds: Iterable[str] | None, listen: Listener | None) -> Snapshot:
    from orgform.targets import read_targets

    def news(kind: str, count: int) -> None:
        if listen:
            listen(Progress("read", f"reading {kind}", count))

    return read_targets(targets, None if kinds is None else set(kinds), news)


def _complete(snapshot: Snapshot) -> Snapshot:
    """What is shown or exported as the whole must be the whole."""
    for target, problems in snapshot.problems.items():
        for kind, problem in problems.items():
            raise OrgformError(f"target {target}: {kind} could not be read completely: {problem}", hint="run it again")
    return snapshot


def _plan(
    options: Options,
    config: Config,
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    *,
    base: str | None,
    destroy: bool,
    listen: Listener | None,
) -> tuple[Plan, Snapshot]:
    from orgform.planning import make_plan

    _check_allowed(options.allow)
    kinds = load_kinds()
    known = _git_base(options, kinds, base, targets) if base else _ledger_base(targets, ledger, kinds)
    snapshot = _read(targets, None, listen)
    inputs = _inputs(options, config, targets, ledger, snapshot, known, destroy=destroy)
    made = make_plan(inputs, kinds)
    attributions = _attributions(made, targets)
    if attributions:
        made = make_plan(replace(inputs, attributions=attributions), kinds)
    return made, snapshot


def _instance(target: OpenTarget, options: Options) -> str:
    remote = target.spec.origin(target.config.options)
    return "" if remote else digest([target.provider.system, str(options.folder.resolve())])


def _judged_again(
    saved: Plan, options: Options, config: Config, targets: Mapping[str, OpenTarget], ledger: Ledger, listen: Listener | None
) -> tuple[Plan, Snapshot]:
    """What was safe when the plan was made may not be now: its guards are asked again, on the live system as it is."""
    from orgform.planning import judge_again

    _check_allowed(options.allow)
    snapshot = _read(targets, None, listen)
    inputs = _inputs(options, config, targets, ledger, snapshot, _Known())
    return judge_again(saved, inputs, load_kinds()), snapshot


def _check_allowed(words: Iterable[str]) -> None:
    """A misspelt override would silently override nothing."""
    from orgform.planning.guards import ALLOWABLE

    for word in words:
        guard, colon, glob = word.partition(":")
        if guard not in ALLOWABLE or not (colon and glob):
            raise UsageError(
                f"`--allow {word}` names no guard that can be overridden", hint=f"GUARD:ADDRESS_GLOB with {', '.join(ALLOWABLE)}"
            )


def _inputs(
    options: Options,
    config: Config,
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    snapshot: Snapshot,
    known: _Known,
    *,
    destroy: bool = False,
) -> PlanInputs:
    from orgform.planning import PlanInputs, TargetState

    states = {
        name: TargetState(
            provider=t.config.provider,
            system=t.provider.system,
            kinds=t.kinds,
            problems=snapshot.problems[name],
            capabilities=t.provider.capabilities,
            own_member=t.provider.own_member(),
            based=name in known.targets,
            instance=_instance(t, options),
        )
        for name, t in targets.items()
    }
    return PlanInputs(
        desired=config.desired,
        base=known.base,
        base_info=known.info,
        live=snapshot.live,
        targets=states,
        policy=config.policy,
        moved=config.moved,
        moved_done=frozenset(pair for t in targets.values() for pair in ledger.moved(t.key)),
        only=options.only,
        destroy=destroy,
        allow=options.allow,
        allow_destroy=options.allow_destroy,
        config_digest=config.digest,
        expired=config.expired,
        tool_version=__version__,
        diagnostics=config.diagnostics,
    )


class _Known(Struct, frozen=True):
    """What is known of the last apply: `base` (None: nothing of any target), where from, and for which targets."""

    base: dict[Address, Base] | None = None
    info: PlanBase = PlanBase()
    targets: frozenset[str] = frozenset()


def _ledger_base(targets: Mapping[str, OpenTarget], ledger: Ledger, kinds: Kinds) -> _Known:
    found = {name: ledger.base(target.key) for name, target in targets.items()}
    known = {name: _claimed(base, targets[name].kinds, kinds) for name, (base, _) in found.items() if base is not None}
    if not known:
        return _Known()
    revisions = [str(found[name][1]) if len(targets) == 1 else f"{name}:{found[name][1]}" for name in sorted(known)]
    merged = next(iter(known.values())) if len(known) == 1 else {a: b for base in known.values() for a, b in base.items()}
    return _Known(merged, PlanBase("ledger", ",".join(revisions)), frozenset(known))


def _claimed(base: dict[Address, Base], claimed: frozenset[str], kinds: Kinds) -> dict[Address, Base]:
    """What the target still takes: of a kind that went to another target, this one's base says nothing any more."""
    if len(claimed) == len(kinds):
        return base
    return {address: known for address, known in base.items() if kind_of(address) in claimed}


def _git_base(options: Options, kinds: Kinds, ref: str, targets: Iterable[str]) -> _Known:
    from orgform.config.gitfiles import GitFiles

    try:
        config = _load(options, kinds, git_ref=ref)
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
    return _Known(base, PlanBase(f"git:{ref}", GitFiles(options.folder, ref).commit), frozenset(targets))


def _attributions(made: Plan, targets: Mapping[str, OpenTarget]) -> dict[Address, Any]:
    drifted: dict[str, list[Address]] = {}
    for change in made.changes:
        if change.origin in ("drift", "conflict"):
            drifted.setdefault(change.target, []).append(change.address)
    found: dict[Address, Any] = {}
    for name, addresses in drifted.items():
        found |= targets[name].provider.attributions(addresses[:MOST_ATTRIBUTED])
    return found


def _refuse(made: Plan) -> None:
    if made.refused:
        names = ", ".join(sorted({g.guard for g in made.refused}))
        raise GuardRefused(f"refused by {names}; nothing was done", made, hint="each verdict above names its override")


def _check_saved(saved: Plan, targets: Mapping[str, OpenTarget], options: Options) -> None:
    from orgform.planfile import AGAIN as again

    for name, made_for in saved.targets.items():
        target = targets.get(name)
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


def _execute(
    options: Options,
    made: Plan,
    targets: Mapping[str, OpenTarget],
    live: Mapping[Address, Live],
    ledger: Ledger,
    lock: Any,
    listen: Listener | None,
    stop: threading.Event | None,
) -> Report:
    from orgform.apply import apply_plan
    from orgform.preconditions import still_true

    memory = still_true(made, live, load_kinds())
    if not made.changes and not (memory.remember or memory.forget or memory.moved):
        return Report(run="", outcome="nothing")

    def news(done: int, total: int, outcome: Outcome) -> None:
        if listen:
            listen(Progress("apply", f"{outcome.action} {outcome.address}", done, total))

    systems = {name: t.key for name, t in targets.items()}
    claims = {kind: name for name, t in targets.items() for kind in t.kinds}
    recorder = ledger.begin_run(lock, made, systems, _actor(), claims=claims)
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
    )
    recorder.finish(report.outcome)
    return report


def _actor() -> str:
    """Who runs it, for the lock and the ledger: CI's word for it, else user and host."""
    for name in ("ORGFORM_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}"
