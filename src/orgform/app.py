"""The shell that joins the stages: the public Python API. The command line uses nothing else.

Every function takes `Options` (where the config is, and what was chosen), returns plain values, and raises `errors.OrgformError`.
Nothing here prints, asks or exits; what must be asked comes in as a callable.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orgform.attest import attest
from orgform.codec import Struct, decode, replace
from orgform.diagnostics import Diagnostic
from orgform.domains import Domain, Domains, domains, verify_domains
from orgform.errors import BrokenProvider, UsageError
from orgform.kinds import Kinds, load_kinds, schema_folder
from orgform.model import AccessItem, Address, Live, Plan, Report, kind_of
from orgform.opening import actor, cache_folder, complete, load, opened_ledger, opened_targets, read_live, today
from orgform.options import Confirm, Listener, Options, Progress

if TYPE_CHECKING:
    from orgform.drift import Drift

__all__ = [
    "Confirm",
    "Domain",
    "Domains",
    "Exported",
    "Listener",
    "Options",
    "Progress",
    "Split",
    "Validation",
    "access",
    "apply",
    "attest",
    "cache_folder",
    "domains",
    "drift",
    "export",
    "export_flags",
    "history",
    "init",
    "known_run",
    "load_plan",
    "plan",
    "plan_by_risk",
    "plan_undo",
    "providers",
    "schema",
    "undo",
    "validate",
    "verify_domains",
]


class Validation(Struct, frozen=True):
    """`resources`: kind -> how many are declared."""

    resources: dict[str, int]
    diagnostics: tuple[Diagnostic, ...]


def validate(options: Options) -> Validation:
    """Reads and checks the config, offline. Raises `ConfigInvalid` with every problem at once."""
    config = load(options, load_kinds())
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
    """What an apply would do now, signed where `ORGFORM_PLAN_KEY` is set. A refusing guard is in `plan.refused`, not raised.

    `base`: a git revision to take base from.

    `confirm` is asked once for a target's secret that nobody allowed yet; without it that is `SecretRefused`.
    """
    from orgform.running import plan_now
    from orgform.signing import key_of, signed

    key = key_of(os.environ)
    config = load(options, load_kinds())
    with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        made = plan_now(options, config, targets, ledger, base=base, destroy=destroy, listen=listen)[0]
    return signed(made, key) if key else made


class Split(Struct, frozen=True):
    """A plan and its two parts. `files`: where the additive and the destructive one were written."""

    whole: Plan
    additive: Plan
    destructive: Plan
    files: tuple[Path, Path]


def plan_by_risk(
    options: Options,
    into: Path,
    *,
    base: str | None = None,
    destroy: bool = False,
    undo: str | None = None,
    listen: Listener | None = None,
    confirm: Confirm | None = None,
) -> Split:
    """As `plan` (with `undo`, a run: as `plan_undo`), and writes it as two: `additive.plan.json`, to be applied first, and
    `destructive.plan.json`, each signed where `ORGFORM_PLAN_KEY` is set. `into`: a folder, made where it is missing. Both files are
    written always, or none; raises `OrgformError` where they cannot be, before anything is asked of a live system."""
    from orgform.folders import check_folder, write_files
    from orgform.planning.split import split
    from orgform.running import judged_now
    from orgform.signing import key_of, signed
    from orgform.undo import plan_undo as undo_now

    key, run = key_of(os.environ), known_run(options, undo) if undo else ""
    names = ("additive.plan.json", "destructive.plan.json")
    check_folder(into, names)
    config = load(options, load_kinds())
    with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        if run:
            inputs, made, _ = undo_now(options, config, targets, ledger, run, listen)
        else:
            inputs, made, _ = judged_now(options, config, targets, ledger, base=base, destroy=destroy, listen=listen)
    plans = [signed(p, key) if key else p for p in (made, *split(made, inputs, load_kinds()))]
    write_files(into, {name: part.to_json().decode() for name, part in zip(names, plans[1:], strict=True)})
    return Split(plans[0], plans[1], plans[2], (into / names[0], into / names[1]))


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
    from orgform.attested import settle
    from orgform.ledger import new_run
    from orgform.running import check_saved, check_writable, execute, judge_saved, plan_now, refuse

    config, run = load(options, load_kinds()), new_run()
    with opened_ledger(options, create=True) as ledger, opened_targets(options, config, ledger, confirm, run=run) as targets:
        if saved:
            check_saved(saved, targets, options)
            targets = {name: targets[name] for name, target in saved.targets.items() if not target.problem}
        with ledger.lock([t.key for t in targets.values()], actor()) as lock:
            if saved:
                made, snapshot = judge_saved(saved, options, config, targets, ledger, listen)
            else:
                made, snapshot = plan_now(options, config, targets, ledger, base=base, destroy=destroy, listen=listen)
            refuse(made)
            check_writable(made, targets)
            if approve and made.changes and not approve(made):
                return made, Report(run="", outcome="declined")
            settle(targets, ledger, config.moved, load_kinds())
            return made, execute(options, made, targets, snapshot.live, ledger, lock, run, listen, stop)


def plan_undo(options: Options, run: str, *, listen: Listener | None = None, confirm: Confirm | None = None) -> Plan:
    """What an undo of this run would do now, signed where `ORGFORM_PLAN_KEY` is set; `apply(saved=...)` applies it.

    `run`: its name, or the beginning of it. What was changed since is in `plan.undoes.left`, unless `--allow changed-since:ADDRESS_GLOB`
    names it. Raises `LedgerError` for a run that is not known.
    """
    from orgform.signing import key_of, signed
    from orgform.undo import plan_undo as undo_now

    key, run = key_of(os.environ), known_run(options, run)
    config = load(options, load_kinds())
    with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        made = undo_now(options, config, targets, ledger, run, listen)[1]
    return signed(made, key) if key else made


def undo(
    options: Options,
    run: str,
    *,
    approve: Callable[[Plan], bool] | None = None,
    listen: Listener | None = None,
    stop: threading.Event | None = None,
    confirm: Confirm | None = None,
) -> tuple[Plan, Report]:
    """Plans the undo of a run, asks `approve` where given, and applies it: like `apply`, and itself a run that can be undone."""
    from orgform.ledger import new_run
    from orgform.running import check_writable, execute, refuse
    from orgform.undo import plan_undo as undo_now

    run = known_run(options, run)  # of one that nobody knows no ledger is made
    config, own = load(options, load_kinds()), new_run()
    with (
        opened_ledger(options, create=True) as ledger,
        opened_targets(options, config, ledger, confirm, run=own) as targets,
        ledger.lock([t.key for t in targets.values()], actor()) as lock,
    ):
        _, made, snapshot = undo_now(options, config, targets, ledger, run, listen)
        refuse(made)
        check_writable(made, targets)
        if approve and made.changes and not approve(made):
            return made, Report(run="", outcome="declined")
        return made, execute(options, made, targets, snapshot.live, ledger, lock, own, listen, stop)


def drift(
    options: Options,
    *,
    adopt: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    base: str | None = None,
    listen: Listener | None = None,
    confirm: Confirm | None = None,
) -> Drift:
    """What was changed by hand. `adopt` (address globs; none named: everything) writes what is live into the config's files, `ignore`
    adds the drifted fields to `lifecycle.ignore` there; both all or nothing: with `refused` in the result no file was written."""
    from orgform.drift import drift as drift_now

    return drift_now(options, adopt=adopt, ignore=ignore, base=base, listen=listen, confirm=confirm)


def load_plan(path: Path) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Reads a saved plan, and what is to be said of it. Its signature is checked where `ORGFORM_PLAN_KEY` is set.

    Raises `PlanFileInvalid`.
    """
    from orgform.planfile import read_plan
    from orgform.signing import check, key_of

    made = read_plan(path, load_kinds())
    return made, check(made, key_of(os.environ), path.name)


class Exported(Struct, frozen=True):
    """`files`: relative name -> text; with `into` those that were written. `notes`: what differs and was left alone, and why."""

    files: dict[str, str]
    notes: tuple[str, ...] = ()


def export(options: Options, *, into: Path | None = None, listen: Listener | None = None, confirm: Confirm | None = None) -> Exported:
    """The live system as config. With `into` it is written there: into a folder that has a config already, only what differs is
    changed, and comments and layout stay."""
    from orgform.attested import believed, readable, with_unseen
    from orgform.export import documents, sayable
    from orgform.folders import texts_in, write_files

    kinds = load_kinds()
    config = load(options, kinds)
    with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        day = today(options).isoformat()
        there = complete(read_live(targets, None, listen)).live
        found_there = believed(there, targets, ledger, day, kinds, moved=config.moved).live
        live, read = _chosen(found_there, options.only), readable(targets)
        unseen = with_unseen(live, targets, config.desired) if into else live
        written = {name: target.config for name, target in targets.items()}
    told, notes = sayable(live, {}, kinds)
    if into is None:
        return Exported(documents(told, kinds, written, split=False), notes)
    texts = texts_in(into, options.env)
    apart = Exported(documents(told, kinds, written, split=True), notes)
    found = _merged(replace(options, folder=into), texts, unseen, read) if texts else apart
    write_files(into, found.files)
    return found


def export_flags(
    options: Options, workspace: str, *, live: bool = True, listen: Listener | None = None, confirm: Confirm | None = None
) -> dict[str, Any]:
    """The features of a workspace as flagd reads them: `{"$schema", "metadata", "flags"}`; of the live system or (offline) the config."""
    from orgform.flagd import document
    from orgform.flags import flags

    kinds = load_kinds()
    return document(workspace, flags(options, kinds, workspace, live=live, listen=listen, confirm=confirm), kinds)


def _chosen(live: dict[Address, Live], only: tuple[str, ...]) -> dict[Address, Live]:
    from orgform.planning.scope import matches

    return {a: r for a, r in live.items() if matches(a, only)} if only else live


def _merged(options: Options, texts: Mapping[str, str], live: Mapping[Address, Live], read: frozenset[str]) -> Exported:
    from orgform.export import sayable
    from orgform.export_into import merge_into

    kinds = load_kinds()
    config = load(options, kinds)
    told, notes = sayable(live, config.desired, kinds)
    # With --only the rest was not looked at, so nothing of it is known to be gone.
    merged = merge_into(texts, told, kinds, config, read=() if options.only else read, env=options.env)
    return Exported(merged.files, (*notes, *merged.notes))


def access(
    options: Options, *, live: bool = False, listen: Listener | None = None, confirm: Confirm | None = None
) -> tuple[AccessItem, ...]:
    """Effective access with its path: of the config (offline), or of the live system."""
    from orgform.attested import believed
    from orgform.planning.access import effective_access, unread_roles, with_unread

    kinds = load_kinds()
    config = load(options, kinds)
    if not live:
        return _in_sight(effective_access({a: d.attributes for a, d in config.desired.items()}, None, kinds), options.only, kinds)
    with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        day = today(options).isoformat()
        read = complete(read_live(targets, None, listen)).live
        found = believed(read, targets, ledger, day, kinds, moved=config.moved).live
        reach = {kind: t.provider.capabilities.of(kind) for t in targets.values() for kind in t.kinds}
    there = with_unread({a: r.attributes for a, r in found.items()}, unread_roles(reach, kinds), kinds)
    items = effective_access(there, {a: r.observed for a, r in found.items()}, kinds)
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
    """`{runs: [{run, started, finished, actor, outcome, changes}]}`, newest first; with `run` that one, `changes` a list of outcomes.

    Raises `LedgerError` for a run that is not known, and `ConfigInvalid` where there is no such folder.
    """
    _check_there(options)
    with opened_ledger(options, create=False) as ledger:
        return ledger.history(run)


def known_run(options: Options, run: str) -> str:
    """The name of the run that begins like this. Raises as `history` does."""
    _check_there(options)
    with opened_ledger(options, create=False) as ledger:
        return ledger.about(run).run


def _check_there(options: Options) -> None:
    """A folder that is not there has no ledger, which is not the same as one where nothing was applied."""
    if not options.folder.is_dir():
        load(options, load_kinds())


def providers(name: str | None = None) -> dict[str, Any]:
    """The capability matrix, or what one provider declares: `{NAME: {summary, title, options, roles, limits, words, batch, page, ...,
    kinds: {KIND: {read, create, update, delete, fields, guides, refusals}}}}`. Of all of them, one whose package is no good is
    `{problem, hint}`, and stops no other.

    Raises `UsageError` for a name that no installed provider has, `BrokenProvider` for one that was asked for and is no good.
    """
    from orgform.providers import find_spec, spec_names
    from orgform.providers.catalogue import broken, declared

    installed = spec_names()
    if name is not None and name not in installed:
        raise UsageError(f"no provider named {name!r}", hint=f"installed are: {', '.join(installed)}")
    kinds = load_kinds()
    found: dict[str, Any] = {}
    for each in [name] if name else installed:
        try:
            if spec := find_spec(each):
                found[each] = declared(spec, kinds)
        except BrokenProvider as error:
            if name:
                raise
            found[each] = broken(error)
    return found


def schema(name: str = "company") -> dict[str, Any]:
    """A JSON Schema: `company`, `plan`, or a kind's name. Raises `UsageError` with what there is."""
    import difflib

    kinds = load_kinds()
    if name == "company":
        from orgform.config import company_schema

        return company_schema(kinds)
    if name == "plan":
        found: dict[str, Any] = decode((schema_folder() / "plan.schema.json").read_bytes())
        return found
    if name in kinds:
        return dict(kinds[name].schema)
    there = ["company", "plan", *sorted({*kinds, *kinds.operations} - {"company"})]
    close = difflib.get_close_matches(name, there, n=1)
    raise UsageError(f"no schema named {name!r}", hint=f"did you mean {close[0]}?" if close else f"there are: {', '.join(there)}")


def init(
    folder: Path, *, strategy: str = "by-brand", company: str = "Acme Corp", domain: str = "acme.com", owners: tuple[str, ...] = ()
) -> Mapping[str, str]:
    """Writes a first config (strategies `by-brand`, `by-region`, `by-environment`): relative file name -> text. Refuses a folder
    that has one."""
    from orgform.init import write_starter

    return write_starter(folder, strategy=strategy, company=company, domain=domain, owners=owners)
