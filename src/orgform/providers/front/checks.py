"""What Front would not take of a config, told at the config's lines. Pure.

Invariant: an error is what Front refuses for sure; what depends on things the config does not hold is advice.
"""

from __future__ import annotations

from collections.abc import Iterator

from orgform.model import Address, Attributes, address_of, kind_of, parts_of
from orgform.providers.base import Declared, Finding

LONGEST_TAG = 64


def check(declared: Declared) -> Iterator[Finding]:
    for address, own in declared.resources.items():
        kind = kind_of(address)
        if kind == "tag":
            yield from _tag(address, own)
        elif kind == "inbox":
            yield from _inbox(address, own)
        elif kind == "shift":
            yield from _shift(address, own, declared)


def _tag(address: Address, own: Attributes) -> Iterator[Finding]:
    name = str(own.get("name") or parts_of(address)[-1])
    if len(name) > LONGEST_TAG:
        fix = f"shorten it to {LONGEST_TAG} characters"
        yield Finding(
            address, f"a tag's name of {len(name)} characters, and Front takes {LONGEST_TAG}", fix, ("name",) if own.get("name") else ()
        )


def _inbox(address: Address, own: Attributes) -> Iterator[Finding]:
    if own.get("members") and own.get("public", True):
        yield Finding(
            address,
            "an inbox that is public is everybody's in its workspace, so Front keeps no members for it",
            "write `public: false`, or remove `members`",
            ("members",),
        )


def _shift(address: Address, own: Attributes, declared: Declared) -> Iterator[Finding]:
    """Whoever works a shift must be in its workspace; company admins are in all of them."""
    workspace = parts_of(address)[0]
    through = {m for group in _groups_in(workspace, declared) for m in group.get("members") or ()}
    for email in own.get("members") or ():
        granted = address_of("membership", workspace, email) in declared.resources
        admin = declared.roles.out("company", str(declared.resources.get(address_of("member", email), {}).get("role"))) == "company admin"
        if not (granted or admin or email in through):
            fix = f"give {email} access to {workspace}, if they do not have it"
            yield Finding(
                address,
                f"Front lets only people of its workspace work a shift, and {email} is not in {workspace} here",
                fix,
                ("members",),
                advice=True,
            )


def _groups_in(workspace: str, declared: Declared) -> Iterator[Attributes]:
    for address in declared.resources:
        if kind_of(address) == "membership" and parts_of(address)[0] == workspace and parts_of(address)[1].startswith("group:"):
            yield declared.resources.get(address_of("group", parts_of(address)[1].removeprefix("group:")), {})
