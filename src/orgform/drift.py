"""What somebody changed by hand, and what is done about it: shown, taken over into the config (`adopt`), or left alone from now on.

Invariant: a view of the same plan that an apply would make. Nothing is written to a live system; files are written only after the config
that they make was loaded, found valid, and plans no change where something was taken over and none anywhere else that was not due before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from orgform.adopt import Refusal, Wanted
from orgform.codec import Struct, replace
from orgform.diagnostics import Diagnostic
from orgform.errors import GuardRefused, UsageError
from orgform.kinds import Kinds, load_kinds
from orgform.model import Address, Attribution, Change, Config, GuardVerdict, Origin, Plan, PlanBase, PlanTarget, kind_of
from orgform.opening import load, opened_ledger, opened_targets
from orgform.options import Confirm, Listener, Options
from orgform.planning.diff import Leaf, differing
from orgform.planning.scope import PlanInputs, Scope, matches, scope_of
from orgform.planning.who import by_hand, created_by, value_at
from orgform.rewrite import proposed, rewritten
from orgform.running import judged_now

if TYPE_CHECKING:
    from orgform.model import Action

DRIFT_FORMAT: Final = "orgform.drift/1"
BY_HAND = ("drift", "conflict")
#: of so many resources it is found out whether the config could take them over, or leave them alone; more are not named one by one anyhow
TRIED = 3
#: and of a config with so many resources: to try it out in a larger one takes longer than all the rest
TRIED_IN = 10_000


class DriftedField(Struct, frozen=True):
    """A field as it was last applied, as the config says and as it is live; `None` where it is not there."""

    path: str
    origin: Origin
    base: Any = None
    desired: Any = None
    live: Any = None
    attribution: Attribution | None = None


class Drifted(Struct, frozen=True):
    """A resource that was changed by hand. `action` is what an apply does about it: `update` puts fields back, `create` brings back what
    was deleted, `delete` takes away what was created (where `policy.authoritative` says so). `source` is FILE:LINE:COLUMN.
    """

    target: str
    address: Address
    action: Action
    origin: Origin
    label: str = ""
    source: str = ""
    fields: tuple[DriftedField, ...] = ()
    attribution: Attribution | None = None


class Created(Struct, frozen=True):
    """Something that was created by hand: the config does not have it, and an apply leaves it alone."""

    target: str
    address: Address
    label: str = ""
    attribution: Attribution | None = None


class Way(Struct, frozen=True):
    """What `--adopt` (or `--ignore`) would do for these `addresses`, all together; `refused`: what it would not, and why."""

    addresses: tuple[Address, ...]
    refused: tuple[Refusal, ...] = ()


class Drift(Struct, frozen=True):
    """The document `orgform.drift/1`. `pending`: changes that the repo asks for by itself; `guards`: reads that were not complete.

    `adoptable` and `ignorable`: what of it the config could take in, or leave alone; None where that was not tried.

    With `adopt` or `ignore`: `adopted` and `ignored` are the addresses that the config has taken in, `files` the unified diffs of the
    files that were written, by name; with `refused` nothing was written. `notes` are sentences for people.
    """

    targets: dict[str, PlanTarget]
    base: PlanBase
    drift: tuple[Drifted, ...] = ()
    unmanaged: tuple[Created, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    guards: tuple[GuardVerdict, ...] = ()
    pending: int = 0
    adoptable: Way | None = None
    ignorable: Way | None = None
    adopted: tuple[Address, ...] = ()
    ignored: tuple[Address, ...] = ()
    files: dict[str, str] = {}
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    format: Literal["orgform.drift/1"] = DRIFT_FORMAT

    @property
    def any(self) -> bool:
        return bool(self.drift or self.unmanaged)


def drift(
    options: Options,
    *,
    adopt: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    base: str | None = None,
    listen: Listener | None = None,
    confirm: Confirm | None = None,
) -> Drift:
    """What was changed by hand. `adopt`: address globs of what the config takes over (none named: all of it); `ignore`: of what it leaves
    alone. Both write the config's files, all or nothing: see `Drift.refused`.

    Raises `UsageError` for a glob that names nothing, and `GuardRefused` where something is to be taken over from an incomplete read.
    """
    if adopt is not None and ignore:
        raise UsageError("take over and ignore in two runs", hint="`drift --adopt A`, then `drift --ignore B`")
    kinds = load_kinds()
    config = load(options, kinds)
    with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        inputs, made, _ = judged_now(options, config, targets, ledger, base=base, listen=listen, unmanaged=True)
    view = View(inputs, made, kinds)
    if adopt is None and not ignore:
        return _with_ways(options, config, view)
    if view.document.guards:
        raise GuardRefused("refused by incomplete-read; no file was written", made, hint="what was not read may not be gone: run it again")
    return _settled(options, config, view, None if adopt is None else (tuple(adopt) or ("*",)), tuple(ignore))


class Case(NamedTuple):
    """A drifted resource with the values that are in dispute."""

    change: Change
    leaves: tuple[Leaf, ...]


class View:
    """A plan as drift: `document`, and by address what it was made from."""

    def __init__(self, inputs: PlanInputs, made: Plan, kinds: Kinds) -> None:
        self.inputs, self.made, self.kinds = inputs, made, kinds
        self.scope: Scope = scope_of(inputs, kinds)
        refused = tuple(g for g in made.guards if g.guard == "incomplete-read" and g.verdict == "refused")
        self._unread = {item.partition(":")[0] for guard in refused for item in guard.items}
        changes = whole_changes(made)
        self.cases = {change.address: case for change in changes if (case := self._case(change))}
        self.document = Drift(
            targets=made.targets,
            base=made.base,
            drift=tuple(self._drifted(case) for case in sorted(self.cases.values(), key=lambda case: case.change.address)),
            unmanaged=tuple(self._created(item.target, item.address) for item in made.unmanaged),
            diagnostics=made.diagnostics,
            guards=refused,
            pending=sum(change.address not in self.cases for change in changes),
        )

    def _case(self, change: Change) -> Case | None:
        known = change.address in self.scope.base
        if not by_hand(change, known) or (change.action == "create" and kind_of(change.address) in self._unread):
            return None
        if change.action != "update":
            return Case(change, ())
        kind = self.kinds.of(change.address)
        triple = self.scope.triple(change.address, kind, self.kinds)
        return Case(change, tuple(differing(triple, kind)[1])) if triple else None

    def _drifted(self, case: Case) -> Drifted:
        change = case.change
        told = {field.path: field.attribution for field in change.fields}
        fields = tuple(_field(leaf, path, told.get(".".join(path))) for leaf in case.leaves for path in leaf.paths())
        origins = {field.origin for field in fields} | ({change.origin} if not fields else set())
        return Drifted(
            target=change.target,
            address=change.address,
            action=change.action,
            origin="conflict" if "conflict" in origins else "drift",
            label=change.label,
            source=change.source,
            fields=fields,
            attribution=change.attribution,
        )

    def _created(self, target: str, address: Address) -> Created:
        kind = self.kinds.of(address)
        label = self.scope.live[address].attributes.get(kind.label) if kind.label else None
        events = self.inputs.events.get(address, ())
        return Created(target, address, str(label or ""), created_by(events) if events else None)


def whole_changes(made: Plan) -> list[Change]:
    """What an apply, people and a later apply do, as one change for each resource."""
    found = {change.address: change for change in (*made.changes, *(w.change for w in made.waiting))}
    for step in made.manual_steps:
        known = found.get(step.address)
        found[step.address] = replace(known, fields=(*known.fields, *step.fields)) if known else step.as_change()
    return list(found.values())


def _field(leaf: Leaf, path: tuple[str, ...], who: Attribution | None) -> DriftedField:
    inner = path[len(leaf.path) :]
    base, desired, live = (value_at(value, inner) if inner else value for value in (leaf.base, leaf.desired, leaf.live))
    return DriftedField(".".join(path), leaf.origin, base, desired, live, who)


def _with_ways(options: Options, config: Config, view: View) -> Drift:
    """The document with what the config could take in: nothing is to be suggested that is refused then."""
    document = view.document
    if document.guards or len(config.desired) > TRIED_IN:
        return document

    def refused(addresses: tuple[Address, ...], *, ignore: bool) -> tuple[Refusal, ...]:
        choice = Choice(view, () if ignore else addresses, addresses if ignore else ())
        if choice.refused or not choice.addresses:
            return tuple(choice.refused)
        return proposed(options, config, choice.wanted, view.inputs, view.made, view.kinds).refused

    def way(addresses: tuple[Address, ...], *, ignore: bool) -> Way | None:
        if not 0 < len(addresses) <= TRIED:
            return None
        told = refused(addresses, ignore=ignore)
        rest = tuple(a for a in addresses if a not in {r.address for r in told})
        return Way(() if told and rest and refused(rest, ignore=ignore) else rest, told)

    every = (*(d.address for d in document.drift), *(u.address for u in document.unmanaged))
    changed = tuple(d.address for d in document.drift if d.action == "update")
    return replace(document, adoptable=way(every, ignore=False), ignorable=way(changed, ignore=True))


def _settled(options: Options, config: Config, view: View, adopted: tuple[str, ...] | None, ignored: tuple[str, ...]) -> Drift:
    """The config takes over, or leaves alone, what the globs name."""
    _check_globs(view, adopted or (), ignored)
    choice = Choice(view, adopted or (), ignored)
    wanted, document = choice.wanted, view.document
    touched = choice.addresses
    if choice.refused or not touched:
        return replace(document, refused=tuple(choice.refused), notes=tuple(choice.notes))
    made = rewritten(options, config, wanted, view.inputs, view.made, view.kinds)
    if made.refused:
        return replace(document, refused=made.refused)
    taken = {"ignored" if ignored else "adopted": touched}
    return replace(document, files=made.diffs, notes=(*choice.notes, *made.notes), **taken)


def _check_globs(view: View, *groups: tuple[str, ...]) -> None:
    """A misspelt address would silently take over nothing."""
    states = (view.scope.desired, view.scope.base, view.scope.live)
    for glob in (glob for globs in groups for glob in globs):
        if not any(matches(address, (glob,)) for state in states for address in state):
            hint = "`orgform drift` lists the addresses; `*` crosses `/`: 'membership/brand-x-us/*'"
            raise UsageError(f"{glob!r} names nothing that is declared or live", hint=hint)


class Choice:
    """What the globs name of what drifted, as what is wanted of the config."""

    def __init__(self, view: View, adopted: tuple[str, ...], ignored: tuple[str, ...]) -> None:
        self._view, self._exact = view, {*adopted, *ignored}
        self.refused: list[Refusal] = []
        self.notes: list[str] = []
        values: dict[Address, dict[tuple[str, ...], Any]] = {}
        came = {u.address for u in view.document.unmanaged if matches(u.address, adopted)}
        gone: list[Address] = []
        words: dict[Address, tuple[str, ...]] = {}
        for address, case in view.cases.items():
            if matches(address, ignored):
                words |= {address: found} if (found := tuple(self._words(address, case))) else {}
            if not matches(address, adopted):
                continue
            if case.change.action == "create":
                gone.append(address)
            elif case.change.action == "delete":
                came.add(address)
            else:
                values[address] = dict(self._values(address, case))
        for item in view.document.unmanaged:
            if matches(item.address, ignored):
                self._not_declared(item.address)
        live = view.scope.live
        self.wanted = Wanted(values, {address: live[address] for address in sorted(came)}, tuple(sorted(gone)), words)
        self.addresses = tuple(sorted({*values, *came, *gone, *words}))

    def _values(self, address: Address, case: Case) -> Iterator[tuple[tuple[str, ...], Any]]:
        for leaf in case.leaves:
            if leaf.origin == "conflict":
                self.notes.append(f"{address}: `{'.'.join(leaf.path)}` was changed on both sides; the live value was taken")
            if leaf.origin in BY_HAND:
                yield leaf.path, leaf.live

    def _words(self, address: Address, case: Case) -> Iterator[str]:
        if case.change.action == "create":
            why = "it is gone from the live system, so there is no field to ignore; `--adopt` takes it out of the config"
            self._cannot(address, "", why)
        elif case.change.action == "delete":
            self._not_declared(address)
        for leaf in case.leaves:
            if leaf.origin not in BY_HAND:
                continue
            if any("." in step for step in leaf.path):
                why = f"`lifecycle.ignore` cannot name a key with a dot in it; ignore `{leaf.path[0]}` as a whole by hand"
                self._cannot(address, ".".join(leaf.path), why)
            else:
                yield ".".join(leaf.path)

    def _not_declared(self, address: Address) -> None:
        kind, parent = self._view.kinds.of(address), self._view.kinds.parent_of(address)
        way_out = f"; `lifecycle: {{ignore: [{kind.collection}]}}` at {parent} leaves all of its {kind.collection} alone" if parent else ""
        self._cannot(address, "", f"the config does not have it, so there is nothing to ignore{way_out}")

    def _cannot(self, address: Address, path: str, why: str) -> None:
        """Refused where it was named; where a pattern merely takes it in, told."""
        if address in self._exact or path:
            self.refused.append(Refusal(address, path, why))
        else:
            self.notes.append(f"{address}: {why}")
