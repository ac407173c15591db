"""Lists in the pages are those of the program: kinds in the glossary, codes of diagnostics where they are explained."""

from __future__ import annotations

import re

from orgform.kinds import load_kinds
from tests.docs.page import REPOSITORY

DOCS = REPOSITORY / "docs"
SOURCES = REPOSITORY / "src" / "orgform"


def test_the_glossary_names_every_kind() -> None:
    kinds = load_kinds()
    told = re.search(r"(?m)^\| \*\*kind\*\* \| What can be managed: (.+?)\.", (DOCS / "glossary.md").read_text(encoding="utf-8"))
    assert told
    assert sorted(told[1].split(", ")) == sorted({*kinds, *kinds.operations})


def test_every_code_of_planning_has_its_row_with_its_severity() -> None:
    rows = re.findall(r"(?m)^\| (ORG5\d\d) \| (error|warning|info) \| (.+) \|$", (DOCS / "planning.md").read_text(encoding="utf-8"))
    told = {code: severity for code, severity, meaning in rows if meaning}
    used: dict[str, set[str]] = {}
    for path in SOURCES.rglob("*.py"):
        for severity, code in re.findall(r'(?:"(error|warning|info)",\s*)?"(ORG5\d\d)"', path.read_text(encoding="utf-8")):
            used.setdefault(code, set()).update({severity} - {""})
    assert list(told) == sorted(used), "one row for each code, in order"
    assert {code: severities for code, severities in used.items() if severities - {told[code]}} == {}


def test_every_code_that_a_page_names_is_one() -> None:
    known = {code for path in SOURCES.rglob("*.py") for code in re.findall(r'"(ORG\d{3})"', path.read_text(encoding="utf-8"))}
    pages = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *DOCS.rglob("*.md")]
    assert {code for page in pages for code in re.findall(r"ORG\d{3}", page.read_text(encoding="utf-8"))} <= known
