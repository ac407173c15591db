"""Several requests in one (RFC 7644, 3.7), as many as the server takes at once.

Invariant: every request has an answer of its own: an answer 200 to the whole says nothing of what it holds. What was not answered may have
been done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http.client import responses
from typing import Any

from orgform.codec import encode
from orgform.providers.http import HttpError
from orgform.providers.scim.wire import BULK, Bulk, Scim
from orgform.providers.scim.writes import Request

_TOO_LARGE, _NOT_NOW = 413, 503


def send_all(scim: Scim, bulk: Bulk, requests: Mapping[int, Request]) -> dict[int, Any]:
    """Number -> decoded answer, or the error. Numbers are sent in their order."""
    answers: dict[int, Any] = {}
    for piece in _pieces(bulk, requests, scim.features.etag):
        answers.update(_sent(scim, piece))
    return answers


def _pieces(bulk: Bulk, requests: Mapping[int, Request], etag: bool) -> Iterator[dict[int, dict[str, Any]]]:
    piece: dict[int, dict[str, Any]] = {}
    frame = len(encode({"schemas": [BULK], "Operations": []}))
    size = frame
    for number, request in requests.items():
        operation = _operation(number, request, etag)
        length = len(encode(operation)) + 1
        if piece and (len(piece) == bulk.operations or size + length > bulk.payload):
            yield piece
            piece, size = {}, frame
        piece[number] = operation
        size += length
    if piece:
        yield piece


def _operation(number: int, request: Request, etag: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"method": request.method, "path": f"/{request.path}", "bulkId": str(number)}
    if request.data is not None:
        made["data"] = request.data
    if request.version and etag:
        made["version"] = request.version
    return made


def _sent(scim: Scim, piece: Mapping[int, dict[str, Any]]) -> dict[int, Any]:
    try:
        answer = scim.send("POST", "Bulk", {"schemas": [BULK], "Operations": list(piece.values())})
    except HttpError as e:
        if e.status == _TOO_LARGE and len(piece) > 1:
            numbers = list(piece)
            half = len(numbers) // 2
            return {n: a for part in (numbers[:half], numbers[half:]) for n, a in _sent(scim, {m: piece[m] for m in part}).items()}
        return dict.fromkeys(piece, e)
    told = answer.get("Operations") if isinstance(answer, dict) else None
    found = [o for o in told if isinstance(o, dict)] if isinstance(told, list) else []
    named = {str(o["bulkId"]): o for o in found if "bulkId" in o}
    if len(named) < len(found) == len(piece):  # only a POST has to be named; the order is the request's
        named = {str(n): o for n, o in zip(piece, found, strict=True)}
    return {n: _answer(piece[n], named.get(str(n))) for n in piece}


def _answer(operation: Mapping[str, Any], told: Mapping[str, Any] | None) -> Any:
    what = f"{operation['method']} {operation['path']}"
    if told is None:
        return HttpError(f"{what}: the server's answer to the bulk request does not say what became of it", maybe_done=True)
    status, body = _status(told.get("status")), told.get("response")
    if 200 <= status < 300:
        place = str(told.get("location") or "").rstrip("/").rpartition("/")[2]
        return body if isinstance(body, dict) and body.get("id") else {"id": place} if place else None
    problem: dict[str, Any] = body if isinstance(body, dict) else {}
    detail = str(problem.get("detail") or "")
    reason = responses.get(status, "")
    text = f"{what}: {status} {reason}".rstrip() + (f": {detail}" if detail else "")
    maybe_done = not status or (status >= 500 and status != _NOT_NOW)
    return HttpError(text, status=status, code=str(problem.get("scimType") or ""), detail=detail, maybe_done=maybe_done)


def _status(value: Any) -> int:
    """A number in a string, as the standard has it, or what others make of it; 0 where it is none."""
    if isinstance(value, dict):
        value = value.get("code")
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) == 3 else 0
