"""VidMob as a live system: organization and workspaces by its API, people by the CSV. It writes nothing.

Invariant: a list that is not wholly there is not complete. Who is an organization Admin is an Admin of every workspace: that is never said
as memberships, besides those that the config or what was applied has in just these words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from orgform import __version__
from orgform.codec import replace
from orgform.errors import ReadFailed
from orgform.model import Address, Live, address_of, key_of, kind_of
from orgform.providers.base import Capabilities, Operation, Provider, ReadResult, Result, TargetContext
from orgform.providers.http import HttpError, Session
from orgform.providers.naming import Thing, keyed, labelled
from orgform.providers.vidmob import DOWNLOAD, PEOPLE, URL, spec
from orgform.providers.vidmob.people import Person, Unreadable, people

MOST_BYTES: Final = 64 * 2**20


class VidMob(Provider):
    """`organization`: id and name, as they were when the target was opened."""

    def __init__(self, session: Session, context: TargetContext, capabilities: Capabilities, url: str, organization: Thing) -> None:
        self.capabilities = capabilities
        self._session, self._context, self._organization = session, context, organization
        self._system = f"{url}#{organization.id}"

    @property
    def system(self) -> str:
        return self._system

    def close(self) -> None:
        self._session.close()

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [Result("failed", self.capabilities.refusal(operation)) for operation in operations]

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        reading = _Reading(self._session, self._context, self._organization, self._system)
        for kind in kinds:
            try:
                yield ReadResult(kind, reading.of(kind) if self._reads(kind) else {}, complete=self._reads(kind), problem=self._why(kind))
            except (HttpError, Unreadable) as error:
                yield ReadResult(kind, {}, complete=False, problem=error.message)

    def _reads(self, kind: str) -> bool:
        can = self.capabilities.of(kind)
        return can is not None and can.readable

    def _why(self, kind: str) -> str:
        return "" if self._reads(kind) else f"nothing but people can read a {kind} of VidMob"


class _Reading:
    """What one read asks for once, whatever kinds it is for."""

    def __init__(self, session: Session, context: TargetContext, organization: Thing, system: str) -> None:
        self._session, self._context, self._organization, self._system = session, context, organization, system

    def of(self, kind: str) -> dict[Address, Live]:
        """Everything of a kind. Raises `HttpError`, `Unreadable`."""
        found: dict[str, Any] = {"company": self._company, "workspace": self._spaces, "member": self._members, "membership": self._grants}
        return dict(found[kind]())

    def _company(self) -> Iterator[tuple[Address, Live]]:
        yield address_of("company", "company"), Live({"name": self._organization.name}, id=self._organization.id)

    def _spaces(self) -> Iterator[tuple[Address, Live]]:
        for thing in self._workspaces:
            yield address_of("workspace", self._keys[thing.id]), Live({"name": thing.name}, id=thing.id)

    def _members(self) -> Iterator[tuple[Address, Live]]:
        for person in self._people:
            yield address_of("member", person.email), Live({"role": self._context.roles.back("company", person.role)}, id=person.email)

    def _grants(self) -> Iterator[tuple[Address, Live]]:
        known = {a for a in self._context.known(self._system) if kind_of(a) == "membership"}
        admin = self._context.roles.back("workspace", "Admin")
        for person in self._people:
            if person.role == "Admin":
                implied = (address_of("membership", key, person.email) for key in self._keys.values())
                yield from ((a, Live({"role": admin}, id=key_of(a))) for a in implied if a in known)
            else:
                for id in person.workspaces:
                    yield address_of("membership", self._keys[id], person.email), Live({}, id=f"{id}/{person.email}")

    @cached_property
    def _workspaces(self) -> list[Thing]:
        answer: Any = self._session.request("GET", "workspaces", idempotent=True).value
        listed = unwrapped(answer, "workspaces")
        if not isinstance(listed, list):
            raise HttpError("GET /workspaces: VidMob answered with something else than a list")
        things = [_thing(each, "workspaces") for each in listed]
        if len({thing.id for thing in things}) != len(things):
            raise HttpError("GET /workspaces: VidMob listed a workspace twice, so something else may be missing")
        _whole(answer, len(things))
        return things

    @cached_property
    def _keys(self) -> dict[str, str]:
        """Id -> key."""
        given = self._context.options.get("workspaces") or {}
        labels = labelled("workspace", self._context.labels(self._system))
        return keyed(self._workspaces, given=given, labels=labels, what="workspaces")

    @cached_property
    def _people(self) -> list[Person]:
        name = str(self._context.options["people_csv"])
        return people(_content(self._context.folder / name, name), {thing.id: thing.name for thing in self._workspaces}, name)


def unwrapped(answer: Any, what: str) -> Any:
    """What was asked for: some answers have it in `{status: "OK", result: ...}`. Raises `HttpError`."""
    if not isinstance(answer, dict) or "status" not in answer:
        return answer
    if answer["status"] != "OK" or "result" not in answer:
        raise HttpError(f"GET /{what}: VidMob says {str(answer['status'])[:80]!r} and has no result")
    return answer["result"]


def _whole(answer: Any, count: int) -> None:
    """Its reference knows no pages of workspaces; where an answer tells of some all the same, the list is not all there is."""
    pages = answer.get("pagination") if isinstance(answer, dict) else None
    told = (
        [value for name, value in pages.items() if "total" in name.casefold() and isinstance(value, int)] if isinstance(pages, dict) else []
    )
    if any(total > count for total in told):
        raise HttpError(
            f"GET /workspaces: VidMob has {max(told):,} workspaces and listed {count:,}, and nothing says how to ask for the others"
        )


def _thing(value: Any, what: str) -> Thing:
    id, name = (value.get("id"), value.get("name")) if isinstance(value, dict) else (None, None)
    if isinstance(id, bool) or not isinstance(id, int | str) or not str(id) or not isinstance(name, str):
        raise HttpError(f"GET /{what}: VidMob answered with something that has no id and name")
    return Thing(str(id), name)


def _content(file: Path, name: str) -> bytes:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise Unreadable(f"{name} is larger than {MOST_BYTES // 2**20} MB: that is no people CSV")
        return file.read_bytes()
    except OSError as error:
        raise Unreadable(f"{name} cannot be read ({error.strerror}); download it: {DOWNLOAD}") from error


def open_vidmob(context: TargetContext) -> VidMob:
    """Asks whose the key is. Raises `ReadFailed` where it is not good, or there is no VidMob."""
    url = str(context.options.get("url", URL)).rstrip("/")
    session = Session(
        url, token=context.secret("token"), max_wait=context.max_wait, user_agent=f"orgform/{__version__}", reserve=context.reserve
    )
    try:
        organization = _thing(unwrapped(session.request("GET", "organization", idempotent=True).value, "organization"), "organization")
    except HttpError as error:
        session.close()
        hint = "make a key in VidMob: Admin Settings -> API keys" if error.status in (401, 403) else error.hint
        what = "" if error.status is None else f"{url} does not say whose the key is: "
        raise ReadFailed(f"target {context.name}: {what}{error.message}", hint=hint) from error
    return VidMob(session, context, _narrowed(context.options), url, organization)


def _narrowed(options: Mapping[str, Any]) -> Capabilities:
    """Without the CSV nobody but people knows who is there."""
    if options.get("people_csv"):
        return spec.capabilities
    kinds = dict(spec.capabilities.kinds or {})
    kinds |= {kind: replace(kinds[kind], read="manual", checked_by="") for kind in PEOPLE}
    return replace(spec.capabilities, kinds=kinds)
