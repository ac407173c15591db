"""What stops us, at a glance. Users' mistakes in a config are diagnostics (collected); these are exceptions, and each knows its exit code.

Only `cli` turns one into an exit. Every message says what is wrong, where, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orgform.diagnostics import Diagnostic

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CHANGES = 2
EXIT_CONFIG_INVALID = 3
EXIT_GUARD_REFUSED = 4
EXIT_STALE = 5
EXIT_PARTLY_APPLIED = 6
EXIT_USAGE = 64
EXIT_INTERRUPTED = 130


class OrgformError(Exception):
    """Base of everything orgform raises. `hint` says what to do; it is printed below the message."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BrokenProvider(OrgformError):
    """A provider that is installed and cannot be used, with the package that ships it."""


class ConfigInvalid(OrgformError):
    """The config has errors: `diagnostics` holds all of them (and the warnings)."""

    exit_code = EXIT_CONFIG_INVALID

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        errors = sum(d.severity == "error" for d in diagnostics)
        super().__init__(f"the config has {errors} error{'s' if errors != 1 else ''}")
        self.diagnostics = diagnostics


class GuardRefused(OrgformError):
    """A guard refused the plan; nothing was done. `plan` is the whole plan with its verdicts."""

    exit_code = EXIT_GUARD_REFUSED

    def __init__(self, message: str, plan: Any, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.plan = plan


class UsageError(OrgformError):
    """Wrong words on the command line, or something that needs a terminal and has none."""

    exit_code = EXIT_USAGE


class ProviderError(OrgformError):
    """A live system did not do what it was asked: refused, unreachable, or answered nonsense."""


class ReadFailed(ProviderError):
    """The live state could not be read at all (no connection, bad token)."""


class SecretRefused(OrgformError):
    """A secret would have gone to an origin that nobody allowed; it was not read."""


class SecretMissing(OrgformError):
    """What a secret reference names is not there or cannot be used; the message never holds a value."""


class LockHeld(OrgformError):
    """Another apply runs. The message names its holder and since when."""


class LedgerError(OrgformError):
    """The ledger cannot be read or written."""


class PlanFileInvalid(OrgformError):
    """A saved plan that is unreadable, altered, of another version, format or target; nothing was done."""


class GitError(OrgformError):
    """`--base REF` could not be read from git."""
