"""A real server on each database, and what tests of it ask for: raw sockets, a database that is held, numbers of its metrics."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx

from orgform.server import Store
from orgform.testing.server import RunningServer

PATIENCE = 60.0
#: heads of requests as bytes; the first two lack their end
GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
POST = b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


def client_of(server: RunningServer, **options: Any) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False, **options)


def connected(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def told(server: RunningServer, data: bytes) -> bytes:
    """Sends bytes and nothing more; gives all that comes until the server closes."""
    with connected(server) as one:
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        return all_of(one)


def all_of(one: socket.socket) -> bytes:
    return b"".join(iter(lambda: one.recv(65536), b""))


def answer_of(one: socket.socket) -> tuple[int, bytes]:
    """Status and body of one answer; the connection stays open."""
    with one.makefile("rb") as lines:
        status = int(lines.readline().split()[1])
        length = 0
        while (line := lines.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return status, lines.read(length)


def events(server: RunningServer) -> list[dict[str, Any]]:
    """The server's log, which is to be JSON and nothing else."""
    return [json.loads(line) for line in server.log().splitlines()]


def metric(server: RunningServer, name: str) -> float:
    """A number of /metrics; 0 where it is not there yet."""
    text = httpx.get(f"{server.url}/metrics", trust_env=False).text
    found = re.search(rf"^{re.escape(name)} ([0-9.e+-]+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0


def until(true: Callable[[], bool], server: RunningServer) -> None:
    """Waits for something that is to happen by itself."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, server.log()
        time.sleep(0.01)


@contextmanager
def held(server: RunningServer, company: str = "default") -> Iterator[None]:
    """The company's turn to write is taken: whoever wants to write to it waits."""
    with closing(Store(server.database)) as store, store.writing(company):
        yield


class Asking(threading.Thread):
    """A request that is on its way while the test goes on."""

    def __init__(self, server: RunningServer, method: str, path: str, **options: Any) -> None:
        super().__init__()
        self.server, self.method, self.path, self.options = server, method, path, options
        self.answer: httpx.Response | None = None
        self.error: httpx.HTTPError | None = None
        self.start()

    def run(self) -> None:
        try:
            with client_of(self.server) as client:
                self.answer = client.request(self.method, self.path, **self.options)
        except httpx.HTTPError as e:
            self.error = e

    def begun(self) -> Asking:
        """Waits until the server has it: beside it there is the request for the metrics."""
        until(lambda: metric(self.server, "orgform_requests_in_flight") >= 2, self.server)
        return self

    def ended(self) -> httpx.Response:
        self.join()
        assert self.answer is not None, (self.error, self.server.log())
        return self.answer


def batch(count: int, prefix: str = "p") -> dict[str, Any]:
    return {"operations": [{"method": "create", "collection": "members", "key": f"{prefix}{n}@acme.com"} for n in range(count)]}
