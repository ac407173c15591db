"""schemathesis over `/openapi.json`, against `orgform serve` on SQLite and on PostgreSQL: whatever a client sends, the server answers as
its document says, refuses what the document refuses, and never fails.

The directory holds the document's own examples, and what is generated names them often, so that requests get past the first "does not
exist". Deterministic; `-m soak` goes on with far more, at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.schemas import OpenApiSchema

from orgform.formats import time_zones
from orgform.kinds import Kind, load_kinds
from orgform.server.schemas import KindSchemas
from orgform.testing.postgres import PostgresMissing, running_postgres
from orgform.testing.server import RunningServer, running_server
from tests.dnsserver import running_dns
from tests.server.examples import operations

KINDS = load_kinds()
OFTEN = 0.7
Case = schemathesis.Case[Any]
MERGE_PATCH = "application/merge-patch+json"
#: What may be wrong with a request whose shape is right: it depends on what there is, or on more than a schema can say.
BEYOND_SHAPE = frozenset(
    {
        "built-in",
        "cursor",
        "cycle",
        "format",
        "immutable",
        "no-such-reference",
        "no-such-variant",
        "not-renamable",
        "not-usable-here",
        "since",
        "wrong-type",
    }
)
REFUSED = ["400", "401", "404", "405", "409", "412", "413", "415", "422"]

schemathesis.openapi.format("timezone", st.sampled_from(sorted(time_zones())))
schemathesis.openapi.format("currency", st.sampled_from(["USD", "EUR", "GBP", "JPY"]))


class Target:
    """A server with a token of a company of its own, filled with the examples."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self.server = server
        self.name = name
        self.session = requests.Session()
        self.move_to("acme")

    def move_to(self, company: str) -> None:
        """From now on everything is about this company, of which nothing is filled in yet."""
        self.headers = {"Authorization": f"Bearer {self.server.token(company)}"}
        self._filled_for = ""

    def fill(self, label: str) -> None:
        """Sees to it that the examples are there, once for each operation that is tried."""
        if label != self._filled_for:
            self._filled_for = label
            answer = httpx.post(f"{self.server.url}/v1/batch", json={"operations": operations(KINDS)}, headers=self.headers)
            assert {r["status"] for r in answer.json()["results"]} <= {201, 409}, answer.text

    def document(self, *, whole: bool) -> dict[str, Any]:
        """The server's own, with links for the keys of two parts, which OpenAPI's expressions cannot take apart but schemathesis's can.

        Not `whole`: what is the same for each database is shared out among them: every second collection, and of the two media types
        that PATCH takes with one schema one.
        """
        document: dict[str, Any] = httpx.get(f"{self.server.url}/openapi.json").json()
        first = self.name == "sqlite"
        if not whole:
            for name in sorted(KINDS)[first::2]:
                _leave_out(document, KINDS[name])
            for path in document["paths"].values():
                if "patch" in path:
                    path["patch"]["requestBody"]["content"].pop(MERGE_PATCH if first else "application/json")
        for kind in KINDS.values():
            if len(KindSchemas(kind, KINDS).parts) == 2 and f"/v1/{kind.api}" in document["paths"]:
                _add_links(document, kind)
        return document

    def described(self, examples: int, *, whole: bool = False, modes: str = "all") -> OpenApiSchema:
        """`whole` also means at random."""
        config = {
            "base-url": self.server.url,
            "output": {"sanitization": {"enabled": False}},
            "generation": {"deterministic": not whole, "max-examples": examples, "mode": modes, "with-security-parameters": False},
            "phases": {"stateful": {"inference": {"algorithms": []}}},
            "checks": {
                "positive_data_acceptance": {"enabled": False},
                "negative_data_rejection": {"expected-statuses": REFUSED},
                # Who sends many wrong tokens has to wait: test_nobody_is_answered_without_a_token sends them.
                "ignored_auth": {"enabled": False},
            },
            **_dictionaries(),
        }
        return schemathesis.openapi.from_dict(self.document(whole=whole), config=SchemathesisConfig.from_dict(config))

    def call(self, case: Case) -> None:
        case.call_and_validate(session=self.session, headers=self.headers, additional_checks=[what_the_document_takes_has_the_right_shape])


def _leave_out(document: dict[str, Any], kind: Kind) -> None:
    for path in [p for p in document["paths"] if f"{p}/".startswith(f"/v1/{kind.api}/")]:
        del document["paths"][path]


def _add_links(document: dict[str, Any], kind: Kind) -> None:
    path = f"/v1/{kind.api}"
    names = list(KindSchemas(kind, KINDS).parts)
    expressions = (rf"{path}/([^/]+)/", rf"{path}/[^/]+/(.+)")
    keys = {name: f"$response.header.Location#regex:{e}" for name, e in zip(names, expressions, strict=True)}
    created = document["paths"][path]["post"]["responses"]["201"]
    for verb in ("get", "update", "delete"):
        created["links"][verb] = {"operationId": f"{verb}_{kind.name}", "parameters": keys}


def _dictionaries() -> dict[str, Any]:
    """Keys that are there, for the places that name something; for what is created, keys that can be."""
    words = {kind.name: [*KindSchemas(kind, KINDS).key_examples, *kind.builtin] for kind in KINDS.values()}
    places: list[dict[str, Any]] = []
    for kind in KINDS.values():
        described = KindSchemas(kind, KINDS)
        named = {f"body.attributes.{'.'.join(r.path)}{'[*]' if r.many else ''}": r.kind for r in kind.references}
        words[f"parts of {kind.name}"] = [key.split("/")[-1] for key in described.key_examples]
        words[f"new {kind.name}"] = [f"{above}{slash}x{i}{own}" for i in range(5) for above, slash, own in _split(described.key_examples)]
        parts = {f"path.{name}": f"parts of {kind.name}" for name in described.parts}
        if kind.key and not kind.key.references:
            parts["body.key"] = f"new {kind.name}"
        if kind.parent:
            parts[f"path.{kind.parent}"] = kind.parent
        places.append(
            {"include-tag": kind.name, "parameters": {p: {"dictionary": d, "probability": OFTEN} for p, d in (named | parts).items()}}
        )
    return {"dictionaries": {name: {"values": values} for name, values in words.items() if values}, "operations": places}


def _split(keys: list[str]) -> list[tuple[str, str, str]]:
    return [key.rpartition("/") for key in keys]


def what_the_document_takes_has_the_right_shape(context: Any, response: Response, case: Case) -> None:
    """A request that the document accepts is refused for what there is in the directory, or for what no schema can say."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 405, 413, 415, 422):
        return
    codes = {fault["code"] for fault in response.json().get("errors", [response.json()])}
    assert codes <= BEYOND_SHAPE, f"{case.as_curl_command()}\n{response.text}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with ExitStack() as stack:
        database: Path | str = tmp_path_factory.mktemp("server") / "acme.db"
        if request.param == "postgresql":
            try:
                database = stack.enter_context(running_postgres()).database("directory")
            except PostgresMissing as e:
                pytest.skip(str(e))
        names = stack.enter_context(running_dns())
        server = stack.enter_context(running_server(database, without_tokens=False, options=["--resolver", names.place]))
        yield Target(server, request.param)


def _named(request: pytest.FixtureRequest) -> None:
    """schemathesis 4.32 names its subtests by an attribute that pytest 9.2 does not have."""
    request.node._nodeid = request.node.nodeid


@pytest.fixture
def described(request: pytest.FixtureRequest, target: Target) -> OpenApiSchema:
    _named(request)
    return target.described(2)


@pytest.fixture
def described_at_length(request: pytest.FixtureRequest, target: Target) -> OpenApiSchema:
    _named(request)
    return target.described(100, whole=True)


@schemathesis.pytest.from_fixture("described").parametrize()
def test_every_answer_is_as_the_document_says(case: Case, target: Target) -> None:
    target.fill(case.operation.label)
    target.call(case)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@schemathesis.pytest.from_fixture("described_at_length").parametrize()
def test_every_answer_is_as_the_document_says_at_length(case: Case, target: Target) -> None:
    target.fill(case.operation.label)
    target.call(case)


def test_nobody_is_answered_without_a_token(target: Target) -> None:
    """Nor with a wrong one; whatever else is wrong with the request. Each asks from an address of its own: many wrong tokens from one are
    answered late.
    """
    document = target.document(whole=True)
    operations = [(m, p, o) for p, item in document["paths"].items() for m, o in item.items() if m in ("get", "post", "patch", "delete")]
    asked = [(m, p) for m, p, o in operations if o.get("security") != []]
    assert len(asked) > 90
    for number, (method, path) in enumerate(asked):
        with httpx.Client(transport=httpx.HTTPTransport(local_address=f"127.0.1.{number + 1}")) as client:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
                answer = client.request(method, target.server.url + path, headers=headers, content=b"{")
                assert answer.status_code == 401, (method, path, headers)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert answer.json()["code"] == ("wrong-token" if headers == {"Authorization": "Bearer wrong"} else "no-token")


def _walked(target: Target, *, walks: int, steps: int, whole: bool = False) -> dict[str, int]:
    """Follows the document's links; how many requests of each operation were answered with a 2xx.

    Every walk is in a company of its own: the same walk again is to find the same.
    """
    done: dict[str, int] = {}
    companies = count(1)

    class Walk(target.described(1, whole=whole, modes="positive").as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            target.move_to(f"walk-{next(companies)}")
            target.fill("walk")

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"session": target.session, "headers": target.headers}

        def after_call(self, response: Response, case: Case) -> None:
            super().after_call(response, case)
            if response.status_code < 300:
                done[case.operation.definition.raw["operationId"]] = done.get(case.operation.definition.raw["operationId"], 0) + 1

    settings = hypothesis.settings(
        max_examples=walks,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not whole,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    Walk.run(settings=settings)
    return done


def test_its_links_lead_on(target: Target) -> None:
    done = _walked(target, walks=25, steps=20)
    verbs = {name.partition("_")[0] for name in done}
    assert len(done) > 30, done
    assert {"list", "create", "get", "update", "delete", "read"} <= verbs, done


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_its_links_lead_on_at_length(target: Target) -> None:
    done = _walked(target, walks=400, steps=40, whole=True)
    named = [kind.name for kind in KINDS.values() if kind.key and not kind.key.references]
    wanted = {f"{verb}_{kind}" for verb in ("create", "get", "update", "delete") for kind in named}
    assert not wanted - set(done)
