"""Requests a minute for each token.

Invariant: processes that share one PostgreSQL share one count; with SQLite each process has its own. A count that cannot be kept
(the database is in trouble) lets the request pass: whatever the request needs the database for will tell.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from orgform.codec import Struct
from orgform.server.door import CALLER, LOGGER, MORE_HEADERS, check_scope
from orgform.server.problems import Problem
from orgform.server.store import Store, StoreError
from orgform.server.tables import request_counts

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

    from orgform.server.door import Identify
    from orgform.server.work import Caller

MINUTE = 60

# The minute is the database's own: processes on several machines agree. A count that a crash loses does no harm, so nobody waits for
# the disk.
_COUNT = sa.text(
    "INSERT INTO request_counts (token, minute, requests)"
    " SELECT :token, floor(extract(epoch FROM now()) / 60)::bigint, 1 FROM set_config('synchronous_commit', 'off', true)"
    " ON CONFLICT (token, minute) DO UPDATE SET requests = request_counts.requests + 1"
    " RETURNING requests, extract(epoch FROM now())::double precision"
)


class Count(Struct, frozen=True):
    """How many requests a token made in the minute that `at` (seconds since 1970) is in."""

    requests: int
    at: float

    @property
    def minute(self) -> int:
        return int(self.at // MINUTE)

    @property
    def seconds_left(self) -> int:
        """Whole seconds until the next minute, at least one."""
        return max(1, -int(-((self.minute + 1) * MINUTE - self.at) // 1))


class Limiter:
    """At most `limit` requests a minute for each token. `clock`: seconds since 1970, where the database has none of its own."""

    def __init__(self, store: Store, limit: int, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.limit = limit
        self.clock = clock
        with store.transaction() as connection:
            self._shared = connection.dialect.name == "postgresql"
        self._counts: dict[str, int] = {}
        self._minute = 0
        self._lock = threading.Lock()

    def admit(self, token: str) -> dict[str, str]:
        """Headers that say how much is left. Raises a 429 `Problem`."""
        try:
            count = self._counted_together(token) if self._shared else self._counted_here(token)
        except StoreError as e:
            LOGGER.warning("a request could not be counted: %s", e.message)
            return {}
        left = max(0, self.limit - count.requests)
        headers = {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(left),
            "ratelimit-reset": str(count.seconds_left),
        }
        if count.requests > self.limit:
            detail = f"this token may make {self.limit} requests a minute; wait {count.seconds_left} s"
            raise Problem(429, "rate-limited", detail, headers={**headers, "retry-after": str(count.seconds_left)})
        return headers

    def _counted_here(self, token: str) -> Count:
        with self._lock:
            count = Count(0, self.clock())
            if self._new_minute(count.minute):
                self._counts.clear()
            self._counts[token] = self._counts.get(token, 0) + 1
            return Count(self._counts[token], count.at)

    def _counted_together(self, token: str) -> Count:
        with self.store.transaction() as connection:
            requests, at = connection.execute(_COUNT, {"token": token}).one()
        count = Count(requests, at)
        with self._lock:
            new = self._new_minute(count.minute)
        if new:
            self._forget_before(count.minute)
        return count

    def _forget_before(self, minute: int) -> None:
        """What is over is of no use; the minute before is left alone, another process may still be in it."""
        with self.store.transaction() as connection:
            connection.execute(sa.delete(request_counts).where(request_counts.c.minute < minute - 1))

    def _new_minute(self, minute: int) -> bool:
        new, self._minute = minute != self._minute, minute
        return new


def limited(identify: Identify, limiter: Limiter) -> Identify:
    """`identify` that counts whom it found. A request that is refused for another reason does not count."""

    def identified(http: HttpRequest) -> Caller:
        caller = identify(http)
        check_scope(http, caller)
        http.scope[CALLER] = caller
        http.scope.setdefault(MORE_HEADERS, {}).update(limiter.admit(caller.token))
        return caller

    return identified
