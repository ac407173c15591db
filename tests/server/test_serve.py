"""A server process as clients, probes and operators meet it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform.server import Store
from orgform.server.health import Readiness
from orgform.server.log import Log
from orgform.server.observe import Metrics, Observer
from orgform.server.problems import Problem
from orgform.testing.postgres import Postgres, PostgresMissing, running_postgres
from orgform.testing.server import RunningServer, running_server
from tests.server.serving import (
    CHUNKED,
    PATIENCE,
    Asking,
    all_of,
    answer_of,
    batch,
    client_of,
    connected,
    events,
    held,
    metric,
    told,
    until,
)

SECRET = "orgform_abcdefghijkl_" + "s3cr3t-" * 6 + "x"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("served") / "acme.db", options=["--largest-body", "1"]) as server:
        yield server
        assert server.stop() == 0
    assert "Traceback" not in server.log()
    assert not [e for e in events(server) if e["event"] in ("error", "warning")]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "acme.db")
    postgres: Postgres = request.getfixturevalue("postgres_server")
    return postgres.database(f"d{os.urandom(4).hex()}")


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing as e:
        pytest.skip(str(e))


# The routes for everybody


@pytest.mark.parametrize(("path", "media"), [("/healthz", "application/json"), ("/readyz", "application/json"), ("/metrics", "text/plain")])
def test_public_routes(served: RunningServer, path: str, media: str) -> None:
    with client_of(served) as client:
        got = client.get(path)
        assert got.status_code == 200
        assert got.headers["content-type"].startswith(media)
        assert client.head(path).content == b""
        options = client.options(path)
        assert (options.status_code, options.headers["allow"]) == (204, "OPTIONS, HEAD, GET")
        for method in ("POST", "DELETE", "FROBNICATE"):
            refused = client.request(method, path)
            assert (refused.status_code, refused.json()["code"], refused.headers["allow"]) == (
                405,
                "method-not-allowed",
                "OPTIONS, HEAD, GET",
            )
        assert client.get(path + "/").status_code == 404


def test_what_is_counted(served: RunningServer) -> None:
    counted = 'orgform_requests_total{method="GET",route="/v1/features/{key}",status="404"}'
    elsewhere = 'orgform_requests_total{method="GET",route="/v1/{collection}/{key}",status="404"}'
    before = (
        metric(served, counted),
        metric(served, elsewhere),
        metric(served, 'orgform_requests_total{method="other",route="(none)",status="400"}'),
    )
    with client_of(served) as client:
        client.get("/v1/features/one")
        client.get("/v1/features/two?limit=1", headers={"authorization": f"Bearer {SECRET}"})
        client.get("/v1/unicorns/one")
    told(served, b"nonsense\r\n\r\n")
    assert metric(served, counted) == before[0] + 1
    assert metric(served, elsewhere) == before[1] + 1
    assert metric(served, 'orgform_requests_total{method="other",route="(none)",status="400"}') == before[2] + 1
    text = httpx.get(f"{served.url}/metrics", trust_env=False).text
    assert "orgform_build_info{version=" in text
    assert 'orgform_request_seconds_bucket{le="0.25",method="GET",route="/v1/features/{key}"}' in text
    assert "orgform_database_connections_in_use 0.0" in text
    assert "process_resident_memory_bytes" in text
    assert SECRET not in text
    assert "_created" not in text


# The log


def logged(served: RunningServer, request: str) -> list[dict[str, Any]]:
    """The lines of a request. A line is written when its answer has gone out, so the client may be here first."""
    for _ in range(200):
        if found := [e for e in events(served) if e.get("id") == request]:
            return found
        time.sleep(0.05)
    return []


def test_every_request_is_a_line(served: RunningServer) -> None:
    with client_of(served, headers={"user-agent": "web console"}) as client:
        answer = client.post("/v1/members", json={"key": "logged@acme.com"}, headers={"x-request-id": "ticket-1/a"})
        assert answer.headers["x-request-id"] == "ticket-1/a"
        own = client.get("/nowhere").headers["x-request-id"]
    [line] = logged(served, "ticket-1/a")
    assert (line["event"], line["method"], line["path"], line["route"], line["status"]) == (
        "request",
        "POST",
        "/v1/members",
        "/v1/members",
        201,
    )
    assert (line["bytes_in"], line["bytes_out"]) == (len(b'{"key":"logged@acme.com"}'), len(answer.content))
    assert (line["company"], line["client"], line["address"]) == ("default", "web console", "127.0.0.1")
    assert line["ms"] > 0
    assert "token" not in line
    [other] = logged(served, own)
    assert (other["status"], other["route"]) == (404, "(none)")
    assert "company" not in other, "nobody was asked who that was"


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 200, b"\xff", b"a\x7fb", b"-", b'"', b"<script>"])
def test_an_id_that_is_no_word_is_not_taken(served: RunningServer, given: bytes) -> None:
    answer = httpx.get(f"{served.url}/healthz", headers=[(b"x-request-id", given)], trust_env=False)
    assert len(answer.headers["x-request-id"]) == 32


def test_the_log_holds_no_secret_and_no_line_of_anybody_else(served: RunningServer) -> None:
    quoted = "".join(f"%{c:02x}" for c in SECRET.encode())
    twice = quoted.replace("%", "%25")
    paths = [
        f"/v1/members/{SECRET}",
        f"/v1/members/{quoted}",
        f"/v1/members/{twice}",
        f"/v1/members?cursor={SECRET}",
        f"/{SECRET}?{SECRET}=1",
    ]
    forged = "%0d%0a{%22event%22:%22request%22,%22forged%22:true}%e2%80%a8%1b[31m"
    with client_of(served, headers={"authorization": f"Bearer {SECRET}", "x-request-id": SECRET, "cookie": "session=hunter22"}) as client:
        for path in [*paths, f"/v1/members/{forged}", f"/{SECRET}{forged}"]:
            assert client.get(path).status_code in (400, 404)
        client.get("/healthz", headers={"user-agent": f"curl {SECRET} \x7f"})
        client.request(SECRET, "/v1/members")
    log = served.log()
    for hidden in ("s3cr3t", b"s3cr3t".hex("%"), "hunter22", "\x1b", "\u2028", "\r"):
        assert hidden not in log
    assert "orgform_abcdefghijkl_(secret)" in log
    assert not [e for e in events(served) if "forged" in e]


def test_the_log_as_text(tmp_path: Path) -> None:
    with running_server(tmp_path / "acme.db", options=["--log-format", "text"]) as server, client_of(server) as client:
        client.get("/v1/members/a%0ab", headers={"user-agent": 'a "b" c', "x-request-id": "one"})
        client.get("/v1/members", headers={"user-agent": 'a "b" c', "x-request-id": "two"})
        assert server.stop() == 0
    first, second, stopping, stopped = server.log().splitlines()
    assert " request id=one method=GET path=/v1/members/a%0ab route=(none) status=404 ms=" in first
    assert ' company=default client="a \\"b\\" c" address=127.0.0.1' in second
    assert stopping.endswith(' stopping in_flight=0 grace="30 s"')
    assert stopped.endswith(" stopped")


# Ready or not


def test_ready_when_the_database_is(postgres_server: Postgres, tmp_path: Path) -> None:
    """A PostgreSQL whose processes all stand still, and go on."""
    with running_postgres() as postgres, running_server(postgres.database("one")) as server, client_of(server) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        processes = _processes(postgres)
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            refused = [client.get("/readyz") for _ in range(3)]
            assert client.get("/healthz").status_code == 200
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)
        for answer in refused:
            assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "not-ready", "1")
            assert str(postgres.folder) not in answer.text
        until(lambda: client.get("/readyz").status_code == 200, server)
        os.kill(processes[0], signal.SIGINT)
        until(lambda: client.get("/readyz").status_code == 503, server)
        lost = client.get("/v1/members")
        assert lost.status_code in (500, 503)
        assert str(postgres.folder) not in lost.text
        assert server.stop() == 0
    assert "Traceback" not in server.log()
    assert [e for e in events(server) if e["event"] == "warning" and e["message"].startswith("not ready: ")]


def _processes(postgres: Postgres) -> list[int]:
    """The server's own first, then its children."""
    first = int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
    return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]


# The end


def test_what_has_begun_is_finished(database: str) -> None:
    with running_server(database) as server, connected(server) as idle, client_of(server) as client:
        client.get("/healthz")
        with held(server):
            asking = Asking(server, "POST", "/v1/batch", json=batch(1000)).begun()
            server.process.send_signal(signal.SIGTERM)
            assert all_of(idle) == b"", "whoever has nothing to wait for is let go"
            with pytest.raises(httpx.HTTPError):
                client.get("/readyz")
            assert server.process.poll() is None
        answer = asking.ended()
        assert answer.status_code == 200
        assert {r["status"] for r in answer.json()["results"]} == {201}
        assert answer.headers["connection"] == "close"
        assert server.process.wait(PATIENCE) == 0
    last = events(server)[-3:]
    assert [e["event"] for e in last] == ["stopping", "request", "stopped"]
    with running_server(database) as again, client_of(again) as client:
        assert client.get("/v1/members").json()["total"] == 1000


def test_a_body_that_is_on_its_way_is_waited_for(tmp_path: Path) -> None:
    with running_server(tmp_path / "acme.db") as server, connected(server) as one:
        one.sendall(CHUNKED)
        until(lambda: metric(server, "orgform_requests_in_flight") == 2, server)
        server.process.send_signal(signal.SIGINT)
        until(lambda: '"stopping"' in server.log(), server)
        one.sendall(b'11\r\n{"key":"a@b.com"}\r\n0\r\n\r\n')
        assert answer_of(one)[0] == 201
        assert server.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with running_server(tmp_path / "acme.db") as server:
        with held(server):
            asking = Asking(server, "POST", "/v1/batch", json=batch(10)).begun()
            server.process.send_signal(number)
            until(lambda: '"stopping"' in server.log(), server)
            server.process.send_signal(number)
            assert server.process.wait(PATIENCE) == 130
        asking.join()
        assert asking.error is not None


def test_what_takes_longer_than_the_grace_is_cut_off(database: str) -> None:
    with running_server(database, options=["--grace", "0.3"]) as server:
        with held(server):
            asking = Asking(server, "POST", "/v1/batch", json=batch(10)).begun()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 1
        asking.join()
        assert asking.error is not None
    assert (events(server)[-1]["event"], events(server)[-1]["in_flight"]) == ("cut-off", 1)
    with running_server(database) as again, client_of(again) as client:
        assert client.get("/v1/members").json()["total"] == 0


def test_a_log_that_nobody_takes_stops_nothing(tmp_path: Path) -> None:
    program = ("-c", "import os, sys; os.close(2); r, w = os.pipe(); os.close(r); from orgform.cli import main; sys.exit(main())")
    with running_server(tmp_path / "acme.db", program=program) as server, client_of(server) as client:
        assert client.post("/v1/members", json={"key": "a@acme.com"}).status_code == 201
        assert server.stop() == 0


# In the process

TOKEN = f"Bearer {SECRET}"


def test_what_any_library_logs_is_a_line_like_the_others() -> None:
    for form in ("json", "text"):
        stream = io.StringIO()
        with Log(form, stream).collecting():
            try:
                raise ValueError(f"for {TOKEN} at postgresql://me:hunter22@db/x\x1b[0m\nnext")
            except ValueError:
                logging.getLogger("some.library").exception("it failed: %s", TOKEN)
            logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("some.library").warning("not any more")
        written = stream.getvalue()
        assert "ValueError: for Bearer orgform_abcdefghijkl_(secret) at postgresql://me:***@db/x" in written
        assert "s3cr3t" not in written and "hunter22" not in written and "\x1b" not in written
        assert "Invalid" not in written and "any more" not in written
        first, *rest = written.splitlines()
        if form == "json":
            assert json.loads(first)["message"] == "it failed: Bearer orgform_abcdefghijkl_(secret)"
            assert rest == []
        else:
            assert ' error message="it failed: Bearer orgform_abcdefghijkl_(secret)"' in first
            assert all(line.startswith("  ") for line in rest)


@pytest.mark.parametrize("begun", [False, True])
def test_an_application_that_breaks_is_answered_for(begun: bool) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError(SECRET)

    stream = io.StringIO()
    log = Log("json", stream)
    observer = Observer(broken, log, Metrics(), collections=[], stopping=lambda: True)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        with log.collecting():
            await observer({"type": "http", "method": "GET", "path": "/x", "headers": []}, None, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert [m.get("status") for m in sent] == ([200] if begun else [500, None])
    assert (b"connection", b"close") in sent[0]["headers"]
    error, request = map(json.loads, stream.getvalue().splitlines())
    assert (error["event"], error["id"], request["status"]) == ("error", request["id"], 200 if begun else 500)
    assert "KeyError" in error["traceback"]
    assert "s3cr3t" not in stream.getvalue()


def test_a_server_that_stops_is_not_ready(tmp_path: Path) -> None:
    async def check() -> None:
        await Readiness(Store(tmp_path / "acme.db"), lambda: True).check()

    with pytest.raises(Problem) as refused:
        asyncio.run(check())
    assert (refused.value.status, refused.value.code) == (503, "stopping")


# Where it listens


def test_of_two_who_come_to_listen_at_once_one_is_told() -> None:
    from orgform.server import listen

    addresses = listen.addresses_of("127.0.0.1", 0)
    with listen.bound("127.0.0.1", 0, addresses) as one:
        port = one[0].getsockname()[1]
        with listen.bound("127.0.0.1", port, addresses) as two:
            listen.listen("127.0.0.1", port, one)
            with pytest.raises(listen.ListenError, match=f"port {port} of 127.0.0.1 is in use"):
                listen.listen("127.0.0.1", port, two)


def test_any_other_reason_is_told_in_the_systems_words() -> None:
    from orgform.server import listen

    told = listen._told("x", 1, OSError(22, "Invalid argument"))
    assert told.message == "cannot listen on port 1 of x: Invalid argument"


def test_every_answer_goes_out_at_once(served: RunningServer) -> None:
    """A listening socket whose protocol is not named gives connections that wait 40 ms for more to send."""
    from orgform.server import listen

    with listen.bound("127.0.0.1", 0, listen.addresses_of("127.0.0.1", 0)) as [one]:
        assert one.proto == socket.IPPROTO_TCP


def test_a_name_with_several_addresses_has_one_port() -> None:
    from orgform.server import listen

    addresses = [*listen.addresses_of("127.0.0.1", 0), *listen.addresses_of("127.0.0.2", 0)]
    with listen.bound("some", 0, addresses) as sockets:
        assert len({one.getsockname()[1] for one in sockets}) == 1
        assert {one.getsockname()[0] for one in sockets} == {"127.0.0.1", "127.0.0.2"}


def test_an_address_that_is_not_here_is_left_out_beside_one_that_is() -> None:
    from orgform.server import listen

    strange = (int(socket.AF_INET), ("192.0.2.1", 0))
    with listen.bound("some", 0, [strange, *listen.addresses_of("127.0.0.1", 0)]) as sockets:
        assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1"]
    with pytest.raises(listen.ListenError, match="no address of this machine"), listen.bound("192.0.2.1", 0, [strange]):
        pass
