"""A company in a folder that was applied, and people who change the live system by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orgform import app
from orgform.drift import Drift
from orgform.kinds import load_kinds
from orgform.providers.http import InProcessTransport, Session
from orgform.server import Caller, Store, create_app

COMPANY = """\
# Acme, as we keep it.
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: local, database: acme.db}
domains:
  acme.com: {}

members:
  # The founders.
  alice@acme.com: {name: 'Alice Ng', role: owner}   # since 2019
  bob@acme.com:            # Robert
    name: Bob Roy
    role: admin
    title: "Engineer"
    labels: {team: x, floor: "2"}
  carol@acme.com: {name: Carol Wu}

groups:
  support:
    members:
      - bob@acme.com     # lead
      - carol@acme.com

features:
  beta: {type: boolean, default: false}
  layout: {type: object, default: {columns: 2, wide: false}}

workspaces:
  hq:
    name: Headquarters
    settings: {timezone: Europe/London, retention_days: 365}
    members: {alice@acme.com: admin, group:support: member}
    features: {beta: true, layout: {columns: 3}}
"""


class Company:
    """`files` are written below `folder` and applied."""

    def __init__(self, folder: Path, files: dict[str, str] | str = COMPANY, env: str | None = None) -> None:
        self.folder, self.env = folder, env
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in ({"company.yaml": files} if isinstance(files, str) else files).items():
            self.write(name, text)
        self.options = app.Options(folder=folder, env=env)
        _, report = app.apply(self.options)
        assert report.outcome == "done", report
        self.before = self.texts()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def text(self, name: str = "company.yaml") -> str:
        return (self.folder / name).read_bytes().decode()

    def texts(self) -> dict[str, str]:
        names = [p for p in self.folder.rglob("*") if p.suffix in (".yaml", ".csv")]
        return {p.relative_to(self.folder).as_posix(): p.read_bytes().decode() for p in sorted(names)}

    def edit(self, old: str, new: str, name: str = "company.yaml") -> None:
        """What the repo changes."""
        assert self.text(name).count(old) == 1, old
        self.write(name, self.text(name).replace(old, new))

    def hand(
        self,
        method: str,
        path: str,
        attributes: dict[str, Any] | None = None,
        *,
        key: str = "",
        actor: str = "dana@acme.com",
        client: str = "web console",
        database: str = "acme.db",
    ) -> None:
        """What somebody does in a web page: another client of the same API."""
        store = Store(self.folder / database)
        api = create_app(store, load_kinds(), identify=lambda _: Caller("default", actor, client), inline=True)
        session = Session("http://local", transport=InProcessTransport(api))
        body = None if attributes is None else {"attributes": attributes, **({"key": key} if key else {})}
        session.request(method, f"/v1/{path}", json=body, idempotent=False)
        session.close()
        store.close()

    def patch(self, path: str, **attributes: Any) -> None:
        self.hand("PATCH", path, attributes)

    def make(self, collection: str, key: str, **attributes: Any) -> None:
        self.hand("POST", collection, attributes, key=key)

    def drop(self, path: str) -> None:
        self.hand("DELETE", path)

    def drift(self, **chosen: Any) -> Drift:
        return app.drift(self.options, **chosen)

    def adopt(self, *globs: str) -> Drift:
        """Takes over, and holds what must hold then: it is written, and what was taken over is no drift any more."""
        found = app.drift(self.options, adopt=globs)
        assert not found.refused, found.refused
        left = app.drift(self.options)
        assert not {d.address for d in left.drift} & set(found.adopted)
        assert not {u.address for u in left.unmanaged} & set(found.adopted)
        return found

    def refused(self, *globs: str) -> list[tuple[str, str, str, str]]:
        """What cannot be taken over; then no file is another one."""
        found = app.drift(self.options, adopt=globs)
        assert found.refused and not found.files and not found.adopted
        assert self.texts() == self.before
        return [(r.address, r.path, r.reason, r.source) for r in found.refused]

    def changed_lines(self, name: str = "company.yaml") -> list[str]:
        """The lines of a unified diff against what was applied: `-old`, `+new`."""
        import difflib

        old, new = self.before.get(name, "").splitlines(), self.text(name).splitlines()
        return [line for line in difflib.unified_diff(old, new, n=0) if not line.startswith(("---", "+++", "@@"))]

    @property
    def planned(self) -> list[tuple[str, str]]:
        return [(c.action, c.address) for c in app.plan(self.options).changes]
