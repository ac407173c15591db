"""The ledger's contents: base, runs, renames, and which secret goes where."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orgform.codec import Struct, decode, encode
from orgform.collector import paused_collector
from orgform.errors import LedgerError
from orgform.kinds import load_kinds
from orgform.ledger.database import Connection, Database, database_at
from orgform.ledger.lock import LEASE_SECONDS, Lock, acquire, is_running
from orgform.ledger.schema import VERSION, bring_up_to_date, version_of_now
from orgform.ledger.told import NOT_TRIED, PLANNED, RecordedChange, in_full, in_short, not_tried
from orgform.model import Address, Attributes, Base, Change, Outcome, Plan, PlanBase, Remember, kind_of

#: by so many addresses two live systems are compared
MOST_ALIKE = 8
#: what the base of an undo's plan came from: this and the run that it takes back
FROM_RUN = "run:"

NOTHING: Mapping[Address, Base] = {}

_BEGIN = "INSERT INTO orgform_runs (run, started, actor, token, systems, tool_version, config_digest, base) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ALIKE = "SELECT system, count(*) FROM orgform_base WHERE address IN (?, ?, ?, ?, ?, ?, ?, ?) GROUP BY system"


class RunInfo(Struct, frozen=True):
    """One run. `systems`: target -> the key of the live system; `outcome` is `running` or `interrupted` where it has not ended."""

    run: str
    started: str
    actor: str
    outcome: str
    systems: dict[str, str]


class Attestation(Struct, frozen=True):
    """Somebody's word that a resource is so (`attributes` None: that it is gone). `given`, `expires`: days, YYYY-MM-DD. `about`: the id of
    the resource that was there when it was seen first after the word was given; empty until then, and where nothing reads it."""

    attributes: Attributes | None
    by: str
    given: str
    expires: str
    evidence: str = ""
    about: str = ""


class _Noted(Struct, frozen=True):
    """A secret's origin that was used, but with which nothing was applied yet. `prove` gives its proof, None where there can be none."""

    origin: str
    prove: Callable[[], str | None]


class Ledger:
    """An open ledger. Used by one thread; a lock renews itself beside it."""

    def __init__(self, database: Database, connection: Connection | None, *, writable: bool) -> None:
        self._database = database
        self._connection = connection
        self.writable = writable
        self._noted: dict[tuple[str, str], _Noted] = {}

    @property
    def name(self) -> str:
        """Where it is, for people; without a password."""
        return self._database.name

    @property
    def file(self) -> Path | None:
        """Where it lies, or would; None where it is a database on a server."""
        return self._database.file

    def base(self, system: str) -> tuple[dict[Address, Base] | None, int]:
        """What was last applied there and its revision; `None` where nothing ever was."""
        with self._reading() as connection:
            row = connection and connection.one("SELECT revision FROM orgform_systems WHERE system = ?", (system,))
            if not connection or not row:
                return None, 0
            return _base_of(connection, system), row[0]

    def moved(self, system: str) -> frozenset[tuple[Address, Address]]:
        """Renames that were done there: (from, to)."""
        with self._reading() as connection:
            rows = connection.run("SELECT old, new FROM orgform_moved WHERE system = ?", (system,)) if connection else ()
            return frozenset((Address(old), Address(new)) for old, new in rows)

    def systems(self, target: str, like: Sequence[Address]) -> frozenset[str]:
        """The keys of the live systems to which something was applied under this target's name and that have most of `like`, as far as
        a few of it tell. In a ledger of many companies the others are somebody else's, and nobody's business here."""
        alike = list(like[:: len(like) // MOST_ALIKE + 1])
        asked = (*alike, *alike[:1] * (MOST_ALIKE - len(alike)))
        with self._reading() as connection:
            if not (connection and alike):
                return frozenset()
            known: list[dict[str, str]] = [decode(text) for (text,) in connection.run("SELECT DISTINCT systems FROM orgform_runs")]
            near = {system for system, count in connection.run(_ALIKE, asked) if count * 2 > len(alike)}
            return frozenset(systems[target] for systems in known if systems.get(target) in near)

    def done_by(self, plan: Plan, systems: Mapping[str, str]) -> dict[Address, str]:
        """The changes that were done already by runs of this very plan -> the run: one that was made since has another revision of base.

        `systems`: target -> the system that it is; what was done in another one, of the same config, was not done in this one.
        """
        if plan.base.source != "ledger" and not plan.base.source.startswith(FROM_RUN):
            return {}
        with self._reading() as connection:
            query = "SELECT run, systems FROM orgform_runs WHERE base = ? AND config_digest = ?"
            rows = connection.run(query, (encode(plan.base).decode(), plan.config_digest)).fetchall() if connection else ()
            runs: list[tuple[str, dict[str, str]]] = [(run, decode(text)) for run, text in rows]
            found = [(run, where, c.change) for run, where in runs if connection for c in _recorded(connection, run) if c.status == "done"]
        own = {c.address: (c.target, c.action, c.precondition, c.after) for c in plan.changes}
        return {
            c.address: run
            for run, where, c in found
            if own.get(c.address) == (c.target, c.action, c.precondition, c.after) and where.get(c.target) == systems.get(c.target)
        }

    def attestations(self, system: str) -> dict[Address, Attestation]:
        """What people attested of a live system, by address; also what ran out."""
        with self._reading() as connection:
            # A ledger that is only read may be of a version that knew none.
            if not connection or "orgform_attested" not in self._database.tables(connection):
                return {}
            rows = connection.run("SELECT * FROM orgform_attested WHERE system = ? ORDER BY address", (system,))
            # ... or of one that did not keep what they are about.
            return {
                Address(a): Attestation(decode(own) if own else None, by, given, end, why, next(iter(about), ""))
                for _, a, own, by, why, given, end, *about in rows
            }

    def attest(self, system: str, words: Mapping[Address, Attestation], gone: Iterable[Address] = ()) -> None:
        """Keeps these; a newer word on an address replaces the older one. `gone`: addresses whose words are dropped."""
        with self._writing() as connection:
            connection.many("DELETE FROM orgform_attested WHERE system = ? AND address = ?", [(system, a) for a in (*words, *gone)])
            connection.many(
                "INSERT INTO orgform_attested (system, address, attributes, word_of, evidence, given, expires, about) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(system, a, _text(w.attributes), w.by, w.evidence, w.given, w.expires, w.about) for a, w in words.items()],
            )

    def see(self, system: str, words: Mapping[Address, tuple[Attestation, Attestation]]) -> None:
        """Keeps what a read said of words: as they were kept, as they are now. One that is another by now is left alone."""
        with self._writing() as connection:
            connection.many(
                "UPDATE orgform_attested SET about = ?, expires = ? "
                "WHERE system = ? AND address = ? AND given = ? AND word_of = ? AND expires = ? AND about = ?",
                [(new.about, new.expires, system, a, old.given, old.by, old.expires, old.about) for a, (old, new) in words.items()],
            )

    def allowed(self, target: str) -> dict[tuple[str, str], str]:
        """(origin, reference) pairs that the target's secrets were last applied with, each with its proof ("": it has none)."""
        with self._reading() as connection:
            # A ledger that is only read may be of the version that had no proofs.
            rows = connection.run("SELECT * FROM orgform_secrets WHERE target = ?", (target,)) if connection else ()
            return {(origin, reference): next(iter(proof), "") for _, reference, origin, *proof in rows}

    def note(self, target: str, origin: str, reference: str, prove: Callable[[], str | None]) -> None:
        """This secret goes to this origin now; a run that gets something done at the target remembers it, with the proof."""
        self._noted[target, reference] = _Noted(origin, prove)

    def noted(self, target: str, origin: str, reference: str) -> bool:
        found = self._noted.get((target, reference))
        return found is not None and found.origin == origin

    @contextmanager
    def lock(self, systems: Sequence[str], actor: str, *, lease: float = LEASE_SECONDS) -> Iterator[Lock]:
        """Nobody else applies to these systems until the end. Raises `LockHeld`."""
        with acquire(self._to_write(), self._database, systems, actor, lease).kept() as lock:
            yield lock

    def begin_run(
        self, lock: Lock, plan: Plan, systems: Mapping[str, str], actor: str, run: str = "", *, claims: Mapping[str, str] | None = None
    ) -> RunRecorder:
        """Writes down what is going to be tried, and what is left to people, before anything is. `systems`: target -> system; `run`: of
        `new_run`, where it is known already; `claims`: kind -> target, needed where there are several targets."""
        return RunRecorder(self._to_write(), lock, plan, systems, actor, run or new_run(), claims or {}, self._noted)

    def history(self, run: str | None = None) -> dict[str, Any]:
        """`{runs: [{run, started, finished, actor, outcome, changes}]}`, newest first; `changes` is how many were tried. An undo has
        `undoes`, too: the run that it took back.

        With `run` (or the beginning of one): that one as `told.in_full` has it. An unfinished run is `running` or `interrupted`.
        """
        with self._reading() as connection:
            runs = _runs(connection, self._database) if connection else []
            if run is None:
                return {"runs": [in_short(r) for r in runs]}
            found = _only(run, runs)
            return {"runs": [in_full(found, runs, _recorded(connection, found["run"]) if connection else [])]}

    def recorded(self, run: str) -> list[RecordedChange]:
        """The changes of a run with their pre-images, in the order of its plan; then what it did not try."""
        with self._reading() as connection:
            found = _only(run, _runs(connection, self._database) if connection else [])
            return _recorded(connection, found["run"]) if connection else []

    def about(self, run: str) -> RunInfo:
        """The run with this name, or this beginning of one. Raises `LedgerError`."""
        with self._reading() as connection:
            return _info(_only(run, _runs(connection, self._database) if connection else []))

    def later(self, run: str) -> Iterator[tuple[RunInfo, list[RecordedChange]]]:
        """The runs that came after it, in the order in which they held the lock, each with what it did."""
        with self._reading() as connection:
            runs = sorted(_runs(connection, self._database) if connection else [], key=lambda r: r["token"])
            tokens = {r["run"]: r["token"] for r in runs}
            for told in runs:
                if connection and told["token"] > tokens[run]:
                    yield _info(told), [c for c in _recorded(connection, told["run"]) if c.status == "done"]

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        if self._connection is None:
            yield None
            return
        with self._connection.transaction(write=False) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._to_write().transaction(write=True) as connection:
            yield connection

    def _to_write(self) -> Connection:
        if self._connection is None or not self.writable:
            raise LedgerError(f"the ledger {self.name} was opened for reading only")
        return self._connection


class RunRecorder:
    """Records one run. Every call is one transaction and raises `LedgerError` when the lock is lost or nothing can be written."""

    def __init__(
        self,
        connection: Connection,
        lock: Lock,
        plan: Plan,
        systems: Mapping[str, str],
        actor: str,
        run: str,
        claims: Mapping[str, str],
        noted: Mapping[tuple[str, str], _Noted],
    ) -> None:
        self.run = run
        self._connection = connection
        self._lock = lock
        self._plan = plan
        self._systems = dict(systems)
        self._claims = {**claims, **{kind_of(c.address): c.target for c in plan.changes}}
        self._positions = {(c.address, c.action): n for n, c in enumerate(plan.changes)}
        self._protected = frozenset(plan.ledger.protect)
        self._unread = frozenset(name for name, target in plan.targets.items() if target.problem)
        self._touched: set[str] = set()
        self._noted = noted
        self._reached: set[str] = set()
        self._begin(actor)

    def record(self, outcomes: Sequence[tuple[Change, Outcome]], live: Mapping[Address, Attributes] | None = None) -> None:
        """What became of some changes, and base of those that are done. `live`: what the resources were before, for undo."""
        before = live or {}
        rows = [(o.status, o.detail, _text(before.get(c.address)), self.run, self._positions[c.address, c.action]) for c, o in outcomes]
        done = [c for c, o in outcomes if o.status == "done"]
        self._reached |= {c.target for c in done}
        with self._writing() as connection:
            connection.many("UPDATE orgform_changes SET status = ?, detail = ?, live = ? WHERE run = ? AND position = ?", rows)
            for change in done:
                if change.moved_from:
                    self._move(connection, change.moved_from, change.address)
            self._put(connection, self._bases(connection, done))
            self._drop(connection, [c.address for c in done if c.after is None])
            self._unsay(connection, [(self._system_of(c.address), c.address) for c in done if c.action == "create"])

    def remember(self, ledger: Remember) -> None:
        """What the plan says of base besides its changes. A rename that is one of them is remembered when it is done, not before."""
        renames = {(c.moved_from, c.address) for c in self._plan.changes}
        self._reached |= {self._target_of(address) for address in ledger.remember}
        with _so_far("nothing was done"), self._writing() as connection:
            self._touch(connection, (system for name, system in self._systems.items() if name not in self._unread))
            self._put(connection, ledger.remember)
            self._put(connection, self._patched(connection, ledger.patch.keys() - {c.address for c in self._plan.changes}))
            self._drop(connection, ledger.forget)
            for move in ledger.moved:
                if (move.from_, move.to) not in renames:
                    self._move(connection, move.from_, move.to)

    def _bases(self, connection: Connection, done: Sequence[Change]) -> dict[Address, Base]:
        """What base holds of changes that are done: what they managed; of an undo what they take back, the rest stays as it was."""
        left = [c for c in done if c.after is not None]
        if self._plan.undoes is None:
            parts = {c.address for c in left} & self._plan.ledger.patch.keys()  # the rest of these is done by hand
            known = {a: Base(was.attributes if (was := self._known(connection, a)) else {}, a in self._protected) for a in parts}
            whole = {c.address: Base(c.after or {}, c.address in self._protected) for c in left if c.address not in parts}
            return whole | self._patched(connection, parts, known)
        created = {c.address: Base({}) for c in left if c.action == "create"}
        return self._patched(connection, {c.address for c in left}, created)

    def _patched(self, connection: Connection, addresses: Iterable[Address], new: Mapping[Address, Base] = NOTHING) -> dict[Address, Base]:
        """Base of the addresses that it knows (or that are new), with the plan's patches."""
        from orgform.planning.diff import patched  # rare, and not needed to read a ledger

        found: dict[Address, Base] = {}
        for address in sorted(addresses):
            known = new.get(address) or self._known(connection, address)
            if known is not None:
                patch = self._plan.ledger.patch.get(address, {})
                found[address] = Base(patched(known.attributes, patch, load_kinds().of(address)), known.prevent_destroy)
        return found

    def _known(self, connection: Connection, address: Address) -> Base | None:
        row = connection.one(
            "SELECT attributes, prevent_destroy FROM orgform_base WHERE system = ? AND address = ?", (self._system_of(address), address)
        )
        return Base(decode(row[0]), bool(row[1])) if row else None

    def finish(self, outcome: str) -> None:
        """The run has ended. What was noted of the secrets of targets where something was done is remembered now."""
        pairs = [(target, ref, n.origin, n.prove()) for (target, ref), n in self._noted.items() if target in self._reached]
        with _so_far("what was done is recorded, only the end of the run is not"), self._writing() as connection:
            connection.run("UPDATE orgform_runs SET finished = ?, outcome = ? WHERE run = ?", (_now(), outcome, self.run))
            connection.many("DELETE FROM orgform_secrets WHERE target = ? AND reference = ?", [pair[:2] for pair in pairs])
            provable = [pair for pair in pairs if pair[3] is not None]
            connection.many("INSERT INTO orgform_secrets (target, reference, origin, proof) VALUES (?, ?, ?, ?)", provable)

    def _begin(self, actor: str) -> None:
        plan = self._plan
        base = encode(plan.base).decode()
        run = (self.run, _now(), actor, self._lock.token, _text(self._systems), plan.tool_version, plan.config_digest, base)
        # In this order: a change's position is that in the plan.
        everything = (*(RecordedChange(c, PLANNED, "") for c in plan.changes), *not_tried(plan))
        changes = [(self.run, n, c.status, c.detail, encode(c.change).decode()) for n, c in enumerate(everything)]
        with _so_far("nothing was done"), self._writing() as connection:
            connection.run(_BEGIN, run)
            connection.many("INSERT INTO orgform_changes (run, position, status, detail, change) VALUES (?, ?, ?, ?, ?)", changes)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._connection.transaction(write=True) as connection:
            self._lock.renew(connection)
            yield connection

    def _touch(self, connection: Connection, systems: Iterable[str]) -> None:
        """A run raises the revision of a system once, with the first thing that it records of it."""
        for system in sorted(set(systems) - self._touched):
            connection.run(
                "INSERT INTO orgform_systems (system, revision) VALUES (?, 1) "
                "ON CONFLICT (system) DO UPDATE SET revision = orgform_systems.revision + 1",
                (system,),
            )
            self._touched.add(system)

    def _put(self, connection: Connection, bases: Mapping[Address, Base]) -> None:
        self._touch(connection, {self._system_of(address) for address in bases})
        connection.many(
            "INSERT INTO orgform_base (system, address, attributes, prevent_destroy) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (system, address) DO UPDATE SET attributes = excluded.attributes, prevent_destroy = excluded.prevent_destroy",
            [(self._system_of(a), a, encode(b.attributes).decode(), int(b.prevent_destroy)) for a, b in bases.items()],
        )

    def _drop(self, connection: Connection, addresses: Iterable[Address]) -> None:
        rows = [(self._system_of(address), address) for address in addresses]
        self._touch(connection, {system for system, _ in rows})
        connection.many("DELETE FROM orgform_base WHERE system = ? AND address = ?", rows)
        self._unsay(connection, rows)

    def _unsay(self, connection: Connection, rows: Sequence[tuple[str, Address]]) -> None:
        """What people attested of something says nothing of another one that has its name later."""
        connection.many("DELETE FROM orgform_attested WHERE system = ? AND address = ?", rows)

    def _move(self, connection: Connection, old: Address, new: Address) -> None:
        """Everything in base that names the old address follows, as it does in the live system."""
        from orgform.planning.scope import relabel  # rare, and not needed to read a ledger

        system = self._system_of(new)
        known = _base_of(connection, system)
        after = relabel(known, {old: new}, load_kinds())
        self._drop(connection, [address for address in known if address not in after])
        self._put(connection, {address: base for address, base in after.items() if known.get(address) is not base})
        if self._plan.undoes is not None:  # what was renamed back may be renamed again
            connection.run("DELETE FROM orgform_moved WHERE system = ? AND old = ? AND new = ?", (system, new, old))
        connection.run(
            "INSERT INTO orgform_moved (system, old, new, run) VALUES (?, ?, ?, ?) ON CONFLICT (system, old, new) DO NOTHING",
            (system, old, new, self.run),
        )

    def _system_of(self, address: Address) -> str:
        return self._systems[self._target_of(address)]

    def _target_of(self, address: Address) -> str:
        return self._claims.get(kind_of(address)) or next(iter(self._systems))


def keep_seen(where: str | Path, seen: Mapping[str, Mapping[Address, tuple[Attestation, Attestation]]]) -> None:
    """`Ledger.see` for a command that only reads otherwise: makes no ledger and brings none up to date. Raises `LedgerError`."""
    database = database_at(where, read_only=False)
    connection = database.connect()
    try:
        if version_of_now(connection, database) == VERSION:
            ledger = Ledger(database, connection, writable=True)
            for system, words in seen.items():
                ledger.see(system, words)
    finally:
        connection.close()


def open_ledger(where: str | Path, *, create: bool) -> Ledger:
    """The ledger at a path or URL. Without `create` it is for reading only, and one that is not there is empty: nothing is created.

    Raises `LedgerError`: no ledger, a newer one, not readable, not reachable, no driver.
    """
    database = database_at(where, read_only=not create)
    if create:
        database.prepare()
    elif not database.exists():
        return Ledger(database, None, writable=False)
    connection = database.connect()
    try:
        if create:
            bring_up_to_date(connection, database)
        elif not version_of_now(connection, database):
            connection.close()
            return Ledger(database, None, writable=False)
    except BaseException:
        connection.close()
        raise
    return Ledger(database, connection, writable=create)


def _base_of(connection: Connection, system: str) -> dict[Address, Base]:
    """Equal attributes become one object: most rows of a company are memberships that say the same."""
    rows = connection.run("SELECT address, attributes, prevent_destroy FROM orgform_base WHERE system = ?", (system,))
    bases: dict[Address, Base] = {}
    known: tuple[dict[str, Base], ...] = ({}, {})  # of the unprotected, of the protected
    with paused_collector():
        for address, text, protected in rows:
            alike = known[protected != 0]
            base = alike.get(text)
            if base is None:
                base = alike[text] = Base(decode(text), bool(protected))
            bases[address] = base
    return bases


def _runs(connection: Connection, database: Database) -> list[dict[str, Any]]:
    rows = connection.run(
        "SELECT r.run, r.started, r.finished, r.actor, r.outcome, r.token, r.systems, r.base, "
        "(SELECT count(*) FROM orgform_changes c WHERE c.run = r.run AND c.status NOT IN (?, ?)) "
        "FROM orgform_runs r ORDER BY r.started DESC, r.token DESC",
        NOT_TRIED,
    ).fetchall()
    return [
        {
            "run": run,
            "started": started,
            "finished": finished,
            "actor": actor,
            "outcome": outcome or ("running" if is_running(connection, database, token) else "interrupted"),
            "changes": changes,
            "undoes": undone_run(decode(base, PlanBase).source),
            "token": token,
            "systems": decode(systems),
        }
        for run, started, finished, actor, outcome, token, systems, base, changes in rows
    ]


@contextmanager
def _so_far(told: str) -> Iterator[None]:
    """An error of the ledger says how far the run had got."""
    try:
        yield
    except LedgerError as error:
        raise LedgerError(f"{error.message}; {told}", hint=error.hint) from error


def undone_run(source: str) -> str | None:
    """The run that was taken back, from where the base of its plan came from; None where that was no undo."""
    return source.removeprefix(FROM_RUN) if source.startswith(FROM_RUN) else None


def _info(run: dict[str, Any]) -> RunInfo:
    return RunInfo(run["run"], run["started"], run["actor"], run["outcome"], run["systems"])


def _only(run: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    found = [r for r in runs if r["run"] == run] or [r for r in runs if run and r["run"].startswith(run)]
    if not runs:
        hint = "name the config's folder with -C DIR, or its ledger with --ledger"
        raise LedgerError(f"the run {run!r} is not known: nothing was applied here yet", hint=hint)
    if len(found) != 1:
        problem = "is the beginning of several" if found else "is not known"
        raise LedgerError(f"the run {run!r} {problem}", hint="`orgform history` lists the runs")
    return found[0]


def _recorded(connection: Connection, run: str) -> list[RecordedChange]:
    rows = connection.run("SELECT change, status, detail, live FROM orgform_changes WHERE run = ? ORDER BY position", (run,))
    return [RecordedChange(decode(change, Change), status, detail, decode(live) if live else None) for change, status, detail, live in rows]


def _text(value: object) -> str | None:
    return None if value is None else encode(value).decode()


def new_run() -> str:
    """Sorts by time, and is unique among all ledgers: idempotency keys are made from it."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
