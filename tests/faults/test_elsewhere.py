"""A target that is another company than it was so far is told before anything is made there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform import app
from orgform.model import Plan
from orgform.testing.server import RunningServer, running_server
from tests.faults import company


def told(plan: Plan) -> list[str]:
    return [d.summary for d in plan.diagnostics if d.code == "ORG514"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    with running_server(tmp_path / "server.db", without_tokens=False) as found:
        monkeypatch.setenv("ACME_TOKEN", found.token("acme"))
        yield found


def test_another_companys_token(server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = {"provider": "orgform", "url": server.url, "token": "env:ACME_TOKEN"}
    options = company.settle(tmp_path / "config", company.BEFORE, target, allow_target=(f"acme={server.url}",))
    assert told(app.plan(options)) == []
    monkeypatch.setenv("ACME_TOKEN", server.token("other"))
    plan = app.plan(options)
    assert told(plan) == [
        f"nothing was applied before to {server.url}#other, which the target acme is now; so far it was {server.url}#acme"
    ]
    assert {c.action for c in plan.changes} == {"create"}


def test_another_file(tmp_path: Path) -> None:
    options = company.settle(tmp_path, company.BEFORE, {"provider": "local", "database": "acme.db"})
    company.write(tmp_path, company.BEFORE, {"provider": "local", "database": "acmee.db"})
    assert told(app.plan(options)) == [
        "nothing was applied before to local:acmee.db, which the target acme is now; so far it was local:acme.db"
    ]
    assert app.apply(options)[1].outcome == "done"
    assert told(app.plan(options)) == []


@pytest.mark.parametrize(("count", "rest"), [(4, "1 other"), (5, "2 others")])
def test_of_many_some_are_named(tmp_path: Path, count: int, rest: str) -> None:
    for number in range(count):
        company.settle(tmp_path, company.BEFORE, {"provider": "local", "database": f"a{number}.db"})
    company.write(tmp_path, company.BEFORE, {"provider": "local", "database": "acme.db"})
    (sentence,) = told(app.plan(app.Options(folder=tmp_path)))
    assert sentence.endswith(f"so far it was local:a0.db, local:a1.db, local:a2.db and {rest}")


def test_a_first_apply_is_none(tmp_path: Path) -> None:
    company.write(tmp_path, company.BEFORE, {"provider": "local", "database": "acme.db"})
    assert told(app.plan(app.Options(folder=tmp_path))) == []


def test_other_companies_of_a_shared_ledger_are_nobodys_business(tmp_path: Path) -> None:
    """All have a target of that name; which is meant, the people and the places say."""
    target, ledger = {"provider": "local", "database": "acme.db"}, str(tmp_path / "shared.db")
    company.settle(tmp_path / "acme", company.BEFORE, target, ledger=ledger)
    other = {**company.BEFORE, "members": {f"{name}@other.com": {"role": "owner"} for name in ("uma", "vic")}, "features": {}}
    other |= {"groups": {}, "workspaces": {"hall": {"members": {"uma@other.com": "admin"}}}}
    company.write(tmp_path / "other", other, target)
    assert told(app.plan(app.Options(folder=tmp_path / "other", ledger=ledger))) == []
    company.write(tmp_path / "again", company.BEFORE, target)
    (sentence,) = told(app.plan(app.Options(folder=tmp_path / "again", ledger=ledger)))
    assert "so far it was local:acme.db@" in sentence
