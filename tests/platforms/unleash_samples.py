"""What the contract suite does in Unleash, on the fake and on a real server alike."""

from __future__ import annotations

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


def many(n: int) -> Sample:
    return Sample(Address(f"feature/crowd-{n:03}"), {"type": "boolean", "default": False})
