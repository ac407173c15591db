"""Reading and writing orgform's admin API. The same code for the application in the process and for a server by URL.

Invariant: a read of a kind is complete only when every page came, no key came twice, and as many came as the server says there are.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orgform import __version__
from orgform.codec import Struct
from orgform.collector import paused_collector
from orgform.disk import is_full
from orgform.errors import OrgformError, ProviderError, ReadFailed
from orgform.kinds import Kinds
from orgform.model import Address, Live, key_of
from orgform.providers.base import Capabilities, Challenge, Event, Operation, Provider, ReadResult, Result, TargetContext
from orgform.providers.http import Answer, HttpError, InProcessTransport, Session
from orgform.providers.orgform.ahead import in_order

OWN_CLIENT = "orgform/"
# What is asked of the audit log: so many resources, so many pages of each, so many events a page, and so many calls in all.
MOST_ASKED, MOST_PAGES, EVENTS_A_PAGE, MOST_CALLS = 50, 3, 20, 60
READS = 3
# So many kinds are read one after another; where not even the quickest answer came sooner, so many of the others are read at once.
MEASURED, SLOW, AT_ONCE = 2, 0.02, 6
# The code with which the server says that its database failed and all was undone.
UNDONE = "storage"
_NO_CONTENT = 204
_METHODS = {"create": "POST", "update": "PATCH", "delete": "DELETE"}
# Of our challenges -> of what the API observes of a resource.
CHALLENGE_WORDS = {"record": "record", "value": "value", "type": "type", "expires": "expires_at", "detail": "detail"}


class Item(Struct, frozen=True):
    key: str
    attributes: dict[str, Any]
    observed: dict[str, Any] = {}
    id: str = ""
    etag: str | None = None


class Page(Struct, frozen=True):
    items: list[Item]
    total: int
    next: str | None = None


class Done(Struct, frozen=True):
    status: int
    etag: str | None = None
    problem: dict[str, Any] | None = None


class BatchAnswer(Struct, frozen=True):
    results: list[Done]


class Logged(Struct, frozen=True):
    """A line of the audit log. Of a `rename`, `before` and `after` are addresses; of what the platform observed, no attributes."""

    time: str
    actor: str
    client: str = ""
    action: str = ""
    address: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class LogPage(Struct, frozen=True):
    items: list[Logged]
    next: str | None = None


class AdminApi(Provider):
    """A company behind orgform's admin API."""

    def __init__(
        self,
        session: Session,
        kinds: Kinds,
        capabilities: Capabilities,
        system: str,
        *,
        run: str = "",
        own: Address | None = None,
        reads_only: str | None = None,
    ) -> None:
        """`own`: the member that the token belongs to. `reads_only`: id of a token that may read only, None where it may write."""
        self.capabilities = capabilities
        self._session = session
        self._kinds = kinds
        self._system = system
        self._run = run
        self._own = own
        self._reads_only = reads_only

    @property
    def system(self) -> str:
        return self._system

    def close(self) -> None:
        self._session.close()

    def own_member(self) -> Address | None:
        return self._own

    def check_writable(self) -> None:
        if self._reads_only is not None:
            raise ProviderError(
                f"the token {self._reads_only} of {self._system} may read only, so nothing was tried",
                hint="apply with a token that `orgform token create --scope write` made",
            )

    # Reading

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        reached = False
        for result, error in self._read_kinds(kinds):
            if error is not None and not (reached or result.resources) and _of_the_whole(error):
                raise ReadFailed(f"cannot read {self._system}: {error.message}", hint=_way_out(error)) from error
            reached = True
            yield result

    def _read_kinds(self, kinds: Sequence[str]) -> Iterator[tuple[ReadResult, HttpError | None]]:
        """Over a slow network several at a time; over a fast one their answers would only wait for one another here."""
        yield from map(self._read_kind, kinds[:MEASURED])
        if self._session.quickest < SLOW:
            yield from map(self._read_kind, kinds[MEASURED:])
        else:
            yield from in_order(self._read_kind, kinds[MEASURED:], threads=AT_ONCE)

    def _read_kind(self, kind: str) -> tuple[ReadResult, HttpError | None]:
        """Reads once more where it came out wrong: somebody may have written between two pages."""
        for _ in range(READS):
            resources: dict[Address, Live] = {}
            try:
                with paused_collector():
                    problem = self._gather(kind, resources)
            except HttpError as e:
                return ReadResult(kind, resources, complete=False, problem=e.message), e
            if not problem:
                return ReadResult(kind, resources), None
        return ReadResult(kind, resources, complete=False, problem=problem), None

    def _gather(self, kind: str, into: dict[Address, Live]) -> str:
        """Fills `into` page by page; returns what is wrong with the whole, if anything."""
        collection, slashes = self._kinds[kind].api, self._kinds[kind].depth - 1
        first = f"/v1/{collection}?limit={self.capabilities.page}"
        prefix = kind + "/"
        total = 0
        for page in self._session.pages(
            first, type=Page, following=lambda p: f"{first}&cursor={quote(p.next, safe='')}" if p.next else None
        ):
            known = len(into)
            into.update((Address(prefix + i.key), Live(i.attributes, i.observed, i.id, i.etag)) for i in page.items)
            if len(into) != known + len(page.items):
                return f"{collection}: a page repeats what another one had"
            if page.next and not page.items:
                return f"{collection}: a page is empty, and says that more follow"
            if any(i.key.count("/") != slashes for i in page.items):
                into.clear()
                return f"{collection}: the answer holds what belongs to another collection"
            total = page.total
            if page.next and len(into) > total:
                break
        if total != len(into):
            return f"{collection}: the server says that there are {total}, and gave {len(into)}"
        return ""

    # Writing

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        results: list[Result] = []
        rest = iter(operations)
        while chunk := list(islice(rest, self.capabilities.batch)):
            alone = self.capabilities.batch == 1 and _has_route(chunk[0])
            results.extend([self._write_one(chunk[0])] if alone else self._write_batch(chunk))
        return results

    def _write_one(self, o: Operation) -> Result:
        """By the resource's own route, for gateways that let no batch pass."""
        written = self._written(o)
        path = f"/v1/{written['collection']}"
        headers = {"idempotency-key": written["idempotency_key"]}
        if o.etag is not None:
            headers["if-match"] = o.etag if o.etag == "*" else f'"{o.etag}"'
        body: dict[str, Any] | None = None if o.action == "delete" else {"attributes": o.attributes}
        if body is not None and (o.action == "create" or o.moved_from):
            body["key"] = key_of(o.address)
        if o.action != "create":
            path += f"/{quote(written['key'], safe='/:@')}"
        try:
            shape = Any if o.action == "delete" else Item
            answer: Answer[Any] = self._session.request(_METHODS[o.action], path, json=body, headers=headers, idempotent=True, type=shape)
        except HttpError as e:
            # What a gateway says of its own routes says nothing of the resource.
            if e.status in (404, 409, 412, 422) and e.code not in ("", "no-such-route", "no-such-collection"):
                return _result(o, Done(e.status, problem={"code": e.code, "detail": e.detail}))
            return _cut_off(e)
        # Whoever stands between may answer for the server: done is what the server itself says of this resource.
        if not (answer.status == _NO_CONTENT if o.action == "delete" else answer.value.key == key_of(o.address)):
            return Result("unknown", f"the answer to the {o.action} of {o.address} is about something else")
        return Result("done", etag=answer.headers.get("etag", "").strip('"') or None)

    def _write_batch(self, operations: list[Operation]) -> list[Result]:
        body = {"operations": [self._written(o) for o in operations]}
        try:
            answer: BatchAnswer = self._session.request("POST", "/v1/batch", json=body, idempotent=True, type=BatchAnswer).value
        except HttpError as e:
            if e.status == 413 and len(operations) > 1:
                half = len(operations) // 2
                return [*self._write_batch(operations[:half]), *self._write_batch(operations[half:])]
            return [_cut_off(e)] * len(operations)
        if len(answer.results) != len(operations):
            return [Result("unknown", f"the server answered {len(answer.results)} of {len(operations)} operations")] * len(operations)
        return [_result(o, done) for o, done in zip(operations, answer.results, strict=True)]

    def _written(self, o: Operation) -> dict[str, Any]:
        """An operation as the batch takes it. Every one has an idempotency key, which is what makes a repetition safe."""
        address = o.moved_from or o.address
        written: dict[str, Any] = {"method": o.action, "collection": self._kinds.of(address).api, "key": key_of(address)}
        written["idempotency_key"] = self._run + o.key if o.key else os.urandom(16).hex()
        if o.action != "delete":
            written["attributes"] = o.attributes
        if o.moved_from:
            written["new_key"] = key_of(o.address)
        if o.etag is not None:
            written["if_match"] = o.etag
        return written

    # Proving names

    def challenges(self) -> list[Challenge]:
        found: list[Challenge] = []
        for result in self.read([kind.name for kind in self._kinds.values() if kind.verification]):
            if not result.complete:
                raise ReadFailed(f"cannot read {self._system}: {result.problem}")
            found.extend(self._challenge(address, live.observed) for address, live in result.resources.items())
        return found

    def verify(self, address: Address, *, restart: bool = False) -> Challenge:
        path = f"/v1/{self._kinds.of(address).api}/{quote(key_of(address), safe='')}/verify"
        item: Item = self._session.request("POST", path, json={"restart": restart}, idempotent=True, type=Item).value
        return self._challenge(address, item.observed)

    def _challenge(self, address: Address, observed: Mapping[str, Any]) -> Challenge:
        rule = self._kinds.of(address).verification
        given = observed.get(rule["challenge"])
        asked: dict[str, Any] = given if isinstance(given, dict) else {}
        words = {name: str(asked.get(word, "")) for name, word in CHALLENGE_WORDS.items()}
        return Challenge(address, str(observed.get(rule["status"], "unknown")), **words)

    # Who did it

    def events(self, addresses: Iterable[Address]) -> dict[Address, list[Event]]:
        """Older pages are asked for where the first one does not reach back to the resource's creation, as long as there are calls left."""
        found: dict[Address, list[Event]] = {}
        older: dict[Address, str] = {}
        calls = 0
        try:
            for address in islice(dict.fromkeys(addresses), MOST_ASKED):
                calls += 1
                self._log_page(address, "", found, older)
            for _ in range(MOST_PAGES - 1):
                for address, cursor in list(older.items()):
                    calls += 1
                    if calls > MOST_CALLS:
                        return found
                    self._log_page(address, cursor, found, older)
        except HttpError:
            pass  # good to know, never worth stopping for
        return found

    def _log_page(self, address: Address, cursor: str, into: dict[Address, list[Event]], older: dict[Address, str]) -> None:
        """Adds a page's events; `older` has the cursor of the next one, where there is more to know."""
        path = f"/v1/audit-events?limit={EVENTS_A_PAGE}&address={quote(address, safe='')}"
        path += f"&cursor={quote(cursor, safe='')}" if cursor else ""
        page: LogPage = self._session.request("GET", path, idempotent=True, type=LogPage).value
        events = [event for logged in page.items if (event := _event(logged, address))]
        if events:
            into.setdefault(address, []).extend(events)
        older.pop(address, None)
        if page.next and all(e.before is not None for e in events):
            older[address] = page.next


class LocalApi(AdminApi):
    """The same, with the application and its database in this process."""

    def __init__(self, database: Path, name: str, context: TargetContext, capabilities: Capabilities) -> None:
        from orgform.server import Caller, Store, create_app
        from orgform.server.verification import Resolver

        self._database = database
        self._store = Store(database)
        self._store.check()
        actor = _user()
        client = client_name(context.run)
        app = create_app(
            self._store,
            context.kinds,
            identify=lambda _: Caller("default", actor, client),
            inline=True,
            resolver=Resolver(context.options.get("resolver")),
        )
        session = Session("http://local", transport=InProcessTransport(app), max_wait=context.max_wait, user_agent=client)
        super().__init__(session, context.kinds, capabilities, name, run=context.run)

    def check_writable(self) -> None:
        """The file, or the folder where it, its log, or a folder for it would be made, may be written and has room."""
        above = next(folder for folder in self._database.absolute().parents if folder.exists())
        for path in (self._database, above):
            if path.exists() and not os.access(path, os.W_OK):
                raise ProviderError(
                    f"{path} cannot be written, so nothing was tried", hint="make the database's file and its folder writable for this user"
                )
        if is_full(above / self._database.name):
            raise ProviderError(
                f"{self._database} cannot be written: its disk is full, so nothing was tried", hint="make room, then apply again"
            )

    def close(self) -> None:
        super().close()
        self._store.close()


def open_local(context: TargetContext) -> Provider:
    """Raises `ReadFailed` where the file is no database of ours, or the resolver is none."""
    from orgform.providers.orgform import local

    database = str(context.options["database"])
    try:
        return LocalApi(context.folder / database, f"local:{database}", context, local.capabilities)
    except OrgformError as e:
        raise ReadFailed(f"target {context.name}: {e.message}", hint=e.hint) from e


def client_name(run: str) -> str:
    return f"{OWN_CLIENT}{__version__}" + (f" (run {run})" if run else "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _event(logged: Logged, address: Address) -> Event | None:
    """Under its old name a renamed resource is gone; under its new one it came without any of its attributes being changed."""
    who = (logged.actor, logged.time, logged.client)
    if logged.action == "rename":
        gone = logged.address != address
        return Event(*who, before={} if gone else None, after=None if gone else {})
    return Event(*who, before=logged.before, after=logged.after) if logged.action in _METHODS else None


def _of_the_whole(error: HttpError) -> bool:
    """Whether the failure is of the whole system rather than of one collection."""
    return error.code != "no-such-collection"


def _way_out(error: HttpError) -> str:
    if error.code == "no-token":
        return "make a token with `orgform token create` at the server, and name it in the target: token: env:NAME"
    return error.hint


def _has_route(operation: Operation) -> bool:
    """Whether a URL can name it: a path with `.` or `..` in it leads elsewhere."""
    return not {".", ".."}.intersection(key_of(operation.moved_from or operation.address).split("/"))


def _cut_off(error: HttpError) -> Result:
    """A call that failed as a whole."""
    return Result("unknown" if error.maybe_done and error.code != UNDONE else "failed", error.message)


def _result(operation: Operation, done: Done) -> Result:
    if 200 <= done.status < 300:
        return Result("done", etag=done.etag)
    problem = done.problem or {}
    detail = str(problem.get("detail") or f"refused with status {done.status}")
    if done.status == 404 and operation.action == "delete":
        return Result("done", "was gone already")
    if done.status == 412 or (done.status == 404 and operation.action == "update") or problem.get("code") == "exists":
        return Result("stale", detail)
    return Result("unknown" if done.status >= 500 else "failed", detail)
