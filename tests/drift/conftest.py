from __future__ import annotations

from pathlib import Path

import pytest

from tests.drift.company import Company


@pytest.fixture
def acme(tmp_path: Path) -> Company:
    return Company(tmp_path / "acme")
