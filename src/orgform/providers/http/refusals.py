"""What did not work, as an error: what the other side says of it, whether it may have been done, whether to try again.

Invariant: no error holds a secret, also not where the other side sends one back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from orgform.codec import DecodeError, Struct, decode, field
from orgform.errors import ProviderError
from orgform.redaction import redact

RETRIED: Final = frozenset({429, 502, 503, 504})
_HINTS: Final = {401: "see that the target's token is right and has not expired", 403: "the token may not do this"}


class HttpError(ProviderError):
    """A request that did not get what it asked for.

    `status`: of the answer; None where there was none. `code`: of the problem document. `maybe_done`: the request may have been
    carried out. `again`: repeating it may help; `retry_after`: seconds that the server asks to wait before, 0 where it does not say.
    `detail`: what the server itself said.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        hint: str = "",
        maybe_done: bool = False,
        again: bool = False,
        retry_after: float = 0.0,
        detail: str = "",
    ) -> None:
        super().__init__(redact(message), hint=redact(hint))
        self.status = status
        self.code = code
        self.maybe_done = maybe_done
        self.again = again
        self.retry_after = retry_after
        self.detail = redact(detail)


def refused(asked: str, status: int, reason: str, headers: Mapping[str, str], content: bytes) -> HttpError:
    """Of an answer that is no success. `asked`: method and path."""
    code, detail = _said(content)
    return HttpError(
        f"{asked}: {status} {reason}".rstrip() + (f": {detail}" if detail else ""),
        status=status,
        code=code,
        hint=_HINTS.get(status, ""),
        maybe_done=status >= 500 and status != 503,
        again=status in RETRIED,
        retry_after=_asked_wait(headers),
        detail=detail,
    )


class _Problem(Struct):
    """What an error body may say, of RFC 9457 and of what others do."""

    detail: Any = None
    title: Any = None
    code: Any = None
    message: Any = None
    error: Any = None
    scim_type: Any = field(name="scimType", default=None)
    inner: Any = field(name="_error", default=None)
    details: Any = None


def _asked_wait(headers: Mapping[str, str]) -> float:
    """Seconds that Retry-After asks for, as a number or a date; 0 where it says nothing sensible.

    A date is measured from the answer's own: the other side's clock may be hours from ours.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    moment = _moment(text)
    now = _moment(headers.get("date", ""))
    return max(0.0, moment - (time.time() if now is None else now)) if moment is not None else 0.0


def _moment(text: str) -> float | None:
    """Seconds since 1970 of a date as headers have it; one without a zone is UTC."""
    try:
        found: datetime = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _said(content: bytes) -> tuple[str, str]:
    """Code and sentence of an error body, where it is JSON; without control characters, and without secrets before it is cut short."""
    try:
        problem: _Problem = decode(content, _Problem)
    except (DecodeError, ValueError, RecursionError):
        return "", ""
    nested = [w for inner in (problem.error, problem.inner) if isinstance(inner, dict) for w in map(inner.get, ("message", "title"))]
    words = (problem.detail, problem.message, problem.error, *nested, problem.title)
    sentence = next((w for w in words if isinstance(w, str) and w), "")
    # Some say the very thing in a list beside, and in the message that it is there.
    listed = (d.get("message") for d in (problem.details if isinstance(problem.details, list) else ()) if isinstance(d, dict))
    sentence = "; ".join(dict.fromkeys([*(w for w in listed if isinstance(w, str) and w and w not in sentence), *filter(None, [sentence])]))
    code = next((c for c in (problem.code, problem.scim_type) if isinstance(c, str)), "")
    return code, redact("".join(c for c in redact(sentence) if c.isprintable()))[:500]
