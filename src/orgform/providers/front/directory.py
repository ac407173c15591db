"""Which key of the config stands for which team, teammate and group of Front, and the other way round.

Invariant: one directory sees each of Front's lists once, until it is told to forget it; only people are teammates here, no bots.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from orgform.codec import Struct
from orgform.formats import normalise
from orgform.model import Address
from orgform.providers.front.api import NOT_FOUND, Api, Group, Team, TeamDetail, Teammate
from orgform.providers.http import HttpError
from orgform.providers.naming import Thing, keyed, labelled

T = TypeVar("T")
PERSON = "user"


class Names(Struct, frozen=True):
    """What the config calls things. `labels`: address -> name; `workspaces`, `groups`: key -> id or name, as the target's options say."""

    labels: Mapping[Address, str] = {}
    workspaces: Mapping[str, str] = {}
    groups: Mapping[str, str] = {}


class Directory:
    """Safe to use from several threads. Raises `HttpError`, and `ReadFailed` where a name fits several."""

    def __init__(self, api: Api, names: Names) -> None:
        self._api = api
        self._names = names
        self._known: dict[str, Any] = {}
        self._lock = threading.RLock()

    def once(self, name: str, load: Callable[[], T]) -> T:
        """What `load` gives the first time."""
        with self._lock:
            if name not in self._known:
                self._known[name] = load()
            found: T = self._known[name]
            return found

    def forget(self, *names: str) -> None:
        """The next question asks Front again. Without names: all of it."""
        with self._lock:
            for name in names or tuple(self._known):
                self._known.pop(name, None)

    def teams(self) -> dict[str, Team]:
        """By key."""
        return self.once("teams", lambda: self._by_key(self._api.listed("/teams", Team), "workspace", self._names.workspaces))

    def details(self) -> dict[str, TeamDetail]:
        """By key. Raises `HttpError` for a team that is listed and not there: that nobody is in it would be a guess."""
        return self.once("details", lambda: {key: self.detail(team) for key, team in self.teams().items()})

    def detail(self, team: Team, api: Api | None = None) -> TeamDetail:
        """Who is in a team now; raises as `details` does."""
        found = (api or self._api).one(f"/teams/{team.id}", TeamDetail)
        if found is None:
            why = f"the workspace {team.name!r} ({team.id}) is in the list of teams, and not there when it is asked for"
            raise HttpError(why, status=NOT_FOUND)
        return found

    def teammates(self) -> dict[str, Teammate]:
        """People by e-mail address."""
        return self.once("teammates", lambda: people(self._api.listed("/teammates", Teammate)))

    def groups(self) -> dict[str, Group]:
        """By key."""
        return self.once("groups", lambda: self._by_key(self._api.listed("/teammate_groups", Group), "group", self._names.groups))

    def keys(self, things: Iterable[Any], kind: str, parent: str) -> dict[str, Any]:
        """Key below a workspace -> what it stands for."""
        found = list(things)
        keys = keyed((Thing(t.id, t.name) for t in found), given={}, labels=labelled(kind, self._names.labels, parent), what=f"{kind}s")
        return {keys[t.id]: t for t in found}

    def _by_key(self, things: list[Any], kind: str, given: Mapping[str, str]) -> dict[str, Any]:
        labels = labelled(kind, self._names.labels)
        keys = keyed((Thing(t.id, t.name) for t in things), given=given, labels=labels, what=f"{kind}s")
        return {keys[t.id]: t for t in things}


def people(teammates: Iterable[Teammate]) -> dict[str, Teammate]:
    """By e-mail address, in the spelling that the config has."""
    return {normalise("email", t.email): t for t in teammates if t.type == PERSON}
