"""Unleash: flags, whether they are on in the environments of workspaces, and users with their root roles.

Invariant: declarations only, so importing this costs nothing. What is said here was tried on Unleash 7.5 (open source).
"""

from __future__ import annotations

from orgform.providers.base import Capabilities, KindCapability, Provider, ProviderSpec, Roles, TargetContext
from orgform.providers.unleash.checks import check
from orgform.urls import origin_of

__all__ = ["spec"]

_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9._~-]{1,100}$"}


def _open(context: TargetContext) -> Provider:
    from orgform.providers.unleash.client import open_unleash

    return open_unleash(context)


spec = ProviderSpec(
    name="unleash",
    title="Unleash",
    summary="Unleash by its admin API: feature flags, on and off per environment, users and their root roles.",
    options={
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^?#\s]*)?$",
                "description": "Where Unleash is, without /api.",
                "examples": ["https://unleash.acme.example"],
            },
            "token": {
                "type": "string",
                "minLength": 1,
                "description": "Reference to a personal access token, one of a service account, or an admin token: env:NAME or file:PATH.",
            },
            "project": {**_NAME, "default": "default", "description": "Id of the project that new flags are made in."},
            "workspaces": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {"project": _NAME, "environment": _NAME},
                    "required": ["environment"],
                    "additionalProperties": False,
                },
                "description": "Key of a workspace here -> the environment that stands for it, and its project where it is another one.",
                "examples": [{"brand-x": {"project": "default", "environment": "production"}}],
            },
            "welcome_mail": {"type": "boolean", "default": True, "description": "Whether Unleash greets new users by e-mail."},
        },
        "required": ["url", "token"],
        "additionalProperties": False,
    },
    capabilities=Capabilities(
        kinds={
            "feature": KindCapability(
                fields={
                    "key": "read",  # a flag's name is its id
                    "type": "config",
                    "default": "config",
                    "variants": "none",
                    "state": "none",
                    "owner": "config",
                    "expires": "config",
                    "labels": "config",
                },
            ),
            "feature_value": KindCapability(),
            "member": KindCapability(fields={"title": "none", "labels": "config"}),
        },
        page=50,
        paging="offset",
        seconds_per_call=0.1,
        idempotency="none",
        rereads=True,
    ),
    open=_open,
    secrets=("token",),
    origin=lambda options: origin_of(str(options["url"])),
    # Custom root roles are words of their own.
    roles=Roles(names={"company": ()}, usual={"company": {"admin": "Admin", "member": "Editor", "viewer": "Viewer"}}),
    check=check,
)
