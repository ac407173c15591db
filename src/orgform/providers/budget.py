"""Keeps to a platform's quotas before it refuses: so many requests a minute, so many a day, counted by all runs on this machine together.

Invariant: counted before a request is sent, in one file for each live system, by one process at a time; where the file cannot be used, in
memory. The file holds counts, times and hashes: no name and no secret. What the platform itself says of its quota
(`X-RateLimit-Limit`, `-Remaining`, `-Reset`) corrects the count.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from orgform.codec import DecodeError, Struct, decode, encode
from orgform.errors import ProviderError
from orgform.providers.pace import MINUTE, number

DAY: Final = 86_400
#: seconds that another process may hold the file, each time for a few writes to it
PATIENCE: Final = 2.0
_STEP: Final = 0.01
_LARGEST: Final = 2**20


class QuotaUsedUp(ProviderError):
    """The day's requests are used up; nothing was sent."""


class _Day(Struct):
    """`until`: when it starts anew, in seconds since 1970; `limit`: what the platform said; None: what its provider declares."""

    until: float
    used: int = 0
    limit: int | None = None


class _State(Struct):
    """`minute`: when the requests of the last minute were sent. `left`: how many more the platform takes until `until`, as it said."""

    minute: list[float] = []
    left: int | None = None
    until: float = 0.0
    days: dict[str, _Day] = {}


class Budget:
    """The quotas of one live system. `per_day` counts for each `share` by itself (a workspace, where the platform counts so).

    `folder`: where counts are kept between runs, None: in memory only. `reserve`: percent of each quota that is left to others.
    Safe to use from several threads.
    """

    def __init__(
        self,
        system: str,
        per_minute: int | None,
        per_day: int | None,
        *,
        folder: Path | None,
        reserve: float = 0.0,
        title: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_minute, self._per_day, self._reserve = per_minute, per_day, reserve
        self._title = title or "the platform"
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._file = None if folder is None else _File(folder / f"{_hash(system)}.quota")
        self._state = _State()

    def wait(self, share: str = "") -> None:
        """Counts a request, as soon as the minute has room for it. Raises `QuotaUsedUp` where the day has none."""
        while (seconds := self._take(share)) > 0:
            self._sleep(seconds)

    def check(self, share: str = "") -> None:
        """Raises `QuotaUsedUp` where the day has no room for one more request; counts none."""
        with self._opened() as state:
            self._refuse(self._day(state, share))

    def told(self, headers: Mapping[str, str], share: str = "") -> None:
        """What an answer says of the quota, in headers with lower-case names."""
        limit, left, reset = (number(headers.get(f"x-ratelimit-{name}"), 11) for name in ("limit", "remaining", "reset"))
        if not limit or left is None:
            return
        with self._opened() as state:
            at = self._clock()
            if self._is_daily(limit, reset, at):
                self._told_of_day(self._day(state, share), limit, left, reset, at)
            else:
                until = min(reset, at + MINUTE) if reset is not None else at + MINUTE
                # Answers of several threads come in any order: within one window the smallest number is the newest.
                same = state.left is not None and at < state.until and abs(until - state.until) < 1
                state.left, state.until = min(left, state.left) if same and state.left is not None else left, until

    # One request

    def _take(self, share: str) -> float:
        """Takes one request; else seconds to wait."""
        with self._opened() as state:
            day = self._day(state, share)
            self._refuse(day)
            seconds = self._until_free(state)
            if seconds <= 0:
                at = self._clock()
                state.minute.append(at)
                state.left = state.left - 1 if state.left is not None and at < state.until else None
                day.used += 1
            return seconds

    def _until_free(self, state: _State) -> float:
        """Seconds until the minute has room. What seems to be sent in times to come was sent before the clock was put back."""
        at = self._clock()
        state.minute = [min(sent, at) for sent in state.minute if sent > at - MINUTE]
        state.until = min(state.until, at + MINUTE)
        if self._per_minute is None:
            return 0.0
        ours = self._per_minute - self._kept(self._per_minute)
        seconds = state.minute[-ours] + MINUTE - at if len(state.minute) >= ours else 0.0
        if state.left is not None and at < state.until and state.left <= min(self._kept(self._per_minute), self._per_minute - 1):
            seconds = max(seconds, state.until - at)
        return seconds

    def _kept(self, limit: int) -> int:
        """Requests that are left to others; one is always ours."""
        return min(int(limit * self._reserve / 100), limit - 1)

    # The day

    def _day(self, state: _State, share: str) -> _Day:
        """The day that it is now: until midnight in UTC, or until the platform said."""
        at, name = self._clock(), _hash(share)[:16]
        state.days = {n: d for n, d in state.days.items() if at < d.until}
        found = state.days.setdefault(name, _Day(_midnight(at)))
        if found.until > at + DAY + MINUTE:  # the clock was put back
            found.until = _midnight(at)
        return found

    def _refuse(self, day: _Day) -> None:
        limit = day.limit or self._per_day
        if limit is None or day.used < limit - self._kept(limit):
            return
        left = max(0, limit - day.used)
        at = self._clock()
        rest = f"{left:,} of its {limit:,} requests of this day are left, and --reserve leaves them to others" if left else ""
        raise QuotaUsedUp(
            f"{self._title}: {rest or f'all {limit:,} requests of this day are used up'}; the next day's begin at "
            f"{time.strftime('%H:%M', time.gmtime(day.until))} UTC, in {_span(day.until - at)}",
            hint="run it again then" + (", or with a smaller --reserve" if left else ""),
        )

    def _is_daily(self, limit: int, reset: int | None, at: float) -> bool:
        """Which of the two quotas a header speaks of: by its size, else by when it starts anew."""
        if limit in (self._per_minute, self._per_day):
            return limit == self._per_day
        return reset is not None and reset > at + 2 * MINUTE

    def _told_of_day(self, day: _Day, limit: int, left: int, reset: int | None, at: float) -> None:
        used = max(0, limit - left)
        moved = reset is not None and at < reset <= at + DAY + MINUTE and abs(reset - day.until) > MINUTE
        day.used = used if moved else max(used, day.used)
        day.until = float(reset) if moved and reset is not None else day.until
        day.limit = limit

    # Where it is kept

    @contextlib.contextmanager
    def _opened(self) -> Iterator[_State]:
        """The state, alone; what was made of it is kept, also where it ends in an error."""
        with self._lock:
            if self._file is None:
                yield self._state
                return
            with self._file.held() as usable:
                self._state = (usable and self._file.load()) or self._state
                try:
                    yield self._state
                finally:
                    if not (usable and self._file.store(self._state)):
                        self._file = None


class _File:
    """One file that several processes share. Nothing here raises: a file that is no good is none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Whether the file is ours until the end."""
        lock = self._locked()
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.close()

    def _locked(self) -> IO[bytes] | None:
        file: IO[bytes] | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            file = os.fdopen(os.open(self._path.with_suffix(".lock"), flags, 0o600), "r+b")
            until = time.monotonic() + PATIENCE
            while not _lock(file):
                if time.monotonic() > until:
                    raise OSError("another process does not let go of it")
                time.sleep(_STEP)
        except OSError:
            if file is not None:
                file.close()
            return None
        return file

    def load(self) -> _State | None:
        try:
            with self._path.open("rb") as file:
                state: _State = decode(file.read(_LARGEST), _State)
                return state
        except (OSError, DecodeError, ValueError, RecursionError):
            return None

    def store(self, state: _State) -> bool:
        """Whether it is kept. The file is replaced in one step: who is killed meanwhile leaves the old count."""
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(encode(state))
            draft.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            return False
        return True


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _midnight(at: float) -> float:
    return (at // DAY + 1) * DAY


def _span(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
