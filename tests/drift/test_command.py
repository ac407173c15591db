"""`orgform drift` as a process: what is printed where, and the exit codes."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from orgform import drift
from orgform.model import Address
from orgform.render import drift as page
from tests.cli.process import Terminal, run
from tests.drift.company import COMPANY, Company
from tests.drift.test_adopt import OVERLAY, WITH_LOOPS

TAKE = "Take what is live over into the config"


def test_no_drift(acme: Company) -> None:
    done = run("drift", "-C", acme.folder, "--detailed-exitcode")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("No drift: nothing was changed by hand.\n")


def test_exit_codes_for_cron(acme: Company) -> None:
    acme.edit('title: "Engineer"', "title: Architect")
    assert run("drift", "-C", acme.folder, "--detailed-exitcode").returncode == 0, "what the repo asks for is no drift"
    acme.patch("members/bob@acme.com", name="Bobby")
    assert run("drift", "-C", acme.folder).returncode == 0
    assert run("drift", "-C", acme.folder, "--detailed-exitcode", "-q").returncode == 2
    assert run("drift", "-C", acme.folder, "--detailed-exitcode", "--only", "workspace/*").returncode == 0
    acme.write("more.yaml", "members: {x: {}}\n")
    assert run("drift", "-C", acme.folder, "--detailed-exitcode").returncode == 3


def test_what_came_by_hand_is_drift(acme: Company) -> None:
    acme.make("tags", "hq/vip", name="VIP")
    done = run("drift", "-C", acme.folder, "--detailed-exitcode")
    assert done.returncode == 2
    assert "+ tag/hq/vip  VIP\n        created by dana@acme.com in web console" in done.stdout


def test_the_commands_that_it_prints_do_what_they_say(acme: Company) -> None:
    acme.patch("members/bob@acme.com", name="Bobby")
    acme.patch("workspaces/hq", name="HQ")
    said = run("drift", "-C", acme.folder).stdout
    back, adopt, ignore = [line.strip() for line in said.splitlines() if line.startswith("  orgform ")]
    assert run(*shlex.split(adopt)[1:-1]).returncode == 0
    assert "name: Bobby" in acme.text() and "name: HQ" not in acme.text()
    assert run(*shlex.split(ignore)[1:-4], "--ignore", "workspace/hq").returncode == 0
    assert "      - name\n" in acme.text()
    assert acme.planned == []
    acme.patch("members/carol@acme.com", name="Caro")
    [back, *_] = [line.strip() for line in run("drift", "-C", acme.folder).stdout.splitlines() if line.startswith("  orgform ")]
    assert run(*shlex.split(back)[1:], "--yes").returncode == 0
    assert acme.drift().any is False


def commands(said: str) -> list[str]:
    return [line.strip() for line in said.splitlines() if line.startswith("  orgform ")]


def test_only_what_would_work_is_suggested(tmp_path: Path) -> None:
    """The rest says why not, where it comes from, and what does."""
    acme = Company(tmp_path / "acme", WITH_LOOPS)
    acme.patch("workspaces/brand-x", name="By hand")
    acme.patch("members/bob@acme.com", name="Bobby")
    said = run("drift", "-C", acme.folder)
    assert said.returncode == 0
    text, here = " ".join(said.stdout.split()), f"orgform drift -C {acme.folder}"
    assert commands(said.stdout)[1:] == [f"{here} --adopt member/bob@acme.com", f"{here} --ignore member/bob@acme.com"]
    assert "! workspace/brand-x `name`: its value comes from a `for_each` (company.yaml:31) ! change that by hand; what" in text
    assert "! workspace/brand-x `lifecycle.ignore`: it is declared by a `for_each` (company.yaml:31)" in text
    assert "goes into environments/NAME.yaml with --env NAME Leave" in text
    document = json.loads(run("drift", "-C", acme.folder, "--format", "json").stdout)
    assert document["adoptable"]["addresses"] == document["ignorable"]["addresses"] == ["member/bob@acme.com"]
    assert [r["source"] for r in document["adoptable"]["refused"]] == ["company.yaml:31"]
    shown = run("drift", "-C", acme.folder, "--format", "markdown").stdout
    assert f"{TAKE}: `{here} --adopt member/bob@acme.com`\n- workspace/brand-x" in shown
    assert acme.texts() == acme.before, "nothing is written by trying"
    for command in commands(said.stdout)[1:]:
        assert run(*shlex.split(command)[1:]).returncode == 0, command


def test_what_only_a_hand_can_do_has_no_command(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", WITH_LOOPS)
    acme.patch("workspaces/brand-x", name="By hand")
    said = run("drift", "-C", acme.folder).stdout
    assert len(commands(said)) == 1
    assert f"{TAKE}, by hand:\n  ! workspace/brand-x `name`" in said
    assert "Leave these fields alone from now on, by hand:\n  ! workspace/brand-x `lifecycle.ignore`" in said
    shown = run("drift", "-C", acme.folder, "--format", "markdown").stdout
    assert f"{TAKE}, by hand:\n- workspace/brand-x" in shown


def test_in_an_environment_what_a_loop_makes_can_be_taken_over(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", {"company.yaml": WITH_LOOPS, "environments/staging.yaml": OVERLAY}, env="staging")
    acme.hand("PATCH", "workspaces/brand-x", {"name": "By hand"}, database="staging.db")
    _, adopt, ignore = commands(run("drift", "-C", acme.folder, "--env", "staging").stdout)
    assert adopt.endswith("--env staging --adopt workspace/brand-x") and ignore.endswith("--ignore workspace/brand-x")
    assert run(*shlex.split(adopt)[1:]).returncode == 0
    assert acme.drift().any is False


def test_who_named_an_environment_is_not_told_to() -> None:
    tried = {"addresses": (), "refused": [{"address": "workspace/x", "path": "", "reason": "no", "source": ""}]}
    doc = {"drift": [], "unmanaged": [{"address": "workspace/x"}], "adoptable": tried}
    assert page.ways(doc, "--env staging") == [page.Way(f"{TAKE}, by hand", "", ["workspace/x: no", "change that by hand"])]
    assert "--env NAME" in page.ways(doc, "-C --environments")[0].notes[1]


def test_what_would_make_the_config_invalid_is_not_suggested(acme: Company) -> None:
    """What refers to it is still written; that all of it can be taken over together is found out, too."""
    acme.drop("groups/support")
    said = run("drift", "-C", acme.folder).stdout
    [adopt] = [c for c in commands(said) if "--adopt" in c]
    assert adopt.endswith("--adopt group/support membership/hq/group:support")
    assert run(*shlex.split(adopt)[1:]).returncode == 0
    only = run("drift", "-C", acme.folder, "--only", "nothing/*").stdout
    assert commands(only) == []


def test_what_other_config_refers_to_is_not_suggested(acme: Company) -> None:
    acme.drop("groups/support")
    said = run("drift", "-C", acme.folder, "--only", "group/support").stdout
    assert [c for c in commands(said) if "--adopt" in c] == []
    assert f"{TAKE}, by hand:\n  ! " in said


def test_many_are_not_tried(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(4):
        acme.make("tags", f"hq/t{n}", name="T")
    found = acme.drift()
    assert (found.adoptable, found.ignorable) == (None, None)
    assert commands(run("drift", "-C", acme.folder).stdout) == [f"orgform drift -C {acme.folder} --adopt [ADDRESS_GLOB...]"]
    for n in range(3):
        acme.drop(f"tags/hq/t{n}")
    assert acme.drift().adoptable == drift.Way((Address("tag/hq/t3"),))
    for n in range(3):
        acme.make("tags", f"hq/t{n}", name="T")
    acme.patch("members/bob@acme.com", name="Bobby")
    found = acme.drift()
    assert (found.adoptable, found.ignorable) == (None, drift.Way((Address("member/bob@acme.com"),))), "each way is looked at for itself"
    monkeypatch.setattr(drift, "TRIED_IN", 3)
    assert acme.drift().ignorable is None


def test_the_printed_patch_takes_it_back(acme: Company) -> None:
    acme.patch("members/bob@acme.com", name="Bobby", labels={"floor": "9"})
    acme.make("tags", "hq/vip", name="VIP")
    done = run("drift", "-C", acme.folder, "--adopt")
    assert done.returncode == 0
    assert done.stderr == "Took over 2 resources: wrote 1 file.\n"
    taken = subprocess.run(["git", "apply", "-R", "-"], cwd=acme.folder, input=done.stdout, text=True, capture_output=True, check=False)
    assert taken.returncode == 0, taken.stderr
    assert acme.texts() == acme.before


def test_refusals_go_to_stderr_and_nothing_is_written(tmp_path: Path) -> None:
    acme = Company(tmp_path / "acme", WITH_LOOPS)
    acme.patch("workspaces/brand-x", name="By hand")
    acme.patch("members/bob@acme.com", name="Bobby")
    done = run("drift", "-C", acme.folder, "--adopt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "! workspace/brand-x `name`: its value comes from a `for_each`\n    (company.yaml:31)" in done.stderr
    assert "error: nothing was written into the config" in done.stderr
    assert acme.texts() == acme.before
    done = run("drift", "-C", acme.folder, "--adopt", "--format", "json")
    assert done.returncode == 1
    doc = json.loads(done.stdout)
    assert [r["address"] for r in doc["refused"]] == ["workspace/brand-x"]
    assert doc["files"] == {} and doc["adopted"] == []


def test_formats(acme: Company) -> None:
    acme.patch("members/bob@acme.com", name="Bobby")
    doc = json.loads(run("drift", "-C", acme.folder, "--format", "json").stdout)
    assert doc["format"] == "orgform.drift/1"
    [field] = doc["drift"][0]["fields"]
    assert (field["base"], field["desired"], field["live"]) == ("Bob Roy", "Bob Roy", "Bobby")
    page = run("drift", "-C", acme.folder, "--format", "markdown").stdout
    assert page.startswith("## orgform drift: 1 changed, 0 deleted, 0 created by hand\n")
    page = run("drift", "-C", acme.folder, "--format", "markdown", "--adopt").stdout
    assert "```diff\n--- a/company.yaml" in page
    page = run("drift", "-C", acme.folder, "--format", "markdown", "--adopt").stdout
    assert page == "## orgform drift: nothing to write\n"


def test_wrong_usage(acme: Company) -> None:
    done = run("drift", "-C", acme.folder, "member/*")
    assert done.returncode == 64
    assert "ADDRESS_GLOB stands behind --adopt" in done.stderr
    done = run("drift", "-C", acme.folder, "--adopt", "--ignore", "member/*")
    assert (done.returncode, "in two runs" in done.stderr) == (64, True)
    done = run("drift", "-C", acme.folder, "--adopt", "member/bbo@acme.com")
    assert (done.returncode, "names nothing" in done.stderr) == (64, True)


def test_nothing_to_take_over(acme: Company) -> None:
    done = run("drift", "-C", acme.folder, "--adopt")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Nothing of that drifted; no file was written.\n")


def test_an_incomplete_read(acme: Company) -> None:
    import sqlite3

    database = sqlite3.connect(acme.folder / "acme.db")
    with database:
        database.execute("delete from resources where kind = 'member'")
    database.close()
    done = run("drift", "-C", acme.folder)
    assert done.returncode == 4
    assert "! incomplete-read: these were not read completely" in done.stdout
    done = run("drift", "-C", acme.folder, "--adopt")
    assert done.returncode == 4
    assert "no file was written" in done.stderr
    assert acme.texts() == acme.before


def test_the_base_may_come_from_git(acme: Company) -> None:
    def git(*args: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *args], cwd=acme.folder, check=True, capture_output=True)

    git("init", "-q")
    git("add", "company.yaml")
    git("commit", "-qm", "first")
    acme.edit("name: Headquarters", "name: Head office")
    acme.patch("workspaces/hq", settings={"timezone": "Europe/Rome"})
    done = run("drift", "-C", acme.folder, "--base", "HEAD", "--ledger", str(acme.folder / "none.db"), "--format", "json")
    doc = json.loads(done.stdout)
    assert {f["path"]: f["origin"] for f in doc["drift"][0]["fields"]} == {"name": "config", "settings.timezone": "drift"}


def test_on_a_terminal(acme: Company) -> None:
    acme.patch("members/bob@acme.com", name="Bobby")
    with Terminal("drift", "-C", str(acme.folder), cwd=acme.folder) as terminal:
        assert terminal.end() == 0
    assert "\x1b[" in terminal.output and "Bobby" in terminal.output
    with Terminal("drift", "-C", str(acme.folder), "--adopt", cwd=acme.folder) as terminal:
        assert terminal.end() == 0
    assert "\x1b[32m+    name: Bobby\x1b[0m" in terminal.output


def test_the_plan_of_the_same_state_says_it_per_field(acme: Company) -> None:
    acme.hand("PATCH", "members/bob@acme.com", {"name": "Bobby"}, actor="eve@acme.com")
    acme.patch("members/bob@acme.com", title="CTO")
    text = run("plan", "-C", acme.folder).stdout
    assert '        name   "Bobby" -> "Bob Roy"\n          changed by eve@acme.com in web console, ' in text
    assert '        title  "CTO" -> "Engineer"\n          changed by dana@acme.com in web console, ' in text
    acme.hand("PATCH", "members/bob@acme.com", {"name": "Bobby", "title": "CEO"}, actor="eve@acme.com")
    text = run("plan", "-C", acme.folder).stdout
    assert text.count("changed by eve@acme.com") == 1


def test_the_help_names_the_three_ways(acme: Company) -> None:
    text = run("drift", "--help").stdout
    for word in ("--adopt", "--ignore ADDRESS_GLOB", "--detailed-exitcode", "--only", "--base REF"):
        assert word in text
    assert COMPANY
