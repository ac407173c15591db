"""A company that lives in four systems at once: examples/platforms/four-systems against four fakes on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

import pytest

from orgform import app
from orgform.codec import replace
from orgform.model import Plan, Report, kind_of
from orgform.render import text
from orgform.testing.fakes import front, scim, stanna, unleash
from tests.platforms import processes

EXAMPLE = Path(__file__).parents[2] / "examples/platforms/four-systems"
PEOPLE = {"alice": "Alice Ng", "olu": "Olu Ade", "bob": "Robert Roy", "carol": "Carol Diaz"}


class Systems(NamedTuple):
    people: scim.Scim
    front: front.Front
    flags: unleash.Unleash
    success: stanna.Stanna
    options: app.Options


def directory() -> scim.Scim:
    fake = scim.Scim(scim.Quirks(token="scim-token"))
    ids = [fake.user(f"{name}@acme.example", displayName=whole) for name, whole in PEOPLE.items()]
    fake.group("Acme Owners", *ids[:2])
    return fake


def inboxes() -> front.Front:
    fake = front.Front()
    ids = [fake.add_teammate(f"{name}@acme.example", *whole.split()) for name, whole in PEOPLE.items()]
    fake.add_team("Customer care", ids[2])
    return fake


@pytest.fixture
def systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systems]:
    monkeypatch.setenv("ORGFORM_CACHE", str(tmp_path / "cache"))
    settings = {i: stanna.workspace(i, i) for i in ("acme.example", "lab.acme.example")}
    fakes = (directory(), inboxes(), unleash.Unleash(), stanna.Stanna(settings))
    tokens = {"SCIM": "scim-token", "FRONT": front.TOKEN, "UNLEASH": unleash.ADMIN, "STANNA": stanna.KEY, "STANNA_LAB": stanna.KEY}
    for name, token in tokens.items():
        monkeypatch.setenv(f"{name}_TOKEN", token)
    with ExitStack() as stack:
        for fake in fakes:
            stack.enter_context(fake.running())
        folder = copytree(EXAMPLE, tmp_path / "acme")
        urls = dict(zip(("scim", "front", "unleash", "stanna"), (f.url for f in fakes), strict=True))
        names = dict(zip(("people", "front", "flags", "success"), urls.values(), strict=True))
        options = app.Options(
            folder=folder,
            variables=tuple(f"{name}={url}" for name, url in urls.items()),
            allow_target=tuple(f"{name}={'/'.join(url.split('/')[:3])}" for name, url in names.items()),
            max_wait=1,
        )
        yield Systems(*fakes, options)  # type: ignore[arg-type]


def steps(made: Plan) -> list[str]:
    return [f"{s.action} {s.address}" for s in made.manual_steps]


def waiting(made: Plan) -> dict[str, tuple[str, ...]]:
    return {w.change.address: w.waits_for for w in made.waiting}


def applied(options: app.Options) -> tuple[Plan, Report]:
    made, report = app.apply(options)
    assert all(o.status == "done" for o in report.outcomes), [o for o in report.outcomes if o.status != "done"]
    return made, report


def test_one_plan_shows_all_four(systems: Systems) -> None:
    made = app.plan(systems.options)
    assert {c.target for c in made.changes} == {"people", "front", "flags", "success"}
    assert steps(made) == ["create workspace/care-lab"]
    held = waiting(made)
    assert all("workspace/care-lab" in earlier for earlier in held.values())
    assert {"membership/care-lab/carol@acme.example", "inbox/care-lab/Trials", "feature_value/care-lab/smart-replies"} <= held.keys()


def test_what_can_be_done_is_done_and_the_rest_follows_the_step(systems: Systems) -> None:
    applied(systems.options)
    made = app.plan(systems.options)
    assert (made.changes, steps(made)) == ((), ["create workspace/care-lab"])
    systems.front.add_team("Customer care lab")
    made, report = applied(systems.options)
    assert {o.address for o in report.outcomes} >= {"inbox/care-lab/Trials", "feature_value/care-lab/smart-replies"}
    made = app.plan(systems.options)
    assert (made.changes, made.manual_steps, made.waiting) == ((), (), ())


def test_one_that_is_away_does_not_stop_the_others(systems: Systems) -> None:
    systems.success.next_answers(*[stanna.Told(403, {"error": "no", "code": "forbidden", "status": 403})] * 20)
    made, _ = applied(systems.options)
    assert made.targets["success"].problem
    assert {c.target for c in made.changes} == {"people", "front", "flags"}
    systems.success._queued.clear()
    made, _ = applied(systems.options)
    assert {c.target for c in made.changes} == {"success"}


class Shell:
    """`orgform` as a process. While people are `away`, nothing listens where they are."""

    def __init__(self, systems: Systems) -> None:
        self.options, self.away = systems.options, True

    def run(self, command: str, *words: str) -> tuple[int, str]:
        """The exit code, and all that it said, on one line."""
        chosen = ["scim=http://127.0.0.1:9/scim/v2", *self.options.variables[1:]] if self.away else self.options.variables
        told = [word for value in chosen for word in ("--var", value)]
        told += [word for value in (*self.options.allow_target, "people=http://127.0.0.1:9") for word in ("--allow-target", value)]
        folder = self.options.folder
        done = processes.orgform(command, "-C", folder, "--max-wait", "0.01", *told, *words, cwd=folder.parent, env=processes.environment())
        return done.returncode, " ".join(f"{done.stdout}\n{done.stderr}".split())


def test_what_refers_to_people_is_left_out_while_they_are_away(systems: Systems) -> None:
    """Nobody knows whether Carol is there to be let in; what is only about places goes on."""
    shell = Shell(systems)
    code, told = shell.run("plan")
    assert code == 1
    assert "Left out with the target people (2 changes): an apply does them once the target can be read" in told
    assert "create membership/care/carol@acme.example: needs member/carol@acme.example" in told
    assert "create membership/care-lab/carol@acme.example: needs member/carol@acme.example and workspace/care-lab" in told
    code, told = shell.run("apply", "--yes")
    assert code == 6
    assert "2 changes of other targets need something of people: left out." in told
    assert "created inbox/care/Support" in told
    assert "created membership" not in told
    systems.front.add_team("Customer care lab")
    shell.run("apply", "--yes")
    code, told = shell.run("plan")
    assert (code, "Plan: 0 to create, 0 to update, 0 to delete, 0 manual, 2 waiting." in told) == (1, True), told
    shell.away = False
    code, told = shell.run("apply", "--yes")
    assert (code, "created membership/care-lab/carol@acme.example" in told) == (0, True), told
    assert not app.plan(systems.options).changes


def test_the_others_by_name_do_not_wait_for_people(systems: Systems) -> None:
    """Who chooses targets says that the rest is as it should be."""
    code, told = Shell(systems).run("apply", "--yes", "--target", "front", "--target", "flags")
    assert (code, "created membership/care/carol@acme.example" in told) == (0, True), told


def test_the_history_of_a_run_has_what_it_left_to_people_and_what_waited(systems: Systems) -> None:
    shell = Shell(systems)
    shell.away = False
    shell.run("apply", "--yes")
    done = app.history(systems.options)["runs"][0]
    _, told = shell.run("undo", done["run"], "-o", str(systems.options.folder / "undo.json"))
    assert "1 step of it was left to people: what they did is not taken back" in told
    assert "never done" not in told
    [run] = app.history(systems.options, run=done["run"])["runs"]
    left = {c["address"]: (c["status"], c["detail"]) for c in run["changes"] if c["status"] != "done"}
    assert left["workspace/care-lab"] == (
        "manual",
        "create the workspace Customer care lab by hand: gear icon > Company settings > Workspaces > Create workspace",
    )
    waits = ("waiting", "waits for workspace/care-lab: create the workspace Customer care lab by hand")
    assert {status for address, status in left.items() if address != "workspace/care-lab"} == {waits}
    assert done["changes"] == sum(run["counts"][verb] for verb in ("created", "updated", "deleted"))
    shown = history(run)
    assert "Left to do by hand (1) ! manual Customer care lab workspace/care-lab create the workspace" in shown
    assert f"Not tried ({len(left) - 1}) ! waiting" in shown
    assert f" done {done['changes']} " in shown, "what was not tried is in no number"
    systems.front.add_team("Customer care lab")
    code, told = shell.run("apply", "--yes")
    assert (code, "created membership/care-lab/carol@acme.example" in told) == (0, True), told
    undone = app.undo(replace(systems.options, allow=("deletes:*", "company-admins:*", "workspace-admins:*")), done["run"])[1]
    assert not any(kind_of(o.address) == "workspace" or "care-lab" in o.address for o in undone.outcomes), "that was not this run"


def history(run: dict[str, Any]) -> str:
    """The page on one line."""
    return " ".join(text.history({"runs": [run]}, color=False, width=80).split())
