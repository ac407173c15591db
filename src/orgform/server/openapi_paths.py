"""The paths of the OpenAPI document that belong to no collection.

Invariant: plain values, never changed by who uses them.
"""

from __future__ import annotations

from typing import Any

from orgform.server.openapi_common import ALWAYS, AUDIT, JSON, Json, parameter, problem, ref, said
from orgform.server.problems import MEDIA_TYPE
from orgform.server.requests import LARGEST_BATCH

_WHEN: Json = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}], "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"}


def paths() -> Json:
    """The paths that belong to no collection."""
    return {
        "/v1/whoami": {"get": _whoami()},
        "/v1/batch": {"post": _batch()},
        "/v1/audit-events": {"get": _audit()},
        "/healthz": {"get": _public("read_healthz", "Does the process live", _status("ok"))},
        "/readyz": {"get": _public("read_readyz", "Can it serve", _status("ready"), 503)},
        "/metrics": {"get": _public("read_metrics", "What it has counted", _METRICS)},
        "/openapi.json": {"get": _openapi()},
    }


def _operation(id: str, tag: str, summary: str, responses: Json, **more: Any) -> Json:
    return {"operationId": id, "tags": [tag], "summary": summary, "responses": responses, **more}


def _whoami() -> Json:
    return _operation(
        "read_whoami",
        "server",
        "Who asks",
        {"200": said("The token's own words.", ref("schemas", "Caller")), **problem(400, 401, 429, 500, 503)},
        parameters=[ref("parameters", "request_id")],
    )


def _batch() -> Json:
    refused = said("Of `atomic: true`: the status of the first operation that was refused.", ref("schemas", "Problem"), media=MEDIA_TYPE)
    answer = said("Each operation's own result, in their order: look at every `status`.", ref("schemas", "BatchAnswer"))
    return _operation(
        "write_batch",
        "batch",
        "Many changes in one request",
        {"200": answer, **problem(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)},
        description="Item by item: what one operation cannot do keeps no other from being done, and the answer is 200 with a result "
        f"for each. With `atomic: true` all or nothing. At most {LARGEST_BATCH} operations. {refused['description']}",
        parameters=[ref("parameters", "idempotency_key"), ref("parameters", "request_id")],
        requestBody={"required": True, "content": {JSON: {"schema": ref("schemas", "BatchRequest")}}},
    )


def _audit() -> Json:
    filters = {
        "address": ({"type": "string", "pattern": "/"}, "Of this resource (`member/alice@acme.com`), also when it is gone."),
        "actor": ({"type": "string"}, "By this actor."),
        "token": ({"type": "string"}, "Made with the token of this id."),
        "since": (_WHEN, "From this day or moment on (ISO 8601; UTC where no zone is written)."),
        "until": (_WHEN, "Until this day or moment."),
    }
    following = {
        "operationId": AUDIT,
        "description": "The page after this one, unless `next` is null.",
        "parameters": {"cursor": "$response.body#/next", **{name: f"$request.query.{name}" for name in filters}},
    }
    answer = said("Events, the newest first.", ref("schemas", "AuditEvents"), links={"next_page": following})
    return _operation(
        AUDIT,
        "audit",
        "Who changed what",
        {"200": answer, **problem(400, 401, 429, 500, 503)},
        description="Every change, kept when the resource is gone. The filters hold together.",
        parameters=[
            *(parameter("query", name, schema, description) for name, (schema, description) in filters.items()),
            *(ref("parameters", name) for name in ("limit", "cursor", "request_id")),
        ],
    )


_METRICS = said("Counters in Prometheus's text form.", {"type": "string"}, media="text/plain")


def _status(word: str) -> Json:
    schema = {"type": "object", "properties": {"status": {"const": word}}, "required": ["status"], "examples": [{"status": word}]}
    return said("It does.", schema)


def _public(id: str, summary: str, answer: Json, *refusals: int) -> Json:
    """What nobody needs a token for."""
    return _operation(
        id, "server", summary, {"200": answer, **problem(*refusals)}, security=[], parameters=[ref("parameters", "request_id")]
    )


def _openapi() -> Json:
    headers = {"ETag": ref("headers", "etag")}
    return _operation(
        "read_openapi",
        "server",
        "This document",
        {
            "200": said("OpenAPI 3.1.", {"type": "object"}, headers=headers),
            "304": {"description": "It is still what `If-None-Match` names.", "headers": {**headers, **ALWAYS}},
            **problem(400, 500),
        },
        security=[],
        parameters=[ref("parameters", "if_none_match"), ref("parameters", "request_id")],
    )
