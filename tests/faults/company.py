"""A small company before and after some edits, as config, and what an apply of the edits does to it."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from orgform import app
from orgform.kinds import load_kinds
from orgform.model import Address, Live, Plan
from orgform.providers.base import Provider

KINDS = load_kinds()
PEOPLE = ["bob", "carol", "dan", "erin", "frank"]

BEFORE: dict[str, Any] = {
    "orgform": 1,
    "company": {"name": "Acme", "primary_domain": "acme.com"},
    "domains": {"acme.com": {}},
    "members": {
        "alice@acme.com": {"name": "Alice", "role": "owner"},
        "zoe@acme.com": {"name": "Zoe", "role": "owner"},
        **{f"{name}@acme.com": {"name": name.title(), "role": "standard"} for name in PEOPLE},
    },
    "groups": {"support": {"members": ["bob@acme.com", "carol@acme.com"]}},
    "features": {"beta": {"type": "boolean", "default": False, "owner": "alice@acme.com"}},
    "workspaces": {
        key: {
            "name": key.title(),
            "members": {"alice@acme.com": "admin", "bob@acme.com": "member"},
            "features": {"beta": True},
            "tags": {f"t{n}": {"color": "#ff0000"} for n in range(3)},
        }
        for key in ("north", "south", "west")
    },
}


def edited() -> dict[str, Any]:
    """Creates, updates and deletes of several kinds, and a rename with what belongs to it."""
    after = deepcopy(BEFORE)
    del after["members"]["frank@acme.com"]
    after["members"]["gail@acme.com"] = {"name": "Gail", "role": "standard"}
    after["members"]["dan@acme.com"]["name"] = "Daniel"
    after["groups"]["support"]["members"] = ["carol@acme.com", "gail@acme.com"]
    after["workspaces"]["east"] = {"name": "East", "members": {"gail@acme.com": "viewer"}, "tags": {"new": {"color": "#00ff00"}}}
    after["workspaces"]["north"]["name"] = "The North"
    del after["workspaces"]["north"]["members"]["bob@acme.com"]
    del after["workspaces"]["north"]["tags"]["t1"]
    after["workspaces"]["occident"] = after["workspaces"].pop("west")
    after["moved"] = [{"from": "workspace/west", "to": "workspace/occident"}]
    return after


AFTER = edited()


def write(folder: Path, company: dict[str, Any], target: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "company.yaml").write_text(json.dumps({**company, "targets": {"acme": target}}), encoding="utf-8")


def changes(plan: Plan) -> list[tuple[str, str]]:
    return [(c.action, c.address) for c in plan.changes]


def read(provider: Provider) -> dict[Address, Live]:
    found: dict[Address, Live] = {}
    for result in provider.read(sorted(KINDS)):
        assert result.complete, result.problem
        found.update(result.resources)
    return found


def settle(folder: Path, company: dict[str, Any], target: dict[str, Any], **options: Any) -> app.Options:
    """Writes the config and applies it; the options that it was done with."""
    write(folder, company, target)
    chosen = app.Options(folder=folder, max_wait=0, **options)
    report = app.apply(chosen)[1]
    assert report.outcome in ("done", "nothing"), [o for o in report.outcomes if o.status != "done"]
    return chosen
