"""What the contract suite does in Unleash, on the fake and on a real server alike."""

from __future__ import annotations

import re
from typing import Any

from orgform.model import Address
from orgform.providers.base import Operation
from orgform.testing.contract import Sample

PLACES = {"brand-x": {"environment": "production"}, "staging": {"environment": "development"}}
ROLES = {"admin": "Admin", "member": "Editor", "viewer": "Viewer"}
SAMPLES = (
    Sample(
        Address("feature/contract"),
        {"type": "boolean", "default": False, "description": "Of the suite"},
        {"description": None},
        {"type": "boolean", "default": False},
    ),
    Sample(Address("feature_value/brand-x/contract"), {"value": True}, {"value": False}, {"value": False}),
    Sample(Address("feature_value/staging/contract"), {"value": False}, {"value": True}, {"value": True}),
    Sample(
        Address("member/contract@acme.com"),
        {"name": "Con Tract", "role": "viewer"},
        {"name": "C T", "role": "member"},
        {"name": "C T", "role": "member"},
    ),
)
REFUSED = Operation("create", Address("feature_value/nowhere/contract"), {"value": True}, key="refused")

P = "projects/default"
NAME = re.compile(r"[A-Za-z0-9._~-]{1,100}")
#: what one asks -> the status of the answer, in this order; of the real server and of the fake
ODDITIES: tuple[tuple[int, str, str, Any], ...] = (
    (201, "POST", f"{P}/features", {"name": "odd", "description": "d"}),
    (409, "POST", f"{P}/features", {"name": "odd"}),
    (400, "POST", f"{P}/features", {"name": "not a name"}),
    (400, "POST", f"{P}/features", {"name": "x" * 101}),
    (404, "POST", "projects/nope/features", {"name": "lost"}),
    (404, "GET", f"{P}/features/none", None),
    (404, "GET", "projects/other/features/odd", None),
    (404, "PATCH", "projects/other/features/odd", []),
    (404, "DELETE", "projects/other/features/odd", None),
    (404, "POST", f"{P}/features/odd/environments/nowhere/on", None),
    (400, "POST", f"{P}/features/odd/environments/production/strategies", {"name": "nosuch"}),
    (404, "DELETE", f"{P}/features/odd/environments/production/strategies/00000000-0000-4000-8000-000000000000", None),
    (200, "DELETE", "archive/odd", None),  # and does nothing
    (202, "DELETE", f"{P}/features/odd", None),
    (202, "DELETE", f"{P}/features/odd", None),
    (404, "DELETE", f"{P}/features/none", None),
    (404, "GET", f"{P}/features/odd", None),
    (409, "POST", f"{P}/features", {"name": "odd"}),
    (200, "POST", "archive/revive/odd", None),
    (200, "POST", "archive/revive/odd", None),
    (404, "POST", "archive/revive/none", None),
    (200, "PATCH", f"{P}/features/odd", [{"op": "replace", "path": "/description", "value": None}]),
    (202, "DELETE", f"{P}/features/odd", None),
    (404, "PUT", "user-admin/987654", {"name": "nobody"}),
    (404, "DELETE", "user-admin/987654", None),
    (404, "GET", "nowhere", None),
)


def many(n: int) -> Sample:
    return Sample(Address(f"feature/crowd-{n:03}"), {"type": "boolean", "default": False})
