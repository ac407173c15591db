"""Links of the pages lead somewhere in this repository: to a file, and to a heading where they name one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.page import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
EXAMPLES = sorted(path for path in (REPOSITORY / "examples").rglob("*.md") if ".pytest_cache" not in path.parts)
INDEX = REPOSITORY / "docs" / "index.md"


def headings(page: Path) -> set[str]:
    """As the web shows them in an address."""
    found = re.findall(r"(?m)^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Each link to something of this repository: as it is written, the file, the heading."""
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = link.partition("#")
        if "://" not in link:
            yield link, (page.parent / path).resolve() if path else page, heading


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    lost = [link for link, target, heading in links(page) if not target.exists() or (heading and heading not in headings(target))]
    assert lost == []


def test_every_page_is_found_from_the_index() -> None:
    found, waiting = {INDEX}, [INDEX]
    while waiting:
        for _, target, _ in links(waiting.pop()):
            pages = sorted(target.glob("*.md")) if target.is_dir() else [target] if target.suffix == ".md" else []
            waiting += [page for page in pages if page not in found]
            found.update(pages)
    assert set(PAGES) - found <= {REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md"}


def test_the_index_itself_names_every_page_beside_it() -> None:
    named = {target for _, target, _ in links(INDEX)}
    assert set((REPOSITORY / "docs").glob("*.md")) - named == {INDEX}
