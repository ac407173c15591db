"""Any bytes as a saved plan: a sentence, exit code 1 and nothing done, or a plan that is judged again; with a key, only what was signed.

What fuzzing has found stands here as an example of its own. `-m soak` goes on with far more.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgform import app
from orgform.errors import OrgformError, PlanFileInvalid
from orgform.model import Plan
from orgform.options import Options
from tests.cli.process import run
from tests.hostile.fuzzing import AT_LENGTH, FEW, at_most, mutated

KEY = "5f0c6d2c9f6b4c1f8a7e"
COMPANY = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets: {acme: {provider: local, database: acme.db}}
domains: {acme.com: {}}
members: {alice@acme.com: {name: Alice Ng, role: owner}, bob@acme.com: {name: Bob Roy, role: owner}}
groups: {support: {members: [bob@acme.com]}}
"""
AFTER = COMPANY.replace("support:", "helpers:").replace("Bob Roy", "Bobby")


class Saved:
    """A company that was applied, and two plans for what its config says now: one of them signed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "plan.json"
        self.options = Options(folder=folder)
        (folder / "company.yaml").write_text(COMPANY)
        app.apply(self.options, approve=lambda _: True)
        (folder / "company.yaml").write_text(AFTER)
        self.plain = app.plan(self.options).to_json()
        with pytest.MonkeyPatch.context() as env:
            env.setenv("ORGFORM_PLAN_KEY", KEY)
            self.signed = app.plan(self.options).to_json()
        self.original = Plan.from_json(self.signed)

    def load(self, data: bytes, *, key: bool) -> Plan | None:
        """The plan, or None where it is refused with a sentence."""
        self.file.write_bytes(data)
        with pytest.MonkeyPatch.context() as env, at_most(20):
            if key:
                env.setenv("ORGFORM_PLAN_KEY", KEY)
            try:
                return app.load_plan(self.file)[0]
            except PlanFileInvalid as error:
                assert error.message and error.hint and error.exit_code == 1
                assert len(error.message) < 2000
                assert all(line.isprintable() for line in error.message.split("\n")), error.message
                return None

    def live(self) -> object:
        return app.export(self.options).files


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    with pytest.MonkeyPatch.context() as env:
        env.delenv("ORGFORM_PLAN_KEY", raising=False)
        made = Saved(tmp_path_factory.mktemp("plans"))
        before = made.live()
        yield made
        assert made.live() == before, "a plan that nobody agreed to has done something"


def either(saved: Saved, data: bytes) -> None:
    """With the key only what was signed is taken; without it, what is taken is judged again, and does no harm before somebody agrees."""
    signed = saved.load(data, key=True)
    assert signed is None or signed == saved.original
    plan = saved.load(data, key=False)
    if plan is not None:
        try:
            with at_most(30):
                made, report = app.apply(saved.options, saved=plan, approve=lambda _: False)
        except OrgformError as error:
            assert error.message and error.exit_code in (1, 4, 5)
        else:
            assert report.outcome in ("declined", "nothing"), report
            assert json.loads(made.to_json())


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(
        [10**400, -1, 2**63, 2**64, 1e308, "", "\x1b[2J", "\u202e", "a/b/c", "member/x", "group/a/b", "../x", "\ud800", "x" * 5000]
    ),
    st.sampled_from(["create", "update", "delete", "orgform.plan/2", "acme", "member/alice@acme.com", "group/helpers", "company/company"]),
    st.text(max_size=6),
    st.sampled_from([[], {}, [[]], {"": None}, [None], {"a": {"b": []}}]),
)


@st.composite
def plans(draw: st.DrawFn) -> Any:
    """Ways into the document (as fractions), and what to do there."""
    return [
        (
            draw(st.lists(st.floats(0, 0.999), min_size=1, max_size=7)),
            draw(st.sampled_from(["set", "drop", "add", "double", "key"])),
            draw(ODD),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]


def altered(data: bytes, steps: Any) -> bytes:
    document = json.loads(data)
    for way, what, value in steps:
        alter(document, way, what, copy.deepcopy(value))
    return json.dumps(document).encode()


def alter(node: Any, way: list[float], what: str, value: Any) -> None:
    for depth, fraction in enumerate(way):
        if not isinstance(node, dict | list) or not node:
            return
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = keys[int(fraction * len(keys))]
        if depth < len(way) - 1 and isinstance(node[key], dict | list) and node[key]:
            node = node[key]
            continue
        if what == "set":
            node[key] = value
        elif what == "drop":
            del node[key]
        elif isinstance(node, list):
            node.append(node[key] if what == "double" else value)
        else:
            node[str(value)[:50] if what == "key" else "unknown"] = value if what == "add" else node[key]
        return


PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"null",
        b"true",
        b"1e999",
        b"-0",
        b"9" * 400,
        b"\\ud800",
        b"\\u0000",
        b"\\",
        b"\x00",
        b"\xff",
        b"NaN",
        b'"format": "orgform.plan/1",',
        b'"signature": null,',
        b'"changes": [],',
        b'"action": "delete",',
        b"\xef\xbb\xbf",
        b"\x1b",
        b" ",
    ]
)
BYTES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map(b"".join))


@FEW
@given(data=BYTES)
def test_any_bytes(saved: Saved, data: bytes) -> None:
    assert saved.load(data, key=True) is None
    assert saved.load(data, key=False) is None


@FEW
@given(draw=st.data())
def test_bytes_of_a_good_plan_are_altered(saved: Saved, draw: st.DataObject) -> None:
    either(saved, draw.draw(mutated([saved.signed, saved.plain], PIECES)))


def test_bytes_that_are_no_text_inside_of_a_good_plan(saved: Saved) -> None:
    """The head of it is read, and the rest is not."""
    broken = saved.signed.replace(b'"delete"', b'"\x80delete"', 1)
    assert broken != saved.signed
    assert saved.load(broken, key=True) is None and saved.load(broken, key=False) is None


def test_the_same_plan_in_other_words_is_the_same(saved: Saved) -> None:
    assert saved.load(saved.signed, key=True) == saved.original
    assert saved.load(json.dumps(json.loads(saved.signed)).encode(), key=True) == saved.original
    assert saved.load(saved.signed.replace(b'"action": "', b'"action": "delete", "action": "', 1), key=True) == saved.original
    assert saved.load(saved.plain, key=True) is None


@settings(FEW, max_examples=100)
@given(draw=plans())
def test_values_of_a_good_plan_are_altered(saved: Saved, draw: Any) -> None:
    either(saved, altered(saved.signed, draw))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"a":' * 500_000,
        b'{"format": "orgform.plan/1", "tool_version": "x", "changes": ' + b"[" * 100_000,
        b'{"format": ' + b"9" * 1_000_000 + b"}",
        b'"' + b"x" * 5_000_000,
        b"",
        b"null",
        b"\xff\xfe{\0}\0",
        b'{"format": "\\u001b[2J\\u202e", "tool_version": "x"}',
        b'{"format": "orgform.plan/1", "tool_version": "\\u001b[2J\\u202e' + b"x" * 100_000 + b'"}',
    ],
    ids=range(10),
)
def test_odd_files(saved: Saved, data: bytes) -> None:
    assert saved.load(data, key=False) is None
    done = run("apply", saved.file, "--yes", cwd=saved.folder)
    assert done.returncode == 1
    assert "this is a bug" not in done.stderr and "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr and "\u202e" not in done.stderr and len(done.stderr) < 5000


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", ["bytes", "values"])
def test_at_length(saved: Saved, how: str) -> None:
    every = {
        "bytes": AT_LENGTH(given(mutated([saved.signed, saved.plain], PIECES))(lambda data: either(saved, data))),
        "values": AT_LENGTH(given(plans())(lambda steps: either(saved, altered(saved.signed, steps)))),
    }
    every[how]()
