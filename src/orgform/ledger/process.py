"""Which process on which machine: so that a lock whose holder died here is found at once, and never one whose holder lives.

Invariant: `is_gone` says True only where it can know: same machine, same process namespace, and no such process (or another one that got
its number since). In doubt the holder lives, and its lease decides.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from orgform.codec import Struct

PROC = Path("/proc")
_DEAD_STATES = ("Z", "X", "x")


class Holder(Struct, frozen=True):
    """Who holds a lock. `host` is for people; `machine` tells machines and process namespaces apart ("": cannot be told)."""

    actor: str
    host: str
    machine: str
    pid: int
    started: str


def this_process(actor: str) -> Holder:
    pid = os.getpid()
    return Holder(actor, socket.gethostname(), machine(), pid, _started(pid) or "")


def is_gone(holder: Holder) -> bool:
    if not holder.machine or holder.machine != machine():
        return False
    if not _exists(holder.pid):
        return True
    started = _started(holder.pid)
    return started is not None and bool(holder.started) and started != holder.started


@lru_cache(maxsize=1)
def machine() -> str:
    """The same for two processes exactly if they see each other's process ids; "" where that cannot be told."""
    if os.name == "nt":  # os.kill(pid, 0) would end the process there
        return ""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        words = f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        if PROC.is_dir():
            return ""
        import uuid

        words = f"{socket.gethostname()} {uuid.getnode():x}"
    return sha256(words.encode()).hexdigest()[:16]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str | None:
    """When the process started, in words that only compare; "dead" for one that ended and was not collected; None: cannot be told."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "dead" if fields[0] in _DEAD_STATES else fields[19]
    except OSError:
        return None if PROC.is_dir() else _asked(pid)


def _asked(pid: int) -> str | None:
    """For systems without /proc."""
    import subprocess

    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False, env={**os.environ, "LC_ALL": "C"})
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
