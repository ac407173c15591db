"""What each request does, below HTTP: a request as values in, an answer out.

Invariant: an answer with an error status means that nothing was changed. An answer is remembered for its idempotency key in the
transaction that does what it says, so there is never one without the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from orgform.codec import UNSET, Struct, decode, encode
from orgform.kinds import Kinds
from orgform.server import answers
from orgform.server.answers import Answer
from orgform.server.operations import Ask, Prepared, Result, answered_before, check_idempotency_key, perform, prefetch, prepare
from orgform.server.problems import MOST_FAULTS, Fault, Problem, bad_request
from orgform.server.reading import Reading
from orgform.server.requests import NewBody, PatchBody, Request, decoded, operations_of, query_of
from orgform.server.store import Store
from orgform.server.threads import Begun
from orgform.server.together import Together, Write
from orgform.server.work import Work


class BatchAnswer(Struct, frozen=True):
    results: list[Result]


class Service(Reading):
    """The directory of many companies; every request says which one it is about."""

    def __init__(self, store: Store, kinds: Kinds, *, invite: bool = False) -> None:
        super().__init__(store, kinds)
        self.invite = invite
        self._together = Together(store, self.shapes, invite=invite)

    def create_resource(self, request: Request) -> Begun:
        body = decoded(request.body, NewBody)
        return self._write(request, Ask("create", request.collection, body.key, body.attributes, UNSET, request.if_match))

    def update_resource(self, request: Request) -> Begun:
        body = decoded(request.body, PatchBody)
        return self._write(request, Ask("update", request.collection, request.key, body.attributes, body.key, request.if_match))

    def delete_resource(self, request: Request) -> Begun:
        if request.body:
            raise bad_request("body", "a DELETE has no body")
        return self._write(request, Ask("delete", request.collection, request.key, {}, UNSET, request.if_match))

    def _write(self, request: Request, ask: Ask) -> Begun:
        """Raises a `Problem` for what needs no look at the directory."""
        self._shape(request)
        query_of(request)
        key = request.idempotency_key
        if key is not None:
            check_idempotency_key(key)
        prepared = prepare(self.shapes, ask)

        def do(work: Work) -> Answer:
            replay = _replay(work, request)
            if replay is not None:
                return replay
            answer = _answer(work, prepared, perform(work, prepared))
            if key is not None:
                work.store_answer(key, request.digest, encode(answer).decode())
            return answer

        return self._together.begun(Write(request.caller, prepared, _keys(request), do))

    def batch(self, request: Request) -> Answer:
        query_of(request)
        asked = operations_of(request.body)
        if request.idempotency_key is not None:
            check_idempotency_key(request.idempotency_key)
            _check_own(request.idempotency_key, asked.operations)
        prepared = [self._prepared_or_problem(ask) for ask in asked.operations]
        with self.store.writing(request.caller.company) as connection:
            work = Work(connection, self.shapes, request.caller, invite=self.invite)
            work.prefetch_stored(_keys(request))
            replay = _replay(work, request)
            if replay is not None:
                return replay
            results = _performed(work, prepared, atomic=asked.atomic)
            answer = Answer(200, encode(BatchAnswer(results)))
            if request.idempotency_key is not None:
                work.store_answer(request.idempotency_key, request.digest, encode(answer).decode())
            work.flush()
        return answer

    def _prepared_or_problem(self, ask: Ask) -> Prepared | Problem:
        try:
            return prepare(self.shapes, ask)
        except Problem as e:
            return e


def _check_own(key: str, operations: Sequence[Ask]) -> None:
    """A batch and its operations are different requests: one key cannot stand for both."""
    for i, ask in enumerate(operations):
        if ask.idempotency_key == key:
            why = "this is the idempotency key of the whole batch; an operation has one of its own, or none"
            raise Problem(400, "idempotency-key", why, faults=(Fault(f"/operations/{i}/idempotency_key", why),))


def _answer(work: Work, prepared: Prepared, result: Result) -> Answer:
    kind = prepared.shape.kind
    row = work.get(f"{kind.name}/{result.key}") if result.key is not None else None
    if row is None or result.key is None:
        return Answer(result.status)
    headers = {"etag": f'"{row.etag}"'}
    if result.status == 201:
        headers["location"] = location(kind.api, result.key)
    return Answer(result.status, answers.resource(result.key, row).encode(), headers)


def location(api: str, key: str) -> str:
    return f"/v1/{api}/{quote(key, safe='/:@')}"


def _keys(request: Request) -> tuple[str, ...]:
    return () if request.idempotency_key is None else (request.idempotency_key,)


def _replay(work: Work, request: Request) -> Answer | None:
    """The answer that was given for this idempotency key before, which was looked up before."""
    key = request.idempotency_key
    before = answered_before(work, key, request.digest) if key is not None else None
    return None if before is None else decode(before, Answer)


def _performed(work: Work, prepared: Sequence[Prepared | Problem], *, atomic: bool) -> list[Result]:
    """Every operation in turn, whatever became of those before it, so that all that is wrong is told at once."""
    operations = [p for p in prepared if isinstance(p, Prepared)]
    prefetch(work, operations)
    done_before = {p.ask.idempotency_key for p in operations if p.ask.idempotency_key and work.stored(p.ask.idempotency_key)}
    results = [_one_performed(work, p, i) for i, p in enumerate(prepared)]
    if atomic and any(r.problem for r in results):
        standing = [isinstance(p, Prepared) and p.ask.idempotency_key in done_before for p in prepared]
        raise _refused(results, standing)
    return results


def _one_performed(work: Work, prepared: Prepared | Problem, index: int) -> Result:
    try:
        if isinstance(prepared, Problem):
            raise prepared
        return perform(work, prepared)
    except Problem as e:
        return Result(e.status, problem=e.document(f"/operations/{index}"))


def _refused(results: Sequence[Result], standing: Sequence[bool]) -> Problem:
    """Why nothing of an atomic batch is done. `standing`: what an earlier request did, under the operation's own idempotency key."""
    refused = [(i, r.problem) for i, r in enumerate(results) if r.problem]
    index, first = refused[0]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    undone = Problem(424, "not-done", f"nothing is wrong with it, but operation {index} is refused, so none is done").document()
    return Problem(
        first["status"],
        "batch-refused",
        f"nothing is done, as operation {index} is refused: {first['detail']}{more}",
        faults=tuple(fault for i, problem in refused for fault in _faults(i, problem))[:MOST_FAULTS],
        members={
            "results": [r if r.problem or stands else Result(424, problem=undone) for r, stands in zip(results, standing, strict=True)]
        },
    )


def _faults(index: int, problem: Mapping[str, Any]) -> list[Fault]:
    """A problem's faults; one that has none is about the operation as a whole."""
    return [Fault(**f) for f in problem.get("errors", ())] or [Fault(f"/operations/{index}", problem["detail"], problem["code"])]
