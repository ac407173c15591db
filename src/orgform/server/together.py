"""Single writes that wait at the same moment are done in one transaction: one lock, a few statements, one sync to the disk for all.

Invariant: nobody gets an answer before it is committed, and nobody's refusal or bad luck becomes another's: what cannot be done together is
done again, one by one. Nobody waits for company, either: who comes alone is done alone, at once. Whoever finds nobody at work does all
that waits, the others' writes too, so that no thread is held by who only waits.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from orgform.codec import Struct, field
from orgform.server.answers import Answer
from orgform.server.operations import Prepared, prefetch
from orgform.server.problems import Problem
from orgform.server.shape import Shapes
from orgform.server.store import Store, StoreError
from orgform.server.threads import Begun
from orgform.server.work import Caller, Work

#: writes in one transaction
MOST = 100


class Write(Struct):
    """One write. `do` is called with the transaction's state; it raises `Problem`, and has undone everything of its own then.

    `result` has its answer, or its error, once it is settled.
    """

    caller: Caller
    prepared: Prepared
    keys: tuple[str, ...]
    do: Callable[[Work], Answer]
    result: Future[Answer] = field(default_factory=Future)

    def settle(self, result: Answer | Exception) -> None:
        if isinstance(result, Answer):
            self.result.set_result(result)
        else:
            self.result.set_exception(result)


class Together:
    """Does writes of a company, as many at once as wait for their turn."""

    def __init__(self, store: Store, shapes: Shapes, *, invite: bool) -> None:
        self._store = store
        self._shapes = shapes
        self._invite = invite
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._waiting: defaultdict[str, list[Write]] = defaultdict(list)

    def begun(self, write: Write) -> Begun:
        """Its answer, once it is committed; `Problem` or `StoreError` where it has none."""
        write.result.set_running_or_notify_cancel()  # who stops waiting for it does not take it back
        self._waiting[write.caller.company].append(write)
        return Begun(write.result, partial(self._work, write.caller.company))

    def _work(self, company: str) -> None:
        """Does all that waits, unless another thread is at it."""
        waiting, turn = self._waiting[company], self._turns[company]
        # Who comes while the turn is given up finds it free, or is found here by who had it.
        while waiting and turn.acquire(blocking=False):
            try:
                self._settle_all(waiting)
            finally:
                turn.release()

    def _settle_all(self, waiting: list[Write]) -> None:
        """An interrupt ends it when nobody waits any more: others may have left theirs to this thread."""
        interrupt: BaseException | None = None
        while waiting:
            group = waiting[:MOST]
            del waiting[: len(group)]  # others may have come behind them meanwhile
            try:
                self._settle(group)
            except BaseException as e:
                interrupt = e
        if interrupt is not None:
            raise interrupt

    def _settle(self, group: Sequence[Write]) -> None:
        try:
            self._settled(group)
        except BaseException:
            for write in group:
                if not write.result.done():
                    write.settle(StoreError("the write was cut off before it was done", busy=True))
            raise

    def _settled(self, group: Sequence[Write]) -> None:
        try:
            results = self._commit(group)
        except Exception as e:
            self._settle_apart(group, e)
            return
        for write, result in zip(group, results, strict=True):
            write.settle(result)

    def _settle_apart(self, group: Sequence[Write], error: Exception) -> None:
        """A database that is busy or gone is so for everybody; anything else may be the fault of one of them."""
        alone = len(group) == 1 or (isinstance(error, StoreError) and (error.busy or error.lost))
        for write in group:
            if alone:
                write.settle(error)
            else:
                self._settle([write])

    def _commit(self, group: Sequence[Write]) -> list[Answer | Exception]:
        with self._store.writing(group[0].caller.company) as connection:
            work = Work(connection, self._shapes, group[0].caller, invite=self._invite)
            work.prefetch_stored([key for write in group for key in write.keys])
            prefetch(work, [write.prepared for write in group])
            results = [self._tried(work, write) for write in group]
            work.flush()
        return results

    @staticmethod
    def _tried(work: Work, write: Write) -> Answer | Exception:
        """A bug that one write runs into is not the others': what it did so far is undone. What the database says, though, is the whole
        transaction's.
        """
        work.caller = write.caller
        mark = work.mark()
        try:
            return write.do(work)
        except Problem as e:
            return e
        except (StoreError, SQLAlchemyError):
            raise
        except Exception as e:
            work.undo_to(mark)
            return e
