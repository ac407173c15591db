"""Holds exchanges with a fake against the platform's own OpenAPI 3.0 document.

Invariant: nothing here knows a platform. What a document says nothing about (an error's body, a body schema that it lacks) is not judged;
what it says is, a property or a query parameter that it does not name included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from orgform.testing.platform import Exchange

_BASE = "urn:document"


class Document:
    """`missing`: operation -> schema name of a request body that the document forgot."""

    def __init__(self, path: Path, missing: Mapping[str, str]) -> None:
        self.path = path
        self._all: dict[str, Any] = json.loads(path.read_text())
        self._registry = Registry().with_resource(_BASE, DRAFT4.create_resource(self._all))
        self._missing = missing
        self._validators: dict[str, OAS30Validator] = {}
        templates = sorted(self._all["paths"], key=lambda template: template.count("{"))
        self._paths = [(re.compile(re.sub(r"\{\w+\}", r"([^/]+)", template)), template) for template in templates]

    @classmethod
    def found(cls, name: str, missing: Mapping[str, str]) -> Self | None:
        """The document of this name in a folder `shared/data` above; None where there is none."""
        places = (above / "shared" / "data" / name for above in Path(__file__).resolve().parents)
        return next((cls(place, missing) for place in places if place.is_file()), None)

    def problems(self, exchanges: Iterable[Exchange], base_path: str = "") -> list[str]:
        """One sentence for each thing that is not as the document has it."""
        return [problem for exchange in exchanges for problem in self._problems(exchange, base_path)]

    def operations(self, exchanges: Iterable[Exchange], base_path: str = "") -> set[str]:
        """`GET /teams/{team_id}` for all that was asked."""
        found = ((e.call.method, self._template(e.call.path.removeprefix(base_path))) for e in exchanges)
        return {f"{method} {template}" for method, template in found}

    def _problems(self, exchange: Exchange, base_path: str) -> list[str]:
        call, told = exchange.call, exchange.told
        template = self._template(call.path.removeprefix(base_path))
        operation = self._all["paths"].get(template, {}).get(call.method.lower())
        name = f"{call.method} {template or call.path}"
        if operation is None:
            return [f"{name}: there is no such operation"]
        found = [f"{name}: {p}" for p in self._of_query(operation, call.query)] if "page_token" not in call.query else []
        found += [f"{name}: request: {p}" for p in self._of_body(name, operation, call.body)]
        if told.status < 400:
            found += [f"{name}: answer {told.status}: {p}" for p in self._of_answer(operation, told.status, told.body)]
        return found

    def _template(self, path: str) -> str:
        return next((template for pattern, template in self._paths if pattern.fullmatch(path)), "")

    def _of_query(self, operation: Mapping[str, Any], query: Mapping[str, list[str]]) -> list[str]:
        known = {p["name"]: p["schema"] for p in map(self._resolved, operation.get("parameters", ())) if p["in"] == "query"}
        found = [f"the query has {name}, which is not known" for name in query if name not in known]
        for name, values in query.items():
            schema = known.get(name, {})
            value: Any = int(values[0]) if schema.get("type") == "integer" else values[0]
            found += self._judged(schema, value)
        return found

    def _of_body(self, name: str, operation: Mapping[str, Any], body: Any) -> list[str]:
        content = self._resolved(operation.get("requestBody", {})).get("content", {})
        schema = content.get("application/json", {}).get("schema") or self._forgotten(name)
        if schema is None:
            return [] if body is None else ["a body where none is known"]
        known = self._resolved(schema).get("properties", {})
        unknown = sorted(set(body or ()) - set(known))
        return self._judged(schema, body) + [f"{n} is not known" for n in unknown]

    def _forgotten(self, name: str) -> dict[str, str] | None:
        return {"$ref": f"#/components/schemas/{self._missing[name]}"} if name in self._missing else None

    def _of_answer(self, operation: Mapping[str, Any], status: int, body: Any) -> list[str]:
        answer = operation["responses"].get(str(status))
        if answer is None:
            return [f"only {sorted(operation['responses'])} are known"]
        schema = self._resolved(answer).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return [] if body is None else ["a body where none is known"]
        return self._judged(schema, body)

    def _judged(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        text = json.dumps(schema).replace('"#/', f'"{_BASE}#/')
        if text not in self._validators:
            self._validators[text] = OAS30Validator(json.loads(text), registry=self._registry)
        return [f"{e.json_path}: {e.message[:200]}" for e in self._validators[text].iter_errors(value)]

    def _resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in part:
            found: Any = self._all
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            part = found
        return part
