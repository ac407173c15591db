"""Who can do what where, and by which path; what a plan gives and takes.

Invariant: driven by the kinds' `x-access` alone. Effective access is a function of attributes and observed state; a delta is the
difference of two such sets. Nothing here judges: that is for the guards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

from orgform.formats import check
from orgform.kinds import Kind, Kinds, resolve
from orgform.model import AccessDelta, AccessItem, Address, Attributes, Change, key_of, kind_of, parts_of
from orgform.planning.diff import merge_patch, patched
from orgform.providers.base import KindCapability

#: member, workspace, role, path: an `AccessItem` before it is worth an object
Item = tuple[str, str, str, str]
Resources = Mapping[Address, Attributes]
COMPANY_ADMIN = "company admin"
#: the role of what is there and whose role nothing shows: no key of a role is spelt so, it is nobody's admin and cannot be compared
UNREAD = "?"
_NOTHING: Attributes = {}


class Roles:
    """What roles are worth: built-in ones by their order in the schema (the first is the strongest), custom ones by what they extend."""

    def __init__(self, kinds: Kinds, attributes: Resources) -> None:
        self._kinds = kinds.having_access("role")
        self._attributes = attributes
        self._rank = {role: -index for kind in self._kinds for index, role in enumerate(kind.builtin)}
        self._admin = {role for kind in self._kinds for role, about in kind.builtin.items() if about.get("admin")}

    def is_admin(self, role: str) -> bool:
        return self._root(role) in self._admin

    def may_be_admin(self, role: str) -> bool:
        """As `is_admin`, but a role that nobody describes here counts."""
        root = self._root(role)
        return root is None or root in self._admin

    def rank(self, role: str) -> float | None:
        """Higher is stronger; `None` where it cannot be told. A custom role is a little more than what it extends."""
        root = self._root(role)
        if root is None:
            return None
        return self._rank.get(root, float("-inf")) + (0 if root == role else 0.5)

    def _root(self, role: str) -> str | None:
        """The built-in role that a role comes down to; empty where it extends none, `None` where nobody describes it."""
        seen: set[str] = set()
        while role and role not in self._rank:
            found = next(((k, own) for k in self._kinds if (own := self._attributes.get(k.address(role))) is not None), None)
            if found is None or role in seen:
                return None
            seen.add(role)
            role = found[1].get(found[0].access["extends"]) or ""
        return role


def effective_access(attributes: Resources, observed: Resources | None, kinds: Kinds) -> tuple[AccessItem, ...]:
    """Everybody's access with its path, sorted. Without `observed` (a config) auto-join counts, and its path says `(once verified)`."""
    return _sorted(_items(_Parts(attributes, kinds), observed))


def is_platforms_own(referent: Address, kinds: Kinds) -> bool:
    """Whether a reference leads to a role that a platform has and no config could (`PLATFORM:Auditor`): nothing of ours is behind it."""
    kind = kinds.of(referent)
    return kind.access.get("as") == "role" and kind.key is not None and check(kind.key.format, key_of(referent)) is not None


def unread_roles(capabilities: Mapping[str, KindCapability | None], kinds: Kinds) -> dict[str, bool]:
    """Kinds whose role is attested where the rest of them is read -> whether an API makes what is new, so that nobody chose its role."""
    parts = (*kinds.having_access("subject"), *kinds.having_access("grant"))
    asked = {k.name: can for k in parts if (can := capabilities.get(k.name)) and can.readable}
    return {name: can.create == "api" for name, can in asked.items() if can.fields.get(kinds[name].access["role"]) == "attested"}


def with_unread(resources: Resources, unread: Collection[str], kinds: Kinds) -> Resources:
    """What is live, where a role that nobody attested is `UNREAD`: the default of its kind would be a guess."""
    if not unread:
        return resources
    words = {name: kinds[name].access["role"] for name in unread}
    silent = {a: word for a, own in resources.items() if (word := words.get(kind_of(a))) and own.get(word) is None}
    return {a: {**own, silent[a]: UNREAD} if a in silent else own for a, own in resources.items()}


class AccessChange:
    """Effective access before and after a plan. `deleted`: the addresses that go. `unread`: as `unread_roles` tells."""

    def __init__(
        self, live: Resources, observed: Resources, changes: Sequence[Change], kinds: Kinds, unread: Mapping[str, bool] | None = None
    ) -> None:
        live = with_unread(live, unread or (), kinds)
        # A name that has to be proved takes no proof along when it changes: access by the old name ends, and by the new one does not begin.
        old = {c.address: c.moved_from for c in changes if c.moved_from and kinds.of(c.address).verification}
        self.kinds, self.observed = kinds, {old.get(a, a): seen for a, seen in observed.items()} if old else observed
        self.deleted = frozenset(c.address for c in changes if c.action == "delete")
        before = {old.get(a, a): own for a, own in live.items()} if old else live
        left_open = {kind for kind, by_api in (unread or {}).items() if by_api}
        self.states = (before, with_unread(_later(live, changes, self.deleted, kinds), left_open, kinds))
        self._parts = (_Parts(self.states[0], kinds), _Parts(self.states[1], kinds))
        self.roles = (self._parts[0].roles, self._parts[1].roles)
        self._touched = _touched(self.states, changes, kinds)

    @cached_property
    def items(self) -> tuple[set[Item], set[Item]]:
        """Before and after, of everybody whose access the changes may touch."""
        return self._before(self._touched), self._after(self._touched)

    @cached_property
    def delta(self) -> AccessDelta:
        """Where nothing shows which role somebody has, none is said to be gained or lost by another one: that is `unclear`."""
        before, after = self.items
        gained, lost = after - before, before - after
        hidden = [{_place(item) for item in items if item[2] == UNREAD} for items in (before, after)]
        unclear = {item for item in gained if _place(item) in hidden[0]}
        kept = {_place(item) for item in after}
        lost = {item for item in lost if _place(item) not in (kept if item[2] == UNREAD else hidden[1])}
        return AccessDelta(_sorted(gained - unclear), _sorted(lost), _sorted(unclear))

    @cached_property
    def touched_admins(self) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """Scope (empty: the company) -> its admins before and after, of everybody whose access the changes may touch."""
        before, after = (_admins(items, roles) for items, roles in zip(self.items, self.roles, strict=True))
        return before, after

    @cached_property
    def admins_left(self) -> dict[str, set[str]]:
        """Scope -> everybody who is admin there after the plan."""
        return _admins(self._after(None, self.roles[1].is_admin), self.roles[1])

    @cached_property
    def company_admins_left(self) -> set[str]:
        """As `admins_left` of the company, without a look at anything else."""
        is_admin = self.roles[1].is_admin
        return {key_of(a) for _, a, role in self._parts[1].of("subject", "role") if is_admin(role) and a not in self.deleted}

    def admins_without(self, gone: Collection[Address]) -> dict[str, set[str]]:
        """As `admins_left`, were these gone, and what belongs to them."""
        state = _without(self.states[1], frozenset(gone), self.kinds)
        return admins_in(state, self.observed, self.kinds, {key_of(a) for a in self._people if a not in state})

    def touches(self, member: str) -> bool:
        """Whether the changes may touch this member's access."""
        return self._touched is None or member in self._touched

    def resources(self, part: str) -> Iterator[tuple[Address, Attributes]]:
        """What plays this part, before or after; twice, where it is there before and after."""
        return (item for parts in self._parts for kind in self.kinds.having_access(part) for item in parts.own(kind))

    def values(self, part: str, *words: str) -> Iterator[tuple[Any, ...]]:
        """The address and the value of each word, of what plays this part before or after."""
        return (row[1:] for parts in self._parts for row in parts.of(part, *words))

    def strongest(self, member: str) -> tuple[dict[str, str], dict[str, str]]:
        """Scope -> the most that a member may do there, before and after."""
        own = frozenset({member})
        return _strongest(self._before(own), self.roles[0]), _strongest(self._after(own), self.roles[1])

    def lowered(self, old: str, new: str | None) -> bool:
        """Whether somebody who had the one role and has the other lost something by it."""
        if new is None or new == old:
            return new is None
        had, has = self.roles[0].rank(old), self.roles[1].rank(new)
        return had is None or has is None or has <= had

    @cached_property
    def _people(self) -> set[Address]:
        names = tuple(f"{k.name}/" for k in self.kinds.having_access("subject"))
        return {a for state in self.states for a in state if a.startswith(names)}

    def _before(self, members: frozenset[str] | None) -> set[Item]:
        return _items(self._parts[0], self.observed, members)

    def _after(self, members: frozenset[str] | None, wanted: Callable[[str], bool] | None = None) -> set[Item]:
        found = _items(self._parts[1], self.observed, members, wanted)
        gone = {key_of(a) for k in self.kinds.having_access("subject") for a in self.deleted if kind_of(a) == k.name}
        return {item for item in found if item[0] not in gone} if gone else found


def admins_in(state: Resources, observed: Resources, kinds: Kinds, gone: Collection[str]) -> dict[str, set[str]]:
    """Scope -> its admins in any state. `gone`: people who are not there any more, whatever still names them."""
    parts = _Parts(state, kinds)
    return _admins((i for i in _items(parts, observed, None, parts.roles.is_admin) if i[0] not in gone), parts.roles)


def strongest_in(member: str, state: Resources, observed: Resources, kinds: Kinds) -> dict[str, str]:
    """Scope -> the most that a member may do there in any state."""
    parts = _Parts(state, kinds)
    return _strongest(_items(parts, observed, frozenset({member})), parts.roles)


@cache
def reader(kind: Kind, word: str) -> Callable[[Address, Attributes], Any]:
    """Reads what a word of `x-access` names: the kind's own key, its parent's key, or a dotted attribute (or its default at creation)."""
    if word == kind.parent:
        return lambda address, _: parts_of(address)[0]
    if kind.key and word == kind.key.name:
        return lambda address, _: parts_of(address)[-1]
    path, default = word.split("."), kind.defaults.get(word)

    def read(_: Address, attributes: Attributes) -> Any:
        value: Any = attributes
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    return read


class _Grant(NamedTuple):
    members: Collection[str]
    role: str
    path: str


class _Parts:
    """The resources that take part in access, by kind, with readers for what their kind's `x-access` names."""

    def __init__(self, attributes: Resources, kinds: Kinds) -> None:
        self.kinds, self.roles = kinds, Roles(kinds, attributes)
        self._own: dict[str, list[tuple[Address, Attributes]]] = {name: [] for name, kind in kinds.items() if kind.access}
        for address, own in attributes.items():
            found = self._own.get(address.partition("/")[0])
            if found is not None:
                found.append((address, own))

    def own(self, kind: Kind) -> list[tuple[Address, Attributes]]:
        return self._own[kind.name]

    def of(self, part: str, *words: str) -> Iterator[tuple[Any, ...]]:
        """Kind, address, then the value of each word, for all resources that play this part."""
        for kind in self.kinds.having_access(part):
            readers = [reader(kind, kind.access[word]) for word in words]
            for address, own in self._own[kind.name]:
                yield (kind, address, *[read(address, own) for read in readers])


def _items(
    parts: _Parts,
    observed: Resources | None,
    only: frozenset[str] | None = None,
    wanted: Callable[[str], bool] | None = None,
) -> set[Item]:
    """`only`: the members that are asked for; `wanted`: the roles. `None`: all of them."""
    subjects = {key_of(address): str(role) for _, address, role in parts.of("subject", "role") if only is None or key_of(address) in only}
    parents = {key_of(address): parent for _, address, parent in parts.of("scope", "parent")}
    grants = _grants(parts, subjects, observed, only, wanted)
    admins = [(member, role) for member, role in subjects.items() if parts.roles.is_admin(role)]
    items: set[Item] = {(member, "", role, "direct") for member, role in subjects.items() if wanted is None or wanted(role)}
    for scope in parents.keys() | grants.keys():
        items.update([(member, scope, role, COMPANY_ADMIN) for member, role in admins])
        for above in _upwards(scope, parents):
            for grant in grants.get(above, ()):
                path = grant.path if above == scope else _inherited(above, grant.path)
                items.update([(member, scope, grant.role, path) for member in grant.members])
    return items


def _grants(
    parts: _Parts,
    subjects: Iterable[str],
    observed: Resources | None,
    only: frozenset[str] | None,
    wanted: Callable[[str], bool] | None,
) -> dict[str, list[_Grant]]:
    """Scope -> what is given there: directly, to a group, or to whoever has an address at a domain."""
    groups = {address: members or () for _, address, members in parts.of("group", "members")}
    principals: dict[str, tuple[Collection[str], str]] = {}
    grants: dict[str, list[_Grant]] = {}
    for kind, _, word, scope, role in parts.of("grant", "subject", "workspace", "role"):
        if wanted is not None and not wanted(role):
            continue
        if word not in principals:
            principals[word] = _stands_for(kind, word, groups, parts.kinds, only)
        members, path = principals[word]
        if members:
            grants.setdefault(scope, []).append(_Grant(members, role, path))
    for kind, address, scope, role in parts.of("auto_join", "workspace", "role"):
        if scope and (observed is None or _matches(observed.get(address, _NOTHING), kind.access["when"])):
            path = address.replace("/", ":", 1) + (" (once verified)" if observed is None else "")
            members = [m for m in subjects if m.rpartition("@")[2] == key_of(address)]
            grants.setdefault(scope, []).append(_Grant(members, role, path))
    return grants


def _stands_for(
    kind: Kind, word: str, groups: Mapping[Address, Iterable[str]], kinds: Kinds, only: frozenset[str] | None
) -> tuple[Collection[str], str]:
    """The members that a grant's principal stands for, and the path by which they have it."""
    address = principal_of(kind, word)
    if kinds.of(address).access["as"] == "group":
        return [m for m in groups.get(address, ()) if only is None or m in only], address.replace("/", ":", 1)
    return (key_of(address),) if only is None or key_of(address) in only else (), "direct"


def principal_of(kind: Kind, word: str) -> Address:
    """The person or the group that a grant's word names."""
    return resolve(kind.key.references if kind.key else (), word)


def _touched(states: tuple[Resources, Resources], changes: Sequence[Change], kinds: Kinds) -> frozenset[str] | None:
    """The members whose access the changes may touch; `None`: anybody's, where the places themselves or the roles change."""
    touched: set[str] = set()
    for change in changes:
        kind = kinds.of(change.address)
        match kind.access.get("as"):
            case None if not kind.verification:
                continue
            case "subject":
                touched.add(key_of(change.address))
            case "group":
                touched.update(_everybody_in(change.address, states, kind))
            case "grant":
                principal = principal_of(kind, reader(kind, kind.access["subject"])(change.address, _NOTHING))
                touched.add(key_of(principal))
                touched.update(_everybody_in(principal, states, kinds.of(principal)))
            case _:
                return None
    return frozenset(touched)


def _everybody_in(group: Address, states: tuple[Resources, Resources], kind: Kind) -> Iterator[str]:
    for state in states:
        yield from state.get(group, _NOTHING).get(kind.access.get("members", ""), None) or ()


def _admins(items: Iterable[Item], roles: Roles) -> dict[str, set[str]]:
    known: dict[str, bool] = {}
    found: dict[str, set[str]] = {}
    for member, scope, role, _ in items:
        if role not in known:
            known[role] = roles.is_admin(role)
        if known[role]:
            found.setdefault(scope, set()).add(member)
    return found


def _strongest(items: Iterable[Item], roles: Roles) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, scope, role, _ in sorted(items):
        if scope not in found or (roles.rank(role) or 0) > (roles.rank(found[scope]) or 0):
            found[scope] = role
    return found


def _matches(observed: Attributes, condition: Mapping[str, Any]) -> bool:
    return all(observed.get(name) == value for name, value in condition.items())


def _upwards(scope: str, parents: Mapping[str, Any]) -> Iterator[str]:
    """The scope itself, then what is above it; a circle in the live system ends where it closes."""
    seen: set[str] = set()
    here: str | None = scope
    while here and here not in seen:
        yield here
        seen.add(here)
        here = parents.get(here)


def _inherited(above: str, path: str) -> str:
    return f"parent:{above}" if path == "direct" else f"parent:{above} > {path}"


def _later(live: Resources, changes: Sequence[Change], deleted: frozenset[Address], kinds: Kinds) -> dict[Address, Attributes]:
    """The live resources as the plan leaves them; what belongs to something deleted goes with it."""
    later = {a: own for a, own in live.items() if a not in deleted}
    for change in changes:
        if change.after is not None:
            kind = kinds.of(change.address)
            patch = merge_patch(change.before or _NOTHING, change.after, kind)
            later[change.address] = patched(later.get(change.address, _NOTHING), patch, kind)
    return _bound(later, deleted, kinds)


def _without(state: Resources, gone: frozenset[Address], kinds: Kinds) -> dict[Address, Attributes]:
    return _bound({a: own for a, own in state.items() if a not in gone}, gone, kinds)


def _bound(state: dict[Address, Attributes], gone: frozenset[Address], kinds: Kinds) -> dict[Address, Attributes]:
    """The state without the grants that belong to something that is gone."""
    bound = {k.name for k in kinds.having_access("grant")} if gone else set()
    lost = [a for a in state if kind_of(a) in bound and not gone.isdisjoint(kinds.identity_references(a))]
    for address in lost:
        del state[address]
    return state


def _place(item: Item) -> tuple[str, str, str]:
    """Whose it is, where and by which path: all but the role."""
    return item[0], item[1], item[3]


def _sorted(items: Iterable[Item]) -> tuple[AccessItem, ...]:
    shown = ((member, scope, "" if role == UNREAD else role, path) for member, scope, role, path in items)
    return tuple(AccessItem(*item) for item in sorted(shown))
