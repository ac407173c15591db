"""A plan document arranged for reading: which changes stand together, what is folded, who gains what. Shared by all human formats.

Invariant: folding hides only creates and updates that destroy nothing; every delete, every destructive change and every person who loses
access is in what these functions return.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orgform.codec import Struct, replace
from orgform.render.values import Line, created, differences, show
from orgform.render.words import clean, count, listing

Doc = Mapping[str, Any]
SYMBOLS = {"create": "+", "update": "~", "delete": "-"}
STYLE = {"create": "green", "update": "yellow", "delete": "red"}
VERBS = {"create": "to create", "update": "to update", "delete": "to delete"}
EVERYWHERE = "company admin"
_BY_HAND = ("drift", "conflict")
MARKS = {"config": "config", "drift": "by hand", "conflict": "both"}
# What an apply does -> what somebody did that it undoes.
_DONE_BY_HAND = {"create": "deleted", "update": "changed", "delete": "created"}
TITLES = ("Asked for by the config", "Changed outside of orgform", "an apply puts back what the config says")
UNDO_TITLES = ("Taken back", "Taken back although changed since", "--allow names it; what somebody set since is overwritten")
NAMES_NOTHING = "ORG504"  # of `--only`
FOLD_SLACK = 5  # hiding fewer than this saves no reading


class Group(Struct, frozen=True):
    """Changes of one kind. `folded`: action -> how many are not in `changes`."""

    kind: str
    changes: tuple[Doc, ...]
    folded: dict[str, int] = {}


class Section(Struct, frozen=True):
    title: str
    note: str
    groups: tuple[Group, ...]
    drift: bool = False

    @property
    def total(self) -> int:
        return sum(len(g.changes) + sum(g.folded.values()) for g in self.groups)

    @property
    def grave(self) -> bool:
        """Whether it holds what must not stay behind a click."""
        return self.drift or any(not foldable(c) for g in self.groups for c in g.changes)


class Person(Struct, frozen=True):
    """One member's gain or loss. `grants`: how it comes (`admin, direct`) -> where; `""` is the company itself."""

    member: str
    name: str
    grants: dict[tuple[str, str], tuple[str, ...]]

    @property
    def total(self) -> int:
        return sum(map(len, self.grants.values()))


def rows(doc: Doc, name: str) -> Sequence[Doc]:
    """A list of the document, empty where it is missing."""
    return doc.get(name) or ()


def sections(doc: Doc, limit: int | None) -> tuple[Section, ...]:
    """What was asked for, then what was changed outside. At most `limit` lines of foldable changes for each kind and action (None: all)."""
    asked = [c for c in rows(doc, "changes") if c.get("origin") not in ("drift", "conflict")]
    drifted = [c for c in rows(doc, "changes") if c.get("origin") in ("drift", "conflict")]
    titles = UNDO_TITLES if doc.get("undoes") else TITLES
    made = (
        Section(titles[0], "", grouped(asked, limit)),
        Section(titles[1], titles[2], grouped(drifted, limit), drift=True),
    )
    return tuple(s for s in made if s.groups)


def grouped(changes: Iterable[Doc], limit: int | None) -> tuple[Group, ...]:
    by_kind: dict[str, list[Doc]] = {}
    for change in changes:
        by_kind.setdefault(kind_of(change), []).append(change)
    return tuple(_fold(kind, listed, limit) for kind, listed in by_kind.items())


def _fold(kind: str, changes: Sequence[Doc], limit: int | None) -> Group:
    folded: dict[str, int] = {}
    hidden: set[int] = set()
    for action in ("create", "update") if limit is not None else ():
        candidates = [c for c in changes if c.get("action") == action and foldable(c)]
        beyond = candidates[_room(candidates, limit or 0) :]
        if len(beyond) > FOLD_SLACK:
            folded[action] = len(beyond)
            hidden.update(map(id, beyond))
    return Group(kind, tuple(c for c in changes if id(c) not in hidden) if hidden else tuple(changes), folded)


def _room(changes: Sequence[Doc], limit: int) -> int:
    """How many of these fit into `limit` lines."""
    used = 0
    for at, change in enumerate(changes):
        used += _height(change)
        if used > limit:
            return at
    return len(changes)


def _height(change: Doc) -> int:
    """About how many lines a change takes: few fields stand beside its name."""
    if change.get("action") == "update":
        fields = len(change.get("fields") or ())
    else:
        fields = sum(len(v) if isinstance(v, Mapping) else 1 for v in (change.get("after") or {}).values())
    return 1 if fields <= 2 else 1 + fields


def foldable(change: Doc) -> bool:
    """What destroys nothing and is not disputed may be folded away."""
    return change.get("action") in ("create", "update") and change.get("risk") != "destructive" and change.get("origin") != "conflict"


def kind_of(item: Doc) -> str:
    return str(item.get("address", "")).partition("/")[0]


def lines_of(change: Doc) -> list[Line]:
    """The fields of a change: all of a create (its name first), the differing ones of an update; of a delete what it had."""
    before, after = change.get("before"), change.get("after")
    if change.get("action") == "update":
        return _told_apart(change, differences(before, after, change.get("fields") or ()))
    name = show(change.get("label") or None)
    return sorted(created((after if change.get("action") == "create" else before) or {}), key=lambda line: line.text != name)


def _told_apart(change: Doc, lines: list[Line]) -> list[Line]:
    """Whose doing each field is, where they differ in that; who did it, where they differ in that."""
    if len({line.origin for line in lines}) > 1:
        lines = [replace(line, mark=f" ({MARKS[line.origin]})") if line.origin in MARKS else line for line in lines]
    return [replace(line, note=who_changed(line.by)) if line.by else line for line in lines] if apart(change) else lines


def attribution(change: Doc) -> str:
    """`changed by dana@acme.com in the web console, 2026-11-20 14:02Z`; empty where the fields say it one by one."""
    who, action = change.get("attribution"), change.get("action")
    if not who:
        return "deleted outside of orgform" if action == "create" and change.get("origin") == "drift" else ""
    return "" if apart(change) else who_changed(who, _DONE_BY_HAND.get(str(action), "changed"))


def who_changed(who: Doc, verb: str = "changed") -> str:
    """An attribution in words."""
    how = "through" if str(who.get("client") or "").startswith("orgform/") else "in"
    client = f" {how} {clean(who['client'])}" if who.get("client") else ""
    return f"{verb} by {clean(who.get('actor', ''))}{client}, {moment(who.get('time', ''))}"


def apart(change: Doc) -> bool:
    """Whether its fields were not all changed by one person through one client, so that each has to say it."""
    told = [field.get("attribution") or {} for field in change.get("fields") or () if field.get("origin") in _BY_HAND]
    return any(told) and len({(who.get("actor"), who.get("client")) for who in told}) > 1


def moment(time: object) -> str:
    """ISO 8601 shortened to minutes: `2026-11-20 14:02Z`. What has another form stays as it is."""
    text = clean(time)
    if len(text) >= 16 and text[10] == "T" and text[4] == text[7] == "-":
        return f"{text[:10]} {text[11:16]}{'Z' if text.endswith(('Z', '+00:00')) else ''}"
    return text


def names(doc: Doc) -> dict[str, str]:
    """Address and bare key -> the name that people know it by, from the changes' labels."""
    found: dict[str, str] = {}
    for change in rows(doc, "changes"):
        label, address = change.get("label"), str(change.get("address", ""))
        if label and address.count("/") == 1:
            found[address] = label
            found.setdefault(address.partition("/")[2], label)
    return found


def people(items: Iterable[Doc], known: Mapping[str, str]) -> tuple[Person, ...]:
    """Access items by person, in order of their addresses."""
    by_member: dict[str, dict[tuple[str, str], list[str]]] = {}
    for item in items:
        member = str(item.get("member", ""))
        how = (str(item.get("role", "")), str(item.get("path", "")))
        by_member.setdefault(member, {}).setdefault(how, []).append(str(item.get("workspace", "")))
    return tuple(
        Person(m, known.get(m, ""), {how: tuple(where) for how, where in grants.items()}) for m, grants in sorted(by_member.items())
    )


#: what stands for a role that no read shows, of somebody's whole line and in a cell of a table
UNREAD_ROLE, UNREAD = "a role (not readable here)", "(not readable here)"


def unclear(count_of: int) -> str:
    """Above those who keep a place where nothing shows their role of today, and who will have one that is known."""
    which = "this role, and nothing shows which one it is" if count_of == 1 else "these roles, and nothing shows which ones they are"
    return f"{count(count_of, 'person', 'people')} will have {which} today"


def grant(role: str, path: str, where: Sequence[str], limit: int) -> str:
    """`admin in brand-x-us and brand-x-eu (group:support)`; the company-level role is `owner of the company`."""
    spaces = [clean(w) for w in where if w]
    # An admin of the company reaches every workspace: their names say nothing.
    limit = 0 if path == EVERYWHERE else limit
    shown = spaces if len(spaces) <= limit + 2 else spaces[:limit]
    more = [f"{len(spaces) - len(shown):,}{' more' if shown else ''} workspaces"] if len(shown) < len(spaces) else []
    places = [*(["of the company"] if len(spaces) < len(where) else []), *([f"in {listing([*shown, *more])}"] if spaces else [])]
    how = f" ({clean(path)})" if path and path != "direct" else ""
    return f"{clean(role) or UNREAD_ROLE} {' and '.join(places)}{how}"


def summary(doc: Doc) -> str:
    """`Plan: 3 to create, 1 to update, 0 to delete, 0 manual. 2 unmanaged.`"""
    numbers = doc.get("summary") or {}
    create, update, delete, manual, waiting, unmanaged = (
        int(numbers.get(name) or 0) for name in ("create", "update", "delete", "manual", "waiting", "unmanaged")
    )
    held = f", {waiting:,} waiting" if waiting else ""
    tail = f" {unmanaged:,} unmanaged." if unmanaged else ""
    left = len(rows(doc.get("undoes") or {}, "left"))
    tail += f" {left:,} left alone." if left else ""
    worded = ", the rest by somebody's word" if rows(doc, "attested") else ""
    if doc.get("undoes") and not (create or update or delete or manual):
        return f"Nothing to undo{': what the run did was changed since' if left else ''}.{tail}"
    if not (create or update or delete or manual or waiting):
        if any(d.get("code") == NAMES_NOTHING for d in rows(doc, "diagnostics")):
            return f"No changes in what `--only` names; the rest was not looked at.{tail}"
        return f"No changes: {'what can be read' if rows(doc, 'attested') else 'the live system'} is as the config says{worded}.{tail}"
    return f"Plan: {create:,} to create, {update:,} to update, {delete:,} to delete, {manual:,} manual{held}.{tail}"


def estimate(doc: Doc) -> str:
    """`About 12 API calls, 3 seconds.`, empty where nothing is to do."""
    numbers = doc.get("estimate") or {}
    calls, seconds = int(numbers.get("api_calls") or 0), float(numbers.get("seconds") or 0)
    quota = numbers.get("quota_percent")
    share = f", {float(quota):.0f} % of what a {numbers.get('quota_of', 'minute')} allows" if quota is not None else ""
    return f"About {count(calls, 'API call')}, {duration(seconds)}{share}." if calls else ""


def duration(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 120:
        return count(round(seconds), "second")
    return count(round(seconds / 60), "minute") if seconds < 7200 else count(round(seconds / 3600), "hour")


def guards(doc: Doc, verdict: str) -> list[Doc]:
    return [g for g in rows(doc, "guards") if g.get("verdict") == verdict]


def base_words(doc: Doc) -> str:
    """`the ledger, revision 12` | `git:main at 1a2b3c4` | empty where there is none."""
    base = doc.get("base") or {}
    source, revision = clean(base.get("source") or "none"), clean(base.get("revision") or "")
    if source == "none":
        return ""
    if source.startswith("run:"):
        return f"what the run {source.removeprefix('run:')} left"
    if source.startswith("git:"):
        return f"{source} at {revision[:12]}" if revision else source
    return f"the {source}, revision {revision}" if revision else f"the {source}"


def target_words(doc: Doc) -> list[str]:
    """`acme (local: acme.db)`, with a word where it was not read completely."""
    found = []
    for name, target in (doc.get("targets") or {}).items():
        provider, system = clean(target.get("provider", "")), clean(target.get("system", ""))
        what = system if system.startswith(provider) else f"{provider}: {system}" if system else provider
        found.append(f"{clean(name)} ({what}{'' if target.get('complete', True) else '; read incompletely'})")
    return found
