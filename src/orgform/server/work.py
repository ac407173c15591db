"""One write transaction: what is there, what the operations so far made of it, and the writing of the net effect at the end.

Invariant: an operation that is undone leaves nothing; the database sees only what came of all operations together, in one transaction.
So ten thousand creates cost a few statements with many rows each, not tens of thousands of statements.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from orgform.codec import Struct
from orgform.model import Address, Attributes
from orgform.server import flush, holders
from orgform.server import tables as t
from orgform.server.flush import Change
from orgform.server.problems import not_found
from orgform.server.shape import Link, Shapes
from orgform.server.store import Row, looked_up, now, rows_at, time_text

REMEMBERED_DAYS = 7
_LINK = ("target", "source", "path", "rule")
_STORED = ("key", "digest", "answer")
_FORGET = sa.delete(t.idempotency_keys).where(
    t.idempotency_keys.c.company == sa.bindparam("company"), t.idempotency_keys.c.created_at < sa.bindparam("old")
)


class Caller(Struct, frozen=True):
    """Who asks: the company it is about, the actor for the audit log, and the client it uses.

    `token`: id of the token it asks with, empty where none is needed. `member`: key of the member that the token belongs to, if to one.
    """

    company: str
    actor: str
    client: str = ""
    token: str = ""
    scope: Literal["read", "write"] = "write"
    member: str = ""


class Stored(Struct, frozen=True):
    """An answer that is kept for its idempotency key."""

    digest: str
    answer: str


Named = tuple[str, Link]


class Work:
    """The state that operations work on. `now` is the transaction's time."""

    def __init__(self, connection: sa.Connection, shapes: Shapes, caller: Caller, *, invite: bool = False) -> None:
        self.connection = connection
        self.shapes = shapes
        self.caller = caller
        self.invite = invite
        self.now = now()
        self._before: dict[str, Row | None] = {}
        self._after: dict[str, Row | None] = {}
        self._changed: dict[str, None] = {}
        self._links: dict[str, tuple[Link, ...]] = {}
        self._named_by: dict[str, dict[str, dict[str, list[Link]]]] = {}
        self._stored_links: dict[str, list[Named]] = {}
        self._stored_by_kind: dict[tuple[str, str], list[Named]] = {}
        self._journal: list[tuple[str, Row | None, bool]] = []
        self._events: list[tuple[str | None, ...]] = []
        self._stored: dict[str, Stored] = {}
        self._to_store: list[tuple[str, ...]] = []

    # What is there

    def prefetch(self, addresses: Iterable[str]) -> None:
        """Loads many at once; what is not prefetched is loaded when it is asked for."""
        missing = [a for a in dict.fromkeys(addresses) if a not in self._before]
        if missing:
            found = rows_at(self.connection, self.caller.company, missing)
            for address in missing:
                self._before[address] = self._after[address] = found.get(address)

    def prefetch_named_by(self, targets: Iterable[str]) -> None:
        missing = [a for a in dict.fromkeys(targets) if a not in self._stored_links]
        if not missing:
            return
        found: dict[str, list[Named]] = {a: [] for a in missing}
        within = {"company": self.caller.company}
        for target, source, path, rule in looked_up(self.connection, t.links, _LINK, within, "target", missing):
            found[target].append((source, Link(target, path, rule)))
        self._stored_links.update(found)

    def prefetch_below(self, addresses: Iterable[str]) -> None:
        """The addresses and everything whose address carries their keys, level by level, with what names them."""
        level = dict.fromkeys(addresses)
        seen: set[str] = set()
        while level:
            seen.update(level)
            self.prefetch(level)
            self.prefetch_named_by(level)
            below = [source for a in level for source, link in self._stored_links[a] if link.rule == "cascade"]
            level = dict.fromkeys(a for a in below if a not in seen)

    def get(self, address: str) -> Row | None:
        if address not in self._after:
            self.prefetch((address,))
        return self._after[address]

    def require(self, address: str) -> Row:
        """Raises a 404 problem where it is not there."""
        row = self.get(address)
        if row is None:
            raise not_found(address)
        return row

    def named_by(self, target: str) -> list[Named]:
        """Every (source, link) that leads to `target` now, in the order of the sources."""
        self.prefetch_named_by((target,))
        stored = [named for named in self._stored_links[target] if named[0] not in self._changed]
        fresh = [named for kind in self._named_by.get(target, ()) for named in self._fresh(target, kind)]
        return sorted(stored + fresh, key=lambda named: (named[0], named[1].path))

    def named_by_kind(self, target: str, kind: str) -> Iterator[Named]:
        """Those of them whose source is of one kind, in no order: a role that a hundred thousand name is a few admins' as well."""
        yield from self._fresh(target, kind)
        if (target, kind) not in self._stored_by_kind:
            c = t.links.c
            query = sa.select(c.source, c.path, c.rule).where(c.company == self.caller.company, c.target == target)
            query = query.where(c.source > f"{kind}/", c.source < f"{kind}0")
            self._stored_by_kind[target, kind] = [(s, Link(target, path, rule)) for s, path, rule in self.connection.execute(query).all()]
        yield from (named for named in self._stored_by_kind[target, kind] if named[0] not in self._changed)

    def _fresh(self, target: str, kind: str) -> Iterator[Named]:
        for source, links in self._named_by.get(target, {}).get(kind, {}).items():
            for link in links:
                yield source, link

    def total(self, kind: str) -> int:
        """How many there are of a kind now."""
        c = t.totals.c
        query = sa.select(c.total).where(c.company == self.caller.company, c.kind == kind)
        stored: int = self.connection.execute(query).scalar() or 0
        changed = [a for a in self._changed if a.startswith(kind + "/")]
        return stored + sum((self._after[a] is not None) - (self._before[a] is not None) for a in changed)

    # Changing it

    def new_row(self, attributes: Attributes, text: str, observed: str) -> Row:
        """`text` is the attributes' JSON."""
        return Row(os.urandom(10).hex(), 1, text, observed, self.now, self.now, attributes)

    def put(self, address: str, row: Row | None) -> None:
        """Sets or removes a resource."""
        self._journal.append((address, self.get(address), address in self._changed))
        self._place(address, row)
        self._changed[address] = None

    def event(self, action: str, address: str, before: str | None, after: str | None, *, old_address: str | None = None) -> None:
        """One line of the audit log; `before` and `after` are JSON. `old_address`: where the resource was until now, if elsewhere."""
        c = self.caller
        self._events.append((c.company, self.now, c.actor, c.token, c.client, action, address, old_address, before, after))

    def mark(self) -> tuple[int, int]:
        return len(self._journal), len(self._events)

    def undo_to(self, mark: tuple[int, int]) -> None:
        """Back to what was at `mark`."""
        while len(self._journal) > mark[0]:
            address, row, was_changed = self._journal.pop()
            self._place(address, row)
            if not was_changed:
                del self._changed[address]
                self._unlink(address)
        del self._events[mark[1] :]

    def _place(self, address: str, row: Row | None) -> None:
        self._after[address] = row
        if address in self._links:
            self._unlink(address)
        links = self._links_of(address, row) if row else ()
        self._links[address] = links
        kind = address.partition("/")[0]
        for link in links:
            self._named_by.setdefault(link.target, {}).setdefault(kind, {}).setdefault(address, []).append(link)

    def _links_of(self, address: str, row: Row) -> tuple[Link, ...]:
        return tuple(dict.fromkeys(self.shapes.address(address).links(Address(address), row.attributes)))

    def _unlink(self, address: str) -> None:
        for link in self._links.pop(address, ()):
            self._named_by[link.target][address.partition("/")[0]].pop(address, None)

    # Idempotency

    def prefetch_stored(self, keys: Sequence[str]) -> None:
        if keys:
            found = looked_up(self.connection, t.idempotency_keys, _STORED, {"company": self.caller.company}, "key", keys)
            self._stored.update((key, Stored(digest, answer)) for key, digest, answer in found)

    def stored(self, key: str) -> Stored | None:
        return self._stored.get(key)

    def store_answer(self, key: str, digest: str, answer: str) -> None:
        self._stored[key] = Stored(digest, answer)
        self._to_store.append((self.caller.company, key, digest, answer, self.now))

    # Writing the net effect

    def flush(self) -> None:
        changes = [Change(a, self._before[a], self._after[a], self._links_before(a), self._links.get(a, ())) for a in self._changed]
        flush.write_changes(self.connection, self.caller.company, changes)
        holders.follow(self.connection, self.caller.company, self.shapes.kinds, changes, self.now)
        flush.insert(self.connection, t.audit_events, flush.EVENT, self._events)
        if self._to_store:
            self._forget_old_answers()
            flush.insert(self.connection, t.idempotency_keys, flush.ANSWER, self._to_store)

    def _links_before(self, address: str) -> tuple[Link, ...]:
        row = self._before[address]
        return self._links_of(address, row) if row else ()

    def _forget_old_answers(self) -> None:
        """Nobody repeats a request after a week."""
        old = time_text(datetime.now(UTC) - timedelta(days=REMEMBERED_DAYS))
        self.connection.execute(_FORGET, {"company": self.caller.company, "old": old})
