"""Somebody's word in place of a read: what a platform lets nobody read is as people attested it, until that runs out.

Invariant: an attestation says that what the config said then was done; it is shown as attested, never as verified, and what can be read
is never taken from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from orgform.codec import Struct, replace
from orgform.model import Address, Attested, Attributes, Base, Live, kind_of
from orgform.providers.base import KindCapability

if TYPE_CHECKING:
    from orgform.ledger import Attestation, Ledger
    from orgform.targets import OpenTarget


class Believed(Struct, frozen=True):
    """What is live with what was attested, and whose word that is: also words that ran out, which count no more."""

    live: dict[Address, Live]
    words: tuple[Attested, ...] = ()


def believed(
    live: dict[Address, Live],
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    today: str,
    wanted: Collection[Address] | None = None,
    once: Collection[str] = (),
) -> Believed:
    """`today`: YYYY-MM-DD; an attestation counts until the day before it expires.

    `wanted`: what the config has (None: whatever there is). A word that ran out says nothing more of that, so that it is asked for again; of
    what is to go it still says that somebody has to take it away. `once`: kinds of what is done once: of these a word never runs out.
    """
    words: list[Attested] = []
    for name, target in sorted(targets.items()):
        can = {kind: found for kind in target.kinds if (found := target.provider.capabilities.of(kind)) and _needs_a_word(found)}
        if not can:
            continue
        live = dict(live)
        live.update(_written(target, ledger, can))
        for address, word in ledger.attestations(target.key).items():
            if kind_of(address) in can:
                words.append(Attested(name, address, word.by, word.given, word.expires, word.evidence))
                if word.expires > today or (wanted is not None and address not in wanted) or kind_of(address) in once:
                    _believe(live, address, word, can[kind_of(address)])
    return Believed(live, tuple(words))


def applied(base: dict[Address, Base] | None, target: OpenTarget, ledger: Ledger) -> dict[Address, Base] | None:
    """What was last applied, with what people did there: where nothing else reads a kind, an attested step is an applied change, also when
    its word has run out."""
    can = {kind: found for kind in target.kinds if (found := target.provider.capabilities.of(kind)) and _is_by_hand(found)}
    words = {a: w for a, w in ledger.attestations(target.key).items() if kind_of(a) in can} if can else {}
    if not words:
        return base
    known = dict(base or {})
    for address, word in words.items():
        before = known.pop(address, None)
        if word.attributes is not None:
            known[address] = Base(word.attributes, before.prevent_destroy if before else False)
    return known


def _is_by_hand(can: KindCapability) -> bool:
    return not can.readable and can.create != "api"


def _needs_a_word(can: KindCapability) -> bool:
    return not can.readable or "attested" in can.fields.values()


def _written(target: OpenTarget, ledger: Ledger, can: Mapping[str, KindCapability]) -> Iterator[tuple[Address, Live]]:
    """What an API writes and nobody can read is as it was written."""
    blind = {kind for kind, found in can.items() if not found.readable and found.create == "api"}
    base = ledger.base(target.key)[0] if blind else None
    return iter([(a, Live(b.attributes)) for a, b in (base or {}).items() if kind_of(a) in blind])


def _believe(live: dict[Address, Live], address: Address, word: Attestation, can: KindCapability) -> None:
    if not can.readable:
        live.pop(address, None)
        if word.attributes is not None:
            live[address] = Live(word.attributes)
    elif address in live and word.attributes is not None:
        found = live[address]
        own: Attributes = {n: v for n, v in word.attributes.items() if can.fields.get(n) == "attested"}
        live[address] = replace(found, attributes={**found.attributes, **own})
