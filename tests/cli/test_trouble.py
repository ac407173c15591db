"""When something goes wrong that is nobody's mistake: one sentence, an exit code, and no secret."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from orgform.cli.trouble import describe, redact
from tests.cli.process import environment

SECRET = "s3cr3t-t0ken-value"


def broken(line: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`orgform WORDS` in a process in which `validate` has a bug: it does `line`."""
    program = textwrap.dedent(f"""
        import os, sys, orgform.app
        from orgform import errors
        def bug(options):
            {line}
        orgform.app.validate = bug
        from orgform.cli import main
        sys.exit(main(sys.argv[1:]))
    """)
    command = [sys.executable, "-c", program, *(words or ("validate",))]
    return subprocess.run(command, capture_output=True, text=True, env=environment(ACME_TOKEN=SECRET, **env))


def test_a_bug_is_one_sentence_and_how_to_report_it() -> None:
    done = broken("raise KeyError('brand\\x1b[31m')")
    assert (done.returncode, done.stdout) == (1, "")
    assert " ".join(done.stderr.split()).startswith(
        "error: this is a bug in orgform: KeyError ('brand\\x1b[31m') at cli/commands/validate.py:"
    )
    assert "please report" in done.stderr
    assert "ORGFORM_DEBUG=1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_traceback_comes_on_request_and_holds_no_secret() -> None:
    done = broken("raise ValueError(os.environ['ACME_TOKEN'] + ' https://user:hunter22@api Bearer abcdefgh')", ORGFORM_DEBUG="1")
    assert "Traceback (most recent call last)" in done.stderr
    assert "***" in done.stderr
    assert not [word for word in (SECRET, "hunter22", "abcdefgh") if word in done.stderr]


def test_a_bug_as_json() -> None:
    done = broken("raise ValueError('x')", "validate", "--format", "json")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["exit_code"] == 1


def test_a_bug_as_an_annotation() -> None:
    done = broken("raise ValueError('x')", "validate", "--format", "github")
    assert done.stdout.startswith("::error title=orgform::this is a bug in orgform")


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("raise errors.LockHeld('bob applies since 12:00', hint='wait')", 1, "error: bob applies since 12:00\n  help: wait\n"),
        ("raise errors.ProviderError('the API answered 500')", 1, "error: the API answered 500\n"),
        ("raise errors.UsageError('no such thing')", 64, "error: no such thing\n"),
        ("raise KeyboardInterrupt", 130, "\nInterrupted; nothing was changed in the live system.\n"),
        ("raise PermissionError(13, 'Permission denied', 'acme.yaml')", 1, "error: Permission denied: acme.yaml\n"),
        ("raise RecursionError('too deep')", 1, "error: this is a bug in orgform: RecursionError (too deep)"),
        ("raise MemoryError", 1, "error: this is a bug in orgform: MemoryError at"),
    ],
)
def test_every_failure_has_its_exit_code_and_its_sentence(line: str, code: int, told: str) -> None:
    done = broken(line)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(told)


def test_a_bug_without_a_place_of_ours() -> None:
    assert describe(ValueError())[0] == "this is a bug in orgform: ValueError at an unknown place"


def test_redaction_leaves_what_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "abc")
    monkeypatch.setenv("SOME_API_KEY", "abcd")
    assert redact("abc abcd x") == "abc *** x"
    assert redact("https://alice:pw@h/ https://h/ token=1") == "https://alice:***@h/ https://h/ token=1"
