"""From marks to places: which file, line and column a mark means, and the text of that line for the code frame.

Invariant: a snippet never shows what looks like a secret, and no control characters; columns count characters and stay true.
Everything here but `bare` is made for errors and may be slow; line starts and value positions are found when first asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import accumulate

from orgform.codec import replace
from orgform.config.tree import NOWHERE
from orgform.diagnostics import Source
from orgform.formats import CONTROL

LONGEST_SNIPPET = 400
# How much of a line is looked at for secrets in what is shown of it: a line may have megabytes, and ten thousand problems.
_LOOKED_AT = 8000
_SECRET_KEY = re.compile(
    r"""(?i)((?:token|secret|passw(?:or)?d|api[_-]?key|credential|authorization|private[_-]?key|client[_-]?secret)[\w-]*["']?\s*[:=]\s*)"""
    r"""(?!["']?(?:env|file):)(?![|>{\[&*!]|\s|$)(?:"[^"]*"?|'[^']*'?|[^,}\]\s][^,}\]]*)"""
)
# Possessive (`*+`): what is never given back need not be remembered for each of twenty million characters.
_WORD = re.compile(r"""\"(?:[^"\\\n]++|\\.)*+\"|'[^'\n]*+'|(?:[^\s:,{}\[\]]++|:(?=\S))++""")
_CELL = re.compile(r"""(?:"(?:[^"]++|"")*+"|[^,\r\n"]++)*+(?=,|\r|\n|\Z)""")
# As `urls.mask_passwords` finds them, up to the last @ of a word; but a snippet stays as long as its line was, and columns true.
URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@?#]*:)(\S+)(?=@)")


class Text:
    """One file's text. `base` is the mark of its first character; `values` finds where the value of a key stands."""

    def __init__(self, name: str, text: str, base: int, values: Callable[[str], dict[int, tuple[int, int]]]) -> None:
        self.name = name
        self.text = text
        self.base = base
        self.end = base + len(text)
        self._values = values

    @cached_property
    def starts(self) -> list[int]:
        """Offsets of the line starts."""
        if "\r" in self.text:
            return [0, *(m.end() for m in re.finditer(r"\r\n?|\n", self.text))]
        return list(accumulate((len(line) + 1 for line in self.text.split("\n")), initial=0))[:-1]

    @cached_property
    def values(self) -> dict[int, tuple[int, int]]:
        """Offset of a key -> offsets of the begin and end of its value."""
        return self._values(self.text)

    def offset(self, mark: int) -> int:
        return mark - self.base

    def value(self, mark: int) -> tuple[int, int]:
        """Offsets of begin and end of the value whose key stands at `mark`; of the key where it has none."""
        offset = self.offset(mark)
        return self.values.get(offset) or (offset, offset + self.word(offset))

    def word(self, offset: int) -> int:
        """How long the key or word at `offset` is."""
        match = _WORD.match(self.text, offset)
        return len(match[0]) if match else 1

    def line(self, offset: int) -> tuple[int, int]:
        """1-based line and column."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def snippet(self, line: int) -> str:
        """Of a very long line its beginning, without a URL that would be cut: a password in it is told by what stands behind it."""
        begin = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        if end - begin <= _LOOKED_AT:
            return self.text[begin:end].rstrip("\r\n")
        cut = self.text[begin : begin + _LOOKED_AT]
        url = cut.find("://", cut.rfind(" ") + 1)
        return cut if url < 0 else cut[:url]


class Table(Text):
    """A CSV file. The mark of a cell is that of its row plus the number of the cell (a row is never shorter than that)."""

    def __init__(self, name: str, text: str, base: int) -> None:
        super().__init__(name, text, base, lambda text: {})
        self.rows: list[int] = []

    def offset(self, mark: int) -> int:
        return self.value(mark)[0]

    def value(self, mark: int) -> tuple[int, int]:
        at = mark - self.base
        row = self.rows[bisect_right(self.rows, at) - 1]
        begin = end = row
        for _ in range(at - row + 1):
            match = _CELL.match(self.text, begin)
            if match is None:
                break
            end = match.end()
            row, begin = begin, end + 1
        return row, end


class Places:
    """All files that were read, in one row of marks."""

    def __init__(self) -> None:
        self._texts: list[Text] = []
        self._bases: list[int] = []
        self._end = 0
        self._secrets: set[str] = set()

    def add(self, name: str, text: str, values: Callable[[str], dict[int, tuple[int, int]]]) -> Text:
        return self._added(Text(name, text, self._end, values))

    def add_table(self, name: str, text: str) -> Table:
        added = Table(name, text, self._end)
        self._added(added)
        return added

    def _added(self, added: Text) -> Text:
        self._texts.append(added)
        self._bases.append(added.base)
        # one beyond the last character is a place too: the end of the file
        self._end = added.end + 2
        return added

    def mask(self, secret: str) -> None:
        """From now on this text shows as `***` in every snippet."""
        if secret.strip():
            self._secrets.add(secret)

    def hidden(self, source: Source | None) -> Source | None:
        """The same place with everything masked that is known to be secret by now."""
        if source is None or not source.snippet:
            return source
        line = source.snippet
        for secret in self._secrets:
            line = line.replace(secret, "*" * len(secret))
            if len(line) == LONGEST_SNIPPET:
                line = _end_starred(line, secret)
        return source if line == source.snippet else replace(source, snippet=line)

    def bare(self, mark: int) -> Source | None:
        """The place without its text; what `Desired` keeps of every resource."""
        if mark < 0:
            return None
        text = self._text(mark)
        starts = text.starts
        offset = mark - text.base if type(text) is Text else text.offset(mark)
        line = bisect_right(starts, offset)
        return Source(text.name, line, offset - starts[line - 1] + 1)

    def bare_all(self, marks: Iterable[int]) -> Iterator[Source | None]:
        """`bare` for many marks, which mostly stand in one file."""
        name, base, end, starts = "", 0, -1, [0]
        for mark in marks:
            if not base <= mark < end:
                text = self._text(mark) if mark >= 0 else None
                if text is None or type(text) is not Text:
                    yield self.bare(mark)
                    continue
                name, base, end, starts = text.name, text.base, text.end, text.starts
            line = bisect_right(starts, mark - base)
            yield Source(name, line, mark - base - starts[line - 1] + 1)

    def at(self, mark: int, length: int = 0) -> Source | None:
        """The place with its line of text; None where no file wrote it. Without `length` the whole word there is meant."""
        if mark == NOWHERE:
            return None
        text = self._text(mark)
        offset = text.offset(mark)
        return self._source(text, offset, length or text.word(offset))

    def value(self, mark: int, needle: str = "") -> Source | None:
        """The place of the value whose key stands at `mark`; with `needle`, of that word inside of it."""
        if mark == NOWHERE:
            return None
        text = self._text(mark)
        begin, end = text.value(mark)
        found = text.text.find(needle, begin, end) if needle else -1
        if found >= 0:
            begin, end = found, found + len(needle)
        line_end = text.text.find("\n", begin, end)
        return self._source(text, begin, (line_end if line_end >= 0 else end) - begin)

    def top(self, name: str) -> Source:
        """The first line of a file that says something."""
        text = next(text for text in self._texts if text.name == name)
        match = re.search(r"^(?!\s*#|---)[^\S\n]*(?=\S)", text.text, re.MULTILINE)
        return self._source(text, match.end() if match else 0, 1)

    def _text(self, mark: int) -> Text:
        return self._texts[bisect_right(self._bases, mark) - 1]

    def _source(self, text: Text, offset: int, length: int) -> Source:
        line, column = text.line(offset)
        snippet = self._shown(text.snippet(line)) if column <= LONGEST_SNIPPET else ""
        return Source(text.name, line, column, max(1, min(length, len(snippet) - column + 1)), snippet)

    def _shown(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "*" * len(secret))  # as long as it was: columns stay true
            if len(secret) > _LOOKED_AT - LONGEST_SNIPPET:
                line = _end_starred(line, secret)
        return snippet(line)


def _starred(match: re.Match[str]) -> str:
    return match[1] + "*" * (len(match[0]) - len(match[1]))


def _end_starred(line: str, secret: str) -> str:
    """The same for a secret of which only the beginning is there, since the line was cut."""
    longest = next((n for n in range(min(len(secret), len(line)), 0, -1) if line.endswith(secret[:n])), 0)
    return line[: len(line) - longest] + "*" * longest


@lru_cache(64)
def snippet(line: str) -> str:
    """A line of text as it may be shown: no secrets, no control characters, not endless."""
    line = URL_PASSWORD.sub(_starred, _SECRET_KEY.sub(_starred, line.rstrip("\r\n")))
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", line.replace("\t", " "))[:LONGEST_SNIPPET]
