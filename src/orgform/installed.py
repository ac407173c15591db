"""What installed packages offer orgform: their entry points.

Invariant: the answer is that of importlib.metadata. Where packages lie in ordinary folders their files are read here, since importing that
module and having it read the metadata of everything that is installed would take longer than checking a small config.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path

from orgform.codec import Struct


class Offer(Struct, frozen=True):
    """One entry point. `value`: `module:attribute`, or a module alone; `package`: the name of what was installed."""

    name: str
    value: str
    package: str

    def load(self) -> object:
        """Imports it. Raises whatever that raises."""
        module, _, attribute = (part.strip() for part in self.value.partition("[")[0].partition(":"))
        found: object = importlib.import_module(module)
        for step in filter(None, attribute.split(".")):
            found = getattr(found, step)
        return found


def offers(group: str) -> list[Offer]:
    """All of a group, in the order in which packages are found."""
    infos = _infos()
    if infos is None:
        from importlib.metadata import entry_points

        return [Offer(point.name, point.value, point.dist.name if point.dist else point.value) for point in entry_points(group=group)]
    return [offer for info in infos for offer in _offered(info, group)]


def _infos() -> list[Path] | None:
    """The folder of each installed package's metadata, of the first of those with one name; None where not all of them lie in folders."""
    if any(finder is not PathFinder and hasattr(finder, "find_distributions") for finder in sys.meta_path):
        return None
    found: dict[str, Path] = {}
    for folder in map(Path, sys.path):
        if folder.suffix == ".egg" or folder.is_file():
            return None
        for file in _files(folder):
            stem, _, ending = file.rpartition(".")
            if stem and ending.lower() in ("dist-info", "egg-info"):
                found.setdefault(re.sub(r"[-_.]+", "_", stem.partition("-")[0]).lower(), folder / file)
    return list(found.values())


def _files(folder: Path) -> list[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [entry.name for entry in entries]
    return []


def _offered(info: Path, group: str) -> Iterator[Offer]:
    section = package = ""
    for line in map(str.strip, _lines(info / "entry_points.txt")):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == group and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            package = package or _package(info)
            yield Offer(name.strip(), value.strip(), package)


def _package(info: Path) -> str:
    """As its metadata has it."""
    lines = (line for file in ("METADATA", "PKG-INFO") for line in _lines(info / file))
    return next((line[5:].strip() for line in lines if line.lower().startswith("name:")), info.name.partition("-")[0])


def _lines(file: Path) -> Iterator[str]:
    with suppress(OSError), file.open(encoding="utf-8", errors="replace") as opened:
        yield from opened
