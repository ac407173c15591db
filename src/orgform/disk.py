"""Whether a disk is full: SQLite says only `disk I/O error` where there is no room for what it shares between processes.

Invariant: it asks, and writes nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

#: what SQLite needs to work with a file at all: its shared memory and a few pages of its log
LEAST_BYTES = 128 * 1024


def is_full(file: Path) -> bool:
    """Whether there is no room to speak of where `file` is, or would be. False where that cannot be told."""
    try:
        return shutil.disk_usage(file.absolute().parent).free < LEAST_BYTES
    except OSError:
        return False
