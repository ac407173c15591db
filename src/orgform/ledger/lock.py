"""The lock on live systems: one apply at a time for each.

Invariant: a lock is a row with a fencing token that only grows. Whoever writes to the ledger in an apply's name shows its token in the same
transaction, so that an apply which lost its lock (it slept longer than its lease) cannot write over what its successor recorded. Before
each write to a live system it looks whether the lock is still its own, so that it does nothing there either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from orgform.errors import LedgerError, LockHeld
from orgform.ledger.database import Connection, Database
from orgform.ledger.process import Holder, is_gone, this_process

LEASE_SECONDS = 60.0

_HOLDER_OF = "SELECT lease, since, actor, host, machine, pid, started FROM orgform_locks WHERE system = ?"
_HOLDER_WITH = "SELECT lease, since, actor, host, machine, pid, started FROM orgform_locks WHERE token = ?"
_TAKE = "INSERT INTO orgform_locks (system, token, lease, since, actor, host, machine, pid, started) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


# Counts on while the machine sleeps, where there is such a clock; no clock that is set changes it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Lock:
    """A held lock; `token` is larger than that of every lock before it."""

    def __init__(self, database: Database, systems: tuple[str, ...], token: int, lease: float) -> None:
        self.systems = systems
        self.token = token
        self._database = database
        self._lease = lease
        self._ended = threading.Event()
        self._lost = False
        self._shown = _elapsed()
        self._asking = threading.Lock()

    def check(self) -> None:
        """Shows that the lock is still ours. Raises `LedgerError` when it was lost, or when that cannot be known. From any thread.

        The ledger is asked only where nobody has shown it for half a lease: when this process stood still, or the ledger cannot be reached.
        """
        with self._asking:
            if self._lost:
                raise self._lost_error()
            if _elapsed() - self._shown > self._lease / 2:
                self._renew_now()

    def renew(self, connection: Connection) -> None:
        """Shows that the lock is still ours and prolongs its lease; inside a transaction. Raises `LedgerError` when it was lost."""
        until = self._database.now(connection) + self._lease
        kept = connection.run("UPDATE orgform_locks SET lease = ? WHERE token = ?", (until, self.token)).rowcount
        if kept != len(self.systems):
            self._lost = True
            raise self._lost_error()

    def _lost_error(self) -> LedgerError:
        return LedgerError(
            f"the lock on {', '.join(self.systems)} was lost: its lease ran out and another apply took it; nothing more was written",
            hint="run apply again when the other one has ended",
        )

    def _renew_now(self) -> None:
        began = _elapsed()
        self._with_own_connection(self.renew)
        self._shown = began

    @contextmanager
    def kept(self) -> Iterator[Lock]:
        """Renews the lease in the background until the end, and lets go."""
        renewal = threading.Thread(target=self._renew_until_ended, name="orgform-lease", daemon=True)
        renewal.start()
        try:
            yield self
        finally:
            self._ended.set()
            renewal.join()
            # A ledger that is gone by now cannot be told; the lease runs out by itself.
            with suppress(LedgerError):
                self._release()

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._lease / 3):
            # What goes wrong here shows in the next check and the next record, which do not suppress.
            with suppress(LedgerError):
                self._renew_now()

    def _release(self) -> None:
        self._with_own_connection(lambda connection: connection.run("DELETE FROM orgform_locks WHERE token = ?", (self.token,)))

    def _with_own_connection(self, work: Callable[[Connection], object]) -> None:
        connection = self._database.connect()
        try:
            with connection.transaction(write=True):
                work(connection)
        finally:
            connection.close()


def acquire(connection: Connection, database: Database, systems: Sequence[str], actor: str, lease: float = LEASE_SECONDS) -> Lock:
    """Takes all of them or none. Raises `LockHeld`, which says who holds which since when."""
    wanted = tuple(sorted(set(systems)))
    with connection.transaction(write=True):
        connection.run("UPDATE orgform_ledger SET token = token + 1")
        (token,) = connection.one("SELECT token FROM orgform_ledger") or (0,)
        now = database.now(connection)
        for system in wanted:
            _refuse_if_held(connection, system, now)
            connection.run("DELETE FROM orgform_locks WHERE system = ?", (system,))
            connection.run(_TAKE, _row(system, token, now, lease, actor))
    return Lock(database, wanted, token, lease)


def is_running(connection: Connection, database: Database, token: int) -> bool:
    """Whether the apply with this token still holds its lock."""
    row = connection.one(_HOLDER_WITH, (token,))
    return row is not None and row[0] > database.now(connection) and not is_gone(Holder(*row[2:]))


def _row(system: str, token: int, now: float, lease: float, actor: str) -> tuple[object, ...]:
    me = this_process(actor)
    return (system, token, now + lease, _iso(now), me.actor, me.host, me.machine, me.pid, me.started)


def _refuse_if_held(connection: Connection, system: str, now: float) -> None:
    row = connection.one(_HOLDER_OF, (system,))
    if row is None or row[0] <= now:
        return
    holder, since, left = Holder(*row[2:]), row[1], row[0] - now
    if is_gone(holder):
        return
    raise LockHeld(
        f"{holder.actor} holds the lock on {system} since {since} (process {holder.pid} on {holder.host})",
        hint=f"wait until that apply has ended; if it died on another machine, its lock ends in {left:.0f} s",
    )


def _elapsed() -> float:
    return time.clock_gettime(_CLOCK)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
