"""Opens what a command works on: its config, its ledger, its targets and what lives in them.

Invariant: what was opened here is closed here, whatever happens in between.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from orgform.errors import LedgerError, OrgformError
from orgform.kinds import Kinds, load_kinds
from orgform.model import Address, Config
from orgform.options import Confirm, Listener, Options, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orgform.config.files import Files
    from orgform.ledger import Attestation, Ledger
    from orgform.targets import OpenTarget, Snapshot

#: an admin whose last day comes within a week, today counted, does not keep a place from being locked out
_WEEK = timedelta(days=6)


def load(options: Options, kinds: Kinds, *, git_ref: str | None = None, files: Files | None = None) -> Config:
    """`git_ref`: as it was at that commit; `files`: as it would be with other files. Raises `ConfigInvalid`."""
    from orgform.config import load_config
    from orgform.providers import find_spec, spec_names

    if git_ref:
        from orgform.config.gitfiles import GitFiles

        files = GitFiles(options.folder, git_ref)
    # What git holds is what was applied: a grant that has run out since must be in base, or nobody would ever take it away.
    judged_by = date.min if git_ref else today(options)
    return load_config(
        options.folder,
        kinds=kinds,
        specs=find_spec,
        spec_names=spec_names,
        today=judged_by,
        env=options.env,
        variables=options.variables,
        var_files=options.var_files,
        environ=os.environ,
        files=files,
        cache=None if files else cache_folder(os.environ),
    )


def today(options: Options) -> date:
    """The day that `until` is judged by: what was asked for, else today in UTC, so that every machine judges alike."""
    return options.today or datetime.now(UTC).date()


def soon(day: date) -> date:
    """The last day of the week that begins with this one: an admin whose `until` is not after it is not counted on."""
    return min(day, date.max - _WEEK) + _WEEK


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """The user's cache folder, for parsed configs and used-up quotas; `ORGFORM_CACHE` moves it, and empty switches it off."""
    if "ORGFORM_CACHE" in environ:
        return Path(environ["ORGFORM_CACHE"]) if environ["ORGFORM_CACHE"] else None
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/orgform"
    default = environ.get("LOCALAPPDATA") or environ.get("XDG_CACHE_HOME")
    return (Path(default) if default else Path.home() / ".cache") / "orgform"


def keep_seen(options: Options, ledger: Ledger, seen: Mapping[str, Mapping[Address, tuple[Attestation, Attestation]]]) -> None:
    """What a read said of words that people gave. A plan keeps it, too: who left and came back between two applies has been away all the
    same. Where the ledger may only be read, or is of another version, the next command that may write finds out what it can. A plan for a
    day to come (`--today`) sees what is so now: a word that ended has ended by now."""
    from orgform.ledger import keep_seen as keep

    now = datetime.now(tz=UTC).date().isoformat()
    seen = {system: {a: (old, _ended(old, new, now)) for a, (old, new) in words.items()} for system, words in seen.items()}
    if ledger.writable:
        for system, words in seen.items():
            ledger.see(system, words)
    elif seen:
        with suppress(LedgerError):
            keep(_ledger_at(options), seen)


def _ended(old: Attestation, new: Attestation, now: str) -> Attestation:
    from orgform.codec import replace

    return new if new.expires == old.expires else replace(new, expires=min(new.expires, now))


def _ledger_at(options: Options) -> str | Path:
    return options.ledger or os.environ.get("ORGFORM_LEDGER") or options.folder / ".orgform" / "ledger.db"


@contextmanager
def opened_ledger(options: Options, *, create: bool) -> Iterator[Ledger]:
    from orgform.ledger import open_ledger

    ledger = open_ledger(_ledger_at(options), create=create)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def opened_targets(
    options: Options, config: Config, ledger: Ledger, confirm: Confirm | None, *, run: str = ""
) -> Iterator[dict[str, OpenTarget]]:
    """`run`: of an apply, so that the live systems know which one wrote."""
    from orgform.targets import Opening, open_targets

    cache = cache_folder(os.environ)
    opening = Opening(options.folder, load_kinds(), ledger, options.max_wait, options.allow_target, confirm, run, options.reserve, cache)
    with open_targets(config, options.targets, opening) as targets:
        yield targets


def read_live(targets: Mapping[str, OpenTarget], kinds: Iterable[str] | None, listen: Listener | None) -> Snapshot:
    from orgform.targets import read_targets

    def news(kind: str, count: int) -> None:
        if listen:
            listen(Progress("read", f"reading {kind}", count))

    return read_targets(targets, None if kinds is None else set(kinds), news)


def complete(snapshot: Snapshot) -> Snapshot:
    """What is shown or exported as the whole must be the whole."""
    for target, problem in snapshot.failed.items():
        raise OrgformError(f"target {target} could not be read: {problem}", hint="run it again, or choose others with --target")
    for target, problems in snapshot.problems.items():
        for kind, problem in problems.items():
            raise OrgformError(f"target {target}: {kind} could not be read completely: {problem}", hint="run it again")
    return snapshot


def actor() -> str:
    """Who runs it, for the lock and the ledger: CI's word for it, else user and host."""
    for name in ("ORGFORM_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR"):
        if os.environ.get(name):
            return os.environ[name]
    import getpass

    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}"
