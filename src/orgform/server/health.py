"""The routes that nobody needs a token for: does the process live, can it serve, what has it counted.

Invariant: what they say holds nothing of any company, and nothing of where the database is. They answer soon, whatever the database
does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from orgform.server.answers import JSON
from orgform.server.door import LOGGER, public_route
from orgform.server.observe import METRICS_TYPE, Metrics
from orgform.server.problems import Problem
from orgform.server.store import Store, StoreError

# The first who asks of a database that hangs waits so long, the others no longer at all.
_ANSWER_SECONDS = 2.0
_RETRY = {"retry-after": "1"}


class Readiness:
    """Asks the database, one question at a time: who asks meanwhile gets the same answer.

    In a thread that ends with the process: a database that hangs must not keep the server from stopping.
    """

    def __init__(self, store: Store, stopping: Callable[[], bool]) -> None:
        self.store = store
        self.stopping = stopping
        self._asked: asyncio.Future[None] | None = None
        self._until = 0.0

    async def check(self) -> None:
        """Raises a 503 `Problem` where the server cannot serve."""
        if self.stopping():
            raise Problem(503, "stopping", "the server is stopping", headers=_RETRY)
        loop = asyncio.get_running_loop()
        if self._asked is None or self._asked.done():
            self._asked = loop.create_future()
            self._until = loop.time() + _ANSWER_SECONDS
            threading.Thread(target=self._ask, args=(loop, self._asked), name="readyz", daemon=True).start()
        try:
            await asyncio.wait_for(asyncio.shield(self._asked), max(0, self._until - loop.time()))
        except TimeoutError:
            raise _not_ready("the database does not answer") from None
        except StoreError as e:
            raise _not_ready(e.message) from None

    def _ask(self, loop: asyncio.AbstractEventLoop, asked: asyncio.Future[None]) -> None:
        try:
            self.store.ready()
        except StoreError as e:
            answer = partial(_fail, asked, e)
        else:
            answer = partial(asked.set_result, None)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(answer)


def _fail(asked: asyncio.Future[None], error: StoreError) -> None:
    asked.set_exception(error)
    asked.exception()  # whoever asked may have stopped waiting


def _not_ready(why: str) -> Problem:
    """The log says why; who is outside need not know where the database is."""
    LOGGER.warning("not ready: %s", why)
    return Problem(503, "not-ready", "the database cannot be used just now", headers=_RETRY)


def public_routes(store: Store, metrics: Metrics, stopping: Callable[[], bool]) -> list[Route]:
    """`/healthz`, `/readyz`, `/metrics`."""
    readiness = Readiness(store, stopping)

    async def lives(http: HttpRequest) -> Response:
        return Response(b'{"status":"ok"}', media_type=JSON)

    async def ready(http: HttpRequest) -> Response:
        await readiness.check()
        return Response(b'{"status":"ready"}', media_type=JSON)

    async def counted(http: HttpRequest) -> Response:
        return Response(metrics.text(), media_type=METRICS_TYPE)

    return [public_route("/healthz", lives), public_route("/readyz", ready), public_route("/metrics", counted)]
