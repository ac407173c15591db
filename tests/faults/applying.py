"""An apply in a process of its own with a short lease: `python -m tests.faults.applying FOLDER LEASE`. It ends as the command line does."""

from __future__ import annotations

import sys

from orgform.cli import main
from orgform.ledger import Ledger

if __name__ == "__main__":
    folder, lease = sys.argv[1:3]
    defaults = Ledger.lock.__kwdefaults__ or Ledger.lock.__wrapped__.__kwdefaults__  # type: ignore[attr-defined]
    defaults["lease"] = float(lease)
    sys.argv[1:] = ["apply", "--yes", "-C", folder, "--parallelism", "1"]
    sys.exit(main())
