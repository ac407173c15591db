"""A SCIM server with a few people, opened as a target, and what the fault proxy must know of its lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from orgform.model import Address, Live
from orgform.providers.base import Operation, Provider, Result
from orgform.providers.scim import spec
from orgform.testing.contract import Sample
from orgform.testing.fakes.scim import Quirks, Scim
from orgform.testing.pages import Page, Paging
from orgform.testing.subjects import open_provider

GROUPS: dict[str, Any] = {
    "company": {"manager": "Managers", "viewer": "Viewers"},
    "workspace": {"brand-x": {"member": "Brand X", "viewer": "Brand X Viewers"}},
    "make": True,
}
SAMPLES = (
    Sample(
        Address("member/contract@acme.com"),
        {"name": "Con Tract", "role": "standard", "title": "Tester"},
        {"name": "C", "title": None},
        {"name": "C", "role": "standard"},
        Address("member/renamed@acme.com"),
    ),
    Sample(Address("member/second@acme.com"), {"name": "Second", "role": "manager"}, {"role": "viewer"}, {"role": "viewer"}),
    Sample(
        Address("group/contract"),
        {"name": "Contract", "members": ["second@acme.com"]},
        {"name": "Changed", "members": []},
        {"name": "Changed", "members": []},
        Address("group/renamed"),
    ),
    Sample(Address("membership/brand-x/second@acme.com"), {"role": "member"}, {"role": "viewer"}, {"role": "viewer"}),
)
REFUSED = Operation("create", Address("membership/brand-x/nobody@acme.com"), {"role": "member"}, key="refused")


def many(n: int) -> Sample:
    return Sample(Address(f"member/person{n}@acme.com"), {"name": f"Person {n}", "role": "standard"})


def _read(document: Any) -> Page | None:
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), list):
        return None
    return Page(document["Resources"], document.get("nextCursor"), document.get("totalResults"))


def _write(document: Any, page: Page) -> Any:
    more = {"nextCursor": page.next} if page.next else {}
    total = {} if page.total is None else {"totalResults": page.total}
    return {**{k: v for k, v in document.items() if k != "nextCursor"}, "Resources": page.items, **more, **total}


PAGING = Paging(_read, _write)


def opened(url: str, labels: Mapping[Address, str] | None = None, **options: Any) -> Provider:
    return open_provider(spec, {"url": url, "groups": GROUPS, **options}, secrets={"token": "t"}, labels=labels)


@contextmanager
def live(quirks: Quirks | None = None, **options: Any) -> Iterator[tuple[Scim, Provider]]:
    with Scim(quirks).running() as fake:
        provider = opened(fake.url, **options)
        try:
            yield fake, provider
        finally:
            provider.close()


def read(provider: Provider, kind: str) -> dict[Address, Live]:
    [result] = provider.read([kind])
    assert result.complete, result.problem
    return result.resources


def problem(provider: Provider, kind: str) -> str:
    [result] = provider.read([kind])
    assert not result.complete
    return result.problem


def create(address: str, **attributes: Any) -> Operation:
    return Operation("create", Address(address), attributes)


def update(address: str, live: Live | None = None, **attributes: Any) -> Operation:
    return Operation("update", Address(address), attributes, live.etag if live else None, live.id if live else "")


def delete(address: str, live: Live | None = None) -> Operation:
    return Operation("delete", Address(address), {}, live.etag if live else None, live.id if live else "")


def one(provider: Provider, operation: Operation) -> Result:
    [result] = provider.write([operation])
    return result


def sent(fake: Scim, method: str, path: str = "") -> list[Any]:
    """Bodies of what was asked for."""
    return [e.call.body for e in fake.exchanges if e.call.method == method and path in e.call.path]
