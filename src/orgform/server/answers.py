"""What the API answers with: JSON made by splicing stored JSON, without decoding it; and the cursors of list pages.

Invariant: a cursor is opaque to clients and good for the list it came from only; every other one is a 400.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from orgform.codec import DecodeError, Struct, decode, encode
from orgform.server.problems import bad_request
from orgform.server.store import LARGEST_ANSWER, Page, Row, fit

JSON = "application/json"


class Answer(Struct, frozen=True):
    status: int
    body: bytes = b""
    headers: dict[str, str] = {}
    media_type: str = JSON


class Cursor(Struct, frozen=True, array_like=True):
    """`list` names the list with its filters; `at` the last thing of the page before."""

    list: str
    at: str


def resource(key: str, row: Row) -> str:
    """One resource as JSON, the same as the store's pages hold. The stored texts are JSON already."""
    return (
        f'{{"id":"{row.id}","key":{quoted(key)},"attributes":{row.text},"observed":{row.observed},'
        f'"etag":"{row.etag}","created_at":"{row.created_at}","updated_at":"{row.updated_at}"}}'
    )


def quoted(text: str) -> str:
    return encode(text).decode()


def resource_page(api: str, page: Page) -> Answer:
    items = ",".join(page.items)
    following = decode(page.items[-1])["key"] if page.more else None
    return Answer(200, f'{{"items":[{items}],"next":{_next(api, following)},"total":{page.total}}}'.encode())


def audit_page(list_name: str, events: list[Any], limit: int) -> Answer:
    """`events` are those of `Store.audit`, newest first, one more than `limit` where there is more."""
    items = [_event(*e) for e in events[:limit]]
    count = fit(items, LARGEST_ANSWER)
    following = str(events[count - 1][0]) if len(events) > count else None
    return Answer(200, f'{{"items":[{",".join(items[:count])}],"next":{_next(list_name, following)}}}'.encode())


def _event(
    id: int, time: str, actor: str, token: str, client: str, action: str, address: str, before: str | None, after: str | None
) -> str:
    asked_with = f'"{token}"' if token else "null"
    return (
        f'{{"id":{id},"time":"{time}","actor":{quoted(actor)},"token":{asked_with},"client":{quoted(client)},"action":"{action}",'
        f'"address":{quoted(address)},"before":{before or "null"},"after":{after or "null"}}}'
    )


def _next(list_name: str, at: str | None) -> str:
    if at is None:
        return "null"
    packed = base64.urlsafe_b64encode(encode(Cursor(list_name, at))).decode().rstrip("=")
    return f'"{packed}"'


def cursor_at(list_name: str, cursor: str) -> str:
    """Where a cursor of this list stands. Raises a 400 problem."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found: Cursor = decode(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True), Cursor)
    except (binascii.Error, UnicodeError, DecodeError, ValueError) as e:
        raise bad_request("cursor", "this cursor was not given by this server; begin again without one") from e
    if found.list != list_name or "\0" in found.at:
        raise bad_request("cursor", "this cursor belongs to another list; begin again without one")
    return found.at
