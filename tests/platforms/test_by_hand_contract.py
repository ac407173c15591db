"""Platforms without an API keep the contract, too: what nobody can send is refused, and what nobody can read is not asked for."""

from __future__ import annotations

import pytest

from orgform.providers import find_spec
from orgform.testing import contract
from orgform.testing.contract import Check

OPTIONS = {"komo": {"account": "acme"}, "webex-interact": {"account": "acme"}}
SPECS = {name: spec for name in OPTIONS if (spec := find_spec(name))}


@pytest.mark.parametrize(
    ("name", "check"), [(n, c) for n, s in SPECS.items() for c in contract.checks(s)], ids=lambda p: getattr(p, "__name__", p)
)
def test_contract(name: str, check: Check) -> None:
    check(contract.without_api(SPECS[name], OPTIONS[name]))


@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_asked_what_can_be_asked(name: str) -> None:
    """A platform that gets an API gets the checks for that, and then needs a fake."""
    left = {check.__name__ for check in contract.checks(SPECS[name])}
    assert "refuses_what_it_does_not_declare" in left
    assert not {"gives_back_what_was_created", "writes_what_it_says_under_faults", "deletes_and_says_done_for_what_is_gone"} & left
