"""What Unleash would not take of a config, told before any call.

Invariant: pure; everything here follows from what a flag is in Unleash: on or off in an environment, and off where nobody said so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from orgform.model import address_of, key_of, kind_of, parts_of
from orgform.providers.base import Declared, Finding


def check(declared: Declared) -> Iterator[Finding]:
    """Flags that are no switches, defaults that would not hold, workspaces without an environment, two with one."""
    yield from _switches(declared)
    yield from _defaults(declared)
    yield from _environments(declared)


def _switches(declared: Declared) -> Iterator[Finding]:
    for address, attributes in declared.resources.items():
        if kind_of(address) == "feature" and attributes.get("type", "boolean") != "boolean":
            what = "a flag of Unleash is on or off; its variants are of strategies, which people set up there"
            yield Finding(address, what, "write `type: boolean`, or give it to a target whose flags have values", ("type",))


def _defaults(declared: Declared) -> Iterator[Finding]:
    """A new flag is off everywhere: a default of true holds only where each workspace says so itself."""
    known = list(_places(declared.options))
    for address, attributes in declared.resources.items():
        if kind_of(address) == "feature" and attributes.get("default") is True:
            name = key_of(address)
            silent = [key for key in known if address_of("feature_value", key, name) not in declared.resources]
            if silent:
                what = f"in Unleash a flag is off wherever nothing is written, so `default: true` would not hold in {', '.join(silent)}"
                yield Finding(address, what, f"write `{name}: true` in each workspace, or `default: false`", ("default",))


def _environments(declared: Declared) -> Iterator[Finding]:
    given = _places(declared.options)
    first: dict[str, Any] = {}
    for address in declared.resources:
        if kind_of(address) == "feature_value":
            first.setdefault(parts_of(address)[0], address)
    for key, address in first.items():
        if key not in given:
            what = f"nothing says which environment of Unleash the workspace {key} is"
            yield Finding(address, what, f"say it in the target: `workspaces: {{{key}: {{environment: production}}}}`")
    taken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, place in given.items():
        taken[place].append(key)
    for place, keys in taken.items():
        for key in keys[1:]:
            if key in first and keys[0] in first:
                what = f"{key} and {keys[0]} would be one environment in Unleash, {place[1]} of the project {place[0]}"
                yield Finding(first[key], what, "give each its own environment in the target's `workspaces`")


def _places(options: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Key of a workspace -> project and environment."""
    home = str(options.get("project", "default"))
    return {key: (str(at.get("project", home)), str(at["environment"])) for key, at in (options.get("workspaces") or {}).items()}
