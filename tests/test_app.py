"""The Python API over the real loader, planner, ledger and admin API: what the command line stands on."""

from __future__ import annotations

import json
import subprocess
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.codec import replace
from orgform.errors import ConfigInvalid, GuardRefused, LockHeld, OrgformError, PlanFileInvalid, UsageError
from orgform.kinds import load_kinds
from orgform.ledger import open_ledger
from orgform.model import Plan
from orgform.providers.http import InProcessTransport, Session
from orgform.server import Caller, Store, create_app

COMPANY = """\
orgform: 1
company: {name: Acme, primary_domain: acme.com}
targets:
  acme: {provider: local, database: acme.db}
domains:
  acme.com: {}
members:
  alice@acme.com: {name: Alice, role: owner}
  bob@acme.com: {name: Bob, role: admin}
  carol@acme.com: {name: Carol}
groups:
  support: {members: [carol@acme.com]}
workspaces:
  north:
    name: North
    labels: {brand: x}
    members: {alice@acme.com: admin, group:support: member}
"""


@pytest.fixture
def options(tmp_path: Path) -> app.Options:
    (tmp_path / "company.yaml").write_text(COMPANY)
    return app.Options(folder=tmp_path)


def edit(options: app.Options, *replacements: tuple[str, str]) -> None:
    file = options.folder / "company.yaml"
    text = file.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def told(plan: Plan) -> list[tuple[str, str, str]]:
    return [(c.action, str(c.address), c.origin) for c in plan.changes]


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=folder, check=True, capture_output=True)


def by_hand(options: app.Options, method: str, path: str, body: Any) -> None:
    """What somebody does to the live system in a web page: another client of the same API."""
    store = Store(options.folder / "acme.db")
    api = create_app(store, load_kinds(), identify=lambda _: Caller("default", "dana@acme.com", "web console"), inline=True)
    session = Session("http://local", transport=InProcessTransport(api))
    session.request(method, path, json=body, idempotent=False)
    session.close()
    store.close()


def test_validate_counts_what_is_declared(options: app.Options) -> None:
    assert app.validate(options).resources["member"] == 3


def test_the_main_way_ends_in_an_empty_plan(options: app.Options) -> None:
    plan, report = app.apply(options)
    assert report.outcome == "done"
    assert {o.status for o in report.outcomes} == {"done"}
    assert plan.base.source == "none"
    again, nothing = app.apply(options)
    assert (again.changes, nothing.outcome, again.base.source) == ((), "nothing", "ledger")


def test_plan_creates_no_file(options: app.Options) -> None:
    app.plan(options)
    assert [p.name for p in options.folder.iterdir()] == ["company.yaml"]


def test_an_invalid_config_is_refused_before_anything_is_opened(options: app.Options) -> None:
    edit(options, ("role: owner", "role: ownr"))
    with pytest.raises(ConfigInvalid) as caught:
        app.apply(options)
    assert [str(d.source) for d in caught.value.diagnostics] == ["company.yaml:8:39"]
    assert [p.name for p in options.folder.iterdir()] == ["company.yaml"]


def test_names_that_were_not_looked_up_are_said(options: app.Options) -> None:
    edit(options, ("name: North", 'name: "{{ nort }}"'), ("members: [carol@acme.com]", "members: [x@acme.com]"))
    with pytest.raises(ConfigInvalid) as caught:
        app.validate(options)
    assert [d.code for d in caught.value.diagnostics] == ["ORG305", "ORG102"]


def test_what_the_config_drops_is_deleted_and_what_somebody_added_is_listed(options: app.Options) -> None:
    app.apply(options)
    edit(options, ("  carol@acme.com: {name: Carol}\n", ""), ("members: [carol@acme.com]", "members: [bob@acme.com]"))
    by_hand(options, "POST", "/v1/members", {"key": "dan@acme.com", "attributes": {"name": "Dan"}})
    plan, report = app.apply(options)
    assert told(plan) == [("update", "group/support", "config"), ("delete", "member/carol@acme.com", "config")]
    assert [u.address for u in plan.unmanaged] == ["member/dan@acme.com"]
    assert report.outcome == "done"


def test_drift_is_told_from_config_and_names_who_did_it(options: app.Options) -> None:
    app.apply(options)
    edit(options, ("name: Carol", "name: Carol C."))
    by_hand(options, "PATCH", "/v1/workspaces/north", {"attributes": {"name": "Nord"}})
    plan = app.plan(options)
    assert told(plan) == [("update", "member/carol@acme.com", "config"), ("update", "workspace/north", "drift")]
    drifted = plan.changes[1].attribution
    assert drifted and (drifted.actor, drifted.client) == ("dana@acme.com", "web console")


def test_base_from_git_is_the_pull_requests_own_delta(options: app.Options) -> None:
    git(options.folder, "init", "-q")
    git(options.folder, "add", "company.yaml")
    git(options.folder, "commit", "-qm", "first")
    app.apply(options)
    edit(options, ("    members: {alice@acme.com: admin, group:support: member}", "    members: {alice@acme.com: admin}"))
    plan = app.plan(replace(options, ledger=str(options.folder / "none.db")), base="HEAD")
    assert told(plan) == [("delete", "membership/north/group:support", "config")]
    assert plan.base.source == "git:HEAD"
    assert plan.base.revision and len(plan.base.revision) == 40


def test_what_ran_out_since_the_commit_is_taken_away(options: app.Options) -> None:
    edit(options, ("{name: Carol}", "{name: Carol, until: 2026-06-30, reason: help}"))
    git(options.folder, "init", "-q")
    git(options.folder, "add", "company.yaml")
    git(options.folder, "commit", "-qm", "first")
    app.apply(replace(options, today=date(2026, 6, 30)))
    late = replace(options, today=date(2026, 7, 1), ledger=str(options.folder / "none.db"))
    assert ("delete", "member/carol@acme.com", "config") in told(app.plan(late, base="HEAD"))


def test_a_revision_that_is_not_there_or_is_invalid_is_said(options: app.Options) -> None:
    with pytest.raises(OrgformError, match="git"):
        app.plan(options, base="HEAD")
    git(options.folder, "init", "-q")
    good = (options.folder / "company.yaml").read_text()
    (options.folder / "company.yaml").write_text("orgform: 1\nmembrs: {}\n")
    git(options.folder, "add", "company.yaml")
    git(options.folder, "commit", "-qm", "bad")
    (options.folder / "company.yaml").write_text(good)
    with pytest.raises(OrgformError, match="the config at HEAD is invalid"):
        app.plan(options, base="HEAD")


def test_a_refused_plan_does_nothing(options: app.Options) -> None:
    app.apply(options)
    with pytest.raises(GuardRefused) as caught:
        app.apply(options, destroy=True)
    assert caught.value.exit_code == 4
    assert app.plan(options).changes == ()


@pytest.mark.parametrize("word", ["delets:*", "deletes", "deletes:", "immutable:*"])
def test_an_override_that_overrides_nothing_is_wrong_usage(options: app.Options, word: str) -> None:
    with pytest.raises(UsageError, match="no guard"):
        app.plan(replace(options, allow=(word,)))


def test_destroy_takes_everything_with_each_guard_overridden_by_name(options: app.Options) -> None:
    app.apply(options)
    allow = ("deletes:*", "company-admins:*", "workspace-admins:*")
    _, report = app.apply(replace(options, allow=allow, allow_destroy=("*",)), destroy=True)
    assert report.outcome == "done"
    assert all(c.action == "create" for c in app.plan(options).changes)


def test_a_saved_plan_is_applied_under_compare_and_set(options: app.Options) -> None:
    app.apply(options)
    edit(options, ("name: Carol", "name: Carol C."), ("name: North", "name: Northern"))
    saved = app.plan(options)
    by_hand(options, "PATCH", "/v1/workspaces/north", {"attributes": {"name": "Nord"}})
    _, report = app.apply(options, saved=saved)
    assert report.counts == {"created": 0, "updated": 1, "deleted": 0, "failed": 0, "skipped": 0, "stale": 1, "already": 0}
    assert app.apply(options, saved=saved)[1].outcome in ("partly", "stale")


def test_a_saved_plan_remembers_what_was_adopted(options: app.Options) -> None:
    app.apply(options)
    fresh = replace(options, ledger=str(options.folder / "fresh.db"))
    saved = app.plan(fresh)
    assert saved.changes == ()
    app.apply(fresh, saved=saved)
    edit(options, ("alice@acme.com: admin, group:support: member", "alice@acme.com: admin"))
    assert told(app.plan(fresh)) == [("delete", "membership/north/group:support", "config")]


def test_a_saved_plan_is_judged_again_on_the_live_system_as_it_is(options: app.Options) -> None:
    edit(options, ("{name: Carol}", "{name: Carol, role: owner}"))
    app.apply(options)
    whole = (options.folder / "company.yaml").read_text()
    edit(options, ("{name: Carol, role: owner}", "{name: Carol, role: standard}"))
    first = app.plan(options)
    (options.folder / "company.yaml").write_text(whole)
    edit(options, ("{name: Bob, role: admin}", "{name: Bob, role: standard}"))
    second = app.plan(options)
    assert not first.refused and not second.refused
    app.apply(options, saved=first)
    with pytest.raises(GuardRefused, match="company-admins"):
        app.apply(options, saved=second)
    assert app.apply(replace(options, allow=("company-admins:*",)), saved=second)[1].outcome == "done"


def test_the_overrides_of_a_saved_plan_are_in_it(options: app.Options) -> None:
    app.apply(options)
    edit(options, ("{name: Bob, role: admin}", "{name: Bob, role: standard}"))
    saved = app.plan(replace(options, allow=("company-admins:member/bob@acme.com",)))
    assert saved.allow == ("company-admins:member/bob@acme.com",)
    assert app.apply(options, saved=saved)[1].outcome == "done"


def test_a_saved_plan_does_not_rewrite_what_is_remembered_of_a_later_state(options: app.Options) -> None:
    app.apply(options)
    edit(options, ("alice@acme.com: admin, group:support: member", "alice@acme.com: admin"))
    by_hand(options, "DELETE", "/v1/memberships/north/group:support", None)
    forgetting = app.plan(options)
    assert forgetting.ledger.forget == ("membership/north/group:support",)
    edit(options, ("alice@acme.com: admin", "alice@acme.com: admin, group:support: member"))
    app.apply(options)
    app.apply(options, saved=forgetting)
    edit(options, ("alice@acme.com: admin, group:support: member", "alice@acme.com: admin"))
    assert told(app.plan(options)) == [("delete", "membership/north/group:support", "config")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: replace(c, target="other"), "does not have"),
        (lambda c: replace(c, address="hook/x"), "no address"),
        (lambda c: replace(c, address="membership/x"), "no address"),
        (lambda c: replace(c, action="delete"), "does not fit"),
    ],
)
def test_a_plan_file_that_was_edited_badly_is_refused(options: app.Options, change: Any, words: str) -> None:
    plan = app.plan(options)
    file = options.folder / "plan.json"
    file.write_bytes(replace(plan, changes=(change(plan.changes[0]),)).to_json())
    with pytest.raises(PlanFileInvalid, match=words):
        app.load_plan(file)
    file.write_bytes(replace(plan, changes=plan.changes[:1] * 2).to_json())
    with pytest.raises(PlanFileInvalid, match="twice"):
        app.load_plan(file)
    file.write_bytes(b'{"format": "orgform.plan/1", "tool_version": ' + b"[" * 100_000)
    with pytest.raises(PlanFileInvalid, match="not a plan file"):
        app.load_plan(file)


def test_a_saved_plan_of_another_system_is_refused(options: app.Options) -> None:
    saved = app.plan(options)
    edit(options, ("database: acme.db", "database: other.db"))
    with pytest.raises(PlanFileInvalid, match="was made for local"):
        app.apply(options, saved=saved)
    edit(options, ("  acme: {provider", "  beta: {provider"))
    with pytest.raises(PlanFileInvalid, match="does not have"):
        app.apply(options, saved=saved)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a plan file"),
        (b"[]", "not a plan file"),
        (b"\xff\xfe", "not a plan file"),
        (b'{"format": "orgform.plan/9", "tool_version": "0.1.0"}', "orgform.plan/9"),
        (b'{"format": "orgform.plan/1", "tool_version": "9.9"}', "made by orgform 9.9"),
        (b'{"format": "orgform.plan/1", "tool_version": "0.1.0"}', "damaged"),
    ],
)
def test_a_plan_file_that_cannot_be_used_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content)
    with pytest.raises(PlanFileInvalid, match=words):
        app.load_plan(file)
    with pytest.raises(PlanFileInvalid, match="cannot be read"):
        app.load_plan(tmp_path / "none.json")


def test_a_plan_file_round_trips(options: app.Options) -> None:
    plan = app.plan(options)
    file = options.folder / "plan.json"
    file.write_bytes(plan.to_json())
    assert app.load_plan(file) == (plan, ())


def test_the_second_apply_is_told_who_holds_the_lock(options: app.Options) -> None:
    app.apply(options)
    ledger = open_ledger(options.folder / ".orgform" / "ledger.db", create=True)
    try:
        with ledger.lock(["local:acme.db"], "dana@acme.com"), pytest.raises(LockHeld, match=r"dana@acme\.com"):
            app.apply(options)
    finally:
        ledger.close()


def test_what_is_declined_is_not_done(options: app.Options) -> None:
    seen: list[Plan] = []
    _, report = app.apply(options, approve=lambda plan: bool(seen.append(plan)))
    assert (report.outcome, len(seen)) == ("declined", 1)
    assert app.plan(options).summary["create"] == len(seen[0].changes)


def test_stopping_before_it_starts_does_nothing_and_says_so(options: app.Options) -> None:
    stop = threading.Event()
    stop.set()
    _, report = app.apply(options, stop=stop)
    assert report.outcome == "interrupted"
    assert app.apply(options)[1].outcome == "done"


def test_two_targets_share_one_company_and_one_plan(options: app.Options) -> None:
    edit(
        options,
        (
            "acme: {provider: local, database: acme.db}",
            "acme: {provider: local, database: acme.db}\n  flags: {provider: local, database: flags.db, kinds: [feature]}",
        ),
        ("groups:", "features:\n  beta: {type: boolean, default: false, owner: alice@acme.com}\ngroups:"),
    )
    # A feature's owner lives in another system, which the embedded API cannot know: it refuses the dangling reference.
    plan = app.plan(options)
    assert {c.target for c in plan.changes} == {"acme", "flags"}
    with pytest.raises(UsageError, match="no target named"):
        app.plan(replace(options, targets=("flgs",)))
    assert {c.target for c in app.plan(replace(options, targets=("flags",))).changes} == {"flags"}


def test_renames_that_name_each_other_are_done_in_one_go(options: app.Options) -> None:
    edit(
        options,
        ("    members: {alice", "    tags: {t1: {color: red}}\n    members: {alice"),
        ("  north:", "  west: {name: West, parent: north}\n  north:"),
    )
    app.apply(options)
    edit(
        options,
        ("  west: {name: West, parent: north}\n  north:", "  far-west: {name: West, parent: far-north}\n  far-north:"),
        ("t1:", "t9:"),
    )
    edit(options, ("bob@acme.com", "robert@acme.com"), ("  support: {", "  help: {"), ("group:support", "group:help"))
    moves = {"workspace/north": "workspace/far-north", "workspace/west": "workspace/far-west", "tag/far-north/t1": "tag/far-north/t9"}
    moves |= {"member/bob@acme.com": "member/robert@acme.com", "group/support": "group/help"}
    with (options.folder / "company.yaml").open("a") as file:
        file.write("moved:\n" + "".join(f"  - {{from: {old}, to: {new}}}\n" for old, new in moves.items()))
    plan, report = app.apply(options)
    assert {(c.action, str(c.moved_from), str(c.address)) for c in plan.changes} == {("update", *pair) for pair in moves.items()}
    assert report.outcome == "done", report
    assert app.plan(options).changes == ()


def test_a_saved_plan_of_another_folders_company_is_refused(options: app.Options, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "company.yaml").write_text(COMPANY)
    with pytest.raises(PlanFileInvalid, match="another folder"):
        app.apply(app.Options(folder=other), saved=app.plan(options))


def test_a_kind_that_moves_to_another_target_takes_no_base_along(options: app.Options) -> None:
    both = "acme: {provider: local, database: acme.db}\n  flags: {provider: local, database: flags.db, kinds: [feature]}"
    feature = "features:\n  beta: {type: boolean, default: false}\n  gamma: {type: boolean, default: false}\ngroups:"
    edit(options, ("groups:", feature))
    app.apply(options)
    by_hand(options, "POST", "/v1/features", {"key": "delta", "attributes": {"type": "boolean", "default": True}})
    (options.folder / "flags.db").write_bytes((options.folder / "acme.db").read_bytes())
    edit(options, ("acme: {provider: local, database: acme.db}", both), ("\n  gamma: {type: boolean, default: false}", ""))
    plan = app.plan(options)
    assert [c for c in plan.changes if c.action == "delete"] == []
    assert any(d.code == "ORG501" and "flags" in d.summary for d in plan.diagnostics)


def test_nothing_is_deleted_of_a_target_that_was_never_applied_to(options: app.Options) -> None:
    app.apply(options)
    both = "acme: {provider: local, database: acme.db}\n  flags: {provider: local, database: flags.db, kinds: [feature]}"
    edit(options, ("acme: {provider: local, database: acme.db}", both), ("groups:", "policy: {authoritative: [feature]}\ngroups:"))
    (options.folder / "acme.db").rename(options.folder / "real.db")
    (options.folder / "flags.db").rename(options.folder / "acme.db") if (options.folder / "flags.db").exists() else None
    by_hand(options, "POST", "/v1/features", {"key": "delta", "attributes": {"type": "boolean", "default": True}})
    (options.folder / "acme.db").rename(options.folder / "flags.db")
    (options.folder / "real.db").rename(options.folder / "acme.db")
    plan = app.plan(options)
    assert plan.changes == ()
    assert [u.address for u in plan.unmanaged] == ["feature/delta"]


def test_only_narrows_what_access_shows(options: app.Options) -> None:
    assert {a.member for a in app.access(replace(options, only=("member/carol@acme.com",)))} == {"carol@acme.com"}
    assert {a.workspace for a in app.access(replace(options, only=("workspace/north",)))} == {"north"}
    assert len(app.access(replace(options, only=("membership/north/bob@*",)))) == 1


def test_access_of_the_config_and_of_the_live_system(options: app.Options) -> None:
    configured = {(a.member, a.workspace, a.role, a.path) for a in app.access(options)}
    assert ("carol@acme.com", "north", "member", "group:support") in configured
    assert ("bob@acme.com", "north", "admin", "company admin") in configured
    assert app.access(options, live=True) == ()
    app.apply(options)
    assert {(a.member, a.workspace, a.role, a.path) for a in app.access(options, live=True)} == configured


def test_history_tells_runs_newest_first(options: app.Options) -> None:
    assert app.history(options) == {"runs": []}
    _, report = app.apply(options)
    edit(options, ("name: North", "name: Nord"))
    app.apply(options)
    runs = app.history(options)["runs"]
    assert [r["outcome"] for r in runs] == ["done", "done"]
    assert runs[1]["run"] == report.run
    one = app.history(options, run=report.run)["runs"][0]
    assert {c["address"] for c in one["changes"]} == {o.address for o in report.outcomes}


def test_providers_and_schemas_are_listed() -> None:
    matrix = app.providers()
    assert set(matrix) >= {"local", "orgform"}
    assert matrix["local"]["kinds"]["member"]["create"] == "api"
    assert app.schema()["$schema"].endswith("2020-12/schema")
    assert app.schema("member")["x-kind"] == "member"
    assert app.schema("plan")["type"] == "object" or "$ref" in app.schema("plan")
    with pytest.raises(UsageError, match="no schema named"):
        app.schema("membr")


def test_export_writes_files_that_plan_to_nothing(options: app.Options, tmp_path: Path) -> None:
    app.apply(options)
    text = app.export(options)
    assert list(text.files) == ["company.yaml"]
    files = app.export(options, into=tmp_path / "out").files
    assert "company.yaml" in files and len(files) > 2
    (options.folder / "acme.db").rename(tmp_path / "out" / "acme.db")
    assert app.plan(app.Options(folder=tmp_path / "out")).changes == ()


def test_init_writes_a_config_that_plans(tmp_path: Path) -> None:
    for strategy in ("by-brand", "by-region", "by-environment"):
        folder = tmp_path / strategy
        assert app.init(folder, strategy=strategy)
        assert app.apply(app.Options(folder=folder))[1].outcome == "done"
        assert app.plan(app.Options(folder=folder)).changes == ()


def test_news_comes_while_it_works(options: app.Options) -> None:
    news: list[app.Progress] = []
    app.apply(options, listen=news.append)
    assert {n.phase for n in news} == {"read", "apply"}
    assert news[-1].done == news[-1].total


def test_the_cache_folder_can_be_moved_and_switched_off(tmp_path: Path) -> None:
    environ: dict[str, Any] = {"ORGFORM_CACHE": str(tmp_path)}
    assert app.cache_folder(environ) == tmp_path
    assert app.cache_folder({"ORGFORM_CACHE": ""}) is None
    assert app.cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/orgform")


def test_a_plan_is_plain_data(options: app.Options) -> None:
    document = json.loads(app.plan(options).to_json())
    assert document["format"] == "orgform.plan/1"


def test_variants_are_exchanged_together_with_the_values_that_use_them(options: app.Options) -> None:
    company = options.folder / "company.yaml"
    feature = "features:\n  theme: {type: string, default: old, variants: {old: O, dark: D}, description: Theme}\n"
    company.write_text(company.read_text() + feature)
    edit(options, ("  north:\n", "  north:\n    features: {theme: dark}\n"))
    assert app.apply(options)[1].outcome == "done"
    edit(options, ("dark: D", "night: N"), ("theme: dark", "theme: night"))
    assert app.apply(options)[1].outcome == "done"
    assert app.plan(options).changes == ()
