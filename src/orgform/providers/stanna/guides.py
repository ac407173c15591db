"""What Stanna's API does and what people do by hand, with the way through its dashboard.

Invariant: paths of clicks are those of the help page "Workspaces"; where it names none, the guide says so and does not make one up.
"""

from __future__ import annotations

from typing import Final

from orgform.providers.base import FieldReach, Guide, KindCapability

_CONFIG: Final[FieldReach] = "config"
_SETTINGS: Final = "Settings -> Workspace"
_UNNAMED: Final = "the workspace's team management in the Stanna dashboard (the help page names no path)"
_ADMIN: Final = "an Admin of the workspace"
_SUPPORT: Final = "write to support@gostanna.com"
_REAUTH: Final = (
    "OAuth tokens remain tied to the original domain: re-authenticate the integrations afterwards, and see that their "
    "permissions have not changed"
)
_SETTING: Final = Guide(
    _SETTINGS,
    who=_ADMIN,
    note=f"a new name is only what is shown: the workspaceId stays. For a hierarchy or a region {_SUPPORT}",
    labels={"name": "Workspace Name", "region": "Data residency", "parent": "Parent workspace"},
)

# Nothing stands above workspaces but the contract: a config's company is for its own people.
_COMPANY: Final = KindCapability(
    read="none",
    create="none",
    update="none",
    delete="none",
    fields=dict.fromkeys(("name", "primary_domain", "description", "labels"), _CONFIG),
)

_WORKSPACE: Final = KindCapability(
    create="manual",
    update="manual",
    delete="manual",
    fields={
        "settings": "api",
        "name": "manual",
        "region": "attested",
        "parent": "attested",
        "description": "config",
        "labels": "config",
    },
    guides={
        "create": Guide(
            f"sign up with an address of the workspace's domain; for an id of its own, a region or a parent {_SUPPORT}",
            note="its workspaceId is the e-mail domain, unless Stanna sets another one; put that into the target's `workspaces`",
            labels={"key": "workspaceId", "name": "Workspace Name", "region": "Data residency", "parent": "Parent workspace"},
        ),
        "update": _SETTING,
        "delete": Guide(_SUPPORT, note="everything stored in the workspace goes with it"),
    },
)

_PART: Final = KindCapability(
    create="none",
    delete="none",
    refusals={
        "create": "there is no workspace of that id; make it first, or put its id into the target's `workspaces`",
        "delete": "a workspace always has settings; they stay as they are",
    },
)

_DOMAIN: Final = KindCapability(
    read="manual",
    create="manual",
    update="manual",
    delete="manual",
    guides={
        "create": Guide(
            f"{_SETTINGS} -> Add Domain -> verify the ownership as it asks",
            who=_ADMIN,
            why="the API shows the primary domain only",
            note=f"existing users of the domain gain access to the workspace by themselves; the primary domain is there already. {_REAUTH}",
            labels={"key": "Domain", "auto_join": "Workspace that its users join"},
        ),
        "*": Guide(_SETTINGS, who=_ADMIN, why="the API shows the primary domain only", note=_REAUTH, labels={"key": "Domain"}),
    },
)


def _by_hand(guide: Guide, **fields: FieldReach) -> KindCapability:
    """Nothing reads it and nothing writes it but people."""
    return KindCapability(
        read="manual",
        create="manual",
        update="manual",
        delete="manual",
        fields=fields,
        guides={"*": guide},
    )


_MEMBER: Final = _by_hand(
    Guide(
        _UNNAMED,
        who=_ADMIN,
        note="who has an address at a domain of the workspace is in it without an invitation",
        labels={"email": "E-mail", "name": "Name"},
    ),
    role="config",
    title="config",
    labels="config",
)
_MEMBERSHIP: Final = _by_hand(
    Guide(
        _UNNAMED,
        who=_ADMIN,
        note="who has an address at a domain of the workspace is in it without an invitation, and only the role is to be set",
        labels={"workspace": "Workspace", "principal": "E-mail", "role": "Permission level"},
    ),
)
_ROLE: Final = _by_hand(
    Guide(_SUPPORT, note="custom roles are an Enterprise feature", labels={"key": "Role", "name": "Name", "permissions": "Permissions"}),
    scope="config",
)
# Flags are Stanna's own, and each workspace has them: only their values are anybody's to set.
_FEATURE: Final = KindCapability(
    read="none",
    create="none",
    update="none",
    delete="none",
    fields={
        **dict.fromkeys(("type", "default", "state", "description", "owner", "expires", "labels"), _CONFIG),
        "variants": "none",
    },
)
_FEATURE_VALUE: Final = _by_hand(Guide(_SETTINGS, who=_ADMIN, labels={"workspace": "Workspace", "feature": "Feature", "value": "Enabled"}))
_INTEGRATION: Final = _by_hand(
    Guide(
        _SETTINGS,
        who=_ADMIN,
        note="each workspace has its own OAuth connections",
        labels={"workspace": "Workspace", "name": "Integration", "status": "Availability"},
    ),
)

KINDS: Final[dict[str, KindCapability]] = {
    "company": _COMPANY,
    "workspace": _WORKSPACE,
    "workspace.settings": _PART,
    "domain": _DOMAIN,
    "member": _MEMBER,
    "membership": _MEMBERSHIP,
    "role": _ROLE,
    "feature": _FEATURE,
    "feature_value": _FEATURE_VALUE,
    "integration": _INTEGRATION,
}
