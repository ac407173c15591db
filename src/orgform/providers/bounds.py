"""Bounds on one answer: how long it may take from the first byte sent to the last one read, and how large it may be, unpacked too.

Invariant: whatever the other side does, a request ends: httpx bounds the silence between two bytes only, and unpacks whatever it is sent.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

LARGEST_ANSWER: Final = 64 * 2**20
#: What is said to the other side: how it may pack what it sends.
PACKED: Final = "gzip"
# A peer that takes a few bytes at a time is found out between two slices.
_SLICE: Final = 16 * 1024
_CONNECTED: Final = (".connect_tcp.complete", ".connect_unix_socket.complete", ".start_tls.complete")


class OutOfBounds(Exception):
    """The answer was given up; the message says why. `again`: it was cut off, and another try may bring it."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class Deadline:
    """When the request that one thread has under way must have ended. It watches every connection that this thread opens."""

    def __init__(self) -> None:
        self._at = math.inf
        self._seconds = math.inf

    def start(self, seconds: float) -> float:
        """The request begins now; the moment by `time.monotonic`."""
        now = time.monotonic()
        self._seconds = seconds
        self._at = now + seconds
        return now

    def left(self, timeout: float | None) -> float:
        """Seconds that the next read or write may take. Raises `OutOfBounds` where none are left."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise OutOfBounds(f"the answer was not complete after {self._seconds:g} s")
        return left if timeout is None else min(timeout, left)

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """For httpx's extension `trace`: it tells of new connections."""
        if event.endswith(_CONNECTED):
            self._watch(info["return_value"])

    def _watch(self, stream: Any) -> None:
        read, write = stream.read, stream.write
        held = bytearray()

        def reading(most: int, timeout: float | None = None) -> bytes:
            if held:
                sending(timeout)
            try:
                got: bytes = read(most, timeout=self.left(timeout))
            except Exception:
                self.left(None)  # a wait that ended because no time was left says so
                raise
            return got

        def writing(data: bytes, timeout: float | None = None) -> None:
            """Head and body leave together, when an empty piece says that the request ends; a large one does not wait for that."""
            held.extend(data)
            if not data or len(held) > _SLICE:
                sending(timeout)

        def sending(timeout: float | None) -> None:
            data = bytes(held)
            held.clear()
            try:
                for at in range(0, len(data), _SLICE):
                    write(data[at : at + _SLICE], timeout=self.left(timeout))
            except Exception:
                self.left(None)
                raise

        stream.read, stream.write = reading, writing


def whole(parts: Iterable[bytes], headers: Mapping[str, str], most: int) -> bytes:
    """The body of an answer, unpacked; `parts` as they come over the wire. Raises `OutOfBounds`."""
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > most:
        raise _too_large(most)
    packed = headers.get("content-encoding", "").strip().lower()
    if packed in ("gzip", "x-gzip"):
        parts = _unpacked(parts, most)
    elif packed not in ("", "identity"):
        raise OutOfBounds("the answer is packed in a way that nobody asked for")
    return _joined(parts, most)


def _joined(parts: Iterable[bytes], most: int) -> bytes:
    found = bytearray()
    for part in parts:
        found += part
        if len(found) > most:
            raise _too_large(most)
    return bytes(found)


def _unpacked(parts: Iterable[bytes], most: int) -> Iterator[bytes]:
    """In pieces of a bounded size: a few bytes unpack to gigabytes."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        for part in parts:
            while part and not unpacker.eof:
                yield unpacker.decompress(part, most)
                part = unpacker.unconsumed_tail
    except zlib.error:
        raise OutOfBounds("the answer says that it is packed with gzip, and is not") from None
    if not unpacker.eof:
        raise OutOfBounds("the answer was cut off", again=True)


def _too_large(most: int) -> OutOfBounds:
    return OutOfBounds(f"the answer is larger than {most / 2**20:g} MB")
