"""What of a plan an API does, what people do by hand, which of the API's changes wait for them, and what is left out with a target.

Invariant: guards, access and order were judged on the changes as a whole; here they are only parted. Nothing is lost: every field of a
change ends in an API change, in a step, or in a diagnostic that says why neither can be.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from orgform.codec import Struct, replace
from orgform.diagnostics import Diagnostic
from orgform.formats import readable
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import Address, Attributes, Change, FieldChange, ManualStep, Waiting, address_of, key_of, kind_of, parts_of
from orgform.planning.diff import fingerprint
from orgform.planning.order import dependencies, references_between
from orgform.planning.scope import TargetState
from orgform.providers.base import FieldReach, Guide, KindCapability

BY_HAND: frozenset[FieldReach] = frozenset({"manual", "attested"})
_ALL_READ: Mapping[str, str] = {}


class Divided(Struct, frozen=True):
    """One change: what of it the API does, what people do, and what nobody can."""

    api: Change | None = None
    hand: Change | None = None
    refused: tuple[Diagnostic, ...] = ()


class Parted(Struct, frozen=True):
    """A plan's changes. `patch`: of an update that is only in part the API's, what base gets of it."""

    changes: tuple[Change, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    steps: tuple[ManualStep, ...] = ()
    patch: dict[Address, Attributes] = {}


def possible(change: Change, target: TargetState, kind: Kind) -> tuple[Change | None, tuple[Diagnostic, ...]]:
    """The change without what the platform can do in no way; `None` where nothing of it is left."""
    can = target.capabilities.of(kind.name)
    reach = getattr(can, change.action) if can else "none"
    if can and reach == "none" and change.action != "delete" and not _names(change) and "config" in can.fields.values():
        return None, ()  # all that is said of it is for the config's own people
    if can is None or reach == "none":
        return None, (_cannot(change, kind, target, can),)
    lost = {name: r for name in _names(change) if (r := can.field(name, change.action)) in ("read", "none")}
    if not lost:
        return change, ()
    told = tuple(_cannot_set(change, name, kind, target) for name in sorted(lost))
    return _restricted(change, lambda name: name not in lost), told


def parted(
    ordered: Sequence[Change],
    targets: Mapping[str, TargetState],
    kinds: Kinds,
    called: Callable[[Address], str] = key_of,
    ran_out: Collection[Address] = (),
    *,
    left_out: Mapping[str, str] = _ALL_READ,
    destroy: bool = False,
) -> Parted:
    """The ordered changes, parted. Steps stand in the plan's order; what needs a step that is not done waits for it.

    `called`: what people call what a step happens in. `ran_out`: what was attested once, and is to be looked at again. `left_out`: kind ->
    target, of targets that could not be read: what refers to something of theirs is left out with them. `destroy`: the plan deletes all
    that is managed, and steps are attested in the same words.
    """
    divided = [_divided(c, kinds.of(c.address), targets[c.target]) for c in ordered]
    unread = {i: found for i, c in enumerate(ordered) if (found := _unread(c, left_out, kinds))} if left_out else {}
    if not unread and all(d.hand is None for d in divided):
        return Parted(tuple(ordered))
    waits = _waits(ordered, kinds)
    unopened = _unopened(ordered, divided, kinds)
    for index, renamed in _unnamed(divided).items():
        unopened[index] = {*unopened.get(index, ()), renamed}
    held = _held(divided, waits, {*unopened, *unread})
    away = _away(waits, unread)
    changes, waiting, steps, patch = [], [], [], {}
    for index, division in enumerate(divided):
        needs = tuple(sorted({*(ordered[i].address for i in waits[index] if i in held), *unopened.get(index, ()), *unread.get(index, ())}))
        if index in away and (part := division.api or division.hand):
            waiting.append(Waiting(part, needs, away[index]))
            continue
        if division.api and needs:
            waiting.append(Waiting(division.api, needs))
        elif division.api:
            changes.append(division.api)
            if division.hand and division.api.action == "update":
                patch[division.api.address] = division.api.after or {}
        if division.hand:
            first = tuple(ordered[i].address for i in sorted(waits[index]) if divided[i].api or divided[i].hand)
            own = (division.api.address,) if division.api and (division.api.action == "create" or division.api.moved_from) else ()
            words = Words(kinds, targets[division.hand.target], called, " --destroy" if destroy else "")
            step = _step(division.hand, words, (*first, *own), again=division.hand.address in ran_out)
            steps.append(step)
    return Parted(tuple(changes), tuple(waiting), tuple(steps), patch)


def _divided(change: Change, kind: Kind, target: TargetState) -> Divided:
    can = target.capabilities.of(kind.name) or KindCapability()
    if getattr(can, change.action) == "manual":
        own = [n for n in _names(change) if change.action == "update" and can.fields.get(n) == "api"]
        if not own:
            return Divided(hand=change)
        # Who enters the values gives the new name, too: by that one the API finds it afterwards.
        return Divided(_restricted(replace(change, moved_from=None), own.__contains__), _restricted(change, lambda n: n not in own))
    if change.action == "delete":
        return Divided(change)
    hand = {n for n in _names(change) if can.field(n, change.action) in BY_HAND}
    named = change.moved_from is not None and kind.key is not None and can.fields.get(kind.key.name) in BY_HAND
    if not hand and not named:
        return Divided(change)
    api = _restricted(replace(change, moved_from=None) if named else change, lambda n: n not in hand)
    rest = _restricted(change if named else replace(change, moved_from=None), hand.__contains__)
    if rest and change.action == "create":  # what is created first is updated then
        fields = tuple(FieldChange(name, change.origin) for name in _names(rest))
        rest = replace(rest, action="update", before=dict.fromkeys(rest.after or {}), fields=fields)
    return Divided(api, rest)


def _names(change: Change) -> list[str]:
    """Top-level attributes that the change sets."""
    if change.action == "update":
        return sorted({f.path.partition(".")[0] for f in change.fields})
    return sorted(n for n, v in (change.after or {}).items() if v is not None)


def _restricted(change: Change, keep: Callable[[str], bool]) -> Change | None:
    """The change of some attributes only. `None` where nothing is left; a create stays, if only with its key."""
    fields = tuple(f for f in change.fields if keep(f.path.partition(".")[0]))
    before, after = ({n: v for n, v in a.items() if keep(n)} if a is not None else None for a in (change.before, change.after))
    if change.action == "update" and not fields and not change.moved_from:
        return None
    precondition = change.precondition if before is None else fingerprint(before)
    return replace(change, fields=fields, before=before, after=after, precondition=precondition)


def _waits(ordered: Sequence[Change], kinds: Kinds) -> list[frozenset[int]]:
    """What each change cannot come before: what it needs, and what still names what it deletes."""
    references = references_between(ordered, kinds)
    needs = dependencies(ordered, kinds)
    return [must | frozenset(finish) for (must, _), finish in zip(needs, references.finish, strict=True)]


def _unopened(ordered: Sequence[Change], divided: Sequence[Divided], kinds: Kinds) -> dict[int, set[Address]]:
    """What would close a place before people opened it: it needs (`Change.needs`) a change of which the API does a part, and people give
    the access."""
    by_people = {c.address for c, d in zip(ordered, divided, strict=True) if d.api and d.hand and _decides(d.hand, kinds.of(c.address))}
    needs = ((i, by_people.intersection(c.needs)) for i, c in enumerate(ordered) if kinds.of(c.address).access)
    return {index: found for index, found in needs if found}


def _unnamed(divided: Sequence[Divided]) -> dict[int, Address]:
    """What an API does to something that people rename first."""
    return {index: d.hand.address for index, d in enumerate(divided) if d.api and d.hand and d.hand.moved_from}


def _decides(change: Change, kind: Kind) -> bool:
    """Whether it sets something by which its kind takes part in access."""
    words = {word.partition(".")[0] for word in kind.access.values() if isinstance(word, str)}
    return not words.isdisjoint(_names(change))


def _unread(change: Change, left_out: Mapping[str, str], kinds: Kinds) -> dict[Address, str]:
    """What a change newly refers to in targets that could not be read, and which target that is: nobody knows whether it is there."""
    own = kinds.identity_references(change.address) if change.action == "create" else ()
    before, after = (
        {referent for _, referent in kinds.attribute_references(change.address, attributes or {})}
        for attributes in (change.before, change.after)
    )
    return {a: name for a in (*own, *(after - before)) if (name := left_out.get(kind_of(a))) and not kinds.is_builtin(a)}


def _away(waits: Sequence[frozenset[int]], unread: Mapping[int, Mapping[Address, str]]) -> dict[int, tuple[str, ...]]:
    """Changes that are left out with targets, and which ones: also what waits for such a change. Every edge goes up in a plan's order."""
    found: dict[int, tuple[str, ...]] = {}
    for index, earlier in enumerate(waits):
        names = {*unread.get(index, {}).values(), *(name for other in earlier for name in found.get(other, ()))}
        if names:
            found[index] = tuple(sorted(names))
    return found


def _held(divided: Sequence[Divided], waits: Sequence[frozenset[int]], unopened: Collection[int]) -> frozenset[int]:
    """Changes that are not done by this plan: steps, and whatever waits for one, however far down."""
    followers: dict[int, list[int]] = {}
    for index, earlier in enumerate(waits):
        for other in earlier:
            followers.setdefault(other, []).append(index)
    held = {i for i, d in enumerate(divided) if d.hand and not d.api} | set(unopened)
    queue = list(held)
    while queue:
        for follower in followers.get(queue.pop(), ()):
            if follower not in held:
                held.add(follower)
                queue.append(follower)
    return frozenset(held)


class Words:
    """What a step's values are called on the platform's pages. `called`: what people call a resource; `flags`: of the command that attests
    a step."""

    def __init__(self, kinds: Kinds, target: TargetState, called: Callable[[Address], str], flags: str = "") -> None:
        self.kinds, self.target, self.called, self.flags = kinds, target, called, flags

    def of(self, attributes: Attributes, kind: Kind) -> Attributes:
        """With roles under the platform's names, and with the names of the places that they speak of."""
        for reference in kind.references:
            name = None if reference.many else self._name(reference)
            if name:
                attributes = _renamed(attributes, reference.path, name)
        return attributes

    def _name(self, reference: Reference) -> Callable[[str], str] | None:
        scope = reference.where.get("scope")
        if isinstance(scope, str):
            known, own = self.target.roles.get(scope, {}), f"{self.target.provider}:"
            return lambda word: known.get(word) or word.removeprefix(own)
        if self.kinds[reference.kind].access.get("as") == "scope":
            return lambda word: self.called(address_of(reference.kind, word))
        return None


def _step(change: Change, words: Words, first: Iterable[Address], *, again: bool) -> ManualStep:
    target, kind = words.target, words.kinds.of(change.address)
    can = target.capabilities.of(kind.name) or KindCapability()
    guide = can.guide(change.action) or Guide("")
    attested = not can.readable or (change.action != "delete" and any(can.field(n, change.action) == "attested" for n in _names(change)))
    title = target.title or target.provider
    return ManualStep(
        target=change.target,
        address=change.address,
        instructions=_instructions(change, kind, again and not can.readable),
        values=_values(change, guide, kind, words),
        now=_now(change, guide, kind, words),
        verify=_verify(can, change, attested),
        action=change.action,
        origin=change.origin,
        before=change.before,
        after=change.after,
        fields=change.fields,
        where=guide.where,
        who=guide.who,
        why=guide.why or f"{title} has no API for that",
        note=guide.note,
        command=f"orgform attest {shlex.quote(change.address)} --by EMAIL{words.flags}" if attested else "",
        waits_for=tuple(dict.fromkeys(first)),
        because=change.because,
        risk=change.risk,
        label=change.label,
        source=change.source,
    )


def _instructions(change: Change, kind: Kind, again: bool) -> str:
    what = f"the {kind.title.lower()} {change.label or key_of(change.address)}"
    if kind.once:
        return f"do {what} once by hand"
    if again and change.action == "create":
        return f"look again that {what} is there as it should be, or make it so by hand"
    return f"{change.action} {what} by hand"


def _values(change: Change, guide: Guide, kind: Kind, words: Words) -> Attributes:
    """What to enter, under the words that the platform's form has, and what it is entered for. A secret stays a reference."""
    key = kind.key.name if kind.key else ""
    parent = words.kinds.parent_of(change.address)
    shown: Attributes = {guide.labels[kind.parent]: words.called(parent)} if parent and kind.parent in guide.labels else {}
    if key in guide.labels:
        own = parts_of(change.address)[-1]
        named = change.label if guide.labels[key] == guide.labels.get(kind.label or "") else ""
        shown[guide.labels[key]] = named or readable(own) or own
    usual = {n: v for n, v in kind.defaults.items() if n in guide.labels} if change.action == "create" else {}
    after, names = words.of({**usual, **(change.after or {})}, kind), {*usual, *_names(change)}
    return shown | {guide.labels.get(n, n): value for n, value in after.items() if n in names or (guide.whole and value is not None)}


def _now(change: Change, guide: Guide, kind: Kind, words: Words) -> Attributes:
    """What an update replaces, so that whoever does it sees that it is the right place."""
    before = words.of(change.before or {}, kind) if change.action == "update" else {}
    return {guide.labels.get(n, n): before[n] for n in _names(change) if before.get(n) not in (None, [], {})}


def _renamed(value: Any, path: Sequence[str], name: Callable[[str], str]) -> Any:
    if not path:
        return name(value) if isinstance(value, str) else value
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _renamed(value[path[0]], path[1:], name)}


def _verify(can: KindCapability, change: Change, attested: bool) -> str:
    file = (can.checked_by or "the downloaded file") if can.read == "file" else ""
    where = f" from {file}" if file else ""
    if change.action == "delete":
        return "nothing shows here that it is gone: whoever took it away attests it" if attested else f"the next plan finds it gone{where}"
    if not attested:
        return f"the next plan reads it{where or ' back'}"
    if not can.readable:
        return "nothing reads it back here: whoever did it attests it"
    names = " and ".join(f"`{n}`" for n in _names(change) if can.field(n, change.action) == "attested")
    there = "" if change.action == "update" else f"; the rest the next plan reads{where}"
    return f"nothing reads {names} back here: whoever did it attests it{there}"


def _cannot(change: Change, kind: Kind, target: TargetState, can: KindCapability | None) -> Diagnostic:
    what = f"{change.action} the {kind.title.lower()} {change.label or change.address}"
    why = can.refusals.get(change.action, "") if can else ""
    summary = f"{target.title or target.provider} cannot {what}, so it is left out of this plan" + (f": {why}" if why else "")
    take_out = "put it back into the config" if change.action == "delete" else "take it out of the config, or name a target that can"
    return Diagnostic("warning", "ORG506", summary, take_out, address=change.address)


def _cannot_set(change: Change, name: str, kind: Kind, target: TargetState) -> Diagnostic:
    has, wants = ((a or {}).get(name) for a in (change.before, change.after))
    values = "" if change.before is None or name in kind.sensitive else f": it is {has!r} there, {wants!r} here"
    return Diagnostic(
        "warning",
        "ORG506",
        f"{target.title or target.provider} shows `{name}` of the {kind.title.lower()} {change.label or change.address} and lets nobody "
        f"change it{values}; it is left out of this plan",
        f"write `{name}` as it is there, or remove it",
        address=change.address,
    )
