"""`orgform` as a process with real limits, in a place full of bait: what it opens outside of the config folder is seen by the kernel, who
it calls is seen by a listening socket, what it runs leaves a mark.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.cli.process import environment
from tests.hostile.canary import Canaries

#: More than any plan of a good config of this size takes; address space, which is more than memory.
MEMORY = 1500 * 2**20
#: Seconds. Much more than the 10 s that templates may take, and much less than for ever.
PATIENCE = 60.0
ROOT = Path(__file__).parents[2]
_IN_OPEN, _IN_ACCESS = 0x20, 0x01
_EVENT = struct.Struct("iIII")


class Opened:
    """Every file and folder below `folder` that anybody opens from now on, by inotify."""

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._names: dict[int, Path] = {}
        for path in (folder, *(p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink())):
            watch = self._libc.inotify_add_watch(self._handle, os.fsencode(path), _IN_OPEN | _IN_ACCESS)
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self._names[watch] = path

    def paths(self) -> set[str]:
        found = set()
        try:
            while data := os.read(self._handle, 65536):
                while data:
                    watch, _, _, length = _EVENT.unpack_from(data)
                    name = data[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
                    found.add(str(self._names[watch] / os.fsdecode(name)))
                    data = data[_EVENT.size + length :]
        except BlockingIOError:
            pass
        return found

    def close(self) -> None:
        os.close(self._handle)


class Place:
    """A `config` folder for an attack to fill, and everything beside it that must stay untouched.

    `bait`: files worth reading, also as HOME. `port`: where somebody listens who must never be called. `mark`: a file that code of the
    attacker would make.
    """

    def __init__(self, folder: Path) -> None:
        self.canaries = Canaries(("bait", "environment"))
        self.config, self.bait, self.mark = folder / "config", folder / "bait", folder / "mark"
        self.config.mkdir()
        self.bait.mkdir()
        for name in (
            "token",
            "members.csv",
            "company.yaml",
            ".netrc",
            ".ssh/id_ed25519",
            ".aws/credentials",
            ".config/orgform/x",
            "sub/x.yaml",
        ):
            path = self.bait / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"email\n{self.canaries['bait']}\n" if name.endswith(".csv") else f"groups: {{{self.canaries['bait']}: }}\n")
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self.cache = folder / "cache"

    def close(self) -> None:
        self._listener.close()

    def run(self, *words: str, cwd: Path | None = None) -> Ended:
        """`orgform WORDS` in the config folder, with limits."""
        watch = Opened(self.bait)
        env = {"HOME": str(self.bait), "ORGFORM_CACHE": str(self.cache), "SECRET_OF_CI": self.canaries["environment"]}
        out = self.config.with_name("said")
        asked = {"words": words, "cwd": str(cwd or self.config), "env": env, "out": str(out), "memory": MEMORY, "patience": PATIENCE}
        try:
            code = _runner().ask(asked)
            said, also = out.with_suffix(".out").read_bytes(), out.with_suffix(".err").read_bytes()
            assert code is not None, f"it had not ended after {PATIENCE} s; it has said {(said + also)[-500:]!r}"
            return Ended(code, said, also, self._called(), watch.paths())
        finally:
            watch.close()

    def _called(self) -> bool:
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def untouched(self, ended: Ended, *, allowed: Sequence[int] = (0, 1, 3, 4)) -> None:
        """Whatever came out of it, it is a sentence, and nothing beside the config was read, called, run, or shown."""
        said = (ended.stdout + ended.stderr).decode(errors="replace")
        assert ended.code in allowed, said[-2000:]
        assert "Traceback" not in said and "this is a bug" not in said, said[-3000:]
        assert len(said) < 2 * 2**20, f"{len(said)} characters were shown"
        assert ended.opened == set()
        assert not ended.called, "somebody was called who is no target"
        assert not self.mark.exists(), "code of the config was run"
        assert self.canaries.leaks(ended.stdout + ended.stderr) == set()
        if self.cache.exists() and any(self.cache.rglob("*")):
            assert self.canaries.leaks_below(self.cache) == {}


class Ended:
    """`called`: whether anybody connected to the listening socket; `opened`: paths of bait."""

    def __init__(self, code: int, stdout: bytes, stderr: bytes, called: bool, opened: set[str]) -> None:
        self.code, self.stdout, self.stderr, self.called, self.opened = code, stdout, stderr, called, opened

    @property
    def said(self) -> str:
        return " ".join((self.stdout + self.stderr).decode(errors="replace").split())


class _Runner:
    """The process that runs the others."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.hostile.forked"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        atexit.register(self._end)

    def ask(self, asked: dict[str, object]) -> int | None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that runs the others has ended"
        code: int | None = json.loads(answer)
        return code

    def _end(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@cache
def _runner() -> _Runner:
    return _Runner()
