"""Who can do what where in a live system, worked out a second time and in the simplest way: nothing of orgform's own access is used here.

Invariant: what it says, `docs/planning.md` says ("Access").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orgform.model import Live, key_of, kind_of

#: member, workspace (empty: the company), role, path
Item = tuple[str, str, str, str]
State = Mapping[str, Live]


class Access:
    """`items`: everybody's access; `admins`: scope -> who is an admin there and active."""

    def __init__(self, live: State) -> None:
        self._live = live
        self._roles = {key_of(a): found.attributes for a, found in self._of("role")}
        self._people = {key_of(a): str(found.attributes.get("role") or "standard") for a, found in self._of("member")}
        self._above = {key_of(a): found.attributes.get("parent") for a, found in self._of("workspace")}
        self._given = list(self._grants())
        self.items: set[Item] = {(member, "", role, "direct") for member, role in self._people.items()}
        for scope in self._above:
            self.items |= {(m, scope, role, "company admin") for m, role in self._people.items() if self._is_admin(role)}
            self.items |= set(self._reaching(scope))
        self.admins: dict[str, set[str]] = {}
        for member, scope, role, _ in self.items:
            if self._is_admin(role) and live[f"member/{member}"].observed.get("status", "active") == "active":
                self.admins.setdefault(scope, set()).add(member)

    def _of(self, kind: str) -> Iterator[tuple[str, Live]]:
        return ((a, found) for a, found in self._live.items() if kind_of(a) == kind)

    def _is_admin(self, role: str) -> bool:
        seen: set[str] = set()
        while role in self._roles and role not in seen:
            seen.add(role)
            role = str(self._roles[role].get("extends"))
        return role in ("owner", "admin")

    def _grants(self) -> Iterator[Item]:
        """What is given in a workspace itself."""
        groups = {f"group:{key_of(a)}": found.attributes.get("members") or [] for a, found in self._of("group")}
        for address, found in self._of("membership"):
            _, scope, principal = address.split("/")
            for member in groups.get(principal, [principal]):
                yield member, scope, str(found.attributes.get("role") or "member"), principal if principal in groups else "direct"
        for address, found in self._of("domain"):
            rule = found.attributes.get("auto_join")
            if rule and found.observed.get("status") == "verified":
                for member in self._people:
                    if member.endswith(f"@{key_of(address)}"):
                        yield member, rule["workspace"], rule.get("role") or "member", f"domain:{key_of(address)}"

    def _reaching(self, scope: str) -> Iterator[Item]:
        seen: set[str] = set()
        here: str | None = scope
        while here and here not in seen:
            seen.add(here)
            for member, at, role, path in self._given:
                if at == here:
                    inherited = f"parent:{here}" if path == "direct" else f"parent:{here} > {path}"
                    yield member, scope, role, path if here == scope else inherited
            here = self._above.get(here)
