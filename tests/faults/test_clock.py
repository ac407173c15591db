"""Which day it is, and how long a lock is held: whatever time zone and clock a machine has."""

from __future__ import annotations

import json
import time
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from orgform import app
from orgform.errors import LockHeld
from orgform.ledger import database, open_ledger
from orgform.testing.postgres import Postgres
from tests.cli.process import run
from tests.faults import company

LOCAL = {"provider": "local", "database": "acme.db"}
# At any moment at least one of them has another date than UTC.
ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago")
LAST_DAY = date(2031, 6, 30)
ERIN = "member/erin@acme.com"


def until(day: date) -> dict[str, object]:
    """The company, where one member has a last day."""
    config = deepcopy(company.BEFORE)
    config["members"]["erin@acme.com"]["until"] = day.isoformat()
    return config


def planned(folder: Path, zone: str, *words: str) -> tuple[str, list[str]]:
    """The day that a process in this time zone judges by, and whom its plan deletes."""
    done = run("plan", "-C", folder, "--format", "json", *words, env={"TZ": zone})
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    return done.stdout, [c["address"] for c in plan["changes"] if c["action"] == "delete"]


def test_today_is_a_day_of_utc_in_every_time_zone(tmp_path: Path) -> None:
    company.settle(tmp_path, company.BEFORE, LOCAL)
    while True:
        today = datetime.now(UTC).date()
        company.write(tmp_path, until(today), LOCAL)
        last_day = [planned(tmp_path, zone) for zone in ZONES]
        company.write(tmp_path, until(today - timedelta(days=1)), LOCAL)
        day_after = [planned(tmp_path, zone) for zone in ZONES]
        if datetime.now(UTC).date() == today:  # else midnight came in between
            break
    assert [deleted for _, deleted in last_day] == [[], []]
    assert [deleted for _, deleted in day_after] == [[ERIN], [ERIN]]
    assert len({text for text, _ in last_day}) == len({text for text, _ in day_after}) == 1


@pytest.mark.parametrize("change", [date(2031, 3, 9), date(2031, 11, 2)])
def test_a_day_on_which_the_clock_changes_is_a_day(tmp_path: Path, change: date) -> None:
    company.settle(tmp_path, company.BEFORE, LOCAL)
    company.write(tmp_path, until(change), LOCAL)
    zone = "America/Los_Angeles"
    assert planned(tmp_path, zone, "--today", change.isoformat())[1] == []
    assert planned(tmp_path, zone, "--today", (change + timedelta(days=1)).isoformat())[1] == [ERIN]


class TestClockThatIsSetBack:
    def on(self, folder: Path, day: date) -> app.Options:
        return app.Options(folder=folder, max_wait=0, today=day)

    def test_between_plan_and_apply(self, tmp_path: Path) -> None:
        """A saved plan is applied as it is: what was reviewed, not what the clock says now."""
        company.settle(tmp_path, company.BEFORE, LOCAL)
        company.write(tmp_path, until(LAST_DAY), LOCAL)
        saved = app.plan(self.on(tmp_path, LAST_DAY + timedelta(days=1)))
        _, report = app.apply(self.on(tmp_path, LAST_DAY), saved=saved)
        assert [(o.action, o.address, o.status) for o in report.outcomes if o.address == ERIN] == [("delete", ERIN, "done")]

    def test_between_two_applies(self, tmp_path: Path) -> None:
        """What had run out comes back for as long as the clock says so, and goes again: neither is lost nor done twice."""
        company.settle(tmp_path, company.BEFORE, LOCAL)
        company.write(tmp_path, until(LAST_DAY), LOCAL)
        for day, action in ((1, "delete"), (0, "create"), (1, "delete")):
            _, report = app.apply(self.on(tmp_path, LAST_DAY + timedelta(days=day)))
            assert report.outcome == "done"
            assert (action, ERIN) in [(o.action, o.address) for o in report.outcomes]
            assert company.changes(app.plan(self.on(tmp_path, LAST_DAY + timedelta(days=day)))) == []


@pytest.mark.parametrize("ahead", [3600.0, 365 * 86400.0, -3600.0])
def test_a_clock_that_is_wrong_takes_no_lock_of_another_host(postgres: Postgres, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """Whoever shares a ledger in PostgreSQL goes by its clock."""
    where = postgres.database(f"clock{abs(int(ahead))}{'b' if ahead < 0 else 'a'}")
    holder, other = open_ledger(where, create=True), open_ledger(where, create=True)
    with holder.lock(["acme"], "dana"):
        with holder._writing() as connection:
            connection.run("UPDATE orgform_locks SET machine = 'another'")
        monkeypatch.setattr(database, "time", SimpleNamespace(time=lambda: time.time() + ahead, monotonic=time.monotonic))
        with pytest.raises(LockHeld, match="dana holds the lock") as error, other.lock(["acme"], "me"):
            pass
        assert 0 < int(error.value.hint.rpartition(" in ")[2].removesuffix(" s")) <= 60
    with other.lock(["acme"], "me"), pytest.raises(LockHeld), holder.lock(["acme"], "dana"):
        pass
    holder.close()
    other.close()
