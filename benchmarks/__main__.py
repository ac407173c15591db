"""`python -m benchmarks [--size 10k|100k] [--rounds N] [--json] [--docs docs/benchmarks.md]`: the targets, measured side by side.

Every number is of a whole process, from its start to its end, the median of interleaved rounds; peers run in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks import peers, report
from benchmarks.api import Api
from benchmarks.companies import SIZES, Size, described, touch_members, write_company
from benchmarks.measure import Command, interleaved, run
from benchmarks.peers import orgform

PAGE = 1000
EXAMPLE = Path(__file__).parents[1] / "examples" / "acme"
TODAY = ("--today", "2026-12-01")


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="orgform-benchmark-") as work:
        result = measure(Path(work), SIZES[arguments.size], arguments.rounds, with_peers=arguments.peers)
    if arguments.docs:
        report.write_docs(Path(arguments.docs), result)
    print(json.dumps(result, indent=2) if arguments.json else report.text(result))
    return 0 if all(t["held"] for t in result["targets"] if t["held"] is not None) else 1


def measure(work: Path, size: Size, rounds: int, *, with_peers: bool) -> dict[str, Any]:
    """Everything for one size, as a JSON-like dict."""
    folder, cache = work / "company", work / "cache"
    api = Api(work / "api.db")
    try:
        target = f"{{provider: orgform, url: '{api.url}'}}"
        write_company(folder, size, target)
        loaded = run(orgform("load", folder, "apply", "--yes", "--quiet"))
        writes = api.calls()
        cold = orgform("plan", folder, "plan", "--detailed-exitcode", "--quiet")
        warm = orgform("plan, parsed before", folder, "plan", "--detailed-exitcode", "--quiet", cache=cache)
        found, skipped = _peers(work, size) if with_peers else ([], [])
        measured = interleaved([cold, warm, *found, *_example(work)], rounds)
        api.calls()
        run(cold)
        reads = api.calls()
        touch_members(folder, 100)
        changed = interleaved([orgform("plan, 1 % changed", folder, "plan", "--quiet")], rounds)
    finally:
        api.close()
    creates = _creates(work, size)
    result: dict[str, Any] = {
        "machine": machine(),
        "size": size.name,
        "resources": size.resources,
        "yaml": dict(zip(("bytes", "lines"), described(folder), strict=True)),
        "rounds": rounds,
        "measured": {name: m.as_json() for name, m in (measured | changed).items()},
        "load": {"seconds": round(loaded.seconds, 2), "calls": sum(writes.values())},
        "creates": creates,
        "calls": {"made": reads, "allowed": _allowed_calls(size)},
        "skipped": skipped,
    }
    return result | {"targets": report.targets(result)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="10k")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="orgform alone")
    parser.add_argument("--docs", metavar="FILE", help="put the table between its marks in FILE")
    return parser.parse_args()


def _peers(work: Path, size: Size) -> tuple[list[Command], list[str]]:
    made = [peers.terraform(work, size.members), peers.octodns(work, size.members)] if size.members <= 10_000 else []
    found = [peer for peer in made if isinstance(peer, Command)]
    skipped = [peer for peer in made if isinstance(peer, str)]
    if not made:
        skipped.append("Terraform and octoDNS: measured at 10k only; they take minutes here")
    return found, skipped


def _example(work: Path) -> list[Command]:
    """Commands on the example company, applied before."""
    folder = work / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("*.db", ".orgform"))
    run(orgform("load example", folder, "apply", "--yes", "--quiet", *TODAY))
    return [
        orgform("--version", folder, "--version"),
        orgform("validate example", folder, "validate", *TODAY),
        orgform("plan example", folder, "plan", "--detailed-exitcode", *TODAY),
    ]


def _creates(work: Path, size: Size) -> dict[str, Any]:
    """An apply of nothing but members, as many as the size has, through the batch endpoint."""
    folder = work / "creates"
    api = Api(work / "creates.db")
    try:
        write_company(folder, Size("creates", size.members, 0, memberships=0, values=0), f"{{provider: orgform, url: '{api.url}'}}")
        (folder / "features.yaml").unlink()
        done = run(orgform("apply", folder, "apply", "--yes", "--quiet"))
        taken = {"seconds": round(done.seconds, 2), "megabytes": round(done.megabytes)}
        return {"changes": size.members + 2, **taken, "calls": sum(api.calls().values())}
    finally:
        api.close()


def _allowed_calls(size: Size) -> dict[str, int]:
    """A list call for each page of each kind in use; nothing for each member."""
    return {kind: ceil(count / PAGE) or 1 for kind, count in size.resources.items()}


def machine() -> dict[str, Any]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(pages / 2**30),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


if __name__ == "__main__":
    sys.exit(main())
