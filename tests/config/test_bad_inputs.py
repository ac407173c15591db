"""Every bad input is a diagnostic with a place, a code and a way out; exactly those, and no traceback."""

from __future__ import annotations

from typing import Any

import pytest

from orgform.config.places import LONGEST_SNIPPET
from tests.config.folders import GOOD, HEAD, refused

SECRET = "sk_live_4242424242"


class Bad:
    """`files` are written (a text: `acme.yaml`), and exactly `expected` is told: (code, place); `words` stand in summary or detail."""

    def __init__(self, name: str, files: Any, *expected: tuple[str, str], words: tuple[str, ...] = (), **given: Any) -> None:
        self.name, self.files, self.expected, self.words, self.given = name, files, expected, words, given


def with_(text: str, **files: str | bytes) -> dict[str, str | bytes]:
    """The good config, and a second file `b.yaml`."""
    return {"acme.yaml": GOOD, "b.yaml": text, **files}


CASES = [
    # files and YAML
    Bad("empty folder", {}, ("ORG002", "{folder}"), words=("orgform init",)),
    Bad("empty file", with_(""), ("ORG008", "b.yaml:1:1")),
    Bad("blank file", with_("  \n\n"), ("ORG008", "b.yaml:1:1")),
    Bad("not UTF-8", with_(b"tags: 1\nname: \xe9\n"), ("ORG004", "b.yaml:2:7"), words=("0xe9", "UTF-8")),
    Bad("tab indentation", with_("groups:\n\tx: {}\n"), ("ORG011", "b.yaml:2:1"), words=("spaces",)),
    Bad("tab behind spaces", with_("groups:\n  a:\n  \tname: x\n   \tmembers: []\n"), ("ORG011", "b.yaml:3:3")),
    Bad("list where a map is due", with_("- a\n- b\n"), ("ORG013", "b.yaml:1:1"), words=("a list",)),
    Bad("a word where a map is due", with_("hello\n"), ("ORG013", "b.yaml:1:1")),
    Bad("list of members", HEAD + "members:\n  - alice@acme.com\n", ("ORG202", "acme.yaml:8:3"), words=("a map", "without `- `")),
    Bad("second document", with_("groups: {}\n---\ngroups: {}\n"), ("ORG018", "b.yaml:2:1")),
    Bad("syntax: colon", with_("groups: a: b\n"), ("ORG010", "b.yaml:1:10"), words=("quote",)),
    Bad("syntax: open quote", with_('groups: "a\n'), ("ORG010", "b.yaml:1:9"), words=("close the quotes",)),
    Bad("syntax: open bracket", with_("groups: {a: {}\nx: 1\n"), ("ORG010", "b.yaml:2:1")),
    Bad("template without quotes", with_("groups:\n  a: {name: {{ x }}}\n"), ("ORG019", "b.yaml:2:14"), words=('"{{ ... }}"',)),
    Bad("map as a key", with_("groups:\n  ? [a]\n  : {}\n"), ("ORG019", "b.yaml:2:5")),
    Bad("foreign tag", with_("groups:\n  a: {name: !!python/name:os.system x}\n"), ("ORG014", "b.yaml:2:13"), words=("plain data",)),
    Bad("local tag", with_("groups:\n  a: !secret {name: x}\n"), ("ORG014", "b.yaml:2:6")),
    Bad("tag that does not fit", with_("groups:\n  a: {name: !!int x}\n"), ("ORG014", "b.yaml:2:13")),
    Bad("tagged key", with_("groups:\n  !!int 1: {}\n"), ("ORG014", "b.yaml:2:3")),
    Bad("alias without anchor", with_("groups:\n  a: *nope\n"), ("ORG015", "b.yaml:2:6"), words=("&nope",)),
    Bad("alias inside of itself", with_("groups: &g\n  a: *g\n"), ("ORG015", "b.yaml:2:6")),
    Bad("merge key without map", with_("groups:\n  a: {<<: [x], name: A}\n"), ("ORG023", "b.yaml:2:7")),
    Bad("infinity", HEAD + "workspaces: {w: {settings: {thresholds: {a: .inf}}}}\n", ("ORG020", "acme.yaml:7:45")),
    Bad("not a number", HEAD + "workspaces: {w: {settings: {thresholds: {a: .nan}}}}\n", ("ORG020", "acme.yaml:7:45")),
    Bad("too large a number", HEAD + f"workspaces: {{w: {{settings: {{retention_days: {'9' * 50}}}}}}}\n", ("ORG020", "acme.yaml:7:45")),
    Bad("too large a tagged number", with_("groups: {a: {name: !!int 99999999999999999999}}\n"), ("ORG020", "b.yaml:1:20")),
    Bad("control character by escape", with_('groups: {a: {name: "x\\e[31m"}}\n'), ("ORG021", "b.yaml:1:20")),
    Bad("text turned around", with_("groups: {a: {name: x\u202ey}}\n"), ("ORG021", "b.yaml:1:20")),
    Bad("control character in a key", with_('groups: {"a\\nb": {}}\n'), ("ORG021", "b.yaml:1:10")),
    Bad("control character by itself", with_("groups: {a: {name: x\x01}}\n"), ("ORG021", "b.yaml:1:21")),
    Bad("line end in a name", HEAD + 'groups: {a: {name: "x\\ny"}}\n', ("ORG021", "acme.yaml:7:20")),
    Bad("nested 10,000 deep", with_("[" * 10_000), ("ORG017", "b.yaml:1:101"), words=("100",)),
    Bad("maps nested deep", with_("{a: " * 10_000), ("ORG017", "b.yaml:1:401")),
    Bad("environment that is not there", GOOD, ("ORG022", "environments/prod.yaml"), env="prod"),
    Bad(
        "environment misspelt",
        {"acme.yaml": GOOD, "environments/staging.yaml": "members: {}\n"},
        ("ORG022", "environments/stagin.yaml"),
        words=("did you mean `staging`?",),
        env="stagin",
    ),
    # keys
    Bad("duplicate key", with_("groups:\n  a: {}\n  a: {}\n"), ("ORG012", "b.yaml:3:3"), words=("b.yaml:2:3",)),
    Bad(
        "duplicate key across files",
        with_("members:\n  alice@acme.com: {name: Other}\n"),
        ("ORG012", "b.yaml:2:20"),
        words=("acme.yaml:8:20",),
    ),
    Bad("duplicate section across files", with_("orgform: 1\n"), ("ORG012", "b.yaml:1:1"), words=("acme.yaml:1:1",)),
    Bad(
        "duplicate key in another case",
        HEAD + "members:\n  a@acme.com:\n  A@Acme.com:\n",
        ("ORG012", "acme.yaml:9:3"),
        words=("acme.yaml:8:3",),
    ),
    Bad("duplicate domain in another spelling", HEAD + "  bücher.example: {}\n  xn--bcher-kva.example: {}\n", ("ORG012", "acme.yaml:8:3")),
    Bad(
        "duplicate key after templating",
        HEAD + 'variables: {x: {default: a}}\ngroups:\n  a: {}\n  "{{ x }}": {}\n',
        ("ORG012", "acme.yaml:10:3"),
        words=("acme.yaml:9:3",),
    ),
    Bad(
        "for_each that collides",
        HEAD + 'groups:\n  "g-{{ a }}": {for_each: {a: [x, y], b: [1, 2]}}\n',
        ("ORG012", "acme.yaml:8:3"),
        words=("for_each",),
    ),
    Bad("unknown key", HEAD + "members:\n  a@acme.com: {nmae: A}\n", ("ORG201", "acme.yaml:8:16"), words=("did you mean `name`?",)),
    Bad("unknown section", HEAD + "membrs: {}\n", ("ORG201", "acme.yaml:7:1"), words=("did you mean `members`?",)),
    Bad("unknown setting", HEAD + "workspaces: {w: {settings: {timezon: UTC}}}\n", ("ORG201", "acme.yaml:7:29"), words=("`timezone`",)),
    Bad("observed attribute", HEAD + "members: {a@acme.com: {status: active}}\n", ("ORG201", "acme.yaml:7:24")),
    Bad(
        "unknown day",
        HEAD + "workspaces: {w: {shifts: {s: {timezone: UTC, times: {mn: {start: '09:00', end: '10:00'}}}}}}\n",
        ("ORG201", "acme.yaml:7:54"),
    ),
    Bad(
        "names that may stand in what is broken",
        HEAD + 'groups:\n  g: {name: "{{ foo }}", members: [x@acme.com, y@acme.com]}\n',
        ("ORG102", "acme.yaml:8:17"),
    ),
    Bad("template as a variable's default", HEAD + 'variables: {a: {type: string, default: "{{ b }}"}}\n', ("ORG115", "acme.yaml:7:31")),
    Bad(
        "member where a group was meant",
        HEAD + "groups: {g: {}}\nworkspaces: {w: {members: {g: admin}}}\n",
        ("ORG301", "acme.yaml:8:28"),
        words=("did you mean `group:g`?",),
    ),
    Bad(
        "alias inside of what it names",
        with_("groups: {g: &a {name: *a}}\n"),
        ("ORG015", "b.yaml:1:23"),
        words=("nothing can hold itself",),
    ),
    Bad("slash in a key", HEAD + "workspaces: {a/b: {}}\n", ("ORG206", "acme.yaml:7:14"), words=("a-b",)),
    Bad("slash in a name", HEAD + "workspaces: {w: {inboxes: {a/b: {}}}}\n", ("ORG206", "acme.yaml:7:28"), words=("a-b",)),
    Bad("space around a name", HEAD + "workspaces: {w: {tags: {'a ': {}}}}\n", ("ORG206", "acme.yaml:7:25")),
    Bad("empty name", HEAD + "workspaces: {w: {tags: {'': {}}}}\n", ("ORG206", "acme.yaml:7:25")),
    Bad("long name", HEAD + f"workspaces: {{w: {{tags: {{{'n' * 201}: {{}}}}}}}}\n", ("ORG206", "acme.yaml:7:25")),
    Bad("long key", HEAD + f"groups: {{{'k' * 101}: {{}}}}\n", ("ORG206", "acme.yaml:7:10"), words=("100",)),
    # types and values
    Bad("wrong type", HEAD + "workspaces: {w: {name: 3}}\n", ("ORG202", "acme.yaml:7:24"), words=('"3"',)),
    Bad(
        "number in quotes", HEAD + "workspaces: {w: {settings: {retention_days: '365'}}}\n", ("ORG202", "acme.yaml:7:45"), words=("`365`",)
    ),
    Bad("1_000", HEAD + "workspaces: {w: {settings: {retention_days: 1_000}}}\n", ("ORG202", "acme.yaml:7:45"), words=("`1000`",)),
    Bad(
        "yes for true",
        HEAD + "workspaces: {w: {inboxes: {i: {public: yes}}}}\n",
        ("ORG202", "acme.yaml:7:40"),
        words=("write `true`", "YAML 1.2"),
    ),
    Bad("off for false", HEAD + "workspaces: {w: {inboxes: {i: {public: off}}}}\n", ("ORG202", "acme.yaml:7:40"), words=("write `false`",)),
    Bad("text for a list", HEAD + "groups: {g: {members: a@acme.com}}\n", ("ORG202", "acme.yaml:7:23"), words=("[a@acme.com]",)),
    Bad("map for a text", HEAD + "groups: {g: {name: {a: b}}}\n", ("ORG202", "acme.yaml:7:20")),
    Bad("null for what is required", GOOD.replace("type: boolean", "type: null"), ("ORG204", "acme.yaml:21:16")),
    Bad("empty entry with required attributes", HEAD + "features:\n  f:\n", ("ORG203", "acme.yaml:8:3"), ("ORG203", "acme.yaml:8:3")),
    Bad("missing attribute", HEAD + "features:\n  f: {type: string}\n", ("ORG203", "acme.yaml:8:3"), words=("`default`",)),
    Bad(
        "not one of the words",
        HEAD + "roles: {r: {scope: worksapce}}\n",
        ("ORG204", "acme.yaml:7:20"),
        words=("did you mean `workspace`?",),
    ),
    Bad("too small", HEAD + "workspaces: {w: {settings: {retention_days: 0}}}\n", ("ORG205", "acme.yaml:7:45"), words=("at least 1",)),
    Bad(
        "too large",
        HEAD + "workspaces: {w: {monthly_recharge: {amount: 5, day: 31}}}\n",
        ("ORG205", "acme.yaml:7:53"),
        words=("at most 28",),
    ),
    Bad("not more than nothing", HEAD + "workspaces: {w: {monthly_recharge: {amount: 0, day: 1}}}\n", ("ORG205", "acme.yaml:7:45")),
    Bad("empty text", HEAD + "groups: {g: {name: ''}}\n", ("ORG205", "acme.yaml:7:20"), words=("empty",)),
    Bad("no variants", HEAD + "features: {f: {type: string, default: a, variants: {}}}\n", ("ORG205", "acme.yaml:7:52")),
    Bad(
        "bad time of day",
        HEAD + "workspaces: {w: {shifts: {s: {timezone: UTC, times: {mon: {start: '9:00', end: '10:00'}}}}}}\n",
        ("ORG205", "acme.yaml:7:67"),
    ),
    Bad(
        "bad e-mail",
        HEAD + "members: {alice@acme: {}, 'bob at acme.com': {}}\n",
        ("ORG207", "acme.yaml:7:11"),
        ("ORG207", "acme.yaml:7:27"),
    ),
    Bad("e-mail with a slash", HEAD + "members: {a/b@acme.com: {}}\n", ("ORG207", "acme.yaml:7:11")),
    Bad(
        "bad FQDN",
        HEAD + "  'https://acme.org': {}\n  acme_x.com: {}\n",
        ("ORG208", "acme.yaml:7:3"),
        ("ORG208", "acme.yaml:8:3"),
        words=("`acme.org`",),
    ),
    Bad(
        "an address of a page for a domain that others name",
        "orgform: 1\ncompany: {name: A, primary_domain: acme.org}\n"
        "targets: {t: {provider: local, database: t.db}}\ndomains:\n  https://acme.org: {}\n",
        ("ORG208", "acme.yaml:5:3"),
    ),
    Bad(
        "somebody who is not there, and is nobody else",
        HEAD + "members: {jana.tran@acme.com: {}}\ngroups: {g: {members: [aaron.tran@acme.com]}}\n",
        ("ORG301", "acme.yaml:8:24"),
        words=("there are `jana.tran@acme.com`; or declare it under `members`: `aaron.tran@acme.com: ...`",),
    ),
    Bad(
        "somebody whose address was mistyped",
        HEAD + "members: {jana.tran@acme.com: {}}\ngroups: {g: {members: [jnaa.tran@acm.com]}}\n",
        ("ORG301", "acme.yaml:8:24"),
        words=("did you mean `jana.tran@acme.com`?",),
    ),
    Bad("bad punycode", HEAD + "  xn--a.com: {}\n", ("ORG208", "acme.yaml:7:3")),
    Bad("bad host of a site", HEAD + "workspaces: {w: {sites: {s: {domain: a b}}}}\n", ("ORG208", "acme.yaml:7:38")),
    Bad("public suffix", HEAD + "  co.uk: {}\n", ("ORG209", "acme.yaml:7:3"), words=("acme.co.uk",)),
    Bad("public suffix with a wildcard", HEAD + "  anything.ck: {}\n", ("ORG209", "acme.yaml:7:3")),
    Bad("consumer domain", HEAD + "  gmail.com: {}\n", ("ORG210", "acme.yaml:7:3")),
    Bad(
        "unknown time zone",
        HEAD + "workspaces: {w: {settings: {timezone: Europe/Berln}}}\n",
        ("ORG211", "acme.yaml:7:39"),
        words=("`Europe/Berlin`",),
    ),
    Bad("unknown currency", HEAD + "workspaces: {w: {settings: {currency: usd}}}\n", ("ORG212", "acme.yaml:7:39"), words=("`USD`",)),
    Bad(
        "until in the wrong form",
        HEAD + "members: {a@acme.com: {until: 31.1.2027, reason: x}}\n",
        ("ORG213", "acme.yaml:7:31"),
        words=("YYYY-MM-DD",),
    ),
    Bad(
        "until without zeros",
        HEAD + "members: {a@acme.com: {until: 2027-1-5, reason: x}}\n",
        ("ORG213", "acme.yaml:7:31"),
        words=("`2027-01-05`",),
    ),
    Bad("until on no day", HEAD + "members: {a@acme.com: {until: 2027-02-30, reason: x}}\n", ("ORG213", "acme.yaml:7:31")),
    Bad("until as a number", HEAD + "members: {a@acme.com: {until: 20270101, reason: x}}\n", ("ORG202", "acme.yaml:7:31")),
    Bad("expires in the wrong form", GOOD.replace("owner:", "expires: soon, owner:"), ("ORG213", "acme.yaml:21:50")),
    Bad(
        "feature value of the wrong type",
        GOOD.replace("{beta: true}", "{beta: on}"),
        ("ORG214", "acme.yaml:19:22"),
        words=("write `true`",),
    ),
    Bad("default of the wrong type", GOOD.replace("default: false", "default: 1"), ("ORG214", "acme.yaml:21:34")),
    Bad("variant of the wrong type", HEAD + "features: {f: {type: number, default: a, variants: {a: x}}}\n", ("ORG214", "acme.yaml:7:56")),
    Bad(
        "unknown variant",
        HEAD + "features: {f: {type: string, default: b, variants: {aa: x}}}\nworkspaces: {w: {features: {f: ab}}}\n",
        ("ORG215", "acme.yaml:7:39"),
        ("ORG215", "acme.yaml:8:32"),
    ),
    Bad(
        "lifecycle of what is not there",
        HEAD + "groups: {g: {lifecycle: {ignore: [nam], seed: [members.x]}}}\n",
        ("ORG218", "acme.yaml:7:35"),
        ("ORG218", "acme.yaml:7:48"),
    ),
    Bad("version", GOOD.replace("orgform: 1", "orgform: 2"), ("ORG219", "acme.yaml:1:10"), words=("`1`",)),
    Bad("no version", GOOD.replace("orgform: 1\n", ""), ("ORG219", "acme.yaml:1:1"), words=("orgform: 1",)),
    Bad("no company", GOOD.replace("company: {name: Acme Corp, primary_domain: acme.com}\n", ""), ("ORG203", "acme.yaml:1:1")),
    Bad("primary domain missing", GOOD.replace(", primary_domain: acme.com", ""), ("ORG203", "acme.yaml:2:1"), words=("primary_domain",)),
    Bad(
        "null for what may be anything",
        HEAD + "features: {f: {type: string, default: null}}\n",
        ("ORG203", "acme.yaml:7:30"),
        words=("empty",),
    ),
    Bad("no value at all", GOOD.replace("{beta: true}", "{beta: }"), ("ORG203", "acme.yaml:19:16")),
    Bad("a built-in role", HEAD + "roles: {owner: {scope: workspace}}\n", ("ORG217", "acme.yaml:7:9"), words=("my-owner",)),
    # references
    Bad(
        "primary domain not declared",
        GOOD.replace("primary_domain: acme.com", "primary_domain: acme.co"),
        ("ORG301", "acme.yaml:2:44"),
        words=("`acme.com`",),
    ),
    Bad(
        "feature's owner",
        GOOD.replace("owner: alice@acme.com}", "owner: alce@acme.com}"),
        ("ORG301", "acme.yaml:21:48"),
        words=("`alice@acme.com`",),
    ),
    Bad(
        "group's member",
        GOOD.replace("[bob@acme.com]", "[alice@acme.com, bo@acme.com]"),
        ("ORG301", "acme.yaml:11:39"),
        words=("`bob@acme.com`",),
    ),
    Bad("parent", GOOD.replace("region: us", "parent: brand-y"), ("ORG301", "acme.yaml:17:13"), words=("`brand-x`",)),
    Bad("member's role", GOOD.replace("role: standard", "role: standrd"), ("ORG301", "acme.yaml:9:39"), words=("`standard`",)),
    Bad(
        "membership's role",
        GOOD.replace(": campaign-manager}", ": campaign-manger}"),
        ("ORG301", "acme.yaml:18:53"),
        words=("`campaign-manager`",),
    ),
    Bad(
        "membership of nobody",
        GOOD.replace("members: {alice@acme.com: admin", "members: {carol@x.org: admin"),
        ("ORG301", "acme.yaml:18:15"),
        words=("declare it under `members`",),
    ),
    Bad(
        "membership of no group", GOOD.replace("group:support:", "group:suport:"), ("ORG301", "acme.yaml:18:38"), words=("`group:support`",)
    ),
    Bad(
        "value of no feature",
        GOOD.replace("features: {beta: true}", "features: {betta: true}"),
        ("ORG301", "acme.yaml:19:16"),
        words=("`beta`",),
    ),
    Bad("extends nothing", GOOD.replace("extends: member", "extends: membr"), ("ORG301", "acme.yaml:13:49"), words=("`member`",)),
    Bad(
        "auto_join nowhere",
        GOOD.replace("acme.com: {}", "acme.com: {auto_join: {workspace: brand-z, role: viewr}}"),
        ("ORG301", "acme.yaml:6:37"),
        ("ORG301", "acme.yaml:6:52"),
        words=("`brand-x`", "`viewer`"),
    ),
    Bad("inbox member", HEAD + "workspaces: {w: {inboxes: {i: {members: [x@acme.com]}}}}\n", ("ORG301", "acme.yaml:7:42")),
    Bad(
        "shift member",
        HEAD + "workspaces: {w: {shifts: {s: {timezone: UTC, times: {}, members: [x@acme.com]}}}}\n",
        ("ORG301", "acme.yaml:7:67"),
    ),
    Bad(
        "workspace role on a member",
        GOOD.replace("role: standard", "role: campaign-manager"),
        ("ORG302", "acme.yaml:9:39"),
        words=("`standard`",),
    ),
    Bad(
        "company role in a workspace",
        GOOD.replace(": campaign-manager}", ": owner}"),
        ("ORG302", "acme.yaml:18:53"),
        words=("`campaign-manager`",),
    ),
    Bad(
        "extends over scopes",
        GOOD.replace("scope: workspace, extends: member", "scope: workspace, extends: owner"),
        ("ORG302", "acme.yaml:13:49"),
    ),
    Bad(
        "auto_join with a company role",
        GOOD.replace("acme.com: {}", "acme.com: {auto_join: {workspace: brand-x, role: owner}}"),
        ("ORG302", "acme.yaml:6:52"),
    ),
    Bad(
        "parent circle",
        HEAD + "workspaces:\n  a: {parent: c}\n  b: {parent: a}\n  c: {parent: b}\n  d: {parent: a}\n",
        ("ORG303", "acme.yaml:8:15"),
        words=("a -> c -> b -> a",),
    ),
    Bad("its own parent", HEAD + "workspaces:\n  a: {parent: a}\n", ("ORG303", "acme.yaml:8:15")),
    Bad(
        "role circle",
        HEAD + "roles:\n  a: {scope: workspace, extends: b}\n  b: {scope: workspace, extends: a}\n",
        ("ORG303", "acme.yaml:8:34"),
    ),
    # templates
    Bad(
        "undefined variable",
        GOOD.replace("name: Brand X", 'name: "Brand {{ brnad }}"') + "variables: {brand: {default: x}}\n",
        ("ORG102", "acme.yaml:16:21"),
        words=("did you mean `brand`?",),
    ),
    Bad(
        "variable that nobody declares",
        GOOD.replace("name: Brand X", 'name: "{{ contact }}"'),
        ("ORG102", "acme.yaml:16:15"),
        words=("declare it", "literal braces"),
    ),
    Bad("undefined variable in a key", GOOD.replace("brand-x:", '"{{ b }}":'), ("ORG102", "acme.yaml:15:3")),
    Bad(
        "attribute that is not there",
        HEAD + 'groups:\n  "{{ a.x }}": {for_each: {a: [{x: g}]}, name: "{{ a.y }}"}\n',
        ("ORG102", "acme.yaml:8:54"),
    ),
    Bad("Jinja syntax", GOOD.replace("name: Brand X", 'name: "{{ brand"'), ("ORG101", "acme.yaml:16:11")),
    Bad("unknown filter", GOOD.replace("name: Brand X", "name: \"{{ 'x' | shout }}\""), ("ORG101", "acme.yaml:16:11")),
    Bad("sandbox escape", GOOD.replace("name: Brand X", "name: \"{{ ''.__class__.__mro__ }}\""), ("ORG103", "acme.yaml:16:11")),
    Bad("import", GOOD.replace("name: Brand X", "name: \"{% include '/etc/passwd' %}\""), ("ORG103", "acme.yaml:16:11")),
    Bad("division by zero", GOOD.replace("name: Brand X", 'name: "{{ 1 / 0 }}"'), ("ORG104", "acme.yaml:16:11")),
    Bad("endless text", GOOD.replace("name: Brand X", "name: \"{{ 'a' * 10 ** 9 }}\""), ("ORG105", "acme.yaml:16:11")),
    Bad("generator", GOOD.replace("name: Brand X", "name: \"{{ [1] | map('string') }}\""), ("ORG106", "acme.yaml:16:11")),
    Bad("key that is no text", HEAD + 'groups:\n  "{{ [1] }}": {}\n', ("ORG106", "acme.yaml:8:3")),
    Bad("control character by template", HEAD + "groups:\n  g: {description: \"{{ '\\\\x1b' }}\"}\n", ("ORG021", "acme.yaml:8:20")),
    Bad(
        "unknown template",
        HEAD + "templates: {workspace: {small: {region: us}}}\nworkspaces: {w: {use: smal}}\n",
        ("ORG120", "acme.yaml:8:23"),
        words=("did you mean `small`?",),
    ),
    Bad("templates of that kind are none", HEAD + "workspaces: {w: {use: smal}}\n", ("ORG120", "acme.yaml:7:23")),
    Bad(
        "template circle",
        HEAD + "templates: {group: {a: {use: b}, b: {use: a}}}\ngroups: {g: {use: a}}\n",
        ("ORG121", "acme.yaml:7:38"),
        words=("a -> b -> a",),
    ),
    Bad("templates of no kind", HEAD + "templates: {workspaces: {}}\n", ("ORG201", "acme.yaml:7:13"), words=("`workspace`",)),
    Bad(
        "for_each without lists",
        HEAD + "groups:\n  a: {for_each: [x]}\n  b: {for_each: {x: y}}\n",
        ("ORG122", "acme.yaml:8:7"),
        ("ORG122", "acme.yaml:9:18"),
    ),
    # variables
    Bad("variable not declared", GOOD, ("ORG111", "--var"), words=("declare it",), variables=["x=1"]),
    Bad(
        "variable misspelt",
        GOOD + "variables: {region: {default: us}}\n",
        ("ORG111", "--var"),
        words=("did you mean `region`?",),
        variables=["regoin=1"],
    ),
    Bad(
        "variable without value",
        GOOD + "variables:\n  region: {type: string}\n",
        ("ORG113", "acme.yaml:23:3"),
        words=("--var region=", "ORGFORM_VAR_region"),
    ),
    Bad(
        "a valueless variable in use",
        GOOD.replace("region: us", 'region: "{{ r }}"') + "variables: {r: {}}\n",
        ("ORG113", "acme.yaml:22:13"),
    ),
    Bad("--var without value", GOOD, ("ORG114", "--var"), variables=["x"]),
    Bad("default of the wrong type", GOOD + "variables: {n: {type: number, default: x}}\n", ("ORG112", "acme.yaml:22:40")),
    Bad("--var of the wrong type", GOOD + "variables: {n: {type: number, default: 1}}\n", ("ORG112", "--var"), variables=["n=x"]),
    Bad(
        "environment of the wrong type",
        GOOD + "variables: {b: {type: boolean, default: true}}\n",
        ("ORG112", "ORGFORM_VAR_b"),
        environ={"ORGFORM_VAR_b": "yes"},
    ),
    Bad("variable of no type", GOOD + "variables: {b: {type: bool, default: true}}\n", ("ORG204", "acme.yaml:22:23"), words=("`boolean`",)),
    # CSV
    Bad("roster missing", with_("include_csv: {members: people.csv}\n"), ("ORG003", "b.yaml:1:24"), words=("people.csv",)),
    Bad("roster outside", with_("include_csv: {members: ../people.csv}\n"), ("ORG005", "b.yaml:1:24")),
    Bad("roster at an absolute path", with_("include_csv: {members: /etc/passwd}\n"), ("ORG005", "b.yaml:1:24")),
    Bad("roster that is a folder", with_("include_csv: {members: d}\n") | {"d/x.txt": ""}, ("ORG003", "b.yaml:1:24")),
    Bad("roster of nothing", with_("include_csv: {memberz: p.csv}\n"), ("ORG201", "b.yaml:1:15"), words=("`members`",)),
    Bad("roster as a number", with_("include_csv: {members: 3}\n"), ("ORG202", "b.yaml:1:24")),
    Bad("empty roster", with_("include_csv: {members: p.csv}\n") | {"p.csv": ""}, ("ORG008", "p.csv:1:1"), words=("email",)),
    Bad(
        "column missing",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": "name,role\nA,owner\n"},
        ("ORG131", "p.csv:1:1"),
        words=("`email`",),
    ),
    Bad(
        "semicolons",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": "email;name\n"},
        ("ORG133", "p.csv:1:1"),
        ("ORG131", "p.csv:1:1"),
        words=("commas",),
    ),
    Bad(
        "unknown column",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": "email,rolle\nx@acme.com,owner\n"},
        ("ORG133", "p.csv:1:7"),
        words=("`role`",),
    ),
    Bad("column twice", with_("include_csv: {members: p.csv}\n") | {"p.csv": "email,name,name\n"}, ("ORG132", "p.csv:1:12")),
    Bad(
        "ragged row",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": "email,name\nx@acme.com,X\ny@acme.com\n"},
        ("ORG132", "p.csv:3:1"),
    ),
    Bad("row without key", with_("include_csv: {members: p.csv}\n") | {"p.csv": "name,email\nX,\n"}, ("ORG131", "p.csv:2:3")),
    Bad(
        "key twice in a roster",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": "email\nx@acme.com\nx@acme.com\n"},
        ("ORG012", "p.csv:3:1"),
        words=("p.csv:2:1",),
    ),
    Bad(
        "key in roster and YAML",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": "name,email\nA,alice@acme.com\n"},
        ("ORG012", "p.csv:2:1"),
        words=("acme.yaml:8:20",),
    ),
    Bad("roster's quotes", with_("include_csv: {members: p.csv}\n") | {"p.csv": 'email,name\n"x@acme.com"x,X\n'}, ("ORG130", "p.csv:2:1")),
    Bad(
        "roster's open quote", with_("include_csv: {members: p.csv}\n") | {"p.csv": 'email,name\nx@acme.com,"X\n'}, ("ORG130", "p.csv:2:1")
    ),
    Bad(
        "huge cell",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": f"email,name\nx@acme.com,{'x' * 200_000}\n"},
        ("ORG130", "p.csv:2:1"),
    ),
    Bad(
        "roster not UTF-8", with_("include_csv: {members: p.csv}\n") | {"p.csv": b"email,name\nx@acme.com,\xe9\n"}, ("ORG004", "p.csv:2:12")
    ),
    Bad(
        "control character in a roster",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": "email,name\nx@acme.com,a\x1b\n"},
        ("ORG021", "p.csv:2:13"),
    ),
    Bad("bad e-mail in a roster", with_("include_csv: {members: p.csv}\n") | {"p.csv": "name,email\nX,x@\n"}, ("ORG207", "p.csv:2:3")),
    Bad(
        "bad cell",
        with_("include_csv: {members: p.csv}\n") | {"p.csv": 'email,name,role\nx@acme.com,"X, ""Y""",ownr\n'},
        ("ORG301", "p.csv:2:23"),
    ),
    # targets
    Bad(
        "no targets",
        GOOD.replace("targets:\n  acme: {provider: local, database: acme.db}\n", ""),
        ("ORG401", "acme.yaml:1:1"),
        words=("add `targets: {acme: {provider: local",),
    ),
    Bad(
        "empty targets",
        GOOD.replace("targets:\n  acme: {provider: local, database: acme.db}\n", "targets: {}\n"),
        ("ORG401", "acme.yaml:3:1"),
    ),
    Bad(
        "unknown provider", GOOD.replace("provider: local", "provider: lokal"), ("ORG402", "acme.yaml:4:20"), words=("`local`", "`orgform`")
    ),
    Bad("no provider", GOOD.replace("provider: local, ", ""), ("ORG203", "acme.yaml:4:3"), words=("provider",)),
    Bad("unknown option", GOOD.replace("database: acme.db", "databse: acme.db"), ("ORG201", "acme.yaml:4:27"), words=("`database`",)),
    Bad(
        "wrong option",
        GOOD.replace("domains:", "  c: {provider: closed, kinds: [], url: x, rate: fast}\ndomains:"),
        ("ORG202", "acme.yaml:5:50"),
    ),
    Bad("database outside", GOOD.replace("acme.db", "../acme.db"), ("ORG406", "acme.yaml:4:37")),
    Bad(
        "folder outside",
        GOOD.replace("domains:", "  c: {provider: closed, kinds: [], url: x, folder: /etc}\ndomains:"),
        ("ORG406", "acme.yaml:5:52"),
    ),
    Bad(
        "secret in plain text",
        GOOD.replace("domains:", f"  c: {{provider: closed, kinds: [], url: x, token: {SECRET}}}\ndomains:"),
        ("ORG404", "acme.yaml:5:51"),
        words=("env:NAME",),
    ),
    Bad(
        "secret as a shell would have it",
        GOOD.replace("domains:", "  c: {provider: closed, kinds: [], url: x, token: $ACME_TOKEN}\ndomains:"),
        ("ORG404", "acme.yaml:5:51"),
        words=("without a `$`",),
    ),
    Bad(
        "password in a URL",
        GOOD.replace("domains:", f"  c: {{provider: closed, kinds: [], url: 'https://bot:{SECRET}@api.acme.com'}}\ndomains:"),
        ("ORG405", "acme.yaml:5:41"),
    ),
    Bad("secret under a wrong name", GOOD.replace("database: acme.db", f"database: acme.db, tokn: {SECRET}"), ("ORG201", "acme.yaml:4:46")),
    Bad(
        "two targets for one kind",
        GOOD.replace(
            "domains:",
            "  b: {provider: local, database: b.db, kinds: [member]}\n  c: {provider: local, database: c.db, kinds: [member]}\ndomains:",
        ),
        ("ORG407", "acme.yaml:6:3"),
        words=("`b`", "`c`", "member"),
    ),
    Bad(
        "two targets for all",
        GOOD.replace("domains:", "  b: {provider: local, database: b.db}\ndomains:"),
        ("ORG407", "acme.yaml:5:3"),
        words=("every kind",),
    ),
    Bad(
        "unknown kind in a target", GOOD.replace("acme.db}", "acme.db, kinds: [membr]}"), ("ORG204", "acme.yaml:4:54"), words=("`member`",)
    ),
    Bad(
        "kind that the platform lacks",
        GOOD.replace("domains:", "  c: {provider: closed, url: x, kinds: [inbox, role]}\ndomains:").replace(
            "campaigns.write", "contacts.read"
        ),
        ("ORG409", "acme.yaml:5:41"),
    ),
    Bad(
        "kind that no target takes",
        HEAD.replace("acme.db}", "acme.db, kinds: [company, domain]}") + "groups: {g: {}}\n",
        ("ORG410", "acme.yaml:7:10"),
        words=("groups",),
    ),
    Bad(
        "words that the platform lacks",
        GOOD.replace("domains:", "  c: {provider: closed, url: x, kinds: [role, workspace]}\ndomains:").replace("region: us", "region: ue"),
        ("ORG411", "acme.yaml:14:71"),
        ("ORG411", "acme.yaml:18:13"),
    ),
    # moved and policy
    Bad(
        "moved to nowhere",
        GOOD + "moved: [{from: workspace/old, to: workspace/brand-z}]\n",
        ("ORG420", "acme.yaml:22:35"),
        words=("`workspace/brand-x`",),
    ),
    Bad("moved and still there", GOOD + "moved: [{from: workspace/brand-x, to: workspace/brand-x}]\n", ("ORG421", "acme.yaml:22:16")),
    Bad(
        "moved from no kind",
        GOOD + "moved: [{from: workspce/old, to: workspace/brand-x}]\n",
        ("ORG420", "acme.yaml:22:16"),
        words=("`workspace`",),
    ),
    Bad("moved between kinds", GOOD + "moved: [{from: group/old, to: workspace/brand-x}]\n", ("ORG421", "acme.yaml:22:27")),
    Bad("moved without key", GOOD + "moved: [{from: workspace, to: workspace/brand-x}]\n", ("ORG420", "acme.yaml:22:16")),
    Bad(
        "moved what has no key of its own",
        GOOD + "moved: [{from: membership/brand-x/a@acme.com, to: membership/brand-x/alice@acme.com}]\n",
        ("ORG421", "acme.yaml:22:16"),
        ("ORG421", "acme.yaml:22:51"),
    ),
    Bad(
        "moved to another parent",
        GOOD.replace("region: us", "tags: {t: {}}") + "moved: [{from: tag/other/t, to: tag/brand-x/t}]\n",
        ("ORG421", "acme.yaml:22:29"),
    ),
    Bad(
        "moved twice",
        GOOD + "moved:\n- {from: workspace/a, to: workspace/brand-x}\n- {from: workspace/b, to: workspace/brand-x}\n",
        ("ORG421", "acme.yaml:24:23"),
    ),
    Bad("moved without an end", GOOD + "moved: [{from: workspace/a}]\n", ("ORG203", "acme.yaml:22:9")),
    Bad("policy of no kind", GOOD + "policy: {authoritative: [members]}\n", ("ORG204", "acme.yaml:22:26"), words=("`member`",)),
    Bad(
        "policy below nothing",
        GOOD + "policy: {deletes: {free: -1, percent: 101}}\n",
        ("ORG205", "acme.yaml:22:26"),
        ("ORG205", "acme.yaml:22:39"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: Bad, tmp_path: Any) -> None:
    error = refused(tmp_path, case.files, **case.given)
    found = [d for d in error.diagnostics if d.severity == "error"]
    assert sorted((d.code, str(d.source)) for d in found) == sorted((code, at.format(folder=tmp_path)) for code, at in case.expected)
    assert all(d.summary and d.detail for d in found), "every problem says what to do"
    said = "\n".join(f"{d.summary}\n{d.detail}" for d in found)
    assert not [word for word in case.words if word not in said], said
    for d in found:
        assert d.source is not None
        if d.source.line and d.source.file != "--var":
            assert d.source.snippet or "is empty" in d.summary or d.source.column > LONGEST_SNIPPET, d
    assert SECRET not in repr(error.diagnostics)
    assert error.exit_code == 3
