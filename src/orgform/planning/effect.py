"""What one change does to access: gives it, takes it, and whether an admin's is at stake. Order and risk follow from it.

Invariant: judged from the changes alone, so that a saved plan is executed in the order it was made in. What the changes do not show
(a custom role that stays as it is) is taken for the graver case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orgform.codec import Struct
from orgform.kinds import Kind, Kinds
from orgform.model import Attributes, Change, key_of, kind_of
from orgform.planning.access import Roles, reader

_NOTHING: Attributes = {}
_UNKNOWN_ROLE = "?"


class Effect(Struct, frozen=True):
    """`touches`: the members, groups and scopes whose access it concerns. `scope`: where the role in question is held, `""` the company.
    `certain`: the role that is taken is an admin's; otherwise it is one that the changes do not show."""

    gives: bool = False
    takes: bool = False
    gives_admin: bool = False
    takes_admin: bool = False
    certain: bool = False
    touches: frozenset[str] = frozenset()
    scope: str = ""


NO_EFFECT = Effect()


def effects(changes: Sequence[Change], kinds: Kinds) -> list[Effect]:
    """One for each change, in their order."""
    described = {k.name for k in kinds.having_access("role")}
    roles = Roles(kinds, {c.address: c.after or c.before or _NOTHING for c in changes if kind_of(c.address) in described})
    return [_effect(c, kind, roles) if (kind := kinds.of(c.address)).access else NO_EFFECT for c in changes]


def shrinks(change: Change, kind: Kind) -> bool:
    """Whether an update takes something out of a set."""
    return change.action == "update" and sets_of(change, kind)[1]


def _effect(change: Change, kind: Kind, roles: Roles) -> Effect:
    before, after, access = change.before, change.after, kind.access
    match access["as"]:
        case "subject":
            return _by_role(change, kind, roles, frozenset({key_of(change.address)}), "")
        case "grant":
            subject, scope = _values(change, kind, after or before, "subject", "workspace")
            return _by_role(change, kind, roles, frozenset({subject, scope}), scope)
        case "group":
            old, new = (set((a or _NOTHING).get(access["members"]) or ()) for a in (before, after))
            return Effect(bool(new - old), bool(old - new), touches=frozenset(old ^ new))
        case "auto_join":
            return _by_place(*(_values(change, kind, a, "workspace", "role") for a in (before, after)))
        case "scope":
            effect = _by_place(*(_values(change, kind, a, "parent") for a in (before, after)))
            return Effect(effect.gives, effect.takes or after is None, touches=effect.touches | {key_of(change.address)})
        case _:
            gives, takes = sets_of(change, kind)
            other = (
                change.action == "update"
                and len({reader(kind, access["extends"])(change.address, a or _NOTHING) for a in (before, after)}) > 1
            )
            return Effect(gives or other, takes or other)


def _by_role(change: Change, kind: Kind, roles: Roles, touches: frozenset[str], scope: str) -> Effect:
    name = kind.access["role"]
    if change.action == "update" and name not in (change.after or _NOTHING):
        return NO_EFFECT
    old, new = _role(change.before, name, _UNKNOWN_ROLE), _role(change.after, name, kind.defaults.get(name))
    if old == new:
        return NO_EFFECT
    return Effect(
        gives=new is not None and (old is None or _at_least(roles.rank(new), roles.rank(old))),
        takes=old is not None and (new is None or _at_least(roles.rank(old), roles.rank(new))),
        gives_admin=new is not None and roles.may_be_admin(new) and not roles.is_admin(old or ""),
        takes_admin=old is not None and roles.may_be_admin(old) and not roles.is_admin(new or ""),
        certain=roles.is_admin(old or ""),
        touches=touches,
        scope=scope,
    )


def _role(attributes: Attributes | None, name: str, unwritten: str | None) -> str | None:
    """`None`: no role at all. What was never managed is the default for what is new, and not known for what goes."""
    return None if attributes is None else attributes.get(name, unwritten)


def _at_least(one: float | None, other: float | None) -> bool:
    return one is None or other is None or one >= other


def _values(change: Change, kind: Kind, attributes: Attributes | None, *words: str) -> tuple[Any, ...]:
    """What `x-access` names by these words."""
    return tuple(reader(kind, kind.access[word])(change.address, attributes or _NOTHING) for word in words)


def _by_place(old: tuple[Any, ...], new: tuple[Any, ...]) -> Effect:
    """Access by being somewhere: a domain's auto-join, a workspace's parent. Another place or role both gives and takes."""
    if old == new:
        return NO_EFFECT
    return Effect(new[0] is not None, old[0] is not None, touches=frozenset(place[0] for place in (old, new) if place[0]))


def sets_of(change: Change, kind: Kind) -> tuple[bool, bool]:
    """Whether set-valued attributes grow, whether they shrink."""
    pairs = [tuple(set(value_at(a, path)) for a in (change.before, change.after)) for path in kind.sets]
    return any(new - old for old, new in pairs), any(old - new for old, new in pairs)


def value_at(attributes: Attributes | None, path: Sequence[str]) -> Sequence[str]:
    """The elements of the set at `path`."""
    value: Any = attributes
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value or ()
