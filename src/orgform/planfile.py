"""Saved plans: read from a file that anybody may have written, and checked before anything believes them.

Invariant: what passes here can be judged and applied without a surprise: known format and version, known kinds and targets, addresses that
parse, one change for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orgform import __version__
from orgform.codec import DecodeError, Struct, decode
from orgform.errors import PlanFileInvalid
from orgform.kinds import Kinds
from orgform.model import PLAN_FORMAT, Plan, kind_of, parts_of

LONGEST = 300
AGAIN = "make it again with `orgform plan -o FILE`"
NO_PLAN = "`orgform plan -o FILE` makes one; the folder of a config stands behind -C: `orgform apply -C DIR`"


class _Head(Struct):
    format: str
    tool_version: str


def read_plan(path: Path, kinds: Kinds) -> Plan:
    """Raises `PlanFileInvalid`."""
    try:
        data = path.read_bytes()
        head: _Head = decode(data, _Head)
    except OSError as error:
        raise PlanFileInvalid(f"the plan file {path} cannot be read: {error.strerror}", hint=AGAIN) from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanFileInvalid(f"{path} is not a plan file: {_shown(error)}", hint=NO_PLAN) from None
    if head.format != PLAN_FORMAT:
        raise PlanFileInvalid(f"{path} has the format {_shown(head.format)!r}, this version reads {PLAN_FORMAT!r}", hint=AGAIN)
    if head.tool_version != __version__:
        raise PlanFileInvalid(f"{path} was made by orgform {_shown(head.tool_version)}, this is {__version__}", hint=AGAIN)
    try:
        plan = Plan.from_json(data)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanFileInvalid(f"the plan file {path} is damaged: {_shown(error)}", hint=AGAIN) from None
    problem = problem_of(plan, kinds)
    if problem:
        raise PlanFileInvalid(f"the plan file {path} is damaged: {_shown(problem)}", hint=AGAIN)
    return plan


def _shown(said: object) -> str:
    """Words of a file that anybody may have written: printable, and not endless."""
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(said))
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def problem_of(plan: Plan, kinds: Kinds) -> str:
    """What makes a plan impossible to apply, as a sentence; empty where nothing does."""
    told = Counter((c.target, c.address) for c in plan.changes)
    for change in plan.changes:
        if told[change.target, change.address] > 1:
            return f"{change.address} is changed twice"
        if change.target not in plan.targets:
            return f"{change.address} is for the target {change.target!r}, which the plan does not have"
        if (change.action == "create") is not (change.before is None) or (change.action == "delete") is not (change.after is None):
            return f"the {change.action} of {change.address} does not fit its before and after"
    named = [*(c.address for c in plan.changes), *(c.moved_from for c in plan.changes if c.moved_from)]
    named += [c.address for c in plan.part.first] if plan.part else []
    named += [*plan.ledger.remember, *plan.ledger.forget, *plan.ledger.patch, *(a for m in plan.ledger.moved for a in (m.from_, m.to))]
    unknown = next((f"{a!r} is no address of a kind that is installed" for a in named if not is_address(a, kinds)), "")
    return unknown or _misshapen(plan, kinds)


def _misshapen(plan: Plan, kinds: Kinds) -> str:
    """What the core reads of attributes (what they name, sets, maps) has to be what their kind says; empty where it is."""
    held = [(c.address, own) for c in plan.changes for own in (c.before, c.after)]
    held += [(a, b.attributes) for a, b in plan.ledger.remember.items()] + list(plan.ledger.patch.items())
    for address, attributes in held:
        kind = kinds.of(address)
        lists = {*kind.sets, *(r.path for r in kind.references if r.many)}
        words = {r.path for r in kind.references if not r.many}
        for paths, fits in ((kind.maps, _is_map), (lists, _is_list), (words, _is_word)):
            for path in paths:
                if not fits(_at(attributes, path)):
                    return f"`{'.'.join(path)}` of {address} is not what a {kind.name} has there"
    return ""


def _at(attributes: Any, path: Sequence[str]) -> Any:
    for step in path:
        attributes = attributes.get(step) if isinstance(attributes, dict) else None
    return attributes


def _is_map(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, str)


def is_address(address: str, kinds: Kinds) -> bool:
    """Whether the kind is known, and the key has as many parts as the kind's keys have."""
    kind = kinds.get(kind_of(address))
    return kind is not None and len(parts_of(address)) == kind.depth and all(parts_of(address))
