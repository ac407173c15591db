"""An undo in a process of its own, to be killed: `python -m tests.undo.another FOLDER RUN`. It says each outcome on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from orgform import app
from orgform.codec import replace
from orgform.options import Progress
from orgform.providers import orgform as provider
from orgform.providers.base import ProviderSpec
from tests.undo.company import Company


def slow() -> ProviderSpec:
    """The local provider with small batches, so that there is something between the first write and the last."""
    spec = provider.local
    return replace(spec, capabilities=replace(spec.capabilities, batch=3))


def told(progress: Progress) -> None:
    if progress.phase == "apply":
        print(progress.message, flush=True)


if __name__ == "__main__":
    provider.local = slow()
    company = Company(Path(sys.argv[1]))
    print(app.undo(replace(company.options, parallelism=4), sys.argv[2], listen=told)[1].outcome)
