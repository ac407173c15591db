"""The command line: arguments, prompts and exit codes.

Invariant: only this package exits the process, and every exit has a code of product.md. `click` is imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from orgform.collector import for_one_command

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code. Never raises, except `SystemExit` of an interpreter that shuts down.

    `argv`: instead of what this process was started with; then it may go on afterwards.
    """
    if argv is None:
        for_one_command()
    try:
        from orgform.cli.shell import run
    except KeyboardInterrupt:
        return 130
    return run(argv)
