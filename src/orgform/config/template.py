"""Jinja2 inside of scalars: sandboxed, strict about names, bounded in time and output. The only importer of jinja2.

Invariant: a template sees the variables it is given and nothing else; what it may call is a list of what is allowed, not of what is
forbidden. What an operation makes is charged to a budget by its size all the way down, shared parts as often as they are met: that is what
it costs to compare, print or copy it. Every operation and every turn of a loop looks at the clock.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_round, make_attrgetter
from jinja2.runtime import LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from orgform.config.problems import TemplateProblem

MAX_SECONDS = 10.0
MAX_OUTPUT = 1_000_000  # one value
MAX_WORK = 5_000_000  # everything that is made on the way to one scalar
MAX_TEMPLATE = 256_000
MAX_TAGS = 5_000
MAX_NODES = 20_000
_MAX_BITS = 1024
_MAX_DIGITS = 20
_MAX_NUMERAL = 10_000
_MAX_SEARCH = 10**9
_FORMAT = re.compile(r"%(?:%|[-+ 0#]{0,3}[0-9]{0,3}(?:\.[0-9]{1,2})?[sdifgxXo])")


class _OverBudget(Exception):
    """`final`: nothing is left for the templates that are still to come."""

    final = False


class _UsedUp(_OverBudget):
    final = True


class Renderer:
    """Renders scalars; one for a config, since time and output are bounded for all of it together."""

    def __init__(self, seconds: float | None = None, output: int = MAX_OUTPUT * 200) -> None:
        self._meter = _Meter(MAX_SECONDS if seconds is None else seconds, output)
        self._environment = _Sandbox(self._meter)
        self._compiled: dict[str, Callable[[Mapping[str, Any]], Any]] = {}

    def render(self, text: str, variables: Mapping[str, Any]) -> Any:
        """The rendered value: a string, or for a template that is one whole expression whatever it gives. Raises `TemplateProblem`."""
        try:
            with self._meter:
                return _plain_data(self._compile(text)(variables), self._meter)
        except TemplateProblem:
            raise
        except TemplateSyntaxError as error:
            raise TemplateProblem("ORG101", f"template: {error.message}", _SYNTAX_FIX) from error
        except SecurityError as error:
            raise TemplateProblem("ORG103", f"template: {_steady(error)}", _SANDBOX_FIX) from error
        except UndefinedError as error:
            raise _undefined(str(error)) from error
        except _OverBudget as error:
            raise TemplateProblem("ORG105", f"template: {error}", _SMALLER, final=error.final) from error
        except (RecursionError, MemoryError) as error:
            raise TemplateProblem("ORG105", "template: nested too deep", "make it simpler") from error
        except Exception as error:  # what operators and filters raise on values that do not fit them
            raise TemplateProblem(
                "ORG104", f"template: {_steady(error) or type(error).__name__}", "check the types of the values it works on"
            ) from error

    def _compile(self, text: str) -> Callable[[Mapping[str, Any]], Any]:
        found = self._compiled.get(text)
        if found is None:
            if len(text) > MAX_TEMPLATE:
                raise TemplateProblem("ORG105", f"template: longer than {MAX_TEMPLATE:,} characters", "make it smaller")
            if text.count("{{") + text.count("{%") > MAX_TAGS:
                raise TemplateProblem("ORG105", f"template: more than {MAX_TAGS:,} braces", "make it smaller")
            found = self._compiled[text] = self._environment.compiled(text)
        return found


_SYNTAX_FIX = "write `{{ name }}`; literal braces as `{% raw %}...{% endraw %}`"
_SMALLER = "make it smaller: templates are for names and values, not for work"
_SANDBOX_FIX = "templates may use declared variables, the usual filters, and simple methods of texts and maps; nothing else"


class _Meter:
    """Time and output that are left. A context manager: the time inside counts."""

    def __init__(self, seconds: float, output: int) -> None:
        self._limit = seconds
        self._seconds = seconds
        self._output = output
        self._work = MAX_WORK
        self._started = 0.0

    def __enter__(self) -> None:
        self._work = MAX_WORK
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._seconds -= time.monotonic() - self._started

    def tick(self) -> None:
        if time.monotonic() - self._started > self._seconds:
            raise _UsedUp(f"the templates took longer than {self._limit:g} seconds")

    def charge(self, size: int) -> None:
        """Called before something of `size` characters or items is made."""
        if size > self._output and size <= MAX_OUTPUT:
            raise _UsedUp("the templates of this config give more than they may together")
        if size > min(MAX_OUTPUT, self._work):
            raise _OverBudget("it gives more than the templates of a config may")
        self._output -= size
        self._work -= size
        if size > 10_000:
            self.tick()


def _deep_size(value: Any) -> int:
    """Characters and items of the value all the way down; at least `MAX_OUTPUT + 1` where it is larger than that."""
    if isinstance(value, str):
        return 1 + len(value)
    size = 0
    rest = [value]
    while rest and size <= MAX_OUTPUT:
        each = rest.pop()
        size += 1
        if isinstance(each, str):
            size += len(each)
        elif isinstance(each, int):
            size += each.bit_length() // 3
        elif isinstance(each, list | tuple | dict):
            size += len(each)
            if size <= MAX_OUTPUT:
                rest.extend(each)
                rest.extend(each.values() if isinstance(each, dict) else ())
    return size


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "**", "%"))

    def __init__(self, meter: _Meter) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True)
        self._meter = meter
        self.globals = {"range": self._range}
        self.filters = {name: self.filters[name] for name in _FILTERS} | {
            "join": self._join,
            "replace": self._replace,
            "format": self._format,
            "list": self._list,
            "round": self._round,
            "sum": self._sum,
            "string": self._text,
            "int": self._numeral(self.filters["int"]),
            "float": self._numeral(self.filters["float"]),
            "trim": self._trim,
            "_ticking": self._ticking,
            "_concat": self._concat,
            "_sized": self._sized,
        }

    def compiled(self, text: str) -> Callable[[Mapping[str, Any]], Any]:
        tree: Any = _Bounded().visit(self.parse(text))
        expression = _whole_expression(tree)
        if expression is None:
            template = self.from_string(tree)
            return lambda variables: self._collect(template.root_render_func(template.new_context(dict(variables))))
        assign = nodes.Assign(nodes.Name("result", "store", lineno=1), expression, lineno=1)
        whole = self.from_string(cast(nodes.Template, nodes.Template([assign], lineno=1).set_environment(self)))

        def evaluate(variables: Mapping[str, Any]) -> Any:
            context = whole.new_context(dict(variables))
            for _ in whole.root_render_func(context):
                pass
            return context.vars["result"]

        return evaluate

    def _collect(self, chunks: Iterable[str]) -> str:
        found = []
        for chunk in chunks:
            self._meter.charge(len(chunk))
            found.append(chunk)
        return "".join(found)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, LoopContext):
            return attr in _LOOP
        return any(isinstance(obj, kind) and attr in names for kind, names in _METHODS)

    def is_safe_callable(self, obj: Any) -> bool:
        return obj == self._range or isinstance(getattr(obj, "__self__", None), str | dict | list | tuple | LoopContext)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner, name = getattr(__obj, "__self__", None), getattr(__obj, "__name__", "")
        if isinstance(owner, str):
            if name == "replace":
                return __self._replace(owner, *args, **kwargs)
            if name == "join":
                return __self._join(args[0], owner)
            __self._meter.charge(len(owner))
            for word in args:
                _check_search(owner, word)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            return self._format(left, *(right if isinstance(right, tuple) else (right,)))
        for value in (left, right):
            if isinstance(value, int) and value.bit_length() > _MAX_BITS:
                raise _OverBudget("a number that large is not computed with")
        if operator == "*":
            self._meter.charge(_product_size(left, right))
        if operator == "**" and isinstance(left, int) and isinstance(right, int) and left.bit_length() * max(right, 1) > _MAX_BITS:
            raise _OverBudget("a power that large is not computed")
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            self._meter.charge(len(left) + len(right))
        return super().call_binop(context, operator, left, right)

    @pass_context
    def _sized(self, _: Any, value: Any) -> Any:
        """Stands around everything that makes a value. (It takes the context so that nothing is computed while a template is compiled.)"""
        self._meter.tick()
        if isinstance(value, str | list | tuple | dict):
            self._meter.charge(_deep_size(value))
        elif not isinstance(value, Undefined | LoopContext) and hasattr(value, "__next__"):
            return self._ticking(value)
        return value

    def _range(self, *bounds: int) -> range:
        made = range(*bounds)
        self._meter.charge(min(abs(made.stop - made.start) // abs(made.step), MAX_OUTPUT + 1))
        return made

    def _ticking(self, values: Any) -> Iterator[Any]:
        for value in values:
            self._meter.charge(_deep_size(value))
            self._meter.tick()
            yield value

    def _list(self, values: Any) -> list[Any]:
        return list(self._ticking(values))

    def _concat(self, values: list[Any]) -> str:
        return self._join(values)

    def _join(self, values: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
        parts = []
        for value in values:
            part = self._text(self.getattr(value, attribute) if attribute else value)
            self._meter.charge(len(d))
            parts.append(part)
        return d.join(parts)

    def _text(self, value: Any) -> str:
        self._meter.charge(_deep_size(value))
        self._meter.tick()
        return str(value)

    def _round(self, value: Any, precision: int = 0, method: str = "common") -> Any:
        if abs(precision) > _MAX_DIGITS:
            raise _OverBudget(f"numbers are rounded to at most {_MAX_DIGITS} digits")
        return do_round(value, precision, cast(Any, method))

    def _sum(self, values: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> Any:
        """Of numbers only: a sum of lists copies the first ones over and over."""
        one = make_attrgetter(self, attribute)
        for value in self._ticking(values):
            number = value if attribute is None else one(value)
            if isinstance(number, Undefined):
                str(number)  # raises, with the right words
            if not isinstance(number, int | float):
                raise TypeError(f"a sum is of numbers, not of {type(number).__name__}")
            start += number
        return start

    def _numeral(self, convert: Callable[..., Any]) -> Callable[..., Any]:
        def bounded(value: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(value, str) and len(value) > _MAX_NUMERAL:
                raise _OverBudget("a text that long is no number")
            return convert(value, *args, **kwargs)

        return bounded

    def _trim(self, value: Any, chars: str | None = None) -> str:
        text = self._text(value)
        _check_search(text, chars)
        return text.strip(chars)

    def _replace(self, text: str, old: str, new: str, count: int = -1) -> str:
        text, old, new = str(text), str(old), str(new)
        self._meter.charge(len(text) + text.count(old) * len(new))
        return text.replace(old, new, -1 if count is None else count)

    def _format(self, text: str, *values: Any) -> str:
        if "%" in _FORMAT.sub("", text):
            raise SecurityError("only simple formats are allowed, like %s, %d and %03d")
        self._meter.charge(len(text) + 1000 * text.count("%") + sum(map(_deep_size, values)))
        return text % values


def _product_size(left: Any, right: Any) -> int:
    for value, times in ((left, right), (right, left)):
        if isinstance(value, list | tuple):
            raise SecurityError("only texts and numbers are multiplied, no lists")
        if isinstance(value, str) and isinstance(times, int):
            return len(value) * max(times, 0)
    return 0


def _check_search(text: str, word: Any) -> None:
    """Looking for a long word in a long text takes as many steps as the two lengths multiplied."""
    if isinstance(word, str) and len(text) * len(word) > _MAX_SEARCH:
        raise _OverBudget("texts that long are not searched")


# What a template may be made of. No `set`: doubling a text forty times in a row is no loop, and no budget would see it coming.
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem),
    *(nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword, nodes.Compare, nodes.Operand, nodes.BinExpr, nodes.UnaryExpr, nodes.Concat),
    *(nodes.CondExpr, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Slice),
)
_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "first", "float", "groupby", "int", "items", "last", "length"),
    *("lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select", "selectattr", "sort", "string", "sum", "title"),
    *("trim", "unique", "upper"),
)
_TEXT_METHODS = frozenset(
    (
        *("capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "islower", "isupper", "join", "lower"),
        *("lstrip", "partition", "removeprefix", "removesuffix", "replace", "rpartition", "rsplit", "rstrip", "split", "startswith"),
        *("strip", "swapcase", "title", "upper"),
    )
)
_METHODS: tuple[tuple[type, frozenset[str]], ...] = (
    (str, _TEXT_METHODS),
    (dict, frozenset(("get", "items", "keys", "values"))),
    (list, frozenset(("count", "index"))),
    (tuple, frozenset(("count", "index", "grouper", "list"))),
)
_LOOP = frozenset(
    ("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "cycle", "previtem", "nextitem", "changed")
)


_ITERATING = frozenset(("map", "select", "reject", "sort", "unique", "groupby", "selectattr", "rejectattr", "max", "min"))


class _Bounded(NodeTransformer):
    """Refuses what is not allowed, and makes everything pay that makes a value."""

    def __init__(self) -> None:
        self._left = MAX_NODES

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _OverBudget("it is too long")
        if not isinstance(node, _ALLOWED):
            word = type(node).__name__.lower()
            raise SecurityError(f"`{word}` is not allowed in a config")
        return super().visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_ticking")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concat")

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        if node.name.startswith("_"):
            raise TemplateSyntaxError(f"No filter named {node.name!r}.", node.lineno)
        self.generic_visit(node)
        if node.node is not None and node.name in _ITERATING:
            node.node = _filtered(node.node, "_ticking")
        return _filtered(node, "_sized")

    def _charged(self, node: nodes.Expr) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, "_sized")

    visit_Call = visit_Test = visit_List = visit_Dict = _charged
    visit_Add = visit_Sub = visit_Mul = visit_Div = visit_FloorDiv = visit_Mod = visit_Pow = _charged

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, "_sized") if node.ctx == "load" else node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, "_sized") if isinstance(node.arg, nodes.Slice) else node

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:
        """The right side of a comparison, which can be one of many in a row."""
        self.generic_visit(node)
        node.expr = _filtered(node.expr, "_sized")
        return node


def _filtered(node: Any, name: str) -> nodes.Filter:
    made = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    made.environment = node.environment
    return made


def _whole_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression of a template that is nothing but one `{{ ... }}`."""
    if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) and len(tree.body[0].nodes) == 1:
        only = tree.body[0].nodes[0]
        return None if isinstance(only, nodes.TemplateData) else only
    return None


def _steady(error: Exception) -> str:
    """The message without memory addresses: equal configs give equal diagnostics."""
    return re.sub(r"<(?:built-in )?(?:bound )?(?:function|method) ([\w.]+)[^>]*>", r"`\1`", str(error))[:200]


def _undefined(message: str) -> TemplateProblem:
    match = re.search(r"^'([^']*)' is undefined", message)
    if match:
        name = match[1]
        return TemplateProblem("ORG102", f"the variable `{name}` is not defined", "", word=name, name=name)
    match = re.search(r"has no (?:attribute|element) '?([^']*)'?$", message)
    fix = "check the name; write `default('...')` behind it where it may be missing"
    word = match[1] if match else ""
    return TemplateProblem("ORG102", f"the value has no `{word}`" if word else f"template: {message[:200]}", fix, word=word)


def _plain_data(value: Any, meter: _Meter, depth: int = 0) -> Any:
    """Only data leaves a template."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Undefined):
        str(value)  # a strict one raises, with the right words
    if isinstance(value, str):
        meter.charge(len(value))
        return str(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise TemplateProblem("ORG106", "template: the number is too large", "at most 64 bits are kept")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TemplateProblem("ORG106", "template: infinity and not-a-number are no numbers here", "check the calculation")
        return value
    if depth > 20:
        raise TemplateProblem("ORG106", "template: nested too deep", "make it simpler")
    if isinstance(value, dict):
        meter.charge(2 * len(value))
        return {str(k): _plain_data(v, meter, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | range):
        meter.charge(len(value))
        meter.tick()
        return [_plain_data(v, meter, depth + 1) for v in value]
    name = type(value).__name__
    raise TemplateProblem("ORG106", f"template: it gives a {name}, which is no value", "add `| list`, or call it")
