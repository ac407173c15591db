"""Joins the stages into a plan: scope -> pair -> diff -> choose -> order -> access -> guards.

Invariant: pure. Equal inputs give byte-equal plans: everything is sorted, and there is no clock, no id and no secret in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from orgform.codec import replace
from orgform.diagnostics import Diagnostic, sort_diagnostics
from orgform.kinds import Kinds, Reference
from orgform.model import (
    AccessDelta,
    Address,
    Attested,
    Attributes,
    Change,
    GuardVerdict,
    Plan,
    PlanTarget,
    Unmanaged,
    address_of,
    key_of,
    kind_of,
)
from orgform.planning.access import AccessChange, unread_roles
from orgform.planning.admins import Admins, SignIn, ends_soon, warnings
from orgform.planning.diff import fingerprint, project
from orgform.planning.effect import Effect, effects, shrinks, value_at
from orgform.planning.extras import costs, estimate, notable, perhaps_renamed, still_named
from orgform.planning.findings import BELIEVABLY_LOST, Findings
from orgform.planning.guards import Facts, judge
from orgform.planning.hands import Parted, parted
from orgform.planning.order import ordered
from orgform.planning.passage import passage
from orgform.planning.platform_order import with_first
from orgform.planning.reverse import labelled
from orgform.planning.scope import PlanInputs, Scope, TargetState, relabel, renames_of, scope_of

__all__ = ["PlanInputs", "TargetState", "make_plan"]


def make_plan(inputs: PlanInputs, kinds: Kinds) -> Plan:
    """What would be done, in order, with everything needed to judge it. Raises `ConfigInvalid` where the inputs contradict each other."""
    scope = scope_of(inputs, kinds)
    findings = Findings(inputs, scope, kinds)
    judged, everything = _in_order(findings.chosen(), inputs, scope, kinds)
    parts = _parted(everything, findings, inputs, scope, kinds)
    unmanaged = [a for a in findings.unmanaged if findings.in_sight(a)]
    told = (*still_named(parts.changes, scope, kinds), *perhaps_renamed(everything, scope, kinds))
    found = (*findings.diagnostics, *told, *judged.warnings())
    return Plan(
        tool_version=inputs.tool_version,
        config_digest=inputs.config_digest,
        base=inputs.base_info,
        targets=_targets(inputs, scope, findings.incomplete),
        summary=_summary(parts, len(unmanaged)),
        changes=parts.changes,
        manual_steps=parts.steps,
        waiting=parts.waiting,
        attested=_believed(inputs, scope),
        unmanaged=tuple(Unmanaged(scope.target_of[kind_of(a)], a) for a in unmanaged),
        observed=notable(scope, kinds, findings.in_sight),
        access=judged.access.delta if judged.access else AccessDelta(),
        guards=judge(judged.facts(everything, findings.incomplete, findings.protected(everything, deleted=True))),
        costs=costs(everything, kinds),
        estimate=estimate(parts.changes, inputs, scope),
        ledger=replace(findings.ledger(everything), patch=parts.patch),
        allow=tuple(sorted(set(inputs.allow))),
        allow_destroy=tuple(sorted(set(inputs.allow_destroy))),
        diagnostics=sort_diagnostics((*inputs.diagnostics, *found)),
    )


def _in_order(chosen: Sequence[Change], inputs: PlanInputs, scope: Scope, kinds: Kinds) -> tuple[Judged, tuple[Change, ...]]:
    """The changes in the order in which they are done, and what they do to access on the way."""
    told = effects(chosen, kinds)
    named = with_first(labelled(_with_risk(chosen, told, kinds), inputs.targets, scope.live, kinds), inputs.targets)
    depths = _depths(chosen, scope, kinds)
    judged = Judged(inputs, scope, named, kinds, depths)
    return judged, ordered(judged.passage.marked(named), kinds, told, depths)


def _parted(everything: Sequence[Change], findings: Findings, inputs: PlanInputs, scope: Scope, kinds: Kinds) -> Parted:
    """What is done by the API, what people do, and what waits for them."""
    called = partial(_called, scope=scope, kinds=kinds)
    return parted(everything, inputs.targets, kinds, called, findings.ran_out, left_out=inputs.left_out, destroy=inputs.destroy)


def _summary(parts: Parted, unmanaged: int) -> dict[str, int]:
    counts = Counter(c.action for c in parts.changes)
    return {
        "create": counts["create"],
        "update": counts["update"],
        "delete": counts["delete"],
        "manual": len(parts.steps),
        "waiting": len(parts.waiting),
        "unmanaged": unmanaged,
    }


def judge_again(saved: Plan, inputs: PlanInputs, kinds: Kinds) -> Plan:
    """A saved plan with the verdicts that its changes get on the live system of `inputs`, with the overrides of both.

    Changes that do not fit any more are left out: nothing will be done about them.
    """
    renames = {new: old for old, new in renames_of(saved).items()}
    targets = {name: state for name, state in sorted(inputs.targets.items()) if name in saved.targets}
    target_of = {kind: name for name, state in targets.items() for kind in state.kinds if kind in kinds}
    scope = Scope({}, {}, relabel(inputs.live, renames_of(saved), kinds), target_of, renames)
    changes = tuple(with_first((c for c in saved.changes if _still_fits(c, scope, kinds)), targets))
    allow, destroy = (*saved.allow, *inputs.allow), (*saved.allow_destroy, *inputs.allow_destroy)
    problems = {kind: why for state in targets.values() for kind, why in state.problems.items()}
    judged_on = Counter(kind_of(c.moved_from or c.address) for c in saved.changes if c.before is not None)
    there = {kind_of(address) for address in inputs.live}
    problems |= {
        kind: f"the live system shows none, the plan was made on {n}"
        for kind, n in judged_on.items()
        if n > BELIEVABLY_LOST and kind not in there
    }
    judged = Judged(replace(inputs, allow=allow, allow_destroy=destroy), scope, changes, kinds)
    facts = judged.facts(changes, problems)
    asked = {g.guard: g for g in judge(facts) if g.guard not in _ONLY_THEN}
    remembered = [g for g in saved.guards if g.guard in _ONLY_THEN]
    # What was not read completely then is not known now: only a word for it lets it pass.
    unread = [g for g in saved.refused if g.guard == "incomplete-read" and not _all_allowed(g, facts)]
    marked = {c.address: c for c in judged.passage.marked(changes)}
    return replace(
        saved,
        changes=tuple(marked.get(c.address, c) for c in saved.changes),
        guards=(*unread, *(g for n, g in asked.items() if not (unread and n == "incomplete-read")), *remembered),
    )


#: these rest on the config, so a saved plan keeps them as they were
_ONLY_THEN = ("prevent-destroy", "immutable")


def _all_allowed(verdict: GuardVerdict, facts: Facts) -> bool:
    return all(facts.allowed(verdict.guard, f"{item.partition(':')[0]}/*") for item in verdict.items)


def _still_fits(change: Change, scope: Scope, kinds: Kinds) -> bool:
    live = scope.live.get(change.address)
    if live is None or change.before is None:
        return live is None and change.action == "create"
    kind = kinds.of(change.address)
    # A secret is never read back; what was last applied is taken to be there.
    known = {**live.attributes, **{name: change.before[name] for name in kind.sensitive if name in change.before}}
    return fingerprint(project(change.before, known, kind)) == change.precondition


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


def _called(address: Address, scope: Scope, kinds: Kinds) -> str:
    """What people call it: as the config has it, else as it is there."""
    label = kinds.of(address).label or ""
    for found in (scope.desired.get(address), scope.live.get(address)):
        if found and found.attributes.get(label):
            return str(found.attributes[label])
    return key_of(address)


def _targets(inputs: PlanInputs, scope: Scope, incomplete: Iterable[str]) -> dict[str, PlanTarget]:
    in_part = {scope.target_of[kind] for kind in incomplete}
    read = {name: PlanTarget(t.provider, name not in in_part, t.system, t.instance) for name, t in inputs.targets.items()}
    return dict(sorted((read | inputs.failed).items()))


def _believed(inputs: PlanInputs, scope: Scope) -> tuple[Attested, ...]:
    """Words that count today, on what the plan looked at."""
    return tuple(w for w in inputs.attested if w.expires > inputs.today and kind_of(w.address) in scope.target_of)


class Judged:
    """What changes do to access, who can sign in afterwards, and the way there."""

    def __init__(
        self, inputs: PlanInputs, scope: Scope, changes: Sequence[Change], kinds: Kinds, depths: Mapping[Address, int] | None = None
    ) -> None:
        self.inputs, self.scope, self.kinds = inputs, scope, kinds
        self.sign_in = SignIn(inputs, scope, kinds)
        concerned = any((kind := kinds.of(c.address)).access or (kind.verification and self.sign_in.proved_names) for c in changes)
        self.access = self._change(changes) if concerned else None
        self.passage = passage(self.access, changes, self.sign_in, kinds, depths)
        self.admins = Admins(inputs, self.access, self.sign_in, kinds) if self.access else None

    def _change(self, changes: Sequence[Change]) -> AccessChange:
        live: dict[Address, Attributes] = {a: r.attributes for a, r in self.scope.live.items()}
        observed = {a: r.observed for a, r in self.scope.live.items() if r.observed}
        reach = {kind: self.inputs.targets[name].capabilities.of(kind) for kind, name in self.scope.target_of.items()}
        return AccessChange(live, observed, changes, self.kinds, unread_roles(reach, self.kinds))

    def facts(self, changes: tuple[Change, ...], incomplete: dict[str, str], protected: tuple[Address, ...] = ()) -> Facts:
        return Facts(
            self.inputs, self.scope, self.kinds, changes, self.access, self.admins, self.passage, self.sign_in.own, incomplete, protected
        )

    def warnings(self) -> Iterable[Diagnostic]:
        """What ends soon is told by every plan, whether it touches access or not."""
        if self.admins is None and not ends_soon(self.inputs):
            return ()
        admins = self.admins or Admins(self.inputs, self._change(()), self.sign_in, self.kinds)
        return tuple(warnings(admins, self.inputs.policy, self.kinds, changed=self.admins is not None))
