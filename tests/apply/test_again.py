"""A saved plan that is applied once more, by an old job that somebody starts again, does not do again what was taken back since."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgform import app
from orgform.model import Plan, Report
from orgform.testing.server import running_server
from tests.faults import company as companies
from tests.undo.company import OWNERS, Company

CAROL = {"carol@acme.com": {"name": "Carol"}}
NORTH = {"north": {"name": "North"}}


@pytest.fixture
def company(tmp_path: Path) -> Company:
    found = Company(tmp_path)
    found.apply(members={**OWNERS, **CAROL}, workspaces=NORTH)
    return found


def applied(company: Company, saved: Plan) -> Report:
    return app.apply(company.options, saved=Plan.from_json(saved.to_json()))[1]


def test_who_is_back_stays(company: Company) -> None:
    company.write(members=OWNERS, workspaces={"north": {"name": "The North"}, "south": {"name": "South"}})
    saved = app.plan(company.options)
    first = applied(company, saved)
    company.apply(members={**OWNERS, **CAROL}, workspaces=NORTH)
    before = company.live()

    report = applied(company, saved)
    assert report.outcome == "stale"
    assert {o.address for o in report.outcomes} == {"member/carol@acme.com", "workspace/north", "workspace/south"}
    assert {o.detail for o in report.outcomes} == {f"this plan did it before, in the run {first.run}, and it was changed back since"}
    assert company.live() == before


def test_where_nothing_was_changed_back_there_is_nothing_to_do(company: Company) -> None:
    company.write(members=OWNERS, workspaces=NORTH)
    saved = app.plan(company.options)
    assert (applied(company, saved).outcome, applied(company, saved).outcome) == ("done", "nothing")


def test_a_plan_that_was_made_since_does_it(company: Company) -> None:
    company.write(members=OWNERS, workspaces=NORTH)
    assert applied(company, app.plan(company.options)).outcome == "done"
    company.change("create", "member/carol@acme.com", {"name": "Carol"})
    company.apply(members={**OWNERS, **CAROL}, workspaces=NORTH)
    company.write(members=OWNERS, workspaces=NORTH)
    assert applied(company, app.plan(company.options)).outcome == "done"
    assert "member/carol@acme.com" not in company.live()


def test_a_saved_undo_takes_back_nobody_who_came_again(company: Company) -> None:
    run = company.apply(members={**OWNERS, **CAROL, "dan@acme.com": {}}, workspaces=NORTH)
    saved = company.plan_undo(run)
    first = applied(company, saved)
    again = company.apply(members={**OWNERS, **CAROL, "dan@acme.com": {}}, workspaces=NORTH)
    report = applied(company, saved)
    assert [(o.address, o.status, o.detail.partition(", and")[0]) for o in report.outcomes] == [
        ("member/dan@acme.com", "stale", f"this plan did it before, in the run {first.run}")
    ]
    assert company.undo(again)[1].outcome == "done"  # made anew, it does
    assert "member/dan@acme.com" not in company.live()


def test_what_it_did_not_do_then_it_does(company: Company) -> None:
    company.write(members=OWNERS, workspaces={"north": {"name": "The North"}})
    saved = app.plan(company.options)
    company.change("update", "workspace/north", {"name": "By hand"})
    assert applied(company, saved).outcome == "partly"
    company.change("update", "workspace/north", {"name": "North"})
    assert applied(company, saved).outcome == "done"
    assert company.live()["workspace/north"]["name"] == "The North"


def test_another_company_of_the_same_config_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder and one ledger for several, told apart by the token only: what was done to one was not done to the next."""
    with running_server(tmp_path / "server.db", without_tokens=False) as server:
        target = {"provider": "orgform", "url": server.url, "token": "env:ACME_TOKEN"}
        tokens = [server.token(company) for company in ("acme", "other")]
        for name in ("Dan", "Daniel"):
            members = {**companies.BEFORE["members"], "dan@acme.com": {"name": name}}
            for token in tokens:
                monkeypatch.setenv("ACME_TOKEN", token)
                options = companies.settle(
                    tmp_path / "config", {**companies.BEFORE, "members": members}, target, allow_target=(f"acme={server.url}",)
                )
                assert app.plan(options).changes == ()
