"""kill -9 in the middle of an apply, against the real admin API in the process: the next apply continues where it was cut off."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orgform.ledger import open_ledger
from tests.apply import another


def events(folder: Path) -> list[tuple[str, str]]:
    raw = sqlite3.connect(folder / "acme.db")
    tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%event%'")]
    found = [row for table in tables for row in raw.execute(f"SELECT action, address FROM {table}")]  # noqa: S608 - names from the file
    raw.close()
    return found


@pytest.mark.parametrize(("batch", "after"), [(1, 1), (1, 40), (1, 150), (7, 1), (7, 90), (1000, 1)])
def test_applied_again_everything_is_there_once(tmp_path: Path, batch: int, after: int) -> None:
    command = [sys.executable, "-m", "tests.apply.another", str(tmp_path), str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = [process.stdout.readline().split() for _ in range(after)]
        process.kill()
    assert {status for status, _ in told} == {"done"}

    ledger = open_ledger(tmp_path / "ledger.db", create=False)
    known = set(ledger.base(another.SYSTEM)[0] or {})
    provider = another.opened(tmp_path, batch)
    live = set(another.read(provider))
    provider.close()
    assert {address for _, address in told} <= known <= live

    again = another.apply(tmp_path, batch)
    assert again in ("done", "nothing")  # the latter where the kill came when all was written
    wanted = {c.address: c.after for c in another.plan().changes}
    assert {a: b.attributes for a, b in (ledger.base(another.SYSTEM)[0] or {}).items()} == wanted
    assert sorted(e for e in events(tmp_path) if e[1] in wanted) == sorted(("create", a) for a in wanted)
    runs = ledger.history()["runs"]
    assert [r["outcome"] for r in runs] in ([again, "interrupted"], [again, "done"])
    ledger.close()
