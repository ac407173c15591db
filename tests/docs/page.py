"""docs/server.md as commands: what it shows is what the tests run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from tests.cli.process import PATIENCE, environment

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "server.md"
SHOWN = "http://127.0.0.1:8080"
POSTGRES_BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parts[-2]))


def blocks() -> dict[str, list[str]]:
    """Heading -> its `sh` blocks, in order."""
    found: dict[str, list[str]] = {}
    heading = ""
    for part in re.split(r"(?m)^(#+ .+)$", PAGE.read_text(encoding="utf-8")):
        if part.startswith("#"):
            heading = part.lstrip("# ")
        elif shown := re.findall(r"```sh\n(.*?)```", part, re.DOTALL):
            assert heading not in found, f"two sections are called {heading}"
            found[heading] = shown
    return found


class Shell:
    """A folder and an environment in which blocks run, with `orgform` of this environment on the PATH.

    A line `orgform serve` goes on in the background, on any free port; from then on that port stands for the 8080 of the page.
    """

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], *map(str, reversed(POSTGRES_BIN))])
        self.environ = environment(PATH=path, ORGFORM_LEDGER=str(folder / "ledger.db"), **environ)
        self.environ.pop("PYTHONWARNINGS")  # of any Python on the PATH
        self.url = SHOWN

    def run(self, block: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Raises `AssertionError` with what was said, where a command fails."""
        done = self.attempt(block, stdin, **environ)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done

    def attempt(self, block: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        assert "orgform serve" not in block
        script = block.replace(SHOWN, self.url)
        env = {**self.environ, "ORGFORM_VAR_port": self.url.rpartition(":")[2], **environ}
        words = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(words, cwd=self.folder, env=env, input=stdin, capture_output=True, text=True, timeout=PATIENCE)

    @contextmanager
    def serving(self, line: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
        """The server that `line` starts; it ends well when it is asked to."""
        assert line.startswith("orgform serve"), line
        with (self.folder / "server.log").open("wb") as log:
            words = ["bash", "-c", f"exec {line.strip()} --port 0"]
            process = subprocess.Popen(
                words, cwd=self.folder, env={**self.environ, **environ}, stdout=subprocess.PIPE, stderr=log, text=True
            )
        try:
            assert process.stdout
            first = process.stdout.readline().split()
            assert first, (self.folder / "server.log").read_text()
            self.url = first[2]
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, (self.folder / "server.log").read_text()


def parts(block: str) -> tuple[str, str]:
    """What a block does before its last line, and that line, which serves."""
    before, _, line = block.strip().rpartition("\n")
    return before, line


def source(folder: Path) -> Path:
    """A copy of what the page's commands look for in the source."""
    shutil.copytree(REPOSITORY / "examples", folder / "examples", ignore=shutil.ignore_patterns("*.db", "*.db-*", ".orgform"))
    return folder


def executable(*names: str) -> Mapping[str, str]:
    """Those of the programs that are here, with their paths."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", *map(str, POSTGRES_BIN)])
    return {name: found for name in names if (found := shutil.which(name, path=path))}


def ask(url: str, token: str = "", method: str = "GET", body: Any = None) -> tuple[int, Any]:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, method=method, headers=headers, data=json.dumps(body).encode() if body is not None else None)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, read(answer)
    except HTTPError as e:
        with e:
            return e.code, read(e)


def read(answer: Any) -> Any:
    """JSON as what it says, everything else as text."""
    body = answer.read().decode()
    return json.loads(body or "null") if "json" in answer.headers.get("content-type", "") else body


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
