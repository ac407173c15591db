"""TLS is verified, whatever the config and the environment say; who is refused is told why and what to do."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orgform.providers.http import HttpError, Session
from tests.cli.process import run
from tests.hostile.authority import Authority
from tests.providers.scripted import answer, scripted

TOKEN = "geheim-4711"
GOOD = answer(200, {"name": "good"})
NAMES = "IP:127.0.0.1,DNS:localhost"
# What other programs take for an order not to look, and a file of nobody.
LOOK_AWAY = {
    "PYTHONHTTPSVERIFY": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "GIT_SSL_NO_VERIFY": "1",
    "ORGFORM_INSECURE": "1",
    "ORGFORM_TLS_VERIFY": "0",
    "SSL_VERIFY": "0",
    "HTTPX_VERIFY": "0",
    "SSL_CERT_FILE": "",
    "SSL_CERT_DIR": "",
}
CONFIG = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets: {acme: {provider: orgform, url: "%s", token: "env:T"%s}}
domains: {acme.com: {}}
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "stranger")


@pytest.fixture(scope="module")
def contexts(authority: Authority, stranger: Authority) -> dict[str, ssl.SSLContext]:
    return {
        "good": authority.signed(NAMES),
        "own": authority.self_signed(),
        "stranger": stranger.signed(NAMES),
        "name": authority.signed("DNS:other.example"),
        "address": authority.signed("IP:127.0.0.9"),
        "expired": authority.signed(NAMES, begin="20200101000000Z", end="20200201000000Z"),
        "early": authority.signed(NAMES, begin="20480101000000Z", end="20490101000000Z"),
    }


def asked(url: str, ca: Path | None) -> object:
    with closing(Session(url, token=TOKEN, ca=ca, max_wait=0)) as session:
        return session.request("GET", "/v1/things", idempotent=True).value


REFUSED = [
    ("own", "its certificate is signed by itself only", "as the target's `ca`"),
    ("stranger", "its certificate is signed by an authority that is not trusted here", "as the target's `ca`"),
    ("name", "its certificate is for another name", "`url`"),
    ("address", "its certificate is for another name", "`url`"),
    ("expired", "its certificate has expired", "renewed"),
    ("early", "its certificate is not valid yet", "clock"),
]


@pytest.mark.parametrize(("which", "why", "way_out"), REFUSED, ids=[r[0] for r in REFUSED])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_not_as_it_should_be_is_refused(
    authority: Authority, contexts: dict[str, ssl.SSLContext], which: str, why: str, way_out: str, host: str
) -> None:
    with scripted(GOOD, tls=contexts[which]) as server:
        url = server.url.replace("127.0.0.1", host)
        with pytest.raises(HttpError) as refused:
            asked(url, authority.file)
        assert server.received == []
    assert f"cannot connect to {url}: {why}" in refused.value.message
    assert way_out in refused.value.hint
    assert not refused.value.maybe_done
    assert "tries" not in refused.value.message


def test_ca_is_who_is_trusted_and_nobody_else(
    authority: Authority, stranger: Authority, contexts: dict[str, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(GOOD, tls=contexts["good"]) as server:
        assert asked(server.url, authority.file) == {"name": "good"}
        with pytest.raises(HttpError, match="not trusted here"):
            asked(server.url, None)
        with pytest.raises(HttpError, match="not trusted here"):
            asked(server.url, stranger.file)
        # Where the target names nobody, who runs orgform may, as everywhere else.
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert asked(server.url, None) == {"name": "good"}
        with pytest.raises(HttpError, match="not trusted here"):
            asked(server.url, stranger.file)


def test_nothing_in_the_environment_makes_it_look_away(
    authority: Authority, contexts: dict[str, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LOOK_AWAY.items():
        monkeypatch.setenv(name, value)
    for which in ("own", "expired", "name"):
        with scripted(GOOD, tls=contexts[which]) as server:
            with pytest.raises(HttpError, match="its certificate"):
                asked(server.url, authority.file)
            assert server.received == []


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_from_tls_to_none_is_not_followed(authority: Authority, contexts: dict[str, ssl.SSLContext], status: int) -> None:
    with scripted(GOOD) as plain, scripted(GOOD, tls=contexts["good"]) as server:
        for location in (f"{plain.url}/v1/things", server.url.replace("https", "http")):
            server.steps[:] = [answer(status, location=location)]
            session = Session(server.url, token=TOKEN, ca=authority.file, hosts=["127.0.0.1", "localhost"])
            with closing(session), pytest.raises(HttpError, match="was not followed"):
                session.request("GET", "/v1/things", idempotent=True)
        assert plain.received == []


# The same on the command line


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "config").mkdir()
    yield tmp_path / "config"


@pytest.mark.parametrize("which", ["own", "expired"])
def test_a_plan_ends_with_a_sentence(folder: Path, authority: Authority, contexts: dict[str, ssl.SSLContext], which: str) -> None:
    (folder / "ca.pem").write_bytes(authority.file.read_bytes())
    with scripted(GOOD, tls=contexts[which]) as server:
        (folder / "company.yaml").write_text(CONFIG % (server.url, ", ca: ca.pem"))
        env = {"T": TOKEN, "ORGFORM_ALLOW_TARGETS": f"acme={server.url}", **LOOK_AWAY}
        done = run("plan", cwd=folder, env=env)
        assert server.received == []
    assert done.returncode in (1, 4)
    assert "its certificate" in done.stderr
    assert "Traceback" not in done.stderr
    assert ("`ca`" if which == "own" else "renewed") in done.stderr


OPTIONS = ["verify: false", "insecure: true", "ca: false", 'ca: ""', "ca: null", "tls: none", "hosts: [evil.example]"]


def test_no_option_switches_it_off(folder: Path) -> None:
    targets = [f'  acme{n}: {{provider: orgform, url: "https://127.0.0.1:1", {option}}}' for n, option in enumerate(OPTIONS)]
    lines = CONFIG.splitlines()
    lines[2:3] = ["targets:", *targets]
    (folder / "company.yaml").write_text("\n".join(lines))
    done = run("validate", cwd=folder)
    assert done.returncode == 3
    for n, option in enumerate(OPTIONS):
        assert re.search(rf"company.yaml:{n + 4}:.*", done.stdout + done.stderr), (option, done.stdout + done.stderr)


def test_an_empty_ca_trusts_nobody(folder: Path) -> None:
    (folder / "ca.pem").touch()
    (folder / "company.yaml").write_text(CONFIG % ("https://127.0.0.1:1", ", ca: ca.pem"))
    done = run("plan", cwd=folder, env={"T": TOKEN, "ORGFORM_ALLOW_TARGETS": "acme=https://127.0.0.1:1"})
    assert done.returncode == 1
    assert "as the target's `ca`" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_in_the_source_asks_for_less() -> None:
    """`verify=False` stands where there is no TLS at all, and nowhere else."""
    import orgform

    root = Path(orgform.__file__).parent
    words = ("CERT_NONE", "check_hostname = False", "_create_unverified_context", "verify=False", "verify = False")
    found = {f"{os.path.relpath(path, root)}: {word}" for path in root.rglob("*.py") for word in words if word in path.read_text()}
    assert found == set()
