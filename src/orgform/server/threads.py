"""What must not hold up the event loop: done in threads, and its outcome brought back to the loop.

Invariant: whatever is run is answered, with a value or with what it raised. Outcomes of one moment wake the loop once: each time it is
woken costs all threads more than most requests do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from orgform.codec import Struct

#: threads of one process
MOST = 40


class Begun(Struct, frozen=True):
    """An answer that this thread or another one will give. `work` is to be called by who got this: others may depend on it. It returns
    when nothing is left to do, which may be long after the answer is there.
    """

    answer: Future[Any]
    work: Callable[[], None]


class Threads:
    """Runs functions of event loops in threads."""

    def __init__(self, most: int = MOST) -> None:
        self._pool = ThreadPoolExecutor(most, "orgform-request")
        self._mail: _Mail | None = None

    async def run(self, function: Callable[[], Any]) -> Any:
        """What it returns; of a `Begun`, its answer. Raises what either raises."""
        loop = asyncio.get_running_loop()
        mail = self._mail
        if mail is None or mail.loop is not loop:
            mail = self._mail = _Mail(loop)
        outcome: asyncio.Future[Any] = loop.create_future()
        self._pool.submit(_do, function, mail, outcome)
        return await outcome


def run_here(function: Callable[[], Any]) -> Any:
    """The same without a loop, in the thread that asks."""
    found = function()
    if not isinstance(found, Begun):
        return found
    found.work()
    return found.answer.result()


def _do(function: Callable[[], Any], mail: _Mail, outcome: asyncio.Future[Any]) -> None:
    try:
        found = function()
    except BaseException as e:
        mail.send(outcome, e)
        return
    if isinstance(found, Begun):
        found.answer.add_done_callback(lambda answer: mail.send(outcome, answer.exception() or answer.result()))
        found.work()
    else:
        mail.send(outcome, found)


class _Mail:
    """Outcomes on their way to one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._letters: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._called = False

    def send(self, outcome: asyncio.Future[Any], found: Any) -> None:
        """From any thread."""
        self._letters.append((outcome, found))
        if not self._called:
            self._called = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._called = False  # before looking: who sends from now on calls again
        while self._letters:
            outcome, found = self._letters.popleft()
            if outcome.done():  # nobody waits for it any more
                continue
            if isinstance(found, BaseException):
                outcome.set_exception(found)
            else:
                outcome.set_result(found)
