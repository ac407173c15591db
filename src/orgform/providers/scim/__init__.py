"""Members and groups of any platform that speaks SCIM 2.0 (RFC 7643, 7644, 9865), and roles by groups that stand for them.

Invariant: declarations only; httpx and the rest come when a target is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgform.providers.base import Capabilities, KindCapability, Provider, ProviderSpec, TargetContext
from orgform.providers.scim.layout import BASE_ROLE, check
from orgform.providers.scim.vendors import VENDORS
from orgform.urls import origin_of

__all__ = ["spec"]

_WORD = {"type": "string", "minLength": 1}
_ROLES = {"type": "object", "additionalProperties": _WORD}


def _open(context: TargetContext) -> Provider:
    from orgform.providers.scim.client import open_scim

    return open_scim(context)


def _origin(options: Mapping[str, Any]) -> str:
    return origin_of(str(options.get("url", "")))


spec = ProviderSpec(
    name="scim",
    title="SCIM",
    summary="Members, groups and roles by groups, on any server that speaks SCIM 2.0.",
    options={
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^?#\s]*)?(\?[^#\s]*)?$",
                "description": "The server's SCIM base address; its path and its query string go with every request.",
                "examples": ["https://idp.example/scim/v2", "https://idp.example/scim?tenant=1"],
            },
            "token": {"type": "string", "minLength": 1, "description": "Reference to the bearer token: env:NAME or file:PATH."},
            "ca": {"type": "string", "minLength": 1, "description": "PEM file of the authorities to trust, relative to the config folder."},
            "vendor": {"enum": sorted(VENDORS), "description": "Whose server it is, where that does otherwise than the standard says."},
            "delete": {
                "type": "boolean",
                "default": False,
                "description": "Delete users for good. Without it a member that is removed here is deactivated (`active: false`).",
            },
            "base_role": {
                "type": "string",
                "minLength": 1,
                "default": BASE_ROLE,
                "description": "The company role of those who are in no group of `groups.company`.",
            },
            "groups": {
                "type": "object",
                "properties": {
                    "company": {**_ROLES, "description": "Company role -> the group (its name or id) that stands for it, strongest first."},
                    "workspace": {
                        "type": "object",
                        "additionalProperties": _ROLES,
                        "description": "Workspace -> role -> the group (its name or id) that stands for it, strongest first.",
                    },
                    "named": {**_ROLES, "description": "Key of a group in the config -> its id or name there, where the names differ."},
                    "make": {"type": "boolean", "default": False, "description": "Make a role's group when its first person comes."},
                },
                "additionalProperties": False,
                "description": "Which groups stand for roles, and which are called otherwise there.",
            },
        },
        "required": ["url"],
        "additionalProperties": False,
    },
    capabilities=Capabilities(
        kinds={
            "member": KindCapability(fields={"labels": "none"}),
            "group": KindCapability(fields={"description": "none"}),
            "membership": KindCapability(),
        },
        paging="offset",
        idempotency="none",
        rereads=True,
        seconds_per_call=0.2,
    ),
    open=_open,
    secrets=("token",),
    origin=_origin,
    check=check,
    paths=("ca",),
)
