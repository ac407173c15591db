"""Where requests may go: paths and links to URLs, and no further than that.

Invariant: what leaves here is on the session's own origin, or on a host that the provider's code names, by the same scheme and port, and
holds no user name or password but the base URL's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import httpx

from orgform.errors import ReadFailed
from orgform.providers.http.refusals import HttpError
from orgform.urls import origin_of

# Whoever writes many things asks for the same collection again and again.
_KNOWN = 256


class Links:
    """Of one base URL. `hosts`: as `ProviderSpec.hosts` has them. `resolve(path)` gives the URL of a path relative to the base, or of a
    link; raises `HttpError` where it would lead away."""

    def __init__(self, base_url: str, hosts: Iterable[str]) -> None:
        self.base = _parsed(base_url)
        self.origin = origin(self.base)
        self._hosts = tuple(_host_pattern(host) for host in hosts)
        self.resolve = lru_cache(_KNOWN)(self._resolved)

    def _resolved(self, path: str) -> httpx.URL:
        return self.follow(path.removeprefix("/") if not path.startswith("//") else path, self.base)

    def follow(self, link: str, at: httpx.URL) -> httpx.URL:
        """Where a link that stands at `at` leads. Raises `HttpError` where that is away from here."""
        try:
            url = at.join(link)
        except (httpx.InvalidURL, ValueError) as e:
            raise HttpError(f"{self.origin} gave a link that is no URL: {e}") from e
        if not self._is_ours(url):
            raise HttpError(
                f"{self.origin} sent us on to {origin(url)}, which was not followed", hint="set the target's `url` to where the API is"
            )
        if url.userinfo and url.userinfo != self.base.userinfo:
            # It would take the place of the token.
            raise HttpError(f"{self.origin} gave a link with a user name or a password in it, which was not followed")
        return url

    def _is_ours(self, url: httpx.URL) -> bool:
        """Never by another scheme or port: a token that went by TLS goes by nothing else."""
        if origin(url) == self.origin:
            return True
        alike = (url.scheme, url.port) == (self.base.scheme, self.base.port)
        return alike and any(_is_named(url.raw_host.decode("ascii"), pattern) for pattern in self._hosts)


def _parsed(base_url: str) -> httpx.URL:
    try:
        return httpx.URL(base_url.rstrip("/") + "/")
    except httpx.InvalidURL as e:
        raise ReadFailed(f"{base_url!r} is no address: {e}", hint="write it as https://api.acme.example") from None


def origin(url: httpx.URL) -> str:
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
