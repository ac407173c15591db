"""Stanna keeps the contract, also where a PUT replaces what it should merge; what its API does not reach is told before any call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from orgform.errors import ReadFailed
from orgform.kinds import load_kinds
from orgform.model import Live
from orgform.providers.base import Declared as Asked
from orgform.providers.base import Finding, Operation, Provider, Result, RoleNames, TargetContext
from orgform.providers.http import HttpError, Session
from orgform.providers.stanna import HOME, spec
from orgform.providers.stanna.mapping import body_of, masked, settings_of
from orgform.testing import contract
from orgform.testing.contract import Sample, Subject
from orgform.testing.fakes.stanna import KEY, Stanna, example, workspace
from orgform.testing.platform import Told

X = "workspace/x.example"
PART = "workspace.settings/x.example"
CHANGE = {"timezone": "UTC", "thresholds": {"risk_score": 35}, "notifications": {"dailyDigest": True, "channels.email": False}}


def two(**options: Any) -> Stanna:
    return Stanna({"x.example": workspace("X", "x.example"), "y.example": workspace("Y", "y.example")}, **options)


def changed(attributes: dict[str, Any]) -> dict[str, Any]:
    """The settings with the change."""
    thresholds = {**attributes["thresholds"], **CHANGE["thresholds"]}  # type: ignore[dict-item]
    notifications = {**attributes["notifications"], **CHANGE["notifications"]}  # type: ignore[dict-item]
    return {**attributes, "timezone": "UTC", "thresholds": thresholds, "notifications": notifications}


@contextmanager
def opened(
    fake: Stanna, *known: str, cache: Path | None = None, key: str = KEY, keys: Mapping[str, str] | None = None, **options: Any
) -> Iterator[Provider]:
    given = {"url": fake.url, "token": "env:STANNA_TOKEN", **options}
    context = TargetContext(
        "s",
        given,
        Path(),
        load_kinds(),
        lambda option: (keys or {}).get(option, key),
        max_wait=0.01,
        known=lambda system: known or (X, PART),
        cache=cache,
    )
    with closing(spec.open(context)) as provider:
        yield provider


def live(provider: Provider, address: str) -> Live | None:
    [result] = provider.read([address.partition("/")[0]])
    assert result.complete, result.problem
    return result.resources.get(address)


def update(provider: Provider, patch: Mapping[str, Any] = CHANGE, address: str = PART, etag: str | None = None) -> Result:
    found = live(provider, address)
    [result] = provider.write([Operation("update", address, dict(patch), etag or (found.etag if found else None), "x")])
    return result


# The contract


# Faults meet the same code for both.
ONCE = ("reads_right_or_says_so_under_faults", "writes_what_it_says_under_faults")
CHECKS = [(check, kind) for check in contract.checks(spec) for kind in ("workspace", "workspace.settings")]


@pytest.mark.parametrize(("check", "kind"), [c for c in CHECKS if c[1] == "workspace" or c[0].__name__ not in ONCE])
def test_contract(check: Callable[[Subject], None], kind: str) -> None:
    before = settings_of(workspace("X", "x.example"))
    part = kind != "workspace"
    sample = Sample(
        PART if part else X,
        before if part else {"name": "X", "settings": before},
        CHANGE if part else {"settings": CHANGE},
        changed(before) if part else {"settings": changed(before)},
        there=True,
    )
    with two(replaces=not part).running() as fake:
        options: Callable[[str], Mapping[str, Any]] = lambda url: {"url": url}  # noqa: E731
        check(contract.of(spec, fake, options, samples=(sample,), secrets={"token": KEY}, kinds=[kind]))


# Reading


def test_settings_come_with_the_names_of_the_config() -> None:
    with two().running() as fake, opened(fake) as provider:
        part, whole = live(provider, PART), live(provider, X)
    assert part is not None
    assert whole is not None
    assert part.attributes == {
        "timezone": "America/New_York",
        "currency": "USD",
        "retention_days": 365,
        "thresholds": {"risk_score": 40, "default_window_days": 7},
        "notifications": {
            "channels.email": True,
            "dailyDigest": False,
            "weeklyDigest": True,
            "alertOnScoreDrop": True,
            "scoreDropPct": 10,
            "alertOnRenewals": True,
            "renewalsAheadDays": 30,
            "emailFrom": "notifications@x.example",
        },
    }
    assert whole.attributes == {"name": "X", "settings": part.attributes}
    assert whole.observed == {"api_keys": ["orgform (sk-tes...0c77)"]}
    assert whole.id == "x.example"


def test_what_stanna_does_not_tell_is_not_there() -> None:
    assert settings_of({"timezone": None, "notifications": None}) == {}


def test_ids_are_those_of_the_options_then_the_keys_themselves() -> None:
    with two().running() as fake:
        with opened(fake, "workspace/one", "workspace/y.example", "member/a@x.example", workspaces={"one": "x.example"}) as provider:
            [result] = provider.read(["workspace"])
            assert {a: r.attributes["name"] for a, r in result.resources.items()} == {"workspace/one": "X", "workspace/y.example": "Y"}
        with opened(fake, "workspace/one", workspace_id="y.example") as provider:
            assert live(provider, "workspace/one") is not None
            assert provider.system == f"{fake.url}#y.example"
        with opened(fake, "member/a@x.example", workspace_id="y.example", account="acme") as provider:
            assert live(provider, "workspace/y.example") is not None
            assert provider.system == f"{fake.url}#acme"


def test_a_key_from_before_a_rename_stands_for_nothing() -> None:
    """`x.example` was the key once, and is the id of `one` now: read twice, it could not be told which of the two is it."""
    with two().running() as fake, opened(fake, "workspace/x.example", "workspace/one", workspaces={"one": "x.example"}) as provider:
        [result] = provider.read(["workspace"])
        assert set(result.resources) == {"workspace/one"}


def test_a_workspace_that_stanna_does_not_have_is_absent() -> None:
    with two().running() as fake, opened(fake, "workspace/new", X) as provider:
        assert live(provider, "workspace/new") is None
        assert live(provider, X) is not None
        assert update(provider, {"settings": CHANGE}, "workspace/new").status == "stale"


@pytest.mark.parametrize("told", [Told(404, {"error": "no such page"}), Told(404, b"<html>"), Told(200, {"profile": {}}), Told(500, {})])
def test_an_odd_answer_is_never_taken_for_absent(told: Told) -> None:
    with two().running() as fake:
        with opened(fake, PART, "workspace.settings/y.example") as provider:
            fake.next_answers(told)
            [result] = provider.read(["workspace.settings"])
            assert not result.complete
            assert "x.example" in result.problem
            assert list(result.resources) == ["workspace.settings/y.example"]
        with opened(fake) as provider:
            fake.next_answers(told)
            with pytest.raises(ReadFailed, match=re.escape("the settings of x.example (of `x.example`): GET /api/settings")):
                list(provider.read(["workspace.settings"]))


def test_where_nobody_answers_nothing_is_read() -> None:
    with two().running() as fake:
        pass
    with opened(fake) as provider, pytest.raises(ReadFailed, match="cannot connect"):
        list(provider.read(["workspace"]))


def test_the_key_of_another_workspace_reads_nothing_and_says_so() -> None:
    with two(foreign=["x.example"]).running() as fake, opened(fake, X, "workspace/y.example") as provider:
        [result] = provider.read(["workspace"])
        assert not result.complete
        assert result.problem == ("the API key does not open the workspace x.example (of `x.example`): each key belongs to one workspace")
        assert list(result.resources) == ["workspace/y.example"]


def test_each_workspace_may_have_a_key_of_its_own() -> None:
    given = {"token": KEY, "tokens.y.example": "sk-of-y"}
    with two(keys={"y.example": "sk-of-y"}).running() as fake:
        with opened(fake, X, "workspace/y.example") as provider:
            [result] = provider.read(["workspace"])
            assert (result.complete, list(result.resources)) == (False, [X])
        with opened(fake, X, "workspace/y.example", keys=given, tokens={"y.example": "env:Y"}) as provider:
            assert live(provider, X) is not None
            assert update(provider, {"settings": CHANGE}, "workspace/y.example").status == "done"
            provider.check_writable()
        with opened(
            fake, X, "workspace/y.example", keys={**given, "tokens.y.example": "sk-old"}, tokens={"y.example": "env:Y"}
        ) as provider:
            [result] = provider.read(["workspace"])
            assert "the settings of y.example (of `y.example`): GET /api/settings: 401" in result.problem
            assert list(result.resources) == [X]


@pytest.mark.parametrize("auth", ["bearer", "x-api-key"])
def test_a_wrong_key_says_where_to_get_one(auth: str) -> None:
    with two().running() as fake:
        with opened(fake, auth=auth) as provider:
            assert live(provider, X) is not None
        with opened(fake, auth=auth, key="sk-wrong-and-secret") as provider, pytest.raises(ReadFailed) as e:
            list(provider.read(["workspace"]))
        assert e.value.message == "Stanna does not take the API key: Invalid API key format or expired key"
        assert "Settings -> API Keys" in (e.value.hint or "")
        headers = fake.exchanges[0].call.headers
        assert ("x-api-key" in headers) == (auth == "x-api-key")
        assert ("authorization" in headers) == (auth == "bearer")


def test_api_keys_that_may_not_be_seen_are_no_problem_and_a_failure_is() -> None:
    with two().running() as fake, opened(fake) as provider:
        good = fake.answer  # the settings first, then the keys
        for status, complete in ((403, True), (500, False)):
            fake.answer = lambda call, status=status: Told(status, {"error": "no"}) if "api-keys" in call.path else good(call)  # type: ignore[method-assign,misc]
            [result] = provider.read(["workspace"])
            assert (result.complete, result.resources[X].observed) == (complete, {})


@pytest.mark.parametrize(
    ("key", "shown"), [("sk-1234...abcd", "sk-1234...abcd"), ("", ""), ("sk-12345678901234567890", "sk-...7890"), ("sk-1234", "sk-...")]
)
def test_an_api_key_is_never_shown_whole(key: str, shown: str) -> None:
    assert masked(key) == shown


def test_a_kind_without_an_api_is_not_read() -> None:
    with two().running() as fake, opened(fake) as provider:
        [result] = provider.read(["domain"])
        assert (result.complete, result.problem) == (False, "Stanna's API has no domain")
        assert fake.exchanges == []


# Writing


@pytest.mark.parametrize("replaces", [False, True])
def test_a_write_changes_what_it_names_and_nothing_else(replaces: bool) -> None:
    with two(replaces=replaces).running() as fake, opened(fake) as provider:
        before = live(provider, PART)
        assert before is not None
        assert update(provider).status == "done"
        after = live(provider, PART)
        assert after is not None
        assert after.attributes == changed(before.attributes)
        [put] = [e.call for e in fake.exchanges if e.call.method == "PUT"]
        assert sorted(put.body["workspace"]) == ["notifications", "riskThreshold", "timezone"]
        assert len(put.body["workspace"]["notifications"]) == 8


def test_what_another_changed_meanwhile_is_stale() -> None:
    with two().running() as fake, opened(fake) as provider:
        found = live(provider, PART)
        assert found is not None
        fake.workspaces["x.example"]["notifications"]["weeklyDigest"] = False
        result = update(provider, etag=found.etag)
        assert (result.status, result.detail) == ("stale", "the settings were changed meanwhile")
        assert fake.workspaces["x.example"]["timezone"] == "America/New_York"
        assert update(provider, etag="*").status == "done"


def test_a_success_that_changed_nothing_failed() -> None:
    with two(ignores=["riskThreshold"]).running() as fake, opened(fake) as provider:
        result = update(provider, {"thresholds": {"risk_score": 35}})
        assert result == Result("failed", "Stanna said that it was done, and nothing changed: `riskThreshold` is 40, not 35")
        result = update(provider, {"thresholds": {"risk_score": 35, "default_window_days": 9}})
        assert result == Result("unknown", "Stanna said that it was done, and `riskThreshold` is 40, not 35")


def test_a_write_that_drops_what_was_not_named_is_told() -> None:
    class Drops(Stanna):
        def answer(self, call: Any) -> Told:
            told = super().answer(call)
            if call.method == "PUT":
                del self.workspaces["x.example"]["currency"]
            return told

    with Drops({"x.example": workspace("X", "x.example")}).running() as fake, opened(fake) as provider:
        result = update(provider)
        assert result == Result("unknown", "it was written, and Stanna dropped what was not named: currency; put it back by hand")


@pytest.mark.parametrize(
    ("told", "result"),
    [
        (Told(200, {"success": False, "message": "Plan expired"}), Result("failed", "Stanna refuses: Plan expired")),
        (Told(200, {"success": False}), Result("failed", "Stanna refuses: it does not say why")),
        (Told(400, {"error": "No", "code": "VALIDATION_ERROR"}), "failed"),
        (Told(500, {"error": "Oh"}), "unknown"),
    ],
)
def test_a_refusal_is_told_and_what_cannot_be_known_is_unknown(told: Told, result: Result | str) -> None:
    with two().running() as fake, opened(fake) as provider:
        found = live(provider, PART)
        assert found is not None
        settings = fake.workspaces["x.example"]
        fake.next_answers(Told(200, {"workspace": settings}), told)
        [got] = provider.write([Operation("update", PART, CHANGE, found.etag, "x")])
        assert got == result if isinstance(result, Result) else got.status == result


def test_what_cannot_be_read_before_or_after_a_write() -> None:
    with two().running() as fake, opened(fake) as provider:
        settings = Told(200, {"workspace": fake.workspaces["x.example"]})
        done, gone, broken = Told(200, {"success": True}), Told(404, {"code": "INVALID_WORKSPACE"}), Told(500, {"error": "Oh"})
        for answers, status in (((broken,), "failed"), ((settings, done, broken), "unknown"), ((settings, done, gone), "unknown")):
            fake.next_answers(*answers)
            [got] = provider.write([Operation("update", PART, CHANGE, None, "x")])
            assert (got.status, bool(got.detail)) == (status, True)


def test_a_setting_cannot_be_taken_away() -> None:
    with two().running() as fake, opened(fake) as provider:
        kept = update(provider, {"timezone": None, "notifications": {"dailyDigest": None}, "thresholds": None})
        assert (kept.status, kept.detail) == (
            "done",
            "timezone, notifications.dailyDigest, thresholds: Stanna takes no setting away, so it stays as it is",
        )
        assert [e.call.method for e in fake.exchanges if e.call.method != "GET"] == []
        assert update(provider, {"settings": None}, X).status == "done"


@pytest.mark.parametrize(
    "operation",
    [
        Operation("create", X, {"name": "X"}),
        Operation("delete", PART),
        Operation("update", X, {"name": "Other", "settings": CHANGE}),
        Operation("update", "member/a@x.example", {"name": "A"}),
    ],
)
def test_nothing_but_settings_is_written(operation: Operation) -> None:
    with two().running() as fake, opened(fake) as provider:
        [result] = provider.write([operation])
        assert result.status == "failed"
        assert fake.exchanges == []


def test_notifications_that_are_new_there_are_sent_in_their_place() -> None:
    assert body_of({"notifications": {"channels.email": True}}, {}) == {"notifications": {"channels": {"email": True}}}
    merged = body_of({"notifications": {"channels.email": True}}, {"notifications": {"channels": "all", "x": 1}})
    assert merged == {"notifications": {"channels": {"email": True}, "x": 1}}


# The quota


def test_runs_share_the_days_quota_of_each_workspace(tmp_path: Path) -> None:
    with two(per_minute=100, per_day=10_000).running() as fake:
        reset = str(10**10)
        with opened(fake, X, PART, "workspace.settings/y.example", cache=tmp_path) as provider:
            fake.next_answers(
                Told(
                    200,
                    {"workspace": fake.workspaces["x.example"]},
                    {"x-ratelimit-limit": "10000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset},
                )
            )
            provider.write([Operation("update", PART, CHANGE, "other", "x")])
        asked = len(fake.exchanges)
        with opened(fake, X, PART, "workspace.settings/y.example", cache=tmp_path) as provider:
            with pytest.raises(Exception, match="Stanna: all 10,000 requests of this day are used up; the next day's begin at 00:00 UTC"):
                list(provider.read(["workspace"]))
                provider.check_writable()
            [result] = provider.read(["workspace.settings"])
            assert not result.complete
            assert "all 10,000 requests" in result.problem
            assert list(result.resources) == ["workspace.settings/y.example"]
            [written] = provider.write([Operation("update", PART, CHANGE, None, "x")])
            assert written.status == "failed"
        with opened(fake, "workspace/y.example", cache=tmp_path) as provider:
            provider.check_writable()
        assert {e.call.first("workspaceId") for e in fake.exchanges[asked:]} == {"y.example"}
        assert all(KEY not in f.read_text() and "example" not in f.read_text() for f in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "settings?workspaceId=x.example", {}, 401, "AUTH_MISSING_KEY"),
        ("GET", "settings", {"x-api-key": KEY}, 400, "VALIDATION_ERROR"),
        ("GET", "clients?workspaceId=x.example", {"x-api-key": KEY}, 404, "NOT_FOUND"),
        ("PUT", "settings?workspaceId=x.example", {"x-api-key": KEY}, 400, "VALIDATION_ERROR"),
    ],
)
def test_the_fake_refuses_what_stanna_refuses(method: str, path: str, headers: dict[str, str], status: int, code: str) -> None:
    with two().running() as fake, closing(Session(fake.url, headers=headers)) as session:
        with pytest.raises(HttpError) as e:
            session.request(method, path, json={"workspace": {"domain": "z.example"}} if method == "PUT" else None, idempotent=True)
        assert (e.value.status, e.value.code) == (status, code)


def test_the_fake_counts_for_real() -> None:
    with two(per_minute=3, clock=lambda: 90.0).running() as fake, opened(fake) as provider:
        assert [r.complete for _ in range(2) for r in provider.read(["workspace"])] == [True, False]
        told = fake.exchanges[-1].told
        assert told.status == 429
        assert fake.exchanges[2].call.path == "/api/settings"


# Configs


def found(resources: Mapping[str, dict[str, Any]], **options: Any) -> list[Finding]:
    return list(spec.check(Asked(options, resources, RoleNames(spec.roles, {"lead": "Success lead"}))))


@pytest.mark.parametrize("address", [X, PART])
def test_a_setting_that_is_to_be_nothing_is_told(address: str) -> None:
    """Stanna keeps a value for each: an apply would do nothing, and every plan would ask for it again."""
    settings = {"retention_days": None, "thresholds": {"risk_score": None}, "notifications": {"dailyDigest": None, "weeklyDigest": True}}
    told = found({address: settings if address == PART else {"settings": settings}})
    assert [f.path[-1] for f in told] == ["retention_days", "risk_score", "dailyDigest"]
    assert told[1].summary == "`thresholds.risk_score` is to be nothing, and Stanna cannot take a setting away"
    assert not any(f.advice for f in told)


@pytest.mark.parametrize("address", [X, PART])
def test_unknown_settings_are_told_with_what_is_meant(address: str) -> None:
    settings = {
        "thresholds": {"risk_score": 1, "riskThreshold": 1},
        "notifications": {"daily_digest": True, "xyzzy": 1, "scoreDropPct": "10"},
    }
    told = found({address: settings if address == PART else {"settings": settings}})
    inside = () if address == PART else ("settings",)
    assert [(f.summary, f.path[: -2 or None], f.path[-1], f.advice) for f in told] == [
        ("Stanna has no `riskThreshold` in a workspace's thresholds", inside, "riskThreshold", False),
        ("Stanna has no `daily_digest` in a workspace's notifications", inside, "daily_digest", False),
        ("Stanna has no `xyzzy` in a workspace's notifications", inside, "xyzzy", False),
        ("Stanna takes no '10' for `scoreDropPct`", inside, "scoreDropPct", False),
    ]
    assert told[1].fix == "did you mean `dailyDigest`?"
    assert told[2].fix.startswith("it has `channels.email`, ")
    assert told[3].fix == "write a number"
    assert found({address: {}}) == []
    good = {"thresholds": {"default_window_days": 7}, "notifications": {"emailFrom": "a@x.example", "scoreDropPct": 7.5}}
    assert found({address: good if address == PART else {"settings": good}}) == []


def test_two_keys_that_would_be_one_workspace() -> None:
    both = {X: {}, "workspace/y": {}}
    assert found(both) == []
    assert [f.address for f in found(both, workspaces={"y": "x.example"})] == ["workspace/y"]
    assert [f.address for f in found(both, workspace_id="acme.com")] == ["workspace/y"]


def test_what_only_an_enterprise_contract_has_is_advice_until_the_target_says() -> None:
    resources = {
        X: {"parent": "y"},
        "role/lead": {"scope": "workspace"},
        "membership/x.example/a@x.example": {"role": "lead"},
        "membership/x.example/b@x.example": {"role": "admin"},
        "membership/x.example/c@x.example": {"role": "chief"},
    }
    told = found(resources)
    assert [f.address for f in told] == [X, "role/lead", "membership/x.example/c@x.example"]
    assert all(f.advice for f in told)
    assert found(resources, plan="enterprise") == []


def test_flags_are_switches_and_domains_belong_to_a_workspace() -> None:
    told = found(
        {
            "feature/on": {"type": "boolean"},
            "feature/text": {"type": "string"},
            "domain/x.example": {"auto_join": {"workspace": "x", "role": "member"}},
            "domain/y.example": {},
        }
    )
    assert [(f.address, f.advice) for f in told] == [("feature/text", False), ("domain/y.example", True)]


def test_secrets_go_to_stanna_unless_the_config_says_otherwise() -> None:
    assert spec.origin({}) == HOME.removesuffix("/api")
    assert spec.origin({"url": "http://127.0.0.1:8080/api"}) == "http://127.0.0.1:8080"


def test_the_example_of_the_fake_has_two_workspaces() -> None:
    assert len(example().workspaces) == 2
