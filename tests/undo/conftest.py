from __future__ import annotations

from pathlib import Path

import pytest

from tests.undo.company import Company


@pytest.fixture
def company(tmp_path: Path) -> Company:
    folder = tmp_path / "acme"
    folder.mkdir()
    return Company(folder)
