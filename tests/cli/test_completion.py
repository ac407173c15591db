"""Completion: scripts that shells accept, and the words that they then get."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.process import environment, run


def complete(*words: str, cwd: Path | None = None) -> list[str]:
    answer = run(
        cwd=cwd, env={"_ORGFORM_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("orgform", *words)), "COMP_CWORD": str(len(words))}
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    return [line.partition(",")[2] for line in answer.stdout.split()]


def test_commands_are_completed() -> None:
    assert complete("pl") == ["plan"]
    assert complete("p") == ["plan", "providers"]


def test_options_and_their_values_are_completed() -> None:
    assert "--detailed-exitcode" in complete("plan", "--d")
    assert complete("plan", "--format", "m") == ["markdown"]


def test_environments_are_completed_from_the_config(tmp_path: Path) -> None:
    (tmp_path / "acme" / "environments").mkdir(parents=True)
    for name in ("staging.yaml", "sandbox.yml", "production.yaml"):
        (tmp_path / "acme" / "environments" / name).touch()
    assert complete("plan", "-C", "acme", "--env", "s", cwd=tmp_path) == ["sandbox", "staging"]
    assert complete("plan", "--env", "s", cwd=tmp_path) == []


def test_an_unknown_command_has_nothing_to_complete() -> None:
    assert complete("nonsense", "--fo") == []


def test_the_bash_script_registers_the_command() -> None:
    script = 'eval "$(orgform completion bash)"; complete -p orgform'
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, env=environment(), check=True)
    assert "_orgform_completion orgform" in done.stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_scripts_name_the_command_and_its_variable(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_ORGFORM_COMPLETE" in done.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True)


def test_the_script_comes_by_the_variable_too() -> None:
    assert run(env={"_ORGFORM_COMPLETE": "fish_source"}).stdout == run("completion", "fish").stdout


@pytest.mark.parametrize("wrong", ["tcsh_complete", "bash_dance", "bash"])
def test_an_unknown_instruction_fails_quietly(wrong: str) -> None:
    done = run(env={"_ORGFORM_COMPLETE": wrong})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
