"""Edits the text of a YAML file that people keep: values are replaced, entries added and removed where they stand.

Invariant: every character that need not change stays: comments, order, quotes, indentation, empty lines, line ends. What an edit cannot
reach without touching something else (an alias, an anchor, a template) is refused with `Untouchable`, and nothing changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from orgform.config.source import compose, dump_yaml, escape_template

Node = Any  # a YAML node: .id (scalar, sequence, mapping), .value, .start_mark.index, .end_mark.index, .style, .flow_style
_BLOCK_SCALAR = ("|", ">")
_TEMPLATE_MARKS = ("{{", "{%", "{#")
_PLAIN_IN_FLOW = re.compile(r"\w(?:[\w./@+() -]*[\w./@+()-])?")
_WIDE = 100
_BOM = "\ufeff"


class Untouchable(Exception):
    """The place cannot be edited alone; the message says why."""


class Pair(NamedTuple):
    """One `key: value` of a mapping, and the mapping."""

    key: Node
    value: Node
    within: Node


class _Edit(NamedTuple):
    """`text` instead of what is from `start` to `end`. Of several at one place the deepest comes first in the file."""

    start: int
    end: int
    text: str
    indent: int = 0


class _Pending:
    """What is to happen to one mapping or sequence."""

    def __init__(self) -> None:
        self.removed: set[int] = set()
        self.added: list[tuple[str | None, Any]] = []


class Document:
    """One file. Ask for pairs, tell what is to change, take the new text."""

    def __init__(self, text: str) -> None:
        self._text = text.removeprefix(_BOM)
        self._start = _BOM if text.startswith(_BOM) else ""
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self.root: Node | None = compose(self._text)
        self._edits: list[_Edit] = []
        self._pending: dict[int, tuple[Node, _Pending]] = {}
        self._holders: dict[int, Pair] = {}
        self._shared = _shared_nodes(self.root)

    def pairs(self, mapping: Node) -> Iterator[Pair]:
        """The pairs of a mapping; of anything else none."""
        if mapping is not None and mapping.id == "mapping":
            for key, value in mapping.value:
                pair = Pair(key, value, mapping)
                self._holders.setdefault(id(value), pair)
                yield pair

    def line(self, node: Node) -> int:
        """1-based."""
        return int(node.start_mark.line) + 1

    def holder_of(self, node: Node) -> Pair | None:
        """The pair whose value a node is, of those that were asked for."""
        return self._holders.get(id(node))

    def check_addable(self, holder: Pair | None) -> None:
        """Raises `Untouchable` where `add` could not put a pair into what `holder` holds."""
        mapping = self.root if holder is None else holder.value
        if holder is not None:
            self._check(holder)
        if mapping is None:
            raise Untouchable("an empty file")
        if mapping.id != "mapping" and (holder is None or not is_null(mapping)):
            raise Untouchable("no map")
        _check_flow(mapping)

    def set_value(self, pair: Pair, value: Any) -> None:
        """Raises `Untouchable`."""
        self._check(pair)
        value, old = _escaped(value), pair.value
        start, end = old.start_mark.index, old.end_mark.index
        if pair.within.flow_style:
            self._edits.append(_Edit(start, end, _inline(value, old, flow=True)))
        elif _is_one_liner(old) and _fits_a_line(value):
            text = _inline(value, old, flow=bool(getattr(old, "flow_style", False)))
            self._edits.append(_Edit(start, end, text if start > pair.key.end_mark.index + 1 else f" {text}"))
        else:
            self._edits.append(self._rewrite(pair, value))

    def set_items(self, pair: Pair, value: Sequence[Any], same: Callable[[str, Any], bool]) -> None:
        """A list whose order says nothing: items that go are removed, new ones added at the end. `same(written, wanted)` compares."""
        self._check(pair)
        nodes = pair.value.value if pair.value.id == "sequence" else []
        if any(node.id != "scalar" for node in nodes):
            raise Untouchable("a list of more than words")
        if any(is_template(node) for node in nodes):
            raise Untouchable("an expression")
        kept = {i for i, node in enumerate(nodes) if any(same(node.value, item) for item in value)}
        new = [item for item in value if not any(same(nodes[i].value, item) for i in kept)]
        if not (kept or (nodes and value)):
            self.set_value(pair, list(value))
            return
        pending = self._pending_of(pair.value)
        pending.removed |= set(range(len(nodes))) - kept
        pending.added += [(None, _escaped(item)) for item in new]

    def remove(self, pair: Pair) -> None:
        """Takes a pair out, with the comment lines right above it (but for the first one's: they may speak of all).

        Raises `Untouchable`.
        """
        if id(pair.within) in self._shared:
            raise Untouchable("an alias")
        index = next(i for i, (key, _) in enumerate(pair.within.value) if key is pair.key)
        self._pending_of(pair.within).removed.add(index)

    def add(self, holder: Pair | None, key: str, value: Any) -> None:
        """A new pair in the mapping that `holder` holds (`None`: the document's own). Raises `Untouchable`."""
        self.check_addable(holder)
        mapping = self.root if holder is None else holder.value
        # Several may come into one place that is empty now.
        self._pending_of(mapping).added.append((escape_template(key), _escaped(value)))

    @property
    def text(self) -> str:
        """The file with everything done."""
        edits = list(self._edits)
        for node, pending in self._pending.values():
            edits.extend(self._render(node, pending))
        done: list[str] = []
        at = 0
        for edit in sorted(edits, key=lambda e: (e.start, e.end, -e.indent)):
            done += [self._text[at : edit.start], edit.text.replace("\n", self._newline)]
            at = edit.end
        return self._start + "".join(done) + self._text[at:]

    # How it is done

    def _check(self, pair: Pair) -> None:
        start = pair.value.start_mark.index
        if id(pair.value) in self._shared or id(pair.within) in self._shared:
            raise Untouchable("an alias")
        if self._text[start : start + 1] in ("&", "!"):
            raise Untouchable("an anchor" if self._text[start] == "&" else "a tag")
        if pair.value.id == "scalar" and is_template(pair.value):
            raise Untouchable("an expression")

    def _pending_of(self, node: Node) -> _Pending:
        _check_flow(node)
        return self._pending.setdefault(id(node), (node, _Pending()))[1]

    def _rewrite(self, pair: Pair, value: Any) -> _Edit:
        """The whole value anew, below or after its key; a comment behind it moves up to the key."""
        shown = _below(value, self._column(pair.key.start_mark.index))
        start, end = self._after_colon(pair), self._end_of((pair.key, pair.value))
        comment = self._text[end : self._line_end(end)].rstrip("\r\n")
        if "\n" in shown and comment.strip():
            first, _, rest = shown.partition("\n")
            return _Edit(start, end + len(comment), f"{first}{comment}\n{rest}")
        return _Edit(start, end, shown)

    def _render(self, node: Node, pending: _Pending) -> Iterator[_Edit]:
        count = 0 if is_null(node) else len(node.value)
        if count == len(pending.removed):
            yield from self._render_anew(node, pending)
        elif node.flow_style:
            yield from self._render_flow(node, pending)
        else:
            yield from self._render_block(node, pending)

    def _render_anew(self, node: Node, pending: _Pending) -> Iterator[_Edit]:
        """Nothing of what was there stays."""
        if node.id == "sequence":
            yield self._items_anew(node, [item for _, item in pending.added])
            return
        value = {key: item for key, item in pending.added if key is not None}
        holder = self._holders.get(id(node))
        if holder is None or holder.within.flow_style:
            yield _Edit(node.start_mark.index, node.end_mark.index, _flow(value))
        else:
            yield self._rewrite(holder, value)

    def _items_anew(self, node: Node, values: list[Any]) -> _Edit:
        if node.flow_style:
            return _Edit(node.start_mark.index, node.end_mark.index, _flow(values))
        dash = self._dash(node)
        lines = [f"- {_scalar(value)}" for value in values]
        return _Edit(dash, self._end_of(node), f"\n{' ' * self._column(dash)}".join(lines))

    def _dash(self, node: Node) -> int:
        return self._text.rindex("-", 0, node.value[0].start_mark.index)

    def _render_flow(self, node: Node, pending: _Pending) -> Iterator[_Edit]:
        spans = [_span(item) for item in node.value]
        new = "".join(f", {f'{_key(key, flow=True)}: ' if key is not None else ''}{_flow(value)}" for key, value in pending.added)
        lines = {i: found for i in pending.removed if (found := self._own_lines(spans[i]))}
        for start, end in lines.values():
            yield _Edit(start, end, "")
        left = [i for i in range(len(spans)) if i not in lines]
        last = max(i for i in left if i not in pending.removed)
        for run in _runs([left.index(i) for i in left if i in pending.removed and i < last]):
            yield _Edit(spans[left[run[0]]][0], spans[left[run[-1] + 1]][0], "")
        end = spans[left[-1]][1]
        if new or end != spans[last][1]:
            yield _Edit(spans[last][1], end, new)

    def _own_lines(self, span: tuple[int, int]) -> tuple[int, int] | None:
        """The lines of something in brackets, where nothing else stands on them but a comma and a comment."""
        start, end = self._line_start(span[0]), self._line_end(span[1])
        before, behind = self._text[start : span[0]], self._text[span[1] : end].strip()
        rest = behind.removeprefix(",").strip()
        return (start, end) if not before.strip() and (not rest or rest.startswith("#")) else None

    def _render_block(self, node: Node, pending: _Pending) -> Iterator[_Edit]:
        for i in sorted(pending.removed):
            end = self._line_end(self._end_of(node.value[i]))
            yield _Edit(self._without_gap(self._first_line(node, i), end), end, "")
        if node.id == "sequence":
            lines = [f"- {_scalar(value)}\n" for _, value in pending.added]
            yield from self._insert(self._line_end(self._end_of(node.value[-1])), lines, self._column(self._dash(node)))
            return
        indent = self._column(node.value[0][0].start_mark.index)
        for place, group in self._places(node, pending).items():
            yield from self._insert(place, [_dump({key: value}) for key, value in group], indent, spaced=node is self.root)

    def _places(self, node: Node, pending: _Pending) -> dict[int, list[tuple[str, Any]]]:
        """Where each new pair goes: in order where the keys are in order, else at the end; never between a comment and the first key."""
        keys = [key.value for key, _ in node.value]
        in_order = node is not self.root and len(keys) > 1 and keys == sorted(keys)
        places: dict[int, list[tuple[str, Any]]] = {}
        for key, value in sorted(((str(k), v) for k, v in pending.added), key=lambda added: added[0]):
            before = [i for i, k in enumerate(keys) if k < key] if in_order else [len(keys) - 1]
            at = self._line_end(self._end_of(node.value[before[-1]])) if before else self._above_comments(node.value[0][0])
            places.setdefault(at, []).append((key, value))
        return places

    def _above_comments(self, key: Node) -> int:
        """Where the lines of the first key begin, with the comment right above it, which may speak of it alone."""
        start = self._line_start(key.start_mark.index)
        while start and self._text[self._line_start(start - 1) : start].strip().startswith("#"):
            start = self._line_start(start - 1)
        return start

    def _insert(self, at: int, pieces: Sequence[str], indent: int, *, spaced: bool = False) -> Iterator[_Edit]:
        if not pieces:
            return
        text = "".join(f"{chr(10) if spaced else ''}{_indented(piece, indent)}" for piece in pieces)
        starts_line = at == 0 or self._text[at - 1] == "\n"
        yield _Edit(at, at, text if starts_line else "\n" + text.removesuffix("\n"), indent)

    def _first_line(self, node: Node, index: int) -> int:
        """Where the lines of an entry begin, the comment right above it included."""
        item = node.value[index]
        key = item[0] if node.id == "mapping" else item
        start = self._line_start(key.start_mark.index)
        if index == 0:
            return start
        floor = self._line_end(self._end_of(node.value[index - 1]))
        while start > floor:
            above = self._line_start(start - 1)
            line = self._text[above:start]
            if above < floor or not line.strip().startswith("#"):
                break
            start = above
        return start

    def _without_gap(self, start: int, end: int) -> int:
        """Of the empty lines before and after what is removed, one side is enough."""
        above = self._line_start(start - 1) if start else 0
        empty_after = not self._text[end : self._line_end(end)].strip()
        return above if empty_after and above < start and not self._text[above:start].strip() else start

    def _end_of(self, item: Any) -> int:
        """The end of what an entry says, without the comments and empty lines after it."""
        key, value = item if isinstance(item, tuple) else (None, item)
        if key is not None and _is_alias(key, value):
            return self._line_end(int(key.end_mark.index)) - 1
        if value.id != "scalar" and not value.flow_style and value.value:
            return self._end_of(value.value[-1])
        end = int(value.end_mark.index)
        if value.id == "scalar" and value.style in _BLOCK_SCALAR:
            body = self._text[:end].rstrip("\r\n")
            return len(body)
        return max(end, int(key.end_mark.index) + 1) if key is not None else end

    def _after_colon(self, pair: Pair) -> int:
        return self._text.index(":", pair.key.end_mark.index) + 1

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        """Just after the line's own end, so that a comment behind a value stays with it."""
        found = self._text.find("\n", index)
        return len(self._text) if found < 0 else found + 1

    def _column(self, index: int) -> int:
        return index - self._line_start(index)


def is_template(node: Node) -> bool:
    """Whether the text of a scalar is rendered: what it says is not what it means."""
    return node.id == "scalar" and any(mark in node.value for mark in _TEMPLATE_MARKS)


def _check_flow(node: Node) -> None:
    if node.id == "mapping" and node.flow_style and any(_is_alias(key, value) for key, value in node.value):
        raise Untouchable("an alias beside it")


def _is_alias(key: Node, value: Node) -> bool:
    """Its node stands elsewhere, further up."""
    return bool(value.start_mark.index < key.end_mark.index)


def _shared_nodes(root: Node | None) -> set[int]:
    """Nodes that an alias names, and all below them: to edit one place is to edit several."""
    seen: set[int] = set()
    twice: list[Node] = []
    waiting = [root] if root is not None else []
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            twice.append(node)
        else:
            seen.add(id(node))
            waiting.extend(_below_node(node))
    shared: set[int] = set()
    while twice:
        node = twice.pop()
        if id(node) not in shared:
            shared.add(id(node))
            twice.extend(_below_node(node))
    return shared


def _below_node(node: Node) -> list[Node]:
    if node.id == "scalar":
        return []
    return [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]


def _span(item: Any) -> tuple[int, int]:
    first, last = item if isinstance(item, tuple) else (item, item)
    return first.start_mark.index, max(first.end_mark.index, last.end_mark.index)


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def is_null(node: Node) -> bool:
    """Whether nothing stands there: `acme.com:`."""
    return node is not None and node.id == "scalar" and not node.style and node.value in ("", "~", "null", "Null", "NULL")


def _is_one_liner(node: Node) -> bool:
    if node.id == "scalar":
        return node.style not in _BLOCK_SCALAR and node.start_mark.line == node.end_mark.line
    return bool(node.flow_style) or not node.value


def _fits_a_line(value: Any) -> bool:
    if isinstance(value, str):
        return "\n" not in value
    return not isinstance(value, dict | list) or len(_flow(value)) <= _WIDE


def _dump(tree: dict[str, Any]) -> str:
    return dump_yaml(tree, templates=True)


def _escaped(value: Any) -> Any:
    """What looks like a template in it stays text."""
    if isinstance(value, str):
        return escape_template(value)
    if isinstance(value, dict):
        return {escape_template(key): _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _below(value: Any, column: int) -> str:
    """A value as it follows its key's colon, in block style, without the last line end."""
    return _indented(_dump({"k": value}), column).lstrip(" ").removeprefix("k:").removesuffix("\n")


def _indented(text: str, columns: int) -> str:
    pad = " " * columns
    return "".join(pad + line if line.strip() else line for line in text.splitlines(keepends=True))


def _inline(value: Any, old: Node, *, flow: bool) -> str:
    """On one line, with the quotes that were there."""
    if isinstance(value, str) and old.id == "scalar" and "\n" not in value:
        if old.style == '"':
            return _quoted(value)
        if old.style == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
    return _flow(value) if flow or isinstance(value, dict | list) else _scalar(value)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k, flow=True)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _key(value, flow=True) if isinstance(value, str) else _scalar(value)


def _key(value: str, *, flow: bool) -> str:
    text = _scalar(value)
    return _quoted(value) if flow and text[:1] not in ("'", '"') and not _PLAIN_IN_FLOW.fullmatch(text) else text


def _scalar(value: Any) -> str:
    """As it stands after `key: `, on one line."""
    if isinstance(value, str) and not value.isprintable():
        return _quoted(value)
    text = _dump({"k": value}).removeprefix("k:").strip()
    return _quoted(value) if isinstance(value, str) and ("\n" in text or text[:1] in _BLOCK_SCALAR) else text


def _quoted(value: str) -> str:
    """Double quotes, with what cannot be seen escaped."""
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in json.dumps(value, ensure_ascii=False))
