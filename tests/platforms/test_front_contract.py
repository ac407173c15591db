"""Front's provider keeps the contract, against the stateful fake and behind the fault proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import pytest

from orgform.kinds import load_kinds
from orgform.model import Address
from orgform.providers.base import Operation, Provider
from orgform.testing import contract
from orgform.testing.contract import Sample, Subject
from orgform.testing.fakes.front import Front
from orgform.testing.faults import Refused, Rule, fault_proxy
from tests.platforms.front_company import PAGING, company, opened

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


@pytest.fixture
def fake() -> Iterator[Front]:
    with company().running() as running:
        yield running


@pytest.fixture
def subject(fake: Front) -> Subject:
    @contextmanager
    def behind(rules: Sequence[Rule]) -> Iterator[Provider]:
        with fault_proxy(fake.url, rules, paging=PAGING) as proxy, closing(opened(proxy.url, max_wait=0.01)) as provider:
            yield provider

    return Subject(
        open=lambda: closing(opened(fake.url)),
        kinds=load_kinds(),
        samples=SAMPLES,
        many=lambda n: Sample(Address(f"tag/operations/crowd-{n}"), {"name": f"crowd {n}"}),
        losing=lambda n: behind([Rule(Refused(500), "GET", "*page_token*", nth=tuple(range(n, 100)))]),
        refused=Operation("create", Address("tag/nowhere/any"), {}, key="refused"),
        behind=behind,
        blind=BLIND,
    )


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], subject: Subject) -> None:
    check(subject)
