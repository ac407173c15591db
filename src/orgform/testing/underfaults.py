"""The checks of the contract suite that put a provider behind the fault proxy.

Invariant: what must hold is the same under every fault of the catalogue: the whole truth, or a word that it is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from orgform.errors import ProviderError
from orgform.model import Live, kind_of
from orgform.providers.base import Operation, Provider, Result
from orgform.testing import catalogue
from orgform.testing.faults import Reset, Rule
from orgform.testing.subjects import (
    Sample,
    Subject,
    capability,
    change,
    changing,
    create,
    created,
    delete,
    doable,
    holds,
    live,
    only,
    reads,
)


def reads_right_or_says_so_under_faults(subject: Subject) -> None:
    """Whatever the live system does to the answers, what is called complete is complete and right; the rest is told in a sentence."""
    if subject.behind is None:
        return
    with created(subject) as provider:
        kinds = sorted({kind_of(s.address) for s in subject.samples if reads(provider, kind_of(s.address))}) or _some(provider, subject)
        right = {r.kind: r.resources for r in provider.read(kinds)}
        for name, rules in catalogue.READS.items():
            if name in subject.blind:
                continue
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
    needed, sample = _probe(subject)
    if sample is None:
        return
    for name, rules in catalogue.WRITES.items():
        with created(needed) as provider:
            for operation in _operations(provider, needed, sample):
                before = live(provider, sample.address)
                with subject.behind(rules) as faulty:
                    [result] = faulty.write([operation])
                _tells_what_it_did(name, provider, sample, operation, result, before, live(provider, sample.address))
                if operation.action == "delete":
                    provider.write([delete(sample.address)])


def makes_nothing_twice(subject: Subject) -> None:
    """Where a platform does not know a repeated create: one whose answer was lost is not sent again."""
    if subject.platform is None or subject.behind is None or subject.reset is None:
        return
    fake = subject.platform.fake
    with subject.open() as provider:
        chosen = doable(provider, subject, "create")
    for sample in chosen:
        above = subject.samples[: subject.samples.index(sample)]
        writes = []
        for rules in ((), (Rule(Reset(acted=True), "POST"),)):
            with created(only(subject, above)), subject.behind(rules) as faulty:
                sent = len(fake.exchanges)
                [result] = faulty.write([create(sample)])
                writes.append(sum(e.call.method == "POST" and e.told.status < 300 for e in fake.exchanges[sent:]))
                assert not rules or result.status != "stale", f"a create of {sample.address} without an answer is stale: nobody else wrote"
        assert writes[1] <= writes[0], f"a create of {sample.address} whose answer was lost was sent {writes[1]} times, not {writes[0]}"


def _some(provider: Provider, subject: Subject) -> list[str]:
    return [kind for kind in (*subject.kinds, *subject.kinds.facets) if reads(provider, kind)]


def _probe(subject: Subject) -> tuple[Subject, Sample | None]:
    """The sample to which most can be done and which needs least, and the subject with what it needs."""
    with subject.open() as provider:
        lists = (doable(provider, subject, "create"), changing(provider, subject), doable(provider, subject, "delete"))
        can = [(sum(s in some for some in lists), -n) for n, s in enumerate(subject.samples) if reads(provider, kind_of(s.address))]
    most, at = max(can, default=(0, 0))
    return (only(subject, subject.samples[: -at + 1]), subject.samples[-at]) if most else (subject, None)


def _operations(provider: Provider, subject: Subject, sample: Sample) -> Iterator[Operation]:
    found = live(provider, sample.address)
    assert found is not None
    if sample in changing(provider, subject):
        yield change(sample, found)
    if sample in doable(provider, subject, "delete"):
        yield delete(sample.address, Live({}, id=found.id, etag=None))
        if sample in doable(provider, subject, "create"):
            yield create(sample)


def _tells_what_it_did(
    name: str, provider: Provider, sample: Sample, o: Operation, result: Result, before: Live | None, after: Live | None
) -> None:
    said = f"under {name!r} the {o.action} of {sample.address} is {result.status} ({result.detail})"
    assert result.status != "stale", f"{said}: nobody else wrote"
    if result.status == "failed":
        assert result.detail, f"{said}, without a word"
        assert after == before, f"{said}, and was done"
    if result.status == "done" and o.action == "delete":
        assert after is None, f"{said}, and it is there"
    elif result.status == "done":
        assert after is not None, f"{said}, and it is not there"
        wanted = sample.attributes if o.action == "create" else sample.patched
        holds(sample.address, after.attributes, wanted, capability(provider, sample.address))
