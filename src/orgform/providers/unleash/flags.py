"""Flags, and whether they are on in the environments that stand for workspaces.

Invariant: what people set up in a flag by hand (gradual rollouts, constraints, variants) is never taken out of it. On means on for
everybody: an environment that is on for some only has no value that a config could have, so it is shown and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from orgform.codec import Struct, digest
from orgform.errors import ProviderError
from orgform.model import Address, Attributes, Live, address_of, key_of, parts_of
from orgform.providers.base import Operation, Result
from orgform.providers.http import HttpError
from orgform.providers.unleash.api import CONFLICT, Api, Flag, Listed, Setting, Strategy

#: what a strategy of ours is called in Unleash's pages
TITLE: Final = "on for everybody (orgform)"
_GONE = "it does not exist any more"


class Place(Struct, frozen=True):
    """Where a workspace's flags live."""

    project: str
    environment: str


class Refused(ProviderError):
    """Nothing was done, and why."""


class Flags:
    """`home`: the project that new flags are made in. `places`: key of a workspace -> its environment."""

    def __init__(self, home: str, places: Mapping[str, Place]) -> None:
        self._home = home
        self._places = places
        self._projects = tuple(dict.fromkeys([home, *(p.project for p in places.values())]))

    # Reading

    def listed(self, api: Api) -> list[Listed]:
        """Every flag of the projects, once each environment that is asked for is known to be there."""
        for project in self._projects:
            known = api.environments(project)
            if not known:  # the list of its flags would be empty, and look whole
                raise HttpError(f"there is no project {project}, or it has no environment: see the target's `project` and `workspaces`")
            for key, place in self._places.items():
                if place.project == project and place.environment not in known:
                    missing = f"the project {project} has no environment {place.environment} (of the workspace {key})"
                    raise HttpError(f"{missing}; it has: {', '.join(known)}")
        return [flag for project in self._projects for flag in api.flags(project)]

    def features(self, listed: Iterable[Listed]) -> dict[Address, Live]:
        return {address_of("feature", flag.name): _feature(flag) for flag in listed}

    def values(self, api: Api, listed: Iterable[Listed]) -> dict[Address, Live]:
        """Only what is on somewhere is read by itself: nothing else needs its strategies looked at."""
        found: dict[Address, Live] = {}
        for flag in listed:
            switches = {s.name: s for s in flag.environments}
            mine = {k: switches[p.environment] for k, p in self._places.items() if p.project == flag.project and p.environment in switches}
            detail = api.flag(flag.project, flag.name) if any(s.enabled for s in mine.values()) else None
            for key, switch in mine.items():
                setting = detail.setting(switch.name) if detail else None
                live = _value(setting) if setting else Live({"value": False}, etag=_OFF) if switch.hasStrategies else None
                if live:
                    found[address_of("feature_value", key, flag.name)] = live
        return found

    # Flags

    def write_feature(self, api: Api, operation: Operation) -> Result:
        name = key_of(operation.address)
        flag = self._flag(api, name)
        if operation.action == "create":
            return Result("stale", f"Unleash has a flag {name} already") if flag else self._create(api, name, operation.attributes)
        if flag is None:
            return Result("done", "was gone already") if operation.action == "delete" else Result("stale", _GONE)
        if operation.etag not in (None, "*", _feature(flag).etag):
            return Result("stale", "it was changed meanwhile")
        return self._archive(api, flag) if operation.action == "delete" else self._describe(api, flag, operation.attributes)

    def _flag(self, api: Api, name: str) -> Flag | None:
        return next((flag for project in self._projects if (flag := api.flag(project, name))), None)

    def _create(self, api: Api, name: str, wanted: Attributes) -> Result:
        description = wanted.get("description") or None
        body: dict[str, Any] = {"type": "release"} if description is None else {"type": "release", "description": description}
        try:
            api.make_flag(self._home, name, body)
        except HttpError as error:
            if error.status != CONFLICT or "archived flag" not in error.detail:
                raise
            return self._revive(api, name, description)
        return Result("done")

    def _revive(self, api: Api, name: str, description: str | None) -> Result:
        """A name stays taken as long as its flag is in the archive. It comes back off everywhere, with its old strategies."""
        old = api.archived(name)
        if old is None:
            return Result("stale", f"the flag {name} was in the archive a moment ago")
        if old.project not in self._projects:
            raise Refused(
                f"the name {name} is that of an archived flag of the project {old.project}: revive or delete it in Unleash, or use another"
            )
        api.revive(name)
        if (old.description or None) != description:
            api.describe(old.project, name, description)
        flag = self._flag(api, name)
        if flag is None or (flag.description or None) != description:
            return Result("unknown", f"the flag {name} was taken out of the archive, and does not show it")
        return Result("done", "it was in the archive and was revived: off everywhere, with the strategies that it had")

    def _describe(self, api: Api, flag: Flag, patch: Attributes) -> Result:
        description = patch.get("description") or None
        if "description" in patch and (flag.description or None) != description:
            api.describe(flag.project, flag.name, description)
            after = api.flag(flag.project, flag.name)
            if after is None or (after.description or None) != description:
                return Result("unknown", f"the description of {flag.name} is another one than was sent")
        return Result("done")

    def _archive(self, api: Api, flag: Flag) -> Result:
        """Never deleted for good: the archive can be undone, and Unleash 7.5 goes down where a flag is deleted right after."""
        api.archive(flag.project, flag.name)
        if api.flag(flag.project, flag.name) is not None:
            return Result("unknown", f"the flag {flag.name} is still there after it was archived")
        return Result("done", "it is in Unleash's archive")

    # Values

    def write_value(self, api: Api, operation: Operation) -> Result:
        key, name = parts_of(operation.address)
        place = self._places.get(key)
        if place is None:
            raise Refused(f"no environment stands for the workspace {key}: name it in the target's `workspaces`")
        flag = api.flag(place.project, name)
        setting = flag.setting(place.environment) if flag else None
        live = _value(setting) if setting else None
        if flag is None or setting is None:
            return self._no_flag(operation, name, place)
        if operation.action == "create" and live is not None:
            return Result("stale", f"{name} is set up in {place.environment} already")
        if operation.action != "create" and live is None:
            return Result("done", "was gone already") if operation.action == "delete" else Result("stale", _GONE)
        if live is not None and operation.etag not in (None, "*", live.etag):
            return Result("stale", "it was changed meanwhile")
        if live is not None and live.unmanaged:
            raise Refused(f"{name} is {live.unmanaged['value']} in {place.environment}; people set that up, and it is left alone")
        return self._set(api, operation, name, place, setting)

    def _no_flag(self, operation: Operation, name: str, place: Place) -> Result:
        if operation.action == "delete":
            return Result("done", "was gone already")
        if operation.action == "update":
            return Result("stale", _GONE)
        raise Refused(f"the project {place.project} has no flag {name} with an environment {place.environment}")

    def _set(self, api: Api, operation: Operation, name: str, place: Place, setting: Setting) -> Result:
        """Ours is a strategy for everybody that stands beside what others made; without any, an environment has no value."""
        wanted = operation.attributes.get("value", False) if operation.action != "delete" else False
        if not isinstance(wanted, bool):
            raise Refused(f"a flag of Unleash is on or off in {place.environment}: the value must be true or false")
        where = (place.project, name, place.environment)
        ours = [s for s in setting.strategies if _is_ours(s)]
        if operation.action != "delete" and (wanted or not setting.strategies) and not any(_for_all(s) for s in setting.strategies):
            api.add_strategy(*where, strategy(name))
        if setting.enabled is not wanted:
            api.turn(*where, wanted)
        for strategy_ in ours if operation.action == "delete" else ():
            api.remove_strategy(*where, strategy_.id)
        after = api.flag(place.project, name)
        now = after.setting(place.environment) if after else None
        if now is None or now.enabled is not wanted or (operation.action == "delete" and any(map(_is_ours, now.strategies))):
            return Result("unknown", f"{name} in {place.environment} is not as it was set: see in Unleash what became of it")
        left = operation.action == "delete" and now.strategies
        return Result("done", "it is off, and keeps the strategies that others made" if left else "")


def strategy(name: str) -> dict[str, Any]:
    """On for everybody, as Unleash's own pages would make it."""
    parameters = {"rollout": "100", "stickiness": "default", "groupId": name}
    return {"name": "flexibleRollout", "title": TITLE, "parameters": parameters, "constraints": [], "segments": []}


def partly(strategies: Iterable[Strategy]) -> str:
    """What an environment that is on does, where it is not on for everybody; empty where it is."""
    active = [s for s in strategies if not s.disabled]
    if any(_for_all(s) for s in active):
        return ""
    return "on for some only: " + (", ".join(sorted(_words(s) for s in active)) or "no strategy is active")


def _is_ours(strategy: Strategy) -> bool:
    """As it was made: one that people changed is theirs."""
    return strategy.title == TITLE and _for_all(strategy)


def _for_all(strategy: Strategy) -> bool:
    if strategy.disabled or strategy.constraints or strategy.segments:
        return False
    return strategy.name == "default" or (strategy.name == "flexibleRollout" and str(strategy.parameters.get("rollout")) == "100")


def _words(strategy: Strategy) -> str:
    rollout = strategy.parameters.get("rollout")
    parts = [f"{rollout} %"] if rollout is not None else []
    for count, what in ((len(strategy.constraints), "constraint"), (len(strategy.segments), "segment")):
        parts += [f"{count} {what}{'s' if count > 1 else ''}"] if count else []
    return " ".join([strategy.name, *(["with", " and ".join(parts)] if parts else [])])


def _feature(flag: Listed | Flag) -> Live:
    """A flag of Unleash is on or off, and off where nothing was set: that is its type and its default."""
    attributes: Attributes = {"type": "boolean", "default": False}
    if flag.description:
        attributes["description"] = flag.description
    return Live(attributes, id=f"{flag.project}:{flag.name}", etag=digest(attributes))


def _value(setting: Setting) -> Live | None:
    """None where nobody set anything up: off, and without a strategy."""
    if not setting.enabled:
        return Live({"value": False}, etag=_OFF) if setting.strategies else None
    some = partly(setting.strategies)
    return Live({}, unmanaged={"value": some}, etag=digest(some)) if some else Live({"value": True}, etag=_ON)


_ON: Final = digest(True)
_OFF: Final = digest(False)
