"""Where the server listens: names to sockets, and failures to sentences.

Invariant: every socket names TCP as its protocol: asyncio turns off Nagle's delay only there, and with it a small answer on a kept
connection waits 40 ms.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from orgform.errors import OrgformError

# Connections that the kernel takes while the event loop is busy.
BACKLOG = 1024
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

Address = tuple[int, tuple[str, int]]


class ListenError(OrgformError):
    """The server cannot listen where it was told to."""


def addresses_of(host: str, port: int) -> list[Address]:
    """Every (family, address) that the host's name stands for. Raises `ListenError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as e:
        raise ListenError(f"there is no host {host!r}", hint="--host takes an address of this machine, such as 127.0.0.1 or ::") from e
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))  # type: ignore[misc]


def is_loopback(addresses: list[Address]) -> bool:
    return all(ipaddress.ip_address(address[0].partition("%")[0]).is_loopback for _, address in addresses)


@contextmanager
def bound(host: str, port: int, addresses: list[Address]) -> Iterator[list[socket.socket]]:
    """Sockets that are bound and do not listen yet, all on one port: with port 0 on one that is free. Raises `ListenError`."""
    try:
        sockets = _bound_together(port, addresses)
    except OSError as e:
        raise _told(host, port, e) from e
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def listen(host: str, port: int, sockets: list[socket.socket]) -> None:
    """From now on clients can connect. Raises `ListenError`."""
    try:
        for one in sockets:
            one.listen(BACKLOG)
    except OSError as e:
        raise _told(host, port, e) from e


def url_of(host: str, sockets: list[socket.socket]) -> str:
    port = sockets[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bound_together(port: int, addresses: list[Address]) -> list[socket.socket]:
    """An address that this machine does not have (IPv6 of `localhost`) may be missing, if another is there."""
    made: list[socket.socket] = []
    missing: OSError | None = None
    with ExitStack() as undo:
        for family, address in addresses:
            try:
                one = undo.enter_context(_bound(family, (address[0], port, *address[2:])))
            except OSError as e:
                if e.errno not in _NOT_HERE:
                    raise
                missing = e
                continue
            port = one.getsockname()[1]
            made.append(one)
        if missing and not made:
            raise missing
        undo.pop_all()
    return made


def _bound(family: int, address: tuple[str | int, ...]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` is every address, as a reader of it expects; another IPv6 address is that one.
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        one.bind(address)
    except BaseException:
        one.close()
        raise
    return one


def _told(host: str, port: int, error: OSError) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        return ListenError(f"port {port} of {host} is in use", hint="choose another with --port, or 0 for any that is free")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ListenError(
            f"this user may not listen on port {port} of {host}", hint="ports below 1024 are for root; choose one with --port"
        )
    if error.errno in _NOT_HERE:
        return ListenError(f"{host} is no address of this machine", hint="--host 127.0.0.1 is here, --host 0.0.0.0 on every address")
    return ListenError(f"cannot listen on port {port} of {host}: {error.strerror or error}")
