"""What libyaml says of broken YAML, in words that help.

Invariant: the place is where one has to look, which is not always where the parser gave up.
"""

from __future__ import annotations

import re
from typing import Any

from orgform.config.places import Text
from orgform.config.problems import Problems

_MESSAGES: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a `: ` stands where no key can be",
        "quote the text if the colon belongs to it, or check the indentation",
    ),
    ("did not find expected key", "a key was due here", "check the indentation: keys of one map begin in the same column"),
    ("could not find expected ':'", "a key without a `:`", "write `key: value`, with a space behind the colon"),
    ("did not find expected '-' indicator", "a list item was due here", "begin each item of the list with `- `, in the same column"),
    (
        "did not find expected ',' or",
        "a `,` or a closing bracket is missing",
        "close the `{` or `[`; quote texts that begin with one, `{{ ... }}` too",
    ),
    ("unexpected end of stream", "the text ends inside of quotes", "close the quotes"),
    (
        "did not find expected <document start>",
        "this does not belong to the document",
        "check the indentation, and that the file has one map at the top",
    ),
    ("cannot start any token", "a character that cannot begin a value", "quote the text"),
    ("block sequence entries are not allowed", "a list cannot begin here", "begin the list on a line of its own"),
    ("unknown escape character", "an escape that YAML does not know", "double the backslash, or use single quotes"),
    ("undefined tag handle", "a tag that nothing declares", "write the value without a tag: YAML is read as plain data"),
)


def syntax_problem(error: Exception, text: Text, problems: Problems) -> None:
    mark: Any = getattr(error, "problem_mark", None)
    if mark is None:
        _reader_problem(error, text, problems)
        return
    if "unexpected end of stream" in str(getattr(error, "problem", "")):
        mark = getattr(error, "context_mark", None) or mark  # where the quotes begin says more than where the file ends
    offset = min(mark.index, len(text.text))
    tab = _tab_indentation(text, offset)
    if tab is not None:
        fix = "indent with spaces: YAML does not allow tabs there"
        problems.add("ORG011", "a tab is used for indentation", fix, problems.places.at(text.base + tab))
        return
    found = str(getattr(error, "problem", None) or error)
    for pattern, summary, fix in _MESSAGES:
        if pattern in found:
            problems.add("ORG010", f"YAML: {summary}", fix, problems.places.at(text.base + offset))
            return
    problems.add(
        "ORG010", f"YAML: {found}", "check indentation, quotes and brackets here and just above", problems.places.at(text.base + offset)
    )


def _reader_problem(error: Exception, text: Text, problems: Problems) -> None:
    """libyaml refuses some characters before it parses, and says where in bytes; so we look for the first of them ourselves."""
    found = re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text.text)
    if found:
        summary = f"the file has the control character U+{ord(found[0]):04X}"
        problems.add("ORG021", summary, "remove it", problems.places.at(text.base + found.start()))
    else:
        problems.add("ORG010", f"YAML: {getattr(error, 'reason', None) or error}", "check the file", problems.places.at(text.base))


def _tab_indentation(text: Text, offset: int) -> int | None:
    """The offset of a tab in the indentation of the line of `offset` or of the one above."""
    line = text.line(offset)[0]
    for number in (line, line - 1):
        if number >= 1 and (match := re.match(r"[ ]*(?:- *)*(\t)", text.snippet(number))):
            return text.starts[number - 1] + match.start(1)
    return None
