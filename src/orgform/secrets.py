"""Secret references: read at the moment of use, sent only where somebody allowed it, never shown.

Invariant: a value is read only after its origin was checked, and from then on `redact` masks it in whatever is printed or recorded.
"""

from __future__ import annotations

import re
import stat
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from orgform.codec import encode
from orgform.errors import SecretMissing, SecretRefused, UsageError

ALLOW_VARIABLE = "ORGFORM_ALLOW_TARGETS"
MASK = "(secret)"
# A shorter value would be found inside of innocent words.
_SHORTEST_MASKED = 4
_MOST_BYTES = 64 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Pairs(Protocol):
    """What is asked of the ledger: which origin each secret of a target was last applied with."""

    @property
    def writable(self) -> bool: ...

    def allowed(self, target: str) -> frozenset[tuple[str, str]]: ...

    def allow(self, target: str, origin: str, reference: str) -> None: ...


class Redactor:
    """Masks the values it was told, also where they stand encoded."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        if len(value) < _SHORTEST_MASKED:
            return
        self._forms |= {value, quote(value), quote(value, safe=""), encode(value).decode()[1:-1], b64encode(value.encode()).decode()}
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def clean(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


# One for the process: a traceback or a log line does not know which target it is about.
_KNOWN = Redactor()


def redact(text: str) -> str:
    """`text` without any secret that this process has read."""
    return _KNOWN.clean(text)


def resolve(reference: str, folder: Path, environ: Mapping[str, str]) -> str:
    """The value of `env:NAME` or `file:PATH` (relative to `folder`; its closing newline is no part of it).

    Raises `SecretMissing`, which names the reference and never what was found there.
    """
    how, _, where = reference.partition(":")
    if how == "env":
        value = _from_variable(reference, where, environ)
    elif how == "file":
        value = _from_file(reference, folder / where)
    else:
        raise SecretMissing("a secret is written in plain text where a reference is due", hint="write env:NAME or file:PATH")
    _KNOWN.add(value)
    return value


def check_origin(
    *,
    target: str,
    origin: str,
    reference: str,
    folder: Path,
    ledger: Pairs,
    allow_target: Iterable[str] = (),
    environ: Mapping[str, str],
    confirm: Callable[[str], bool] | None = None,
) -> None:
    """Whether the target's secret may go to `origin` (scheme, host, port; "": it stays in this process). Reads no secret.

    It may where it was last applied with it, where `allow_target` or `ORGFORM_ALLOW_TARGETS` name it, or where `confirm` says yes; an
    allowed pair is remembered by a ledger that is open for writing. Raises `SecretRefused` with the exact line that allows it.
    """
    outside = _leads_out(reference, folder)
    if not origin and not outside:
        return
    # Where nothing leaves the process there is no origin to name: the file itself is what has to be allowed.
    place = _origin(origin) if origin else reference
    if (place, reference) in ledger.allowed(target):
        return
    if place not in allowances([*allow_target, environ.get(ALLOW_VARIABLE, "")]).get(target, frozenset()):
        _ask(target, place, reference, outside, confirm)
    if ledger.writable:
        ledger.allow(target, place, reference)


def allowances(values: Iterable[str]) -> dict[str, frozenset[str]]:
    """`NAME=ORIGIN` words, several of them parted by commas or spaces: target -> origins. Raises `UsageError`."""
    found: dict[str, frozenset[str]] = {}
    for word in (word for value in values for word in re.split(r"[,\s]+", value) if word):
        name, equals, place = word.partition("=")
        if not (name and equals and place):
            raise UsageError(
                f"{word!r} does not say which origin a target's secret may go to", hint="write NAME=ORIGIN: acme=https://api.acme.example"
            )
        found[name] = found.get(name, frozenset()) | {_origin(place)}
    return found


def _ask(target: str, place: str, reference: str, outside: bool, confirm: Callable[[str], bool] | None) -> None:
    why = ", a file outside of the config folder," if outside else ""
    if confirm and confirm(f"Send the secret {reference}{why} of target {target} to {place}?"):
        return
    raise SecretRefused(
        f"the target {target} would send its secret {reference}{why} to {place}, which nobody has allowed yet; it was not read",
        hint=f'if that is right: export {ALLOW_VARIABLE}="{target}={place}" (or --allow-target {target}={place})',
    )


def _origin(place: str) -> str:
    """Scheme, host and port in one spelling; what is no URL (a file reference) stays as it is."""
    parts = urlsplit(place)
    if not parts.hostname:
        return place
    try:
        port = parts.port
    except ValueError:
        return place
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def _leads_out(reference: str, folder: Path) -> bool:
    how, _, where = reference.partition(":")
    return how == "file" and not (folder / where).resolve().is_relative_to(folder.resolve())


def _from_variable(reference: str, name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value:
        problem = "is empty" if name in environ else "is not set"
        raise SecretMissing(f"the secret {reference} is missing: the environment variable {name} {problem}", hint=f"export {name}=...")
    return value


def _from_file(reference: str, path: Path) -> str:
    hint = "write the secret into that file, or change the reference"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SecretMissing(f"the secret {reference} is missing: {path} is no file", hint=hint)
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        value = data.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise SecretMissing(f"the secret {reference} is missing: {path} cannot be read ({error.strerror})", hint=hint) from None
    except UnicodeDecodeError:
        raise SecretMissing(f"the secret {reference} cannot be used: {path} is not text in UTF-8", hint=hint) from None
    if not value or len(data) > _MOST_BYTES:
        problem = "is empty" if not value else f"has more than {_MOST_BYTES // 1024} KB"
        raise SecretMissing(f"the secret {reference} cannot be used: {path} {problem}", hint=hint)
    return value
