"""A real Unleash server on a PostgreSQL of its own, for as long as a test needs it.

Invariant: it listens on loopback, sends nothing to anybody, and nothing of it is left behind.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres

TOKEN = "*:*.orgform-real-admin-token"
HOW = "npm install --prefix DIR unleash-server@7.5, set ORGFORM_UNLEASH=DIR, and have PostgreSQL's server binaries on the PATH"
_ROOT = Path(__file__).parents[2]


class UnleashMissing(Exception):
    """What is not installed, and how it would be."""


def entry() -> Path:
    """The server's program. Raises `UnleashMissing`."""
    if shutil.which("node") is None:
        raise UnleashMissing(f"no Node.js, so no real Unleash: {HOW}")
    folder = Path(os.environ.get("ORGFORM_UNLEASH", _ROOT))
    found = folder / "node_modules" / "unleash-server" / "dist" / "server.js"
    if not found.is_file():
        raise UnleashMissing(f"no unleash-server below {folder}: {HOW}")
    return found


@contextmanager
def database() -> Iterator[Postgres]:
    try:
        with running_postgres() as postgres:
            yield postgres
    except PostgresMissing as error:
        raise UnleashMissing(f"{error}: {HOW}") from error


@contextmanager
def running(postgres: Postgres, name: str, log: Path, users_a_minute: int = 10_000) -> Iterator[str]:
    """Its URL. `name`: of the database, which is made."""
    program, port = entry(), _free_port()
    postgres.database(name)
    environment = {
        **os.environ,
        "DATABASE_HOST": str(postgres.folder),
        "DATABASE_NAME": name,
        "DATABASE_USERNAME": "orgform",
        "DATABASE_PASSWORD": "none",
        "DATABASE_SSL": "false",
        "INIT_ADMIN_API_TOKENS": TOKEN,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "CREATE_USER_RATE_LIMIT_PER_MINUTE": str(users_a_minute),
        "LOG_LEVEL": "error",
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
    }
    with log.open("wb") as out, subprocess.Popen(["node", str(program)], env=environment, stdout=out, stderr=out) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health"):
                return
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Unleash did not start: {log.read_text(errors='replace')[-2000:]}") from None
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port
