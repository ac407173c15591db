"""What a plan may not do by itself. Each guard is a function from the facts to a verdict; together they are `GUARDS`.

Invariant: a guard changes nothing in the plan and knows no platform and no kind. It says what it found, which setting decides, and the
exact words that let it pass, or the way out where nothing does. A guard that has nothing to judge says nothing.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase

from orgform.codec import Struct
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Change, Deletes, GuardVerdict, key_of, kind_of, parts_of
from orgform.planning.access import AccessChange
from orgform.planning.admins import Admins, people, uncounted
from orgform.planning.effect import value_at
from orgform.planning.passage import Passage
from orgform.planning.scope import PlanInputs, Scope, glob_of, matches


class Facts(Struct, frozen=True):
    """What guards judge by.

    `access`, `admins`: None where no change takes part in access. `own_members`: the accounts that orgform itself uses, as they are
    named after the plan. `incomplete`: kind -> why its read counts as incomplete; `protected`: deletes of what is never deleted.
    """

    inputs: PlanInputs
    scope: Scope
    kinds: Kinds
    changes: tuple[Change, ...]
    access: AccessChange | None = None
    admins: Admins | None = None
    passage: Passage = Passage()
    own_members: frozenset[Address] = frozenset()
    incomplete: dict[str, str] = {}
    protected: tuple[Address, ...] = ()

    @property
    def deletes(self) -> list[Change]:
        return [c for c in self.changes if c.action == "delete"]

    def allowed(self, guard: str, address: str) -> bool:
        """Whether an `--allow GUARD:GLOB` names this address."""
        words = (word.partition(":") for word in self.inputs.allow)
        return matches(address, [glob for name, _, glob in words if name == guard])


Guard = Callable[[Facts], GuardVerdict | None]


def judge(facts: Facts) -> tuple[GuardVerdict, ...]:
    """The verdicts of all guards that had something to judge."""
    return tuple(verdict for guard in GUARDS.values() if (verdict := guard(facts)) is not None)


def _verdict(
    facts: Facts, guard: str, refused: Mapping[str, str], *, summary: str, passed: str, setting: str = "", override: str = ""
) -> GuardVerdict:
    """`refused`: item -> the glob that `--allow` needs for it. `override` where that is not the way out."""
    if not refused:
        words = [f"--allow {word}" for word in facts.inputs.allow if word.startswith(f"{guard}:")]
        return GuardVerdict(guard, "passed", f"{passed}, besides what {' '.join(words)} names" if words else passed, setting=setting)
    globs = dict.fromkeys(refused.values())
    widest = [g for g in globs if not any(g != other and fnmatchcase(g, other) for other in globs)]
    allow = " ".join(f"--allow {shlex.quote(f'{guard}:{glob}')}" for glob in widest)
    return GuardVerdict(guard, "refused", summary, tuple(refused), setting, override or allow)


#: guards that `--allow` can let pass; the others' verdicts name the way out
ALLOWABLE = ("company-admins", "deletes", "incomplete-read", "own-access", "workspace-admins")


class _Collection(Struct):
    """Resources that are counted together, or the elements of one set. `allowed`: of those that go."""

    glob: str
    total: int = 0
    going: int = 0
    coming: int = 0
    allowed: int = 0

    def too_much(self, limits: Deletes) -> bool:
        judged = self.going - self.allowed
        if judged > 0 and self.total + self.coming <= self.going:
            return True
        return judged > limits.free and (judged > limits.count or judged * 100 > limits.percent * self.total)

    def sentence(self) -> str:
        left = self.total + self.coming - self.going
        share = "none is left" if left <= 0 else f"{self.going * 100 / self.total:.0f} %"
        return f"{self.going} of {self.total} would go, {share}"


def deletes(facts: Facts) -> GuardVerdict | None:
    limits = facts.inputs.policy.deletes
    found = {**_collections(facts), **_sets(facts)}
    if not found:
        return None
    return _verdict(
        facts,
        "deletes",
        {f"{name}: {c.sentence()}": c.glob for name, c in sorted(found.items()) if c.too_much(limits)},
        summary="more would be deleted than passes by itself",
        passed="no more is deleted than passes by itself",
        setting=f"policy.deletes: {{free: {limits.free}, percent: {limits.percent:g}, count: {limits.count}}}",
    )


def _collections(facts: Facts) -> dict[str, _Collection]:
    """Every kind that something is deleted of, and its parts by parent and by `x-group-by`. What goes with its parent is not counted."""
    gone = {c.address for c in facts.deletes}
    found: dict[str, _Collection] = {}
    if not gone:
        return found
    for change in facts.changes:
        if change.action != "update" and not gone.intersection(_owners(change.address, facts.kinds)):
            for glob in _globs(change.address, facts.kinds.of(change.address)):
                collection = found.setdefault(glob, _Collection(glob))
                collection.coming += change.action == "create"
                collection.going += change.action == "delete"
                collection.allowed += change.action == "delete" and facts.allowed("deletes", change.address)
    found = {glob: collection for glob, collection in found.items() if collection.going}
    counted = {kind_of(glob) for glob in found}
    for address in facts.scope.live if counted else ():
        if kind_of(address) in counted and not gone.intersection(_owners(address, facts.kinds)):
            for glob in _globs(address, facts.kinds.of(address)):
                if glob in found:
                    found[glob].total += 1
    return found


def _owners(address: Address, kinds: Kinds) -> tuple[Address, ...]:
    """Whose collection a resource is counted in: its parent's, and what `x-group-by` names."""
    above = kinds.identity_references(address)
    return above if kinds.of(address).group_by else above[:1] if kinds.of(address).parent else ()


def _globs(address: Address, kind: Kind) -> list[str]:
    """The collections that a resource counts in, as globs over addresses."""
    globs = [f"{kind.name}/*"]
    if kind.group_by:
        globs.append(f"{kind.name}/*/{parts_of(address)[-1]}")
    if kind.parent and not kind.singleton:
        globs.append(f"{kind.name}/{parts_of(address)[0]}/*")
    return globs


def _sets(facts: Facts) -> dict[str, _Collection]:
    """Sets that lose elements: a group's members, a role's permissions."""
    found: dict[str, _Collection] = {}
    for change in facts.changes:
        if change.action == "update":
            kind = facts.kinds.of(change.address)
            for path in {*kind.sets, *(r.path for r in kind.references if r.many)}:
                before, after = set(value_at(change.before, path)), set(value_at(change.after, path))
                going, coming = len(before - after), len(after - before)
                if going:
                    allowed = going if facts.allowed("deletes", change.address) else 0
                    name = f"{change.address} {'.'.join(path)}"
                    found[name] = _Collection(glob_of(change.address), len(before), going, coming, allowed)
    return found


def company_admins(facts: Facts) -> GuardVerdict | None:
    least, admins = facts.inputs.policy.min_company_admins, facts.admins
    lost = admins.lost.get("", set()) if admins else set()
    shut = _shut_on_the_way(facts)
    if admins is None or not (lost or shut):
        return None
    left = admins.left("")
    addresses = sorted(kind.address(m) for kind in facts.kinds.having_access("subject") for m in lost)
    refused = {a: glob_of(a) for a in addresses if len(left) < least and not facts.allowed("company-admins", a)}
    summary = f"{_number(len(left), 'company admin')} who can sign in would be left{_told(left, admins.not_counted(''))}"
    return _verdict(
        facts,
        "company-admins",
        refused | shut,
        summary=f"{summary}; at least {least} must stay" if refused else "nobody could sign in as an admin while this is under way",
        passed=f"{_number(len(left), 'company admin')} who can sign in left",
        setting=f"policy.min_company_admins: {least}",
    )


def _shut_on_the_way(facts: Facts) -> dict[str, str]:
    """The company, where no order of the changes keeps it open: its admins of before, who are to be allowed by name."""
    if "" not in facts.passage.shut or facts.access is None:
        return {}
    before = sorted(facts.access.touched_admins[0].get("", ()))
    addresses = [kind.address(m) for kind in facts.kinds.having_access("subject") for m in before]
    return {f"{a}: {_NO_ORDER}": glob_of(a) for a in addresses if not facts.allowed("company-admins", a)}


def workspace_admins(facts: Facts) -> GuardVerdict | None:
    """What is deleted as a whole, or ends by itself, needs no admin any more."""
    least = facts.inputs.policy.min_workspace_admins
    judged = _judged_scopes(facts)
    if not judged:
        return None
    refused = {item: glob_of(a) for a, item in judged.items() if item and not facts.allowed("workspace-admins", a)}
    return _verdict(
        facts,
        "workspace-admins",
        refused,
        summary=f"at least {least} admin who can sign in must stay; inherited ones and company admins count",
        passed=f"enough admins stay where {_numbers(judged, facts.kinds)} would lose some",
        setting=f"policy.min_workspace_admins: {least}",
    )


def _judged_scopes(facts: Facts) -> dict[Address, str]:
    """The scopes that lose admins, or cannot be kept open on the way, with what is wrong there; empty where nothing is."""
    least, admins, access = facts.inputs.policy.min_workspace_admins, facts.admins, facts.access
    found: dict[Address, str] = {}
    if admins is None or access is None:
        return found
    for kind in facts.kinds.having_access("scope"):
        for scope in sorted((admins.lost.keys() | facts.passage.shut) - admins.places_running_out - {""}):
            address, lost = kind.address(scope), admins.lost.get(scope)
            if address in access.deleted or not (lost or scope in facts.passage.shut):
                continue
            left = admins.left(scope)
            if lost and len(left) < least:
                said = f"{people(lost)} would be no admin any more, {_number(len(left), 'admin')} who can sign in would be left"
                found[address] = f"{address}: {said}{_told(left, admins.not_counted(scope))}"
            else:
                found[address] = f"{address}: {_NO_ORDER}" if scope in facts.passage.shut else ""
    return found


_NO_ORDER = (
    "in no order of these changes could somebody sign in as an admin all the time; apply what gives access first, in a plan of its own"
)


def _told(left: Collection[str], reasons: Mapping[str, str]) -> str:
    """Who is left, and who is an admin and does not count."""
    names = f" ({people(left)})" if left else ""
    return f"{names}; not counted: {uncounted(reasons)}" if reasons else names


def own_access(facts: Facts) -> GuardVerdict | None:
    """What the token's own account can do is neither taken nor lowered; a scope that is deleted as a whole is no loss of access."""
    owns = sorted(facts.own_members)
    access = facts.access
    if access is None or not owns:
        return None
    deleted = {key_of(a) for kind in facts.kinds.having_access("scope") for a in access.deleted if kind_of(a) == kind.name}
    refused: dict[str, str] = {}
    for own in owns:
        before, after = access.strongest(key_of(own))
        for scope, role in sorted(before.items()):
            if scope not in deleted and access.lowered(role, after.get(scope)) and not facts.allowed("own-access", own):
                refused[f"{own}: {role} in {scope or 'the company'} would become {after.get(scope, 'nothing')}"] = glob_of(own)
        proof = facts.admins.proof_lost(key_of(own)) if facts.admins else ""
        if proof and not facts.allowed("own-access", own):
            refused[f"{own}: {proof} any more, so it could not sign in"] = glob_of(own)
        if own in facts.passage.own_shut and not facts.allowed("own-access", own):
            refused[f"{own}: {_NO_ORDER.replace('somebody sign in as an admin', 'it keep its access')}"] = glob_of(own)
    return _verdict(
        facts,
        "own-access",
        refused,
        summary="the account that orgform itself uses would lose access",
        passed="the account that orgform itself uses keeps its access",
        setting="the token of the target",
    )


def prevent_destroy(facts: Facts) -> GuardVerdict | None:
    if not facts.deletes:
        return None
    return _verdict(
        facts,
        "prevent-destroy",
        {address: address for address in facts.protected},
        summary="these are protected, and stay so after their block is gone",
        passed="nothing that is deleted is protected",
        setting="lifecycle.prevent_destroy",
        override="declare it with `lifecycle: {prevent_destroy: false}`, apply, then take it out",
    )


def holds_data(facts: Facts) -> GuardVerdict | None:
    judged = [(c.address, facts.kinds.of(c.address).holds_data) for c in facts.deletes]
    asked = [(address, attribute) for address, attribute in judged if attribute]
    if not asked:
        return None
    full = [a for a, attribute in asked if a in facts.scope.live and facts.scope.live[a].observed.get(attribute)]
    refused = [a for a in full if not matches(a, facts.inputs.allow_destroy)]
    return _verdict(
        facts,
        "holds-data",
        {a: a for a in refused},
        summary="the platform says that these hold data, which would be lost",
        passed="nothing that is deleted holds data" + (", or it is allowed by name" if full else ""),
        setting="what the platform observes",
        override=" ".join(f"--allow-destroy {shlex.quote(glob_of(a))}" for a in refused),
    )


def incomplete_read(facts: Facts) -> GuardVerdict | None:
    if not facts.deletes and not facts.incomplete and not _blind(facts):
        return None
    refused = {f"{kind}: {why}": f"{kind}/*" for kind, why in sorted({**facts.incomplete, **_blind(facts)}.items())}
    return _verdict(
        facts,
        "incomplete-read",
        {item: glob for item, glob in refused.items() if not facts.allowed("incomplete-read", glob)},
        summary="these were not read completely, so nothing of them is deleted; run it again",
        passed="everything that is deleted was read completely",
        setting="the count that the platform tells, and what base knows",
    )


def _blind(facts: Facts) -> dict[str, str]:
    """Kinds of access that stand in a target which could not be read, where something destructive is to be done: nobody could tell who
    can still sign in after it."""
    if not any(c.risk == "destructive" for c in facts.changes):
        return {}
    return {kind: f"the target {name} could not be read" for kind, name in facts.inputs.left_out.items() if facts.kinds[kind].access}


def immutable(facts: Facts) -> GuardVerdict | None:
    updates = [c for c in facts.changes if c.action == "update" and facts.kinds.of(c.address).immutable]
    if not updates:
        return None
    refused: dict[str, str] = {}
    titles: dict[str, None] = {}
    for change in updates:
        kind = facts.kinds.of(change.address)
        for field in kind.immutable:
            was_set = (change.before or {}).get(field) is not None
            if was_set and any(f.path.partition(".")[0] == field for f in change.fields):
                refused[f"{change.address}: {field}"] = change.address
                titles[kind.title.lower()] = None
    return _verdict(
        facts,
        "immutable",
        refused,
        summary="these are never changed in place, and replacement is never implied",
        passed="no immutable field is changed",
        setting="x-immutable in the kind's schema",
        override=f"create a new {' or '.join(titles)} under another key, move what is in it, then delete the old one",
    )


def _numbers(addresses: Collection[Address], kinds: Kinds) -> str:
    """`2 workspaces and 1 project`, in the words of their kinds."""
    counted = Counter(kinds.of(address).title.lower() for address in addresses)
    return " and ".join(_number(count, title) for title, count in sorted(counted.items()))


def _number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


#: in the order in which they are shown
GUARDS: dict[str, Guard] = {
    "deletes": deletes,
    "company-admins": company_admins,
    "workspace-admins": workspace_admins,
    "own-access": own_access,
    "prevent-destroy": prevent_destroy,
    "holds-data": holds_data,
    "incomplete-read": incomplete_read,
    "immutable": immutable,
}
