"""What a target's platform would not take, told at the config's lines, before any call: closed words, attributes it does not have, roles
it has no name for, limits, and the provider's own checks.

Invariant: everything here follows from what providers declare; it is asked only of configs whose targets are right in themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from orgform.codec import Struct
from orgform.config.compile import Table, distinct, words
from orgform.config.problems import Problems, listed
from orgform.config.tree import Map
from orgform.kinds import Kind, Kinds, Reference
from orgform.model import Address, Attributes, TargetConfig, address_of, kind_of, parts_of
from orgform.providers.base import Declared, Finding, Limit, ProviderSpec, RoleNames, takes_everything


class Column(Struct, frozen=True):
    """One attribute of what a target takes; of a part of a kind, below that part's own attribute."""

    table: Table
    path: tuple[str, ...]


class Platforms:
    """`claims`: kind -> target; `written`: the config's `targets`."""

    def __init__(self, kinds: Kinds, tables: Mapping[str, Table], claims: Mapping[str, str], written: Map, problems: Problems) -> None:
        self._kinds, self._tables, self._claims, self._written, self._problems = kinds, tables, claims, written, problems
        self._role_kinds = {kind.name for kind in kinds.having_access("role")}

    def check(self, target: TargetConfig, spec: ProviderSpec) -> None:
        """Adds a problem for everything that the platform would not take."""
        taken = [self._kinds[name] for name, owner in self._claims.items() if owner == target.name]
        self._closed_words(target, spec)
        for kind in taken:
            self._fields(kind, target, spec)
        roles = RoleNames(spec.roles, target.roles, spec.name)
        self._chosen_roles(target, spec)
        self._roles(taken, target, spec, roles)
        for limit in spec.limits(target.options):
            if self._claims.get(limit.kind) == target.name:
                self._limit(limit, spec)
        if spec.check is not takes_everything:
            resources = {a: own for kind in taken for a, own in self._resources(kind)}
            for finding in spec.check(Declared(target.options, resources, roles)):
                self._finding(finding)

    def _column(self, kind: Kind, *path: str) -> Column:
        if kind.facet_of:
            return Column(self._tables[kind.facet_of], (kind.collection, *path))
        return Column(self._tables[kind.name], path)

    def _resources(self, kind: Kind) -> Iterator[tuple[Address, Attributes]]:
        if kind.facet_of:
            table = self._tables[kind.facet_of]
            found = ((a, own.get(kind.collection)) for a, own in zip(table.addresses, table.attributes, strict=True))
            yield from ((address_of(kind.name, *parts_of(a)), own) for a, own in found if own)
        else:
            table = self._tables[kind.name]
            yield from zip(table.addresses, table.attributes, strict=True)

    def _closed_words(self, target: TargetConfig, spec: ProviderSpec) -> None:
        """Attributes for which a platform has a closed list."""
        for attribute, known in spec.words.items():
            name, path = _kind_and_path(attribute, self._claims)
            if self._claims.get(name) == target.name:
                column = self._column(self._kinds[name], *path)
                many = column.table.kind.properties.get(column.path[0], {}).get("type") == "array"
                for index, word in words(column.table, column.path, many):
                    if word not in known:
                        fix = self._problems.meant(str(word), known, f"use one of {listed(known)}")
                        place = self._problems.places.value(column.table.place(index, column.path), str(word) if many else "")
                        self._problems.add("ORG411", f"{_title(spec)} has no {path[-1]} `{str(word)[:80]}`", fix, place)

    def _fields(self, kind: Kind, target: TargetConfig, spec: ProviderSpec) -> None:
        can = spec.capabilities.of(kind.name)
        for name, reach in can.fields.items() if can else ():
            elsewhere = f"{kind.name}.{name.partition('.')[0]}" in self._claims
            if reach == "none" and not elsewhere:
                column = self._column(kind, *name.split("."))
                for index, _ in words(column.table, column.path, False):
                    what = f"{_title(spec)} has no `{name}` for a {kind.title.lower()}"
                    fix = f"remove it here, or give {kind.name} to a target whose platform has it (this one is `{target.name}`)"
                    self._problems.add("ORG412", what, fix, column.table.place(index, column.path))

    def _chosen_roles(self, target: TargetConfig, spec: ProviderSpec) -> None:
        """What the target's own `roles` say."""
        tree = self._written.get(target.name)
        mark = tree.mark("roles") if isinstance(tree, Map) else None
        if target.roles and not (spec.roles.names or spec.roles.usual):
            fix = "remove `roles` from the target: roles have the config's own names there"
            self._problems.add("ORG415", f"{_title(spec)} has no role names to choose", fix, mark)
            return
        known = sorted({name for names in spec.roles.names.values() for name in names})
        open_words = any(not spec.roles.names.get(scope) for scope in {*spec.roles.names, *spec.roles.usual})
        for ours, theirs in target.roles.items():
            if known and not open_words and theirs not in known:
                fix = self._problems.meant(theirs, known, f"it has {listed(known)}")
                self._problems.add("ORG415", f"{_title(spec)} has no role `{theirs[:80]}` (for `{ours[:80]}`)", fix, mark)

    def _roles(self, taken: list[Kind], target: TargetConfig, spec: ProviderSpec, roles: RoleNames) -> None:
        """Every role that is used must have one name there, and no two the same."""
        for kind in taken:
            for reference in kind.references:
                scope = reference.where.get("scope")
                if reference.kind in self._role_kinds and isinstance(scope, str) and scope in {*spec.roles.names, *spec.roles.usual}:
                    self._role_column(kind, reference, scope, target, spec, roles)

    def _role_column(
        self, kind: Kind, reference: Reference, scope: str, target: TargetConfig, spec: ProviderSpec, roles: RoleNames
    ) -> None:
        known = roles.known(scope)
        column = self._column(kind, *reference.path)
        used = distinct(column.table, column.path, reference.many)
        times = Counter(known[word] for word in used if word in known)
        for index, word in words(column.table, column.path, reference.many):
            place = column.table.place(index, column.path)
            if word not in known:
                has = spec.roles.names.get(scope) or tuple(known.values())
                fix = f"its roles are {listed(has)}; say which one it is in the target: `roles: {{{word}: ...}}`"
                if (theirs := roles.out(scope, word)) != word:  # as a read of the platform shows it
                    fix = f"that is one of its own: write a role of yours, and which one that is in the target: `roles: {{KEY: {theirs}}}`"
                self._problems.add("ORG415", f"{_title(spec)} has no role `{str(word)[:80]}`", fix, self._problems.places.value(place))
            elif times[known[word]] > 1:
                others = listed(sorted(w for w in used if known.get(w) == known[word] and w != word))
                fix = f"both are `{known[word]}` there, so nobody could tell them apart: use one, or other names in the target's `roles`"
                self._problems.add(
                    "ORG415", f"{_title(spec)} cannot tell the role `{word}` from {others}", fix, self._problems.places.value(place)
                )

    def _limit(self, limit: Limit, spec: ProviderSpec) -> None:
        table = self._tables[limit.kind]
        counted = Counter(parts_of(a)[0] if limit.per_parent else "" for a in table.addresses)
        over = {owner for owner, count in counted.items() if count > limit.most}
        met: Counter[str] = Counter()
        for index, address in enumerate(table.addresses):
            owner = parts_of(address)[0] if limit.per_parent else ""
            met[owner] += owner in over
            if owner in over and met[owner] == limit.most + 1:
                where = f" in {table.kind.parent}/{owner}" if limit.per_parent else ""
                what = f"{counted[owner]:,} {table.kind.collection}{where}, and {_title(spec)} takes {limit.most:,}: {limit.text}"
                self._problems.add(
                    "ORG413", what, f"remove {counted[owner] - limit.most:,} of them; this is the first beyond", table.marks[index]
                )

    def _finding(self, finding: Finding) -> None:
        kind = self._kinds[kind_of(finding.address)]
        column = self._column(kind, *finding.path)
        address = address_of(kind.facet_of, *parts_of(finding.address)) if kind.facet_of else finding.address
        index = column.table.rows.get(address)
        place = None if index is None else column.table.place(index, column.path)
        code = "ORG416" if finding.advice else "ORG414"
        self._problems.add(code, finding.summary, finding.fix, place, warning=finding.advice)


def _title(spec: ProviderSpec) -> str:
    return spec.title or spec.name


def _kind_and_path(attribute: str, claims: Mapping[str, str]) -> tuple[str, list[str]]:
    """`workspace.region` -> workspace, region; where a part of a kind is claimed by itself, that part first."""
    name, *path = attribute.split(".")
    if len(path) > 1 and f"{name}.{path[0]}" in claims:
        return f"{name}.{path[0]}", path[1:]
    return name, path
