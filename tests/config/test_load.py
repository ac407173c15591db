"""What a good config becomes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from orgform import app
from orgform.codec import replace
from orgform.diagnostics import Source
from orgform.model import Deletes, Lifecycle, Move, Policy
from tests.config.folders import GOOD, HEAD, load, refused, told, write

PRODUCT = """\
# yaml-language-server: $schema=./schemas/company.schema.json
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: local, database: acme.db}           # embedded default: nothing to start
variables:
  environment: {type: string, default: production}
roles:
  campaign-manager: {scope: workspace, extends: member, permissions: [campaigns.write, contacts.read]}
domains:
  acme.com: {}
  acme.co.uk: {auto_join: {workspace: brand-x-us, role: viewer}}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: standard, until: 2027-01-31, reason: agency contract}
groups:
  support: {members: [bob@acme.com]}
workspaces:
  brand-x-us:
    name: Brand X - US - Production
    region: us
    labels: {brand: x, environment: "{{ environment }}"}
    members: {alice@acme.com: admin, group:support: member}
    features: {beta-dashboard: true}
    settings: {timezone: America/New_York, retention_days: 365, thresholds: {risk_score: 70}}
    integrations: {hubspot: allowed}
    auto_top_up: {threshold: 50, amount: 200, max_per_month: 3, currency: USD}
features:
  beta-dashboard: {type: boolean, default: false, description: New dashboard, owner: alice@acme.com, expires: 2027-03-01}
"""


def test_the_example_of_the_product_page(tmp_path: Path) -> None:
    config = load(tmp_path, PRODUCT)
    assert {address: desired.attributes for address, desired in config.desired.items()} == {
        "auto_top_up/brand-x-us": {"threshold": 50, "amount": 200, "max_per_month": 3, "currency": "USD"},
        "company/company": {"name": "Acme Corp", "primary_domain": "acme.com"},
        "domain/acme.co.uk": {"auto_join": {"workspace": "brand-x-us", "role": "viewer"}},
        "domain/acme.com": {},
        "feature/beta-dashboard": {
            "type": "boolean",
            "default": False,
            "description": "New dashboard",
            "owner": "alice@acme.com",
            "expires": "2027-03-01",
        },
        "feature_value/brand-x-us/beta-dashboard": {"value": True},
        "group/support": {"members": ["bob@acme.com"]},
        "integration/brand-x-us/hubspot": {"status": "allowed"},
        "member/alice@acme.com": {"name": "Alice Ng", "role": "owner"},
        "member/bob@acme.com": {"name": "Bob Roy", "role": "standard"},
        "membership/brand-x-us/alice@acme.com": {"role": "admin"},
        "membership/brand-x-us/group:support": {"role": "member"},
        "role/campaign-manager": {"scope": "workspace", "extends": "member", "permissions": ["campaigns.write", "contacts.read"]},
        "workspace/brand-x-us": {
            "name": "Brand X - US - Production",
            "region": "us",
            "labels": {"brand": "x", "environment": "production"},
            "settings": {"timezone": "America/New_York", "retention_days": 365, "thresholds": {"risk_score": 70}},
        },
    }
    assert list(config.desired) == sorted(config.desired)
    bob = config.desired["member/bob@acme.com"]
    assert (bob.until, bob.reason) == ("2027-01-31", "agency contract")
    assert bob.source == Source("acme.yaml", 15, 3)
    assert config.desired["membership/brand-x-us/group:support"].source == Source("acme.yaml", 23, 38)
    assert set(config.claims.values()) == {"acme"} and "tag" in config.claims
    assert config.targets["acme"].options == {"database": "acme.db"}
    assert config.targets["acme"].kinds is None
    assert config.diagnostics == ()


def test_attributes_are_plain_data(tmp_path: Path) -> None:
    """What comes after config compares and packs them; marks would only cost."""
    config = load(tmp_path, PRODUCT)
    settings = config.desired["workspace/brand-x-us"].attributes["settings"]
    assert type(settings) is dict and type(settings["thresholds"]) is dict
    assert type(config.desired["group/support"].attributes["members"]) is list


def test_files_are_one_document(tmp_path: Path) -> None:
    whole = load(tmp_path / "one", GOOD)
    parts = {
        "a.yaml": HEAD,
        "people/members.yml": "members:\n  alice@acme.com: {name: Alice Ng, role: "
        "owner}\n  bob@acme.com: {name: Bob Roy, role: standard}\n",
        "people/groups.yaml": "groups:\n  support: {members: [bob@acme.com]}\nroles:\n  campaign-manager: "
        "{scope: workspace, extends: member, permissions: [campaigns.write]}\n",
        "ws/x.yaml": "workspaces:\n  brand-x: {name: Brand X, region: us}\n",
        "ws/x-access.yaml": "workspaces:\n  brand-x:\n    members: {alice@acme.com: admin, "
        "group:support: campaign-manager}\n    features: {beta: true}\n",
        "features.yaml": "features:\n  beta: {type: boolean, default: false, owner: alice@acme.com}\n",
        "empty.yaml": "# nothing but a comment\n",
        ".hidden/x.yaml": "nonsense: [",
        ".hidden.yaml": "nonsense: [",
        "access.test.yaml": "nonsense: [",
        "notes.txt": "nonsense: [",
    }
    split = load(tmp_path / "many", parts)
    assert {a: d.attributes for a, d in split.desired.items()} == {a: d.attributes for a, d in whole.desired.items()}
    assert split.digest == whole.digest, "equal configs have equal digests, however they are written"
    assert str(split.desired["workspace/brand-x"].source) == "ws/x-access.yaml:2:3"


def test_digest_changes_with_what_is_declared(tmp_path: Path) -> None:
    digests = [
        load(tmp_path / str(number), text).digest
        for number, text in enumerate(
            [
                GOOD,
                GOOD.replace("Bob Roy", "Bob R."),
                GOOD.replace("name: Brand X", "name: Brand X\n    lifecycle: {prevent_destroy: true}"),
                GOOD + "policy: {min_company_admins: 1}\n",
                GOOD + "moved: [{from: workspace/old, to: workspace/brand-x}]\n",
                GOOD.replace("acme.db", "other.db"),
            ]
        )
    ]
    assert len(set(digests)) == len(digests)
    assert load(tmp_path / "again", "# a comment\n" + GOOD).digest == digests[0]


def test_spelling_is_normalised(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        HEAD.replace("acme.com: {}", "ACME.com.: {}\n  BÜCHER.example: {}")
        + "members: {Alice@ACME.com: {role: owner}}\n"
        + "groups: {g: {members: [ALICE@acme.com, alice@acme.com]}}\n"
        + "roles: {r: {scope: workspace, permissions: [b, a, b]}}\n"
        + "workspaces: {w: {members: {aLICE@acme.com: r}, sites: {s: {domain: Www.Bücher.example}}}}\n",
    )
    assert {"domain/acme.com", "domain/xn--bcher-kva.example", "member/alice@acme.com", "membership/w/alice@acme.com"} <= set(
        config.desired
    )
    assert config.desired["group/g"].attributes == {"members": ["alice@acme.com"]}
    assert config.desired["role/r"].attributes["permissions"] == ["a", "b"]
    assert config.desired["site/w/s"].attributes["domain"] == "www.xn--bcher-kva.example"
    assert config.desired["company/company"].attributes["primary_domain"] == "acme.com"


def test_reference_in_another_spelling(tmp_path: Path) -> None:
    config = load(tmp_path, HEAD.replace("primary_domain: acme.com", "primary_domain: Acme.COM"))
    assert config.desired["company/company"].attributes["primary_domain"] == "acme.com"


def test_scalars_are_yaml_1_2(tmp_path: Path) -> None:
    text = HEAD + (
        "workspaces:\n  w:\n    labels: {a: 'yes', b: on, c: 2027-01-31, d: 1_000, e: 12:30:45, f: 0b1}\n"
        "    settings: {retention_days: 0o17, thresholds: {x: 1e3, y: 0x1F, z: +2, w: -.5}}\n"
        "    features: {s: no}\nfeatures: {s: {type: string, default: off}}\n"
    )
    config = load(tmp_path, text)
    workspace = config.desired["workspace/w"].attributes
    assert workspace["labels"] == {"a": "yes", "b": "on", "c": "2027-01-31", "d": "1_000", "e": "12:30:45", "f": "0b1"}
    assert workspace["settings"] == {"retention_days": 15, "thresholds": {"x": 1000.0, "y": 31, "z": 2, "w": -0.5}}
    assert config.desired["feature/s"].attributes["default"] == "off"
    assert config.desired["feature_value/w/s"].attributes == {"value": "no"}


def test_keys_are_text(tmp_path: Path) -> None:
    config = load(
        tmp_path, HEAD + "groups: {2024: {}, true: {}, 1.0: {}}\nfeatures: {f: {type: string, default: on, variants: {on: a, null: b}}}\n"
    )
    assert {"group/2024", "group/true", "group/1.0"} <= set(config.desired)
    assert config.desired["feature/f"].attributes["variants"] == {"on": "a", "null": "b"}


def test_null_means_managed_and_empty(tmp_path: Path) -> None:
    config = load(tmp_path, HEAD + "  acme.org: {auto_join: null}\nworkspaces: {w: {parent: null, name: ~, settings: {timezone: null}}}\n")
    assert config.desired["workspace/w"].attributes == {"parent": None, "name": None, "settings": {"timezone": None}}
    assert config.desired["domain/acme.org"].attributes == {"auto_join": None}


def test_empty_entries_and_sections(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        HEAD + "members:\n  a@acme.com:\ngroups:\nworkspaces:\n  w:\n    members:\n      a@acme.com:\n    features:\n",
    )
    assert config.desired["member/a@acme.com"].attributes == {}
    assert config.desired["membership/w/a@acme.com"].attributes == {}
    assert not [a for a in config.desired if a.startswith(("group/", "feature"))]


def test_aliases_and_merge_keys(tmp_path: Path) -> None:
    text = HEAD + (
        "workspaces:\n  a: &a\n    region: us\n    settings: &s {timezone: UTC, currency: USD}\n"
        "  b: {<<: *a, name: B}\n  c: {<<: [{region: eu}, *a], settings: {<<: *s, currency: EUR}}\n  d: *a\n"
    )
    config = load(tmp_path, text)
    found = {a: config.desired[f"workspace/{a}"].attributes for a in "abcd"}
    assert found["b"] == {"name": "B", "region": "us", "settings": {"timezone": "UTC", "currency": "USD"}}
    assert found["c"] == {"region": "eu", "settings": {"timezone": "UTC", "currency": "EUR"}}
    assert found["d"] == found["a"] == {"region": "us", "settings": {"timezone": "UTC", "currency": "USD"}}


def test_core_tags_are_fine(tmp_path: Path) -> None:
    config = load(
        tmp_path, HEAD + "workspaces: !!map {w: {name: !!str 3, settings: {retention_days: !!int '7', thresholds: {t: !!float 1}}}}\n"
    )
    assert config.desired["workspace/w"].attributes == {"name": "3", "settings": {"retention_days": 7, "thresholds": {"t": 1.0}}}


def test_object_features_have_two_forms(tmp_path: Path) -> None:
    features = "features: {f: {type: object, default: {}}, g: {type: object, default: {}}, h: {type: object, default: {}}}\n"
    config = load(
        tmp_path,
        HEAD + features + "workspaces: {w: {features: {f: {color: red}, g: {value: {color: red}}, h: {value: 1, color: red}}}}\n",
    )
    values = {name: config.desired[f"feature_value/w/{name}"].attributes for name in "fgh"}
    assert values == {"f": {"value": {"color": "red"}}, "g": {"value": {"color": "red"}}, "h": {"value": {"value": 1, "color": "red"}}}


def test_features_with_variants_name_one(tmp_path: Path) -> None:
    text = HEAD + "features: {f: {type: number, default: low, variants: {low: 1, high: 2.5}}}\nworkspaces: {w: {features: {f: high}}}\n"
    config = load(tmp_path, text)
    assert config.desired["feature_value/w/f"].attributes == {"value": "high"}


def test_lifecycle(tmp_path: Path) -> None:
    text = GOOD.replace(
        "    region: us\n",
        "    region: us\n    lifecycle: {prevent_destroy: true, ignore: [name, settings.timezone, members], seed: [features]}\n",
    )
    config = load(tmp_path, text)
    workspace = config.desired["workspace/brand-x"]
    assert workspace.lifecycle == Lifecycle(True, ("name", "settings.timezone", "members"), ("features",))
    assert "lifecycle" not in workspace.attributes
    assert not [a for a in config.desired if a.startswith("membership/")], "an ignored collection is left out"
    assert config.desired["feature_value/brand-x/beta"].seeded


def test_what_is_ignored_is_checked_all_the_same(tmp_path: Path) -> None:
    text = GOOD.replace("    region: us\n", "    lifecycle: {ignore: [members]}\n").replace("alice@acme.com: admin", "alice@acme.com: admn")
    assert told(refused(tmp_path, text)) == [("ORG301", "acme.yaml:18:31")]


def test_long_form_with_lifecycle(tmp_path: Path) -> None:
    text = GOOD.replace("{beta: true}", "{beta: {value: true, lifecycle: {prevent_destroy: true}}}").replace(
        "alice@acme.com: admin", "alice@acme.com: {role: admin, until: 2027-01-01, reason: cover}"
    )
    config = load(tmp_path, text)
    assert config.desired["feature_value/brand-x/beta"].attributes == {"value": True}
    assert config.desired["feature_value/brand-x/beta"].lifecycle.prevent_destroy is True
    grant = config.desired["membership/brand-x/alice@acme.com"]
    assert (grant.attributes, grant.until, grant.reason) == ({"role": "admin"}, "2027-01-01", "cover")


def test_policy_and_moves(tmp_path: Path) -> None:
    text = GOOD + (
        "policy: {authoritative: [membership, member], deletes: {percent: 10}, min_workspace_admins: 0}\n"
        "moved:\n  - {from: workspace/brand-old, to: workspace/brand-x}\n  - {from: member/Old@acme.com, to: member/Bob@acme.com}\n"
    )
    config = load(tmp_path, text)
    assert config.policy == Policy(("member", "membership"), Deletes(2, 10, 20), 2, 0)
    assert config.moved == (
        Move("workspace/brand-old", "workspace/brand-x", Source("acme.yaml", 24, 6)),
        Move("member/old@acme.com", "member/bob@acme.com", Source("acme.yaml", 25, 6)),
    )


def test_moves_of_children(tmp_path: Path) -> None:
    text = GOOD.replace("region: us", "tags: {new: {}}") + "moved: [{from: tag/brand-x/old, to: tag/brand-x/new}]\n"
    assert [(m.from_, m.to) for m in load(tmp_path, text).moved] == [("tag/brand-x/old", "tag/brand-x/new")]


def test_targets_share_the_kinds(tmp_path: Path) -> None:
    text = GOOD.replace(
        "domains:", "  closed: {provider: closed, kinds: [member, membership], url: x, token: env:T, folder: sub/x}\ndomains:"
    )
    config = load(tmp_path, text)
    assert config.claims["member"] == config.claims["membership"] == "closed"
    assert config.claims["workspace"] == "acme"
    assert config.targets["closed"].kinds == ("member", "membership")
    assert config.targets["closed"].options == {"url": "x", "token": "env:T", "folder": "sub/x"}
    assert str(config.targets["closed"].source) == "acme.yaml:5:3"


def test_target_without_kinds_takes_what_its_platform_has(tmp_path: Path) -> None:
    text = GOOD.replace("provider: local, database: acme.db", "provider: closed, url: x, rate: 3")
    found = told(refused(tmp_path, text.replace("campaigns.write", "contacts.read")))
    assert {code for code, _ in found} == {"ORG410"}, "groups, features: no such thing there; company, domains and roles are words"
    assert len(found) == 3


def test_reason_is_advised(tmp_path: Path) -> None:
    config = load(tmp_path, HEAD + "members: {a@acme.com: {until: 2027-01-01}}\n")
    ((severity, code, place),) = [(d.severity, d.code, str(d.source)) for d in config.diagnostics]
    assert (severity, code, place) == ("warning", "ORG216", "acme.yaml:7:24")


EXPIRING = HEAD + (
    "members:\n  a@acme.com: {role: owner}\n  b@acme.com: {until: 2026-12-31, reason: x}\n"
    "groups: {g: {members: [a@acme.com, b@acme.com]}}\n"
    "features: {f: {type: boolean, default: true, owner: b@acme.com}}\n"
    "workspaces:\n  w:\n    members:\n      b@acme.com: member\n      a@acme.com: {role: admin, until: 2027-01-31, reason: y}\n"
    "    inboxes: {i: {members: [b@acme.com]}}\n"
)


def test_the_last_day_counts(tmp_path: Path) -> None:
    config = load(tmp_path, EXPIRING, today=date(2026, 12, 31))
    assert "member/b@acme.com" in config.desired and config.expired == {}


def test_what_has_expired_counts_as_not_written(tmp_path: Path) -> None:
    config = load(tmp_path, EXPIRING, today=date(2027, 1, 1))
    assert config.expired == {"member/b@acme.com": "2026-12-31", "membership/w/b@acme.com": "2026-12-31"}
    assert not set(config.expired) & set(config.desired)
    assert config.desired["group/g"].attributes == {"members": ["a@acme.com"]}
    assert config.desired["feature/f"].attributes == {"type": "boolean", "default": True, "owner": None}, "managed, and empty"
    assert config.desired["inbox/w/i"].attributes == {"members": []}
    assert "membership/w/a@acme.com" in config.desired
    later = load(tmp_path, today=date(2027, 2, 1))
    assert later.expired["membership/w/a@acme.com"] == "2027-01-31"
    assert "member/a@acme.com" in later.desired
    assert config.digest != later.digest


def test_who_expires_can_be_removed_everywhere(tmp_path: Path) -> None:
    """The live system forgets that they own things in the same run in which it lets them go."""
    text = (
        EXPIRING.replace("inboxes: {i: {members: [b@", "inboxes: {i: {members: [a@acme.com, b@")
        + "policy: {min_company_admins: 1, min_workspace_admins: 0}\n"
    )
    options = app.Options(write(tmp_path, text), today=date(2026, 12, 31))
    assert app.apply(options)[1].outcome == "done"
    made, report = app.apply(replace(options, today=date(2027, 1, 1)))
    assert (report.outcome, sorted({c.action for c in made.changes})) == ("done", ["delete", "update"])
    live = app.export(replace(options, today=date(2027, 1, 1)))
    assert "b@acme.com" not in "".join(live.files.values())
    assert not app.plan(replace(options, today=date(2027, 1, 1))).changes


def test_composed_and_decomposed_letters_are_one_key(tmp_path: Path) -> None:
    one, two = "jos\u00e9@acme.com", "Jose\u0301@acme.com"
    text = HEAD + f"members: {{{two}: }}\ngroups: {{g: {{members: [{one}]}}}}\nworkspaces: {{w: {{tags: {{Cafe\u0301: }}}}}}\n"
    config = load(tmp_path, text)
    assert f"member/{one}" in config.desired and config.desired["group/g"].attributes == {"members": [one]}
    assert "tag/w/Caf\u00e9" in config.desired
    both = HEAD + f"members: {{{one}: , {two}: }}\n"
    assert [code for code, _ in told(refused(tmp_path / "both", both))] == ["ORG012"]
    assert len(load(tmp_path / "sharp", HEAD + "members: {straße@acme.com: , strasse@acme.com: }\n").desired) == 4


def test_digest_is_of_what_counts_today(tmp_path: Path) -> None:
    gone = load(tmp_path / "a", HEAD + "members: {a@acme.com: {role: owner}, b@acme.com: {until: 2020-01-01, reason: x}}\n")
    never = load(tmp_path / "b", HEAD + "members: {a@acme.com: {role: owner}}\n")
    assert gone.digest == never.digest


def test_a_failed_file_does_not_make_references_dangle(tmp_path: Path) -> None:
    files = {
        "acme.yaml": GOOD.replace(
            "members:\n  alice@acme.com: {name: Alice Ng, role: owner}\n  bob@acme.com: {name: Bob Roy, role: standard}\n", ""
        ),
        "members.yaml": "members:\n  alice@acme.com: {name: Alice Ng, role: owner\n  bob@acme.com: {}\n",
        "more.yaml": "groups: {h: {nmae: x}}\n",
    }
    assert told(refused(tmp_path, files)) == [("ORG010", "members.yaml:3:15"), ("ORG201", "more.yaml:1:14")]


def test_all_problems_come_in_one_go(tmp_path: Path) -> None:
    files = {
        "acme.yaml": GOOD.replace("region: us", "regon: us").replace("admin,", "admn,").replace("type: boolean", "type: bool"),
        "b.yaml": "groups:\n\ta: {}\n",
        "c.yaml": "members:\n  x@: {}\n",
        "d.yaml": "",
    }
    codes = [code for code, _ in told(refused(tmp_path, files))]
    assert codes == ["ORG201", "ORG204", "ORG011", "ORG207", "ORG008"], "the dangling role may be in the file that failed"


@pytest.mark.parametrize("place", ["members", "workspaces", "features", "roles", "groups", "domains", "company", "targets"])
@pytest.mark.parametrize("value", ["[]", "x", "3", "true", "[{}]", "{x: [1]}", "{x: 3}", "{x: {x: {x: {}}}}", "null"])
def test_any_shape_anywhere_is_told(place: str, value: str, tmp_path: Path) -> None:
    """No shape makes a later stage stumble."""
    lines = {
        "company": "{name: A, primary_domain: acme.com}",
        "targets": "{t: {provider: local, database: a.db}}",
        "domains": "{acme.com: {}}",
    }
    lines[place] = value
    write(tmp_path, "orgform: 1\n" + "".join(f"{name}: {text}\n" for name, text in lines.items()))
    if value == "null" and place not in ("company", "targets", "domains"):
        assert load(tmp_path).desired
    else:
        assert all(d.source is not None and d.detail for d in refused(tmp_path).diagnostics)


@pytest.mark.parametrize(
    "name", ["name", "region", "parent", "labels", "settings", "members", "features", "inboxes", "auto_top_up", "lifecycle", "shifts"]
)
@pytest.mark.parametrize(
    "value", ["[]", "x", "3", "true", "[{}]", "{x: [1]}", "{x: 3}", "{x: {x: {x: {}}}}", "{ignore: 3}", "{x: {members: [[a]]}}"]
)
def test_any_shape_in_a_workspace_is_told(name: str, value: str, tmp_path: Path) -> None:
    write(tmp_path, HEAD + f"workspaces: {{w: {{{name}: {value}}}}}\n")
    if (name, value) in {("name", "x"), ("region", "x")}:
        assert load(tmp_path).desired
    else:
        assert all(d.source is not None and d.detail for d in refused(tmp_path).diagnostics)
