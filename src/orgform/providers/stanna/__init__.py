"""Stanna: the settings of workspaces by its API; domains, people, flags and integrations by hand, as its help page tells how.

Invariant: importing this costs nothing: declarations and checks only. Facts are of Stanna's help page "Workspaces" and of its API
reference; what neither states is treated as not existing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orgform.providers.base import Capabilities, Provider, ProviderSpec, Roles, TargetContext
from orgform.providers.stanna.checks import check
from orgform.providers.stanna.guides import KINDS
from orgform.urls import origin_of

__all__ = ["spec"]

HOME: Final = "https://api.gostanna.com/api"


def _open(context: TargetContext) -> Provider:
    from orgform.providers.stanna.client import open_stanna

    return open_stanna(context)


def _origin(options: Mapping[str, Any]) -> str:
    return origin_of(str(options.get("url", HOME)))


spec = ProviderSpec(
    name="stanna",
    title="Stanna",
    summary="Settings of workspaces by Stanna's API; domains, people, flags and integrations as steps by hand.",
    options={
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^?#\s]*)?$",
                "description": "Where the API is.",
                "default": HOME,
                "examples": [HOME],
            },
            "token": {"type": "string", "minLength": 1, "description": "Reference to the API key (sk-...): env:NAME or file:PATH."},
            "tokens": {
                "type": "object",
                "additionalProperties": {"type": "string", "minLength": 1},
                "description": "Key of a workspace in the config -> reference to its own API key, where `token` does not open it.",
                "examples": [{"brand-y": "env:STANNA_TOKEN_Y"}],
            },
            "auth": {
                "enum": ["bearer", "x-api-key"],
                "default": "bearer",
                "description": "Header that carries the key: Authorization: Bearer, or X-API-Key.",
            },
            "workspace_id": {
                "type": "string",
                "minLength": 1,
                "description": "workspaceId of the config's only workspace, where its key is another word.",
                "examples": ["acme.com"],
            },
            "workspaces": {
                "type": "object",
                "additionalProperties": {"type": "string", "minLength": 1},
                "description": "Key of a workspace in the config -> its workspaceId in Stanna; a key that is not here is the id itself.",
                "examples": [{"brand-x": "brand-x.example"}],
            },
            "plan": {
                "enum": ["enterprise"],
                "description": "Of the contract with Stanna: `enterprise` has custom roles and a hierarchy of workspaces.",
            },
            "account": {
                "type": "string",
                "pattern": "^[A-Za-z0-9._-]{1,100}$",
                "description": "Name that tells this account from others in a ledger that several folders share.",
            },
        },
        "required": ["token"],
        "additionalProperties": False,
    },
    capabilities=Capabilities(
        kinds=KINDS,
        page=1,
        paging="none",
        requests_per_minute=100,
        requests_per_day=10_000,
        seconds_per_call=0.3,
        idempotency="natural",
        rereads=True,
    ),
    open=_open,
    secrets=("token", "tokens"),
    origin=_origin,
    roles=Roles(
        names={"workspace": ()},
        usual={"workspace": {"admin": "Admin", "member": "Member", "viewer": "Viewer"}},
    ),
    check=check,
)
