"""What is read: pages of a collection, one resource, the audit log.

Invariant: reading changes nothing, and every answer shows one state of the directory throughout.
"""

from __future__ import annotations

from orgform.codec import encode, replace
from orgform.kinds import Kinds
from orgform.server import answers
from orgform.server.answers import Answer
from orgform.server.operations import Ask, Method, Prepared, prepare
from orgform.server.problems import Problem, bad_request, not_found
from orgform.server.requests import Request, is_number, limit_of, moment_of, query_of
from orgform.server.shape import KindShape, Shapes
from orgform.server.store import AuditFilter, Store

FILTERS = ("address", "actor", "token", "since", "until")


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
        if request.if_none_match is not None and seen(request.if_none_match, row.etag):
            return Answer(304, headers=headers)
        return Answer(200, answers.resource(prepared.address.partition("/")[2], row).encode(), headers)

    def list_audit_events(self, request: Request) -> Answer:
        query = query_of(request, *FILTERS, "limit", "cursor")
        limit = limit_of(query)
        wanted = self._audit_filter(query)
        name = "audit-events?" + encode([getattr(wanted, n) for n in FILTERS]).decode()
        below = answers.cursor_at(name, query["cursor"]) if "cursor" in query else None
        if below is not None and not is_number(below, 18):
            raise bad_request("cursor", "this cursor was not given by this server; begin again without one")
        found = self.store.audit(request.caller.company, replace(wanted, below=int(below) if below else None), limit)
        return answers.audit_page(name, list(found), limit)

    def _audit_filter(self, query: dict[str, str]) -> AuditFilter:
        since, until = moment_of(query, "since"), moment_of(query, "until")
        if since and until and since > until:
            raise bad_request("since", f"since ({since}) is after until ({until}), so nothing can be between them")
        address = self._address_as_stored(query["address"]) if "address" in query else None
        return AuditFilter(address, query.get("actor"), since, None, query.get("token"), until)

    def _address_as_stored(self, address: str) -> str:
        """Written like the events' own. What cannot be an address today may have been one under another version's kinds."""
        kind, slash, key = address.partition("/")
        if not slash:
            raise bad_request("address", f"an address is a kind and a key, member/dana@acme.com, not {address!r}")
        shape = self.shapes.of.get(kind)
        try:
            return shape.address(key) if shape else address
        except Problem:
            return address

    def _shape(self, request: Request) -> KindShape:
        shape = self.shapes.by_api.get(request.collection)
        if shape is None:
            raise Problem(404, "no-such-collection", f"there is no collection {request.collection!r}")
        return shape

    def _prepared(self, request: Request, method: Method) -> Prepared:
        self._shape(request)
        return prepare(self.shapes, Ask(method, request.collection, request.key))


def seen(if_none_match: str, etag: str) -> bool:
    """If-None-Match (RFC 9110) compares weakly."""
    words = [word.strip().removeprefix("W/").strip('"') for word in if_none_match.split(",")]
    return if_none_match.strip() == "*" or etag in words
