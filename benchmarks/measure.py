"""Whole processes, side by side: wall time and peak memory, the median of rounds in which every command has its turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Command:
    """`codes`: exit codes that count as done."""

    name: str
    words: Sequence[str]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)


class Run(NamedTuple):
    """Wall seconds, seconds of computing in the process itself, megabytes at its peak."""

    seconds: float
    cpu: float
    megabytes: float


@dataclass(frozen=True)
class Measured:
    """The medians of all rounds, and the fastest and slowest for the noise."""

    seconds: float
    cpu: float
    megabytes: float
    fastest: float
    slowest: float

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in vars(self).items()}


class Failed(Exception):
    pass


def run(command: Command) -> Run:
    """Raises `Failed` with what it said."""
    output = command.folder / ".benchmark-output"
    words = [sys.executable, "-I", "-S", str(LAUNCHER), str(output), *command.words]
    done = subprocess.run(words, cwd=command.folder, env={**os.environ, **command.environ}, stdout=subprocess.PIPE, text=True, check=True)
    exit_code, seconds, cpu, kilobytes = done.stdout.split()
    if int(exit_code) not in command.codes:
        raise Failed(f"{command.name}: exit {exit_code}\n{output.read_text(errors='replace')[-2000:]}")
    return Run(float(seconds), float(cpu), int(kilobytes) / 1024)


def interleaved(commands: Sequence[Command], rounds: int) -> dict[str, Measured]:
    """By name. One round before them all warms the file system and is thrown away."""
    for command in commands:
        run(command)
    found: dict[str, list[Run]] = {command.name: [] for command in commands}
    for _ in range(rounds):
        for command in commands:
            found[command.name].append(run(command))
    return {name: _summed_up(runs) for name, runs in found.items()}


def _summed_up(runs: Sequence[Run]) -> Measured:
    seconds, cpu, megabytes = zip(*runs, strict=True)
    median = statistics.median
    return Measured(median(seconds), median(cpu), median(megabytes), min(seconds), max(seconds))
