"""PATCH as RFC 7644, 3.5.2 has it, on plain data, by a server that is strict where the standard is.

Invariant: a path that has no filter names the whole attribute: `remove` of `members` removes everyone, whatever `value` says beside it.
"""

from __future__ import annotations

import re
from typing import Any

from orgform.codec import DecodeError, decode
from orgform.testing.fakes.scim_schemas import Attribute

_PATH = re.compile(r"(?:urn:[\w.:]+:)?(?P<name>[\w$]+)(?:\[(?P<by>\w+) eq (?P<value>.+)\])?(?:\.(?P<part>[\w$]+))?")
_OPS = ("add", "replace", "remove")


class BadPatch(Exception):
    """`kind`: the `scimType` of the error."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


def patched(resource: dict[str, Any], body: Any, attributes: tuple[Attribute, ...], *, capital: bool = False) -> dict[str, Any]:
    """The resource afterwards. Raises `BadPatch`, and then nothing was changed by anybody."""
    operations = body.get("Operations") if isinstance(body, dict) else None
    if not isinstance(operations, list) or not operations:
        raise BadPatch("a PATCH has Operations", "invalidSyntax")
    known = {a.name.lower(): a for a in (*attributes, Attribute("externalId"))}
    for operation in operations:
        _apply(resource, operation, known, capital)
    return resource


def _apply(resource: dict[str, Any], operation: dict[str, Any], known: dict[str, Attribute], capital: bool) -> None:
    op, path, value = str(operation.get("op", "")), operation.get("path"), operation.get("value")
    if op.lower() not in _OPS or (capital and op != op.capitalize()):
        raise BadPatch(f"there is no operation {op!r}", "invalidSyntax")
    if path is None:
        if op.lower() == "remove" or not isinstance(value, dict):
            raise BadPatch("without a path nobody knows what is meant", "noTarget")
        for name, each in value.items():
            if name not in ("schemas", "id", "meta"):
                _at(resource, name, op.lower(), each, known)
        return
    _at(resource, path, op.lower(), value, known)


def _at(resource: dict[str, Any], path: str, op: str, value: Any, known: dict[str, Attribute]) -> None:
    match = _PATH.fullmatch(path)
    attribute = known.get(match["name"].lower()) if match else None
    if match is None or attribute is None:
        raise BadPatch(f"{path!r} leads nowhere", "invalidPath")
    if attribute.mutability == "readOnly":
        raise BadPatch(f"`{attribute.name}` is read-only", "mutability")
    if match["by"]:
        _among(resource, attribute, match, op, value)
    elif match["part"]:
        _part(resource, attribute, match["part"], op, value)
    else:
        _whole(resource, attribute, op, value)


def _whole(resource: dict[str, Any], attribute: Attribute, op: str, value: Any) -> None:
    name = attribute.name
    if attribute.required and (op == "remove" or value in (None, "")):
        raise BadPatch(f"`{name}` is required", "mutability" if op == "remove" else "invalidValue")
    if attribute.type == "boolean" and op != "remove" and not isinstance(value, bool):
        raise BadPatch(f"`{name}` is true or false", "invalidValue")
    if op == "remove":
        resource.pop(name, None)
    elif attribute.many:
        items = value if isinstance(value, list) else [value]
        had = resource.get(name, []) if op == "add" else []
        new = [i for n, i in enumerate(items) if i not in had and _key(i) not in map(_key, [*had, *items[:n]])]
        resource[name] = [*(_secondary(had) if any(i.get("primary") for i in new) else had), *new]
    elif attribute.parts and op == "add":
        resource[name] = {**resource.get(name, {}), **value}
    else:
        resource[name] = value


def _part(resource: dict[str, Any], attribute: Attribute, part: str, op: str, value: Any) -> None:
    name = attribute.name
    holders = resource.get(name, []) if attribute.many else [resource.setdefault(name, {})]
    for holder in holders:
        if op == "remove":
            holder.pop(part, None)
        else:
            holder[part] = value
    if not resource.get(name):
        resource.pop(name, None)


def _among(resource: dict[str, Any], attribute: Attribute, match: re.Match[str], op: str, value: Any) -> None:
    try:
        wanted: Any = decode(match["value"])
    except DecodeError:
        raise BadPatch(f"{match['value']!r} is no value", "invalidFilter") from None
    items = resource.get(attribute.name, [])
    chosen = [i for i in items if i.get(match["by"]) == wanted]
    if op == "remove" and not match["part"]:
        resource[attribute.name] = [i for i in items if i not in chosen]
        return
    if not chosen:
        raise BadPatch(f"nothing in `{attribute.name}` is {wanted!r}", "noTarget")
    for item in chosen:
        if op == "remove":
            item.pop(match["part"], None)
        else:
            item.update({match["part"]: value} if match["part"] else value)


def _key(item: Any) -> Any:
    return item.get("value") if isinstance(item, dict) else item


def _secondary(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most one is the primary one: the new one."""
    return [{k: v for k, v in i.items() if k != "primary"} for i in items]
