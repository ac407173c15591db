"""Live state -> config, as one would have written it; read again, it plans nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgform.config import load_config
from orgform.config.source import parse_yaml
from orgform.export import documents, file_stem
from orgform.kinds import Kind, Kinds, load_kinds
from orgform.model import Address, Config, Live, TargetConfig
from orgform.providers import find_spec, spec_names

KINDS = load_kinds()
TARGETS = {"acme": TargetConfig("acme", "local", options={"database": "acme.db"})}


def live(**resources: Any) -> dict[Address, Live]:
    return {Address(a.replace("__", "/")): r if isinstance(r, Live) else Live(r) for a, r in resources.items()}


COMPANY = {"company/company": {"name": "Acme", "primary_domain": "acme.com"}, "domain/acme.com": {}}


def exported(resources: dict[str, Any], *, split: bool = False) -> dict[str, str]:
    return documents(live(**COMPANY, **resources), KINDS, TARGETS, split=split)


def load(folder: Path, files: dict[str, str]) -> Config:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return load_config(folder, kinds=KINDS, specs=find_spec, spec_names=spec_names, today=date(2026, 12, 1))


def test_one_document_reads_like_one_that_somebody_wrote() -> None:
    resources = {
        "member/bob@acme.com": Live({"name": "Bob Roy", "role": "standard"}, {"status": "active"}),
        "member/alice@acme.com": {"name": "Alice Ng", "role": "owner", "labels": {}},
        "role/seller": {"scope": "workspace", "extends": "member", "permissions": ["a.read", "b.write"]},
        "feature/beta": {"type": "boolean", "default": False, "state": "enabled"},
        "feature/theme": {"type": "object", "default": {}},
        "workspace/x": Live({"name": "X", "labels": {"on": "1"}, "settings": {"thresholds": {}}}, {"balance": 12, "holds_data": True}),
        "membership/x/alice@acme.com": {"role": "admin"},
        "membership/x/bob@acme.com": {"role": "member"},
        "feature_value/x/beta": {"value": True},
        "feature_value/x/theme": {"value": {"accent": "red"}},
        "integration/x/hubspot": Live({"status": "allowed"}, {"connected": True}),
        "auto_top_up/x": {"threshold": 50, "amount": 200.5, "enabled": True},
        "message_template/x/hi": {"body": "Hello {{first_name}},\nwelcome.\n"},
        "inbox/x/help": {"name": "Help", "public": True, "members": []},
    }
    assert exported(resources) == {
        "company.yaml": """\
orgform: 1

company:
  name: Acme
  primary_domain: acme.com

targets:
  acme:
    provider: local
    database: acme.db

domains:
  acme.com: {}

features:
  beta:
    type: boolean
    default: false
  theme:
    type: object
    default: {}

members:
  alice@acme.com:
    name: Alice Ng
    role: owner
  bob@acme.com:
    name: Bob Roy
    role: standard

roles:
  seller:
    scope: workspace
    extends: member
    permissions:
    - a.read
    - b.write

workspaces:
  x:
    name: X
    labels:
      'on': '1'
    auto_top_up:
      threshold: 50
      amount: 200.5
    features:
      beta: true
      theme:
        value:
          accent: red
    inboxes:
      help:
        name: Help
    integrations:
      hubspot: allowed
    members:
      alice@acme.com: admin
      bob@acme.com: member
    message_templates:
      hi:
        body: |
          Hello {{ '{{' }}first_name}},
          welcome.
"""
    }


def test_a_folder_has_a_file_for_each_workspace() -> None:
    files = exported(
        {
            "member/a@acme.com": {},
            "feature/f": {"type": "boolean", "default": True},
            "group/g": {"members": ["a@acme.com"]},
            "workspace/x": {},
            "workspace/w": {"name": "W"},
            "tag/w/vip": {},
        },
        split=True,
    )
    assert list(files) == ["company.yaml", "features.yaml", "members.yaml", "workspaces/w.yaml", "workspaces/x.yaml"]
    assert files["workspaces/w.yaml"] == "workspaces:\n  w:\n    name: W\n    tags:\n      vip: {}\n"
    assert files["workspaces/x.yaml"] == "workspaces:\n  x: {}\n"
    assert "groups:" in files["company.yaml"]


def test_file_names_that_would_be_no_config_or_clash_are_changed() -> None:
    files = exported({f"workspace/{key}": {} for key in ("Brand", "brand", "x.test", "BRAND_")}, split=True)
    assert [name for name in files if name.startswith("workspaces/")] == [
        "workspaces/BRAND_.yaml",
        "workspaces/Brand.yaml",
        "workspaces/brand__.yaml",
        "workspaces/x.test_.yaml",
    ]
    assert file_stem(".x") == "_.x"


def test_secrets_are_left_out_and_children_without_their_parent_still_have_a_place() -> None:
    token = {"type": "string", "x-sensitive": True}
    hook = Kind(
        {"x-kind": "hook", "x-collection": "hooks", "x-parent": "workspace", "x-key": {"name": "key"}, "properties": {"token": token}}
    )
    kinds = Kinds([*KINDS.values(), hook])
    files = documents({Address("hook/x/h"): Live({"token": "s3cret"})}, kinds, {}, split=False)
    assert files == {"company.yaml": "orgform: 1\n\nworkspaces:\n  x:\n    hooks:\n      h: {}\n"}


def test_targets_are_written_with_their_kinds_and_references() -> None:
    targets = {"a": TargetConfig("a", "orgform", ("member",), {"url": "https://a.example", "token": "env:TOKEN"})}
    text = documents(live(**COMPANY), KINDS, targets, split=False)["company.yaml"]
    assert "targets:\n  a:\n    provider: orgform\n    kinds:\n    - member\n    url: https://a.example\n    token: env:TOKEN\n" in text


TEXTS = st.one_of(
    st.sampled_from(
        ["on", "yes", "1_000", "2027-01-31", "0x1F", "~", "null", "{{ x }}", "{% raw %}", "{# c #}", "{{{", "a: b", "- x", "#", "é\n x\n"]
    ),
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"), include_characters="\n{}%#"), min_size=1
    ),
)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
KEYS = TEXTS.filter(lambda text: "\n" not in text)
JSON = st.recursive(st.one_of(TEXTS, NUMBERS, st.booleans()), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    body=TEXTS,
    labels=st.dictionaries(KEYS, TEXTS, max_size=3),
    value=st.dictionaries(KEYS, JSON, max_size=3),
    number=NUMBERS,
    split=st.booleans(),
)
def test_whatever_is_live_is_read_back_as_it_was(
    body: str, labels: dict[str, str], value: dict[str, Any], number: float, split: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    resources = {
        "feature/f": {"type": "object", "default": value},
        "feature/n": {"type": "number", "default": number},
        "workspace/x": {"labels": labels} if labels else {},
        "feature_value/x/f": {"value": value},
        "message_template/x/t": {"body": body},
    }
    config = load(tmp_path_factory.mktemp("config"), exported(resources, split=split))
    assert {a: d.attributes for a, d in config.desired.items()} == {**COMPANY, **resources}


def test_equal_states_give_equal_text() -> None:
    resources = {"member/b@acme.com": {"name": "B"}, "member/a@acme.com": {"name": "A"}, "tag/x/t": {}, "workspace/x": {}, "site/x/s": {}}
    assert exported(resources) == exported(dict(reversed(resources.items())))
    tree, problems = parse_yaml(exported(resources)["company.yaml"].encode(), "x.yaml")
    assert (problems, list(tree["workspaces"]["x"])) == ([], ["sites", "tags"])
