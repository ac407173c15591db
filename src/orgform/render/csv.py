"""Tables for spreadsheets.

Invariant: no cell can be taken for a formula: one that begins like one gets a `'` in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from orgform.render.words import clean

COLUMNS = ("member", "workspace", "role", "path")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def access(items: Sequence[Mapping[str, Any]]) -> str:
    """Effective access; an empty workspace is the company itself."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(item.get(column)) for column in COLUMNS] for item in items)
    return page.getvalue()


def cell(value: object) -> str:
    """One safe cell."""
    text = clean("" if value is None else value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
