"""Formats of words (slug, e-mail, FQDN...): one place where the API asks for them.

Invariant: what is stored is normalised, so that comparing stored words is `==`.
"""

from __future__ import annotations

from typing import Any

try:
    from orgform import formats as _formats
except ImportError:  # pragma: no cover - until formats.py is there
    _formats = None  # type: ignore[assignment]


def fault(format: str, word: str) -> str | None:
    """What is wrong with `word` as a `format`, or None."""
    if any(ord(c) < 32 or ord(c) == 127 for c in word):
        return "holds a control character"
    if _formats is None or not format:
        return None
    problem: Any = _formats.check(format, word)
    return None if problem is None else f"{problem.summary}"


def normalise(format: str, word: str) -> str:
    """As it is stored and compared. Only for what has no fault."""
    if _formats is not None and format:
        return _formats.normalise(format, word)
    return word.casefold() if format in ("email", "fqdn") else word
