"""Every folder of examples/platforms is a config that works: valid offline, planned, applied against its fake, and then nothing is left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orgform import app
from orgform.kinds import load_kinds
from orgform.model import Plan
from orgform.opening import load
from orgform.options import Options
from orgform.providers import find_spec
from orgform.testing.fakes.__main__ import find, known
from tests.platforms.processes import REPOSITORY

FOLDER = REPOSITORY / "examples" / "platforms"
NAMES = sorted(p.name for p in FOLDER.iterdir() if (p / "company.yaml").exists())
#: goes through several fakes at once: see test_four_systems.py
TOGETHER = "four-systems"


class Example:
    """A copy of a folder, and the fake that its `url` leads to where it has one."""

    def __init__(self, folder: Path, url: str) -> None:
        variables = (f"url={url}",) if url else ()
        self.options = Options(folder, variables=variables, max_wait=0.05)

    def plan(self) -> Plan:
        return app.plan(self.options)


@pytest.fixture(params=[name for name in NAMES if name != TOGETHER])
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    name = str(request.param)
    folder = tmp_path / name
    shutil.copytree(FOLDER / name, folder, ignore=shutil.ignore_patterns(".orgform", "*.db"))
    monkeypatch.setenv("ORGFORM_CACHE", "")
    with ExitStack() as stack:
        url = token = ""
        if name in known():
            fake, token = find(name)
            url = stack.enter_context(fake.running()).url
        made = Example(folder, url)
        for variable in re.findall(r"env:(\w+)", (folder / "company.yaml").read_text(encoding="utf-8")):
            monkeypatch.setenv(variable, token)
        targets = load(made.options, load_kinds()).targets
        origins = {t.name: spec.origin(t.options) for t in targets.values() if (spec := find_spec(t.provider))}
        monkeypatch.setenv("ORGFORM_ALLOW_TARGETS", ",".join(f"{name}={origin}" for name, origin in origins.items() if origin))
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_it_is_valid_as_it_is(name: str) -> None:
    """Offline, with the addresses and without the secrets that a reader has."""
    found = app.validate(Options(FOLDER / name))
    assert [d for d in found.diagnostics if d.severity == "error"] == []
    assert sum(found.resources.values()) > 3


@pytest.mark.parametrize("name", NAMES)
def test_it_says_how_it_is_tried(name: str) -> None:
    text = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "docs/platforms/" in text or "orgform plan" in text


def test_it_is_planned_applied_and_planned_again(example: Example) -> None:
    made = example.plan()
    assert made.changes or made.manual_steps, "an example shows something"
    assert not [d for d in made.diagnostics if d.severity == "error"], made.diagnostics
    assert not made.refused, [(g.guard, g.summary, g.items) for g in made.refused]
    assert example.plan().to_json() == made.to_json(), "equal inputs give equal plans"
    _, report = app.apply(example.options)
    assert [o for o in report.outcomes if o.status != "done"] == []
    again = example.plan()
    assert again.changes == ()
    assert {s.address for s in again.manual_steps} >= {s.address for s in made.manual_steps}, "steps stay until people have done them"
    for step in made.manual_steps:
        assert step.where, f"{step.address}: a step says where"


def test_every_fake_has_its_folder() -> None:
    assert set(known()) <= set(NAMES)
