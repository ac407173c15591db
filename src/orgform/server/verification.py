"""Whether a name has been proved: looks for the record in DNS, and lets the time run out of what nobody proves.

Invariant: no transaction is open while DNS is asked; what it answered counts only if the challenge is still the one that was asked for.
The only importer of dnspython, on use: planning never needs it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from orgform.codec import Struct, decode, encode, replace
from orgform.errors import OrgformError
from orgform.kinds import Kind
from orgform.server import answers, challenges
from orgform.server import tables as t
from orgform.server.answers import Answer
from orgform.server.challenges import Challenge, Proof
from orgform.server.operations import answered_before, check_idempotency_key, matches
from orgform.server.problems import Problem, not_found
from orgform.server.requests import Request, decoded, query_of
from orgform.server.shape import KindShape, Shapes
from orgform.server.store import Row, Store
from orgform.server.work import Caller, Work

if TYPE_CHECKING:
    from dns.resolver import Resolver as DnsResolver

#: one look-up, all tries and name servers together
SECONDS = 5.0
#: one try
_TRY_SECONDS = 2.0
#: look-ups that one process does at a time: each holds a thread, and other requests need some, too
AT_ONCE = 16
_SHOWN = 60
_PLACE = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\](?::(?P<port6>\d{1,5}))?|(?P<host>[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
OVER = "nobody set the record in time; ask for a new one and set that"
EXPIRY = Caller("", "orgform", "expiry of challenges")


class Found(Struct, frozen=True):
    """What stands in DNS: the texts of every record, or a sentence that says why there are none and what to do."""

    texts: tuple[str, ...] = ()
    problem: str = ""


class Resolver:
    """Asks one resolver, or (`where` is None) those that the machine is set up with.

    `where`: `HOST`, `HOST:PORT`, an IPv6 address, `[IPV6]:PORT`. Raises `OrgformError` where it is none of these; whether anybody
    answers there shows when it is asked.
    """

    def __init__(self, where: str | None = None, *, seconds: float = SECONDS) -> None:
        self.where = where
        self.seconds = seconds
        self._place = _place(where) if where is not None else None

    def texts(self, name: str) -> Found:
        """The TXT records at `name`, the strings of each put together. Takes at most `seconds`; never raises for what DNS says."""
        from dns import exception, resolver

        try:
            found = self._resolver().resolve(f"{name}.", "TXT", search=False, lifetime=self.seconds)
        except resolver.NXDOMAIN:
            return Found(problem=f"there is no {name} in DNS: set the record; one that was set just now may take a while to be seen")
        except resolver.NoAnswer:
            return Found(problem=f"{name} has no TXT record: set it; one that was set just now may take a while to be seen")
        except resolver.NoNameservers as e:
            return Found(problem=_failed(name, e.kwargs["errors"]))
        except resolver.LifetimeTimeout as e:
            return Found(problem=_timed_out(name, e.kwargs["errors"], self.seconds))
        except resolver.NoResolverConfiguration:
            return Found(problem="this machine has no resolver set up; name one with --resolver (`resolver` in a target)")
        except (OSError, exception.DNSException) as e:
            return Found(problem=f"{name} could not be looked up: {_shown(str(e) or type(e).__name__)}")
        return Found(tuple(b"".join(r.strings).decode("utf-8", "replace") for r in found))

    def _resolver(self) -> DnsResolver:
        from dns.resolver import Resolver as DnsResolver

        if self._place is None:
            made = DnsResolver()
        else:
            made = DnsResolver(configure=False)
            host, made.port = self._place
            made.nameservers = _addresses(host)
        made.use_edns(0, 0, 1232)
        made.timeout = min(_TRY_SECONDS, self.seconds)
        return made


def _place(where: str) -> tuple[str, int]:
    try:
        return str(ipaddress.ip_address(where)), 53
    except ValueError:
        pass
    match = _PLACE.fullmatch(where)
    port = int(match["port"] or match["port6"] or 53) if match else 0
    if not match or not 0 < port < 65536:
        raise OrgformError(f"{where!r} is no resolver", hint="write it as HOST or HOST:PORT, for example 127.0.0.1:5353 or [::1]:5353")
    if match["host"]:
        return match["host"], port
    try:
        return str(ipaddress.IPv6Address(match["six"])), port
    except ValueError as e:
        raise OrgformError(f"{where!r} is no resolver: {match['six']} is no IPv6 address") from e


def _addresses(host: str) -> list[str]:
    """Every address of a resolver that is named. Raises `OSError`."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)))
    except (OSError, UnicodeError) as e:
        raise OSError(f"the resolver {host} is not known here: {getattr(e, 'strerror', None) or e}") from e


def _failed(name: str, errors: list[tuple[object, ...]]) -> str:
    """Why no name server gave an answer. `errors` as dnspython keeps them: server, by TCP, port, what happened, its answer."""
    server, tcp, port, what, _ = errors[-1] if errors else ("", False, 0, "nobody to ask", None)
    at = _server(server, port)
    if isinstance(what, OSError):
        return f"the resolver {at} cannot be reached{' by TCP' if tcp else ''} ({what.strerror or what}): see that it runs, or name another"
    word = _shown(str(what) or type(what).__name__)
    if word == "SERVFAIL":
        return f"the resolver {at} failed (SERVFAIL) at {name}: see that the domain's name servers answer and that its DNSSEC is right"
    if word == "REFUSED":
        return f"the resolver {at} refuses to answer (REFUSED): let it answer this machine, or name another"
    return f"the resolver {at} gave no good answer for {name} ({word}): try again, or name another resolver"


def _timed_out(name: str, errors: list[tuple[object, ...]], seconds: float) -> str:
    asked = f" from {_server(errors[-1][0], errors[-1][2])}" if errors else ""
    return (
        f"no answer{asked} for {name} within {seconds:g} s (time-out): try again; see that the resolver and the domain's name servers run"
    )


def _server(server: object, port: object) -> str:
    """dnspython names a plain server `Do53:ADDRESS@PORT`."""
    return str(server).removeprefix("Do53:").partition("@")[0] + f" port {port}"


def _shown(text: str) -> str:
    """Foreign text, in one short line."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."


def judge(proof: Proof, challenge: Challenge, found: Found, now: str) -> Proof:
    """How far a resource is after DNS was asked."""
    if any(challenge.held_by(text) for text in found.texts):
        return Proof("verified", replace(challenge, checked_at=now, detail="the record was found"))
    others = ", ".join(f"`{_shown(text)}`" for text in found.texts[:3]) + (", ..." if len(found.texts) > 3 else "")
    other = f"{challenge.record} holds {others}, not the value asked for: set exactly that, beside the others or in their place"
    return Proof("pending", replace(challenge, checked_at=now, detail=found.problem or other))


class VerifyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`restart`: a new challenge in place of the one that is pending or failed."""

    restart: bool = False


class Verification:
    """The route that proves a name."""

    def __init__(self, store: Store, shapes: Shapes, resolver: Resolver) -> None:
        self.store = store
        self.shapes = shapes
        self.resolver = resolver
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    @property
    def collections(self) -> list[str]:
        """Whose resources have something to verify."""
        return sorted(api for api, shape in self.shapes.by_api.items() if shape.kind.verification)

    def verify(self, request: Request, collection: str = "") -> Answer:
        """Looks for the record of one resource now, and answers with the resource. The body may be left out."""
        query_of(request)
        shape = self._shape(collection or request.collection)
        restart = decoded(request.body, VerifyBody).restart if request.body else False
        if request.idempotency_key is not None:
            check_idempotency_key(request.idempotency_key)
        address = self._address(request, shape)
        asked = self._before(request, shape.kind, address, restart=restart)
        return asked if isinstance(asked, Answer) else self._after(request, shape.kind, address, asked, self._looked_up(asked))

    def _shape(self, collection: str) -> KindShape:
        shape = self.shapes.by_api.get(collection)
        if shape is None or not shape.kind.verification:
            raise Problem(
                404, "no-verification", f"there is nothing to verify in {collection!r}; there is in: {', '.join(self.collections)}"
            )
        return shape

    def _address(self, request: Request, shape: KindShape) -> str:
        """Of what the path names by its key or its id."""
        company, kind = request.caller.company, shape.kind.name
        try:
            address: str = shape.address(request.key)
            if self.store.get(company, address):
                return address
        except Problem:
            address = f"{kind}/{request.key}"
        r = t.resources.c
        query = sa.select(r.key).where(r.company == company, r.kind == kind, r.id == request.key)
        with self.store.reading() as connection:
            key = connection.execute(query).scalar() if "\0" not in request.key else None
        if key is None:
            raise not_found(address)
        return f"{kind}/{key}"

    def _before(self, request: Request, kind: Kind, address: str, *, restart: bool) -> Challenge | Answer:
        """The challenge to look for, or the answer where there is nothing to look for."""
        with self._work(request) as work:
            if replay := _replay(work, request):
                return replay
            row = work.require(address)
            if request.if_match is not None and not matches(request.if_match, row.etag):
                raise Problem(412, "precondition-failed", f"{address} was changed meanwhile")
            proof = challenges.read(kind, row.observed)
            settled = _unasked(kind, address, proof, work.now, restart=restart)
            if settled is None and proof.challenge:
                return proof.challenge
            if settled is not None and settled is not proof:
                _put(work, kind, address, row, settled)
            return _answer(work, request, address)

    def _looked_up(self, challenge: Challenge) -> Found:
        if not self._turns.acquire(blocking=False):
            raise Problem(429, "look-ups", f"{AT_ONCE} look-ups are under way here; try again", headers={"retry-after": "1"})
        try:
            return self.resolver.texts(challenge.record)
        finally:
            self._turns.release()

    def _after(self, request: Request, kind: Kind, address: str, asked: Challenge, found: Found) -> Answer:
        with self._work(request) as work:
            if replay := _replay(work, request):  # the same request came twice at once, and the other one was faster
                return replay
            row = work.require(address)
            proof = challenges.read(kind, row.observed)
            if proof.status == "pending" and proof.challenge and proof.challenge.token == asked.token:
                _put(work, kind, address, row, judge(proof, proof.challenge, found, work.now))
            return _answer(work, request, address)

    @contextmanager
    def _work(self, request: Request) -> Iterator[Work]:
        with self.store.writing(request.caller.company) as connection:
            work = Work(connection, self.shapes, request.caller)
            yield work
            work.flush()


def _unasked(kind: Kind, address: str, proof: Proof, now: str, *, restart: bool) -> Proof | None:
    """How far a resource is where that takes no look at DNS; None where it does."""
    if proof.status == "verified":
        return proof
    if restart or proof.challenge is None:
        return challenges.begin(kind, address, now)
    if proof.over(now):
        return Proof("failed", replace(proof.challenge, detail=OVER))
    return proof if proof.status == "failed" else None


def _put(work: Work, kind: Kind, address: str, row: Row, proof: Proof) -> None:
    """Its etag stays: nobody changed the resource."""
    observed = challenges.written(kind, decode(row.observed), proof)
    work.put(address, Row(row.id, row.version, row.text, observed, row.created_at, work.now))
    challenges.tell(work, kind, address, row.observed, observed)


def _answer(work: Work, request: Request, address: str) -> Answer:
    row = work.require(address)
    answer = Answer(200, answers.resource(address.partition("/")[2], row).encode(), {"etag": f'"{row.etag}"'})
    if request.idempotency_key is not None:
        work.store_answer(request.idempotency_key, request.digest, encode(answer).decode())
    return answer


def _replay(work: Work, request: Request) -> Answer | None:
    """The answer that was given for this idempotency key before."""
    key = request.idempotency_key
    if key is None:
        return None
    work.prefetch_stored([key])
    before = answered_before(work, key, request.digest)
    return None if before is None else decode(before, Answer)


def expire(store: Store, shapes: Shapes, now: str) -> int:
    """Fails what nobody proved in its time, in every company; returns how many. `now`: ISO 8601 as the store writes it.

    Several processes may do this at once: each looks again when it is alone in writing to the company. Raises `StoreError`.
    """
    number = 0
    for shape in shapes.of.values():
        if shape.kind.verification:
            for company, addresses in _due(store, shape.kind, now).items():
                number += _expire(store, shapes, shape.kind, company, addresses, now)
    return number


def _due(store: Store, kind: Kind, now: str) -> dict[str, list[str]]:
    """Company -> addresses whose time is over."""
    r = t.resources.c
    query = sa.select(r.company, r.key, r.observed).where(r.kind == kind.name, r.observed.like('%"pending"%'))
    due: dict[str, list[str]] = {}
    with store.reading() as connection:
        for company, key, observed in connection.execute(query):
            if challenges.read(kind, observed).over(now):
                due.setdefault(company, []).append(f"{kind.name}/{key}")
    return due


def _expire(store: Store, shapes: Shapes, kind: Kind, company: str, addresses: list[str], now: str) -> int:
    number = 0
    with store.writing(company) as connection:
        work = Work(connection, shapes, replace(EXPIRY, company=company))
        work.prefetch(addresses)
        for address in addresses:
            row = work.get(address)
            proof = challenges.read(kind, row.observed) if row else None
            if row and proof and proof.challenge and proof.over(now):
                _put(work, kind, address, row, Proof("failed", replace(proof.challenge, detail=OVER)))
                number += 1
        work.flush()
    return number
