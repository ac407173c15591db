"""HTTP as it comes from the other end: nonsense, too much, too slow, or only half of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from orgform.testing.server import RunningServer, running_server
from tests.server.serving import CHUNKED, GET, PATIENCE, POST, all_of, answer_of, client_of, connected, events, held, metric, told, until

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("served") / "acme.db", options=["--largest-body", "1"]) as server:
        yield server
        assert server.stop() == 0
    assert "Traceback" not in server.log()
    assert not [e for e in events(server) if e["event"] in ("error", "warning")]


# What is no decent request

WIRE = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "words": (b"hello there\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404),
    "HTTP/9": (b"GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n", 200),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two hosts": (GET + b"host: y\r\n\r\n", 400),
    "a host that is none": (b"GET /v1/nothing HTTP/1.1\r\nhost: [::1\r\n\r\n", 404),
    "a host that is none, and no route": (b"GET /nothing HTTP/1.1\r\nhost: [::1\r\n\r\n", 404),
    "a header without a colon": (GET + b"nonsense\r\n\r\n", 400),
    "a header with a NUL": (GET + b"x: a\0b\r\n\r\n", 400),
    "a header that is not ASCII": (GET + b"user-agent: \xff\xfe\xc3\xa4\r\n\r\n", 200),
    "a folded header": (GET + b"x: a\r\n b\r\n\r\n", 200),
    "a thousand headers": (GET + b"".join(b"x-%d: y\r\n" % n for n in range(1000)) + b"\r\n", 200),
    "a head without an end": (GET + b"x: " + b"y" * MEGABYTE, 431),
    "a path without an end": (b"GET /v1/" + b"y" * MEGABYTE, 431),
    "a long path": (b"GET /v1/workspaces/" + b"y" * 20_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "a path with a NUL": (b"GET /v1/tags/ws/a%00b HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "a path with a line break": (b"GET /v1/workspaces/a%0d%0ab HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "a path that is not UTF-8": (b"GET /v1/workspaces/%ff%fe HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "a whole URL": (b"GET http://x/healthz HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "a tunnel": (b"CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n", 404),
    "of the whole server": (b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", 404),
    "a websocket": (GET + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AAAA\r\n\r\n", 200),
    "HTTP/2 by upgrade": (GET + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAAA\r\n\r\n", 200),
    "a length that is none": (b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
    "two lengths": (b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}", 400),
    "a body cut off": (b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{}", None),
    "a chunk that is none": (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", 400),
    "another coding": (CHUNKED.replace(b"chunked", b"gzip") + b"x", 400),
    "an expectation": (GET + b"expect: 100-continue\r\ncontent-length: 0\r\n\r\n", 200),
    "an idempotency key of junk": (b"DELETE /v1/members/a@acme.com HTTP/1.1\r\nhost: x\r\nidempotency-key: \xff\xc3\r\n\r\n", (400, 404)),
    "an etag of junk": (b"GET /v1/members/a@acme.com HTTP/1.1\r\nhost: x\r\nif-none-match: \xff\"\r\n\r\n", 404),
}  # fmt: skip


@pytest.mark.parametrize("name", WIRE)
def test_whatever_comes_is_no_fault_of_the_server(served: RunningServer, name: str) -> None:
    data, expected = WIRE[name]
    answer = told(served, data)
    if expected is not None:
        status = int(answer.split(None, 2)[1])
        assert status == expected or status in (expected if isinstance(expected, tuple) else ()), answer
        head, _, body = answer.partition(b"\r\n\r\n")
        assert status < 400 or (b"application/problem+json" in head.lower() and b'"code":' in body)
    assert httpx.get(f"{served.url}/healthz", trust_env=False).status_code == 200


def test_requests_that_come_together_are_answered_in_their_order(served: RunningServer) -> None:
    answer = told(served, b"".join(b"GET /v1/members/%d HTTP/1.1\r\nhost: x\r\nx-request-id: r%d\r\n\r\n" % (n, n) for n in range(50)))
    ids = [line.split()[1] for line in answer.splitlines() if line.startswith(b"x-request-id")]
    assert ids == [b"r%d" % n for n in range(50)]


def test_nonsense_behind_a_request_does_not_spoil_its_answer(served: RunningServer) -> None:
    answer = told(served, GET + b"\r\nGARBAGE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 400" in answer


def test_nonsense_in_the_middle_of_a_body_ends_the_request(served: RunningServer) -> None:
    with connected(served) as one:
        one.sendall(CHUNKED + b'8\r\n{"key":"\r\n')
        one.sendall(b"zz\r\n")
        assert all_of(one).startswith(b"HTTP/1.1 400")
    assert httpx.get(f"{served.url}/healthz", trust_env=False).status_code == 200


# Bodies


@pytest.mark.parametrize("head", [b"", b"connection: close\r\n"], ids=["kept", "closed"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_whoever_is_still_sending_too_much_gets_to_read_why(served: RunningServer, head: bytes, chunked: bool) -> None:
    """16 MB do not fit into the buffers on the way: without a reader the client could never come to its end."""
    size = 16 * MEGABYTE
    start = b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" + head
    with connected(served) as one:
        if chunked:
            one.sendall(start + b"transfer-encoding: chunked\r\n\r\n")
            for _ in range(size // MEGABYTE):
                one.sendall(b"100000\r\n" + b" " * MEGABYTE + b"\r\n")
            one.sendall(b"0\r\n\r\n")
        else:
            one.sendall(start + b"content-length: %d\r\n\r\n" % size)
            one.sendall(b" " * size)
        status, body = answer_of(one)
        assert status == 413
        assert b"body-too-large" in body
        if not head:
            one.sendall(GET + b"\r\n")
            assert answer_of(one)[0] == 200, "the connection is as good as new"


@pytest.mark.parametrize("size", [MEGABYTE + 1, 10**20 - 1])
@pytest.mark.parametrize("expect", [b"", b"expect: 100-continue\r\n"])
def test_a_body_that_is_announced_too_large_is_not_waited_for(served: RunningServer, expect: bytes, size: int) -> None:
    with connected(served) as one:
        one.sendall(b"POST /v1/members HTTP/1.1\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n" % (expect, size))
        assert answer_of(one)[0] == 413


def test_whoever_never_stops_sending_is_cut_off(tmp_path: Path) -> None:
    program = (
        "-c",
        "import sys; from orgform.server import wire; wire.MOST_DISCARDED = 1 << 20; from orgform.cli import main; sys.exit(main())",
    )
    with running_server(tmp_path / "acme.db", program=program, options=["--largest-body", "1"]) as server, connected(server) as one:
        one.sendall(b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n")
        with pytest.raises(OSError):
            while True:
                one.sendall(b" " * MEGABYTE)
        assert server.stop() == 0
    assert "Traceback" not in server.log()


def test_nonsense_behind_an_answer_ends_the_connection(served: RunningServer) -> None:
    """The answer was made before the body had come; what comes then is no chunk."""
    with connected(served) as one:
        one.sendall(CHUNKED + b"100001\r\n" + b" " * (MEGABYTE + 1) + b"\r\n")
        assert answer_of(one)[0] == 413
        one.sendall(b"zz\r\n")
        assert all_of(one) == b""


# Slow clients


def test_slow_clients_hold_no_thread(served: RunningServer) -> None:
    """Many more than the server has threads, each in the middle of its body."""
    start = b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 24\r\n\r\n"
    slow = [connected(served) for _ in range(120)]
    for one in slow:
        one.sendall(start + b'{"key":')
    until(lambda: metric(served, "orgform_requests_in_flight") == 121, served)
    with client_of(served) as client:
        assert client.get("/v1/members").status_code == 200
        assert client.post("/v1/members", json={"key": "quick@acme.com"}).status_code == 201
    for n, one in enumerate(slow):
        one.sendall(b'"%05d@acme.com"}' % n)
    assert [answer_of(one)[0] for one in slow] == [201] * 120
    for one in slow:
        one.close()


IMPATIENT = "wire.HEAD_SECONDS = wire.GAP_SECONDS = wire.LINGER_SECONDS = 0.2; wire.KEEP_ALIVE_SECONDS = 1"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /healthz HT",
        GET,
        GET + b"\r\n",
        b"POST /v1/members HTTP/1.1\r\nhost: x\r\ncontent-length: 24\r\n\r\n{",
        CHUNKED + b"5\r\n",
    ],
    ids=["nothing", "half a line", "half a head", "one request", "half a body", "half a chunk"],
)
def test_who_says_nothing_more_is_left(impatient: RunningServer, sent: bytes) -> None:
    with connected(impatient) as one:
        one.sendall(sent)
        answer = all_of(one)
    assert answer.startswith(b"HTTP/1.1 200") if sent.endswith(b"\r\n\r\n") and sent.startswith(GET) else answer == b""


def test_half_a_second_request_is_left_too(impatient: RunningServer) -> None:
    with connected(impatient) as one:
        one.sendall(GET + b"\r\n")
        assert answer_of(one)[0] == 200
        one.sendall(b"GET /")
        assert all_of(one) == b""


def test_who_waits_for_the_server_is_not_left(impatient: RunningServer) -> None:
    """The write waits for its turn longer than the server's patience; meanwhile the client says nothing."""
    with connected(impatient) as one:
        body = b'{"key":"patient@acme.com"}'
        with held(impatient):
            one.sendall(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            one.settimeout(1)
            with pytest.raises(TimeoutError):
                one.recv(1)
        one.settimeout(PATIENCE)
        assert answer_of(one)[0] == 201


def test_an_answer_is_one_packet(served: RunningServer) -> None:
    """Each costs everybody on the way as much again; a large one leaves as it is."""
    with connected(served) as one:
        for _ in range(2):
            one.sendall(GET + b"\r\n")
            assert one.recv(65536).endswith(b'\r\n\r\n{"status":"ok"}')
        one.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
        status, body = answer_of(one)
        assert (status, json.loads(body)["openapi"]) == (200, "3.1.0")
        assert len(body) > 65536
        one.sendall(b"HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert one.recv(65536).endswith(b"\r\n\r\n")


def test_writes_that_wait_for_their_turn_hold_no_thread(impatient: RunningServer) -> None:
    with ExitStack() as stack:
        waiting = []
        with held(impatient):
            for n in range(80):
                waiting.append(stack.enter_context(connected(impatient)))
                body = b'{"key":"waiting%d@acme.com"}' % n
                waiting[-1].sendall(POST + b"content-length: %d\r\n\r\n%b" % (len(body), body))
            until(lambda: metric(impatient, "orgform_requests_in_flight") > 80, impatient)
            until(lambda: not no_thread_is_left(impatient), impatient)
        assert [answer_of(one)[0] for one in waiting] == [201] * 80


def no_thread_is_left(server: RunningServer) -> bool:
    """A request that needs one is not answered for a second."""
    with connected(server) as one:
        one.settimeout(1)
        one.sendall(b"GET /v1/members HTTP/1.1\r\nhost: x\r\n\r\n")
        try:
            return one.recv(1) == b""
        except TimeoutError:
            return True


def test_who_is_not_read_is_not_left_either(impatient: RunningServer) -> None:
    """Every thread of the server is taken, so a large body is not even read on; its client can do nothing about it."""
    with ExitStack() as stack:
        taken = []
        with held(impatient):
            for n in range(80):
                taken.append(stack.enter_context(connected(impatient)))
                # A single write would leave its thread to others while it waits.
                body = b'{"operations":[{"method":"create","collection":"members","key":"taken%d@acme.com"}]}' % n
                taken[-1].sendall(POST.replace(b"members", b"batch") + b"content-length: %d\r\n\r\n%b" % (len(body), body))
            until(lambda: no_thread_is_left(impatient), impatient)
            one = stack.enter_context(connected(impatient))
            body = b'{"key":"large@acme.com"' + b" " * 200_000 + b"}"
            one.sendall(POST + b"content-length: %d\r\n\r\n%b" % (len(body) + 1, body))
            one.settimeout(1)
            with pytest.raises(TimeoutError):
                one.recv(1)
        one.settimeout(PATIENCE)
        one.sendall(b" ")
        assert answer_of(one)[0] == 201
        assert [answer_of(other)[0] for other in taken] == [200] * 80


def test_whoever_stays_after_the_last_answer_is_left(impatient: RunningServer) -> None:
    """A last answer to a body that never ends: the server waits a moment for the client to read it, and no longer."""
    with connected(impatient) as one:
        one.sendall(POST + b"connection: close\r\ncontent-length: 99999999999\r\n\r\n{")
        assert answer_of(one)[0] == 413
        with pytest.raises(OSError):
            while True:
                one.sendall(b" ")
                time.sleep(0.01)


# Who does not read


def large(server: RunningServer) -> int:
    """Has some megabytes in the server; how long the answer with all of it is."""
    with client_of(server) as client:
        for n in range(24):
            body = {"key": f"large{n}", "attributes": {"name": "Large", "description": "d" * (MEGABYTE // 2)}}
            assert client.post("/v1/workspaces", json=body).status_code in (201, 409)
        return len(client.get("/v1/workspaces?limit=1000").content)


def asked_for_all(server: RunningServer) -> socket.socket:
    """Has asked for more than the system takes for it."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    one.settimeout(PATIENCE)
    one.connect(("127.0.0.1", server.port))
    one.sendall(b"GET /v1/workspaces?limit=1000 HTTP/1.1\r\nhost: x\r\n\r\n")
    return one


def test_whoever_does_not_read_is_left(impatient: RunningServer) -> None:
    length = large(impatient)
    with asked_for_all(impatient) as one:
        time.sleep(1.5)
        found = 0
        with suppress(ConnectionResetError):
            while piece := one.recv(MEGABYTE):
                found += len(piece)
    assert 0 < found < length


def test_whoever_reads_slowly_gets_all(impatient: RunningServer) -> None:
    length = large(impatient)
    with asked_for_all(impatient) as one:
        found = b""
        while len(found) < length:
            piece = one.recv(MEGABYTE // 4)
            assert piece, (len(found), length)
            found += piece
            time.sleep(0.005)
    assert found.endswith(b"}")


def test_whoever_does_not_read_does_not_hold_up_the_end(tmp_path: Path) -> None:
    program = ("-c", "import sys; from orgform.server import wire; wire.GAP_SECONDS = 2; from orgform.cli import main; sys.exit(main())")
    with running_server(tmp_path / "acme.db", program=program) as server:
        large(server)
        with asked_for_all(server) as one:
            assert one.recv(1) == b"H"
            assert server.stop() == 0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    program = ("-c", f"import sys; from orgform.server import wire; {IMPATIENT}; from orgform.cli import main; sys.exit(main())")
    with running_server(tmp_path_factory.mktemp("impatient") / "acme.db", program=program) as server:
        yield server
        assert server.stop() == 0
    assert "Traceback" not in server.log()
