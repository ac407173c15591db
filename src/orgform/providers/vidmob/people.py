"""The people CSV: columns name, e-mail, role, workspaces, in any order and spelling. What does not fit is told with its line.

Invariant: pure. A file that is not wholly understood gives a problem and nobody: half a list of people is no list.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from orgform.codec import Struct
from orgform.errors import OrgformError
from orgform.formats import check, normalise

_COLUMNS: Final = {
    "email": ("email", "emailaddress"),
    "role": ("role", "organizationrole", "orgrole"),
    "workspaces": ("workspaces", "workspace"),
}
_ROLES: Final = ("Admin", "Standard")
_NOTHING: Final = frozenset({"", "-", "none", "n/a"})
_LETTERS: Final = re.compile(r"[^a-z]+")


class Unreadable(OrgformError):
    """The file is not what it should be: a sentence with the line."""


class Person(Struct, frozen=True):
    """`email`: case-folded; `role`: `Admin` or `Standard`; `workspaces`: ids."""

    email: str
    role: str
    workspaces: tuple[str, ...]


def people(data: bytes, workspaces: Mapping[str, str], file: str) -> list[Person]:
    """`workspaces`: id -> name, as the API has them; `file`: its name, for people. Raises `Unreadable`."""
    found: dict[str, int] = {}
    listed: list[Person] = []
    for line, row in _rows(data, file):
        try:
            person = Person(_email(row["email"]), _role(row["role"]), tuple(_named(row["workspaces"], workspaces)))
        except ValueError as error:
            raise Unreadable(f"{file}:{line}: {error}") from error
        if person.email in found:
            raise Unreadable(f"{file}:{line}: {person.email} stands in line {found[person.email]} already")
        found[person.email] = line
        listed.append(person)
    if not listed:
        raise Unreadable(f"{file} has no people in it, and an organization has at least one")
    return listed


def _rows(data: bytes, file: str) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"{file} is no UTF-8 text (byte {error.start}): download it again, and do not save it with a spreadsheet"
        ) from error
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        at = _columns(next(reader, []), file)
        for row in reader:
            if any(cell.strip() for cell in row):
                if len(row) <= max(at.values()):
                    raise Unreadable(f"{file}:{reader.line_num}: {len(row)} columns, where the first line has more")
                yield reader.line_num, {name: row[index].strip() for name, index in at.items()}
    except csv.Error as error:
        raise Unreadable(f"{file}:{reader.line_num}: {error}") from error


def _columns(head: Sequence[str], file: str) -> dict[str, int]:
    plain = [_LETTERS.sub("", cell.casefold()) for cell in head]
    at = {}
    for name, spellings in _COLUMNS.items():
        places = [index for index, word in enumerate(plain) if word in spellings]
        if len(places) != 1:
            has = ", ".join(cell.strip() for cell in head) or "nothing"
            what = "no column" if not places else "several columns"
            raise Unreadable(f"{file}:1: {what} `{name}` (it has: {has}); is it VidMob's people CSV?")
        at[name] = places[0]
    return at


def _email(text: str) -> str:
    if check("email", text):
        raise ValueError(f"{text!r} is no e-mail address")
    return normalise("email", text)


def _role(text: str) -> str:
    words = _LETTERS.split(text.casefold())
    fitting = [role for role in _ROLES if role.casefold() in words]
    if len(fitting) != 1:
        raise ValueError(f"{text!r} is no role of an organization: {' or '.join(_ROLES)}")
    return fitting[0]


def _named(cell: str, workspaces: Mapping[str, str]) -> Iterator[str]:
    """Ids of the workspaces that a cell names. A name may hold what stands between two."""
    if cell.casefold() in _NOTHING:
        return
    ids: dict[str, list[str]] = {}
    for id, name in workspaces.items():
        ids.setdefault(_plain(name), []).append(id)
    between = next((mark for mark in ("\n", ";", "|") if mark in cell and _plain(cell) not in ids), ",")
    parts = cell.split(between)
    at = 0
    while at < len(parts):
        ends = (end for end in range(len(parts), at, -1) if _plain(between.join(parts[at:end])) in ids)
        end = next(ends, None)
        if end is None:
            raise ValueError(f"there is no workspace {parts[at].strip()!r} that the API shows; download the CSV again")
        [*fitting] = ids[_plain(between.join(parts[at:end]))]
        if len(fitting) > 1:
            raise ValueError(f"{len(fitting)} workspaces are named {workspaces[fitting[0]]!r}, and the CSV has names only: rename one")
        yield fitting[0]
        at = end


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
