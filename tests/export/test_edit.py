"""`config.edit`: what must change changes, every other character stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgform.config.edit import Document, Pair, Untouchable, is_template
from orgform.config.source import parse_yaml


def at(document: Document, *path: str) -> Pair:
    node = document.root
    for name in path:
        pair = next(p for p in document.pairs(node) if p.key.value == name)
        node = pair.value
    return pair


def equal(written: str, wanted: Any) -> bool:
    return written == wanted


def edited(text: str, *edits: Callable[[Document], None]) -> str:
    document = Document(text)
    for edit in edits:
        edit(document)
    return document.text


def put(value: Any, *path: str) -> Callable[[Document], None]:
    return lambda d: d.set_value(at(d, *path), value)


def items(value: list[Any], *path: str) -> Callable[[Document], None]:
    return lambda d: d.set_items(at(d, *path), value, equal)


def drop(*path: str) -> Callable[[Document], None]:
    return lambda d: d.remove(at(d, *path))


def new(key: str, value: Any, *path: str) -> Callable[[Document], None]:
    return lambda d: d.add(at(d, *path) if path else None, key, value)


SAMPLE = """\
# The company.
company: {name: "Acme", primary_domain:   acme.com}   # ours

members:
  # The founders.
  alice@acme.com: {name: 'Alice', role: owner}
  bob@acme.com:      # on leave
    name: Bob   # Robert
    labels:
      team: x

  # Temporary.
  # Until spring.
  carol@acme.com:
    title: >
      Head of
      things

groups:
  support:
    members:
      - alice@acme.com   # lead
      - bob@acme.com
# The end.
"""


def replaced(*pairs: tuple[str, str]) -> str:
    text = SAMPLE
    for old, to in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, to)
    return text


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (put("Acme Corp", "company", "name"), replaced(('"Acme"', '"Acme Corp"'))),
        (put("acme.org", "company", "primary_domain"), replaced(("   acme.com", "   acme.org"))),
        (put("O'Neil", "members", "alice@acme.com", "name"), replaced(("'Alice'", "'O''Neil'"))),
        (put("Rob: #1", "members", "bob@acme.com", "name"), replaced(("name: Bob   #", "name: 'Rob: #1'   #"))),
        (put("on", "members", "bob@acme.com", "name"), replaced(("name: Bob   #", "name: 'on'   #"))),
        (put("{{ x }}", "members", "bob@acme.com", "name"), replaced(("name: Bob   #", "name: '{{ ''{{'' }} x }}'   #"))),
        (put("COO", "members", "carol@acme.com", "title"), replaced((">\n      Head of\n      things\n", "COO\n"))),
        (put("a\nb", "members", "bob@acme.com", "name"), replaced(("name: Bob   # Robert", "name: |-   # Robert\n      a\n      b"))),
        (put({"a": 1}, "members", "bob@acme.com", "labels"), replaced(("\n      team: x\n", "\n      a: 1\n"))),
        (drop("members", "bob@acme.com", "labels", "team"), replaced(("labels:\n      team: x\n", "labels: {}\n"))),
        (drop("members", "alice@acme.com", "name"), replaced(("{name: 'Alice', role", "{role"))),
        (drop("members", "alice@acme.com", "role"), replaced((", role: owner}", "}"))),
        (drop("members", "carol@acme.com"), replaced((SAMPLE[SAMPLE.index("\n  # Temp") : SAMPLE.index("\ngroups")], ""))),
        (drop("members", "alice@acme.com"), replaced(("  alice@acme.com: {name: 'Alice', role: owner}\n", ""))),
        (new("title", "CEO", "members", "alice@acme.com"), replaced(("owner}", "owner, title: CEO}"))),
        (new("a, b", ["x, y"], "members", "alice@acme.com"), replaced(("owner}", 'owner, "a, b": ["x, y"]}'))),
        (new("tier", "gold", "members", "bob@acme.com", "labels"), replaced(("team: x\n", "team: x\n      tier: gold\n"))),
        (new("bert@acme.com", {"name": "B"}, "members"), replaced(("owner}\n", "owner}\n  bert@acme.com:\n    name: B\n"))),
        (new("aaron@acme.com", {}, "members"), replaced(("  # The founders", "  aaron@acme.com: {}\n  # The founders"))),
        (new("zoe@acme.com", {}, "members"), replaced(("things\n", "things\n  zoe@acme.com: {}\n"))),
        (new("domains", {"acme.com": {}}), replaced(("# The end", "\ndomains:\n  acme.com: {}\n# The end"))),
        (items(["bob@acme.com"], "groups", "support", "members"), replaced(("      - alice@acme.com   # lead\n", ""))),
        (
            items(["alice@acme.com", "bob@acme.com", "x"], "groups", "support", "members"),
            replaced(("- bob@acme.com\n", "- bob@acme.com\n      - x\n")),
        ),
        (items([], "groups", "support", "members"), replaced(("\n      - alice@acme.com   # lead\n      - bob@acme.com\n", " []\n"))),
    ],
)
def test_one_edit(edit: Callable[[Document], None], expected: str) -> None:
    assert edited(SAMPLE, edit) == expected


def test_many_edits_at_once() -> None:
    text = edited(
        SAMPLE,
        drop("members", "bob@acme.com"),
        drop("members", "carol@acme.com"),
        new("dan@acme.com", {"name": "Dan"}, "members"),
        items(["dan@acme.com"], "groups", "support", "members"),
        drop("company", "primary_domain"),
        put("Acme 2", "company", "name"),
        new("labels", {"a": "b"}, "company"),
    )
    assert text == (
        '# The company.\ncompany: {name: "Acme 2", labels: {a: b}}   # ours\n\nmembers:\n  # The founders.\n'
        "  alice@acme.com: {name: 'Alice', role: owner}\n  dan@acme.com:\n    name: Dan\n\n"
        "groups:\n  support:\n    members:\n      - dan@acme.com\n# The end.\n"
    )


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        (
            "domains:\n  acme.com:\n  b.com:   # b\n",
            new("x", 1, "domains", "acme.com"),
            "domains:\n  acme.com:\n    x: 1\n  b.com:   # b\n",
        ),
        ("domains:\n  acme.com: {} # a\n", new("x", 1, "domains", "acme.com"), "domains:\n  acme.com: # a\n    x: 1\n"),
        ("domains: {a: , b: {}}\n", new("x", 1, "domains", "b"), "domains: {a: , b: {x: 1}}\n"),
        ("domains:\n", new("x", {"z": [1]}, "domains"), "domains:\n  x:\n    z:\n    - 1\n"),
        ("a: 1", new("b", 2), "a: 1\n\nb: 2"),
        ("a:\n  x: 1", new("b", 2, "a"), "a:\n  x: 1\n  b: 2"),
        ("a:\r\n  x: 1\r\n", new("b", {"c": 2}, "a"), "a:\r\n  x: 1\r\n  b:\r\n    c: 2\r\n"),
        ("\ufeffa: 1\n", put(2, "a"), "\ufeffa: 2\n"),
        ('{"a": {"x": 1, "y": 2}}', drop("a", "x"), '{"a": {"y": 2}}'),
        ('{"a": {"x": 1, "y": 2}}', drop("a"), "{}"),
        ('{"a": {"x": 1}}', new("b", "c d"), '{"a": {"x": 1}, b: c d}'),
        ("a: [x, y, z] # c\n", items(["x", "w"], "a"), "a: [x, w] # c\n"),
        ("a: [x, y, z,]\n", items(["y", "z"], "a"), "a: [y, z,]\n"),
        ("a: [\n  x, # 1\n  y, # 2\n]\n", items(["x"], "a"), "a: [\n  x, # 1\n]\n"),
        ("a: [\n  x, # 1\n  y # 2\n]\n", items(["y", "z"], "a"), "a: [\n  y, z # 2\n]\n"),
        ("a: {\n  x: 1, y: 2,\n  z: 3 }\n", drop("a", "z"), "a: {\n  x: 1, y: 2 }\n"),
        ("a: [x]\n", items(["v"], "a"), "a: [v]\n"),
        ("a: x\n", items(["v"], "a"), "a: [v]\n"),
        ("a: {x: 1, y: 2, z: 3}\n", drop("a", "z"), "a: {x: 1, y: 2}\n"),
        ("a:\n  - x\nb: 1\n", put(["v", "z"], "a"), "a:\n- v\n- z\nb: 1\n"),
        ("a: |\n  x\n  y\n\n\nb: 1\n", drop("a"), "\n\nb: 1\n"),
        ("a: |\n  x\n\nb: 1\n", put("y\nz\n", "a"), "a: |\n  y\n  z\n\nb: 1\n"),
        ('a: "x"\n', put("tab\there \u0085 \U0001f600 é", "a"), 'a: "tab\\there \\U00000085 \U0001f600 é"\n'),
        ("? a\n: 1\n", put(2, "a"), "? a\n: 2\n"),
        ("a:\n", put("x", "a"), "a: x\n"),
        ("a: 1\n", put({"b": 2}, "a"), "a: {b: 2}\n"),
        ("a: 1\n", put({"b": "c" * 100}, "a"), f"a:\n  b: {'c' * 100}\n"),
        ("a: 1\nb: 2\n", drop("b"), "a: 1\n"),
        ("b: &x {y: 1}\na: *x\nc: 1\n", drop("a"), "b: &x {y: 1}\nc: 1\n"),
        ("b: &x {y: 1}\na: *x\n", new("c", 1), "b: &x {y: 1}\na: *x\n\nc: 1\n"),
    ],
)
def test_shapes(text: str, edit: Callable[[Document], None], expected: str) -> None:
    assert edited(text, edit) == expected


@pytest.mark.parametrize(
    ("text", "edit", "said"),
    [
        ("a: &x 1\n", put(2, "a"), "anchor"),
        ("a: !!str 1\n", put(2, "a"), "tag"),
        ("b: &x {y: 1}\na: *x\n", put(2, "a"), "alias"),
        ("b: &x {y: 1}\na: *x\n", put(2, "b", "y"), "alias"),
        ("b: &x {y: 1}\na: *x\n", drop("b", "y"), "alias"),
        ("b: &x {y: 1}\na: *x\n", new("z", 2, "a"), "alias"),
        ("b: &x {y: 1}\na: {c: *x, d: 1}\n", new("z", 2, "a"), "alias"),
        ("a: '{{ x }}'\n", put(2, "a"), "expression"),
        ("a: ['{{ x }}', y]\n", items(["y"], "a"), "expression"),
        ("a: [[x], y]\n", items(["y"], "a"), "words"),
        ("a: x\n", new("b", 1, "a"), "no map"),
        ("# nothing\n", new("b", 1), "empty file"),
    ],
)
def test_what_cannot_be_edited_alone_is_refused(text: str, edit: Callable[[Document], None], said: str) -> None:
    with pytest.raises(Untouchable, match=said):
        edited(text, edit)


def test_a_scalar_knows_whether_it_is_a_template() -> None:
    document = Document("a: '{{ x }}'\nb: '{% if x %}'\nc: '{ x }'\n")
    assert [is_template(pair.value) for pair in document.pairs(document.root)] == [True, True, False]
    assert document.line(at(document, "b").key) == 2


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")), min_size=1, max_size=8)
VALUES = st.one_of(
    WORDS,
    st.integers(-9, 9),
    st.booleans(),
    st.lists(WORDS, max_size=3),
    st.dictionaries(WORDS.filter(lambda w: w != "<<"), WORDS, max_size=3),
)
MAPS = st.dictionaries(WORDS.filter(lambda w: w != "<<"), VALUES, min_size=1, max_size=5)


def read(text: str) -> Any:
    tree, diagnostics = parse_yaml(text.encode(), "x.yaml")
    assert diagnostics == [], (text, diagnostics)
    return tree


@given(st.data(), MAPS, st.booleans())
def test_any_value_anywhere_is_read_back(data: st.DataObject, tree: dict[str, Any], flow: bool) -> None:
    from orgform.config.source import dump_yaml, escape_template

    text = dump_yaml({"top": tree}, templates=True) if not flow else f"top: {Document_flow(tree)} # end\n"
    document = Document(text)
    wanted = dict(tree)
    for key in data.draw(st.lists(st.sampled_from(sorted(tree)), unique=True)):
        value = data.draw(VALUES)
        pair = at(document, "top", key)
        if data.draw(st.booleans()):
            document.remove(pair)
            del wanted[key]
            continue
        try:
            document.set_value(pair, value)
        except Untouchable:
            continue
        wanted[key] = value
    extra = data.draw(WORDS.filter(lambda w: w not in tree and w != "<<"))
    document.add(at(document, "top"), extra, value := data.draw(VALUES))
    wanted[extra] = value
    assert read(document.text)["top"] == expected(wanted, tree, escape_template)


def expected(wanted: dict[str, Any], before: dict[str, Any], escape: Callable[[str], str]) -> dict[str, Any]:
    def escaped(value: Any) -> Any:
        if isinstance(value, str):
            return escape(value)
        if isinstance(value, dict):
            return {escape(k): escaped(v) for k, v in value.items()}
        return [escaped(v) for v in value] if isinstance(value, list) else value

    return {k if k in before else escape(k): v if before.get(k) is v else escaped(v) for k, v in wanted.items()}


def Document_flow(tree: Any) -> str:
    from orgform.config.edit import _flow

    return _flow(tree)


def test_nothing_comes_between_a_comment_and_the_first_key() -> None:
    document = Document("tags:\n  # About b.\n  b: 1\n  c: 2\n")
    [top] = document.pairs(document.root)
    document.add(top, "a", 0)
    assert document.text == "tags:\n  a: 0\n  # About b.\n  b: 1\n  c: 2\n"
