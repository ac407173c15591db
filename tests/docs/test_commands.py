"""What the pages say of the command line is what it takes: commands, options, forms, exit codes, variables, every line that is shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from orgform import errors
from orgform.cli.commands.domains import verify
from orgform.cli.group import COMMANDS, root
from orgform.cli.options import OPTIONS
from tests.docs.page import REPOSITORY
from tests.docs.test_links import PAGES

PAGE = REPOSITORY / "docs" / "commands.md"
WORD = re.compile(r"(?<![\w-])--?[A-Za-z][a-z-]*")


@cache
def commands() -> dict[str, click.Command]:
    """Name as people type it -> command; groups are their commands."""
    context = click.Context(root)
    found: dict[str, click.Command] = {"domains verify": verify}
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            found.update({f"{name} {word}": own for word, own in command.commands.items()})
        else:
            found[name] = command
    return found


def options(command: click.Command) -> dict[str, click.Option]:
    """Every spelling, `--help` left out."""
    return {word: p for p in command.params if isinstance(p, click.Option) and p.name != "help" for word in p.opts}


def common() -> set[str]:
    made = click.Command("any")
    for add in OPTIONS.values():
        made = add(made)
    return set(options(made)) | {"--format"}


def table(heading: str) -> list[list[str]]:
    """The rows of a section's table, cell by cell."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.replace("\\|", "\0").strip("| ").split("|") for line in section.splitlines() if line.startswith("|")]
    assert rows, f"there is no section {heading}"
    return [[cell.strip().replace("\0", "|") for cell in row] for row in rows[2:]]


def test_every_command_has_its_line() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    told = {word.split()[0] for word in re.findall(r"(?m)^\| `([a-z ]+)", text)}
    assert told == set(COMMANDS)


def test_every_option_of_every_command_has_its_line_and_no_other() -> None:
    told = {row[0].strip("`"): set(WORD.findall(row[1].partition(": see")[0])) for row in table("Options of one command")}
    own = {name: set(options(command)) - common() for name, command in commands().items()}
    assert told == {name: words for name, words in own.items() if words or name in told}
    assert {name for name, words in own.items() if words} <= set(told)


def test_the_forms_of_every_command() -> None:
    told = {
        row[0].strip("`"): [word for word in row[2].split(", ") if word] if len(row) > 2 else [] for row in table("Options of one command")
    }
    for name, command in commands().items():
        form = options(command).get("--format")
        taken = list(form.type.choices) if form and isinstance(form.type, click.Choice) else []
        assert told.get(name, []) == taken, name


def test_the_options_that_many_commands_take() -> None:
    told = {word for row in table("Options that many commands take") for word in WORD.findall(row[0])}
    assert told == common()


def test_the_exit_codes() -> None:
    told = {int(row[0]) for row in table("Exit codes")}
    assert told == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_the_variables_of_the_environment() -> None:
    name = re.compile(r"(?<![A-Z_])_?(ORGFORM_(?:VAR_|[A-Z]+(?:_[A-Z]+)*))")
    told = {found for row in table("Environment") for found in name.findall(row[0])}
    sources = [p for p in (REPOSITORY / "src" / "orgform").rglob("*.py") if "testing" not in p.parts]
    read = {found for path in sources for found in name.findall(path.read_text(encoding="utf-8"))}
    assert told == read - {"ORGFORM_COMPLETE"}, "shells set the one for completion by themselves"


def shown() -> Iterator[tuple[Path, str]]:
    """Every command line of orgform that a page or an example shows in a block of code."""
    for page in [*PAGES, *sorted((REPOSITORY / "examples").rglob("*.md"))]:
        for block in re.findall(r"(?ms)^ *```\w*\n(.*?)^ *```", page.read_text(encoding="utf-8")):
            for line in re.sub(r"\\\n\s*", " ", block).splitlines():
                found = re.match(r"\s*(?:\$ |- run: |- )?((?:[A-Z_]+=\S+ )*orgform [a-z].*)", line)
                if found and not found[1].startswith("orgform serves "):
                    yield page, found[1]


@pytest.mark.parametrize("line", sorted({line for _, line in shown()}))
def test_lines_that_are_shown_are_taken(line: str) -> None:
    given = shlex.split(line.replace("${{ github.base_ref }}", "main").replace("'\"", ""), comments=True)
    given = given[next(i for i, word in enumerate(given) if word == "orgform") + 1 :]
    given = given[: min((i for i, word in enumerate(given) if word in (">", ">>", "|", "||", "<", "&", "&&")), default=len(given))]
    name = " ".join(given[:2]) if " ".join(given[:2]) in commands() else given[0]
    commands()[name].make_context(name, given[len(name.split()) :])


def test_lines_are_found() -> None:
    assert len({page for page, _ in shown()}) >= 15
