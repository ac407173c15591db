"""Flags, their values and their workspaces, from the config or from the live systems.

Invariant: a value that cannot be told is never guessed. What a platform does not hold of a flag (its owner, its expiry) is the config's
word.
"""

from __future__ import annotations

from collections.abc import Mapping

from orgform.errors import OrgformError
from orgform.flagd import flag_kinds
from orgform.kinds import Kinds
from orgform.model import Address, Attributes, Live, address_of, key_of, kind_of
from orgform.opening import complete, load, opened_ledger, opened_targets, read_live
from orgform.options import Confirm, Listener, Options
from orgform.planning.scope import matches
from orgform.targets import OpenTarget


def flags(
    options: Options, kinds: Kinds, workspace: str, *, live: bool = True, listen: Listener | None = None, confirm: Confirm | None = None
) -> dict[Address, Attributes]:
    """What `--only` lets through of the flags, all their values, all workspaces. Raises `OrgformError` where the live systems could not
    be read whole, or have a flag in the workspace as no config can say it."""
    known = flag_kinds(kinds)
    wanted = frozenset({known.flag.name, known.value.name, known.parent})
    config = load(options, kinds)
    declared = {a: d.attributes for a, d in config.desired.items() if kind_of(a) in wanted}
    if not live:
        found, read = declared, {}
    else:
        with opened_ledger(options, create=False) as ledger, opened_targets(options, config, ledger, confirm) as targets:
            read = complete(read_live(targets, wanted, listen)).live
            found = _joined(declared, read, targets)
    left = {a: own for a, own in found.items() if kind_of(a) != known.flag.name or not options.only or matches(a, options.only)}
    for address in sorted(a for a in left if kind_of(a) == known.flag.name):
        _tellable(address_of(known.value.name, workspace, key_of(address)), read)
    return left


def _joined(
    declared: Mapping[Address, Attributes], read: Mapping[Address, Live], targets: Mapping[str, OpenTarget]
) -> dict[Address, Attributes]:
    """What was read, with the attributes that stay in the config; of a kind that no target reads, what the config says."""
    reach = {kind: can for t in targets.values() for kind in t.kinds if (can := t.provider.capabilities.of(kind))}
    seen = {kind for t in targets.values() for kind in t.kinds if kind not in reach or reach[kind].readable}
    found = {a: own for a, own in declared.items() if kind_of(a) not in seen}
    for address, resource in read.items():
        can = reach.get(kind_of(address))
        kept = {n: v for n, v in declared.get(address, {}).items() if can and can.field(n) == "config"}
        found[address] = {**resource.attributes, **kept}
    return found


def _tellable(address: Address, read: Mapping[Address, Live]) -> None:
    if address in read and read[address].unmanaged:
        words = "; ".join(read[address].unmanaged.values())
        raise OrgformError(
            f"{address} is {words}, which people set up there and a flag's value could not say",
            hint="take the config's values with --from config, or leave the flag out with --only",
        )
