"""Partly applied, interrupted and killed: an undo takes back exactly what was done, and one that was killed itself goes on."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.codec import replace
from orgform.options import Progress
from orgform.providers import orgform as provider
from tests.undo.another import slow
from tests.undo.company import OWNERS, Company, left

PEOPLE = {f"m{n:03}@acme.com": {"name": f"M {n}"} for n in range(60)}
SPACE = {"west": {"name": "West", "region": "us", "members": {"bob@acme.com": "admin"}}}


@pytest.fixture(autouse=True)
def small_batches(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.change("create", "domain/acme.com")  # the live system is there before several write to it at once
    monkeypatch.setattr(provider, "local", slow())


def first(company: Company) -> Mapping[str, Any]:
    company.apply(members={**OWNERS, **PEOPLE}, workspaces=SPACE, groups={"g": {"members": sorted(PEOPLE)}})
    return company.live()


def second(company: Company) -> None:
    """Deletes, creates and updates, many of each."""
    kept = {address: {"name": f"{own['name']} II"} for address, own in list(PEOPLE.items())[:20]}
    new = {f"n{n:03}@acme.com": {"name": f"N {n}"} for n in range(40)}
    inboxes = {f"i{n}": {"name": f"I {n}"} for n in range(20)}
    east = {"name": "East", "region": "us", "members": dict.fromkeys(new, "viewer"), "inboxes": inboxes}
    company.write(members={**OWNERS, **kept, **new}, workspaces={"east": east}, groups={"g": {"members": sorted(new)}})


def events(folder: Path) -> list[tuple[str, str]]:
    raw = sqlite3.connect(folder / "acme.db")
    tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%event%'")]
    found = [row for table in tables for row in raw.execute(f"SELECT action, address FROM {table}")]  # noqa: S608 - names from the file
    raw.close()
    return found


@pytest.mark.parametrize("after", [1, 7, 60, 130])
def test_a_run_that_was_stopped_is_undone_as_far_as_it_was_done(company: Company, after: int) -> None:
    before = first(company)
    second(company)
    stop = threading.Event()

    def listen(progress: Progress) -> None:
        if progress.phase == "apply" and progress.done >= after:
            stop.set()

    _, report = app.apply(replace(company.options, parallelism=2), listen=listen, stop=stop)
    assert report.outcome == "interrupted"
    done = {o.address for o in report.outcomes if o.status == "done"}
    plan, undone = company.undo(report.run)
    assert {c.address for c in plan.changes} == done
    assert (left(plan), undone.outcome) == ({}, "done")
    assert company.live() == before


@pytest.mark.parametrize("after", [1, 20, 90, 140])
def test_a_run_that_was_killed_is_undone_as_far_as_it_was_done(company: Company, after: int) -> None:
    before = first(company)
    second(company)
    line = [sys.executable, "-m", "tests.undo.applying", str(company.folder)]
    killed(line, after)
    run = app.history(company.options)["runs"][0]
    assert run["outcome"] == "interrupted"
    plan, undone = company.undo(run["run"])
    assert (left(plan), undone.outcome) == ({}, "done")
    assert company.live() == before


@pytest.mark.parametrize("after", [1, 35, 90, 140])
def test_an_undo_that_was_killed_goes_on(company: Company, after: int) -> None:
    before = first(company)
    second(company)
    run = company.apply()
    killed([sys.executable, "-m", "tests.undo.another", str(company.folder), run], after)
    plan, undone = company.undo(run)
    assert (left(plan), undone.outcome) == ({}, "done")
    assert company.live() == before
    assert company.plan_undo(run).changes == ()
    told = events(company.folder)
    assert len([e for e in told if e == ("delete", "workspace/east")]) == 1, "everything was taken back once"
    assert len([e for e in told if e[0] == "delete" and e[1].startswith("member/n")]) == 40
    company.write(members={**OWNERS, **PEOPLE}, workspaces=SPACE, groups={"g": {"members": sorted(PEOPLE)}})
    assert app.plan(company.options).changes == (), "base learned what was done and not recorded"
    runs = app.history(company.options)["runs"]
    assert [r.get("undoes") for r in runs[:2]] == [run, run]
    assert [r["outcome"] for r in runs[:2]] == ["done", "interrupted"]


def test_a_run_that_was_killed_is_continued_by_apply(company: Company) -> None:
    first(company)
    second(company)
    killed([sys.executable, "-m", "tests.undo.applying", str(company.folder)], 50)
    cut_off = app.history(company.options)["runs"][0]["run"]
    (told,) = app.history(company.options, run=cut_off)["runs"]
    assert told["counts"]["unknown"] > 0
    assert told["next"] == [
        "`orgform apply` looks at the live system anew and does what is missing.",
        f"`orgform undo {cut_off}` takes back what it did.",
    ]
    assert company.apply()
    assert app.plan(company.options).changes == ()


def test_what_failed_was_not_done_and_is_not_undone(company: Company) -> None:
    """The API refuses one of two: the other is taken back, and the run says so."""
    company.apply(members=OWNERS, domains={"acme.com": {}, "acme.net": {}}, groups={"g": {}})
    company.change("update", "domain/acme.net", {"auto_join": None})
    before = company.live()
    company.write(
        members={**OWNERS, "carol@acme.com": {"name": "Carol"}},
        domains={"acme.com": {}, "acme.net": {}},
        groups={"g": {"members": ["carol@acme.com"]}},
    )
    saved = app.plan(company.options)
    company.change("create", "member/carol@acme.com", {"name": "Another Carol", "role": "admin"})
    there = company.live()
    _, report = app.apply(company.options, saved=saved)
    assert report.outcome == "stale"
    plan, undone = company.undo(report.run)
    assert plan.changes == ()
    assert undone.outcome == "nothing"
    assert company.live() == there != before
    assert plan.undoes
    assert plan.undoes.not_done == 2


def killed(line: list[str], after: int) -> None:
    """Runs it until it has said so many lines, then kills it."""
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(after)]
        process.kill()
    assert all(told), "it ended before it could be killed"
