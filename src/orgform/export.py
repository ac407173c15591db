"""Live state -> config documents, as one would have written them: `{relative file name: text}`.

Invariant: pure; what is written, read again by `config`, plans no change against the live state it came from. What is observed, what is
secret and what is empty is left out, and so is what equals a default, except where access hangs on it: a grant that is not written
would not be managed, and nobody would see it change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orgform.codec import replace
from orgform.config.source import dump_yaml
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attributes, Desired, Live, TargetConfig, key_of, parts_of
from orgform.planning.access import is_platforms_own

SINGLE_FILE = "company.yaml"
Tree = dict[str, Any]


def documents(live: Mapping[Address, Live], kinds: Kinds, targets: Mapping[str, TargetConfig], *, split: bool) -> dict[str, str]:
    """The whole live state as text; `split`: the layout one would keep in a folder (each kind's `x-file`), else one file.

    `targets` are written as the config has them, secrets as the references they are.
    """
    found = trees(live, kinds, targets)
    if not split:
        found = {SINGLE_FILE: _sorted(_joined(found.values()), _reading_order(kinds))}
    return {file: text_of(tree) for file, tree in found.items()}


def sayable(live: Mapping[Address, Live], declared: Mapping[Address, Desired], kinds: Kinds) -> tuple[dict[Address, Live], tuple[str, ...]]:
    """What a config can say of the live state: an attribute that people set up there as no config could is taken as `declared` has it, and
    what cannot be without it is left out. With a sentence for each that was."""
    found: dict[Address, Live] = {}
    notes: list[str] = []
    for address, resource in live.items():
        if theirs := _platforms_own(address, resource.attributes, kinds):
            own = declared[address].attributes if address in declared else {}
            kept = {n: own[n] if n in theirs else v for n, v in resource.attributes.items() if n not in theirs or n in own}
            resource = replace(resource, attributes=kept)
            words = ", ".join(f"its {name} is {word}" for name, word in sorted(theirs.items()))
            notes.append(f"{address}: {words}, which is the platform's own and left out; the target's `roles` give it a name")
        if resource.unmanaged:
            own = declared[address].attributes if address in declared else {}
            resource = replace(resource, attributes={**resource.attributes, **{n: own[n] for n in resource.unmanaged if n in own}})
            if missing := [n for n in kinds.of(address).required if n in resource.unmanaged and n not in resource.attributes]:
                notes.append(f"{address} is left out: its {missing[0]} is {resource.unmanaged[missing[0]]}, which a config cannot say")
                continue
        found[address] = resource
    return found, tuple(notes)


def _platforms_own(address: Address, attributes: Attributes, kinds: Kinds) -> dict[str, str]:
    """Attribute -> a role that has no name in any config."""
    if not any(":" in str(word) for word in attributes.values()):
        return {}
    found = kinds.attribute_references(address, attributes)
    return {reference.path[0]: key_of(referent) for reference, referent in found if is_platforms_own(referent, kinds)}


def trees(live: Mapping[Address, Live], kinds: Kinds, targets: Mapping[str, TargetConfig]) -> dict[str, Tree]:
    """File name -> its tree, in the order one reads them: the company's file first."""
    files: dict[str, Tree] = {SINGLE_FILE: {"orgform": 1}}
    names = _FileNames(kinds)
    for address in sorted(live, key=lambda a: _place_order(kinds.of(a), a)):
        kind = kinds.of(address)
        entry = entry_of(kind, live[address].attributes, short=not kinds.children(kind.name))
        _place(files.setdefault(names.of(kind, address), {}), kind, kinds, address, entry)
    if targets:
        files[SINGLE_FILE]["targets"] = {name: _target_entry(target) for name, target in sorted(targets.items())}
    rank = _reading_order(kinds)
    return {file: _sorted(files[file], rank) for file in sorted(files, key=lambda f: (f != SINGLE_FILE, f))}


def _place_order(kind: Kind, address: str) -> tuple[str, bool, str, list[str]]:
    """An entry's attributes before its collections."""
    parts = parts_of(address)
    return (parts[0], kind.parent is not None, kind.collection, parts)


def text_of(tree: Tree) -> str:
    """YAML with an empty line between the top-level keys. What looks like a template in it is escaped."""
    return "\n".join(dump_yaml({key: value}) for key, value in tree.items())


def entry_of(kind: Kind, attributes: Attributes, *, short: bool = True) -> Any:
    """What stands under a resource's key: a map of attributes, or (`short`) the shorthand where that says it all."""
    kept = kept_attributes(kind, attributes)
    word = kept.get(kind.shorthand) if short and kind.shorthand and len(kept) == 1 else None
    return kept if word is None or isinstance(word, dict | list) else word


def kept_attributes(kind: Kind, attributes: Attributes) -> Attributes:
    """The attributes worth writing, in the schema's order, maps sorted."""
    kept: Attributes = {}
    for name in kind.managed:
        value = _without_empties(kind, (name,), attributes.get(name))
        if name in kind.required or not (_is_empty(value) or _is_implied(kind, name, value)):
            kept[name] = value
    return {name: value for name, value in kept.items() if value is not None and name not in kind.sensitive}


class _FileNames:
    """Which file a resource stands in: its kind's `x-file`, or its parent's. `{key}` in it gives every entry a file of its own."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._taken: dict[str, tuple[str, str]] = {}

    def of(self, kind: Kind, address: str) -> str:
        top = self._kinds[kind.parent] if kind.parent else kind
        pattern = file_pattern(top)
        if "{key}" not in pattern:
            return pattern
        key = parts_of(address)[0]
        stem = file_stem(key)
        # File names are compared without case on some systems.
        while self._taken.setdefault(pattern.replace("{key}", stem).lower(), (top.name, key)) != (top.name, key):
            stem += "_"
        return pattern.replace("{key}", stem)


def file_stem(key: str) -> str:
    """`.hidden.yaml` and `x.test.yaml` would be no config."""
    stem = f"_{key}" if key.startswith(".") else key
    return f"{stem}_" if stem.lower().endswith(".test") else stem


def file_pattern(kind: Kind) -> str:
    return str(kind.schema.get("x-file", SINGLE_FILE))


def _target_entry(target: TargetConfig) -> Tree:
    kinds = {"kinds": list(target.kinds)} if target.kinds is not None else {}
    roles = {"roles": dict(target.roles)} if target.roles else {}
    return {"provider": target.provider, **kinds, **roles, **target.options}


def _place(tree: Tree, kind: Kind, kinds: Kinds, address: Address, entry: Any) -> None:
    own = parts_of(address)[-1]
    if kind.parent:
        parent = parts_of(address)[0]
        tree = tree.setdefault(kinds[kind.parent].collection, {}).setdefault(parent, {})
    if kind.singleton:
        tree[kind.collection] = entry
    elif isinstance(entry, dict) and not kind.parent:
        tree.setdefault(kind.collection, {}).setdefault(own, {}).update(entry)
    else:
        tree.setdefault(kind.collection, {})[own] = entry


def _joined(parts: Iterable[Tree]) -> Tree:
    """Every entry stands in one file only, so joining goes one level deep."""
    joined: Tree = {}
    for tree in parts:
        for key, value in tree.items():
            joined[key] = {**joined[key], **value} if key in joined else value
    return joined


def _reading_order(kinds: Kinds) -> dict[str, int]:
    """The company before its targets, those before the collections; what stands on its own before what refers to it."""
    singles = [c for c, kind in kinds.top_level.items() if kind.singleton]
    many = [c for c, kind in kinds.top_level.items() if not kind.singleton]
    parents_last = sorted(many, key=lambda c: (bool(kinds.children(kinds.top_level[c].name)), c))
    return {key: rank for rank, key in enumerate(["orgform", *singles, "targets", *parents_last])}


def _sorted(tree: Tree, rank: Mapping[str, int]) -> Tree:
    return {key: tree[key] for key in sorted(tree, key=lambda k: rank[k])}


def _without_empties(kind: Kind, path: tuple[str, ...], value: Any) -> Any:
    if not isinstance(value, dict) or not kind.is_map(path):
        return value
    inner = {key: _without_empties(kind, (*path, key), value[key]) for key in sorted(value)}
    return {key: item for key, item in inner.items() if item is not None and item != {} and item != []}


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def _is_implied(kind: Kind, name: str, value: Any) -> bool:
    decisive = name == kind.shorthand or name in kind.access.values()
    return not decisive and name in kind.defaults and kind.defaults[name] == value
