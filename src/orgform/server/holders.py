"""Tokens follow the member that they belong to.

Invariant: in the transaction that renames a member its tokens get the new name, and in the one that takes it away they are revoked: nobody
who has left asks anything any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.server import tables as t
from orgform.server.flush import Change, split


def follow(connection: sa.Connection, company: str, kinds: Kinds, changes: Sequence[Change], at: str) -> None:
    """`changes` of one transaction at the time `at`."""
    moved = _moved({kind.name for kind in kinds.having_access("subject")}, changes)
    if not moved:
        return
    c = t.tokens.c
    held = sa.select(c.id, c.member).where(c.company == company, c.member != "", c.revoked_at.is_(None))
    for id, member in connection.execute(held).all():
        if member in moved:
            new = moved[member]
            values = {"revoked_at": at} if new is None else {"member": new}
            connection.execute(sa.update(t.tokens).where(c.id == id).values(values))


def _moved(subjects: set[str], changes: Sequence[Change]) -> dict[str, str | None]:
    """Key before -> key now, of subjects that have another one; None where they are gone. Ids tell a renamed one from a new one."""
    touched = [change for change in changes if split(change.address)[0] in subjects]
    now = {change.after.id: split(change.address)[1] for change in touched if change.after}
    was = {change.before.id: split(change.address)[1] for change in touched if change.before}
    return {key: now.get(id) for id, key in was.items() if now.get(id) != key}
