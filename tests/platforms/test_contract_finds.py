"""The checks that follow from a declaration find a provider that breaks it: each is seen to fail, on the example provider broken in one
place, and to pass on it as it is."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from orgform import providers
from orgform.codec import replace
from orgform.errors import ProviderError
from orgform.model import Address, Live, kind_of
from orgform.providers.base import Challenge, KindCapability, Operation, ProviderSpec, ReadResult, Result, Roles, TargetContext
from orgform.testing import contract
from orgform.testing.contract import Sample, Subject
from tests.platforms.processes import REPOSITORY, installed

PACKAGE = REPOSITORY / "examples" / "provider"
CAROL = Sample(
    Address("member/carol@acme.example"), {"name": "Carol", "role": "standard"}, {"name": "C."}, {"name": "C.", "role": "standard"}
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package of the example provider, as if it were installed."""
    folders = installed(PACKAGE, tmp_path_factory.mktemp("site")).split(":")
    sys.path[:0] = folders
    providers._points.cache_clear()
    yield importlib.import_module("orgform_acme_desk")
    del sys.path[: len(folders)]
    providers._points.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "orgform_acme_desk"]:
        del sys.modules[name]


#: (spec, the provider's class) -> the broken ones
Break = Callable[[ProviderSpec, Any], tuple[ProviderSpec, Any]]


def overridden(**methods: Any) -> Break:
    return lambda spec, kind: (spec, type("Broken", (kind,), methods))


def _unknown_attribute(self: Any, thing: Any) -> Live:
    return Live({"name": thing.name, "shoe_size": 42}, {}, thing.id)


def _wrong_type(self: Any, thing: Any) -> Live:
    return Live({"name": 7}, {}, thing.id)


def _anything_goes(self: Any, operation: Operation) -> Result:
    return Result("done")


def _raises(self: Any, operation: Operation) -> Result:
    return Result("failed")


def _blind_write(self: Any, operation: Operation) -> Result:
    """Sends what it is given, whatever is declared."""
    if kind_of(operation.address) not in ("member", "workspace"):
        return Result("failed", "there is no such thing")
    return self._done(operation, self._now(operation.address)) if operation.action == "update" else Result("failed", "no")


def _posts_again(self: Any, operation: Operation) -> Result:
    """Tries once more after a lost answer, and the platform makes another one."""
    for attempt in range(2):
        try:
            self._session.request("POST", "agents", json={"email": f"{attempt}@acme.example", "name": "x"}, idempotent=False)
            return Result("done")
        except ProviderError:
            continue
    return Result("unknown")


def _always_complete(self: Any, kinds: Sequence[str]) -> Iterator[ReadResult]:
    for kind in kinds:
        try:
            found, _ = self._all(kind)
        except Exception:
            found = {}
        yield ReadResult(kind, found)


def _forgets_names(self: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in attributes.items() if n != "name"} | ({"role": "agent"} if "role" in attributes else {})


def _foreign_challenge(self: Any) -> list[Challenge]:
    return [Challenge(Address("workspace/nowhere"), "pending", "record", "value")]


def _two_of_one_name(spec: ProviderSpec, kind: Any) -> tuple[ProviderSpec, Any]:
    usual = {"company": {"admin": "owner", "owner": "owner", "standard": "agent"}}
    return replace(spec, roles=Roles(spec.roles.names, usual)), kind


def _no_such_role(spec: ProviderSpec, kind: Any) -> tuple[ProviderSpec, Any]:
    return replace(spec, roles=Roles(spec.roles.names, {"company": {"admin": "boss"}})), kind


def _as_it_is(spec: ProviderSpec, kind: Any) -> tuple[ProviderSpec, Any]:
    return spec, kind


READ_ONLY = {"member": KindCapability(fields={"name": "read"}), "workspace": KindCapability(create="manual", delete="none")}


def _writes_what_is_read_only(spec: ProviderSpec, kind: Any) -> tuple[ProviderSpec, Any]:
    return replace(spec, capabilities=replace(spec.capabilities, kinds=READ_ONLY)), type("Broken", (kind,), {"_written": _blind_write})


BREAKING: list[tuple[Callable[[Subject], None], Break]] = [
    (contract.gives_what_its_kinds_allow, overridden(_live=_unknown_attribute)),
    (contract.gives_what_its_kinds_allow, overridden(_live=_wrong_type)),
    (contract.maps_roles_both_ways, _two_of_one_name),
    (contract.maps_roles_both_ways, _no_such_role),
    (contract.adopts_what_exists_just_so, overridden(_done=lambda self, o, now: _done_badly(self, o, now))),
    (contract.refuses_what_it_does_not_declare, overridden(_written=_anything_goes)),
    (contract.refuses_what_it_does_not_declare, overridden(_written=_raises)),
    (contract.never_writes_what_it_only_reads, _writes_what_is_read_only),
    (contract.tells_what_proves_a_domain, overridden(challenges=_foreign_challenge)),
    (contract.makes_nothing_twice, overridden(_written=_posts_again)),
    (contract.converges, overridden(_body=_forgets_names)),
    (contract.deletes_nothing_that_it_did_not_read, overridden(read=_always_complete)),
]


def _done_badly(self: Any, operation: Operation, now: Any) -> Result:
    """A create of what is there is refused."""
    base = type(self).__mro__[1]
    return Result("failed", "there is one") if operation.action == "create" and now[1] else base._done(self, operation, now)


def subject(desk: Any, fake: Any, broken: Break, monkeypatch: pytest.MonkeyPatch) -> Subject:
    module = importlib.import_module("orgform_acme_desk.desk")
    declaration, kind = broken(desk.spec, module.Desk)

    def opened(context: TargetContext) -> Any:
        made = module.open_desk(context)
        made.__class__ = kind
        made.capabilities = declaration.capabilities
        return made

    spec = replace(declaration, open=opened)
    monkeypatch.setattr(desk, "spec", spec)  # what the entry point names
    return contract.of(spec, fake, lambda url: {"url": url, "token": "env:DESK_TOKEN"}, samples=(CAROL,), secrets={"token": fake.token})


@pytest.fixture
def fake(desk: Any) -> Iterator[Any]:
    with importlib.import_module("orgform_acme_desk.fake").example().running() as running:
        yield running


@pytest.mark.parametrize(("check", "broken"), BREAKING, ids=[f"{c.__name__}-{n}" for n, (c, _) in enumerate(BREAKING)])
def test_a_provider_that_breaks_it_is_found(
    check: Callable[[Subject], None], broken: Break, desk: Any, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError) as found:
        check(subject(desk, fake, broken, monkeypatch))
    assert str(found.value), "what is wrong is said in a sentence"


@pytest.mark.parametrize("check", sorted({c for c, _ in BREAKING}, key=lambda c: c.__name__), ids=lambda check: check.__name__)
def test_it_passes_as_it_is(check: Callable[[Subject], None], desk: Any, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    check(subject(desk, fake, _as_it_is, monkeypatch))


def test_checks_follow_from_the_declaration(desk: Any) -> None:
    chosen = contract.checks(desk.spec)
    assert contract.tells_who_changed_what not in chosen
    assert contract.makes_nothing_twice in chosen
    nothing = replace(desk.spec, capabilities=replace(desk.spec.capabilities, kinds={"tag": KindCapability("api", "none", "none", "none")}))
    left = {check.__name__ for check in contract.checks(nothing)}
    assert "refuses_what_it_does_not_declare" in left
    assert not {"gives_back_what_was_created", "deletes_and_says_done_for_what_is_gone", "writes_what_it_says_under_faults"} & left
    by_field = {"tag": KindCapability("api", "none", "manual", "none", {"color": "api"})}
    some = replace(desk.spec, capabilities=replace(desk.spec.capabilities, kinds=by_field, idempotency="natural"), roles=Roles())
    assert contract.writes_what_it_says_under_faults in contract.checks(some)
    assert contract.makes_nothing_twice not in contract.checks(some)
    assert contract.maps_roles_both_ways not in contract.checks(some)


def test_a_sample_that_cannot_be_made_is_told(desk: Any, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = subject(desk, fake, _as_it_is, monkeypatch)
    for sample, words in (
        (Sample(Address("workspace/returns"), {"name": "Returns"}), "let the fake have it, and say there=True"),
        (Sample(Address("workspace/returns"), {}, {"name": "R"}, {"name": "R"}, there=True), "should be there"),
    ):
        with pytest.raises(AssertionError, match=words):
            contract.changes_only_what_a_patch_names(replace(made, samples=(sample,)))


def test_a_provider_that_is_not_installed_is_told(desk: Any, fake: Any) -> None:
    made = contract.of(replace(desk.spec, name="nowhere"), fake, lambda url: {"url": url}, samples=(CAROL,), secrets={"token": fake.token})
    with pytest.raises(AssertionError, match="needs an entry point of the group"):
        contract.converges(made)
