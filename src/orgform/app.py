"""The shell that joins the stages: the public Python API. The command line uses nothing else.

Every function takes `Options` (where the config is, and what was chosen), returns plain values, and raises `errors.OrgformError`.
Nothing here prints, asks or exits; what must be asked comes in as a callable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from orgform.codec import Struct
from orgform.diagnostics import Diagnostic
from orgform.model import AccessItem, Plan, Report


class Options(Struct, frozen=True):
    """What the common options choose. `today`: the day `until` is judged by (None: the real one).

    `only` are address globs; `allow` are `GUARD:ADDRESS_GLOB`; `allow_destroy` address globs; `allow_target` `NAME=ORIGIN`.
    `ledger`: a file or database URL (None: `.orgform/ledger.db` in the config folder).
    """

    folder: Path = Path()
    env: str | None = None
    variables: tuple[str, ...] = ()
    var_files: tuple[Path, ...] = ()
    targets: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    today: date | None = None
    parallelism: int = 10
    max_wait: float = 30.0
    ledger: str | None = None
    allow: tuple[str, ...] = ()
    allow_destroy: tuple[str, ...] = ()
    allow_target: tuple[str, ...] = ()


class Progress(Struct, frozen=True):
    """One piece of news from long work. `phase`: `read`, `apply`. `total` is None where it is not known."""

    phase: str
    message: str
    done: int = 0
    total: int | None = None


Listener = Callable[[Progress], None]


class Validation(Struct, frozen=True):
    """`resources`: kind -> how many are declared."""

    resources: dict[str, int]
    diagnostics: tuple[Diagnostic, ...]


def validate(options: Options) -> Validation:
    """Reads and checks the config, offline. Raises `ConfigInvalid` with every problem at once."""
    raise NotImplementedError


def plan(
    options: Options,
    *,
    base: str | None = None,
    destroy: bool = False,
    listen: Listener | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> Plan:
    """What an apply would do now. `base`: a git revision to take base from. A refusing guard is in `plan.refused`, not raised.

    `confirm` is asked once for a target's secret that nobody allowed yet; without it that is `SecretRefused`.
    """
    raise NotImplementedError


def apply(
    options: Options,
    *,
    saved: Plan | None = None,
    base: str | None = None,
    destroy: bool = False,
    approve: Callable[[Plan], bool] | None = None,
    listen: Listener | None = None,
    stop: threading.Event | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> tuple[Plan, Report]:
    """Plans (unless `saved`), asks `approve` where given, and applies. Raises `GuardRefused` before any write.

    When `approve` says no, the report's outcome is `declined`. `stop`: set it to finish what is in flight and return (outcome `interrupted`).
    """
    raise NotImplementedError


def load_plan(path: Path) -> Plan:
    """Reads a saved plan. Raises `PlanFileInvalid`."""
    raise NotImplementedError


def export(
    options: Options, *, into: Path | None = None, listen: Listener | None = None, confirm: Callable[[str], bool] | None = None
) -> dict[str, str]:
    """The live system as config: relative file name -> text. With `into` they are written there, comments of existing files kept."""
    raise NotImplementedError


def access(
    options: Options, *, live: bool = False, listen: Listener | None = None, confirm: Callable[[str], bool] | None = None
) -> tuple[AccessItem, ...]:
    """Effective access with its path: of the config (offline), or of the live system."""
    raise NotImplementedError


def history(options: Options, *, run: str | None = None) -> dict[str, Any]:
    """`{runs: [{run, started, finished, actor, outcome, changes}]}`, newest first; with `run` that one, `changes` as a list of outcomes."""
    raise NotImplementedError


def providers() -> dict[str, Any]:
    """The capability matrix: `{NAME: {summary, options, kinds: {KIND: {read, create, update, delete, fields}}, batch, page, ...}}`."""
    raise NotImplementedError


def schema(name: str = "company") -> dict[str, Any]:
    """A JSON Schema: `company`, `plan`, or a kind's name. Raises `UsageError` with what there is."""
    raise NotImplementedError


def init(
    folder: Path, *, strategy: str = "by-brand", company: str = "Acme Corp", domain: str = "acme.com", owners: tuple[str, ...] = ()
) -> Mapping[str, str]:
    """Writes a first config (strategies `by-brand`, `by-region`, `by-environment`): relative file name -> text. Refuses a folder that has one."""
    raise NotImplementedError
