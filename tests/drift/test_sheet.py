"""Cells and rows of a CSV that people keep."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgform.config.edit import Untouchable
from orgform.config.sheet import Sheet

TEXT = '\ufeffemail, name ,tags\r\n\r\na@x.io,"A, ""the"" A",x;y\r\nb@x.io,B,\r\nc@x.io,"C\nc",z q'


def row(sheet: Sheet, key: str) -> int:
    found = sheet.row("email", lambda word: word == key)
    assert found is not None
    return found


def test_nothing_asked_nothing_changed() -> None:
    assert Sheet(TEXT).text == TEXT
    assert Sheet("").text == "" and Sheet("").header == []


def test_rows_are_found_and_know_their_line() -> None:
    sheet = Sheet(TEXT)
    assert sheet.header == ["email", "name", "tags"]
    assert [sheet.line(row(sheet, key)) for key in ("a@x.io", "b@x.io", "c@x.io")] == [3, 4, 5]
    assert sheet.row("email", lambda word: word == "email") is None, "the header is no row"
    assert sheet.row("mail", lambda word: True) is None


@pytest.mark.parametrize(
    ("key", "column", "value", "old", "new"),
    [
        ("a@x.io", "name", "Al", '"A, ""the"" A"', '"Al"'),
        ("a@x.io", "tags", ["q", "r"], "x;y", "q;r"),
        ("a@x.io", "tags", None, "x;y", ""),
        ("b@x.io", "name", 'B "b"', "io,B,", 'io,"B ""b""",'),
        ("b@x.io", "name", " B", "io,B,", 'io," B",'),
        ("b@x.io", "name", True, "io,B,", "io,true,"),
        ("b@x.io", "name", False, "io,B,", "io,false,"),
        ("b@x.io", "name", 12.5, "io,B,", "io,12.5,"),
        ("c@x.io", "tags", ["z", "q", "p"], "z q", "z q p"),
    ],
)
def test_one_cell(key: str, column: str, value: Any, old: str, new: str) -> None:
    sheet = Sheet(TEXT)
    sheet.set(row(sheet, key), column, value)
    assert TEXT.count(old) == 1
    assert sheet.text == TEXT.replace(old, new)


def test_rows_go_with_their_line_end() -> None:
    sheet = Sheet(TEXT)
    sheet.set(row(sheet, "b@x.io"), "name", "Bob")
    sheet.remove(row(sheet, "b@x.io"))
    sheet.remove(row(sheet, "c@x.io"))
    assert sheet.text == '\ufeffemail, name ,tags\r\n\r\na@x.io,"A, ""the"" A",x;y\r\n'


@pytest.mark.parametrize(("column", "value"), [("tags", ["a b"]), ("tags", ["a;b"]), ("tags", [1]), ("name", {"a": 1}), ("title", "x")])
def test_what_a_cell_cannot_say(column: str, value: Any) -> None:
    sheet = Sheet(TEXT)
    with pytest.raises(Untouchable, match="a CSV"):
        sheet.set(1, column, value)
    assert sheet.text == TEXT


def test_text_behind_a_quote_is_no_cell() -> None:
    with pytest.raises(Untouchable, match="behind a quote"):
        Sheet('a,b\n"x"y,z\n')


# Python's own writer leaves a lone carriage return unquoted.
CELLS = st.text(st.sampled_from("ab,\";\n' é"), max_size=5)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5), CELLS, st.sampled_from(["\n", "\r\n"]), st.data())
def test_any_table_reads_back_with_one_cell_changed(body: list[list[str]], value: str, end: str, data: st.DataObject) -> None:
    table = [["key", "value"], *([f"k{n}", *cells] for n, (_, *cells) in enumerate(body))]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows(table)
    sheet = Sheet(out.getvalue())
    chosen = data.draw(st.integers(0, len(body) - 1))
    at = sheet.row("key", lambda word: word == f"k{chosen}")
    assert at is not None
    sheet.set(at, "value", value)
    table[chosen + 1][1] = value
    assert list(csv.reader(io.StringIO(sheet.text, newline=""))) == table
