"""What a write does: create, update, rename, delete, on a `Work`, one at a time.

Invariant: an operation either holds every invariant of the directory afterwards, or raises a `Problem` and leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from orgform.codec import UNSET, Struct, UnsetType, decode, digest, encode
from orgform.model import Address, Attributes
from orgform.server import challenges, rules
from orgform.server.problems import Problem, bad_request, conflict, invalid
from orgform.server.shape import KindShape, Shapes
from orgform.server.store import Row
from orgform.server.work import Work

Method = Literal["create", "update", "delete"]


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    """One operation as a client wrote it, in a batch letter for letter.

    `if_match`: etags, one of which the resource must have; `*`: it must exist.
    """

    method: Method
    collection: str
    key: str = ""
    attributes: dict[str, Any] = {}
    new_key: str | UnsetType = UNSET
    if_match: str | None = None
    idempotency_key: str | None = None


class Prepared(Struct, frozen=True):
    """An operation with its address. `digest`: of the operation as it was asked for, empty without an idempotency key."""

    ask: Ask
    shape: KindShape
    address: Address
    digest: str = ""


class Done(Struct, frozen=True):
    """What became of one operation: a 2xx status, the resource as it is now (None: it is gone), `same`: nothing had to change."""

    status: int
    address: str
    row: Row | None = None


class Result(Struct, frozen=True, omit_defaults=True):
    """One operation's result in a batch answer. `omit_defaults` leaves out what it has not."""

    status: int
    key: str | None = None
    etag: str | None = None
    id: str | None = None
    problem: dict[str, Any] | None = None


def prepare(shapes: Shapes, ask: Ask) -> Prepared:
    """Finds the collection and the address. Raises `Problem`."""
    shape = shapes.by_api.get(ask.collection)
    if shape is None:
        raise Problem(404, "no-such-collection", f"there is no collection {ask.collection!r}")
    if ask.idempotency_key is not None:
        check_idempotency_key(ask.idempotency_key)
    address = shape.address(ask.key) if ask.method == "create" else _existing_address(shape, ask.key)
    return Prepared(ask, shape, address, _digest(ask) if ask.idempotency_key else "")


def check_idempotency_key(key: str) -> None:
    if not 0 < len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise bad_request("idempotency-key", "an idempotency key has 1 to 255 printable ASCII characters")


def _existing_address(shape: KindShape, key: str) -> Address:
    """A key that cannot be has no resource: 404, not 422."""
    try:
        return shape.address(key)
    except Problem as e:
        raise Problem(404, "not-found", f"{shape.kind.name}/{key} does not exist") from e


def _digest(ask: Ask) -> str:
    try:
        return digest(ask)
    except (RecursionError, OverflowError, ValueError) as e:
        raise invalid("value", f"the operation holds a value that is nested too deep or too large: {e}") from e


def prefetch(work: Work, operations: Sequence[Prepared]) -> None:
    """Loads what the operations will look at, in a few queries."""
    work.prefetch_stored([p.ask.idempotency_key for p in operations if p.ask.idempotency_key])
    work.prefetch(address for p in operations for address in _looked_at(work, p))
    work.prefetch_below(p.address for p in operations if p.ask.method == "delete")


def _looked_at(work: Work, prepared: Prepared) -> Iterable[str]:
    yield prepared.address
    if prepared.ask.method != "delete":
        yield from work.shapes.identity(prepared.address)
        try:
            yield from (a for _, a in work.shapes.kinds.attribute_references(prepared.address, prepared.ask.attributes) if "\0" not in a)
        except TypeError:  # attributes of a wrong type; the operation itself will say so
            return


def perform(work: Work, prepared: Prepared) -> Result:
    """Does one operation, once for its idempotency key. Raises `Problem`, with everything of the operation undone."""
    key = prepared.ask.idempotency_key
    before = answered_before(work, key, prepared.digest) if key else None
    if before is not None:
        return decode(before, Result)
    mark = work.mark()
    try:
        done = _DO[prepared.ask.method](work, prepared)
    except Problem:
        work.undo_to(mark)
        raise
    result = result_of(done)
    if key:
        work.store_answer(key, prepared.digest, encode(result).decode())
    return result


def answered_before(work: Work, key: str, digest: str) -> str | None:
    """The answer that was given for an idempotency key before, which was looked up before. Raises a 409 where it was another request."""
    stored = work.stored(key)
    if stored is None:
        return None
    if stored.digest != digest:
        raise conflict("idempotency-key-reused", "this idempotency key was used for another request")
    return stored.answer


def result_of(done: Done) -> Result:
    if done.row is None:
        return Result(done.status, done.address.partition("/")[2])
    return Result(done.status, done.address.partition("/")[2], done.row.etag, done.row.id)


def create(work: Work, prepared: Prepared) -> Done:
    address, shape = prepared.address, prepared.shape
    if prepared.ask.if_match is not None:
        raise Problem(412, "precondition-failed", f"{address} is to be created, so no If-Match can hold")
    if work.get(address) is not None:
        raise conflict("exists", f"{address} exists already")
    if address in work.shapes.builtin:
        raise invalid("built-in", f"{address} is built in and cannot be created", "/key")
    patch = prepared.ask.attributes
    shape.refuse_foreign(patch)
    shape.require_secrets(patch)
    defaults = {n: v for n, v in shape.kind.defaults.items() if n not in patch}
    attributes, text = shape.settle(shape.merge(defaults, patch))
    rules.check_references(work, address, attributes, patch)
    rules.check_typed(work, shape, address, attributes)
    observed = challenges.observed_at_first(shape.kind, address, shape.initial_observed(invite=work.invite), work.now)
    row = work.new_row(attributes, text, observed)
    work.put(address, row)
    work.event("create", address, None, text)
    return Done(201, address, row)


def update(work: Work, prepared: Prepared) -> Done:
    address, shape, patch = prepared.address, prepared.shape, prepared.ask.attributes
    row = _held(work, prepared)
    shape.refuse_foreign(patch)
    attributes, text = shape.settle(shape.merge(row.attributes, patch))
    if text != row.text:
        rules.check_immutable(shape, row.attributes, attributes)
        rules.check_references(work, address, attributes, patch, known=row.attributes)
        rules.check_typed(work, shape, address, attributes)
        row = _replace(work, address, row, text)
    if prepared.ask.new_key is not UNSET:
        address, row = _rename(work, prepared, row)
    return Done(200, address, row)


def _replace(work: Work, address: str, row: Row, text: str) -> Row:
    """Puts new attributes in place; an admin that this takes away must not be the last one."""
    changed = Row(row.id, row.version + 1, text, row.observed, row.created_at, work.now)
    with rules.keeping_an_admin(work, address):
        work.put(address, changed)
    work.event("update", address, row.text, text)
    return changed


def _held(work: Work, prepared: Prepared) -> Row:
    """The resource, if it is there and the precondition holds."""
    wanted = prepared.ask.if_match
    if wanted is not None and prepared.ask.method == "update" and work.get(prepared.address) is None:
        raise Problem(412, "precondition-failed", f"{prepared.address} does not exist")
    row = work.require(prepared.address)
    if wanted is not None and not matches(wanted, row.etag):
        raise Problem(412, "precondition-failed", f"{prepared.address} was changed meanwhile")
    return row


def matches(wanted: str, etag: str) -> bool:
    """If-Match (RFC 9110): `*`, or a list of entity tags, with or without quotes; weak ones never match."""
    return wanted.strip() == "*" or etag in (word.strip().strip('"') for word in wanted.split(",") if not word.strip().startswith("W/"))


def delete(work: Work, prepared: Prepared) -> Done:
    _held(work, prepared)
    going = rules.goes_with(work, prepared.address)
    rules.check_unnamed(work, going)
    with rules.keeping_an_admin(work, *going):
        for address in going:
            row = work.get(address)
            work.put(address, None)
            work.event("delete", address, row.text if row else None, None)
    return Done(204, prepared.address)


def _rename(work: Work, prepared: Prepared, row: Row) -> tuple[Address, Row]:
    old, shape = prepared.address, prepared.shape
    new = shape.address(str(prepared.ask.new_key))
    if new == old:
        return old, row
    rules.check_renamable(work, shape, old, new)
    moves = _follow(work, old, new)
    work.prefetch(moves.values())
    for after in moves.values():
        if work.get(after) is not None:
            raise conflict("exists", f"{after} exists already")
    naming = _naming(work, moves)
    for before, after in moves.items():
        _move(work, before, after)
    for source, targets in sorted(naming.items()):
        _point_to(work, moves.get(source, source), {target: moves[target] for target in targets})
    return new, work.require(new)


def _follow(work: Work, old: str, new: str) -> dict[str, str]:
    """Old address -> new address, of the resource and of everything whose address carries its key."""
    work.prefetch_below((old,))
    moves = {old: new}
    pending = [old]
    while pending:
        target = pending.pop()
        for source, link in work.named_by(target):
            if link.rule == "cascade":
                moves[source] = work.shapes.address(source).moved(moves.get(source, source), target, moves[target])
                pending.append(source)
    return moves


def _naming(work: Work, moves: Mapping[str, str]) -> dict[str, list[str]]:
    """Who names what is about to be renamed: source -> old addresses."""
    naming: dict[str, list[str]] = {}
    for target in moves:
        for source, link in work.named_by(target):
            if link.rule == "restrict":
                naming.setdefault(source, []).append(target)
    return naming


def _move(work: Work, old: str, new: str) -> None:
    row = work.require(old)
    kind = work.shapes.address(new).kind
    observed = challenges.observed_after_rename(kind, old, new, row.observed, work.now)
    work.put(old, None)
    work.put(new, Row(row.id, row.version + 1, row.text, observed, row.created_at, work.now))
    work.event("rename", new, encode({"address": old}).decode(), encode({"address": new}).decode(), old_address=old)
    if kind.verification:
        challenges.tell(work, kind, new, row.observed, observed)


def _point_to(work: Work, address: str, moves: Mapping[str, str]) -> None:
    """Rewrites what a resource names after a rename."""
    row = work.require(address)
    shape = work.shapes.address(address)
    attributes: Attributes = row.attributes
    for old, new in moves.items():
        attributes = shape.renamed_references(attributes, old, new)
    _, text = shape.settle(attributes)
    work.put(address, Row(row.id, row.version + 1, text, row.observed, row.created_at, work.now))
    work.event("update", address, row.text, text)


_DO = {"create": create, "update": update, "delete": delete}
