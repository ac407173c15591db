"""Canaries: values that stand for secrets, and a search for them that knows how a value may be dressed.

Invariant: what `leaks` does not find in a text is not in there as it is, in another case, broken into lines, escaped, percent-encoded,
in base64 at any offset, in hexadecimal; nor its first two thirds (a token begins with an id that may be seen), nor its second half.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote


def canary(name: str) -> str:
    """A new secret, with signs that encodings change. It is told by its name in a failing test, never by its value."""
    return f"Canary-{name}-{secrets.token_hex(8)}/+{secrets.token_hex(8)}~="


def forms(value: str) -> Iterator[bytes]:
    """How a value may look in something written, in lower case and without white space."""
    raw = value.encode()
    yield from (raw, raw[: len(raw) * 2 // 3], raw[len(raw) // 2 :])
    yield from (quote(value).encode(), quote(value, safe="").encode(), json.dumps(value)[1:-1].encode(), raw.hex().encode())
    yield json.dumps(json.dumps(value))[3:-3].encode()
    for lead in range(3):
        packed = b64encode(bytes(lead) + raw)
        # the first and the last group of four depend on what stands beside the value
        inner = packed[4 if lead else 0 : -4]
        yield from (inner, inner.replace(b"+", b"-").replace(b"/", b"_"))


class Canaries:
    """Planted secrets by name. `env` gives each of them in a variable `CANARY_NAME`."""

    def __init__(self, names: Iterable[str], more: Mapping[str, str] | None = None) -> None:
        self.values = {name: canary(name) for name in names} | dict(more or {})

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def leaks(self, data: bytes) -> set[str]:
        """Names of those that are in there."""
        plain = b"".join(data.lower().split())
        return {name for name, value in self.values.items() if any(form.lower() in plain for form in forms(value))}

    def leaks_below(self, *folders: Path, but: Iterable[Path] = ()) -> dict[str, set[str]]:
        """Path -> names, for every file but those that hold one on purpose. Names of files are looked at, too."""
        spared = {path.resolve() for path in but}
        files = [path for folder in folders for path in folder.rglob("*")]
        assert files, "nothing was written at all"
        told = {str(p): self.leaks(b"\n".join([str(p).encode(), *contents(p)])) for p in files if p.resolve() not in spared}
        return {path: names for path, names in told.items() if names}


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is in it: of a SQLite database every value, of packed bytes what they unpack to."""
    if not path.is_file():
        return
    data = path.read_bytes()
    yield data
    if data.startswith(b"SQLite format 3\0"):
        for value in values_of(path):
            yield value
            yield from unpacked(value)
    yield from unpacked(data)


def values_of(path: Path) -> Iterator[bytes]:
    raw = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in raw.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - its own tables
                yield from (v if isinstance(v, bytes) else str(v).encode() for v in row if v is not None)
    finally:
        raw.close()


def unpacked(data: bytes) -> Iterator[bytes]:
    for bits in (15, 31):
        try:
            yield zlib.decompressobj(bits).decompress(data)
        except zlib.error:
            continue
