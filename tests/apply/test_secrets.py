"""A secret goes only where somebody allowed it, is read at the moment of use, and is never shown."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from orgform.errors import SecretMissing, SecretRefused, UsageError
from orgform.ledger import open_ledger
from orgform.model import Outcome
from orgform.proofs import state_folder
from orgform.providers.base import Result
from orgform.secrets import MASK, Redactor, allowances, check_origin, redact, resolve, shown_without_secrets
from tests.apply.conftest import Applier
from tests.apply.live_system import TARGET, LiveSystem, create, plan_of

API = "https://api.acme.example"


class TestResolve:
    def test_a_variable(self, tmp_path: Path) -> None:
        assert resolve("env:ACME_TOKEN", tmp_path, {"ACME_TOKEN": "t0ken-of-acme"}) == "t0ken-of-acme"

    @pytest.mark.parametrize(("content", "value"), [("abcd1234\n", "abcd1234"), ("abcd 1234\r\n", "abcd 1234"), ("x", "x")])
    def test_a_file_without_its_closing_newline(self, tmp_path: Path, content: str, value: str) -> None:
        (tmp_path / "token").write_text(content, newline="")
        assert resolve("file:token", tmp_path, {}) == value
        assert resolve(f"file:{tmp_path / 'token'}", Path("/"), {}) == value

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_a_variable_without_its_closing_newline(self, tmp_path: Path, end: str) -> None:
        """A secret store of a CI often has one, and no header can hold it."""
        assert resolve("env:ACME_TOKEN", tmp_path, {"ACME_TOKEN": f"t0ken of acme{end}"}) == "t0ken of acme"

    @pytest.mark.parametrize(
        ("environ", "problem"), [({}, "is not set"), ({"ACME_TOKEN": ""}, "is empty"), ({"ACME_TOKEN": "\n"}, "is empty")]
    )
    def test_a_missing_variable(self, tmp_path: Path, environ: dict[str, str], problem: str) -> None:
        with pytest.raises(SecretMissing, match=f"env:ACME_TOKEN is missing: the environment variable ACME_TOKEN {problem}") as error:
            resolve("env:ACME_TOKEN", tmp_path, environ)
        assert error.value.hint == "export ACME_TOKEN=..."

    def test_files_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "empty").write_text("\n")
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00hunter2")
        (tmp_path / "large").write_text("x" * 70_000)
        os.mkfifo(tmp_path / "pipe")
        said = {}
        for name in ("none", "empty", "binary", "large", "pipe", "."):
            with pytest.raises(SecretMissing) as error:
                resolve(f"file:{name}", tmp_path, {})
            said[name] = error.value.message
        words = {
            "none": "No such file",
            "empty": "is empty",
            "binary": "not text in UTF-8",
            "large": "more than 64 KB",
            "pipe": "is no file",
            ".": "is no file",
        }
        assert {name: word in said[name] for name, word in words.items()} == dict.fromkeys(words, True)
        assert "hunter2" not in str(said)

    @pytest.mark.parametrize("text", ["hunter2", "ENV:TOKEN", ""])
    def test_plain_text_is_no_reference_and_not_repeated(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(SecretMissing, match="plain text") as error:
            resolve(text, tmp_path, {})
        assert "hunter2" not in error.value.message


class Checker:
    """`check(...)` as the shell calls it, on a real ledger; `apply()` gets something done, and the next process comes.

    What `environ` has besides the allowance: where the user's state is.
    """

    def __init__(self, folder: Path, where: Path, state: Path) -> None:
        self.folder, self.where, self.environ = folder, where, {"ORGFORM_STATE": str(state)}
        self.ledger = open_ledger(where, create=True)

    def apply(self, status: str = "done") -> None:
        change = create("group/a", {})
        with self.ledger.lock(["s"], "dana") as lock:
            recorder = self.ledger.begin_run(lock, plan_of(change), {change.target: "s"}, "dana")
            recorder.record([(change, Outcome(change.target, change.address, "create", status))])
            recorder.finish(status)
        self.reopen()

    def reopen(self, *, create: bool = True) -> None:
        self.ledger.close()
        self.ledger = open_ledger(self.where, create=create)

    def __call__(
        self,
        reference: str = "env:ACME_TOKEN",
        origin: str = API,
        *,
        target: str = TARGET,
        allow: tuple[str, ...] = (),
        variable: str | None = None,
        confirm: Callable[[str], bool] | None = None,
    ) -> None:
        check_origin(
            target=target,
            origin=origin,
            reference=reference,
            folder=self.folder,
            ledger=self.ledger,
            allow_target=allow,
            environ=self.environ if variable is None else {**self.environ, "ORGFORM_ALLOW_TARGETS": variable},
            confirm=confirm,
        )


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Checker]:
    """With a ledger outside of the config folder."""
    (tmp_path / "config").mkdir()
    checker = Checker(tmp_path / "config", tmp_path / "ledger.db", tmp_path / "state")
    yield checker
    checker.ledger.close()


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Checker]:
    """With the ledger that lies beside the config, where whoever writes the config can write it too."""
    (tmp_path / "config").mkdir()
    checker = Checker(tmp_path / "config", tmp_path / "config" / ".orgform" / "ledger.db", tmp_path / "state")
    yield checker
    checker.ledger.close()


class TestOrigins:
    def test_a_new_pair_is_refused_with_the_line_that_allows_it(self, check: Checker) -> None:
        with pytest.raises(SecretRefused) as error:
            check()
        for word in ("acme", API, "env:ACME_TOKEN", "was not read"):
            assert word in error.value.message
        assert 'export ORGFORM_ALLOW_TARGETS="acme=https://api.acme.example"' in error.value.hint
        assert "--allow-target acme=https://api.acme.example" in error.value.hint

    def test_the_line_of_the_hint_allows_it(self, check: Checker) -> None:
        with pytest.raises(SecretRefused) as error:
            check(origin="http://127.0.0.1:8080")
        line = error.value.hint.split('"')[1]
        check(origin="http://127.0.0.1:8080", variable=line)

    @pytest.mark.parametrize(
        "allow",
        [(f"acme={API}",), ("other=https://x.example", f"acme={API}/"), (f"acme={API}:443/v1,x=y",), ("acme=HTTPS://API.acme.example",)],
    )
    def test_allowed_on_the_command_line(self, check: Checker, allow: tuple[str, ...]) -> None:
        check(allow=allow)

    @pytest.mark.parametrize("variable", [f"acme={API}", f"x=https://x.example, acme={API}", f"x=https://x.example acme={API}"])
    def test_allowed_by_the_environment(self, check: Checker, variable: str) -> None:
        check(variable=variable)

    @pytest.mark.parametrize(
        "variable",
        [
            "acme=http://api.acme.example",
            f"{API}:8443",
            f"other={API}",
            f"acme={API}.evil.example",
            "acme=https://api.acme.example:8443",
            "",
        ],
    )
    def test_something_else_is_allowed(self, check: Checker, variable: str) -> None:
        with pytest.raises((SecretRefused, UsageError)):
            check(variable=variable)

    def test_what_was_applied_with_it_stays_allowed(self, check: Checker) -> None:
        check(variable=f"acme={API}")
        check.apply()
        check()

    @pytest.mark.parametrize("status", ["failed", "stale", "skipped"])
    def test_what_was_only_tried_does_not(self, check: Checker, status: str) -> None:
        check(variable=f"acme={API}")
        check.apply(status)
        with pytest.raises(SecretRefused):
            check()

    def test_what_was_only_opened_does_not(self, check: Checker) -> None:
        check(variable=f"acme={API}")
        check.reopen()
        with pytest.raises(SecretRefused):
            check()

    def test_a_changed_origin_or_reference_or_target_is_refused(self, check: Checker) -> None:
        check(variable=f"acme={API}")
        check.apply()
        for change in ({"origin": "https://evil.example"}, {"reference": "env:AWS_SECRET"}, {"target": "acme2"}):
            with pytest.raises(SecretRefused):
                check(**change)  # type: ignore[arg-type]

    def test_only_the_last_origin_counts(self, check: Checker) -> None:
        check(variable=f"acme={API}")
        check.apply()
        check(origin="https://new.example", variable="acme=https://new.example")
        check.apply()
        check(origin="https://new.example")
        with pytest.raises(SecretRefused):
            check()

    def test_a_person_is_asked_once(self, check: Checker) -> None:
        asked: list[str] = []

        def yes(question: str) -> bool:
            asked.append(question)
            return True

        check(confirm=yes)
        check(confirm=yes)
        check.apply()
        check(confirm=yes)
        assert asked == [f"Send the secret env:ACME_TOKEN of target acme to {API}?"]

    def test_a_person_says_no(self, check: Checker) -> None:
        with pytest.raises(SecretRefused):
            check(confirm=lambda question: False)
        with pytest.raises(SecretRefused):
            check()

    def test_reading_remembers_nothing(self, check: Checker) -> None:
        check.reopen(create=False)
        check(variable=f"acme={API}")
        check.reopen()
        with pytest.raises(SecretRefused):
            check()

    def test_what_stays_in_the_process_needs_nothing(self, check: Checker) -> None:
        check(origin="")

    @pytest.mark.parametrize("allowance", ["acme=http://[x", "acme=http://x:port"])
    def test_an_allowance_that_is_no_url_allows_nothing(self, check: Checker, allowance: str) -> None:
        with pytest.raises(SecretRefused):
            check(variable=allowance)

    def test_an_origin_that_is_no_url_is_shown_without_its_password(self, check: Checker) -> None:
        with pytest.raises(SecretRefused) as error:
            check(origin="https://user:hun[ter2@api.acme.example")
        assert "ter2" not in error.value.message + error.value.hint

    def test_an_ipv6_origin_and_a_port_that_is_none(self, check: Checker) -> None:
        check(origin="http://[::1]:8080", variable="acme=http://[::1]:8080")
        with pytest.raises(SecretRefused):
            check(origin="http://api:99999", variable="acme=http://api")


class TestFilesOutside:
    @pytest.mark.parametrize("reference", ["file:/etc/hostname", "file:../token", "file:sub/../../token"])
    def test_they_are_refused_too(self, check: Checker, reference: str) -> None:
        with pytest.raises(SecretRefused, match="a file outside of the config folder"):
            check(reference)
        check(reference, variable=f"acme={API}")
        check.apply()
        check(reference)

    def test_a_link_that_leads_out(self, check: Checker) -> None:
        (check.folder / "token").symlink_to("/etc/hostname")
        with pytest.raises(SecretRefused, match="a file outside of the config folder"):
            check("file:token")

    def test_even_where_nothing_leaves_the_process(self, check: Checker) -> None:
        with pytest.raises(SecretRefused) as error:
            check("file:/etc/hostname", origin="")
        assert '"acme=file:/etc/hostname"' in error.value.hint
        check("file:/etc/hostname", origin="", variable="acme=file:/etc/hostname")

    def test_a_file_of_the_config_folder(self, check: Checker) -> None:
        check("file:token", origin="")
        with pytest.raises(SecretRefused) as error:
            check("file:token")
        assert "outside" not in error.value.message


class TestALedgerThatComesWithTheConfig:
    """A pull request can bring its own ledger: a pair in there counts only with the proof that this user allowed it."""

    def allowed(self, check: Checker, **how: str) -> bool:
        try:
            check(**how)  # type: ignore[arg-type]
        except SecretRefused:
            return False
        return True

    def forged(self, check: Checker, *, origin: str = API, proof: str | None = None) -> None:
        with check.ledger._writing() as connection:
            if proof is not None:
                connection.run("UPDATE orgform_secrets SET proof = ?", (proof,))
            connection.run("UPDATE orgform_secrets SET origin = ?", (origin,))

    def test_what_this_user_applied_with_stays_allowed(self, beside: Checker, tmp_path: Path) -> None:
        beside(variable=f"acme={API}")
        assert not (tmp_path / "state").exists()
        beside.apply()
        key = tmp_path / "state" / "secret-pairs.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert [p.name for p in key.parent.iterdir()] == [key.name]
        assert self.allowed(beside)
        beside.reopen(create=False)
        assert self.allowed(beside)

    def test_a_second_config_uses_the_same_key(self, beside: Checker, tmp_path: Path) -> None:
        beside(variable=f"acme={API}")
        beside.apply()
        (tmp_path / "other").mkdir()
        other = Checker(tmp_path / "other", tmp_path / "other" / "ledger.db", tmp_path / "state")
        other(variable=f"acme={API}")
        other.apply()
        assert self.allowed(other)
        assert self.allowed(beside)
        other.ledger.close()

    def test_a_pair_without_a_proof_or_with_a_wrong_one_is_none(self, beside: Checker) -> None:
        beside(variable=f"acme={API}")
        beside.apply()
        for proof in ("", "0" * 64, "é"):
            self.forged(beside, proof=proof)
            assert not self.allowed(beside)

    def test_a_proof_is_for_one_target_origin_reference_and_folder(self, beside: Checker, tmp_path: Path) -> None:
        beside(variable=f"acme={API}")
        beside.apply()
        beside.ledger.close()
        shutil.copytree(beside.folder, tmp_path / "copy")
        copy = Checker(tmp_path / "copy", tmp_path / "copy" / ".orgform" / "ledger.db", tmp_path / "state")
        assert not self.allowed(copy)
        copy.ledger.close()
        beside.reopen()
        assert self.allowed(beside)
        before = beside.ledger.allowed("acme")
        others = {"origin": "https://evil.example", "reference": "env:AWS_SECRET", "target": "other"}
        for column, other in others.items():
            row = {"target": "acme", "reference": "env:ACME_TOKEN", "origin": API, column: other}
            with beside.ledger._writing() as connection:
                values = (*(row[name] for name in ("target", "reference", "origin")), *before.values())
                connection.run("INSERT OR REPLACE INTO orgform_secrets (target, reference, origin, proof) VALUES (?, ?, ?, ?)", values)
            assert other in str([beside.ledger.allowed("acme"), "other" if beside.ledger.allowed("other") else ""])
            assert not self.allowed(beside, **{column: other})
            with beside.ledger._writing() as connection:
                connection.run("DELETE FROM orgform_secrets WHERE target = ? AND reference = ? AND origin = ?", values[:3])

    def test_another_users_key_proves_nothing(self, beside: Checker, tmp_path: Path) -> None:
        beside(variable=f"acme={API}")
        beside.apply()
        beside.environ = {"ORGFORM_STATE": str(tmp_path / "another")}
        assert not self.allowed(beside)
        assert not (tmp_path / "another").exists()

    @pytest.mark.parametrize("damage", ["", "00", "zz" * 32, "é"])
    def test_a_damaged_key_is_made_anew(self, beside: Checker, tmp_path: Path, damage: str) -> None:
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "secret-pairs.key").write_text(damage)
        assert not self.allowed(beside)
        beside(variable=f"acme={API}")
        beside.apply()
        assert self.allowed(beside)

    def test_where_no_key_can_be_kept_nothing_is_remembered(self, beside: Checker, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for state in (str(tmp_path / "file" / "below"), ""):
            beside.environ = {"ORGFORM_STATE": state}
            beside(variable=f"acme={API}")
            beside.apply()
            assert not self.allowed(beside)

    def test_a_key_that_comes_with_the_config_is_none(self, beside: Checker, tmp_path: Path) -> None:
        beside(variable=f"acme={API}")
        beside.apply()
        shutil.copytree(tmp_path / "state", beside.folder / "state")
        beside.environ = {"ORGFORM_STATE": str(beside.folder / "state")}
        assert not self.allowed(beside)
        beside.environ = {"ORGFORM_STATE": str(tmp_path / "link")}
        (tmp_path / "link").symlink_to(beside.folder / "state")
        assert not self.allowed(beside)

    @pytest.mark.parametrize("name", ["ledger.db", "sub/ledger.db", "sub/../ledger.db", "../link/ledger.db", "out/ledger.db"])
    def test_every_way_into_the_folder_is_one(self, beside: Checker, tmp_path: Path, name: str) -> None:
        (beside.folder / "sub").mkdir()
        (tmp_path / "outside").mkdir()
        (beside.folder / "out").symlink_to(tmp_path / "outside")
        (tmp_path / "link").symlink_to(beside.folder)
        beside.where = beside.folder / name
        beside.reopen()
        beside(variable=f"acme={API}")
        beside.apply()
        assert self.allowed(beside)
        self.forged(beside, proof="")
        assert not self.allowed(beside)

    def test_where_the_state_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert state_folder({"XDG_STATE_HOME": "/x", "ORGFORM_STATE": "/s"}) == Path("/s")
        assert state_folder({"XDG_STATE_HOME": "/x"}) == Path("/x/orgform")
        assert state_folder({"LOCALAPPDATA": "/l", "XDG_STATE_HOME": "/x"}) == Path("/l/orgform")
        assert state_folder({"ORGFORM_STATE": ""}) is None
        monkeypatch.setenv("HOME", "/home/dana")
        monkeypatch.setattr("sys.platform", "linux")
        assert state_folder({"XDG_STATE_HOME": "relative"}) == Path("/home/dana/.local/state/orgform")
        monkeypatch.setattr("sys.platform", "darwin")
        assert state_folder({}) == Path("/home/dana/Library/Application Support/orgform")


@pytest.mark.parametrize("word", ["acme", "=https://x.example", "acme="])
def test_an_allowance_that_says_nothing(word: str) -> None:
    with pytest.raises(UsageError, match="does not say which origin") as error:
        allowances([word])
    assert "NAME=ORIGIN" in error.value.hint


class TestRedaction:
    def test_a_value_is_masked_in_every_spelling(self) -> None:
        redactor = Redactor()
        value = 'p/ss "wörd"+1'
        redactor.add(value)
        spellings = [
            value,
            quote(value),
            quote(value, safe=""),
            json.dumps(value, ensure_ascii=False),
            base64.b64encode(value.encode()).decode(),
            value.upper(),
            json.dumps(value),
        ]
        for spelling in spellings:
            assert redactor.clean(f"a {spelling} z") in (f"a {MASK} z", f'a "{MASK}" z')

    def test_the_longer_value_first(self) -> None:
        redactor = Redactor()
        redactor.add("secret")
        redactor.add("secretive-stuff")
        assert redactor.clean("secretive-stuff secret") == f"{MASK} {MASK}"

    def test_a_value_too_short_to_tell_from_words(self) -> None:
        redactor = Redactor()
        redactor.add("abc")
        assert redactor.clean("abc abcd") == "abc abcd"

    def test_nothing_is_known_yet(self) -> None:
        assert Redactor().clean("as it is") == "as it is"

    def test_what_was_resolved_is_known(self, tmp_path: Path) -> None:
        canary = resolve("env:T", tmp_path, {"T": "canary-5f0c1d"})
        assert redact(f"Authorization: Bearer {canary}") == f"Authorization: Bearer {MASK}"

    def test_what_was_raised_is_known_too(self, tmp_path: Path) -> None:
        canary = resolve("env:T", tmp_path, {"T": "canary-91bb07"})
        with pytest.raises(SecretMissing) as error, shown_without_secrets():
            raise SecretMissing(f"no {canary}", hint=f"not {canary.upper()}")
        assert (str(error.value), error.value.message, error.value.hint) == (f"no {MASK}", f"no {MASK}", f"not {MASK}")

    def test_a_provider_that_tells_a_secret_does_not_get_it_into_report_or_ledger(self, applier: Applier, tmp_path: Path) -> None:
        canary = resolve("env:T", tmp_path, {"T": "canary-77aa12"})
        system = LiveSystem()
        faults = iter([Result("failed", f"401 for {canary}"), RuntimeError(f"boom {canary}")])
        system.before = lambda operation: next(faults)
        report = applier(plan_of(create("group/a", {}), create("group/b", {})), system, parallelism=1)
        assert canary not in str(report)
        assert MASK in report.outcomes[0].detail
        assert canary not in str(applier.ledger.history(report.run))
