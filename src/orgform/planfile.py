"""Saved plans: read from a file that anybody may have written, and checked before anything believes them.

Invariant: what passes here can be judged and applied without a surprise: known format and version, known kinds and targets, addresses that
parse, one change for each.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from orgform import __version__
from orgform.codec import DecodeError, Struct, decode
from orgform.errors import PlanFileInvalid
from orgform.kinds import Kinds
from orgform.model import PLAN_FORMAT, Plan, kind_of, parts_of

LONGEST = 300
AGAIN = "make it again with `orgform plan -o FILE`"


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
        raise PlanFileInvalid(f"{path} is not a plan file: {_shown(error)}", hint=AGAIN) from None
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
    return next((f"{a!r} is no address of a kind that is installed" for a in named if not is_address(a, kinds)), "")


def is_address(address: str, kinds: Kinds) -> bool:
    """Whether the kind is known, and the key has as many parts as the kind's keys have."""
    kind = kinds.get(kind_of(address))
    return kind is not None and len(parts_of(address)) == kind.depth and all(parts_of(address))
