"""What the fake Front holds, and how Front shows it.

Invariant: a row is what was put in; what is shown of it is as the description of the API says, links and all. What a route refuses is a
`Refusal`, whose answer has the shape of Front's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from orgform.testing.platform import Call, FakePlatform, Told

Row = dict[str, Any]


class Refusal(Exception):
    def __init__(self, status: int, title: str, message: str) -> None:
        self.told = Told(status, {"_error": {"status": status, "title": title, "message": message}})


class Rows(FakePlatform):
    """`rows`: id -> what is known of it, in the order it was made; `members`: id of a team, group, inbox or shift -> ids of teammates;
    `teams_of`: id of a group -> ids of teams."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Row] = {}
        self.members: dict[str, list[str]] = {}
        self.teams_of: dict[str, list[str]] = {}
        self._ids = itertools.count(1)

    # Filling it

    def add(self, prefix: str, **row: Any) -> str:
        """A row; its id."""
        id = f"{prefix}_{next(self._ids):x}"
        self.rows[id] = {"id": id, **row}
        return id

    def add_team(self, name: str, *members: str) -> str:
        id = self.add("tim", name=name)
        self.members[id] = list(members)
        return id

    def add_teammate(
        self, email: str, first: str = "", last: str = "", *, admin: bool = False, blocked: bool = False, type: str = "user"
    ) -> str:
        return self.add(
            "tea",
            email=email,
            username=email.partition("@")[0].replace(".", "_"),
            first_name=first,
            last_name=last,
            license_type="full",
            is_admin=admin,
            is_available=True,
            is_blocked=blocked,
            type=type,
            custom_fields={"Desk": "4.02"},
        )

    def add_group(self, name: str, *members: str, description: str | None = None, scim: bool = False) -> str:
        id = self.add("cir", name=name, description=description, is_managed_by_scim=scim, permissions={})
        self.members[id], self.teams_of[id] = list(members), []
        return id

    def add_inbox(self, team: str, name: str, *members: str, public: bool = True) -> str:
        id = self.add("inb", name=name, is_public=public, is_private=False, custom_fields={}, team=team)
        self.members[id] = list(members)
        return id

    def add_tag(self, team: str, name: str, description: str | None = None, highlight: str | None = None) -> str:
        row = {"description": description, "highlight": highlight, "is_private": False, "is_visible_in_conversation_lists": False}
        return self.add("tag", name=name, team=team, **row)

    def add_folder(self, team: str, name: str, parent: str | None = None) -> str:
        return self.add("rsf", name=name, team=team, folder=parent)

    def add_template(self, team: str, name: str, body: str, subject: str | None = None, folder: str | None = None) -> str:
        row = {"attachments": [], "is_available_for_all_inboxes": True, "inbox_ids": None}
        return self.add("rsp", name=name, body=body, subject=subject, folder=folder, team=team, **row)

    def add_shift(self, team: str, name: str, times: Row, *members: str, color: str = "blue", timezone: str = "UTC") -> str:
        id = self.add("shf", name=name, color=color, timezone=timezone, times=times, team=team)
        self.members[id] = list(members)
        return id

    def of(self, prefix: str, team: str | None = None) -> list[Row]:
        """Rows of one sort, oldest first; of one team."""
        return [r for id, r in self.rows.items() if id.startswith(f"{prefix}_") and (team is None or r.get("team") == team)]

    # What Front shows of a row

    def _team(self, row: Row) -> Row:
        return self._shown(row, f"/teams/{row['id']}", "name")

    def _teammate(self, row: Row) -> Row:
        return self._shown(row, f"/teammates/{row['id']}", *(n for n in row if n != "id"))

    def _group(self, row: Row) -> Row:
        return self._shown(row, f"/teammate_groups/{row['id']}", "name", "description", "is_managed_by_scim", "permissions")

    def _inbox(self, row: Row) -> Row:
        return self._shown(row, f"/inboxes/{row['id']}", "name", "is_private", "is_public", "custom_fields")

    def _tag(self, row: Row) -> Row:
        names = ("name", "description", "highlight", "is_private", "is_visible_in_conversation_lists")
        return self._shown(row, f"/tags/{row['id']}", *names, owner=f"/teams/{row['team']}", parent_tag=None)

    def _folder(self, row: Row) -> Row:
        return self._shown(row, f"/message_template_folders/{row['id']}", "name", parent_folder=self._parent(row))

    def _template(self, row: Row) -> Row:
        names = ("name", "subject", "body", "attachments", "is_available_for_all_inboxes", "inbox_ids")
        return self._shown(row, f"/responses/{row['id']}", *names, owner=f"/teams/{row['team']}", parent_folder=self._parent(row))

    def _shift(self, row: Row) -> Row:
        return self._shown(row, f"/shifts/{row['id']}", "name", "color", "timezone", "times", owner=f"/teams/{row['team']}")

    def _parent(self, row: Row) -> str | None:
        return f"/message_template_folders/{row['folder']}" if row["folder"] else None

    def _shown(self, row: Row, path: str, *names: str, **related: str | None) -> Row:
        links = self._self(path) | {"related": {name: to and self.url + to for name, to in related.items()}}
        return {"_links": links, "id": row["id"], **{name: row[name] for name in names}}

    def _self(self, path: str) -> Row:
        return {"self": f"{self.url}{path}"}

    def _people(self, id: str) -> list[Row]:
        return [self._teammate(self.rows[i]) for i in self.members[id]]

    # What the routes share

    def _list(self, call: Call, rows: Iterable[Row]) -> Told:
        return Told(200, {"_links": self._self(call.path), "_results": list(rows)})

    def _pages(self, call: Call, rows: list[Row], size: int) -> Told:
        """The token says where to go on; the link has everything that the next call needs."""
        start = int(call.first("page_token", "0") or "0")
        following = f"{self.url}{call.path}?limit={size}&page_token={start + size}" if start + size < len(rows) else None
        body = {"_pagination": {"next": following}, "_links": self._self(call.path), "_results": rows[start : start + size]}
        return Told(200, body)

    def _row(self, id: Any, prefix: str) -> Row:
        if not str(id).startswith(f"{prefix}_") or id not in self.rows:
            raise Refusal(404, "Not found", f"Could not find {id}")
        return self.rows[id]

    def _person(self, id: Any) -> Row:
        """By id, or by the alias that the address is."""
        email = str(id).removeprefix("alt:email:")
        if email != id:
            id = next((r["id"] for r in self.of("tea") if r["email"] == email), id)
        return self._row(id, "tea")

    def _own_group(self, call: Call) -> Row:
        row = self._row(call.params["group"], "cir")
        if row["is_managed_by_scim"]:
            raise Refusal(400, "Bad request", "You cannot modify a teammate group that is managed by SCIM")
        return row

    def _inside(self, team: str, id: Any) -> str:
        person: str = self._person(id)["id"]
        if person not in self.members[team]:
            raise Refusal(400, "Bad request", f"{person} is not in the team that owns the shift")
        return person

    def _ids_in(self, call: Call, name: str, prefix: str) -> list[str]:
        return [(self._person(i) if prefix == "tea" else self._row(i, prefix))["id"] for i in body_of(call, name)[name]]

    def _let_in(self, id: str, call: Call) -> Told:
        self.members[id] += [i for i in self._ids_in(call, "teammate_ids", "tea") if i not in self.members[id]]
        return Told(204)

    def _let_out(self, id: str, call: Call) -> Told:
        """Who leaves a workspace leaves its shifts and inboxes."""
        gone = self._ids_in(call, "teammate_ids", "tea")
        for place in [id, *(r["id"] for r in self.rows.values() if r.get("team") == id and r["id"] in self.members)]:
            self.members[place] = [i for i in self.members[place] if i not in gone]
        return Told(204)

    def _patched(self, row: Row, call: Call, *names: str) -> Told:
        body = body_of(call)
        unknown = sorted(set(body) - set(names))
        if unknown:
            raise Refusal(400, "Bad request", f"{unknown[0]}: is not allowed")
        row.update(body)
        return Told(204)

    def _deleted(self, row: Row) -> Told:
        del self.rows[row["id"]]
        return Told(204)


def error(status: int, title: str, message: str, headers: dict[str, str] | None = None) -> Told:
    return Told(status, {"_error": {"status": status, "title": title, "message": message}}, headers or {})


def body_of(call: Call, *needed: str) -> Row:
    """The body as an object. Raises `Refusal` where something that is needed is not there."""
    body = call.body if isinstance(call.body, dict) else {}
    missing = [name for name in needed if body.get(name) is None]
    if missing:
        raise Refusal(400, "Bad request", f"{missing[0]}: is required")
    return body
