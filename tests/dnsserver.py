"""A DNS server on loopback, by UDP and TCP, whose records a test sets while it runs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from dnslib import CNAME, QTYPE, RCODE, RR, TXT, A, DNSRecord  # type: ignore[attr-defined]
from dnslib.server import BaseResolver, DNSError, DNSHandler, DNSLogger, DNSServer

LARGEST_BY_UDP = 512
LARGEST_BY_UDP = 512
Mood = Literal["answers", "SERVFAIL", "REFUSED", "NOTIMP", "silent", "garbage"]


class Names(BaseResolver):  # type: ignore[misc]
    """What the server knows. `asked` holds (protocol, name) of every question; `pause`: seconds before each answer."""

    def __init__(self) -> None:
        self.records: dict[str, list[Any]] = {}
        self.mood: Mood = "answers"
        self.pause = 0.0
        self.asked: list[tuple[str, str]] = []
        self.place = ""

    def set(self, name: str, *texts: str | list[str]) -> None:
        """The TXT records at a name; a list is the strings of one record."""
        self.records[name] = [TXT(text) for text in texts]

    def alias(self, name: str, to: str) -> None:
        self.records[name] = [CNAME(to + ".")]

    def address(self, name: str) -> None:
        self.records[name] = [A("192.0.2.1")]

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        name = str(request.q.qname).rstrip(".")
        self.asked.append((handler.protocol, name))
        time.sleep(self.pause)
        if self.mood == "silent":
            raise DNSError("no answer")
        reply = request.reply(aa=0)
        if self.mood not in ("answers", "garbage"):
            reply.header.rcode = getattr(RCODE, self.mood)
            return reply
        for _ in range(20):
            found = self.records.get(name.lower())
            if found is None:
                reply.header.rcode = RCODE.NXDOMAIN
                return reply
            for data in found:
                rtype = getattr(QTYPE, type(data).__name__)
                if rtype in (QTYPE.TXT, QTYPE.CNAME):
                    reply.add_answer(RR(name, rtype, rdata=data, ttl=60))
            if not isinstance(found[0], CNAME):
                return reply
            name = str(found[0].label).rstrip(".")
        return reply


class Handler(DNSHandler):  # type: ignore[misc]
    def get_reply(self, data: bytes) -> bytes:
        reply: bytes = super().get_reply(data)
        if self.protocol == "udp" and len(reply) > LARGEST_BY_UDP:
            cut = DNSRecord.parse(data).reply(aa=0)  # dnslib's own way leaves the question out, which no server does
            cut.header.tc = 1
            return bytes(cut.pack())
        return reply[:7] if self.server.resolver.mood == "garbage" else reply


def _quiet() -> DNSLogger:
    return DNSLogger("-request,-reply,-truncated,-error,-recv,-send,-data")


@contextmanager
def running_dns() -> Iterator[Names]:
    """The server, at `Names.place` (`127.0.0.1:PORT`) until the end."""
    names = Names()
    udp, tcp = _both(names)
    names.place = f"127.0.0.1:{udp.server.server_address[1]}"
    threads = [threading.Thread(target=s.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True) for s in (udp, tcp)]
    for thread in threads:
        thread.start()
    try:
        yield names
    finally:
        for server, thread in zip((udp, tcp), threads, strict=True):
            server.server.shutdown()
            thread.join()
            server.server.server_close()


def _both(names: Names) -> tuple[DNSServer, DNSServer]:
    """On one port, which UDP and TCP may not both have free at the first try."""
    for _ in range(20):
        tcp = DNSServer(names, address="127.0.0.1", port=0, tcp=True, logger=_quiet(), handler=Handler)
        try:
            return DNSServer(names, address="127.0.0.1", port=tcp.server.server_address[1], logger=_quiet(), handler=Handler), tcp
        except OSError:
            tcp.server.server_close()
    raise OSError("no port is free for both UDP and TCP")


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
