"""Saved plans against a real server: applied change by change under compare-and-set, or refused with a sentence; whole and in two parts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest

from orgform.codec import decode, encode_pretty
from orgform.server import Store, tokens
from orgform.testing.server import RunningServer, running_server
from tests.cli.process import run

KEY = "5f0c6d2c9f6b4c1f8a7e"
COMPANY: dict[str, Any] = {
    "orgform": 1,
    "company": {"name": "Acme Corp", "primary_domain": "acme.com"},
    "domains": {"acme.com": {}},
    "members": {
        "alice@acme.com": {"name": "Alice Ng", "role": "owner"},
        "bob@acme.com": {"name": "Bob Roy", "role": "admin"},
        "carol@acme.com": {"name": "Carol Wu"},
        "erin@acme.com": {"name": "Erin Fox"},
    },
    "groups": {"support": {"name": "Support", "members": ["carol@acme.com", "erin@acme.com"]}},
    "workspaces": {"x": {"name": "X", "members": {"alice@acme.com": "admin", "group:support": "member"}}, "y": {"name": "Y"}},
}


class Site:
    """A config folder whose company lives on a server of its own, and is applied."""

    def __init__(self, folder: Path, server: RunningServer, company: str) -> None:
        self.folder, self.server, self.company = folder, server, company
        with closing(Store(server.database)) as store:
            self.token = tokens.create(store, company=company, scope="write")[1]
        self.config = json.loads(json.dumps(COMPANY))
        self.url = server.url
        self.write()
        done = self.run("apply", "--yes")
        assert done.returncode == 0, done.stderr

    def write(self, **more: Any) -> None:
        self.folder.mkdir(exist_ok=True)
        target = {"acme": {"provider": "orgform", "url": self.url, "token": "env:TOKEN"}}
        (self.folder / "company.yaml").write_text(json.dumps({**self.config, "targets": target, **more}))

    def run(self, *words: str | Path, key: str = "") -> CompletedProcess[str]:
        env = {"TOKEN": self.token, "ORGFORM_ALLOW_TARGETS": f"acme={self.url},other={self.url}", "ORGFORM_PLAN_KEY": key}
        return run(*words, "-C", self.folder, env=env)

    def plan(self, *words: str, key: str = "") -> Path:
        self.write()
        file = self.folder / "plan.json"
        made = self.run("plan", "-o", file, *words, key=key)
        assert made.returncode == 0, made.stdout + made.stderr
        return file

    def split(self, *words: str, key: str = "") -> tuple[Path, Path]:
        self.write()
        into = self.folder / "plans"
        made = self.run("plan", "--split-by-risk", into, *words, key=key)
        assert made.returncode == 0, made.stdout + made.stderr
        return into / "additive.plan.json", into / "destructive.plan.json"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        request = Request(self.url + path, None if body is None else json.dumps(body).encode(), headers, method=method)
        with urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    def by_hand(self, path: str, **attributes: Any) -> None:
        self.call("PATCH", path, {"attributes": attributes})

    def audit(self) -> Any:
        return self.call("GET", "/v1/audit-events?limit=1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server") / "acme.db", without_tokens=False) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, server: RunningServer, request: pytest.FixtureRequest) -> Site:
    return Site(tmp_path / "config", server, f"c{abs(hash(request.node.name)) % 10**9}")


def last(done: CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[-1]


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_plan_that_is_stale_as_a_whole_does_nothing(site: Site) -> None:
    site.config["members"]["carol@acme.com"]["name"] = "Carol II"
    del site.config["workspaces"]["y"]
    file = site.plan("--allow", "deletes:*", "--allow-destroy", "workspace/y")
    site.by_hand("/v1/members/carol@acme.com", name="Carol by hand")
    site.by_hand("/v1/workspaces/y", name="Y by hand")
    before = site.audit()
    done = site.run("apply", file)
    assert (done.returncode, last(done)) == (5, "Applied: 0 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 2 stale")
    assert done.stdout.count("it was changed after the plan was made") == 2
    assert site.audit() == before


def test_what_is_stale_is_skipped_with_what_needs_it_and_the_rest_is_done(site: Site) -> None:
    site.config["members"]["carol@acme.com"]["name"] = "Carol II"
    site.config["workspaces"]["z"] = {"name": "Z", "members": {"carol@acme.com": "viewer"}}
    file = site.plan()
    # The config is what it was again, and worse: a saved plan does not look at it.
    site.config["members"]["carol@acme.com"]["name"] = "Carol III"
    del site.config["workspaces"]["z"]
    site.write()
    site.call("POST", "/v1/workspaces", {"key": "z", "attributes": {"name": "another Z"}})
    done = site.run("apply", file)
    assert (done.returncode, last(done)) == (6, "Applied: 0 created, 1 updated, 0 deleted, 0 failed, 1 skipped, 1 stale")
    told = words(done.stdout)
    assert "it exists meanwhile, with other values" in told
    assert "needs workspace/z, which is stale" in told
    assert site.call("GET", "/v1/members/carol@acme.com")["attributes"]["name"] == "Carol II"
    assert site.call("GET", "/v1/workspaces/z")["attributes"]["name"] == "another Z"


def test_a_plan_that_was_applied_is_so_already(site: Site) -> None:
    """Nothing is done, and nothing is said to have been done; what changed since is stale, and nothing of the rest was applied either."""
    site.config["members"]["dave@acme.com"] = {"name": "Dave Poe"}
    site.config["members"]["carol@acme.com"]["name"] = "Carol II"
    file = site.plan()
    nothing = "Applied: 0 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 0 stale"
    assert last(site.run("apply", file)) == "Applied: 1 created, 1 updated, 0 deleted, 0 failed, 0 skipped, 0 stale"
    before = site.audit()
    again = site.run("apply", file)
    assert (again.returncode, last(again)) == (0, nothing)
    assert "All of it was so already: nothing was done." in again.stdout
    assert "= already  Dave Poe  member/dave@acme.com" in again.stdout
    assert "created  " not in again.stdout
    shown = json.loads(site.run("apply", file, "--format", "json").stdout)
    assert (shown["outcome"], shown["counts"]["already"], shown["counts"]["created"]) == ("nothing", 2, 0)
    assert [o["already"] for o in shown["outcomes"]] == [True, True]
    assert site.run("apply", file, "--format", "github").stdout.splitlines() == [
        f"::notice title=orgform apply::All of it was so already: nothing was done. {nothing}",
        nothing,
    ]
    told = site.run("history", shown["run"]).stdout
    assert "So already: nothing was done (2)" in told
    assert "takes back what it did" not in told
    assert site.audit() == before
    site.by_hand("/v1/members/carol@acme.com", name="Carol by hand")
    stale = site.run("apply", file)
    assert (stale.returncode, last(stale)) == (5, nothing.replace("0 stale", "1 stale"))
    assert words(stale.stdout).count("1 change was so already. The live system has changed since the plan was made") == 1


class Planned(NamedTuple):
    """A site that nothing is done to, and plans for it, by the key that they were signed with."""

    site: Site
    plans: dict[str, bytes]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, server: RunningServer) -> Planned:
    site = Site(tmp_path_factory.mktemp("planned") / "config", server, "planned")
    site.config["members"]["carol@acme.com"]["name"] = "Carol II"
    return Planned(site, {key: site.plan(key=key).read_bytes() for key in ("", KEY)})


def edited(**values: Any) -> Callable[[Site, Path], None]:
    """Writes other values into the plan file."""

    def edit(_: Site, file: Path) -> None:
        file.write_bytes(encode_pretty({**decode(file.read_bytes()), **values}))

    return edit


def another_company(site: Site, _: Path) -> None:
    with closing(Store(site.server.database)) as store:
        site.token = tokens.create(store, company="another", scope="write")[1]


def another_target(site: Site, _: Path) -> None:
    site.folder.joinpath("company.yaml").write_text(site.folder.joinpath("company.yaml").read_text().replace('"acme": {', '"other": {'))


def another_server(site: Site, _: Path) -> None:
    site.url = site.url.replace("127.0.0.1", "localhost")
    site.write()


@pytest.mark.parametrize(
    ("made_with", "change", "applied_with", "sentence"),
    [
        (KEY, edited(allow=["deletes:*"]), KEY, "plan.json was altered after it was signed, or signed with another key; nothing was done"),
        (KEY, edited(), KEY[::-1], "plan.json was altered after it was signed, or signed with another key; nothing was done"),
        ("", edited(), KEY, "plan.json is not signed, and ORGFORM_PLAN_KEY is set: only signed plans are applied"),
        ("", edited(tool_version="0.0.1"), "", "was made by orgform 0.0.1, this is"),
        ("", edited(format="orgform.plan/2"), "", "has the format 'orgform.plan/2', this version reads 'orgform.plan/1'"),
        ("", another_target, "", "the plan is for the target 'acme', which this config does not have"),
        ("", another_server, "", "the plan was made for orgform http://127.0.0.1"),
        ("", another_company, "", "the plan was made for orgform http://127.0.0.1"),
    ],
    ids=["altered", "another-key", "unsigned", "version", "format", "target", "server", "company"],
)
def test_a_plan_that_is_not_for_this_is_refused_and_nothing_is_done(
    planned: Planned, made_with: str, change: Callable[[Site, Path], None], applied_with: str, sentence: str
) -> None:
    site, file = planned.site, planned.site.folder / "plan.json"
    file.write_bytes(planned.plans[made_with])
    before, token, url = site.audit(), site.token, site.url
    change(site, file)
    done = site.run("apply", file, key=applied_with)
    site.token, site.url = token, url
    site.write()
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    assert sentence in words(done.stderr)
    assert "help: make it again with `orgform plan -o FILE`" in words(done.stderr)
    assert site.audit() == before


class TestInTwoParts:
    def change(self, site: Site) -> None:
        members = site.config["members"]
        members["dave@acme.com"] = {"name": "Dave Poe"}
        members["carol@acme.com"]["name"] = "Carol II"
        del members["erin@acme.com"]
        site.config["groups"]["support"]["members"] = ["carol@acme.com", "dave@acme.com"]
        del site.config["workspaces"]["y"]

    ALLOW = ("--allow", "deletes:*", "--allow-destroy", "workspace/y")

    def test_one_after_the_other_they_do_what_the_whole_would(self, site: Site) -> None:
        self.change(site)
        additive, destructive = site.split(*self.ALLOW, "-o", str(site.folder / "whole.json"), key=KEY)
        whole: Any = decode((site.folder / "whole.json").read_bytes())
        parts: list[Any] = [decode(file.read_bytes()) for file in (additive, destructive)]
        assert [part["part"]["name"] for part in parts] == ["additive", "destructive"]
        assert all(part["signature"] for part in (whole, *parts))
        assert whole["part"] is None
        assert [(c["action"], c["address"]) for c in parts[0]["changes"]] == [
            ("create", "member/dave@acme.com"),
            ("update", "member/carol@acme.com"),
        ]
        assert sorted((c["action"], c["address"]) for c in parts[1]["changes"]) == [
            ("delete", "member/erin@acme.com"),
            ("delete", "workspace/y"),
            ("update", "group/support"),
        ]
        assert not parts[0]["access"]["lost"]
        # Too early, what needs the additive part is left; what does not need it may go at once.
        early = site.run("apply", destructive, key=KEY)
        assert early.returncode == 6, early.stdout + early.stderr
        assert "needs member/dave@acme.com, which is not so yet: apply the additive plan first" in words(early.stdout)
        assert last(early) == "Applied: 0 created, 0 updated, 1 deleted, 0 failed, 2 skipped, 0 stale"
        assert last(site.run("apply", additive, key=KEY)) == "Applied: 1 created, 1 updated, 0 deleted, 0 failed, 0 skipped, 0 stale"
        later = site.run("apply", destructive, key=KEY)
        assert later.returncode == 0, later.stdout
        assert "No changes" in last(site.run("plan", "--detailed-exitcode"))

    def test_what_is_written_and_said(self, site: Site) -> None:
        into = site.folder / "deep" / "plans"
        nothing = site.run("plan", "--split-by-risk", into, "--format", "json")
        assert (nothing.returncode, nothing.stderr) == (0, "")
        assert sorted(p.name for p in into.iterdir()) == ["additive.plan.json", "destructive.plan.json"]
        assert decode(nothing.stdout.encode())["part"] is None
        for file in into.iterdir():
            done = site.run("apply", file)
            assert (done.returncode, last(done)) == (0, "Applied: 0 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 0 stale")
        self.change(site)
        del site.config["members"]["bob@acme.com"]
        site.write()
        refused = site.run("plan", "--split-by-risk", into)
        assert refused.returncode == 4
        assert (
            f"Saved 2 additive changes in {into}/additive.plan.json: `orgform apply {into}/additive.plan.json` applies it."
            in refused.stderr
        )
        assert f"Saved 4 destructive changes in {into}/destructive.plan.json: refused by company-admins." in refused.stderr
        assert "No guard speaks against the additive part: it can be applied by itself." in refused.stderr
        assert site.run("apply", into / "destructive.plan.json").returncode == 4
        assert site.run("apply", into / "additive.plan.json").returncode == 0


@pytest.mark.parametrize("place", ["file/below", "taken"])
def test_a_place_where_nothing_can_be_written_is_told_before_anything_is_asked(tmp_path: Path, place: str) -> None:
    """No server listens there: it is not even tried."""
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / "additive.plan.json").mkdir(parents=True)
    target = {"acme": {"provider": "orgform", "url": "http://127.0.0.1:9", "token": "env:TOKEN"}}
    (tmp_path / "company.yaml").write_text(json.dumps({**COMPANY, "targets": target}))
    env = {"TOKEN": "x", "ORGFORM_ALLOW_TARGETS": "acme=http://127.0.0.1:9"}
    done = run("plan", "-C", tmp_path, "--split-by-risk", tmp_path / place, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "name another folder" in words(done.stderr)
    assert list((tmp_path / "taken").iterdir()) == [tmp_path / "taken" / "additive.plan.json"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_told(tmp_path: Path) -> None:
    from orgform.errors import OrgformError
    from orgform.folders import check_folder

    tmp_path.chmod(0o500)
    with pytest.raises(OrgformError, match="nothing can be written into the folder"):
        check_folder(tmp_path / "plans")
