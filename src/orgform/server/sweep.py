"""What a server does without being asked: now and then it lets the time run out of what nobody has proved.

Invariant: a sweep that fails is a line in the log and is tried again; it never ends the server, nor holds up its end.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orgform.kinds import Kinds
from orgform.server.log import Log
from orgform.server.shape import Shapes
from orgform.server.store import Store, now
from orgform.server.verification import expire

EVERY = 3600.0
LOGGER = logging.getLogger("orgform.server")


@contextmanager
def sweeping(store: Store, kinds: Kinds, log: Log, *, every: float = EVERY) -> Iterator[None]:
    """Meanwhile a thread sweeps: at once, and each `every` seconds. Any number of processes may do so over one database."""
    stop = threading.Event()
    thread = threading.Thread(target=_sweep, args=(store, Shapes(kinds), log, stop, every), name="orgform-sweep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=1)


def _sweep(store: Store, shapes: Shapes, log: Log, stop: threading.Event, every: float) -> None:
    while True:
        try:
            if number := expire(store, shapes, now()):
                log.write("challenges-expired", number=number)
        except Exception:
            LOGGER.exception("expired challenges could not be looked for; tried again in %g s", every)
        if stop.wait(every):
            return
