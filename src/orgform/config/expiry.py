"""`until`: after its last day, what it stands on counts as not written, and so does every reference to it.

Invariant: what is left has no reference to what is gone, as if nobody had written either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orgform.codec import replace
from orgform.kinds import Kinds, Reference
from orgform.model import Address, Desired, address_of


def judged(desired: Mapping[Address, Desired], kinds: Kinds, today: str) -> tuple[dict[Address, Desired], dict[Address, str]]:
    """(what counts today, what does not with its last day). `today` and `until` are YYYY-MM-DD, which sorts like the calendar."""
    gone = {address: d.until for address, d in desired.items() if d.until is not None and d.until < today}
    if not gone:
        return dict(desired), {}
    kept = {address: d for address, d in desired.items() if address not in gone}
    while lost := _dependents(kept, kinds, gone):
        gone.update(lost)
        for address in lost:
            del kept[address]
    affected = {kind for kind in kinds if any(ref.kind in {a.partition("/")[0] for a in gone} for ref in kinds[kind].references)}
    for address, each in kept.items():
        if address.partition("/")[0] in affected:
            kept[address] = _without(each, kinds.of(address).references, gone)
    return kept, gone


def _dependents(kept: Mapping[Address, Desired], kinds: Kinds, gone: Mapping[Address, str]) -> dict[Address, str]:
    """What is named after something that is gone, and what needs an attribute that named it."""
    found: dict[Address, str] = {}
    gone_kinds = {address.partition("/")[0] for address in gone}
    parts = {kind for kind in kinds if _may_hang_on(kinds, kind, gone_kinds)}
    for address, each in kept.items():
        if address.partition("/")[0] not in parts:
            continue
        lost = next((gone[a] for a in kinds.identity_references(address) if a in gone), None)
        kind = kinds.of(address)
        lost = lost or next((gone[a] for a in _required(each, kind.references, kind.required) if a in gone), None)
        if lost is not None:
            found[address] = lost
    return found


def _may_hang_on(kinds: Kinds, name: str, gone: set[str]) -> bool:
    kind = kinds[name]
    own = {ref.kind for ref in kind.key.references} if kind.key else set()
    needed = {ref.kind for ref in kind.references if ref.path[0] in kind.required}
    return kind.parent in gone or bool((own | needed) & gone)


def _required(desired: Desired, references: Iterable[Reference], required: tuple[str, ...]) -> Iterable[Address]:
    for ref in references:
        value: Any = desired.attributes
        for step in ref.path:
            value = value.get(step) if isinstance(value, dict) else None
        if ref.path[0] in required and isinstance(value, str):
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
