"""Secrets are planted wherever orgform takes one, everything is run, and then nothing that was written holds any of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import pytest

from orgform.server import Store, tokens
from orgform.testing.postgres import running_postgres
from orgform.testing.server import RunningServer, running_server
from tests.cli.process import run
from tests.hostile.between import Between, between
from tests.hostile.canary import Canaries
from tests.hostile.plugged import plugged_in

COMPANY = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: orgform, url: "%s", token: "%s", batch: %d}
domains: {acme.com: {}, acme.co.uk: {}}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: owner}
  carol@acme.com: {name: Carol Wu}
groups: {support: {name: Support, members: [carol@acme.com]}, sales: {name: Sales}}
workspaces:
  brand-x:
    name: Brand X
    region: us
    members: {alice@acme.com: admin, group:support: member}
    hooks: {billing: {url: "https://hooks.acme.com/billing", secret: "env:HOOK_SECRET"}}
"""
FORMATS = ("text", "json", "markdown", "html", "github")
HARM = ("echo", "encoded", "reason", "redirect", "nonsense", "type", "cut", "garbage")


class World:
    """A server on PostgreSQL, somebody in between, and a folder with everything that orgform writes: config, ledger, state, cache, plans.

    `say` keeps what every command shows.
    """

    def __init__(self, folder: Path, server: RunningServer, middle: Between, canaries: Canaries, environ: dict[str, str]) -> None:
        self.folder, self.server, self.middle, self.canaries = folder, server, middle, canaries
        self.config, self.secret = folder / "config", folder / "secret" / "token"
        self.secret.parent.mkdir()
        self.config.mkdir()
        self.secret.write_text(canaries["token"] + "\n")
        self.env = {
            **environ,
            "ORGFORM_DEBUG": "1",
            "ORGFORM_CACHE": str(folder / "cache"),
            "ORGFORM_STATE": str(folder / "state"),
            "ORGFORM_ALLOW_TARGETS": f"acme={middle.url} blab=file:../secret/token",
            "ORGFORM_PLAN_KEY": canaries["key"],
            "MY_OWN_NAME": canaries["token"],
            "HOOK_SECRET": canaries["attribute"],
        }
        self.said = bytearray()

    def write(self, reference: str, *, batch: int = 1000, url: str = "", more: str = "") -> None:
        (self.config / "company.yaml").write_text(COMPANY % (url or self.middle.url, reference, batch) + more)

    def say(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        done = run(*words, cwd=self.config, env=self.env)
        self.said += f"$ {words}\n{done.stdout}\n{done.stderr}\n".encode()
        leaked = self.canaries.leaks(f"{done.stdout}\n{done.stderr}".encode())
        assert not leaked, f"{leaked} shown by `orgform {' '.join(map(str, words))}`"
        return done

    def nothing_leaked(self) -> None:
        assert self.canaries.leaks_below(self.folder, but=[self.secret]) == {}
        assert self.canaries.leaks(self.server.log().encode()) == set()


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """Of a server that trusts whoever comes, so that a password may be anything."""
    with running_postgres() as postgres:
        yield postgres.database("hostile")


@pytest.fixture(scope="module")
def served(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Canaries, dict[str, str]]]:
    """A server whose database has a password, and a token of it."""
    environ = {"PYTHONPATH": str(plugged_in(tmp_path_factory.mktemp("site")))}
    canaries = Canaries(("key", "attribute", "password", "other"))
    url = postgres_url.replace("orgform@", f"orgform:{quote(canaries['password'], safe='')}@")
    with running_server(url, without_tokens=False, environ=environ) as server:
        with closing(Store(url)) as store:
            canaries.values["token"] = tokens.create(store, company="acme", scope="write")[1].split("_", 2)[2]
        yield server, canaries, environ


@pytest.fixture
def world(served: tuple[RunningServer, Canaries, dict[str, str]], tmp_path: Path) -> Iterator[World]:
    server, canaries, environ = served
    with ExitStack() as stack:
        with closing(Store(server.database)) as store:
            text = tokens.create(store, company=f"acme-{tmp_path.name[-30:].lower().strip('_').replace('_', '-')}", scope="write")[1]
        mine = Canaries((), {**canaries.values, "token": text})
        yield World(tmp_path, server, stack.enter_context(between(server.url)), mine, environ)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    import base64
    import sqlite3
    import zlib

    canaries = Canaries(("a", "b"))
    value = canaries["a"]
    dressed = [
        value.upper(),
        value[:20] + "\n   " + value[20:],
        quote(value, safe=""),
        base64.b64encode(b"user:" + value.encode()).decode(),
        base64.urlsafe_b64encode(b"x" + value.encode()).decode(),
        value.encode().hex(),
        value[:35],
        value[20:],
    ]
    assert [canaries.leaks(f"x{text}y".encode()) for text in dressed] == [{"a"}] * len(dressed)
    raw = sqlite3.connect(tmp_path / "x.db")
    raw.execute("CREATE TABLE t (v)")
    raw.execute("INSERT INTO t VALUES (?)", (zlib.compress(value.encode()),))
    raw.commit()
    raw.close()
    assert canaries.leaks_below(tmp_path) == {str(tmp_path / "x.db"): {"a"}}


@pytest.mark.parametrize("reference", ["env:MY_OWN_NAME", "file:../secret/token"])
def test_everything_that_works(world: World, reference: str) -> None:
    world.write(reference)
    world.say("validate")
    for format in FORMATS:
        world.say("plan", "--format", format, "-o", f"plan-{format}.json")
    assert world.say("apply", "plan-text.json").returncode == 0
    assert world.say("plan", "--detailed-exitcode").returncode == 0
    world.write(reference, more="features: {beta: {type: boolean, default: false, owner: alice@acme.com}}\n")
    assert world.say("apply", "--yes", "--format", "json").returncode == 0
    run_name = json.loads(world.say("history", "--format", "json").stdout)["runs"][0]["run"]
    for words in (("history",), ("history", run_name), ("history", run_name, "--format", "json", "--all")):
        assert world.say(*words).returncode == 0
    for words in (("export",), ("export", "--into", "../exported"), ("access",), ("access", "--live", "--format", "csv"), ("domains",)):
        assert world.say(*words).returncode == 0
    world.say("domains", "verify", "acme.com")
    for format in ("text", "json", "markdown"):
        assert world.say("drift", "--format", format).returncode == 0
    assert world.say("undo", run_name, "-o", "undo.json", "--allow", "deletes:*").returncode == 0
    assert world.say("undo", run_name, "--yes", "--allow", "deletes:*").returncode == 0
    assert world.say("providers").returncode == world.say("schema").returncode == 0
    world.nothing_leaked()


def test_the_tokens_of_a_server(world: World) -> None:
    """A new token is shown once, and from then on it is nowhere: not in the list, not in the database, not in its log."""
    made = run("token", "create", "--company", "acme", "--scope", "read", env={**world.env, "ORGFORM_DATABASE": world.server.database})
    assert made.returncode == 0
    text = made.stdout.strip()
    world.canaries.values["made"] = text.split("_", 2)[2]
    world.env["ORGFORM_DATABASE"] = world.server.database
    for words in (("token", "list"), ("token", "list", "--format", "json"), ("token", "create", "--company", "x", "--scope", "no")):
        world.say(*words)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    for number, token in enumerate((text, wrong)):
        world.env[f"T{number}"] = token
        world.write(f"env:T{number}")
        world.say("plan")
    world.say("token", "revoke", text.split("_")[1])
    world.write("env:T0")
    assert world.say("plan").returncode == 1
    world.nothing_leaked()
    assert world.canaries.leaks(everything_in(world.server.database)) == set()


def everything_in(database: str) -> bytes:
    """Every value of every table of a PostgreSQL database."""
    import psycopg

    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        assert len(tables) > 3
        rows = [row for name in tables for row in connection.execute(f'SELECT * FROM "{name}"'.encode())]  # noqa: S608 - its own tables
    return repr(rows).encode()


@pytest.mark.parametrize("harm", HARM)
def test_a_live_system_that_sends_headers_back(world: World, harm: str) -> None:
    """From the first request on, and half-way through an apply; reads alone, writes alone."""
    world.write("env:MY_OWN_NAME", batch=1)
    world.middle.harm = harm
    for words in (("plan",), ("apply", "--yes", "--format", "json")):
        assert world.say(*words, "--max-wait", "0").returncode in (1, 4)
    world.middle.only, world.middle.spare = ("POST", "PUT", "PATCH", "DELETE"), 3
    assert world.say("apply", "--yes", "--max-wait", "0", "--parallelism", "2").returncode in (1, 6)
    runs = json.loads(world.say("history", "--format", "json").stdout)["runs"]
    assert runs[0]["changes"]
    world.say("history", runs[0]["run"])
    for words in (("drift",), ("domains", "verify", "acme.com"), ("undo", runs[0]["run"], "--yes")):
        world.say(*words, "--max-wait", "0")
    world.nothing_leaked()


@pytest.mark.parametrize("how", ["open", "read", "partly", "write", "writable", "events", "challenges", "close", "good"])
def test_a_plug_in_that_says_its_token(world: World, how: str) -> None:
    """As a bug with a traceback, and in every answer."""
    world.write("file:../secret/token")
    text = (world.config / "company.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("  acme: {provider"))
    (world.config / "company.yaml").write_text(text.replace(line, f'  blab: {{provider: blab, how: {how}, token: "file:../secret/token"}}'))
    done = [world.say(*words) for words in (("plan", "--format", "json"), ("apply", "--yes"), ("drift",), ("domains",))]
    world.say("history", "--format", "json")
    if how in ("open", "read", "writable", "close"):
        assert any("Traceback (most recent call last)" in d.stderr and "RuntimeError: " in d.stderr for d in done), done[1].stderr
    world.nothing_leaked()


def test_passwords_in_urls(world: World, postgres_url: str) -> None:
    password = world.canaries["password"]
    escaped = quote(password, safe="")
    good = postgres_url.replace("orgform@", f"orgform:{escaped}@")
    world.write("env:MY_OWN_NAME")
    assert world.say("apply", "--yes", "--ledger", good).returncode == 0
    assert world.say("history", "--ledger", good).returncode == 0
    nowhere = f"@{good.partition('@')[2].replace('/hostile', '/nowhere')}"
    for url in (
        f"postgresql://orgform:{escaped}@127.0.0.1:1/x",
        f"postgresql://orgform:{password}@127.0.0.1:1/x",
        f"postgresql://orgform:{password.replace('/', '[')}@127.0.0.1:1/x",
        f"postgresql://127.0.0.1:1/x?user=orgform&password={escaped}",
        f"mysql://orgform:{password}@127.0.0.1:1/x",
        f"postgresql+psycopg://orgform:{escaped}{nowhere}",
    ):
        for words in (("plan", "--ledger", url), ("serve", "--port", "0", "--database", url), ("token", "list")):
            world.env["ORGFORM_DATABASE"] = url
            assert world.say(*words).returncode != 0
            del world.env["ORGFORM_DATABASE"]
    world.nothing_leaked()


SLIPS = {
    "a token in plain text": 'targets: {acme: {provider: orgform, url: "http://x.example", token: "%s"}}',
    "under a wrong name": 'targets: {acme: {provider: orgform, url: "http://x.example", tokne: "%s"}}',
    "in the URL": 'targets: {acme: {provider: orgform, url: "https://user:%s@x.example"}}',
    "as the URL's query": 'targets: {acme: {provider: orgform, url: "https://x.example/?token=%s"}}',
    "as the target": 'targets: {acme: "%s"}',
    "as a list": 'targets: {acme: {provider: orgform, url: "http://x.example", token: ["%s"]}}',
    "as a map": 'targets: {acme: {provider: orgform, url: "http://x.example", token: {value: "%s"}}}',
    "twice": 'targets: {acme: {provider: orgform, url: "http://x.example", token: "%s", token: "%s"}}',
    "in a broken file": 'targets:\n  acme:\n    provider: orgform\n    token: "%s"\n  : [',
    "in a template": 'targets: {acme: {provider: orgform, url: "http://x.example", token: "{{ \'%s\' }}"}}',
    "in a broken template": 'targets: {acme: {provider: orgform, url: "http://x.example", token: "{{ %s"}}',
    "in an attribute": 'workspaces: {w: {name: W, hooks: {h: {url: "https://x.example", secret: "%s"}}}}',
    "in an attribute of a wrong type": 'workspaces: {w: {name: W, hooks: {h: {url: "https://x.example", secret: ["%s"]}}}}',
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_secret_that_was_written_where_a_reference_is_due(world: World, slip: str) -> None:
    head = "orgform: 1\ncompany: {name: Acme, primary_domain: acme.com}\ndomains: {acme.com: {}}\n"
    text = SLIPS[slip].replace("%s", world.canaries["other"])
    target = "" if text.startswith("targets") else "targets: {acme: {provider: local, database: acme.db}}\n"
    (world.config / "company.yaml").write_text(f"{head}{target}{text}\n")
    for words in (("validate",), ("plan", "--format", "json")):
        assert world.say(*words).returncode == 3
    world.canaries.values.pop("token")
    assert world.canaries.leaks_below(world.folder, but=[world.secret, world.config / "company.yaml"]) == {}
