"""The drift document (`orgform.drift/1`): what somebody did, and the three ways to deal with it.

Invariant: signs and arrows say what was done by hand, not what an apply would do about it; what comes last is the count.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from orgform.codec import replace
from orgform.render.frames import diagnostics
from orgform.render.values import Line, differences, show
from orgform.render.view import MARKS, apart, base_words, rows, target_words, who_changed
from orgform.render.words import Paint, clean, count, cut, hang, listing, pad, width_of

Doc = Mapping[str, Any]
#: of a list, so many are shown; JSON has all
MOST = 300
NAMED = 3
SIGNS = {"update": "~", "create": "-", "delete": "+"}
STYLES = {"update": "yellow", "create": "red", "delete": "green"}
DONE = {"update": "changed", "create": "deleted", "delete": "created"}
MORE = "--format json shows all"
BY_HAND = "change that by hand"
OVERLAY = f"{BY_HAND}; what a `for_each` or an expression makes goes into environments/NAME.yaml with --env NAME"


def text(doc: Doc, *, color: bool, width: int, quiet: bool = False, words: str = "") -> str:
    """The whole document. `words`: the options that name this config on a command line (`-C acme --env staging`)."""
    page = Page(Paint(color), max(width, 40), quiet, many_targets=len(doc.get("targets") or {}) > 1)
    blocks = [
        page.head(doc),
        page.changed(doc),
        page.created(doc),
        page.guards(doc),
        page.notes(doc),
        page.ways(doc, words),
        page.tail(doc),
    ]
    return "\n".join("\n".join(lines) + "\n" for lines in map(list, blocks) if lines)


def diffs(doc: Doc, *, color: bool) -> str:
    """What was written, file by file, as one patch."""
    paint = Paint(color)
    return "".join(_painted(line, paint) + "\n" for diff in (doc.get("files") or {}).values() for line in str(diff).split("\n")[:-1])


def _painted(line: str, paint: Paint) -> str:
    style = "bold" if line.startswith(("---", "+++")) else {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
    return paint(style, "\t".join(clean(part) for part in line.rstrip("\r").split("\t")))


def refusals(doc: Doc, *, color: bool, width: int) -> str:
    """Why nothing was written: what cannot be, and where it comes from."""
    paint, lines = Paint(color), []
    for refused in rows(doc, "refused")[:MOST]:
        first, *more = hang("  ! ", _refusal(refused), width)
        lines += [paint("warn", first[:4]) + first[4:], *more]
    if len(rows(doc, "refused")) > MOST:
        lines.append(paint("dim", f"  ... and {len(rows(doc, 'refused')) - MOST:,} more; {MORE}"))
    return "".join(line + "\n" for line in lines)


def summary(doc: Doc) -> str:
    """`Drift: 2 changed, 1 deleted, 1 created by hand; 1 in conflict.`"""
    items = rows(doc, "drift")
    made = {word: sum(item.get("action") == action for item in items) for action, word in DONE.items()}
    made["created"] += len(rows(doc, "unmanaged"))
    conflicts = sum(item.get("origin") == "conflict" for item in items)
    pending = int(doc.get("pending") or 0)
    tail = (
        f" The repo asks for {count(pending, 'change')} of its own: `orgform plan` shows {'it' if pending == 1 else 'them'}."
        if pending
        else ""
    )
    if not any(made.values()):
        return f"No drift: nothing was changed by hand.{tail}"
    told = ", ".join(f"{number:,} {word}" for word, number in made.items())
    return f"Drift: {told} by hand{f'; {conflicts:,} in conflict' if conflicts else ''}.{tail}"


class Page:
    """The blocks of the document as lines; Markdown borrows them."""

    def __init__(self, paint: Paint, width: int, quiet: bool, many_targets: bool) -> None:
        self.paint, self.width, self.quiet, self.many_targets = paint, width, quiet, many_targets

    def head(self, doc: Doc) -> Iterator[str]:
        if self.quiet:
            return
        targets = target_words(doc)
        yield from hang("Target " if len(targets) == 1 else "Targets ", listing(targets), self.width)
        if base := base_words(doc):
            yield from hang("Compared with ", base, self.width)

    def changed(self, doc: Doc) -> Iterator[str]:
        items = [item for item in rows(doc, "drift") if item.get("action") != "delete"]
        if items:
            yield self.paint("bold", f"Changed by hand ({len(items):,})")
            yield from self._items(items)

    def created(self, doc: Doc) -> Iterator[str]:
        items: list[Doc] = [item for item in rows(doc, "drift") if item.get("action") == "delete"]
        items += [{**item, "action": "delete", "left": True} for item in rows(doc, "unmanaged")]
        if items:
            yield f"{self.paint('bold', f'Created by hand ({len(items):,})')}: live, not in the config"
            yield from self._items(items)

    def _items(self, items: Sequence[Doc]) -> Iterator[str]:
        shown = items if len(items) <= MOST + 5 else items[:MOST]
        for item in shown:
            yield from self.item(item)
        if len(shown) < len(items):
            yield self.paint("dim", f"    ... and {len(items) - len(shown):,} more; {MORE}")

    def item(self, item: Doc) -> Iterator[str]:
        action = str(item.get("action"))
        label, address = clean(item.get("label") or ""), clean(item.get("address", ""))
        name = f"  {cut(label, self.width // 2)}" if label and width_of(address) < self.width // 2 else ""
        flags = f"  [{'; '.join(found)}]" if (found := list(self._flags(item))) else ""
        yield f"  {self.paint(STYLES.get(action, ''), SIGNS.get(action, '?'))} {address}{name}{self.paint('warn', flags)}"
        if self.quiet:
            return
        yield from self.fields(item)
        if who := _who(item):
            yield from (self.paint("dim", line) for line in hang("        ", who, self.width))

    def _flags(self, item: Doc) -> Iterator[str]:
        if item.get("origin") == "conflict":
            yield "! conflict: changed on both sides"
        if item.get("action") == "delete" and not item.get("left"):
            yield "an apply deletes it: the config is authoritative"
        if self.many_targets:
            yield f"in {clean(item.get('target', ''))}"

    def fields(self, item: Doc) -> Iterator[str]:
        lines = [line for field in rows(item, "fields") for line in _lines(item, field)]
        column = min(max((width_of(line.path) for line in lines), default=0), self.width * 5 // 8 - 10)
        for line in lines:
            yield from hang(pad(f"        {line.path}", 8 + column) + "  ", line.text + line.mark, self.width, self.width * 5 // 8)
            for told in hang("          ", line.note, self.width) if line.note else ():
                yield self.paint("dim", told)

    def guards(self, doc: Doc) -> Iterator[str]:
        for guard in rows(doc, "guards"):
            first, *more = hang(f"! {clean(guard.get('guard', ''))}: ", clean(guard.get("summary", "")), self.width)
            yield self.paint("bad", first)
            yield from more
            yield from (f"    - {clean(item)}" for item in guard.get("items") or ())

    def notes(self, doc: Doc) -> Iterator[str]:
        listed = [d for d in rows(doc, "diagnostics") if d.get("severity") != "info" or d.get("code") == "ORG501"]
        if listed and not self.quiet:
            yield diagnostics(listed, color=self.paint.color, width=self.width).rstrip("\n")

    def ways(self, doc: Doc, words: str) -> Iterator[str]:
        if self.quiet:
            return
        for way in ways(doc, words):
            yield f"{way.what}:"
            yield from [f"  {way.command}"] * bool(way.command)
            for note in way.notes:
                yield from hang("  ! ", note, self.width)

    def tail(self, doc: Doc) -> Iterator[str]:
        first, *more = hang("", summary(doc), self.width)
        yield self.paint("bold", first)
        yield from (self.paint("bold", line) for line in more)


class Way(NamedTuple):
    """What can be done, by which command (empty: by hand only). `notes`: what the command would refuse, and why."""

    what: str
    command: str
    notes: Sequence[str] = ()


def ways(doc: Doc, words: str) -> list[Way]:
    """The three ways to deal with what drifted."""
    items, left = rows(doc, "drift"), rows(doc, "unmanaged")
    changed = [str(i.get("address")) for i in items if i.get("action") == "update"]
    every = [str(i.get("address")) for i in (*items, *left)]
    words = f" {words}" if words else ""
    found = []
    if items:
        only = [str(i.get("address")) for i in items]
        chosen = "".join(f" --only {shlex.quote(a)}" for a in only) if len(only) <= NAMED else ""
        found.append(Way("Put back what the config says", clean(f"orgform apply{words}{chosen}")))
    if every:
        what, taken = "Take what is live over into the config", _taken(doc.get("adoptable"), every)
        chosen = " ".join(map(shlex.quote, taken)) if len(taken) <= NAMED else "[ADDRESS_GLOB...]"
        found.append(_way(what, f"orgform drift{words} --adopt {chosen}" if taken else "", doc.get("adoptable"), words))
    if changed:
        what, taken = "Leave these fields alone from now on", _taken(doc.get("ignorable"), changed)
        chosen = "".join(f" --ignore {shlex.quote(a)}" for a in taken) if len(taken) <= NAMED else " --ignore ADDRESS_GLOB"
        found.append(_way(what, f"orgform drift{words}{chosen}" if taken else "", doc.get("ignorable"), words))
    return found


def _taken(tried: Doc | None, addresses: Sequence[str]) -> Sequence[str]:
    """What the command would do, as far as that was tried."""
    return addresses if tried is None else [str(a) for a in tried.get("addresses") or ()]


def _way(what: str, command: str, tried: Doc | None, words: str) -> Way:
    notes = [_refusal(refused) for refused in rows(tried or {}, "refused")]
    if notes:
        notes.append(BY_HAND if "--env" in shlex.split(words) else OVERLAY)
    return Way(what if command else f"{what}, by hand", clean(command), notes)


def _refusal(refused: Doc) -> str:
    """`workspace/x `name`: its value comes from a `for_each` (workspaces.yaml:14)`"""
    what = " ".join(filter(None, (clean(refused.get("address", "")), f"`{clean(refused['path'])}`" if refused.get("path") else "")))
    where = f" ({clean(refused['source'])})" if refused.get("source") else ""
    return f"{what}{': ' if what else ''}{clean(refused.get('reason', ''))}{where}"


def _lines(item: Doc, field: Doc) -> Iterator[Line]:
    """What was done to a field; what the config wants by itself is not done yet."""
    path, origin = str(field.get("path", "")), str(field.get("origin", ""))
    became = field.get("desired") if origin == "config" else field.get("live")
    mixed = len({f.get("origin") for f in rows(item, "fields")}) > 1
    mark = f" ({MARKS[origin]})" if mixed and origin in MARKS else ""
    notes = [f"the config has {show(field.get('desired'))}"] if origin == "conflict" else []
    if apart(item) and field.get("attribution"):
        notes.append(who_changed(field["attribution"]))
    for line in differences({path: field.get("base")}, {path: became}, [{"path": path, "origin": origin}]):
        yield replace(line, mark=mark, note="; ".join(notes))


def _who(item: Doc) -> str:
    """Who did it, where the fields do not say it one by one."""
    who, action = item.get("attribution"), str(item.get("action"))
    return who_changed(who, DONE.get(action, "changed")) if who and not apart(item) else ""
