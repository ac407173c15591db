"""Somebody between orgform and a real server who passes requests on until told to do harm: sends headers back in every shape, redirects,
cuts connections. Runs on loopback, in threads."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote, urlsplit


class Between(ThreadingHTTPServer):
    """`harm`: what to do to a request instead of passing it on; empty: nothing. `spare`: requests that are passed on first.
    `only`: methods that are harmed.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream)
        self.harm, self.spare, self.only = "", 0, ("GET", "POST", "PUT", "PATCH", "DELETE")
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Between
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        authorization = self.headers.get("authorization", "")
        self.server.seen.append(f"{self.command} {self.path} {authorization}")
        harmed = self.server.harm and self.command in self.server.only and not self.path.endswith("/whoami")
        if harmed and self.server.spare > 0:
            self.server.spare -= 1
            harmed = False
        if harmed:
            getattr(self, f"harm_{self.server.harm}")(authorization)
        else:
            self.passed_on(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def passed_on(self, body: bytes) -> None:
        up = http.client.HTTPConnection(self.server.upstream.hostname or "", self.server.upstream.port, timeout=60)
        try:
            up.request(self.command, self.path, body or None, {k: v for k, v in self.headers.items() if k.lower() != "host"})
            answer = up.getresponse()
            self.answer(answer.status, answer.read(), dict(answer.getheaders()))
        finally:
            up.close()

    def answer(self, status: int, data: bytes, headers: dict[str, str], reason: str | None = None) -> None:
        self.send_response_only(status, reason)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status: int, said: str, **more: str) -> None:
        self.answer(status, json.dumps({"detail": said, **more}).encode(), {"content-type": "application/problem+json"})

    # What harm there is

    def harm_echo(self, authorization: str) -> None:
        self.problem(422, f"not with {authorization}", code=authorization)

    def harm_encoded(self, authorization: str) -> None:
        bare = authorization.removeprefix("Bearer ")
        words = [base64.b64encode((" " * n + w).encode()).decode() for n in range(3) for w in (bare, authorization, f"user:{bare}")]
        words += [base64.urlsafe_b64encode(authorization.encode()).decode(), quote(bare), quote(bare, safe="").lower(), bare.encode().hex()]
        words += [json.dumps(json.dumps(bare)), bare.upper(), "\u200b".join((bare[:20], bare[20:])), "\n".join((bare[:20], bare[20:]))]
        # several short ones: a sentence is cut behind some hundred characters
        self.problem(422, words[len(self.server.seen) % len(words)])

    def harm_reason(self, authorization: str) -> None:
        self.answer(418, b"", {}, f"no {authorization}")

    def harm_redirect(self, authorization: str) -> None:
        self.answer(307, b"", {"location": f"http://elsewhere.example/{quote(authorization)}"})

    def harm_nonsense(self, authorization: str) -> None:
        text = json.dumps({authorization: [authorization], "items": authorization, "results": {authorization: 1}})
        self.answer(200, text.encode(), {"content-type": "application/json"})

    def harm_type(self, authorization: str) -> None:
        self.answer(200, b"{}", {"content-type": authorization.removeprefix("Bearer ")})

    def harm_cut(self, authorization: str) -> None:
        """In the middle of an answer that sends the header back."""
        self.wfile.write(f"HTTP/1.1 500 {authorization}\r\ncontent-length: 999\r\nx: {authorization}\r\n\r\n{authorization}".encode())
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def harm_garbage(self, authorization: str) -> None:
        self.wfile.write(f"{authorization}\r\n{authorization}: {authorization}\r\n\r\n".encode())
        self.close_connection = True


@contextmanager
def between(upstream: str) -> Iterator[Between]:
    with Between(upstream) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
