"""Plan documents made by hand, one for each thing that a reader must see well."""

from __future__ import annotations

from typing import Any

from orgform.codec import replace, to_builtins
from orgform.diagnostics import Diagnostic, Source
from orgform.model import (
    AccessDelta,
    AccessItem,
    Address,
    Attested,
    Attribution,
    Change,
    Cost,
    Estimate,
    FieldChange,
    GuardVerdict,
    LeftAlone,
    LeftField,
    ManualStep,
    Observed,
    Outcome,
    Plan,
    PlanBase,
    PlanTarget,
    Report,
    Undoes,
    Unmanaged,
    Waiting,
)

ACME = {"acme": PlanTarget("local", True, "local:acme.db")}


def doc(plan: Plan) -> dict[str, Any]:
    return to_builtins(plan)


def make(**fields: Any) -> Plan:
    changes = fields.get("changes", ())
    summary = {action: sum(c.action == action for c in changes) for action in ("create", "update", "delete")}
    summary |= {"manual": len(fields.get("manual_steps", ())), "waiting": len(fields.get("waiting", ()))}
    summary |= {"unmanaged": len(fields.get("unmanaged", ()))}
    common = {"tool_version": "0.1.0", "config_digest": "sha256:00", "base": PlanBase("ledger", "12"), "targets": ACME, "summary": summary}
    return Plan(**{**common, **fields})


def create(address: str, label: str = "", **attributes: Any) -> Change:
    return Change("create", "acme", Address(address), "new", None, attributes, risk="additive", label=label)


def update(address: str, before: dict[str, Any], after: dict[str, Any], *fields: str, origin: Any = "config", **more: Any) -> Change:
    paths = tuple(FieldChange(f, origin) for f in fields)
    return Change("update", "acme", Address(address), origin, before, after, fields=paths, precondition="sha256:11", **more)


def delete(address: str, label: str = "", **attributes: Any) -> Change:
    return Change(
        "delete",
        "acme",
        Address(address),
        "config",
        attributes,
        None,
        precondition="sha256:22",
        risk="destructive",
        reversible=False,
        undo="lossy",
        label=label,
    )


def nothing() -> Plan:
    return make(unmanaged=(Unmanaged("acme", Address("tag/brand-x-us/vip")),))


def first() -> Plan:
    """A company from nothing."""
    return make(
        base=PlanBase(),
        changes=(
            create("company/company", "Acme Corp", name="Acme Corp", primary_domain="acme.com"),
            create("domain/acme.com"),
            create("domain/acme.co.uk", auto_join={"workspace": "brand-x-eu", "role": "viewer"}),
            create("role/campaign-manager", scope="workspace", extends="member", permissions=["campaigns.write", "contacts.read"]),
            create("member/alice@acme.com", "Alice Ng", name="Alice Ng", role="owner"),
            create("member/bob@acme.com", "Bob Roy", name="Bob Roy", role="standard"),
            create("member/li@acme.com", "李小龍 Lǐ Xiǎolóng", name="李小龍 Lǐ Xiǎolóng", role="standard"),
            create("group/support", "Support", name="Support", members=["bob@acme.com", "li@acme.com"]),
            create(
                "workspace/brand-x-us",
                "Brand X - US - Production",
                name="Brand X - US - Production",
                region="us",
                labels={"brand": "x", "environment": "production"},
                settings={"timezone": "America/New_York", "retention_days": 365, "thresholds": {"risk_score": 70}},
            ),
            create("workspace/brand-x-eu", "Brand X - EU - Production", name="Brand X - EU - Production", region="eu"),
            create("membership/brand-x-us/alice@acme.com", role="admin"),
            create("membership/brand-x-us/group:support", role="member"),
            create("feature/beta-dashboard", type="boolean", default=False, description="New dashboard", owner="alice@acme.com"),
            create("feature_value/brand-x-us/beta-dashboard", value=True),
            create("auto_top_up/brand-x-us", threshold=50, amount=200, max_per_month=3, currency="USD"),
        ),
        access=AccessDelta(
            gained=(
                AccessItem("alice@acme.com", "", "owner", "direct"),
                AccessItem("alice@acme.com", "brand-x-eu", "admin", "company admin"),
                AccessItem("alice@acme.com", "brand-x-us", "admin", "direct"),
                AccessItem("bob@acme.com", "brand-x-us", "member", "group:support"),
                AccessItem("li@acme.com", "brand-x-us", "member", "group:support"),
            )
        ),
        costs=(Cost("acme", Address("auto_top_up/brand-x-us"), "buys balance: up to 3 x 200 USD a month"),),
        observed=(Observed("acme", Address("domain/acme.com"), "status", "pending"),),
        estimate=Estimate(3, 0.4),
        diagnostics=(
            Diagnostic(
                "info",
                "ORG501",
                "no base: nothing was applied here before, so nothing will be deleted",
                "apply once, or plan with --base REF",
            ),
        ),
    )


def everything() -> Plan:
    """Config changes, drift, conflict, a rename, deletes, manual steps, a refusal, two targets."""
    tz = {"settings": {"timezone": "Europe/Berlin", "retention_days": 365}, "labels": {"brand": "x", "tier": "gold"}}
    return make(
        base=PlanBase("git:main", "1a2b3c4d5e6f7a8b9c0d"),
        targets={**ACME, "front": PlanTarget("front", False, "https://api2.frontapp.com")},
        changes=(
            create("membership/brand-x-us/carol@acme.com", role="admin"),
            update(
                "member/bob@acme.com",
                {"name": "Bob Roy", "role": "standard"},
                {"name": "Bob Roy", "role": "admin"},
                "role",
                label="Bob Roy",
            ),
            update("group/support", {"members": ["bob@acme.com", "dan@acme.com"]}, {"members": ["bob@acme.com", "li@acme.com"]}, "members"),
            update(
                "workspace/brand-x-eu",
                tz,
                {"settings": {"timezone": "Europe/Paris", "retention_days": None}, "labels": {"brand": "x", "owner": "Zoë"}},
                "settings.timezone",
                "settings.retention_days",
                "labels",
                label="Brand X - EU",
                because=("the template brand-x changed",),
            ),
            update("workspace/brand-y", {"name": "Y"}, {"name": "Y"}, label="Y", moved_from=Address("workspace/brand-old")),
            Change(
                "update",
                "acme",
                Address("workspace/brand-x-us"),
                "drift",
                {"name": "Brand X US", "settings": {"retention_days": 30}},
                {"name": "Brand X - US", "settings": {"retention_days": 365}},
                fields=(FieldChange("name", "drift"), FieldChange("settings.retention_days", "config")),
                precondition="sha256:33",
                attribution=Attribution("dana@acme.com", "2026-11-20T14:02:31Z", "the web console"),
                label="Brand X - US",
            ),
            Change(
                "update",
                "acme",
                Address("feature/beta-dashboard"),
                "conflict",
                {"default": True},
                {"default": False},
                fields=(FieldChange("default", "conflict"),),
                precondition="sha256:44",
                attribution=Attribution("eve@acme.com", "2026-11-20T09:00:00+00:00"),
            ),
            Change(
                "update",
                "acme",
                Address("workspace/brand-z"),
                "conflict",
                {"name": "Z", "description": "New", "settings": {"timezone": "UTC"}},
                {"name": "Brand Z", "description": "Old", "settings": {"timezone": "Europe/Rome"}},
                fields=(
                    FieldChange("description", "drift", Attribution("frank@acme.com", "2026-11-20T08:00:00Z", "web console")),
                    FieldChange("name", "conflict", Attribution("dana@acme.com", "2026-11-20T14:02:31Z", "orgform/0.1.0 (run r7)")),
                    FieldChange("settings.timezone", "config"),
                ),
                precondition="sha256:55",
                attribution=Attribution("dana@acme.com", "2026-11-20T14:02:31Z", "orgform/0.1.0 (run r7)"),
                label="Brand Z",
            ),
            Change("create", "front", Address("tag/brand-x-us/vip"), "drift", None, {"name": "VIP", "color": "red"}, risk="additive"),
            delete("membership/brand-x-us/bob@acme.com", role="admin"),
            delete("member/zed@acme.com", "Zed Zimmermann", name="Zed Zimmermann", role="standard", title="Former head of everything"),
        ),
        manual_steps=(
            ManualStep(
                "front",
                Address("workspace/brand-x-eu"),
                "create the workspace Brand X - EU by hand",
                {"Name": "Brand X - EU", "Colour": "blue"},
                "the next plan reads it back",
                where="Settings > Company > Workspaces > Create workspace",
                who="a company admin",
                why="Front has no API for that",
                note="workspaces count toward the plan's limit",
            ),
            ManualStep(
                "front",
                Address("membership/brand-x-eu/li@acme.com"),
                "create the membership li@acme.com by hand",
                {"Role": "Admin"},
                "nothing reads it back here: whoever did it attests it",
                command="orgform attest membership/brand-x-eu/li@acme.com --by EMAIL",
                waits_for=(Address("workspace/brand-x-eu"), Address("member/li@acme.com")),
                because=("it was attested by dana@acme.com, which ran out on 2026-11-01",),
            ),
        ),
        waiting=(
            Waiting(create("inbox/brand-x-eu/main", "Main", name="Main"), (Address("workspace/brand-x-eu"),)),
            Waiting(create("group/desk", "Desk"), (Address("member/ira@acme.com"),), ("people",)),
        ),
        attested=(Attested("front", Address("membership/brand-x-us/li@acme.com"), "dana@acme.com", "2026-11-01", "2027-04-30", "OPS-12"),),
        unmanaged=tuple(Unmanaged("acme", Address(f"tag/brand-x-us/t{i}")) for i in range(14)),
        observed=(Observed("acme", Address("member/li@acme.com"), "status", "invited"),),
        access=AccessDelta(
            gained=(
                AccessItem("bob@acme.com", "", "admin", "direct"),
                *(AccessItem("bob@acme.com", f"brand-{i}", "admin", "company admin") for i in range(9)),
                AccessItem("carol@acme.com", "brand-x-us", "admin", "direct"),
            ),
            lost=(
                AccessItem("bob@acme.com", "brand-x-us", "admin", "direct"),
                AccessItem("zed@acme.com", "", "standard", "direct"),
                AccessItem("zed@acme.com", "brand-x-eu", "member", "parent:brand-x > group:support"),
            ),
        ),
        guards=(
            GuardVerdict("own-access", "passed", "the token's own access stays"),
            GuardVerdict(
                "deletes",
                "refused",
                "3 of 4 members of brand-x-us would go, more than 25 %",
                ("membership/brand-x-us/bob@acme.com",),
                "policy.deletes.percent: 25",
                "--allow 'deletes:membership/brand-x-us/*'",
            ),
            GuardVerdict("incomplete-read", "passed", "every collection was read completely"),
        ),
        costs=(Cost("acme", Address("auto_top_up/brand-x-us"), "buys balance"),),
        estimate=Estimate(11, 1.6),
        diagnostics=(
            Diagnostic(
                "warning",
                "ORG410",
                "`until` without `reason`",
                "write `reason: ...` beside it, so that others know why it is time-boxed",
                Source("members.yaml", 12, 18, 5, "  bob@acme.com: {until: 2027-01-31}"),
            ),
        ),
    )


def large(creates: int = 10_000, deletes: int = 60) -> Plan:
    return make(
        changes=(
            *(create(f"member/user{i:05}@acme.com", f"User {i}", name=f"User {i}", role="standard") for i in range(creates)),
            *(delete(f"tag/brand-x-us/old{i:03}", name=f"old {i}") for i in range(deletes)),
        ),
        access=AccessDelta(gained=tuple(AccessItem(f"user{i:05}@acme.com", "", "standard", "direct") for i in range(creates))),
        estimate=Estimate(60, 640),
    )


def hostile() -> Plan:
    """Names that try to forge lines, colours, annotations, markup and links."""
    evil = 'x\x1b[2J\r\n::error::owned\n\u202egnp\u200b|`</pre><script>alert(1)</script>``` @everyone =cmd|" -' + "é" * 10
    return make(
        targets={evil: PlanTarget(evil, False, evil)},
        changes=(
            create(f"member/{evil}", evil, name=evil, labels={evil: evil}),
            update(
                f"workspace/{evil}",
                {"name": evil, "tags": [evil]},
                {"name": "y", "tags": ["y", evil]},
                "name",
                "tags",
                label=evil,
                because=(evil,),
            ),
            delete(f"tag/{evil}", evil, name=evil),
        ),
        manual_steps=(
            ManualStep(
                evil,
                Address(evil),
                evil,
                {evil: evil},
                evil,
                where=evil,
                who=evil,
                why=evil,
                note=evil,
                command=evil,
                waits_for=(Address(evil), Address("tag/x")),
                because=(evil,),
                now={evil: evil},
            ),
        ),
        waiting=(Waiting(create(f"tag/{evil}", evil), (Address(evil),)),),
        attested=(Attested(evil, Address(evil), evil, evil, evil, evil),),
        unmanaged=(Unmanaged(evil, Address(evil)),),
        observed=(Observed(evil, Address(evil), evil, evil),),
        access=AccessDelta(gained=(AccessItem(evil, evil, evil, evil),), lost=(AccessItem(evil, "", evil, "direct"),)),
        guards=(GuardVerdict(evil, "refused", evil, (evil,), evil, evil),),
        costs=(Cost(evil, Address(evil), evil),),
        diagnostics=(Diagnostic("error", evil, evil, evil, Source(evil, 3, 4, 80, evil), related=(Source(evil, 1, 1, 1, evil),)),),
    )


def undone() -> Plan:
    """An undo of a run, a part of which was changed since."""
    left = (
        LeftAlone(
            "acme",
            Address("group/support"),
            "create",
            "membership/brand-x-us/group:support would go with it, which the run did not create",
            override="--allow changed-since:group/support",
            label="Support",
        ),
        LeftAlone(
            "acme", Address("member/dan@acme.com"), "update", "it is gone since the run", label="Dan \x1b[2J|`x`", undo="irreversible"
        ),
        LeftAlone(
            "acme",
            Address("workspace/brand-x-us"),
            "update",
            "it was changed since the run",
            (LeftField("name", "Brand X", "Brand X - US", "Brand X - <b>USA</b>"), LeftField("settings.timezone", None, "UTC", None)),
            Attribution("dana@acme.com", "2026-11-20T14:02:11Z", "web console"),
            override="--allow changed-since:workspace/brand-x-us",
            label="Brand X",
        ),
        LeftAlone(
            "acme",
            Address("feature/beta"),
            "update",
            "it was changed since the run",
            (LeftField("state", "enabled", "archived", "disabled"),),
            Attribution("ci@acme.com", "2026-11-20T15:00:00Z", "orgform/ (run r9)"),
            run="r9",
            override="--allow changed-since:feature/beta",
        ),
    )
    back = create("member/bob@acme.com", "Bob Roy", name="Bob Roy", role="admin")
    return make(
        base=PlanBase("run:20261120-140211-ab12cd", "12"),
        changes=(
            replace(back, undo="lossy", loses=("sessions, personal tokens and a pending invitation of the person", "its id: it is new")),
            update("company/company", {"name": "Acme Inc"}, {"name": "Acme Corp"}, "name", label="Acme Inc"),
            update("tag/brand-x-us/vip", {"color": "#ff0000"}, {"color": "#00ff00"}, "color", origin="conflict"),
            replace(delete("workspace/brand-x-eu", "Brand X - EU", name="Brand X - EU"), loses=("everything stored in the workspace",)),
            replace(delete("site/brand-x-us/main"), undo="irreversible", loses=("front has no API to create it again",)),
        ),
        undoes=Undoes("20261120-140211-ab12cd", "2026-11-20T14:02:11Z", "dana@acme.com", "partly", left, undone=1, not_done=3),
    )


DIAGNOSTICS: list[dict[str, Any]] = to_builtins(
    (
        Diagnostic(
            "error",
            "ORG201",
            "unknown key `retention_day` in a workspace's settings",
            "did you mean `retention_days`?",
            Source("workspaces/us.yaml", 112, 15, 13, "    settings: {retention_day: 365, timezone: America/New_York}"),
        ),
        Diagnostic(
            "error",
            "ORG012",
            "the member alice@acme.com is written twice",
            "keep one of the two; maps of different files are one map",
            Source("people.yaml", 9, 3, 14, "  alice@acme.com: {name: Alice Ng}"),
            related=(Source("company.yaml", 4, 3, 14, "  alice@acme.com: {name: Alice}"),),
        ),
        Diagnostic("error", "ORG005", "the file is not UTF-8", "save it as UTF-8", Source("old.yaml")),
        Diagnostic(
            "warning",
            "ORG203",
            "`on` is a string here",
            "write `true` if a boolean is meant",
            Source("文件.yaml", 3, 22, 2, "  機能: {名前: 長い名前, 値: on, " + "x" * 200 + "}"),
        ),
        Diagnostic("error", "ORG002", "an escape in a name", "", Source("a.yaml", 7, 150, 4, "x: " + "y" * 146 + "\x1b[2J" + "z" * 50)),
        Diagnostic("info", "ORG501", "nothing was applied here before", address="company/company"),
    )
)

VALIDATION: dict[str, Any] = {"resources": {"company": 1, "feature_value": 12_000, "member": 40}, "diagnostics": [DIAGNOSTICS[3]]}

REPORT: dict[str, Any] = to_builtins(
    Report(
        "20261121-093011-a1b2",
        "partly",
        (
            Outcome("acme", Address("workspace/brand-x-us"), "create", "done", label="Brand X - US - Production"),
            Outcome("acme", Address("member/bob@acme.com"), "update", "done", label="Bob Roy"),
            *(Outcome("acme", Address(f"tag/brand-x-us/t{i:03}"), "create", "done") for i in range(80)),
            Outcome("acme", Address("tag/brand-x-us/old"), "delete", "done"),
            Outcome(
                "acme",
                Address("member/dan@acme.com"),
                "create",
                "failed",
                "POST /v1/members: 409, there is a member with this address\x1b[0m",
            ),
            Outcome("acme", Address("membership/brand-x-us/dan@acme.com"), "create", "skipped", "member/dan@acme.com was not created"),
            Outcome("acme", Address("group/support"), "update", "stale", "it was changed since the plan was made"),
        ),
    )
)

ACCESS: list[dict[str, Any]] = to_builtins(
    (
        AccessItem("alice@acme.com", "", "owner", "direct"),
        AccessItem("alice@acme.com", "brand-x-us", "admin", "company admin"),
        AccessItem("bob@acme.com", "brand-x-us", "member", "parent:brand-x > group:support"),
        AccessItem("=cmd|' /C calc'!A0", "brand-x-us", '+1, "quoted"', "@evil\nline"),
    )
)

HISTORY: dict[str, Any] = {
    "runs": [
        {"run": "r2", "started": "2026-11-21T09:30:11Z", "finished": None, "actor": "ci@acme.com", "outcome": None, "changes": 3},
        {
            "run": "r1",
            "started": "2026-11-20T09:30:11+00:00",
            "finished": "2026-11-20T09:30:15+00:00",
            "actor": "alice on a laptop with a very long name in the office",
            "outcome": "done",
            "changes": 10_402,
        },
    ]
}
RUN: dict[str, Any] = {"runs": [{**HISTORY["runs"][1], "changes": REPORT["outcomes"][:2] + REPORT["outcomes"][-3:]}]}

UNDONE_RUN: dict[str, Any] = {
    "runs": [
        {
            **HISTORY["runs"][1],
            "undoes": "r0",
            "outcome": "interrupted",
            "next": [
                "`orgform undo r0` looks at the live system anew and does what is missing.",
                "`orgform undo r1` takes back what it did.",
            ],
            "changes": [
                *({"address": f"member/m{n:05}@acme.com", "action": "create", "status": "done"} for n in range(10_000)),
                *({"address": f"tag/w/t{n:03}", "action": "delete", "status": "done"} for n in range(300)),
                {"address": "group/support", "action": "update", "status": "failed", "detail": "409: no room"},
                *(
                    {"address": f"membership/w/m{n:05}@acme.com", "action": "create", "status": "unknown", "detail": "it was cut off"}
                    for n in range(101)
                ),
            ],
        }
    ]
}

PROVIDERS: dict[str, Any] = {
    "front": {
        "summary": "Front, a shared inbox for teams: its Core API speaks of workspaces as teams, and some of it cannot be written.",
        "options": {"type": "object", "properties": {"token": {}, "url": {}}},
        "batch": 1,
        "page": 100,
        "paging": "link",
        "requests_per_minute": 50,
        "requests_per_day": 10_000,
        "idempotency": "none",
        "rereads": True,
        "roles": {
            "company": {"names": ["company admin", "guest | *"], "usual": {"admin": "company admin"}, "where": "in the company"},
            "workspace": {"names": [], "usual": {"admin": "workspace admin"}, "where": "in a workspace"},
        },
        "limits": [
            {"kind": "workspace", "most": 5, "text": "the plan comes with so many", "per_parent": False, "when": "plan: growth"},
            {"kind": "tag", "most": 1000, "text": "a workspace has no more", "per_parent": True},
        ],
        "words": {"tag.color": ["red", "blue"]},
        "kinds": {
            "workspace": {
                "read": "api",
                "create": "manual",
                "update": "none",
                "delete": "none",
                "fields": {"name": "manual", "labels": "none", "region": "none", "notes": "a new word"},
                "guides": {
                    "create": {"where": "Settings > Workspaces | Create", "who": "an admin", "why": "no API", "note": "all admins get in"},
                    "*": {"where": "Settings > Workspaces > @workspace"},
                },
                "refusals": {"delete": "a workspace stays *as it is*"},
            },
            "member": {"read": "file", "checked_by": "the people CSV", "create": "manual", "update": "manual", "delete": "manual"},
            "role": {"read": "manual", "create": "manual", "update": "manual", "delete": "manual", "guides": {"*": {"where": "Roles"}}},
            "shift": {"read": "none", "create": "none", "update": "none", "delete": "none"},
            "tag": {"read": "api", "create": "api", "update": "api", "delete": "api"},
        },
    },
    "local": {
        "summary": "The admin API inside the process.",
        "options": {},
        "batch": 1000,
        "page": 1000,
        "kinds": None,
        "idempotency": "key",
        "optimistic_locking": True,
        "audit_log": True,
        "sign_in_verified_domain": True,
    },
    "flat": {"summary": "", "page": 1, "paging": "none", "kinds": {"tag": {"delete": "manual"}}, "requests_per_day": 10},
}
