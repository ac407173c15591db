"""What the target's options say of groups: which of them stand for a role, and which are called otherwise than in the config.

    groups:
      company: {owner: Acme Owners, admin: Acme Admins}
      workspace:
        brand-x-us: {admin: Brand X US Admins, member: Brand X US}
      named: {support: 6c5bb468-14b2-4183-baf2-06d523e03bd3}
      make: true

Invariant: a group stands for one role in one place. Roles are told in the order they are written: whoever is in several groups of one place
has the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orgform.codec import Struct
from orgform.model import Address, parts_of
from orgform.providers.base import Declared, Finding
from orgform.providers.scim.vendors import vendor_named

BASE_ROLE = "standard"


class Slot(Struct, frozen=True):
    """A role and the group that stands for it. `workspace` is empty for the company; `word`: the group's id or name."""

    workspace: str
    role: str
    word: str

    def __str__(self) -> str:
        return f"the role {self.role} of " + (f"workspace {self.workspace}" if self.workspace else "the company")


class Layout(Struct, frozen=True):
    """`named`: key -> id or name. `make`: a role's group that is missing is made when its first person comes. `base_role`: the company role
    of those who are in no group of the company's."""

    slots: tuple[Slot, ...] = ()
    named: dict[str, str] = {}
    make: bool = False
    base_role: str = BASE_ROLE

    def of(self, workspace: str) -> tuple[Slot, ...]:
        return tuple(s for s in self.slots if s.workspace == workspace)

    def slot(self, workspace: str, role: str) -> Slot | None:
        return next((s for s in self.slots if (s.workspace, s.role) == (workspace, role)), None)


def layout_of(options: Mapping[str, Any]) -> Layout:
    groups: Mapping[str, Any] = options.get("groups", {})
    company = [Slot("", role, word) for role, word in groups.get("company", {}).items()]
    workspaces = [Slot(w, role, word) for w, roles in groups.get("workspace", {}).items() for role, word in roles.items()]
    named, make = dict(groups.get("named", {})), bool(groups.get("make", False))
    return Layout((*company, *workspaces), named, make, str(options.get("base_role", BASE_ROLE)))


def check(declared: Declared) -> Iterator[Finding]:
    """What no group stands for, at the lines that ask for it."""
    layout, vendor = layout_of(declared.options), vendor_named(str(declared.options.get("vendor", "")))
    seen: dict[str, Slot] = {}
    twice = [(s, seen[s.word.casefold()]) for s in layout.slots if seen.setdefault(s.word.casefold(), s) != s]
    for address, attributes in declared.resources.items():
        kind, *parts = address.split("/")
        if kind == "member":
            yield from _member(address, attributes.get("role"), layout)
        elif kind == "membership":
            yield from _membership(address, attributes.get("role"), layout)
            if parts[-1].startswith("group:") and not vendor.nested_groups:
                yield Finding(address, f"{vendor.title} takes no group inside a group", "list the people of the group one by one")
        for one, other in twice:
            if (kind, one.workspace) in (("member", ""), ("membership", parts[0])):
                yield Finding(address, f"the group {one.word!r} stands for {one} and for {other}", "give each role a group of its own")


def _member(address: Address, role: Any, layout: Layout) -> Iterator[Finding]:
    if role and role != layout.base_role and not layout.slot("", role):
        fix = f"say which group it is in the target: `groups: {{company: {{{role}: NAME OF THE GROUP}}}}`"
        yield Finding(address, f"no group stands for the company role {role}", fix + _known(layout.of("")), ("role",))


def _membership(address: Address, role: Any, layout: Layout) -> Iterator[Finding]:
    workspace, principal = parts_of(address)
    known = layout.of(workspace)
    if role and not layout.slot(workspace, role):
        fix = f"say which group it is in the target: `groups: {{workspace: {{{workspace}: {{{role}: NAME OF THE GROUP}}}}}}`"
        yield Finding(address, f"no group stands for the role {role} in workspace {workspace}", fix + _known(known), ("role",))
    elif not role and not known:
        fix = (
            f"write a role here, and which group it is in the target: `groups: {{workspace: {{{workspace}: {{ROLE: NAME OF THE GROUP}}}}}}`"
        )
        yield Finding(address, f"no group stands for any role in workspace {workspace}, so nobody can be in it", fix)
    elif not role:
        what = f"{principal} is in workspace {workspace} by the group of a role, and none is written here: a new one cannot be made"
        yield Finding(address, what, f"write the role, one of {', '.join(s.role for s in known)}", advice=True)


def _known(slots: Iterable[Slot]) -> str:
    names = ", ".join(s.role for s in slots)
    return f"; there are groups for {names}" if names else ""
