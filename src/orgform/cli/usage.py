"""Wrong usage in plain words: what is wrong with the command line, and what was probably meant."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click


def explain(wrong: click.ClickException) -> tuple[str, str]:
    """Message and hint for something that click refused."""
    context = getattr(wrong, "ctx", None)
    path = context.command_path if context else "orgform"
    hint = f"see `{path} --help`"
    if isinstance(wrong, click.NoSuchOption):
        return _no_such_option(wrong, path, top=context is None or context.parent is None)
    message = _lower(wrong.format_message().replace("\n\t", " ").rstrip("."))
    return message, _folder(context, message) or hint


def _folder(context: click.Context | None, message: str) -> str:
    """The folder stands behind -C: who writes it as a word of its own is told so."""
    if context is None or not any(param.name == "folder" for param in context.command.params):
        return ""
    found = re.match(r"got unexpected extra arguments? \(([^\s)]+)", message) or re.search(r"File '(.+)' is a directory$", message)
    takes_words = any(isinstance(param, click.Argument) for param in context.command.params)
    if found is None or (takes_words and not Path(found[1]).is_dir()):
        return ""
    return f"the folder of the config stands behind -C: `{context.command_path} -C {shlex.quote(found[1])}`"


def _no_such_option(wrong: click.NoSuchOption, path: str, *, top: bool) -> tuple[str, str]:
    message = f"{path} has no option {wrong.option_name}"
    if top:
        return message, "options stand after the command: `orgform plan -C DIR`"
    if wrong.possibilities:
        return f"{message}; did you mean {wrong.possibilities[0]}?", f"see `{path} --help`"
    return message, f"see `{path} --help`"


def _lower(message: str) -> str:
    """Sentences of click begin with a capital; ours follow `error: `."""
    return message[:1].lower() + message[1:] if message[1:2].islower() else message
