"""Which values must never be shown, and how they are masked.

Invariant: what was once told to `keep_secret` is masked in every text that goes through `redact`, for the life of the process; what has
the shape of a token of an orgform server is masked whether it was told or not.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from urllib.parse import quote

MASK = "(secret)"
# A shorter value would be found inside of innocent words.
_SHORTEST_MASKED = 4
_SHORTEST_INSIDE = 8
# A server's token, `orgform_ID_SECRET`. The id may be seen: it says which one to revoke. Half a secret is masked, too.
_TOKEN = re.compile(r"(orgform_[a-z0-9]{12}_)[a-z0-9_-]{16,}", re.ASCII | re.IGNORECASE)


class Redactor:
    """Masks the values it was told, also where they stand encoded, escaped, in another case or without their control characters."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        if len(value) < _SHORTEST_MASKED:
            return
        self._forms |= {form for form in _forms(value) if len(form) >= _SHORTEST_MASKED}
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def clean(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


def _forms(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogateescape")
    escaped = {json.dumps(value, ensure_ascii=plain)[1:-1] for plain in (True, False)} | {repr(value)[1:-1]}
    escaped |= {json.dumps(once)[1:-1] for once in escaped}
    shown = "".join(c for c in value if c.isprintable())
    return {value, shown, quote(raw), quote(raw, safe=""), b64encode(raw).decode(), raw.hex(), *escaped, *_inside_base64(raw)}


def _inside_base64(raw: bytes) -> set[str]:
    """What base64 of a longer text (`Bearer VALUE`, `USER:VALUE`) has of a value, wherever in it the value stands; in both alphabets."""
    inner = {b64encode(bytes(lead) + raw)[4 if lead else 0 : -4].decode() for lead in range(3)}
    return {form for text in inner if len(text) >= _SHORTEST_INSIDE for form in (text, text.replace("+", "-").replace("/", "_"))}


# One for the process: a traceback or a log line does not know which target it is about.
_KNOWN = Redactor()


def keep_secret(value: str) -> None:
    """From now on `redact` masks this value."""
    _KNOWN.add(value)


def redact(text: str) -> str:
    """`text` without any secret that this process has read, and without any token of an orgform server."""
    cleaned = _KNOWN.clean(text) if text else text
    return _TOKEN.sub(rf"\1{MASK}", cleaned) if "_" in cleaned else cleaned
