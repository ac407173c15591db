"""Companies of any size, as configs of orgform, and the same number of things for the peers.

Invariant: equal sizes give equal files; nothing is random.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from pathlib import Path

ROLES = ("member", "viewer", "manager", "admin")
REGIONS = ("us", "eu", "apac")
LIVE_YAML = '''"""octoDNS's YAML provider never reads what it is to write; as a live system it must."""

from octodns.provider.yaml import YamlProvider


class LiveYaml(YamlProvider):
    def populate(self, zone, target=False, lenient=False):
        return super().populate(zone, target=False, lenient=lenient)
'''
TEAMS = ("sales", "support", "design", "finance", "platform")


@dataclass(frozen=True)
class Size:
    """`memberships` for each member; `values`: flag values in each workspace."""

    name: str
    members: int
    workspaces: int
    memberships: int = 3
    values: int = 10

    @property
    def resources(self) -> dict[str, int]:
        """Kind -> how many."""
        return {
            "company": 1,
            "domain": 1,
            "feature": self.values,
            "feature_value": self.workspaces * self.values,
            "member": self.members,
            "membership": self.members * self.memberships,
            "workspace": self.workspaces,
        }


SIZES = {size.name: size for size in (Size("tiny", 20, 4), Size("1k", 1_000, 10), Size("10k", 10_000, 100), Size("100k", 100_000, 1_000))}


def email(number: int) -> str:
    return f"person.{number:06d}@acme.com"


def write_company(folder: Path, size: Size, target: str) -> None:
    """`target`: the flow map of the one target."""
    (folder / "workspaces").mkdir(parents=True, exist_ok=True)
    (folder / "company.yaml").write_text(
        f"orgform: 1\ncompany: {{name: Acme Corp, primary_domain: acme.com}}\ntargets:\n  acme: {target}\ndomains:\n  acme.com: {{}}\n"
    )
    (folder / "members.yaml").write_text("members:\n" + "".join(_member(n) for n in range(size.members)))
    features = "".join(f"  flag-{n}: {{type: boolean, default: false, description: Flag number {n}}}\n" for n in range(size.values))
    (folder / "features.yaml").write_text("features:\n" + features)
    within: list[list[str]] = [[] for _ in range(size.workspaces)]
    for n in range(size.members):
        for step in range(size.memberships):
            within[(n * 7 + step * 13) % size.workspaces].append(f"      {email(n)}: {ROLES[(n + step) % 3]}\n")
    for number, members in enumerate(within):
        (folder / "workspaces" / f"ws-{number:04d}.yaml").write_text(_workspace(number, members, size.values))


def touch_members(folder: Path, every: int) -> None:
    """Changes one member in `every`."""
    file = folder / "members.yaml"
    blocks = file.read_text().split("  person.")
    changed = [b.replace("title: Title", "title: Senior title", 1) if n % every == 0 else b for n, b in enumerate(blocks)]
    file.write_text("  person.".join(changed))


def write_terraform(folder: Path, blocks: int) -> None:
    """`terraform_data` blocks of members with the state of having applied them, so that nobody has to wait for that."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [
        {"email": email(n), "name": f"Person Number {n}", "title": f"Title {n % 50}", "role": "standard", "team": TEAMS[n % len(TEAMS)]}
        for n in range(blocks)
    ]
    text = "".join(f'resource "terraform_data" "m{n}" {{\n  input = {_hcl(value)}\n}}\n' for n, value in enumerate(inputs))
    (folder / "main.tf").write_text(text)
    state = {
        "version": 4,
        "terraform_version": "1.0.0",
        "serial": 1,
        "lineage": str(uuid.UUID(int=1)),
        "outputs": {},
        "resources": [_terraform_resource(n, value) for n, value in enumerate(inputs)],
        "check_results": None,
    }
    (folder / "terraform.tfstate").write_text(json.dumps(state))


def write_terraform_gets(folder: Path, blocks: int, url: str) -> None:
    """Blocks that each read one thing from `url` whenever something is planned; there is nothing to change."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(
        "".join(
            f'data "terraform_remote_state" "m{n}" {{\n  backend = "http"\n  config = {{ address = "{url}/{email(n)}" }}\n}}\n'
            for n in range(blocks)
        )
    )


def terraform_answer() -> bytes:
    """What each of these blocks reads: a member, in the form that Terraform asks for."""
    value = {"email": email(0), "name": "Person Number 0", "title": "Title 0", "role": "standard", "team": TEAMS[0]}
    outputs = {"member": {"value": value, "type": ["object", dict.fromkeys(value, "string")]}}
    state = {"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": str(uuid.UUID(int=1)), "outputs": outputs}
    return json.dumps({**state, "resources": [], "check_results": None}).encode()


def write_octodns(folder: Path, records: int) -> None:
    """One zone of A records, the same in the source's folder and in the target's: YAML to YAML, nothing to change."""
    for name in ("desired", "live"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        zone = "".join(f"person-{n:06d}:\n  type: A\n  value: 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(records))
        (folder / name / "acme.test.yaml").write_text(f"---\n{zone}")
    (folder / "live_yaml.py").write_text(LIVE_YAML)
    (folder / "config.yaml").write_text(
        "providers:\n"
        "  desired: {class: octodns.provider.yaml.YamlProvider, directory: ./desired, default_ttl: 3600}\n"
        "  live: {class: live_yaml.LiveYaml, directory: ./live, default_ttl: 3600}\n"
        "zones:\n  acme.test.: {sources: [desired], targets: [live]}\n"
    )


def described(folder: Path) -> tuple[int, int]:
    """(bytes, lines) of all YAML in a folder."""
    texts = [file.read_bytes() for file in folder.rglob("*.yaml")]
    return sum(map(len, texts)), sum(text.count(b"\n") for text in texts)


def _member(n: int) -> str:
    role = "admin" if n < 3 else "standard"
    team = TEAMS[n % len(TEAMS)]
    return f"  {email(n)}:\n    name: Person Number {n}\n    title: Title {n % 50}\n    role: {role}\n    labels:\n      team: {team}\n"


def _workspace(number: int, members: list[str], values: int) -> str:
    flags = "".join(f"      flag-{n}: {'true' if (n + number) % 2 else 'false'}\n" for n in range(values))
    return (
        f"workspaces:\n  ws-{number:04d}:\n    name: Workspace {number}\n    region: {REGIONS[number % 3]}\n"
        f"    settings: {{timezone: Europe/Berlin, currency: EUR, retention_days: {30 + number % 300}}}\n"
        f"    features:\n{flags}    members:\n{''.join(members)}"
    )


def _hcl(value: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(item)}" for key, item in value.items()) + " }"


def _terraform_resource(n: int, value: dict[str, str]) -> dict[str, object]:
    typed = {"value": value, "type": ["object", dict.fromkeys(value, "string")]}
    identity = str(uuid.UUID(hashlib.md5(str(n).encode(), usedforsecurity=False).hexdigest()))
    attributes = {"id": identity, "input": typed, "output": typed, "triggers_replace": None}
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": f"m{n}",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}],
    }
