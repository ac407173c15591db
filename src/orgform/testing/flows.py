"""The checks of the contract suite that go through the whole of orgform: a config of what is there, plan, apply, plan again.

Invariant: they use the same functions as the command line, in a folder of their own with a ledger of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orgform.codec import Struct, replace
from orgform.errors import ConfigInvalid, OrgformError, ProviderError
from orgform.export import documents
from orgform.model import Address, Live, Plan, TargetConfig, key_of, kind_of
from orgform.options import Options
from orgform.providers import find_spec
from orgform.providers.base import Provider
from orgform.testing import catalogue
from orgform.testing.faults import FaultProxy, Refused, Rule, fault_proxy
from orgform.testing.subjects import Platform, Sample, Subject, capability, changing, created, doable, environment, holds, live, reads

_REST = "elsewhere"
_COMPANY = Address("company/company")
_DOMAIN = Address("domain/contract.example")


class Company(Struct, frozen=True):
    """A config folder and the proxy between it and the fake."""

    platform: Platform
    subject: Subject
    folder: Path
    proxy: FaultProxy

    @property
    def options(self) -> Options:
        spec = self.platform.spec
        origin = spec.origin(self._target().options)
        allowed = (f"{spec.name}={origin}",) if origin else ()
        return Options(self.folder, targets=(spec.name,), allow_target=allowed, max_wait=0.01)

    def declare(self, resources: dict[Address, Live]) -> None:
        """The config has these, and the target. What every config has and the platform has not is in another target, which is not asked."""
        targets = {self.platform.spec.name: self._target()}
        if self.platform.kinds and "company" not in self.platform.kinds:
            others = tuple(sorted(self.subject.kinds.keys() - set(self.platform.kinds)))
            targets[_REST] = TargetConfig(_REST, "local", others, {"database": f"{_REST}.db"})
            known = sorted(a for a in resources if kind_of(a) == "domain") or [_DOMAIN]
            company = Live({"name": "Contract", "primary_domain": key_of(known[0])})
            resources = {_COMPANY: company, known[0]: Live({}), **resources}
        text = documents(resources, self.subject.kinds, targets, split=False)
        for name, content in text.items():
            (self.folder / name).write_text(content, encoding="utf-8")

    def _target(self) -> TargetConfig:
        platform = self.platform
        given = {**platform.options(self.proxy.url), **{name: f"env:{_variable(name)}" for name in platform.secrets}}
        roles: dict[str, Any] = {"roles": dict(platform.roles)} if platform.roles else {}
        return TargetConfig(platform.spec.name, platform.spec.name, platform.kinds, {**roles, **given})


def converges(subject: Subject) -> None:
    """What is there, written as a config, is nothing to do. Samples that are added to it are made, and then nothing is to do; changed
    there they are changed, and taken out of it they are deleted, where the API does so."""
    with _company(subject) as company:
        if company is None:
            return
        with subject.open() as provider:
            start = _everything(provider, company)
            made, changed = doable(provider, subject, "create"), changing(provider, subject)
            gone = [s for s in doable(provider, subject, "delete") if s in made]
        company.declare(start)
        _applied(company, "with a config of what is there", changes=False)
        more = start | {s.address: Live(s.attributes) for s in made}
        company.declare(more)
        _applied(company, "with the samples")
        _are_there(subject, made)
        company.declare(more | {s.address: Live(_managed(subject, more[s.address], s)) for s in changed if s.address in more})
        _applied(company, "with the samples changed")
        left = {a: r for a, r in more.items() if a not in {s.address for s in gone}}
        company.declare(left)
        _applied(company, "with the samples taken out", destroy=True)


def deletes_nothing_that_it_did_not_read(subject: Subject) -> None:
    """With list answers that fail or lack something, a plan deletes nothing, or says that it cannot be made."""
    with _company(subject) as company:
        if company is None:
            return
        with created(subject) as provider:
            company.declare(_everything(provider, company))
            _applied(company, "with the samples there", changes=False)
            for name in sorted({*catalogue.PAGES, "500", "truncated"} - subject.blind):
                fault = {**catalogue.PAGES, **catalogue.ANY}[name]
                company.proxy.rules = (Rule(fault, "GET", nth=(2,)),)
                _no_delete(company, name)
                company.proxy.rules = (Rule(fault, "GET"),)
                _no_delete(company, name)
            company.proxy.rules = (Rule(Refused(500), "GET"),)
            _no_delete(company, "no answer at all")


def _no_delete(company: Company, name: str) -> None:
    from orgform import app

    try:
        made = app.plan(company.options)
    except OrgformError as error:
        assert error.message, f"under {name!r} the plan fails without a word"
        return
    if made.refused:
        return
    lost = [c.address for c in made.changes if c.action in ("create", "delete")]
    assert not lost, f"under {name!r} the plan makes or deletes {lost}, which is there"


@contextmanager
def _company(subject: Subject) -> Iterator[Company | None]:
    """None where the subject was not made by `of`, or its provider is not installed."""
    platform = subject.platform
    if platform is None or not platform.kinds:
        yield None
        return
    assert find_spec(platform.spec.name) is not None, (
        f"the provider {platform.spec.name!r} is not installed: its package needs an entry point of the group orgform.providers"
    )
    variables = {"ORGFORM_CACHE": "", **{_variable(name): value for name, value in platform.secrets.items()}}
    if subject.reset:
        subject.reset()
    with (
        tempfile.TemporaryDirectory(prefix="orgform-contract-") as folder,
        environment(variables),
        fault_proxy(platform.fake.url, paging=platform.paging) as proxy,
    ):
        try:
            yield Company(platform, subject, Path(folder), proxy)
        finally:
            if subject.reset:
                subject.reset()


def _applied(company: Company, when: str, *, changes: bool = True, destroy: bool = False) -> None:
    """Plans, applies and plans again: nothing is left for the API."""
    from orgform import app

    options = replace(company.options, allow=("deletes:*",), allow_destroy=("*",)) if destroy else company.options
    made = _planned(options, when)
    assert changes or not made.changes, f"{when} the plan has changes: {_told(made)}"
    assert not made.refused, f"{when} the plan is refused: {'; '.join(f'{g.guard}: {g.summary} {list(g.items)}' for g in made.refused)}"
    _, report = app.apply(options)
    failed = [f"{o.action} {o.address}: {o.status} {o.detail}" for o in report.outcomes if o.status != "done"]
    assert not failed, f"{when} the apply leaves {'; '.join(failed)}"
    again = _planned(options, f"{when}, after the apply,")
    assert not again.changes, f"{when}, after the apply, the plan still has {_told(again)}"


def _planned(options: Options, when: str) -> Plan:
    from orgform import app

    try:
        return app.plan(options)
    except ConfigInvalid as error:
        told = "; ".join(f"{d.source}: {d.code} {d.summary} ({d.detail})" for d in error.diagnostics if d.severity == "error")
        config = (options.folder / "company.yaml").read_text(encoding="utf-8")
        raise AssertionError(f"{when} the config is not valid: {told}\n{config}") from None


def _told(made: Plan) -> str:
    return "; ".join(f"{c.action} {c.address} {sorted(f.path for f in c.fields)} {c.before} -> {c.after}" for c in made.changes)


def _everything(provider: Provider, company: Company) -> dict[Address, Live]:
    found: dict[Address, Live] = {}
    for result in provider.read([kind for kind in company.platform.kinds if reads(provider, kind)]):
        if not result.complete:
            raise ProviderError(f"{result.kind}: {result.problem}")
        found |= result.resources
    return found


def _are_there(subject: Subject, made: list[Sample]) -> None:
    with subject.open() as provider:
        for sample in made:
            if reads(provider, kind_of(sample.address)):
                found = live(provider, sample.address)
                assert found is not None, f"{sample.address} was applied and is not there"
                holds(sample.address, found.attributes, sample.attributes, capability(provider, sample.address))


def _managed(subject: Subject, found: Live, sample: Sample) -> dict[str, Any]:
    return {**found.attributes, **sample.patched}


def _variable(option: str) -> str:
    return f"ORGFORM_CONTRACT_{option.upper().replace('-', '_')}"
