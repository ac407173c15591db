"""Signed plans: made with a key, refused when altered or unsigned, and the key is in nothing that is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgform.codec import decode, encode, encode_pretty
from tests.cli.process import run

KEY = "5f0c6d2c9f6b4c1f8a7e"
OTHER = "another-key-of-20-ch"


def plan(folder: Path, key: str | None) -> Path:
    file = folder / "plan.json"
    made = run("plan", "-C", folder, "-o", file, "--format", "json", env={"ORGFORM_PLAN_KEY": key} if key else {})
    assert made.returncode == 0, made.stderr
    assert made.stdout == file.read_text()
    assert not key or key not in made.stdout + made.stderr
    return file


def apply(folder: Path, file: Path, key: str | None) -> tuple[int, str]:
    done = run("apply", file, "-C", folder, env={"ORGFORM_PLAN_KEY": key} if key else {})
    assert not key or key not in done.stdout + done.stderr
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_a_signed_plan_is_applied_with_its_key(acme: Path) -> None:
    file = plan(acme, KEY)
    signature = decode(file.read_bytes())["signature"]
    assert signature.startswith("hmac-sha256:")
    assert len(signature) == len("hmac-sha256:") + 64
    assert plan(acme, KEY).read_bytes() == file.read_bytes()
    # How the JSON is laid out says nothing.
    file.write_bytes(encode(decode(file.read_bytes())))
    code, told = apply(acme, file, KEY)
    assert (code, "Applied: 9 created" in told) == (0, True), told


@pytest.mark.parametrize(
    ("made_with", "applied_with", "words"),
    [(KEY, OTHER, "was altered after it was signed, or signed with another key"), (None, KEY, "is not signed")],
)
def test_a_plan_that_cannot_be_believed_is_refused(
    acme: Path,
    made_with: str | None,
    applied_with: str,
    words: str,
) -> None:
    code, told = apply(acme, plan(acme, made_with), applied_with)
    assert code == 1
    assert words in told
    assert not (acme / "acme.db").exists()


def test_every_altered_word_is_found(acme: Path) -> None:
    file = plan(acme, KEY)
    document = decode(file.read_bytes())
    bob = next(c for c in document["changes"] if c["address"] == "member/bob@acme.com")
    bob["after"]["role"] = "owner"
    file.write_bytes(encode_pretty(document))
    assert apply(acme, file, KEY)[0] == 1
    document = decode(plan(acme, KEY).read_bytes())
    document["allow"] = ["company-admins:*"]
    file.write_bytes(encode_pretty(document))
    assert apply(acme, file, KEY)[0] == 1
    document = decode(plan(acme, KEY).read_bytes())
    document["signature"] = document["signature"][:-1] + ("0" if document["signature"][-1] != "0" else "1")
    file.write_bytes(encode_pretty(document))
    assert apply(acme, file, KEY)[0] == 1
    assert not (acme / "acme.db").exists()


def test_a_signed_plan_without_a_key_is_applied_with_a_warning(acme: Path) -> None:
    code, told = apply(acme, plan(acme, KEY), None)
    assert code == 0
    assert "ORG508" in told
    assert "set ORGFORM_PLAN_KEY to the key that it was signed with" in told


def test_a_key_that_could_be_guessed_is_wrong_usage(acme: Path) -> None:
    refused = run("plan", "-C", acme, env={"ORGFORM_PLAN_KEY": "hunter2!"})
    assert refused.returncode == 64
    assert "has 8 characters" in refused.stderr
    assert "hunter2!" not in refused.stdout + refused.stderr
