"""Bearer tokens: what a request is told that has a good one, a bad one or none, and what the database has of them."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
import sqlalchemy as sa

from orgform.kinds import Kinds
from orgform.providers.http import InProcessTransport
from orgform.server import Store, create_app, tables
from orgform.server import tokens as module
from orgform.server.store import StoreError, now, time_text
from orgform.server.tokens import Token, create, find, id_in, identify_by_token, knows_company, listed, revoke
from tests.server.conftest import COMPANIES


class Asking(httpx.Client):
    """Requests to one application, which takes tokens and nothing else."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        app = create_app(store, kinds, identify=identify_by_token(store), inline=True)
        super().__init__(transport=InProcessTransport(app), base_url="http://test", headers={"user-agent": "web console"})

    def whoami(self, token: str) -> httpx.Response:
        return self.get("/v1/whoami", headers=bearer(token))


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def asking(store: Store, kinds: Kinds) -> Iterator[Asking]:
    with Asking(store, kinds) as client:
        yield client


@pytest.fixture
def company() -> str:
    return f"tokens-{next(COMPANIES)}"


def row_of(store: Store, id: str) -> dict[str, Any]:
    with store.reading() as connection:
        row = connection.execute(sa.select(tables.tokens).where(tables.tokens.c.id == id)).mappings().one()
        return dict(row)


def set_row(store: Store, id: str, **values: Any) -> None:
    with store.transaction() as connection:
        connection.execute(sa.update(tables.tokens).where(tables.tokens.c.id == id).values(**values))


def with_other_secret(text: str) -> str:
    return text[:-43] + "".join("a" if c != "a" else "b" for c in text[-43:])


def refusal(answer: httpx.Response) -> tuple[int, dict[str, Any], str]:
    return answer.status_code, answer.json(), answer.headers["www-authenticate"]


# What is kept


def test_a_token_is_random_and_only_its_hash_is_kept(store: Store, company: str) -> None:
    made = [create(store, company=company, scope="read") for _ in range(3)]
    assert len({text for _, text in made}) == 3
    for token, text in made:
        match = re.fullmatch(r"orgform_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", text)
        assert match
        assert (match[1], id_in(text)) == (token.id, token.id)
        row = row_of(store, token.id)
        assert row["hash"] == hashlib.sha256(match[2].encode()).hexdigest()
        assert not [value for value in row.values() if match[2] in str(value)]
        assert match[2] not in repr(token)


def test_the_actor_is_the_one_it_was_made_for(store: Store, company: str) -> None:
    anonymous = create(store, company=company, scope="read")[0]
    assert anonymous.actor == f"token:{anonymous.id}"
    assert create(store, company=company, scope="read", member="a@acme.com")[0].actor == "a@acme.com"
    assert create(store, company=company, scope="read", member="a@acme.com", actor="ci")[0].actor == "ci"


def test_they_are_found_and_listed_oldest_first(store: Store, company: str) -> None:
    one, two = (create(store, company=company, scope="read", actor=actor)[0] for actor in ("one", "two"))
    set_row(store, one.id, created_at="2020-01-01T00:00:00.000Z")
    create(store, company=f"{company}-other", scope="read")
    assert [t.actor for t in listed(store, company)] == ["one", "two"]
    assert {two.id, one.id} < {t.id for t in listed(store)}
    assert find(store, two.id) == two
    assert find(store, "nobody") is None


def test_what_state_a_token_is_in() -> None:
    token = Token("a", "acme", "read", "ci", "", "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z")
    assert token.state("2026-01-31T23:59:59.999Z") == "active"
    assert token.state("2026-02-01T00:00:00.000Z") == "expired"
    revoked = Token("a", "acme", "read", "ci", "", token.created_at, token.expires_at, "2026-01-02T00:00:00.000Z")
    assert revoked.state("2026-03-01T00:00:00.000Z") == "revoked"


def test_a_company_is_known_when_something_was_written(store: Store, asking: Asking, company: str) -> None:
    _, text = create(store, company=company, scope="write")
    assert not knows_company(store, company)
    assert asking.post("/v1/workspaces", json={"key": "ws"}, headers=bearer(text)).status_code == 201
    assert knows_company(store, company)


# Who asks


def test_a_token_says_who_asks_and_for_which_company(store: Store, asking: Asking, company: str) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    token, text = create(store, company=company, scope="write", actor="ci", member="a@acme.com", expires_at=until)
    assert asking.whoami(text).json() == {
        "company": company,
        "actor": "ci",
        "scope": "write",
        "token": token.id,
        "member": "a@acme.com",
        "expires_at": time_text(until),
    }
    asking.post("/v1/workspaces", json={"key": "ws"}, headers=bearer(text))
    [event] = asking.get("/v1/audit-events?address=workspace/ws", headers=bearer(text)).json()["items"]
    assert (event["actor"], event["token"], event["client"]) == ("ci", token.id, "web console")


def test_where_no_token_is_needed_whoami_says_so(store: Store, kinds: Kinds) -> None:
    with httpx.Client(transport=InProcessTransport(create_app(store, kinds, inline=True)), base_url="http://test") as anybody:
        known = anybody.get("/v1/whoami").json()
        assert known == {
            "company": "default",
            "actor": "anonymous",
            "scope": "write",
            "token": None,
            "member": None,
            "expires_at": None,
        }
        assert anybody.get("/v1/whoami?as=dana").status_code == 400
        assert anybody.post("/v1/whoami").status_code == 405


def test_nobody_can_say_that_it_was_another(store: Store, asking: Asking, company: str) -> None:
    _, text = create(store, company=company, scope="write", actor="ci")
    others = {"x-actor": "dana", "actor": "dana", "x-orgform-actor": "dana", "from": "dana@acme.com", "x-forwarded-user": "dana"}
    assert asking.post("/v1/workspaces?actor=dana", json={"key": "ws"}, headers=bearer(text)).status_code == 400
    assert asking.post("/v1/workspaces", json={"key": "ws", "actor": "dana"}, headers=bearer(text)).status_code == 422
    assert asking.post("/v1/workspaces", json={"key": "ws"}, headers={**bearer(text), **others}).status_code == 201
    [event] = asking.get("/v1/audit-events?address=workspace/ws", headers=bearer(text)).json()["items"]
    assert event["actor"] == "ci"


def test_a_token_in_the_name_of_a_client_is_not_kept(store: Store, asking: Asking, company: str) -> None:
    token, text = create(store, company=company, scope="write")
    asking.post("/v1/workspaces", json={"key": "ws"}, headers={**bearer(text), "user-agent": "x" * 100 + f" curl with {text}"})
    [event] = asking.get("/v1/audit-events?address=workspace/ws", headers=bearer(text)).json()["items"]
    assert event["client"].endswith(f" curl with orgform_{token.id}_(secret)")


def test_a_token_that_may_only_read(store: Store, asking: Asking, company: str) -> None:
    _, text = create(store, company=company, scope="read")
    for path in ("/v1/whoami", "/v1/workspaces", "/v1/audit-events"):
        assert asking.get(path, headers=bearer(text)).status_code == 200
        assert asking.head(path, headers=bearer(text)).status_code == 200
    for method, path in [
        ("POST", "/v1/workspaces"),
        ("POST", "/v1/batch"),
        ("PATCH", "/v1/workspaces/ws"),
        ("DELETE", "/v1/workspaces/ws"),
        ("POST", "/v1/domains/acme.com/verify"),
    ]:
        answer = asking.request(method, path, headers=bearer(text), json={"operations": []})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope")
    assert not knows_company(store, company)


# Who may not


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic Zm9vOmJhcg==", "{token}", "Token {token}", "Bearer{token}", "{id}"],
)
def test_without_a_token_one_is_told_how_to_send_one(store: Store, asking: Asking, company: str, header: str | None) -> None:
    token, text = create(store, company=company, scope="read")
    given = {} if header is None else {"authorization": header.format(token=text, id=token.id)}
    status, problem, challenge = refusal(asking.get("/v1/whoami", headers=given))
    expected = "wrong-token" if header in ("Bearer", "Bearer ") else "no-token"
    assert (status, problem["code"], challenge.split()[0]) == (401, expected, "Bearer")


@pytest.mark.parametrize("header", ["Bearer {token}", "bearer {token}", "BEARER  {token} ", "\tBearer {token}"])
def test_the_schemes_name_is_no_secret(store: Store, asking: Asking, company: str, header: str) -> None:
    text = create(store, company=company, scope="read")[1]
    answer = asking.get("/v1/whoami", headers={"authorization": header.format(token=text)})
    assert (answer.status_code, answer.json().get("company")) == (200, company)


def test_two_tokens_are_none(store: Store, asking: Asking, company: str) -> None:
    text = create(store, company=company, scope="read")[1]
    twice = [("authorization", f"Bearer {text}"), ("authorization", f"Bearer {text}")]
    assert asking.get("/v1/whoami", headers=twice).status_code == 401


def test_unknown_wrong_and_malformed_are_one_answer(store: Store, asking: Asking, company: str) -> None:
    token, text = create(store, company=company, scope="read")
    secret = text[-43:]
    bad = [
        f"orgform_{'0' * 12}_{secret}",
        with_other_secret(text),
        text[:-1],
        text + "a",
        text.upper(),
        f"orgform_{token.id}_",
        f"orgform_{token.id}_{hashlib.sha256(secret.encode()).hexdigest()}",
        token.id,
        secret,
        "%",
        "' OR 1=1 --",
        "\x00".join(text),
        "x" * 10_000,
    ]
    told = {str(refusal(asking.whoami(b))) for b in bad}
    assert len(told) == 1
    status, problem, challenge = refusal(asking.whoami(bad[0]))
    assert (status, problem["code"], challenge) == (401, "wrong-token", 'Bearer error="invalid_token"')
    assert company not in str(problem)


@pytest.mark.parametrize("state", ["expired", "revoked"])
def test_only_the_secrets_holder_is_told_that_it_was_good_once(
    store: Store, asking: Asking, company: str, state: Literal["expired", "revoked"]
) -> None:
    token, text = create(store, company=company, scope="read")
    unknown = refusal(asking.whoami(f"orgform_{'0' * 12}_{text[-43:]}"))
    assert asking.whoami(text).status_code == 200
    set_row(store, token.id, **{f"{state}_at".replace("expired_at", "expires_at"): now()})
    status, problem, challenge = refusal(asking.whoami(text))
    assert (status, problem["code"]) == (401, f"{state}-token")
    assert challenge.startswith("Bearer")
    assert token.id in problem["detail"]
    assert refusal(asking.whoami(with_other_secret(text))) == unknown


def test_a_good_token_of_one_company_is_no_token_of_another(store: Store, asking: Asking, company: str) -> None:
    (_, ours), (_, theirs) = (create(store, company=c, scope="write") for c in (company, f"{company}-other"))
    asking.post("/v1/workspaces", json={"key": "ws"}, headers=bearer(ours))
    assert asking.get("/v1/workspaces/ws", headers=bearer(theirs)).status_code == 404
    mixed = f"orgform_{id_in(ours)}_{theirs[-43:]}"
    assert asking.whoami(mixed).json()["code"] == "wrong-token"


def test_a_refusal_comes_before_anything_is_looked_at(asking: Asking) -> None:
    assert asking.post("/v1/workspaces", content=b"{" * 1000).status_code == 401
    assert asking.get("/v1/nothing-like-this").status_code == 401
    assert asking.get("/v1/workspaces?limit=none").status_code == 401
    assert asking.put("/v1/workspaces").status_code == 405
    assert asking.get("/elsewhere").status_code == 404


# Ends


def test_revoking_holds_at_once_and_twice_is_once(store: Store, asking: Asking, company: str) -> None:
    token, text = create(store, company=company, scope="read")
    assert asking.whoami(text).status_code == 200
    before = revoke(store, token.id)
    assert before
    assert before.revoked_at is None
    assert asking.whoami(text).status_code == 401
    first = row_of(store, token.id)["revoked_at"]
    again = revoke(store, token.id)
    assert again
    assert again.revoked_at == first == row_of(store, token.id)["revoked_at"]
    assert revoke(store, "nobody") is None


def test_it_ends_by_the_servers_clock(store: Store, asking: Asking, company: str) -> None:
    _, text = create(store, company=company, scope="read", expires_at=datetime.now(UTC) + timedelta(seconds=0.5))
    while (answer := asking.whoami(text)).status_code == 200:
        time.sleep(0.05)
    assert answer.json()["code"] == "expired-token"


# When it was used


@contextmanager
def counted_writes(store: Store) -> Iterator[list[str]]:
    """Every statement on the tokens' table that is no question."""
    seen: list[str] = []

    def executed(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith("UPDATE TOKENS"):
            seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", executed)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", executed)


def test_a_use_is_written_once_an_hour(store: Store, kinds: Kinds, company: str) -> None:
    token, text = create(store, company=company, scope="read")
    with Asking(store, kinds) as one, Asking(store, kinds) as other, counted_writes(store) as writes:
        for _ in range(5):
            assert one.whoami(text).status_code == 200
            assert other.whoami(text).status_code == 200
        assert len(writes) == 1, "the other one sees that it is written"
        used = row_of(store, token.id)["used_at"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00\.000Z", used)
        assert used <= now()
        set_row(store, token.id, used_at="2020-01-01T00:00:00.000Z")
        writes.clear()
        one.whoami(text)
        assert not writes, "a process tries once an hour, whatever became of it"
        with Asking(store, kinds) as later:
            later.whoami(text)
        assert row_of(store, token.id)["used_at"] == used


def test_a_wrong_token_is_no_use(store: Store, asking: Asking, company: str) -> None:
    token, text = create(store, company=company, scope="read")
    asking.whoami(with_other_secret(text))
    assert row_of(store, token.id)["used_at"] is None


def test_the_hour_goes_on(store: Store, company: str) -> None:
    token, _ = create(store, company=company, scope="read")
    uses = module._Uses(store)
    uses.note(token, "2026-11-20T14:00:00.000Z")
    uses.note(token, "2026-11-20T15:00:00.000Z")
    assert row_of(store, token.id)["used_at"] == "2026-11-20T15:00:00.000Z"
    module._Uses(store).note(token, "2026-11-20T14:00:00.000Z")
    assert row_of(store, token.id)["used_at"] == "2026-11-20T15:00:00.000Z", "it never goes back"


@contextmanager
def refusing_updates(store: Store) -> Iterator[None]:
    """A database that takes no change of a token."""
    with store.transaction() as connection:
        sqlite = connection.dialect.name == "sqlite"
        for statement in REFUSE_SQLITE if sqlite else REFUSE_POSTGRESQL:
            connection.exec_driver_sql(statement)
    try:
        yield
    finally:
        with store.transaction() as connection:
            connection.exec_driver_sql("DROP TRIGGER refusing" if sqlite else "DROP TRIGGER refusing ON tokens")


REFUSE_SQLITE = ["CREATE TRIGGER refusing BEFORE UPDATE ON tokens BEGIN SELECT RAISE(ABORT, 'no'); END"]
REFUSE_POSTGRESQL = [
    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
    "CREATE TRIGGER refusing BEFORE UPDATE ON tokens EXECUTE FUNCTION refuse()",
]


def test_a_use_that_cannot_be_written_fails_nothing(store: Store, asking: Asking, company: str) -> None:
    token, text = create(store, company=company, scope="write")
    with refusing_updates(store):
        assert asking.whoami(text).status_code == 200
        assert asking.post("/v1/workspaces", json={"key": "ws"}, headers=bearer(text)).status_code == 201
        with pytest.raises(StoreError):
            revoke(store, token.id)
    assert row_of(store, token.id)["used_at"] is None


def test_many_at_a_time(store: Store, kinds: Kinds, company: str) -> None:
    token, text = create(store, company=company, scope="read")
    answers: list[int] = []

    def ask() -> None:
        with Asking(store, kinds) as client:
            answers.extend(client.whoami(text).status_code for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40
    assert row_of(store, token.id)["used_at"] is not None


# Whose they are


@pytest.fixture
def admin(store: Store, company: str) -> str:
    return create(store, company=company, scope="write", actor="admin")[1]


def asked(asking: Asking, token: str, *operations: dict[str, Any]) -> list[dict[str, Any]]:
    answer = asking.post("/v1/batch", json={"operations": list(operations)}, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def on_member(method: str, key: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "collection": "members", "key": key, **more}


def test_a_token_follows_its_member(store: Store, asking: Asking, company: str, admin: str) -> None:
    _, text = create(store, company=company, scope="read", member="ann@acme.com")
    _, elsewhere = create(store, company=f"{company}-other", scope="read", member="ann@acme.com")
    asked(asking, admin, on_member("create", "ann@acme.com"), on_member("create", "bob@acme.com"))
    assert asking.patch("/v1/members/ann@acme.com", json={"key": "anna@acme.com"}, headers=bearer(admin)).status_code == 200
    assert asking.whoami(text).json()["member"] == "anna@acme.com"
    assert asking.whoami(text).json()["actor"] == "ann@acme.com", "who it was is not rewritten"
    swapped = [("bob@acme.com", "c@acme.com"), ("anna@acme.com", "bob@acme.com"), ("c@acme.com", "anna@acme.com")]
    asked(asking, admin, *[on_member("update", old, new_key=new) for old, new in swapped])
    assert asking.whoami(text).json()["member"] == "bob@acme.com"
    assert asking.whoami(elsewhere).json()["member"] == "ann@acme.com"


def test_who_has_left_asks_nothing_any_more(store: Store, asking: Asking, company: str, admin: str) -> None:
    _, text = create(store, company=company, scope="write", member="ann@acme.com")
    _, elsewhere = create(store, company=f"{company}-other", scope="read", member="ann@acme.com")
    assert asking.whoami(text).status_code == 200, "it may be made before its member"
    asked(asking, admin, on_member("create", "ann@acme.com"), on_member("create", "bob@acme.com"))
    asked(asking, admin, on_member("delete", "bob@acme.com"))
    assert asking.whoami(text).status_code == 200
    asked(asking, admin, on_member("delete", "ann@acme.com"), on_member("create", "ann@acme.com"))
    assert asking.whoami(text).json()["code"] == "revoked-token", "who comes again is another"
    assert (asking.whoami(elsewhere).status_code, asking.whoami(admin).status_code) == (200, 200)


def test_what_is_refused_revokes_nothing(store: Store, asking: Asking, company: str, admin: str) -> None:
    _, text = create(store, company=company, scope="read", member="ann@acme.com")
    asked(asking, admin, on_member("create", "ann@acme.com"), {"method": "create", "collection": "groups", "key": "g"})
    asking.patch("/v1/groups/g", json={"attributes": {"members": ["ann@acme.com"]}}, headers=bearer(admin))
    assert asking.delete("/v1/members/ann@acme.com", headers=bearer(admin)).status_code == 409
    both = {
        "operations": [on_member("update", "ann@acme.com", new_key="x@acme.com"), on_member("delete", "nobody@acme.com")],
        "atomic": True,
    }
    assert asking.post("/v1/batch", json=both, headers=bearer(admin)).status_code == 404
    assert asking.whoami(text).json()["member"] == "ann@acme.com"


def test_a_use_waits_for_no_writer(store: Store, asking: Asking, company: str) -> None:
    """Where it would have to, it is left for the next request."""
    token, text = create(store, company=company, scope="read")
    with store.writing(company):
        assert asking.whoami(text).status_code == 200
    assert asking.whoami(text).status_code == 200
    assert row_of(store, token.id)["used_at"] is not None
