"""What a second process does with a ledger: `python -m tests.ledger.another WHAT WHERE ...`. It says on stdout how far it is."""

from __future__ import annotations

import itertools
import sys
import time

from orgform.errors import OrgformError
from orgform.ledger import open_ledger
from orgform.model import Address, Base, Outcome, Remember
from tests.ledger.values import SYSTEM, create, plan_of


def hold(where: str, lease: str = "60") -> None:
    """Holds the lock until its stdin ends."""
    ledger = open_ledger(where, create=True)
    with ledger.lock([SYSTEM], "dana@elsewhere", lease=float(lease)):
        print("held", flush=True)
        sys.stdin.read()
    ledger.close()


def record(where: str, first: str) -> None:
    """Records one change after the other, says each that is recorded, and never ends."""
    ledger = open_ledger(where, create=True)
    changes = [create(f"member/m{n:06}@acme.com", {"name": f"M {n}"}) for n in range(int(first), int(first) + 5000)]
    plan = plan_of(*changes)
    with ledger.lock([SYSTEM], "dana@elsewhere") as lock:
        recorder = ledger.begin_run(lock, plan, {"acme": SYSTEM}, "dana@elsewhere")
        print(recorder.run, flush=True)
        for change in changes:
            recorder.record([(change, Outcome("acme", change.address, "create", "done"))], {})
            print(change.address, flush=True)
        time.sleep(600)


def race(where: str, count: str) -> None:
    """Opens, locks as soon as it may, and adds one resource; `count` times."""
    done = 0
    for n in itertools.count():
        ledger = open_ledger(where, create=True)
        try:
            with ledger.lock([SYSTEM], "racer") as lock:
                known, _ = ledger.base(SYSTEM)
                recorder = ledger.begin_run(lock, plan_of(), {"acme": SYSTEM}, "racer")
                recorder.remember(Remember(remember={Address(f"member/m{len(known or {})}@acme.com"): Base({"name": str(n)})}))
                recorder.finish("done")
                done += 1
        except OrgformError as error:
            if type(error).__name__ != "LockHeld":
                raise
            time.sleep(0.005)
        finally:
            ledger.close()
        if done == int(count):
            return


if __name__ == "__main__":
    {"hold": hold, "record": record, "race": race}[sys.argv[1]](*sys.argv[2:])
