"""What is live goes into the config where it is written, and nothing else in any file changes."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
from pathlib import Path

import pytest

from orgform import app
from orgform.adopt import adopt
from orgform.codec import encode
from orgform.diagnostics import Source
from orgform.drift import Choice, View
from orgform.errors import GuardRefused, UsageError
from orgform.kinds import Kind, Kinds, load_kinds
from orgform.model import Address, Base, Config, Desired, Live
from orgform.planning import PlanInputs, TargetState, make_plan
from tests.cli.process import ORGFORM, environment
from tests.drift.company import COMPANY, Company

# Where it is written out


def test_values_change_where_they_stand(acme: Company) -> None:
    acme.patch("members/alice@acme.com", name="Alice O'Neil")
    acme.patch("members/bob@acme.com", title="Head: of #1", labels={"floor": "3"})
    acme.patch("workspaces/hq", settings={"retention_days": 30})
    found = acme.adopt()
    assert acme.changed_lines() == [
        "-  alice@acme.com: {name: 'Alice Ng', role: owner}   # since 2019",
        "+  alice@acme.com: {name: 'Alice O''Neil', role: owner}   # since 2019",
        '-    title: "Engineer"',
        '-    labels: {team: x, floor: "2"}',
        '+    title: "Head: of #1"',
        '+    labels: {team: x, floor: "3"}',
        "-    settings: {timezone: Europe/London, retention_days: 365}",
        "+    settings: {timezone: Europe/London, retention_days: 30}",
    ]
    assert acme.planned == []
    assert list(found.files) == ["company.yaml"]
    assert found.files["company.yaml"].startswith("--- a/company.yaml\n+++ b/company.yaml\n@@ ")


def test_only_what_the_globs_name(acme: Company) -> None:
    acme.patch("members/bob@acme.com", title="CTO")
    acme.patch("workspaces/hq", name="HQ")
    found = acme.adopt("member/*")
    assert found.adopted == ("member/bob@acme.com",)
    assert acme.changed_lines() == ['-    title: "Engineer"', '+    title: "CTO"']
    assert acme.planned == [("update", "workspace/hq")]


def test_what_the_repo_asks_for_stays_asked_for(acme: Company) -> None:
    acme.edit("name: Headquarters", "name: Head office")
    acme.patch("workspaces/hq", settings={"timezone": "Europe/Rome"})
    acme.adopt("workspace/hq")
    assert "name: Head office" in acme.text() and "timezone: Europe/Rome" in acme.text()
    [change] = app.plan(acme.options).changes
    assert [(f.path, f.origin) for f in change.fields] == [("name", "config")]


def test_of_a_conflict_the_live_value_is_taken_and_said(acme: Company) -> None:
    acme.edit("name: Headquarters", "name: Head office")
    acme.patch("workspaces/hq", name="HQ")
    found = acme.adopt()
    assert "    name: HQ\n" in acme.text()
    assert found.notes == ("workspace/hq: `name` was changed on both sides; the live value was taken",)


def test_members_of_a_list_keep_their_comments(acme: Company) -> None:
    acme.patch("groups/support", members=["bob@acme.com", "alice@acme.com"])
    acme.adopt()
    assert acme.changed_lines() == ["-      - carol@acme.com", "+      - alice@acme.com"]


def test_what_was_emptied_is_taken_out(acme: Company) -> None:
    acme.patch("members/bob@acme.com", title=None, labels={"team": None})
    acme.adopt()
    assert acme.changed_lines() == [
        '-    title: "Engineer"',
        '-    labels: {team: x, floor: "2"}',
        '+    labels: {floor: "2"}',
    ]


def test_short_forms(acme: Company) -> None:
    acme.patch("memberships/hq/group:support", role="viewer")
    acme.patch("feature_values/hq/beta", value=False)
    acme.patch("feature_values/hq/layout", value={"columns": 4, "wide": True})
    acme.adopt()
    assert acme.changed_lines() == [
        "-    members: {alice@acme.com: admin, group:support: member}",
        "-    features: {beta: true, layout: {columns: 3}}",
        "+    members: {alice@acme.com: admin, group:support: viewer}",
        "+    features: {beta: false, layout: {columns: 4, wide: true}}",
    ]


def test_a_short_form_that_would_be_taken_for_the_long_one(acme: Company) -> None:
    acme.patch("feature_values/hq/layout", value={"value": 1})
    acme.adopt()
    assert acme.changed_lines()[-1] == "+    features: {beta: true, layout: {value: {value: 1}}}"


def test_a_value_that_is_replaced_whole(acme: Company) -> None:
    acme.patch("features/layout", default={"columns": 2, "wide": True})
    found = acme.drift()
    assert [(f.path, f.base, f.desired, f.live) for f in found.drift[0].fields] == [("default.wide", False, False, True)]
    acme.adopt()
    assert acme.changed_lines()[-1] == "+  layout: {type: object, default: {columns: 2, wide: true}}"


def test_windows_line_ends_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", "\ufeff" + COMPANY.replace("\n", "\r\n"))
    acme.patch("workspaces/hq", name="HQ")
    acme.make("tags", "hq/vip", name="VIP")
    acme.adopt()
    assert acme.text().startswith("\ufeff# Acme")
    assert acme.text().count("\n") == acme.text().count("\r\n")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    (folder / ".kept").mkdir(parents=True)
    (folder / ".kept" / "real.txt").write_text(COMPANY)
    (folder / "company.yaml").symlink_to(".kept/real.txt")
    acme = Company(folder, {})
    acme.patch("workspaces/hq", name="HQ")
    acme.adopt()
    assert (folder / "company.yaml").is_symlink()
    assert "name: HQ" in (folder / ".kept" / "real.txt").read_text()


# Created and deleted by hand


def test_what_came_gets_an_entry(acme: Company) -> None:
    acme.make("members", "dan@acme.com", name="Dan", role="standard")
    acme.make("memberships", "hq/dan@acme.com", role="viewer")
    acme.make("tags", "hq/vip", name="VIP")
    found = acme.adopt()
    assert found.adopted == ("member/dan@acme.com", "membership/hq/dan@acme.com", "tag/hq/vip")
    assert acme.planned == []
    assert app.plan(acme.options).unmanaged == ()


def test_what_came_by_what_is_authoritative_is_a_delete_until_it_is_taken_over(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", COMPANY + "policy: {authoritative: [tag]}\n")
    acme.make("tags", "hq/vip", name="VIP")
    [item] = acme.drift().drift
    assert (item.action, item.origin, item.address) == ("delete", "drift", "tag/hq/vip")
    assert item.attribution and item.attribution.actor == "dana@acme.com"
    acme.adopt()
    assert acme.planned == []


def test_what_went_is_taken_out(acme: Company) -> None:
    acme.drop("feature_values/hq/layout")
    acme.drop("memberships/hq/group:support")
    acme.patch("groups/support", members=["bob@acme.com"])
    acme.drop("members/carol@acme.com")
    acme.adopt()
    assert "carol" not in acme.text()
    assert "features: {beta: true}" in acme.text() and "members: {alice@acme.com: admin}" in acme.text()
    assert acme.planned == []


def test_a_whole_workspace_that_went(acme: Company) -> None:
    acme.hand("DELETE", "workspaces/hq")
    acme.adopt()
    assert "hq:" not in acme.text()
    assert acme.planned == []


def test_what_the_config_refers_to_is_not_taken_out_alone(acme: Company) -> None:
    acme.patch("groups/support", members=["bob@acme.com"])
    acme.drop("members/carol@acme.com")
    [(_, _, reason, source)] = acme.refused("member/*")
    assert "carol@acme.com" in reason
    assert source == "company.yaml:22:9"


def test_what_is_new_may_be_needed_by_something_else(acme: Company) -> None:
    acme.make("members", "dan@acme.com", name="Dan")
    acme.patch("groups/support", members=["bob@acme.com", "carol@acme.com", "dan@acme.com"])
    [(_, _, reason, _)] = acme.refused("group/support")
    assert "dan@acme.com" in reason
    acme.adopt("group/support", "member/dan@acme.com")


def test_what_is_gone_from_an_incomplete_read_is_not_taken_out(acme: Company) -> None:
    database = sqlite3.connect(acme.folder / "acme.db")
    with database:
        database.execute("delete from resources where kind = 'member'")
    database.close()
    with pytest.raises(GuardRefused, match="incomplete-read"):
        acme.drift(adopt=())
    found = acme.drift()
    assert [g.guard for g in found.guards] == ["incomplete-read"]
    assert not [d for d in found.drift if d.address.startswith("member/")]
    assert acme.texts() == acme.before


# From templates

TEMPLATES = """\
templates:
  workspace:
    brand:
      description: From the template
      labels: {tier: gold, owner: ops}
      settings: {timezone: UTC, retention_days: 90}
      members: {group:support: member, bob@acme.com: {role: viewer}}
      tags:
        vip: {name: VIP, color: red}
workspaces:
  x:
    use: brand
    name: X   # own
"""
WITH_TEMPLATES = COMPANY.partition("workspaces:")[0] + TEMPLATES


@pytest.fixture
def brands(tmp_path: Path) -> Company:
    return Company(tmp_path / "acme", WITH_TEMPLATES)


def test_what_a_template_gave_is_written_in_the_entry(brands: Company) -> None:
    brands.patch("workspaces/x", description="By hand", labels={"tier": None, "owner": "it"}, settings={"timezone": "Europe/Rome"})
    brands.adopt()
    assert brands.changed_lines() == [
        "+    description: By hand",
        "+    labels:",
        "+      owner: it",
        "+      tier: null",
        "+    settings:",
        "+      timezone: Europe/Rome",
    ]
    assert brands.planned == []


def test_a_child_that_a_template_gave(brands: Company) -> None:
    brands.patch("memberships/x/group:support", role="manager")
    brands.patch("memberships/x/bob@acme.com", role="admin")
    brands.patch("tags/x/vip", color="blue")
    brands.adopt()
    assert brands.changed_lines() == [
        "+    members:",
        "+      bob@acme.com: admin",
        "+      group:support: manager",
        "+    tags:",
        "+      vip:",
        "+        color: blue",
    ]


def test_a_child_that_a_template_gave_cannot_be_taken_out_by_itself(brands: Company) -> None:
    brands.drop("tags/x/vip")
    [(address, path, reason, source)] = brands.refused()
    assert (address, path, source) == ("tag/x/vip", "", "company.yaml:37")
    assert reason == "it is gone from the live system, and declared by a template (`use`)"


def test_a_merge_key_gives_way_to_what_is_written(tmp_path: Path) -> None:
    text = COMPANY.replace("  hq:\n", "  lab:\n    <<: {description: Shared, labels: {a: b}}\n    name: Lab\n  hq:\n")
    acme = Company(tmp_path / "acme", text)
    acme.patch("workspaces/lab", description="By hand")
    acme.adopt()
    assert acme.changed_lines() == ["+    description: By hand"]
    acme.before = acme.texts()
    acme.patch("workspaces/lab", labels={"a": "c"})
    assert [r[2] for r in acme.refused()] == ["its value comes from a merge key"]


# From `for_each`, expressions, environments

LOOPS = """\
variables: {stage: {type: string, default: test}}
workspaces:
  "brand-{{ b }}":
    for_each: {b: [x, y]}
    name: "Brand {{ b }}"
    labels: {stage: "{{ stage }}"}
    members: {alice@acme.com: admin}
    tags: {vip: {name: VIP}}
  one:
    name: "One {{ stage }}"
    members:
      "group:{{ g }}": {for_each: {g: [support]}, role: member}
"""
WITH_LOOPS = COMPANY.partition("workspaces:")[0] + LOOPS


def test_what_a_loop_makes_is_refused_without_an_environment(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", WITH_LOOPS)
    acme.patch("workspaces/brand-x", name="By hand")
    acme.patch("workspaces/one", name="By hand")
    acme.patch("memberships/one/group:support", role="viewer")
    acme.make("tags", "brand-y/new", name="New")
    acme.drop("tags/brand-x/vip")
    assert acme.refused() == [
        ("membership/one/group:support", "role", "its value comes from a `for_each`", "company.yaml:40"),
        ("tag/brand-x/vip", "", "it is gone from the live system, and declared by a `for_each`", "company.yaml:36"),
        ("tag/brand-y/new", "", "workspace/brand-y is not written out one by one, so add it where that is made", "company.yaml:31"),
        ("workspace/brand-x", "name", "its value comes from a `for_each`", "company.yaml:31"),
        ("workspace/one", "name", "its value comes from an expression", "company.yaml:38"),
    ]


OVERLAY = """\
# Staging is smaller.
targets: {acme: {database: staging.db}}
workspaces:
  brand-y: {description: From the environment}   # for the demo
"""


@pytest.fixture
def staging(tmp_path: Path) -> Company:
    return Company(tmp_path / "acme", {"company.yaml": WITH_LOOPS, "environments/staging.yaml": OVERLAY}, env="staging")


def by_hand(company: Company, method: str, path: str, **attributes: object) -> None:
    company.hand(method, path, attributes or None, database="staging.db")


def test_what_a_loop_makes_is_overridden_in_the_environment(staging: Company) -> None:
    by_hand(staging, "PATCH", "workspaces/brand-x", name="By hand", labels={"stage": "s"})
    by_hand(staging, "PATCH", "workspaces/brand-y", name="Y by hand", description="Another")
    by_hand(staging, "PATCH", "workspaces/one", name="One by hand")
    by_hand(staging, "PATCH", "memberships/one/group:support", role="viewer")
    by_hand(staging, "PATCH", "memberships/brand-x/alice@acme.com", role="manager")
    staging.hand("POST", "tags", {"name": "New"}, key="brand-y/new", database="staging.db")
    by_hand(staging, "DELETE", "tags/brand-x/vip")
    found = staging.adopt()
    assert list(found.files) == ["environments/staging.yaml"]
    assert staging.changed_lines("environments/staging.yaml") == [
        "-  brand-y: {description: From the environment}   # for the demo",
        "+  brand-y: {description: Another, name: Y by hand, tags: {new: {name: New}}}   # for the demo",
        "+  brand-x:",
        "+    name: By hand",
        "+    labels:",
        "+      stage: s",
        "+    members:",
        "+      alice@acme.com: manager",
        "+    tags:",
        "+      vip: null",
        "+  one:",
        "+    name: One by hand",
        "+    members:",
        "+      group:support: viewer",
    ]
    assert staging.planned == []
    assert found.notes == ()


def test_what_the_environment_decides_changes_there(staging: Company) -> None:
    by_hand(staging, "PATCH", "workspaces/brand-y", description="By hand")
    staging.adopt()
    assert staging.changed_lines("environments/staging.yaml") == [
        "-  brand-y: {description: From the environment}   # for the demo",
        "+  brand-y: {description: By hand}   # for the demo",
    ]


def test_what_the_environment_took_from_a_loop_ends_there(staging: Company) -> None:
    by_hand(staging, "DELETE", "workspaces/brand-y")
    staging.adopt()
    assert staging.changed_lines("environments/staging.yaml")[-1] == "+  brand-y: null   # for the demo"
    assert staging.planned == []


def test_what_all_environments_share_changes_for_all_and_says_so(staging: Company) -> None:
    by_hand(staging, "PATCH", "members/bob@acme.com", title="CTO")
    found = staging.adopt()
    assert found.notes == ("the config without an environment shares what was edited, and changes with it: member/bob@acme.com",)
    assert staging.changed_lines() == ['-    title: "Engineer"', '+    title: "CTO"']


def test_an_environment_alone_has_it(tmp_path: Path) -> None:
    overlay = OVERLAY + "members:\n  eve@acme.com: {name: Eve}\n  carol@acme.com: {title: Tester}\n"
    acme = Company(tmp_path / "acme", {"company.yaml": WITH_LOOPS, "environments/staging.yaml": overlay}, env="staging")
    by_hand(acme, "PATCH", "members/eve@acme.com", name="Eva")
    by_hand(acme, "PATCH", "members/carol@acme.com", title="Boss")
    acme.adopt()
    assert acme.changed_lines("environments/staging.yaml") == [
        "-  eve@acme.com: {name: Eve}",
        "-  carol@acme.com: {title: Tester}",
        "+  eve@acme.com: {name: Eva}",
        "+  carol@acme.com: {title: Boss}",
    ]
    by_hand(acme, "DELETE", "members/eve@acme.com")
    acme.adopt("member/eve@acme.com")
    assert "eve" not in acme.text("environments/staging.yaml")


def test_another_environment_still_refers_to_what_went(tmp_path: Path) -> None:
    files = {
        "company.yaml": COMPANY,
        "environments/staging.yaml": "members: {dan@acme.com: {title: Tester}}\n",
        "environments/broken.yaml": "members: {nobody: 1}\n",
        "environments/other.yaml": "groups: {support: {members: [dan@acme.com]}}\n",
        "more.yaml": "members:\n  dan@acme.com: {name: Dan}\n  eve@acme.com: {name: Eve}\n",
    }
    acme = Company(tmp_path / "acme", files)
    acme.drop("members/dan@acme.com")
    acme.before = acme.texts()
    told = acme.refused()
    assert [(source, reason[:60]) for _, _, reason, source in told] == [
        ("environments/other.yaml:1:30", "environment other would be invalid: there is no member `dan@"),
        ("environments/staging.yaml:1", "environment staging refers to it here, and would still decla"),
    ]


# From a CSV

ROSTER = """\
email,name,role,title,labels.team\r
dan@acme.com,Dan,standard,Lead,"x, y"\r
Eve@Acme.com,"Eve ""E"" Ng",standard,Lead,\r
fay@acme.com,Fay,,,\r
"""


def test_the_nearest_place_of_all_sorts(tmp_path: Path) -> None:
    text = (
        COMPANY.partition("workspaces:")[0].replace("name: Acme Corp", 'name: "Acme {{ stage }}"')
        + """\
variables: {stage: {type: string, default: test}, lab: {type: string, default: lab}}
include_csv: {members: people.csv}
templates:
  workspace:
    t:
      labels: {tier: gold, owner: ops}
      members: {group:support: {role: member, until: 2031-01-01, reason: trial}, bob@acme.com: viewer}
workspaces:
  "loop-{{ n }}":
    for_each: {n: [1]}
    auto_top_up: {threshold: 50, amount: 100, currency: USD}
  "{{ lab }}":
    name: Lab
  own:
    use: t
    labels: {brand: x, gone: soon}
    members: {alice@acme.com: admin}
    tags: {vip: "{{ {'name': 'VIP'} }}"}
"""
    )
    files = {
        "company.yaml": text,
        "people.csv": "email,name,use\ndan@acme.com,Dan,d\n",
        "more.yaml": "templates: {member: {d: {title: Guest}}}\n",
        "environments/staging.yaml": "targets: {acme: {database: staging.db}}\n",
    }
    acme = Company(tmp_path / "acme", files, env="staging")
    by_hand(acme, "PATCH", "auto_top_up/loop-1", amount=200)
    by_hand(acme, "PATCH", "company/company", name="By hand")
    by_hand(acme, "PATCH", "members/dan@acme.com", title="Boss")
    by_hand(acme, "PATCH", "workspaces/lab", name="Laboratory")
    by_hand(acme, "PATCH", "workspaces/own", labels={"owner": "it", "gone": "never"})
    by_hand(acme, "PATCH", "memberships/own/bob@acme.com", role="manager")
    by_hand(acme, "PATCH", "memberships/own/group:support", role="viewer")
    by_hand(acme, "PATCH", "tags/own/vip", name="Very")
    acme.edit("labels: {brand: x, gone: soon}", "labels: {brand: x}")
    acme.before = acme.texts()
    acme.adopt()
    assert acme.changed_lines() == [
        "-    labels: {brand: x}",
        "-    members: {alice@acme.com: admin}",
        "+    labels: {brand: x, gone: never, owner: it}",
        '+    members: {alice@acme.com: admin, bob@acme.com: manager, "group:support": {role: viewer}}',
    ]
    assert acme.changed_lines("environments/staging.yaml") == [
        "+",
        "+company:",
        "+  name: By hand",
        "+",
        "+members:",
        "+  dan@acme.com:",
        "+    title: Boss",
        "+",
        "+workspaces:",
        "+  lab:",
        "+    name: Laboratory",
        "+  loop-1:",
        "+    auto_top_up:",
        "+      amount: 200",
        "+  own:",
        "+    tags:",
        "+      vip:",
        "+        name: Very",
    ]
    assert acme.planned == []

    default = Company(tmp_path / "default", {name: text for name, text in files.items() if not name.startswith("env")})
    default.patch("workspaces/lab", name="Laboratory")
    default.patch("tags/own/vip", name="Very")
    default.patch("memberships/own/group:support", role="viewer")
    assert default.refused("workspace/*", "tag/*") == [
        ("tag/own/vip", "name", "its value comes from an expression", "company.yaml:46"),
        ("workspace/lab", "name", "its value comes from an expression in its key", "company.yaml:40"),
    ]
    found = default.drift(ignore=["membership/*"])
    assert default.changed_lines() == [
        "-    members: {alice@acme.com: admin}",
        '+    members: {alice@acme.com: admin, "group:support": {role: member, until: 2031-01-01, reason: trial, lifecycle: {ignore: '
        "[role]}}}",
    ]
    assert found.ignored == ("membership/own/group:support",)


@pytest.fixture
def roster(tmp_path: Path) -> Company:
    return Company(tmp_path / "acme", {"company.yaml": COMPANY + "include_csv: {members: people.csv}\n", "people.csv": ROSTER})


def test_cells_change_and_rows_go(roster: Company) -> None:
    roster.patch("members/dan@acme.com", name='Dan, "D"', title="Boss", labels={"team": "z"})
    roster.patch("members/eve@acme.com", name="Eve", title=None, role="admin")
    roster.drop("members/fay@acme.com")
    found = roster.adopt()
    assert list(found.files) == ["people.csv"]
    assert roster.text("people.csv") == (
        'email,name,role,title,labels.team\r\ndan@acme.com,"Dan, ""D""",standard,Boss,"z"\r\nEve@Acme.com,"Eve",admin,,\r\n'
    )
    assert roster.planned == []


def test_what_a_row_has_no_room_for(roster: Company) -> None:
    roster.edit("include_csv: {members: people.csv}", "include_csv: {members: people.csv}\ntemplates: {member: {t: {labels: {a: b}}}}")
    roster.write("people.csv", ROSTER.replace("labels.team", "use").replace('"x, y"', "t"))
    app.apply(roster.options)
    roster.before = roster.texts()
    roster.patch("members/dan@acme.com", labels={"a": "c"})
    assert roster.refused() == [
        ("member/dan@acme.com", "labels.a", "its value comes from a CSV row, which has no room for it", "people.csv:2")
    ]


# What is not done


def test_a_glob_that_names_nothing_is_a_mistake(acme: Company) -> None:
    with pytest.raises(UsageError, match=r"'member/bbo@acme\.com' names nothing"):
        acme.drift(adopt=["member/bbo@acme.com"])
    with pytest.raises(UsageError, match="in two runs"):
        acme.drift(adopt=[], ignore=["member/*"])


def test_nothing_drifted_there(acme: Company) -> None:
    acme.patch("members/bob@acme.com", title="CTO")
    found = acme.drift(adopt=["workspace/*"])
    assert (found.adopted, found.files, found.refused) == ((), {}, ())
    assert acme.texts() == acme.before


def test_what_would_not_be_valid_is_not_written(acme: Company) -> None:
    """The live system may hold what a config may not: here a role that nobody declares any more."""
    acme.make("roles", "lead", scope="workspace")
    acme.patch("memberships/hq/group:support", role="lead")
    [(_, _, reason, source)] = acme.refused("membership/*")
    assert "`lead`" in reason and source.startswith("company.yaml:33:")


def test_secrets_are_neither_read_back_nor_written() -> None:
    """What only the config knows is no drift; what came by hand is declared without its secret."""
    schemas = [dict(kind.schema) for kind in load_kinds().values()]
    for schema in schemas:
        if schema["x-kind"] == "member":
            schema["properties"] = {**schema["properties"], "key": {"type": "string", "x-sensitive": True}}
    kinds = Kinds(map(Kind, schemas))
    bob, eve = Address("member/bob@acme.com"), Address("member/eve@acme.com")
    known = {"name": "Bob", "key": "env:BOB"}
    inputs = PlanInputs(
        desired={bob: Desired({**known, "key": "env:OTHER"}, Source("company.yaml", 2, 3))},
        live={bob: Live({"name": "Robert", "key": "s3cret"}), eve: Live({"name": "Eve", "key": "s3cret"})},
        base={bob: Base(known)},
        targets={"acme": TargetState("fake", "fake:acme", frozenset(kinds))},
    )
    view = View(inputs, make_plan(inputs, kinds), kinds)
    [item] = view.document.drift
    assert [(f.path, f.origin) for f in item.fields] == [("key", "config"), ("name", "drift")]
    choice = Choice(view, ("*",), ())
    assert choice.wanted.values == {bob: {("name",): "Robert"}}
    config = Config(dict(inputs.desired), {}, {})
    text = "members:\n  bob@acme.com: {name: Bob, key: env:OTHER}\n"
    [new] = adopt({"company.yaml": text}, choice.wanted, kinds, config).files.values()
    assert new == "members:\n  bob@acme.com: {name: Robert, key: env:OTHER}\n  eve@acme.com:\n    name: Eve\n"
    assert "s3cret" not in encode(view.document).decode()


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(tmp_path: Path) -> None:
    """A process that may write no file at all, as on a full disk."""
    acme = Company(tmp_path / "acme", {"company.yaml": COMPANY, "more/people.yaml": "members:\n  dan@acme.com: {name: Dan}\n"})
    acme.patch("members/bob@acme.com", title="CTO")
    acme.patch("members/dan@acme.com", name="Daniel")
    acme.write("more/people.yaml", acme.text("more/people.yaml") + "# long\n" * 40_000)
    acme.before = acme.texts()
    command = f"ulimit -f 200; exec {shlex.quote(ORGFORM)} drift -C {shlex.quote(str(acme.folder))} --adopt"
    done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be written: File too large" in done.stderr
    assert acme.texts() == acme.before
    assert not list(acme.folder.rglob(".orgform-*"))
    assert set(acme.adopt().files) == {"company.yaml", "more/people.yaml"}
