"""Live state -> a folder that has a config already: what differs is changed where it is written, and the rest stays as people wrote it.

Invariant: what `for_each`, a template, an expression, an alias or a CSV makes is never touched; where it differs, a note says so. What the
config takes from nobody is not taken: resources of kinds that were not read stay, and so does what `lifecycle` leaves alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from orgform.codec import Struct, encode
from orgform.config.edit import Document, Pair, Untouchable, is_null, is_template
from orgform.export import Tree, entry_of, file_pattern, kept_attributes, text_of, trees
from orgform.formats import normalise
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attributes, Config, Desired, Live, address_of, kind_of, parts_of

MISSING = object()
MOST_SHOWN = 60
MADE = "`for_each`, a template or a CSV"
GENERATES = ("for_each", "include_csv")


class Merged(Struct, frozen=True):
    """`files`: relative name -> new text, of those that change. `notes`: sentences on what differs and was left alone."""

    files: dict[str, str]
    notes: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where (a part of) a resource is written out: in `file`, as the value of `pair`."""

    file: str
    pair: Pair


class Difference(NamedTuple):
    """`live` is `MISSING` where the live system has nothing there; `declared` where the config says nothing."""

    path: tuple[str, ...]
    declared: Any
    live: Any


def merge_into(
    texts: Mapping[str, str],
    live: Mapping[Address, Live],
    kinds: Kinds,
    config: Config,
    *,
    read: Collection[str],
    env: str | None = None,
) -> Merged:
    """`texts`: relative name -> text of all YAML files of the folder (with the environment's file, where one is chosen).

    `config`: what they declare together. `read`: kinds whose live state is complete; only those lose entries.
    """
    return Merge(texts, live, kinds, config, frozenset(read), env).run()


class Merge:
    """One merge. Who wants more of it than notes on what it cannot reach says so in `unreachable` and `unremovable`."""

    def __init__(
        self,
        texts: Mapping[str, str],
        live: Mapping[Address, Live],
        kinds: Kinds,
        config: Config,
        read: frozenset[str],
        env: str | None,
    ) -> None:
        self._texts, self._live, self._kinds, self._config, self._read = texts, live, kinds, config, read
        self._overlays = {f"environments/{env}{end}" for end in (".yaml", ".yml")} if env else set()
        self._documents = {file: Document(text) for file, text in sorted(texts.items())}
        self._places: dict[Address, list[Place]] = {}
        self._collections: dict[tuple[str, str], list[Place]] = {}
        self._new_files: dict[str, Tree] = {}
        self._added: dict[tuple[str, Pair | None], Tree] = {}
        self.notes: list[tuple[Address, str]] = []

    def run(self) -> Merged:
        for file, document in self._documents.items():
            self._index(file, document)
        gone = self._removals()
        for address in sorted(self._live):
            if address in self._config.desired:
                self._update(address, self._config.desired[address])
        self._add_new()
        for address in gone:
            self._remove(address)
        return Merged(self._written(), tuple(sorted(f"{address}: {sentence}" for address, sentence in self.notes)))

    def _written(self) -> dict[str, str]:
        """Every file that changes, with its new text."""
        for (file, holder), tree in self._added.items():
            for key, value in tree.items():
                self._documents[file].add(holder, key, value)
        files = {file: new for file, document in self._documents.items() if (new := document.text) != self._texts[file]}
        for file, tree in self._new_files.items():
            # A file of comments alone has no map that could be added to.
            files[file] = self._texts.get(file, "") + text_of(tree)
        return files

    # Where things are written

    def _index(self, file: str, document: Document) -> None:
        for pair in document.pairs(document.root):
            kind = self._kinds.top_level.get(pair.key.value)
            if kind is None:
                continue
            if kind.singleton:
                self._note_place(kind.address(), file, document, pair, kind)
                continue
            self._collections.setdefault(("", kind.name), []).append(Place(file, pair))
            for entry in document.pairs(pair.value):
                if _is_written_out(document, entry):
                    key = self._normal_key(kind, entry.key.value)
                    self._note_place(address_of(kind.name, key), file, document, entry, kind)

    def _note_place(self, address: Address, file: str, document: Document, pair: Pair, kind: Kind) -> None:
        self._places.setdefault(address, []).append(Place(file, pair))
        children = self._kinds.children(kind.name)
        for below in document.pairs(pair.value):
            child = children.get(below.key.value)
            if child is None:
                continue
            if child.singleton:
                self._places.setdefault(child.address(*parts_of(address)), []).append(Place(file, below))
                continue
            self._collections.setdefault((address, child.name), []).append(Place(file, below))
            for entry in document.pairs(below.value):
                if _is_written_out(document, entry):
                    own = self._normal_key(child, entry.key.value)
                    self._places.setdefault(address_of(child.name, *parts_of(address), own), []).append(Place(file, entry))

    def _normal_key(self, kind: Kind, key: str) -> str:
        """As addresses have it."""
        if kind.key is None:
            return key
        for ref in kind.key.references:
            if key.startswith(ref.prefix) and ref.prefix:
                return ref.prefix + self._normal_key(self._kinds[ref.kind], key.removeprefix(ref.prefix))
        plain = next((ref for ref in kind.key.references if not ref.prefix), None)
        if plain:
            return self._normal_key(self._kinds[plain.kind], key)
        return normalise(kind.key.format, key) if kind.key.format else key

    # What differs

    def _update(self, address: Address, desired: Desired) -> None:
        if desired.seeded:
            return
        kind = self._kinds.of(address)
        left_alone = {*desired.lifecycle.ignore, *desired.lifecycle.seed}
        differences = [
            difference
            for difference in _differences(kind, desired.attributes, self._live[address].attributes)
            if not any(".".join(difference.path[:n]) in left_alone for n in range(1, len(difference.path) + 1))
        ]
        short = self._as_shorthand(address, kind)
        if short and any(difference.path != (kind.shorthand,) for difference in differences):
            # A word cannot say what there is now.
            differences = [Difference((), differences[0].declared, entry_of(kind, self._live[address].attributes))]
        for difference in differences:
            self._settle(address, kind, difference)

    def _as_shorthand(self, address: Address, kind: Kind) -> bool:
        place = next(iter(self._in_precedence(address)), None)
        return bool(kind.shorthand and place and place.pair.value.id == "scalar" and not is_null(place.pair.value))

    def _settle(self, address: Address, kind: Kind, difference: Difference) -> None:
        place = self._written_at(address, kind, difference.path)
        try:
            if place:
                self._change(place, kind, difference)
            elif difference.declared is MISSING:
                self._add_attribute(address, kind, difference)
            else:
                raise Untouchable(MADE)
        except Untouchable as reason:
            self.unreachable(address, kind, difference, place, str(reason))

    def unreachable(self, address: Address, kind: Kind, difference: Difference, place: Place | None, reason: str) -> None:
        """What differs cannot be written at `place` (None: where it stands is not known)."""
        if difference.declared is not MISSING:
            self._note_difference(address, difference, reason)

    def _written_at(self, address: Address, kind: Kind, path: tuple[str, ...]) -> Place | None:
        """The pair that holds the value at `path`; the shorthand's own pair where the entry is one."""
        for file, pair in self._in_precedence(address):
            found: Pair | None = pair
            if not (pair.value.id != "mapping" and (kind.shorthand,) == path):
                for name in path:
                    pairs = self._documents[file].pairs(found.value) if found else ()
                    found = next((p for p in pairs if p.key.value == name), None)
            if found:
                return Place(file, found)
        return None

    def _in_precedence(self, address: Address) -> list[Place]:
        return sorted(self._places.get(address, ()), key=lambda place: place.file not in self._overlays)

    def _change(self, place: Place, kind: Kind, difference: Difference) -> None:
        document = self._documents[place.file]
        if difference.live is MISSING:
            if isinstance(difference.declared, list):
                document.set_value(place.pair, [])
            else:
                document.remove(place.pair)
        elif difference.path in kind.sets and isinstance(difference.live, list):
            document.set_items(place.pair, difference.live, self._sameness(kind, difference.path))
        else:
            document.set_value(place.pair, difference.live)

    def _sameness(self, kind: Kind, path: tuple[str, ...]) -> Callable[[str, Any], bool]:
        """Two ways to write one thing: `Bob@Acme.com` and `bob@acme.com`."""
        ref = next((r for r in kind.references if r.path == path and r.many), None)
        if ref is None:
            return lambda written, wanted: written == wanted
        return lambda written, wanted: self._normal_key(self._kinds[ref.kind], written) == wanted

    def _add_attribute(self, address: Address, kind: Kind, difference: Difference) -> None:
        """In the innermost map that is written out; an entry that is not written out manages what it manages."""
        for depth in range(len(difference.path) - 1, -1, -1):
            holder = self._written_at(address, kind, difference.path[:depth]) if depth else self._own_place(address)
            if holder is not None:
                self.put(holder.file, holder.pair, difference.path[depth:], difference.live)
                return

    def put(self, file: str, holder: Pair | None, path: tuple[str, ...], value: Any) -> None:
        """Adds what stands nowhere yet, with the maps above it that are missing, too. Several that come into one new map come together.

        Raises `Untouchable`.
        """
        document = self._documents[file]
        while len(path) > 1:
            written = {p.key.value: p for p in document.pairs(document.root if holder is None else holder.value)}
            if path[0] not in written:
                if "<<" in written:  # a map that it brings would be replaced by the new one
                    raise Untouchable("a merge key")
                break
            holder, path = written[path[0]], path[1:]
        document.check_addable(holder)
        if any(p.key.value == path[0] for p in document.pairs(document.root if holder is None else holder.value)):
            raise Untouchable("another word on it")
        tree = self._added.setdefault((file, holder), {})
        for name in path[:-1]:
            tree = tree.setdefault(name, {})
        tree[path[-1]] = value

    def _own_place(self, address: Address) -> Place | None:
        """Where the resource itself is written out, not only an environment's word on it."""
        return next((place for place in self._places.get(address, ()) if place.file not in self._overlays), None)

    # What is new

    def _add_new(self) -> None:
        new = {a: r for a, r in self._live.items() if a not in self._config.desired and self._may_be_new(a)}
        whole = {a for a in new if not self._kinds.of(a).parent}
        with_whole = {a: r for a, r in new.items() if a in whole or self._kinds.parent_of(a) in whole}
        for layout_file, tree in trees(with_whole, self._kinds, {}).items():
            for collection, entries in tree.items():
                if kind := self._kinds.top_level.get(collection):
                    for key, entry in entries.items():
                        self._add_top(self._home_file(kind, layout_file), kind, key, entry)
        for address in sorted(new.keys() - with_whole.keys()):
            self._add_child(address)

    def _may_be_new(self, address: Address) -> bool:
        """Not what the config names but does not declare today."""
        if address in self._config.expired:
            self.notes.append((address, f"the live system still has it; the config's grant ran out on {self._config.expired[address]}"))
            return False
        if address in self._places:
            self.notes.append((address, "the live system has it; the config writes it and takes it out again: left alone"))
            return False
        return True

    def _home_file(self, kind: Kind, layout_file: str) -> str:
        """Where its like are: the file that has most of them, unless each has a file of its own."""
        counts: dict[str, int] = {}
        for file, pair in self._collections.get(("", kind.name), ()):
            if file not in self._overlays and pair.value.id == "mapping":
                counts[file] = counts.get(file, 0) + len(pair.value.value)
        best = max(sorted(counts), key=lambda file: counts[file], default=None)
        alone = "{key}" in file_pattern(kind) and len(self._documents) > 1
        if best is None or (alone and counts[best] < 2):
            return layout_file if len(self._documents) > 1 or not self._documents else next(iter(self._documents))
        return best

    def _add_top(self, file: str, kind: Kind, key: str, entry: Any) -> None:
        document = self._documents.get(file)
        if document is None or document.root is None:
            tree = self._new_files.setdefault(file, {})
            tree.setdefault(kind.collection, {})[key] = entry
            return
        holder = next((pair for pair in document.pairs(document.root) if pair.key.value == kind.collection), None)
        self._try_add(address_of(kind.name, key), file, holder, (key,) if holder else (kind.collection, key), entry)

    def _add_child(self, address: Address) -> None:
        kind = self._kinds.of(address)
        parent = self._kinds.parent_of(address)
        place = self._own_place(parent) if parent else None
        if parent is None or place is None:
            self.homeless(address, f"{parent} is not written out one by one, so add it where that is made")
            return
        entry, key = entry_of(kind, self._live[address].attributes), parts_of(address)[-1]
        below = [p for p in self._collections.get((parent, kind.name), ()) if p.file not in self._overlays]
        if kind.singleton:
            self._try_add(address, place.file, place.pair, (kind.collection,), entry)
        elif below:
            self._try_add(address, below[0].file, below[0].pair, (key,), entry)
        else:
            self._try_add(address, place.file, place.pair, (kind.collection, key), entry)

    def _try_add(self, address: Address, file: str, holder: Pair | None, path: tuple[str, ...], entry: Any) -> None:
        try:
            self.put(file, holder, path, entry)
        except Untouchable as reason:
            self.homeless(address, f"it cannot be added to {file}, which has {reason} there")

    def homeless(self, address: Address, why: str) -> None:
        """What is new has no place to stand in."""
        self.notes.append((address, f"new in the live system; {why}"))

    # What is gone

    def _removals(self) -> list[Address]:
        gone = [a for a, d in self._config.desired.items() if a not in self._live and kind_of(a) in self._read and not d.seeded]
        with_parent = {a for a in gone if (parent := self._kinds.parent_of(a)) and parent not in self._live}
        return sorted(set(gone) - with_parent)

    def _remove(self, address: Address) -> None:
        try:
            if address not in self._places:
                raise Untouchable(MADE)
            for place in self._places[address]:
                self._documents[place.file].remove(place.pair)
        except Untouchable as reason:
            self.unremovable(address, str(reason))

    def unremovable(self, address: Address, reason: str) -> None:
        """What is gone cannot be taken out where it is declared."""
        self.notes.append((address, f"gone from the live system; {self._source(address)} has it from {reason}: take it out there"))

    # What is said

    def _note_difference(self, address: Address, difference: Difference, reason: str) -> None:
        path = ".".join(difference.path) or "it"
        now = "is empty" if difference.live is MISSING else f"is {_shown(difference.live)}"
        self.notes.append((address, f"{path} {now} in the live system; {self._source(address)} has it from {reason}: change it there"))

    def _source(self, address: Address) -> str:
        return str(self._config.desired[address].source or "the config")


def _shown(value: Any) -> str:
    text = encode(value).decode()
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def _is_written_out(document: Document, entry: Pair) -> bool:
    """Whether an entry stands for itself: neither its key nor its being there is computed."""
    return not is_template(entry.key) and not any(pair.key.value in GENERATES for pair in document.pairs(entry.value))


def _differences(kind: Kind, declared: Attributes, live: Attributes) -> Iterator[Difference]:
    """Attribute by attribute, key by key in maps; what the config does not manage counts where it says more than a default."""
    worth = {name: value for name, value in kept_attributes(kind, live).items() if kind.defaults.get(name) != value}
    for name in kind.managed:
        if name not in kind.sensitive:
            ours = declared.get(name, MISSING)
            theirs = live.get(name, MISSING) if ours is not MISSING else worth.get(name, MISSING)
            yield from _difference(kind, (name,), ours, theirs)


def _difference(kind: Kind, path: tuple[str, ...], ours: Any, theirs: Any) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict) and kind.is_map(path):
        for key in sorted({*ours, *theirs}):
            yield from _difference(kind, (*path, key), ours.get(key, MISSING), theirs.get(key, MISSING))
    elif ours != theirs and not (_says_nothing(ours) and _says_nothing(theirs)):
        yield Difference(path, ours, theirs)


def _says_nothing(value: Any) -> bool:
    return value is MISSING or value is None or value == [] or value == {}
