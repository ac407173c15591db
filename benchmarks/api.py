"""The admin API in a process of its own, which counts what it is asked: `python -m benchmarks.api DATABASE`.

Prints its port when it is ready. `GET /-/calls` gives `{"GET /v1/members": 11, ...}` since it was asked last.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any


class Api:
    """The process, as its benchmark sees it."""

    def __init__(self, database: Path) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "benchmarks.api", str(database)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.calls()

    def calls(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/-/calls") as answer:
            found: dict[str, int] = json.load(answer)
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


def counting(app: Any, calls: Counter[str]) -> Any:
    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/-/calls":
            body = json.dumps(calls).encode()
            calls.clear()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
            await send({"type": "http.response.body", "body": body})
            return
        if scope["type"] == "http":
            collection = "/".join(scope["path"].split("/")[:3])
            calls[f"{scope['method']} {collection}"] += 1
        await app(scope, receive, send)

    return wrapped


def main(database: str) -> None:
    import uvicorn

    from orgform.kinds import load_kinds
    from orgform.server import Store, create_app

    # Made anew from its descriptor it knows that it speaks TCP, and asyncio then sends small answers at once (TCP_NODELAY).
    listening = socket.socket(fileno=socket.create_server(("127.0.0.1", 0), backlog=128).detach())
    print(listening.getsockname()[1], flush=True)
    app = counting(create_app(Store(Path(database)), load_kinds()), Counter())
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1])
