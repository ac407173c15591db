"""Opens a config's targets and reads what lives in them.

Invariant: a secret is read at the moment of use, after its origin was checked, and is held by nothing but the provider that sends it;
what a provider says comes through without it, even where the live system sent it back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from orgform.codec import Struct, replace
from orgform.errors import OrgformError, ProviderError, ReadFailed, UsageError
from orgform.kinds import Kinds
from orgform.ledger import Ledger
from orgform.model import Address, Attributes, Attribution, Base, Config, Live, TargetConfig, kind_of, parts_of
from orgform.providers import find_spec
from orgform.providers.base import Challenge, Event, Operation, Provider, ProviderSpec, ReadResult, Result, RoleNames, TargetContext
from orgform.secrets import check_origin, redact, resolve, shown_without_secrets

Confirm = Callable[[str], bool]
#: kind, resources so far
ReadListener = Callable[[str, int], None]


class OpenTarget(Struct, frozen=True):
    """One target, open. `key` names its live system in the ledger."""

    config: TargetConfig
    spec: ProviderSpec
    provider: Provider
    kinds: frozenset[str]
    key: str


class Snapshot(Struct, frozen=True):
    """What was read: all resources, and for each target the kinds whose read is not complete, with the reason.

    `failed`: targets of which nothing could be read at all, with what they said; the others' plans do without them.
    """

    live: dict[Address, Live]
    problems: dict[str, dict[str, str]]
    failed: dict[str, str] = {}


class Opening(Struct, frozen=True):
    """What opening needs besides the config. `allow_target`: `NAME=ORIGIN`; `confirm` is asked for a pair nobody allowed yet.

    `run`: the run that is going to write there, empty where nothing is.
    """

    folder: Path
    kinds: Kinds
    ledger: Ledger
    max_wait: float = 30.0
    allow_target: tuple[str, ...] = ()
    confirm: Confirm | None = None
    run: str = ""
    reserve: float = 0.0
    cache: Path | None = None


class Opened(dict[str, OpenTarget]):
    """Targets by name. `failed`: those that could not be opened, with what they said, where others could."""

    failed: dict[str, str]


@contextmanager
def open_targets(config: Config, names: Collection[str], opening: Opening) -> Iterator[Opened]:
    """The chosen targets (all of them where `names` is empty), by name; closed at the end.

    One of several that cannot be reached does not stop the others. A secret that may not be used stops all: that is nobody's failure.
    """
    with ExitStack() as stack:
        opened = Opened()
        opened.failed = {}
        chosen = chosen_targets(config, names)
        for name in chosen:
            try:
                target = _open(config, config.targets[name], opening)
            except ProviderError as error:
                if len(chosen) == 1:
                    raise
                opened.failed[name] = _said(error, name)
                continue
            stack.callback(target.provider.close)
            opened[name] = target
        if not opened:
            raise ProviderError("; ".join(f"{name}: {why}" for name, why in opened.failed.items()))
        yield opened


def chosen_targets(config: Config, names: Collection[str]) -> list[str]:
    """Raises `UsageError` for a name that the config does not have."""
    unknown = sorted(set(names) - set(config.targets))
    if unknown:
        raise UsageError(f"no target named {unknown[0]!r}", hint=f"the config has: {', '.join(sorted(config.targets))}")
    return sorted(names or config.targets)


def read_targets(targets: Mapping[str, OpenTarget], kinds: Collection[str] | None = None, listen: ReadListener | None = None) -> Snapshot:
    """Everything of the targets' kinds, or of those among them that `kinds` names."""
    live: dict[Address, Live] = {}
    problems: dict[str, dict[str, str]] = {}
    failed: dict[str, str] = dict(getattr(targets, "failed", {}))
    for name, target in targets.items():
        problems[name] = {}
        own: dict[Address, Live] = {}
        try:
            for result in target.provider.read(_readable(target, kinds)):
                own.update(result.resources)
                if not result.complete:
                    problems[name][result.kind] = result.problem
                if listen:
                    listen(result.kind, len(live) + len(own))
        except ReadFailed as error:
            if len(targets) + len(failed) == 1:
                raise
            failed[name] = _said(error, name)  # and what was read of it before counts for nothing: a part of a system is none
            continue
        live.update(own)
    if len(failed) > 1 and failed.keys() >= targets.keys():
        raise ReadFailed("; ".join(f"{name}: {why}" for name, why in sorted(failed.items())))
    return Snapshot(live, problems, failed)


def _said(error: ProviderError, name: str) -> str:
    """What went wrong and what to do, for a sentence that names the target already."""
    return error.message.removeprefix(f"target {name}: ") + (f" ({error.hint})" if error.hint else "")


def _readable(target: OpenTarget, kinds: Collection[str] | None) -> list[str]:
    """What the target takes, or of that what `kinds` names, without what its platform lets nobody read."""
    wanted = target.kinds if kinds is None else target.kinds.intersection(kinds)
    return sorted(kind for kind in wanted if (can := target.provider.capabilities.of(kind)) is None or can.readable)


def _open(config: Config, target: TargetConfig, opening: Opening) -> OpenTarget:
    spec = find_spec(target.provider)
    if spec is None:
        raise OrgformError(f"the provider {target.provider!r} of target {target.name!r} is not installed")
    asked = _Asked(config, target, spec.origin(target.options), opening)
    with shown_without_secrets():
        context = TargetContext(
            name=target.name,
            options=target.options,
            folder=opening.folder,
            kinds=opening.kinds,
            secret=asked.secret,
            max_wait=opening.max_wait,
            run=opening.run,
            reserve=opening.reserve,
            roles=RoleNames(spec.roles, target.roles, spec.name),
            labels=asked.labels,
            known=asked.known,
            cache=opening.cache,
        )
        provider = _Discreet(spec.open(context))
    claimed = frozenset(kind for kind, name in config.claims.items() if name == target.name)
    return OpenTarget(target, spec, provider, claimed, asked.key(provider.system))


class _Asked:
    """What a provider may ask for: its secrets, and what the config and the ledger have of a system."""

    def __init__(self, config: Config, target: TargetConfig, origin: str | None, opening: Opening) -> None:
        self._config, self._target, self._origin, self._opening = config, target, origin, opening

    def secret(self, option: str) -> str:
        """`option`: its name, or `headers.NAME`."""
        name, _, key = option.partition(".")
        written = self._target.options[name]
        reference = str(written[key] if key else written)
        check_origin(
            target=self._target.name,
            origin=self._origin or "",
            reference=reference,
            folder=self._opening.folder,
            ledger=self._opening.ledger,
            allow_target=self._opening.allow_target,
            environ=os.environ,
            confirm=self._opening.confirm,
        )
        return resolve(reference, self._opening.folder, os.environ)

    def labels(self, system: str) -> dict[Address, str]:
        known = _labels(((a, b.attributes) for a, b in self._base(system).items()), self._opening.kinds)
        wanted = _labels(((a, d.attributes) for a, d in self._config.desired.items()), self._opening.kinds)
        # A key that is gone from the config gives its name to the one that has it now: platforms know names, and no keys.
        taken = {_named(a, label) for a, label in wanted.items()}
        return {a: label for a, label in known.items() if _named(a, label) not in taken} | wanted

    def known(self, system: str) -> frozenset[Address]:
        return frozenset((*self._config.desired, *self._base(system)))

    def key(self, system: str) -> str:
        """Of a system in the ledger."""
        return _ledger_key(system, self._origin, self._opening)

    def _base(self, system: str) -> Mapping[Address, Base]:
        return self._opening.ledger.base(self.key(system))[0] or {}


def _labels(resources: Iterable[tuple[Address, Attributes]], kinds: Kinds) -> dict[Address, str]:
    """What people call them, where their kind says which attribute that is; by their key, where it is not written."""
    named = {kind.name: kind.label for kind in kinds.values() if kind.label}
    found = ((a, own.get(label)) for a, own in resources if (label := named.get(kind_of(a))))
    return {a: str(label or parts_of(a)[-1]) for a, label in found}


def _named(address: Address, label: str) -> tuple[str, ...]:
    """What no two things have: their kind, what they are in, and their name whatever the case and the blanks."""
    return kind_of(address), *parts_of(address)[:-1], " ".join(label.split()).casefold()


def _ledger_key(system: str, origin: str | None, opening: Opening) -> str:
    """A system inside the process is named by a path below the config folder: enough for this folder's own ledger, and one of many for
    any other, where several folders may meet."""
    own = opening.folder / ".orgform" / "ledger.db"
    file = opening.ledger.file
    if origin is None and (file is None or file.resolve() != own.resolve()):
        return f"{system}@{opening.folder.resolve()}"
    return system


class _Discreet(Provider):
    """A provider whose every word for people is free of secrets."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.capabilities = provider.capabilities

    @property
    def system(self) -> str:
        return self._provider.system

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        with shown_without_secrets():
            for result in self._provider.read(kinds):
                yield replace(result, problem=redact(result.problem)) if result.problem else result

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return self._provider.write(operations)  # apply judges the answers, and takes secrets out itself

    def own_member(self) -> Address | None:
        with shown_without_secrets():
            return self._provider.own_member()

    def check_writable(self) -> None:
        with shown_without_secrets():
            self._provider.check_writable()

    def attributions(self, addresses: Iterable[Address]) -> dict[Address, Attribution]:
        with shown_without_secrets():
            found = self._provider.attributions(addresses)
        return {address: Attribution(redact(a.actor), redact(a.time), redact(a.client)) for address, a in found.items()}

    def events(self, addresses: Iterable[Address]) -> dict[Address, list[Event]]:
        with shown_without_secrets():
            found = self._provider.events(addresses)
        return {
            address: [replace(e, actor=redact(e.actor), time=redact(e.time), client=redact(e.client)) for e in events]
            for address, events in found.items()
        }

    def challenges(self) -> list[Challenge]:
        with shown_without_secrets():
            return self._provider.challenges()

    def verify(self, address: Address, *, restart: bool = False) -> Challenge:
        with shown_without_secrets():
            return self._provider.verify(address, restart=restart)

    def close(self) -> None:
        self._provider.close()
