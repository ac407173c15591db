"""Documents as one self-contained HTML page: no script, nothing loaded from elsewhere.

Invariant: all foreign text goes through `esc`; the page's policy forbids scripts and every request.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orgform.render import frames, steps
from orgform.render.undone import LABELS, LEFT_NOTE, label_of, left_alone, left_by, left_field, losses, undo_remarks, undo_words
from orgform.render.values import Line, show
from orgform.render.view import (
    SYMBOLS,
    VERBS,
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
from orgform.render.words import clean, count, noun, plural

Doc = Mapping[str, Any]
PER_KIND = 3_000
LISTED = 1_000
OPEN = 50  # sections with more changes start folded

STYLE = """
:root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6575;--line:#dfe3ea;--page:#f6f7f9;--card:#fff;
--plus:#17713a;--tilde:#8a5a00;--minus:#b3261e;--bad:#fdecea}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b5;--line:#333b48;--page:#14181f;--card:#1c222c;
--plus:#5ecb8a;--tilde:#e3b341;--minus:#ff7b72;--bad:#3a1d1c}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.4rem;margin:0}
h2{font-size:1.05rem;margin:0}
h3{font-size:.85rem;color:var(--soft);margin:1rem 0 .3rem}
h3::first-letter{text-transform:uppercase}
code,pre,.v{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}
code{overflow-wrap:anywhere}
pre{overflow-x:auto;margin:.5rem 0 0}
p.meta{color:var(--soft);margin:.2rem 0 1rem}
.counts{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}
.counts div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.5rem 1rem;min-width:7rem}
.counts b{display:block;font-size:1.4rem}
section,details.block{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;margin:0 0 1rem}
details.block>summary{cursor:pointer;font-weight:600}
.note{color:var(--soft);font-weight:400}
section.refused{border-color:var(--minus);background:var(--bad)}
.change{padding:.3rem 0;border-top:1px solid var(--line)}
.sign{display:inline-block;width:1.2rem;font-weight:700}
.create .sign,.gain .sign,ins{color:var(--plus)}
.update .sign{color:var(--tilde)}
.delete .sign,.loss .sign,del{color:var(--minus)}
ins,del{text-decoration:none;display:inline-block}
.flag{margin-left:.5rem;color:var(--minus);font-weight:600;font-size:.85rem}
table{border-collapse:collapse;margin:.2rem 0 .2rem 1.2rem}
td{padding:.05rem 1rem .05rem 0;vertical-align:top;overflow-wrap:anywhere}
td:first-child{color:var(--soft);white-space:nowrap}
ul{margin:.3rem 0;padding-left:1.4rem}
.why{color:var(--soft);margin-left:1.2rem}
"""
_HEAD = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    '<meta name="viewport" content="width=device-width,initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
)


def plan(doc: Doc) -> str:
    """The whole plan as a page."""
    return _page("orgform plan", "".join(_plan(doc)))


def diagnostics(listed: Sequence[Doc]) -> str:
    """The problems of a config as a page."""
    wrong = any(d.get("severity") == "error" for d in listed)
    title = frames.invalid_summary(listed).rstrip(".") if wrong else "The config is valid"
    text = frames.diagnostics(listed, color=False, width=100)
    return _page(title, f"<h1>{esc(title)}</h1>" + (f"<section><pre>{_lines(text)}</pre></section>" if text else ""))


def esc(text: object) -> str:
    """Foreign text, safe in an element and in an attribute."""
    return html.escape(clean(text), quote=True)


def _page(title: str, body: str) -> str:
    return f"{_HEAD}<title>{esc(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"


def _lines(text: str) -> str:
    return "\n".join(map(esc, text.splitlines()))


def _plan(doc: Doc) -> Iterator[str]:
    many = len(doc.get("targets") or {}) > 1
    yield f"<h1>{esc(summary(doc))}</h1>\n"
    meta = [f"Target{'s' if many else ''} {', '.join(target_words(doc))}" if target_words(doc) else "", _against(doc)]
    yield f'<p class="meta">{esc("; ".join(filter(None, meta)))}. {esc(estimate(doc))}</p>\n'
    yield _counts(doc)
    yield from (_refused(g) for g in guards(doc, "refused"))
    yield from (_section(s, many) for s in sections(doc, PER_KIND))
    yield from _left(doc)
    yield from _manual(doc, many)
    yield from _access(doc)
    yield from _listed("Costs money", "", [f"{_address(c)} {esc(c.get('description', ''))}" for c in rows(doc, "costs")])
    yield from _listed("Unmanaged", "live, not in the config, left alone", [_address(u) for u in rows(doc, "unmanaged")])
    yield from _listed(
        "Worth knowing", "", [f"{_address(o)} {esc(o.get('attribute', ''))} {esc(_bare(o.get('value')))}" for o in rows(doc, "observed")]
    )
    yield from _told(steps.attested_heading(doc), steps.ATTESTED, steps.attested(doc))
    if found := rows(doc, "diagnostics"):
        yield _block(f"Remarks ({len(found)})", "", f"<pre>{_lines(frames.diagnostics(found, color=False, width=100))}</pre>", opened=True)
    passed = guards(doc, "passed")
    yield from _listed("Guards that passed", "", [f"<b>{esc(g.get('guard', ''))}</b> {esc(g.get('summary', ''))}" for g in passed])


def _counts(doc: Doc) -> str:
    numbers = doc.get("summary") or {}
    shown = ("create", "update", "delete", "manual", *(("waiting",) if numbers.get("waiting") else ()), "unmanaged")
    cells = [(name, int(numbers.get(name) or 0)) for name in shown]
    return f'<div class="counts">{"".join(f"<div><b>{number:,}</b>{name}</div>" for name, number in cells)}</div>\n'


def _refused(guard: Doc) -> str:
    items = guard.get("items") or ()
    listed = "".join(f"<li><code>{esc(i)}</code></li>" for i in items[:LISTED]) + _more(items)
    known = [(name, guard[key]) for key, name in (("setting", "Setting"), ("override", "To let it pass")) if guard.get(key)]
    facts = "".join(f"<p>{name}: <code>{esc(value)}</code></p>" for name, value in known)
    head = f"<h2>Refused: {esc(guard.get('guard', ''))}</h2><p>{esc(guard.get('summary', ''))}</p>"
    return f'<section class="refused">{head}<ul>{listed}</ul>{facts}</section>\n'


def _section(section: Section, many: bool) -> str:
    body = "".join(_group(g, many) for g in section.groups)
    return _block(f"{section.title} ({section.total:,})", section.note, body, opened=section.grave or section.total <= OPEN)


def _group(group: Group, many: bool) -> str:
    body = "".join(_change(c, many) for c in group.changes)
    more = "".join(_hidden(group.kind, action, number) for action, number in group.folded.items())
    return f"<h3>{esc(noun(group.kind))}</h3>{body}{more}\n"


def _hidden(kind: str, action: str, number: int) -> str:
    words = count(number, f"more {noun(kind)}", f"more {plural(noun(kind))}")
    return f'<div class="change note">... and {words} {VERBS.get(action, "")}; --format json shows all</div>'


def _change(change: Doc, many: bool) -> str:
    action = str(change.get("action"))
    label = f"<b>{esc(change['label'])}</b> " if change.get("label") else ""
    flags = "".join(f' <span class="flag">{esc(f)}</span>' for f in _flags(change))
    fields = "".join(_field(line, action) for line in lines_of(change))
    why = "".join(
        f'<div class="why">{esc(w)}</div>' for w in filter(None, (attribution(change), *(change.get("because") or ()), *losses(change)))
    )
    table = f'<table class="v">{fields}</table>' if fields else ""
    where = f' <span class="note">in {esc(change.get("target", ""))}</span>' if many else ""
    head = f'<span class="sign">{SYMBOLS.get(action, "?")}</span>{label}{_address(change)}{where}{flags}'
    return f'<div class="change {esc(action)}">{head}{table}{why}</div>'


def _flags(change: Doc) -> Iterator[str]:
    if change.get("origin") == "conflict":
        yield "conflict: changed on both sides"
    if change.get("moved_from"):
        yield f"renamed from {change['moved_from']}"
    if label := label_of(change):
        yield label


def _field(line: Line, action: str) -> str:
    origin = f' <span class="note">{esc(line.mark.strip())}</span>' if line.mark else ""
    if line.plus or line.minus:
        text = " ".join([*(f"<ins>+{esc(p)}</ins>" for p in line.plus), *(f"<del>-{esc(m)}</del>" for m in line.minus)])
    else:
        text = f"<del>{esc(line.text)}</del>" if action == "delete" else esc(line.text)
    note = f'<div class="note">{esc(line.note)}</div>' if line.note else ""
    return f"<tr><td>{esc(line.path)}</td><td>{text}{origin}{note}</td></tr>"


def _against(doc: Doc) -> str:
    """What the plan was compared with, or what it takes back."""
    if undone := undo_words(doc):
        return "; ".join((f"undoes {undone}", *undo_remarks(doc)))
    return base_words(doc) and f"compared with {base_words(doc)}"


def _left(doc: Doc) -> Iterator[str]:
    listed = left_alone(doc)
    if listed:
        body = "".join(map(_left_item, listed[:LISTED])) + (f"<p>... and {len(listed) - LISTED:,} more</p>" if len(listed) > LISTED else "")
        yield _block(f"Left alone ({len(listed):,})", LEFT_NOTE, body, opened=True)


def _left_item(item: Doc) -> str:
    flag = f' <span class="flag">{LABELS["irreversible"]}</span>' if item.get("undo") == "irreversible" else ""
    label = f"<b>{esc(item['label'])}</b> " if item.get("label") else ""
    fields = "".join(f"<tr><td>{esc(path)}</td><td>{esc(went)}</td></tr>" for path, went in map(left_field, rows(item, "fields")))
    table = f'<table class="v">{fields}</table>' if fields else ""
    who = left_by(item)
    why = f'<div class="why">{esc(item.get("why", ""))}{f", {esc(who)}" if who else ""}</div>'
    override = f'<div class="why">To take it back all the same: <code>{esc(item["override"])}</code></div>' if item.get("override") else ""
    return f'<div class="change">{label}{_address(item)}{flag}{why}{table}{override}</div>'


def _manual(doc: Doc, many: bool) -> Iterator[str]:
    found = steps.steps(doc)
    if found:
        yield _block(steps.heading(doc), steps.note(doc), "".join(_step(step, many) for step in found), opened=True)
    for held in steps.waiting(doc):
        yield from _told(held.heading, held.note, held.lines)


def _step(step: steps.Step, many: bool) -> str:
    listed = "".join(f"<tr><td>{esc(name)}</td><td>{esc(value)}</td></tr>" for name, value in step.values)
    table = f'<table class="v">{listed}</table>' if listed else ""
    facts = "".join(f'<div class="why">{esc(name)}: {esc(text)}</div>' for name, text in step.facts)
    command = f'<div class="why"><code>{esc(step.command)}</code></div>' if step.command else ""
    address = _address({"address": step.address, "target": step.target})
    where = f' <span class="note">in {esc(step.target)}</span>' if many else ""
    return f'<div class="change"><b>{step.number}. {esc(step.title)}</b> {address}{where}{table}{facts}{command}</div>'


def _access(doc: Doc) -> Iterator[str]:
    delta, known = doc.get("access") or {}, names(doc)
    for key, verb, style, sign in (("lost", "lose", "loss", "-"), ("gained", "gain", "gain", "+"), ("unclear", "", "update", "~")):
        found = people(rows(delta, key), known)
        if found:
            shown = found if key == "lost" else found[:LISTED]
            title = (
                f"{count(len(found), 'person', 'people')} {verb}{'s' if len(found) == 1 else ''} access" if verb else unclear(len(found))
            )
            yield _block(
                title, "", "".join(_person(p, style, sign) for p in shown) + _more(found[len(shown) :], 0), opened=len(found) <= OPEN
            )


def _person(person: Person, style: str, sign: str) -> str:
    name = f"<b>{esc(person.name)}</b> " if person.name else ""
    grants = "; ".join(esc(grant(role, path, where, 50)) for (role, path), where in person.grants.items())
    return f'<div class="change {style}"><span class="sign">{sign}</span>{name}<code>{esc(person.member)}</code>: {grants}</div>'


def _listed(title: str, note: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield _block(f"{title} ({len(items):,})", note, _list(items), opened=False)


def _told(heading: str, note: str, lines: Sequence[str]) -> Iterator[str]:
    """Lines of text below a heading that has its own number."""
    if lines:
        yield _block(heading, note, _list(list(map(esc, lines))), opened=False)


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{i}</li>' for i in items[:LISTED])}{_more(items)}</ul>"


def _more(items: Sequence[Any], shown: int = LISTED) -> str:
    return f"<li>... and {len(items) - shown:,} more</li>" if len(items) > shown else ""


def _block(title: str, note: str, body: str, *, opened: bool) -> str:
    words = f' <span class="note">{esc(note)}</span>' if note else ""
    return f'<details class="block"{" open" if opened else ""}><summary>{esc(title)}{words}</summary>{body}</details>\n'


def _address(item: Doc) -> str:
    return f"<code>{esc(item.get('address', ''))}</code>"


def _bare(value: object) -> str:
    return value if isinstance(value, str) else show(value)
