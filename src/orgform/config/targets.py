"""`targets`: which live systems there are, and which kinds each of them takes. Judged by what the providers declare, offline.

Invariant: a secret in plain text is never shown, not in a message and not in a code frame; every kind has one target at most.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from orgform.config.compile import Table
from orgform.config.files import is_within
from orgform.config.gate import check_options
from orgform.config.places import URL_PASSWORD, Places
from orgform.config.platforms import Platforms
from orgform.config.problems import Problems, listed
from orgform.config.tree import Map, plain_value
from orgform.errors import BrokenProvider
from orgform.kinds import Kinds
from orgform.model import TargetConfig
from orgform.providers.base import ProviderSpec

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@?#]*:[^/\s@]+@", re.IGNORECASE)
_OWN = ("provider", "kinds", "roles")


class Targets:
    def __init__(
        self, folder: Path, kinds: Kinds, specs: Callable[[str], ProviderSpec | None], names: Callable[[], list[str]], problems: Problems
    ) -> None:
        self._folder = folder
        self._kinds = kinds
        self._specs = specs
        self._names = names
        self._problems = problems
        self.used: dict[str, ProviderSpec] = {}
        self._broken: dict[str, BrokenProvider] = {}

    def hide(self, tree: Any) -> None:
        """Before anything is shown: what stands in targets and may be a secret is masked in every code frame."""
        for target in tree.values() if isinstance(tree, Map) else ():
            if not isinstance(target, Map):
                for text in _texts(target):
                    self._hide(text, secret=True)
                continue
            spec = self._spec(target)
            safe = set(_OWN) | (set(spec.options.get("properties", {})) - set(spec.secrets) if spec else set())
            for name, value in target.items():
                for text in _texts(value):
                    self._hide(text, secret=name not in safe)

    def _hide(self, text: str, *, secret: bool) -> None:
        if secret and not _REFERENCE.fullmatch(text):
            self._problems.places.mask(text)
        match = URL_PASSWORD.search(text)
        if match:
            self._problems.places.mask(match[2])

    def check(self, config: Map, tables: Mapping[str, Table]) -> tuple[dict[str, TargetConfig], dict[str, str]]:
        """(targets by name, kind -> target)."""
        tree = config.get("targets")
        targets: dict[str, TargetConfig] = {}
        before = len(self._problems.found)
        if not isinstance(tree, Map):
            return {}, {}
        if not tree:
            self._problems.add("ORG401", "`targets` is empty: there is no system to plan against", _TWO_LINES, config.mark("targets"))
        for name, written, mark in tree.entries():
            if isinstance(written, Map) and isinstance(written.get("provider"), str):
                made = self._target(name, written, mark)
                if made is not None:
                    targets[name] = made
        claims = self._claims(tree, targets)
        # a target that is wrong in itself may be the one that was to take what nobody takes
        if len(self._problems.found) == before and "targets" not in self._problems.misshapen:
            self._unclaimed(tree, claims, tables)
            platforms = Platforms(self._kinds, tables, claims, tree, self._problems)
            for name in sorted(targets):
                platforms.check(targets[name], self.used[targets[name].provider])
        return targets, claims

    def _spec(self, target: Map) -> ProviderSpec | None:
        name = target.get("provider")
        if not isinstance(name, str) or name not in self._names():
            return None
        try:
            spec = self._specs(name)
        except BrokenProvider as error:
            self._broken[name] = error
            return None
        if spec is not None:
            self.used[name] = spec
        return spec

    def _target(self, name: str, written: Map, mark: int) -> TargetConfig | None:
        provider = written["provider"]
        spec = self._spec(written)
        if broken := self._broken.get(provider):
            self._problems.add("ORG403", broken.message, broken.hint, self._problems.places.value(written.mark("provider")))
            return None
        if spec is None:
            fix = self._problems.meant(provider, self._names(), f"installed are {listed(self._names())}")
            if "did you mean" in fix:
                fix += f" Installed are {listed(self._names())}"
            self._problems.add(
                "ORG402", f"there is no provider `{provider[:80]}`", fix, self._problems.places.value(written.mark("provider"))
            )
            return None
        options = written.without(*_OWN)
        good = [self._secret(n, v, m) if n in spec.secrets else self._open_option(n, v, m) for n, v, m in options.entries()]
        shape = check_options(options, spec.options, self._problems, f"targets.{name}") if all(good) else False
        if all(good) and shape:
            for path in spec.paths:
                self._path(path, options)
        kinds = written.get("kinds")
        self._known_to(spec, name, written)
        taken = tuple(dict.fromkeys(kinds)) if kinds is not None else None
        roles = written.get("roles")
        chosen = {ours: theirs for ours, theirs in roles.items() if isinstance(theirs, str)} if isinstance(roles, Map) else {}
        return TargetConfig(name, provider, taken, plain_value(options), self._problems.places.bare(mark), chosen)

    def _secret(self, name: str, value: Any, mark: int) -> bool:
        if isinstance(value, Map):
            good = [self._secret(f"{name}.{key}", own, at) for key, own, at in value.entries()]
            return all(good)
        if value is None or (isinstance(value, str) and _REFERENCE.fullmatch(value)):
            return True
        fix = (
            f"write `{name}: env:NAME`, with the variable's name and without a `$`"
            if isinstance(value, str) and value.startswith("$")
            else f"put it into an environment variable and write `{name}: env:NAME` (or `file:PATH`); "
            "change the secret if this was ever shared"
        )
        self._problems.add("ORG404", f"`{name}` is a secret in plain text", fix, self._problems.places.value(mark))
        return False

    def _open_option(self, name: str, value: Any, mark: int) -> bool:
        if isinstance(value, str) and _URL_PASSWORD.match(value):
            fix = "remove it from the URL, and give the secret as a reference in an option of its own, like `token: env:NAME`"
            self._problems.add("ORG405", f"`{name}` has a password in its URL", fix, self._problems.places.value(mark))
            return False
        return True

    def _path(self, name: str, options: Map) -> None:
        path = options.get(name)
        if not isinstance(path, str):
            return
        normal = posixpath.normpath(path.replace("\\", "/"))
        lexically = normal.startswith(("../", "/")) or normal == ".." or re.match(r"[A-Za-z]:", normal)
        if lexically or not is_within(self._folder, self._folder / normal):
            place = self._problems.places.value(options.mark(name))
            self._problems.add("ORG406", f"`{name}` leads out of the config folder", "write a path below the config folder", place)

    def _known_to(self, spec: ProviderSpec, name: str, written: Map) -> None:
        kinds = written.get("kinds") or []
        marks = getattr(kinds, "marks", [])
        for kind, mark in zip(kinds, marks, strict=False):
            if not self._takes(spec, kind):
                supported = sorted(spec.capabilities.kinds or ())
                fix = f"the provider {spec.name} knows {listed(supported)}"
                self._problems.add("ORG409", f"the target `{name}` cannot take {kind}: its platform has no such thing", fix, mark)

    def _takes(self, spec: ProviderSpec, kind: str) -> bool:
        """Whether a platform has such a thing. One that has every kind there is has none of those that it must name."""
        named = spec.capabilities.kinds is not None or kind not in self._kinds.operations
        return named and spec.capabilities.of(kind) is not None

    def _claims(self, tree: Map, targets: Mapping[str, TargetConfig]) -> dict[str, str]:
        claims: dict[str, str] = {}
        for name, target in targets.items():
            for kind in target.kinds or ():
                self._claim(claims, kind, name, tree)
        open_ones = [name for name, target in targets.items() if target.kinds is None]
        for name in open_ones:
            spec = self.used[targets[name].provider]
            for kind in (*self._kinds, *self._kinds.operations):
                if self._takes(spec, kind) and claims.get(kind) in (None, *open_ones):
                    self._claim(claims, kind, name, tree, all_of_them=True)
        return claims

    def _claim(self, claims: dict[str, str], kind: str, name: str, tree: Map, *, all_of_them: bool = False) -> None:
        other = claims.setdefault(kind, name)
        if other == name:
            return
        there = self._problems.places.at(tree.mark(other))
        what = "every kind" if all_of_them else f"the kind {kind}"
        fix = "give each of the two its own `kinds: [...]`"
        self._problems.add(
            "ORG407", f"the targets `{other}` and `{name}` both claim {what}", fix, tree.mark(name), related=[there] if there else []
        )
        if all_of_them:
            claims.update(dict.fromkeys((k for k, n in claims.items() if n == other), name))

    def _unclaimed(self, tree: Map, claims: Mapping[str, str], tables: Mapping[str, Table]) -> None:
        missing = [table for name, table in tables.items() if table.addresses and name not in claims]
        for table in missing:
            if table.kind.words_only:
                continue  # no platform here has such a thing, or the targets' `kinds` leave it out: it is a word that others use
            fix = f"add `{table.kind.name}` to the `kinds` of a target whose platform has it, or remove these resources"
            self._problems.add("ORG410", f"no target takes {table.kind.collection} (kind {table.kind.name})", fix, table.marks[0])


_TWO_LINES = "add `targets: {acme: {provider: local, database: acme.db}}`"


def hide_unread(data: bytes, places: Places) -> None:
    """The same for a file that is no YAML: every value that stands below `targets:` may be a secret."""
    text = data.decode("utf-8", "replace")
    for block in re.findall(r"^targets\s*:.*(?:\n(?!\S).*)*", text, re.MULTILINE):
        for name, value in re.findall(r"""([\w-]+)["']?\s*:\s*((?:[^\s,{}\[\]#]|(?<!\s)#)[^,}\n]*)""", block):
            if name not in _OWN and not _REFERENCE.fullmatch(value.strip("\"' ")):
                places.mask(value.strip("\"' "))


def hide_sensitive(tree: Any, names: frozenset[str], places: Places) -> None:
    """The same for attributes that kinds call secret, wherever and as whatever they stand: `names` of theirs."""
    for name, value in tree.items() if isinstance(tree, dict) else ():
        for text in (str(value) if isinstance(value, int | float) else value,) if name in names else ():
            for secret in _texts(text):
                if not _REFERENCE.fullmatch(secret):
                    places.mask(secret)
        hide_sensitive(value, names, places)
    for value in tree if isinstance(tree, list) else ():
        hide_sensitive(value, names, places)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
