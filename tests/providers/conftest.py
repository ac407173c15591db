"""A company behind the admin API, opened as `local` and as `orgform` over a real server process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orgform.kinds import Kinds, load_kinds
from orgform.providers.base import Provider, TargetContext
from orgform.providers.orgform import local, remote
from orgform.testing.server import RunningServer, running_server

OpenLocal = Callable[..., Provider]


@pytest.fixture(scope="session")
def kinds() -> Kinds:
    return load_kinds()


def context(folder: Path, kinds: Kinds, options: dict[str, Any], *, run: str = "", secret: str = "") -> TargetContext:
    return TargetContext("acme", options, folder, kinds, lambda name: secret, max_wait=0.01, run=run)


@pytest.fixture
def open_local(tmp_path: Path, kinds: Kinds) -> OpenLocal:
    def opened(run: str = "") -> Provider:
        return local.open(context(tmp_path, kinds, {"database": "acme.db"}, run=run))

    return opened


@pytest.fixture
def company(open_local: OpenLocal) -> Iterator[Provider]:
    provider = open_local()
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("served") / "directory.db") as server:
        yield server


@pytest.fixture
def open_remote(tmp_path: Path, kinds: Kinds, served: RunningServer) -> OpenLocal:
    def opened(run: str = "", **options: Any) -> Provider:
        return remote.open(context(tmp_path, kinds, {"url": served.url, **options}, run=run))

    return opened
