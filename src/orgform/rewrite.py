"""A config folder with something taken over: the new files, judged as a whole before one of them is written.

Invariant: all or nothing. What is written, loaded again, is valid in every environment that was valid before, declares exactly what was
wanted beside what it declared, and plans no change that was not due before.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from orgform.adopt import YAML, Refusal, Wanted, adopt, changed
from orgform.codec import Struct, replace
from orgform.errors import ConfigInvalid, OrgformError
from orgform.folders import Edited, environments_in, texts_in, write_files
from orgform.kinds import Kinds
from orgform.model import Address, Attributes, Config, Desired, Plan
from orgform.opening import load
from orgform.options import Options
from orgform.planning import PlanInputs, make_plan
from orgform.planning.diff import same

SHOWN = 5


class Rewritten(Struct, frozen=True):
    """`diffs`: file -> unified diff of what was written; empty where anything was refused."""

    diffs: dict[str, str]
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


class Proposed(Struct, frozen=True):
    """What would be written. `texts`: the files as they are; `files`: the new texts of those that change."""

    texts: dict[str, str]
    files: dict[str, str]
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def rewritten(options: Options, config: Config, wanted: Wanted, inputs: PlanInputs, made: Plan, kinds: Kinds) -> Rewritten:
    """Writes what is wanted into the config's folder. `inputs` and `made`: the plan as it is before."""
    found = proposed(options, config, wanted, inputs, made, kinds)
    if found.refused:
        return Rewritten({}, found.refused)
    check_unchanged(options, found.texts)
    write_files(options.folder, found.files)
    return Rewritten({name: diff(name, found.texts.get(name), text) for name, text in sorted(found.files.items())}, notes=found.notes)


def proposed(options: Options, config: Config, wanted: Wanted, inputs: PlanInputs, made: Plan, kinds: Kinds) -> Proposed:
    """The same, judged as it will be, and not written."""
    csv = {d.source.file for d in config.desired.values() if d.source and not d.source.file.endswith(YAML)}
    texts = texts_in(options.folder, options.env, also=sorted(csv))
    others = dict(_other_environments(options, kinds))
    adopted = adopt(texts, wanted, kinds, config, env=options.env, without_env=others.get(None))
    if adopted.refused:
        return Proposed(texts, {}, adopted.refused)
    edited = Edited(options.folder, adopted.files)
    try:
        after = load(options, kinds, files=edited)
    except ConfigInvalid as invalid:
        return Proposed(texts, {}, tuple(_mistakes(invalid, "")))
    judge = Judge(config, after, wanted, kinds)
    refused = [*judge.declared(), *judge.planned(inputs, made)]
    notes: list[str] = []
    for env, before in others.items():
        refused += judge.elsewhere(replace(options, env=env), before, edited, notes)
    return Proposed(texts, {} if refused else adopted.files, tuple(refused), tuple(notes))


def check_unchanged(options: Options, texts: Mapping[str, str]) -> None:
    """What an editor saved in the meantime must not be lost. Raises `OrgformError`."""
    csv = sorted(name for name in texts if not name.endswith(YAML))
    if texts_in(options.folder, options.env, also=csv) != texts:
        raise OrgformError("a file of the config was changed meanwhile; nothing was written", hint="run it again")


def diff(name: str, old: str | None, new: str) -> str:
    """A unified diff as `git apply` takes it, for text without odd line ends."""
    before, after = (_lines(text) for text in (old or "", new))
    made = difflib.unified_diff(before, after, f"a/{name}" if old is not None else "/dev/null", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in made)


def _lines(text: str) -> list[str]:
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return [line for line in lines if line]


def _other_environments(options: Options, kinds: Kinds) -> Iterator[tuple[str | None, Config]]:
    """The same folder as the other environments see it, where they can be read as it is."""
    names = environments_in(options.folder)
    for env in (None, *names) if names else ():
        if env != options.env:
            try:
                yield env, load(replace(options, env=env), kinds)
            except ConfigInvalid:
                continue


class Judge:
    """What became of the config, against what was wanted of it."""

    def __init__(self, before: Config, after: Config, wanted: Wanted, kinds: Kinds) -> None:
        self._before, self._after, self._wanted, self._kinds = before, after, wanted, kinds

    def declared(self) -> Iterator[Refusal]:
        """Whether exactly that is declared."""
        old, new, wanted = self._before.desired, self._after.desired, self._wanted
        for address in sorted(old.keys() - new.keys()):
            if address not in wanted.gone and self._kinds.parent_of(address) not in wanted.gone:
                yield _refusal(address, old, "it would no longer be declared")
        for address in sorted(new.keys() - old.keys()):
            if address not in wanted.came:
                yield _refusal(address, new, "it would be declared, too")
        for address in sorted(wanted.came.keys() - new.keys()):
            yield Refusal(address, "", "it would still not be declared")
        for address in wanted.gone:
            if address in new:
                yield _refusal(address, new, "it would still be declared there, by a template or a `for_each`; take it out by hand")
        for address in sorted(old.keys() & new.keys()):
            if not _alike(old[address], new[address]) and address not in wanted.gone:
                yield from self._changed(address, old[address], new[address])

    def _changed(self, address: Address, old: Desired, new: Desired) -> Iterator[Refusal]:
        values, words = self._wanted.values.get(address, {}), self._wanted.ignored.get(address, ())
        if new.lifecycle != replace(old.lifecycle, ignore=tuple(dict.fromkeys((*old.lifecycle.ignore, *words)))):
            yield _refusal(address, self._before.desired, "its `lifecycle` would become another one")
        if (old.until, old.reason) != (new.until, new.reason):
            yield _refusal(address, self._before.desired, "its `until` or `reason` would become another one")
        due, is_now = _bare(changed(old.attributes, values)), _bare(new.attributes)
        for name in sorted(due.keys() | is_now.keys()):
            if not same(due.get(name), is_now.get(name)):
                what = (
                    f"its `{name}` would come out as another value"
                    if name in {path[0] for path in values}
                    else f"its `{name}` would change, too"
                )
                yield _refusal(address, self._before.desired, what)

    def planned(self, inputs: PlanInputs, made: Plan) -> Iterator[Refusal]:
        """Whether the next plan has nothing left of what was taken over, and nothing new."""
        after, wanted = self._after, self._wanted
        inputs = replace(inputs, desired=after.desired, expired=after.expired, config_digest=after.digest)
        now = make_plan(inputs, self._kinds)
        due = {(c.address, c.action): {f.path for f in c.fields} for c in made.changes}
        for change in now.changes:
            left = {f.path for f in change.fields if self._is_settled(change.address, f.path)}
            fresh = {f.path for f in change.fields} - due.get((change.address, change.action), set())
            if (change.address, change.action) not in due or change.address in (*wanted.gone, *wanted.came):
                yield _refusal(change.address, after.desired, f"the next plan would {change.action} it")
            elif left or fresh:
                fields = ", ".join(f"`{path}`" for path in sorted(left | fresh))
                yield _refusal(change.address, after.desired, f"the next plan would change {fields}")

    def _is_settled(self, address: Address, path: str) -> bool:
        """Whether a field must not be in the next plan any more."""
        words = [*(".".join(p) for p in self._wanted.values.get(address, ())), *self._wanted.ignored.get(address, ())]
        return any(path == word or path.startswith(f"{word}.") for word in words)

    def elsewhere(self, options: Options, before: Config, edited: Edited, notes: list[str]) -> Iterator[Refusal]:
        """What another environment makes of the same files: it must stay valid; what changes there is said."""
        where = f"environment {options.env}" if options.env else "the config without an environment"
        try:
            after = load(options, self._kinds, files=edited)
        except ConfigInvalid as invalid:
            yield from _mistakes(invalid, f"{where} would be invalid: ")
            return
        moved = [
            a
            for a in sorted(before.desired.keys() | after.desired.keys())
            if not (a in before.desired and a in after.desired and _alike(before.desired[a], after.desired[a]))
        ]
        for address in moved:
            if address in self._wanted.gone and address in after.desired:
                yield _refusal(
                    address, after.desired, f"{where} refers to it here, and would still declare a part of it; take it out there"
                )
        if moved:
            shown = ", ".join(moved[:SHOWN]) + (f" and {len(moved) - SHOWN} more" if len(moved) > SHOWN else "")
            notes.append(f"{where} shares what was edited, and changes with it: {shown}")


def _mistakes(invalid: ConfigInvalid, where: str) -> Iterator[Refusal]:
    """What would be wrong with the config then."""
    for problem in invalid.diagnostics:
        if problem.severity == "error":
            yield Refusal(problem.address or "", "", f"{where}{problem.summary}", str(problem.source or ""))


def _alike(one: Desired, other: Desired) -> bool:
    return _said(one) == _said(other) and same(one.attributes, other.attributes)


def _bare(attributes: Attributes) -> Attributes:
    """Without what is empty: nothing, and nothing written, are one."""
    inner = {name: _bare(value) if isinstance(value, dict) else value for name, value in attributes.items()}
    return {name: value for name, value in inner.items() if value is not None and value not in ([], {})}


def _said(desired: Desired) -> tuple[object, ...]:
    return desired.lifecycle, desired.until, desired.reason, desired.seeded


def _refusal(address: Address, declared: Mapping[Address, Desired], why: str) -> Refusal:
    source = declared[address].source if address in declared else None
    return Refusal(address, "", why, f"{source.file}:{source.line}" if source else "")
