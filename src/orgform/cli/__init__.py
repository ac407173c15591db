"""The command line: arguments, prompts and exit codes.

Invariant: only this package exits the process, and every exit has a code of product.md. `click` is imported here and nowhere else.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code. Never raises, except `SystemExit` of an interpreter that shuts down."""
    # A command reads a company once and ends: nearly all that it makes stays, and looking for garbage took a tenth of the time.
    gc.set_threshold(500_000, 20, 100)
    try:
        from orgform.cli.shell import run
    except KeyboardInterrupt:
        return 130
    return run(argv)
