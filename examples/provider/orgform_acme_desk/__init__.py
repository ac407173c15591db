"""Acme Desk: what it has, and what of that its API reaches. Declarations only: importing this costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgform.providers.base import Capabilities, Guide, KindCapability, Limit, Provider, ProviderSpec, Roles, TargetContext
from orgform.urls import origin_of

URL = "https://api.acmedesk.example/v1"
SEATS = {"team": 25}  # plan -> agents it comes with; not here: without a limit


def _open(context: TargetContext) -> Provider:
    from orgform_acme_desk.desk import open_desk  # only now: a plan of other targets must not wait for it

    return open_desk(context)


def _limits(options: Mapping[str, Any]) -> tuple[Limit, ...]:
    seats = SEATS.get(str(options.get("plan", "")))
    return (Limit("member", seats, "the plan `team` has 25 seats"),) if seats else ()


spec = ProviderSpec(
    name="acme-desk",
    title="Acme Desk",
    summary="Agents and desks of the help desk Acme Desk.",
    options={
        "type": "object",
        "properties": {
            "url": {"type": "string", "default": URL, "description": "Where the API is."},
            "token": {"type": "string", "description": "Reference to an API token: env:NAME or file:PATH."},
            "plan": {"enum": ["team", "company"], "description": "The plan of the contract: `team` has 25 seats."},
        },
        "required": ["token"],
        "additionalProperties": False,
    },
    secrets=("token",),
    origin=lambda options: origin_of(str(options.get("url", URL))),
    capabilities=Capabilities(
        kinds={
            "member": KindCapability(fields={"title": "none", "labels": "none"}),
            "workspace": KindCapability(
                create="manual",
                delete="none",
                fields=dict.fromkeys(("description", "labels", "parent", "region", "settings"), "none"),
                guides={
                    "create": Guide(
                        where="Admin > Desks > New desk",
                        who="an owner",
                        why="the API reads and renames desks, and makes none",
                        note="the address of a desk is never changed",
                        labels={"key": "Address", "name": "Name"},
                    )
                },
                refusals={"delete": "Acme Desk keeps every desk for its tickets"},
            ),
        },
        page=50,
        paging="cursor",
        requests_per_minute=300,
        idempotency="none",
        rereads=True,
    ),
    roles=Roles(
        names={"company": ("owner", "agent", "light agent")},
        usual={"company": {"admin": "owner", "standard": "agent"}},
    ),
    limits=_limits,
    open=_open,
)
