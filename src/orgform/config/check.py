"""What a schema cannot say: formats, references, scopes, circles, values whose type another resource declares.

Invariant: each distinct word of a column is judged once; only a bad one is looked for row by row, to say where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from orgform.config.compile import Compiler, Table, distinct, replaced, words
from orgform.config.problems import Problems, advice, listed
from orgform.diagnostics import Source
from orgform.formats import check, normalise
from orgform.kinds import Kind, Kinds, Reference, resolve
from orgform.model import Address, address_of, key_of, kind_of, parts_of

_FREE_KEYS = 12


class Checker:
    def __init__(self, kinds: Kinds, compiler: Compiler, problems: Problems) -> None:
        self._kinds = kinds
        self._compiler = compiler
        self._tables = compiler.tables
        self._problems = problems

    def run(self) -> None:
        """Normalises all columns, then checks what needs them normalised."""
        for table in self._filled():
            self._formats(table)
            self._sets(table)
            for ref in table.kind.references:
                self._respell(table, ref)
        for table in self._filled():
            self._labels(table)
            self._secrets(table)
            self._own_keys(table)
            for ref in table.kind.references:
                self._references(table, ref)
                if ref.acyclic:
                    self._circles(table, ref)
            self._typed(table)

    def _filled(self) -> Iterator[Table]:
        return (table for table in self._tables.values() if table.addresses)

    # values by themselves

    def _formats(self, table: Table) -> None:
        for path, prop in walk(table.kind.properties):
            format = prop.get("format")
            if not format or prop.get("x-local") or prop.get("x-observed"):
                continue
            seen = distinct(table, path, False)
            problems = {word: check(format, word) for word in seen}
            bad = {word: problem for word, problem in problems.items() if problem}
            if any(normalise(format, word) != word for word in seen - bad.keys()):
                replaced(table, path, partial(normalise, format))
            for index, word in words(table, path, False) if bad else ():
                problem = bad.get(word)
                if problem:
                    self._problems.add(
                        problem.code, f"`{'.'.join(path)}`: {problem.summary}", advice(problem), self._value(table, index, path)
                    )

    def _sets(self, table: Table) -> None:
        for path in table.kind.sets:
            replaced(table, path, lambda value: sorted(set(value)) if _sortable(value) else value)

    def _labels(self, table: Table) -> None:
        """A name is one line of text."""
        label = table.kind.label
        if label is None:
            return
        for index, word in words(table, (label,), False):
            if type(word) is str and ("\n" in word or "\t" in word or "\r" in word):
                self._problems.add(
                    "ORG021", f"`{label}` has a line end or a tab", "write it on one line", self._value(table, index, (label,))
                )

    def _secrets(self, table: Table) -> None:
        for name in table.kind.sensitive:
            for index, word in words(table, (name,), False):
                if type(word) is str and not word.startswith(("env:", "file:")):
                    self._problems.places.mask(word)
                    fix = f"put the secret into an environment variable and write `{name}: env:NAME`, or `file:PATH`"
                    self._problems.add("ORG404", f"`{name}` is a secret in plain text", fix, self._value(table, index, (name,)))

    # references

    def _respell(self, table: Table, ref: Reference) -> None:
        """Words in the spelling of what they name."""
        respelled = {word: self._compiler.word((ref,), word) for word in distinct(table, ref.path, ref.many)}
        if all(word == normal for word, normal in respelled.items()):
            return
        if ref.many:
            replaced(table, ref.path, lambda found: sorted({respelled.get(w, w) for w in found}))
        else:
            replaced(table, ref.path, lambda word: respelled.get(word, word))

    def _own_keys(self, table: Table) -> None:
        """What the resource's own key names."""
        spec = table.kind.key
        if spec is None or not spec.references:
            return
        own = [address.rpartition("/")[2] for address in table.addresses]
        doubtful = set(own) - self._surely_there(spec.references, set(own))
        bad = {word for word in doubtful if (named := _named(spec.references, word)) is None or self._missing(named)}
        for index, word in enumerate(own) if bad else ():
            if word in bad:
                self._dangling(spec.references, word, table.marks[index], table.addresses[index])

    def _surely_there(self, references: tuple[Reference, ...], words: set[str]) -> set[str]:
        """Most words name the one kind that needs no prefix: these are told in bulk."""
        plain = next((ref.kind for ref in references if not ref.prefix), "")
        rows = self._tables[plain].rows if plain else {}
        prefixes = tuple(ref.prefix for ref in references if ref.prefix)
        return {word for word in words if f"{plain}/{word}" in rows and not word.startswith(prefixes)}

    def _missing(self, address: Address) -> bool:
        return address not in self._tables[kind_of(address)].rows and not self._kinds.is_builtin(address)

    def _references(self, table: Table, ref: Reference) -> None:
        seen = distinct(table, ref.path, ref.many)
        dangling = {word for word in seen if self._missing(address_of(ref.kind, word))}
        same = any(isinstance(wanted, Mapping) for wanted in ref.where.values())
        elsewhere = {word for word in seen - dangling if not same and self._unfit(word, ref, {})}
        if not (dangling or elsewhere or same):
            return
        for index, word in words(table, ref.path, ref.many):
            if word in dangling:
                self._dangling((ref,), word, self._value(table, index, ref.path, word if ref.many else ""), table.addresses[index])
            elif word in elsewhere or (same and word in seen and self._unfit(word, ref, table.attributes[index])):
                self._wrong_scope(table, index, ref, word)

    def _unfit(self, word: str, ref: Reference, own: Mapping[str, Any]) -> str:
        """The attribute by which the referent does not fit, or an empty string."""
        referent = self._attributes(address_of(ref.kind, word))
        for name, wanted in ref.where.items():
            due = own.get(wanted["same"]) if isinstance(wanted, Mapping) else wanted
            found = referent.get(name)
            if due is not None and found is not None and due not in (found if isinstance(found, list | tuple) else (found,)):
                return name
        return ""

    def _attributes(self, address: Address) -> Mapping[str, Any]:
        """Of a declared resource, or of a built-in one."""
        table = self._tables[kind_of(address)]
        index = table.rows.get(address)
        return table.attributes[index] if index is not None else table.kind.builtin.get(key_of(address), {})

    def _dangling(self, references: tuple[Reference, ...], word: str, at: int | Source | None, address: Address) -> None:
        named = _named(references, word)
        if named is None:
            ways = listed(f"{ref.prefix}KEY" for ref in references)
            self._problems.add("ORG301", f"`{word[:120]}` names nothing that can stand here", f"write {ways}", at)
            return
        kind = self._kinds[kind_of(named)]
        if self._problems.partial or kind.collection in self._problems.refused_sections:
            self._problems.unchecked += self._problems.partial
            return
        prefix = word.removesuffix(key_of(named))
        known = [prefix + key for key in self._known(kind)]
        others = [r.prefix + key for r in references if r.kind != kind.name for key in self._known(self._kinds[r.kind])]
        prefixed = next((other for other in others if other.partition(":")[2] == word), "")
        fix = (
            f"did you mean `{prefixed}`?"
            if prefixed
            else self._problems.meant(word, [*known, *others], self._declare(kind, key_of(named), known))
        )
        self._problems.add("ORG301", f"there is no {kind.title.lower()} `{word[:120]}`", fix, at)

    def _known(self, kind: Kind) -> Iterable[str]:
        """What there is to suggest; nothing where too much was suggested already."""
        return (*map(key_of, self._tables[kind.name].rows), *kind.builtin) if self._problems.may_suggest else ()

    def _declare(self, kind: Kind, key: str, known: list[str]) -> str:
        there = f"there are {listed(known)}; or " if 0 < len(known) <= _FREE_KEYS else ""
        return f"{there}declare it under `{kind.collection}`: `{key[:120]}: ...`"

    def _wrong_scope(self, table: Table, index: int, ref: Reference, word: str) -> None:
        own = table.attributes[index]
        name = self._unfit(word, ref, own)
        due = ref.where[name]
        due = own.get(due["same"]) if isinstance(due, Mapping) else due
        fitting = [
            key for key in (*map(key_of, self._tables[ref.kind].rows), *self._kinds[ref.kind].builtin) if not self._unfit(key, ref, own)
        ]
        summary = f"the {ref.kind} `{word}` cannot be used here: its {name} is not `{due}`"
        self._problems.add(
            "ORG302", summary, f"use one of {listed(fitting)}", self._value(table, index, ref.path, word if ref.many else "")
        )

    def _circles(self, table: Table, ref: Reference) -> None:
        """Each circle is told once, at the first of its resources in the config."""
        following = {table.addresses[i]: address_of(ref.kind, w) for i, w in words(table, ref.path, ref.many) if type(w) is str}
        done: set[str] = set()
        for start in following:
            trail: dict[Address, None] = {}
            address: Address | None = start
            while address is not None and address in following and address not in done and address not in trail:
                trail[address] = None
                address = following[address]
            if address in trail:
                self._circle(table, ref, list(trail)[list(trail).index(address) :])
            done.update(trail)

    def _circle(self, table: Table, ref: Reference, circle: list[Address]) -> None:
        first = min(circle, key=lambda a: table.marks[table.rows[a]])
        at = circle.index(first)
        names = [key_of(a) for a in (*circle[at:], *circle[:at], first)]
        path = ".".join(ref.path)
        shown = " -> ".join(names if len(names) <= 12 else [*names[:10], "...", names[-1]])
        self._problems.add(
            "ORG303", f"`{path}` goes in a circle: {shown}", f"remove one `{path}` of them", self._value(table, table.rows[first], ref.path)
        )

    # values that others type

    def _typed(self, table: Table) -> None:
        for name, prop in table.kind.properties.items():
            rule = prop.get("x-typed-by") or prop.get("x-values-typed-by")
            if rule:
                self._typed_column(table, name, rule, each="x-values-typed-by" in prop)

    def _typed_column(self, table: Table, name: str, rule: Mapping[str, str], *, each: bool) -> None:
        declared: Callable[[int], Mapping[str, Any]]
        if "reference" in rule and table.kind.key:
            references = table.kind.key.references

            def declared(index: int) -> Mapping[str, Any]:
                named = _named(references, parts_of(table.addresses[index])[-1])
                return self._attributes(named) if named else {}

        else:
            declared = table.attributes.__getitem__
        for index, attributes in enumerate(table.attributes):
            value = attributes.get(name)
            if value is None:
                continue
            if not each:
                self._typed_value(table, index, (name,), value, declared(index), rule)
            elif isinstance(value, dict):
                for key, inner in value.items():
                    self._typed_value(table, index, (name, key), inner, declared(index), {"type": rule["type"]})

    def _typed_value(
        self, table: Table, index: int, path: tuple[str, ...], value: Any, declared: Mapping[str, Any], rule: Mapping[str, str]
    ) -> None:
        variants = declared.get(rule.get("variants", ""))
        wanted = declared.get(rule["type"])
        if isinstance(variants, dict):
            if not isinstance(value, str) or value not in variants:
                fix = self._problems.meant(str(value), variants, f"name one of {listed(variants)}")
                self._problems.add("ORG215", f"there is no variant `{str(value)[:80]}`", fix, self._value(table, index, path))
        elif isinstance(wanted, str) and not _is_of(wanted, value):
            summary = f"`{'.'.join(path)}` must be of the type {wanted}, and is {_type_name(value)}"
            self._problems.add("ORG214", summary, _typed_fix(wanted, value), self._value(table, index, path))

    def _value(self, table: Table, index: int, path: tuple[str, ...], word: str = "") -> Source | None:
        written = table.written[index]
        if written is None or path[0] not in written:
            return self._problems.places.value(table.marks[index], word)
        return self._problems.places.value(table.place(index, path), word)


def walk(properties: Mapping[str, Mapping[str, Any]], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every attribute with its path, nested ones too."""
    for name, prop in properties.items():
        yield (*above, name), prop
        yield from walk(prop.get("properties", {}), (*above, name))


def _named(references: tuple[Reference, ...], word: str) -> Address | None:
    """What a word names; None where every kind that it could name needs a prefix."""
    try:
        return resolve(references, word)
    except ValueError:
        return None


def _sortable(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is str for item in value)


def _is_of(wanted: str, value: Any) -> bool:
    if wanted == "boolean":
        return isinstance(value, bool)
    if wanted == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str if wanted == "string" else dict)


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    names = ((str, "a text"), (int | float, "a number"), (dict, "a map"), (list, "a list"))
    return next((name for kind, name in names if isinstance(value, kind)), "empty")


def _typed_fix(wanted: str, value: Any) -> str:
    word = str(value).lower()
    if wanted == "boolean" and word in ("yes", "on", "y", "true", "no", "off", "n", "false"):
        return f"write `{'true' if word in ('yes', 'on', 'y', 'true') else 'false'}`: `{value}` is a text in YAML 1.2"
    if wanted == "string":
        return f'put it in quotes: `"{str(value)[:60]}"`'
    return {"boolean": "write `true` or `false`", "number": "write a number, without quotes", "object": "write a map"}.get(
        wanted, "write a value of that type"
    )
