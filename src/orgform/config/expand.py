"""From what is written to what is meant: `for_each`, `use`, templates in keys and values, rosters, and the overlay of an environment.

Invariant: parts of the tree without anything of that kind are passed on as they are, the very same objects. The overlay names entries
by their expanded key, and its nulls take away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NoReturn

from orgform.config.compose import duplicate
from orgform.config.keys import normal_key
from orgform.config.problems import Problems, TemplateProblem, listed
from orgform.config.source import ODD, has_template
from orgform.config.tree import NOWHERE, Map, Seq, Weights, is_dynamic, merged, new_map, new_seq, plain_value, without_nulls
from orgform.config.variables import Variables
from orgform.kinds import Kind, Kinds

if TYPE_CHECKING:
    from orgform.config.template import Renderer

MAX_RESOURCES = 1_000_000
MAX_VALUES = 5_000_000
_DROPPED = object()
# The head of a config has no loops and no `use`; its templates see the variables.
_RAW = frozenset({"orgform", "variables", "templates"})


class TooMany(Exception):
    """The config grows beyond its limit; the problem is already reported."""


class Entry:
    """One keyed entry on its way: what is written, what lies over it, and the names that its templates may use."""

    __slots__ = ("key", "mark", "over", "raw", "removed", "scope")

    def __init__(self, key: str, raw: Any, over: Any, scope: Mapping[str, Any], mark: int) -> None:
        self.key, self.raw, self.over, self.scope, self.mark = key, raw, over, scope, mark
        self.removed = False


class Expander:
    def __init__(self, kinds: Kinds, templates: Any, variables: Variables, problems: Problems) -> None:
        self._kinds = kinds
        self._templates = templates if isinstance(templates, Map) else new_map()
        self._variables: Mapping[str, Any] = variables.values
        self._failed = variables.failed
        self._problems = problems
        self._resolved: dict[tuple[str, str], Map] = {}
        self._collided: set[int] = set()
        self._count = 0
        self._idle: dict[int, str] = {}
        self._weights = Weights()
        self._values = 0
        self._loop: Map | None = None
        self._at = NOWHERE

    def config(self, base: Map, over: Map | None) -> Map:
        """The whole config, expanded; sections that nobody knows are passed on, for the gate to refuse."""
        over = over if over is not None else new_map()
        entries = []
        for name, value, mark in [*base.entries(), *((n, None, m) for n, _, m in over.entries() if n not in base)]:
            kind = self._kinds.top_level.get(name)
            if name in over and not isinstance(over[name], Map):
                mark = over.mark(name)
                if over[name] is None:
                    if name not in base:
                        self._idle[mark] = name
                    continue
            if kind is not None:
                value = self._section(kind, value, over.get(name), self._variables, mark)
            elif name in _RAW:
                value = self._laid(value, over.get(name))
            else:
                value = self._rendered(self._laid(value, over.get(name)), self._variables, mark)
            if value is not _DROPPED:
                entries.append((name, value, mark))
        self._tell_idle()
        return new_map([(n, v) for n, v, _ in entries], [m for _, _, m in entries])

    def _laid(self, under: Any, over: Any) -> Any:
        if over is None:
            return under
        if isinstance(under, Map) and isinstance(over, Map):
            return merged(under, over, remove=True, idle=self._idle)
        return without_nulls(over, self._idle)

    def _tell_idle(self) -> None:
        """A null that misses what it was to remove leaves somebody with more than is written."""
        for mark, key in () if self._problems.partial else self._idle.items():
            summary = f"`{key[:80]}: null` removes nothing: there is no such entry below it"
            fix = "check its spelling, or remove the line; `null` in an environment takes away, it does not empty"
            self._problems.add("ORG123", summary, fix, mark, warning=True)

    @cached_property
    def _renderer(self) -> Renderer:
        """Made when the first template is met: jinja2 takes its time to import."""
        from orgform.config.template import Renderer

        return Renderer()

    def rendered(self, value: Any, mark: int) -> Any:
        """A part of the head, rendered ahead of the rest; None where that fails."""
        made = self._rendered(value, self._variables, mark)
        return None if made is _DROPPED else made

    def _section(self, kind: Kind, raw: Any, over: Any, scope: Mapping[str, Any], mark: int) -> Any:
        """What stands under a kind's own key: one entry or a collection."""
        if kind.singleton:
            entry = Entry("", raw, over, scope, mark)
            return self._entry(kind, entry)
        if not isinstance(raw, Map | None) or not isinstance(over, Map | None):
            return raw if over is None else over
        if over is None and not is_dynamic(raw):
            if raw is not None:
                self._note(len(raw), mark)
                self._repeat(raw, scope)
            return raw
        return self._collection(kind, raw if raw is not None else new_map(), over, scope, mark)

    def _note(self, count: int, mark: int) -> None:
        self._count += count
        if self._count > MAX_RESOURCES:
            self._problems.add("ORG024", f"the config has more than {MAX_RESOURCES:,} resources", "split it into several configs", mark)
            raise TooMany

    def _repeat(self, value: Any, scope: Mapping[str, Any]) -> None:
        """A part without templates, that a `for_each` has once more: later stages look at it each time."""
        if scope is not self._variables and isinstance(value, Map | Seq):
            self._grow(self._weights.of(value))

    def _grow(self, values: int) -> None:
        """Called before something is made of what is written."""
        self._values += values
        if self._values > MAX_VALUES:
            self._grown(self._loop)

    def _grown(self, loop: Map | None) -> NoReturn:
        what = "what this `for_each` makes grows the config" if loop is not None else "templates and `use` make the config grow"
        fix = "make fewer entries, or give each of them less; split the config into several"
        mark = loop.mark("for_each") if loop is not None else self._at
        self._problems.add("ORG024", f"{what} beyond {MAX_VALUES:,} values", fix, mark)
        raise TooMany

    def _collection(self, kind: Kind, raw: Map, over: Map | None, scope: Mapping[str, Any], mark: int) -> Map:
        entries: dict[str, Entry] = {}
        for key, value, inner, at in self._keyed(raw, scope):
            self._place(entries, Entry(key, value, None, inner, at))
        if over is not None:
            self._overlay(kind, entries, over, scope)
        self._note(len(entries), mark)
        made = [(e.key, self._entry(kind, e), e.mark) for e in entries.values() if not e.removed]
        kept = [m for m in made if m[1] is not _DROPPED]
        return new_map([(k, v) for k, v, _ in kept], [m for _, _, m in kept])

    def _place(self, entries: dict[str, Entry], entry: Entry) -> None:
        other = entries.get(entry.key)
        if other is None:
            entries[entry.key] = entry
            return
        if other.mark != entry.mark:
            duplicate(entry.key, other.mark, entry.mark, self._problems)
        elif entry.mark not in self._collided:
            self._collided.add(entry.mark)
            why = "its `for_each` gives this key more than once: use all of its names in the key"
            duplicate(entry.key, other.mark, entry.mark, self._problems, why=why)

    def _overlay(self, kind: Kind, entries: dict[str, Entry], over: Map, scope: Mapping[str, Any]) -> None:
        """Its keys name entries as references do: case and spelling make no difference."""
        seen: dict[str, int] = {}
        spellings: dict[str, Entry] | None = None
        for key, value, inner, at in self._keyed(over, scope):
            normal = normal_key(self._kinds, kind, key)
            if normal in seen:
                duplicate(key, seen[normal], at, self._problems)
            seen[normal] = at
            below = entries.get(key)
            if below is None:
                if spellings is None:
                    spellings = {normal_key(self._kinds, kind, known): entry for known, entry in entries.items()}
                below = spellings.get(normal)
            if value is None:
                if below is not None:
                    below.removed = True
                else:
                    self._idle[at] = key
            elif below is None:
                entries[key] = Entry(key, without_nulls(value, self._idle), None, inner, at)
            else:
                below.over = value
                if not isinstance(value, Map):
                    below.mark = at
                below.scope = {**below.scope, **inner}

    def _keyed(self, raw: Map, scope: Mapping[str, Any]) -> Iterator[tuple[str, Any, Mapping[str, Any], int]]:
        """(key, entry, names, mark) for each entry, multiplied by its `for_each`."""
        for key, value, mark in raw.entries():
            if isinstance(value, Map) and "for_each" in value:
                for inner in self._combinations(value, scope):
                    yield from self._one(key, value, inner, mark)
            else:
                yield from self._one(key, value, scope, mark)

    def _one(self, key: str, value: Any, scope: Mapping[str, Any], mark: int) -> Iterator[tuple[str, Any, Mapping[str, Any], int]]:
        if has_template(key):
            made = self._render(key, scope, lambda word: self._problems.places.at(mark))
            if made is _DROPPED:
                return
            if not isinstance(made, str | int) or isinstance(made, bool) or made == "":
                self._problems.add("ORG106", "the key's template gives no text", "a key must be a text that is not empty", mark)
                return
            key = str(made)
        yield key, value, scope, mark

    def _combinations(self, entry: Map, scope: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        mark = entry.mark("for_each")
        loops = self._rendered(entry["for_each"], scope, mark)
        if not isinstance(loops, Map) or not loops:
            if loops is not _DROPPED and not (loops == {} and entry["for_each"]):
                self._problems.add(
                    "ORG122", "`for_each` must be a map of lists", "write it like `for_each: {brand: [x, y], region: [us, eu]}`", mark
                )
            return []
        for name, values, at in loops.entries():
            if not isinstance(values, list):
                self._problems.add(
                    "ORG122", f"`for_each` needs a list for `{name[:60]}`", f"write `{name[:60]}: [a, b]`", at if at != NOWHERE else mark
                )
                return []
        size = 1
        for values in loops.values():
            size *= len(values)
        if size > MAX_RESOURCES:
            self._problems.add(
                "ORG024", f"this `for_each` makes {size:,} entries", f"at most {MAX_RESOURCES:,} resources are allowed", mark
            )
            raise TooMany
        if size * (self._weights.of(entry) - self._weights.of(entry["for_each"])) > MAX_VALUES:
            self._grown(entry)
        plain = [plain_value(values) for values in loops.values()]
        return [{**scope, **dict(zip(loops, values, strict=True))} for values in product(*plain)]

    def _entry(self, kind: Kind, entry: Entry) -> Any:
        outer = self._loop
        if isinstance(entry.raw, Map) and "for_each" in entry.raw:
            self._loop = entry.raw
        self._at = entry.mark
        made = self._made(kind, entry)
        self._loop = outer
        return made

    def _made(self, kind: Kind, entry: Entry) -> Any:
        raw, over = entry.raw, entry.over
        if over is None and not is_dynamic(raw):
            self._repeat(raw, entry.scope)
            return self._rendered(raw, entry.scope, entry.mark) if isinstance(raw, str) else raw
        if over is not None:
            raw, over = _long_form(kind, raw), _long_form(kind, over)
        if not isinstance(raw, Map) or not isinstance(over, Map | None):
            return self._rendered(raw if over is None else over, entry.scope, entry.mark)
        return self._body(kind, self._with_defaults(kind, raw, over, entry.scope), over, entry.scope)

    def _body(self, kind: Kind, raw: Map, over: Map | None, scope: Mapping[str, Any]) -> Map:
        children = self._kinds.children(kind.name)
        written = ("use",) if kind.singleton else ("use", "for_each")  # what is one of a kind cannot be made many; the gate says so
        plain = raw.without(*written, *children)
        if over is not None:
            plain = merged(plain, over.without(*written, *children), remove=True, idle=self._idle)
        body: Map = self._rendered(plain, scope, NOWHERE)
        extra = [(n, m) for tree in (raw, over or new_map()) for n, _, m in tree.entries() if n in children]
        found = []
        for name, mark in dict(extra).items():
            if over is not None and name in over and over[name] is None:
                if name not in raw:
                    self._idle[mark] = name
                continue
            value = self._section(children[name], raw.get(name), over.get(name) if over is not None else None, scope, mark)
            if value is not _DROPPED:
                found.append((name, value, mark))
        if not found:
            return body
        return new_map([*body.items(), *((n, v) for n, v, _ in found)], [*body.marks, *(m for _, _, m in found)])

    def _with_defaults(self, kind: Kind, raw: Map, over: Map | None, scope: Mapping[str, Any]) -> Map:
        holder = over if over is not None and "use" in over else raw
        if "use" not in holder:
            return raw
        under = self._defaults(kind, holder, scope, ())
        return merged(under, raw, remove=False) if under is not None else raw

    def _defaults(self, kind: Kind, holder: Map, scope: Mapping[str, Any], above: tuple[str, ...]) -> Map | None:
        """What the templates that `holder` uses give together; the later of a list wins."""
        mark = holder.mark("use")
        names = self._rendered(holder["use"], scope, mark)
        if names is _DROPPED or names is None:
            return None
        found = [self._template(kind, name, mark, above) for name in (names if isinstance(names, list) else [names])]
        result: Map | None = None
        for each in found:
            if each is not None:
                self._grow(self._weights.of(each))
                result = each if result is None else merged(result, each, remove=False)
        return result

    def _template(self, kind: Kind, name: Any, mark: int, above: tuple[str, ...]) -> Map | None:
        known = self._templates.get(kind.name)
        known = known if isinstance(known, Map) else new_map()
        body = known.get(name) if isinstance(name, str) else None
        if not isinstance(body, Map):
            if (not isinstance(name, str) or name not in known) and not self._problems.partial:
                otherwise = f"there are {listed(known)}" if known else f"write it under `templates: {{{kind.name}: ...}}`"
                fix = self._problems.meant(str(name), known, otherwise)
                self._problems.add(
                    "ORG120",
                    f"there is no template `{str(name)[:80]}` for the kind {kind.name}",
                    fix,
                    self._problems.places.value(mark, str(name)),
                )
            return None
        if name in above:
            chain = " -> ".join((*above, name))
            self._problems.add("ORG121", f"templates use each other in a circle: {chain}", "remove one of the `use`", mark)
            return None
        if "use" not in body:
            return body
        if (kind.name, name) not in self._resolved:
            under = self._defaults(kind, body, self._variables, (*above, name))
            own = body.without("use")
            self._resolved[kind.name, name] = merged(under, own, remove=False) if under is not None else own
        return self._resolved[kind.name, name]

    def _rendered(self, value: Any, scope: Mapping[str, Any], mark: int) -> Any:
        """The value with its templates rendered; `mark` is that of its key, or of it in a list."""
        if isinstance(value, str):
            return self._render(value, scope, lambda word: self._problems.places.value(mark, word)) if has_template(value) else value
        if not is_dynamic(value):
            self._repeat(value, scope)
            return value
        self._grow(1 + len(value))
        if isinstance(value, Map):
            return self._rendered_map(value, scope)
        items = [(self._rendered(item, scope, at), at) for item, at in zip(value, value.marks, strict=True)]
        kept = [item for item in items if item[0] is not _DROPPED]
        return new_seq([v for v, _ in kept], [m for _, m in kept])

    def _rendered_map(self, value: Map, scope: Mapping[str, Any]) -> Map:
        made: dict[str, Any] = {}
        marks: dict[str, int] = {}
        for key, item, at in value.entries():
            for name, _, _, _ in self._one(key, item, scope, at):
                inner = self._rendered(item, scope, at)
                if name in made:
                    duplicate(name, marks[name], at, self._problems)
                elif inner is not _DROPPED:
                    made[name], marks[name] = inner, at
        return new_map(made.items(), list(marks.values()))

    def _tree(self, value: Any) -> Any:
        """What a template gave, as a tree; nobody wrote its parts, so they have no marks."""
        if isinstance(value, dict):
            self._grow(1 + len(value))
            return new_map([(k, self._tree(v)) for k, v in value.items()])
        if isinstance(value, list):
            self._grow(1 + len(value))
            return new_seq([self._tree(v) for v in value])
        return value

    def _render(self, text: str, scope: Mapping[str, Any], place: Callable[[str], Any]) -> Any:
        try:
            made = self._renderer.render(text, scope)
            if isinstance(made, str) and not made.isprintable() and ODD.search(made):
                self._problems.add(
                    "ORG021", "the template gives a control character", "remove it: control characters can hide what a text says", place("")
                )
                return _DROPPED
            return self._tree(made)
        except TemplateProblem as problem:
            at = place(problem.word)
            fix = problem.fix
            if problem.name:
                if self._problems.partial or problem.name in self._failed:
                    self._problems.broken_values = True
                    return _DROPPED
                declare = f"declare it: `variables: {{{problem.name}: {{type: string}}}}`; write literal braces as `{{{{ '{{{{' }}}}`"
                fix = self._problems.meant(problem.name, scope, declare)
            self._problems.add(problem.code, problem.summary, fix, at)
            self._problems.broken_values = True
            if problem.final:
                raise TooMany from problem
            return _DROPPED


def _long_form(kind: Kind, value: Any) -> Any:
    """`admin` -> `{role: admin}`, so that an overlay can be laid on it."""
    if kind.shorthand and value is not None and not isinstance(value, Map | Seq):
        return new_map([(kind.shorthand, value)])
    return new_map() if value is None else value
