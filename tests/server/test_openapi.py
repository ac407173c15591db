"""The API's description: valid, made from the kinds alone, true of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from orgform import formats
from orgform.codec import decode, encode
from orgform.kinds import Kind, Kinds, load_kinds
from orgform.server.openapi import document
from orgform.server.schemas import KindSchemas
from orgform.server.store import Store
from tests.server.conftest import Api
from tests.server.examples import operations
from tests.test_plugin_kind import block

KINDS = load_kinds()
#: what a schema cannot say of a body whose shape is right
BEYOND_SHAPE = {"built-in", "cycle", "format", "immutable", "no-such-reference", "no-such-variant", "not-renamable", "not-usable-here"} | {
    "wrong-type"
}


def described(kinds: Kinds) -> dict[str, Any]:
    return dict(decode(encode(document(kinds))))


@pytest.fixture(scope="module")
def doc() -> dict[str, Any]:
    return described(KINDS)


@pytest.fixture
def plugin() -> Kind:
    """The kind of docs/adding-a-kind.md."""
    return Kind(json.loads(block("json", '"x-kind": "webhook"')))


BARE = Kind({"x-kind": "badge", "x-collection": "badges", "x-key": {"name": "key"}, "type": "object", "properties": {"a": {}}})


def test_it_is_valid(doc: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(doc).validate()


def test_with_a_kind_of_a_plug_in_and_one_without_examples(plugin: Kind) -> None:
    wider = described(Kinds([*KINDS.values(), plugin, BARE]))
    OpenAPIV31SpecValidator(wider).validate()
    assert "/v1/webhooks/{workspace}/{name}" in wider["paths"]
    assert wider["components"]["schemas"]["WebhookNew"]["examples"] == [
        {"key": "brand-x-us/billing", "attributes": plugin.schema["examples"][0]}
    ]
    assert "examples" not in wider["components"]["schemas"]["BadgeNew"]


STRANGE = Kind(
    {
        "x-kind": "door-lock",
        "x-collection": "locks",
        "x-parent": "auto_top_up",
        "x-key": {"name": "badge", "reference": {"kind": "badge"}},
        "type": "object",
        "properties": {
            "pin": {"type": "string", "description": "What opens it.", "x-sensitive": True},
            "brand": {"const": "acme", "description": "Whose."},
            "either": {"type": ["string", "number"], "description": "One of two."},
            "of": {"type": "string", "description": "Whose company.", "x-reference": {"kind": "company"}},
            "seen": {"type": "string", "format": "date", "x-observed": True},
            "made": {"type": "string", "format": "moon-phase", "description": "A format of its own."},
        },
        "required": ["pin"],
        "additionalProperties": False,
        "examples": [{"pin": "1234", "either": 5}],
    }
)


def test_with_a_kind_that_has_everything_else() -> None:
    """Below a kind without a key of its own, keyed by one without examples; with a secret, a constant, a choice of types."""
    wider = described(Kinds([*KINDS.values(), BARE, STRANGE]))
    OpenAPIV31SpecValidator(wider).validate()
    schemas = wider["components"]["schemas"]
    assert "/v1/locks/{auto_top_up}/{badge}" in wider["paths"]
    new, patch, stored = (schemas[f"DoorLock{n}"] for n in ("NewAttributes", "PatchAttributes", "Attributes"))
    assert new["required"] == ["pin"]
    assert new["properties"]["pin"]["writeOnly"]
    assert "required" not in patch
    assert "pin" not in stored["properties"]
    assert stored["examples"] == [{"either": 5}]
    assert {"type": "null"} in patch["properties"]["brand"]["anyOf"]
    assert patch["properties"]["either"]["type"] == ["string", "number", "null"]
    assert patch["properties"]["made"]["format"] == "moon-phase"
    assert schemas["DoorLockObserved"]["properties"]["seen"]["format"] == "date"


def test_equal_kinds_give_equal_bytes() -> None:
    again = Kinds([Kind(dict(reversed(list(kind.schema.items())))) for kind in reversed(list(KINDS.values()))])
    assert encode(document(again)) == encode(document(KINDS))


def test_nothing_in_it_is_orgforms_own_word(doc: dict[str, Any]) -> None:
    assert '"x-' not in json.dumps(doc)


def test_it_is_served_with_an_etag(api: Api) -> None:
    answer = api.get("/openapi.json")
    assert answer.json() == described(KINDS)
    same = api.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert api.get("/openapi.json?a=b").status_code == 400
    assert api.post("/openapi.json").headers["allow"] == "OPTIONS, HEAD, GET"


def operations_of(doc: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in doc["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield method.upper(), path, operation


def test_every_collection_is_described(doc: dict[str, Any]) -> None:
    described = {(method, path) for method, path, _ in operations_of(doc)}
    for kind in KINDS.values():
        single = "/".join([f"/v1/{kind.api}", *(f"{{{name}}}" for name in KindSchemas(kind, KINDS).parts)])
        single = single if single != f"/v1/{kind.api}" else f"/v1/{kind.api}/{kind.name}"
        assert {("GET", f"/v1/{kind.api}"), ("POST", f"/v1/{kind.api}")} <= described
        assert {(method, single) for method in ("GET", "PATCH", "DELETE")} <= described
        assert (("POST", f"{single}/verify") in described) == bool(kind.verification)
    assert ("GET", "/v1/memberships/{workspace}/{principal}") in described


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(doc: dict[str, Any]) -> None:
    found = list(operations_of(doc))
    names = [operation["operationId"] for _, _, operation in found]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in doc["tags"]}
    for method, path, operation in found:
        assert operation["summary"], (method, path)
        assert set(operation["tags"]) <= tags


def test_every_link_leads_to_an_operation_and_its_parameters(doc: dict[str, Any]) -> None:
    taken = {o["operationId"]: _parameters(doc, path, o) for _, path, o in operations_of(doc)}
    links = [link for _, _, o in operations_of(doc) for r in o["responses"].values() for link in r.get("links", {}).values()]
    assert links
    for link in links:
        assert {name.rpartition(".")[2] for name in link["parameters"]} <= taken[link["operationId"]], link


def _parameters(doc: dict[str, Any], path: str, operation: dict[str, Any]) -> set[str]:
    found = [*doc["paths"][path].get("parameters", ()), *operation.get("parameters", ())]
    return {p["name"] if "name" in p else doc["components"]["parameters"][p["$ref"].rpartition("/")[2]]["name"] for p in found}


def test_every_example_is_what_its_schema_takes(doc: dict[str, Any]) -> None:
    """Of the schemas, of the parameters and of the answers that are problems."""
    seen = 0
    for name, schema in doc["components"]["schemas"].items():
        for value in schema.get("examples", ()):
            seen += 1
            assert list(validator(doc, name).iter_errors(value)) == [], (name, value)
    for response in doc["components"]["responses"].values():
        for shown in response["content"]["application/problem+json"]["examples"].values():
            seen += 1
            assert list(validator(doc, "Problem").iter_errors(shown["value"])) == []
    assert seen > 100


def test_every_kind_of_ours_has_examples() -> None:
    for kind in KINDS.values():
        described = KindSchemas(kind, KINDS)
        assert described.examples, kind
        assert described.key_examples, kind


def test_the_server_takes_every_example_and_gives_it_back(api: Api, doc: dict[str, Any]) -> None:
    """Each as the request that the document shows, and read by the path that the document has."""
    asked = operations(KINDS)
    assert {o["collection"] for o in asked} == {kind.api for kind in KINDS.values()}
    for operation in asked:
        body = {"key": operation["key"], "attributes": operation["attributes"]}
        made = api.post(f"/v1/{operation['collection']}", json=body)
        assert made.status_code == 201, made.text
        kind = next(k for k in KINDS.values() if k.api == operation["collection"])
        schema = "".join(word.capitalize() for word in kind.name.split("_"))
        assert list(validator(doc, f"{schema}New").iter_errors(body)) == []
        read = api.get(made.headers["location"])
        assert list(validator(doc, f"{schema}Resource").iter_errors(read.json())) == []
        kept = {**kind.defaults, **operation["attributes"]}
        assert read.json()["attributes"] == kept


def test_the_server_takes_every_example_of_a_patch(api: Api, doc: dict[str, Any]) -> None:
    """They are made of the kind's first example."""
    api.batch(*operations(KINDS))
    patches = [(k, patch) for k in KINDS.values() for patch in KindSchemas(k, KINDS).patch_examples]
    assert patches
    for kind, patch in patches:
        answer = api.patch(f"/v1/{kind.api}/{KindSchemas(kind, KINDS).key_examples[0]}", json={"attributes": patch})
        assert answer.status_code == 200, answer.text
        expected = answer.json()["attributes"]
        assert {n: expected.get(n) for n in patch} == patch


def test_the_example_of_a_batch_can_be_done(api: Api, doc: dict[str, Any]) -> None:
    [body] = doc["components"]["schemas"]["BatchRequest"]["examples"]
    answer = api.post("/v1/batch", json=body)
    assert [r["status"] for r in answer.json()["results"]] == [201, 200, 204]


def validator(doc: dict[str, Any], name: str) -> Any:
    """Formats as the server has them."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": doc["components"]}
    known = {name: lambda value, name=name: formats.check(name, value) is None for name in ("timezone", "currency")}
    mailed = {"idn-email": lambda v: formats.check("email", v) is None, "idn-hostname": lambda v: formats.check("fqdn", v) is None}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, formats={**known, **mailed})


# What the document takes and what the server takes is the same. Values are made of the examples, with one to three places changed.

WORDS = st.sampled_from(
    ["", "x", "a b", "a/b", "é", "a\x00b", "a\n", "USD", "usd", "Europe/Berlin", "2027-01-31", "2027-02-30", "08:00", "24:00", "acme.com"]
) | st.sampled_from(
    ["shop.acme.com", "alice@acme.com", "Alice@ACME.com", "no one", "brand-x-us", "owner", "admin", "support", "company", "workspace"]
)
LEAVES = st.none() | st.booleans() | st.integers(-2, 400) | st.sampled_from([0.5, 1.0, -0.0, 1e300, 2**70]) | WORDS | st.text(max_size=4)
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(WORDS | st.sampled_from(["mon", "start"]), v, max_size=3), max_leaves=5
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    for name, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(below, (*at, name))


def changed(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if new is ... and len(at) == 1:
        del copy[at[0]]
    else:
        copy[at[0]] = changed(value[at[0]], at[1:], new)
    return copy


@st.composite
def near(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """Attributes that are nearly right."""
    described = KindSchemas(kind, KINDS)
    value = draw(st.sampled_from([*described.examples, *described.patch_examples, {}]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.sampled_from(list(places(value))))
        holder: Any = value
        for name in at:
            holder = holder[name]
        act = draw(st.sampled_from(["set", "drop", "add"]))
        if act == "add" and isinstance(holder, dict):
            name = draw(st.sampled_from(sorted({*kind.properties, "timezone", "retention_days", "sun", "other"})) | WORDS)
            value = changed(value, at, {**holder, name: draw(VALUES)})
        elif act == "drop" and at:
            value = changed(value, at, ...)
        elif at:
            value = changed(value, at, draw(VALUES))
    return dict(value)


NUMBERS = count(1)


def pascal(kind: Kind) -> str:
    return "".join(word.capitalize() for word in kind.name.split("_"))


def agree(takes: bool, answer: httpx.Response, asked: Any) -> None:
    """`takes`: what the document says. The server may know more, and never less."""
    codes = {fault["code"] for fault in answer.json().get("errors", ())} if answer.status_code == 422 else set()
    assert answer.status_code in (200, 201, 409, 422), (asked, answer.text)
    if takes:
        assert codes <= BEYOND_SHAPE, f"the document takes {asked}, the server does not: {answer.text}"
    else:
        assert answer.status_code == 422, f"the server takes {asked}, the document does not"


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Api]:
    """On SQLite: no shape is the database's business."""
    with closing(Store(tmp_path / "acme.db")) as store, Api(store, KINDS, "acme") as api:
        assert {r["status"] for r in api.batch(*operations(KINDS))} == {201}
        yield api
        api.check_consistent()


@pytest.mark.parametrize(
    ("address", "attributes", "at"),
    [
        ("workspace/brand-x-us", {"settings": {"timezon": None}}, "/attributes/settings/timezon"),
        ("shift/brand-x-us/early", {"times": {"monday": None}}, "/attributes/times/monday"),
        ("workspace/brand-x-us", {"settings": {"a/b~c": None}}, "/attributes/settings/a~1b~0c"),
    ],
)
def test_to_take_away_what_can_never_be_there_is_a_mistake(filled: Api, address: str, attributes: dict[str, Any], at: str) -> None:
    answer = filled.change(address, attributes)
    assert answer.status_code == 422
    assert [(f["pointer"], f["code"]) for f in answer.json()["errors"]] == [(at, "unknown-attribute")]


def test_to_take_away_what_may_be_there_is_none(filled: Api) -> None:
    patch = {"settings": {"timezone": None, "thresholds": {"none": None}}, "labels": {"none": None}, "description": None}
    assert filled.change("workspace/brand-x-us", patch).status_code == 200
    assert filled.change("shift/brand-x-us/early", {"times": {"sun": None}}).status_code == 200


MANY = settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
AT_LENGTH = settings(MANY, max_examples=3000, derandomize=False)


def check_attributes(filled: Api, doc: dict[str, Any], kind: Kind, data: st.DataObject) -> None:
    attributes = data.draw(near(kind))
    described = KindSchemas(kind, KINDS)
    example = described.key_examples[0]
    above, slash, own = example.rpartition("/")
    fresh = f"{above}{slash}x{next(NUMBERS)}{own}"
    free = bool(kind.key and not kind.key.references)
    body = {"key": fresh if free else example, "attributes": attributes}
    if free:
        answer = filled.post(f"/v1/{kind.api}", json=body)
        agree(not list(validator(doc, f"{pascal(kind)}New").iter_errors(body)), answer, body)
        if answer.status_code == 201:
            filled.delete(answer.headers["location"])
    patch = {"attributes": attributes}
    answer = filled.patch(f"/v1/{kind.api}/{example}", json=patch)
    agree(not list(validator(doc, f"{pascal(kind)}Patch").iter_errors(patch)), answer, patch)
    if answer.status_code == 200:
        assert not list(validator(doc, f"{pascal(kind)}Resource").iter_errors(answer.json()))


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_the_document_and_the_server_take_the_same(filled: Api, doc: dict[str, Any], kind: Kind) -> None:
    @MANY
    @given(st.data())
    def check(data: st.DataObject) -> None:
        check_attributes(filled, doc, kind, data)

    check()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_the_document_and_the_server_take_the_same_at_length(filled: Api, doc: dict[str, Any], kind: Kind) -> None:
    @AT_LENGTH
    @given(st.data())
    def check(data: st.DataObject) -> None:
        check_attributes(filled, doc, kind, data)

    check()
