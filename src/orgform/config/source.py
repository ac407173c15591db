"""YAML to trees with marks, and back. The only importer of yaml.

Invariants: YAML is read as data only, in one pass over libyaml's events, without a traceback for any bytes; what aliases stand for
is shared, never copied, and counted, so that a small file cannot become a large config.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import yaml
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from orgform.collector import paused_collector
from orgform.config.places import Text, snippet
from orgform.config.problems import Problems
from orgform.config.scalars import NOT_A_NUMBER, SPECIAL, looks_special, plain, tagged
from orgform.config.tree import Map, Seq, new_map, new_seq, weight_of_text
from orgform.config.yamlerrors import syntax_problem
from orgform.diagnostics import Diagnostic, Source
from orgform.formats import CONTROL

MAX_DEPTH = 100
# What aliases and merge keys may add up to, in values; a million resources is the most that a config may have anyway.
MAX_EXPANDED = 1_000_000
# In all files together; a value takes some hundred bytes while it is read.
MAX_VALUES = 3_000_000
# Keys that are looked through for the first of two that are the same, all such pairs together.
MAX_LOOKED = 20_000_000
_ANCHOR_OR_TAG = re.compile(rb"(?:^|[\s\[{,:-])[&!]")
ODD = re.compile(CONTROL.pattern.replace("\x00-\x1f", "\x00-\x08\x0b\x0c\x0e-\x1f"))
_CORE_TAGS = frozenset({"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_MISSING = object()
_SCALAR: Any = ScalarEvent  # typed as Any: every event of libyaml has marks, which the stubs do not promise
_COLLECTIONS = (Map, Seq)


class _Stop(Exception):
    """The rest of the file cannot be read; the problem is already reported."""


def parse_yaml(data: bytes, file: str) -> tuple[Any, list[Diagnostic]]:
    """One YAML document by itself: (tree, diagnostics); the tree is None where the file has errors or is empty."""
    problems = Problems()
    with paused_collector():
        tree = read_yaml(data, file, problems)
    return (None if file in problems.failed_files else tree), problems.found


def read_yaml(data: bytes, file: str, problems: Problems, memo: dict[str, str] | None = None) -> Any:
    """One document as a tree (Map, Seq or scalar), None where there is none. Problems are added; a file with errors is in `failed_files`.

    `memo` holds strings that were seen before, so that ten thousand roles `member` are one string.
    """
    text = decode_text(data, file, problems)
    if text is None:
        return None
    added = problems.places.add(file, text, value_offsets)
    if not text.strip():
        problems.add("ORG008", "the file is empty", "write some config in it, or delete it", problems.places.at(added.base))
        return None
    loader = yaml.CSafeLoader(data)
    try:
        return _document(_Builder(loader.get_event, data, added, problems, {} if memo is None else memo))
    except _Stop:
        problems.failed_files.add(file)
    except yaml.YAMLError as error:
        problems.failed_files.add(file)
        syntax_problem(error, added, problems)
    finally:
        loader.dispose()
    return None


def compose(text: str) -> Any:
    """The nodes of one YAML document with their spans (`start_mark`, `end_mark`), for editing; None where there is none.

    The text must have been read without problems before.
    """
    return yaml.compose(text, Loader=yaml.CSafeLoader)


def decode_text(data: bytes, file: str, problems: Problems) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        start = before.rfind("\n") + 1
        shown = data[data.rfind(b"\n", 0, error.start) + 1 :].split(b"\n", 1)[0].decode("utf-8", "replace")
        place = Source(file, before.count("\n") + 1, len(before) - start + 1, 1, snippet(shown))
        problems.add("ORG004", f"the file is not UTF-8: byte 0x{data[error.start]:02x}", "save it as UTF-8", place)
        problems.failed_files.add(file)
        return None


def _document(builder: _Builder) -> Any:
    get = builder.get
    get()  # stream start
    if type(get()) is yaml.StreamEndEvent:
        return None
    tree = builder.value(get(), 0)
    get()  # document end
    event = get()
    if type(event) is not yaml.StreamEndEvent:
        builder.stop(
            "ORG018",
            "the file has a second document",
            "write one document a file: remove the `---`, or move the rest to a file of its own",
            event,
        )
    return None if tree is _MISSING else tree


class _Builder:
    """Builds the tree of one file. `get` gives the next event; marks are the file's base plus the character offset."""

    def __init__(self, get: Callable[[], Any], data: bytes, text: Text, problems: Problems, memo: dict[str, str]) -> None:
        self.get = get
        self._text = text
        self._base = text.base
        self._problems = problems
        self._memo = memo
        self._templates = has_template(text.text)
        # no anchors, tags, escapes or odd characters: nothing but plain and quoted text
        self._simple = not _has_special_syntax(data) and (data.isascii() or not ODD.search(text.text))
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()
        self._sizes: dict[int, tuple[int, int]] = {}
        self._expanded = 0
        self._looked = 0

    def stop(self, code: str, summary: str, fix: str, event: Any) -> NoReturn:
        self._report(code, summary, fix, event)
        raise _Stop

    def _too_deep(self, event: Any) -> NoReturn:
        self.stop("ORG017", f"nested deeper than {MAX_DEPTH} levels", "write it flatter", event)

    def _report(self, code: str, summary: str, fix: str, event: Any) -> None:
        mark = event.start_mark.index
        length = min(event.end_mark.index, self._text.end) - mark if event.end_mark.line == event.start_mark.line else 1
        self._problems.add(code, summary, fix, self._problems.places.at(self._base + mark, length))
        self._problems.failed_files.add(self._text.name)

    def value(self, event: Any, depth: int) -> Any:
        """The value that begins with `event`; _MISSING for what is refused."""
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event, depth)
        if depth >= MAX_DEPTH:
            self._too_deep(event)
        if event.tag is not None and event.tag not in _CORE_TAGS:
            self._refuse_tag(event)
        anchor = event.anchor
        if anchor:
            self._open.add(anchor)
        built: Any = self._map(depth + 1) if kind is MappingStartEvent else self._seq(depth + 1)
        if anchor:
            self._open.discard(anchor)
            self._anchors[anchor] = built
        return built

    def _map(self, depth: int) -> Map:
        # The hot loop: ten thousand members are a hundred thousand turns of it, so the common scalar is handled in place.
        result = Map()
        event: Any
        marks: list[int] = []
        result.marks = marks
        get, memo, base, simple, add_mark = self.get, self._memo.setdefault, self._base, self._simple, marks.append
        dynamic = False
        while type(event := get()) is _SCALAR:
            key = event.value
            key = memo(key, key)
            if not simple:
                self._check_key(event)
            value_event = get()
            if simple and type(value_event) is ScalarEvent:
                value = value_event.value
                value = self._plain(value, value_event) if value[:1] in SPECIAL and value_event.implicit[0] else memo(value, value)
            else:
                value = self.value(value_event, depth)
                if type(value) in _COLLECTIONS and value.dynamic:
                    dynamic = True
            if key in result:
                self._duplicate(key, event, result)
            elif value is not _MISSING:
                result[key] = value
                add_mark(base + event.start_mark.index)
        if type(event) is not MappingEndEvent:
            self._complex_key(event)
        self._count(len(result), event)
        result.dynamic = dynamic or "use" in result or "for_each" in result or (self._templates and _has_templates(result))
        return self._merge(result) if "<<" in result else result

    def _seq(self, depth: int) -> Seq:
        result = new_seq()
        get, base = self.get, self._base
        while type(event := get()) is not SequenceEndEvent:
            value = self.value(event, depth)
            if value is _MISSING:
                continue
            result.append(value)
            result.marks.append(base + event.start_mark.index)
            if (type(value) in (Map, Seq) and value.dynamic) or (self._templates and type(value) is str and has_template(value)):
                result.dynamic = True
        self._count(len(result), event)
        return result

    def _count(self, values: int, event: Any) -> None:
        self._problems.values += 1 + values
        if self._problems.values > MAX_VALUES:
            self.stop("ORG024", f"the config has more than {MAX_VALUES:,} values", "split it into several configs", event)

    def _scalar(self, event: Any) -> Any:
        is_plain, is_quoted = event.implicit
        value: Any = event.value
        if is_plain:
            value = self._plain(value, event)
        elif not is_quoted:
            value = self._tagged(event)
        if type(value) is str and not self._simple:
            self._check_text(value, event)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _plain(self, text: str, event: Any) -> Any:
        value = plain(text)
        if value is NOT_A_NUMBER:
            self._report("ORG020", f"`{text[:40]}` is no number that can be kept", "write a finite number of at most 64 bits", event)
            return _MISSING
        return self._memo.setdefault(value, value) if type(value) is str else value

    def _tagged(self, event: Any) -> Any:
        try:
            value = tagged(event.tag, event.value)
        except LookupError:
            self._refuse_tag(event)
            return _MISSING
        if value is NOT_A_NUMBER:
            self._report("ORG020", f"`{event.value[:40]}` is no number that can be kept", "write a finite number of at most 64 bits", event)
            return _MISSING
        return value

    def _refuse_tag(self, event: Any) -> None:
        shown = event.tag.replace("tag:yaml.org,2002:", "!!")[:60]
        self._report("ORG014", f"the tag `{shown}` is not allowed here", "write the value without a tag: YAML is read as plain data", event)

    def _check_text(self, value: str, event: Any) -> None:
        found = ODD.search(value) if not value.isprintable() else None
        if found:
            name = f"U+{ord(found[0]):04X}"
            self._report(
                "ORG021", f"the text has the control character {name}", "remove it: control characters can hide what a text says", event
            )

    def _check_key(self, event: Any) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = event.value
        if event.implicit == (False, False) and event.tag not in ("!", "tag:yaml.org,2002:str"):
            self._refuse_tag(event)
        if not event.value.isprintable() and CONTROL.search(event.value):
            self._report("ORG021", "a key has a control character", "write the key on one line, without control characters", event)

    def _complex_key(self, event: Any) -> NoReturn:
        # what such a key spans is not worth reading on for
        template = self._text.text[event.start_mark.index - 1 :].startswith("{{")
        fix = 'quote the template: `"{{ ... }}"`' if template else "write the key as plain text; quote what begins with a bracket"
        self.stop("ORG019", "a key must be a word, not a map, list or alias", fix, event)

    def _duplicate(self, key: str, event: Any, result: Map) -> None:
        places = self._problems.places
        self._looked += len(result)
        first = places.at(result.mark(key)) if self._looked <= MAX_LOOKED else None
        here = places.at(self._base + event.start_mark.index, event.end_mark.index - event.start_mark.index)
        fix = f"it is already written {f'at {first}' if first else 'above'}; keep one of them, or merge them"
        self._problems.add("ORG012", f"the key `{key[:80]}` is written twice", fix, here, related=[first] if first else [])

    def _alias(self, event: Any, depth: int) -> Any:
        name = event.anchor
        if name not in self._anchors or name in self._open:
            inside = name in self._open
            why = "stands inside of what it names" if inside else "has no anchor before it"
            fix = (
                "write the value out: nothing can hold itself"
                if inside
                else f"write `&{name[:60]}` at the value that is meant, above the alias"
            )
            self._report("ORG015", f"the alias `*{name[:60]}` {why}", fix, event)
            return _MISSING
        value = self._anchors[name]
        size, height = self._measure(value)
        self._expanded += size
        if depth + height > MAX_DEPTH:
            self._too_deep(event)
        if self._expanded > MAX_EXPANDED:
            self.stop(
                "ORG016",
                f"the aliases of this file stand for more than {MAX_EXPANDED:,} values",
                "write it without aliases of aliases",
                event,
            )
        return value

    def _measure(self, value: Any) -> tuple[int, int]:
        """How many values a tree has when its aliases are written out, and how deep it is; each shared part is measured once."""
        if not isinstance(value, Map | Seq):
            return weight_of_text(value) if isinstance(value, str) else 1, 0
        if id(value) not in self._sizes:
            inner = [self._measure(item) for item in (value.values() if isinstance(value, Map) else value)]
            self._sizes[id(value)] = 1 + sum(size for size, _ in inner), 1 + max((height for _, height in inner), default=0)
        return self._sizes[id(value)]

    def _merge(self, result: Map) -> Map:
        """`<<: *base` and `<<: [*a, *b]`: what is written wins, then the earlier of the list."""
        mark = result.mark("<<")
        wanted = result["<<"]
        bases = wanted if isinstance(wanted, Seq) else [wanted]
        rest = result.without("<<")
        if not all(isinstance(base, Map) for base in bases):
            self._problems.add(
                "ORG023",
                "`<<` must be followed by a map",
                "write `<<: *anchor`, where the anchor names a map",
                self._problems.places.at(mark, 2),
            )
            return rest
        values: dict[str, Any] = dict(rest)
        marks = dict(zip(rest, rest.marks, strict=True))
        for base in bases:
            for key, value, at in base.entries():
                if key not in values:
                    values[key], marks[key] = value, at
        return new_map(values.items(), list(marks.values()), rest.dynamic or any(base.dynamic for base in bases))


def has_template(text: str) -> bool:
    """Whether Jinja would do anything with it."""
    return "{{" in text or "{%" in text or "{#" in text


def _has_special_syntax(data: bytes) -> bool:
    return b"\\" in data or ((b"&" in data or b"!" in data) and _ANCHOR_OR_TAG.search(data) is not None)


def _has_templates(tree: Map) -> bool:
    return any(map(has_template, tree)) or any(type(value) is str and has_template(value) for value in tree.values())


def value_offsets(text: str) -> dict[int, tuple[int, int]]:
    """Offset of each key -> offsets of begin and end of its value. Made on the first error in a file, not while reading it."""
    found: dict[int, tuple[int, int]] = {}
    stack: list[_Open] = []
    loader = yaml.CSafeLoader(text)
    try:
        while (event := loader.get_event()) is not None:
            _note_value(event, stack, found)
    except yaml.YAMLError:
        pass  # up to the syntax error all is known, and nothing behind it is asked for
    finally:
        loader.dispose()
    return found


class _Open:
    """A collection that is being read. `key` is the offset of the key whose value is due, `own` that of the key it is the value of."""

    __slots__ = ("begin", "is_map", "key", "own")

    def __init__(self, is_map: bool, own: int | None, begin: int) -> None:
        self.is_map, self.own, self.begin = is_map, own, begin
        self.key: int | None = None


def _note_value(event: Any, stack: list[_Open], found: dict[int, tuple[int, int]]) -> None:
    kind = type(event)
    begin, end = event.start_mark.index, event.end_mark.index
    if kind in (MappingEndEvent, SequenceEndEvent):
        closed = stack.pop()
        if closed.own is not None:
            found[closed.own] = (closed.begin, max(end, closed.begin + 1))
        return
    if kind not in (ScalarEvent, AliasEvent, MappingStartEvent, SequenceStartEvent):
        return
    above = stack[-1] if stack else None
    own: int | None = None
    if above is not None and above.is_map:
        own, above.key = above.key, (begin if above.key is None else None)
        if own is not None:
            found[own] = (begin, max(end, begin + 1))
    if kind in (MappingStartEvent, SequenceStartEvent):
        stack.append(_Open(kind is MappingStartEvent, own, begin))


def dump_yaml(value: Any, *, templates: bool = False) -> str:
    """YAML text that reads back as `value`, here and by YAML 1.1 readers: `on`, `1_000` and the like are quoted.

    Braces that would be a template are escaped, so that they stay text; with `templates` they are left to be one.
    """
    text: str = yaml.dump(
        value if templates else _escaped(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140, default_flow_style=False
    )
    return text.removesuffix("...\n")


def escape_template(text: str) -> str:
    """`{{` -> `{{ '{{' }}`: text that gives `text` when it is rendered."""
    return re.sub(r"\{[{%#]", lambda m: "{{ '" + m[0] + "' }}", text)


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape_template(value)
    if isinstance(value, dict):
        return {_escaped(k): _escaped(v) for k, v in value.items()}
    return [_escaped(v) for v in value] if isinstance(value, list | tuple) else value


class _Dumper(yaml.CSafeDumper):
    """Without YAML 1.1's ideas of what a plain scalar is."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    block = (
        "\n" in value
        and not value.startswith((" ", "\n", "\t"))
        and not re.search(r"[ \t]\n|[^\x20-\x7e\n\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]", value)
    )
    style = "|" if block else "'" if looks_special(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(dict, lambda dumper, value: dumper.represent_mapping("tag:yaml.org,2002:map", value.items()))
_Dumper.add_multi_representer(list, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"null$"), ["n"])
_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), ["t", "f"])
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?[0-9]+$"), list("-0123456789"))
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"-?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?$|-?[0-9]+e[-+]?[0-9]+$"), list("-.0123456789")
)
