"""What a resource has to prove, and how far it is: the challenge that stands in what is observed of it.

Invariant: a challenge belongs to one name. Whoever proves another name, or the same one again after its time, gets another token.
Which kinds have one, and where its words stand, says `x-verification` in the kind's schema.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from orgform.codec import UNSET, Struct, UnsetType, decode, encode
from orgform.kinds import Kind
from orgform.model import parts_of
from orgform.server.store import time_text
from orgform.server.work import Work

Status = Literal["pending", "verified", "failed"]
TOKEN_BYTES = 24
#: what people put around a token when they copy it
_BETWEEN = re.compile(r"[\s\"'“”,;]+")


class Challenge(Struct, frozen=True):
    """`record`: the whole name; `value`: what its text is to be; times are ISO 8601 in UTC. `detail`: what was found at `checked_at`."""

    record: str
    value: str
    expires_at: str
    type: str = "TXT"
    checked_at: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET

    @property
    def token(self) -> str:
        return self.value.partition(" ")[0].removeprefix("token=")

    def held_by(self, text: str) -> bool:
        """Whether a record's text proves it."""
        return self.token in (word.removeprefix("token=") for word in _BETWEEN.split(text))


class Proof(Struct, frozen=True):
    """How far a resource is. `challenge` is None for what was stored before there were any."""

    status: Status
    challenge: Challenge | None

    def over(self, now: str) -> bool:
        """Whether its time has run out before anybody proved it."""
        return self.status == "pending" and self.challenge is not None and self.challenge.expires_at <= now


def begin(kind: Kind, address: str, now: str) -> Proof:
    """A challenge of its own for the name at `address`, pending from `now` on."""
    rule = kind.verification
    ends = datetime.fromisoformat(now) + timedelta(days=rule["days"])
    value = f"token={secrets.token_urlsafe(TOKEN_BYTES)} expiry={ends:%Y-%m-%d}"
    return Proof("pending", Challenge(f"{rule['record']}.{parts_of(address)[-1]}", value, time_text(ends)))


def read(kind: Kind, observed: str) -> Proof:
    """From what is observed of a resource, as JSON."""
    found: dict[str, Any] = decode(observed)
    challenge = found.get(kind.verification["challenge"])
    return Proof(found.get(kind.verification["status"], "pending"), decode(encode(challenge), Challenge) if challenge else None)


def read_word(observed: str, name: str) -> Any:
    """One value of what is observed of a resource, given as JSON."""
    return decode(observed, dict[str, Any]).get(name)


def written(kind: Kind, observed: Mapping[str, Any], proof: Proof) -> str:
    """What is observed of the resource with this proof in it, as JSON."""
    rule = kind.verification
    known = {n: v for n, v in observed.items() if n != rule["challenge"]} | {rule["status"]: proof.status}
    return encode(known | ({rule["challenge"]: proof.challenge} if proof.challenge else {})).decode()


def observed_at_first(kind: Kind, address: str, observed: Mapping[str, Any], now: str) -> str:
    """What is observed of a resource that has just been given its name, as JSON."""
    return written(kind, observed, begin(kind, address, now)) if kind.verification else encode(observed).decode()


def tell(work: Work, kind: Kind, address: str, before: str, after: str) -> None:
    """Writes into the audit log that the status is another one."""
    status = kind.verification["status"]
    was, became = ({status: read_word(text, status)} for text in (before, after))
    if was != became:
        work.event("verify", address, encode(was).decode(), encode(became).decode())


def observed_after_rename(kind: Kind, old: str, new: str, observed: str, now: str) -> str:
    """Nobody has proved the new name yet. A parent's new name is not the resource's own."""
    if not kind.verification or parts_of(old)[-1] == parts_of(new)[-1]:
        return observed
    return written(kind, decode(observed), begin(kind, new, now))
