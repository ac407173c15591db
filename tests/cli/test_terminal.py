"""On a terminal: questions, colours, progress, Ctrl-C."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgform.testing.server import running_server
from tests.cli.process import PATIENCE, Terminal, run

MANY = 12_000
QUESTION = "Type yes to apply: "


@pytest.fixture
def large(acme: Path) -> Path:
    """A company that takes a while to apply."""
    (acme / "people.csv").write_text("email,name\n" + "".join(f"user{i}@acme.com,User {i}\n" for i in range(MANY)))
    (acme / "people.yaml").write_text("include_csv: {members: people.csv}\n")
    return acme


def test_yes_applies(acme: Path) -> None:
    with Terminal("apply", cwd=acme) as terminal:
        terminal.until(QUESTION)
        assert "\x1b[32m+\x1b[0m Alice Ng" in terminal.output
        assert "Plan: 9 to create" in terminal.output
        terminal.type("yes\n").until("Applied: 9 created")
        assert terminal.end() == 0
    assert run("plan", "-C", acme, "--detailed-exitcode").returncode == 0


@pytest.mark.parametrize("answer", ["y\n", "YES\n", "\n", "\x04"])
def test_anything_but_yes_applies_nothing(acme: Path, answer: str) -> None:
    with Terminal("apply", cwd=acme) as terminal:
        terminal.until(QUESTION).type(answer).until("Not applied.")
        assert terminal.end() == 1
    assert run("plan", "-C", acme, "--detailed-exitcode").returncode == 2


def test_ctrl_c_at_the_question_changes_nothing(acme: Path) -> None:
    with Terminal("apply", cwd=acme) as terminal:
        terminal.until(QUESTION).interrupt().until("Interrupted; nothing was changed")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.output
    assert run("plan", "-C", acme, "--detailed-exitcode").returncode == 2


def test_quiet_still_shows_what_one_is_asked_about(acme: Path) -> None:
    with Terminal("apply", "--quiet", cwd=acme) as terminal:
        terminal.until(QUESTION)
        assert 'name: "Alice Ng"' in terminal.output.replace("\x1b[2m", "").replace("\x1b[0m", "")
        terminal.type("no\n")
        terminal.end()


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(acme: Path, env: dict[str, str]) -> None:
    with Terminal("plan", cwd=acme, env=env) as terminal:
        assert terminal.end() == 0
        assert re.findall(r"\x1b\[[0-9;]*m", terminal.output) == []
        assert "TERM" not in env or "\x1b" not in terminal.output


@pytest.fixture
def remote(acme: Path, tmp_path: Path) -> Iterator[Path]:
    """The company behind a URL, with a token that nobody has allowed to go there."""
    with running_server(tmp_path / "server.db") as server:
        company = acme / "company.yaml"
        target = f"provider: orgform, url: {server.url}, token: env:ACME_TOKEN"
        company.write_text(company.read_text().replace("provider: local, database: acme.db", target))
        yield acme


def test_a_secret_goes_where_it_was_allowed_to_go(remote: Path) -> None:
    with Terminal("apply", cwd=remote, env={"ACME_TOKEN": "s3cr3t-token"}) as terminal:
        terminal.until("Type yes to allow: ").type("yes\n").until(QUESTION).type("yes\n")
        assert terminal.end() == 0
        assert "s3cr3t-token" not in terminal.output
    again = run("plan", "-C", remote, "--detailed-exitcode", env={"ACME_TOKEN": "s3cr3t-token"})
    assert again.returncode == 0, "an applied pair is known"


def test_a_secret_that_nobody_allowed_stays(remote: Path) -> None:
    with Terminal("plan", cwd=remote, env={"ACME_TOKEN": "s3cr3t-token"}) as terminal:
        terminal.until("Type yes to allow: ").type("no\n")
        assert terminal.end() == 1
    refused = run("plan", "-C", remote, env={"ACME_TOKEN": "s3cr3t-token"})
    assert refused.returncode == 1
    assert "--allow-target" in refused.stderr
    assert "s3cr3t-token" not in refused.stderr + terminal.output


def test_errors_are_coloured_on_a_terminal(acme: Path) -> None:
    (acme / "more.yaml").write_text("colour: red\n")
    with Terminal("validate", cwd=acme) as terminal:
        assert terminal.end() == 3
        assert "\x1b[1;31merror[" in terminal.output


def test_a_machine_is_never_asked(acme: Path) -> None:
    with Terminal("apply", "--format", "json", cwd=acme) as terminal:
        assert terminal.end() == 64
        assert json.loads(terminal.output)["exit_code"] == 64


def test_init_asks_what_was_not_given(tmp_path: Path) -> None:
    with Terminal("init", "--domain", "acme.com", cwd=tmp_path) as terminal:
        terminal.until("Name of the company [Acme Corp]: ").type("Zoë & Co\n")
        terminal.until("Owners' e-mail addresses").type("zoe@acme.com, bob@acme.com\n")
        assert terminal.end() == 0
        assert "primary domain" not in terminal.output
    assert 'name: "Zoë & Co"' in (tmp_path / "company.yaml").read_text()
    assert "zoe@acme.com: {name: Zoe, role: owner}" in (tmp_path / "people.yaml").read_text()
    assert run("validate", "-C", tmp_path).returncode == 0


def test_init_asks_again_for_what_a_config_cannot_hold(tmp_path: Path) -> None:
    with Terminal("init", "--company", "Acme", cwd=tmp_path) as terminal:
        terminal.until("domain [acme.com]: ").type("https://acme.org/\n")
        terminal.until("is no domain name: write it like `acme.org`").type("acme.org\n")
        terminal.until("owner@acme.org, admin@acme.org]: ").type("ann, ben@acme.org\n")
        terminal.until("`ann` is no e-mail address").type("ann@acme.org, ben@acme.org\n")
        assert terminal.end() == 0
    assert "ann@acme.org: {name: Ann, role: owner}" in (tmp_path / "people.yaml").read_text()


def test_init_asks_nothing_where_it_would_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("orgform: 1\n")
    with Terminal("init", cwd=tmp_path) as terminal:
        assert terminal.end() == 1
    assert "holds a config already" in terminal.output
    assert "Name of the company" not in terminal.output


def test_init_takes_the_defaults_for_empty_answers(tmp_path: Path) -> None:
    with Terminal("init", cwd=tmp_path) as terminal:
        terminal.until("[Acme Corp]: ").type("\n").until("[acme.com]: ").type("\n").until("[owner@acme.com, admin@acme.com]: ").type("\n")
        assert terminal.end() == 0
    assert "owner@acme.com: {name: Owner, role: owner}" in (tmp_path / "people.yaml").read_text()


def test_ctrl_c_finishes_what_is_in_flight_and_apply_continues(large: Path) -> None:
    with Terminal("apply", "--yes", cwd=large) as terminal:
        terminal.until("create member/").interrupt().until("Interrupted: finishing what is in flight").until("Applied: ")
        assert terminal.end() == 130
        assert "Interrupted; run apply again to continue." in terminal.output
        assert "Traceback" not in terminal.output
    left = json.loads(run("plan", "-C", large, "--format", "json").stdout)["summary"]["create"]
    assert 0 < left < MANY
    again = run("apply", "--yes", "-C", large)
    assert again.returncode == 0
    assert again.stdout.splitlines()[-1].startswith(f"Applied: {left:,} created")


def test_a_second_ctrl_c_leaves_at_once(large: Path) -> None:
    with Terminal("apply", "--yes", cwd=large) as terminal:
        terminal.until("create member/").interrupt().until("Interrupted: finishing").interrupt().until("Stopped at once")
        assert terminal.end() == 130
        assert "\x1b[?25h" in terminal.output.rpartition("Interrupted")[2], "the cursor is back"
    assert run("apply", "--yes", "-C", large).returncode == 0


def test_progress_is_a_bar_that_goes_away(large: Path) -> None:
    with Terminal("apply", "--yes", cwd=large) as terminal:
        assert terminal.end() == 0
        assert "━" in terminal.output
        assert terminal.output.splitlines()[-1].endswith("0 stale\x1b[0m")


def test_ctrl_c_while_reading_changes_nothing(acme: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        company = acme / "company.yaml"
        port = silent.getsockname()[1]
        company.write_text(
            company.read_text().replace("provider: local, database: acme.db", f"provider: orgform, url: http://127.0.0.1:{port}")
        )
        with Terminal("apply", "--yes", cwd=acme, env={"PYTHONWARNINGS": "default::DeprecationWarning"}) as terminal:
            connection, _ = silent.accept()
            with connection:
                terminal.interrupt().until("Interrupted; nothing was changed")
                assert terminal.end() == 130
            assert "Traceback" not in terminal.output
