"""For any company and whatever somebody makes of it by hand: adopt, and nothing is left to do; who was not touched stays as written."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orgform import app
from orgform.codec import to_builtins
from orgform.config.edit import Document, Pair
from orgform.config.source import dump_yaml
from orgform.errors import GuardRefused
from orgform.kinds import load_kinds
from tests.properties.companies import companies

ALLOW_ALL = ("deletes:*", "company-admins:*", "workspace-admins:*", "own-access:*")
TARGETS = {"orgform": 1, "targets": {"acme": {"provider": "local", "database": "acme.db"}}}
PROFILE = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
KINDS = load_kinds()


def written(company: dict[str, Any], comments: bool) -> dict[str, str]:
    """As people keep it: three files, comments above and behind lines, lists and maps in both styles."""
    for workspace in company["workspaces"].values():
        if "message_templates" in workspace:
            workspace["message_templates"] = {"hello": {"body": "Hello you"}}
    parts = {
        "company.yaml": {**TARGETS, **{k: v for k, v in company.items() if k not in ("members", "workspaces")}},
        "people.yaml": {"members": company["members"]},
        "more/spaces.yaml": {"workspaces": company["workspaces"]},
    }
    texts = {name: "".join(dump_yaml({key: value}) for key, value in tree.items()) for name, tree in parts.items()}
    return {name: commented(text) if comments else text for name, text in texts.items()}


def commented(text: str) -> str:
    lines = []
    for number, line in enumerate(text.splitlines()):
        if number % 3 == 0 and re.match(r" *[\w'\".@:-]+:", line):
            lines.append(f"{line[: len(line) - len(line.lstrip())]}# above {number}")
        lines.append(f"{line}  # behind {number}" if number % 4 == 0 and not line.endswith(("|", "|-")) else line)
    return "".join(line + "\n" for line in lines)


def write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def changed_by_hand(folder: Path, company: dict[str, Any]) -> None:
    """The live system becomes another company, behind the back of this folder's ledger."""
    with tempfile.TemporaryDirectory() as name:
        other = Path(name)
        shutil.copytree(folder / ".orgform", other / ".orgform")
        shutil.copy(folder / "acme.db", other / "acme.db")
        write(other, written(company, comments=False))
        app.apply(app.Options(folder=other, allow=ALLOW_ALL, allow_destroy=("*",)))
        shutil.copy(other / "acme.db", folder / "acme.db")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """(address, its lines) of each entry that is written in a file, without the comments between it and the next."""
    document, lines = Document(text), text.splitlines(keepends=True)

    def block(pair: Pair) -> str:
        siblings = [int(key.start_mark.line) for key, _ in pair.within.value]
        start = int(pair.key.start_mark.line)
        end = min((line for line in siblings if line > start), default=int(pair.within.end_mark.line) or len(lines))
        found = lines[start:end]
        while found and found[-1].strip().startswith("#"):
            found.pop()
        return "".join(found)

    for top in document.pairs(document.root):
        kind = KINDS.top_level.get(top.key.value)
        for entry in document.pairs(top.value) if kind and not kind.singleton else ():
            yield f"{kind.name}/{entry.key.value.lower()}" if kind else "", block(entry)


@PROFILE
@given(first=companies(), second=companies(), comments=st.booleans())
def test_adopt_whatever_was_done_by_hand(first: dict[str, Any], second: dict[str, Any], comments: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = written(first, comments)
        write(folder, texts)
        options = app.Options(folder=folder, allow=ALLOW_ALL, allow_destroy=("*",))
        app.apply(options)
        changed_by_hand(folder, second)
        before = app.drift(options)
        try:
            found = app.drift(options, adopt=())
        except GuardRefused:  # all of a kind is gone: that is not believed
            assume(False)
        assert found.refused == (), to_builtins(found)["refused"]
        assert [(c.action, c.address, c.fields) for c in app.plan(options).changes] == []
        assert app.drift(options).any is False
        assert set(found.adopted) == {*(d.address for d in before.drift), *(u.address for u in before.unmanaged)}
        touched = {address for full in found.adopted for address in (full, f"workspace/{full.split('/')[1]}")}
        for file, old in texts.items():
            new, at = (folder / file).read_text(encoding="utf-8"), 0
            if file not in found.files:
                assert new == old
            for address, lines in blocks(old):
                if address not in touched:
                    assert lines in new[at:], (address, lines, new)
                    at = new.index(lines, at)


@PROFILE
@given(first=companies(), second=companies())
def test_ignore_whatever_was_done_by_hand(first: dict[str, Any], second: dict[str, Any]) -> None:
    """No field that drifted is in any plan again, and what the config says of everything else is the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, written(first, comments=True))
        options = app.Options(folder=folder, allow=ALLOW_ALL, allow_destroy=("*",))
        app.apply(options)
        changed_by_hand(folder, second)
        try:
            found = app.drift(options, ignore=["*"])
        except GuardRefused:
            assume(False)
        assert found.refused == (), to_builtins(found)["refused"]
        assert [c.address for c in app.plan(options).changes if c.action == "update"] == []
