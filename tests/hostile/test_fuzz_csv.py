"""Any bytes as a roster: rows, or problems with file, line and column. What Python's csv module reads, we read; what it refuses, we do.

What fuzzing has found stands here as an example of its own. `-m soak` goes on with far more.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orgform.config.csvfile import read_roster
from orgform.config.problems import Problems
from orgform.config.tree import Map
from orgform.kinds import load_kinds
from tests.hostile.fuzzing import AT_LENGTH, FEW, at_most, mutated

MEMBER = load_kinds()["member"]
#: what the reader refuses in a text
ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def read(data: bytes) -> tuple[Map, Problems]:
    problems = Problems()
    with at_most(20):
        rows = read_roster(data, "people.csv", MEMBER, problems, {})
    lines = data.decode("utf-8-sig", "replace").count("\n") + data.count(b"\r") + 1
    for told in problems.found:
        assert told.summary and told.detail
        assert told.source is not None and told.source.file == "people.csv", told
        assert 1 <= told.source.line <= lines and told.source.column >= 1, told
        assert not ODD.search(told.summary + told.detail), told
        assert len(told.summary) < 1000
    return rows, problems


def anything(data: bytes) -> None:
    rows, problems = read(data)
    assert problems.found or isinstance(rows, Map)


def compared(text: str) -> None:
    """The e-mail and name of each row are what Python's csv module says they are."""
    rows, problems = read(text.encode())
    try:
        expected = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        assert problems.found, "Python refuses it, and we do not"
        return
    if not problems.found:
        header = [cell.strip() for cell in expected[0]]
        told = {row[header.index("email")].strip(): dict(zip(header, row, strict=True)) for row in expected[1:] if row}
        assert {key: dict(row) for key, row in rows.items()} == {
            key: {name: cell for name, cell in row.items() if name != "email" and cell} for key, row in told.items()
        }


def kept(cells: list[tuple[str, str]], end: str, quoting: Any) -> None:
    """What Python's csv module writes comes back cell by cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(["email", "name"])
    for number, row in enumerate(cells):
        writer.writerow([f"m{number}{row[0]}", row[1]])
    rows, problems = read(out.getvalue().encode())
    assert not problems.found, problems.found
    assert [(key, row.get("name", "")) for key, row in rows.items()] == [(f"m{n}{a}".strip(), b) for n, (a, b) in enumerate(cells)]


PIECES = st.sampled_from(
    [
        b",",
        b'"',
        b'""',
        b"\n",
        b"\r",
        b"\r\n",
        b"\x00",
        b";",
        b"\t",
        b" ",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"\x85",
        b"\xc2\x85",
        b"\x1b",
        b"email",
        b"name",
        b"role",
        b"use",
        b"a@acme.com",
        b"email,name\n",
        b"{{ a }}",
        b"=1+1",
        b"'",
        b"\\",
        b"\xe2\x80\xae",
    ]
)
GOOD = (
    b'email,name,role\nalice@acme.com,Alice,owner\nbob@acme.com,"Bob, the ""Builder""",member\n',
    b'\xef\xbb\xbfemail,name\r\na@acme.com,"two\r\nlines"\r\n\r\nb@acme.com,\r\n',
)
BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(PIECES, max_size=40).map(b"".join),
    st.lists(PIECES, max_size=30).map(lambda p: b"email,name\n" + b"".join(p)),
)
MUTATIONS = mutated(GOOD, PIECES)
TEXTS = st.text(st.sampled_from(',"\n\r ab;\u00e9'), max_size=40).map(lambda rest: "email,name" + rest)
SAFE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Cf"), whitelist_characters='\n\r\t",'), max_size=20)
CELLS = st.lists(st.tuples(SAFE, SAFE), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
#: not QUOTE_MINIMAL: Python's writer before 3.13 leaves a CR without quotes, which its own reader then takes for the end of the row
QUOTING = st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])


@FEW
@given(BYTES)
def test_any_bytes(data: bytes) -> None:
    anything(data)


@FEW
@given(MUTATIONS)
def test_good_rosters_with_something_broken(data: bytes) -> None:
    anything(data)


@FEW
@given(TEXTS)
@example("email,name,")  # the end of a file without a line end is on its last line
def test_the_same_as_pythons_reader(text: str) -> None:
    compared(text)


@FEW
@given(CELLS, ENDS, QUOTING)
def test_what_pythons_writer_writes_is_read(cells: list[tuple[str, str]], end: str, quoting: Any) -> None:
    kept(cells, end, quoting)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", ["anything", "mutations", "compared", "kept"])
def test_at_length(how: str) -> None:
    every = {
        "anything": AT_LENGTH(given(BYTES)(anything)),
        "mutations": AT_LENGTH(given(MUTATIONS)(anything)),
        "compared": AT_LENGTH(given(TEXTS)(compared)),
        "kept": AT_LENGTH(given(CELLS, ENDS, QUOTING)(kept)),
    }
    every[how]()
