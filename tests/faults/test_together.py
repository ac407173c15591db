"""Two applies at once, an apply beside a person, and one that slept longer than its lease: nothing twice, nothing of the other's lost."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform import app
from orgform.model import Plan
from orgform.testing.faults import Latency, Rule, fault_proxy
from orgform.testing.postgres import Postgres
from orgform.testing.server import RunningServer, running_server
from tests.cli.process import ORGFORM, environment, run
from tests.faults import company, truth


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "server.db") as started:
        yield started


def target(server: RunningServer, **more: Any) -> dict[str, Any]:
    return {"provider": "orgform", "url": server.url, **more}


@contextmanager
def started(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [str(word) for word in words]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


class TestTwoApplies:
    @pytest.mark.parametrize("ledger", ["one file", "one in postgresql", "one each"])
    def test_every_change_once_and_settled_by_the_next(
        self, tmp_path: Path, server: RunningServer, ledger: str, request: pytest.FixtureRequest
    ) -> None:
        postgres: Postgres | None = request.getfixturevalue("postgres") if "postgresql" in ledger else None
        shared = postgres.database("together") if postgres else str(tmp_path / "shared.db")
        where = [None, None] if ledger == "one each" else [shared, shared]
        # Each apply takes many calls, so that two of them meet.
        made = [company.settle(tmp_path / f"c{n}", company.BEFORE, target(server, batch=1), ledger=w) for n, w in enumerate(where)]
        for options in made:
            company.write(options.folder, company.AFTER, target(server, batch=1))
        wanted, before = app.plan(made[0]), truth.events(server.database)
        commands = [[ORGFORM, "apply", "--yes", "-C", str(o.folder), *(["--ledger", str(o.ledger)] if o.ledger else [])] for o in made]
        with started(*commands[0]) as one, started(*commands[1]) as two:
            said = [process.communicate(timeout=60) for process in (one, two)]
        codes = sorted([one.returncode, two.returncode])
        if ledger == "one each":
            assert set(codes) <= {0, 1, 5, 6}, said
        else:
            assert codes in ([0, 0], [0, 1]), said
            assert all("holds the lock on" in err for code, (_, err) in zip((one.returncode, two.returncode), said, strict=True) if code)
        for options in made:
            assert app.apply(options)[1].outcome in ("done", "nothing")
        for options in made:
            truth.settled(options)
        truth.each_once(wanted, truth.events(server.database) - before)


def test_an_apply_beside_a_person(tmp_path: Path, server: RunningServer) -> None:
    """What somebody changes after the apply has read it is theirs; what waits for it waits, the rest is done, and history says so."""
    options = company.settle(tmp_path / "config", company.BEFORE, target(server))
    company.write(options.folder, company.AFTER, target(server))

    def meanwhile(plan: Plan) -> bool:
        changed = httpx.patch(f"{server.url}/v1/members/dan@acme.com", json={"attributes": {"name": "Dan, by hand"}})
        gone = httpx.delete(f"{server.url}/v1/members/frank@acme.com")
        assert (changed.status_code, gone.status_code) == (200, 204)
        return True

    _, report = app.apply(options, approve=meanwhile)
    told = {o.address: o for o in report.outcomes}
    assert report.outcome == "partly"
    assert told["member/dan@acme.com"].status == "stale"  # type: ignore[index]
    assert told["member/frank@acme.com"].status == "done"  # type: ignore[index]
    assert {o.status for o in report.outcomes} == {"done", "stale"}
    live = httpx.get(f"{server.url}/v1/members/dan@acme.com").json()
    assert live["attributes"]["name"] == "Dan, by hand"
    history = run("history", report.run, "-C", options.folder).stdout
    assert "Not done (1)" in history
    assert "dan@acme.com" in history
    # The next plan shows it as what it is, and as who did it.
    found = app.drift(options)
    assert "member/dan@acme.com" in str(found)


def test_who_slept_longer_than_its_lease_starts_nothing(tmp_path: Path, server: RunningServer) -> None:
    """Stopped in the middle of an apply, woken up when another one had taken its lock."""
    with fault_proxy(server.url) as proxy:
        slow = {"provider": "orgform", "url": proxy.url, "batch": 1}
        options = company.settle(tmp_path / "config", company.BEFORE, slow)
        company.write(options.folder, company.AFTER, slow)
        wanted, before = app.plan(options), truth.events(server.database)
        already = len(writes(proxy.seen))
        proxy.rules = (Rule(Latency(0.2), "[!G]*"),)
        with started(sys.executable, "-m", "tests.faults.applying", options.folder, "1.5") as sleeper:
            wait_for(lambda: len(writes(proxy.seen)) >= already + 2)
            stop(sleeper, options.folder / ".orgform" / "ledger.db")
            time.sleep(2)  # what was under way arrives, and the lease runs out
            proxy.rules = ()
            begun = writes(proxy.seen)
            assert app.apply(options)[1].outcome == "done"
            done = writes(proxy.seen)
            assert len(done) > len(begun)
            sleeper.send_signal(signal.SIGCONT)
            _, said = sleeper.communicate(timeout=60)
        assert sleeper.returncode == 1
        assert "was lost: its lease ran out and another apply took it" in " ".join(said.split())
        assert writes(proxy.seen) == done
        truth.each_once(wanted, truth.events(server.database) - before)
        truth.settled(options)
        runs = app.history(options)["runs"]
        assert [r["outcome"] for r in runs[:2]] == ["done", "interrupted"]
        assert "cut off before this was recorded" in run("history", runs[1]["run"], "-C", options.folder).stdout.replace(
            "\n             ", " "
        )


def writes(seen: list[Any]) -> list[str]:
    return [f"{s.method} {s.path}" for s in seen if s.method != "GET"]


def stop(process: subprocess.Popen[str], ledger: Path) -> None:
    """Not while it writes to the ledger: nobody could go on before it does."""
    while True:
        process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(ledger, timeout=0, isolation_level=None)) as raw:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.02)


def wait_for(what: Any) -> None:
    for _ in range(600):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")
