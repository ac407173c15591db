"""Users with an e-mail address, and their root roles.

Invariant: a user without an e-mail address (the first `admin`, service accounts) is nobody of a company's; the link of an invitation,
which would let anybody set a password, is never kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from orgform.codec import digest
from orgform.formats import normalise
from orgform.model import Address, Attributes, Live, address_of, key_of
from orgform.providers.base import Operation, Result, RoleNames
from orgform.providers.http import HttpError
from orgform.providers.unleash.api import Api, RootRole, User
from orgform.providers.unleash.flags import Refused

_PERSON: Final = "User"
LEAST: Final = "Viewer"


class People:
    """`mails`: whether Unleash greets a new user by e-mail."""

    def __init__(self, roles: RoleNames, *, mails: bool = True) -> None:
        self._roles = roles
        self._mails = mails

    def all(self, api: Api) -> Iterator[tuple[Address, Live]]:
        users = api.users()
        names = _names(users.rootRoles)
        for user in users.users:
            if user.email and user.accountType == _PERSON:
                yield address_of("member", normalise("email", user.email)), self._live(user, names)

    def write(self, api: Api, operation: Operation) -> Result:
        email, known = key_of(operation.address), key_of(operation.moved_from or operation.address)
        users = api.users()
        user = next((u for u in users.users if u.accountType == _PERSON and normalise("email", u.email or "") == known), None)
        names = _names(users.rootRoles)
        if operation.action == "create":
            return Result("stale", f"Unleash has a user {email} already") if user else self._create(api, email, operation.attributes, names)
        if user is None:
            return Result("done", "was gone already") if operation.action == "delete" else Result("stale", "it does not exist any more")
        if operation.etag not in (None, "*", self._live(user, names).etag):
            return Result("stale", "it was changed meanwhile")
        if operation.action == "delete":
            return self._delete(api, user)
        return self._change(api, user, operation.attributes, names, email if email != known else "")

    def _live(self, user: User, names: dict[str, str]) -> Live:
        """`names`: id of a root role -> its name. Lists give the id, and some answers the name."""
        role = str(user.rootRole) if user.rootRole is not None else ""
        own: Attributes = {"name": user.name} if user.name else {}
        if role:
            own["role"] = self._roles.back("company", names.get(role, role), names.values())
        status = "invited" if user.inviteLink and not user.seenAt else "active"
        return Live(own, {"status": status}, str(user.id), digest(own))

    def _create(self, api: Api, email: str, wanted: Attributes, names: dict[str, str]) -> Result:
        body: dict[str, Any] = {"email": email, "rootRole": self._role(wanted.get("role"), names), "sendEmail": self._mails}
        if wanted.get("name"):
            body["name"] = wanted["name"]
        try:
            made = api.make_user(body)
        except HttpError as error:
            if error.status == 400 and "already exists" in error.detail:
                return Result("stale", f"Unleash has a user {email} already")
            raise
        if normalise("email", made.email or "") != email:
            return Result("unknown", f"the answer to making {email} is about somebody else")
        return Result("done")

    def _change(self, api: Api, user: User, patch: Attributes, names: dict[str, str], email: str) -> Result:
        """`email`: the address that the user is to have from now on; empty where it stays."""
        body: dict[str, Any] = {"email": email} if email else {}
        if "name" in patch:
            if not patch["name"]:
                raise Refused("Unleash keeps a user's name where an empty one is sent: write another one, or do not write `name`")
            body["name"] = patch["name"]
        if patch.get("role"):
            body["rootRole"] = self._role(patch["role"], names)
        api.change_user(user.id, body)
        after = api.user(user.id)
        if after is None or any(getattr(after, field) != value for field, value in body.items()):
            return Result("unknown", f"{user.email} is not as it was set: see in Unleash what became of it")
        return Result("done")

    def _delete(self, api: Api, user: User) -> Result:
        api.delete_user(user.id)
        return Result("unknown", f"{user.email} is still there") if api.user(user.id) else Result("done")

    def _role(self, role: str | None, names: dict[str, str]) -> int:
        """The id of a root role. Nobody gets more than looking without being given it."""
        name = self._roles.out("company", role) if role else LEAST
        fitting = [id for id, known in names.items() if known == name] or [i for i, n in names.items() if n.casefold() == name.casefold()]
        if len(fitting) != 1:
            problem = f"has {len(fitting)} root roles that are called {name} but for the case" if fitting else f"has no root role {name}"
            raise Refused(f"Unleash {problem}; it has: {', '.join(sorted(names.values()))}")
        return int(fitting[0])


def _names(roles: list[RootRole]) -> dict[str, str]:
    return {str(role.id): role.name for role in roles}
