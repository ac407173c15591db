"""Komo has no API: everything is a step, checked by somebody's word. It needs no fake: there is nothing to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.codec import replace
from orgform.errors import ConfigInvalid
from orgform.kinds import load_kinds
from orgform.model import Address, Attributes
from orgform.providers import find_spec
from orgform.providers.base import Declared, Finding, Operation, RoleNames, TargetContext
from tests.platforms.hands import LATER, TODAY, asked, changed, done, example, step, warnings, written

ME = "dana@acme.com"


@pytest.fixture
def komo(tmp_path: Path) -> app.Options:
    return app.Options(folder=example("komo", tmp_path), today=TODAY)


def test_the_whole_example_is_steps_that_people_do_attest_and_are_asked_for_again(komo: app.Options) -> None:
    first = app.plan(komo)
    assert first.changes == ()
    assert len(first.manual_steps) == len(app.validate(komo).resources.keys() - {"role"}) + 6
    assert first.waiting == ()
    done(komo, first)
    app.apply(komo)
    second = app.plan(komo)
    assert (second.changes, second.manual_steps, second.unmanaged, second.access.gained) == ((), (), (), ())
    assert len(second.attested) == len(first.manual_steps)
    third = app.plan(replace(komo, today=LATER))
    assert asked(third) == asked(first)
    assert all(s.because == ("dana@acme.com attested it on 2026-11-22, which ran out on 2027-05-21",) for s in third.manual_steps)
    assert all(s.instructions.startswith("look again that the ") for s in third.manual_steps)
    assert third.attested == ()


def test_a_step_has_what_the_form_asks_for_under_the_forms_own_words(komo: app.Options) -> None:
    plan = app.plan(komo)
    workspace = step(plan, "workspace/brand-x-us")
    assert workspace.values == {"Name": "Brand X - US - Production", "Region": "us"}
    assert workspace.where.startswith("Company Settings in the admin panel -> Create Workspace -> name, region and team access")
    assert workspace.where.endswith("set up your first site within it")
    grant = step(plan, "membership/brand-x-us/bob@acme.com")
    assert grant.values == {
        "Workspace": "Brand X - US - Production",
        "Member": "bob@acme.com",
        "Role in the workspace": "editor",
    }
    assert {"member/bob@acme.com", "workspace/brand-x-us"} <= set(grant.waits_for)
    assert grant.command == "orgform attest membership/brand-x-us/bob@acme.com --by EMAIL"
    assert (step(plan, "domain/acme.com").values, step(plan, "company/company").values) == (
        {"Domain": "acme.com"},
        {"Company name": "Acme Corp"},
    )


def test_a_wrong_invite_is_deleted_and_made_again_with_all_its_values(komo: app.Options) -> None:
    done(komo, app.plan(komo))
    changed(komo.folder, "{name: Bob Roy, role: standard}", "{name: Bob B. Roy, role: standard}")
    [again] = app.plan(komo).manual_steps
    assert "delete -> then Invite member" in again.where
    assert again.values == {"E-mail": "bob@acme.com", "Name": "Bob B. Roy", "Role": "viewer"}
    assert again.now == {"Name": "Bob Roy"}
    assert "cannot be corrected" in again.note


def test_what_was_attested_and_is_taken_out_of_the_config_is_to_be_taken_away_even_when_the_word_ran_out(komo: app.Options) -> None:
    done(komo, app.plan(komo))
    changed(komo.folder, ", bob@acme.com: content-lead}", "}")
    for day in (TODAY, LATER):
        plan = app.plan(replace(komo, today=day))
        gone = step(plan, "membership/brand-x-us/bob@acme.com")
        assert (gone.action, gone.after) == ("delete", None)
        assert gone.values == {"Workspace": "Brand X - US - Production", "Member": "bob@acme.com"}
    app.attest(komo, ["membership/brand-x-us/bob@acme.com"], by=ME)
    assert app.plan(komo).manual_steps == ()


def test_the_region_of_a_workspace_that_people_made_never_changes(komo: app.Options) -> None:
    done(komo, app.plan(komo))
    changed(komo.folder, "US - Staging\n    region: us", "US - Staging\n    region: eu")
    assert [g.guard for g in app.plan(komo).refused] == ["immutable"]


def test_an_account_is_closed_with_komo_and_not_by_a_step(komo: app.Options) -> None:
    done(komo, app.plan(komo))
    plan = app.plan(komo, destroy=True)
    assert "company/company" not in [s.address for s in plan.manual_steps]
    assert any("closed with Komo" in d.summary for d in plan.diagnostics)


CONFIG: dict[str, Any] = {
    "company": {"name": "Acme", "primary_domain": "acme.com"},
    "domains": {"acme.com": {}},
    "members": {"a@acme.com": {"role": "owner"}, "b@acme.com": {"role": "owner"}},
    "groups": {"support": {"members": ["a@acme.com"]}},
    "targets": {
        "komo": {"provider": "komo", "kinds": ["company", "workspace", "site", "domain", "member", "membership"]},
        "notes": {"provider": "local", "database": "notes.db", "kinds": ["group"]},
    },
}


def invalid(folder: Path, **more: Any) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        app.validate(app.Options(folder=written(folder, {**CONFIG, **more}), today=TODAY))
    return [f"{d.code} {d.summary}; {d.detail} @ {str(d.source).rpartition('company.yaml')[2]}" for d in caught.value.diagnostics]


def test_what_komo_does_not_have_is_told_at_its_line(tmp_path: Path) -> None:
    workspace = {"name": "X - US - Production", "parent": "y", "description": "d", "members": {"group:support": "member"}}
    told = invalid(tmp_path, workspaces={"x": workspace, "y": {"name": "Y - US - Production"}})
    assert [line.partition(" @ ")[0] for line in told] == [
        "ORG412 Komo has no `parent` for a workspace; remove it here, or give workspace to a target whose platform has it "
        "(this one is `komo`)",
        "ORG412 Komo has no `description` for a workspace; remove it here, or give workspace to a target whose platform has it "
        "(this one is `komo`)",
        "ORG414 Komo has no groups, so support can be no member of a workspace there; write its people one by one",
    ]
    assert all(line.partition(" @ ")[2].startswith(":") for line in told)


def test_a_role_that_komo_has_no_name_for_is_told(tmp_path: Path) -> None:
    told = invalid(tmp_path, workspaces={"x": {"name": "X - US - Production", "members": {"a@acme.com": "manager"}}})
    assert told[0].startswith("ORG415 Komo has no role `manager`; its roles are `viewer`, `editor`, `owner`")


def test_a_name_against_the_convention_is_advice_with_the_name_to_write(komo: app.Options) -> None:
    changed(komo.folder, "name: Brand X - US - Staging", "name: brand x staging")
    valid = app.validate(komo)
    assert warnings(valid.diagnostics) == [
        "ORG416 brand-x-us-staging is named 'brand x staging', which is not 'Brand - Region - Environment': it has 1 of 3 parts"
    ]
    [found] = [d for d in valid.diagnostics if d.code == "ORG416"]
    assert found.detail == "name: X - US - Staging"
    assert str(found.source).endswith(":41:5")


def named(attributes: Attributes, **options: Any) -> list[Finding]:
    spec = find_spec("komo")
    assert spec
    return list(spec.check(Declared(options, {Address("workspace/w"): attributes}, RoleNames(spec.roles, {}))))


LABELS = {"brand": "x", "region": "us", "environment": "production"}


@pytest.mark.parametrize(
    ("name", "labels", "region", "fix"),
    [
        ("Brand X - US - Production", LABELS, None, None),
        ("X - us-east - production", LABELS, None, None),
        ("Whatever - US - Test", {}, None, None),
        ("Brand X - EU - Production", LABELS, None, "name: Brand X - US - Production"),
        ("Brand X - US", LABELS, None, "name: Brand X - US - Production"),
        (None, LABELS, None, "name: X - US - Production"),
        ("Brand X", {"Brand": "Nova Cola", "environment": "qa"}, "eu", "name: Nova Cola - EU - QA"),
        ("Brand X", {"brand": "europe", "environment": "test"}, "eu", "name: Europe - EU - Test"),
        (" - US - Production", LABELS, None, "name: X - US - Production"),
        ("Brand X", {"brand": "x"}, None, "name it so, or write the labels region, environment, of which a name is proposed"),
    ],
)
def test_names_fit_the_convention_or_one_is_proposed(name: str | None, labels: dict[str, str], region: str | None, fix: str | None) -> None:
    found = named({n: v for n, v in {"name": name, "labels": labels, "region": region}.items() if v})
    assert [f.fix.partition(";")[0] for f in found] == ([fix] if fix else [])
    assert all(f.advice and f.path == (("name",) if name else ()) for f in found)


def test_the_proposed_name_is_taken(komo: app.Options) -> None:
    [found] = named({"name": "brand x, american", "labels": LABELS})
    assert named({"name": found.fix.removeprefix("name: "), "labels": LABELS}) == []


def test_the_convention_can_be_another_or_none() -> None:
    assert named({"name": "Brand X - Production"}, naming="Brand - Environment") == []
    assert len(named({"name": "Brand X - US - Production"}, naming="Brand - Environment")) == 1
    assert named({"name": "anything"}, naming=False) == []


def test_labels_stay_in_the_config_and_are_never_planned(komo: app.Options) -> None:
    done(komo, app.plan(komo))
    changed(komo.folder, "labels: {brand: x, region: us, environment: staging}", "labels: {brand: x, environment: staging, team: blue}")
    assert app.plan(komo).manual_steps == ()


def test_the_provider_reads_and_writes_nothing(tmp_path: Path) -> None:
    spec = find_spec("komo")
    assert spec
    context = TargetContext("acme", {}, tmp_path, load_kinds(), lambda name: "")
    provider = spec.open(context)
    assert provider.system == "komo:acme"
    assert spec.open(replace(context, options={"account": "acme-two"})).system == "komo:acme-two"
    [read] = provider.read(["workspace"])
    assert (read.resources, read.complete, read.problem) == ({}, False, "Komo lets nobody read a workspace but people")
    [result] = provider.write([Operation("create", Address("workspace/x"), {"name": "X"})])
    assert (result.status, result.detail) == ("failed", "a workspace has no API to create it here")
