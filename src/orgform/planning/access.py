"""Who can do what where, and by which path; what a plan gives and takes.

Invariant: driven by the kinds' `x-access` alone. Effective access is a function of attributes and observed state; a delta is the
difference of two such sets. Nothing here judges: that is for the guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from orgform.kinds import Kind, Kinds, resolve
from orgform.model import AccessDelta, AccessItem, Address, Attributes, Change, key_of, kind_of, parts_of
from orgform.planning.diff import merge_patch, patched

#: member, workspace, role, path: an `AccessItem` before it is worth an object
Item = tuple[str, str, str, str]
Resources = Mapping[Address, Attributes]
COMPANY_ADMIN = "company admin"
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
    return _sorted(_items(attributes, observed, kinds))


class AccessChange:
    """Effective access before and after a plan. `deleted`: the addresses that go."""

    def __init__(self, live: Resources, observed: Resources, changes: Sequence[Change], kinds: Kinds) -> None:
        self.kinds, self.live, self.observed = kinds, live, observed
        self.deleted = frozenset(c.address for c in changes if c.action == "delete")
        self.later = _later(live, changes, self.deleted, kinds)

    @cached_property
    def before(self) -> set[Item]:
        return _items(self.live, self.observed, self.kinds)

    @cached_property
    def after(self) -> set[Item]:
        gone = {key_of(a) for k in self.kinds.having_access("subject") for a in self.deleted if kind_of(a) == k.name}
        return {item for item in _items(self.later, self.observed, self.kinds) if item[0] not in gone}

    @cached_property
    def delta(self) -> AccessDelta:
        return AccessDelta(_sorted(self.after - self.before), _sorted(self.before - self.after))

    @cached_property
    def roles(self) -> tuple[Roles, Roles]:
        """Before and after."""
        return Roles(self.kinds, self.live), Roles(self.kinds, self.later)

    @cached_property
    def admins(self) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """Scope (empty: the company) -> its admins, before and after."""
        return _admins(self.before, self.roles[0]), _admins(self.after, self.roles[1])

    def strongest(self, member: str) -> tuple[dict[str, str], dict[str, str]]:
        """Scope -> the most that a member may do there, before and after."""
        return _strongest(self.before, member, self.roles[0]), _strongest(self.after, member, self.roles[1])

    def lowered(self, old: str, new: str | None) -> bool:
        """Whether somebody who had the one role and has the other lost something by it."""
        if new is None or new == old:
            return new is None
        had, has = self.roles[0].rank(old), self.roles[1].rank(new)
        return had is None or has is None or has <= had


def field_of(word: str, kind: Kind, address: Address, attributes: Attributes) -> Any:
    """What `x-access` names: the kind's own key, its parent's key, or a dotted attribute (or its default at creation)."""
    if kind.parent == word:
        return parts_of(address)[0]
    if kind.key and kind.key.name == word:
        return parts_of(address)[-1]
    value: Any = attributes
    for part in word.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return kind.defaults.get(word) if value is None else value


def matches(observed: Attributes, condition: Mapping[str, Any]) -> bool:
    """Whether what is observed is as the condition says."""
    return all(observed.get(name) == value for name, value in condition.items())


class _Part(NamedTuple):
    """One resource that takes part in access; `get` reads what its kind's `x-access` calls so."""

    kind: Kind
    address: Address
    attributes: Attributes

    def get(self, word: str) -> Any:
        return field_of(self.kind.access[word], *self)


class _Grant(NamedTuple):
    members: Iterable[str]
    role: str
    path: str


def _items(attributes: Resources, observed: Resources | None, kinds: Kinds) -> set[Item]:
    parts = _by_part(attributes, kinds)
    subjects = {key_of(p.address): str(p.get("role")) for p in parts["subject"]}
    parents = {key_of(p.address): p.get("parent") for p in parts["scope"]}
    grants = _grants(parts, subjects, observed, kinds)
    roles = Roles(kinds, attributes)
    admins = [(member, role) for member, role in subjects.items() if roles.is_admin(role)]
    items: set[Item] = {(member, "", role, "direct") for member, role in subjects.items()}
    for scope in parents.keys() | grants.keys():
        items.update((member, scope, role, COMPANY_ADMIN) for member, role in admins)
        for above in _upwards(scope, parents):
            for grant in grants.get(above, ()):
                path = grant.path if above == scope else _inherited(above, grant.path)
                items.update([(member, scope, grant.role, path) for member in grant.members])
    return items


def _by_part(attributes: Resources, kinds: Kinds) -> dict[str, list[_Part]]:
    """The resources that take part in access, by the part they take."""
    parts: dict[str, list[_Part]] = {part: [] for part in ("subject", "group", "grant", "auto_join", "scope", "role")}
    sinks = {name: (kind, parts[kind.access["as"]]) for name, kind in kinds.items() if kind.access}
    for address, own in attributes.items():
        sink = sinks.get(address.partition("/")[0])
        if sink:
            sink[1].append(_Part(sink[0], address, own))
    return parts


def _grants(
    parts: Mapping[str, Sequence[_Part]], subjects: Iterable[str], observed: Resources | None, kinds: Kinds
) -> dict[str, list[_Grant]]:
    """Scope -> what is given there: directly, to a group, or to whoever has an address at a domain."""
    groups = {p.address: p.get("members") or () for p in parts["group"]}
    principal = _principals(groups, kinds)
    grants: dict[str, list[_Grant]] = {}
    for part in parts["grant"]:
        members, path = principal(part.kind, part.get("subject"))
        grants.setdefault(part.get("workspace"), []).append(_Grant(members, part.get("role"), path))
    for part in parts["auto_join"]:
        scope, domain = part.get("workspace"), key_of(part.address)
        if scope and (observed is None or matches(observed.get(part.address, _NOTHING), part.kind.access["when"])):
            path = f"{part.kind.name}:{domain}" + (" (once verified)" if observed is None else "")
            members = [m for m in subjects if m.rpartition("@")[2] == domain]
            grants.setdefault(scope, []).append(_Grant(members, part.get("role"), path))
    return grants


def _principals(groups: Mapping[Address, Iterable[str]], kinds: Kinds) -> Callable[[Kind, str], tuple[Iterable[str], str]]:
    """Who a grant's principal stands for, and by which path; each word is looked up once."""
    known: dict[str, tuple[Iterable[str], str]] = {}

    def look_up(kind: Kind, word: str) -> tuple[Iterable[str], str]:
        found = known.get(word)
        if found is None:
            address = resolve(kind.key.references, word) if kind.key else Address(word)
            is_group = kinds.of(address).access.get("as") == "group"
            found = (groups.get(address, ()), address.replace("/", ":", 1)) if is_group else ((key_of(address),), "direct")
            known[word] = found
        return found

    return look_up


def _admins(items: Iterable[Item], roles: Roles) -> dict[str, set[str]]:
    known: dict[str, bool] = {}
    found: dict[str, set[str]] = {}
    for member, scope, role, _ in items:
        if role not in known:
            known[role] = roles.is_admin(role)
        if known[role]:
            found.setdefault(scope, set()).add(member)
    return found


def _strongest(items: Iterable[Item], member: str, roles: Roles) -> dict[str, str]:
    found: dict[str, str] = {}
    for _, scope, role, _ in sorted(i for i in items if i[0] == member):
        if scope not in found or (roles.rank(role) or 0) > (roles.rank(found[scope]) or 0):
            found[scope] = role
    return found


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
    bound = {k.name for k in kinds.having_access("grant")} if deleted else set()
    lost = [a for a in later if kind_of(a) in bound and not deleted.isdisjoint(kinds.identity_references(a))]
    for address in lost:
        del later[address]
    return later


def _sorted(items: Iterable[Item]) -> tuple[AccessItem, ...]:
    return tuple(AccessItem(*item) for item in sorted(items))
