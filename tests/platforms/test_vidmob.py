"""VidMob: what its API and its people CSV show is read back; everything else is attested. Against a stateful fake, also behind faults."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgform import app
from orgform.codec import replace
from orgform.errors import ConfigInvalid, LedgerError, ReadFailed
from orgform.formats import normalise
from orgform.kinds import load_kinds
from orgform.model import Address
from orgform.providers import find_spec
from orgform.providers.base import Operation, Provider, ReadResult, RoleNames, TargetContext
from orgform.providers.vidmob import spec
from orgform.providers.vidmob.people import Person, Unreadable, people
from orgform.testing import catalogue, contract
from orgform.testing.contract import Sample, Subject
from orgform.testing.fakes import vidmob as fakes
from orgform.testing.fakes.vidmob import KEY, VidMob
from orgform.testing.faults import Rule, fault_proxy
from orgform.testing.platform import Told
from tests.platforms.hands import LATER, TODAY, asked, changed, done, example, step, warnings, written

SPACES = {"45914": "Brand X - US", "45915": "Brand Y, global"}


@pytest.fixture
def fake() -> Iterator[VidMob]:
    with fakes.example().running() as running:
        yield running


@pytest.fixture
def acme(fake: VidMob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> app.Options:
    monkeypatch.setenv("VIDMOB_TOKEN", KEY)
    origin = fake.url.removesuffix("/v1")
    folder = example("vidmob", tmp_path)
    return app.Options(folder=folder, variables=(f"url={fake.url}",), today=TODAY, allow_target=(f"vidmob={origin}",), max_wait=0.01)


def download(fake: VidMob, options: app.Options) -> None:
    (options.folder / "people.csv").write_text(fake.people_csv())


# The whole of it


def test_the_csv_of_the_example_is_what_the_fake_gives(fake: VidMob, acme: app.Options) -> None:
    lines = (acme.folder / "people.csv").read_text().splitlines()
    assert sorted(lines) == sorted(fake.people_csv().splitlines())


def test_people_do_the_example_download_the_csv_attest_the_rest_and_nothing_is_left(fake: VidMob, acme: app.Options) -> None:
    first = app.plan(acme)
    assert first.changes == ()
    assert asked(first) == [
        ("create", "ad_account/brand-x-us/search"),
        ("create", "member/li@acme.com"),
        ("create", "workspace/brand-z"),
        ("update", "membership/brand-x-us/bob@acme.com"),
        ("create", "membership/brand-x-us/li@acme.com"),
        ("create", "membership/brand-y/li@acme.com"),
        ("create", "membership/brand-z/bob@acme.com"),
    ]
    done(acme, first)
    half = app.plan(acme)
    assert ("create", "membership/brand-y/li@acme.com") in asked(half)
    assert step(half, "membership/brand-y/li@acme.com").because == (
        "dana@acme.com attested it on 2026-11-22, and what is read does not show it yet",
    )
    fake.add_workspace("Brand Z")
    fake.invite("li@acme.com", "Brand X - US", "Brand Y, global")
    fake.invite("bob@acme.com", "Brand Z")
    download(fake, acme)
    after = app.plan(acme)
    assert (after.changes, after.manual_steps, after.unmanaged) == ((), (), ())
    app.apply(acme)
    assert app.plan(acme).manual_steps == ()
    later = app.plan(replace(acme, today=LATER))
    assert asked(later) == [
        ("create", "ad_account/brand-x-us/search"),
        ("update", "membership/brand-x-us/bob@acme.com"),
        ("update", "membership/brand-x-us/li@acme.com"),
        ("update", "membership/brand-y/li@acme.com"),
        ("update", "membership/brand-z/bob@acme.com"),
    ]


def test_what_was_known_and_is_taken_out_is_a_step_or_a_refusal(fake: VidMob, acme: app.Options) -> None:
    fake.add_workspace("Brand Z")
    fake.invite("li@acme.com", "Brand X - US", "Brand Y, global")
    fake.invite("bob@acme.com", "Brand Z")
    download(fake, acme)
    done(acme, app.plan(acme))
    app.apply(acme)
    file = acme.folder / "company.yaml"
    file.write_text(file.read_text().replace("  li@acme.com: {name: Li Wei}\n", "").replace(", li@acme.com: member", ""))
    changed(acme.folder, "\n    members: {li@acme.com: admin}", "")
    plan = app.plan(acme)
    gone = step(plan, "membership/brand-y/li@acme.com")
    assert (gone.action, gone.command, gone.where.rpartition("-> ")[2]) == ("delete", "", "Remove from workspace")
    assert gone.verify == "the next plan finds it gone from the people CSV (download it anew: Organization -> People -> Download CSV)"
    [refused] = [d for d in plan.diagnostics if d.code == "ORG506"]
    assert "VidMob cannot delete the member" in refused.summary
    assert "members cannot be removed from an organization" in refused.summary
    fake.remove("li@acme.com", "Brand X - US")
    fake.remove("li@acme.com", "Brand Y, global")
    download(fake, acme)
    assert app.plan(acme).manual_steps == ()


MANAGER = "membership/brand-x-us/bob@acme.com"


@pytest.fixture
def settled(fake: VidMob, acme: app.Options) -> app.Options:
    """All is there, attested, and seen since."""
    fake.add_workspace("Brand Z")
    fake.invite("li@acme.com", "Brand X - US", "Brand Y, global")
    fake.invite("bob@acme.com", "Brand Z")
    download(fake, acme)
    done(acme, app.plan(acme))
    app.apply(acme)
    assert app.plan(acme).manual_steps == ()
    return acme


def test_who_was_away_and_is_back_has_a_role_that_nobody_attested(fake: VidMob, settled: app.Options) -> None:
    """Removed by hand, seen gone by a plan, invited again: the CSV says that Bob is there, and nothing says as what."""
    fake.remove("bob@acme.com", "Brand X - US")
    download(fake, settled)
    away = step(app.plan(settled), MANAGER)
    assert (away.action, away.instructions.split()[0]) == ("create", "create")
    fake.invite("bob@acme.com", "Brand X - US")
    download(fake, settled)
    back = step(app.plan(settled), MANAGER)
    assert (back.action, back.values["Role in the workspace"], back.now) == ("update", "Manager", {})
    assert back.because == ("dana@acme.com attested it on 2026-11-22, which ran out on 2026-11-22",)
    roles = {(i.member, i.workspace): i.role for i in app.access(settled, live=True)}
    assert roles["bob@acme.com", "brand-x-us"] == ""
    done(settled, app.plan(settled))
    assert app.plan(settled).manual_steps == ()


def test_who_was_away_in_a_plan_for_a_day_to_come_was_away_today(fake: VidMob, settled: app.Options) -> None:
    fake.remove("bob@acme.com", "Brand X - US")
    download(fake, settled)
    app.plan(replace(settled, today=date(2027, 4, 1)))  # before the word would run out by itself
    fake.invite("bob@acme.com", "Brand X - US")
    download(fake, settled)
    tomorrow = max(TODAY, datetime.now(tz=UTC).date()) + timedelta(days=1)
    assert step(app.plan(replace(settled, today=tomorrow)), MANAGER).action == "update"


def test_what_was_attested_before_the_csv_shows_it_stays(fake: VidMob, acme: app.Options) -> None:
    """The file is from before: a word is not gone because a read does not know of it yet."""
    done(acme, app.plan(acme))
    assert ("create", "membership/brand-x-us/li@acme.com") in asked(app.plan(acme))
    fake.add_workspace("Brand Z")
    fake.invite("li@acme.com", "Brand X - US", "Brand Y, global")
    fake.invite("bob@acme.com", "Brand Z")
    download(fake, acme)
    assert app.plan(acme).manual_steps == ()


def test_a_csv_without_anybody_takes_no_word_away(fake: VidMob, settled: app.Options) -> None:
    """The wrong file, or half of one: of a kind of which nothing is there nothing is known to be gone."""
    file = settled.folder / "people.csv"
    kept = file.read_text()
    for wrong in (kept.splitlines()[0] + "\n", "nonsense"):
        file.write_text(wrong)
        app.plan(settled)
    file.write_text(kept)
    assert app.plan(settled).manual_steps == ()


def test_the_csv_of_another_company_takes_no_word_away(fake: VidMob, settled: app.Options) -> None:
    """Strangers only: the plan does not believe that, and nothing of it stays."""
    file = settled.folder / "people.csv"
    kept = file.read_text()
    file.write_text(kept.splitlines()[0] + '\nUma,uma@other.com,Standard,"Brand X - US"\n')
    refused = app.plan(settled).refused
    assert [g.items[-1].partition(",")[0] for g in refused] == ["membership: the live system shows others only"]
    file.write_text(kept)
    assert app.plan(settled).manual_steps == ()


def test_another_workspace_of_the_name_is_another_one(fake: VidMob, settled: app.Options) -> None:
    """Deleted and made again under its name, with the same people: their roles were attested of the other one."""
    [old] = [id for id, name in fake.workspaces.items() if name == "Brand X - US"]
    fake.workspaces[47_000] = fake.workspaces.pop(old)
    again = {a for _, a in asked(app.plan(settled))}
    assert again == {MANAGER, "membership/brand-x-us/li@acme.com"}


def test_a_plan_on_another_base_notes_nothing(fake: VidMob, settled: app.Options) -> None:
    """A pull request's: its CSV may be from long ago."""
    kept = (settled.folder / "people.csv").read_text()
    for command in (
        ["init", "-q"],
        ["add", "company.yaml"],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *command], cwd=settled.folder, check=True)
    fake.remove("bob@acme.com", "Brand X - US")
    download(fake, settled)
    assert step(app.plan(settled, base="HEAD"), MANAGER).action == "create"
    (settled.folder / "people.csv").write_text(kept)
    assert app.plan(settled).manual_steps == ()


def test_a_ledger_that_may_only_be_read_stops_no_plan(fake: VidMob, settled: app.Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plan cannot keep it still says: away is away, today."""

    def unwritable(where: object, seen: object) -> None:
        raise LedgerError("the ledger cannot be written")

    monkeypatch.setattr("orgform.ledger.keep_seen", unwritable)
    fake.remove("bob@acme.com", "Brand X - US")
    download(fake, settled)
    plan = app.plan(settled)
    assert step(plan, MANAGER).action == "create" and MANAGER not in [w.address for w in plan.attested]


@pytest.mark.parametrize("names_first", [True, False], ids=["found-by-its-name", "found-by-its-id"])
def test_what_was_attested_follows_a_renamed_key(fake: VidMob, settled: app.Options, names_first: bool) -> None:
    file = settled.folder / "company.yaml"
    [id] = [id for id, name in fake.workspaces.items() if name == "Brand X - US"]
    text = (
        file.read_text().replace("  brand-x-us:\n", "  brand-x-usa:\n")
        + "moved: [{from: workspace/brand-x-us, to: workspace/brand-x-usa}]\n"
    )
    if not names_first:
        text = text.replace('workspaces: {brand-y: "45915"}', f'workspaces: {{brand-y: "45915", brand-x-usa: "{id}"}}')
    file.write_text(text)
    for _ in range(2):
        plan = app.plan(settled)
        assert plan.manual_steps == (), asked(plan)
        assert "membership/brand-x-usa/bob@acme.com" in [w.address for w in plan.attested]
    app.apply(settled)
    assert app.plan(settled).manual_steps == ()
    file.write_text(text.partition("moved:")[0])
    assert app.plan(settled).manual_steps == ()
    fake.remove("bob@acme.com", "Brand X - US")
    download(fake, settled)
    app.plan(settled)
    fake.invite("bob@acme.com", "Brand X - US")
    download(fake, settled)
    assert asked(app.plan(settled)) == [("update", "membership/brand-x-usa/bob@acme.com")]


def test_another_key_without_a_word_for_it_deletes_nothing(settled: app.Options) -> None:
    """VidMob knows names and no keys: whose key has gone from the config gives its name to the one that has it now."""
    file = settled.folder / "company.yaml"
    text = file.read_text()
    for key in ("a-brand", "z-brand"):
        file.write_text(text.replace("  brand-x-us:\n", f"  {key}:\n"))
        plan = app.plan(settled)
        assert not [a for _, a in asked(plan) if a.startswith("workspace/")]
        assert plan.unmanaged == ()


def test_a_key_that_was_given_away_and_used_anew_takes_no_words(fake: VidMob, settled: app.Options) -> None:
    """Another workspace has the old key by then."""
    file = settled.folder / "company.yaml"
    file.write_text(
        file.read_text().replace("  brand-x-us:\n", "  brand-x-usa:\n")
        + "moved: [{from: workspace/brand-x-us, to: workspace/brand-x-usa}]\n"
    )
    app.apply(settled)
    file.write_text(file.read_text().partition("moved:")[0])
    fake.add_workspace("Second")
    fake.invite("bob@acme.com", "Second")
    download(fake, settled)
    changed(
        settled.folder,
        "workspaces:\n  brand-x-usa:",
        "workspaces:\n  brand-x-us: {name: Second, members: {bob@acme.com: member}}\n  brand-x-usa:",
    )
    assert asked(app.plan(settled)) == [("update", MANAGER)]
    done(settled, app.plan(settled))
    plan = app.plan(settled)
    assert plan.manual_steps == ()
    assert {MANAGER, "membership/brand-x-usa/bob@acme.com"} <= {w.address for w in plan.attested}


def test_an_organization_admin_is_an_admin_everywhere_and_that_is_never_diffed(fake: VidMob, acme: app.Options) -> None:
    plan = app.plan(acme)
    assert not [a for _, a in asked(plan) if "alice" in a or "olu" in a]
    assert plan.unmanaged == ()
    changed(acme.folder, "members: {li@acme.com: admin}", "members: {li@acme.com: admin, olu@acme.com: admin}")
    assert "membership/brand-y/olu@acme.com" not in {a for _, a in asked(app.plan(acme))}
    path = [(i.workspace, i.path) for i in app.access(acme) if i.member == "alice@acme.com" and i.workspace == "brand-y"]
    assert path == [("brand-y", "company admin")]


def test_an_organization_admin_cannot_be_less_in_a_workspace(acme: app.Options) -> None:
    changed(acme.folder, "members: {li@acme.com: admin}", "members: {li@acme.com: admin, olu@acme.com: member}")
    with pytest.raises(ConfigInvalid) as caught:
        app.validate(acme)
    assert [f"{d.code} {d.summary}" for d in caught.value.diagnostics] == [
        "ORG414 olu@acme.com is an organization Admin, and so an Admin of brand-y by itself, not Standard"
    ]


def test_where_nothing_reads_people_an_admins_membership_is_advised_against(acme: app.Options) -> None:
    changed(acme.folder, "members: {li@acme.com: admin}", "members: {li@acme.com: admin, olu@acme.com: admin}")
    assert warnings(app.validate(acme).diagnostics) == []
    changed(acme.folder, "    people_csv: people.csv\n", "")
    assert warnings(app.validate(acme).diagnostics) == [
        "ORG416 olu@acme.com is an organization Admin, and so an Admin of brand-y by itself: a step for it has nothing to do"
    ]


def test_a_role_of_the_organization_is_read_back_and_changed_by_hand(fake: VidMob, acme: app.Options) -> None:
    fake.people["bob@acme.com"]["role"] = "Admin"
    download(fake, acme)
    lowered = step(app.plan(acme), "member/bob@acme.com")
    assert (lowered.values, lowered.now, lowered.command) == (
        {"E-mail": "bob@acme.com", "Organization role": "Standard"},
        {"Organization role": "Admin"},
        "",
    )
    assert lowered.where == "Organization -> People -> the person's current role -> choose"


def test_without_the_csv_people_are_attested(fake: VidMob, acme: app.Options) -> None:
    changed(acme.folder, "    people_csv: people.csv\n", "")
    (acme.folder / "people.csv").unlink()
    first = app.plan(acme)
    assert step(first, "member/bob@acme.com").command
    assert step(first, "workspace/brand-z").command == ""
    fake.add_workspace("Brand Z")
    done(acme, first)
    assert app.plan(acme).manual_steps == ()
    assert ("create", "member/bob@acme.com") in asked(app.plan(replace(acme, today=LATER)))


def test_what_it_does_not_have_is_told(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        {
            "targets": {"vidmob": {"provider": "vidmob", "token": "env:T", "kinds": ["workspace", "member", "membership"]},
                        "rest": {"provider": "local", "database": "rest.db"}},
            "company": {"name": "Acme", "primary_domain": "acme.com"},
            "domains": {"acme.com": {}},
            "groups": {"crew": {}},
            "members": {"a@acme.com": {"title": "CTO"}},
            "workspaces": {"w": {"region": "eu", "members": {"group:crew": "member"}}},
        },
    )  # fmt: skip
    with pytest.raises(ConfigInvalid) as caught:
        app.validate(app.Options(folder=folder))
    assert sorted(line.partition(";")[0] for line in warnings(caught.value.diagnostics)) == [
        "ORG412 VidMob has no `region` for a workspace",
        "ORG412 VidMob has no `title` for a member",
        "ORG414 VidMob has no groups, so crew can be no member of a workspace there",
    ]


# The API


def opened(url: str, folder: Path, key: str = KEY, known: Sequence[str] = (), **options: Any) -> Provider:
    context = TargetContext(
        "vidmob",
        {"url": url, "token": "env:T", **options},
        folder,
        load_kinds(),
        lambda name: key,
        max_wait=0.01,
        roles=RoleNames(spec.roles, {}),
        known=lambda system: frozenset(map(Address, known)),
    )
    return spec.open(context)


def read(provider: Provider, kind: str) -> ReadResult:
    [result] = provider.read([kind])
    return result


@pytest.mark.parametrize("wrapped", [True, False])
def test_answers_come_wrapped_or_plain(wrapped: bool, tmp_path: Path) -> None:
    with VidMob(workspaces={1: "One"}, wrapped=wrapped).running() as fake, closing(opened(fake.url, tmp_path)) as provider:
        assert provider.system == f"{fake.url}#1207"
        assert {a: r.attributes for a, r in read(provider, "workspace").resources.items()} == {"workspace/one": {"name": "One"}}
        assert [r.attributes for r in read(provider, "company").resources.values()] == [{"name": "Acme Corp"}]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"status": "ERROR", "result": []}, "VidMob says 'ERROR' and has no result"),
        ({"status": "OK"}, "VidMob says 'OK' and has no result"),
        ({"status": "OK", "result": {}}, "something else than a list"),
        ([{"id": 1}], "something that has no id and name"),
        ([{"id": True, "name": "x"}], "something that has no id and name"),
        ([{"id": 1, "name": "x"}, {"id": "1", "name": "y"}], "listed a workspace twice"),
        (
            {"status": "OK", "result": [{"id": 1, "name": "x"}], "pagination": {"totalSize": 7}},
            "VidMob has 7 workspaces and listed 1",
        ),
    ],
)
def test_a_list_that_is_odd_is_not_complete(body: Any, told: str, fake: VidMob, tmp_path: Path) -> None:
    with closing(opened(fake.url, tmp_path)) as provider:
        fake.next_answers(Told(200, body))
        result = read(provider, "workspace")
        assert not result.complete
        assert told in result.problem
        assert result.resources == {}


def test_pages_that_are_all_there_are_complete(fake: VidMob, tmp_path: Path) -> None:
    with closing(opened(fake.url, tmp_path)) as provider:
        fake.next_answers(Told(200, {"status": "OK", "result": [{"id": 1, "name": "x"}], "pagination": {"totalSize": 1, "next": None}}))
        assert read(provider, "workspace").complete


def test_a_key_that_is_not_good_is_told_with_where_one_is_made(fake: VidMob, tmp_path: Path) -> None:
    with pytest.raises(ReadFailed) as caught:
        opened(fake.url, tmp_path, key="wrong-key-1234")
    assert "401" in caught.value.message
    assert "wrong-key-1234" not in caught.value.message
    assert caught.value.hint == "make a key in VidMob: Admin Settings -> API keys"


def test_it_writes_nothing(fake: VidMob, tmp_path: Path) -> None:
    with closing(opened(fake.url, tmp_path, people_csv="people.csv")) as provider:
        [removed] = provider.write([Operation("delete", Address("member/bob@acme.com"))])
        assert (removed.status, removed.detail.partition(";")[0]) == ("failed", "members cannot be removed from an organization")
        assert {e.call.method for e in fake.exchanges} == {"GET"}
        assert not read(provider, "ad_account").complete


# Of all those that the contract suite goes through: some, met by the people too, who are read by the workspaces' names.
FAULTS = [
    "reset before it acted",
    "truncated",
    "a login page",
    "null",
    "JSON of something else",
    "another company's answer",
    "500",
    "null, once",
]
SAMPLES = (Sample(Address("workspace/brand-x-us"), {"name": "Brand X - US"}, there=True),)


@pytest.mark.parametrize("check", contract.checks(spec), ids=lambda check: check.__name__)
def test_contract(check: Callable[[Subject], None], fake: VidMob) -> None:
    def options(url: str) -> dict[str, Any]:
        return {"url": url, "token": "env:VIDMOB_TOKEN"}

    check(contract.of(spec, fake, options, samples=SAMPLES, secrets={"token": KEY}, kinds=["workspace"]))


@pytest.mark.parametrize("name", FAULTS)
def test_under_faults_a_read_is_right_or_says_that_it_is_not(name: str, fake: VidMob, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(fake.people_csv())
    kinds = ["company", "workspace", "member", "membership"]
    with closing(opened(fake.url, tmp_path, people_csv="people.csv")) as provider:
        right = {result.kind: result for result in provider.read(kinds)}
        assert all(result.complete for result in right.values())
    with fault_proxy(fake.url) as proxy, closing(opened(proxy.url, tmp_path, people_csv="people.csv")) as provider:
        proxy.rules = tuple(
            Rule(rule.fault, rule.method, rule.path, rule.nth and (1,), rule.share, rule.times) for rule in catalogue.READS[name]
        )
        for result in provider.read(kinds):
            assert result.resources == right[result.kind].resources if result.complete else result.problem


# The CSV


def parsed(text: str) -> list[Person]:
    return people(text.encode(), SPACES, "people.csv")


def test_an_address_is_spelt_as_the_config_has_it() -> None:
    """Whatever the case, and a domain of any alphabet: one person is one address."""
    [person] = parsed("E-mail,Role,Workspaces\nBob@MÜLLER.example,Standard,\n")
    assert person.email == normalise("email", "bob@müller.example")


def test_columns_come_in_any_order_and_spelling() -> None:
    head = "\ufeffWORKSPACES;Last seen;Email Address;name;Organization Role"
    told = f'{head}\nbrand x - us;never;BOB@Acme.com;"Roy, Bob";Organization Standard User\n'
    assert parsed(told) == [Person("bob@acme.com", "Standard", ("45914",))]


@pytest.mark.parametrize(
    ("cell", "ids"),
    [
        ("", ()),
        ("-", ()),
        ("Brand X - US", ("45914",)),
        ('"Brand Y, global"', ("45915",)),
        ('"Brand X - US, Brand Y, global"', ("45914", "45915")),
        ('"Brand Y, global; Brand X - US"', ("45915", "45914")),
        ('"Brand X - US\nBrand Y, global"', ("45914", "45915")),
        ("Brand X - US|Brand Y", None),
    ],
)
def test_workspaces_are_found_by_their_names_whatever_stands_between(cell: str, ids: tuple[str, ...] | None) -> None:
    text = f"name,e-mail,role,workspaces\nBob,b@acme.com,Standard,{cell}\n"
    if ids is not None:
        assert parsed(text)[0].workspaces == ids
        return
    with pytest.raises(Unreadable) as caught:
        parsed(text)
    assert caught.value.message == "people.csv:2: there is no workspace 'Brand Y' that the API shows; download the CSV again"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "people.csv:1: no column `email` (it has: nothing); is it VidMob's people CSV?"),
        ("name,role,workspaces\n", "people.csv:1: no column `email` (it has: name, role, workspaces); is it VidMob's people CSV?"),
        ("email,e-mail,role,workspaces\n", "people.csv:1: several columns `email`"),
        ("email,role,workspaces\n", "people.csv has no people in it"),
        ("email,role,workspaces\nbob,Standard,\n", "people.csv:2: 'bob' is no e-mail address"),
        ("email,role,workspaces\na@acme.com,Guest,\n", "people.csv:2: 'Guest' is no role of an organization: Admin or Standard"),
        ("email,role,workspaces\na@acme.com,Admin,\n\nA@acme.com,Standard,\n", "people.csv:4: a@acme.com stands in line 2 already"),
        ("email,role,workspaces\na@acme.com,Admin\n", "people.csv:2: 2 columns, where the first line has more"),
        ('email,role,workspaces\na@acme.com,Admin,"x', "people.csv:2: unexpected end of data"),
    ],
)
def test_a_csv_that_does_not_fit_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parsed(text)
    assert caught.value.message.startswith(told)


def test_two_workspaces_of_one_name_are_told_where_only_the_name_says_which() -> None:
    with pytest.raises(Unreadable, match="2 workspaces are named 'Twin'"):
        people(b"email,role,workspaces\na@acme.com,Standard,twin\n", {"1": "Twin", "2": "twin"}, "people.csv")


def test_a_csv_of_another_encoding_is_told() -> None:
    with pytest.raises(Unreadable, match="is no UTF-8 text"):
        people("email,role,workspaces\nj\u00fcrgen@acme.com,Admin,\n".encode("latin-1"), SPACES, "people.csv")


def test_a_csv_that_is_not_there_or_wrong_stops_deletes_and_says_so(acme: app.Options, monkeypatch: pytest.MonkeyPatch) -> None:
    (acme.folder / "people.csv").unlink()
    plan = app.plan(acme)
    assert not plan.targets["vidmob"].complete
    [guard] = [g for g in plan.guards if g.guard == "incomplete-read"]
    assert "people.csv cannot be read (No such file or directory); download it: Organization -> People -> Download CSV" in str(guard)
    monkeypatch.setattr("orgform.providers.vidmob.client.MOST_BYTES", 10)
    (acme.folder / "people.csv").write_text("email,role,workspaces\n")
    assert "that is no people CSV" in str(app.plan(acme).guards)


def test_the_csv_stays_below_the_config_folder(acme: app.Options) -> None:
    changed(acme.folder, "people_csv: people.csv", "people_csv: ../people.csv")
    with pytest.raises(ConfigInvalid) as caught:
        app.validate(acme)
    assert [d.code for d in caught.value.diagnostics] == ["ORG406"]


def test_it_is_installed() -> None:
    assert find_spec("vidmob") is spec
