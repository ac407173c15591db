"""The domains of a config in their live systems: what proves each of them, and having the systems look for it.

Invariant: what is spoken of is declared in the config; a live system's own other domains are named apart and never touched. Which kinds
have something to prove, say the kinds themselves (`x-verification`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orgform import formats
from orgform.codec import Struct, replace
from orgform.errors import OrgformError, UsageError
from orgform.kinds import Kinds, load_kinds
from orgform.model import Address, Config, key_of, kind_of
from orgform.opening import load, opened_ledger, opened_targets
from orgform.options import Confirm, Listener, Options, Progress

if TYPE_CHECKING:
    from orgform.providers.base import Challenge
    from orgform.targets import OpenTarget

#: seconds between two looks: the first, and the longest
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0

ABSENT, ELSEWHERE = "absent", "unknown"
OWN_WAY = "the live system has no way to verify it that is known here; see its own pages"


class Record(Struct, frozen=True):
    """A DNS record: its whole name, and its text in one piece."""

    name: str
    type: str
    value: str


class Domain(Struct, frozen=True):
    """One declared domain. `status` is the live system's word (`pending`, `verified`, `failed`), `absent` where it does not have the
    domain, `unknown` where it says nothing of it. `failed`, too, where the time is over and the system has not noticed yet.

    `record`: None where none is known. `expires_at`: ISO 8601 in UTC, or empty. `detail`: what was found when it was looked for last.
    `next`: what to do, as a sentence; empty where there is nothing to do. `label`: the domain in its own letters, where that says more.
    """

    target: str
    address: Address
    domain: str
    status: str
    record: Record | None = None
    expires_at: str = ""
    detail: str = ""
    next: str = ""
    label: str = ""

    @property
    def verified(self) -> bool:
        return self.status == "verified"


class Domains(Struct, frozen=True):
    """`undeclared`: what the live systems have besides."""

    domains: tuple[Domain, ...]
    undeclared: tuple[Address, ...] = ()


News = Callable[[Domain], None]
#: domains, and for which of them to begin anew -> the same domains as they are then
Ask = Callable[[Sequence[Domain], Collection[Address]], Iterable[Domain]]


def domains(options: Options, names: Collection[str] = (), *, confirm: Confirm | None = None) -> Domains:
    """The declared domains (those of `names`, where given) with what proves them, as the live systems tell."""
    with _opened(options, confirm) as (config, targets):
        return _listed(config, targets, _declared(config, names))


def verify_domains(
    options: Options,
    names: Collection[str] = (),
    *,
    restart: bool = False,
    wait: float = 0.0,
    listen: Listener | None = None,
    news: News | None = None,
    confirm: Confirm | None = None,
) -> Domains:
    """Has the live systems look for the records, again and again for up to `wait` seconds, and tells how far each domain is.

    `restart`: a new record for those of `names` that are not verified; without names for those that failed. `news` is told of each
    domain after the first look, and when its status is another one.
    """
    from concurrent.futures import ThreadPoolExecutor

    end = time.monotonic() + wait
    with _opened(options, confirm) as (config, targets):
        found = _listed(config, targets, _declared(config, names))
        wanted = {d.address for d in found.domains if restart and (names or d.status == "failed")}
        known = {d.address: d for d in found.domains}
        with ThreadPoolExecutor(max(1, options.parallelism)) as pool:

            def ask(domains: Sequence[Domain], again: Collection[Address]) -> Iterator[Domain]:
                return pool.map(lambda d: _asked(d, targets, restart=d.address in again), domains)

            for domain in ask(found.domains, wanted):
                known[domain.address] = domain
                if news:
                    news(domain)
            _wait(known, ask, end, listen, news)
        return replace(found, domains=tuple(known.values()))


@contextmanager
def _opened(options: Options, confirm: Confirm | None) -> Iterator[tuple[Config, dict[str, OpenTarget]]]:
    config = load(options, load_kinds())
    with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
        yield config, targets


def _verifiable(kinds: Kinds) -> list[str]:
    return [name for name, kind in kinds.items() if kind.verification]


def _declared(config: Config, names: Collection[str]) -> list[Address]:
    """Raises `UsageError` for a name that is not declared."""
    kinds = load_kinds()
    verifiable = _verifiable(kinds)
    declared = sorted(address for address in config.desired if kind_of(address) in verifiable)
    if not names:
        return declared
    chosen = {address for name in names for address in _named(name, declared, kinds)}
    return [address for address in declared if address in chosen]


def _named(name: str, declared: list[Address], kinds: Kinds) -> list[Address]:
    """A domain as people write it, or its address."""
    wanted = {_normal(name, kinds)} | {_normal(name.removeprefix(f"{kind}/"), kinds) for kind in _verifiable(kinds)}
    found = [address for address in declared if key_of(address) in wanted or address == name]
    if found:
        return found
    from difflib import get_close_matches

    keys = [key_of(address) for address in declared]
    close = get_close_matches(_normal(name, kinds), keys, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else f"it has: {', '.join(keys[:10])}{', ...' if len(keys) > 10 else ''}"
    raise UsageError(f"{name!r} is not in the config", hint=hint)


def _normal(name: str, kinds: Kinds) -> str:
    key = next((kinds[kind].key for kind in _verifiable(kinds)), None)
    return formats.normalise(key.format if key else "", name)


def _listed(config: Config, targets: Mapping[str, OpenTarget], declared: list[Address]) -> Domains:
    """What the chosen targets say of the declared domains that they take."""
    verifiable = frozenset(_verifiable(load_kinds()))
    taking = {name: target for name, target in targets.items() if target.kinds & verifiable}
    if declared and not taking:
        homes = sorted({config.claims[kind_of(address)] for address in declared})
        raise OrgformError(f"no target that was chosen takes domains: {', '.join(targets)}", hint=f"they live in {', '.join(homes)}")
    found: list[Domain] = []
    undeclared: list[Address] = []
    for name, target in taking.items():
        challenges = {c.address: c for c in target.provider.challenges() if kind_of(c.address) in target.kinds}
        undeclared += sorted(set(challenges) - set(config.desired))
        mine = [address for address in declared if kind_of(address) in target.kinds]
        there = _there(target, verifiable) if mine and not challenges else set(challenges)
        found += [_domain(name, address, challenges.get(address), there=address in there) for address in mine]
    return Domains(tuple(sorted(found, key=lambda d: d.address)), tuple(undeclared))


def _there(target: OpenTarget, kinds: frozenset[str]) -> set[Address]:
    """What a live system has that gives no challenges."""
    return {address for result in target.provider.read(sorted(target.kinds & kinds)) for address in result.resources}


def _domain(target: str, address: Address, challenge: Challenge | None, *, there: bool = True) -> Domain:
    key = key_of(address)
    made = Domain(target, address, key, ELSEWHERE if there else ABSENT, label=formats.readable(key))
    if challenge is None:
        return replace(made, next=OWN_WAY if there else f"{target} does not have it yet: run `orgform apply`")
    over = challenge.status == "pending" and _is_over(challenge.expires)
    status = "failed" if over else challenge.status
    record = Record(challenge.record, challenge.type, challenge.value) if challenge.record else None
    made = replace(made, status=status, record=record, expires_at=challenge.expires, detail=challenge.detail)
    return replace(made, next=_next(made))


def _is_over(expires: str) -> bool:
    """What is no moment is for the live system to judge."""
    try:
        moment = datetime.fromisoformat(expires)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= datetime.now(UTC)


def _next(domain: Domain) -> str:
    if domain.status == "failed":
        return f"its time is over; a new record: `orgform domains verify {domain.domain} --restart`"
    if domain.status != "pending":
        return ""
    return "set its record, then run `orgform domains verify`" if domain.record else "run `orgform domains verify`: it gets its record then"


def _asked(domain: Domain, targets: Mapping[str, OpenTarget], *, restart: bool) -> Domain:
    """The domain after its live system has looked; one that is verified, or that there is no way to ask about, stays as it is."""
    if domain.verified or domain.status in (ABSENT, ELSEWHERE):
        return domain
    challenge = targets[domain.target].provider.verify(domain.address, restart=restart)
    return _domain(domain.target, domain.address, challenge)


def _wait(known: dict[Address, Domain], ask: Ask, end: float, listen: Listener | None, news: News | None) -> None:
    """Asks for what is pending until nothing is, or the time is over. `end`: of the monotonic clock."""
    pause = FIRST_PAUSE
    while (pending := [d for d in known.values() if d.status == "pending"]) and (left := end - time.monotonic()) > 0:
        if listen:
            listen(Progress("verify", "waiting for records", len(known) - len(pending), len(known)))
        time.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)
        for domain in ask(pending, ()):
            known[domain.address] = domain
            if news and domain.status != "pending":
                news(domain)
