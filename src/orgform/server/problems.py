"""What a client is told when it asks for something that cannot be: RFC 9457 problems with a stable code.

Invariant: a problem raised inside a write undoes everything that the operation did; nothing is half done.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from itertools import islice
from typing import Any

from orgform.codec import Struct, encode

MEDIA_TYPE = "application/problem+json"
# As many faults as a problem tells. A body may hold millions, and nobody looks for more of them than are told.
MOST_FAULTS = 20


class Fault(Struct, frozen=True):
    """One thing wrong with a body: a JSON pointer into it, and a sentence."""

    pointer: str
    detail: str
    code: str = ""


class Problem(Exception):
    """An answer with status 4xx or 5xx. `code` is stable; `detail` is a sentence for people; `faults` point into the body.

    `members`: what this code's document has besides (RFC 9457's extension members).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        faults: tuple[Fault, ...] = (),
        headers: dict[str, str] | None = None,
        members: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = faults
        self.headers = headers or {}
        self.members = members or {}
        #: seconds that the answer is held back, where a server answers
        self.delay = 0.0

    def document(self, under: str = "") -> dict[str, Any]:
        """As RFC 9457 writes it; `under` is put before every pointer (`/operations/3`)."""
        document: dict[str, Any] = {
            "type": f"urn:orgform:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.faults:
            document["errors"] = [{"pointer": under + f.pointer, "detail": f.detail, "code": f.code or self.code} for f in self.faults]
        return document | self.members

    def body(self) -> bytes:
        return encode(self.document())


def bad_request(code: str, detail: str) -> Problem:
    return Problem(400, code, detail)


def invalid(code: str, detail: str, pointer: str = "") -> Problem:
    """422 with one fault."""
    return Problem(422, code, detail, faults=(Fault(pointer, detail, code),))


def many_faults(faults: Iterable[Fault]) -> Problem:
    """422 with the first of them, up to `MOST_FAULTS`; the detail is the first one's and how many more are told. There is one at least."""
    faults = tuple(islice(faults, MOST_FAULTS))
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Problem(422, faults[0].code, f"{faults[0].detail}{more}", faults=faults)


def not_found(address: str) -> Problem:
    return Problem(404, "not-found", f"{address} does not exist")


def conflict(code: str, detail: str) -> Problem:
    return Problem(409, code, detail)


def pointer(*parts: object) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in parts)
