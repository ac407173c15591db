"""What was measured, as targets with their verdicts, a table in text, and a section of docs/benchmarks.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: seconds, megabytes, ratios: docs of the targets are in docs/benchmarks.md
LIMITS: dict[str, dict[str, float]] = {
    "10k": {"plan": 0.9, "memory": 150, "octodns": 8, "terraform": 20, "terraform, a GET each": 30, "creates": 8, "latency": 1.2},
    "100k": {"plan": 7, "plan, parsed before": 2.5, "memory": 800},
    "1k": {},
    "tiny": {},
}
#: how many creates are applied call by call over a slow network: fewer would measure the start of the process, more take minutes
LATENCY_CREATES = (20, 1_000, 10_000)
HEADINGS = ("process", "seconds", "fastest-slowest", "own CPU s", "peak MB", "ratio to plan")
BULK_HEADINGS = ("bulk loading", "a second", "floor, a second", "times as many")
EXAMPLE_LIMITS = {"--version": 0.1, "validate example": 0.35, "plan example": 0.6}
OPENLY = (
    "Most of the gain over Terraform is paginated lists instead of a request for each resource; its plain blocks here make no request at "
    "all, the others a GET each, at a server that does nothing else. octoDNS makes no HTTP call either, it compares two YAML files. "
    "orgform's plan reads everything from an API in another process."
)


def targets(result: dict[str, Any]) -> list[dict[str, Any]]:
    """`{target, limit, measured, held}`; `held` is None where it could not be measured."""
    limits, measured = LIMITS[result["size"]], result["measured"]
    plan = measured["plan"]["seconds"]
    rows = [_at_most(f"{name}, seconds", limits.get(name), measured[name]["seconds"]) for name in ("plan", "plan, parsed before")]
    rows.append(_at_most("plan, peak memory, MB", limits.get("memory"), measured["plan"]["megabytes"]))
    rows += [_at_most(f"{name}, seconds", limit, measured[name]["seconds"]) for name, limit in EXAMPLE_LIMITS.items()]
    rows.append(_at_most("apply of creates, seconds", limits.get("creates"), result["creates"]["seconds"]))
    if "latency" in result:
        name = "creates call by call over 50 ms, parallel 20: times calls x latency / parallelism"
        rows.append(_at_most(name, limits.get("latency"), result["latency"]["ratio"]))
    for peer in ("octodns", "terraform", "terraform, a GET each"):
        if peer in limits:
            ratio = measured[peer]["seconds"] / plan if peer in measured else None
            rows.append(_at_least(f"faster than {peer}, times", limits[peer], ratio))
    allowed = sum(result["calls"]["allowed"].values())
    rows.append(_at_most("API calls of a no-op plan that its resources pay for", allowed, _paid_calls(result)))
    return [row for row in rows if row["limit"] is not None]


def _paid_calls(result: dict[str, Any]) -> int:
    """Lists of kinds that are not in use cost one call each; they are not counted here, but shown."""
    used = {"company", "domains", "features", "feature_values", "members", "memberships", "workspaces"}
    return sum(count for call, count in result["calls"]["made"].items() if call.rpartition("/")[2] in used)


def _at_most(name: str, limit: float | None, value: float | None) -> dict[str, Any]:
    return {
        "target": name,
        "limit": limit,
        "at": "most",
        "measured": value,
        "held": None if value is None or limit is None else value <= limit,
    }


def _at_least(name: str, limit: float | None, value: float | None) -> dict[str, Any]:
    value = None if value is None else round(value, 1)
    return {
        "target": name,
        "limit": limit,
        "at": "least",
        "measured": value,
        "held": None if value is None or limit is None else value >= limit,
    }


def text(result: dict[str, Any]) -> str:
    tables = [*_columns([HEADINGS, *_measured_rows(result)]), "", *_columns([BULK_HEADINGS, *_bulk_rows(result)])]
    return "\n".join([headline(result), "", *tables, "", *_facts(result), "", *_verdicts(result), "", OPENLY])


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in rows
    ]


def headline(result: dict[str, Any]) -> str:
    machine, resources = result["machine"], result["resources"]
    return (
        f"{result['size']}: {sum(resources.values()):,} resources ({resources['member']:,} members, {resources['membership']:,} "
        f"memberships, {resources['workspace']:,} workspaces), {result['yaml']['bytes'] / 1e6:.1f} MB of YAML in "
        f"{result['yaml']['lines']:,} lines. {machine['cores']} cores, {machine['memory_gb']} GB, Python {machine['python']}, "
        f"{machine['system']}; median of {result['rounds']} interleaved rounds, whole processes."
    )


def _measured_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    plan = result["measured"]["plan"]["seconds"]
    return [
        (
            name,
            f"{m['seconds']:.2f}",
            f"{m['fastest']:.2f}-{m['slowest']:.2f}",
            f"{m['cpu']:.2f}",
            f"{m['megabytes']:.0f}",
            f"{m['seconds'] / plan:.2f}",
        )
        for name, m in result["measured"].items()
    ]


def _facts(result: dict[str, Any]) -> list[str]:
    creates, load, calls = result["creates"], result["load"], result["calls"]["made"]
    return [
        f"apply of {creates['changes']:,} creates through the batch endpoint: {creates['seconds']} s, "
        f"{creates['megabytes']} MB, {creates['calls']} calls",
        *_latency_facts(result),
        f"apply of all {sum(result['resources'].values()):,} resources: {load['seconds']} s, {load['calls']} calls",
        f"the server after all that: {result['server']['memory']} MB of memory at its peak, {result['server']['database']} MB of database",
        f"calls of a no-op plan: {sum(calls.values())} (" + ", ".join(f"{name} {n}" for name, n in sorted(calls.items())) + ")",
        *_bulk_facts(result),
        *result["skipped"],
    ]


def _bulk_rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Writes beside the same rows by plain SQL; pages beside ready JSON out of a table, and beside a server that does nothing else."""
    bulk, rows = result["bulk"], []
    for name, database in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        found = bulk[name]
        if isinstance(found, str):
            continue
        writes, reads = found["writes"]["per_second"], found["reads"]["per_second"]
        rows += [
            _bulk_row(f"{database}: writes in batches of 1,000, beside the same rows by SQL", writes, found["write_floor"]["per_second"]),
            _bulk_row(f"{database}: pages of 1,000, beside ready JSON out of a table", reads, found["read_floor"]["per_second"]),
            _bulk_row(f"{database}: pages of 1,000, beside a plain server of one ready page", reads, bulk["plain"]),
        ]
    return rows


def _bulk_row(name: str, ours: float, floor: float) -> tuple[str, ...]:
    return (name, f"{ours:,.0f}", f"{floor:,.0f}", f"{floor / ours:.1f}")


def _bulk_facts(result: dict[str, Any]) -> list[str]:
    bulk = result["bulk"]
    found = [numbers for numbers in (bulk["sqlite"], bulk["postgresql"]) if not isinstance(numbers, str)]
    first = found[0]
    return [
        f"bulk loading: {first['writes']['operations']:,} creates ({bulk['members']:,} members, {3 * bulk['members']:,} memberships and "
        f"their workspaces) and {first['reads']['pages']:,} pages over HTTP with a token, one client; the floors write and read in the "
        "process that measures, without HTTP; PostgreSQL runs without fsync on both sides",
        *(text for text in (bulk["sqlite"], bulk["postgresql"]) if isinstance(text, str)),
    ]


def _latency_facts(result: dict[str, Any]) -> list[str]:
    if "latency" not in result:
        return []
    slow = result["latency"]
    return [
        f"apply of creates call by call (`batch: 1`) over a network with 50 ms of latency, parallel 20: {slow['calls']:,} calls, "
        f"{slow['serial']} of them one after another before the first write; at least {slow['least']} s by arithmetic, {slow['seconds']} s "
        f"the whole process ({slow['ratio']} times), {slow['cpu']} s of computing in it; bare sockets through the same network and nothing "
        f"behind it: {slow['floor']} times; a write took {slow['server_ms']} ms in the server (median), "
        "its turn among the company's other writes included"
    ]


def _verdicts(result: dict[str, Any]) -> list[str]:
    said = {True: "held", False: "NOT HELD", None: "not measured"}
    return [f"{said[t['held']]:>12}  {t['target']}: {t['measured']} (at {t['at']} {t['limit']})" for t in result["targets"]]


def write_docs(page: Path, result: dict[str, Any]) -> None:
    """Between `<!-- SIZE -->` and `<!-- /SIZE -->` all of it; between `<!-- sizes SIZE -->` and its end what a server needs."""
    text = page.read_text(encoding="utf-8")
    size = result["size"]
    written = text
    for mark, said in ((size, markdown(result)), (f"sizes {size}", sizing(result))):
        place = re.compile(f"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        written = place.sub(lambda found, said=said: f"{found[1]}{said}\n{found[2]}", written)
    if not re.search(f"<!-- (sizes )?{size} -->", text):
        raise SystemExit(f"{page} has no place marked <!-- {size} -->")
    page.write_text(written, encoding="utf-8")


def sizing(result: dict[str, Any]) -> str:
    """One line of a list."""
    resources, server = result["resources"], result["server"]
    rates = [
        f"{database} {found['writes']['per_second']:,.0f} writes in batches and {found['reads']['per_second']:,.0f} pages of 1,000 a second"
        for database, found in (("SQLite", result["bulk"]["sqlite"]), ("PostgreSQL", result["bulk"]["postgresql"]))
        if not isinstance(found, str)
    ]
    return (
        f"- {resources['member']:,} members, {resources['membership']:,} memberships, {resources['workspace']:,} workspaces: a SQLite file "
        f"of {server['database']:.0f} MB with the audit log, {server['memory']} MB of memory at the server's peak; the first apply "
        f"takes {result['load']['seconds']:.0f} s, a plan without changes {result['measured']['plan']['seconds']:.1f} s. Bulk loading: "
        f"{', '.join(rates)}."
    )


def markdown(result: dict[str, Any]) -> str:
    said = {True: "held", False: "**not held**", None: "not measured"}
    verdicts = [(t["target"], f"at {t['at']} {t['limit']}", str(t["measured"]), said[t["held"]]) for t in result["targets"]]
    tables = [
        *_markdown_table(HEADINGS, _measured_rows(result)),
        *_markdown_table(("target", "", "measured", "verdict"), verdicts),
        *_markdown_table(BULK_HEADINGS, _bulk_rows(result)),
    ]
    return "\n".join([headline(result), "", *tables, *(f"- {fact}" for fact in _facts(result))])


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]
