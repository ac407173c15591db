"""Opening a server by its URL: who its token makes us, and what to say where it does not let us in.

Invariant: what is said of a refused token never holds it, and says what to do about it. One request on opening, and only with a token.
"""

from __future__ import annotations

from orgform.codec import Struct, replace
from orgform.errors import ReadFailed
from orgform.kinds import Kinds
from orgform.model import Address
from orgform.providers.base import Provider, TargetContext
from orgform.providers.http import Answer, HttpError, Session
from orgform.providers.orgform.client import AdminApi, client_name

# The company whose system is named by the URL alone: the one of a server that needs no tokens.
DEFAULT_COMPANY = "default"
_MAKE_ONE = "make one with `orgform token create` at the server, and put it where the target's `token` leads"


class Whoami(Struct, frozen=True):
    """What a server says of the token. `member`: key of the member that it belongs to."""

    company: str
    scope: str = "write"
    token: str | None = None
    member: str | None = None


def open_remote(context: TargetContext) -> Provider:
    """Raises `ReadFailed` where the server does not know the token, or is none."""
    from orgform.providers.orgform import remote

    url = str(context.options["url"]).rstrip("/")
    token = context.secret("token") if "token" in context.options else None
    ca = context.folder / context.options["ca"] if "ca" in context.options else None
    session = Session(url, token=token, max_wait=context.max_wait, user_agent=client_name(context.run), ca=ca, reserve=context.reserve)
    capabilities = replace(remote.capabilities, batch=int(context.options.get("batch", remote.capabilities.batch)))
    if token is None:
        return AdminApi(session, context.kinds, capabilities, url, run=context.run)
    try:
        known, limit = _asked(session)
    except HttpError as e:
        session.close()
        message, hint = _explained(e, url)
        raise ReadFailed(f"target {context.name}: {message}", hint=hint) from e
    capabilities = replace(capabilities, requests_per_minute=limit)
    system = url if known.company == DEFAULT_COMPANY else f"{url}#{known.company}"
    return AdminApi(
        session,
        context.kinds,
        capabilities,
        system,
        run=context.run,
        own=_own(context.kinds, known.member),
        reads_only=(known.token or "") if known.scope == "read" else None,
    )


def _asked(session: Session) -> tuple[Whoami, int | None]:
    """Who we are, and how many requests a minute the server takes of us, where it has a limit."""
    answer: Answer[Whoami] = session.request("GET", "/v1/whoami", idempotent=True, type=Whoami)
    limit = answer.headers.get("ratelimit-limit", "")
    return answer.value, int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit) else None


def _own(kinds: Kinds, member: str | None) -> Address | None:
    subjects = kinds.having_access("subject")
    return subjects[0].address(member) if member and subjects else None


def _explained(error: HttpError, url: str) -> tuple[str, str]:
    """Message and hint."""
    if error.status == 401:
        return f"{url} does not take the token: {error.detail or error.message}", _MAKE_ONE
    if error.status == 404:
        return f"there is no orgform server at {url} ({error.message})", "set the target's `url` to what `orgform serve` prints"
    if error.status is None:
        return error.message, error.hint
    return f"{url} does not say who the token is: {error.message}", error.hint
