"""Unleash as a live system: reads whole kinds, and does one operation at a time.

Invariant: a kind is complete only when every list that it takes came whole. The admin API has neither locks nor idempotency keys, so each
write looks first and reads back; what may have been done and was not confirmed is `unknown`, never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from orgform import __version__
from orgform.codec import replace
from orgform.errors import ProviderError, ReadFailed
from orgform.formats import normalise
from orgform.model import Address, Live, address_of, kind_of
from orgform.providers.base import Capabilities, Operation, Provider, ReadResult, Result, TargetContext
from orgform.providers.http import HttpError, Session
from orgform.providers.unleash.api import Api, Listed, Me
from orgform.providers.unleash.flags import Flags, Place
from orgform.providers.unleash.people import People

_FORBIDDEN = 403
_NEEDS = {"member": "the root role Admin", "feature": "a role that sees the project", "feature_value": "a role that sees the project"}
_HOW = "make a personal access token in Unleash (your picture > View profile settings > Personal API tokens) and put it where `token` leads"


class Unleash(Provider):
    def __init__(self, session: Session, me: Me, context: TargetContext, capabilities: Capabilities, system: str) -> None:
        self.capabilities = capabilities
        self._session = session
        self._me = me
        self._system = system
        options = context.options
        self._flags = Flags(home(options), places(options))
        self._people = People(context.roles, mails=options.get("welcome_mail", True))
        self._writes: dict[str, Callable[[Api, Operation], Result]] = {
            "feature": self._flags.write_feature,
            "feature_value": self._flags.write_value,
            "member": self._people.write,
        }

    @property
    def system(self) -> str:
        return self._system

    def close(self) -> None:
        self._session.close()

    def own_member(self) -> Address | None:
        email = self._me.user.email
        return address_of("member", normalise("email", email)) if email else None

    def check_writable(self) -> None:
        """A token of a viewer has no permission at all."""
        if not self._me.permissions:
            raise ProviderError(
                f"the token may change nothing in {self._system}, so nothing was tried",
                hint="use one of somebody with more than the role Viewer",
            )

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        api = Api(self._session)
        listed: list[Listed] | HttpError | None = None
        for kind in kinds:
            try:
                if kind == "member":
                    found = dict(self._people.all(api))
                else:
                    listed = self._listed(api) if listed is None else listed
                    found = self._of_flags(api, kind, listed)
            except HttpError as error:
                needs = f"; the token needs {_NEEDS[kind]}" if error.status == _FORBIDDEN else ""
                yield ReadResult(kind, {}, complete=False, problem=error.message + needs)
            else:
                yield ReadResult(kind, found)

    def _listed(self, api: Api) -> list[Listed] | HttpError:
        try:
            return self._flags.listed(api)
        except HttpError as error:
            return error

    def _of_flags(self, api: Api, kind: str, listed: list[Listed] | HttpError) -> dict[Address, Live]:
        if isinstance(listed, HttpError):
            raise listed
        return self._flags.features(listed) if kind == "feature" else self._flags.values(api, listed)

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [self._written(operation) for operation in operations]

    def _written(self, operation: Operation) -> Result:
        operation = self._sent(operation)
        refusal = self.capabilities.refusal(operation)
        if refusal:
            return Result("failed", refusal)
        api = Api(self._session)
        try:
            return self._writes[kind_of(operation.address)](api, operation)
        except HttpError as error:
            return Result("unknown" if error.maybe_done or api.writes else "failed", error.message)
        except ProviderError as error:
            return Result("unknown" if api.writes else "failed", error.message)

    def _sent(self, operation: Operation) -> Operation:
        """A create without what stays in the config: a flag has to have a type and a default there."""
        can = self.capabilities.of(kind_of(operation.address))
        if operation.action != "create" or can is None:
            return operation
        return replace(operation, attributes={n: v for n, v in operation.attributes.items() if can.field(n) != "config"})


def home(options: Any) -> str:
    """The project that new flags are made in."""
    return str(options.get("project", "default"))


def places(options: Any) -> dict[str, Place]:
    """Key of a workspace -> where its flags live, as the target's options say."""
    given = options.get("workspaces") or {}
    return {key: Place(str(at.get("project", home(options))), str(at["environment"])) for key, at in given.items()}


def open_unleash(context: TargetContext) -> Provider:
    """Asks whose the token is. Raises `ReadFailed` where it is not good, or there is no Unleash."""
    from orgform.providers.unleash import spec

    url = str(context.options["url"]).rstrip("/")
    session = Session(
        url,
        token=context.secret("token"),
        max_wait=context.max_wait,
        user_agent=f"orgform/{__version__}" + (f" (run {context.run})" if context.run else ""),
        reserve=context.reserve,
    )
    try:
        me = Api(session).me()
    except HttpError as error:
        session.close()
        hint = _HOW if error.status in (401, _FORBIDDEN) else error.hint
        what = "" if error.status is None else f"{url} does not say whose the token is: "
        raise ReadFailed(f"target {context.name}: {what}{error.message}", hint=hint) from error
    return Unleash(session, me, context, spec.capabilities, url)
