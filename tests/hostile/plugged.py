"""A package that a user has installed: a kind with a secret attribute, and a provider that raises what it should never say."""

from __future__ import annotations

import json
from pathlib import Path

KIND = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Hook",
    "description": "Where a workspace's events are sent.",
    "x-kind": "hook",
    "x-collection": "hooks",
    "x-parent": "workspace",
    "x-key": {"name": "name", "format": "name", "examples": ["billing"]},
    "type": "object",
    "properties": {
        "url": {"type": "string", "description": "Where events are posted.", "pattern": "^https://"},
        "secret": {"type": "string", "description": "What events are signed with.", "x-sensitive": True},
    },
    "required": ["url"],
    "additionalProperties": False,
    "examples": [{"url": "https://hooks.acme.com/billing", "secret": "env:HOOK_SECRET"}],
}

PROVIDER = '''
from orgform.model import Address, Live
from orgform.providers.base import Capabilities, Provider, ProviderSpec, ReadResult, Result

class Blabbing(Provider):
    """Says its token wherever it can."""

    capabilities = Capabilities()

    def __init__(self, how, token):
        self.how, self.token = how, token

    @property
    def system(self):
        return "blab"

    def bug(self, at):
        if self.how == at:
            try:
                raise ValueError({"token": self.token})
            except ValueError as e:
                raise RuntimeError(f"while {at}: {self.token!r}", self.token.encode()) from e

    def read(self, kinds):
        self.bug("read")
        for kind in kinds:
            yield ReadResult(kind, {}, complete=self.how != "partly", problem=f"no page with {self.token}" if self.how == "partly" else "")

    def write(self, operations):
        self.bug("write")
        return [Result("failed" if n else "done", f"refused {self.token}", etag="1") for n, _ in enumerate(operations)]

    def check_writable(self):
        self.bug("writable")

    def events(self, addresses):
        self.bug("events")
        return {}

    def challenges(self):
        self.bug("challenges")
        return []

    def close(self):
        self.bug("close")

def opened(context):
    token = context.secret("token")
    provider = Blabbing(context.options["how"], token)
    provider.bug("open")
    return provider

spec = ProviderSpec(
    name="blab", summary="Says its token.",
    options={"type": "object", "properties": {"how": {"type": "string"}, "token": {"type": "string"}}, "required": ["how", "token"]},
    capabilities=Blabbing.capabilities, open=opened, secrets=("token",),
)
'''


def plugged_in(site: Path) -> Path:
    """What `pip install` would leave behind, in a folder for PYTHONPATH."""
    package = site / "hostile_plugin"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "hook.json").write_text(json.dumps(KIND))
    (package / "blab.py").write_text(PROVIDER)
    info = site / "hostile_plugin-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-plugin\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text(
        "[orgform.kinds]\nhostile = hostile_plugin\n[orgform.providers]\nblab = hostile_plugin.blab:spec\n"
    )
    return site
