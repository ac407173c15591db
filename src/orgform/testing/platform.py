"""What a stateful fake of a platform is made of: routes on real sockets, and a record of every exchange.

    class Front(FakePlatform):
        @route("GET", "/teams/{team}")
        def team(self, call: Call) -> Told: ...

    with Front().running() as fake:
        provider = open_provider(url=fake.url)

Invariant: a fake answers as the platform's own reference says, refuses what the platform refuses, and holds its state between calls;
`exchanges` tells what was asked and answered, so that both can be held against the platform's own description.
"""

from __future__ import annotations

import copy
import re
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from orgform.codec import DecodeError, Struct, decode, encode

JSON = "application/json"
_LARGEST = 64 * 2**20
# What a fake has and what it does not hold.
_NO_STATE = frozenset({"exchanges", "url", "_lock", "_queued", "_routes"})


class Call(Struct, frozen=True):
    """A request. `params`: what the route's braces matched; `query`: name -> values; `headers` have lower-case names; `body`: decoded JSON,
    None where there is none."""

    method: str
    path: str
    params: dict[str, str] = {}
    query: dict[str, list[str]] = {}
    headers: dict[str, str] = {}
    body: Any = None

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


class Told(Struct, frozen=True):
    """An answer. `body` None: without one; bytes go out as they are, all else as JSON."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = {}


class Exchange(Struct, frozen=True):
    call: Call
    told: Told


Handler = Callable[[Any, Call], Told]
F = TypeVar("F", bound=Handler)


def route(method: str, path: str) -> Callable[[F], F]:
    """Marks a method of a fake as the answer to this route; `{name}` stands for one part of the path."""

    def mark(function: F) -> F:
        pattern = re.compile("".join(f"(?P<{p[1:-1]}>[^/]+)" if p.startswith("{") else re.escape(p) for p in re.split(r"(\{\w+\})", path)))
        function.__dict__.setdefault("routes", []).append((method, pattern))
        return function

    return mark


class FakePlatform:
    """One live system on loopback. `base_path` stands before every route. Calls are answered one at a time."""

    base_path: ClassVar[str] = ""
    content_type: ClassVar[str] = JSON

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.url = ""
        self._lock = threading.RLock()
        self._queued: list[Told] = []
        self._routes = [
            (method, pattern, function)
            for name in dir(type(self))
            if callable(function := getattr(type(self), name, None))
            for method, pattern in getattr(function, "routes", ())
        ]

    def unauthorized(self, call: Call) -> Told | None:
        """The refusal of a call without good credentials; None where they are good."""
        return None

    def missing(self, call: Call) -> Told:
        """The answer where there is no such route."""
        return Told(404, {"error": "not found"})

    def next_answers(self, *answers: Told) -> None:
        """What the next calls get in place of what they ask for; nothing is done then."""
        self._queued.extend(answers)

    def answer(self, call: Call) -> Told:
        with self._lock:
            told = self._queued.pop(0) if self._queued else self.unauthorized(call) or self._routed(call)
            self.exchanges.append(Exchange(call, told))
            return told

    def _routed(self, call: Call) -> Told:
        path = call.path.removeprefix(self.base_path) if call.path.startswith(self.base_path) else ""
        for method, pattern, function in self._routes:
            match = pattern.fullmatch(path) if method == call.method else None
            if match:
                params = {name: unquote(value) for name, value in match.groupdict().items()}
                told: Told = function(self, Call(call.method, call.path, params, call.query, call.headers, call.body))
                return told
        return self.missing(call)

    def state(self) -> dict[str, Any]:
        """All that the fake holds now besides its socket and the record of exchanges, to be given to `restore`."""
        with self._lock:
            return copy.deepcopy({name: value for name, value in vars(self).items() if name not in _NO_STATE})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Everything is as it was when `state` was taken."""
        with self._lock:
            vars(self).update(copy.deepcopy(dict(state)))

    @contextmanager
    def running(self, port: int = 0) -> Iterator[Self]:
        """Listens on loopback until the end; `url` says where."""
        with _Server(("127.0.0.1", port), _handler(self)) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}{self.base_path}"
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


def _handler(fake: FakePlatform) -> type[BaseHTTPRequestHandler]:
    class Serving(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def log_message(self, *words: Any) -> None:
            pass

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            size = min(int(self.headers.get("content-length") or 0), _LARGEST)
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, parts.path, {}, parse_qs(parts.query, keep_blank_values=True), headers, _body(self.rfile.read(size)))
            _send(self, fake.answer(call), fake.content_type)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    return Serving


def _body(data: bytes) -> Any:
    try:
        return decode(data) if data else None
    except (DecodeError, ValueError):
        return data


def _send(handler: BaseHTTPRequestHandler, told: Told, content_type: str) -> None:
    body = b"" if told.body is None else told.body if isinstance(told.body, bytes) else encode(told.body)
    headers: Mapping[str, str] = {**({"content-type": content_type} if body else {}), **told.headers}
    handler.send_response(told.status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()
