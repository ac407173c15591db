"""What a rename does to everything that names the renamed resource. Pure.

Invariant: after `renamed(..., old, new)` nothing names `old` any more: not an address, not a reference in attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from orgform.kinds import Kinds, Reference, resolve
from orgform.model import Address, Attributes, Base, address_of, key_of, parts_of


def renamed(rows: Iterable[tuple[Address, Base]], old: Address, new: Address, kinds: Kinds) -> Iterator[tuple[Address, Address, Base]]:
    """Only the rows that a rename touches: (address before, address after, base after)."""
    for address, base in rows:
        after = renamed_address(address, old, new, kinds)
        attributes = renamed_attributes(address, base.attributes, old, new, kinds)
        if after != address or attributes is not base.attributes:
            yield address, after, Base(attributes, base.prevent_destroy)


def renamed_address(address: Address, old: Address, new: Address, kinds: Kinds) -> Address:
    """Also where the old key is a part of a longer one: a membership of a renamed workspace, or of a renamed member."""
    if address == old:
        return new
    if old not in kinds.identity_references(address):
        return address
    kind, parts = kinds.of(address), parts_of(address)
    if kind.parent and address_of(kind.parent, parts[0]) == old:
        parts[0] = key_of(new)
    if kind.key and kind.key.references and resolve(kind.key.references, parts[-1]) == old:
        parts[-1] = parts[-1].removesuffix(key_of(old)) + key_of(new)
    return address_of(kind.name, *parts)


def renamed_attributes(address: Address, attributes: Attributes, old: Address, new: Address, kinds: Kinds) -> Attributes:
    """The same object where nothing in it names `old`, else a changed copy."""
    for reference, named in kinds.attribute_references(address, attributes):
        if named == old:
            attributes = _put(attributes, reference, key_of(old), key_of(new))
    return attributes


def _put(attributes: Attributes, reference: Reference, old: str, new: str) -> Attributes:
    def changed(value: Any, path: tuple[str, ...]) -> Any:
        if path:
            return {**value, path[0]: changed(value[path[0]], path[1:])}
        return sorted({new if word == old else word for word in value}) if reference.many else new

    result: Attributes = changed(attributes, reference.path)
    return result
