"""Kinds are data: `schemas/kinds/<kind>.json`, plus the same files from plug-in packages (entry point group `orgform.kinds`).

Invariant: everything the core knows of a kind is read here from its file; no other module holds a kind's name as a rule.
The `x-` keywords are documented in docs/adding-a-kind.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from orgform.codec import Struct, decode
from orgform.errors import OrgformError
from orgform.model import Address, Attributes, address_of, kind_of, parts_of

ENTRY_POINT_GROUP = "orgform.kinds"


class Reference(Struct, frozen=True):
    """One place in a kind that names another resource.

    `path` leads to it in the attributes (`("auto_join", "workspace")`); empty for the resource's own key. `many`: a list of them.
    `prefix` stands before the key where the word may name several kinds (`group:`). `where` are attributes that the referent must
    have (`{"scope": "workspace"}`, or `{"scope": {"same": "scope"}}` for the referrer's own value). `acyclic`: following it never returns.
    `identity`: it is part of the address (a parent, or a membership's principal): the resource goes when the referent goes.
    """

    path: tuple[str, ...]
    kind: str
    prefix: str = ""
    many: bool = False
    where: dict[str, Any] = {}
    acyclic: bool = False
    identity: bool = False


class KeySpec(Struct, frozen=True):
    """The resource's own key part: the name of its CSV column, and its format, or what it refers to. `examples` are for people."""

    name: str
    format: str = ""
    references: tuple[Reference, ...] = ()
    examples: tuple[str, ...] = ()


class Kind:
    """One kind, as its schema file says. `schema` is the file's content."""

    def __init__(self, schema: Mapping[str, Any], origin: str = "orgform") -> None:
        self.schema = schema
        self.origin = origin
        self.name: str = schema["x-kind"]
        self.title: str = schema.get("title", self.name)
        self.description: str = schema.get("description", "")
        self.collection: str = schema["x-collection"]
        self.api: str = schema.get("x-api", self.collection)
        self.parent: str | None = schema.get("x-parent")
        self.facet_of: str | None = schema.get("x-facet-of")
        self.singleton: bool = schema.get("x-singleton", False)
        self.once: bool = schema.get("x-once", False)
        self.shorthand: str | None = schema.get("x-shorthand")
        self.label: str | None = schema.get("x-label")
        self.verification: Mapping[str, Any] = schema.get("x-verification", {})
        self.access: Mapping[str, Any] = schema.get("x-access", {})
        self.builtin: Mapping[str, Mapping[str, Any]] = schema.get("x-builtin", {})
        self.irreversible: str = schema.get("x-irreversible", "")
        self.words_only: bool = schema.get("x-words-only", False)
        self.cost_bearing: str = schema.get("x-cost-bearing", "")
        self.group_by: str | None = schema.get("x-group-by")
        self.properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
        self.required: tuple[str, ...] = tuple(schema.get("required", ()))
        self.key: KeySpec | None = _key_spec(schema.get("x-key"))

    def __repr__(self) -> str:
        return f"Kind({self.name})"

    def _with(self, keyword: str) -> tuple[str, ...]:
        return tuple(n for n, p in self.properties.items() if p.get(keyword))

    @cached_property
    def managed(self) -> tuple[str, ...]:
        """Names of the attributes that are planned: not observed, not local to the config."""
        return tuple(n for n, p in self.properties.items() if not p.get("x-observed") and not p.get("x-local"))

    @cached_property
    def untyped(self) -> bool:
        """Whether an attribute may hold values of more than one type, so that `true` and `1` can meet."""
        return any(_is_untyped(p) for n, p in self.properties.items() if n in self.managed)

    @cached_property
    def observed(self) -> tuple[str, ...]:
        return self._with("x-observed")

    @cached_property
    def local(self) -> tuple[str, ...]:
        """Attributes that only the config knows (`until`, `reason`); never sent."""
        return self._with("x-local")

    @cached_property
    def expiry(self) -> str | None:
        return next(iter(self._with("x-expiry")), None)

    @cached_property
    def immutable(self) -> tuple[str, ...]:
        return self._with("x-immutable")

    @cached_property
    def sensitive(self) -> tuple[str, ...]:
        """Attributes whose value is a secret: written as a reference (`env:NAME`), never read back."""
        return self._with("x-sensitive")

    @cached_property
    def holds_data(self) -> str | None:
        """Observed attribute that says whether deleting the resource loses content."""
        return next(iter(self._with("x-holds-data")), None)

    @cached_property
    def notable(self) -> dict[str, tuple[Any, ...] | None]:
        """Observed attribute -> values worth showing; None: any that there is."""
        asked = {n: p["x-notable"] for n, p in self.properties.items() if "x-notable" in p}
        return {n: None if values is True else tuple(values) for n, values in asked.items()}

    @cached_property
    def defaults(self) -> Attributes:
        """What the API gives at creation to attributes that are not written (`x-default`)."""
        return {n: p["x-default"] for n, p in self.properties.items() if "x-default" in p}

    @cached_property
    def maps(self) -> frozenset[tuple[str, ...]]:
        """Paths of map-valued attributes whose keys are managed one by one; every other value is compared whole."""
        return frozenset(path for path, p in _walk(self.properties) if _is_map(p))

    @cached_property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Paths of set-valued lists."""
        return tuple(path for path, p in _walk(self.properties) if p.get("x-set"))

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """All references in attributes; those of the address are `key.references` and `parent`."""
        return tuple(ref for path, p in _walk(self.properties) for ref in _references(path, p))

    @property
    def depth(self) -> int:
        """How many parts a key of this kind has."""
        return (1 if self.parent else 0) + (0 if self.singleton and self.parent else 1)

    def address(self, *parts: str) -> Address:
        """The address from parts, outermost first. The company-like singleton without a parent has its own name as key."""
        if self.singleton and not self.parent:
            return address_of(self.name, self.name)
        return address_of(self.name, *parts)

    def is_map(self, path: tuple[str, ...]) -> bool:
        """Whether the value at `path` merges key by key. Below a map without named properties every nested map does too."""
        return path in self.maps or (path[:-1], "*") in self._open_maps

    @cached_property
    def _open_maps(self) -> frozenset[tuple[tuple[str, ...], str]]:
        return frozenset((path, "*") for path, p in _walk(self.properties) if _is_map(p) and _is_map(p.get("additionalProperties")))


class Kinds(Mapping[str, Kind]):
    """All kinds by name, with what follows from them together."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        known = sorted(kinds, key=lambda k: k.name)
        self._kinds = {k.name: k for k in known if not k.once}
        #: what is done once under its own id; only a platform that names such a kind has it, and it is not among those that are listed
        self.operations = {k.name: k for k in known if k.once}

    def __getitem__(self, name: str) -> Kind:
        return self._kinds.get(name) or self.operations.get(name) or self.facets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def of(self, address: str) -> Kind:
        return self[kind_of(address)]

    @cached_property
    def facets(self) -> dict[str, Kind]:
        """`workspace.settings`: maps with named keys of kinds that have keys, which a target may take without the rest of the resource.

        They are no kinds of their own: nothing lists them, and a config has their resources only where a target claims them.
        """
        whole = [k for k in self.values() if k.key and not k.parent]
        return {f.name: f for k in whole for name in k.managed if k.properties[name].get("properties") for f in (_facet(k, name),)}

    @cached_property
    def top_level(self) -> dict[str, Kind]:
        """Config key -> kind, for kinds that stand at the top of a config."""
        return {k.collection: k for k in (*self.values(), *self.operations.values()) if not k.parent}

    def children(self, kind: str) -> dict[str, Kind]:
        """Config key -> kind, for kinds that stand under an entry of `kind`."""
        return self._children.get(kind, {})

    @cached_property
    def _children(self) -> dict[str, dict[str, Kind]]:
        found: dict[str, dict[str, Kind]] = {}
        for kind in self.values():
            if kind.parent:
                found.setdefault(kind.parent, {})[kind.collection] = kind
        return found

    def having_access(self, role: str) -> tuple[Kind, ...]:
        """Kinds that take part in access as `subject`, `group`, `grant`, `auto_join`, `scope` or `role`."""
        return tuple(k for k in self.values() if k.access.get("as") == role)

    def parent_of(self, address: str) -> Address | None:
        """The address that a child's address begins with; `None` at top level."""
        kind = self.of(address)
        return address_of(kind.parent, parts_of(address)[0]) if kind.parent else None

    def identity_references(self, address: str) -> tuple[Address, ...]:
        """Addresses that are part of this one: its parent, then what its own key names."""
        kind = self.of(address)
        parts = parts_of(address)
        parent = (address_of(kind.parent, parts[0]),) if kind.parent else ()
        own = resolve(kind.key.references, parts[-1]) if kind.key and kind.key.references else None
        return (*parent, own) if own else parent

    def attribute_references(self, address: str, attributes: Attributes) -> Iterator[tuple[Reference, Address]]:
        """Every reference that the attributes hold; built-in entries (role `owner`) included."""
        for ref in self.of(address).references:
            for word in _words(attributes, ref):
                yield ref, address_of(ref.kind, word)

    @cached_property
    def untyped(self) -> tuple[str, ...]:
        """Address prefixes of the kinds that hold values of any type."""
        return tuple(f"{name}/" for name, kind in {**self, **self.facets}.items() if kind.untyped)

    def is_builtin(self, address: str) -> bool:
        kind = self._kinds.get(kind_of(address))
        return kind is not None and address.partition("/")[2] in kind.builtin

    @cached_property
    def digest_input(self) -> list[Any]:
        """All schemas, for cache keys."""
        return [k.schema for k in (*self.values(), *self.operations.values())]


def resolve(references: Iterable[Reference], word: str) -> Address:
    """`group:support` -> `group/support`; the reference without a prefix takes what no prefix claims."""
    plain: Reference | None = None
    for ref in references:
        if ref.prefix and word.startswith(ref.prefix):
            return address_of(ref.kind, word.removeprefix(ref.prefix))
        if not ref.prefix:
            plain = plain or ref
    if plain is None:
        raise ValueError(f"{word!r} names none of the kinds it may")
    return address_of(plain.kind, word)


@lru_cache(maxsize=1)
def load_kinds() -> Kinds:
    """The shipped kinds and those of installed plug-ins. Raises `OrgformError` where two claim one name or place."""
    kinds = [Kind(decode(p.read_bytes())) for p in sorted((schema_folder() / "kinds").glob("*.json"))]
    kinds.extend(_plugin_kinds())
    seen: dict[object, Kind] = {}
    for kind in kinds:
        for claim in (kind.name, (kind.parent, kind.collection), ("api", kind.api)):
            other = seen.setdefault(claim, kind)
            if other is not kind:
                raise OrgformError(
                    f"the kinds {other.name} (from {other.origin}) and {kind.name} (from {kind.origin}) both claim {claim!r}",
                    hint="uninstall one of the two packages",
                )
    return Kinds(kinds)


def schema_folder() -> Path:
    """`schemas/` beside the code in a wheel, at the top of the repository in a checkout."""
    packaged = Path(__file__).parent / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "schemas"


def _plugin_kinds() -> Iterator[Kind]:
    from importlib.metadata import entry_points
    from importlib.resources import files

    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        for item in sorted(files(point.value).iterdir(), key=lambda i: i.name):
            if item.name.endswith(".json"):
                yield Kind(decode(item.read_bytes()), origin=point.value)


def _key_spec(raw: Mapping[str, Any] | None) -> KeySpec | None:
    if raw is None:
        return None
    listed = raw.get("reference", [])
    references = tuple(_reference((), r, identity=True) for r in (listed if isinstance(listed, list) else [listed]))
    return KeySpec(raw["name"], raw.get("format", ""), references, tuple(raw.get("examples", ())))


def _reference(path: tuple[str, ...], raw: Mapping[str, Any], *, many: bool = False, identity: bool = False) -> Reference:
    return Reference(
        path, raw["kind"], raw.get("prefix", ""), many, raw.get("where", {}), acyclic=raw.get("acyclic", False), identity=identity
    )


def _references(path: tuple[str, ...], prop: Mapping[str, Any]) -> Iterator[Reference]:
    if "x-reference" in prop:
        yield _reference(path, prop["x-reference"])
    items = prop.get("items", {})
    if "x-reference" in items:
        yield _reference(path, items["x-reference"], many=True)


def _walk(properties: Mapping[str, Mapping[str, Any]], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for name, prop in properties.items():
        path = (*above, name)
        yield path, prop
        yield from _walk(prop.get("properties", {}), path)


def _facet(kind: Kind, attribute: str) -> Kind:
    prop = kind.properties[attribute]
    schema = {
        "x-kind": f"{kind.name}.{attribute}",
        "x-collection": attribute,
        "x-parent": kind.name,
        "x-singleton": True,
        "x-facet-of": kind.name,
        "title": f"{kind.title} {attribute}",
        "description": prop.get("description", ""),
        "properties": prop["properties"],
    }
    return Kind(schema, origin=kind.origin)


def _is_untyped(prop: Any) -> bool:
    if not isinstance(prop, Mapping) or "enum" in prop:
        return False
    types = prop.get("type", ())
    plain = [t for t in ([types] if isinstance(types, str) else types) if t != "null"]
    below = [prop[word] for word in ("additionalProperties", "items") if isinstance(prop.get(word), Mapping)]
    return len(plain) != 1 or any(map(_is_untyped, (*prop.get("properties", {}).values(), *below)))


def _is_map(prop: Any) -> bool:
    return isinstance(prop, Mapping) and not prop.get("x-atomic") and prop.get("type") == "object"


def _words(attributes: Attributes, ref: Reference) -> Iterable[str]:
    value: Any = attributes
    for part in ref.path:
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ()
    return value if ref.many else (value,)
