"""Completion: the script that a shell loads, and the answers it then asks for."""

from __future__ import annotations

from click import shell_completion

from orgform.cli.group import root

SHELLS: dict[str, type[shell_completion.ShellComplete]] = {
    "bash": shell_completion.BashComplete,
    "zsh": shell_completion.ZshComplete,
    "fish": shell_completion.FishComplete,
}
VARIABLE = "_ORGFORM_COMPLETE"


def script(shell: str) -> str:
    """The script for `shell`; made without running the shell."""
    helper = _helper(shell)
    return helper.source_template % helper.source_vars()


def answer(instruction: str) -> int:
    """What the script asks by the environment variable: `bash_complete`."""
    shell, _, what = instruction.partition("_")
    if shell not in SHELLS or what not in ("complete", "source"):
        return 1
    text = script(shell) if what == "source" else _helper(shell).complete()
    print(text)
    return 0


def _helper(shell: str) -> shell_completion.ShellComplete:
    return SHELLS[shell](root, {}, "orgform", VARIABLE)
