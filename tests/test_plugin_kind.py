"""docs/adding-a-kind.md is true: its own files, in a package of their own, give a kind that validates, plans, applies and exports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOC = Path(__file__).parents[1] / "docs" / "adding-a-kind.md"
KINDS = Path(__file__).parents[1] / "schemas" / "kinds"


def block(language: str, containing: str) -> str:
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL) if containing in text]
    assert len(found) == 1, f"one {language} block with {containing!r} in {DOC.name}"
    return str(found[0])


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """What `pip install ./acme_webhooks` leaves behind: the package, and its metadata with the entry point of the page's pyproject."""
    site = tmp_path / "site"
    (site / "acme_kinds").mkdir(parents=True)
    (site / "acme_kinds" / "__init__.py").touch()
    (site / "acme_kinds" / "webhook.json").write_text(block("json", '"x-kind": "webhook"'), encoding="utf-8")
    group, name, value = re.search(r'entry-points\."(.+?)"\]\n(\w+) = "(\w+)"', block("toml", "[project]")).groups()  # type: ignore[union-attr]
    info = site / "acme_webhooks-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-webhooks\nVersion: 1.0.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n", encoding="utf-8")
    return site


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "company.yaml").write_text(
        """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: local, database: acme.db}
domains: {acme.com: {}}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  carol@acme.com: {name: Carol Mbeki, role: admin}
""",
        encoding="utf-8",
    )
    (folder / "webhooks.yaml").write_text(block("yaml", "webhooks:"), encoding="utf-8")
    return folder


class Orgform:
    """The command line in a process of its own, which finds the plug-in as an installed package."""

    def __init__(self, site: Path, config: Path) -> None:
        self._config = config
        self._environ = {**os.environ, "PYTHONPATH": str(site), "ORGFORM_CACHE": ""}

    def __call__(self, command: str, *words: str, code: int = 0) -> str:
        line = [
            sys.executable,
            "-c",
            "import sys; from orgform.cli import main; sys.exit(main())",
            command,
            "-C",
            str(self._config),
            *words,
        ]
        done = subprocess.run(line, capture_output=True, text=True, env=self._environ, timeout=120)
        assert done.returncode == code, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def plan(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("plan", "--format", "json"))
        return found


@pytest.fixture
def orgform(plugin: Path, config: Path) -> Orgform:
    return Orgform(plugin, config)


def test_a_kind_from_a_package_is_validated_planned_applied_and_exported(orgform: Orgform, config: Path) -> None:
    orgform("validate")
    changes = {c["address"]: c for c in orgform.plan()["changes"]}
    assert changes["webhook/brand-x-us/billing"]["after"] == {"url": "https://hooks.acme.com/billing"}
    assert changes["webhook/brand-x-us/orders"]["after"] == {
        "url": "https://hooks.acme.com/orders",
        "events": ["order.created"],
        "owner": "alice@acme.com",
    }
    addresses = list(changes)
    assert addresses.index("workspace/brand-x-us") < addresses.index("webhook/brand-x-us/billing")
    assert addresses.index("member/alice@acme.com") < addresses.index("webhook/brand-x-us/orders")

    orgform("apply", "--yes")
    assert orgform.plan()["changes"] == []
    assert "billing: https://hooks.acme.com/billing" in orgform("export")

    text = (config / "webhooks.yaml").read_text(encoding="utf-8")
    (config / "webhooks.yaml").write_text(text.replace("hooks.acme.com/billing", "hooks.acme.com/invoices"), encoding="utf-8")
    (change,) = orgform.plan()["changes"]
    assert (change["action"], change["address"], change["origin"]) == ("update", "webhook/brand-x-us/billing", "config")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://hooks.acme.com/billing", "ftp://hooks.acme.com/billing", "billing"),
        ("owner: alice@acme.com", "owner: alica@acme.com", "alice@acme.com"),
        ("events:", "event:", "events"),
    ],
)
def test_mistakes_in_it_are_diagnostics(orgform: Orgform, config: Path, old: str, new: str, said: str) -> None:
    file = config / "webhooks.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    document = json.loads(orgform("validate", "--format", "json", code=3))
    assert any(said in f"{d['summary']} {d['detail']}" and d["source"]["file"] == "webhooks.yaml" for d in document["diagnostics"]), (
        document
    )


def test_every_keyword_in_use_is_documented() -> None:
    used = {word for file in KINDS.glob("*.json") for word in re.findall(r'"(x-[a-z-]+)"', file.read_text(encoding="utf-8"))}
    documented = set(re.findall(r"^\| `(x-[a-z-]+)` \|", DOC.read_text(encoding="utf-8"), re.MULTILINE))
    assert used
    assert used <= documented, f"not in {DOC.name}: {sorted(used - documented)}"
