"""Scenario folders: a config, what was applied before, what is live, and the plan that must come of it.

    config/         YAML as users write it, with `targets: {acme: {provider: fake}}`
    base.yaml       address -> attributes, as last applied; without the file nothing is known of that
    live.yaml       address -> {attributes, observed}
    options.yaml    today, env, only, destroy, allow, allow_destroy, protected, own_member, incomplete, moved_done, attributions,
                    sign_in_verified_domain, platforms
    expected.yaml   the parts of the plan that matter; what is not written is not compared

Invariant: every scenario converges. What the plan says is applied, in its order, to a live system that refuses whatever would leave a
reference leading nowhere; the next plan is empty. A plan that a guard refuses is not applied. `ORGFORM_UPDATE_SCENARIOS=1` writes
expected.yaml anew. What is to be done by hand is done as the steps say, until no step is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from orgform.apply import apply_plan
from orgform.codec import Struct, decode, encode, encode_pretty, replace
from orgform.config import load_config
from orgform.config.source import dump_yaml, parse_yaml
from orgform.errors import ConfigInvalid
from orgform.kinds import Kinds, load_kinds
from orgform.model import (
    Address,
    Attributes,
    Attribution,
    Base,
    Change,
    Config,
    Live,
    ManualStep,
    Move,
    Outcome,
    Plan,
    PlanBase,
    Remember,
)
from orgform.opening import soon
from orgform.planning import PlanInputs, TargetState, make_plan
from orgform.planning.diff import merge_patch, patched
from orgform.planning.scope import relabel
from orgform.providers.base import Capabilities, KindCapability, ProviderSpec
from orgform.testing.fake import FakeProvider, dangling

UPDATE = "ORGFORM_UPDATE_SCENARIOS"
TODAY = "2026-11-20"


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """`options.yaml`. `protected`: what base remembers as protected; `incomplete`: kind -> why its read is incomplete. `platforms`: name of
    a provider, and of the target that has it -> kind -> what it can do; without it there is the provider `fake`, which can do all."""

    today: str = TODAY
    env: str | None = None
    only: tuple[str, ...] = ()
    destroy: bool = False
    allow: tuple[str, ...] = ()
    allow_destroy: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    own_member: Address | None = None
    incomplete: dict[str, str] = {}
    moved_done: tuple[tuple[Address, Address], ...] = ()
    attributions: dict[Address, Attribution] = {}
    sign_in_verified_domain: bool = False
    platforms: dict[str, dict[str, KindCapability]] = {}


class MemoryRecorder:
    """What a ledger would keep of a run, as a dict."""

    run = "run-1"

    def __init__(self, base: Mapping[Address, Base], plan: Plan, kinds: Kinds) -> None:
        self.base, self._kinds = dict(base), kinds
        self._protected = frozenset(plan.ledger.protect)
        self._patch = plan.ledger.patch
        self._remember(plan.ledger)

    def _remember(self, ledger: Remember) -> None:
        self.base.update(ledger.remember)
        for address in ledger.forget:
            self.base.pop(address, None)

    def record(self, outcomes: Sequence[tuple[Change, Outcome]], live: Mapping[Address, Attributes]) -> None:
        for change, outcome in outcomes:
            if outcome.status != "done":
                continue
            if change.moved_from:
                self.base = relabel(self.base, {change.moved_from: change.address}, self._kinds)
            known = self.base.pop(change.address, None)
            if change.address in self._patch:
                patch, kind = self._patch[change.address], self._kinds.of(change.address)
                self.base[change.address] = Base(patched(known.attributes if known else {}, patch, kind), change.address in self._protected)
            elif change.after is not None:
                self.base[change.address] = Base(change.after, change.address in self._protected)


class Scenario:
    """One folder, read. `targets` takes every kind through a `FakeProvider`."""

    def __init__(self, folder: Path, kinds: Kinds | None = None) -> None:
        self.folder, self.kinds = folder, kinds or load_kinds()
        self.options = _options(_yaml(folder / "options.yaml"))
        platforms = {name: Capabilities(kinds=kinds) for name, kinds in self.options.platforms.items()} or {"fake": Capabilities()}
        self.specs = {name: _fake_spec(name, can) for name, can in platforms.items()}
        base, live = _yaml(folder / "base.yaml"), _yaml(folder / "live.yaml")
        self.base = None if base is None else {Address(a): Base(own or {}, a in self.options.protected) for a, own in base.items()}
        self.live = {Address(a): Live(r.get("attributes") or {}, r.get("observed") or {}) for a, r in (live or {}).items()}

    def config(self) -> Config:
        """Raises `ConfigInvalid`."""
        return load_config(
            self.folder / "config",
            kinds=self.kinds,
            specs=self.specs.get,
            spec_names=lambda: sorted(self.specs),
            today=date.fromisoformat(self.options.today),
            env=self.options.env,
        )

    def plan(self, config: Config, provider: FakeProvider, base: Mapping[Address, Base] | None) -> Plan:
        """Raises `ConfigInvalid`."""
        return make_plan(self.inputs(config, provider, base), self.kinds)

    def inputs(self, config: Config, provider: FakeProvider, base: Mapping[Address, Base] | None) -> PlanInputs:
        options = self.options
        targets = {
            name: TargetState(
                provider=target.provider,
                system=provider.system,
                kinds=frozenset(kind for kind, target in config.claims.items() if target == name),
                problems=options.incomplete,
                capabilities=replace(
                    provider.capabilities,
                    sign_in_verified_domain=options.sign_in_verified_domain,
                    kinds=self.specs[target.provider].capabilities.kinds,
                ),
                own_member=options.own_member,
            )
            for name, target in config.targets.items()
        }
        return PlanInputs(
            desired=config.desired,
            live=dict(provider.resources),
            targets=targets,
            base=None if base is None else dict(base),
            base_info=PlanBase() if base is None else PlanBase("ledger", "1"),
            policy=config.policy,
            moved=config.moved,
            moved_done=frozenset(options.moved_done),
            only=options.only,
            destroy=options.destroy,
            allow=options.allow,
            allow_destroy=options.allow_destroy,
            attributions=options.attributions,
            config_digest=config.digest,
            expired=config.expired,
            today=options.today,
            soon=soon(date.fromisoformat(options.today)).isoformat(),
            until={**config.expired, **{a: d.until for a, d in config.desired.items() if d.until}},
            diagnostics=config.diagnostics,
        )


def run(folder: Path) -> None:
    """Checks one scenario. Raises `AssertionError` with what was expected and what came."""
    scenario = Scenario(folder)
    provider = FakeProvider(scenario.live, kinds=scenario.kinds)
    try:
        config = scenario.config()
        plan = scenario.plan(config, provider, scenario.base)
    except ConfigInvalid as error:
        _compare(folder, {"error": sorted({d.code for d in error.diagnostics if d.severity == "error"})})
        return
    _compare(folder, outline(plan, scenario.kinds))
    assert Plan.from_json(plan.to_json()) == plan, "the plan does not round-trip through JSON"
    assert scenario.plan(config, provider, scenario.base).to_json() == plan.to_json(), "the same inputs gave another plan"
    if not plan.refused:
        _converges(scenario, config, provider, plan)


def outline(plan: Plan, kinds: Kinds) -> dict[str, Any]:
    """The parts of a plan that a scenario compares; empty ones are left out."""
    parts: dict[str, Any] = {
        "changes": [_change(change, kinds) for change in plan.changes],
        "by hand": [_by_hand(step) for step in plan.manual_steps],
        "waiting": {f"{w.change.action} {w.change.address}": list(w.waits_for) for w in plan.waiting},
        "guards": {v.guard: v.verdict for v in plan.guards},
        "refused": {v.guard: {"items": list(v.items), "override": v.override} for v in plan.refused},
        "gained": [_access(item) for item in plan.access.gained],
        "lost": [_access(item) for item in plan.access.lost],
        "unclear": [_access(item) for item in plan.access.unclear],
        "unmanaged": [u.address for u in plan.unmanaged],
        "observed": {o.address: {o.attribute: o.value} for o in plan.observed},
        "costs": {c.address: c.description for c in plan.costs},
        "remember": {a: b.attributes for a, b in plan.ledger.remember.items()},
        "forget": list(plan.ledger.forget),
        "moved": [f"{m.from_} -> {m.to}" for m in plan.ledger.moved],
        "protect": list(plan.ledger.protect),
        "diagnostics": sorted({d.code for d in plan.diagnostics}),
    }
    return {name: part for name, part in parts.items() if part} or {"changes": []}


def _change(change: Change, kinds: Kinds) -> dict[str, Any]:
    patch = merge_patch(change.before or {}, change.after, kinds.of(change.address)) if change.after is not None else None
    parts: dict[str, Any] = {
        change.action: change.address,
        "origin": change.origin,
        "risk": change.risk,
        "moved_from": change.moved_from,
        "fields": {f.path: f.origin for f in change.fields},
        "set": patch,
        "because": list(change.because),
        "needs": list(change.needs),
        "by": change.attribution.actor if change.attribution else None,
    }
    return {name: part for name, part in parts.items() if part}


def _by_hand(step: ManualStep) -> dict[str, Any]:
    parts: dict[str, Any] = {
        step.action: step.address,
        "values": step.values,
        "where": step.where,
        "verify": step.verify,
        "command": step.command,
        "after": list(step.waits_for),
    }
    return {name: part for name, part in parts.items() if part}


def _access(item: Any) -> str:
    return f"{item.member}: {item.role or 'an unread role'} in {item.workspace or 'the company'} ({item.path})"


def _converges(scenario: Scenario, config: Config, provider: FakeProvider, plan: Plan) -> None:
    base = _applied(scenario, provider, plan, scenario.base or {})
    again = scenario.plan(config, provider, base)
    while plan.manual_steps:
        for step in plan.manual_steps:
            _do_by_hand(step, provider, config.moved)
        plan = scenario.plan(config, provider, base)
        base = _applied(scenario, provider, plan, base)
        again = scenario.plan(config, provider, base)
    if scenario.base is None and not again.refused:
        # What the config is authoritative for is only deleted once something is known of what was applied.
        base = _applied(scenario, provider, again, base)
        again = scenario.plan(config, provider, base)
    left = {
        name: part
        for name, part in outline(again, scenario.kinds).items()
        if name in ("changes", "by hand", "waiting", "remember", "forget") and part
    }
    assert not left, "after apply the plan is not empty:\n" + encode_pretty(left).decode()


def _do_by_hand(step: ManualStep, provider: FakeProvider, moved: Iterable[Move]) -> None:
    """Exactly what the step says."""
    renames = {m.from_: m.to for m in moved if m.to == step.address and m.from_ in provider.resources}
    if renames and step.action == "update":
        provider.resources = relabel(provider.resources, renames, provider.kinds)
    if step.after is None:
        provider.drop(step.address)
        return
    live = provider.resources.get(step.address, Live({}))
    kind = provider.kinds.of(step.address)
    provider.put(step.address, patched(live.attributes, merge_patch(step.before or {}, step.after, kind), kind))


def _applied(scenario: Scenario, provider: FakeProvider, plan: Plan, base: Mapping[Address, Base]) -> dict[Address, Base]:
    """Applies a plan; the base that a ledger would hold then."""
    recorder = MemoryRecorder(base, plan, scenario.kinds)
    providers = dict.fromkeys(plan.targets, provider)
    report = apply_plan(plan, providers=providers, live=dict(provider.resources), kinds=scenario.kinds, recorder=recorder, parallelism=1)
    failed = [f"{o.action} {o.address}: {o.status}, {o.detail}" for o in report.outcomes if o.status != "done"]
    assert not failed, "not everything could be applied:\n" + "\n".join(failed)
    assert not dangling(provider), f"references lead nowhere: {dangling(provider)}"
    return recorder.base


def _compare(folder: Path, actual: Mapping[str, Any]) -> None:
    file = folder / "expected.yaml"
    if os.environ.get(UPDATE):
        file.write_text(dump_yaml(dict(actual)), encoding="utf-8")
        return
    expected = _yaml(file)
    assert expected, f"{file} is missing or empty; {UPDATE}=1 writes it"
    for name, part in expected.items():
        found = actual.get(name, type(part)())
        assert found == part, f"{folder.name}: {name}\nexpected:\n{dump_yaml(part)}\nfound:\n{dump_yaml(found)}"


def _fake_spec(name: str, capabilities: Capabilities) -> ProviderSpec:
    def no_target(_: Any) -> FakeProvider:
        raise NotImplementedError("a scenario opens no target")

    return ProviderSpec(name, "A live system in memory", {"type": "object", "properties": {}}, capabilities, no_target)


def _options(raw: Any) -> Options:
    return decode(encode(raw or {}), Options)


def _yaml(file: Path) -> Any:
    """The file's content as plain values; `None` where there is no such file."""
    if not file.exists():
        return None
    tree, diagnostics = parse_yaml(file.read_bytes(), file.name)
    assert not diagnostics, [f"{d.summary} ({d.source})" for d in diagnostics]
    return decode(encode(tree or {}))
