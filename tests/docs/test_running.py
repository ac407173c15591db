"""What docs/server.md says of running a server: its options, what it shows of itself, and the files under examples/server."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
import yaml

from orgform.cli.commands.serve import command as serve_command
from orgform.testing.postgres import PostgresMissing, running_postgres
from orgform.testing.server import RunningServer, running_server
from tests.cli.process import PATIENCE
from tests.docs.page import PAGE, REPOSITORY, SHOWN, Shell, ask, blocks, executable, free_port, parts, source

SHOWS = blocks()
TEXT = PAGE.read_text(encoding="utf-8")
SERVER = REPOSITORY / "examples" / "server"
#: sections whose commands a test runs, here or in test_backup.py
RUN = {"A first try", "PostgreSQL", "Tokens", "Watching it", "Backup of SQLite", "Backup of PostgreSQL"}
#: these need root and systemd, or a container engine; the files that they use are checked apart
NOT_RUN = {"systemd", "Containers"}


def first_cells(heading: str) -> set[str]:
    """What stands in backticks in the first column of the tables below a heading."""
    section = re.split(r"(?m)^#+ ", TEXT.split(f"\n## {heading}\n")[1])[0]
    cells = [line.split("|")[1] for line in section.replace("\\|", "/").splitlines() if line.startswith("|")]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_command_of_the_page_is_known_here() -> None:
    assert set(SHOWS) == RUN | NOT_RUN


def test_every_option_is_told_and_none_that_is_not_there() -> None:
    told = {cell.split()[0] for cell in first_cells("Running it")} | {"--without-tokens"}
    assert "--without-tokens" in TEXT
    assert told == {name for p in serve_command.params if isinstance(p, click.Option) for name in p.opts if name.startswith("--")}


def test_the_commands_for_postgresql(tmp_path: Path) -> None:
    missing = {"createuser", "createdb"} - set(executable("createuser", "createdb"))
    if missing:
        pytest.skip(f"not here: {', '.join(missing)}")
    (block,) = SHOWS["PostgreSQL"]
    # The one who may make users is called orgform in the PostgreSQL of the tests.
    before, serve = (text.replace("orgform orgform", "acme acme").replace("createuser orgform", "createuser acme") for text in parts(block))
    serve = serve.replace("orgform@/orgform", "acme@/acme")
    try:
        with running_postgres() as server:
            shell = Shell(tmp_path / "here", PGHOST=str(server.folder), PGUSER="orgform")
            shell.run(before)
            with shell.serving(serve):
                assert ask(f"{shell.url}/readyz") == (200, {"status": "ready"})
    except PostgresMissing as e:
        pytest.skip(str(e))


def test_the_commands_for_tokens(tmp_path: Path) -> None:
    create, listed, revoke = SHOWS["Tokens"][0].strip().splitlines()
    shell = Shell(tmp_path / "here")
    with shell.serving("orgform serve"):
        token = shell.run(create).stdout.strip()
        assert ask(f"{shell.url}/v1/whoami", token)[1]["company"] == "acme"
        id = token.split("_")[1]
        assert id in shell.run(listed).stdout
        shell.run(re.sub(r"\bID\b", id, revoke))
        assert ask(f"{shell.url}/v1/whoami", token)[0] == 401


# What it shows of itself


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "acme.db", without_tokens=False) as server:
        yield server


def test_the_routes_that_need_no_token_are_these(server: RunningServer) -> None:
    routes = {cell for cell in first_cells("Watching it") if cell.startswith("/")}
    assert routes == {"/healthz", "/readyz", "/metrics", "/openapi.json"}
    for route in routes:
        assert ask(server.url + route)[0] == 200
    assert ask(f"{server.url}/v1/members")[0] == 401


def test_the_metrics_are_these(server: RunningServer) -> None:
    ask(f"{server.url}/v1/members", server.token("acme"))
    text = str(ask(f"{server.url}/metrics")[1])
    families = set(re.findall(r"(?m)^# TYPE (\w+) ", text))
    told = {cell for cell in first_cells("Watching it") if cell.startswith("orgform_")}
    assert {name for name in families if not name.startswith("process_") and not name.endswith("_created")} == told
    assert any(name.startswith("process_") for name in families)
    assert 'orgform_requests_total{method="GET",route="/v1/members",status="200"} 1.0' in text


def test_the_log_of_a_request_has_these_fields(server: RunningServer) -> None:
    token = server.token("acme")
    assert ask(f"{server.url}/v1/members?limit=7", token)[0] == 200
    server.stop()
    entries = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    (request,) = (e for e in entries if e["event"] == "request")
    assert set(request) <= first_cells("Watching it")
    assert {e["event"] for e in entries} == {"no-tokens", "request", "stopping", "stopped"}
    assert {e["event"] for e in entries} <= set(re.findall(r"`([a-z-]+)`", TEXT))
    assert request["token"] in token
    assert token not in server.log()
    assert "limit" not in server.log()


@pytest.mark.skipif(not executable("curl"), reason="curl is not here")
def test_asking_it_with_curl(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "here")
    with shell.serving("orgform serve"):
        said = shell.run(SHOWS["Watching it"][0]).stdout
    assert '{"status":"ready"}' in said
    assert "orgform_requests_total" in said


# systemd


@pytest.mark.skipif(not executable("systemd-analyze"), reason="systemd is not here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With the orgform of this environment, which need not be where a server has it."""
    orgform = Path(sys.executable).with_name("orgform")
    unit = tmp_path / "orgform.service"
    unit.write_text((SERVER / unit.name).read_text().replace("/opt/orgform/bin/orgform", str(orgform)))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=PATIENCE)
    said = [line for line in done.stderr.splitlines() if "orgform" in line]
    assert said == []


def test_the_unit_gives_a_stop_more_time_than_the_server_takes() -> None:
    unit = (SERVER / "orgform.service").read_text()
    grace = int(re.findall(r"ExecStart=.*--grace (\d+)", unit)[0])
    assert int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) > grace
    compose = (SERVER / "compose.yaml").read_text()
    assert int(re.findall(r"stop_grace_period: (\d+)s", compose)[0]) > 30
    assert int(re.findall(r"--stop-timeout (\d+)", SHOWS["Containers"][0])[0]) > 30


# Containers: there is no engine here to build them


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", (SERVER / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_container_file_copies_what_is_there_and_runs_as_nobody_in_particular() -> None:
    found = instructions()
    for rest in (rest for word, rest in found if word == "COPY" and not rest.startswith("--from")):
        *sources, _ = rest.split()
        assert [s for s in sources if not (REPOSITORY / s).exists()] == []
    names = [word for word, _ in found]
    assert names[0] == "FROM"
    assert dict(found)["USER"] == "10001"
    assert names.index("USER") < names.index("ENTRYPOINT")
    start = [*json.loads(dict(found)["ENTRYPOINT"]), *json.loads(dict(found)["CMD"])]
    assert start[:2] == ["orgform", "serve"]
    assert "--without-tokens" not in start


def test_the_compose_file_builds_that_file_and_names_the_database_it_starts() -> None:
    services = yaml.safe_load((SERVER / "compose.yaml").read_text())["services"]
    build = services["orgform"]["build"]
    assert (SERVER / build["context"] / build["dockerfile"]).samefile(SERVER / "Containerfile")
    assert "@database/" in services["orgform"]["environment"]["ORGFORM_DATABASE"]
    assert set(services["orgform"]["depends_on"]) == {"database"} <= set(services)


def test_the_container_s_own_check_tells_a_server_that_serves_from_none(tmp_path: Path) -> None:
    """Its command, asked here."""
    check = json.loads(dict(instructions())["HEALTHCHECK"].partition("CMD ")[2])
    assert check[0] == "python"

    def healthy(url: str) -> bool:
        words = [sys.executable, *(word.replace(SHOWN, url) for word in check[1:])]
        assert url in " ".join(words)
        return subprocess.run(words, capture_output=True, timeout=PATIENCE).returncode == 0

    with running_server(tmp_path / "acme.db") as server:
        assert healthy(server.url)
    assert not healthy(server.url)


@pytest.mark.skipif(not executable("hadolint"), reason="hadolint is not here")
def test_a_linter_has_nothing_to_say_of_the_container_file() -> None:
    words = [executable("hadolint")["hadolint"], str(SERVER / "Containerfile")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, "")


# Proxies


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[int]:
    """The example's file in a real nginx, with the ports and the certificate of this test."""
    port = free_port()
    text = (SERVER / "nginx.conf").read_text()
    for shown, ours in (("127.0.0.1:8080", f"127.0.0.1:{upstream}"), ("listen 443", f"listen 127.0.0.1:{port}")):
        assert shown in text
        text = text.replace(shown, ours)
    text = text.replace("/etc/ssl/orgform", str(folder))
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}} http {{ access_log off; {temporary}\n{text}}}"
    (folder / "main.conf").write_text(main)
    words = [executable("nginx")["nginx"], "-e", f"{folder}/errors", "-p", str(folder), "-c", f"{folder}/main.conf"]
    subprocess.run([*words, "-t"], check=True, capture_output=True, timeout=PATIENCE)
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.skipif(not executable("nginx") or not executable("openssl"), reason="nginx or openssl is not here")
def test_a_company_is_applied_through_nginx_and_tls(tmp_path: Path, server: RunningServer) -> None:
    certificate = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([executable("openssl")["openssl"], *certificate, *files], check=True, capture_output=True, timeout=PATIENCE)
    shell = Shell(tmp_path / "company", ORGFORM_TOKEN=server.token("acme"))
    with nginx(tmp_path, server.port) as port:
        url = f"https://localhost:{port}"
        config = (SERVER / "company" / "company.yaml").read_text()
        target = 'url: "http://127.0.0.1:{{ port }}"'
        assert target in config
        (shell.folder / "company.yaml").write_text(config.replace(target, f'url: "{url}", ca: cert.pem'))
        shutil.copy(tmp_path / "cert.pem", shell.folder)
        for _ in range(2):  # the second one finds nothing to do, by the same ETags
            shell.run("orgform apply --yes", ORGFORM_ALLOW_TARGETS=f"acme={url}")
        assert "No changes" in shell.run("orgform plan", ORGFORM_ALLOW_TARGETS=f"acme={url}").stdout
    assert (tmp_path / "errors").read_text() == ""


@pytest.mark.skipif(not executable("caddy"), reason="Caddy is not here")
def test_a_company_is_applied_through_caddy(tmp_path: Path, server: RunningServer) -> None:
    """Without TLS: a certificate can be had on the name's own machine only."""
    text = (SERVER / "Caddyfile").read_text()
    port = free_port()
    for shown, ours in (("api.acme.example {", f"http://127.0.0.1:{port} {{"), ("127.0.0.1:8080", f"127.0.0.1:{server.port}")):
        assert shown in text
        text = text.replace(shown, ours)
    (tmp_path / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
    shell = Shell(source(tmp_path / "source"), ORGFORM_TOKEN=server.token("acme"))
    shell.url = f"http://127.0.0.1:{port}"
    words = [executable("caddy")["caddy"], "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with (tmp_path / "caddy.log").open("wb") as log:
        process = subprocess.Popen(words, stderr=log, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    try:
        wait_for(port, process)
        apply = "orgform apply -C examples/server/company --allow-target acme=http://127.0.0.1:8080 --yes"
        assert "9 created" in shell.run(apply).stdout
        assert "No changes" in shell.run(apply).stdout
        assert ask(f"{shell.url}/metrics")[0] == 403
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
