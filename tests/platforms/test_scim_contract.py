"""The SCIM provider keeps the contract: with the fake in its forms, with the real `scim2-server`, and behind the fault proxy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from orgform.kinds import load_kinds
from orgform.model import Address
from orgform.providers.base import Provider
from orgform.providers.scim import spec
from orgform.testing import contract
from orgform.testing.contract import Subject
from orgform.testing.fakes.scim import Quirks, Scim
from orgform.testing.faults import Refused, Rule, fault_proxy
from orgform.testing.subjects import of
from tests.platforms.scim_company import GROUPS, PAGING, REFUSED, SAMPLES, many, opened

FORMS = {
    "standard": (Quirks(page=2), {}),
    "plain": (Quirks(page=2, discovery=False, patch=False, bulk=False, filter=False, etag=False, media="application/json"), {}),
    "cursor": (Quirks(page=2, cursor=True, index=False), {"delete": True}),
    "aws": (
        Quirks(page=2, cursor=True, index=False, hides_members=True, bulk=False, etag=False),
        {"vendor": "aws-identity-center"},
    ),
}
FAULTS = (contract.reads_right_or_says_so_under_faults, contract.writes_what_it_says_under_faults)
CHECKS = contract.checks(spec)


def _subject(fake: Scim, options: dict[str, Any]) -> Subject:
    return of(
        spec,
        fake,
        lambda url: {"url": url, "groups": GROUPS, **options},
        samples=SAMPLES,
        many=many if fake.quirks.discovery else None,  # without it nobody knows how small the pages are
        refused=REFUSED,
        paging=PAGING,
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("check", [c for c in CHECKS if c not in FAULTS], ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], form: str) -> None:
    quirks, options = FORMS[form]
    with Scim(quirks).running() as fake:
        check(_subject(fake, options))


@pytest.mark.parametrize("check", FAULTS, ids=lambda check: check.__name__)
def test_contract_under_faults(check: Callable[[Subject], None]) -> None:
    quirks, options = FORMS["standard"]
    with Scim(quirks).running() as fake:
        check(_subject(fake, options))


def test_a_lost_page_is_told() -> None:
    with Scim(Quirks(page=2)).running() as fake:
        for n in range(5):
            fake.user(f"p{n}@acme.com")
        with (
            fault_proxy(fake.url, [Rule(Refused(500), "GET", "*startIndex=3*")], paging=PAGING) as proxy,
            closing(opened(proxy.url)) as provider,
        ):
            results = list(provider.read(["group", "member"]))
    assert [r.complete for r in results] == [True, False]
    assert "500" in results[1].problem


# A server that others wrote


@contextmanager
def real_server(*options: str) -> Iterator[str]:
    """`scim2-server` as a process of its own, on a port that it chooses."""
    command = "import sys; from scim2_server.testserver.cli import main; sys.exit(main())"
    port = _free_port()
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", command, "--port", str(port), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SCIM2_SERVER_SECRET": "for-tests"},
    ) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/v2/ServiceProviderConfig", process)
            yield f"http://127.0.0.1:{port}/v2"
        finally:
            process.terminate()


def _free_port() -> int:
    import socket

    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            assert process.poll() is None, "scim2-server ended"
            time.sleep(0.1)
    raise AssertionError("scim2-server does not answer")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_server() as url:
        yield url


def _real_subject(url: str, **options: Any) -> Subject:
    labels = {s.address: str(s.attributes.get("name", "")) for s in SAMPLES}

    def open_it() -> Any:
        return closing(opened(url, labels, delete=True, **options))

    return Subject(open=open_it, kinds=load_kinds(), samples=SAMPLES, refused=REFUSED)


@pytest.mark.parametrize("check", [c for c in CHECKS if c not in FAULTS], ids=lambda check: check.__name__)
def test_contract_with_scim2_server(check: Callable[[Subject], None], real: str) -> None:
    check(_real_subject(real))


def test_pages_of_scim2_server_by_cursor(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(
        '{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"], "patch": {"supported": true},'
        '"bulk": {"supported": true, "maxOperations": 3, "maxPayloadSize": 1048576}, "filter": {"supported": true, "maxResults": 4},'
        '"changePassword": {"supported": false}, "sort": {"supported": true}, "etag": {"supported": true}, "authenticationSchemes": [],'
        '"pagination": {"cursor": true, "index": false, "defaultPageSize": 4, "maxPageSize": 4, "cursorTimeout": 3600}}'
    )
    with real_server("--service-provider-config", str(config)) as url, closing(opened(url)) as provider:
        assert (provider.capabilities.paging, provider.capabilities.page, provider.capabilities.batch) == ("cursor", 4, 3)
        _fill(provider, 9)
        [members] = provider.read(["member"])
    assert members.complete, members.problem
    assert sorted(members.resources) == sorted(Address(f"member/person{n}@acme.com") for n in range(9))


def test_a_token_of_scim2_server() -> None:
    with real_server("--bearer-token", "t") as url, closing(opened(url, token="env:TOKEN")) as provider:
        _fill(provider, 1)


def _fill(provider: Provider, count: int) -> None:
    from orgform.providers.base import Operation

    made = [Operation("create", s.address, s.attributes) for s in map(many, range(count))]
    assert {r.status for r in provider.write(made)} == {"done"}
