"""Blocks of the pages are what they say: YAML, JSON and TOML that parse, configs that are valid, workflows whose steps are there."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgform import app
from orgform.config import company_schema
from orgform.errors import ConfigInvalid
from orgform.kinds import load_kinds
from tests.docs.test_links import PAGES

PARSERS: dict[str, Callable[[str], Any]] = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}
TOP = frozenset(company_schema(load_kinds())["properties"])
#: what their packages add
OTHERS = {"adding-a-kind.md", "adding-a-provider.md"}


def blocks() -> Iterator[tuple[str, str, str]]:
    """Page, language, text."""
    for page in PAGES:
        for language, text in re.findall(r"(?ms)^ *```(yaml|json|toml)\n(.*?)^ *```", page.read_text(encoding="utf-8")):
            yield page.name, language, text


BLOCKS = list(blocks())


def ids(found: list[tuple[str, str, str]]) -> list[str]:
    return [f"{page}-{number}" for number, (page, *_) in enumerate(found)]


@pytest.mark.parametrize(("page", "language", "text"), BLOCKS, ids=ids(BLOCKS))
def test_blocks_parse(page: str, language: str, text: str) -> None:
    assert PARSERS[language](text) is not None


CONFIGS = [
    (page, language, text)
    for page, language, text in BLOCKS
    if language == "yaml" and page not in OTHERS and isinstance(tree := yaml.safe_load(text), dict) and set(tree) <= TOP
]


@pytest.mark.parametrize(("page", "language", "text"), CONFIGS, ids=ids(CONFIGS))
def test_configs_have_nothing_that_a_config_may_not_have(page: str, language: str, text: str, tmp_path: Path) -> None:
    """Most are parts: what they name stands elsewhere. Shapes, words and values must be right."""
    tree = yaml.safe_load(text)
    (tmp_path / "shown.yaml").write_text(text, encoding="utf-8")
    rest = {"orgform": 1, "company": {"name": "Acme", "primary_domain": "acme.com"}}
    (tmp_path / "rest.yaml").write_text(json.dumps({key: value for key, value in rest.items() if key not in tree} or {"domains": {}}))
    try:
        app.validate(app.Options(folder=tmp_path))
    except ConfigInvalid as invalid:
        told = [f"{d.code} {d.summary}" for d in invalid.diagnostics if d.severity == "error"]
    else:
        told = []
    missing = ("ORG102", "ORG120", "ORG301", "ORG401", "ORG407", "ORG410", "ORG003")  # what stands elsewhere
    assert [line for line in told if not line.startswith(missing)] == []


def test_configs_are_found() -> None:
    assert len(CONFIGS) >= 10


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for page, language, text in BLOCKS:
        tree = yaml.safe_load(text) if language == "yaml" else None
        if isinstance(tree, dict) and isinstance(tree.get("jobs"), dict):
            yield page, tree


def test_jobs_of_a_workflow_need_jobs_that_are_there_and_steps_that_do_something() -> None:
    found = list(jobs())
    assert len(found) >= 3
    for page, tree in found:
        for name, job in tree["jobs"].items():
            needs = job.get("needs", [])
            assert {needs} if isinstance(needs, str) else set(needs) <= set(tree["jobs"]), (page, name)
            assert all(("run" in step) != ("uses" in step) for step in job["steps"]), (page, name)
            assert job["runs-on"]


CODE = [(page.name, text) for page in PAGES for text in re.findall(r"(?ms)^ *```python\n(.*?)^ *```", page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("page", "text"), CODE, ids=[f"{page}-{number}" for number, (page, _) in enumerate(CODE)])
def test_code_compiles_and_names_what_there_is(page: str, text: str) -> None:
    """What it takes from orgform is there under that name."""
    tree = ast.parse(textwrap.dedent(text))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "orgform":
            module = importlib.import_module(str(node.module))
            missing = [
                a.name for a in node.names if not hasattr(module, a.name) and not importlib.util.find_spec(f"{node.module}.{a.name}")
            ]
            assert missing == [], node.module
