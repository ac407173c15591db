"""Documents as GitHub-flavoured Markdown: for comments on a pull request and for job summaries.

Invariant: a page fits into a comment (65,000 characters), what it leaves out is counted, and nobody's data becomes markup or a mention.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orgform.codec import Struct
from orgform.render import drift as drifts
from orgform.render import frames, platforms, steps, tables
from orgform.render.text import Page
from orgform.render.undone import LEFT_NOTE, left_alone, undo_remarks, undo_words
from orgform.render.view import (
    Section,
    base_words,
    estimate,
    foldable,
    grant,
    guards,
    kind_of,
    names,
    people,
    rows,
    sections,
    summary,
    target_words,
    unclear,
)
from orgform.render.words import Paint, clean, count, noun

Doc = Mapping[str, Any]
LIMIT = 65_000
PER_KIND = (500, 100, 20, 5, 0)
MOST = 1_500  # changes that cannot be folded; beyond it only the shortest form can fit
WIDTH = 100
LISTED = 100
_RUNS = re.compile("`+")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
_CALLS = re.compile(r"([@#])(?=\w)")
_MARKS = {"  + ": "+ ", "  - ": "- ", "  ~ ": "! ", "  ! ": "! ", "  * ": "# "}


class Block(Struct, frozen=True):
    """A part of the page. `lines` may be shortened from their end where the page gets too long."""

    head: str
    lines: tuple[str, ...] = ()
    tail: str = ""

    def text(self) -> str:
        return "\n".join(part for part in (self.head, *self.lines, self.tail) if part) + "\n"


def plan(doc: Doc, *, limit: int = LIMIT) -> str:
    """The plan as one comment. `limit`: characters that it may have."""
    heavy = sum(not foldable(c) for c in rows(doc, "changes"))
    blocks: list[Block] = []
    for per_kind in PER_KIND if heavy <= MOST else PER_KIND[-1:]:
        blocks = [b for b in _plan(doc, per_kind) if b]
        text = _joined(blocks)
        if len(text) <= limit:
            return text
    return _squeezed(blocks, limit)


def diagnostics(listed: Sequence[Doc], *, limit: int = LIMIT) -> str:
    """The problems of a config, each with its code frame."""
    if not any(d.get("severity") == "error" for d in listed):
        head = "## orgform: the config is valid"
    else:
        head = f"## orgform: {words(frames.invalid_summary(listed)[:1].lower() + frames.invalid_summary(listed)[1:].rstrip('.'))}"
    lines = tuple(frames.diagnostics(listed, color=False, width=WIDTH).splitlines())
    blocks = [Block(head), *([_fenced("", lines)] if lines else [])]
    return _joined(blocks) if len(_joined(blocks)) <= limit else _squeezed(blocks, limit)


def report(doc: Doc, plan: Doc | None = None, *, limit: int = LIMIT) -> str:
    """What an apply did."""
    lines = tables.report(doc, color=False, width=WIDTH).splitlines()
    blocks = [Block(f"## orgform apply\n\n{words(tables.applied(rows(doc, 'outcomes')))}"), _fenced("", tuple(map(_marked, lines)), "diff")]
    return _joined(blocks) if len(_joined(blocks)) <= limit else _squeezed(blocks, limit)


def drift(doc: Doc, *, options: str = "", limit: int = LIMIT) -> str:
    """What was changed by hand, with the commands for each way to deal with it. `options`: what names this config in them."""
    page = drifts.Page(Paint(False), WIDTH, quiet=False, many_targets=len(doc.get("targets") or {}) > 1)
    blocks = [Block(f"## orgform drift: {words(drifts.summary(doc).partition('rift: ')[2].rstrip('.'))}")]
    for section in (page.changed(doc), page.created(doc)):
        title, *lines = list(section) or [""]
        blocks += [_details(title, tuple(map(_marked, lines)), "diff", " open")] if title else []
    blocks += _folded("Remarks", [*page.guards(doc), *page.notes(doc)])
    for way in drifts.ways(doc, options):
        head = f"{way.what}: {code(way.command)}" if way.command else f"{way.what}:"
        blocks.append(Block("\n".join((head, *(f"- {words(note)}" for note in way.notes)))))
    parts = [f"Target {', '.join(target_words(doc))}.", f"Compared with {base_words(doc)}." if base_words(doc) else ""]
    blocks.append(Block(f"<sub>{words(' '.join(filter(None, parts)))}</sub>"))
    return _joined(blocks) if len(_joined(blocks)) <= limit else _squeezed(blocks, limit)


def rewritten(doc: Doc, *, limit: int = LIMIT) -> str:
    """What was written into the config."""
    names = ", ".join(code(name) for name in doc.get("files") or {})
    head = f"## orgform drift: wrote {names}" if names else "## orgform drift: nothing to write"
    lines = tuple(drifts.diffs(doc, color=False).splitlines())
    blocks = [Block(head), *([_fenced("", lines, "diff")] if lines else [])]
    return _joined(blocks) if len(_joined(blocks)) <= limit else _squeezed(blocks, limit)


def providers(doc: Doc) -> str:
    """The capability matrix: facts and tables for each provider."""
    return platforms.markdown(doc, platforms.Ink(words, code, _table))


def provider(spec: Doc) -> str:
    """One of them without a heading, as it stands in its page of the docs."""
    return platforms.block(spec, platforms.Ink(words, code, _table))


def providers_together(doc: Doc) -> str:
    """Kinds by providers in one table."""
    return platforms.together(doc, platforms.Ink(words, code, _table))


def words(text: object) -> str:
    """Foreign text inside a sentence: no markup, no mention of people, no link to an issue."""
    return _CALLS.sub(r"\1<!-- -->", _MARKUP.sub(r"\\\1", clean(text)).replace("\\#", "#").replace("\\<", "&lt;").replace("\\&", "&amp;"))


def code(text: object, *, cell: bool = False) -> str:
    """Foreign text as inline code, whatever it holds."""
    safe = clean(text)
    fence = "`" * (max(map(len, _RUNS.findall(safe)), default=0) + 1)
    room = " " if safe.startswith("`") or safe.endswith("`") or not safe else ""
    return f"{fence}{room}{safe.replace('|', chr(92) + '|') if cell else safe}{room}{fence}"


def _plan(doc: Doc, per_kind: int) -> Iterator[Block]:
    page = Page(Paint(False), WIDTH, quiet=False, many_targets=len(doc.get("targets") or {}) > 1)
    yield Block(f"## orgform: {words(summary(doc).removeprefix('Plan: ').rstrip('.'))}")
    yield from _refused(doc)
    if rows(doc, "changes"):
        yield Block(_counts(doc))
    yield from _lost(doc)
    for section in sections(doc, per_kind):
        yield _section(section, page)
    if left := list(page.left(doc))[1:]:
        yield _details(f"Left alone ({len(left_alone(doc)):,}): {LEFT_NOTE}", tuple(left), "", " open")
    yield from _steps(doc)
    for held in steps.waiting(doc):
        yield from _folded(held.heading, held.lines)
    yield from _gained(doc, per_kind)
    yield from _folded(f"Costs money ({len(rows(doc, 'costs'))})", list(page.costs(doc))[1:])
    yield from _folded(f"Unmanaged ({len(rows(doc, 'unmanaged')):,})", list(page.unmanaged(doc))[1:])
    yield from _folded(f"Worth knowing ({len(rows(doc, 'observed')):,})", list(page.observed(doc))[1:])
    yield from _folded(steps.attested_heading(doc), steps.attested(doc))
    yield from _folded(f"Remarks ({len(rows(doc, 'diagnostics'))})", list(page.notes(doc)))
    yield Block(_footer(doc))


def _refused(doc: Doc) -> Iterator[Block]:
    refused = guards(doc, "refused")
    if refused:
        yield Block("> [!CAUTION]\n> Refused: nothing of this plan can be applied as it stands.")
    for guard in refused:
        items = guard.get("items") or ()
        lines = [f"- {code(item)}" for item in items[:LISTED]]
        if len(items) > LISTED:
            lines.append(f"- ... and {len(items) - LISTED:,} more")
        tail = [f"\nSetting: {code(guard['setting'])}" if guard.get("setting") else ""]
        tail.append(f"\nTo let it pass: {code(guard['override'])}" if guard.get("override") else "")
        yield Block(
            f"**{words(guard.get('guard', ''))}**: {words(guard.get('summary', ''))}\n", tuple(lines), "\n".join(filter(None, tail))
        )


def _counts(doc: Doc) -> str:
    found: dict[str, dict[str, int]] = {}
    for change in rows(doc, "changes"):
        row = found.setdefault(kind_of(change), {})
        row[change["action"]] = row.get(change["action"], 0) + 1
    body = [
        (words(noun(kind)), *(f"{row[a]:,}" if a in row else "" for a in ("create", "update", "delete"))) for kind, row in found.items()
    ]
    return _table(("kind", "create", "update", "delete"), body)


def _section(section: Section, page: Page) -> Block:
    lines: list[str] = []
    for group in section.groups:
        lines.extend(map(_marked, page.group(group)))
    opened = " open" if section.grave or section.total <= LISTED else ""
    note = f": {section.note}" if section.note else ""
    return _details(f"{section.title} ({section.total:,}){note}", tuple(lines), "diff", opened)


def _lost(doc: Doc) -> Iterator[Block]:
    lost = people(rows(doc.get("access") or {}, "lost"), names(doc))
    if lost:
        lines = _persons(lost, "-", 10)
        yield _details(f"{count(len(lost), 'person', 'people')} {'loses' if len(lost) == 1 else 'lose'} access", lines, "diff", " open")
    if other := people(rows(doc.get("access") or {}, "unclear"), names(doc)):
        yield _details(unclear(len(other)), _persons(other, "!", 10), "diff", " open")


def _gained(doc: Doc, per_kind: int) -> Iterator[Block]:
    gained = people(rows(doc.get("access") or {}, "gained"), names(doc))
    if gained:
        room = max(per_kind, 20)
        lines = _persons(gained[:room], "+", 4)
        if len(gained) > room:
            lines = (*lines, f"... and {len(gained) - room:,} more people")
        yield _details(f"{count(len(gained), 'person', 'people')} {'gains' if len(gained) == 1 else 'gain'} access", lines, "diff")


def _persons(listed: Sequence[Any], symbol: str, limit: int) -> tuple[str, ...]:
    found = []
    for person in listed:
        who = f"{clean(person.name)} {clean(person.member)}" if person.name else clean(person.member)
        found.append(f"{symbol} {who}: " + "; ".join(grant(role, path, where, limit) for (role, path), where in person.grants.items()))
    return tuple(found)


def _steps(doc: Doc) -> Iterator[Block]:
    """A check-list."""
    lines: list[str] = []
    many = len(doc.get("targets") or {}) > 1
    for step in steps.steps(doc):
        where = f" in {words(step.target)}" if many else ""
        lines.append(f"- [ ] **{step.number}. {words(step.title)}** {code(step.address)}{where}")
        lines += [f"  - {words(name)}: {code(value)}" for name, value in step.values]
        lines += [f"  - {words(name)}: {words(text)}" for name, text in step.facts]
        lines += [f"  - {code(step.command)}"] if step.command else []
    if lines:
        yield Block(f"### {words(steps.heading(doc))}: {words(steps.note(doc))}\n", tuple(lines))


def _folded(title: str, lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield _details(title, tuple(lines))


def _details(title: str, lines: Sequence[str], language: str = "", opened: str = "") -> Block:
    inner = _fenced("", lines, language)
    return Block(f"<details{opened}><summary>{html.escape(clean(title))}</summary>\n{inner.head}", inner.lines, f"{inner.tail}\n</details>")


def _fenced(head: str, lines: Sequence[str], language: str = "") -> Block:
    longest = max((len(run) for line in lines for run in _RUNS.findall(line)), default=0)
    fence = "`" * max(longest + 1, 3)
    return Block(f"{head}\n{fence}{language}", tuple(lines), fence)


def _marked(line: str) -> str:
    """A line of text with its sign in the first column, where a diff shows it in colour."""
    return _MARKS[line[:4]] + line[4:] if line[:4] in _MARKS else line[2:] if line.startswith("  ") else line


def _footer(doc: Doc) -> str:
    targets = target_words(doc)
    parts = [f"Target{'s' if len(targets) > 1 else ''} {', '.join(targets)}." if targets else ""]
    undone = undo_words(doc)
    compared = f"Compared with {base_words(doc)}." if base_words(doc) else ""
    parts.append(f"{'; '.join((f'Undoes {undone}', *undo_remarks(doc)))}." if undone else compared)
    parts.append(estimate(doc))
    parts.append(f"orgform {clean(doc.get('tool_version', ''))}.")
    return f"<sub>{words(' '.join(filter(None, parts)))}</sub>"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _joined(blocks: Sequence[Block]) -> str:
    return "\n".join(b.text() for b in blocks)


def _squeezed(blocks: Sequence[Block], limit: int) -> str:
    """Shortens the blocks from their ends, later ones first, until the page fits; says in each how much is missing."""
    note = "... and {:,} more lines, too many for a comment; --format json shows all"
    frame = sum(len(Block(b.head, (note.format(len(b.lines)),) if b.lines else (), b.tail).text()) + 1 for b in blocks)
    room, kept = limit - frame, []
    for block in blocks:
        used, shown = 0, 0
        for line in block.lines:
            if used + len(line) + 1 > room:
                break
            used, shown = used + len(line) + 1, shown + 1
        room -= used
        cut = (note.format(len(block.lines) - shown),) if shown < len(block.lines) else ()
        kept.append(Block(block.head, (*block.lines[:shown], *cut), block.tail))
    text = _joined(kept)
    return text if len(text) <= limit else text[: limit - 60] + "\n\nThe rest is too long for a comment.\n"
