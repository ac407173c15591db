"""The domains of a config and the DNS records that prove them: for people, and as snippets for octoDNS and for zone files.

Invariant: a snippet holds nothing but comments and what has to be set, and is valid as it stands, whatever a live system says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orgform.render.tables import table
from orgform.render.view import moment
from orgform.render.words import Paint, clean, count, hang

Doc = Mapping[str, Any]

TTL = 300
UNBROKEN = 10_000
#: bytes that one string of a TXT record holds
_LONGEST_STRING = 255
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")


def text(doc: Doc, *, color: bool, width: int, full: bool = False) -> str:
    """A table of all domains, and below it the records to set; with `full` those of verified domains too."""
    found: Sequence[Doc] = doc["domains"]
    if not found:
        return "The config declares no domain.\n"
    paint = Paint(color)
    body = [(_name(d), clean(d["status"]), clean(d["next"]) or "nothing to do") for d in found]
    page = table(("DOMAIN", "STATUS", "NEXT"), body, color=color, width=width)
    shown = _to_set(found, full=full)
    if shown:
        page += "\n" + paint("bold", "Records to set:" if not full else "Records:") + "\n"
    return page + "".join("\n" + _record(d, paint, width) for d in shown)


def _name(d: Doc) -> str:
    return clean(d["domain"]) + (f" ({clean(d['label'])})" if d.get("label") else "")


def record(d: Doc) -> str:
    """A record to be copied, without colour."""
    return _record(d, Paint(False), UNBROKEN)


def _record(d: Doc, paint: Paint, width: int) -> str:
    """A record to be copied: no line of it is ever broken."""
    record = d["record"]
    lines = [
        f"  {paint('dim', 'name ')}  {clean(record['name'])}",
        f"  {paint('dim', 'type ')}  {clean(record['type'])}",
        f"  {paint('dim', 'value')}  {clean(record['value'])}",
    ]
    if d.get("expires_at"):
        lines.append(f"  {paint('dim', 'until')}  {moment(d['expires_at'])}")
    if d.get("detail"):
        first, *more = hang("  found  ", clean(d["detail"]), width, most=width)
        lines += [f"  {paint('dim', 'found')}{first[7:]}", *more]
    return "".join(line + "\n" for line in lines)


def _to_set(found: Sequence[Doc], *, full: bool) -> list[Doc]:
    return [d for d in found if d["record"] and (d["status"] == "pending" or full)]


def verdict(d: Doc) -> str:
    """How far one domain is, as a line."""
    told = clean(d.get("detail") or "") if d["status"] != "verified" else ""
    return f"{_name(d)}: {clean(d['status'])}" + (f": {told}" if told else "")


def summary(doc: Doc) -> str:
    """The last line of a verification, without its end."""
    found = doc["domains"]
    done = sum(d["status"] == "verified" for d in found)
    return f"{done:,} of {count(len(found), 'domain')} verified."


def zone(doc: Doc, *, full: bool = False) -> str:
    """Records as a zone file (RFC 1035) has them, each below its domain's own $ORIGIN."""
    return _snippet(doc, "; ", _zone_entry, full=full)


def octodns(doc: Doc, *, full: bool = False) -> str:
    """A YAML document a domain, as octoDNS's YamlProvider reads it from the file of the zone."""
    return _snippet(doc, "# ", _octodns_entry, full=full)


def _snippet(doc: Doc, comment: str, entry: Callable[[Doc], Iterator[str]], *, full: bool) -> str:
    shown = _to_set(doc["domains"], full=full)
    lines = [f"{comment}{_name(d)}: {clean(d['next'])}" for d in doc["domains"] if d not in shown and d["next"]]
    lines += [line for d in shown for line in entry(d)]
    return "".join(line + "\n" for line in lines or [f"{comment}nothing to set"])


def _zone_entry(d: Doc) -> Iterator[str]:
    origin, name = _place(d)
    yield f"$ORIGIN {_owner(origin)}."
    yield f"{_owner(name) or '@'} {TTL} IN {_type(d)} {_strings(d['record']['value'])}"


def _owner(name: str) -> str:
    """A name with everything escaped that is more than a name in a zone file."""
    return _ODD.sub(lambda found: "".join(f"\\{byte:03d}" for byte in found.group().encode()), name)


def _type(d: Doc) -> str:
    return _ODD.sub("", d["record"]["type"]) or "TXT"


def _strings(value: str) -> str:
    """A text as the strings of a record, quoted and escaped byte by byte."""
    data = value.encode()
    parts = [data[i : i + _LONGEST_STRING] for i in range(0, len(data), _LONGEST_STRING)] or [b""]
    return " ".join('"' + "".join(map(_escaped, part)) + '"' for part in parts)


def _escaped(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return "\\" + char
    return char if 0x20 <= byte < 0x7F else f"\\{byte:03d}"


def _octodns_entry(d: Doc) -> Iterator[str]:
    origin, name = _place(d)
    yield "---"
    yield f"# {origin}.yaml, or the file of the zone that {origin} is in"
    yield f"{json.dumps(name) if not name or _ODD.search(name) else name}:"
    yield f"  ttl: {TTL}"
    yield f"  type: {_type(d)}"
    yield f"  value: {json.dumps(d['record']['value'].replace(';', chr(92) + ';'))}"


def _place(d: Doc) -> tuple[str, str]:
    """Zone and name in it. A record that is not below its domain stands in the zone above its own first label."""
    name, domain = clean(d["record"]["name"]).rstrip("."), clean(d["domain"]).rpartition("/")[2]
    if name == domain:
        return domain, ""
    if name.endswith("." + domain):
        return domain, name.removesuffix("." + domain)
    first, _, rest = name.partition(".")
    return rest, first
