"""The plainest HTTP server: `python -m benchmarks.plain FILE` answers every request (without a body) with the JSON in FILE, at once.

What takes longer than with it is not the network's doing. Prints its port when it listens.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Plain(asyncio.Protocol):
    def __init__(self, body: bytes) -> None:
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        self._cut = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *whole, self._cut = (self._cut + data).split(b"\r\n\r\n")
        if whole:
            self._transport.write(self._answer * len(whole))


async def serve(protocol: Callable[[], asyncio.Protocol]) -> None:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def process(module: str, *words: str) -> Iterator[int]:
    """A server of this package in a process of its own; gives its port."""
    started = subprocess.Popen([sys.executable, "-m", f"benchmarks.{module}", *words], stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout
        yield int(started.stdout.readline())
    finally:
        started.terminate()
        started.communicate(timeout=10)


if __name__ == "__main__":
    given = Path(sys.argv[1]).read_bytes()
    asyncio.run(serve(lambda: Plain(given)))
