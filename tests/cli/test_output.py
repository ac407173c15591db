"""Colour, closed pipes, odd encodings: where the words go and how."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orgform.cli import progress
from orgform.cli.output import Screen, screen_for, wants_color, write
from orgform.cli.progress import Watch
from orgform.cli.shell import run as run_here
from tests.cli.process import environment, run

NEWS = """
from orgform.app import Progress
from orgform.cli import progress
from orgform.cli.output import Screen
import time
progress.BAR_AFTER = progress.LINE_AFTER = progress.LINE_EVERY = {wait}
with progress.Watch(Screen(quiet={quiet})) as watch:
    for i in range(3):
        watch(Progress("read", "reading [bold]member[/]\\x1b[31m", i))
    for i in range(3):
        watch(Progress("apply", "create member/x", i, 1000))
    watch.pause()
    print("between", flush=True)
    watch(Progress("apply", "create member/y", 999, 1000))
"""


def news(wait: float = 0, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NEWS.format(wait=wait, quiet=quiet)], capture_output=True, text=True, env=environment(), check=True
    )


@pytest.mark.parametrize(
    ("environ", "terminal", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
    ],
)
def test_colour_is_for_whom_it_is_for(environ: dict[str, str], terminal: bool, colour: bool) -> None:
    ours, theirs = os.openpty() if terminal else os.pipe()[::-1]
    with os.fdopen(theirs if terminal else ours, "w") as stream:
        assert wants_color(stream, environ) is colour


def test_a_closed_stream_is_no_terminal(tmp_path: Path) -> None:
    stream = (tmp_path / "x").open("w")
    stream.close()
    assert wants_color(stream, {}) is False


@pytest.mark.parametrize(
    ("args", "format"),
    [
        (["plan", "--format", "json"], "json"),
        (["plan", "--format=github"], "github"),
        (["plan", "--format"], "text"),
        (["plan", "--format", "xml"], "text"),
        (["plan", "--", "--format", "json"], "text"),
        ([], "text"),
    ],
)
def test_the_form_of_an_error_is_read_from_the_bare_words(args: list[str], format: str) -> None:
    assert screen_for(args).format == format


def test_what_an_encoding_lacks_is_escaped(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        write(stream, "Zoë → 李\n")
    assert (tmp_path / "out").read_bytes() == b"Zo\\xeb \\u2192 \\u674e\n"


def test_an_ascii_terminal_gets_no_traceback() -> None:
    done = run("plan", "--var", "ë", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 64
    assert "\\xeb" in done.stderr


def test_a_pipe_that_closes_swallows_the_rest() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        write(stream, "one")
        write(stream, "two")


def test_progress_without_a_terminal_is_plain_lines() -> None:
    done = news()
    assert done.stdout == "between\n"
    assert done.stderr.splitlines() == [
        *(f"reading [bold]member[/]\\x1b[31m: {i}" for i in range(3)),
        *(f"create member/x: {i} of 1,000" for i in range(3)),
        "create member/y: 999 of 1,000",
    ]


def test_short_work_and_quiet_work_show_no_progress() -> None:
    assert news(wait=60).stderr == ""
    assert news(quiet=True).stderr == ""


def test_nobody_answers_where_nothing_can_be_read() -> None:
    screen = Screen()
    assert (screen.interactive, Screen("json").interactive) == (False, False)


def test_commands_run_inside_a_process_too(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here(["--version"]) == 0
    assert run_here(["nonsense"]) == 64
    assert "there is no command" in capfd.readouterr().err


def test_a_watch_that_saw_nothing_leaves_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with Watch(Screen()) as watch:
        watch.pause()
    assert capfd.readouterr() == ("", "")
    assert progress.BAR_AFTER > 0
