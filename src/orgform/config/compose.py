"""Many files, one document: maps merge, and a key that two files write is an error that names both places.

Invariant: the result does not depend on which file is read first, but for which of two places is called the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orgform.config.problems import Problems
from orgform.config.tree import Map, new_map


def combined(maps: Sequence[Map], problems: Problems, path: tuple[str, ...] = ()) -> Map:
    """All maps as one."""
    if len(maps) == 1:
        return maps[0]
    values: dict[str, Any] = {}
    marks: dict[str, int] = {}
    shared: dict[str, list[Map]] = {}
    for each in maps:
        if values.keys().isdisjoint(each):
            values.update(each)
            marks.update(zip(each, each.marks, strict=True))
            continue
        for key, value, mark in each.entries():
            if key not in values:
                values[key], marks[key] = value, mark
            elif _are_maps(values[key], value, path):
                shared.setdefault(key, [values[key] or new_map()]).append(value or new_map())
            else:
                duplicate(key, marks[key], mark, problems, ".".join(path))
    for key, parts in shared.items():
        values[key] = combined(parts, problems, (*path, key))
    return new_map(values.items(), list(marks.values()), any(each.dynamic for each in maps))


def _are_maps(one: Any, other: Any, path: tuple[str, ...]) -> bool:
    """Whether the two merge. A section or an entry with nothing below it is an empty map; the same empty entry twice says nothing twice."""
    if len(path) > 1:
        return isinstance(one, Map) and isinstance(other, Map)
    return isinstance(one, Map | None) and isinstance(other, Map | None) and (not path or bool(one or other))


def duplicate(key: str, first: int, second: int, problems: Problems, path: str = "", why: str = "") -> None:
    """The same key twice, at two places."""
    where = f" in `{path[:120]}`" if path else ""
    there = problems.places.at(first)
    fix = why or f"it is already written at {there}; keep one of them"
    problems.add("ORG012", f"the key `{key[:120]}` is written twice{where}", fix, second, related=[there] if there else [])
