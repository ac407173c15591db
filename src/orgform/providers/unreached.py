"""Why nobody was reached at an address, in words, and what to do about it: TLS, names, ports, proxies.

Invariant: nothing here decides whether to go on, and nothing shows a user or a password of a proxy's address.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

from orgform.codec import Struct
from orgform.providers import certificates
from orgform.urls import origin_of, without_password

#: what OpenSSL calls an answer that is no TLS
_PLAIN: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})
_PROXY_HELP: Final = "the environment names it (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY); NO_PROXY names the hosts that are reached without one"


class Unreached(Struct, frozen=True):
    """`again`: the next try may fare better."""

    why: str
    hint: str
    again: bool = True


def explain(error: Exception, url: str) -> Unreached:
    """Of an attempt to connect to `url` that failed."""
    why, hint = certificates.refused(error)
    if why:
        return Unreached(why, hint, again=False)
    said = str(error) or type(error).__name__
    if any(isinstance(e, ssl.SSLError) and e.reason in _PLAIN for e in _causes(error)):
        return Unreached(
            f"what answers there speaks no TLS ({said})",
            "see that the target's `url` and its port are right: is it http, not https?",
            again=False,
        )
    if proxy := proxy_for(url):
        return Unreached(f"the proxy {proxy} did not lead there: {said}", _PROXY_HELP)
    if any(isinstance(e, socket.gaierror) for e in _causes(error)):
        return Unreached(said, "see that the target's `url` is right, and that this machine can look up names")
    return Unreached(said, "see that the target's `url` is right, that the system runs, and that this machine may reach it")


def proxy_for(url: str) -> str:
    """The proxy that the environment names for `url`, without its password; empty: none."""
    from urllib.request import getproxies, proxy_bypass

    scheme, _, rest = url.partition("://")
    named = getproxies()
    found = named.get(scheme) or named.get("all") or ""
    return "" if not found or proxy_bypass(rest.partition("/")[0]) else _shown(found)


def _shown(proxy: str) -> str:
    address = proxy if "://" in proxy else f"http://{proxy}"
    return origin_of(without_password(address))


def no_proxy(error: Exception, url: str) -> tuple[str, str]:
    """Message and hint where the proxy that the environment names is none that can be used."""
    proxy = proxy_for(url)
    what = f"cannot use the proxy {proxy} that the environment names" if proxy else "cannot use the proxies that the environment names"
    if isinstance(error, ImportError):
        return f"{what}: SOCKS needs another package", "pip install 'httpx[socks]', or name an HTTP proxy: HTTPS_PROXY=http://HOST:PORT"
    return what, "write it as http://HOST:PORT, or unset it: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
