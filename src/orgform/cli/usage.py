"""Wrong usage in plain words: what is wrong with the command line, and what was probably meant."""

from __future__ import annotations

import click


def explain(wrong: click.ClickException) -> tuple[str, str]:
    """Message and hint for something that click refused."""
    context = getattr(wrong, "ctx", None)
    path = context.command_path if context else "orgform"
    hint = f"see `{path} --help`"
    if isinstance(wrong, click.NoSuchOption):
        return _no_such_option(wrong, path, top=context is None or context.parent is None)
    message = wrong.format_message().replace("\n\t", " ").rstrip(".")
    return _lower(message), hint


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
