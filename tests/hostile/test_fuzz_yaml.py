"""Any bytes as a config: it is loaded, or every problem is told with its file, line and column; never a traceback, never for long.

What fuzzing has found stands here as an example of its own. `-m soak` goes on with far more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orgform.config import load_config
from orgform.config.files import Listing, missing, too_large
from orgform.errors import ConfigInvalid
from orgform.kinds import load_kinds
from orgform.model import Config
from orgform.providers import find_spec, spec_names
from tests.config.folders import GOOD, HEAD, TODAY
from tests.hostile.fuzzing import AT_LENGTH, FEW, at_most, mutated

ROOT = Path(__file__).parents[2]
EXAMPLES = tuple(path.read_bytes() for path in sorted(ROOT.glob("examples/**/*.y*ml")) if "compose" not in path.name)
#: what no message may hold
ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Held:
    """Files that are held in memory."""

    identity = "held"

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self.names = frozenset(files)

    def listing(self) -> Listing:
        return Listing(tuple(sorted(name for name in self._files if name.endswith(".yaml"))))

    def read(self, path: str, limit: int) -> bytes:
        if path not in self._files:
            raise missing(path)
        if len(self._files[path]) > limit:
            raise too_large(path, len(self._files[path]), limit)
        return self._files[path]


def loaded(**files: bytes) -> Config | None:
    """The config, or None where it has problems that are all told well."""
    held = Held({f"{name}.yaml": data for name, data in files.items()})
    try:
        with at_most(20):
            return load_config(Path("x"), kinds=load_kinds(), specs=find_spec, spec_names=spec_names, today=TODAY, files=held)
    except ConfigInvalid as error:
        assert error.diagnostics
        for told in error.diagnostics:
            assert told.summary
            assert told.severity != "error" or told.detail, told
            place = told.source
            assert (place is not None and place.file in held.names and place.line >= 1 and place.column >= 1) or told.code in NO_PLACE, told
            assert not ODD.search(told.summary + told.detail), told
            assert len(told.summary) < 1000, told
        return None


#: what is missing altogether has no place where it is wrong
NO_PLACE = frozenset({"ORG203", "ORG219", "ORG305", "ORG401"})

WORDS = st.sampled_from(
    [
        *("orgform", "company", "targets", "members", "groups", "roles", "workspaces", "features", "domains", "templates", "variables"),
        *("policy", "moved", "include_csv", "companies", "for_each", "use", "lifecycle", "until", "reason", "extends", "scope", "name"),
        *("role", "parent", "permissions", "settings", "provider", "url", "token", "database", "labels", "ignore", "prevent_destroy", "<<"),
        *("alice@acme.com", "group:g", "acme.com", "local", "owner", "member", "2020-01-01", "9999-12-31", "{{ a }}", "{{ 1 // 0 }}", ""),
        *(
            "{% for x in range(9) %}x{% endfor %}",
            "a/b",
            "..",
            "*",
            "~",
            "env:HOME",
            "file:x",
            "x" * 300,
            "é",
            "e\u0301",
            "\u202e",
            "\U0001f600",
        ),
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=8))
TREES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)), max_leaves=25
)


def written(value: Any) -> str:
    """YAML in one line, in which anything may stand anywhere."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(k)}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(str(value), str(value))
    return {None: "~", True: "true", False: "false"}.get(value, str(value))


def noise(data: bytes) -> None:
    loaded(x=data)
    loaded(company=HEAD.encode(), x=data)


def mutation(data: bytes) -> None:
    loaded(x=data)


def document(sections: Mapping[str, Any]) -> None:
    text = "".join(f"{written(name)}: {written(value)}\n" for name, value in sections.items())
    loaded(company=HEAD.encode(), x=text.encode("utf-8", "surrogatepass"))


def instead(where: int, value: Any) -> None:
    """A good config in which one value is another."""
    lines = GOOD.splitlines()
    at = where % len(lines)
    before, colon, _ = lines[at].partition(":")
    lines[at] = f"{before}{colon} {written(value)}"
    loaded(company="\n".join(lines).encode("utf-8", "surrogatepass"))


PIECES = st.sampled_from(
    [
        b"\n",
        b"\t",
        b" ",
        b"  ",
        b":",
        b": ",
        b"- ",
        b"? ",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!x ",
        b"! ",
        b"|",
        b">-",
        b"'",
        b'"',
        b"#",
        b"%",
        b"@",
        b"`",
        b"---\n",
        b"...\n",
        b"{{",
        b"}}",
        b"{%",
        b"\\",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xed\xa0\x80",
        b"\r",
        b"\x85",
        b"\xe2\x80\xa8",
        b"0x",
        b"1e9",
        b"~",
        b"null",
        b"true",
        b"members",
        b"for_each",
        b"use",
        b"\x1b",
        b"\xe2\x80\xae",
    ]
)
BYTES = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=40).map(b"".join))
MUTATIONS = mutated(EXAMPLES, PIECES)
SECTIONS = st.dictionaries(WORDS, TREES, max_size=6)
LINES = st.integers(0, len(GOOD.splitlines()) - 1)


@FEW
@given(BYTES)
def test_any_bytes(data: bytes) -> None:
    noise(data)


@FEW
@given(MUTATIONS)
def test_good_configs_with_something_broken(data: bytes) -> None:
    mutation(data)


@FEW
@given(SECTIONS)
@example({"\u202e": None, "groups": {"\u2066": {"\u202e": "x"}}})  # words of a config in messages
def test_any_values_anywhere(sections: Mapping[str, Any]) -> None:
    document(sections)


@FEW
@given(LINES, TREES)
def test_one_value_is_another(where: int, value: Any) -> None:
    instead(where, value)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("how", ["noise", "mutation", "document", "instead"])
def test_at_length(how: str) -> None:
    every = {
        "noise": AT_LENGTH(given(BYTES)(noise)),
        "mutation": AT_LENGTH(given(MUTATIONS)(mutation)),
        "document": AT_LENGTH(given(SECTIONS)(document)),
        "instead": AT_LENGTH(given(LINES, TREES)(instead)),
    }
    every[how]()
