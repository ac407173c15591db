"""What a page must and must not leave out."""

from __future__ import annotations

import jsonschema
import pytest

from orgform.codec import decode, encode_pretty
from orgform.diagnostics import Diagnostic
from orgform.model import AccessDelta, AccessItem, Address, GuardVerdict, ManualStep, Plan, Waiting
from orgform.render import frames, html, markdown, tables, text, view
from orgform.render.values import created, differences, dig, show
from orgform.render.words import clean, count, cut, hang, listing, noun, pad, plural, width_of, wrap
from tests.render import plans
from tests.render.plan_schema import FILE, plan_schema


def test_the_plan_schema_is_what_the_model_says() -> None:
    assert FILE.read_bytes() == encode_pretty(plan_schema()), "python -m tests.render.plan_schema writes it anew"


@pytest.mark.parametrize("name", ["nothing", "first", "everything", "hostile", "large"])
def test_plans_are_valid_by_their_schema(name: str) -> None:
    jsonschema.validate(decode(getattr(plans, name)().to_json()), plan_schema(), cls=jsonschema.Draft202012Validator)


def test_the_schema_refuses_what_is_no_plan() -> None:
    document = decode(plans.everything().to_json())
    for broken in (
        {**document, "format": "orgform.plan/2"},
        {**document, "changes": [{}]},
        {k: v for k, v in document.items() if k != "guards"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, plan_schema(), cls=jsonschema.Draft202012Validator)


def lines(plan: Plan, sign: str) -> list[str]:
    return [line for line in text.plan(plans.doc(plan), color=False, width=80).splitlines() if line.startswith(f"  {sign} ")]


def test_creates_are_folded_and_counted() -> None:
    page = text.plan(plans.doc(plans.large(10_000, 0)), color=False, width=80)
    assert "... and 9,970 more members to create; --format json shows all" in page
    assert len(page.splitlines()) < 80


def test_deletes_are_never_folded() -> None:
    plan = plans.large(300, 1_000)
    assert len(lines(plan, "-")) == 1_000
    page = markdown.plan(plans.doc(plan))
    assert sum(line.startswith("- tag/") for line in page.splitlines()) == 1_000
    assert len(page) <= markdown.LIMIT


def test_a_comment_that_cannot_hold_all_deletes_counts_what_is_missing() -> None:
    page = markdown.plan(plans.doc(plans.large(0, 5_000)))
    shown = sum(line.startswith("- tag/") for line in page.splitlines())
    assert f"... and {5_000 - shown:,} more lines, too many for a comment" in page
    assert len(page) <= markdown.LIMIT
    assert page.rstrip().endswith("</sub>")


def test_folding_hides_no_few_and_no_conflict() -> None:
    few = [{"action": "create", "address": f"tag/{i}"} for i in range(view.FOLD_SLACK + 20)]
    assert view.grouped(few, 20)[0].folded == {}
    many = [{"action": "update", "address": f"tag/{i}", "origin": "conflict"} for i in range(100)]
    assert len(view.grouped(many, 20)[0].changes) == 100
    mixed = [
        *({"action": "create", "address": f"tag/{i}"} for i in range(100)),
        *({"action": "update", "address": f"tag/{i}"} for i in range(3)),
    ]
    group = view.grouped(mixed, 20)[0]
    assert (len(group.changes), group.folded) == (23, {"create": 80})
    tall = [{"action": "create", "address": f"tag/{i}", "after": dict.fromkeys("abcd", 1)} for i in range(100)]
    assert view.grouped(tall, 20)[0].folded == {"create": 96}
    wide = [{"action": "update", "address": f"tag/{i}", "fields": [{"path": p} for p in "abc"]} for i in range(100)]
    assert view.grouped(wide, 20)[0].folded == {"update": 95}


def test_everybody_who_loses_access_is_named() -> None:
    lost = tuple(AccessItem(f"user{i:03}@acme.com", f"ws-{w}", "admin", "direct") for i in range(200) for w in range(30))
    page = text.plan(plans.doc(plans.make(access=AccessDelta(lost=lost))), color=False, width=80)
    assert sum(line.startswith("    - user") for line in page.splitlines()) == 200
    assert "20 more workspaces" in page


def test_a_role_that_nothing_shows_is_not_named() -> None:
    delta = AccessDelta(
        lost=(AccessItem("bob@acme.com", "shop", "", "direct"),), unclear=(AccessItem("al@acme.com", "shop", "admin", "direct"),)
    )
    doc = plans.doc(plans.make(access=delta))
    screen = text.plan(doc, color=False, width=100)
    assert "    - bob@acme.com: a role (not readable here) in shop" in screen
    assert "  1 person will have this role, and nothing shows which one it is today:\n    ~ al@acme.com: admin in shop" in screen
    assert all("nothing shows which one it is today" in page for page in (markdown.plan(doc), html.plan(doc)))
    assert "(not readable here)" in text.access([{"member": "bob@acme.com", "workspace": "shop", "role": ""}], color=False, width=100)
    assert view.unclear(2) == "2 people will have these roles, and nothing shows which ones they are today"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
def test_a_matrix_fits_its_screen(width: int) -> None:
    """Attributes stand beside a table that leaves room for them, else below their kind; no cell holds a sentence."""
    kinds = {
        "message_template": {"read": "file", "checked_by": "the list of templates (Settings > Download everything)", "create": "none"},
        "tag": {"fields": {"color": "read", "description": "none", "labels": "config", "name": "api"}},
    }
    page = text.providers({"desk": {"kinds": kinds}}, color=False, width=width)
    lines = page.splitlines()
    assert all(len(line) <= max(width, 54) for line in lines)
    assert ("FIELDS" in page) is (width >= 100)
    assert next(line for line in lines if "message_template" in line).split()[1:5] == ["file", "none", "api", "api"]
    assert "  file, of message_template: the list" in page
    assert " ".join(page.split()).count("shown only: color") == 1


def test_the_summary_is_the_last_line() -> None:
    page = text.plan(plans.doc(plans.everything()), color=False, width=80)
    assert page.splitlines()[-1] == "Plan: 2 to create, 7 to update, 2 to delete, 2 manual, 2 waiting. 14 unmanaged."
    assert (
        text.plan(plans.doc(plans.make()), color=False, width=80).splitlines()[-1] == "No changes: the live system is as the config says."
    )


def test_no_change_is_not_said_of_what_was_not_looked_at() -> None:
    missed = Diagnostic("warning", "ORG504", "`--only member` names nothing that is declared or live", "")
    page = text.plan(plans.doc(plans.make(diagnostics=(missed,))), color=False, width=80)
    assert page.splitlines()[-1] == "No changes in what `--only` names; the rest was not looked at."


def test_a_step_for_what_has_no_name_says_its_address_once() -> None:
    def step(address: str, title: str) -> ManualStep:
        return ManualStep("front", Address(address), title, {}, "")

    listed = (
        step("membership/hq/li@acme.com", "update the membership hq/li@acme.com by hand"),
        step("member/li@acme.com", "create the member Li"),
        step("role/lead", "create the role Team lead by hand"),
    )
    page = text.plan(plans.doc(plans.make(manual_steps=listed)), color=False, width=80)
    assert "  1. Update the membership  membership/hq/li@acme.com\n" in page
    assert "  2. Create the member Li  member/li@acme.com\n" in page
    assert "  3. Create the role Team lead  role/lead\n" in page


def test_what_is_left_out_stands_by_the_targets_that_it_is_left_out_with() -> None:
    held = [("group/a", ("people",)), ("group/b", ("flags", "people")), ("group/c", ("flags", "people")), ("group/d", ())]
    waiting = tuple(Waiting(plans.create(a, a), (Address("member/z@acme.com"),), names) for a, names in held)
    shown = text.plan(plans.doc(plans.make(waiting=waiting)), color=False, width=120)
    assert "\nWaiting for steps (1 change): an apply does them once the steps are done\n    create group/d: after" in shown
    assert "\n\nLeft out with the targets flags and people (2 changes): an apply does them once the targets can be read\n" in shown
    assert "\n\nLeft out with the target people (1 change): an apply does it once the target can be read\n" in shown


@pytest.mark.parametrize("name", ["nothing", "first", "everything", "large"])
def test_80_columns_are_enough(name: str) -> None:
    page = text.plan(plans.doc(getattr(plans, name)()), color=False, width=80)
    assert [line for line in page.splitlines() if width_of(line) > 80] == []


def test_a_refusal_names_the_words_to_copy_in_one_piece() -> None:
    page = text.plan(plans.doc(plans.everything()), color=False, width=40)
    assert "override: --allow 'deletes:membership/brand-x-us/*'\n" in page


def refused(items: int) -> Plan:
    guard = GuardVerdict(
        "deletes", "refused", "too many", tuple(f"tag/t{i}" for i in range(items)), "policy.deletes.count: 20", "--allow 'deletes:tag/*'"
    )
    return plans.make(guards=(guard,))


def test_a_long_refusal_is_counted() -> None:
    assert "... and 480 more; --format json shows all" in text.plan(plans.doc(refused(500)), color=False, width=80)
    assert "- ... and 400 more" in markdown.plan(plans.doc(refused(500)))
    assert "<li>... and 500 more</li>" in html.plan(plans.doc(refused(1_500)))


def test_a_page_folds_and_opens_what_is_grave() -> None:
    page = html.plan(plans.doc(plans.large(4_000, 4)))
    assert "... and 1,000 more members to create; --format json shows all" in page
    assert '<details class="block" open><summary>Asked for by the config (4,004)</summary>' in page
    harmless = html.plan(plans.doc(plans.large(3_000, 0)))
    assert '<details class="block"><summary>Asked for by the config (3,000)</summary>' in harmless


def test_values_say_their_type() -> None:
    assert [show(v) for v in (None, True, 1, 1.5, "a", "1", [], ["a", 1], {}, {"a b": None})] == [
        *("(none)", "true", "1", "1.5", '"a"', '"1"', "[]", '["a", 1]', "{}", '{"a b": (none)}')
    ]


def test_a_long_value_is_shortened_and_measured() -> None:
    assert show("x" * 5_000).endswith("... (5,002 characters)")
    assert len(show("x" * 5_000)) < 260


def test_a_long_text_is_shown_where_it_differs() -> None:
    before, after = {"a": "x" * 900 + "old" + "y" * 900}, {"a": "x" * 900 + "new" + "y" * 900}
    (line,) = differences(before, after, [{"path": "a"}])
    assert "old" in line.text
    assert "new" in line.text
    assert len(line.text) < 600


def test_sets_show_what_comes_and_goes_and_lists_show_themselves() -> None:
    fields = [{"path": "a", "origin": "config"}]
    assert differences({"a": ["x", "y"]}, {"a": ["y", "z"]}, fields)[0].text == "+z -x"
    assert differences({"a": ["x", "y"]}, {"a": ["y", "x"]}, fields)[0].text == '["x", "y"] -> ["y", "x"]'
    assert differences({"a": ["x", "x"]}, {"a": ["x"]}, fields)[0].text == '["x", "x"] -> ["x"]'
    assert differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, fields)[0].text == "[{b: 1}] -> [{b: 2}]"
    assert differences({"a": None}, {"a": ["x"]}, fields)[0].text == '(none) -> ["x"]'
    assert differences({"a": ["a b", "-c"]}, {"a": ["d"]}, fields)[0].text == '+d -"a b" -"-c"'


def test_members_of_a_set_are_coloured_on_every_line() -> None:
    before, after = {"members": [f"old{i}@acme.com" for i in range(9)]}, {"members": [f"new{i}@acme.com" for i in range(9)]}
    page = text.plan(plans.doc(plans.make(changes=(plans.update("group/g", before, after, "members"),))), color=True, width=80)
    assert all(f"\x1b[32m+new{i}@acme.com\x1b[0m" in page and f"\x1b[31m-old{i}@acme.com\x1b[0m" in page for i in range(9))


def test_maps_are_followed_down_to_what_differs() -> None:
    before = {"settings": {"a": {"x": 1, "y": 2}, "same": 1}}
    after = {"settings": {"a": {"x": 1, "y": 3}, "same": 1, "new": True}}
    assert [(f.path, f.text) for f in differences(before, after, [{"path": "settings"}])] == [
        ("settings.a.y", "2 -> 3"),
        ("settings.new", "(none) -> true"),
    ]


def test_dotted_paths_find_keys_that_hold_dots() -> None:
    attributes = {"labels": {"a.b": {"c": 1}, "a": {"x": 2}}, "labels.z": 3}
    assert [dig(attributes, p) for p in ("labels.a.b.c", "labels.a.x", "labels.z", "labels.q", "labels.a.x.y")] == [1, 2, 3, None, None]
    assert dig(None, "a") is None


def test_a_new_resource_shows_maps_key_by_key() -> None:
    found = created({"a": {"x": 1, "y": None}, "b": {"m": {"n": 1}, "o": []}, "c": {}, "d": None})
    assert [(f.path, f.text) for f in found] == [("a.x", "1"), ("b.m.n", "1"), ("b.o", "[]"), ("c", "{}")]


def test_measures() -> None:
    assert [width_of(t) for t in ("abc", "李小", "e\u0301", "🎉", "ﾊ")] == [3, 4, 1, 2, 1]
    assert pad("李", 4) == "李  "
    assert cut("李小龍", 5) == "李..."
    assert cut("abcdef", 5) == "ab..."
    assert wrap("aa bb cc", 8) == ["aa bb cc"]
    assert wrap("", 8) == [""]
    assert wrap("aaaaaaaaaaaa b", 8) == ["aaaaaaaa", "aaaa b"]
    assert wrap("李李李李李李", 8) == ["李李李李", "李李"]
    assert hang("ab ", "one two three", 12) == ["ab one two", "   three"]
    assert hang("  a long lead ", "one two", 14) == ["  a long lead", "      one two"]


def test_words() -> None:
    assert [count(n, "member") for n in (0, 1, 9980)] == ["0 members", "1 member", "9,980 members"]
    assert [plural(w) for w in ("company", "inbox", "day", "status", "tag")] == ["companies", "inboxes", "days", "statuses", "tags"]
    assert noun("feature_value") == "feature value"
    assert [listing(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert clean("a\x1b\n\t\u202e\U000e0041\ud800é") == "a\\x1b\\n\\t\\u202e\\U000e0041\\ud800é"
    assert clean(5) == "5"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "less than a second"), (1, "1 second"), (119, "119 seconds"), (600, "10 minutes"), (7200, "2 hours")],
)
def test_durations(seconds: float, words: str) -> None:
    assert view.duration(seconds) == words


def test_moments() -> None:
    assert view.moment("2026-11-20T14:02:31.123+00:00") == "2026-11-20 14:02Z"
    assert view.moment("2026-11-20T14:02:31") == "2026-11-20 14:02"
    assert view.moment("yesterday") == "yesterday"


def test_what_a_plan_was_compared_with() -> None:
    assert view.base_words({}) == ""
    assert view.base_words({"base": {"source": "ledger", "revision": "3"}}) == "the ledger, revision 3"
    assert view.base_words({"base": {"source": "git:main", "revision": None}}) == "git:main"
    assert view.base_words({"base": {"source": "ledger", "revision": None}}) == "the ledger"


def test_many_diagnostics_end_in_lines_and_a_count_with_errors_first() -> None:
    warnings = [{"severity": "warning", "code": "ORG900", "summary": f"warning {n}"} for n in range(300)]
    errors = [
        {"severity": "error", "code": "ORG901", "summary": f"error {n}", "detail": "mend it", "source": {"file": "a.yaml", "line": n + 1}}
        for n in range(300)
    ]
    page = frames.diagnostics([*warnings, *errors], color=False, width=80)
    assert page.count("help: mend it") == frames.MOST_FRAMED
    assert "error[ORG901]: a.yaml:300:0: error 299" in page
    assert page.endswith("... and 100 more; --format json shows all\n")
    assert frames.diagnostics(errors[:100], color=False, width=80).count("help: mend it") == 100


def test_one_mistake_that_for_each_repeats_is_told_once() -> None:
    source = {"file": "a.yaml", "line": 3, "column": 5}
    page = frames.diagnostics(
        [{"severity": "error", "code": "ORG201", "summary": f"wrong in w{n}", "source": source} for n in range(10_000)],
        color=False,
        width=80,
    )
    assert page.count("error[ORG201]") == 1
    assert "9,999 more of this kind" in page


def test_what_was_skipped_for_one_reason_is_counted() -> None:
    skipped = [{"action": "create", "status": "skipped", "address": f"member/u{n}@acme.com", "detail": "interrupted"} for n in range(1000)]
    failed = {"action": "delete", "status": "failed", "address": "member/x@acme.com", "detail": "quota"}
    page = tables.report({"run": "r1", "outcome": "interrupted", "outcomes": [*skipped, failed]}, color=False, width=80)
    assert "... and 990 more skipped for this reason; orgform history r1 --all shows all" in page
    assert "member/x@acme.com" in page
    assert len(page.splitlines()) < 40


def test_an_apply_with_steps_left_does_not_say_that_nothing_is_to_do() -> None:
    """Also where remarks are switched off, it is the last that a reader sees."""
    doc = {"outcome": "nothing", "outcomes": [], "steps": 1}
    assert tables.report(doc, color=False, width=80, quiet=True).splitlines()[0] == "Nothing to do by API; 1 step to do by hand."
    assert tables.report({**doc, "steps": 0}, color=False, width=80).splitlines()[0] == "Nothing to do."


def outcomes(number: int, already: int) -> list[dict[str, object]]:
    return [{"action": "create", "status": "done", "address": f"tag/x/t{n}", "already": n < already} for n in range(number)]


def test_what_was_so_already_is_in_no_number_and_said_in_a_sentence() -> None:
    doc = {"outcome": "done", "outcomes": outcomes(3, 1), "run": "r"}
    shown = tables.report(doc, color=False, width=80).splitlines()
    assert [line.split()[1] for line in shown[:3]] == ["created", "created", "already"]
    assert shown[-2:] == ["1 change was so already.", "Applied: 2 created, 0 updated, 0 deleted, 0 failed, 0 skipped, 0 stale"]
    assert tables.already({"outcomes": outcomes(3, 2)}) == "2 changes were so already."
    assert tables.already({"outcomes": outcomes(3, 0)}) == ""
    whole = {"outcome": "nothing", "outcomes": outcomes(90, 90), "run": "r"}
    said = tables.report(whole, color=False, width=80)
    assert "  ... and 40 more so already; orgform history r --all shows all\n\nAll of it was so already: nothing was done.\n" in said
    assert "All of it was so already: nothing was done. Nothing to do by API; 1 step" in tables.report(
        {**whole, "steps": 1}, color=False, width=200, quiet=True
    )
    undone = {**whole, "undoes": {"run": "r", "left": [{}]}}
    assert "nothing was done. 1 change of the run was left alone" in tables.report(undone, color=False, width=200)


def test_a_run_that_found_much_as_it_should_be_counts_it() -> None:
    run = {"run": "r", "outcome": "nothing", "changes": outcomes(201, 201)}
    page = text.history({"runs": [run]}, color=False, width=80)
    assert "So already: nothing was done (201)\n  201 tags: 201 so already\n" in page
    assert "... 201, one by one with --all" in page
    assert "Done (" not in page


def test_steps_and_words_are_counted_once_and_say_their_target() -> None:
    page = html.plan(plans.doc(plans.everything()))
    assert "Waiting for steps (1 change) <" in page
    assert "Left out with the target people (1 change) <" in page
    assert "Attested (1) <" in page
    assert "<b>2</b>waiting" in page
    assert '<code>workspace/brand-x-eu</code> <span class="note">in front</span>' in page


def test_steps_of_a_refused_plan_say_that_nobody_should_do_them_yet() -> None:
    refused = plans.doc(plans.everything())
    passed = {**refused, "guards": []}
    for page in (text.plan(refused, color=False, width=200), markdown.plan(refused), html.plan(refused)):
        assert "do none of it while a guard refuses" in page
    assert "do none of it" not in text.plan(passed, color=False, width=200)


def test_somebodys_word_is_not_called_the_live_system() -> None:
    word = {"address": "role/lead", "target": "front", "by": "dana@acme.com", "given": "2026-11-01", "expires": "2027-04-30"}
    assert view.summary({**plans.doc(plans.make()), "attested": [word]}) == (
        "No changes: what can be read is as the config says, the rest by somebody's word."
    )
