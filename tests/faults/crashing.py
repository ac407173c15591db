"""Applies that are killed at random points, many in a short time: `python -m tests.faults.crashing WAY ROUNDS SEED FOLDER [LEDGER]`.

WAY is `local`, or a server with tokens and its database: `URL|DATABASE`. Each round is a fork of this process, which has everything
imported already and no thread; it is killed where it makes its n-th call (of Python or of C: on both sides of every system call), or after
a random time. What must hold is checked here, after the kill and after the next apply. It says `{rounds, calls, ended}` on stdout at the
end; `calls`: how many an apply makes that nobody disturbs. The same seed kills at the same calls (not at the same times).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from orgform import app
from orgform.codec import Struct
from orgform.ledger import RunRecorder, lock
from orgform.model import Plan
from orgform.server import Store, tokens
from tests.faults import company, truth

LOCAL = {"provider": "local", "database": "acme.db"}
LEFT_TO_THE_END = 10**9
#: From where on calls are counted: before the plan is made, where something is written for the first time, where outcomes are recorded.
FROM = {"lock": lock.acquire.__code__, "begin": RunRecorder._begin.__code__, "record": RunRecorder.record.__code__}
#: Of twenty rounds so many are killed at a call after these, or at a time after the run began.
KILLS = {"begin": 10, "record": 4, "lock": 2, "time": 4}


class Place(Struct, frozen=True):
    """Where a round happens: the options of its applies, the live system's database, the company's name in it, the ledger."""

    options: app.Options
    database: str
    name: str

    @property
    def ledger(self) -> str | Path:
        return self.options.ledger or self.options.folder / ".orgform" / "ledger.db"


class Round:
    """A config that was applied and then edited, and what the next apply is to do."""

    def __init__(self, place: Place, wanted: Plan | None) -> None:
        self.place = place
        self.before = truth.events(place.database, place.name)
        self.wanted = wanted or app.plan(place.options)
        self.run = truth.last_run(place.ledger)["run"]

    def events(self) -> Counter[truth.Event]:
        return truth.events(self.place.database, self.place.name) - self.before

    def check(self) -> str:
        """After the crash, and after the next apply; how the run that crashed ended."""
        self.whole()
        ended = self.told_the_truth()
        _, report = app.apply(self.place.options)
        assert report.outcome in ("done", "nothing"), report
        truth.settled(self.place.options)
        truth.each_once(self.wanted, self.events())
        self.whole()
        return ended

    def told_the_truth(self) -> str:
        """The history has the run that crashed, with what it did."""
        last = truth.last_run(self.place.ledger)
        if last["run"] == self.run:
            assert not self.events(), "something was done before it was written down what is going to be tried"
            return "not begun"
        truth.recorded_is_done(last, self.events())
        return str(last["outcome"])

    def whole(self) -> None:
        for file in self.place.options.folder.rglob("*.db"):
            truth.whole(file)


class Maker:
    """Makes rounds of one way."""

    def __init__(self, way: str, folder: Path, ledger: str | None) -> None:
        self.folder, self.ledger = folder, ledger
        self.url, _, self.database = way.partition("|")
        self.numbers = count()
        self.wanted: Plan | None = None
        if way == "local" and not ledger:
            company.settle(folder / "template", company.BEFORE, LOCAL)
            company.write(folder / "template", company.AFTER, LOCAL)

    def make(self) -> Round:
        number = next(self.numbers)
        folder = self.folder / f"r{number}"
        place = self._remote(folder, f"{self.folder.name}-{number}", number) if self.database else self._local(folder)
        made = Round(place, self.wanted)
        self.wanted = made.wanted  # of every round the same changes
        return made

    def _local(self, folder: Path) -> Place:
        if self.ledger:
            company.settle(folder, company.BEFORE, LOCAL, ledger=self.ledger)
            company.write(folder, company.AFTER, LOCAL)
        else:
            shutil.copytree(self.folder / "template", folder)
        return Place(app.Options(folder=folder, max_wait=0, ledger=self.ledger), str(folder / LOCAL["database"]), "default")

    def _remote(self, folder: Path, name: str, number: int) -> Place:
        with closing(Store(self.database)) as store:
            os.environ["ACME_TOKEN"] = tokens.create(store, company=name, scope="write")[1]
        target = {"provider": "orgform", "url": self.url, "token": "env:ACME_TOKEN"}
        options = company.settle(folder, company.BEFORE, target, allow_target=(f"acme={self.url}",), ledger=self.ledger)
        company.write(folder, company.AFTER, {**target, "batch": (1, 3, 1000)[number % 3]})
        return Place(options, self.database, name)


class Killer:
    """A profiler that ends its process at the n-th call after the first one of `start`, in whichever thread."""

    def __init__(self, number: int, start: str) -> None:
        self._calls, self._number, self._first, self._armed = count(1), number, FROM[start], False

    def __call__(self, frame: Any, event: str, arg: Any) -> None:
        if not self._armed:
            self._armed = frame.f_code is self._first
        elif next(self._calls) == self._number:
            os.kill(os.getpid(), signal.SIGKILL)

    def made(self) -> int:
        return next(self._calls)


def child(options: app.Options, killer: Killer, say: int) -> NoReturn:
    """Applies, and tells how many calls that took."""
    threading.setprofile(killer)
    sys.setprofile(killer)
    os.write(say, b"!")
    try:
        app.apply(options)
        sys.setprofile(None)
        os.write(say, str(killer.made()).encode())
    finally:
        os._exit(0)


def crash(options: app.Options, killer: Killer, wait: Callable[[], None] | None = None) -> int | None:
    """Applies in a child that kills itself, or is killed after `wait`. The number of calls where it came to its end."""
    hear, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(options, killer, say)
    os.close(say)
    with os.fdopen(hear, "rb") as said:
        assert said.read(1) == b"!"
        if wait:
            wait()
            os.kill(pid, signal.SIGKILL)
        rest = said.read()
    os.waitpid(pid, 0)
    return int(rest) if rest else None


def undisturbed(maker: Maker, start: str) -> tuple[int, float]:
    """Calls and seconds of an apply to its end."""
    made, began = maker.make(), time.monotonic()
    calls = crash(made.place.options, Killer(LEFT_TO_THE_END, start))
    took = time.monotonic() - began
    assert made.check() == "done", "an apply that nobody disturbs comes to its end"
    assert calls is not None
    return calls, took


def main(way: str, rounds: str, seed: str, folder: str, ledger: str | None = None) -> None:
    chance = random.Random(seed)
    maker = Maker(way, Path(folder), ledger)
    measured = {start: undisturbed(maker, start) for start in FROM}
    ended: Counter[str] = Counter()
    for number in range(int(rounds)):
        made = maker.make()
        how = chance.choices(list(KILLS), list(KILLS.values()))[0]
        part = chance.random()
        if how == "time":
            killer, seconds = Killer(LEFT_TO_THE_END, "begin"), part * measured["begin"][1]
            crash(made.place.options, killer, lambda seconds=seconds: time.sleep(seconds))  # type: ignore[misc]
        else:
            calls = measured[how][0]
            # What is recorded is recorded in a few of the first calls: of them there are as many as of the later ones.
            crash(made.place.options, Killer(round(calls**part) if how == "record" else 1 + int(part * calls), how))
        try:
            ended[made.check()] += 1
        except BaseException:
            print(f"round {number}, killed {how} {part:.6f}, in {made.place.options.folder}", file=sys.stderr)
            raise
        shutil.rmtree(made.place.options.folder)
    print(json.dumps({"rounds": int(rounds), "calls": {how: calls for how, (calls, _) in measured.items()}, "ended": ended}))


if __name__ == "__main__":
    main(*sys.argv[1:])
