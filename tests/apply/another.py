"""An apply in a process of its own, to be killed: `python -m tests.apply.another FOLDER BATCH`. It says each outcome on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from orgform.apply import apply_plan
from orgform.codec import replace
from orgform.ledger import open_ledger
from orgform.model import Address, Live, Plan
from orgform.providers.base import Provider, TargetContext
from orgform.providers.orgform import local
from tests.apply.live_system import KINDS, TARGET, create, plan_of

SYSTEM = "local:acme.db"


def plan() -> Plan:
    workspaces = [create(f"workspace/w{n:02}", {"name": f"W{n}", "region": "us"}) for n in range(10)]
    inboxes = [create(f"inbox/w{n % 10:02}/i{n:03}", {"name": f"I{n}"}) for n in range(200)]
    return plan_of(*workspaces, *inboxes)


def opened(folder: Path, batch: int) -> Provider:
    provider = local.open(TargetContext(TARGET, {"database": "acme.db"}, folder, KINDS, lambda name: ""))
    provider.capabilities = replace(provider.capabilities, batch=batch)
    return provider


def read(provider: Provider) -> dict[Address, Live]:
    return {a: r for result in provider.read(sorted(KINDS)) for a, r in result.resources.items()}


def apply(folder: Path, batch: int) -> str:
    ledger = open_ledger(folder / "ledger.db", create=True)
    provider = opened(folder, batch)
    try:
        with ledger.lock([SYSTEM], "dana") as lock:
            recorder = ledger.begin_run(lock, plan(), {TARGET: SYSTEM}, "dana")
            report = apply_plan(
                plan(),
                providers={TARGET: provider},
                live=read(provider),
                kinds=KINDS,
                recorder=recorder,
                parallelism=4,
                listen=lambda done, total, outcome: print(outcome.status, outcome.address, flush=True),
            )
            recorder.finish(report.outcome)
        return report.outcome
    finally:
        provider.close()
        ledger.close()


if __name__ == "__main__":
    print(apply(Path(sys.argv[1]), int(sys.argv[2])))
