"""Bearer tokens: who may ask, for which company, and whether for more than reading.

Invariant: a token's text is in no place but its holder's: the database has the SHA-256 of its secret part (256 random bits, which no
list of guesses reaches). Every request looks the token up, so that a revocation or an expiry holds at once, in every process.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from orgform.codec import Struct, encode
from orgform.redaction import redact
from orgform.server import tables as t
from orgform.server.answers import Answer
from orgform.server.guessing import Guesses
from orgform.server.problems import Problem
from orgform.server.requests import Request, query_of
from orgform.server.store import Store, StoreError, now, time_text
from orgform.server.work import Caller

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest

Scope = Literal["read", "write"]
State = Literal["active", "expired", "revoked"]
SCOPES: tuple[Scope, ...] = ("read", "write")

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 12
_SECRET_BYTES = 32
_TEXT = re.compile(r"orgform_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
# What an unknown id is compared with: it takes as long as a known one.
_NOBODY = "0" * 64
_WRONG = "this token is not known here"
_INVALID = 'Bearer error="invalid_token"'
#: who makes and revokes tokens: whoever can reach the database
OPERATOR = "operator"


class WrongToken(Problem):
    """No token, or not its secret: one answer. `of`: the token whose id it has."""

    def __init__(self, of: Token | None) -> None:
        super().__init__(401, "wrong-token", _WRONG, headers={"www-authenticate": _INVALID})
        self.of = of


class Token(Struct, frozen=True):
    """A token without its secret. `member`: key of the member that it belongs to, or empty. Times are UTC, ISO 8601; None: never.

    `used_at` is exact to the hour.
    """

    id: str
    company: str
    scope: Scope
    actor: str
    member: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    used_at: str | None = None

    def state(self, at: str) -> State:
        """At a moment as `store.now` writes it."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "active"


_COLUMNS = tuple(t.tokens.c[name] for name in Token.__struct_fields__)
_BY_ID = sa.select(*_COLUMNS, t.tokens.c.hash).where(t.tokens.c.id == sa.bindparam("id"))
_ALL = sa.select(*_COLUMNS).order_by(t.tokens.c.company, t.tokens.c.created_at, t.tokens.c.id)


def create(
    store: Store, *, company: str, scope: Scope, actor: str = "", member: str = "", expires_at: datetime | None = None
) -> tuple[Token, str]:
    """A new token and its text, which nobody can be told again. `actor`: in the audit log; the member, else `token:ID`, if not given."""
    id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    expiry = time_text(expires_at) if expires_at else None
    token = Token(id, company, scope, actor or member or f"token:{id}", member, now(), expiry)
    row = {name: getattr(token, name) for name in Token.__struct_fields__} | {"hash": _hash(secret)}
    with store.transaction() as connection:
        connection.execute(sa.insert(t.tokens).values(row))
        _audit(connection, token, "create", OPERATOR, "orgform token")
    return token, f"orgform_{id}_{secret}"


def find(store: Store, id: str) -> Token | None:
    found = _found(store, id)
    return found[0] if found else None


def listed(store: Store, company: str | None = None) -> list[Token]:
    """All of them, or a company's, oldest first."""
    query = _ALL if company is None else _ALL.where(t.tokens.c.company == company)
    with store.reading() as connection:
        return [Token(*row) for row in connection.execute(query)]


def revoke(store: Store, id: str) -> Token | None:
    """The token as it was before, or None where there is no such token. From now on it is worth nothing; once is enough."""
    c = t.tokens.c
    with store.transaction() as connection:
        row = connection.execute(_BY_ID, {"id": id}).first()
        if row is not None:
            ended = connection.execute(sa.update(t.tokens).where(c.id == id, c.revoked_at.is_(None)).values(revoked_at=now()))
            if ended.rowcount:
                _audit(connection, Token(*row[:-1]), "revoke", OPERATOR, "orgform token")
    return Token(*row[:-1]) if row else None


def knows_company(store: Store, company: str) -> bool:
    """Whether anything was ever written for it."""
    with store.reading() as connection:
        return connection.execute(sa.select(t.companies.c.company).where(t.companies.c.company == company)).first() is not None


def id_in(text: str) -> str | None:
    """The id of a whole token text; None where it is none."""
    match = _TEXT.fullmatch(text)
    return match[1] if match else None


def identify_by_token(store: Store) -> Callable[[HttpRequest], Caller]:
    """What tells the caller by the request's token. Raises a 401 `Problem` where there is no token that is good now."""
    uses, guesses = _Uses(store), Guesses()

    def identify(request: HttpRequest) -> Caller:
        try:
            token = _checked(store, _sent(request))
        except WrongToken as e:
            if e.of is not None and guesses.first(e.of.id):
                _audit_guess(store, request, e.of)
            raise guesses.slowed(request, e) from None
        uses.note(token, _hour())
        return Caller(token.company, token.actor, client_of(request.headers), token.id, token.scope, token.member)

    return identify


def whoami(store: Store) -> Callable[[Request], Answer]:
    """The handler of `GET /v1/whoami`: what a client has to know of itself, in one call."""

    def handler(request: Request) -> Answer:
        query_of(request)
        caller = request.caller
        token = find(store, caller.token) if caller.token else None
        return Answer(
            200,
            encode(
                {
                    "company": caller.company,
                    "actor": caller.actor,
                    "scope": caller.scope,
                    "token": caller.token or None,
                    "member": caller.member or None,
                    "expires_at": token.expires_at if token else None,
                }
            ),
        )

    return handler


def client_of(headers: Mapping[str, str]) -> str:
    """What a client calls itself, as the audit log has it: on one line, and without a token that slipped into it."""
    return redact("".join(c for c in headers.get("user-agent", "")[:2000] if c.isprintable()))[:200]


def _sent(request: HttpRequest) -> tuple[str, str]:
    """Id and secret as the request has them. What is no token has an id that nobody has."""
    given = request.headers.getlist("authorization")
    scheme, _, text = given[0].strip().partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        raise _refused("no-token", "this needs a token: send it once, as `Authorization: Bearer orgform_...`", "Bearer")
    match = _TEXT.fullmatch(text.strip())
    return (match[1], match[2]) if match else ("", "")


def _checked(store: Store, sent: tuple[str, str]) -> Token:
    """Unknown and wrong are one answer; that a token was good once is told only to who has its secret."""
    id, secret = sent
    found = _found(store, id)
    right = hmac.compare_digest(_hash(secret), found[1] if found else _NOBODY)
    if found is None or not right:
        raise WrongToken(found[0] if found else None)
    token = found[0]
    state = token.state(now())
    if state != "active":
        since = token.revoked_at if state == "revoked" else token.expires_at
        raise _refused(f"{state}-token", f"this token ({token.id}) {'was revoked' if state == 'revoked' else 'expired'} at {since}")
    return token


def _audit_guess(store: Store, request: HttpRequest, token: Token) -> None:
    """Somebody knows the id of a token and not its secret. What fails is left: the refusal is what counts."""
    actor = f"somebody at {request.client.host}" if request.client else "somebody"
    with suppress(StoreError), store.transaction(wait=False) as connection:
        _audit(connection, token, "refuse", actor, client_of(request.headers))


def _audit(connection: sa.Connection, token: Token, action: str, actor: str, client: str) -> None:
    event = {"company": token.company, "time": now(), "actor": actor, "token": token.id, "client": client, "action": action}
    connection.execute(sa.insert(t.audit_events).values(**event, address=f"token/{token.id}"))


def _found(store: Store, id: str) -> tuple[Token, str] | None:
    with store.looking() as connection:
        row = connection.execute(_BY_ID, {"id": id}).first()
    return (Token(*row[:-1]), row[-1]) if row else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _refused(code: str, detail: str, challenge: str = _INVALID) -> Problem:
    return Problem(401, code, detail, headers={"www-authenticate": challenge})


def _hour() -> str:
    return time_text(datetime.now(UTC).replace(minute=0, second=0, microsecond=0))


class _Uses:
    """When tokens were used, to the hour. A process does it once an hour for a token, and what fails is left: it is only good to know."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hour = ""
        self._tried: set[str] = set()
        self._lock = threading.Lock()

    def note(self, token: Token, hour: str) -> None:
        if (token.used_at is None or token.used_at < hour) and self._first(token.id, hour):
            self._write(token.id, hour)

    def _first(self, id: str, hour: str) -> bool:
        with self._lock:
            if hour != self._hour:
                self._hour, self._tried = hour, set()
            first = id not in self._tried
            self._tried.add(id)
        return first

    def _write(self, id: str, hour: str) -> None:
        c = t.tokens.c
        later = sa.or_(c.used_at.is_(None), c.used_at < hour)
        try:
            with self._store.transaction(wait=False) as connection:
                connection.execute(sa.update(t.tokens).where(c.id == id, later).values(used_at=hour))
        except StoreError as e:
            if e.busy:  # a request that only reads must not wait for writers; the next one tries again
                with self._lock:
                    self._tried.discard(id)
