"""Random states of the real kinds, and short ways to write small ones by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from orgform.kinds import Kinds, load_kinds
from orgform.model import Address, Attributes, Base, Change, Desired, Lifecycle, Live, Plan
from orgform.planning import PlanInputs, TargetState, make_plan

KINDS: Kinds = load_kinds()
EVERYTHING = ("deletes:*", "company-admins:*", "workspace-admins:*", "own-access:*", "incomplete-read:*")

MEMBERS = [f"{name}@acme.com" for name in ("alice", "bob", "carol")]
WORKSPACES = ["x", "y", "z"]
GROUPS = ["g", "h"]


def target(**more: Any) -> TargetState:
    return TargetState("fake", "fake:acme", frozenset(KINDS), **more)


def inputs(
    desired: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
    *,
    state: TargetState | None = None,
    **more: Any,
) -> PlanInputs:
    """Attributes stand for the resource that has them."""
    return PlanInputs(
        desired={Address(a): d if isinstance(d, Desired) else Desired(d) for a, d in (desired or {}).items()},
        live={Address(a): d if isinstance(d, Live) else Live(d) for a, d in (live or {}).items()},
        base=None if base is None else {Address(a): d if isinstance(d, Base) else Base(d) for a, d in base.items()},
        targets={"acme": state or target()},
        **more,
    )


def plan(*states: Any, **more: Any) -> Plan:
    return make_plan(inputs(*states, **more), KINDS)


def change(action: str, address: str, before: Attributes | None = None, after: Attributes | None = None, **more: Any) -> Change:
    return Change(action, "acme", Address(address), "config", before, after, **more)  # type: ignore[arg-type]


def steps(made: Plan) -> list[str]:
    return [f"{c.action} {c.address}" for c in made.changes]


@st.composite
def states(draw: st.DrawFn) -> dict[Address, Attributes]:
    """A state in which every reference leads somewhere."""
    found: dict[str, Attributes] = {}

    def some(items: list[str]) -> list[str]:
        return sorted(draw(st.sets(st.sampled_from(items)))) if items else []

    def maybe(**attributes: st.SearchStrategy[Any]) -> Attributes:
        return {name: draw(value) for name, value in attributes.items() if draw(st.booleans())}

    words = st.sampled_from(["", "a", "b", "c"])
    labels = st.dictionaries(st.sampled_from(["k", "l"]), words)
    roles = some(["low", "high"])
    for role in roles:
        extends = {"extends": draw(st.sampled_from(["admin", "viewer", *(r for r in roles if r < role)]))} if draw(st.booleans()) else {}
        found[f"role/{role}"] = {"scope": "workspace", "permissions": some(["p", "q"]), **extends}
    members = some(MEMBERS)
    for member in members:
        found[f"member/{member}"] = maybe(name=words, role=st.sampled_from(["owner", "admin", "standard"]), labels=labels)
    groups = some(GROUPS)
    for group in groups:
        found[f"group/{group}"] = {**maybe(name=words), "members": some(members)}
    features = some(["beta", "size"])
    for feature in features:
        owner = {"owner": draw(st.sampled_from(members))} if members and draw(st.booleans()) else {}
        found[f"feature/{feature}"] = {"type": "number", "default": draw(st.integers(0, 2)), **owner}
    workspaces = some(WORKSPACES)
    tree = draw(st.permutations(workspaces))
    for index, key in enumerate(tree):
        parent = {"parent": draw(st.sampled_from([*tree[:index], None]))} if draw(st.booleans()) else {}
        settings = st.fixed_dictionaries(
            {}, optional={"timezone": words, "thresholds": st.dictionaries(st.sampled_from("rs"), st.integers(0, 2))}
        )
        found[f"workspace/{key}"] = {**maybe(name=words, labels=labels, settings=settings), **parent}
        role = st.sampled_from(["admin", "member", "viewer", *roles])
        for principal in some([*members, *(f"group:{g}" for g in groups)]):
            found[f"membership/{key}/{principal}"] = {"role": draw(role)}
        for feature in some(features):
            found[f"feature_value/{key}/{feature}"] = {"value": draw(st.integers(0, 2))}
        for tag in some(["t", "u"]):
            found[f"tag/{key}/{tag}"] = maybe(color=words)
        if draw(st.booleans()):
            found[f"inbox/{key}/help"] = maybe(name=words) | {"members": some(members)}
        if draw(st.booleans()):
            found[f"auto_top_up/{key}"] = {"threshold": 1, "amount": draw(st.integers(1, 3))}
    domain = (
        st.fixed_dictionaries({"workspace": st.sampled_from(workspaces), "role": st.sampled_from(["viewer", *roles])})
        if workspaces
        else None
    )
    found["domain/acme.com"] = {"auto_join": draw(domain)} if domain is not None and draw(st.booleans()) else {}
    found["company/company"] = {"name": draw(words), "primary_domain": "acme.com"}
    return {Address(a): own for a, own in found.items()}


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    """`name` is an attribute that most kinds have and none needs."""
    field = st.sampled_from([(), ("name",), ("labels.k",)])
    return Lifecycle(draw(st.sampled_from([None, None, True, False])), draw(field), draw(field))
