"""Entry points, as importlib.metadata has them."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from orgform.installed import Offer, offers


def by_metadata(group: str) -> list[Offer]:
    return [Offer(point.name, point.value, point.dist.name if point.dist else "") for point in metadata.entry_points(group=group)]


def package(site: Path, info: str, entries: str, told: str = "METADATA", name: str = "Acme-Desk") -> None:
    folder = site / info
    folder.mkdir(parents=True)
    (folder / told).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\nName: no name\n", encoding="utf-8")
    (folder / "entry_points.txt").write_text(entries, encoding="utf-8")


def test_everything_that_is_installed_here() -> None:
    groups = {point.group for distribution in metadata.distributions() for point in distribution.entry_points}
    assert "orgform.providers" in groups
    for group in groups:
        assert sorted(map(str, offers(group))) == sorted(map(str, by_metadata(group)))


ENTRIES = """
[other]
a = b
[acme.things]
# nothing = here
 one = os.path:join
two=os:path.join [extra]
three = json
"""


def test_what_a_file_may_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "first", "acme_desk-1.0.dist-info", ENTRIES)
    package(tmp_path / "first", "Acme.Lamp-1.egg-info", "[acme.things]\nlamp = os:sep\n", "PKG-INFO", "acme.lamp")
    package(tmp_path / "second", "acme.desk-2.0.dist-info", "[acme.things]\nfour = hidden:by_the_first\n")
    (tmp_path / "second" / "entry_points.txt").touch()
    for folder in ("second", "not there", "first"):
        monkeypatch.syspath_prepend(tmp_path / folder)
    found = {offer.name: offer for offer in offers("acme.things")}
    assert sorted(found.values(), key=str) == sorted(by_metadata("acme.things"), key=str)
    assert {name: offer.package for name, offer in found.items()} == {
        **dict.fromkeys(("one", "two", "three"), "Acme-Desk"),
        "lamp": "acme.lamp",
    }
    assert [found[name].load() for name in ("one", "two", "three", "lamp")] == [os.path.join, os.path.join, sys.modules["json"], os.sep]


def test_what_has_no_name_has_that_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "desk-1.0.dist-info", "[acme.things]\none = os\n")
    (tmp_path / "desk-1.0.dist-info" / "METADATA").unlink()
    monkeypatch.syspath_prepend(tmp_path)
    assert [offer.package for offer in offers("acme.things")] == ["desk"]


def test_what_lies_in_an_archive_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "site", "acme_desk-1.0.dist-info", ENTRIES)
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        for file in (tmp_path / "site").rglob("*"):
            archive.write(file, file.relative_to(tmp_path / "site"))
    monkeypatch.syspath_prepend(tmp_path / "site.zip")
    assert {offer.name: offer.package for offer in offers("acme.things")} == dict.fromkeys(("one", "two", "three"), "Acme-Desk")


def test_so_is_what_only_somebodys_finder_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "acme_desk-1.0.dist-info", ENTRIES)

    class Finder(metadata.DistributionFinder):
        def find_spec(self, *_: object) -> None:
            return None

        def find_distributions(self, context: object = None) -> list[metadata.Distribution]:
            return [metadata.Distribution.at(tmp_path / "acme_desk-1.0.dist-info")]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert {offer.name for offer in offers("acme.things")} == {"one", "two", "three"}
