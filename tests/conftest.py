"""Nothing of whoever runs the tests: no cache, no state folder, no ledger of theirs is read or written."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_HOME = tempfile.mkdtemp(prefix="orgform-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ |= {"ORGFORM_STATE": f"{_HOME}/state", "ORGFORM_CACHE": f"{_HOME}/cache"}
for name in ("ORGFORM_LEDGER", "ORGFORM_ALLOW_TARGETS", "ORGFORM_ACTOR"):
    os.environ.pop(name, None)
