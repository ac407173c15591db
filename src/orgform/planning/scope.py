"""What is ours to plan: reshapes the inputs, so that the differ stays dumb.

Whole states first (`scope_of`: targets, `--destroy`, `moved`), single resources later and only where they differ (`Scope.triple`:
lifecycle, seeds, secrets). Invariant: inputs are never changed in place, and states that need no reshaping are passed on as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from orgform.codec import Struct, replace
from orgform.diagnostics import Diagnostic
from orgform.errors import ConfigInvalid
from orgform.formats import normalise
from orgform.kinds import Kind, Kinds, resolve
from orgform.model import (
    Address,
    Attested,
    Attributes,
    Attribution,
    Base,
    Desired,
    Live,
    Move,
    Plan,
    PlanBase,
    PlanTarget,
    Policy,
    address_of,
    key_of,
    kind_of,
    parts_of,
)
from orgform.planning.diff import Triple
from orgform.providers.base import Capabilities, Event

_R = TypeVar("_R", Base, Live)


class TargetState(Struct, frozen=True):
    """One live system as it was read. `kinds`: what it takes; `problems`: kinds that could not be read completely, with the reason.

    `based`: whether anything is known of what was applied there; nothing is deleted where it is not. `instance` tells systems apart
    that have one name in two folders.
    """

    provider: str
    system: str
    kinds: frozenset[str]
    problems: dict[str, str] = {}
    capabilities: Capabilities = Capabilities()
    own_member: Address | None = None
    based: bool = True
    instance: str = ""
    #: the platform's name for people
    title: str = ""
    #: scope -> {role of the config: its name there}
    roles: dict[str, dict[str, str]] = {}


class PlanInputs(Struct, frozen=True):
    """Everything that a plan is made from. `base` is `None` where nothing is known of what was last applied: nothing is deleted then.

    `only`: address globs; `allow`: `GUARD:ADDRESS_GLOB`; `allow_destroy`: address globs; `expired`: what `until` took out, with its day.
    `reserve`: percent of the quotas that is left to others.
    `today` is the day that is planned for, `soon` the last of the days for which admins are asked whether they last (both YYYY-MM-DD;
    without it nothing runs out soon), and `until` the last day of what has one.
    `events`: what the platforms' audit logs say of what drifted, newest first; `attributions`: where they say no more than who was last.
    """

    desired: dict[Address, Desired]
    live: dict[Address, Live]
    targets: dict[str, TargetState]
    base: dict[Address, Base] | None = None
    base_info: PlanBase = PlanBase()
    policy: Policy = Policy()
    moved: tuple[Move, ...] = ()
    moved_done: frozenset[tuple[Address, Address]] = frozenset()
    only: tuple[str, ...] = ()
    destroy: bool = False
    allow: tuple[str, ...] = ()
    allow_destroy: tuple[str, ...] = ()
    attributions: dict[Address, Attribution] = {}
    events: dict[Address, list[Event]] = {}
    config_digest: str = ""
    expired: dict[Address, str] = {}
    today: str = ""
    soon: str = ""
    reserve: float = 0.0
    until: dict[Address, str] = {}
    tool_version: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
    #: what was ever attested of these targets; `live` has those that count
    attested: tuple[Attested, ...] = ()
    #: targets that could not be read at all
    failed: dict[str, PlanTarget] = {}
    #: kind -> target, of what those targets take
    left_out: dict[str, str] = {}


class Scope(Struct, frozen=True):
    """The three states under the names that the config uses now.

    `renames`: new address -> the one it still has in the live system. `settled`: moves that the live system has, the ledger not yet.
    """

    desired: dict[Address, Desired]
    base: dict[Address, Base]
    live: dict[Address, Live]
    target_of: dict[str, str]
    renames: dict[Address, Address] = {}
    settled: tuple[Move, ...] = ()
    #: kind -> attributes that stay in the config, since the platform has none
    kept: dict[str, tuple[str, ...]] = {}

    def triple(self, address: Address, kind: Kind, kinds: Kinds) -> Triple | None:
        """One resource with what is not ours left out; `None` where all of it is not."""
        want, known, have = self.desired.get(address), self.base.get(address), self.live.get(address)
        parent = kinds.parent_of(address)
        if parent and self._left_alone(parent, kind, want):
            return None
        theirs = have.unmanaged if have else {}
        if theirs and want is None:  # what people made of it is not ours to delete either
            return None
        drop = (*_not_ours(want, kind, is_live=have is not None), *self.kept.get(kind.name, ()), *theirs)
        base = known.attributes if known else None
        live = _readable(have.attributes, base, kind) if have else None
        return Triple(_without(base, drop), _without(want.attributes if want else None, drop), _without(live, drop))

    def _left_alone(self, parent: Address, kind: Kind, want: Desired | None) -> bool:
        """Whether the parent's lifecycle says so: `ignore` always, `seed` once the parent exists."""
        if want is not None and want.seeded:
            return parent in self.live
        above = self.desired.get(parent)
        return above is not None and kind.collection in (*above.lifecycle.ignore, *above.lifecycle.seed)


def scope_of(inputs: PlanInputs, kinds: Kinds) -> Scope:
    """Raises `ConfigInvalid` where a `moved` cannot be done."""
    desired = {} if inputs.destroy else inputs.desired
    base, live = inputs.base or {}, inputs.live
    renames: dict[Address, Address] = {}
    settled: list[Move] = []
    problems: list[Diagnostic] = []
    moved = {m.from_: m for m in inputs.moved}
    for stage in stages(moved, kinds):
        open_moves = [m for m in stage.values() if (m.from_, m.to) not in inputs.moved_done or _once_more(m, base, live)]
        problems += [_both_live(m) for m in open_moves if m.from_ in live and m.to in live]
        problems += [p for m in open_moves if m.from_ in live and m.to in desired and (p := _nobody_renames(m, inputs, kinds))]
        pending = {m.from_: m.to for m in open_moves if m.from_ in live and m.to in desired}
        standing = {m.from_ for m in open_moves if m.from_ in live} - pending.keys()
        settled += [Move(m.from_, m.to) for m in open_moves if m.to in live]
        # A key that was given away and then used anew belongs to its new owner: base has both, and nothing follows.
        known = {m.from_: m.to for m in stage.values() if m.from_ not in standing and not (m.from_ in base and m.to in base)}
        base, live = relabel(base, known, kinds), relabel(live, pending, kinds)
        renames |= {new: old for old, new in pending.items()}
    if problems:
        raise ConfigInvalid((*inputs.diagnostics, *problems))
    target_of = {kind: name for name in sorted(inputs.targets) for kind in inputs.targets[name].kinds if kind in kinds}
    kept = {kind: names for kind, name in target_of.items() if (names := _kept(inputs.targets[name].capabilities, kind))}
    return Scope(desired, base, live, target_of, renames, tuple(sorted(settled, key=lambda m: m.from_)), kept)


def _once_more(move: Move, base: Mapping[Address, Base], live: Mapping[Address, Live]) -> bool:
    """Whether a move that was done is to be done again: what was renamed back since is ours under its old name, and that only."""
    return all(move.from_ in state and move.to not in state for state in (base, live))


def _kept(capabilities: Capabilities, kind: str) -> tuple[str, ...]:
    can = capabilities.of(kind)
    return tuple(name for name, reach in can.fields.items() if reach == "config") if can else ()


_V = TypeVar("_V")


def stages(renames: Mapping[Address, _V], kinds: Kinds) -> list[dict[Address, _V]]:
    """Renames of what stands on its own, then of what stands under something: those are told under their parent's new name."""
    below = {address for address in renames if kind_of(address) in kinds and kinds.of(address).parent}
    return [{a: to for a, to in renames.items() if (a in below) is deep} for deep in (False, True)]


def relabel(resources: Mapping[Address, _R], renames: Mapping[Address, Address], kinds: Kinds) -> dict[Address, _R]:
    """The same resources under the new names: addresses that hold an old key and references to it follow.

    `renames`: old address -> new. Apply uses it too, to find what it has read again under the names of the plan.
    """
    for stage in stages(renames, kinds):
        if stage:
            resources = _relabelled_all(resources, stage, kinds)
    return resources if isinstance(resources, dict) else dict(resources)


def _relabelled_all(resources: Mapping[Address, _R], renames: Mapping[Address, Address], kinds: Kinds) -> dict[Address, _R]:
    found: dict[Address, _R] = {}
    for address, resource in resources.items():
        new = _relabelled(address, renames, kinds)
        if new != address and new in resources:
            continue
        attributes = _follow(address, resource.attributes, renames, kinds)
        found[new] = resource if attributes is resource.attributes else replace(resource, attributes=attributes)
    return found


def matches(address: str, globs: Iterable[str]) -> bool:
    """Whether one of the globs names the address; `*` crosses `/`. A key with brackets in it is named by itself."""
    return any(address == glob or fnmatchcase(address, glob) for glob in globs)


def glob_of(address: str) -> str:
    """The glob that names this address and no other: an e-mail may have `*` or `?` in it."""
    return re.sub(r"[*?\[]", r"[\g<0>]", address)


def renames_of(plan: Plan) -> dict[Address, Address]:
    """Old address -> new, for the renames that a plan does."""
    return {c.moved_from: c.address for c in plan.changes if c.moved_from}


def normal_address(address: Address, kinds: Kinds) -> Address:
    """The address in the spelling that the config compares keys by."""
    kind, parts = kinds.of(address), parts_of(address)
    if kind.parent:
        parts[0] = _normal_key(parts[0], kinds[kind.parent])
    if kind.key and kind.key.references:
        referent = resolve(kind.key.references, parts[-1])
        key = key_of(referent)
        parts[-1] = parts[-1].removesuffix(key) + _normal_key(key, kinds.of(referent))
    else:
        parts[-1] = _normal_key(parts[-1], kind)
    return address_of(kind.name, *parts)


def _normal_key(key: str, kind: Kind) -> str:
    return normalise(kind.key.format, key) if kind.key else key


def _both_live(move: Move) -> Diagnostic:
    return Diagnostic(
        "error",
        "ORG503",
        f"{move.from_} cannot be moved to {move.to}: the live system has both",
        "delete or rename one of the two there, or take the `moved` entry out and declare both",
        source=move.source,
        address=move.to,
    )


def _nobody_renames(move: Move, inputs: PlanInputs, kinds: Kinds) -> Diagnostic | None:
    """Where a platform's key is for good, another key is another thing."""
    kind = kinds.of(move.from_)
    target = next((t for t in inputs.targets.values() if kind.name in t.kinds), None)
    can = target.capabilities.of(kind.name) if target else None
    if target is None or can is None or kind.key is None or can.fields.get(kind.key.name) not in ("read", "none"):
        return None
    return Diagnostic(
        "error",
        "ORG503",
        f"{move.from_} cannot be moved to {move.to}: nobody renames a {kind.title.lower()} in {target.title or target.provider}",
        "declare both, let everybody use the new one, and remove the old one then; without `moved`",
        source=move.source,
        address=move.to,
    )


def _relabelled(address: Address, renames: Mapping[Address, Address], kinds: Kinds) -> Address:
    if address in renames or kind_of(address) not in kinds:
        return renames.get(address, address)
    kind, parts = kinds.of(address), parts_of(address)
    if kind.parent and (new := renames.get(address_of(kind.parent, parts[0]))):
        parts[0] = key_of(new)
    if kind.key and kind.key.references:
        referent = resolve(kind.key.references, parts[-1])
        if new := renames.get(referent):
            parts[-1] = parts[-1].removesuffix(key_of(referent)) + key_of(new)
    return address_of(kind.name, *parts)


def _follow(address: Address, attributes: Attributes, renames: Mapping[Address, Address], kinds: Kinds) -> Attributes:
    if kind_of(address) not in kinds:
        return attributes
    for reference, referent in list(kinds.attribute_references(address, attributes)):
        if new := renames.get(referent):
            attributes = _renamed_word(attributes, reference.path, key_of(referent), key_of(new))
    return attributes


def _renamed_word(value: Any, path: Sequence[str], old: str, new: str) -> Any:
    if path:
        return {**value, path[0]: _renamed_word(value[path[0]], path[1:], old, new)}
    return sorted({new if word == old else word for word in value}) if isinstance(value, list) else new


def _not_ours(want: Desired | None, kind: Kind, *, is_live: bool) -> tuple[str, ...]:
    """Fields that `lifecycle` takes out. What does not exist yet gets its seeds, and what its kind cannot be created without."""
    if want is None:
        return ()
    lifecycle = want.lifecycle
    if is_live:
        return (*lifecycle.ignore, *lifecycle.seed)
    return tuple(field for field in lifecycle.ignore if field not in kind.required)


def _readable(live: Attributes, base: Attributes | None, kind: Kind) -> Attributes:
    """Secrets are never read back: what was last applied is taken to be there."""
    if not kind.sensitive:
        return live
    return {**live, **{name: base[name] for name in kind.sensitive if base and name in base}}


def _without(attributes: Attributes | None, fields: Iterable[str]) -> Attributes | None:
    for field in fields if attributes else ():
        attributes = _dropped(attributes, field.split("."))
    return attributes


def _dropped(value: Any, path: Sequence[str]) -> Any:
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {name: v for name, v in value.items() if name != path[0]}
    return {**value, path[0]: _dropped(value[path[0]], path[1:])}
