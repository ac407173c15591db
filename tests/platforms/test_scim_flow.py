"""The example, planned and applied against the fake as a person would; and a bigger company against the real `scim2-server`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform import app
from orgform.errors import ConfigInvalid
from orgform.model import Plan
from orgform.testing.fakes.scim import Scim, example
from tests.platforms.hands import changed, written
from tests.platforms.hands import example as copy_of

PEOPLE = 30
KINDS = ["member", "group", "membership"]


@pytest.fixture
def fake() -> Iterator[Scim]:
    with example().running() as running:
        yield running


@pytest.fixture
def options(fake: Scim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> app.Options:
    monkeypatch.setenv("SCIM_TOKEN", "scim-example")
    folder = copy_of("scim", tmp_path)
    allowed = f"directory={fake.url.removesuffix('/scim/v2')}"
    return app.Options(folder=folder, variables=(f"url={fake.url}",), allow_target=(allowed,), max_wait=0.01)


def _steps(plan: Plan) -> list[tuple[str, str]]:
    return sorted((c.action, str(c.address)) for c in plan.changes)


def _settled(options: app.Options) -> None:
    report = app.apply(options)[1]
    assert report.outcome == "done", report.outcomes
    again = app.plan(options)
    assert (again.changes, again.manual_steps, again.diagnostics) == ((), (), ())


def test_the_example_is_applied_and_nothing_is_left(fake: Scim, options: app.Options) -> None:
    plan = app.plan(options)
    assert _steps(plan) == [
        ("create", "member/carol@acme.com"),
        ("create", "membership/brand-x-us/carol@acme.com"),
        ("create", "workspace/brand-x-us"),
        ("update", "group/support"),
        ("update", "member/bob@acme.com"),
    ]
    assert plan.manual_steps == ()
    _settled(options)
    assert fake.members("Acme Owners") == ["alice@acme.com", "bob@acme.com"]
    assert (fake.members("Brand X US"), fake.members("Brand X US Admins")) == (["carol@acme.com"], ["bob@acme.com"])
    assert fake.members("Support") == ["bob@acme.com", "carol@acme.com"]


def test_who_leaves_is_deactivated_and_who_is_deactivated_comes_back(fake: Scim, options: app.Options) -> None:
    _settled(options)
    for line in ("  carol@acme.com: {name: Carol Diaz}\n", "      carol@acme.com: member\n", ", carol@acme.com"):
        changed(options.folder, line, "")
    plan = app.plan(options)
    assert _steps(plan) == [
        ("delete", "member/carol@acme.com"),
        ("delete", "membership/brand-x-us/carol@acme.com"),
        ("update", "group/support"),
    ]
    _settled(options)
    carol = next(u for u in fake.users.values() if u["userName"] == "carol@acme.com")
    assert carol["active"] is False
    assert fake.members("Brand X US") == []
    alice = next(u for u in fake.users.values() if u["userName"] == "alice@acme.com")
    alice["active"] = False
    assert ("create", "member/alice@acme.com") in _steps(app.plan(options))
    _settled(options)
    assert alice["id"] in {u["id"] for u in fake.users.values() if u["active"]}


def test_a_role_that_no_group_stands_for_is_told_at_its_line(options: app.Options) -> None:
    changed(options.folder, "      carol@acme.com: member", "      carol@acme.com: viewer")
    with pytest.raises(ConfigInvalid) as told:
        app.plan(options)
    [problem] = told.value.diagnostics
    assert (problem.code, problem.summary) == ("ORG414", "no group stands for the role viewer in workspace brand-x-us")


def test_a_bigger_company_on_scim2_server(tmp_path: Path) -> None:
    from tests.platforms.test_scim_contract import real_server

    roles = ["member", "viewer"]
    with real_server() as url:
        mapped = {w: {r: f"{w} {r}" for r in roles} for w in ("north", "south")}
        people = {f"p{n}@acme.com": {"name": f"Person {n}", "role": "owner" if n < 2 else "standard"} for n in range(PEOPLE)}
        company = {
            "company": {"name": "Acme", "primary_domain": "acme.com"},
            "domains": {"acme.com": {}},
            "targets": {
                "idp": {
                    "provider": "scim",
                    "url": url,
                    "kinds": KINDS,
                    "groups": {"company": {"owner": "Owners"}, "workspace": mapped, "make": True},
                },
                "rest": {"provider": "local", "database": "rest.db", "kinds": ["workspace"]},
            },
            "members": people,
            "groups": {"all": {"name": "Everyone", "members": list(people)}},
            "workspaces": {w: {"name": w, "members": {p: roles[n % 2] for n, p in enumerate(people)}} for w in mapped},
        }
        options = app.Options(folder=written(tmp_path / "big", company), max_wait=0.01)
        assert len(app.plan(options).changes) == PEOPLE * 3 + 3
        _settled(options)
        _settled_after_swap(options, company, roles)


def _settled_after_swap(options: app.Options, company: dict[str, object], roles: list[str]) -> None:
    people = list(company["members"])  # type: ignore[call-overload]
    north = {"north": {"name": "north", "members": dict.fromkeys(people, roles[1])}}
    written(options.folder, {**company, "workspaces": {**company["workspaces"], **north}})  # type: ignore[dict-item]
    assert {c.action for c in app.plan(options).changes} == {"update"}
    _settled(options)
