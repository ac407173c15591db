"""Random sequences of what tired people do, through the real commands: edits, applies, saved plans, undos, kills, lost ledgers, backups.

After each: what was done is what was said; nothing is deleted that was never applied; nobody is locked out without a word for it; after an
apply that came to its end nothing is left to do; a thing that is renamed stays the same thing; the history has it all; no file is damaged.
"""

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

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="orgform-nights-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield made
    shutil.rmtree(made)


def nights(first: int, count: int, steps: int, folder: Path) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.faults.nights", str(first), str(count), str(steps), str(folder)]
    environ = {n: v for n, v in os.environ.items() if not n.startswith("COV")} | {"ORGFORM_CACHE": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


def test_a_few(folder: Path) -> None:
    counted = nights(4, 2, 60, folder)
    assert {"apply done", "apply nothing", "adopt done", "undo done", "killed"} <= counted.keys(), counted


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_many(folder: Path) -> None:
    nights(random.randrange(1_000_000), 1500, 80, folder)
