"""The OpenAPI 3.1 document of the admin API, made from the kinds: every path, what it takes, what it answers, with examples.

Invariant: equal kinds give equal bytes. The document is complete: what the server answers is in it, every error included (a run of
schemathesis over a real server holds the two together). Nothing here knows a kind by name.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from orgform.codec import encode
from orgform.kinds import Kind, Kinds
from orgform.server import openapi_common as common
from orgform.server import openapi_paths
from orgform.server.answers import JSON, Answer
from orgform.server.openapi_common import Json, parameter, problem, ref, said
from orgform.server.reading import seen
from orgform.server.requests import Request, query_of
from orgform.server.schemas import KindSchemas

PATH = "/openapi.json"
MERGE_PATCH = "application/merge-patch+json"


class Description:
    """Serves the document. It is made on first use, once, and has an ETag."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._made: tuple[bytes, str] | None = None

    def answer(self, request: Request) -> Answer:
        query_of(request)
        body, etag = self._document()
        headers = {"etag": f'"{etag}"'}
        if request.if_none_match is not None and seen(request.if_none_match, etag):
            return Answer(304, headers=headers)
        return Answer(200, body, headers)

    def _document(self) -> tuple[bytes, str]:
        with self._lock:
            if self._made is None:
                body = encode(document(self._kinds))
                self._made = body, hashlib.sha256(body).hexdigest()[:32]
            return self._made


def document(kinds: Kinds) -> Json:
    """The document as plain values."""
    described = [_Collection(kind, kinds) for kind in sorted(kinds.values(), key=lambda k: k.api)]
    paths: Json = {}
    schemas = dict(common.SCHEMAS)
    for collection in described:
        paths |= collection.paths()
        schemas |= collection.schemas()
    return {
        "openapi": "3.1.0",
        "info": common.INFO,
        "servers": [{"url": "/", "description": "The server that this document comes from."}],
        "security": [{"bearer": []}],
        "tags": [*common.TAGS, *(c.tag() for c in described)],
        "paths": {**openapi_paths.paths(), **paths},
        "components": {
            "schemas": schemas,
            "parameters": common.PARAMETERS,
            "headers": common.HEADERS,
            "responses": common.RESPONSES,
            "securitySchemes": common.SECURITY,
        },
    }


class _Collection:
    """Everything about the collection of one kind."""

    def __init__(self, kind: Kind, kinds: Kinds) -> None:
        self.kind = kind
        self.of = KindSchemas(kind, kinds)
        self.name = "".join(word.capitalize() for word in kind.name.replace("-", "_").split("_"))
        self.path = f"/v1/{kind.api}"
        self.title = self.of.title
        self.lone = not self.of.parts

    def tag(self) -> Json:
        return {"name": self.kind.name, "description": self.kind.description}

    def _schema(self, suffix: str) -> Json:
        return ref("schemas", self.name + suffix)

    # Schemas

    def schemas(self) -> Json:
        named = {
            "Key": self.of.key(),
            "Attributes": self.of.stored(),
            "NewAttributes": self.of.new(),
            "PatchAttributes": self.of.patch(),
            "Observed": self.of.observed(),
            "New": self._new(),
            "Patch": self._patch(),
            "Resource": common.resource(self._schema("Key"), self._schema("Attributes"), self._schema("Observed"), self.example()),
            "Page": common.page(self._schema("Resource"), [e] if (e := self.example()) else []),
        }
        return {self.name + suffix: schema for suffix, schema in named.items()}

    def _new(self) -> Json:
        needs_attributes = bool(self.kind.required)
        made: Json = {
            "type": "object",
            "description": f"A {self.title} to be created.",
            "properties": {"key": self._schema("Key"), "attributes": self._schema("NewAttributes")},
            "required": [*(() if self.lone else ("key",)), *(("attributes",) if needs_attributes else ())],
            "additionalProperties": False,
        }
        return made | self._examples([{"key": k, "attributes": a} for k, a in self._pairs()])

    def _patch(self) -> Json:
        made: Json = {
            "type": "object",
            "description": f"What is to change of a {self.title}. `key` renames it"
            + (", and what names it follows." if self._renamable else "; its key is not its own, so only the present one is taken."),
            "properties": {"key": self._schema("Key"), "attributes": self._schema("PatchAttributes")},
            "additionalProperties": False,
        }
        return made | self._examples([{"attributes": a} for a in self.of.patch_examples])

    @staticmethod
    def _examples(values: list[Json]) -> Json:
        return {"examples": values} if values else {}

    @property
    def _renamable(self) -> bool:
        return self.kind.key is not None and not self.kind.key.references

    def _pairs(self) -> list[tuple[str, Json]]:
        """Examples of keys and attributes, as many as there are of both."""
        return list(zip(self.of.key_examples, self.of.examples, strict=False))

    def example(self) -> Json | None:
        """A resource as it is answered."""
        pairs = self._pairs()
        if not pairs:
            return None
        key, attributes = pairs[0]
        kept = {n: v for n, v in attributes.items() if n not in self.kind.sensitive}
        observed = {n: p["enum"][0] for n, p in self.kind.properties.items() if p.get("x-observed") and p.get("enum")}
        return {"key": key, "attributes": {**self.kind.defaults, **kept}, "observed": observed, **common.EXAMPLE_TIMES}

    # Paths

    def paths(self) -> Json:
        made = {
            self.path: {"get": self._list(), "post": self._create()},
            self.single: {"parameters": self._key_parameters(), **self._single_operations()},
        }
        if self.kind.verification:
            made[f"{self.single}/verify"] = {"parameters": self._key_parameters(), "post": self._verify()}
        return made

    @property
    def single(self) -> str:
        if self.lone:
            return f"{self.path}/{self.kind.name}"
        return self.path + "".join(f"/{{{name}}}" for name in self.of.parts)

    def _key_parameters(self) -> list[Json]:
        """One for each part: in a path the parts of a key are separated by a plain `/`, which never stands inside a part."""
        examples = self.of.key_examples[:1]
        parts = examples[0].split("/") if examples else []
        found = []
        for i, (name, schema) in enumerate(self.of.parts.items()):
            made = parameter("path", name, schema, schema.get("description", ""), required=True)
            found.append(made | ({"example": parts[i]} if parts else {}))
        return found

    def _operation(self, verb: str, what: str, summary: str, responses: Json, **more: Any) -> Json:
        return {
            "operationId": f"{verb}_{what}".replace("-", "_"),
            "tags": [self.kind.name],
            "summary": summary,
            "responses": responses,
            **more,
        }

    def _list(self) -> Json:
        links = {"next_page": self._link("list", self.kind.api, "The page after this one, unless `next` is null.", {"cursor": "next"})}
        if len(self.of.parts) == 1:
            links["first"] = self._link("get", self.kind.name, "The first resource of the page.", self._by_body("/items/0/key"))
        answer = said("A page of the collection, in the order of the keys.", self._schema("Page"), links=links)
        return self._operation(
            "list",
            self.kind.api,
            f"List the collection {self.kind.api}",
            {"200": answer, **problem(400, 401, 429, 500, 503)},
            description=f"{self.kind.description} `total` counts the whole collection.",
            parameters=[ref("parameters", "limit"), ref("parameters", "cursor"), ref("parameters", "request_id")],
        )

    def _create(self) -> Json:
        headers = {"ETag": ref("headers", "etag"), "Location": ref("headers", "location")}
        answer = said("It is created.", self._schema("Resource"), headers=headers, links=self._links_of_created())
        note = f" {self.kind.cost_bearing.capitalize()}: this costs money." if self.kind.cost_bearing else ""
        return self._operation(
            "create",
            self.kind.name,
            f"Create a {self.title}",
            {"201": answer, **problem(400, 401, 403, 409, 413, 415, 422, 429, 500, 503)},
            description=self.kind.description + note,
            parameters=[ref("parameters", "idempotency_key"), ref("parameters", "request_id")],
            requestBody={"required": True, "content": {JSON: {"schema": self._schema("New")}}},
        )

    def _single_operations(self) -> Json:
        return {"get": self._get(), "patch": self._update(), "delete": self._delete()}

    def _get(self) -> Json:
        answer = said("The resource.", self._schema("Resource"), headers={"ETag": ref("headers", "etag")}, links=self._links_of_read())
        same = {"description": "It is still what `If-None-Match` names.", "headers": {"ETag": ref("headers", "etag"), **common.ALWAYS}}
        return self._operation(
            "get",
            self.kind.name,
            f"Read a {self.title}",
            {"200": answer, "304": same, **problem(400, 401, 404, 429, 500, 503)},
            parameters=[ref("parameters", "if_none_match"), ref("parameters", "request_id")],
        )

    def _update(self) -> Json:
        answer = said("The resource as it is now.", self._schema("Resource"), headers={"ETag": ref("headers", "etag")})
        return self._operation(
            "update",
            self.kind.name,
            f"Change a {self.title}",
            {"200": answer, **problem(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)},
            description="A merge patch (RFC 7396) of the attributes: what is not written stays, null takes away. " + self._immutable(),
            parameters=common.WRITING,
            requestBody={"required": True, "content": {t: {"schema": self._schema("Patch")} for t in (MERGE_PATCH, JSON)}},
        )

    def _immutable(self) -> str:
        names = ", ".join(f"`{n}`" for n in self.kind.immutable)
        return f"Cannot be changed once set: {names}." if names else ""

    def _delete(self) -> Json:
        lost = f" Lost with it for good: {self.kind.irreversible}." if self.kind.irreversible else ""
        gone = {"description": "It is gone, with all that belonged to it.", "headers": dict(common.ALWAYS)}
        return self._operation(
            "delete",
            self.kind.name,
            f"Delete a {self.title}",
            {"204": gone, **problem(400, 401, 403, 404, 409, 412, 413, 415, 429, 500, 503)},
            description="What belongs to it goes too; what else names it must be changed first (409)." + lost,
            parameters=common.WRITING,
        )

    def _verify(self) -> Json:
        answer = said(
            "The resource, with what was found.",
            self._schema("Resource"),
            headers={"ETag": ref("headers", "etag")},
            links=self._links_of_read(),
        )
        return self._operation(
            "verify",
            self.kind.name,
            f"Prove that a {self.title} is the company's own",
            {"200": answer, **problem(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)},
            description="Looks for the record that `observed.challenge` asks for, and sets `observed` by what is found. That no record "
            "is there yet is no error: the answer is the resource, and its challenge says what was found.",
            parameters=common.WRITING,
            requestBody={"required": False, "content": {JSON: {"schema": ref("schemas", "VerifyRequest")}}},
        )

    # Links

    def _link(self, verb: str, what: str, description: str, parameters: dict[str, str], **more: Any) -> Json:
        values = {n: v if v.startswith("$") or "{" in v else f"$response.body#/{v.lstrip('/')}" for n, v in parameters.items()}
        return {"operationId": f"{verb}_{what}".replace("-", "_"), "description": description, "parameters": values, **more}

    def _by_body(self, pointer: str) -> dict[str, str]:
        """The one parameter of the path, from the body. A key of two parts cannot be taken apart by a link."""
        return dict.fromkeys(self.of.parts, f"$response.body#{pointer}")

    def _by_path(self) -> dict[str, str]:
        return {name: f"$request.path.{name}" for name in self.of.parts}

    def _links_of_created(self) -> Json:
        events = {"audit": self._audit("$response.body#/key")}
        return events | (self._links(self._by_body("/key")) if len(self.of.parts) < 2 else {})

    def _links_of_read(self) -> Json:
        return self._links(self._by_path()) | {"audit": self._audit("$response.body#/key")}

    def _links(self, key: dict[str, str]) -> Json:
        held = {**key, "header.If-Match": "$response.header.ETag"}
        made = {
            "get": self._link("get", self.kind.name, "Read it again.", key),
            "update": self._link("update", self.kind.name, "Change it, unless somebody else did meanwhile.", held),
            "delete": self._link("delete", self.kind.name, "Delete it, unless somebody else changed it meanwhile.", held),
        }
        if self.kind.verification:
            made["verify"] = self._link("verify", self.kind.name, "Ask for the proof.", key)
        return made

    def _audit(self, key: str) -> Json:
        address = f"{self.kind.name}/{{{key}}}"
        return {
            "operationId": common.AUDIT,
            "description": "Who did what to it.",
            "parameters": {"address": address},
        }
