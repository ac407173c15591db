"""A live system that limits, lies and dies: an HTTP proxy on loopback that any provider with a base URL can be put behind.

    rules = [
        Rule(Refused(429, retry_after="2"), path="/v1/members*", nth=(1,)),
        Rule(Reset(acted=True), method="POST", share=0.2),
    ]
    with fault_proxy("https://api.acme.example", rules, seed=7) as proxy:
        provider = open_provider(url=proxy.url)

Rules are data: a list of them goes through JSON and back (`codec.encode`, `codec.decode(text, list[Rule])`). For each request the first
rule that matches and has its turn decides; without one it passes as it is. `proxy.seen` tells what came, and what was done about it.

Invariant: equal requests in equal order meet equal faults: chance comes from the seed and the number of the request, and from nothing
else. When `fault_proxy` is left, nothing listens any more.
"""

from __future__ import annotations

import gzip
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from orgform.codec import DecodeError, Struct, decode, encode, replace
from orgform.testing.pages import ITEMS_NEXT_TOTAL, Page, Paging
from orgform.testing.wire import Cut, Reply, Upstream, listening

JSON = "application/json"
# What cursors of our own begin with: the live system never sees them.
_OURS = "orgform-fault-"


class Fault(Struct, frozen=True, tag=True):
    """What is done to one request or its answer."""


class Passes(Fault, frozen=True):
    """Nothing: exempts what it matches from the rules behind it."""


class Latency(Fault, frozen=True):
    """The answer comes `seconds` later."""

    seconds: float


class Refused(Fault, frozen=True):
    """Another answer with this status. `acted`: the live system got the request all the same, and did what it asks.

    `retry_after` is sent as it is, sensible or not; `retry_date` as a date, so many seconds from now.
    """

    status: int
    retry_after: str | None = None
    retry_date: float | None = None
    body: str = '{"detail": "this is a fault"}'
    content_type: str = JSON
    acted: bool = False


class Reset(Fault, frozen=True):
    """The connection is cut without an answer: before the live system has seen the request, or (`acted`) after it did what it asks."""

    acted: bool


class Truncated(Fault, frozen=True):
    """The answer ends after `share` of its body. `announced`: it says how long it would be; else its end looks like the end."""

    share: float = 0.5
    announced: bool = True


class Drip(Fault, frozen=True):
    """The answer comes byte by byte, with a wait of `seconds` before each; from its first line on, or (`head` False) in its body."""

    seconds: float
    head: bool = False


class Typed(Fault, frozen=True):
    """The right body as something else. Empty: with no type at all."""

    content_type: str = "text/plain"


class Said(Fault, frozen=True):
    """A good answer with something else in it: a login page, another company's list. The live system does not see the request unless
    `acted`."""

    body: str
    status: int = 200
    content_type: str = JSON
    acted: bool = False


class Oversized(Fault, frozen=True):
    """A body of so many megabytes of blanks; with `packed` it is a few kilobytes of gzip on the way."""

    megabytes: int
    packed: bool = False


class Fewer(Fault, frozen=True):
    """At most `limit` items a page, by the query's own parameter: no fault but a small page, so that there are several."""

    limit: int
    parameter: str = "limit"


class PageRepeats(Fault, frozen=True):
    """The items of the page before, once more (of the list's first page: twice in one answer)."""


class PageMissing(Fault, frozen=True):
    """A page whose items are not there: it leads on to the next one, or (`rest`) is said to be the last."""

    rest: bool = False


class CursorLoops(Fault, frozen=True):
    """A page leads back to the one after the first; the only page of a list, to itself."""


class EndlessPages(Fault, frozen=True):
    """Every page is empty and leads to another one that nobody has seen before."""


class TotalIsWrong(Fault, frozen=True):
    """The list says that it has `by` more items than it has."""

    by: int = 1


AnyFault = (
    Passes
    | Latency
    | Refused
    | Reset
    | Truncated
    | Drip
    | Typed
    | Said
    | Oversized
    | Fewer
    | PageRepeats
    | PageMissing
    | CursorLoops
    | EndlessPages
    | TotalIsWrong
)


class Rule(Struct, frozen=True):
    """Which requests a fault happens to. `method` and `path` (with its query) are globs.

    Of the matching ones: the `nth` (from 1; empty: each of them), a `share` of them by chance, and at most `times` in all.
    """

    fault: AnyFault
    method: str = "*"
    path: str = "*"
    nth: tuple[int, ...] = ()
    share: float = 1.0
    times: int | None = None

    def matches(self, method: str, path: str) -> bool:
        return fnmatchcase(method, self.method) and fnmatchcase(path, self.path)


class Seen(Struct, frozen=True):
    """A request that came. `faults`: names of those it met; `forwarded`: the live system got it."""

    method: str
    path: str
    faults: tuple[str, ...] = ()
    forwarded: bool = False


class FaultProxy:
    """`url` stands for the live system's own, with the same path. `seen`: all requests so far. `rules` may be changed at any time."""

    def __init__(self, upstream: str, rules: Sequence[Rule], seed: int, paging: Paging) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self._upstream = upstream.rstrip("/")
        self._paging = paging
        self._seed = seed
        self._lock = threading.Lock()
        self.rules = rules

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self._rules

    @rules.setter
    def rules(self, rules: Sequence[Rule]) -> None:
        """Counting begins anew."""
        with self._lock:
            self._rules = tuple(rules)
            self._matched: Counter[int] = Counter()
            self._happened: Counter[int] = Counter()
            self._first: dict[str, Any] = {}
            self._start: dict[str, str] = {}
            self._last: dict[str, list[Any]] = {}
            self._endless = 0

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes, upstream: Upstream) -> Reply | Cut:
        """What becomes of one request. Called from many threads."""
        faults, forwarded = self._chosen(method, path), False

        def forward() -> Reply:
            nonlocal forwarded
            forwarded = True
            return upstream.ask(method, _asked(path, faults), headers, body)

        try:
            return self._answered(faults, path, forward)
        finally:
            with self._lock:
                self.seen.append(Seen(method, path, tuple(type(f).__name__ for f in faults), forwarded))

    def _chosen(self, method: str, path: str) -> list[Fault]:
        """The first rule that has its turn, behind those that only slow down or shape the request."""
        chosen: list[Fault] = []
        with self._lock:
            for number, rule in enumerate(self._rules):
                if rule.matches(method, path) and self._has_turn(number, rule):
                    chosen.append(rule.fault)
                    if not isinstance(rule.fault, Latency | Fewer):
                        break
        return chosen

    def _has_turn(self, number: int, rule: Rule) -> bool:
        self._matched[number] += 1
        count = self._matched[number]
        due = not rule.nth or count in rule.nth
        lucky = rule.share >= 1 or random.Random(f"{self._seed}/{number}/{count}").random() < rule.share
        if not (due and lucky) or (rule.times is not None and self._happened[number] >= rule.times):
            return False
        self._happened[number] += 1
        return True

    def _answered(self, faults: Sequence[Fault], path: str, forward: Callable[[], Reply]) -> Reply | Cut:
        for fault in faults:
            if isinstance(fault, Latency):
                time.sleep(fault.seconds)
        fault = faults[-1] if faults else Passes()
        made = _instead(fault)
        if made is not None:
            if getattr(fault, "acted", False):
                forward()
            return made
        return _bent(fault, self._paged(fault, path, forward()))

    # List answers

    def _paged(self, fault: Fault, path: str, reply: Reply) -> Reply:
        page = self._page_of(reply)
        if page is None:
            return reply
        listed = path.partition("?")[0]
        with self._lock:
            self._start.setdefault(listed, path)
            self._first.setdefault(listed, page.next)
            before = [] if self._start[listed] == path else self._last.get(listed, [])
            broken = self._broken(fault, page, before, self._first[listed])
            self._last[listed] = page.items
        return reply if broken == page else replace(reply, body=encode(self._paging.write(decode(reply.body), broken)))

    def _broken(self, fault: Fault, page: Page, before: list[Any], second: Any) -> Page:
        """`before`: the items of the page before; `second`: what leads from the first page to the second."""
        if isinstance(fault, PageRepeats):
            return replace(page, items=before or page.items + page.items)
        if isinstance(fault, PageMissing):
            return replace(page, items=[], next=None if fault.rest else page.next)
        if isinstance(fault, CursorLoops):
            return replace(page, next=second or f"{_OURS}again")
        if isinstance(fault, EndlessPages):
            self._endless += 1
            return replace(page, items=[], next=f"{_OURS}{self._endless}")
        if isinstance(fault, TotalIsWrong) and page.total is not None:
            return replace(page, total=page.total + fault.by)
        return page

    def _page_of(self, reply: Reply) -> Page | None:
        if reply.status != 200 or "json" not in reply.headers.get("content-type", ""):
            return None
        try:
            return self._paging.read(decode(reply.body))
        except DecodeError:
            return None


@contextmanager
def fault_proxy(upstream: str, rules: Sequence[Rule] = (), *, seed: int = 0, paging: Paging = ITEMS_NEXT_TOTAL) -> Iterator[FaultProxy]:
    """A proxy on 127.0.0.1 before the API at `upstream` (http or https). Links to it in an answer lead to the proxy again."""
    proxy = FaultProxy(upstream, rules, seed, paging)
    with listening(upstream, proxy.answer) as origin:
        proxy.url = origin + urlsplit(upstream).path.rstrip("/")
        yield proxy


def _asked(path: str, faults: Sequence[Fault]) -> str:
    """The path as it is asked for: with a smaller limit, and nothing of a cursor that only the proxy knows."""
    plain, _, query = path.partition("?")
    for fault in faults:
        if isinstance(fault, Fewer):
            asked = [p for p in query.split("&") if p]
            parts = [p for p in asked if not p.startswith(f"{fault.parameter}=")]
            query = "&".join([*parts, f"{fault.parameter}={fault.limit}"]) if len(parts) < len(asked) else query
    query = "&".join(p for p in query.split("&") if not p.partition("=")[2].startswith(_OURS))
    return f"{plain}?{query}" if query else plain


def _instead(fault: Fault) -> Reply | Cut | None:
    """What does not come from the live system."""
    if isinstance(fault, Reset):
        return Cut()
    if isinstance(fault, Refused):
        headers = {"content-type": fault.content_type}
        if fault.retry_after is not None:
            headers["retry-after"] = fault.retry_after
        if fault.retry_date is not None:
            headers["retry-after"] = formatdate(time.time() + fault.retry_date, usegmt=True)
        return Reply(fault.status, headers, fault.body.encode())
    if isinstance(fault, Said):
        return Reply(fault.status, {"content-type": fault.content_type}, fault.body.encode())
    if isinstance(fault, Oversized):
        headers = {"content-type": JSON, **({"content-encoding": "gzip"} if fault.packed else {})}
        return Reply(200, headers, _blanks(fault.megabytes, fault.packed), announced=False)
    return None


@lru_cache(maxsize=2)
def _blanks(megabytes: int, packed: bool) -> bytes:
    blanks = b" " * (megabytes * 2**20)
    return gzip.compress(blanks, 1) if packed else blanks


def _bent(fault: Fault, reply: Reply) -> Reply:
    """The right answer on a wrong way."""
    if isinstance(fault, Typed):
        return replace(reply, headers={**reply.headers, "content-type": fault.content_type})
    if isinstance(fault, Truncated):
        return replace(reply, cut_at=int(len(reply.body) * fault.share), announced=fault.announced)
    if isinstance(fault, Drip):
        return replace(reply, drip=fault.seconds, drip_head=fault.head)
    return reply
