"""`orgform serve` on the command line: what it says, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from orgform.server import Store, listen, serve
from orgform.testing.server import running_server
from tests.cli.process import ORGFORM, PATIENCE, environment, run

LINE = re.compile(r"orgform serves (http://\S+)( \(company default, without tokens\))? on (.+)\n")


class Served:
    """`orgform serve ARGS`, until its first line."""

    def __init__(self, *args: str | Path, cwd: Path, **env: str) -> None:
        self.process = subprocess.Popen(
            [ORGFORM, "serve", *map(str, args)], cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.line = self.process.stdout.readline()
        found = LINE.fullmatch(self.line)
        assert found, (self.line, self.process.communicate())
        self.url, self.without_tokens, self.database = found.groups()

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and stderr. On stdout was nothing more."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        assert out == ""
        return self.process.returncode, err


def test_from_nothing_to_a_server(tmp_path: Path) -> None:
    served = Served("--port", "0", cwd=tmp_path)
    assert (served.without_tokens, served.database) == (None, "orgform.db")
    assert httpx.get(f"{served.url}/v1/members", trust_env=False).status_code == 401
    code, err = served.end()
    assert code == 0
    first = json.loads(err.splitlines()[0])
    assert first["event"] == "no-tokens"
    command = first["message"].partition("make one: ")[2]
    assert command == "orgform token create --database orgform.db --company default --scope write"
    token = run(*command.split()[1:], cwd=tmp_path).stdout.strip()

    again = Served("--port", "0", cwd=tmp_path)
    answer = httpx.get(f"{again.url}/v1/members", headers={"authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.status_code == 200
    code, err = again.end(signal.SIGINT)
    assert code == 0
    assert "no-tokens" not in err
    assert token.split("_", 2)[2] not in err


@pytest.mark.parametrize(
    ("given", "shown", "hint"),
    [
        ("postgresql://a@db/acme", "postgresql://a@db/acme", "make one: orgform token create --database postgresql://a@db/acme --"),
        (
            "postgresql://a:hunter22@db/acme",
            "postgresql://a:***@db/acme",
            "make one, with the server's URL in ORGFORM_DATABASE: orgform token create --",
        ),
        (
            "postgresql://a@/acme?host=/run/pg",
            "postgresql://a@/acme",
            "make one, with the server's URL in ORGFORM_DATABASE: orgform token create --",
        ),
    ],
)
def test_the_hint_names_no_database_that_is_not_there(given: str, shown: str, hint: str) -> None:
    """A URL without its password, or without the query that says where the server is, leads elsewhere."""
    store = Store(given)
    assert store.name == shown
    assert hint in serve._token_hint(serve.Settings(given), store)
    store.close()


def test_a_database_by_its_environment_is_not_named_in_the_hint(tmp_path: Path) -> None:
    served = Served("--port", "0", cwd=tmp_path, ORGFORM_DATABASE=str(tmp_path / "my own.db"))
    assert served.database.endswith("my own.db")
    code, err = served.end()
    assert (code, json.loads(err.splitlines()[0])["message"].endswith("orgform token create --company default --scope write")) == (0, True)


def test_without_tokens(tmp_path: Path) -> None:
    served = Served("--port", "0", "--without-tokens", "--database", "new/acme.db", "--invite", "--log-format", "text", cwd=tmp_path)
    assert served.without_tokens
    made = httpx.post(f"{served.url}/v1/members", json={"key": "a@acme.com"}, trust_env=False)
    assert made.json()["observed"]["status"] == "invited"
    code, err = served.end()
    assert code == 0
    assert "method=POST path=/v1/members" in err
    assert (tmp_path / "new" / "acme.db").exists()


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "[::1]"), ("[::1]", "[::1]"), ("localhost", "localhost"), ("::", "[::]"), ("0.0.0.0", "0.0.0.0")]
)
def test_hosts(tmp_path: Path, host: str, shown: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("no IPv6 here")
    served = Served("--port", "0", "--host", host, cwd=tmp_path)
    assert served.url.startswith(f"http://{shown}:")
    port = served.url.rpartition(":")[2]
    reached = "[::1]" if shown == "[::1]" else "127.0.0.1"
    assert httpx.get(f"http://{reached}:{port}/healthz", trust_env=False).status_code == 200
    assert served.end()[0] == 0


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("args", "code", "message", "hint"),
    [
        (["--without-tokens", "--host", "0.0.0.0"], 64, "anybody who reaches it could change everything", "orgform token create"),
        (["--without-tokens", "--host", "::"], 64, "anybody who reaches it could change everything", "127.0.0.1"),
        (["--host", "no-such-host.invalid"], 1, "there is no host 'no-such-host.invalid'", "--host takes an address"),
        (["--host", ""], 64, "--host", "orgform serve --help"),
        (["--database", " "], 64, "--database", "orgform serve --help"),
        (["--host", "x" * 300], 1, "there is no host", ""),
        (["--host", "192.0.2.1"], 1, "192.0.2.1 is no address of this machine", "0.0.0.0"),
        (["--port", "70000"], 64, "70000 is not in the range", "--help"),
        (["--port", "http"], 64, "'http' is not a valid integer", "--help"),
        (["--rate-limit", "0"], 64, "0 is not in the range", ""),
        (["--largest-body", "0"], 64, "0 is not in the range", ""),
        (["--grace", "-1"], 64, "-1.0 is not in the range", ""),
        (["--grace", "nan"], 64, "nan", ""),
        (["--log-format", "xml"], 64, "'xml' is not one of 'json', 'text'", ""),
        (["--resolver", "a:b:c"], 64, "a:b:c", ""),
        (["--database", "."], 1, ". is a folder, not a database", ""),
        (["--database", "text.txt"], 1, "text.txt is not a database", ""),
        (["--database", "mysql://root:hunter22@db/x"], 1, "a directory cannot be kept in mysql", ""),
        (["--database", "postgresql://me:hunter22@127.0.0.1:1/x"], 1, "127.0.0.1:1", ""),
        (["--database", "postgresql://me:hunter22@@:x/"], 1, "not the URL of a database", ""),
        (["here"], 64, "unexpected extra argument (here)", "orgform serve --help"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)  # fmt: skip
def test_what_cannot_be(tmp_path: Path, args: list[str], code: int, message: str, hint: str) -> None:
    (tmp_path / "text.txt").write_text("this is no database at all")
    given = ["--port", "0", *args] if "--port" not in args else args
    done = run("serve", *given, cwd=tmp_path, env={"COLUMNS": "500"})
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert hint in done.stderr
    assert "hunter22" not in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"], "what cannot be served is not made"


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with running_server(tmp_path / "one.db") as server:
        done = run("serve", "--port", str(server.port), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {server.port} of 127.0.0.1 is in use" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can become another user")
def test_a_port_for_root_only() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 2:
        pytest.skip("every port is for everybody here")
    os.seteuid(65534)
    try:
        with pytest.raises(listen.ListenError) as refused, listen.bound("127.0.0.1", 1, listen.addresses_of("127.0.0.1", 1)):
            pass
    finally:
        os.seteuid(0)
    assert refused.value.message == "this user may not listen on port 1 of 127.0.0.1"
    assert "--port" in refused.value.hint


def test_its_help_says_all() -> None:
    help = run("serve", "--help").stdout
    for option in (
        "--database",
        "--host",
        "--port",
        "--without-tokens",
        "--rate-limit",
        "--largest-body",
        "--invite",
        "--resolver",
        "--grace",
    ):
        assert option in help
    assert "ORGFORM_DATABASE" in help
