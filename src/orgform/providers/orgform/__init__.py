"""orgform's own admin API as a live system: in the process (`local`) or by URL (`orgform`).

Invariant: importing this costs nothing; httpx, SQLAlchemy and starlette come when a target is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgform.providers.base import Capabilities, Provider, ProviderSpec, TargetContext
from orgform.urls import origin_of

__all__ = ["local", "remote"]

_BATCH = 1000
_PAGE = 1000


def _open_local(context: TargetContext) -> Provider:
    from orgform.providers.orgform.client import open_local

    return open_local(context)


def _open_remote(context: TargetContext) -> Provider:
    from orgform.providers.orgform.by_url import open_remote

    return open_remote(context)


def _origin(options: Mapping[str, Any]) -> str:
    """What is no URL is an origin too: one that nobody allowed."""
    return origin_of(str(options.get("url", "")))


local = ProviderSpec(
    name="local",
    summary="The admin API inside the process, on a SQLite file: nothing to start.",
    options={
        "type": "object",
        "properties": {
            "database": {
                "type": "string",
                "minLength": 1,
                "description": "SQLite file, relative to the config folder; made by the first apply.",
            },
            "resolver": {
                "type": "string",
                "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$",
                "description": "Who is asked for the DNS records that prove domains: HOST or HOST:PORT. Without it: whom the machine asks.",
                "examples": ["127.0.0.1:5353"],
            },
        },
        "required": ["database"],
        "additionalProperties": False,
    },
    capabilities=Capabilities(batch=_BATCH, page=_PAGE, seconds_per_call=0.02, audit_log=True, optimistic_locking=True),
    open=_open_local,
    paths=("database",),
)

remote = ProviderSpec(
    name="orgform",
    summary="An orgform server (`orgform serve`) by its URL.",
    options={
        "type": "object",
        "properties": {
            "url": {
                "type": "string",
                "pattern": r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^?#\s]*)?$",
                "description": "Where the server is, http or https.",
                "examples": ["https://api.acme.example"],
            },
            "token": {"type": "string", "minLength": 1, "description": "Reference to the bearer token: env:NAME or file:PATH."},
            "batch": {
                "type": "integer",
                "minimum": 1,
                "maximum": _BATCH,
                "default": _BATCH,
                "description": "Changes that one call holds at most, for a gateway with small limits; 1: no batch.",
            },
            "ca": {"type": "string", "minLength": 1, "description": "PEM file of the authorities to trust, relative to the config folder."},
        },
        "required": ["url"],
        "additionalProperties": False,
    },
    capabilities=Capabilities(batch=_BATCH, page=_PAGE, seconds_per_call=0.1, audit_log=True, optimistic_locking=True),
    open=_open_remote,
    secrets=("token",),
    origin=_origin,
    paths=("ca",),
)
