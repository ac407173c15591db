"""The Core API as the rest of this package uses it: shapes of its answers, lists through their pages, one request each.

Invariant: a list comes whole or not at all. An answer that is not the one its endpoint gives (another status, another shape) is no
answer: reads fail on it, and of a write nobody knows then whether it was done.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from orgform.codec import Struct, field
from orgform.providers.http import Answer, HttpError, Session

OK, CREATED, NO_CONTENT, NOT_FOUND = 200, 201, 204, 404


class Related(Struct, frozen=True):
    parent_folder: str | None = None


class Links(Struct, frozen=True):
    related: Related = Related()


class Company(Struct, frozen=True):
    id: str
    name: str


class Teammate(Struct, frozen=True):
    """`type` is `user` for people; everything else that is listed with them is a visitor or a bot."""

    id: str
    email: str
    type: str
    first_name: str | None = None
    last_name: str | None = None
    is_admin: bool = False
    is_blocked: bool = False

    @property
    def name(self) -> str:
        return " ".join(f"{self.first_name or ''} {self.last_name or ''}".split())


class Team(Struct, frozen=True):
    """A workspace, as lists show it."""

    id: str
    name: str


class TeamDetail(Team, frozen=True):
    members: list[Teammate]


class Group(Struct, frozen=True):
    id: str
    name: str
    is_managed_by_scim: bool
    description: str | None = None


class Inbox(Struct, frozen=True):
    id: str
    name: str
    is_public: bool
    is_private: bool = False


class Tag(Struct, frozen=True):
    id: str
    name: str
    description: str | None = None
    highlight: str | None = None


class Template(Struct, frozen=True):
    id: str
    name: str
    body: str
    subject: str | None = None
    links: Links = field(name="_links", default=Links())


class Folder(Struct, frozen=True):
    id: str
    name: str
    links: Links = field(name="_links", default=Links())


class Shift(Struct, frozen=True):
    id: str
    name: str
    color: str
    timezone: str
    times: dict[str, dict[str, str]]


T = TypeVar("T")


class Pagination(Struct, frozen=True):
    next: str | None = None


class Listed(Struct, Generic[T], frozen=True):
    results: list[T] = field(name="_results")
    pagination: Pagination | None = field(name="_pagination", default=None)

    @property
    def next(self) -> str | None:
        return self.pagination.next if self.pagination else None


class Api:
    """Raises `HttpError`, of which `maybe_done` says whether a write may have been done. `reads`, `writes`: answers
    that were good so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.reads = self.writes = 0

    def company(self) -> Company:
        answer: Answer[Company] = self._session.request("GET", "/me", idempotent=True, type=Company)
        self.reads += 1
        return answer.value

    def listed(self, path: str, shape: type[T]) -> list[T]:
        """Everything, by the links that lead from page to page. Front says nowhere how many there are: what contradicts itself is all
        that can be noticed."""
        found: dict[str, T] = {}
        led_here = False
        for page in self._session.pages(path, type=Listed[shape], following=lambda p: p.next):  # type: ignore[valid-type]
            self.reads += 1
            known = len(found)
            found.update((_id(item), item) for item in page.results)
            if len(found) != known + len(page.results):
                raise HttpError(f"GET {path}: what one page had comes once more")
            if not page.results and (led_here or page.next):
                raise HttpError(f"GET {path}: a page is empty, though another one led to it or it leads on")
            led_here = True
        return list(found.values())

    def one(self, path: str, shape: type[T]) -> T | None:
        """None where there is no such thing."""
        try:
            answer: Answer[T] = self._session.request("GET", path, idempotent=True, type=shape)
        except HttpError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        if _id(answer.value) != path.rpartition("/")[2]:
            raise HttpError(f"GET {path}: the answer is about {_id(answer.value)}")
        return answer.value

    def made(self, path: str, body: dict[str, Any], shape: type[T]) -> T:
        """What a POST made. Never repeated where it may have been done: Front has no idempotency keys, and names are not unique."""
        made: T = self._sent("POST", path, body, CREATED, shape, idempotent=False)
        return made

    def sent(self, method: str, path: str, body: dict[str, Any] | None = None, *, status: int = NO_CONTENT, shape: Any = None) -> None:
        """`status`: the one that this endpoint answers with when it did it. What is no POST may be repeated."""
        self._sent(method, path, body, status, shape, idempotent=method != "POST")

    def _sent(self, method: str, path: str, body: dict[str, Any] | None, status: int, shape: Any, *, idempotent: bool) -> Any:
        answer: Answer[Any] = self._session.request(method, path, json=body, idempotent=idempotent, type=shape)
        if answer.status != status:
            raise HttpError(f"{method} {path}: answered with {answer.status}, not with {status}", status=answer.status, maybe_done=True)
        self.writes += 1
        return answer.value


def _id(thing: Any) -> str:
    found: str = thing.id
    return found
