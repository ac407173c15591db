"""The examples are true: each validates, plans, applies, and has nothing left to do; and shows what it says it shows."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from orgform import app
from orgform.kinds import load_kinds
from orgform.model import kind_of

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIGS = sorted(set(EXAMPLES.rglob("*.yaml")) - {EXAMPLES / "server" / "compose.yaml"})
TODAY = date(2026, 12, 1)
CASES = [("minimal", None), ("acme", None), ("acme", "staging"), ("acme", "production"), ("agency", None)]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORGFORM_CACHE", "")
    monkeypatch.delenv("ORGFORM_LEDGER", raising=False)


def copied(name: str, to: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / name, to / name, ignore=shutil.ignore_patterns("*.db", "*.db-*", ".orgform")))


@pytest.mark.parametrize(("name", "env"), CASES)
def test_an_example_becomes_a_company_and_then_there_is_nothing_to_do(name: str, env: str | None, tmp_path: Path) -> None:
    options = app.Options(folder=copied(name, tmp_path), env=env, today=TODAY)
    valid = app.validate(options)
    assert [d for d in valid.diagnostics if d.severity != "info"] == []
    first = app.plan(options)
    assert Counter(kind_of(c.address) for c in first.changes) == Counter(valid.resources)
    assert {c.action for c in first.changes} == {"create"}
    _, report = app.apply(options)
    assert report.outcome == "done"
    again = app.plan(options)
    assert again.changes == ()
    assert again.refused == ()


@pytest.mark.parametrize(("name", "env"), CASES)
def test_what_is_exported_from_it_plans_nothing(name: str, env: str | None, tmp_path: Path) -> None:
    folder = copied(name, tmp_path)
    app.apply(app.Options(folder=folder, env=env, today=TODAY))
    exported = tmp_path / "exported"
    files = app.export(app.Options(folder=folder, env=env, today=TODAY), into=exported).files
    assert set(files) == {str(file.relative_to(exported)) for file in exported.rglob("*.yaml")}
    for database in folder.glob("*.db"):
        shutil.copy(database, exported)
    options = app.Options(folder=exported, today=TODAY)
    plan = app.plan(options)
    assert (plan.changes, plan.unmanaged) == ((), ())


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_editors_find_the_schema(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
    assert found
    assert (file.parent / found[1]).resolve() == EXAMPLES.parent / "schemas" / "company.schema.json"


def test_acme_has_three_brands_in_three_regions_and_forty_people() -> None:
    resources = app.validate(app.Options(folder=EXAMPLES / "acme", today=TODAY)).resources
    assert resources["member"] == 40
    assert resources["workspace"] == 2 + 3 + 9 + 1
    assert set(resources) == set(load_kinds()), "every kind is shown"


def test_the_agency_s_contracts_end_by_themselves(tmp_path: Path) -> None:
    options = app.Options(folder=copied("agency", tmp_path), today=date(2026, 6, 30))
    app.apply(options)
    the_day_after = app.plan(app.Options(folder=options.folder, today=date(2026, 7, 1)))
    gone = [c.address for c in the_day_after.changes if c.action == "delete"]
    assert len(gone) == 6
    assert all(a.startswith("member/") for a in gone)
    assert {c.address.split("/")[0] for c in the_day_after.changes if c.action == "update"} == {"group"}
    assert the_day_after.refused == ()


def test_environments_are_different_live_systems(tmp_path: Path) -> None:
    folder = copied("acme", tmp_path)
    app.apply(app.Options(folder=folder, env="production", today=TODAY))
    staging = app.plan(app.Options(folder=folder, env="staging", today=TODAY))
    assert {c.action for c in staging.changes} == {"create"}
    names = {c.after["name"] for c in staging.changes if c.address == "company/company" and c.after}
    assert names == {"Acme Corp (staging)"}
    assert not any("-apac" in c.address for c in staging.changes)
