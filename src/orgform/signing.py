"""Signed plans: who holds the key made exactly this document.

Invariant: the signature covers everything that a plan says, but not how its JSON is laid out; the key is never shown and never written.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from orgform.codec import encode, replace
from orgform.diagnostics import Diagnostic
from orgform.errors import PlanFileInvalid, UsageError
from orgform.model import Plan
from orgform.redaction import keep_secret

KEY = "ORGFORM_PLAN_KEY"
SHORTEST_KEY = 16
_SCHEME = "hmac-sha256"


def key_of(environ: Mapping[str, str]) -> str | None:
    """The key that plans are signed with; None where there is none. Raises `UsageError` for one that could be guessed."""
    key = environ.get(KEY, "").strip()
    if not key:
        return None
    keep_secret(key)
    if len(key) < SHORTEST_KEY:
        raise UsageError(
            f"{KEY} has {len(key)} characters, which could be guessed; a key has at least {SHORTEST_KEY}",
            hint=f"for example `export {KEY}=$(openssl rand -hex 32)`",
        )
    return key


def signed(plan: Plan, key: str) -> Plan:
    return replace(plan, signature=_signature(plan, key))


def check(plan: Plan, key: str | None, name: str) -> tuple[Diagnostic, ...]:
    """Raises `PlanFileInvalid` where a key is set and the plan was not signed with it, or was altered since.

    Warnings where there is nothing to check it with. `name` of the file, for people.
    """
    if key is None:
        return (_unchecked(name),) if plan.signature else ()
    again = f"make it again with `orgform plan -o FILE` where {KEY} is set to the same key"
    if plan.signature is None:
        raise PlanFileInvalid(f"{name} is not signed, and {KEY} is set: only signed plans are applied", hint=again)
    if not hmac.compare_digest(plan.signature.encode(), _signature(plan, key).encode()):
        raise PlanFileInvalid(f"{name} was altered after it was signed, or signed with another key; nothing was done", hint=again)
    return ()


def _signature(plan: Plan, key: str) -> str:
    text = encode(replace(plan, signature=None))
    return f"{_SCHEME}:{hmac.new(key.encode(), text, hashlib.sha256).hexdigest()}"


def _unchecked(name: str) -> Diagnostic:
    return Diagnostic(
        "warning",
        "ORG508",
        f"{name} is signed, and there is no key here to check that with",
        f"set {KEY} to the key that it was signed with",
    )
