"""What people are to do by hand, arranged for reading: numbered, each with what waits for it. Shared by all human formats.

Invariant: nothing of a step is folded away; the values stand exactly as they are to be entered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from orgform.codec import Struct
from orgform.render.values import show
from orgform.render.view import Doc, guards, rows
from orgform.render.words import clean, count, listing, noun

NOTE = "no API does it"
REFUSED = "no API does it; do none of it while a guard refuses"
_OWN = "what the API makes of it"
ATTESTED = "somebody's word, which nothing verifies"
SINGLY = 5  # words given at once are told one by one up to here


class Step(Struct, frozen=True):
    """`values`: what to enter, under the platform's words; `facts`: where, who, why...; `command`: what attests it."""

    number: int
    title: str
    address: str
    target: str
    values: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    command: str


def steps(doc: Doc) -> list[Step]:
    waiting = rows(doc, "waiting")
    listed = rows(doc, "manual_steps")
    at = {str(step.get("address")): number for number, step in enumerate(listed, 1)}
    return [_step(number, step, at, waiting) for number, step in enumerate(listed, 1)]


def _step(number: int, step: Doc, at: dict[str, int], waiting: Sequence[Doc]) -> Step:
    address = str(step.get("address", ""))
    then = [w.get("change") or {} for w in waiting if address in (w.get("waits_for") or ())]
    first = [_OWN if a == address else _named(a, at) for a in step.get("waits_for") or ()]
    facts = (
        ("now", "; ".join(f"{clean(name)} {_shown(value)}" for name, value in (step.get("now") or {}).items())),
        ("where", clean(step.get("where") or "")),
        ("who", clean(step.get("who") or "")),
        ("why", clean(step.get("why") or "")),
        ("first", listing(first) if first else ""),
        ("because", "; ".join(map(clean, step.get("because") or ()))),
        ("mind", clean(step.get("note") or "")),
        ("then by API", _then(then)),
        ("done when", clean(step.get("verify") or "")),
    )
    values = tuple((clean(name), _shown(value)) for name, value in (step.get("values") or {}).items())
    title = _titled(clean(step.get("instructions") or "").removesuffix(" by hand"), clean(address))
    told = tuple((name, text) for name, text in facts if text)
    return Step(
        number, title[:1].upper() + title[1:], clean(address), clean(step.get("target", "")), values, told, clean(step.get("command") or "")
    )


def _titled(title: str, address: str) -> str:
    """A resource without a name of its own is called by its key, and the address beside says that already."""
    kind, _, key = address.partition("/")
    return title.removesuffix(f" {key}") if title.endswith(f" the {noun(kind)} {key}") else title


def _shown(value: Any) -> str:
    return clean(value) if isinstance(value, str) else show(value)


def _named(address: str, at: dict[str, int]) -> str:
    return f"step {at[address]}" if address in at else clean(address)


def _then(changes: Sequence[Doc]) -> str:
    shown = [f"{c.get('action')} {clean(c.get('address', ''))}" for c in changes[:5]]
    more = [f"{len(changes) - len(shown):,} more"] if len(changes) > len(shown) else []
    return f"{listing([*shown, *more])}, by the apply after it" if shown else ""


class Held(Struct, frozen=True):
    """Changes that an apply does not do yet, `lines` one for each, and when it does: `note`."""

    heading: str
    note: str
    lines: list[str]


def waiting(doc: Doc) -> list[Held]:
    """What waits for steps, then what is left out with a target, for each target (or several) apart."""
    held: dict[tuple[str, ...], list[str]] = {}
    for change in rows(doc, "waiting"):
        held.setdefault(tuple(map(str, change.get("left_out") or ())), []).append(_waits(change))
    return [_held(names, lines) for names, lines in sorted(held.items())]


def _held(names: Sequence[str], lines: list[str]) -> Held:
    number = count(len(lines), "change")
    if not names:
        return Held(f"Waiting for steps ({number})", "an apply does them once the steps are done", lines)
    targets, what = "target" if len(names) == 1 else "targets", "it" if len(lines) == 1 else "them"
    heading = f"Left out with the {targets} {listing(map(clean, names))} ({number})"
    return Held(heading, f"an apply does {what} once the {targets} can be read", lines)


def _waits(waiting: Doc) -> str:
    change = waiting.get("change") or {}
    word = "needs" if waiting.get("left_out") else "after"
    own = str(change.get("address", ""))
    needs = ["its own step" if a == own else clean(a) for a in map(str, waiting.get("waits_for") or ())]
    return f"{change.get('action', '')} {clean(own)}: {word} {listing(needs)}"


def attested(doc: Doc) -> list[str]:
    """A line for each word that counts; of many that were given at once, one line for all."""
    given: dict[str, list[str]] = {}
    for word in rows(doc, "attested"):
        told = f"by {clean(word.get('by', ''))} on {clean(word.get('given', ''))}, until {clean(word.get('expires', ''))}"
        told += f" ({clean(word['evidence'])})" if word.get("evidence") else ""
        given.setdefault(told, []).append(clean(word.get("address", "")))
    return [line for told, addresses in given.items() for line in _words(told, addresses)]


def _words(told: str, addresses: Sequence[str]) -> list[str]:
    if len(addresses) <= SINGLY:
        return [f"{address}: {told}" for address in addresses]
    kinds = Counter(address.partition("/")[0] for address in addresses)
    return [f"{listing(count(number, noun(kind)) for kind, number in kinds.items())}: {told}"]


def heading(doc: Doc) -> str:
    """`To do by hand (2)`"""
    return f"To do by hand ({len(rows(doc, 'manual_steps')):,})"


def note(doc: Doc) -> str:
    """What a plan that a guard refuses would do to people, its steps would do, too."""
    return REFUSED if guards(doc, "refused") else NOTE


def attested_heading(doc: Doc) -> str:
    return f"Attested ({len(rows(doc, 'attested')):,})"
