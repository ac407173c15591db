"""`orgform token`, and plans with tokens against a real server: two companies, own accounts, reading only, and no secret anywhere."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform.testing.postgres import PostgresMissing, running_postgres
from orgform.testing.server import RunningServer, running_server
from tests.cli.process import Terminal, run

TOKEN = re.compile(r"orgform_([a-z0-9]{12})_([A-Za-z0-9_-]{43})\n")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def created(here: Path, *words: str, company: str = "acme", scope: str = "write", **env: str) -> str:
    """The text of a new token."""
    done = run("token", "create", "--company", company, "--scope", scope, *words, cwd=here, env=env)
    assert done.returncode == 0, done.stderr
    assert TOKEN.fullmatch(done.stdout)
    return done.stdout.strip()


def id_of(text: str) -> str:
    return text.split("_")[1]


def listed(here: Path, *words: str, **env: str) -> list[dict[str, Any]]:
    document = json.loads(run("token", "list", "--format", "json", *words, cwd=here, env=env).stdout)
    assert document["format"] == "orgform.tokens/1"
    return list(document["tokens"])


def words_of(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


# create


def test_the_token_stands_alone_on_stdout_and_the_remarks_beside_it(here: Path) -> None:
    done = run("token", "create", "--company", "acme", "--scope", "write", "--expires", "2999-01-01", cwd=here)
    assert done.returncode == 64, "more than a hundred years"
    done = run("token", "create", "--company", "acme", "--scope", "write", "--expires", "90d", cwd=here)
    match = TOKEN.fullmatch(done.stdout)
    assert match
    assert match[2] not in done.stderr
    day = f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%d}"
    said = " ".join(done.stderr.split())
    assert "orgform.db was made" in said
    assert "The company acme holds nothing yet" in said
    assert f"The token {match[1]} is shown this once" in said
    assert f"It expires {day}" in said
    again = run("token", "create", "--company", "acme", "--scope", "read", cwd=here)
    assert "was made" not in again.stderr
    assert "It never expires" in again.stderr
    assert run("token", "create", "--company", "acme", "--scope", "read", "--quiet", cwd=here).stderr == ""


def test_what_is_kept_says_all_but_the_secret(here: Path) -> None:
    text = created(here, "--member", "Alice@ACME.com", "--expires", "12h")
    [token] = listed(here)
    assert (token["id"], token["company"], token["scope"], token["state"]) == (id_of(text), "acme", "write", "active")
    assert (token["actor"], token["member"]) == ("alice@acme.com", "alice@acme.com")
    assert (token["revoked_at"], token["used_at"]) == (None, None)
    lasts = datetime.fromisoformat(token["expires_at"]) - datetime.fromisoformat(token["created_at"])
    assert timedelta(hours=11, minutes=59) < lasts <= timedelta(hours=12)
    for file in here.iterdir():
        assert text[-43:].encode() not in file.read_bytes()


def test_a_day_counts_to_its_end(here: Path) -> None:
    today = datetime.now(UTC).date()
    created(here, "--expires", str(today))
    [token] = listed(here)
    assert datetime.fromisoformat(token["expires_at"]).date() in (today + timedelta(days=1), today)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scope", "read"], "missing option '--company'"),
        (["--company", "acme"], "missing option '--scope'. Choose from: read, write"),
        (["--company", "acme", "--scope", "raed"], "'raed' is not one of 'read', 'write'"),
        (["--company", "a b", "--scope", "read"], "for example `a-b`"),
        (["--company", "", "--scope", "read"], "no valid key"),
        (["--company", "a/b", "--scope", "read"], "for example `a-b`"),
        (["--company", "acme", "--scope", "read", "--expires", "0d"], "is over"),
        (["--company", "acme", "--scope", "read", "--expires", "2020-01-01"], "is over"),
        (["--company", "acme", "--scope", "read", "--expires", "soon"], "write 90d, 12h, or the last day as YYYY-MM-DD"),
        (["--company", "acme", "--scope", "read", "--expires", "2027-02-30"], "is no time to expire"),
        (["--company", "acme", "--scope", "read", "--expires", "9" * 18 + "d"], "more than a hundred years"),
        (["--company", "acme", "--scope", "read", "--expires", "9" * 19 + "d"], "is no time to expire"),
        (["--company", "acme", "--scope", "read", "--expires", "9999-12-31"], "more than a hundred years"),
        (["--company", "acme", "--scope", "read", "--member", "alice"], "Write it like `alice@acme.com`"),
        (["--company", "acme", "--scope", "read", "--actor", "a\nb"], "one line"),
        (["--company", "acme", "--scope", "read", "--actor", " "], "one line"),
        (["--company", "acme", "--scope", "read", "more"], "unexpected extra argument"),
    ],
)
def test_what_cannot_be_is_said_and_makes_nothing(here: Path, words: list[str], said: str) -> None:
    done = run("token", "create", *words, cwd=here)
    assert done.returncode == 64
    assert said in words_of(done)
    assert done.stdout == ""
    assert list(here.iterdir()) == []


def test_what_to_do_with_tokens_must_be_said(here: Path) -> None:
    for words, said in [([], "create, list or revoke"), (["lits"], "did you mean 'list'?"), (["show"], "there are create, list, revoke")]:
        done = run("token", *words, cwd=here)
        assert (done.returncode, done.stdout) == (64, "")
        assert said in words_of(done)
    assert run("token", "--help", cwd=here).returncode == 0
    assert "no option --frm" in words_of(run("token", "list", "--frm", cwd=here))


# list


def test_the_list_for_people(here: Path) -> None:
    active = created(here, "--actor", "ci", "--member", "alice@acme.com")
    revoked = created(here, company="beta", scope="read")
    run("token", "revoke", id_of(revoked), cwd=here)
    with sqlite3.connect(here / "orgform.db") as raw:
        raw.execute("UPDATE tokens SET expires_at = '2026-01-01T00:00:00.000Z' WHERE id = ?", (id_of(created(here, company="gone")),))
    raw.close()
    shown = run("token", "list", cwd=here).stdout
    lines = [line.split("  ") for line in shown.splitlines()]
    assert shown.splitlines()[0].split() == ["ID", "COMPANY", "SCOPE", "STATE", "EXPIRES", "LAST", "USED", "ACTOR"]
    assert len(lines) >= 4
    flat = " ".join(shown.split())
    assert f"{id_of(active)} acme write active never never ci (member" in flat
    assert f"{id_of(revoked)} beta read revoked never never -" in flat
    assert "gone write expired 2026-01-01 00:00Z never -" in flat
    assert active[-43:] not in shown.replace("\n", "")
    assert [t["company"] for t in listed(here, "--company", "beta")] == ["beta"]
    assert run("token", "list", "--company", "nobody", cwd=here).stdout == "There are no tokens of the company nobody.\n"
    assert listed(here, "--company", "nobody") == []


def test_where_there_is_no_database_none_is_made(here: Path) -> None:
    for words in (["list"], ["list", "--format", "json"], ["revoke", "a"], ["list", "--database", "sqlite:///nowhere.db"]):
        done = run("token", *words, cwd=here)
        assert done.returncode == 1
        assert "there is no database at" in words_of(done)
    assert list(here.iterdir()) == []


def test_what_is_no_database(here: Path) -> None:
    (here / "orgform.db").write_text("this is a text")
    for words in (["list"], ["create", "--company", "a", "--scope", "read"], ["revoke", "x"]):
        done = run("token", *words, cwd=here)
        assert (done.returncode, done.stdout) == (1, "")
        assert "orgform.db is not a database" in words_of(done)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_only_be_read(here: Path) -> None:
    text = created(here)
    (here / "orgform.db").chmod(stat.S_IRUSR)
    here.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        done = run("token", "revoke", id_of(text), cwd=here)
    finally:
        here.chmod(stat.S_IRWXU)
    assert done.returncode == 1
    assert "read-only" in words_of(done)


def test_the_variable_names_the_database_and_the_option_wins(here: Path) -> None:
    created(here, ORGFORM_DATABASE="one.db")
    created(here, "--database", "two.db", company="two", ORGFORM_DATABASE="one.db")
    assert {p.suffix for p in here.iterdir()} >= {".db"}
    assert [t["company"] for t in listed(here, ORGFORM_DATABASE="one.db")] == ["acme"]
    assert [t["company"] for t in listed(here, "--database", "two.db")] == ["two"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@127.0.0.1:1/d",
        "postgresql://u:hun@ter2@127.0.0.1:1/d",
        "postgresql://u:hunter2@127.0.0.1:port/d",
        "postgresql://u:hunter2",
        "postgresql://u:hun/ter2@127.0.0.1:1/d",
        "postgresql://127.0.0.1:1/d?password=hunter2",
        "mysql://u:hunter2@127.0.0.1/d",
        "nonsense://u:hunter2@127.0.0.1/d",
        "://u:hunter2",
    ],
)
def test_a_password_in_the_databases_url_is_never_shown(here: Path, url: str) -> None:
    for env in ({"ORGFORM_DATABASE": url}, {"ORGFORM_DATABASE": url, "ORGFORM_DEBUG": "1"}):
        done = run("token", "list", cwd=here, env=env)
        assert (done.returncode, done.stdout) == (1, "")
        assert "ter2" not in "".join(done.stderr.split())
        assert "bug" not in done.stderr
    assert list(here.iterdir()) == []


# revoke


def test_a_token_is_revoked_by_its_id_or_by_itself_on_stdin(here: Path) -> None:
    one, two, three = (created(here) for _ in range(3))
    done = run("token", "revoke", id_of(one), cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"The token {id_of(one)} is revoked: company acme, scope write")
    assert run("token", "revoke", "-", cwd=here, stdin=two + "\n").returncode == 0
    assert run("token", "revoke", "-", cwd=here, stdin=id_of(three)).returncode == 0
    assert {t["state"] for t in listed(here)} == {"revoked"}
    again = run("token", "revoke", id_of(one), cwd=here)
    assert (again.returncode, "was revoked already" in again.stdout) == (0, True)


@pytest.mark.parametrize("option", ["--company", "--actor", "--member"])
def test_a_token_that_is_pasted_where_a_name_is_due_is_not_kept(here: Path, option: str) -> None:
    text = created(here)
    words = {"--company": "acme", "--scope": "read", option: f"{text}@acme.com" if option == "--member" else text}
    done = run("token", "create", *(word for pair in words.items() for word in pair), cwd=here)
    assert done.returncode == 64
    assert f"invalid value for '{option}': a token is no name" in words_of(done)
    assert text not in done.stdout + done.stderr
    assert len(listed(here)) == 1


def test_a_whole_token_is_no_argument(here: Path) -> None:
    text = created(here)
    done = run("token", "revoke", text, cwd=here)
    assert done.returncode == 64
    assert f"help: orgform token revoke {id_of(text)}" in done.stderr
    assert text[-43:] not in "".join(done.stderr.split())
    assert listed(here)[0]["state"] == "active"


def test_what_is_not_there_cannot_be_revoked(here: Path) -> None:
    text = created(here)
    for word, hint in [(id_of(text)[:4], f"did you mean {id_of(text)}?"), ("0", "`orgform token list`"), ("", "`orgform token list`")]:
        done = run("token", "revoke", word, cwd=here)
        assert done.returncode == 1
        assert hint in words_of(done)
    unknown = run("token", "revoke", "-", cwd=here, stdin=f"orgform_{'0' * 12}_{text[-43:]}")
    assert unknown.returncode == 1
    assert text[-43:] not in unknown.stderr
    strange = run("token", "revoke", "-", cwd=here, stdin=f"{text}{text}")
    assert strange.returncode == 1
    assert text[-43:] not in "".join(strange.stderr.split())
    assert run("token", "revoke", "-", cwd=here).returncode == 64
    assert listed(here)[0]["state"] == "active"


def test_on_a_terminal(here: Path) -> None:
    with Terminal("token", "create", "--company", "acme", "--scope", "read", cwd=here) as terminal:
        assert terminal.end() == 0
        assert TOKEN.search(terminal.output)
        assert "shown this once" in terminal.output


def test_over_postgresql(here: Path) -> None:
    try:
        with running_postgres() as server:
            url = server.database("tokens")
            text = created(here, ORGFORM_DATABASE=url)
            assert [t["id"] for t in listed(here, ORGFORM_DATABASE=url)] == [id_of(text)]
            assert run("token", "revoke", id_of(text), cwd=here, env={"ORGFORM_DATABASE": url}).returncode == 0
            assert listed(here, ORGFORM_DATABASE=url)[0]["state"] == "revoked"
    except PostgresMissing as e:
        pytest.skip(str(e))
    assert list(here.iterdir()) == []


# With a server

CONFIG = """\
orgform: 1
company: {{name: {name}, primary_domain: {domain}}}
targets:
  live: {{provider: orgform, url: "{url}", token: env:MY_TOKEN{more}}}
domains:
  {domain}: {{}}
members:
  alice@{domain}: {{name: Alice Ng, role: owner}}
  bob@{domain}: {{name: Bob Roy, role: owner}}
  carol@{domain}: {{name: Carol Wu, role: owner}}
workspaces:
  brand-x: {{name: Brand X, region: us, members: {{alice@{domain}: admin}}}}
"""


class Site:
    """A server with tokens, and config folders for its companies; all of them share one ledger."""

    def __init__(self, folder: Path, server: RunningServer) -> None:
        self.folder, self.server = folder, server

    def token(self, *words: str, company: str, scope: str = "write") -> str:
        return created(self.folder, *words, company=company, scope=scope, ORGFORM_DATABASE=self.server.database)

    def config(self, company: str, more: str = "") -> Path:
        path = self.folder / company
        path.mkdir(exist_ok=True)
        text = CONFIG.format(name=company.title(), domain=f"{company}.com", url=self.server.url, more=more)
        (path / "company.yaml").write_text(text)
        return path

    def orgform(self, folder: Path, token: str, *words: str) -> subprocess.CompletedProcess[str]:
        env = {"MY_TOKEN": token, "ORGFORM_ALLOW_TARGETS": f"live={self.server.url}", "ORGFORM_LEDGER": str(self.folder / "ledger.db")}
        return run(*words, cwd=folder, env=env)

    def get(self, token: str, path: str) -> Any:
        answer = httpx.get(f"{self.server.url}{path}", headers={"authorization": f"Bearer {token}"}, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    with running_server(folder / "server.db", without_tokens=False) as server:
        yield Site(folder, server)


def test_two_companies_on_one_server_do_not_mix(site: Site) -> None:
    acme, beta = site.token(company="acme"), site.token(company="beta")
    first, second = site.config("acme"), site.config("beta")
    for folder, token in ((first, acme), (second, beta)):
        assert "0 failed" in site.orgform(folder, token, "apply", "--yes").stdout
        assert site.orgform(folder, token, "plan", "--detailed-exitcode").returncode == 0
    assert [m["key"] for m in site.get(acme, "/v1/members")["items"]] == ["alice@acme.com", "bob@acme.com", "carol@acme.com"]
    with sqlite3.connect(site.folder / "ledger.db") as raw:
        assert {s for (s,) in raw.execute("SELECT system FROM orgform_systems")} == {
            f"{site.server.url}#acme",
            f"{site.server.url}#beta",
        }
    raw.close()
    fresh = json.loads(site.orgform(first, site.token(company="gamma"), "plan", "--format", "json").stdout)
    assert (fresh["summary"]["create"], fresh["base"]["source"]) == (7, "none"), "what was applied to acme says nothing of gamma"
    crossed = site.orgform(first, beta, "apply", "--yes")
    assert crossed.returncode == 4, "with beta's token it is all of beta that would go"
    assert site.get(beta, "/v1/members")["total"] == 3


def test_a_saved_plan_is_for_its_company(site: Site) -> None:
    acme, beta, folder = site.token(company="acme"), site.token(company="beta"), site.config("acme")
    assert site.orgform(folder, acme, "plan", "-o", "plan.json").returncode == 0
    done = site.orgform(folder, beta, "apply", "plan.json")
    assert done.returncode == 1
    assert f"{site.server.url}#beta now" in words_of(done).replace("\n", "")
    assert site.get(beta, "/v1/members")["total"] == 0


def test_the_default_company_needs_no_mark(site: Site) -> None:
    token, folder = site.token(company="default"), site.config("acme")
    document = json.loads(site.orgform(folder, token, "plan", "--format", "json").stdout)
    assert document["targets"]["live"]["system"] == site.server.url


def test_the_tokens_own_member_is_never_removed(site: Site) -> None:
    token, folder = site.token("--member", "alice@acme.com", company="acme"), site.config("acme")
    assert site.orgform(folder, token, "apply", "--yes").returncode == 0
    company = folder / "company.yaml"
    company.write_text(company.read_text().replace("  alice@acme.com: {name: Alice Ng, role: owner}\n", "").replace("alice@", "bob@"))
    refused = site.orgform(folder, token, "apply", "--yes")
    assert refused.returncode == 4
    assert "own-access" in refused.stderr
    assert "member/alice@acme.com: owner in the company would become nothing" in words_of(refused)
    other = site.token(company="acme")
    guards = json.loads(site.orgform(folder, other, "plan", "--format", "json").stdout)["guards"]
    assert "own-access" not in {g["guard"] for g in guards}, "a token without a member has no account of its own"


def test_a_token_that_reads_plans_and_does_not_apply(site: Site) -> None:
    reading, folder = site.token(company="acme", scope="read"), site.config("acme")
    assert site.orgform(folder, reading, "plan", "--detailed-exitcode").returncode == 2
    done = site.orgform(folder, reading, "apply", "--yes")
    assert done.returncode == 1
    assert f"the token {id_of(reading)} of {site.server.url}#acme may read only, so nothing was tried" in words_of(done)
    assert "failed" not in done.stdout
    assert json.loads(site.orgform(folder, reading, "history", "--format", "json").stdout)["runs"] == []
    writing = site.token(company="acme")
    assert site.orgform(folder, writing, "apply", "--yes").returncode == 0
    assert site.orgform(folder, reading, "apply", "--yes").returncode == 0, "nothing to write needs no right to"


def test_who_wrote_is_in_the_servers_log_with_its_run(site: Site) -> None:
    token, folder = site.token("--actor", "ci pipeline", company="acme"), site.config("acme")
    assert site.orgform(folder, token, "apply", "--yes").returncode == 0
    [known] = json.loads(site.orgform(folder, token, "history", "--format", "json").stdout)["runs"]
    every = site.get(token, "/v1/audit-events?limit=100")["items"]
    events = [e for e in every if not e["address"].startswith("token/")]
    assert {(e["actor"], e["token"]) for e in events} == {("ci pipeline", id_of(token))}
    assert {e["client"].partition(" ")[2] for e in events} == {f"(run {known['run']})"}


def test_a_token_that_ended_is_said_to_and_what_to_do(site: Site) -> None:
    token, folder = site.token(company="acme"), site.config("acme")
    assert site.orgform(folder, token, "plan").returncode == 0
    assert run("token", "revoke", id_of(token), env={"ORGFORM_DATABASE": site.server.database}).returncode == 0
    done = site.orgform(folder, token, "plan")
    assert done.returncode == 1
    assert f"{site.server.url} does not take the token: this token ({id_of(token)}) was revoked at" in words_of(done)
    assert "orgform token create" in words_of(done)
    wrong = site.orgform(folder, f"orgform_{'a' * 12}_{'b' * 43}", "plan")
    assert "this token is not known here" in words_of(wrong)


def test_a_target_without_a_token_is_told_to_name_one(site: Site) -> None:
    folder = site.config("acme")
    company = folder / "company.yaml"
    company.write_text(company.read_text().replace(", token: env:MY_TOKEN", ""))
    done = site.orgform(folder, "", "plan")
    assert done.returncode == 1
    assert "name it in the target: token: env:NAME" in words_of(done)


def test_a_plain_token_in_a_config_is_refused_and_not_shown(site: Site) -> None:
    text, folder = site.token(company="acme"), site.config("acme")
    company = folder / "company.yaml"
    company.write_text(company.read_text().replace("env:MY_TOKEN", text))
    for format in ("text", "json", "github"):
        done = site.orgform(folder, "", "plan", "--format", format)
        assert done.returncode == 3
        assert text[-43:] not in "".join((done.stdout + done.stderr).split())


def test_one_call_for_each_change(site: Site) -> None:
    token, folder = site.token(company="acme"), site.config("acme", more=", batch: 1")
    done = site.orgform(folder, token, "apply", "--yes")
    assert "7 created, 0 updated, 0 deleted, 0 failed" in done.stdout
    company = folder / "company.yaml"
    company.write_text(company.read_text().replace("Brand X,", "Brand Y,").replace("  carol@acme.com: {name: Carol Wu, role: owner}\n", ""))
    assert "0 created, 1 updated, 1 deleted, 0 failed" in site.orgform(folder, token, "apply", "--yes").stdout
    assert site.orgform(folder, token, "plan", "--detailed-exitcode").returncode == 0
    lines = [json.loads(line) for line in site.server.log().splitlines()]
    writes = [(r["method"], r["route"]) for r in lines if r.get("method") in ("POST", "PATCH", "DELETE")]
    assert ("POST", "/v1/batch") not in writes
    assert {method for method, _ in writes} == {"POST", "PATCH", "DELETE"}


def test_a_token_that_went_astray_is_on_no_stream_and_in_no_file(site: Site) -> None:
    """In a path, a query, a client's name, a header, a body; of a process that never read it as a secret."""
    text = site.token(company="acme")
    good = {"authorization": f"Bearer {text}", "user-agent": f"curl {text}"}
    with httpx.Client(base_url=site.server.url, headers=good, trust_env=False) as client:
        client.get(f"/v1/members/{text}")
        client.get(f"/{text}")
        client.get("/v1/members", params={"cursor": text})
        client.get("/v1/members", headers={"authorization": f"Bearer {text}x"})
        client.request(text, "/v1/members")
        assert client.post("/v1/workspaces", json={"key": "ws"}).status_code == 201
        assert text[-43:] not in client.get("/v1/audit-events").text
        assert text[-43:] not in client.get("/metrics").text
    site.server.stop()
    kept = [p.read_bytes() for p in site.folder.rglob("*") if p.is_file()]
    assert kept
    assert not [data for data in [*kept, site.server.log().encode()] if text[-43:].encode() in data]
    assert f"orgform_{id_of(text)}_(secret)" in site.server.log()
