"""Komo's naming convention for workspaces, as advice: "use clear naming conventions (e.g. BrandName - Region - Environment)".

Invariant: pure, and never an error. What is proposed is made of the workspace's labels (and its region); a part of the name that fits its
label stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from orgform.model import Attributes, key_of
from orgform.providers.base import Declared, Finding
from orgform.providers.by_hand import workspaces

CONVENTION: Final = "Brand - Region - Environment"
_BETWEEN: Final = " - "
_SHORT: Final = 3
_WORDS: Final = re.compile(r"[^\W_]+")


def names(declared: Declared) -> Iterator[Finding]:
    """A finding for each workspace that is not named as the option `naming` says."""
    convention = declared.options.get("naming", CONVENTION)
    if not convention:
        return
    wanted = [word.strip() for word in str(convention).split(_BETWEEN.strip())]
    for address, attributes in workspaces(declared):
        name = str(attributes.get("name") or "")
        known = [_known(word, attributes) for word in wanted]
        wrong = _wrong(name, wanted, known)
        if wrong:
            called = f"is named {name!r}" if name else "has no name"
            what = f"{key_of(address)} {called}, which is not {convention!r}: {wrong}"
            yield Finding(address, what, _fix(name, wanted, known), ("name",) if name else (), advice=True)


def _known(word: str, attributes: Attributes) -> str:
    """What a word of the convention stands for in a workspace: its label, or an attribute of that name. Empty: nothing says."""
    labels: dict[str, Any] = attributes.get("labels") or {}
    found = {name.casefold(): value for name, value in labels.items()}
    own = attributes.get(word.casefold())
    return str(found.get(word.casefold()) or (own if isinstance(own, str) else ""))


def _wrong(name: str, wanted: Sequence[str], known: Sequence[str]) -> str:
    parts = name.split(_BETWEEN)
    if len(parts) != len(wanted) or not all(part.strip() for part in parts):
        return f"it has {len(parts) if name else 0} of {len(wanted)} parts"
    unlike = [(p, w, k) for p, w, k in zip(parts, wanted, known, strict=True) if k and not _fits(p, k)]
    return "; ".join(f"`{part}` is not the {word.casefold()} `{value}`" for part, word, value in unlike)


def _fix(name: str, wanted: Sequence[str], known: Sequence[str]) -> str:
    missing = [word.casefold() for word, value in zip(wanted, known, strict=True) if not value]
    if missing:
        return f"name it so, or write the labels {', '.join(missing)}, of which a name is proposed; the target's `naming` is the rule"
    parts = [part.strip() for part in name.split("-")]
    clear = [part for part in parts if sum(_fits(part, value) for value in known) == 1]
    proposed = [next((part for part in clear if _fits(part, value)), _shown(value)) for value in known]
    return f"name: {_BETWEEN.join(proposed)}"


def _fits(part: str, value: str) -> bool:
    """Whether a part of a name says what a label says: `Brand X` for `x`, `US` for `us-east-1`."""
    one, other = (set(_WORDS.findall(text.casefold())) for text in (part, value))
    return bool(one and other) and (one <= other or other <= one)


def _shown(value: str) -> str:
    """A label as a name has it: `us` is `US`, `production` is `Production`; what has capitals stays."""
    if value != value.casefold():
        return value
    return value.upper() if len(value) <= _SHORT and value.isalpha() else value[:1].upper() + value[1:]
