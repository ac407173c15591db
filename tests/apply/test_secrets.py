"""A secret goes only where somebody allowed it, is read at the moment of use, and is never shown."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from orgform.errors import SecretMissing, SecretRefused, UsageError
from orgform.ledger import Ledger, open_ledger
from orgform.providers.base import Result
from orgform.secrets import MASK, Redactor, allowances, check_origin, redact, resolve
from tests.apply.conftest import Applier
from tests.apply.live_system import LiveSystem, create, plan_of

API = "https://api.acme.example"


class TestResolve:
    def test_a_variable(self, tmp_path: Path) -> None:
        assert resolve("env:ACME_TOKEN", tmp_path, {"ACME_TOKEN": "t0ken-of-acme"}) == "t0ken-of-acme"

    @pytest.mark.parametrize(("content", "value"), [("abcd1234\n", "abcd1234"), ("abcd 1234\r\n", "abcd 1234"), ("x", "x")])
    def test_a_file_without_its_closing_newline(self, tmp_path: Path, content: str, value: str) -> None:
        (tmp_path / "token").write_text(content, newline="")
        assert resolve("file:token", tmp_path, {}) == value
        assert resolve(f"file:{tmp_path / 'token'}", Path("/"), {}) == value

    @pytest.mark.parametrize(("environ", "problem"), [({}, "is not set"), ({"ACME_TOKEN": ""}, "is empty")])
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
    """`check(...)` as the shell calls it, on a real ledger."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self.ledger = folder, ledger

    def __call__(
        self,
        reference: str = "env:ACME_TOKEN",
        origin: str = API,
        *,
        target: str = "acme",
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
            environ={} if variable is None else {"ORGFORM_ALLOW_TARGETS": variable},
            confirm=confirm,
        )


@pytest.fixture
def check(tmp_path: Path, ledger: Ledger) -> Checker:
    (tmp_path / "config").mkdir()
    return Checker(tmp_path / "config", ledger)


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
        check()

    def test_a_changed_origin_or_reference_or_target_is_refused(self, check: Checker) -> None:
        check(variable=f"acme={API}")
        for change in ({"origin": "https://evil.example"}, {"reference": "env:AWS_SECRET"}, {"target": "acme2"}):
            with pytest.raises(SecretRefused):
                check(**change)  # type: ignore[arg-type]

    def test_only_the_last_origin_counts(self, check: Checker) -> None:
        check(variable=f"acme={API}")
        check(origin="https://new.example", variable="acme=https://new.example")
        with pytest.raises(SecretRefused):
            check()

    def test_a_person_is_asked_once(self, check: Checker) -> None:
        asked: list[str] = []

        def yes(question: str) -> bool:
            asked.append(question)
            return True

        check(confirm=yes)
        check(confirm=yes)
        assert asked == [f"Send the secret env:ACME_TOKEN of target acme to {API}?"]

    def test_a_person_says_no(self, check: Checker) -> None:
        with pytest.raises(SecretRefused):
            check(confirm=lambda question: False)
        with pytest.raises(SecretRefused):
            check()

    def test_reading_remembers_nothing(self, check: Checker, tmp_path: Path) -> None:
        reading = Checker(check.folder, open_ledger(tmp_path / "ledger.db", create=False))
        reading(variable=f"acme={API}")
        reading.ledger.close()
        with pytest.raises(SecretRefused):
            check()

    def test_what_stays_in_the_process_needs_nothing(self, check: Checker) -> None:
        check(origin="")

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

    def test_a_provider_that_tells_a_secret_does_not_get_it_into_report_or_ledger(self, applier: Applier, tmp_path: Path) -> None:
        canary = resolve("env:T", tmp_path, {"T": "canary-77aa12"})
        system = LiveSystem()
        faults = iter([Result("failed", f"401 for {canary}"), RuntimeError(f"boom {canary}")])
        system.before = lambda operation: next(faults)
        report = applier(plan_of(create("group/a", {}), create("group/b", {})), system, parallelism=1)
        assert canary not in str(report)
        assert MASK in report.outcomes[0].detail
        assert canary not in str(applier.ledger.history(report.run))
