"""Plain lines of YAML, `key: value` below `key:`, read without libyaml: three times as fast, and most of a large company is written so.

Invariant: what is read here is what libyaml reads, marks included (a property test holds the two together). Every line, word and comment is
matched by what is known to mean the same in any YAML; where a single one is not, nothing was read and libyaml has the file. So nothing here
reports a problem, and nothing here is dynamic: templates, `use` and `for_each` are left to libyaml, too.
"""

from __future__ import annotations

import re
from typing import Any

from orgform.config.scalars import NOT_A_NUMBER, SPECIAL, plain
from orgform.config.tree import Map, new_map

# Letters of all languages, and of the rest what has no meaning in the middle of a word; a colon or hyphen has none where text follows.
# All is possessive (`*+`): what is never given back costs nothing, however long a line is.
_KEY = r"[\w/][\w.@+/-]{0,199}+"
_FIRST = r"(?:[\w/.+~]|-(?=[\w.]))"
_PLAIN = rf"({_FIRST}(?:[\w ,./@+~()'-]|:(?=[\w/]))*+)"
_PLAIN_IN_BRACES = rf"({_FIRST}(?:[\w ./@+~()'-]|:(?=[\w/]))*+)"
_QUOTED = r""""([\w !#-\[\]-~]*+)"|'([\w -&(-~]*+)'"""
_COMMENT = r"(?:(?<!\S)#[\w -~]*+)?+"

# Matches at every place: what is no plain line gives its first odd character.
_LINE = re.compile(rf"( *+)(?:({_KEY}):((?: [^\n]*+)?+)|#[\w -~]*+)?+(?:\n|(.)|\Z)")
_VALUE = re.compile(rf" *+(?:{_PLAIN}|{_QUOTED})?+ *+{_COMMENT}")
_PAIR = re.compile(rf" *+({_KEY}): ++(?:{_PLAIN_IN_BRACES}|{_QUOTED}) *+([,}}])")
_AFTER_BRACES = re.compile(rf" *+{_COMMENT}")
_DYNAMIC = ("{{", "{%", "{#", "use:", "for_each:")

_MOST_OPEN = 50
_UNKNOWN: Any = object()
#: what a key has that stands alone: what is below it, or nothing
_BELOW: Any = object()


class _NotPlain(Exception):
    """For libyaml."""


def read_lines(text: str, base: int, memo: dict[str, str]) -> tuple[Map, int] | None:
    """The tree of a file of plain lines and how many values it has; None for any other file.

    `base`: the mark of its first character; `memo`: as `source.read_yaml` has it.
    """
    if any(word in text for word in _DYNAMIC):
        return None
    try:
        return _Lines(base, memo).read(text)
    except _NotPlain:
        return None


class _Lines:
    """One file. `words`: what stands behind a colon -> its value."""

    def __init__(self, base: int, memo: dict[str, str]) -> None:
        self._base = base
        self._memo = memo
        self._words: dict[str, Any] = {}
        self._values = 0

    def read(self, text: str) -> tuple[Map, int]:
        # The hot loop: `here` is the map that is open at `indent`, `above` are those around it; `alone` is a key that may get one below it.
        here = root = new_map()
        above: list[tuple[str, Map]] = []
        indent, alone = "", None
        base, add_mark, known, keep = self._base, here.marks.append, self._words.get, self._memo.setdefault
        for line in _LINE.finditer(text):
            spaces, key, rest, odd = line.groups()
            if odd is not None:
                raise _NotPlain
            if key is None:
                continue
            if spaces != indent:
                if len(spaces) > len(indent):
                    if alone is None or len(above) == _MOST_OPEN:
                        raise _NotPlain
                    above.append((indent, here))
                    here[alone] = here = new_map()
                    indent = spaces
                else:
                    here, indent = self._closed(here, spaces, above)
                add_mark = here.marks.append
            if key in here:
                raise _NotPlain
            key = keep(key, key)
            alone = None
            if rest:
                value = known(rest, _UNKNOWN)
                if value is _UNKNOWN:
                    value = self._value(rest, base + line.start(3))
            else:
                value = _BELOW
            if value is _BELOW:
                alone, value = key, None
            here[key] = value
            add_mark(base + line.start(2))
        if not root:
            raise _NotPlain
        return root, self._values + sum(1 + len(tree) for tree in (here, *(tree for _, tree in above)))

    def _closed(self, here: Map, spaces: str, above: list[tuple[str, Map]]) -> tuple[Map, str]:
        """The map that a line with these spaces before it belongs to, now that those below it are at their end."""
        while above:
            self._values += 1 + len(here)
            indent, here = above.pop()
            if indent == spaces:
                return here, indent
        raise _NotPlain

    def _value(self, rest: str, mark: int) -> Any:
        """What stands behind a colon; `mark` is that of its first character."""
        match = _VALUE.fullmatch(rest)
        if match is None:
            return self._braces(rest, mark)
        value = self._words[rest] = self._scalar(*match.groups()) if match.lastindex else _BELOW
        return value

    def _scalar(self, word: str | None, *quoted: str | None) -> Any:
        value: Any = word.rstrip(" ") if word else next(text for text in quoted if text is not None)
        if word and word[0] in SPECIAL:
            value = plain(value)
            if type(value) is not str:
                if value is NOT_A_NUMBER:
                    raise _NotPlain
                return value
        return self._memo.setdefault(value, value)

    def _braces(self, rest: str, mark: int) -> Map:
        """`{key: value, key: value}` with nothing but words in it."""
        if not rest.lstrip(" ").startswith("{"):
            raise _NotPlain
        result = new_map()
        at, last = rest.index("{") + 1, ","
        while last == ",":
            pair = _PAIR.match(rest, at)
            if pair is None or pair[1] in result:
                raise _NotPlain
            key, word, double, single, last = pair.groups()
            result[self._memo.setdefault(key, key)] = self._scalar(word, double, single)
            result.marks.append(mark + pair.start(1))
            at = pair.end()
        if not _AFTER_BRACES.fullmatch(rest, at):
            raise _NotPlain
        self._values += 1 + len(result)
        return result
