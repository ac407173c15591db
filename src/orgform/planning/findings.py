"""Every resource that is not plainly settled, judged once: a change, a step for people, something to remember or forget, or unmanaged.

Invariant: each address ends in one place. What becomes a change here is not in order yet and no guard has seen it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from orgform.codec import replace
from orgform.diagnostics import Diagnostic
from orgform.formats import readable
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Base, Change, Remember, key_of, kind_of
from orgform.planning.diff import Difference, Triple, difference, fingerprint, project, same, unsettled
from orgform.planning.hands import possible
from orgform.planning.order import needed
from orgform.planning.reverse import goes_along, swept
from orgform.planning.scope import PlanInputs, Scope, matches, normal_address
from orgform.planning.who import attributed, attribution_of, by_hand

#: A live system that shows nothing of a kind of which base knows more than this is not believed.
BELIEVABLY_LOST = 2


class Findings:
    """Judged when it is made. `incomplete`: kind -> why its read is not believed."""

    def __init__(self, inputs: PlanInputs, scope: Scope, kinds: Kinds) -> None:
        self.inputs, self.scope, self.kinds = inputs, scope, kinds
        self.changes: list[Change] = []
        self.remember: dict[Address, Base] = {}
        self.forget: list[Address] = []
        self.unmanaged: list[Address] = []
        self.diagnostics: list[Diagnostic] = [*_no_base(inputs), *_failed(inputs)]
        found = {*unsettled(scope.desired, scope.base, scope.live, kinds.untyped), *scope.renames}
        addresses = sorted(a for a in found if kind_of(a) in scope.target_of)
        self.ran_out = {w.address: w for w in inputs.attested if w.expires <= inputs.today}
        self._standing = {w.address: w for w in inputs.attested if w.expires > inputs.today}
        self.unread = {kind: why for t in inputs.targets.values() for kind, why in t.problems.items() if kind in scope.target_of}
        blind = {kind for kind, name in scope.target_of.items() if not _is_read(inputs, name, kind)}
        lost = _lost(scope, (a for a in addresses if kind_of(a) not in blind), inputs.policy.authoritative)
        self.incomplete = {**_respelled(scope, addresses, kinds), **lost, **self.unread}
        for address in addresses:
            kind = kinds.of(address)
            triple = scope.triple(address, kind, kinds)
            if triple:
                self._judge(address, kind, triple)
            self.diagnostics.extend(self._theirs(address))

    def _judge(self, address: Address, kind: Kind, triple: Triple) -> None:
        if kind.once:
            self._once(address, kind, triple)
            return
        if triple.desired is None and not self._may_go(kind, triple):
            gone = triple.live is None or kind.facet_of  # a part of something goes with the whole, never by itself
            if gone and triple.base is not None and kind.name not in self.unread:
                self.forget.append(address)
            elif triple.base is None:
                self.unmanaged.append(address)
            return
        found = difference(triple, kind)
        if found is None and address in self.scope.renames:
            found = self._mere_rename(address, triple, kind)
        if found:
            self._step(kind, self._attributed(self._change(address, kind, found), triple, kind, found))
        elif triple.desired is not None:
            self._remember(address, triple)
        if triple.desired is not None and triple.base is not None:
            self.diagnostics.extend(self._let_go(address, triple))

    def _once(self, address: Address, kind: Kind, triple: Triple) -> None:
        """What is known of it was done: nothing is done again or taken back, whatever is written or there now."""
        done, want = triple.live if triple.base is None else triple.base, triple.desired
        if done is None and want is not None:
            self._step(kind, self._change(address, kind, Difference("create", "new", None, want)))
        elif done is not None and want is not None and any(not same(value, done.get(name)) for name, value in want.items()):
            written = self.inputs.desired[address]
            was = ", ".join(f"{name} {value}" for name, value in sorted(done.items()) if value is not None)
            what = f"{address} was done already ({was}), and what is written now is another one, which is not done"
            give = f"give it an id of its own below `{kind.collection}`, or write it as it was done"
            self.diagnostics.append(Diagnostic("warning", "ORG512", what, give, source=written.source, address=address))

    def _step(self, kind: Kind, change: Change) -> None:
        """A change, by the platform's API or by hand; or a word that it cannot be done there."""
        left, told = possible(change, self.inputs.targets[change.target], kind)
        want = self.scope.desired.get(change.address)
        self.diagnostics.extend(replace(d, source=want.source) if want else d for d in told)
        if left is not None:
            self.changes.append(left)

    def _may_go(self, kind: Kind, triple: Triple) -> bool:
        """Whether something that the config does not have may be deleted: what base knows, or all of an authoritative kind where something
        was applied before."""
        based = self.inputs.base is not None and self.inputs.targets[self.scope.target_of[kind.name]].based
        ours = triple.base is not None or (based and kind.name in self.inputs.policy.authoritative and not self.inputs.destroy)
        return ours and triple.live is not None and kind.name not in self.unread and not kind.facet_of

    def _mere_rename(self, address: Address, triple: Triple, kind: Kind) -> Difference:
        desired = triple.desired or {}
        return Difference("update", "new" if triple.base is None else "config", project(desired, triple.live or {}, kind), desired)

    def _change(self, address: Address, kind: Kind, found: Difference) -> Change:
        live, want = self.scope.live.get(address), self.inputs.desired.get(address)
        everything = {**(live.attributes if live else {}), **{n: v for n, v in (found.after or {}).items() if v is not None}}
        return Change(
            action=found.action,
            target=self.scope.target_of[kind.name],
            address=address,
            origin=found.origin,
            before=found.before,
            after=found.after,
            fields=found.fields,
            precondition=None if found.before is None else fingerprint(found.before),
            reversible=not (found.action == "delete" and kind.irreversible),
            risk={"create": "additive", "update": "modifying", "delete": "destructive"}[found.action],  # type: ignore[arg-type]
            because=tuple(self._because(address, kind, found)),
            moved_from=self.scope.renames.get(address),
            label=str(everything.get(kind.label) or "") if kind.label else readable(key_of(address)),
            source=str(want.source) if want and want.source and found.action != "delete" else "",
        )

    def _attributed(self, change: Change, triple: Triple, kind: Kind, found: Difference) -> Change:
        """With who did by hand what it undoes. The log speaks of the name that the live system has."""
        at = change.moved_from or change.address
        last, events = self.inputs.attributions.get(at), self.inputs.events.get(at, ())
        if not (last or events) or not by_hand(change, triple.base is not None):
            return change
        fields = attributed(change.fields, triple, kind, events)
        return replace(change, fields=fields, attribution=attribution_of(found, fields, events) or last)

    def _because(self, address: Address, kind: Kind, found: Difference) -> Iterable[str]:
        if address in self.scope.renames:
            yield f"renamed from {self.scope.renames[address]}"
        word = self.ran_out.get(address)
        if word:
            yield f"{word.by} attested it on {word.given}, which ran out on {word.expires}"
        elif found.action == "create" and (word := self._standing.get(address)):
            yield f"{word.by} attested it on {word.given}, and what is read does not show it yet"
        elif found.action == "create" and found.origin != "new":
            yield "it was applied before and is gone from the live system"
        if found.action == "delete" and address in self.inputs.expired:
            yield f"until {self.inputs.expired[address]} has passed"
        elif found.action == "delete" and address not in self.scope.base:
            yield f"the config is authoritative for {kind.name} and does not have it"
        if found.action == "delete" and kind.irreversible:
            yield f"{kind.irreversible}: nothing brings this back"

    def _remember(self, address: Address, triple: Triple) -> None:
        known = self.scope.base.get(address)
        protect = self._protected(address)
        if known is None or triple.base != triple.desired or known.prevent_destroy != protect:
            self.remember[address] = Base(triple.desired or {}, protect)

    def _theirs(self, address: Address) -> Iterable[Diagnostic]:
        """What people set up as no config could say it: told where the config, or what was applied, is about it."""
        live, want, known = self.scope.live.get(address), self.scope.desired.get(address), self.scope.base.get(address)
        named = {**(known.attributes if known else {}), **(want.attributes if want else {})}
        for name, words in sorted(live.unmanaged.items()) if live else ():
            if name in named:
                yield Diagnostic(
                    "warning",
                    "ORG511",
                    f"{address}: `{name}` is {words}, which people set up there and a config cannot say; it is left alone",
                    f"undo that there to have `{name}` managed again, or take it out of the config",
                    source=want.source if want else None,
                    address=address,
                )

    def _let_go(self, address: Address, triple: Triple) -> Iterable[Diagnostic]:
        base, desired, live = (a or {} for a in triple)
        want = self.inputs.desired[address]
        for name in sorted(base.keys() - desired.keys()):
            if live.get(name) is not None:
                yield Diagnostic(
                    "info",
                    "ORG502",
                    f"{address}: `{name}` is no longer written, so it stays as it is and is not managed any more",
                    f"to clear it write `{name}: null`",
                    source=want.source,
                    address=address,
                )

    def _protected(self, address: Address) -> bool:
        """What the config says, else what was remembered."""
        want, known = self.inputs.desired.get(address), self.scope.base.get(address)
        written = want.lifecycle.prevent_destroy if want else None
        return written if written is not None else bool(known and known.prevent_destroy)

    def protected(self, changes: Sequence[Change], *, deleted: bool) -> tuple[Address, ...]:
        return tuple(sorted(c.address for c in changes if (c.action == "delete") == deleted and self._protected(c.address)))

    def in_sight(self, address: str) -> bool:
        """Whether `--only` lets it be seen."""
        return not self.inputs.only or matches(address, self.inputs.only)

    def chosen(self) -> list[Change]:
        """The changes that `--only` chooses and what they cannot be without."""
        changes = self._naming(self.changes)
        if self.inputs.only:
            picked = {i for i, c in enumerate(changes) if self.in_sight(c.address)}
            pulled = needed(picked, changes, self.kinds)
            needs = {i: (f"needed by {changes[by].address}",) for i, by in pulled.items()}
            changes = [replace(changes[i], because=changes[i].because + needs.get(i, ())) for i in sorted(picked | pulled.keys())]
            self.diagnostics.extend(_nothing_named(glob) for glob in self.inputs.only if not self._names_anything(glob))
        notes = self._swept_away(changes)
        return [replace(c, because=(*c.because, *notes[c.address])) if c.address in notes else c for c in changes]

    def _naming(self, changes: Sequence[Change]) -> list[Change]:
        """Deletes that name each other, with the attribute by which they do so, also where nobody manages it: what names goes first."""
        going = {c.address for c in changes if c.action == "delete"}
        return [self._with_references(c, going) if c.address in going else c for c in changes] if going else list(changes)

    def _with_references(self, change: Change, going: Collection[Address]) -> Change:
        own, known = self.scope.live[change.address].attributes, change.before or {}
        named = {ref.path[0] for ref, referent in self.kinds.attribute_references(change.address, own) if referent in going}
        if named <= known.keys():
            return change
        before = {**known, **{name: own[name] for name in sorted(named)}}
        return replace(change, before=before, precondition=fingerprint(before))

    def _swept_away(self, changes: Sequence[Change]) -> dict[Address, list[str]]:
        """What nobody declared and goes with something that is deleted: it is said, since no change of its own shows it."""
        parents = {c.address for c in changes if c.action == "delete"}
        gone = swept(parents, self.scope.live, {c.address for c in changes}, self.kinds) if parents else {}
        return {owner: [goes_along(address) for address in found] for owner, found in gone.items()}

    def _names_anything(self, glob: str) -> bool:
        states = (self.scope.desired, self.scope.base, self.scope.live)
        return any(matches(address, (glob,)) for state in states for address in state)

    def ledger(self, changes: Sequence[Change]) -> Remember:
        remember = {a: b for a, b in self.remember.items() if self.in_sight(a)}
        forget = {a for a in self.forget if self.in_sight(a)}
        if self.inputs.base is not None and self.scope.base is not self.inputs.base and not self.scope.renames:
            changed = {c.address for c in changes}
            read = self.scope.target_of.keys() - self.unread.keys()  # of the rest nobody knows by which name it goes now
            new = {a: b for a, b in self.scope.base.items() if a not in self.inputs.base and kind_of(a) in read}
            remember |= {a: b for a, b in new.items() if a not in changed and a not in remember}
            forget |= {a for a in self.inputs.base.keys() - self.scope.base.keys() if kind_of(a) in read}
        remember = {a: b for a, b in remember.items() if a not in forget}
        return Remember(dict(sorted(remember.items())), tuple(sorted(forget)), self.scope.settled, self.protected(changes, deleted=False))


def _is_read(inputs: PlanInputs, target: str, kind: str) -> bool:
    """Whether anything but people's word, which may run out all at once, says what is there."""
    can = inputs.targets[target].capabilities.of(kind)
    return can is None or can.readable


def _lost(scope: Scope, addresses: Iterable[Address], authoritative: Collection[str]) -> dict[str, str]:
    """Kinds of which the live system suddenly shows nothing, or strangers only: such a read is not believed. It may be another system.

    Beside strangers only what is still wanted counts, and what would cost a stranger its place: what the config gave up, too, is just gone.
    """
    missing = [a for a in addresses if a in scope.base and a not in scope.live]
    known = Counter(map(kind_of, missing))
    suspect = {kind for kind, count in known.items() if count > BELIEVABLY_LOST}
    suspect -= {kind_of(a) for a in scope.live if a in scope.base or a in scope.desired} if suspect else set()
    others = {kind_of(a) for a in scope.live} if suspect else set()
    wanted = Counter(kind_of(a) for a in missing if a in scope.desired) if suspect & others else Counter[str]()
    suspect -= {kind for kind in others if wanted[kind] <= BELIEVABLY_LOST and kind not in authoritative}
    return {kind: _shows(known[kind], others=kind in others) for kind in sorted(suspect)}


def _shows(known: int, *, others: bool) -> str:
    shown = f"others only, none of the {known} that" if others else f"none, {known}"
    return f"the live system shows {shown} were applied before"


def _respelled(scope: Scope, addresses: Iterable[Address], kinds: Kinds) -> dict[str, str]:
    """Kinds of which the live system gives a key in another spelling: who is one would be taken for two, and one of them deleted."""
    found: dict[str, str] = {}
    for address in addresses:
        if address in scope.live and address not in scope.desired and address not in scope.base:
            known = address if address.isascii() and address.islower() else normal_address(address, kinds)
            if known != address and any(known in state for state in (scope.desired, scope.base, scope.live)):
                told = f"the live system has {address}, which is {known} in another spelling"
                found.setdefault(kind_of(address), told)
    return found


def _no_base(inputs: PlanInputs) -> list[Diagnostic]:
    without = sorted(name for name, target in inputs.targets.items() if inputs.base is None or not target.based)
    if not without:
        return []
    where = "" if len(without) == len(inputs.targets) else f" to {', '.join(without)}"
    return [
        Diagnostic(
            "info",
            "ORG501",
            f"nothing is known of what was applied{where} before, so nothing is deleted{' there' if where else ''}",
            "the first apply writes the ledger; `--base REF` takes what was applied from git",
        )
    ]


def _failed(inputs: PlanInputs) -> list[Diagnostic]:
    return [
        Diagnostic(
            "error",
            "ORG510",
            f"the target {name} could not be read, so it is left out of this plan: {target.problem}",
            "the plan of the other targets stands, without what refers to something there; run it again when this one can be reached",
        )
        for name, target in sorted(inputs.failed.items())
    ]


def _nothing_named(glob: str) -> Diagnostic:
    return Diagnostic(
        "warning",
        "ORG504",
        f"`--only {glob}` names nothing that is declared or live",
        "`*` crosses `/`: `--only 'membership/brand-x-us/*'`, `--only '*/alice@acme.com'`",
    )
