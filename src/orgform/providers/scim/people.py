"""Users and groups as SCIM has them, and as the config does: which address a user has, what its name is, and what is sent for either.

Invariant: pure; what an answer does not say is not made up, and what the config does not say is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orgform.codec import Struct
from orgform.formats import normalise
from orgform.model import Attributes
from orgform.providers.scim.vendors import Vendor
from orgform.providers.scim.wire import GROUP, PATCH, USER, Resource, version_of

#: before the key of a group that we made, in its `externalId`
OURS = "orgform:"


class User(Struct, frozen=True):
    """`email`: key of the member, empty where the user has no address. `groups`: ids of groups that the server says it is in."""

    id: str
    email: str
    name: str = ""
    title: str = ""
    active: bool = True
    version: str | None = None
    groups: frozenset[str] = frozenset()


class Group(Struct, frozen=True):
    """`members`: ids of users and of groups in it; None where they were not asked for."""

    id: str
    name: str
    external: str = ""
    version: str | None = None
    members: frozenset[str] | None = None


def user_of(resource: Resource) -> User:
    return User(
        id=str(resource["id"]),
        email=_email(resource),
        name=_name(resource),
        title=str(resource.get("title") or ""),
        active=is_active(resource),
        version=version_of(resource),
        groups=frozenset(str(g["value"]) for g in _items(resource, "groups") if g.get("value") and g.get("type") != "indirect"),
    )


def group_of(resource: Resource) -> Group:
    return Group(
        id=str(resource["id"]),
        name=str(resource.get("displayName") or ""),
        external=str(resource.get("externalId") or ""),
        version=version_of(resource),
        members=frozenset(str(m["value"]) for m in _items(resource, "members") if m.get("value")),
    )


def is_active(resource: Mapping[str, Any]) -> bool:
    """Some servers send a word where a truth value belongs; no word at all means that nothing was switched off."""
    active = resource.get("active")
    return active.casefold() != "false" if isinstance(active, str) else active is not False


def _email(resource: Resource) -> str:
    """`userName` where it is an address, else the primary or the first one."""
    emails = sorted(_items(resource, "emails"), key=lambda e: e.get("primary") is not True)
    words = (resource.get("userName"), *(e.get("value") for e in emails))
    return next((normalise("email", w) for w in words if isinstance(w, str) and "@" in w and "/" not in w), "")


def _name(resource: Resource) -> str:
    name = resource.get("name")
    parts: dict[str, Any] = name if isinstance(name, dict) else {}
    whole = " ".join(str(parts[p]) for p in ("givenName", "familyName") if parts.get(p))
    return str(resource.get("displayName") or parts.get("formatted") or whole or "")


def _items(resource: Resource, name: str) -> list[dict[str, Any]]:
    value = resource.get(name)
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


# What is sent


def new_user(email: str, attributes: Attributes, vendor: Vendor, read_only: frozenset[str]) -> Resource:
    name = str(attributes.get("name") or email)
    made: Resource = {
        "schemas": [USER],
        "userName": email,
        "externalId": email,
        "displayName": name,
        "name": names(name, vendor),
        "title": attributes.get("title"),
        "emails": [{"value": email, "type": "work", "primary": True}],
        "active": True,
    }
    return {k: v for k, v in made.items() if v is not None and k not in read_only}


def names(name: str, vendor: Vendor) -> dict[str, str]:
    """The parts of a name are nobody's to guess: they are sent only where a server takes nobody without them."""
    if not vendor.full_names:
        return {"formatted": name}
    given, _, family = name.strip().rpartition(" ")
    return {"formatted": name, "givenName": given or family, "familyName": family}


def new_group(key: str, name: str, members: Iterable[str]) -> Resource:
    made: Resource = {"schemas": [GROUP], "displayName": name, "externalId": OURS + key}
    ids = sorted(members)
    return {**made, "members": [{"value": id} for id in ids]} if ids else made


def user_changes(patch: Attributes, vendor: Vendor, read_only: frozenset[str]) -> dict[str, Any]:
    """Path -> value, None where it is to go, of what a merge patch of a member changes in the user itself."""
    changed: dict[str, Any] = {}
    if "name" in patch:
        name = patch["name"]
        changed["displayName"] = name
        parts = names(name, vendor) if name else {"formatted": None}
        changed.update({f"name.{part}": value for part, value in parts.items()})
    if "title" in patch:
        changed["title"] = patch["title"] or None
    return {path: value for path, value in changed.items() if path.partition(".")[0] not in read_only}


def patch_of(changes: Mapping[str, Any], vendor: Vendor) -> Resource:
    """A PATCH that sets or removes single attributes, each by its path."""
    return _patch(
        [{"op": "remove", "path": p} if v is None else {"op": "replace", "path": p, "value": v} for p, v in changes.items()], vendor
    )


def members_patch(add: Iterable[str], remove: Iterable[str], vendor: Vendor) -> Resource:
    """A PATCH of a group's members. One is removed by a filter that names it and by nothing else: a server that takes `members` for the
    whole list would remove everyone."""
    added, removed = sorted(add), sorted(remove)
    operations: list[dict[str, Any]] = [{"op": "remove", "path": f'members[value eq "{id}"]'} for id in removed]
    if added:
        operations.append({"op": "add", "path": "members", "value": [{"value": id} for id in added]})
    return _patch(operations, vendor)


def _patch(operations: list[dict[str, Any]], vendor: Vendor) -> Resource:
    if vendor.capital_ops:
        operations = [{**o, "op": o["op"].capitalize()} for o in operations]
    return {"schemas": [PATCH], "Operations": operations}


def with_changes(resource: Resource, changes: Mapping[str, Any]) -> Resource:
    """A whole resource for a PUT: as it was just read, with these paths changed and without what only the server writes."""
    made = {k: v for k, v in resource.items() if k not in ("meta", "groups")}
    for path, value in changes.items():
        first, _, second = path.partition(".")
        if second:
            made[first] = {k: v for k, v in {**(made.get(first) or {}), second: value}.items() if v is not None}
        elif value is None:
            made.pop(first, None)
        else:
            made[first] = value
    return made


def with_members(resource: Resource, add: Iterable[str], remove: Iterable[str]) -> Resource:
    """The same for a group: the members that it has stay as they are written there."""
    gone, had = set(remove), group_of(resource).members or frozenset()
    kept = [m for m in _items(resource, "members") if m.get("value") not in gone]
    return with_changes(resource, {"members": [*kept, *({"value": id} for id in sorted(set(add) - had))]})
