"""Documents for a terminal or a log. Readable without colour and at 80 columns.

Invariant: with `color=False` the text holds no escape character; what comes last is the summary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orgform.render import steps
from orgform.render.frames import diagnostics, validation
from orgform.render.history import history
from orgform.render.platforms import text as providers
from orgform.render.tables import access, report
from orgform.render.undone import LABELS, LEFT_NOTE, label_of, left_alone, left_by, left_field, losses, undo_remarks, undo_words
from orgform.render.values import Line, show
from orgform.render.view import (
    STYLE,
    SYMBOLS,
    VERBS,
    Doc,
    Group,
    Person,
    Section,
    attribution,
    base_words,
    estimate,
    grant,
    guards,
    lines_of,
    names,
    people,
    rows,
    sections,
    summary,
    target_words,
    unclear,
)
from orgform.render.words import Paint, clean, count, cut, hang, listing, noun, pad, plural, width_of

__all__ = ["access", "diagnostics", "history", "plan", "providers", "report", "validation"]

PER_KIND = 30  # lines of creates, and of updates, of one kind before the rest is counted
FEW = 20
UNMANAGED = 10
NOTES = 10
GAINING = 12
GUARD_ITEMS = 20
LEFT = 20
MORE = "--format json shows all"


def plan(doc: Doc, *, color: bool, width: int, quiet: bool = False) -> str:
    """The whole plan. `quiet`: one line a change, refused guards, summary."""
    page = Page(Paint(color), max(width, 40), quiet, many_targets=len(doc.get("targets") or {}) > 1)
    blocks = [
        page.head(doc),
        *(page.section(s) for s in sections(doc, PER_KIND)),
        page.left(doc),
        page.manual(doc),
        page.waiting(doc),
        *(() if quiet else (page.access(doc),)),
        page.guards(doc),
        *(() if quiet else (page.costs(doc), page.unmanaged(doc), page.observed(doc), page.attested(doc), page.notes(doc))),
        page.tail(doc),
    ]
    return "\n".join("\n".join(lines) + "\n" for lines in map(list, blocks) if lines)


class Page:
    """The blocks of a plan, as lines; other formats borrow the ones that they show as text."""

    def __init__(self, paint: Paint, width: int, quiet: bool, many_targets: bool) -> None:
        self.paint, self.width, self.quiet, self.many_targets = paint, width, quiet, many_targets
        self.room = width * 5 // 8  # what names and paths may take of a line before values go below

    def title(self, text: str, note: str = "", style: str = "bold") -> list[str]:
        bold = self.paint(style, text)
        if not note:
            return [bold]
        if width_of(text) + width_of(note) + 2 <= self.width:
            return [f"{bold}: {note}"]
        return [f"{bold}:", *hang("  ", note, self.width)]

    def head(self, doc: Doc) -> Iterator[str]:
        if self.quiet:
            return
        targets = target_words(doc)
        if targets:
            yield from hang("Target " if len(targets) == 1 else "Targets ", listing(targets), self.width)
        if undone := undo_words(doc):
            yield from hang("Undoes ", undone, self.width)
            yield from (line for remark in undo_remarks(doc) for line in hang("  ", remark, self.width))
        elif base := base_words(doc):
            yield from hang("Compared with ", base, self.width)

    def section(self, section: Section) -> Iterator[str]:
        yield from self.title(f"{section.title} ({section.total:,})", section.note)
        above = True  # whether what stands above needs room
        for group in section.groups:
            lines = list(self.group(group))
            roomy = len(lines) > len(group.changes)
            if (roomy or above) and not self.quiet:
                yield ""
            yield from lines
            above = roomy

    def group(self, group: Group) -> Iterator[str]:
        label_width = min(max((width_of(clean(c.get("label") or "")) for c in group.changes), default=0), self.width // 2 - 10)
        heads = [self.head_of(c, label_width) for c in group.changes]
        column = min(max(map(width_of, heads), default=0), self.room)
        for change, head in zip(group.changes, heads, strict=True):
            yield from self.change(change, head, column)
        for action, hidden in group.folded.items():
            line = f"    ... and {count(hidden, 'more ' + noun(group.kind), 'more ' + plural(noun(group.kind)))} {VERBS[action]}; {MORE}"
            yield self.paint("dim", cut(line, self.width))

    def head_of(self, change: Doc, label_width: int) -> str:
        label = clean(change.get("label") or "")
        address = clean(change.get("address", ""))
        return f"{pad(cut(label, max(label_width, 8)), label_width)}  {address}" if label_width else address

    def change(self, change: Doc, head: str, column: int) -> Iterator[str]:
        action = str(change.get("action"))
        flags, where = self.flags(change), self.where(change)
        fields = [] if self.quiet else lines_of(change)
        inline = self.inline(fields, action)
        fits = bool(inline) and 4 + max(width_of(head), column) + 2 + width_of(inline + flags + where) <= self.width
        marked = f"  {self.paint(STYLE.get(action, ''), SYMBOLS.get(action, '?'))} "
        lead = pad(head, column) + "  " + self.colored(fields, action) if fits else head
        if fits or not (flags or where) or 4 + width_of(head + flags + where) <= self.width:
            yield f"{marked}{lead.rstrip()}{self.paint('warn', flags)}{self.paint('dim', where)}"
        else:
            yield marked + lead.rstrip()
            yield f"      {self.paint('warn', flags)}{self.paint('dim', where)}"
        if fields and not fits and action != "delete":
            yield from self.fields(fields)
        if not self.quiet:
            yield from self.why(change)

    def inline(self, fields: Sequence[Line], action: str) -> str:
        if not fields or (len(fields) > 3 and action != "delete") or any(f.note for f in fields):
            return ""
        return ", ".join(f"{f.path}: {f.text}{f.mark}" for f in fields)

    def colored(self, fields: Sequence[Line], action: str) -> str:
        if action == "delete":
            return self.paint("dim", self.inline(fields, action))
        return ", ".join(f"{self.paint('dim', f.path + ':')} {self.value(f)}{self.paint('dim', f.mark)}" for f in fields)

    def value(self, field: Line) -> str:
        if not (field.plus or field.minus):
            return field.text
        return " ".join(
            (*(self.paint("green", f"+{p}") for p in field.plus), *(self.paint("red", f"-{m}") for m in field.minus)),
        )

    def fields(self, fields: Sequence[Line]) -> Iterator[str]:
        column = min(max(width_of(f.path) for f in fields), self.room - 10)
        for field in fields:
            for line in hang(pad(f"        {field.path}", 8 + column) + "  ", field.text + field.mark, self.width, self.room):
                yield self.tinted(line, field)
            for line in hang("          ", field.note, self.width) if field.note else ():
                yield self.paint("dim", line)

    def tinted(self, line: str, field: Line) -> str:
        """Colour for a line that is already laid out: members of a set green and red, everything else as it is."""
        if not (self.paint.color and (field.plus or field.minus)):
            return line
        plus, minus = {f"+{p}" for p in field.plus}, {f"-{m}" for m in field.minus}
        styles = {**dict.fromkeys(plus, "green"), **dict.fromkeys(minus, "red")}
        return " ".join(self.paint(styles[w], w) if w in styles else w for w in line.split(" "))

    def flags(self, change: Doc) -> str:
        found = []
        if change.get("origin") == "conflict":
            found.append("! conflict: changed on both sides")
        if change.get("moved_from"):
            found.append(f"renamed from {clean(change['moved_from'])}")
        if label := label_of(change):
            found.append(label)
        return f"  [{'; '.join(found)}]" if found else ""

    def why(self, change: Doc) -> Iterator[str]:
        for sentence in filter(None, (attribution(change), *(clean(b) for b in change.get("because") or ()), *losses(change))):
            for line in hang("        ", sentence, self.width):
                yield self.paint("dim", line)

    def left(self, doc: Doc) -> Iterator[str]:
        listed = left_alone(doc)
        if not listed:
            return
        yield from self.title(f"Left alone ({len(listed):,})", LEFT_NOTE)
        shown = listed if len(listed) <= LEFT + 5 else listed[:LEFT]
        for item in shown:
            label = f"{clean(item['label'])}  " if item.get("label") else ""
            flag = f"  [{LABELS['irreversible']}]" if item.get("undo") == "irreversible" else ""
            yield f"  {self.paint('warn', '!')} {label}{clean(item.get('address', ''))}{self.paint('warn', flag)}{self.where(item)}"
            if not self.quiet:
                yield from self.left_item(item)
        if len(shown) < len(listed):
            yield self.paint("dim", f"    ... and {len(listed) - len(shown):,} more; {MORE}")

    def left_item(self, item: Doc) -> Iterator[str]:
        who = left_by(item)
        yield from hang("      ", f"{clean(item.get('why', ''))}{f', {who}' if who else ''}", self.width)
        fields = [left_field(f) for f in rows(item, "fields")]
        column = min(max((width_of(path) for path, _ in fields), default=0), self.room - 10)
        for path, went in fields:
            yield from hang(pad(f"        {path}", 8 + column) + "  ", went, self.width, self.room)
        if item.get("override"):
            yield f"      override: {clean(item['override'])}"

    def manual(self, doc: Doc) -> Iterator[str]:
        found = steps.steps(doc)
        if not found:
            return
        yield from self.title(steps.heading(doc), steps.note(doc))
        for step in found:
            where = f"  [in {step.target}]" if self.many_targets else ""
            yield from hang(f"  {step.number}. ", f"{step.title}  {step.address}{where}", self.width)
            if not self.quiet:
                yield from self.step(step)

    def step(self, step: steps.Step) -> Iterator[str]:
        column = min(max((width_of(name) for name, _ in step.values), default=0), self.width // 2 - 10)
        for name, value in step.values:
            yield from hang(pad(f"       {name}", 7 + column) + "  ", value, self.width)
        for name, text in step.facts:
            yield from hang(pad(f"     {name}:", 18), text, self.width)
        if step.command:
            yield f"     {step.command}"

    def waiting(self, doc: Doc) -> Iterator[str]:
        for number, held in enumerate(steps.waiting(doc)):
            yield from [""] * bool(number)
            yield from self.title(held.heading, held.note)
            yield from self.few(held.lines, UNMANAGED)

    def attested(self, doc: Doc) -> Iterator[str]:
        if listed := steps.attested(doc):
            yield from self.title(steps.attested_heading(doc), steps.ATTESTED)
            yield from self.few(listed, NOTES)

    def where(self, item: Doc) -> str:
        return f"  [in {clean(item.get('target', ''))}]" if self.many_targets else ""

    def access(self, doc: Doc) -> Iterator[str]:
        delta, known = doc.get("access") or {}, names(doc)
        lost, gained, other = (people(rows(delta, name), known) for name in ("lost", "gained", "unclear"))
        if not (lost or gained or other):
            return
        yield from self.title("Access")
        if lost:
            yield self.paint("red", f"  {count(len(lost), 'person', 'people')} {'loses' if len(lost) == 1 else 'lose'}:")
            yield from self.persons(lost, "-", "red", 10)
        if gained:
            yield self.paint("green", f"  {count(len(gained), 'person', 'people')} {'gains' if len(gained) == 1 else 'gain'}:")
            shown = gained if len(gained) <= GAINING + 5 else gained[:GAINING]
            yield from self.persons(shown, "+", "green", 4)
            if len(shown) < len(gained):
                hidden = gained[len(shown) :]
                grants = sum(p.total for p in hidden)
                yield self.paint("dim", f"    ... and {len(hidden):,} more people with {count(grants, 'grant')}; {MORE}")
        if other:
            yield self.paint("yellow", f"  {unclear(len(other))}:")
            yield from self.persons(other, "~", "yellow", 10)

    def persons(self, listed: Sequence[Person], symbol: str, style: str, limit: int) -> Iterator[str]:
        for person in listed:
            who = f"{clean(person.name)} {clean(person.member)}" if person.name else clean(person.member)
            grants = "; ".join(grant(role, path, where, limit) for (role, path), where in person.grants.items())
            first, *more = hang(f"    {symbol} ", f"{who}: {grants}", self.width)
            yield first.replace(f"    {symbol} ", f"    {self.paint(style, symbol)} ", 1)
            yield from ("  " + line for line in more)

    def guards(self, doc: Doc) -> Iterator[str]:
        refused, passed = guards(doc, "refused"), guards(doc, "passed")
        if not refused:
            return
        yield from self.title("Refused", "nothing of this plan can be applied as it stands", "bad")
        for guard in refused:
            yield from self.refusal(guard)
        if passed and not self.quiet:
            for line in hang("  passed: ", ", ".join(clean(g.get("guard", "")) for g in passed), self.width):
                yield self.paint("dim", line)

    def refusal(self, guard: Doc) -> Iterator[str]:
        first, *more = hang(f"  ! {clean(guard.get('guard', ''))}: ", clean(guard.get("summary", "")), self.width)
        yield self.paint("bad", first)
        yield from more
        items = guard.get("items") or ()
        shown = items if len(items) <= GUARD_ITEMS + 5 else items[:GUARD_ITEMS]
        # Addresses and what is to be copied stay in one piece, however long they are.
        for item in shown:
            yield f"      - {clean(item)}"
        if len(shown) < len(items):
            yield self.paint("dim", f"      ... and {len(items) - len(shown):,} more; {MORE}")
        if guard.get("setting"):
            yield f"      setting:  {clean(guard['setting'])}"
        if guard.get("override"):
            yield f"      override: {clean(guard['override'])}"

    def costs(self, doc: Doc) -> Iterator[str]:
        listed = rows(doc, "costs")
        if listed:
            yield from self.title(f"Costs money ({len(listed):,})")
            yield from self.few([f"{clean(c.get('address', ''))}: {clean(c.get('description', ''))}{self.where(c)}" for c in listed], FEW)

    def unmanaged(self, doc: Doc) -> Iterator[str]:
        listed = rows(doc, "unmanaged")
        if listed:
            yield from self.title(f"Unmanaged ({len(listed):,})", "live, not in the config, left alone")
            yield from self.few([clean(u.get("address", "")) + self.where(u) for u in listed], UNMANAGED)

    def observed(self, doc: Doc) -> Iterator[str]:
        listed = rows(doc, "observed")
        if listed:
            yield from self.title(f"Worth knowing ({len(listed):,})")
            yield from self.few(
                [f"{clean(o.get('address', ''))}: {clean(o.get('attribute', ''))} {_word(o.get('value'))}" for o in listed], NOTES
            )

    def few(self, lines: Sequence[str], limit: int) -> Iterator[str]:
        shown = lines if len(lines) <= limit + 2 else lines[:limit]
        for line in shown:
            first, *more = hang("    ", line, self.width)
            yield from (first, *("  " + m for m in more))
        if len(shown) < len(lines):
            yield self.paint("dim", f"    ... and {len(lines) - len(shown):,} more; {MORE}")

    def notes(self, doc: Doc) -> Iterator[str]:
        listed = rows(doc, "diagnostics")
        if listed:
            yield diagnostics(listed, color=self.paint.color, width=self.width).rstrip("\n")

    def tail(self, doc: Doc) -> Iterator[str]:
        if not self.quiet and (words := estimate(doc)):
            yield words
        yield self.paint("bold", summary(doc))


def _word(value: object) -> str:
    return clean(value) if isinstance(value, str) else show(value)
