"""Text made safe, measured and wrapped: the small tools of every renderer.

Invariant: `clean` is the only door for foreign text; what comes out holds no control, bidi or escape character and encodes in UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

# C0, C1, DEL, line and paragraph separators, bidi marks and overrides, invisible fillers, lone surrogates: what could forge a line.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ZERO = frozenset({"Mn", "Me", "Cf"})

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "bad": "1;31", "good": "1;32", "warn": "1;33"}


def clean(value: object) -> str:
    """Any value as one line of safe text; control characters are written as escapes (`\\n`, `\\x1b`, `\\u202e`)."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def width_of(text: str) -> int:
    """Columns that a terminal gives to `text`: wide East Asian characters and emoji take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.category(char) in _ZERO:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, columns: int) -> str:
    """`text` with spaces up to `columns`; longer text stays as it is."""
    return text + " " * (columns - width_of(text))


def cut(text: str, columns: int) -> str:
    """At most `columns` wide, ending in `...` where something was left out."""
    if width_of(text) <= columns:
        return text
    return _head(text, max(columns - 3, 0)) + "..."


def _head(text: str, columns: int) -> str:
    if text.isascii():
        return text[:columns]
    used = 0
    for at, char in enumerate(text):
        used += _columns(char)
        if used > columns:
            return text[:at]
    return text


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns`, broken at spaces; a word that is longer is broken inside. Never empty."""
    columns = max(columns, 8)
    if width_of(text) <= columns:
        return [text]
    lines = [""]
    for word in _words(text, columns):
        glued = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(glued) <= columns:
            lines[-1] = glued
        else:
            lines.append(word)
    return [line for line in lines if line] or [""]


def _words(text: str, columns: int) -> Iterator[str]:
    for word in text.split(" "):
        rest = word
        while width_of(rest) > columns:
            head = _head(rest, columns) or rest[0]
            yield head
            rest = rest[len(head) :]
        yield rest


def hang(lead: str, text: str, columns: int, most: int = 0) -> list[str]:
    """`lead` and then `text` wrapped beside it; below it, where the lead is wider than `most` (0: half of the page)."""
    indent = width_of(lead)
    if indent > (most or columns // 2):
        below = " " * (len(lead) - len(lead.lstrip()) + 4)
        return [lead.rstrip(), *(below + line for line in wrap(text, columns - len(below)))]
    first, *more = wrap(text, columns - indent)
    return [lead + first, *(" " * indent + line for line in more)]


def count(number: int, word: str, many: str = "") -> str:
    """`1 member`, `9,980 members`."""
    return f"{number:,} {word if number == 1 else many or plural(word)}"


def plural(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def noun(kind: str) -> str:
    """A kind's name as people write it: `feature_value` -> `feature value`."""
    return clean(kind).replace("_", " ")


def listing(words: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    known = list(words)
    if len(known) < 2:
        return "".join(known)
    return f"{', '.join(known[:-1])} {last} {known[-1]}"


class Paint:
    """Colours on or off: `paint.red("x")` is `x` without colour."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, style: str, text: str) -> str:
        if not self.color or not style or not text:
            return text
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m"
