"""How far an undo can take each change back: the label `undo`, and what it `loses`.

Invariant: pure, and no kind by name. What is lost follows from the kind's schema and from what the platform's API can do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from orgform.codec import replace
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import Address, Change, Live, kind_of
from orgform.planning.scope import TargetState
from orgform.providers.base import KindCapability

DONE_ONCE = "it is done once and never taken back"
SECRET_UNKNOWN = "its earlier value is a secret that nobody kept"  # noqa: S105 - a sentence
NAMED = 5  # of many resources, so many are named
_INVERSE = {"create": "delete", "update": "update", "delete": "create"}


def labelled(changes: Sequence[Change], targets: Mapping[str, TargetState], live: Mapping[Address, Live], kinds: Kinds) -> list[Change]:
    """The changes with their labels. `live`: under the names that the changes have."""
    parents = {c.address for c in changes if c.action == "delete"}
    gone = swept(parents, live, {c.address for c in changes}, kinds) if parents else {}
    return [_labelled(c, targets[c.target], live.get(c.address), gone.get(c.address, ()), kinds.of(c.address)) for c in changes]


def _labelled(change: Change, target: TargetState, live: Live | None, swept: Sequence[Address], kind: Kind) -> Change:
    can = target.capabilities.of(kind.name)
    inverse = _INVERSE[change.action]
    if kind.once:
        return replace(change, undo="irreversible", loses=(DONE_ONCE,))
    if can is None or not (getattr(can, inverse) == "api" or (inverse == "update" and _any_by_api(change, can))):
        return replace(change, undo="irreversible", loses=(f"{target.provider} has no API to {inverse} it again",))
    loses = change.loses
    if change.action == "delete":
        loses = (*loses, *lost_by_delete(kind, (), status=_proof(kind, live), swept=swept, secrets=_hidden(change, kind)))
    elif change.action == "update":
        loses = (*loses, *(f"`{name}`: {SECRET_UNKNOWN}" for name in _replaced(change, kind)))
    return replace(change, undo="lossy", loses=loses) if loses else change


def lost_by_delete(
    kind: Kind,
    notes: Iterable[str],
    *,
    recorded: Iterable[str] = (),
    status: str = "",
    swept: Sequence[Address] = (),
    secrets: Iterable[str] = (),
    whole: bool = True,
) -> tuple[str, ...]:
    """What creating a deleted resource again does not bring back. `whole`: all that it had is known, not only what the config managed."""
    found = [kind.irreversible, *recorded, status, *notes]
    found += [f"`{name}`, if it was set: it is a secret that nobody kept" for name in secrets]
    if swept:
        more = f" and {len(swept) - NAMED:,} more" if len(swept) > NAMED else ""
        found.append(f"{', '.join(swept[:NAMED])}{more}: gone with it, and not recorded")
    if not whole:
        found.append("what the config did not manage of it: the run was cut off before that was recorded")
    return tuple(dict.fromkeys(sentence for sentence in found if sentence))


def _proof(kind: Kind, live: Live | None) -> str:
    """A name that was proved has to be proved again."""
    word = kind.verification.get("status")
    return "its proof: it has to be verified again" if word and live and live.observed.get(word) == "verified" else ""


def _hidden(change: Change, kind: Kind) -> list[str]:
    return [name for name in kind.sensitive if (change.before or {}).get(name) is None]


def _replaced(change: Change, kind: Kind) -> list[str]:
    before, after = change.before or {}, change.after or {}
    return [name for name in kind.sensitive if name in after and before.get(name) is None and after[name] is not None]


def _any_by_api(change: Change, can: KindCapability) -> bool:
    """Whether an update that is otherwise people's has fields that the API sets."""
    return any(can.field(f.path.partition(".")[0]) == "api" for f in change.fields)


def goes_along(address: Address) -> str:
    """What a delete says of something that goes with it without a change of its own."""
    return f"{address} goes with it, which the config does not have"


def swept(
    parents: Collection[Address], live: Mapping[Address, Live], changed: Collection[Address], kinds: Kinds
) -> dict[Address, list[Address]]:
    """What goes with a deleted resource without a change of its own, by that resource."""
    found: dict[Address, list[Address]] = {}
    reached = {kind_of(a) for a in parents}
    below = {name for name, kind in kinds.items() if kind.parent in reached or any(r.kind in reached for r in _keys(kind))}
    for address in live:
        if kind_of(address) in below and address not in changed:
            for owner in kinds.identity_references(address):
                if owner in parents:
                    found.setdefault(owner, []).append(address)
    return {owner: sorted(addresses) for owner, addresses in found.items()}


def _keys(kind: Kind) -> tuple[Reference, ...]:
    return kind.key.references if kind.key else ()
