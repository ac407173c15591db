"""The server's log: one line an event on stderr, as JSON or as text.

Invariant: a line is ASCII without control characters, whatever a client sent, and holds no token and no password. A log that nobody
takes never fails a request.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import unquote

from orgform.redaction import redact
from orgform.server.store import time_text
from orgform.urls import mask_passwords

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENCODINGS = 4  # percent-encoded so often, a token would be found; nobody has a reason to go on
_LONGEST_PATH = 1000
_JSON = json.JSONEncoder(separators=(",", ":"))


class Log:
    """Writes events. `form`: `json` (a document a line) or `text` (`TIME EVENT name=value ...`)."""

    def __init__(self, form: str = "json", stream: TextIO | None = None) -> None:
        self._line = _json_line if form == "json" else _text_line
        self._stream = stream or sys.stderr

    def write(self, event: str, /, **fields: Any) -> None:
        """One line. Fields that are None are left out."""
        known = {name: _safe(value) for name, value in fields.items() if value is not None}
        with suppress(OSError, ValueError):
            self._stream.write(self._line(time_text(datetime.now(UTC)), event, known) + "\n")
            self._stream.flush()

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Meanwhile what any library logs (from warnings on) is a line here, too."""
        root = logging.getLogger()
        handler = _Handler(self)
        root.addHandler(handler)
        # It warns of every request that is not HTTP: the access log has these.
        quiet = logging.getLogger("uvicorn.error")
        before = quiet.level
        quiet.setLevel(logging.ERROR)
        try:
            yield
        finally:
            quiet.setLevel(before)
            root.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
        self.log.write(record.levelname.lower(), message=record.getMessage(), id=getattr(record, "request", None), traceback=trace)


def path_text(path: str) -> str:
    """A path as it came, percent-encoded; decoded where something in it had to be masked."""
    shown = path
    for _ in range(_ENCODINGS):
        masked = redact(shown)
        if masked != shown:
            return masked[:_LONGEST_PATH]
        if "%" not in shown:
            break
        shown = unquote(shown)
    return path[:_LONGEST_PATH]


def _safe(value: Any) -> Any:
    return mask_passwords(redact(value)) if isinstance(value, str) else value


def _json_line(time: str, event: str, fields: Mapping[str, Any]) -> str:
    return _JSON.encode({"time": time, "event": event, **fields})


def _text_line(time: str, event: str, fields: Mapping[str, Any]) -> str:
    """Words as they are, everything else in quotes; a traceback on lines of its own, indented."""
    trace = "".join(f"\n  {_ascii(line)}" for line in str(fields.get("traceback", "")).splitlines())
    return " ".join([time, event, *(f"{name}={_word(value)}" for name, value in fields.items() if name != "traceback")]) + trace


def _word(value: Any) -> str:
    text = str(value)
    return text if text.isascii() and text.isprintable() and text and not set(text) & set(' "=') else json.dumps(text)


def _ascii(line: str) -> str:
    return json.dumps(line)[1:-1].replace('\\"', '"')
