"""A company in the fake Front, and a provider that is open on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orgform.kinds import load_kinds
from orgform.model import Address
from orgform.providers.base import Provider, RoleNames, TargetContext
from orgform.providers.front import spec
from orgform.testing.fakes.front import TOKEN, Front
from orgform.testing.pages import Page, Paging
from tests.platforms.openapi import Document

LABELS = {
    Address("workspace/operations"): "Customer operations",
    Address("workspace/brokering"): "Contract brokering",
    Address("group/contract"): "Contract",
    Address("group/night"): "Night shift",
    Address("tag/operations/contract"): "Contract",
    Address("message_template/operations/contract"): "Contract",
}


#: the document forgot the body of one operation
DOCUMENT = Document.found("front/core-api.json", {"PATCH /message_templates/{message_template_id}": "UpdateMessageTemplate"})


@contextmanager
def checked(fake: Front) -> Iterator[Front]:
    """The fake, listening; at the end all that was asked and answered is held against Front's own description, where that is there."""
    with fake.running():
        yield fake
    asked = [e for e in fake.exchanges if "orgform-fault" not in e.call.path]
    problems = sorted(set(DOCUMENT.problems(asked))) if DOCUMENT else []
    assert not problems, "\n".join(problems)


def company() -> Front:
    """Two workspaces, three people, and one of each other sort in the first workspace."""
    fake = Front()
    alice = fake.add_teammate("Alice@acme.example", "Alice", "Ng", admin=True)
    bob = fake.add_teammate("bob@acme.example", "Bob", "Roy")
    fake.add_teammate("carol@acme.example", "Mary Jane", "Diaz", blocked=True)
    fake.add_teammate("bot@acme.example", "Bot", type="rule")
    operations = fake.add_team("Customer operations", alice, bob)
    fake.add_team("Contract brokering", alice)
    fake.add_group("Night shift", bob)
    fake.add_group("Directory", alice, scim=True)
    fake.add_inbox(operations, "Support")
    fake.add_inbox(operations, "Complaints", alice, public=False)
    fake.add_tag(operations, "VIP", "Answered first", "red")
    fake.add_tag(operations, "Later")
    folder = fake.add_folder(operations, "Onboarding")
    fake.add_template(operations, "Welcome", "<p>Hello</p>", "Welcome", folder)
    fake.add_shift(operations, "Early", {"mon": {"start": "06:00", "end": "14:00"}}, bob)
    return fake


def context(url: str, *, max_wait: float = 1.0, token: str = TOKEN, **options: Any) -> TargetContext:
    return TargetContext(
        name="front",
        options={"url": url, "token": "env:FRONT_TOKEN", **options},
        folder=Path(),
        kinds=load_kinds(),
        secret=lambda option: token,
        max_wait=max_wait,
        roles=RoleNames(spec.roles, {}),
        labels=lambda system: LABELS,
    )


def opened(url: str, **choices: Any) -> Provider:
    """`choices`: of `context`."""
    return spec.open(context(url, **choices))


def _read(document: Any) -> Page | None:
    if not isinstance(document, dict) or not isinstance(document.get("_results"), list):
        return None
    return Page(document["_results"], (document.get("_pagination") or {}).get("next"))


PAGING = Paging(_read, lambda document, page: {**document, "_results": page.items, "_pagination": {"next": page.next}})
