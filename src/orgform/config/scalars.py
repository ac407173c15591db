"""Plain YAML scalars by the core schema of YAML 1.2: dates, `1_000`, `yes` and `on` are strings.

Invariant: what comes out is None, a bool, an integer of 64 bits, a finite float or a string.
"""

from __future__ import annotations

import math
import re
from typing import Any

# Only a plain scalar that begins with one of these can be anything but a string.
SPECIAL = frozenset(["", *"-+.0123456789~nNtTfF"])
NOT_A_NUMBER = object()

_WORDS: dict[str, Any] = {"": None, "~": None}
_WORDS |= {word: value for value, text in ((None, "null"), (True, "true"), (False, "false")) for word in (text, text.title(), text.upper())}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_LARGEST = 2**63 - 1
_TAGS = {"null": type(None), "bool": bool, "int": int, "float": float}


def plain(text: str) -> Any:
    """The value of a plain scalar; NOT_A_NUMBER for infinity, not-a-number and what 64 bits cannot hold."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else NOT_A_NUMBER
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEX.fullmatch(text):
        return _integer(text[2:], 16)
    return NOT_A_NUMBER if _NO_NUMBER.fullmatch(text) else text


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with a core tag (`!!int`), NOT_A_NUMBER, or LookupError where the text is none or the tag is not a core one."""
    name = tag.removeprefix("tag:yaml.org,2002:")
    if name == "str" or tag == "!":
        return text
    value = plain(text)
    wanted = _TAGS[name]
    if wanted is float and type(value) is int:
        return float(value)
    if value is not NOT_A_NUMBER and type(value) is not wanted:
        raise LookupError(name)
    return value


def looks_special(text: str) -> bool:
    """Whether plain text would be read as something else than this string, here or by a YAML 1.1 reader."""
    return plain(text) is not text or bool(_OLD.fullmatch(text))


_OLD = re.compile(r"(?i)y|yes|n|no|on|off|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?|[-+]?0b[01_]+|[-+]?[0-9]+(?::[0-9]+)+|<<|=")


def _integer(text: str, base: int) -> Any:
    # a few thousand digits would be refused by int() itself; 24 octal digits are enough for 64 bits
    if len(text) > 30:
        return NOT_A_NUMBER
    number = int(text, base)
    return number if -_LARGEST - 1 <= number <= _LARGEST else NOT_A_NUMBER
