"""Front's Core API, as far as the provider `front` uses it, on real sockets and with state.

    with front.example().running() as fake:
        target = {"provider": "front", "url": fake.url, "token": "env:FRONT_TOKEN"}   # FRONT_TOKEN=fake-token

Invariant: answers have the status and the shape that the API's description gives for their endpoint. What Front keeps of its own (bots
among the teammates, custom fields, names that are not unique, a folder that goes with all that is in it) is so here, too; what its API
does not have (making a workspace, changing an inbox, deleting a shift) is `404` here.
"""

from __future__ import annotations

from orgform.testing.fakes.front_rows import Refusal, Rows, body_of, error
from orgform.testing.platform import Call, Told, route

TOKEN = "fake-token"  # noqa: S105 - it opens nothing
_TEMPLATE_PAGE = 25


class Front(Rows):
    """All of the routes. `quota`: requests that are taken before one is answered with 429; None: no limit."""

    def __init__(self, company: str = "Acme") -> None:
        super().__init__()
        self.company = company
        self.quota: int | None = None

    # Answering

    def answer(self, call: Call) -> Told:
        with self._lock:
            if self.quota is not None:
                if self.quota <= 0:
                    self.quota = None  # the minute is over when they ask again
                    self.next_answers(error(429, "Too many requests", "rate limit exceeded", {"retry-after": "1"}))
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
        return None if good else error(401, "Unauthenticated", "JSON Web Token error")

    def missing(self, call: Call) -> Told:
        return error(404, "Not found", "Unknown endpoint")

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
        body = body_of(call, "name")
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
        body = body_of(call, "name")
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
        body = body_of(call, "name")
        if len(body["name"]) > 64:
            raise Refusal(400, "Bad request", "name: must be at most 64 characters")
        team = self._row(call.params["team"], "tim")["id"]
        return Told(201, self._tag(self.rows[self.add_tag(team, body["name"], body.get("description"), body.get("highlight"))]))

    @route("POST", "/tags")
    def _unscoped_tag(self, call: Call) -> Told:
        """As Front does: it lands in the oldest workspace."""
        body = body_of(call, "name")
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
        body = body_of(call, "name")
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
        body = body_of(call, "name", "body")
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
        body = body_of(call, "name", "color", "timezone", "times", "teammate_ids")
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
        for id in body_of(call, "teammate_ids")["teammate_ids"]:
            self._inside(row["team"], id)
        return self._let_in(row["id"], call)

    @route("DELETE", "/shifts/{shift}/teammates")
    def _leave_shift(self, call: Call) -> Told:
        return self._let_out(self._row(call.params["shift"], "shf")["id"], call)


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
