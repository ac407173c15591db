"""`moved` and `policy`.

Invariant: a move leads from an address that is not declared to one that is, and no two moves begin or end in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgform.config.compile import Compiler, Table
from orgform.config.problems import Problems
from orgform.config.tree import Map
from orgform.formats import normalise
from orgform.kinds import Kinds
from orgform.model import Address, Deletes, Move, Policy, address_of, kind_of, parts_of


def policy(written: Any) -> Policy:
    """The shape is already checked; what is not written has its default."""
    if not isinstance(written, Map):
        return Policy()
    given = {k: v for k, v in written.items() if v is not None}
    deletes = Deletes(**{k: v for k, v in (given.pop("deletes", None) or {}).items() if v is not None})
    authoritative = tuple(sorted(set(given.pop("authoritative", None) or ())))
    return Policy(authoritative=authoritative, deletes=deletes, **given)


class Moves:
    def __init__(self, kinds: Kinds, compiler: Compiler, problems: Problems) -> None:
        self._kinds = kinds
        self._compiler = compiler
        self._tables: Mapping[str, Table] = compiler.tables
        self._problems = problems

    def read(self, written: Any) -> tuple[Move, ...]:
        """All moves; problems are added for those that lead nowhere."""
        found: dict[tuple[str, str], Move] = {}
        for item in written if isinstance(written, list) else ():
            move = self._move(item) if isinstance(item, Map) and "from" in item and "to" in item else None
            if move is None:
                continue
            for end, address in (("from", move.from_), ("to", move.to)):
                if (end, address) in found:
                    self._problems.add("ORG421", f"`{address}` is moved {end} twice", "keep one of the two moves", item.mark(end))
                found[end, address] = move
        return tuple(dict.fromkeys(found.values()))

    def _move(self, item: Map) -> Move | None:
        start, end = self._address(item, "from"), self._address(item, "to")
        if start is None or end is None:
            return None
        places = self._problems.places
        if kind_of(start) != kind_of(end):
            self._problems.add("ORG421", f"a {kind_of(start)} cannot become a {kind_of(end)}", "move within one kind", item.mark("to"))
        elif self._kinds[kind_of(start)].parent and parts_of(start)[:-1] != parts_of(end)[:-1]:
            fix = "write the move of the parent instead: what belongs to it follows by itself"
            self._problems.add("ORG421", "a move cannot change the parent", fix, item.mark("to"))
        elif start in self._tables[kind_of(start)].rows:
            fix = "remove the old entry, or the move"
            self._problems.add("ORG421", f"`{start}` is still declared, so it cannot be moved away", fix, places.value(item.mark("from")))
        elif end not in self._tables[kind_of(end)].rows:
            if not self._problems.partial:
                fix = self._problems.meant(end, self._tables[kind_of(end)].rows, "declare it under its new key")
                self._problems.add("ORG420", f"`{end}` is not declared", fix, places.value(item.mark("to")))
        else:
            return Move(from_=start, to=end, source=places.bare(item.mark("from")))
        return None

    def _address(self, item: Map, end: str) -> Address | None:
        text = item[end]
        place = self._problems.places.value(item.mark(end))
        kind = self._kinds.get(kind_of(text))
        if kind is None:
            fix = self._problems.meant(kind_of(text), self._kinds, "write KIND/KEY, like `workspace/brand-x-us`")
            self._problems.add("ORG420", f"`{text[:120]}` is no address: there is no such kind", fix, place)
            return None
        parts = parts_of(text)
        if kind.key is None or kind.key.references:
            self._problems.add("ORG421", f"a {kind.name} has no key of its own to move", "move what it belongs to", place)
            return None
        if len(parts) != kind.depth or not all(parts):
            self._problems.add(
                "ORG420", f"`{text[:120]}` is no address of a {kind.name}", f"write `{'/'.join([kind.name, *['KEY'] * kind.depth])}`", place
            )
            return None
        return address_of(kind.name, *self._normal(kind.name, parts))

    def _normal(self, kind: str, parts: list[str]) -> list[str]:
        """Each part as the kind of its level spells it."""
        named = self._kinds[kind]
        above = self._normal(named.parent, parts[:-1]) if named.parent and len(parts) > 1 else []
        return [*above, normalise(named.key.format if named.key else "", parts[-1])]
