"""`orgform serve` as its users run it, in a process of its own, with a token; what it was asked is counted from its access log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ORGFORM = str(Path(sys.executable).with_name("orgform"))
TARGET = "acme"
TOKEN = "ORGFORM_BENCHMARK_TOKEN"  # noqa: S105 - the variable that holds it


class Api:
    """A running server with a company. `database`: a file, or the URL of a PostgreSQL; `log`: where its access log goes."""

    def __init__(self, database: Path | str, log: Path) -> None:
        self.database = str(database)
        self._log = log
        self._read = 0
        with log.open("wb") as stderr:
            words = [ORGFORM, "serve", "--database", self.database, "--port", "0"]
            self._process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=stderr, text=True)
        assert self._process.stdout
        line = self._process.stdout.readline().split()
        if not line:
            self.close()
            raise RuntimeError(f"orgform serve did not start: {log.read_text(errors='replace')[-2000:]}")
        self.url = line[2]
        self.port = urlsplit(self.url).port or 0
        create = [ORGFORM, "token", "create", "--database", self.database, "--company", "acme", "--scope", "write", "--quiet"]
        self.token = subprocess.run(create, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def target(self, url: str = "", **options: Any) -> str:
        """The flow map of a config's target. `url`: another way to it."""
        return json.dumps({"provider": "orgform", "url": url or self.url, "token": f"env:{TOKEN}", **options})

    def environ(self, url: str = "") -> dict[str, str]:
        """What a command needs to reach it."""
        return {TOKEN: self.token, "ORGFORM_ALLOW_TARGETS": f"{TARGET}={url or self.url}"}

    def calls(self) -> dict[str, int]:
        """`{"GET /v1/members": 11, ...}` since it was asked last."""
        return dict(Counter(call_of(e) for e in self.requests()))

    def requests(self) -> list[dict[str, Any]]:
        """What the access log has of each request since it was asked last: `method`, `path`, `ms`, ..."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        entries = [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]  # remarks for people stand there too
        return [e for e in entries if e["event"] == "request"]

    def sizes(self) -> dict[str, float]:
        """Megabytes: the most memory that the process had, and the database's files."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        database = Path(self.database)
        files = sum(file.stat().st_size for file in database.parent.glob(f"{database.name}*"))
        return {"memory": round(peak / 1024), "database": round(files / 2**20, 1)}

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)


def call_of(request: dict[str, Any]) -> str:
    """`GET /v1/members`, whatever the key or the query."""
    return f"{request['method']} {'/'.join(request['path'].split('/')[:3])}"
