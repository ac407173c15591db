"""What the fault proxy must know of an API to break its list answers: which decoded answer is a page, and how it is written back.

    SCIM = Paging(
        lambda d: Page(d["Resources"], None, d["totalResults"]) if isinstance(d, dict) and "Resources" in d else None,
        lambda d, page: {**d, "Resources": page.items, "totalResults": page.total},
    )

Invariant: nothing here knows an API but `ITEMS_NEXT_TOTAL`, which is orgform's own and many others'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orgform.codec import Struct


class Page(Struct, frozen=True):
    """One page of a list. `next`: what leads to the next one, None on the last (and where an API has no such thing); `total`: how many
    there are on all pages, None where it does not say."""

    items: list[Any]
    next: Any = None
    total: int | None = None


class Paging(Struct, frozen=True):
    """`read(document)`: the page that a decoded JSON answer is, None where it is none. `write(document, page)`: the document with it."""

    read: Callable[[Any], Page | None]
    write: Callable[[Any, Page], Any]


def _read(document: Any) -> Page | None:
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return None
    return Page(document["items"], document.get("next"), document.get("total"))


def _write(document: Any, page: Page) -> Any:
    written = {**document, "items": page.items, "next": page.next}
    return written if page.total is None else {**written, "total": page.total}


ITEMS_NEXT_TOTAL = Paging(_read, _write)
