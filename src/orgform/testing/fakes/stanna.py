"""A Stanna in miniature: `GET/PUT /settings` and `GET /settings/api-keys` of a few workspaces, with its error bodies and its limits.

    with Stanna({"acme.com": workspace("Acme", "acme.com")}).running() as fake:
        ...  # url=fake.url, token=fake.key

Invariant: the documented reference is kept (help.gostanna.com/api-reference); what it leaves open is an option: whether a PUT merges.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from orgform.testing.platform import Call, FakePlatform, Told, route

KEY = "sk-test-4f1d0c77"
EXAMPLE = ("brand-x.example", "brand-y")
_MINUTE, _DAY = 60, 86_400
_READ_ONLY = frozenset({"domain"})


def workspace(name: str, domain: str, **settings: Any) -> dict[str, Any]:
    """Settings as a workspace has them that nobody has changed yet."""
    return {
        "workspaceName": name,
        "domain": domain,
        "timezone": "America/New_York",
        "currency": "USD",
        "defaultWindowDays": 7,
        "riskThreshold": 40,
        "dataRetentionDays": 365,
        "notifications": {
            "channels": {"email": True},
            "dailyDigest": False,
            "weeklyDigest": True,
            "alertOnScoreDrop": True,
            "scoreDropPct": 10,
            "alertOnRenewals": True,
            "renewalsAheadDays": 30,
            "emailFrom": f"notifications@{domain}",
        },
        **settings,
    }


class Stanna(FakePlatform):
    """`workspaces`: workspaceId -> its settings; may be looked at and changed at any time. `key`: the API key of all of them but those that
    `keys` names by id. `foreign`: ids that exist and that no key opens.

    `replaces`: a PUT puts the nested `notifications` in place of what was there, and does not merge them. `ignores`: settings that a PUT
    answers with success and leaves alone. `per_minute`, `per_day`: counted where given, and told by the `X-RateLimit-*` headers (of the
    one that is nearest); `clock`: seconds since 1970.
    """

    base_path: ClassVar[str] = "/api"

    def __init__(
        self,
        workspaces: Mapping[str, dict[str, Any]] | None = None,
        *,
        key: str = KEY,
        replaces: bool = False,
        ignores: Iterable[str] = (),
        foreign: Iterable[str] = (),
        keys: Mapping[str, str] | None = None,
        per_minute: int | None = None,
        per_day: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.workspaces = {id: copy.deepcopy(w) for id, w in (workspaces or {}).items()}
        self.api_keys: list[dict[str, Any]] = [
            {
                "id": "key_abc123",
                "name": "orgform",
                "key": f"{key[:6]}...{key[-4:]}",
                "lastUsedAt": "2026-01-31T10:30:00Z",
                "isActive": True,
                "createdAt": "2026-01-01T00:00:00Z",
            }
        ]
        self.keys = dict(keys or {})
        self.key, self.replaces, self.ignores, self.foreign = key, replaces, frozenset(ignores), frozenset(foreign)
        self._limits = [(_MINUTE, per_minute)] if per_minute else []
        self._limits += [(_DAY, per_day)] if per_day else []
        self._clock = clock
        #: workspaceId ("" for the key's own of a minute) and the end of the window -> requests
        self.used: dict[tuple[str, int], int] = {}

    # What every call goes through

    def unauthorized(self, call: Call) -> Told | None:
        given = call.headers.get("x-api-key") or call.headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            return _error(401, "AUTH_MISSING_KEY", "API key is required")
        if given not in (self.key, *self.keys.values()):
            return _error(401, "AUTH_INVALID_KEY", "Invalid API key format or expired key")
        id = call.first("workspaceId")
        if not id:
            return _error(400, "VALIDATION_ERROR", "Invalid request parameters", {"workspaceId": "workspaceId is required"})
        if id in self.foreign or given != self.keys.get(id, self.key):
            return _error(403, "AUTH_WORKSPACE_MISMATCH", "API key does not have access to this workspace")
        return None if id in self.workspaces else _error(404, "INVALID_WORKSPACE", "Workspace not found")

    def answer(self, call: Call) -> Told:
        with self._lock:
            headers, over = self._counted(call.first("workspaceId"))
            if over:
                self.next_answers(_error(429, "RATE_LIMIT_EXCEEDED", "Rate limit exceeded"))
            told = super().answer(call)
            return Told(told.status, told.body, {**headers, **told.headers})

    def _counted(self, id: str) -> tuple[dict[str, str], bool]:
        """The headers of the limit that is nearest, and whether one is gone beyond: the key's of a minute, the workspace's of a day."""
        at = int(self._clock())
        states = []
        for seconds, limit in self._limits:
            window = (at // seconds + 1) * seconds
            share = "" if seconds == _MINUTE else id
            self.used[share, window] = self.used.get((share, window), 0) + 1
            states.append((limit - self.used[share, window], limit, window))
        if not states:
            return {}, False
        left, limit, reset = min(states)
        headers = {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(max(left, 0)), "x-ratelimit-reset": str(reset)}
        return headers, left < 0

    def missing(self, call: Call) -> Told:
        return _error(404, "NOT_FOUND", "Endpoint not found")

    # Routes

    @route("GET", "/settings")
    def settings(self, call: Call) -> Told:
        profile = {"name": "Dana Ops", "email": "dana@acme.com", "title": "IT"}
        return Told(200, {"profile": profile, "workspace": self.workspaces[call.first("workspaceId")]})

    @route("PUT", "/settings")
    def change(self, call: Call) -> Told:
        body = call.body.get("workspace") if isinstance(call.body, dict) else None
        there = self.workspaces[call.first("workspaceId")]
        if not isinstance(body, dict) or body.keys() - there.keys() or body.keys() & _READ_ONLY:
            return _error(400, "VALIDATION_ERROR", "Invalid request parameters", {"workspace": "unknown or read-only settings"})
        for name, value in body.items():
            if name not in self.ignores:
                there[name] = value if self.replaces or not isinstance(value, dict) else _merged(there[name], value)
        return Told(200, {"success": True, "message": "Settings updated successfully"})

    @route("GET", "/settings/api-keys")
    def listed(self, call: Call) -> Told:
        return Told(200, {"apiKeys": self.api_keys})


def example() -> Stanna:
    """What examples/platforms/stanna is planned and applied against."""
    first, second = EXAMPLE
    return Stanna({first: workspace("Brand X", first), second: workspace("Brand Y", "brand-y.example", timezone="UTC")})


def _merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {**one, **{name: _merged(one.get(name), value) for name, value in other.items()}}


def _error(status: int, code: str, error: str, details: Mapping[str, Any] | None = None) -> Told:
    return Told(status, {"error": error, "code": code, "status": status, **({"details": details} if details else {})})
