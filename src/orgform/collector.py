"""The garbage collector, out of the way while a company is read and when a command ends.

Invariant: outside of a process that runs one command and ends, it is as it was afterwards, whatever happened meanwhile.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_one_command = False


def for_one_command() -> None:
    """A command reads a company once and ends: nearly all that it makes stays until then, and what nobody will look through for garbage
    need not be looked through. Searching it took a tenth of the time, and searching all of it at the end, with every module's
    contents, as much again (a quarter of a short plan)."""
    global _one_command
    _one_command = True
    gc.set_threshold(500_000, 20, 100)
    atexit.register(gc.freeze)


@contextmanager
def paused_collector() -> Iterator[None]:
    """Hundreds of thousands of new objects, none of them garbage: looking for cycles among them would take as long as the work."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _one_command:
            gc.freeze()  # or the first search after the pause would look through all of them
        if was_on:
            gc.enable()
