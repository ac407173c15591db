"""Words on the command line: what is wrong usage, and what one is told."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from orgform import __version__
from orgform.cli.commands.domains import verify
from orgform.cli.group import COMMANDS, root
from tests.cli.process import ORGFORM, PATIENCE, environment, run


def test_alone_it_shows_the_usual_flow_and_every_command() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    flow = done.stdout.index("orgform init"), done.stdout.index("orgform validate"), done.stdout.index("orgform plan")
    assert list(flow) == sorted(flow)
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("words", [("--help",), ("-h",)])
def test_help_is_the_overview(words: tuple[str, ...]) -> None:
    assert run(*words).stdout == run().stdout


def test_version() -> None:
    assert run("--version").stdout == f"orgform {__version__}\n"


def test_version_imports_nothing_of_the_core() -> None:
    code = "import sys; from orgform.cli import main; main(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    loaded = set(done.stdout.split())
    assert "click" in loaded
    assert not loaded & {
        "msgspec",
        "rich",
        "orgform.app",
        "orgform.model",
        "orgform.cli.options",
        "yaml",
        "httpx",
        "sqlalchemy",
    }
    assert "importlib.metadata" not in loaded


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself_within_80_columns(name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: orgform {name}")
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plna",), "did you mean 'plan'?"),
        (("aply", "--yes"), "did you mean 'apply'?"),
        (("frobnicate",), "there is no command 'frobnicate' help:"),
        (("version",), "here it is `orgform --version`"),
        (("rollback",), "here it is `orgform undo`"),
        (("plan", "acme"), "the folder of the config stands behind -C: `orgform plan -C acme`"),
        (("apply", "."), "the folder of the config stands behind -C: `orgform apply -C .`"),
        (("undo", "20261122", "acme"), "unexpected extra argument (acme) help: see"),
        (("schema", "workspaces"), "did you mean workspace?"),
        (("plan", "--formt", "json"), "did you mean --format"),
        (("plan", "--zzz"), "has no option --zzz help:"),
        (("-C", "here", "plan"), "options stand after the command"),
        (("plan", "--format", "xml"), "'xml' is not one of"),
        (("plan", "--parallelism", "0"), "0 is not in the range"),
        (("plan", "--parallelism", "many"), "'many' is not a valid integer"),
        (("plan", "--max-wait", "-1"), "not in the range"),
        (("plan", "--max-wait", "nan"), "nan is no number"),
        (("plan", "--today", "2027-1-31"), "is no day; write it as YYYY-MM-DD"),
        (("plan", "--today", "2027-02-30"), "is no day; write it as YYYY-MM-DD"),
        (("plan", "--var", "region"), "is not of the form NAME=VALUE"),
        (("plan", "--allow", "deletes"), "is not of the form GUARD:ADDRESS_GLOB"),
        (("plan", "--allow-target", "=x"), "is not of the form NAME=ORIGIN"),
        (("plan", "extra"), "unexpected extra argument"),
        (("plan", "-o"), "requires an argument"),
        (("plan", "-o", "."), "is a directory"),
        (("init", "--strategy", "by-moon"), "'by-moon' is not one of"),
        (("completion",), "missing argument"),
        (("completion", "tcsh"), "'tcsh' is not one of"),
        (("schema", "nothing-like-it"), "no schema named 'nothing-like-it'"),
        (("apply",), "apply needs --yes or a plan file"),
        (("apply", "plan.json", "--destroy"), "--destroy cannot stand beside a plan file"),
        (("apply", "plan.json", "--base", "main"), "--base cannot stand beside a plan file"),
        (("apply", "plan.json", "--only", "*"), "--only cannot stand beside a plan file"),
        (("apply", "plan.json", "--today", "2027-01-31"), "--today cannot stand beside a plan file"),
    ],
)
def test_wrong_usage_exits_64_and_says_what_is_wrong(words: tuple[str, ...], told: str) -> None:
    done = run(*words)
    assert done.returncode == 64
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert told in " ".join(done.stderr.split())


@pytest.mark.parametrize("words", [("plan", "--zzz"), ("apply",), ("schema", "x")])
def test_json_errors_are_one_document_and_nothing_else(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*words, "--format", "json", cwd=tmp_path) if words[0] != "schema" else run("plan", "--format=json", "--zzz", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (64, "")
    document = json.loads(done.stdout)
    assert document["format"] == "orgform.error/1"
    assert document["exit_code"] == 64
    assert set(document) == {"format", "message", "hint", "exit_code"}


def test_what_stands_after_two_dashes_is_no_option() -> None:
    assert run("plan", "--", "--format", "json").stderr.startswith("error: ")


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"{ORGFORM} schema member | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, env=environment())
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_a_failure_without_a_traceback() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([ORGFORM, "schema", "member"], stdout=full, stderr=subprocess.PIPE, env=environment(), text=True)
    assert done.returncode == 1
    assert done.stderr == "error: cannot write to stdout: No space left on device\n"


@pytest.mark.parametrize(
    ("closed", "code", "out", "err"),
    [
        (">&-", 1, "", "error: cannot write to stdout: Bad file descriptor\n"),
        (">/dev/full", 1, "", "error: cannot write to stdout: No space left on device\n"),
        (">&- 2>&-", 1, "", ""),
        ("2>&-", 0, "local", ""),
        ("<&-", 0, "local", ""),
    ],
)
def test_streams_that_are_closed_or_full(closed: str, code: int, out: str, err: str) -> None:
    """Started by a supervisor that closed them. What nobody could get is a failure, and never a traceback."""
    command = f"{shlex.quote(ORGFORM)} providers {closed}"
    done = subprocess.run(["sh", "-c", command], env=environment(), capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (code, err)
    assert done.stdout == "" if not out else out in done.stdout.lower()


EVERY = [*((name,) for name in COMMANDS), ("domains", "verify"), ("token", "create"), ("token", "list"), ("token", "revoke")]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_examples_of_a_help_are_command_lines_that_are_taken(words: tuple[str, ...]) -> None:
    """Each one is for the command that shows it, and has options and words that it knows."""
    command = command_of(words)
    shown = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith("orgform")]
    assert shown or words in (("token",), ("token", "list"), ("completion",))
    for line in shown:
        given = shlex.split(line, comments=True)
        given = given[: min([i for i, word in enumerate(given) if word in ("<", ">")], default=len(given))]
        assert tuple(given[: len(words) + 1]) == ("orgform", *words)
        command.make_context("orgform", given[len(words) + 1 :])


def command_of(words: tuple[str, ...]) -> click.Command:
    if words == ("domains", "verify"):
        return verify
    context = click.Context(root)
    found = root.get_command(context, words[0])
    for word in words[1:]:
        assert isinstance(found, click.Group)
        found = found.get_command(context, word)
    assert found
    return found


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_command_that_can_fail_in_several_ways_says_how(words: tuple[str, ...]) -> None:
    text = command_of(words).help or ""
    reads_a_config = any(param.name == "folder" for param in command_of(words).params)
    assert ("Exits 0" in text) >= reads_a_config
    assert not reads_a_config or words == ("init",) or re.search(r"\b3\b", text.partition("Exits 0")[2])
