"""Diagnostics the way a compiler shows them: code, place, the line itself, what to do.

Invariant: a snippet is shown as far as it fits, with the marked columns inside of what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orgform.render.words import Paint, clean, count, hang, width_of

Doc = Mapping[str, Any]
#: so many are shown with their frame, so many more with a line each; a config can have tens of thousands
MOST_FRAMED = 100
MOST_LISTED = 400
STYLE = {"error": "bad", "warning": "warn", "info": "cyan"}


def diagnostics(listed: Sequence[Doc], *, color: bool, width: int) -> str:
    """One block each, in the order given, errors first where not all have room. Empty text for none."""
    paint, width = Paint(color), max(width, 40)
    listed = joined(listed)
    if len(listed) > MOST_FRAMED:
        listed = sorted(listed, key=lambda d: d.get("severity") != "error")
    blocks = "\n".join("\n".join(_block(d, paint, width)) + "\n" for d in listed[:MOST_FRAMED])
    return blocks + _brief(listed[MOST_FRAMED:], paint, width)


def joined(listed: Sequence[Doc]) -> list[Doc]:
    """One of those that are the same mistake at the same place: what a `for_each` makes has one line in the file."""
    alike: dict[tuple[Any, ...], list[Doc]] = {}
    for d in listed:
        source = d.get("source") or {}
        place_of = (source.get("file"), source.get("line"), source.get("column")) if source.get("line") else (id(d),)
        alike.setdefault((d.get("code"), d.get("severity"), *place_of), []).append(d)
    return [first if not more else {**first, "detail": _and_more(first, len(more))} for first, *more in alike.values()]


def _and_more(d: Doc, number: int) -> str:
    return f"{clean(d.get('detail', ''))} (and {number:,} more of this kind at this place; --format json shows all)"


def _brief(listed: Sequence[Doc], paint: Paint, width: int) -> str:
    lines = [
        line
        for d in listed[:MOST_LISTED]
        for line in hang(f"{_lead(d)} {place(d.get('source') or {})}: ", clean(d.get("summary", "")), width)
    ]
    if len(listed) > MOST_LISTED:
        lines.append(paint("dim", f"... and {len(listed) - MOST_LISTED:,} more; --format json shows all"))
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def _lead(d: Doc) -> str:
    code = f"[{clean(d['code'])}]" if d.get("code") else ""
    return f"{clean(d.get('severity', 'error'))}{code}:"


def validation(doc: Doc, *, color: bool, width: int, quiet: bool = False) -> str:
    """The answer of `validate`: warnings, then what was found and that it is valid. `doc`: `resources` and `diagnostics`."""
    listed = doc.get("diagnostics") or []
    warnings = sum(d.get("severity") == "warning" for d in listed)
    parts = [diagnostics(listed, color=color, width=width)] if listed else []
    resources = doc.get("resources") or {}
    if resources and not quiet:
        column = max(map(len, resources))
        parts.append("".join(f"  {clean(kind).ljust(column)}  {number:>7,}\n" for kind, number in resources.items()))
    tail = f", with {count(warnings, 'warning')}" if warnings else ""
    total = sum(resources.values())
    parts.append(Paint(color)("good", f"The config is valid: {count(total, 'resource')}{tail}.") + "\n")
    return "\n".join(parts)


def invalid_summary(listed: Sequence[Doc]) -> str:
    """`The config has 3 errors and 1 warning.`"""
    errors = sum(d.get("severity") == "error" for d in listed)
    warnings = sum(d.get("severity") == "warning" for d in listed)
    tail = f" and {count(warnings, 'warning')}" if warnings else ""
    return f"The config has {count(errors, 'error')}{tail}."


def place(source: Doc) -> str:
    """`workspaces/us.yaml:12:3`, only the file where no line is known."""
    file, line = clean(source.get("file", "")), int(source.get("line") or 0)
    return f"{file}:{line}:{int(source.get('column') or 0)}" if line else file


def _block(d: Doc, paint: Paint, width: int) -> Iterator[str]:
    severity = str(d.get("severity", "error"))
    lead = f"{_lead(d)} "
    first, *more = hang(lead, clean(d.get("summary", "")), width)
    yield paint(STYLE.get(severity, ""), lead.rstrip()) + paint("bold", first[len(lead) - 1 :])
    yield from (paint("bold", line) for line in more)
    source = d.get("source")
    margin = len(str(int((source or {}).get("line") or 0)))
    if source:
        yield from _frame(source, "-->", margin, paint, width, severity)
    for other in d.get("related") or ():
        yield from _frame(other, ":::", margin, paint, width, "related")
    if not source and d.get("address"):
        yield f" {paint('cyan', '-->')} {clean(d['address'])}"
    if d.get("detail"):
        yield from (paint("", line) for line in hang(f"{' ' * margin} = help: ", clean(d["detail"]), width))


def _frame(source: Doc, arrow: str, margin: int, paint: Paint, width: int, severity: str) -> Iterator[str]:
    yield f"{' ' * margin}{paint('cyan', arrow)} {place(source)}"
    snippet, line = str(source.get("snippet") or ""), int(source.get("line") or 0)
    if not snippet.strip() or not line:
        return
    bar = paint("cyan", "|")
    text, start, length = _excerpt(snippet, int(source.get("column") or 1), int(source.get("length") or 1), width - margin - 4)
    number = str(line).rjust(margin)
    mark = ("-" if severity == "related" else "^") * length
    yield f"{' ' * margin} {bar}"
    yield f"{paint('cyan', number)} {bar} {text}"
    yield f"{' ' * margin} {bar} {' ' * start}{paint(STYLE.get(severity, 'cyan'), mark)}"


def _excerpt(snippet: str, column: int, length: int, width: int) -> tuple[str, int, int]:
    """The part of a line that fits, the column (0-based, as shown) where the mark starts, and how long it is as shown."""
    line = snippet.rstrip("\r\n")
    at = min(max(column - 1, 0), len(line))
    left = 0
    while width_of(clean(line[left:at])) > width - 12 and left < at:
        left = at - max(width // 2, 8) if at - left > width else left + 1
    lead = "..." if left else ""
    before = lead + clean(line[left:at])
    marked = clean(line[at : at + max(length, 1)])
    room = max(width - width_of(before), 4)
    rest, used = "", 0
    for char in line[at:]:
        piece = clean(char)
        used += width_of(piece)
        if used > room:
            rest = rest[: max(len(rest) - 3, 0)] + "..."
            break
        rest += piece
    return before + rest, width_of(before), max(min(width_of(marked), room), 1)
