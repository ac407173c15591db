"""From the expanded tree to tables of resources: addresses, normalised attributes, lifecycle, `until`.

Invariant: one table for each kind, in the order of the config; attributes are plain dicts without what is local to the config, equal
ones may be one object (nobody changes them). Everything that follows is done column by column, so that ten thousand equal words are
judged once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from orgform.codec import Struct
from orgform.config.expand import MAX_RESOURCES
from orgform.config.keys import normal_word
from orgform.config.problems import Problems, advice
from orgform.config.schema import takes_objects
from orgform.config.tree import NOWHERE, Map, Seq, new_map, plain_value
from orgform.formats import CONTROL, check, normalise, plain
from orgform.kinds import Kind, Kinds
from orgform.model import NO_LIFECYCLE, Address, Attributes, Lifecycle, address_of

_COLLECTIONS = (Map, Seq)
_EMPTY: Attributes = {}


class Local(Struct):
    """What only the config knows of a resource; most have nothing of it."""

    lifecycle: Lifecycle = NO_LIFECYCLE
    until: str | None = None
    reason: str | None = None
    seeded: bool = False
    ignored: bool = False


class Table:
    """All resources of a kind. `written` are the maps they were written as, for places; `rows` leads from an address to its index."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.addresses: list[Address] = []
        self.attributes: list[Attributes] = []
        self.written: list[Map | None] = []
        self.marks: list[int] = []
        self.local: dict[int, Local] = {}

    @cached_property
    def rows(self) -> dict[str, int]:
        """Address -> index."""
        return dict(zip(self.addresses, range(len(self.addresses)), strict=True))

    def place(self, index: int, path: tuple[str, ...]) -> int:
        """The mark of the attribute at `path`; of the resource where it has none (short form)."""
        holder: Any = self.written[index]
        mark = NOWHERE
        for step in path:
            found = holder.mark(step) if isinstance(holder, Map) else NOWHERE
            mark = found if found != NOWHERE else mark
            holder = holder.get(step) if isinstance(holder, Map) else None
        return mark if mark != NOWHERE else self.marks[index]


class Compiler:
    def __init__(self, kinds: Kinds, problems: Problems) -> None:
        self._kinds = kinds
        self._problems = problems
        self._memo: dict[Any, Attributes] = {}
        self._key_memo: dict[tuple[str, ...], dict[str, str]] = {}
        self.tables: dict[str, Table] = {name: Table(kind) for name, kind in {**kinds, **kinds.operations}.items()}

    def compile(self, tree: Map) -> dict[str, Table]:
        """All tables by kind. Problems of keys and lifecycles are added."""
        for name, kind in self._kinds.top_level.items():
            value = tree.get(name)
            if kind.singleton:
                if name in tree:
                    self._row(kind, kind.address(), value, tree.mark(name), None)
            elif value:
                self._collection(kind, value, "", None)
        if sum(len(table.addresses) for table in self.tables.values()) > MAX_RESOURCES:
            self._problems.add(
                "ORG024", f"the config has more than {MAX_RESOURCES:,} resources", "split it into several configs", tree.marks[0]
            )
        for table in self.tables.values():
            self._unique(table)
        return self.tables

    def _unique(self, table: Table) -> None:
        if len(set(table.addresses)) == len(table.addresses):
            return
        first: dict[str, int] = {}
        for index, address in enumerate(table.addresses):
            if first.setdefault(address, index) != index:
                there = self._problems.places.at(table.marks[first[address]])
                fix = f"it is the same as the one at {there}: case and spelling do not tell them apart"
                key = address.rpartition("/")[2]
                self._problems.add(
                    "ORG012", f"the key `{key[:120]}` is written twice", fix, table.marks[index], related=[there] if there else []
                )

    def _collection(self, kind: Kind, entries: Map, parent: str, above: Local | None) -> None:
        prefix = f"{kind.name}/{parent}/" if parent else f"{kind.name}/"
        keys = self._keys(kind)
        self._learn_plain(kind, keys, entries)
        named = self._named(kind, keys)
        table = self.tables[kind.name]
        shorthand, memo = kind.shorthand, self._memo
        wide = shorthand is not None and takes_objects(kind.properties[shorthand])
        special = frozenset((*kind.local, "lifecycle", *self._kinds.children(kind.name)))
        addresses, attributes, written, marks = table.addresses, table.attributes, table.written, table.marks
        for (key, value), mark in zip(entries.items(), entries.marks, strict=True):
            word = named.get(key) or keys.get(key) or self._key(kind, keys, key, mark)
            if type(value) is Map and special.isdisjoint(value) and not wide and above is None:
                # the common entry, which is worth being told here
                addresses.append(Address(prefix + word))
                attributes.append(self._shared(value) if len(value) == 1 else _plain(value))
                written.append(value)
                marks.append(mark)
            elif type(value) is str and above is None and shorthand is not None:
                found = memo.get((shorthand, value))
                if found is None:
                    found = memo[shorthand, value] = {shorthand: value}
                addresses.append(Address(prefix + word))
                attributes.append(found)
                written.append(None)
                marks.append(mark)
            else:
                self._row(kind, Address(prefix + word), value, mark, above)

    def _shared(self, value: Map) -> Attributes:
        """Thirty thousand memberships have a handful of roles: one dict for each."""
        ((name, only),) = value.items()
        if type(only) in _COLLECTIONS:
            return _plain(value)
        key = (name, type(only), only)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = {name: only}
        return found

    def _row(self, kind: Kind, address: Address, value: Any, mark: int, above: Local | None) -> None:
        table = self.tables[kind.name]
        body = long_form(kind, value)
        local = self._local(kind, body, above)
        if local is not None:
            table.local[len(table.addresses)] = local
        children = self._kinds.children(kind.name)
        dropped = {*kind.local, "lifecycle", *children}
        table.addresses.append(address)
        table.attributes.append(
            {k: (plain_value(v) if type(v) in _COLLECTIONS else v) for k, v in body.items() if k not in dropped} or _EMPTY
        )
        table.written.append(value if isinstance(value, Map) else None)
        table.marks.append(mark)
        for name, child in children.items():
            if name in body:
                self._child(child, body, name, address, self._below(local, above, name))

    def _child(self, kind: Kind, body: Map, name: str, parent: Address, above: Local | None) -> None:
        value = body[name]
        key = parent.partition("/")[2]
        if kind.singleton:
            self._row(kind, address_of(kind.name, key), value, body.mark(name), above)
        elif isinstance(value, Map):
            self._collection(kind, value, key, above)

    def _below(self, local: Local | None, above: Local | None, name: str) -> Local | None:
        """What a child takes over from its parent: being ignored, or only set at creation."""
        lifecycle = local.lifecycle if local else NO_LIFECYCLE
        seeded = name in lifecycle.seed or (above is not None and above.seeded)
        ignored = name in lifecycle.ignore or (above is not None and above.ignored)
        return Local(seeded=seeded, ignored=ignored) if seeded or ignored else None

    def _local(self, kind: Kind, body: Map, above: Local | None) -> Local | None:
        lifecycle = body.get("lifecycle")
        made = self._lifecycle(kind, lifecycle) if isinstance(lifecycle, Map) else NO_LIFECYCLE
        until = body.get(kind.expiry) if kind.expiry else None
        reason = next((body[name] for name in kind.local if name != kind.expiry and body.get(name)), None)
        if until is not None and not self._good_until(kind, until, reason, body):
            until = None
        if made is NO_LIFECYCLE and until is None and reason is None and above is None:
            return None
        return Local(made, until, reason, above.seeded if above else False, above.ignored if above else False)

    def _good_until(self, kind: Kind, until: Any, reason: Any, body: Map) -> bool:
        mark = body.mark(str(kind.expiry))
        problem = check(str(kind.properties[str(kind.expiry)].get("format", "")), until) if isinstance(until, str) else None
        if problem:
            self._problems.add(problem.code, f"`{kind.expiry}`: {problem.summary}", advice(problem), self._problems.places.value(mark))
            return False
        if reason is None:
            why = f"`{kind.expiry}` without a reason: whoever reviews it later will ask"
            self._problems.add("ORG216", why, "write `reason: ...` beside it", mark, warning=True)
        return isinstance(until, str)

    def _lifecycle(self, kind: Kind, written: Map) -> Lifecycle:
        known = [*kind.managed, *self._kinds.children(kind.name)]
        lists = {name: tuple(dict.fromkeys(written.get(name) or ())) for name in ("ignore", "seed")}
        for name, words in lists.items():
            for word in words:
                if not _names_attribute(kind, word, known):
                    fix = self._problems.meant(word, known, f"write an attribute or a collection of a {kind.name}: {', '.join(known)}")
                    place = self._problems.places.value(written.mark(name), word)
                    self._problems.add("ORG218", f"`lifecycle.{name}`: a {kind.name} has no `{word[:80]}`", fix, place)
        return Lifecycle(written.get("prevent_destroy"), lists["ignore"], lists["seed"])

    def _keys(self, kind: Kind) -> dict[str, str]:
        """Written key -> normalised key; one memory for all keys that are made alike."""
        spec = kind.key
        name = (spec.format, *(r.kind for r in spec.references)) if spec else ()
        return self._key_memo.setdefault(name, {})

    def _named(self, kind: Kind, keys: dict[str, str]) -> dict[str, str]:
        """The memory of keys that most keys of `kind` name, where they name others'."""
        references = kind.key.references if kind.key else ()
        return next((self._keys(self._kinds[r.kind]) for r in references if not r.prefix), keys)

    def _learn_plain(self, kind: Kind, keys: dict[str, str], entries: Map) -> None:
        """Most keys are good and normal as they are; they are told in bulk."""
        is_plain = plain(kind.key.format) if kind.key else None
        if is_plain:
            keys.update((key, key) for key in entries if is_plain(key) and key not in kind.builtin)

    def _key(self, kind: Kind, memo: dict[str, str], key: str, mark: int) -> str:
        spec = kind.key
        if spec is None:
            return key
        if spec.references:
            memo[key] = normal = self.word(spec.references, key)
            return normal
        if key in kind.builtin:
            fix = f"use it as it is, or give yours another key, like `my-{key}`"
            self._problems.add("ORG217", f"the {kind.name} `{key}` is built in", fix, mark)
        normal = normalise(spec.format, key)
        problem = check(spec.format, key)
        if problem is None:
            memo[key] = normal
            return normal
        if not CONTROL.search(key):  # that was told when the key was read
            self._problems.add(problem.code, problem.summary, advice(problem), mark)
        # As an address it needs a key without `/`: the one that was probably meant, so that what names it is not told as well.
        return (problem.suggestion or normal).replace("/", "-") if "/" in normal else normal

    def word(self, references: tuple[Any, ...], word: str) -> str:
        """A referring word in the spelling of what it names: `Bob@Acme.com` -> `bob@acme.com`, prefixes kept."""
        return normal_word(self._kinds, references, word)


def long_form(kind: Kind, value: Any) -> Map:
    """The map that a written entry means: nothing is an empty one, a short form the value of one attribute."""
    if value is None:
        return new_map()
    if kind.shorthand is None:
        return value if isinstance(value, Map) else new_map()
    if isinstance(value, Map):
        if not takes_objects(kind.properties[kind.shorthand]):
            return value
        if kind.shorthand in value and set(value) <= {kind.shorthand, "lifecycle", *kind.local}:
            return value
    return new_map([(kind.shorthand, value)])


def _plain(value: Map) -> Attributes:
    return {k: (plain_value(v) if type(v) in _COLLECTIONS else v) for k, v in value.items()}


def _names_attribute(kind: Kind, word: str, known: list[str]) -> bool:
    top, dot, rest = word.partition(".")
    if not dot:
        return word in known
    prop = kind.properties.get(top, {})
    for step in rest.split("."):
        inner = prop.get("properties", {}).get(step, prop.get("additionalProperties"))
        if not inner:
            return False
        prop = inner if isinstance(inner, dict) else {}
    return top in known


def words(table: Table, path: tuple[str, ...], many: bool) -> Iterator[tuple[int, Any]]:
    """(row, word) for every word that stands at `path`."""
    for index, attributes in enumerate(table.attributes):
        value: Any = attributes
        for step in path:
            value = value.get(step) if type(value) is dict else None
        if value is None:
            continue
        if many:
            yield from ((index, item) for item in value)
        else:
            yield index, value


def distinct(table: Table, path: tuple[str, ...], many: bool) -> set[str]:
    """The different words at `path`."""
    if len(path) == 1 and not many:
        name = path[0]
        return {word for attributes in table.attributes if type(word := attributes.get(name)) is str}
    return {word for _, word in words(table, path, many) if type(word) is str}


def replaced(table: Table, path: tuple[str, ...], change: Callable[[Any], Any]) -> None:
    """Rewrites the values at `path` of every row that has one; rows are copied before, for they may be shared."""
    for index, attributes in enumerate(table.attributes):
        changed = _changed(attributes, path, change)
        if changed is not attributes:
            table.attributes[index] = changed


def _changed(value: Any, path: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    if type(value) is not dict or value.get(path[0]) is None:
        return value
    inner = _changed(value[path[0]], path[1:], change)
    return value if inner is value[path[0]] else {**value, path[0]: inner}
