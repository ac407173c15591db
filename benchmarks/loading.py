"""Bulk loading as one of the benchmark's numbers: batch writes and page reads over HTTP, beside their floors, on both databases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from benchmarks import bulk
from benchmarks.api import Api
from benchmarks.plain import process
from orgform.testing.postgres import PostgresMissing, running_postgres

PAGES = 200


def measure(work: Path, members: int) -> dict[str, Any]:
    """`{"sqlite": NUMBERS, "postgresql": NUMBERS or a sentence, "plain": pages a second}`; `NUMBERS` are those of `bulk.measure`."""
    found: dict[str, Any] = {"sqlite": bulk.measure(None, members)}
    try:
        with running_postgres() as server:
            found["postgresql"] = bulk.measure(server.database("bulk"), members)
    except PostgresMissing as e:
        found["postgresql"] = f"PostgreSQL: skipped, {e}"
    return found | {"members": members, "plain": _plain(work)}


def _plain(work: Path) -> float:
    """Pages a second of a server that sends the same ready page again and again: what HTTP and this client alone can do."""
    page = work / "page.json"
    with closing(Api(work / "page.db", work / "page.log")) as api:
        headers = {"authorization": f"Bearer {api.token}", "content-type": "application/json"}
        with httpx.Client(base_url=api.url, headers=headers) as client:
            for _, body in bulk.batches(bulk.PAGE):
                client.post("/v1/batch", content=body).raise_for_status()
            page.write_bytes(client.get(f"/v1/members?limit={bulk.PAGE}").raise_for_status().content)
    with process("plain", str(page)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        client.get("/").raise_for_status()
        began = perf_counter()
        for _ in range(PAGES):
            client.get("/")
        return PAGES / (perf_counter() - began)
