"""What YAML becomes: dicts and lists that know where their keys and items stand.

Invariant: a tree is never changed after it was built (aliases share parts of it); whoever needs another one builds another one.
A mark is one integer, unique over all files of a config; `Places` turns it into file, line and column.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NOWHERE = -1


class Map(dict[str, Any]):
    """A map with a mark for each key, in the order of the keys. `dynamic`: somewhere below is a template, a `use` or a `for_each`.

    Made by `new_map`; it has no `__init__`, because the parser makes one for each of fifty thousand maps.
    """

    __slots__ = ("dynamic", "marks")

    marks: list[int]
    dynamic: bool

    def mark(self, key: str) -> int:
        """Where `key` stands; NOWHERE for what no file wrote."""
        return self.marks[list(self).index(key)] if key in self else NOWHERE

    def entries(self) -> Iterable[tuple[str, Any, int]]:
        return zip(self.keys(), self.values(), self.marks, strict=True)

    def without(self, *keys: str) -> Map:
        kept = [entry for entry in self.entries() if entry[0] not in keys]
        return new_map([(k, v) for k, v, _ in kept], [m for _, _, m in kept], self.dynamic)


class Seq(list[Any]):
    """A list with a mark for each item. Made by `new_seq`."""

    __slots__ = ("dynamic", "marks")

    marks: list[int]
    dynamic: bool


def new_map(items: Iterable[tuple[str, Any]] = (), marks: list[int] | None = None, dynamic: bool = False) -> Map:
    made = Map(items)
    made.marks = [NOWHERE] * len(made) if marks is None else marks
    made.dynamic = dynamic
    return made


def new_seq(items: Iterable[Any] = (), marks: list[int] | None = None, dynamic: bool = False) -> Seq:
    made = Seq(items)
    made.marks = [NOWHERE] * len(made) if marks is None else marks
    made.dynamic = dynamic
    return made


def is_dynamic(value: object) -> bool:
    return isinstance(value, Map | Seq) and value.dynamic


def plain_value(value: Any) -> Any:
    """Without marks: plain dicts and lists."""
    if isinstance(value, dict):
        return {k: (v if type(v) is str else plain_value(v)) for k, v in value.items()}
    return [plain_value(v) for v in value] if isinstance(value, list | tuple) else value


def weight_of_text(text: str) -> int:
    """As how many values a text counts: the validator copies it each time that it is used."""
    return 1 + len(text) // 50


class Weights:
    """How many values stand in a tree, shared ones as often as they are met; each tree is counted once. A long text is more than one."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, int]] = {}

    def of(self, value: Any) -> int:
        """At least 1. What is counted is kept, so that no other tree can take its place in memory."""
        if not isinstance(value, Map | Seq):
            return weight_of_text(value) if isinstance(value, str) else 1
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        count = 1 + sum(map(self.of, value.values() if isinstance(value, Map) else value))
        self._known[id(value)] = (value, count)
        return count


def merged(under: Map, over: Map, *, remove: bool, idle: dict[int, str] | None = None) -> Map:
    """`over` laid on `under`: maps merge, everything else is replaced; with `remove`, a null takes the entry away.

    `idle`: takes the marks and keys of nulls that took nothing away.
    """
    marks = dict(zip(under, under.marks, strict=True))
    values: dict[str, Any] = dict(under)
    for key, value, mark in over.entries():
        if value is None and remove:
            if key not in values and idle is not None:
                idle[mark] = key
            values.pop(key, None)
            marks.pop(key, None)
            continue
        below = values.get(key)
        if isinstance(value, Map) and isinstance(below, Map):
            values[key] = merged(below, value, remove=remove, idle=idle)
        else:
            values[key] = without_nulls(value, idle) if remove else value
            marks[key] = mark
    return new_map(values.items(), [marks[key] for key in values], under.dynamic or over.dynamic)


def without_nulls(value: Any, idle: dict[int, str] | None = None) -> Any:
    """What an overlay adds: a null that has nothing to remove is nothing."""
    if not isinstance(value, Map):
        return value
    if idle is not None:
        idle.update((m, k) for k, v, m in value.entries() if v is None)
    kept = [(k, without_nulls(v, idle), m) for k, v, m in value.entries() if v is not None]
    return new_map([(k, v) for k, v, _ in kept], [m for _, _, m in kept], value.dynamic)
