"""Unleash's provider keeps the contract, against the stateful fake and behind the fault proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from orgform.providers.unleash import spec
from orgform.testing import contract
from orgform.testing.contract import Subject
from orgform.testing.fakes.unleash import ADMIN, SEARCH, Unleash
from tests.platforms.unleash_samples import PLACES, REFUSED, SAMPLES, many


@pytest.fixture
def subject() -> Iterator[Subject]:
    fake = Unleash()
    fake.add("old-banner", on=["production"])
    fake.person("dana@acme.com", 1, "Dana Ops")
    fake.person("lee@acme.com", 1, "Lee Park")
    with fake.running():
        yield contract.of(
            spec,
            fake,
            options=lambda url: {"url": url, "token": "env:UNLEASH_TOKEN", "workspaces": PLACES},
            secrets={"token": ADMIN},
            samples=SAMPLES,
            many=many,
            refused=REFUSED,
            paging=SEARCH,
        )


@pytest.mark.parametrize("check", contract.checks(spec), ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], subject: Subject) -> None:
    check(subject)
