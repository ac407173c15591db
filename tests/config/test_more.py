"""Kinds from plug-ins, many problems at once, secrets in odd places, and configs of any shape."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgform.config import dump_yaml, load_config, parse_yaml
from orgform.errors import ConfigInvalid
from orgform.kinds import Kind, Kinds, load_kinds
from orgform.model import Config
from orgform.providers.base import Capabilities, ProviderSpec
from tests.config.folders import GOOD, HEAD, TODAY, load, names, refused, specs, told, write
from tests.config.test_schema import configs

SECRET = "sk_live_4242424242"

DOOR = {
    "title": "Door",
    "x-kind": "door",
    "x-collection": "doors",
    "x-key": {"name": "key", "format": "slug"},
    "x-label": "name",
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "Name."},
        "code": {"type": "string", "description": "Code.", "x-sensitive": True},
        "keeper": {"type": "string", "description": "Keeper.", "x-reference": {"kind": "member"}},
        "host": {"type": "string", "description": "Host.", "format": "fqdn"},
        "rule": {
            "type": "object",
            "description": "Rule.",
            "x-atomic": True,
            "properties": {"by": {"type": "string", "x-reference": {"kind": "member"}}},
        },
        "plan": {
            "type": "array",
            "description": "Plan.",
            "maxItems": 2,
            "items": {"type": "object", "properties": {"day": {"type": "integer"}}},
        },
        "contact": {
            "type": "object",
            "description": "Contacts.",
            "properties": {"first": {"type": ["string", "null"], "x-reference": {"kind": "member"}}, "desk": {"type": "string"}},
        },
        "wall": {"type": "string", "description": "Wall.", "pattern": "^[NESW]$"},
    },
    "required": ["keeper"],
    "additionalProperties": False,
}
SIGN = {
    "title": "Sign",
    "x-kind": "sign",
    "x-collection": "sign",
    "x-parent": "door",
    "x-singleton": True,
    "type": "object",
    "properties": {"text": {"type": "string", "description": "Text."}},
    "additionalProperties": False,
}  # fmt: skip
HINGE = {
    "title": "Hinge",
    "x-kind": "hinge",
    "x-collection": "hinges",
    "x-parent": "door",
    "x-key": {"name": "principal", "reference": {"kind": "group", "prefix": "group:"}},
    "type": "object",
    "properties": {},
    "additionalProperties": False,
}


def with_doors(folder: Path, text: str, today: date = TODAY) -> Config:
    kinds = Kinds([*load_kinds().values(), Kind(DOOR), Kind(SIGN), Kind(HINGE)])
    return load_config(write(folder, text), kinds=kinds, specs=specs, spec_names=names, today=today)


def test_a_kind_of_a_plug_in(tmp_path: Path) -> None:
    text = HEAD + (
        "members: {a@acme.com: , b@acme.com: {until: 2026-12-31, reason: x}}\n"
        "groups: {g: }\n"
        "doors:\n  front: {keeper: A@acme.com, code: env:CODE, host: BÜCHER.example, "
        "rule: {by: b@acme.com}, contact: {first: b@acme.com, desk: d}, sign: {text: hi}, hinges: {group:g: }, plan: [{day: 1}]}\n"
        "  back: {keeper: b@acme.com, sign: }\n"
    )
    config = with_doors(tmp_path, text)
    assert config.desired["door/front"].attributes == {
        "keeper": "a@acme.com",
        "code": "env:CODE",
        "host": "xn--bcher-kva.example",
        "rule": {"by": "b@acme.com"},
        "contact": {"first": "b@acme.com", "desk": "d"},
        "plan": [{"day": 1}],
    }
    assert config.desired["sign/front"].attributes == {"text": "hi"} and config.desired["sign/back"].attributes == {}
    assert "hinge/front/group:g" in config.desired
    later = with_doors(tmp_path, text.replace("keeper: b@", "keeper: a@"), date(2027, 1, 1))
    assert later.desired["door/front"].attributes["rule"] is None, "it is replaced as a whole, so it is empty as a whole"
    assert later.desired["door/front"].attributes["contact"] == {"first": None, "desk": "d"}
    assert later.expired == {"member/b@acme.com": "2026-12-31"}
    with pytest.raises(ConfigInvalid) as caught:
        with_doors(tmp_path, text, date(2027, 1, 1))
    assert told(caught.value) == [("ORG304", "acme.yaml:11:3")], "a door needs its keeper"


@pytest.mark.parametrize("password", ["hunter2", "hun@ter2", "hun/ter2", "hun:ter2@", "hunter2?x"])
def test_no_part_of_a_password_in_a_url_is_shown(password: str, tmp_path: Path) -> None:
    text = GOOD.replace("{provider: local, database: acme.db}", f"{{provider: orgform, url: 'https://user:{password}@acme.example'}}")
    error = refused(tmp_path, text)
    assert {code for code, _ in told(error)} <= {"ORG405", "ORG205"}
    shown = repr(error.diagnostics)
    assert "hun" not in shown and "ter2" not in shown


def test_a_wrong_form_is_told_in_words(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD.replace("{provider: local, database: acme.db}", "{provider: orgform, url: api.acme.example}"))
    (found,) = error.diagnostics
    assert found.summary == "`targets.acme.url` has a form that it cannot have"
    assert found.detail == "Where the server is, http or https; for example `https://api.acme.example`"
    doors = HEAD + "members: {a@acme.com: }\ndoors: {a: {keeper: a@acme.com, wall: up}}\n"
    with pytest.raises(ConfigInvalid) as caught:
        with_doors(tmp_path / "doors", doors)
    assert [(d.summary, d.detail) for d in caught.value.diagnostics] == [("`doors.a.wall` cannot be the text `up`", "Wall")]


def test_bad_input_of_a_plug_in(tmp_path: Path) -> None:
    text = HEAD + (
        f"members: {{a@acme.com: }}\ndoors:\n  a: {{keeper: a@acme.com, code: "
        f"{SECRET}}}\n  b: {{keeper: a@acme.com, plan: [{{day: x}}, {{}}, {{}}]}}\n"
        "  c: {keeper: a@acme.com, wall: up, hinges: {nobody: , group:h: }}\n"
    )
    with pytest.raises(ConfigInvalid) as caught:
        with_doors(tmp_path, text)
    assert told(caught.value) == [
        ("ORG404", "acme.yaml:9:33"),
        ("ORG205", "acme.yaml:10:33"),
        ("ORG202", "acme.yaml:10:40"),
        ("ORG205", "acme.yaml:11:33"),
        ("ORG301", "acme.yaml:11:46"),
        ("ORG301", "acme.yaml:11:56"),
    ]
    assert SECRET not in repr(caught.value.diagnostics)


def test_thousands_of_problems_in_little_time(tmp_path: Path) -> None:
    rows = "".join(f"  user{n}@acme.com: {{role: nope{n}, nmae: x}}\n" for n in range(3000))
    groups = "".join(f"  g{n}: {{members: [nobody{n}@acme.com]}}\n" for n in range(3000))
    found = told(refused(tmp_path, HEAD + "members:\n" + rows + "groups:\n" + groups))
    assert {code: sum(c == code for c, _ in found) for code in ("ORG201", "ORG301")} == {"ORG201": 3000, "ORG301": 6000}


def test_too_many_resources(tmp_path: Path) -> None:
    text = HEAD + 'groups: {"g-{{ a }}-{{ b }}": {for_each: {a: "{{ range(2000) | list }}", b: "{{ range(2000) | list }}"}}}\n'
    assert told(refused(tmp_path, text)) == [("ORG024", "acme.yaml:7:32")]
    tags = "".join(f"t{n}: , " for n in range(1100))
    text = HEAD + f'workspaces: {{"w-{{{{ a }}}}": {{for_each: {{a: "{{{{ range(1000) | list }}}}"}}, tags: {{{tags}}}}}}}\n'
    assert told(refused(tmp_path, text)) == [("ORG024", "acme.yaml:7:71")]


def test_aliases_cannot_nest_deep(tmp_path: Path) -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5000))
    assert told(refused(tmp_path, {"acme.yaml": GOOD, "b.yaml": text}))[0] == ("ORG017", "b.yaml:100:12")


def test_many_resources_by_aliases(tmp_path: Path) -> None:
    """A file of a few kilobytes, and a million resources: counted, not made."""
    tags = "".join(f"t{n}: , " for n in range(1100))
    text = HEAD + f"workspaces:\n  w0: &w {{tags: {{{tags}}}}}\n" + "".join(f"  w{n}: *w\n" for n in range(1, 1000))
    assert told(refused(tmp_path, text))[0][0] in ("ORG016", "ORG024")


@pytest.mark.parametrize(
    "text",
    [
        f"targets: {{c: {{provider: closed, kinds: [], url: x, auth: {SECRET}, auth: x}}}}\n",
        f"targets: {{c: {SECRET}}}\n",
        f"targets: {{c: [{SECRET}]}}\n",
        f"targets: {{c: {{provider: closed, kinds: [], url: x, rate: {{a: {SECRET}}}, tok: {SECRET}}}}}\n",
        f"targets:\n  c: {{provider: closed, auth: {SECRET}, x: [}}\n",
        f"targets:\n  c:\n    provider: closed\n    auth: {SECRET} : x\n",
        f"targets:\n  c:\n    provider: nope\n    auth: '{SECRET}'\n    auth: 1\n",
        f"targets: {{acme: {{auth: {SECRET}}}}}\n",
        f"targets: {{c: {{provider: closed, kinds: [], url: x, token: '{{{{ t }}}}'}}}}\nvariables: {{t: {{default: {SECRET}}}}}\n",
        f"targets: {{c: {{provider: orgform, kinds: [], url: 'https://{SECRET}@host'}}, "
        f"d: {{provider: orgform, url: 'https://u:{SECRET}@h/', kinds: [], nope: 1}}}}\n",
    ],
)
def test_secrets_are_never_shown(text: str, tmp_path: Path) -> None:
    for second in (text, text.replace("targets:", "  #\ntargets:")):
        found = refused(tmp_path, {"acme.yaml": GOOD, "b.yaml": second}).diagnostics
        assert found and SECRET not in repr([d for d in found if "https://sk" not in repr(d)])


def test_secrets_of_an_environment(tmp_path: Path) -> None:
    files = {"acme.yaml": GOOD, "environments/e.yaml": f"targets: {{acme: {{auth: {SECRET}}}}}\n"}
    assert SECRET not in repr(refused(tmp_path, files, env="e").diagnostics)


def test_odd_names_of_files(tmp_path: Path) -> None:
    folder = write(tmp_path, GOOD)
    (folder / "a\x1b[31m.yaml").write_text("groups: {}\n")
    (folder / "b\udcff.yaml").write_bytes(b"groups: {}\n")
    (folder / "c\udcff.txt").write_bytes(b"no matter")
    found = refused(folder).diagnostics
    assert [d.code for d in found] == ["ORG003", "ORG003"]
    assert all("\x1b" not in repr(d) and "\udcff" not in str(d.source) for d in found)


def test_empty_parts_merge(tmp_path: Path) -> None:
    files = {
        "acme.yaml": GOOD,
        "b.yaml": "members:\ngroups: {}\nworkspaces:\n  brand-x:\n",
        "c.yaml": "workspaces:\n  brand-x: {tags: {t: }}\n  new: {}\n",
    }
    config = load(tmp_path, files)
    assert "tag/brand-x/t" in config.desired and config.desired["workspace/brand-x"].attributes["name"] == "Brand X"
    write(tmp_path, {"d.yaml": "workspaces:\n  new:\n"})
    assert told(refused(tmp_path)) == [("ORG012", "d.yaml:2:3")], "the same empty entry twice is a key written twice"
    write(tmp_path, {"d.yaml": "workspaces: {brand-x: {tags: }}\n"})
    assert told(refused(tmp_path)) == [("ORG012", "d.yaml:1:24")]


def test_one_of_a_kind_cannot_be_made_many(tmp_path: Path) -> None:
    text = GOOD.replace("company: {", "company: {for_each: {a: [1]}, ")
    assert told(refused(tmp_path, text)) == [("ORG201", "acme.yaml:2:11")]


def test_templates_of_one_of_a_kind(tmp_path: Path) -> None:
    text = (
        GOOD.replace("company: {", "company: {use: base, ")
        + "templates: {company: {base: {description: 'About {{ x }}', name: N}}}\nvariables: {x: {default: us}}\n"
    )
    assert load(tmp_path, text).desired["company/company"].attributes == {
        "description": "About us",
        "name": "Acme Corp",
        "primary_domain": "acme.com",
    }


def test_keys_of_maps_can_collide_after_templating(tmp_path: Path) -> None:
    text = GOOD.replace("region: us", 'labels: {a: x, "{{ v }}": y}') + "variables: {v: {default: a}}\n"
    assert told(refused(tmp_path, text)) == [("ORG012", "acme.yaml:17:20")]


def test_no_more_is_rendered_when_the_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orgform.config.template.MAX_SECONDS", 0.0)
    text = HEAD + 'groups: {"g-{{ a }}": {for_each: {a: "{{ range(2000) | list }}"}, name: "{{ a }} {{ a }}"}}\n'
    ((code, _),) = told(refused(tmp_path, text))
    assert code == "ORG105"


def test_a_value_that_a_template_spoils_is_not_missed_elsewhere(tmp_path: Path) -> None:
    text = GOOD.replace("type: boolean", 'type: "{{ 1 / 0 }}"').replace("[bob@acme.com]", '["{{ nope }}", bob@acme.com, bbo@acme.com]')
    assert [code for code, _ in told(refused(tmp_path, text))] == ["ORG102", "ORG104"]


def test_a_broken_provider_option_schema_names_its_rule(tmp_path: Path) -> None:
    odd = ProviderSpec(
        "odd", "Odd.", {"type": "object", "properties": {"n": {"multipleOf": 2}}}, Capabilities(kinds={}), lambda context: None
    )  # type: ignore[arg-type, return-value]
    write(tmp_path, GOOD.replace("domains:", "  o: {provider: odd, kinds: [], n: 3}\ndomains:"))
    with pytest.raises(ConfigInvalid) as caught:
        load_config(
            tmp_path, kinds=load_kinds(), specs=lambda n: odd if n == "odd" else specs(n), spec_names=lambda: [*names(), "odd"], today=TODAY
        )
    assert told(caught.value) == [("ORG205", "acme.yaml:5:36")] and "multipleOf: 2" in caught.value.diagnostics[0].detail


@settings(deadline=None, max_examples=150)
@given(configs(), st.booleans())
def test_any_config_is_answered(tree: Any, overlay: bool) -> None:
    """A config, or what is wrong with it; the same twice; never anything else."""
    text = dump_yaml(tree, templates=True)
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), {"acme.yaml": GOOD, "environments/e.yaml": text} if overlay else {"acme.yaml": text})
        answers = [_answer(folder, "e" if overlay else None) for _ in range(2)]
    assert answers[0] == answers[1]


def _answer(folder: Path, env: str | None) -> Any:
    try:
        config = load(folder, env=env)
    except ConfigInvalid as error:
        assert error.diagnostics and all(d.detail for d in error.diagnostics)
        return error.diagnostics
    for address, desired in config.desired.items():
        assert desired.source is not None or env
        assert parse_yaml(dump_yaml(desired.attributes).encode(), "x") is not None, address
    return config
