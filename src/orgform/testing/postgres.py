"""A PostgreSQL of one's own for tests: a real server in a temporary folder, reachable by a socket in it and by nothing else.

    with running_postgres() as server:
        url = server.database("one")        # postgresql:///one?host=...

PostgreSQL refuses to run as root: then it runs as the user `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_START_SECONDS = 60.0


class PostgresMissing(Exception):
    """No server binaries, or no user to run them as; the message says which."""


class Postgres:
    """A running server. `folder` holds its socket; its user is `orgform` without a password."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.folder = folder
        self._as = _as(user)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it takes connections."""
        folder = str(self.folder)
        command = [str(_binary("postgres")), "-D", f"{folder}/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        with (self.folder / "log").open("ab") as log:
            self._process = process = subprocess.Popen(command, **self._as, stdout=log, stderr=log)
        _wait(self, process, self.folder / "log")

    def stop(self) -> None:
        """A fast shutdown: open connections are ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            _end(self._process)
            self._process = None

    @property
    def admin_url(self) -> str:
        return self._url("postgres")

    def database(self, name: str) -> str:
        """Makes an empty database and gives its URL."""
        import psycopg

        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://orgform@/{name}?host={self.folder}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Raises `PostgresMissing` where none can be started."""
    initdb, _, user = _binary("initdb"), _binary("postgres"), _user()
    # A short path: the socket's may have about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="orgform-pg-"))
    try:
        if user:
            shutil.chown(folder, user)
        _run([initdb, "-D", folder / "data", "-U", "orgform", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"], user)
        postgres = Postgres(folder, user)
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(postgres: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(postgres.admin_url).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise PostgresMissing(f"PostgreSQL did not start: {log.read_text(errors='replace')[-500:]}") from None
            time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(command, **_as(user), capture_output=True, text=True, check=False)
    if done.returncode:
        raise PostgresMissing(f"initdb failed: {done.stderr.strip()[-500:]}")


def _as(user: str | None) -> dict[str, Any]:
    """Also from a folder that the user may enter."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": [], "cwd": "/"} if user else {"cwd": "/"}


def _user() -> str | None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise PostgresMissing("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def _binary(name: str) -> Path:
    found = shutil.which(name)
    if found:
        return Path(found)
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[-3]) if p.parts[-3].isdigit() else 0)
    if not packaged:
        raise PostgresMissing(f"PostgreSQL is not installed: no {name}")
    return packaged[-1]
