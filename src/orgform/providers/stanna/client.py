"""Stanna's API: the settings of one workspace after the other, read, merged, written and read back.

Invariant: a write leaves only after the settings were read again and are as they were planned on; it is done only where reading them once
more shows it. A workspace is absent only where Stanna says that there is none of that id, never because an answer was odd.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from orgform.codec import Struct, digest, replace
from orgform.errors import ReadFailed
from orgform.model import Live, address_of, key_of, kind_of
from orgform.providers.base import Capabilities, Operation, Provider, ReadResult, Result, TargetContext
from orgform.providers.budget import Budget
from orgform.providers.http import USED_UP, Answer, HttpError, Session
from orgform.providers.stanna.mapping import body_of, lost, masked, settings_of, taken_away, unlike

SETTINGS: Final = "workspace.settings"
_GONE: Final = frozenset({"INVALID_WORKSPACE", "RESOURCE_NOT_FOUND"})
_OTHERS: Final = "AUTH_WORKSPACE_MISMATCH"


class _Settings(Struct):
    workspace: dict[str, Any]


class _Written(Struct):
    success: bool
    message: str = ""


class _Key(Struct):
    name: str = ""
    key: str = ""
    isActive: bool = True


class _Keys(Struct):
    apiKeys: list[_Key]


class Way(NamedTuple):
    """One API key's."""

    session: Session
    budget: Budget


class Stanna(Provider):
    """`ways`: key in the config of a workspace with an API key of its own -> that one's; all others go by `""`."""

    def __init__(self, ways: Mapping[str, Way], capabilities: Capabilities, system: str, context: TargetContext) -> None:
        self.capabilities = capabilities
        self._ways = ways
        self._system = system
        self._context = context
        options = context.options
        self._given: Mapping[str, str] = options.get("workspaces") or {}
        self._only: str | None = options.get("workspace_id")
        self._asked: set[str] = set()

    @property
    def system(self) -> str:
        return self._system

    def close(self) -> None:
        for way in self._ways.values():
            way.session.close()

    # Which workspaces there are

    def _keys(self, kinds: Sequence[str]) -> list[str]:
        """Nothing lists workspaces: those that the options, the config and what was applied name. A key from before a rename (`moved`)
        whose workspace the options give to another one stands for nothing any more."""
        named = {key_of(a) for a in self._context.known(self._system) if kind_of(a) in kinds}
        if self._only and not named:
            named = {self._only}
        given = set(self._given.values())
        return sorted({key for key in named if self._id(key) not in given} | self._given.keys())

    def _way(self, key: str) -> Way:
        return self._ways.get(key) or self._ways[""]

    def _id(self, key: str) -> str:
        return self._given.get(key) or self._only or key

    # Reading

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        asked = [kind for kind in kinds if kind in ("workspace", SETTINGS)]
        keys = self._keys(asked) if asked else []
        self._asked |= set(keys)
        found, problems = self._all(keys)
        shown = self._api_keys(found, problems) if "workspace" in asked else {}
        for kind in kinds:
            if kind not in asked:
                yield ReadResult(kind, {}, complete=False, problem=f"Stanna's API has no {kind}")
                continue
            live = {address_of(kind, key): _live(kind, self._id(key), workspace, shown.get(key)) for key, workspace in found.items()}
            yield ReadResult(kind, live, complete=not problems, problem="; ".join(problems))

    def _all(self, keys: Iterable[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Key -> settings, and a sentence for each workspace that could not be read. Raises `ReadFailed` where none could."""
        found: dict[str, dict[str, Any]] = {}
        problems: list[str] = []
        answered = False
        for key in keys:
            try:
                workspace = self._workspace(key)
            except HttpError as error:
                if error.status == 401 and key not in self._ways:
                    raise ReadFailed(f"Stanna does not take the API key: {error.detail or error.message}", hint=_NEW_KEY) from error
                if error.status is None and error.code != USED_UP and not found:
                    raise ReadFailed(error.message, hint=error.hint) from error
                problems.append(self._told(key, error))
                continue
            answered = True
            if workspace is not None:
                found[key] = workspace
        if problems and not answered:
            raise ReadFailed("; ".join(problems), hint=_OWN_KEY)
        return found, problems

    def _workspace(self, key: str) -> dict[str, Any] | None:
        """What `GET /settings` has under `workspace`; None where Stanna has none of that id. Raises `HttpError`."""
        try:
            return (
                self._way(key).session.request("GET", self._path(key), idempotent=True, type=_Settings, share=self._id(key)).value.workspace
            )
        except HttpError as error:
            if error.status == 404 and error.code in _GONE:
                return None
            raise

    def _api_keys(self, keys: Iterable[str], problems: list[str]) -> dict[str, list[str]]:
        """Key -> what Stanna shows of its API keys; a key that may not ask for them is no problem."""
        found: dict[str, list[str]] = {}
        for key in keys:
            try:
                path = self._path(key, "settings/api-keys")
                answer: Answer[_Keys] = self._way(key).session.request("GET", path, idempotent=True, type=_Keys, share=self._id(key))
                found[key] = sorted(f"{k.name} ({masked(k.key)}{'' if k.isActive else ', inactive'})" for k in answer.value.apiKeys)
            except HttpError as error:
                if error.status not in (403, 404):
                    problems.append(self._told(key, error))
        return found

    def _path(self, key: str, of: str = "settings") -> str:
        return f"{of}?workspaceId={quote(self._id(key), safe='')}"

    def _told(self, key: str, error: HttpError) -> str:
        if error.code == _OTHERS:
            return f"the API key does not open the workspace {self._id(key)} (of `{key}`): each key belongs to one workspace"
        return f"the settings of {self._id(key)} (of `{key}`): {error.message}"

    # Writing

    def check_writable(self) -> None:
        """Before anything is written: a day's quota that is used up is no place to begin."""
        for key in sorted(self._asked):
            self._way(key).budget.check(self._id(key))

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [self._written(operation) for operation in operations]

    def _written(self, operation: Operation) -> Result:
        kind, patch = kind_of(operation.address), operation.attributes
        settings = patch if kind == SETTINGS else patch.get("settings")
        if operation.action != "update" or kind not in ("workspace", SETTINGS) or (kind == "workspace" and set(patch) - {"settings"}):
            return Result("failed", "Stanna's API changes nothing but the settings of a workspace")
        key = key_of(operation.address)
        try:
            before = self._workspace(key)
        except HttpError as error:
            return Result("failed", self._told(key, error))
        if before is None:
            return Result("stale", f"Stanna has no workspace {self._id(key)} any more")
        if operation.etag not in (None, "*", _etag(before)):
            return Result("stale", "the settings were changed meanwhile")
        body = body_of(settings or {}, before)
        result = self._put(key, before, body) if body else Result("done", etag=_etag(before))
        kept = taken_away(settings or {}) if result.status == "done" else ()
        return replace(result, detail=f"{', '.join(kept)}: Stanna takes no setting away, so it stays as it is") if kept else result

    def _put(self, key: str, before: dict[str, Any], body: dict[str, Any]) -> Result:
        try:
            # Values, not steps: the same body twice is the same settings.
            answer: Answer[_Written] = self._way(key).session.request(
                "PUT", self._path(key), json={"workspace": body}, idempotent=True, type=_Written, share=self._id(key)
            )
        except HttpError as error:
            return Result("unknown" if error.maybe_done else "failed", self._told(key, error))
        if not answer.value.success:
            return Result("failed", f"Stanna refuses: {answer.value.message or 'it does not say why'}")
        try:
            after = self._workspace(key)
        except HttpError as error:
            return Result("unknown", f"written, and it cannot be read back: {self._told(key, error)}")
        return _judged(body, before, after)


_OWN_KEY: Final = "see that the target's `url`, `workspaces` and `token` belong together: each key opens one workspace"
_NEW_KEY: Final = "make one in Stanna at Settings -> API Keys -> Create New Key, and put it where the target's `token` leads"


def open_stanna(context: TargetContext) -> Provider:
    """No request yet: one that only asks who we are would cost a part of the quota."""
    from orgform.providers.stanna import HOME, spec

    options = context.options
    url = str(options.get("url", HOME)).rstrip("/")
    account = options.get("account") or options.get("workspace_id")
    system = f"{url}#{account}" if account else url
    can = spec.capabilities

    def way(key: str) -> Way:
        """Quotas of a minute are each API key's own."""
        minute, day = can.requests_per_minute, can.requests_per_day
        budget = Budget(f"{system}#{key}", minute, day, folder=context.cache, reserve=context.reserve, title="Stanna")
        token = context.secret(f"tokens.{key}" if key else "token")
        bearer = options.get("auth", "bearer") == "bearer"
        headers = {} if bearer else {"x-api-key": token}
        return Way(Session(url, token=token if bearer else None, headers=headers, max_wait=context.max_wait, budget=budget), budget)

    return Stanna({key: way(key) for key in ("", *(options.get("tokens") or {}))}, can, system, context)


def _live(kind: str, id: str, workspace: Mapping[str, Any], api_keys: list[str] | None) -> Live:
    settings = settings_of(workspace)
    if kind == SETTINGS:
        return Live(settings, id=id, etag=_etag(workspace))
    name = workspace.get("workspaceName")
    attributes = ({"name": name} if name else {}) | {"settings": settings}
    return Live(attributes, {"api_keys": api_keys} if api_keys else {}, id, _etag(workspace))


def _etag(workspace: Mapping[str, Any]) -> str:
    """Stanna has none: what all of the workspace's settings are tells whether anybody changed one."""
    return digest(dict(workspace))


def _judged(body: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Result:
    """What reading back says of a write that was called a success."""
    if after is None:
        return Result("unknown", "it was written, and the workspace is gone now")
    wrong = unlike(body, after)
    if wrong and after == before:
        return Result("failed", f"Stanna said that it was done, and nothing changed: {', '.join(wrong)}")
    if wrong:
        return Result("unknown", f"Stanna said that it was done, and {', '.join(wrong)}")
    if gone := lost(body, before, after):
        return Result("unknown", f"it was written, and Stanna dropped what was not named: {', '.join(gone)}; put it back by hand")
    return Result("done", etag=_etag(after))
