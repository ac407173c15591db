"""The admin API in a process of its own, for tests that need a real server on loopback. Needs uvicorn (a test dependency).

Invariant: when `running_server` is left, the process is gone.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

STOP_SECONDS = 10


class RunningServer:
    """A server that takes requests at `url`. `database` is its file or URL: open a `server.Store` on it to set what is observed."""

    def __init__(self, url: str, database: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self.url = url
        self.database = database
        self.process = process
        self._log = log

    def log(self) -> str:
        """What the process wrote so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def kill(self) -> None:
        """As by `kill -9`."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Asks it to finish what it has begun and end; kills it if it does not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running_server(database: Path | str, *, invite: bool = False) -> Iterator[RunningServer]:
    """Starts a server over `database` (a file or an SQLAlchemy URL) on a free port of 127.0.0.1, and stops it at the end.

    The port listens from the start, so that the first request waits for the server rather than fails.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, tempfile.TemporaryFile() as log:
        port = listening.getsockname()[1]
        command = [sys.executable, "-m", __name__, str(listening.fileno()), str(database), *(["--invite"] if invite else [])]
        process = subprocess.Popen(command, pass_fds=(listening.fileno(),), stdout=log, stderr=log)
        listening.close()
        server = RunningServer(f"http://127.0.0.1:{port}", str(database), process, log)
        try:
            yield server
        finally:
            server.stop()


def main(arguments: list[str]) -> None:
    """The process: serves on a socket that it inherits."""
    import uvicorn

    from orgform.kinds import load_kinds
    from orgform.server import Store, create_app

    parser = argparse.ArgumentParser()
    parser.add_argument("fd", type=int)
    parser.add_argument("database")
    parser.add_argument("--invite", action="store_true")
    given = parser.parse_args(arguments)
    store = Store(given.database)
    app = create_app(store, load_kinds(), invite=given.invite)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=STOP_SECONDS // 2, lifespan="off")
    with socket.socket(fileno=given.fd) as listening:
        uvicorn.Server(config).run(sockets=[listening])
    store.close()


if __name__ == "__main__":
    main(sys.argv[1:])
