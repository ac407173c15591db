"""A saved plan is judged again on what lives now: each guard once, with the overrides of then and of now."""

from __future__ import annotations

from orgform.kinds import Kind, Kinds
from orgform.model import Policy
from orgform.planning import PlanInputs, judge_again, make_plan
from tests.planning.worlds import KINDS, inputs, target

OWNERS = {f"member/{n}@acme.com": {"role": "owner"} for n in ("alice", "bob", "carol")}
ACTIVE = Policy(min_company_admins=2)


def seen(**more: object) -> PlanInputs:
    """Two of three owners are to be members only."""
    desired = {**OWNERS, "member/bob@acme.com": {"role": "standard"}, "member/carol@acme.com": {"role": "standard"}}
    return inputs(desired, OWNERS, OWNERS, policy=ACTIVE, **more)  # type: ignore[arg-type]


def verdicts(made: PlanInputs, again: PlanInputs) -> dict[str, str]:
    judged = judge_again(make_plan(made, KINDS), again, KINDS)
    names = [v.guard for v in judged.guards]
    assert len(names) == len(set(names)), names
    return {v.guard: v.verdict for v in judged.guards}


def test_a_refusal_is_told_once() -> None:
    assert verdicts(seen(), seen())["company-admins"] == "refused"


def test_a_word_for_it_lets_it_pass() -> None:
    assert verdicts(seen(), seen(allow=("company-admins:member/*",)))["company-admins"] == "passed"


def test_what_was_not_read_completely_then_is_not_known_now() -> None:
    then = seen(state=target(problems={"member": "a page failed"}))
    assert verdicts(then, seen())["incomplete-read"] == "refused"
    assert verdicts(then, seen(allow=("incomplete-read:member/*",))).get("incomplete-read", "passed") == "passed"


def test_a_secret_hides_no_change_from_the_guards() -> None:
    hook = Kind(
        {
            "x-kind": "hook",
            "x-collection": "hooks",
            "x-key": {"name": "key", "format": "slug"},
            "properties": {"url": {"type": "string"}, "token": {"type": "string", "x-sensitive": True}},
        }
    )
    kinds = Kinds([*KINDS.values(), hook])
    base = {f"hook/h{n}": {"url": "u", "token": "env:T"} for n in range(9)}
    live = {address: {"url": "u"} for address in base}
    state = target()
    state = type(state)(state.provider, state.system, frozenset(kinds))
    given = inputs({}, live, base, state=state)
    judged = judge_again(make_plan(given, kinds), inputs({}, live, base, state=state), kinds)
    assert {v.guard: v.verdict for v in judged.guards}["deletes"] == "refused"
