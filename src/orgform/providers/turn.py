"""Whose turn it is to write: asked once more before each try of a write, as late as that can be.

Invariant: a request that writes leaves only after the check of the apply that it belongs to has passed. An apply that was stopped for
longer than its lease (a laptop asleep, a paused machine) wakes up in the middle of anything, also between two tries of one request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("orgform_turn", default=None)


@contextmanager
def asked(check: Callable[[], None]) -> Iterator[None]:
    """Inside, in this thread, `confirm` calls `check`, which raises where nothing may be written any more."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def confirm() -> None:
    """For providers: called before each try of a write. Raises what the check raises; nothing was sent then by this try."""
    check = _CHECK.get()
    if check is not None:
        check()
