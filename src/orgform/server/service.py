"""What each request does, below HTTP: a request as values in, an answer out.

Invariant: an answer with an error status means that nothing was changed.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, TypeVar

from orgform.codec import UNSET, DecodeError, Struct, UnsetType, decode, encode
from orgform.kinds import Kinds
from orgform.server import answers
from orgform.server.answers import Answer
from orgform.server.operations import Ask, Method, Prepared, Result, check_idempotency_key, perform, prefetch, prepare
from orgform.server.problems import Problem, bad_request, conflict, invalid, not_found
from orgform.server.shape import KindShape, Shapes
from orgform.server.store import AuditFilter, Store, time_text
from orgform.server.work import Caller, Work

T = TypeVar("T")

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
LARGEST_BATCH = 1000


class Request(Struct, frozen=True):
    """A request without HTTP. `key` is the resource's, empty for its collection; `body` the raw bytes."""

    caller: Caller
    method: str
    collection: str = ""
    key: str = ""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    if_match: str | None = None
    if_none_match: str | None = None
    idempotency_key: str | None = None


class NewBody(Struct, frozen=True, forbid_unknown_fields=True):
    key: str = ""
    attributes: dict[str, Any] = {}


class PatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    attributes: dict[str, Any] = {}
    key: str | UnsetType = UNSET


class Operation(Struct, frozen=True, forbid_unknown_fields=True):
    method: Method
    collection: str
    key: str = ""
    attributes: dict[str, Any] = {}
    new_key: str | UnsetType = UNSET
    if_match: str | None = None
    idempotency_key: str | None = None


class BatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    operations: list[Operation]


class BatchAnswer(Struct, frozen=True):
    results: list[Result]


class Service:
    """The directory of many companies; every request says which one it is about."""

    def __init__(self, store: Store, kinds: Kinds, *, invite: bool = False) -> None:
        self.store = store
        self.shapes = Shapes(kinds)
        self.invite = invite

    # Reading

    def list_resources(self, request: Request) -> Answer:
        shape = self._shape(request)
        query = _query(request, "limit", "cursor")
        limit = _limit(query)
        after = answers.cursor_at(shape.kind.api, query["cursor"]) if "cursor" in query else ""
        return answers.resource_page(shape.kind.api, self.store.page(request.caller.company, shape.kind.name, after=after, limit=limit))

    def get_resource(self, request: Request) -> Answer:
        _query(request)
        prepared = self._prepared(request, "update")
        row = self.store.get(request.caller.company, prepared.address)
        if row is None:
            raise not_found(prepared.address)
        headers = {"etag": f'"{row.etag}"'}
        if request.if_none_match is not None and _seen(request.if_none_match, row.etag):
            return Answer(304, headers=headers)
        return Answer(200, answers.resource(prepared.address.partition("/")[2], row).encode(), headers)

    def list_audit_events(self, request: Request) -> Answer:
        query = _query(request, "address", "actor", "since", "limit", "cursor")
        limit = _limit(query)
        name = "audit-events?" + encode([query.get(n) for n in ("address", "actor", "since")]).decode()
        below = answers.cursor_at(name, query["cursor"]) if "cursor" in query else None
        if below is not None and not _is_number(below, 18):
            raise bad_request("cursor", "this cursor was not given by this server; begin again without one")
        wanted = AuditFilter(query.get("address"), query.get("actor"), _since(query.get("since")), int(below) if below else None)
        return answers.audit_page(name, list(self.store.audit(request.caller.company, wanted, limit)), limit)

    # Writing

    def create_resource(self, request: Request) -> Answer:
        body = _decoded(request.body, NewBody)
        return self._write(request, Ask("create", request.collection, body.key, body.attributes, UNSET, request.if_match))

    def update_resource(self, request: Request) -> Answer:
        body = _decoded(request.body, PatchBody)
        return self._write(request, Ask("update", request.collection, request.key, body.attributes, body.key, request.if_match))

    def delete_resource(self, request: Request) -> Answer:
        if request.body:
            raise bad_request("body", "a DELETE has no body")
        return self._write(request, Ask("delete", request.collection, request.key, {}, UNSET, request.if_match))

    def _write(self, request: Request, ask: Ask) -> Answer:
        self._shape(request)
        _query(request)
        key = request.idempotency_key
        if key is not None:
            check_idempotency_key(key)
        prepared = prepare(self.shapes, ask)
        with self.store.writing(request.caller.company) as connection:
            work = Work(connection, self.shapes, request.caller, invite=self.invite)
            prefetch(work, [prepared])
            replay = self._replay(work, request)
            if replay is not None:
                return replay
            result = perform(work, prepared)
            answer = self._answer(work, prepared, result)
            if key is not None:
                work.store_answer(key, _digest(request), encode(answer).decode())
            work.flush()
        return answer

    def _answer(self, work: Work, prepared: Prepared, result: Result) -> Answer:
        kind = prepared.shape.kind
        row = work.get(f"{kind.name}/{result.key}") if result.key is not None else None
        if row is None or result.key is None:
            return Answer(result.status)
        headers = {"etag": f'"{row.etag}"'}
        if result.status == 201:
            headers["location"] = location(kind.api, result.key)
        return Answer(result.status, answers.resource(result.key, row).encode(), headers)

    def batch(self, request: Request) -> Answer:
        _query(request)
        asked = _decoded(request.body, BatchBody).operations
        if len(asked) > LARGEST_BATCH:
            raise Problem(413, "batch-too-large", f"a batch holds at most {LARGEST_BATCH} operations, not {len(asked)}")
        if request.idempotency_key is not None:
            check_idempotency_key(request.idempotency_key)
        prepared = [self._prepared_or_problem(operation) for operation in asked]
        with self.store.writing(request.caller.company) as connection:
            work = Work(connection, self.shapes, request.caller, invite=self.invite)
            replay = self._replay(work, request)
            if replay is not None:
                return replay
            prefetch(work, [p for p in prepared if isinstance(p, Prepared)])
            results = [_performed(work, p, i) for i, p in enumerate(prepared)]
            answer = Answer(200, encode(BatchAnswer(results)))
            if request.idempotency_key is not None:
                work.store_answer(request.idempotency_key, _digest(request), encode(answer).decode())
            work.flush()
        return answer

    def _prepared_or_problem(self, o: Operation) -> Prepared | Problem:
        try:
            return prepare(self.shapes, Ask(o.method, o.collection, o.key, o.attributes, o.new_key, o.if_match, o.idempotency_key))
        except Problem as e:
            return e

    @staticmethod
    def _replay(work: Work, request: Request) -> Answer | None:
        """The answer that was given for this idempotency key before."""
        key = request.idempotency_key
        if key is None:
            return None
        work.prefetch_stored([key])
        stored = work.stored(key)
        if stored is None:
            return None
        if stored.digest != _digest(request):
            raise conflict("idempotency-key-reused", "this idempotency key was used for another request")
        return decode(stored.answer, Answer)

    def _shape(self, request: Request) -> KindShape:
        shape = self.shapes.by_api.get(request.collection)
        if shape is None:
            raise Problem(404, "no-such-collection", f"there is no collection {request.collection!r}")
        return shape

    def _prepared(self, request: Request, method: Method) -> Prepared:
        self._shape(request)
        return prepare(self.shapes, Ask(method, request.collection, request.key))


def location(api: str, key: str) -> str:
    from urllib.parse import quote

    return f"/v1/{api}/{quote(key, safe='/:@')}"


def _performed(work: Work, prepared: Prepared | Problem, index: int) -> Result:
    try:
        if isinstance(prepared, Problem):
            raise prepared
        return perform(work, prepared)
    except Problem as e:
        return Result(e.status, problem=e.document(f"/operations/{index}"))


def _digest(request: Request) -> str:
    parts = [request.method, request.collection, request.key, request.if_match or ""]
    return hashlib.sha256(encode(parts) + b"\n" + request.body).hexdigest()


def _decoded(body: bytes, as_type: type[T]) -> T:
    """Malformed JSON is 400, JSON of another shape 422."""
    try:
        return decode(body, as_type)
    except DecodeError as e:
        raise _shape_problem(e) from e
    except (RecursionError, ValueError) as e:
        raise bad_request("json", f"the body is not JSON: {e}") from e


def _shape_problem(error: DecodeError) -> Problem:
    message = str(error)
    if type(error) is DecodeError:
        return bad_request("json", f"the body is not JSON: {message}")
    what, _, where = message.partition(" - at `$")
    return invalid("shape", what, where.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/"))


def _query(request: Request, *known: str) -> dict[str, str]:
    """The query as a dict; a parameter that is unknown or given twice is a 400."""
    found: dict[str, str] = {}
    for name, value in request.query:
        if name not in known:
            raise bad_request("query", f"there is no query parameter {name!r} here" + (f"; there are {', '.join(known)}" if known else ""))
        if name in found:
            raise bad_request("query", f"{name} is given twice")
        if "\0" in value:
            raise bad_request("query", f"{name} holds a character that cannot be in it")
        found[name] = value
    return found


def _limit(query: dict[str, str]) -> int:
    text = query.get("limit", str(DEFAULT_PAGE))
    if not (_is_number(text, 4) and 1 <= int(text) <= LARGEST_PAGE):
        raise bad_request("limit", f"limit is a number from 1 to {LARGEST_PAGE}")
    return int(text)


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits


def _since(text: str | None) -> str | None:
    """A moment as the audit log writes it. Without a time zone it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return time_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as e:
        raise bad_request("since", f"since is a day or a moment in ISO 8601, not {text!r}") from e


def _seen(if_none_match: str, etag: str) -> bool:
    """If-None-Match (RFC 9110) compares weakly."""
    words = [word.strip().removeprefix("W/").strip('"') for word in if_none_match.split(",")]
    return if_none_match.strip() == "*" or etag in words
