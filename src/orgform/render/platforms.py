"""What providers declare, as words: facts of a platform, its matrix, and what people do by hand there. As text and as Markdown.

Invariant: everything is of the document of `app.providers`; a page of the docs is made of the same words as the terminal shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orgform.render.tables import table
from orgform.render.words import Paint, clean, hang, listing, width_of

Doc = Mapping[str, Any]
VERBS = ("read", "create", "update", "delete")
EVERYTHING = "every kind: read, create, update and delete by API"
_PAGING = {"cursor": " by cursor", "offset": " by offset", "link": " by links"}
_REPEATED = {
    "key": "a create is done once by its key, however often it is sent",
    "natural": "a create that is sent twice is done once",
    "none": "a create whose answer was lost is looked for, and never sent twice",
}
#: columns that the attributes of a table need beside it; with less they stand below each kind
FIELDS_NEED = 44
_FIELDS = {
    "api": "by API",
    "read": "shown only",
    "manual": "by hand",
    "attested": "by hand, attested",
    "config": "the config's own",
    "none": "not there",
}


def facts(spec: Doc) -> list[str]:
    """What a provider says of itself besides the matrix, one sentence each."""
    options = spec.get("options")
    known = sorted(options.get("properties", options)) if isinstance(options, Mapping) else list(options or ())
    found = [f"options: {', '.join(map(clean, known))}"] if known else []
    return [*found, *_paging(spec), *_rates(spec), *_safety(spec), *_roles(spec), *_limits(spec), *_words(spec)]


def _paging(spec: Doc) -> Iterator[str]:
    if not _any_api(spec.get("kinds") or {}):
        return
    batch, page = spec.get("batch") or 1, spec.get("page")
    writes = f"writes {batch:,} a call" if batch > 1 else "writes one by one"
    if page and spec.get("paging") == "none":
        yield f"reads without pages, {writes}"
    elif page:
        yield f"reads {page:,} a page{_PAGING.get(str(spec.get('paging')), '')}, {writes}"


def _any_api(kinds: Doc) -> bool:
    """Whether an API does anything there."""
    return any(_any(kinds, verb) for verb in VERBS)


def _rates(spec: Doc) -> Iterator[str]:
    minute, day = spec.get("requests_per_minute"), spec.get("requests_per_day")
    rates = [f"{rate:,} requests a {what}" for rate, what in ((minute, "minute"), (day, "day")) if rate]
    if rates:
        yield f"at most {' and '.join(rates)}"


def _safety(spec: Doc) -> Iterator[str]:
    kinds = spec.get("kinds") or {}
    if spec.get("idempotency") and _any(kinds, "create"):
        yield _REPEATED.get(str(spec["idempotency"]), clean(spec["idempotency"]))
    if spec.get("optimistic_locking"):
        yield "what was changed meanwhile is left alone, by ETags"
    elif spec.get("rereads"):
        yield "what was changed meanwhile is left alone: it is read once more right before"
    if spec.get("audit_log"):
        yield "an audit log says who changed what"
    if spec.get("sign_in_verified_domain"):
        yield "people sign in only with an address at a verified domain"


def _any(kinds: Doc, verb: str) -> bool:
    return not kinds or any(can.get(verb, "api") == "api" for can in kinds.values())


def _roles(spec: Doc) -> Iterator[str]:
    for scope, roles in (spec.get("roles") or {}).items():
        usual = [f"{clean(ours)} is {clean(theirs)!r}" for ours, theirs in (roles.get("usual") or {}).items()]
        names = [repr(clean(name)) for name in roles.get("names") or () if name not in (roles.get("usual") or {}).values()]
        more = [f"a target's roles may lead to {listing(names, 'or')}, too"] if names else []
        more += [] if roles.get("names") else ["others keep their names"]
        yield f"roles {clean(roles.get('where') or scope)}: {'; '.join([', '.join(usual)] * bool(usual) + more)}"


def _limits(spec: Doc) -> Iterator[str]:
    for limit in spec.get("limits") or ():
        each = " in each" if limit.get("per_parent") else ""
        when = f" (with {clean(limit['when'])})" if limit.get("when") else ""
        yield f"limit of {clean(limit.get('kind', ''))}: {limit.get('most', 0):,}{each}{when}: {clean(limit.get('text', ''))}"


def _words(spec: Doc) -> Iterator[str]:
    for attribute, known in (spec.get("words") or {}).items():
        yield f"{clean(attribute)} is one of {', '.join(map(clean, known))}"


def everything(kinds: Any) -> bool:
    """Whether every kind can be read and written by API, so that a matrix would say one thing many times."""
    return not kinds or all(can.get(verb, "api") == "api" and not can.get("fields") for can in kinds.values() for verb in VERBS)


def reached(can: Doc, verb: str, *, short: bool = False) -> str:
    """`api`, `manual`, `none`; of what is read from a file or by nobody, how it is checked. `short`: without which file."""
    how = clean(can.get(verb, "api"))
    if verb != "read":
        return how
    by = "" if short else clean(can.get("checked_by") or "")
    return f"file: {by}" if how == "file" and by else {"manual": "attested", "file": "file"}.get(how, how)


def fields(can: Doc) -> list[tuple[str, str]]:
    """How attributes are reached that are reached otherwise than the kind: (how, names), the most that can be done first."""
    found: dict[str, list[str]] = {}
    for name, reach in (can.get("fields") or {}).items():
        found.setdefault(str(reach), []).append(clean(name))
    order = sorted(found, key=lambda how: (list(_FIELDS).index(how) if how in _FIELDS else len(_FIELDS), how))
    return [(_FIELDS.get(how, clean(how)), ", ".join(sorted(found[how]))) for how in order]


def hands(kinds: Any) -> Iterator[tuple[str, str, Doc]]:
    """(kind, verbs, guide) of all that people do by hand and are told how."""
    for kind, can in (kinds or {}).items():
        guides = can.get("guides") or {}
        for verb in sorted(guides, key=(*VERBS, "*").index):
            yield clean(kind), verb if verb != "*" else _rest(can, guides), guides[verb]


def _rest(can: Doc, guides: Doc) -> str:
    by_hand = {verb for verb in VERBS[1:] if can.get(verb) == "manual" and verb not in guides}
    if {"manual", "attested"} & set((can.get("fields") or {}).values()) and "update" not in guides:
        by_hand.add("update")
    return ", ".join(verb for verb in VERBS if verb in by_hand) or "all"


def refusals(kinds: Any) -> list[str]:
    """What a platform does not do at all, and why."""
    said = ((kind, verb, why) for kind, can in (kinds or {}).items() for verb, why in (can.get("refusals") or {}).items())
    return [f"{verb} of {clean(kind)}: {clean(why)}" for kind, verb, why in said]


def text(doc: Doc, *, color: bool, width: int, steps: bool = False) -> str:
    """Each provider, and what it can do to each kind: by API, by hand (manual), or not at all (none). `steps`: how by hand, too."""
    paint, blocks = Paint(color), []
    for name, spec in doc.items():
        lines = [paint("bold", clean(name))]
        if spec.get("problem"):
            blocks.append("\n".join([*lines, *_broken(spec, paint, width)]) + "\n")
            continue
        lines.extend(hang("  ", clean(spec["summary"]), width) if spec.get("summary") else [])
        lines.extend(line for row in facts(spec) for line in _deeper("  ", row, width))
        lines.extend(["", *_matrix(spec.get("kinds"), width)] if steps else _matrix(spec.get("kinds"), width))
        if steps:
            lines.extend(_by_hand(spec.get("kinds"), paint, width))
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _broken(spec: Doc, paint: Paint, width: int) -> Iterator[str]:
    first, *more = _deeper("  ", f"cannot be used: {clean(spec['problem'])}", width)
    yield from (paint("bad", line) for line in (first, *more))
    yield from _deeper("  ", f"help: {clean(spec.get('hint', ''))}", width)


def _matrix(kinds: Any, width: int) -> Iterator[str]:
    if everything(kinds):
        yield f"  {EVERYTHING}"
        return
    head = ("KIND", *(v.upper() for v in VERBS))
    body = [(clean(kind), *(reached(can, verb, short=True) for verb in VERBS)) for kind, can in kinds.items()]
    told = [[f"{how}: {names}" for how, names in fields(can)] for can in kinds.values()]
    taken = 2 + sum(max(map(width_of, column)) + 2 for column in zip(head, *body, strict=True))
    if width - taken >= FIELDS_NEED and any(told):
        rows = [(*row, "; ".join(said)) for row, said in zip(body, told, strict=True)]
        yield from ("  " + line for line in table((*head, "FIELDS"), rows, color=False, width=width - 2).splitlines())
    else:
        first, *lines = table(head, body, color=False, width=max(width - 2, taken)).splitlines()
        yield f"  {first}"
        for line, said in zip(lines, told, strict=True):
            yield f"  {line}"
            yield from (part for words in said for part in _deeper("      ", words, width))
    yield from _files(kinds, width)


def _files(kinds: Any, width: int) -> Iterator[str]:
    """Which files kinds are read from, below the table: a cell has no room for it."""
    by: dict[str, list[str]] = {}
    for kind, can in kinds.items():
        if can.get("read") == "file" and can.get("checked_by"):
            by.setdefault(clean(can["checked_by"]), []).append(clean(kind))
    for file, names in by.items():
        yield from _deeper("  ", f"file, of {' and '.join(names)}: {file}", width)


def _deeper(lead: str, text: str, width: int) -> list[str]:
    """Wrapped, and what goes on below stands deeper, so that one can tell it from the next one."""
    first, *more = hang(lead, text, width - 2)
    return [first, *("  " + line for line in more)]


def _by_hand(kinds: Any, paint: Paint, width: int) -> Iterator[str]:
    for kind, verbs, guide in hands(kinds):
        yield ""
        yield f"  {paint('bold', f'{kind}: {verbs} by hand')}"
        for what in ("where", "who", "why", "note"):
            if guide.get(what):
                yield from _deeper("    ", f"{what}: {clean(guide[what])}", width)
    said = refusals(kinds)
    yield from [""] if said else []
    yield from (line for why in said for line in _deeper("  ", f"no {why}", width))


class Ink:
    """How Markdown is written by whoever renders it: `words` and `code` make foreign text safe, `table` joins cells."""

    def __init__(self, words: Callable[[object], str], code: Callable[..., str], table: Callable[..., str]) -> None:
        self.words, self.code, self.table = words, code, table

    def cell(self, value: object) -> str:
        return self.words(value).replace("|", "\\|")


def markdown(doc: Doc, ink: Ink) -> str:
    """A heading and a block for each provider; of several, all of them in one table at the end."""
    parts = [f"## {ink.words(name)}\n\n{block(spec, ink)}" for name, spec in doc.items()]
    whole = {name: spec for name, spec in doc.items() if not spec.get("problem")}
    return "\n".join([*parts, *([f"## All of them\n\n{together(whole, ink)}"] if len(whole) > 1 else [])])


def block(spec: Doc, ink: Ink) -> str:
    """One provider without a heading: what stands in its page of the docs."""
    if spec.get("problem"):
        return f"Cannot be used: {ink.words(spec['problem'])}\n\n{ink.words(spec.get('hint', ''))}\n"
    kinds = spec.get("kinds") or {}
    said = "\n".join(f"- {ink.words(fact)}" for fact in facts(spec))
    matrix = f"{EVERYTHING[0].upper()}{EVERYTHING[1:]}.\n" if everything(kinds) else _table(kinds, ink)
    parts = [ink.words(spec.get("summary", "")), said, matrix.rstrip(), _hands_table(kinds, ink).rstrip(), _refused(kinds, ink).rstrip()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(kinds: Doc, ink: Ink) -> str:
    body = [
        (ink.code(kind, cell=True), *(ink.cell(reached(can, verb)) for verb in VERBS), _marked_fields(can, ink))
        for kind, can in kinds.items()
    ]
    return ink.table(("kind", *VERBS, "fields"), body)


def _marked_fields(can: Doc, ink: Ink) -> str:
    return "; ".join(f"{how}: {', '.join(ink.code(n, cell=True) for n in names.split(', '))}" for how, names in fields(can))


def _hands_table(kinds: Doc, ink: Ink) -> str:
    body = [
        (ink.code(kind, cell=True), verbs, *(ink.cell(guide.get(what, "")) for what in ("where", "who", "why", "note")))
        for kind, verbs, guide in hands(kinds)
    ]
    return ink.table(("by hand", "what", "where", "who", "why", "to mind"), body) if body else ""


def _refused(kinds: Doc, ink: Ink) -> str:
    return "".join(f"- no {ink.words(said)}\n" for said in refusals(kinds))


def together(doc: Doc, ink: Ink) -> str:
    """Kinds by providers: what is done by API, what by hand."""
    names = [name for name, spec in doc.items() if not everything(spec.get("kinds"))]
    kinds = sorted({kind for name in names for kind in doc[name]["kinds"]})
    body = [(ink.code(kind, cell=True), *(_summed(doc[name]["kinds"].get(kind)) for name in names)) for kind in kinds]
    rest = [name for name in doc if name not in names]
    all_of_it = f"\nWith {' and '.join(ink.code(n) for n in rest)}, all of every kind is done by API.\n" if rest else ""
    return ink.table(("kind", *(ink.code(name, cell=True) for name in names)), body) + all_of_it


def _summed(can: Doc | None) -> str:
    if can is None:
        return "–"
    ways: dict[str, Sequence[str]] = {
        "API": [v for v in VERBS if can.get(v, "api") == "api"],
        "file": [v for v in VERBS if can.get(v, "api") == "file"],
        "hand": [v for v in VERBS[1:] if can.get(v, "api") == "manual"],
    }
    return "; ".join(f"{how}: {'all' if len(verbs) == len(VERBS) else ', '.join(verbs)}" for how, verbs in ways.items() if verbs) or "none"
