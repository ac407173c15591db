"""Parts of resources that a target takes by themselves: `kinds: [workspace.settings]` puts them elsewhere than the rest.

Invariant: what is a part of a resource is nowhere else; without a claim nothing is parted.
"""

from __future__ import annotations

from collections.abc import Mapping

from orgform.codec import replace
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Desired, Lifecycle, address_of, kind_of, parts_of


def parted(desired: dict[Address, Desired], claims: Mapping[str, str], kinds: Kinds) -> dict[Address, Desired]:
    """The same, with the parts that targets take by themselves (`workspace.settings`) as resources of their own."""
    parts = [kind for name, kind in kinds.facets.items() if name in claims]
    if not parts:
        return desired
    found: dict[Address, Desired] = {}
    for address, whole in desired.items():
        left = whole
        for part in parts:
            if kind_of(address) == part.facet_of and part.collection in left.attributes:
                own = _part_of(whole, part)
                if own is not None:
                    found[address_of(part.name, *parts_of(address))] = own
                left = replace(left, attributes={k: v for k, v in left.attributes.items() if k != part.collection})
        found[address] = left
    return dict(sorted(found.items()))


def _part_of(whole: Desired, part: Kind) -> Desired | None:
    """Lifecycle words of the whole speak of its parts: `settings` of all of them, `settings.timezone` of one."""
    lifecycle, name = whole.lifecycle, part.collection
    if name in lifecycle.ignore or not isinstance(whole.attributes[name], dict):
        return None
    inner = {
        word: tuple(w.removeprefix(f"{name}.") for w in getattr(lifecycle, word) if w.startswith(f"{name}.")) for word in ("ignore", "seed")
    }
    seeded = whole.seeded or name in lifecycle.seed
    return Desired(whole.attributes[name], whole.source, Lifecycle(None, inner["ignore"], inner["seed"]), whole.until, whole.reason, seeded)
