"""Single writes that wait at the same moment are done in one transaction: one lock, a few statements, one sync to the disk for all.

Invariant: nobody gets an answer before it is committed, and nobody's refusal or bad luck becomes another's: what cannot be done together is
done again, one by one. Nobody waits for company, either: who comes alone is done alone, at once.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from orgform.codec import Struct
from orgform.server.answers import Answer
from orgform.server.operations import Prepared, prefetch
from orgform.server.problems import Problem
from orgform.server.shape import Shapes
from orgform.server.store import Store, StoreError
from orgform.server.work import Caller, Work

#: writes in one transaction; as many wait at most as the server has threads
MOST = 100


class Write(Struct):
    """One write. `do` is called with the transaction's state; it raises `Problem`, and has undone everything of its own then.

    `answer` or `error` once it is settled.
    """

    caller: Caller
    prepared: Prepared
    keys: tuple[str, ...]
    do: Callable[[Work], Answer]
    answer: Answer | None = None
    error: Exception | None = None

    def settled(self) -> Answer:
        if self.error is not None:
            raise self.error
        assert self.answer is not None  # noqa: S101  one of both is there once it is settled
        return self.answer

    @property
    def waits(self) -> bool:
        return self.answer is None and self.error is None


class Together:
    """Does writes of a company, as many at once as wait for their turn."""

    def __init__(self, store: Store, shapes: Shapes, *, invite: bool) -> None:
        self._store = store
        self._shapes = shapes
        self._invite = invite
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._waiting: defaultdict[str, list[Write]] = defaultdict(list)

    def done(self, write: Write) -> Answer:
        """Its answer, committed. Raises `Problem` and `StoreError`."""
        company = write.caller.company
        waiting = self._waiting[company]
        waiting.append(write)
        with self._turns[company]:
            while write.waits:
                group = waiting[:MOST]
                del waiting[: len(group)]  # others may have come behind them meanwhile
                self._settle(group)
        return write.settled()

    def _settle(self, group: Sequence[Write]) -> None:
        try:
            self._commit(group)
        except Exception as e:
            self._settle_apart(group, e)
        except BaseException:
            self._settle_apart(group, StoreError("the write was cut off before it was done", busy=True))
            raise

    def _settle_apart(self, group: Sequence[Write], error: Exception) -> None:
        """A database that is busy or gone is so for everybody; anything else may be the fault of one of them."""
        alone = len(group) == 1 or (isinstance(error, StoreError) and (error.busy or error.lost))
        for write in group:
            write.answer = None
            write.error = error if alone else None
        for write in group if not alone else ():
            self._settle([write])

    def _commit(self, group: Sequence[Write]) -> None:
        with self._store.writing(group[0].caller.company) as connection:
            work = Work(connection, self._shapes, group[0].caller, invite=self._invite)
            work.prefetch_stored([key for write in group for key in write.keys])
            prefetch(work, [write.prepared for write in group])
            results = [self._tried(work, write) for write in group]
            work.flush()
        for write, result in zip(group, results, strict=True):
            if isinstance(result, Answer):
                write.answer = result
            else:
                write.error = result

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
