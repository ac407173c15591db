"""for_each, use, templates, variables, rosters, environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orgform.config.problems import Problems, TemplateProblem
from orgform.config.template import Renderer
from orgform.diagnostics import Source
from tests.config.folders import GOOD, HEAD, load, refused, told


def attributes(config: Any, kind: str) -> dict[str, Any]:
    return {a.partition("/")[2]: d.attributes for a, d in config.desired.items() if a.startswith(kind + "/")}


def test_for_each_is_the_product(tmp_path: Path) -> None:
    text = HEAD + (
        'workspaces:\n  "{{ brand }}-{{ region }}":\n    for_each: {brand: [x, y], region: [us, eu]}\n'
        '    name: "Brand {{ brand | upper }} - {{ region }}"\n    region: "{{ region }}"\n    labels: {"{{ brand }}": "1", kind: brand}\n'
    )
    config = load(tmp_path, text)
    assert attributes(config, "workspace") == {
        f"{brand}-{region}": {"name": f"Brand {brand.upper()} - {region}", "region": region, "labels": {brand: "1", "kind": "brand"}}
        for brand in "xy"
        for region in ("us", "eu")
    }
    assert config.desired["workspace/y-eu"].source == Source("acme.yaml", 8, 3)


def test_for_each_over_maps_and_below_entries(tmp_path: Path) -> None:
    text = HEAD + (
        'workspaces:\n  "{{ b.key }}":\n    for_each: {b: [{key: one, days: 30, tags: [p, q]}, {key: two, days: 60, tags: [r]}]}\n'
        '    settings: {retention_days: "{{ b.days }}"}\n    tags:\n      "{{ '
        't }}": {for_each: {t: "{{ b.tags }}"}, name: "{{ b.key }} {{ t }}"}\n'
    )
    config = load(tmp_path, text)
    assert attributes(config, "workspace") == {"one": {"settings": {"retention_days": 30}}, "two": {"settings": {"retention_days": 60}}}
    assert attributes(config, "tag") == {"one/p": {"name": "one p"}, "one/q": {"name": "one q"}, "two/r": {"name": "two r"}}


def test_for_each_over_nothing_makes_nothing(tmp_path: Path) -> None:
    assert attributes(load(tmp_path, HEAD + 'groups: {"g-{{ x }}": {for_each: {x: []}}}\n'), "group") == {}


def test_use_takes_defaults_and_what_is_written_wins(tmp_path: Path) -> None:
    text = HEAD + (
        "templates:\n  workspace:\n    base: {region: us, settings: {timezone: UTC, currency: USD}, labels: {tier: base}}\n"
        "    gold: {use: base, settings: {retention_days: 365}, labels: {tier: gold}, tags: {vip: {color: gold}}}\n"
        '    named: {name: "The {{ title }}"}\n'
        "members: {a@acme.com: }\n"
        "workspaces:\n  one: {use: gold, settings: {currency: EUR}}\n"
        '  "two-{{ title }}": {for_each: {title: [x]}, use: [base, named], labels: {tier: null}}\n'
        "  three: {use: gold, region: eu, tags: {plain: {}}}\n"
    )
    config = load(tmp_path, text)
    assert (
        attributes(config, "workspace")
        == {
            "one": {
                "region": "us",
                "settings": {"timezone": "UTC", "currency": "EUR", "retention_days": 365},
                "labels": {"tier": "gold"},
            },
            "two-x": {"region": "us", "settings": {"timezone": "UTC", "currency": "USD"}, "labels": {"tier": None}, "name": "The x"},
            "three": {
                "region": "eu",
                "settings": {"timezone": "UTC", "currency": "USD", "retention_days": 365},
                "labels": {"tier": "gold"},
            },
        }
        or config
    )
    assert attributes(config, "tag") == {"one/vip": {"color": "gold"}, "three/plain": {}, "three/vip": {"color": "gold"}}


def test_lifecycle_in_templates(tmp_path: Path) -> None:
    text = (
        HEAD + "templates: {workspace: {kept: {lifecycle: {prevent_destroy: "
        "true}}}}\nworkspaces: {w: {use: kept, lifecycle: {ignore: [name]}}}\n"
    )
    lifecycle = load(tmp_path, text).desired["workspace/w"].lifecycle
    assert (lifecycle.prevent_destroy, lifecycle.ignore) == (True, ("name",))


def test_a_problem_in_a_template_stands_where_the_template_is(tmp_path: Path) -> None:
    text = HEAD + "templates:\n  workspace:\n    base: {settings: {timezone: UCT+1}}\nworkspaces: {a: {use: base}, b: {use: base}}\n"
    assert told(refused(tmp_path, text)) == [("ORG211", "acme.yaml:9:33")]


def test_use_may_be_a_template_and_shorthand_too(tmp_path: Path) -> None:
    text = HEAD + (
        "variables: {tier: {default: big}, role: {default: admin}, on: {type: boolean, default: true}}\n"
        "templates: {workspace: {big: {region: us}}}\nmembers: {a@acme.com: }\n"
        'workspaces: {w: {use: "{{ tier }}", members: {a@acme.com: "{{ role }}"}, features: {f: "{{ on }}"}}}\n'
        "features: {f: {type: boolean, default: false}}\n"
    )
    config = load(tmp_path, text)
    assert config.desired["workspace/w"].attributes == {"region": "us"}
    assert config.desired["membership/w/a@acme.com"].attributes == {"role": "admin"}
    assert config.desired["feature_value/w/f"].attributes == {"value": True}


def test_whole_values_keep_their_type(tmp_path: Path) -> None:
    text = HEAD + (
        "variables: {n: {type: number, default: 3}, b: {type: boolean, default: false}, s: {default: '7'}}\n"
        'workspaces:\n  w:\n    labels: {a: "{{ s }}", b: "{{ n }}-{{ b }}", c: "{{ s if b else \'no\' }}"}\n'
        '    settings: {retention_days: "{{ n * 10 }}", notifications: {x: "{{ b }}", y: "{{ n / 2 }}", z: "{{ s }}"}}\n'
        '    inboxes: {i: {public: "{{ not b }}", name: "{% if b %}B{% else %}not B{% endif %}"}}\n'
    )
    config = load(tmp_path, text)
    assert config.desired["workspace/w"].attributes == {
        "labels": {"a": "7", "b": "3-False", "c": "no"},
        "settings": {"retention_days": 30, "notifications": {"x": False, "y": 1.5, "z": "7"}},
    }
    assert config.desired["inbox/w/i"].attributes == {"public": True, "name": "not B"}


def test_literal_braces(tmp_path: Path) -> None:
    text = HEAD + (
        "workspaces:\n  w:\n    message_templates:\n      a: {body: \"Hi {{ '{{' "
        "}} name }}\"}\n      b: {body: '{% raw %}Hi {{ name }}{% endraw %}'}\n"
        "      c:\n        body: |\n          one }} two\n          three {# gone #}four\n"
    )
    bodies = {key: value["body"] for key, value in attributes(load(tmp_path, text), "message_template").items()}
    assert bodies == {"w/a": "Hi {{ name }}", "w/b": "Hi {{ name }}", "w/c": "one }} two\nthree four\n"}


def test_templates_in_the_head(tmp_path: Path) -> None:
    text = GOOD.replace("acme.db", '"{{ stage }}.db"') + (
        "variables: {stage: {default: prod}, old: {default: was}}\n"
        'moved: [{from: "workspace/{{ old }}", to: workspace/brand-x}]\npolicy: {min_company_admins: "{{ 1 + 1 }}"}\n'
    )
    config = load(tmp_path, text)
    assert config.targets["acme"].options == {"database": "prod.db"}
    assert config.moved[0].from_ == "workspace/was"
    assert config.policy.min_company_admins == 2


def test_who_wins_for_a_variable(tmp_path: Path) -> None:
    text = HEAD + "variables: {v: {default: default}}\nworkspaces: {w: {name: '{{ v }}'}}\n"
    (tmp_path / "vars.yml").write_text("v: file\n")

    def name(**given: Any) -> Any:
        return load(tmp_path / "config", text, **given).desired["workspace/w"].attributes["name"]

    environ = {"ORGFORM_VAR_v": "environment", "ORGFORM_VAR_other": "not declared, and none of our business", "v": "x"}
    assert name() == "default"
    assert name(environ=environ) == "environment"
    assert name(environ=environ, var_files=[tmp_path / "vars.yml"]) == "file"
    assert name(environ=environ, var_files=[tmp_path / "vars.yml"], variables=["v=line=with equals"]) == "line=with equals"


def test_variables_have_types(tmp_path: Path) -> None:
    text = HEAD + (
        "variables: {n: {type: number}, b: {type: boolean}, s: {}, t: }\n"
        'workspaces: {w: {settings: {retention_days: "{{ n }}", notifications: {b: "{{ b }}"}}, labels: {s: "{{ s }}", t: "{{ t }}"}}}\n'
    )
    (tmp_path / "v.yaml").write_text("s: 12\nt: true\n")
    config = load(tmp_path / "c", text, variables=["n=0x10", "b=true"], var_files=[tmp_path / "v.yaml"])
    assert config.desired["workspace/w"].attributes == {
        "settings": {"retention_days": 16, "notifications": {"b": True}},
        "labels": {"s": "12", "t": "true"},
    }


def test_bad_files_of_variables(tmp_path: Path) -> None:
    text = GOOD + "variables: {n: {type: number, default: 1}}\n"
    (tmp_path / "list.yaml").write_text("# x\n- 1\n")
    (tmp_path / "bad.yaml").write_text("n: x\nm: 1\n")
    (tmp_path / "blank.yaml").write_text("# nothing\n")
    paths = [tmp_path / name for name in ("list.yaml", "bad.yaml", "gone.yaml", "blank.yaml")]
    found = told(refused(tmp_path / "c", text, var_files=paths))
    assert sorted(found) == sorted(
        [
            ("ORG013", f"{tmp_path}/list.yaml:2:1"),
            ("ORG112", f"{tmp_path}/bad.yaml:1:4"),
            ("ORG111", f"{tmp_path}/bad.yaml:2:1"),
            ("ORG003", f"{tmp_path}/gone.yaml"),
        ]
    )
    (tmp_path / "large.yaml").write_bytes(b"#" * (16 * 2**20 + 1))
    assert told(refused(tmp_path / "c", var_files=[tmp_path / "large.yaml"])) == [("ORG006", f"{tmp_path}/large.yaml")]


LABELS = ", ".join(f"l{number}: x" for number in range(3000))
MANY = "for_each: {a: [" + ", ".join(f"a{n}" for n in range(200)) + "], b: [" + ", ".join(f"b{n}" for n in range(100)) + "]}"


@pytest.mark.parametrize(
    "body",
    [
        f'labels: {{l: "{{{{ a }}}}", {LABELS}}}',
        f"labels: {{{LABELS}}}",
        f"tags: {{{LABELS.replace('x', '{}')}}}",
        'labels: "{{ dict }}"',
        "use: big",
    ],
)
def test_little_text_does_not_become_endless_config(body: str, tmp_path: Path) -> None:
    body = body.replace("dict", "[" + "1," * 3000 + "]")
    text = HEAD + f"templates: {{workspace: {{big: {{labels: {{{LABELS}}}}}}}}}\nworkspaces:\n"
    text += f'  "{{{{ a }}}}-{{{{ b }}}}":\n    {MANY}\n    {body}\n'
    ((code, place),) = told(refused(tmp_path, text))
    # On a slow machine the templates' time is up before the values are too many; either says it.
    assert (code == "ORG024" and place in ("acme.yaml:10:5", "acme.yaml:11:5")) or code == "ORG105"


def test_what_every_entry_uses_counts_each_time(tmp_path: Path) -> None:
    entries = ", ".join(f"w{n}: {{use: big}}" for n in range(2000))
    text = HEAD + f"templates: {{workspace: {{big: {{labels: {{{LABELS}}}}}}}}}\nworkspaces: {{{entries}}}\n"
    ((code, place),) = told(refused(tmp_path, text))
    assert code == "ORG024" and place.startswith("acme.yaml:8:")


# environments


def test_an_environment_overlays(tmp_path: Path) -> None:
    base = HEAD + (
        "variables: {stage: {default: prod}}\n"
        "members: {a@acme.com: {name: A}, b@acme.com: {name: B}}\n"
        "groups: {g: {members: [a@acme.com, b@acme.com], description: all}}\n"
        'workspaces:\n  "w-{{ r }}":\n    for_each: {r: [us, eu]}\n    name: "{{ r }} {{ stage }}"\n    labels: {r: "{{ r }}", keep: k}\n'
        "    members: {a@acme.com: admin, b@acme.com: member}\n"
        "    auto_top_up: {threshold: 1, amount: 2}\n"
    )
    over = (
        "variables: {stage: {default: staging}}\n"
        "targets: {acme: {database: staging.db}}\n"
        "members: {b@acme.com: null, c@acme.com: {name: C}}\n"
        "groups: {g: {members: [a@acme.com], description: null}}\n"
        "policy: {min_company_admins: 1}\n"
        'workspaces:\n  w-us:\n    name: "{{ r }} of {{ stage }}"\n    labels: {r: null, "{{ r }}": x}\n'
        "    members: {b@acme.com: null, a@acme.com: {until: 2027-01-01, reason: x}}\n    auto_top_up: null\n"
        "  w-eu: {members: null}\n"
        "  extra-{{ n }}: {for_each: {n: [1, 2]}, region: null, name: E}\n"
        "  gone: null\n"
    )
    files = {
        "acme.yaml": base,
        "environments/staging.yaml": over.replace("extra-{{ n }}", '"extra-{{ n }}"'),
        "environments/x.test.yaml": "[",
    }
    config = load(tmp_path, files, env="staging")
    assert attributes(config, "workspace") == {
        "w-us": {"name": "us of staging", "labels": {"keep": "k", "us": "x"}},
        "w-eu": {"name": "eu staging", "labels": {"r": "eu", "keep": "k"}},
        "extra-1": {"name": "E"},
        "extra-2": {"name": "E"},
    }
    assert attributes(config, "membership") == {"w-us/a@acme.com": {"role": "admin"}}
    assert config.desired["membership/w-us/a@acme.com"].until == "2027-01-01"
    assert set(attributes(config, "member")) == {"a@acme.com", "c@acme.com"}
    assert attributes(config, "group") == {"g": {"members": ["a@acme.com"]}}
    assert attributes(config, "auto_top_up") == {"w-eu": {"threshold": 1, "amount": 2}}
    assert config.targets["acme"].options == {"database": "staging.db"}
    assert config.policy.min_company_admins == 1
    assert config.desired["workspace/extra-1"].source is not None
    assert config.desired["workspace/extra-1"].source.file == "environments/staging.yaml"
    without = load(tmp_path)
    assert attributes(without, "workspace")["w-us"]["name"] == "us prod"
    assert "member/b@acme.com" in without.desired


def test_an_environment_names_entries_in_any_spelling(tmp_path: Path) -> None:
    base = HEAD + (
        "members: {Bob@Acme.com: {role: owner}, al@bücher.example: {name: Al}}\n"
        "groups: {g: {members: [bob@acme.com]}}\nworkspaces: {w: {members: {BOB@acme.com: admin, group:g: member}}}\n"
    )
    over = (
        "members: {bob@acme.com: null, AL@xn--bcher-kva.example: {name: Alma}}\ngroups: {g: {members: []}}\n"
        "workspaces: {w: {members: {bOb@acme.com: null, group:g: viewer}}}\n"
    )
    config = load(tmp_path, {"acme.yaml": base, "environments/e.yaml": over}, env="e")
    assert attributes(config, "member") == {"al@xn--bcher-kva.example": {"name": "Alma"}}
    assert attributes(config, "membership") == {"w/group:g": {"role": "viewer"}}
    assert not config.diagnostics
    twice = {"acme.yaml": GOOD, "environments/e.yaml": "members: {bob@acme.com: {name: B}, BOB@acme.com: null}\n"}
    assert ("ORG012", "environments/e.yaml:1:36") in told(refused(tmp_path, twice, env="e"))


def test_a_null_that_removes_nothing_is_told(tmp_path: Path) -> None:
    over = (
        "members: {bbo@acme.com: null}\nworkspaces:\n"
        "  brand-x: {labels: {x: null}, tags: null, members: {no@acme.com: null}, region: null}\n"
        "  new: {name: null}\nmoved: null\ntargets: {acme: {url: null}}\n"
    )
    config = load(tmp_path, {"acme.yaml": GOOD, "environments/e.yaml": over}, env="e")
    found = [(d.severity, d.code, str(d.source).removeprefix("environments/e.yaml:")) for d in config.diagnostics]
    assert found == [("warning", "ORG123", at) for at in ("1:11", "3:22", "3:32", "3:54", "4:9", "5:1", "6:18")]


def test_an_environment_can_be_yml_and_empty(tmp_path: Path) -> None:
    files = {"acme.yaml": GOOD, "environments/dev.yml": "# the same\n"}
    assert load(tmp_path, files, env="dev").digest == load(tmp_path).digest


def test_an_environment_chooses_templates(tmp_path: Path) -> None:
    files = {
        "acme.yaml": HEAD
        + "templates: {workspace: {small: {region: us}, big: {region: eu}}}\nworkspaces: {w: {use: small, name: W}, v: {name: V}}\n",
        "environments/prod.yaml": "workspaces: {w: {use: big}, v: {use: big}, x: {use: "
        "small}}\ntemplates: {workspace: {big: {description: B}}}\n",
    }
    assert attributes(load(tmp_path, files, env="prod"), "workspace") == {
        "w": {"name": "W", "region": "eu", "description": "B"},
        "v": {"name": "V", "region": "eu", "description": "B"},
        "x": {"region": "us"},
    }


def test_an_environment_removes_sections(tmp_path: Path) -> None:
    files = {
        "acme.yaml": GOOD + "policy: {min_company_admins: 1}\n",
        "environments/e.yaml": "workspaces: null\npolicy: null\ngroups: null\nmoved: null\n",
    }
    config = load(tmp_path, files, env="e")
    assert not attributes(config, "workspace") and not attributes(config, "membership")
    assert config.policy.min_company_admins == 2


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("members: {alice@acme.com: {nmae: x}}\n", [("ORG201", "environments/e.yaml:1:28")]),
        ("members: [x]\n", [("ORG202", "environments/e.yaml:1:10")]),
        ("- x\n", [("ORG013", "environments/e.yaml:1:1")]),
        ("wrkspaces: {}\n", [("ORG201", "environments/e.yaml:1:1")]),
        ("workspaces: {brand-x: [x]}\n", [("ORG202", "environments/e.yaml:1:23")]),
        ("workspaces: {brand-x: {use: nope}}\n", [("ORG120", "environments/e.yaml:1:29")]),
        ('groups: {"{{ x }}": {for_each: {x: [a, a]}}}\n', [("ORG012", "environments/e.yaml:1:10")]),
    ],
)
def test_bad_environments(over: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    found = told(refused(tmp_path, {"acme.yaml": GOOD, "environments/e.yaml": over}, env="e"))
    assert found == expected


# rosters

PEOPLE = (
    'email,name,role,title,labels.team,until,reason\nA@acme.com,"Ng, Alice",owner,,x,,\r\n'
    'b@acme.com,"Bob ""B"" Roy",,"Two\nlines",,2027-01-31,cover\n\nc@acme.com,{{ x }},standard,,,,\n'
)


def test_a_roster_gives_the_same_as_yaml(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        {"acme.yaml": HEAD + "include_csv: {members: lists/people.csv}\nmembers: {d@acme.com: }\n", "lists/people.csv": "\ufeff" + PEOPLE},
    )
    assert attributes(config, "member") == {
        "a@acme.com": {"name": "Ng, Alice", "role": "owner", "labels": {"team": "x"}},
        "b@acme.com": {"name": 'Bob "B" Roy', "title": "Two\nlines"},
        "c@acme.com": {"name": "{{ x }}", "role": "standard"},
        "d@acme.com": {},
    }
    assert config.desired["member/b@acme.com"].until == "2027-01-31"
    assert config.desired["member/a@acme.com"].source == Source("lists/people.csv", 2, 1)
    assert config.desired["member/c@acme.com"].source == Source("lists/people.csv", 6, 1)


def test_rosters_of_other_kinds(tmp_path: Path) -> None:
    files = {
        "acme.yaml": HEAD + "members: {a@acme.com: , b@acme.com: }\ninclude_csv: {groups: [g1.csv, g2.csv], "
        "features: f.csv, workspaces: w.csv}\ntemplates: {workspace: {t: {name: T}}}\n",
        "g1.csv": "key,members\ng1,a@acme.com; b@acme.com\n",
        "g2.csv": "name,key\nTwo,g2\n",
        "f.csv": "key,type,default\nf,boolean,TRUE\nn,number,3\ns,string,x\n",
        "w.csv": "key,region,settings.retention_days,settings.thresholds,use\nw,us,30,,t\n".replace(",settings.thresholds", "").replace(
            "30,,", "30,"
        ),
    }
    config = load(tmp_path, files)
    assert attributes(config, "group") == {"g1": {"members": ["a@acme.com", "b@acme.com"]}, "g2": {"name": "Two"}}
    assert config.desired["group/g2"].source == Source("g2.csv", 2, 5)
    assert attributes(config, "workspace") == {"w": {"name": "T", "region": "us", "settings": {"retention_days": 30}}}
    assert attributes(config, "feature")["s"] == {"type": "string", "default": "x"}
    assert attributes(config, "feature")["f"] == {"type": "boolean", "default": True}


def test_an_environment_removes_rows_and_changes_rosters(tmp_path: Path) -> None:
    files = {
        "acme.yaml": HEAD + "include_csv: {members: people.csv}\n",
        "people.csv": "email,name\na@acme.com,A\nb@acme.com,B\n",
        "few.csv": "email,name\nc@acme.com,C\n",
        "environments/e.yaml": "members: {a@acme.com: null, b@acme.com: {name: Bea}}\n",
        "environments/f.yaml": 'include_csv: {members: "{{ which }}.csv"}\nvariables: {which: {default: few}}\n',
    }
    assert attributes(load(tmp_path, files, env="e"), "member") == {"b@acme.com": {"name": "Bea"}}
    assert attributes(load(tmp_path, env="f"), "member") == {"c@acme.com": {"name": "C"}}


def test_cells_that_do_not_fit_are_told_where_they_stand(tmp_path: Path) -> None:
    files = {
        "acme.yaml": HEAD + "include_csv: {workspaces: w.csv}\n",
        "w.csv": 'region,key,settings.timezone,settings.retention_days\n"u,s",w,Europe/Berln,many\n',
    }
    assert told(refused(tmp_path, files)) == [("ORG211", "w.csv:2:9"), ("ORG202", "w.csv:2:22")]


# the sandbox


VALUES: dict[str, Any] = {"s": "text", "n": 3, "m": {"k": [1, 2], "items": "own"}, "b": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ s }}", "text"),
        ("{{ n + 1 }}", 4),
        ("{{ 7 // 2 }}", 3),
        ("{{ m.k }}", [1, 2]),
        ("{{ m['items'] }}", "own"),
        ("{{ none }}", None),
        ("{{ s[0] ~ n ~ '!' }}", "t3!"),
        ("{{ s[:2] }}", "te"),
        ("{{ 'a' * 3 }}", "aaa"),
        ("{{ [1] + [2] }}", [1, 2]),
        ("{{ '%03d-%s' % (n, s) }}", "003-text"),
        ("{{ '%03d' | format(n) }}", "003"),
        ("{{ s | upper | replace('T', 'tt') }}", "ttEXtt"),
        ("{{ s.replace('t', 'T', 1) }}", "Text"),
        ("{{ '-'.join(['a', 'b']) }}", "a-b"),
        ("{{ 'a,b'.split(',') }}", ["a", "b"]),
        ("{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }}", [1, 2]),
        ("{{ [{'a': 1}, {'a': 2}] | join('+', 'a') }}", "1+2"),
        ("{{ ['b', 'a'] | sort | join }}", "ab"),
        ("{{ range(3) | list }}", [0, 1, 2]),
        ("{{ range(2) }}", [0, 1]),
        ("{{ {'a': {'b': n}} }}", {"a": {"b": 3}}),
        ("{{ x | default('d') }}", "d"),
        ("{{ x is defined }}", False),
        ("{{ 2 ** 10 }}", 1024),
        ("{{ [1, 2.5] | sum }} {{ [{'a': 2}] | sum('a', 1) }}", "3.5 3"),
        ("{{ 2.25 | round(1) }}", 2.2),
        ("{{ ' x ' | trim }}{{ '-x-' | trim('-') }}", "xx"),
        ("{{ '12' | int + '1.5' | float }}", 13.5),
        ("{{ m['k'][1:] }}", [2]),
        ("{{ m.items() | list | length }}", 2),
        ("{{ (1, 2) in [(1, 2)] }}", True),
        ("{{ 1.5 * 2 }}", 3.0),
        ("{{ s if b else x }}", "text"),
        ("{% for k, v in m.items() %}{{ loop.index }}{{ k }}{% if not loop.last %},{% endif %}{% endfor %}", "1k,2items"),
        ("{% for i in range(2) %}{% for j in range(2) %}{{ loop.depth }}{{ i }}{{ j }} {% endfor %}{% endfor %}", "100 101 110 111 "),
        ("a\n{{ s }}\n", "a\ntext\n"),
    ],
)
def test_what_templates_can(text: str, value: Any) -> None:
    found = Renderer().render(text, VALUES)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ ''.__class__ }}", "ORG103"),
        ("{{ ''['__class__'] }}", "ORG103"),
        ("{{ s.format(1) }}", "ORG103"),
        ("{{ '{0.__class__}'.format(s) }}", "ORG103"),
        ("{{ s.encode() }}", "ORG103"),
        ("{{ 'a'.ljust(10 ** 9) }}", "ORG103"),
        ("{{ [].append(1) }}", "ORG103"),
        ("{{ m.update({}) }}", "ORG103"),
        ("{{ (1).bit_length() }}", "ORG103"),
        ("{{ range.__call__ }}", "ORG103"),
        ("{{ [1] | map(attribute='__class__') | list }}", "ORG103"),
        ("{{ '%9999999d' % 1 }}", "ORG103"),
        ("{{ '%*d' % (10 ** 9, 1) }}", "ORG103"),
        ("{% set a = 1 %}", "ORG103"),
        ("{% macro f() %}{% endmacro %}", "ORG103"),
        ("{% import 'x' as x %}", "ORG103"),
        ("{% extends 'x' %}", "ORG103"),
        ("{% filter upper %}x{% endfilter %}", "ORG103"),
        ("{% call x() %}{% endcall %}", "ORG103"),
        ("{{ lipsum() }}", "ORG102"),
        ("{{ cycler }}", "ORG102"),
        ("{{ namespace }}", "ORG102"),
        ("{{ self }}", "ORG106"),
        ("{{ range }}", "ORG106"),
        ("{{ s.upper }}", "ORG106"),
        ("{{ m.nope }}", "ORG102"),
        ("{{ nope.x }}", "ORG102"),
        ("{{ nope }} and more", "ORG102"),
        ("{% for x in nope %}{% endfor %}", "ORG102"),
        ("{{ s | attr('upper') }}", "ORG101"),
        ("{{ s | _ticking }}", "ORG101"),
        ("{% if %}", "ORG101"),
        ("{{ s + 1 }}", "ORG104"),
        ("{{ 1 % 0 }}", "ORG104"),
        ("{{ ('9' * 5000) | int }}", None),
        ("{{ 'a' * 10 ** 9 }}", "ORG105"),
        ("{{ 10 ** 9 * 'a' }}", "ORG105"),
        ("{{ [0] * 2 }}", "ORG103"),
        ("{{ 10 ** 1000 }}", "ORG105"),
        ("{{ range(10 ** 12) | list }}", "ORG105"),
        ("{{ range(900000) | join('x' * 900) }}", "ORG105"),
        ("{{ ('x' * 1000) | replace('', 'y' * 100000) }}", "ORG105"),
        ("{{ ('x' * 900000) ~ ('x' * 900000) }}", "ORG105"),
        ("{{ ('x' * 900000) + ('x' * 900000) }}", "ORG105"),
        ("{% for i in range(900) %}" + "x" * 2000 + "{% endfor %}", "ORG105"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "ORG105"),
        ("{{ 'x' }}" + " " * 300_000, "ORG105"),
        ("{{ 1e308 * 10 }}", "ORG106"),
        ("{{ 1 | round(10 ** 9, 'ceil') }}", "ORG105"),
        ("{{ 0x" + "f" * 100000 + " // 0x" + "f" * 50000 + " }}", "ORG104"),
        ("{{ ('1' * 900000) | float }}", "ORG105"),
        ("{{ [[1], [2]] | sum(start=[]) }}", "ORG104"),
        ("{{ ('a' * 900000).rpartition('a' * 200000 ~ 'b' ~ 'a' * 200000) }}", "ORG105"),
        ("{{ ('a' * 900000) | trim('" + "bcdefgh" * 5000 + "a') }}", "ORG105"),
        ("{{ [" + "('x' * 900000)," * 200 + "] | length }}", "ORG105"),
        ("{{ 'x' in [" + "range(900000) | map('list')," * 50 + "] }}", "ORG105"),
        ("{{ '%s' % ['x' * 900000] }}", "ORG105"),
        ("{{ n }}" * 10000, "ORG105"),
        ("{{ [" + "1," * 30000 + "] }}", "ORG105"),
        ("{{ range(9) | sum + x_ }}", "ORG102"),
        ("{{ [m] | sum(attribute='nope') }}", "ORG102"),
        ("{{ 2 ** 64 }}", "ORG106"),
        ("{{ [[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]] }}", "ORG106"),
    ],
)
def test_what_templates_cannot(text: str, code: str | None) -> None:
    renderer = Renderer()
    try:
        renderer.render(text, VALUES)
    except TemplateProblem as problem:
        assert problem.code == code, problem.summary
        assert " at 0x" not in problem.summary
    else:
        assert code is None


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(900000) %}{% for j in range(900000) %}{% endfor %}{% endfor %}",
        "{{ range(900000) | map('string') | map('upper') | map('lower') | list | sort | unique | list | length }}",
    ],
)
def test_templates_have_little_time(text: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        Renderer(seconds=0.05).render(text, {})
    assert caught.value.code == "ORG105" and "seconds" in caught.value.summary


# One value met twelve times over in each of fourteen lists: small to write, and endless to look at.
_SHARED = "{% for a in [[[1]]] %}" + "".join(
    f"{{% for {inner} in [[{', '.join([outer] * 12)}]] %}}" for outer, inner in zip("abcdefghijklmn", "bcdefghijklmno", strict=True)
)


@pytest.mark.parametrize(
    "last", ["{{ o | string }}", "{{ o == o }}", "{{ 'x' ~ o }}", "{{ '%s' % o }}", "{{ o | list }}", "{{ [o] | join }}"]
)
def test_what_is_shared_counts_as_often_as_it_is_met(last: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        Renderer().render(_SHARED + last + "{% endfor %}" * 15, {})
    assert caught.value.code == "ORG105"
    deep = "'y'"
    for _ in range(5):
        deep = f"range(900) | map(attribute='x', default={deep}) | list"
    with pytest.raises(TemplateProblem) as caught:
        Renderer().render(f"{{{{ {deep} }}}}", {})
    assert caught.value.code == "ORG105"


def test_output_is_bounded_over_all_templates() -> None:
    renderer = Renderer(output=2000)
    for _ in range(2):
        renderer.render("{{ 'x' * 200 }}", {})
    with pytest.raises(TemplateProblem) as caught:
        for _ in range(10):
            renderer.render("{{ 'x' * 200 }}", {})
    assert caught.value.code == "ORG105"


def test_suggestions_end_at_some_point() -> None:
    problems = Problems()
    known = [f"word-{number}" for number in range(50_000)]
    assert problems.similar("word-77x", known) and problems.similar("word-78x", known)
    for _ in range(10):
        problems.similar("word-77x", known)
    assert problems.similar("word-77x", known) == ""
