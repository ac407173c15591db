"""Komo: workspaces, their sites, domains and people. It has no API for any of them, so all of it is done by hand.

Invariant: declarations and checks only. Facts are of Komo's help pages "Workspaces" and "Add new members to your company"; where they name
no path the guide says so and does not make one up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from orgform.providers.base import Capabilities, Declared, Finding, Guide, KindCapability, Provider, ProviderSpec, Roles, TargetContext
from orgform.providers.by_hand import ACCOUNT, LABELS, by_hand, open_by_hand, without_groups
from orgform.providers.komo.naming import CONVENTION, names

__all__ = ["spec"]

TITLE: Final = "Komo"
ROLES: Final = ("viewer", "editor", "owner")
_SETTINGS: Final = "Company Settings in the admin panel"
_MEMBERS: Final = f"{_SETTINGS} -> Company members"
_OWNER: Final = "an owner"
_ANYBODY: Final = "whoever has the Company Settings"
_NO_API: Final = "Komo has no public API for workspaces or members"
_ANEW: Final = "an invite cannot be corrected: one with a wrong e-mail, name or role is deleted and made again"


def _guide(labels: dict[str, str], where: str, who: str, note: str = "", *, whole: bool = False) -> Guide:
    return Guide(where, who, _NO_API, note, labels, whole)


_C: Final = {"name": "Company name"}
_W: Final = {"key": "Name", "name": "Name", "region": "Region", "settings": "Settings of the workspace"}
_S: Final = {"workspace": "Workspace", "name": "Name", "domain": "Domain"}
_D: Final = {"key": "Domain"}
_M: Final = {"email": "E-mail", "name": "Name", "role": "Role"}
_R: Final = {"workspace": "Workspace", "principal": "Member", "role": "Role in the workspace"}

_COMPANY: Final = by_hand(
    {
        "create": _guide(_C, _SETTINGS, _ANYBODY, "the account is there since you signed up: only see that it has this name"),
        "*": _guide(_C, _SETTINGS, _ANYBODY),
    },
    {"primary_domain": "config", "description": "config", **LABELS},
    {"delete": "an account is closed with Komo, not in its pages"},
)
_WORKSPACE: Final = by_hand(
    {
        "create": _guide(
            _W,
            f"{_SETTINGS} -> Create Workspace -> name, region and team access -> set up your first site within it",
            _ANYBODY,
            "the region is where its data lives, and is not changed later; the first site and who has access are steps of their own",
        ),
        "delete": _guide(
            _W,
            f"{_SETTINGS} -> the workspace (Komo's page names no path for this: ask its support where there is none)",
            _ANYBODY,
            "its sites, contacts, communications, automations and analytics go with it: workspaces share nothing",
        ),
        "*": _guide(
            _W,
            "the workspace (switcher in the main navigation) -> Settings",
            _ANYBODY,
            "pages look alike and are specific to a workspace: see that the right one is open",
        ),
    },
    {"description": "none", "parent": "none", **LABELS},
)
_SITE: Final = by_hand(
    {"*": _guide(_S, "the workspace (switcher in the main navigation) -> Sites & Content", "an editor or an owner")},
)
_DOMAIN: Final = by_hand(
    {
        "*": _guide(
            _D,
            "the workspace whose sites are published there -> Settings (Komo's page names no path for domains)",
            _ANYBODY,
            "each workspace has domains of its own",
        )
    },
    {"auto_join": "none"},
)
_MEMBER: Final = by_hand(
    {
        "create": _guide(_M, f"{_MEMBERS} -> Invite member", _OWNER, f"look twice: {_ANEW}"),
        "update": _guide(_M, f"{_MEMBERS} -> the member -> delete -> then Invite member with these values", _OWNER, _ANEW, whole=True),
        "delete": _guide(_M, f"{_MEMBERS} -> the member -> delete (or revoke the invite, if it was not accepted)", _OWNER),
    },
    {"title": "none", **LABELS},
)
_MEMBERSHIP: Final = by_hand(
    {
        "create": _guide(
            _R, f"{_SETTINGS} -> the workspace -> team access", _ANYBODY, "only a member of the company can be let into a workspace"
        ),
        "*": _guide(_R, f"{_SETTINGS} -> the workspace -> team access", _ANYBODY),
    },
)
KINDS: Final[dict[str, KindCapability]] = {
    "company": _COMPANY,
    "workspace": _WORKSPACE,
    "site": _SITE,
    "domain": _DOMAIN,
    "member": _MEMBER,
    "membership": _MEMBERSHIP,
}
_CAN: Final = Capabilities(kinds=KINDS, page=1, paging="none", idempotency="none")


def _open(context: TargetContext) -> Provider:
    return open_by_hand("komo", TITLE, _CAN, context)


def _check(declared: Declared) -> Iterator[Finding]:
    yield from names(declared)
    yield from without_groups(declared, TITLE)


_OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "account": dict(ACCOUNT),
        "naming": {
            "anyOf": [{"type": "string", "minLength": 1}, {"const": False}],
            "default": CONVENTION,
            "description": "How workspaces are named: words with ` - ` between them, each the name of a label. `false`: in any way.",
            "examples": ["Brand - Environment"],
        },
    },
    "additionalProperties": False,
}

spec = ProviderSpec(
    name="komo",
    title=TITLE,
    summary="Workspaces, sites, domains and people of Komo, as steps by hand: it has no API for them.",
    options=_OPTIONS,
    capabilities=_CAN,
    open=_open,
    roles=Roles(
        names={"company": ROLES, "workspace": ROLES},
        usual={
            "company": {"owner": "owner", "member": "editor", "standard": "viewer"},
            "workspace": {"admin": "owner", "member": "editor", "viewer": "viewer"},
        },
    ),
    check=_check,
)
