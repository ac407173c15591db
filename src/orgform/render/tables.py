"""The smaller documents as text: a run's report, access.

Invariant: a column is as wide as its widest cell as long as the page allows; the last column takes what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from orgform.render.view import STYLE, SYMBOLS, UNREAD
from orgform.render.words import Paint, clean, count, hang, pad, width_of, wrap

Doc = Mapping[str, Any]
DONE = {"create": "created", "update": "updated", "delete": "deleted"}
#: of many that were not done for one and the same reason, so many are named
ALIKE_SHOWN = 10
COUNTS = ("created", "updated", "deleted", "failed", "skipped", "stale")
STATUS_STYLE = {"failed": "bad", "stale": "warn", "skipped": "warn"}
OUTCOMES = {
    "interrupted": "Interrupted; run apply again to continue.",
    "partly": "Only a part was applied; run apply again for the rest.",
    "stale": "The live system has changed since the plan was made; nothing was applied. Make a new plan.",
    "declined": "Not applied.",
    "nothing": "Nothing to do.",
}
UNDO_OUTCOMES = {
    **OUTCOMES,
    "interrupted": "Interrupted; run `orgform undo RUN` again to continue.",
    "partly": "Only a part was taken back; run `orgform undo RUN` again for the rest.",
    "nothing": "Nothing to undo.",
}
DONE_SHOWN = 50
NARROWEST = 16


def table(head: Sequence[str], body: Sequence[Sequence[str]], *, color: bool, width: int) -> str:
    """Aligned columns with a bold head, two spaces between. Nothing is cut; what is too long in the last column goes on below."""
    columns = [max(width_of(row[i]) for row in (head, *body)) for i in range(len(head) - 1)]
    room = max(width - sum(columns) - 2 * len(columns), NARROWEST)
    first, *rest = (_row(row, columns, room) for row in (head, *body))
    return "".join(line + "\n" for line in (Paint(color)("bold", first[0]), *(line for lines in rest for line in lines)))


def _row(cells: Sequence[str], columns: Sequence[int], room: int) -> list[str]:
    lead = "".join(pad(cell, width) + "  " for cell, width in zip(cells, columns, strict=False))
    first, *more = wrap(cells[-1], room)
    return [(lead + first).rstrip(), *(" " * width_of(lead) + line for line in more)]


def counts(outcomes: Sequence[Doc]) -> dict[str, int]:
    """created, updated, deleted, failed, skipped, stale, of a report's outcomes. What was so already is none of these."""
    found = dict.fromkeys(COUNTS, 0)
    for outcome in outcomes:
        status = str(outcome.get("status"))
        word = DONE.get(str(outcome.get("action")), "") if status == "done" else status
        if word in found and not outcome.get("already"):
            found[word] += 1
    return found


def applied(outcomes: Sequence[Doc]) -> str:
    """The last line of an apply."""
    return "Applied: " + ", ".join(f"{number:,} {word}" for word, number in counts(outcomes).items())


def report(doc: Doc, *, color: bool, width: int, quiet: bool = False) -> str:
    """What an apply did, change by change, and its last line. Many that are done, or not done for one reason, are counted."""
    paint, outcomes = Paint(color), doc.get("outcomes") or ()
    rest = [o for o in outcomes if o.get("status") != "done"]
    elsewhere = f"orgform history {clean(doc.get('run', ''))} --all shows all"
    lines: list[str] = []
    for already, word in ((False, "done"), (True, "so already")) if not quiet else ():
        done = [o for o in outcomes if o.get("status") == "done" and bool(o.get("already")) is already]
        shown = visible(done)
        lines.extend(line for o in shown for line in outcome(o, paint, width))
        if len(shown) < len(done):
            lines.append(paint("dim", f"  ... and {len(done) - len(shown):,} more {word}; {elsewhere}"))
    lines.extend(not_done(rest, paint, width, elsewhere))
    if lines:
        lines.append("")
    if sentence := _sentence(doc):
        lines.extend(hang("", sentence, width))
    lines.append(paint("bold", applied(outcomes)))
    return "".join(line + "\n" for line in lines)


def not_done(outcomes: Sequence[Doc], paint: Paint, width: int, more: str) -> Iterator[str]:
    """What was not done and why; of many for one reason the first. `more`: where the rest is shown."""
    for _, alike in groupby(outcomes, lambda o: (o.get("status"), o.get("detail"))):
        several = list(alike)
        for o in several[:ALIKE_SHOWN]:
            yield from outcome(o, paint, width)
        if len(several) > ALIKE_SHOWN:
            yield paint("dim", f"  ... and {len(several) - ALIKE_SHOWN:,} more {several[0].get('status')} for this reason; {more}")


def _sentence(doc: Doc) -> str:
    """What became of it as a whole, and how to go on. An undo is continued by an undo of the same run."""
    outcome, undoes, same = str(doc.get("outcome")), doc.get("undoes") or {}, already(doc)
    outcomes = UNDO_OUTCOMES if undoes else OUTCOMES
    if outcome == "nothing" and (by_hand := int(doc.get("steps") or 0)):
        outcomes = {"nothing": f"Nothing to do by API; {count(by_hand, 'step')} to do by hand."}
    elif outcome == "nothing" and same:
        outcomes = {}
    left = len(undoes.get("left") or ())
    kept = f"{count(left, 'change')} of the run {'was' if left == 1 else 'were'} left alone, see the plan." if left else ""
    sentences = (same, outcomes.get(outcome, ""), kept)
    return " ".join(filter(None, sentences)).replace("RUN", clean(undoes.get("run", "")))


def already(doc: Doc) -> str:
    """What was asked for and is so, whoever did it: it is in none of the numbers."""
    outcomes = doc.get("outcomes") or ()
    number = sum(bool(o.get("already")) for o in outcomes)
    if not number:
        return ""
    if number == len(outcomes):
        return "All of it was so already: nothing was done."
    return f"{count(number, 'change')} {'was' if number == 1 else 'were'} so already."


def visible(done: Sequence[Doc]) -> list[Doc]:
    """All where they are few; else the first ones, and every delete."""
    if len(done) <= DONE_SHOWN + 5:
        return list(done)
    room = set(map(id, [o for o in done if o.get("action") != "delete"][:DONE_SHOWN]))
    return [o for o in done if o.get("action") == "delete" or id(o) in room]


def outcome(o: Doc, paint: Paint, width: int) -> Iterator[str]:
    action, status = str(o.get("action")), str(o.get("status"))
    label = f"{clean(o['label'])}  " if o.get("label") else ""
    if o.get("already"):
        yield f"  {paint('dim', '= already')}  {label}{clean(o.get('address', ''))}"
        return
    word = DONE.get(action, action) if status == "done" else status
    style = STATUS_STYLE.get(status, STYLE.get(action, ""))
    symbol = SYMBOLS.get(action, "?") if status == "done" else "!"
    yield f"  {paint(style, f'{symbol} {word.ljust(7)}')}  {label}{clean(o.get('address', ''))}"
    if o.get("detail"):
        yield from hang(" " * 13, clean(o["detail"]), width)


def access(items: Sequence[Doc], *, color: bool, width: int) -> str:
    """Who can do what where, and why: a table by person."""
    body = [
        (clean(i.get("member", "")), clean(i.get("workspace") or "(company)"), clean(i.get("role") or UNREAD), clean(i.get("path", "")))
        for i in items
    ]
    people = count(len({row[0] for row in body}), "person", "people")
    if not body:
        return "Nobody has access.\n"
    return table(("MEMBER", "WORKSPACE", "ROLE", "PATH"), body, color=color, width=width) + f"\n{people}, {count(len(body), 'grant')}.\n"
