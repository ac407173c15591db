"""The admin API as a process: what `orgform serve` does between its first and its last line.

Invariant: whatever can fail at start fails before anybody can connect; the first signal ends the process when all that was begun is
finished, the second one at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

import sqlalchemy as sa
import uvicorn

from orgform.codec import Struct
from orgform.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, OrgformError, UsageError
from orgform.kinds import Kinds
from orgform.redaction import keep_secret
from orgform.server import listen, tables, wire
from orgform.server.app import LARGEST_BODY, create_app, default_caller
from orgform.server.door import Identify
from orgform.server.health import public_routes
from orgform.server.limits import Limiter, limited
from orgform.server.log import Log
from orgform.server.observe import Metrics, Observer
from orgform.server.store import Store
from orgform.server.sweep import sweeping
from orgform.server.tokens import identify_by_token
from orgform.server.verification import Resolver

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# A server lives long, unlike a command: garbage is looked for more often than a command does, and not among what is there from the start.
_GARBAGE = (20_000, 20, 50)


class Settings(Struct, frozen=True):
    """What `orgform serve` was told. `rate_limit`: requests a minute for each token; `largest_body`: bytes; `grace`: seconds.

    `by_environment`: the database was named by ORGFORM_DATABASE, so that hints need not name it.
    """

    database: str = "orgform.db"
    host: str = "127.0.0.1"
    port: int = 8080
    without_tokens: bool = False
    rate_limit: int | None = None
    largest_body: int = LARGEST_BODY
    invite: bool = False
    resolver: str | None = None
    grace: float = 30
    log_format: str = "json"
    by_environment: bool = False


def serve(settings: Settings, kinds: Kinds, *, announce: Callable[[str], None]) -> int:
    """Serves until a signal comes; the exit code. `announce` gets one line when it listens.

    Raises `UsageError`, `ListenError` and `StoreError` before that.
    """
    _keep_password(settings.database)
    resolver = _resolver(settings.resolver)
    addresses = listen.addresses_of(settings.host, settings.port)
    if settings.without_tokens and not listen.is_loopback(addresses):
        raise UsageError(
            f"--without-tokens with --host {settings.host}: anybody who reaches it could change everything",
            hint="make a token with `orgform token create` and leave out --without-tokens, or listen on 127.0.0.1",
        )
    with closing(Store(settings.database)) as store, listen.bound(settings.host, settings.port, addresses) as sockets:
        with store.transaction():
            pass  # opened, made or brought up to date before anybody can connect
        log = Log(settings.log_format)
        if not settings.without_tokens and not _has_tokens(store):
            log.write("no-tokens", message=_token_hint(settings, store))
        app = application(store, settings, kinds, log, resolver, stopping=lambda: server.should_exit)
        server = _Server(app, log, settings.grace, lambda: announce(_first_line(settings, store, sockets)))
        with log.collecting(), server.signals(), sweeping(store, kinds, log):
            listen.listen(settings.host, settings.port, sockets)
            server.run(sockets)
    return EXIT_OK


def application(store: Store, settings: Settings, kinds: Kinds, log: Log, resolver: Resolver, *, stopping: Callable[[], bool]) -> Observer:
    """The whole application as a process serves it. `stopping`: whether the process is about to end."""
    identify: Identify = default_caller if settings.without_tokens else identify_by_token(store)
    if settings.rate_limit:
        identify = limited(identify, Limiter(store, settings.rate_limit))
    metrics = Metrics(store.connections_in_use)
    app = create_app(
        store,
        kinds,
        identify=identify,
        invite=settings.invite,
        largest_body=settings.largest_body,
        public=public_routes(store, metrics, stopping),
        resolver=resolver,
    )
    return Observer(app, log, metrics, collections=[kind.api for kind in kinds.values()], stopping=stopping)


def _resolver(where: str | None) -> Resolver:
    try:
        return Resolver(where)
    except OrgformError as e:
        raise UsageError(e.message, hint=e.hint) from e


def _keep_password(database: str) -> None:
    """From now on no error and no log line shows it."""
    with suppress(sa.exc.ArgumentError, ValueError):
        keep_secret(sa.make_url(database).password or "")


def _has_tokens(store: Store) -> bool:
    with store.reading() as connection:
        return connection.execute(sa.select(tables.tokens.c.id).limit(1)).first() is not None


def _token_hint(settings: Settings, store: Store) -> str:
    hidden = "://" in store.name and store.name != settings.database  # a password, or a query that says where it is
    database = "" if settings.by_environment or hidden else f" --database {shlex.quote(store.name)}"
    make = "make one, with the server's URL in ORGFORM_DATABASE" if hidden and not settings.by_environment else "make one"
    return f"there are no tokens, so nobody may ask anything; {make}: orgform token create{database} --company default --scope write"


def _first_line(settings: Settings, store: Store, sockets: list[socket.socket]) -> str:
    """Scripts read it: the address is its third word."""
    how = " (company default, without tokens)" if settings.without_tokens else ""
    return f"orgform serves {listen.url_of(settings.host, sockets)}{how} on {store.name}\n"


class _Server(uvicorn.Server):
    """uvicorn's, with signals, first line and last wait of our own."""

    def __init__(self, observer: Observer, log: Log, grace: float, announce: Callable[[], None]) -> None:
        super().__init__(_config(observer))
        self.log = log
        self.grace = grace
        self.announce = announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
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
        gc.freeze()
        gc.set_threshold(*_GARBAGE)
        self.announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.log.write("stopping", in_flight=len(self.server_state.tasks), grace=f"{self.grace:g} s")
        last = asyncio.get_running_loop().call_later(self.grace, self._cut_off)
        await super().shutdown(sockets)
        last.cancel()
        self.log.write("stopped")

    def _cut_off(self) -> None:
        """Threads cannot be ended, so the process is; what they have not committed is undone by the database."""
        self.log.write("cut-off", in_flight=len(self.server_state.tasks), grace=f"{self.grace:g} s")
        os._exit(EXIT_FAILED)


def _config(observer: Observer) -> uvicorn.Config:
    protocol = type("Protocol", (wire.Protocol,), {"observer": observer})
    return uvicorn.Config(
        observer,
        loop="asyncio",
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        workers=1,
        server_header=False,
        backlog=listen.BACKLOG,
        timeout_keep_alive=wire.KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=wire.LARGEST_HEAD,
    )
