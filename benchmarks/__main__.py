"""The targets, side by side: `python -m benchmarks [--size 10k|100k] [--rounds N] [--json] [--docs PAGE...]`.

Every number is of a whole process, from its start to its end, the median of interleaved rounds; peers run in the same rounds.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import shutil
import sys
import tempfile
from contextlib import ExitStack, closing
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks import loading, peers, report, writes
from benchmarks.api import Api
from benchmarks.companies import SIZES, Size, described, terraform_answer, touch_members, write_company
from benchmarks.measure import Command, interleaved, run
from benchmarks.peers import orgform
from benchmarks.plain import process

PAGE = 1000
EXAMPLE = Path(__file__).parents[1] / "examples" / "acme"
TODAY = ("--today", "2026-12-01")


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="orgform-benchmark-") as work:
        result = measure(Path(work), SIZES[arguments.size], arguments.rounds, with_peers=arguments.peers)
    for page in arguments.docs:
        report.write_docs(Path(page), result)
    print(json.dumps(result, indent=2) if arguments.json else report.text(result))
    return 0 if all(t["held"] for t in result["targets"] if t["held"] is not None) else 1


def measure(work: Path, size: Size, rounds: int, *, with_peers: bool) -> dict[str, Any]:
    """Everything for one size, as a JSON-like dict."""
    compileall.compile_dir(Path(__file__).parents[1] / "src", quiet=1)  # as pip leaves it; else each start may have to compile it
    result = {"machine": machine(), "size": size.name, "resources": size.resources, "rounds": rounds}
    result |= _reading(work, size, rounds, with_peers=with_peers)
    result["creates"] = writes.in_batches(work, size.members)
    if size.members in report.LATENCY_CREATES:
        result["latency"] = writes.behind_latency(work, size.members)
    result["bulk"] = loading.measure(work, size.members)
    return result | {"targets": report.targets(result)}


def _reading(work: Path, size: Size, rounds: int, *, with_peers: bool) -> dict[str, Any]:
    """Plans of a company that is loaded before, over `orgform serve`, and the peers in the same rounds."""
    folder, cache = work / "company", work / "cache"
    with closing(Api(work / "api.db", work / "api.log")) as api, ExitStack() as stack:
        write_company(folder, size, api.target())

        def command(name: str, *words: str, cache: Path | None = None) -> Command:
            return orgform(name, folder, *words, cache=cache, environ=api.environ())

        loaded = run(command("load", "apply", "--yes", "--quiet"))
        calls = api.calls()
        cold = command("plan", "plan", "--detailed-exitcode", "--quiet")
        warm = command("plan, parsed before", "plan", "--detailed-exitcode", "--quiet", cache=cache)
        found, skipped = _peers(work, size, stack) if with_peers else ([], [])
        measured = interleaved([cold, warm, *found, *_example(work)], rounds)
        api.calls()
        run(cold)
        reads = api.calls()
        touch_members(folder, 100)
        measured |= interleaved([command("plan, 1 % changed", "plan", "--quiet")], rounds)
        sizes = api.sizes()
    return {
        "yaml": dict(zip(("bytes", "lines"), described(folder), strict=True)),
        "measured": {name: m.as_json() for name, m in measured.items()},
        "load": {"seconds": round(loaded.seconds, 2), "calls": sum(calls.values())},
        "server": sizes,
        "calls": {"made": reads, "allowed": _allowed_calls(size)},
        "skipped": skipped,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="10k")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="orgform alone")
    parser.add_argument("--docs", metavar="FILE", nargs="+", default=[], help="put the tables between their marks in these pages")
    return parser.parse_args()


def _peers(work: Path, size: Size, stack: ExitStack) -> tuple[list[Command], list[str]]:
    """`stack` ends the server that a peer reads from."""
    if size.members > 10_000:
        return [], ["Terraform and octoDNS: measured at 10k only; they take minutes here"]
    answer = work / "terraform-answer.json"
    answer.write_bytes(terraform_answer())
    url = f"http://127.0.0.1:{stack.enter_context(process('plain', str(answer)))}"
    made = [peers.terraform(work, size.members), peers.terraform_gets(work, size.members, url), peers.octodns(work, size.members)]
    return [peer for peer in made if isinstance(peer, Command)], [peer for peer in made if isinstance(peer, str)]


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
