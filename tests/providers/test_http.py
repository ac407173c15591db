"""The HTTP session against a real server that does what servers do: throttle, fail, cut off, redirect, answer nonsense."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgform.codec import Struct
from orgform.errors import ProviderError
from orgform.providers import bounds
from orgform.providers.http import TRIES, HttpError, InProcessTransport, Session
from tests.providers.scripted import Script, Step, answer, reset, scripted, truncated

GOOD = answer(200, {"name": "good"})
BUSY = answer(503, {"detail": "busy"}, retry_after="0")


class Named(Struct):
    name: str


def get(script: Script, path: str = "/v1/things", **options: Any) -> Named:
    with closing(Session(script.url, max_wait=0.01, **options)) as session:
        value: Named = session.request("GET", path, idempotent=True, type=Named).value
        return value


def post(script: Script, *, idempotent: bool) -> Any:
    with closing(Session(script.url, max_wait=0.01)) as session:
        return session.request("POST", "/v1/things", json={"a": 1}, idempotent=idempotent).value


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What would have been slept."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    yield slept


@pytest.mark.parametrize(
    "failing",
    [answer(429), answer(502), BUSY, answer(504), reset, truncated, lambda c: None],
    ids=["429", "502", "503", "504", "reset", "truncated", "closed"],
)
def test_what_passes_is_tried_again(failing: Step) -> None:
    with scripted(failing, failing, GOOD) as script:
        assert get(script).name == "good"
        assert len(script.received) == 3
    with scripted(failing, GOOD) as script:
        assert post(script, idempotent=True) == {"name": "good"}
        assert [r.body for r in script.received] == [b'{"a":1}'] * 2


@pytest.mark.parametrize(
    ("failing", "maybe_done"),
    [(BUSY, False), (answer(502), True), (reset, True), (truncated, True)],
    ids=["503", "502", "reset", "truncated"],
)
def test_what_does_not_pass_is_given_up_after_six_tries(failing: Step, maybe_done: bool) -> None:
    with scripted(failing) as script:
        with pytest.raises(HttpError, match=rf"\({TRIES} tries\)") as caught:
            post(script, idempotent=True)
        assert len(script.received) == TRIES == 6
        assert caught.value.maybe_done is maybe_done


def test_a_cut_that_is_followed_by_refusals_may_still_have_been_done() -> None:
    with scripted(reset, BUSY) as script, pytest.raises(HttpError) as caught:
        post(script, idempotent=True)
    assert caught.value.status == 503
    assert caught.value.maybe_done


@pytest.mark.parametrize("failing", [reset, truncated, answer(502), answer(504)], ids=["reset", "truncated", "502", "504"])
def test_what_may_have_been_done_is_not_repeated_unless_that_is_safe(failing: Step) -> None:
    with scripted(failing, GOOD) as script:
        with pytest.raises(HttpError) as caught:
            post(script, idempotent=False)
        assert len(script.received) == 1
        assert caught.value.maybe_done


@pytest.mark.parametrize("failing", [answer(429), BUSY], ids=["429", "503"])
def test_what_was_surely_not_done_is_repeated(failing: Step) -> None:
    with scripted(failing, GOOD) as script:
        assert post(script, idempotent=False) == {"name": "good"}


def test_nobody_there_is_tried_again_and_was_not_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with closing(Session(f"http://127.0.0.1:{port}", max_wait=0)) as session:
        with pytest.raises(HttpError, match=rf"cannot connect to http://127.0.0.1:{port}: .* \(6 tries\)") as caught:
            session.request("POST", "/v1/x", idempotent=False)
        assert not caught.value.maybe_done


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 422, 500, 501])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    with scripted(answer(status, {"detail": "because", "code": "why"})) as script:
        with pytest.raises(HttpError) as caught:
            get(script)
        assert len(script.received) == 1
        assert (caught.value.status, caught.value.code) == (status, "why")
        assert caught.value.message == f"GET /v1/things: {status} Some Reason: because"
        assert caught.value.maybe_done is (status >= 500)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "no \\u001b[31m"}', ": no [31m"),
        (b'{"error": "nope"}', ": nope"),
        (b'{"error": {"deep": 1}, "title": "Bad"}', ": Bad"),
        (b'{"error": {"message": "inside"}}', ": inside"),
        (
            b'{"message": "see details", "details": [{"message": "no"}, {"message": "nor"}, {"message": "no"}, {"x": 1}, 7]}',
            ": no; nor; see details",
        ),
        (b'{"message": "bad: name taken", "details": [{"message": "name taken"}]}', ": bad: name taken"),
        (b'{"message": "bad", "details": {"name": "taken"}}', ": bad"),
        (b'{"details": [{"message": "only there"}]}', ": only there"),
        (b'{"_error": {"status": 400, "title": "Bad request", "message": "no such team"}}', ": no such team"),
        (b'{"_error": {"status": 400, "title": "Bad request"}}', ": Bad request"),
        (b'{"detail": 5}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
        (b"", ""),
    ],
)
def test_an_error_says_what_its_body_says(body: bytes, said: str) -> None:
    with scripted(answer(400, body)) as script, pytest.raises(HttpError) as caught:
        get(script)
    assert caught.value.message == "GET /v1/things: 400 Some Reason" + said


# Waiting


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("3", 3, 3),
        ("0", 0.25, 0.5),
        (lambda: formatdate(time.time() + 10, usegmt=True), 7, 10),
        (lambda: formatdate(time.time() - 10, usegmt=True), 0.25, 0.5),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 30, 30),
        ("Fri, 99 Foo 9999 23:59:59 GMT", 0.25, 0.5),
        ("99999999999999999999", 30, 30),
        ("-5", 0.25, 0.5),
        ("soon", 0.25, 0.5),
        ("٣", 0.25, 0.5),
        ("", 0.25, 0.5),
    ],
)
def test_retry_after_is_obeyed_and_capped(waits: list[float], retry_after: str | Callable[[], str], least: float, most: float) -> None:
    text = retry_after() if callable(retry_after) else retry_after
    with scripted(answer(429, retry_after=text), GOOD) as script, closing(Session(script.url)) as session:
        session.request("GET", "/v1/things", idempotent=True)
    assert len(waits) == 1
    assert least <= waits[0] <= most


def test_waits_grow_are_jittered_and_never_longer_than_asked(waits: list[float]) -> None:
    with scripted(reset) as script:
        for most in (30.0, 1.0):
            waits.clear()
            with closing(Session(script.url, max_wait=most)) as session, pytest.raises(HttpError):
                session.request("GET", "/v1/things", idempotent=True)
            assert len(waits) == TRIES - 1
            for attempt, wait in enumerate(waits):
                assert min(most, 0.25 * 2**attempt) <= wait <= min(most, 0.5 * 2**attempt)


# Where a request goes


def test_a_token_is_sent_to_its_origin_and_in_no_error() -> None:
    with scripted(answer(401, {"detail": "who?"})) as script:
        with pytest.raises(HttpError) as caught:
            get(script, token="geheim")
        assert script.received[0].headers["authorization"] == "Bearer geheim"
        assert "geheim" not in caught.value.message + caught.value.hint
        assert "token" in caught.value.hint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leads_to_another_origin(status: int) -> None:
    with scripted(GOOD) as other, scripted(answer(status, location=f"{other.url}/v1/things")) as script:
        with pytest.raises(HttpError, match=f"sent us on to {other.url}, which was not followed"):
            get(script, token="geheim")
        assert other.received == []
    with scripted(answer(status, location="//evil.example/x")) as script, pytest.raises(HttpError, match=r"http://evil\.example"):
        get(script)


def test_a_read_follows_redirects_on_its_own_origin_a_few_times() -> None:
    with scripted(answer(307, location="/v2/things?x=1"), answer(301, location="three"), GOOD) as script:
        assert get(script).name == "good"
        assert script.paths == ["/v1/things", "/v2/things?x=1", "/v2/three"]
    with scripted(answer(307, location="/again")) as script:
        with pytest.raises(HttpError, match="redirects in a circle"):
            get(script)
        assert len(script.received) == 3
    with scripted(answer(307, location="/other")) as script:
        with pytest.raises(HttpError, match="or redirects a write"):
            post(script, idempotent=True)
        assert len(script.received) == 1


def test_a_redirect_to_nowhere() -> None:
    with scripted(answer(302, location="http://x:port/")) as script, pytest.raises(HttpError, match="Invalid port"):
        get(script)


def test_paths_are_below_the_base_url() -> None:
    with scripted(GOOD) as script:
        with closing(Session(script.url + "/base/", max_wait=0)) as session:
            session.request("GET", "/v1/things", idempotent=True)
            session.request("GET", f"{script.url}/absolute", idempotent=True)
            with pytest.raises(HttpError, match="not followed"):
                session.request("GET", "https://other.example/", idempotent=True)
            with pytest.raises(HttpError, match="not followed"):
                session.request("GET", "//other.example/", idempotent=True)
        assert script.paths == ["/base/v1/things", "/absolute"]


# What comes back


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (answer(200, b"<html>login</html>", content_type="text/html"), "answered with text/html, not JSON"),
        (answer(200, b"{}", content_type=""), "answered with no content type, not JSON"),
        (answer(200, b"{"), "answered with something else than was due"),
        (answer(200, {"name": 5}), "Expected `str`, got `int` - at `$.name`"),
        (answer(200, b"[" * 100_000), "answered with something else"),
        (answer(200, b'{"name":"\xff"}'), "answered with something else"),
        (answer(200, b"not compressed", content_encoding="gzip"), "says that it is packed with gzip, and is not"),
    ],
)
def test_nonsense_is_an_error_and_not_repeated(step: Step, words: str) -> None:
    with scripted(step) as script:
        with pytest.raises(HttpError) as caught:
            get(script)
        assert words in caught.value.message
        assert len(script.received) == 1


def test_json_of_any_kind_is_json_and_nothing_is_nothing() -> None:
    scim = answer(200, {"name": "x"}, content_type="application/scim+json; charset=utf-8")
    with scripted(scim, answer(204)) as script, closing(Session(script.url)) as session:
        assert session.request("GET", "/a", idempotent=True, type=Named).value == Named("x")
        empty = session.request("DELETE", "/a", idempotent=True)
        assert (empty.status, empty.value, empty.headers["connection"]) == (204, None, "close")


def test_headers_are_the_sessions_and_the_requests() -> None:
    with scripted(GOOD) as script, closing(Session(script.url, user_agent="orgform/1", headers={"x-version": "2"})) as session:
        session.request("PATCH", "/a", json={}, headers={"content-type": "application/merge-patch+json"}, idempotent=True)
        session.request("GET", "/a", idempotent=True)
        first, second = (r.headers for r in script.received)
        assert (first["user-agent"], first["x-version"], first["content-type"]) == ("orgform/1", "2", "application/merge-patch+json")
        assert "content-type" not in second


class Linked(Struct):
    next: str | None = None


def test_pages_are_followed_and_never_in_a_circle() -> None:
    with scripted(answer(200, {"next": "/p?2"}), answer(200, {"next": "/p?3"}), answer(200, {})) as script:
        with closing(Session(script.url)) as session:
            assert len(list(session.pages("/p", type=Linked, following=lambda p: p.next))) == 3
        assert script.paths == ["/p", "/p?2", "/p?3"]
    for link, words in (
        ("/p?2", "GET /p: the pages go in a circle"),
        ("https://other.example/p", "not followed"),
        ("http://x:p/", "no URL"),
    ):
        with scripted(answer(200, {"next": link})) as script, closing(Session(script.url, token="x")) as session:
            pages = session.pages("/p", type=Linked, following=lambda p: p.next)
            with pytest.raises(HttpError, match=words):
                list(pages)


def test_a_session_serves_many_threads() -> None:
    with scripted(GOOD) as script, closing(Session(script.url)) as session:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: session.request("GET", f"/{n}", idempotent=True, type=Named).value.name, range(40)))
        assert answers == ["good"] * 40
        assert sorted(script.paths) == sorted(f"/{n}" for n in range(40))


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1", *files], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def test_only_authorities_that_are_trusted(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    import http.server
    import ssl
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(GOOD)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        with closing(Session(url, ca=certificate[0])) as session:
            assert session.request("GET", "/x", idempotent=True, type=Named).value == Named("good")
        with closing(Session(url, max_wait=0)) as session, pytest.raises(HttpError, match=r"cannot connect .*certificate") as caught:
            session.request("GET", "/x", idempotent=True)
        assert "tries" not in caught.value.message, "the next try would be refused alike"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    for name in ("missing.pem", "nonsense.pem"):
        (tmp_path / "nonsense.pem").write_text("nonsense")
        with pytest.raises(ProviderError, match=f"{name} as the target's `ca`"):
            Session("https://127.0.0.1", ca=tmp_path / name)


# In the process


def test_an_application_that_waits_is_not_run_without_an_event_loop() -> None:
    import asyncio

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)

    session = Session("http://local", transport=InProcessTransport(waiting))
    with closing(session), pytest.raises(RuntimeError, match="waits for something"):
        session.request("GET", "/", idempotent=True)


def test_an_application_in_the_process_sees_a_whole_request() -> None:
    seen: list[Any] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.extend([scope, await receive(), await receive()])
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"name":', "more_body": True})
        await send({"type": "http.response.body", "body": b'"x"}'})

    with closing(Session("http://local/base", transport=InProcessTransport(app))) as session:
        done = session.request("POST", "/a%20b?c=%20d", json=[1], idempotent=True, type=Named)
    assert (done.status, done.value) == (201, Named("x"))
    scope, first, second = seen
    assert (scope["method"], scope["path"], scope["raw_path"], scope["query_string"]) == ("POST", "/base/a b", b"/base/a%20b", b"c=%20d")
    assert (first["body"], first["more_body"], second["type"]) == (b"[1]", False, "http.disconnect")


def test_declarations_are_cheap_to_import() -> None:
    """What `validate` imports of the providers and the server is none of the libraries that they use."""
    code = (
        "import sys; from orgform.providers.orgform import local, remote; import orgform.server;"
        "heavy = {'httpx', 'sqlalchemy', 'starlette', 'jsonschema_rs', 'asyncio'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# On the wire


@pytest.mark.parametrize(("size", "packets"), [(10, 1), (100_000, None)])
def test_a_request_leaves_as_one_packet(size: int, packets: int | None) -> None:
    """Unless it is large: then it is watched piece by piece."""
    seen: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            while not b"".join(seen).endswith(b"x" * size + b'"}'):
                seen.append(connection.recv(1 << 20))
            connection.sendall(GOOD)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve, listening)
        with closing(Session(f"http://127.0.0.1:{listening.getsockname()[1]}")) as session:
            assert session.request("POST", "/v1/things", json={"a": "x" * size}, idempotent=True).value == {"name": "good"}
        served.result(60)
    assert packets is None or len(seen) == packets


def test_a_request_that_is_read_from_before_it_is_said_to_end_is_sent() -> None:
    """As a proxy's handshake does it."""
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"answer")
        stream = SimpleNamespace(read=lambda most, timeout: near.recv(most), write=lambda data, timeout: near.sendall(data))
        deadline = bounds.Deadline()
        deadline.start(60)
        deadline.trace("connection.connect_tcp.complete", {"return_value": stream})
        stream.write(b"hello", timeout=1)
        assert stream.read(100, timeout=1) == b"answer"
        assert far.recv(100) == b"hello"


def test_a_cookie_is_sent_back_to_who_set_it() -> None:
    """Gateways tell by it which of their servers has the session."""
    with scripted(answer(200, {"name": "a"}, set_cookie="server=7"), GOOD) as script, closing(Session(script.url)) as session:
        for _ in range(3):
            session.request("GET", "/v1/things", idempotent=True)
        assert [r.headers.get("cookie") for r in script.received] == [None, "server=7", "server=7"]


def test_headers_of_any_bytes_are_read() -> None:
    more = "\r\nx-who: J\xf6rg\r\nx-who: Ann\r\n\r\n".encode("latin-1")
    with scripted(GOOD.replace(b"\r\n\r\n", more, 1)) as script, closing(Session(script.url)) as session:
        headers = session.request("GET", "/v1/things", idempotent=True).headers
    assert headers["x-who"] == "J\xf6rg, Ann"
