"""HTTP/1.1 on real sockets for the fault proxy: what a client sends, what a live system is asked, and answers that go wrong on the way.

Invariant: what goes wrong does so on the wire, as it would between two machines: a cut connection is reset, a truncated body ends early.
"""

from __future__ import annotations

import http.client
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from orgform.codec import Struct

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length", "accept-encoding"})
_OWN = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_SECONDS = 60.0


class Reply(Struct, frozen=True):
    """An answer; `headers` have lower-case names. `cut_at`: the connection ends after so many bytes of the body; `announced`: it was said
    how many there would be. `drip`: seconds before each byte of the body, and with `drip_head` of all before it, too."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut_at: int | None = None
    announced: bool = True
    drip: float = 0.0
    drip_head: bool = False


class Cut(Struct, frozen=True):
    """No answer: the connection is reset."""


class Upstream:
    """One connection to the live system, made when it is needed. Used by one thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = make(parts.netloc, timeout=_SECONDS)
        self._origin = f"{parts.scheme}://{parts.netloc}".encode()
        self.own = b""

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Its answer; a 502 where it gives none. Links to itself lead to the proxy."""
        sent = {n: v for n, v in headers.items() if n not in _HOP}
        try:
            self._connection.request(method, path, body or None, sent)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Reply(502, {"content-type": "text/plain"}, f"the live system does not answer: {error}".encode())
        own = {n.lower(): v.replace(self._origin.decode(), self.own.decode()) for n, v in answer.getheaders() if n.lower() not in _OWN}
        return Reply(answer.status, own, content.replace(self._origin, self.own))

    def close(self) -> None:
        self._connection.close()


Answering = Callable[[str, str, dict[str, str], bytes, Upstream], Reply | Cut]


@contextmanager
def listening(upstream: str, answering: Answering) -> Iterator[str]:
    """The address of a server on loopback whose every request `answering` answers."""

    class Handler(_Handler):
        def setup(self) -> None:
            super().setup()
            self.upstream = Upstream(upstream)
            self.upstream.own = origin.encode()
            self.answering = answering  # of the instance: it is no method
            self.ended = ended
            connections.add(self.connection)

        def finish(self) -> None:
            connections.discard(self.connection)
            super().finish()

    connections: set[socket.socket] = set()
    ended = threading.Event()
    with _Server(("127.0.0.1", 0), Handler) as server:
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield origin
        finally:
            ended.set()
            server.shutdown()
            for connection in list(connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream: Upstream
    answering: Answering
    ended: threading.Event

    def handle(self) -> None:
        with suppress(OSError):  # the client went away
            super().handle()

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        headers = {n.lower(): v for n, v in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        reply = self.answering(self.command, self.path, headers, body, self.upstream)
        if isinstance(reply, Cut):
            self._reset()
        else:
            self._send(reply)

    def _reset(self) -> None:
        """The other side is told at once, and not politely."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _send(self, reply: Reply) -> None:
        body = b"" if self.command == "HEAD" or reply.status in (204, 304) else reply.body
        lines = [f"HTTP/1.1 {reply.status} {http.client.responses.get(reply.status, 'Fault')}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items() if value]
        if reply.status not in (204, 304) and reply.announced:
            lines.append(f"content-length: {len(body)}")
        else:
            self.close_connection = self.close_connection or not reply.announced
        if reply.cut_at is not None:
            self.close_connection = True
            body = body[: reply.cut_at]
        if self.close_connection:
            lines.append("connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        if not reply.drip:
            self.connection.sendall(head + body)
            return
        self._drip(head, reply.drip if reply.drip_head else 0)
        self._drip(body, reply.drip)

    def _drip(self, data: bytes, wait: float) -> None:
        size = 1 if wait else len(data)
        for at in range(0, len(data), size):
            if wait and self.ended.wait(wait):
                break
            self.connection.sendall(data[at : at + size])

    def finish(self) -> None:
        self.upstream.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        pass
