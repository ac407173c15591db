"""What must have been done before what, so that nobody is locked out while a plan is applied, wherever it is cut off.

A place (the company, a workspace) that somebody can administer before the plan and after it shall be so at every point in between; so
shall orgform's own account keep what it has before and after. Most places have an admin whom the plan does not touch, and need nothing.
For the others a few changes wait (`Change.needs`) for those that give the access on which the place stands afterwards.

How it is shown: `least` is the state in which every change has taken what it takes and given nothing of what it gives. Access only grows
with what is given, so every state between two changes is at least that. What is held back keeps the place open before, what is waited for
keeps it open after; both are verified on `least`. Where only changes that give and take at once can do it, these are put in a row, and
every step of that row is looked at.

Invariant: pure; what is found is verified with the same rules of access as everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from orgform.codec import Struct, replace
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attributes, Change, key_of
from orgform.planning.access import AccessChange, Resources, Roles, admins_in, principal_of, reader, strongest_in
from orgform.planning.admins import SignIn
from orgform.planning.order import hard_edges

TRIED = 8  # of the people on whom a place can stand, so many are tried before all are taken together
_PARTS: dict[str, tuple[str, ...]] = {
    "subject": ("role",),
    "grant": ("role",),
    "group": ("members",),
    "scope": ("parent",),
    "role": ("extends",),
    "auto_join": ("workspace", "role"),
}
_UNKNOWN_ROLE = "?"
_NOTHING: Attributes = {}
Overlay = dict[Address, Attributes | None]
Indices = frozenset[int]


class Passage(Struct, frozen=True):
    """`needs`: change -> the changes that it needs besides; `shut`: scopes (empty: the company) that cannot be kept open on the way, and
    `own_shut`: accounts of orgform's own that cannot keep their access."""

    needs: dict[Address, frozenset[Address]] = {}
    shut: tuple[str, ...] = ()
    own_shut: tuple[Address, ...] = ()

    def marked(self, changes: Iterable[Change]) -> list[Change]:
        """The changes; what they need by themselves stays."""
        return [replace(c, needs=tuple(sorted({*c.needs, *self.needs.get(c.address, ())}))) for c in changes]


def passage(
    access: AccessChange | None, changes: Sequence[Change], sign_in: SignIn, kinds: Kinds, depth: Mapping[Address, int] | None = None
) -> Passage:
    """What the changes need so that nobody is locked out in between. `depth`: as `order.ordered` takes it."""
    steps = _steps(access, changes, sign_in, kinds) if access else {}
    if access is None or not any(step.takes for step in steps.values()):
        return Passage()
    world = _World(access, steps, sign_in, kinds)
    open_places = [*_places(world), *_own_places(world)]
    if not open_places:
        return Passage()
    search = _Search(world, hard_edges(changes, kinds, depth or {}))
    left = [place for place in open_places if not search.settle(place)]
    if left:
        left = search.in_a_row(open_places, left)
    needs = {changes[i].address: frozenset(changes[n].address for n in found) for i, found in search.needs.items() if found}
    return Passage(needs, tuple(sorted({p.scope for p in left if not p.own})), tuple(sorted({p.own for p in left if p.own})))


class _Step(Struct, frozen=True):
    """One change as what it makes of the state: as it is before, after, and at the least while nobody knows whether it is done."""

    before: Overlay
    after: Overlay
    least: Overlay
    gives: bool
    takes: bool


def _steps(access: AccessChange, changes: Sequence[Change], sign_in: SignIn, kinds: Kinds) -> dict[int, _Step]:
    """Of the changes that may give or take access, by their index."""
    found: dict[int, _Step] = {}
    least_roles = dict(access.resources("role"))
    described = {kind.name for kind in kinds.having_access("role")}
    for roles_first in (True, False):
        roles = Roles(kinds, least_roles)
        for index, change in enumerate(changes):
            kind = kinds.of(change.address)
            if (kind.name in described) is roles_first and (kind.access or kind.verification):
                step = _step(access, change, kind, roles, sign_in)
                if step.gives or step.takes:
                    found[index] = step
        least_roles.update({a: own or _NOTHING for step in found.values() for a, own in step.least.items()})
    return found


def _step(access: AccessChange, change: Change, kind: Kind, roles: Roles, sign_in: SignIn) -> _Step:
    states, at, old = access.states, change.address, change.moved_from
    before, after = states[0].get(at), states[1].get(at)
    least = None if before is None or after is None else _least(at, kind, before, after, roles)
    more: tuple[Overlay, Overlay, Overlay] = ({}, {}, {})
    if old and kind.verification:
        more = ({old: states[0].get(old)}, {old: None}, {old: None})
    elif old and sign_in.proved_names and kind.access.get("as") == "subject":
        name = _named(at)
        more = ({name: {"at": [old]}}, {name: {"at": [at]}}, {name: {"at": [old, at]}})
    seen = [_view(at, kind, own) for own in (before, after, least)]
    both = bool(more[0])
    return _Step(
        {at: before, **more[0]}, {at: after, **more[1]}, {at: least, **more[2]}, both or seen[2] != seen[1], both or seen[2] != seen[0]
    )


def _named(address: Address) -> Address:
    """Where an overlay says by which names a person may be known, while a rename is under way."""
    return Address(f"={address}")


def _view(address: Address, kind: Kind, own: Attributes | None) -> Any:
    """What of a resource decides about access."""
    if own is None:
        return None
    return [reader(kind, kind.access[word])(address, own) or None for word in _PARTS.get(kind.access.get("as", ""), ())]


def _least(address: Address, kind: Kind, before: Attributes, after: Attributes, roles: Roles) -> Attributes:
    own = before
    for word in _PARTS.get(kind.access.get("as", ""), ()):
        name = kind.access[word]
        old, new = (reader(kind, name)(address, attributes) for attributes in (before, after))
        own = _put(own, name.split("."), _lower(word, old, new, roles))
    return own


def _lower(word: str, old: Any, new: Any, roles: Roles) -> Any:
    if word == "members":
        return sorted(set(old or ()) & set(new or ()))
    if old == new:
        return old
    if word != "role" or old is None or new is None:
        return None
    ranks = roles.rank(old), roles.rank(new)
    if ranks[0] is None or ranks[1] is None:
        return _UNKNOWN_ROLE
    return old if ranks[0] <= ranks[1] else new


def _put(own: Attributes, path: Sequence[str], value: Any) -> Attributes:
    inner = own.get(path[0])
    return {**own, path[0]: value if len(path) == 1 else _put(inner if isinstance(inner, dict) else {}, path[1:], value)}


class _Place(Struct, frozen=True):
    """What has to stay so: that somebody administers a scope, or that an own account may do at least `floor` there."""

    scope: str
    own: Address = Address("")
    floor: float = 0.0


class _World:
    """The states between before and after, as overlays over the state before; a look at one place reads only what bears on it."""

    def __init__(self, access: AccessChange, steps: Mapping[int, _Step], sign_in: SignIn, kinds: Kinds) -> None:
        self.access, self.steps, self.sign_in, self.kinds = access, steps, sign_in, kinds
        self.takers = frozenset(i for i, step in steps.items() if step.takes)
        self.givers = frozenset(i for i, step in steps.items() if step.gives and not step.takes)
        self.least: Overlay = {a: own for step in steps.values() for a, own in step.least.items()}
        self._bearing: dict[tuple[str, str], frozenset[Address]] = {}

    def with_done(self, done: Iterable[int], undone: Iterable[int] = ()) -> Overlay:
        """`least`, but of these changes it is known that they are done, or not."""
        overlay = dict(self.least)
        for index in done:
            overlay.update(self.steps[index].after)
        for index in undone:
            overlay.update(self.steps[index].before)
        return overlay

    def exactly(self, done: Collection[int]) -> Overlay:
        return {a: own for i, s in self.steps.items() for a, own in (s.after if i in done else s.before).items()}

    def admins(self, scope: str, overlay: Overlay) -> set[str]:
        """Who can sign in and administers the scope."""
        state = self._state(self.bearing(scope), overlay)
        found = admins_in(state, self.access.observed, self.kinds, self._gone(overlay)).get(scope, set())
        return {m for m in found if self._can(m, state, overlay)}

    def _can(self, member: str, state: Resources, overlay: Overlay) -> bool:
        named = (overlay.get(_named(kind.address(member))) for kind in self.kinds.having_access("subject"))
        names = [name for known in named if known for name in known["at"]] or [member]
        return all(not self.sign_in.why_not(member, state, self.access.observed, name) for name in names)

    def holds(self, place: _Place, overlay: Overlay) -> bool:
        if not place.own:
            return bool(self.admins(place.scope, overlay))
        own = key_of(place.own)
        state = self._state(self.bearing(place.scope, own), overlay)
        role = None if own in self._gone(overlay) else strongest_in(own, state, self.access.observed, self.kinds).get(place.scope)
        rank = Roles(self.kinds, state).rank(role) if role else None
        return rank is not None and rank >= place.floor

    def stays(self, scope: str) -> bool:
        """Whether there is such a scope before and after."""
        addresses = [kind.address(scope) for kind in self.kinds.having_access("scope")]
        return not scope or all(any(a in state for a in addresses) for state in self.access.states)

    def at_stake(self, place: _Place) -> bool:
        """Whether it holds before and after, and not for sure in between."""
        if self.bearing(place.scope, key_of(place.own)).isdisjoint(self.least) or self.holds(place, self.least):
            return False
        return self.holds(place, self.exactly(())) and self.holds(place, self.exactly(self.steps))

    def _state(self, addresses: Iterable[Address], overlay: Overlay) -> dict[Address, Attributes]:
        before = self.access.states[0]
        found = {a: own for a in addresses if (own := overlay[a] if a in overlay else before.get(a)) is not None}
        gone = [a for a in found if any(overlay.get(o, _NOTHING) is None for o in self.kinds.identity_references(a))]
        for address in gone:
            del found[address]
        return found

    def _gone(self, overlay: Overlay) -> frozenset[str]:
        """People who are not there."""
        names = tuple(f"{kind.name}/" for kind in self.kinds.having_access("subject"))
        return frozenset(key_of(a) for a, own in overlay.items() if own is None and a.startswith(names))

    def bearing(self, scope: str, member: str = "") -> frozenset[Address]:
        """Everything by which somebody, or this member, may have access to a scope in any of the states."""
        if (scope, member) not in self._bearing:
            self._bearing[scope, member] = frozenset(self._bears(scope, member))
        return self._bearing[scope, member]

    def _bears(self, scope: str, member: str) -> Iterator[Address]:
        yield from (a for a, _ in self.access.resources("role"))
        above = self._above(scope)
        yield from (kind.address(s) for kind in self.kinds.having_access("scope") for s in above)
        people = {member} if member else set(self._company_admins)
        for s in above:
            for principal, grant in self._grants.get(s, ()):
                members = self._groups.get(principal) if principal in self._groups else {key_of(principal)}
                if not member or member in (members or ()):
                    yield from (grant, principal)
                    people |= set(members or ()) if not member else set()
            for domain, rule in self._joining.get(s, ()):
                joined = self._people_at.get(domain, set())
                if not member or member in joined:
                    yield rule
                    people |= joined if not member else set()
        for person in people:
            yield from self._person(person)

    def _person(self, member: str) -> Iterator[Address]:
        for kind in self.kinds.having_access("subject"):
            address = kind.address(member)
            yield address
            for name in {address, self.sign_in.renames.get(address, address)}:
                yield from (k.address(name.rpartition("@")[2]) for k in self.sign_in.proved_names)

    def _above(self, scope: str) -> set[str]:
        """The scope and what is, or will be, or may be on the way, above it."""
        found: set[str] = set()
        queue = [scope] if scope else []
        while queue:
            here = queue.pop()
            if here not in found:
                found.add(here)
                queue += self._parents.get(here, ())
        return found

    @cached_property
    def _parents(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for address, parent in self.access.values("scope", "parent"):
            if parent:
                found.setdefault(key_of(address), set()).add(parent)
        return found

    @cached_property
    def _grants(self) -> dict[str, set[tuple[Address, Address]]]:
        """Scope -> (principal, grant), before or after."""
        found: dict[str, set[tuple[Address, Address]]] = {}
        for address, word, scope in self.access.values("grant", "subject", "workspace"):
            found.setdefault(scope, set()).add((principal_of(self.kinds.of(address), word), address))
        return found

    @cached_property
    def _groups(self) -> dict[Address, set[str]]:
        found: dict[Address, set[str]] = {}
        for address, members in self.access.values("group", "members"):
            found.setdefault(address, set()).update(members or ())
        return found

    @cached_property
    def _company_admins(self) -> set[str]:
        roles = self.access.roles
        return {key_of(a) for a, role in self.access.values("subject", "role") if any(known.is_admin(role) for known in roles)}

    @cached_property
    def _joining(self) -> dict[str, set[tuple[str, Address]]]:
        found: dict[str, set[tuple[str, Address]]] = {}
        for address, scope in self.access.values("auto_join", "workspace"):
            if scope:
                found.setdefault(scope, set()).add((key_of(address), address))
        return found

    @cached_property
    def _people_at(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for address, _ in self.access.resources("subject"):
            found.setdefault(address.rpartition("@")[2], set()).add(key_of(address))
        return found


def _places(world: _World) -> list[_Place]:
    """Scopes that have somebody before and after, and nobody for sure in between."""
    access = world.access
    before, _ = access.touched_admins
    if not before or world.admins("", world.least):
        return []
    return [place for scope in sorted(before) if world.stays(scope) and world.at_stake(place := _Place(scope))]


def _own_places(world: _World) -> list[_Place]:
    """Where orgform's own accounts have access before and after, and less for sure in between."""
    found = []
    for own in sorted(world.sign_in.own):
        if not world.access.touches(key_of(own)):
            continue
        before, after = world.access.strongest(key_of(own))
        for scope in sorted(filter(world.stays, before.keys() & after.keys())):
            ranks = [roles.rank(role) for roles, role in zip(world.access.roles, (before[scope], after[scope]), strict=True)]
            if ranks[0] is None or ranks[1] is None:
                continue
            place = _Place(scope, own, min(ranks[0], ranks[1]))
            if world.at_stake(place):
                found.append(place)
    return found


class _Search:
    """Finds what waits for what. `needs`: index -> the indices of what it needs; `hard`: what references ask for."""

    def __init__(self, world: _World, hard: Sequence[Collection[int]]) -> None:
        self.world, self._hard = world, hard
        self.needs: dict[int, set[int]] = {}
        self._found: list[tuple[Indices, Indices]] = []

    def settle(self, place: _Place) -> bool:
        """Whether the place can be kept open by holding some changes back until others, that only give, are done."""
        if any(self._opens(place, held, first) for held, first in self._found[-TRIED:]):
            return True
        held, first = self._held_back(place), self._waited_for(place)
        if first is None or not self._possible(held, first):
            return False
        self._found.append((held, first))
        self._wait(held, first)
        return True

    def _opens(self, place: _Place, held: Indices, first: Indices) -> bool:
        world = self.world
        return world.holds(place, world.with_done(first)) and world.holds(place, world.with_done((), held))

    def _held_back(self, place: _Place) -> Indices:
        """The changes that would close the place: enough that it stays open as long as none of them is done."""
        world = self.world
        for chosen in self._candidates(place, done=False):
            held = self._concerning(place, chosen) & world.takers
            if world.holds(place, world.with_done((), held)):
                return held
        return world.takers

    def _waited_for(self, place: _Place) -> Indices | None:
        """Changes that only give, enough that the place is open once they are done; None where there are none."""
        world = self.world
        for chosen in self._candidates(place, done=True):
            first = self._concerning(place, chosen) & world.givers
            if world.holds(place, world.with_done(first)):
                return first
        return world.givers if world.holds(place, world.with_done(world.givers)) else None

    def _candidates(self, place: _Place, *, done: bool) -> list[str]:
        """On whom the place can stand: those who are there before and after first."""
        if place.own:
            return [key_of(place.own)]
        before, after = (self.world.admins(place.scope, self.world.exactly(d)) for d in ((), self.world.steps))
        found = after if done else before
        return sorted(found, key=lambda m: (m not in before or m not in after, m))[:TRIED]

    def _concerning(self, place: _Place, member: str) -> Indices:
        bearing = self.world.bearing(place.scope, member)
        return frozenset(i for i, step in self.world.steps.items() if not bearing.isdisjoint(step.before))

    def _possible(self, held: Indices, first: Indices) -> bool:
        """Whether nothing that is waited for waits itself for what is held back."""
        seen: set[int] = set()
        queue = list(first)
        while queue:
            index = queue.pop()
            if index in held:
                return False
            if index not in seen:
                seen.add(index)
                queue += (*self._hard[index], *self.needs.get(index, ()))
        return True

    def _wait(self, held: Iterable[int], first: Iterable[int]) -> None:
        for index in held:
            self.needs.setdefault(index, set()).update(first)

    def in_a_row(self, places: Sequence[_Place], left: list[_Place]) -> list[_Place]:
        """Puts what gives and takes at once in a row in which every step keeps all places open: after all that only gives, before all
        that only takes. The places for which there is no such row are given back."""
        world = self.world
        mixed = sorted(i for i in world.takers if world.steps[i].gives)
        only_take = world.takers - set(mixed)
        row: list[int] = []
        done = set(world.givers)
        while len(row) < len(mixed):
            index = next((i for i in mixed if i not in row and self._ready(i, mixed, row) and self._fine(places, {*done, i})), None)
            if index is None:
                return left
            row.append(index)
            done.add(index)
        known = {index: set(found) for index, found in self.needs.items()}
        for earlier, later in pairwise((world.givers, *(frozenset({i}) for i in row), only_take)):
            if not self._possible(later, earlier):
                self.needs = known
                return left
            self._wait(later, earlier)
        return []

    def _ready(self, index: int, mixed: Collection[int], row: Collection[int]) -> bool:
        return all(other in row for other in self._hard[index] if other in mixed)

    def _fine(self, places: Iterable[_Place], done: Collection[int]) -> bool:
        overlay = self.world.exactly(done)
        return all(self.world.holds(place, overlay) for place in places)
