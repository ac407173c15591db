"""The admin API as an ASGI application: HTTP in, HTTP out.

Invariant: every answer, also for what was never routed, is JSON or a problem; what a client sends never makes a 5xx.
Which company a request is about, and who asks, is decided in one place: the `identify` that the application is made with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from orgform.kinds import Kinds
from orgform.server.answers import Answer
from orgform.server.problems import MEDIA_TYPE, Problem
from orgform.server.service import Request, Service
from orgform.server.store import Store, StoreError
from orgform.server.work import Caller

LARGEST_BODY = 16 * 1024 * 1024
_MEDIA_TYPES = ("application/json", "application/merge-patch+json")
_ACCEPTED = {"accept-patch": ", ".join(_MEDIA_TYPES)}
LOGGER = logging.getLogger("orgform.server")

Identify = Callable[[HttpRequest], Caller]
Handler = Callable[[Request], Answer]


def create_app(
    store: Store,
    kinds: Kinds,
    *,
    identify: Identify | None = None,
    invite: bool = False,
    inline: bool = False,
    largest_body: int = LARGEST_BODY,
) -> Starlette:
    """The application over `store`.

    `identify` tells company and actor of a request (default: the company `default`). `invite`: new members are invited until they
    accept; otherwise active at once. `inline`: handlers run in the event loop's own thread and never wait, which lets
    `providers.http.InProcessTransport` drive the application without an event loop; a server leaves it off.
    """
    service = Service(store, kinds, invite=invite)
    door = _Door(identify or default_caller, inline=inline, largest_body=largest_body)
    collection = {"GET": service.list_resources, "POST": service.create_resource}
    single = {"GET": service.get_resource, "PATCH": service.update_resource, "DELETE": service.delete_resource}
    routes = [
        door.route("/v1/batch", {"POST": service.batch}),
        door.route("/v1/audit-events", {"GET": service.list_audit_events}),
        door.route("/v1/{collection}", collection),
        door.route("/v1/{collection}/{key:path}", single),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_routed})
    app.router.redirect_slashes = False
    return app


def default_caller(request: HttpRequest) -> Caller:
    """One company, nobody in particular."""
    return Caller("default", "anonymous", client_of(request.headers))


def client_of(headers: Mapping[str, str]) -> str:
    return "".join(c for c in headers.get("user-agent", "") if c.isprintable())[:200]


class _Door:
    """Makes routes of handlers: reads the request, calls the handler of its method, writes the answer."""

    def __init__(self, identify: Identify, *, inline: bool, largest_body: int) -> None:
        self.identify = identify
        self.inline = inline
        self.largest_body = largest_body

    def route(self, path: str, handlers: Mapping[str, Handler]) -> Route:
        allowed = ", ".join(["OPTIONS", *(["HEAD"] if "GET" in handlers else []), *handlers])

        async def endpoint(http: HttpRequest) -> Response:
            try:
                return await self._answered(http, handlers, allowed)
            except Problem as e:
                return _problem_response(e)
            except StoreError as e:
                return _problem_response(_store_problem(e))
            except Exception:
                if self.inline:
                    raise  # to who called, in the same process
                LOGGER.exception("%s %s failed", http.method, http.url.path)
                return _problem_response(Problem(500, "internal", "the server failed; its log says how"))

        route = Route(path, endpoint, methods=None)
        route.methods = None  # every method comes to the endpoint, which answers 405 itself
        return route

    async def _answered(self, http: HttpRequest, handlers: Mapping[str, Handler], allowed: str) -> Response:
        if http.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": allowed})
        handler = handlers.get("GET" if http.method == "HEAD" else http.method)
        if handler is None:
            raise Problem(405, "method-not-allowed", f"{http.method} is not possible here; {allowed} are", headers={"allow": allowed})
        request = await self._read(http)
        answer = handler(request) if self.inline else await run_in_threadpool(handler, request)
        response = Response(answer.body, answer.status, answer.headers, answer.media_type if answer.body else None)
        if http.method == "HEAD":
            response.body = b""
        return response

    async def _read(self, http: HttpRequest) -> Request:
        body = await self._body(http)
        _check_media_type(http, body)
        headers = http.headers
        return Request(
            caller=self.identify(http),
            method=http.method,
            collection=http.path_params.get("collection", ""),
            key=http.path_params.get("key", ""),
            query=tuple(http.query_params.multi_items()),
            body=body,
            if_match=headers.get("if-match"),
            if_none_match=headers.get("if-none-match"),
            idempotency_key=headers.get("idempotency-key"),
        )

    async def _body(self, http: HttpRequest) -> bytes:
        announced = http.headers.get("content-length", "")
        if announced.isdigit() and int(announced[:20]) > self.largest_body:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async for part in http.stream():
                size += len(part)
                if size > self.largest_body:
                    raise self._too_large()
                parts.append(part)
        except ClientDisconnect as e:
            raise Problem(400, "cut-off", "the request ended before its body did") from e
        return b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(413, "body-too-large", f"a body has at most {self.largest_body} bytes", headers={"connection": "close"})


def _check_media_type(http: HttpRequest, body: bytes) -> None:
    given = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and given not in _MEDIA_TYPES:
        raise Problem(415, "media-type", f"the body is to be application/json, not {given or 'of no type'}", headers=_ACCEPTED)


def _store_problem(error: StoreError) -> Problem:
    if error.busy:
        return Problem(503, "busy", error.message, headers={"retry-after": "1"})
    return Problem(500, "storage-lost" if error.lost else "storage", error.message)


def _problem_response(problem: Problem) -> Response:
    return Response(problem.body(), problem.status, problem.headers, MEDIA_TYPE)


async def _not_routed(http: HttpRequest, error: Exception) -> Response:
    return _problem_response(Problem(404, "no-such-route", f"there is nothing at {http.url.path}"))
