"""The common options, written once: they stand after the command and mean the same everywhere.

Invariant: whatever a command takes of these ends in `app.Options`; shapes (`NAME=VALUE`, dates) are checked here, meaning is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orgform.cli.output import Screen, Seat

if TYPE_CHECKING:
    from orgform.app import Options

F = TypeVar("F", bound=Callable[..., Any])


class Day(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return datetime.strptime(value.rjust(10, "-"), "%Y-%m-%d").date()
        except ValueError:
            return self.fail(f"{value!r} is no day; write it as YYYY-MM-DD, for example 2027-01-31", param, ctx)


class Number(click.FloatRange):
    """`nan` is in every range, and no number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


Seconds = Percent = Number


class Pair(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Two words with a sign between: `NAME=VALUE`, `GUARD:ADDRESS_GLOB`."""

    def __init__(self, shape: str, sign: str, example: str) -> None:
        self.name, self.sign, self.example = shape, sign, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        first, sign, second = str(value).partition(self.sign)
        if not (first and sign and (second or self.sign == "=")):
            self.fail(f"{value!r} is not of the form {self.name}, for example {self.example}", param, ctx)
        return str(value)


def _path(metavar: str) -> dict[str, Any]:
    return {"type": click.Path(path_type=Path), "metavar": metavar}


def _environments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For completion: what there is under environments/."""
    folder = Path(ctx.params.get("folder") or ".") / "environments"
    names = {path.stem for pattern in ("*.yaml", "*.yml") for path in folder.glob(pattern)}
    return sorted(name for name in names if name.startswith(incomplete))


OPTIONS: dict[str, Callable[[F], F]] = {
    "dir": click.option("-C", "--dir", "folder", default=Path(), help="Folder of the config (here, if not given).", **_path("DIR")),
    "env": click.option("--env", metavar="NAME", shell_complete=_environments, help="Overlay environments/NAME.yaml on the config."),
    "var": click.option(
        "--var",
        "variables",
        multiple=True,
        type=Pair("NAME=VALUE", "=", "--var region=eu"),
        help="Value of a variable of the config; may be repeated.",
    ),
    "var-file": click.option(
        "--var-file", "var_files", multiple=True, help="YAML map of variables; may be repeated, --var wins.", **_path("FILE")
    ),
    "target": click.option("--target", "targets", metavar="NAME", multiple=True, help="Only this target; may be repeated."),
    "only": click.option(
        "--only",
        metavar="ADDRESS_GLOB",
        multiple=True,
        help="Only these resources and what they need, e.g. 'workspace/brand-x-*'; may be repeated.",
    ),
    "today": click.option("--today", type=Day(), help="Day that `until` is judged by (today in UTC, if not given)."),
    "parallelism": click.option(
        "--parallelism",
        metavar="N",
        type=click.IntRange(1, 100),
        default=10,
        show_default=True,
        help="Calls to the live system at the same time.",
    ),
    "max-wait": click.option(
        "--max-wait",
        type=Seconds(0, 3600),
        default=30,
        show_default=True,
        metavar="SECONDS",
        help="Longest wait that a busy live system may ask for before a call fails.",
    ),
    "reserve": click.option(
        "--reserve",
        type=Percent(0, 99),
        default=0,
        show_default=True,
        metavar="PERCENT",
        help="Part of a live system's quota of calls that is left to others.",
    ),
    "ledger": click.option(
        "--ledger", metavar="FILE|URL", help="Where it is remembered what was applied (.orgform/ledger.db in the config folder)."
    ),
    "allow": click.option(
        "--allow",
        multiple=True,
        type=Pair("GUARD:ADDRESS_GLOB", ":", "--allow 'deletes:member/*'"),
        help="Let a guard pass for these addresses; the refusal names the exact words. May be repeated.",
    ),
    "allow-destroy": click.option(
        "--allow-destroy",
        metavar="ADDRESS",
        multiple=True,
        help="Let this be deleted although it holds data; may be repeated.",
    ),
    "allow-target": click.option(
        "--allow-target",
        "allow_target",
        multiple=True,
        type=Pair("NAME=ORIGIN", "=", "--allow-target acme=https://api.acme.example"),
        help="Let the secrets of a target go to this origin; may be repeated.",
    ),
    "no-color": click.option(
        "--no-color", "color", is_flag=True, flag_value=False, default=True, help="No colours; NO_COLOR does the same."
    ),
    "quiet": click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks; results are short."),
}

CONFIG = ("dir", "env", "var", "var-file")
LIVE = ("target", "parallelism", "max-wait", "reserve", "ledger", "allow-target")
SCREEN = ("no-color", "quiet")


def examples(*commands: str) -> str:
    """What a command's help ends with: whole command lines, which can be copied; what one is for stands behind a `#`."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)


def common(*names: str, formats: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Adds options to a command, in the order in which help shows them."""

    def add(function: F) -> F:
        if formats:
            function = click.option(
                "--format", "format", type=click.Choice(formats), default="text", show_default=True, help="Form of the result."
            )(function)
        for name in reversed(names):
            function = OPTIONS[name](function)
        return function

    return add


def chosen(values: Mapping[str, Any]) -> Options:
    """The values of a command's common options as `app.Options`."""
    from orgform.app import Options

    known = {name: values[name] for name in Options.__struct_fields__ if values.get(name) is not None}
    return Options(**known)


def screen(values: Mapping[str, Any]) -> Screen:
    """The screen that a command's options ask for; what goes wrong later is told on it, too."""
    made = Screen(
        values.get("format") or "text",
        color=values.get("color", True),
        quiet=values.get("quiet", False),
        folder=values.get("folder") or Path(),
    )
    click.get_current_context().ensure_object(Seat).screen = made
    return made


def naming(values: dict[str, Any]) -> str:
    """The options that name the same config and targets, for the commands that are shown."""
    import shlex

    given: list[str] = []
    if values.get("folder") not in (None, Path()):
        given += ["-C", str(values["folder"])]
    for name, option in (("env", "--env"), ("ledger", "--ledger")):
        given += [option, str(values[name])] if values.get(name) else []
    for name, option in (("variables", "--var"), ("var_files", "--var-file"), ("targets", "--target"), ("allow_target", "--allow-target")):
        given += [word for value in values.get(name) or () for word in (option, str(value))]
    return " ".join(map(shlex.quote, given))
