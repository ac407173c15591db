"""The command line: arguments, prompts and exit codes.

Invariant: only this package exits the process, and every exit has a code of product.md. `click` is imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code. Never raises, except `SystemExit` of an interpreter that shuts down."""
    try:
        from orgform.cli.shell import run
    except KeyboardInterrupt:
        return 130
    return run(argv)
