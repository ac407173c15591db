"""A VidMob in miniature: `GET /organization`, `/workspaces` and `/permission`, and what people do in its pages, with the people CSV.

    with VidMob(workspaces={45914: "Brand X - US"}).running() as fake:
        fake.invite("li@acme.com", "Brand X - US")
        (folder / "people.csv").write_text(fake.people_csv())

Invariant: the API reads and writes nothing; some answers stand in `{status: "OK", result}`, as its reference has them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, ClassVar

from orgform.testing.platform import Call, FakePlatform, Told, route

KEY = "vm-test-8f2c"  # no secret: the fake's own


class VidMob(FakePlatform):
    """`workspaces`: id -> name; `people`: e-mail -> {name, role, workspaces (names)}. Both may be looked at and changed at any time.

    `wrapped`: answers stand in `{status, result}`."""

    base_path: ClassVar[str] = "/v1"

    def __init__(
        self,
        organization: tuple[int, str] = (1207, "Acme Corp"),
        workspaces: Mapping[int, str] | None = None,
        people: Mapping[str, dict[str, Any]] | None = None,
        *,
        key: str = KEY,
        wrapped: bool = True,
    ) -> None:
        super().__init__()
        self.organization = organization
        self.workspaces = dict(workspaces or {})
        self.people = {email: {"name": "", "role": "Standard", "workspaces": [], **own} for email, own in (people or {}).items()}
        self.key, self.wrapped = key, wrapped

    def unauthorized(self, call: Call) -> Told | None:
        if call.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return Told(401, {"status": "ERROR", "error": {"message": "Unauthorized"}})

    def missing(self, call: Call) -> Told:
        return Told(404, {"status": "ERROR", "error": {"message": "Not Found"}})

    @route("GET", "/organization")
    def about(self, call: Call) -> Told:
        id, name = self.organization
        return self._told({"id": id, "name": name})

    @route("GET", "/permission")
    def permission(self, call: Call) -> Told:
        return self._told({"name": "orgform", "expiration": None, "scopes": [], "organizationName": self.organization[1]})

    @route("GET", "/workspaces")
    def listed(self, call: Call) -> Told:
        return self._told([{"id": id, "name": name} for id, name in sorted(self.workspaces.items())])

    def _told(self, value: Any) -> Told:
        return Told(200, {"status": "OK", "result": value} if self.wrapped else value)

    # What people do in its pages

    def add_workspace(self, name: str) -> int:
        id = max(self.workspaces, default=45_900) + 1
        self.workspaces[id] = name
        return id

    def invite(self, email: str, *workspaces: str, role: str = "Standard", name: str = "") -> None:
        """Into these workspaces too; nobody can be removed from the organization."""
        person = self.people.setdefault(email, {"name": name, "role": role, "workspaces": []})
        person["workspaces"] += [w for w in workspaces if w not in person["workspaces"]]

    def remove(self, email: str, workspace: str) -> None:
        self.people[email]["workspaces"].remove(workspace)

    def people_csv(self) -> str:
        """What Organization -> People -> Download CSV gives: an Admin has every workspace."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["Name", "E-mail", "Role", "Workspaces"])
        for email, person in sorted(self.people.items()):
            spaces = sorted(self.workspaces.values()) if person["role"] == "Admin" else person["workspaces"]
            writer.writerow([person["name"], email, person["role"], ", ".join(spaces)])
        return out.getvalue()


def example() -> VidMob:
    """What examples/platforms/vidmob is planned against."""
    return VidMob(
        workspaces={45914: "Brand X - US", 45915: "Brand Y, global"},
        people={
            "alice@acme.com": {"name": "Alice Ng", "role": "Admin"},
            "olu@acme.com": {"name": "Olu Ade", "role": "Admin"},
            "bob@acme.com": {"name": "Bob Roy", "workspaces": ["Brand X - US"]},
        },
    )
