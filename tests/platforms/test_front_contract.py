"""Front's provider keeps the contract, against the stateful fake and behind the fault proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from orgform.model import Address
from orgform.providers.base import Operation
from orgform.providers.front import spec
from orgform.testing import contract
from orgform.testing.contract import Sample, Subject
from orgform.testing.fakes.front import TOKEN, Front
from tests.platforms.front_company import PAGING, checked, company

SAMPLES = (
    Sample(
        Address("tag/operations/contract"),
        {"name": "Contract", "description": "Of the suite", "color": "blue"},
        {"description": None, "color": "red"},
        {"color": "red", "name": "Contract"},
    ),
    Sample(Address("group/contract"), {"name": "Contract", "members": ["bob@acme.example"]}, {"members": []}, {"members": []}),
    Sample(Address("membership/brokering/bob@acme.example"), {}),
    Sample(Address("membership/operations/group:contract"), {}),
    Sample(
        Address("message_template/operations/contract"),
        {"name": "Contract", "body": "<p>Hi</p>", "subject": "Hi", "folder": "Onboarding"},
        {"subject": None, "body": "<p>Ho</p>"},
        {"body": "<p>Ho</p>", "folder": "Onboarding"},
    ),
)
#: Front says nowhere how many there are: a list that lost all of a page, and the way to the next, looks like a shorter one
BLIND = frozenset({"a page is missing", "the rest is missing", "a page is missing, once", "the rest is missing, once"})


def subject_of(fake: Front) -> Subject:
    return contract.of(
        spec,
        fake,
        options=lambda url: {"url": url, "token": "env:FRONT_TOKEN", "workspaces": {"operations": "tim_5", "brokering": "tim_6"}},
        secrets={"token": TOKEN},
        samples=SAMPLES,
        many=lambda n: Sample(Address(f"tag/operations/crowd-{n}"), {"name": f"crowd {n}"}),
        refused=Operation("create", Address("tag/nowhere/any"), {}, key="refused"),
        paging=PAGING,
        kinds=sorted(set(spec.capabilities.kinds or ()) - {"company"}),
        blind=BLIND,
    )


@pytest.fixture
def subject() -> Iterator[Subject]:
    with checked(company()) as fake:
        yield subject_of(fake)


@pytest.mark.parametrize("check", contract.checks(spec), ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], subject: Subject) -> None:
    check(subject)
