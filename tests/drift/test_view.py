"""What drift is, whose doing each field is, and who did it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from orgform import app
from orgform.codec import encode_pretty, replace, to_builtins
from orgform.drift import Drift
from orgform.model import Address
from orgform.render import drift as page
from orgform.render import markdown
from tests.drift.company import COMPANY, Company


def test_no_drift(acme: Company) -> None:
    found = acme.drift()
    assert (found.drift, found.unmanaged, found.any, found.pending) == ((), (), False, 0)
    assert page.summary(to_builtins(found)) == "No drift: nothing was changed by hand."


def test_each_field_says_whose_doing_it_is(acme: Company) -> None:
    acme.edit('title: "Engineer"', 'title: "Architect"')
    acme.edit("labels: {team: x,", "labels: {team: y,")
    acme.patch("members/bob@acme.com", title="CTO", name="Bobby")
    [item] = acme.drift().drift
    assert (item.action, item.origin, item.label, item.source) == ("update", "conflict", "Bob Roy", "company.yaml:12:3")
    assert [(f.path, f.origin, f.base, f.desired, f.live) for f in item.fields] == [
        ("labels.team", "config", "x", "y", "x"),
        ("name", "drift", "Bob Roy", "Bob Roy", "Bobby"),
        ("title", "conflict", "Engineer", "Architect", "CTO"),
    ]


def test_what_only_the_repo_changed_is_counted_and_no_drift(acme: Company) -> None:
    acme.edit('title: "Engineer"', 'title: "Architect"')
    found = acme.drift()
    assert (found.any, found.pending) == (False, 1)
    assert page.summary(to_builtins(found)).endswith("The repo asks for 1 change of its own: `orgform plan` shows it.")


def test_a_change_by_the_repo_with_a_field_changed_by_hand_is_drift(acme: Company) -> None:
    acme.edit('title: "Engineer"', 'title: "Architect"')
    acme.patch("members/bob@acme.com", name="Bobby")
    [item] = acme.drift().drift
    assert item.origin == "drift"
    [change] = app.plan(acme.options).changes
    assert change.origin == "config"
    assert [(f.path, f.origin, f.attribution and f.attribution.actor) for f in change.fields] == [
        ("name", "drift", "dana@acme.com"),
        ("title", "config", None),
    ]


def test_each_field_names_who_changed_it_last(acme: Company) -> None:
    acme.hand("PATCH", "members/bob@acme.com", {"name": "B", "title": "CTO"}, actor="eve@acme.com", client="curl/8")
    acme.hand("PATCH", "members/bob@acme.com", {"name": "Bobby"})
    acme.hand("PATCH", "members/bob@acme.com", {"labels": {"floor": "9"}}, actor="frank@acme.com")
    [item] = acme.drift().drift
    told = {f.path: (f.attribution.actor, f.attribution.client) for f in item.fields if f.attribution}
    assert told == {
        "labels.floor": ("frank@acme.com", "web console"),
        "name": ("dana@acme.com", "web console"),
        "title": ("eve@acme.com", "curl/8"),
    }
    assert item.attribution and item.attribution.actor == "frank@acme.com"


def test_who_deleted_and_who_created(acme: Company) -> None:
    acme.hand("DELETE", "feature_values/hq/beta", actor="eve@acme.com")
    acme.hand("POST", "tags", {"name": "VIP"}, key="hq/vip", actor="frank@acme.com")
    acme.patch("tags/hq/vip", color="red")
    found = acme.drift()
    [gone], [new] = found.drift, found.unmanaged
    assert (gone.action, gone.attribution and gone.attribution.actor) == ("create", "eve@acme.com")
    assert (new.label, new.attribution and new.attribution.actor) == ("VIP", "frank@acme.com")


def test_renamed_by_hand(acme: Company) -> None:
    """Under the old name it is gone, under the new one it came; the audit log knows both."""
    from orgform.kinds import load_kinds
    from orgform.providers.http import InProcessTransport, Session
    from orgform.server import Caller, Store, create_app

    store = Store(acme.folder / "acme.db")
    api = create_app(store, load_kinds(), identify=lambda _: Caller("default", "eve@acme.com", "web console"), inline=True)
    session = Session("http://local", transport=InProcessTransport(api))
    session.request("PATCH", "/v1/members/carol@acme.com", json={"key": "carola@acme.com", "attributes": {}}, idempotent=False)
    session.close()
    store.close()
    found = acme.drift()
    who = {d.address: d.attribution and d.attribution.actor for d in found.drift}
    assert who[Address("member/carol@acme.com")] == "eve@acme.com"
    assert [(u.address, u.attribution and u.attribution.actor) for u in found.unmanaged] == [("member/carola@acme.com", "eve@acme.com")]


def test_without_a_base_nothing_is_told_apart(acme: Company) -> None:
    acme.patch("members/bob@acme.com", title="CTO")
    found = app.drift(replace(acme.options, ledger=str(acme.folder / "none.db")))
    assert found.drift == ()
    assert found.pending == 1
    assert "ORG501" in {d.code for d in found.diagnostics}
    assert "nothing is known of what was applied" in page.text(to_builtins(found), color=False, width=80)


def test_several_targets(tmp_path: Path) -> None:
    targets = "  roles: {provider: local, database: roles.db, kinds: [role]}\n"
    text = COMPANY.replace("domains:\n", f"{targets}domains:\n", 1) + "roles:\n  auditor: {scope: company, description: Audits}\n"
    acme = Company(tmp_path / "acme", text)
    acme.patch("members/bob@acme.com", title="CTO")
    acme.hand("PATCH", "roles/auditor", {"description": "By hand"}, database="roles.db", actor="eve@acme.com")
    found = acme.drift()
    assert sorted(found.targets) == ["acme", "roles"]
    assert [(d.target, d.address, d.attribution and d.attribution.actor) for d in found.drift] == [
        ("acme", "member/bob@acme.com", "dana@acme.com"),
        ("roles", "role/auditor", "eve@acme.com"),
    ]
    text = page.text(to_builtins(found), color=False, width=80)
    assert "  ~ role/auditor  [in roles]\n" in text
    only = app.drift(replace(acme.options, targets=("roles",)), adopt=())
    assert only.adopted == ("role/auditor",)
    acme.adopt()
    assert acme.planned == []


def test_the_text_says_what_was_done_and_what_can_be_done(acme: Company) -> None:
    acme.edit('title: "Engineer"', 'title: "Architect"')
    acme.hand("PATCH", "members/bob@acme.com", {"title": "CTO"}, actor="eve@acme.com")
    acme.hand("PATCH", "members/bob@acme.com", {"name": "Bobby"})
    acme.patch("groups/support", members=["alice@acme.com", "bob@acme.com"])
    acme.drop("feature_values/hq/beta")
    acme.make("tags", "hq/vip", name="VIP")
    doc = to_builtins(acme.drift())
    time = r"20\d\d-\d\d-\d\d \d\d:\d\dZ"
    text = re.sub(time, "TIME", page.text(doc, color=False, width=80, words="-C acme"))
    assert text == TEXT
    assert re.sub(time, "TIME", page.text(doc, color=False, width=80, quiet=True)) == QUIET
    colored = page.text(doc, color=True, width=80)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == page.text(doc, color=False, width=80)
    assert re.sub(time, "TIME", markdown.drift(doc, options="-C acme")) == MARKDOWN


TEXT = """\
Target acme (local:acme.db)
Compared with the ledger, revision 1

Changed by hand (3)
  - feature_value/hq/beta
        deleted by dana@acme.com in web console, TIME
  ~ group/support
        members  +alice@acme.com -carol@acme.com
        changed by dana@acme.com in web console, TIME
  ~ member/bob@acme.com  Bob Roy  [! conflict: changed on both sides]
        name   "Bob Roy" -> "Bobby" (by hand)
          changed by dana@acme.com in web console, TIME
        title  "Engineer" -> "CTO" (both)
          the config has "Architect"; changed by eve@acme.com in web console,
          TIME

Created by hand (1): live, not in the config
  + tag/hq/vip  VIP
        created by dana@acme.com in web console, TIME

Put back what the config says:
  orgform apply -C acme --only feature_value/hq/beta --only group/support --only member/bob@acme.com
Take what is live over into the config:
  orgform drift -C acme --adopt [ADDRESS_GLOB...]
Leave these fields alone from now on:
  orgform drift -C acme --ignore group/support --ignore member/bob@acme.com

Drift: 2 changed, 1 deleted, 1 created by hand; 1 in conflict.
"""
QUIET = """\
Changed by hand (3)
  - feature_value/hq/beta
  ~ group/support
  ~ member/bob@acme.com  Bob Roy  [! conflict: changed on both sides]

Created by hand (1): live, not in the config
  + tag/hq/vip  VIP

Drift: 2 changed, 1 deleted, 1 created by hand; 1 in conflict.
"""
MARKDOWN = """\
## orgform drift: 2 changed, 1 deleted, 1 created by hand; 1 in conflict

<details open><summary>Changed by hand (3)</summary>

```diff
- feature_value/hq/beta
      deleted by dana@acme.com in web console, TIME
! group/support
      members  +alice@acme.com -carol@acme.com
      changed by dana@acme.com in web console, TIME
! member/bob@acme.com  Bob Roy  [! conflict: changed on both sides]
      name   "Bob Roy" -> "Bobby" (by hand)
        changed by dana@acme.com in web console, TIME
      title  "Engineer" -> "CTO" (both)
        the config has "Architect"; changed by eve@acme.com in web console, TIME
```
</details>

<details open><summary>Created by hand (1): live, not in the config</summary>

```diff
+ tag/hq/vip  VIP
      created by dana@acme.com in web console, TIME
```
</details>

Put back what the config says: `orgform apply -C acme --only feature_value/hq/beta --only group/support --only member/bob@acme.com`

Take what is live over into the config: `orgform drift -C acme --adopt [ADDRESS_GLOB...]`

Leave these fields alone from now on: `orgform drift -C acme --ignore group/support --ignore member/bob@acme.com`

<sub>Target acme (local:acme.db). Compared with the ledger, revision 1.</sub>
"""


def test_hostile_names_make_no_lines_of_their_own(acme: Company) -> None:
    acme.patch("members/bob@acme.com", title="x\x1b[31m\n  + forged ```")
    doc = to_builtins(acme.drift())
    for text in (page.text(doc, color=False, width=80), markdown.drift(doc)):
        assert "\x1b" not in text
        assert "\n  + forged" not in text and "\n+ forged" not in text


def test_long_lists_are_counted(acme: Company) -> None:
    found = acme.drift()
    many = tuple({"target": "acme", "address": f"tag/hq/t{n}", "label": "", "attribution": None} for n in range(1000))
    text = page.text({**to_builtins(found), "unmanaged": many}, color=False, width=80)
    assert "... and 700 more; --format json shows all" in text
    refused = {"refused": [{"address": f"tag/hq/t{n}", "path": "", "reason": "why", "source": ""} for n in range(400)]}
    assert "... and 100 more" in page.refusals(refused, color=False, width=80)
    assert len(markdown.drift({**to_builtins(found), "unmanaged": many}, limit=5_000)) <= 5_000


def test_the_document_is_the_same_for_the_same_state(acme: Company) -> None:
    acme.patch("members/bob@acme.com", title="CTO")
    first, second = encode_pretty(acme.drift()), encode_pretty(acme.drift())
    assert first == second
    doc = json.loads(first)
    assert doc["format"] == "orgform.drift/1"
    assert set(doc["drift"][0]) == {"target", "address", "action", "origin", "label", "source", "fields", "attribution"}
    assert set(doc["drift"][0]["fields"][0]) == {"path", "origin", "base", "desired", "live", "attribution"}
    assert isinstance(acme.drift(), Drift)


def test_a_patch_in_colour_and_what_was_not_read(acme: Company) -> None:
    doc = {"files": {"a.yaml": "--- a/a.yaml\n+++ b/a.yaml\n@@ -1 +1 @@\n-\tx: 1\r\n+\tx: \x1b2\n y: 3\n"}}
    assert page.diffs(doc, color=False) == "--- a/a.yaml\n+++ b/a.yaml\n@@ -1 +1 @@\n-\tx: 1\n+\tx: \\x1b2\n y: 3\n"
    assert "\x1b[31m-\tx: 1\x1b[0m\n\x1b[32m+" in page.diffs(doc, color=True)
    assert markdown.rewritten(doc).startswith("## orgform drift: wrote `a.yaml`\n")
    guard = {"guard": "incomplete-read", "summary": "these were not read completely", "items": ["member: a page failed"]}
    left: dict[str, Any] = {"target": "a", "address": "tag/hq/t", "action": "delete", "origin": "drift", "fields": [], "attribution": None}
    text = page.text({**to_builtins(acme.drift()), "guards": [guard], "drift": [left], "pending": 2}, color=False, width=140)
    assert "! incomplete-read: these were not read completely\n    - member: a page failed\n" in text
    assert "+ tag/hq/t  [an apply deletes it: the config is authoritative]" in text
    assert "asks for 2 changes of its own: `orgform plan` shows them." in text
    assert page.refusals({"refused": [{"reason": "why"}]}, color=False, width=80) == "  ! why\n"
