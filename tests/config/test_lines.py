"""Plain lines are read as libyaml reads them, and everything else is left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orgform.config import source
from orgform.config.lines import read_lines
from orgform.config.problems import Problems
from orgform.config.tree import Map

ROOT = Path(__file__).parents[2]
SCALARS = [
    "a",
    "Person Number 7",
    "x@y.z",
    "1",
    "-5",
    "+1",
    ".5",
    "1e3",
    "0x1f",
    "0o7",
    "1_000",
    "~",
    "null",
    "true",
    "False",
    "no",
    "12:30",
    "http://x/y",
    "a, b",
    "a (b)",
    "Bob's",
    "é",
    "2026-01-31",
    '"a b"',
    "''",
    '"1"',
    "'null'",
    '"a: b, {c} #d"',
    "a  b",
    "a-",
    "-.5",
    "/a",
]
ODD = [
    "1e400",
    ".inf",
    "a: b",
    "a#b",
    "- a",
    "[a, b]",
    "&x a",
    "*x",
    "!t a",
    "|",
    ">",
    '"a',
    "'a",
    '"\\n"',
    "'a''b'",
    "{{ x }}",
    "%a",
    "@a",
    "`a`",
    "? a",
    "a\tb",
    "a\r",
    "\x85",
    "\u2028",
    "\x00",
    "😀",
    "{a}",
    "{a: {b: c}}",
    "{a: b} c",
    "{a: b}#c",
    '"a" b',
    "a:",
    "::",
    "=",
]
KEYS = ["a", "b", "key-1", "x@y.z", "a/b", "1", "null", "yes", "é"]
PIECES = [
    *SCALARS,
    *ODD,
    *KEYS,
    ":",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "  ",
    "{",
    "}",
    ", ",
    "#",
    " # c",
    "---\n",
    "...\n",
    "\t",
    "use: ",
    "<<: ",
]
LONG = [
    *(("", " ", "?"), ("a: b", " ", "\t"), ("a: ", "b ", "\t"), ('a: "', "b", "\t")),
    *(("a: 'b'", " ", "?"), ("a: {b: c", " ", "\t"), ("# ", "c ", "\t")),
]

comments = st.sampled_from(["", "", "", " # c", "  ", " #", "# c"])
values = st.one_of(
    st.sampled_from(SCALARS),
    st.sampled_from(["", *ODD]),
    st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from([*SCALARS, *ODD])), max_size=3).map(
        lambda pairs: "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    ),
)
lines = st.one_of(
    st.tuples(st.sampled_from(["", "", "  ", "  ", "    ", " "]), st.sampled_from(KEYS), values, comments).map(
        lambda parts: f"{parts[0]}{parts[1]}:{' ' if parts[2] else ''}{parts[2]}{parts[3]}"
    ),
    st.sampled_from(["", "# c", "   # c", "  "]),
)


def by_libyaml(data: bytes) -> tuple[Any, Problems]:
    problems = Problems()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "read_lines", lambda *_: None)
        return source.read_yaml(data, "f.yaml", problems), problems


def told(tree: Any) -> Any:
    """Everything that there is to a tree."""
    return [(k, told(v), m) for k, v, m in tree.entries()] + [tree.dynamic] if isinstance(tree, Map) else (type(tree), tree)


def agree(text: str) -> bool:
    """Whether it is plain lines; then libyaml must read the same, without a problem."""
    found = read_lines(text, 0, {})
    if found is None:
        return False
    tree, problems = by_libyaml(text.encode())
    assert not problems.found
    assert (told(found[0]), found[1]) == (told(tree), problems.values)
    return True


@given(st.lists(lines, max_size=8).map("\n".join))
@example("a:\n  b: 1\n # c\n  d:\n\ne: {a: 'x', b: ~} # c\nf:")
@settings(max_examples=400, deadline=None)
def test_what_is_read_is_what_libyaml_reads(text: str) -> None:
    agree(text)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@settings(max_examples=400, deadline=None)
def test_so_is_any_text(text: str) -> None:
    agree(text)


def test_every_file_in_the_repository() -> None:
    files = [file for folder in ("examples", "tests") for file in (ROOT / folder).rglob("*.yaml")]
    plain = [file for file in files if agree(file.read_text(encoding="utf-8", errors="replace"))]
    assert len(plain) > 20


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_plain_word_is_read(scalar: str) -> None:
    assert agree(f"a: {scalar}\n")
    assert agree(f"a:   {scalar}   # c")
    assert agree(f"a: {{b: {scalar} , c: {scalar}}} # c") is ("," not in scalar or scalar.startswith('"'))


@pytest.mark.parametrize("odd", ODD)
def test_anything_else_is_for_libyaml(odd: str) -> None:
    assert read_lines(f"a: {odd}\nb: 1\n", 0, {}) is None
    assert read_lines(f"a: {{b: {odd}}}\n", 0, {}) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# c",
        "a: 1\n  b: 2",
        "a:\n    b: 1\n  c: 2",
        " a: 1\nb: 2",
        "a: 1\na: 2",
        "a: {b: 1, b: 2}",
        "a: {b: 1,}",
        "a: {}",
        "a:b",
        "use: x",
        "for_each: {a: b}",
        f"{'a' * 201}: 1",
        "".join(f"{' ' * n}a:\n" for n in range(60)),
    ],
)
def test_so_is_what_stands_where_it_should_not(text: str) -> None:
    assert read_lines(text, 0, {}) is None


def test_marks_begin_at_the_base_and_words_that_were_seen_before_are_kept() -> None:
    memo: dict[str, str] = {}
    found = read_lines("é: {b: word}\nc:\n  d: 'word'\n", 100, memo)
    assert found is not None
    tree, count = found
    assert (tree.marks, tree["é"].marks, tree["c"].marks, count) == ([100, 113], [104], [118], 7)
    assert tree["é"]["b"] is tree["c"]["d"] is memo["word"]


def test_a_long_line_takes_no_longer_by_the_character() -> None:
    """What is never given back is looked at once: each of these would take hours otherwise."""
    for begin, middle, end in LONG:
        assert read_lines(begin + middle * 200_000 + end, 0, {}) is None
