"""Plans of a real server through the fault proxy: right, or refused with a sentence. Never a delete from half of the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform import app
from orgform.codec import decode, encode
from orgform.errors import EXIT_FAILED, OrgformError
from orgform.model import Plan
from orgform.providers.http import session
from orgform.testing.catalogue import ANY, PAGES, READS, reading
from orgform.testing.faults import AnyFault, Drip, FaultProxy, Fewer, Rule, fault_proxy
from orgform.testing.server import running_server
from tests.faults import company


class Behind:
    """A config whose target is a real server behind a proxy; base, live and config differ."""

    def __init__(self, folder: Path, proxy: FaultProxy) -> None:
        self.proxy = proxy
        target = {"provider": "orgform", "url": proxy.url}
        self.options = company.settle(folder, company.BEFORE, target)
        company.write(folder, company.AFTER, target)
        self.right = app.plan(self.options)
        assert {action for action, _ in company.changes(self.right)} == {"create", "update", "delete"}

    def plan(self, *rules: Rule) -> Plan | OrgformError:
        """A plan under these rules, or why there is none. What is neither right nor refused fails here."""
        self.proxy.rules = rules
        try:
            made = app.plan(self.options)
        except OrgformError as error:
            assert error.exit_code == EXIT_FAILED
            assert error.message
            return error
        finally:
            self.proxy.rules = ()
        if made.to_json() != self.right.to_json():
            refused = [g.guard for g in made.refused]
            assert "incomplete-read" in refused, company.changes(made)
            assert all(p for t in made.targets.values() for p in [not t.complete])
        return made


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("reads")
    with running_server(folder / "server.db") as server, fault_proxy(server.url) as proxy:
        yield Behind(folder / "config", proxy)


#: What a read comes through unharmed when it meets it each time.
HARMLESS = {"latency"}
#: What it comes through when it meets it once: it asks again. A list that came out wrong is read again from its beginning.
PASSING = (
    HARMLESS
    | {n for n in ANY if n.startswith(("429", "502", "503", "reset"))}
    | {"truncated"}
    | set(PAGES) - {"an empty page and no total"}
)
SLOW = ("slow drip", "slow drip, once")


@pytest.mark.parametrize("name", [n for n in READS if n not in SLOW])
def test_right_or_refused(behind: Behind, name: str) -> None:
    found = behind.plan(*READS[name])
    right = isinstance(found, Plan) and not found.refused
    plain, _, once = name.partition(", ")
    assert right is (plain in (PASSING if once else HARMLESS)), found


def test_pages_of_any_size_are_right(behind: Behind) -> None:
    for size in (1, 2, 3, 1000):
        found = behind.plan(Rule(Fewer(size), "GET"))
        assert isinstance(found, Plan)
        assert found == behind.right


def test_a_slow_drip_ends(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte comes in time, and the whole does not."""
    monkeypatch.setattr(session, "WHOLE", 0.3)
    for drip in (Drip(0.01), Drip(0.01, head=True)):
        found = behind.plan(*reading(drip))
        assert isinstance(found, OrgformError)
        assert "was not complete after 0.3 s" in found.message


def test_a_drip_that_is_fast_enough_is_right(behind: Behind) -> None:
    found = behind.plan(Rule(Drip(0.0001, head=True), path="/v1/members*"))
    assert found == behind.right


FAULTS: list[AnyFault] = [f for n, f in {**ANY, **PAGES}.items() if n not in SLOW and "too large" not in n]
RULES = st.builds(
    Rule,
    st.sampled_from(FAULTS),
    path=st.sampled_from(["*", "*members*", "*tags*", "*workspaces*", "*cursor=*", "/v1/[c-g]*"]),
    share=st.sampled_from([0.05, 0.2, 0.5, 1.0]),
    times=st.sampled_from([None, 1, 2, 7]),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rules=st.lists(RULES, min_size=1, max_size=4), size=st.sampled_from([1, 2, 5, 1000]))
def test_right_or_refused_under_any_schedule(behind: Behind, rules: list[Rule], size: int) -> None:
    again = decode(encode(rules), list[Rule])
    assert again == rules
    behind.plan(Rule(Fewer(size), "GET"), *again)


@pytest.mark.soak
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=st.lists(RULES, min_size=1, max_size=6), size=st.sampled_from([1, 2, 5, 1000]))
def test_right_or_refused_under_any_schedule_for_long(behind: Behind, rules: list[Rule], size: int) -> None:
    behind.plan(Rule(Fewer(size), "GET"), *rules)
