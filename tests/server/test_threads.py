"""What is run in threads is answered on its loop, whatever became of it, and as soon as the answer is there."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from orgform.server.threads import Begun, Threads, run_here

PATIENCE = 60.0


def broken() -> Any:
    raise ZeroDivisionError("a bug")


def begun(answer: Any, work: Any = lambda: None) -> Begun:
    future: Future[Any] = Future()
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
    return Begun(future, work)


def test_values_and_errors_come_back() -> None:
    threads = Threads()

    async def ask(*functions: Any) -> list[Any]:
        return await asyncio.gather(*map(threads.run, functions), return_exceptions=True)

    for _ in range(2):  # a loop of its own each time
        found = asyncio.run(ask(threading.get_ident, broken, lambda: begun("answer"), lambda: begun(KeyError("none"))))
        assert found[0] != threading.get_ident()
        assert [type(f) for f in found[1:]] == [ZeroDivisionError, str, KeyError]


def test_an_answer_does_not_wait_for_the_work_that_its_thread_does_for_others() -> None:
    threads = Threads()
    answered, worked = threading.Event(), threading.Event()

    def work() -> None:
        assert answered.wait(PATIENCE)
        worked.set()

    async def ask() -> Any:
        return await asyncio.wait_for(threads.run(lambda: begun("mine", work)), PATIENCE)

    assert asyncio.run(ask()) == "mine"
    assert not worked.is_set()
    answered.set()
    assert worked.wait(PATIENCE)


def test_who_does_not_wait_any_more_is_no_trouble() -> None:
    threads = Threads(1)
    go_on, done = threading.Event(), threading.Event()

    def slow() -> str:
        assert go_on.wait(PATIENCE)
        return "late"

    async def give_up() -> Any:
        asked = asyncio.ensure_future(threads.run(slow))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asked, 0.01)
        go_on.set()
        return await threads.run(lambda: "next")

    assert asyncio.run(give_up()) == "next"
    go_on.clear()

    async def leave() -> None:
        _waiting.append(asyncio.ensure_future(threads.run(slow)))
        await asyncio.sleep(0)

    asyncio.run(leave())  # the loop is closed when the answer comes
    go_on.set()
    threads._pool.submit(done.set)
    assert done.wait(PATIENCE)
    assert _waiting.pop().cancelled()


_waiting: list[asyncio.Future[Any]] = []


def test_the_same_without_a_loop() -> None:
    worked: list[int] = []
    assert run_here(lambda: 1) == 1
    assert run_here(lambda: begun("mine", lambda: worked.append(1))) == "mine"
    with pytest.raises(KeyError):
        run_here(lambda: begun(KeyError("none")))
    with pytest.raises(ZeroDivisionError):
        run_here(broken)
    assert worked == [1]
