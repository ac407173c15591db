"""What a provider declares, as a plain document: for `orgform providers`, and for the pages of the docs that are made of it.

Invariant: everything is of the declaration; nothing is opened and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orgform.codec import to_builtins
from orgform.errors import BrokenProvider
from orgform.kinds import Kinds
from orgform.providers.base import Limit, ProviderSpec


def declared(spec: ProviderSpec, kinds: Kinds) -> dict[str, Any]:
    """What it has of these kinds and their parts. A field that says nothing is left out, besides those of the capabilities."""
    can = spec.capabilities
    names = (*kinds, *kinds.facets, *(kinds.operations if can.kinds else ()))
    reach = {kind: to_builtins(found) for kind in names if (found := can.of(kind))}
    told: dict[str, Any] = {
        "summary": spec.summary,
        "title": spec.title or spec.name,
        "options": dict(spec.options),
        "secrets": list(spec.secrets),
        "roles": _roles(spec, kinds),
        "limits": list(_limits(spec)),
        "words": {attribute: list(known) for attribute, known in sorted(spec.words.items())},
    }
    return told | {k: v for k, v in to_builtins(can).items() if k != "kinds"} | {"kinds": reach}


def broken(error: BrokenProvider) -> dict[str, Any]:
    """What stands for a provider whose package is no good."""
    return {"problem": error.message, "hint": error.hint}


def _roles(spec: ProviderSpec, kinds: Kinds) -> dict[str, dict[str, Any]]:
    """`where`: the scope in the words of the kind that it is."""
    return {
        scope: {
            "names": list(spec.roles.names.get(scope, ())),
            "usual": dict(spec.roles.usual.get(scope, {})),
            "where": _where(scope, kinds),
        }
        for scope in sorted({*spec.roles.names, *spec.roles.usual})
    }


def _where(scope: str, kinds: Kinds) -> str:
    """`in the company`, of which there is one; `in a workspace`."""
    kind = kinds.get(scope)
    word = kind.title.lower() if kind else scope
    article = "the" if kind and kind.singleton else "an" if word[:1] in "aeiou" else "a"
    return f"in {article} {word}"


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
