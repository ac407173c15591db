"""Proofs that this user allowed a secret its origin, for ledgers that come with the config.

Invariant: the key is random, the user's own, and never taken from inside a config folder. Without one nothing is proved; nothing raises.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from orgform.codec import Struct, encode

KEY_FILE = "secret-pairs.key"
_KEY_BYTES = 32


class Pair(Struct, frozen=True):
    """This target's secret goes to this origin."""

    target: str
    origin: str
    reference: str


def prove(pair: Pair, folder: Path, environ: Mapping[str, str]) -> str | None:
    """The pair's proof for the config in `folder`. Makes the key where there is none; None where that cannot be."""
    key = _key(folder, environ, make=True)
    return _mac(key, pair, folder) if key else None


def is_proof(proof: str, pair: Pair, folder: Path, environ: Mapping[str, str]) -> bool:
    key = _key(folder, environ, make=False)
    return key is not None and hmac.compare_digest(proof.encode(), _mac(key, pair, folder).encode())


def state_folder(environ: Mapping[str, str]) -> Path | None:
    """The user's own folder for what outlives a run; `ORGFORM_STATE` moves it, and empty switches it off."""
    if "ORGFORM_STATE" in environ:
        return Path(environ["ORGFORM_STATE"]).absolute() if environ["ORGFORM_STATE"] else None
    given = [Path(environ[name]) for name in ("LOCALAPPDATA", "XDG_STATE_HOME") if environ.get(name)]
    for place in given:
        if place.is_absolute():
            return place / "orgform"
    with suppress(RuntimeError):
        return Path.home() / ("Library/Application Support" if sys.platform == "darwin" else ".local/state") / "orgform"
    return None


def lies_in(path: Path, folder: Path) -> bool:
    """Whether `path` is below `folder`, by its name or through links, in whatever spelling."""
    spellings = [Path(os.path.normpath(path.absolute())), path.resolve()]
    return any(_same(parent, folder) for spelling in spellings for parent in spelling.parents)


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return one == other.absolute()


def _mac(key: bytes, pair: Pair, folder: Path) -> str:
    said = encode(["orgform secret pair 1", pair.target, pair.origin, pair.reference, os.fsencode(folder.resolve()).hex()])
    return hmac.new(key, said, hashlib.sha256).hexdigest()


def _key(folder: Path, environ: Mapping[str, str], *, make: bool) -> bytes | None:
    place = state_folder(environ)
    if place is None or lies_in(place / KEY_FILE, folder):
        return None
    with suppress(OSError):
        return _read(place / KEY_FILE) or (_made(place / KEY_FILE) if make else None)
    return None


def _read(path: Path) -> bytes | None:
    """None for one that is missing or damaged."""
    try:
        key = bytes.fromhex(path.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return key if len(key) == _KEY_BYTES else None


def _made(path: Path) -> bytes | None:
    """Whole or not at all; of two that make one at once the later wins, and the other's proof is none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(os.urandom(_KEY_BYTES).hex())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return _read(path)
