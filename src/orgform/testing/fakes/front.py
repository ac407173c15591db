"""Front's Core API, as far as the provider `front` uses it, on real sockets and with state.

    with front.example().running() as fake:
        target = {"provider": "front", "url": fake.url, "token": "env:FRONT_TOKEN"}   # FRONT_TOKEN=fake-token

Invariant: answers have the status and the shape that the API's description gives for their endpoint. What Front keeps of its own (bots
among the teammates, custom fields, names that are not unique, a folder that goes with all that is in it) is so here, too; what its API
does not have (making a workspace, changing an inbox, deleting a shift) is `404` here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, ClassVar

from orgform.testing.platform import Call, FakePlatform, Told, route

TOKEN = "fake-token"  # noqa: S105 - it opens nothing
Row = dict[str, Any]
_TEMPLATE_PAGE = 25


class Refusal(Exception):
    def __init__(self, status: int, title: str, message: str) -> None:
        self.told = Told(status, {"_error": {"status": status, "title": title, "message": message}})


class Front(FakePlatform):
    """`rows`: id -> what is known of it, in the order it was made; `members`: id of a team, group, inbox or shift -> ids of teammates;
    `teams_of`: id of a group -> ids of teams. `admin_of_all`: whether company admins are listed in every team."""

    base_path: ClassVar[str] = ""

    def __init__(self, company: str = "Acme") -> None:
        super().__init__()
        self.company = company
        self.rows: dict[str, Row] = {}
        self.members: dict[str, list[str]] = {}
        self.teams_of: dict[str, list[str]] = {}
        #: requests that are taken before everything is answered with 429; None: no limit
        self.quota: int | None = None
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

    # Answering

    def answer(self, call: Call) -> Told:
        with self._lock:
            if self.quota is not None:
                if self.quota <= 0:
                    self.quota = None  # the minute is over when they ask again
                    self.next_answers(_error(429, "Too many requests", "rate limit exceeded", {"retry-after": "1"}))
                else:
                    self.quota -= 1
            return super().answer(call)

    def _routed(self, call: Call) -> Told:
        try:
            return super()._routed(call)
        except Refusal as refusal:
            return refusal.told

    def unauthorized(self, call: Call) -> Told | None:
        good = call.headers.get("authorization") == f"Bearer {TOKEN}"
        return None if good else _error(401, "Unauthenticated", "JSON Web Token error")

    def missing(self, call: Call) -> Told:
        return _error(404, "Not found", "Unknown endpoint")

    @route("GET", "/me")
    def _me(self, call: Call) -> Told:
        return Told(200, {"_links": self._self("/me"), "id": "cmp_k30", "name": self.company})

    # Teams and teammates

    @route("GET", "/teams")
    def _teams(self, call: Call) -> Told:
        return self._list(call, map(self._team, self.of("tim")))

    @route("GET", "/teams/{team}")
    def _one_team(self, call: Call) -> Told:
        row = self._row(call.params["team"], "tim")
        inboxes = [self._inbox(r) for r in self.of("inb", row["id"])]
        return Told(200, {**self._team(row), "inboxes": inboxes, "members": self._people(row["id"])})

    @route("POST", "/teams/{team}/teammates")
    def _join(self, call: Call) -> Told:
        return self._let_in(self._row(call.params["team"], "tim")["id"], call)

    @route("DELETE", "/teams/{team}/teammates")
    def _leave(self, call: Call) -> Told:
        return self._let_out(self._row(call.params["team"], "tim")["id"], call)

    @route("GET", "/teammates")
    def _teammates(self, call: Call) -> Told:
        return self._list(call, map(self._teammate, self.of("tea")))

    @route("GET", "/teammates/{teammate}")
    def _one_teammate(self, call: Call) -> Told:
        return Told(200, self._teammate(self._person(call.params["teammate"])))

    @route("PATCH", "/teammates/{teammate}")
    def _change_teammate(self, call: Call) -> Told:
        """Custom fields that are not sent along are gone: Front replaces them whole."""
        return self._patched(
            self._person(call.params["teammate"]), call, "username", "first_name", "last_name", "is_available", "custom_fields"
        )

    # Groups

    @route("GET", "/teammate_groups")
    def _groups(self, call: Call) -> Told:
        return self._list(call, map(self._group, self.of("cir")))

    @route("POST", "/teammate_groups")
    def _new_group(self, call: Call) -> Told:
        body = _body(call, "name")
        return Told(201, self._group(self.rows[self.add_group(body["name"], description=body.get("description"))]))

    @route("GET", "/teammate_groups/{group}")
    def _one_group(self, call: Call) -> Told:
        return Told(200, self._group(self._row(call.params["group"], "cir")))

    @route("PATCH", "/teammate_groups/{group}")
    def _change_group(self, call: Call) -> Told:
        return self._patched(self._own_group(call), call, "name", "description")

    @route("DELETE", "/teammate_groups/{group}")
    def _delete_group(self, call: Call) -> Told:
        return self._deleted(self._own_group(call))

    @route("GET", "/teammate_groups/{group}/teammates")
    def _group_people(self, call: Call) -> Told:
        return self._list(call, self._people(self._row(call.params["group"], "cir")["id"]))

    @route("POST", "/teammate_groups/{group}/teammates")
    def _join_group(self, call: Call) -> Told:
        return self._let_in(self._own_group(call)["id"], call)

    @route("DELETE", "/teammate_groups/{group}/teammates")
    def _leave_group(self, call: Call) -> Told:
        return self._let_out(self._own_group(call)["id"], call)

    @route("GET", "/teammate_groups/{group}/teams")
    def _group_teams(self, call: Call) -> Told:
        ids = self.teams_of[self._row(call.params["group"], "cir")["id"]]
        return self._list(call, [self._team(self.rows[i]) for i in ids])

    @route("POST", "/teammate_groups/{group}/teams")
    def _add_team_to_group(self, call: Call) -> Told:
        known = self.teams_of[self._own_group(call)["id"]]
        known += [i for i in self._ids_in(call, "team_ids", "tim") if i not in known]
        return Told(204)

    @route("DELETE", "/teammate_groups/{group}/teams")
    def _take_team_from_group(self, call: Call) -> Told:
        gone = self._ids_in(call, "team_ids", "tim")
        group = self._own_group(call)["id"]
        self.teams_of[group] = [i for i in self.teams_of[group] if i not in gone]
        return Told(204)

    # Inboxes

    @route("GET", "/teams/{team}/inboxes")
    def _inboxes(self, call: Call) -> Told:
        return self._list(call, map(self._inbox, self.of("inb", self._row(call.params["team"], "tim")["id"])))

    @route("POST", "/teams/{team}/inboxes")
    def _new_inbox(self, call: Call) -> Told:
        body = _body(call, "name")
        team = self._row(call.params["team"], "tim")["id"]
        members = [self._person(i)["id"] for i in body.get("teammate_ids", ())]
        return Told(201, self._inbox(self.rows[self.add_inbox(team, body["name"], *members, public=body.get("is_public", False))]))

    @route("GET", "/inboxes/{inbox}")
    def _one_inbox(self, call: Call) -> Told:
        return Told(200, self._inbox(self._row(call.params["inbox"], "inb")))

    @route("GET", "/inboxes/{inbox}/teammates")
    def _inbox_people(self, call: Call) -> Told:
        row = self._row(call.params["inbox"], "inb")
        return self._list(call, self._people(row["team"] if row["is_public"] else row["id"]))

    @route("POST", "/inboxes/{inbox}/teammates")
    def _join_inbox(self, call: Call) -> Told:
        return self._let_in(self._row(call.params["inbox"], "inb")["id"], call)

    @route("DELETE", "/inboxes/{inbox}/teammates")
    def _leave_inbox(self, call: Call) -> Told:
        return self._let_out(self._row(call.params["inbox"], "inb")["id"], call)

    # Tags

    @route("GET", "/teams/{team}/tags")
    def _tags(self, call: Call) -> Told:
        size = int(call.first("limit", "50"))
        if not 0 < size <= 100:
            raise Refusal(400, "Bad request", "limit: must be at most 100")
        return self._pages(call, [self._tag(r) for r in self.of("tag", self._row(call.params["team"], "tim")["id"])], size)

    @route("POST", "/teams/{team}/tags")
    def _new_tag(self, call: Call) -> Told:
        body = _body(call, "name")
        if len(body["name"]) > 64:
            raise Refusal(400, "Bad request", "name: must be at most 64 characters")
        team = self._row(call.params["team"], "tim")["id"]
        return Told(201, self._tag(self.rows[self.add_tag(team, body["name"], body.get("description"), body.get("highlight"))]))

    @route("POST", "/tags")
    def _unscoped_tag(self, call: Call) -> Told:
        """As Front does: it lands in the oldest workspace."""
        body = _body(call, "name")
        return Told(201, self._tag(self.rows[self.add_tag(self.of("tim")[0]["id"], body["name"])]))

    @route("GET", "/tags/{tag}")
    def _one_tag(self, call: Call) -> Told:
        return Told(200, self._tag(self._row(call.params["tag"], "tag")))

    @route("PATCH", "/tags/{tag}")
    def _change_tag(self, call: Call) -> Told:
        return self._patched(self._row(call.params["tag"], "tag"), call, "name", "description", "highlight")

    @route("DELETE", "/tags/{tag}")
    def _delete_tag(self, call: Call) -> Told:
        return self._deleted(self._row(call.params["tag"], "tag"))

    # Message templates and folders

    @route("GET", "/teams/{team}/message_template_folders")
    def _folders(self, call: Call) -> Told:
        rows = self.of("rsf", self._row(call.params["team"], "tim")["id"])
        return self._pages(call, [self._folder(r) for r in rows], _TEMPLATE_PAGE)

    @route("POST", "/teams/{team}/message_template_folders")
    def _new_folder(self, call: Call) -> Told:
        body = _body(call, "name")
        team, parent = self._row(call.params["team"], "tim")["id"], body.get("parent_folder_id")
        return Told(201, self._folder(self.rows[self.add_folder(team, body["name"], self._row(parent, "rsf")["id"] if parent else None)]))

    @route("DELETE", "/message_template_folders/{folder}")
    def _delete_folder(self, call: Call) -> Told:
        """With everything that is in it, and some time later: 202."""
        row = self._row(call.params["folder"], "rsf")
        inside = [row["id"]]
        for id in inside:
            inside += [r["id"] for r in self.rows.values() if r.get("folder") == id]
        for id in inside:
            del self.rows[id]
        return Told(202, {"status": "accepted", "message_template_folder_id": row["id"]})

    @route("GET", "/teams/{team}/message_templates")
    def _templates(self, call: Call) -> Told:
        rows = self.of("rsp", self._row(call.params["team"], "tim")["id"])
        return self._pages(call, [self._template(r) for r in rows], _TEMPLATE_PAGE)

    @route("POST", "/teams/{team}/message_templates")
    def _new_template(self, call: Call) -> Told:
        body = _body(call, "name", "body")
        team, folder = self._row(call.params["team"], "tim")["id"], body.get("folder_id")
        own = self._row(folder, "rsf")["id"] if folder else None
        return Told(201, self._template(self.rows[self.add_template(team, body["name"], body["body"], body.get("subject"), own)]))

    @route("GET", "/message_templates/{template}")
    def _one_template(self, call: Call) -> Told:
        return Told(200, self._template(self._row(call.params["template"], "rsp")))

    @route("PATCH", "/message_templates/{template}")
    def _change_template(self, call: Call) -> Told:
        """Without a folder it goes to the top."""
        row, folder = self._row(call.params["template"], "rsp"), (call.body or {}).get("folder_id")
        row["folder"] = self._row(folder, "rsf")["id"] if folder else None
        self._patched(row, call, "name", "subject", "body", "folder_id")
        row.pop("folder_id", None)
        return Told(200, self._template(row))

    @route("DELETE", "/message_templates/{template}")
    def _delete_template(self, call: Call) -> Told:
        return self._deleted(self._row(call.params["template"], "rsp"))

    # Shifts

    @route("GET", "/teams/{team}/shifts")
    def _shifts(self, call: Call) -> Told:
        return self._list(call, map(self._shift, self.of("shf", self._row(call.params["team"], "tim")["id"])))

    @route("POST", "/teams/{team}/shifts")
    def _new_shift(self, call: Call) -> Told:
        body = _body(call, "name", "color", "timezone", "times", "teammate_ids")
        team = self._row(call.params["team"], "tim")["id"]
        people = [self._inside(team, i) for i in body["teammate_ids"]]
        id = self.add_shift(team, body["name"], body["times"], *people, color=body["color"], timezone=body["timezone"])
        return Told(201, self._shift(self.rows[id]))

    @route("GET", "/shifts/{shift}")
    def _one_shift(self, call: Call) -> Told:
        return Told(200, self._shift(self._row(call.params["shift"], "shf")))

    @route("PATCH", "/shifts/{shift}")
    def _change_shift(self, call: Call) -> Told:
        return self._patched(self._row(call.params["shift"], "shf"), call, "name", "color", "timezone", "times")

    @route("GET", "/shifts/{shift}/teammates")
    def _shift_people(self, call: Call) -> Told:
        return self._list(call, self._people(self._row(call.params["shift"], "shf")["id"]))

    @route("POST", "/shifts/{shift}/teammates")
    def _join_shift(self, call: Call) -> Told:
        row = self._row(call.params["shift"], "shf")
        for id in _body(call, "teammate_ids")["teammate_ids"]:
            self._inside(row["team"], id)
        return self._let_in(row["id"], call)

    @route("DELETE", "/shifts/{shift}/teammates")
    def _leave_shift(self, call: Call) -> Told:
        return self._let_out(self._row(call.params["shift"], "shf")["id"], call)

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
        return [(self._person(i) if prefix == "tea" else self._row(i, prefix))["id"] for i in _body(call, name)[name]]

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
        body = _body(call)
        unknown = sorted(set(body) - set(names))
        if unknown:
            raise Refusal(400, "Bad request", f"{unknown[0]}: is not allowed")
        row.update(body)
        return Told(204)

    def _deleted(self, row: Row) -> Told:
        del self.rows[row["id"]]
        return Told(204)


def _error(status: int, title: str, message: str, headers: dict[str, str] | None = None) -> Told:
    return Told(status, {"_error": {"status": status, "title": title, "message": message}}, headers or {})


def _body(call: Call, *needed: str) -> Row:
    """The body as an object. Raises `Refusal` where something that is needed is not there."""
    body = call.body if isinstance(call.body, dict) else {}
    missing = [name for name in needed if body.get(name) is None]
    if missing:
        raise Refusal(400, "Bad request", f"{missing[0]}: is required")
    return body


def example() -> Front:
    """What examples/platforms/front is planned against: somebody set Acme up by hand, and not quite as its config says."""
    fake = Front()
    alice = fake.add_teammate("alice@acme.example", "Alice", "Ng", admin=True)
    bob = fake.add_teammate("bob@acme.example", "Robert", "Roy")
    carol = fake.add_teammate("carol@acme.example", "Carol", "Diaz")
    fake.add_teammate("dan@acme.example", "Dan", "Old", blocked=True)
    fake.add_teammate("rule-bot@acme.example", "Rule", type="rule")
    operations = fake.add_team("Customer operations", alice, bob)
    brokering = fake.add_team("Contract brokering", alice)
    fake.add_group("Night shift", bob, description="Whoever is on call")
    fake.add_inbox(operations, "Support")
    fake.add_inbox(brokering, "Offers", carol, public=False)
    fake.add_tag(operations, "VIP", "Answered first", "red")
    fake.add_tag(operations, "Old campaign")
    onboarding = fake.add_folder(operations, "Onboarding")
    fake.add_template(operations, "Welcome", "<p>Hello!</p>", "Welcome to Acme", onboarding)
    return fake
