"""`python -m tests.faults.nights FIRST NIGHTS STEPS FOLDER`: so many nights with seeds from FIRST on, so many things in each.

In a process of its own, which is not traced and has no threads: nights fork. It says on stdout what was done and how it ended.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from pathlib import Path

from tests.faults.nights.night import Night


def main(first: str, nights: str, steps: str, folder: str) -> None:
    counts: Counter[str] = Counter()
    for seed in range(int(first), int(first) + int(nights)):
        place = Path(folder) / f"n{seed}"
        place.mkdir()
        night = None
        try:
            night = Night(place, seed)
            for _ in range(int(steps)):
                night.goes_on()
        except BaseException:
            told = "\n".join(night.story[-25:]) if night else "the first apply"
            print(f"night {seed}, in {place}:\n{told}", file=sys.stderr)
            raise
        counts += night.counts
        shutil.rmtree(place)
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
