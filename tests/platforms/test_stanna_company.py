"""Companies in Stanna from config to an empty plan: the example of its folder, and one whose workspaces live elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform import app
from orgform.errors import ConfigInvalid, OrgformError
from orgform.testing.fakes.stanna import KEY, Stanna, workspace
from orgform.testing.fakes.stanna import example as populated
from tests.platforms import hands


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stanna]:
    monkeypatch.setenv("STANNA_TOKEN", KEY)
    monkeypatch.setenv("ORGFORM_CACHE", str(tmp_path / "cache"))
    with populated().running() as running:
        yield running


def options(folder: Path, fake: Stanna, **more: object) -> app.Options:
    origin = fake.url.removesuffix("/api")
    return app.Options(folder, variables=(f"url={fake.url}",), today=hands.TODAY, allow_target=(f"stanna={origin}",), **more)  # type: ignore[arg-type]


def test_the_example_is_planned_applied_and_attested(fake: Stanna, tmp_path: Path) -> None:
    folder = hands.example("stanna", tmp_path)
    chosen = options(folder, fake)
    first = app.plan(chosen)
    assert [str(c.address) for c in first.changes] == ["workspace/brand-x", "workspace/brand-y"]
    assert {c.undo for c in first.changes} == {"reversible"}
    assert [(str(o.address), o.attribute) for o in first.observed] == [("workspace/brand-x", "api_keys"), ("workspace/brand-y", "api_keys")]
    assert (first.estimate.quota_of, KEY in str(first)) == ("minute", False)
    _, report = app.apply(chosen)
    assert {o.status for o in report.outcomes} == {"done"}
    there = fake.workspaces["brand-x.example"]
    assert (there["timezone"], there["riskThreshold"], there["dataRetentionDays"], there["defaultWindowDays"]) == (
        "Europe/Berlin",
        35,
        730,
        14,
    )
    assert there["notifications"]["weeklyDigest"] is True
    hands.done(chosen, app.plan(chosen))
    again = app.plan(chosen)
    assert (again.changes, again.manual_steps, again.waiting) == ((), (), ())
    assert {a.by for a in again.attested} == {"dana@acme.com"}


def test_drift_is_seen_and_put_right(fake: Stanna, tmp_path: Path) -> None:
    chosen = options(hands.example("stanna", tmp_path), fake)
    app.apply(chosen)
    fake.workspaces["brand-x.example"]["riskThreshold"] = 90
    fake.workspaces["brand-x.example"]["notifications"]["emailFrom"] = "other@brand-x.example"  # the config does not manage it
    [change] = app.plan(chosen).changes
    assert (change.origin, [f.path for f in change.fields]) == ("drift", ["settings.thresholds.risk_score"])
    app.apply(chosen)
    there = fake.workspaces["brand-x.example"]
    assert (there["riskThreshold"], there["notifications"]["emailFrom"]) == (35, "other@brand-x.example")


def test_a_step_tells_the_way_and_what_to_mind(fake: Stanna, tmp_path: Path) -> None:
    made = app.plan(options(hands.example("stanna", tmp_path), fake))
    domain = hands.step(made, "domain/brand-x-labs.example")
    assert domain.where == "Settings -> Workspace -> Add Domain -> verify the ownership as it asks"
    assert "OAuth tokens remain tied to the original domain: re-authenticate the integrations" in domain.note
    assert domain.values["Domain"] == "brand-x-labs.example"
    assert "attest" in domain.command
    parent = hands.step(made, "workspace/brand-y")
    assert parent.values == {"Parent workspace": "Brand X"}


def test_a_renamed_workspace_is_a_step_that_is_read_back(fake: Stanna, tmp_path: Path) -> None:
    folder = hands.example("stanna", tmp_path)
    chosen = options(folder, fake)
    app.apply(chosen)
    hands.changed(folder, "name: Brand X\n", "name: Brand X Europe\n")
    renamed = hands.step(app.plan(chosen), "workspace/brand-x")
    assert renamed.values == {"Workspace Name": "Brand X Europe"}
    assert "the workspaceId stays" in renamed.note
    assert (renamed.verify, renamed.command) == ("the next plan reads it back", "")
    fake.workspaces["brand-x.example"]["workspaceName"] = "Brand X Europe"
    assert "workspace/brand-x" not in [a for _, a in hands.asked(app.plan(chosen))]


def settings_only(folder: Path, fake: Stanna, **settings: object) -> app.Options:
    """Workspaces here, their settings in Stanna."""
    document: dict[str, object] = {
        "company": {"name": "Acme", "primary_domain": "acme.example"},
        "domains": {"acme.example": {}},
        "variables": {"url": {"type": "string"}},
        "targets": {
            "stanna": {
                "provider": "stanna",
                "url": "{{ url }}",
                "token": "env:STANNA_TOKEN",
                "kinds": ["workspace.settings"],
                "workspaces": {"one": "brand-x.example"},
            },
            "company": {"provider": "local", "database": "company.db"},
        },
        "workspaces": {"one": {"name": "One", "settings": settings}, "none": {"name": "None"}},
    }
    return options(hands.written(folder, document), fake)


def test_settings_of_workspaces_that_live_elsewhere(fake: Stanna, tmp_path: Path) -> None:
    chosen = settings_only(tmp_path / "co", fake, timezone="UTC", notifications={"channels.email": False})
    app.apply(chosen)
    assert fake.workspaces["brand-x.example"]["notifications"]["channels"] == {"email": False}
    assert {e.call.first("workspaceId") for e in fake.exchanges} == {"brand-x.example"}
    again = app.plan(chosen)
    assert (again.changes, again.manual_steps, again.diagnostics) == ((), (), ())
    settings_only(tmp_path / "co", fake, timezone="UTC")  # what is not written any more stays as it is there
    app.apply(chosen)
    assert not app.plan(chosen).changes
    assert fake.workspaces["brand-x.example"]["notifications"]["channels"] == {"email": False}


def test_a_workspace_that_stanna_does_not_have_is_told(fake: Stanna, tmp_path: Path) -> None:
    del fake.workspaces["brand-x.example"]
    made = app.plan(settings_only(tmp_path / "co", fake, timezone="UTC"))
    assert "workspace.settings/one" not in [str(c.address) for c in made.changes]
    [told] = [d for d in made.diagnostics if d.code == "ORG506"]
    assert "there is no workspace of that id" in told.summary
    written = (tmp_path / "co" / "company.yaml").read_text().splitlines()
    assert told.source is not None
    assert (told.source.file, written[told.source.line - 1].strip()) == ("company.yaml", "one:")


def test_a_misspelled_setting_is_told_at_its_line_before_any_call(fake: Stanna, tmp_path: Path) -> None:
    folder = hands.example("stanna", tmp_path)
    hands.changed(folder, "scoreDropPct: 15", "scoredroppct: 15")
    with pytest.raises(ConfigInvalid) as e:
        app.plan(options(folder, fake))
    [told] = e.value.diagnostics
    assert (told.code, told.detail) == ("ORG414", "did you mean `scoreDropPct`?")
    assert told.source is not None
    line = (folder / "company.yaml").read_text().splitlines()[told.source.line - 1]
    assert "scoredroppct" in line
    assert fake.exchanges == []


def test_an_apply_does_not_begin_where_the_days_quota_is_used_up(fake: Stanna, tmp_path: Path) -> None:
    folder = hands.example("stanna", tmp_path)
    with Stanna(fake.workspaces, per_day=10_000).running() as counted:
        counted.used["brand-x.example", (int(time.time()) // 86_400 + 1) * 86_400] = 9_998  # two are left to plan with, and none to write
        with pytest.raises(OrgformError) as e:
            app.apply(options(folder, counted))
        assert "Stanna: all 10,000 requests of this day are used up; the next day's begin at 00:00 UTC" in e.value.message
        assert [x.call.method for x in counted.exchanges] == ["GET"] * len(counted.exchanges)
        assert max(x.told.status for x in counted.exchanges) == 200, "it was never asked for more than there was"


def test_keys_of_their_own_are_references_in_a_config(fake: Stanna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.keys["brand-y"] = "sk-of-y"
    monkeypatch.setenv("STANNA_TOKEN_Y", "sk-of-y")
    folder = hands.example("stanna", tmp_path)
    hands.changed(folder, "    # Where each workspace has a key of its own: tokens:", "    tokens:")
    chosen = options(folder, fake)
    _, report = app.apply(chosen)
    assert [(str(o.address), o.status) for o in report.outcomes] == [("workspace/brand-x", "done"), ("workspace/brand-y", "done")]
    hands.changed(folder, "tokens: {brand-y: env:STANNA_TOKEN_Y}", "tokens: {brand-y: sk-of-y}")
    with pytest.raises(ConfigInvalid) as e:
        app.plan(chosen)
    assert [(d.code, d.summary) for d in e.value.diagnostics] == [("ORG404", "`tokens.brand-y` is a secret in plain text")]
    assert "sk-of-y" not in str(e.value.diagnostics)


def test_workspace_of_the_fake_is_as_documented() -> None:
    assert set(workspace("X", "x.example")) == {
        "workspaceName",
        "domain",
        "timezone",
        "currency",
        "defaultWindowDays",
        "riskThreshold",
        "dataRetentionDays",
        "notifications",
    }
