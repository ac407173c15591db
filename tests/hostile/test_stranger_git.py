"""`plan --base` asks git about a stranger's folder: nothing that its repository's config names is run or called; and nothing is written
through a stranger's links."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform import app
from orgform.errors import OrgformError
from orgform.options import Options
from tests.hostile.limited import Place
from tests.hostile.test_stranger import HEAD


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    (made.config / "company.yaml").write_text(HEAD)
    yield made
    made.close()


def git(folder: Path, *words: str, fails: bool = False) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_CONFIG_GLOBAL": os.devnull}
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    done = subprocess.run(["git", *who, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert fails or done.returncode == 0, done.stderr
    return done.stdout.strip()


def committed(folder: Path) -> None:
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


def script(place: Place) -> Path:
    path = place.mark.with_name("script")
    path.write_text(f"#!/bin/sh\ntouch '{place.mark}'\nexit 1\n")
    path.chmod(0o755)
    return path


def test_programs_of_a_repositorys_config(place: Place) -> None:
    run = str(script(place))
    (place.config / ".gitattributes").write_text("*.yaml filter=x diff=x merge=x\n")
    committed(place.config)
    for name in (
        "core.fsmonitor",
        "filter.x.smudge",
        "filter.x.clean",
        "filter.x.process",
        "diff.external",
        "diff.x.textconv",
        "core.pager",
    ):
        git(place.config, "config", name, run)
    for name in (
        "pager.ls-tree",
        "core.sshCommand",
        "core.askPass",
        "core.editor",
        "credential.helper",
        "gpg.program",
        "core.alternateRefsCommand",
    ):
        git(place.config, "config", name, run)
    for name in ("cat-file", "ls-tree", "rev-parse"):
        git(place.config, "config", f"alias.{name}", f"!{run}")
    for name in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"):
        (place.config / ".git/hooks" / name).write_text(Path(run).read_text())
        (place.config / ".git/hooks" / name).chmod(0o755)
    (place.config / "company.yaml").write_text(HEAD + "groups: {g: }\n")
    ended = place.run("plan", "--base", "HEAD")
    place.untouched(ended, allowed=(0,))
    assert "group/g" in ended.said
    git(place.config, "status")
    assert place.mark.exists(), "the attack would not have worked anyway"


@pytest.mark.parametrize("url", ["ssh://127.0.0.1:PORT/x", "http://127.0.0.1:PORT/x", "git://127.0.0.1:PORT/x"])
def test_a_commit_that_is_not_there_whole_is_not_fetched(place: Place, url: str) -> None:
    committed(place.config)
    blob = git(place.config, "rev-parse", "HEAD:company.yaml")
    (place.config / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": url.replace("PORT", str(place.port)),
        "remote.origin.promisor": "true",
        "core.sshCommand": str(script(place)),
        "remote.origin.uploadpack": str(script(place)),
    }.items():
        git(place.config, "config", name, value)
    ended = place.run("plan", "--base", "HEAD")
    place.untouched(ended, allowed=(1,))
    assert "nothing is fetched" in ended.said
    if url.startswith("ssh"):
        git(place.config, "cat-file", "blob", blob, fails=True)
        assert place.mark.exists(), "the attack would not have worked anyway"


def test_a_folder_that_looks_like_a_repository(place: Place) -> None:
    """Any pull request may bring HEAD, objects, refs and config; without care git takes them for a repository."""
    outer = place.config.parent
    for name in ("objects", "refs"):
        (place.config / name).mkdir()
        (place.config / name / "x").write_text("")
    (place.config / "HEAD").write_text("ref: refs/heads/main\n")
    (place.config / "config").write_text(f"[core]\nbare = true\nfsmonitor = {script(place)}\n[alias]\nx = !{script(place)}\n")
    git(place.config, "x", fails=True)
    assert place.mark.exists(), "the attack would not have worked anyway"
    place.mark.unlink()
    git(outer, "init", "-q", "-b", "main")
    git(outer, "add", "config")
    git(outer, "commit", "-q", "-m", "x")
    ended = place.run("plan", "--base", "HEAD")
    place.untouched(ended, allowed=(1,))
    assert "git" in ended.said


@pytest.mark.parametrize(
    "ref", ["--upload-pack=x", "--help", "-h", "--git-dir=/", "HEAD\nx", "\x1b[2J", ":/x", "@{u}", "x" * 100_000, "HEAD^{/(((((}", ""]
)
def test_revisions_that_are_none(place: Place, ref: str) -> None:
    committed(place.config)
    place.untouched(place.run("plan", f"--base={ref}"), allowed=(0, 1, 64))


@pytest.mark.parametrize("to", ["../bait/company.yaml", "/dev/zero", "/proc/self/environ", "x.yaml", ".git/config"])
def test_links_of_a_commit(place: Place, to: str) -> None:
    (place.config / "x.yaml").symlink_to(to)
    committed(place.config)
    (place.config / "x.yaml").unlink()
    place.untouched(place.run("plan", "--base", "HEAD"), allowed=(0, 1))


def test_a_module_and_odd_names_of_a_commit(place: Place) -> None:
    inner = place.config / "inner"
    inner.mkdir()
    (inner / "x.yaml").write_text("groups: {g: }\n")
    committed(inner)
    Path(os.fsdecode(os.fsencode(place.config) + b"/\xff\x1b[2J.yaml")).write_text("groups: {h: }\n")
    git(place.config, "-c", "advice.addEmbeddedRepo=false", "init", "-q", "-b", "main")
    git(place.config, "-c", "advice.addEmbeddedRepo=false", "add", "-A")
    git(place.config, "commit", "-q", "-m", "x")
    os.unlink(os.fsencode(place.config) + b"/\xff\x1b[2J.yaml")  # noqa: PTH108 - no UTF-8
    ended = place.run("plan", "--base", "HEAD")
    place.untouched(ended, allowed=(1,))
    assert b"\x1b" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["members.yaml", "company.yaml", "workspaces"])
def test_an_export_does_not_write_through_a_link(place: Place, name: str) -> None:
    folder = place.config
    app.apply(Options(folder=folder), approve=lambda _: True)
    into = folder.parent / "into"
    into.mkdir()
    before = {path: path.read_bytes() for path in place.bait.rglob("*") if path.is_file()}
    (into / name).symlink_to(place.bait / ("new.yaml" if name.endswith(".yaml") else "sub"))
    try:
        app.export(Options(folder=folder), into=into)
    except OrgformError as error:
        assert "leads out of" in error.message
    assert {path: path.read_bytes() for path in place.bait.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["company.yaml", ".gitignore", "README.md", ".github"])
def test_a_new_config_does_not_write_through_a_link(place: Place, name: str) -> None:
    folder = place.config.parent / "new"
    folder.mkdir()
    (folder / name).symlink_to(place.bait / ("token" if name != ".github" else "sub"))
    before = {path: path.read_bytes() for path in place.bait.rglob("*") if path.is_file()}
    ended = place.run("init", "--company", "Acme Corp", "--domain", "acme.com", "--owner", "alice@acme.com", cwd=folder)
    assert ended.code in (0, 1, 64) and b"this is a bug" not in ended.stderr, ended.said
    assert {path: path.read_bytes() for path in place.bait.rglob("*") if path.is_file()} == before
