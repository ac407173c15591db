"""JSON Schemas of what the API takes and gives, made from the kinds: what a client may send for a key, at creation and in a patch, and
what it gets back.

Invariant: what a schema here refuses, the server refuses; what it accepts, the server refuses for what it holds or for what the
directory is, never for its shape (a property test holds the two together). Nothing here knows a kind by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orgform.kinds import Kind, Kinds, Reference

Schema = dict[str, Any]

LONGEST_KEY = 1000
_CONTROL = r"\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
#: What a stranger's tools can check of orgform's formats. Nothing here may refuse what `formats.check` takes.
_FORMATS: dict[str, Schema] = {
    "slug": {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"},
    "name": {"pattern": rf"^[^\s/{_CONTROL}]([^/{_CONTROL}]{{0,198}}[^\s/{_CONTROL}])?$", "maxLength": 200},
    "email": {"format": "idn-email", "pattern": r"^[^\s/@]+@[^\s/@]+$", "maxLength": 254},
    "fqdn": {"format": "idn-hostname", "minLength": 1},
    "fqdn-owned": {"format": "idn-hostname", "minLength": 1},
    "date": {"format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "timezone": {"format": "timezone", "minLength": 1},
    "currency": {"format": "currency", "pattern": "^[A-Z]{3}$"},
}
_DROPPED = ("$schema", "$id")


class KindSchemas:
    """The schemas of one kind."""

    def __init__(self, kind: Kind, kinds: Kinds) -> None:
        self.kind = kind
        self.kinds = kinds

    # Keys

    @property
    def parts(self) -> dict[str, Schema]:
        """The parts of a key by the name that a path gives them; none for the one resource that is alone in its company."""
        kind, found = self.kind, {}
        if kind.parent:
            found[kind.parent] = KindSchemas(self.kinds[kind.parent], self.kinds)._own_part() | {
                "description": f"Key of the {kind.parent}."
            }
        if kind.key:
            name = kind.key.name if kind.parent and kind.key.name != kind.parent else "key"
            found[name] = self._own_part() | {"description": f"Key of the {self.title}" + ("." if kind.parent else f" ({kind.key.name}).")}
        return found

    @property
    def title(self) -> str:
        return self.kind.title.lower()

    def key(self) -> Schema:
        """A whole key, as a body has it."""
        parts = list(self.parts.values())
        if not parts:
            return {"const": self.kind.name, "description": f"There is one {self.title}, and this is its key."}
        if len(parts) == 1:
            return parts[0]
        words = "/".join(name.upper() for name in self.parts)
        made: Schema = {"type": "string", "pattern": "^[^/]+/[^/]+$", "maxLength": LONGEST_KEY, "description": f"`{words}`."}
        examples = self.key_examples
        return made | ({"examples": examples} if examples else {})

    @property
    def key_examples(self) -> list[str]:
        """Whole keys. A child's begin with the first example of its parent."""
        kind = self.kind
        if not kind.parent:
            return self._own_examples if kind.key else [kind.name]
        above = KindSchemas(self.kinds[kind.parent], self.kinds).key_examples[:1]
        if not kind.key:
            return above
        return [f"{parent}/{own}" for parent in above for own in self._own_examples]

    @property
    def _own_examples(self) -> list[str]:
        key = self.kind.key
        if key is None:
            return []
        if key.examples or not key.references:
            return list(key.examples)
        return [ref.prefix + word for ref in key.references for word in KindSchemas(self.kinds[ref.kind], self.kinds).key_examples[:1]]

    def _own_part(self) -> Schema:
        key = self.kind.key
        choices = [self._prefixed(ref) for ref in key.references] if key else []
        made = {"anyOf": choices} if len(choices) > 1 else choices[0] if choices else self.word(self.kind.name)
        return made | ({"examples": self._own_examples} if self._own_examples else {})

    def _prefixed(self, ref: Reference) -> Schema:
        word = self.word(ref.kind)
        title = self.kinds[ref.kind].title.lower()
        if not ref.prefix:
            return word | {"description": f"Key of a {title}."}
        return {"type": "string", "pattern": f"^{ref.prefix}[^/]+$", "description": f"`{ref.prefix}` and the key of a {title}."}

    def word(self, name: str) -> Schema:
        """One part of a key of the kind `name`."""
        key = self.kinds[name].key
        if key is None:
            return {"type": "string", "minLength": 1}
        return {"type": "string", **_format(key.format or "name")}

    # Attributes

    @property
    def examples(self) -> list[Schema]:
        """Whole attributes, as the kind's file gives them."""
        return list(self.kind.schema.get("examples", ()))

    def stored(self) -> Schema:
        """Attributes as the API answers with them."""
        kind = self.kind
        secret = set(kind.sensitive)
        properties = {n: self._answered(kind.properties[n]) for n in kind.managed if n not in secret}
        required = [n for n in kind.required if n not in secret]
        return self._object(properties, required, [{n: v for n, v in e.items() if n not in secret} for e in self.examples])

    def new(self) -> Schema:
        """Attributes that a client gives at creation. Null stands for nothing, not even a default."""
        return self._object(self._asked(self.kind.required), list(self.kind.required), self.examples)

    def patch(self) -> Schema:
        """A merge patch (RFC 7396) of attributes: null takes away, what is not written stays."""
        kept = [n for n in self.kind.required if n not in self.kind.sensitive]
        return self._object(self._asked(kept), [], self.patch_examples)

    @property
    def patch_examples(self) -> list[Schema]:
        """Made of the first example: one thing changed, and one taken away."""
        fixed = {*self.kind.immutable, *self.kind.required, *self.kind.sensitive}
        free = [(n, v) for e in self.examples[:1] for n, v in e.items() if n not in fixed]
        settable = free or [(n, v) for e in self.examples[:1] for n, v in e.items() if n not in self.kind.immutable]
        taken = [{name: None} for name, _ in free[-1:]]
        return [dict([pair]) for pair in settable[:1]] + taken

    def observed(self) -> Schema:
        """What the platform sees. Open: a platform may see more than the kind names."""
        kind = self.kind
        properties = {n: _cleaned(kind.properties[n]) for n in kind.observed}
        return {"type": "object", "description": "What the server sees; read only.", "properties": properties}

    def _object(self, properties: Schema, required: list[str], examples: list[Schema]) -> Schema:
        made: Schema = {"type": "object", "description": self.kind.description, "properties": properties}
        if required:
            made["required"] = required
        if self.kind.schema.get("additionalProperties") is not None:
            made["additionalProperties"] = self.kind.schema["additionalProperties"]
        return made | ({"examples": examples} if examples else {})

    def _asked(self, required: Any) -> dict[str, Schema]:
        return {
            n: self._nullable(self._written(self.kind.properties[n], (n,)), n not in required) | self._shown(n) for n in self.kind.managed
        }

    def _shown(self, name: str) -> Schema:
        values = [e[name] for e in self.examples if name in e]
        return {"examples": values} if values else {}

    def _answered(self, prop: Mapping[str, Any]) -> Schema:
        return _cleaned(prop, self._annotated, answered=True)

    def _written(self, prop: Mapping[str, Any], path: tuple[str, ...]) -> Schema:
        """A value that a client sends. In a map that merges key by key, null takes a key away."""
        made = _cleaned(prop, self._annotated)
        if not self.kind.is_map(path):
            return made
        needed = prop.get("required", ())
        for name, below in prop.get("properties", {}).items():
            made["properties"][name] = self._nullable(self._written(below, (*path, name)), name not in needed)
        if isinstance(prop.get("additionalProperties"), Mapping):
            made["additionalProperties"] = self._nullable(self._written(prop["additionalProperties"], (*path, "*")), True)
        return made

    @staticmethod
    def _nullable(prop: Schema, may: bool) -> Schema:
        """The same, or null. What must be there and may be of any type is not null."""
        kinds = prop.get("type")
        if not may:
            return prop if kinds or "enum" in prop else prop | {"not": {"type": "null"}}
        made = dict(prop)
        if "enum" in made:
            made["enum"] = [*made["enum"], None] if None not in made["enum"] else made["enum"]
        if "const" in made:
            return {"anyOf": [made, {"type": "null"}]}
        if isinstance(kinds, str):
            made["type"] = [kinds, "null"]
        elif isinstance(kinds, list) and "null" not in kinds:
            made["type"] = [*kinds, "null"]
        return made

    def _annotated(self, prop: Mapping[str, Any]) -> Schema:
        """What orgform's own keywords say of a value, in words that every reader of a schema knows."""
        reference = prop.get("x-reference")
        said = dict(self.word(reference["kind"])) if reference else _format(prop["format"]) if "format" in prop else {}
        notes = [prop["description"]] if "description" in prop else []
        if reference:
            named = self.kinds[reference["kind"]]
            built_in = f" Built in: {', '.join(f'`{word}`' for word in named.builtin)}." if named.builtin else ""
            notes.append(f"Key of a {named.title.lower()}.{built_in}")
        if prop.get("x-immutable"):
            notes.append("Cannot be changed once it is set.")
        if prop.get("x-sensitive"):
            notes.append("A secret: it is never answered.")
            said["writeOnly"] = True
        if prop.get("x-set"):
            notes.append("A set: order and repetition say nothing.")
        if "x-default" in prop:
            said["default"] = prop["x-default"]
        return said | ({"description": " ".join(notes)} if notes else {})


def _format(name: str) -> Schema:
    return dict(_FORMATS.get(name, {"format": name} if name else {}))


def _cleaned(prop: Mapping[str, Any], annotate: Callable[[Mapping[str, Any]], Schema] | None = None, *, answered: bool = False) -> Schema:
    """A property without orgform's own keywords. `answered`: as it is stored, where the items of a set are unique."""
    made: Schema = {k: v for k, v in prop.items() if not k.startswith("x-") and k not in _DROPPED and k != "format"}
    if "format" in prop and annotate is None:
        made |= _format(prop["format"])
    if annotate is not None:
        made |= annotate(prop)
    if answered and prop.get("x-set"):
        made["uniqueItems"] = True
    if "properties" in prop:
        made["properties"] = {n: _cleaned(p, annotate, answered=answered) for n, p in prop["properties"].items()}
    for word in ("items", "additionalProperties"):
        if isinstance(prop.get(word), Mapping):
            made[word] = _cleaned(prop[word], annotate, answered=answered)
    return made
