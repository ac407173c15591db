"""Who is in which group, as far as a write needs to know and to change it.

Invariant: members are added and removed by name, never as a whole list, and every change is read back: what is lost on the way is told.
One group is changed by one thread at a time, since few servers do that in one piece.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from orgform.providers.http import HttpError
from orgform.providers.scim.directory import Directory
from orgform.providers.scim.layout import Slot
from orgform.providers.scim.people import Group, group_of, members_patch, new_group, user_of, with_members
from orgform.providers.scim.wire import Resource, Scim, at, version_of

TRIES = 3
_STALE = 412


class Refused(Exception):
    """Something that cannot be done, or did not hold; its text says what."""


class Memory:
    """What stays from one look to the next: who was seen in which group, and who may change it now."""

    def __init__(self) -> None:
        self.seen: dict[str, frozenset[str]] = {}
        self.locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


class Belonging:
    """`directory`: a look at the server; only its lists of groups and users are used, and they are asked for anew where they fall short."""

    def __init__(self, scim: Scim, directory: Directory, memory: Memory) -> None:
        self._scim = scim
        self._directory = directory
        self._memory = memory
        self._ids: dict[str, str] = directory.ids
        self._emails: dict[str, str] = {id: email for email, id in self._ids.items()}
        self._made: dict[Slot, str] = {}

    # Who is meant

    def learn(self, email: str, id: str) -> None:
        self._ids[email] = id
        self._emails[id] = email

    def forget(self, email: str) -> None:
        self._ids.pop(email, None)

    def principal(self, word: str) -> str:
        """Id of a member or of `group:KEY`. Raises `Refused`."""
        if word.startswith("group:"):
            id = self.group(word.removeprefix("group:"))
        else:
            id = self._ids.get(word) or next((user_of(r).id for r in self.users_with(word)), "")
            self._ids[word] = id
        if not id:
            raise Refused(f"there is no {word} on the server")
        return id

    def users_with(self, email: str) -> list[Resource]:
        """Users of this address, active ones first: by our `externalId`, else by `userName`."""
        for attribute in ("externalId", "userName"):
            found = [r for r in self._scim.found(self._scim.features.users, attribute, email) if user_of(r).email == email]
            if found:
                return sorted(found, key=lambda r: not user_of(r).active)
        return []

    def all_users(self) -> dict[str, list[Resource]]:
        """Address -> users, active ones first."""
        found: dict[str, list[Resource]] = {}
        for resource in sorted(self._scim.listed(self._scim.features.users), key=lambda r: not user_of(r).active):
            found.setdefault(user_of(resource).email, []).append(resource)
        return found

    def email(self, id: str) -> str:
        """Address of a user; empty where it has none, or is none. Raises `HttpError`, `Incomplete`."""
        if id in self._emails:
            return self._emails[id]
        user = self._directory.users.get(id)
        return user.email if user else ""

    def group(self, key: str) -> str:
        """Id of the group that has this key; empty where there is none."""
        return next((i for i, known in self._directory.keys.items() if known == key), "")

    def place(self, slot: Slot) -> str:
        return self._made.get(slot) or self._directory.place(slot)

    # Who is in

    def read(self, id: str) -> Group:
        """Raises `HttpError`."""
        return group_of(self._scim.get(at(self._scim.features.groups, id)))

    def holds(self, id: str, principals: Iterable[str]) -> frozenset[str]:
        """Those of the principals that are in the group."""
        if not self._scim.vendor.hides_members:
            return (self.read(id).members or frozenset()).intersection(principals)
        return frozenset(p for p in principals if id in self._groups_of(p))

    def members(self, id: str, also: Iterable[str] = ()) -> frozenset[str]:
        """All that are in a group whose members are not shown: those of the last look and `also` are asked for one by one."""
        known = self._memory.seen.get(id)
        return self.holds(id, (self._directory.members(id) if known is None else known).union(also))

    def roles(self, slots: Iterable[Slot], principal: str) -> tuple[str, ...]:
        """The roles that somebody has by these groups, in their order."""
        places = {slot: self.place(slot) for slot in slots}
        if self._scim.vendor.hides_members:
            mine = self._groups_of(principal) if places else frozenset()
            return tuple(slot.role for slot, id in places.items() if id in mine)
        return tuple(slot.role for slot, id in places.items() if id and principal in self.holds(id, [principal]))

    def may_hold(self, slot: Slot, principal: str) -> bool:
        """False where the last read saw the group without them."""
        id = self.place(slot)
        return bool(id) and principal in self._memory.seen.get(id, {principal})

    def _groups_of(self, principal: str) -> frozenset[str]:
        found = self._scim.listed(self._scim.features.groups, filter=f'members.value eq "{principal}"')
        return frozenset(str(g["id"]) for g in found)

    # Changing it

    def settle(self, slots: Iterable[Slot], principals: Iterable[str], role: str | None) -> None:
        """These have this role and no other of the slots'; none with `None`. In first, out then: nobody is without in between.

        Raises `Refused`, `HttpError`, `Incomplete`.
        """
        known, who = tuple(slots), frozenset(principals)
        for slot in known:
            if slot.role == role:
                self._enter(slot, who)
        for slot in known:
            if slot.role != role and (id := self.place(slot)):
                self.change(id, remove=who)

    def _enter(self, slot: Slot, who: frozenset[str]) -> None:
        id = self.place(slot)
        if id:
            self.change(id, add=who)
            return
        with self._memory.locks[str(slot)]:
            if slot not in self._made:
                made = self._scim.send("POST", self._scim.features.groups, new_group(f"{slot.workspace}-{slot.role}", slot.word, ()))
                if not isinstance(made, dict) or not made.get("id"):
                    raise Refused(f"the server did not say which group {slot.word!r} became")
                self._made[slot] = str(made["id"])
        self.change(self._made[slot], add=who)

    def change(self, id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Adds and removes members, in pieces that the server takes, and reads back that it holds. Raises `Refused`, `HttpError`."""
        with self._memory.locks[id]:
            entering, leaving = set(add), set(remove)
            known = self._memory.seen.pop(id, None)
            if known is not None and self._scim.vendor.hides_members:
                self._memory.seen[id] = (known | entering) - leaving
            while entering or leaving:
                most = self._scim.vendor.most_changes
                some_in = set(islice(sorted(entering), most))
                some_out = set(islice(sorted(leaving), most - len(some_in)))
                self._piece(id, some_in, some_out)
                entering -= some_in
                leaving -= some_out

    def _piece(self, id: str, entering: set[str], leaving: set[str]) -> None:
        path = at(self._scim.features.groups, id)
        for attempt in range(TRIES):
            resource = self._scim.get(path)
            before = group_of(resource).members or frozenset()
            if not self._scim.vendor.hides_members:
                entering, leaving = entering - before, leaving & before
            if not entering and not leaving:
                return
            try:
                self._send(path, resource, entering, leaving)
            except HttpError as e:
                if attempt < TRIES - 1 and (e.status == _STALE or self._scim.lacks(e, "PATCH")):
                    continue
                raise
            break
        self._verify(id, before, entering, leaving)

    def _send(self, path: str, resource: Resource, entering: set[str], leaving: set[str]) -> None:
        if self._scim.features.patch:
            self._scim.send("PATCH", path, members_patch(entering, leaving, self._scim.vendor), version_of(resource))
        else:
            self._scim.send("PUT", path, with_members(resource, entering, leaving), version_of(resource))

    def _verify(self, id: str, before: frozenset[str], entering: set[str], leaving: set[str]) -> None:
        if self._scim.vendor.hides_members:
            held = self.holds(id, entering | leaving)
            wrong = len(entering - held) + len(leaving & held)
            if wrong:
                raise Refused(f"the server took the change of {wrong} members of the group {id}, and it does not hold")
            return
        group = self.read(id)
        after = group.members or frozenset()
        lost = (before - leaving) - after
        if lost:
            raise Refused(
                f"the group {group.name!r} had {len(before)} members and has {len(after)} now: the server dropped {len(lost)} whom "
                "nobody asked to remove; the next plan shows who is missing"
            )
        if entering - after or leaving & after:
            raise Refused(f"the server took the change of the members of {group.name!r}, and it does not hold")
