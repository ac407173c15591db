"""Somebody's word in place of a read: what a platform lets nobody read is as people attested it, until that runs out.

Invariant: an attestation says that what the config said then was done; it is shown as attested, never as verified, and what can be read
is never taken from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from orgform.codec import Struct, replace
from orgform.model import Address, Attested, Attributes, Base, Desired, Live, Move, kind_of
from orgform.providers.base import KindCapability

if TYPE_CHECKING:
    from orgform.ledger import Attestation, Ledger
    from orgform.targets import OpenTarget


_UNSEEN = frozenset({"attested", "config", "none"})


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
    moved: Sequence[Move] = (),
) -> Believed:
    """`today`: YYYY-MM-DD; an attestation counts until the day before it expires.

    `wanted`: what the config has (None: whatever there is). A word that ran out says nothing more of that, so that it is asked for again;
    of what is to go it still says that somebody has to take it away. `once`: kinds of what is done once: of these a word never runs out.
    `moved`: renames that the config has; what nothing reads is renamed by the word for it.
    """
    words: list[Attested] = []
    for name, target in sorted(targets.items()):
        can = {kind: found for kind in target.kinds if (found := target.provider.capabilities.of(kind)) and _needs_a_word(found)}
        if not can:
            continue
        live = dict(live)
        live.update(_written(target, ledger, can))
        for address, word in words_of(target, ledger, moved).items():
            if kind_of(address) in can:
                words.append(Attested(name, address, word.by, word.given, word.expires, word.evidence))
                if word.expires > today or (wanted is not None and address not in wanted) or kind_of(address) in once:
                    _believe(live, address, word, can[kind_of(address)])
    return Believed(live, tuple(words))


def applied(base: dict[Address, Base] | None, target: OpenTarget, ledger: Ledger, moved: Sequence[Move] = ()) -> dict[Address, Base] | None:
    """What was last applied, with what people did there: where nothing else reads a kind, an attested step is an applied change, also when
    its word has run out."""
    can = {kind: found for kind in target.kinds if (found := target.provider.capabilities.of(kind)) and _is_by_hand(found)}
    words = {a: w for a, w in words_of(target, ledger, moved).items() if kind_of(a) in can} if can else {}
    if not words:
        return base
    known = dict(base or {})
    for address, word in words.items():
        before = known.pop(address, None)
        if word.attributes is not None:
            known[address] = Base(word.attributes, before.prevent_destroy if before else False)
    return known


def readable(targets: Mapping[str, OpenTarget]) -> frozenset[str]:
    """Kinds of which a read shows all there are: what is not there is gone."""
    return frozenset(k for t in targets.values() for k in t.kinds if (can := t.provider.capabilities.of(k)) is None or can.readable)


def with_unseen(live: Mapping[Address, Live], targets: Mapping[str, OpenTarget], desired: Mapping[Address, Desired]) -> dict[Address, Live]:
    """What is live, with the attributes of the config that no read could show: that they are not there says nothing."""
    fields = {kind: can.fields for t in targets.values() for kind in t.kinds if (can := t.provider.capabilities.of(kind)) and can.fields}
    seen = dict(live)
    for address, want in desired.items():
        found, reach = live.get(address), fields.get(kind_of(address))
        if found and reach:
            own = {n: v for n, v in want.attributes.items() if reach.get(n) in _UNSEEN and n not in found.attributes}
            seen[address] = replace(found, attributes={**found.attributes, **own}) if own else found
    return seen


def words_of(target: OpenTarget, ledger: Ledger, moved: Sequence[Move]) -> dict[Address, Attestation]:
    """Everything that was ever attested there, under the names that the config uses now: of what nothing reads, only the config knows the
    name."""
    words = ledger.attestations(target.key)
    renames = {m.from_: m.to for m in moved if m.from_ in words and m.to not in words and _is_blind(target, m.from_)}
    return _relabelled(words, renames) if renames else words


def settle(targets: Mapping[str, OpenTarget], ledger: Ledger, moved: Sequence[Move]) -> None:
    """Keeps what was attested under its new names, so that the config may forget the old ones."""
    for target in targets.values() if moved else ():
        words, named = ledger.attestations(target.key), words_of(target, ledger, moved)
        if named.keys() != words.keys():
            new = {a: w for a, w in named.items() if words.get(a) != w}
            ledger.attest(target.key, new, gone=words.keys() - named.keys())


def _relabelled(words: dict[Address, Attestation], renames: Mapping[Address, Address]) -> dict[Address, Attestation]:
    from orgform.kinds import load_kinds
    from orgform.planning.scope import relabel

    there = {a: Live(w.attributes) for a, w in words.items() if w.attributes is not None}
    names = relabel({a: Live({}, id=a) for a in words}, renames, load_kinds())
    attributes = relabel(there, renames, load_kinds())
    old = {new: words[Address(found.id)] for new, found in names.items()}
    return {a: replace(w, attributes=attributes[a].attributes) if a in attributes else w for a, w in old.items()}


def _is_blind(target: OpenTarget, address: Address) -> bool:
    can = target.provider.capabilities.of(kind_of(address))
    return can is not None and _is_by_hand(can)


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
