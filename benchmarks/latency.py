"""A network in front of a server: `python -m benchmarks.latency PORT MILLISECONDS` delays all that the server at PORT sends.

Prints the port that it listens on. Requests pass at once and answers take the whole delay, so that one call costs its latency once
and calls of other connections go on meanwhile. `floor` tells what the delay costs with nothing but sockets on both sides: were the proxy
the bottleneck, its own ratio would say so.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path

from benchmarks.plain import process, serve


class Upstream(asyncio.Protocol):
    """The connection to the server: what comes from it is passed on after the delay, in the order it came."""

    def __init__(self, client: asyncio.Transport, delay: float) -> None:
        self._client = client
        self._delay = delay
        self._waiting: deque[bytes | None] = deque()

    def data_received(self, data: bytes) -> None:
        self._later(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._later(None)

    def _later(self, data: bytes | None) -> None:
        self._waiting.append(data)
        asyncio.get_running_loop().call_later(self._delay, self._pass_on)

    def _pass_on(self) -> None:
        data = self._waiting.popleft()
        if data is None:
            self._client.close()
        else:
            self._client.write(data)


class Downstream(asyncio.Protocol):
    """A client's connection. What it sends before the server's end is open waits for it."""

    def __init__(self, port: int, delay: float) -> None:
        self._port = port
        self._delay = delay
        self._early: list[bytes] = []
        self._server: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._opening = asyncio.get_running_loop().create_task(self._open(transport))

    async def _open(self, client: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server, _ = await loop.create_connection(lambda: Upstream(client, self._delay), "127.0.0.1", self._port)
        except OSError:
            client.close()
            return
        self._server.writelines(self._early)
        if client.is_closing():
            self._server.close()

    def data_received(self, data: bytes) -> None:
        if self._server is None:
            self._early.append(data)
        else:
            self._server.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._server is not None:
            self._server.close()


def floor(work: Path, calls: int, milliseconds: int, parallel: int) -> float:
    """Seconds that `calls` take through the proxy from `parallel` threads, when neither side does anything."""
    empty = work / "empty.json"
    empty.write_text("{}")
    with process("plain", str(empty)) as plain, process("latency", str(plain), str(milliseconds)) as port:
        share = [calls // parallel + (n < calls % parallel) for n in range(parallel)]
        with ThreadPoolExecutor(parallel) as pool:
            started = time.perf_counter()
            list(pool.map(_ask, repeat(port), share))
            return time.perf_counter() - started


def _ask(port: int, times: int) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    for _ in range(times):
        connection.request("GET", "/")
        connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    given, delay = int(sys.argv[1]), int(sys.argv[2]) / 1000
    asyncio.run(serve(lambda: Downstream(given, delay)))
