"""Packages that are installed for a test only, fakes as processes, and orgform as a process that sees both."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 120.0
ORGFORM = "import sys; from orgform.cli import main; sys.exit(main())"


def installed(package: Path, into: Path) -> str:
    """Makes what pip writes about a package, so that its entry points are found. Returns what PYTHONPATH needs."""
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = into / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8")
    groups = project["entry-points"].items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{n} = {to}" for n, to in points.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return os.pathsep.join([str(into), str(package)])


def environment(path: str = "", **more: str) -> dict[str, str]:
    """What a process sees; `path`: what comes before the PYTHONPATH that the tests have."""
    own = os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH", "")]))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ORGFORM_") or k == "ORGFORM_STATE"}
    return {**kept, "ORGFORM_CACHE": "", "PYTHONPATH": own, **more}


def python(words: Sequence[str], *, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE)


def orgform(*words: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return python(["-c", ORGFORM, *map(str, words)], cwd=cwd, env=env)


@contextmanager
def fake(name: str, env: dict[str, str]) -> Iterator[str]:
    """`python -m orgform.testing.fakes NAME` until the end; the URL that it says. It must end by itself when it is asked to."""
    command = [sys.executable, "-m", "orgform.testing.fakes", name]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        words = process.stdout.readline().split()
        assert words[1:3] == ["listens", "on"], process.stderr.read()
        try:
            yield words[3].rstrip(",")
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0
