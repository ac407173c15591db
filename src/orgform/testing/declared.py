"""The checks of the contract suite that hold a provider against its own declaration: kinds, verbs, attributes, roles, challenges.

Invariant: an operation is only called refused where it failed with a sentence and the live system is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orgform.config.gate import is_valid
from orgform.errors import ProviderError
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attributes, Live, kind_of
from orgform.providers.base import Operation, Provider, RoleNames, Verb
from orgform.testing.subjects import Sample, Subject, capability, created, key, live, reach, reads

VERBS: tuple[Verb, ...] = ("create", "update", "delete")


def gives_what_its_kinds_allow(subject: Subject) -> None:
    """What a read gives has the kind's attributes, of the types that its schema says; sets are sorted, and no secret is among them."""
    with created(subject) as provider:
        kinds = [kind for kind in (*subject.kinds, *subject.kinds.facets) if reads(provider, kind)]
        for result in provider.read(kinds):
            kind = subject.kinds[result.kind]
            for address, found in sorted(result.resources.items()):
                wrong = [*_misplaced(address, kind), *_wrong(kind, found.attributes, kind.managed), *_sets(kind, found.attributes)]
                wrong += _wrong(kind, found.observed, kind.observed)
                assert not wrong, f"{address}: {'; '.join(wrong)}"


def maps_roles_both_ways(subject: Subject) -> None:
    """Every role of the platform has one name in a config, which stands for it again."""
    spec = subject.spec
    if spec is None:
        return
    roles = RoleNames(spec.roles, subject.platform.roles if subject.platform else {}, spec.name)
    for scope in sorted({*spec.roles.names, *spec.roles.usual}):
        closed = spec.roles.names.get(scope, ())
        for ours, theirs in sorted(roles.known(scope).items()):
            assert not closed or theirs in closed, f"{scope}: {ours} is {theirs!r} there, which is none of its roles: {', '.join(closed)}"
            assert roles.back(scope, theirs) == ours, f"{scope}: {ours} is {theirs!r} there, which is {roles.back(scope, theirs)} here"
        for theirs in closed:
            back = roles.out(scope, roles.back(scope, theirs))
            assert back == theirs, f"{scope}: {theirs!r} is {roles.back(scope, theirs)} here, which is {back!r} there"


def refuses_what_it_does_not_declare(subject: Subject) -> None:
    """Nothing of orgform sends what the declaration calls manual or none. Sent all the same, it is `failed` with a sentence."""
    with created(subject) as provider:
        for operation in _undeclared(provider, subject):
            seen = reads(provider, kind_of(operation.address))
            before = live(provider, operation.address) if seen else None
            [result] = provider.write([operation])
            said = f"the {operation.action} of {operation.address}, which is not declared as done by API, is {result.status}"
            assert result.status == "failed", said
            assert result.detail, f"{said}, without a word"
            if seen:
                after = live(provider, operation.address)
                assert _plain(after) == _plain(before), f"{said}, and was done"


def never_writes_what_it_only_reads(subject: Subject) -> None:
    """A change of an attribute that is not the API's to change leaves it as it was, whatever the result is."""
    with created(subject) as provider:
        for sample in subject.samples:
            if not reads(provider, kind_of(sample.address)):
                continue
            found = live(provider, sample.address)
            can = capability(provider, sample.address)
            for name in sorted(can.fields):
                value = (found.attributes if found else {}).get(name)
                if found and can.fields[name] != "api" and isinstance(value, str | bool | int):
                    patch = {name: f"{value} changed" if isinstance(value, str) else not value if isinstance(value, bool) else value + 1}
                    [result] = provider.write([Operation("update", sample.address, patch, found.etag, found.id, key())])
                    after = live(provider, sample.address)
                    is_now = after.attributes.get(name) if after else None
                    said = f"{sample.address}: `{name}` is declared as {can.fields[name]}"
                    assert is_now == value, f"{said}, and was changed from {value!r} to {is_now!r}"
                    assert result.status == "failed", f"{said}, and changing it is {result.status}"


def tells_what_proves_a_domain(subject: Subject) -> None:
    """Where it knows challenges: each is of a domain that is there, and what is not verified says which record it needs."""
    with created(subject) as provider:
        for challenge in provider.challenges():
            if reads(provider, kind_of(challenge.address)):
                assert live(provider, challenge.address) is not None, f"a challenge for {challenge.address}, which is not there"
            if challenge.status != "verified":
                assert challenge.record and challenge.value, f"{challenge.address} is {challenge.status}, and no record would change that"
            try:
                assert provider.verify(challenge.address).address == challenge.address
            except ProviderError as error:
                assert error.message, f"{challenge.address} cannot be verified, without a word"


def _misplaced(address: Address, kind: Kind) -> list[str]:
    parts = address.partition("/")[2].split("/")
    single = kind.singleton and not kind.parent
    return [] if single or len(parts) == kind.depth else [f"its key has {len(parts)} parts, a {kind.name} has {kind.depth}"]


def _wrong(kind: Kind, attributes: Attributes, allowed: tuple[str, ...]) -> Iterator[str]:
    for name, value in attributes.items():
        if name not in allowed:
            yield f"a {kind.name} has no attribute `{name}` that is read there; it has {', '.join(allowed) or 'none'}"
        elif name in kind.sensitive:
            yield f"`{name}` is a secret, which is never read back"
        elif value is not None and not is_valid(value, dict(kind.properties[name])):
            yield f"`{name}` is {value!r}, which the kind's schema does not allow"


def _sets(kind: Kind, attributes: Attributes) -> Iterator[str]:
    for path in kind.sets:
        value: Any = attributes
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None and value != sorted(set(value)):
            yield f"`{'.'.join(path)}` is a set, written as a sorted list without repeats"


def _undeclared(provider: Provider, subject: Subject) -> Iterator[Operation]:
    """One operation for each verb of each kind that the declaration does not give to the API."""
    for name in _kinds(provider, subject.kinds):
        kind = subject.kinds[name]
        sample = next((s for s in subject.samples if kind_of(s.address) == name), None)
        for verb in VERBS:
            address = sample.address if sample and verb != "create" else kind.address(*["contract-refused"] * kind.depth)
            if reach(provider.capabilities, address, verb) != "api":
                found = live(provider, address) if sample and verb != "create" and reads(provider, name) else None
                attributes = _attributes(provider, kind, verb, sample)
                if attributes is not None:
                    yield Operation(verb, address, attributes, found.etag if found else None, found.id if found else "", key())


def _kinds(provider: Provider, kinds: Kinds) -> list[str]:
    return list(kinds) if provider.capabilities.kinds is None else [*kinds, *kinds.facets]


def _attributes(provider: Provider, kind: Kind, verb: Verb, sample: Sample | None) -> Attributes | None:
    """What such an operation may carry: for an update, attributes that are not the API's. None where there is none."""
    if verb == "delete":
        return {}
    can = capability(provider, f"{kind.name}/x")
    if verb == "create":
        return dict(sample.attributes) if sample else dict.fromkeys(kind.required, "x")
    name = next((n for n in kind.managed if can.field(n, verb) != "api"), None)
    return None if name is None else {name: (sample.patch if sample else {}).get(name, "x")}


def _plain(found: Live | None) -> Attributes | None:
    return found.attributes if found else None
