"""Against a real server: two targets, tokens, its audit log, and people with tokens of their own."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from orgform.testing.server import RunningServer, running_server
from tests.cli.process import run
from tests.drift.company import COMPANY

TARGETS = """\
targets:
  people: {{provider: orgform, url: "{first}", token: env:FIRST_TOKEN}}
  flags: {{provider: orgform, url: "{second}", token: env:SECOND_TOKEN, kinds: [role]}}
"""


def hand(server: RunningServer, token: str, method: str, path: str, body: object) -> None:
    headers = {"authorization": f"Bearer {token}", "user-agent": "web console"}
    httpx.request(method, f"{server.url}/v1/{path}", headers=headers, json=body).raise_for_status()


def test_drift_of_two_servers(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "first.db", without_tokens=False) as first,
        running_server(tmp_path / "second.db", without_tokens=False) as second,
    ):
        folder = tmp_path / "acme"
        folder.mkdir()
        text = COMPANY.replace(
            "targets:\n  acme: {provider: local, database: acme.db}\n", TARGETS.format(first=first.url, second=second.url)
        )
        (folder / "company.yaml").write_text(text + "roles:\n  auditor: {scope: company, description: Audits}\n")
        env = {
            "FIRST_TOKEN": first.token(),
            "SECOND_TOKEN": second.token(),
            "ORGFORM_ALLOW_TARGETS": f"people={first.url},flags={second.url}",
        }
        run("apply", "-C", folder, "--yes", env=env)
        applied = run("plan", "-C", folder, "--detailed-exitcode", env=env)
        assert applied.returncode == 0, applied.stdout + applied.stderr

        dana = first.token()
        hand(first, dana, "PATCH", "members/bob@acme.com", {"attributes": {"title": "CTO"}})
        hand(first, first.token(), "PATCH", "members/bob@acme.com", {"attributes": {"name": "Bobby"}})
        hand(first, dana, "DELETE", "feature_values/hq/beta", None)
        hand(second, second.token(), "PATCH", "roles/auditor", {"attributes": {"description": "By hand"}})
        done = run("drift", "-C", folder, "--detailed-exitcode", "--format", "json", env=env)
        assert done.returncode == 2, done.stderr
        doc = json.loads(done.stdout)
        assert sorted(doc["targets"]) == ["flags", "people"]
        items = {item["address"]: item for item in doc["drift"]}
        assert {a: item["target"] for a, item in items.items()} == {
            "feature_value/hq/beta": "people",
            "member/bob@acme.com": "people",
            "role/auditor": "flags",
        }
        who = {field["path"]: field["attribution"] for field in items["member/bob@acme.com"]["fields"]}
        assert who["title"]["client"] == "web console"
        assert who["title"]["actor"] == items["feature_value/hq/beta"]["attribution"]["actor"] != who["name"]["actor"]
        assert dana not in done.stdout

        done = run("drift", "-C", folder, "--adopt", env=env)
        assert done.returncode == 0, done.stderr
        assert '+    title: "CTO"\n' in done.stdout
        assert run("plan", "-C", folder, "--detailed-exitcode", env=env).returncode == 0
        assert run("drift", "-C", folder, "--detailed-exitcode", env=env).returncode == 0


def test_a_server_that_is_gone_changes_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    with running_server(tmp_path / "first.db") as server:
        text = COMPANY.replace("{provider: local, database: acme.db}", f'{{provider: orgform, url: "{server.url}"}}')
        (folder / "company.yaml").write_text(text)
        assert run("apply", "-C", folder, "--yes").returncode == 0
    done = run("drift", "-C", folder, "--adopt", "--max-wait", "0")
    assert done.returncode == 1
    assert "cannot read" in done.stderr
    assert (folder / "company.yaml").read_text() == text
