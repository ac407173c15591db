"""A small real server on loopback that answers from a script: good answers, refusals, cut connections, nonsense."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orgform.codec import Struct, encode

Step = bytes | Callable[[socket.socket], None]


class Received(Struct, frozen=True):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Script:
    """`url` of the server, what it `received`, and the `steps` still to come; the last one is repeated for ever."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.received: list[Received] = []
        self.url = ""
        self._lock = threading.Lock()

    def next(self, request: Received) -> Step:
        with self._lock:
            self.received.append(request)
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    @property
    def paths(self) -> list[str]:
        return [r.path for r in self.received]


def answer(status: int = 200, body: object = None, **headers: str) -> bytes:
    """One answer as it goes over the wire; `body` as JSON unless it is bytes. Header names are written with `_` for `-`."""
    content = body if isinstance(body, bytes) else b"" if body is None else encode(body)
    given = {"content-type": "application/json", "content-length": str(len(content)), "connection": "close"}
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"HTTP/1.1 {status} Some Reason", *(f"{n}: {v}" for n, v in given.items()), "", ""]
    return "\r\n".join(lines).encode() + content


def reset(connection: socket.socket) -> None:
    """Cuts the connection without an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def truncated(connection: socket.socket) -> None:
    """Announces more than comes."""
    connection.sendall(answer(200, b'{"items":[', content_length="1000"))


@contextmanager
def scripted(*steps: Step, tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    script = Script(list(steps))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, path, _ = self.rfile.readline().decode().split(" ", 2)
            headers: dict[str, str] = {}
            while line := self.rfile.readline().strip().decode():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", "0")))
            step = script.next(Received(method, path, headers, body))
            if callable(step):
                step(self.connection)
            else:
                self.connection.sendall(step)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, object]:
            connection, address = super().get_request()
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

    with Server(("127.0.0.1", 0), Handler) as server:
        script.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
