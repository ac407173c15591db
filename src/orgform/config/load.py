"""A folder of YAML becomes a `Config`: the stages of config, one after the other.

Invariant: all problems of a config come in one go; a stage that cannot go on leaves the others their part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from orgform.codec import Struct, digest, replace
from orgform.collector import paused_collector
from orgform.config import files as source_files
from orgform.config.cache import Cache, Compiled, RecordingFiles, fingerprint, spec_fingerprint
from orgform.config.check import Checker
from orgform.config.compile import Compiler, Table
from orgform.config.compose import combined
from orgform.config.expand import Expander, TooMany
from orgform.config.expiry import judged
from orgform.config.files import ENVIRONMENTS, FileProblem, Files, FolderFiles
from orgform.config.gate import checked
from orgform.config.head import Moves, policy
from orgform.config.parts import parted
from orgform.config.problems import Problems, TooManyProblems, listed
from orgform.config.source import read_yaml
from orgform.config.targets import Targets, hide_sensitive, hide_unread
from orgform.config.tree import Map, merged, new_map
from orgform.config.variables import read_files, resolved
from orgform.diagnostics import Diagnostic, Source, has_errors, sort_diagnostics
from orgform.errors import ConfigInvalid
from orgform.kinds import Kinds
from orgform.model import NO_LIFECYCLE, Address, Config, Desired
from orgform.providers.base import ProviderSpec


class Inputs(Struct, frozen=True):
    """What `load_config` was given."""

    folder: Path
    files: Files
    kinds: Kinds
    specs: Callable[[str], ProviderSpec | None]
    spec_names: Callable[[], list[str]]
    env: str | None = None
    variables: tuple[str, ...] = ()
    var_files: tuple[Path, ...] = ()
    environ: Mapping[str, str] = {}


def load_config(
    folder: Path,
    *,
    kinds: Kinds,
    specs: Callable[[str], ProviderSpec | None],
    spec_names: Callable[[], list[str]],
    today: date,
    env: str | None = None,
    variables: Sequence[str] = (),
    var_files: Sequence[Path] = (),
    environ: Mapping[str, str] = {},
    files: Files | None = None,
    cache: Path | None = None,
) -> Config:
    """Reads, checks and expands the config in `folder` (`files`: the same folder from elsewhere, like a commit).

    `variables` are `NAME=VALUE`; `environ` is where `ORGFORM_VAR_NAME` is looked for; `cache` is a folder for the parse cache.
    Raises `ConfigInvalid` with every problem, and `GitError` where `files` needs git. Warnings are in `Config.diagnostics`.
    """
    given = Inputs(folder, files or FolderFiles(folder), kinds, specs, spec_names, env, tuple(variables), tuple(var_files), environ)
    with paused_collector():
        compiled = _cached(given, cache) if cache is not None else Loader(given, _var_files(given)).run()
        desired, expired, problems = judged(compiled.desired, kinds, today.isoformat())
        if problems:
            raise ConfigInvalid(sort_diagnostics([*compiled.diagnostics, *problems]))
        seal = digest_of(desired, compiled) if expired else compiled.digest
    return Config(desired, compiled.targets, compiled.claims, compiled.policy, compiled.moved, expired, seal, compiled.diagnostics)


def _cached(given: Inputs, folder: Path) -> Compiled:
    contents = _var_files(given)
    made_from = fingerprint(given.kinds, given.env, given.variables, contents[0], given.environ)
    cache = Cache(folder, given.files, given.env, made_from)
    found = cache.load(given.specs)
    if found is None:
        recording = RecordingFiles(given.files)
        found = Loader(replace(given, files=recording), contents).run()
        cache.store(found, recording)
    return found


def _var_files(given: Inputs) -> tuple[list[tuple[str, bytes]], list[Diagnostic]]:
    problems = Problems()
    return read_files(given.var_files, problems), problems.found


def digest_of(desired: Mapping[Address, Desired], rest: Compiled) -> str:
    """Over what is declared, not over how or where it is written."""
    rows = [
        (a, d.attributes, d.lifecycle, d.seeded) if d.lifecycle != NO_LIFECYCLE or d.seeded else (a, d.attributes)
        for a, d in desired.items()
    ]
    targets = {name: (t.provider, t.kinds, t.options, t.roles) for name, t in rest.targets.items()}
    return digest([rows, rest.policy, [(m.from_, m.to) for m in rest.moved], targets])


class Loader:
    """One reading of a config. `var_files`: their contents, and what is wrong with them."""

    def __init__(self, given: Inputs, var_files: tuple[list[tuple[str, bytes]], list[Diagnostic]]) -> None:
        self._given = given
        self._var_files, found = var_files
        self._problems = Problems()
        self._problems.found.extend(found)
        self._memo: dict[str, str] = {}

    def run(self) -> Compiled:
        """Raises `ConfigInvalid`."""
        try:
            return self._run()
        except TooManyProblems:
            raise ConfigInvalid(sort_diagnostics(self._problems.masked())) from None

    def _run(self) -> Compiled:
        tree, targets = self._expanded(*self._trees())
        compiler = Compiler(self._given.kinds, self._problems)
        targets.hide(tree.get("targets"))
        self._problems.sensitive = frozenset(name for kind in self._given.kinds.values() for name in kind.sensitive)
        if self._problems.sensitive:
            hide_sensitive(tree, self._problems.sensitive, self._problems.places)
        tree = checked(tree, self._given.kinds, self._problems)
        tables = compiler.compile(tree)
        Checker(self._given.kinds, compiler, self._problems).run()
        found, claims = targets.check(tree, tables)
        moved = Moves(self._given.kinds, compiler, self._problems).read(tree.get("moved"))
        self._tell_unchecked()
        diagnostics = sort_diagnostics(self._problems.masked())
        if has_errors(diagnostics):
            raise ConfigInvalid(diagnostics)
        settings = policy(tree.get("policy"))
        del tree  # nobody needs it from here on, and it is as large as what is made next
        used = {name: spec_fingerprint(spec) for name, spec in targets.used.items()}
        desired = parted(self._desired(tables), claims, self._given.kinds)
        compiled = Compiled(desired, found, claims, settings, moved, diagnostics, "", used)
        return replace(compiled, digest=digest_of(compiled.desired, compiled))

    def _tell_unchecked(self) -> None:
        if self._problems.unchecked:
            what = "names were" if self._problems.unchecked > 1 else "name was"
            self._problems.add(
                "ORG305",
                f"{self._problems.unchecked:,} {what} not looked up: what they name may stand in what could not be read or rendered",
                "mend the other errors first, then validate again",
                None,
                warning=True,
            )

    def _trees(self) -> tuple[Map, Map | None]:
        """The files as one tree, and the overlay of the environment."""
        try:
            listing = self._given.files.listing()
        except FileProblem as problem:
            self._file_problem(problem)
            return new_map(), None
        for file, code, summary, fix in listing.problems:
            self._file_problem(FileProblem(file, code, summary, fix))
        if not listing.files and not listing.problems:
            fix = "write a config there, for example with `orgform init`, or name another folder with -C DIR"
            self._problems.add("ORG002", f"the folder `{self._given.folder}` has no YAML files", fix, Source(str(self._given.folder)))
        trees = [tree for file in listing.files if (tree := self._yaml(file)) is not None]
        base = combined(trees, self._problems) if trees else new_map()
        over = self._overlay(listing.environments)
        self._stop_if_nothing(base)
        return base, over

    def _overlay(self, known: Sequence[str]) -> Map | None:
        env = self._given.env
        if env is None:
            return None
        file = next((name for name in (f"{env}.yaml", f"{env}.yml") if name in known), None)
        if file is not None:
            return self._yaml(f"{ENVIRONMENTS}/{file}")
        names = sorted({name.rpartition(".")[0] for name in known})
        fix = self._problems.meant(env, names, f"there are {listed(names)}" if names else f"write `{ENVIRONMENTS}/{env}.yaml`")
        self._problems.add("ORG022", f"there is no environment `{env}`", fix, Source(f"{ENVIRONMENTS}/{env}.yaml"))
        return None

    def _yaml(self, file: str) -> Map | None:
        try:
            data = self._given.files.read(file, source_files.MAX_YAML)
        except FileProblem as problem:
            self._file_problem(problem)
            return None
        tree = read_yaml(data, file, self._problems, self._memo)
        if file in self._problems.failed_files:
            hide_unread(data, self._problems.places)
        if tree is None or isinstance(tree, Map):
            return tree
        self._problems.failed_files.add(file)
        what = "a list" if isinstance(tree, list) else "a single value"
        fix = "write `key: value` lines at the top, like `members:`; a list cannot be merged with other files"
        self._problems.add("ORG013", f"the file is {what} where a map is due", fix, self._problems.places.top(file))
        return None

    def _file_problem(self, problem: FileProblem, at: Source | None = None) -> None:
        self._problems.failed_files.add(problem.file)
        self._problems.add(problem.code, problem.summary, problem.fix, at or Source(problem.file))

    def _stop_if_nothing(self, base: Map) -> None:
        """Without any readable file there is nothing to say beyond that."""
        if not base and has_errors(self._problems.found):
            raise ConfigInvalid(sort_diagnostics(self._problems.masked()))

    def _expanded(self, base: Map, over: Map | None) -> tuple[Map, Targets]:
        given, problems = self._given, self._problems
        head = merged(_part(base, "variables", "templates"), _part(over, "variables", "templates"), remove=True)
        values = resolved(head.get("variables"), given.variables, self._var_files, given.environ, problems)
        expander = Expander(given.kinds, head.get("templates"), values, problems)
        targets = Targets(given.folder, given.kinds, given.specs, given.spec_names, problems)
        targets.hide(base.get("targets"))
        targets.hide(over.get("targets") if over is not None else None)
        try:
            base = self._with_rosters(base, over, expander)
            return expander.config(base, over), targets
        except TooMany as error:
            raise ConfigInvalid(sort_diagnostics(problems.masked())) from error

    def _with_rosters(self, base: Map, over: Map | None, expander: Expander) -> Map:
        """The base with the rows of `include_csv` in their collections."""
        wanted = merged(_part(base, "include_csv"), _part(over, "include_csv"), remove=True).get("include_csv")
        wanted = expander.rendered(wanted, -1) if wanted is not None else None
        added = [self._rosters(name, value, mark) for name, value, mark in wanted.entries()] if isinstance(wanted, Map) else []
        rows = [each for each in added if each is not None]
        return combined([base, *rows], self._problems) if rows else base

    def _rosters(self, name: str, value: Any, mark: int) -> Map | None:
        kind = self._given.kinds.top_level.get(name)
        if kind is None or kind.singleton:
            return None
        paths = [value] if isinstance(value, str) else [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
        rows = [roster for path in paths if (roster := self._roster(path, name, mark)) is not None]
        return new_map([(name, combined(rows, self._problems, (name,)))], [mark], any(r.dynamic for r in rows)) if rows else None

    def _roster(self, path: str, name: str, mark: int) -> Map | None:
        from orgform.config.csvfile import read_roster

        try:
            data = self._given.files.read(path, source_files.MAX_CSV)
        except FileProblem as problem:
            self._file_problem(problem, self._problems.places.value(mark, path))
            return None
        return read_roster(data, path, self._given.kinds.top_level[name], self._problems, self._memo)

    def _desired(self, tables: Mapping[str, Table]) -> dict[Address, Desired]:
        found: dict[Address, Desired] = {}
        for table in tables.values():
            table.written.clear()
            sources = self._problems.places.bare_all(table.marks)
            found.update(zip(table.addresses, map(Desired, table.attributes, sources), strict=True))
            for index, own in table.local.items():
                address = table.addresses[index]
                if own.ignored:
                    del found[address]
                else:
                    plain = found[address]
                    found[address] = Desired(plain.attributes, plain.source, own.lifecycle, own.until, own.reason, own.seeded)
        order = sorted(found)
        return found if order == list(found) else {address: found.pop(address) for address in order}


def _part(tree: Map | None, *names: str) -> Map:
    if tree is None:
        return new_map()
    kept = [(n, v, m) for n, v, m in tree.entries() if n in names]
    return new_map([(n, v) for n, v, _ in kept], [m for _, _, m in kept], tree.dynamic)
