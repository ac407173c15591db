"""What must hold for every company: an undo brings back what was, and an undo of that what had been done."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings

from orgform import app
from orgform.codec import to_builtins
from orgform.model import Attributes, Plan
from tests.properties.companies import companies
from tests.undo.company import Company, left

PROFILE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def settled(live: Mapping[str, Attributes]) -> dict[str, Attributes]:
    """Without what says nothing: absent, null and empty are the same."""
    return {address: _plain(found) for address, found in live.items()}


def _plain(value: Any) -> Any:
    return {n: plain for n, v in value.items() if (plain := _plain(v)) not in (None, [], {})} if isinstance(value, dict) else value


@PROFILE
@given(first=companies(), second=companies())
def test_undo_brings_back_what_was_and_undo_of_undo_what_had_been_done(first: dict[str, Any], second: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        company = Company(Path(name))
        company.apply(**first)
        before, base_before = settled(company.live()), company.base()
        run = company.apply(**second)
        after = settled(company.live())
        if not run or before == after:
            return
        planned = company.plan_undo(run)
        assert left(planned) == {}
        assert planned.to_json() == company.plan_undo(run).to_json()
        assert Plan.from_json(planned.to_json()) == planned

        _, report = company.undo(run)
        assert report.outcome == "done", to_builtins(report)
        assert settled(company.live()) == before
        assert wanted_again(company.options) == after_of(company, before, after)

        assert not company.plan_undo(run).changes, "what is taken back needs nothing any more"
        company.write(**first)
        assert not app.plan(company.options).changes, "with the commit reverted there is nothing to do"
        assert {a: b.attributes for a, b in company.base().items()}.keys() == base_before.keys()

        again, report = company.undo(report.run)
        assert report.outcome == "done", to_builtins(report)
        assert left(again) == {}
        assert settled(company.live()) == after


def wanted_again(options: app.Options) -> set[str]:
    """The addresses that the next plan changes, none of which it may call drift."""
    plan = app.plan(options)
    assert {c.origin for c in plan.changes} <= {"new", "config"}, [(c.address, c.origin, c.fields) for c in plan.changes]
    return {c.address for c in plan.changes}


def after_of(company: Company, before: Mapping[str, Attributes], after: Mapping[str, Attributes]) -> set[str]:
    """What the config, which is not reverted, asks for again: all that the run had changed."""
    return {a for a in before.keys() | after.keys() if before.get(a) != after.get(a)}
