"""What the scenarios do not show: several targets, secrets, what is told besides the changes, where inputs contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orgform.diagnostics import Source
from orgform.errors import ConfigInvalid
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attribution, Base, Change, Desired, Lifecycle, Live, Move, PlanTarget, Policy
from orgform.planning import PlanInputs, TargetState, make_plan
from orgform.planning.diff import fingerprint, project, same
from orgform.planning.scope import relabel, renames_of
from orgform.providers.base import Capabilities, KindCapability
from orgform.testing.scenarios import UPDATE, run
from tests.planning.worlds import KINDS, inputs, plan, steps, target

X = "workspace/x"
SECRET_KIND: dict[str, Any] = {
    "x-kind": "hook",
    "x-collection": "hooks",
    "x-key": {"name": "key"},
    "properties": {"url": {"type": "string"}, "token": {"type": "string", "x-sensitive": True}},
}


def only_change(*states: Any, **more: Any) -> Change:
    (change,) = plan(*states, **more).changes
    return change


def test_the_before_of_a_change_shows_every_managed_field_and_its_precondition_stands_for_it() -> None:
    live = {"name": "Old", "description": "not ours", "labels": {"a": "1", "hand": "2"}}
    change = only_change({X: {"name": "New", "parent": None, "region": "us", "labels": {"a": "2"}}}, {X: live}, {X: {"name": "Old"}})
    assert change.before == {"labels": {"a": "1"}, "name": "Old", "parent": None, "region": None}
    assert change.after == {"name": "New", "parent": None, "region": "us", "labels": {"a": "2"}}
    assert change.precondition == fingerprint(project(change.before, live, KINDS["workspace"]))


def test_a_create_must_not_exist_and_a_delete_shows_what_goes() -> None:
    made = plan({X: {"name": "X"}}, {"tag/y/t": {"color": "red", "name": "hand"}, "workspace/y": {}}, {"tag/y/t": {"color": "red"}})
    create, delete = made.changes
    assert (create.before, create.precondition, create.label) == (None, None, "X")
    assert (delete.before, delete.after, delete.label) == ({"color": "red"}, None, "hand")
    assert delete.precondition == fingerprint({"color": "red"})


def test_what_is_left_alone_and_goes_with_what_is_deleted_is_told() -> None:
    alone = Desired({"name": "X"}, lifecycle=Lifecycle(ignore=("members",)))
    there = {X: {"name": "X"}, "member/a@acme.com": {}, "membership/x/a@acme.com": {"role": "member"}}
    (delete,) = plan({X: alone}, there, there).changes
    assert (delete.action, delete.address) == ("delete", "member/a@acme.com")
    assert "membership/x/a@acme.com goes with it, which the config does not have" in delete.because


def test_what_names_another_one_that_goes_too_goes_first_though_nobody_manages_by_what() -> None:
    role: dict[str, Any] = {"scope": "workspace"}
    made = plan(
        {}, {"role/high": role, "role/low": {**role, "extends": "high", "permissions": ["p"]}}, {"role/high": role, "role/low": role}
    )
    assert [(c.address, c.before) for c in made.changes] == [("role/low", {**role, "extends": "high"}), ("role/high", role)]
    assert made.changes[0].precondition == fingerprint({**role, "extends": "high"})


RENAMED = "ORG513"
WEST: dict[str, Any] = {"name": "West", "labels": {"a": "x"}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"workspace/west": WEST}, {"workspace/occident": {"name": "West"}}),
        ({"member/ann@acme.com": {"name": "Ann Lee"}}, {"member/ann.lee@acme.com": {"name": "Ann Lee", "role": "admin"}}),
        ({"group/g": {"members": ["a@acme.com"]}}, {"group/h": {"members": ["a@acme.com"]}}),
        ({X: {}, "tag/x/a": {"name": "VIP"}}, {X: {}, "tag/x/b": {"name": "VIP"}}),
    ],
)
def test_what_looks_like_a_rename_is_told(old: dict[str, Any], new: dict[str, Any]) -> None:
    (told,) = (d for d in plan(new, old, old).diagnostics if d.code == RENAMED)
    gone, come = (old.keys() - new.keys()).pop(), (new.keys() - old.keys()).pop()
    assert (told.severity, told.address) == ("warning", come)
    assert f"`moved: [{{from: {gone}, to: {come}}}]`" in told.detail


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"workspace/west": WEST}, {"workspace/occident": {"name": "Occident"}}),
        ({"workspace/west": WEST}, {"workspace/a": {"name": "West"}, "workspace/b": {"name": "West"}}),
        ({"workspace/west": WEST, "tag/west/a": {"name": "VIP"}}, {"workspace/east": {"name": "East"}, "tag/east/a": {"name": "VIP"}}),
        ({"group/g": {"members": []}}, {"group/h": {"members": []}}),
        ({X: {}, "inbox/x/a": {"name": "VIP"}}, {X: {}, "tag/x/a": {"name": "VIP"}}),
    ],
)
def test_what_looks_like_none_is_none(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert [d for d in plan(new, old, old).diagnostics if d.code == RENAMED] == []


def test_label_and_source_are_for_people() -> None:
    wanted = Desired({"name": "New"}, source=Source("a/b.yaml", 3, 5))
    change = only_change({X: wanted}, {X: {"name": "Old"}}, {})
    assert (change.label, change.source, change.reversible) == ("New", "a/b.yaml:3:5", True)
    gone = only_change({}, {X: {"name": "Old"}}, {X: {}})
    assert (gone.label, gone.source, gone.reversible) == ("Old", "", False)


def test_a_domain_is_labelled_in_its_own_letters() -> None:
    assert only_change({"domain/xn--mnchen-3ya.de": {}}, {}, {}).label == "münchen.de"
    assert only_change({"domain/xn--99999999.de": {}}, {}, {}).label == ""
    assert only_change({"domain/acme.com": {}}, {}, {}).label == ""


def test_who_did_it_is_told_of_drift_only() -> None:
    who = {Address(X): Attribution("dana@acme.com", "2026-11-20T14:02:00Z")}
    assert only_change({X: {"name": "X"}}, {X: {"name": "Y"}}, {X: {"name": "X"}}, attributions=who).attribution == who[Address(X)]
    assert only_change({X: {"name": "Y"}}, {X: {"name": "X"}}, {X: {"name": "X"}}, attributions=who).attribution is None


def test_secrets_are_taken_to_be_as_last_applied() -> None:
    kinds = Kinds([Kind(SECRET_KIND)])

    def planned(secret: str, base: dict[str, str] | None) -> list[Change]:
        state = TargetState("fake", "fake:acme", frozenset({"hook"}))
        wanted = {"hook/h": {"url": "u", "token": secret}}
        known = {} if base is None else {"hook/h": base}
        return list(make_plan(inputs(wanted, {"hook/h": {"url": "u"}}, known, state=state), kinds).changes)

    assert planned("env:A", {"url": "u", "token": "env:A"}) == []
    (changed,) = planned("env:B", {"url": "u", "token": "env:A"})
    assert [(f.path, f.origin) for f in changed.fields] == [("token", "config")]
    (adopted,) = planned("env:A", None)
    assert [(f.path, f.origin) for f in adopted.fields] == [("token", "new")]


def test_each_kind_belongs_to_one_target_and_what_no_target_takes_is_left_out() -> None:
    people = TargetState("idp", "https://idp", frozenset({"member"}), {"member": "a page failed"})
    flags = TargetState("flags", "https://flags", frozenset({"feature"}))
    made = make_plan(
        PlanInputs(
            desired={Address("member/a@x.io"): Desired({}), Address("feature/f"): Desired({}), Address(X): Desired({})},
            live={},
            base={Address("gone_kind/y"): Base({}), Address("tag/x/t"): Base({})},
            targets={"people": people, "flags": flags},
        ),
        KINDS,
    )
    assert {(c.address, c.target) for c in made.changes} == {("member/a@x.io", "people"), ("feature/f", "flags")}
    assert made.targets == {"flags": PlanTarget("flags", True, "https://flags"), "people": PlanTarget("idp", False, "https://idp")}
    assert made.ledger.forget == ()


def test_an_admin_of_a_target_that_is_not_read_counts_as_active() -> None:
    state = TargetState("fake", "fake:acme", frozenset({"workspace", "membership"}))
    live = {X: {}, "membership/x/a@x.io": {"role": "admin"}, "membership/x/b@x.io": {"role": "admin"}}
    made = plan({X: {}, "membership/x/a@x.io": {"role": "admin"}}, live, live, state=state)
    assert {v.guard: v.verdict for v in made.guards}["workspace-admins"] == "passed"


def test_the_estimate_counts_pages_and_batches_at_the_targets_rate() -> None:
    able = {"workspace": KindCapability(), "tag": KindCapability(), "site": KindCapability(read="none")}
    can = Capabilities(kinds=able, batch=2, page=2, seconds_per_call=0.5, requests_per_minute=60)
    live = {f"workspace/w{i}": {} for i in range(5)}
    made = plan({**live, "workspace/a": {}, "workspace/b": {}, "workspace/c": {}}, live, live, state=target(capabilities=can))
    assert (made.estimate.api_calls, made.estimate.seconds, made.estimate.quota_percent) == (3 + 1 + 2, 6.0, 10.0)
    assert plan(live, live, live).estimate.api_calls == 0


def test_what_has_no_api_is_a_step_for_people_and_what_does_not_exist_is_said() -> None:
    able = {"workspace": KindCapability(create="manual"), "site": KindCapability(read="none", delete="manual")}
    state = target(capabilities=Capabilities(kinds=able))
    live = {"site/y/main": {"name": "Main"}, "workspace/y": {}}
    made = plan({X: {"name": "X"}, "tag/y/t": {}, "workspace/y": {}}, live, live, state=state)
    assert [(s.address, s.instructions, s.why, s.values, s.verify) for s in made.manual_steps] == [
        (X, "create the workspace X by hand", "fake has no API for that", {"name": "X"}, "the next plan reads it back"),
        (
            "site/y/main",
            "delete the site Main by hand",
            "fake has no API for that",
            {},
            "nothing shows here that it is gone: whoever took it away attests it",
        ),
    ]
    assert (made.changes, made.summary["manual"]) == ((), 2)
    assert [(d.code, d.address) for d in made.diagnostics] == [("ORG506", "tag/y/t")]


def test_a_step_that_takes_something_away_says_how_that_is_seen() -> None:
    there = {"workspace/y": {}, X: {}}
    for can, checked in (
        (KindCapability(delete="manual"), "the next plan finds it gone"),
        (KindCapability(read="file", delete="manual"), "the next plan finds it gone from the downloaded file"),
        (KindCapability(read="file", checked_by="the list", delete="manual"), "the next plan finds it gone from the list"),
    ):
        made = plan({"workspace/y": {}}, there, there, state=target(capabilities=Capabilities(kinds={"workspace": can})))
        assert [(s.action, s.address, s.verify, s.command) for s in made.manual_steps] == [("delete", X, checked, "")]


def test_what_nobody_can_do_is_told_at_its_line() -> None:
    state = target(capabilities=Capabilities(kinds={"workspace": KindCapability(delete="none")}))
    live = {"workspace/y": {}, X: {}}
    made = plan({"workspace/y": {}, "tag/y/t": Desired({}, Source("company.yaml", 7, 5))}, live, live, state=state)
    told = [(d.address, str(d.source or "")) for d in made.diagnostics if d.code == "ORG506"]
    assert sorted(told) == [("tag/y/t", "company.yaml:7:5"), (X, "")]


def test_an_allowed_guard_says_by_what() -> None:
    live = {"group/g": {"members": ["a@x.io"]}, "member/a@x.io": {}}
    made = plan({**live, "group/g": {"members": None}}, live, live, allow=("deletes:group/*",))
    (verdict,) = [v for v in made.guards if v.guard == "deletes"]
    assert verdict.verdict == "passed"
    assert verdict.summary == "no more is deleted than passes by itself, besides what --allow deletes:group/* names"


def test_a_plan_that_takes_no_access_judges_none_of_it() -> None:
    made = plan({X: {"name": "Y"}}, {X: {"name": "X"}}, {X: {"name": "X"}}, state=target(own_member=Address("member/a@x.io")))
    assert [v.guard for v in made.guards] == ["own-access", "immutable"]
    assert [v.guard for v in plan({"tag/x/t": {}}, {}, {}, state=target(own_member=Address("member/a@x.io"))).guards] == []


def test_the_own_account_may_lose_a_workspace_that_is_deleted_as_a_whole() -> None:
    own = Address("member/a@x.io")
    live = {own: {}, X: {}, "workspace/y": {}, "membership/x/a@x.io": {"role": "admin"}}
    made = plan({own: {}, "workspace/y": {}}, live, live, state=target(own_member=own), allow=("deletes:*",))
    assert {v.guard: v.verdict for v in made.guards}["own-access"] == "passed"
    gone = plan({X: {}, "workspace/y": {}}, live, live, state=target(own_member=own))
    (verdict,) = [v for v in gone.refused if v.guard == "own-access"]
    assert verdict.items[0] == "member/a@x.io: standard in the company would become nothing"


def test_protection_survives_its_block_and_falls_only_by_word() -> None:
    live = {X: {"name": "X"}}
    guarded = {X: Base({"name": "X"}, prevent_destroy=True)}
    kept = plan({X: {"name": "Y"}}, live, guarded)
    assert kept.ledger.protect == (X,)
    lifted = plan({X: Desired({"name": "Y"}, lifecycle=Lifecycle(prevent_destroy=False))}, live, guarded)
    assert lifted.ledger.protect == ()
    destroyed = plan({X: Desired({"name": "X"}, lifecycle=Lifecycle(prevent_destroy=True))}, live, live, destroy=True)
    assert "prevent-destroy" in {v.guard for v in destroyed.refused}


def test_destroy_leaves_what_is_renamed_under_its_old_name() -> None:
    moved = (Move(Address("workspace/old"), Address(X)),)
    made = plan({X: {}}, {"workspace/old": {}}, {"workspace/old": {}}, moved=moved, destroy=True)
    assert steps(made) == ["delete workspace/old"]


def test_both_live_names_the_place_of_the_move() -> None:
    move = Move(Address("workspace/old"), Address(X), Source("a.yaml", 2, 1))
    with pytest.raises(ConfigInvalid) as error:
        plan({X: {}}, {X: {}, "workspace/old": {}}, {}, moved=(move,))
    (diagnostic,) = error.value.diagnostics
    assert (diagnostic.code, str(diagnostic.source)) == ("ORG503", "a.yaml:2:1")


def test_a_rename_of_what_nobody_applied_is_new() -> None:
    change = only_change({X: {"name": "X"}}, {"workspace/old": {"name": "X"}}, None, moved=(Move(Address("workspace/old"), Address(X)),))
    assert (change.action, change.origin, change.moved_from, change.fields) == ("update", "new", "workspace/old", ())


def test_relabelled_resources_keep_what_is_not_concerned() -> None:
    live = {
        Address("workspace/old"): Live({}),
        Address("workspace/kid"): Live({"parent": "old"}),
        Address("membership/old/group:old"): Live({"role": "member"}),
        Address("domain/d.io"): Live({"auto_join": {"workspace": "old", "role": "viewer"}}),
        Address("unknown/old"): Live({"parent": "old"}),
    }
    found = relabel(live, {Address("workspace/old"): Address(X)}, KINDS)
    assert {a: r.attributes for a, r in found.items()} == {
        X: {},
        "workspace/kid": {"parent": "x"},
        "membership/x/group:old": {"role": "member"},
        "domain/d.io": {"auto_join": {"workspace": "x", "role": "viewer"}},
        "unknown/old": {"parent": "old"},
    }
    assert found[Address("membership/x/group:old")] is live[Address("membership/old/group:old")]
    both = {Address("workspace/old"): Base({"name": "a"}), Address(X): Base({"name": "b"})}
    assert relabel(both, {Address("workspace/old"): Address(X)}, KINDS) == {X: Base({"name": "b"})}


def test_the_renames_of_a_plan() -> None:
    made = plan({X: {}}, {"workspace/old": {}}, {"workspace/old": {}}, moved=(Move(Address("workspace/old"), Address(X)),))
    assert renames_of(made) == {"workspace/old": X}


def test_ignored_and_seeded_fields_may_lie_inside_maps() -> None:
    lifecycle = Lifecycle(ignore=("labels.a", "settings.thresholds.risk", "name.no-map"))
    wanted = Desired({"name": "X", "labels": {"a": "1"}, "settings": {"timezone": "UTC"}}, lifecycle=lifecycle)
    live = {X: {"name": "X", "labels": {"a": "hand"}, "settings": {"timezone": "UTC", "thresholds": {"risk": 5}}}}
    base = {X: {"name": "X", "labels": {"a": "1"}, "settings": {"timezone": "UTC", "thresholds": {"risk": 1}}}}
    assert plan({X: wanted}, live, base).changes == ()


def test_a_field_that_its_kind_cannot_be_created_without_is_sent_though_ignored() -> None:
    wanted = Desired({"type": "boolean", "default": False, "description": "D"}, lifecycle=Lifecycle(ignore=("default", "description")))
    assert only_change({"feature/f": wanted}, {}, {}).after == {"type": "boolean", "default": False}


def test_empty_is_empty_however_it_is_written() -> None:
    assert same(None, []) and same({}, None) and same([], {}) and not same(None, False) and not same(None, 0) and not same(None, "")
    assert plan({"group/g": {"members": [], "name": None}}, {"group/g": {}}, {"group/g": {"members": [], "name": None}}).changes == ()


def test_authoritative_kinds_are_not_emptied_by_destroy() -> None:
    live = {X: {}, "tag/x/hand": {}}
    made = plan({X: {}}, live, {X: {}}, policy=Policy(authoritative=("tag",)), destroy=True)
    assert steps(made) == ["delete workspace/x"]
    assert made.changes[0].because[-1] == "tag/x/hand goes with it, which the config does not have"


def scenario(folder: Path, expected: str) -> Path:
    (folder / "config").mkdir()
    text = "orgform: 1\ntargets: {acme: {provider: fake}}\ncompany: {name: Acme, primary_domain: acme.com}\ndomains: {acme.com: {}}\n"
    (folder / "config" / "company.yaml").write_text(text)
    (folder / "live.yaml").write_text("domain/acme.com: {}\n")
    if expected:
        (folder / "expected.yaml").write_text(expected)
    return folder


def test_a_scenario_says_what_came_instead(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"unmanaged\nexpected:\n- tag/x/t\n"):
        run(scenario(tmp_path, "unmanaged: [tag/x/t]\n"))


def test_a_scenario_without_an_expectation_says_how_to_write_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(UPDATE, raising=False)
    with pytest.raises(AssertionError, match=UPDATE):
        run(scenario(tmp_path, ""))
    monkeypatch.setenv(UPDATE, "1")
    run(tmp_path)
    monkeypatch.delenv(UPDATE)
    run(tmp_path)
    assert "create: company/company" in (tmp_path / "expected.yaml").read_text()


F = "feature_value/x/f"


@pytest.mark.parametrize(
    ("was", "wanted"), [({"on": True}, {"on": 1}), (True, 1), ({"__t": "a"}, {"__t": "b"}), ({"n": 1e-13}, {"n": 2e-13})]
)
def test_no_difference_of_a_value_is_too_small_to_be_planned(was: Any, wanted: Any) -> None:
    (change,) = plan({X: {}, F: {"value": wanted}}, {X: {}, F: {"value": was}}, {X: {}, F: {"value": was}}).changes
    assert (change.address, change.after) == (F, {"value": wanted})
    assert change.fields[0].path.startswith("value")


def test_an_integer_is_the_same_number_as_a_float() -> None:
    assert plan({X: {}, F: {"value": {"n": 1}}}, {X: {}, F: {"value": {"n": 1.0}}}, {X: {}, F: {"value": {"n": 1}}}).changes == ()


def test_an_immutable_field_that_was_never_set_may_be_set() -> None:
    assert plan({X: {"region": "us"}}, {X: {}}, {X: {}}).refused == ()
    assert [g.guard for g in plan({X: {"region": "us"}}, {X: {"region": "eu"}}, {X: {"region": "eu"}}).refused] == ["immutable"]


def test_a_delete_that_something_unmanaged_still_names_is_told_before_it_is_tried() -> None:
    joining = {"auto_join": {"workspace": "x", "role": "viewer"}}
    live = {X: {"name": "X"}, "domain/acme.com": joining}
    let_go = plan({"domain/acme.com": {}}, live, live)
    assert [(d.code, d.severity, d.address) for d in let_go.diagnostics if d.code == "ORG507"] == [("ORG507", "warning", "domain/acme.com")]
    assert "auto_join: null" in next(d.detail for d in let_go.diagnostics if d.code == "ORG507")
    unmanaged = plan({}, live, {X: {"name": "X"}})
    assert "declare it" in next(d.detail for d in unmanaged.diagnostics if d.code == "ORG507")
    cleared = plan({"domain/acme.com": {"auto_join": None}}, live, live)
    assert [d.code for d in cleared.diagnostics] == []


def test_the_estimate_tells_of_a_day_that_does_not_suffice() -> None:
    """A minute's quota only makes wait; a day's refuses."""
    live = {f"workspace/w{i}": {} for i in range(5)}

    def estimated(minute: int | None, day: int) -> tuple[float | None, str, float]:
        can = Capabilities(
            kinds={"workspace": KindCapability()}, page=10, seconds_per_call=1, requests_per_minute=minute, requests_per_day=day
        )
        made = plan({**live, "workspace/a": {}, "workspace/b": {}}, live, live, state=target(capabilities=can)).estimate
        return made.quota_percent, made.quota_of, made.seconds

    assert estimated(60, 1000) == (5.0, "minute", 3.0)
    assert estimated(None, 1000) == (0.3, "day", 3.0)
    assert estimated(60, 2) == (150.0, "day", 86_400.0)
