from __future__ import annotations

from pathlib import Path

import pytest

COMPANY = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: local, database: acme.db}
domains:
  acme.com: {}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: admin}
  carol@acme.com: {name: Carol Wu}
groups:
  support: {name: Support, members: [carol@acme.com]}
workspaces:
  brand-x-us:
    name: Brand X - US
    region: us
    labels: {brand: x}
    members: {alice@acme.com: admin, group:support: member}
"""


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A folder with a small company; nothing is applied yet."""
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "company.yaml").write_text(COMPANY)
    return folder
