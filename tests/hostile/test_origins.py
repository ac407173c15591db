"""Tokens go to the target's own origin: whatever a live system says, no other server ever sees a request, let alone a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orgform.codec import Struct
from orgform.providers.base import ProviderSpec
from orgform.providers.http import HttpError, Session
from tests.cli.process import run
from tests.providers.scripted import Script, answer, scripted

TOKEN = "geheim-4711"
GOOD = answer(200, {"name": "good"})
# {own} and {other}: host and port.
LEADS_AWAY = {
    "another server": "http://{other}/v1/things",
    "without a scheme": "//{other}/v1/things",
    "ours as the user": "http://{own}@{other}/v1/things",
    "ours as user and password": "http://127.0.0.1:80@{other}/",
    "a backslash": "http://{own}\\@{other}/",
    "ours behind a hash": "http://{other}#@{own}/",
    "ours behind a question": "http://{other}?@{own}/",
    "ours in the path": "http://{other}/http://{own}/",
    "a tab in it": "ht\ttp://{other}/",
    "a tab in front": "\t//{other}/",
    "in capitals": "HTTP://{other}/",
    "an escaped at": "http://{own}%40{other}/",
    "by TLS": "https://{own}/",
    "another port": "http://127.0.0.1:1/",
    "no port": "http://127.0.0.1/",
    "another name of this machine": "http://localhost:{port}/",
    "as one number": "http://2130706433:{port}/",
    "as an IPv6 address": "http://[::ffff:127.0.0.1]:{port}/",
    "a host below": "http://evil.{own}/",
    "a dot behind the host": "http://127.0.0.1.:{port}/",
    "a file": "file:///etc/passwd",
    "a script": "javascript:alert(1)",
    "no host": "http:///v1/things",
    "a host that is no name": "http://ä\u2024\u3002x/",
    "a user of our own": "http://x:y@{own}/v1/things",
    "a user alone": "//x@{own}/v1/things",
}


# What some readers of URLs take for another server, and ours for a path: it is asked for where the token belongs.
A_PATH = ["\\\\{other}/", "/\\{other}/", "http:\\\\{other}\\x", "http://:80/", "http:/{other}/", "x:@{other}/"]


class Named(Struct):
    name: str = ""
    next: str | None = None


@pytest.fixture
def other() -> Iterator[Script]:
    with scripted(GOOD) as other:
        yield other


def written(link: str, own: Script, other: Script) -> str:
    place = urlsplit(own.url)
    return link.format(own=place.netloc, port=place.port, other=urlsplit(other.url).netloc)


def asked(session: Session, method: str = "GET", path: str = "/v1/things") -> Named:
    value: Named = session.request(method, path, idempotent=True, type=Named).value
    return value


@pytest.mark.parametrize("link", LEADS_AWAY.values(), ids=LEADS_AWAY)
def test_no_link_leads_a_token_away(other: Script, link: str) -> None:
    """As the next page, and as a redirect of a read and of a write. Our own server is asked for the first page, and for nothing else."""
    with scripted(GOOD) as own:
        text = written(link, own, other)
        own.steps[:] = [answer(200, {"next": text})]
        with closing(Session(own.url, token=TOKEN, max_wait=0)) as session, pytest.raises(HttpError) as refused:
            list(session.pages("/v1/things", type=Named, following=lambda page: page.next))
        assert TOKEN not in refused.value.message
        # A header is bytes; what is not ASCII goes as UTF-8.
        own.steps[:] = [answer(307, location=text)]
        for method in ("GET", "POST"):
            with closing(Session(own.url, token=TOKEN, max_wait=0)) as session, pytest.raises(HttpError):
                asked(session, method)
        assert {r.headers["authorization"] for r in own.received} == {f"Bearer {TOKEN}"}
        assert set(own.paths) == {"/v1/things"}
    assert other.received == []


@pytest.mark.parametrize("link", A_PATH)
def test_what_is_no_other_server_is_a_path_of_ours(other: Script, link: str) -> None:
    with scripted(GOOD) as own:
        for step in (answer(200, {"next": written(link, own, other)}), answer(307, location=written(link, own, other))):
            own.steps[:] = [step]
            with closing(Session(own.url, token=TOKEN, max_wait=0)) as session, pytest.raises(HttpError):
                list(session.pages("/v1/things", type=Named, following=lambda page: page.next))
    assert other.received == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_no_redirect_is_followed_to_another_server(other: Script, status: int, method: str) -> None:
    with scripted(answer(status, location=f"{other.url}/v1/things")) as own:
        with closing(Session(own.url, token=TOKEN, max_wait=0)) as session, pytest.raises(HttpError):
            asked(session, method)
        assert len(own.received) == 1
    assert other.received == []


@pytest.mark.parametrize("link", ["http://LOCALHOST:{port}/two", "HTTP://localhost:{port}/two", "//localhost:{port}/two", "/two", "two"])
def test_another_spelling_of_the_same_origin_is_the_same(link: str) -> None:
    with scripted(GOOD) as own:
        port = urlsplit(own.url).port
        own.steps[:] = [answer(302, location=link.format(port=port)), GOOD]
        with closing(Session(f"http://localhost:{port}", token=TOKEN)) as session:
            assert asked(session, path="/one").name == "good"
        assert own.paths == ["/one", "/two"]


def test_a_redirect_that_leads_on_leads_away_later(other: Script) -> None:
    """Each step is looked at, not the first alone."""
    with scripted(answer(302, location="/two"), answer(302, location=f"{other.url}/three")) as own:
        with closing(Session(own.url, token=TOKEN)) as session, pytest.raises(HttpError, match="was not followed"):
            asked(session)
        assert own.paths == ["/v1/things", "/two"]
    assert other.received == []


# Hosts that a provider's code names. All of them are played by a proxy, which sees whom each request is for.

HOSTS = ("api2.acme.example", "*.pages.acme.example")
NAMED = ["api2.acme.example", "API2.acme.Example", "x.pages.acme.example", "a.b.pages.acme.example", "acme.example"]
NOT_NAMED = [
    "http://pages.acme.example/two",
    "http://evilpages.acme.example/two",
    "http://x.pages.acme.example.evil.example/two",
    "http://api2.acme.example.evil.example/two",
    "http://api2.acme.example@evil.example/two",
    "http://x:y@api2.acme.example/two",
    "http://evil.example/api2.acme.example",
    "http://api3.acme.example/two",
    "http://api2.acme.example:81/two",
    "https://api2.acme.example/two",
    "http://xn--api2-.acme.example/two",
    "http://api2.acme.example./two",
]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    with scripted(GOOD) as proxy:
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        yield proxy


@pytest.mark.parametrize("host", NAMED)
def test_a_provider_may_name_hosts_that_links_lead_to(world: Script, host: str) -> None:
    world.steps[:] = [answer(302, location=f"http://{host}/two"), answer(200, {"next": f"http://{host}/three"}), GOOD]
    with closing(Session("http://acme.example", token=TOKEN, hosts=HOSTS)) as session:
        pages = list(session.pages("/one", type=Named, following=lambda page: page.next))
    assert len(pages) == 2
    assert world.paths == ["http://acme.example/one", f"http://{host.lower()}/two", f"http://{host.lower()}/three"]
    assert {r.headers["authorization"] for r in world.received} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("link", NOT_NAMED)
def test_and_no_other(world: Script, link: str) -> None:
    world.steps[:] = [answer(302, location=link)]
    with closing(Session("http://acme.example", token=TOKEN, hosts=HOSTS)) as session, pytest.raises(HttpError):
        asked(session)
    assert world.paths == ["http://acme.example/v1/things"]


@pytest.mark.parametrize(
    "host", ["*", "*.", "*.com", "", "https://a.example", "a.example:81", "a.*.example", "a@b.example", "**.a.example"]
)
def test_a_host_that_is_none_is_a_mistake_of_the_provider(host: str) -> None:
    with pytest.raises(ValueError, match="is no host to send a token to"):
        Session("http://acme.example", hosts=[host])


def test_no_config_names_hosts() -> None:
    """It is the provider's declaration: what comes with the code, not with the config."""
    assert "hosts" in ProviderSpec.__struct_fields__
    providers = json.loads(run("schema").stdout)
    assert '"hosts"' not in json.dumps(providers)


# What the environment says


def test_a_proxy_is_who_runs_orgforms_choice(world: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Session("http://acme.example", token=TOKEN)) as session:
        assert asked(session).name == "good"
    assert world.paths == ["http://acme.example/v1/things"]
    with scripted(GOOD) as direct:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with closing(Session(direct.url, token=TOKEN)) as session:
            assert asked(session).name == "good"
        assert direct.paths == ["/v1/things"]
    assert len(world.received) == 1


def test_what_a_proxy_is_paid_with_is_not_sent_to_the_target_nor_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(answer(407)) as proxy:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.replace("//", "//user:paid-4711@"))
        with closing(Session("https://acme.example", token=TOKEN, max_wait=0)) as session, pytest.raises(HttpError) as caught:
            asked(session)
        first = proxy.received[0]
        assert (first.method, first.path) == ("CONNECT", "acme.example:443")
        assert first.headers["proxy-authorization"].startswith("Basic ")
        assert "authorization" not in first.headers, "by TLS a proxy sees no token"
    assert "paid" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("token", [TOKEN, None])
def test_a_netrc_adds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login eve password found\ndefault login eve password found\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(GOOD) as own:
        with closing(Session(own.url, token=token)) as session:
            asked(session)
        assert own.received[0].headers.get("authorization") == (f"Bearer {token}" if token else None)
