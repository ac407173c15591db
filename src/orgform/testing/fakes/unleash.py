"""An Unleash in miniature: the part of the admin API of 7.5 that has to do with flags, their environments, users and root roles.

    with Unleash().running() as fake:
        ...  # url=fake.url, token=ADMIN

Invariant: answers, errors and oddities are those of the real server, and one suite of tests runs against both: a search gives 50 where
more than 100 are asked for, and says 0 in all behind its end; archiving a flag twice is fine, deleting what is not archived does nothing
and says 200; an archived name stays taken; an environment that loses its last active strategy goes off; a 21st new user in a minute is 429.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from orgform.testing.pages import Page, Paging
from orgform.testing.platform import Call, FakePlatform, Told, route

ADMIN, EDITOR, VIEWER = "*:*.orgform-test-admin", "user:orgform-test-editor", "user:orgform-test-viewer"
EXAMPLE = ("development", "production")
MOST_USERS, MINUTE = 20, 60
_ROLES = {1: "Admin", 2: "Editor", 3: "Viewer"}
# Addresses must end in a top-level domain of the public DNS.
_RESERVED = (".example", ".invalid", ".localhost", ".test")
_TYPES = ("experiment", "kill-switch", "release", "operational", "permission")
_OPEN = "/api/admin"

#: what the fault proxy must know of a search
SEARCH = Paging(
    lambda d: (
        Page(d["features"], None, d["total"]) if isinstance(d, dict) and isinstance(d.get("features"), list) and "total" in d else None
    ),
    lambda d, page: {**d, "features": page.items, "total": page.total},
)


class Unleash(FakePlatform):
    """`flags`: name -> flag; `users`: id -> user; both may be looked at and changed at any time. `environments`: of every project.

    `per_minute`: how many users may be made in a minute; None: as many as one likes. `clock`: seconds since 1970.
    """

    def __init__(
        self,
        projects: Iterable[str] = ("default",),
        environments: Iterable[str] = EXAMPLE,
        *,
        per_minute: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.projects, self.environments = tuple(projects), tuple(environments)
        self.roles = dict(_ROLES)
        self.flags: dict[str, dict[str, Any]] = {}
        self.users: dict[int, dict[str, Any]] = {1: {"accountType": "User", "id": 1, "username": "admin", "rootRole": 1, "inviteLink": ""}}
        self.tokens: dict[str, tuple[str, ...]] = {ADMIN: ("ADMIN",), EDITOR: ("CREATE_FEATURE",), VIEWER: ()}
        self.owner: dict[str, str] = {}
        self.mails: list[str] = []
        self._ids = 1
        self._per_minute, self._clock = per_minute, clock
        self._made: list[float] = []

    # Who asks

    def unauthorized(self, call: Call) -> Told | None:
        given = call.headers.get("authorization", "").removeprefix("Bearer ")
        if given not in self.tokens:
            return _error(401, "UnauthorizedError", "You must log in to use Unleash.")
        needed = self._needed(call)
        if needed and not {"ADMIN", needed}.intersection(self.tokens[given]):
            words = "You don't have the required permissions to perform this operation. To perform this action, "
            words += f'you need the "{needed}" permission.'
            return _error(403, "PermissionError", words)
        return None

    def _needed(self, call: Call) -> str:
        if "/user-admin" in call.path:
            return "ADMIN"
        return "" if call.method == "GET" else "CREATE_FEATURE"

    def missing(self, call: Call) -> Told:
        return _error(404, "NotFoundError", f"The path you were looking for ({call.path}) is not available.")

    @route("GET", f"{_OPEN}/user")
    def me(self, call: Call) -> Told:
        token = call.headers["authorization"].removeprefix("Bearer ")
        user = {"email": self.owner[token]} if token in self.owner else {"username": "admin", "type": "admin"}
        return Told(200, {"user": user, "permissions": [{"permission": p} for p in self.tokens[token]], "feedback": [], "splash": {}})

    @route("GET", f"{_OPEN}/environments/project/{{project}}")
    def of_project(self, call: Call) -> Told:
        visible = call.params["project"] in self.projects
        shown = [{"name": e, "type": e, "enabled": True, "visible": visible} for e in self.environments]
        return Told(200, {"version": 1, "environments": shown})

    # Flags

    def add(self, name: str, project: str = "default", *, description: str | None = None, on: Iterable[str] = ()) -> dict[str, Any]:
        """A flag as one makes it in Unleash's pages; `on`: environments in which it is switched on there."""
        self.flags[name] = flag = {
            "name": name,
            "description": description,
            "type": "release",
            "project": project,
            "stale": False,
            "archived": False,
            "createdAt": "2026-01-01T00:00:00.000Z",
            "environments": {e: {"enabled": False, "strategies": []} for e in self.environments},
        }
        for environment in on:
            self._switch(flag, environment, True)
        return flag

    def strategy(self, flag: str, environment: str, **words: Any) -> dict[str, Any]:
        """Adds one to a flag, by default on for everybody."""
        made = {"name": "flexibleRollout", "title": None, "disabled": False, "parameters": {}, "constraints": [], "segments": [], **words}
        if made["name"] == "flexibleRollout":
            made["parameters"] = {"groupId": flag, "rollout": "100", "stickiness": "default", **made["parameters"]}
        self._ids += 1
        made["id"] = f"00000000-0000-4000-8000-{self._ids:012}"
        self.flags[flag]["environments"][environment]["strategies"].append(made)
        return made

    def _switch(self, flag: dict[str, Any], environment: str, on: bool) -> None:
        setting = flag["environments"][environment]
        if on and not any(not s["disabled"] for s in setting["strategies"]):
            self.strategy(flag["name"], environment)
        setting["enabled"] = on

    @route("GET", f"{_OPEN}/search/features")
    def search(self, call: Call) -> Told:
        archived = call.first("archived") == "IS:true"
        project = call.first("project").removeprefix("IS:")
        query = call.first("query").lower()
        found = [
            f for f in self.flags.values() if f["archived"] is archived and project in ("", f["project"]) and query in f["name"].lower()
        ]
        found.sort(key=lambda f: f["name"] if call.first("sortBy") == "name" else "")
        limit, offset = _number(call.first("limit")), _number(call.first("offset"))
        page = found[offset : offset + (limit if 0 < limit <= 100 else 50)]
        return Told(200, {"features": [_listed(f) for f in page], "total": len(found) if page else 0})

    @route("POST", f"{_OPEN}/projects/{{project}}/features")
    def create(self, call: Call) -> Told:
        name = call.body.get("name", "")
        if not re.fullmatch(r"[A-Za-z0-9._~-]{1,100}", name):
            return _invalid(f'"name" must be URL friendly. You provided "{name}".')
        if call.body.get("type", "release") not in _TYPES:
            return _invalid("The `type` property must be equal to one of the allowed values")
        if name in self.flags:
            archived = self.flags[name]["archived"]
            return _error(409, "NameExistsError", f"{'An archived' if archived else 'A'} flag with that name already exists")
        if call.params["project"] not in self.projects:
            return _error(404, "NotFoundError", f"Active project with id {call.params['project']} does not exist")
        flag = self.add(name, call.params["project"], description=call.body.get("description"))
        return Told(201, {k: v for k, v in flag.items() if k != "environments"})

    @route("GET", f"{_OPEN}/projects/{{project}}/features/{{name}}")
    def one(self, call: Call) -> Told:
        return self._of(call) or Told(200, _detail(self.flags[call.params["name"]]))

    @route("PATCH", f"{_OPEN}/projects/{{project}}/features/{{name}}")
    def patch(self, call: Call) -> Told:
        if refusal := self._of(call):
            return refusal
        flag = self.flags[call.params["name"]]
        flag.update({o["path"][1:]: o["value"] for o in call.body if o["path"] in ("/description", "/type")})
        return Told(200, {k: v for k, v in flag.items() if k != "environments"})

    @route("DELETE", f"{_OPEN}/projects/{{project}}/features/{{name}}")
    def archive(self, call: Call) -> Told:
        flag = self.flags.get(call.params["name"])
        if flag is None:
            return _error(404, "NotFoundError", "No feature flag found")
        if refusal := None if flag["archived"] else self._of(call):
            return refusal
        flag["archived"] = True
        for setting in flag["environments"].values():
            setting["enabled"] = False
        return Told(202)

    @route("POST", f"{_OPEN}/archive/revive/{{name}}")
    def revive(self, call: Call) -> Told:
        flag = self.flags.get(call.params["name"])
        if flag is None:
            return _error(404, "NotFoundError", "No feature flag found")
        flag["archived"] = False
        return Told(200)

    @route("DELETE", f"{_OPEN}/archive/{{name}}")
    def delete(self, call: Call) -> Told:
        if self.flags.get(call.params["name"], {}).get("archived"):
            del self.flags[call.params["name"]]
        return Told(200)

    @route("POST", f"{_OPEN}/projects/{{project}}/features/{{name}}/environments/{{environment}}/on")
    def on(self, call: Call) -> Told:
        return self._turned(call, True)

    @route("POST", f"{_OPEN}/projects/{{project}}/features/{{name}}/environments/{{environment}}/off")
    def off(self, call: Call) -> Told:
        return self._turned(call, False)

    def _turned(self, call: Call, on: bool) -> Told:
        if refusal := self._of(call):
            return refusal
        self._switch(self.flags[call.params["name"]], call.params["environment"], on)
        return Told(200)

    @route("POST", f"{_OPEN}/projects/{{project}}/features/{{name}}/environments/{{environment}}/strategies")
    def add_strategy(self, call: Call) -> Told:
        if refusal := self._of(call):
            return refusal
        if call.body["name"] not in ("default", "flexibleRollout"):
            return _invalid(f"Could not find strategy type with name {call.body['name']}", wordy=True)
        return Told(200, self.strategy(call.params["name"], call.params["environment"], **call.body))

    @route("DELETE", f"{_OPEN}/projects/{{project}}/features/{{name}}/environments/{{environment}}/strategies/{{id}}")
    def remove_strategy(self, call: Call) -> Told:
        if refusal := self._of(call):
            return refusal
        setting = self.flags[call.params["name"]]["environments"][call.params["environment"]]
        left = [s for s in setting["strategies"] if s["id"] != call.params["id"]]
        if len(left) == len(setting["strategies"]):
            return _error(404, "NotFoundError", f"Could not find strategy with id={call.params['id']}")
        setting["strategies"] = left
        setting["enabled"] = setting["enabled"] and any(not s["disabled"] for s in left)
        return Told(200)

    def _of(self, call: Call) -> Told | None:
        """The refusal where the project has no such flag, or the flag no such environment."""
        name, project = call.params["name"], call.params["project"]
        flag = self.flags.get(name)
        if flag is None or flag["project"] != project:
            other = f', but there\'s a feature with that name in project "{flag["project"]}"' if flag else "."
            return _error(404, "NotFoundError", f'There\'s no feature named "{name}" in project "{project}"{other}')
        if flag["archived"]:
            return _error(404, "NotFoundError", f"Could not find feature flag with name {name}")
        environment = call.params.get("environment")
        if environment is not None and environment not in flag["environments"]:
            return _error(404, "NotFoundError", f"Could not find environment {environment} for feature: {name}")
        return None

    # Users

    def person(self, email: str, role: int = 3, name: str | None = None, *, invited: bool = False) -> dict[str, Any]:
        """Somebody who has an account already."""
        self._ids += 1
        link = f"http://localhost:4242/new-user?token=test-{self._ids}" if invited else ""
        user = {"accountType": "User", "id": self._ids, "email": email, "scimId": None, "rootRole": role, "inviteLink": link}
        self.users[self._ids] = user if name is None else {**user, "name": name}
        return self.users[self._ids]

    @route("GET", f"{_OPEN}/user-admin")
    def people(self, call: Call) -> Told:
        roles = [{"id": id, "name": name, "type": "root" if id <= 3 else "root-custom"} for id, name in self.roles.items()]
        return Told(200, {"users": list(self.users.values()), "rootRoles": roles})

    @route("POST", f"{_OPEN}/user-admin")
    def invite(self, call: Call) -> Told:
        headers, over = self._counted()
        if over:
            return Told(429, b"Too many requests, please try again later.", {**headers, "content-type": "text/html; charset=utf-8"})
        told = self._invited(call.body)
        return Told(told.status, told.body, headers)

    def _invited(self, body: dict[str, Any]) -> Told:
        email, role = str(body.get("email", "")).lower(), self._role(body.get("rootRole"))
        if "@" not in email or email.endswith(_RESERVED):
            return _invalid(f'"value" must be a valid email. You provided "{email}".')
        if any(u.get("email") == email for u in self.users.values()):
            return _invalid("User already exists", wordy=True)
        if role is None:
            return _invalid(f"Could not find rootRole={body.get('rootRole')}", wordy=True)
        if body.get("sendEmail", True):
            self.mails.append(email)
        return Told(201, {**self.person(email, role, body.get("name"), invited=True), "rootRole": body["rootRole"], "emailSent": False})

    def _counted(self) -> tuple[dict[str, str], bool]:
        if self._per_minute is None:
            return {}, False
        now = self._clock()
        self._made = [m for m in self._made if now - m < MINUTE]
        over = len(self._made) >= self._per_minute
        if not over:
            self._made.append(now)
        reset = str(max(1, int(MINUTE - (now - self._made[0]))))
        left = str(self._per_minute - len(self._made))
        headers = {"ratelimit-limit": str(self._per_minute), "ratelimit-remaining": left, "ratelimit-reset": reset}
        return {**headers, **({"retry-after": reset} if over else {})}, over

    @route("GET", f"{_OPEN}/user-admin/{{id}}")
    def user(self, call: Call) -> Told:
        user = self.users.get(int(call.params["id"]))
        return Told(200, {k: v for k, v in user.items() if k != "inviteLink"}) if user else _error(404, "NotFoundError", "No user found")

    @route("PUT", f"{_OPEN}/user-admin/{{id}}")
    def change(self, call: Call) -> Told:
        user = self.users.get(int(call.params["id"]))
        if user is None:
            return _error(404, "NotFoundError", "No user found")
        role = self._role(call.body["rootRole"]) if "rootRole" in call.body else user["rootRole"]
        if role is None:
            return _invalid(f"Could not find rootRole={call.body['rootRole']}", wordy=True)
        user.update({k: v for k, v in call.body.items() if k in ("name", "email") and v}, rootRole=role)
        return Told(200, {k: v for k, v in user.items() if k not in ("inviteLink", "rootRole")})

    @route("DELETE", f"{_OPEN}/user-admin/{{id}}")
    def remove(self, call: Call) -> Told:
        return Told(200) if self.users.pop(int(call.params["id"]), None) else _error(404, "NotFoundError", "No user found")

    def _role(self, word: Any) -> int | None:
        return next((id for id, name in self.roles.items() if word in (id, name)), None)


def example() -> Unleash:
    """What examples/platforms/unleash is planned and applied against: one flag on, one in a gradual rollout, one nobody knows of."""
    fake = Unleash()
    fake.add("beta-dashboard", description="The new dashboard", on=("development",))
    fake.add("smart-search", on=())
    fake.strategy("smart-search", "production", parameters={"rollout": "25"})
    fake.flags["smart-search"]["environments"]["production"]["enabled"] = True
    fake.person("dana@acme.com", 1, "Dana Ops")
    return fake


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _listed(flag: dict[str, Any]) -> dict[str, Any]:
    def shown(name: str, setting: dict[str, Any]) -> dict[str, Any]:
        strategies = setting["strategies"]
        active = any(not s["disabled"] for s in strategies)
        return {
            "name": name,
            "enabled": setting["enabled"],
            "hasStrategies": bool(strategies),
            "hasEnabledStrategies": active,
            "variantCount": 0,
        }

    found = {k: v for k, v in flag.items() if k not in ("environments", "archived")}
    archived_at = "2026-02-01T00:00:00.000Z" if flag["archived"] else None
    return {**found, "archivedAt": archived_at, "environments": [shown(n, s) for n, s in flag["environments"].items()]}


def _detail(flag: dict[str, Any]) -> dict[str, Any]:
    return {**flag, "environments": [{"name": name, **setting} for name, setting in flag["environments"].items()]}


def _error(status: int, name: str, message: str) -> Told:
    return Told(status, {"name": name, "message": message, "details": [{"message": message}]})


def _invalid(what: str, *, wordy: bool = False) -> Told:
    """Some of the server's own checks say it in the message, the schema's say it in the details only."""
    general = "Request validation failed: your request body or params contain invalid data"
    message = f"{general}: {what}" if wordy else f"{general}. Refer to the `details` list for more information."
    return Told(400, {"name": "BadDataError", "message": message, "details": [{"message": what}]})
