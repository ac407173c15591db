"""The parts of the OpenAPI document that are the same whatever the kinds are: problems, headers, parameters, schemas.

Invariant: plain values, never changed by who uses them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from orgform import __version__
from orgform.server.problems import MEDIA_TYPE
from orgform.server.requests import DEFAULT_PAGE, LARGEST_BATCH, LARGEST_PAGE

Json = dict[str, Any]

AUDIT = "read_audit_events"
JSON = "application/json"
_MOMENT: Json = {"type": "string", "format": "date-time"}
EXAMPLE_TIMES: Json = {
    "id": "0f3b6a4c9d2e81570a1b",
    "etag": "0f3b6a4c9d2e81570a1b.1",
    "created_at": "2026-11-20T14:02:00.000Z",
    "updated_at": "2026-11-20T14:02:00.000Z",
}
_EVENT_EXAMPLE: Json = {
    "id": 7,
    "time": "2026-11-20T14:02:00.000Z",
    "actor": "ci@acme.com",
    "token": "k3v9x1c7q2mz",
    "client": "orgform/0.1.0",
    "action": "update",
    "address": "member/alice@acme.com",
    "before": {"name": "Alice Ng", "role": "admin"},
    "after": {"name": "Alice Ng", "role": "owner"},
}

INFO: Json = {
    "title": "orgform admin API",
    "version": __version__,
    "summary": "A directory of companies: their members, workspaces, roles, domains and feature flags.",
    "description": (
        "Every request is about the company of its bearer token. Resources live in collections, are found by their natural key, and "
        "hold `attributes` (what people set) and `observed` (what the server sees).\n\n"
        "- A key of two parts (a workspace's own things) is written with a plain `/`, in paths and in bodies. Every part is "
        "percent-encoded on its own in a path.\n"
        "- Changes are merge patches. `If-Match` with the ETag that was read makes sure that nobody else changed it meanwhile.\n"
        "- With an `Idempotency-Key` a request that is sent again gets the first one's answer, and is done once.\n"
        "- Errors are problems (RFC 9457) with a stable `code`; `errors` points into the body by JSON pointers.\n"
        "- Every path answers HEAD where it answers GET, and OPTIONS with `Allow`; another method is 405. Unknown paths are 404.\n"
        "- Every answer carries `X-Request-Id`, which the server's log has too."
    ),
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
TAGS: list[Json] = [
    {"name": "server", "description": "The server itself, and who asks."},
    {"name": "batch", "description": "Many changes in one request."},
    {"name": "audit", "description": "Who changed what, when, and through which client."},
]
SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "orgform_ID_SECRET",
        "description": "A token of `orgform token create`. It belongs to one company, and its scope is read or write.",
    }
}
HEADERS: Json = {
    "etag": {
        "description": 'Changes with every change. For `If-Match` and `If-None-Match`, in its quotes (`"..."`).',
        "schema": {"type": "string", "pattern": '^"[^"]+"$'},
        "required": True,
    },
    "location": {
        "description": "Path of the new resource.",
        "schema": {"type": "string", "format": "uri-reference", "pattern": "^/v1/"},
        "required": True,
    },
    "request_id": {
        "description": "Name of the request in the server's log: the one that was sent, or a new one.",
        "schema": {"type": "string", "minLength": 1},
    },
    "retry_after": {
        "description": "Seconds to wait before it is worth trying again.",
        "schema": {"type": "integer", "minimum": 0},
        "required": True,
    },
    "www_authenticate": {
        "description": "How to identify (RFC 6750).",
        "schema": {"type": "string", "pattern": "^Bearer"},
        "required": True,
    },
    "accept_patch": {"description": "Types that are taken.", "schema": {"type": "string"}, "required": True},
}
ALWAYS: Json = {"X-Request-Id": {"$ref": "#/components/headers/request_id"}}


def ref(section: str, name: str) -> Json:
    return {"$ref": f"#/components/{section}/{name}"}


def parameter(place: str, name: str, schema: Json, description: str, *, required: bool = False) -> Json:
    made: Json = {"name": name, "in": place, "description": description, "schema": schema}
    return made | ({"required": True} if required else {})


def said(description: str, schema: Json, *, headers: Json | None = None, links: Json | None = None, media: str = JSON) -> Json:
    """A response with a body."""
    made: Json = {"description": description, "headers": {**(headers or {}), **ALWAYS}, "content": {media: {"schema": schema}}}
    return made | ({"links": links} if links else {})


def problem(*statuses: int) -> Json:
    """Responses that are problems, by status."""
    return {str(status): ref("responses", _response_name(status)) for status in statuses}


def _response_name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


PARAMETERS: Json = {
    "limit": parameter(
        "query",
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": DEFAULT_PAGE},
        "How many a page holds at most.",
    ),
    "cursor": parameter(
        "query",
        "cursor",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "`next` of the page before, as it was answered; leave it out for the first page.",
    ),
    "if_match": parameter(
        "header", "If-Match", {"type": "string"}, "ETags, one of which it must have now, or `*`: it must exist. Otherwise 412."
    ),
    "if_none_match": parameter("header", "If-None-Match", {"type": "string"}, "ETags that the client has: 304 where one still holds."),
    "idempotency_key": parameter(
        "header",
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "A name of the client's own for this request. Sent again with it, it gets the first one's answer; another request with it is a "
        "409. Remembered for a week.",
    ),
    "request_id": parameter("header", "X-Request-Id", {"type": "string"}, "A name for the request, for the server's log."),
}
WRITING = [ref("parameters", n) for n in ("if_match", "idempotency_key", "request_id")]

_PROBLEM: Json = {
    "type": "object",
    "description": "What is wrong, and where (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`urn:orgform:problem:CODE`."},
        "title": {"type": "string", "description": "Words of the status."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z][a-z-]*$", "description": "Stable: for programs."},
        "detail": {"type": "string", "description": "A sentence for people."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}, "description": "Every fault of the body."},
        "results": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/OperationResult"},
            "description": "Of a batch that was to be done as a whole (`batch-refused`): what became of each operation.",
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}
_FAULT: Json = {
    "type": "object",
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) into the body.", "examples": ["/attributes/role"]},
        "detail": {"type": "string", "description": "A sentence for people."},
        "code": {"type": "string", "description": "Stable: for programs."},
    },
    "required": ["pointer", "detail", "code"],
}
_OPERATION: Json = {
    "type": "object",
    "description": "One change. What is wrong with it is said in its own result.",
    "properties": {
        "method": {"enum": ["create", "update", "delete"]},
        "collection": {"type": "string", "description": "As in the paths: `members`."},
        "key": {"type": "string", "description": "Whole key of the resource.", "default": ""},
        "attributes": {
            "type": "object",
            "description": "As the collection's own create and update take them.",
            "default": {},
        },
        "new_key": {"type": "string", "description": "Renames it (update)."},
        "if_match": {"type": ["string", "null"], "description": "As the header."},
        "idempotency_key": {"type": ["string", "null"], "description": "As the header, for this operation alone."},
    },
    "required": ["method", "collection"],
    "additionalProperties": False,
}
_RESULT: Json = {
    "type": "object",
    "properties": {
        "status": {"type": "integer", "description": "As the request alone would have answered; 424: undone because another was refused."},
        "key": {"type": "string"},
        "etag": {"type": "string"},
        "id": {"type": "string"},
        "problem": {"$ref": "#/components/schemas/Problem"},
    },
    "required": ["status"],
}
_BATCH_EXAMPLE: Json = {
    "operations": [
        {"method": "create", "collection": "workspaces", "key": "brand-y-eu", "attributes": {"name": "Brand Y - EU"}},
        {"method": "update", "collection": "workspaces", "key": "brand-y-eu", "attributes": {"region": "eu"}},
        {"method": "delete", "collection": "workspaces", "key": "brand-y-eu"},
    ],
    "atomic": True,
}
_BATCH: Json = {
    "type": "object",
    "description": "Operations, done in their order.",
    "properties": {
        "operations": {"type": "array", "items": {"$ref": "#/components/schemas/Operation"}, "maxItems": LARGEST_BATCH},
        "atomic": {"type": "boolean", "default": False, "description": "All or nothing: where one is refused, none is done."},
    },
    "required": ["operations"],
    "additionalProperties": False,
    "examples": [_BATCH_EXAMPLE],
}
_EVENT: Json = {
    "type": "object",
    "description": "One change that was made.",
    "properties": {
        "id": {"type": "integer", "description": "Later events have greater ones."},
        "time": _MOMENT,
        "actor": {"type": "string", "description": "Who."},
        "token": {"type": ["string", "null"], "description": "Id of the token."},
        "client": {"type": "string", "description": "The User-Agent."},
        "action": {"type": "string", "examples": ["create", "update", "rename", "delete", "verify", "observe", "revoke", "refuse"]},
        "address": {"type": "string", "description": "`KIND/KEY`."},
        "before": {"type": ["object", "null"], "description": "Attributes before; null at creation."},
        "after": {"type": ["object", "null"], "description": "Attributes after; null when deleted."},
    },
    "required": ["id", "time", "actor", "token", "client", "action", "address", "before", "after"],
    "examples": [_EVENT_EXAMPLE],
}
_CALLER: Json = {
    "type": "object",
    "description": "Who asks, as the server sees it.",
    "properties": {
        "company": {"type": "string", "description": "The company that every request of this token is about."},
        "actor": {"type": "string", "description": "Who stands in the audit log."},
        "scope": {"enum": ["read", "write"]},
        "token": {"type": ["string", "null"], "description": "Id of the token."},
        "member": {"type": ["string", "null"], "description": "Key of the member that the token belongs to."},
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
    },
    "required": ["company", "actor", "scope", "token", "member", "expires_at"],
    "examples": [
        {"company": "acme", "actor": "ci@acme.com", "scope": "write", "token": "k3v9x1c7q2mz", "member": None, "expires_at": None}
    ],
}
_VERIFY: Json = {
    "type": "object",
    "properties": {"restart": {"type": "boolean", "default": False, "description": "Begin again: another record, and its time anew."}},
    "additionalProperties": False,
    "examples": [{"restart": False}],
}


def resource(key: Json, attributes: Json, observed: Json, example: Json | None) -> Json:
    made: Json = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "Stays when it is renamed; never used again."},
            "key": key,
            "attributes": attributes,
            "observed": observed,
            "etag": {"type": "string", "description": "As the header, without its quotes."},
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
        },
        "required": ["id", "key", "attributes", "observed", "etag", "created_at", "updated_at"],
        "additionalProperties": False,
    }
    return made | ({"examples": [example]} if example else {})


def page(item: Json, examples: list[Json], *, counted: bool = True) -> Json:
    total = {"total": {"type": "integer", "minimum": 0, "description": "How many there are in all."}} if counted else {}
    made: Json = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {"type": ["string", "null"], "description": "Cursor of the next page; null on the last one."},
            **total,
        },
        "required": ["items", "next", *total],
        "additionalProperties": False,
    }
    shown = {"items": examples, "next": None} | ({"total": len(examples)} if counted else {})
    return made | ({"examples": [shown]} if examples else {})


SCHEMAS: Json = {
    "Problem": _PROBLEM,
    "Fault": _FAULT,
    "Operation": _OPERATION,
    "OperationResult": _RESULT,
    "BatchRequest": _BATCH,
    "BatchAnswer": {
        "type": "object",
        "properties": {"results": {"type": "array", "items": ref("schemas", "OperationResult"), "description": "In the same order."}},
        "required": ["results"],
        "examples": [{"results": [{"status": 201, "key": "brand-y-eu", "id": "0f3b6a4c9d2e81570a1b", "etag": "0f3b6a4c9d2e81570a1b.1"}]}],
    },
    "AuditEvent": _EVENT,
    "AuditEvents": page(ref("schemas", "AuditEvent"), [_EVENT_EXAMPLE], counted=False),
    "Caller": _CALLER,
    "VerifyRequest": _VERIFY,
}

#: status -> what it means, code and detail of an example, what stands besides in the example, headers
_REFUSALS: dict[int, tuple[str, str, str, Json, tuple[str, ...]]] = {
    400: (
        "The request cannot be read: JSON that is malformed, a query parameter or a header that cannot be.",
        "json",
        "the body is not JSON: JSON is malformed: expected ':' (byte 6)",
        {},
        (),
    ),
    401: ("There is no token, or none that is good now.", "wrong-token", "this token is not known here", {}, ("www_authenticate",)),
    403: (
        "The token may read only.",
        "scope",
        "this token may read only; POST needs one with the scope write",
        {},
        (),
    ),
    404: ("There is no such resource.", "not-found", "member/erin@acme.com does not exist", {}, ()),
    409: (
        "It cannot be, as things are: it exists already, something else names it, it is the last admin, or an idempotency key was used "
        "for another request.",
        "referenced",
        "member/alice@acme.com is named by group/support (members)",
        {},
        (),
    ),
    412: (
        "`If-Match` does not hold: it was changed meanwhile.",
        "precondition-failed",
        "member/alice@acme.com was changed meanwhile",
        {},
        (),
    ),
    413: ("The body is too large, or a batch holds too many operations.", "body-too-large", "a body has at most 16777216 bytes", {}, ()),
    415: (
        "The body is of a type, or comes in a Content-Encoding, that is not taken.",
        "media-type",
        "the body is to be application/json, not text/plain",
        {},
        ("accept_patch",),
    ),
    422: (
        "The body is JSON and cannot be taken: a wrong type, a wrong value, or the name of something that is not there. `errors` says "
        "where.",
        "no-such-reference",
        "role/boss does not exist",
        {"errors": [{"pointer": "/attributes/role", "detail": "role/boss does not exist", "code": "no-such-reference"}]},
        (),
    ),
    429: (
        "Too many requests of this token in this minute, or too much at once of what the server does for others.",
        "rate-limited",
        "this token may make 600 requests a minute; wait 12 s",
        {},
        ("retry_after",),
    ),
    500: (
        "The server itself failed; its log says how. With the code `storage-lost` it is not known whether the request was done: send it "
        "again with the same `Idempotency-Key`. Otherwise nothing was done.",
        "internal",
        "the server failed; its log says how",
        {},
        (),
    ),
    503: (
        "The server cannot do this just now: its database is busy, or it is stopping. Nothing was done.",
        "busy",
        "the server's database cannot be had just now; try again",
        {},
        ("retry_after",),
    ),
}
_HEADER_NAMES = {"www_authenticate": "WWW-Authenticate", "retry_after": "Retry-After", "accept_patch": "Accept-Patch"}


def _refusal(status: int) -> Json:
    description, code, detail, more, headers = _REFUSALS[status]
    title = HTTPStatus(status).phrase
    example = {"type": f"urn:orgform:problem:{code}", "title": title, "status": status, "code": code, "detail": detail, **more}
    made = said(description, ref("schemas", "Problem"), headers={_HEADER_NAMES[h]: ref("headers", h) for h in headers}, media=MEDIA_TYPE)
    made["content"][MEDIA_TYPE]["examples"] = {code: {"summary": description, "value": example}}
    return made


RESPONSES: Json = {_response_name(status): _refusal(status) for status in _REFUSALS}
