"""Single writes that wait at the same moment share a transaction, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orgform.kinds import Kinds
from orgform.server import Store
from orgform.server.operations import Ask, prepare
from orgform.server.shape import Shapes
from orgform.server.store import StoreError
from orgform.server.together import Together, Write
from orgform.server.work import Caller, Work
from tests.server.conftest import Api

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


def test_a_bug_that_one_runs_into_is_not_the_others(api: Api, store: Store, kinds: Kinds) -> None:
    from orgform.server.operations import perform
    from orgform.server.service import _answer

    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)

    def made(key: str) -> Write:
        found = write(shapes, api.company, key, lambda work: _answer(work, found.prepared, perform(work, found.prepared)))
        return found

    def broken(work: Work) -> Any:
        perform(work, bad.prepared)
        raise ZeroDivisionError("a bug")

    good, bad, other = made("good"), write(shapes, api.company, "bad", broken), made("other")
    together._settle([good, bad, other])
    assert (good.settled().status, other.settled().status) == (201, 201)
    with pytest.raises(ZeroDivisionError):
        bad.settled()
    assert api.addresses("workspace") == ["workspace/good", "workspace/other"]


def test_what_the_database_refuses_of_one_is_not_refused_of_the_others(api: Api, store: Store, kinds: Kinds) -> None:
    from orgform.server.operations import perform
    from orgform.server.service import _answer

    shapes = Shapes(kinds)
    together = Together(store, shapes, invite=False)

    def made(key: str) -> Write:
        found = write(shapes, api.company, key, lambda work: _answer(work, found.prepared, perform(work, found.prepared)))
        return found

    def poisoned(work: Work) -> Any:
        answer = _answer(work, bad.prepared, perform(work, bad.prepared))
        work.event("create", None, None, None)  # type: ignore[arg-type]  # what no row can hold
        return answer

    good, bad, other = made("good"), write(shapes, api.company, "bad", poisoned), made("other")
    together._settle([good, bad, other])
    assert (good.settled().status, other.settled().status) == (201, 201)
    with pytest.raises(StoreError):
        bad.settled()
    assert api.addresses("workspace") == ["workspace/good", "workspace/other"]


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
            one.settled()
    assert api.addresses("workspace") == []
