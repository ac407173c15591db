"""Front: workspaces (its API calls them teams), teammates and their groups, inboxes, tags, message templates, shifts.

Invariant: declarations only, so importing this costs nothing; everything that talks to Front comes when a target is opened. Nothing is
declared as done by API that the Core API has no endpoint for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgform.providers.base import Capabilities, Guide, KindCapability, Limit, Provider, ProviderSpec, Roles, TargetContext
from orgform.providers.front.checks import check
from orgform.urls import origin_of

__all__ = ["spec"]

URL = "https://api2.frontapp.com"
#: plan -> requests a minute of a company, all its tokens together. The names of today, and those that older contracts have.
RATES = {"starter": 50, "professional": 100, "growth": 100, "enterprise": 200, "scale": 200}
#: plan -> workspaces it comes with; not here: without a limit
_WORKSPACES = {"starter": 1, "professional": 5, "growth": 5}
TAG_COLORS = ("grey", "pink", "red", "orange", "yellow", "green", "light-blue", "blue", "purple")
SHIFT_COLORS = ("black", "grey", "pink", "purple", "blue", "teal", "green", "yellow", "orange", "red")

_SETTINGS = "gear icon > Company settings"
_ADMIN = "a company admin"
_TEAMMATE = f"{_SETTINGS} > Teammates > the teammate's name"

_COMPANY = KindCapability(
    create="none",
    update="manual",
    delete="none",
    fields={"primary_domain": "config", "description": "config", "labels": "config"},
    guides={"update": Guide(_SETTINGS, _ADMIN, "the API shows the company's name and cannot change it", labels={"name": "Name"})},
    refusals={"create": "a token belongs to a company that is there", "delete": "a company is closed with its contract, not here"},
)
_WORKSPACE = KindCapability(
    create="manual",
    update="manual",
    delete="manual",
    fields={"description": "config", "parent": "none", "region": "none", "labels": "config", "settings": "none"},
    guides={
        "create": Guide(
            f"{_SETTINGS} > Workspaces > Create workspace",
            _ADMIN,
            "the API reads workspaces and cannot make one",
            "all company admins get access to it",
            {"name": "Name"},
        ),
        "*": Guide(
            f"{_SETTINGS} > Workspaces > the workspace",
            _ADMIN,
            "the API reads workspaces and cannot change one",
            "a conversation or an inbox that moves to another workspace loses its shared tags, and its analytics are made anew",
            {"name": "Name"},
        ),
    },
)
_MEMBER = KindCapability(
    create="manual",
    delete="manual",
    fields={"email": "manual", "role": "manual", "title": "none", "labels": "config"},
    guides={
        "create": Guide(
            f"{_SETTINGS} > Teammates, and invite the teammate there",
            _ADMIN,
            "the Core API cannot make a teammate; SCIM can, as a target of its own",
            labels={"email": "Email", "name": "Name", "role": "Role"},
        ),
        "update": Guide(
            _TEAMMATE,
            _ADMIN,
            "the API shows who is a company admin and at which address, and changes neither for anybody",
            "company admins have every workspace",
            {"email": "Email", "role": "Role"},
        ),
        "delete": Guide(
            f"{_TEAMMATE}, and delete the teammate there",
            _ADMIN,
            "the Core API cannot delete a teammate, and SCIM only blocks one",
        ),
    },
)
_MEMBERSHIP = KindCapability(
    update="manual",
    fields={"role": "attested"},
    guides={
        "update": Guide(
            f"{_TEAMMATE} > Access and permissions > the workspace > Workspace role",
            _ADMIN,
            "the API adds people to a workspace and takes them out of it, and knows no role there",
            "with the older permissions the tab is called Workspaces and shared inboxes",
            {"role": "Workspace role"},
        ),
    },
)
_ROLE = KindCapability(
    read="manual",
    create="manual",
    update="manual",
    delete="manual",
    guides={
        "*": Guide(
            f"{_SETTINGS}, where the roles are",
            _ADMIN,
            "the API has no endpoint for roles",
            "custom roles come with the higher plans",
            {"name": "Name"},
        )
    },
)
_INBOX = KindCapability(
    update="manual",
    delete="manual",
    fields={"members": "api"},
    guides={
        "*": Guide(
            f"{_SETTINGS} > Inboxes below the workspace > the inbox",
            "a company admin or an admin of the workspace",
            "the API makes inboxes and lets people into them, and can neither change nor delete one",
            labels={"name": "Name", "public": "Make public to everyone"},
        ),
    },
)
_SHIFT = KindCapability(
    after=("membership",),
    delete="manual",
    guides={
        "delete": Guide(
            "gear icon > the workspace > Time off and shifts > Shifts > the shift",
            "a company admin or an admin of the workspace",
            "the API makes and changes shifts, and cannot delete one",
        ),
    },
)


def _open(context: TargetContext) -> Provider:
    from orgform.providers.front.client import open_front

    return open_front(context)


def _limits(options: Mapping[str, Any]) -> tuple[Limit, ...]:
    plan = str(options.get("plan", ""))
    most = _WORKSPACES.get(plan)
    return (Limit("workspace", most, f"the plan `{plan}` comes with so many workspaces"),) if most else ()


spec = ProviderSpec(
    name="front",
    title="Front",
    summary="Front by its Core API: who is in which workspace, groups, inboxes, tags, message templates, shifts.",
    options={
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^?#\s]*)?$",
                "default": URL,
                "description": "Where the Core API is; Front's own address unless it is written.",
                "examples": [URL],
            },
            "token": {"type": "string", "minLength": 1, "description": "Reference to an API token: env:NAME or file:PATH."},
            "plan": {
                "enum": sorted(RATES),
                "description": "The company's plan: it says how many requests a minute and how many workspaces there may be.",
            },
            "workspaces": {
                "type": "object",
                "additionalProperties": {"type": "string", "minLength": 1},
                "description": "Key of a workspace here -> its id (tim_...) or its name in Front. Without it the names decide.",
                "examples": [{"brand-x-us": "tim_55c8c149"}],
            },
            "groups": {
                "type": "object",
                "additionalProperties": {"type": "string", "minLength": 1},
                "description": "Key of a group here -> the id (cir_...) or the name of a teammate group. Without it the names decide.",
            },
        },
        "required": ["token"],
        "additionalProperties": False,
    },
    capabilities=Capabilities(
        kinds={
            "company": _COMPANY,
            "workspace": _WORKSPACE,
            "member": _MEMBER,
            "membership": _MEMBERSHIP,
            "role": _ROLE,
            "group": KindCapability(),
            "inbox": _INBOX,
            "tag": KindCapability(),
            "message_template": KindCapability(),
            "shift": _SHIFT,
        },
        page=100,
        paging="link",
        requests_per_minute=min(RATES.values()),
        seconds_per_call=0.3,
        idempotency="none",
        rereads=True,
    ),
    open=_open,
    secrets=("token",),
    origin=lambda options: origin_of(str(options.get("url", URL))),
    words={"tag.color": TAG_COLORS, "shift.color": SHIFT_COLORS},
    roles=Roles(
        names={"company": ("company admin", "member"), "workspace": ()},
        usual={
            "company": {"admin": "company admin", "standard": "member"},
            "workspace": {"admin": "workspace admin", "member": "member"},
        },
    ),
    limits=_limits,
    check=check,
    hosts=("*.frontapp.com",),
)
