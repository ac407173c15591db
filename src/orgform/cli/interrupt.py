"""Ctrl-C while changes are being made: the first one finishes what is in flight, the second one leaves at once.

Invariant: before the first write a Ctrl-C ends the command like anywhere else; after it, nothing is cut off by the first.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from orgform.cli.output import is_terminal
from orgform.errors import EXIT_INTERRUPTED

STDERR = 2
FIRST = "\nInterrupted: finishing what is in flight; Ctrl-C again stops at once.\n"
SECOND = "\nStopped at once; what was in flight is unknown. Run plan to see what was done.\n"
SHOW_CURSOR = "\x1b[?25h"  # a progress bar hides it, and nothing else runs after this


class Interrupts:
    """`with Interrupts() as stop:`; call `stop.writing()` when the first write is near and pass `stop.event` to the work."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._writing = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def writing(self) -> None:
        self._writing = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._writing:
            raise KeyboardInterrupt
        if self.event.is_set() and number == signal.SIGINT:
            _say(SHOW_CURSOR + SECOND if is_terminal(sys.stderr) else SECOND)
            os._exit(EXIT_INTERRUPTED)
        if not self.event.is_set():
            self.event.set()
            _say(FIRST)


def _say(text: str) -> None:
    """Past Python's buffers: the signal may have come in the middle of another write to stderr, and that one must go on."""
    with suppress(OSError):
        os.write(STDERR, text.encode())
