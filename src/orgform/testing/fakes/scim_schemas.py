"""What the SCIM fake says of its resources: the part of RFC 7643's schemas that it keeps.

Invariant: the tables below are all there is; the documents are made from them.
"""

from __future__ import annotations

from typing import Any

from orgform.codec import Struct

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class Attribute(Struct, frozen=True):
    """As RFC 7643 describes one; `parts` of a complex one."""

    name: str
    type: str = "string"
    many: bool = False
    required: bool = False
    mutability: str = "readWrite"
    uniqueness: str = "none"
    parts: tuple[Attribute, ...] = ()
    references: tuple[str, ...] = ()


ATTRIBUTES: dict[str, tuple[Attribute, ...]] = {
    USER: (
        Attribute("userName", required=True, uniqueness="server"),
        Attribute("name", "complex", parts=(Attribute("formatted"), Attribute("familyName"), Attribute("givenName"))),
        Attribute("displayName"),
        Attribute("title"),
        Attribute("active", "boolean"),
        Attribute("emails", "complex", many=True, parts=(Attribute("value"), Attribute("type"), Attribute("primary", "boolean"))),
        Attribute(
            "groups",
            "complex",
            many=True,
            mutability="readOnly",
            parts=(
                Attribute("value", mutability="readOnly"),
                Attribute("$ref", "reference", mutability="readOnly", references=("Group",)),
                Attribute("display", mutability="readOnly"),
            ),
        ),
    ),
    GROUP: (
        Attribute("displayName", required=True),
        Attribute(
            "members",
            "complex",
            many=True,
            parts=(
                Attribute("value", mutability="immutable"),
                Attribute("$ref", "reference", mutability="immutable", references=("User", "Group")),
                Attribute("type", mutability="immutable"),
            ),
        ),
    ),
}


def schemas(url: str, groups: bool) -> list[dict[str, Any]]:
    names = {USER: ("User", "User Account"), **({GROUP: ("Group", "Group")} if groups else {})}
    return [
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": id,
            "name": name,
            "description": text,
            "attributes": [_described(a) for a in ATTRIBUTES[id]],
            "meta": {"resourceType": "Schema", "location": f"{url}/Schemas/{id}"},
        }
        for id, (name, text) in names.items()
    ]


def resource_types(url: str, groups: bool) -> list[dict[str, Any]]:
    known = [("User", "/Users", USER), *([("Group", "/Groups", GROUP)] if groups else [])]
    return [
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": endpoint,
            "description": name,
            "schema": schema,
            "meta": {"resourceType": "ResourceType", "location": f"{url}/ResourceTypes/{name}"},
        }
        for name, endpoint, schema in known
    ]


def _described(attribute: Attribute) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": attribute.name,
        "type": attribute.type,
        "multiValued": attribute.many,
        "description": attribute.name,
        "required": attribute.required,
        "caseExact": attribute.type == "reference",
        "mutability": attribute.mutability,
        "returned": "default",
        "uniqueness": attribute.uniqueness,
    }
    if attribute.references:
        described["referenceTypes"] = list(attribute.references)
    if attribute.parts:
        described["subAttributes"] = [_described(part) for part in attribute.parts]
    return described
