"""A live system that sends back what it was sent: the token is on no stream and in no file, whichever way it comes."""

from __future__ import annotations

import base64
import json
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.cli.process import environment, run

CANARY = "Canary-5f0c1d/77aa+12=="
#: of some other server: this process never reads it as a secret
STRANGER = "orgform_x35gnskuzwo0_ZnRNZjzfNxZ5x6d9ORKqpa5DjhvFgDWhFZS08JC3SIg"
CONFIG = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: orgform, url: "%s", token: "%s"}
domains:
  acme.com: {}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: owner}
"""


class Echo(BaseHTTPRequestHandler):
    """How it answers is in the URL's path: `/HOW/v1/COLLECTION`. What is not its subject is an empty collection."""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        how, collection = self.path.split("/")[1], self.path.split("/")[3].partition("?")[0]
        if collection == "whoami" and how != "who":
            self.answer(200, {"company": "default", "actor": "ci", "scope": "write", "token": "abc", "member": None, "expires_at": None})
        elif collection == "audit-events" or (how in ("one", "long", "write") and collection != "members") or how in ("write", "good"):
            self.answer(200, {"items": [], "next": None, "total": 0})
        else:
            self.echo(how)

    def do_POST(self) -> None:
        operations = json.loads(self.rfile.read(int(self.headers["content-length"])))["operations"]
        refused = {"status": 422, "problem": {"detail": f"not with {self.token} nor {STRANGER}"}}
        self.answer(200, {"results": [{"status": 201} if self.path.startswith("/good/") else refused for _ in operations]})

    @property
    def token(self) -> str:
        return self.headers["authorization"]

    def echo(self, how: str) -> None:
        bare = self.token.removeprefix("Bearer ")
        if how == "type":
            self.answer(200, {}, **{"content-type": bare})
        elif how == "redirect":
            self.answer(307, {}, location=f"http://elsewhere.example/{bare}")
        elif how == "shape":
            self.answer(200, {"items": [], "total": 0, "next": [self.token], bare: bare})
        elif how == "reason":
            self.answer(418, {}, reason=f"no {self.token} {STRANGER}")
        elif how == "encoded":
            self.answer(500, {"detail": f"{base64.b64encode(bare.encode()).decode()} {bare.lower()} {bare[:6]}\x07{bare[6:]} {STRANGER}"})
        else:
            self.answer(
                500 if how != "title" else 401, {"detail" if how != "title" else "title": "x" * (480 if how == "long" else 0) + self.token}
            )

    def answer(self, status: int, body: object, reason: str = "", **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status, reason or None)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class Case:
    """A config for the echoing server whose token comes from the environment or from a file."""

    def __init__(self, folder: Path, url: str, reference: str) -> None:
        self.folder, self.url, self.reference = folder, url, reference
        (folder / "config").mkdir()
        (folder / "secret").mkdir()
        (folder / "secret" / "token").write_text(CANARY + "\n")
        self.env = {"ORGFORM_CACHE": str(folder / "cache"), "ORGFORM_STATE": str(folder / "state"), "ORGFORM_ALLOW_TARGETS": f"acme={url}"}
        if reference.startswith("env:"):
            self.env["MY_OWN_NAME"] = CANARY

    def configured(self, how: str) -> Path:
        (self.folder / "config" / "company.yaml").write_text(CONFIG % (f"{self.url}/{how}", self.reference))
        return self.folder / "config"

    def run(self, how: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return run(*words, cwd=self.configured(how), env=self.env)

    def clean(self, *shown: str) -> bool:
        """Whether the token is nowhere: not in what was shown, nor in any file but its own."""
        files = [p.read_bytes() for p in self.folder.rglob("*") if p.is_file() and p.parent.name != "secret"]
        assert files
        # Text for people is broken into lines, the token may be as well.
        unbroken = ["".join(text.split()) for text in shown]
        all_of_it = b"\n".join([*files, *(text.encode() for text in [*shown, *unbroken])]).lower()
        forms = (STRANGER[-43:], CANARY, CANARY[:14], CANARY[6:], CANARY.replace("/", "%2f"), base64.b64encode(CANARY.encode()).decode())
        return not [form for form in forms if form.lower().encode() in all_of_it]


@pytest.fixture(params=["env:MY_OWN_NAME", "file:../secret/token"])
def case(request: pytest.FixtureRequest, tmp_path: Path, url: str) -> Case:
    return Case(tmp_path, url, request.param)


@pytest.mark.parametrize("how", ["who", "every", "title", "type", "redirect", "shape", "reason", "encoded"])
def test_when_nothing_can_be_read(case: Case, how: str) -> None:
    for words in (("plan",), ("plan", "--format", "json"), ("export",), ("apply", "--yes", "--format", "github")):
        done = case.run(how, *words)
        assert done.returncode == 1
        assert "(secret)" in done.stdout + done.stderr or how in ("shape", "redirect")
        assert case.clean(done.stdout, done.stderr)


@pytest.mark.parametrize("how", ["one", "long"])
def test_when_one_collection_cannot_be_read_the_plan_says_why(case: Case, how: str) -> None:
    for format in ("json", "text", "markdown", "html", "github"):
        done = case.run(how, "plan", "--format", format, "-o", "plan.json")
        assert done.returncode in (0, 4)
        assert case.clean(done.stdout, done.stderr)
    document = json.loads(case.run(how, "plan", "--format", "json").stdout)
    assert "(sec" in json.dumps([document["guards"], document["diagnostics"], document["targets"]])


def test_when_a_write_is_refused(case: Case) -> None:
    done = case.run("write", "apply", "--yes")
    assert done.returncode == 1
    assert "not with Bearer (secret)" in " ".join(done.stdout.split())
    (report,) = json.loads(case.run("write", "history", "--format", "json").stdout)["runs"]
    told = case.run("write", "history", report["run"], "--format", "json")
    assert "(secret)" in told.stdout
    assert case.clean(done.stdout, done.stderr, told.stdout)


def test_a_bug_with_the_secret_in_its_words(case: Case) -> None:
    program = textwrap.dedent("""
        import sys, orgform.targets
        def bug(targets, *rest):
            token = next(iter(targets.values())).provider._provider._session._carrier._headers["authorization"]
            try:
                raise ValueError(token)
            except ValueError as error:
                raise RuntimeError(f"sent {token!r}", {"x": token.lower()}) from error
        orgform.targets.read_targets = bug
        from orgform.cli import main
        sys.exit(main(sys.argv[1:]))
    """)
    command = [sys.executable, "-c", program, "plan"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=case.configured("every"), env=environment(**case.env, ORGFORM_DEBUG="1")
    )
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "ValueError: Bearer" in done.stderr
    assert case.clean(done.stdout, done.stderr)


@pytest.mark.parametrize("password", ["hun[ter2", "hun/ter2", "hun?ter2", "hun#ter2", "hun@ter2"])
def test_a_password_in_the_ledgers_url(case: Case, password: str) -> None:
    done = case.run("every", "plan", "--ledger", f"postgresql://u:{password}@127.0.0.1:1/d")
    assert done.returncode == 1
    assert "is not escaped" in done.stderr
    assert "bug" not in done.stderr
    assert "ter2" not in done.stdout + done.stderr


class TestALedgerThatComesWithTheConfig:
    def refused(self, case: Case) -> bool:
        case.env.pop("ORGFORM_ALLOW_TARGETS", None)
        return "nobody has allowed" in " ".join(case.run("good", "plan").stderr.split())

    def pairs(self, case: Case, change: str = "SELECT 1", *values: str) -> list[tuple[str, ...]]:
        with sqlite3.connect(case.folder / "config" / ".orgform" / "ledger.db") as raw:
            raw.execute(change, values)
            found = raw.execute("SELECT target, reference, origin FROM orgform_secrets").fetchall()
        raw.close()
        return found

    def test_what_an_apply_was_allowed_stays_so_for_this_user_in_this_folder(self, case: Case) -> None:
        assert case.run("good", "apply", "--yes").returncode == 0
        assert self.pairs(case) == [("acme", case.reference, case.url)]
        assert not self.refused(case)
        assert case.clean()
        case.env["ORGFORM_STATE"] = str(case.folder / "another")
        assert self.refused(case)
        assert not (case.folder / "another").exists()

    def test_a_pair_that_somebody_wrote_into_it_is_none(self, case: Case) -> None:
        assert case.run("write", "apply", "--yes").returncode == 1
        assert self.pairs(case) == []
        self.pairs(
            case, "INSERT INTO orgform_secrets (target, reference, origin, proof) VALUES ('acme', ?, ?, '')", case.reference, case.url
        )
        assert self.refused(case)
        assert not (case.folder / "state").exists()
