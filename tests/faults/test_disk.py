"""A disk that is full, fills up, or may only be read: told before anything is done; what was done is found again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orgform import app
from orgform.disk import is_full
from orgform.errors import LedgerError, OrgformError
from tests.cli.process import run
from tests.faults import company, truth
from tests.faults.disks import Disk, small_disk

LOCAL = {"provider": "local", "database": "acme.db"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk", 1024) as made:
        yield made


@pytest.fixture
def settled(tmp_path: Path, disk: Disk) -> app.Options:
    """A company that was applied and then edited; its config and database lie on a good disk, the ledger on the small one."""
    options = company.settle(tmp_path / "config", company.BEFORE, LOCAL, ledger=str(disk.folder / "ledger.db"))
    company.write(options.folder, company.AFTER, LOCAL)
    return options


def told(words: str, said: str) -> bool:
    """Whether it was said, on however many lines."""
    return "".join(words.split()) in "".join(said.split())


def test_where_it_cannot_be_told_a_disk_is_not_full(tmp_path: Path) -> None:
    assert not is_full(tmp_path / "acme.db")
    assert not is_full(tmp_path / "none" / "acme.db")


class TestFull:
    def test_nothing_is_done_where_nothing_can_be_recorded(self, disk: Disk, settled: app.Options) -> None:
        before, ledger = truth.events(settled.folder / "acme.db"), str(settled.ledger)
        disk.fill()
        done = run("apply", "--yes", "-C", settled.folder, "--ledger", ledger)
        assert done.returncode == 1
        assert told(f"error: the ledger {ledger} cannot be written: the disk is full", done.stderr)
        assert told("help: make room and run it again", done.stderr)
        assert truth.events(settled.folder / "acme.db") == before
        # It can be read all the same.
        assert run("plan", "-C", settled.folder, "--ledger", ledger, "--detailed-exitcode").returncode == 2

    def test_a_first_apply(self, tmp_path: Path, disk: Disk) -> None:
        company.write(tmp_path / "config", company.BEFORE, LOCAL)
        disk.fill()
        done = run("apply", "--yes", "-C", tmp_path / "config", "--ledger", disk.folder / "ledger.db")
        assert done.returncode == 1
        assert told("the disk is full", done.stderr)
        assert not (tmp_path / "config" / "acme.db").exists()

    def test_the_database_of_a_company_on_a_full_disk(self, tmp_path: Path, disk: Disk) -> None:
        target = {"provider": "local", "database": "disk/acme.db"}
        options = company.settle(tmp_path, company.BEFORE, target)
        company.write(tmp_path, company.AFTER, target)
        before = truth.events(disk.folder / "acme.db")
        disk.fill()
        wanted = app.plan(options)
        with pytest.raises(OrgformError, match="its disk is full") as error:
            app.apply(options)
        assert "acme.db" in error.value.message
        assert error.value.hint.startswith("make room")
        disk.clear()
        assert truth.events(disk.folder / "acme.db") == before
        assert app.apply(options)[1].outcome == "done"
        truth.each_once(wanted, truth.events(disk.folder / "acme.db") - before)

    def test_it_fills_up_in_the_middle(self, tmp_path: Path, disk: Disk) -> None:
        """However much room there is: what was done is recorded, or found again by the next apply."""
        ends: list[str] = []
        for free in range(100, 600, 16):
            options = app.Options(folder=tmp_path / f"c{free}", max_wait=0, ledger=str(disk.folder / "ledger.db"))
            company.write(options.folder, company.BEFORE, LOCAL)
            wanted = app.plan(options)
            disk.fill(free=free)
            try:
                assert app.apply(options)[1].outcome == "done"
                ends.append("done")
            except LedgerError as error:
                assert "the disk is full" in error.message
                ends.append(error.message)
            done = truth.done_in(options.folder / "acme.db")
            disk.clear()
            with closing(sqlite3.connect(str(options.ledger))) as raw, raw:
                # The process would have ended with the error, and its lock with it.
                raw.execute("UPDATE orgform_locks SET lease = 1")
            assert not (done and "nothing was done" in ends[-1]), ends[-1]
            assert app.apply(options)[1].outcome in ("done", "nothing")
            truth.settled(options)
            truth.each_once(wanted, truth.events(options.folder / "acme.db"))
            truth.whole(Path(str(options.ledger)))
            for file in disk.folder.iterdir():
                file.unlink()
            if ends[-1] == "done":
                break
        assert ends[-1] == "done"
        assert any("nothing was done" in words for words in ends), ends
        assert any("changes were known to be done by then" in words for words in ends), ends

    def test_a_plan_file(self, disk: Disk, settled: app.Options) -> None:
        disk.fill()
        done = run("plan", "-C", settled.folder, "--ledger", settled.ledger or "", "-o", disk.folder / "plan.json")
        assert done.returncode == 1
        assert told(f"the plan cannot be saved in {disk.folder}/plan.json: No space left on device", done.stderr)
        assert "help:" in done.stderr
        assert not list(disk.folder.glob("*plan.json*"))
        assert run("plan", "-C", settled.folder, "--ledger", settled.ledger or "", "-o", "/dev/full").returncode == 1


class TestReadOnly:
    @pytest.fixture
    def frozen(self, disk: Disk) -> Iterator[app.Options]:
        """A company that was applied and edited, all on a disk that may only be read."""
        options = company.settle(disk.folder / "config", company.BEFORE, LOCAL)
        company.write(options.folder, company.AFTER, LOCAL)
        disk.freeze()
        yield options
        disk.thaw()

    def test_a_plan_reads_only(self, frozen: app.Options, tmp_path: Path) -> None:
        assert company.changes(app.plan(frozen))
        done = run("plan", "-C", frozen.folder, "--detailed-exitcode", "-o", tmp_path / "plan.json")
        assert done.returncode == 2, done.stderr
        assert run("history", "-C", frozen.folder).returncode == 0
        assert run("drift", "-C", frozen.folder).returncode == 0

    def test_an_apply_says_what_may_not_be_written(self, frozen: app.Options, tmp_path: Path) -> None:
        done = run("apply", "--yes", "-C", frozen.folder)
        assert done.returncode == 1
        assert told(f"the ledger {frozen.folder}/.orgform/ledger.db cannot be written: its file system is read-only", done.stderr)
        done = run("apply", "--yes", "-C", frozen.folder, "--ledger", tmp_path / "ledger.db")
        assert done.returncode == 1
        assert told(f"{frozen.folder}/acme.db cannot be written, so nothing was tried", done.stderr)
        assert "help:" in done.stderr

    def test_a_plan_file(self, frozen: app.Options) -> None:
        done = run("plan", "-C", frozen.folder, "-o", frozen.folder / "plan.json")
        assert done.returncode == 1
        assert told(f"the plan cannot be saved in {frozen.folder}/plan.json: Read-only file system", done.stderr)

    def test_half_of_the_truth_is_not_read(self, disk: Disk, tmp_path: Path) -> None:
        """A log that holds what the file lacks, and cannot be merged."""
        options = company.settle(tmp_path / "config", company.BEFORE, LOCAL)
        with closing(sqlite3.connect(options.folder / "acme.db", isolation_level=None)) as raw:
            raw.execute("DELETE FROM resources")
            shutil.copytree(options.folder, disk.folder / "copy")
        assert (disk.folder / "copy" / "acme.db-wal").stat().st_size
        (disk.folder / "copy" / "acme.db-shm").unlink()
        disk.freeze()
        with pytest.raises(OrgformError, match="cannot open"):
            app.plan(app.Options(folder=disk.folder / "copy"))
        disk.thaw()
