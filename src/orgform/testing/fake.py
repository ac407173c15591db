"""A live system in memory, for tests: etags, referential integrity, and failures to order.

Invariant: it holds only what could exist. A write that would leave a reference leading nowhere fails, so a plan that is applied without
a failure was in a right order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from orgform.codec import Struct
from orgform.kinds import Kinds, Reference, load_kinds
from orgform.model import Address, Attributes, Attribution, Live, kind_of
from orgform.planning.diff import patched
from orgform.planning.scope import relabel
from orgform.providers.base import Capabilities, Event, Operation, Provider, ReadResult, Result

CAPABILITIES = Capabilities(batch=1, page=1000, seconds_per_call=0.01, optimistic_locking=True, audit_log=True)


OWN_CLIENT = "orgform/fake"


class Refused(Exception):
    """The platform's answer to an operation that it does not do."""


class FakeProvider(Provider):
    """One live system. `resources` and `written` may be looked at, and `resources` changed, at any time.

    `on_create`: kind -> what is observed of a new resource (`{"member": {"status": "active"}}`). `log` is its audit log, newest first:
    what is written through it goes there, and what a test does in somebody's name (`put(..., actor="dana@acme.com")`).
    """

    def __init__(
        self,
        resources: Mapping[Address, Live] | None = None,
        *,
        kinds: Kinds | None = None,
        capabilities: Capabilities = CAPABILITIES,
        system: str = "fake:acme",
        own_member: Address | None = None,
        on_create: Mapping[str, Attributes] | None = None,
        attributions: Mapping[Address, Attribution] | None = None,
    ) -> None:
        self.kinds = kinds or load_kinds()
        self.capabilities = capabilities
        self.resources: dict[Address, Live] = {}
        self.written: list[Operation] = []
        self._system, self._own_member = system, own_member
        self._on_create = on_create or {}
        self.log: dict[Address, list[Event]] = {a: [Event(w.actor, w.time, w.client)] for a, w in (attributions or {}).items()}
        self._orders: list[_Order] = []
        self._unread: dict[str, str] = {}
        self._count = 0
        self._lock = threading.RLock()
        for address, live in (resources or {}).items():
            self.put(address, live.attributes, live.observed)

    @property
    def system(self) -> str:
        return self._system

    def own_member(self) -> Address | None:
        return self._own_member

    def events(self, addresses: Iterable[Address]) -> dict[Address, list[Event]]:
        with self._lock:
            return {a: list(self.log[a]) for a in addresses if a in self.log}

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        for kind in kinds:
            with self._lock:
                found = {a: r for a, r in sorted(self.resources.items()) if kind_of(a) == kind}
            yield ReadResult(kind, found, complete=kind not in self._unread, problem=self._unread.get(kind, ""))

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        if len(operations) > self.capabilities.batch:
            raise ValueError(f"{len(operations)} operations in one call, the batch is {self.capabilities.batch}")
        return [self._write(operation) for operation in operations]

    # What a test does to it.

    def put(
        self, address: Address, attributes: Attributes, observed: Attributes | None = None, *, actor: str = "", client: str = "web console"
    ) -> None:
        """Somebody's hand: the resource is so now, and has a new etag. The audit log has it where an `actor` is named."""
        with self._lock:
            if actor:
                self._note(address, actor, client, attributes)
            self._count += 1
            old = self.resources.get(address)
            seen = observed if observed is not None else old.observed if old else {}
            self.resources[address] = Live(attributes, seen, old.id if old else f"id-{self._count}", f'"{self._count}"')

    def drop(self, address: Address, *, actor: str = "", client: str = "web console") -> None:
        """Somebody's hand: the resource is gone, and it alone."""
        with self._lock:
            if actor:
                self._note(address, actor, client, None)
            del self.resources[address]

    def refuse(self, glob: str, detail: str = "no", *, times: int | None = None) -> None:
        """Operations on these addresses fail and change nothing, `times` times or always."""
        self._orders.append(_Order(glob, Result("failed", detail), times, done=False))

    def lose_answer(self, glob: str, *, done: bool = True, times: int | None = 1) -> None:
        """The connection is cut off: whether the operation was `done` is not told."""
        self._orders.append(_Order(glob, Result("unknown"), times, done=done))

    def read_incompletely(self, kind: str, problem: str = "a page failed") -> None:
        self._unread[kind] = problem

    # How it does what it is asked.

    def _note(self, address: Address, actor: str, client: str, after: Attributes | None) -> None:
        """A line of the audit log, at a time that follows from how much was done before."""
        old = self.resources.get(address)
        minutes, seconds = divmod(self._count, 60)
        time = f"2026-11-20T{minutes // 60 % 24:02}:{minutes % 60:02}:{seconds:02}Z"
        self.log.setdefault(address, []).insert(0, Event(actor, time, client, old.attributes if old else None, after))

    def _write(self, operation: Operation) -> Result:
        with self._lock:
            self.written.append(operation)
            order = next((o for o in self._orders if o.left != 0 and fnmatchcase(operation.address, o.glob)), None)
            if order is None:
                return self._do(operation)
            order.left = None if order.left is None else order.left - 1
            if order.done:
                self._do(operation)
            return order.result

    def _do(self, operation: Operation) -> Result:
        found = self.resources.get(operation.moved_from or operation.address)
        if operation.action == "delete" and found is None:
            return Result("done", "it was gone already")
        stale = found is not None if operation.action == "create" else found is None or operation.etag not in (None, "*", found.etag)
        if stale:
            return Result("stale", "the precondition failed")
        try:
            _DO[operation.action](self, operation)
        except Refused as error:
            return Result("failed", str(error))
        made = self.resources.get(operation.address)
        return Result("done", etag=made.etag if made else None)

    def _create(self, operation: Operation) -> None:
        self._check(operation.address, operation.attributes)
        observed = dict(self._on_create.get(kind_of(operation.address), {}))
        self.put(operation.address, operation.attributes, observed, actor="orgform", client=OWN_CLIENT)

    def _update(self, operation: Operation) -> None:
        old = operation.moved_from or operation.address
        kind = self.kinds.of(operation.address)
        before = self.resources[old].attributes
        attributes = patched(before, operation.attributes, kind)
        changed = [name for name in kind.immutable if before.get(name) != attributes.get(name)]
        if changed:
            raise Refused(f"{changed[0]} cannot be changed")
        if operation.moved_from:
            if operation.address in self.resources:
                raise Refused(f"{operation.address} exists already")
            self.resources = relabel(self.resources, {old: operation.address}, self.kinds)
        self._check(operation.address, attributes)
        self.put(operation.address, attributes, actor="orgform", client=OWN_CLIENT)

    def _delete(self, operation: Operation) -> None:
        """What belongs to it goes with it; what merely names it holds it back."""
        going = {operation.address}
        going.update(a for a in self.resources if operation.address in self.kinds.identity_references(a))
        for address, live in self.resources.items():
            named = {referent for _, referent in self.kinds.attribute_references(address, live.attributes)}
            if address not in going and not going.isdisjoint(named):
                raise Refused(f"{address} still names {sorted(going & named)[0]}")
        for address in sorted(going & self.resources.keys()):
            self.drop(address, actor="orgform", client=OWN_CLIENT)

    def _check(self, address: Address, attributes: Attributes) -> None:
        named = (referent for _, referent in self.kinds.attribute_references(address, attributes))
        for referent in (*self.kinds.identity_references(address), *named):
            if referent not in self.resources and referent != address and not self.kinds.is_builtin(referent):
                raise Refused(f"{address} names {referent}, which does not exist")
        for reference in self.kinds.of(address).references:
            if reference.acyclic and self._comes_back(address, attributes, reference):
                raise Refused(f"{address}: {'.'.join(reference.path)} goes round in a circle")

    def _comes_back(self, address: Address, attributes: Attributes, reference: Reference) -> bool:
        seen: set[Address] = set()
        here: Address | None = address
        while here and here not in seen:
            seen.add(here)
            own = attributes if here == address else self.resources[here].attributes if here in self.resources else {}
            here = next((to for ref, to in self.kinds.attribute_references(here, own) if ref.path == reference.path), None)
        return here is not None


class _Order(Struct):
    glob: str
    result: Result
    left: int | None
    done: bool


_DO: dict[str, Callable[[FakeProvider, Operation], None]] = {
    "create": FakeProvider._create,
    "update": FakeProvider._update,
    "delete": FakeProvider._delete,
}


def dangling(provider: FakeProvider) -> list[str]:
    """References in a live system that lead nowhere; empty where all is well."""
    kinds = provider.kinds
    found = []
    for address, live in sorted(provider.resources.items()):
        named = (referent for _, referent in kinds.attribute_references(address, live.attributes))
        found += [
            f"{address} -> {r}"
            for r in (*kinds.identity_references(address), *named)
            if r not in provider.resources and not kinds.is_builtin(r)
        ]
    return found
