"""Compare and set: judges each change of a plan once more, against the live system as it is now. Pure.

Invariant: an operation is made only where the live resource still has the fingerprint that the plan was judged on (a create: where there is
none). What is already as the change wants it is done without a write; everything else is stale.
"""

from __future__ import annotations

from collections.abc import Mapping

from orgform.codec import Struct, digest
from orgform.kinds import Kinds
from orgform.model import ALREADY, Address, Attributes, Base, Change, Live, OutcomeStatus, Plan, Remember, kind_of
from orgform.planning.diff import fingerprint, merge_patch, patched, project
from orgform.planning.reverse import goes_along, swept
from orgform.planning.scope import relabel, renames_of, stages
from orgform.providers.base import Operation


class Verdict(Struct, frozen=True):
    """What to do about one change, judged against the live system: an outcome already, or an operation to write."""

    status: OutcomeStatus = "done"
    detail: str = ""
    operation: Operation | None = None


def still_true(plan: Plan, live: Mapping[Address, Live], kinds: Kinds) -> Remember:
    """What a plan wants remembered, as far as the live system still is so: a saved plan may be old."""
    now = relabel(live, renames_of(plan), kinds)
    memory = plan.ledger

    def holds(address: Address, base: Base) -> bool:
        if address not in now:
            return False
        kind = kinds.of(address)
        known = {**now[address].attributes, **{name: base.attributes[name] for name in kind.sensitive if name in base.attributes}}
        return not merge_patch(project(base.attributes, known, kind), base.attributes, kind)

    def so(address: Address, patch: Attributes) -> bool:
        found = now.get(address)
        return found is not None and not merge_patch(project(patch, found.attributes, kinds.of(address)), patch, kinds.of(address))

    changed = {change.address for change in plan.changes}
    return Remember(
        {address: base for address, base in memory.remember.items() if holds(address, base)},
        tuple(address for address in memory.forget if address not in now),
        tuple(move for move in memory.moved if move.to in live and move.from_ not in live),
        memory.protect,
        {address: patch for address, patch in memory.patch.items() if address in changed or so(address, patch)},
    )


class Judge:
    """Compares a change with the live system, and makes the operation that it asks for."""

    def __init__(
        self, plan: Plan, live: Mapping[Address, Live], kinds: Kinds, run: str, done_by: Mapping[Address, str] | None = None
    ) -> None:
        """`done_by`: changes that were done already by an earlier run of the same plan."""
        self._read = live
        self._kinds = kinds
        self._run = run
        # What was just read still has the names from before the plan's renames, which are done parents first.
        above, _ = stages(renames_of(plan), kinds)
        self._under = relabel(live, above, kinds)
        self._live = relabel(live, renames_of(plan), kinds)
        self._needs = plan.part.needs if plan.part else {}
        self._first = {c.address: c for c in plan.part.first} if plan.part else {}
        self._put_in = _put_in(plan, self._live, kinds)
        self._done_by = done_by or {}

    def before(self, change: Change) -> Attributes | None:
        found = self._live.get(change.address)
        return found.attributes if found else None

    def verdict(self, change: Change) -> Verdict:
        missing = self._missing(change)
        if missing:
            return Verdict("skipped", f"needs {missing}, which is not so yet: apply the additive plan first")
        found = self._live.get(change.address)
        judge = {"delete": self._delete, "create": self._create, "update": self._update}[change.action]
        verdict = judge(change, found)
        if verdict.operation and change.address in self._done_by:
            return Verdict("stale", f"this plan did it before, in the run {self._done_by[change.address]}, and it was changed back since")
        return verdict

    def holds(self, change: Change, found: Live | None) -> bool:
        """Whether the resource is already as the change wants it."""
        if change.after is None or found is None:
            return change.after is None and found is None
        kind = self._kinds.of(change.address)
        shape = {**change.after, **(change.before or {})}
        return not merge_patch(project(shape, found.attributes, kind), change.after, kind)

    def _missing(self, change: Change) -> Address | None:
        """What the other part of the plan must have done first, and has not."""
        return next((a for a in self._needs.get(change.address, ()) if a in self._first and not self._was_done(self._first[a])), None)

    def _was_done(self, first: Change) -> bool:
        """Whether the change would change nothing. A secret is never read back: it is taken to be there."""
        found = self._read.get(first.address)
        if found is None or first.after is None:
            return found is None and first.after is None
        kind = self._kinds.of(first.address)
        patch = merge_patch(first.before or {}, first.after, kind)
        patch = {name: value for name, value in patch.items() if name not in kind.sensitive}
        return not merge_patch(found.attributes, patched(found.attributes, patch, kind), kind)

    def _create(self, change: Change, found: Live | None) -> Verdict:
        if found is None:
            attributes = patched({}, change.after or {}, self._kinds.of(change.address))
            return Verdict(operation=Operation("create", change.address, attributes, key=self._key(change)))
        if self.holds(change, found):
            return Verdict("done", ALREADY[0])
        return Verdict("stale", "it exists meanwhile, with other values")

    def _update(self, change: Change, found: Live | None) -> Verdict:
        if found is None:
            return Verdict("stale", "it does not exist any more")
        names = self._under if self._kinds.of(change.address).parent else self._read
        old_name = change.moved_from if change.moved_from in names else None
        if old_name and change.address in names:
            return Verdict("stale", f"both {old_name} and {change.address} exist meanwhile")
        if not old_name and self.holds(change, found):
            return Verdict("done", ALREADY[1])
        if not self._as_planned(change, found):
            return Verdict("stale", "it was changed after the plan was made")
        patch = merge_patch(change.before or {}, change.after or {}, self._kinds.of(change.address))
        return Verdict(operation=self._on(found, change, patch, old_name))

    def _delete(self, change: Change, found: Live | None) -> Verdict:
        if found is None:
            return Verdict("done", ALREADY[2])
        if not self._as_planned(change, found):
            return Verdict("stale", "it was changed after the plan was made")
        if change.address in self._put_in:
            return Verdict("stale", f"{self._put_in[change.address]} was put into it after the plan was made, and would go with it")
        return Verdict(operation=self._on(found, change, {}, None))

    def _as_planned(self, change: Change, found: Live) -> bool:
        before = change.before or {}
        kind = self._kinds.of(change.address)
        # A secret is never read back; what was last applied is taken to be there.
        known = {**found.attributes, **{name: before[name] for name in kind.sensitive if name in before}}
        return fingerprint(project(before, known, kind)) == change.precondition

    def _on(self, found: Live, change: Change, patch: Attributes, old_name: Address | None) -> Operation:
        # A rename earlier in this run has touched what names the renamed: the etag that was read is outdated, but it must exist.
        touched = self._read.get(old_name or change.address) is not found
        etag = "*" if touched and found.etag else found.etag
        return Operation(change.action, change.address, patch, etag, found.id, self._key(change), old_name)

    def _key(self, change: Change) -> str:
        """The same for every attempt in this run, and for nothing else."""
        return digest([self._run, change.address, change.action]).removeprefix("sha256:")


def _put_in(plan: Plan, live: Mapping[Address, Live], kinds: Kinds) -> dict[Address, Address]:
    """Of what is to be deleted: something that stands in it now and of which the plan says nothing."""
    deletes = {c.address: c for c in plan.changes if c.action == "delete"}
    told = {*(c.address for c in plan.changes), *(s.address for s in plan.manual_steps), *(w.change.address for w in plan.waiting)}
    found: dict[Address, Address] = {}
    for owner, inside in swept(deletes, live, told, kinds).items() if deletes else ():
        named = deletes[owner].because
        new = next((a for a in inside if kinds.of(a).parent == kind_of(owner) and goes_along(a) not in named), None)
        if new is not None:
            found[owner] = new
    return found
