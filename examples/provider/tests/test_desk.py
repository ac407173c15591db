"""Acme Desk keeps the provider contract, against its fake and behind the fault proxy."""

from collections.abc import Iterator

import pytest
from orgform_acme_desk import spec
from orgform_acme_desk.fake import example

from orgform.model import Address
from orgform.providers.base import Operation
from orgform.testing import contract
from orgform.testing.contract import Check, Sample, Subject

SAMPLES = (
    Sample(
        Address("member/carol@acme.example"),
        {"name": "Carol Díaz", "role": "standard"},
        patch={"name": "Carol D.", "role": "admin"},
        patched={"name": "Carol D.", "role": "admin"},
    ),
    Sample(Address("workspace/support"), {"name": "Support"}, patch={"name": "Help"}, patched={"name": "Help"}, there=True),
)


@pytest.fixture
def subject() -> Iterator[Subject]:
    with example().running() as fake:
        yield contract.of(
            spec,
            fake,
            options=lambda url: {"url": url, "token": "env:DESK_TOKEN"},
            secrets={"token": fake.token},
            samples=SAMPLES,
            many=lambda n: Sample(Address(f"member/person{n}@acme.example"), {"name": f"Person {n}"}),
            refused=Operation("create", Address("member/nobody@acme.example"), {"role": "king"}, key="refused"),
        )


@pytest.mark.parametrize("check", contract.checks(spec), ids=lambda check: check.__name__)
def test_contract(check: Check, subject: Subject) -> None:
    check(subject)
