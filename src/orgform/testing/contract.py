"""The provider contract as checks that any provider can be run through. No test framework is needed.

    @pytest.mark.parametrize("check", contract.checks(spec), ids=lambda check: check.__name__)
    def test_contract(check, subject): check(subject)

Which checks there are follows from the provider's declaration: what it does not say that it does is not asked of it, and what it says
that it cannot do, it must refuse.

Invariant: a check leaves the live system as it found it, if the provider keeps the contract; it raises `AssertionError` if not. What a
subject says nothing about (no `renamed`, no `losing`...) is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orgform.codec import Struct, replace
from orgform.model import Address, Live, kind_of
from orgform.providers.base import Capabilities, Event, Operation, Provider, ProviderSpec
from orgform.testing.declared import (
    gives_what_its_kinds_allow,
    maps_roles_both_ways,
    never_writes_what_it_only_reads,
    refuses_what_it_does_not_declare,
    tells_what_proves_a_domain,
)
from orgform.testing.flows import converges, deletes_nothing_that_it_did_not_read
from orgform.testing.subjects import (
    Sample,
    Subject,
    capability,
    change,
    changing,
    create,
    created,
    crowd,
    delete,
    doable,
    holds,
    key,
    live,
    of,
    only,
    open_provider,
    reads,
    without_api,
    write,
)
from orgform.testing.underfaults import makes_nothing_twice, reads_right_or_says_so_under_faults, writes_what_it_says_under_faults

__all__ = ["CHECKS", "Check", "Sample", "Subject", "checks", "of", "open_provider", "run", "without_api"]

Check = Callable[[Subject], None]


def reads_one_result_for_each_kind(subject: Subject) -> None:
    """In the order asked for, each with addresses of its kind only."""
    with subject.open() as provider:
        asked = [name for name in (*subject.kinds, *subject.kinds.facets) if reads(provider, name)]
        results = list(provider.read(asked))
        assert [r.kind for r in results] == asked, f"asked for {asked}, got {[r.kind for r in results]}"
        for result in results:
            assert result.complete, f"{result.kind} is incomplete: {result.problem}"
            assert all(kind_of(a) == result.kind for a in result.resources), f"{result.kind} has addresses of other kinds"


def gives_back_what_was_created(subject: Subject) -> None:
    with created(subject) as provider:
        for sample in _seen(provider, subject.samples):
            found = live(provider, sample.address)
            assert found is not None, f"{sample.address} was created and is not there"
            holds(sample.address, found.attributes, sample.attributes, capability(provider, sample.address))


def refuses_to_create_what_exists(subject: Subject) -> None:
    """`stale` where it differs, and nothing is overwritten: another one made it meanwhile. The next plan adopts it."""
    with created(subject) as provider:
        for sample in doable(provider, subject, "create")[:1]:
            before = live(provider, sample.address)
            [result] = provider.write([create(Sample(sample.address, {**sample.attributes, **sample.patch}))])
            assert result.status == "stale", f"creating {sample.address} again is {result.status}, not stale"
            assert live(provider, sample.address) == before, f"creating {sample.address} again changed it"


def adopts_what_exists_just_so(subject: Subject) -> None:
    """What exists identically may be called `done`, or `stale`; it is not made twice, and nothing of it changes."""
    with created(subject) as provider:
        for sample in _seen(provider, doable(provider, subject, "create")):
            before = live(provider, sample.address)
            [result] = provider.write([create(sample)])
            assert result.status in ("done", "stale"), f"creating {sample.address} as it is there is {result.status}: {result.detail}"
            after = live(provider, sample.address)
            assert before and after and (after.id, after.attributes) == (before.id, before.attributes), (
                f"creating {sample.address} as it is there changed it"
            )


def changes_only_what_a_patch_names(subject: Subject) -> None:
    with created(subject) as provider:
        for sample in changing(provider, subject):
            found = live(provider, sample.address)
            assert found is not None
            [result] = provider.write([change(sample, found)])
            assert result.status == "done", f"changing {sample.address} is {result.status}: {result.detail}"
            after = live(provider, sample.address)
            assert after is not None
            assert after.id == found.id, f"{sample.address} got another id by a change"
            left = {n: v for n, v in found.attributes.items() if n not in sample.patch}
            holds(sample.address, after.attributes, {**left, **sample.patched})


def refuses_to_change_what_was_changed_meanwhile(subject: Subject) -> None:
    """With the etag of before, an update and a delete are `stale`. Asked of what declares locks or re-reads, and where an etag is given."""
    with created(subject) as provider:
        can = provider.capabilities
        for sample in changing(provider, subject):
            found = live(provider, sample.address)
            assert found is not None
            if not found.etag:
                assert not can.optimistic_locking, f"{sample.address} has no etag, but optimistic_locking is declared"
                assert not can.rereads, f"{sample.address} has no etag to tell by what it was like, but rereads is declared"
                continue
            [first] = provider.write([change(sample, found)])
            assert first.status == "done", first.detail
            removed = sample in doable(provider, subject, "delete")
            for late in (change(sample, found), *([delete(sample.address, found)] if removed else ())):
                [second] = provider.write([late])
                assert second.status == "stale", f"{late.action} of {sample.address} on an old etag is {second.status}"
            after = live(provider, sample.address)
            assert after is not None, f"a stale delete removed {sample.address}"
            holds(sample.address, after.attributes, sample.patched)


def deletes_and_says_done_for_what_is_gone(subject: Subject) -> None:
    with created(subject) as provider:
        for sample in reversed(doable(provider, subject, "delete")):
            found = live(provider, sample.address) if reads(provider, kind_of(sample.address)) else None
            for attempt in ("first", "second"):
                [result] = provider.write([delete(sample.address, replace(found, etag=None) if found else None)])
                assert result.status == "done", f"the {attempt} delete of {sample.address} is {result.status}: {result.detail}"
            if found:
                assert live(provider, sample.address) is None, f"{sample.address} was deleted and is still there"


def never_raises_for_a_refusal(subject: Subject) -> None:
    """It is `failed` with a sentence, and what stands before and behind it in the same call is done."""
    if subject.refused is None:
        return
    with created(only(subject, ())) as provider:
        both = [s for s in doable(provider, subject, "create") if s in doable(provider, subject, "delete")][:1]
        around = [[create(s) for s in both], [delete(s.address) for s in both]]
        results = write(provider, [*around[0], subject.refused, *around[1]])
        wanted = ["done", "failed", "done"] if both else ["failed"]
        assert [r.status for r in results] == wanted, f"got {[(r.status, r.detail) for r in results]}"
        assert results[len(both)].detail, "a failed operation says why"
        assert all(live(provider, s.address) is None for s in both)


def says_stale_for_a_change_of_what_is_gone(subject: Subject) -> None:
    with created(only(subject, ())) as provider:
        for sample in doable(provider, subject, "update"):
            if not sample.there:
                [result] = provider.write([change(sample, Live({}, id="gone", etag="gone"))])
                assert result.status == "stale", f"changing {sample.address}, which is not there, is {result.status}"


def does_operations_in_their_order(subject: Subject) -> None:
    """Parents and children may come in one call."""
    with created(only(subject, ())) as provider:
        made = doable(provider, subject, "create")
        gone = doable(provider, subject, "delete")
        for result in write(provider, [*map(create, made), *(delete(s.address) for s in reversed(gone) if s in made)]):
            assert result.status == "done", result.detail
        assert all(live(provider, s.address) is None for s in _seen(provider, gone) if s in made)


def does_one_operation_once(subject: Subject) -> None:
    """The same key again is the same operation: it is done, and was not done twice."""
    if not subject.repeats:
        return
    with created(only(subject, ())) as provider:
        sample = subject.samples[0]
        again = create(sample)
        first, second = *provider.write([again]), *provider.write([again])
        assert (first.status, second.status) == ("done", "done"), f"a repeated create is {second.status}: {second.detail}"
        assert first.etag == second.etag, "a repeated create made something else"
        provider.write([delete(sample.address)])


def renames_without_making_anew(subject: Subject) -> None:
    with created(subject) as provider:
        for sample in subject.samples:
            if sample.renamed is None:
                continue
            before = live(provider, sample.address)
            assert before is not None
            there = Operation("update", sample.renamed, {}, before.etag, before.id, key(), sample.address)
            assert [r.status for r in provider.write([there])] == ["done"]
            after = live(provider, sample.renamed)
            assert after is not None, f"{sample.address} was renamed to {sample.renamed}, which is not there"
            assert (after.id, after.attributes) == (before.id, before.attributes), "a rename keeps the resource as it is"
            assert live(provider, sample.address) is None, f"{sample.address} was renamed and is still there"
            back = Operation("update", sample.address, {}, after.etag, after.id, key(), sample.renamed)
            assert [r.status for r in provider.write([back])] == ["done"]


def reads_every_page(subject: Subject) -> None:
    with crowd(subject, 2) as (provider, addresses):
        result = _read(provider, addresses)
        assert result.complete, result.problem
        assert set(addresses) <= set(result.resources), f"{len(set(addresses) - set(result.resources))} are missing"


def is_never_complete_without_a_page(subject: Subject) -> None:
    """What cannot be read whole is marked as incomplete, with a sentence that says why."""
    with crowd(subject, 2) as (_, addresses):
        if subject.losing is None or not addresses:
            return
        with subject.losing(1) as provider:
            result = _read(provider, addresses)
            assert not result.complete, "a page was lost, and the read is complete"
            assert result.problem, "an incomplete read says why"


def tells_who_changed_what(subject: Subject) -> None:
    """Where it declares an audit log: the newest event first, with what was changed unless it tells no values; also of what is gone."""
    with created(subject) as provider:
        if not provider.capabilities.audit_log:
            return
        for sample in changing(provider, subject):
            found = live(provider, sample.address)
            assert found is not None
            provider.write([change(sample, found)])
            newest = _newest(provider, sample.address)
            tells = newest.before is not None or newest.after is not None
            same = [n for n in sample.patch if tells and (newest.before or {}).get(n) == (newest.after or {}).get(n)]
            assert not same, f"{sample.address}: its newest event does not show the change of {same}"
        for sample in doable(provider, subject, "delete")[-1:]:
            provider.write([delete(sample.address)])
            newest = _newest(provider, sample.address)
            assert newest.after is None, f"{sample.address} was deleted, and its newest event is another one"


def names_its_system_the_same_each_time(subject: Subject) -> None:
    with subject.open() as first, subject.open() as second:
        assert first.system, "the system has a name"
        assert first.system == second.system, f"{first.system} is {second.system} when it is opened again"
        assert "@" not in first.system, "no credentials in the name"


CHECKS: tuple[Check, ...] = (
    names_its_system_the_same_each_time,
    reads_one_result_for_each_kind,
    gives_what_its_kinds_allow,
    maps_roles_both_ways,
    gives_back_what_was_created,
    refuses_to_create_what_exists,
    adopts_what_exists_just_so,
    changes_only_what_a_patch_names,
    refuses_what_it_does_not_declare,
    never_writes_what_it_only_reads,
    refuses_to_change_what_was_changed_meanwhile,
    deletes_and_says_done_for_what_is_gone,
    never_raises_for_a_refusal,
    says_stale_for_a_change_of_what_is_gone,
    does_operations_in_their_order,
    does_one_operation_once,
    renames_without_making_anew,
    tells_who_changed_what,
    tells_what_proves_a_domain,
    reads_every_page,
    is_never_complete_without_a_page,
    reads_right_or_says_so_under_faults,
    writes_what_it_says_under_faults,
    makes_nothing_twice,
    converges,
    deletes_nothing_that_it_did_not_read,
)

_VERBS: dict[Check, tuple[str, ...]] = {
    gives_back_what_was_created: ("create",),
    refuses_to_create_what_exists: ("create",),
    adopts_what_exists_just_so: ("create",),
    does_operations_in_their_order: ("create",),
    does_one_operation_once: ("create",),
    reads_every_page: ("create",),
    is_never_complete_without_a_page: ("create",),
    makes_nothing_twice: ("create",),
    deletes_and_says_done_for_what_is_gone: ("delete",),
    refuses_to_change_what_was_changed_meanwhile: ("update",),
    says_stale_for_a_change_of_what_is_gone: ("update",),
    never_raises_for_a_refusal: ("create", "update", "delete"),
    tells_who_changed_what: ("update", "delete"),
    renames_without_making_anew: ("update",),
    writes_what_it_says_under_faults: ("create", "update", "delete"),
    never_writes_what_it_only_reads: ("update",),
}


def checks(spec: ProviderSpec) -> tuple[Check, ...]:
    """The checks that follow from what a provider declares: a platform that nothing is deleted on has none about deletes."""
    can = spec.capabilities
    left_out = {check for check, verbs in _VERBS.items() if not any(_by_api(can, verb) for verb in verbs)}
    if not can.audit_log:
        left_out.add(tells_who_changed_what)
    if not (spec.roles.names or spec.roles.usual):
        left_out.add(maps_roles_both_ways)
    if can.idempotency != "none":
        left_out.add(makes_nothing_twice)
    return tuple(check for check in CHECKS if check not in left_out)


def run(subject: Subject) -> None:
    """All checks, one after the other. Raises the first `AssertionError`."""
    for check in CHECKS:
        check(subject)


def _by_api(can: Capabilities, verb: str) -> bool:
    """Whether it is done by API to any kind, or (an update) to any attribute of one."""
    kinds = can.kinds
    return kinds is None or any(
        getattr(kind, verb) == "api" or (verb == "update" and "api" in kind.fields.values()) for kind in kinds.values()
    )


def _newest(provider: Provider, address: Address) -> Event:
    events = provider.events([address]).get(address)
    assert events, f"{address} was changed, and its audit log is empty"
    assert events[0].actor and events[0].time, f"{address}: an event says who it was, and when"
    return events[0]


def _seen(provider: Provider, samples: Sequence[Sample]) -> list[Sample]:
    return [s for s in samples if reads(provider, kind_of(s.address))]


def _read(provider: Provider, addresses: Sequence[Address]) -> Any:
    kind = kind_of(addresses[0]) if addresses else ""
    return next(iter(provider.read([kind]))) if kind else _NOTHING


class _Nothing(Struct, frozen=True):
    complete: bool = True
    problem: str = ""
    resources: dict[Address, Live] = {}


_NOTHING = _Nothing()
