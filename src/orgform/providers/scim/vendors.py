"""What servers do otherwise than RFC 7644 says, as data: one line of `VENDORS` each, chosen by the target's option `vendor`.

Invariant: nothing in the client asks who the vendor is, only what a quirk says. What stands here was said by the vendor or seen there;
without a vendor the standard holds.
"""

from __future__ import annotations

from orgform.codec import Struct


class Vendor(Struct, frozen=True):
    """`capital_ops`: PATCH takes `Add`, `Replace`, `Remove` only. `hides_members`: a group's `members` are always empty in answers, so each
    user is asked for by a filter. `most_members`: a group's answer shows no more than these (0: all). `most_changes`: members that one
    request may add or remove. `cursor`: pages come by cursor though the server does not announce it. `page`: resources a page holds at
    most. `bulk`, `groups`, `etags`: False where there are none, whatever the server announces. `full_names`: a user needs a given and a
    family name. `nested_groups`: a group may be in a group.
    """

    title: str
    capital_ops: bool = False
    hides_members: bool = False
    most_members: int = 0
    most_changes: int = 100
    cursor: bool = False
    page: int = 100
    bulk: bool = True
    etags: bool = True
    groups: bool = True
    full_names: bool = False
    nested_groups: bool = True
    notes: tuple[str, ...] = ()


STANDARD = Vendor("a SCIM server")

VENDORS: dict[str, Vendor] = {
    "aws-identity-center": Vendor(
        "AWS IAM Identity Center",
        hides_members=True,
        cursor=True,
        bulk=False,
        etags=False,
        full_names=True,
        nested_groups=False,
        notes=(
            "answers never hold the members of a group: each person is asked for by `members.value eq`",
            "pages only where the request names a cursor, 100 at most",
            "at most 100 members are added or removed by one request",
            "a user needs a given and a family name",
        ),
    ),
    "entra": Vendor(
        "a server made for Microsoft Entra ID",
        capital_ops=True,
        bulk=False,
        nested_groups=False,
        notes=("servers that were tried with Entra's older client only take `Add`, `Replace` and `Remove` in PATCH",),
    ),
    "fusionauth": Vendor(
        "FusionAuth",
        most_members=100,
        most_changes=1,
        bulk=False,
        notes=(
            "up to 1.51.0 an answer holds the first 100 members of a group only, and a PATCH of a larger group drops the rest",
            "several members removed by one PATCH may be the wrong ones, so each goes by its own",
        ),
    ),
    "github": Vendor(
        "GitHub organization",
        groups=False,
        bulk=False,
        etags=False,
        full_names=True,
        notes=("it has no groups: teams are not managed by SCIM there", "`active: false` takes the person out of the organization"),
    ),
    "okta": Vendor(
        "a server made for Okta",
        bulk=False,
        nested_groups=False,
        notes=("Okta's own client sends no groups in groups and no bulk, so servers made for it were not tried with them",),
    ),
}


def vendor_named(name: str) -> Vendor:
    return VENDORS.get(name, STANDARD)
