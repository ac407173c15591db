"""docs/adding-a-provider.md, word by word: its blocks are the files of examples/provider, and those make a provider that works."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.platforms.processes import REPOSITORY, environment, fake, installed, orgform, python

PACKAGE = REPOSITORY / "examples" / "provider"
PAGE = REPOSITORY / "docs" / "adding-a-provider.md"
BLOCK = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
UPDATE = bool(os.environ.get("ORGFORM_UPDATE_DOCS"))


@pytest.fixture
def seen(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has installed the package."""
    return environment(installed(PACKAGE, tmp_path / "site"), DESK_TOKEN="desk-token")


def test_the_blocks_of_the_page_are_the_files() -> None:
    page = PAGE.read_text(encoding="utf-8")
    if UPDATE:
        page = BLOCK.sub(lambda m: m[0].replace(m[2], (PACKAGE / m[1]).read_text(encoding="utf-8")), page)
        PAGE.write_text(page, encoding="utf-8")
    shown = dict(BLOCK.findall(page))
    files = {str(p.relative_to(PACKAGE)): p for p in PACKAGE.rglob("*") if p.suffix in (".py", ".toml", ".yaml")}
    assert shown == {name: path.read_text(encoding="utf-8") for name, path in files.items()}


def test_its_suite_passes(seen: dict[str, str]) -> None:
    done = python(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests"], cwd=PACKAGE, env=seen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d\d passed", done.stdout)


def test_its_matrix_is_shown(seen: dict[str, str], tmp_path: Path) -> None:
    shown = orgform("providers", "acme-desk", cwd=tmp_path, env=seen)
    assert shown.returncode == 0, shown.stderr
    assert "Acme Desk keeps every desk for its tickets" in " ".join(shown.stdout.split())


def test_its_config_is_planned_and_applied_against_its_fake(seen: dict[str, str], tmp_path: Path) -> None:
    text = (PACKAGE / "example" / "company.yaml").read_text(encoding="utf-8")
    folder = tmp_path / "company"
    folder.mkdir()
    with fake("orgform_acme_desk.fake", seen) as url:
        (folder / "company.yaml").write_text(text.replace("provider: acme-desk", f'provider: acme-desk, url: "{url}"'), encoding="utf-8")
        allow = ["--allow-target", f"desk={url.removesuffix('/v1')}"]
        plan = orgform("plan", "-C", folder, "--format", "json", *allow, cwd=tmp_path, env=seen)
        assert plan.returncode == 0, plan.stderr
        found = json.loads(plan.stdout)["plan"] if "plan" in json.loads(plan.stdout) else json.loads(plan.stdout)
        assert [c["address"] for c in found["changes"]] == ["member/carol@acme.example"]
        assert [(s["address"], s["where"]) for s in found["manual_steps"]] == [("workspace/returns", "Admin > Desks > New desk")]
        applied = orgform("apply", "-C", folder, "--yes", *allow, cwd=tmp_path, env=seen)
        assert applied.returncode == 0, applied.stderr
        again = orgform("plan", "-C", folder, "--format", "json", *allow, cwd=tmp_path, env=seen)
        assert '"changes": []' in again.stdout


def test_what_the_platform_does_not_have_is_told_before_any_call(seen: dict[str, str], tmp_path: Path) -> None:
    text = (PACKAGE / "example" / "company.yaml").read_text(encoding="utf-8")
    (tmp_path / "company.yaml").write_text(text.replace("{name: Returns}", "{name: Returns, region: eu}"), encoding="utf-8")
    told = orgform("validate", "-C", tmp_path, cwd=tmp_path, env=seen)
    assert told.returncode == 3
    assert "ORG412" in told.stderr + told.stdout


def test_a_fake_that_is_not_there_is_told(seen: dict[str, str], tmp_path: Path) -> None:
    told = python(["-m", "orgform.testing.fakes", "nowhere"], cwd=tmp_path, env=seen)
    assert told.returncode == 2
    assert "no fake is named 'nowhere'; there are " in told.stderr
