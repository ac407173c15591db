"""Runs one command and says what it took: `python -I -S launch.py OUTPUT WORDS...` prints `EXIT SECONDS CPU_SECONDS KILOBYTES`.

Small on purpose: Linux counts the memory of whoever starts a process as the process's own peak, so a large starter would be measured.
"""

import os
import sys
import time

output = os.open(sys.argv[1], os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
started = time.perf_counter()
process = os.posix_spawnp(
    sys.argv[2], sys.argv[2:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - started
print(os.waitstatus_to_exitcode(status), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
