"""`attest`: somebody's word that a step was done which nothing can read back.

Invariant: only what a plan asks for by hand (or was told before), and what cannot be read, can be attested; what is kept is exactly what
the config says now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from orgform.attested import seen_as, settle
from orgform.errors import GuardRefused, UsageError
from orgform.formats import check
from orgform.kinds import load_kinds
from orgform.model import Address, Attested, Attributes, Plan
from orgform.opening import load, opened_ledger, opened_targets, today
from orgform.options import Confirm, Listener, Options
from orgform.planning.scope import matches

if TYPE_CHECKING:
    from datetime import date

    from orgform.ledger import Ledger
    from orgform.targets import OpenTarget

_GLOB = re.compile(r"[*?[]")
NAMED = 10  # of what is to be attested, so many are named
#: how long somebody's word counts, where nothing else is said
DAYS = 180


def attest(
    options: Options,
    addresses: Sequence[str],
    *,
    by: str,
    evidence: str = "",
    expires: date | None = None,
    destroy: bool = False,
    listen: Listener | None = None,
    confirm: Confirm | None = None,
) -> tuple[Attested, ...]:
    """Keeps in the ledger that these steps of today's plan were done, or that what was attested before still is so. `addresses`: also globs
    (`membership/brand-x-us/*`), for all steps that they name; `by`: the e-mail address of whoever says so; `expires`: the first day on
    which it counts no more. `destroy`: the steps of the plan that deletes all that is managed.

    Raises `UsageError` for an address that no step is about, and for one whose step is read back by itself, and `GuardRefused` for what a
    guard refuses; then nothing is kept.
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
        made, snapshot = plan_now(options, config, targets, ledger, base=None, destroy=destroy, listen=listen)
        said = {one.address: one for address in addresses for one in _said(made, address, targets, ledger, destroy=destroy)}
        _allowed(made, said)
        settle(targets, ledger, config.moved, load_kinds())
        for name in sorted({one.target for one in said.values()}):
            words = {
                a: Attestation(s.attributes, by, given.isoformat(), end.isoformat(), evidence, seen_as(targets[name], a, snapshot.live))
                for a, s in said.items()
                if s.target == name
            }
            ledger.attest(targets[name].key, words)
    return tuple(Attested(s.target, a, by, given.isoformat(), end.isoformat(), evidence) for a, s in said.items())


def _allowed(made: Plan, said: Mapping[Address, Said]) -> None:
    """What no apply may do, nobody's word makes so either."""
    for guard in made.refused:
        for item in guard.items:
            address = next((a for a, one in said.items() if _is_about(item, one)), None)
            if address:
                why = f"{address}: refused by {guard.guard} ({guard.summary}); nothing was attested"
                raise GuardRefused(why, made, hint=f"{guard.override or guard.setting} lets it pass, here as in a plan")


def _is_about(item: str, said: Said) -> bool:
    """A guard's item is an address, or a collection that loses too much: that one is about what goes."""
    named = item == said.address or item.startswith(f"{said.address}:")
    return named or (said.attributes is None and matches(said.address, (item.partition(": ")[0],)))


class Said(NamedTuple):
    """What somebody says is so; `attributes` None: that it is gone."""

    target: str
    address: Address
    attributes: Attributes | None


def _said(made: Plan, address: str, targets: Mapping[str, OpenTarget], ledger: Ledger, *, destroy: bool) -> list[Said]:
    steps = [s for s in made.manual_steps if s.address == address]
    if not steps and _GLOB.search(address):
        steps = [s for s in made.manual_steps if s.command and matches(s.address, (address,))]
    if not steps and not destroy and (renewed := _renewed(made, address, targets, ledger)):
        return [renewed]
    if not steps:
        known = sorted(s.address for s in made.manual_steps if s.command)
        more = f", and {len(known) - NAMED:,} more" if len(known) > NAMED else ""
        hint = f"to be attested: {', '.join(known[:NAMED])}{more}" if known else "nothing of this plan is to be attested"
        raise UsageError(f"the plan asks nobody to do {address} by hand", hint=hint)
    for step in steps:
        if not step.command:
            raise UsageError(f"{address}: {step.verify}, so nobody's word is needed", hint="do it, then run `orgform plan` again")
    return [Said(step.target, step.address, step.after) for step in steps]


def _renewed(made: Plan, address: str, targets: Mapping[str, OpenTarget], ledger: Ledger) -> Said | None:
    """What is attested and as the config wants it: whoever looked again may say so before the word runs out."""
    word = next((w for w in made.attested if w.address == address), None)
    kept = ledger.attestations(targets[word.target].key).get(word.address) if word else None
    return Said(word.target, word.address, kept.attributes) if word and kept and kept.attributes is not None else None
