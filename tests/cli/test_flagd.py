"""`orgform export --format flagd`: a file for flagd on stdout, and what is said where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import run

FLAGS = """\
features:
  beta: {type: boolean, default: false, owner: alice@acme.com}
  layout: {type: string, default: short, variants: {short: one, long: three}}
"""


@pytest.fixture
def flagged(acme: Path) -> Path:
    file = acme / "company.yaml"
    file.write_text(file.read_text() + "    features: {beta: true}\n" + FLAGS)
    return acme


def test_it_prints_the_features_of_a_workspace_of_the_config_and_of_the_live_system(flagged: Path) -> None:
    words = ("export", "-C", str(flagged), "--format", "flagd", "--workspace", "brand-x-us")
    config = run(*words, "--from", "config")
    assert (config.returncode, config.stderr) == (0, "")
    flags = json.loads(config.stdout)["flags"]
    assert {name: flag["defaultVariant"] for name, flag in flags.items()} == {"beta": "on", "layout": "short"}
    assert run("apply", "-C", str(flagged), "--yes", "--quiet").returncode == 0
    assert run(*words, "--quiet").stdout == config.stdout
    file = flagged / "company.yaml"
    file.write_text(file.read_text().replace("{beta: true}", "{beta: false, layout: long}"))
    assert run(*words, "--quiet").stdout == config.stdout  # the live system has it as it was
    changed = json.loads(run(*words, "--from", "config", "--only", "feature/l*").stdout)["flags"]
    assert {name: flag["defaultVariant"] for name, flag in changed.items()} == {"layout": "long"}


def test_a_workspace_that_is_not_there(flagged: Path) -> None:
    done = run("export", "-C", str(flagged), "--format", "flagd", "--workspace", "nope", "--from", "config")
    assert (done.returncode, done.stdout) == (64, "")
    assert "no workspace named 'nope'" in done.stderr
    assert "there are: brand-x-us" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--format", "flagd"), "say which, with --workspace KEY"),
        (("--format", "flagd", "--workspace", "x", "--into", "out"), "print it into a file with > flags.json"),
        (("--workspace", "x"), "belong to --format flagd"),
        (("--from", "config", "--format", "json"), "belong to --format flagd"),
    ],
)
def test_words_that_do_not_go_together(acme: Path, words: tuple[str, ...], says: str) -> None:
    done = run("export", "-C", str(acme), *words)
    assert done.returncode == 64
    assert says in " ".join((done.stderr + done.stdout).split())
