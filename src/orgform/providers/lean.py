"""Keeps httpx from loading its own command line.

Where rich and pygments are installed (rich is), importing httpx loads them for `httpx._main`, which nobody here runs: 40 ms of every plan.
A module that is marked as absent is not looked for, and httpx does without, as it does where they are not installed.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
