"""What is to be seen of every request: a line in the log, a count in the metrics, an id in the answer.

Invariant: neither log nor metrics hold what a query, a header or a body said, and observing never changes what a request does. Metrics
carry no company and no token: their number would grow with the customers, and anybody may read them.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, generate_latest

from orgform import __version__
from orgform.server.door import CALLER, MORE_HEADERS, REQUEST_ID, failed, problem_response
from orgform.server.log import Log, path_text
from orgform.server.problems import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNROUTED = "(none)"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE"})
_SANE_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")
# From a cached answer to a batch of a thousand.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


# Where its body ends is told in two ways: who stands before us may have taken the other one, and the rest for a request of its own.
_TWO_LENGTHS = problem_response(
    Problem(400, "http", "a body has a Content-Length or, in HTTP/1.1, a Transfer-Encoding", headers={"connection": "close"})
)


class Metrics:
    """Counters of one process, in Prometheus's text form. `connections`: how many of the database's are in use."""

    def __init__(self, connections: Callable[[], float] | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter was made is of no use, and doubles their number
        registry = self._registry = CollectorRegistry()
        self.requests = Counter("orgform_requests", "Requests that were answered.", ("method", "route", "status"), registry=registry)
        self.seconds = Histogram(
            "orgform_request_seconds", "Time from a request's head to its answer.", ("method", "route"), buckets=_SECONDS, registry=registry
        )
        self.in_flight = Gauge("orgform_requests_in_flight", "Requests that are being answered.", registry=registry)
        self.received = Counter("orgform_received_bytes", "Bytes of bodies that came in.", registry=registry)
        self.sent = Counter("orgform_sent_bytes", "Bytes of bodies that went out.", registry=registry)
        Gauge("orgform_build_info", "The version that runs.", ("version",), registry=registry).labels(__version__).set(1)
        if connections:
            used = Gauge("orgform_database_connections_in_use", "Connections to the database that are in use.", registry=registry)
            used.set_function(connections)
        ProcessCollector(registry=registry)
        # Looked up once: as many as there are numbers to be seen.
        self.of = lru_cache(None)(self._of)

    def _of(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class Seen:
    """One request on its way. Sizes are those of bodies."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.id = _request_id(scope)
        self.started = time.perf_counter()
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started


class Observer:
    """ASGI middleware around the whole application.

    `collections`: what may stand for `{collection}` in the metrics. `stopping`: whether the server finishes; clients are told to
    connect elsewhere then.
    """

    def __init__(self, app: App, log: Log, metrics: Metrics, *, collections: Collection[str], stopping: Callable[[], bool]) -> None:
        self.app = app
        self.log = log
        self.metrics = metrics
        self.collections = frozenset(collections)
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = Seen(scope)
        scope[REQUEST_ID] = seen.id
        scope[MORE_HEADERS] = {"x-request-id": seen.id}

        async def received() -> Message:
            message = await receive()
            seen.bytes_in += len(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._headers(scope)]
            seen.bytes_out += len(message.get("body", b""))
            await send(message)

        with self.metrics.in_flight.track_inprogress():
            try:
                await (_TWO_LENGTHS if _is_ambiguous(scope) else self.app)(scope, received, sent)
            except Exception:
                answer = failed(scope)
                if not seen.status:
                    await answer(scope, received, sent)
            finally:
                self._account(seen)

    def _headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        more = scope[MORE_HEADERS] | ({"connection": "close"} if self.stopping() else {})
        return [(name.encode(), value.encode()) for name, value in more.items()]

    def refused(self, problem: Problem, client: tuple[str, int] | None) -> None:
        """Something came that is no request; it was answered with `problem`."""
        self.metrics.requests.labels("other", UNROUTED, str(problem.status)).inc()
        self.log.write("request", status=problem.status, error=problem.code, address=client[0] if client else None)

    def _account(self, seen: Seen) -> None:
        scope = seen.scope
        route, method = self._route(scope), scope["method"] if scope["method"] in _METHODS else "other"
        requests, seconds = self.metrics.of(method, route, seen.status)
        requests.inc()
        seconds.observe(seen.seconds)
        self.metrics.received.inc(seen.bytes_in)
        self.metrics.sent.inc(seen.bytes_out)
        caller = scope.get(CALLER)
        client = scope.get("client")
        self.log.write(
            "request",
            id=seen.id,
            method=scope["method"],
            path=path_text(scope.get("raw_path", scope["path"].encode()).decode("ascii", "backslashreplace")),
            route=route,
            status=seen.status,
            ms=round(seen.seconds * 1000, 1),
            bytes_in=seen.bytes_in,
            bytes_out=seen.bytes_out,
            company=caller.company if caller else None,
            token=(caller.token or None) if caller else None,
            client=(caller.client or None) if caller else None,
            address=client[0] if client else None,
        )

    def _route(self, scope: Scope) -> str:
        """The route's template, with the collection's name where there is such a collection."""
        route = getattr(scope.get("route"), "path", UNROUTED).replace("{key:path}", "{key}")
        collection = scope.get("path_params", {}).get("collection")
        return route.replace("{collection}", collection) if collection in self.collections else route


def _is_ambiguous(scope: Scope) -> bool:
    """RFC 9112, 6.1."""
    lengths = {name for name, _ in scope["headers"]} & {b"transfer-encoding", b"content-length"}
    return len(lengths) == 2 or (b"transfer-encoding" in lengths and scope["http_version"] == "1.0")


def _request_id(scope: Scope) -> str:
    """The one that the client gave, if it is a harmless word; else one of our own."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _SANE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"  # nobody has to guess it
