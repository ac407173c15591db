"""A bug in orgform, told in one sentence; the traceback only for who asks, and without secrets.

Invariant: no secret that a target was opened with, and no value of an environment variable that looks like one, leaves through here.
"""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path

_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH|DSN|DATABASE_URL", re.IGNORECASE)
_HEADER = re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{6,}")
_SHORTEST_SECRET = 4


def redact(text: str) -> str:
    """`text` without secrets that were read, values of secret-looking environment variables, passwords in URLs, authorization headers."""
    from orgform import redaction
    from orgform.urls import mask_passwords

    text = redaction.redact(text)
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and _SECRET_NAME.search(name):
            text = text.replace(value, "***")
    return _HEADER.sub(r"\1 ***", mask_passwords(text))


def describe(error: BaseException) -> tuple[str, str]:
    """Message and hint for an exception that nobody expected."""
    from orgform.render.words import clean, cut

    said = cut(clean(redact(str(error))), 200)
    what = f"{type(error).__name__}{f' ({said})' if said else ''}"
    message = f"this is a bug in orgform: {what} at {_place(error)}"
    return message, "please report this line, the command and `orgform --version`; ORGFORM_DEBUG=1 adds a traceback to send along"


def traceback_text(error: BaseException) -> str:
    """The traceback, redacted, every line free of control characters."""
    from orgform.render.words import clean

    text = redact("".join(traceback.format_exception(error)))
    return "".join(clean(line) + "\n" for line in text.splitlines())


def _place(error: BaseException) -> str:
    """The innermost of our own lines: `planning/diff.py:120`."""
    package = Path(__file__).parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).is_relative_to(package)]
    if not ours:
        return "an unknown place"
    return f"{Path(ours[-1].filename).relative_to(package)}:{ours[-1].lineno}"
