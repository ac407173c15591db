"""The live system in memory is a provider like any other, and refuses what could not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from orgform.codec import replace
from orgform.model import Address, Attributes, Attribution, Live
from orgform.providers.base import Capabilities, Operation, Provider
from orgform.testing import contract
from orgform.testing.fake import FakeProvider, dangling
from tests.planning.worlds import KINDS

X, T = Address("workspace/x"), Address("tag/x/t")


def do(provider: FakeProvider, action: str, address: str, attributes: Attributes | None = None, **more: str) -> tuple[str, str]:
    operation = Operation(action, Address(address), attributes or {}, **more)  # type: ignore[arg-type]
    (result,) = provider.write([operation])
    return result.status, result.detail


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider({X: Live({"name": "X"}), T: Live({"color": "red"})})


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_provider_contract(check: Callable[[contract.Subject], None]) -> None:
    system = FakeProvider(capabilities=Capabilities(batch=10, page=3, optimistic_locking=True))

    @contextmanager
    def opened() -> Iterator[Provider]:
        yield system

    @contextmanager
    def losing(_: int) -> Iterator[Provider]:
        for kind in KINDS:
            system.read_incompletely(kind)
        yield system

    check(
        contract.Subject(
            open=opened,
            kinds=KINDS,
            samples=(
                contract.Sample(X, {"name": "X"}, {"name": "Y"}, {"name": "Y"}, renamed=Address("workspace/y")),
                contract.Sample(T, {"color": "red"}, {"color": "blue"}, {"color": "blue"}),
            ),
            many=lambda n: contract.Sample(Address(f"workspace/w{n}"), {"name": "W"}),
            losing=losing,
            refused=Operation("create", Address("tag/nowhere/t"), {"color": "red"}),
        )
    )


def test_what_would_dangle_is_refused(provider: FakeProvider) -> None:
    assert do(provider, "create", "membership/x/eve@x.io", {"role": "viewer"}) == (
        "failed",
        "membership/x/eve@x.io names member/eve@x.io, which does not exist",
    )
    do(provider, "create", "member/eve@x.io")
    do(provider, "create", "group/g", {"members": ["eve@x.io"]})
    assert do(provider, "delete", "member/eve@x.io") == ("failed", "group/g still names member/eve@x.io")
    assert dangling(provider) == []
    del provider.resources[Address("member/eve@x.io")]
    assert dangling(provider) == ["group/g -> member/eve@x.io"]


def test_children_go_with_their_parent_and_follow_its_name(provider: FakeProvider) -> None:
    assert do(provider, "update", "workspace/y", {}, moved_from="workspace/x")[0] == "done"
    assert set(provider.resources) == {"workspace/y", "tag/y/t"}
    assert do(provider, "delete", "workspace/y")[0] == "done"
    assert provider.resources == {}


def test_a_rename_does_not_go_over_another(provider: FakeProvider) -> None:
    provider.put(Address("workspace/y"), {})
    assert do(provider, "update", "workspace/y", {}, moved_from="workspace/x") == ("failed", "workspace/y exists already")


def test_immutable_fields_and_etags(provider: FakeProvider) -> None:
    assert do(provider, "update", "workspace/x", {"region": "eu"}) == ("failed", "region cannot be changed")
    etag = provider.resources[X].etag
    provider.put(X, {"name": "By hand"})
    assert do(provider, "update", "workspace/x", {"name": "Z"}, etag=str(etag))[0] == "stale"
    assert provider.resources[X].attributes == {"name": "By hand"}


def test_failures_to_order(provider: FakeProvider) -> None:
    provider.refuse("workspace/*", "not today", times=1)
    assert do(provider, "update", "workspace/x", {"name": "Y"}) == ("failed", "not today")
    provider.lose_answer("tag/x/t")
    assert do(provider, "update", "tag/x/t", {"color": "blue"})[0] == "unknown"
    assert provider.resources[T].attributes == {"color": "blue"}
    provider.lose_answer("tag/x/t", done=False)
    assert do(provider, "delete", "tag/x/t")[0] == "unknown"
    assert T in provider.resources
    assert do(provider, "update", "workspace/x", {"name": "Y"})[0] == "done"
    provider.refuse("*")
    assert [do(provider, "delete", "workspace/x")[0] for _ in range(2)] == ["failed", "failed"]


def test_what_is_told_besides() -> None:
    who = Attribution("dana@acme.com", "2026-11-20T14:02:00Z")
    own = Address("member/bot@acme.com")
    provider = FakeProvider(own_member=own, attributions={X: who}, on_create={"member": {"status": "invited"}})
    assert provider.own_member() == own and provider.system == "fake:acme"
    assert provider.attributions([X, T]) == {X: who}
    do(provider, "create", "member/eve@x.io")
    assert provider.resources[Address("member/eve@x.io")].observed == {"status": "invited"}
    with pytest.raises(ValueError, match="the batch is 1"):
        provider.write([Operation("delete", X), Operation("delete", T)])


def test_observed_state_stays_when_attributes_change(provider: FakeProvider) -> None:
    provider.put(X, {"name": "X"}, {"balance": 5})
    provider.put(X, {"name": "Y"})
    assert provider.resources[X] == replace(provider.resources[X], attributes={"name": "Y"}, observed={"balance": 5})
