"""Applies to a real server through the fault proxy: nothing twice, nothing lost, settled by the next apply, every change in the audit log
once."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform import app
from orgform.errors import OrgformError
from orgform.ledger import open_ledger
from orgform.model import Report
from orgform.server import Store
from orgform.server.tables import audit_events
from orgform.testing.catalogue import ANY, WRITES
from orgform.testing.faults import AnyFault, FaultProxy, Rule, fault_proxy
from orgform.testing.server import RunningServer, running_server
from tests.faults import company

Event = tuple[str, str]
NUMBERS = itertools.count()


class Site:
    """A server behind a proxy, where each round has a company of its own."""

    def __init__(self, folder: Path, server: RunningServer, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.server, self.proxy, self.monkeypatch = folder, server, proxy, monkeypatch

    def round(self, rules: tuple[Rule, ...], **target: Any) -> Report:
        """Applies the edits under these rules, then once more without; checks all that must hold. What the first apply said."""
        name = f"c{next(NUMBERS)}"
        self.monkeypatch.setenv("ACME_TOKEN", self.server.token(name))
        written = {"provider": "orgform", "url": self.proxy.url, "token": "env:ACME_TOKEN", **target}
        folder = self.folder / name
        options = company.settle(folder, company.BEFORE, written, allow_target=(f"acme={self.proxy.url}",))
        before = self.events(name)
        company.write(folder, company.AFTER, written)
        wanted = app.plan(options)
        self.proxy.rules = rules
        first = Report("", "refused")
        try:
            _, first = app.apply(options)
        except OrgformError as error:  # of the reads before the first write
            assert error.message
            assert self.events(name) == before
        finally:
            self.proxy.rules = ()
        self.told_the_truth(first, folder)
        _, second = app.apply(options)
        assert second.outcome in ("done", "nothing"), second
        assert company.changes(app.plan(options)) == []
        self.once(wanted, self.events(name) - before)
        return first

    def told_the_truth(self, first: Report, folder: Path) -> None:
        """What is said to be done is in base, and what is said to be unknown, failed or skipped is not."""
        ledger = open_ledger(folder / ".orgform" / "ledger.db", create=False)
        (base, _) = ledger.base(self.system(ledger))
        ledger.close()
        assert base is not None
        for outcome in first.outcomes:
            assert outcome.status in ("done", "failed", "skipped"), outcome
            if outcome.status == "done":
                assert (outcome.address in base) is (outcome.action != "delete")
            else:
                assert outcome.detail, outcome

    @staticmethod
    def system(ledger: Any) -> str:
        with ledger._reading() as connection:
            return str(connection.one("SELECT system FROM orgform_systems")[0])

    def events(self, name: str) -> Counter[Event]:
        with closing(Store(self.server.database)) as store, store.reading() as connection:
            query = sa.select(audit_events.c.action, audit_events.c.address).where(audit_events.c.company == name)
            return Counter((action, address) for action, address in connection.execute(query))

    def once(self, wanted: Any, events: Counter[Event]) -> None:
        for change in wanted.changes:
            if change.moved_from:
                assert events["rename", change.address] == 1, events
                assert events["update", change.address] <= 1, events
            else:
                assert events[change.action, change.address] == 1, (change.action, change.address, events)
        named = {c.address for c in wanted.changes}
        # What a deleted or renamed parent takes along has its own lines.
        extra = {address for (_, address) in events if address not in named}
        assert not {a for a in extra if events["create", a]}, extra


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("writes")
    with (
        running_server(folder / "server.db", without_tokens=False) as server,
        fault_proxy(server.url) as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        yield Site(folder, server, proxy, patch)


@pytest.mark.parametrize("batch", [1, 1000])
@pytest.mark.parametrize("name", [n for n in WRITES if not n.startswith("slow")])
def test_once_and_settled_by_the_next_apply(site: Site, name: str, batch: int) -> None:
    first = site.round(WRITES[name], batch=batch)
    plain, _, once = name.partition(", ")
    if plain == "latency" or (once and plain.startswith(("429", "502", "503", "reset"))):
        assert first.outcome == "done", "it was tried again"
    if not once and plain.startswith(("429", "503", "reset before", "502")):
        assert first.outcome in ("failed", "done"), first


FAULTS: list[AnyFault] = [f for n, f in ANY.items() if not n.startswith(("slow", "too large"))]
RULES = st.builds(
    Rule,
    st.sampled_from(FAULTS),
    method=st.sampled_from(["*", "[!G]*", "GET", "POST", "PATCH", "DELETE"]),
    path=st.sampled_from(["*", "*members*", "*tags*", "*workspaces*", "*batch*"]),
    share=st.sampled_from([0.05, 0.2, 0.5, 1.0]),
    times=st.sampled_from([None, 1, 2, 7]),
)
SCHEDULES = st.lists(RULES, min_size=1, max_size=4)
BATCHES = st.sampled_from([1, 3, 1000])


SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=30, **SETTINGS)
@given(rules=SCHEDULES, batch=BATCHES)
def test_once_and_settled_under_any_schedule(site: Site, rules: list[Rule], batch: int) -> None:
    site.round(tuple(rules), batch=batch)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@settings(max_examples=2000, **SETTINGS)
@given(rules=SCHEDULES, batch=BATCHES)
def test_once_and_settled_under_any_schedule_for_long(site: Site, rules: list[Rule], batch: int) -> None:
    site.round(tuple(rules), batch=batch)
