"""What a caller of the Python API chooses, and what it is told while it waits: plain values.

The command line makes them of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from orgform.codec import Struct


class Options(Struct, frozen=True):
    """What the common options choose. `today`: the day `until` is judged by (None: today in UTC).

    `reserve`: percent of a live system's quota that is left to others.

    `only` are address globs; `allow` are `GUARD:ADDRESS_GLOB`; `allow_destroy` address globs; `allow_target` `NAME=ORIGIN`.
    `ledger`: a file or database URL (None: `ORGFORM_LEDGER`, else `.orgform/ledger.db` in the config folder).
    """

    folder: Path = Path()
    env: str | None = None
    variables: tuple[str, ...] = ()
    var_files: tuple[Path, ...] = ()
    targets: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    today: date | None = None
    parallelism: int = 10
    max_wait: float = 30.0
    reserve: float = 0.0
    ledger: str | None = None
    allow: tuple[str, ...] = ()
    allow_destroy: tuple[str, ...] = ()
    allow_target: tuple[str, ...] = ()


class Progress(Struct, frozen=True):
    """One piece of news from long work. `phase`: `read`, `apply`. `total` is None where it is not known."""

    phase: str
    message: str
    done: int = 0
    total: int | None = None


Listener = Callable[[Progress], None]
Confirm = Callable[[str], bool]
