"""From HTTP to values and back: what every route of the admin API has in common.

Invariant: every answer is JSON or a problem; what a client sends never makes a 5xx. What a request costs grows in this order: is there
such a route and method, who asks and may they, is the body small enough and of a known type, and only then what it says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from orgform.server.answers import Answer
from orgform.server.log import path_text
from orgform.server.problems import MEDIA_TYPE, Problem
from orgform.server.requests import Request
from orgform.server.store import StoreError
from orgform.server.threads import Begun, Threads, run_here
from orgform.server.work import Caller

_MEDIA_TYPES = ("application/json", "application/merge-patch+json")
_ACCEPTED = {"accept-patch": ", ".join(_MEDIA_TYPES)}
_UNPACKED = {"accept-encoding": "identity"}
_STORE_DETAILS = {
    "busy": "the server's database cannot be had just now; try again",
    "lost": "the server lost its database on the way: whether this was done is not known",
    "failed": "the server's database failed; nothing was done, and the server's log says why",
}
_READING = frozenset({"GET", "HEAD"})
#: where a request's scope holds its caller once it is known, for logs and counters
CALLER = "orgform.caller"
#: where it is true if the whole body came with the head: nothing of it has to be waited for, and it is small
AT_HAND = "orgform.at_hand"
#: where it holds headers (a dict of texts) that whatever answer it gets has, too
MORE_HEADERS = "orgform.headers"
#: where it holds the id under which it stands in the log
REQUEST_ID = "orgform.request"
LOGGER = logging.getLogger("orgform.server")

#: Who asks. Raises a `Problem` (401, 403, 429). Called in a thread, before the body is waited for, and before it is looked at.
Identify = Callable[[HttpRequest], Caller]
#: Called in a thread.
Handler = Callable[[Request], Answer | Begun]


class Door:
    """Makes routes of handlers: reads the request, calls the handler of its method, writes the answer."""

    def __init__(self, identify: Identify, *, inline: bool, largest_body: int) -> None:
        self.identify = identify
        self.inline = inline
        self.largest_body = largest_body
        self._threads = Threads()

    def route(self, path: str, handlers: Mapping[str, Handler], *, public: bool = False) -> Route:
        """`public`: nobody has to identify."""
        identify = _anybody if public else self.identify
        allowed = _allowed(handlers)

        async def endpoint(http: HttpRequest) -> Response:
            try:
                return await self._answered(http, handlers, allowed, identify)
            except Problem as e:
                if e.delay and not self.inline:
                    await asyncio.sleep(e.delay)
                return problem_response(e)
            except StoreError as e:
                return problem_response(self._store_problem(http, e))
            except Exception:
                if self.inline:
                    raise  # to who called, in the same process
                return failed(http.scope)

        return _route(path, endpoint)

    async def _answered(self, http: HttpRequest, handlers: Mapping[str, Handler], allowed: str, identify: Identify) -> Response:
        if http.method == "OPTIONS":
            return _options(allowed)
        handler = handlers.get("GET" if http.method == "HEAD" else http.method)
        if handler is None:
            raise _no_such_method(http, allowed)
        if http.scope.get(AT_HAND):
            body = await self._body(http, most=None)
            answer = await self._run(lambda: handler(self._request(http, _admitted(identify, http), body)))
        else:
            caller = await self._run(lambda: _admitted(identify, http))
            body = await self._body(http, most=self.largest_body)
            answer = await self._run(lambda: handler(self._request(http, caller, body)))
        response = Response(answer.body, answer.status, answer.headers, answer.media_type if answer.body else None)
        if http.method == "HEAD":
            response.body = b""
        return response

    async def _run(self, function: Callable[[], Any]) -> Any:
        return run_here(function) if self.inline else await self._threads.run(function)

    def _request(self, http: HttpRequest, caller: Caller, body: bytes) -> Request:
        if len(body) > self.largest_body:
            raise self._too_large()
        _check_media_type(http, body)
        headers = http.headers
        return Request(
            caller=caller,
            method=http.method,
            collection=http.path_params.get("collection", ""),
            key=http.path_params.get("key", ""),
            query=tuple(http.query_params.multi_items()),
            body=body,
            if_match=headers.get("if-match"),
            if_none_match=headers.get("if-none-match"),
            idempotency_key=headers.get("idempotency-key"),
        )

    async def _body(self, http: HttpRequest, *, most: int | None) -> bytes:
        """`most`: bytes, where it is still on its way."""
        announced = http.headers.get("content-length", "") if most is not None else ""
        if announced.isdigit() and int(announced[:20]) > self.largest_body:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async for part in http.stream():
                size += len(part)
                if most is not None and size > most:
                    raise self._too_large()
                parts.append(part)
        except ClientDisconnect as e:
            raise Problem(400, "cut-off", "the request ended before its body did") from e
        return b"".join(parts)

    def _store_problem(self, http: HttpRequest, error: StoreError) -> Problem:
        """Where the database is, is no client's business: they are told what it means for them, the log the rest."""
        detail = error.message
        if not self.inline:
            LOGGER.error("%s", error.message, extra={"request": http.scope.get(REQUEST_ID)})
            detail = _STORE_DETAILS["lost" if error.lost else "busy" if error.busy else "failed"]
        if error.busy:
            return Problem(503, "busy", detail, headers={"retry-after": "1"})
        return Problem(500, "storage-lost" if error.lost else "storage", detail)

    def _too_large(self) -> Problem:
        return Problem(413, "body-too-large", f"a body has at most {self.largest_body} bytes")


def _anybody(http: HttpRequest) -> Caller:
    return Caller("", "anonymous", scope="read")


def _admitted(identify: Identify, http: HttpRequest) -> Caller:
    caller = http.scope[CALLER] = identify(http)
    check_scope(http, caller)
    return caller


def public_route(path: str, get: Callable[[HttpRequest], Awaitable[Response]]) -> Route:
    """A route that is only read, by anybody. `get` runs in the event loop and may raise a `Problem`."""
    allowed = _allowed(("GET",))

    async def endpoint(http: HttpRequest) -> Response:
        if http.method == "OPTIONS":
            return _options(allowed)
        try:
            if http.method not in _READING:
                raise _no_such_method(http, allowed)
            response = await get(http)
        except Problem as e:
            response = problem_response(e)
        if http.method == "HEAD":
            response.body = b""
        return response

    return _route(path, endpoint)


def failed(scope: Mapping[str, Any]) -> Response:
    """The answer where the server itself did something wrong. Called while the exception is handled: it is logged here."""
    LOGGER.exception("%s %s failed", scope["method"], path_text(scope["path"]), extra={"request": scope.get(REQUEST_ID)})
    return problem_response(Problem(500, "internal", "the server failed; its log says how"))


def _route(path: str, endpoint: Callable[[HttpRequest], Awaitable[Response]]) -> Route:
    route = Route(path, endpoint, methods=None)
    route.methods = None  # every method comes to the endpoint, which answers 405 itself
    return route


def _allowed(methods: Collection[str]) -> str:
    return ", ".join(["OPTIONS", *(["HEAD"] if "GET" in methods else []), *methods])


def _options(allowed: str) -> Response:
    return Response(status_code=204, headers={"allow": allowed})


def _no_such_method(http: HttpRequest, allowed: str) -> Problem:
    return Problem(405, "method-not-allowed", f"{http.method} is not possible here; {allowed} are", headers={"allow": allowed})


def check_scope(http: HttpRequest, caller: Caller) -> None:
    """Raises a 403 `Problem` where the caller may only read and this is more."""
    if caller.scope != "write" and http.method not in _READING:
        raise Problem(403, "scope", f"this token may read only; {http.method} needs one with the scope write")


def _check_media_type(http: HttpRequest, body: bytes) -> None:
    packed = [word for value in http.headers.getlist("content-encoding") for word in value.lower().split(",") if word.strip() != "identity"]
    if body and packed:
        raise Problem(415, "content-encoding", "the body is to come as it is, without a Content-Encoding", headers=_ACCEPTED | _UNPACKED)
    given = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and given not in _MEDIA_TYPES:
        raise Problem(415, "media-type", f"the body is to be application/json, not {given or 'of no type'}", headers=_ACCEPTED)


def problem_response(problem: Problem) -> Response:
    return Response(problem.body(), problem.status, problem.headers, MEDIA_TYPE)


async def not_routed(http: HttpRequest, error: Exception) -> Response:
    return problem_response(Problem(404, "no-such-route", f"there is nothing at {http.scope['path']}"))
