"""What was put into something after a plan to delete it was made is not deleted with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgform import app
from orgform.model import Plan, Report
from tests.undo.company import OWNERS, Company

WORKSPACES = {"north": {"name": "North"}, "west": {"name": "West", "members": {"alice@acme.com": "admin"}}}


@pytest.fixture
def company(tmp_path: Path) -> Company:
    found = Company(tmp_path)
    found.apply(members=OWNERS, workspaces=WORKSPACES)
    found.change("create", "inbox/west/old", {"name": "Old"})
    found.write(members=OWNERS, workspaces={"north": WORKSPACES["north"]})
    return found


def applied(company: Company, saved: Plan) -> Report:
    return app.apply(company.options, saved=Plan.from_json(saved.to_json()))[1]


def test_it_keeps_what_it_was_put_into(company: Company) -> None:
    saved = app.plan(company.options)
    company.change("create", "inbox/west/new", {"name": "New"})
    report = applied(company, saved)
    assert report.outcome == "partly"
    assert {o.address: o.status for o in report.outcomes} == {"membership/west/alice@acme.com": "done", "workspace/west": "stale"}
    (why,) = (o.detail for o in report.outcomes if o.status == "stale")
    assert why == "inbox/west/new was put into it after the plan was made, and would go with it"
    assert {"workspace/west", "inbox/west/new", "inbox/west/old"} <= company.live().keys()

    again = app.plan(company.options)
    (delete,) = again.changes
    assert [b for b in delete.because if "goes with it" in b] == [
        f"inbox/west/{name} goes with it, which the config does not have" for name in ("new", "old")
    ]
    assert applied(company, again).outcome == "done"
    assert "workspace/west" not in company.live()


def test_what_the_plan_named_goes(company: Company) -> None:
    assert applied(company, app.plan(company.options)).outcome == "done"
    assert not [a for a in company.live() if "west" in a]


def test_who_leaves_leaves_whatever_they_were_given_since(company: Company) -> None:
    company.apply(members={**OWNERS, "carol@acme.com": {}}, workspaces=WORKSPACES)
    company.write(members=OWNERS, workspaces=WORKSPACES)
    saved = app.plan(company.options)
    company.change("create", "membership/north/carol@acme.com", {"role": "admin"})
    assert applied(company, saved).outcome == "done"
    assert not [a for a in company.live() if "carol" in a]


def test_an_undo_does_not_take_it_back_with_it_either(company: Company) -> None:
    run = company.apply(members=OWNERS, workspaces={"north": WORKSPACES["north"], "east": {"name": "East"}})
    saved = company.plan_undo(run)
    assert ("delete", "workspace/east") in {(c.action, c.address) for c in saved.changes}
    company.change("create", "inbox/east/new", {"name": "New"})
    report = applied(company, saved)
    assert {o.address: o.status for o in report.outcomes}["workspace/east"] == "stale"
    assert {"workspace/east", "inbox/east/new"} <= company.live().keys()

    allowed = company.plan_undo(run, "changed-since:workspace/east")
    assert applied(company, allowed).outcome == "done"
    assert not [a for a in company.live() if "east" in a]
