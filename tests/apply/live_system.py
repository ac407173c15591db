"""A small live system in memory, behind the provider contract, whose faults tests choose."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from orgform.codec import digest
from orgform.kinds import load_kinds
from orgform.model import Address, Attributes, Change, Live, Plan, PlanBase, PlanTarget, Remember, kind_of
from orgform.planning.diff import fingerprint, patched
from orgform.providers.base import Capabilities, Operation, Provider, ReadResult, Result

KINDS = load_kinds()
TARGET = "acme"

NOTHING = Remember()

Fault = Callable[[Operation], Result | Exception | None]


class LiveSystem(Provider):
    """`before`: a fault instead of the operation; `after`: one that hides what was done. `gate`: called while an operation is under way."""

    def __init__(self, resources: dict[str, Attributes] | None = None, *, batch: int = 1) -> None:
        self.capabilities = Capabilities(batch=batch)
        self.resources: dict[Address, Attributes] = {Address(a): v for a, v in (resources or {}).items()}
        self.before: Fault = lambda operation: None
        self.after: Fault = lambda operation: None
        self.gate: Callable[[Operation], None] = lambda operation: None
        self.reads: list[Sequence[str]] = []
        self.read_fault: Callable[[str], ReadResult | Exception | None] = lambda kind: None
        self.calls: list[list[Operation]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    @property
    def system(self) -> str:
        return "memory"

    @property
    def written(self) -> list[tuple[str, str]]:
        return [(o.action, o.address) for call in self.calls for o in call]

    def live(self) -> dict[Address, Live]:
        return {a: Live(dict(v), id=f"id-{a}", etag=digest(v)) for a, v in self.resources.items()}

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        self.reads.append(list(kinds))
        for kind in kinds:
            fault = self.read_fault(kind)
            if isinstance(fault, Exception):
                raise fault
            yield fault or ReadResult(kind, {a: r for a, r in self.live().items() if kind_of(a) == kind})

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        with self._lock:
            self.calls.append(list(operations))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return [self._one(operation) for operation in operations]
        finally:
            with self._lock:
                self._at_once -= 1

    def _one(self, operation: Operation) -> Result:
        self.gate(operation)
        for fault in (self.before, None, self.after):
            with self._lock:
                found = fault(operation) if fault else self._do(operation)
            if isinstance(found, Exception):
                raise found
            if found:
                return found
        return Result("done")

    def _do(self, operation: Operation) -> Result | None:
        address = operation.moved_from or operation.address
        have = self.resources.get(address)
        if (have is None) != (operation.action == "create") or (operation.etag not in (None, "*", digest(have))):
            return Result("stale", "the precondition failed")
        if operation.action == "delete":
            del self.resources[address]
        else:
            self.resources.pop(address, None)
            self.resources[operation.address] = patched(have or {}, operation.attributes, KINDS.of(address))
        return None


def create(address: str, attributes: Attributes) -> Change:
    return Change("create", TARGET, Address(address), "new", None, attributes)


def update(address: str, before: Attributes, after: Attributes, *, moved_from: str | None = None) -> Change:
    judged = fingerprint(before)
    old = Address(moved_from) if moved_from else None
    return Change("update", TARGET, Address(address), "config", before, after, precondition=judged, moved_from=old)


def delete(address: str, before: Attributes) -> Change:
    return Change("delete", TARGET, Address(address), "config", before, None, precondition=fingerprint(before))


def plan_of(*changes: Change, ledger: Remember = NOTHING, targets: Sequence[str] = (TARGET,)) -> Plan:
    return Plan("0.1.0", "sha256:0", PlanBase(), {t: PlanTarget("memory", True, t) for t in targets}, {}, changes, ledger=ledger)
