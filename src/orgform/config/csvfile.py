"""`include_csv`: rosters as CSV (RFC 4180). A row becomes the same map that YAML would have given.

Invariant: no bytes make a traceback; cells are text that is turned into what the attribute's schema wants; no templates in cells.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orgform.config.compose import duplicate
from orgform.config.places import Table
from orgform.config.problems import Problems, listed
from orgform.config.scalars import plain
from orgform.config.source import MAX_VALUES, decode_text
from orgform.config.tree import Map, new_map, new_seq
from orgform.diagnostics import Source
from orgform.kinds import Kind

_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


MAX_COLUMNS = 1000


def read_roster(data: bytes, file: str, kind: Kind, problems: Problems, memo: dict[str, str]) -> Map:
    """Key -> row. Rows with a problem are left out."""
    text = decode_text(data, file, problems)
    if text is None:
        return new_map()
    added = problems.places.add_table(file, text)
    if not text.strip():
        problems.add("ORG008", "the file is empty", f"write a header line: {','.join(_columns(kind)[:4])}", Source(file, 1, 1))
        return new_map()
    odd = _ODD.search(text)
    if odd:
        line, column = added.line(odd.start())
        problems.add(
            "ORG021",
            f"the file has the control character U+{ord(odd[0]):04X}",
            "remove it",
            Source(file, line, column, 1, added.snippet(line)),
        )
        return new_map()
    return _Reader(added, kind, problems, memo).rows()


def _columns(kind: Kind) -> list[str]:
    """Names that a header may have, the key first."""
    key = [kind.key.name] if kind.key else []
    return [*key, *(n for n, p in kind.properties.items() if not p.get("x-observed") and not _is_map(p)), "use"]


class _Reader:
    def __init__(self, text: Table, kind: Kind, problems: Problems, memo: dict[str, str]) -> None:
        self._text = text
        self._kind = kind
        self._problems = problems
        self._memo = memo.setdefault
        self._read = 0
        self._key = kind.key.name if kind.key else "key"

    def rows(self) -> Map:
        reader = csv.reader(self._lines(), strict=True)
        values: dict[str, Any] = {}
        marks: dict[str, int] = {}
        header: list[str] = []
        start = 0
        try:
            for row in reader:
                begin, start = start, self._read
                if header and not row:
                    continue
                self._text.rows.append(begin)
                mark = self._text.base + begin
                if not header:
                    header = [cell.strip() for cell in row]
                    if not self._check_header(header, mark):
                        break
                    make = self._row_maker(header)
                elif len(row) == len(header) or self._ragged(row, header, mark):
                    if self._too_many(len(row), mark):
                        break
                    self._add(values, marks, make(row, mark), mark + header.index(self._key))
        except csv.Error as error:
            self._text.rows.append(start)
            self._bad_csv(error, self._text.base + start)
        return new_map(values.items(), list(marks.values()), "use" in header)

    def _lines(self) -> Iterator[str]:
        """csv.reader takes one more whenever it needs one; `_read`: how many characters it has taken."""
        for line in io.StringIO(self._text.text, newline=""):
            self._read += len(line)
            yield line

    def _too_many(self, values: int, mark: int) -> bool:
        self._problems.values += 1 + values
        if self._problems.values > MAX_VALUES:
            self._problems.add("ORG024", f"the config has more than {MAX_VALUES:,} values", "split it into several configs", mark)
        return self._problems.values > MAX_VALUES

    def _add(self, values: dict[str, Any], marks: dict[str, int], made: tuple[str, Map] | None, mark: int) -> None:
        if made is None:
            return
        key, row = made
        if key in values:
            duplicate(key, marks[key], mark, self._problems)
            return
        values[key] = row
        marks[key] = mark

    def _bad_csv(self, error: csv.Error, mark: int) -> None:
        found = str(error)
        fix = "put texts with commas, quotes or line ends in double quotes, and double the quotes inside of them"
        summary = "a field is longer than 131,072 characters" if "field larger" in found else f"this is no CSV: {found}"
        self._problems.add("ORG130", summary, fix, mark)

    def _check_header(self, header: list[str], mark: int) -> bool:
        before = len(self._problems.found)
        known = _columns(self._kind)
        if len(header) > MAX_COLUMNS:
            self._problems.add("ORG132", f"the header has {len(header):,} columns", f"at most {MAX_COLUMNS:,} are read", mark)
            return False
        for index, name in enumerate(header):
            at = mark + index
            if name in header[:index]:
                self._problems.add("ORG132", f"the column `{name}` stands twice", "keep one of them", at)
            elif name not in known and not self._is_dotted(name):
                fix = self._problems.meant(name, known, f"columns name attributes: {listed(known)}")
                self._problems.add("ORG133", f"unknown column `{name[:80]}`", fix, at)
        if self._key not in header:
            fix = f"add a column `{self._key}`: it holds the key of each row"
            if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
                fix = "separate the columns by commas"
            self._problems.add("ORG131", f"the column `{self._key}` is missing", fix, mark)
        return len(self._problems.found) == before

    def _is_dotted(self, name: str) -> bool:
        """`labels.team`: a key of a map."""
        top, dot, rest = name.partition(".")
        prop = self._kind.properties.get(top, {})
        return bool(
            dot
            and rest
            and _is_map(prop)
            and not prop.get("x-observed")
            and (rest in prop.get("properties", {}) or prop.get("additionalProperties"))
        )

    def _ragged(self, row: list[str], header: list[str], mark: int) -> bool:
        fix = "write a comma for each column, also for empty ones; quote texts that have commas"
        self._problems.add("ORG132", f"the row has {len(row)} columns, and the header {len(header)}", fix, mark)
        return False

    def _row_maker(self, header: list[str]) -> Callable[[list[str], int], tuple[str, Map] | None]:
        key_index = header.index(self._key)
        columns = [(i, name, _converter(self._kind, name)) for i, name in enumerate(header) if i != key_index]
        memo = self._memo

        def make(row: list[str], mark: int) -> tuple[str, Map] | None:
            key = row[key_index].strip()
            if not key:
                self._problems.add("ORG131", f"the row has no `{self._key}`", "write one, or remove the row", mark + key_index)
                return None
            made = new_map()
            for index, name, convert in columns:
                cell = row[index]
                if cell:
                    _put(made, name, memo(cell, cell) if convert is None else convert(cell, mark + index), mark + index)
            made.dynamic = "use" in made
            return memo(key, key), made

        return make


def _is_map(prop: Mapping[str, Any]) -> bool:
    kinds = prop.get("type")
    return kinds == "object" or (isinstance(kinds, list) and "object" in kinds)


def _put(row: Map, name: str, value: Any, mark: int) -> None:
    top, dot, rest = name.partition(".")
    if dot:
        inner = row.get(top)
        if inner is None:
            inner = row[top] = new_map()
            row.marks.append(mark)
        inner[rest] = value
        inner.marks.append(mark)
    else:
        row[name] = value
        row.marks.append(mark)


def _converter(kind: Kind, name: str) -> Callable[[str, int], Any] | None:
    """How a cell of this column becomes a value; None where it stays text. What does not fit stays text, and the gate says so."""
    top, dot, rest = name.partition(".")
    prop = kind.properties.get(top, {})
    if dot:
        prop = prop.get("properties", {}).get(rest) or prop.get("additionalProperties", {})
    kinds = prop.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "array" in kinds or name == "use":
        return _list
    if {"boolean", "integer", "number"} & set(kinds) or not {"type", "enum", "const"} & set(prop):
        return lambda cell, mark: _scalar(cell)
    return None


def _list(cell: str, mark: int) -> Any:
    words = [word for word in re.split(r"[;\s]+", cell) if word]
    return new_seq(words, [mark] * len(words))


def _scalar(cell: str) -> Any:
    text = cell.strip()
    lower = text.lower()
    value = lower == "true" if lower in ("true", "false") else plain(text)
    return value if isinstance(value, bool | int | float) else cell
