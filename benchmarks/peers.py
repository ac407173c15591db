"""Terraform and octoDNS, where they can be had; each absence is a sentence."""

from __future__ import annotations

import shutil
import subprocess
import venv
from collections.abc import Mapping
from pathlib import Path

from benchmarks.api import ORGFORM
from benchmarks.companies import write_octodns, write_terraform, write_terraform_gets
from benchmarks.measure import Command

OCTODNS = "octodns==1.22.0"


def terraform(work: Path, blocks: int) -> Command | str:
    """A no-op plan of as many `terraform_data` blocks (built in: no provider, no API)."""
    folder = work / "terraform"
    write_terraform(folder, blocks)
    return _terraform("terraform", folder)


def terraform_gets(work: Path, blocks: int, url: str) -> Command | str:
    """A no-op plan of as many blocks that each read one thing by a GET: the built-in HTTP backend, since no provider can be had here."""
    folder = work / "terraform-gets"
    write_terraform_gets(folder, blocks, url)
    return _terraform("terraform, a GET each", folder)


def _terraform(name: str, folder: Path) -> Command | str:
    binary = shutil.which("terraform")
    if not binary:
        return f"{name}: skipped, no `terraform` on the PATH"
    quiet = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    done = subprocess.run([binary, "init", "-input=false", "-no-color"], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        return f"{name}: skipped, `terraform init` failed: {done.stderr.strip().splitlines()[-1:]}"
    words = [binary, "plan", "-input=false", "-no-color", "-detailed-exitcode", "-lock=false"]
    return Command(name, words, folder, quiet)


def octodns(work: Path, records: int) -> Command | str:
    """A no-op plan of as many A records, YAML to YAML, in an environment of its own."""
    environment = work / "octodns-venv"
    folder = work / "octodns"
    try:
        venv.create(environment, with_pip=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q", OCTODNS]
        subprocess.run(pip, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"octoDNS: skipped, {OCTODNS} cannot be installed ({type(error).__name__})"
    write_octodns(folder, records)
    return Command(
        "octodns", [str(environment / "bin" / "octodns-sync"), "--config-file", "config.yaml"], folder, {"PYTHONPATH": str(folder)}
    )


def orgform(
    name: str, folder: Path, *words: str, cache: Path | None = None, environ: Mapping[str, str] | None = None, codes: tuple[int, ...] = (0,)
) -> Command:
    """As it is installed beside this Python. Without `cache` every run reads the config anew."""
    return Command(name, [ORGFORM, *words], folder, {"ORGFORM_CACHE": str(cache) if cache else "", **(environ or {})}, codes)
