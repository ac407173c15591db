"""Reading and writing through the admin API: in the process, and over HTTP from a server that does not keep its word."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from orgform.codec import decode
from orgform.errors import ProviderError, ReadFailed
from orgform.kinds import Kinds
from orgform.model import Address, Attribution
from orgform.providers.base import Operation, Provider, Result
from orgform.providers.http import InProcessTransport, Session
from orgform.providers.orgform import local, remote
from orgform.server import Caller, Store, create_app
from orgform.testing.server import RunningServer
from tests.providers.conftest import OpenLocal, context
from tests.providers.scripted import Script, Step, answer, reset, scripted


def make(address: str, key: str = "", **attributes: Any) -> Operation:
    return Operation("create", Address(address), attributes, key=key)


def page(*keys: str, next: str | None = None, total: int | None = None) -> bytes:
    items = [{"key": k, "attributes": {}, "observed": {}, "id": k, "etag": k} for k in keys]
    return answer(200, {"items": items, "next": next, "total": len(keys) if total is None else total})


def whoami(**said: Any) -> bytes:
    known = {"company": "default", "actor": "ci", "scope": "write", "token": "abc", "member": None, "expires_at": None}
    return answer(200, {**known, **said})


@contextmanager
def talking_to(tmp_path: Path, kinds: Kinds, *steps: Step) -> Iterator[tuple[Provider, Script]]:
    with scripted(*steps) as script, closing(remote.open(context(tmp_path, kinds, {"url": script.url}))) as provider:
        yield provider, script


# The declarations


def test_names_of_systems(open_local: OpenLocal, tmp_path: Path, kinds: Kinds) -> None:
    with closing(open_local()) as provider:
        assert provider.system == "local:acme.db"
        assert provider.own_member() is None
    with closing(remote.open(context(tmp_path, kinds, {"url": "https://api.acme.example/orgform/"}))) as provider:
        assert provider.system == "https://api.acme.example/orgform"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://api.acme.example", True),
        ("http://127.0.0.1:8080/base", True),
        ("https://user:geheim@api.acme.example", False),
        ("ftp://acme.example", False),
        ("acme.example", False),
        ("https://acme.example/?x=1", False),
    ],
)
def test_a_url_is_http_without_credentials(url: str, good: bool) -> None:
    import jsonschema

    assert jsonschema.Draft202012Validator(remote.options).is_valid({"url": url}) is good


def test_what_is_no_url_is_an_origin_that_nobody_allowed() -> None:
    assert local.origin({"database": "acme.db"}) is None
    for url in ("", "acme.example", "http://a:port", "http://a:99999", "https://"):
        assert remote.origin({"url": url}) == url


def test_an_address_that_cannot_be_one_is_said() -> None:
    with pytest.raises(ReadFailed, match="is no address"):
        Session("http://a:port")


def test_the_token_is_read_when_it_is_used_and_sent(tmp_path: Path, kinds: Kinds) -> None:
    with scripted(whoami(), page()) as script:
        options = {"url": script.url, "token": "env:ACME_TOKEN"}
        with closing(remote.open(context(tmp_path, kinds, options, secret="geheim", run="r1"))) as provider:
            list(provider.read(["member"]))
        assert script.paths == ["/v1/whoami", "/v1/members?limit=1000"]
        for request in script.received:
            assert request.headers["authorization"] == "Bearer geheim"
            assert request.headers["user-agent"].startswith("orgform/")
            assert request.headers["user-agent"].endswith(" (run r1)")


# Who the token is


@contextmanager
def arrived(tmp_path: Path, kinds: Kinds, *steps: Step, **options: Any) -> Iterator[tuple[Provider, Script]]:
    """A target with a token."""
    with scripted(*steps) as script:
        asked = {"url": script.url, "token": "env:ACME_TOKEN", **options}
        with closing(remote.open(context(tmp_path, kinds, asked, secret="geheim"))) as provider:
            yield provider, script


def test_the_token_says_which_company_and_whose_account(tmp_path: Path, kinds: Kinds) -> None:
    with arrived(tmp_path, kinds, whoami(company="acme", member="ci@acme.com")) as (provider, script):
        assert provider.system == f"{script.url}#acme"
        assert provider.own_member() == "member/ci@acme.com"
        provider.check_writable()
        assert script.paths == ["/v1/whoami"], "it is asked once"
    with arrived(tmp_path, kinds, whoami()) as (provider, script):
        assert (provider.system, provider.own_member()) == (script.url, None)


def test_a_token_that_may_read_only_is_said_before_anything_is_tried(tmp_path: Path, kinds: Kinds) -> None:
    with arrived(tmp_path, kinds, whoami(company="acme", scope="read"), page("a")) as (provider, _):
        with pytest.raises(ProviderError, match=r"the token abc of http.*#acme may read only, so nothing was tried") as caught:
            provider.check_writable()
        assert "--scope write" in caught.value.hint
        [result] = provider.read(["workspace"])
        assert result.complete


@pytest.mark.parametrize(
    ("step", "message", "hint"),
    [
        (answer(401, {"code": "wrong-token", "detail": "not known"}), "URL does not take the token: not known$", "orgform token create"),
        (answer(401), "URL does not take the token: GET /v1/whoami: 401", "orgform token create"),
        (answer(404, b"<html>", content_type="text/html"), r"no orgform server at URL \(GET /v1/whoami: 404", "`url`"),
        (answer(404, {"code": "no-such-collection"}), "no orgform server at URL", "`url`"),
        (answer(200, b"<html>", content_type="text/html"), "URL does not say who the token is: .*not JSON", "`url`"),
        (answer(200, {"items": []}), "URL does not say who the token is: .*missing required field `company`", ""),
        (answer(403, {"detail": "no"}), "URL does not say who the token is: GET /v1/whoami: 403 Some Reason: no", "may not"),
        (answer(429, {"detail": "60 a minute"}), r"URL does not say who the token is: .*60 a minute \(6 tries\)", ""),
        (reset, "GET /v1/whoami: the connection to URL was cut", ""),
    ],
)
def test_a_token_that_is_not_taken(tmp_path: Path, kinds: Kinds, step: Step, message: str, hint: str) -> None:
    with scripted(step) as script:
        options = {"url": script.url, "token": "env:ACME_TOKEN"}
        with pytest.raises(ReadFailed, match=f"target acme: .*{message.replace('URL', script.url)}") as caught:
            remote.open(context(tmp_path, kinds, options, secret="geheim"))
        assert hint in caught.value.hint
        assert "geheim" not in caught.value.message


def test_a_server_that_lets_one_wait_is_waited_for(tmp_path: Path, kinds: Kinds) -> None:
    busy = answer(429, {"code": "rate-limited"}, retry_after="1")
    with arrived(tmp_path, kinds, busy, whoami(), busy, page("a")) as (provider, script):
        [result] = provider.read(["workspace"])
        assert result.complete
        assert script.paths == ["/v1/whoami"] * 2 + ["/v1/workspaces?limit=1000"] * 2


def test_a_server_that_wants_a_token_where_the_target_has_none(tmp_path: Path, kinds: Kinds) -> None:
    wanted = answer(401, {"code": "no-token", "detail": "this needs a token"})
    with talking_to(tmp_path, kinds, wanted) as (provider, _), pytest.raises(ReadFailed, match="this needs a token") as caught:
        list(provider.read(["workspace"]))
    assert "token: env:NAME" in caught.value.hint


def test_ca_is_relative_to_the_folder(tmp_path: Path, kinds: Kinds) -> None:
    with pytest.raises(ProviderError, match=str(tmp_path / "missing.pem")):
        remote.open(context(tmp_path, kinds, {"url": "https://127.0.0.1", "ca": "missing.pem"}))


# In the process


def test_a_plan_makes_no_file(open_local: OpenLocal, tmp_path: Path, kinds: Kinds) -> None:
    with closing(open_local()) as provider:
        results = list(provider.read(list(kinds)))
        assert all(r.complete and not r.resources for r in results)
        provider.attributions([Address("workspace/ws")])
        assert list(tmp_path.iterdir()) == []
        provider.write([make("workspace/ws")])
    assert [p.name for p in tmp_path.iterdir()] == ["acme.db"]


def test_what_is_no_database_is_said_before_anything(tmp_path: Path, kinds: Kinds, open_local: OpenLocal) -> None:
    (tmp_path / "acme.db").write_text("orgform: 1 # this is not the database")
    with pytest.raises(ReadFailed, match=r"target acme: .*acme\.db is not a database") as caught:
        open_local()
    assert caught.value.hint


def test_a_database_that_breaks_while_it_is_open(open_local: OpenLocal, tmp_path: Path) -> None:
    with closing(open_local()) as provider:
        (tmp_path / "acme.db").mkdir()
        with pytest.raises(ReadFailed, match="is a folder"):
            list(provider.read(["member"]))
        [result] = provider.write([make("workspace/ws")])
        assert (result.status, "is a folder" in result.detail) == ("failed", True)


def test_ten_thousand_are_written_and_read(open_local: OpenLocal) -> None:
    with closing(open_local()) as provider:
        results = provider.write([make(f"member/p{n}@acme.com", name=f"P {n}") for n in range(2500)])
        assert {r.status for r in results} == {"done"}
        [members] = provider.read(["member"])
        assert members.complete
        assert len(members.resources) == 2500
        assert members.resources[Address("member/p7@acme.com")].attributes == {"name": "P 7", "role": "standard"}


def test_reading_leaves_the_collector_as_it_was(company: Provider) -> None:
    list(company.read(["member"]))
    assert gc.isenabled()
    gc.disable()
    try:
        list(company.read(["member"]))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_who_did_it(open_local: OpenLocal, tmp_path: Path, kinds: Kinds) -> None:
    with closing(open_local("run-1")) as provider:
        provider.write([make("workspace/ws"), make("workspace/other")])
        store = Store(tmp_path / "acme.db")
        app = create_app(store, kinds, identify=lambda _: Caller("default", "dana@acme.com", "web console"), inline=True)
        with httpx.Client(transport=InProcessTransport(app), base_url="http://test") as dana:
            dana.patch("/v1/workspaces/ws", json={"attributes": {"name": "By hand"}})
            time = dana.get("/v1/audit-events?limit=1").json()["items"][0]["time"]
        store.close()
        ws, other, gone = Address("workspace/ws"), Address("workspace/other"), Address("tag/ws/gone & lost")
        assert provider.attributions([ws, gone]) == {ws: Attribution("dana@acme.com", time, "web console")}
        assert provider.attributions([other])[other].client.startswith("orgform/"), "another config's run is somebody else, too"


def test_attributions_are_never_worth_stopping_for(tmp_path: Path, kinds: Kinds) -> None:
    many = [Address(f"workspace/ws{n}") for n in range(200)]
    with talking_to(tmp_path, kinds, answer(200, {"items": []})) as (provider, script):
        assert provider.attributions(many) == {}
        assert len(script.received) == 50
    with talking_to(tmp_path, kinds, answer(403)) as (provider, script):
        assert provider.attributions(many) == {}
        assert len(script.received) == 1


# A server that does not keep its word


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([page("a", "b", total=3)], "the server says that there are 3, and gave 2"),
        ([page("a", "b", total=1)], "the server says that there are 1, and gave 2"),
        ([page("a", "a")], "a page repeats what another one had"),
        ([page("a", next="x"), page("a", next="y")], "a page repeats what another one had"),
        ([page("a", next="x", total=9), page("b", next="x", total=9)], "circle"),
        ([page("a", "b", next="x", total=1)], "the server says that there are 1, and gave 2"),
        ([page("a", next="x", total=9), page(next="y", total=9)], "a page is empty, and says that more follow"),
        ([page("a/b")], "the answer holds what belongs to another collection"),
        ([page("a", next="x"), answer(500, {"detail": "oh"})], "500 Some Reason: oh"),
        ([page("a", next="x"), reset], "was cut"),
        ([page("a", next="x"), answer(200, {"items": []})], "missing required field `total`"),
        ([page("a", next="x"), answer(200, b"<html>", content_type="text/html")], "text/html"),
    ],
)
def test_a_read_that_is_not_whole_is_never_complete(tmp_path: Path, kinds: Kinds, steps: list[Step], words: str) -> None:
    with talking_to(tmp_path, kinds, *steps) as (provider, _):
        [result] = provider.read(["workspace"])
        assert not result.complete
        assert words in result.problem


def test_a_read_that_somebody_wrote_into_is_read_again(tmp_path: Path, kinds: Kinds) -> None:
    with talking_to(tmp_path, kinds, page("a", total=2), page("a", "b")) as (provider, script):
        [result] = provider.read(["workspace"])
        assert result.complete
        assert sorted(result.resources) == ["workspace/a", "workspace/b"]
        assert script.paths == ["/v1/workspaces?limit=1000"] * 2


def test_a_page_is_asked_for_by_its_cursor(tmp_path: Path, kinds: Kinds) -> None:
    with talking_to(tmp_path, kinds, page("a", next="x/+=&", total=2), page("b", total=2)) as (provider, script):
        [result] = provider.read(["workspace"])
        assert result.complete
        assert script.paths == ["/v1/workspaces?limit=1000", "/v1/workspaces?limit=1000&cursor=x%2F%2B%3D%26"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (answer(401), "401"),
        (answer(403, {"detail": "read only"}), "read only"),
        (answer(404, b"<html>", content_type="text/html"), "404"),
        (answer(200, b"<html>", content_type="text/html"), "text/html, not JSON"),
        (reset, "was cut"),
        (answer(302, location="https://login.example/"), "https://login.example"),
    ],
)
def test_where_nothing_can_be_read_at_all(tmp_path: Path, kinds: Kinds, step: Step, words: str) -> None:
    with talking_to(tmp_path, kinds, step) as (provider, script), pytest.raises(ReadFailed, match=words):
        assert provider.system == script.url
        list(provider.read(["workspace", "member"]))


def test_a_collection_that_the_server_does_not_have(tmp_path: Path, kinds: Kinds) -> None:
    missing = answer(404, {"code": "no-such-collection", "detail": "there is no collection 'workspaces'"})
    with talking_to(tmp_path, kinds, missing, page("a@acme.com")) as (provider, _):
        first, second = provider.read(["workspace", "member"])
        assert (first.complete, second.complete) == (False, True)
        assert "there is no collection" in first.problem


def test_one_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path, kinds: Kinds) -> None:
    with talking_to(tmp_path, kinds, page("a"), answer(403), page("b")) as (provider, _):
        assert [r.complete for r in provider.read(["workspace", "member", "group"])] == [True, False, True]


# Writing


def results(*statuses: int, **problem: Any) -> bytes:
    each = [{"status": s, **({"problem": problem} if s >= 400 and problem else {})} for s in statuses]
    return answer(200, {"results": each})


@pytest.mark.parametrize(
    ("action", "status", "problem", "expected"),
    [
        ("create", 201, {}, "done"),
        ("create", 409, {"code": "exists", "detail": "there"}, "stale"),
        ("create", 412, {}, "stale"),
        ("create", 404, {"code": "no-such-collection"}, "failed"),
        ("create", 422, {"detail": "bad"}, "failed"),
        ("create", 500, {}, "unknown"),
        ("update", 200, {}, "done"),
        ("update", 404, {}, "stale"),
        ("update", 409, {"code": "referenced", "detail": "named"}, "failed"),
        ("update", 412, {}, "stale"),
        ("delete", 204, {}, "done"),
        ("delete", 404, {}, "done"),
        ("delete", 409, {"code": "last-admin", "detail": "the last"}, "failed"),
    ],
)
def test_what_a_status_means(tmp_path: Path, kinds: Kinds, action: Any, status: int, problem: dict[str, Any], expected: str) -> None:
    with talking_to(tmp_path, kinds, results(status, **problem)) as (provider, _):
        [result] = provider.write([Operation(action, Address("workspace/ws"))])
        assert result.status == expected
        if expected in ("failed", "stale"):
            assert result.detail == problem.get("detail", f"refused with status {status}")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (reset, "unknown"),
        (answer(502), "unknown"),
        (answer(500), "unknown"),
        (answer(500, {"code": "storage-lost"}), "unknown"),
        (answer(500, {"code": "storage"}), "failed"),
        (answer(200, b"<html>", content_type="text/html"), "unknown"),
        (answer(200, {"results": []}), "unknown"),
        (answer(200, {"result": []}), "unknown"),
        (answer(503), "failed"),
        (answer(429), "failed"),
        (answer(401), "failed"),
        (answer(413), "failed"),
        (answer(307, location="/v1/elsewhere"), "failed"),
    ],
)
def test_a_call_that_fails_as_a_whole(tmp_path: Path, kinds: Kinds, step: Step, expected: str) -> None:
    with talking_to(tmp_path, kinds, step) as (provider, _):
        [result] = provider.write([make("workspace/a")])
        assert result.status == expected
        assert result.detail


def test_a_cut_call_is_repeated_with_the_same_keys(tmp_path: Path, kinds: Kinds) -> None:
    with talking_to(tmp_path, kinds, reset, results(201, 201)) as (provider, script):
        assert [r.status for r in provider.write([make("workspace/a", "k"), make("workspace/b")])] == ["done", "done"]
        first, second = (decode(r.body)["operations"] for r in script.received)
        assert first == second
        assert first[0]["idempotency_key"] == "k"
        assert len(first[1]["idempotency_key"]) == 32, "of its own where the caller has none"


def test_a_call_that_is_too_large_is_cut_in_halves(tmp_path: Path, kinds: Kinds) -> None:
    with talking_to(tmp_path, kinds, answer(413), answer(413), results(201), results(201), results(201, 422)) as (provider, script):
        done = provider.write([make(f"workspace/{n}") for n in "abcd"])
        assert [r.status for r in done] == ["done", "done", "done", "failed"]
        assert [len(decode(r.body)["operations"]) for r in script.received] == [4, 2, 1, 1, 2]


def test_an_operation_as_it_is_sent(tmp_path: Path, kinds: Kinds) -> None:
    operations = [
        Operation("create", Address("membership/ws/group:g"), {"role": "admin"}, key="1"),
        Operation("update", Address("workspace/new"), {"name": None}, "v1", "id", "2", Address("workspace/old")),
        Operation("delete", Address("feature_value/ws/f"), etag="v2", key="3"),
    ]
    with talking_to(tmp_path, kinds, results(201, 200, 204)) as (provider, script):
        assert provider.write(operations) == [Result("done")] * 3
        assert (script.received[0].method, script.paths) == ("POST", ["/v1/batch"])
        assert decode(script.received[0].body)["operations"] == [
            {"method": "create", "collection": "memberships", "key": "ws/group:g", "attributes": {"role": "admin"}, "idempotency_key": "1"},
            {
                "method": "update",
                "collection": "workspaces",
                "key": "old",
                "new_key": "new",
                "attributes": {"name": None},
                "if_match": "v1",
                "idempotency_key": "2",
            },
            {"method": "delete", "collection": "feature_values", "key": "ws/f", "if_match": "v2", "idempotency_key": "3"},
        ]


def test_a_key_is_of_one_run(open_local: OpenLocal) -> None:
    """The same change in a later run is another one: it must not be answered from memory."""
    ws = make("workspace/ws", "k")
    remove = Operation("delete", Address("workspace/ws"), key="d")
    for run in ("one", "two"):
        with closing(open_local(run)) as provider:
            assert [r.status for r in provider.write([ws, remove])] == ["done", "done"]
            assert [r.status for r in provider.write([ws, remove])] == ["done", "done"]
            [read] = provider.read(["workspace"])
            assert not read.resources
    with closing(open_local("three")) as provider:
        provider.write([ws])
        [read] = provider.read(["workspace"])
        assert list(read.resources) == ["workspace/ws"]


# Writing in small pieces


@pytest.mark.parametrize("size", [0, 1001, 1.5, "1"])
def test_a_batch_holds_one_to_a_thousand(size: Any) -> None:
    import jsonschema

    judge = jsonschema.Draft202012Validator(remote.options)
    assert not judge.is_valid({"url": "https://a.example", "batch": size})
    assert judge.is_valid({"url": "https://a.example", "batch": 1})


def test_a_batch_holds_what_the_target_says(tmp_path: Path, kinds: Kinds) -> None:
    with arrived(tmp_path, kinds, whoami(), results(201, 201), results(201), batch=2) as (provider, script):
        assert provider.capabilities.batch == 2
        assert [r.status for r in provider.write([make(f"workspace/{n}") for n in "abc"])] == ["done"] * 3
        assert [len(decode(r.body)["operations"]) for r in script.received[1:]] == [2, 1]


@pytest.mark.parametrize("said", [{"status": "ok"}, {"key": "ws/other", "attributes": {}}, None])
def test_done_is_what_the_server_says_of_this_resource(tmp_path: Path, kinds: Kinds, said: Any) -> None:
    operations = [make("tag/ws/a", "1"), Operation("delete", Address("tag/ws/b"), etag="v", key="2")]
    with arrived(tmp_path, kinds, whoami(), answer(200, said), batch=1) as (provider, _):
        assert [r.status for r in provider.write(operations)] == ["unknown", "unknown"]


def test_one_by_one_as_it_is_sent(tmp_path: Path, kinds: Kinds) -> None:
    operations = [
        Operation("create", Address("membership/ws/group:g"), {"role": "admin"}, key="1"),
        Operation("update", Address("workspace/new"), {"name": None}, "v1", "id", "2", Address("workspace/old")),
        Operation("update", Address("tag/ws/a b&c"), {"name": "x"}, "*", "id", "3"),
        Operation("delete", Address("feature_value/ws/f"), etag="v2", key="4"),
    ]

    def item(key: str) -> bytes:
        return answer(200, {"key": key, "attributes": {}}, etag='"e.1"' if ":" in key else "")

    steps = [item("ws/group:g"), item("new"), item("ws/a b&c"), answer(204)]
    with arrived(tmp_path, kinds, whoami(), *steps, batch=1) as (provider, script):
        assert provider.write(operations) == [Result("done", etag="e.1"), *[Result("done")] * 3]
        sent = script.received[1:]
    assert [(r.method, r.path) for r in sent] == [
        ("POST", "/v1/memberships"),
        ("PATCH", "/v1/workspaces/old"),
        ("PATCH", "/v1/tags/ws/a%20b%26c"),
        ("DELETE", "/v1/feature_values/ws/f"),
    ]
    assert [r.headers["idempotency-key"] for r in sent] == ["1", "2", "3", "4"]
    assert [r.headers.get("if-match") for r in sent] == [None, '"v1"', "*", '"v2"']
    assert [decode(r.body) if r.body else None for r in sent] == [
        {"key": "ws/group:g", "attributes": {"role": "admin"}},
        {"key": "new", "attributes": {"name": None}},
        {"attributes": {"name": "x"}},
        None,
    ]


def test_a_name_that_a_path_cannot_hold_goes_by_batch(tmp_path: Path, kinds: Kinds) -> None:
    with arrived(tmp_path, kinds, whoami(), results(200), results(204), batch=1) as (provider, script):
        operations = [Operation("update", Address("tag/ws/.."), {}), Operation("delete", Address("tag/ws/."))]
        assert [r.status for r in provider.write(operations)] == ["done", "done"]
        assert script.paths[1:] == ["/v1/batch"] * 2


@pytest.mark.parametrize(
    ("action", "step", "expected", "detail"),
    [
        ("create", answer(409, {"code": "exists", "detail": "there"}), "stale", "there"),
        ("create", answer(422, {"code": "format", "detail": "bad"}), "failed", "bad"),
        ("create", answer(404, {"code": "no-such-collection", "detail": "none"}), "failed", "404"),
        ("update", answer(404, {"code": "not-found", "detail": "gone"}), "stale", "gone"),
        ("update", answer(412, {"code": "precondition-failed", "detail": "changed"}), "stale", "changed"),
        ("update", answer(404, b"<html>", content_type="text/html"), "failed", "404"),
        ("delete", answer(404, {"code": "not-found", "detail": "gone"}), "done", "was gone already"),
        ("delete", answer(404, b"<html>", content_type="text/html"), "failed", "404"),
        ("delete", answer(404, {"code": "no-such-route"}), "failed", "404"),
        ("delete", answer(409, {"code": "last-admin", "detail": "the last"}), "failed", "the last"),
        ("update", answer(403, {"code": "scope", "detail": "may read only"}), "failed", "may read only"),
        ("update", answer(429, {"code": "rate-limited", "detail": "too many"}), "failed", "too many"),
        ("update", answer(500), "unknown", "500"),
        ("update", answer(500, {"code": "storage", "detail": "undone"}), "failed", "undone"),
        ("update", reset, "unknown", "was cut"),
    ],
)
def test_what_one_answer_means(tmp_path: Path, kinds: Kinds, action: Any, step: Step, expected: str, detail: str) -> None:
    with arrived(tmp_path, kinds, whoami(), step, batch=1) as (provider, _):
        [result] = provider.write([Operation(action, Address("workspace/ws"))])
        assert result.status == expected
        assert detail in result.detail


def test_nothing_to_write(company: Provider) -> None:
    assert company.write([]) == []


# Over a real server


def test_a_server_takes_what_every_client_sends(served: RunningServer) -> None:
    """Handlers run in threads there; bodies come in pieces; a client may hang up in the middle of one."""
    import socket

    with httpx.Client(base_url=served.url, trust_env=False) as client:
        made = client.post(
            "/v1/workspaces", content=(part for part in (b'{"key":', b'"piecewise"}')), headers={"content-type": "application/json"}
        )
        assert made.status_code == 201
        assert client.head("/v1/workspaces/piecewise").status_code == 200
        assert client.get("/nowhere").json()["code"] == "no-such-route"
        endless = client.post("/v1/workspaces", content=(b" " * 2**20 for _ in range(17)), headers={"content-type": "application/json"})
        assert (endless.status_code, endless.json()["code"]) == (413, "body-too-large")
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /v1/workspaces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        assert client.delete("/v1/workspaces/piecewise").status_code == 204
    assert "Traceback" not in served.log()


def test_a_server_that_will_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    from orgform.testing import server as module

    monkeypatch.setattr(module, "STOP_SECONDS", 0.05)
    with module.running_server(tmp_path / "acme.db", invite=True) as server:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            made = client.post("/v1/members", json={"key": "a@acme.com"})
            assert made.json()["observed"] == {"status": "invited"}
        server.process.send_signal(signal.SIGSTOP)
    assert server.process.returncode == -signal.SIGKILL
