"""Doing several things at a time whose results are wanted in order.

Invariant: results come in the order of what was asked for, each as soon as it and all before it are there. Who stops asking leaves nobody
who begins anything new, and nobody who would hold up the end of the process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_Outcome = tuple[B | None, BaseException | None]


def in_order(work: Callable[[A], B], items: Sequence[A], *, threads: int) -> Iterator[B]:
    """`work` of each item. Raises what it raises, when it is that item's turn."""
    open_items: queue.SimpleQueue[tuple[A, queue.SimpleQueue[_Outcome[B]]]] = queue.SimpleQueue()
    outcomes: list[queue.SimpleQueue[_Outcome[B]]] = [queue.SimpleQueue() for _ in items]
    for pair in zip(items, outcomes, strict=True):
        open_items.put(pair)
    stopped = threading.Event()
    for _ in range(min(threads, len(items))):
        # As a daemon: one that waits for an answer must not hold up a Ctrl-C.
        threading.Thread(target=_worker, args=(work, open_items, stopped), name="orgform-read", daemon=True).start()
    try:
        for outcome in outcomes:
            found, error = outcome.get()
            if error is not None:
                raise error
            yield found  # type: ignore[misc]  # there is one where there is no error
    finally:
        stopped.set()


def _worker(
    work: Callable[[A], B], open_items: queue.SimpleQueue[tuple[A, queue.SimpleQueue[_Outcome[B]]]], stopped: threading.Event
) -> None:
    while not stopped.is_set():
        try:
            item, outcome = open_items.get_nowait()
        except queue.Empty:
            return
        try:
            outcome.put((work(item), None))
        except BaseException as e:
            outcome.put((None, e))
