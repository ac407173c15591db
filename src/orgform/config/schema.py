"""The JSON Schema of a whole config, made from the kinds.

Invariant: two forms of one thing. The editor's form is for a single file before anything is expanded: nothing is required (another file
may have it), templates may stand for any value, `use` and `for_each` are there. The gate's form is for the whole, expanded config.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgform.kinds import Kind, Kinds

VERSION = 1
VARIABLE_TYPES = ("string", "number", "boolean")
_DROPPED = ("x-", "format")
_TEMPLATED = {"type": "string", "pattern": r"\{[{%]", "description": "A template, like `{{ name }}`."}
_KEYED = "Templates may stand in keys: `{{ brand }}-{{ region }}`."


def company_schema(kinds: Kinds, *, expanded: bool = False) -> dict[str, Any]:
    """JSON Schema 2020-12 of a config: for editors, or (`expanded`) for the gate."""
    maker = _Maker(kinds, expanded)
    properties = maker.head() | {name: maker.collection(kind) for name, kind in kinds.top_level.items()}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:orgform:company",
        "title": "orgform config",
        "description": "A company's workspaces, domains, members, roles and feature flags. All YAML files of the folder are one document.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": {kind.name: maker.entry(kind) for kind in (*kinds.values(), *kinds.operations.values())},
    }
    if expanded:
        singletons = [name for name, kind in kinds.top_level.items() if kind.singleton and kind.required]
        schema["required"] = ["orgform", "targets", *singletons]
    return schema


class _Maker:
    def __init__(self, kinds: Kinds, expanded: bool) -> None:
        self._kinds = kinds
        self._expanded = expanded

    def head(self) -> dict[str, Any]:
        """What is no kind: targets, variables, templates, policy, moves, rosters."""
        names = sorted(self._kinds)
        takes = sorted([*names, *self._kinds.operations, *self._kinds.facets])
        return {
            "orgform": {"const": VERSION, "description": f"Version of this format: {VERSION}."},
            "targets": _map_of(self._target(takes), "Live systems in which the company exists, by name."),
            "variables": _map_of(
                _VARIABLE, "Values that templates may use: `--var NAME=VALUE`, `--var-file`, `ORGFORM_VAR_NAME`, or the default."
            ),
            "templates": {
                "type": "object",
                "description": "Defaults by kind and name; an entry takes them with `use: NAME`.",
                "properties": {k: self._templates(k) for k in names},
                "additionalProperties": False,
            },
            "include_csv": {
                "type": "object",
                "description": "Rosters: CSV files whose columns name attributes, by collection.",
                "properties": {name: _PATHS for name, kind in self._kinds.top_level.items() if not kind.singleton},
                "additionalProperties": False,
            },
            "moved": {
                "type": "array",
                "description": "Renames: without them a new key is a delete and a create.",
                "items": _object(
                    {"from": _text("Address before, like `workspace/old`."), "to": _text("Address now; it must be declared.")}, "from", "to"
                ),
            },
            "policy": _policy(names),
        }

    def _templates(self, kind: str) -> dict[str, Any]:
        body = {"type": "object"} if self._expanded else {"$ref": f"#/$defs/{kind}"}
        return {"type": "object", "description": f"Templates for the kind {kind}.", "additionalProperties": body}

    def _target(self, kinds: list[str]) -> dict[str, Any]:
        taken = {
            "type": "array",
            "items": {"enum": kinds},
            "description": "Kinds, or parts of one (`workspace.settings`), that this target takes; without it, all that no other names.",
        }
        roles = _map_of(_text("Its name on the platform."), "What the platform calls our roles, where it is not what it usually does.")
        provider = _text("Provider that reads and writes this system; `orgform providers` lists them.")
        made = _object({"provider": provider, "kinds": taken, "roles": roles})
        made["additionalProperties"] = True
        if self._expanded:
            made["required"] = ["provider"]
        return made

    def collection(self, kind: Kind) -> dict[str, Any]:
        """What stands under the kind's own key: one entry, or a map of them."""
        reference = {"$ref": f"#/$defs/{kind.name}"}
        if kind.singleton:
            return reference
        made = _map_of(reference, kind.description)
        if not self._expanded:
            made["markdownDescription"] = f"{kind.description} {_KEYED}"
        made["type"] = ["object", "null"]
        return made

    def entry(self, kind: Kind) -> dict[str, Any]:
        """One resource as it is written, in its long form or its short one."""
        long = self._long(kind)
        if not kind.shorthand:
            return long
        short = self._value(kind.properties[kind.shorthand], required=True)
        if not takes_objects(kind.properties[kind.shorthand]):
            return {"description": kind.description, "if": {"type": ["object", "null"]}, "then": long, "else": short}
        names = {"enum": [kind.shorthand, "lifecycle", *kind.local]}
        return {
            "description": kind.description,
            "if": {"type": "object", "required": [kind.shorthand], "propertyNames": names},
            "then": long,
            "else": short,
        }

    def _long(self, kind: Kind) -> dict[str, Any]:
        writable = {name: prop for name, prop in kind.properties.items() if not prop.get("x-observed")}
        properties = {name: self._value(prop, required=name in kind.required) for name, prop in writable.items()}
        properties |= {name: self.collection(child) for name, child in self._kinds.children(kind.name).items()}
        properties["lifecycle"] = _LIFECYCLE
        if not self._expanded:
            properties |= _COMPOSING if kind.key else {"use": _COMPOSING["use"]}
        needs = self._expanded and kind.required
        made = _object(properties, *(kind.required if needs else ()))
        made["type"] = "object" if needs else ["object", "null"]
        return made | {"title": kind.title, "description": kind.description}

    def _value(self, prop: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
        made: dict[str, Any] = _clean(prop, editor=not self._expanded)
        if not required:
            made = _nullable(made)
        elif self._expanded and not {"type", "enum", "const"} & set(made):
            made["not"] = {"type": "null"}  # it may be anything, but it must be something
        return made if self._expanded else _or_template(made)


def takes_objects(prop: Mapping[str, Any]) -> bool:
    """Whether a map may be the value of this attribute."""
    kinds = prop.get("type")
    return "enum" not in prop and (kinds is None or kinds == "object" or (isinstance(kinds, list) and "object" in kinds))


def _clean(prop: Any, *, editor: bool) -> Any:
    """Without orgform's own keywords, and without formats: those are checked by formats.py, with better words."""
    if isinstance(prop, list):
        return [_clean(item, editor=editor) for item in prop]
    if not isinstance(prop, Mapping):
        return prop
    made = {k: v for k, v in prop.items() if not k.startswith(_DROPPED)}
    if "properties" in made:
        needed = () if editor else prop.get("required", ())
        made["properties"] = {n: _inner(p, editor=editor, required=n in needed) for n, p in prop["properties"].items()}
    for keyword in ("additionalProperties", "items"):
        if isinstance(made.get(keyword), Mapping):
            made[keyword] = _inner(prop[keyword], editor=editor, required=keyword == "items")
    if editor:
        made.pop("required", None)
    return made


def _inner(prop: Mapping[str, Any], *, editor: bool, required: bool) -> dict[str, Any]:
    made: dict[str, Any] = _clean(prop, editor=editor)
    if not required:
        made = _nullable(made)
    return _or_template(made) if editor else made


def _or_template(made: dict[str, Any]) -> dict[str, Any]:
    """The same, or a template that gives it."""
    if not {"type", "enum", "const"} & set(made) or _plain_string(made):
        return made
    return {"description": made.pop("description", ""), "anyOf": [made, _TEMPLATED]}


def _nullable(prop: dict[str, Any]) -> dict[str, Any]:
    """The same, or null: managed, and to be empty."""
    made = dict(prop)
    kinds = made.get("type")
    if isinstance(kinds, str):
        made["type"] = [kinds, "null"]
    elif isinstance(kinds, list) and "null" not in kinds:
        made["type"] = [*kinds, "null"]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    return made


def _plain_string(prop: Mapping[str, Any]) -> bool:
    return "string" in prop.get("type", ()) and not {"pattern", "enum"} & set(prop)


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return made | ({"required": list(required)} if required else {})


def _map_of(entry: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": dict(entry)}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description}


def _policy(kinds: list[str]) -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    deletes = _object(
        {
            "free": count | {"description": "Deletes in one collection that pass without question (2)."},
            "percent": {
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "description": "Share of a collection that may be deleted at most (25).",
            },
            "count": count | {"description": "Deletes in one collection at most (20)."},
        }
    )
    made = _object(
        {
            "authoritative": {
                "type": "array",
                "items": {"enum": kinds},
                "description": "Kinds of which the config has all: what is live and not declared is deleted.",
            },
            "deletes": deletes | {"description": "How much may be deleted in one go."},
            "min_company_admins": count | {"description": "Active company admins that must be left (2)."},
            "min_workspace_admins": count | {"description": "Admins that must be left in each workspace (1)."},
        }
    )
    return made | {"description": "What the guards judge by."}


_WORDS = {"type": "array", "items": {"type": "string", "minLength": 1}}
_LIFECYCLE = _object(
    {
        "prevent_destroy": {"type": "boolean", "description": "Never delete it; remembered after this is gone."},
        "ignore": _WORDS | {"description": "Attributes or collections that are never touched."},
        "seed": _WORDS | {"description": "Attributes or collections that are set at creation and then left alone."},
    }
) | {"type": ["object", "null"], "description": "How changes of this resource are handled."}
_COMPOSING: dict[str, Any] = {
    "use": {
        "type": ["string", "array"],
        "items": {"type": "string"},
        "description": "Names of templates to take defaults from; what is written here wins.",
    },
    "for_each": {
        "type": "object",
        "description": "Makes an entry for every combination: `{brand: [x, y], region: [us, eu]}`; keys and values may use the names.",
        "additionalProperties": {"type": ["array", "string"]},
    },
}
_VARIABLE = _object(
    {
        "type": {"enum": list(VARIABLE_TYPES), "description": "Type of its value; string where it is not written."},
        "default": {"type": ["string", "number", "boolean"], "description": "Value where nothing else gives one."},
        "description": {"type": "string", "description": "For people."},
    }
) | {"type": ["object", "null"]}
_PATHS = {
    "type": ["string", "array"],
    "minLength": 1,
    "items": {"type": "string", "minLength": 1},
    "description": "Path relative to the config folder.",
}
