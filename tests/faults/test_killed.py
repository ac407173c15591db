"""kill -9 of an apply at random points: the next one settles, no file is damaged, the audit log shows every change once."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform.testing.postgres import Postgres
from orgform.testing.server import running_server

MEMORY = Path("/dev/shm")  # a kill leaves what the kernel has; how fast the disk is does not matter


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="orgform-killed-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield made
    shutil.rmtree(made)


def crashes(way: str, rounds: int, folder: Path, ledger: str | None = None) -> None:
    """In one process of its own, which is not traced: it forks, and a tracer's threads do not like that."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    command = [sys.executable, "-m", "tests.faults.crashing", way, str(rounds), str(seed), str(folder), *([ledger] if ledger else [])]
    environ = {n: v for n, v in os.environ.items() if not n.startswith("COV")}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, f"seed {seed}:\n{done.stderr[-4000:]}"
    said = json.loads(done.stdout)
    assert said["rounds"] == rounds
    assert said["ended"].get("interrupted", 0) >= rounds / 3, f"seed {seed}: most are to be killed in the middle of their work: {said}"


def on_a_server(rounds: int, folder: Path, ledger: str | None = None) -> None:
    with running_server(folder / "server.db", without_tokens=False) as server:
        crashes(f"{server.url}|{server.database}", rounds, folder, ledger)


def test_in_the_process(folder: Path) -> None:
    crashes("local", 150, folder)


def test_against_a_server(folder: Path) -> None:
    on_a_server(35, folder)


def test_against_a_server_with_the_ledger_in_postgresql(folder: Path, postgres: Postgres) -> None:
    on_a_server(20, folder, postgres.database("few"))


@pytest.mark.soak
@pytest.mark.timeout(7200)
class TestForLong:
    def test_in_the_process(self, folder: Path) -> None:
        crashes("local", 3000, folder)

    def test_in_the_process_with_the_ledger_in_postgresql(self, folder: Path, postgres: Postgres) -> None:
        crashes("local", 500, folder, postgres.database("many"))

    def test_against_a_server(self, folder: Path) -> None:
        on_a_server(1000, folder)

    def test_against_a_server_with_the_ledger_in_postgresql(self, folder: Path, postgres: Postgres) -> None:
        on_a_server(500, folder, postgres.database("more"))
