"""HTTP as providers use it: one session for a live system, with paging, retries and typed answers. The only importer of httpx.

Invariant: a token goes to the session's own origin and to the hosts that the provider's code names, and nowhere else (no redirect and no
link leads a request away), and no error holds a header or a secret, also not where the other side sends one back. A request is repeated
only where repeating cannot do anything twice.
Every request ends, in bounded time and memory, whatever the other side does.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from orgform.providers import (
    bounds,
    lean,  # noqa: F401  before httpx
    turn,
    unreached,
)

# isort: split
import httpx

from orgform.codec import DecodeError, Struct, decode, encode, field
from orgform.errors import ProviderError, ReadFailed
from orgform.providers.budget import Budget, QuotaUsedUp
from orgform.providers.pace import Pace
from orgform.redaction import redact
from orgform.urls import origin_of

T = TypeVar("T")

TRIES: Final = 6
FIRST_WAIT: Final = 0.5
RETRIED: Final = frozenset({429, 502, 503, 504})
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


class Answer(Struct, Generic[T], frozen=True):
    """`headers` have lower-case names."""

    status: int
    value: T
    headers: dict[str, str]


class _Got(Struct, frozen=True):
    """An answer as it came; `headers` have lower-case names, `content` is unpacked."""

    status: int
    reason: str
    headers: dict[str, str]
    content: bytes


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


class Session:
    """Talks to one origin. Safe to use from several threads: each has an httpx.Client of its own, which is what makes writes fast."""

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
        self._base = _parsed(base_url)
        self.origin = _origin(self._base)
        self._hosts = tuple(_host_pattern(host) for host in hosts)
        self._headers = {
            "user-agent": user_agent,
            "accept": "application/json",
            "accept-encoding": bounds.PACKED,
            **(headers or {}),
        }
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        _check_headers(self._headers)
        self._transport = transport
        self._max_wait = max_wait
        self._whole = WHOLE if whole is None else whole
        self._largest = largest
        silence = min(SILENCE if timeout is None else timeout, self._whole)
        self._timeout = httpx.Timeout(silence, connect=min(silence, 10.0))
        self._verify = _trust(self._base, ca) if transport is None else False
        self._local = threading.local()
        self._clients: list[httpx.Client] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._local = threading.local()

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
        url = self._resolve(path)
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
                raise HttpError(f"GET {self._resolve(link).path}: the pages go in a circle")
            seen.add(link)
            page: T = self.request("GET", link, idempotent=True, type=type).value
            yield page
            link = following(page)

    # One request

    def _settled(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str], idempotent: bool) -> _Got:
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

    def _followed(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str]) -> _Got:
        """Reads follow a few redirects on the same origin; writes follow none."""
        for _ in range(MOST_REDIRECTS):
            got = self._tried(method, url, content, headers)
            if got.status not in _REDIRECTS or method != "GET":
                break
            url = self._resolve(got.headers.get("location", ""), at=url)
        if 200 <= got.status < 300 and got.status != _PARTIAL:
            return got
        raise self._refused(method, url, got)

    def _tried(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str]) -> _Got:
        try:
            return self._got(method, url, content, headers)
        except bounds.OutOfBounds as e:
            raise HttpError(f"{method} {url.path}: {e} ({_origin(url)})", maybe_done=True, again=e.again) from e
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as e:
            found = unreached.explain(e, _origin(url))
            message = f"{method} {url.path}: cannot connect to {_origin(url)}: {found.why}"
            raise HttpError(message, hint=found.hint, again=found.again) from e
        except httpx.TransportError as e:
            cut = f"{method} {url.path}: the connection to {_origin(url)} was cut: {_words(e)}"
            raise HttpError(cut, maybe_done=True, again=True) from e
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as e:
            # A redirect to a host that is no name is a UnicodeError: httpx reads the link although it does not follow it.
            raise HttpError(f"{method} {url.path}: {_words(e)}", maybe_done=True) from e

    def _got(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str]) -> _Got:
        """One exchange, in the bounds of time and size."""
        self._pace.wait()
        if self._budget:
            self._counted(self._budget)
        client, deadline = self._client()
        deadline.start(self._whole)
        with client.stream(method, url, content=content, headers=headers, extensions={"trace": deadline.trace}) as response:
            told = dict(response.headers)
            self._pace.told(told)
            if self._budget:
                self._budget.told(told, self._local.share)
            body = response.content if response.is_closed else bounds.whole(response.iter_raw(), told, self._largest)
            return _Got(response.status_code, response.reason_phrase, told, body)

    def _counted(self, budget: Budget) -> None:
        try:
            budget.wait(self._local.share)
        except QuotaUsedUp as e:
            raise HttpError(e.message, hint=e.hint, code=USED_UP) from e

    def _wait(self, attempt: int, asked: float) -> float:
        """What the server asks for, else a jittered backoff; never more than `max_wait`."""
        jittered = random.uniform(0.5, 1.0) * FIRST_WAIT * 2 ** (attempt - 1)
        return min(asked if asked > 0 else jittered, self._max_wait)

    def _refused(self, method: str, url: httpx.URL, got: _Got) -> HttpError:
        status = got.status
        code, detail = _said(got.content)
        if status in _REDIRECTS:
            return HttpError(f"{method} {url.path}: {status}: {self.origin} redirects in a circle, or redirects a write", status=status)
        message = f"{method} {url.path}: {status} {got.reason}".rstrip() + (f": {detail}" if detail else "")
        hint = {401: "see that the target's token is right and has not expired", 403: "the token may not do this"}.get(status, "")
        return HttpError(
            message,
            status=status,
            code=code,
            hint=hint,
            maybe_done=status >= 500 and status != 503,
            again=status in RETRIED,
            retry_after=_asked_wait(got.headers),
            detail=detail,
        )

    def _decoded(self, method: str, url: httpx.URL, got: _Got, type: Any) -> Any:
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

    def _resolve(self, path: str, at: httpx.URL | None = None) -> httpx.URL:
        """A URL on the session's own origin, or on one of the provider's hosts. Raises where it would lead away."""
        try:
            url = at.join(path) if at else self._base.join(path.removeprefix("/") if not path.startswith("//") else path)
        except (httpx.InvalidURL, ValueError) as e:
            raise HttpError(f"{self.origin} gave a link that is no URL: {e}") from e
        if not self._is_ours(url):
            raise HttpError(
                f"{self.origin} sent us on to {_origin(url)}, which was not followed", hint="set the target's `url` to where the API is"
            )
        if url.userinfo and url.userinfo != self._base.userinfo:
            # It would take the place of the token.
            raise HttpError(f"{self.origin} gave a link with a user name or a password in it, which was not followed")
        return url

    def _is_ours(self, url: httpx.URL) -> bool:
        """Never by another scheme or port: a token that went by TLS goes by nothing else."""
        if _origin(url) == self.origin:
            return True
        alike = (url.scheme, url.port) == (self._base.scheme, self._base.port)
        return alike and any(_is_named(url.raw_host.decode("ascii"), pattern) for pattern in self._hosts)

    def _client(self) -> tuple[httpx.Client, bounds.Deadline]:
        """This thread's own."""
        found: tuple[httpx.Client, bounds.Deadline] | None = getattr(self._local, "client", None)
        if found is None:
            client = self._made()
            with self._lock:
                self._clients.append(client)
            found = self._local.client = (client, bounds.Deadline())
        return found

    def _made(self) -> httpx.Client:
        try:
            return httpx.Client(
                headers=self._headers,
                timeout=self._timeout,
                transport=self._transport,
                verify=self._verify,
                follow_redirects=False,
                trust_env=self._transport is None,
            )
        except (ValueError, ImportError, httpx.InvalidURL) as e:
            message, hint = unreached.no_proxy(e, self.origin)
            raise HttpError(message, hint=hint) from e


class InProcessTransport(httpx.BaseTransport):
    """Runs an ASGI application in the calling thread, with no event loop.

    The application must never wait for anything but its request (`server.create_app(..., inline=True)`): then its coroutine runs to the
    end in one go.
    """

    def __init__(self, app: Callable[..., Coroutine[Any, Any, None]]) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        incoming = iter([{"type": "http.request", "body": body, "more_body": False}])
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(incoming, {"type": "http.disconnect"})

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        _run(self._app(_scope(request), receive, send))
        start = next(m for m in sent if m["type"] == "http.response.start")
        content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
        return httpx.Response(start["status"], headers=start["headers"], content=content)


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("the application waits for something; InProcessTransport runs only such that do not")


def _scope(request: httpx.Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": [(k.lower(), v) for k, v in request.headers.raw],
        "client": ("127.0.0.1", 0),
        "server": (url.host, url.port),
    }


def _may_repeat(failure: HttpError, idempotent: bool) -> bool:
    """What may have been done is repeated only where that does it once; 429 and 503 say that it was not."""
    return failure.again and (idempotent or not failure.maybe_done)


def _parsed(base_url: str) -> httpx.URL:
    try:
        return httpx.URL(base_url.rstrip("/") + "/")
    except httpx.InvalidURL as e:
        raise ReadFailed(f"{base_url!r} is no address: {e}", hint="write it as https://api.acme.example") from None


def _origin(url: httpx.URL) -> str:
    """Of the URL as it will be asked for: of what httpx read in it, not of what another reader of URLs would."""
    host = url.raw_host.decode("ascii")
    place = f"[{host}]" if ":" in host else host
    return origin_of(f"{url.scheme}://{place}" + ("" if url.port is None else f":{url.port}"))


def _host_pattern(text: str) -> str:
    """Raises `ValueError` for what would let in a whole top-level domain."""
    bare = text.removeprefix("*.")
    if not bare or set(bare) & set("*/:@ ") or (bare != text and "." not in bare):
        raise ValueError(f"{text!r} is no host to send a token to: write api.acme.example or *.acme.example")
    return text.lower()


def _is_named(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _trust(base: httpx.URL, ca: Path | None) -> ssl.SSLContext | bool:
    """One TLS context for all threads; none where there is no TLS (it takes 20 ms to make)."""
    if base.scheme != "https":
        return False
    if ca is None:
        return _usual_trust()
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as e:
        raise ProviderError(f"cannot use {ca} as the target's `ca`: {e}", hint="name a PEM file with the certificates to trust") from e


def _usual_trust() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as e:  # also what no PEM file is
        raise ProviderError(
            f"cannot use the authorities that SSL_CERT_FILE or SSL_CERT_DIR name: {e}",
            hint="let it name a PEM file that is there, or unset it",
        ) from e


def _check_headers(headers: Mapping[str, str]) -> None:
    """What came from a secret must be sendable: a line that was pasted with its neighbour would be refused by the network code, unread."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ReadFailed(
                f"what is to be sent as `{name}` has a line end, or another character that cannot be sent, inside of it",
                hint="see where the target's secret leads to: a token is one line of plain characters",
            )


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


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
