"""Pairs base, desired and live by address and says, for one resource, what is to be done and whose doing it was.

Invariant: nothing here knows a kind by name, an order or a guard. Absent, `None`, `[]` and `{}` all mean "empty" and are equal.
Where all three states plainly agree a resource costs a few dict lookups and no object: most of a company ends there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, repeat, takewhile
from typing import Any, NamedTuple

from orgform.codec import Struct, digest
from orgform.kinds import Kind
from orgform.model import Action, Address, Attributes, Base, Desired, FieldChange, Live, Origin

Path = tuple[str, ...]
_EMPTY: Attributes = {}
_UNKNOWN: Any = object()
_NO_BASE: tuple[Address, Base | None] = (Address(""), None)
_NO_LIVE: tuple[Address, Live | None] = (Address(""), None)


class Triple(NamedTuple):
    """One resource as the three states have it; `None` where a state has no such resource."""

    base: Attributes | None
    desired: Attributes | None
    live: Attributes | None


class Leaf(NamedTuple):
    """A value that is replaced whole and differs: as the three states have it, `None` where they have nothing there."""

    path: Path
    origin: Origin
    base: Any
    desired: Any
    live: Any

    def paths(self) -> list[Path]:
        """Where it differs inside, for people."""
        return [(*self.path, *inner) for inner in _inside(self.live, self.desired)]


class Difference(Struct, frozen=True):
    """What is to be done on one resource: `before` and `after` as `model.Change` has them."""

    action: Action
    origin: Origin
    before: Attributes | None
    after: Attributes | None
    fields: tuple[FieldChange, ...] = ()


def unsettled(
    desired: Mapping[Address, Desired], base: Mapping[Address, Base], live: Mapping[Address, Live], untyped: tuple[str, ...] = ()
) -> Iterator[Address]:
    """Addresses that need a second look: all but those where config, ledger and live system plainly say the same.

    `untyped`: prefixes of addresses whose attributes may hold a value of any type: there `true` and `1` must be told apart.
    """
    known_of_desired = there_of_desired = len(desired)
    # The three are mostly in one order: what stands at the same place is tried before looking an address up among hundreds of thousands.
    in_step = zip(desired.items(), chain(base.items(), repeat(_NO_BASE)), chain(live.items(), repeat(_NO_LIVE)), strict=False)
    for (address, want), (at, known), (where, have) in in_step:
        if at != address:
            known = base.get(address)
        if where != address:
            have = live.get(address)
        if have is not None and known is not None:
            wanted, protect = want.attributes, want.lifecycle.prevent_destroy
            if (
                wanted == known.attributes
                and (wanted == have.attributes or wanted.items() <= have.attributes.items())
                and (protect is None or protect == known.prevent_destroy)
                and not (address.startswith(untyped) and _types_differ(wanted, known.attributes, have.attributes))
            ):
                continue
        known_of_desired -= known is None
        there_of_desired -= have is None
        yield address
    if known_of_desired != len(base):
        yield from (a for a in base if a not in desired)
    if there_of_desired != len(live):
        yield from (a for a in live if a not in desired and a not in base)


def difference(triple: Triple, kind: Kind) -> Difference | None:
    """The planning table of product.md, row by row; `None`: nothing to do.

    A resource that is live, but neither desired nor in base, is for the caller to judge: here it is a delete like any other.
    """
    base, desired, live = triple
    if desired is None:
        return None if live is None else Difference("delete", "config", project(_known(base, live, kind), live, kind), None)
    if live is None:
        return Difference("create", _recreated(base, desired), None, desired)
    before, fields = compare(triple, kind)
    if not fields:
        return None
    return Difference("update", origin_of(fields, base), before, desired, fields)


def origin_of(fields: tuple[FieldChange, ...], base: Attributes | None) -> Origin:
    """`conflict` if a field's is, else `config` if a field's is, else `drift`; `new` where the resource was never applied."""
    if base is None:
        return "new"
    origins = {f.origin for f in fields}
    return next((o for o in ("conflict", "config", "drift") if o in origins), "config")


def compare(triple: Triple, kind: Kind) -> tuple[Attributes, tuple[FieldChange, ...]]:
    """The managed attributes as they are live (`None` where empty), and the fields in which they differ from the desired ones."""
    before, leaves = differing(triple, kind)
    return before, tuple(FieldChange(".".join(path), leaf.origin) for leaf in leaves for path in leaf.paths())


def differing(triple: Triple, kind: Kind) -> tuple[Attributes, list[Leaf]]:
    """What `compare` says, with each difference as the values that it is between."""
    leaves: list[Leaf] = []

    def walk(base: Attributes, desired: Attributes, live: Attributes, above: Path) -> Attributes:
        before: Attributes = {}
        # Below a map, what base had and the config dropped is ours to remove; a whole attribute that is not written is let go.
        for name in sorted(desired.keys() | base.keys() if above else desired):
            path = (*above, name)
            known, want, have = base.get(name, _UNKNOWN), desired.get(name), live.get(name)
            if kind.is_map(path) and isinstance(want if name in desired else known, dict):
                nested = walk(_dict(known), _dict(want), _dict(have), path)
                if nested or name in desired:
                    before[name] = nested
            elif name in desired or not _empty(have):
                before[name] = have
                if not same(want, have):
                    origin = _field_origin(triple.base is None, known, want, have)
                    leaves.append(Leaf(path, origin, None if known is _UNKNOWN else known, want, have))
        return before

    return walk(triple.base or _EMPTY, triple.desired or _EMPTY, triple.live or _EMPTY, ()), leaves


def project(like: Attributes, attributes: Attributes, kind: Kind, above: Path = ()) -> Attributes:
    """`attributes` cut down to the fields that `like` has; `None` for those that are empty."""
    cut: Attributes = {}
    for name, shape in like.items():
        path = (*above, name)
        have = attributes.get(name)
        mapped = isinstance(shape, dict) and kind.is_map(path)
        cut[name] = project(shape, _dict(have), kind, path) if mapped else have
    return cut


def fingerprint(attributes_managed: Attributes) -> str:
    """Stands for the managed fields of a live resource as they were judged: apply compares it before it writes."""
    return digest(attributes_managed)


def merge_patch(before: Attributes, after: Attributes, kind: Kind, above: Path = ()) -> Attributes:
    """The RFC 7396 patch from `before` to `after`: maps merge, `None` removes, every other value is replaced whole."""
    patch: Attributes = {}
    for name in sorted(before.keys() | after.keys()):
        path = (*above, name)
        have, want = before.get(name), after.get(name)
        if kind.is_map(path) and isinstance(want if name in after else have, dict):
            nested = merge_patch(_dict(have), _dict(want), kind, path)
            if nested:
                patch[name] = nested
        elif not same(have, want):
            patch[name] = want
    return patch


def patched(attributes: Attributes, patch: Attributes, kind: Kind, above: Path = ()) -> Attributes:
    """`attributes` after `patch`: what a live system holds once it has done an update."""
    result = dict(attributes)
    for name, value in patch.items():
        path = (*above, name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and kind.is_map(path):
            result[name] = patched(_dict(result.get(name)), value, kind, path)
        else:
            result[name] = value
    return result


def same(one: Any, other: Any) -> bool:
    """Equal as data: `1` is `1.0`, but not `true`."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return bool(one == other) or (_empty(one) and _empty(other))


def _types_differ(want: Attributes, known: Attributes, have: Attributes) -> bool:
    return not all(same(value, known.get(name)) and same(value, have.get(name)) for name, value in want.items())


def _inside(have: Any, want: Any) -> list[Path]:
    """Where two values that are replaced whole differ, for people: paths below them, down to the first list. `[()]`: all of it."""
    if not (isinstance(have, dict) and isinstance(want, dict)):
        return [()]
    from deepdiff import DeepDiff  # 70 ms, which only a change inside such a value pays

    found = DeepDiff(have, want, view="tree", ignore_private_variables=False)
    paths = (level.path(output_format="list") for levels in found.values() for level in levels)
    # That they differ is decided already; where nothing is found that can be named, it is the whole.
    return sorted({tuple(takewhile(lambda part: isinstance(part, str), path)) for path in paths}) or [()]


def _field_origin(never_applied: bool, known: Any, want: Any, have: Any) -> Origin:
    if never_applied:
        return "new"
    if same(known, want):
        return "drift"
    return "config" if known is _UNKNOWN or same(known, have) else "conflict"


def _recreated(base: Attributes | None, desired: Attributes) -> Origin:
    if base is None:
        return "new"
    return "drift" if base == desired else "conflict"


def _known(base: Attributes | None, live: Attributes, kind: Kind) -> Attributes:
    return {n: live[n] for n in kind.managed if n in live} if base is None else base


def _dict(value: Any) -> Attributes:
    return value if isinstance(value, dict) else _EMPTY


def _empty(value: Any) -> bool:
    return value is None or value == [] or value == {}
