"""`variables`: declared in the config; given on the command line, in files, in the environment, or by their default, in this order.

Invariant: nothing that is not declared gets into a template, and every value has its declared type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orgform.config.files import MAX_YAML
from orgform.config.problems import Problems, listed
from orgform.config.scalars import NOT_A_NUMBER, plain
from orgform.config.source import read_yaml
from orgform.config.tree import Map, new_map
from orgform.diagnostics import Source

PREFIX = "ORGFORM_VAR_"
_BAD = object()


class Variables:
    """`values` by name; `failed` are declared and have none, which is already told."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.failed: set[str] = set()


def resolved(
    declared: Any, given: Sequence[str], files: Sequence[tuple[str, bytes]], environ: Mapping[str, str], problems: Problems
) -> Variables:
    """All values. `declared` is the config's `variables`; what is malformed in it is left to the gate. `files`: name and content."""
    declared = declared if isinstance(declared, Map) else new_map()
    specs: dict[str, Map] = {name: spec or new_map() for name, spec in declared.items() if isinstance(spec, Map | None)}
    values: dict[str, Any] = {}
    for name, spec in specs.items():
        if isinstance(spec.get("default"), str) and "{{" in spec["default"]:
            fix = "write the value itself; what is made of variables goes where it is used"
            problems.add("ORG115", f"the default of the variable `{name}` is a template, which nothing renders", fix, spec.mark("default"))
        if isinstance(spec.get("default"), str | int | float | bool):
            values[name] = _typed(name, spec["default"], spec, problems, spec.mark("default"))
        if PREFIX + name in environ:
            values[name] = _parsed(name, environ[PREFIX + name], spec, problems, f"the environment variable {PREFIX}{name}")
    for file, data in files:
        values.update(_from_file(file, data, specs, problems))
    values.update(_from_words(given, specs, problems))
    for name in specs:
        if name not in values:
            fix = f"give one: `--var {name}=...`, `{PREFIX}{name}`, or a `default`"
            problems.add("ORG113", f"the variable `{name}` has no value", fix, declared.mark(name))
    made = Variables()
    made.values = {name: value for name, value in values.items() if value is not _BAD}
    made.failed = set(declared) - set(made.values)
    return made


def read_files(paths: Sequence[Path], problems: Problems) -> list[tuple[str, bytes]]:
    """The files of `--var-file`; they may stand anywhere."""
    found = []
    for path in paths:
        name = str(path)
        try:
            if path.stat().st_size > MAX_YAML:
                problems.add("ORG006", f"the file has more than {MAX_YAML // 2**20} MB", "a file of variables is small", Source(name))
                continue
            found.append((name, path.read_bytes()))
        except OSError as error:
            fix = "check the path of `--var-file`"
            problems.add("ORG003", f"`{name}` cannot be read: {(error.strerror or str(error)).lower()}", fix, Source(name))
    return found


def _from_file(file: str, data: bytes, specs: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    tree = read_yaml(data, file, problems)
    if tree is None:
        return {}
    if not isinstance(tree, Map):
        problems.add("ORG013", "a file of variables must be a map", "write `NAME: VALUE`, one a line", problems.places.top(file))
        return {}
    values = {}
    for name, value, mark in tree.entries():
        if name not in specs:
            _undeclared(name, specs, problems, mark)
        else:
            values[name] = _typed(name, value, specs[name], problems, mark)
    return values


def _from_words(given: Sequence[str], specs: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    values = {}
    for word in given:
        name, equals, text = word.partition("=")
        if not equals or not name:
            problems.add("ORG114", f"`--var {name[:60]}` has no value", "write `--var NAME=VALUE`", Source("--var"))
        elif name not in specs:
            _undeclared(name, specs, problems, Source("--var"))
        else:
            values[name] = _parsed(name, text, specs[name], problems, "--var")
    return values


def _undeclared(name: str, specs: Mapping[str, Any], problems: Problems, at: Source | int) -> None:
    otherwise = f"declared are {listed(specs)}" if specs else f"declare it: `variables: {{{name}: {{type: string}}}}`"
    problems.add("ORG111", f"there is no variable `{name[:80]}`", problems.meant(name, specs, otherwise), at)


def _type_of(spec: Mapping[str, Any]) -> str:
    return str(spec.get("type") or "string")


def _typed(name: str, value: Any, spec: Mapping[str, Any], problems: Problems, at: int) -> Any:
    """A value from YAML, which has a type of its own."""
    wanted = _type_of(spec)
    fits = {
        "string": isinstance(value, str),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
    }
    if fits.get(wanted, True):
        return value
    if wanted == "string" and isinstance(value, int | float | bool):
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    hint = f"write a {wanted}" if wanted != "boolean" else "write `true` or `false`"
    problems.add("ORG112", f"the variable `{name}` must be a {wanted}", hint, problems.places.value(at))
    return _BAD


def _parsed(name: str, text: str, spec: Mapping[str, Any], problems: Problems, origin: str) -> Any:
    """A value from the command line or the environment, which is text. The text is not shown: it may be anything."""
    wanted = _type_of(spec)
    if wanted == "string":
        return text
    value = plain(text)
    if wanted == "number" and value is not NOT_A_NUMBER and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if wanted == "boolean" and isinstance(value, bool):
        return value
    hint = "write a number" if wanted == "number" else "write `true` or `false`"
    problems.add("ORG112", f"the variable `{name}` must be a {wanted}; {origin} gives something else", hint, Source(origin.split()[-1]))
    return _BAD
