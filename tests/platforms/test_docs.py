"""The pages of the platforms say what the providers declare. `ORGFORM_UPDATE_DOCS=1` writes their matrices anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orgform import app
from orgform.errors import UsageError
from orgform.render import markdown
from tests.platforms.processes import REPOSITORY

FOLDER = REPOSITORY / "docs" / "platforms"
MATRIX = re.compile(r"(<!-- matrix -->\n).*?(<!-- /matrix -->)", re.DOTALL)
UPDATE = bool(os.environ.get("ORGFORM_UPDATE_DOCS"))
#: orgform's own admin API: its page is docs/api.md
OWN = ("local", "orgform")
NAMES = [name for name in app.providers() if name not in OWN]


def fresh(page: Path, block: str) -> None:
    text = page.read_text(encoding="utf-8")
    wanted, found = MATRIX.subn(lambda m: f"{m[1]}\n{block}\n{m[2]}", text)
    assert found == 1, f"{page.name} has no place for its matrix: <!-- matrix --> and <!-- /matrix -->, each on a line of its own"
    if UPDATE:
        page.write_text(wanted, encoding="utf-8")
    else:
        assert text == wanted, f"{page.name} is not fresh: run this test with ORGFORM_UPDATE_DOCS=1"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_matrix_that_is_declared(name: str) -> None:
    fresh(FOLDER / f"{name}.md", markdown.provider(app.providers(name)[name]))


def test_the_index_has_all_of_them() -> None:
    page = FOLDER / "index.md"
    fresh(page, markdown.providers_together({name: spec for name, spec in app.providers().items() if name not in ("local",)}))
    text = page.read_text(encoding="utf-8")
    assert [name for name in NAMES if f"]({name}.md)" not in text] == []


def test_a_platform_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="no provider named 'nowhere'"):
        app.providers("nowhere")


def test_limits_say_when_they_hold() -> None:
    """Of every plan that a provider knows, whatever plan a reader has."""
    limits = app.providers("front")["front"]["limits"]
    assert {(limit["kind"], limit["when"]) for limit in limits} >= {("workspace", "plan: starter"), ("workspace", "plan: professional")}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_done_by_hand_says_where(name: str) -> None:
    """A step without a way to click through is no help: each verb that is done by hand has its guide."""
    silent = []
    for kind, can in app.providers(name)[name]["kinds"].items():
        by_hand = {verb for verb in ("create", "update", "delete") if can[verb] == "manual"}
        by_hand |= {"update"} if {"manual", "attested"} & set(can["fields"].values()) else set()
        silent += [f"{verb} of {kind}" for verb in sorted(by_hand) if not {verb, "*"} & set(can["guides"])]
    assert silent == []
