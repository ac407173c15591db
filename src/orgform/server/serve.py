"""The admin API as a process: what `orgform serve` does between its first and its last line.

Invariant: whatever can fail at start fails before anybody can connect; the first signal ends the process when all that was begun is
finished, the second one at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from orgform.codec import Struct
from orgform.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, UsageError
from orgform.kinds import Kinds
from orgform.server import listen
from orgform.server.app import LARGEST_BODY, create_app
from orgform.server.store import Store

if TYPE_CHECKING:
    from orgform.server.door import Identify

LOGGER = logging.getLogger("orgform.server")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Settings(Struct, frozen=True):
    """What `orgform serve` was told. `rate_limit`: requests a minute for each token; `largest_body`: bytes; `grace`: seconds."""

    database: str = "orgform.db"
    host: str = "127.0.0.1"
    port: int = 8080
    without_tokens: bool = False
    rate_limit: int | None = None
    largest_body: int = LARGEST_BODY
    invite: bool = False
    resolver: str = ""
    grace: float = 30
    log_format: str = "json"


def serve(settings: Settings, kinds: Kinds, *, announce: Callable[[str], None]) -> int:
    """Serves until a signal comes; the exit code. `announce` is called with one line when it listens.

    Raises `UsageError`, `ListenError` and `StoreError` before that.
    """
    addresses = listen.addresses_of(settings.host, settings.port)
    if settings.without_tokens and not listen.is_loopback(addresses):
        raise UsageError(
            f"without tokens anybody who reaches {settings.host} could change everything",
            hint="leave out --without-tokens and make a token with `orgform token create`, or listen on 127.0.0.1",
        )
    sockets = listen.bound(settings.host, settings.port, addresses)
    with closing(Store(settings.database)) as store:
        with store.transaction():
            pass
        server = _Server(store, settings, kinds, lambda: announce(_first_line(settings, store, sockets)))
        with server.signals():
            listen.listen(settings.host, settings.port, sockets)
            server.run(sockets)
    return EXIT_OK


def _first_line(settings: Settings, store: Store, sockets: list[socket.socket]) -> str:
    """Scripts read it: the address is its third word."""
    how = " (company default, without tokens)" if settings.without_tokens else ""
    return f"orgform serves {listen.url_of(settings.host, sockets)}{how} on {store.name}\n"


def _identify(settings: Settings, store: Store) -> Identify | None:
    if settings.without_tokens:
        return None
    from orgform.server.tokens import identify_by_token

    return identify_by_token(store)


class _Server(uvicorn.Server):
    def __init__(self, store: Store, settings: Settings, kinds: Kinds, announce: Callable[[], None]) -> None:
        app = create_app(store, kinds, identify=_identify(settings, store), invite=settings.invite, largest_body=settings.largest_body)
        super().__init__(_config(app))
        self.grace = settings.grace
        self.announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        """Ours are there already, from before the first connection."""
        yield

    @contextmanager
    def signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._asked_to_stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(EXIT_INTERRUPTED)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(self.grace, self._cut_off)
        await super().shutdown(sockets)

    def _cut_off(self) -> None:
        """Threads cannot be ended, so the process is; what they have not committed is undone by the database."""
        LOGGER.error("%d requests were cut off: they took longer than the grace of %g s", len(self.server_state.tasks), self.grace)
        os._exit(EXIT_FAILED)


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        workers=1,
        server_header=False,
        backlog=listen.BACKLOG,
    )
