"""Single writes that wait at the same moment share a transaction, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.server import Store
from orgform.server.operations import Ask, perform, prepare
from orgform.server.service import _answer
from orgform.server.shape import Shapes
from orgform.server.store import StoreError
from orgform.server.together import Together, Write
from orgform.server.work import Caller, Work
from tests.server.conftest import COMPANIES, Api

PEOPLE = 12


@contextmanager
def crowd(api: Api, asks: list[Callable[[Api], Any]], store: Store, kinds: Kinds) -> Iterator[list[Any]]:
    """Sends all while another writer holds the company, so that they wait together; gives the answers."""
    answers: list[Any] = [None] * len(asks)
    clients = [Api(store, kinds, api.company, actor=f"p{n}@acme.com") for n in range(len(asks))]

    def ask(n: int) -> None:
        answers[n] = asks[n](clients[n])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(asks))]
    with store.writing(api.company):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(0.05)
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    yield answers


def test_each_gets_its_own_answer_and_its_own_event(api: Api, store: Store, kinds: Kinds) -> None:
    def make(n: int) -> Callable[[Api], Any]:
        key = f"w{n}" if n % 3 else "Bad Key!"
        return lambda client: client.make(f"workspace/{key}", {"name": f"W {n}"})

    with crowd(api, [make(n) for n in range(PEOPLE)], store, kinds) as answers:
        assert [a.status_code for a in answers] == [422 if n % 3 == 0 else 201 for n in range(PEOPLE)]
    made = {a.json()["key"]: n for n, a in enumerate(answers) if a.status_code == 201}
    assert api.addresses("workspace") == sorted(f"workspace/{key}" for key in made)
    assert {e["address"]: e["actor"] for e in api.events()} == {f"workspace/{key}": f"p{n}@acme.com" for key, n in made.items()}


def test_what_depends_on_each_other_is_judged_in_turn(api: Api, store: Store, kinds: Kinds) -> None:
    api.have("workspace/shared")
    etag = api.item("workspace/shared")["etag"]

    def change(n: int) -> Callable[[Api], Any]:
        return lambda client: client.change("workspace/shared", {"name": f"by {n}"}, **{"if-match": f'"{etag}"'})

    with crowd(api, [change(n) for n in range(PEOPLE)], store, kinds) as answers:
        assert sorted(a.status_code for a in answers) == [200] + [412] * (PEOPLE - 1)
    winner = next(n for n, a in enumerate(answers) if a.status_code == 200)
    assert api.attributes("workspace/shared") == {"name": f"by {winner}"}


def test_one_idempotency_key_is_done_once(api: Api, store: Store, kinds: Kinds) -> None:
    def make(client: Api) -> Any:
        return client.make("workspace/once", {"name": "Once"}, **{"idempotency-key": "k"})

    with crowd(api, [make] * PEOPLE, store, kinds) as answers:
        assert {a.status_code for a in answers} == {201}
        assert len({a.content for a in answers}) == 1
    assert len(api.events()) == 1


def write(shapes: Shapes, company: str, key: str, do: Callable[[Work], Any]) -> Write:
    return Write(Caller(company, "dana@acme.com"), prepare(shapes, Ask("create", "workspaces", key)), (), do)


def made(shapes: Shapes, company: str, key: str) -> Write:
    """A good one."""
    found = write(shapes, company, key, lambda work: _answer(work, found.prepared, perform(work, found.prepared)))
    return found


def begun(together: Together, one: Write) -> Future[Any]:
    """As a thread of the server does it."""
    found = together.begun(one)
    found.work()
    return found.answer


def test_a_bug_that_one_runs_into_is_not_the_others(api: Api, store: Store, kinds: Kinds) -> None:
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)

    def broken(work: Work) -> Any:
        perform(work, bad.prepared)
        raise ZeroDivisionError("a bug")

    good, other = (made(shapes, api.company, key) for key in ("good", "other"))
    bad = write(shapes, api.company, "bad", broken)
    together._settle([good, bad, other])
    assert (good.result.result(timeout=0).status, other.result.result(timeout=0).status) == (201, 201)
    with pytest.raises(ZeroDivisionError):
        bad.result.result(timeout=0)
    assert api.addresses("workspace") == ["workspace/good", "workspace/other"]


def test_what_the_database_refuses_of_one_is_not_refused_of_the_others(api: Api, store: Store, kinds: Kinds) -> None:
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)

    def poisoned(work: Work) -> Any:
        answer = _answer(work, bad.prepared, perform(work, bad.prepared))
        work.event("create", None, None, None)  # type: ignore[arg-type]  # what no row can hold
        return answer

    good, other = (made(shapes, api.company, key) for key in ("good", "other"))
    bad = write(shapes, api.company, "bad", poisoned)
    together._settle([good, bad, other])
    assert (good.result.result(timeout=0).status, other.result.result(timeout=0).status) == (201, 201)
    with pytest.raises(StoreError):
        bad.result.result(timeout=0)
    assert api.addresses("workspace") == ["workspace/good", "workspace/other"]


def test_a_statement_that_fails_is_told_as_the_database_s_and_fails_nobody_else(api: Api, store: Store, kinds: Kinds) -> None:
    """PostgreSQL takes nothing more in such a transaction: what others did in it before and after is done again."""
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)

    def failing(work: Work) -> Any:
        work.connection.execute(sa.text("SELECT nothing_like_it FROM companies"))

    good, other = (made(shapes, api.company, key) for key in ("good", "other"))
    bad = write(shapes, api.company, "bad", failing)
    together._settle([good, bad, other])
    assert (good.result.result(timeout=0).status, other.result.result(timeout=0).status) == (201, 201)
    with pytest.raises(StoreError, match="nothing_like_it"):
        bad.result.result(timeout=0)
    assert api.addresses("workspace") == ["workspace/good", "workspace/other"]


def test_a_connection_that_breaks_is_lost_for_all_of_them(postgres: Store, kinds: Kinds) -> None:
    shapes = Shapes(kinds)
    together = Together(postgres, shapes, invite=False)
    company = f"company-{next(COMPANIES)}"

    def cut(work: Work) -> Any:
        work.connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    group = [made(shapes, company, "a"), write(shapes, company, "b", cut), made(shapes, company, "c")]
    together._settle(group)
    for one in group:
        with pytest.raises(StoreError) as caught:
            one.result.result(timeout=0)
        assert caught.value.lost
    assert postgres.page(company, "workspace", after="", limit=1).total == 0


@pytest.mark.parametrize("where", ["prefetch", "flush"])
def test_a_bug_outside_of_the_operations_is_not_the_others_either(
    api: Api, store: Store, kinds: Kinds, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)
    group = {key: made(shapes, api.company, key) for key in ("good", "bad", "other")}
    known: Any = getattr(Work, where)

    def broken(self: Work, *addresses: Any) -> Any:
        asked = list(addresses[0]) if addresses else list(self._changed)
        if "workspace/bad" in asked:
            raise ZeroDivisionError("a bug")
        return known(self, *([asked] if addresses else []))

    monkeypatch.setattr(Work, where, broken)
    together._settle(list(group.values()))
    monkeypatch.undo()
    assert (group["good"].result.result(timeout=0).status, group["other"].result.result(timeout=0).status) == (201, 201)
    with pytest.raises(ZeroDivisionError):
        group["bad"].result.result(timeout=0)
    assert api.addresses("workspace") == ["workspace/good", "workspace/other"]


def test_who_comes_behind_more_than_one_transaction_takes_is_done_too(
    api: Api, store: Store, kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orgform.server.together.MOST", 2)
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)
    waiting = [made(shapes, api.company, f"w{n}") for n in range(5)]
    together._waiting[api.company].extend(waiting)
    assert begun(together, made(shapes, api.company, "last")).result(timeout=0).status == 201
    assert [one.result.result(timeout=0).status for one in waiting] == [201] * 5


def test_an_interrupted_writer_leaves_nobody_without_an_answer(api: Api, store: Store, kinds: Kinds) -> None:
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)

    def interrupted(work: Work) -> Any:
        raise KeyboardInterrupt

    first, second = (write(shapes, api.company, key, interrupted) for key in ("a", "b"))
    with pytest.raises(KeyboardInterrupt):
        together._settle([first, second])
    for one in (first, second):
        with pytest.raises(StoreError, match="cut off"):
            one.result.result(timeout=0)
    assert api.addresses("workspace") == []


def test_an_interrupt_waits_for_the_writes_that_others_left_to_this_thread(api: Api, store: Store, kinds: Kinds) -> None:
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)
    left = made(shapes, api.company, "left")

    def interrupted(work: Work) -> Any:
        assert not begun(together, left).done()  # as another thread would, while this one is at work
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begun(together, write(shapes, api.company, "a", interrupted))
    assert left.result.result(timeout=0).status == 201
    assert api.addresses("workspace") == ["workspace/left"]


def test_one_who_stops_waiting_does_not_take_the_write_back(api: Api, store: Store, kinds: Kinds) -> None:
    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)
    stopped, other = (made(shapes, api.company, key) for key in ("stopped", "other"))

    def first(work: Work) -> Any:
        assert not begun(together, stopped).cancel()
        begun(together, other)
        return _answer(work, mine.prepared, perform(work, mine.prepared))

    mine = write(shapes, api.company, "first", first)
    assert begun(together, mine).result(timeout=0).status == 201
    assert [one.result.result(timeout=0).status for one in (stopped, other)] == [201, 201]
