"""Executes a plan through the providers of its targets.

Invariant: a change is tried only when all that it needs has succeeded, and only while the live resource is the one that the plan was
judged on. Whatever happens, every change gets exactly one outcome, which is recorded as soon as it is known. Who may not write any more
(another apply has the lock now) starts nothing.

The main thread alone decides and records; workers only call `Provider.write`. The way of one change:
`waiting -> ready -> judged against live -> written, alone or in a batch -> outcome`; it may be skipped at any point before it is written.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from orgform.codec import Struct, replace
from orgform.errors import LedgerError, OrgformError
from orgform.kinds import Kinds
from orgform.model import ALREADY, Address, Attributes, Change, Live, Outcome, Plan, Report, kind_of
from orgform.planning.order import dependencies
from orgform.preconditions import Judge, Verdict
from orgform.providers import turn
from orgform.providers.base import Operation, Provider, ReadResult, Result
from orgform.secrets import redact

Listener = Callable[[int, int, Outcome], None]
INTERRUPTED = "interrupted before it was started"


class Recorder(Protocol):
    """What apply needs of the ledger's `RunRecorder`. `live`: the resources' attributes before, by the changes' addresses."""

    run: str

    def record(self, outcomes: Sequence[tuple[Change, Outcome]], live: Mapping[Address, Attributes]) -> None: ...


def apply_plan(
    plan: Plan,
    *,
    providers: Mapping[str, Provider],
    live: Mapping[Address, Live],
    kinds: Kinds,
    recorder: Recorder,
    parallelism: int = 10,
    listen: Listener | None = None,
    stop: threading.Event | None = None,
    may_write: Callable[[], None] = lambda: None,
    done_by: Mapping[Address, str] | None = None,
) -> Report:
    """Does the changes of `plan`; `providers` by target, `live` as it was read just now.

    `parallelism`: write calls at a time. `listen(settled, all, outcome)` is called for each outcome. `stop`: once set nothing new is
    started; what is under way ends and is recorded. `may_write` is called before each try of a write, and raises where nothing may be
    written any more (`Lock.check`). `done_by`: changes that an earlier run of the same plan did, which are not done once more. Raises what
    it raises, and `LedgerError` when nothing can be recorded any more; starts nothing then.
    """
    judge = Judge(plan, live, kinds, recorder.run, done_by)
    with ThreadPoolExecutor(max(1, parallelism), "orgform-apply") as pool:
        waits = dependencies(plan.changes, kinds)
        outcomes = _Run(plan.changes, waits, judge, providers, recorder, listen, stop, may_write, pool).outcomes()
    return Report(recorder.run, outcome_of_run(outcomes), outcomes)


def outcome_of_run(outcomes: Sequence[Outcome]) -> str:
    """`done`, `partly`, `failed`, `stale`, `interrupted` or `nothing`: see `model.Report`."""
    statuses = {o.status for o in outcomes if not o.already}
    if any(o.detail == INTERRUPTED for o in outcomes):
        return "interrupted"
    if "done" in statuses:
        return "done" if statuses == {"done"} else "partly"
    if "failed" in statuses:
        return "failed"
    return "stale" if statuses else "nothing"


class _Schedule:
    """Which changes may be tried now. Each is given out once, when all that it waits for is settled."""

    def __init__(self, waits: Sequence[tuple[frozenset[int], frozenset[int]]]) -> None:
        self.needs = [needs for needs, _ in waits]
        self._open = [len(needs | after) for needs, after in waits]
        self._followers: dict[int, list[int]] = defaultdict(list)
        for n, (needs, after) in enumerate(waits):
            for before in needs | after:
                self._followers[before].append(n)
        self._ready = [n for n, count in enumerate(self._open) if not count]

    def take(self) -> list[int]:
        ready, self._ready = sorted(self._ready), []
        return ready

    def settle(self, n: int) -> None:
        for follower in self._followers[n]:
            self._open[follower] -= 1
            if not self._open[follower]:
                self._ready.append(follower)


class _Answer(Struct, frozen=True):
    """What a worker brings back for the changes at `indexes`; `results` is None where it did not start them, `fatal` what ends the run."""

    indexes: Sequence[int]
    results: list[Result] | None
    fatal: BaseException | None = None


class _Run:
    """One apply under way. Everything but `_write` happens in the main thread."""

    def __init__(
        self,
        changes: Sequence[Change],
        waits: Sequence[tuple[frozenset[int], frozenset[int]]],
        judge: Judge,
        providers: Mapping[str, Provider],
        recorder: Recorder,
        listen: Listener | None,
        stop: threading.Event | None,
        may_write: Callable[[], None],
        pool: ThreadPoolExecutor,
    ) -> None:
        self._changes = changes
        self._schedule = _Schedule(waits)
        self._judge = judge
        self._providers = providers
        self._recorder = recorder
        self._listen = listen
        self._stop = stop or threading.Event()
        self._broken = threading.Event()
        self._may_write = may_write
        self._pool = pool
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self._in_flight = 0
        self._lost: list[int] = []
        self._said: dict[int, str] = {}
        self._settled: dict[int, Outcome] = {}
        self._roots: dict[int, int] = {}
        self._news: list[int] = []

    def outcomes(self) -> tuple[Outcome, ...]:
        """Works until every change has its outcome; they come in the plan's order."""
        try:
            self._advance()
            while self._in_flight or self._lost:
                self._collect() if self._in_flight else self._read_back()
                self._advance()
        finally:
            self._broken.set()
        return tuple(self._settled[n] for n in range(len(self._changes)))

    def _advance(self) -> None:
        """Judges what has become ready, starts what is to be written, records what is settled."""
        operations: dict[int, Operation] = {}
        while ready := self._schedule.take():
            for n in ready:
                verdict = self._blocked(n) or self._judge.verdict(self._changes[n])
                if verdict.operation:
                    operations[n] = verdict.operation
                else:
                    self._settle(n, verdict)
        self._start(operations)
        self._record()

    def _blocked(self, n: int) -> Verdict | None:
        if self._halted:
            return Verdict("skipped", INTERRUPTED)
        for needed in sorted(self._schedule.needs[n]):
            if self._settled[needed].status != "done":
                root = self._roots[n] = self._roots.get(needed, needed)
                became = self._settled[root]
                return Verdict("skipped", f"needs {became.address}, which {_BECAME[became.status]}")
        return None

    def _start(self, operations: Mapping[int, Operation]) -> None:
        by_target: dict[str, list[int]] = defaultdict(list)
        for n in operations:
            by_target[self._changes[n].target].append(n)
        for target, indexes in by_target.items():
            provider = self._providers[target]
            size = max(1, provider.capabilities.batch)
            for at in range(0, len(indexes), size):
                chunk = indexes[at : at + size]
                self._in_flight += 1
                self._pool.submit(self._write, provider, chunk, [operations[n] for n in chunk])

    def _write(self, provider: Provider, indexes: Sequence[int], operations: Sequence[Operation]) -> None:
        """In a worker. A provider that raises has failed these operations and no others."""
        if self._halted:
            self._answers.put(_Answer(indexes, None))
            return
        try:
            with turn.asked(self._checked):
                self._checked()
                results = [r if isinstance(r, Result) else Result("unknown") for r in provider.write(operations)]
        except _NotOurs as error:
            self._answers.put(_Answer(indexes, None, error.__cause__))
            return
        except BaseException as error:  # whatever it is: the main thread waits for an answer
            results = [Result("failed", _sentence(error))] * len(operations)
        missing = [Result("unknown")] * (len(operations) - len(results))
        self._answers.put(_Answer(indexes, [*results, *missing]))

    def _checked(self) -> None:
        """As no `Exception`: a provider that goes on after an error must not go on after this one."""
        try:
            self._may_write()
        except Exception as error:
            self._broken.set()
            raise _NotOurs from error

    def _collect(self) -> None:
        """Waits for one answer and takes what else has come meanwhile, so that many small ones are recorded together."""
        answers = [self._answers.get()]
        while not self._answers.empty():
            answers.append(self._answers.get())
        self._in_flight -= len(answers)
        for answer in answers:
            if answer.fatal:
                raise answer.fatal
            for at, n in enumerate(answer.indexes):
                self._take(n, answer.results[at] if answer.results else None)

    def _take(self, n: int, result: Result | None) -> None:
        if result is None:
            self._settle(n, Verdict("skipped", INTERRUPTED))
        elif result.status == "unknown":
            self._lost.append(n)
            self._said[n] = redact(result.detail)
        else:
            self._settle(n, Verdict(result.status, redact(result.detail)))

    def _read_back(self) -> None:
        """Nothing else is under way: one look at each kind tells what became of the changes whose answer was lost."""
        by_kind: dict[tuple[str, str], list[int]] = defaultdict(list)
        for n in self._lost:
            by_kind[self._changes[n].target, kind_of(self._changes[n].address)].append(n)
        self._lost = []
        for (target, kind), indexes in by_kind.items():
            read = _read_again(self._providers[target], kind)
            for n in indexes:
                found = self._found(self._changes[n], read)
                said = self._said.get(n)
                self._settle(n, replace(found, detail=f"{found.detail} ({said})") if said and found.status == "failed" else found)

    def _found(self, change: Change, read: ReadResult) -> Verdict:
        found = read.resources.get(change.address)
        if found is None and not read.complete:
            return Verdict(
                "failed", f"the answer was lost, and it could not be read back: {read.problem}; the next plan tells what became of it"
            )
        if self._judge.holds(change, found):
            return Verdict("done", "the answer was lost; read back, it is done")
        return Verdict("failed", "the answer was lost; read back, it is not done")

    def _settle(self, n: int, verdict: Verdict) -> None:
        change = self._changes[n]
        already = verdict.status == "done" and verdict.detail in ALREADY
        self._settled[n] = Outcome(change.target, change.address, change.action, verdict.status, verdict.detail, change.label, already)
        self._news.append(n)
        self._schedule.settle(n)

    def _record(self) -> None:
        news, self._news = self._news, []
        if not news:
            return
        changes = [self._changes[n] for n in news]
        before = {c.address: found for c in changes if (found := self._judge.before(c)) is not None}
        try:
            self._recorder.record([(self._changes[n], self._settled[n]) for n in news], before)
        except LedgerError as error:
            raise self._unrecorded(error) from error
        known = len(self._settled) - len(news)
        for count, n in enumerate(news, known + 1):
            if self._listen:
                self._listen(count, len(self._changes), self._settled[n])

    def _unrecorded(self, error: LedgerError) -> LedgerError:
        """Says what has been done all the same: it is found again by whoever looks."""
        done = sum(o.status == "done" for o in self._settled.values())
        told = f"{done} of {len(self._changes)} changes were known to be done by then"
        return LedgerError(f"{error.message}; {told}", hint=f"{error.hint}; it looks at the live system anew and does what is missing")

    @property
    def _halted(self) -> bool:
        return self._stop.is_set() or self._broken.is_set()


class _NotOurs(BaseException):
    """Nothing may be written any more; its cause says why."""


_BECAME = {"failed": "failed", "stale": "is stale", "skipped": "was skipped"}


def _read_again(provider: Provider, kind: str) -> ReadResult:
    try:
        return next((r for r in provider.read([kind]) if r.kind == kind), ReadResult(kind, {}, complete=False, problem="no answer"))
    except Exception as error:
        return ReadResult(kind, {}, complete=False, problem=_sentence(error))


def _sentence(error: BaseException) -> str:
    if isinstance(error, OrgformError):
        return redact(error.message)
    return redact(f"the provider broke ({type(error).__name__}: {error}); this is a bug in it")
