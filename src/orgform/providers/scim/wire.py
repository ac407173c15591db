"""SCIM on the wire: what the server can do, lists that are whole or say that they are not, and single requests.

Invariant: every request goes to the base path with the query string that the target's `url` has. A list is given back only when as many
resources came as the server says there are, each once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from orgform.codec import Struct, replace
from orgform.errors import ReadFailed
from orgform.providers.http import HttpError, Session
from orgform.providers.scim.vendors import Vendor

JSON = "application/scim+json"
#: what is asked for: SCIM's own type first
ACCEPT = "application/scim+json, application/json;q=0.9"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
READS = 3
#: resources of one list, and empty pages one after the other
MOST_LISTED, MOST_EMPTY = 1_000_000, 3
#: how a server says that it has no such endpoint
_ABSENT = frozenset({400, 403, 404, 405, 406, 501})

Resource = dict[str, Any]


class Incomplete(Exception):
    """A list that is not whole; its text says why."""


class Bulk(Struct, frozen=True):
    operations: int
    payload: int


class Features(Struct, frozen=True):
    """What the server offers. `users`, `groups`: paths of their endpoints; `groups` empty where there are none. `read_only`: attributes of
    a user that its schema does not have, or that nobody may write. `announced`: it has a /ServiceProviderConfig."""

    patch: bool = True
    bulk: Bulk | None = None
    filter: bool = True
    most_results: int = 0
    etag: bool = False
    cursor: bool = False
    users: str = "Users"
    groups: str = "Groups"
    read_only: frozenset[str] = frozenset()
    announced: bool = False


class Scim:
    """One server. Safe to use from several threads once `discover` was called."""

    def __init__(self, session: Session, query: str, vendor: Vendor) -> None:
        self.vendor = vendor
        self.features = Features()
        self._session = session
        self._query = query

    def close(self) -> None:
        self._session.close()

    # What it can do

    def discover(self) -> None:
        """Asks for what the server says of itself; what it does not say is as the standard has it, and as little as possible.

        Raises `HttpError` where the server does not answer, or not us.
        """
        config = self._optional("ServiceProviderConfig")
        types = _resources(self._optional("ResourceTypes"))
        schemas = _resources(self._optional("Schemas"))
        self.features = _features(config, types, schemas, self.vendor)

    def _optional(self, path: str) -> Any:
        try:
            return self.get(path)
        except HttpError as e:
            if e.status in _ABSENT or e.status == 200:
                return None
            raise

    # Requests

    def get(self, path: str, **query: str) -> Any:
        return self._session.request("GET", self._at(path, query), idempotent=True).value

    def send(self, method: str, path: str, data: object, version: str | None = None) -> Any:
        """The decoded answer, None where it has no body. A PATCH of ours, a PUT and a DELETE do the same when they come twice."""
        headers = {"content-type": JSON} if data is not None else {}
        if version and self.features.etag:
            headers["if-match"] = version
        return self._session.request(method, self._at(path, {}), json=data, headers=headers, idempotent=method != "POST", type=Any).value

    def _at(self, path: str, query: Mapping[str, str]) -> str:
        asked = urlencode(query, quote_via=quote)
        return path + ("?" if self._query or asked else "") + "&".join(part for part in (self._query, asked) if part)

    def lacks(self, error: HttpError, method: str) -> bool:
        """Whether the server has no PATCH, which it may not have said before; it is not asked for one again."""
        if method != "PATCH" or error.status not in (405, 501):
            return False
        self.features = replace(self.features, patch=False)
        return True

    # Lists

    def listed(self, path: str, **query: str) -> list[Resource]:
        """All resources of an endpoint, each once. Read again where they changed meanwhile. Raises `Incomplete`, `HttpError`."""
        for _ in range(READS - 1):
            with suppress(Incomplete):
                return self._read(path, query)
        return self._read(path, query)

    def _read(self, path: str, query: dict[str, str]) -> list[Resource]:
        return self._gathered(path, self._by_cursor(path, query) if self.features.cursor else self._by_index(path, query))

    def _gathered(self, path: str, pages: Iterator[tuple[list[Any], int | None]]) -> list[Resource]:
        found: dict[str, Resource] = {}
        total: int | None = None
        for items, said in pages:
            total = said
            for item in items:
                if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
                    raise Incomplete(f"{path}: the answer holds something without an id")
                found[item["id"]] = item
            if len(found) > MOST_LISTED:
                raise Incomplete(f"{path}: more than {MOST_LISTED:,} resources")
        if total is not None and total != len(found):
            raise Incomplete(f"{path}: the server says that there are {total}, and gave {len(found)}")
        return list(found.values())

    def _by_index(self, path: str, query: dict[str, str]) -> Iterator[tuple[list[Any], int | None]]:
        """From 1, and on by as many as came: a server may give fewer than it was asked for. Behind a full page one more is asked for, since
        a total that is too small would hide the rest."""
        start, total, more = 1, 1, True
        while more:
            page = self.get(path, **query, startIndex=str(start), count=str(self.page))
            items, told = _page(path, page)
            if told is None:
                raise Incomplete(f"{path}: the answer does not say how many there are")
            total = told
            yield items, total
            if not items:
                return
            beyond = start > total
            start += len(items)
            more = start <= total or (len(items) >= self.page and not beyond)

    def _by_cursor(self, path: str, query: dict[str, str]) -> Iterator[tuple[list[Any], int | None]]:
        cursor, seen, empty = "", set[str](), 0
        while True:
            page = self.get(path, **query, cursor=cursor, count=str(self.page))
            items, total = _page(path, page)
            yield items, total
            cursor = page.get("nextCursor") or ""
            if not cursor:
                return
            empty = 0 if items else empty + 1
            if not isinstance(cursor, str) or cursor in seen or empty >= MOST_EMPTY:
                raise Incomplete(f"{path}: the pages go in a circle")
            seen.add(cursor)

    @property
    def page(self) -> int:
        most = self.features.most_results
        return min(self.vendor.page, most) if most > 0 else self.vendor.page

    def found(self, path: str, attribute: str, value: str) -> list[Resource]:
        """Resources whose attribute is the value, by a filter where it has them, else among all. Upper and lower case are one, as RFC 7643
        has it for names (4.1.1, 4.2); what a filter gives besides is left out, since some servers know the word and filter nothing."""
        if self.features.filter:
            try:
                # An attribute that is not shown cannot contradict: `externalId` is each client's own.
                filtered = self.listed(path, filter=equals(attribute, value))
                return [r for r in filtered if r.get(attribute) is None or _is(r, attribute, value)]
            except HttpError as e:
                if e.status not in (400, 501):
                    raise
        return [r for r in self.listed(path) if _is(r, attribute, value)]


def _is(resource: Resource, attribute: str, value: str) -> bool:
    return str(resource.get(attribute) or "").casefold() == value.casefold()


def equals(attribute: str, value: str) -> str:
    """A filter; the value is a JSON string (RFC 7644, 3.4.2.2)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{attribute} eq "{escaped}"'


def at(endpoint: str, id: str) -> str:
    return f"{endpoint}/{quote(id, safe='')}"


def version_of(resource: Mapping[str, Any]) -> str | None:
    meta = resource.get("meta")
    version = meta.get("version") if isinstance(meta, dict) else None
    return version if isinstance(version, str) and version else None


def split_url(url: str) -> tuple[str, str]:
    """Base address and query string."""
    parts = urlsplit(url)
    return parts._replace(query="", fragment="").geturl().rstrip("/"), parts.query


def as_read_failed(error: HttpError | Incomplete, system: str) -> ReadFailed:
    if isinstance(error, HttpError):
        return ReadFailed(f"cannot read {system}: {error.message}", hint=error.hint)
    return ReadFailed(f"cannot read {system}: {error}")


# What the discovery's answers say


def _features(config: Any, types: list[Resource], schemas: list[Resource], vendor: Vendor) -> Features:
    said = config if isinstance(config, dict) and "patch" in config else {}
    groups = _endpoint(types, "Group", GROUP, "Groups") if vendor.groups else ""
    return Features(
        patch=_supports(said, "patch", unsaid=True),
        bulk=_bulk(said) if vendor.bulk else None,
        filter=_supports(said, "filter", unsaid=True),
        most_results=_number(said.get("filter"), "maxResults"),
        etag=vendor.etags and _supports(said, "etag", unsaid=False),
        cursor=vendor.cursor or bool(isinstance(said.get("pagination"), dict) and said["pagination"].get("cursor") is True),
        users=_endpoint(types, "User", USER, "Users") or "Users",
        groups=groups,
        read_only=_read_only(schemas),
        announced=bool(said),
    )


def _supports(said: Mapping[str, Any], name: str, *, unsaid: bool) -> bool:
    part = said.get(name)
    return part.get("supported") is True if isinstance(part, dict) else unsaid


def _bulk(said: Mapping[str, Any]) -> Bulk | None:
    operations, payload = (_number(said.get("bulk"), name) for name in ("maxOperations", "maxPayloadSize"))
    return Bulk(operations, payload) if _supports(said, "bulk", unsaid=False) and operations > 1 and payload > 0 else None


def _number(part: Any, name: str) -> int:
    value = part.get(name) if isinstance(part, dict) else 0
    return value if isinstance(value, int) and value > 0 else 0


def _endpoint(types: list[Resource], name: str, schema: str, usual: str) -> str:
    """Of a resource type, relative to the base path. Empty where the server lists its types, and this is none of them."""
    if not types:
        return usual
    for each in types:
        if each.get("schema") == schema or each.get("name") == name:
            place = str(each.get("endpoint") or usual)
            return urlsplit(place).path.rstrip("/").rpartition("/")[2] or usual
    return ""


def _read_only(schemas: list[Resource]) -> frozenset[str]:
    """What we would write of a user and cannot. Nothing where the server does not tell its schema."""
    user = next((s for s in schemas if s.get("id") == USER and isinstance(s.get("attributes"), list)), None)
    if user is None:
        return frozenset()
    known = {a.get("name"): a for a in user["attributes"] if isinstance(a, dict)}
    fixed = {n for n, a in known.items() if a.get("mutability") == "readOnly"}
    return frozenset(n for n in ("title", "displayName", "name") if n in fixed or n not in known)


def _resources(answer: Any) -> list[Resource]:
    """Of a list answer, or of a bare list as some give."""
    items = answer.get("Resources") if isinstance(answer, dict) else answer
    return [r for r in items if isinstance(r, dict)] if isinstance(items, list) else []


def _page(path: str, page: Any) -> tuple[list[Any], int | None]:
    """Items and total; no `Resources` is none of them (RFC 7644, 3.4.2)."""
    items, total = (page.get("Resources", []), page.get("totalResults")) if isinstance(page, dict) else (None, None)
    if not isinstance(items, list) or not isinstance(total, int | None) or (total is None and "Resources" not in page):
        raise Incomplete(f"{path}: the answer is no list of SCIM's")
    return items, total
