"""HTTP as providers use it: one session for a live system, with paging, retries and typed answers. The only importer of httpx.

Invariant: a token goes to the session's own origin and to the hosts that the provider's code names, and nowhere else (no redirect and no
link leads a request away), and no error holds a header or a secret, also not where the other side sends one back. A request is repeated
only where repeating cannot do anything twice. Every request ends, in bounded time and memory, whatever the other side does.
"""

from __future__ import annotations

from orgform.providers import lean  # noqa: F401  before httpx

# isort: split
from orgform.providers.http.in_process import InProcessTransport
from orgform.providers.http.refusals import HttpError
from orgform.providers.http.session import FIRST_WAIT, TRIES, USED_UP, Answer, Session

__all__ = ["FIRST_WAIT", "TRIES", "USED_UP", "Answer", "HttpError", "InProcessTransport", "Session"]
