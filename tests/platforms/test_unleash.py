"""What is particular about Unleash, one test each: strategies that people made, the archive, roles, limits, tokens; and the example."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.errors import ConfigInvalid, OrgformError, ProviderError, ReadFailed
from orgform.model import Address, Live
from orgform.providers.base import Operation, Provider, ReadResult, Result
from orgform.providers.unleash import spec
from orgform.providers.unleash.flags import TITLE
from orgform.testing.contract import open_provider
from orgform.testing.fakes.unleash import ADMIN, EDITOR, VIEWER, Unleash, example
from orgform.testing.platform import Call, Told
from tests.platforms import hands
from tests.platforms.unleash_samples import ODDITIES, PLACES, P

ON_X = Address("feature_value/brand-x/beta")


@pytest.fixture
def fake() -> Iterator[Unleash]:
    with Unleash().running() as running:
        yield running


@pytest.fixture
def unleash(fake: Unleash) -> Iterator[Provider]:
    with closing(opened(fake)) as provider:
        yield provider


def opened(fake: Unleash, token: str = ADMIN, *, max_wait: float = 0.05, **options: Any) -> Provider:
    return open_provider(spec, {"url": fake.url, "workspaces": PLACES, **options}, secrets={"token": token}, max_wait=max_wait)


def read(provider: Provider, kind: str) -> ReadResult:
    [result] = provider.read([kind])
    return result


def done(provider: Provider, action: Any, address: str, live: Live | None = None, /, **attributes: Any) -> Result:
    [result] = provider.write([Operation(action, Address(address), attributes, etag=live.etag if live else None)])
    return result


def strategies(fake: Unleash, name: str = "beta", environment: str = "production") -> list[tuple[str | None, Any]]:
    return [(s["title"], s["parameters"].get("rollout")) for s in fake.flags[name]["environments"][environment]["strategies"]]


# Values


def test_on_for_some_only_is_shown_and_left_alone(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta")
    for words in (
        {"parameters": {"rollout": "25"}, "segments": [3]},
        {"constraints": [{"contextName": "userId", "operator": "IN", "values": ["7"]}] * 2},
        {"name": "userWithId"},
        {"disabled": True},
    ):
        fake.strategy("beta", "production", **words)
    fake.flags["beta"]["environments"]["production"]["enabled"] = True
    live = read(unleash, "feature_value").resources[ON_X]
    some = "on for some only: flexibleRollout with 100 % and 2 constraints, flexibleRollout with 25 % and 1 segment, userWithId"
    assert (live.attributes, live.unmanaged) == ({}, {"value": some})
    for action, value in (("update", False), ("update", True), ("delete", None)):
        result = done(unleash, action, ON_X, live, **({} if value is None else {"value": value}))
        assert result.status == "failed"
        assert "people set that up, and it is left alone" in result.detail
    fake.flags["beta"]["environments"]["production"]["strategies"] = []
    assert "no strategy is active" in read(unleash, "feature_value").resources[ON_X].unmanaged["value"]


def test_what_others_prepared_stays_beside_ours(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta")
    fake.strategy("beta", "production", parameters={"rollout": "25"}, title="for the pilot")
    live = read(unleash, "feature_value").resources[ON_X]
    assert live.attributes == {"value": False}
    assert done(unleash, "update", ON_X, live, value=True).status == "done"
    assert strategies(fake) == [("for the pilot", "25"), (TITLE, "100")]
    assert read(unleash, "feature_value").resources[ON_X].attributes == {"value": True}
    gone = done(unleash, "delete", ON_X)
    assert (gone.status, gone.detail) == ("done", "it is off, and keeps the strategies that others made")
    assert strategies(fake) == [("for the pilot", "25")]
    assert fake.flags["beta"]["environments"]["production"]["enabled"] is False


def test_a_strategy_of_ours_that_people_changed_is_theirs(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta")
    assert done(unleash, "create", ON_X, value=True).status == "done"
    setting = fake.flags["beta"]["environments"]["production"]
    setting["strategies"][0]["parameters"]["rollout"] = "25"
    setting["enabled"] = False
    assert done(unleash, "delete", ON_X).status == "done"
    assert strategies(fake) == [(TITLE, "25")]


def test_a_strategy_for_everybody_that_others_made_is_used(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta")
    fake.strategy("beta", "production", name="default")
    assert done(unleash, "update", ON_X, value=True).status == "done"
    assert strategies(fake) == [(None, None)]
    assert done(unleash, "update", ON_X, value=False).status == "done"
    assert strategies(fake) == [(None, None)]


def test_a_value_that_changed_meanwhile_is_stale(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta", on=["production"])
    live = read(unleash, "feature_value").resources[ON_X]
    fake.flags["beta"]["environments"]["production"]["enabled"] = False
    assert done(unleash, "update", ON_X, live, value=False).status == "stale"


def test_values_without_a_flag_or_a_place(fake: Unleash, unleash: Provider) -> None:
    assert done(unleash, "create", ON_X, value=True).detail == "the project default has no flag beta with an environment production"
    assert done(unleash, "update", ON_X, value=True).status == "stale"
    assert done(unleash, "delete", ON_X).status == "done"
    fake.add("beta")
    assert "must be true or false" in done(unleash, "create", ON_X, value="long").detail
    assert done(unleash, "update", ON_X, value=True).status == "stale"
    assert strategies(fake) == []


def test_a_switch_that_does_not_turn_is_unknown(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta")
    fake.strategy("beta", "production")
    path = "/api/admin/projects/default/features/beta"
    fake.next_answers(fake.answer(call(fake, "GET", path)), Told(200))  # the look before, and a yes that does nothing
    result = done(unleash, "update", ON_X, value=True)
    assert (result.status, "see in Unleash what became of it" in result.detail) == ("unknown", True)


def call(fake: Unleash, method: str, path: str) -> Call:
    return Call(method, path, headers={"authorization": ADMIN})


def test_an_environment_that_is_not_there_is_told(fake: Unleash) -> None:
    with closing(opened(fake, workspaces={"brand-x": {"environment": "prod"}})) as provider:
        for kind in ("feature", "feature_value"):
            result = read(provider, kind)
            assert not result.complete
            assert (
                "the project default has no environment prod (of the workspace brand-x); it has: development, production" in result.problem
            )


def test_a_project_that_is_not_there_is_not_empty(fake: Unleash) -> None:
    with closing(opened(fake, project="nope", workspaces={})) as provider:
        result = read(provider, "feature")
        assert (result.complete, "there is no project nope" in result.problem) == (False, True)
        assert "Active project with id nope does not exist" in done(provider, "create", "feature/beta").detail


# The archive


def test_a_flag_is_archived_and_comes_back_off(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta", description="Old", on=["production"])
    assert done(unleash, "delete", "feature/beta").detail == "it is in Unleash's archive"
    assert fake.flags["beta"]["archived"]
    assert read(unleash, "feature").resources == {}
    assert done(unleash, "delete", "feature/beta").status == "done"
    back = done(unleash, "create", "feature/beta", type="boolean", default=False, description="New")
    assert (back.status, "it was in the archive and was revived" in back.detail) == ("done", True)
    assert read(unleash, "feature").resources[Address("feature/beta")].attributes["description"] == "New"
    assert read(unleash, "feature_value").resources[ON_X].attributes == {"value": False}


def test_an_archived_name_of_another_project_is_told(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta", "secret")["archived"] = True
    result = done(unleash, "create", "feature/beta")
    assert (result.status, "an archived flag of the project secret" in result.detail) == ("failed", True)


def test_a_name_of_another_project_is_told(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta", "secret")
    result = done(unleash, "create", "feature/beta")
    assert (result.status, "A flag with that name already exists" in result.detail) == ("failed", True)
    assert read(unleash, "feature").resources == {}


def test_an_archive_that_keeps_nothing_is_unknown(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta")
    look = fake.answer(call(fake, "GET", "/api/admin/projects/default/features/beta"))
    fake.next_answers(look, Told(202))
    assert done(unleash, "delete", "feature/beta").status == "unknown"
    fake.next_answers(look, Told(200))
    assert done(unleash, "update", "feature/beta", description="x").status == "unknown"


def test_answers_about_something_else_are_no_answers(fake: Unleash, unleash: Provider) -> None:
    fake.add("other")
    other = fake.answer(call(fake, "GET", "/api/admin/projects/default/features/other"))
    fake.next_answers(other)
    assert "the answer is about other" in done(unleash, "update", "feature/beta", description="x").detail
    nothing = fake.answer(call(fake, "GET", "/api/admin/projects/default/features/beta"))
    fake.next_answers(nothing, Told(201, {"name": "other"}))
    assert done(unleash, "create", "feature/beta").status == "unknown"
    fake.next_answers(Told(404, {"error": "no such app"}))  # of whoever stands between: it says nothing of the flag
    assert done(unleash, "delete", "feature/other").status == "failed"


def test_an_archive_that_changes_meanwhile(fake: Unleash, unleash: Provider) -> None:
    flag = fake.add("beta", description="Old")
    flag["archived"] = True
    nothing = fake.answer(call(fake, "GET", "/api/admin/projects/default/features/beta"))
    taken = Told(409, {"name": "NameExistsError", "message": "An archived flag with that name already exists"})
    empty = Told(200, {"features": [], "total": 0})
    fake.next_answers(nothing, taken, empty)
    assert done(unleash, "create", "feature/beta").status == "stale"
    search = fake.answer(Call("GET", "/api/admin/search/features", query={"archived": ["IS:true"]}, headers={"authorization": ADMIN}))
    fake.next_answers(nothing, taken, search, empty, Told(200), Told(200), nothing)
    assert done(unleash, "create", "feature/beta").status == "unknown"
    assert done(unleash, "create", "feature/beta", description="Old").status == "done"
    assert done(unleash, "update", "feature/beta", description="Old").status == "done"


# Lists


def test_a_read_takes_as_many_searches_as_it_needs(fake: Unleash, unleash: Provider) -> None:
    for n in range(101):
        fake.add(f"flag-{n:03}")
    result = read(unleash, "feature")
    assert (len(result.resources), result.complete) == (101, True)
    asked = [e.call.first("offset") for e in fake.exchanges if e.call.path.endswith("/search/features")]
    assert asked == ["0", "50", "100", "101"]


def test_a_list_that_changes_meanwhile_is_read_once_more(fake: Unleash, unleash: Provider) -> None:
    fake.add("beta")
    environments = fake.answer(call(fake, "GET", "/api/admin/environments/project/default"))
    wrong = Told(200, {"features": [], "total": 3})
    fake.next_answers(environments, wrong)
    assert read(unleash, "feature").complete
    flags = fake.answer(Call("GET", "/api/admin/search/features", headers={"authorization": ADMIN})).body
    fake.next_answers(environments, Told(200, flags), Told(200, flags))
    assert read(unleash, "feature").complete  # a page that comes twice
    fake.next_answers(
        environments, Told(200, {**flags, "total": 2}), Told(200, {"features": [{**flags["features"][0], "name": "z"}], "total": 3})
    )
    assert read(unleash, "feature").complete  # a total that changes
    fake.next_answers(environments, wrong, wrong)
    assert "says that there are 3, and gave 0" in read(unleash, "feature").problem


def test_two_projects_are_read_and_new_flags_are_made_at_home() -> None:
    places = {"a": {"environment": "production"}, "b": {"project": "two", "environment": "production"}}
    with Unleash(["default", "two"]).running() as fake, closing(opened(fake, workspaces=places)) as provider:
        fake.add("one", on=["production"])
        fake.add("other", "two", on=["production"])
        assert set(read(provider, "feature_value").resources) == {"feature_value/a/one", "feature_value/b/other"}
        done(provider, "create", "feature/new")
        assert fake.flags["new"]["project"] == "default"
        assert done(provider, "update", "feature/other", description="x").status == "done"
        assert "has no flag one" in done(provider, "create", "feature_value/b/one", value=True).detail


# People


def test_only_people_with_an_address_are_members(fake: Unleash, unleash: Provider) -> None:
    fake.person("Dana@acme.com", 1, "Dana")
    fake.person("new@acme.com", invited=True)
    fake.person("seen@acme.com", invited=True)["seenAt"] = "2026-11-22T06:43:07.775Z"  # signed in, and never used the link
    fake.person("bot@acme.com")["accountType"] = "Service Account"
    found = read(unleash, "member").resources
    assert {a: (r.attributes, r.observed) for a, r in found.items()} == {
        "member/dana@acme.com": ({"name": "Dana", "role": "admin"}, {"status": "active"}),
        "member/new@acme.com": ({"role": "viewer"}, {"status": "invited"}),
        "member/seen@acme.com": ({"role": "viewer"}, {"status": "active"}),
    }
    assert "token=" not in str(found)


def test_custom_root_roles_are_names_of_their_own(fake: Unleash, unleash: Provider) -> None:
    fake.roles[7] = "Auditor"
    assert done(unleash, "create", "member/eve@acme.com", role="auditor").status == "done"
    assert read(unleash, "member").resources[Address("member/eve@acme.com")].attributes == {"role": "unleash:Auditor"}
    assert (
        "Unleash has no root role nobody; it has: Admin, Auditor, Editor, Viewer"
        in done(unleash, "create", "member/x@acme.com", role="nobody").detail
    )
    assert done(unleash, "create", "member/least@acme.com").status == "done"
    assert fake.users[max(fake.users)]["rootRole"] == 3


def test_a_name_cannot_be_taken_away(fake: Unleash, unleash: Provider) -> None:
    fake.person("dana@acme.com", 1, "Dana")
    assert "keeps a user's name where an empty one is sent" in done(unleash, "update", "member/dana@acme.com", name=None).detail


def test_what_was_done_to_somebody_meanwhile(fake: Unleash, unleash: Provider) -> None:
    fake.person("dana@acme.com", 1, "Dana")
    live = read(unleash, "member").resources[Address("member/dana@acme.com")]
    fake.users[2]["rootRole"] = 2
    assert done(unleash, "update", "member/dana@acme.com", live, role="viewer").status == "stale"
    users = fake.answer(call(fake, "GET", "/api/admin/user-admin"))
    fake.next_answers(users, Told(200))
    assert done(unleash, "update", "member/dana@acme.com", role="viewer").status == "unknown"
    fake.next_answers(users, Told(200))
    assert done(unleash, "delete", "member/dana@acme.com").status == "unknown"
    empty = Told(200, {"users": [], "rootRoles": users.body["rootRoles"]})
    fake.next_answers(empty)
    assert done(unleash, "create", "member/dana@acme.com", role="viewer").status == "stale"
    fake.next_answers(empty, Told(201, {"id": 9, "email": "other@acme.com"}))
    assert done(unleash, "create", "member/new@acme.com", role="viewer").status == "unknown"
    fake.next_answers(users, Told(500))
    assert done(unleash, "update", "member/dana@acme.com", name="D").status == "unknown"
    fake.next_answers(users, Told(200), Told(403, {"message": "no"}))
    assert done(unleash, "update", "member/dana@acme.com", name="D").status == "unknown"
    fake.next_answers(users, Told(200), Told(200, {"id": 99}))
    assert done(unleash, "update", "member/dana@acme.com", name="D").status == "unknown"


def test_an_address_that_unleash_refuses_is_failed_with_its_words(unleash: Provider) -> None:
    refused = done(unleash, "create", "member/eve@acme.example", role="viewer")
    assert (refused.status, "must be a valid email" in refused.detail) == ("failed", True)


def test_more_users_than_a_minute_takes_are_waited_for() -> None:
    times = iter(range(0, 10_000, 20))
    with Unleash(per_minute=2, clock=lambda: next(times)).running() as fake, closing(opened(fake)) as provider:
        results = [done(provider, "create", f"member/p{n}@acme.com", role="viewer") for n in range(4)]
        assert [r.status for r in results] == ["done"] * 4
        assert [e.told.status for e in fake.exchanges if e.call.method == "POST"].count(429) >= 1
    with Unleash(per_minute=1, clock=lambda: 0).running() as fake, closing(opened(fake)) as provider:
        done(provider, "create", "member/one@acme.com", role="viewer")
        refused = done(provider, "create", "member/two@acme.com", role="viewer")
        assert (refused.status, "429" in refused.detail, "asks to wait 60 s" in refused.detail) == ("failed", True, True)


def test_welcome_mails_can_be_left_out(fake: Unleash) -> None:
    for mails in (True, False):
        with closing(opened(fake, welcome_mail=mails)) as provider:
            done(provider, "create", f"member/{mails}@acme.com".lower(), role="viewer")
    assert fake.mails == ["true@acme.com"]


def test_an_unleash_below_a_path_is_asked_there() -> None:
    class Hosted(Unleash):
        base_path = "/acme"

    with Hosted().running() as fake, closing(opened(fake)) as provider:
        fake.add("beta", on=["production"])
        assert provider.system == fake.url
        assert read(provider, "feature_value").resources[ON_X].attributes == {"value": True}
        assert {e.call.path.split("/")[1] for e in fake.exchanges} == {"acme"}


# Tokens


def test_tokens_that_may_not(fake: Unleash) -> None:
    with pytest.raises(ReadFailed, match="does not say whose the token is") as caught:
        opened(fake, "user:wrong")
    assert "Personal API tokens" in (caught.value.hint or "")
    fake.owner[EDITOR] = "Ines@acme.com"
    with closing(opened(fake, EDITOR)) as provider:
        assert provider.own_member() == "member/ines@acme.com"
        provider.check_writable()
        problem = read(provider, "member").problem
        assert ('you need the "ADMIN" permission' in problem, "the token needs the root role Admin" in problem) == (True, True)
        assert read(provider, "feature").complete
    with closing(opened(fake, VIEWER)) as provider:
        assert provider.own_member() is None
        with pytest.raises(ProviderError, match="may change nothing"):
            provider.check_writable()


# The fake, which the suite of the real server holds against it


def test_the_fake_has_the_oddities_of_the_real_server(fake: Unleash) -> None:
    for status, method, path, body in ODDITIES:
        assert ask(fake, method, path, body).status == status, f"{method} {path}"
    assert fake.flags["odd"]["archived"]
    assert ask(fake, "DELETE", "archive/odd").status == 200
    assert "odd" not in fake.flags


def test_the_fake_goes_off_without_its_last_active_strategy(fake: Unleash) -> None:
    fake.add("beta", on=["production"])
    setting = fake.flags["beta"]["environments"]["production"]
    at = f"{P}/features/beta/environments/production/strategies"
    assert ask(fake, "DELETE", f"{at}/{setting['strategies'][0]['id']}").status == 200
    assert setting == {"enabled": False, "strategies": []}
    assert ask(fake, "POST", "projects/two/features/beta/environments/production/on").status == 404
    assert ask(fake, "POST", f"{at.replace('default', 'two')}", {"name": "default"}).status == 404
    assert ask(fake, "DELETE", f"{at.replace('default', 'two')}/1").status == 404


def test_the_fake_caps_its_searches(fake: Unleash) -> None:
    for n in range(103):
        fake.add(f"flag-{n:03}")
    for query, length, total in (({}, 50, 103), ({"limit": "100"}, 100, 103), ({"limit": "101"}, 50, 103), ({"offset": "200"}, 0, 0)):
        found = ask(fake, "GET", "search/features", query={"sortBy": ["name"], **{k: [v] for k, v in query.items()}}).body
        assert (len(found["features"]), found["total"]) == (length, total)


def test_the_fake_knows_who_may(fake: Unleash) -> None:
    assert ask(fake, "POST", f"{P}/features", {"name": "beta"}, token=VIEWER).status == 403
    for body in ({"email": "nobody", "rootRole": 1}, {"email": "x@acme.com", "rootRole": 99}):
        assert ask(fake, "POST", "user-admin", body).status == 400
    user = fake.person("dana@acme.com")
    assert ask(fake, "POST", "user-admin", {"email": "DANA@acme.com", "rootRole": 1}).status == 400
    assert ask(fake, "PUT", f"user-admin/{user['id']}", {"rootRole": 99}).status == 400
    assert ask(fake, "POST", f"{P}/features", {"name": "beta", "type": "nosuch"}).status == 400


def ask(fake: Unleash, method: str, path: str, body: Any = None, *, token: str = ADMIN, query: dict[str, list[str]] | None = None) -> Told:
    return fake.answer(Call(method, f"/api/admin/{path}", query=query or {}, headers={"authorization": token}, body=body))


# The whole of it


def options(folder: Path, fake: Unleash, **more: Any) -> app.Options:
    return app.Options(folder, variables=(f"url={fake.url}",), today=hands.TODAY, allow_target=(f"unleash={fake.url}",), **more)


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Path, Unleash]]:
    monkeypatch.setenv("UNLEASH_TOKEN", ADMIN)
    with example().running() as fake:
        yield hands.example("unleash", tmp_path), fake


def test_the_example_is_planned_and_applied(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    made = app.plan(options(folder, fake))
    assert not made.manual_steps
    [theirs] = [d for d in made.diagnostics if d.code == "ORG511"]
    assert "feature_value/shop/smart-search: `value` is on for some only: flexibleRollout with 25 %" in theirs.summary
    assert theirs.source is not None
    _, report = app.apply(options(folder, fake))
    assert {o.status for o in report.outcomes} == {"done"}
    again = app.plan(options(folder, fake))
    assert (again.changes, [d.code for d in again.diagnostics]) == ((), ["ORG511"])
    assert fake.flags["beta-dashboard"]["environments"]["production"]["enabled"]
    assert strategies(fake, "smart-search") == [(None, "25")]
    assert {u.get("email"): u["rootRole"] for u in fake.users.values() if "email" in u}["ines@acme.com"] == 2


def test_a_rollout_that_ends_is_managed_again(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    app.apply(options(folder, fake))
    fake.flags["smart-search"]["environments"]["production"]["enabled"] = False
    [change] = app.plan(options(folder, fake)).changes
    assert (str(change.address), change.action) == ("feature_value/shop/smart-search", "update")
    fake.flags["smart-search"]["environments"]["production"]["enabled"] = True
    hands.changed(folder, "one-click-checkout: false, smart-search: true", "one-click-checkout: false")
    made = app.plan(options(folder, fake))
    assert not made.changes


def test_flags_leave_the_config_for_the_archive(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    app.apply(options(folder, fake))
    hands.changed(
        folder, "  one-click-checkout: {type: boolean, default: false, description: Checkout in one step, owner: uma@acme.com}\n", ""
    )
    hands.changed(folder, "beta-dashboard: true, one-click-checkout: true, ", "beta-dashboard: true, ")
    hands.changed(folder, "beta-dashboard: true, one-click-checkout: false, ", "beta-dashboard: true, ")
    _, report = app.apply(options(folder, fake, allow=("deletes:*",)))
    assert {(str(o.address), o.status) for o in report.outcomes} >= {("feature/one-click-checkout", "done")}
    assert fake.flags["one-click-checkout"]["archived"]
    assert not app.plan(options(folder, fake)).changes


def test_the_flags_of_a_workspace_for_flagd(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    app.apply(options(folder, fake))
    fake.flags["beta-dashboard"]["environments"]["development"]["enabled"] = False
    chosen = options(folder, fake)
    live, config = (app.export_flags(chosen, "shop-staging", live=way)["flags"] for way in (True, False))
    assert {name: (live[name]["defaultVariant"], config[name]["defaultVariant"]) for name in config} == {
        "beta-dashboard": ("off", "on"),
        "one-click-checkout": ("on", "on"),
        "smart-search": ("on", "on"),
    }
    assert live["beta-dashboard"]["metadata"] == {"description": "The new dashboard", "expires": "2031-03-01", "owner": "ines@acme.com"}
    with pytest.raises(OrgformError, match="feature_value/shop/smart-search is on for some only") as caught:
        app.export_flags(chosen, "shop")
    assert "--from config" in caught.value.hint
    for live in (True, False):
        some = app.export_flags(options(folder, fake, only=("feature/beta-*",)), "shop", live=live)
        assert list(some["flags"]) == ["beta-dashboard"]


def test_a_run_can_be_taken_back_but_for_what_people_changed_since(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    _, report = app.apply(options(folder, fake))
    fake.flags["one-click-checkout"]["environments"]["development"]["strategies"][0]["parameters"]["rollout"] = "10"
    made = app.plan_undo(options(folder, fake), report.run)
    assert made.undoes is not None
    left = {str(one.address) for one in made.undoes.left if one.target == "unleash"}
    assert left == {"feature_value/shop-staging/one-click-checkout", "feature/one-click-checkout"}
    assert {"feature_value/shop/one-click-checkout", "feature_value/shop/beta-dashboard"} <= {str(c.address) for c in made.changes}


def test_a_role_of_theirs_that_is_spelt_like_ours_is_theirs(company: tuple[Path, Unleash]) -> None:
    """Two custom roles, `owner` and `admin`: whoever has one is no admin, and an undo gives it back by its name."""
    folder, fake = company
    app.apply(options(folder, fake))
    fake.roles |= {8: "owner", 9: "admin"}
    fake.person("zoe@acme.com", 8, "Zoe")
    by_mail = {str(u.get("email")): u for u in fake.users.values()}
    by_mail["lee@acme.com"]["rootRole"] = 9
    roles = {i.member: i.role for i in app.access(options(folder, fake), live=True) if not i.workspace}
    assert (roles["zoe@acme.com"], roles["lee@acme.com"], roles["dana@acme.com"]) == ("unleash:owner", "unleash:admin", "admin")

    file = folder / "company.yaml"
    text = file.read_text()
    file.write_text(text.replace("dana@acme.com: {name: Dana Ops, role: admin}", "dana@acme.com: {name: Dana Ops, role: member}"))
    refused = {g.guard: g.items for g in app.plan(options(folder, fake, only=("member/dana*",))).refused}
    assert refused["company-admins"] == ("member/dana@acme.com",)
    file.write_text(text)

    _, report = app.apply(options(folder, fake))
    assert by_mail["lee@acme.com"]["rootRole"] == 1
    app.undo(options(folder, fake), report.run)
    assert by_mail["lee@acme.com"]["rootRole"] == 9


def test_who_has_another_address_is_the_same_user(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    app.apply(options(folder, fake))
    [before] = [id for id, u in fake.users.items() if u.get("email") == "uma@acme.com"]
    file = folder / "company.yaml"
    text = file.read_text().replace("uma@acme.com", "uma.b@acme.com")
    file.write_text(f"{text}moved: [{{from: member/uma@acme.com, to: member/uma.b@acme.com}}]\n")
    made, report = app.apply(options(folder, fake))
    assert [(str(c.address), c.action, c.moved_from) for c in made.changes if c.target == "unleash"] == [
        ("member/uma.b@acme.com", "update", "member/uma@acme.com")
    ]
    assert report.outcome == "done"
    assert fake.users[before]["email"] == "uma.b@acme.com"
    assert not app.plan(options(folder, fake)).changes


def test_a_flag_is_never_renamed(company: tuple[Path, Unleash]) -> None:
    """Its name is its id: told at the line of the `moved`, before anything that stands under the new name is sent."""
    folder, fake = company
    app.apply(options(folder, fake))
    file = folder / "company.yaml"
    text = file.read_text().replace("one-click-checkout", "quick-checkout")
    file.write_text(f"{text}moved: [{{from: feature/one-click-checkout, to: feature/quick-checkout}}]\n")
    with pytest.raises(ConfigInvalid) as caught:
        app.plan(options(folder, fake))
    [problem] = [d for d in caught.value.diagnostics if d.severity == "error"]
    assert problem.code == "ORG503" and problem.source is not None
    assert problem.summary == "feature/one-click-checkout cannot be moved to feature/quick-checkout: nobody renames a feature in Unleash"


def test_whose_names_differ_but_for_the_case(fake: Unleash, unleash: Provider) -> None:
    fake.roles |= {8: "auditor", 9: "Auditor"}
    refused = done(unleash, "create", "member/eve@acme.com", role="AUDITOR")
    assert (refused.status, "2 root roles that are called AUDITOR but for the case" in refused.detail) == ("failed", True)
    assert done(unleash, "create", "member/eve@acme.com", role="unleash:Auditor").status == "done"
    assert fake.users[max(fake.users)]["rootRole"] == 9


def test_the_names_of_roles_are_exported(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    app.apply(options(folder, fake))
    fake.roles[8] = "owner"
    fake.person("zoe@acme.com", 8, "Zoe")
    printed = app.export(options(folder, fake))
    [text] = printed.files.values()
    assert "    roles:\n      admin: Admin\n" in text
    # A role that no config has a name for would make it a config that is refused.
    assert "  zoe@acme.com:\n    name: Zoe\n" in text and "unleash:owner" not in text
    why = "its role is unleash:owner, which is the platform's own and left out; the target's `roles` give it a name"
    assert f"member/zoe@acme.com: {why}" in printed.notes
    app.export(options(folder, fake), into=folder)
    assert not app.plan(options(folder, fake)).changes


def test_what_no_config_could_say_is_not_exported(company: tuple[Path, Unleash], tmp_path: Path) -> None:
    folder, fake = company
    app.apply(options(folder, fake))
    why = "its value is on for some only: flexibleRollout with 25 %, which a config cannot say"
    words = f"feature_value/shop/smart-search is left out: {why}"
    printed = app.export(options(folder, fake))
    assert printed.notes == (words,)
    apart = tmp_path / "apart"
    assert app.export(options(folder, fake), into=apart).notes == (words,)
    assert "smart-search" not in (apart / "workspaces" / "shop.yaml").read_text()
    assert app.validate(app.Options(apart, today=hands.TODAY)).diagnostics == ()
    before = (folder / "company.yaml").read_text()
    again = app.export(options(folder, fake), into=folder)
    assert (again.files, (folder / "company.yaml").read_text()) == ({}, before)


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("{type: boolean, default: false}", "{type: string, default: a}", "ORG414", "its variants are of strategies"),
        ("owner: uma@acme.com}", "owner: uma@acme.com, state: disabled}", "ORG412", "no `state`"),
        ("Checkout in one step, owner", "Checkout in one step, variants: {a: true}, owner", "ORG412", "no `variants`"),
        ("      shop: {environment: production}\n", "", "ORG414", "which environment of Unleash the workspace shop is"),
        ("shop: {environment: production}", "shop: {environment: development}", "ORG414", "would be one environment in Unleash"),
        ("uma@acme.com: {role: viewer}", "uma@acme.com: {role: standard}", "ORG415", "no role `standard`"),
    ],
)
def test_what_unleash_would_not_take_is_told_before(company: tuple[Path, Unleash], old: str, new: str, code: str, says: str) -> None:
    folder, fake = company
    hands.changed(folder, old, new)
    with pytest.raises(ConfigInvalid) as caught:
        app.plan(options(folder, fake))
    assert any(d.code == code and says in d.summary for d in caught.value.diagnostics), caught.value.diagnostics


def test_a_default_that_would_not_hold_is_told(company: tuple[Path, Unleash]) -> None:
    folder, fake = company
    hands.changed(folder, "{type: boolean, default: false}", "{type: boolean, default: true}")
    app.plan(options(folder, fake))  # each workspace says so itself
    hands.changed(folder, "one-click-checkout: false, smart-search: true", "one-click-checkout: false")
    with pytest.raises(ConfigInvalid) as caught:
        app.plan(options(folder, fake))
    [told] = caught.value.diagnostics
    assert "`default: true` would not hold in shop" in told.summary
    assert told.detail == "write `smart-search: true` in each workspace, or `default: false`"
