"""What an undo takes back, what it leaves alone and why: each rule on a real company."""

from __future__ import annotations

import sqlite3

import pytest

from orgform import app
from orgform.codec import replace
from orgform.errors import GuardRefused, LedgerError, OrgformError, UsageError
from orgform.model import Plan
from tests.undo.company import OWNERS, Company, did, left

CAROL = {"carol@acme.com": {"name": "Carol Wu", "role": "standard"}}
WEST = {"name": "West", "region": "us", "labels": {"brand": "x"}, "settings": {"timezone": "America/New_York", "thresholds": {"risk": 1}}}


def loses(plan: Plan) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {c.address: (c.undo, c.loses) for c in plan.changes}


class TestUpdates:
    def test_only_what_the_run_changed_goes_back(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild West"}})
        company.change("update", "workspace/west", {"description": "by hand", "labels": {"tier": "1"}})
        plan, _ = company.undo(run)
        assert did(plan) == [("update", "workspace/west")]
        assert [f.path for f in plan.changes[0].fields] == ["name"]
        assert plan.changes[0].undo == "reversible"
        live = company.live()["workspace/west"]
        assert (live["name"], live["description"], live["labels"]) == ("West", "by hand", {"brand": "x", "tier": "1"})

    def test_a_field_that_somebody_changed_since_is_left_alone_and_the_others_go_back(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        changed = {**WEST, "name": "Wild West", "settings": {"timezone": "UTC", "thresholds": {"risk": 2}}}
        run = company.apply(workspaces={"west": changed})
        company.change("update", "workspace/west", {"name": "Far West", "settings": {"thresholds": {"risk": 3}}})
        plan, _ = company.undo(run)
        assert [f.path for f in plan.changes[0].fields] == ["settings.timezone"]
        (item,) = plan.undoes.left if plan.undoes else ()
        assert [(f.path, f.before, f.after, f.live) for f in item.fields] == [
            ("name", "West", "Wild West", "Far West"),
            ("settings.thresholds.risk", 1, 2, 3),
        ]
        assert item.override == "--allow changed-since:workspace/west"
        assert item.attribution
        assert item.attribution.client.startswith("orgform/")
        live = company.live()["workspace/west"]
        assert (live["name"], live["settings"]) == ("Far West", {"timezone": "America/New_York", "thresholds": {"risk": 3}})
        assert company.base()["workspace/west"].attributes["name"] == "Wild West", "what was left alone is drift, as it was"

    def test_the_words_that_let_it_pass_are_quoted_for_a_shell_and_name_nobody_else(self, company: Company) -> None:
        odd = "`id`*@acme.com"
        company.apply(members={**OWNERS, odd: {"name": "Odd"}})
        run = company.apply(members={**OWNERS, odd: {"name": "Odder"}})
        company.change("update", f"member/{odd}", {"name": "Oddest"})
        plan = company.plan_undo(run)
        (item,) = plan.undoes.left if plan.undoes else ()
        assert item.override == "--allow 'changed-since:member/`id`[*]@acme.com'"
        assert left(company.plan_undo(run, "changed-since:member/`id`[*]@acme.com")) == {}

    def test_named_by_allow_it_is_overwritten(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild West"}})
        company.change("update", "workspace/west", {"name": "Far West"})
        plan, _ = company.undo(run, "changed-since:workspace/*")
        assert left(plan) == {}
        assert [(c.origin, [f.origin for f in c.fields]) for c in plan.changes] == [("conflict", ["conflict"])]
        assert company.live()["workspace/west"]["name"] == "West"

    def test_a_later_run_is_somebody_too(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild West"}})
        later = company.apply(workspaces={"west": {**WEST, "name": "Far West"}})
        plan, report = company.undo(run)
        (item,) = plan.undoes.left if plan.undoes else ()
        assert (item.run, report.outcome, plan.changes) == (later, "nothing", ())
        company.undo(later)
        company.undo(run)
        assert company.live()["workspace/west"]["name"] == "West"

    def test_what_is_back_already_needs_nothing_and_base_learns_it(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild West"}})
        company.change("update", "workspace/west", {"name": "West"})
        plan, _ = company.undo(run)
        assert plan.changes == ()
        assert plan.undoes
        assert plan.undoes.undone == 1
        assert company.base()["workspace/west"].attributes["name"] == "West"
        assert [c.origin for c in app.plan(company.options).changes] == ["config"]

    def test_of_a_set_what_others_put_in_stays(self, company: Company) -> None:
        people = {**OWNERS, **{f"{n}@acme.com": {} for n in ("carol", "dan", "erin", "frank")}}
        company.apply(members=people, groups={"support": {"members": ["carol@acme.com", "dan@acme.com"]}})
        run = company.apply(groups={"support": {"members": ["dan@acme.com", "erin@acme.com"]}}, members=people)
        company.change("update", "group/support", {"members": ["erin@acme.com", "frank@acme.com"]})
        plan, _ = company.undo(run)
        assert left(plan) == {}
        assert company.live()["group/support"]["members"] == ["carol@acme.com", "frank@acme.com"]
        assert company.base()["group/support"].attributes["members"] == ["carol@acme.com", "dan@acme.com"]
        plan, _ = company.undo(run)
        assert plan.changes == ()

    def test_keys_of_maps_that_the_run_wrote_go_and_those_it_removed_come_back(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "labels": {"tier": "1"}, "settings": {"retention_days": 30}}})
        company.change("update", "workspace/west", {"labels": {"by": "hand"}})
        company.undo(run)
        live = company.live()["workspace/west"]
        assert live["labels"] == {"brand": "x", "by": "hand"}
        assert live["settings"] == WEST["settings"]

    def test_what_is_gone_since_is_said(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild West"}})
        company.change("delete", "workspace/west")
        plan, _ = company.undo(run)
        assert left(plan) == {"workspace/west": "it is gone since the run"}
        assert plan.undoes
        assert [(item.undo, item.override) for item in plan.undoes.left] == [("irreversible", "")]

    def test_a_value_that_names_what_is_gone_is_not_put_back(self, company: Company) -> None:
        feature = {"type": "boolean", "default": False}
        company.apply(members={**OWNERS, **CAROL}, features={"beta": {**feature, "owner": "carol@acme.com"}})
        run = company.apply(features={"beta": {**feature, "owner": "bob@acme.com"}}, members={**OWNERS, **CAROL})
        company.change("delete", "member/carol@acme.com")
        plan, _ = company.undo(run)
        assert left(plan) == {"feature/beta": "it needs member/carol@acme.com, which is not there any more"}


class TestCreates:
    def test_what_the_run_created_goes_with_all_that_it_put_into_it(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(workspaces={"west": {**WEST, "members": {"bob@acme.com": "admin"}, "inboxes": {"help": {"name": "Help"}}}})
        plan, report = company.undo(run)
        assert did(plan) == [("delete", "inbox/west/help"), ("delete", "membership/west/bob@acme.com"), ("delete", "workspace/west")]
        assert [c.address for c in plan.changes][-1] == "workspace/west"
        assert report.outcome == "done"
        assert loses(plan)["workspace/west"] == ("lossy", ("everything stored in the workspace",))
        assert loses(plan)["membership/west/bob@acme.com"] == ("reversible", ())

    def test_changed_since_it_stays(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(members={**OWNERS, **CAROL}, workspaces={"west": WEST})
        company.change("update", "workspace/west", {"description": "ours"})
        company.change("update", "member/carol@acme.com", {"role": "admin"})
        plan, _ = company.undo(run)
        assert plan.changes == ()
        assert plan.undoes
        found = {item.address: [(f.path, f.after, f.live) for f in item.fields] for item in plan.undoes.left}
        assert found == {
            "workspace/west": [("description", None, "ours")],
            "member/carol@acme.com": [("role", "standard", "admin")],
        }
        company.undo(run, "changed-since:*")
        assert not {"workspace/west", "member/carol@acme.com"} & company.live().keys()

    def test_what_somebody_put_into_it_keeps_it(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(workspaces={"west": {**WEST, "inboxes": {"help": {"name": "Help"}}}})
        for n in range(7):
            company.change("create", f"tag/west/t{n}", {"color": "#ff0000"})
        plan, _ = company.undo(run)
        assert did(plan) == [("delete", "inbox/west/help")]
        why = left(plan)["workspace/west"]
        assert (
            why
            == "tag/west/t0, tag/west/t1, tag/west/t2, tag/west/t3, tag/west/t4 and 2 more would go with it, which the run did not create"
        )
        assert plan.undoes
        assert [item.attribution for item in plan.undoes.left] == [None], "that the run itself made it is nothing that somebody did since"
        plan, _ = company.undo(run, "changed-since:workspace/west")
        assert did(plan) == [("delete", "workspace/west")]
        (change,) = plan.changes
        assert change.loses[-1].endswith("tag/west/t4 and 2 more: gone with it, and not recorded")

    def test_a_part_that_was_changed_since_keeps_the_whole(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(workspaces={"west": {**WEST, "members": {"bob@acme.com": "viewer"}}})
        company.change("update", "membership/west/bob@acme.com", {"role": "admin"})
        plan, _ = company.undo(run)
        assert left(plan).keys() == {"workspace/west", "membership/west/bob@acme.com"}
        assert plan.changes == ()

    def test_what_is_still_named_by_something_else_stays(self, company: Company) -> None:
        feature = {"type": "boolean", "default": False}
        company.apply(features={"beta": feature})
        run = company.apply(features={"beta": feature}, members={**OWNERS, **CAROL})
        company.change("update", "feature/beta", {"owner": "carol@acme.com"})
        plan, _ = company.undo(run, "changed-since:*")
        assert left(plan) == {"member/carol@acme.com": "it is still named by feature/beta"}
        assert company.undo(run)[1].outcome == "nothing"

    def test_a_reference_that_cannot_go_back_keeps_what_it_names(self, company: Company) -> None:
        """The owner was replaced by somebody new, and the old one is gone: the new one stays, or the feature would have none."""
        feature = {"type": "boolean", "default": False}
        company.apply(members={**OWNERS, **CAROL}, features={"beta": {**feature, "owner": "carol@acme.com"}})
        dan = {"dan@acme.com": {"name": "Dan"}}
        run = company.apply(members={**OWNERS, **CAROL, **dan}, features={"beta": {**feature, "owner": "dan@acme.com"}})
        company.change("delete", "member/carol@acme.com")
        plan, _ = company.undo(run)
        assert plan.changes == ()
        assert left(plan)["member/dan@acme.com"] == "it is still named by feature/beta"

    def test_gone_already_it_needs_nothing(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(members={**OWNERS, **CAROL})
        company.change("delete", "member/carol@acme.com")
        plan, _ = company.undo(run)
        assert (plan.changes, left(plan)) == ((), {})
        assert "member/carol@acme.com" not in company.base()

    def test_what_was_there_already_was_not_created_by_the_run(self, company: Company) -> None:
        """A saved plan that finds its resource there, exactly so, has adopted it and not made it."""
        company.apply(members=OWNERS)
        company.write(members={**OWNERS, **CAROL})
        saved = app.plan(company.options)
        company.change("create", "member/carol@acme.com", {"name": "Carol Wu", "role": "standard"})
        _, report = app.apply(company.options, saved=saved)
        assert [o.detail for o in report.outcomes] == ["it was there already, exactly so"]
        plan, undone = company.undo(report.run)
        assert (plan.changes, undone.outcome) == ((), "nothing")
        assert plan.undoes
        assert plan.undoes.not_done == 1


class TestDeletes:
    def test_it_comes_back_with_everything_that_it_had(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        company.change("update", "member/carol@acme.com", {"title": "not managed", "labels": {"a": "b"}})
        before = company.live()
        run = company.apply(members=OWNERS)
        plan, _ = company.undo(run)
        assert company.live() == before
        undo, lost = loses(plan)["member/carol@acme.com"]
        assert undo == "lossy"
        assert lost == ("sessions, personal tokens and a pending invitation of the person", "its id: the platform gives it a new one")
        assert company.base()["member/carol@acme.com"].attributes == CAROL["carol@acme.com"]
        company.write(members={**OWNERS, **CAROL})
        again = app.plan(company.options)
        assert (again.changes, again.diagnostics) == ((), ())

    def test_what_nobody_recorded_is_named(self, company: Company) -> None:
        company.apply(members=OWNERS, workspaces={"west": {**WEST, "inboxes": {"help": {"name": "Help"}}}})
        company.change("create", "tag/west/vip", {"color": "#ff0000"})
        company.write(members=OWNERS)
        planned = app.plan(company.options)
        assert loses(planned)["workspace/west"] == (
            "lossy",
            ("everything stored in the workspace", "tag/west/vip: gone with it, and not recorded"),
        )
        run = company.apply()
        plan, _ = company.undo(run)
        assert loses(plan)["workspace/west"][1][:2] == loses(planned)["workspace/west"][1]
        assert "tag/west/vip" not in company.live()
        assert company.live()["inbox/west/help"]["name"] == "Help"

    def test_a_proof_of_a_domain_is_lost(self, company: Company) -> None:
        company.apply(domains={"acme.com": {}, "acme.net": {}})
        raw = sqlite3.connect(company.folder / "acme.db")
        raw.execute("UPDATE resources SET observed = replace(observed, 'pending', 'verified') WHERE key = 'acme.net'")
        raw.commit()
        raw.close()
        run = company.apply(domains={"acme.com": {}})
        plan, _ = company.undo(run)
        assert loses(plan)["domain/acme.net"][1][0] == "its proof: it has to be verified again"

    def test_created_again_by_somebody_with_other_values_it_is_left_alone(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        run = company.apply(members=OWNERS)
        company.change("create", "member/carol@acme.com", {"name": "Carol III", "role": "standard"})
        plan, _ = company.undo(run)
        assert left(plan) == {"member/carol@acme.com": "it was created again since, with other values"}
        plan, _ = company.undo(run, "changed-since:member/carol*")
        assert did(plan) == [("update", "member/carol@acme.com")]
        assert company.live()["member/carol@acme.com"]["name"] == "Carol Wu"

    def test_created_again_as_it_was_it_needs_nothing(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL})
        run = company.apply(members=OWNERS)
        company.change("create", "member/carol@acme.com", {"name": "Carol Wu", "role": "standard"})
        plan, _ = company.undo(run)
        assert (plan.changes, left(plan)) == ((), {})

    def test_what_needs_something_that_is_gone_cannot_come_back(self, company: Company) -> None:
        group = {"support": {"members": ["carol@acme.com"]}}
        company.apply(members={**OWNERS, **CAROL}, groups=group, workspaces={"west": {**WEST, "members": {"group:support": "member"}}})
        run = company.apply(members={**OWNERS, **CAROL}, workspaces={"west": WEST})
        later = company.apply(members=OWNERS, workspaces={"west": WEST})
        plan = company.plan_undo(run)
        assert left(plan) == {
            "group/support": "it needs member/carol@acme.com, which is not there any more",
            "membership/west/group:support": "it needs group/support, which is not there any more",
        }
        company.undo(later)
        plan, _ = company.undo(run)
        assert left(plan) == {}


class TestRenames:
    def rename(self, company: Company, **more: object) -> str:
        company.apply(workspaces={"west": {**WEST, "members": {"bob@acme.com": "viewer"}}, "deep": {"name": "Deep", "parent": "west"}})
        wild = {**WEST, "members": {"bob@acme.com": "viewer"}, **more}
        company.write(
            workspaces={"wild": wild, "deep": {"name": "Deep", "parent": "wild"}},
            moved=[{"from": "workspace/west", "to": "workspace/wild"}],
        )
        return company.apply()

    def test_what_was_renamed_is_renamed_back_with_what_changed_in_it(self, company: Company) -> None:
        run = self.rename(company, name="Wild", members={"bob@acme.com": "admin", "alice@acme.com": "viewer"})
        after = company.live()
        plan, report = company.undo(run)
        assert [(c.address, c.moved_from) for c in plan.changes if c.moved_from] == [("workspace/west", "workspace/wild")]
        live = company.live()
        assert live["workspace/west"]["name"] == "West"
        assert live["membership/west/bob@acme.com"] == {"role": "viewer"}
        assert live["workspace/deep"]["parent"] == "west"
        assert not [a for a in live if "wild" in a]
        assert not [a for a in company.base() if "wild" in a]
        assert [c.moved_from for c in app.plan(company.options).changes if c.moved_from] == ["workspace/west"], "the config renames again"
        company.undo(report.run)
        assert company.live() == after
        assert app.plan(company.options).changes == ()
        company.undo(run)
        assert company.live() == live

    def test_a_mere_rename(self, company: Company) -> None:
        run = self.rename(company)
        before = company.base()
        plan, _ = company.undo(run)
        assert did(plan) == [("update", "workspace/west")]
        assert company.base()["workspace/west"] == before["workspace/wild"]
        assert company.apply()
        assert app.plan(company.options).changes == ()

    def test_what_was_renamed_by_a_later_run_follows(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild", "members": {"bob@acme.com": "viewer"}}})
        company.write(
            workspaces={"wild": {**WEST, "name": "Wild", "members": {"bob@acme.com": "viewer"}}},
            moved=[{"from": "workspace/west", "to": "workspace/wild"}],
        )
        company.apply()
        plan, _ = company.undo(run)
        assert did(plan) == [("delete", "membership/wild/bob@acme.com"), ("update", "workspace/wild")]
        assert company.live()["workspace/wild"]["name"] == "West"

    def test_renamed_back_by_hand_already(self, company: Company) -> None:
        run = self.rename(company, name="Wild")
        with company.by_hand() as provider:
            from orgform.model import Address
            from orgform.providers.base import Operation

            (result,) = provider.write([Operation("update", Address("workspace/west"), {}, "*", moved_from=Address("workspace/wild"))])
            assert result.status == "done"
        plan, _ = company.undo(run)
        assert [(c.address, c.moved_from, [f.path for f in c.fields]) for c in plan.changes] == [("workspace/west", None, ["name"])]
        assert company.live()["workspace/west"]["name"] == "West"

    def test_where_the_old_name_is_taken_again_it_keeps_the_new_one(self, company: Company) -> None:
        run = self.rename(company, name="Wild")
        company.change("create", "workspace/west", {"name": "Another"})
        plan, _ = company.undo(run)
        assert list(left(plan)) == ["workspace/wild"]
        assert "cannot be renamed back to workspace/west" in left(plan)["workspace/wild"]
        assert company.live()["workspace/wild"]["name"] == "West", "the rest of it goes back"
        assert company.live()["workspace/west"]["name"] == "Another"

    def test_what_stands_under_something_renamed(self, company: Company) -> None:
        company.apply(workspaces={"west": {**WEST, "inboxes": {"help": {"name": "Help"}}}})
        company.write(
            workspaces={"wild": {**WEST, "inboxes": {"care": {"name": "Care"}}}},
            moved=[{"from": "workspace/west", "to": "workspace/wild"}, {"from": "inbox/wild/help", "to": "inbox/wild/care"}],
        )
        before = company.live()
        run = company.apply()
        assert "inbox/wild/care" in company.live()
        plan, report = company.undo(run)
        assert left(plan) == {}
        assert company.live() == before
        company.undo(report.run)
        assert company.live()["inbox/wild/care"]["name"] == "Care"


class TestCutOff:
    """Of a run that was cut off nobody wrote down whether the rest was done: the live system tells."""

    def forget(self, company: Company, run: str, *addresses: str) -> None:
        raw = sqlite3.connect(company.folder / ".orgform" / "ledger.db")
        raw.execute("UPDATE orgform_runs SET finished = NULL, outcome = NULL WHERE run = ?", (run,))
        for address in addresses:
            raw.execute(
                "UPDATE orgform_changes SET status = 'planned', live = NULL WHERE run = ? AND change LIKE ?",
                (run, f'%"address":"{address}"%'),
            )
        raw.commit()
        raw.close()

    def test_what_is_as_the_run_wanted_it_is_taken_for_done(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL}, workspaces={"west": WEST})
        before = company.live()
        run = company.apply(members={**OWNERS, "dan@acme.com": {"name": "Dan"}}, workspaces={"west": {**WEST, "name": "Wild"}})
        self.forget(company, run, "member/carol@acme.com", "member/dan@acme.com", "workspace/west")
        plan, _ = company.undo(run)
        assert len(plan.changes) == 3
        assert all("cut off" in c.because[-1] for c in plan.changes)
        assert (
            "what the config did not manage of it: the run was cut off before that was recorded" in loses(plan)["member/carol@acme.com"][1]
        )
        assert company.live() == before

    def test_what_is_as_before_was_not_done(self, company: Company) -> None:
        company.apply(members={**OWNERS, **CAROL}, workspaces={"west": WEST})
        run = company.apply(members={**OWNERS, "dan@acme.com": {"name": "Dan"}}, workspaces={"west": {**WEST, "name": "Wild"}})
        self.forget(company, run, "member/carol@acme.com", "member/dan@acme.com", "workspace/west")
        company.change("create", "member/carol@acme.com", {"name": "Carol Wu", "role": "standard"})
        company.change("delete", "member/dan@acme.com")
        company.change("update", "workspace/west", {"name": "West"})
        plan, _ = company.undo(run)
        assert (plan.changes, left(plan)) == ((), {})
        assert plan.undoes
        assert (plan.undoes.not_done, plan.undoes.undone) == (2, 1)

    def test_what_is_neither_is_told(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(members={**OWNERS, "dan@acme.com": {"name": "Dan"}})
        self.forget(company, run, "member/dan@acme.com")
        company.change("update", "member/dan@acme.com", {"name": "Daniel"})
        assert "cut off before it recorded whether it created this" in left(company.plan_undo(run))["member/dan@acme.com"]

    def test_an_update_of_what_is_gone_was_perhaps_never_done(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild"}})
        self.forget(company, run, "workspace/west")
        company.change("delete", "workspace/west")
        plan = company.plan_undo(run)
        assert (plan.changes, left(plan)) == ((), {})

    def test_what_the_next_run_did_was_not_done_by_this_one(self, company: Company) -> None:
        """Cut off before it did anything, continued by another apply: the undo of the first takes nothing back."""
        company.apply(members={**OWNERS, **CAROL}, workspaces={"west": WEST})
        run = company.apply(members={**OWNERS, "dan@acme.com": {"name": "Dan"}}, workspaces={"west": {**WEST, "name": "Wild"}})
        self.forget(company, run, "member/carol@acme.com", "member/dan@acme.com", "workspace/west")
        company.change("create", "member/carol@acme.com", {"name": "Carol Wu", "role": "standard"})
        company.change("delete", "member/dan@acme.com")
        company.change("update", "workspace/west", {"name": "West"})
        raw = sqlite3.connect(company.folder / ".orgform" / "ledger.db")
        raw.execute("DELETE FROM orgform_base WHERE address = 'member/dan@acme.com'")
        insert = "INSERT INTO orgform_base SELECT system, ?, ?, 0 FROM orgform_base LIMIT 1"
        raw.execute(insert, ("member/carol@acme.com", '{"name":"Carol Wu","role":"standard"}'))
        raw.commit()
        raw.close()
        second = company.apply()
        assert company.plan_undo(run).changes == ()
        assert len(company.plan_undo(second).changes) == 3

    def test_a_rename_that_was_done_is_undone(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST})
        company.write(workspaces={"wild": WEST}, moved=[{"from": "workspace/west", "to": "workspace/wild"}])
        run = company.apply()
        self.forget(company, run, "workspace/wild")
        company.undo(run)
        assert "workspace/west" in company.live()


class TestGuards:
    def test_they_judge_an_undo_like_every_plan(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(groups={f"g{n}": {} for n in range(5)}, members=OWNERS)
        strict = Company(company.folder, allow=())
        assert [g.guard for g in strict.plan_undo(run).refused] == ["deletes"]
        with pytest.raises(GuardRefused):
            strict.undo(run)
        assert strict.undo(run, "deletes:group/*")[1].outcome == "done"

    def test_what_is_protected_is_not_deleted_by_an_undo(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(workspaces={"west": {**WEST, "lifecycle": {"prevent_destroy": True}}}, members=OWNERS)
        assert [g.guard for g in company.plan_undo(run).refused] == ["prevent-destroy"]
        company.write(members=OWNERS)
        assert [g.guard for g in company.plan_undo(run).refused] == ["prevent-destroy"], "remembered in base after the block is gone"

    def test_protection_outlives_an_undo(self, company: Company) -> None:
        protected = {**WEST, "lifecycle": {"prevent_destroy": True}}
        company.apply(workspaces={"west": protected})
        run = company.apply(workspaces={"west": {**protected, "name": "Wild"}})
        company.undo(run)
        assert company.base()["workspace/west"].prevent_destroy

    def test_an_authoritative_kind_loses_nothing_else(self, company: Company) -> None:
        policy = {"authoritative": ["member", "group"]}
        company.apply(members=OWNERS, policy=policy)
        run = company.apply(members={**OWNERS, **CAROL}, policy=policy)
        company.change("create", "group/by-hand", {})
        plan, _ = company.undo(run)
        assert did(plan) == [("delete", "member/carol@acme.com")]
        assert plan.unmanaged == ()

    def test_a_live_system_that_suddenly_shows_none_is_not_believed(self, company: Company) -> None:
        company.apply(groups={f"g{n}": {} for n in range(5)}, members=OWNERS)
        run = company.apply(groups={f"g{n}": {} for n in range(4)}, members=OWNERS)
        for n in range(4):
            company.change("delete", f"group/g{n}")
        assert [g.guard for g in company.plan_undo(run).refused] == ["incomplete-read"]

    def test_a_misspelt_word(self, company: Company) -> None:
        run = company.apply(members=OWNERS)
        with pytest.raises(UsageError, match="names no guard"):
            company.plan_undo(run, "change-since:*")
        with pytest.raises(UsageError, match="names nothing"):
            company.plan_undo(run, "changed-since:")


class TestWhichRun:
    def test_one_that_nobody_knows(self, company: Company) -> None:
        company.write(members=OWNERS)
        with pytest.raises(LedgerError, match="'2026' is not known"):
            company.undo("2026")
        assert not (company.folder / ".orgform").exists()
        with pytest.raises(LedgerError, match="is not known"):
            company.plan_undo("")

    def test_the_beginning_of_one_is_enough(self, company: Company) -> None:
        run = company.apply(members=OWNERS)
        assert company.plan_undo(run[:-2]).base.source == f"run:{run}"

    def test_one_that_is_still_running(self, company: Company) -> None:
        run = company.apply(members=OWNERS)
        raw = sqlite3.connect(company.folder / ".orgform" / "ledger.db")
        raw.execute("UPDATE orgform_runs SET finished = NULL, outcome = NULL")
        raw.commit()
        from orgform.ledger import open_ledger

        ledger = open_ledger(company.folder / ".orgform" / "ledger.db", create=True)
        with ledger.lock(["another system"], "dana") as lock:
            raw.execute("UPDATE orgform_runs SET token = ?", (lock.token,))
            raw.commit()
            with pytest.raises(OrgformError, match="is still running"):
                company.plan_undo(run)
        ledger.close()
        raw.close()

    def test_one_of_another_live_system(self, company: Company) -> None:
        run = company.apply(members=OWNERS)
        company.write(members=OWNERS, targets={"acme": {"provider": "local", "database": "other.db"}})
        with pytest.raises(OrgformError, match=r"changed local:acme\.db; the target 'acme' is local:other\.db now"):
            company.plan_undo(run)
        company.write(members=OWNERS, targets={"new": {"provider": "local", "database": "acme.db"}})
        with pytest.raises(OrgformError, match="changed the target 'acme'"):
            company.plan_undo(run)

    def test_one_whose_kinds_went_elsewhere(self, company: Company) -> None:
        run = company.apply(members=OWNERS)
        two = {
            "acme": {"provider": "local", "database": "acme.db", "kinds": ["company", "domain"]},
            "flags": {"provider": "local", "database": "flags.db"},
        }
        company.write(members=OWNERS, targets=two)
        with pytest.raises(OrgformError, match="does not take that kind any more"):
            company.plan_undo(run)

    def test_several_targets_and_one_of_them(self, company: Company) -> None:
        two = {
            "acme": {"provider": "local", "database": "acme.db"},
            "flags": {"provider": "local", "database": "flags.db", "kinds": ["feature"]},
        }
        company.apply(members=OWNERS, targets=two)
        run = company.apply(members={**OWNERS, **CAROL}, features={"beta": {"type": "boolean", "default": False}}, targets=two)
        assert {c.target for c in company.plan_undo(run).changes} == {"acme", "flags"}
        plan = company.plan_undo(run, targets=("flags",))
        assert [c.address for c in plan.changes] == ["feature/beta"]
        company.write(members=OWNERS)
        with pytest.raises(OrgformError, match="changed the target 'flags'"):
            company.plan_undo(run)
        assert [c.address for c in company.plan_undo(run, targets=("acme",)).changes] == ["member/carol@acme.com"]

    def test_only_some_of_it(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(members={**OWNERS, **CAROL}, workspaces={"west": WEST})
        plan, _ = company.undo(run, only=("member/*",))
        assert did(plan) == [("delete", "member/carol@acme.com")]
        assert did(company.plan_undo(run)) == [("delete", "workspace/west")]


class TestSaved:
    def test_nobody_is_told_to_write_a_rename_into_the_config(self, company: Company) -> None:
        company.apply(members={**OWNERS, "carol@acme.com": {"name": "Carol"}})
        run = company.apply(members={**OWNERS, "caro@acme.com": {"name": "Carol"}})
        made = company.plan_undo(run)
        assert [(c.action, c.address) for c in made.changes] == [("create", "member/carol@acme.com"), ("delete", "member/caro@acme.com")]
        assert made.diagnostics == ()

    def test_a_saved_undo_is_applied_like_every_plan(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST}, members={**OWNERS, **CAROL})
        before, base = company.live(), dict(company.base())
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild"}}, members=OWNERS)
        saved = Plan.from_json(company.plan_undo(run).to_json())
        _, report = app.apply(company.options, saved=saved)
        assert report.outcome == "done"
        assert company.live() == before
        assert {a: b.attributes for a, b in company.base().items()} == {a: b.attributes for a, b in base.items()}
        (told,) = app.history(company.options, run=report.run)["runs"]
        assert told["undoes"] == run
        assert app.history(company.options, run=run)["runs"][0]["undone_by"] == [report.run]

    def test_what_was_changed_meanwhile_is_stale(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST}, members={**OWNERS, **CAROL})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild"}}, members=OWNERS)
        saved = company.plan_undo(run)
        company.change("update", "workspace/west", {"name": "Far"})
        _, report = app.apply(company.options, saved=saved)
        assert report.outcome == "partly"
        assert company.live()["workspace/west"]["name"] == "Far"

    def test_what_it_says_of_base_is_checked_again(self, company: Company) -> None:
        company.apply(workspaces={"west": WEST}, members={**OWNERS, **CAROL})
        run = company.apply(workspaces={"west": {**WEST, "name": "Wild"}}, members=OWNERS)
        company.change("update", "workspace/west", {"name": "West"})
        saved = company.plan_undo(run)
        assert "workspace/west" in saved.ledger.patch
        company.change("update", "workspace/west", {"name": "Far"})
        app.apply(company.options, saved=saved)
        assert company.base()["workspace/west"].attributes["name"] == "Wild"

    def test_a_signed_one(self, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
        run = company.apply(members=OWNERS)
        monkeypatch.setenv("ORGFORM_PLAN_KEY", "k" * 32)
        assert company.plan_undo(run).signature

    def test_approval(self, company: Company) -> None:
        company.apply(members=OWNERS)
        run = company.apply(members={**OWNERS, **CAROL})
        asked: list[Plan] = []

        def no(plan: Plan) -> bool:
            asked.append(plan)
            return False

        _, report = app.undo(company.options, run, approve=no)
        assert (report.outcome, len(asked)) == ("declined", 1)
        assert "member/carol@acme.com" in company.live()
        assert app.undo(replace(company.options, parallelism=1), run, approve=lambda plan: True)[1].outcome == "done"
