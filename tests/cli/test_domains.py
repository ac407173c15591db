"""`orgform domains` and `orgform domains verify` as processes, against a real DNS server on loopback."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dns.zone
import dns.zonefile
import pytest
import sqlalchemy as sa
import yaml

from orgform import app, domains
from orgform.codec import decode, encode, to_builtins
from orgform.errors import OrgformError, UsageError
from orgform.kinds import load_kinds
from orgform.model import Address, Config, Desired, TargetConfig
from orgform.providers import find_spec
from orgform.providers.base import Challenge
from orgform.render import domains as render
from orgform.server import Store, tables
from orgform.server.store import time_text
from orgform.targets import OpenTarget
from orgform.testing.fake import FakeProvider
from orgform.testing.postgres import PostgresMissing, running_postgres
from orgform.testing.server import running_server
from tests.cli.process import ORGFORM, Terminal, environment, run
from tests.dnsserver import Names, running_dns

COMPANY = """\
orgform: 1
company: {{name: Acme Corp, primary_domain: acme.com}}
targets:
  acme: {target}
domains:
  acme.com: {{auto_join: {{workspace: brand-x, role: viewer}}}}
  münchen.example: {{}}
workspaces:
  brand-x: {{name: Brand X, members: {{alice@acme.com: admin}}}}
members:
  alice@acme.com: {{name: Alice Ng, role: owner}}
  bob@acme.com: {{name: Bob Roy, role: admin}}
  carol@acme.com: {{name: Carol Wu}}
"""
ACME, MUNICH = "acme.com", "xn--mnchen-3ya.example"
RECORD = "_orgform-challenge.acme.com"


@pytest.fixture
def names() -> Iterator[Names]:
    with running_dns() as found:
        yield found


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing as e:
        pytest.skip(str(e))


def applied(folder: Path, target: str) -> Path:
    folder.mkdir()
    (folder / "company.yaml").write_text(COMPANY.format(target=target), encoding="utf-8")
    done = run("apply", "--yes", "-C", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def applied_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return applied(tmp_path_factory.mktemp("domains") / "acme", '{provider: local, database: acme.db, resolver: "127.0.0.1:1"}')


@pytest.fixture
def acme(applied_once: Path, tmp_path: Path, names: Names) -> Path:
    """A company in a local system; nothing is proved yet."""
    folder = Path(shutil.copytree(applied_once, tmp_path / "acme"))
    edit(folder, "127.0.0.1:1", names.place)
    return folder


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "company.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(params=["local", "server on SQLite", "server on PostgreSQL"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, names: Names) -> Iterator[Path]:
    if request.param == "local":
        yield request.getfixturevalue("acme")
        return
    on_sqlite = request.param == "server on SQLite"
    database = tmp_path / "directory.db" if on_sqlite else request.getfixturevalue("postgres").database("domains")
    with running_server(database, options=["--resolver", names.place]) as server:
        yield applied(tmp_path / "acme", f"{{provider: orgform, url: '{server.url}'}}")


def listed(folder: Path, *words: str) -> dict[str, Any]:
    """Domain -> what `--format json` says of it."""
    done = run("domains", "-C", folder, "--format", "json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["format"] == "orgform.domains/1"
    return {d["domain"]: d for d in document["domains"]}


def publish(names: Names, found: dict[str, Any], *which: str) -> None:
    for domain in which:
        names.set(found[domain]["record"]["name"], found[domain]["record"]["value"])


def age(folder: Path, days: int) -> None:
    """Moves the end of every challenge in the local system into the past."""
    r = tables.resources.c
    with closing(Store(folder / "acme.db")) as store, store.writing("default") as connection:
        for key, text in connection.execute(sa.select(r.key, r.observed).where(r.kind == "domain")).all():
            observed = decode(text)
            ends = datetime.fromisoformat(observed["challenge"]["expires_at"]) - timedelta(days=days)
            observed["challenge"]["expires_at"] = time_text(ends)
            connection.execute(sa.update(tables.resources).where(r.key == key).values(observed=encode(observed).decode()))


# The whole way


def test_from_the_record_to_access(anywhere: Path, names: Names) -> None:
    first = run("domains", "-C", anywhere)
    assert (first.returncode, first.stderr) == (0, "")
    assert re.search(r"^acme\.com +pending +set its record", first.stdout, re.MULTILINE)
    found = listed(anywhere)
    assert f"  name   {RECORD}\n  type   TXT\n  value  {found[ACME]['record']['value']}\n  until  20" in first.stdout

    nothing = run("domains", "verify", "-C", anywhere)
    assert (nothing.returncode, nothing.stderr) == (1, "")
    assert f"there is no {RECORD} in DNS" in " ".join(nothing.stdout.split())
    assert nothing.stdout.splitlines()[-1] == "0 of 2 domains verified."

    publish(names, found, ACME)
    one = run("domains", "verify", "-C", anywhere)
    assert one.returncode == 1
    assert one.stdout.splitlines()[-1] == "1 of 2 domains verified."
    assert run("domains", "verify", "ACME.com.", "-C", anywhere).returncode == 0

    publish(names, found, MUNICH)
    assert "carol@acme.com,brand-x,viewer,domain:acme.com" in run("access", "--live", "--format", "csv", "-C", anywhere).stdout
    assert run("domains", "verify", "-C", anywhere).returncode == 0
    after = listed(anywhere)
    assert {d["status"] for d in after.values()} == {"verified"}
    assert {d["next"] for d in after.values()} == {""}
    assert after[ACME]["record"] == found[ACME]["record"]


def test_no_access_before(acme: Path) -> None:
    assert "domain:acme.com" not in run("access", "--live", "--format", "csv", "-C", acme).stdout


def test_plans_and_exports_are_quiet(acme: Path, names: Names) -> None:
    before, exported = run("plan", "-C", acme, "--format", "json"), run("export", "-C", acme)
    assert run("domains", "verify", ACME, "--restart", "-C", acme).returncode == 1
    after = run("plan", "-C", acme, "--format", "json")
    assert after.stdout == before.stdout
    token = listed(acme)[ACME]["record"]["value"].split()[0].removeprefix("token=")
    assert token not in after.stdout
    assert json.loads(after.stdout)["changes"] == []
    assert run("export", "-C", acme).stdout == exported.stdout
    assert "challenge" not in exported.stdout
    assert run("plan", "-C", acme, "--detailed-exitcode").returncode == 0


def test_a_config_cannot_write_it(acme: Path) -> None:
    edit(acme, "münchen.example: {}", "münchen.example: {challenge: {value: x}}")
    done = run("validate", "-C", acme)
    assert done.returncode == 3
    assert "challenge" in done.stderr


# Which domains


def test_before_the_first_apply(tmp_path: Path) -> None:
    (tmp_path / "company.yaml").write_text(COMPANY.format(target="{provider: local, database: acme.db}"), encoding="utf-8")
    done = run("domains", "-C", tmp_path)
    assert done.returncode == 0
    assert re.search(r"^acme\.com +absent +acme does not have it yet", done.stdout, re.MULTILINE)
    assert run("domains", "verify", "-C", tmp_path).returncode == 1
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("word", ["acme.com", "ACME.COM", "acme.com.", "domain/acme.com"])
def test_a_domain_by_any_spelling(acme: Path, word: str) -> None:
    assert list(listed(acme, word)) == [ACME]


def test_an_international_domain(acme: Path) -> None:
    found = listed(acme, "MÜNCHEN.example")
    assert found[MUNICH]["label"] == "münchen.example"
    assert found[MUNICH]["record"]["name"] == f"_orgform-challenge.{MUNICH}"
    assert f"{MUNICH} (münchen.example)" in run("domains", "-C", acme).stdout


@pytest.mark.parametrize("words", [("domains", "acme.con"), ("domains", "verify", "acme.con")])
def test_a_misspelt_domain(acme: Path, words: tuple[str, ...]) -> None:
    done = run(*words, "-C", acme)
    assert done.returncode == 64
    assert done.stderr == "error: 'acme.con' is not in the config\n  help: did you mean acme.com?\n"


def test_a_domain_that_is_not_declared(acme: Path) -> None:
    done = run("domains", "verify", "zzz", "-C", acme)
    assert done.returncode == 64
    assert f"it has: {ACME}, {MUNICH}" in done.stderr


def test_no_domain_at_all() -> None:
    nothing: dict[str, Any] = {"domains": [], "undeclared": []}
    assert render.text(nothing, color=False, width=80) == "The config declares no domain.\n"
    assert (render.zone(nothing), render.octodns(nothing)) == ("; nothing to set\n", "# nothing to set\n")


def test_what_the_live_system_has_besides(acme: Path) -> None:
    edit(acme, "  münchen.example: {}\n", "")
    done = run("domains", "-C", acme)
    assert done.stderr == f"note: not in the config, but in the live system: domain/{MUNICH}\n"
    assert MUNICH not in done.stdout
    assert json.loads(run("domains", "-C", acme, "--format", "json").stdout)["undeclared"] == [f"domain/{MUNICH}"]


def test_targets_that_take_no_domains(acme: Path) -> None:
    edit(acme, "targets:", "targets:\n  flags: {provider: local, database: flags.db, kinds: [feature]}")
    done = run("domains", "--target", "flags", "-C", acme)
    assert done.returncode == 1
    assert done.stderr == "error: no target that was chosen takes domains: flags\n  help: they live in acme\n"
    assert set(listed(acme)) == {ACME, MUNICH}


# The command line


def test_wrong_words(acme: Path) -> None:
    assert "`verify` stands right after `domains`" in run("domains", "-C", acme, "verify").stderr
    for words in (["--wait", "-1"], ["--wait", "soon"], ["--wait", "nan"], ["--wait", "inf"], ["--all"], ["--format", "zone"]):
        done = run("domains", "verify", "-C", acme, *words)
        assert (done.returncode, done.stdout) == (64, ""), words
        assert done.stderr.startswith("error: ")
    assert run("domains", "-C", acme, "--format", "bind").returncode == 64


def test_help() -> None:
    assert "orgform domains verify" in run("domains", "--help").stdout
    text = run("domains", "verify", "--help").stdout
    assert text.startswith("Usage: orgform domains verify")
    assert all(word in text for word in ("--restart", "--wait"))


@pytest.mark.parametrize("where", ["127.0.0.1:99999", "a b", "https://1.1.1.1"])
def test_a_resolver_that_is_none(acme: Path, names: Names, where: str) -> None:
    edit(acme, names.place, where)
    done = run("domains", "-C", acme)
    assert done.returncode in (1, 3)
    assert where in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_as_json(acme: Path) -> None:
    done = run("domains", "acme.con", "-C", acme, "--format", "json")
    assert done.returncode == 64
    assert json.loads(done.stdout)["hint"] == "did you mean acme.com?"


def test_a_plan_needs_no_dns(acme: Path) -> None:
    code = (
        "import sys; from orgform.cli import main; sys.argv = ['orgform', 'plan', '-q', '-C', sys.argv[1]]; code = main();"
        "loaded = [m for m in ('alembic', 'dns', 'prometheus_client', 'uvicorn') if m in sys.modules]; "
        "sys.exit(str(loaded) if loaded else code)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(acme)], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# Waiting


def test_waiting_until_it_is_there(acme: Path, names: Names) -> None:
    found = listed(acme)
    process = subprocess.Popen(
        [ORGFORM, "domains", "verify", "-C", str(acme), "--wait", "60"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr and process.stdout
        shown = process.stderr.readline() + process.stderr.readline()
        assert f"{ACME}: pending: there is no" in shown
        publish(names, found, ACME)
        assert process.stderr.readline() == f"{ACME}: verified\n"
        publish(names, found, MUNICH)
        assert process.stdout.read().endswith("2 of 2 domains verified.\n")
    assert process.returncode == 0


def test_waiting_in_vain(acme: Path) -> None:
    done = run("domains", "verify", ACME, "-C", acme, "--wait", "2", "--format", "json")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{ACME}: pending")
    assert json.loads(done.stdout)["domains"][0]["status"] == "pending"
    quiet = run("domains", "verify", ACME, "-C", acme, "--wait", "1", "-q")
    assert (quiet.returncode, quiet.stderr) == (1, "")


def test_interrupted_while_waiting(acme: Path) -> None:
    with Terminal("domains", "verify", ACME, "--wait", "60", "-C", acme, cwd=acme) as terminal:
        terminal.until(f"{ACME}: pending").interrupt()
        assert terminal.end() == 130
    assert "Traceback" not in terminal.output


# After its time


def test_after_thirty_days(acme: Path, names: Names) -> None:
    before = listed(acme)
    publish(names, before, ACME)
    age(acme, 31)
    assert listed(acme)[ACME]["status"] == "failed"
    text = run("domains", "-C", acme).stdout
    assert "`orgform domains verify acme.com --restart`" in " ".join(text.split())
    assert "Records to set" not in text
    assert run("domains", "verify", ACME, "-C", acme).returncode == 1
    assert run("domains", "-C", acme, "--format", "zone").stdout.startswith(f"; {ACME}: its time is over")

    again = run("domains", "verify", "--restart", "-C", acme)
    assert again.returncode == 1
    after = listed(acme)
    assert after[ACME]["status"] == "pending"
    assert after[ACME]["record"]["value"] != before[ACME]["record"]["value"]
    assert after[ACME]["record"]["value"] in again.stdout
    publish(names, after, ACME, MUNICH)
    assert run("domains", "verify", "-C", acme).returncode == 0


def test_a_restart_leaves_what_is_pending_unless_it_is_named(acme: Path) -> None:
    before = listed(acme)
    run("domains", "verify", "--restart", "-C", acme)
    assert listed(acme)[ACME]["record"] == before[ACME]["record"]
    run("domains", "verify", ACME, "--restart", "-C", acme)
    after = listed(acme)
    assert after[ACME]["record"] != before[ACME]["record"]
    assert after[MUNICH]["record"] == before[MUNICH]["record"]


def test_a_restart_that_waits_shows_the_new_record_first(acme: Path) -> None:
    done = run("domains", "verify", ACME, "--restart", "--wait", "1", "-C", acme)
    assert listed(acme)[ACME]["record"]["value"] in done.stderr


def test_a_directory_of_the_first_version(acme: Path, names: Names) -> None:
    r = tables.resources.c
    with closing(Store(acme / "acme.db")) as store, store.writing("default") as connection:
        connection.execute(sa.update(tables.resources).where(r.kind == "domain").values(observed='{"status":"pending"}'))
    text = run("domains", "-C", acme).stdout
    assert "it gets its record then" in " ".join(text.split())
    assert listed(acme)[ACME]["record"] is None
    assert run("domains", "verify", "-C", acme).returncode == 1
    publish(names, listed(acme), ACME, MUNICH)
    assert run("domains", "verify", "-C", acme).returncode == 0


def test_a_renamed_domain_is_proved_anew(acme: Path, names: Names) -> None:
    found = listed(acme)
    publish(names, found, ACME)
    run("domains", "verify", ACME, "-C", acme)
    edit(acme, "  acme.com: {auto", "  acme.org: {auto")
    edit(acme, "primary_domain: acme.com", "primary_domain: acme.org")
    edit(acme, "orgform: 1\n", "orgform: 1\nmoved: [{from: domain/acme.com, to: domain/acme.org}]\n")
    made = json.loads(run("plan", "-C", acme, "--format", "json").stdout)
    assert {"member": "carol@acme.com", "workspace": "brand-x", "role": "viewer", "path": "domain:acme.com"} in made["access"]["lost"]
    assert run("apply", "--yes", "-C", acme).returncode == 0
    assert "domain:" not in run("access", "--live", "--format", "csv", "-C", acme).stdout
    after = listed(acme, "acme.org")["acme.org"]
    assert (after["status"], after["record"]["name"]) == ("pending", "_orgform-challenge.acme.org")
    assert after["record"]["value"] != found[ACME]["record"]["value"]
    assert run("plan", "-C", acme, "--detailed-exitcode").returncode == 0


# Snippets


def texts(zone: str) -> dict[str, str]:
    """Name -> text, as dnspython reads a zone file."""
    found = {}
    for part in re.split(r"^(?=\$ORIGIN )", zone, flags=re.MULTILINE):
        if part.startswith("$ORIGIN "):
            origin = part.split()[1]
            for name, node in dns.zone.from_text(part, origin, check_origin=False, relativize=False).items():
                found[name.to_text()] = b"".join(node.rdatasets[0][0].strings).decode()
    return found


def test_as_a_zone_file(acme: Path, names: Names) -> None:
    found = listed(acme)
    zone = run("domains", "-C", acme, "--format", "zone").stdout
    assert texts(zone) == {f"{d['record']['name']}.": d["record"]["value"] for d in found.values()}
    publish(names, found, ACME)
    run("domains", "verify", "-C", acme)
    assert list(texts(run("domains", "-C", acme, "--format", "zone").stdout)) == [f"_orgform-challenge.{MUNICH}."]
    assert len(texts(run("domains", "-C", acme, "--format", "zone", "--all").stdout)) == 2
    assert RECORD not in run("domains", "-C", acme).stdout
    assert RECORD in run("domains", "-C", acme, "--all").stdout


def test_for_octodns(acme: Path) -> None:
    found = listed(acme)
    documents = list(yaml.safe_load_all(run("domains", "-C", acme, "--format", "octodns").stdout))
    values = [found[d]["record"]["value"] for d in (ACME, MUNICH)]
    assert documents == [{"_orgform-challenge": {"ttl": 300, "type": "TXT", "value": value}} for value in values]


def challenged(name: str, value: str, domain: str = ACME, type: str = "TXT") -> dict[str, Any]:
    """A document with one pending domain."""
    challenge = Challenge(Address(f"domain/{domain}"), "pending", name, value, type)
    return {"domains": [to_builtins(domains._domain("acme", challenge.address, challenge))], "undeclared": []}


VALUES = ["x", "", "token=a;b", 'a "b" \\c', "é\x07\n", "x" * 255, "x" * 256, "é" * 300, "%(x)s $ORIGIN @"]


@pytest.mark.parametrize("value", VALUES)
def test_values_of_any_kind(value: str) -> None:
    doc = challenged(RECORD, value)
    assert texts(render.zone(doc)) == {RECORD + ".": value}
    [octodns] = yaml.safe_load_all(render.octodns(doc))
    assert octodns["_orgform-challenge"]["value"].replace("\\;", ";") == value.replace("\\;", ";")
    assert all(len(s) <= 257 for s in re.findall(r'"(?:[^"\\]|\\.)*"', render.zone(doc))) or "\\" in render.zone(doc)
    assert "\x07" not in render.text(doc, color=False, width=80)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("acme.com", "acme.com."),
        ("_x.acme.com.", "_x.acme.com."),
        ("acme-com.proofs.example", "acme-com.proofs.example."),
        ("a b;$x\nc.acme.com", "a\\032b\\;\\$x\\\\nc.acme.com."),
    ],
)
def test_records_anywhere(record: str, name: str) -> None:
    doc = challenged(record, "x", type="TXT\n; x")
    if "\n" not in record:
        doc = challenged(record, "x")
        assert list(texts(render.zone(doc))) == [name]
    [octodns] = yaml.safe_load_all(render.octodns(doc))
    assert len(octodns) == 1
    assert len(render.zone(doc).splitlines()) == 2


def test_the_page_is_readable_at_80_columns(acme: Path) -> None:
    text = run("domains", "-C", acme, env={"COLUMNS": "80"}).stdout
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith(("  name", "  value")))


# What other live systems say


def asked(provider: FakeProvider, *names: str) -> domains.Domains:
    kinds = load_kinds()
    spec = find_spec("local")
    assert spec
    target = TargetConfig("acme", "local", options={"database": "x"})
    desired = {Address(f"domain/{d}"): Desired({}) for d in (ACME, "acme.org")}
    config = Config(desired, {"acme": target}, dict.fromkeys(kinds, "acme"))
    opened = OpenTarget(target, spec, provider, frozenset(kinds), "acme")
    return domains._listed(config, {"acme": opened}, domains._declared(config, names))


def test_a_system_that_gives_no_challenges() -> None:
    provider = FakeProvider()
    provider.put(Address(f"domain/{ACME}"), {}, {"status": "verified"})
    found = asked(provider)
    assert [(d.domain, d.status) for d in found.domains] == [(ACME, "unknown"), ("acme.org", "absent")]
    assert found.domains[0].next == domains.OWN_WAY
    for domain in found.domains:
        assert domains._asked(domain, {}, restart=True) == domain
    with pytest.raises(OrgformError, match="no way to verify"):
        provider.verify(Address(f"domain/{ACME}"))


@pytest.mark.parametrize(
    ("expires", "status"), [("", "pending"), ("soon", "pending"), ("2020-01-01T00:00:00", "failed"), ("2999-01-01T00:00:00Z", "pending")]
)
def test_times_of_other_systems(expires: str, status: str) -> None:
    challenge = Challenge(Address(f"domain/{ACME}"), "pending", RECORD, "x", expires=expires)
    assert domains._domain("acme", challenge.address, challenge).status == status


def test_other_words_of_status() -> None:
    challenge = Challenge(Address(f"domain/{ACME}"), "in review", RECORD, "x")
    assert domains._domain("acme", challenge.address, challenge).next == ""


def test_as_python(acme: Path, names: Names) -> None:
    options = app.Options(folder=acme)
    found = app.domains(options)
    assert [d.domain for d in found.domains] == [ACME, MUNICH]
    news: list[app.Domain] = []
    assert not app.verify_domains(options, [ACME], news=news.append).domains[0].verified
    publish(names, {d.domain: to_builtins(d) for d in found.domains}, ACME)
    waited: list[app.Progress] = []
    done = app.verify_domains(options, ["acme.com"], wait=5, news=news.append, listen=waited.append)
    assert [d.verified for d in done.domains] == [True]
    assert [d.status for d in news] == ["pending", "verified"]
    assert waited == []
    with pytest.raises(UsageError, match="is not in the config"):
        app.domains(options, ["acme.con"])


@pytest.mark.soak
def test_octodns_itself_takes_it(acme: Path, tmp_path: Path) -> None:
    """In an environment of its own: octoDNS plans the record as it was asked for."""
    venv.create(tmp_path / "venv", with_pip=True)
    bin = tmp_path / "venv" / "bin"
    installed = subprocess.run([bin / "pip", "install", "-q", "octodns"], capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"octoDNS cannot be installed here: {installed.stderr[-200:]}")
    (tmp_path / "zones").mkdir()
    (tmp_path / "copy").mkdir()
    snippet = run("domains", ACME, "-C", acme, "--format", "octodns").stdout
    (tmp_path / "zones" / f"{ACME}.yaml").write_text(snippet)
    yaml_provider = {"class": "octodns.provider.yaml.YamlProvider"}
    config = {
        "providers": {name: {**yaml_provider, "directory": str(tmp_path / name)} for name in ("zones", "copy")},
        "zones": {f"{ACME}.": {"sources": ["zones"], "targets": ["copy"]}},
    }
    (tmp_path / "octodns.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run([bin / "octodns-sync", "--config-file", tmp_path / "octodns.yaml", "--doit"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    copied = yaml.safe_load((tmp_path / "copy" / f"{ACME}.yaml").read_text())
    assert copied["_orgform-challenge"]["value"] == listed(acme)[ACME]["record"]["value"]
