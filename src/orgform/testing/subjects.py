"""What the contract suite checks: a provider in front of a live system that may be changed, and what may be done there.

    with Desk().running() as fake:
        subject = of(spec, fake, options=lambda url: {"url": url}, secrets={"token": "t"}, samples=(Sample(...),))

Invariant: a subject made by `of` begins each check with the live system as it was when the subject was made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from orgform.codec import Struct, replace
from orgform.kinds import Kinds, load_kinds
from orgform.model import Address, Attributes, Live, key_of, kind_of
from orgform.providers.base import Capabilities, KindCapability, Operation, Provider, ProviderSpec, Result, RoleNames, TargetContext, Verb
from orgform.testing.faults import Rule, fault_proxy
from orgform.testing.pages import ITEMS_NEXT_TOTAL, Paging
from orgform.testing.platform import FakePlatform

Open = Callable[[], AbstractContextManager[Provider]]
Options = Callable[[str], Mapping[str, Any]]


class Sample(Struct, frozen=True):
    """A resource that may be made and deleted. `patch`: a merge patch that changes it, `patched`: the attributes then.

    `renamed`: another address for it, where it can be renamed. `there`: the live system has it already: it is changed, and neither made
    nor deleted.
    """

    address: Address
    attributes: Attributes = {}
    patch: Attributes = {}
    patched: Attributes = {}
    renamed: Address | None = None
    there: bool = False


class Platform(Struct, frozen=True):
    """What a subject made by `of` was made of, for checks that go through the whole of orgform. `kinds`: what the target takes."""

    spec: ProviderSpec
    fake: FakePlatform
    options: Options
    paging: Paging
    secrets: Mapping[str, str]
    roles: Mapping[str, str]
    kinds: tuple[str, ...]


class Subject(Struct, frozen=True):
    """What is checked. `open` opens the same live system each time.

    `samples` are created in their order and deleted in reverse; the first depends on nothing, a later one may on earlier ones.
    `many(n)` is a sample with number n, all alike, that depends on nothing; `losing(n)` opens a provider whose list answers after the
    n-th are lost; `refused` is an operation that the platform refuses. `repeats`: the platform does an operation with one key once.
    `behind(rules)` opens the same live system behind a fault proxy (`testing.faults`) with these rules, with a short `max_wait`.
    `reset` puts the live system back; without it a check deletes what it made. `platform`: what `of` knows besides. `blind`: faults of
    `testing.catalogue`, by name, that nobody can tell from a right answer there: a platform that says nowhere how many there are.
    `spec`: the declaration, for checks that are about it alone.
    """

    open: Open
    kinds: Kinds
    samples: tuple[Sample, ...] = ()
    many: Callable[[int], Sample] | None = None
    losing: Callable[[int], AbstractContextManager[Provider]] | None = None
    refused: Operation | None = None
    repeats: bool = False
    behind: Callable[[Sequence[Rule]], AbstractContextManager[Provider]] | None = None
    reset: Callable[[], None] | None = None
    platform: Platform | None = None
    blind: frozenset[str] = frozenset()
    spec: ProviderSpec | None = None


def without_api(spec: ProviderSpec, options: Mapping[str, Any]) -> Subject:
    """A subject of a platform that has no API: nothing is read or written, and everything is refused."""
    return Subject(lambda: closing(open_provider(spec, options)), load_kinds(), spec=spec)


def of(
    spec: ProviderSpec,
    fake: FakePlatform,
    options: Options,
    *,
    samples: Iterable[Sample] = (),
    secrets: Mapping[str, str] | None = None,
    many: Callable[[int], Sample] | None = None,
    refused: Operation | None = None,
    paging: Paging = ITEMS_NEXT_TOTAL,
    roles: Mapping[str, str] | None = None,
    kinds: Sequence[str] | None = None,
    blind: Iterable[str] = (),
) -> Subject:
    """A subject of a fake that runs. `options(url)`: the target's options where the live system is at `url`; `secrets`: option -> what it
    is in truth; `blind`, `many`, `refused`, `samples` as in `Subject`; `paging`: what the fault proxy must know of list answers; `kinds`:
    what a target takes in checks that go through the whole of orgform (else: everything that the provider declares)."""
    known, start = tuple(samples), fake.state()
    words = _words(known, many, spec.capabilities.page + 1, load_kinds())

    def opened(url: str) -> AbstractContextManager[Provider]:
        return closing(open_provider(spec, options(url), secrets=secrets or {}, roles=roles or {}, labels=words))

    @contextmanager
    def behind(rules: Sequence[Rule]) -> Iterator[Provider]:
        with fault_proxy(fake.url, rules, paging=paging) as proxy, opened(proxy.url) as provider:
            yield provider

    taken = tuple(kinds if kinds is not None else sorted(spec.capabilities.kinds or load_kinds()))
    return Subject(
        open=lambda: opened(fake.url),
        kinds=load_kinds(),
        samples=known,
        many=many,
        refused=refused,
        behind=behind,
        reset=lambda: fake.restore(start),
        platform=Platform(spec, fake, options, paging, secrets or {}, roles or {}, taken),
        blind=frozenset(blind),
        spec=spec,
    )


def open_provider(
    spec: ProviderSpec,
    options: Mapping[str, Any],
    *,
    secrets: Mapping[str, str] | None = None,
    roles: Mapping[str, str] | None = None,
    labels: Mapping[Address, str] | None = None,
    folder: Path | None = None,
    max_wait: float = 0.01,
) -> Provider:
    """A target of one provider, opened without a config. `labels`: what a config would declare, with what people call it."""
    given, words = secrets or {}, labels or {}
    context = TargetContext(
        name=spec.name,
        options=options,
        folder=folder or Path(),
        kinds=load_kinds(),
        secret=lambda option: given.get(option, ""),
        max_wait=max_wait,
        roles=RoleNames(spec.roles, roles or {}, spec.name),
        labels=lambda system: words,
        known=lambda system: frozenset(words),
    )
    return spec.open(context)


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """These variables are set inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _words(samples: Iterable[Sample], many: Callable[[int], Sample] | None, count: int, kinds: Kinds) -> dict[Address, str]:
    """What a config that declares the samples calls them."""
    crowd = [many(n) for n in range(count)] if many else []
    found: dict[Address, str] = {}
    for sample in (*samples, *crowd):
        label = kinds.of(sample.address).label
        found[sample.address] = str((sample.attributes.get(label) if label else None) or key_of(sample.address).rpartition("/")[2])
    return found


# What checks do


def reach(can: Capabilities, address: str, verb: str) -> str:
    """How the declaration reaches a verb of a resource's kind; `none` where it has no such kind."""
    found = can.of(kind_of(address))
    return str(getattr(found, verb)) if found else "none"


def capability(provider: Provider, address: str) -> KindCapability:
    return provider.capabilities.of(kind_of(address)) or KindCapability("none", "none", "none", "none")


def reads(provider: Provider, kind: str) -> bool:
    """Whether its kind can be read by API or from a file."""
    can = provider.capabilities.of(kind)
    return can is not None and can.readable


def doable(provider: Provider, subject: Subject, verb: Verb) -> list[Sample]:
    """The samples to which the declaration lets an API do this."""
    can = provider.capabilities
    chosen = [s for s in subject.samples if reach(can, s.address, verb) == "api" and not (s.there and verb != "update")]
    return [s for s in chosen if s.patch] if verb == "update" else chosen


def changing(provider: Provider, subject: Subject) -> list[Sample]:
    """Samples with a change that can be done and read: also single attributes of what is else changed by hand."""
    return [s for s in subject.samples if s.patch and reads(provider, kind_of(s.address)) and not unreachable(provider, s.address, s.patch)]


def unreachable(provider: Provider, address: Address, patch: Attributes) -> list[str]:
    """Attributes of a patch that the declaration does not let an API change."""
    can = capability(provider, address)
    return sorted(name for name in patch if can.field(name, "update") != "api")


def key() -> str:
    """Of its own for each operation: a platform that remembers keys would answer a second one from memory."""
    return f"contract-{uuid4().hex}"


def create(sample: Sample) -> Operation:
    return Operation("create", sample.address, sample.attributes, key=key())


def change(sample: Sample, live: Live) -> Operation:
    return Operation("update", sample.address, sample.patch, live.etag, live.id, key())


def delete(address: Address, live: Live | None = None) -> Operation:
    return Operation("delete", address, etag=live.etag if live else None, id=live.id if live else "", key=key())


def write(provider: Provider, operations: Sequence[Operation]) -> list[Result]:
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
def created(subject: Subject) -> Iterator[Provider]:
    """The samples are there inside, and the live system is as before afterwards."""
    if subject.reset:
        subject.reset()
    with subject.open() as provider:
        before = {s.address: live(provider, s.address) for s in subject.samples if s.there and subject.reset is None}
        try:
            _make(provider, subject)
            yield provider
        finally:
            if subject.reset:
                subject.reset()
            else:
                _undo(provider, subject, before)


def _make(provider: Provider, subject: Subject) -> None:
    for s in subject.samples:
        if s.there:
            assert live(provider, s.address) is not None, f"{s.address} should be there (there=True), and is not"
        else:
            how = reach(provider.capabilities, s.address, "create")
            assert how == "api", f"{s.address} cannot be created by API ({how}): let the fake have it, and say there=True"
            [result] = provider.write([create(s)])
            assert result.status == "done", f"creating {s.address} is {result.status}: {result.detail}"


def _undo(provider: Provider, subject: Subject, before: Mapping[Address, Live | None]) -> None:
    for s in reversed(subject.samples):
        was = before.get(s.address)
        if was is None:
            provider.write([delete(s.address)])
        elif (now := live(provider, s.address)) and now.attributes != was.attributes:
            back = {n: was.attributes.get(n) for n in s.patch}
            provider.write([Operation("update", s.address, back, now.etag, now.id, key())])


@contextmanager
def crowd(subject: Subject, pages: int) -> Iterator[tuple[Provider, list[Address]]]:
    """More resources of one kind than `pages - 1` pages hold; none where the subject has no `many`."""
    if subject.reset:
        subject.reset()
    with subject.open() as provider:
        number = provider.capabilities.page * (pages - 1) + 1
        people = [subject.many(n) for n in range(number)] if subject.many else []
        try:
            for result in write(provider, [create(s) for s in people]):
                assert result.status == "done", result.detail
            yield provider, [s.address for s in people]
        finally:
            if subject.reset:
                subject.reset()
            else:
                write(provider, [delete(s.address) for s in people])


def live(provider: Provider, address: Address) -> Live | None:
    [result] = provider.read([kind_of(address)])
    assert result.complete, result.problem
    return result.resources.get(address)


def holds(address: Address, found: Attributes, wanted: Attributes, can: KindCapability | None = None) -> None:
    """Whether it is as it should be: of what an API reads there."""
    seen = {n: v for n, v in wanted.items() if can is None or can.field(n) not in ("attested", "none", "config")}
    wrong = {n: (v, found.get(n)) for n, v in seen.items() if found.get(n) != v and not (v in (None, [], {}) and not found.get(n))}
    assert not wrong, f"{address}: (wanted, is) {wrong}"


def only(subject: Subject, samples: Iterable[Sample]) -> Subject:
    return replace(subject, samples=tuple(samples))
