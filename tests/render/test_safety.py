"""Whatever stands in a plan: no traceback, no forged line, no colour of somebody else, no markup, no formula."""

from __future__ import annotations

import csv as standard_csv
import io
import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform.codec import to_builtins
from orgform.diagnostics import Diagnostic, Source
from orgform.model import (
    AccessDelta,
    AccessItem,
    Address,
    Attested,
    Attribution,
    Change,
    Cost,
    Estimate,
    FieldChange,
    GuardVerdict,
    ManualStep,
    Observed,
    Outcome,
    PlanBase,
    PlanTarget,
    Report,
    Unmanaged,
    Waiting,
)
from orgform.render import csv, github, html, markdown, text
from tests.render.plans import make

PIECES = st.sampled_from(
    (
        *(
            "\x1b[31m",
            "\r",
            "\n",
            "\t",
            "\x00",
            "\x85",
            "\u2028",
            "\u202e",
            "\ufeff",
            "::error::",
            "##[x]",
            "`",
            "```",
            "|",
            "<b>",
            "&amp;",
        ),
        *(
            "</details>",
            "@team",
            "#1",
            "=1+1",
            "-",
            "+",
            " ",
            "/",
            ".",
            "%0A",
            "é",
            "e\u0301",
            "李",
            "🎉",
            "x" * 90,
            "a",
            "b",
            '"',
            "'",
            "\\",
        ),
        *("{", "[", "]", "%"),
    )
)
WORDS = st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=6)
PLAIN = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=4)
ATTRIBUTES = st.dictionaries(WORDS, VALUES, max_size=3)
ADDRESSES = st.builds(lambda kind, key: Address(f"{kind}/{key}"), st.sampled_from(["member", "feature_value", "tag"]) | WORDS, WORDS)
ORIGINS = st.sampled_from(["config", "drift", "conflict", "new"])
SOURCES = st.builds(Source, WORDS, st.integers(0, 99999), st.integers(0, 300), st.integers(-1, 300), WORDS)
DIAGNOSTICS = st.builds(
    Diagnostic,
    st.sampled_from(["error", "warning", "info"]),
    WORDS,
    WORDS,
    WORDS,
    st.none() | SOURCES,
    st.none() | WORDS,
    st.lists(SOURCES, max_size=2).map(tuple),
)
CHANGES = st.builds(
    Change,
    st.sampled_from(["create", "update", "delete"]),
    WORDS,
    ADDRESSES,
    ORIGINS,
    st.none() | ATTRIBUTES,
    st.none() | ATTRIBUTES,
    st.lists(st.builds(FieldChange, WORDS, ORIGINS), max_size=3).map(tuple),
    st.none(),
    st.booleans(),
    st.sampled_from(["additive", "modifying", "destructive"]),
    st.none() | st.builds(Attribution, WORDS, WORDS | st.just("2026-11-20T14:02:31Z"), WORDS),
    st.lists(WORDS, max_size=2).map(tuple),
    st.none() | ADDRESSES,
    WORDS,
    WORDS | st.just("a.yaml:1:2"),
)
ACCESS = st.lists(st.builds(AccessItem, WORDS, WORDS, WORDS, WORDS), max_size=4).map(tuple)
GUARDS = st.builds(GuardVerdict, WORDS, st.sampled_from(["passed", "refused"]), WORDS, st.lists(WORDS, max_size=3).map(tuple), WORDS, WORDS)
STEPS = st.builds(
    ManualStep,
    WORDS,
    ADDRESSES,
    WORDS,
    ATTRIBUTES,
    WORDS,
    where=WORDS,
    who=WORDS,
    why=WORDS,
    note=WORDS,
    command=WORDS,
    waits_for=st.lists(ADDRESSES, max_size=2).map(tuple),
)
PLANS = st.fixed_dictionaries(
    {
        "changes": st.lists(CHANGES, max_size=3).map(tuple),
        "manual_steps": st.lists(STEPS, max_size=2).map(tuple),
        "waiting": st.lists(st.builds(Waiting, CHANGES, st.lists(ADDRESSES, max_size=2).map(tuple)), max_size=2).map(tuple),
        "attested": st.lists(st.builds(Attested, WORDS, ADDRESSES, WORDS, WORDS, WORDS, WORDS), max_size=2).map(tuple),
        "unmanaged": st.lists(st.builds(Unmanaged, WORDS, ADDRESSES), max_size=2).map(tuple),
        "observed": st.lists(st.builds(Observed, WORDS, ADDRESSES, WORDS, PLAIN), max_size=2).map(tuple),
        "access": st.builds(AccessDelta, ACCESS, ACCESS),
        "guards": st.lists(GUARDS, max_size=3).map(tuple),
        "costs": st.lists(st.builds(Cost, WORDS, ADDRESSES, WORDS), max_size=2).map(tuple),
        "estimate": st.builds(Estimate, st.integers(0, 10**6), st.floats(0, 10**6)),
        "diagnostics": st.lists(DIAGNOSTICS, max_size=2).map(tuple),
        "base": st.builds(PlanBase, st.sampled_from(["none", "ledger"]) | WORDS, st.none() | WORDS),
        "targets": st.dictionaries(WORDS, st.builds(PlanTarget, WORDS, st.booleans(), WORDS), max_size=2),
    }
).map(lambda fields: to_builtins(make(**fields)))
OUTCOMES = st.lists(
    st.builds(
        Outcome,
        WORDS,
        ADDRESSES,
        st.sampled_from(["create", "update", "delete"]),
        st.sampled_from(["done", "failed", "skipped", "stale"]),
        WORDS,
        WORDS,
    ),
    max_size=5,
)

FORGED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
OWN_COLOURS = re.compile("\x1b\\[[0-9;]*m")
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div", "b", "section", "details", "summary"),
    *("span", "code", "table", "tr", "td", "ul", "li", "pre", "ins", "del"),
}


def assert_plain(page: str) -> None:
    assert not FORGED.search(page), FORGED.search(page)
    page.encode("utf-8")
    assert page.endswith("\n")


@MANY
@given(PLANS, st.integers(1, 200), st.booleans())
def test_text_holds_no_control_character_and_colour_is_only_ours(doc: dict[str, Any], width: int, quiet: bool) -> None:
    plain = text.plan(doc, color=False, width=width, quiet=quiet)
    assert_plain(plain)
    coloured = text.plan(doc, color=True, width=width, quiet=quiet)
    assert OWN_COLOURS.sub("", coloured) == plain, "colour changes nothing but colour"


@MANY
@given(PLANS, st.integers(2_000, 65_000))
def test_markdown_fits_and_closes_what_it_opens(doc: dict[str, Any], limit: int) -> None:
    page = markdown.plan(doc, limit=limit)
    assert_plain(page)
    assert len(page) <= limit
    whole = markdown.plan(doc, limit=10**9)
    fences = [line for line in whole.splitlines() if re.fullmatch(r"`{3,}(diff)?", line)]
    assert len(fences) % 2 == 0
    assert all(a.removesuffix("diff") == b for a, b in zip(fences[::2], fences[1::2], strict=True))


@MANY
@given(PLANS)
def test_html_has_only_our_elements(doc: dict[str, Any]) -> None:
    page = html.plan(doc)
    assert_plain(page)
    assert _Elements.of(page) <= ELEMENTS
    assert "://" not in _Elements.addresses(page)


@MANY
@given(PLANS)
def test_github_commands_are_one_line_each_and_ours(doc: dict[str, Any]) -> None:
    page = github.plan(doc, prefix="config/")
    assert_plain(page)
    *commands, last = page.splitlines()
    assert last.startswith(("Plan:", "No changes:"))
    assert all(re.match(r"::(error|warning|notice) [a-z]+=", line) for line in commands)
    assert all("," not in value for line in commands for value in re.findall(r"(?:title|file)=([^:]*?)(?:,(?:line|col|title)=|::)", line))


@MANY
@given(st.lists(DIAGNOSTICS, max_size=4), st.integers(1, 200))
def test_diagnostics_of_any_content(listed: list[Diagnostic], width: int) -> None:
    found = to_builtins(listed)
    plain = text.diagnostics(found, color=False, width=width)
    assert not FORGED.search(plain)
    assert OWN_COLOURS.sub("", text.diagnostics(found, color=True, width=width)) == plain
    assert_plain(markdown.diagnostics(found))
    assert_plain(html.diagnostics(found))
    assert_plain(github.diagnostics(found))


@MANY
@given(OUTCOMES, st.integers(1, 200), st.booleans())
def test_reports_of_any_content(outcomes: list[Outcome], width: int, quiet: bool) -> None:
    doc = to_builtins(Report("r1", "partly", tuple(outcomes)))
    page = text.report(doc, color=False, width=width, quiet=quiet)
    assert_plain(page)
    assert page.splitlines()[-1].startswith("Applied: ")
    assert_plain(markdown.report(doc))
    assert_plain(github.report(doc))
    assert_plain(text.history({"runs": [{"run": "r1", "changes": doc["outcomes"]}]}, color=False, width=width))


@MANY
@given(st.lists(st.builds(AccessItem, WORDS, WORDS, WORDS, WORDS), max_size=5))
def test_access_as_a_table_and_as_csv(items: list[AccessItem]) -> None:
    found = to_builtins(items)
    assert_plain(text.access(found, color=False, width=80))
    page = csv.access(found)
    assert_plain(page)
    head, *body = standard_csv.reader(io.StringIO(page))
    assert head == ["member", "workspace", "role", "path"]
    assert len(body) == len(items)
    assert not [cell for row in body for cell in row if cell.lstrip()[:1] in tuple("=+-@＝＋－＠")]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.values: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.values.extend(value or "" for name, value in attrs if name in ("href", "src", "style", "action") or name.startswith("on"))

    @classmethod
    def of(cls, page: str) -> set[str]:
        parser = cls()
        parser.feed(page)
        return parser.names

    @classmethod
    def addresses(cls, page: str) -> str:
        parser = cls()
        parser.feed(page)
        return " ".join(parser.values)
