"""What the first pages show of a plan, of drift and of an undo is what orgform says today: the stories are lived through here.

Times, runs and ids are whatever they are; everything else is compared as it stands.
"""

from __future__ import annotations

import difflib
import re
import shlex
import shutil
from pathlib import Path

from tests.cli.process import run
from tests.docs.page import REPOSITORY
from tests.drift.company import Company

EXAMPLES = REPOSITORY / "examples"


def shown(page: str, command: str) -> str:
    """What stands below `$ COMMAND` in a block of the page, up to the next command."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    found = re.search(rf"(?ms)^\$ {re.escape(command)}\n(.*?)(?=^\$ |^```)", text)
    assert found, f"{page} does not show `{command}`"
    return alike(found[1])


def alike(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\dZ", "DAY TIME", text)
    return re.sub(r"\d{8}-\d{6}-[0-9a-f]{6}", "RUN", text).strip()


def said(*words: str, cwd: Path, columns: int = 80) -> str:
    done = run(*words, cwd=cwd, env={"COLUMNS": str(columns)})
    return alike(done.stdout + done.stderr)


def check(page: str, command: str, cwd: Path) -> None:
    """What the page shows below the command is what the command says now."""
    expected = shown(page, command)
    real = said(*shlex.split(command)[1:], cwd=cwd)
    differs = difflib.unified_diff(expected.splitlines(), real.splitlines(), page, "orgform", lineterm="")
    assert real == expected, "\n".join(differs)


class Example(Company):
    """A copy of an example in a folder of the same name, applied."""

    def __init__(self, name: str, folder: Path) -> None:
        ignored = shutil.ignore_patterns("*.db", "*.db-*", ".orgform")
        shutil.copytree(EXAMPLES / name, folder / "examples" / name, ignore=ignored)
        super().__init__(folder / "examples" / name, {})


def test_the_plan_of_the_readme(tmp_path: Path) -> None:
    company = Example("minimal", tmp_path)
    company.hand("PATCH", "workspaces/brand-x-us", {"settings": {"retention_days": 30}}, client="the web console")
    company.hand("PATCH", "memberships/brand-x-us/group:support", {"role": "admin"}, client="the web console")
    company.edit("until: 2031-01-31", "until: 2026-01-31")
    company.edit("carol@acme.com]", "carol@acme.com, dan@acme.com]")
    company.edit("\ngroups:", "  dan@acme.com: {name: Dan Okoro}\n\ngroups:")
    company.edit("\nfeatures:", "    auto_top_up: {threshold: 50, amount: 200, max_per_month: 3, currency: USD}\n\nfeatures:")
    check("README.md", "orgform plan -C examples/minimal", tmp_path)


def test_the_drift_of_its_page(tmp_path: Path) -> None:
    company = Example("acme", tmp_path)
    company.hand("PATCH", "members/quentin@acme.com", {"title": "Head of campaigns"})
    company.hand("PATCH", "members/quentin@acme.com", {"labels": {"team": "brand-y"}}, actor="emre@acme.com", client="curl/8.5")
    company.hand("PATCH", "workspaces/brand-y-us", {"settings": {"retention_days": 30}})
    company.hand("DELETE", "tags/brand-lab/refund", actor="farah@acme.com")
    company.hand("POST", "tags", {"name": "Legal", "color": "red"}, key="support-desk/legal", actor="ines@acme.com")
    quentin = "quentin@acme.com: {name: Quentin Morel, title: Campaign "
    company.edit(f"{quentin}manager", f"{quentin}lead", "members.yaml")
    check("docs/drift.md", "orgform drift", company.folder)
    check("docs/drift.md", "orgform drift --adopt", company.folder)
    check("docs/drift.md", "orgform drift --adopt member/quentin@acme.com 'tag/support-desk/*'", company.folder)


BEFORE = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets: {acme: {provider: local, database: acme.db}}
domains: {acme.com: {}}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: admin}
  carol@acme.com: {name: Carol Wu, role: standard}
workspaces:
  brand-x-us:
    name: Brand X - US
    settings: {timezone: America/New_York}
    members: {alice@acme.com: admin, carol@acme.com: member}
"""
AFTER = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets: {acme: {provider: local, database: acme.db}}
domains: {acme.com: {}}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: admin}
workspaces:
  brand-x-us:
    name: Brand X - USA
    settings: {timezone: America/Chicago}
    members: {alice@acme.com: admin}
  brand-x-eu:
    name: Brand X - EU
    region: eu
    members: {alice@acme.com: admin}
"""


def test_the_undo_of_its_page(tmp_path: Path) -> None:
    (tmp_path / "company.yaml").write_text(BEFORE)
    for text, who in ((BEFORE, "dana@acme.com"), (AFTER, "dana@acme.com"), (AFTER.replace("X - USA", "X America"), "erin@acme.com")):
        (tmp_path / "company.yaml").write_text(text)
        done = run("apply", "--yes", cwd=tmp_path, env={"ORGFORM_ACTOR": who})
        assert done.returncode == 0, done.stderr
    check("docs/undo.md", "orgform history", tmp_path)
    taken = re.findall(r"(?m)^(\d{8}-\d{6}-[0-9a-f]{6})", run("history", cwd=tmp_path).stdout)[1]
    answered = shown("docs/undo.md", "orgform undo 20261122-041423").replace("Type yes to apply: yes\n", "")
    real = said("undo", taken, "--yes", cwd=tmp_path, columns=120)
    differs = difflib.unified_diff(answered.splitlines(), real.splitlines(), "docs/undo.md", "orgform", lineterm="")
    assert real == answered, "\n".join(differs)
