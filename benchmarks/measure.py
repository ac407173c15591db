"""Whole processes, side by side: wall time and peak memory, the median of rounds in which every command has its turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Command:
    """`codes`: exit codes that count as done."""

    name: str
    words: Sequence[str]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Measured:
    """Seconds and megabytes: the median of all rounds, and the fastest and slowest for the noise."""

    seconds: float
    megabytes: float
    fastest: float
    slowest: float

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in vars(self).items()}


class Failed(Exception):
    pass


def run(command: Command) -> tuple[float, float]:
    """(seconds, megabytes) of one run; the memory is the process's own peak. Raises `Failed` with what it said."""
    with (command.folder / ".benchmark-output").open("w+b") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(command.words), cwd=command.folder, env={**os.environ, **command.environ}, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in command.codes:
            output.seek(0)
            raise Failed(f"{command.name}: exit {process.returncode}\n{output.read().decode(errors='replace')[-2000:]}")
    return seconds, usage.ru_maxrss / 1024


def interleaved(commands: Sequence[Command], rounds: int) -> dict[str, Measured]:
    """By name. One round before them all warms the file system and is thrown away."""
    for command in commands:
        run(command)
    found: dict[str, list[tuple[float, float]]] = {command.name: [] for command in commands}
    for _ in range(rounds):
        for command in commands:
            found[command.name].append(run(command))
    return {name: _summed_up(runs) for name, runs in found.items()}


def _summed_up(runs: Sequence[tuple[float, float]]) -> Measured:
    seconds = [s for s, _ in runs]
    return Measured(statistics.median(seconds), statistics.median(m for _, m in runs), min(seconds), max(seconds))
