"""An apply in a process of its own, to be killed: `python -m tests.undo.applying FOLDER`. It says each outcome on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from orgform import app
from orgform.codec import replace
from orgform.providers import orgform as provider
from tests.undo.another import slow, told
from tests.undo.company import Company

if __name__ == "__main__":
    provider.local = slow()
    print(app.apply(replace(Company(Path(sys.argv[1])).options, parallelism=4), listen=told)[1].outcome)
