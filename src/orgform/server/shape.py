"""The kinds as the API serves them: keys, merging, checking and normalising of attributes, all from the kinds' schemas.

Invariant: everything here is pure. What passes `KindShape.settle` has the shape that the kind's schema gives it, and is normalised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import Any, Literal

import jsonschema_rs

from orgform import formats
from orgform.codec import Struct, decode, encode
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import Address, Attributes
from orgform.server.problems import MOST_FAULTS, Fault, conflict, invalid, many_faults, pointer

LONGEST_KEY = 1000
# A value that readers of a whole page could not decode would hide the page from all of them.
DEEPEST = 100
# Attributes with more values than these are told the first fault of their shape only.
SEARCHED = 100
# A bulk load names the same few words again and again.
KNOWN_WORDS = 1 << 14
LONGEST_KNOWN_WORD = 254


class Link(Struct, frozen=True):
    """`source` names `target`; `path` is dotted, empty where it is part of the source's address."""

    target: str
    path: str
    rule: Literal["cascade", "restrict"]


class Node(Struct, frozen=True):
    """What is to be normalised at one place of a schema, and below it."""

    format: str = ""
    refers: str = ""
    is_set: bool = False
    properties: dict[str, Node] = {}
    items: Node | None = None
    values: Node | None = None

    def __bool__(self) -> bool:
        return bool(self.format or self.refers or self.is_set or self.properties or self.items or self.values)


class Shapes:
    """All kinds: by the name of their collection in the API, and by kind."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.of = {kind.name: KindShape(kind, self) for kind in kinds.values()}
        self.by_api = {shape.kind.api: shape for shape in self.of.values()}
        self.builtin: dict[str, Mapping[str, Any]] = {k.address(key): word for k in kinds.values() for key, word in k.builtin.items()}
        self._known_word = lru_cache(KNOWN_WORDS)(self._settled_word)
        self.identity: Callable[[str], tuple[Address, ...]] = lru_cache(KNOWN_WORDS)(kinds.identity_references)

    def address(self, address: str) -> KindShape:
        """Raises a 409 problem for what is stored of a kind that is not installed (any more)."""
        shape = self.of.get(address.partition("/")[0])
        if shape is None:
            raise conflict("unknown-kind", f"{address} is of a kind that this server does not have; install the package that brings it")
        return shape

    def access(self, address: str) -> Mapping[str, Any]:
        """What part the resource's kind takes in access; nothing where the kind is not installed."""
        kind = self.kinds.get(address.partition("/")[0])
        return kind.access if kind else {}

    def word(self, kind: str, word: str) -> tuple[str, str | None]:
        """A key part of `kind`, normalised, and what is wrong with it."""
        return self._known_word(kind, word) if len(word) <= LONGEST_KNOWN_WORD else self._settled_word(kind, word)

    def _settled_word(self, kind: str, word: str) -> tuple[str, str | None]:
        key = self.kinds[kind].key
        if key is None:
            return word, None
        wrong = _fault(key.format, word)
        return (word, wrong) if wrong else (formats.normalise(key.format, word), None)


class KindShape:
    """One kind as the API serves it."""

    def __init__(self, kind: Kind, shapes: Shapes) -> None:
        self.kind = kind
        self.shapes = shapes
        self._managed = frozenset(kind.managed)
        self._closed = kind.schema.get("additionalProperties") is False
        self._principals = sorted(kind.key.references, key=lambda r: -len(r.prefix)) if kind.key else []
        properties = {n: p for n, p in kind.properties.items() if n in self._managed}
        self.node = _node({"properties": properties})
        self.typed = tuple((n, p["x-typed-by"]) for n, p in properties.items() if "x-typed-by" in p)
        self._observed = {invite: self._first_observed(invite=invite) for invite in (True, False)}
        self.values_typed = tuple((n, p["x-values-typed-by"]) for n, p in properties.items() if "x-values-typed-by" in p)

    @cached_property
    def _validator(self) -> Any:
        """A secret is required at creation only: it is not kept, so a later patch cannot be merged with it. No message repeats it."""
        properties = {n: p for n, p in self.kind.properties.items() if n in self._managed}
        required = [n for n in self.kind.required if n not in self.kind.sensitive]
        schema = {**self.kind.schema, "properties": properties, "required": required}
        return jsonschema_rs.validator_for(schema, mask="the value" if self.kind.sensitive else None)

    def initial_observed(self, *, invite: bool) -> Mapping[str, Any]:
        """What the platform sees of a new resource: the first word of each list; a subject is active at once unless it is invited."""
        return self._observed[invite]

    def _first_observed(self, *, invite: bool) -> Mapping[str, Any]:
        first = {n: p["enum"][0] for n, p in self.kind.properties.items() if p.get("x-observed") and p.get("enum")}
        return first if invite else {**first, **self.kind.access.get("active", {})}

    def address(self, key: str, at: str = "/key") -> Address:
        """The address that a key names, normalised. Raises a 422 problem."""
        kind = self.kind
        if kind.singleton and not kind.parent:
            if key not in ("", kind.name):
                raise invalid("key", f"there is one {kind.name}, and its key is {kind.name}", at)
            return kind.address()
        parts = key.split("/")
        if len(parts) != kind.depth or not all(parts) or len(key) > LONGEST_KEY:
            raise invalid("key", f"the key of a {kind.name} is {self.key_form}, of at most {LONGEST_KEY} characters", at)
        settled = [self._part(i, part, at) for i, part in enumerate(parts)]
        return kind.address(*settled)

    @property
    def key_form(self) -> str:
        parent = (f"{self.kind.parent.upper()}",) if self.kind.parent else ()
        own = (self.kind.key.name.upper(),) if self.kind.key else ()
        return "/".join((*parent, *own))

    def _part(self, index: int, part: str, at: str) -> str:
        if index == 0 and self.kind.parent:
            word, wrong = self.shapes.word(self.kind.parent, part)
        else:
            word, wrong = self._own_part(part)
        if wrong:
            raise invalid("format", wrong, at)
        return word

    def _own_part(self, part: str) -> tuple[str, str | None]:
        key = self.kind.key
        if key is None or not key.references:
            return self.shapes.word(self.kind.name, part)
        for ref in self._principals:
            if part.startswith(ref.prefix):
                word, wrong = self.shapes.word(ref.kind, part.removeprefix(ref.prefix))
                return ref.prefix + word, wrong
        return part, f"names none of {', '.join(r.kind for r in key.references)}"

    def merge(self, before: Attributes, patch: Attributes) -> Attributes:
        """A merge patch (RFC 7396) on attributes; what the kind does not manage key by key is replaced whole."""
        return self._merge(before, patch, ())

    def _merge(self, before: Mapping[str, Any], patch: Mapping[str, Any], at: tuple[str, ...]) -> Attributes:
        merged = dict(before)
        for name, value in patch.items():
            path = (*at, name)
            if value is None:
                merged.pop(name, None)
            elif isinstance(value, dict) and self.kind.is_map(path):
                below = merged.get(name)
                merged[name] = self._merge(below if isinstance(below, dict) else {}, value, path)
            else:
                merged[name] = value
        return merged

    def refuse_foreign(self, patch: Attributes) -> None:
        """Refuses attributes that no client may write: observed ones, the config's own, unknown ones."""
        foreign = (n for n in patch if n not in self._managed and (self._closed or n in self.kind.properties))
        unknown = (Fault(pointer("attributes", n), self._why_foreign(n), "unknown-attribute") for n in foreign)
        faults = chain(unknown, self._nothings(patch, self.kind.schema, ()))
        if first := next(faults, None):
            raise many_faults(chain((first,), faults))

    def _nothings(self, patch: Mapping[str, Any], prop: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[Fault]:
        """Nulls inside maps for what can never be there: they would take nothing away, unseen."""
        named = prop.get("properties", {})
        for name, value in patch.items():
            path = (*at, name)
            if isinstance(value, dict) and name in named and self.kind.is_map(path):
                yield from self._nothings(value, named[name], path)
            elif value is None and at and not _may_hold(prop, name):
                yield Fault(pointer("attributes", *path), f"{'.'.join(at)} cannot hold {name!r}", "unknown-attribute")

    def require_secrets(self, attributes: Attributes) -> None:
        """At creation every secret that the kind requires is given."""
        missing = [n for n in self.kind.sensitive if n in self.kind.required and n not in attributes]
        if missing:
            raise many_faults([Fault("/attributes", f"{n!r} is a required property", "schema") for n in missing])

    def _why_foreign(self, name: str) -> str:
        if name in self.kind.observed:
            return f"{name} is observed by the platform, it cannot be written"
        if name in self.kind.local:
            return f"{name} is the config's own, it is not kept here"
        return f"a {self.kind.name} has no attribute {name!r}; it has {', '.join(sorted(self._managed))}"

    def settle(self, attributes: Attributes) -> tuple[Attributes, str]:
        """Checks whole attributes and normalises them; returns what is kept, and its JSON. Raises a 422 with every fault."""
        if not self._validator.is_valid(attributes):
            raise many_faults(self._fault(e) for e in self._errors(attributes))
        faults: list[Fault] = []
        settled = self._normalised(attributes, self.node, ("attributes",), faults)
        if faults:
            raise many_faults(faults)
        kept = {n: v for n, v in settled.items() if n not in self.kind.sensitive} if self.kind.sensitive else settled
        try:
            text = encode(kept).decode()
        except (RecursionError, OverflowError, ValueError) as e:
            raise invalid("value", f"the attributes hold a value that is nested too deep or too large: {e}", "/attributes") from e
        if text.count("{") + text.count("[") > DEEPEST and _deeper_than(kept, DEEPEST):
            raise invalid("value", f"the attributes are nested deeper than {DEEPEST} levels", "/attributes")
        return kept, text

    def _errors(self, attributes: Attributes) -> Iterable[Any]:
        """What is wrong with attributes. The validator finds everything or one thing: of a great many values it is to find the first."""
        if not _has_more_than(SEARCHED, attributes):
            return list(self._validator.iter_errors(attributes))
        try:
            self._validator.validate(attributes)
        except jsonschema_rs.ValidationError as e:
            return [e]
        return []

    @staticmethod
    def _fault(error: Any) -> Fault:
        return Fault(pointer("attributes", *error.instance_path), error.message[:300], "schema")

    def _normalised(self, value: Any, node: Node | None, at: tuple[object, ...], faults: list[Fault]) -> Any:
        if not node:
            return value
        if len(faults) >= MOST_FAULTS:
            return value  # nobody is told of more, and it is refused anyway
        if isinstance(value, dict):
            names = value if node.values else node.properties
            below = {n: self._normalised(value[n], node.properties.get(n, node.values), (*at, n), faults) for n in names if n in value}
            return value | below
        if isinstance(value, list):
            return self._normalised_list(value, node, at, faults)
        if isinstance(value, str):
            return self._normalised_word(value, node, at, faults)
        if node.refers:
            faults.append(Fault(pointer(*at), f"{value!r} names no {node.refers}", "format"))
        return value

    def _normalised_list(self, value: list[Any], node: Node, at: tuple[object, ...], faults: list[Fault]) -> list[Any]:
        settled = [self._normalised(v, node.items, (*at, i), faults) for i, v in enumerate(value)]
        if not node.is_set:
            return settled
        return [decode(v) for v in sorted({encode(v) for v in settled})] if not _plain(settled) else sorted(set(settled))

    def _normalised_word(self, value: str, node: Node, at: tuple[object, ...], faults: list[Fault]) -> str:
        if node.refers:
            word, wrong = self.shapes.word(node.refers, value)
        else:
            wrong = _fault(node.format, value) if node.format else None
            word = value if wrong or not node.format else formats.normalise(node.format, value)
        if wrong:
            faults.append(Fault(pointer(*at), f"{at[1]} is no good {node.format}" if at[1] in self.kind.sensitive else wrong, "format"))
        return word

    def links(self, address: Address, attributes: Attributes) -> Iterator[Link]:
        """What a resource names. Built-in words are left out, but for those that make somebody an admin."""
        for target in self.shapes.identity(address):
            yield Link(target, "", "cascade")
        for ref, target in self.shapes.kinds.attribute_references(address, attributes):
            word = self.shapes.builtin.get(target)
            if word is None or word.get("admin"):
                yield Link(target, ".".join(ref.path), "restrict")

    def moved(self, address: str, old: str, new: str) -> Address:
        """The address of a resource that carries the key of `old`, once that is `new`."""
        kind, parts = self.kind, address.split("/")[1:]
        old_kind, old_key, new_key = old.partition("/")[0], old.partition("/")[2], new.partition("/")[2]
        if kind.parent == old_kind and parts[0] == old_key:
            parts[0] = new_key
        for ref in kind.key.references if kind.key else ():
            if ref.kind == old_kind and parts[-1] == ref.prefix + old_key:
                parts[-1] = ref.prefix + new_key
        return kind.address(*parts)

    def renamed_references(self, attributes: Attributes, old: str, new: str) -> Attributes:
        """Attributes with every reference to `old` naming `new`."""
        word, with_ = old.partition("/")[2], new.partition("/")[2]
        renamed: Attributes = decode(encode(attributes), dict[str, Any])
        for ref in self.kind.references:
            if ref.kind == old.partition("/")[0]:
                _replace_words(renamed, ref, word, with_)
        return renamed


def _replace_words(attributes: Attributes, ref: Reference, old: str, new: str) -> None:
    holder: Any = attributes
    for name in ref.path[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or ref.path[-1] not in holder:
        return
    value = holder[ref.path[-1]]
    if ref.many:
        holder[ref.path[-1]] = [new if v == old else v for v in value]
    elif value == old:
        holder[ref.path[-1]] = new


def _node(prop: Any) -> Node:
    if not isinstance(prop, Mapping):
        return Node()
    reference = prop.get("x-reference", {})
    below = {n: _node(p) for n, p in prop.get("properties", {}).items()}
    return Node(
        format=prop.get("format", ""),
        refers=reference.get("kind", ""),
        is_set=prop.get("x-set", False),
        properties={n: node for n, node in below.items() if node},
        items=_node(prop.get("items")) or None,
        values=_node(prop.get("additionalProperties")) or None,
    )


def _fault(format: str, word: str) -> str | None:
    """What is wrong with a word. Formats that a plug-in has of its own are judged no further than that they can be read."""
    if format not in formats.FORMATS:
        return f"{word!r} holds a control character" if formats.CONTROL.search(word) else None
    problem = formats.check(format, word)
    return problem.summary if problem else None


def _may_hold(prop: Mapping[str, Any], name: str) -> bool:
    if prop.get("additionalProperties") is False and name not in prop.get("properties", {}):
        return False
    return "propertyNames" not in prop or bool(jsonschema_rs.is_valid(prop["propertyNames"], name))


def _has_more_than(number: int, value: Any) -> bool:
    """Whether there are more values in it than so many, at any depth."""
    known = [value]
    for found in known:  # which grows meanwhile
        below = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
        known.extend(islice(below, number + 1))
        if len(known) > number + 1:
            return True
    return False


def _deeper_than(value: Any, levels: int) -> bool:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return below is not None and (levels == 0 or any(_deeper_than(v, levels - 1) for v in below))


def _plain(values: list[Any]) -> bool:
    return all(isinstance(v, str) for v in values)


def fits(word: Any, value: Any) -> bool:
    """Whether `value` is of the type that a word names: boolean, string, number, object."""
    if word == "boolean":
        return isinstance(value, bool)
    if word == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "object": dict}.get(word, object))
