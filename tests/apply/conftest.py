"""Applies plans to a live system in memory, with a real ledger in a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orgform.apply import apply_plan
from orgform.ledger import Ledger, open_ledger
from orgform.model import Address, Live, Outcome, Plan, Report
from tests.apply.live_system import KINDS, LiveSystem

SYSTEM = "memory:acme"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db", create=True)
    yield opened
    opened.close()


class Applier:
    """`report = applier(plan, system)`; what was recorded is in `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def __call__(
        self,
        plan: Plan,
        system: LiveSystem,
        *,
        live: dict[Address, Live] | None = None,
        parallelism: int = 4,
        listen: Callable[[int, int, Outcome], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Report:
        with self.ledger.lock([SYSTEM], "dana@laptop") as lock:
            recorder = self.ledger.begin_run(lock, plan, dict.fromkeys(plan.targets, SYSTEM), "dana@laptop")
            recorder.remember(plan.ledger)
            report = apply_plan(
                plan,
                providers=dict.fromkeys(plan.targets, system),
                live=system.live() if live is None else live,
                kinds=KINDS,
                recorder=recorder,
                parallelism=parallelism,
                listen=listen,
                stop=stop,
            )
            recorder.finish(report.outcome)
        return report

    @property
    def base(self) -> dict[Address, dict[str, object]]:
        return {address: base.attributes for address, base in (self.ledger.base(SYSTEM)[0] or {}).items()}


@pytest.fixture
def applier(ledger: Ledger) -> Applier:
    return Applier(ledger)


def statuses(report: Report) -> dict[str, str]:
    return {o.address: o.status for o in report.outcomes}


def details(report: Report) -> dict[str, str]:
    return {o.address: o.detail for o in report.outcomes}
