"""`orgform serve` in a process of its own, for tests that need the real server on loopback.

    with running_server(tmp_path / "acme.db", without_tokens=False) as server:
        headers = {"authorization": f"Bearer {server.token('acme', 'write')}"}

Invariant: when `running_server` is left, the process is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Literal

STOP_SECONDS = 10
_PROGRAM = ("-c", "import sys; from orgform.cli import main; sys.exit(main())")


class RunningServer:
    """A server that takes requests at `url`. `database` is its file or URL: open a `server.Store` on it to set what is observed."""

    def __init__(self, url: str, database: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self.url = url
        self.database = database
        self.process = process
        self._log = log
        self._said = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def log(self) -> str:
        """What the process wrote to stderr so far; all of it, when it is gone."""
        if not self._log.closed:
            self._log.seek(0)
            self._said = self._log.read().decode(errors="replace")
        return self._said

    def token(self, company: str = "default", scope: Literal["read", "write"] = "write") -> str:
        """The text of a new token in its database."""
        from orgform.server import Store, tokens

        with closing(Store(self.database)) as store:
            return tokens.create(store, company=company, scope=scope)[1]

    def kill(self) -> None:
        """As by `kill -9`."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Asks it to finish what it has begun and end; kills it if it does not. The exit code."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.process.returncode


@contextmanager
def running_server(
    database: Path | str,
    *,
    invite: bool = False,
    without_tokens: bool = True,
    port: int = 0,
    options: Sequence[str] = (),
    program: Sequence[str] = _PROGRAM,
    environ: Mapping[str, str] | None = None,
) -> Iterator[RunningServer]:
    """Starts `orgform serve` over `database` (a file or an SQLAlchemy URL) on 127.0.0.1, and stops it at the end.

    `port`: 0 picks a free one. `options`: further words of the command line. `program`: what Python runs instead of orgform, for
    servers that misbehave on purpose. Raises `AssertionError` with what it said, where it does not come to listen.
    """
    flags = [*(["--invite"] if invite else []), *(["--without-tokens"] if without_tokens else [])]
    command = [sys.executable, *program, "serve", "--port", str(port), *flags, *options]
    environment = {**os.environ, "ORGFORM_DATABASE": str(database), **(environ or {})}
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        started = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        server = RunningServer("", str(database), stack.enter_context(started), log)
        stack.callback(server.log)
        stack.callback(server.stop)
        server.url = _address(server)
        yield server


def _address(server: RunningServer) -> str:
    """From the line that the server prints when it listens."""
    assert server.process.stdout is not None
    words = server.process.stdout.readline().decode().split()
    assert words[:2] == ["orgform", "serves"], f"the server did not start:\n{server.log()}"
    return words[2]
