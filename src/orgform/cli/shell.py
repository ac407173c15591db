"""From arguments to an exit code: what every command has in common when it goes wrong.

Invariant: nobody sees a traceback who did not ask for one (ORGFORM_DEBUG=1), no error shows a secret, and with `--format json`
stdout holds one JSON document.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from orgform.cli.group import root
from orgform.cli.output import Screen, Seat, screen_for, silence
from orgform.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, ConfigInvalid, GuardRefused, OrgformError

PROGRAM = "orgform"
COMPLETE = "_ORGFORM_COMPLETE"


def run(argv: Sequence[str] | None = None) -> int:
    """Parses and runs; every exception becomes a sentence and an exit code."""
    _open_streams()
    args = list(sys.argv[1:] if argv is None else argv)
    if instruction := os.environ.get(COMPLETE):
        from orgform.cli.completion import answer

        return answer(instruction)
    seat = Seat()
    try:
        with root.make_context(PROGRAM, args, obj=seat) as context:
            code = root.invoke(context)
            return int(code or EXIT_OK)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except click.ClickException as wrong:
        return _usage(wrong, seat.screen or screen_for(args))
    except ConfigInvalid as invalid:
        return _invalid(invalid, seat.screen or screen_for(args))
    except OrgformError as error:
        return _failed(error, seat.screen or screen_for(args))
    except OSError as error:
        return _system(error, seat.screen or screen_for(args))
    except Exception as error:
        return _bug(error, seat.screen or screen_for(args))
    finally:
        _close_streams()


def _interrupted() -> int:
    sys.stderr.write("\nInterrupted; nothing was changed in the live system.\n")
    return EXIT_INTERRUPTED


def _usage(wrong: click.ClickException, screen: Screen) -> int:
    from orgform.cli.usage import explain

    message, hint = explain(wrong)
    _told(screen, message, hint, EXIT_USAGE)
    return EXIT_USAGE


def _invalid(invalid: ConfigInvalid, screen: Screen) -> int:
    screen.diagnostics(invalid.diagnostics)
    return invalid.exit_code


def _failed(error: OrgformError, screen: Screen) -> int:
    extra = {}
    if isinstance(error, GuardRefused):
        from orgform.codec import to_builtins

        extra = {"guards": to_builtins(error.plan.refused)}
    _told(screen, error.message, error.hint, error.exit_code, **extra)
    return error.exit_code


def _system(error: OSError, screen: Screen) -> int:
    where = f": {error.filename}" if error.filename else ""
    _told(screen, f"{error.strerror or error}{where}", "", EXIT_FAILED)
    _trace(error)
    return EXIT_FAILED


def _bug(error: Exception, screen: Screen) -> int:
    from orgform.cli.trouble import describe

    screen.error(*describe(error), EXIT_FAILED)
    _trace(error)
    return EXIT_FAILED


def _told(screen: Screen, message: str, hint: str, exit_code: int, **extra: Any) -> None:
    from orgform.redaction import redact
    from orgform.urls import mask_passwords

    screen.error(mask_passwords(redact(message)), mask_passwords(redact(hint)), exit_code, **extra)


def _trace(error: BaseException) -> None:
    if os.environ.get("ORGFORM_DEBUG") == "1":
        from orgform.cli.trouble import traceback_text

        sys.stderr.write(traceback_text(error))


def _open_streams() -> None:
    """A stream that whoever started us has closed is opened to nowhere, so that no database gets its number: nobody wants the remarks,
    and what is written to stdout fails, as it is lost."""
    sys.stdin = sys.stdin or _nowhere(os.O_RDONLY, "r")
    sys.stdout = sys.stdout or _nowhere(os.O_RDONLY, "w")
    sys.stderr = sys.stderr or _nowhere(os.O_WRONLY, "w")


def _nowhere(flags: int, mode: str) -> Any:
    return os.fdopen(os.open(os.devnull, flags), mode, closefd=False)


def _close_streams() -> None:
    """What is still buffered goes out now; a reader that is gone must not make the interpreter complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                silence(stream)
