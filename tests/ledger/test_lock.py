"""One apply at a time: with real second processes, some of them killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orgform.errors import LedgerError, LockHeld
from orgform.ledger import Ledger, open_ledger, process
from orgform.ledger.process import Holder, is_gone, machine, this_process
from orgform.model import Address, Base, Remember
from tests.ledger.users import nobody
from tests.ledger.values import SYSTEM, create, plan_of, record


@contextmanager
def another(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.ledger.another", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(what: Callable[[], bool]) -> None:
    for _ in range(600):
        if what():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it never happened")


def change_lock(ledger: Ledger, words: str) -> None:
    with ledger._writing() as connection:
        connection.run(f"UPDATE orgform_locks SET {words}")  # noqa: S608 - the test's own words


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


class TestHeld:
    def test_the_second_is_told_who_holds_it_since_when(self, ledger: Ledger, where: str) -> None:
        with another("hold", where) as process:
            assert said(process) == "held"
            with pytest.raises(LockHeld) as error, ledger.lock([SYSTEM], "me"):
                pass
            assert f"dana@elsewhere holds the lock on {SYSTEM} since 20" in error.value.message
            assert f"process {process.pid} on " in error.value.message
            assert "its lock ends in" in error.value.hint
            assert process.stdin
            process.stdin.close()
            assert process.wait(60) == 0
        with ledger.lock([SYSTEM], "me") as lock:
            assert lock.token >= 2

    def test_reading_is_free_meanwhile(self, ledger: Ledger, where: str) -> None:
        with another("hold", where) as process:
            assert said(process) == "held"
            reading = open_ledger(where, create=False)
            assert reading.base(SYSTEM) == (None, 0)
            reading.close()

    def test_another_system_is_free(self, ledger: Ledger, where: str) -> None:
        other = open_ledger(where, create=True)
        with ledger.lock(["one"], "me"), other.lock(["two"], "me too"):
            pass
        other.close()

    def test_all_or_none(self, ledger: Ledger, where: str) -> None:
        other = open_ledger(where, create=True)
        with ledger.lock(["b"], "me"):
            with pytest.raises(LockHeld, match="the lock on b"), other.lock(["a", "b", "c"], "me too"):
                pass
            with other.lock(["c", "a", "a"], "me too") as lock:
                assert lock.systems == ("a", "c")
        with other.lock(["a", "b", "c"], "me too"):
            pass
        other.close()

    def test_it_is_let_go_when_the_apply_breaks(self, ledger: Ledger) -> None:
        with pytest.raises(ZeroDivisionError), ledger.lock([SYSTEM], "me"):
            raise ZeroDivisionError
        with ledger.lock([SYSTEM], "me"):
            pass

    def test_tokens_only_grow(self, ledger: Ledger) -> None:
        tokens = []
        for _ in range(3):
            with ledger.lock([SYSTEM], "me") as lock:
                tokens.append(lock.token)
        assert tokens == sorted(set(tokens))


class TestDeadHolder:
    def test_a_killed_holder_on_this_host_is_found_at_once(self, ledger: Ledger, where: str) -> None:
        with another("hold", where) as process:
            assert said(process) == "held"
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but still there as a zombie
            with ledger.lock([SYSTEM], "me"):
                pass
            process.wait()
            with ledger.lock([SYSTEM], "me"):
                pass

    def test_a_process_that_got_its_number_is_not_the_holder(self, ledger: Ledger, where: str) -> None:
        with another("hold", where) as process:
            assert said(process) == "held"
            change_lock(ledger, f"pid = {os.getpid()}")
            with ledger.lock([SYSTEM], "me"):
                pass

    def test_a_holder_elsewhere_has_its_lease(self, ledger: Ledger, where: str) -> None:
        with another("hold", where) as process:
            assert said(process) == "held"
            process.kill()
            process.wait()
            change_lock(ledger, "machine = 'elsewhere'")
            with pytest.raises(LockHeld), ledger.lock([SYSTEM], "me"):
                pass
            change_lock(ledger, "lease = 1")
            with ledger.lock([SYSTEM], "me"):
                pass

    def test_a_stopped_holder_lives(self, ledger: Ledger, where: str) -> None:
        with another("hold", where) as process:
            assert said(process) == "held"
            process.send_signal(signal.SIGSTOP)
            with pytest.raises(LockHeld), ledger.lock([SYSTEM], "me"):
                pass
            process.send_signal(signal.SIGCONT)


class TestLease:
    def test_it_is_renewed_while_the_holder_works(self, ledger: Ledger, where: str) -> None:
        other = open_ledger(where, create=True)
        with ledger.lock([SYSTEM], "me", lease=0.9):
            change_lock(other, "lease = 1")
            wait_until(lambda: lease_of(other) > 1)
        other.close()

    def test_each_record_renews_it(self, ledger: Ledger) -> None:
        change = create("member/a@acme.com", {})
        with ledger.lock([SYSTEM], "me") as lock:
            recorder = ledger.begin_run(lock, plan_of(change), {"acme": SYSTEM}, "me")
            change_lock(ledger, "lease = 1")
            record(recorder, change)
            assert lease_of(ledger) > 1

    def test_who_lost_the_lock_writes_nothing_more(self, ledger: Ledger, where: str) -> None:
        successor = open_ledger(where, create=True)
        changes = [create(f"member/m{n}@acme.com", {"n": n}) for n in range(3)]
        with ledger.lock([SYSTEM], "slow") as lock:
            recorder = ledger.begin_run(lock, plan_of(*changes), {"acme": SYSTEM}, "slow")
            record(recorder, changes[0])
            change_lock(ledger, "lease = 1")
            with successor.lock([SYSTEM], "quick") as own:
                following = successor.begin_run(own, plan_of(changes[1]), {"acme": SYSTEM}, "quick")
                for write in (lambda: record(recorder, changes[2]), lambda: recorder.finish("done"), lambda: recorder.remember(Remember())):
                    with pytest.raises(LedgerError, match="was lost: its lease ran out and another apply took it"):
                        write()
                with pytest.raises(LedgerError, match="was lost"):
                    ledger.begin_run(lock, plan_of(), {"acme": SYSTEM}, "slow")
                record(following, changes[1])
                following.finish("done")
        assert ledger.base(SYSTEM)[0] == {c.address: Base(c.after or {}) for c in changes[:2]}
        assert [r["outcome"] for r in ledger.history()["runs"]] == ["done", "interrupted"]
        successor.close()

    def test_a_successor_keeps_its_lock_when_the_late_one_lets_go(self, ledger: Ledger, where: str) -> None:
        successor, third = open_ledger(where, create=True), open_ledger(where, create=True)
        late = ledger.lock([SYSTEM], "slow")
        late.__enter__()
        change_lock(ledger, "lease = 1")
        with successor.lock([SYSTEM], "quick"):
            late.__exit__(None, None, None)
            with pytest.raises(LockHeld, match="quick"), third.lock([SYSTEM], "third"):
                pass
        successor.close()
        third.close()

    def test_a_ledger_that_is_gone_does_not_hide_what_went_wrong(self, tmp_path: Path) -> None:
        ledger = open_ledger(tmp_path / "a" / "ledger.db", create=True)
        with pytest.raises(ZeroDivisionError), ledger.lock([SYSTEM], "me"):
            (tmp_path / "a").rename(tmp_path / "b")
            raise ZeroDivisionError
        ledger.close()


def lease_of(ledger: Ledger) -> float:
    with ledger._reading() as connection:
        assert connection
        (lease,) = connection.one("SELECT lease FROM orgform_locks") or (0,)
    return float(lease)


class TestRaces:
    def test_first_opens_at_once(self, where: str) -> None:
        with another("race", where, "3") as one, another("race", where, "3") as two, another("race", where, "3") as three:
            assert [p.wait(120) for p in (one, two, three)] == [0, 0, 0]
        ledger = open_ledger(where, create=False)
        base, revision = ledger.base(SYSTEM)
        assert (len(base or {}), revision) == (9, 9)
        ledger.close()

    def test_first_opens_at_once_from_threads(self, where: str) -> None:
        together, problems = threading.Barrier(8), []

        def opened() -> None:
            together.wait(60)
            try:
                open_ledger(where, create=True).close()
            except Exception as error:
                problems.append(error)

        threads = [threading.Thread(target=opened) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []


class TestKilled:
    def test_kill_9_in_the_middle_leaves_what_was_recorded(self, where: str) -> None:
        told: list[str] = []
        for turn, count in enumerate((1, 40, 7)):
            with another("record", where, str(turn * 5000)) as process:
                run = said(process)
                told += [said(process) for _ in range(count)]
                process.kill()
                assert process.stdout
                told += process.stdout.read().split()
            ledger = open_ledger(where, create=True)
            base, revision = ledger.base(SYSTEM)
            # Killed between the commit and the word of it, at most one more is there than was told.
            assert set(told) <= set(base or {})
            assert len(base or {}) <= len(told) + turn + 1
            assert revision == turn + 1
            (found,) = ledger.history(run)["runs"]
            assert found["outcome"] == "interrupted"
            done = [c["address"] for c in found["changes"] if c["status"] == "done"]
            assert set(done) == {a for a in base or {} if turn * 5000 <= int(a[8:14]) < (turn + 1) * 5000}
            assert {c["status"] for c in found["changes"]} == {"done", "unknown"}
            ledger.close()


class TestProcess:
    def test_this_process_lives(self) -> None:
        me = this_process("me")
        assert me.pid == os.getpid()
        assert not is_gone(me)

    def test_another_machine_is_never_judged(self) -> None:
        gone = Holder("x", "h", machine(), 2**22 + 1, "1")
        assert is_gone(gone)
        assert not is_gone(Holder("x", "h", "elsewhere", 2**22 + 1, "1"))
        assert not is_gone(Holder("x", "h", "", 2**22 + 1, "1"))

    def test_a_process_of_another_user_lives(self) -> None:
        with nobody():
            assert not is_gone(Holder("x", "h", machine(), 1, ""))

    def test_where_processes_cannot_be_told_apart_nobody_is_judged(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "PROC", tmp_path)
        machine.cache_clear()
        try:
            assert machine() == ""
            assert not is_gone(this_process("me"))
        finally:
            machine.cache_clear()

    def test_without_proc_the_system_is_asked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "PROC", tmp_path / "none")
        machine.cache_clear()
        try:
            me = this_process("me")
            assert me.machine
            assert not is_gone(me)
            if shutil.which("ps"):
                assert me.started
                assert is_gone(Holder("x", "h", me.machine, me.pid, "another time"))
            monkeypatch.setenv("PATH", str(tmp_path))
            assert this_process("me").started == ""
        finally:
            machine.cache_clear()


def test_nothing_is_remembered_of_a_lock_for_nothing(ledger: Ledger) -> None:
    with ledger.lock([], "me") as lock:
        ledger.begin_run(lock, plan_of(), {"acme": SYSTEM}, "me").remember(Remember(remember={Address("member/a@a.com"): Base({})}))
    assert ledger.base(SYSTEM)[1] == 1
