"""A config folder from a stranger's pull request is planned: nothing outside is read, nobody is called, no code runs, and it ends."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hostile.limited import Place

HEAD = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets: {acme: {provider: local, database: acme.db}}
domains: {acme.com: {}}
members: {alice@acme.com: {name: Alice, role: owner}}
"""

Attack = Callable[[Place], "tuple[str, ...] | None"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def config(text: str, *, head: str = HEAD) -> Attack:
    def attack(place: Place) -> None:
        written = text.replace("BAIT", str(place.bait)).replace("PORT", str(place.port)).replace("MARK", str(place.mark))
        (place.config / "company.yaml").write_text(head + written)

    return attack


def raw(data: bytes | Callable[[], bytes], name: str = "x.yaml") -> Attack:
    def attack(place: Place) -> None:
        (place.config / "company.yaml").write_text(HEAD)
        (place.config / name).write_bytes(data if isinstance(data, bytes) else data())

    return attack


def link(name: str, to: str, text: str = "") -> Attack:
    def attack(place: Place) -> None:
        (place.config / "company.yaml").write_text(HEAD + text)
        path = place.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(to.replace("BAIT", str(place.bait)))

    return attack


def pipe(name: str, text: str = "", *words: str) -> Attack:
    def attack(place: Place) -> tuple[str, ...]:
        (place.config / "company.yaml").write_text(HEAD + text)
        path = place.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
        return words

    return attack


def bound(place: Place) -> None:
    raw(b"groups: {g: }\n")(place)
    os.mknod(place.config / "s.yaml", stat.S_IFSOCK | 0o600)


def named(name: bytes, text: bytes = b"groups: {g: }\n") -> Attack:
    def attack(place: Place) -> None:
        (place.config / "company.yaml").write_text(HEAD)
        Path(os.fsdecode(os.fsencode(place.config) + b"/" + name)).write_bytes(text)

    return attack


def environment(name: str) -> Attack:
    def attack(place: Place) -> tuple[str, ...]:
        (place.config / "environments").mkdir()
        (place.config / "company.yaml").write_text(HEAD)
        return ("--env", name.replace("BAIT", str(place.bait)))

    return attack


def target(options: str) -> Attack:
    return config("", head=HEAD.replace("{provider: local, database: acme.db}", options))


def database(path: str) -> Attack:
    return target(f'{{provider: local, database: "{path}"}}')


LINKS = {
    "a link to a file": link("x.yaml", "BAIT/company.yaml"),
    "a relative link": link("x.yaml", "../bait/company.yaml"),
    "a link to a folder": link("sub", "BAIT"),
    "a link up": link("sub", ".."),
    "a link to the root": link("sub", "/"),
    "a link by way of a hidden folder": link(".sub/x", "../../bait", "include_csv: {members: .sub/x/members.csv}\n"),
    "environments as a link": link("environments", "BAIT/sub"),
    "an overlay as a link": lambda place: link("environments/x.yaml", "BAIT/company.yaml")(place) or ("--env", "x"),
    "a roster as a link": link("people.csv", "BAIT/members.csv", "include_csv: {members: people.csv}\n"),
    "endless zeros": link("x.yaml", "/dev/zero"),
    "endless zeros as a roster": link("people.csv", "/dev/zero", "include_csv: {members: people.csv}\n"),
    "our own environment": link("x.yaml", "/proc/self/environ"),
    "our own input": link("x.yaml", "/dev/stdin"),
    "the database as a link": link("acme.db", "BAIT/company.yaml"),
    "the database's log as a link": link("acme.db-wal", "BAIT/company.yaml"),
    "the database's journal as a link": link("acme.db-journal", "BAIT/company.yaml"),
    "the ledger as a link": link(".orgform/ledger.db", "BAIT/company.yaml"),
    "the ledger's folder as a link": link(".orgform", "BAIT"),
    "the ledger's log as a link": link(".orgform/ledger.db-wal", "BAIT/company.yaml"),
    "links in a circle": link("x.yaml", "x.yaml"),
    "a roster above": config("include_csv: {members: ../bait/members.csv}\n"),
    "a roster by its whole path": config("include_csv: {members: BAIT/members.csv}\n"),
    "a roster by detours": config(
        "include_csv: {members: [a/../../bait/members.csv, ./../bait/members.csv, a/b/../../../bait/members.csv]}\n"
    ),
    "a roster by a template": config("include_csv: {members: \"{{ '../' ~ 'bait/members.csv' }}\"}\n"),
    "a roster by a URL": config("include_csv: {members: ['http://127.0.0.1:PORT/x.csv', 'file://BAIT/members.csv']}\n"),
    "a roster by a share": config("include_csv: {members: ['\\\\127.0.0.1\\x\\y.csv', '//127.0.0.1/x.csv', \"a\\0b\"]}\n"),
    "a database above": database("../bait/acme.db"),
    "a database by a URL": database("postgresql://127.0.0.1:PORT/x"),
    "a database by SQLite's URL": database("file:../bait/acme.db?mode=rwc"),
    "a database by SQLAlchemy's URL": database("sqlite:///../bait/acme.db"),
    "a database in a folder that is not there": database("a/b/../../../bait/acme.db"),
    "a database with a NUL": database("a\\0b"),
    "an authority above": target('{provider: orgform, url: "https://127.0.0.1:PORT", ca: ../bait/company.yaml}'),
    "a secret from above": target('{provider: orgform, url: "http://127.0.0.1:PORT", token: "file:../bait/token"}'),
    "a secret of CI": target('{provider: orgform, url: "http://127.0.0.1:PORT", token: "env:SECRET_OF_CI"}'),
    "a secret to whom the folder allows it": target(
        '{provider: orgform, url: "http://127.0.0.1:PORT", token: "env:SECRET_OF_CI", allow: true}'
    ),
    "an environment above": environment("../../bait/sub/x"),
    "an environment by its whole path": environment("BAIT/sub/x"),
    "an environment by detours": environment("a/../../../bait/sub/x"),
    "an environment that is no name": environment("\u202ex\x1b[2J\n"),
}

PIPES = {
    "a pipe": pipe("x.yaml"),
    "a pipe as a roster": pipe("people.csv", "include_csv: {members: people.csv}\n"),
    "a pipe as an overlay": pipe("environments/x.yaml", "", "--env", "x"),
    "a pipe as environments": pipe("environments", "", "--env", "x"),
    "a pipe as the database": pipe("acme.db"),
    "a pipe as the database's log": pipe("acme.db-wal"),
    "a pipe as the database's journal": pipe("acme.db-journal"),
    "a pipe as the ledger": pipe(".orgform/ledger.db"),
    "a pipe as the ledger's folder": pipe(".orgform"),
    "a pipe as a test": pipe("x.test.yaml"),
}

NAMES = {
    "a line end": named(b"a\nb.yaml"),
    "an escape": named(b"\x1b]0;owned\x07.yaml"),
    "no UTF-8": named(b"\xff\xfe.yaml"),
    "right to left": named("\u202eLMAY.yaml".encode()),
    "an option": named(b"--help.yaml"),
    "a long one": named(b"x" * 250 + b".yaml"),
    "a test that is broken": named(b"x.test.yaml", b"[[["),
    "keys that control a terminal": config('groups: {"a\\e[2Jb": , "a\\u202eb": , "a\\rb": , "a\\0b": , "\\u2028": , "\\ud800": }\n'),
    "values that control a terminal": config('workspaces: {w: {name: "a\\e[2Jb\\rc\\u202e\\u2066", region: "\\0"}}\n'),
    "a file that is a socket": bound,
    "a folder that is called like a file": lambda place: (raw(b"{}")(place), (place.config / "y.yaml").mkdir())[0],
}


def nested(count: int) -> bytes:
    return b"groups: " + b"[" * count


def laughs() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    return ("variables:\n" + "".join(f"  {line}\n" for line in lines)).encode()


def merges() -> bytes:
    lines = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], y{n}: *a{n - 1}}}" for n in range(1, 60))]
    return "\n".join(lines).encode()


YAML = {
    "code": config("groups: !!python/object/apply:os.system ['touch MARK']\n"),
    "code as a key": config("? !!python/object/apply:os.system ['touch MARK']\n: x\n"),
    "code by a module": config(
        "groups: !!python/object/new:subprocess.Popen [['touch', MARK]]\nx: !!python/name:os.system\ny: !!python/module:os\n"
    ),
    "an include": config("groups: !include BAIT/company.yaml\nroles: !!binary aGVsbG8=\n"),
    "a tag's address": raw(b"%TAG ! tag:http://127.0.0.1/,2000:\n---\ngroups: !x {}\n"),
    "laughs": raw(laughs),
    "merges": raw(merges),
    "an alias to itself": raw(b"groups: &a {g: *a}\n"),
    "an anchor that is none": raw(b"groups: *nowhere\n"),
    "lists in lists": raw(lambda: nested(1_000_000)),
    "maps in maps": raw(lambda: b"{a: " * 500_000),
    "lines that go in": raw(lambda: b"".join(b" " * n + b"a:\n" for n in range(4000))),
    "keys in keys": raw(b"? " * 200_000 + b"x"),
    "dashes": raw(b"- " * 1_000_000),
    "one long value": raw(lambda: b"groups: {g: {name: '" + b"x" * 15_000_000 + b"'}}\n"),
    "one long word": raw(lambda: b"x" * 15_000_000),
    "one long key": raw(lambda: b"groups: {" + b"x" * 15_000_000 + b": }\n"),
    "one long comment": raw(lambda: b"#" * 15_000_000),
    "one long number": raw(lambda: b"workspaces: {w: {name: W, settings: {retention_days: " + b"9" * 5_000_000 + b"}}}\n"),
    "one long number of another base": raw(lambda: b"workspaces: {w: {name: W, settings: {a: 0x" + b"f" * 5_000_000 + b"}}}\n"),
    "a number too large": raw(b"workspaces: {w: {name: W, settings: {a: 1e999999999, b: .inf, c: .nan, d: -.inf}}}\n"),
    "quotes that never end": raw(lambda: b"a: '" * 1_000_000),
    "many documents": raw(b"---\na: b\n" * 300_000),
    "many anchors": raw(lambda: b"".join(b"a%d: &a%d x\n" % (n, n) for n in range(60_000))),
    "many keys that nobody knows": raw(lambda: b"".join(b"k%d: x\n" % n for n in range(60_000))),
    "many keys of a kind that nobody knows": raw(
        lambda: b"members:\n" + b"".join(b"  m%d@acme.com: {nmae: x, roel: owner}\n" % n for n in range(20_000))
    ),
    "many mistakes": raw(lambda: b"members:\n" + b"".join(b"  m%d: {role: [no]}\n" % n for n in range(20_000))),
    "many that are the same": raw(b"groups: {" + b"g: , " * 60_000 + b"}"),
    "targets that are one word, in a broken file": raw(lambda: b"targets: " + b"a" * 1_000_000 + b"\n[", "broken.yaml"),
    "targets that are spaces, in a broken file": raw(lambda: b"targets: a" + b" " * 200_000 + b"\n[", "broken.yaml"),
    "targets that are lines, in a broken file": raw(lambda: b"targets:\n" + b" a" * 500_000 + b"\n" * 200_000 + b"[", "broken.yaml"),
    "addresses in one word": raw(lambda: b"x: '" + b"://a:" * 300_000 + b"'\n[", "broken.yaml"),
    "secrets in one word": raw(lambda: b"x: '" + b'token: "' * 100_000 + b"'\n[", "broken.yaml"),
    "UTF-16": raw("groups: {g: }\n".encode("utf-16")),
    "UTF-32": raw("groups: {g: }\n".encode("utf-32")),
    "UTF-7 and Latin-1": raw("groups: {g: {name: é}}\n".encode("latin-1")),
    "a mark of the byte order in between": raw(b"groups: {g: }\n\xef\xbb\xbfroles: {}\n"),
    "zeros": raw(bytes(1_000_000)),
    "noise": raw(lambda: bytes((n * 7919 + n // 251) % 256 for n in range(60_000))),
    "a version of YAML that is none": raw(b"%YAML 9.9\n---\ngroups: {g: }\n"),
    "a long e-mail": raw(lambda: b"members: {'" + b"a." * 500_000 + b"@acme.com': }\n"),
    "a long domain": raw(lambda: b"domains: {'" + b"a." * 500_000 + b"com': }\n"),
    "a domain of marks": raw(("domains: {'" + "\u0301" * 100_000 + ".com': , '" + "\u0660" * 30_000 + "': }\n").encode()),
    "an e-mail of quotes": raw(lambda: b"members: {'" + b'"a" ' * 100_000 + b"@acme.com': , '" + b"(" * 50_000 + b"@a.b': }\n"),
    "a long color of everything": raw(
        lambda: b"workspaces: {w: {name: W, region: " + b"a-" * 200_000 + b", settings: {timezone: " + b"A/" * 200_000 + b"}}}\n"
    ),
}


def roster(data: bytes | Callable[[], bytes]) -> Attack:
    def attack(place: Place) -> None:
        (place.config / "company.yaml").write_text(HEAD + "include_csv: {members: p.csv}\n")
        (place.config / "p.csv").write_bytes(data if isinstance(data, bytes) else data())

    return attack


ROSTERS = {
    "a quote that never ends": roster(lambda: b'email,name\n"' + b"x" * 20_000_000),
    "many columns": roster(lambda: b"email," + b"x," * 500_000 + b"\n" + b"a," * 500_000),
    "many rows of nothing": roster(b"email\n" + b"\n" * 5_000_000),
    "many bad rows": roster(lambda: b"email,name\n" + b'a"b,c"d,e\n' * 200_000),
    "zeros in it": roster(b"email,name\n" + b"\0" * 1_000_000),
    "one long cell": roster(lambda: b"email,name\na@acme.com," + b"x" * 20_000_000 + b"\n"),
    "formulas": roster(b"email,name\na@acme.com,=cmd|' /C calc'!A0\nb@acme.com,\"{{ ''.__class__ }}\"\n"),
    "templates in every row": roster(lambda: b"email,name\n" + b"".join(b"m%d@acme.com,{{ 'a' * 900000 }}\n" % n for n in range(2000))),
}

EXPRESSIONS = (
    "''.__class__.__mro__[1].__subclasses__()", "[]|attr('__class__')", "self", "self._TemplateReference__context", "config", "request",
    "range.__globals__", "range.__self__", "lipsum(100000)", "cycler('a')", "joiner()", "namespace(a=1)", "dict(a=1)", "caller()",
    "''.format", "'{0.__class__.__init__.__globals__}'.format(range)", "'%(a)s' % {'a': range}", "'%999999999d' % 1",
    "'%.999999999f' % 1.0", "range(10**12)|list", "range(999999)|map('string')|list|string|length", "'a' * 10**12", "[0] * 10**9",
    "9**9**9**9", "2 ** 99999999", "(10**300)**(10**3)", "10**1000 * 10**1000", "'x'|center(999999999)", "'x'|indent(999999999)",
    "'x'|wordwrap(1)", "'http://a'|urlize", "{}|xmlattr", "[1]|pprint", "[1]|tojson", "'a'|filesizeformat", "'<a>'*90000|striptags",
    "''.join(['a'*99999]*99999)", "('a'*99999).replace('a', 'b'*99999)", "('a'*99999)|replace('a', 'b'*99999)",
    "('a'*999999).split('a')|length",
    "'a'.ljust(10**9)", "'a'.zfill(10**9)", "'a\\t'.expandtabs(10**9)", "'a'.encode('utf-8')", "'a'.translate({97: 'b'*99999})",
    "range(99999)|sum", "range(99999)|sort|reverse|list|length", "range(999)|groupby('real')|list", "[[1]]|sum(start=[])",
    "range(9)|random", "'a'|attr('upper')()", "range(10)|map(attribute='__class__')|list", "range(10)|map('attr', '__class__')|list",
    "('a'*99999)|unique|list", "1 if 1 else 2.__class__", "loop", "super()", "''['__class__']", "''.__len__()", "range(5).__iter__()",
    "'a'.__mod__(1)", "'a' is sameas 'a'", "1 is divisibleby 0", "1 // 0", "1 % 0", "'%s' % ('a'*999999)", "[1,2]|batch(0)|list",
    "[1]|slice(0)|list",
    "'" + "a" * 100_000 + "'", "(" * 3000 + "1" + ")" * 3000, "1" + "+1" * 30_000, "[" * 200 + "]" * 200, "-" * 5000 + "1",
    "'a'" + "~'a'" * 20_000, "not " * 5000 + "1",
    "a" + ".b" * 3000, "1 if " * 2000 + "1" + " else 1" * 2000, "x|" + "|".join(["upper"] * 3000),
)  # fmt: skip

STATEMENTS = (
    "{% include 'BAIT/company.yaml' %}", "{% import 'os' as os %}", "{% from 'x' import y %}", "{% extends 'x' %}",
    "{% set x = 'a' %}{{ x }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% call x() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}xxxxxxxxxxxxxxxxxxxxxxx{% endfor %}", "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% block a %}{{ self.a() }}{% endblock %}", "{% raw %}" * 10, "{#" * 1000, "{{" * 4000, "{% do 1 %}", "{% debug %}",
    "{% trans %}a{% endtrans %}",
    "{% with a=1 %}{{ a }}{% endwith %}", "{% autoescape true %}a{% endautoescape %}",
)  # fmt: skip


def templates(place: Place) -> None:
    lines = ["workspaces:"]
    for number, text in enumerate([*(f"{{{{ {e} }}}}" for e in EXPRESSIONS), *STATEMENTS]):
        lines.append(f"  w{number}: {{name: '{text.replace(chr(39), chr(39) * 2)}'}}")
    config("\n".join(lines) + "\n")(place)


def product(places: int, values: int) -> Attack:
    axes = ", ".join(f"v{n}: [{', '.join(map(str, range(values)))}]" for n in range(places))
    name = "-".join(f"{{{{ v{n} }}}}" for n in range(places))
    return config(f'workspaces: {{"w-{name}": {{for_each: {{{axes}}}, name: "W {name}"}}}}\n')


EXPANSION = {
    "every template": templates,
    "a slow template a thousand times": config(
        "workspaces:\n" + "".join(f"  w{n}: {{name: '{{{{ range(90000)|map(\"string\")|join|length }}}}'}}\n" for n in range(1000))
    ),
    "a billion": product(9, 10),
    "a million and one": product(3, 101),
    "axes without end": product(300, 2),
    "an axis of templates": config('workspaces: {"w-{{ v }}": {for_each: {v: "{{ range(999999)|list }}"}, name: W}}\n'),
    "axes by each other": config('workspaces: {"w-{{ a }}": {for_each: {a: "{{ b }}", b: "{{ a }}"}, name: W}}\n'),
    "large values many times": config(
        'workspaces: {"w-{{ v }}": {for_each: {v: "{{ range(5000)|list }}"}, name: W, settings: {x: \'' + "y" * 200_000 + "'}}}\n"
    ),
    "large templates many times": config(
        'workspaces: {"w-{{ v }}": {for_each: {v: "{{ range(20000)|list }}"}, name: "{{ \'y\' * 400000 }}"}}\n'
    ),
    "a template that uses itself": config(
        "templates: {workspace: {a: {use: a}, b: {use: c}, c: {use: b}}}\nworkspaces: {w: {use: a}, v: {use: b}}\n"
    ),
    "templates of templates": config(
        "templates: {workspace: {t0: {name: x}"
        + "".join(f", t{n}: {{use: [t{n - 1}, t{n - 1}]}}" for n in range(1, 60))
        + "}}\nworkspaces: {w: {use: t59}}\n"
    ),
    "variables of variables": config("variables: {a: {default: '{{ b }}'}, b: {default: '{{ a }}{{ a }}'}}\ncompanies: '{{ a }}'\n"),
    "a variable that is a template": lambda place: (
        config("variables: {a: {default: x}}\ngroups: {'{{ a }}': }\n")(place),
        ("--var", "a={{ 9**9**9 }}"),
    )[1],
    "moves in a circle": config("moved: [{from: group/a, to: group/b}, {from: group/b, to: group/a}]\ngroups: {a: , b: }\n"),
    "parents in a circle": config("workspaces: {a: {name: A, parent: b}, b: {name: B, parent: a}, c: {name: C, parent: c}}\n"),
    "parents without end": config(
        "workspaces:\n" + "".join(f"  w{n}: {{name: W, parent: w{n + 1}}}\n" for n in range(3000)) + "  w3000: {name: W}\n"
    ),
}

ALL = {**LINKS, **PIPES, **NAMES, **YAML, **ROSTERS, **EXPANSION}


#: those that take all of the time that they are given
HEAVY = {"a slow template a thousand times"}


@pytest.mark.parametrize("attack", [pytest.param(name, marks=[pytest.mark.soak] if name in HEAVY else []) for name in ALL])
def test_planning_a_strangers_folder(place: Place, attack: str) -> None:
    words = ALL[attack](place) or ()
    place.untouched(place.run("plan", *words))
