"""Joins the stages into a plan: scope -> pair -> diff -> choose -> order -> access -> guards.

Invariant: pure. Equal inputs give byte-equal plans: everything is sorted, and there is no clock, no id and no secret in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from orgform.codec import replace
from orgform.diagnostics import Diagnostic, sort_diagnostics
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import AccessDelta, Address, Attributes, Base, Change, Plan, PlanTarget, Remember, Unmanaged, address_of, kind_of
from orgform.planning.access import AccessChange
from orgform.planning.diff import Difference, Triple, difference, fingerprint, project, unsettled
from orgform.planning.effect import Effect, effects, shrinks, value_at
from orgform.planning.extras import costs, estimate, notable
from orgform.planning.guards import Facts, judge
from orgform.planning.order import needed, ordered
from orgform.planning.scope import PlanInputs, Scope, TargetState, scope_of

__all__ = ["PlanInputs", "TargetState", "make_plan"]

#: A live system that shows nothing of a kind of which base knows more than this is not believed.
BELIEVABLY_LOST = 2


def make_plan(inputs: PlanInputs, kinds: Kinds) -> Plan:
    """What would be done, in order, with everything needed to judge it. Raises `ConfigInvalid` where the inputs contradict each other."""
    scope = scope_of(inputs, kinds)
    findings = _Findings(inputs, scope, kinds)
    chosen = findings.chosen()
    told = effects(chosen, kinds)
    changes = ordered(_with_risk(chosen, told, kinds), kinds, told, _depths(chosen, scope, kinds))
    access = _access(scope, changes, kinds)
    facts = Facts(inputs, scope, kinds, changes, access, findings.incomplete, findings.protected(changes, deleted=True))
    counts = Counter(c.action for c in changes)
    unmanaged = [a for a in findings.unmanaged if findings.in_sight(a)]
    return Plan(
        tool_version=inputs.tool_version,
        config_digest=inputs.config_digest,
        base=inputs.base_info,
        targets=_targets(inputs, scope, findings.incomplete),
        summary={
            "create": counts["create"],
            "update": counts["update"],
            "delete": counts["delete"],
            "manual": 0,
            "unmanaged": len(unmanaged),
        },
        changes=changes,
        unmanaged=tuple(Unmanaged(scope.target_of[kind_of(a)], a) for a in unmanaged),
        observed=notable(scope, kinds, findings.in_sight),
        access=access.delta if access else AccessDelta(),
        guards=judge(facts),
        costs=costs(changes, kinds),
        estimate=estimate(changes, inputs, scope),
        ledger=findings.ledger(changes),
        diagnostics=sort_diagnostics((*inputs.diagnostics, *findings.diagnostics)),
    )


class _Findings:
    """Every resource that is not plainly settled, judged once: a change, something to remember or forget, or unmanaged."""

    def __init__(self, inputs: PlanInputs, scope: Scope, kinds: Kinds) -> None:
        self.inputs, self.scope, self.kinds = inputs, scope, kinds
        self.changes: list[Change] = []
        self.remember: dict[Address, Base] = {}
        self.forget: list[Address] = []
        self.unmanaged: list[Address] = []
        self.diagnostics: list[Diagnostic] = [] if inputs.base is not None else [_no_base()]
        found = {*unsettled(scope.desired, scope.base, scope.live), *scope.renames}
        addresses = sorted(a for a in found if kind_of(a) in scope.target_of)
        self.unread = {kind: why for t in inputs.targets.values() for kind, why in t.problems.items() if kind in scope.target_of}
        self.incomplete = {**_lost(scope, addresses), **self.unread}
        for address in addresses:
            kind = kinds.of(address)
            triple = scope.triple(address, kind, kinds)
            if triple:
                self._judge(address, kind, triple)

    def _judge(self, address: Address, kind: Kind, triple: Triple) -> None:
        if triple.desired is None and not self._may_go(kind, triple):
            if triple.live is None and triple.base is not None and kind.name not in self.unread:
                self.forget.append(address)
            elif triple.base is None:
                self.unmanaged.append(address)
            return
        found = difference(triple, kind)
        if found is None and address in self.scope.renames:
            found = self._mere_rename(address, triple, kind)
        if found:
            self.changes.append(self._change(address, kind, found))
        elif triple.desired is not None:
            self._remember(address, triple)
        if triple.desired is not None and triple.base is not None:
            self.diagnostics.extend(self._let_go(address, triple))

    def _may_go(self, kind: Kind, triple: Triple) -> bool:
        """Whether something that the config does not have may be deleted: what base knows, or all of an authoritative kind."""
        ours = triple.base is not None or (kind.name in self.inputs.policy.authoritative and not self.inputs.destroy)
        return ours and triple.live is not None and self.inputs.base is not None and kind.name not in self.unread

    def _mere_rename(self, address: Address, triple: Triple, kind: Kind) -> Difference:
        desired = triple.desired or {}
        return Difference("update", "new" if triple.base is None else "config", project(desired, triple.live or {}, kind), desired)

    def _change(self, address: Address, kind: Kind, found: Difference) -> Change:
        live, want = self.scope.live.get(address), self.inputs.desired.get(address)
        everything = {**(live.attributes if live else {}), **{n: v for n, v in (found.after or {}).items() if v is not None}}
        return Change(
            action=found.action,
            target=self.scope.target_of[kind.name],
            address=address,
            origin=found.origin,
            before=found.before,
            after=found.after,
            fields=found.fields,
            precondition=None if found.before is None else fingerprint(found.before),
            reversible=not (found.action == "delete" and kind.irreversible),
            risk={"create": "additive", "update": "modifying", "delete": "destructive"}[found.action],  # type: ignore[arg-type]
            attribution=self.inputs.attributions.get(address) if found.origin in ("drift", "conflict") else None,
            because=tuple(self._because(address, kind, found)),
            moved_from=self.scope.renames.get(address),
            label=str(everything.get(kind.label) or "") if kind.label else "",
            source=str(want.source) if want and want.source and found.action != "delete" else "",
        )

    def _because(self, address: Address, kind: Kind, found: Difference) -> Iterable[str]:
        if address in self.scope.renames:
            yield f"renamed from {self.scope.renames[address]}"
        if found.action == "create" and found.origin != "new":
            yield "it was applied before and is gone from the live system"
        if found.action == "delete" and address in self.inputs.expired:
            yield f"until {self.inputs.expired[address]} has passed"
        elif found.action == "delete" and address not in self.scope.base:
            yield f"the config is authoritative for {kind.name} and does not have it"
        if found.action == "delete" and kind.irreversible:
            yield f"{kind.irreversible}: nothing brings this back"

    def _remember(self, address: Address, triple: Triple) -> None:
        known = self.scope.base.get(address)
        protect = self._protected(address)
        if known is None or triple.base != triple.desired or known.prevent_destroy != protect:
            self.remember[address] = Base(triple.desired or {}, protect)

    def _let_go(self, address: Address, triple: Triple) -> Iterable[Diagnostic]:
        base, desired, live = (a or {} for a in triple)
        want = self.inputs.desired[address]
        for name in sorted(base.keys() - desired.keys()):
            if live.get(name) is not None:
                yield Diagnostic(
                    "info",
                    "ORG502",
                    f"{address}: `{name}` is no longer written, so it stays as it is and is not managed any more",
                    f"to clear it write `{name}: null`",
                    source=want.source,
                    address=address,
                )

    def _protected(self, address: Address) -> bool:
        """What the config says, else what was remembered."""
        want, known = self.inputs.desired.get(address), self.scope.base.get(address)
        written = want.lifecycle.prevent_destroy if want else None
        return written if written is not None else bool(known and known.prevent_destroy)

    def protected(self, changes: Sequence[Change], *, deleted: bool) -> tuple[Address, ...]:
        return tuple(sorted(c.address for c in changes if (c.action == "delete") == deleted and self._protected(c.address)))

    def in_sight(self, address: str) -> bool:
        """Whether `--only` lets it be seen."""
        return not self.inputs.only or any(fnmatchcase(address, glob) for glob in self.inputs.only)

    def chosen(self) -> list[Change]:
        """The changes that `--only` chooses and what they cannot be without."""
        changes = self.changes
        if self.inputs.only:
            picked = {i for i, c in enumerate(changes) if self.in_sight(c.address)}
            pulled = needed(picked, changes, self.kinds)
            needs = {i: (f"needed by {changes[by].address}",) for i, by in pulled.items()}
            changes = [replace(changes[i], because=changes[i].because + needs.get(i, ())) for i in sorted(picked | pulled.keys())]
            self.diagnostics.extend(_nothing_named(glob) for glob in self.inputs.only if not self._names_anything(glob))
        notes = self._swept_away(changes)
        return [replace(c, because=(*c.because, *notes[c.address])) if c.address in notes else c for c in changes]

    def _swept_away(self, changes: Sequence[Change]) -> dict[Address, list[str]]:
        """What nobody declared and goes with something that is deleted: it is said, since no change of its own shows it."""
        notes: dict[Address, list[str]] = {c.address: [] for c in changes if c.action == "delete"}
        for address in self.unmanaged if notes else ():
            for owner in self.kinds.identity_references(address):
                if owner in notes:
                    notes[owner].append(f"{address} goes with it, which the config does not have")
        return {address: found for address, found in notes.items() if found}

    def _names_anything(self, glob: str) -> bool:
        states = (self.scope.desired, self.scope.base, self.scope.live)
        return any(fnmatchcase(address, glob) for state in states for address in state)

    def ledger(self, changes: Sequence[Change]) -> Remember:
        remember = {a: b for a, b in self.remember.items() if self.in_sight(a)}
        forget = {a for a in self.forget if self.in_sight(a)}
        if self.inputs.base is not None and self.scope.base is not self.inputs.base and not self.scope.renames:
            changed = {c.address for c in changes}
            remember |= {a: b for a, b in self.scope.base.items() if a not in self.inputs.base and a not in changed and a not in remember}
            forget |= self.inputs.base.keys() - self.scope.base.keys()
        remember = {a: b for a, b in remember.items() if a not in forget}
        return Remember(dict(sorted(remember.items())), tuple(sorted(forget)), self.scope.settled, self.protected(changes, deleted=False))


def _with_risk(changes: Sequence[Change], told: Sequence[Effect], kinds: Kinds) -> list[Change]:
    """An update that takes access, or something out of a set, is destructive."""
    takes = (c.action == "update" and (e.takes or shrinks(c, kinds.of(c.address))) for c, e in zip(changes, told, strict=True))
    return [replace(c, risk="destructive") if t else c for c, t in zip(changes, takes, strict=True)]


def _depths(changes: Sequence[Change], scope: Scope, kinds: Kinds) -> dict[Address, int]:
    """How far from the top of its tree each updated resource will be, for kinds that stand in one."""
    after = {c.address: c.after for c in changes if c.after is not None}
    found: dict[Address, int] = {}
    for change in changes:
        for reference in kinds.of(change.address).references if change.action == "update" else ():
            if reference.acyclic:
                found[change.address] = sum(1 for _ in _above(change.address, reference, after, scope))
    return found


def _above(address: Address, reference: Reference, after: Mapping[Address, Attributes], scope: Scope) -> Iterator[Address]:
    """What will be above a resource, nearest first; a circle ends where it closes."""
    seen: set[Address] = set()
    while address not in seen:
        seen.add(address)
        live = scope.live.get(address)
        own = after.get(address, {})
        key = value_at(own if reference.path[0] in own else live.attributes if live else None, reference.path)
        if not key:
            return
        address = address_of(reference.kind, str(key))
        yield address


def _lost(scope: Scope, addresses: Iterable[Address]) -> dict[str, str]:
    """Kinds of which the live system suddenly shows nothing: such a read is not believed."""
    missing = Counter(kind_of(a) for a in addresses if a in scope.base and a not in scope.live)
    suspect = {kind for kind, count in missing.items() if count > BELIEVABLY_LOST}
    suspect -= {kind_of(a) for a in scope.live} if suspect else set()
    return {kind: f"the live system shows none, {missing[kind]} were applied before" for kind in sorted(suspect)}


def _targets(inputs: PlanInputs, scope: Scope, incomplete: Iterable[str]) -> dict[str, PlanTarget]:
    in_part = {scope.target_of[kind] for kind in incomplete}
    return {name: PlanTarget(t.provider, name not in in_part, t.system) for name, t in sorted(inputs.targets.items())}


def _access(scope: Scope, changes: Sequence[Change], kinds: Kinds) -> AccessChange | None:
    """`None` where no change is of a kind that takes part in access."""
    if not any(kinds.of(c.address).access for c in changes):
        return None
    live: dict[Address, Attributes] = {a: r.attributes for a, r in scope.live.items()}
    return AccessChange(live, {a: r.observed for a, r in scope.live.items() if r.observed}, changes, kinds)


def _no_base() -> Diagnostic:
    return Diagnostic(
        "info",
        "ORG501",
        "nothing is known of what was applied before, so nothing is deleted",
        "the first apply writes the ledger; `--base REF` takes what was applied from git",
    )


def _nothing_named(glob: str) -> Diagnostic:
    return Diagnostic(
        "warning",
        "ORG504",
        f"`--only {glob}` names nothing that is declared or live",
        "`*` crosses `/`: `--only 'membership/brand-x-us/*'`, `--only '*/alice@acme.com'`",
    )
