"""HTTP/1.1 on a connection: uvicorn's protocol, and what it leaves to chance.

Invariant: a client that neither sends nor reads what it has to holds a connection, and an answer in memory, for a bounded time, and never a
thread; one that is still sending when its answer is made gets to read it; what is no HTTP is a problem document and a line in the log like
any other request.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from orgform.server.door import AT_HAND
from orgform.server.observe import Observer
from orgform.server.problems import MEDIA_TYPE, Problem

# Time for the head of a request, and between two pieces of its body; and between two pieces of a large answer that are read.
HEAD_SECONDS = 30.0
GAP_SECONDS = 30.0
# Longer than the clients and proxies that keep connections: who closes first should not be us, with their next request on its way.
KEEP_ALIVE_SECONDS = 75
LARGEST_HEAD = 32 * 1024
# A larger piece of an answer is not worth copying.
WITH_HEAD = 64 * 1024
# What is still read, and thrown away, of a request that has its answer. Closing at once would reset the connection, answer included.
MOST_DISCARDED = 256 * 1024 * 1024
LINGER_SECONDS = 5.0

_NO_HTTP = "what came is no HTTP/1.1 request"
_TOO_LARGE = f"line and headers of a request have at most {LARGEST_HEAD} bytes"


class _Transport:
    """A transport whose `close`, while the client is still sending, first ends only our side, and then waits for the client's end.

    An answer's head leaves with the first piece of its body: two packets would cost all on the way twice.
    """

    def __init__(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self._head = b""
        self._begun = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        answering = self._protocol.conn.our_state is h11.SEND_BODY
        if answering and not self._begun:
            self._head = data
        elif len(data) > WITH_HEAD:
            self._pass_on(self._head)
            self._pass_on(data)
        else:
            self._pass_on(self._head + data)
        self._begun = answering

    def _pass_on(self, data: bytes) -> None:
        self._head = b""
        if data:
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self._protocol.lingering or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._pass_on(self._head)
        if self._protocol.is_sent_to() and self._transport.can_write_eof():
            self._protocol.linger()
        else:
            self._transport.close()
            self._protocol.watch(GAP_SECONDS)


class Protocol(H11Protocol):
    """One connection. `observer` hears of requests that never become one."""

    observer: Observer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.lingering = False
        self._asked_all = False
        self._socket = transport
        self._discarded = 0
        self._patience: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        super().connection_made(_Transport(transport, self))  # type: ignore[arg-type]
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self._stop_watching()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.lingering or self.conn.our_state is h11.DONE:
            self._discarded += len(data)
            if self._discarded > MOST_DISCARDED:
                self._socket.abort()
                return
        if not self.lingering:
            super().data_received(data)
            self._expect()
            if self.cycle and not self.cycle.more_body and not self.cycle.waiting_for_100_continue:
                self.scope[AT_HAND] = True  # type: ignore[literal-required]

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client may end its side when it has asked, and still wait for the answer. True keeps our side open."""
        self._asked_all = bool(self.cycle) and not self.cycle.response_complete and not self.is_sent_to() and not self.lingering
        return self._asked_all

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._asked_all and self.cycle.response_complete:
            self.transport.close()

    def pause_writing(self) -> None:
        """Much of the answer lies here: the client has to read."""
        super().pause_writing()
        self.watch(GAP_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def shutdown(self) -> None:
        """The server stops: who reads is waited for, who does not must not hold it up to the end of its grace."""
        super().shutdown()
        self.watch(GAP_SECONDS / 2)

    def watch(self, seconds: float) -> None:
        """Gives up a client that in so many seconds reads nothing of what lies here for it."""
        self._stop_watching()
        if left := self._socket.get_write_buffer_size():
            self._unread = self.loop.call_later(seconds, self._still_unread, seconds, left)

    def _still_unread(self, seconds: float, before: int) -> None:
        if self._socket.get_write_buffer_size() >= before:
            self._socket.abort()
        else:
            self.watch(seconds)

    def _stop_watching(self) -> None:
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def is_sent_to(self) -> bool:
        """Whether the client may be in the middle of sending: closing would throw away what it has not read."""
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def linger(self) -> None:
        self._give_up_request()
        self.lingering = True
        self._socket.resume_reading()
        self._socket.write_eof()
        self._wait(LINGER_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Called while h11's error is handled."""
        too_large = getattr(sys.exc_info()[1], "error_status_hint", 400) == 431
        # Not in h11's words: they hold what the client sent.
        problem = Problem(431, "head-too-large", _TOO_LARGE) if too_large else Problem(400, "http", _NO_HTTP)
        self._give_up_request()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(problem)
            self.observer.refused(problem, self.client)
        self.transport.close()

    def _give_up_request(self) -> None:
        """Whoever waits for the rest of its body hears that there is none."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _send(self, problem: Problem) -> None:
        body = problem.body()
        headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(body))), ("connection", "close")]
        reason = problem.document()["title"].encode()
        for event in (h11.Response(status_code=problem.status, headers=headers, reason=reason), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")

    def _expect(self) -> None:
        """Starts or stops the clock for what the client has yet to send."""
        if self.lingering:
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._wait(GAP_SECONDS)
        elif state is not h11.IDLE:
            self._discarded = 0
            self._wait(None)
        elif self._patience is None and self.conn.trailing_data[0]:
            self._wait(HEAD_SECONDS)

    def _wait(self, seconds: float | None) -> None:
        if self._patience:
            self._patience.cancel()
        self._patience = self.loop.call_later(seconds, self._too_slow) if seconds else None

    def _too_slow(self) -> None:
        self._patience = None
        if self.lingering:
            self._socket.abort()
        elif self.flow.read_paused or self.conn.they_are_waiting_for_100_continue:
            self._wait(GAP_SECONDS)  # it is we who do not read
        else:
            self.transport.close()
