"""The config of a company that people edit at night: every edit leaves it nearly valid, and what an edit means is remembered.

Invariant: `things` knows which one each workspace, person and group is, whatever its key is now; renames are written as `moved`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import yaml

PEOPLE = [*(f"p{n}@acme.com" for n in range(6)), "q0@acme.co.uk", "q1@acme.co.uk"]
NEWCOMERS = [f"r{n}@acme.com" for n in range(4)]
KEYS = {"workspace": ["north", "south", "east", "west", "mid"], "member": PEOPLE + NEWCOMERS, "group": ["support", "sales", "ops"]}
ROLES = {
    "lead": {"scope": "workspace", "extends": "admin"},
    "hand": {"scope": "workspace", "extends": "member"},
    "helpdesk": {"scope": "company", "extends": "admin"},
}
COMPANY_ROLES = ["owner", "admin", "standard", "standard", "standard", "helpdesk"]
SPACE_ROLES = ["admin", "member", "viewer", "lead", "hand"]
TARGET = {"acme": {"provider": "local", "database": "acme.db"}}
Thing = tuple[str, str]


class Config:
    """`tree`: as it is written, without `moved`. `applied`: which thing -> the address that it was last applied under."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self._numbers = count()
        self.applied: dict[int, str] = {}
        self._kept: list[tuple[str, str]] = []
        domains: dict[str, Any] = {"acme.com": {}, "acme.co.uk": {}}
        company = {"name": "Acme", "primary_domain": "acme.com"}
        self.tree: dict[str, Any] = {"orgform": 1, "company": company, "targets": TARGET, "domains": domains, "roles": deepcopy(ROLES)}
        self.tree["features"] = {"beta": {"type": "boolean", "default": False}}
        self.tree["members"] = {
            p: {"name": p[:2], "role": "owner" if n < 2 else chance.choice(COMPANY_ROLES)} for n, p in enumerate(PEOPLE)
        }
        self.tree["groups"] = {g: {"members": sorted(chance.sample(PEOPLE, 3))} for g in KEYS["group"][:2]}
        self.tree["workspaces"] = {}
        for key in KEYS["workspace"][:3]:
            self.tree["workspaces"][key] = self._space()
        self.things: dict[Thing, int] = {thing: next(self._numbers) for thing in self.declared()}

    def declared(self) -> list[Thing]:
        return [(kind, key) for kind in KEYS for key in self.tree[f"{kind}s"]]

    def taken(self, tree: dict[str, Any]) -> None:
        """The tree as it is in a file that somebody else has written."""
        self.tree = {k: v for k, v in tree.items() if k != "moved"}
        for name in ("members", "groups", "workspaces", "roles", "features"):
            self.tree[name] = {key: own or {} for key, own in (self.tree.get(name) or {}).items()}
        for group in self.tree["groups"].values():
            group["members"] = group.get("members") or []
        for space in self.tree["workspaces"].values():
            space["members"] = space.get("members") or {}
        self.tree["domains"] = {key: (self.tree["domains"].get(key) or {}) for key in ("acme.com", "acme.co.uk")}
        self._known_again(self.things)

    def _known_again(self, before: dict[Thing, int]) -> None:
        self.things = {thing: before[thing] if thing in before else next(self._numbers) for thing in self.declared()}

    def write(self, folder: Path) -> None:
        now = {f"{kind}/{key}": which for (kind, key), which in self.things.items()}
        moved = [(old, a) for a, which in now.items() if (old := self.applied.get(which, a)) != a and old not in now]
        used = {word for move in moved for word in move}
        moved += [m for m in self._kept if m[0] not in now and m[1] in now and not used.intersection(m)]
        self._kept = moved if self.chance.random() < 0.7 else []  # people leave such entries where they are, for a while
        tree = {**self.tree, **({"moved": [{"from": old, "to": new} for old, new in moved]} if moved else {})}
        (folder / "company.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")

    # What people write

    def edit(self, today: date) -> str:
        """The name of what was edited."""
        edits: list[Callable[[date], None]] = [
            *(self._person, self._leaver, self._company_role, self._until, self._grant, self._grant, self._revoke, self._until_of_a_grant),
            *(self._group, self._group_member, self._no_group, self._new_space, self._no_space, self._rename, self._rename, self._rename),
            *(
                self._parent,
                self._parent,
                self._auto_join,
                self._role,
                self._labels,
                self._tags,
                self._name,
                self._lifecycle,
                self._feature,
            ),
        ]
        chosen = self.chance.choice(edits)
        chosen(today)
        return chosen.__name__.strip("_")

    def back_to(self, older: tuple[dict[str, Any], dict[Thing, int]]) -> None:
        """Somebody reverts a commit: what had another key then is another thing, for nobody writes `moved` in a hurry."""
        now = set(self.things.items())
        self.tree = deepcopy(older[0])
        self._known_again({thing: which for thing, which in older[1].items() if (thing, which) in now})

    def _any(self, kind: str) -> str | None:
        return self.chance.choice(list(self.tree[f"{kind}s"])) if self.tree[f"{kind}s"] else None

    def _any_space(self) -> dict[str, Any]:
        key = self._any("workspace")
        found: dict[str, Any] = self.tree["workspaces"][key] if key else {}
        return found

    def _add(self, kind: str, own: Callable[[], dict[str, Any]]) -> None:
        key = self.chance.choice(KEYS[kind])
        if key not in self.tree[f"{kind}s"]:
            self.tree[f"{kind}s"][key] = own()
            self.things[kind, key] = next(self._numbers)

    def _space(self) -> dict[str, Any]:
        chance = self.chance
        principals = [*self.tree["members"], *(f"group:{g}" for g in self.tree["groups"])]
        found: dict[str, Any] = {"name": chance.choice("ABCDEFG")}
        found["members"] = {p: chance.choice(SPACE_ROLES) for p in chance.sample(principals, min(len(principals), 3))}
        if self.tree["workspaces"] and chance.random() < 0.4:
            found["parent"] = chance.choice(list(self.tree["workspaces"]))
        if chance.random() < 0.4:
            found["tags"] = {f"t{n}": {"color": "red"} for n in range(chance.randint(1, 3))}
        return found

    def _drop(self, kind: str, key: str) -> None:
        del self.tree[f"{kind}s"][key], self.things[kind, key]
        self._follow(kind, key, None)

    def _follow(self, kind: str, key: str, new: str | None) -> None:
        """What names it names the new one, or lets go of it."""
        prefix = "group:" if kind == "group" else ""
        for space in self.tree["workspaces"].values():
            own = space.get("members") or {}
            if kind != "workspace" and prefix + key in own:
                role = own.pop(prefix + key)
                own.update({prefix + new: role} if new else {})
            if kind == "workspace" and space.get("parent") == key:
                space["parent"] = new
        for group in self.tree["groups"].values() if kind == "member" else ():
            if key in group["members"]:
                group["members"] = sorted({*group["members"], *([new] if new else [])} - {key})
        for domain in self.tree["domains"].values() if kind == "workspace" else ():
            rule = domain.get("auto_join")
            if rule and rule["workspace"] == key:
                domain["auto_join"] = {**rule, "workspace": new} if new else None

    def _person(self, _: date) -> None:
        self._add("member", lambda: {"name": "N", "role": self.chance.choice(COMPANY_ROLES)})

    def _leaver(self, _: date) -> None:
        if len(self.tree["members"]) > 2 and (key := self._any("member")):
            self._drop("member", key)

    def _company_role(self, _: date) -> None:
        if key := self._any("member"):
            self.tree["members"][key]["role"] = self.chance.choice(COMPANY_ROLES)

    def _until(self, today: date) -> None:
        if key := self._any("member"):
            self.tree["members"][key] |= {"until": self._some_day(today), "reason": "for a while"}

    def _some_day(self, today: date) -> str:
        return (today + timedelta(self.chance.choice([-3, 0, 2, 5, 9, 400]))).isoformat()

    def _grant(self, _: date) -> None:
        principals = [*self.tree["members"], *(f"group:{g}" for g in self.tree["groups"])]
        self._any_space().setdefault("members", {})[self.chance.choice(principals)] = self.chance.choice(SPACE_ROLES)

    def _revoke(self, _: date) -> None:
        own = self._any_space().get("members") or {}
        for principal in self.chance.sample(list(own), min(len(own), self.chance.randint(1, 3))):
            del own[principal]

    def _until_of_a_grant(self, today: date) -> None:
        own = self._any_space().get("members") or {}
        for principal, role in self.chance.sample(list(own.items()), min(len(own), 1)):
            word = role if isinstance(role, str) else role["role"]
            own[principal] = {"role": word, "until": self._some_day(today), "reason": "for a while"} if role is word else word

    def _group(self, _: date) -> None:
        self._add("group", lambda: {"members": sorted(self.chance.sample(list(self.tree["members"]), 2))})

    def _group_member(self, _: date) -> None:
        key, person = self._any("group"), self._any("member")
        if key and person:
            own = self.tree["groups"][key]
            own["members"] = sorted({*own["members"]} ^ {person})

    def _no_group(self, _: date) -> None:
        if key := self._any("group"):
            self._drop("group", key)

    def _new_space(self, _: date) -> None:
        self._add("workspace", self._space)

    def _no_space(self, _: date) -> None:
        if key := self._any("workspace"):
            self._drop("workspace", key)

    def _rename(self, _: date) -> None:
        kind = self.chance.choice(["workspace", "workspace", "member", "group"])
        old, new = self._any(kind), self.chance.choice(KEYS[kind])
        if old and new not in self.tree[f"{kind}s"]:
            self.tree[f"{kind}s"][new] = self.tree[f"{kind}s"].pop(old)
            self.things[kind, new] = self.things.pop((kind, old))
            self._follow(kind, old, new)

    def _parent(self, _: date) -> None:
        if key := self._any("workspace"):
            self.tree["workspaces"][key]["parent"] = self.chance.choice([None, *(k for k in self.tree["workspaces"] if k != key)])

    def _auto_join(self, _: date) -> None:
        rules = [{"workspace": key, "role": self.chance.choice(SPACE_ROLES)} for key in self.tree["workspaces"]]
        self.tree["domains"][self.chance.choice(["acme.com", "acme.co.uk"])]["auto_join"] = self.chance.choice([None, *rules])

    def _role(self, _: date) -> None:
        name = self.chance.choice(list(ROLES))
        beyond = ["admin", "standard"] if name == "helpdesk" else ["admin", "member", "viewer"]
        self.tree["roles"][name] = {**ROLES[name], "extends": self.chance.choice(beyond)}

    def _labels(self, _: date) -> None:
        self._any_space()["labels"] = {key: self.chance.choice("xyz") for key in self.chance.sample("abc", self.chance.randint(0, 2))}

    def _tags(self, _: date) -> None:
        self._any_space()["tags"] = {f"t{n}": {"color": self.chance.choice(["red", "blue"])} for n in range(self.chance.randint(0, 3))}

    def _name(self, _: date) -> None:
        kind = self.chance.choice(["workspace", "member"])
        if key := self._any(kind):
            self.tree[f"{kind}s"][key]["name"] = self.chance.choice("ABCDEFG")

    def _lifecycle(self, _: date) -> None:
        lifecycle = {
            "prevent_destroy": self.chance.choice([True, False]),
            "ignore": self.chance.choice([[], ["name"], ["members"], ["tags"]]),
        }
        name = self.chance.choice(list(lifecycle))
        self._any_space().setdefault("lifecycle", {})[name] = lifecycle[name]

    def _feature(self, _: date) -> None:
        self._any_space()["features"] = self.chance.choice([{}, {"beta": True}, {"beta": False}])
