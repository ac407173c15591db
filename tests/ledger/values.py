"""Plans and changes as tests of the ledger need them."""

from __future__ import annotations

from collections.abc import Sequence

from orgform.ledger import RunRecorder
from orgform.model import Address, Attributes, Change, Outcome, Plan, PlanBase, PlanTarget, Remember

SYSTEM = "https://api.acme.example"
NOTHING = Remember()


def create(address: str, attributes: Attributes) -> Change:
    return Change("create", "acme", Address(address), "new", None, attributes, label="A")


def update(address: str, before: Attributes, after: Attributes, moved_from: str | None = None) -> Change:
    old = Address(moved_from) if moved_from else None
    return Change("update", "acme", Address(address), "config", before, after, precondition="sha256:1", moved_from=old)


def delete(address: str, before: Attributes) -> Change:
    return Change("delete", "acme", Address(address), "config", before, None, precondition="sha256:1")


def plan_of(*changes: Change, ledger: Remember = NOTHING, targets: Sequence[str] = ("acme",)) -> Plan:
    return Plan(
        "0.1.0", "sha256:c", PlanBase("ledger", "1"), {t: PlanTarget("orgform", True, t) for t in targets}, {}, changes, ledger=ledger
    )


def record(recorder: RunRecorder, *changes: Change, status: str = "done", detail: str = "") -> None:
    recorder.record([(c, Outcome(c.target, c.address, c.action, status, detail, c.label)) for c in changes], {})
