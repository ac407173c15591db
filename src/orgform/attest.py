"""`attest`: somebody's word that a step was done which nothing can read back.

Invariant: only what a plan asks for by hand, and what cannot be read, can be attested; what is kept is exactly what the config says now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from orgform.errors import UsageError
from orgform.formats import check
from orgform.kinds import load_kinds
from orgform.model import Address, Attested, ManualStep, Plan
from orgform.opening import load, opened_ledger, opened_targets, today
from orgform.options import Confirm, Listener, Options

if TYPE_CHECKING:
    from datetime import date

#: how long somebody's word counts, where nothing else is said
DAYS = 180


def attest(
    options: Options,
    addresses: Sequence[str],
    *,
    by: str,
    evidence: str = "",
    expires: date | None = None,
    listen: Listener | None = None,
    confirm: Confirm | None = None,
) -> tuple[Attested, ...]:
    """Keeps in the ledger that these steps of today's plan were done. `by`: the e-mail address of whoever says so; `expires`: the first day
    on which it counts no more.

    Raises `UsageError` for an address that no step is about, and for one whose step is read back by itself; then nothing is kept.
    """
    from orgform.ledger import Attestation
    from orgform.running import plan_now

    problem = check("email", by)
    if problem:
        raise UsageError(f"--by {by}: {problem.summary}", hint="the e-mail address of the person who did it, or who looked")
    given = today(options)
    end = expires or given + timedelta(days=DAYS)
    if end <= given:
        raise UsageError(f"--expires {end}: that is not after {given}", hint="a day in the future")
    config = load(options, load_kinds())
    with opened_ledger(options, create=True) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        made = plan_now(options, config, targets, ledger, base=None, destroy=False, listen=listen)[0]
        steps = [_step(made, address) for address in dict.fromkeys(addresses)]
        words = [Attested(s.target, s.address, by, given.isoformat(), end.isoformat(), evidence) for s in steps]
        for step, word in zip(steps, words, strict=True):
            kept = Attestation(step.after, word.by, word.given, word.expires, word.evidence)
            ledger.attest(targets[step.target].key, {step.address: kept})
    return tuple(words)


def _step(made: Plan, address: str) -> ManualStep:
    step = next((s for s in made.manual_steps if s.address == address), None)
    known = sorted(s.address for s in made.manual_steps if s.command)
    if step is None:
        word = next((a for a in made.attested if a.address == Address(address)), None)
        told = f"; {word.by} attested it, which counts until {word.expires}" if word else ""
        hint = f"to be attested: {', '.join(known[:10])}" if known else "nothing of this plan is to be attested"
        raise UsageError(f"the plan asks nobody to do {address} by hand{told}", hint=hint)
    if not step.command:
        raise UsageError(f"{address}: {step.verify}, so nobody's word is needed", hint="do it, then run `orgform plan` again")
    return step
