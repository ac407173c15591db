"""Disks that are small, full, or may only be read: real ones, in memory, where the machine lets us mount; else as near as it gets."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A small file system of its own at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self, *, free: int = 0) -> None:
        """Until so many KiB are left."""
        self.clear()
        room = os.statvfs(self.folder)
        left = room.f_bavail * room.f_frsize - free * 1024
        with self._filling.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(left, 1))

    def clear(self) -> None:
        self._filling.unlink(missing_ok=True)

    def freeze(self) -> None:
        """From now on it may only be read."""
        _run("mount", "-o", "remount,ro", str(self.folder))

    def thaw(self) -> None:
        _run("mount", "-o", "remount,rw", str(self.folder))


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[Disk]:
    """Skips the test, with the reason, where nobody may mount."""
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk of one's own cannot be mounted here: {error}")
    try:
        yield Disk(folder)
    finally:
        _run("umount", "-l", str(folder))


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
