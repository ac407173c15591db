"""Plan, apply and plan again against the real admin API in the process: renames, edits and deletes settle in one apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform.apply import apply_plan
from orgform.ledger import Ledger
from orgform.model import Address, Attributes, Desired, Lifecycle, Move, Plan, PlanBase, Report
from orgform.planning import PlanInputs, TargetState, make_plan
from orgform.providers.base import Provider
from tests.apply.another import opened, read
from tests.apply.live_system import KINDS, TARGET

SYSTEM = "local:acme.db"
ALLOWED = ("deletes:*", "company-admins:*", "workspace-admins:*", "own-access:*")

COMPANY: dict[str, Attributes] = {
    "company/company": {"name": "Acme", "primary_domain": "acme.com"},
    "domain/acme.com": {"auto_join": {"workspace": "shop", "role": "viewer"}},
    "member/alice@acme.com": {"name": "Alice", "role": "owner"},
    "member/bob@acme.com": {"name": "Bob", "role": "admin"},
    "member/carl@acme.com": {"name": "Carl", "role": "standard"},
    "group/support": {"name": "Support", "members": ["bob@acme.com", "carl@acme.com"]},
    "role/agent": {"scope": "workspace", "extends": "member", "permissions": ["a.read"]},
    "workspace/shop": {"name": "Shop", "region": "us", "labels": {"x": "1"}},
    "workspace/shop-eu": {"name": "Shop EU", "region": "eu", "parent": "shop"},
    "membership/shop/alice@acme.com": {"role": "admin"},
    "membership/shop/group:support": {"role": "agent"},
    "membership/shop-eu/carl@acme.com": {"role": "admin"},
    "feature/beta": {"type": "boolean", "default": False, "owner": "bob@acme.com"},
    "feature_value/shop/beta": {"value": True},
}


class Company:
    """One company, its config as a dict, its live system a real one."""

    def __init__(self, ledger: Ledger, provider: Provider) -> None:
        self.ledger, self.provider = ledger, provider

    def plan(self, desired: dict[str, Attributes], moved: tuple[Move, ...] = (), protected: tuple[str, ...] = ()) -> Plan:
        base, revision = self.ledger.base(SYSTEM)
        inputs = PlanInputs(
            desired={Address(a): Desired(v, lifecycle=Lifecycle(a in protected or None)) for a, v in desired.items()},
            live=read(self.provider),
            targets={TARGET: TargetState("local", "acme.db", frozenset(KINDS), capabilities=self.provider.capabilities)},
            base=base,
            base_info=PlanBase("ledger", str(revision)),
            moved=moved,
            moved_done=self.ledger.moved(SYSTEM),
            allow=ALLOWED,
            allow_destroy=("*",),
        )
        return make_plan(inputs, KINDS)

    def apply(self, plan: Plan) -> Report:
        assert not plan.refused
        with self.ledger.lock([SYSTEM], "dana") as lock:
            recorder = self.ledger.begin_run(lock, plan, {TARGET: SYSTEM}, "dana")
            recorder.remember(plan.ledger)
            report = apply_plan(plan, providers={TARGET: self.provider}, live=read(self.provider), kinds=KINDS, recorder=recorder)
            recorder.finish(report.outcome)
        return report

    def settles(self, desired: dict[str, Attributes], moved: tuple[Move, ...] = (), protected: tuple[str, ...] = ()) -> Plan:
        plan = self.plan(desired, moved, protected)
        report = self.apply(plan)
        assert report.outcome == "done", [o for o in report.outcomes if o.status != "done"]
        again = self.plan(desired, moved, protected)
        assert (again.changes, again.ledger.remember, again.ledger.forget, again.ledger.moved) == ((), {}, (), ())
        assert {a: b.attributes for a, b in (self.ledger.base(SYSTEM)[0] or {}).items()} == desired
        return plan


@pytest.fixture(params=[1, 3, 1000])
def company(request: pytest.FixtureRequest, tmp_path: Path, ledger: Ledger) -> Iterator[Company]:
    provider = opened(tmp_path, request.param)
    yield Company(ledger, provider)
    provider.close()


def move(old: str, new: str) -> Move:
    return Move(Address(old), Address(new))


def replaced(company: dict[str, Attributes], old: str, new: str) -> dict[str, Attributes]:
    """The config after somebody searched and replaced a key in it."""
    words = str(company).replace(f"{old}'", f"{new}'").replace(f"{old}/", f"{new}/").replace(f"/{old}/", f"/{new}/")
    result: dict[str, Attributes] = eval(words, {"__builtins__": {}})  # noqa: S307 - the test's own dict
    return result


def test_from_nothing(company: Company) -> None:
    assert len(company.settles(COMPANY).changes) == len(COMPANY)


def test_edits_and_deletes(company: Company) -> None:
    company.settles(COMPANY)
    edited = {a: v for a, v in COMPANY.items() if "carl" not in a and a not in ("feature/beta", "feature_value/shop/beta")}
    edited["group/support"] = {"name": "Support", "members": ["bob@acme.com"]}
    edited["workspace/shop"] = {"name": "Store", "region": "us", "labels": {"y": "2"}}
    edited["membership/shop/bob@acme.com"] = {"role": "viewer"}
    company.settles(edited)


def test_a_renamed_workspace_with_edits_around_it(company: Company) -> None:
    company.settles(COMPANY, protected=("workspace/shop", "membership/shop/alice@acme.com"))
    renamed = replaced(COMPANY, "shop", "store")
    renamed["membership/store/group:support"] = {"role": "viewer"}
    renamed["workspace/shop-eu"]["name"] = "Store EU"
    renamed["workspace/store"]["labels"] = {"x": "2"}
    del renamed["feature_value/store/beta"]
    moved = (move("workspace/shop", "workspace/store"),)
    protected = ("workspace/store", "membership/store/alice@acme.com")
    plan = company.settles(renamed, moved, protected)
    assert [c.address for c in plan.changes if c.moved_from] == ["workspace/store"]
    assert not [c for c in plan.changes if c.action == "create"]
    # The entry may go from the config now.
    assert company.plan(renamed, (), protected).changes == ()


def test_a_renamed_member_and_a_renamed_workspace_at_once(company: Company) -> None:
    company.settles(COMPANY)
    renamed = replaced(replaced(COMPANY, "bob@acme.com", "robert@acme.com"), "shop", "store")
    renamed = {a: ({**v, "members": sorted(v["members"])} if "members" in v else v) for a, v in renamed.items()}
    moved = (move("member/bob@acme.com", "member/robert@acme.com"), move("workspace/shop", "workspace/store"))
    plan = company.settles(renamed, moved)
    assert sorted(c.address for c in plan.changes) == ["member/robert@acme.com", "workspace/store"]


def test_everything_goes(company: Company) -> None:
    company.settles(COMPANY)
    company.settles(
        {a: v for a, v in COMPANY.items() if a in ("company/company", "domain/acme.com", "member/alice@acme.com", "workspace/shop")}
    )
