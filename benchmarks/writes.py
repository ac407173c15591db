"""An apply of nothing but creates: through the batch endpoint, and call by call over a network with latency."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks import latency
from benchmarks.api import Api
from benchmarks.companies import Size, write_company
from benchmarks.measure import run
from benchmarks.peers import orgform
from benchmarks.plain import process

LATENCY_MS = 50
PARALLEL = 20


def in_batches(work: Path, members: int) -> dict[str, Any]:
    api = Api(work / "batches.db", work / "batches.log")
    try:
        folder = _company(work / "batches", members, api.target())
        done = run(orgform("apply", folder, "apply", "--yes", "--quiet", environ=api.environ()))
        taken = {"seconds": round(done.seconds, 2), "megabytes": round(done.megabytes)}
        return {"changes": members + 2, **taken, "calls": sum(api.calls().values())}
    finally:
        api.close()


def behind_latency(work: Path, members: int) -> dict[str, Any]:
    """`least`: calls x latency / parallelism, in seconds; `ratio`: how many times as long the whole process took; `floor`: the same for
    bare sockets and a server that does nothing; `serial`: calls that had to wait for one another, before the first write; `server_ms`:
    what a write took in the server (median), where one writes at a time."""
    floor = latency.floor(work, members, LATENCY_MS, PARALLEL)
    api = Api(work / "latency.db", work / "latency.log")
    try:
        with process("latency", str(api.port), str(LATENCY_MS)) as port:
            url = f"http://127.0.0.1:{port}"
            folder = _company(work / "latency", members, api.target(url, batch=1))
            apply = orgform("apply", folder, "apply", "--yes", "--quiet", "--parallelism", str(PARALLEL), environ=api.environ(url))
            done = run(apply)
            requests = api.requests()
    finally:
        api.close()
    writes = [r["ms"] for r in requests if r["method"] != "GET"]
    least = len(requests) * LATENCY_MS / 1000 / PARALLEL
    return {
        "calls": len(requests),
        "serial": len(requests) - len(writes),
        "server_ms": round(statistics.median(writes), 1),
        "least": round(least, 2),
        "seconds": round(done.seconds, 2),
        "cpu": round(done.cpu, 2),
        "ratio": round(done.seconds / least, 2),
        "floor": round(floor / (members * LATENCY_MS / 1000 / PARALLEL), 2),
    }


def _company(folder: Path, members: int, target: str) -> Path:
    write_company(folder, Size("creates", members, 0, memberships=0, values=0), target)
    (folder / "features.yaml").unlink()
    return folder
