"""The first config: it validates, plans and applies as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orgform.errors import OrgformError, UsageError
from orgform.init import WORKSPACES, starter, write_starter
from tests.cli.process import run


@pytest.mark.parametrize("strategy", WORKSPACES)
def test_every_strategy_validates_plans_and_applies_as_it_stands(strategy: str, tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    done = run("init", "-C", folder, "--strategy", strategy)
    assert done.returncode == 0, done.stderr
    assert "orgform plan -C" in done.stderr
    assert sorted(done.stdout.split()) == sorted(str(p) for p in folder.rglob("*") if p.is_file())
    valid = run("validate", "-C", folder)
    assert (valid.returncode, valid.stderr) == (0, "")
    assert "warning" not in valid.stdout
    assert run("plan", "-C", folder).returncode == 0
    assert run("apply", "-C", folder, "--yes").returncode == 0
    assert run("plan", "-C", folder, "--detailed-exitcode").returncode == 0


def test_the_editor_finds_the_schema(tmp_path: Path) -> None:
    run("init", "-C", tmp_path)
    for file in tmp_path.glob("*.yaml"):
        first = file.read_text().splitlines()[0]
        schema = tmp_path / first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads(schema.read_text()) == json.loads(run("schema").stdout)


@pytest.mark.parametrize(
    ("company", "owner"),
    [
        ('Ac"me: {Corp} #1 \\ & Söhne', "o'neil+x{y}@acme.com"),
        ("true", "TRUE@ACME.com"),
        ("12", "1@acme.com"),
        ("李小龍", "a@münchen.example"),
        ("- x", "x@acme.com"),
    ],
)
def test_odd_names_still_make_a_valid_config(tmp_path: Path, company: str, owner: str) -> None:
    done = run("init", "-C", tmp_path, "--company", company, "--owner", owner, "--owner", "second@acme.com")
    assert done.returncode == 0, done.stderr
    assert run("validate", "-C", tmp_path).returncode == 0, run("validate", "-C", tmp_path).stderr
    plan = json.loads(run("plan", "-C", tmp_path, "--format", "json").stdout)
    (made,) = (c for c in plan["changes"] if c["address"] == "company/company")
    assert made["after"]["name"] == company


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--domain", "gmail.com"), "gmail.com"),
        (("--domain", "no domain"), "no domain"),
        (("--owner", "nobody"), "nobody"),
        (("--company", "{{ 7 * 7 }}"), "template"),
        (("--company", "a\nb"), "no name for a company"),
    ],
)
def test_names_that_a_config_cannot_hold_are_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = run("init", "-C", tmp_path / "x", *words)
    assert (done.returncode, done.stdout) == (64, "")
    assert told in done.stderr
    assert not (tmp_path / "x").exists()


def test_a_folder_that_has_a_config_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("orgform: 1\n")
    done = run("init", "-C", tmp_path)
    assert done.returncode == 1
    assert "mine.yml" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["mine.yml"]


def test_a_folder_around_a_config_is_none_for_another_one(tmp_path: Path) -> None:
    """What stands in folders below is a part of the config."""
    assert run("init", "-C", tmp_path / "acme").returncode == 0
    done = run("init", cwd=tmp_path)
    assert done.returncode == 1
    assert "acme/company.yaml would be read as a part of the config" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["acme"]


def test_an_existing_gitignore_is_completed(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("node_modules\n*.db")
    files = write_starter(tmp_path, strategy="by-brand", company="Acme", domain="acme.com")
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[:2] == ["node_modules", "*.db"]
    assert lines.count("*.db") == 1
    assert ".orgform/" in lines
    assert files[".gitignore"] == (tmp_path / ".gitignore").read_text()


def test_places_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OrgformError, match="is no folder"):
        write_starter(tmp_path / "file", strategy="by-brand", company="Acme", domain="acme.com")
    with pytest.raises(OrgformError, match="cannot be written"):
        write_starter(Path("/proc/acme"), strategy="by-brand", company="Acme", domain="acme.com")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / ".gitignore").write_bytes(b"\xff\n")
    with pytest.raises(OrgformError, match="cannot be read"):
        write_starter(tmp_path / "odd", strategy="by-brand", company="Acme", domain="acme.com")


def test_an_unknown_strategy_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="by-moon"):
        starter(strategy="by-moon", company="Acme", domain="acme.com", owners=())
