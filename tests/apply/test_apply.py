"""What apply does with a plan: in which order, how many at once, and what it says of each change."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from orgform.apply import INTERRUPTED
from orgform.errors import LedgerError, LockHeld, ProviderError
from orgform.ledger import open_ledger
from orgform.model import Address, Base, Live, Move, Outcome, Remember
from orgform.providers.base import Operation, ReadResult, Result
from tests.apply.conftest import SYSTEM, Applier, details, statuses
from tests.apply.live_system import LiveSystem, create, delete, plan_of, update

ALICE = {"name": "Alice", "role": "standard"}
BOB = {"name": "Bob", "role": "standard"}
SHOP = {"name": "Shop", "region": "us"}


def members(count: int) -> list:
    return [create(f"member/m{n:04}@acme.com", {"name": f"M {n}"}) for n in range(count)]


class TestWhatIsDone:
    def test_each_action_reaches_the_live_system_and_base(self, applier: Applier) -> None:
        system = LiveSystem({"member/bob@acme.com": {**BOB, "title": "CTO"}, "member/eve@acme.com": {"name": "Eve"}})
        plan = plan_of(
            create("member/alice@acme.com", ALICE),
            update("member/bob@acme.com", BOB, {**BOB, "name": "Robert"}),
            delete("member/eve@acme.com", {"name": "Eve"}),
        )
        report = applier(plan, system)
        assert report.outcome == "done"
        robert = {**BOB, "name": "Robert"}
        assert system.resources == {"member/alice@acme.com": ALICE, "member/bob@acme.com": {**robert, "title": "CTO"}}
        assert applier.base == {"member/alice@acme.com": ALICE, "member/bob@acme.com": robert}
        assert report.counts == {"created": 1, "updated": 1, "deleted": 1, "failed": 0, "skipped": 0, "stale": 0, "already": 0}

    def test_an_empty_plan_is_nothing(self, applier: Applier) -> None:
        report = applier(plan_of(), LiveSystem())
        assert (report.outcome, report.outcomes) == ("nothing", ())

    def test_a_create_sends_what_is_written_and_an_update_only_what_differs(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/b": {"name": "B", "labels": {"x": "1", "own": "2"}, "parent": "a"}})
        before = {"labels": {"x": "1"}, "name": "B", "parent": "a"}
        plan = plan_of(
            create("workspace/c", {"name": "C", "parent": None, "labels": {"x": None}}),
            update("workspace/b", before, {"labels": {}, "name": "B", "parent": None}),
        )
        applier(plan, system)
        sent = {o.address: o.attributes for call in system.calls for o in call}
        assert sent == {"workspace/c": {"name": "C", "labels": {}}, "workspace/b": {"labels": {"x": None}, "parent": None}}
        assert system.resources["workspace/b"] == {"name": "B", "labels": {"own": "2"}}

    def test_operations_carry_id_etag_and_a_key_of_their_own(self, applier: Applier) -> None:
        system = LiveSystem({"member/bob@acme.com": BOB})
        etag = system.live()[Address("member/bob@acme.com")].etag
        report = applier(plan_of(create("member/alice@acme.com", ALICE), update("member/bob@acme.com", BOB, ALICE)), system)
        sent = {o.address: o for call in system.calls for o in call}
        assert sent["member/bob@acme.com"].etag == etag
        assert sent["member/bob@acme.com"].id == "id-member/bob@acme.com"
        assert sent["member/alice@acme.com"].etag is None
        assert sent["member/alice@acme.com"].key != sent["member/bob@acme.com"].key
        assert report.run

    def test_keys_of_another_run_are_others(self, applier: Applier) -> None:
        plan = plan_of(create("member/alice@acme.com", ALICE))
        keys = []
        for _ in range(2):
            system = LiveSystem()
            applier(plan, system)
            keys.append(system.calls[0][0].key)
        assert keys[0] != keys[1]

    def test_outcomes_come_in_the_order_of_the_plan_and_are_told_as_they_happen(self, applier: Applier) -> None:
        told: list[tuple[int, int]] = []
        heard: list[Outcome] = []

        def listen(done: int, total: int, outcome: Outcome) -> None:
            told.append((done, total))
            heard.append(outcome)

        changes = members(30)
        report = applier(plan_of(*changes), LiveSystem(), listen=listen)
        assert [o.address for o in report.outcomes] == [c.address for c in changes]
        assert told == [(n, 30) for n in range(1, 31)]
        assert sorted(heard, key=lambda o: o.address) == list(report.outcomes)

    def test_two_targets_in_one_plan(self, applier: Applier) -> None:
        system = LiveSystem()
        one = create("member/alice@acme.com", ALICE)
        other = create("feature/beta", {"type": "boolean", "default": False})
        other = type(other)(**{**{f: getattr(other, f) for f in other.__struct_fields__}, "target": "flags"})
        report = applier(plan_of(one, other, targets=("acme", "flags")), system)
        assert statuses(report) == {"member/alice@acme.com": "done", "feature/beta": "done"}
        assert [o.target for o in report.outcomes] == ["acme", "flags"]


class TestPreconditions:
    def test_a_create_that_exists_identically_is_adopted(self, applier: Applier) -> None:
        system = LiveSystem({"member/alice@acme.com": {**ALICE, "title": "unmanaged"}})
        report = applier(plan_of(create("member/alice@acme.com", {**ALICE, "labels": None})), system)
        assert (report.outcome, report.counts["created"], report.counts["already"]) == ("nothing", 0, 1)
        assert system.calls == []
        assert applier.base == {"member/alice@acme.com": {**ALICE, "labels": None}}

    def test_a_create_that_exists_with_another_value_is_stale(self, applier: Applier) -> None:
        system = LiveSystem({"member/alice@acme.com": {**ALICE, "role": "owner"}})
        report = applier(plan_of(create("member/alice@acme.com", ALICE)), system)
        assert report.outcome == "stale"
        assert system.calls == []
        assert applier.base == {}

    def test_an_update_of_what_changed_since_is_stale(self, applier: Applier) -> None:
        system = LiveSystem({"member/bob@acme.com": {**BOB, "name": "Bobby"}})
        report = applier(plan_of(update("member/bob@acme.com", BOB, {**BOB, "role": "admin"})), system)
        assert (report.outcome, system.calls) == ("stale", [])

    def test_an_unmanaged_field_that_changed_is_not_stale(self, applier: Applier) -> None:
        system = LiveSystem({"member/bob@acme.com": {**BOB, "title": "changed by hand"}})
        report = applier(plan_of(update("member/bob@acme.com", BOB, {**BOB, "role": "admin"})), system)
        assert report.outcome == "done"
        assert system.resources["member/bob@acme.com"] == {**BOB, "role": "admin", "title": "changed by hand"}

    def test_an_update_that_is_already_so_is_done(self, applier: Applier) -> None:
        system = LiveSystem({"member/bob@acme.com": {**BOB, "role": "admin"}})
        report = applier(plan_of(update("member/bob@acme.com", BOB, {**BOB, "role": "admin"})), system)
        assert (report.outcome, report.counts["already"], system.calls) == ("nothing", 1, [])

    def test_an_update_that_is_only_half_so_is_stale(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/a": {"name": "A", "labels": {"x": "1", "y": "2"}}})
        plan = plan_of(update("workspace/a", {"name": "B", "labels": {"x": "1", "y": "2"}}, {"name": "A", "labels": {"x": "1"}}))
        assert applier(plan, system).outcome == "stale"

    def test_an_update_of_what_is_gone_is_stale(self, applier: Applier) -> None:
        assert applier(plan_of(update("member/bob@acme.com", BOB, ALICE)), LiveSystem()).outcome == "stale"

    def test_a_delete_of_what_is_gone_is_done(self, applier: Applier) -> None:
        system = LiveSystem()
        report = applier(plan_of(delete("member/bob@acme.com", BOB)), system)
        assert (report.outcome, report.counts["already"], system.calls) == ("nothing", 1, [])

    def test_a_delete_of_what_changed_since_is_stale(self, applier: Applier) -> None:
        system = LiveSystem({"member/bob@acme.com": {**BOB, "role": "owner"}})
        assert applier(plan_of(delete("member/bob@acme.com", BOB)), system).outcome == "stale"
        assert "member/bob@acme.com" in system.resources

    def test_what_changes_between_read_and_write_is_stale_too(self, applier: Applier) -> None:
        system = LiveSystem({"member/bob@acme.com": BOB})
        live = system.live()
        system.resources[Address("member/bob@acme.com")] = {**BOB, "name": "by hand"}
        report = applier(plan_of(update("member/bob@acme.com", BOB, ALICE)), system, live=live)
        assert report.outcome == "stale"
        assert details(report) == {"member/bob@acme.com": "the precondition failed"}

    def test_some_stale_is_partly(self, applier: Applier) -> None:
        system = LiveSystem({"member/alice@acme.com": BOB})
        report = applier(plan_of(create("member/alice@acme.com", ALICE), create("member/bob@acme.com", BOB)), system)
        assert (report.outcome, report.counts["stale"], report.counts["created"]) == ("partly", 1, 1)

    def test_what_is_so_already_is_neither_applied_nor_stale(self, applier: Applier) -> None:
        """The rest alone says how it went: all of that is stale, so nothing was applied."""
        system = LiveSystem({"member/alice@acme.com": BOB, "member/bob@acme.com": BOB})
        same, other, new = create("member/bob@acme.com", BOB), create("member/alice@acme.com", ALICE), create("member/carol@acme.com", BOB)
        report = applier(plan_of(other, same), system)
        assert (report.outcome, statuses(report)) == ("stale", {"member/alice@acme.com": "stale", "member/bob@acme.com": "done"})
        assert applier(plan_of(same, new), system).outcome == "done"

    def test_what_needs_something_that_is_there_already_is_done(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/a": SHOP})
        report = applier(plan_of(create("workspace/a", SHOP), create("tag/a/vip", {"name": "VIP"})), system)
        assert (report.outcome, report.counts["already"], report.counts["created"]) == ("done", 1, 1)


class TestRenames:
    def test_a_rename_keeps_the_resource_and_base_follows_with_all_that_names_it(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/old": SHOP, "membership/old/bob@acme.com": {"role": "viewer"}})
        base = {
            Address("workspace/old"): Base(SHOP),
            Address("membership/old/bob@acme.com"): Base({"role": "viewer"}, prevent_destroy=True),
            Address("domain/acme.com"): Base({"auto_join": {"workspace": "old", "role": "viewer"}}),
            Address("workspace/child"): Base({"name": "Child", "parent": "old"}),
        }
        applier(plan_of(ledger=Remember(remember=base)), system)
        report = applier(plan_of(update("workspace/new", SHOP, SHOP, moved_from="workspace/old")), system)
        assert report.outcome == "done"
        assert system.calls[0][0].moved_from == "workspace/old"
        assert set(system.resources) == {"workspace/new", "membership/old/bob@acme.com"}
        assert applier.base == {
            "workspace/new": SHOP,
            "membership/new/bob@acme.com": {"role": "viewer"},
            "domain/acme.com": {"auto_join": {"workspace": "new", "role": "viewer"}},
            "workspace/child": {"name": "Child", "parent": "new"},
        }
        assert applier.ledger.moved("memory:acme") == {("workspace/old", "workspace/new")}
        kept = applier.ledger.base("memory:acme")[0] or {}
        assert kept[Address("membership/new/bob@acme.com")].prevent_destroy

    def test_a_rename_that_failed_is_not_remembered(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/old": SHOP})
        system.before = lambda operation: Result("failed", "no")
        moves = Remember(remember={Address("workspace/old"): Base(SHOP)}, moved=(Move(Address("workspace/old"), Address("workspace/new")),))
        report = applier(plan_of(update("workspace/new", SHOP, SHOP, moved_from="workspace/old"), ledger=moves), system)
        assert report.outcome == "failed"
        assert applier.ledger.moved("memory:acme") == frozenset()
        assert applier.base == {"workspace/old": SHOP}

    def test_a_rename_that_somebody_did_already_is_done(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/new": SHOP})
        report = applier(plan_of(update("workspace/new", SHOP, SHOP, moved_from="workspace/old")), system)
        assert (report.outcome, report.counts["already"], system.calls) == ("nothing", 1, [])

    def test_what_is_left_to_change_after_somebody_renamed_is_changed(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/new": SHOP})
        report = applier(plan_of(update("workspace/new", SHOP, {**SHOP, "name": "Store"}, moved_from="workspace/old")), system)
        assert report.outcome == "done"
        assert system.calls[0][0].moved_from is None

    def test_both_names_live_is_stale(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/new": SHOP, "workspace/old": SHOP})
        report = applier(plan_of(update("workspace/new", SHOP, SHOP, moved_from="workspace/old")), system)
        assert details(report) == {"workspace/new": "both workspace/old and workspace/new exist meanwhile"}

    def test_children_of_the_renamed_are_found_and_must_merely_exist_since_the_rename_changed_their_etags(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/old": SHOP, "membership/old/bob@acme.com": {"role": "viewer"}})

        def follow(operation: Operation) -> None:
            if operation.address == "workspace/new":
                system.resources[Address("membership/new/bob@acme.com")] = system.resources.pop(Address("membership/old/bob@acme.com"))

        system.gate = follow
        plan = plan_of(
            update("workspace/new", SHOP, SHOP, moved_from="workspace/old"),
            update("membership/new/bob@acme.com", {"role": "viewer"}, {"role": "admin"}),
        )
        assert applier(plan, system).outcome == "done"
        assert [o.etag == "*" for call in system.calls for o in call] == [False, True]


class TestFailures:
    def test_dependents_are_skipped_with_the_name_of_what_failed_and_others_go_on(self, applier: Applier) -> None:
        system = LiveSystem()
        system.before = lambda operation: Result("failed", "quota") if operation.address == "workspace/a" else None
        plan = plan_of(
            create("workspace/a", {"name": "A"}),
            create("workspace/b", {"name": "B", "parent": "a"}),
            create("workspace/other", {"name": "Other"}),
            create("inbox/b/sales", {"name": "Sales"}),
        )
        report = applier(plan, system)
        assert report.outcome == "partly"
        assert statuses(report) == {
            "workspace/a": "failed",
            "workspace/b": "skipped",
            "workspace/other": "done",
            "inbox/b/sales": "skipped",
        }
        assert details(report)["workspace/a"] == "quota"
        assert details(report)["workspace/b"] == "needs workspace/a, which failed"
        assert details(report)["inbox/b/sales"] == "needs workspace/a, which failed"
        assert set(applier.base) == {"workspace/other"}

    def test_dependents_of_what_is_stale_are_skipped(self, applier: Applier) -> None:
        system = LiveSystem({"workspace/a": {"name": "by hand"}})
        report = applier(plan_of(create("workspace/a", {"name": "A"}), create("inbox/a/sales", {"name": "S"})), system)
        assert report.outcome == "stale"
        assert details(report)["inbox/a/sales"] == "needs workspace/a, which is stale"

    @pytest.mark.parametrize("batch", [1, 100])
    def test_a_provider_that_raises_fails_its_own_operations_only(self, applier: Applier, batch: int) -> None:
        system = LiveSystem(batch=batch)
        system.before = lambda operation: KeyError("items") if operation.address == "workspace/a" else None
        plan = plan_of(create("workspace/a", {"name": "A"}), create("workspace/b", {"name": "B", "parent": "a"}), *members(3))
        report = applier(plan, system)
        assert statuses(report)["workspace/a"] == "failed"
        assert details(report)["workspace/a"] == "the provider broke (KeyError: 'items'); this is a bug in it"
        assert statuses(report)["workspace/b"] == "skipped"
        assert statuses(report)["member/m0000@acme.com"] == ("done" if batch == 1 else "failed")

    @pytest.mark.parametrize("answer", [None, [None], [None] * 5, SystemExit(3)])
    def test_a_provider_that_keeps_no_contract_neither_hangs_nor_breaks_the_run(self, applier: Applier, answer: object) -> None:
        class Broken(LiveSystem):
            def write(self, operations: Sequence[Operation]) -> list[Result]:
                if isinstance(answer, BaseException):
                    raise answer
                return answer  # type: ignore[return-value]

        report = applier(plan_of(*members(3)), Broken())
        assert report.outcome == "failed"
        assert all(o.detail for o in report.outcomes)

    def test_a_provider_error_is_told_in_its_own_words(self, applier: Applier) -> None:
        system = LiveSystem()
        system.before = lambda operation: ProviderError("POST /v1/members: 403 not allowed")
        report = applier(plan_of(*members(1)), system)
        assert (report.outcome, report.outcomes[0].detail) == ("failed", "POST /v1/members: 403 not allowed")

    def test_a_failed_run_applied_again_converges(self, applier: Applier) -> None:
        system = LiveSystem()
        plan = plan_of(*members(10))
        system.before = lambda operation: Result("failed", "503") if operation.address > "member/m0004" else None
        assert applier(plan, system).outcome == "partly"
        system.before = lambda operation: None
        assert applier(plan, system).outcome == "done"
        assert len([w for w in system.written if w[1] == "member/m0000@acme.com"]) == 1
        assert len(applier.base) == 10


class TestLostAnswers:
    def test_what_was_done_is_read_back_as_done(self, applier: Applier) -> None:
        system = LiveSystem({"member/eve@acme.com": BOB})
        system.after = lambda operation: Result("unknown")
        plan = plan_of(*members(5), delete("member/eve@acme.com", BOB))
        report = applier(plan, system)
        assert report.outcome == "done"
        assert system.reads == [["member"]]
        assert len(applier.base) == 5

    def test_what_was_not_done_is_failed(self, applier: Applier) -> None:
        system = LiveSystem({"member/eve@acme.com": BOB, "member/bob@acme.com": BOB})
        system.before = lambda operation: Result("unknown")
        plan = plan_of(*members(1), update("member/bob@acme.com", BOB, ALICE), delete("member/eve@acme.com", BOB))
        report = applier(plan, system)
        assert report.outcome == "failed"
        assert set(details(report).values()) == {"the answer was lost; read back, it is not done"}

    def test_dependents_wait_for_the_reading_back(self, applier: Applier) -> None:
        system = LiveSystem()
        system.after = lambda operation: Result("unknown") if operation.address == "workspace/a" else None
        report = applier(plan_of(create("workspace/a", {"name": "A"}), create("inbox/a/sales", {"name": "S"})), system)
        assert report.outcome == "done"

    @pytest.mark.parametrize(
        "fault",
        [
            ProviderError("GET /v1/members: connection refused"),
            ReadResult("member", {}, complete=False, problem="GET /v1/members: connection refused"),
        ],
    )
    def test_what_cannot_be_read_back_is_failed_and_says_so(self, applier: Applier, fault: ReadResult | Exception) -> None:
        system = LiveSystem()
        system.after = lambda operation: Result("unknown")
        system.read_fault = lambda kind: fault
        report = applier(plan_of(*members(1)), system)
        assert report.outcome == "failed"
        assert "could not be read back: GET /v1/members: connection refused" in report.outcomes[0].detail

    def test_a_provider_that_answers_too_little_or_reads_nothing(self, applier: Applier) -> None:
        class Short(LiveSystem):
            def write(self, operations: Sequence[Operation]) -> list[Result]:
                return super().write(operations)[:-1]

        system = Short(batch=10)
        assert applier(plan_of(*members(3)), system).outcome == "done"
        assert system.reads == [["member"]]


class TestAtOnce:
    def test_a_pool_of_workers_is_used_to_the_full_and_never_beyond(self, applier: Applier) -> None:
        system = LiveSystem()
        together = threading.Barrier(8)
        first = iter(range(8))
        lock = threading.Lock()

        def gate(operation: Operation) -> None:
            with lock:
                wait = next(first, None) is not None
            if wait:
                together.wait(timeout=60)  # only passes if eight are under way at the same time

        system.gate = gate
        assert applier(plan_of(*members(100)), system, parallelism=8).outcome == "done"
        assert system.most_at_once == 8

    def test_one_worker_does_the_plan_in_its_order(self, applier: Applier) -> None:
        system = LiveSystem()
        changes = members(20)
        applier(plan_of(*changes), system, parallelism=1)
        assert system.written == [("create", c.address) for c in changes]

    def test_a_batch_provider_gets_what_is_ready_in_calls_of_its_size(self, applier: Applier) -> None:
        system = LiveSystem(batch=40)
        parents = [create(f"workspace/w{n:03}", {"name": f"W{n}"}) for n in range(100)]
        children = [create(f"inbox/w{n:03}/sales", {"name": "Sales"}) for n in range(100)]
        assert applier(plan_of(*parents, *children), system, parallelism=1).outcome == "done"
        assert [len(call) for call in system.calls][:3] == [40, 40, 20]
        assert sum(len(call) for call in system.calls) == 200

    def test_what_is_needed_is_finished_before_what_needs_it_is_started(self, applier: Applier) -> None:
        system = LiveSystem()
        seen: list[str] = []
        system.gate = lambda operation: seen.append(operation.address)
        chain = [create("workspace/w0", {"name": "0"})]
        chain += [create(f"workspace/w{n}", {"name": str(n), "parent": f"w{n - 1}"}) for n in range(1, 8)]
        assert applier(plan_of(*reversed(chain)), system).outcome == "done"
        assert seen == [c.address for c in chain]
        assert system.most_at_once == 1

    def test_what_needs_several_waits_for_all_of_them(self, applier: Applier) -> None:
        plan = plan_of(create("group/g", {"members": ["m0000@acme.com", "m0001@acme.com", "m0002@acme.com"]}), *members(3))
        system = LiveSystem()
        assert applier(plan, system, parallelism=1).outcome == "done"
        assert system.written[-1] == ("create", "group/g")


class TestInterrupt:
    def test_ctrl_c_with_a_handler_that_stops_it(self, applier: Applier) -> None:
        system, stop = LiveSystem(), threading.Event()

        def gate(operation: Operation) -> None:
            system.gate = lambda operation: None
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            stop.wait(60)

        system.gate = gate
        before = signal.signal(signal.SIGINT, lambda number, frame: stop.set())
        try:
            report = applier(plan_of(*members(10)), system, parallelism=1, stop=stop)
        finally:
            signal.signal(signal.SIGINT, before)
        assert (report.outcome, [o.status for o in report.outcomes]) == ("interrupted", ["done"] + ["skipped"] * 9)

    def test_an_exception_in_the_listener_ends_it_without_new_writes(self, applier: Applier) -> None:
        system, heard = LiveSystem(), threading.Event()

        def gate(operation: Operation) -> None:
            if operation.address != "member/m0000@acme.com":
                heard.wait(60)
                threading.Event().wait(0.02)

        def listen(done: int, total: int, outcome: Outcome) -> None:
            heard.set()
            raise KeyboardInterrupt

        system.gate = gate

        with pytest.raises(KeyboardInterrupt):
            applier(plan_of(*members(200)), system, parallelism=1, listen=listen)
        assert len(system.calls) < 200
        (run,) = applier.ledger.history()["runs"]
        assert (run["outcome"], run["changes"]) == ("interrupted", 200)

    def test_what_is_under_way_ends_and_is_recorded_the_rest_is_skipped(self, applier: Applier) -> None:
        system, stop = LiveSystem(), threading.Event()

        def gate(operation: Operation) -> None:
            if operation.address == "member/m0010@acme.com":
                stop.set()

        system.gate = gate
        report = applier(plan_of(*members(100)), system, stop=stop, parallelism=2)
        assert report.outcome == "interrupted"
        done = [o.address for o in report.outcomes if o.status == "done"]
        assert sorted(system.resources) == sorted(done) == sorted(applier.base)
        assert 11 <= len(done) < 20
        assert {o.detail for o in report.outcomes if o.status == "skipped"} == {INTERRUPTED}

    def test_stopped_before_it_began(self, applier: Applier) -> None:
        system, stop = LiveSystem(), threading.Event()
        stop.set()
        report = applier(plan_of(*members(3)), system, stop=stop)
        assert (report.outcome, system.calls) == ("interrupted", [])

    def test_stopped_when_all_was_done_is_done(self, applier: Applier) -> None:
        system, stop = LiveSystem(batch=100), threading.Event()
        system.gate = lambda operation: stop.set()
        assert applier(plan_of(*members(3)), system, stop=stop).outcome == "done"

    def test_applied_again_it_continues(self, applier: Applier) -> None:
        system, stop = LiveSystem(), threading.Event()
        system.gate = lambda operation: stop.set()
        plan = plan_of(*members(50))
        applier(plan, system, stop=stop)
        report = applier(plan, system)
        assert report.outcome == "done"
        assert sorted(system.written) == [("create", c.address) for c in plan.changes]

    def test_what_is_lost_is_read_back_even_then(self, applier: Applier) -> None:
        system, stop = LiveSystem(), threading.Event()

        def after(operation: Operation) -> Result:
            stop.set()
            return Result("unknown")

        system.after = after
        report = applier(plan_of(*members(10)), system, stop=stop, parallelism=1)
        assert report.outcome == "interrupted"
        assert report.outcomes[0].status == "done"


def test_who_lost_the_lock_starts_nothing_more(applier: Applier, tmp_path: Path) -> None:
    system = LiveSystem()
    successor = open_ledger(tmp_path / "ledger.db", create=True)
    theirs = ExitStack()

    def take() -> None:
        """The holder may renew its lease between our two steps: then once more."""
        while True:
            with successor._writing() as connection:
                connection.run("UPDATE orgform_locks SET lease = 1")
            with suppress(LockHeld):
                theirs.enter_context(successor.lock([SYSTEM], "quick"))
                return

    def gate(operation: Operation) -> None:
        if operation.address == "member/m0005@acme.com":
            take()
        threading.Event().wait(0.02)

    system.gate = gate
    with pytest.raises(LedgerError, match="was lost"):
        applier(plan_of(*members(200)), system, parallelism=2)
    assert len(system.calls) < 100
    assert len(applier.base) <= 6
    theirs.close()
    successor.close()


def test_the_attributes_before_are_kept_for_undo(applier: Applier) -> None:
    whole = {"name": "Eve", "role": "admin", "title": "not managed"}
    system = LiveSystem({"member/eve@acme.com": whole})
    report = applier(plan_of(delete("member/eve@acme.com", {"name": "Eve"}), create("member/alice@acme.com", ALICE)), system)
    recorded = applier.ledger.recorded(report.run)
    assert [(r.change.action, r.status, r.live) for r in recorded] == [("delete", "done", whole), ("create", "done", None)]


def test_protected_resources_are_remembered_as_such(applier: Applier) -> None:
    plan = plan_of(*members(2), ledger=Remember(protect=(Address("member/m0001@acme.com"),)))
    applier(plan, LiveSystem())
    base = applier.ledger.base("memory:acme")[0] or {}
    assert {a: b.prevent_destroy for a, b in base.items()} == {"member/m0000@acme.com": False, "member/m0001@acme.com": True}


def test_live_is_only_what_was_read(applier: Applier) -> None:
    """A create beside resources of other kinds is judged by its own address alone."""
    live = {Address("member/alice@acme.com"): Live(ALICE)}
    report = applier(plan_of(create("group/alice", {"members": ["alice@acme.com"]})), LiveSystem(), live=live)
    assert report.outcome == "done"
