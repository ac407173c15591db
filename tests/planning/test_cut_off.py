"""`orgform apply` as a process on a real server, cut off after each of its writes: somebody can always sign in as an admin."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.providers.base import TargetContext
from orgform.providers.orgform import remote
from orgform.testing.faults import FaultProxy, Refused, Rule, fault_proxy
from orgform.testing.server import RunningServer, running_server
from tests.cli.process import run
from tests.faults import company
from tests.planning.test_passage import System

#: every way of being an admin changes hands
BEFORE: dict[str, Any] = {
    "orgform": 1,
    "company": {"name": "Acme", "primary_domain": "acme.com"},
    "policy": {"min_company_admins": 1},
    "domains": {"acme.com": {}},
    "members": {
        "ann@acme.com": {"role": "owner"},
        **{f"{name}@acme.com": {"role": "standard"} for name in ("ben", "cid", "dee")},
    },
    "roles": {"boss": {"scope": "workspace", "extends": "admin"}, "chief": {"scope": "workspace", "extends": "viewer"}},
    "groups": {"leads": {"members": ["ben@acme.com"]}},
    "workspaces": {
        "north": {"members": {"group:leads": "admin"}},
        "south": {"parent": "north", "members": {"cid@acme.com": "viewer"}},
        "west": {"members": {"dee@acme.com": "boss", "cid@acme.com": "chief"}},
    },
}


def handed_over() -> dict[str, Any]:
    after = deepcopy(BEFORE)
    after["members"]["ann@acme.com"]["role"] = "standard"
    after["members"]["ben@acme.com"]["role"] = "owner"
    after["roles"]["boss"]["extends"], after["roles"]["chief"]["extends"] = "viewer", "admin"
    after["groups"]["leads"]["members"] = ["dee@acme.com"]
    after["workspaces"]["south"] = {"members": {"cid@acme.com": "admin"}}
    after["workspaces"]["west"]["members"] = {"ben@acme.com": "boss", "cid@acme.com": "chief"}
    return after


ALLOWED = ("deletes:*",)
NUMBERS = itertools.count()


class Round:
    """A company of its own on the server, as it was before; to be handed over by an `apply`."""

    def __init__(self, server: RunningServer, proxy: FaultProxy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        name = f"c{next(NUMBERS)}"
        self._url, self._proxy, self._folder, self._token = server.url, proxy, folder / name, server.token(name)
        self._target = {"provider": "orgform", "url": proxy.url, "token": "env:ACME_TOKEN", "batch": 1}
        self._environment = {"ACME_TOKEN": self._token, "ORGFORM_ALLOW_TARGETS": f"acme={proxy.url}"}
        for variable, value in self._environment.items():
            monkeypatch.setenv(variable, value)
        proxy.rules = ()
        company.settle(self._folder, BEFORE, self._target)
        assert self.open_places() == {"", "north", "south", "west"}
        company.write(self._folder, handed_over(), self._target)

    def apply(self, *rules: Rule, process: bool) -> int:
        """The exit code of the process, or the like."""
        self._proxy.rules = rules
        if not process:
            return 0 if app.apply(app.Options(folder=self._folder, max_wait=0, allow=ALLOWED))[1].outcome == "done" else 6
        done = run("apply", "--yes", *(word for a in ALLOWED for word in ("--allow", a)), cwd=self._folder, env=self._environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def open_places(self) -> set[str]:
        context = TargetContext("acme", {"url": self._url, "token": "env:ACME_TOKEN"}, self._folder, company.KINDS, lambda _: self._token)
        with closing(remote.open(context)) as provider:
            return System(company.read(provider), asks=False).open_places(None)


@pytest.fixture
def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Round]]:
    with running_server(tmp_path / "acme.db", without_tokens=False) as server, fault_proxy(server.url) as proxy:
        yield lambda: Round(server, proxy, tmp_path, monkeypatch)


@pytest.mark.parametrize("goes_on", [False, True])
def test_no_write_that_an_apply_is_cut_off_at_locks_anybody_out(rounds: Callable[[], Round], goes_on: bool) -> None:
    """`goes_on`: only the one write is refused."""
    for write in itertools.count(1):
        here = rounds()
        nth = (write,) if goes_on else tuple(range(write, 100))
        code = here.apply(Rule(Refused(403), method="[PD]*", nth=nth), process=not goes_on)
        assert here.open_places() == {"", "north", "south", "west"}, (write, code)
        if code == 0:
            break
    assert write > 8
