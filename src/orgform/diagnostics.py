"""Users' mistakes as data: collected while a config is read, sorted once, shown together.

Invariant: a diagnostic never holds a secret; whoever makes one masks the snippet where a secret may stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from orgform.codec import Struct

Severity = Literal["error", "warning", "info"]
_RANK: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


class Source(Struct, frozen=True):
    """A place in a file: path relative to the config folder, 1-based line and column; 0 where only the file is known.

    `snippet` is the text of that line, for the code frame; `length` how many columns to underline (at least 1).
    """

    file: str
    line: int = 0
    column: int = 0
    length: int = 1
    snippet: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Diagnostic(Struct, frozen=True):
    """One problem: a stable `code` (ORG012), what is wrong (`summary`), what to do (`detail`), where.

    `related` are further places that belong to it (the other of two duplicate keys).
    """

    severity: Severity
    code: str
    summary: str
    detail: str = ""
    source: Source | None = None
    address: str | None = None
    related: tuple[Source, ...] = ()


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In reading order: by file and position, errors before warnings in one place; equal ones once."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=_order))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(d.severity == "error" for d in diagnostics)


def _order(d: Diagnostic) -> tuple[str, int, int, int, str, str]:
    place = d.source or Source("")
    return (place.file, place.line, place.column, _RANK[d.severity], d.code, d.summary)
