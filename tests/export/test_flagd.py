"""A workspace's features as a flagd file: valid by flagd's schema, and answering by flagd's own evaluator what the workspace has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgform.errors import OrgformError, UsageError
from orgform.flagd import document
from orgform.kinds import Kinds, load_kinds
from orgform.model import Address, Attributes

KINDS = load_kinds()
HOME = {Address("workspace/eu"): {"name": "EU"}, Address("workspace/us"): {}}
SCHEMAS = next((p for above in Path(__file__).resolve().parents if (p := above / "shared" / "data" / "flagd").is_dir()), None)

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
values = {
    "boolean": st.booleans(),
    "string": st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8),
    "number": st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    "object": st.dictionaries(words, st.integers() | words | st.booleans(), max_size=3),
}


@st.composite
def features(draw: st.DrawFn) -> tuple[Attributes, Any]:
    """A flag as a config may have it, and its value in the workspace: None where it has none."""
    type = draw(st.sampled_from(sorted(values)))
    flag: Attributes = {"type": type, "state": draw(st.sampled_from(["enabled", "disabled"]))}
    own = values[type]
    if draw(st.booleans()):
        flag["variants"] = draw(st.dictionaries(words, own, min_size=1, max_size=4))
        own = st.sampled_from(sorted(flag["variants"]))
    flag["default"] = draw(own)
    for name, made in (("owner", st.just("alice@acme.com")), ("expires", st.just("2031-03-01")), ("description", words)):
        if draw(st.booleans()):
            flag[name] = draw(made)
    flag["labels"] = draw(st.dictionaries(words, words, max_size=2))
    return flag, draw(st.none() | own)


companies = st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True), features(), max_size=4)


def written(company: dict[str, tuple[Attributes, Any]], kinds: Kinds = KINDS) -> dict[str, Any]:
    resources: dict[Address, Attributes] = {**HOME}
    for name, (flag, value) in company.items():
        resources[Address(f"feature/{name}")] = flag
        if value is not None:
            resources[Address(f"feature_value/eu/{name}")] = {"value": value}
    return document("eu", resources, kinds)


def effective(flag: Attributes, value: Any) -> Any:
    chosen = flag["default"] if value is None else value
    return flag["variants"][chosen] if "variants" in flag else chosen


@pytest.fixture(scope="module")
def validate() -> Any:
    if SCHEMAS is None:
        pytest.skip("flagd's schema is not here")
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource

    flags, targeting = (json.loads((SCHEMAS / f"{name}.json").read_text()) for name in ("flags", "targeting"))
    resources = [(s["$id"], Resource.from_contents(s)) for s in (flags, targeting)]
    return Draft7Validator(flags, registry=Registry().with_resources(resources)).validate


@given(companies)
def test_any_features_make_a_valid_file(validate: Any, company: dict[str, tuple[Attributes, Any]]) -> None:
    found = written(company)
    validate(found)
    assert sorted(found["flags"]) == sorted(company)


@given(companies)
def test_the_default_variant_is_what_the_workspace_has(company: dict[str, tuple[Attributes, Any]]) -> None:
    for name, flag in written(company)["flags"].items():
        wanted = effective(*company[name])
        has = flag["variants"][flag["defaultVariant"]]
        assert (type(has), has) == (type(wanted), wanted)
        assert flag["state"] == ("DISABLED" if company[name][0]["state"] == "disabled" else "ENABLED")


@given(companies)
def test_flagd_answers_what_the_workspace_has(company: dict[str, tuple[Attributes, Any]]) -> None:
    core = pytest.importorskip("openfeature.contrib.tools.flagd.core", reason="pip install openfeature-flagd-core").FlagdCore()
    core.set_flags(json.dumps(written(company)))
    for name, (flag, value) in company.items():
        ask = {"boolean": "boolean", "string": "string", "number": "float", "object": "object"}[flag["type"]]
        fallback = {"boolean": False, "string": "code's own", "number": -1.5, "object": {"code": "own"}}[flag["type"]]
        answer = getattr(core, f"resolve_{ask}_value")(name, fallback)
        if flag["state"] == "disabled":  # as if it did not exist: the code's own value
            assert (answer.value, str(answer.reason)) == (fallback, "DISABLED")
        else:
            assert answer.value == effective(flag, value)
        assert answer.flag_metadata["flagSetId"] == "eu"


def test_what_people_know_of_a_flag_is_metadata() -> None:
    flag = {"type": "boolean", "default": False, "owner": "alice@acme.com", "expires": "2031-03-01", "labels": {"b": "2", "a": "1"}}
    made = written({"beta": (flag, True)})
    assert made["metadata"] == {"flagSetId": "eu"}
    assert made["flags"]["beta"] == {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on",
        "metadata": {"expires": "2031-03-01", "owner": "alice@acme.com", "labels.a": "1", "labels.b": "2"},
    }


def test_a_value_without_variants_is_one_beside_the_default() -> None:
    flag = {"type": "number", "default": 1}
    assert written({"n": (flag, None)})["flags"]["n"]["variants"] == {"default": 1}
    assert written({"n": (flag, 1)})["flags"]["n"]["defaultVariant"] == "default"
    other = written({"n": (flag, 2)})["flags"]["n"]
    assert (other["variants"], other["defaultVariant"]) == ({"default": 1, "workspace": 2}, "workspace")


@pytest.mark.parametrize(
    ("flag", "value", "says"),
    [
        ({"type": "boolean", "default": "off"}, None, "feature/x: 'off' is no value of the type boolean"),
        ({"type": "boolean", "default": False}, 1, "feature_value/eu/x: 1 is no value of the type boolean"),
        ({"type": "number", "default": 1}, True, "feature_value/eu/x: True is no value of the type number"),
        ({"type": "string", "default": "a"}, 5, "feature_value/eu/x: 5 is no value of the type string"),
        ({"type": "string"}, None, "feature/x: None is no value of the type string"),
        ({"type": "color", "default": "a"}, None, "feature/x: 'a' is no value of the type color"),
        ({"type": "string", "default": "a", "variants": {"a": "1", "b": 2}}, None, "feature/x: 2 is no value of the type string"),
        ({"type": "string", "default": "a", "variants": {"a": "1"}}, "b", "feature_value/eu/x: 'b' is none of the flag's variants: a"),
        ({"type": "string", "default": "", "variants": {"": "1"}}, None, "feature/x: flagd takes no variant without a name"),
    ],
)
def test_what_is_no_flag_of_flagd_is_told(flag: Attributes, value: Any, says: str) -> None:
    with pytest.raises(OrgformError, match=says.replace("(", r"\(")):
        written({"x": (flag, value)})


def test_a_workspace_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="no workspace named 'asia'") as caught:
        document("asia", {**HOME}, KINDS)
    assert caught.value.hint == "there are: eu, us"


def test_without_a_kind_of_flags_there_is_nothing_to_write() -> None:
    rest = Kinds(kind for kind in KINDS.values() if kind.name != "feature_value")
    with pytest.raises(OrgformError, match="no kind here has values that are typed by another"):
        document("eu", {**HOME}, rest)
