"""Unleash's admin API as the rest of this package uses it: shapes of its answers, lists through their pages, one request each.

Invariant: a list comes whole or not at all, and an answer of another shape than its endpoint gives is no answer. Most writes answer
without a body, so none of them counts before what it made was read back.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

from orgform.codec import Struct
from orgform.providers.http import Answer, HttpError, Session

#: what a search gives at most. Newer servers know up to 100, and give 50 again where more is asked for.
PAGE: Final = 50
READS: Final = 2
CONFLICT: Final = 409
_ADMIN: Final = "api/admin"
# Unleash's own words: a 404 of whoever stands between says nothing of a flag.
_GONE = re.compile(r"There's no feature named|Could not find feature flag|No feature flag found|No user found")


class Strategy(Struct, frozen=True):
    """`title` is what its author calls it; `disabled` ones are not evaluated."""

    name: str
    id: str
    title: str | None = None
    disabled: bool | None = False
    parameters: dict[str, Any] = {}
    constraints: list[Any] = []
    segments: list[Any] = []


class Switch(Struct, frozen=True):
    """A flag in one environment, as lists show it."""

    name: str
    enabled: bool
    hasStrategies: bool = False


class Setting(Struct, frozen=True):
    """A flag in one environment, with all that decides."""

    name: str
    enabled: bool
    strategies: list[Strategy]


class Listed(Struct, frozen=True):
    """A flag as the search shows it."""

    name: str
    project: str
    environments: list[Switch]
    type: str = ""
    description: str | None = None
    stale: bool = False


class Flag(Struct, frozen=True):
    name: str
    project: str
    environments: list[Setting]
    description: str | None = None

    def setting(self, environment: str) -> Setting | None:
        return next((s for s in self.environments if s.name == environment), None)


class User(Struct, frozen=True):
    """A person. `inviteLink` leads to a page that sets a password: it is there as long as nobody used it, and is a secret. `seenAt`: when
    the person was there last."""

    id: int
    accountType: str = "User"
    email: str | None = None
    name: str | None = None
    rootRole: int | str | None = None
    inviteLink: str | None = None
    seenAt: str | None = None


class RootRole(Struct, frozen=True):
    id: int
    name: str


class Users(Struct, frozen=True):
    users: list[User]
    rootRoles: list[RootRole]


class Environment(Struct, frozen=True):
    name: str
    visible: bool = True


class Permission(Struct, frozen=True):
    permission: str
    project: str | None = None
    environment: str | None = None


class Account(Struct, frozen=True):
    email: str | None = None


class Me(Struct, frozen=True):
    """Whose the token is. `user` has an e-mail address only where it is a person's."""

    user: Account
    permissions: list[Permission]


class _Page(Struct, frozen=True):
    features: list[Listed]
    total: int


class _Environments(Struct, frozen=True):
    environments: list[Environment]


class _Named(Struct, frozen=True):
    name: str


class Contradiction(HttpError):
    """A list that does not fit what it says of itself."""


class Api:
    """Raises `HttpError`, of which `maybe_done` says whether a write may have been done. `writes`: those that were answered so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.writes = 0

    def me(self) -> Me:
        me: Me = self._got("user", Me)
        return me

    def environments(self, project: str) -> list[str]:
        """Of those, what a project shows."""
        found: _Environments = self._got(f"environments/project/{_part(project)}", _Environments)
        return [e.name for e in found.environments if e.visible]

    def flags(self, project: str) -> list[Listed]:
        """All flags of a project that are not archived. Read once more where it came out wrong: somebody may have written meanwhile."""
        return self._found(f"project=IS%3A{_part(project)}")

    def archived(self, name: str) -> Listed | None:
        """The archived flag of this name, of whatever project."""
        return next((f for f in self._found(f"archived=IS%3Atrue&query={_part(name)}") if f.name == name), None)

    def flag(self, project: str, name: str) -> Flag | None:
        """None where the project has none of that name, or only in the archive."""
        try:
            flag: Flag = self._got(f"{_flag(project, name)}", Flag)
        except HttpError as error:
            if is_gone(error):
                return None
            raise
        if (flag.name, flag.project) != (name, project):
            raise HttpError(f"GET {_flag(project, name)}: the answer is about {flag.name} in {flag.project}")
        return flag

    def users(self) -> Users:
        users: Users = self._got("user-admin", Users)
        return users

    def user(self, id: int) -> User | None:
        try:
            user: User = self._got(f"user-admin/{id}", User)
        except HttpError as error:
            if is_gone(error):
                return None
            raise
        if user.id != id:
            raise HttpError(f"GET user-admin/{id}: the answer is about {user.id}")
        return user

    # Writing

    def make_flag(self, project: str, name: str, body: dict[str, Any]) -> None:
        """Names are unique, and a second POST is refused; all the same it is not repeated: the refusal would be about our own flag."""
        answer: Answer[_Named] = self._session.request(
            "POST", f"{_ADMIN}/projects/{_part(project)}/features", json={"name": name, **body}, idempotent=False, type=_Named
        )
        if answer.value.name != name:
            raise HttpError(f"the answer to making {name} is about {answer.value.name}", maybe_done=True)
        self.writes += 1

    def describe(self, project: str, name: str, description: str | None) -> None:
        self._sent("PATCH", _flag(project, name), [{"op": "replace", "path": "/description", "value": description}])

    def archive(self, project: str, name: str) -> None:
        self._sent("DELETE", _flag(project, name))

    def revive(self, name: str) -> None:
        self._sent("POST", f"archive/revive/{_part(name)}")

    def turn(self, project: str, name: str, environment: str, on: bool) -> None:
        self._sent("POST", f"{_flag(project, name)}/environments/{_part(environment)}/{'on' if on else 'off'}")

    def add_strategy(self, project: str, name: str, environment: str, body: dict[str, Any]) -> None:
        self._sent("POST", f"{_flag(project, name)}/environments/{_part(environment)}/strategies", body, idempotent=False)

    def remove_strategy(self, project: str, name: str, environment: str, id: str) -> None:
        self._sent("DELETE", f"{_flag(project, name)}/environments/{_part(environment)}/strategies/{_part(id)}")

    def make_user(self, body: dict[str, Any]) -> User:
        """At most 20 a minute: what is refused for that was not done, and is repeated after the wait that it asks for."""
        answer: Answer[User] = self._session.request("POST", f"{_ADMIN}/user-admin", json=body, idempotent=False, type=User)
        self.writes += 1
        return answer.value

    def change_user(self, id: int, body: dict[str, Any]) -> None:
        self._sent("PUT", f"user-admin/{id}", body)

    def delete_user(self, id: int) -> None:
        self._sent("DELETE", f"user-admin/{id}")

    # One request, one list

    def _got(self, path: str, shape: Any) -> Any:
        return self._session.request("GET", f"{_ADMIN}/{path}", idempotent=True, type=shape).value

    def _sent(self, method: str, path: str, body: Any = None, *, idempotent: bool = True) -> None:
        self._session.request(method, f"{_ADMIN}/{path}", json=body, idempotent=idempotent, type=None)
        self.writes += 1

    def _found(self, query: str) -> list[Listed]:
        for _ in range(READS - 1):
            try:
                return self._searched(query)
            except Contradiction:
                continue
        return self._searched(query)

    def _searched(self, query: str) -> list[Listed]:
        """Page by page until an empty one: a page behind the end says that there are 0 in all, and is no contradiction."""
        found: dict[str, Listed] = {}
        total: int | None = None
        while True:
            path = f"search/features?{query}&sortBy=name&sortOrder=asc&limit={PAGE}&offset={len(found)}"
            page: _Page = self._got(path, _Page)
            if not page.features:
                break
            if total not in (None, page.total):
                raise Contradiction(f"the search of flags says {total} and then {page.total}: somebody writes meanwhile")
            total, known = page.total, len(found)
            found.update((f.name, f) for f in page.features)
            if len(found) != known + len(page.features):
                raise Contradiction("the search of flags: what one page had comes once more")
        if len(found) != (page.total if total is None else total):
            raise Contradiction(f"the search of flags says that there are {total or page.total}, and gave {len(found)}")
        return list(found.values())


def is_gone(error: HttpError) -> bool:
    return error.status == 404 and bool(_GONE.search(error.detail))


def _part(text: str) -> str:
    return quote(text, safe="")


def _flag(project: str, name: str) -> str:
    return f"projects/{_part(project)}/features/{_part(name)}"
