"""The usual flow as a process: every command on a real config, with the embedded system behind it."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orgform.kinds import schema_folder
from tests.cli.process import environment, run

PLAN_SCHEMA = json.loads((schema_folder() / "plan.schema.json").read_bytes())


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "company.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def apply(folder: Path) -> None:
    done = run("apply", "-C", folder, "--yes")
    assert done.returncode == 0, done.stderr


def document(*words: str | Path) -> tuple[int, Any]:
    done = run(*words, "--format", "json")
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_validate(acme: Path) -> None:
    done = run("validate", "-C", acme)
    assert (done.returncode, done.stderr) == (0, "")
    assert "member" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("The config is valid: ")
    assert run("validate", "-q", "-C", acme).stdout.count("\n") == 1
    assert document("validate", "-C", acme)[1]["valid"] is True


def test_plan_apply_and_plan_again(acme: Path) -> None:
    first = run("plan", "-C", acme)
    assert first.returncode == 0, first.stderr
    assert "  + Alice Ng  " in first.stdout
    assert "Plan: 9 to create, 0 to update, 0 to delete, 0 manual." in first.stdout
    assert not list(acme.glob("*.db")), "plan creates no file"
    done = run("apply", "-C", acme, "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Applied: 9 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 0 stale"
    assert "+ created  Alice Ng  member/alice@acme.com" in done.stdout
    again = run("plan", "-C", acme, "--detailed-exitcode")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "No changes: the live system is as the config says.")
    nothing = run("apply", "-C", acme, "--yes")
    assert nothing.returncode == 0
    assert nothing.stdout.splitlines()[-2:] == ["Nothing to do.", "Applied: 0 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 0 stale"]


def test_changes_and_their_exit_code(acme: Path) -> None:
    apply(acme)
    edit(acme, "Carol Wu}", "Carol Wu-Smith}")
    done = run("plan", "-C", acme, "--detailed-exitcode")
    assert done.returncode == 2
    assert 'name: "Carol Wu" -> "Carol Wu-Smith"' in done.stdout
    assert run("plan", "-C", acme).returncode == 0


def test_json_is_one_valid_document(acme: Path) -> None:
    code, plan = document("plan", "-C", acme)
    assert code == 0
    jsonschema.validate(plan, PLAN_SCHEMA, cls=jsonschema.Draft202012Validator)
    assert plan["summary"]["create"] == 9
    code, report = document("apply", "-C", acme, "--yes")
    assert (code, report["format"], report["outcome"]) == (0, "orgform.report/1", "done")
    assert report["counts"]["created"] == len(report["outcomes"]) == 9


@pytest.mark.parametrize(
    ("format", "begins"),
    [("markdown", "## orgform: 9 to create"), ("html", "<!doctype html>"), ("github", "::notice title=orgform plan::")],
)
def test_other_forms_of_a_plan(acme: Path, format: str, begins: str) -> None:
    done = run("plan", "-C", acme, "--format", format)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(begins)


def test_a_saved_plan_is_applied_as_it_is(acme: Path, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    made = run("plan", "-C", acme, "-o", file)
    assert "Plan: 9 to create" in made.stdout
    assert f"apply {file}" in made.stderr
    jsonschema.validate(json.loads(file.read_bytes()), PLAN_SCHEMA, cls=jsonschema.Draft202012Validator)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    edit(acme, "Carol Wu}", "Carol III}")
    done = run("apply", file, "-C", acme)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Asked for" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Applied: 9 created")
    again = run("apply", file, "-C", acme)
    assert again.returncode == 0, "what exists identically is adopted"
    changed = run("plan", "-C", acme)
    assert 'name: "Carol Wu" -> "Carol III"' in changed.stdout


def test_a_stale_plan_changes_nothing(acme: Path, tmp_path: Path) -> None:
    apply(acme)
    edit(acme, "Carol Wu}", "Carol III}")
    run("plan", "-C", acme, "-o", tmp_path / "plan.json")
    edit(acme, "Carol III}", "Carol IV}")
    apply(acme)
    done = run("apply", tmp_path / "plan.json", "-C", acme)
    assert done.returncode == 5
    assert "! stale    " in done.stdout
    assert done.stdout.splitlines()[-1] == "Applied: 0 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 1 stale"


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"format": "orgform.plan/9", "tool_version": "0"}'])
def test_a_bad_plan_file_is_a_failure(acme: Path, content: str) -> None:
    (acme / "plan.json").write_text(content)
    done = run("apply", acme / "plan.json", "-C", acme)
    assert (done.returncode, done.stdout) == (1, "")
    assert "orgform plan -o FILE" in " ".join(done.stderr.split())
    assert run("apply", acme / "missing.json", "-C", acme).returncode == 1


def test_a_refused_plan_is_shown_whole_and_does_nothing(acme: Path) -> None:
    apply(acme)
    edit(acme, "    region: us\n", "    region: eu\n")
    planned = run("plan", "-C", acme, "--detailed-exitcode")
    assert planned.returncode == 4
    assert "  ! immutable: " in planned.stdout
    assert "Refused by immutable" in planned.stderr
    done = run("apply", "-C", acme, "--yes")
    assert done.returncode == 4
    assert "  ! immutable: " in done.stdout
    assert done.stderr.startswith("error: refused by immutable")
    code, error = document("apply", "-C", acme, "--yes")
    assert (code, error["format"], error["guards"][0]["guard"]) == (4, "orgform.error/1", "immutable")
    assert document("plan", "-C", acme)[0] == 4
    assert run("plan", "-C", acme, "--format", "github").stdout.startswith("::error title=refused%3A immutable::")


def test_a_refusal_names_the_exact_words_that_let_it_pass(acme: Path) -> None:
    apply(acme)
    edit(acme, "  support: {name: Support, members: [carol@acme.com]}\n", "  {}\n")
    edit(acme, ", group:support: member}", "}")
    code, plan = document("plan", "-C", acme)
    assert code == 4
    words = [word for guard in plan["guards"] if guard["verdict"] == "refused" for word in shlex.split(guard["override"])]
    assert words[::2] == ["--allow"] * (len(words) // 2)
    assert run("plan", "-C", acme, *words).returncode == 0
    assert run("apply", "-C", acme, "--yes", *words).stdout.splitlines()[-1].startswith("Applied: 0 created, 0 updated, 2 deleted")


def test_an_invalid_config_is_told_whole(acme: Path) -> None:
    edit(acme, "region: us", "regoin: us")
    edit(acme, "members: [carol@acme.com]", "members: [karol@acme.com]")
    for command in (("validate",), ("plan",), ("apply", "--yes"), ("export",), ("access",)):
        done = run(*command, "-C", acme)
        assert (done.returncode, done.stdout) == (3, ""), command
        assert "region" in done.stderr
        assert "carol@acme.com" in done.stderr
        assert "company.yaml:16:" in done.stderr
        assert done.stderr.splitlines()[-1] == "The config has 2 errors."
    code, found = document("plan", "-C", acme)
    assert (code, found["format"], len(found["diagnostics"])) == (3, "orgform.diagnostics/1", 2)


def test_an_invalid_config_in_other_forms(acme: Path) -> None:
    edit(acme, "region: us", "regoin: us")
    place = run("validate", "-C", "acme", "--format", "github", cwd=acme.parent)
    assert place.returncode == 3
    assert "::error file=acme/company.yaml,line=16,col=" in place.stdout
    inside = run("validate", "--format", "github", cwd=acme)
    assert "::error file=company.yaml,line=16,col=" in inside.stdout
    runner = run("validate", "--format", "github", cwd=acme, env={"GITHUB_WORKSPACE": str(acme.parent)})
    assert "::error file=acme/company.yaml,line=16,col=" in runner.stdout
    assert run("validate", "-C", acme, "--format", "markdown").stdout.startswith("## orgform: the config has 1 error")
    assert "<h1>The config has 1 error</h1>" in run("validate", "-C", acme, "--format", "html").stdout


def test_export(acme: Path, tmp_path: Path) -> None:
    apply(acme)
    printed = run("export", "-C", acme)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert "alice@acme.com" in printed.stdout
    code, found = document("export", "-C", acme)
    assert (code, found["format"]) == (0, "orgform.export/1")
    assert found["files"] == dict.fromkeys(found["files"], printed.stdout)
    into = run("export", "-C", acme, "--into", tmp_path / "out")
    assert into.returncode == 0, into.stderr
    assert sorted(into.stdout.split()) == sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.yaml"))


def test_an_export_into_what_says_all_of_it_changes_nothing(acme: Path) -> None:
    apply(acme)
    before = (acme / "company.yaml").read_bytes()
    done = run("export", "-C", acme, "--into", acme)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "says all of it already" in done.stderr
    assert (acme / "company.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("format", "begins"), [("markdown", "## orgform apply\n\nApplied: 9 created"), ("github", "::notice title=orgform apply::Applied")]
)
def test_other_forms_of_a_report(acme: Path, format: str, begins: str) -> None:
    done = run("apply", "-C", acme, "--yes", "--format", format)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(begins)


@pytest.mark.parametrize(
    ("format", "begins"), [("markdown", "## orgform: the config is valid"), ("html", "<!doctype html>"), ("github", "The config is valid.")]
)
def test_other_forms_of_a_valid_config(acme: Path, format: str, begins: str) -> None:
    done = run("validate", "-C", acme, "--format", format)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(begins)


def test_access(acme: Path) -> None:
    table = run("access", "-C", acme)
    assert (table.returncode, table.stderr) == (0, "")
    assert "carol@acme.com  brand-x-us" in table.stdout
    assert "group:support" in table.stdout
    rows = list(csv.reader(io.StringIO(run("access", "-C", acme, "--format", "csv").stdout)))
    assert rows[0] == ["member", "workspace", "role", "path"]
    assert ["carol@acme.com", "brand-x-us", "member", "group:support"] in rows
    code, found = document("access", "-C", acme)
    assert (code, len(found["access"])) == (0, len(rows) - 1)
    apply(acme)
    assert document("access", "-C", acme, "--live")[1]["access"] == found["access"]


def test_history(acme: Path) -> None:
    assert run("history", "-C", acme).stdout == "Nothing was applied yet.\n"
    apply(acme)
    edit(acme, "Carol Wu}", "Carol Wu-Smith}")
    apply(acme)
    _, found = document("history", "-C", acme)
    newest, first = found["runs"]
    assert (newest["changes"], first["changes"]) == (1, 9)
    table = run("history", "-C", acme).stdout.splitlines()
    assert table[0].split() == ["RUN", "STARTED", "FINISHED", "OUTCOME", "CHANGES", "ACTOR"]
    assert [line.split()[0] for line in table[1:]] == [newest["run"], first["run"]]
    one = run("history", newest["run"], "-C", acme)
    assert "~ updated  Carol Wu-Smith  member/carol@acme.com" in one.stdout
    assert run("history", "nonsense", "-C", acme).returncode == 1


def test_providers_and_schemas() -> None:
    assert "every kind: read, create, update and delete by API" in run("providers").stdout
    assert "\n## local\n" in run("providers", "--format", "markdown").stdout
    assert run("providers", "local", "--format", "markdown").stdout.startswith("The admin API inside the process")
    assert list(document("providers", "local")[1]["providers"]) == ["local"]
    told = run("providers", "nowhere")
    assert (told.returncode, "no provider named 'nowhere'" in told.stderr) == (64, True)
    code, found = document("providers")
    assert (code, found["format"]) == (0, "orgform.providers/1")
    assert {"local", "orgform"} <= set(found["providers"])
    for name in ("company", "plan", "member"):
        jsonschema.Draft202012Validator.check_schema(json.loads(run("schema", name).stdout))
    assert run("schema").stdout == run("schema", "company").stdout


def test_quiet_shows_what_needs_a_decision(acme: Path) -> None:
    done = run("plan", "-q", "-C", acme)
    assert done.stderr == ""
    assert 'name: "Alice Ng"' not in done.stdout
    assert "  + Alice Ng  " in done.stdout
    assert run("apply", "-q", "-C", acme, "--yes").stdout == "Applied: 9 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 0 stale\n"


def test_without_a_terminal_nothing_is_asked(acme: Path) -> None:
    done = run("apply", "-C", acme, stdin="yes\n")
    assert (done.returncode, done.stdout) == (64, "")
    assert "--yes" in done.stderr
    assert not list(acme.glob("*.db"))


def test_only_a_plan_to_a_pipe_and_a_plan_to_a_place_that_is_none(acme: Path) -> None:
    done = run("plan", "-C", acme, "-o", "/dev/stdout", "--format", "json")
    assert done.stdout.count('"format": "orgform.plan/1"') == 2
    assert run("plan", "-C", acme, "-o", acme / "no" / "plan.json").returncode == 1


def test_a_reader_that_goes_away_does_not_stop_an_apply(acme: Path) -> None:
    script = f"orgform apply --yes -C {acme} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=environment(PYTHONUNBUFFERED="1"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert run("plan", "-C", acme, "--detailed-exitcode").returncode == 0


def test_colour_on_request_and_not_by_itself(acme: Path) -> None:
    assert "\x1b" not in run("plan", "-C", acme).stdout
    forced = run("plan", "-C", acme, env={"FORCE_COLOR": "1"})
    assert "\x1b[32m+\x1b[0m" in forced.stdout
    assert "\x1b" not in run("plan", "-C", acme, "--no-color", env={"FORCE_COLOR": "1"}).stdout


def test_a_day_of_ones_own(acme: Path) -> None:
    edit(acme, "{name: Carol Wu}", "{name: Carol Wu, until: 2027-01-31, reason: agency}")
    assert run("plan", "-C", acme, "--today", "2027-01-31").stdout.count("carol@acme.com") > 0
    assert "member/carol@acme.com" not in run("plan", "-C", acme, "--today", "2027-02-01").stdout
