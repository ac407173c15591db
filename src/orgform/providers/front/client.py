"""Front as a live system: reads whole kinds, and does one operation at a time.

Invariant: a read of a kind is complete only when every list that it takes came whole. Front has neither ETags nor idempotency keys, so
each write looks first: a create whether it is there by now, a change or a delete whether it still is what was read. What may have been
done and was not confirmed is `unknown`, never repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orgform import __version__
from orgform.codec import replace
from orgform.errors import ProviderError, ReadFailed
from orgform.providers.base import Capabilities, Operation, Provider, ReadResult, Result, TargetContext
from orgform.providers.front.api import NOT_FOUND, Api
from orgform.providers.front.below import Inboxes, Shifts, Tags, Templates
from orgform.providers.front.directory import Directory, Names
from orgform.providers.front.people import Members, Memberships
from orgform.providers.front.things import CompanyThings, Door, Found, Groups, Things, Workspaces
from orgform.providers.http import HttpError, Session

_FORBIDDEN = 403
GONE = Result("done", "was gone already")
STILL_LISTED = Result("failed", "Front says that it is not there, and has it in its lists")
#: kind -> what the token must be allowed to read for it, in Front's words
SCOPES = {
    "company": "to be one of this company",
    "workspace": "teams:read",
    "member": "teammates:read",
    "membership": "teams:read and teammate_groups:read",
    "group": "teammate_groups:read and teammates:read",
    "inbox": "teams:read, inboxes:read and teammates:read",
    "tag": "teams:read and tags:read",
    "message_template": "teams:read and message_templates:read",
    "shift": "teams:read, shifts:read and teammates:read",
}


class Front(Provider):
    def __init__(self, session: Session, context: TargetContext, capabilities: Capabilities, system: str) -> None:
        self.capabilities = capabilities
        self._session = session
        self._system = system
        options = context.options
        self._names = Names(context.labels(system), options.get("workspaces") or {}, options.get("groups") or {})
        things: tuple[Things, ...] = (
            CompanyThings(), Workspaces(), Members(context.roles), Memberships(), Groups(), Inboxes(), Tags(), Templates(), Shifts()
        )  # fmt: skip
        self._things = {t.kind: t for t in things}
        self._directory = Directory(Api(session), self._names)

    @property
    def system(self) -> str:
        return self._system

    def close(self) -> None:
        self._session.close()

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        # What is written after this is judged by what is read here.
        self._directory.forget()
        api = Api(self._session)
        door = Door(api, Directory(api, self._names))
        for kind in kinds:
            try:
                yield ReadResult(kind, dict(self._things[kind].all(door)))
            except HttpError as error:
                if not api.reads and error.status != _FORBIDDEN:
                    raise ReadFailed(f"cannot read {self._system}: {error.message}", hint=error.hint) from error
                scope = f"; the token needs {SCOPES[kind]}" if error.status == _FORBIDDEN else ""
                yield ReadResult(kind, {}, complete=False, problem=error.message + scope)

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [self._written(operation) for operation in operations]

    def _written(self, operation: Operation) -> Result:
        if refusal := self.capabilities.refusal(operation):
            return Result("failed", refusal)
        api, things = Api(self._session), self._things[operation.address.partition("/")[0]]
        try:
            return self._done(operation, things, Door(api, self._directory))
        except HttpError as error:
            if operation.action == "delete" and error.status == NOT_FOUND and not api.writes and self._is_gone(operation, things):
                return GONE
            return Result("unknown" if error.maybe_done or api.writes else "failed", error.message)
        except ProviderError as error:
            return Result("unknown" if api.writes else "failed", error.message)

    def _done(self, operation: Operation, things: Things, door: Door) -> Result:
        if operation.action == "create":
            if twin := things.twin(door, operation):
                return Result("stale", twin)
            things.create(door, operation)
            return Result("done")
        found = things.now(door, operation)
        if found is None and operation.action != "delete":
            return Result("stale", "it does not exist any more")
        if found is None:
            return GONE if self._is_gone(operation, things) else STILL_LISTED
        if _changed(operation, found):
            return Result("stale", "it was changed meanwhile")
        (things.delete if operation.action == "delete" else things.change)(door, operation, found)
        return Result("done")

    def _is_gone(self, operation: Operation, things: Things) -> bool:
        """Whether Front's lists, asked for anew, have it no more. A 404 alone may be about anything: a proxy that knows no such path, the
        workspace that it is in, somebody who is in none."""
        self._directory.forget()
        try:
            return not things.there(Door(Api(self._session), self._directory), operation)
        except HttpError:
            return False


def _changed(operation: Operation, found: Found) -> bool:
    return operation.etag not in (None, "*", found.live.etag)


def open_front(context: TargetContext) -> Front:
    """Asks who the token belongs to. Raises `ReadFailed` where it is not good, or there is no Front."""
    from orgform.providers.front import RATES, URL, spec

    url = str(context.options.get("url", URL)).rstrip("/")
    rate = RATES.get(str(context.options.get("plan")), min(RATES.values()))
    session = Session(
        url,
        token=context.secret("token"),
        max_wait=context.max_wait,
        user_agent=f"orgform/{__version__}" + (f" (run {context.run})" if context.run else ""),
        reserve=context.reserve,
        requests_per_minute=rate,
        hosts=spec.hosts,
    )
    return opened(session, context, replace(spec.capabilities, requests_per_minute=rate), url)


def opened(session: Session, context: TargetContext, capabilities: Capabilities, url: str) -> Front:
    """All of Front's companies have one address: the company's id tells them apart."""
    try:
        company = Api(session).company()
    except HttpError as error:
        session.close()
        hint = "make a token in Front: Settings > Developers > API tokens" if error.status in (401, _FORBIDDEN) else error.hint
        what = "" if error.status is None else f"{url} does not say whose the token is: "
        raise ReadFailed(f"target {context.name}: {what}{error.message}", hint=hint) from error
    return Front(session, context, capabilities, f"{url}#{company.id}")
