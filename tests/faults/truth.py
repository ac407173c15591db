"""What must be true of a company after whatever happened to an apply of `company.AFTER`."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from orgform import app
from orgform.ledger import open_ledger
from orgform.model import Plan
from tests.faults import company

Event = tuple[str, str]


def events(database: Path | str, name: str = "default") -> Counter[Event]:
    """How often the audit log in this SQLite file says (action, address)."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as raw:
        return Counter(raw.execute("SELECT action, address FROM audit_events WHERE company = ?", (name,)).fetchall())


def done_in(database: Path) -> bool:
    """Whether anything was ever done there."""
    return database.exists() and database.stat().st_size > 0 and bool(events(database))


def each_once(wanted: Plan, found: Counter[Event]) -> None:
    """Every change of the plan is in the audit log once, and nothing was made that it does not name."""
    for change in wanted.changes:
        if change.moved_from:
            assert found["rename", change.address] == 1, found
            assert found["update", change.address] <= 1, found
        else:
            assert found[change.action, change.address] == 1, (change.action, change.address, found)
    named = {c.address for c in wanted.changes}
    made = {address for (action, address) in found if action == "create"}
    assert made <= named, made - named


def settled(options: app.Options) -> None:
    """Config, live system and base say the same."""
    again = app.plan(options)
    assert company.changes(again) == []
    assert (dict(again.ledger.remember), again.ledger.forget, again.ledger.moved) == ({}, (), ())


def whole(file: Path) -> None:
    """SQLite finds nothing wrong with the file."""
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)], file


def last_run(where: str | Path) -> dict[str, Any]:
    """The run that was begun last, as `orgform history RUN` tells it. Base has what it says is done, and nothing else of it."""
    with closing(open_ledger(where, create=False)) as ledger:
        (last, *_) = ledger.history()["runs"]
        (told,) = ledger.history(last["run"])["runs"]
        (system,) = ledger.about(last["run"]).systems.values()
        base = ledger.base(system)[0] or {}
    for change in told["changes"]:
        if change["status"] == "done":
            known = base.get(change["address"])
            assert (known.attributes if known else None) == change["after"], (change, known)
        elif change["action"] != "update" or change["moved_from"]:
            assert (change["address"] in base) is (change["action"] == "delete"), change
    return dict(told)


def recorded_is_done(told: dict[str, Any], done: Counter[Event]) -> None:
    """What the history says is done, the live system did; of the rest it says that nobody knows, and how to go on."""
    assert told["outcome"] in ("done", "interrupted"), told
    for change in told["changes"]:
        if change["status"] == "done":
            action = "rename" if change["moved_from"] else change["action"]
            assert done[action, change["address"]] == 1, (change["address"], done)
        else:
            assert (change["status"], told["outcome"]) == ("unknown", "interrupted"), change
            assert "the next plan shows" in change["detail"]
            assert "`orgform apply`" in told["next"][0]
    named = {(c["address"]) for c in told["changes"]}
    assert {address for action, address in done if action == "create"} <= named
