"""What is made in a workspace: inboxes, tags, message templates with their folders, shifts.

Invariant: a change of a message template always says which folder it is in: Front moves one that does not to the top.
"""

from __future__ import annotations

import threading
from typing import Any

from orgform.codec import Struct
from orgform.model import Attributes, Live
from orgform.providers.base import Operation
from orgform.providers.front.api import OK, Folder, Inbox, Shift, Tag, Team, Teammate, Template
from orgform.providers.front.directory import people
from orgform.providers.front.things import Below, Door, Found, Refused, ids_of, renamed, set_people, shown

#: for a shift whose color is not written: Front wants one
SHIFT_COLOR = "grey"


class Inboxes(Below):
    """Who may see an inbox is listed for those that are not public; a public one is everybody's."""

    kind = "inbox"
    path = "inboxes"
    shape = Inbox

    def change(self, door: Door, operation: Operation, found: Found) -> None:
        now = found.live.attributes.get("members", ())
        set_people(door, f"/inboxes/{found.thing.id}/teammates", now, operation.attributes["members"] or ())

    def _counts(self, thing: Inbox) -> bool:
        return not thing.is_private

    def _live(self, door: Door, team: Team, thing: Inbox) -> Live:
        attributes: Attributes = {"name": thing.name, "public": thing.is_public}
        if not thing.is_public:
            attributes["members"] = sorted(people(door.api.listed(f"/inboxes/{thing.id}/teammates", Teammate)))
        return shown(thing.id, attributes)

    def _make(self, door: Door, team: Team, body: dict[str, Any], wanted: Attributes) -> None:
        public = wanted.get("public", True)
        ids = ids_of(door, wanted.get("members") or ())
        body |= {"is_public": public} | ({"teammate_ids": ids} if ids else {})
        door.api.made(self._list_path(team), body, Inbox)


class Tags(Below):
    kind = "tag"
    path = "tags"
    shape = Tag

    def change(self, door: Door, operation: Operation, found: Found) -> None:
        patch = operation.attributes
        body = renamed(operation, found.thing.name)
        if "description" in patch:
            body["description"] = patch["description"] or ""
        if "color" in patch:
            if not patch["color"]:
                raise Refused("Front's API cannot take the color of a tag away: write another one")
            body["highlight"] = patch["color"]
        if body:
            door.api.sent("PATCH", f"/tags/{found.thing.id}", body)

    def delete(self, door: Door, operation: Operation, found: Found) -> None:
        door.api.sent("DELETE", f"/tags/{found.thing.id}")

    def _list_path(self, team: Team) -> str:
        return f"{super()._list_path(team)}?limit=100"

    def _live(self, door: Door, team: Team, thing: Tag) -> Live:
        return shown(thing.id, {"name": thing.name, "description": thing.description, "color": thing.highlight})

    def _make(self, door: Door, team: Team, body: dict[str, Any], wanted: Attributes) -> None:
        body |= {theirs: wanted[ours] for ours, theirs in (("description", "description"), ("color", "highlight")) if wanted.get(ours)}
        door.api.made(f"/teams/{team.id}/tags", body, Tag)


class FolderTree(Struct, frozen=True):
    """A workspace's folders: id -> path of names, `Onboarding/EU`."""

    paths: dict[str, str]

    def id(self, path: str) -> str | None:
        """Raises `Refused` where several have that path."""
        found = sorted(id for id, known in self.paths.items() if known == path)
        if len(found) > 1:
            raise Refused(f"{len(found)} folders are named {path!r} there ({', '.join(found)}): rename all but one")
        return found[0] if found else None


class Templates(Below):
    kind = "message_template"
    path = "message_templates"
    shape = Template

    def __init__(self) -> None:
        self._making = threading.Lock()

    def change(self, door: Door, operation: Operation, found: Found) -> None:
        patch = operation.attributes
        body = renamed(operation, found.thing.name)
        body |= {name: patch[name] or "" for name in ("subject", "body") if name in patch}
        folder = patch["folder"] if "folder" in patch else found.live.attributes.get("folder")
        workspace = operation.address.split("/")[1]
        kept = id_in(found.thing.links.related.parent_folder)
        own = self._folder_id(door, door.directory.teams()[workspace], folder) if "folder" in patch else kept
        if body or own != kept:
            body |= {"folder_id": own} if own else {}
            door.api.sent("PATCH", f"/message_templates/{found.thing.id}", body, status=OK, shape=Template)

    def delete(self, door: Door, operation: Operation, found: Found) -> None:
        door.api.sent("DELETE", f"/message_templates/{found.thing.id}")

    def _live(self, door: Door, team: Team, thing: Template) -> Live:
        parent = id_in(thing.links.related.parent_folder)
        folder = self._tree(door, team).paths.get(parent, parent) if parent else None
        return shown(thing.id, {"name": thing.name, "subject": thing.subject, "body": thing.body, "folder": folder})

    def _make(self, door: Door, team: Team, body: dict[str, Any], wanted: Attributes) -> None:
        folder = self._folder_id(door, team, wanted.get("folder"))
        body |= {"body": wanted.get("body") or ""} | ({"subject": wanted["subject"]} if wanted.get("subject") else {})
        door.api.made(self._list_path(team), body | ({"folder_id": folder} if folder else {}), Template)

    def _tree(self, door: Door, team: Team) -> FolderTree:
        return door.directory.once(f"folders of {team.id}", lambda: tree(door.api.listed(_folders(team), Folder)))

    def _folder_id(self, door: Door, team: Team, path: str | None) -> str | None:
        """Of the folder with this path; what is not there of it is made. One at a time, so that two templates do not make two of it."""
        if not path:
            return None
        with self._making:
            door.directory.forget(f"folders of {team.id}")
            known, own, done = self._tree(door, team), None, ""
            if there := known.id(path):
                return there
            for name in path.split("/"):
                done = f"{done}/{name}" if done else name
                above, own = own, known.id(done)
                if own is None:
                    body = {"name": name} | ({"parent_folder_id": above} if above else {})
                    own = door.api.made(_folders(team), body, Folder).id
            door.directory.forget(f"folders of {team.id}")
            return own


class Shifts(Below):
    kind = "shift"
    path = "shifts"
    shape = Shift

    def change(self, door: Door, operation: Operation, found: Found) -> None:
        patch = operation.attributes
        body = renamed(operation, found.thing.name)
        body |= {name: patch[name] for name in ("color", "timezone") if patch.get(name)}
        if "times" in patch:
            # all days: whether Front keeps those that are left out is written nowhere
            days = {**found.thing.times, **(patch["times"] or dict.fromkeys(found.thing.times))}
            body["times"] = {day: hours for day, hours in days.items() if hours is not None}
        if body:
            door.api.sent("PATCH", f"/shifts/{found.thing.id}", body)
        if "members" in patch:
            set_people(door, f"/shifts/{found.thing.id}/teammates", found.live.attributes["members"], patch["members"] or ())

    def _live(self, door: Door, team: Team, thing: Shift) -> Live:
        members = sorted(people(door.api.listed(f"/shifts/{thing.id}/teammates", Teammate)))
        attributes = {"name": thing.name, "color": thing.color, "timezone": thing.timezone, "times": thing.times, "members": members}
        return shown(thing.id, attributes)

    def _make(self, door: Door, team: Team, body: dict[str, Any], wanted: Attributes) -> None:
        body |= {"color": wanted.get("color") or SHIFT_COLOR, "timezone": wanted["timezone"], "times": wanted["times"]}
        body["teammate_ids"] = ids_of(door, wanted.get("members") or ())
        door.api.made(self._list_path(team), body, Shift)


def tree(folders: list[Folder]) -> FolderTree:
    """Folders may come in any order, and one whose parent is not listed stands at the top."""
    known = {f.id: f for f in folders}

    def path(folder: Folder, above: int) -> str:
        parent = known.get(id_in(folder.links.related.parent_folder) or "")
        return f"{path(parent, above - 1)}/{folder.name}" if parent and above else folder.name

    return FolderTree({f.id: path(f, len(folders)) for f in folders})


def id_in(link: str | None) -> str | None:
    """`https://acme.api.frontapp.com/message_template_folders/rsf_g2` -> `rsf_g2`"""
    return link.rstrip("/").rpartition("/")[2] if link else None


def _folders(team: Team) -> str:
    return f"/teams/{team.id}/message_template_folders"
