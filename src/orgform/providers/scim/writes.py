"""Members, groups and memberships written: what is asked of the server for an operation, and whether its answer holds.

Invariant: an operation is prepared on what is there now, and is stale where that is not what was read. Nothing counts as done before it was
read back. Single requests come out as data, so that they can go alone or in bulk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from orgform.codec import Struct
from orgform.model import Attributes, Live, parts_of
from orgform.providers.base import Operation, Result
from orgform.providers.http import HttpError
from orgform.providers.scim.belonging import Belonging, Refused
from orgform.providers.scim.directory import etag_of, group_as, member_of, membership_of
from orgform.providers.scim.layout import Layout, Slot
from orgform.providers.scim.people import OURS, group_of, is_active, new_group, new_user, patch_of, user_changes, user_of, with_changes
from orgform.providers.scim.wire import Incomplete, Resource, Scim, at, version_of

EXISTS = Result("stale", "it is there already, and is not as it should be")
GONE = Result("stale", "it is not there any more")
CHANGED = Result("stale", "it was changed since it was read")


class Request(Struct, frozen=True):
    """`method` empty: there is nothing to send. `id`: of the resource, empty where it is new."""

    method: str
    path: str
    data: Any = None
    version: str | None = None
    id: str = ""


#: creates of one call from which on all users are asked for at once
_MANY: Final = 10


class Writes(ABC):
    """One kind's. `prepare` and `finish` raise `Refused`, `Incomplete` and `HttpError`."""

    def __init__(self, scim: Scim, layout: Layout, belonging: Belonging, deletes: bool) -> None:
        self._scim = scim
        self._layout = layout
        self._belonging = belonging
        self._deletes = deletes

    def foresee(self, operations: Sequence[Operation]) -> None:
        """Asks at once for what `prepare` would ask for one by one, where that is less."""
        return

    @abstractmethod
    def prepare(self, o: Operation) -> Request | Result:
        """What is to be sent, or what became of it without."""

    @abstractmethod
    def finish(self, o: Operation, request: Request, answer: Any) -> Result:
        """What became of it after the server took the request."""

    def _set(self, path: str, resource: Resource, changes: Mapping[str, Any]) -> Request:
        """A PATCH of what differs; where the server has none, a PUT of the whole as it was just read."""
        different = {p: v for p, v in changes.items() if _at_path(resource, p) != v}
        id, version = str(resource["id"]), version_of(resource)
        if not different:
            return Request("", path, id=id)
        if self._scim.features.patch:
            return Request("PATCH", path, patch_of(different, self._scim.vendor), version, id)
        return Request("PUT", path, with_changes(resource, different), version, id)

    def _again(self, path: str) -> Resource | None:
        """The resource now; None where it is gone."""
        try:
            resource = self._scim.get(path)
        except HttpError as e:
            if e.status in (404, 410):
                return None
            raise
        if not isinstance(resource, dict) or not resource.get("id"):
            raise Refused(f"{path}: the answer is no resource")
        return resource

    def _gone(self, id: str, listed: Iterable[Resource]) -> Result:
        """What a delete found to be away. `listed`: what the server's list has; a 404 alone may mean that there is no such path."""
        if any(str(r.get("id")) == id for r in listed):
            raise Refused("the server says that it is not there, and has it in its list")
        return Result("done", "was gone already")


class Members(Writes):
    #: address -> users, where all were just asked for
    _all: dict[str, list[Resource]] | None = None

    def foresee(self, operations: Sequence[Operation]) -> None:
        if sum(o.action == "create" for o in operations) >= _MANY:
            try:
                self._all = self._belonging.all_users()
            except (HttpError, Incomplete):
                self._all = None

    @property
    def _path(self) -> str:
        return self._scim.features.users

    def prepare(self, o: Operation) -> Request | Result:
        self._slot(o.attributes.get("role"))
        if o.action == "create":
            return self._create(o)
        resource = self._there(o)
        if resource is None or (not self._deletes and not is_active(resource)):
            listed = self._scim.found(self._path, "userName", _last(o)) if resource is None and o.action == "delete" else ()
            return self._gone(o.id, listed) if o.action == "delete" else GONE
        if o.etag not in (None, "*") and self._live(resource).etag != o.etag:
            return CHANGED
        path = at(self._path, str(resource["id"]))
        if o.action == "delete" and self._deletes:
            return Request("DELETE", path, None, version_of(resource), str(resource["id"]))
        if o.action == "delete":
            return self._set(path, resource, {"active": False})
        changes = user_changes(o.attributes, self._scim.vendor, self._scim.features.read_only)
        return self._set(path, resource, {**_renamed(o), **changes})

    def _create(self, o: Operation) -> Request | Result:
        email = _last(o)
        known = self._belonging.users_with(email) if self._all is None else self._all.get(email)
        if not known:
            data = new_user(email, o.attributes, self._scim.vendor, self._scim.features.read_only)
            return Request("POST", self._path, data)
        return self._taken_over(o, known[0])

    def _taken_over(self, o: Operation, resource: Resource) -> Request | Result:
        """Who left comes back as who they were; who is there already is left to the next plan, unless nothing is to be changed."""
        if not is_active(resource):
            changes = user_changes(o.attributes, self._scim.vendor, self._scim.features.read_only)
            return self._set(at(self._path, str(resource["id"])), resource, {"active": True, **changes})
        live = self._live(resource)
        same = all(live.attributes.get(n) == v for n, v in o.attributes.items() if v is not None and n in ("name", "title", "role"))
        return Result("done", "was there already", live.etag) if same else EXISTS

    def _there(self, o: Operation) -> Resource | None:
        if o.id:
            return self._again(at(self._path, o.id))
        return next(iter(self._belonging.users_with(_last(o))), None)

    def finish(self, o: Operation, request: Request, answer: Any) -> Result:
        id = request.id or (str(answer.get("id") or "") if isinstance(answer, dict) else "")
        if not id:
            return Result("unknown", "the server did not say what it made")
        resource = answer if _is_user(answer) and request.method == "POST" else self._again(at(self._path, id))
        if o.action == "delete":
            return self._left(o, id, resource)
        if resource is None or not is_active(resource):
            return Result("failed", "the server took it, and shows nobody who is active")
        if user_of(resource).email != _last(o):
            return Result("unknown", "the server's answer is about somebody else")
        self._belonging.learn(_last(o), id)
        if "role" in o.attributes or o.action == "create":
            self._enter(id, o.attributes.get("role"))
        live = self._live(resource)
        wrong = [n for n in ("name", "title") if o.attributes.get(n) and live.attributes.get(n) != o.attributes[n] and self._writes(n)]
        if wrong:
            return Result("failed", f"the server took it, and `{wrong[0]}` is {live.attributes.get(wrong[0])!r} there all the same")
        return Result("done", etag=live.etag)

    def _writes(self, name: str) -> bool:
        return {"name": "displayName"}.get(name, name) not in self._scim.features.read_only

    def _left(self, o: Operation, id: str, resource: Resource | None) -> Result:
        """Gone, or inactive and without the roles that groups stand for."""
        self._belonging.forget(_last(o))
        if resource is None:
            return Result("done")
        if self._deletes:
            return Result("failed", "the server says that it deleted the user, and still shows it")
        if "active" not in resource or is_active(resource):
            return Result("failed", "the server says that it deactivated the user, and still shows it as active")
        self._belonging.settle([s for s in self._layout.slots if self._belonging.may_hold(s, id)], [id], None)
        return Result("done")

    def _enter(self, id: str, role: str | None) -> None:
        slots = self._layout.of("")
        wanted = role or self._layout.base_role
        if slots and self._belonging.roles(slots, id) != ((wanted,) if self._slot(wanted) else ()):
            self._belonging.settle(slots, [id], wanted)

    def _slot(self, role: str | None) -> Slot | None:
        """Raises `Refused` for a role that nothing stands for."""
        slot = self._layout.slot("", role) if role else None
        if role and not slot and role != self._layout.base_role:
            raise Refused(f"no group stands for the company role {role}: name it in the target's `groups`")
        return slot

    def _live(self, resource: Resource) -> Live:
        user = user_of(resource)
        return member_of(user, self._belonging.roles(self._layout.of(""), user.id), self._layout)


class Groups(Writes):
    @property
    def _path(self) -> str:
        return self._scim.features.groups

    def prepare(self, o: Operation) -> Request | Result:
        if not self._path:
            raise Refused(f"{self._scim.vendor.title} has no groups")
        key = (o.moved_from or o.address).partition("/")[2]
        id = o.id or self._belonging.group(key)
        resource = self._again(at(self._path, id)) if id else None
        if o.action == "create":
            return self._create(o, key, resource)
        if resource is None:
            listed = self._scim.listed(self._path, excludedAttributes="members") if o.action == "delete" else ()
            return self._gone(id, listed) if o.action == "delete" else GONE
        if o.etag not in (None, "*") and self._live(resource).etag != o.etag:
            return CHANGED
        path = at(self._path, str(resource["id"]))
        if o.action == "delete":
            return Request("DELETE", path, None, version_of(resource), str(resource["id"]))
        renamed = {"externalId": OURS + _last(o)} if o.moved_from else {}
        named = {"displayName": o.attributes.get("name") or _last(o)} if "name" in o.attributes else {}
        self._wanted(o.attributes)
        return self._set(path, resource, renamed | named)

    def _create(self, o: Operation, key: str, resource: Resource | None) -> Request | Result:
        name = str(o.attributes.get("name") or key)
        if resource is None:
            same = self._scim.found(self._path, "displayName", name)
            if len(same) > 1:
                ids = ", ".join(sorted(str(r["id"]) for r in same))
                raise Refused(f"{len(same)} groups are named {name!r} there: {ids}; rename all but one")
            resource = self._again(at(self._path, str(same[0]["id"]))) if same else None
        if resource is None:
            return Request("POST", self._path, new_group(key, name, ()))
        live = self._live(resource)
        same_as = {"name": name, "members": sorted(o.attributes.get("members") or [])}
        return Result("done", "was there already", live.etag) if live.attributes == same_as else EXISTS

    def finish(self, o: Operation, request: Request, answer: Any) -> Result:
        id = request.id or (str(answer.get("id") or "") if isinstance(answer, dict) else "")
        if not id:
            return Result("unknown", "the server did not say what it made")
        resource = self._again(at(self._path, id))
        if o.action == "delete":
            return Result("done") if resource is None else Result("failed", "the server says that it deleted the group, and still shows it")
        if resource is None:
            return Result("failed", "the server took it, and shows no such group")
        wanted = self._wanted(o.attributes)
        if wanted is not None:
            here = self._people(resource, wanted)
            self._belonging.change(id, wanted.keys() - here.keys(), here.keys() - wanted.keys())
            resource = self._again(at(self._path, id))
        if resource is None or ("name" in o.attributes and group_of(resource).name != (o.attributes["name"] or _last(o))):
            return Result("failed", "the server took it, and the group is not as it should be")
        return Result("done", etag=self._live(resource).etag)

    def _wanted(self, attributes: Attributes) -> dict[str, str] | None:
        """Id -> address of who is to be in; None where that is not asked for."""
        if "members" not in attributes:
            return None
        return {self._belonging.principal(email): email for email in attributes["members"] or []}

    def _people(self, resource: Resource, also: Iterable[str] = ()) -> dict[str, str]:
        """The same of who is in now and has an address: what else is in the group stays there."""
        shown = not self._scim.vendor.hides_members
        members = group_of(resource).members or frozenset() if shown else self._belonging.members(str(resource["id"]), also)
        return {id: email for id in members if (email := self._belonging.email(id))}

    def _live(self, resource: Resource) -> Live:
        return group_as(group_of(resource), list(self._people(resource).values()))


class Memberships(Writes):
    """They need no request of their own: they are somebody's being in groups."""

    def prepare(self, o: Operation) -> Request | Result:
        workspace, principal = parts_of(o.address)
        slots = self._layout.of(workspace)
        role = o.attributes.get("role")
        if role and not self._layout.slot(workspace, role):
            raise Refused(f"no group stands for the role {role} in workspace {workspace}: name it in the target's `groups`")
        if not role and (o.action == "create" or "role" in o.attributes):
            raise Refused(f"{principal} has no role in workspace {workspace} here, and a group stands for one: write it")
        try:
            id = self._belonging.principal(principal)
        except Refused:
            if o.action == "create":
                raise
            return Result("done", "was gone already") if o.action == "delete" else GONE
        had = self._belonging.roles(slots, id)
        if o.action == "create":
            done = Result("done", "was there already", membership_of(had).etag) if had[:1] == (role,) else EXISTS
            return done if had else Request("", workspace, id=id)
        if not had:
            return Result("done", "was gone already") if o.action == "delete" else GONE
        return CHANGED if o.etag not in (None, "*") and etag_of(list(had)) != o.etag else Request("", workspace, id=id)

    def finish(self, o: Operation, request: Request, answer: Any) -> Result:
        slots = self._layout.of(request.path)
        if o.action == "delete" or "role" in o.attributes:
            self._belonging.settle(slots, [request.id], o.attributes.get("role"))
        return Result("done", etag=etag_of(list(self._belonging.roles(slots, request.id))))


def _is_user(answer: Any) -> bool:
    """Whether the answer to a POST shows the whole user, as the standard has it."""
    return isinstance(answer, dict) and bool(answer.get("id")) and "userName" in answer


def _renamed(o: Operation) -> dict[str, Any]:
    """A new address is a new name to sign in with."""
    email = _last(o)
    return {"userName": email, "externalId": email, "emails": [{"value": email, "type": "work", "primary": True}]} if o.moved_from else {}


def _last(o: Operation) -> str:
    return parts_of(o.address)[-1]


def _at_path(resource: Resource, path: str) -> Any:
    first, _, second = path.partition(".")
    value = resource.get(first)
    return value.get(second) if second and isinstance(value, dict) else None if second else value
