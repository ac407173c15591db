"""`orgform attest` as people run it: a process, its words, its exit codes, and what the ledger keeps of it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orgform.codec import decode
from orgform.ledger.schema import VERSION
from orgform.testing.fakes import vidmob
from tests.cli.process import run
from tests.platforms.hands import changed, example

ME = "dana@acme.com"
TODAY = "2026-11-22"
LATER = "2027-06-01"


@pytest.fixture
def komo(tmp_path: Path) -> Path:
    return example("komo", tmp_path)


def orgform(folder: Path, *args: str, today: str = TODAY, **env: str) -> subprocess.CompletedProcess[str]:
    """Of this checkout, wherever the command is installed from."""
    day = ("--today", today) if args[0] != "export" else ()
    return run(*args, *day, cwd=folder, env={"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **env})


def planned(folder: Path, today: str = TODAY, **env: str) -> dict[str, Any]:
    done = orgform(folder, "plan", "--format", "json", today=today, **env)
    assert done.returncode in (0, 4), done.stderr
    found: dict[str, Any] = decode(done.stdout.encode())
    return found


def attested(folder: Path, *addresses: str, today: str = TODAY) -> None:
    done = orgform(folder, "attest", *addresses, "--by", ME, today=today)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_word_is_kept_with_who_when_until_and_why(komo: Path) -> None:
    done = orgform(komo, "attest", "member/bob@acme.com", "--by", "Dana@Acme.com", "--evidence", "OPS-12", "--expires", "2026-12-24")
    assert (done.returncode, done.stdout) == (0, "Attested: member/bob@acme.com by Dana@Acme.com, until 2026-12-24.\n")
    plan = planned(komo)
    assert plan["attested"] == [
        {
            "target": "komo",
            "address": "member/bob@acme.com",
            "by": "Dana@Acme.com",
            "given": TODAY,
            "expires": "2026-12-24",
            "evidence": "OPS-12",
        }
    ]
    assert "member/bob@acme.com" not in [s["address"] for s in plan["manual_steps"]]
    shown = orgform(komo, "plan").stdout
    assert "member/bob@acme.com: by Dana@Acme.com on 2026-11-22, until 2026-12-24 (OPS-12)" in words(shown)
    assert "somebody's word, which nothing verifies" in words(shown)
    assert "member/bob@acme.com" not in [s["address"] for s in planned(komo, "2026-12-23")["manual_steps"]]
    [again] = [s for s in planned(komo, "2026-12-24")["manual_steps"] if s["address"] == "member/bob@acme.com"]
    assert again["because"] == ["Dana@Acme.com attested it on 2026-11-22, which ran out on 2026-12-24"]


def test_json_is_one_document(komo: Path) -> None:
    done = orgform(komo, "attest", "domain/acme.com", "company/company", "--by", ME, "--format", "json")
    told: dict[str, Any] = decode(done.stdout.encode())
    assert told["format"] == "orgform.attested/1"
    assert [(w["address"], w["target"], w["expires"]) for w in told["attested"]] == [
        ("domain/acme.com", "komo", "2027-05-21"),
        ("company/company", "komo", "2027-05-21"),
    ]
    wrong = orgform(komo, "attest", "domain/nobody.com", "--by", ME, "--format", "json")
    assert (wrong.returncode, decode(wrong.stdout.encode())["format"]) == (64, "orgform.error/1")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (
            ("member/nobody@acme.com", "--by", ME),
            "the plan asks nobody to do member/nobody@acme.com by hand help: to be attested: company/company",
        ),
        (("nonsense", "--by", ME), "the plan asks nobody to do nonsense by hand"),
        (("tag/*", "--by", ME), "the plan asks nobody to do tag/* by hand"),
        (("member/bob@acme.com", "--by", "dana"), "--by dana: `dana` is no e-mail address"),
        (("member/bob@acme.com", "--by", ME, "--expires", TODAY), "--expires 2026-11-22: that is not after 2026-11-22"),
        (("member/bob@acme.com", "--by", ME, "--expires", "soon"), "soon"),
        (("member/bob@acme.com",), "--by"),
        (("--by", ME), "ADDRESS"),
    ],
)
def test_wrong_words_keep_nothing_and_say_what_is_right(komo: Path, args: tuple[str, ...], told: str) -> None:
    done = orgform(komo, "attest", *args)
    assert (done.returncode, done.stdout) == (64, "")
    assert told in words(done.stderr)
    assert "Traceback" not in done.stderr
    assert planned(komo)["attested"] == []


def test_one_wrong_address_of_several_keeps_none(komo: Path) -> None:
    assert orgform(komo, "attest", "domain/acme.com", "domain/nobody.com", "--by", ME).returncode == 64
    assert planned(komo)["attested"] == []


def test_what_was_deleted_with_all_the_rest_is_gone_and_not_there_for_longer(komo: Path) -> None:
    attested(komo, "*")
    words = ["--destroy", "--allow", "deletes:*", "--allow", "company-admins:*", "--allow", "workspace-admins:*"]
    plan: dict[str, Any] = decode(orgform(komo, "plan", "--format", "json", *words).stdout.encode())
    [step] = [s for s in plan["manual_steps"] if s["address"] == "site/brand-x-us/hub"]
    assert (step["action"], step["command"]) == ("delete", "orgform attest site/brand-x-us/hub --by EMAIL --destroy")
    done = orgform(komo, "attest", "site/brand-x-us/hub", "--by", ME, *words)
    assert done.returncode == 0, done.stderr
    left: dict[str, Any] = decode(orgform(komo, "plan", "--format", "json", *words).stdout.encode())
    assert {s["address"] for s in plan["manual_steps"]} - {s["address"] for s in left["manual_steps"]} == {"site/brand-x-us/hub"}
    again = orgform(komo, "attest", "site/brand-x-us/hub", "--by", ME, *words)
    assert (again.returncode, "asks nobody to do site/brand-x-us/hub by hand" in " ".join(again.stderr.split())) == (64, True)


def test_a_glob_stands_for_the_steps_that_it_names(komo: Path) -> None:
    attested(komo, "member/*", "membership/brand-x-us/*", "member/bob@acme.com")
    assert {w["address"] for w in planned(komo)["attested"]} == {
        "member/alice@acme.com",
        "member/bob@acme.com",
        "member/olu@acme.com",
        "membership/brand-x-us/alice@acme.com",
        "membership/brand-x-us/bob@acme.com",
    }


def test_a_word_is_given_anew_before_it_runs_out(komo: Path) -> None:
    attested(komo, "*")
    attested(komo, "member/bob@acme.com", today="2027-05-01")
    later = planned(komo, LATER)
    assert [w["address"] for w in later["attested"]] == ["member/bob@acme.com"]
    assert "member/bob@acme.com" not in [s["address"] for s in later["manual_steps"]]
    changed(komo, "{name: Bob Roy, role: standard}", "{name: Bob Roy, role: owner}")
    attested(komo, "member/bob@acme.com", today="2027-05-02")
    assert "member/bob@acme.com" not in [s["address"] for s in planned(komo, "2027-05-02")["manual_steps"]]


def test_what_is_read_back_needs_nobodys_word(tmp_path: Path) -> None:
    folder = example("vidmob", tmp_path)
    with vidmob.example().running() as fake:
        env = {
            "VIDMOB_TOKEN": vidmob.KEY,
            "ORGFORM_VAR_url": fake.url,
            "ORGFORM_ALLOW_TARGETS": f"vidmob={fake.url.removesuffix('/v1')}",
        }
        done = orgform(folder, "attest", "workspace/brand-z", "--by", ME, **env)
        assert (done.returncode, done.stdout) == (64, "")
        assert "workspace/brand-z: the next plan reads it back, so nobody's word is needed" in words(done.stderr)
        done = orgform(folder, "attest", "member/li@acme.com", "--by", ME, **env)
        assert done.returncode == 64
        assert "the next plan reads it from the people CSV" in words(done.stderr)
        orgform(folder, "attest", "*", "--by", ME, **env)
        kept = {w["address"] for w in planned(folder, **env)["attested"]}
        assert kept == {
            "ad_account/brand-x-us/search",
            "membership/brand-x-us/bob@acme.com",
            "membership/brand-x-us/li@acme.com",
            "membership/brand-y/li@acme.com",
            "membership/brand-z/bob@acme.com",
        }


def test_guards_judge_steps_too_and_no_word_goes_round_them(komo: Path) -> None:
    attested(komo, "*")
    changed(komo, "{name: Olu Ade, role: owner}", "{name: Olu Ade, role: standard}")
    refused = orgform(komo, "plan")
    assert refused.returncode == 4
    assert "company-admins: 1 company admin who can sign in would be left" in words(refused.stdout)
    assert orgform(komo, "apply", "--yes").returncode == 4
    done = orgform(komo, "attest", "member/olu@acme.com", "--by", ME)
    assert (done.returncode, done.stdout) == (4, "")
    assert "member/olu@acme.com: refused by company-admins" in words(done.stderr)
    allowed = "--allow company-admins:member/olu@acme.com"
    assert allowed in words(done.stderr)
    assert orgform(komo, "attest", "member/olu@acme.com", "--by", ME, *allowed.split()).returncode == 0
    assert planned(komo)["manual_steps"] == []


def test_a_guard_on_one_step_leaves_the_others_alone(komo: Path) -> None:
    attested(komo, "*")
    changed(komo, "US - Staging\n    region: us", "US - Staging\n    region: eu")
    changed(komo, "Bob Roy", "Bob B. Roy")
    done = orgform(komo, "attest", "workspace/brand-x-us-staging", "--by", ME)
    assert done.returncode == 4
    assert "workspace/brand-x-us-staging: refused by immutable" in words(done.stderr)
    attested(komo, "member/bob@acme.com")


def test_all_words_that_run_out_at_once_are_asked_for_and_not_believed_to_be_gone(komo: Path) -> None:
    attested(komo, "*")
    assert orgform(komo, "apply", "--yes").returncode == 0
    done = orgform(komo, "plan", "--format", "markdown", today=LATER)
    assert done.returncode == 0, done.stdout
    assert "- [ ] **1. Look again that the company Acme Corp is there as it should be, or make it so**" in done.stdout
    assert "incomplete" not in done.stdout


def test_many_words_are_one_line(komo: Path) -> None:
    attested(komo, "*")
    shown = words(orgform(komo, "plan").stdout)
    assert "1 company, 2 domains, 3 members, 3 memberships, 1 site and 2 workspaces: by dana@acme.com on 2026-11-22" in shown


def test_an_older_ledger_is_read_as_it_is_and_brought_up_by_the_first_word(komo: Path) -> None:
    attested(komo, "domain/acme.com")
    file = komo / ".orgform" / "ledger.db"
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE orgform_attested")
        connection.execute("UPDATE orgform_ledger SET version = 2")
    connection.close()
    before = file.read_bytes()
    plan = planned(komo)
    assert plan["attested"] == []
    assert "domain/acme.com" in [s["address"] for s in plan["manual_steps"]]
    assert file.read_bytes() == before
    attested(komo, "domain/acme.com")
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT version FROM orgform_ledger").fetchone() == (VERSION,)
    connection.close()
    assert [w["address"] for w in planned(komo)["attested"]] == ["domain/acme.com"]


def test_a_plan_makes_no_ledger_and_no_word_is_kept_in_another_accounts_name(komo: Path) -> None:
    planned(komo)
    assert not (komo / ".orgform").exists()
    attested(komo, "*")
    changed(komo, "account: acme", "account: acme-two")
    assert len(planned(komo)["manual_steps"]) == 12


def test_a_workspace_whose_key_is_another_keeps_its_words(komo: Path) -> None:
    attested(komo, "*")
    changed(komo, "  brand-x-us:\n", "  brand-x-usa:\n")
    with (komo / "company.yaml").open("a") as file:
        file.write("moved: [{from: workspace/brand-x-us, to: workspace/brand-x-usa}]\n")
    plan = planned(komo)
    assert (plan["manual_steps"], plan["unmanaged"]) == ([], [])
    assert "membership/brand-x-usa/bob@acme.com" in {w["address"] for w in plan["attested"]}
    assert orgform(komo, "apply", "--yes").returncode == 0
    changed(komo, "moved: [{from: workspace/brand-x-us, to: workspace/brand-x-usa}]\n", "")
    plan = planned(komo)
    assert (plan["manual_steps"], plan["unmanaged"], len(plan["attested"])) == ([], [], 12)
    assert [s["action"] for s in planned(komo, LATER)["manual_steps"]] == ["create"] * 12


def test_an_export_takes_nothing_out_of_a_config_that_nobody_can_read(komo: Path) -> None:
    before = (komo / "company.yaml").read_text()
    assert orgform(komo, "attest", "workspace/*", "--by", ME, "--expires", "2999-01-01").returncode == 0
    assert orgform(komo, "export", "--into", ".").returncode == 0
    assert (komo / "company.yaml").read_text() == before
    shown = orgform(komo, "export").stdout
    assert "name: Brand X - US - Production" in shown
    assert "alice@acme.com" not in shown


def test_an_export_leaves_what_no_read_shows_as_it_is_written(tmp_path: Path) -> None:
    folder = example("vidmob", tmp_path)
    changed(folder, "    name: Brand X - US\n", "    name: Brand X - US\n    labels: {brand: x}\n")
    changed(folder, "\n  brand-z:\n    name: Brand Z\n    members: {bob@acme.com: member}", "")
    before = (folder / "company.yaml").read_text()
    with vidmob.example().running() as fake:
        fake.invite("li@acme.com", "Brand X - US", "Brand Y, global")
        (folder / "people.csv").write_text(fake.people_csv())
        env = {
            "VIDMOB_TOKEN": vidmob.KEY,
            "ORGFORM_VAR_url": fake.url,
            "ORGFORM_ALLOW_TARGETS": f"vidmob={fake.url.removesuffix('/v1')}",
        }
        done = orgform(folder, "export", "--into", ".", **env)
    assert done.returncode == 0, done.stderr
    assert (folder / "company.yaml").read_text() == before


def test_a_word_tells_nothing_of_what_is_read(tmp_path: Path) -> None:
    """Nothing was applied yet, so an authoritative kind is not cleared out for what somebody said of another one."""
    folder = example("vidmob", tmp_path)
    with (folder / "company.yaml").open("a") as file:
        file.write("policy: {authoritative: [workspace, membership]}\n")
    changed(folder, "\n  brand-z:\n    name: Brand Z\n    members: {bob@acme.com: member}", "")
    with vidmob.example().running() as fake:
        fake.add_workspace("Brand Old")
        env = {
            "VIDMOB_TOKEN": vidmob.KEY,
            "ORGFORM_VAR_url": fake.url,
            "ORGFORM_ALLOW_TARGETS": f"vidmob={fake.url.removesuffix('/v1')}",
        }
        assert orgform(folder, "attest", "ad_account/*", "--by", ME, **env).returncode == 0
        plan = planned(folder, **env)
    assert [d["code"] for d in plan["diagnostics"] if d["code"] == "ORG501"] == ["ORG501"]
    assert [s["address"] for s in plan["manual_steps"] if s["action"] == "delete"] == []


def test_a_guard_on_a_whole_collection_holds_the_words_on_what_goes(komo: Path) -> None:
    attested(komo, "*")
    assert orgform(komo, "apply", "--yes").returncode == 0
    changed(komo, "    members: {alice@acme.com: admin, bob@acme.com: content-lead}\n", "")
    assert orgform(komo, "plan").returncode == 4
    done = orgform(komo, "attest", "membership/brand-x-us/bob@acme.com", "--by", ME)
    assert done.returncode == 4
    assert "membership/brand-x-us/bob@acme.com: refused by deletes" in words(done.stderr)
    allow = ("--allow", "deletes:membership/brand-x-us/*", "--allow", "workspace-admins:*")
    assert orgform(komo, "attest", "membership/brand-x-us/bob@acme.com", "--by", ME, *allow).returncode == 0


def test_the_command_that_is_shown_names_the_config(komo: Path) -> None:
    shown = run("plan", "-C", komo.name, "--today", TODAY, "--format", "markdown", cwd=komo.parent).stdout
    assert f"orgform attest company/company --by EMAIL -C {komo.name}" in shown
