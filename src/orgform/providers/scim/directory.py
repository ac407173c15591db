"""One look at a server: who and which groups are there, who is in which, and under which addresses the config knows them.

Invariant: a look is kept while it lasts and never asked for twice. What is not whole is told as `Incomplete`: an empty list of members is
believed only where nothing says otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cached_property

from orgform.codec import digest
from orgform.errors import ReadFailed
from orgform.model import Address, Attributes, Live, address_of
from orgform.providers.naming import Thing, keyed, labelled
from orgform.providers.scim.layout import Layout, Slot
from orgform.providers.scim.people import OURS, Group, User, group_of, user_of
from orgform.providers.scim.wire import Incomplete, Scim, at

Labels = Callable[[], Mapping[Address, str]]


class Directory:
    """`deletes`: users are really deleted, so that an inactive one is suspended and not gone."""

    def __init__(self, scim: Scim, layout: Layout, labels: Labels, deletes: bool) -> None:
        self._scim = scim
        self._layout = layout
        self._labels = labels
        self._deletes = deletes
        self._members: dict[str, frozenset[str]] = {}

    # What is there

    @cached_property
    def users(self) -> dict[str, User]:
        """By id. Raises `Incomplete`, also where two active ones have one address."""
        found = {u.id: u for u in map(user_of, self._scim.listed(self._scim.features.users))}
        same: dict[str, list[str]] = defaultdict(list)
        for user in found.values():
            if user.email and (user.active or self._deletes):
                same[user.email].append(user.id)
        for email, ids in same.items():
            if len(ids) > 1:
                raise Incomplete(f"{len(ids)} users have the address {email}: {', '.join(sorted(ids))}; remove all but one there")
        return found

    @property
    def ids(self) -> dict[str, str]:
        """Address -> id, of the users as far as they were looked at."""
        looked: dict[str, User] = self.__dict__.get("users", {})
        return {u.email: u.id for u in looked.values() if u.email and (u.active or self._deletes)}

    @cached_property
    def groups(self) -> dict[str, Group]:
        """By id, without members. Raises `Incomplete`; `ReadFailed` where two have one name and nothing tells them apart."""
        if not self._scim.features.groups:
            raise Incomplete(f"{self._scim.vendor.title} has no groups")
        listed = self._scim.listed(self._scim.features.groups, excludedAttributes="members")
        found = {g.id: g for g in map(group_of, listed)}
        self._tell_apart(found)
        return found

    def _tell_apart(self, groups: Mapping[str, Group]) -> None:
        told = {*self._layout.named.values(), *(s.word for s in self._layout.slots)}
        same: dict[str, list[str]] = defaultdict(list)
        for group in groups.values():
            same[" ".join(group.name.split()).casefold()].append(group.id)
        for ids in same.values():
            if len(ids) > 1 and len([i for i in ids if i not in told]) > 0:
                name = groups[ids[0]].name
                raise ReadFailed(
                    f"{len(ids)} groups are named {name!r} there: {', '.join(sorted(ids))}",
                    hint="rename all but one there, or say which is which in the target: `groups: {named: {KEY: ID}}`",
                )

    def members(self, id: str) -> frozenset[str]:
        """Ids of who is in a group. Raises `Incomplete` where the answer cannot be all of them."""
        if id not in self._members:
            hidden = self._scim.vendor.hides_members
            self._members[id] = self._asked_for[id] if hidden else self._shown(id)
        return self._members[id]

    @property
    def seen(self) -> dict[str, frozenset[str]]:
        """Group -> members, of the groups that were looked into."""
        return dict(self._members)

    def _shown(self, id: str) -> frozenset[str]:
        group = group_of(self._scim.get(at(self._scim.features.groups, id)))
        members, most = group.members or frozenset(), self._scim.vendor.most_members
        if most and len(members) >= most:
            raise Incomplete(f"the group {group.name!r} has {most} members or more, and {self._scim.vendor.title} shows no more")
        claimed = [] if members else sorted(u.email or u.id for u in self.users.values() if id in u.groups)
        if claimed:
            raise Incomplete(
                f"the server says that the group {group.name!r} is empty, and that {claimed[0]} is in it: it does not show members; "
                "say which `vendor` it is in the target"
            )
        return members

    @cached_property
    def _asked_for(self) -> defaultdict[str, frozenset[str]]:
        """Group -> members, where only a filter tells which groups somebody is in."""
        found: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
        for user in self.users.values():
            for group in self._scim.listed(self._scim.features.groups, filter=f'members.value eq "{user.id}"'):
                found[group["id"]] |= {user.id}
        return found

    # How the config calls it

    def place(self, slot: Slot) -> str:
        """Id of the group that stands for a role; empty where it is missing and would be made. Raises `Incomplete`."""
        if slot.word in self.groups:
            return slot.word
        found = next((g.id for g in self.groups.values() if g.name.casefold() == slot.word.casefold()), "")
        if not found and not self._layout.make:
            raise Incomplete(
                f"there is no group {slot.word!r}, which stands for {slot}: make it there, correct the target's `groups`, "
                "or set `make: true` in them"
            )
        return found

    @cached_property
    def keys(self) -> dict[str, str]:
        """Id -> key, of groups that stand for no role."""
        words = {s.word.casefold() for s in self._layout.slots}
        free = {i: g for i, g in self.groups.items() if i not in words and g.name.casefold() not in words}
        ours = {g.external.removeprefix(OURS): i for i, g in free.items() if g.external.startswith(OURS)}
        return keyed(
            [Thing(g.id, g.name) for g in free.values()],
            given=ours | self._layout.named,
            labels=labelled("group", self._labels()),
            what="groups",
        )

    def principals(self, id: str) -> dict[str, str]:
        """Id -> word that a membership has for it, of who is in a group."""
        known = {i: u.email for i in self.members(id) if (u := self.users.get(i)) and u.email}
        nested = {i: f"group:{self.keys[i]}" for i in self.members(id) if i in self.groups and i in self.keys}
        return known | nested

    def roles(self, workspace: str) -> dict[str, tuple[str, ...]]:
        """Principal -> the roles that it has there, the first counts."""
        found: dict[str, tuple[str, ...]] = {}
        for slot in self._layout.of(workspace):
            id = self.place(slot)
            for principal in self.principals(id).values() if id else ():
                found[principal] = (*found.get(principal, ()), slot.role)
        return found

    # As resources

    def live_members(self) -> dict[Address, Live]:
        roles = self.roles("")
        known = [u for u in self.users.values() if u.email and (u.active or self._deletes)]
        return {address_of("member", u.email): member_of(u, roles.get(u.email, ()), self._layout) for u in known}

    def live_groups(self) -> dict[Address, Live]:
        return {address_of("group", key): self.live_group(id) for id, key in self.keys.items()}

    def live_group(self, id: str) -> Live:
        members = [e for i in self.members(id) if (u := self.users.get(i)) and (e := u.email)]
        return group_as(self.groups[id], members)

    def live_memberships(self) -> dict[Address, Live]:
        workspaces = dict.fromkeys(s.workspace for s in self._layout.slots if s.workspace)
        return {
            address_of("membership", workspace, principal): membership_of(roles)
            for workspace in workspaces
            for principal, roles in self.roles(workspace).items()
        }


def member_of(user: User, roles: tuple[str, ...], layout: Layout) -> Live:
    own: Attributes = {"name": user.name, "title": user.title}
    attributes = {k: v for k, v in own.items() if v} | {"role": roles[0] if roles else layout.base_role}
    status = "active" if user.active else "suspended"
    return Live(attributes, {"status": status}, user.id, etag_of([attributes, status, roles]))


def group_as(group: Group, members: list[str]) -> Live:
    attributes: Attributes = {"name": group.name, "members": sorted(members)}
    return Live(attributes, id=group.id, etag=etag_of(attributes))


def membership_of(roles: tuple[str, ...]) -> Live:
    return Live({"role": roles[0]}, etag=etag_of(list(roles)))


def etag_of(value: object) -> str:
    """Of what we manage of a resource: a server's own changes with every sign-in, and many have none."""
    return digest(value).removeprefix("sha256:")[:16]
