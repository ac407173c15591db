"""The provider contract: what a platform's code declares and does. Providers import this, `kinds`, `model`, `errors`, `providers.http`.

A `ProviderSpec` is what an entry point of the group `orgform.providers` names: plain declarations, cheap to import, enough to validate
a config offline. Its `open` gives a `Provider`, which talks to one live system.

Invariant: a provider never plans. It reads everything of a kind or says that it did not, and it writes exactly the operations it is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from orgform.codec import Struct
from orgform.errors import ProviderError
from orgform.kinds import Kinds
from orgform.model import Action, Address, Attributes, Attribution, Live

Reach = Literal["api", "manual", "none"]
ResultStatus = Literal["done", "stale", "failed", "unknown"]


class KindCapability(Struct, frozen=True):
    """How each verb reaches a kind on a platform: by its API, by hand, or not at all. `fields` overrides single attributes."""

    read: Reach = "api"
    create: Reach = "api"
    update: Reach = "api"
    delete: Reach = "api"
    fields: dict[str, Reach] = {}


class Capabilities(Struct, frozen=True):
    """`kinds`: absent means the platform has no such thing; `None` means every kind there is, by API.

    `batch`: operations that one write call may hold (1: no batch). `page`: resources a list answer holds at most.
    `requests_per_minute`: None where no limit is known. `seconds_per_call`: what the estimate counts with. `sign_in_verified_domain`:
    people sign in only with an address at a domain that is verified.
    """

    kinds: dict[str, KindCapability] | None = None
    batch: int = 1
    page: int = 100
    requests_per_minute: int | None = None
    seconds_per_call: float = 0.1
    audit_log: bool = False
    optimistic_locking: bool = False
    sign_in_verified_domain: bool = False

    def of(self, kind: str) -> KindCapability | None:
        return KindCapability() if self.kinds is None else self.kinds.get(kind)


class ReadResult(Struct, frozen=True):
    """Everything of one kind. `complete` is False where a page failed or counts disagree; `problem` then says which and why.

    Nothing is ever deleted on the strength of an incomplete read.
    """

    kind: str
    resources: dict[Address, Live]
    complete: bool = True
    problem: str = ""


class Operation(Struct, frozen=True):
    """One write. `attributes`: for a create all of them; for an update a merge patch (RFC 7396: nested maps merge, `None` removes;
    a value that the kind does not manage key by key is replaced whole); for a delete empty.

    `etag` is of the live resource as it was read (`None` for a create: it must not exist yet; `*`: it must exist).

    `key` is the same for every attempt
    at this operation, so that a platform with idempotency keys does it once. `moved_from`: an update that renames.
    """

    action: Action
    address: Address
    attributes: Attributes = {}
    etag: str | None = None
    id: str = ""
    key: str = ""
    moved_from: Address | None = None


class Result(Struct, frozen=True):
    """What became of one operation. `done`: it holds now (a delete of what is gone already, too). `stale`: the precondition failed,
    nothing was done. `failed`: refused, nothing was done; `detail` is a sentence for people. `unknown`: cut off, it may have been done.
    """

    status: ResultStatus
    detail: str = ""
    etag: str | None = None


class Event(Struct, frozen=True):
    """One line of a platform's audit log: who changed a resource, when (ISO 8601 in UTC) and through what.

    `before`/`after`: its attributes, `None` where it was not there. Both are `None` where the log does not tell what was changed.
    """

    actor: str
    time: str
    client: str = ""
    before: Attributes | None = None
    after: Attributes | None = None


class Challenge(Struct, frozen=True):
    """What proves to a live system that a domain is the company's: a DNS record that only its owner can set.

    `status`: the platform's word, `verified` where nothing has to be done any more. `record` is the record's whole name, `value` its
    text. `expires`: ISO 8601 UTC, empty where it does not; `detail`: what was found when it was looked for last.
    """

    address: Address
    status: str
    record: str = ""
    value: str = ""
    type: str = "TXT"
    expires: str = ""
    detail: str = ""


class Provider(ABC):
    """One live system, open. Methods may be called from several threads, except `close`."""

    capabilities: Capabilities

    @property
    @abstractmethod
    def system(self) -> str:
        """The live system's name, the same on every run, free of secrets: `https://api.acme.example`. Keys the ledger's base."""

    @abstractmethod
    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        """One result for each kind, complete or marked as not. Raises `ReadFailed` where nothing can be read at all."""

    @abstractmethod
    def write(self, operations: Sequence[Operation]) -> list[Result]:
        """Does up to `capabilities.batch` operations in order; one result each, in that order. Never raises for what an answer says."""

    def own_member(self) -> Address | None:
        """The member that the credentials belong to, where they belong to one."""
        return None

    def check_writable(self) -> None:
        """Asked once before an apply begins, where there is something to write. Raises `ProviderError` where nothing may be written at
        all: with a token that may read only, say. What it cannot know is no reason to."""
        return

    def events(self, addresses: Iterable[Address]) -> dict[Address, list[Event]]:
        """What the platform's audit log says of these, also of what is gone: newest first, and no more than a few calls are worth.

        Asked of resources that drifted. Never raises: who did it is good to know, and nothing to stop for.
        """
        return {}

    def attributions(self, addresses: Iterable[Address]) -> dict[Address, Attribution]:
        """Who last changed these."""
        return {a: Attribution(e[0].actor, e[0].time, e[0].client) for a, e in self.events(addresses).items() if e}

    def challenges(self) -> list[Challenge]:
        """Every domain that this system knows, with what proves it. Empty where the platform verifies in another way."""
        return []

    def verify(self, address: Address, *, restart: bool = False) -> Challenge:
        """Asks the platform to look for the record now. `restart`: a new record, where the old one's time is over.

        Raises `ProviderError` where the platform cannot, or refuses.
        """
        raise ProviderError(f"{self.system} has no way to verify {address} that is known here")

    def close(self) -> None:  # noqa: B027 - nothing to close is a valid answer
        pass


class TargetContext(Struct, frozen=True):
    """What a provider gets to open a target. `secret(name)` reads the option's secret at this moment; it is never kept."""

    name: str
    options: Mapping[str, Any]
    folder: Path
    kinds: Kinds
    secret: Callable[[str], str]
    max_wait: float = 30.0
    run: str = ""
    #: percent of the system's quota that is left to others
    reserve: float = 0.0


class ProviderSpec(Struct, frozen=True):
    """The declaration of a provider. `options`: JSON Schema of the target's own keys (an object schema).

    `secrets`: options that must be secret references. `origin(options)`: scheme, host and port that secrets would be sent to, or `None`
    where nothing leaves the process. `words`: attribute -> the platform's own list where it is closed (`{"workspace.region": (...)}`).
    `hosts`: other hosts that the platform's links and redirects may lead to, and that get the token then: `api.acme.example`, or
    `*.acme.example` for every name below. Handed to `providers.http.Session`, which follows no other link, and these by the same scheme and
    port only. They stand in the provider's code: no config can add one.
    """

    name: str
    summary: str
    options: Mapping[str, Any]
    capabilities: Capabilities
    open: Callable[[TargetContext], Provider]
    secrets: tuple[str, ...] = ()
    origin: Callable[[Mapping[str, Any]], str | None] = lambda options: None
    words: Mapping[str, tuple[str, ...]] = {}
    #: option names that are paths below the config folder
    paths: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
