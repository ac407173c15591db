"""What is written is judged as a whole before it is: here with results that no adoption should ever make."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgform.adopt import Wanted
from orgform.codec import replace
from orgform.diagnostics import Source
from orgform.errors import OrgformError
from orgform.folders import texts_in
from orgform.kinds import load_kinds
from orgform.model import Address, Base, Config, Desired, Lifecycle, Live
from orgform.planning import PlanInputs, TargetState, make_plan
from orgform.rewrite import Judge, check_unchanged, diff
from tests.drift.company import Company

KINDS = load_kinds()
BOB, EVE, HQ, TAG = (Address(a) for a in ("member/bob@acme.com", "member/eve@acme.com", "workspace/hq", "tag/hq/vip"))
OLD = {
    BOB: Desired({"name": "Bob", "title": None, "labels": {"a": "b"}}, Source("company.yaml", 4, 3)),
    HQ: Desired({"name": "HQ"}),
    TAG: Desired({"name": "VIP"}),
}


def told(new: dict[Address, Desired], wanted: Wanted) -> list[tuple[str, str]]:
    judge = Judge(Config(OLD, {}, {}), Config(new, {}, {}), wanted, KINDS)
    return [(r.address, r.reason) for r in judge.declared()]


@pytest.mark.parametrize(
    ("new", "wanted", "expected"),
    [
        (OLD, Wanted(), []),
        ({**OLD, BOB: Desired({"name": "Bob", "labels": {"a": "b"}, "title": None})}, Wanted(), []),
        ({BOB: OLD[BOB]}, Wanted(gone=(HQ,)), []),
        ({BOB: OLD[BOB], HQ: OLD[HQ]}, Wanted(), [(TAG, "it would no longer be declared")]),
        ({**OLD, EVE: Desired({})}, Wanted(), [(EVE, "it would be declared, too")]),
        ({**OLD, EVE: Desired({})}, Wanted(came={EVE: Live({})}), []),
        (OLD, Wanted(came={EVE: Live({})}), [(EVE, "it would still not be declared")]),
        (OLD, Wanted(gone=(TAG,)), [(TAG, "it would still be declared there, by a template or a `for_each`; take it out by hand")]),
        ({**OLD, HQ: Desired({"name": "X"})}, Wanted(), [(HQ, "its `name` would change, too")]),
        ({**OLD, HQ: Desired({"name": "X"})}, Wanted(values={HQ: {("name",): "X"}}), []),
        ({**OLD, HQ: Desired({"name": "Y"})}, Wanted(values={HQ: {("name",): "X"}}), [(HQ, "its `name` would come out as another value")]),
        ({**OLD, HQ: Desired({})}, Wanted(values={HQ: {("name",): None}}), []),
        ({**OLD, HQ: Desired({"name": "HQ"}, until="2030-01-01")}, Wanted(), [(HQ, "its `until` or `reason` would become another one")]),
        ({**OLD, HQ: replace(OLD[HQ], lifecycle=Lifecycle(ignore=("name",)))}, Wanted(ignored={HQ: ("name",)}), []),
        (
            {**OLD, HQ: replace(OLD[HQ], lifecycle=Lifecycle(seed=("name",)))},
            Wanted(ignored={HQ: ("name",)}),
            [(HQ, "its `lifecycle` would become another one")],
        ),
    ],
)
def test_exactly_what_was_wanted(new: dict[Address, Desired], wanted: Wanted, expected: list[tuple[str, str]]) -> None:
    assert told(new, wanted) == expected


def planned(live: dict[Address, Live], new: dict[Address, Desired], wanted: Wanted) -> list[tuple[str, str]]:
    """With everything applied as `OLD` has it."""
    base = {address: Base({k: v for k, v in d.attributes.items() if v is not None}) for address, d in OLD.items()}
    inputs = PlanInputs(OLD, live, {"acme": TargetState("fake", "fake:acme", frozenset(KINDS))}, base)
    made = make_plan(inputs, KINDS)
    judge = Judge(Config(OLD, {}, {}), Config(new, {}, {}), wanted, KINDS)
    return [(r.address, r.reason) for r in judge.planned(inputs, made)]


LIVE = {BOB: Live({"name": "Bob", "labels": {"a": "c"}}), HQ: Live({"name": "X"})}


def test_the_next_plan_has_nothing_of_it_left() -> None:
    names = Wanted(values={HQ: {("name",): "X"}})
    assert planned(LIVE, {**OLD, HQ: Desired({"name": "X"})}, names) == []
    assert planned(LIVE, OLD, names) == [(HQ, "the next plan would change `name`")]
    assert planned(LIVE, OLD, Wanted(values={BOB: {("labels", "a"): "c"}})) == [(BOB, "the next plan would change `labels.a`")]
    assert planned(LIVE, OLD, Wanted(ignored={BOB: ("labels",)})) == [(BOB, "the next plan would change `labels.a`")]
    assert planned(LIVE, OLD, Wanted(gone=(TAG,))) == [(TAG, "the next plan would create it")]


def test_the_next_plan_has_nothing_new() -> None:
    new = {**OLD, BOB: Desired({"name": "Robert", "labels": {"a": "b"}}), EVE: Desired({"name": "Eve"})}
    assert sorted(planned(LIVE, new, Wanted())) == [(BOB, "the next plan would change `name`"), (EVE, "the next plan would create it")]


def test_a_diff_of_files_without_a_last_line_end() -> None:
    assert diff("a.yaml", "x: 1", "x: 2") == (
        "--- a/a.yaml\n+++ b/a.yaml\n@@ -1 +1 @@\n-x: 1\n\\ No newline at end of file\n+x: 2\n\\ No newline at end of file\n"
    )
    assert diff("n.yaml", None, "x: 1\n") == "--- /dev/null\n+++ b/n.yaml\n@@ -0,0 +1 @@\n+x: 1\n"


def test_what_an_editor_saved_meanwhile_is_not_lost(acme: Company, tmp_path: Path) -> None:
    texts = texts_in(acme.folder)
    check_unchanged(acme.options, texts)
    acme.edit("Headquarters", "Head office")
    with pytest.raises(OrgformError, match="changed meanwhile"):
        check_unchanged(acme.options, texts)
