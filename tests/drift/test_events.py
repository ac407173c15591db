"""What the audit logs are asked, how often, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from orgform.kinds import load_kinds
from orgform.model import Address, Attribution
from orgform.planning.who import changed_by, created_by, deleted_by
from orgform.providers.base import Capabilities, Event, Operation, Provider
from orgform.providers.orgform import remote
from orgform.testing.fake import FakeProvider
from tests.drift.company import Company
from tests.providers.conftest import context
from tests.providers.scripted import Script, Step, answer, scripted

X = Address("workspace/x")


def event(actor: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Event:
    return Event(actor, "2026-11-20T14:02:00Z", "web", before, after)


def who(actor: str) -> Attribution:
    return Attribution(actor, "2026-11-20T14:02:00Z", "web")


def test_the_newest_event_that_changed_a_value_counts() -> None:
    events = [
        event("d", {"a": 2, "m": {"k": 1}}, {"a": 2, "m": {"k": 2}}),
        event("c", {"a": 1}, {"a": 2, "m": {"k": 1}}),
        event("b", {"a": 0, "z": 5}, {"a": 1}),
        event("a", None, {"a": 0, "z": 5}),
    ]
    assert changed_by(events, ("a",)) == who("c")
    assert changed_by(events, ("m", "k")) == who("d")
    assert changed_by(events, ("z",)) == who("b"), "it was there, and then not"
    assert changed_by(events, ("never",)) is None
    assert created_by(events) == who("a")
    assert deleted_by(events) is None
    assert deleted_by([event("e", {"a": 2}, None), *events]) == who("e")


def test_a_log_without_values_names_who_was_last() -> None:
    events = [event("b", None, None), event("a", None, {"a": 0})]
    assert changed_by(events, ("a",)) == who("b")


def test_a_platform_without_a_log_tells_nothing() -> None:
    class Silent(Provider):
        capabilities = Capabilities()
        system = "silent"

        def read(self, kinds: Any) -> Any:
            return iter(())

        def write(self, operations: Any) -> Any:
            return []

    assert Silent().events([X]) == {}
    assert Silent().attributions([X]) == {}


def test_the_fake_keeps_a_log() -> None:
    fake = FakeProvider()
    fake.write([Operation("create", X, {"name": "X"})])
    fake.put(X, {"name": "Y"}, actor="dana@acme.com")
    fake.put(X, {"name": "Z"})
    fake.drop(X, actor="eve@acme.com", client="curl")
    told = [(e.actor, e.client, e.before, e.after) for e in fake.events([X, Address("workspace/y")])[X]]
    assert told == [
        ("eve@acme.com", "curl", {"name": "Z"}, None),
        ("dana@acme.com", "web console", {"name": "X"}, {"name": "Y"}),
        ("orgform", "orgform/fake", None, {"name": "X"}),
    ]
    assert fake.attributions([X])[X].actor == "eve@acme.com"


@contextmanager
def talking_to(folder: Path, *steps: Step) -> Iterator[tuple[Provider, Script]]:
    with scripted(*steps) as script, closing(remote.open(context(folder, load_kinds(), {"url": script.url}))) as provider:
        yield provider, script


def line(actor: str, action: str = "update", **more: Any) -> dict[str, Any]:
    return {"time": "t", "actor": actor, "client": "", "action": action, "address": X, **more}


def test_older_pages_are_asked_for_until_the_creation(tmp_path: Path) -> None:
    first = answer(200, {"items": [line("b", before={"a": 1}, after={"a": 2})], "next": "more &"})
    last = answer(200, {"items": [line("a", "create", before=None, after={"a": 1})], "next": "even more"})
    with talking_to(tmp_path, first, last) as (provider, script):
        assert [e.actor for e in provider.events([X, X])[X]] == ["b", "a"]
        assert script.paths == [
            "/v1/audit-events?limit=20&address=workspace%2Fx",
            "/v1/audit-events?limit=20&address=workspace%2Fx&cursor=more%20%26",
        ]


def test_what_is_no_change_of_attributes_names_nobody(tmp_path: Path) -> None:
    listed = [line("observer", "observe", before={"status": "a"}, after={"status": "b"}), line("v", "verify"), line("b", after={"a": 1})]
    with talking_to(tmp_path, answer(200, {"items": listed})) as (provider, _):
        assert [e.actor for e in provider.events([X])[X]] == ["b"]


def test_calls_are_bounded(tmp_path: Path) -> None:
    many = [Address(f"workspace/w{n}") for n in range(200)]
    endless = answer(200, {"items": [line("b", before={}, after={})], "next": "again"})
    with talking_to(tmp_path, endless) as (provider, script):
        assert len(provider.events(many)) == 50
        assert len(script.received) == 60
    with talking_to(tmp_path, endless) as (provider, script):
        assert len(provider.events([X])[X]) == 3
        assert len(script.received) == 3


def test_a_log_that_fails_is_nothing_to_stop_for(tmp_path: Path) -> None:
    page = answer(200, {"items": [line("b", before={}, after={"a": 1})]})
    with talking_to(tmp_path, page, answer(403)) as (provider, _):
        assert list(provider.events([X, Address("workspace/y")])) == [X]


def test_a_group_that_many_changed(acme: Company) -> None:
    """More changes than a page holds; the one that counts is an old one."""
    acme.hand("PATCH", "groups/support", {"name": "Helpers", "members": ["bob@acme.com"]}, actor="eve@acme.com")
    acme.edit("  support:\n", "  support:\n    name: Support\n")
    for n in range(45):
        acme.hand("PATCH", "groups/support", {"description": f"d{n}"})
    [item] = acme.drift().drift
    assert {f.path: f.attribution and f.attribution.actor for f in item.fields if f.origin != "config"} == {"members": "eve@acme.com"}


def test_events_of_an_open_target_hold_no_secret(acme: Company) -> None:
    from orgform.opening import load, opened_ledger, opened_targets
    from orgform.redaction import keep_secret

    acme.hand("PATCH", "members/bob@acme.com", {"title": "CTO"}, client="curl s3cr3t-t0ken-value")
    keep_secret("s3cr3t-t0ken-value")
    config = load(acme.options, load_kinds())
    with opened_ledger(acme.options, create=False) as ledger, opened_targets(acme.options, config, ledger, None) as targets:
        provider = targets["acme"].provider
        with closing(provider):
            [newest, *_] = provider.events([Address("member/bob@acme.com")])[Address("member/bob@acme.com")]
    assert "s3cr3t" not in newest.client
