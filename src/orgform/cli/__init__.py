"""The command line: arguments, prompts and exit codes.

Invariant: only this package exits the process, and every exit has a code of product.md. `click` is imported here and nowhere else.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

__all__ = ["main", "script"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code. Never raises, except `SystemExit` of an interpreter that shuts down."""
    # A command reads a company once and ends: nearly all that it makes stays, and looking for garbage took a tenth of the time.
    gc.set_threshold(500_000, 20, 100)
    try:
        from orgform.cli.shell import run
    except KeyboardInterrupt:
        return 130
    return run(argv)


def script() -> NoReturn:
    """The console script: `main`, and then out at once. Everything is closed and written by then; taking half a million objects apart
    one by one before the process ends took a sixth of the time of a large plan."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a closed pipe was answered already
            stream.flush()
    os._exit(code)
