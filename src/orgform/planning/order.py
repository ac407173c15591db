"""In which order changes are done, and which must wait for which. Order follows from the references that kinds declare.

Invariant: every edge goes up in (phase, level, address), so sorting by that is a valid order and no circle is possible beyond the
references' own. Everything is computed from the changes alone: apply asks `dependencies` again for a saved plan.

Phases: 0 what gives access or leaves it, 1 what gives and takes at once, 2 what takes it, and deletes, 3 what takes (or may take) an
admin's access, 4 what takes a company admin's. A change is never in an earlier phase than what it must wait for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from orgform.codec import Struct
from orgform.diagnostics import Diagnostic
from orgform.errors import ConfigInvalid
from orgform.kinds import Kinds
from orgform.model import Address, Attributes, Change
from orgform.planning.effect import Effect, effects, value_at

#: (must be done first and must have succeeded, must merely be finished first): indices into the changes
Dependency = tuple[frozenset[int], frozenset[int]]
Edges = list[set[int]]
_ACTION_RANK = {"create": 0, "update": 1, "delete": 2}
_ADMINS = 3
_COMPANY_ADMINS = 4
_NONE: frozenset[int] = frozenset()


class References(Struct, frozen=True):
    """Edges that follow from references: `must` have succeeded, `finish` first, `soft`: an updated referent, first where nothing speaks
    against it."""

    must: Edges
    finish: Edges
    soft: Edges

    @property
    def hard(self) -> Edges:
        return [m | f for m, f in zip(self.must, self.finish, strict=True)]


def ordered(
    changes: Sequence[Change], kinds: Kinds, known: Sequence[Effect] | None = None, depth: Mapping[Address, int] | None = None
) -> tuple[Change, ...]:
    """The changes in the order in which one worker would do them. `known`: their effects, where they were asked for already; `depth`:
    how far from the top of its tree a resource will be (without it, the order that the changes have).

    Raises `ConfigInvalid` where references go round in a circle.
    """
    graph = _Graph(changes, kinds, known, depth or {})
    return tuple(changes[i] for i in sorted(range(len(changes)), key=graph.rank))


def dependencies(changes: Sequence[Change], kinds: Kinds) -> list[Dependency]:
    """What each change waits for. The number of edges grows with the number of changes, not with its square."""
    graph = _Graph(changes, kinds)
    finish: Edges = [f | s for f, s in zip(graph.references.finish, graph.soft, strict=True)]
    for gate, members, waiting in graph.gates():
        finish[gate].update(m for m in members if m != gate)
        for index in waiting:
            finish[index].add(gate)
    return [(must, frozenset(f - must)) for must, f in zip(graph.must(), finish, strict=True)]


def needed(chosen: Iterable[int], changes: Sequence[Change], kinds: Kinds) -> dict[int, int]:
    """What the chosen changes cannot be without, and that is not chosen itself: index -> the index of what needs it."""
    references = references_between(changes, kinds)
    found: dict[int, int] = {}
    queue = sorted(chosen)
    seen = set(queue)
    while queue:
        index = queue.pop()
        for other in sorted(references.must[index] | references.finish[index]):
            if other not in seen:
                seen.add(other)
                found[other] = index
                queue.append(other)
    return found


def references_between(changes: Sequence[Change], kinds: Kinds) -> References:
    """Who waits for whom because the one names the other."""
    at = {c.address: i for i, c in enumerate(changes)}
    freed = {c.moved_from: i for i, c in enumerate(changes) if c.moved_from}
    count = len(changes)
    found = References([set() for _ in range(count)], [set() for _ in range(count)], [set() for _ in range(count)])
    for index, change in enumerate(changes):
        if change.address in freed:
            found.must[index].add(freed[change.address])
        found.must[index].update(at[address] for address in change.needs if address in at)
        own = kinds.identity_references(change.address)
        for referent in (*own, *_referents(change.address, change.after, kinds)):
            _wait_for_referent(index, at.get(referent), changes, found)
        for referent in own:
            _let_go(index, at.get(referent), changes, found.finish)
        for referent in _referents(change.address, change.before, kinds):
            _let_go(index, at.get(referent), changes, found.must)
    return found


def _wait_for_referent(index: int, referent: int | None, changes: Sequence[Change], found: References) -> None:
    if referent is None or referent == index:
        return
    other = changes[referent]
    if other.action == "create" or other.moved_from:
        found.must[index].add(referent)
    elif other.action == "update" and changes[index].action != "delete":
        found.soft[index].add(referent)


def _let_go(index: int, referent: int | None, changes: Sequence[Change], edges: Edges) -> None:
    """What is deleted waits for what still names it."""
    if referent is not None and referent != index and changes[referent].action == "delete":
        edges[referent].add(index)


def _referents(address: Address, attributes: Attributes | None, kinds: Kinds) -> list[Address]:
    return [] if attributes is None else [referent for _, referent in kinds.attribute_references(address, attributes)]


def hard_edges(changes: Sequence[Change], kinds: Kinds, depth: Mapping[Address, int]) -> Edges:
    """What each change waits for in any case: index -> indices."""
    return _all_references(changes, kinds, depth).hard


def _all_references(changes: Sequence[Change], kinds: Kinds, depth: Mapping[Address, int]) -> References:
    """With the chains in which trees are turned over."""
    found = references_between(changes, kinds)
    for chain in _transplants(changes, kinds, depth):
        for earlier, later in pairwise(chain):
            found.finish[later].add(earlier)
        for index in chain:
            found.soft[index].difference_update(chain)
    return found


class _Graph:
    """References, effects, phases and levels of the changes, each computed once."""

    def __init__(
        self, changes: Sequence[Change], kinds: Kinds, known: Sequence[Effect] | None = None, depth: Mapping[Address, int] | None = None
    ) -> None:
        self.changes = changes
        self.effects = known or effects(changes, kinds)
        self.references = _all_references(changes, kinds, depth or {})
        hard = self.references.hard
        waves = _waves(hard, changes)
        self.phase = [_phase(c, e) for c, e in zip(changes, self.effects, strict=True)]
        for wave in waves:
            for index in wave:
                self.phase[index] = max((self.phase[index], *(self.phase[other] for other in hard[index])))
        self.soft: Edges = [
            {other for other in soft if self.phase[other] <= self.phase[index]} for index, soft in enumerate(self.references.soft)
        ]
        self.level = [0] * len(changes)
        if any(self.soft):
            waves = _waves(_without_circles(hard, self.soft), changes)
        for level, wave in enumerate(waves):
            for index in wave:
                self.level[index] = level

    def rank(self, index: int) -> tuple[int, int, int, str]:
        change = self.changes[index]
        return self.phase[index], self.level[index], _ACTION_RANK[change.action], change.address

    def gates(self) -> Iterator[tuple[int, Sequence[int], Sequence[int]]]:
        """Barriers: (the change that stands for all of an earlier phase, those it waits for, those that wait for it).

        A gate is the last of its phase, so none of those it waits for can be waiting for it.
        """
        touching: dict[str, list[int]] = {}
        for index, effect in enumerate(self.effects):
            if effect.gives or effect.takes:
                for name in effect.touches:
                    touching.setdefault(name, []).append(index)
        for name in sorted(touching):
            yield from self._between_phases(touching[name])
        for last in sorted({phase for phase in self.phase if phase >= _ADMINS}):
            rest = [i for i, phase in enumerate(self.phase) if phase < last]
            if rest:
                yield max(rest, key=self.rank), rest, [i for i, phase in enumerate(self.phase) if phase == last]

    def _between_phases(self, indices: Sequence[int]) -> Iterator[tuple[int, Sequence[int], Sequence[int]]]:
        by_phase: dict[int, list[int]] = {}
        for index in indices:
            by_phase.setdefault(self.phase[index], []).append(index)
        phases = sorted(by_phase)
        for earlier, later in pairwise(phases):
            if later < _ADMINS:
                yield max(by_phase[earlier], key=self.rank), by_phase[earlier], by_phase[later]

    def must(self) -> list[frozenset[int]]:
        """What takes an admin's access waits, besides for its references, until the admin grants of its scope have succeeded."""
        by_scope: dict[str, set[int]] = {}
        for index, effect in enumerate(self.effects):
            if effect.gives_admin and self.phase[index] < _ADMINS:
                by_scope.setdefault(effect.scope, set()).add(index)
        grants = {scope: frozenset(indices) for scope, indices in by_scope.items()}
        return [
            grants.get(effect.scope, _NONE).union(must) if effect.takes_admin else frozenset(must)
            for must, effect in zip(self.references.must, self.effects, strict=True)
        ]


def _transplants(changes: Sequence[Change], kinds: Kinds, depth: Mapping[Address, int]) -> Iterator[list[int]]:
    """Chains that keep a tree a tree while several of its members change their place (workspaces their `parent`).

    First those that come loose, then those that change hands, from the top down, then those that are hung up: so nothing is ever put
    below itself. Where all come loose or all are hung up there is nothing to mind. What hangs on something built in hangs on nothing that
    could move.
    """
    moving: dict[tuple[str, ...], list[tuple[int, int, int]]] = {}
    for index, change in enumerate(changes):
        kind = kinds.of(change.address)
        for reference in kind.references if change.action == "update" and not change.moved_from else ():
            old, new = (value_at(a, reference.path) for a in (change.before, change.after))
            if reference.acyclic and old != new:
                loose = [not place or kinds.is_builtin(f"{reference.kind}/{place}") for place in (old, new)]
                turn = 0 if loose[1] else 2 if loose[0] else 1
                moving.setdefault((kind.name, *reference.path), []).append((turn, depth.get(change.address, 0), index))
    for turns in moving.values():
        if {turn for turn, _, _ in turns} not in ({0}, {2}):
            yield [index for _, _, index in sorted(turns)]


def _phase(change: Change, effect: Effect) -> int:
    if effect.takes_admin:
        return _COMPANY_ADMINS if effect.certain and not effect.scope else _ADMINS
    if effect.takes or change.action == "delete":
        return 1 if effect.gives else 2
    return 0


def _waves(edges: Sequence[set[int]], changes: Sequence[Change]) -> list[tuple[int, ...]]:
    """Indices by level: each wave waits for earlier ones only."""
    sorter = TopologicalSorter(dict(enumerate(edges)))
    try:
        sorter.prepare()
    except CycleError as error:
        raise ConfigInvalid((_circle([changes[i].address for i in error.args[1]]),)) from None
    waves = []
    while sorter.is_active():
        wave = sorter.get_ready()
        waves.append(wave)
        sorter.done(*wave)
    return waves


def _without_circles(hard: Edges, soft: Edges) -> Edges:
    """Both together. What only should come first gives way where something speaks against it: `soft` loses these edges."""
    while True:
        both = [h | s for h, s in zip(hard, soft, strict=True)]
        try:
            TopologicalSorter(dict(enumerate(both))).prepare()
        except CycleError as error:
            for earlier, later in pairwise(error.args[1]):
                soft[later].discard(earlier)
        else:
            return both


def _circle(addresses: Sequence[Address]) -> Diagnostic:
    return Diagnostic(
        "error",
        "ORG505",
        f"these need each other, so none of them can come first: {' -> '.join(addresses)}",
        "take one of these references out, apply, and put it in again",
        address=addresses[0],
    )
