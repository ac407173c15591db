"""What a kind is in Front: how all of it is read, how one is read again, and how it is made, changed and deleted.

Invariant: what is written goes to a workspace by its id, since Front puts whatever names none into its oldest one; attributes that Front
does not show are not there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from orgform.codec import Struct, digest
from orgform.errors import ProviderError
from orgform.model import Address, Attributes, Live, address_of, key_of, parts_of
from orgform.providers.base import Operation
from orgform.providers.front.api import Api, Group, Team, Teammate
from orgform.providers.front.directory import Directory, people
from orgform.providers.naming import same_name, slug


class Refused(ProviderError):
    """Nothing was done, and why."""


class Door(Struct, frozen=True):
    """What reading and writing goes through."""

    api: Api
    directory: Directory


class Found(Struct, frozen=True):
    """One of Front's things, as it stands for a resource."""

    thing: Any
    live: Live


class Things(ABC):
    """One kind. Everything raises `HttpError`, and `Refused` where Front would not take it. What the declaration does not give to the API
    is asked of none of them."""

    kind: ClassVar[str]

    @abstractmethod
    def all(self, door: Door) -> Iterator[tuple[Address, Live]]:
        """Every one there is."""

    def now(self, door: Door, operation: Operation) -> Found | None:
        """The one that an operation is about, read again. None where it is gone."""
        raise NotImplementedError

    def there(self, door: Door, operation: Operation) -> bool:
        """Whether the one that a delete is about is in Front's lists, or found by its id."""
        return self.now(door, operation) is not None

    def twin(self, door: Door, operation: Operation) -> str:
        """What stands in the way of a create: a sentence; empty where nothing does."""
        raise NotImplementedError

    def create(self, door: Door, operation: Operation) -> None:
        raise NotImplementedError

    def change(self, door: Door, operation: Operation, found: Found) -> None:
        raise NotImplementedError

    def delete(self, door: Door, operation: Operation, found: Found) -> None:
        raise NotImplementedError


class Below(Things):
    """Things that are made in a workspace. `path`: of the list, behind the workspace's own, and of one of them."""

    path: ClassVar[str]
    shape: ClassVar[type]

    def all(self, door: Door) -> Iterator[tuple[Address, Live]]:
        for workspace, team in door.directory.teams().items():
            for key, thing in self._listed(door, workspace, team).items():
                yield address_of(self.kind, workspace, key), self._live(door, team, thing)

    def now(self, door: Door, operation: Operation) -> Found | None:
        workspace, key = parts_of(operation.moved_from or operation.address)
        team = door.directory.teams().get(workspace)
        if team is None:
            return None
        thing = door.api.one(f"/{self.path}/{operation.id}", self.shape) if operation.id else self._listed(door, workspace, team).get(key)
        return None if thing is None else Found(thing, self._live(door, team, thing))

    def there(self, door: Door, operation: Operation) -> bool:
        """Also where its workspace has another name now, and so another key."""
        if operation.id and door.api.one(f"/{self.path}/{operation.id}", self.shape) is not None:
            return True
        workspace, key = parts_of(operation.address)
        team = door.directory.teams().get(workspace)
        listed = self._listed(door, workspace, team) if team else {}
        return any(thing.id == operation.id for thing in listed.values()) if operation.id else key in listed

    def twin(self, door: Door, operation: Operation) -> str:
        workspace, _ = parts_of(operation.address)
        wanted = name_of(operation)
        for thing in self._listed(door, workspace, team_of(door, workspace)).values():
            if same_name(thing.name, wanted):
                return f"{workspace} has one named {thing.name!r} already ({thing.id})"
        return ""

    def create(self, door: Door, operation: Operation) -> None:
        workspace, _ = parts_of(operation.address)
        team = team_of(door, workspace)
        self._make(door, team, {"name": name_of(operation)}, operation.attributes)

    def _listed(self, door: Door, workspace: str, team: Team) -> dict[str, Any]:
        """By key."""
        listed: list[Any] = door.api.listed(self._list_path(team), self.shape)
        things = [t for t in listed if self._counts(t)]
        return door.directory.keys(things, self.kind, workspace)

    def _list_path(self, team: Team) -> str:
        return f"/teams/{team.id}/{self.path}"

    def _counts(self, thing: Any) -> bool:
        return True

    @abstractmethod
    def _live(self, door: Door, team: Team, thing: Any) -> Live: ...

    @abstractmethod
    def _make(self, door: Door, team: Team, body: dict[str, Any], wanted: Attributes) -> None: ...


class CompanyThings(Things):
    """The one that the token belongs to."""

    kind = "company"

    def all(self, door: Door) -> Iterator[tuple[Address, Live]]:
        company = door.api.company()
        yield address_of("company", "company"), shown(company.id, {"name": company.name})


class Workspaces(Things):
    kind = "workspace"

    def all(self, door: Door) -> Iterator[tuple[Address, Live]]:
        for key, team in door.directory.teams().items():
            yield address_of("workspace", key), shown(team.id, {"name": team.name})


class Groups(Things):
    """Teammate groups and the people in them. What SCIM manages is read and never written."""

    kind = "group"

    def all(self, door: Door) -> Iterator[tuple[Address, Live]]:
        for key, group in door.directory.groups().items():
            yield address_of("group", key), self._live(door, group)

    def now(self, door: Door, operation: Operation) -> Found | None:
        if operation.id:
            group = door.api.one(f"/teammate_groups/{operation.id}", Group)
        else:
            door.directory.forget("groups")
            group = door.directory.groups().get(key_of(operation.moved_from or operation.address))
        return None if group is None else Found(group, self._live(door, group))

    def there(self, door: Door, operation: Operation) -> bool:
        listed = door.directory.groups()
        return any(group.id == operation.id for group in listed.values()) if operation.id else key_of(operation.address) in listed

    def twin(self, door: Door, operation: Operation) -> str:
        door.directory.forget("groups")
        wanted = name_of(operation)
        there = [g for g in door.directory.groups().values() if same_name(g.name, wanted)]
        return f"Front has a teammate group named {there[0].name!r} already ({there[0].id})" if there else ""

    def create(self, door: Door, operation: Operation) -> None:
        wanted = operation.attributes
        ids = ids_of(door, wanted.get("members") or ())
        body = {"name": name_of(operation)} | ({"description": wanted["description"]} if wanted.get("description") else {})
        group = door.api.made("/teammate_groups", body, Group)
        door.directory.forget("groups")
        if ids:
            door.api.sent("POST", f"/teammate_groups/{group.id}/teammates", {"teammate_ids": ids})

    def change(self, door: Door, operation: Operation, found: Found) -> None:
        group = _ours(found.thing)
        patch = operation.attributes
        body = renamed(operation, group.name)
        if "description" in patch:
            body["description"] = patch["description"] or ""
        if body:
            door.api.sent("PATCH", f"/teammate_groups/{group.id}", body)
        if "members" in patch:
            set_people(door, f"/teammate_groups/{group.id}/teammates", found.live.attributes["members"], patch["members"] or ())
        door.directory.forget("groups")

    def delete(self, door: Door, operation: Operation, found: Found) -> None:
        door.api.sent("DELETE", f"/teammate_groups/{_ours(found.thing).id}")
        door.directory.forget("groups")

    def _live(self, door: Door, group: Group) -> Live:
        members = sorted(people(door.api.listed(f"/teammate_groups/{group.id}/teammates", Teammate)))
        return shown(group.id, {"name": group.name, "description": group.description, "members": members})


def _ours(group: Group) -> Group:
    if group.is_managed_by_scim:
        raise Refused(f"the teammate group {group.name!r} is managed by SCIM: change it in the directory that SCIM takes it from")
    return group


# What they share


def shown(id: str, attributes: Mapping[str, Any], observed: Attributes | None = None) -> Live:
    """A resource without what is empty. Front has no ETags: what it shows stands for one."""
    own = {name: value for name, value in attributes.items() if value is not None and value != ""}
    return Live(own, observed or {}, id, digest(own))


def name_of(operation: Operation) -> str:
    return str(operation.attributes.get("name") or parts_of(operation.address)[-1])


def renamed(operation: Operation, name: str) -> dict[str, Any]:
    """The part of a change that gives another name: where it is written, or where the key was the name and is another one now."""
    wanted = name
    if "name" in operation.attributes:
        wanted = name_of(operation)
    elif operation.moved_from and slug(name) == slug(parts_of(operation.moved_from)[-1]):
        wanted = parts_of(operation.address)[-1]
    return {} if wanted == name else {"name": wanted}


def team_of(door: Door, workspace: str) -> Team:
    team = door.directory.teams().get(workspace)
    if team is None:
        raise Refused(f"Front has no workspace {workspace}; make it there first, or name its id in the target's `workspaces`")
    return team


def ids_of(door: Door, emails: Iterable[str]) -> list[str]:
    known = door.directory.teammates()
    wanted = sorted(emails)
    missing = [email for email in wanted if email not in known]
    if missing:
        raise Refused(f"Front has no teammate {missing[0]}; invite them there first")
    return [known[email].id for email in wanted]


def set_people(door: Door, path: str, now: Iterable[str], wanted: Iterable[str]) -> None:
    """Adds and takes out only who has to be: what Front adds of its own stays."""
    come, go = ids_of(door, set(wanted) - set(now)), ids_of(door, set(now) - set(wanted))
    if come:
        door.api.sent("POST", path, {"teammate_ids": come})
    if go:
        door.api.sent("DELETE", path, {"teammate_ids": go})
