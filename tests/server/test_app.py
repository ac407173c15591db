"""The application as a server runs it: in an event loop, handlers in threads."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform import server
from orgform.kinds import Kind, Kinds
from orgform.server import Store, create_app
from tests.server.conftest import Api

BROKEN = Kind(
    {"x-kind": "broken", "x-collection": "broken", "x-key": {"name": "key"}, "type": "object", "properties": {"a": {"pattern": "("}}}
)


def asked(app: Any, method: str, path: str, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())


@pytest.fixture
def wider(kinds: Kinds) -> Kinds:
    return Kinds([*kinds.values(), BROKEN])


def test_handlers_run_in_threads(store: Store, kinds: Kinds) -> None:
    app = create_app(store, kinds)
    assert asked(app, "POST", "/v1/workspaces", json={"key": "threaded"}).status_code == 201
    assert asked(app, "GET", "/v1/workspaces/threaded").status_code == 200
    assert asked(app, "HEAD", "/v1/workspaces/threaded").content == b""
    assert asked(app, "DELETE", "/v1/workspaces/threaded").status_code == 204


def test_what_the_server_itself_does_wrong_is_logged_and_answered(store: Store, wider: Kinds, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "orgform.server"):
        answer = asked(create_app(store, wider), "POST", "/v1/broken", json={"key": "a"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "(" not in answer.json()["detail"], "how it failed is for its log"
    [record] = caplog.records
    assert record.getMessage() == "POST /v1/broken failed"
    assert record.exc_info


def test_in_the_process_the_caller_gets_the_error_itself(store: Store, wider: Kinds) -> None:
    with Api(store, wider, "broken") as api, pytest.raises(ValueError, match="regex"):
        api.make("broken/a")


def test_a_client_that_hangs_up_in_the_middle(store: Store, kinds: Kinds) -> None:
    sent: list[Any] = []
    incoming = iter([{"type": "http.request", "body": b'{"key":', "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/workspaces", "query_string": b"", "headers": headers}
    asyncio.run(create_app(store, kinds)(scope, receive, send))
    assert sent[0]["status"] == 400
    assert b"cut-off" in sent[1]["body"]


def test_what_the_package_offers(tmp_path: Path) -> None:
    assert {"create_app", "Store", "StoreError", "Caller"} == set(server.__all__)
    with pytest.raises(AttributeError):
        server.nothing  # noqa: B018
