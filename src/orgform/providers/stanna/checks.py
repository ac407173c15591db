"""What Stanna would not take of a config, told before any call.

Invariant: pure; only what its help page or its API reference states is an error. What depends on the contract is advice, until the
target's option `plan` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orgform.model import key_of, kind_of
from orgform.providers.base import Declared, Finding
from orgform.providers.stanna.mapping import unknown_settings

_ROLES: Final = frozenset({"Admin", "Member", "Viewer"})
_FIX: Final = "set `plan: enterprise` in the target where your contract has it, or ask support@gostanna.com"


def check(declared: Declared) -> Iterator[Finding]:
    """Unknown settings, ids that name two workspaces, what only Enterprise has, flags that are no switches, domains of no workspace."""
    for address, attributes in declared.resources.items():
        if kind_of(address) in ("workspace", "workspace.settings"):
            yield from unknown_settings(address, attributes)
    yield from _ids(declared)
    yield from _switches(declared)
    yield from _domains(declared)
    if declared.options.get("plan") != "enterprise":
        yield from _enterprise(declared)


def _ids(declared: Declared) -> Iterator[Finding]:
    """One workspace there is one workspace here."""
    given, only = declared.options.get("workspaces") or {}, declared.options.get("workspace_id")
    for kind in ("workspace", "workspace.settings"):
        seen: dict[str, str] = {}
        for address in declared.resources:
            if kind_of(address) == kind:
                key = key_of(address)
                id = given.get(key) or only or key
                first = seen.setdefault(id, key)
                if first != key:
                    what = f"`{key}` and `{first}` would be one workspace in Stanna, {id}"
                    yield Finding(address, what, "give each its own id in the target: `workspaces: {KEY: WORKSPACE_ID}`")


def _switches(declared: Declared) -> Iterator[Finding]:
    for address, attributes in declared.resources.items():
        if kind_of(address) == "feature" and attributes.get("type", "boolean") != "boolean":
            yield Finding(
                address, "a feature flag of Stanna is on or off in a workspace, and has no other values", "write `type: boolean`", ("type",)
            )


def _domains(declared: Declared) -> Iterator[Finding]:
    """Users of any domain of a workspace join it: there is no domain without a workspace."""
    for address, attributes in declared.resources.items():
        if kind_of(address) == "domain" and not attributes.get("auto_join"):
            what = f"in Stanna {key_of(address)} belongs to a workspace, and everybody with an address there joins it"
            yield Finding(address, what, "say which one: `auto_join: {workspace: KEY, role: member}`", advice=True)


def _enterprise(declared: Declared) -> Iterator[Finding]:
    for address, attributes in declared.resources.items():
        if kind_of(address) == "workspace" and attributes.get("parent"):
            yield Finding(address, "only Stanna Enterprise has workspaces below others", _FIX, ("parent",), advice=True)
        if kind_of(address) == "role":
            yield Finding(address, "only Stanna Enterprise has roles besides Admin, Member and Viewer", _FIX, advice=True)
        role = attributes.get("role") if kind_of(address) == "membership" else None
        if role and declared.roles.out("workspace", role) not in _ROLES and f"role/{role}" not in declared.resources:
            yield Finding(address, f"only Stanna Enterprise has a role like {role}", _FIX, ("role",), advice=True)
