"""`until`: after its last day, what it stands on counts as not written, and so does every reference to it.

Invariant: what is left has no reference to what is gone, as if nobody had written either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orgform.codec import replace
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import Address, Desired, address_of, key_of, kind_of


def judged(desired: dict[Address, Desired], kinds: Kinds, today: str) -> tuple[dict[Address, Desired], dict[Address, str]]:
    """(what counts today, what does not with its last day). `today` and `until` are YYYY-MM-DD, which sorts like the calendar."""
    gone = {address: d.until for address, d in desired.items() if d.until is not None and d.until < today}
    if not gone:
        return desired, {}
    kept = {address: d for address, d in desired.items() if address not in gone}
    while lost := _dependents(kept, kinds, gone):
        gone.update(lost)
        for address in lost:
            del kept[address]
    gone_kinds = {kind_of(address) for address in gone}
    affected = {name: kind.references for name, kind in kinds.items() if any(ref.kind in gone_kinds for ref in kind.references)}
    for address, each in kept.items():
        references = affected.get(kind_of(address))
        if references:
            kept[address] = _without(each, references, gone)
    return kept, gone


def _dependents(kept: Mapping[Address, Desired], kinds: Kinds, gone: Mapping[Address, str]) -> dict[Address, str]:
    """What is named after something that is gone, and what needs an attribute that named it."""
    rules = {name: _Rule(kinds[name], gone) for name in kinds}
    found: dict[Address, str] = {}
    for address, each in kept.items():
        rule = rules[kind_of(address)]
        if rule.idle:
            continue
        lost = rule.words.get(address.rpartition("/")[2]) or (rule.parents.get(address.split("/", 2)[1]) if rule.parents else None)
        lost = lost or next((gone[a] for a in _required(each, rule.needed) if a in gone), None)
        if lost is not None:
            found[address] = lost
    return found


class _Rule:
    """What makes a resource of a kind go: words in its own key and keys of its parent, with the last day; references that it needs."""

    def __init__(self, kind: Kind, gone: Mapping[Address, str]) -> None:
        own = kind.key.references if kind.key else ()
        self.words = {ref.prefix + key_of(a): day for ref in own for a, day in gone.items() if kind_of(a) == ref.kind}
        self.parents = {key_of(a): day for a, day in gone.items() if kind_of(a) == kind.parent}
        gone_kinds = {kind_of(a) for a in gone}
        self.needed = [ref for ref in kind.references if ref.path[0] in kind.required and ref.kind in gone_kinds]
        self.idle = not (self.words or self.parents or self.needed)


def _required(desired: Desired, needed: Iterable[Reference]) -> Iterable[Address]:
    for ref in needed:
        value: Any = desired.attributes
        for step in ref.path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str):
            yield address_of(ref.kind, value)


def _without(desired: Desired, references: Iterable[Reference], gone: Mapping[Address, str]) -> Desired:
    attributes = desired.attributes
    for ref in references:
        attributes = _cut(attributes, ref, ref.path, gone)
    return desired if attributes is desired.attributes else replace(desired, attributes=attributes)


def _cut(value: dict[str, Any], ref: Reference, path: tuple[str, ...], gone: Mapping[Address, str]) -> dict[str, Any]:
    """The attributes without what the reference names; an attribute that held it deeper inside goes as a whole."""
    name = path[0]
    held = value.get(name)
    if held is None:
        return value
    if ref.many and len(path) == 1:
        left = [word for word in held if address_of(ref.kind, word) not in gone]
        return value if len(left) == len(held) else {**value, name: left}
    for step in path[1:]:
        held = held.get(step) if isinstance(held, dict) else None
    words = held if ref.many and held else [held]
    if not any(isinstance(word, str) and address_of(ref.kind, word) in gone for word in words):
        return value
    return {k: v for k, v in value.items() if k != name}
