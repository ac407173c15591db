"""One request over the network and its answer, each thread by a client of its own.

Invariant: an exchange ends, in bounded time and memory, whatever the other side does; TLS is checked against the authorities that were
named; no redirect is followed.
"""

from __future__ import annotations

import math
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from orgform.codec import Struct
from orgform.errors import ProviderError, ReadFailed
from orgform.providers import bounds, unreached
from orgform.providers.http.links import origin
from orgform.providers.http.refusals import HttpError

_CONNECTING = 10.0

Tell = Callable[[Mapping[str, str]], None]


class Got(Struct, frozen=True):
    """An answer as it came; `headers` have lower-case names, `content` is unpacked."""

    status: int
    reason: str
    headers: dict[str, str]
    content: bytes


class Carrier:
    """Carries requests. Safe to use from several threads: each has an httpx.Client of its own, which is what makes writes fast."""

    def __init__(
        self,
        base: httpx.URL,
        headers: Mapping[str, str],
        *,
        transport: httpx.BaseTransport | None,
        silence: float,
        whole: float,
        largest: int,
        ca: Path | None,
    ) -> None:
        """`headers`: of every request. `silence`: seconds without a sign of the other side; `whole`: seconds of a whole exchange;
        `largest`: bytes of an answer. Raises `ProviderError` for authorities, and `ReadFailed` for headers, that cannot be used.

        `quickest`: seconds until the head of the quickest answer so far.
        """
        _check_headers(headers)
        self._origin = origin(base)
        self._headers = headers
        self._transport = transport
        self._timeout = httpx.Timeout(silence, connect=min(silence, _CONNECTING))
        self._whole = whole
        self._largest = largest
        self._verify = _trust(base, ca) if transport is None else False
        self.quickest = math.inf
        self._local = threading.local()
        self._clients: list[httpx.Client] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._local = threading.local()

    def carry(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str], tell: Tell) -> Got:
        """The answer, whatever its status; `tell` gets its headers before its body comes. Raises `HttpError` where there is none."""
        try:
            return self._exchanged(method, url, content, headers, tell)
        except bounds.OutOfBounds as e:
            raise HttpError(f"{method} {url.path}: {e} ({origin(url)})", maybe_done=True, again=e.again) from e
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as e:
            found = unreached.explain(e, origin(url))
            message = f"{method} {url.path}: cannot connect to {origin(url)}: {found.why}"
            raise HttpError(message, hint=found.hint, again=found.again) from e
        except httpx.TransportError as e:
            cut = f"{method} {url.path}: the connection to {origin(url)} was cut: {_words(e)}"
            raise HttpError(cut, maybe_done=True, again=True) from e
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as e:
            # A redirect to a host that is no name is a UnicodeError: httpx reads the link although it does not follow it.
            raise HttpError(f"{method} {url.path}: {_words(e)}", maybe_done=True) from e

    def _exchanged(self, method: str, url: httpx.URL, content: bytes | None, headers: dict[str, str], tell: Tell) -> Got:
        client, deadline = self._client()
        began = deadline.start(self._whole)
        with client.stream(method, url, content=content, headers=headers, extensions={"trace": deadline.trace}) as response:
            told = _told(response.headers)
            tell(told)
            self.quickest = min(self.quickest, time.monotonic() - began)
            body = response.content if response.is_closed else bounds.whole(response.iter_raw(), told, self._largest)
            return Got(response.status_code, response.reason_phrase, told, body)

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
            return _Client(
                headers=self._headers,
                timeout=self._timeout,
                transport=self._transport,
                verify=self._verify,
                follow_redirects=False,
                trust_env=self._transport is None,
            )
        except (ValueError, ImportError, httpx.InvalidURL) as e:
            message, hint = unreached.no_proxy(e, self._origin)
            raise HttpError(message, hint=hint) from e


class _Cookies(httpx.Cookies):
    """Most answers set none, and to look for them anew in each takes as long as all else that is done with its headers."""

    def extract_cookies(self, response: httpx.Response) -> None:
        if "set-cookie" in response.headers:
            super().extract_cookies(response)


class _Client(httpx.Client):
    def __init__(self, **options: Any) -> None:
        self._kept = _Cookies()
        super().__init__(**options)

    @property  # type: ignore[misc]  # nobody sets them
    def cookies(self) -> httpx.Cookies:
        return self._kept


def _told(headers: httpx.Headers) -> dict[str, str]:
    """With lower-case names. What is not ASCII takes httpx's longer way."""
    found: dict[str, str] = {}
    try:
        for raw_name, raw_value in headers.raw:
            name, value = raw_name.decode("ascii").lower(), raw_value.decode("ascii")
            found[name] = f"{found[name]}, {value}" if name in found else value
    except UnicodeDecodeError:
        return dict(headers)
    return found


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


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
