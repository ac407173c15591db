"""Every page as it was looked at: a change of one character is seen."""

from __future__ import annotations

import pytest

from tests.render.golden import FOLDER, pages

PAGES = dict(pages())


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_as_it_was_looked_at(name: str) -> None:
    assert PAGES[name]() == (FOLDER / name).read_text(encoding="utf-8"), (
        "python -m tests.render.golden writes it anew; look at the difference"
    )


def test_there_is_no_golden_file_that_nothing_checks() -> None:
    assert {p.name for p in FOLDER.iterdir()} == set(PAGES)
