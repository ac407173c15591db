"""A workspace's settings as Stanna's API has them, and as a config does.

Invariant: pure. What is read and written again is the same; of a nested map the whole is sent, so that nothing is lost where the other
side replaces it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from orgform.model import Address, Attributes, kind_of
from orgform.providers.base import Finding

_NAMES: Final = {"timezone": "timezone", "currency": "currency", "retention_days": "dataRetentionDays"}
THRESHOLDS: Final = {"risk_score": "riskThreshold", "default_window_days": "defaultWindowDays"}
#: what the API's reference names, with what it takes; `channels.email` is `email` in the map `channels`
NOTIFICATIONS: Final[dict[str, tuple[type, ...]]] = {
    "channels.email": (bool,),
    "dailyDigest": (bool,),
    "weeklyDigest": (bool,),
    "alertOnScoreDrop": (bool,),
    "scoreDropPct": (int, float),
    "alertOnRenewals": (bool,),
    "renewalsAheadDays": (int, float),
    "emailFrom": (str,),
}
_WORDS: Final = {bool: "true or false", int: "a number", str: "a text"}

Workspace = Mapping[str, Any]


def settings_of(workspace: Workspace) -> Attributes:
    """The attribute `settings`, of what the API gives as `workspace`. What it does not tell is left out."""
    found: Attributes = {ours: workspace[theirs] for ours, theirs in _NAMES.items() if workspace.get(theirs) is not None}
    thresholds = {ours: workspace[theirs] for ours, theirs in THRESHOLDS.items() if workspace.get(theirs) is not None}
    notifications = dict(_flat(workspace.get("notifications") or {}))
    return found | {n: m for n, m in (("thresholds", thresholds), ("notifications", notifications)) if m}


def body_of(patch: Attributes, workspace: Workspace) -> dict[str, Any]:
    """What to send as `workspace`, of a merge patch of `settings` and what was just read. No setting can be taken away: `None` is left."""
    thresholds = {THRESHOLDS[n]: v for n, v in (patch.get("thresholds") or {}).items() if n in THRESHOLDS}
    body = {_NAMES[n]: v for n, v in patch.items() if n in _NAMES} | thresholds
    body = {n: v for n, v in body.items() if v is not None}
    notifications = {n: v for n, v in (patch.get("notifications") or {}).items() if v is not None}
    if notifications:
        body["notifications"] = _merged(workspace.get("notifications") or {}, _deep(notifications))
    return body


def unlike(sent: Mapping[str, Any], workspace: Workspace) -> list[str]:
    """What of the body that was sent is not so now, as sentences' parts: `riskThreshold is 40, not 35`."""
    wanted, there = dict(_flat(sent)), dict(_flat(workspace))
    return [f"`{n}` is {there.get(n)!r}, not {v!r}" for n, v in wanted.items() if there.get(n) != v]


def lost(sent: Mapping[str, Any], before: Workspace, after: Workspace) -> list[str]:
    """What was there before and was not to be changed, and is gone."""
    named = {n for n, _ in _flat(sent)}
    there = {n for n, _ in _flat(after)}
    return [n for n, _ in _flat(before) if n not in named and n not in there]


def masked(key: str) -> str:
    """An API key as Stanna shows it; one that came whole is cut here."""
    hidden = any(mark in key for mark in ("...", "…", "*", "•"))
    return key if hidden or not key else f"{key[:3]}...{key[-4:] if len(key) > 16 else ''}"


def unknown_settings(address: Address, attributes: Attributes) -> Iterator[Finding]:
    """What Stanna has no setting for, what is not of its type, and what is to be nothing: each setting has a value there."""
    inside = () if kind_of(address) == "workspace.settings" else ("settings",)
    settings = attributes if not inside else attributes.get("settings") or {}
    for path in _nothings(settings):
        what = f"`{'.'.join(path)}` is to be nothing, and Stanna cannot take a setting away"
        yield Finding(address, what, "write the value that it should have, or remove the line: then it stays as it is", (*inside, *path))
    for name in settings.get("thresholds") or {}:
        if name not in THRESHOLDS:
            yield _unknown(address, (*inside, "thresholds", name), tuple(THRESHOLDS))
    for name, value in (settings.get("notifications") or {}).items():
        path = (*inside, "notifications", name)
        types = NOTIFICATIONS.get(name)
        if types is None:
            yield _unknown(address, path, tuple(NOTIFICATIONS))
        elif value is not None and type(value) not in types:
            yield Finding(address, f"Stanna takes no {value!r} for `{name}`", f"write {_WORDS[types[0]]}", path)


def _nothings(settings: Attributes) -> Iterator[tuple[str, ...]]:
    for name, value in settings.items():
        if value is None:
            yield (name,)
        elif name in ("thresholds", "notifications"):
            yield from ((name, inner) for inner, own in value.items() if own is None)


def taken_away(patch: Attributes) -> list[str]:
    """What a merge patch of `settings` takes away, by its name here."""
    return [".".join(path) for path in _nothings(patch)]


def _unknown(address: Address, path: tuple[str, ...], known: tuple[str, ...]) -> Finding:
    from difflib import get_close_matches

    *_, place, name = path
    spelled = {"".join(c for c in word if c.isalnum()).lower(): word for word in known}
    plain = "".join(c for c in name if c.isalnum()).lower()
    close = spelled.get(plain) or next(iter(get_close_matches(name, known, 1, 0.6)), "")
    fix = f"did you mean `{close}`?" if close else f"it has {', '.join(f'`{k}`' for k in known)}"
    return Finding(address, f"Stanna has no `{name[:80]}` in a workspace's {place}", fix, path)


def _flat(nested: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, bool | int | float | str):
            yield f"{above}{name}", value


def _deep(flat: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in flat.items():
        *above, last = name.split(".")
        place = found
        for word in above:
            place = place.setdefault(word, {})
        place[last] = value
    return found


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {n: _merged(one[n], v) if isinstance(v, Mapping) and isinstance(one.get(n), Mapping) else v for n, v in other.items()}
    return {**one, **both}
