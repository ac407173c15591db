"""Long work made visible on stderr: a bar on a terminal, a line now and then without one. The only importer of rich.

Invariant: short work shows nothing and imports nothing; nothing of it is ever on stdout.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from orgform.cli.output import Screen, is_terminal, write

if TYPE_CHECKING:
    from orgform.app import Progress

BAR_AFTER = 0.5  # seconds of work before a bar is worth its import
LINE_AFTER, LINE_EVERY = 5.0, 5.0


class Watch:
    """A context manager that is also the listener: `with Watch(screen) as watch: app.plan(..., listen=watch)`."""

    def __init__(self, screen: Screen) -> None:
        self._silent = screen.quiet
        self._bars, self._color = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb", screen.color_err
        self._started = self._last = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pause()

    def __call__(self, news: Progress) -> None:
        if self._silent:
            return
        with self._lock:
            now = time.monotonic()
            if self._bars and now - self._started >= BAR_AFTER:
                self._draw(news)
            elif not self._bars and now - self._started >= LINE_AFTER and now - self._last >= LINE_EVERY:
                self._last = now
                write(sys.stderr, _line(news) + "\n")

    def pause(self) -> None:
        """Takes the bar away, so that something else can be written; the next long work brings a new one."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
            self._bar = None
            self._started = self._last = time.monotonic()

    def _draw(self, news: Progress) -> None:
        if self._bar is None:
            self._bar = _bar(self._color)
            self._task = self._bar.add_task("", count="")
            self._bar.start()
        self._bar.update(self._task, description=_safe(news.message), completed=news.done, total=news.total, count=_count(news))


def _line(news: Progress) -> str:
    from orgform.render.words import clean

    return f"{clean(news.message)}: {_count(news)}"


def _count(news: Progress) -> str:
    return f"{news.done:,}" if news.total is None else f"{news.done:,} of {news.total:,}"


def _safe(message: str) -> str:
    from rich.markup import escape

    from orgform.render.words import clean, cut

    return escape(cut(clean(message), 40))


def _bar(color: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[count]}"), TimeElapsedColumn())
    return Progress(
        *columns, console=Console(file=sys.stderr, no_color=not color), transient=True, redirect_stdout=False, redirect_stderr=False
    )
