"""Wrong tokens are slowed and audited; right ones never are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from orgform.server import Store, tokens
from orgform.server.guessing import FREE, LONGEST_DELAY, MINUTE, MOST, MOST_ADDRESSES, Guesses
from orgform.server.problems import Problem
from orgform.server.store import AuditFilter
from orgform.testing.server import running_server


def asked(host: str | None) -> Request:
    return Request({"type": "http", "headers": [], "client": (host, 1) if host else None})


def refusal(guesses: Guesses, host: str | None) -> Problem:
    return guesses.slowed(asked(host), Problem(401, "wrong-token", "no"))


def test_who_sends_many_waits_longer_and_longer() -> None:
    now = [1000.0 * MINUTE]
    guesses = Guesses(lambda: now[0])
    delays = [refusal(guesses, "10.0.0.1").delay for _ in range(MOST)]
    assert delays[:FREE] == [0.0] * FREE
    assert delays == sorted(delays)
    assert delays[FREE] > 0
    assert delays[-1] == LONGEST_DELAY
    now[0] += 20
    told = refusal(guesses, "10.0.0.1")
    assert (told.status, told.headers["retry-after"], told.delay) == (429, "40", LONGEST_DELAY)
    assert refusal(guesses, "10.0.0.2").delay == 0.0
    assert refusal(guesses, None).status == 401
    now[0] += MINUTE
    assert (refusal(guesses, "10.0.0.1").status, refusal(guesses, "10.0.0.1").delay) == (401, 0.0)


def test_what_is_remembered_of_strangers_is_bounded() -> None:
    guesses = Guesses(lambda: 1.0)
    for n in range(MOST_ADDRESSES + 10):
        assert refusal(guesses, f"host-{n}").status == 401
    assert len(guesses._by_address) == MOST_ADDRESSES


def events(store: Store, company: str) -> list[dict[str, Any]]:
    names = ("id", "time", "actor", "token", "client", "action", "address", "before", "after")
    return [dict(zip(names, row, strict=False)) for row in store.audit(company, AuditFilter(), 100)]


def bearing(text: str) -> Request:
    headers = [(b"authorization", f"Bearer {text}".encode()), (b"user-agent", b"guesser")]
    return Request({"type": "http", "headers": headers, "client": ("192.0.2.7", 1)})


def test_guesses_are_in_the_audit_log_and_a_right_token_passes(store: Store) -> None:
    token, text = tokens.create(store, company="guessed", scope="read")
    identify = tokens.identify_by_token(store)
    for wrong in (f"orgform_{token.id}_{'x' * 43}", f"orgform_{'a' * 12}_{'x' * 43}", "no token") * (MOST // 3 + 1):
        with pytest.raises(Problem) as refused:
            identify(bearing(wrong))
    assert (refused.value.status, refused.value.delay) == (429, LONGEST_DELAY)
    assert identify(bearing(text)).company == "guessed"
    seen = [e for e in events(store, "guessed") if e["action"] == "refuse"]
    assert 1 <= len(seen) <= 2  # once a minute
    assert (seen[0]["actor"], seen[0]["token"], seen[0]["client"]) == ("somebody at 192.0.2.7", token.id, "guesser")
    assert seen[0]["address"] == f"token/{token.id}"


def test_a_server_holds_back_its_refusals(tmp_path: Path) -> None:
    with running_server(tmp_path / "acme.db", without_tokens=False) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        text = server.token("acme", "read")
        for n in range(FREE + 2):
            answer = client.get("/v1/members", headers={"authorization": f"Bearer orgform_{'a' * 12}_{'x' * 43}"})
            assert (answer.status_code, answer.json()["code"]) == (401, "wrong-token")
            assert answer.elapsed.total_seconds() >= (0.1 if n >= FREE else 0.0)
        assert client.get("/v1/members", headers={"authorization": f"Bearer {text}"}).status_code == 200


@pytest.mark.parametrize("company", ["made"])
def test_making_and_ending_a_token_is_in_the_audit_log(store: Store, company: str) -> None:
    token, text = tokens.create(store, company=company, scope="write", actor="ci")
    tokens.revoke(store, token.id)
    tokens.revoke(store, token.id)
    told = events(store, company)
    assert [(e["action"], e["actor"], e["address"]) for e in told] == [
        ("revoke", "operator", f"token/{token.id}"),
        ("create", "operator", f"token/{token.id}"),
    ]
    assert text.split("_", 2)[2] not in repr(told)
