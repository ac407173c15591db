"""The contract suite finds providers that break the contract: each check fails for the one that breaks its rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from orgform.codec import replace
from orgform.kinds import Kinds
from orgform.model import Address, Live
from orgform.providers.base import Capabilities, Event, KindCapability, Operation, Provider, ReadResult, Result
from orgform.testing import contract
from orgform.testing.contract import Sample, Subject
from tests.platforms.test_contract_finds import BREAKING as BREAKING_DECLARED
from tests.providers.test_contract import SAMPLES

NUMBERS = count()


class Memory(Provider):
    """A small right provider, to be broken in one place. `state` is the live system."""

    capabilities = Capabilities(
        kinds={"workspace": KindCapability(), "tag": KindCapability(read="none")}, page=2, batch=3, optimistic_locking=True
    )

    def __init__(self, state: dict[Address, Live]) -> None:
        self.state = state

    @property
    def system(self) -> str:
        return "memory"

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        for kind in kinds:
            yield ReadResult(kind, {a: live for a, live in self.state.items() if a.startswith(kind + "/")})

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [self.do(o) for o in operations]

    def do(self, o: Operation) -> Result:
        live = self.state.get(o.moved_from or o.address)
        if refusal := self.capabilities.refusal(o):
            return Result("failed", refusal)
        if o.action == "create":
            return (
                Result("stale", "exists")
                if live
                else self.put(o.address, Live(o.attributes, id=str(next(NUMBERS)), etag=str(next(NUMBERS))))
            )
        if live is None:
            return Result("done" if o.action == "delete" else "stale")
        if o.etag is not None and o.etag != live.etag:
            return Result("stale", "changed")
        del self.state[o.moved_from or o.address]
        if o.action == "delete":
            return Result("done")
        merged = {n: v for n, v in {**live.attributes, **o.attributes}.items() if v is not None}
        return self.put(o.address, replace(live, attributes=merged, etag=str(next(NUMBERS))))

    def put(self, address: Address, live: Live) -> Result:
        if "refused" in address:
            return Result("failed", "refused")
        self.state[address] = live
        return Result("done", etag=live.etag)


def subject(kinds: Kinds, broken: type[Memory], **more: Any) -> Subject:
    state: dict[Address, Live] = {}
    sample = Sample(
        Address("workspace/a"), {"name": "A", "region": "us"}, {"name": "B"}, {"name": "B", "region": "us"}, Address("workspace/b")
    )

    def many(n: int) -> Sample:
        return Sample(Address(f"workspace/m{n}"), {})

    refused = Operation("create", Address("workspace/refused"))
    return Subject(lambda: closing(broken(state)), kinds, (sample,), many=many, refused=refused, **more)


class Losing(Memory):
    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        for result in super().read(kinds):
            yield ReadResult(result.kind, {}, complete=False, problem="lost")


def test_a_provider_that_keeps_it_passes(kinds: Kinds) -> None:
    contract.run(subject(kinds, Memory, losing=lambda n: closing(Losing({}))))


def test_what_a_subject_says_nothing_about_is_not_checked(kinds: Kinds) -> None:
    state: dict[Address, Live] = {}
    contract.run(Subject(lambda: closing(Memory(state)), kinds, (replace(SAMPLES[0], patch={}, renamed=None),)))
    assert state == {}, "everything was taken away again"


class NewNameEachTime(Memory):
    @property
    def system(self) -> str:
        return str(next(NUMBERS))


class OtherKinds(Memory):
    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        for kind in kinds:
            yield ReadResult(kind, {Address("tag/x/y"): Live({})})


class Forgets(Memory):
    def put(self, address: Address, live: Live) -> Result:
        return Result("done")


class Overwrites(Memory):
    def do(self, o: Operation) -> Result:
        return self.put(o.address, Live(o.attributes)) if o.action == "create" else super().do(o)


class Replaces(Memory):
    def do(self, o: Operation) -> Result:
        return self.put(o.address, replace(self.state[o.address], attributes=o.attributes)) if o.action == "update" else super().do(o)


class Ignores(Memory):
    def do(self, o: Operation) -> Result:
        return super().do(replace(o, etag=None))


class Keeps(Memory):
    def do(self, o: Operation) -> Result:
        return Result("done") if o.action == "delete" else super().do(o)


class Complains(Memory):
    def do(self, o: Operation) -> Result:
        return Result("failed", "gone") if o.action == "delete" and o.address not in self.state else super().do(o)


class Stops(Memory):
    def write(self, operations: Sequence[Operation]) -> list[Result]:
        done = super().write(operations)
        return done[: next((n for n, r in enumerate(done) if r.status == "failed"), len(done))]


class MakesWhatIsGone(Memory):
    def do(self, o: Operation) -> Result:
        if o.action == "update" and o.address not in self.state and not o.moved_from:
            return Result("done")
        return super().do(o)


class Backwards(Memory):
    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return super().write(operations[::-1])[::-1]


class Again(Memory):
    def do(self, o: Operation) -> Result:
        return super().do(o)


class Anew(Memory):
    def do(self, o: Operation) -> Result:
        if o.moved_from:
            del self.state[o.moved_from]
            return self.put(o.address, Live({}, id=str(next(NUMBERS))))
        return super().do(o)


class OldestFirst(Memory):
    capabilities = replace(Memory.capabilities, audit_log=True)

    def do(self, o: Operation) -> Result:
        before, done = self.state.get(o.address), super().do(o)
        after = self.state.get(o.address)
        event = Event("me", "now", "", before.attributes if before else None, after.attributes if after else None)
        self.log.setdefault(o.address, []).append(event)
        return done

    def __init__(self, state: dict[Address, Live]) -> None:
        super().__init__(state)
        self.log: dict[Address, list[Event]] = {}

    def events(self, addresses: Iterable[Address]) -> dict[Address, list[Event]]:
        return {address: self.log[address] for address in addresses if address in self.log}


class Silent(Memory):
    capabilities = replace(Memory.capabilities, audit_log=True)


class FirstPageOnly(Memory):
    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        for result in super().read(kinds):
            yield ReadResult(result.kind, dict(list(result.resources.items())[:2]))


def elsewhere() -> dict[str, Any]:
    """Behind the proxy is a provider that reads nothing and writes to nowhere."""
    return {"behind": lambda rules: closing(Memory({}))}


BREAKING: list[tuple[Callable[[Subject], None], type[Memory], dict[str, Any]]] = [
    (contract.names_its_system_the_same_each_time, NewNameEachTime, {}),
    (contract.reads_one_result_for_each_kind, OtherKinds, {}),
    (contract.gives_back_what_was_created, Forgets, {}),
    (contract.refuses_to_create_what_exists, Overwrites, {}),
    (contract.changes_only_what_a_patch_names, Replaces, {}),
    (contract.refuses_to_change_what_was_changed_meanwhile, Ignores, {}),
    (contract.deletes_and_says_done_for_what_is_gone, Keeps, {}),
    (contract.deletes_and_says_done_for_what_is_gone, Complains, {}),
    (contract.never_raises_for_a_refusal, Stops, {}),
    (contract.says_stale_for_a_change_of_what_is_gone, MakesWhatIsGone, {}),
    (contract.does_operations_in_their_order, Backwards, {}),
    (contract.does_one_operation_once, Again, {"repeats": True}),
    (contract.renames_without_making_anew, Anew, {}),
    (contract.tells_who_changed_what, OldestFirst, {}),
    (contract.tells_who_changed_what, Silent, {}),
    (contract.reads_every_page, FirstPageOnly, {}),
    (contract.is_never_complete_without_a_page, Memory, {"losing": lambda n: closing(Memory({}))}),
    (contract.reads_right_or_says_so_under_faults, Memory, elsewhere()),
    (contract.writes_what_it_says_under_faults, Memory, elsewhere()),
]


@pytest.mark.parametrize(("check", "broken", "more"), BREAKING, ids=[f"{c.__name__}-{b.__name__}" for c, b, _ in BREAKING])
def test_a_provider_that_breaks_it_is_found(
    kinds: Kinds, check: Callable[[Subject], None], broken: type[Memory], more: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        check(subject(kinds, broken, **more))


def test_every_check_is_seen_to_fail() -> None:
    """Here, or on a provider behind a fake."""
    assert {check for check, _, _ in BREAKING} | {check for check, _ in BREAKING_DECLARED} == set(contract.CHECKS)
