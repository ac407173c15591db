"""Wrong tokens: who sends many waits longer and longer, and whoever tries to guess the secret of a token is in its company's audit log.

Invariant: a right token is never slowed and never refused by this, wherever it comes from: an address may be a proxy that many share.
Counted by each process for itself. What is remembered of strangers is bounded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from orgform.server.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

MINUTE = 60
#: wrong tokens in a minute from one address: so many are answered at once, and after so many nothing is said but to wait
FREE, MOST = 5, 60
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
MOST_ADDRESSES = 10_000


class Guesses:
    """Wrong tokens of the running minute. `clock`: seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._minute = 0
        self._by_address: dict[str, int] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def slowed(self, request: HttpRequest, problem: Problem) -> Problem:
        """The refusal of a wrong token, as late and as short as this address has come to deserve."""
        at = self._clock()
        number = self._count(request.client.host if request.client else "", at)
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(number - FREE, 10)) if number > FREE else 0.0
        if number > MOST:
            wait = str(max(1, int(MINUTE - at % MINUTE)))
            problem = Problem(429, "too-many-wrong-tokens", "too many wrong tokens came from this address", headers={"retry-after": wait})
        problem.delay = delay
        return problem

    def first(self, id: str) -> bool:
        """Whether this is the first wrong secret for a token in this minute."""
        with self._lock:
            self._turn_over(self._clock())
            first = id not in self._told
            self._told.add(id)
        return first

    def _count(self, address: str, at: float) -> int:
        with self._lock:
            self._turn_over(at)
            if len(self._by_address) >= MOST_ADDRESSES and address not in self._by_address:
                return FREE  # so many at once are no person's mistakes, but whose they are cannot be kept
            self._by_address[address] = self._by_address.get(address, 0) + 1
            return self._by_address[address]

    def _turn_over(self, at: float) -> None:
        if int(at // MINUTE) != self._minute:
            self._minute = int(at // MINUTE)
            self._by_address, self._told = {}, set()
