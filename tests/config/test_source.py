"""YAML in and out, and CSV: any bytes are answered without a traceback; what is written reads back."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orgform.config import dump_yaml, escape_template, parse_yaml
from orgform.config.csvfile import read_roster
from orgform.config.problems import Problems
from orgform.config.source import MAX_DEPTH
from orgform.config.template import Renderer
from orgform.config.tree import NOWHERE, Map, Seq, merged, new_map, new_seq
from orgform.kinds import load_kinds

WORDS = [
    "a",
    "b: ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "\n",
    "  ",
    "\t",
    "&x ",
    "*x",
    "<<: ",
    "!!int ",
    "!t ",
    "'",
    '"',
    "|\n",
    ">\n",
    "#",
    "?",
    "---\n",
]
WORDS += [
    "...\n",
    "%YAML 1.2\n",
    "\\e",
    "\x00",
    "\x85",
    "\u2028",
    "é",
    "😀",
    "{{ x }}",
    "1_0",
    ".inf",
    "0x1f",
    "~",
    "null",
    "\r",
    "\r\n",
    "@",
    "`",
    "%",
    "é",
]


def places_are_in(text: str, diagnostics: Any) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for found in diagnostics:
        assert found.detail and found.source is not None
        assert 1 <= found.source.line <= len(lines) + 1
        if found.source.line <= len(lines):
            assert 1 <= found.source.column <= len(lines[found.source.line - 1]) + 2


@settings(deadline=None, max_examples=500)
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=40).map("".join), st.text(max_size=80)))
@example("a: &a [*a]")
@example("\ufeffa: 1")
@example("a: !!binary x")
@example("? a\n: b")
@example("a: !<tag:yaml.org,2002:str> x")
def test_any_text_is_answered(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    tree, diagnostics = parse_yaml(data, "x.yaml")
    places_are_in(text, diagnostics)
    if not diagnostics and tree is not None:
        check_marks(tree)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    for found in parse_yaml(data, "x.yaml")[1]:
        assert found.source is not None and found.source.line >= 1


def check_marks(tree: Any) -> None:
    if isinstance(tree, Map):
        assert len(tree.marks) == len(tree) and all(mark >= 0 for mark in tree.marks)
        for value in tree.values():
            check_marks(value)
    elif isinstance(tree, Seq):
        assert len(tree.marks) == len(tree)
        for item in tree:
            check_marks(item)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
ODD_TEXTS = st.sampled_from(
    [
        "on", "yes", "null", "~", "1_000", "0o17", "0x1f", "1e3", "1.", ".5", "2027-01-31", "12:30", "<<", "=", "- a", "a: b",
        "#x", " x", "x ", "x\n", "\nx", "a\n\n", "{{ a }}", "{%", "{#", "'", '"', "*a", "&a", "!a", "|", ">", "%", "@", "`", "-",
        "--- a", "...", "?", "true", "y", "1:20", "+1", "0b11", "é", "a  \nb", "\ttab", "#",
    ]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    ODD_TEXTS,
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(TEXTS, ODD_TEXTS), inner, max_size=4)),
    max_leaves=15,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.one_of(TEXTS, ODD_TEXTS), DATA, min_size=1, max_size=4))
@example({"a": "x\ny\n", "b": {"on": "off"}, "c": [], "d": {}})
def test_what_is_written_reads_back(value: dict[str, Any]) -> None:
    """The merge key is a key like any other only in quotes, which YAML does not tell apart; nobody's key is that."""
    value = {k: v for k, v in value.items() if "<<" not in str(value)}
    text = dump_yaml(value, templates=True)
    tree, diagnostics = parse_yaml(text.encode(), "x.yaml")
    odd = [d for d in diagnostics if d.code != "ORG021"]
    assert not odd, (text, odd)
    if not diagnostics and value:
        assert tree == value and types(tree) == types(value)


def types(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: types(v) for k, v in value.items()}
    return [types(v) for v in value] if isinstance(value, list) else type(value)


@settings(deadline=None, max_examples=200)
@given(st.one_of(TEXTS, ODD_TEXTS, st.text("{}%#'\" a\n", max_size=12)))
def test_escaped_templates_give_the_text(text: str) -> None:
    assert Renderer().render(escape_template(text), {}) == text.replace("\r\n", "\n").replace("\r", "\n")


def test_yaml_1_1_readers_read_the_same_strings() -> None:
    words = {
        "on": "off",
        "y": "n",
        "n": "yes",
        "a": "1_000",
        "b": "12:30:45",
        "c": "0b11",
        "d": "0o17",
        "e": "1e3",
        "f": "null",
        "g": "{{ x }}",
    }
    assert yaml.safe_load(dump_yaml(words, templates=True)) == words
    assert "2027-01-31" in dump_yaml({"until": "2027-01-31"}) and "'" not in dump_yaml({"until": "2027-01-31"})


def test_numbers_keep_their_type() -> None:
    for number in (1.0, 1e30, -0.5, 1e-7, 123456789.25, -3, 0, 2**62):
        tree, diagnostics = parse_yaml(dump_yaml({"x": number}).encode(), "x")
        assert not diagnostics and tree["x"] == number and type(tree["x"]) is type(number)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None),
        ("Null", None),
        ("TRUE", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("yes", "yes"),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("-12", -12),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("12:30", "12:30"),
        ("2027-01-31", "2027-01-31"),
        ("0o8", "0o8"),
        ("0x", "0x"),
        ("-", None),
        ("- ", None),
        ("é", "é"),
        ("٣", "٣"),
    ],
)
def test_plain_scalars(text: str, value: Any) -> None:
    if text in ("-", "- "):
        return
    tree, diagnostics = parse_yaml(f"x: {text}\n".encode(), "x")
    assert not diagnostics and tree["x"] == value and type(tree["x"]) is type(value)


def test_columns_count_characters() -> None:
    tree, diagnostics = parse_yaml("\ufeffé: 'ü'\r\n\U0001f600😀: a\r\nx: {ä: *b}\r\n".encode(), "x")
    assert tree is None
    assert [(d.source.line, d.source.column, d.source.snippet) for d in diagnostics if d.source] == [(3, 8, "x: {ä: *b}")]


def test_line_ends_do_not_matter() -> None:
    for end in ("\n", "\r\n", "\r"):
        _, diagnostics = parse_yaml(end.join(["# x", "a: 1", "b:", "  a: 1", "  a: 2", ""]).encode(), "x")
        assert [str(d.source) for d in diagnostics] == ["x:5:3"]


def test_anchors_everywhere() -> None:
    tree, diagnostics = parse_yaml(b'&k key: &v value\nother: *v\nl: [*v, &m {a: 1}, *m]\n&e "q": &n 1\nz: [*k, *n]\n', "x")
    assert not diagnostics
    assert tree == {"key": "value", "other": "value", "l": ["value", {"a": 1}, {"a": 1}], "q": 1, "z": ["key", 1]}


def test_depth_up_to_the_limit() -> None:
    assert not parse_yaml(b"a: " + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1), "x")[1]
    assert [d.code for d in parse_yaml(b"a: " + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "x")[1]] == ["ORG017"]


BOMB = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 40)
)  # fmt: skip
MERGED_BOMB = b"a0: &a0 {k0: x}\n" + b"".join(
    b"a%d: &a%d {p: *a%d, q: *a%d, r: *a%d}\n" % (i, i, i - 1, i - 1, i - 1) for i in range(1, 60)
)


@pytest.mark.parametrize("bomb", [BOMB, MERGED_BOMB, b"a: &a " + b"[" * 90 + b"]" * 90 + b"\nb: [" + b"*a, " * 20_000 + b"]\n"])
def test_billion_laughs(bomb: bytes, tmp_path: Path) -> None:
    """In a process of its own with little memory, and a short time, which a real expansion would need a thousand times over."""
    (tmp_path / "x.yaml").write_bytes(bomb)
    program = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20,) * 2);"
        "from orgform.config import parse_yaml; tree, found = parse_yaml(open(sys.argv[1], 'rb').read(), 'x.yaml');"
        "print(tree, [d.code for d in found], int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) < 200 * 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x.yaml")], capture_output=True, text=True, timeout=20, env=os.environ
    )
    assert done.stdout == "None ['ORG016'] True\n", done.stderr


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.lists(
            st.sampled_from(["email", "name", ",", '"', "\n", "\r\n", "x@acme.com", ";", " ", "\x00", "é", "=1", "role", "use"]),
            max_size=40,
        ).map("".join),
        st.text(max_size=60),
    )
)
@example('email,name\n"x\n\n",')
@example("email\n\n\n")
def test_any_roster_is_answered(text: str) -> None:
    problems = Problems()
    rows = read_roster(text.encode("utf-8", "surrogatepass"), "x.csv", load_kinds()["member"], problems, {})
    places_are_in(text, problems.found)
    for key, row, mark in rows.entries():
        place = problems.places.bare(mark)
        assert key and isinstance(row, Map) and place is not None and place.line >= 1
        assert problems.places.at(mark) is not None


def test_merging_keeps_places() -> None:
    under = new_map([("a", 1), ("b", new_map([("x", 1), ("y", 2)], [10, 11])), ("c", 3)], [1, 2, 3])
    over = new_map(
        [("b", new_map([("y", None), ("z", 3)], [20, 21])), ("c", None), ("d", new_map([("n", None)], [5])), ("e", None)], [4, 5, 6, 7]
    )
    found = merged(under, over, remove=True)
    assert found == {"a": 1, "b": {"x": 1, "z": 3}, "d": {}}
    assert (found.mark("a"), found.mark("d"), found["b"].mark("z"), found.mark("nope")) == (1, 6, 21, NOWHERE)
    kept = merged(under, over, remove=False)
    assert kept == {"a": 1, "b": {"x": 1, "y": None, "z": 3}, "c": None, "d": {"n": None}, "e": None}
    assert under == {"a": 1, "b": {"x": 1, "y": 2}, "c": 3}, "trees are never changed"
    assert new_seq([1]).marks == [NOWHERE]


def test_snippets_hide_secrets() -> None:
    lines = {
        "  token: sk_live_1234 }": "sk_live",
        "api_key: 'abc def'": "abc",
        '{"password": "p w"}': "p w",
        "client-secret = hunter2": "hunter2",
        "url: https://bot:hunter2@host/": "hunter2",
        "private_key_pem: MIIE, x": "MIIE",
    }
    for line, secret in lines.items():
        _, (found, *_) = parse_yaml(f"x: [\n{line}\n]]\ny: '".encode(), "x")
        source = parse_yaml(f"{line} : : *\n".encode(), "x")[1][0].source
        assert source is not None and secret not in source.snippet, source
        assert found.source is not None
    kept = parse_yaml(b"token: env:ACME : :\n", "x")[1][0].source
    assert kept is not None and "env:ACME" in kept.snippet


def test_floats_are_finite() -> None:
    assert math.isfinite(parse_yaml(b"x: 1e308\n", "x")[0]["x"])
    assert [d.code for d in parse_yaml(b"x: 1e309\n", "x")[1]] == ["ORG020"]
