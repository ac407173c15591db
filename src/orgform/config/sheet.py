"""Edits the text of a CSV file that people keep: cells change, rows go, and nothing else does.

Invariant: every character outside of the cells and rows that are named stays, quotes and line ends included. What a cell cannot say is
refused with `Untouchable`, and nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from orgform.config.edit import Untouchable

_CELL = re.compile(r'(?P<quoted>"(?:[^"]|"")*")|(?P<bare>[^,\r\n"]*)')
_LINE_END = re.compile(r"\r\n|\r|\n|\Z")
_BOM = "\ufeff"
Span = tuple[int, int]


class Sheet:
    """One file, read without problems before. Rows are found by what stands in the key's column."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rows = _rows(text)
        self.header = [self._value(span).strip() for span in self._rows[0]] if self._rows else []
        self._edits: dict[Span, str] = {}

    def row(self, column: str, same: Callable[[str], bool]) -> int | None:
        """Index of the row whose cell in `column` is meant."""
        at = self.header.index(column) if column in self.header else None
        if at is None:
            return None
        return next((i for i, row in enumerate(self._rows) if i and at < len(row) and same(self._value(row[at]).strip())), None)

    def line(self, row: int) -> int:
        """1-based."""
        return len(re.findall(r"\r\n|\r|\n", self._text[: self._rows[row][0][0]])) + 1

    def set(self, row: int, column: str, value: Any) -> None:
        """`None` empties the cell. Raises `Untouchable`."""
        if column not in self.header:
            raise Untouchable(f"a CSV without a column `{column}`")
        span = self._rows[row][self.header.index(column)]
        text = _cell_text(value, self._value(span))
        quoted = self._text[span[0] : span[0] + 1] == '"' or any(sign in text for sign in ',"\r\n') or text != text.strip()
        self._edits[span] = '"' + text.replace('"', '""') + '"' if quoted and text else text

    def remove(self, row: int) -> None:
        """The row with its line end."""
        start, end = self._rows[row][0][0], self._rows[row][-1][1]
        found = _LINE_END.match(self._text, end)
        for span in self._rows[row]:
            self._edits.pop(span, None)
        self._edits[start, found.end() if found else end] = ""

    @property
    def text(self) -> str:
        """The file with everything done."""
        done: list[str] = []
        at = 0
        for (start, end), text in sorted(self._edits.items()):
            done += [self._text[at:start], text]
            at = end
        return "".join(done) + self._text[at:]

    def _value(self, span: Span) -> str:
        text = self._text[span[0] : span[1]]
        return text[1:-1].replace('""', '"') if text[:1] == '"' else text


def _rows(text: str) -> list[list[Span]]:
    """The cells of each row; empty lines are none."""
    rows: list[list[Span]] = []
    at = len(_BOM) if text.startswith(_BOM) else 0
    while at < len(text):
        row: list[Span] = []
        while True:
            found = _CELL.match(text, at)
            end = found.end() if found else at
            row.append((at, end))
            at = end + 1
            if text[end : end + 1] != ",":
                break
        if len(row) > 1 or row[0][0] != row[0][1]:
            rows.append(row)
        found = _LINE_END.match(text, end)
        if found is None:
            raise Untouchable("a CSV with text behind a quote")
        at = max(found.end(), end + 1)
    return rows


def _cell_text(value: Any, old: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        if not all(isinstance(word, str) and word and not re.search(r"[;\s]", word) for word in value):
            raise Untouchable("a CSV cell, which cannot hold such a list")
        return (" " if " " in old and ";" not in old else ";").join(value)
    if isinstance(value, str | int | float):
        return str(value)
    raise Untouchable("a CSV cell, which cannot hold a map")
