"""The command line as a process, with pipes or on a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

ORGFORM = str(Path(sys.executable).with_name("orgform"))
PATIENCE = 60.0


def environment(**more: str) -> dict[str, str]:
    """What a process sees: nothing of who runs the tests but what Python needs."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k in ("PATH", "HOME", "LANG", "TMPDIR", "ORGFORM_STATE") or k.startswith(("COVERAGE", "COV_"))
    }
    return {**kept, "ORGFORM_CACHE": "", "PYTHONWARNINGS": "error", **more}


def run(
    *args: str | Path, cwd: Path | None = None, stdin: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`orgform ARGS` with pipes, to its end."""
    return subprocess.run(
        [ORGFORM, *map(str, args)], cwd=cwd, input=stdin, env=environment(**(env or {})), capture_output=True, text=True, timeout=PATIENCE
    )


class Terminal:
    """`orgform ARGS` on a terminal of its own, 80 columns wide; `output` is all that it has shown so far."""

    def __init__(self, *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._ours, theirs = pty.openpty()
        self.output = ""
        settings = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24", **(env or {})}
        self.process = subprocess.Popen(
            [ORGFORM, *map(str, args)],
            cwd=cwd,
            env=environment(**settings),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Whoever runs the tests in the background of a shell has Ctrl-C ignored, and everything below inherits that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def until(self, text: str) -> Terminal:
        """Waits until `text` was shown."""
        end = time.monotonic() + PATIENCE
        while text not in self.output:
            assert self._more(end), f"{text!r} was never shown; shown was:\n{self.output}"
        return self

    def type(self, text: str) -> Terminal:
        os.write(self._ours, text.encode())
        return self

    def interrupt(self) -> Terminal:
        self.process.send_signal(signal.SIGINT)
        return self

    def end(self) -> int:
        """Waits for the end; gives the exit code."""
        end = time.monotonic() + PATIENCE
        while self._more(end):
            pass
        return self.process.wait(timeout=PATIENCE)

    def _more(self, end: float) -> bool:
        """Reads what there is; False at the end of output, or when patience is over."""
        ready, _, _ = select.select([self._ours], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:
            return False
        self.output += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
