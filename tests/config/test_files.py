"""Which files are read, from the disk and from git; what is never read; the parse cache."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orgform.config import FolderFiles, GitFiles
from orgform.config.files import FileProblem
from orgform.errors import ConfigInvalid, GitError
from tests.config.folders import CLOSED, GOOD, HEAD, TODAY, load, names, refused, told, write


def test_no_such_folder(tmp_path: Path) -> None:
    assert told(refused(tmp_path / "gone")) == [("ORG001", str(tmp_path / "gone"))]
    (tmp_path / "file").write_text("x")
    error = refused(tmp_path / "file")
    assert told(error) == [("ORG001", str(tmp_path / "file"))] and "is no folder" in error.diagnostics[0].summary


def test_folders_nest_only_so_deep(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path.joinpath(*["d"] * 100), {"deep.yaml": "groups: {deep: }\n"})
    assert "group/deep" in load(tmp_path).desired
    write(tmp_path.joinpath(*["d"] * 700), {"deeper.yaml": "groups: {deeper: }\n"})
    ((code, place),) = told(refused(tmp_path))
    assert code == "ORG025" and len(place) < 100


@pytest.mark.parametrize("link", ["x.yaml", "sub/x.yaml", "sub", "notes.txt"])
def test_links_out_of_the_folder_are_refused(link: str, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.yaml": "groups: {}\n"})
    folder = write(tmp_path / "config", GOOD)
    place = folder / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(outside if link == "sub" else outside / "secret.yaml")
    assert told(refused(folder)) == [("ORG005", link)]


def test_rosters_are_not_read_through_links(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"people.csv": "email\nx@acme.com\n"})
    folder = write(tmp_path / "config", GOOD + "include_csv: {members: sub/people.csv}\n")
    (folder / ".lists").symlink_to(outside)
    (folder / "sub").mkdir()
    (folder / "sub" / "people.csv").symlink_to("../.lists/people.csv")
    assert sorted(told(refused(folder))) == [("ORG005", "acme.yaml:22:24"), ("ORG005", "sub/people.csv")]


def test_a_database_behind_a_link_is_outside(tmp_path: Path) -> None:
    folder = write(tmp_path / "config", GOOD.replace("acme.db", ".data/acme.db"))
    assert load(folder).desired
    (tmp_path / "outside").mkdir()
    (folder / ".data").symlink_to(tmp_path / "outside")
    assert told(refused(folder)) == [("ORG406", "acme.yaml:4:37")]


def test_links_inside_the_folder_add_nothing_twice(tmp_path: Path) -> None:
    folder = write(
        tmp_path, {"acme.yaml": HEAD, "sub/groups.yaml": "groups: {g: {}}\n", ".shared/roles.yaml": "roles: {r: {scope: workspace}}\n"}
    )
    (folder / "again.yaml").symlink_to("acme.yaml")
    (folder / "zz").symlink_to("sub")
    (folder / "loop").symlink_to(".")
    (folder / "roles.yaml").symlink_to(".shared/roles.yaml")
    config = load(folder)
    assert {"group/g", "role/r"} <= set(config.desired)
    assert str(config.desired["group/g"].source) == "sub/groups.yaml:1:10"


def test_links_to_nowhere_and_circles(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "gone.yaml").symlink_to("nothing.yaml")
    (folder / "a.yaml").symlink_to("b.yaml")
    (folder / "b.yaml").symlink_to("a.yaml")
    assert {code for code, _ in told(refused(folder))} == {"ORG003"}


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD + "include_csv: {members: pipe.csv}\n")
    os.mkfifo(folder / "pipe.yaml")
    os.mkfifo(folder / "pipe.csv")
    assert told(refused(folder)) == [("ORG003", "acme.yaml:22:24"), ("ORG003", "pipe.yaml")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"acme.yaml": GOOD, "b.yaml": "groups: {}\n"})
    (folder / "b.yaml").chmod(0)
    assert told(refused(folder)) == [("ORG003", "b.yaml")]


def test_a_file_whose_name_cannot_be_read(tmp_path: Path) -> None:
    """A name of 300 characters cannot be on this disk; what the system says is told."""
    assert told(refused(tmp_path, GOOD + f"include_csv: {{members: {'n' * 300}.csv}}\n")) == [("ORG003", "acme.yaml:22:24")]


def test_large_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD + "include_csv: {members: big.csv}\n")
    for name, size in (("big.yaml", 100 * 2**20), ("big.csv", 300 * 2**20)):
        with (folder / name).open("wb") as file:
            file.truncate(size)  # sparse: it takes no room, and would take all memory when read
    error = refused(folder)
    assert told(error) == [("ORG006", "acme.yaml:22:24"), ("ORG006", "big.yaml")]
    assert "100.0 MB" in error.diagnostics[1].summary


def test_too_many_files(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "many").mkdir()
    for number in range(10_001):
        (folder / "many" / f"{number}.yaml").touch()
    codes = [code for code, _ in told(refused(folder))]
    assert codes.count("ORG007") == 1


# git


def git(folder: Path, *words: str) -> str:
    options = ("-c", "user.name=T", "-c", "user.email=t@acme.com", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a config in a folder; the work tree has moved on."""
    folder = tmp_path / "repo" / "env" / "config"
    files = {
        "acme.yaml": GOOD + "include_csv: {members: people.csv}\n",
        "people.csv": "email\nc@acme.com\n",
        "environments/staging.yaml": "groups: {staging: {}}\n",
        "sub/more.yaml": "groups: {more: {}}\n",
        ".hidden/x.yaml": "[",
        "x.test.yaml": "[",
    }
    write(folder, files)
    write(tmp_path / "repo", {"other.yaml": "["})
    (folder / "again.yaml").symlink_to("sub/more.yaml")
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "add", "-A")
    git(tmp_path / "repo", "commit", "-qm", "first")
    (folder / "acme.yaml").write_text("[ broken in the work tree")
    return folder


def test_a_config_at_a_commit(repository: Path) -> None:
    files = GitFiles(repository, "HEAD")
    assert files.listing().files == ("acme.yaml", "sub/more.yaml") and files.listing().environments == ("staging.yaml",)
    config = load(repository, files=files)
    assert {"member/c@acme.com", "group/more"} <= set(config.desired) and "group/staging" not in config.desired
    assert "group/staging" in load(repository, files=files, env="staging").desired
    assert len(files.commit) == 40
    assert told(refused(repository))[0][0] == "ORG010"


def test_git_names_what_it_lacks(repository: Path, tmp_path: Path) -> None:
    for ref in ("nope", "--help", "HEAD:acme.yaml", ""):
        with pytest.raises(GitError, match="knows no commit"):
            load(repository, files=GitFiles(repository, ref))
    (tmp_path / "plain").mkdir()
    with pytest.raises(GitError, match="git repository"):
        load(tmp_path / "plain", files=GitFiles(tmp_path / "plain", "HEAD"))
    with pytest.raises(GitError, match="does not exist"):
        load(tmp_path / "gone", files=GitFiles(tmp_path / "gone", "HEAD"))


def test_git_is_not_installed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitError, match="not installed"):
        load(repository, files=GitFiles(repository, "HEAD"))


def test_links_in_a_commit(repository: Path, tmp_path: Path) -> None:
    (repository / "out.yaml").symlink_to("../../other.yaml")
    (repository / "far").symlink_to("/etc")
    (repository / "round.yaml").symlink_to("round.yaml")
    (repository / "folder").symlink_to("sub")
    (repository / "people2.csv").symlink_to("../../x.csv")
    git(repository, "add", "-A", ":/")
    git(repository, "commit", "-qm", "links")
    files = GitFiles(repository, "HEAD")
    assert sorted((file, code) for file, code, _, _ in files.listing().problems) == [
        ("far", "ORG005"),
        ("out.yaml", "ORG005"),
        ("people2.csv", "ORG005"),
        ("round.yaml", "ORG003"),
    ]
    assert files.read("folder/more.yaml", 1000) == b"groups: {more: {}}\n"
    for path, code in (("far/passwd", "ORG005"), ("../../other.yaml", "ORG005"), ("gone.csv", "ORG003"), ("/etc/passwd", "ORG005")):
        with pytest.raises(FileProblem) as caught:
            files.read(path, 1000)
        assert caught.value.code == code
    with pytest.raises(FileProblem) as caught:
        files.read("people.csv", 3)
    assert caught.value.code == "ORG006"


def test_a_folder_that_the_commit_lacks(repository: Path) -> None:
    new = write(repository.parent / "new", GOOD)
    assert told(refused(new, files=GitFiles(new, "HEAD"))) == [("ORG002", str(new))]


# the cache


def test_the_cache_gives_the_same(tmp_path: Path) -> None:
    text = (
        GOOD.replace("region: us", "region: us\n    lifecycle: {prevent_destroy: true, seed: [features]}")
        + "  more: {type: object, default: {a: [1, 2.5, null]}, expires: 2027-01-01}\n"
        + "moved: [{from: workspace/old, to: workspace/brand-x}]\npolicy: {deletes: {percent: 12.5}}\n"
        + "include_csv: {members: people.csv}\n"
    ).replace("name: Bob Roy, role: standard", "name: Bob Roy, until: 2026-12-01")
    write(tmp_path / "c", {"acme.yaml": text, "people.csv": "email,until,reason\nc@acme.com,2026-01-01,x\n"})
    cache = tmp_path / "cache" / "deep"
    fresh, cold, warm = (load(tmp_path / "c", cache=c) for c in (None, cache, cache))
    assert fresh == cold == warm
    assert list(warm.desired) == list(fresh.desired) and warm.diagnostics[0].code == "ORG216"
    (entry,) = cache.iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600 and stat.S_IMODE(cache.stat().st_mode) == 0o700
    later = load(tmp_path / "c", cache=cache, today=TODAY.replace(year=2027))
    assert "member/bob@acme.com" in later.expired, "the day is judged after the cache"


def test_the_cache_forgets_what_changed(tmp_path: Path) -> None:
    files = {
        "acme.yaml": HEAD + "variables: {v: {default: d}}\ninclude_csv: {members: p.csv}\nworkspaces: {w: {name: '{{ v }}'}}\n",
        "p.csv": "email\na@acme.com\n",
        "environments/e.yaml": "groups: {e: {}}\n",
    }
    folder, cache = write(tmp_path / "c", files), tmp_path / "cache"
    (tmp_path / "v.yaml").write_text("v: file\n")

    def words(**given: Any) -> set[str]:
        config = load(folder, cache=cache, **given)
        return {*config.desired, str(config.desired["workspace/w"].attributes["name"])}

    assert "d" in words()
    assert "x" in words(variables=["v=x"])
    assert "y" in words(environ={"ORGFORM_VAR_v": "y"})
    assert "file" in words(var_files=[tmp_path / "v.yaml"])
    (tmp_path / "v.yaml").write_text("v: other\n")
    assert "other" in words(var_files=[tmp_path / "v.yaml"])
    assert "group/e" in words(env="e")
    assert "group/e" not in words()
    write(folder, {"p.csv": "email\nb@acme.com\n"})
    assert "member/b@acme.com" in words()
    write(folder, {"new.yaml": "groups: {n: {}}\n"})
    assert "group/n" in words()
    (folder / "new.yaml").unlink()
    assert "group/n" not in words()
    write(folder, {"p.csv": "email\nx@\n"})
    with pytest.raises(ConfigInvalid):
        words()
    assert len(list(cache.iterdir())) == 2, "one for each environment"


def test_the_cache_asks_for_the_provider(tmp_path: Path) -> None:
    from orgform.codec import replace
    from orgform.config import load_config
    from orgform.kinds import load_kinds

    text = GOOD.replace("domains:", "  c: {provider: closed, kinds: [], url: x}\ndomains:")
    load(tmp_path / "c", text, cache=tmp_path / "cache")
    stricter = replace(CLOSED, options={**CLOSED.options, "required": ["url", "rate"]})
    from tests.config.folders import specs

    def changed(name: str) -> Any:
        return stricter if name == "closed" else specs(name)

    with pytest.raises(ConfigInvalid):
        load_config(tmp_path / "c", kinds=load_kinds(), specs=changed, spec_names=names, today=TODAY, cache=tmp_path / "cache")


@pytest.mark.parametrize("damage", [b"", b"x", b"orgform-cache-1\n", b"orgform-cache-1\n99\n", b"orgform-cache-1\nx\n{}", "half", "flip"])
def test_a_damaged_cache_counts_as_none(damage: Any, tmp_path: Path) -> None:
    good = load(tmp_path / "c", GOOD, cache=tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    data = entry.read_bytes()
    if damage == "half":
        damage = data[: len(data) // 2]
    elif damage == "flip":
        damage = data.replace(b"Brand X", b"Brand Y")
    entry.write_bytes(damage)
    assert load(tmp_path / "c", cache=tmp_path / "cache") == good
    assert entry.read_bytes() == data, "and is made anew"


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert load(tmp_path / "c", GOOD, cache=tmp_path / "file" / "cache").desired


def test_a_cache_of_somebody_else_counts_as_none(tmp_path: Path) -> None:
    good = load(tmp_path / "c", GOOD, cache=tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(entry, 12345, -1)
    assert load(tmp_path / "c", cache=tmp_path / "cache") == good
    assert entry.stat().st_uid == 0, "written anew as our own"


def test_identity_of_sources(tmp_path: Path) -> None:
    assert FolderFiles(tmp_path).identity != GitFiles(tmp_path, "HEAD").identity
