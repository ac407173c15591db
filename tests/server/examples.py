"""The examples that the kinds' schemas hold, in an order in which a directory can take them."""

from __future__ import annotations

from typing import Any

from orgform.kinds import Kinds
from orgform.model import Address
from orgform.server.schemas import KindSchemas


def operations(kinds: Kinds) -> list[dict[str, Any]]:
    """One creation for each example, after those of what it names."""
    found: dict[Address, dict[str, Any]] = {}
    for kind in kinds.values():
        described = KindSchemas(kind, kinds)
        for key, attributes in zip(described.key_examples, described.examples, strict=False):
            address = kind.address(*key.split("/"))
            found[address] = {"method": "create", "collection": kind.api, "key": key, "attributes": attributes}
    placed: dict[Address, dict[str, Any]] = {}

    def place(address: Address) -> None:
        if address in placed or address not in found:
            return
        for target in kinds.identity_references(address):
            place(target)
        for _, target in kinds.attribute_references(address, found[address]["attributes"]):
            place(target)
        placed[address] = found[address]

    for address in found:
        place(address)
    return list(placed.values())
