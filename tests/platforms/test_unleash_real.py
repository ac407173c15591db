"""The same suite against the real server (`-m unleash`), and the oddities that the fake claims it has."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from orgform.kinds import load_kinds
from orgform.model import Address
from orgform.providers.base import Operation, Provider
from orgform.providers.unleash import spec
from orgform.testing import contract
from orgform.testing.contract import Sample, Subject, open_provider
from orgform.testing.fakes.unleash import ADMIN, SEARCH, Unleash
from orgform.testing.faults import Rule, fault_proxy
from orgform.testing.postgres import Postgres
from orgform.testing.subjects import Platform
from tests.platforms import unleash_server
from tests.platforms.unleash_samples import NAME, ODDITIES, PLACES, REFUSED, SAMPLES, P, many

pytestmark = [pytest.mark.unleash, pytest.mark.timeout(900)]


class Real:
    """What a subject knows of the live system, in place of a fake."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, dict[str, str]]:
        request = urllib.request.Request(
            f"{self.url}/api/admin/{path}", method=method, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("authorization", self.token)
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, _json(answer.read()), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read()), dict(error.headers)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data.decode()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    try:
        unleash_server.entry()
        with unleash_server.database() as server:
            yield server
    except unleash_server.UnleashMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def real(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with unleash_server.running(postgres, "contract", tmp_path_factory.mktemp("unleash") / "log") as url:
        server = Real(url, unleash_server.TOKEN)
        for email in ("dana@acme.com", "lee@acme.com"):
            status, _, _ = server.ask("POST", "user-admin", {"email": email, "name": "N", "rootRole": 1, "sendEmail": False})
            assert status == 201
        yield server


@pytest.fixture(scope="module")
def fake() -> Iterator[Real]:
    with Unleash(per_minute=None).running() as made:
        yield Real(made.url, ADMIN)


def opened(url: str, **options: Any) -> Provider:
    given = {"url": url, "token": "env:T", "workspaces": PLACES, "welcome_mail": False, **options}
    return open_provider(spec, given, secrets={"token": unleash_server.TOKEN})


@pytest.fixture
def subject(real: Real) -> Subject:
    @contextmanager
    def behind(rules: Sequence[Rule]) -> Iterator[Provider]:
        with fault_proxy(real.url, rules, paging=SEARCH) as proxy, closing(opened(proxy.url)) as provider:
            yield provider

    def options(url: str) -> dict[str, Any]:
        return {"url": url, "token": "env:T", "workspaces": PLACES, "welcome_mail": False}

    return Subject(
        open=lambda: closing(opened(real.url)),
        kinds=load_kinds(),
        samples=SAMPLES,
        many=many,
        refused=REFUSED,
        behind=behind,
        platform=Platform(spec, real, options, SEARCH, {"token": unleash_server.TOKEN}, {}, tuple(sorted(spec.capabilities.kinds or ()))),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("check", contract.checks(spec), ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], subject: Subject) -> None:
    check(subject)


def test_more_users_than_a_minute_takes_are_waited_for(postgres: Postgres, tmp_path: Path) -> None:
    with (
        unleash_server.running(postgres, "slow", tmp_path / "log", users_a_minute=2) as url,
        closing(open_provider(spec, {"url": url, "token": "env:T"}, secrets={"token": unleash_server.TOKEN}, max_wait=70)) as provider,
    ):
        people = [Sample(Address(f"member/p{n}@acme.com"), {"role": "viewer"}) for n in range(3)]
        done = [provider.write([Operation("create", p.address, p.attributes, key=str(n))])[0] for n, p in enumerate(people)]
        assert [d.status for d in done] == ["done"] * 3, done


# Every oddity is asked of the real server and of the fake, and both must say the same.


def same(real: Real, fake: Real, method: str, path: str, body: Any = None, *, keep: Sequence[str] = ("name", "message")) -> Any:
    answers = []
    for server in (real, fake):
        status, said, _ = server.ask(method, path, body)
        answers.append((status, {k: said.get(k) for k in keep} if isinstance(said, dict) else said))
    assert answers[0] == answers[1], f"{method} {path}: (real, fake)"
    return answers[0]


def test_flags_and_their_archive_are_the_same(real: Real, fake: Real) -> None:
    for status, method, path, body in ODDITIES:
        told = isinstance(body, dict) and not NAME.fullmatch(body["name"])  # of names it says at length why not
        assert same(real, fake, method, path, body, keep=("name",) if told else ("name", "message"))[0] == status


def test_a_project_that_is_not_there_shows_no_environment(real: Real, fake: Real) -> None:
    for project, visible in (("default", True), ("nope", False)):
        for server in (real, fake):
            status, said, _ = server.ask("GET", f"environments/project/{project}")
            assert (status, {e["name"]: e["visible"] for e in said["environments"]}) == (
                200,
                {"development": visible, "production": visible},
            )


def test_environments_go_on_and_off_the_same(real: Real, fake: Real) -> None:
    same(real, fake, "POST", f"{P}/features", {"name": "turned"})
    at = f"{P}/features/turned/environments/production"
    same(real, fake, "POST", f"{at}/on")
    assert _settings(real) == _settings(fake) == [("development", False, []), ("production", True, [("flexibleRollout", "100", False)])]
    for server in (real, fake):  # without its last strategy it goes off by itself
        [made] = [s for e in server.ask("GET", f"{P}/features/turned")[1]["environments"] for s in e["strategies"]]
        assert server.ask("DELETE", f"{at}/strategies/{made['id']}")[0] == 200
    assert _settings(real) == _settings(fake) == [("development", False, []), ("production", False, [])]
    same(real, fake, "POST", f"{at}/strategies", {"name": "nosuch"})
    for rollout in ("25", "100"):
        same(
            real,
            fake,
            "POST",
            f"{at}/strategies",
            {"name": "flexibleRollout", "parameters": {"rollout": rollout, "stickiness": "default", "groupId": "turned"}},
            keep=("name", "parameters", "disabled"),
        )
    same(real, fake, "POST", f"{at}/on")
    same(real, fake, "DELETE", f"{P}/features/turned")
    same(real, fake, "POST", "archive/revive/turned")  # it comes back off, with its strategies
    assert _settings(real) == _settings(fake)
    assert [on for _, on, _ in _settings(real)] == [False, False]
    for server in (real, fake):
        server.ask("DELETE", f"{P}/features/turned")
        server.ask("DELETE", "archive/turned")


def _settings(server: Real) -> list[Any]:
    flag = server.ask("GET", f"{P}/features/turned")[1]
    shown = [
        (e["name"], e["enabled"], [(s["name"], s["parameters"].get("rollout"), s["disabled"]) for s in e["strategies"]])
        for e in flag["environments"]
    ]
    return sorted(shown)


def test_a_search_has_the_same_caps(real: Real, fake: Real) -> None:
    names = [f"page-{n:03}" for n in range(103)]
    for server in (real, fake):
        for name in names:
            assert server.ask("POST", f"{P}/features", {"name": name})[0] == 201
    try:
        for query, length, total in [
            ("", 50, 103),
            ("&limit=100", 100, 103),
            ("&limit=101", 50, 103),
            ("&limit=50&offset=100", 3, 103),
            ("&offset=200", 0, 0),
        ]:
            for server in (real, fake):
                found = server.ask("GET", f"search/features?project=IS%3Adefault&query=page-&sortBy=name&sortOrder=asc{query}")[1]
                assert (len(found["features"]), found["total"]) == (length, total), query
    finally:
        for server in (real, fake):
            for name in names:
                server.ask("DELETE", f"{P}/features/{name}")


def test_users_are_the_same(real: Real, fake: Real) -> None:
    new = {"email": "Odd@acme.com", "name": "Odd", "rootRole": 3, "sendEmail": False}
    same(real, fake, "POST", "user-admin", new, keep=("email", "name", "rootRole"))
    same(real, fake, "POST", "user-admin", {**new, "email": "ODD@acme.com"})
    same(real, fake, "POST", "user-admin", {**new, "email": "other@acme.com", "rootRole": 99})
    for address in ("nobody", "odd@acme.example"):  # the top-level domain must be one of the public DNS
        same(real, fake, "POST", "user-admin", {**new, "email": address}, keep=("name",))
    same(real, fake, "PUT", "user-admin/987654", {"rootRole": 3})
    for body in ({"name": ""}, {"name": "Odder"}, {"rootRole": 2}, {"rootRole": 99}):
        for server in (real, fake):
            server.ask("PUT", f"user-admin/{_odd(server)['id']}", body)
        shown = [{k: v for k, v in _odd(server).items() if k in ("email", "name", "rootRole")} for server in (real, fake)]
        assert shown[0] == shown[1]
    assert [bool(_odd(server)["inviteLink"]) for server in (real, fake)] == [True, True]
    for server in (real, fake):
        id = _odd(server)["id"]
        assert [server.ask("DELETE", f"user-admin/{id}")[0] for _ in range(2)] == [200, 404]


def _odd(server: Real) -> dict[str, Any]:
    return next(u for u in server.ask("GET", "user-admin")[1]["users"] if u.get("email") == "odd@acme.com")
