"""The stateful fake is a conforming SCIM server, as far as `scim2-tester` can tell: what holds against it holds against the standard."""

from __future__ import annotations

import pytest
from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from orgform.testing.fakes.scim import Quirks, Scim


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(etag=False, page=3), Quirks(groups=False, bulk=False)], ids=["whole", "less", "users"])
def test_scim2_tester_finds_nothing_wrong_with_the_fake(quirks: Quirks) -> None:
    with Scim(quirks).running() as fake, Client(base_url=fake.url) as client:
        results = check_server(SyncSCIMClient(client))
        assert fake.users == {} == fake.groups, "the tester removes what it makes"
    wrong = [(r.title, r.resource_type, r.reason) for r in results if r.status not in (Status.SUCCESS, Status.SKIPPED)]
    assert wrong == []
    assert len(results) > 30
