"""The garbage collector, out of the way while a company is read.

Invariant: it is as it was afterwards, whatever happened meanwhile.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Hundreds of thousands of new objects, none of them garbage: looking for cycles among them would take as long as the work."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
