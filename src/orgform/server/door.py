"""From HTTP to values and back: what every route of the admin API has in common.

Invariant: every answer is JSON or a problem; what a client sends never makes a 5xx. What a request costs grows in this order: is there
such a route and method, who asks and may they, is the body small enough and of a known type, and only then what it says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from orgform.server.answers import Answer
from orgform.server.problems import MEDIA_TYPE, Problem
from orgform.server.requests import Request
from orgform.server.store import StoreError
from orgform.server.work import Caller

_MEDIA_TYPES = ("application/json", "application/merge-patch+json")
_ACCEPTED = {"accept-patch": ", ".join(_MEDIA_TYPES)}
_READING = frozenset({"GET", "HEAD"})
#: where a request's scope holds its caller once it is known, for logs and counters
CALLER = "orgform.caller"
LOGGER = logging.getLogger("orgform.server")

#: Who asks. Raises a `Problem` (401, 403, 429). Called in a thread of its own, before the body is read.
Identify = Callable[[HttpRequest], Caller]
Handler = Callable[[Request], Answer]


class Door:
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
                return problem_response(e)
            except StoreError as e:
                return problem_response(_store_problem(e))
            except Exception:
                if self.inline:
                    raise  # to who called, in the same process
                LOGGER.exception("%s %s failed", http.method, http.url.path)
                return problem_response(Problem(500, "internal", "the server failed; its log says how"))

        route = Route(path, endpoint, methods=None)
        route.methods = None  # every method comes to the endpoint, which answers 405 itself
        return route

    async def _answered(self, http: HttpRequest, handlers: Mapping[str, Handler], allowed: str) -> Response:
        if http.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": allowed})
        handler = handlers.get("GET" if http.method == "HEAD" else http.method)
        if handler is None:
            raise Problem(405, "method-not-allowed", f"{http.method} is not possible here; {allowed} are", headers={"allow": allowed})
        caller: Caller = await self._run(self.identify, http)
        http.scope[CALLER] = caller
        _check_scope(http, caller)
        request = await self._read(http, caller)
        answer: Answer = await self._run(handler, request)
        response = Response(answer.body, answer.status, answer.headers, answer.media_type if answer.body else None)
        if http.method == "HEAD":
            response.body = b""
        return response

    async def _run(self, function: Callable[..., Any], argument: Any) -> Any:
        return function(argument) if self.inline else await run_in_threadpool(function, argument)

    async def _read(self, http: HttpRequest, caller: Caller) -> Request:
        body = await self._body(http)
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


def _check_scope(http: HttpRequest, caller: Caller) -> None:
    if caller.scope != "write" and http.method not in _READING:
        raise Problem(403, "scope", f"this token may read only; {http.method} needs one with the scope write")


def _check_media_type(http: HttpRequest, body: bytes) -> None:
    given = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and given not in _MEDIA_TYPES:
        raise Problem(415, "media-type", f"the body is to be application/json, not {given or 'of no type'}", headers=_ACCEPTED)


def _store_problem(error: StoreError) -> Problem:
    if error.busy:
        return Problem(503, "busy", error.message, headers={"retry-after": "1"})
    return Problem(500, "storage-lost" if error.lost else "storage", error.message)


def problem_response(problem: Problem) -> Response:
    return Response(problem.body(), problem.status, problem.headers, MEDIA_TYPE)


async def not_routed(http: HttpRequest, error: Exception) -> Response:
    return problem_response(Problem(404, "no-such-route", f"there is nothing at {http.url.path}"))
