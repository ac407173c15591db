"""Where a command's words go: results to stdout, everything else to stderr, coloured where a person looks.

Invariant: a reader that went away (`orgform plan | head`) never changes a command's exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from orgform.diagnostics import Diagnostic

NARROWEST, WIDEST, UNKNOWN = 40, 160, 80
FORMATS = ("text", "json", "markdown", "html", "github", "csv")


class Screen:
    """How one command talks. `folder`: the config folder, for paths that others must find."""

    def __init__(self, format: str = "text", *, color: bool = True, quiet: bool = False, folder: Path = Path()) -> None:
        self.format, self.quiet, self.folder = format, quiet, folder
        self.color = format == "text" and color and wants_color(sys.stdout)
        self.color_err = color and wants_color(sys.stderr)
        self.width = min(max(terminal_width(), NARROWEST), WIDEST)

    def result(self, text: str | bytes) -> None:
        """Writes to stdout, now."""
        write(sys.stdout, text)

    def note(self, text: str) -> None:
        """One line for people on stderr; nothing with `--quiet`, nor beside a machine's document."""
        if not self.quiet and self.format != "json":
            write(sys.stderr, text + "\n")

    def error(self, message: str, hint: str, exit_code: int, **extra: Any) -> None:
        """What stops the command, in the form that the caller reads."""
        if self.format == "json":
            from orgform.codec import encode_pretty

            document = {"format": "orgform.error/1", "message": message, "hint": hint, "exit_code": exit_code, **extra}
            return self.result(encode_pretty(document))
        from orgform.render.words import Paint, clean, hang

        if self.format == "github":
            from orgform.render import github

            self.result(github.error(message, hint))
        lead = "error: "
        first, *more = hang(lead, clean(message), self.width)
        lines = [Paint(self.color_err)("bad", "error:") + first[len(lead) - 1 :], *more]
        lines.extend(hang("  help: ", clean(hint), self.width) if hint else ())
        write(sys.stderr, "".join(line + "\n" for line in lines))
        return None

    def diagnostics(self, listed: Sequence[Diagnostic]) -> None:
        """An invalid config: for people on stderr, in other formats on stdout."""
        from orgform.cli import show

        show.invalid(self, listed)

    @property
    def interactive(self) -> bool:
        """Whether somebody sits there who can be asked."""
        return self.format != "json" and is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def ask(self, question: str) -> bool:
        """Only the whole word `yes` is a yes. The end of input is a no."""
        return self.line(question) == "yes"

    def line(self, question: str) -> str:
        """One line of answer, without the spaces around it; empty at the end of input."""
        write(sys.stderr, question)
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            write(sys.stderr, "\n")
        return answer.strip()


class Seat:
    """Where a command leaves its screen, so that an error is told in the same way as a result."""

    screen: Screen | None = None


def screen_for(args: Sequence[str]) -> Screen:
    """The screen for an error, from the bare arguments: they may not have been parsed."""
    asked = _format_in(args)
    return Screen(asked if asked in FORMATS else "text", color="--no-color" not in args)


def _format_in(args: Iterable[str]) -> str:
    words = iter(args)
    for word in words:
        if word == "--":
            break
        if word == "--format":
            return next(words, "text")
        if word.startswith("--format="):
            return word.partition("=")[2]
    return "text"


def terminal_width() -> int:
    """What `COLUMNS` says, else the terminal of stdout, else 80."""
    import shutil

    return shutil.get_terminal_size((UNKNOWN, 24)).columns


def is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def wants_color(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """NO_COLOR wins over FORCE_COLOR, that over TERM=dumb, that over whether it is a terminal."""
    if environ.get("NO_COLOR"):
        return False
    if forced := environ.get("FORCE_COLOR"):
        return forced != "0"
    return environ.get("TERM") != "dumb" and is_terminal(stream)


def write(stream: TextIO, text: str | bytes) -> None:
    """All of it, now; what the stream's encoding lacks is written as escapes; a closed pipe is nobody's problem."""
    data = text.encode(stream.encoding or "utf-8", "backslashreplace") if isinstance(text, str) else text
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()
    except BrokenPipeError:
        silence(stream)
    except OSError as e:
        silence(stream)
        raise OSError(e.errno, f"cannot write to {'stderr' if stream is sys.stderr else 'stdout'}: {e.strerror}") from e


def silence(stream: TextIO) -> None:
    """Whatever is written from now on goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
