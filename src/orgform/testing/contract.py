"""The provider contract as checks that any provider can be run through. No test framework is needed.

    @pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
    def test_contract(check, subject): check(subject)

Invariant: a check leaves the live system as it found it, if the provider keeps the contract; it raises `AssertionError` if not. What a
subject says nothing about (no `renamed`, no `losing`...) is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

from orgform.codec import Struct, replace
from orgform.errors import ProviderError
from orgform.kinds import Kinds
from orgform.model import Address, Attributes, Live, kind_of
from orgform.providers.base import Event, Operation, Provider, Result
from orgform.testing import catalogue
from orgform.testing.faults import Rule

Open = Callable[[], AbstractContextManager[Provider]]


class Sample(Struct, frozen=True):
    """A resource that may be made and deleted. `patch`: a merge patch that changes it, `patched`: the attributes then.

    `renamed`: another address for it, where it can be renamed.
    """

    address: Address
    attributes: Attributes
    patch: Attributes = {}
    patched: Attributes = {}
    renamed: Address | None = None


class Subject(Struct, frozen=True):
    """What is checked. `open` opens the same live system each time.

    `samples` are created in their order and deleted in reverse; the first depends on nothing, a later one may on earlier ones.
    `many(n)` is a sample with number n, all alike, that depends on nothing; `losing(n)` opens a provider whose list answers after the
    n-th are lost; `refused` is an operation that the platform refuses. `repeats`: the platform does an operation with one key once.
    `behind(rules)` opens the same live system behind a fault proxy (`testing.faults`) with these rules, with a short `max_wait`.
    """

    open: Open
    kinds: Kinds
    samples: tuple[Sample, ...]
    many: Callable[[int], Sample] | None = None
    losing: Callable[[int], AbstractContextManager[Provider]] | None = None
    refused: Operation | None = None
    repeats: bool = False
    behind: Callable[[Sequence[Rule]], AbstractContextManager[Provider]] | None = None


def reads_one_result_for_each_kind(subject: Subject) -> None:
    """In the order asked for, each with addresses of its kind only."""
    with subject.open() as provider:
        asked = [name for name in subject.kinds if _reads(provider, name)]
        results = list(provider.read(asked))
        assert [r.kind for r in results] == asked, f"asked for {asked}, got {[r.kind for r in results]}"
        for result in results:
            assert result.complete, f"{result.kind} is incomplete: {result.problem}"
            assert all(kind_of(a) == result.kind for a in result.resources), f"{result.kind} has addresses of other kinds"


def gives_back_what_was_created(subject: Subject) -> None:
    with _created(subject) as provider:
        for sample in subject.samples:
            live = _live(provider, sample.address)
            assert live is not None, f"{sample.address} was created and is not there"
            _holds(sample.address, live.attributes, sample.attributes)


def refuses_to_create_what_exists(subject: Subject) -> None:
    """`stale`, and nothing is overwritten: another one made it meanwhile."""
    with _created(subject) as provider:
        sample = subject.samples[0]
        before = _live(provider, sample.address)
        [result] = provider.write([_create(Sample(sample.address, {**sample.attributes, **sample.patch}))])
        assert result.status == "stale", f"creating {sample.address} again is {result.status}, not stale"
        assert _live(provider, sample.address) == before, f"creating {sample.address} again changed it"


def changes_only_what_a_patch_names(subject: Subject) -> None:
    with _created(subject) as provider:
        for sample in _changing(subject):
            live = _live(provider, sample.address)
            assert live is not None
            [result] = provider.write([_change(sample, live)])
            assert result.status == "done", f"changing {sample.address} is {result.status}: {result.detail}"
            after = _live(provider, sample.address)
            assert after is not None
            assert after.id == live.id, f"{sample.address} got another id by a change"
            _holds(sample.address, after.attributes, sample.patched)


def refuses_to_change_what_was_changed_meanwhile(subject: Subject) -> None:
    """With the etag of before, an update and a delete are `stale`."""
    with _created(subject) as provider:
        for sample in _changing(subject) if provider.capabilities.optimistic_locking else ():
            live = _live(provider, sample.address)
            assert live is not None
            assert live.etag, f"{sample.address} has no etag, but optimistic_locking is declared"
            [first] = provider.write([_change(sample, live)])
            assert first.status == "done", first.detail
            for late in (_change(sample, live), replace(_delete(sample.address), etag=live.etag, id=live.id)):
                [second] = provider.write([late])
                assert second.status == "stale", f"{late.action} of {sample.address} on an old etag is {second.status}"
            after = _live(provider, sample.address)
            assert after is not None, f"a stale delete removed {sample.address}"
            _holds(sample.address, after.attributes, sample.patched)


def deletes_and_says_done_for_what_is_gone(subject: Subject) -> None:
    with _created(subject) as provider:
        for sample in reversed(subject.samples):
            for attempt in ("first", "second"):
                [result] = provider.write([_delete(sample.address)])
                assert result.status == "done", f"the {attempt} delete of {sample.address} is {result.status}: {result.detail}"
            assert _live(provider, sample.address) is None, f"{sample.address} was deleted and is still there"


def never_raises_for_a_refusal(subject: Subject) -> None:
    """It is `failed` with a sentence, and what stands before and behind it in the same call is done."""
    if subject.refused is None:
        return
    with subject.open() as provider:
        first, *_ = subject.samples
        results = _write(provider, [_create(first), subject.refused, _delete(first.address)])
        assert [r.status for r in results] == ["done", "failed", "done"], f"got {[r.status for r in results]}"
        assert results[1].detail, "a failed operation says why"
        assert _live(provider, first.address) is None


def says_stale_for_a_change_of_what_is_gone(subject: Subject) -> None:
    with subject.open() as provider:
        for sample in _changing(subject):
            [result] = provider.write([_change(sample, Live({}, id="gone", etag="gone"))])
            assert result.status == "stale", f"changing {sample.address}, which is not there, is {result.status}"


def does_operations_in_their_order(subject: Subject) -> None:
    """Parents and children may come in one call."""
    with subject.open() as provider:
        for result in _write(provider, [*map(_create, subject.samples), *(_delete(s.address) for s in reversed(subject.samples))]):
            assert result.status == "done", result.detail
        assert all(_live(provider, s.address) is None for s in subject.samples)


def does_one_operation_once(subject: Subject) -> None:
    """The same key again is the same operation: it is done, and was not done twice."""
    if not subject.repeats:
        return
    with subject.open() as provider:
        sample = subject.samples[0]
        create = _create(sample)
        first, second = *provider.write([create]), *provider.write([create])
        assert (first.status, second.status) == ("done", "done"), f"a repeated create is {second.status}: {second.detail}"
        assert first.etag == second.etag, "a repeated create made something else"
        provider.write([_delete(sample.address)])


def renames_without_making_anew(subject: Subject) -> None:
    with _created(subject) as provider:
        for sample in subject.samples:
            if sample.renamed is None:
                continue
            before = _live(provider, sample.address)
            assert before is not None
            there = Operation("update", sample.renamed, {}, before.etag, before.id, _key(), sample.address)
            assert [r.status for r in provider.write([there])] == ["done"]
            after = _live(provider, sample.renamed)
            assert after is not None, f"{sample.address} was renamed to {sample.renamed}, which is not there"
            assert (after.id, after.attributes) == (before.id, before.attributes), "a rename keeps the resource as it is"
            assert _live(provider, sample.address) is None, f"{sample.address} was renamed and is still there"
            back = Operation("update", sample.address, {}, after.etag, after.id, _key(), sample.renamed)
            assert [r.status for r in provider.write([back])] == ["done"]


def reads_every_page(subject: Subject) -> None:
    with _crowd(subject, 2) as (provider, addresses):
        result = _read(provider, addresses)
        assert result.complete, result.problem
        assert set(addresses) <= set(result.resources), f"{len(set(addresses) - set(result.resources))} are missing"


def is_never_complete_without_a_page(subject: Subject) -> None:
    """What cannot be read whole is marked as incomplete, with a sentence that says why."""
    with _crowd(subject, 2) as (_, addresses):
        if subject.losing is None or not addresses:
            return
        with subject.losing(1) as provider:
            result = _read(provider, addresses)
            assert not result.complete, "a page was lost, and the read is complete"
            assert result.problem, "an incomplete read says why"


def tells_who_changed_what(subject: Subject) -> None:
    """Where it declares an audit log: the newest event first, with what was changed unless it tells no values; also of what is gone."""
    with _created(subject) as provider:
        if not provider.capabilities.audit_log:
            return
        for sample in _changing(subject):
            live = _live(provider, sample.address)
            assert live is not None
            provider.write([_change(sample, live)])
            newest = _newest(provider, sample.address)
            tells = newest.before is not None or newest.after is not None
            same = [n for n in sample.patch if tells and (newest.before or {}).get(n) == (newest.after or {}).get(n)]
            assert not same, f"{sample.address}: its newest event does not show the change of {same}"
        gone = subject.samples[-1].address
        provider.write([_delete(gone)])
        assert _newest(provider, gone).after is None, f"{gone} was deleted, and its newest event is another one"


def _newest(provider: Provider, address: Address) -> Event:
    events = provider.events([address]).get(address)
    assert events, f"{address} was changed, and its audit log is empty"
    assert events[0].actor and events[0].time, f"{address}: an event says who it was, and when"
    return events[0]


def names_its_system_the_same_each_time(subject: Subject) -> None:
    with subject.open() as first, subject.open() as second:
        assert first.system, "the system has a name"
        assert first.system == second.system, f"{first.system} is {second.system} when it is opened again"
        assert "@" not in first.system, "no credentials in the name"


def reads_right_or_says_so_under_faults(subject: Subject) -> None:
    """Whatever the live system does to the answers, what is called complete is complete and right; the rest is told in a sentence."""
    if subject.behind is None:
        return
    with _created(subject) as provider:
        kinds = sorted({kind_of(s.address) for s in subject.samples})
        right = {r.kind: r.resources for r in provider.read(kinds)}
        for name, rules in catalogue.READS.items():
            try:
                with subject.behind(rules) as faulty:
                    for result in faulty.read(kinds):
                        told = result.resources == right[result.kind] if result.complete else bool(result.problem)
                        assert told, f"under {name!r} the read of {result.kind} is complete and wrong, or incomplete without a word"
            except ProviderError as error:
                assert error.message, f"under {name!r} the read fails without a word"


def writes_what_it_says_under_faults(subject: Subject) -> None:
    """`done` is done, `failed` is not done, and what cannot be known is `unknown`. Nothing is `stale`: nobody else writes."""
    if subject.behind is None:
        return
    sample = subject.samples[0]
    for name, rules in catalogue.WRITES.items():
        with _created(replace(subject, samples=(sample,))) as provider:
            live = _live(provider, sample.address)
            assert live is not None
            changed = [_change(sample, live)] if sample.patch else []
            for operation in (*changed, _delete(sample.address), _create(sample)):
                before = _live(provider, sample.address)
                with subject.behind(rules) as faulty:
                    [result] = faulty.write([operation])
                _tells_what_it_did(name, sample, operation, result, before, _live(provider, sample.address))
                if operation.action == "delete":
                    provider.write([_delete(sample.address)])


def _tells_what_it_did(name: str, sample: Sample, o: Operation, result: Result, before: Live | None, after: Live | None) -> None:
    said = f"under {name!r} the {o.action} of {sample.address} is {result.status} ({result.detail})"
    assert result.status != "stale", f"{said}: nobody else wrote"
    if result.status == "failed":
        assert result.detail, f"{said}, without a word"
        assert after == before, f"{said}, and was done"
    if result.status == "done" and o.action == "delete":
        assert after is None, f"{said}, and it is there"
    elif result.status == "done":
        assert after is not None, f"{said}, and it is not there"
        _holds(sample.address, after.attributes, sample.attributes if o.action == "create" else sample.patched)


CHECKS: tuple[Callable[[Subject], None], ...] = (
    names_its_system_the_same_each_time,
    reads_one_result_for_each_kind,
    gives_back_what_was_created,
    refuses_to_create_what_exists,
    changes_only_what_a_patch_names,
    refuses_to_change_what_was_changed_meanwhile,
    deletes_and_says_done_for_what_is_gone,
    never_raises_for_a_refusal,
    says_stale_for_a_change_of_what_is_gone,
    does_operations_in_their_order,
    does_one_operation_once,
    renames_without_making_anew,
    tells_who_changed_what,
    reads_every_page,
    is_never_complete_without_a_page,
    reads_right_or_says_so_under_faults,
    writes_what_it_says_under_faults,
)


def run(subject: Subject) -> None:
    """All checks, one after the other. Raises the first `AssertionError`."""
    for check in CHECKS:
        check(subject)


def _key() -> str:
    """Of its own for each operation: a platform that remembers keys would answer a second one from memory."""
    return f"contract-{uuid4().hex}"


def _create(sample: Sample) -> Operation:
    return Operation("create", sample.address, sample.attributes, key=_key())


def _change(sample: Sample, live: Live) -> Operation:
    return Operation("update", sample.address, sample.patch, live.etag, live.id, _key())


def _delete(address: Address) -> Operation:
    return Operation("delete", address, key=_key())


def _reads(provider: Provider, kind: str) -> bool:
    capability = provider.capabilities.of(kind)
    return capability is not None and capability.read == "api"


def _changing(subject: Subject) -> Iterator[Sample]:
    return (s for s in subject.samples if s.patch)


def _write(provider: Provider, operations: Sequence[Operation]) -> list[Result]:
    """In calls of the size that the provider declares."""
    size = max(1, provider.capabilities.batch)
    results: list[Result] = []
    for at in range(0, len(operations), size):
        chunk = operations[at : at + size]
        answered = provider.write(chunk)
        assert len(answered) == len(chunk), f"{len(chunk)} operations, {len(answered)} results"
        results.extend(answered)
    return results


@contextmanager
def _created(subject: Subject) -> Iterator[Provider]:
    """The samples are there inside, and gone afterwards."""
    with subject.open() as provider:
        try:
            for s in subject.samples:
                [result] = provider.write([_create(s)])
                assert result.status == "done", f"creating {s.address} is {result.status}: {result.detail}"
            yield provider
        finally:
            for s in reversed(subject.samples):
                provider.write([_delete(s.address)])


@contextmanager
def _crowd(subject: Subject, pages: int) -> Iterator[tuple[Provider, list[Address]]]:
    """More resources of one kind than `pages - 1` pages hold; none where the subject has no `many`."""
    with subject.open() as provider:
        number = provider.capabilities.page * (pages - 1) + 1
        crowd = [subject.many(n) for n in range(number)] if subject.many else []
        try:
            for result in _write(provider, [_create(s) for s in crowd]):
                assert result.status == "done", result.detail
            yield provider, [s.address for s in crowd]
        finally:
            _write(provider, [_delete(s.address) for s in crowd])


def _read(provider: Provider, addresses: Sequence[Address]) -> Any:
    kind = kind_of(addresses[0]) if addresses else ""
    return next(iter(provider.read([kind]))) if kind else _NOTHING


class _Nothing(Struct, frozen=True):
    complete: bool = True
    problem: str = ""
    resources: dict[Address, Live] = {}


_NOTHING = _Nothing()


def _live(provider: Provider, address: Address) -> Live | None:
    [result] = provider.read([kind_of(address)])
    assert result.complete, result.problem
    return result.resources.get(address)


def _holds(address: Address, live: Attributes, wanted: Attributes) -> None:
    wrong = {n: (v, live.get(n)) for n, v in wanted.items() if live.get(n) != v}
    assert not wrong, f"{address}: (wanted, is) {wrong}"
