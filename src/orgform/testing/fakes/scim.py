"""A SCIM 2.0 server that holds its state, and the ways in which real ones are otherwise.

    with Scim(Quirks(patch=False, page=2)).running() as fake:
        fake.user("alice@acme.com", displayName="Alice Ng")
        provider = open_provider(url=fake.url)

Invariant: without quirks it is a conforming server: `scim2-tester` finds nothing wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from orgform.codec import Struct, decode, encode, replace
from orgform.testing.fakes.scim_patch import BadPatch, patched
from orgform.testing.fakes.scim_schemas import ATTRIBUTES, GROUP, USER, resource_types, schemas
from orgform.testing.platform import Call, FakePlatform, Told, route

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
_TERM = re.compile(r'([\w.:]+) eq ("(?:[^"\\]|\\.)*"|true|false)', re.IGNORECASE)
_READ_ONLY = frozenset({"id", "meta", "groups"})

Resource = dict[str, Any]


class Quirks(Struct, frozen=True):
    """`discovery`: what it says of itself is to be had. `index`: pages by number are; without it and without `cursor` only the first is.
    `page`: resources a page holds. `hides_members`: answers never have them. `most_members`: an answer shows no more, and a PATCH of a
    larger group drops the rest. `capital_ops`: PATCH takes `Add`, `Replace`, `Remove` only. `keeps_active`: takes `active: false`, and does
    nothing. `ignores_filter`: filters are taken, and all is listed. `query`: what every request must have in its query string.
    `ignores_start`: every page is the first. `forgets`: ids that lists leave out though the total counts them. `media`: content type of
    answers. `announced_totals`: lists by cursor have a total.
    """

    discovery: bool = True
    patch: bool = True
    bulk: bool = True
    filter: bool = True
    etag: bool = True
    groups: bool = True
    cursor: bool = False
    index: bool = True
    page: int = 100
    operations: int = 1000
    payload: int = 1_048_576
    hides_members: bool = False
    most_members: int = 0
    capital_ops: bool = False
    keeps_active: bool = False
    ignores_filter: bool = False
    ignores_start: bool = False
    forgets: frozenset[str] = frozenset()
    query: Mapping[str, str] = {}
    media: str = "application/scim+json"
    token: str = ""
    announced_totals: bool = True


class Scim(FakePlatform):
    base_path = "/scim/v2"
    content_type = "application/scim+json"

    def __init__(self, quirks: Quirks | None = None) -> None:
        super().__init__()
        self.quirks = quirks or Quirks()
        self.users: dict[str, Resource] = {}
        self.groups: dict[str, Resource] = {}
        self._versions: dict[str, int] = {}
        self._made = 0

    # For tests

    def user(self, name: str, /, **attributes: Any) -> str:
        """Its id."""
        return self._make(self.users, USER, {"userName": name, "active": True, **attributes})

    def group(self, name: str, /, *members: str, **attributes: Any) -> str:
        """Its id. `members`: ids."""
        return self._make(self.groups, GROUP, {"displayName": name, "members": [{"value": m} for m in members], **attributes})

    def members(self, name: str) -> list[str]:
        """`userName` of who is in a group, sorted."""
        group = next(g for g in self.groups.values() if g["displayName"] == name)
        return sorted(self.users[m["value"]]["userName"] for m in group.get("members", []) if m["value"] in self.users)

    # What every call goes through

    def unauthorized(self, call: Call) -> Told | None:
        if self.quirks.token and call.headers.get("authorization") != f"Bearer {self.quirks.token}":
            return _error(401, "the token is not known here")
        if any(call.first(name) != value for name, value in self.quirks.query.items()):
            return _error(404, "no such tenant")
        return None

    def missing(self, call: Call) -> Told:
        known = re.fullmatch(r"/(ServiceProviderConfig|(ResourceTypes|Schemas)(/[^/]+)?)", call.path.removeprefix(self.base_path))
        if known and call.method != "GET":
            return _error(405, "only GET is possible here")
        return _error(404, f"there is nothing at {call.path}")

    def answer(self, call: Call) -> Told:
        told = super().answer(call)
        return told if told.body is None else replace(told, headers={"content-type": self.quirks.media, **told.headers})

    # What it says of itself

    @route("GET", "/ServiceProviderConfig")
    def config(self, call: Call) -> Told:
        if not self.quirks.discovery:
            return self.missing(call)
        q = self.quirks
        said: Resource = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": q.patch},
            "bulk": {"supported": q.bulk, "maxOperations": q.operations, "maxPayloadSize": q.payload},
            "filter": {"supported": q.filter, "maxResults": q.page},
            "changePassword": {"supported": False},
            "sort": {"supported": False},
            "etag": {"supported": q.etag},
            "authenticationSchemes": [{"type": "oauthbearertoken", "name": "Bearer", "description": "A bearer token"}],
            "meta": {"resourceType": "ServiceProviderConfig", "location": f"{self.url}/ServiceProviderConfig"},
        }
        return Told(200, {**said, "pagination": {"cursor": True, "index": q.index}} if q.cursor else said)

    @route("GET", "/ResourceTypes")
    def types(self, call: Call) -> Told:
        return self._described(call, resource_types(self.url, self.quirks.groups))

    @route("GET", "/ResourceTypes/{id}")
    def type_(self, call: Call) -> Told:
        return self._described(call, resource_types(self.url, self.quirks.groups), call.params["id"])

    @route("GET", "/Schemas")
    def schemas(self, call: Call) -> Told:
        return self._described(call, schemas(self.url, self.quirks.groups))

    @route("GET", "/Schemas/{id}")
    def schema(self, call: Call) -> Told:
        return self._described(call, schemas(self.url, self.quirks.groups), call.params["id"])

    def _described(self, call: Call, known: list[Resource], id: str = "") -> Told:
        found = [k for k in known if not id or k["id"] == id]
        if not self.quirks.discovery or not found:
            return self.missing(call)
        if "filter" in call.query:
            return _error(403, "these cannot be filtered")
        return Told(200, found[0]) if id else Told(200, _list(found, len(found), startIndex=1))

    # Users and groups

    @route("GET", "/Users")
    def list_users(self, call: Call) -> Told:
        return self._listed(call, self.users)

    @route("GET", "/Groups")
    def list_groups(self, call: Call) -> Told:
        return self._listed(call, self.groups) if self.quirks.groups else self.missing(call)

    @route("GET", "/Users/{id}")
    def get_user(self, call: Call) -> Told:
        return self._one(call, self.users, lambda r: Told(200, self._selected(call, r), self._headers(r)))

    @route("GET", "/Groups/{id}")
    def get_group(self, call: Call) -> Told:
        return self._one(call, self.groups, lambda r: Told(200, self._selected(call, r), self._headers(r)))

    @route("POST", "/Users")
    def create_user(self, call: Call) -> Told:
        return self._created(call, self.users, USER)

    @route("POST", "/Groups")
    def create_group(self, call: Call) -> Told:
        return self._created(call, self.groups, GROUP) if self.quirks.groups else self.missing(call)

    @route("PUT", "/Users/{id}")
    def put_user(self, call: Call) -> Told:
        return self._one(call, self.users, lambda r: self._replaced(call, self.users, USER, r, _clean(call.body)))

    @route("PUT", "/Groups/{id}")
    def put_group(self, call: Call) -> Told:
        return self._one(call, self.groups, lambda r: self._replaced(call, self.groups, GROUP, r, _clean(call.body)))

    @route("PATCH", "/Users/{id}")
    def patch_user(self, call: Call) -> Told:
        return self._one(call, self.users, lambda r: self._patched(call, self.users, USER, r))

    @route("PATCH", "/Groups/{id}")
    def patch_group(self, call: Call) -> Told:
        return self._one(call, self.groups, lambda r: self._patched(call, self.groups, GROUP, r))

    @route("DELETE", "/Users/{id}")
    def delete_user(self, call: Call) -> Told:
        return self._one(call, self.users, lambda r: self._deleted(call, self.users, r))

    @route("DELETE", "/Groups/{id}")
    def delete_group(self, call: Call) -> Told:
        return self._one(call, self.groups, lambda r: self._deleted(call, self.groups, r))

    @route("POST", "/.search")
    def search(self, call: Call) -> Told:
        return self._listed(_as_query(call), {**self.users, **self.groups})

    @route("POST", "/Bulk")
    def bulk(self, call: Call) -> Told:
        operations = call.body.get("Operations") if isinstance(call.body, dict) else None
        if not self.quirks.bulk:
            return _error(501, "there is no bulk here")
        if not isinstance(operations, list):
            return _error(400, "a bulk request has Operations", "invalidSyntax")
        if len(operations) > self.quirks.operations or len(encode(call.body)) > self.quirks.payload:
            return _error(413, f"at most {self.quirks.operations} operations and {self.quirks.payload} bytes")
        return Told(200, {"schemas": [BULK], "Operations": [self._bulk_one(call, o) for o in operations]})

    def _bulk_one(self, call: Call, o: Resource) -> Resource:
        headers = {**call.headers, **({"if-match": o["version"]} if o.get("version") else {})}
        told = self._routed(Call(o["method"], self.base_path + o["path"], {}, call.query, headers, o.get("data")))
        kept: Resource = {k: o[k] for k in ("method", "bulkId") if k in o}
        place = told.body["meta"]["location"] if isinstance(told.body, dict) and "meta" in told.body else self.url + o["path"]
        where = {"location": place} if told.status != 404 and (o["method"] != "POST" or told.status < 300) else {}
        return {**kept, **where, "status": str(told.status), **({"response": told.body} if told.status >= 400 else {})}

    # How

    def _one(self, call: Call, among: dict[str, Resource], then: Callable[[Resource], Told]) -> Told:
        found = among.get(call.params["id"])
        if found is None:
            return _error(404, f"there is no {call.params['id']}")
        wanted = call.headers.get("if-match", "*")
        if self.quirks.etag and wanted not in ("*", self._version(found["id"])):
            return _error(412, "it was changed meanwhile")
        return then(found)

    def _listed(self, call: Call, among: dict[str, Resource]) -> Told:
        text = "" if self.quirks.ignores_filter else call.first("filter")
        if text and not self.quirks.filter:
            return _error(501, "there are no filters here")
        matches = _filter(text)
        if matches is None:
            return _error(400, f"{text!r} is no filter that is known here", "invalidFilter")
        found = [r for r in among.values() if matches(r)]
        count = min(int(call.first("count", str(self.quirks.page))), self.quirks.page)
        by_cursor = self.quirks.cursor and "cursor" in call.query
        start = int(call.first("cursor") or "1") if by_cursor else max(1, int(call.first("startIndex", "1"))) if self.quirks.index else 1
        shown = found[: max(count, 0)] if self.quirks.ignores_start else found[start - 1 : start - 1 + max(count, 0)]
        items = [self._selected(call, r) for r in shown if r["id"] not in self.quirks.forgets]
        if not by_cursor:
            return Told(200, _list(items, len(found), startIndex=start))
        more = {"nextCursor": str(start + len(shown))} if start + len(shown) <= len(found) else {}
        listed = _list(items, len(found), **more)
        return Told(200, listed if self.quirks.announced_totals else {k: v for k, v in listed.items() if k != "totalResults"})

    def _selected(self, call: Call, resource: Resource) -> Resource:
        """With its meta and what follows from other resources; without what the call leaves out, and what a quirk does."""
        own = self._whole(resource)
        only, without = (_names(call.first(p)) for p in ("attributes", "excludedAttributes"))
        if only:
            return {k: v for k, v in own.items() if k in ("schemas", "id") or k.lower() in only}
        return {k: v for k, v in own.items() if k in ("schemas", "id") or k.lower() not in without}

    def _whole(self, resource: Resource) -> Resource:
        kind, path = ("Group", "Groups") if resource["id"] in self.groups else ("User", "Users")
        stamp = "2026-01-01T00:00:00Z"
        meta = {"resourceType": kind, "created": stamp, "lastModified": stamp, "location": f"{self.url}/{path}/{resource['id']}"}
        own = {**resource, "meta": {**meta, **({"version": self._version(resource["id"])} if self.quirks.etag else {})}}
        if kind == "Group":
            members: list[Resource] = [{**m, "$ref": self._place(m["value"])} for m in own.get("members", [])]
            members = [] if self.quirks.hides_members else members[: self.quirks.most_members or None]
            return {**own, "members": members} if members else {k: v for k, v in own.items() if k != "members"}
        groups = [g for g in self.groups.values() if any(m["value"] == resource["id"] for m in g.get("members", []))]
        told = [{"value": g["id"], "display": g["displayName"], "$ref": f"{self.url}/Groups/{g['id']}"} for g in groups]
        return {**own, "groups": told} if told else own

    def _place(self, id: str) -> str:
        return f"{self.url}/{'Groups' if id in self.groups else 'Users'}/{id}"

    def _created(self, call: Call, among: dict[str, Resource], schema: str) -> Told:
        if not isinstance(call.body, dict):
            return _error(400, "a resource is an object", "invalidSyntax")
        body = _clean(call.body)
        if problem := self._problem(schema, body, ""):
            return problem
        resource = among[self._make(among, schema, body)]
        return Told(201, self._whole(resource), {**self._headers(resource), "location": self._whole(resource)["meta"]["location"]})

    def _make(self, among: dict[str, Resource], schema: str, body: Resource) -> str:
        self._made += 1
        id = str(uuid5(NAMESPACE_URL, f"{schema}/{self._made}"))
        among[id] = {**body, "schemas": [schema], "id": id}
        self._versions[id] = 1
        return id

    def _patched(self, call: Call, among: dict[str, Resource], schema: str, resource: Resource) -> Told:
        if not self.quirks.patch:
            return _error(501, "there is no PATCH here")
        before: Resource = decode(encode({k: v for k, v in resource.items() if k not in _READ_ONLY}))
        if self.quirks.most_members and "members" in before:
            before["members"] = before["members"][: self.quirks.most_members - 1]
        try:
            after = patched(before, call.body, ATTRIBUTES[schema], capital=self.quirks.capital_ops)
        except BadPatch as e:
            return _error(400, str(e), e.kind)
        if self.quirks.keeps_active and "active" in resource:
            after["active"] = resource["active"]
        return self._replaced(call, among, schema, resource, after)

    def _replaced(self, call: Call, among: dict[str, Resource], schema: str, resource: Resource, body: Resource) -> Told:
        if problem := self._problem(schema, body, resource["id"]):
            return problem
        among[resource["id"]] = {**body, "schemas": [schema], "id": resource["id"]}
        self._versions[resource["id"]] += 1
        whole = among[resource["id"]]
        return Told(200, self._selected(call, whole), self._headers(whole))

    def _deleted(self, call: Call, among: dict[str, Resource], resource: Resource) -> Told:
        del among[resource["id"]]
        for group in self.groups.values():
            group["members"] = [m for m in group.get("members", []) if m["value"] != resource["id"]]
        return Told(204)

    def _problem(self, schema: str, body: Resource, own: str) -> Told | None:
        name = "userName" if schema == USER else "displayName"
        if not isinstance(body.get(name), str) or not body[name]:
            return _error(400, f"`{name}` is required", "invalidValue")
        if schema == USER and any(u["userName"].lower() == body[name].lower() and i != own for i, u in self.users.items()):
            return _error(409, f"there is another {body[name]}", "uniqueness")
        unknown = [m.get("value") for m in body.get("members") or [] if m.get("value") not in {*self.users, *self.groups}]
        return _error(400, f"there is no {unknown[0]} to be a member", "invalidValue") if schema == GROUP and unknown else None

    def _version(self, id: str) -> str:
        return f'W/"{self._versions[id]}"'

    def _headers(self, resource: Resource) -> dict[str, str]:
        return {"etag": self._version(resource["id"])} if self.quirks.etag else {}


def example() -> Scim:
    """What examples/platforms/scim is planned and applied against."""
    fake = Scim(Quirks(token="scim-example"))  # noqa: S106
    alice = fake.user("alice@acme.com", displayName="Alice Ng", title="Head of IT", emails=[{"value": "alice@acme.com", "primary": True}])
    bob = fake.user("bob@acme.com", displayName="Robert Roy")
    fake.group("Acme Owners", alice)
    fake.group("Brand X US Admins", bob)
    fake.group("Brand X US")
    fake.group("Support", bob)
    return fake


def _filter(text: str) -> Callable[[Resource], bool] | None:
    """Of `attribute eq "value"`, several with `and`; None for anything else."""
    parts = re.split(r"\s+and\s+", text) if text else []
    terms = [_TERM.fullmatch(part) for part in parts]
    if any(t is None for t in terms):
        return None
    wanted: list[tuple[str, Any]] = [(t[1], decode(t[2])) for t in terms if t]
    return lambda resource: all(_has(resource, path, value) for path, value in wanted)


def _has(resource: Resource, path: str, value: Any) -> bool:
    first, _, second = path.rpartition(":")[2].partition(".")
    own = next((v for k, v in resource.items() if k.lower() == first.lower()), None)
    items = own if isinstance(own, list) else [own]
    words = [i.get(second or "value") if isinstance(i, dict) else i for i in items]
    exact = first in ("id", "externalId") or first == "members"
    return any(w == value if exact or not isinstance(w, str) else w.lower() == str(value).lower() for w in words)


def _as_query(call: Call) -> Call:
    """A search by POST, as the GET that it stands for."""
    body: Resource = call.body if isinstance(call.body, dict) else {}
    query = {k: [",".join(v) if isinstance(v, list) else str(v)] for k, v in body.items() if k != "schemas"}
    return Call("GET", call.path, {}, query, call.headers)


def _clean(body: Any) -> Resource:
    return {k: v for k, v in body.items() if k not in _READ_ONLY and v is not None} if isinstance(body, dict) else {}


def _names(text: str) -> set[str]:
    return {part.strip().rpartition(":")[2].lower() for part in text.split(",") if part.strip()}


def _list(items: list[Resource], total: int, **more: Any) -> Resource:
    return {"schemas": [LIST], "totalResults": total, "itemsPerPage": len(items), "Resources": items, **more}


def _error(status: int, detail: str, kind: str = "") -> Told:
    return Told(status, {"schemas": [ERROR], "status": str(status), "detail": detail, **({"scimType": kind} if kind else {})})
