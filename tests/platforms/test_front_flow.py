"""Front through the whole of orgform: the example, its steps, what people attest, and what a config is told before any call."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from orgform import app
from orgform.diagnostics import Diagnostic
from orgform.errors import ConfigInvalid
from orgform.testing.fakes import front
from tests.platforms.front_company import checked

EXAMPLE = Path(__file__).parents[2] / "examples" / "platforms" / "front"
TODAY = date(2026, 12, 1)
SELF = "membership/operations/alice@acme.example"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONT_TOKEN", front.TOKEN)
    monkeypatch.setenv("ORGFORM_CACHE", "")
    monkeypatch.delenv("ORGFORM_LEDGER", raising=False)


@pytest.fixture
def fake() -> Iterator[front.Front]:
    with checked(front.example()) as running:
        yield running


@pytest.fixture
def options(fake: front.Front, tmp_path: Path) -> app.Options:
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "front", ignore=shutil.ignore_patterns("*.db", ".orgform")))
    return app.Options(folder=folder, variables=(f"url={fake.url}",), allow_target=(f"front={fake.url}",), today=TODAY, max_wait=0.05)


def test_the_example_is_applied_and_its_steps_are_done(fake: front.Front, options: app.Options) -> None:
    made, report = app.apply(options)
    assert report.outcome == "done"
    # Alice is in operations already, as what nothing shows; nobody wrote a role for Bob's group.
    assert [(i.member, i.workspace, i.role) for i in made.access.unclear] == [("alice@acme.example", "operations", "admin")]
    assert ("bob@acme.example", "operations", "", "group:night") in [(i.member, i.workspace, i.role, i.path) for i in made.access.gained]
    assert not made.access.lost
    assert [s.address for s in made.manual_steps] == [
        "member/erin@acme.example",
        "role/lead",
        SELF,
        "membership/brokering/carol@acme.example",
    ]
    again = app.plan(options)
    assert again.changes == ()
    assert [w.change.address for w in again.waiting] == ["membership/brokering/carol@acme.example"]

    fake.add_teammate("erin@acme.example", "Erin", "Fox")
    app.attest(options, ["role/lead", SELF], by="alice@acme.example", evidence="TICKET-1")
    made, report = app.apply(options)
    assert [(o.address, o.status) for o in report.outcomes] == [("membership/brokering/carol@acme.example", "done")]
    app.attest(options, ["membership/brokering/carol@acme.example"], by="alice@acme.example")

    last = app.plan(options)
    assert (last.changes, last.manual_steps, last.waiting) == ((), (), ())
    assert sorted(a.address for a in last.attested) == ["membership/brokering/carol@acme.example", SELF, "role/lead"]
    there = {(i.member, i.workspace): i.role for i in app.access(options, live=True) if i.path == "direct"}
    assert there["alice@acme.example", "operations"] == "admin" and there["bob@acme.example", "operations"] == ""


def test_a_step_has_fronts_own_words(options: app.Options) -> None:
    steps = {s.address: s for s in app.plan(options).manual_steps}
    lead = steps["membership/brokering/carol@acme.example"]
    assert lead.values == {"Workspace role": "Team lead"}
    assert lead.where.startswith("gear icon > Company settings > Teammates")
    assert steps[SELF].values == {"Workspace role": "workspace admin"}
    assert steps["member/erin@acme.example"].values == {"Email": "erin@acme.example", "Name": "Erin Fox", "Role": "member"}
    assert steps["member/erin@acme.example"].command == ""


def test_nothing_lands_in_the_oldest_workspace(fake: front.Front, options: app.Options) -> None:
    app.apply(options)
    scopes = {e.call.path.split("/")[1] for e in fake.exchanges if e.call.method == "POST"}
    assert scopes <= {"teams", "teammate_groups", "shifts"}


def test_who_is_new_in_a_workspace_is_there_before_their_shift(fake: front.Front, options: app.Options) -> None:
    """Front refuses a shift of people who are not in its workspace."""
    file = options.folder / "company.yaml"
    text = file.read_text().replace("members: [bob@acme.example]\n\n", "members: [bob@acme.example, dan@acme.example]\n\n")
    text = text.replace("      bob@acme.example: {} #", "      dan@acme.example: {}\n      bob@acme.example: {} #")
    file.write_text(text.replace("  erin@acme", "  dan@acme.example: {name: Dan Old}\n  erin@acme"))
    made, report = app.apply(options)
    assert report.outcome == "done", report.outcomes
    order = [c.address for c in made.changes]
    assert order.index("membership/operations/dan@acme.example") < order.index("shift/operations/Early")
    [shift] = fake.of("shf")
    assert len(fake.members[shift["id"]]) == 2


def test_what_was_removed_from_the_config_is_removed_there(fake: front.Front, options: app.Options) -> None:
    app.apply(options)
    app.attest(options, [SELF], by="alice@acme.example")
    file = options.folder / "company.yaml"
    text = file.read_text()
    for gone in ("      Waiting for parts: {color: yellow}\n", "      group:night: {}\n"):
        assert gone in text
        text = text.replace(gone, "")
    file.write_text(text)
    made, report = app.apply(options)
    assert [(c.action, c.address) for c in made.changes] == [
        ("delete", "tag/operations/Waiting for parts"),
        ("delete", "membership/operations/group:night"),
    ]
    assert report.outcome == "done"
    assert app.plan(options).changes == ()


def test_a_word_on_a_role_says_nothing_of_who_came_back(fake: front.Front, options: app.Options) -> None:
    """Front lets them in with a role of its own: what was attested of the one who left is not theirs, and keeps nobody from locking out."""
    app.apply(options)
    app.attest(options, [SELF], by="alice@acme.example")
    [alice] = [row["id"] for row in fake.of("tea") if row["email"] == "alice@acme.example"]
    [operations] = [row["id"] for row in fake.of("tim") if row["name"] == "Customer operations"]
    fake.members[operations].remove(alice)
    made, report = app.apply(options)
    assert [(o.address, o.status) for o in report.outcomes] == [(SELF, "done")]
    assert SELF in [s.address for s in made.manual_steps]
    again = app.plan(options)
    assert SELF in [s.address for s in again.manual_steps]
    assert SELF not in [word.address for word in again.attested]


def test_another_address_of_somebody_is_a_step(fake: front.Front, options: app.Options) -> None:
    """The API changes nobody's address. Whoever is known by it waits: an apply must not take the rename for done."""
    app.apply(options)
    file = options.folder / "company.yaml"
    text = file.read_text().replace("bob@acme.example", "robert@acme.example").replace("{name: Bob Roy}", "{name: Robert Roy}")
    file.write_text(f"{text}moved: [{{from: member/bob@acme.example, to: member/robert@acme.example}}]\n")
    for _ in range(2):
        made, report = app.apply(options)
        [step] = [s for s in made.manual_steps if s.address == "member/robert@acme.example"]
        assert (step.action, step.values, step.because) == (
            "update", {"Email": "robert@acme.example"}, ("renamed from member/bob@acme.example",)
        )  # fmt: skip
        assert made.changes == () and report.outcome == "nothing"
        assert ("member/robert@acme.example", ("member/robert@acme.example",)) in [(w.change.address, w.waits_for) for w in made.waiting]
    [bob] = [row for row in fake.of("tea") if row["email"] == "bob@acme.example"]
    bob["email"] = "robert@acme.example"
    made, report = app.apply(options)
    assert [(c.action, c.address) for c in made.changes] == [("update", "member/robert@acme.example")]
    assert (report.outcome, bob["first_name"]) == ("done", "Robert")
    assert app.plan(options).changes == ()


def test_an_inbox_that_is_taken_out_is_a_step(fake: front.Front, options: app.Options) -> None:
    app.apply(options)
    file = options.folder / "company.yaml"
    file.write_text(file.read_text().replace("      Complaints: {public: false, members: [alice@acme.example]}\n", ""))
    made = app.plan(options)
    assert made.changes == ()
    assert ("delete", "inbox/operations/Complaints") in [(s.action, s.address) for s in made.manual_steps]


# What a config is told before any call


CONFIG = """\
orgform: 1
company: {name: Acme, primary_domain: acme.example}
domains: {acme.example: {}}
targets:
  records: {provider: local, database: records.db, kinds: [company, domain]}
  front: {provider: front, token: env:FRONT_TOKEN, plan: starter}
members:
  bob@acme.example: {name: Bob Roy}
  eve@acme.example: {name: Eve Ray, role: admin}
  kim@acme.example: {name: Kim Lee}
groups:
  night: {members: [kim@acme.example]}
workspaces:
  operations:
    name: Operations
    members: {group:night: {}}
"""


def told(tmp_path: Path, *lines: str, instead: tuple[str, str] = ("", "")) -> list[Diagnostic]:
    (tmp_path / "company.yaml").write_text("\n".join([CONFIG.replace(*instead) if instead[0] else CONFIG, *lines, ""]))
    try:
        return [d for d in app.validate(app.Options(folder=tmp_path)).diagnostics if d.severity != "info"]
    except ConfigInvalid as error:
        return [d for d in error.diagnostics if d.severity != "info"]


def test_a_good_config_is_told_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, "    labels: {brand: x}", "    tags:", "      VIP: {color: red}") == []


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (["    region: us"], "ORG412", "Front has no `region`"),
        (["    settings: {timezone: UTC}"], "ORG412", "Front has no `settings`"),
        (["    tags:", "      VIP: {color: teal}"], "ORG411", "no color `teal`"),
        (["    tags:", f"      {'V' * 65}: {{}}"], "ORG414", "65 characters"),
        (["    tags:", f"      long: {{name: {'V' * 65}}}"], "ORG414", "65 characters"),
        (["    inboxes:", "      Support: {members: [bob@acme.example]}"], "ORG414", "keeps no members"),
        (["  second: {}"], "ORG413", "starter"),
    ],
)
def test_what_front_would_not_take_is_told_at_its_line(tmp_path: Path, lines: list[str], code: str, said: str) -> None:
    [problem] = told(tmp_path, *lines)
    assert (problem.code, problem.severity) == (code, "error")
    assert said in problem.summary
    assert problem.source is not None
    assert problem.source.line > len(CONFIG.splitlines())


def test_a_role_that_front_has_not_wants_its_name(tmp_path: Path) -> None:
    [problem] = told(tmp_path, instead=("name: Bob Roy", "name: Bob Roy, role: owner"))
    assert (problem.code, "no role `owner`" in problem.summary) == ("ORG415", True)
    [problem] = told(tmp_path, instead=("{group:night: {}}", "{group:night: viewer}"))
    assert "roles: {viewer: ...}" in problem.detail


def test_whoever_works_a_shift_and_is_not_in_its_workspace_is_advice(tmp_path: Path) -> None:
    shift = "      Early: {timezone: UTC, times: {}, members: [bob@acme.example, eve@acme.example, kim@acme.example]}"
    [advice] = told(tmp_path, "    shifts:", shift)
    assert (advice.code, advice.severity) == ("ORG416", "warning")
    assert "bob@acme.example is not in operations" in advice.summary
