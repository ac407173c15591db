"""A platform that people do everything in: nothing here is read or written, and its plans are steps.

Invariant: no request, no secret, no file. What is live there is what people attested; `read` never says that it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from orgform.model import Address, Attributes, key_of, kind_of
from orgform.providers.base import (
    Capabilities,
    Declared,
    FieldReach,
    Finding,
    Guide,
    KindCapability,
    Operation,
    Provider,
    ReadResult,
    Result,
    TargetContext,
)

#: what such a target needs: a name for its account, since no address tells one from another
ACCOUNT: Final[Mapping[str, Any]] = {
    "type": "string",
    "pattern": "^[A-Za-z0-9._-]{1,100}$",
    "description": "Name of the account; it tells what was attested of this one from what was attested of others.",
    "examples": ["acme"],
}
#: words for people, which such platforms have no field for
LABELS: Final[Mapping[str, FieldReach]] = {"labels": "config"}


class ByHand(Provider):
    """`system`: the platform and the account. `title`: what people call the platform."""

    def __init__(self, system: str, title: str, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._system, self._title = system, title

    @property
    def system(self) -> str:
        return self._system

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        for kind in kinds:
            yield ReadResult(kind, {}, complete=False, problem=f"{self._title} lets nobody read a {kind} but people")

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [Result("failed", self.capabilities.refusal(operation)) for operation in operations]


def open_by_hand(name: str, title: str, capabilities: Capabilities, context: TargetContext) -> Provider:
    """The option `account` names the system; without it the target's own name does."""
    return ByHand(f"{name}:{context.options.get('account') or context.name}", title, capabilities)


def by_hand(
    guides: Mapping[str, Guide], fields: Mapping[str, FieldReach] | None = None, refusals: Mapping[str, str] | None = None
) -> KindCapability:
    """A kind that people alone read and write. `refusals`: verbs that even they cannot, with the reason."""
    refused = refusals or {}
    return KindCapability(
        read="manual",
        create="none" if "create" in refused else "manual",
        update="none" if "update" in refused else "manual",
        delete="none" if "delete" in refused else "manual",
        fields=dict(fields or {}),
        guides=dict(guides),
        refusals=dict(refused),
    )


def without_groups(declared: Declared, title: str) -> Iterator[Finding]:
    """Who gets access to a workspace must be people, where a platform has no groups."""
    for address in declared.resources:
        if kind_of(address) == "membership" and (principal := key_of(address).partition("/")[2]).startswith("group:"):
            what = f"{title} has no groups, so {principal.removeprefix('group:')} can be no member of a workspace there"
            yield Finding(address, what, "write its people one by one")


def workspaces(declared: Declared) -> Iterator[tuple[Address, Attributes]]:
    return ((a, own) for a, own in declared.resources.items() if kind_of(a) == "workspace")
