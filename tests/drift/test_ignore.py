"""`drift --ignore`: the drifted fields of a resource are left alone from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgform import app
from tests.drift.company import COMPANY, Company
from tests.drift.test_adopt import OVERLAY, WITH_LOOPS, WITH_TEMPLATES


def ignored(company: Company, *globs: str) -> tuple[str, ...]:
    """Ignores, and holds what must hold then: the fields are in no plan any more, whatever becomes of them."""
    found = app.drift(company.options, ignore=globs)
    assert not found.refused, found.refused
    assert not {d.address for d in app.drift(company.options).drift} & set(found.ignored)
    return found.notes


def test_fields_at_the_entry(acme: Company) -> None:
    acme.patch("members/alice@acme.com", name="Al")
    acme.patch("members/bob@acme.com", title="CTO", labels={"floor": "9"})
    ignored(acme, "member/*")
    assert acme.changed_lines() == [
        "-  alice@acme.com: {name: 'Alice Ng', role: owner}   # since 2019",
        "+  alice@acme.com: {name: 'Alice Ng', role: owner, lifecycle: {ignore: [name]}}   # since 2019",
        "+    lifecycle:",
        "+      ignore:",
        "+      - labels.floor",
        "+      - title",
    ]
    assert acme.planned == []
    acme.patch("members/bob@acme.com", title="CEO")
    assert acme.planned == []


def test_what_is_ignored_already_stays_so(tmp_path: Path) -> None:
    text = COMPANY.replace("    name: Bob Roy\n", "    name: Bob Roy\n    lifecycle:\n      ignore: [title]  # theirs\n")
    acme = Company(tmp_path / "acme", text)
    acme.patch("members/bob@acme.com", title="CTO", name="Bobby")
    ignored(acme, "member/bob@acme.com")
    assert acme.changed_lines() == ["-      ignore: [title]  # theirs", "+      ignore: [title, name]  # theirs"]


def test_a_short_form_becomes_a_long_one(acme: Company) -> None:
    acme.patch("memberships/hq/group:support", role="viewer")
    acme.patch("feature_values/hq/layout", value={"columns": 9})
    ignored(acme, "*")
    assert acme.changed_lines() == [
        "-    members: {alice@acme.com: admin, group:support: member}",
        "-    features: {beta: true, layout: {columns: 3}}",
        "+    members: {alice@acme.com: admin, group:support: {role: member, lifecycle: {ignore: [role]}}}",
        "+    features: {beta: true, layout: {value: {columns: 3}, lifecycle: {ignore: [value]}}}",
    ]


def test_a_child_of_a_template_gets_an_entry_of_its_own(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", WITH_TEMPLATES)
    acme.patch("memberships/x/group:support", role="manager")
    acme.patch("workspaces/x", description="By hand")
    ignored(acme, "*")
    assert acme.changed_lines() == [
        "+    lifecycle:",
        "+      ignore:",
        "+      - description",
        "+    members:",
        "+      group:support:",
        "+        role: member",
        "+        lifecycle:",
        "+          ignore:",
        "+          - role",
    ]


def test_in_the_environment(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", {"company.yaml": WITH_LOOPS, "environments/staging.yaml": OVERLAY}, env="staging")
    for key in ("brand-x", "brand-y"):
        acme.hand("PATCH", f"workspaces/{key}", {"name": "By hand"}, database="staging.db")
    ignored(acme, "*")
    assert acme.changed_lines("environments/staging.yaml") == [
        "-  brand-y: {description: From the environment}   # for the demo",
        "+  brand-y: {description: From the environment, lifecycle: {ignore: [name]}}   # for the demo",
        "+  brand-x:",
        "+    lifecycle:",
        "+      ignore:",
        "+      - name",
    ]
    assert acme.changed_lines() == []


@pytest.fixture
def looped(tmp_path: Path) -> Company:
    return Company(tmp_path / "acme", WITH_LOOPS)


def test_what_cannot_be_ignored(looped: Company) -> None:
    looped.patch("workspaces/brand-x", name="By hand")
    found = app.drift(looped.options, ignore=["workspace/brand-x"])
    assert [(r.address, r.path, r.reason, r.source) for r in found.refused] == [
        ("workspace/brand-x", "lifecycle.ignore", "it is declared by a `for_each`", "company.yaml:31")
    ]
    assert looped.texts() == looped.before


def test_what_came_or_went_has_no_fields(acme: Company) -> None:
    acme.make("tags", "hq/vip", name="VIP")
    acme.drop("feature_values/hq/beta")
    acme.patch("members/bob@acme.com", title="CTO")
    found = app.drift(acme.options, ignore=["tag/hq/vip", "feature_value/hq/beta"])
    assert [(r.address, r.reason) for r in found.refused] == [
        (
            "feature_value/hq/beta",
            "it is gone from the live system, so there is no field to ignore; `--adopt` takes it out of the config",
        ),
        (
            "tag/hq/vip",
            "the config does not have it, so there is nothing to ignore; `lifecycle: {ignore: [tags]}` at workspace/hq leaves all of its "
            "tags alone",
        ),
    ]
    notes = ignored(acme, "*")
    assert [note.partition(":")[0] for note in notes] == ["feature_value/hq/beta", "tag/hq/vip"]


def test_a_key_with_a_dot_cannot_be_named(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", COMPANY.replace("labels: {team: x,", "labels: {acme.io/team: x,"))
    acme.patch("members/bob@acme.com", labels={"acme.io/team": "y"})
    found = app.drift(acme.options, ignore=["*"])
    assert [(r.path, r.reason) for r in found.refused] == [
        ("labels.acme.io/team", "`lifecycle.ignore` cannot name a key with a dot in it; ignore `labels` as a whole by hand")
    ]


def test_what_an_authoritative_config_would_delete(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", COMPANY + "policy: {authoritative: [member]}\n")
    acme.make("members", "dan@acme.com", name="Dan")
    found = app.drift(acme.options, ignore=["member/dan@acme.com"])
    assert [r.reason for r in found.refused] == ["the config does not have it, so there is nothing to ignore"]
