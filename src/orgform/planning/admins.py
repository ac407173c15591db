"""Who can really administer the company and each workspace after a plan, who loses that by it, and why others do not count.

Somebody counts who is an admin there by any path, is active, has an address at a verified domain where the platform asks for one, is
not the account that orgform itself uses, and still is all of that when what ends within the week (`PlanInputs.soon`) has ended.

Invariant: pure, and no kind by name: what makes a person active, and a domain proved, says the kind's schema. Of the platform only what it
tells is held against anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from orgform.diagnostics import Diagnostic
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attributes, Policy, key_of, kind_of
from orgform.planning.access import AccessChange, Resources
from orgform.planning.scope import PlanInputs, Scope

OWN = "the account that orgform itself uses"
NEW = "new there"
NAMED = 5  # of many people, so many are named
_NOTHING: Attributes = {}
Members = set[str]


class SignIn:
    """Whether somebody can sign in, and why not. `own`: the accounts that orgform itself uses, under the names that they have after the
    plan. `proved_names`: the kinds whose keys people's addresses must be at; empty where the platform does not ask for that."""

    def __init__(self, inputs: PlanInputs, scope: Scope, kinds: Kinds) -> None:
        self._scope, self._subjects = scope, kinds.having_access("subject")
        self.renames = scope.renames
        renamed = {old: new for new, old in scope.renames.items()}
        owns = (t.own_member for t in inputs.targets.values())
        self.own = frozenset(renamed.get(own, own) for own in owns if own)
        asked = {name for name, t in inputs.targets.items() if t.capabilities.sign_in_verified_domain}
        asks = any(scope.target_of.get(kind.name) in asked for kind in self._subjects)
        self.proved_names = tuple(k for k in kinds.values() if k.verification and k.name in scope.target_of) if asks else ()

    def why_not(self, member: str, state: Resources, observed: Resources, name: str = "") -> str:
        """Empty where nothing speaks against it. `name`: by which the person signs in, where it is not this one yet."""
        for kind in self._subjects:
            address = kind.address(member)
            if address in self.own:
                return OWN
            if kind.name in self._scope.target_of and (why := self._inactive(address, kind)):
                return why
            if why := self.unproved(name or member, state, observed):
                return why
        return ""

    def old_name(self, member: str) -> str:
        """The name that the person has before the plan."""
        olds = (self.renames.get(kind.address(member)) for kind in self._subjects)
        return next((old for old in olds if old), member)

    @cached_property
    def knows_status(self) -> bool:
        """Whether the platform tells of anybody whether they are active."""
        words = {k.name: set(k.access.get("active", ())) for k in self._subjects}
        told = ((live.observed, words.get(kind_of(a))) for a, live in self._scope.live.items() if live.observed)
        return any(asked and asked & observed.keys() for observed, asked in told)

    def _inactive(self, address: Address, kind: Kind) -> str:
        live = self._scope.live.get(address)
        if live is None:
            return NEW
        return next((str(live.observed[n]) for n, v in kind.access.get("active", {}).items() if live.observed.get(n, v) != v), "")

    def unproved(self, name: str, state: Resources, observed: Resources) -> str:
        """What is wrong with the domain that this address is at, where the platform asks for a verified one."""
        if not self.proved_names:
            return ""
        domain = name.rpartition("@")[2]
        known = [(kind, a) for kind in self.proved_names if (a := kind.address(domain)) in state]
        if any(observed.get(a, _NOTHING).get(kind.verification["status"]) == "verified" for kind, a in known):
            return ""
        return f"{domain} is {'not verified' if known else 'no domain of the company'}"


def ends_soon(inputs: PlanInputs) -> dict[Address, str]:
    """What has its last day within the week, or had it, with that day."""
    return {a: day for a, day in inputs.until.items() if day <= inputs.soon} if inputs.soon else {}


class Admins:
    """The admins of each scope (its key, empty for the company) before and after a plan."""

    def __init__(self, inputs: PlanInputs, access: AccessChange, sign_in: SignIn, kinds: Kinds) -> None:
        self._inputs, self._access, self._sign_in, self._kinds = inputs, access, sign_in, kinds
        self._reasons: tuple[dict[str, str], dict[str, str]] = ({}, {})

    @cached_property
    def lost(self) -> dict[str, Members]:
        """Scope -> who could sign in as an admin there, and cannot after the plan."""
        before, after = self._access.touched_admins
        found = {scope: {m for m in members if self._can(m, 0)} for scope, members in before.items()}
        return {s: lost for s, could in found.items() if (lost := could - {m for m in after.get(s, ()) if self._can(m, 1)})}

    def left(self, scope: str) -> Members:
        """Who counts as an admin there after the plan."""
        return {m for m in self._lasting.get(scope, ()) if self._can(m, 1)}

    def not_counted(self, scope: str) -> dict[str, str]:
        """Who is an admin there after the plan and does not count, with the reason."""
        left = self.left(scope)
        rest = sorted(self._access.admins_left.get(scope, set()) - left)
        return {m: self._reason(m, 1) or self._runs_out(m, scope) for m in rest}

    @cached_property
    def running_out(self) -> dict[Address, str]:
        """What is there after the plan and has its last day within the week, with that day."""
        return {a: day for a, day in ends_soon(self._inputs).items() if a in self._access.states[1]}

    @cached_property
    def places_running_out(self) -> set[str]:
        """Scopes that will be gone themselves."""
        places = {k.name for k in self._kinds.having_access("scope")}
        return {a.partition("/")[2] for a in self.running_out if kind_of(a) in places}

    def proof_lost(self, member: str) -> str:
        """Why an own account could sign in before, and cannot after the plan: its address stands at no verified domain any more."""
        access, sign_in = self._access, self._sign_in
        states = [sign_in.unproved(n, s, access.observed) for n, s in zip((sign_in.old_name(member), member), access.states, strict=True)]
        return "" if states[0] else states[1]

    @cached_property
    def shut_out(self) -> bool:
        """Whether the company has admins after the plan, and none of them can sign in: not even the one that orgform itself uses."""
        left = self._access.company_admins_left
        return bool(left) and all(self._reason(m, 1) not in ("", OWN) for m in left) and self._sign_in.knows_status

    def outlast(self, least: int) -> bool:
        """Whether so many company admins, who are admins of every place, are there for longer in any case: asked first, it is quick."""
        roles = {k.name for k in self._kinds.having_access("role")}
        if any(kind_of(a) in roles for a in self.running_out):
            return False
        ending = {key_of(a) for a in self.running_out}
        return sum(self._can(m, 1) for m in self._access.company_admins_left - ending) >= least

    @cached_property
    def can_sign_in_now(self) -> dict[str, Members]:
        """Scope -> whoever can sign in as an admin after the plan, today."""
        return {s: {m for m in members if self._can(m, 1)} for s, members in self._access.admins_left.items()}

    @cached_property
    def _lasting(self) -> Mapping[str, Members]:
        return self._access.admins_without(self.running_out) if self.running_out else self._access.admins_left

    def _runs_out(self, member: str, scope: str) -> str:
        """The day is the first after which nothing makes the person an admin there: of the person, of the grant, of the group's."""
        by_day = sorted(set(self.running_out.values()))
        gone = (d for d in by_day if member not in self._on_the_day_after(d).get(scope, ()))
        day = next(gone, by_day[-1])
        return f"{'expires' if day >= self._inputs.today else 'expired'} {day}"

    def _on_the_day_after(self, day: str) -> Mapping[str, Members]:
        if day not in self._days:
            self._days[day] = self._access.admins_without({a for a, last in self.running_out.items() if last <= day})
        return self._days[day]

    @cached_property
    def _days(self) -> dict[str, Mapping[str, Members]]:
        return {}

    def _can(self, member: str, index: int) -> bool:
        return not self._reason(member, index)

    def _reason(self, member: str, index: int) -> str:
        known = self._reasons[index]
        if member not in known:
            state, observed = self._access.states[index], self._access.observed
            name = self._sign_in.old_name(member) if index == 0 else member
            known[member] = self._sign_in.why_not(member, state, observed, name)
        return known[member]


def people(members: Collection[str]) -> str:
    """`alice@acme.com, bob@acme.com and 3 more`; `nobody`."""
    return _some(sorted(members), len(members)) if members else "nobody"


def uncounted(reasons: Mapping[str, str]) -> str:
    """`alice@acme.com (suspended), bob@acme.com (expires 2026-11-25)`"""
    return _some([f"{member} ({why})" for member, why in sorted(reasons.items())], len(reasons))


def _some(words: Iterable[str], count: int) -> str:
    shown = ", ".join(list(words)[:NAMED])
    return shown if count <= NAMED else f"{shown} and {count - NAMED:,} more"


def warnings(admins: Admins, policy: Policy, kinds: Kinds, *, changed: bool) -> Iterator[Diagnostic]:
    """Where nobody, or too few, can sign in as an admin soon, or after a plan that takes none away. `changed`: it touches access."""
    short = [] if admins.outlast(max(policy.min_company_admins, policy.min_workspace_admins)) else _short(admins, policy)
    if short:
        yield _runs_out(admins, short, kinds, policy)
    elif changed and "" not in admins.lost and admins.shut_out:
        yield Diagnostic(
            "warning",
            "ORG509",
            f"nobody who is a company admin after this plan can sign in: {uncounted(admins.not_counted(''))}",
            "let one of them accept the invitation, or make somebody an admin who can sign in",
        )


def _short(admins: Admins, policy: Policy) -> list[str]:
    company = _scopes_short(admins, [""], policy.min_company_admins)
    places = sorted(admins.can_sign_in_now.keys() - {""} - admins.places_running_out) if admins.running_out else []
    return company or _scopes_short(admins, places, policy.min_workspace_admins)


def _scopes_short(admins: Admins, scopes: Iterable[str], least: int) -> list[str]:
    """Scopes that have enough admins today and will not have them when what ends soon has ended. Those that a plan takes admins of are
    for the guards."""
    if not admins.running_out:
        return []
    now = admins.can_sign_in_now
    return [s for s in scopes if not admins.lost.get(s) and len(now.get(s, ())) >= least > len(admins.left(s))]


def _runs_out(admins: Admins, short: Sequence[str], kinds: Kinds, policy: Policy) -> Diagnostic:
    first = short[0]
    addresses = [kind.address(scope) for scope in short if scope for kind in kinds.having_access("scope")]
    where = _some(addresses, len(addresses)) if addresses else "the company"
    least = policy.min_workspace_admins if addresses else policy.min_company_admins
    left = admins.left(first)
    return Diagnostic(
        "warning",
        "ORG509",
        f"{where} will soon have fewer than {least} admin{'' if least == 1 else 's'} who can sign in: {people(left)} "
        f"{'stays' if len(left) < 2 else 'stay'}; not counted: {uncounted(admins.not_counted(first))}",
        "move a last day (`until`), or make somebody else an admin",
        address=addresses[0] if len(addresses) == 1 else None,
    )
