"""Nobody there: what is told of names, ports, TLS, proxies, authorities and tokens that lead nowhere."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orgform.errors import ProviderError, ReadFailed
from orgform.providers.http import HttpError, Session
from orgform.providers.unreached import proxy_for
from tests.providers.scripted import answer, scripted

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets variables of the environment; none of the machine's own is left."""
    for name in (*VARIABLES, *map(str.lower, VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)

    def set_(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return int(unused.getsockname()[1])


@contextmanager
def talks_no_tls() -> Iterator[int]:
    class Plain(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def failed(url: str) -> HttpError:
    with closing(Session(url, max_wait=0)) as session, pytest.raises(HttpError) as caught:
        session.request("GET", "/v1/things", idempotent=False)
    assert not caught.value.maybe_done
    return caught.value


def test_a_port_that_is_closed() -> None:
    error = failed(f"http://127.0.0.1:{closed_port()}")
    assert "Connection refused (6 tries)" in error.message
    assert "see that the target's `url` is right, that the system runs" in error.hint


def test_a_name_that_is_none() -> None:
    assert "can look up names" in failed("http://nowhere.invalid").hint


def test_tls_where_there_is_none_is_not_tried_again() -> None:
    with talks_no_tls() as port:
        error = failed(f"https://127.0.0.1:{port}")
    assert "what answers there speaks no TLS" in error.message
    assert "tries" not in error.message
    assert "is it http, not https?" in error.hint


def test_a_proxy_is_named_without_its_password(named: Callable[..., None]) -> None:
    port = closed_port()
    named(HTTP_PROXY=f"http://user:hush-hush@127.0.0.1:{port}")
    error = failed("http://acme.example")
    assert f"the proxy http://127.0.0.1:{port} did not lead there" in error.message
    assert "hush" not in error.message + error.hint
    assert "NO_PROXY" in error.hint


def test_a_proxy_that_refuses_to_lead_on(named: Callable[..., None]) -> None:
    with scripted(answer(407)) as proxy:
        named(HTTPS_PROXY=proxy.url)
        error = failed("https://acme.example")
    assert f"the proxy {proxy.url} did not lead there: 407" in error.message


@pytest.mark.parametrize(
    ("proxy", "told", "way_out"),
    [
        (
            "socks5://user:hush-hush@127.0.0.1:9",
            "socks5://127.0.0.1:9 that the environment names: SOCKS needs another package",
            "httpx[socks]",
        ),
        ("ftp://user:hush-hush@127.0.0.1:9", "ftp://127.0.0.1:9 that the environment names", "http://HOST:PORT"),
    ],
)
def test_a_proxy_of_a_kind_that_cannot_be_used(named: Callable[..., None], proxy: str, told: str, way_out: str) -> None:
    named(ALL_PROXY=proxy)
    error = failed("https://acme.example")
    assert told in error.message
    assert way_out in error.hint
    assert "hush" not in error.message + error.hint


def test_which_proxy_it_would_be(named: Callable[..., None]) -> None:
    assert proxy_for("https://acme.example") == ""
    named(ALL_PROXY="127.0.0.1:3128", HTTP_PROXY="http://inner:8080", NO_PROXY="acme.example")
    assert proxy_for("https://beta.example/v1") == "http://127.0.0.1:3128"
    assert proxy_for("http://beta.example") == "http://inner:8080"
    assert proxy_for("https://acme.example/v1") == ""


@pytest.mark.parametrize("text", [None, "orgform: 1"])
def test_authorities_of_the_environment_that_are_none(named: Callable[..., None], tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    named(SSL_CERT_FILE=str(file))
    with pytest.raises(ProviderError, match="SSL_CERT_FILE or SSL_CERT_DIR") as caught:
        Session("https://acme.example")
    assert "unset it" in caught.value.hint


@pytest.mark.parametrize("token", ["hush\nhush", "hush\x00", "hüsh", "hush\r\nX-Other: 1"])
def test_a_token_that_cannot_be_sent_is_told_before_anything_is_asked(token: str) -> None:
    with pytest.raises(ReadFailed, match="`authorization` has a line end") as caught:
        Session("http://acme.example", token=token)
    assert token not in caught.value.message + caught.value.hint
    with pytest.raises(ReadFailed, match="`x-api-key`"):
        Session("http://acme.example", headers={"x-api-key": token})
