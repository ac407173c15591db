"""Random companies as configs: valid by construction, small enough to shrink, with every kind in them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

EMAILS = [f"{name}@acme.com" for name in ("alice", "bob", "carol", "dan", "erin", "frank")] + ["Gail@Acme.co.uk"]
WORKSPACES = ["north", "south", "east", "west"]
GROUPS = ["support", "sales"]
FEATURES: dict[str, dict[str, Any]] = {
    "beta": {"type": "boolean", "default": False},
    "limit": {"type": "number", "default": 10},
    "color": {"type": "string", "variants": {"r": "red", "g": "green"}, "default": "r"},
    "layout": {"type": "object", "default": {"columns": 2}},
}
VALUES: dict[str, Any] = {"beta": True, "limit": 20.5, "color": "g", "layout": {"columns": 3, "wide": True}}
ROLES = {
    "campaigner": {"scope": "workspace", "extends": "member", "permissions": ["contacts.read", "campaigns.write"]},
    "lead": {"scope": "workspace", "extends": "campaigner"},
    "auditor": {"scope": "company", "permissions": ["audit.read"]},
}
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(lambda s: "{" not in s)

THRESHOLDS = st.dictionaries(st.sampled_from(["risk", "load"]), st.integers(0, 99))


def some(items: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(items), unique=True) if items else st.just([])


@st.composite
def companies(draw: st.DrawFn) -> dict[str, Any]:
    """A config's tree without `orgform` and `targets`. Alice and Bob are always admins: the API's own guard is tested elsewhere."""
    roles = {key: ROLES[key] for key in ROLES if draw(st.booleans()) or key == "campaigner"}
    emails = ["alice@acme.com", "bob@acme.com", *(e for e in EMAILS[2:] if draw(st.booleans()))]
    members = {email: draw(member(roles)) for email in emails}
    members["alice@acme.com"]["role"] = "owner"
    members["bob@acme.com"]["role"] = "admin"
    groups = {g: {"members": draw(some(emails))} for g in draw(some(GROUPS))}
    features = {f: FEATURES[f] for f in draw(some(list(FEATURES)))}
    # What one config writes and the next does not is let go, not cleared: references are therefore written in every company.
    for feature in features:
        features[feature] = {**features[feature], "owner": draw(st.none() | st.sampled_from(emails))}
    keys = draw(some(WORKSPACES))
    workspaces = {
        key: draw(workspace(keys[:index], emails, groups, features, [r for r in roles if r != "auditor"])) for index, key in enumerate(keys)
    }
    domains: dict[str, Any] = {"acme.com": {}, "acme.co.uk": {"auto_join": None}}
    if keys and draw(st.booleans()):
        domains["acme.co.uk"] = {"auto_join": {"workspace": keys[0], "role": "viewer"}}
    return {
        "company": {"name": draw(NAMES), "primary_domain": "acme.com"},
        "domains": domains,
        "roles": roles,
        "members": members,
        "groups": groups,
        "features": features,
        "workspaces": workspaces,
    }


@st.composite
def member(draw: st.DrawFn, roles: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["name"] = draw(NAMES)
    found["role"] = draw(st.sampled_from(["standard", *(r for r in roles if r == "auditor")]))
    return found


@st.composite
def workspace(
    draw: st.DrawFn, parents: list[str], emails: list[str], groups: dict[str, Any], features: dict[str, Any], roles: list[str]
) -> dict[str, Any]:
    principals = draw(some([*emails, *(f"group:{g}" for g in groups)]))
    found: dict[str, Any] = {
        "name": draw(NAMES),
        "members": {p: draw(st.sampled_from(["admin", "member", "viewer", *roles])) for p in principals},
        "features": {f: VALUES[f] for f in draw(some(list(features)))},
    }
    found["parent"] = draw(st.none() | st.sampled_from(parents)) if parents else None
    if draw(st.booleans()):
        found["labels"] = draw(st.dictionaries(st.sampled_from(["brand", "tier"]), st.sampled_from(["x", "on", "1", ""])))
    if draw(st.booleans()):
        found["settings"] = {
            "timezone": "Europe/Berlin",
            "thresholds": draw(THRESHOLDS),
        }
    if draw(st.booleans()):
        found |= {
            "integrations": {"hubspot": draw(st.sampled_from(["allowed", "denied"]))},
            "auto_top_up": {"threshold": 50, "amount": draw(st.sampled_from([100, 200.5])), "currency": "USD"},
            "monthly_recharge": {"amount": 10, "day": 1},
            "inboxes": {"help": {"name": "Help", "members": draw(some(emails))}},
            "tags": {"vip": {"color": "#ff0000"}},
            "message_templates": {"hello": {"body": "Hello: you\n  there #1"}},
            "shifts": {"early": {"timezone": "UTC", "times": {"mon": {"start": "06:00", "end": "14:00"}}}},
            "sites": {"main": {"domain": "shop.acme.com"}},
            "ad_accounts": {"spring": {"platform": "meta", "external_id": "007"}},
        }
    return found
