"""What must be true after a command: of the live system, of what the plan and the report say, and of the ledger.

Invariant: each check compares what is there now with what was there before the command; what orgform says is what is doubted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from orgform.kinds import load_kinds
from orgform.model import Address, Base, Change, Live, Plan, Report, key_of, kind_of
from orgform.planning.scope import relabel
from tests.faults.nights.access import Access, State

KINDS = load_kinds()
LEAST = {"": 2}  # admins that a plan leaves in the company; in a workspace one


def same(one: State, other: State) -> bool:
    return {a: (x.attributes, x.id) for a, x in one.items()} == {a: (x.attributes, x.id) for a, x in other.items()}


def whole(folder: Path) -> None:
    for file in folder.rglob("*.db"):
        with closing(sqlite3.connect(file)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)], file


def renamed(state: Mapping[str, Live], renames: Mapping[str, str]) -> dict[str, Live]:
    found: dict[str, Live] = relabel(state, renames, KINDS)  # type: ignore[arg-type, assignment]
    return found


class Done:
    """A command that came to its end, with what was there before and after it."""

    def __init__(self, plan: Plan, report: Report, before: State, after: State) -> None:
        self.plan, self.report, self.after = plan, report, after
        self.done = {o.address for o in report.outcomes if o.status == "done"}
        self.changes: dict[str, Change] = {c.address: c for c in plan.changes}
        self.before = renamed(before, {c.moved_from: a for a, c in self.changes.items() if c.moved_from and a in self.done})

    def did_what_it_said(self) -> None:
        """Everything that differs is a change that was done, or went with one that named it; every change that was done is so."""
        assert {o.address for o in self.report.outcomes} == self.changes.keys()
        for address in sorted(self.before.keys() | self.after.keys()):
            was, now = self.before.get(address), self.after.get(address)
            change = self.changes.get(address) if address in self.done else None
            if change is not None:
                _as_said(change, was, now)
            elif was is None:
                raise AssertionError(f"{address} came from nowhere")
            elif now is None:
                self._went_along(address)
            else:
                assert now.attributes == was.attributes, (address, "changed without a change", was, now)

    def _went_along(self, address: str) -> None:
        owners = [o for o in KINDS.identity_references(address) if o in self.done and self.changes[o].action == "delete"]
        assert owners, f"{address} vanished"
        named = [word for owner in owners for word in self.changes[owner].because]
        # Who leaves, and a group that goes, leaves what it was given after a saved plan was made, too.
        later = kind_of(address) == "membership" and f"workspace/{address.split('/')[1]}" not in owners
        assert address in self.changes or later or any(word.startswith(f"{address} ") for word in named), f"nobody said that {address} goes"

    def deleted_only_its_own(self, base: Mapping[Address, Base]) -> None:
        """`base`: what was known of what was applied before, under the names of now."""
        for address in self.done:
            if self.changes[address].action == "delete":
                assert address in base, f"{address} was never ours"

    def kept_admins(self) -> None:
        """Nobody said a word to let a guard pass: where the plan took admins, enough of them are left."""
        before, after = Access(self.before).admins, Access(self.after).admins
        for scope, had in before.items():
            if not scope or f"workspace/{scope}" in self.after:
                left = after.get(scope, set())
                assert had <= left or len(left) >= LEAST.get(scope, 1), (scope, had, left)

    def told_access(self) -> None:
        """Of a plan that was done as a whole: who gains and who loses what."""
        before, after = Access(self.before).items, Access(self.after).items
        told = self.plan.access
        gained, lost = ({(i.member, i.workspace, i.role, i.path) for i in items} for items in (told.gained, told.lost))
        assert gained == after - before, gained ^ (after - before)
        assert lost == before - after, lost ^ (before - after)

    def is_in(self, history: Mapping[str, Any]) -> None:
        told = {c["address"]: c["status"] for c in history["changes"]}
        assert told == {o.address: o.status for o in self.report.outcomes}


def open_at_every_point(plan: Plan, before: State, after: State) -> None:
    """An apply was killed somewhere: whatever place is left and had an admin has one."""
    renames = {str(c.moved_from): str(c.address) for c in plan.changes if c.moved_from}
    done = {old: new for old, new in renames.items() if old in before and old not in after}
    admins = Access(after).admins
    for scope in Access(renamed(before, done)).admins:
        assert (scope and f"workspace/{scope}" not in after) or admins.get(scope), f"nobody is left in {scope or 'the company'}"


def kept_what_it_is(ids: Mapping[int, str], things: Mapping[tuple[str, str], int], before: State, after: State) -> None:
    """A thing that was there under any name is still the same thing: nothing was deleted and made anew because its key changed."""
    there = {found.id for found in before.values()}
    for (kind, key), which in things.items():
        if ids.get(which) in there:
            now = after.get(f"{kind}/{key}")
            assert now is not None and now.id == ids[which], f"{kind}/{key} is not what it was"


def _as_said(change: Change, was: Live | None, now: Live | None) -> None:
    assert (now is None) == (change.after is None), change
    if now is None or change.after is None:
        return
    for name, value in change.after.items():
        assert _equal(_part(now.attributes.get(name), value), value), (change.address, name, value, now.attributes.get(name))
    for name in now.attributes.keys() | was.attributes.keys() - change.after.keys() if was else ():
        if name not in change.after:
            assert was and _equal(now.attributes.get(name), was.attributes.get(name)), (change.address, name, "is not in the change")
    assert was is None or change.action == "create" or was.id == now.id, f"{key_of(change.address)} was replaced"


def _part(value: Any, shape: Any) -> Any:
    """Of a map the keys that the change writes: the others are somebody else's."""
    return {key: value.get(key) for key in shape} if isinstance(value, dict) and isinstance(shape, dict) else value


def _equal(one: Any, other: Any) -> bool:
    return bool(_plain(one) == _plain(other))


def _plain(value: Any) -> Any:
    """Absent, null and empty are equal; sets have no order."""
    if isinstance(value, dict):
        return {key: plain for key, own in value.items() if (plain := _plain(own)) is not None} or None
    return sorted(value) or None if isinstance(value, list) else value
