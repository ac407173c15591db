"""An Acme Desk in miniature, as its reference says: for the tests of this package, and of whoever uses it."""

from __future__ import annotations

from typing import Any, ClassVar

from orgform.testing.platform import Call, FakePlatform, Told, route

ROLES = ("owner", "agent", "light agent")


class AcmeDesk(FakePlatform):
    """`agents`, `desks`: id -> what it is; may be looked at and changed at any time."""

    base_path: ClassVar[str] = "/v1"

    def __init__(self, token: str = "desk-token") -> None:
        super().__init__()
        self.token = token
        self.agents: dict[str, dict[str, Any]] = {}
        self.desks: dict[str, dict[str, Any]] = {}
        self._made = 0

    def unauthorized(self, call: Call) -> Told | None:
        good = call.headers.get("authorization") == f"Bearer {self.token}"
        return None if good else Told(401, {"message": "the token is not known"})

    def add_agent(self, email: str, name: str, role: str = "agent", state: str = "active") -> dict[str, Any]:
        self._made += 1
        agent = {"id": f"agt_{self._made}", "email": email, "name": name, "role": role, "state": state}
        return self.agents.setdefault(agent["id"], agent)

    def add_desk(self, slug: str, name: str) -> dict[str, Any]:
        self._made += 1
        return self.desks.setdefault(f"dsk_{self._made}", {"id": f"dsk_{self._made}", "slug": slug, "name": name})

    @route("GET", "/agents")
    def list_agents(self, call: Call) -> Told:
        return _page(call, self.agents, "email")

    @route("GET", "/desks")
    def list_desks(self, call: Call) -> Told:
        return _page(call, self.desks, "slug")

    @route("POST", "/agents")
    def create(self, call: Call) -> Told:
        email, role = call.body.get("email", ""), call.body.get("role", "agent")
        if "@" not in email or role not in ROLES:
            return Told(422, {"message": f"{email or 'nobody'} as {role}: no such agent can be made"})
        if any(agent["email"].lower() == email.lower() for agent in self.agents.values()):
            return Told(409, {"message": "there is an agent with this address"})
        return Told(201, self.add_agent(email, call.body.get("name") or email, role, "invited"))

    @route("PATCH", "/agents/{id}")
    def change(self, call: Call) -> Told:
        if call.body.get("role", "agent") not in ROLES:
            return Told(422, {"message": "no such role"})
        return _changed(self.agents, call, ("name", "role"))

    @route("PATCH", "/desks/{id}")
    def rename(self, call: Call) -> Told:
        return _changed(self.desks, call, ("name",))

    @route("DELETE", "/agents/{id}")
    def remove(self, call: Call) -> Told:
        return Told(204) if self.agents.pop(call.params["id"], None) else Told(404, {"message": "no such agent"})


def _page(call: Call, things: dict[str, dict[str, Any]], by: str) -> Told:
    wanted, start, limit = call.first(by), int(call.first("after", "0")), int(call.first("limit", "50"))
    found = [t for t in things.values() if not wanted or t[by].lower() == wanted.lower()]
    more = str(start + limit) if start + limit < len(found) else None
    return Told(200, {"items": found[start : start + limit], "next": more, "total": len(found)})


def _changed(things: dict[str, dict[str, Any]], call: Call, allowed: tuple[str, ...]) -> Told:
    thing = things.get(call.params["id"])
    if thing is None or not set(call.body) <= set(allowed):
        return Told(404 if thing is None else 422, {"message": "it is not there, or cannot be changed so"})
    thing.update(call.body)
    return Told(200, thing)


def example() -> AcmeDesk:
    """A company with one owner and one desk."""
    fake = AcmeDesk()
    fake.add_agent("dana@acme.example", "Dana Ops", "owner")
    fake.add_desk("support", "Support")
    return fake
