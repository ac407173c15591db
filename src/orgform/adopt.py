"""What was changed by hand goes into the config: each value where it is written, or as an override at the nearest place that decides.

Invariant: pure, and all or nothing: with one refusal there are no files. Nothing but what is wanted changes, secrets never; whether the
result says what it should is for the caller to check, who loads it again.

The nearest place: where the value is written, in the environment's file before the others; a cell of a CSV; the entry itself where a
template or the entry above brought it, since what is written wins; the environment's file for what `for_each` or an expression makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orgform.codec import Struct
from orgform.config.edit import Document, Pair, Untouchable, is_null, is_template
from orgform.config.sheet import Sheet
from orgform.export import entry_of
from orgform.export_into import MADE, MISSING, Difference, Merge, Place
from orgform.kinds import Kind, Kinds
from orgform.model import NO_LIFECYCLE, Address, Attributes, Config, Desired, Live, parts_of

Path = tuple[str, ...]
YAML = (".yaml", ".yml")


class Wanted(Struct, frozen=True):
    """`values`: address -> what is live at which path, `None` where nothing is. `came`, `gone`: created and deleted by hand.

    `ignored`: address -> words for `lifecycle.ignore`.
    """

    values: Mapping[Address, Mapping[Path, Any]] = {}
    came: Mapping[Address, Live] = {}
    gone: tuple[Address, ...] = ()
    ignored: Mapping[Address, tuple[str, ...]] = {}


class Refusal(Struct, frozen=True):
    """What cannot be written, and why. `path` is dotted, empty for the resource itself; `source` is FILE:LINE where one is known."""

    address: str
    path: str
    reason: str
    source: str = ""


class Adopted(Struct, frozen=True):
    """`files`: relative name -> new text, of those that change; none where anything was refused."""

    files: dict[str, str]
    refused: tuple[Refusal, ...] = ()


def adopt(
    texts: Mapping[str, str], wanted: Wanted, kinds: Kinds, config: Config, *, env: str | None = None, without_env: Config | None = None
) -> Adopted:
    """`texts`: relative name -> text of all YAML files (the environment's, too) and of the CSV files that the config includes.

    `without_env`: the same folder without the environment, where it can be read so: what it declares does not end by what the
    environment leaves out.
    """
    return _Adoption(texts, wanted, kinds, config, env, without_env).adopted()


def environment_file(texts: Mapping[str, str], env: str | None) -> str | None:
    """The file of the chosen environment."""
    return next((name for end in YAML if (name := f"environments/{env}{end}") in texts), None) if env else None


class _Adoption(Merge):
    def __init__(
        self, texts: Mapping[str, str], wanted: Wanted, kinds: Kinds, config: Config, env: str | None, without_env: Config | None
    ) -> None:
        patched = {a: Live(changed(config.desired[a].attributes, values)) for a, values in wanted.values.items()}
        written = {name: text for name, text in texts.items() if name.endswith(YAML)}
        super().__init__(written, {**wanted.came, **patched}, kinds, config, frozenset(kinds), env)
        self._wanted, self._without_env = wanted, without_env
        self._sheets = {name: Sheet(text) for name, text in texts.items() if name not in written}
        self._originals = texts
        self._overlay = environment_file(written, env)
        self._refused: list[Refusal] = []

    def adopted(self) -> Adopted:
        for file, document in self._documents.items():
            self._index(file, document)
        for address in self._top_first(self._wanted.values):
            self._update(address, self._config.desired[address])
        self._add_new()
        for address in self._outermost(self._wanted.gone):
            self._remove(address)
        for address in self._top_first(self._wanted.ignored):
            self._ignore(address, self._wanted.ignored[address])
        self._refused += [Refusal(address, "", sentence) for address, sentence in self.notes]
        if self._refused:
            return Adopted({}, tuple(sorted(self._refused, key=lambda r: (r.address, r.path))))
        sheets = {name: new for name, sheet in self._sheets.items() if (new := sheet.text) != self._originals[name]}
        return Adopted({**self._written(), **sheets})

    def _top_first(self, addresses: Iterable[Address]) -> list[Address]:
        """An entry's own attributes before what stands under it."""
        return sorted(addresses, key=lambda a: (self._kinds.parent_of(a) is not None, a))

    def _outermost(self, gone: tuple[Address, ...]) -> list[Address]:
        """What stands under something that goes, goes with it."""
        return sorted(a for a in gone if self._kinds.parent_of(a) not in gone)

    # Values

    def _as_shorthand(self, address: Address, kind: Kind) -> bool:
        return super()._as_shorthand(address, kind) or self._is_bare_value(address, kind)

    def _is_bare_value(self, address: Address, kind: Kind) -> bool:
        """Whether the entry is a map and yet the short form: the value of an attribute that may be a map."""
        place = next(iter(self._in_precedence(address)), None)
        if place is None or kind.shorthand is None or place.pair.value.id != "mapping":
            return False
        keys = {key.value for key, _ in place.pair.value.value}
        long = kind.shorthand in keys and keys <= {kind.shorthand, "lifecycle", *kind.local}
        return not long and isinstance(self._config.desired[address].attributes.get(kind.shorthand), dict)

    def _written_at(self, address: Address, kind: Kind, path: Path) -> Place | None:
        if path == (kind.shorthand,) and self._is_bare_value(address, kind):
            return self._in_precedence(address)[0]
        return super()._written_at(address, kind, path)

    def _change(self, place: Place, kind: Kind, difference: Difference) -> None:
        if isinstance(difference.live, dict) and difference.path == (kind.shorthand,) and kind.shorthand in difference.live:
            # As a short form it would be taken for the long one.
            self._documents[place.file].set_value(place.pair, {kind.shorthand: difference.live})
            return
        super()._change(place, kind, difference)

    def _add_attribute(self, address: Address, kind: Kind, difference: Difference) -> None:
        raise Untouchable(MADE)

    def unreachable(self, address: Address, kind: Kind, difference: Difference, place: Place | None, reason: str) -> None:
        """The nearest other place: a cell of its CSV row, the entry itself or the one above, the environment's file."""
        for attempt in (self._into_cell, self._beside, self._lay_over) if place is None else (self._lay_over,):
            try:
                if attempt(address, kind, difference):
                    return
            except Untouchable as why:
                reason = reason if place else str(why)
        if place is None and reason == MADE:
            reason = self._made_by(address)
        source = f"{place.file}:{self._documents[place.file].line(place.pair.key)}" if place else self._at(address)
        self._refuse(address, ".".join(difference.path), f"its value comes from {reason}", source)

    def _into_cell(self, address: Address, kind: Kind, difference: Difference) -> bool:
        row, column = self._row(address), ".".join(difference.path)
        if row is None or column not in row[0].header:
            return False
        row[0].set(row[1], column, None if difference.live is MISSING else difference.live)
        return True

    def _beside(self, address: Address, kind: Kind, difference: Difference) -> bool:
        """In the entry itself, or in that of its parent, where that is written out and the value came there from a template."""
        own = self._own_place(address)
        if own is not None:
            self._add_override(own, address, kind, difference)
            return True
        above = self._parent_place(address)
        if above is None or self._row(address) is not None or self._stands_within(address, above):
            return False
        key = () if kind.singleton else (parts_of(address)[-1],)
        path, value = self._as_entry(address, kind, difference)
        below = [p for p in self._collections.get((self._kinds.parent_of(address) or "", kind.name), ()) if p.file == above.file]
        if below and not kind.singleton:
            self.put(below[0].file, below[0].pair, (*key, *path), value)
        else:
            self.put(above.file, above.pair, (kind.collection, *key, *path), value)
        return True

    def _add_override(self, own: Place, address: Address, kind: Kind, difference: Difference) -> None:
        """In the innermost map that is written out."""
        value = _emptied(difference)
        for depth in range(len(difference.path) - 1, 0, -1):
            holder = self._written_at(address, kind, difference.path[:depth])
            if holder is not None:
                return self.put(holder.file, holder.pair, difference.path[depth:], value)
        return self.put(own.file, own.pair, difference.path, value)

    def _lay_over(self, address: Address, kind: Kind, difference: Difference) -> bool:
        """Into the environment's file, which names entries by their expanded key."""
        if self._overlay is None:
            return False
        file, holder, spot = self._spot(address)
        if not difference.path:
            raise Untouchable("a short form, which cannot say what there is now")
        if holder is not None and not spot:
            self.put(file, holder, difference.path, _emptied(difference, overlay=True))
            return True
        path, value = self._as_entry(address, kind, difference, overlay=True)
        self.put(file, holder, (*spot, *path), value)
        return True

    def _as_entry(self, address: Address, kind: Kind, difference: Difference, *, overlay: bool = False) -> tuple[Path, Any]:
        """What stands under the resource's key: its short form, where that says as much as is declared."""
        value, desired = _emptied(difference, overlay=overlay), self._config.desired[address]
        alone = difference.path == (kind.shorthand,) and set(desired.attributes) <= set(difference.path)
        plain = desired.lifecycle == NO_LIFECYCLE and not (desired.until or desired.reason)
        if alone and plain and value is not None:
            return (), entry_of(kind, {difference.path[0]: value})
        return difference.path, value

    def _spot(self, address: Address) -> tuple[str, Pair | None, Path]:
        """Where a resource stands, or would stand, in the environment's file: the pair that holds it, and the keys below that."""
        overlay = self._overlay or ""
        kind, parent = self._kinds.of(address), self._kinds.parent_of(address)
        place = next((p for p in self._places.get(address, ()) if p.file == overlay), None)
        if place is not None:
            return place.file, place.pair, ()
        if kind.singleton:
            key: Path = ()
        else:
            key = (parts_of(address)[-1],)
            listed = next((p for p in self._collections.get((parent or "", kind.name), ()) if p.file == overlay), None)
            if listed is not None:
                return listed.file, listed.pair, key
        if parent is None:
            return overlay, None, (kind.collection, *key)
        file, holder, above = self._spot(parent)
        return file, holder, (*above, kind.collection, *key)

    # What came

    def homeless(self, address: Address, why: str) -> None:
        """Under what `for_each` makes, the environment's file is the nearest place."""
        kind = self._kinds.of(address)
        try:
            if self._overlay is None or kind.parent is None or self._kinds.parent_of(address) not in self._config.desired:
                raise Untouchable(why)
            file, holder, spot = self._spot(address)
            self.put(file, holder, spot, entry_of(kind, self._live[address].attributes))
        except Untouchable as reason:
            self._refuse(address, "", str(reason), self._at(self._kinds.parent_of(address)))

    # What went

    def _remove(self, address: Address) -> None:
        places, row = self._places.get(address, []), self._row(address)
        try:
            if row is not None:
                row[0].remove(row[1])
            elif self._own_place(address) is None and not self._ends_with(places, address):
                self._null(address, places)
                return
            for place in places:
                self._documents[place.file].remove(place.pair)
        except Untouchable as why:
            self._refuse(address, "", f"it is gone from the live system, and declared by {why}", self._at(address))

    def _ends_with(self, places: list[Place], address: Address) -> bool:
        """Whether only the environment's file has it, so that it is no more once it is taken out there."""
        return bool(places) and not (self._without_env and address in self._without_env.desired)

    def _null(self, address: Address, places: list[Place]) -> None:
        """What is made elsewhere ends by a `null` in the environment's file."""
        if self._overlay is None:
            raise Untouchable(self._made_by(address))
        if places:
            self._documents[places[0].file].set_value(places[0].pair, None)
            return
        file, holder, spot = self._spot(address)
        self.put(file, holder, spot, None)

    # What is left alone

    def _ignore(self, address: Address, words: tuple[str, ...]) -> None:
        kind, desired = self._kinds.of(address), self._config.desired[address]
        listed = [*desired.lifecycle.ignore, *(word for word in words if word not in desired.lifecycle.ignore)]
        place = self._written_at(address, kind, ("lifecycle", "ignore"))
        try:
            if place is not None:
                self._documents[place.file].set_items(place.pair, listed, lambda written, wanted: written == wanted)
            else:
                self._add_lifecycle(address, kind, desired, listed)
        except Untouchable as why:
            self._refuse(address, "lifecycle.ignore", f"it is declared by {why}", self._at(address))

    def _add_lifecycle(self, address: Address, kind: Kind, desired: Desired, listed: list[str]) -> None:
        place = next((p for p in self._in_precedence(address) if p.file != self._overlay), None)
        above = self._parent_place(address)
        if place is not None and self._row(address) is None:
            self._lifecycle_at(place, address, kind, desired, listed)
        elif self._overlay is not None:
            file, holder, spot = self._spot(address)
            overlaid = next((p for p in self._in_precedence(address) if p.file == self._overlay), None)
            if overlaid is not None:
                self._lifecycle_at(overlaid, address, kind, desired, listed)
            else:
                self.put(file, holder, (*spot, "lifecycle", "ignore"), listed)
        elif above is not None and self._row(address) is None and not self._stands_within(address, above):
            key = () if kind.singleton else (parts_of(address)[-1],)
            self.put(above.file, above.pair, (kind.collection, *key), {**_entry(kind, desired), "lifecycle": {"ignore": listed}})
        else:
            raise Untouchable(self._made_by(address))

    def _lifecycle_at(self, place: Place, address: Address, kind: Kind, desired: Desired, listed: list[str]) -> None:
        """A short form becomes a long one, which has room for it."""
        node = place.pair.value
        if (node.id == "scalar" and not is_null(node)) or self._is_bare_value(address, kind):
            entry = {**_entry(kind, desired), "lifecycle": {"ignore": listed}}
            self._documents[place.file].set_value(place.pair, entry)
        else:
            self.put(place.file, place.pair, ("lifecycle", "ignore"), listed)

    # Where it is from

    def _row(self, address: Address) -> tuple[Sheet, int] | None:
        """The CSV row that declares it."""
        desired = self._config.desired.get(address)
        sheet = self._sheets.get(desired.source.file) if desired and desired.source else None
        kind = self._kinds.of(address)
        if sheet is None:
            return None
        own = parts_of(address)[-1]
        at = sheet.row(kind.key.name if kind.key else "key", lambda word: self._normal_key(kind, word) == own)
        return (sheet, at) if at is not None else None

    def _parent_place(self, address: Address) -> Place | None:
        parent = self._kinds.parent_of(address)
        return self._own_place(parent) if parent else None

    def _stands_within(self, address: Address, above: Place) -> bool:
        """Whether it is written inside of its parent's entry after all: by a `for_each` or an expression there."""
        source = self._config.desired[address].source
        return source is not None and source.file == above.file and source.line in _lines(above.pair)

    def _made_by(self, address: Address) -> str:
        """What makes a resource that nobody wrote out."""
        source = self._config.desired[address].source
        if source is None:
            return "something that has no place of its own"
        if source.file in self._sheets:
            return "a CSV row, which has no room for it"
        document = self._documents.get(source.file)
        found = next(_makers(document, source.line), "") if document else ""
        return found or "`for_each`, a template or an expression"

    def _at(self, address: Address | None) -> str:
        """FILE:LINE of a resource."""
        desired = self._config.desired.get(address) if address else None
        return f"{desired.source.file}:{desired.source.line}" if desired and desired.source else ""

    def _refuse(self, address: Address, path: str, reason: str, source: str) -> None:
        self._refused.append(Refusal(address, path, reason, source))


def _makers(document: Document, line: int) -> Iterator[str]:
    """What stands around a line that makes entries of it."""
    waiting = list(document.pairs(document.root))
    while waiting:
        pair = waiting.pop(0)
        if line not in _lines(pair):
            continue
        keys = {key.value for key, _ in pair.value.value} if pair.value.id == "mapping" else set()
        if pair.within is document.root and pair.key.value == "templates":
            yield "a template (`use`)"
        if "for_each" in keys:
            yield "a `for_each`"
        if is_template(pair.key):
            yield "an expression in its key"
        waiting = list(document.pairs(pair.value))


def _lines(pair: Pair) -> range:
    """1-based lines of a pair."""
    last = pair.value
    while last.id != "scalar" and not last.flow_style and last.value:  # a block's own end mark stands behind it
        last = last.value[-1][1] if last.id == "mapping" else last.value[-1]
    start = int(pair.key.start_mark.line)
    return range(start + 1, max(int(last.end_mark.line), start) + 2)


def _entry(kind: Kind, desired: Desired) -> dict[str, Any]:
    """All that is declared of a resource, in its long form."""
    entry = {name: value for name, value in desired.attributes.items() if value is not None}
    if kind.expiry and desired.until:
        entry[kind.expiry] = desired.until
    other = next((name for name in kind.local if name != kind.expiry), None)
    return {**entry, other: desired.reason} if other and desired.reason else entry


def _emptied(difference: Difference, *, overlay: bool = False) -> Any:
    """The live value; where there is none, the word that takes away what was declared."""
    if difference.live is not MISSING:
        return difference.live
    return [] if isinstance(difference.declared, list) and not overlay else None


def changed(attributes: Attributes, values: Mapping[Path, Any]) -> Attributes:
    """The attributes with each value at its path; `None` takes away what is there."""
    for path, value in values.items():
        attributes = _with(attributes, path, value)
    return attributes


def _with(attributes: Any, path: Path, value: Any) -> Attributes:
    held = dict(attributes) if isinstance(attributes, dict) else {}
    if len(path) > 1:
        held[path[0]] = _with(held.get(path[0]), path[1:], value)
    elif value is None:
        held.pop(path[0], None)
    else:
        held[path[0]] = value
    return held
