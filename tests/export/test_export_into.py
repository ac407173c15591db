"""Live state into a folder that people keep: what differs changes where it is written, and nothing else does."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orgform.codec import replace
from orgform.config import load_config
from orgform.export_into import Merged, merge_into
from orgform.kinds import Kind, Kinds, load_kinds
from orgform.model import Address, Config, Live
from orgform.providers import find_spec, spec_names

KINDS = load_kinds()
TODAY = date(2026, 12, 1)
COMPANY = """\
# Acme, as we keep it.
orgform: 1
company: {name: Acme, primary_domain: acme.com}   # legal name: Acme Corp
targets:
  acme: {provider: local, database: acme.db}

domains:
  acme.com:

members:
  # The founders.
  Alice@acme.com: {name: 'Alice Ng', role: owner}
  bob@acme.com:            # Robert
    name: Bob
    labels: {team: x, floor: "2"}

groups:
  support:
    members:
      - Alice@acme.com     # lead
      - bob@acme.com

features:
  beta: {type: boolean, default: false}

workspaces:
  hq:
    name: Headquarters
    settings: {timezone: Europe/London}
    members: {alice@acme.com: admin, group:support: member}
    features: {beta: true}
"""


class Kept:
    """A folder with files, and the live system as its config declares it."""

    def __init__(self, folder: Path, files: dict[str, str], env: str | None = None, kinds: Kinds = KINDS) -> None:
        self.folder, self.files, self.env, self.kinds = folder, dict(files), env, kinds
        self.write(files)
        self.config = self.load()
        self.live = {a: Live({k: v for k, v in d.attributes.items() if v is not None}) for a, d in self.config.desired.items()}

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, encoding="utf-8")

    def load(self) -> Config:
        return load_config(self.folder, kinds=self.kinds, specs=find_spec, spec_names=spec_names, today=TODAY, env=self.env)

    def put(self, address: str, **attributes: Any) -> None:
        old = self.live.get(Address(address), Live({})).attributes
        self.live[Address(address)] = Live({k: v for k, v in {**old, **attributes}.items() if v is not None})

    def drop(self, *addresses: str) -> None:
        for address in addresses:
            del self.live[Address(address)]

    def merge(self) -> Merged:
        texts = {name: text for name, text in self.files.items() if name.endswith(".yaml")}
        return merge_into(texts, self.live, self.kinds, self.config, read=self.kinds, env=self.env)

    def settle(self) -> Merged:
        """Merges, writes, and holds what must hold then: the config declares what is live."""
        merged = self.merge()
        self.write(merged.files)
        config = self.load()
        assert {a: {k: v for k, v in d.attributes.items() if v is not None} for a, d in config.desired.items()} == {
            a: r.attributes for a, r in self.live.items()
        }
        assert merged.notes == ()
        return merged


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path, {"company.yaml": COMPANY})


def replaced(*pairs: tuple[str, str]) -> str:
    text = COMPANY
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_no_difference_no_change(kept: Kept) -> None:
    assert kept.merge() == Merged({})


def test_a_default_that_nobody_wrote_is_not_written(kept: Kept) -> None:
    kept.put("member/bob@acme.com", role="standard")
    assert kept.merge() == Merged({})


def test_values_change_where_they_are_written(kept: Kept) -> None:
    kept.put("company/company", name="Acme Corp")
    kept.put("member/alice@acme.com", role="admin", title="Founder")
    kept.put("member/bob@acme.com", labels={"team": "z", "desk": "7"}, role="manager")
    kept.put("group/support", members=["bob@acme.com", "carol@acme.com"])
    kept.put("member/carol@acme.com", name="Carol")
    kept.put("workspace/hq", settings={"timezone": "Europe/Paris", "currency": "EUR"}, description="Home")
    kept.put("membership/hq/alice@acme.com", role="manager")
    kept.put("feature_value/hq/beta", value=False)
    assert kept.settle().files == {
        "company.yaml": replaced(
            ("{name: Acme,", "{name: Acme Corp,"),
            ("role: owner}", "role: admin, title: Founder}"),
            ('labels: {team: x, floor: "2"}\n', "labels: {team: z, desk: '7'}\n    role: manager\n  carol@acme.com:\n    name: Carol\n"),
            ("      - Alice@acme.com     # lead\n      - bob@acme.com\n", "      - bob@acme.com\n      - carol@acme.com\n"),
            ("{timezone: Europe/London}", "{timezone: Europe/Paris, currency: EUR}"),
            ("alice@acme.com: admin,", "alice@acme.com: manager,"),
            ("{beta: true}\n", "{beta: false}\n    description: Home\n"),
        )
    }


def test_what_is_new_stands_beside_its_like_and_what_is_gone_goes(kept: Kept) -> None:
    kept.put("workspace/lab", name="Lab")
    kept.put("tag/lab/vip", color="red")
    kept.put("membership/lab/alice@acme.com", role="viewer")
    kept.put("membership/hq/bob@acme.com", role="viewer")
    kept.put("auto_top_up/hq", threshold=5, amount=10)
    kept.put("integration/hq/slack", status="denied")
    kept.put("role/seller", scope="workspace")
    kept.put("domain/acme.org")
    kept.drop("feature/beta", "feature_value/hq/beta", "membership/hq/group:support", "group/support")
    text = kept.settle().files["company.yaml"]
    assert "    members: {alice@acme.com: admin, bob@acme.com: viewer}\n    features: {}\n    auto_top_up:\n      threshold: 5\n" in text
    assert (
        "    integrations:\n      slack: denied\n  lab:\n    name: Lab\n    members:\n      alice@acme.com: viewer\n    tags:\n      vip:\n"
        in text
    )
    assert "domains:\n  acme.com:\n  acme.org: {}\n\nmembers:" in text
    assert "groups: {}\n\nfeatures: {}\n" in text
    assert text.endswith("\nroles:\n  seller:\n    scope: workspace\n")


def test_a_shorthand_that_no_longer_says_it_all_is_written_out(tmp_path: Path) -> None:
    kept = Kept(
        tmp_path,
        {
            "company.yaml": COMPANY.replace("default: false}", "default: false}\n  obj: {type: object, default: {}}").replace(
                "{beta: true}", "{beta: true, obj: {value: {a: 1}}}"
            )
        },
    )
    kept.put("feature_value/hq/obj", value={"a": 2})
    assert "features: {beta: true, obj: {value: {a: 2}}}" in kept.settle().files["company.yaml"]


def test_workspaces_with_files_of_their_own_get_another_file(tmp_path: Path) -> None:
    files = {"company.yaml": COMPANY, "workspaces/lab.yaml": "workspaces:\n  lab: {name: Lab}\n"}
    files["company.yaml"] = COMPANY[: COMPANY.index("workspaces:")]
    kept = Kept(tmp_path, files)
    kept.put("workspace/shop", name="Shop")
    kept.put("site/shop/web", domain="shop.acme.com")
    assert kept.settle().files == {
        "workspaces/shop.yaml": "workspaces:\n  shop:\n    name: Shop\n    sites:\n      web:\n        domain: shop.acme.com\n"
    }


GENERATED = """\
workspaces:
  "brand-{{ brand }}":
    for_each: {brand: [x, y]}
    use: base
    name: "Brand {{ brand }}"
    members: {alice@acme.com: admin}
  own:
    use: base
    name: "{{ 'Own' }}"
    region: eu
    lifecycle: {ignore: [description], seed: [features]}
    description: Ours
    features: {beta: true}
    members: &people
      bob@acme.com: viewer
  shared:
    name: Shared
    members: *people
templates:
  workspace:
    base: {settings: {currency: EUR}}
include_csv: {members: people.csv}
"""


@pytest.fixture
def generated(tmp_path: Path) -> Kept:
    (tmp_path / "people.csv").write_text("email,name\ndan@acme.com,Dan\n", encoding="utf-8")
    company = COMPANY[: COMPANY.index("workspaces:")]
    late = "  eve@acme.com: {name: Eve, until: 2026-01-31, reason: agency}\n"
    company = company.replace("\ngroups:", f"{late}\ngroups:")
    return Kept(tmp_path, {"company.yaml": company, "workspaces.yaml": GENERATED})


def test_what_is_made_is_left_alone_and_told(generated: Kept) -> None:
    generated.put("workspace/brand-x", name="Brand X")
    generated.put("workspace/own", name="Our own", settings={"currency": "USD"}, region="us", description="Mine")
    generated.put("member/dan@acme.com", name="Daniel")
    generated.put("member/eve@acme.com", name="Eve")
    generated.put("tag/brand-y/vip", color="red")
    generated.put("membership/shared/bob@acme.com", role="admin")
    generated.drop("feature_value/own/beta", "membership/brand-x/alice@acme.com")
    merged = generated.merge()
    assert merged.files == {"workspaces.yaml": GENERATED.replace("region: eu", "region: us")}
    told = {note.split(": ")[0]: note for note in merged.notes}
    assert set(told) == {
        "member/dan@acme.com",
        "member/eve@acme.com",
        "membership/brand-x/alice@acme.com",
        "membership/shared/bob@acme.com",
        "tag/brand-y/vip",
        "workspace/brand-x",
        "workspace/own",
    }
    assert 'name is "Daniel" in the live system; people.csv:2' in told["member/dan@acme.com"]
    assert "ran out on 2026-01-31" in told["member/eve@acme.com"]
    assert "workspaces.yaml:2" in told["workspace/brand-x"]
    assert len([note for note in merged.notes if note.startswith("workspace/own: ")]) == 2


def test_only_kinds_that_were_read_lose_entries(kept: Kept) -> None:
    kept.drop("feature/beta", "feature_value/hq/beta")
    texts = {"company.yaml": COMPANY}
    assert merge_into(texts, kept.live, KINDS, kept.config, read={"member"}) == Merged({})


def test_an_attribute_that_is_empty_now(kept: Kept) -> None:
    kept.put("member/alice@acme.com", name=None)
    kept.put("group/support", members=None)
    kept.put("workspace/hq", settings=None)
    merged = kept.merge()
    assert merged.files["company.yaml"] == replaced(
        ("{name: 'Alice Ng', role", "{role"),
        ("\n      - Alice@acme.com     # lead\n      - bob@acme.com\n", " []\n"),
        ("    settings: {timezone: Europe/London}\n", ""),
    )


def test_the_chosen_environment_is_edited_where_it_says_something(tmp_path: Path) -> None:
    overlay = "workspaces:\n  hq:\n    name: HQ (staging)   # shorter\n"
    kept = Kept(tmp_path, {"company.yaml": COMPANY, "environments/staging.yaml": overlay}, env="staging")
    kept.put("workspace/hq", name="Staging", region="eu")
    assert kept.settle().files == {
        "company.yaml": replaced(("features: {beta: true}\n", "features: {beta: true}\n    region: eu\n")),
        "environments/staging.yaml": overlay.replace("HQ (staging)", "Staging"),
    }


def test_what_an_environment_takes_out_is_not_added_again(tmp_path: Path) -> None:
    kept = Kept(
        tmp_path,
        {"company.yaml": COMPANY, "environments/staging.yaml": "groups: null\nworkspaces: {hq: {members: {group:support: null}}}\n"},
        env="staging",
    )
    kept.put("group/support", members=["bob@acme.com"])
    merged = kept.merge()
    assert merged.files == {}
    assert merged.notes == ("group/support: the live system has it; the config writes it and takes it out again: left alone",)


def test_a_folder_written_as_json_stays_json(tmp_path: Path) -> None:
    targets = '{"a": {"provider": "local", "database": "a.db"}}'
    company = '{"name": "A", "primary_domain": "acme.com"}'
    text = f'{{"orgform": 1, "company": {company}, "targets": {targets}, "domains": {{"acme.com": {{}}}}}}\n'
    kept = Kept(tmp_path, {"company.yaml": text})
    kept.put("company/company", name="B")
    kept.put("member/a@acme.com", name="A")
    assert kept.settle().files == {"company.yaml": text.replace('"A"', '"B"')[:-2] + ", members: {a@acme.com: {name: A}}}\n"}


def test_long_values_are_shortened_in_notes(generated: Kept) -> None:
    address = Address("member/dan@acme.com")
    generated.live[address] = replace(generated.live[address], attributes={"name": "D" * 200})
    assert "DDD… in the live system" in generated.merge().notes[0]


def test_rules_and_permissions_below_change_in_place(tmp_path: Path) -> None:
    below = "    auto_top_up:   # since spring\n      threshold: 50\n      amount: 200\n"
    roles = "roles:\n  seller: {scope: workspace, permissions: [a.read, b.write]}\n"
    kept = Kept(tmp_path, {"company.yaml": COMPANY + below + roles})
    kept.put("auto_top_up/hq", threshold=75)
    kept.put("role/seller", permissions=["b.write", "c.read"])
    changed = (below.replace("50", "75"), roles.replace("a.read, b.write", "b.write, c.read"))
    assert kept.settle().files == {"company.yaml": COMPANY + changed[0] + changed[1]}


def hooks() -> Kinds:
    properties = {"url": {"type": "string"}, "events": {"type": "array", "items": {"type": "string"}, "x-set": True}}
    extra = {"x-kind": "hook", "x-collection": "hooks", "x-parent": "workspace", "x-key": {"name": "key", "format": "slug"}}
    return Kinds([*KINDS.values(), Kind({**extra, "x-shorthand": "url", "type": "object", "properties": properties})])


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ({"url": "https://b.example"}, "    hooks: {h: https://b.example} # one\n"),
        ({"events": ["x"]}, '    hooks: {h: {url: "https://a.example", events: [x]}} # one\n'),
        ({"events": ["x"], "url": "https://b.example"}, '    hooks: {h: {url: "https://b.example", events: [x]}} # one\n'),
    ],
)
def test_a_word_that_no_longer_says_it_all_becomes_a_map(attributes: dict[str, Any], written: str, tmp_path: Path) -> None:
    kept = Kept(tmp_path, {"company.yaml": COMPANY + "    hooks: {h: https://a.example} # one\n"}, kinds=hooks())
    kept.put("hook/hq/h", **attributes)
    text = kept.settle().files["company.yaml"]
    assert text in (COMPANY + written, COMPANY + written.replace("https://b.example}", '"https://b.example"}'))


def test_places_that_cannot_take_anything_new_are_told(tmp_path: Path) -> None:
    below = "    tags: *none\n"
    text = COMPANY.replace("    name: Headquarters\n", "    name: Headquarters\n    labels: &none {}\n") + below
    kept = Kept(tmp_path, {"company.yaml": text})
    kept.put("tag/hq/vip", color="red")
    merged = kept.merge()
    assert merged.files == {}
    assert merged.notes == ("tag/hq/vip: new in the live system; it cannot be added to company.yaml, which has an alias there",)
