"""The invariants of a directory that go beyond one resource's shape.

Invariant: nothing here changes anything; each function returns or raises a `Problem`. All of it follows from the kinds' schemas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

from orgform.codec import decode
from orgform.kinds import Reference
from orgform.model import Address, Attributes
from orgform.server.problems import Fault, conflict, invalid, many_faults, pointer
from orgform.server.shape import KindShape, fits
from orgform.server.work import Work

# How many addresses a sentence names before it counts the rest.


def check_references(work: Work, address: Address, attributes: Attributes, asked: Attributes, known: Attributes | None = None) -> None:
    """What the resource names exists, is what it may name, and following it does not come back.

    `asked`: the attributes as the client wrote them, which faults point into. `known`: before, where it was there.
    """
    kinds = work.shapes.kinds
    if known is None:
        for target in work.shapes.identity(address):
            if not _exists(work, target):
                raise invalid("no-such-reference", f"{target} does not exist", "/key")
    old = set() if known is None else set(_named(work, address, known))
    faults = (
        Fault(_at(work, ref, target, asked), detail, code)
        for ref, target in kinds.attribute_references(address, attributes)
        if (ref.path, target) not in old
        for code, detail in _reference_faults(work, address, attributes, ref, target)
    )
    if first := next(faults, None):
        raise many_faults(chain((first,), faults))


def _named(work: Work, address: Address, attributes: Attributes) -> Iterator[tuple[tuple[str, ...], str]]:
    for ref, target in work.shapes.kinds.attribute_references(address, attributes):
        yield ref.path, target


def _exists(work: Work, address: str) -> bool:
    return address in work.shapes.builtin or work.get(address) is not None


def _reference_faults(work: Work, address: str, attributes: Attributes, ref: Reference, target: str) -> Iterator[tuple[str, str]]:
    """Codes and sentences."""
    if not _exists(work, target) and target != address:
        yield "no-such-reference", f"{target} does not exist"
        return
    if ref.acyclic and _comes_back(work, address, ref, target):
        yield "cycle", f"{target} leads back to {address}"
        return
    for name, wanted in ref.where.items():
        word = attributes.get(wanted["same"]) if isinstance(wanted, dict) else wanted
        has = _referent(work, target).get(name)
        if word != has and not (isinstance(has, list) and word in has):
            yield "not-usable-here", f"{target} has {name} {has!r}, not {word!r}"


def _at(work: Work, ref: Reference, target: str, asked: Attributes) -> str:
    """Where the client wrote it: what is kept of a set has another order."""
    value: Any = asked
    for name in ref.path:
        value = value.get(name) if isinstance(value, dict) else None
    words = value if ref.many and isinstance(value, list) else []
    index = (i for i, word in enumerate(words) if f"{ref.kind}/{work.shapes.word(ref.kind, word)[0]}" == target)
    return pointer("attributes", *ref.path, *islice(index, 1))


def _referent(work: Work, target: str) -> Mapping[str, Any]:
    row = work.get(target)
    return row.attributes if row is not None else work.shapes.builtin.get(target, {})


def _comes_back(work: Work, address: str, ref: Reference, target: str) -> bool:
    seen = {address}
    while target not in seen:
        seen.add(target)
        row = work.get(target)
        following = [a for r, a in _links_of(work, target, row.attributes) if r.path == ref.path] if row else []
        if not following:
            return False
        target = following[0]
    return True


def _links_of(work: Work, address: str, attributes: Attributes) -> Iterator[tuple[Reference, Address]]:
    return work.shapes.kinds.attribute_references(Address(address), attributes)


def check_typed(work: Work, shape: KindShape, address: Address, attributes: Attributes) -> None:
    """Values whose type another attribute (of this resource or of the one its key names) gives.

    Not the other way round: what gives the type may change first and its values follow, or variants could never be exchanged.
    """
    for name, by in shape.typed:
        holder: Mapping[str, Any] = attributes
        if "reference" in by:
            holder = _referent(work, work.shapes.identity(address)[-1])
        if name in attributes:
            _check_value(name, attributes[name], holder.get(by["type"]), holder.get(by.get("variants", "")))
    for name, by in shape.values_typed:
        for word, value in attributes.get(name, {}).items():
            if not fits(attributes.get(by["type"]), value):
                wanted = attributes.get(by["type"])
                raise invalid("wrong-type", f"{name}.{word} is not of the type {wanted}", pointer("attributes", name, word))


def _check_value(name: str, value: Any, type_word: Any, variants: Any) -> None:
    at = pointer("attributes", name)
    if isinstance(variants, dict):
        if not isinstance(value, str) or value not in variants:
            raise invalid("no-such-variant", f"{name} names none of the variants {', '.join(sorted(variants))}", at)
    elif not fits(type_word, value):
        raise invalid("wrong-type", f"{name} is not of the type {type_word}", at)


def check_immutable(shape: KindShape, before: Attributes, after: Attributes) -> None:
    """An immutable attribute may be set where it was empty, and never changed."""
    changed = [n for n in shape.kind.immutable if n in before and before[n] != after.get(n)]
    if changed:
        faults = [Fault(pointer("attributes", n), f"{n} cannot be changed once it is set", "immutable") for n in changed]
        raise many_faults(faults)


def check_renamable(work: Work, shape: KindShape, old: str, new: str) -> None:
    kind = shape.kind
    if kind.key is None or kind.key.references:
        raise invalid("not-renamable", f"a {kind.name} has no key of its own, so it cannot be renamed", "/key")
    if kind.parent and old.split("/")[1] != new.split("/")[1]:
        raise invalid("not-renamable", f"a {kind.name} stays in its {kind.parent}", "/key")
    if new in work.shapes.builtin:
        raise invalid("built-in", f"{new} is built in", "/key")


def goes_with(work: Work, address: str) -> list[str]:
    """The resource and everything whose address carries its key: innermost first."""
    work.prefetch_below((address,))
    found = {address: None}
    pending = [address]
    while pending:
        below = [source for source, link in work.named_by(pending.pop()) if link.rule == "cascade" and source not in found]
        found.update(dict.fromkeys(below))
        pending.extend(below)
    return list(reversed(found))


def check_unnamed(work: Work, going: list[str]) -> None:
    """Nothing that stays names anything that goes."""
    leaving = set(going)
    for address in reversed(going):
        staying = [(s, link) for s, link in work.named_by(address) if link.rule == "restrict" and s not in leaving]
        if staying:
            more = f" and {len(staying) - 1} more" if len(staying) > 1 else ""
            raise conflict("referenced", f"{address} is named by {staying[0][0]} ({staying[0][1].path}){more}")


@contextmanager
def keeping_an_admin(work: Work, *touched: str) -> Iterator[None]:
    """What is done inside must not take the last active admin from a company that has other members."""
    if not any(_may_lose_an_admin(work, address) for address in touched):
        yield
        return
    before = _some_admin(work)
    yield
    if before and not _some_admin(work) and _others(work):
        why = f"{before} is the company's last active admin, and a company that has members keeps one"
        raise conflict("last-admin", f"{why}; first make somebody else an admin who is active")


def _may_lose_an_admin(work: Work, address: str) -> bool:
    """An admin is touched, or a role, which may be an admin's."""
    access = work.shapes.access(address)
    if access.get("as") != "subject":
        return access.get("as") == "role"
    row = work.get(address)
    if row is None:
        return False
    roles = _admin_roles(work)
    return any(target in roles for _, target in _links_of(work, address, row.attributes))


def _some_admin(work: Work) -> str | None:
    """A subject that holds an admin role, directly or through a role that extends one, and is active."""
    holders = _admins(work)
    while some := list(islice(holders, 100)):
        work.prefetch(some)
        for address in some:
            if _active(work, address):
                return address
    return None


def _admins(work: Work) -> Iterator[str]:
    for role in _admin_roles(work):
        for kind in work.shapes.kinds.having_access("subject"):
            for source, link in work.named_by_kind(role, kind.name):
                if link.path == kind.access.get("role"):
                    yield source


def _admin_roles(work: Work) -> set[str]:
    """Addresses of the built-in admin roles and of every role that extends one."""
    kinds = work.shapes.kinds.having_access("role")
    found: set[str] = {kind.address(key) for kind in kinds for key, word in kind.builtin.items() if word.get("admin")}
    pending = list(found)
    while pending:
        role = pending.pop()
        for kind in kinds:
            extending = {s for s, link in work.named_by_kind(role, kind.name) if link.path == kind.access.get("extends")} - found
            found |= extending
            pending.extend(extending)
    return found


def _active(work: Work, address: str) -> bool:
    observed: Attributes = decode(work.require(address).observed, dict[str, Any])
    return all(observed.get(n) == v for n, v in work.shapes.access(address).get("active", {}).items())


def _others(work: Work) -> bool:
    return any(work.total(kind.name) for kind in work.shapes.kinds.having_access("subject"))
