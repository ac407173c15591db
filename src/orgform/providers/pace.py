"""Leaves a part of a live system's quota to others: whoever asks too fast waits, before the request and not after a refusal.

Invariant: what the system itself says of its quota decides (`RateLimit-*` headers of its answers, whoever used it up); before it says
anything, what its provider declares. Without a reserve nothing is ever held back here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

MINUTE = 60.0


class Pace:
    """Requests a minute of one session. `reserve`: percent of the quota that others may use. `limit`: requests a minute that the provider
    declares; None where it declares none. Safe to use from several threads."""

    def __init__(
        self,
        reserve: float,
        limit: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reserve = reserve
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._limit = limit
        self._left = limit or 0
        self._until = clock() + MINUTE

    def wait(self) -> None:
        """Before a request: until there is more than what is left to others."""
        while self._reserve and (seconds := self._take()) > 0:
            self._sleep(seconds)

    def told(self, headers: Mapping[str, str]) -> None:
        """What an answer says of the quota."""
        if "ratelimit-limit" not in headers:
            return
        limit, left, reset = (number(headers.get(f"ratelimit-{name}")) for name in ("limit", "remaining", "reset"))
        if not limit or left is None:
            return
        with self._lock:
            at = self._clock()
            fresh = self._limit is None or at >= self._until
            self._limit = limit
            # Answers of several threads come in any order: within one window the smallest number is the newest.
            self._left = left if fresh else min(left, self._left)
            self._until = at + min(reset if reset is not None else MINUTE, MINUTE) if fresh else self._until

    def _take(self) -> float:
        """Takes one request out of what we may use; else seconds to wait."""
        with self._lock:
            at = self._clock()
            if self._limit is None:
                return 0.0
            if at >= self._until:
                self._left, self._until = self._limit, at + MINUTE
            if self._left > self._kept():
                self._left -= 1
                return 0.0
            return self._until - at

    def _kept(self) -> int:
        """Requests of a window that are left to others; one of them is always ours."""
        return min(int((self._limit or 0) * self._reserve / 100), (self._limit or 1) - 1)


def number(text: str | None, digits: int = 9) -> int | None:
    """A header's whole number, of so many digits at most; None where it is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= digits else None
