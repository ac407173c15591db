"""What a provider declares, as a plain document: for `orgform providers`, and for the pages of the docs that are made of it.

Invariant: everything is of the declaration; nothing is opened and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from orgform.codec import to_builtins
from orgform.providers.base import Limit, ProviderSpec


def declared(spec: ProviderSpec, kinds: Iterable[str]) -> dict[str, Any]:
    """`kinds`: the names to tell of. A field that says nothing is left out, besides those of the capabilities."""
    can = spec.capabilities
    reach = {kind: to_builtins(found) for kind in kinds if (found := can.of(kind))}
    told: dict[str, Any] = {
        "summary": spec.summary,
        "title": spec.title or spec.name,
        "options": dict(spec.options),
        "secrets": list(spec.secrets),
        "roles": _roles(spec),
        "limits": list(_limits(spec)),
        "words": {attribute: list(known) for attribute, known in sorted(spec.words.items())},
    }
    return told | {k: v for k, v in to_builtins(can).items() if k != "kinds"} | {"kinds": reach}


def _roles(spec: ProviderSpec) -> dict[str, dict[str, Any]]:
    scopes = sorted({*spec.roles.names, *spec.roles.usual})
    return {s: {"names": list(spec.roles.names.get(s, ())), "usual": dict(spec.roles.usual.get(s, {}))} for s in scopes}


def _limits(spec: ProviderSpec) -> Iterator[dict[str, Any]]:
    """Those that always hold, then those that hold where an option of a closed list has a certain value (`when`)."""
    always = spec.limits({})
    for limit in always:
        yield _told(limit)
    for option, schema in spec.options.get("properties", {}).items():
        for value in schema.get("enum", ()):
            for limit in spec.limits({option: value}):
                if limit not in always:
                    yield {**_told(limit), "when": f"{option}: {value}"}


def _told(limit: Limit) -> dict[str, Any]:
    told: dict[str, Any] = to_builtins(limit)
    return told
