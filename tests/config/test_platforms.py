"""What a target's platform would not take is told at its line, before any call: it follows from what the provider declares."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orgform.codec import replace
from orgform.config import load_config
from orgform.errors import ConfigInvalid
from orgform.kinds import load_kinds
from orgform.model import Address, Config
from orgform.providers import find_spec, spec_names
from orgform.providers.base import Capabilities, Declared, Finding, KindCapability, Limit, ProviderSpec, Roles
from tests.config.folders import TODAY, write

EMAIL = "alice@acme.com"


def _offline(context: Any) -> Any:
    raise AssertionError("a config is validated offline")


def _limits(options: Mapping[str, Any]) -> tuple[Limit, ...]:
    seats = (Limit("member", 2, "two seats"),) if options.get("plan") == "small" else ()
    return (*seats, Limit("tag", 1, "one tag each", per_parent=True))


def _check(declared: Declared) -> Iterable[Finding]:
    for address, attributes in declared.resources.items():
        if attributes.get("name") == "Lab":
            yield Finding(address, "no workspace is called Lab", "call it Laboratory", ("name",))
        if attributes.get("timezone") == "UTC":
            yield Finding(address, "UTC has no office hours", "name a place", ("timezone",), advice=True)
        if address == "member/bob@acme.com":
            yield Finding(
                address, f"bob is {declared.roles.out('company', 'standard')}, on {declared.options.get('plan')}", "leave him out"
            )
    if declared.options.get("plan") == "ghost":
        yield Finding(Address("workspace/nowhere"), "there is no such place", "none")


DESK = ProviderSpec(
    name="desk",
    title="Acme Desk",
    summary="",
    options={"type": "object", "properties": {"url": {"type": "string"}, "plan": {"type": "string"}}, "additionalProperties": False},
    capabilities=Capabilities(
        kinds={
            "workspace": KindCapability(fields={"region": "none", "settings.currency": "none", "labels": "config", "description": "read"}),
            "workspace.settings": KindCapability(fields={"currency": "none"}),
            "member": KindCapability(),
            "membership": KindCapability(),
            "tag": KindCapability(),
            "inbox": KindCapability(fields={"members": "none"}),
            "role": KindCapability(),
        }
    ),
    open=_offline,
    words={"tag.color": ("red", "blue"), "workspace.settings.timezone": ("UTC", "Europe/Berlin"), "role.permissions": ("read", "write")},
    roles=Roles(
        names={"company": ("Owner", "Agent"), "workspace": ()},
        usual={"company": {"admin": "Owner", "standard": "Agent"}, "workspace": {"admin": "Lead", "member": "Helper"}},
    ),
    limits=_limits,
    check=_check,
)
SPECS = {"desk": DESK}

CONFIG = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
domains: {acme.com: {}}
targets:
  desk: {provider: desk, kinds: [workspace, membership, tag, member, inbox, role]}
  rest: {provider: local, database: rest.db}
members:
  alice@acme.com: {name: Alice, role: admin}
workspaces:
  x:
    name: X
"""


def load(folder: Path, text: str, specs: Mapping[str, ProviderSpec] = SPECS, cache: Path | None = None) -> Config:
    return load_config(
        write(folder, text),
        kinds=load_kinds(),
        specs=lambda name: specs.get(name) or find_spec(name),
        spec_names=lambda: sorted({*specs, *spec_names()}),
        today=TODAY,
        cache=cache,
    )


def told(folder: Path, text: str, severity: str = "error", **given: Any) -> list[tuple[str, str]]:
    """(code, place) of all that is said about a config."""
    return [(d.code, str(d.source)) for d in diagnostics(folder, text, **given) if d.severity == severity]


def diagnostics(folder: Path, text: str, **given: Any) -> Any:
    try:
        return load(folder, text, **given).diagnostics
    except ConfigInvalid as error:
        return error.diagnostics


def at(text: str, part: str, nth: int = 1) -> str:
    """file:line:column of the n-th time that a part stands in a config."""
    index = -1
    for _ in range(nth):
        index = text.index(part, index + 1)
    before = text[:index]
    return f"acme.yaml:{before.count(chr(10)) + 1}:{index - before.rfind(chr(10))}"


def test_a_config_that_the_platform_takes_is_good(tmp_path: Path) -> None:
    assert diagnostics(tmp_path, CONFIG) == ()


def test_a_word_that_is_not_in_the_platforms_list(tmp_path: Path) -> None:
    text = CONFIG + "    tags: {vip: {color: rde}, old: {color: blue}}\n"
    text = text.replace("    tags", "    settings: {timezone: Asia/Tokyo}\n    tags").replace(", old: {color: blue}", "")
    assert told(tmp_path, text) == [("ORG411", at(text, "Asia/Tokyo")), ("ORG411", at(text, "rde"))]
    [zone, colour] = diagnostics(tmp_path, text)
    assert colour.summary == "Acme Desk has no color `rde`"
    assert "red" in colour.detail and "Europe/Berlin" in zone.detail


def test_a_word_in_a_list(tmp_path: Path) -> None:
    text = CONFIG + "roles:\n  clerk: {scope: workspace, permissions: [read, wriet]}\n"
    assert told(tmp_path, text) == [("ORG411", at(text, "wriet"))]


def test_an_attribute_that_the_platform_does_not_have(tmp_path: Path) -> None:
    text = CONFIG.replace("    name: X", "    name: X\n    region: us\n    settings:\n      currency: EUR\n      timezone: UTC")
    assert told(tmp_path, text) == [("ORG412", at(text, "region")), ("ORG412", at(text, "currency"))]
    region = next(d for d in diagnostics(tmp_path, text) if "region" in d.summary)
    assert region.summary == "Acme Desk has no `region` for a workspace"
    assert "(this one is `desk`)" in region.detail


def test_what_is_the_configs_own_or_only_shown_there_may_be_written(tmp_path: Path) -> None:
    text = CONFIG.replace("    name: X", "    name: X\n    labels: {tier: a}\n    description: First")
    assert told(tmp_path, text) == []


def test_an_attribute_of_a_kind_that_another_target_takes_is_none_of_its_business(tmp_path: Path) -> None:
    text = CONFIG.replace("[workspace, membership, tag", "[tag").replace("    name: X", "    name: X\n    region: us")
    assert told(tmp_path, text) == []


def test_a_part_of_a_kind_has_its_own_declaration(tmp_path: Path) -> None:
    text = CONFIG.replace("[workspace, membership, tag", "[workspace.settings, tag").replace(
        "    name: X", "    name: X\n    region: us\n    settings:\n      timezone: Asia/Tokyo\n      currency: EUR"
    )
    assert told(tmp_path, text) == [("ORG411", at(text, "Asia/Tokyo")), ("ORG412", at(text, "currency"))]


def test_more_than_the_plan_takes(tmp_path: Path) -> None:
    more = "  bill@acme.com: {role: standard}\n  carl@acme.com: {role: standard}\n  dora@acme.com: {role: standard}\n"
    text = CONFIG.replace("provider: desk,", "provider: desk, plan: small,").replace("workspaces:", f"{more}workspaces:")
    assert told(tmp_path, text) == [("ORG413", at(text, "carl@"))]
    [found] = diagnostics(tmp_path, text)
    assert found.summary == "4 members, and Acme Desk takes 2: two seats"
    assert found.detail == "remove 2 of them; this is the first beyond"
    assert told(tmp_path, text.replace("plan: small", "plan: large")) == []


def test_more_than_one_place_takes(tmp_path: Path) -> None:
    text = CONFIG + "    tags: {a: {}, b: {}}\n  y:\n    tags: {c: {}}\n"
    assert told(tmp_path, text) == [("ORG413", at(text, "b: {}"))]
    [found] = diagnostics(tmp_path, text)
    assert found.summary == "2 tags in workspace/x, and Acme Desk takes 1: one tag each"


def test_a_role_that_has_no_name_there(tmp_path: Path) -> None:
    text = CONFIG.replace("role: admin", "role: owner") + "    members: {alice@acme.com: viewer}\n"
    assert told(tmp_path, text) == [("ORG415", at(text, "owner")), ("ORG415", at(text, "viewer"))]
    owner, viewer = diagnostics(tmp_path, text)
    assert (owner.summary, viewer.summary) == ("Acme Desk has no role `owner`", "Acme Desk has no role `viewer`")
    assert owner.detail == "its roles are `Owner`, `Agent`; say which one it is in the target: `roles: {owner: ...}`"
    assert "Lead" in viewer.detail
    theirs = diagnostics(tmp_path, text.replace("role: owner", "role: 'desk:Owner'"))
    assert "that is one of its own: write a role of yours, and which one that is in the target: `roles: {KEY: Owner}`" in str(theirs)


def test_a_target_chooses_what_roles_are_called(tmp_path: Path) -> None:
    chosen = CONFIG.replace("provider: desk,", "provider: desk, roles: {owner: Owner, viewer: Watcher},")
    text = chosen.replace("role: admin", "role: owner") + "    members: {alice@acme.com: viewer}\n"
    assert told(tmp_path, text) == []
    assert load(tmp_path, text).targets["desk"].roles == {"owner": "Owner", "viewer": "Watcher"}


def test_two_roles_of_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    chosen = CONFIG.replace("provider: desk,", "provider: desk, roles: {manager: Lead, admin: Lead},")
    text = chosen.replace("role: admin", "role: standard") + "    members: {alice@acme.com: admin, group:g: manager}\ngroups: {g: {}}\n"
    assert told(tmp_path, text) == [("ORG415", at(text, "admin", 2)), ("ORG415", at(text, "manager", 2))]
    one, other = diagnostics(tmp_path, text)
    assert one.summary == "Acme Desk cannot tell the role `admin` from `manager`"
    assert other.summary == "Acme Desk cannot tell the role `manager` from `admin`"


def test_a_name_that_the_platform_has_for_no_role(tmp_path: Path) -> None:
    closed = {"desk": replace(DESK, roles=Roles({"company": ("Owner", "Agent")}, {"company": {"admin": "Owner"}}))}
    text = CONFIG.replace("provider: desk,", "provider: desk, roles: {standard: Agnt},")
    assert told(tmp_path, text, specs=closed) == [("ORG415", at(text, "roles: "))]
    [found] = diagnostics(tmp_path, text, specs=closed)
    assert found.summary == "Acme Desk has no role `Agnt` (for `standard`)"
    assert "Agent" in found.detail


def test_role_names_where_the_platform_has_none_to_choose(tmp_path: Path) -> None:
    text = CONFIG.replace("provider: local,", "provider: local, roles: {admin: Boss},")
    assert told(tmp_path, text) == [("ORG415", at(text, "roles: "))]


def test_a_providers_own_check_is_told_at_the_attribute(tmp_path: Path) -> None:
    text = CONFIG.replace("name: X", "name: Lab\n    settings: {timezone: UTC}")
    assert told(tmp_path, text) == [("ORG414", at(text, "name: Lab"))]


def test_advice_is_a_warning(tmp_path: Path) -> None:
    text = CONFIG.replace("[workspace, ", "[workspace.settings, ").replace("name: X", "name: Lab\n    settings: {timezone: UTC}")
    assert told(tmp_path, text) == []
    assert told(tmp_path, text, "warning") == [("ORG416", at(text, "timezone"))]


def test_a_check_sees_options_and_role_names_of_its_own_target(tmp_path: Path) -> None:
    text = CONFIG.replace("provider: desk,", "provider: desk, plan: big,").replace("workspaces:", "  bob@acme.com: {}\nworkspaces:")
    [found] = diagnostics(tmp_path, text)
    assert (found.code, found.summary, str(found.source)) == ("ORG414", "bob is Agent, on big", at(text, "bob@acme.com"))


def test_a_finding_about_what_is_not_declared_has_no_place(tmp_path: Path) -> None:
    text = CONFIG.replace("provider: desk,", "provider: desk, plan: ghost,")
    [found] = diagnostics(tmp_path, text)
    assert (found.code, found.source) == ("ORG414", None)


def test_each_of_several_targets_is_asked_about_its_own(tmp_path: Path) -> None:
    """Two systems of one platform: each has its own plan, its own kinds and its own names of roles."""
    text = CONFIG.replace(
        "[workspace, membership, tag, member, inbox, role]}",
        "[workspace, membership, tag], roles: {viewer: Watcher}}\n"
        "  people: {provider: desk, plan: small, kinds: [member], roles: {owner: Owner}}",
    )
    text = text.replace("workspaces:", "  bill@acme.com: {role: owner}\n  carl@acme.com: {role: manager}\nworkspaces:")
    text += "    region: eu\n    members: {alice@acme.com: viewer, bill@acme.com: manager}\n"
    assert sorted(told(tmp_path, text)) == sorted(
        [
            ("ORG413", at(text, "carl@")),
            ("ORG415", at(text, "manager")),
            ("ORG412", at(text, "region")),
            ("ORG415", at(text, "admin")),  # `Owner` stands for owner now
            ("ORG415", at(text, "manager", 2)),
        ]
    )


def test_a_part_that_two_targets_take(tmp_path: Path) -> None:
    text = CONFIG.replace(
        "  rest:", "  more: {provider: desk, kinds: [workspace.settings]}\n  also: {provider: desk, kinds: [workspace.settings]}\n  rest:"
    )
    assert told(tmp_path, text) == [("ORG407", at(text, "also: "))]


def test_a_part_that_the_platform_does_not_have(tmp_path: Path) -> None:
    text = CONFIG.replace("provider: local, database: rest.db", "provider: local, database: rest.db, kinds: [company, workspace.settings]")
    assert told(tmp_path, text) == [("ORG409", at(text, "workspace.settings"))]


@pytest.fixture
def checks(tmp_path: Path) -> Iterator[Path]:
    """A module with a provider's check in it, that can be changed."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "shifting_checks.py").write_text("from shifting_words import WORD\ndef check(declared): return ()\n", encoding="utf-8")
    (folder / "shifting_words.py").write_text("WORD = 'one'\n", encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in ("shifting_checks", "shifting_words"):
        sys.modules.pop(name, None)


def test_a_changed_check_is_asked_again(tmp_path: Path, checks: Path) -> None:
    """Also where it was changed in a file that it only uses; what has not changed comes from the cache."""
    module = importlib.import_module("shifting_checks")
    calls = []

    def specs() -> dict[str, ProviderSpec]:
        def check(declared: Declared) -> tuple[Finding, ...]:
            calls.append(1)
            return ()

        check.__module__ = module.__name__
        return {"desk": replace(DESK, check=check)}

    config, cache = tmp_path / "config", tmp_path / "cache"
    config.mkdir()
    for _ in range(2):
        load(config, CONFIG, specs(), cache)
    assert len(calls) == 1
    os.utime(checks / "shifting_words.py", ns=(1, 1))
    load(config, CONFIG, specs(), cache)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "change", [{"title": "Desk"}, {"words": {"tag.color": ("green",)}}, {"roles": Roles()}], ids=["title", "words", "roles"]
)
def test_a_changed_declaration_is_asked_again(tmp_path: Path, change: dict[str, Any]) -> None:
    config, cache = tmp_path / "config", tmp_path / "cache"
    config.mkdir()
    text = CONFIG + "    tags: {vip: {color: red}}\n"
    assert told(config, text, cache=cache) == []
    other = {"desk": replace(DESK, **change)}
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert told(config, text, specs=other, cache=cache) == told(fresh, text, specs=other)
    assert load(config, text, cache=cache).digest == load(config, text).digest
