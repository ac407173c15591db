"""What must hold for every company, through the real config loader, planner, executor, ledger and admin API."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from orgform import app
from orgform.codec import to_builtins
from orgform.model import Plan
from tests.properties.companies import companies

ALLOW_ALL = ("deletes:*", "company-admins:*", "workspace-admins:*", "own-access:*")
PROFILE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def write(folder: Path, company: dict[str, Any]) -> None:
    document = {"orgform": 1, "targets": {"acme": {"provider": "local", "database": "acme.db"}}, **company}
    (folder / "company.yaml").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def changes(plan: Plan) -> list[tuple[str, str]]:
    return [(c.action, c.address) for c in plan.changes]


@PROFILE
@given(first=companies(), second=companies())
def test_apply_then_plan_is_empty_from_any_company_to_any_other(first: dict[str, Any], second: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        options = app.Options(folder=Path(name), allow=ALLOW_ALL, allow_destroy=("*",))
        for company in (first, second, first):
            write(Path(name), company)
            _, report = app.apply(options)
            assert report.outcome in ("done", "nothing"), to_builtins(report)
            assert changes(app.plan(options)) == []


@PROFILE
@given(first=companies(), second=companies())
def test_equal_inputs_give_byte_equal_plans_and_plans_round_trip(first: dict[str, Any], second: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        options = app.Options(folder=Path(name))
        write(Path(name), first)
        app.apply(options)
        write(Path(name), second)
        plan = app.plan(options)
        assert plan.to_json() == app.plan(options).to_json()
        assert Plan.from_json(plan.to_json()) == plan


@PROFILE
@given(company=companies())
def test_an_export_plans_to_nothing(company: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, company)
        app.apply(app.Options(folder=folder))
        out = folder / "out"
        app.export(app.Options(folder=folder), into=out)
        (folder / "acme.db").rename(out / "acme.db")
        plan = app.plan(app.Options(folder=out))
        assert changes(plan) == []
        assert plan.unmanaged == ()
