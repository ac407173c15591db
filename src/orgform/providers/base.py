"""The provider contract: what a platform's code declares and does. Providers import this, `kinds`, `model`, `errors`, `providers.http`.

A `ProviderSpec` is what an entry point of the group `orgform.providers` names: plain declarations, cheap to import, enough to validate
a config offline. Its `open` gives a `Provider`, which talks to one live system.

Invariant: a provider never plans. It reads everything of a kind or says that it did not, and it writes exactly the operations it is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from orgform.codec import Struct
from orgform.errors import ProviderError
from orgform.kinds import Kinds
from orgform.model import Action, Address, Attributes, Attribution, Live, kind_of

Reach = Literal["api", "manual", "none"]
#: `file`: from a file that the platform lets people download; `manual`: it cannot be read, so what was done is attested
ReadReach = Literal["api", "file", "manual", "none"]
#: one attribute: `api` read and written; `read` shown, never changed; `manual` changed by hand and read back; `attested` changed by hand,
#: and nothing reads it; `none` the platform has no such thing; `config` it has none either, and a config may keep it for its own people and
#: checks: it is never planned
FieldReach = Literal["api", "read", "manual", "attested", "none", "config"]
Verb = Literal["create", "update", "delete"]
ResultStatus = Literal["done", "stale", "failed", "unknown"]


class Guide(Struct, frozen=True):
    """How people do by hand what an API cannot. `where`: the way through the platform's pages; `who` may do it; `why` it cannot be done
    for them; `note`: what to mind. `labels`: attribute, own key or kind of the parent -> what the platform's form calls it. `whole`: an
    update enters everything anew, not only what is another."""

    where: str
    who: str = ""
    why: str = ""
    note: str = ""
    labels: dict[str, str] = {}
    whole: bool = False


class KindCapability(Struct, frozen=True):
    """How each verb reaches a kind on a platform: by its API, by hand, or not at all.

    `fields`: attributes that are reached in another way than `update` and `read` say; of a map all of it. A kind's own key (`email` of a
    member) among them says who gives something another key (`moved`): `manual` people do, `read` nobody. `guides`: verb, or `*` for the
    rest of them -> how it is done by hand. `refusals`: verb -> why the platform does not do that, as a sentence. `checked_by`: what
    reads it back where `read` is `file`, like "the people CSV". `after`: kinds below the same parent of which the platform wants what is
    new first: nobody works a shift who is not in its workspace yet.
    """

    read: ReadReach = "api"
    create: Reach = "api"
    update: Reach = "api"
    delete: Reach = "api"
    fields: dict[str, FieldReach] = {}
    guides: dict[str, Guide] = {}
    refusals: dict[str, str] = {}
    checked_by: str = ""
    after: tuple[str, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether anything but people's word tells what is there."""
        return self.read in ("api", "file")

    def field(self, name: str, verb: Verb = "update") -> FieldReach:
        """How an attribute is reached: what is said of it, else what is said of the kind."""
        own = self.fields.get(name)
        if own is not None:
            return own
        reach: Reach = getattr(self, verb)
        if reach == "api":
            return "api"
        if reach == "none":
            return "read"
        return "manual" if self.readable else "attested"

    def guide(self, verb: str) -> Guide | None:
        return self.guides.get(verb) or self.guides.get("*")


class Limit(Struct, frozen=True):
    """At most so many of a kind, in the whole target or (`per_parent`) under each entry of its parent. `text`: in the platform's words."""

    kind: str
    most: int
    text: str
    per_parent: bool = False


class Capabilities(Struct, frozen=True):
    """`kinds`: absent means the platform has no such thing; `None` means every kind there is, by API.

    `batch`: operations that one write call may hold (1: no batch). `page`: resources a list answer holds at most; `paging`: how pages
    follow each other. `requests_per_minute`, `requests_per_day`: None where no limit is known. `seconds_per_call`: what the estimate
    counts with. `idempotency`: whether a repeated create is told by a key, is harmless by itself, or neither.
    `sign_in_verified_domain`: people sign in only with an address at a domain that is verified.
    """

    kinds: dict[str, KindCapability] | None = None
    batch: int = 1
    page: int = 100
    paging: Literal["cursor", "offset", "link", "none"] = "cursor"
    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    seconds_per_call: float = 0.1
    idempotency: Literal["key", "natural", "none"] = "key"
    audit_log: bool = False
    optimistic_locking: bool = False
    #: right before a change it is read once more, and left alone where it is not as it was: what there is without optimistic locking
    rereads: bool = False
    sign_in_verified_domain: bool = False

    def of(self, kind: str) -> KindCapability | None:
        if self.kinds is None:
            return None if "." in kind else KindCapability()
        return self.kinds.get(kind)

    def refusal(self, operation: Operation) -> str:
        """Why an API does not do an operation, as a sentence; empty where the declaration says that it does. Of an update, each attribute
        that it names must be one that an API changes; of a create, what is made by hand afterwards may be named and is left out."""
        kind, verb = kind_of(operation.address), operation.action
        can = self.of(kind)
        if can is None:
            return f"there is no {kind} here"
        fields = {name: can.field(name, verb) for name in operation.attributes}
        if getattr(can, verb) != "api" and (verb != "update" or not fields or set(fields.values()) != {"api"}):
            return can.refusals.get(verb) or f"a {kind} has no API to {verb} it here"
        shut = sorted(name for name, how in fields.items() if how in ("read", "none", "config") or (verb == "update" and how != "api"))
        return f"nothing changes `{shut[0]}` of a {kind} by API here" if shut else ""


class Roles(Struct, frozen=True):
    """What a platform calls the roles. `names`: scope (`company`, `workspace`) -> its own names; empty where they are open words.
    `usual`: scope -> {our role: its name}, which a target's option `roles` changes."""

    names: dict[str, tuple[str, ...]] = {}
    usual: dict[str, dict[str, str]] = {}


class RoleNames:
    """Both ways between the config's roles and a platform's. A name that stands for none of ours comes through as the platform's own,
    `unleash:Auditor`: a role that somebody there calls `owner` is not ours of that name. No key of a role has a colon."""

    def __init__(self, roles: Roles, chosen: Mapping[str, str], platform: str = "platform") -> None:
        """`chosen`: the target's option `roles`: role of the config -> name on the platform. `platform`: the provider's name."""
        self._own = f"{platform}:"
        self._out: dict[str, dict[str, str]] = {}
        for scope in {*roles.usual, *roles.names}:
            usual = {ours: theirs for ours, theirs in roles.usual.get(scope, {}).items() if ours not in chosen}
            closed = roles.names.get(scope, ())
            taken = {ours: theirs for ours, theirs in chosen.items() if not closed or theirs in closed}
            given = set(taken.values())
            self._out[scope] = {**{o: t for o, t in usual.items() if t not in given}, **taken}

    def known(self, scope: str) -> dict[str, str]:
        """Our role -> its name there."""
        return self._out.get(scope, {})

    def out(self, scope: str, role: str) -> str:
        return self.known(scope).get(role) or (role.removeprefix(self._own) if scope in self._out else role)

    def back(self, scope: str, name: str, others: Collection[str] = ()) -> str:
        """`others`: all names of roles there, where a platform tells upper from lower case: one that is called `admin` beside `Admin` is
        another one."""
        if scope not in self._out:
            return name  # roles have the config's own names there
        ours = {theirs: role for role, theirs in self.known(scope).items()}
        alike = {theirs.casefold(): role for theirs, role in ours.items() if theirs not in others}
        return ours.get(name) or alike.get(name.casefold()) or f"{self._own}{name}"


class Declared(Struct, frozen=True):
    """What a provider's own check of a config gets: the target's options, and what the target is to take, by address."""

    options: Mapping[str, Any]
    resources: Mapping[Address, Attributes]
    roles: RoleNames


def takes_everything(declared: Declared) -> Iterable[Finding]:
    """The check of a platform that has nothing of its own to say."""
    return ()


class Finding(Struct, frozen=True):
    """Something in a config that the platform would not take (or, as advice, that its own pages warn of). `path` leads to the attribute;
    `fix` says what to write instead."""

    address: Address
    summary: str
    fix: str
    path: tuple[str, ...] = ()
    advice: bool = False


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
    """What a provider gets to open a target. `secret(name)` reads the option's secret at this moment; it is never kept.
    `secret("tokens.x")`: one of an option that is a map of them."""

    name: str
    options: Mapping[str, Any]
    folder: Path
    kinds: Kinds
    secret: Callable[[str], str]
    max_wait: float = 30.0
    run: str = ""
    #: percent of the system's quota that is left to others
    reserve: float = 0.0
    roles: RoleNames = RoleNames(Roles(), {})
    #: system -> what was last applied there and the config call their resources: pairs what a platform knows by a name with an address
    labels: Callable[[str], Mapping[Address, str]] = lambda system: {}
    #: system -> everything that the config wants or base has, for a platform that lists nothing: what is not asked for by name is not seen
    known: Callable[[str], Collection[Address]] = lambda system: ()
    #: the user's cache folder, for what is worth keeping between runs and may get lost; None: nothing is kept
    cache: Path | None = None


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
    #: the platform's name for people; empty: the provider's
    title: str = ""
    roles: Roles = Roles()
    #: by the target's options, since plans differ
    limits: Callable[[Mapping[str, Any]], tuple[Limit, ...]] = lambda options: ()
    #: what else the platform would not take, told at the config's lines before any call; pure
    check: Callable[[Declared], Iterable[Finding]] = takes_everything
    hosts: tuple[str, ...] = ()
