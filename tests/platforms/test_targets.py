"""Several targets, real servers: one that cannot be reached, refuses its token or dies in the middle does not stop the others."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.cli import main
from orgform.codec import Struct
from orgform.errors import ProviderError, ReadFailed
from orgform.options import Options
from orgform.providers.orgform import remote
from orgform.testing.contract import open_provider
from orgform.testing.faults import FaultProxy, Refused, Reset, Rule, fault_proxy
from orgform.testing.server import RunningServer, running_server

CONFIG = """\
orgform: 1
company: {{name: Acme Corp, primary_domain: acme.com}}
domains: {{acme.com: {{}}}}
targets:
  home: {{provider: orgform, url: "{home}", kinds: [workspace, tag]}}
  people: {{provider: orgform, url: "{people}", kinds: [company, domain, member]}}
members:
  alice@acme.com: {{name: Alice Ng, role: owner}}
  bob@acme.com: {{name: Bob Roy, role: standard}}
workspaces:
  x:
    name: X
    tags: {{vip: {{color: red}}}}
  y:
    name: Y
"""
PEOPLE = ["company/company", "domain/acme.com", "member/alice@acme.com", "member/bob@acme.com"]
HOME = ["tag/x/vip", "workspace/x", "workspace/y"]


class Done(Struct, frozen=True):
    """How a command ended. `stderr` is on one line."""

    returncode: int
    stdout: str
    stderr: str


def _told(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.buffer.seek(0)
    return stream.buffer.read().decode()


class Company:
    """Two servers, the second behind a proxy, and a config folder."""

    def __init__(self, folder: Path, home: RunningServer, people: RunningServer, proxy: FaultProxy) -> None:
        self.folder, self.home, self.people, self.proxy = folder, home, people, proxy
        self.write(CONFIG)

    def write(self, text: str) -> None:
        (self.folder / "company.yaml").write_text(text.format(home=self.home.url, people=self.proxy.url), encoding="utf-8")

    def run(self, *words: str) -> Done:
        """`orgform WORDS`, in this process."""
        command, *rest = words
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            code = main([command, *rest, "-C", str(self.folder), "--max-wait", "0.01"])
        stdout, stderr = (_told(stream) for stream in (out, err))
        return Done(code, stdout, " ".join(stderr.split()))

    def plan(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = self.run("plan", "--format", "json", *words)
        return done.returncode, json.loads(done.stdout)

    @property
    def options(self) -> Options:
        return Options(self.folder, max_wait=0.01)

    def live(self, target: str) -> list[str]:
        """Addresses of what a server has, whoever reads it."""
        with closing(open_provider(remote, {"url": (self.home if target == "home" else self.people).url})) as provider:
            return sorted(a for r in provider.read(["company", "domain", "member", "tag", "workspace"]) for a in r.resources)

    def fail(self, *rules: Rule) -> None:
        self.proxy.rules = rules or (Rule(Refused(500)),)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, RunningServer]]:
    """One company each for a test, on servers that all tests share."""
    folder = tmp_path_factory.mktemp("servers")
    with running_server(folder / "home.db") as home, running_server(folder / "people.db") as people:
        yield home, people


@pytest.fixture
def company(servers: tuple[RunningServer, RunningServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    home, people = servers
    monkeypatch.setenv("ORGFORM_CACHE", "")
    with fault_proxy(people.url) as proxy:
        made = Company(tmp_path, home, people, proxy)
        yield made
        made.proxy.rules = ()
        made.write(CONFIG)
        cleared = Options(tmp_path, allow=("deletes:*", "company-admins:*", "workspace-admins:*", "own-access:*"), allow_destroy=("*",))
        app.apply(cleared, destroy=True)


def addresses(made: dict[str, Any]) -> list[str]:
    return sorted(c["address"] for c in made["changes"])


def codes(made: dict[str, Any]) -> list[str]:
    return [d["code"] for d in made["diagnostics"] if d["severity"] == "error"]


def test_a_plan_shows_what_the_others_take(company: Company) -> None:
    company.fail()
    code, made = company.plan()
    assert (code, addresses(made), codes(made)) == (1, HOME, ["ORG510"])
    assert made["targets"]["home"]["problem"] == ""
    assert made["targets"]["people"]["problem"]
    told = company.run("plan")
    assert told.returncode == 1
    assert "ORG510" in told.stdout
    assert "Not read: people; an apply of this plan does what it can of the rest." in told.stderr


def test_an_apply_does_the_others_and_then_the_rest(company: Company) -> None:
    company.fail()
    done = company.run("apply", "--yes")
    assert done.returncode == 6, done.stderr
    assert "Nothing was done in the target people: " in done.stderr
    assert (company.live("home"), company.live("people")) == (HOME, [])
    again = company.run("apply", "--yes")
    assert again.returncode == 6, "nothing is left to do of what can be reached, and that is not all"
    company.proxy.rules = ()
    code, made = company.plan()
    assert (code, addresses(made), codes(made)) == (0, PEOPLE, [])
    assert company.run("apply", "--yes").returncode == 0
    assert company.live("people") == PEOPLE
    assert company.plan()[1]["changes"] == []


def test_a_target_that_was_not_read_is_not_known_as_applied(company: Company, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What was never applied there has no base: an authoritative kind must not be emptied by the first plan that sees it."""
    other = tmp_path_factory.mktemp("other")
    text = CONFIG.replace("bob@acme.com", "zoe@acme.com")
    (other / "company.yaml").write_text(text.format(home=company.home.url, people=company.people.url))
    there = Options(other, targets=("people",), allow=("deletes:*", "company-admins:*", "own-access:*"))
    app.apply(there)
    company.write(CONFIG + "policy: {{authoritative: [member]}}\n")
    company.fail()
    code = company.run("apply", "--yes").returncode
    company.proxy.rules = ()
    made = company.plan()[1]
    app.apply(there, destroy=True)
    assert code == 6
    assert [d["summary"] for d in made["diagnostics"] if d["code"] == "ORG501"] == [
        "nothing is known of what was applied to people before, so nothing is deleted there"
    ]
    assert [c["address"] for c in made["changes"]] == ["member/bob@acme.com"]
    assert "member/zoe@acme.com" in [u["address"] for u in made["unmanaged"]]


def test_a_server_that_is_not_there(company: Company, tmp_path: Path) -> None:
    with running_server(tmp_path / "gone.db") as gone:
        url = gone.url
    company.write(CONFIG.replace("{people}", url))
    code, made = company.plan()
    assert (code, addresses(made), codes(made)) == (1, HOME, ["ORG510"])


def test_a_read_that_dies_in_the_middle_counts_for_nothing(company: Company) -> None:
    """What was read before it died is a part of a system: no plan is made on it, and nothing of it is shown."""
    app.apply(company.options)
    company.write(CONFIG.replace("name: Bob Roy", "name: Robert Roy").replace("color: red", "color: blue"))
    company.fail(Rule(Reset(acted=False), "GET", "*members*"))
    code, made = company.plan()
    assert (code, addresses(made), codes(made)) == (1, ["tag/x/vip"], ["ORG510"])
    assert made["targets"]["people"]["problem"].startswith("member: ")
    assert company.run("apply", "--yes").returncode == 6
    company.proxy.rules = ()
    assert [c["address"] for c in company.plan()[1]["changes"]] == ["member/bob@acme.com"]


def test_what_is_not_whole_is_planned_where_somebody_says_so(company: Company) -> None:
    app.apply(company.options)
    company.write(CONFIG.replace("name: Acme Corp", "name: Acme").replace("color: red", "color: blue"))
    company.fail(Rule(Refused(500), "GET", "*members*"))
    code, made = company.plan("--allow", "incomplete-read:member/*")
    assert (code, codes(made)) == (0, []), made["guards"]
    assert "tag/x/vip" in addresses(made)
    assert made["targets"]["people"]["complete"] is False


def test_all_of_them_in_part_is_refused_as_one_would_be(company: Company) -> None:
    app.apply(company.options)
    with fault_proxy(company.home.url, [Rule(Refused(500), "GET", "*tags*")]) as proxy:
        company.write(CONFIG.replace("{home}", proxy.url))
        company.fail(Rule(Refused(500), "GET", "*members*"))
        code, made = company.plan()
    assert code == 4
    assert [g["guard"] for g in made["guards"] if g["verdict"] == "refused"] == ["incomplete-read"]


def test_a_token_that_is_not_known(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(tmp_path / "closed.db", without_tokens=False) as closed:
        text = CONFIG.replace('"{people}"', f'"{closed.url}", token: env:PEOPLE_TOKEN')
        company.write(text)
        monkeypatch.setenv("PEOPLE_TOKEN", "org_secret_4242")
        monkeypatch.setenv("ORGFORM_ALLOW_TARGETS", f"people={closed.url}")
        code, made = company.plan()
        assert (code, addresses(made), codes(made)) == (1, HOME, ["ORG510"])
        done = company.run("apply", "--yes")
        assert done.returncode == 6
        assert "4242" not in json.dumps(made) + done.stdout + done.stderr
        assert company.live("home") == HOME


def test_a_secret_that_nobody_allowed_stops_all(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is nobody's failure: it is to be decided."""
    company.write(CONFIG.replace('"{people}"', '"{people}", token: env:PEOPLE_TOKEN'))
    monkeypatch.setenv("PEOPLE_TOKEN", "org_secret_4242")
    done = company.run("plan")
    assert done.returncode == 1
    assert "--allow-target" in done.stderr
    assert done.stdout == ""


def test_nothing_takes_access_while_people_are_not_seen(company: Company) -> None:
    """Who can still sign in after it can be told of nobody: what takes something away is refused, what adds is not."""
    app.apply(company.options)
    company.fail()
    company.write(CONFIG.replace("  y:\n    name: Y\n", "  z:\n    name: Z\n"))
    code, made = company.plan()
    assert code == 4
    [verdict] = [g for g in made["guards"] if g["verdict"] == "refused"]
    assert verdict["guard"] == "incomplete-read"
    assert any(item.startswith("member: ") for item in verdict["items"]), verdict
    assert company.run("apply", "--yes").returncode == 4
    assert company.live("home") == HOME
    company.write(CONFIG.replace("  y:\n    name: Y\n", "  y:\n    name: Y\n  z:\n    name: Z\n"))
    assert company.run("apply", "--yes").returncode == 6
    assert "workspace/z" in company.live("home")


def test_a_word_lets_it_pass(company: Company) -> None:
    app.apply(company.options)
    company.fail()
    company.write(CONFIG.replace("  y:\n    name: Y\n", ""))
    words = ["--allow", "incomplete-read:*", "--allow", "deletes:*", "--allow-destroy", "workspace/y", "--allow", "workspace-admins:*"]
    code, made = company.plan(*words)
    assert code == 1, made["guards"]
    assert company.run("apply", "--yes", *words).returncode == 6
    assert company.live("home") == ["tag/x/vip", "workspace/x"]


def test_a_saved_plan_of_a_part_does_that_part(company: Company, tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    company.fail()
    assert company.run("plan", "-o", file).returncode == 1
    company.proxy.rules = ()
    done = company.run("apply", file)
    assert done.returncode == 6, done.stderr
    assert (company.live("home"), company.live("people")) == (HOME, [])


def test_a_saved_plan_of_all_is_not_applied_in_part(company: Company, tmp_path: Path) -> None:
    """Somebody approved all of it: what they approved is done as a whole, or is asked about again."""
    file = str(tmp_path / "plan.json")
    assert company.run("plan", "-o", file).returncode == 0
    company.fail()
    done = company.run("apply", file)
    assert done.returncode == 1
    assert "people" in done.stderr
    assert (company.live("home"), company.live("people")) == ([], [])


def test_the_others_by_name(company: Company) -> None:
    company.fail()
    code, made = company.plan("--target", "home")
    assert (code, addresses(made), list(made["targets"])) == (0, HOME, ["home"])
    assert company.run("apply", "--yes", "--target", "home").returncode == 0


def test_one_alone_fails_as_it_is(company: Company) -> None:
    company.fail()
    done = company.run("plan", "--target", "people")
    assert (done.returncode, done.stdout) == (1, "")
    assert "500" in done.stderr
    with pytest.raises(ProviderError):
        app.plan(Options(company.folder, targets=("people",), max_wait=0.01))


def test_all_of_them_fail(company: Company, tmp_path: Path) -> None:
    with running_server(tmp_path / "gone.db") as gone:
        url = gone.url
    company.fail()
    company.write(CONFIG.replace("{home}", url))
    done = company.run("plan")
    assert (done.returncode, done.stdout) == (1, "")
    assert "home: " in done.stderr and "people: " in done.stderr


def test_what_must_be_whole_is_not_made_of_a_part(company: Company) -> None:
    """An export, or who has access: what is not there would be taken for what is not."""
    company.fail()
    for words in (("export",), ("access", "--live")):
        done = company.run(*words)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert "people" in done.stderr


def test_a_run_of_a_part_is_undone(company: Company) -> None:
    company.fail()
    _, report = app.apply(company.options)
    undone = company.run("undo", report.run, "--yes", "--allow", "incomplete-read:*", "--allow", "deletes:*")
    assert undone.returncode in (0, 6), undone.stderr + undone.stdout
    assert company.live("home") == []


def test_a_run_is_not_undone_where_it_is_not_seen(company: Company) -> None:
    """What cannot be read is not gone; the rest can be named."""
    _, report = app.apply(company.options)
    company.fail()
    words = [f"--allow={guard}:*" for guard in ("incomplete-read", "deletes", "company-admins", "workspace-admins", "own-access")]
    words += ["--yes", "--allow-destroy", "*"]
    undone = company.run("undo", report.run, *words)
    assert undone.returncode == 1
    assert "the rest of it now with --target NAME" in undone.stderr
    assert company.live("home") == HOME
    assert company.run("undo", report.run, *words, "--target", "home").returncode == 0
    company.proxy.rules = ()
    assert (company.live("home"), company.live("people")) == ([], PEOPLE)


def test_a_run_is_not_undone_where_its_server_is_not_there(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, report = app.apply(company.options)
    with running_server(tmp_path / "closed.db", without_tokens=False) as closed:
        company.write(CONFIG.replace('"{people}"', f'"{closed.url}", token: env:PEOPLE_TOKEN'))
        monkeypatch.setenv("PEOPLE_TOKEN", "unknown")
        undone = company.run("undo", report.run, "--yes", "--allow-target", f"people={closed.url}")
    assert undone.returncode == 1
    assert "changed the target 'people', which cannot be read" in undone.stderr


def test_drift_says_what_it_did_not_see(company: Company) -> None:
    app.apply(company.options)
    company.fail()
    done = company.run("drift")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "people" in done.stdout + done.stderr


def test_reading_fails_in_python_too(company: Company, tmp_path: Path) -> None:
    company.fail()
    made = app.plan(company.options)
    assert made.targets["people"].problem
    with pytest.raises(ReadFailed):
        app.plan(Options(company.folder, targets=("people",), max_wait=0.01))
