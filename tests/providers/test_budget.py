"""A platform's quotas are kept to before it refuses, by all processes together, and whatever becomes of the file."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orgform.codec import decode
from orgform.providers import budget as budgets
from orgform.providers.budget import DAY, Budget, QuotaUsedUp
from orgform.providers.http import HttpError, Session
from tests.providers.scripted import answer, scripted

NOON = 20_000 * DAY + 12 * 3600.0
SYSTEM = "https://api.acme.example#hidden-name"
Opened = Callable[..., Budget]


class Clock:
    """Time that passes only while somebody sleeps, or where a test moves it."""

    def __init__(self) -> None:
        self.at = NOON
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock, tmp_path: Path) -> Opened:
    """Each is as a process of its own would be."""

    def make(minute: int | None = None, day: int | None = None, folder: Path | None = tmp_path / "cache", reserve: float = 0.0) -> Budget:
        return Budget(SYSTEM, minute, day, folder=folder, reserve=reserve, title="Acme", clock=clock, sleep=clock.sleep)

    return make


def taken(budget: Budget, times: int, share: str = "") -> Budget:
    for _ in range(times):
        budget.wait(share)
    return budget


# The minute


def test_a_minute_is_waited_for_and_slides(opened: Opened, clock: Clock) -> None:
    taken(opened(10), 6)
    clock.at += 20
    budget = taken(opened(10), 4)
    assert clock.slept == []
    taken(budget, 6)
    assert clock.slept == [40.0], "the first six were a minute ago then"
    taken(budget, 1)
    assert clock.slept == [40.0, 20.0]


def test_of_the_minute_the_reserve_is_left(opened: Opened, clock: Clock) -> None:
    budget = taken(opened(10, reserve=70), 3)
    assert clock.slept == []
    taken(budget, 1)
    assert clock.slept == [60.0]
    taken(opened(1, reserve=100, folder=None), 1)
    assert clock.slept == [60.0], "one is always ours"


def test_what_the_platform_says_of_the_minute_counts(opened: Opened, clock: Clock) -> None:
    budget = taken(opened(10), 1)
    budget.told({"x-ratelimit-limit": "10", "x-ratelimit-remaining": "2", "x-ratelimit-reset": str(int(clock.at) + 30)})
    budget.told({"x-ratelimit-limit": "10", "x-ratelimit-remaining": "5", "x-ratelimit-reset": str(int(clock.at) + 30)})  # came late
    taken(budget, 2)
    assert clock.slept == []
    taken(opened(10), 1)
    assert clock.slept == [30.0], "somebody else used up the rest"
    taken(budget, 6)
    assert clock.slept == [30.0], "the next minute is as declared"


@pytest.mark.parametrize("reset", ["", "7", "99999999999"])
def test_a_reset_that_cannot_be_right_holds_nobody_back_for_longer_than_a_minute(opened: Opened, clock: Clock, reset: str) -> None:
    budget = opened(10)
    budget.told({"x-ratelimit-limit": "10", "x-ratelimit-remaining": "0", **({"x-ratelimit-reset": reset} if reset else {})})
    taken(budget, 1)
    assert sum(clock.slept) <= 60


@pytest.mark.parametrize("headers", [{}, {"x-ratelimit-limit": "10"}, {"x-ratelimit-limit": "x", "x-ratelimit-remaining": "-1"}])
def test_headers_that_say_nothing_change_nothing(opened: Opened, clock: Clock, headers: dict[str, str]) -> None:
    budget = opened(10, 10)
    budget.told(headers)
    taken(budget, 10)
    assert clock.slept == []


# The day


def test_a_day_that_is_used_up_refuses_before_the_call(opened: Opened, clock: Clock) -> None:
    taken(opened(None, 1200), 1199)
    budget = opened(None, 1200)
    budget.check()
    taken(budget, 1)
    with pytest.raises(QuotaUsedUp) as e:
        opened(None, 1200).check()
    assert e.value.message == "Acme: all 1,200 requests of this day are used up; the next day's begin at 00:00 UTC, in 12 h 0 min"
    clock.at += 12 * 3600 - 90
    with pytest.raises(QuotaUsedUp, match="00:00 UTC, in 2 min"):
        budget.wait()
    clock.at += 90
    taken(budget, 1)


def test_of_the_day_the_reserve_is_left(opened: Opened) -> None:
    budget = taken(opened(None, 10, reserve=40), 6)
    with pytest.raises(QuotaUsedUp, match="4 of its 10 requests of this day are left, and --reserve leaves them to others") as e:
        budget.wait()
    assert "smaller --reserve" in (e.value.hint or "")
    taken(opened(None, 10), 4)


def test_each_workspace_has_its_own_day_and_all_have_one_minute(opened: Opened, clock: Clock) -> None:
    budget = opened(5, 3)
    taken(budget, 3, "x")
    with pytest.raises(QuotaUsedUp):
        budget.wait("x")
    taken(budget, 2, "y")
    assert clock.slept == []
    taken(budget, 1, "y")
    assert clock.slept == [60.0]


def test_what_the_platform_says_of_the_day_counts(opened: Opened, clock: Clock) -> None:
    budget = taken(opened(100, 1000), 1)
    midnight = int(clock.at) + 12 * 3600
    budget.told({"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "1", "x-ratelimit-reset": str(midnight)})
    budget.told({"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "7", "x-ratelimit-reset": str(midnight)})  # came late
    taken(budget, 1)
    with pytest.raises(QuotaUsedUp):
        budget.wait()


def test_a_day_of_the_platforms_own_begins_when_it_says(opened: Opened, clock: Clock) -> None:
    budget = taken(opened(100, 10), 10)
    budget.told({"x-ratelimit-limit": "12", "x-ratelimit-remaining": "2", "x-ratelimit-reset": str(int(clock.at) + 3 * 3600)})
    taken(budget, 2)
    with pytest.raises(QuotaUsedUp, match=r"all 12 requests of this day are used up; .* 15:00 UTC, in 3 h 0 min"):
        budget.wait()
    clock.at += 3 * 3600
    taken(budget, 10)


# Clocks


def test_a_clock_that_is_put_back_makes_nobody_wait_for_longer_than_a_minute_or_a_day(opened: Opened, clock: Clock) -> None:
    taken(opened(10, 20), 10)
    clock.at -= 5 * DAY
    budget = taken(opened(10, 20), 1)
    assert clock.slept == [60.0]
    taken(budget, 9)
    clock.at += 12 * 3600
    taken(budget, 10)


def test_a_clock_that_is_put_forward_loses_no_more_than_the_count(opened: Opened, clock: Clock) -> None:
    taken(opened(10, 20), 10)
    clock.at += 400 * DAY
    taken(opened(10, 20), 10)
    assert clock.slept == []


# Processes


TAKES = """
import sys, pathlib
from orgform.providers.budget import Budget
budget = Budget(sys.argv[1], None, 10**6, folder=pathlib.Path(sys.argv[2]))
for _ in range(int(sys.argv[3])):
    budget.wait("share")
print("done", flush=True)
"""


def process(folder: Path, times: int, program: str = TAKES) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, SYSTEM, str(folder), str(times)], stdout=subprocess.PIPE, text=True)


def used(folder: Path) -> int:
    [file] = folder.glob("*.quota")
    return sum(day["used"] for day in decode(file.read_bytes())["days"].values())


def test_processes_at_one_time_count_together(tmp_path: Path) -> None:
    running = [process(tmp_path, 60) for _ in range(4)]
    assert [p.communicate(timeout=60)[0] for p in running] == ["done\n"] * 4
    assert used(tmp_path) == 240


def test_who_is_killed_leaves_the_count_and_lets_go(tmp_path: Path) -> None:
    endless = process(tmp_path, 10**6)
    beside = process(tmp_path, 50)
    beside.communicate(timeout=60)
    endless.kill()
    endless.communicate(timeout=60)
    before = used(tmp_path)
    assert before >= 50
    assert process(tmp_path, 5).communicate(timeout=60)[0] == "done\n"
    assert used(tmp_path) == before + 5


HOLDS = """
import signal, sys, pathlib
from orgform.providers.budget import Budget
budget = Budget(sys.argv[1], None, 10**6, folder=pathlib.Path(sys.argv[2]))
with budget._file.held():
    print("held", flush=True)
    signal.pause()
"""


def test_a_process_that_stands_still_with_the_file_in_its_hands_stops_nobody(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "PATIENCE", 0.05)
    taken(opened(None, 5), 2)
    still = process(tmp_path / "cache", 0, HOLDS)
    try:
        assert still.stdout is not None
        assert still.stdout.readline() == "held\n"
        still.send_signal(signal.SIGSTOP)
        budget = taken(opened(None, 5), 5)
        with pytest.raises(QuotaUsedUp):
            budget.wait()
    finally:
        still.kill()
        still.communicate(timeout=60)


FULL = """
import sys, pathlib, resource
from orgform.providers.budget import Budget, QuotaUsedUp
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
budget = Budget(sys.argv[1], None, 3, folder=pathlib.Path(sys.argv[2]))
try:
    for _ in range(10):
        budget.wait()
except QuotaUsedUp:
    print("refused")
"""


def test_a_full_disk_means_counting_in_memory(tmp_path: Path) -> None:
    assert process(tmp_path, 0, FULL).communicate(timeout=60)[0] == "refused\n"
    assert [f.suffix for f in tmp_path.iterdir()] == [".lock"], "no half-written file is left"


# The file


@pytest.mark.parametrize("content", [b"", b"\0\xff", b"[]", b'{"days":7}', b'{"minute":["x"]}', b"[" * 100_000, b'{"days":{"a":{"used":1'])
def test_a_damaged_file_counts_as_none(opened: Opened, tmp_path: Path, content: bytes) -> None:
    taken(opened(None, 5), 3)
    [file] = (tmp_path / "cache").glob("*.quota")
    file.write_bytes(content)
    taken(opened(None, 5), 5)
    assert used(tmp_path / "cache") == 5, "and is made anew"


def test_a_file_that_is_damaged_in_between_costs_a_running_process_nothing(opened: Opened, tmp_path: Path) -> None:
    budget = taken(opened(None, 5), 3)
    [file] = (tmp_path / "cache").glob("*.quota")
    file.unlink()
    taken(budget, 2)
    with pytest.raises(QuotaUsedUp):
        budget.wait()


def test_where_no_file_can_be_the_count_is_in_memory(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "cache").mkdir()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/none"), None):
        budget = taken(opened(None, 5, folder=folder), 5)
        with pytest.raises(QuotaUsedUp):
            budget.wait()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_link_in_place_of_the_lock_is_not_followed(opened: Opened, tmp_path: Path) -> None:
    taken(opened(None, 5), 1)
    [lock] = (tmp_path / "cache").glob("*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    taken(opened(None, 5), 5)
    assert not (tmp_path / "elsewhere").exists()


def test_the_file_holds_no_name_and_is_its_owners_alone(opened: Opened, tmp_path: Path) -> None:
    taken(opened(100, 1000), 3, "hidden-workspace")
    for file in (tmp_path / "cache").iterdir():
        assert "hidden" not in file.name + file.read_text()
        assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert [p.name for p in tmp_path.iterdir()] == ["cache"]


# Sessions


def test_a_session_counts_every_try_and_hears_what_answers_say(opened: Opened, clock: Clock, tmp_path: Path) -> None:
    steps = [answer(503, {}, retry_after="0"), answer(200, {}, x_ratelimit_limit="9", x_ratelimit_remaining="1")]
    with scripted(*steps) as server:
        session = Session(server.url, budget=opened(9, 9), max_wait=0.01)
        session.request("GET", "a", idempotent=True, share="x")
        assert used(tmp_path / "cache") >= 2
        session.request("GET", "a", idempotent=True, share="x")
        assert clock.slept == []
        session.close()


def test_a_session_sends_nothing_where_the_day_is_used_up(opened: Opened) -> None:
    with scripted(answer(200, {})) as server:
        session = Session(server.url, budget=opened(None, 1), max_wait=0.01)
        session.request("GET", "a", idempotent=True)
        with pytest.raises(HttpError, match="all 1 requests of this day are used up") as e:
            session.request("GET", "a", idempotent=True)
        assert (e.value.maybe_done, e.value.again) == (False, False)
        assert len(server.received) == 1
        session.close()
