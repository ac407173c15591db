"""One night: a company in a folder, its live system and its ledger, and one thing after the other that happens to them.

Invariant: everything goes through orgform's own commands, or through the live system's API as somebody else would use it.
"""

from __future__ import annotations

import shlex
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from copy import deepcopy
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml

from orgform import app
from orgform.codec import replace
from orgform.errors import ConfigInvalid, GuardRefused, OrgformError
from orgform.ledger import open_ledger
from orgform.model import Address, Base, Live, Plan, Report, kind_of
from orgform.planning.scope import relabel
from orgform.providers.base import Operation, Provider, TargetContext
from orgform.providers.orgform import local
from tests.faults.crashing import Killer, crash
from tests.faults.nights import checks
from tests.faults.nights.config import COMPANY_ROLES, KEYS, PEOPLE, SPACE_ROLES, TARGET, Config, Thing

FIRST_DAY = date(2026, 11, 22)
OVERRIDABLE = {"deletes", "company-admins", "workspace-admins", "own-access"}
#: what happens, and how often
HAPPENS = {
    "edits": 30,
    "by_hand": 12,
    "applies": 30,
    "saves": 6,
    "applies_saved": 6,
    "applies_in_parts": 2,
    "undoes": 6,
    "adopts": 4,
    "kills": 5,
} | {"loses_the_ledger": 1, "another_ledger": 1, "backs_up": 2, "restores": 2, "a_day_passes": 2, "observed": 3}


class Night:
    """`counts`: what was done, and how it ended."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, Random(seed)
        self.config = Config(self.chance)
        self.today, self.ledger = FIRST_DAY, ".orgform/ledger.db"
        self.ids: dict[int, str] = {}
        self.saved: list[tuple[Plan, str]] = []
        self.runs: list[tuple[str, str]] = []
        self.older: list[tuple[dict[str, Any], dict[Thing, int]]] = []
        self.backups = 0
        self.counts: Counter[str] = Counter()
        self.story: list[str] = []
        self.applies()

    def goes_on(self) -> None:
        name = self.chance.choices(list(HAPPENS), list(HAPPENS.values()))[0]
        self.story.append(name)
        happens: Callable[[], None] = getattr(self, name)
        happens()

    # What is there

    @property
    def options(self) -> app.Options:
        return app.Options(folder=self.folder, today=self.today, ledger=str(self.folder / self.ledger))

    def _api(self) -> Provider:
        return local.open(TargetContext("acme", {"database": TARGET["acme"]["database"]}, self.folder, checks.KINDS, lambda name: ""))

    def _live(self) -> dict[str, Live]:
        with closing(self._api()) as api:
            return {str(a): live for found in api.read(sorted(checks.KINDS)) for a, live in found.resources.items()}

    def _base(self) -> dict[Address, Base]:
        own = self.folder / ".orgform" / "ledger.db"
        system = "local:acme.db" if own == self.folder / self.ledger else f"local:acme.db@{self.folder.resolve()}"
        with closing(open_ledger(self.folder / self.ledger, create=False)) as ledger:
            return ledger.base(system)[0] or {}

    def _written(self) -> None:
        self.config.write(self.folder)

    def _nothing_is_known(self) -> None:
        """Which thing is which orgform can say only as long as its ledger and the live system are the ones that it left."""
        self.ids, self.config.applied = {}, {}

    # Commands

    def _run(self, how: str, command: Callable[[], tuple[Plan, Report]], *, allowed: bool = False) -> Plan | None:
        """Does it, and checks what must hold however it ends. The plan, where a guard refused it."""
        before, base = self._live(), self._base()
        try:
            plan, report = command()
        except GuardRefused as refused:
            assert checks.same(before, self._live()), "refused, and yet something was done"
            assert not (allowed and {g.guard for g in refused.plan.refused} & OVERRIDABLE), "refused, though all of it was allowed"
            self._ended(how, "refused")
            judged: Plan = refused.plan
            return judged
        except OrgformError as error:
            assert checks.same(before, self._live()), "failed as a whole, and yet something was done"
            self._ended(how, type(error).__name__)
            return None
        done = checks.Done(plan, report, before, self._live())
        done.did_what_it_said()
        if how == "apply":
            moved = {m.from_: m.to for m in plan.ledger.moved} | {c.moved_from: c.address for c in plan.changes if c.moved_from}
            done.deleted_only_its_own(relabel(base, moved, checks.KINDS))
        if not allowed:
            done.kept_admins()
        if report.run:
            self.runs.append((report.run, self.ledger))
            done.is_in(app.history(self.options, run=report.run)["runs"][0])
        checks.whole(self.folder)
        self._ended(how, report.outcome)
        if how == "apply" and report.outcome in ("done", "nothing"):
            self._settled(done, before)
        return None

    def _settled(self, done: checks.Done, before: dict[str, Live]) -> None:
        if done.plan.changes:
            done.told_access()
        assert not app.plan(self.options).changes, "applied, and something is left"
        fresh = {a: found for a, found in self.config.applied.items() if found in {f"{k}/{key}" for k, key in self.config.things}}
        reused = {which for which, a in fresh.items() if self.config.things.get((kind_of(a), a.partition("/")[2])) != which}
        gone = {w for (kind, key), w in self.config.things.items() if f"{kind}/{key}" not in done.after}  # expired
        known = {which: id for which, id in self.ids.items() if which not in reused | gone}
        checks.kept_what_it_is(known, self.config.things, before, done.after)
        there = {which: f"{kind}/{key}" for (kind, key), which in self.config.things.items() if f"{kind}/{key}" in done.after}
        self.ids, self.config.applied = {which: done.after[a].id for which, a in there.items()}, there

    def _ended(self, how: str, outcome: str) -> None:
        self.counts[f"{how} {outcome}"] += 1
        self.story.append(f"  {how}: {outcome}")

    def applies(self) -> None:
        self._written()
        refused = self._run("apply", lambda: app.apply(self.options))
        self.older.append((deepcopy(self.config.tree), dict(self.config.things)))
        if refused and {g.guard for g in refused.refused} <= OVERRIDABLE and self.chance.random() < 0.5:
            words = tuple(w for g in refused.refused for w in shlex.split(g.override) if w != "--allow")
            self._run("apply", lambda: app.apply(replace(self.options, allow=words)), allowed=True)

    def edits(self) -> None:
        for _ in range(self.chance.randint(1, 4)):
            self.story.append("  " + self.config.edit(self.today))
        if self.chance.random() < 0.05:
            self.config.back_to(self.chance.choice(self.older))

    def saves(self) -> None:
        self._written()
        with suppress(ConfigInvalid):
            self.saved.append((app.plan(self.options), self.ledger))

    def applies_saved(self) -> None:
        mine = [item for item in self.saved if item[1] == self.ledger]
        if mine:
            item = self.chance.choice(mine)
            self.saved.remove(item)
            self._run("saved", lambda: app.apply(self.options, saved=Plan.from_json(item[0].to_json())))
            self._nothing_is_known()

    def applies_in_parts(self) -> None:
        self._written()
        try:
            parts = app.plan_by_risk(self.options, self.folder / "parts")
        except ConfigInvalid:
            return
        for part in (parts.additive, parts.destructive):
            self._run("part", lambda part=part: app.apply(self.options, saved=part))  # type: ignore[misc]
        self._nothing_is_known()

    def undoes(self) -> None:
        mine = [run for run, ledger in self.runs[-5:] if ledger == self.ledger]
        if mine:
            run = self.chance.choice(mine)
            self._run("undo", lambda: app.undo(self.options, run))
            self._nothing_is_known()

    def adopts(self) -> None:
        self._written()
        try:
            taken = app.drift(self.options, adopt=())
        except OrgformError as error:
            return self._ended("adopt", type(error).__name__)
        if not taken.refused:
            assert not app.drift(self.options).drift, "taken over, and yet drift"
            self.config.taken(yaml.safe_load((self.folder / "company.yaml").read_text(encoding="utf-8")))
        return self._ended("adopt", "refused" if taken.refused else "done")

    def kills(self) -> None:
        """An apply is killed somewhere in its work; the next one goes on."""
        self._written()
        try:
            planned = app.plan(self.options)
        except ConfigInvalid:
            return
        if planned.refused or not planned.changes:
            return
        before = self._live()
        start = self.chance.choice(["begin", "record"])
        crash(self.options, Killer(self.chance.randint(1, 4000 if start == "begin" else 300), start))
        checks.open_at_every_point(planned, before, self._live())
        checks.whole(self.folder)
        self.counts["killed"] += 1
        self.runs += [(run["run"], self.ledger) for run in app.history(self.options)["runs"][:1]]
        self._run("apply", lambda: app.apply(self.options))

    # What else happens

    def by_hand(self) -> None:
        """Somebody does something in a web page; the live system may refuse it."""
        operation = self._some_operation(
            {a: found for a, found in self._live().items() if kind_of(a) in ("tag", "membership", "role", *KEYS)}
        )
        self.story.append(f"  {operation.action} {operation.address}")
        with closing(self._api()) as api:
            api.write([operation])

    def _some_operation(self, live: dict[str, Live]) -> Operation:
        chance, what = self.chance, self.chance.choice(["create", "delete", "update", "rename"])
        there = chance.choice(sorted(live))
        if what == "delete":
            return Operation("delete", Address(there), etag="*")
        kind = chance.choice(list(KEYS)) if what != "update" else kind_of(there)
        new = Address(f"{kind}/{chance.choice(KEYS.get(kind, PEOPLE))}")
        if what == "create":
            return Operation("create", new, {"name": "By hand"})
        own = sorted(a for a in live if kind_of(a) == kind)
        if what == "rename" and own:
            self._nothing_is_known()
            return Operation("update", new, etag="*", moved_from=Address(chance.choice(own)))
        written: dict[str, dict[str, Any]] = {
            "member": {"role": chance.choice(COMPANY_ROLES)},
            "workspace": chance.choice([{"name": "By hand"}, {"labels": {"h": "1"}}, {"parent": None}]),
            "membership": {"role": chance.choice(SPACE_ROLES)},
            "group": {"members": sorted(chance.sample(PEOPLE[:4], 2))},
            "role": {"permissions": ["contacts.read"]},
        }
        return Operation("update", Address(there), written.get(kind_of(there), {"color": "green"}), etag="*")

    def observed(self) -> None:
        """A domain is verified, or somebody is suspended, or comes back."""
        word = self.chance.choice([("domain", "pending", "verified"), ("member", "active", "suspended"), ("member", "suspended", "active")])
        key = self.chance.choice(PEOPLE if word[0] == "member" else ["acme.com", "acme.co.uk"])
        with closing(sqlite3.connect(self.folder / "acme.db")) as raw:
            statement = "UPDATE resources SET observed = replace(observed, ?, ?) WHERE kind = ? AND key = ?"
            raw.execute(statement, (f'"{word[1]}"', f'"{word[2]}"', word[0], key))
            raw.commit()

    def a_day_passes(self) -> None:
        self.today += timedelta(self.chance.choice([1, 3, 8]))

    def another_ledger(self) -> None:
        """Somebody else's, of the same company: it knows what was applied with it, and nothing of the rest."""
        self.ledger = "other.db" if self.ledger != "other.db" else ".orgform/ledger.db"
        self._nothing_is_known()

    def loses_the_ledger(self) -> None:
        for file in self.folder.glob(".orgform/*"):
            file.unlink()
        self.saved, self.runs = [], []
        self._nothing_is_known()

    def backs_up(self) -> None:
        to = self.folder / f"backup{self.backups}"
        to.mkdir()
        self.backups += 1
        for file in (self.folder / "acme.db", self.folder / ".orgform" / "ledger.db"):
            if file.exists():
                with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to / file.name)) as copy:
                    source.backup(copy)

    def restores(self) -> None:
        """One of the two as it was some time ago, the other as it is."""
        name, kept = self.chance.choice([("acme.db", self.folder), ("ledger.db", self.folder / ".orgform")])
        files = sorted(self.folder.glob(f"backup*/{name}"))
        if files:
            for file in kept.glob(f"{name}*"):
                file.unlink()
            kept.mkdir(exist_ok=True)
            shutil.copy(self.chance.choice(files), kept / name)
            self.runs = []
            self._nothing_is_known()
