"""A SCIM server as a provider: a look at it for each read, and operations one by one or in bulk.

Invariant: a kind is complete only where every list it is made of is; nothing is sent for an operation before it was looked at again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from orgform.codec import digest, replace
from orgform.model import Address, Live, kind_of
from orgform.providers.base import Capabilities, Operation, Provider, ReadResult, Result, TargetContext
from orgform.providers.http import HttpError, Session
from orgform.providers.scim.belonging import Belonging, Memory, Refused
from orgform.providers.scim.bulk import send_all
from orgform.providers.scim.directory import Directory
from orgform.providers.scim.layout import Layout, layout_of
from orgform.providers.scim.vendors import vendor_named
from orgform.providers.scim.wire import ACCEPT, Incomplete, Scim, as_read_failed, split_url
from orgform.providers.scim.writes import Groups, Members, Memberships, Request, Writes

_KINDS: dict[str, type[Writes]] = {"member": Members, "group": Groups, "membership": Memberships}
#: operations that one call holds, however many the server takes: a run that is stopped ends soon
MOST_AT_ONCE = 50


class ScimProvider(Provider):
    def __init__(self, scim: Scim, layout: Layout, system: str, context: TargetContext, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._scim = scim
        self._layout = layout
        self._system = system
        self._context = context
        self._deletes = bool(context.options.get("delete", False))
        self._belonging: Belonging | None = None
        self._memory = Memory()
        self._lock = threading.Lock()

    @property
    def system(self) -> str:
        return self._system

    def close(self) -> None:
        self._scim.close()

    # Reading

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        look = self._look()
        reached = False
        for kind in kinds:
            try:
                result = ReadResult(kind, self._found(look, kind))
            except Incomplete as e:
                result = ReadResult(kind, {}, complete=False, problem=str(e))
            except HttpError as e:
                if not reached:
                    raise as_read_failed(e, self._system) from e
                result = ReadResult(kind, {}, complete=False, problem=e.message)
            reached = True
            yield result
        with self._lock:
            self._memory.seen.update(look.seen)
            self._belonging = Belonging(self._scim, look, self._memory)

    def _found(self, look: Directory, kind: str) -> dict[Address, Live]:
        reads: Mapping[str, Callable[[], dict[Address, Live]]] = {
            "member": look.live_members,
            "group": look.live_groups,
            "membership": look.live_memberships,
        }
        return reads[kind]()

    def _look(self) -> Directory:
        return Directory(self._scim, self._layout, lambda: self._context.labels(self._system), self._deletes)

    # Writing

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        results: list[Result] = []
        run: list[Operation] = []
        for operation in operations:
            if run and (self._scim.features.bulk is None or _ends(run, operation)):
                results.extend(self._run(run))
                run = []
            run.append(operation)
        return [*results, *(self._run(run) if run else ())]

    def _run(self, operations: Sequence[Operation]) -> list[Result]:
        """Operations of one kind, each on a resource of its own."""
        kind = kind_of(operations[0].address)
        if kind not in _KINDS:
            return [Result("failed", f"SCIM has no {kind}")] * len(operations)
        writes = _KINDS[kind](self._scim, self._layout, self._known(), self._deletes)
        writes.foresee(operations)
        prepared = [self._prepared(writes, o) for o in operations]
        answers = self._sent(prepared)
        results = [
            p if isinstance(p, Result) else self._finished(writes, o, p, answer)
            for o, p, answer in zip(operations, prepared, answers, strict=True)
        ]
        if kind == "group" and any(o.action != "update" or o.moved_from for o in operations):
            with self._lock:
                self._belonging = None
        return results

    def _known(self) -> Belonging:
        """Kept from write to write, and asked for anew after each read and wherever groups came or went."""
        with self._lock:
            if self._belonging is None:
                self._belonging = Belonging(self._scim, self._look(), self._memory)
            return self._belonging

    def _prepared(self, writes: Writes, o: Operation) -> Request | Result:
        """What is to be sent. Where that cannot be told, nothing was."""
        try:
            return writes.prepare(o)
        except HttpError as e:
            return Result("failed", e.message)
        except (Refused, Incomplete) as e:
            return _failure(e)

    def _sent(self, prepared: Sequence[Request | Result]) -> list[Any]:
        """What the server answered to each: a decoded body, or the error."""
        requests = {n: p for n, p in enumerate(prepared) if isinstance(p, Request) and p.method}
        if len(requests) > 1 and self._scim.features.bulk is not None:
            answered = send_all(self._scim, self._scim.features.bulk, requests)
        else:
            answered = {n: _answered(self._scim, request) for n, request in requests.items()}
        return [answered.get(n) for n in range(len(prepared))]

    def _finished(self, writes: Writes, o: Operation, request: Request, answer: Any) -> Result:
        if isinstance(answer, HttpError):
            return self._refused(writes, o, request, answer)
        try:
            return writes.finish(o, request, answer)
        except (Refused, Incomplete, HttpError) as e:
            failure = _failure(e)
            return replace(failure, status="failed", detail=f"done in part: {failure.detail}") if _definite(failure, request) else failure

    def _refused(self, writes: Writes, o: Operation, request: Request, error: HttpError) -> Result:
        """What was done meanwhile is found by looking again: another one made it (409), changed it (412), or it is gone (404)."""
        without = self._scim.lacks(error, request.method)
        if not without and (error.maybe_done or error.status not in (404, 409, 410, 412)):
            return _failure(error)
        again = self._prepared(writes, o)
        if isinstance(again, Result):
            return again
        if error.status == 412 or again.method != request.method:
            answer = _answered(self._scim, again) if again.method else None
            return _failure(answer) if isinstance(answer, HttpError) else self._finished(writes, o, again, answer)
        return _failure(error)


def _ends(run: Sequence[Operation], operation: Operation) -> bool:
    """Whether it is of another kind, about what one before it is about, or the run is long enough."""
    mine = {operation.address, operation.moved_from}
    other = kind_of(run[0].address) != kind_of(operation.address)
    return other or len(run) >= MOST_AT_ONCE or any(mine & {o.address, o.moved_from} - {None} for o in run)


def _answered(scim: Scim, request: Request) -> Any:
    try:
        return scim.send(request.method, request.path, request.data, request.version)
    except HttpError as e:
        return e


def _definite(failure: Result, request: Request) -> bool:
    """Whether the first of several requests was done, and another one is known not to be."""
    return bool(request.method) and failure.status != "unknown"


def _failure(error: HttpError | Refused | Incomplete) -> Result:
    if not isinstance(error, HttpError):
        return Result("failed", str(error))
    if error.maybe_done:
        return Result("unknown", error.message)
    if error.status == 412:
        return Result("stale", "it is changed by somebody else all the time")
    return Result("failed", error.message)


def open_scim(context: TargetContext) -> Provider:
    """Raises `ReadFailed` where the server does not answer, or does not take the token."""
    from orgform.providers.scim import spec

    base, query = split_url(str(context.options["url"]))
    token = context.secret("token") if "token" in context.options else None
    vendor = vendor_named(str(context.options.get("vendor", "")))
    ca = context.folder / context.options["ca"] if "ca" in context.options else None
    session = Session(base, token=token, max_wait=context.max_wait, headers={"accept": ACCEPT}, ca=ca, reserve=context.reserve)
    scim = Scim(session, query, vendor)
    # Two companies may differ in the query alone, which may hold a secret.
    system = f"{base}#{digest(query)[7:15]}" if query else base
    try:
        scim.discover()
    except HttpError as e:
        session.close()
        raise as_read_failed(e, f"{system} (target {context.name})") from e
    return ScimProvider(scim, layout_of(context.options), system, context, _capabilities(scim, spec.capabilities))


def _capabilities(scim: Scim, declared: Capabilities) -> Capabilities:
    """As this server has them: without groups where it has none, without a title where its users have none."""
    features = scim.features
    kinds = dict(declared.kinds or {})
    read_only = {"title": "title", "displayName": "name"}
    lost = {ours: "read" for theirs, ours in read_only.items() if theirs in features.read_only}
    kinds["member"] = replace(kinds["member"], fields={**kinds["member"].fields, **lost})
    if not features.groups:
        kinds = {"member": kinds["member"]}
    batch = min(features.bulk.operations, MOST_AT_ONCE) if features.bulk else 1
    paging: Literal["cursor", "offset"] = "cursor" if features.cursor else "offset"
    return replace(declared, kinds=kinds, batch=batch, page=scim.page, paging=paging, optimistic_locking=features.etag)
