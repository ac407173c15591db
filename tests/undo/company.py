"""A company in a folder, its live system and its ledger, as the tests of undo look at them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orgform import app
from orgform.codec import replace
from orgform.kinds import load_kinds
from orgform.ledger import open_ledger
from orgform.model import Address, Attributes, Base, Plan, Report
from orgform.providers.base import Operation, Provider, TargetContext
from orgform.providers.orgform import local

SYSTEM = "local:acme.db"
ALLOW_ALL = ("deletes:*", "company-admins:*", "workspace-admins:*", "own-access:*")
OWNERS = {"alice@acme.com": {"name": "Alice Ng", "role": "owner"}, "bob@acme.com": {"name": "Bob Roy", "role": "admin"}}


class Company:
    """A config folder with its embedded live system."""

    def __init__(self, folder: Path, *, allow: tuple[str, ...] = ALLOW_ALL) -> None:
        self.folder = folder
        self.options = app.Options(folder=folder, allow=allow, allow_destroy=("*",))

    def write(self, **config: Any) -> None:
        plain = {"company": {"name": "Acme Corp", "primary_domain": "acme.com"}, "domains": {"acme.com": {}}, "members": OWNERS}
        target = {"acme": {"provider": "local", "database": "acme.db"}}
        document = {"orgform": 1, "targets": target, **plain, **config}
        (self.folder / "company.yaml").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")

    def apply(self, **config: Any) -> str:
        """Writes the config and applies it; gives the run (empty where nothing was to do)."""
        if config:
            self.write(**config)
        _, report = app.apply(self.options)
        assert report.outcome in ("done", "nothing"), report
        return report.run

    def plan_undo(self, run: str, *allow: str, **options: Any) -> Plan:
        return app.plan_undo(replace(self.options, allow=(*self.options.allow, *allow), **options), run)

    def undo(self, run: str, *allow: str, **options: Any) -> tuple[Plan, Report]:
        return app.undo(replace(self.options, allow=(*self.options.allow, *allow), **options), run)

    @contextmanager
    def by_hand(self) -> Iterator[Provider]:
        """The live system, for somebody who works in it without orgform."""
        provider = local.open(TargetContext("acme", {"database": "acme.db"}, self.folder, load_kinds(), lambda name: ""))
        try:
            yield provider
        finally:
            provider.close()

    def change(self, action: Any, address: str, attributes: Attributes | None = None) -> None:
        with self.by_hand() as provider:
            (result,) = provider.write([Operation(action, Address(address), attributes or {}, etag=None if action == "create" else "*")])
        assert result.status == "done", result

    def live(self) -> dict[str, Attributes]:
        with self.by_hand() as provider:
            return {str(a): r.attributes for found in provider.read(sorted(load_kinds())) for a, r in found.resources.items()}

    def base(self) -> Mapping[str, Base]:
        ledger = open_ledger(self.folder / ".orgform" / "ledger.db", create=False)
        try:
            return {str(a): b for a, b in (ledger.base(SYSTEM)[0] or {}).items()}
        finally:
            ledger.close()


def did(plan: Plan) -> list[tuple[str, str]]:
    return sorted((c.action, c.address) for c in plan.changes)


def left(plan: Plan) -> dict[str, str]:
    """Address -> why."""
    assert plan.undoes is not None
    return {item.address: item.why for item in plan.undoes.left}
