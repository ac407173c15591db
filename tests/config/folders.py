"""Config folders for tests: a good one to start from, and a short way to load one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from orgform.config import load_config
from orgform.errors import ConfigInvalid
from orgform.kinds import load_kinds
from orgform.model import Config
from orgform.providers import find_spec, spec_names
from orgform.providers.base import Capabilities, KindCapability, ProviderSpec

TODAY = date(2026, 11, 21)

HEAD = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: local, database: acme.db}
domains:
  acme.com: {}
"""

GOOD = (
    HEAD
    + """\
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: standard}
groups:
  support: {members: [bob@acme.com]}
roles:
  campaign-manager: {scope: workspace, extends: member, permissions: [campaigns.write]}
workspaces:
  brand-x:
    name: Brand X
    region: us
    members: {alice@acme.com: admin, group:support: campaign-manager}
    features: {beta: true}
features:
  beta: {type: boolean, default: false, owner: alice@acme.com}
"""
)


def _nothing(context: Any) -> Any:
    raise AssertionError("a config is validated offline")


#: A platform with closed lists of words and few kinds, to validate against.
CLOSED = ProviderSpec(
    "closed",
    "A platform with closed lists.",
    {
        "type": "object",
        "properties": {"url": {"type": "string"}, "token": {"type": "string"}, "rate": {"type": "integer"}, "folder": {"type": "string"}},
        "required": ["url"],
        "additionalProperties": False,
    },
    Capabilities(kinds={name: KindCapability() for name in ("workspace", "role", "membership", "member")}),
    _nothing,
    secrets=("token",),
    words={"workspace.region": ("us", "eu"), "role.permissions": ("contacts.read", "contacts.write")},
    paths=("folder",),
)


def specs(name: str) -> ProviderSpec | None:
    return CLOSED if name == "closed" else find_spec(name)


def names() -> list[str]:
    return sorted([*spec_names(), "closed"])


def write(folder: Path, files: Mapping[str, str | bytes] | str) -> Path:
    for name, text in ({"acme.yaml": files} if isinstance(files, str) else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def load(folder: Path, written: Mapping[str, str | bytes] | str | None = None, **given: Any) -> Config:
    """Writes the files (one text: `acme.yaml`) and loads the folder."""
    if written is not None:
        write(folder, written)
    given.setdefault("today", TODAY)
    return load_config(folder, kinds=load_kinds(), specs=specs, spec_names=names, **given)


def refused(folder: Path, written: Mapping[str, str | bytes] | str | None = None, **given: Any) -> ConfigInvalid:
    """The same for a bad config: gives the exception."""
    try:
        load(folder, written, **given)
    except ConfigInvalid as error:
        return error
    raise AssertionError("the config was accepted")


def told(error: ConfigInvalid) -> list[tuple[str, str]]:
    """(code, place) of every error."""
    return [(d.code, str(d.source)) for d in error.diagnostics if d.severity == "error"]
