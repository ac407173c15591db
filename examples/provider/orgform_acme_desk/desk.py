"""Acme Desk as a live system. Invariant: a read is complete only where as many came as Acme Desk says that it has, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from orgform.codec import Struct, digest
from orgform.errors import ReadFailed
from orgform.model import Address, Attributes, Live, address_of, key_of, kind_of
from orgform.providers.base import Operation, Provider, ReadResult, Result, TargetContext
from orgform.providers.http import HttpError, Session

LISTS = {"member": ("agents", "email"), "workspace": ("desks", "slug")}


class Thing(Struct, frozen=True):
    """An agent (has `email`, `role`, `state`) or a desk (has `slug`)."""

    id: str
    name: str
    email: str = ""
    slug: str = ""
    role: str = ""
    state: str = ""


class Page(Struct, frozen=True):
    items: list[Thing]
    total: int
    next: str | None


class Desk(Provider):
    def __init__(self, session: Session, context: TargetContext, system: str) -> None:
        from orgform_acme_desk import spec

        self.capabilities = spec.capabilities
        self._session, self._roles, self._system = session, context.roles, system

    @property
    def system(self) -> str:
        return self._system

    def close(self) -> None:
        self._session.close()

    # Reading

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        for kind in kinds:
            try:
                found, problem = self._all(kind)
            except HttpError as error:
                if error.status in (401, None) and not error.maybe_done:
                    raise ReadFailed(f"cannot read {self._system}: {error.message}", hint=error.hint) from error
                found, problem = {}, error.message
            yield ReadResult(kind, found, complete=not problem, problem=problem)

    def _all(self, kind: str) -> tuple[dict[Address, Live], str]:
        """Everything of a kind, and what is wrong with that: pages may come twice, or not at all."""
        path = f"{LISTS[kind][0]}?limit={self.capabilities.page}"
        things: list[Thing] = []
        totals: set[int] = set()
        for page in self._session.pages(path, type=Page, following=lambda p: f"{path}&after={p.next}" if p.next else None):
            things += page.items
            totals.add(page.total)
            if page.next and not page.items:
                return {}, f"Acme Desk has an empty page of {LISTS[kind][0]}, and says that there is another one"
        found = {self._address(kind, thing): self._live(thing) for thing in things}
        if totals != {len(things)} or len(found) != len(things):
            return found, f"Acme Desk has {max(totals)} {LISTS[kind][0]}, and gave {len(things)}, {len(found)} of them once"
        return found, ""

    def _address(self, kind: str, thing: Thing) -> Address:
        return address_of(kind, thing.email.lower() or thing.slug)

    def _live(self, thing: Thing) -> Live:
        attributes: Attributes = {"name": thing.name}
        if thing.role:
            attributes["role"] = self._roles.back("company", thing.role)
        # There are no ETags: what a thing is like tells whether anybody changed it.
        return Live(attributes, {"status": thing.state} if thing.state else {}, thing.id, digest(thing))

    # Writing

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [self._written(operation) for operation in operations]

    def _written(self, operation: Operation) -> Result:
        refusal = self.capabilities.refusal(operation)
        if refusal:
            return Result("failed", refusal)
        try:
            return self._done(operation, self._now(operation.address))
        except HttpError as error:
            if error.status == 409:
                return Result("stale", "it was made meanwhile")
            return Result("unknown" if error.maybe_done else "failed", error.message)

    def _now(self, address: Address) -> tuple[str, Live | None]:
        """Id and state of one thing, read this moment."""
        kind = kind_of(address)
        name, by = LISTS[kind]
        page: Page = self._session.request("GET", f"{name}?{by}={quote(key_of(address))}", idempotent=True, type=Page).value
        thing = next((t for t in page.items if self._address(kind, t) == address), None)
        return (thing.id, self._live(thing)) if thing else ("", None)

    def _done(self, operation: Operation, now: tuple[str, Live | None]) -> Result:
        id, live = now
        path = f"{LISTS[kind_of(operation.address)][0]}/{id}"
        if operation.action == "create":
            if live:
                return Result("stale", "it exists already")
            # A second one would be made by a second POST: it is never repeated where the first may have been done.
            body = {"email": key_of(operation.address), **self._body(operation.attributes)}
            self._session.request("POST", path.rstrip("/"), json=body, idempotent=False, type=Thing)
            return Result("done")
        if live is None:
            return Result("done") if operation.action == "delete" else Result("stale", "it is gone")
        if operation.etag not in (None, "*", live.etag):
            return Result("stale", "it was changed meanwhile")
        if operation.action == "delete":
            answer = self._session.request("DELETE", path, idempotent=True, type=None)
            return Result("done" if answer.status == 204 else "unknown", f"the answer was {answer.status}, not 204")
        self._session.request("PATCH", path, json=self._body(operation.attributes), idempotent=True, type=Thing)
        return Result("done")

    def _body(self, attributes: Attributes) -> dict[str, Any]:
        body = dict(attributes)
        if body.get("role"):
            body["role"] = self._roles.out("company", body["role"])
        return body


def open_desk(context: TargetContext) -> Desk:
    from orgform_acme_desk import URL

    url = str(context.options.get("url", URL)).rstrip("/")
    session = Session(url, token=context.secret("token"), max_wait=context.max_wait, reserve=context.reserve, requests_per_minute=300)
    return Desk(session, context, url)
