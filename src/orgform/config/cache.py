"""The parse cache: a config that was read and found good, kept until anything that it was made from changes.

Invariant: it never changes what `load_config` gives, only how long it takes; a cache that is damaged, foreign or unreadable counts as none.
What is kept is the config before `until` is judged, so that the day is no part of the key. Invalid configs are not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orgform import __version__
from orgform.codec import DecodeError, Struct, decode_packed, digest, encode_packed
from orgform.config.files import MAX_CSV, FileProblem, Files, Listing
from orgform.diagnostics import Diagnostic, Source
from orgform.errors import BrokenProvider
from orgform.kinds import Kinds
from orgform.model import Address, Attributes, Desired, Lifecycle, Move, Policy, TargetConfig
from orgform.providers.base import ProviderSpec

_MAGIC = b"orgform-cache-1\n"


class Compiled(Struct, frozen=True):
    """A config before `until` is judged. `providers`: name -> fingerprint of the declaration that the targets were checked with."""

    desired: dict[Address, Desired]
    targets: dict[str, TargetConfig]
    claims: dict[str, str]
    policy: Policy
    moved: tuple[Move, ...]
    diagnostics: tuple[Diagnostic, ...]
    digest: str
    providers: dict[str, str]


class _Own(Struct, frozen=True, array_like=True):
    row: int
    lifecycle: Lifecycle
    until: str | None
    reason: str | None
    seeded: bool


class _Rows(Struct, frozen=True, array_like=True):
    """The resources in columns: four hundred thousand of them are read in half a second. Equal attributes are written once."""

    addresses: list[Address]
    distinct: list[Attributes]
    attributes: list[int]
    files: list[str]
    file: list[int]
    line: list[int]
    column: list[int]
    own: list[_Own]


class _Kept(Struct, frozen=True):
    rows: _Rows
    rest: Compiled


class _Head(Struct, frozen=True):
    """`made_from`: what is no file (see `fingerprint`); `read`: every file that was read, with its hash."""

    made_from: str
    listing: Listing
    read: dict[str, str]
    payload: str


class RecordingFiles:
    """Passes files on and remembers what was read, which is what the cache entry depends on."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.read_hashes: dict[str, str] = {}
        self.seen: Listing | None = None

    @property
    def identity(self) -> str:
        return self._files.identity

    def listing(self) -> Listing:
        self.seen = self._files.listing()
        return self.seen

    def read(self, path: str, limit: int) -> bytes:
        data = self._files.read(path, limit)
        self.read_hashes[path] = hashlib.sha256(data).hexdigest()
        return data


def fingerprint(
    kinds: Kinds, env: str | None, variables: tuple[str, ...], contents: list[tuple[str, bytes]], environ: Mapping[str, str]
) -> str:
    """Of everything but the files: the version, the kinds, the environment's name, the variables from wherever they come."""
    given = sorted((name, value) for name, value in environ.items() if name.startswith("ORGFORM_VAR_"))
    hashes = [(name, hashlib.sha256(data).hexdigest()) for name, data in contents]
    return digest([__version__, kinds.digest_input, env, variables, hashes, given])


def spec_fingerprint(spec: ProviderSpec) -> str:
    """Of what targets are checked with. A provider's own check and its limits are code: the files around them tell whether that may have
    changed."""
    declared = [spec.name, spec.title, spec.options, spec.secrets, spec.words, spec.paths, spec.capabilities, spec.roles]
    return digest([*declared, _code_around(spec.check.__module__, spec.limits.__module__)])


def _code_around(*modules: str) -> list[tuple[str, int]]:
    """Every Python file in the folders of these modules, with the time of its last change."""
    loaded = (sys.modules.get(name) for name in modules)
    folders = {Path(module.__file__).parent for module in loaded if module and module.__file__}
    return sorted((str(file), file.stat().st_mtime_ns) for folder in folders for file in folder.glob("*.py"))


class Cache:
    """One file for each config folder and environment, so that it does not grow with every change."""

    def __init__(self, folder: Path, files: Files, env: str | None, made_from: str) -> None:
        name = hashlib.sha256(f"{files.identity}\0{env or ''}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self._path = folder / f"{name}.config"
        self._files = files
        self._made_from = made_from

    def load(self, specs: Callable[[str], ProviderSpec | None]) -> Compiled | None:
        """What was kept, where it still holds."""
        try:
            data = self._own_bytes()
            start = data.index(b"\n", len(_MAGIC)) + 1
            size = int(data[len(_MAGIC) : start])
            head: _Head = decode_packed(data[start : start + size], _Head)
            payload = memoryview(data)[start + size :]  # a slice would be a copy of nearly everything
            if head.made_from != self._made_from or head.payload != hashlib.sha256(payload).hexdigest() or not self._holds(head):
                return None
            kept: _Kept = decode_packed(payload, _Kept)
            if all((spec := specs(name)) and spec_fingerprint(spec) == known for name, known in kept.rest.providers.items()):
                return _opened(kept)
        except (OSError, ValueError, DecodeError, FileProblem, IndexError, BrokenProvider):
            pass  # a package that was broken since then is told where the config is read anew
        return None

    def _own_bytes(self) -> bytes:
        with self._path.open("rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                raise ValueError("the cache file is somebody else's")
            data = file.read()
        if not data.startswith(_MAGIC):
            raise ValueError("no cache file")
        return data

    def _holds(self, head: _Head) -> bool:
        if self._files.listing() != head.listing:
            return False
        return all(hashlib.sha256(self._files.read(path, MAX_CSV)).hexdigest() == known for path, known in head.read.items())

    def store(self, compiled: Compiled, files: RecordingFiles) -> None:
        """Keeps it; where that is not possible, does nothing."""
        if files.seen is None:
            return
        payload = encode_packed(_closed(compiled))
        head = encode_packed(_Head(self._made_from, files.seen, files.read_hashes, hashlib.sha256(payload).hexdigest()))
        temporary = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.writelines((_MAGIC, b"%d\n" % len(head), head, payload))
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _closed(compiled: Compiled) -> _Kept:
    distinct: dict[int, int] = {}
    attributes: list[Attributes] = []
    files: dict[str, int] = {}
    rows = _Rows(list(compiled.desired), attributes, [], [], [], [], [], [])
    for index, each in enumerate(compiled.desired.values()):
        number = distinct.setdefault(id(each.attributes), len(distinct))
        if number == len(attributes):
            attributes.append(each.attributes)
        rows.attributes.append(number)
        place = each.source
        rows.file.append(files.setdefault(place.file, len(files)) if place else -1)
        rows.line.append(place.line if place else 0)
        rows.column.append(place.column if place else 0)
        if each.until is not None or each.reason is not None or each.seeded or each.lifecycle != Lifecycle():
            rows.own.append(_Own(index, each.lifecycle, each.until, each.reason, each.seeded))
    rows.files.extend(files)
    rest = Compiled({}, *(getattr(compiled, name) for name in Compiled.__struct_fields__[1:]))
    return _Kept(rows, rest)


def _opened(kept: _Kept) -> Compiled:
    rows = kept.rows
    names: list[Any] = [*rows.files, ""]
    sources = [
        Source(names[f], line, column) if f >= 0 else None for f, line, column in zip(rows.file, rows.line, rows.column, strict=True)
    ]
    desired = dict(zip(rows.addresses, map(Desired, map(rows.distinct.__getitem__, rows.attributes), sources), strict=True))
    for own in rows.own:
        address = rows.addresses[own.row]
        plain = desired[address]
        desired[address] = Desired(plain.attributes, plain.source, own.lifecycle, own.until, own.reason, own.seeded)
    return Compiled(desired, *(getattr(kept.rest, name) for name in Compiled.__struct_fields__[1:]))
