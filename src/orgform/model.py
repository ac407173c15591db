"""The words of the product as values: address, resource, state, change, plan, report.

Invariant: nothing here does I/O, and a plan is plain data: `Plan.from_json(plan.to_json()) == plan`, equal plans give equal bytes.
Attributes are normalised before they get here (case-folded e-mails, IDNA domains, set-valued lists sorted and unique), so every
comparison in the core is a plain `==`.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NewType

from orgform.codec import Struct, decode, encode_pretty, field
from orgform.diagnostics import Diagnostic, Source

PLAN_FORMAT: Final = "orgform.plan/1"

Action = Literal["create", "update", "delete"]
Origin = Literal["config", "drift", "conflict", "new"]
Risk = Literal["additive", "modifying", "destructive"]
#: how far `orgform undo` can take a change back: wholly, all but what it `loses`, or not at all
Undoable = Literal["reversible", "lossy", "irreversible"]
Verdict = Literal["passed", "refused"]
#: of a quota
Window = Literal["minute", "day"]
Attributes = dict[str, Any]


# A plain string with a type of its own: it hashes, sorts, and goes into JSON as it is, which 400,000 resources make worth it.
Address = NewType("Address", str)


def address_of(kind: str, *parts: str) -> Address:
    """`address_of("membership", "brand-x-us", "group:support")` -> `membership/brand-x-us/group:support`.

    A key has one part for each level; no part holds a `/`.
    """
    return Address("/".join((kind, *parts)))


def kind_of(address: str) -> str:
    return address.partition("/")[0]


def key_of(address: str) -> str:
    """Everything after the kind."""
    return address.partition("/")[2]


def parts_of(address: str) -> list[str]:
    """The key's parts, outermost first."""
    return address.split("/")[1:]


class Lifecycle(Struct, frozen=True):
    """`prevent_destroy: None` means: not written."""

    prevent_destroy: bool | None = None
    ignore: tuple[str, ...] = ()
    seed: tuple[str, ...] = ()


NO_LIFECYCLE = Lifecycle()


class Desired(Struct, frozen=True):
    """One resource as the config declares it. A `None` attribute means: managed, and to be empty.

    `seeded` marks a resource whose parent lists its collection under `lifecycle.seed`: created together with the parent, then left alone.
    """

    attributes: Attributes
    source: Source | None = None
    lifecycle: Lifecycle = NO_LIFECYCLE
    until: str | None = None
    reason: str | None = None
    seeded: bool = False


class Live(Struct, frozen=True):
    """One resource as the live system has it. `observed` holds what is shown and never planned.

    `unmanaged`: attributes that people set up there as no config could say it -> what they are, as words that follow "is": `on for some
    only`. They are left alone.
    """

    attributes: Attributes
    observed: Attributes = {}
    id: str = ""
    etag: str | None = None
    unmanaged: dict[str, str] = {}


class Base(Struct, frozen=True):
    """One resource as it was last applied: its managed attributes, and whether it was protected."""

    attributes: Attributes
    prevent_destroy: bool = False


class Move(Struct, frozen=True):
    """`moved: [{from: workspace/old, to: workspace/new}]`"""

    from_: Address = field(name="from")
    to: Address
    source: Source | None = None


class Deletes(Struct, frozen=True):
    free: int = 2
    percent: float = 25
    count: int = 20


class Policy(Struct, frozen=True):
    authoritative: tuple[str, ...] = ()
    deletes: Deletes = Deletes()
    min_company_admins: int = 2
    min_workspace_admins: int = 1


class Attribution(Struct, frozen=True):
    """Who changed it outside of the config, as the platform's audit log tells: `time` is ISO 8601 in UTC."""

    actor: str
    time: str
    client: str = ""


class FieldChange(Struct, frozen=True, omit_defaults=True):
    """`path` is dotted (`settings.timezone`). `attribution`: who changed this field by hand, where an audit log tells."""

    path: str
    origin: Origin
    attribution: Attribution | None = None


class Change(Struct, frozen=True):
    """One step on one resource. `before`/`after`: the whole managed attributes, `None` where there is none.

    `precondition` is the fingerprint of the managed fields of the live resource it was judged on; `None`: it must not exist.
    `because` are sentences for people. `moved_from` is the old address where the step renames. `undo` and `loses`: how far it can be
    taken back, and what nothing brings back then; in the plan of an undo: how far this step does take back. `needs`: what must have been
    done before, besides what references tell, so that nobody is locked out in between; another plan may do that.
    """

    action: Action
    target: str
    address: Address
    origin: Origin
    before: Attributes | None
    after: Attributes | None
    fields: tuple[FieldChange, ...] = ()
    precondition: str | None = None
    reversible: bool = True
    risk: Risk = "modifying"
    attribution: Attribution | None = None
    because: tuple[str, ...] = ()
    moved_from: Address | None = None
    label: str = ""
    source: str = ""
    undo: Undoable = "reversible"
    loses: tuple[str, ...] = ()
    needs: tuple[Address, ...] = ()


class ManualStep(Struct, frozen=True):
    """What people do, since no API does it. `values`: what to enter, under the platform's own words; `now`: what of it is there, where it
    is another; `before`/`after`/`fields` as in a change. `where`: the way through the platform's pages; `who` may do it, `why` it is theirs
    to do, `note` what to mind.

    `verify` says how it will be checked; `command` is the attestation where nothing can read it back, else empty. `waits_for`: what of
    this plan comes first.
    """

    target: str
    address: Address
    instructions: str
    values: Attributes = {}
    verify: str = ""
    action: Action = "create"
    origin: Origin = "new"
    before: Attributes | None = None
    after: Attributes | None = None
    fields: tuple[FieldChange, ...] = ()
    where: str = ""
    who: str = ""
    why: str = ""
    note: str = ""
    command: str = ""
    waits_for: tuple[Address, ...] = ()
    because: tuple[str, ...] = ()
    risk: Risk = "additive"
    label: str = ""
    source: str = ""
    now: Attributes = {}

    def as_change(self) -> Change:
        """What it comes to, as if an API did it."""
        return Change(
            self.action,
            self.target,
            self.address,
            self.origin,
            self.before,
            self.after,
            self.fields,
            risk=self.risk,
            because=self.because,
            label=self.label,
            source=self.source,
        )


class Waiting(Struct, frozen=True):
    """A change that is not done yet; a later plan has it among its changes. `waits_for`: the steps that people do first, or what it refers
    to in a target that could not be read: `left_out` names these targets, and the change is left out with them."""

    change: Change
    waits_for: tuple[Address, ...]
    left_out: tuple[str, ...] = ()


class Attested(Struct, frozen=True):
    """Somebody's word that something is so, where nothing can read it. `expires`: the first day that it counts no more, YYYY-MM-DD."""

    target: str
    address: Address
    by: str
    given: str
    expires: str
    evidence: str = ""


class Unmanaged(Struct, frozen=True):
    target: str
    address: Address


class Observed(Struct, frozen=True):
    """Something worth knowing that is not planned: a domain pending, a member invited."""

    target: str
    address: Address
    attribute: str
    value: Any


class AccessItem(Struct, frozen=True, order=True):
    """`path`: `direct`, `group:support`, `domain:acme.com`, `company admin`, `parent:brand-x`; chained: `parent:brand-x > group:support`.

    `workspace` is empty for the company-level role, `role` where nothing shows which one it is.
    """

    member: str
    workspace: str
    role: str
    path: str


class AccessDelta(Struct, frozen=True):
    """`unclear`: what somebody has after the plan who is there already with a role that nothing shows: gained, lost, or as it was."""

    gained: tuple[AccessItem, ...] = ()
    lost: tuple[AccessItem, ...] = ()
    unclear: tuple[AccessItem, ...] = ()


class GuardVerdict(Struct, frozen=True):
    """`items` are addresses (or `collection: sentence`); `setting` the policy that decides, `override` the exact words that let it pass."""

    guard: str
    verdict: Verdict
    summary: str
    items: tuple[str, ...] = ()
    setting: str = ""
    override: str = ""


class Cost(Struct, frozen=True):
    target: str
    address: Address
    description: str


class Estimate(Struct, frozen=True):
    """`seconds` at the target's known rate and latency; 0 where nothing is to do.

    `quota_percent`: the calls as percent of what a live system allows in a minute or a day (of the one where it is most); None where
    neither is known. `quota_of` says which.
    """

    api_calls: int = 0
    seconds: float = 0.0
    quota_percent: float | None = None
    quota_of: Window = "minute"


class PlanBase(Struct, frozen=True):
    """Where base came from: `ledger` (revision: its counter), `git:REF` (revision: the commit), `none`."""

    source: str = "none"
    revision: str | None = None


class PlanTarget(Struct, frozen=True):
    """`system` is the live system the plan was made against: provider and its address, free of secrets.

    `instance` stands for the place of a system inside the process, whose name alone does not tell it from another folder's.
    """

    provider: str
    complete: bool
    system: str = ""
    instance: str = ""
    #: why nothing of it could be read; empty where it was
    problem: str = ""


class Remember(Struct, frozen=True):
    """What an apply writes to the ledger besides its changes: adopted or re-protected resources, forgotten ones, renames."""

    remember: dict[Address, Base] = {}
    forget: tuple[Address, ...] = ()
    moved: tuple[Move, ...] = ()
    #: prevent_destroy of the resources that this plan changes, where true
    protect: tuple[Address, ...] = ()
    #: of an undo: what base gets of a resource instead of the change's `after`, as a merge patch; the rest of it stays
    patch: dict[Address, Attributes] = {}


class LeftField(Struct, frozen=True):
    """A field that an undo leaves alone: as it was before the run, as the run made it, as it is now."""

    path: str
    before: Any = None
    after: Any = None
    live: Any = None


class LeftAlone(Struct, frozen=True):
    """What an undo does not take back, and why. `run`: the later run that changed it, where one did; `override`: the words that let the
    undo do it all the same, empty where nothing does: then it is `irreversible`."""

    target: str
    address: Address
    action: Action
    why: str
    fields: tuple[LeftField, ...] = ()
    attribution: Attribution | None = None
    run: str = ""
    override: str = ""
    label: str = ""
    undo: Undoable = "reversible"


class Undoes(Struct, frozen=True):
    """Which run a plan takes back. `undone`: changes of it that need nothing any more; `not_done`: those that it never did; `by_hand`:
    steps that it left to people, who may have done them since."""

    run: str
    started: str
    actor: str
    outcome: str
    left: tuple[LeftAlone, ...] = ()
    undone: int = 0
    not_done: int = 0
    by_hand: int = 0


class Part(Struct, frozen=True):
    """Which part of a plan that was split by risk. `needs`: change -> the changes of the other part that must have been done before it;
    `first`: these, as they stand there."""

    name: Literal["additive", "destructive"]
    first: tuple[Change, ...] = ()
    needs: dict[Address, tuple[Address, ...]] = {}


class Plan(Struct, frozen=True):
    """The ordered changes with everything needed to judge and to apply them; the JSON document `orgform.plan/1`."""

    tool_version: str
    config_digest: str
    base: PlanBase
    targets: dict[str, PlanTarget]
    summary: dict[str, int]
    changes: tuple[Change, ...] = ()
    manual_steps: tuple[ManualStep, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    attested: tuple[Attested, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    observed: tuple[Observed, ...] = ()
    access: AccessDelta = AccessDelta()
    guards: tuple[GuardVerdict, ...] = ()
    costs: tuple[Cost, ...] = ()
    estimate: Estimate = Estimate()
    ledger: Remember = Remember()
    #: the `--allow` and `--allow-destroy` that the guards were judged with
    allow: tuple[str, ...] = ()
    allow_destroy: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    #: the run that this plan takes back, where it is an undo
    undoes: Undoes | None = None
    #: where it is only a part of what was planned
    part: Part | None = None
    format: Literal["orgform.plan/1"] = PLAN_FORMAT
    signature: str | None = None

    @property
    def refused(self) -> tuple[GuardVerdict, ...]:
        return tuple(g for g in self.guards if g.verdict == "refused")

    def to_json(self) -> bytes:
        return encode_pretty(self)

    @classmethod
    def from_json(cls, data: bytes) -> Plan:
        """Raises `codec.DecodeError`. Addresses come back as `Address`."""
        return decode_plan(data)


OutcomeStatus = Literal["done", "failed", "skipped", "stale"]
#: what is said of a change that was done without a write, because it was so before
ALREADY = ("it was there already, exactly so", "it was so already", "it was gone already")


class Outcome(Struct, frozen=True):
    """What became of one change. `detail` says why, where it was not done. `already`: it was so before, so nothing was written (`done`)."""

    target: str
    address: Address
    action: Action
    status: OutcomeStatus
    detail: str = ""
    label: str = ""
    already: bool = False


class Report(Struct, frozen=True):
    """One run. `outcome`: `done`, `partly`, `failed`, `stale`, `interrupted`, `nothing`. What was so already counts for none of these."""

    run: str
    outcome: str
    outcomes: tuple[Outcome, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """created, updated, deleted, failed, skipped, stale, already."""
        done = [o.action for o in self.outcomes if o.status == "done" and not o.already]
        other = [o.status for o in self.outcomes]
        return {
            "created": done.count("create"),
            "updated": done.count("update"),
            "deleted": done.count("delete"),
            "failed": other.count("failed"),
            "skipped": other.count("skipped"),
            "stale": other.count("stale"),
            "already": sum(o.already for o in self.outcomes),
        }


def decode_plan(data: bytes) -> Plan:
    return decode(data, Plan)


class TargetConfig(Struct, frozen=True):
    """One entry of `targets`. `options` are the provider's own; secrets stand in them as references, never as values.

    `kinds`: None where the target takes every kind that no other target names. `roles`: role of the config -> its name on the platform.
    """

    name: str
    provider: str
    kinds: tuple[str, ...] | None = None
    options: dict[str, Any] = {}
    source: Source | None = None
    roles: dict[str, str] = {}


class Config(Struct, frozen=True):
    """A config folder, read, checked and expanded. `claims`: kind -> target. `expired`: what `until` takes out, with its last day.

    `digest` is over the desired resources, policy, moves and targets: equal configs have equal digests, however they are written.
    """

    desired: dict[Address, Desired]
    targets: dict[str, TargetConfig]
    claims: dict[str, str]
    policy: Policy = Policy()
    moved: tuple[Move, ...] = ()
    expired: dict[Address, str] = {}
    digest: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()
