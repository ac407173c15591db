"""SQL has values as parameters only: looked for in the source, and tried with what would be SQL in every place that takes a word."""

# ruff: noqa: S608 - these words are to look like SQL
from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

import orgform
from orgform.server import Store
from tests.server.conftest import Api, api, kinds, postgres, store  # noqa: F401  fixtures

ROOT = Path(orgform.__file__).parent
# The API's description says in English what it does, and reaches no database.
FILES = sorted(p for folder in ("server", "ledger") for p in (ROOT / folder).rglob("*.py") if not p.name.startswith("openapi"))
VERBS = ("select ", "insert ", "update ", "delete ", "copy ", "pragma ", "set ", "alter ", "create ", "drop ", "with ", "begin", "lock ")
RUNNERS = {"execute", "executemany", "exec_driver_sql", "text", "literal_column", "scalar", "scalars", "run", "many", "one", "copy"}
# What may stand in a statement beside fixed words: names of our own tables and columns, signs for parameters, numbers of our own.
FIXED = {
    "server/flush.py: table",
    "server/flush.py: _names(columns)",
    "server/flush.py: ', '.join([row] * rows)",
    "server/flush.py: _equal(columns, mark, ', ')",
    "server/flush.py: _equal(key, mark, ' AND ')",
    "server/database.py: LOG_WAIT_SECONDS * 1000",
    "server/database.py: int(BUSY_SECONDS * 1000)",
    "server/database.py: int(seconds * 1000)",
    "server/database.py: cache",
    "server/database.py: BUSY_SECONDS",
    "server/database.py: 2 * BUSY_SECONDS",
    "server/database.py: READY_SECONDS",
    "server/migrations/versions/v0002_server.py: address",
}


def is_statement(node: ast.expr) -> bool:
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.lstrip().lower().startswith(VERBS)


def put_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Every expression that is put into a text which begins like a statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and is_statement(node):
            yield from (value.value for value in node.values if isinstance(value, ast.FormattedValue))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod) and is_statement(node.left):
            yield node.right
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_statement(node.func.value):
            yield from node.args if node.func.attr in ("format", "join", "replace") else ()


def run_as_text(tree: ast.AST) -> Iterator[ast.expr]:
    """What is run and is put together on the spot, whatever it begins with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            made = isinstance(first, ast.JoinedStr | ast.BinOp) or (
                isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute) and first.func.attr == "format"
            )
            if name in RUNNERS and made and not is_statement(first):
                yield first


def test_no_value_is_put_into_a_statement() -> None:
    assert len(FILES) > 30
    found: set[str] = set()
    for path in FILES:
        tree = ast.parse(path.read_text())
        found |= {f"{path.relative_to(ROOT)}: {ast.unparse(value)}" for value in [*put_in(tree), *run_as_text(tree)]}
    assert found <= FIXED, "a value belongs into the parameters of a statement"
    assert FIXED & found == FIXED, "what is not there any more need not be allowed"


@pytest.mark.parametrize(
    "line",
    ['c.execute(f"SELECT {x}")', 'c.execute("SELECT " + x)', 'c.run("DELETE FROM t WHERE a = %s" % x)', 'text("UPDATE {}".format(x))',
     'c.execute(a + b)', 'text(f"{a} = 1")', 'query = f"INSERT INTO {x}"'],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(line: str) -> None:
    tree = ast.parse(line)
    assert [*put_in(tree), *run_as_text(tree)]


# The same, tried

MARK = "zqx"
WORDS = [
    f"{MARK}' OR '1'='1",
    f"{MARK}'; DROP TABLE resources; --",
    f'{MARK}" OR 1=1 --',
    f"{MARK}') UNION SELECT id, hash FROM tokens --",
    f"{MARK}\\' OR 1=1 --",
    f"{MARK}%' OR 'x' LIKE '%",
    f"{MARK}:company",
    f"{MARK}%s %(company)s ? $1",
    f"{MARK}' || (SELECT hash FROM tokens LIMIT 1) || '",
    f"{MARK}$$; SELECT pg_sleep(5); $$",
]


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Text of every statement that goes to a database."""
    seen: list[str] = []

    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", before)


def test_no_word_of_a_client_is_in_a_statement(api: Api, store: Store, statements: list[str]) -> None:  # noqa: F811
    api.have("workspace/ws", "member/own@acme.com", "group/g")
    before = api.addresses("workspace"), api.addresses("member"), api.addresses("tag")
    for n, word in enumerate(WORDS):
        asked(api, word, n)
    assert len(statements) > 100
    assert [s for s in statements if MARK in s.lower()] == []
    tags = [a for a in api.addresses("tag") if MARK in a]
    assert (api.addresses("workspace"), api.addresses("member")) == before[:2], "a word stands for itself and for nothing else"
    for address in tags:
        key = address.removeprefix("tag/")
        escaped = f"tag/{quote(key, safe='/')}"
        assert api.item(escaped)["key"] == key
        assert api.remove(escaped).status_code == 204
    assert api.addresses("tag") == before[2]


def asked(api: Api, word: str, n: int) -> None:  # noqa: F811
    """In every key, filter, header and value. Nothing of it is a fault of the server."""
    plain = quote(word, safe="")
    answers = [api.get(f"/v1/{where}") for where in (plain, f"workspaces/{plain}", f"tags/ws/{plain}", f"domains/{plain}", "whoami")]
    for name in ("address", "actor", "token", "since", "until", "limit", "cursor"):
        answers.append(api.get("/v1/audit-events", params={name: f"tag/ws/{word}" if name == "address" else word}))
    answers.extend(api.get("/v1/tags", params={name: word}) for name in ("limit", "cursor", "order", word))
    for headers in ({"if-match": word}, {"if-none-match": word}, {"idempotency-key": word}, {"user-agent": word}, {"x-request-id": word}):
        answers.append(api.patch("/v1/groups/g", json={"attributes": {"description": word}}, headers=headers))
    for kind, key in (("workspaces", word), ("tags", f"ws/{word}"), ("members", f"{word}@acme.com"), ("memberships", f"ws/{word}")):
        answers.append(api.post(f"/v1/{kind}", json={"key": key, "attributes": {"name": word}}))
        answers.append(api.patch(f"/v1/{kind}/{quote(key, safe='/')}", json={"key": word, "attributes": {word: word}}))
    answers.append(api.patch("/v1/groups/g", json={"attributes": {"members": [word], "name": word}}))
    operations = [
        {"method": "create", "collection": word, "key": word},
        {"method": "create", "collection": "tags", "key": f"ws/b{n}{word}", "idempotency_key": f"{n}{word}"},
        {"method": "update", "collection": "tags", "key": f"ws/b{n}{word}", "new_key": f"ws/c{n}{word}", "if_match": "*"},
        {"method": "update", "collection": "workspaces", "key": "ws", "attributes": {"labels": {"a": word}}, "if_match": word},
        {"method": "delete", "collection": "tags", "key": f"ws/none{word}"},
    ]
    answers.append(api.post("/v1/batch", json={"operations": operations}))
    assert [a.status_code for a in answers if a.status_code >= 500] == []
