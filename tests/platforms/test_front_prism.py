"""Front's provider and its fake before Prism (`-m prism`; tests/platforms/prism.sh says how to get it): a second judge of every request
and answer, which was not written here."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from orgform.model import Address
from orgform.providers.base import Operation
from orgform.providers.front import spec
from orgform.testing import contract
from orgform.testing.contract import Subject
from tests.platforms.front_company import DOCUMENT, company, opened
from tests.platforms.test_front_contract import subject_of

PRISM = os.environ.get("PRISM") or shutil.which("prism")
KINDS = sorted(set(spec.capabilities.kinds or ()) - {"role"})
pytestmark = [
    pytest.mark.prism,
    pytest.mark.skipif(not PRISM, reason="Prism is not here: tests/platforms/prism.sh gets it and runs these"),
    pytest.mark.skipif(DOCUMENT is None, reason="Front's OpenAPI document is not here"),
]


def mended(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what Prism stumbles over in it, and strict about what is sent."""
    schemas = document["components"]["schemas"]
    schemas["TeammateResponse"]["properties"]["license_type"] = {"type": "string", "example": "full"}
    schemas["MessageTemplateResponse"]["properties"]["inbox_ids"]["items"] = {"type": "string", "example": "inb_1ix6"}
    for answer in document["components"]["responses"].values():
        for content in answer.get("content", {}).values():
            page = content.get("schema", {}).get("properties", {}).get("_pagination", {}).get("properties", {})
            if "next" in page:
                page["next"] = {"type": "string", "nullable": True, "example": None}
    update = {"application/json": {"schema": {"$ref": "#/components/schemas/UpdateMessageTemplate"}}}
    document["paths"]["/message_templates/{message_template_id}"]["patch"]["requestBody"] = {"content": update}
    for name, schema in schemas.items():
        if name.startswith(("Create", "Update")) or name.endswith("Ids"):
            schema |= {"type": "object", "additionalProperties": False}
    error = {"description": "a refusal", "content": {"application/json": {"schema": {"type": "object"}}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            if "responses" in operation:
                operation["responses"]["default"] = error
    return document


@pytest.fixture(scope="session")
def description(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert DOCUMENT
    file = tmp_path_factory.mktemp("prism") / "front.json"
    file.write_text(json.dumps(mended(json.loads(DOCUMENT.path.read_text()))))
    return file


@contextmanager
def prism(*words: str | Path) -> Iterator[str]:
    """Listening; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(PRISM), words[0], "--errors", "--host", "127.0.0.1", "--port", str(port), *words[1:]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _listens(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _listens(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("Prism does not listen")


@pytest.fixture(scope="session")
def mock(description: Path) -> Iterator[str]:
    with prism("mock", description) as url:
        yield url


def test_what_the_document_gives_as_examples_is_read_whole(mock: str) -> None:
    with closing(opened(mock)) as provider:
        found = {r.kind: r for r in provider.read(KINDS)}
    assert {kind: r.problem for kind, r in found.items() if not r.complete} == {}
    assert all(r.resources for r in found.values())


HOURS = {"timezone": "UTC", "times": {"mon": {"start": "09:00", "end": "17:00"}}}
PERSON = "michael.scott@dundermifflin.com"


@pytest.mark.parametrize(
    ("action", "address", "attributes"),
    [
        ("update", f"member/{PERSON}", {"name": "Michael Gary Scott"}),
        ("delete", f"membership/w/{PERSON}", {}),
        ("delete", "membership/w/group:g", {}),
        ("create", "group/new", {"name": "New", "description": "x", "members": [PERSON]}),
        ("update", "group/g", {"description": "y", "members": []}),
        ("delete", "group/g", {}),
        ("create", "inbox/w/new", {"public": False, "members": [PERSON]}),
        ("create", "tag/w/new", {"description": "x", "color": "light-blue"}),
        ("update", "tag/w/t", {"description": None, "color": "red"}),
        ("delete", "tag/w/t", {}),
        ("create", "message_template/w/new", {"body": "x", "subject": "y", "folder": "New/Deep"}),
        ("update", "message_template/w/m", {"body": "x"}),
        ("delete", "message_template/w/m", {}),
        ("create", "shift/w/new", {**HOURS, "members": [PERSON]}),
        ("update", "shift/w/s", {"color": "teal", "members": []}),
    ],
)
def test_every_write_is_one_that_the_document_knows(mock: str, action: Any, address: str, attributes: dict[str, Any]) -> None:
    ids = {"group/g": "cir_123", "tag/w/t": "tag_2oxhvy", "message_template/w/m": "rsp_16yc", "shift/w/s": "shf_1bri"}
    with closing(opened(mock, workspaces={"w": "tim_aqsa"}, groups={"g": "cir_123"})) as provider:
        [result] = provider.write([Operation(action, Address(address), attributes, id=ids.get(address, ""))])
    assert result.status == "done", result.detail


@pytest.mark.parametrize("check", contract.checks(spec), ids=lambda check: check.__name__)
def test_the_contract_holds_with_prism_between(check: Callable[[Subject], None], description: Path) -> None:
    with company().running() as fake, prism("proxy", description, fake.url) as url:
        fake.url = url
        check(subject_of(fake))
