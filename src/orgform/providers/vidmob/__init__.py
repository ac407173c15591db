"""VidMob: an organization and its workspaces by API, people by the CSV that its pages give, all else by hand.

Invariant: declarations and checks only. Facts are of its help pages ("How do Organizations and Workspaces function?", "How do I
invite a team member to my VidMob workspace?") and of its API reference; where they name no path the guide says so and makes none up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orgform.model import key_of, kind_of
from orgform.providers.base import Capabilities, Declared, Finding, Guide, KindCapability, Provider, ProviderSpec, Roles, TargetContext
from orgform.providers.by_hand import LABELS, by_hand, without_groups
from orgform.urls import origin_of

__all__ = ["spec"]

TITLE: Final = "VidMob"
URL: Final = "https://public-api.vidmob.com/v1"
DOWNLOAD: Final = "Organization -> People -> Download CSV"
CSV: Final = f"the people CSV (download it anew: {DOWNLOAD})"
_ADMIN: Final = "an organization Admin"
_MANAGES: Final = "an Admin or a Manager of the workspace, or an organization Admin"
_READS_ONLY: Final = "its API reads the organization and its workspaces, and writes neither them nor people"
_SPACES: Final = "Organization (icon on the home page) -> Workspaces"
_ONE_MAIL: Final = (
    "somebody new to the organization gets one e-mail however many workspaces there are; somebody known gets none and has access at once"
)


def _guide(labels: dict[str, str], where: str, who: str, note: str = "") -> Guide:
    return Guide(where, who, _READS_ONLY, note, labels)


_C: Final = {"name": "Organization name"}
_W: Final = {"key": "Workspace name", "name": "Workspace name"}
_M: Final = {"email": "E-mail", "role": "Organization role"}
_R: Final = {"workspace": "Workspace", "principal": "E-mail", "role": "Role in the workspace"}
_A: Final = {
    "workspace": "Workspace",
    "platform": "Ad platform",
    "external_id": "Ad account",
    "name": "Name",
    "currency": "Currency",
    "timezone": "Time zone",
}

_COMPANY: Final = KindCapability(
    create="none",
    update="manual",
    delete="none",
    fields={"primary_domain": "config", "description": "config", **LABELS},
    guides={"update": _guide(_C, "profile (top right) -> Organizational Settings", _ADMIN)},
    refusals={"create": "an organization is set up with VidMob", "delete": "an organization is closed with VidMob"},
)
_WORKSPACE: Final = KindCapability(
    create="manual",
    update="manual",
    delete="manual",
    fields={"description": "none", "parent": "none", "region": "none", "settings": "none", **LABELS},
    guides={
        "create": _guide(_W, f"{_SPACES} (its page names no path for a new one: ask VidMob where you see none)", _ADMIN),
        "delete": _guide(
            _W,
            f"{_SPACES} -> the workspace (its page names no path for this: ask VidMob)",
            _ADMIN,
            "its projects, data and creative work go with it",
        ),
        "*": _guide(
            _W,
            f"{_SPACES} -> the workspace",
            _MANAGES,
            "where names decide which workspace is which, put its id into the target's `workspaces`",
        ),
    },
)
_MEMBER: Final = KindCapability(
    read="file",
    checked_by=CSV,
    create="manual",
    update="manual",
    delete="none",
    fields={"name": "config", "title": "none", **LABELS},
    guides={
        "create": _guide(
            _M,
            f"{_SPACES} -> a workspace -> Invite members (by e-mail); then the role: Organization -> People -> the current role",
            _MANAGES,
            f"an invite is to a workspace, so do it with the first of them; {_ONE_MAIL}",
        ),
        "update": _guide(
            _M,
            "Organization -> People -> the person's current role -> choose",
            _ADMIN,
            "an organization Admin is an Admin of every workspace",
        ),
    },
    refusals={"delete": "members cannot be removed from an organization; take their workspaces away, and make them Standard"},
)
_MEMBERSHIP: Final = KindCapability(
    read="file",
    checked_by=CSV,
    create="manual",
    update="manual",
    delete="manual",
    fields={"role": "attested"},
    guides={
        "create": _guide(_R, f"{_SPACES} -> the workspace -> Invite members (by e-mail, with the role)", _MANAGES, _ONE_MAIL),
        "update": _guide(_R, "Organization -> the workspace -> the three dots beside the name -> Change Role", _MANAGES),
        "delete": _guide(
            _R,
            "Organization -> the workspace -> the three dots beside the name -> Remove from workspace",
            _MANAGES,
            "the person stays in the organization: nobody can be removed from one",
        ),
    },
)
_AD_ACCOUNT: Final = by_hand(
    {
        "*": _guide(
            _A,
            f"{_SPACES} -> the workspace -> its ad accounts (VidMob's page names no path)",
            _MANAGES,
            "the organization houses ad accounts, which are linked to workspaces; connecting one asks to sign in at the ad platform",
        )
    },
)

KINDS: Final[dict[str, KindCapability]] = {
    "company": _COMPANY,
    "workspace": _WORKSPACE,
    "member": _MEMBER,
    "membership": _MEMBERSHIP,
    "ad_account": _AD_ACCOUNT,
}
PEOPLE: Final = ("member", "membership")


def _open(context: TargetContext) -> Provider:
    from orgform.providers.vidmob.client import open_vidmob

    return open_vidmob(context)


def _check(declared: Declared) -> Iterator[Finding]:
    yield from without_groups(declared, TITLE)
    admins = {
        key_of(a)
        for a, own in declared.resources.items()
        if kind_of(a) == "member" and own.get("role") and declared.roles.out("company", str(own["role"])) == "Admin"
    }
    for address, attributes in declared.resources.items():
        if kind_of(address) == "membership":
            workspace, _, person = key_of(address).partition("/")
            role = declared.roles.out("workspace", str(attributes.get("role") or "member"))
            if person in admins and role != "Admin":
                what = f"{person} is an organization Admin, and so an Admin of {workspace} by itself, not {role}"
                yield Finding(address, what, "take this one out, or make the person's role at the company another one", ("role",))
            elif person in admins and not declared.options.get("people_csv"):
                what = f"{person} is an organization Admin, and so an Admin of {workspace} by itself: a step for it has nothing to do"
                yield Finding(address, what, "take it out", advice=True)


spec = ProviderSpec(
    name="vidmob",
    title=TITLE,
    summary="VidMob: organization and workspaces by its API, people by its people CSV, ad accounts by hand; every change is a step.",
    options={
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^?#\s]*)?$",
                "default": URL,
                "description": "Where the API is; VidMob's own address unless it is written.",
                "examples": [URL],
            },
            "token": {
                "type": "string",
                "minLength": 1,
                "description": "Reference to an API key of the organization: env:NAME or file:PATH.",
            },
            "people_csv": {
                "type": "string",
                "minLength": 1,
                "description": f"The people CSV ({DOWNLOAD}) below the config folder. Without it people are attested.",
                "examples": ["people.csv"],
            },
            "workspaces": {
                "type": "object",
                "additionalProperties": {"type": "string", "minLength": 1},
                "description": "Key of a workspace here -> its id or its name in VidMob. Without it the names decide.",
                "examples": [{"brand-x-us": "45914"}],
            },
        },
        "required": ["token"],
        "additionalProperties": False,
    },
    capabilities=Capabilities(kinds=KINDS, page=1000, paging="none", seconds_per_call=0.3, idempotency="none"),
    open=_open,
    secrets=("token",),
    origin=lambda options: origin_of(str(options.get("url", URL))),
    paths=("people_csv",),
    roles=Roles(
        names={"company": ("Admin", "Standard"), "workspace": ("Admin", "Manager", "Standard")},
        usual={
            "company": {"admin": "Admin", "standard": "Standard"},
            "workspace": {"admin": "Admin", "manager": "Manager", "member": "Standard"},
        },
    ),
    check=_check,
)
