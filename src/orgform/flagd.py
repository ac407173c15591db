"""The features of one workspace as a flagd file (https://flagd.dev/reference/flag-definitions).

Invariant: pure; equal features give equal bytes. A flag has the workspace's value as its default variant and no targeting: what flagd
answers is what the workspace has. A disabled flag is `DISABLED`, which flagd treats as if it did not exist; that is not `false`.
Which kinds these are follows from their schemas: a kind whose attribute is typed by what its key names (`x-typed-by`), and that kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orgform.codec import Struct
from orgform.errors import OrgformError, UsageError
from orgform.kinds import Kind, Kinds
from orgform.model import Address, Attributes, address_of, key_of, kind_of

SCHEMA: Final = "https://flagd.dev/schema/v0/flags.json"
_SWITCH: Final = {"on": True, "off": False}
_TYPES: Final[dict[str, tuple[type, ...]]] = {"boolean": (bool,), "string": (str,), "number": (int, float), "object": (dict,)}
#: names of variants where the config has none: the flag's own value, and the workspace's where it is another one
OWN, HERE = "default", "workspace"


class FlagKinds(Struct, frozen=True):
    """`flag`: the kind of flags; `value`: that of their values below `parent`. `attribute` holds a value, `default` the flag's own, which
    are of the type, or name one of the variants, that the flag's attributes of those names have."""

    flag: Kind
    value: Kind
    parent: str
    attribute: str
    default: str
    type: str
    variants: str


def document(workspace: str, resources: Mapping[Address, Attributes], kinds: Kinds) -> dict[str, Any]:
    """What flagd reads: `{"$schema", "metadata", "flags"}`, flags by name.

    Raises `UsageError` where there is no such workspace, `OrgformError` where a value is not of its flag's type.
    """
    known = flag_kinds(kinds)
    if address_of(known.parent, workspace) not in resources:
        has = ", ".join(sorted(key_of(a) for a in resources if kind_of(a) == known.parent)) or "none"
        raise UsageError(f"no {known.parent} named {workspace!r}", hint=f"there are: {has}")
    flags: dict[str, Any] = {}
    for address in sorted(a for a in resources if kind_of(a) == known.flag.name):
        name = key_of(address)
        at = address_of(known.value.name, workspace, name)
        own = resources.get(at, {}).get(known.attribute)
        flags[name] = _flag(address, resources[address], own, at, known)
    return {"$schema": SCHEMA, "metadata": {"flagSetId": workspace}, "flags": flags}


def flag_kinds(kinds: Kinds) -> FlagKinds:
    for kind in kinds.values():
        for attribute, schema in kind.properties.items():
            rule = schema.get("x-typed-by", {})
            if "reference" in rule and kind.parent and kind.key:
                flag = kinds[kind.key.references[0].kind]
                default = next(name for name, p in flag.properties.items() if "x-typed-by" in p)
                return FlagKinds(flag, kind, kind.parent, attribute, default, rule["type"], rule["variants"])
    raise OrgformError("no kind here has values that are typed by another: there are no flags to write")


def _flag(address: Address, flag: Attributes, own: Any, at: Address, known: FlagKinds) -> dict[str, Any]:
    type, default, named = flag.get(known.type), flag.get(known.default), flag.get(known.variants)
    here, wanted = (address, default) if own is None else (at, own)
    if named:
        variants, chosen = dict(sorted(named.items())), wanted
        if not isinstance(chosen, str) or chosen not in variants:
            raise OrgformError(f"{here}: {chosen!r} is none of the flag's variants: {', '.join(variants)}")
    elif type == "boolean":
        _must_be(type, wanted, here)
        variants, chosen = dict(_SWITCH), "on" if wanted else "off"
    else:
        variants = {OWN: default} if own is None or _same(own, default) else {OWN: default, HERE: own}
        chosen = next(reversed(variants))
    for name, value in variants.items():
        if not name:
            raise OrgformError(f"{address}: flagd takes no variant without a name", hint="name it")
        _must_be(str(type), value, here if name in (chosen, HERE) else address)
    disabled = flag.get("state") == "disabled"
    made = {"state": "DISABLED" if disabled else "ENABLED", "variants": variants, "defaultVariant": chosen}
    metadata = _metadata(flag)
    return {**made, "metadata": metadata} if metadata else made


def _must_be(type: str, value: Any, address: Address) -> None:
    if not isinstance(value, _TYPES.get(type, ())) or (isinstance(value, bool) and type != "boolean"):
        raise OrgformError(f"{address}: {value!r} is no value of the type {type}", hint="correct the flag's type, or the value")


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _metadata(flag: Attributes) -> dict[str, str]:
    """What people know of it: flagd's metadata has texts, numbers and booleans, and nothing in them."""
    found = {name: str(flag[name]) for name in ("description", "expires", "owner") if flag.get(name)}
    return found | {f"labels.{name}": str(word) for name, word in sorted((flag.get("labels") or {}).items())}
