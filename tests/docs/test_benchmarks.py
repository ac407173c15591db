"""`python -m benchmarks` runs, with one command, and fills its page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import report

from tests.cli.process import environment
from tests.docs.page import REPOSITORY


def test_all_of_it_is_measured_and_told(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("Before.\n<!-- tiny -->\nOld.\n<!-- /tiny -->\nBetween.\n<!-- sizes tiny -->\n<!-- /sizes tiny -->\nAfter.\n")
    words = ["--size", "tiny", "--rounds", "1", "--no-peers", "--json", "--docs", str(page)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=REPOSITORY,
        env=environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=250,
    )
    # How fast it is may be judged here and there: that is for a quiet machine.
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert found["calls"]["made"]["GET /v1/members"] == 1
    assert found["latency"]["calls"] == 22 + found["latency"]["serial"]
    assert found["bulk"]["sqlite"]["writes"]["operations"] == 20 * 4 + 3
    assert found["creates"]["changes"] == 22
    said = report.text(found)
    assert "bulk loading" in said
    text = page.read_text()
    assert text.startswith("Before.\n<!-- tiny -->\ntiny: ")
    assert "<!-- /tiny -->\nBetween.\n<!-- sizes tiny -->\n- 20 members, 60 memberships, 4 workspaces: " in text
    assert text.endswith("<!-- /sizes tiny -->\nAfter.\n")
    assert "Old." not in text
