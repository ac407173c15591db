"""Teammates, and who of them is in which workspace: by themselves, or through a teammate group.

Invariant: a change sends what it changes and nothing else; a teammate's custom fields never go along, since Front erases those that are
left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orgform.codec import replace
from orgform.model import Address, Live, address_of, key_of, parts_of
from orgform.providers.base import Operation, RoleNames
from orgform.providers.front.api import Group, Team, Teammate
from orgform.providers.front.directory import people
from orgform.providers.front.things import Door, Found, Refused, Things, ids_of, shown, team_of

GROUP = "group:"
ADMIN, MEMBER = "company admin", "member"


class Members(Things):
    """The people among the teammates."""

    kind = "member"

    def __init__(self, roles: RoleNames) -> None:
        self._roles = roles

    def all(self, door: Door) -> Iterator[tuple[Address, Live]]:
        for email, teammate in door.directory.teammates().items():
            yield address_of("member", email), self._live(teammate)

    def now(self, door: Door, operation: Operation) -> Found | None:
        known = operation.id or (t.id if (t := door.directory.teammates().get(key_of(operation.address))) else "")
        teammate = door.api.one(f"/teammates/{known}", Teammate) if known else None
        return None if teammate is None else Found(teammate, self._live(teammate))

    def change(self, door: Door, operation: Operation, found: Found) -> None:
        wanted = operation.attributes.get("name")
        if operation.moved_from:
            raise Refused("Front's API changes nobody's e-mail address: change it in Front")
        if not wanted:
            raise Refused("Front keeps a name for every teammate: write one")
        door.api.sent("PATCH", f"/teammates/{found.thing.id}", _parted(str(wanted), found.thing))

    def _live(self, teammate: Teammate) -> Live:
        role = self._roles.back("company", ADMIN if teammate.is_admin else MEMBER)
        status = "suspended" if teammate.is_blocked else "active"
        return shown(teammate.id, {"name": teammate.name, "role": role}, {"status": status})


class Memberships(Things):
    """`membership/WORKSPACE/EMAIL` and `membership/WORKSPACE/group:KEY`. Roles are Front's own affair: no endpoint shows them."""

    kind = "membership"

    def all(self, door: Door) -> Iterator[tuple[Address, Live]]:
        workspaces = {team.id: key for key, team in door.directory.teams().items()}
        for workspace, detail in door.directory.details().items():
            for email, teammate in people(detail.members).items():
                yield address_of("membership", workspace, email), _granted(detail.id, teammate.id)
        for key, group in door.directory.groups().items():
            for team in self._teams(door, group):
                if team.id in workspaces:
                    yield address_of("membership", workspaces[team.id], GROUP + key), _granted(team.id, group.id)

    def now(self, door: Door, operation: Operation) -> Found | None:
        workspace, principal = parts_of(operation.address)
        team = door.directory.teams().get(workspace)
        if team is None:
            return None
        if principal.startswith(GROUP):
            group = door.directory.groups().get(principal.removeprefix(GROUP))
            inside = group is not None and any(t.id == team.id for t in self._teams(door, group))
            return Found(group, _granted(team.id, group.id)) if group and inside else None
        teammate = people(door.directory.detail(team, door.api).members).get(principal)
        return Found(teammate, _granted(team.id, teammate.id)) if teammate else None

    def there(self, door: Door, operation: Operation) -> bool:
        """Also where its workspace has another name now, and so another key."""
        workspace, principal = parts_of(operation.address)
        keys = {team.id: key for key, team in door.directory.teams().items()}
        known = keys.get(operation.id.partition("/")[0], workspace)
        return self.now(door, replace(operation, address=address_of(self.kind, known, principal))) is not None

    def twin(self, door: Door, operation: Operation) -> str:
        return f"{parts_of(operation.address)[1]} is in that workspace already" if self.now(door, operation) else ""

    def create(self, door: Door, operation: Operation) -> None:
        workspace, principal = parts_of(operation.address)
        path, body = self._place(door, team_of(door, workspace), principal)
        door.api.sent("POST", path, body)

    def delete(self, door: Door, operation: Operation, found: Found) -> None:
        workspace, principal = parts_of(operation.address)
        path, body = self._place(door, team_of(door, workspace), principal)
        door.api.sent("DELETE", path, body)

    def _place(self, door: Door, team: Team, principal: str) -> tuple[str, dict[str, Any]]:
        if not principal.startswith(GROUP):
            return f"/teams/{team.id}/teammates", {"teammate_ids": ids_of(door, [principal])}
        group = door.directory.groups().get(principal.removeprefix(GROUP))
        if group is None:
            raise Refused(f"Front has no teammate group {principal.removeprefix(GROUP)}")
        if group.is_managed_by_scim:
            raise Refused(f"the teammate group {group.name!r} is managed by SCIM: Front takes no change of it")
        return f"/teammate_groups/{group.id}/teams", {"team_ids": [team.id]}

    def _teams(self, door: Door, group: Group) -> list[Team]:
        return door.api.listed(f"/teammate_groups/{group.id}/teams", Team)


def _granted(team: str, principal: str) -> Live:
    return shown(f"{team}/{principal}", {})


def _parted(name: str, now: Teammate) -> dict[str, str]:
    """First and last name. The part that stays says where the other begins; else the first word is the first name."""
    words = " ".join(name.split())
    first, last = now.first_name or "", now.last_name or ""
    if last and words.endswith(f" {last}"):
        return {"first_name": words.removesuffix(f" {last}"), "last_name": last}
    if first and words.startswith(f"{first} "):
        return {"first_name": first, "last_name": words.removeprefix(f"{first} ")}
    start, _, rest = words.partition(" ")
    return {"first_name": start, "last_name": rest}
