"""What is read: pages of a collection, one resource, the audit log.

Invariant: reading changes nothing, and every answer shows one state of the directory throughout.
"""

from __future__ import annotations

from orgform.codec import encode
from orgform.kinds import Kinds
from orgform.server import answers
from orgform.server.answers import Answer
from orgform.server.operations import Ask, Method, Prepared, prepare
from orgform.server.problems import Problem, bad_request, not_found
from orgform.server.requests import Request, is_number, limit_of, moment_of, query_of
from orgform.server.shape import KindShape, Shapes
from orgform.server.store import AuditFilter, Store


class Reading:
    """The directory of many companies, to be read; every request says which one it is about."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self.store = store
        self.shapes = Shapes(kinds)

    def list_resources(self, request: Request) -> Answer:
        shape = self._shape(request)
        query = query_of(request, "limit", "cursor")
        limit = limit_of(query)
        after = answers.cursor_at(shape.kind.api, query["cursor"]) if "cursor" in query else ""
        return answers.resource_page(shape.kind.api, self.store.page(request.caller.company, shape.kind.name, after=after, limit=limit))

    def get_resource(self, request: Request) -> Answer:
        query_of(request)
        prepared = self._prepared(request, "update")
        row = self.store.get(request.caller.company, prepared.address)
        if row is None:
            raise not_found(prepared.address)
        headers = {"etag": f'"{row.etag}"'}
        if request.if_none_match is not None and _seen(request.if_none_match, row.etag):
            return Answer(304, headers=headers)
        return Answer(200, answers.resource(prepared.address.partition("/")[2], row).encode(), headers)

    def list_audit_events(self, request: Request) -> Answer:
        query = query_of(request, "address", "actor", "since", "limit", "cursor")
        limit = limit_of(query)
        name = "audit-events?" + encode([query.get(n) for n in ("address", "actor", "since")]).decode()
        below = answers.cursor_at(name, query["cursor"]) if "cursor" in query else None
        if below is not None and not is_number(below, 18):
            raise bad_request("cursor", "this cursor was not given by this server; begin again without one")
        wanted = AuditFilter(query.get("address"), query.get("actor"), moment_of(query, "since"), int(below) if below else None)
        return answers.audit_page(name, list(self.store.audit(request.caller.company, wanted, limit)), limit)

    def _shape(self, request: Request) -> KindShape:
        shape = self.shapes.by_api.get(request.collection)
        if shape is None:
            raise Problem(404, "no-such-collection", f"there is no collection {request.collection!r}")
        return shape

    def _prepared(self, request: Request, method: Method) -> Prepared:
        self._shape(request)
        return prepare(self.shapes, Ask(method, request.collection, request.key))


def _seen(if_none_match: str, etag: str) -> bool:
    """If-None-Match (RFC 9110) compares weakly."""
    words = [word.strip().removeprefix("W/").strip('"') for word in if_none_match.split(",")]
    return if_none_match.strip() == "*" or etag in words
