"""Attribute values, and differences between two of them, as short text.

Invariant: what is equal is never shown; what is shown says its type (strings are quoted, nothing else is).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orgform.codec import Struct, replace
from orgform.render.words import clean

LONGEST = 240  # columns of one value; beyond it the middle of a text says nothing to a reader
_MISSING = object()


class Line(Struct, frozen=True):
    """One field of a change. `text` is what becomes of it; `plus`/`minus` hold the members of a set that come and go.

    `by`: the attribution of the field, where it has one. `mark` is said behind it (whose doing it is), `note` below it (who it was).
    """

    path: str
    text: str
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    origin: str = ""
    by: Mapping[str, Any] | None = None
    mark: str = ""
    note: str = ""


def show(value: Any, longest: int = LONGEST) -> str:
    """`"text"`, `true`, `12`, `["a", "b"]`, `{a: 1}`; `(none)` for nothing. One safe line of at most `longest` characters."""
    text = _show(value)
    if len(text) <= longest:
        return text
    return f"{text[: longest - 30]}... ({len(text):,} characters)"


def _show(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, str):
        return clean(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)}: {_show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_show, value)) + "]"
    return clean(json.dumps(value, default=str))


def _key(key: Any) -> str:
    text = clean(key)
    return text if text and " " not in text and ":" not in text else json.dumps(text, ensure_ascii=False)


def created(attributes: Mapping[str, Any]) -> list[Line]:
    """Every attribute that a new resource gets, maps key by key; what is to be empty anyway is left out."""
    return [Line(path, show(value)) for path, value in _leaves(attributes) if value is not None]


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        path = f"{above}{clean(key)}"
        if isinstance(inner, Mapping) and inner and all(isinstance(v, (str, int, float, bool)) or v is None for v in inner.values()):
            yield from ((f"{path}.{clean(k)}", v) for k, v in inner.items())
        elif isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, f"{path}.")
        else:
            yield path, inner


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, fields: Sequence[Mapping[str, Any]]) -> list[Line]:
    """One line a changed field (`fields` of the change: `path` and `origin`); maps are followed down to what differs."""
    lines: list[Line] = []
    for field in fields:
        path, origin, by = str(field.get("path", "")), str(field.get("origin", "")), field.get("attribution")
        found = _difference(path, dig(before, path), dig(after, path), origin)
        lines.extend(replace(line, by=by) if by else line for line in found)
    return lines


def dig(attributes: Any, path: str) -> Any:
    """The value at a dotted path; keys that hold dots themselves are found too. `None` where nothing is."""
    found = _dig(attributes, path)
    return None if found is _MISSING else found


def _dig(value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        return _MISSING
    if path in value:
        return value[path]
    at = path.find(".")
    while at >= 0:
        if path[:at] in value and (found := _dig(value[path[:at]], path[at + 1 :])) is not _MISSING:
            return found
        at = path.find(".", at + 1)
    return _MISSING


def _difference(path: str, old: Any, new: Any, origin: str) -> Iterator[Line]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            if old.get(key, _MISSING) != new.get(key, _MISSING):
                yield from _difference(f"{path}.{key}", old.get(key), new.get(key), origin)
    elif _set_like(old, new):
        gone, come = set(old), set(new)
        plus = tuple(_item(v) for v in new if v not in gone)
        minus = tuple(_item(v) for v in old if v not in come)
        yield Line(clean(path), " ".join((*(f"+{p}" for p in plus), *(f"-{m}" for m in minus))), plus, minus, origin)
    else:
        yield Line(clean(path), f"{_side(old, new)} -> {_side(new, old)}", origin=origin)


def _set_like(old: Any, new: Any) -> bool:
    """Lists of plain values that only gained and lost: what stays keeps its order."""
    if not (isinstance(old, list) and isinstance(new, list) and old and new):
        return False
    if not all(isinstance(v, (str, int, float)) for v in (*old, *new)) or len(set(old)) < len(old) or len(set(new)) < len(new):
        return False
    gone, come = set(old), set(new)
    return [v for v in old if v in come] == [v for v in new if v in gone]


def _item(value: Any) -> str:
    text = show(value)
    bare = text[1:-1]
    return bare if isinstance(value, str) and bare and " " not in bare and "\\" not in bare and not bare.startswith(("+", "-")) else text


def _side(value: Any, other: Any) -> str:
    """A long text is shown from where it differs from the other side."""
    text = show(value, 10**9)
    if len(text) <= LONGEST:
        return text
    twin = show(other, 10**9)
    same = next((i for i, (a, b) in enumerate(zip(text, twin, strict=False)) if a != b), 0)
    start = max(same - 20, 0)
    part = text[start : start + LONGEST]
    return f"{'...' if start else ''}{part}{'...' if start + LONGEST < len(text) else ''} ({len(text):,} characters)"
