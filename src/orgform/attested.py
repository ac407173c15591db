"""Somebody's word in place of a read: what a platform lets nobody read is as people attested it, until that runs out.

Invariant: an attestation says that what the config said then was done; it is shown as attested, never as verified, and what can be read
is never taken from it. Where the resource itself is read, a word is about the one that was there: once it was seen gone, or as another
one of its name, the word has run out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from orgform.codec import Struct, replace
from orgform.kinds import Kinds
from orgform.model import Address, Attested, Attributes, Base, Desired, Live, Move, kind_of
from orgform.providers.base import KindCapability

if TYPE_CHECKING:
    from orgform.ledger import Attestation, Ledger
    from orgform.targets import OpenTarget


_UNSEEN = frozenset({"attested", "config", "none"})
#: what a word is about, where a platform shows that something is there and has no id for it
THERE: Final = "there"
_ALL_READ: Mapping[str, Collection[str]] = {}


class Believed(Struct, frozen=True):
    """What is live with what was attested, and whose word that is: also words that ran out, which count no more.

    `seen`: live system -> words that the read says more of, as they are kept and as they are now.
    """

    live: dict[Address, Live]
    words: tuple[Attested, ...] = ()
    seen: dict[str, dict[Address, tuple[Attestation, Attestation]]] = {}


def believed(
    live: dict[Address, Live],
    targets: Mapping[str, OpenTarget],
    ledger: Ledger,
    today: str,
    kinds: Kinds,
    *,
    wanted: Collection[Address] | None = None,
    moved: Sequence[Move] = (),
    unread: Mapping[str, Collection[str]] = _ALL_READ,
) -> Believed:
    """`today`: YYYY-MM-DD; an attestation counts until the day before it expires.

    `wanted`: what the config has (None: whatever there is). A word that ran out says nothing more of that, so that it is asked for again;
    of what is to go it still says that somebody has to take it away. Of what is done once a word never runs out.
    `moved`: renames that the config has; what nothing reads is renamed by the word for it. `unread`: target -> kinds that were not read
    completely, of which nothing is known to be gone.
    """
    words: list[Attested] = []
    seen: dict[str, dict[Address, tuple[Attestation, Attestation]]] = {}
    for name, target in sorted(targets.items()):
        can = {kind: found for kind in target.kinds if (found := target.provider.capabilities.of(kind)) and _needs_a_word(found)}
        if not can:
            continue
        live = dict(live)
        live.update(_written(target, ledger, can))
        known = {a: w for a, w in words_of(target, ledger, moved, kinds).items() if kind_of(a) in can}
        old = _old_names(known, target, ledger, moved, kinds)
        names = {a: old.get(a, a) if can[kind_of(a)].readable and a not in live else a for a in known}
        whole = _believable(live, can, names.values(), wanted or ()) - set(unread.get(name, ()))
        for address, kept in known.items():
            kind, at = kind_of(address), names[address]
            read = can[kind].readable
            word = _as_seen(kept, live.get(at), today, judged=kind in whole) if read else kept
            if word != kept:
                seen.setdefault(target.key, {})[address] = (kept, word)
            words.append(Attested(name, address, word.by, word.given, word.expires, word.evidence))
            to_go = wanted is not None and address not in wanted and not read
            if word.expires > today or to_go or kind in kinds.operations:
                _believe(live, at, word, can[kind])
    return Believed(live, tuple(words), seen)


def _believable(
    live: Mapping[Address, Live], can: Mapping[str, KindCapability], known: Collection[Address], wanted: Collection[Address]
) -> set[str]:
    """Kinds of which something was read. Where strangers only stand in the place of several that are known, as in another system behind
    the same URL or the file of another company, nobody is known to be gone."""
    from orgform.planning.findings import BELIEVABLY_LOST

    ours = {kind_of(a) for a in (*known, *wanted) if a in live}
    lost = Counter(kind_of(a) for a in known if a not in live)
    read = {kind_of(a) for a in live if kind_of(a) in can and can[kind_of(a)].readable}
    return {kind for kind in read if kind in ours or lost[kind] <= BELIEVABLY_LOST}


def seen_as(target: OpenTarget, address: Address, live: Mapping[Address, Live]) -> str:
    """What a word that is given now is about: the id of what a read shows under this name, empty where it shows nothing."""
    can, found = target.provider.capabilities.of(kind_of(address)), live.get(address)
    return (found.id or THERE) if found and can and can.readable else ""


def _as_seen(word: Attestation, found: Live | None, today: str, *, judged: bool) -> Attestation:
    """A word after a look at what it is about. What was attested before a read shows it (people did it, the file is from before) is not
    gone. `judged`: the kind was read, and something of it was there: what is not is gone."""
    about = (found.id or THERE) if found else ""
    if word.attributes is None or (found is None and not (judged and word.about)):
        return word
    if not word.about:
        return replace(word, about=about)
    return word if word.about == about else replace(word, expires=min(today, word.expires))


def applied(
    base: dict[Address, Base] | None, target: OpenTarget, ledger: Ledger, kinds: Kinds, moved: Sequence[Move] = ()
) -> dict[Address, Base] | None:
    """What was last applied, with what people did there: where nothing else reads a kind, an attested step is an applied change, also when
    its word has run out."""
    can = {kind: found for kind in target.kinds if (found := target.provider.capabilities.of(kind)) and _is_by_hand(found)}
    words = {a: w for a, w in words_of(target, ledger, moved, kinds).items() if kind_of(a) in can} if can else {}
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


def words_of(target: OpenTarget, ledger: Ledger, moved: Sequence[Move], kinds: Kinds) -> dict[Address, Attestation]:
    """Everything that was ever attested there, under the names that the config uses now."""
    words = ledger.attestations(target.key)
    renames = _renames(words, target, ledger, moved)
    return _relabelled(words, renames, kinds) if renames else words


def settle(targets: Mapping[str, OpenTarget], ledger: Ledger, moved: Sequence[Move], kinds: Kinds) -> None:
    """Keeps what was attested under its new names, so that the config may forget the old ones."""
    for target in targets.values() if moved else ():
        words, named = ledger.attestations(target.key), words_of(target, ledger, moved, kinds)
        if named.keys() != words.keys():
            new = {a: w for a, w in named.items() if words.get(a) != w}
            ledger.attest(target.key, new, gone=words.keys() - named.keys())


def _renames(words: Mapping[Address, Attestation], target: OpenTarget, ledger: Ledger, moved: Sequence[Move]) -> dict[Address, Address]:
    """Old name -> new, of renames that words may still have to follow: of what nothing reads the word itself tells; of the rest the
    ledger says when it was done, since a key that was given away may be used anew."""
    blind = {m.from_: m.to for m in moved if m.from_ in words and m.to not in words and _is_blind(target, m.from_)}
    seen = [m for m in moved if words and not _is_blind(target, m.from_)]
    done = ledger.moved(target.key) if seen else frozenset()
    return blind | {m.from_: m.to for m in seen if (m.from_, m.to) not in done}


def _old_names(
    words: Mapping[Address, Attestation], target: OpenTarget, ledger: Ledger, moved: Sequence[Move], kinds: Kinds
) -> dict[Address, Address]:
    """Name of today -> the one that the live system may still have."""
    from orgform.planning.scope import relabel

    renames = {new: old for old, new in _renames(words, target, ledger, moved).items()}
    return {Address(found.id): old for old, found in relabel({a: Live({}, id=a) for a in words}, renames, kinds).items()} if renames else {}


def _relabelled(words: dict[Address, Attestation], renames: Mapping[Address, Address], kinds: Kinds) -> dict[Address, Attestation]:
    """What has another name is looked at anew: an id there may hold the name."""
    from orgform.planning.scope import relabel

    there = {a: Live(w.attributes) for a, w in words.items() if w.attributes is not None}
    names = relabel({a: Live({}, id=a) for a in words}, renames, kinds)
    attributes = relabel(there, renames, kinds)
    old = {new: replace(words[o], about="") if (o := Address(found.id)) != new else words[o] for new, found in names.items()}
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
