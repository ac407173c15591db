"""`until`: after its last day, what it stands on counts as not written, and so does every reference to it.

Invariant: what is left has no reference to what is gone. An attribute that named it stays managed and is empty from then on: were it
merely left out, the live system would keep naming the person, and could not let them go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orgform.codec import replace
from orgform.diagnostics import Diagnostic
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import Address, Desired, address_of, key_of, kind_of


def judged(
    desired: dict[Address, Desired], kinds: Kinds, today: str
) -> tuple[dict[Address, Desired], dict[Address, str], list[Diagnostic]]:
    """(what counts today, what does not with its last day, what cannot do without it).

    `today` and `until` are YYYY-MM-DD, which sorts like the calendar.
    """
    gone = {address: d.until for address, d in desired.items() if d.until is not None and d.until < today}
    if not gone:
        return desired, {}, []
    kept = {address: d for address, d in desired.items() if address not in gone}
    while lost := _dependents(kept, kinds, gone):
        gone.update(lost)
        for address in lost:
            del kept[address]
    gone_kinds = {kind_of(address) for address in gone}
    affected = {name: kind.references for name, kind in kinds.items() if any(ref.kind in gone_kinds for ref in kind.references)}
    problems: list[Diagnostic] = []
    for address, each in kept.items():
        references = affected.get(kind_of(address))
        if references:
            kind = kinds.of(address)
            problems.extend(_needed(address, each, kind, gone))
            kept[address] = _without(each, kind, gone)
    return kept, gone, problems


def _dependents(kept: Mapping[Address, Desired], kinds: Kinds, gone: Mapping[Address, str]) -> dict[Address, str]:
    """What is named after something that is gone, with that one's last day."""
    rules = {name: _Rule(kinds[name], gone) for name in (*kinds, *kinds.operations)}
    found: dict[Address, str] = {}
    for address in kept:
        rule = rules[kind_of(address)]
        if rule.idle:
            continue
        lost = rule.words.get(address.rpartition("/")[2]) or (rule.parents.get(address.split("/", 2)[1]) if rule.parents else None)
        if lost is not None:
            found[address] = lost
    return found


class _Rule:
    """What makes a resource of a kind go, with the last day: words in its own key, and keys of its parent."""

    def __init__(self, kind: Kind, gone: Mapping[Address, str]) -> None:
        own = kind.key.references if kind.key else ()
        self.words = {ref.prefix + key_of(a): day for ref in own for a, day in gone.items() if kind_of(a) == ref.kind}
        self.parents = {key_of(a): day for a, day in gone.items() if kind_of(a) == kind.parent}
        self.idle = not (self.words or self.parents)


def _needed(address: Address, desired: Desired, kind: Kind, gone: Mapping[Address, str]) -> Iterator[Diagnostic]:
    """What the resource may not be without."""
    for ref in kind.references:
        if ref.many or ref.path[0] not in kind.required:
            continue
        value: Any = desired.attributes
        for step in ref.path:
            value = value.get(step) if isinstance(value, dict) else None
        named = address_of(ref.kind, value) if isinstance(value, str) else None
        if named is not None and named in gone:
            name = ".".join(ref.path)
            summary = f"`{name}` of {address} names {named}, whose last day was {gone[named]}"
            fix = f"a {kind.name} needs one: name somebody else, or move the last day"
            yield Diagnostic("error", "ORG304", summary, fix, desired.source)


def _without(desired: Desired, kind: Kind, gone: Mapping[Address, str]) -> Desired:
    attributes = desired.attributes
    for ref in kind.references:
        attributes = _cut(attributes, ref, 0, kind, gone)
    return desired if attributes is desired.attributes else replace(desired, attributes=attributes)


def _cut(value: dict[str, Any], ref: Reference, depth: int, kind: Kind, gone: Mapping[Address, str]) -> dict[str, Any]:
    """The map without what the reference names: lists lose the word, one value becomes empty, and so does what is managed only as a
    whole."""
    name, last = ref.path[depth], depth == len(ref.path) - 1
    held = value.get(name)
    left = held
    if last and ref.many:
        kept = [word for word in held or () if address_of(ref.kind, word) not in gone]
        left = held if held is None or len(kept) == len(held) else kept
    elif last:
        left = None if isinstance(held, str) and address_of(ref.kind, held) in gone else held
    elif isinstance(held, dict):
        left = _cut(held, ref, depth + 1, kind, gone)
        if left is not held and not ref.many and not kind.is_map(ref.path[: depth + 1]):
            left = None
    return value if left is held else {**value, name: left}
