"""A target, opened: whose system it is in a ledger, and that its provider tells no secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from orgform.config import load_config
from orgform.errors import ReadFailed
from orgform.kinds import load_kinds
from orgform.ledger import open_ledger
from orgform.model import Address, Attribution, Config
from orgform.providers import find_spec, spec_names
from orgform.providers.base import Capabilities, Operation, Provider, ReadResult, Result
from orgform.secrets import resolve
from orgform.targets import Opening, _Discreet, open_targets, read_targets

LOCAL = """\
orgform: 1
company: {name: Acme Corp, primary_domain: acme.com}
targets:
  acme: {provider: local, database: acme.db}
domains: {acme.com: {}}
members:
  alice@acme.com: {name: Alice Ng, role: owner}
  bob@acme.com: {name: Bob Roy, role: owner}
"""


def loaded(folder: Path) -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "company.yaml").write_text(LOCAL)
    return load_config(folder, kinds=load_kinds(), specs=find_spec, spec_names=spec_names, today=date(2026, 1, 1), environ={})


def key_of(folder: Path, where: str | Path) -> str:
    config = loaded(folder)
    ledger = open_ledger(where, create=False)
    with open_targets(config, (), Opening(folder, load_kinds(), ledger)) as targets:
        key = targets["acme"].key
    ledger.close()
    return key


class TestWhoseSystem:
    def test_a_folder_s_own_ledger_needs_no_folder_in_its_keys(self, tmp_path: Path) -> None:
        folder = tmp_path / "a"
        folder.mkdir()
        (tmp_path / "link").symlink_to(folder)
        for where in (
            folder / ".orgform" / "ledger.db",
            tmp_path / "link" / ".orgform" / "ledger.db",
            f"sqlite:///{folder}/.orgform/ledger.db",
        ):
            assert key_of(folder, where) == "local:acme.db"

    @pytest.mark.parametrize("name", [".orgform/ledger.db", "a/.orgform/other.db", "a/ledger.db", "a/b/.orgform/ledger.db"])
    def test_any_other_ledger_may_be_shared(self, tmp_path: Path, name: str) -> None:
        keys = {folder: key_of(tmp_path / folder, tmp_path / name) for folder in ("a", "c")}
        assert keys == {folder: f"local:acme.db@{tmp_path / folder}" for folder in ("a", "c")}


class Talkative(Provider):
    """Says its secret wherever it can."""

    capabilities = Capabilities()
    system = "talk"

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.closed = False

    def read(self, kinds: Sequence[str]) -> Iterator[ReadResult]:
        yield ReadResult("member", {}, complete=False, problem=f"no {self.secret}")
        raise ReadFailed(f"not with {self.secret}", hint=f"change {self.secret}")

    def write(self, operations: Sequence[Operation]) -> list[Result]:
        return [Result("done")] * len(operations)

    def own_member(self) -> Address | None:
        raise ReadFailed(self.secret)

    def attributions(self, addresses: object) -> dict[Address, Attribution]:
        return {Address("member/a"): Attribution(f"by {self.secret}", "now", self.secret)}

    def close(self) -> None:
        self.closed = True


def test_a_provider_s_words_come_through_without_its_secret(tmp_path: Path) -> None:
    canary = resolve("env:T", tmp_path, {"T": "canary-0c33d1"})
    talkative = Talkative(canary)
    provider = _Discreet(talkative)
    results = provider.read(["member"])
    assert next(results).problem == "no (secret)"
    with pytest.raises(ReadFailed) as error:
        next(results)
    assert (error.value.message, error.value.hint) == ("not with (secret)", "change (secret)")
    with pytest.raises(ReadFailed, match=r"^\(secret\)$"):
        provider.own_member()
    assert provider.attributions([]) == {Address("member/a"): Attribution("by (secret)", "now", "(secret)")}
    assert provider.write([Operation("delete", Address("member/a"))]) == [Result("done")]
    assert provider.system == "talk"
    provider.close()
    assert talkative.closed


def test_what_is_read_is_not_touched(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    config = loaded(folder)
    ledger = open_ledger(folder / ".orgform" / "ledger.db", create=False)
    with open_targets(config, ["acme"], Opening(folder, load_kinds(), ledger)) as targets:
        snapshot = read_targets(targets, ["member", "group"])
    assert (snapshot.live, snapshot.problems) == ({}, {"acme": {}})
    ledger.close()
