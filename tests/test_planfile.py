"""A saved plan whose attributes are not what their kinds have is refused, whoever wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from orgform.kinds import load_kinds
from orgform.model import Address, Base, Remember
from orgform.planfile import problem_of
from tests.planning.worlds import change, plan


@pytest.mark.parametrize(
    ("address", "attributes", "path"),
    [
        ("group/g", {"members": True}, "members"),
        ("group/g", {"members": [["a@acme.com"]]}, "members"),
        ("membership/x/a@acme.com", {"role": ["admin"]}, "role"),
        ("workspace/x", {"settings": "none"}, "settings"),
        ("domain/acme.com", {"auto_join": {"workspace": 1}}, "auto_join.workspace"),
    ],
)
def test_of_a_change_or_of_base(address: str, attributes: dict[str, Any], path: str) -> None:
    kinds, made = load_kinds(), plan()
    told = f"`{path}` of {address} is not what a "
    for steps in ([change("create", address, None, attributes)], [change("delete", address, attributes, None)]):
        altered = type(made)(**{name: getattr(made, name) for name in made.__struct_fields__} | {"changes": tuple(steps)})
        assert problem_of(altered, kinds).startswith(told)
    remembered = Remember({Address(address): Base(attributes)})
    altered = type(made)(**{name: getattr(made, name) for name in made.__struct_fields__} | {"ledger": remembered})
    assert problem_of(altered, kinds).startswith(told)
