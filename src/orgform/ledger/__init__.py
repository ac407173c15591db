"""What was last applied, what was done when by whom, and who may write now.

Invariant: everything recorded goes in whole transactions, each of which proves that the apply still holds its lock; what is recorded
survives `kill -9` and a power cut. Attributes that `base` returns are shared between equal resources and must not be changed.
"""

from orgform.ledger.lock import Lock
from orgform.ledger.store import FROM_RUN, Attestation, Ledger, RunInfo, RunRecorder, keep_seen, new_run, open_ledger
from orgform.ledger.told import MANUAL, NOT_TRIED, PLANNED, RecordedChange

__all__ = [
    "FROM_RUN",
    "MANUAL",
    "NOT_TRIED",
    "PLANNED",
    "Attestation",
    "Ledger",
    "Lock",
    "RecordedChange",
    "RunInfo",
    "RunRecorder",
    "keep_seen",
    "new_run",
    "open_ledger",
]
