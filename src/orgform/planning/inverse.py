"""The inverse of a recorded run, against today's live state: what an undo wants, and what it leaves alone.

Invariant: only what is still as the run left it is taken back. A value that somebody changed since is left alone and said, unless it was
allowed by name; what is as it was before the run needs nothing; nothing that the run did not touch is wanted or given up.

All addresses are those of today: what was renamed since the run follows. The plan itself is made by `make_plan` like every other.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from orgform.codec import Struct
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import Action, Address, Attributes, Base, Change, Desired, LeftAlone, LeftField, Live, Move, kind_of, parts_of
from orgform.planning.access import is_platforms_own
from orgform.planning.diff import merge_patch, patched, project, same
from orgform.planning.reverse import DONE_ONCE, SECRET_UNKNOWN, lost_by_delete
from orgform.planning.scope import glob_of, relabel, stages

CHANGED_SINCE = "changed-since"
NAMED = 5  # of many resources, so many are named in a sentence
_EMPTY: Attributes = {}
_CREATED_SINCE = "it was changed after the run created it"
_CREATED_PERHAPS = "the run was cut off before it recorded whether it created this, and it is not as the run wanted it"
Path = tuple[str, ...]


class Step(Struct, frozen=True):
    """One change that a run did. `live`: all that the resource had before, where it was recorded. `sure` is False where the run was cut
    off before it wrote down whether it did it."""

    change: Change
    live: Attributes | None = None
    sure: bool = True


class LaterChange(Struct, frozen=True):
    """What a later run did to a resource. `before`: as that run found it."""

    run: str
    actor: str
    time: str
    action: Action
    before: Attributes | None = None


class Today(Struct, frozen=True):
    """What the inverse is judged against. `later`: what later runs did, oldest first. `allowed`: whether what was changed since may be
    overwritten; `protected`: what is never deleted; `readable`: kinds whose live state is known."""

    live: Mapping[Address, Live]
    base: Mapping[Address, Base]
    later: Mapping[Address, Sequence[LaterChange]]
    allowed: Callable[[Address], bool]
    protected: Callable[[Address], bool]
    readable: frozenset[str]


class Wanted(Struct, frozen=True):
    """What is to be so for one resource: the fields to be taken back (None: it has to go), as they are now, and what base gets of it."""

    step: Step
    desired: Attributes | None
    base: Attributes | None
    patch: Attributes
    conflict: bool = False
    loses: tuple[str, ...] = ()


class Inverse:
    """Judged when it is made. `wanted`, `left`: by address; `settled`: what needs nothing, with what base gets of it (None: it goes)."""

    def __init__(self, steps: Iterable[Step], today: Today, kinds: Kinds) -> None:
        self.today, self.kinds = today, kinds
        self.wanted: dict[Address, Wanted] = {}
        self.left: dict[Address, LeftAlone] = {}
        self.settled: dict[Address, Attributes | None] = {}
        self.renames: dict[Address, Address] = {}
        self.not_done = 0
        steps = self._under_todays_names(list(steps))
        for step in steps:
            if kinds.of(step.change.address).once:
                self._leave(step, DONE_ONCE)
                continue
            self._rename_back(step)
            {"create": self._take_out, "update": self._put_back, "delete": self._bring_back}[step.change.action](step)
        self._keep_together()

    # Names

    def _under_todays_names(self, steps: list[Step]) -> list[Step]:
        """What was renamed back by hand since stands under its old name again."""
        live = self.today.live
        back = {
            c.address: c.moved_from
            for c in (step.change for step in steps)
            if c.moved_from and c.moved_from != c.address and c.address not in live and c.moved_from in live
        }
        return renamed(steps, back, self.kinds) if back else steps

    def _rename_back(self, step: Step) -> None:
        change, live = step.change, self.today.live
        old = change.moved_from
        if old is None or old == change.address or change.address not in live:
            return
        if old in live:
            self._leave(step, f"it cannot be renamed back to {old}: that exists again; undo once more when it is gone")
        else:
            self.renames[change.address] = old

    @property
    def moves(self) -> tuple[Move, ...]:
        """What stands under something is renamed under the name that its parent has by then."""
        above, below = (stage for stage in stages(self.renames, self.kinds))
        deep = {name_after(old, above, self.kinds): name_after(new, above, self.kinds) for old, new in below.items()}
        return tuple(Move(old, new) for old, new in sorted({**above, **deep}.items()))

    # One change each

    def _take_out(self, step: Step) -> None:
        """What the run created goes, as long as it is as the run made it."""
        change = step.change
        live, kind = self.today.live.get(change.address), self.kinds.of(change.address)
        if live is None:
            self._settle(step, None)
            return
        made = change.after or _EMPTY
        since = list(_set_since(change.address, made, _readable(live.attributes, made, kind), kind))
        if not step.sure and self._done_later(step):
            self.not_done += 1
            return
        conflict = bool(since)
        if conflict and not self.today.allowed(change.address):
            self._leave(step, _CREATED_SINCE if step.sure else _CREATED_PERHAPS, since, allow=True)
            return
        self.wanted[change.address] = Wanted(step, None, made, _EMPTY, conflict)

    def _bring_back(self, step: Step) -> None:
        """What the run deleted is created again, with everything that was recorded of it."""
        change = step.change
        kind, had = self.kinds.of(change.address), _written(step.live if step.live is not None else change.before)
        secrets = {name: value for name, value in _written(change.before).items() if name in kind.sensitive}
        had = {**had, **secrets}
        managed = _written(change.before)
        live = self.today.live.get(change.address)
        if live is None and not step.sure and self._done_later(step):
            self.not_done += 1
        elif live is None:
            loses = lost_by_delete(kind, _known_secrets(secrets), recorded=change.loses, whole=step.live is not None)
            self.wanted[change.address] = Wanted(step, had, None, managed, loses=loses)
        elif not step.sure and self._as_before(change, live, kind):
            self.not_done += 1
        else:
            self._there_again(step, had, managed, live, kind)

    def _there_again(self, step: Step, had: Attributes, managed: Attributes, live: Live, kind: Kind) -> None:
        address = step.change.address
        now = _readable(live.attributes, had, kind)
        since = [LeftField(_dotted(path), old, None, new) for path, old, new in leaves(had, project(had, now, kind), kind)]
        if not since:
            self._settle(step, managed)
        elif self.today.allowed(address):
            self.wanted[address] = Wanted(step, had, project(had, now, kind), managed, conflict=True)
        else:
            self._leave(step, "it was created again since, with other values", since, allow=True)

    def _put_back(self, step: Step) -> None:
        change = step.change
        live, kind = self.today.live.get(change.address), self.kinds.of(change.address)
        if live is None:
            self._gone_since(step)
            return
        known = self.today.base.get(change.address)
        now = _readable(live.attributes, change.after or _EMPTY, kind)
        back = _Fields(change, now, known.attributes if known else _EMPTY, kind, self.today.allowed(change.address))
        if not step.sure and (not (back.untouched or change.address in self.renames) or self._done_later(step)):
            self.not_done += 1
            self.renames.pop(change.address, None)
            return
        if back.left:
            self._leave(step, "it was changed since the run", back.left, allow=True)
        if back.unknown:
            self._leave(step, SECRET_UNKNOWN, back.unknown)
        if back.desired or change.address in self.renames:
            self.wanted[change.address] = Wanted(step, back.desired, back.base, back.patch, back.conflict, back.loses)
        elif not (back.left or back.unknown):
            self._settle(step, back.patch)

    def _gone_since(self, step: Step) -> None:
        if step.sure:
            self._leave(step, "it is gone since the run")
        else:
            self.not_done += 1

    def _as_before(self, change: Change, live: Live, kind: Kind) -> bool:
        before = change.before or _EMPTY
        return not merge_patch(project(before, _readable(live.attributes, before, kind), kind), before, kind)

    def _done_later(self, step: Step) -> bool:
        """Whether a later run did the same: then this one, which was cut off, had not."""
        change, kind = step.change, self.kinds.of(step.change.address)

        def same_again(later: LaterChange) -> bool:
            had = project(change.before or _EMPTY, later.before or _EMPTY, kind)
            return later.action == change.action and not merge_patch(had, change.before or _EMPTY, kind)

        return any(map(same_again, self.today.later.get(change.address, ())))

    def _settle(self, step: Step, patch: Attributes | None) -> None:
        self.settled[step.change.address] = patch

    def _leave(self, step: Step, why: str, fields: Sequence[LeftField] = (), *, allow: bool = False) -> None:
        change = step.change
        known = self.left.get(change.address)
        later = self.today.later.get(change.address, ())
        sentences = dict.fromkeys([*(known.why.split("; ") if known else ()), why])
        word = shlex.quote(f"{CHANGED_SINCE}:{glob_of(change.address)}")
        override = f"--allow {word}" if allow or (known and known.override) else ""
        self.left[change.address] = LeftAlone(
            change.target,
            change.address,
            change.action,
            "; ".join(sentences),
            (*(known.fields if known else ()), *fields),
            run=later[-1].run if later and fields else "",
            override=override,
            label=change.label,
            undo="reversible" if override else "irreversible",
        )

    # What hangs together

    def _keep_together(self) -> None:
        """What is not taken back keeps what it needs, and so on, until all that is left fits together."""
        known = -1
        while known != len(self.wanted):
            known = len(self.wanted)
            self._keep_what_is_used()
            self._keep_what_would_dangle()

    def _keep_what_is_used(self) -> None:
        """What was made since in something that has to go, or names it, would be lost with it: so that stays."""
        while True:
            going = {a for a, wanted in self.wanted.items() if wanted.desired is None}
            used = self._users(going) if going else {}
            if not used:
                return
            for address, (inside, naming) in used.items():
                wanted = self.wanted.pop(address)
                if naming:
                    self._leave(wanted.step, f"it is still named by {_some(naming)}")
                if inside:
                    self._leave(wanted.step, f"{_some(inside)} would go with it, which the run did not create", allow=not naming)

    def _users(self, going: set[Address]) -> dict[Address, tuple[list[Address], list[Address]]]:
        """(what would go along, what names it) of those that are used by something that stays."""
        found: dict[Address, tuple[list[Address], list[Address]]] = {}
        reached = {kind_of(a) for a in going}
        naming = {name for name, kind in self.kinds.items() if any(r.kind in reached for r in kind.references)}
        inside = {name for name, kind in self.kinds.items() if reached.intersection(_owning(kind))}
        for address, live in self.today.live.items():
            kind = kind_of(address)
            if address in going or kind not in inside | naming:
                continue
            owners = [o for o in self.kinds.identity_references(address) if o in going] if kind in inside else []
            for owner in owners:
                if not self.today.allowed(owner):
                    found.setdefault(owner, ([], []))[0].append(address)
            gone_along = any(o in going for o in owners)
            for _, referent in self._references_after(address, live) if kind in naming and not gone_along else ():
                if referent in going:
                    found.setdefault(referent, ([], []))[1].append(address)
        return found

    def _references_after(self, address: Address, live: Live) -> Iterator[tuple[Reference, Address]]:
        wanted = self.wanted.get(address)
        attributes = live.attributes
        if wanted and wanted.desired:
            attributes = patched(attributes, wanted.desired, self.kinds.of(address))
        return self.kinds.attribute_references(address, attributes)

    def _keep_what_would_dangle(self) -> None:
        """What names something that is not there any more cannot be brought back as it was."""
        while True:
            missing = {a: found for a, w in self.wanted.items() if w.desired is not None and (found := self._missing(a, w))}
            if not missing:
                return
            for address, absent in missing.items():
                wanted = self.wanted.pop(address)
                self.renames.pop(address, None)
                self._leave(wanted.step, f"it needs {_some(absent)}, which {'is' if len(absent) == 1 else 'are'} not there any more")

    def _missing(self, address: Address, wanted: Wanted) -> list[Address]:
        references = self.kinds.attribute_references(address, _written(wanted.desired))
        named = [referent for _, referent in references if not is_platforms_own(referent, self.kinds)]
        created = address not in self.today.live
        needed = [*(self.kinds.identity_references(address) if created else ()), *named]
        return sorted({a for a in needed if kind_of(a) in self.today.readable and not self._there(a)})

    def _there(self, address: Address) -> bool:
        wanted = self.wanted.get(address)
        if wanted is not None:
            return wanted.desired is not None
        return address in self.today.live or self.kinds.is_builtin(address)

    # For the plan

    def desired(self) -> dict[Address, Desired]:
        """Everything that lives, managing nothing of it, and what the undo wants. Under the names that it will have."""
        wanted = {a: Base(w.desired) for a, w in self.wanted.items() if w.desired is not None}
        going = {a for a, w in self.wanted.items() if w.desired is None}
        there = dict.fromkeys((a for a in self.today.live if a not in going), Base(_EMPTY))
        every = relabel({**there, **wanted}, self._renames_all(), self.kinds)
        nothing = Desired(_EMPTY)
        return {a: Desired(b.attributes) if b.attributes else nothing for a, b in every.items()}

    def base(self) -> dict[Address, Base]:
        """As the run left it, of what is to be taken back; under today's names."""
        mine = {a: Base(w.base, self.today.protected(a)) for a, w in self.wanted.items() if w.base is not None}
        gone = {a for a, w in self.wanted.items() if w.base is None}
        return {**dict.fromkeys((a for a in self.today.live if a not in gone), Base(_EMPTY)), **mine}

    def later_name(self, address: Address) -> Address:
        """The name that something has after the undo."""
        return name_after(address, self._renames_all(), self.kinds)

    def _renames_all(self) -> dict[Address, Address]:
        return {move.from_: move.to for move in self.moves}


class _Fields:
    """The fields that an update changed, each one judged: `desired`, `base` and `patch` of what is taken back, `left` of what is not."""

    def __init__(self, change: Change, live: Attributes, known: Attributes, kind: Kind, allowed: bool) -> None:
        self.desired: Attributes = {}
        self.base: Attributes = {}
        self.patch: Attributes = {}
        self.left: list[LeftField] = []
        self.unknown: list[LeftField] = []
        self.loses: tuple[str, ...] = ()
        self.conflict = False
        #: whether anything is still as the run left it
        self.untouched = False
        for path, made, had in leaves(change.after or _EMPTY, change.before or _EMPTY, kind):
            now = _at(live, path)
            if path[0] in kind.sensitive and had is None:
                self.unknown.append(LeftField(_dotted(path), None, made, None))
            elif path in kind.sets:
                self._set(path, had or [], made or [], now or [], _at(known, path))
            else:
                self._field(path, had, made, now, allowed)
            if path[0] in kind.sensitive and had is not None:
                self.loses = (*self.loses, *_known_secrets({path[0]: had}))

    def _field(self, path: Path, had: Any, made: Any, now: Any, allowed: bool) -> None:
        self.untouched = self.untouched or same(now, made)
        if same(now, had):
            _put(self.patch, path, had)
        elif same(now, made) or allowed:
            self.conflict = self.conflict or not same(now, made)
            self._take_back(path, had, made, had)
        else:
            self.left.append(LeftField(_dotted(path), had, made, now))

    def _set(self, path: Path, had: list[Any], made: list[Any], now: list[Any], known: list[Any] | None) -> None:
        """Element by element: what others added or took since stays so, and base does not learn of it."""
        added, taken = set(made) - set(had), set(had) - set(made)

        def back(elements: list[Any]) -> list[Any]:
            return sorted((set(elements) - added) | taken)

        self.untouched = self.untouched or (added <= set(now) and not taken & set(now))
        patch = back(made if known is None else known)
        if back(now) == sorted(now):
            _put(self.patch, path, patch)
        else:
            self._take_back(path, back(now), now, patch)

    def _take_back(self, path: Path, desired: Any, base: Any, patch: Any) -> None:
        _put(self.desired, path, desired)
        _put(self.base, path, base)
        _put(self.patch, path, patch)


def leaves(one: Attributes, other: Attributes, kind: Kind, above: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """The values in which two differ: (path, in the one, in the other). Maps are looked into, every other value is whole."""
    for name in sorted(one.keys() | other.keys()):
        path = (*above, name)
        first, second = one.get(name), other.get(name)
        if kind.is_map(path) and (isinstance(first, dict) or isinstance(second, dict)):
            yield from leaves(_dict(first), _dict(second), kind, path)
        elif not same(first, second):
            yield path, first, second


def name_after(address: Address, renames: Mapping[Address, Address], kinds: Kinds) -> Address:
    """What an address is called after renames: what holds an old key follows."""
    return next(iter(relabel({address: Base(_EMPTY)}, renames, kinds)))


def renamed(steps: Sequence[Step], renames: Mapping[Address, Address], kinds: Kinds) -> list[Step]:
    """The same steps under other names: addresses, and what their attributes name."""

    def attributes(address: Address, old: Attributes | None) -> Attributes | None:
        return None if old is None else next(iter(relabel({address: Base(old)}, renames, kinds).values())).attributes

    found = []
    for step in steps:
        c = step.change
        change = Change(
            c.action,
            c.target,
            name_after(c.address, renames, kinds),
            c.origin,
            attributes(c.address, c.before),
            attributes(c.address, c.after),
            moved_from=_old_name(c.moved_from, renames, kinds),
            label=c.label,
            loses=c.loses,
        )
        found.append(Step(change, attributes(c.address, step.live), step.sure))
    return found


def _old_name(old: Address | None, renames: Mapping[Address, Address], kinds: Kinds) -> Address | None:
    """A name that something had once: nothing that bears it now is meant, but what it stood under may be called otherwise."""
    return None if old is None else name_after(old, {a: new for a, new in renames.items() if a != old}, kinds)


def _set_since(address: Address, made: Attributes, live: Attributes, kind: Kind) -> Iterator[LeftField]:
    """What differs from how the run created it, or was set besides: what the platform sets by itself is no change, and neither is that
    it calls by its key what was created without a name."""
    called = {kind.label: live[kind.label]} if kind.label and live.get(kind.label) == parts_of(address)[-1] else {}
    expected = {**kind.defaults, **called, **_written(made)}
    for path, have, want in leaves({n: v for n, v in live.items() if n in kind.managed}, expected, kind):
        if path[0] in made or not same(have, None):
            yield LeftField(_dotted(path), None, want, have)


def _owning(kind: Kind) -> set[str]:
    """Kinds whose resources are part of the addresses of this one's."""
    own = {r.kind for r in kind.key.references} if kind.key else set()
    return {*own, kind.parent} if kind.parent else own


def _readable(live: Attributes, known: Attributes, kind: Kind) -> Attributes:
    """Secrets are never read back: what was written last is taken to be there."""
    return {**live, **{name: known[name] for name in kind.sensitive if known.get(name) is not None}} if kind.sensitive else live


def _known_secrets(secrets: Mapping[str, Any]) -> tuple[str, ...]:
    note = "as that is now; the secret itself was not kept"
    return tuple(f"`{name}`: it is set from {value} again, {note}" for name, value in secrets.items())


def _some(addresses: Sequence[Address]) -> str:
    shown = ", ".join(addresses[:NAMED])
    return shown if len(addresses) <= NAMED else f"{shown} and {len(addresses) - NAMED:,} more"


def _written(attributes: Attributes | None) -> Attributes:
    return {name: value for name, value in (attributes or _EMPTY).items() if value is not None}


def _dict(value: Any) -> Attributes:
    return value if isinstance(value, dict) else _EMPTY


def _dotted(path: Path) -> str:
    return ".".join(path)


def _at(attributes: Any, path: Path) -> Any:
    for part in path:
        attributes = attributes.get(part) if isinstance(attributes, dict) else None
    return attributes


def _put(tree: Attributes, path: Path, value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value
