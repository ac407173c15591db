"""Pairs what a platform knows by its own id and name with the keys that a config gives.

Invariant: one key for each of the platform's things and the other way round. What nobody named gets a key made from its name, the same on
every run; two things of one name never become one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from orgform.codec import Struct
from orgform.errors import ReadFailed
from orgform.model import Address, key_of, kind_of

_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


class Thing(Struct, frozen=True):
    """Something of the platform: its id there, and its name."""

    id: str
    name: str


def slug(name: str) -> str:
    """`Brand X - US (EU)` -> `brand-x-us-eu`; `unnamed` where nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_SLUG.sub("-", plain).strip("-")[:80] or "unnamed"


def labelled(kind: str, labels: Mapping[Address, str], parent: str = "") -> dict[str, str]:
    """Own key -> label of the resources of a kind, or of those below one parent: what `TargetContext.labels` says of them."""
    prefix = f"{parent}/" if parent else ""
    found = {key_of(a): label for a, label in labels.items() if kind_of(a) == kind}
    return {key.removeprefix(prefix): label for key, label in found.items() if key.startswith(prefix)}


def keyed(things: Iterable[Thing], *, given: Mapping[str, str], labels: Mapping[str, str], what: str = "one") -> dict[str, str]:
    """Id -> key. `given`: key -> id or name, as the target's options say; `labels`: key -> name, as the config does.

    What was given by hand counts first, then an id that is the key itself, then the one name that is alike; all others get a slug of their
    name, which may be the key of something in the config that is named otherwise now, and was not given to anything else. Of several that
    fit one label none has its key: a delete of one must not find another.
    Raises `ReadFailed` where a given name fits several: nobody could tell which one was meant.
    """
    known = sorted(things, key=lambda t: t.id)
    found: dict[str, str] = {}
    for key, word in sorted(given.items()):
        fitting = [t for t in known if t.id == word] or [t for t in known if same_name(t.name, word)]
        if len(fitting) > 1:
            ids = ", ".join(t.id for t in fitting)
            raise ReadFailed(
                f"{len(fitting)} {what} are named {word!r} there: {ids}", hint=f"name `{key}` by its id in the target's options"
            )
        found.update((t.id, key) for t in fitting)
    taken = set(found.values())
    for key, name in sorted(labels.items()):
        if key not in taken:
            free = [t for t in known if t.id not in found]
            fitting = [t for t in free if t.id == key] or [t for t in free if same_name(t.name, name)]
            if len(fitting) == 1:
                found[fitting[0].id] = key
            if fitting:
                taken.add(key)
    alike = Counter(slug(t.name) for t in known if t.id not in found)
    taken |= {*given, *(key for key, count in alike.items() if count > 1 and key in labels)}
    for thing in known:
        if thing.id not in found:
            key = slug(thing.name)
            found[thing.id] = key = key if key not in taken else f"{key}-{slug(thing.id)}"
            taken.add(key)
    return found


def same_name(one: str, other: str) -> bool:
    """Whether people would take them for one: whatever the case and the blanks."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
