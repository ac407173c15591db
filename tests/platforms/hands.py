"""What tests of platforms that people do things in have in common: a copy of an example, and people who do what the plan asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import yaml

from orgform import app
from orgform.model import ManualStep, Plan

EXAMPLES = Path(__file__).parents[2] / "examples" / "platforms"
TODAY = date(2026, 11, 22)
LATER = date(2027, 6, 1)  # attestations of today have run out by then


def example(name: str, to: Path) -> Path:
    """A copy without what a run leaves behind."""
    return Path(shutil.copytree(EXAMPLES / name, to / name, ignore=shutil.ignore_patterns("*.db", "*.db-*", ".orgform")))


def changed(folder: Path, old: str, new: str) -> None:
    """One place of the config is another now."""
    file = folder / "company.yaml"
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    file.write_text(text.replace(old, new))


def written(folder: Path, document: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "company.yaml").write_text(yaml.safe_dump({"orgform": 1, **document}, sort_keys=False))
    return folder


def step(plan: Plan, address: str) -> ManualStep:
    found = [s for s in plan.manual_steps if s.address == address]
    assert len(found) == 1, f"{address} is asked for {len(found)} times; asked for: {[s.address for s in plan.manual_steps]}"
    return found[0]


def done(options: app.Options, plan: Plan, by: str = "dana@acme.com") -> list[str]:
    """People did all that is to be attested, in the plan's order; the addresses."""
    addresses = [s.address for s in plan.manual_steps if s.command]
    app.attest(options, addresses, by=by)
    return list(map(str, addresses))


def asked(plan: Plan) -> list[tuple[str, str]]:
    return [(s.action, str(s.address)) for s in plan.manual_steps]


def warnings(diagnostics: Iterable[object]) -> list[str]:
    return [f"{getattr(d, 'code')} {getattr(d, 'summary')}" for d in diagnostics if getattr(d, "severity") != "info"]  # noqa: B009
