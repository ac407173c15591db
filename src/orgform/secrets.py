"""Secret references: read at the moment of use, sent only where somebody allowed it, never shown.

Invariant: a value is read only after its origin was checked, and from then on `redact` masks it in whatever is printed or recorded.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from orgform.errors import OrgformError, SecretMissing, SecretRefused, UsageError
from orgform.proofs import Pair, is_proof, lies_in, prove
from orgform.redaction import MASK, Redactor, keep_secret, redact
from orgform.urls import origin_of, without_password

__all__ = ["ALLOW_VARIABLE", "MASK", "Pairs", "Redactor", "allowances", "check_origin", "redact", "resolve", "shown_without_secrets"]

ALLOW_VARIABLE = "ORGFORM_ALLOW_TARGETS"
_MOST_BYTES = 64 * 1024


class Pairs(Protocol):
    """What is asked of the ledger: which origin each secret of a target was last applied with.

    `file`: where it lies, None for a server. `allowed`: (origin, reference) -> proof. `note` remembers for this process, and for good
    with what `prove` gives once something was applied (not at all where that is None).
    """

    @property
    def file(self) -> Path | None: ...

    def allowed(self, target: str) -> Mapping[tuple[str, str], str]: ...

    def noted(self, target: str, origin: str, reference: str) -> bool: ...

    def note(self, target: str, origin: str, reference: str, prove: Callable[[], str | None]) -> None: ...


@contextmanager
def shown_without_secrets() -> Iterator[None]:
    """Whatever of ours is raised inside comes out without any secret that this process has read."""
    try:
        yield
    except OrgformError as error:
        error.message, error.hint = redact(error.message), redact(error.hint)
        error.args = (error.message,)
        raise


def resolve(reference: str, folder: Path, environ: Mapping[str, str]) -> str:
    """The value of `env:NAME` or `file:PATH` (relative to `folder`). A closing newline is no part of it.

    Raises `SecretMissing`, which names the reference and never what was found there.
    """
    how, _, where = reference.partition(":")
    if how == "env":
        value = _from_variable(reference, where, environ)
    elif how == "file":
        value = _from_file(reference, folder / where)
    else:
        raise SecretMissing("a secret is written in plain text where a reference is due", hint="write env:NAME or file:PATH")
    keep_secret(value)
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

    It may where it was last applied with it, where `allow_target` or `ORGFORM_ALLOW_TARGETS` name it, or where `confirm` says yes; what
    it was allowed for is noted in the ledger. Raises `SecretRefused` with the exact line that allows it.
    """
    outside = _leads_out(reference, folder)
    if not origin and not outside:
        return
    # Where nothing leaves the process there is no origin to name: the file itself is what has to be allowed.
    place = origin_of(origin) if origin else reference
    pair = Pair(target, place, reference)
    if ledger.noted(target, place, reference) or _remembered(pair, folder, ledger, environ):
        return
    if place not in allowances([*allow_target, environ.get(ALLOW_VARIABLE, "")]).get(target, frozenset()):
        _ask(target, place, reference, outside, confirm)
    ledger.note(target, place, reference, _prover(pair, folder, ledger, environ))


def _remembered(pair: Pair, folder: Path, ledger: Pairs, environ: Mapping[str, str]) -> bool:
    """A ledger in the config folder comes with the config, and whoever writes that can write a pair: only one that we proved counts."""
    proof = ledger.allowed(pair.target).get((pair.origin, pair.reference))
    if proof is None or not _comes_with(folder, ledger):
        return proof is not None
    return is_proof(proof, pair, folder, environ)


def _prover(pair: Pair, folder: Path, ledger: Pairs, environ: Mapping[str, str]) -> Callable[[], str | None]:
    return (lambda: prove(pair, folder, environ)) if _comes_with(folder, ledger) else (lambda: "")


def _comes_with(folder: Path, ledger: Pairs) -> bool:
    return ledger.file is not None and lies_in(ledger.file, folder)


def allowances(values: Iterable[str]) -> dict[str, frozenset[str]]:
    """`NAME=ORIGIN` words, several of them parted by commas or spaces: target -> origins. Raises `UsageError`."""
    found: dict[str, frozenset[str]] = {}
    for word in (word for value in values for word in re.split(r"[,\s]+", value) if word):
        name, equals, place = word.partition("=")
        if not (name and equals and place):
            raise UsageError(
                f"{word!r} does not say which origin a target's secret may go to", hint="write NAME=ORIGIN: acme=https://api.acme.example"
            )
        found[name] = found.get(name, frozenset()) | {origin_of(place)}
    return found


def _ask(target: str, place: str, reference: str, outside: bool, confirm: Callable[[str], bool] | None) -> None:
    place = without_password(place)
    why = ", a file outside of the config folder," if outside else ""
    if confirm and confirm(f"Send the secret {reference}{why} of target {target} to {place}?"):
        return
    raise SecretRefused(
        f"the target {target} would send its secret {reference}{why} to {place}, which nobody has allowed yet; it was not read",
        hint=f'if that is right: export {ALLOW_VARIABLE}="{target}={place}" (or --allow-target {target}={place})',
    )


def _leads_out(reference: str, folder: Path) -> bool:
    how, _, where = reference.partition(":")
    return how == "file" and not (folder / where).resolve().is_relative_to(folder.resolve())


def _from_variable(reference: str, name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").rstrip("\r\n")
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
