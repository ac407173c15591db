"""`orgform undo` and `orgform history` as processes: what a person and a pipeline see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orgform.kinds import schema_folder
from orgform.ledger import open_ledger
from orgform.model import Address, Change, Outcome, Plan, PlanBase, PlanTarget
from tests.cli.process import Terminal, run
from tests.undo.company import OWNERS, Company, did

PLAN_SCHEMA = json.loads((schema_folder() / "plan.schema.json").read_bytes())
CAROL = {"carol@acme.com": {"name": "Carol Wu"}}
REVERT = "Revert the commit, too: the config still asks for what was undone, and the next apply does it again.\n"


@pytest.fixture
def company(tmp_path: Path) -> Company:
    folder = tmp_path / "acme"
    folder.mkdir()
    return Company(folder, allow=())


def history(folder: Path, *words: str) -> Any:
    done = run("history", *words, "-C", folder, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["runs"]


class TestUndo:
    def test_what_it_shows_does_and_reminds_of(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        last = company.apply(members=OWNERS)
        done = run("undo", last, "-C", company.folder, "--yes")
        assert done.returncode == 0, done.stderr
        assert f"Undoes run {last} of " in done.stdout
        assert "Taken back (1)" in done.stdout
        assert "[undone only in part]" in done.stdout
        assert "not brought back: sessions, personal tokens and a pending invitation of" in done.stdout
        assert done.stdout.splitlines()[-1] == "Applied: 1 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 0 stale"
        assert done.stderr.endswith(REVERT)
        again = run("undo", last, "-C", company.folder, "--yes")
        assert (again.returncode, again.stderr) == (0, "")
        assert "Nothing to undo." in again.stdout
        assert run("undo", last, "-C", company.folder, "--yes", "-q").stderr == ""

    def test_it_asks_on_a_terminal(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        last = company.apply(members=OWNERS)
        with Terminal("undo", last, "-C", company.folder, cwd=company.folder) as screen:
            screen.until("Type yes to apply:").type("no\n")
            assert screen.end() == 1
        assert "member/carol@acme.com" not in company.live()
        with Terminal("undo", last, "-C", company.folder, cwd=company.folder) as screen:
            screen.until("Type yes to apply:").type("yes\n")
            assert screen.end() == 0
        assert "member/carol@acme.com" in company.live()

    def test_without_a_terminal_it_asks_nothing(self, company: Company) -> None:
        last = company.apply(members=OWNERS)
        done = run("undo", last, "-C", company.folder)
        assert (done.returncode, done.stdout) == (64, "")
        assert "orgform undo RUN -o plan.json" in " ".join(done.stderr.split())
        assert run("undo", last, "-C", company.folder, "--yes", "--format", "html").returncode == 64

    def test_what_was_changed_since_makes_it_a_part(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL}, groups={"g": {"name": "G"}})
        last = company.apply(members={**OWNERS, "carol@acme.com": {"name": "Carol II"}}, groups={"g": {"name": "G II"}})
        company.change("update", "member/carol@acme.com", {"name": "Carol III"})
        done = run("undo", last, "-C", company.folder, "--yes")
        assert done.returncode == 6
        assert "Left alone (1): an undo overwrites nothing that was changed since" in done.stdout
        assert 'name  was "Carol Wu", the run made it "Carol II", now "Carol III"' in done.stdout
        assert "      override: --allow changed-since:member/carol@acme.com" in done.stdout
        assert "1 change of the run was left alone, see the plan." in done.stdout
        rest = run("undo", last, "-C", company.folder, "--yes")
        assert rest.returncode == 5
        assert "Nothing to undo: what the run did was changed since. 1 left alone." in rest.stdout
        forced = run("undo", last, "-C", company.folder, "--yes", "--allow", "changed-since:member/carol@acme.com")
        assert forced.returncode == 0
        assert "Taken back although changed since (1)" in forced.stdout
        assert company.live()["member/carol@acme.com"]["name"] == "Carol Wu"

    def test_a_machine_reads_one_document(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        last = company.apply(members=OWNERS)
        file = company.folder / "plan.json"
        done = run("undo", last, "-C", company.folder, "-o", file, "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        plan = json.loads(done.stdout)
        assert json.loads(file.read_bytes()) == plan
        jsonschema.validate(plan, PLAN_SCHEMA, cls=jsonschema.Draft202012Validator)
        assert (plan["undoes"]["run"], plan["changes"][0]["undo"]) == (last, "lossy")
        report = run("undo", last, "-C", company.folder, "--yes", "--format", "json")
        assert (report.returncode, report.stderr) == (0, "")
        assert json.loads(report.stdout)["undoes"]["run"] == last

    @pytest.mark.parametrize(
        ("format", "says"), [("markdown", "## orgform: 1 to create"), ("html", "<!doctype html>"), ("github", "::notice")]
    )
    def test_a_saved_plan_in_other_forms_and_its_apply(self, company: Company, format: str, says: str) -> None:
        company.apply(members={**OWNERS, **CAROL})
        last = company.apply(members=OWNERS)
        file = company.folder / "plan.json"
        done = run("undo", last, "-C", company.folder, "-o", file, "--format", format)
        assert done.returncode == 0
        assert done.stdout.startswith(says)
        assert "`orgform apply" in done.stderr
        assert "member/carol@acme.com" not in company.live()
        applied = run("apply", file, "-C", company.folder)
        assert (applied.returncode, applied.stderr) == (0, REVERT)
        assert history(company.folder)[0]["undoes"] == last

    def test_a_guard_that_refuses(self, company: Company) -> None:
        company.apply(members=OWNERS)
        last = company.apply(members=OWNERS, groups={f"g{n}": {} for n in range(5)})
        done = run("undo", last, "-C", company.folder, "--yes")
        assert done.returncode == 4
        assert "override: --allow 'deletes:group/*'" in done.stdout
        planned = run("undo", last, "-C", company.folder, "-o", company.folder / "plan.json")
        assert planned.returncode == 4
        assert "Refused by deletes" in planned.stderr
        refused = run("undo", last, "-C", company.folder, "--yes", "--format", "json")
        assert (refused.returncode, json.loads(refused.stdout)["guards"][0]["guard"]) == (4, "deletes")
        assert "group/g0" in company.live()

    def test_in_two_parts(self, company: Company) -> None:
        """What takes something away is a plan of its own, for somebody to approve; together they take back what the whole would."""
        before = {"members": {**OWNERS, **CAROL}, "groups": {"support": {"members": ["carol@acme.com"]}}}
        company.apply(**before)
        live, base = company.live(), company.base()
        members = {**OWNERS, "bob@acme.com": {"name": "Robert", "role": "admin"}, "dave@acme.com": {"name": "Dave Poe"}}
        last = company.apply(members=members, groups={"support": {"members": ["dave@acme.com"]}}, workspaces={"x": {"name": "X"}})
        into, words = company.folder / "parts", ("-C", company.folder, "--allow", "deletes:*", "--allow-destroy", "*")
        split = run("undo", last, *words, "--split-by-risk", into, "-o", company.folder / "whole.json")
        assert split.returncode == 0, split.stderr
        assert "Taken back (" in split.stdout
        whole, additive, destructive = (Plan.from_json(p.read_bytes()) for p in (company.folder / "whole.json", *sorted(into.iterdir())))
        assert sorted(c.address for c in (*additive.changes, *destructive.changes)) == sorted(c.address for c in whole.changes)
        assert did(additive) == [("create", "member/carol@acme.com"), ("update", "member/bob@acme.com")]
        assert did(destructive) == [("delete", "member/dave@acme.com"), ("delete", "workspace/x"), ("update", "group/support")]
        assert all(p.undoes and p.undoes.run == last for p in (whole, additive, destructive))
        assert f"Saved 2 additive changes in {into}/additive.plan.json: `orgform apply" in split.stderr
        early = run("apply", into / "destructive.plan.json", "-C", company.folder)
        assert (early.returncode, "apply the additive plan first" in " ".join(early.stdout.split())) == (6, True), early.stdout
        for part in ("additive", "destructive"):
            done = run("apply", into / f"{part}.plan.json", "-C", company.folder)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stderr.endswith(REVERT)
        assert (company.live(), company.base()) == (live, base)
        assert [r["undoes"] for r in history(company.folder)[:3]] == [last] * 3
        assert company.apply(**before) == "", "nothing is left to do"

    def test_a_run_that_nobody_knows(self, company: Company) -> None:
        """That is said before anything else that may be wrong: without a run there is nothing to undo."""
        company.write(members=OWNERS)
        nothing = run("undo", "2026", "-C", company.folder)
        assert (nothing.returncode, nothing.stdout) == (1, "")
        assert nothing.stderr.startswith(
            "error: the run '2026' is not known: nothing was applied here yet\n  help: name the config's folder"
        )
        assert not (company.folder / ".orgform").exists()
        company.apply(members=OWNERS)
        elsewhere = {"provider": "orgform", "url": "https://acme.example", "token": "env:NOT_ALLOWED"}
        company.write(targets={"acme": elsewhere}, members={"alice": {}})
        for words in ((), ("--yes",), ("-o", company.folder / "none" / "plan.json"), ("--format", "html")):
            done = run("undo", "none", "-C", company.folder, *words)
            assert (done.returncode, done.stdout) == (1, ""), words
            assert done.stderr == "error: the run 'none' is not known\n  help: `orgform history` lists the runs\n", words
        assert run("undo", "-C", company.folder).returncode == 64

    def test_a_plan_that_cannot_be_kept_is_not_made(self, company: Company) -> None:
        last = company.apply(members=OWNERS)
        company.write(members={"alice": {}})  # what is wrong with the config would come after it
        for words in (("undo", last), ("plan",)):
            done = run(*words, "-C", company.folder, "-o", company.folder / "none" / "plan.json")
            assert (done.returncode, done.stdout) == (1, "")
            assert "make it, or name another file" in done.stderr

    @pytest.mark.parametrize("words", [("history",), ("history", "2026"), ("undo", "2026"), ("undo", "2026", "--yes")])
    def test_a_folder_that_is_not_there(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        done = run(*words, "-C", tmp_path / "none")
        assert (done.returncode, done.stdout) == (3, "")
        assert "does not exist" in done.stderr


class TestHistory:
    def test_one_run(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        last = company.apply(members={**OWNERS, "carol@acme.com": {"name": "Carol II"}})
        (told,) = history(company.folder, last)
        (change,) = told["changes"]
        assert (change["before"], change["after"], change["status"]) == ({"name": "Carol Wu"}, {"name": "Carol II"}, "done")
        assert told["counts"]["updated"] == 1
        assert (told["targets"], told["undone_by"], told["next"]) == (["acme"], [], [f"`orgform undo {last}` takes back what it did."])
        text = run("history", last, "-C", company.folder).stdout
        assert "Done (1)\n  ~ updated  Carol II  member/carol@acme.com\n" in text
        assert text.endswith(f"`orgform undo {last}` takes back what it did.\n")

    def test_an_undo_and_what_it_undid(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        last = company.apply(members=OWNERS)
        _, report = company.undo(last)
        text = run("history", "-C", company.folder, env={"COLUMNS": "150"}).stdout
        assert f"(undo of {last})" in text.splitlines()[1]
        page = run("history", last, "-C", company.folder, env={"COLUMNS": "150"}).stdout
        assert f"It was undone by {report.run}; `orgform undo {report.run}` does it again." in page
        assert [r.get("undoes") for r in history(company.folder)] == [last, None, None]

    def test_what_was_not_done_and_why(self, company: Company) -> None:
        company.apply(members=OWNERS)
        company.write(members={**OWNERS, **CAROL}, groups={"g": {"members": ["carol@acme.com"]}})
        run("plan", "-C", company.folder, "-o", company.folder / "plan.json")
        company.change("create", "member/carol@acme.com", {"name": "Somebody else"})
        done = run("apply", company.folder / "plan.json", "-C", company.folder)
        assert done.returncode == 5
        (newest, *_) = history(company.folder)
        text = " ".join(run("history", newest["run"], "-C", company.folder).stdout.split())
        assert "Not done (2)" in text
        assert "! stale Carol Wu member/carol@acme.com it exists meanwhile, with other values" in text
        assert "! skipped group/g needs member/carol@acme.com, which is stale" in text
        assert text.endswith("`orgform apply` looks at the live system anew and does what is missing.")

    def test_ten_thousand_changes_are_counted_and_all_shows_each(self, tmp_path: Path) -> None:
        ledger = open_ledger(tmp_path / "ledger.db", create=True)
        changes = [Change("create", "acme", Address(f"member/m{n:05}@acme.com"), "new", None, {"name": f"M {n}"}) for n in range(10_000)]
        targets = {"acme": PlanTarget("local", True, "local:acme.db")}
        plan = Plan("0.1.0", "sha256:c", PlanBase(), targets, {}, tuple(changes))
        with ledger.lock(["local:acme.db"], "dana") as lock:
            recorder = ledger.begin_run(lock, plan, {"acme": "local:acme.db"}, "dana")
            recorder.record([(c, Outcome("acme", c.address, "create", "done")) for c in changes[:9_000]])
            recorder.record([(c, Outcome("acme", c.address, "create", "failed", "no room")) for c in changes[9_000:9_500]])
            running = ledger.history(recorder.run)["runs"][0]
            assert (running["next"], running["counts"]["planned"]) == (["It is still running."], 500)
        ledger.close()
        words = ("history", recorder.run, "-C", tmp_path, "--ledger", tmp_path / "ledger.db")
        short = run(*words).stdout
        assert len(short.splitlines()) < 80
        assert "Not done (1,000)" in short
        assert "... and 490 more, --all shows each\n             no room\n" in short
        assert short.count("... and 490 more, --all shows each") == 2
        assert short.count("the run was cut off before this was recorded") == 1
        assert "Done (9,000)\n  9,000 members: 9,000 created\n  ... 9,000, one by one with --all\n" in short
        every = run(*words, "--all").stdout
        assert every.count("member/m") == 10_000
        document = json.loads(run(*words, "--format", "json").stdout)["runs"][0]
        assert len(document["changes"]) == 10_000
        assert document["outcome"] == "interrupted"
        assert {name: number for name, number in document["counts"].items() if number} == {"created": 9_000, "failed": 500, "unknown": 500}
        others = {"updated", "deleted", "already", "skipped", "stale", "planned", "waiting", "manual"}
        assert {name for name, number in document["counts"].items() if not number} == others
