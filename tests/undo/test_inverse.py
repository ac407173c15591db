"""The inverse of single changes where no shipped kind has what it takes: secrets, and platforms that cannot do everything."""

from __future__ import annotations

from typing import Any

from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attributes, Base, Change, Live
from orgform.planning.inverse import Inverse, Step, Today, leaves
from orgform.planning.reverse import labelled
from orgform.planning.scope import TargetState
from orgform.providers.base import Capabilities, KindCapability

HOOK = Address("hook/orders")
KINDS = Kinds(
    [
        Kind(
            {
                "x-kind": "hook",
                "x-collection": "hooks",
                "x-key": {"name": "name"},
                "x-label": "name",
                "properties": {
                    "url": {"type": "string"},
                    "name": {"type": "string"},
                    "token": {"type": "string", "x-sensitive": True},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            }
        ),
    ]
)


def change(action: Any, before: Attributes | None, after: Attributes | None) -> Change:
    return Change(action, "acme", HOOK, "config", before, after)


def inverse(step: Step, live: Attributes | None, base: Attributes | None = None) -> Inverse:
    there = {} if live is None else {HOOK: Live(live)}
    today = Today(there, {HOOK: Base(base or {})}, {}, lambda a: False, lambda a: False, frozenset({"hook"}))
    return Inverse([step], today, KINDS)


def label(changed: Change, capabilities: Capabilities | None = None, live: Attributes | None = None) -> tuple[str, tuple[str, ...]]:
    targets = {"acme": TargetState("front", "https://api.front.example", frozenset({"hook"}), capabilities=capabilities or Capabilities())}
    (found,) = labelled([changed], targets, {} if live is None else {HOOK: Live(live)}, KINDS)
    return found.undo, found.loses


class TestSecrets:
    def test_a_reference_is_read_again(self) -> None:
        step = Step(change("update", {"token": "env:OLD"}, {"token": "env:NEW"}), {})
        found = inverse(step, {"url": "u"})
        assert found.wanted[HOOK].desired == {"token": "env:OLD"}
        assert found.wanted[HOOK].loses == ("`token`: it is set from env:OLD again, as that is now; the secret itself was not kept",)

    def test_one_that_nobody_kept_is_not_cleared(self) -> None:
        replaced = change("update", {"url": "a", "token": None}, {"url": "b", "token": "env:NEW"})
        assert label(replaced) == ("lossy", ("`token`: its earlier value is a secret that nobody kept",))
        found = inverse(Step(replaced, {"url": "a"}), {"url": "b"})
        assert found.wanted[HOOK].desired == {"url": "a"}
        (item,) = found.left.values()
        assert (item.why, item.undo, [f.path for f in item.fields]) == (
            "its earlier value is a secret that nobody kept",
            "irreversible",
            ["token"],
        )

    def test_of_what_was_deleted(self) -> None:
        unknown = change("delete", {"url": "a"}, None)
        assert label(unknown) == ("lossy", ("`token`, if it was set: it is a secret that nobody kept",))
        known = change("delete", {"url": "a", "token": "env:T"}, None)
        assert label(known) == ("reversible", ())
        found = inverse(Step(known, {"url": "a", "labels": {"x": "y"}}), None)
        assert found.wanted[HOOK].desired == {"url": "a", "labels": {"x": "y"}, "token": "env:T"}
        assert found.wanted[HOOK].patch == {"url": "a", "token": "env:T"}

    def test_of_what_was_created_it_is_taken_to_be_there_still(self) -> None:
        found = inverse(Step(change("create", None, {"url": "a", "token": "env:T"})), {"url": "a"})
        assert found.wanted[HOOK].desired is None
        assert found.left == {}


class TestNames:
    made = Step(change("create", None, {"url": "a"}))

    def test_a_platform_calls_by_its_key_what_was_created_without_a_name(self) -> None:
        found = inverse(self.made, {"url": "a", "name": "orders"})
        assert (found.wanted[HOOK].desired, found.left) == (None, {})

    def test_another_name_was_given_since(self) -> None:
        (item,) = inverse(self.made, {"url": "a", "name": "Orders of the shop"}).left.values()
        assert [(f.path, f.after, f.live) for f in item.fields] == [("name", None, "Orders of the shop")]

    def test_a_name_that_the_run_wrote_is_told_from_the_key(self) -> None:
        written = Step(change("create", None, {"url": "a", "name": "Shop"}))
        (item,) = inverse(written, {"url": "a", "name": "orders"}).left.values()
        assert [(f.path, f.after, f.live) for f in item.fields] == [("name", "Shop", "orders")]


class TestPlatforms:
    def test_what_an_api_cannot_do_again_cannot_be_undone(self) -> None:
        cannot = Capabilities({"hook": KindCapability(create="manual", delete="none", update="none")})
        assert label(change("delete", {"token": "env:T"}, None), cannot) == ("irreversible", ("front has no API to create it again",))
        assert label(change("create", None, {}), cannot) == ("irreversible", ("front has no API to delete it again",))
        assert label(change("update", {}, {}), cannot) == ("irreversible", ("front has no API to update it again",))
        assert label(change("update", {}, {}), Capabilities({}))[0] == "irreversible"


def test_the_leaves_in_which_two_differ() -> None:
    one = {"url": "a", "labels": {"same": "1", "old": "1"}}
    other = {"url": "b", "labels": {"same": "1", "new": "2"}}
    assert list(leaves(one, other, KINDS["hook"])) == [
        (("labels", "new"), None, "2"),
        (("labels", "old"), "1", None),
        (("url",), "a", "b"),
    ]
    assert list(leaves({"labels": None}, {"labels": {"x": "1"}}, KINDS["hook"])) == [(("labels", "x"), None, "1")]
    assert list(leaves({"labels": {}}, {"labels": None, "url": []}, KINDS["hook"])) == []
