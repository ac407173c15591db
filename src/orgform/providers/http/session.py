"""One session for a live system: which requests are sent, when they are sent again, and what their answers hold.

Invariant: a request is repeated only where repeating cannot do anything twice, and only while it is this apply's turn to write.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import httpx

from orgform.codec import DecodeError, Struct, decode, encode
from orgform.providers import bounds, turn
from orgform.providers.budget import Budget, QuotaUsedUp
from orgform.providers.http.carrier import Carrier, Got
from orgform.providers.http.links import Links
from orgform.providers.http.refusals import HttpError, refused
from orgform.providers.pace import Pace

T = TypeVar("T")

TRIES: Final = 6
FIRST_WAIT: Final = 0.5
MOST_REDIRECTS: Final = 3
# Seconds: without a sign of the other side, and for one try from its first byte to its last.
SILENCE = 60.0
WHOLE = 180.0
#: code of an error that the budget made
USED_UP: Final = "quota_used_up"
_USER_AGENT: Final = "orgform"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_READS: Final = frozenset({"GET", "HEAD"})
# A part of what was asked for is not the answer, and nobody asks for a part here.
_PARTIAL: Final = 206


class Answer(Struct, Generic[T], frozen=True):
    """`headers` have lower-case names."""

    status: int
    value: T
    headers: dict[str, str]


class Session:
    """Talks to one origin. Safe to use from several threads."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
        max_wait: float = 30.0,
        timeout: float | None = None,
        whole: float | None = None,
        largest: int = bounds.LARGEST_ANSWER,
        user_agent: str = _USER_AGENT,
        headers: Mapping[str, str] | None = None,
        ca: Path | None = None,
        reserve: float = 0.0,
        requests_per_minute: int | None = None,
        hosts: Iterable[str] = (),
        budget: Budget | None = None,
    ) -> None:
        """`transport`: what carries the requests in place of the network. `ca`: PEM file of the authorities to trust in place of the usual.

        `max_wait`: seconds that one wait before a repetition lasts at most; `timeout`: seconds without a sign of the other side;
        `whole`: seconds that one try may take in all; `largest`: bytes of an answer, unpacked. `reserve`: percent of the quota that is left
        to others, of `requests_per_minute` where the other side does not tell it. `hosts`: as `ProviderSpec.hosts` has them.
        `budget`: counts every request, and has its own reserve.
        """
        self._pace = Pace(reserve, requests_per_minute)
        self._budget = budget
        self._links = Links(base_url, hosts)
        self.origin = self._links.origin
        self._max_wait = max_wait
        self._local = threading.local()
        most = WHOLE if whole is None else whole
        self._carrier = Carrier(
            self._links.base,
            _headers(user_agent, token, headers or {}),
            transport=transport,
            silence=min(SILENCE if timeout is None else timeout, most),
            whole=most,
            largest=largest,
            ca=ca,
        )

    def close(self) -> None:
        self._carrier.close()

    @property
    def quickest(self) -> float:
        """Seconds that the quickest answer took so far; infinity before there is one."""
        return self._carrier.quickest

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool,
        type: type[T] | Any = Any,
        share: str = "",
    ) -> Answer[T]:
        """Sends one request, repeats it while that may help, and decodes the answer as `type` (`None` where it has no body).

        `path` is relative to the base URL, or a link on the same origin. `idempotent`: doing it twice is doing it once. `share`: whose
        part of the budget's day it is. Raises `HttpError`.
        """
        url = self._links.resolve(path)
        self._local.share = share
        content = None if json is None else encode(json)
        sent = dict(headers or {})
        if content is not None:
            sent.setdefault("content-type", "application/json")
        got = self._settled(method, url, content, sent, idempotent)
        return Answer(got.status, self._decoded(method, url, got, type), got.headers)

    def pages(self, path: str, *, type: type[T], following: Callable[[T], str | None]) -> Iterator[T]:
        """Every page from `path` on; `following` gives a page's next path or link. Raises `HttpError`, also where pages go in a circle."""
        seen: set[str] = set()
        link: str | None = path
        while link is not None:
            if link in seen:
                raise HttpError(f"GET {self._links.resolve(link).path}: the pages go in a circle")
            seen.add(link)
            page: T = self.request("GET", link, idempotent=True, type=type).value
            yield page
            link = following(page)

    # One request

    def _settled(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str], idempotent: bool) -> Got:
        """A good answer, after as many tries as it may take. Raises `HttpError`."""
        lost = False
        attempt = 1
        while True:
            if method not in _READS:
                turn.confirm()
            try:
                return self._followed(method, url, content, headers)
            except HttpError as failure:
                lost = lost or failure.maybe_done
                if attempt == TRIES or not _may_repeat(failure, idempotent):
                    failure.maybe_done = lost
                    failure.message += self._given_up(attempt, failure.retry_after)
                    failure.args = (failure.message,)
                    raise
                wait = self._wait(attempt, failure.retry_after)
            time.sleep(wait)
            attempt += 1

    def _given_up(self, attempt: int, asked: float) -> str:
        tries = f" ({attempt} tries)" if attempt > 1 else ""
        return tries + (f"; it asks to wait {asked:.0f} s, which is longer than {self._max_wait:g} s" if asked > self._max_wait else "")

    def _followed(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str]) -> Got:
        """Reads follow a few redirects on the same origin; writes follow none."""
        for _ in range(MOST_REDIRECTS):
            got = self._tried(method, url, content, headers)
            if got.status not in _REDIRECTS or method != "GET":
                break
            url = self._links.follow(got.headers.get("location", ""), at=url)
        if 200 <= got.status < 300 and got.status != _PARTIAL:
            return got
        raise self._refused(method, url, got)

    def _tried(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str]) -> Got:
        """One exchange, within the quotas."""
        self._pace.wait()
        if self._budget:
            self._counted(self._budget)
        return self._carrier.carry(method, url, content, headers, self._told)

    def _told(self, headers: Mapping[str, str]) -> None:
        self._pace.told(headers)
        if self._budget:
            self._budget.told(headers, self._local.share)

    def _counted(self, budget: Budget) -> None:
        try:
            budget.wait(self._local.share)
        except QuotaUsedUp as e:
            raise HttpError(e.message, hint=e.hint, code=USED_UP) from e

    def _wait(self, attempt: int, asked: float) -> float:
        """What the server asks for, else a jittered backoff; never more than `max_wait`."""
        jittered = random.uniform(0.5, 1.0) * FIRST_WAIT * 2 ** (attempt - 1)
        return min(asked if asked > 0 else jittered, self._max_wait)

    def _refused(self, method: str, url: httpx.URL, got: Got) -> HttpError:
        asked = f"{method} {url.path}"
        if got.status in _REDIRECTS:
            return HttpError(f"{asked}: {got.status}: {self.origin} redirects in a circle, or redirects a write", status=got.status)
        return refused(asked, got.status, got.reason, got.headers, got.content)

    def _decoded(self, method: str, url: httpx.URL, got: Got, type: Any) -> Any:
        if type is None or (type is Any and not got.content):
            return None
        given = got.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != "application/json" and not given.endswith("+json"):
            raise HttpError(
                f"{method} {url.path}: {self.origin} answered with {given or 'no content type'}, not JSON",
                status=got.status,
                maybe_done=True,
                hint="see that the target's `url` is the API's",
            )
        try:
            return decode(got.content, type)
        except (DecodeError, ValueError, RecursionError) as e:
            raise HttpError(
                f"{method} {url.path}: {self.origin} answered with something else than was due: {e}",
                status=got.status,
                maybe_done=True,
            ) from e


def _headers(user_agent: str, token: str | None, more: Mapping[str, str]) -> dict[str, str]:
    """Of every request."""
    found = {"user-agent": user_agent, "accept": "application/json", "accept-encoding": bounds.PACKED, **more}
    return found if token is None else {**found, "authorization": f"Bearer {token}"}


def _may_repeat(failure: HttpError, idempotent: bool) -> bool:
    """What may have been done is repeated only where that does it once; 429 and 503 say that it was not."""
    return failure.again and (idempotent or not failure.maybe_done)
