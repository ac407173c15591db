"""Every folder beside this file: a config, what was applied, what is live, and the plan that must come of it; see testing/scenarios.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgform.planning.guards import GUARDS
from orgform.testing.scenarios import run

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/live.yaml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_scenario(folder: Path) -> None:
    run(folder)


def test_there_are_scenarios_for_every_guard_passed_and_refused() -> None:
    written = "".join((folder / "expected.yaml").read_text() for folder in FOLDERS)
    for guard in GUARDS:
        assert f"{guard}: passed" in written, guard
        assert f"{guard}: refused" in written, guard
