"""Is the expanded config of the right shape? jsonschema-rs answers in milliseconds; only what it refuses is explained by jsonschema.

The only importer of jsonschema and jsonschema_rs. Invariant: what the two think of a config is the same (a property test holds them
together), and what leaves `checked` has the right types everywhere: values that were refused are taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from orgform.config.problems import MOST, Problems, listed
from orgform.config.schema import company_schema
from orgform.config.tree import NOWHERE, Map, Seq, new_map, new_seq
from orgform.diagnostics import Source
from orgform.kinds import Kinds

_HIDDEN = "a text"
_ARTICLES = {
    "object": "a map",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
_BOOLEANS = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false", "true": "true", "false": "false"}


def is_valid(tree: Any, schema: dict[str, Any]) -> bool:
    """What jsonschema-rs says."""
    import jsonschema_rs

    return bool(jsonschema_rs.validator_for(schema).is_valid(tree))


def checked(tree: Map, kinds: Kinds, problems: Problems) -> Map:
    """The tree, without what was refused. Problems are added for that."""
    schema = company_schema(kinds, expanded=True)
    if is_valid(tree, schema):
        return tree
    collections = {name for name, kind in kinds.top_level.items() if not kind.singleton}
    errors = _errors(tree, schema)
    pruned = explain(tree, schema, problems, judged=_suspects(tree, errors, collections))
    if len(errors) > MOST:
        problems.give_up()
    return pruned


def _errors(tree: Map, schema: dict[str, Any]) -> list[tuple[str | int, ...]]:
    """Where the first of them are."""
    import jsonschema_rs

    return [tuple(error.instance_path[:2]) for error in islice(jsonschema_rs.validator_for(schema).iter_errors(tree), MOST + 1)]


def _suspects(tree: Map, errors: Iterable[tuple[str | int, ...]], collections: set[str]) -> Map:
    """The tree with only those entries of its collections that jsonschema-rs refuses: jsonschema takes a second for ten thousand."""
    paths = set(errors)
    kept = []
    for name, value, mark in tree.entries():
        if name in collections and isinstance(value, Map):
            entries = [entry for entry in value.entries() if (name, entry[0]) in paths]
            value = new_map([(k, v) for k, v, _ in entries], [m for _, _, m in entries])
        kept.append((name, value, mark))
    return new_map([(k, v) for k, v, _ in kept], [m for _, _, m in kept])


def check_options(options: Map, schema: Mapping[str, Any], problems: Problems, where: str) -> bool:
    """Whether a target's options are as its provider wants them. `where` is their place in the config."""
    if is_valid(options, dict(schema)):
        return True
    before = len(problems.found)
    explain(options, schema, problems, where)
    return len(problems.found) == before


def explain(tree: Map, schema: Mapping[str, Any], problems: Problems, where: str = "", judged: Map | None = None) -> Map:
    """Adds a problem for every error, and gives the tree without the refused values. `judged`: the part of it to look at."""
    from jsonschema import Draft202012Validator

    explainer = _Explainer(tree, schema, problems, where)
    refused: set[tuple[str | int, ...]] = set()
    errors = Draft202012Validator(schema).iter_errors(tree if judged is None else judged)
    # unknown keys first: what is missing is often there under a wrong name, and then it is told once
    for error in sorted(errors, key=lambda error: error.validator != "additionalProperties"):
        refused.update(explainer.explain(error))
    problems.refused_sections.update(str(path[0]) for path in refused if len(path) == 1)
    pruned: Map = _pruned(tree, refused)
    return pruned


class _Explainer:
    """One problem for each error of jsonschema; gives the paths that it is about."""

    def __init__(self, tree: Map, schema: Mapping[str, Any], problems: Problems, root: str) -> None:
        self._tree = tree
        self._schema = schema
        self._problems = problems
        self._root = root
        self._meant: set[tuple[str | int, ...]] = set()
        self._marks: dict[int, dict[str, int]] = {}

    def explain(self, error: Any) -> list[tuple[str | int, ...]]:
        path = tuple(error.absolute_path)
        self._problems.misshapen.update(path[:1])
        told = getattr(self, "_" + error.validator.lower(), None)
        if told is None:
            rule = f"{error.validator}: {error.validator_value}"[:200]
            self._problems.add("ORG205", f"{self._where(path)} is not as it should be", f"its schema says `{rule}`", self._value(path))
            return [path]
        found: list[tuple[str | int, ...]] = told(path, error)
        return found

    def _additionalproperties(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        known = list(error.schema.get("properties", ()))
        extra = [key for key in error.instance if key not in known]
        for key in extra:
            otherwise = f"{self._where(path)} knows {listed(known)}" if known else "remove it"
            fix = self._problems.meant(key, known, otherwise)
            self._meant.add((*path, self._problems.similar(key, known)))
            self._problems.add("ORG201", f"unknown key `{key[:80]}` in {self._where(path)}", fix, self._key((*path, key)))
        return [(*path, key) for key in extra]

    def _type(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        if error.instance is None and error.schema.get("required"):
            for name in error.schema["required"]:
                self._missing(path, name, error.schema["properties"][name])
            return [path]
        due = " or ".join(_ARTICLES[w] for w in wanted if w != "null" or len(wanted) == 1)
        value = error.instance
        summary = f"{self._where(path)} must be {due}, not {self._shown(path, value)}"
        fix = f"write {due}" if self._problems.sensitive.intersection(path) else _type_fix(value, wanted, error.schema)
        self._problems.add("ORG202", summary, fix, self._value(path))
        return [path]

    def _required(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        # jsonschema makes an error for each missing name, and says which only in its message
        names = [name for name in error.validator_value if name not in error.instance and repr(name) in error.message]
        for name in names:
            if not self._problems.partial and (*path, name) not in self._meant:
                self._missing(path, name, error.schema.get("properties", {}).get(name, {}))
        return []

    def _missing(self, path: tuple[str | int, ...], name: str, schema: Mapping[str, Any]) -> None:
        if not path and name in _MISSING:
            code, summary, fix = _MISSING[name]
        else:
            code, summary = "ORG203", f"{self._where(path)} needs `{name}`"
            inner = self._schema.get("$defs", {}).get(name, {}).get("required") if not path else None
            fix = f"write `{name}:` with {listed(inner)}" if inner else f"add `{name}`: {schema.get('description', 'it is required')}"
        self._problems.add(code, summary, fix, self._key(path))

    def _enum(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        known = [str(word) for word in error.validator_value if word is not None]
        fix = self._problems.meant(str(error.instance), known, f"use one of {listed(known, 40)}")
        if f"use one of {listed(known, 40)}" != fix and len(known) <= 12:
            fix += f" It is one of {listed(known)}"
        if isinstance(_container(self._tree, path), Map) and isinstance(error.instance, str):
            # what is judged is not the value at `path`, but one of its keys
            self._problems.add(
                "ORG201", f"unknown key `{error.instance[:80]}` in {self._where(path)}", fix, self._key((*path, error.instance))
            )
            return [(*path, error.instance)]
        self._problems.add("ORG204", f"{self._where(path)} cannot be {self._shown(path, error.instance)}", fix, self._value(path))
        return [path]

    def _not(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        self._problems.add("ORG203", f"{self._where(path)} is empty", "write a value, or remove the key", self._key(path))
        return [path]

    def _const(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        wanted = error.validator_value
        summary = f"{self._where(path)} is {self._shown(path, error.instance)}, and only {wanted} is known here"
        self._problems.add("ORG219", summary, f"write `{wanted}`, or use a version of orgform that knows this one", self._value(path))
        return [path]

    def _range(self, path: tuple[str | int, ...], error: Any, words: str) -> list[tuple[str | int, ...]]:
        self._problems.add(
            "ORG205",
            f"{self._where(path)} must be {words}, not {self._shown(path, error.instance)}",
            f"write a value that is {words}",
            self._value(path),
        )
        return [path]

    def _minimum(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        return self._range(path, error, f"at least {error.validator_value}")

    def _maximum(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        return self._range(path, error, f"at most {error.validator_value}")

    def _exclusiveminimum(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        return self._range(path, error, f"more than {error.validator_value}")

    def _pattern(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        shown = self._shown(path, error.instance)
        summary = f"{self._where(path)} cannot be {shown}" if shown != _HIDDEN else f"{self._where(path)} has a form that it cannot have"
        self._problems.add("ORG205", summary, _form(error.schema, error.validator_value), self._value(path))
        return [path]

    def _minlength(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        return self._empty(path)

    def _minproperties(self, path: tuple[str | int, ...], error: Any) -> list[tuple[str | int, ...]]:
        return self._empty(path)

    def _empty(self, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
        self._problems.add("ORG205", f"{self._where(path)} may not be empty", "write a value, or leave it out", self._value(path))
        return [path]

    def _where(self, path: tuple[str | int, ...]) -> str:
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        text = (self._root + text).lstrip(".")
        return f"`{text[:160]}`" if text else "the config"

    def _shown(self, path: tuple[str | int, ...], value: Any) -> str:
        """Never the text of what may be a secret."""
        if self._problems.sensitive.intersection(path):
            return _ARTICLES.get(_KINDS.get(type(value), ""), "something else")
        secret = self._root.startswith("targets.") or path[:1] == ("targets",)
        return _HIDDEN if secret and isinstance(value, str) and "kinds" not in path else _shown(value)

    def _key(self, path: tuple[str | int, ...]) -> Source | int:
        """Where the key at the end of `path` stands; for the whole tree its first key."""
        if not path:
            return self._tree.marks[0] if self._tree.marks else NOWHERE
        holder = _container(self._tree, path[:-1])
        if isinstance(holder, Map):
            mark = self._marks_of(holder).get(str(path[-1]), NOWHERE)
            return mark if mark != NOWHERE else self._key(path[:-1])
        return holder.marks[int(path[-1])] if isinstance(holder, Seq) else NOWHERE

    def _marks_of(self, holder: Map) -> dict[str, int]:
        found = self._marks.get(id(holder))
        if found is None:
            found = self._marks[id(holder)] = dict(zip(holder, holder.marks, strict=True))
        return found

    def _value(self, path: tuple[str | int, ...]) -> Source | None:
        mark = self._key(path)
        if not isinstance(mark, int):
            return mark
        holder = _container(self._tree, path[:-1]) if path else self._tree
        places = self._problems.places
        return places.value(mark) if isinstance(holder, Map) and path else places.at(mark)


_MISSING = {
    "orgform": ("ORG219", "the config does not say its version", "write `orgform: 1` at the top of one of its files"),
    "targets": (
        "ORG401",
        "the config has no `targets`: there is no system to plan against",
        "add `targets: {acme: {provider: local, database: acme.db}}`",
    ),
}


def _form(schema: Mapping[str, Any], pattern: str) -> str:
    """What a text must look like, in the words of its schema."""
    said = str(schema.get("description") or f"it must match the pattern `{pattern}`").rstrip(".")
    examples = ", ".join(f"`{example}`" for example in schema.get("examples", ())[:3])
    return f"{said}; for example {examples}" if examples else said


def _container(tree: Any, path: Iterable[str | int]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"the text `{value[:60]}`" if value else "an empty text"
    return f"the number {value}"


def _type_fix(value: Any, wanted: list[str], schema: Mapping[str, Any]) -> str:
    if "boolean" in wanted and isinstance(value, str) and value.lower() in _BOOLEANS:
        return f"write `{_BOOLEANS[value.lower()]}`: `{value}` is a text in YAML 1.2"
    if (
        isinstance(value, str)
        and {"integer", "number"} & set(wanted)
        and value.replace("_", "").replace(",", "").replace(".", "", 1).isdigit()
    ):
        return f"write `{value.replace('_', '').replace(',', '')}`, without quotes or separators"
    if "object" in wanted and isinstance(value, list):
        return "write a map, `key: value` a line, without `- ` before it"
    if "array" in wanted and isinstance(value, str):
        return f"write a list: `[{value[:60]}]`"
    if "string" in wanted and isinstance(value, int | float | bool):
        return f'put it in quotes: `"{_shown(value).removeprefix("the number ")}"`'
    if value is None:
        return "write a value, or leave it out"
    due = " or ".join(_ARTICLES[w] for w in wanted if w != "null" or len(wanted) == 1)
    return f"write {due}: {schema['description']}" if schema.get("description") else f"write {due}"


def _pruned(tree: Any, refused: Iterable[tuple[str | int, ...]]) -> Any:
    """The tree without the refused paths; an entry that is no map becomes an empty one, since it was declared all the same."""
    below: dict[str | int, Any] = {}
    for path in refused:
        node = below
        for step in path:
            node = node.setdefault(step, {})
    return _without(tree, below, 0)


def _without(tree: Any, below: dict[str | int, Any], depth: int) -> Any:
    """`below`: the steps that lead to what is refused; one with nothing below it is refused itself."""
    if isinstance(tree, Seq):
        items = [
            (v if i not in below else _without(v, below[i], depth + 1), m)
            for i, (v, m) in enumerate(zip(tree, tree.marks, strict=True))
            if below.get(i) != {}
        ]
        return new_seq([v for v, _ in items], [m for _, m in items], tree.dynamic)
    kept = []
    for key, value, mark in tree.entries():
        inner = below.get(key)
        if inner:
            value = _without(value, inner, depth + 1)
        elif inner is not None and depth == 1:
            value = None
        elif inner is not None:
            continue
        kept.append((key, value, mark))
    return new_map([(k, v) for k, v, _ in kept], [m for _, _, m in kept], tree.dynamic)
