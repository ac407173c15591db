"""What the ledger keeps, the same in SQLite and PostgreSQL."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orgform.codec import replace
from orgform.errors import LedgerError
from orgform.ledger import Attestation, Ledger, RunRecorder, keep_seen, open_ledger
from orgform.ledger.database import database_at
from orgform.ledger.schema import STEPS
from orgform.model import (
    ALREADY,
    Address,
    Attributes,
    Base,
    Change,
    ManualStep,
    Move,
    Outcome,
    Plan,
    PlanBase,
    Remember,
    Undoes,
    Waiting,
)
from tests.ledger.values import SYSTEM, create, delete, plan_of, record, update

ALICE, BOB = Address("member/alice@acme.com"), Address("member/bob@acme.com")


@contextmanager
def run(ledger: Ledger, plan: Plan) -> Iterator[RunRecorder]:
    with ledger.lock([SYSTEM], "dana@laptop") as lock:
        yield ledger.begin_run(lock, plan, {"acme": SYSTEM}, "dana@laptop")


def applied(ledger: Ledger, *changes: Change, remember: Remember | None = None) -> str:
    with run(ledger, plan_of(*changes, ledger=remember or Remember())) as recorder:
        recorder.remember(remember or Remember())
        record(recorder, *changes)
        recorder.finish("done")
    return recorder.run


class TestBase:
    def test_nothing_was_ever_applied(self, ledger: Ledger) -> None:
        assert ledger.base(SYSTEM) == (None, 0)

    def test_an_apply_of_nothing_is_an_apply(self, ledger: Ledger) -> None:
        applied(ledger)
        assert ledger.base(SYSTEM) == ({}, 1)

    def test_what_is_done_is_base_and_what_is_not_done_is_not(self, ledger: Ledger) -> None:
        changes = [create(ALICE, {"name": "Ålice ☃", "n": 1.5, "none": None}), create(BOB, {"name": "Bob"})]
        with run(ledger, plan_of(*changes)) as recorder:
            record(recorder, changes[0])
            record(recorder, changes[1], status="failed", detail="no")
        assert ledger.base(SYSTEM) == ({ALICE: Base({"name": "Ålice ☃", "n": 1.5, "none": None})}, 1)

    def test_updates_replace_and_deletes_forget(self, ledger: Ledger) -> None:
        applied(ledger, create(ALICE, {"name": "A"}), create(BOB, {"name": "B"}))
        applied(ledger, update(ALICE, {"name": "A"}, {"role": "x"}), delete(BOB, {"name": "B"}))
        assert ledger.base(SYSTEM) == ({ALICE: Base({"role": "x"})}, 2)

    def test_a_run_raises_the_revision_once_and_a_failed_one_does_not(self, ledger: Ledger) -> None:
        changes = [create(f"member/m{n}@acme.com", {}) for n in range(5)]
        with run(ledger, plan_of(*changes)) as recorder:
            for change in changes:
                record(recorder, change)
        assert ledger.base(SYSTEM)[1] == 1
        with run(ledger, plan_of(changes[0])) as recorder:
            record(recorder, changes[0], status="failed")
        assert ledger.base(SYSTEM)[1] == 1

    def test_adopted_and_forgotten_resources(self, ledger: Ledger) -> None:
        adopted = {ALICE: Base({"name": "A"}, prevent_destroy=True), BOB: Base({"name": "B"})}
        applied(ledger, remember=Remember(remember=adopted))
        assert ledger.base(SYSTEM)[0] == adopted
        applied(ledger, remember=Remember(forget=(BOB,)))
        assert ledger.base(SYSTEM)[0] == {ALICE: adopted[ALICE]}

    def test_protected_changes(self, ledger: Ledger) -> None:
        applied(ledger, create(ALICE, {}), create(BOB, {}), remember=Remember(protect=(BOB,)))
        assert ledger.base(SYSTEM)[0] == {ALICE: Base({}), BOB: Base({}, prevent_destroy=True)}

    def test_equal_attributes_are_one_object(self, ledger: Ledger) -> None:
        applied(ledger, *[create(f"membership/w/m{n}@acme.com", {"role": "member"}) for n in range(3)])
        base = ledger.base(SYSTEM)[0] or {}
        assert len({id(b.attributes) for b in base.values()}) == 1

    def test_who_switched_the_collector_off_finds_it_off(self, ledger: Ledger) -> None:
        applied(ledger, create(ALICE, {}))
        gc.disable()
        try:
            ledger.base(SYSTEM)
            assert not gc.isenabled()
        finally:
            gc.enable()

    def test_systems_do_not_mix(self, ledger: Ledger) -> None:
        applied(ledger, create(ALICE, {"name": "A"}))
        with ledger.lock(["other"], "me") as lock:
            recorder = ledger.begin_run(lock, plan_of(create(BOB, {})), {"acme": "other"}, "me")
            record(recorder, create(BOB, {}))
        assert set(ledger.base(SYSTEM)[0] or {}) == {ALICE}
        assert set(ledger.base("other")[0] or {}) == {BOB}

    def test_two_targets_each_have_their_own_kinds(self, ledger: Ledger) -> None:
        feature, group = Address("feature/beta"), Address("group/g")
        plan = plan_of(create(ALICE, {"name": "A"}), targets=("acme", "flags"))
        with ledger.lock(["one", "two"], "me") as lock:
            recorder = ledger.begin_run(lock, plan, {"acme": "one", "flags": "two"}, "me", claims={"feature": "flags", "group": "acme"})
            recorder.remember(Remember(remember={feature: Base({}), group: Base({})}))
            record(recorder, plan.changes[0])
        assert set(ledger.base("one")[0] or {}) == {ALICE, group}
        assert set(ledger.base("two")[0] or {}) == {feature}

    def test_a_file_that_is_opened_again_says_the_same(self, ledger: Ledger, where: str) -> None:
        applied(ledger, create(ALICE, {"name": "A"}))
        again = open_ledger(where, create=False)
        assert again.base(SYSTEM) == ledger.base(SYSTEM)
        assert not again.writable
        again.close()


class TestRenames:
    def test_a_rename_in_the_live_system_is_remembered_and_base_follows(self, ledger: Ledger) -> None:
        old, new = Address("workspace/old"), Address("workspace/new")
        known = {old: Base({"name": "W"}), Address("membership/old/bob@acme.com"): Base({"role": "member"}), BOB: Base({"name": "B"})}
        applied(ledger, remember=Remember(remember=known))
        applied(ledger, remember=Remember(moved=(Move(old, new),)))
        assert ledger.moved(SYSTEM) == {(old, new)}
        assert ledger.moved("other") == frozenset()
        assert set(ledger.base(SYSTEM)[0] or {}) == {new, "membership/new/bob@acme.com", BOB}

    def test_a_member_who_is_renamed_takes_memberships_and_groups_along(self, ledger: Ledger) -> None:
        robert = Address("member/robert@acme.com")
        known = {
            BOB: Base({"name": "B"}),
            Address("membership/w/bob@acme.com"): Base({"role": "member"}),
            Address("group/g"): Base({"members": ["alice@acme.com", "bob@acme.com", "carl@acme.com"]}),
        }
        applied(ledger, remember=Remember(remember=known))
        applied(ledger, update(robert, {"name": "B"}, {"name": "Robert"}, moved_from=BOB))
        assert ledger.base(SYSTEM)[0] == {
            robert: Base({"name": "Robert"}),
            "membership/w/robert@acme.com": Base({"role": "member"}),
            "group/g": Base({"members": ["alice@acme.com", "carl@acme.com", "robert@acme.com"]}),
        }
        assert ledger.moved(SYSTEM) == {(BOB, robert)}

    def test_a_rename_that_was_not_done_is_not_remembered(self, ledger: Ledger) -> None:
        old, new = Address("workspace/old"), Address("workspace/new")
        change = update(new, {}, {}, moved_from=old)
        with run(ledger, plan_of(change)) as recorder:
            recorder.remember(Remember(moved=(Move(old, new),)))
            record(recorder, change, status="failed")
        assert ledger.moved(SYSTEM) == frozenset()

    def test_twice_is_once(self, ledger: Ledger) -> None:
        move = Move(Address("workspace/old"), Address("workspace/new"))
        for _ in range(2):
            applied(ledger, remember=Remember(moved=(move,)))
        assert len(ledger.moved(SYSTEM)) == 1


def with_steps(plan: Plan) -> Plan:
    """Two steps for people, a change that waits for one of them, and one that waits for a target, too."""
    x, zoe = Address("workspace/x"), Address("member/zoe@acme.com")
    steps = (
        ManualStep("acme", x, "create the workspace X by hand", after={"name": "X"}, where="Settings > New"),
        ManualStep("acme", Address("workspace/y"), "delete the workspace Y by hand", action="delete", before={"name": "Y"}),
    )
    tag, seat = create("tag/x/vip", {}), create("membership/x/zoe@acme.com", {"role": "member"})
    return replace(plan, manual_steps=steps, waiting=(Waiting(tag, (x,)), Waiting(seat, (zoe, x), ("people",))))


class TestHistory:
    def test_none_yet(self, ledger: Ledger) -> None:
        assert ledger.history() == {"runs": []}

    def test_runs_newest_first(self, ledger: Ledger) -> None:
        runs = [applied(ledger, create(ALICE, {"n": n})) for n in range(3)]
        found = ledger.history()["runs"]
        assert [r["run"] for r in found] == runs[::-1]
        assert {r["outcome"] for r in found} == {"done"}
        assert {r["actor"] for r in found} == {"dana@laptop"}
        assert [r["changes"] for r in found] == [1, 1, 1]
        assert set(found[0]) == {"run", "started", "finished", "actor", "outcome", "changes"}
        assert found[0]["started"] <= found[0]["finished"]

    def test_one_run_with_its_outcomes(self, ledger: Ledger) -> None:
        changes = [create(BOB, {}), create(ALICE, {}), create("member/c@acme.com", {})]
        with run(ledger, plan_of(*changes)) as recorder:
            record(recorder, changes[1])
            record(recorder, changes[0], status="failed", detail="no room")
            recorder.finish("interrupted")
        (found,) = ledger.history(recorder.run)["runs"]
        assert found["outcome"] == "interrupted"
        assert [(c["address"], c["status"]) for c in found["changes"]] == [
            (BOB, "failed"),
            (ALICE, "done"),
            ("member/c@acme.com", "unknown"),
        ]
        assert found["changes"][0] == {
            "target": "acme",
            "address": BOB,
            "action": "create",
            "status": "failed",
            "detail": "no room",
            "label": "A",
            "origin": "new",
            "before": None,
            "after": {},
            "fields": (),
            "moved_from": None,
            "undo": "reversible",
            "loses": (),
            "already": False,
        }
        assert (found["targets"], found["undone_by"]) == (["acme"], [])
        assert "cut off" in found["changes"][2]["detail"]

    def test_what_was_so_already_is_counted_apart(self, ledger: Ledger) -> None:
        changes = [create(ALICE, {}), create(BOB, {})]
        with run(ledger, plan_of(*changes)) as recorder:
            record(recorder, changes[0], detail=ALREADY[0])
            record(recorder, changes[1], detail="the answer was lost; read back, it is done")
            recorder.finish("done")
        (found,) = ledger.history(recorder.run)["runs"]
        assert [c["already"] for c in found["changes"]] == [True, False]
        assert (found["counts"]["already"], found["counts"]["created"]) == (1, 1)
        assert any("takes back what it did" in sentence for sentence in found["next"])

    def test_nothing_is_taken_back_of_what_was_so_already(self, ledger: Ledger) -> None:
        with run(ledger, plan_of(create(ALICE, {}))) as recorder:
            record(recorder, create(ALICE, {}), detail=ALREADY[0])
            recorder.finish("nothing")
        assert ledger.history(recorder.run)["runs"][0]["next"] == []

    def test_what_was_left_to_people_and_what_waited_are_told_from_the_start(self, ledger: Ledger) -> None:
        """And are never taken for tried: not in numbers, not by what comes later, not in base."""
        made = with_steps(plan_of(create(ALICE, {})))
        with run(ledger, made) as recorder:
            before = ledger.history(recorder.run)["runs"][0]
            record(recorder, *made.changes)
            recorder.finish("done")
        assert [c["status"] for c in before["changes"]] == ["planned", "manual", "manual", "waiting", "waiting"]
        (found,) = ledger.history(recorder.run)["runs"]
        assert [(c["address"], c["action"], c["status"], c["detail"]) for c in found["changes"][1:]] == [
            ("workspace/x", "create", "manual", "create the workspace X by hand: Settings > New"),
            ("workspace/y", "delete", "manual", "delete the workspace Y by hand"),
            ("tag/x/vip", "create", "waiting", "waits for workspace/x: create the workspace X by hand"),
            (
                "membership/x/zoe@acme.com",
                "create",
                "waiting",
                "left out with the target people, which could not be read; needs member/zoe@acme.com; workspace/x: create the "
                "workspace X by hand",
            ),
        ]
        assert found["changes"][1]["after"] == {"name": "X"}
        assert {n: count for n, count in found["counts"].items() if count} == {"created": 1, "waiting": 2, "manual": 2}
        assert (found["changes"][0]["status"], ledger.history()["runs"][0]["changes"]) == ("done", 1)
        assert found["next"][:2] == [
            "`orgform plan` shows which steps are still to be done by hand.",
            "`orgform apply` looks at the live system anew and does what is missing.",
        ]
        earlier = applied(ledger)
        with run(ledger, made):
            pass
        assert [changes for _, changes in ledger.later(earlier)] == [[]]
        assert ledger.base(SYSTEM)[0] == {ALICE: Base({})}

    def test_an_undo_says_how_its_own_steps_are_shown(self, ledger: Ledger) -> None:
        first = applied(ledger, create(ALICE, {}))
        with run(ledger, replace(with_steps(plan_of()), base=PlanBase(f"run:{first}"))) as recorder:
            recorder.finish("nothing")
        told = ledger.history(recorder.run)["runs"][0]["next"]
        assert f"`orgform undo {first}` shows which steps are still to be done by hand." in told

    def test_two_targets_that_were_away(self, ledger: Ledger) -> None:
        waiting = Waiting(create("tag/x/a", {}), (Address("workspace/x"),), ("flags", "people"))
        with run(ledger, replace(plan_of(), waiting=(waiting,))) as recorder:
            (told,) = ledger.history(recorder.run)["runs"][0]["changes"]
        assert told["detail"] == "left out with the targets flags, people, which could not be read; needs workspace/x"

    def test_an_unfinished_run_is_running_while_its_lock_is_held(self, ledger: Ledger) -> None:
        with run(ledger, plan_of()):
            assert ledger.history()["runs"][0]["outcome"] == "running"
        assert ledger.history()["runs"][0]["outcome"] == "interrupted"
        assert ledger.history()["runs"][0]["finished"] is None

    def test_the_beginning_of_a_run_is_enough_where_it_is_the_only_one(self, ledger: Ledger) -> None:
        one, other = applied(ledger), applied(ledger)
        assert ledger.history(one[:-1])["runs"][0]["run"] == one
        with pytest.raises(LedgerError, match="the beginning of several"):
            ledger.history(other[:4])

    @pytest.mark.parametrize("run", ["nope", "%", "0"])
    def test_an_unknown_run(self, ledger: Ledger, run: str) -> None:
        with pytest.raises(LedgerError, match="is not known: nothing was applied here yet") as error:
            ledger.history(run)
        assert "-C DIR" in error.value.hint
        applied(ledger)
        with pytest.raises(LedgerError, match=r"is not known$") as error:
            ledger.history(run)
        assert "orgform history" in error.value.hint

    def test_pre_images_for_undo(self, ledger: Ledger) -> None:
        change = delete(ALICE, {"name": "A"})
        with run(ledger, plan_of(change)) as recorder:
            recorder.record([(change, outcome_of(change))], {ALICE: {"name": "A", "title": "not managed"}})
        (recorded,) = ledger.recorded(recorder.run)
        assert recorded.change == change
        assert (recorded.status, recorded.live) == ("done", {"name": "A", "title": "not managed"})


def outcome_of(change: Change) -> Outcome:
    return Outcome(change.target, change.address, change.action, "done")


def failed(change: Change) -> Outcome:
    return Outcome(change.target, change.address, change.action, "failed")


class TestUndone:
    """An undo changes of base only what it takes back."""

    def undo_of(self, first: str, *changes: Change, **patch: Attributes) -> Plan:
        memory = Remember(patch={Address(f"member/{name}@acme.com"): attributes for name, attributes in patch.items()})
        undoes = Undoes(first, "2026-11-20T14:02:11Z", "dana@laptop", "done")
        return replace(plan_of(*changes, ledger=memory), base=PlanBase(f"run:{first}", "1"), undoes=undoes)

    def test_the_rest_of_a_resource_stays_as_it_was_applied(self, ledger: Ledger) -> None:
        first = applied(ledger, create(ALICE, {"name": "A", "labels": {"x": "1", "y": "2"}}), create(BOB, {"name": "B"}))
        back = update(ALICE, {"labels": {"x": "1"}}, {"labels": {"x": None}})
        new = create("member/carol@acme.com", {"name": "C", "title": "not managed"})
        plan = self.undo_of(first, back, new, alice={"labels": {"x": None}}, carol={"name": "C"}, bob={"name": "Bob"}, nobody={"name": "N"})
        with run(ledger, plan) as recorder:
            recorder.remember(plan.ledger)
            record(recorder, back, new)
            recorder.finish("done")
        base, _ = ledger.base(SYSTEM)
        assert {a: b.attributes for a, b in (base or {}).items()} == {
            ALICE: {"name": "A", "labels": {"y": "2"}},
            BOB: {"name": "Bob"},
            "member/carol@acme.com": {"name": "C"},
        }
        assert ledger.about(recorder.run).systems == {"acme": SYSTEM}
        newest, oldest = ledger.history()["runs"]
        assert (newest["undoes"], "undoes" in oldest) == (first, False)
        assert ledger.history(first)["runs"][0]["undone_by"] == [recorder.run]

    def test_what_was_renamed_back_may_be_renamed_again(self, ledger: Ledger) -> None:
        old, new = Address("workspace/old"), Address("workspace/new")
        applied(ledger, create(old, {"name": "W"}))
        first = applied(ledger, update(new, {"name": "W"}, {"name": "W"}, moved_from=old))
        assert ledger.moved(SYSTEM) == {(old, new)}
        back = update(old, {}, {}, moved_from=new)
        with run(ledger, self.undo_of(first, back)) as recorder:
            record(recorder, back)
        assert ledger.moved(SYSTEM) == {(new, old)}
        assert {a: b.attributes for a, b in (ledger.base(SYSTEM)[0] or {}).items()} == {old: {"name": "W"}}

    def test_what_came_after_a_run(self, ledger: Ledger) -> None:
        runs = [applied(ledger, create(ALICE, {"n": n})) for n in range(3)]
        with run(ledger, plan_of(create(BOB, {}))) as recorder:
            record(recorder, create(BOB, {}), status="failed")
        later = list(ledger.later(runs[0]))
        assert [about.run for about, _ in later] == [*runs[1:], recorder.run]
        assert [[c.change.address for c in changes] for _, changes in later] == [[ALICE], [ALICE], []]
        assert list(ledger.later(recorder.run)) == []


class TestSecretPairs:
    """A secret goes to the origin that it was last applied with: what is only noted is forgotten with the process."""

    def applied(self, ledger: Ledger, *outcomes: tuple[Change, Outcome], remember: Remember | None = None) -> None:
        with run(ledger, plan_of(*(change for change, _ in outcomes))) as recorder:
            recorder.remember(remember or Remember())
            recorder.record(outcomes)
            recorder.finish("done")

    def test_they_are_remembered_with_what_was_done(self, ledger: Ledger) -> None:
        change = delete(ALICE, {"name": "A"})
        ledger.note("acme", "https://one.example", "env:TOKEN", lambda: "proof 1")
        ledger.note("acme", "https://one.example", "file:ca.key", lambda: "")
        ledger.note("other", "https://one.example", "env:TOKEN", lambda: "")
        assert ledger.noted("acme", "https://one.example", "env:TOKEN")
        assert not ledger.noted("acme", "https://two.example", "env:TOKEN")
        assert not ledger.noted("acme", "https://one.example", "env:OTHER")
        assert ledger.allowed("acme") == {}
        self.applied(ledger, (change, outcome_of(change)))
        assert ledger.allowed("acme") == {("https://one.example", "env:TOKEN"): "proof 1", ("https://one.example", "file:ca.key"): ""}
        assert ledger.allowed("other") == {}
        ledger.note("acme", "https://two.example", "env:TOKEN", lambda: "proof 2")
        self.applied(ledger, (change, outcome_of(change)))
        assert ledger.allowed("acme") == {("https://two.example", "env:TOKEN"): "proof 2", ("https://one.example", "file:ca.key"): ""}

    def test_not_where_nothing_was_done(self, ledger: Ledger) -> None:
        change = delete(ALICE, {"name": "A"})
        ledger.note("acme", "https://one.example", "env:TOKEN", lambda: "")
        self.applied(ledger, (change, failed(change)))
        self.applied(ledger)
        assert ledger.allowed("acme") == {}

    def test_what_is_there_already_and_recorded_is_enough(self, ledger: Ledger) -> None:
        ledger.note("acme", "https://one.example", "env:TOKEN", lambda: "")
        self.applied(ledger, remember=Remember(remember={ALICE: Base({"name": "A"})}))
        assert ledger.allowed("acme") == {("https://one.example", "env:TOKEN"): ""}

    def test_without_a_proof_the_new_one_is_not_remembered_and_the_old_one_no_more(self, ledger: Ledger) -> None:
        change = delete(ALICE, {"name": "A"})
        for origin, proof in (("https://one.example", ""), ("https://two.example", None)):
            ledger.note("acme", origin, "env:TOKEN", lambda found=proof: found)  # type: ignore[misc]
            self.applied(ledger, (change, outcome_of(change)))
        assert ledger.allowed("acme") == {}

    def test_a_ledger_from_before_there_were_proofs(self, where: str) -> None:
        database = database_at(where, read_only=False)
        database.prepare()
        raw = database.connect()
        with raw.transaction(write=True):
            for statement in STEPS[0].replace("{clustered}", database.clustered).split(";"):
                raw.run(statement)
            raw.run("INSERT INTO orgform_secrets (target, reference, origin) VALUES ('acme', 'env:TOKEN', 'https://one.example')")
        raw.close()
        for writing in (False, True, False):
            opened = open_ledger(where, create=writing)
            assert opened.allowed("acme") == {("https://one.example", "env:TOKEN"): ""}
            opened.close()


class TestWhatElseIsKnown:
    def test_which_systems_a_target_was(self, ledger: Ledger) -> None:
        """Those that have most of what is asked for; a ledger may be of many companies."""
        people = [Address(f"member/p{n}@acme.com") for n in range(20)]
        applied(ledger, *(create(a, {}) for a in people))
        assert ledger.systems("acme", people) == {SYSTEM}
        strangers = [Address(f"member/p{n}@other.com") for n in range(20)]
        assert ledger.systems("acme", strangers) == ledger.systems("other", people) == ledger.systems("acme", ()) == frozenset()
        assert ledger.systems("acme", [*people[:1], *strangers[:1]]) == frozenset()

    def test_what_a_run_of_the_very_plan_did(self, ledger: Ledger) -> None:
        applied(ledger)
        plan = replace(plan_of(create(ALICE, {}), create(BOB, {})), base=PlanBase("ledger", "1"))
        with run(ledger, plan) as recorder:
            record(recorder, plan.changes[0])
            record(recorder, plan.changes[1], status="failed")
        assert ledger.done_by(plan, {"acme": SYSTEM}) == {ALICE: recorder.run}
        assert ledger.done_by(plan, {"acme": "another"}) == {}
        assert ledger.done_by(replace(plan, base=PlanBase("ledger", "2")), {"acme": SYSTEM}) == {}
        assert ledger.done_by(replace(plan, base=PlanBase("git:main", "1")), {"acme": SYSTEM}) == {}


WORD = Attestation({"role": "admin"}, "dana@acme.com", "2026-11-22", "2027-05-21", "OPS-1")


class TestWhatPeopleAttested:
    def test_what_a_read_said_of_a_word_is_kept(self, ledger: Ledger, where: str) -> None:
        ledger.attest(SYSTEM, {ALICE: WORD, BOB: WORD})
        seen, gone = replace(WORD, about="tim_1/tea_1"), replace(WORD, about="tim_1/tea_1", expires="2026-12-01")
        ledger.see(SYSTEM, {ALICE: (WORD, seen)})
        assert ledger.attestations(SYSTEM) == {ALICE: seen, BOB: WORD}
        # A command that only reads otherwise keeps it, too.
        keep_seen(where, {SYSTEM: {ALICE: (seen, gone)}})
        assert ledger.attestations(SYSTEM) == {ALICE: gone, BOB: WORD}

    def test_a_word_that_is_another_one_by_now_is_left_alone(self, ledger: Ledger) -> None:
        newer = replace(WORD, given="2026-11-23", about="tim_1/tea_2")
        ledger.attest(SYSTEM, {ALICE: newer})
        ledger.see(SYSTEM, {ALICE: (WORD, replace(WORD, expires="2026-11-23")), BOB: (WORD, WORD)})
        assert ledger.attestations(SYSTEM) == {ALICE: newer}

    def test_a_ledger_from_before_it_was_kept_what_they_are_about(self, where: str) -> None:
        database = database_at(where, read_only=False)
        database.prepare()
        raw = database.connect()
        with raw.transaction(write=True):
            for statement in ";".join(STEPS[:3]).replace("{clustered}", database.clustered).split(";"):
                raw.run(statement)
            raw.run("UPDATE orgform_ledger SET version = 3")
            raw.run(
                "INSERT INTO orgform_attested (system, address, attributes, word_of, evidence, given, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (SYSTEM, ALICE, '{"role":"admin"}', WORD.by, WORD.evidence, WORD.given, WORD.expires),
            )
        raw.close()
        seen = {SYSTEM: {ALICE: (WORD, replace(WORD, about="tim_1/tea_1"))}}
        for about, writing in (("", False), ("", True), ("tim_1/tea_1", False)):
            opened = open_ledger(where, create=writing)
            assert opened.attestations(SYSTEM) == {ALICE: replace(WORD, about=about)}
            opened.close()
            keep_seen(where, seen)  # brings nothing up to date: that is for commands that write


class TestReadingOnly:
    def test_a_ledger_that_is_not_there_is_empty(self, where: str) -> None:
        ledger = open_ledger(where, create=False)
        assert ledger.base(SYSTEM) == (None, 0)
        assert (ledger.moved(SYSTEM), ledger.allowed("acme")) == (frozenset(), {})
        assert ledger.history() == {"runs": []}
        for run in ("nope", ""):
            with pytest.raises(LedgerError, match="is not known"):
                ledger.history(run)
            with pytest.raises(LedgerError, match="is not known"):
                ledger.recorded(run)
        ledger.close()
        ledger.close()

    def test_it_refuses_to_write(self, ledger: Ledger, where: str) -> None:
        reading = open_ledger(where, create=False)
        with pytest.raises(LedgerError, match="for reading only"), reading.lock([SYSTEM], "me"):
            pass
        assert ledger.base(SYSTEM) == (None, 0)
        reading.close()
