"""`orgform completion`: the script that a shell loads."""

from __future__ import annotations

import click

from orgform.cli.completion import SHELLS, script
from orgform.cli.output import Screen


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SHELLS)))
def command(shell: str) -> int:
    """Print the completion script for a shell.

    \b
    bash  eval "$(orgform completion bash)"       in ~/.bashrc
    zsh   eval "$(orgform completion zsh)"        in ~/.zshrc
    fish  orgform completion fish | source        in ~/.config/fish/config.fish
    """
    Screen().result(script(shell) + "\n")
    return 0
