"""The schema of a config: fresh on disk, helpful in editors, and the two libraries that read it agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from orgform.codec import decode, encode_pretty
from orgform.config import company_schema, parse_yaml
from orgform.kinds import load_kinds, schema_folder
from tests.config.folders import GOOD
from tests.config.test_load import PRODUCT

ROOT = Path(__file__).parents[2]
KINDS = load_kinds()
EDITOR = company_schema(KINDS)
GATE = company_schema(KINDS, expanded=True)
FAST, SLOW = jsonschema_rs.validator_for(GATE), Draft202012Validator(GATE)
FAST_EDITOR, SLOW_EDITOR = jsonschema_rs.validator_for(EDITOR), Draft202012Validator(EDITOR)


def test_the_file_is_fresh() -> None:
    """Made by `orgform schema company > schemas/company.schema.json`."""
    kept: Any = decode((schema_folder() / "company.schema.json").read_bytes())
    assert encode_pretty(kept) == encode_pretty(EDITOR)


@pytest.mark.parametrize("schema", [EDITOR, GATE], ids=["editor", "gate"])
def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_the_product_page_is_valid_in_an_editor() -> None:
    for text in (PRODUCT, GOOD, "workspaces: {w: {use: [a], for_each: {x: [1]}, settings: {retention_days: '{{ x }}'}}}\n", "members:\n"):
        tree, _ = parse_yaml(text.encode(), "x")
        assert FAST_EDITOR.is_valid(tree) and SLOW_EDITOR.is_valid(tree)
    for text in ("memberz: {}\n", "workspaces: {w: {settings: {retention_days: x}}}\n", "features: {f: {type: bool}}\n"):
        assert not FAST_EDITOR.is_valid(parse_yaml(text.encode(), "x")[0])


def test_everything_has_a_description() -> None:
    def bare(schema: Any, path: str) -> list[str]:
        found = []
        for name, prop in schema.get("properties", {}).items():
            if "description" not in prop and "$ref" not in prop:
                found.append(f"{path}.{name}")
            found += bare(prop, f"{path}.{name}")
        return found

    kinds = [line for name, entry in EDITOR["$defs"].items() for part in (entry, entry.get("then", {})) for line in bare(part, name)]
    assert bare(EDITOR, "") + kinds == []


WORDS = [
    "a",
    "a@acme.com",
    "yes",
    "member",
    "workspace",
    "boolean",
    "allowed",
    "2027-01-01",
    "10:00",
    "{{ x }}",
    "",
    "use",
    "group:a",
    "acme.com",
]
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 400), st.floats(-2, 2), st.sampled_from(WORDS))
PROPERTIES = sorted(
    {*(name for kind in KINDS.values() for name in kind.properties), *(kind.collection for kind in KINDS.values()), "lifecycle", "value"}
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from([*WORDS, *PROPERTIES]), inner, max_size=4)),
    max_leaves=12,
)


def mutated(draw: Any, tree: Any) -> Any:
    """The tree with one thing changed, somewhere."""
    if isinstance(tree, dict) and tree and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(tree)))
        return {k: (mutated(draw, v) if k == key else v) for k, v in tree.items()}
    if isinstance(tree, dict) and draw(st.booleans()):
        return {**tree, draw(st.sampled_from([*WORDS, *PROPERTIES])): draw(TREES)}
    return draw(TREES)


@st.composite
def configs(draw: Any) -> Any:
    tree = decode(encode_pretty(parse_yaml(draw(st.sampled_from([PRODUCT, GOOD])).encode(), "x")[0]))
    for _ in range(draw(st.integers(0, 3))):
        tree = mutated(draw, tree)
    return tree


@settings(deadline=None, max_examples=400)
@given(configs())
def test_both_libraries_agree(tree: Any) -> None:
    assert FAST.is_valid(tree) == SLOW.is_valid(tree)
    assert FAST_EDITOR.is_valid(tree) == SLOW_EDITOR.is_valid(tree)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(KINDS)), TREES)
def test_both_libraries_agree_on_every_kind(name: str, tree: Any) -> None:
    schema = {**GATE, "$ref": f"#/$defs/{name}"}
    for unused in ("type", "properties", "additionalProperties", "required"):
        schema.pop(unused)
    assert jsonschema_rs.validator_for(schema).is_valid(tree) == Draft202012Validator(schema).is_valid(tree)


def test_every_code_has_its_place_in_the_docs() -> None:
    page = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (ORG\d{3}) \| (.+?) \| (.+) \|$", page, re.MULTILINE)
    documented = [code for code, meaning, fix in rows if meaning and fix]
    sources = [*(ROOT / "src" / "orgform" / "config").glob("*.py"), ROOT / "src" / "orgform" / "formats.py"]
    used = {code for path in sources for code in re.findall(r'"(ORG\d{3})"', path.read_text(encoding="utf-8"))}
    assert documented == sorted(used), "one row for each code, in order, and none for codes that are gone"
