"""Webex Interact: workspaces, teammates, templates and what pays for them. Its API sends messages and nothing else, so all is done by hand.

Invariant: declarations and checks only. Facts are of its help pages ("Introduction to workspaces", "Invite and manage teammates in
workspaces", "Teammates", "Automatic payments"); where they name no path the guide says so and does not make one up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from orgform.model import key_of, kind_of
from orgform.providers.base import (
    Capabilities,
    Declared,
    Finding,
    Guide,
    KindCapability,
    Limit,
    Provider,
    ProviderSpec,
    Roles,
    TargetContext,
)
from orgform.providers.by_hand import ACCOUNT, LABELS, by_hand, open_by_hand, without_groups

__all__ = ["spec"]

TITLE: Final = "Webex Interact"
MOST_USERS: Final = 50
_OWNER: Final = "the Account Owner"
_OWNERS: Final = "an Account Owner"
_TEAM: Final = "an Owner or an Administrator; an Administrator manages Marketers only"
_NO_API: Final = "its API sends messages (POST /v1/sms), and has nothing for accounts"
_WORKSPACES: Final = "the workspaces page"
_TEAMMATES: Final = "Account details -> Teammates"
_ENABLED: Final = "workspaces must be enabled for the account first: ask Webex Interact's support"
_MONEY: Final = "the workspace (dropdown in the side menu) -> Automatic payments"
_LOOK: Final = "look again now and then: a charge that fails switches it off, and nothing here would see it"


def _guide(labels: dict[str, str], where: str, who: str, note: str = "", *, whole: bool = False) -> Guide:
    return Guide(where, who, _NO_API, note, labels, whole)


_C: Final = {"name": "Account name"}
_W: Final = {"key": "Workspace name", "name": "Workspace name"}
_M: Final = {"email": "E-mail", "name": "Name", "role": "Role"}
_R: Final = {"workspace": "Workspace", "principal": "Teammate", "role": "Role (of the account)"}
#: who is let in keeps the role of the account: the page asks for none, and the usual one of the config would be said of an Owner, too
_LET_IN: Final = {"workspace": "Workspace", "principal": "Teammate"}
_T: Final = {"workspace": "Workspace", "name": "Name", "key": "Template", "subject": "Subject", "body": "Text"}
_TOP_UP: Final = {
    "workspace": "Workspace",
    "threshold": "When the balance falls below",
    "amount": "Top up by",
    "max_per_month": "At most so many times a month",
    "currency": "Currency",
    "enabled": "Switched on",
}
_RECHARGE: Final = {
    "workspace": "Workspace",
    "amount": "Recharge by",
    "day": "On day of the month",
    "currency": "Currency",
    "enabled": "Switched on",
}
_TRANSFER: Final = {"from": "From workspace", "to": "To workspace", "amount": "Amount", "currency": "Currency"}

_COMPANY: Final = by_hand(
    {
        "create": _guide(
            _C, "Account details", _OWNER, f"the account is there since you signed up: only see that it has this name; {_ENABLED}"
        ),
        "*": _guide(_C, "Account details", _OWNER),
    },
    {"primary_domain": "config", "description": "config", **LABELS},
    {"delete": "an account is closed with Webex Interact's support, not in its pages"},
)
_WORKSPACE: Final = by_hand(
    {
        "create": _guide(_W, f"{_WORKSPACES} -> create a workspace", _OWNERS, f"{_ENABLED}; teammates and payments are steps of their own"),
        "delete": _guide(
            _W,
            f"{_WORKSPACES} -> the menu (three dots) of the workspace; where it does not offer it, ask support",
            _OWNERS,
            "its campaigns, reports, contact lists, templates and developer configurations go with it; transfer its balance first",
        ),
        "*": _guide(_W, f"{_WORKSPACES} -> the menu (three dots) of the workspace", _OWNERS),
    },
    {"description": "none", "parent": "none", "region": "none", "settings": "none", **LABELS},
)
_MEMBER: Final = by_hand(
    {
        "create": _guide(
            _M,
            f"{_TEAMMATES} -> invite (e-mail and role)",
            _TEAM,
            "the account must be verified; somebody new gets an e-mail to join; there is another Owner only by transferring ownership",
        ),
        "update": _guide(_M, f"{_TEAMMATES} -> the teammate -> edit", _TEAM, "the role is the same in every workspace"),
        "delete": _guide(_M, f"{_TEAMMATES} -> the teammate -> delete", _TEAM),
    },
    {"title": "none", **LABELS},
)
_MEMBERSHIP: Final = by_hand(
    {
        "create": _guide(
            _LET_IN,
            f"{_WORKSPACES} -> the menu (three dots) of the workspace -> manage teammates -> add",
            _TEAM,
            "somebody who is in the account has access at once; the role is the account's",
        ),
        "update": _guide(
            _R, f"{_TEAMMATES} -> the teammate -> edit", _TEAM, "the role is the account's: it changes in every workspace at once"
        ),
        "delete": _guide(_R, f"{_WORKSPACES} -> the menu (three dots) of the workspace -> manage teammates -> remove", _TEAM),
    },
)
_TEMPLATE: Final = by_hand({"*": _guide(_T, "the workspace (dropdown in the side menu) -> Templates", "any teammate of the workspace")})
_AUTO_TOP_UP: Final = by_hand({"*": _guide(_TOP_UP, f"{_MONEY} -> Auto Top-up", _OWNER, _LOOK, whole=True)})
_MONTHLY: Final = by_hand({"*": _guide(_RECHARGE, f"{_MONEY} -> Monthly auto-recharge", _OWNER, _LOOK, whole=True)})
_TRANSFERS: Final = by_hand(
    {
        "create": _guide(
            _TRANSFER,
            f"{_WORKSPACES} -> the workspace that gives -> transfer balance (where none gives: the one that gets -> add balance)",
            _OWNER,
            "see the transaction history of both workspaces first, in case it was done already: once attested it is never asked for again",
        )
    },
    None,
    {
        "update": "a transfer is done once; another one has an id of its own",
        "delete": "a transfer is never taken back; one the other way has an id of its own",
    },
)

KINDS: Final[dict[str, KindCapability]] = {
    "company": _COMPANY,
    "workspace": _WORKSPACE,
    "member": _MEMBER,
    "membership": _MEMBERSHIP,
    "message_template": _TEMPLATE,
    "auto_top_up": _AUTO_TOP_UP,
    "monthly_recharge": _MONTHLY,
    "transfer": _TRANSFERS,
}
_CAN: Final = Capabilities(kinds=KINDS, page=1, paging="none", idempotency="none")
ROLES: Final = ("Owner", "Administrator", "Marketer")


def _open(context: TargetContext) -> Provider:
    return open_by_hand("webex-interact", TITLE, _CAN, context)


def _check(declared: Declared) -> Iterator[Finding]:
    yield from without_groups(declared, TITLE)
    yield from _one_role(declared)
    yield from _one_owner(declared)
    yield from _moves_nothing(declared)


def _one_role(declared: Declared) -> Iterator[Finding]:
    """Roles are held at the account: a teammate has the same one everywhere."""
    held: dict[str, tuple[str, str]] = {}
    for address, attributes in declared.resources.items():
        if kind_of(address) == "member" and attributes.get("role"):
            held[key_of(address)] = (declared.roles.out("company", str(attributes["role"])), "the account")
    for address, attributes in declared.resources.items():
        if kind_of(address) == "membership" and attributes.get("role"):
            workspace, _, person = key_of(address).partition("/")
            role = declared.roles.out("workspace", str(attributes["role"]))
            first, where = held.setdefault(person, (role, workspace))
            if first != role and not person.startswith("group:"):
                what = f"{person} is {role} in {workspace} and {first} in {where}: {TITLE} has one role for a teammate, in all workspaces"
                yield Finding(address, what, f"choose one of the two, here and in {where}", ("role",))


def _one_owner(declared: Declared) -> Iterator[Finding]:
    owners = [
        a
        for a, own in declared.resources.items()
        if kind_of(a) == "member" and own.get("role") and declared.roles.out("company", str(own["role"])) == "Owner"
    ]
    for address in owners[1:]:
        what = f"{key_of(address)} would be a second Owner after {key_of(owners[0])}, and the account holder is one person"
        yield Finding(
            address, what, "make all others administrators; ownership moves by Transfer Ownership, by hand", ("role",), advice=True
        )


def _moves_nothing(declared: Declared) -> Iterator[Finding]:
    for address, attributes in declared.resources.items():
        if kind_of(address) == "transfer" and attributes.get("from") == attributes.get("to"):
            yield Finding(address, f"{key_of(address)} moves balance from {attributes['to']} to itself", "name two workspaces", ("from",))


def _limits(options: Mapping[str, Any]) -> tuple[Limit, ...]:
    return (Limit("member", MOST_USERS, "an account has up to 50 users"),)


spec = ProviderSpec(
    name="webex-interact",
    title=TITLE,
    summary="Workspaces, teammates, templates, payments and transfers of Webex Interact, as steps by hand: it has no API for them.",
    options={
        "type": "object",
        "properties": {"account": dict(ACCOUNT)},
        "additionalProperties": False,
    },
    capabilities=_CAN,
    open=_open,
    roles=Roles(
        names={"company": ROLES, "workspace": ROLES},
        usual={
            "company": {"owner": "Owner", "admin": "Administrator", "standard": "Marketer"},
            "workspace": {"admin": "Administrator", "member": "Marketer"},
        },
    ),
    limits=_limits,
    check=_check,
)
