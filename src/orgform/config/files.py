"""Which files are the config, and their bytes: from a folder on disk.

Invariant: nothing outside of the config folder is ever read as config, whichever links lead there; sizes are known before bytes are read.
`environments/`, dot-folders, dot-files and `*.test.yaml` are no config.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from pathlib import Path
from typing import Protocol

from orgform.codec import Struct
from orgform.formats import CONTROL

MAX_FILES = 10_000
MAX_FOLDERS = 100
MAX_YAML = 16 * 2**20
MAX_CSV = 64 * 2**20
ENVIRONMENTS = "environments"


class FileProblem(Exception):
    """A file that is not read: `code`, what is wrong, what to do."""

    def __init__(self, file: str, code: str, summary: str, fix: str) -> None:
        super().__init__(summary)
        self.file, self.code, self.summary, self.fix = file, code, summary, fix


class Listing(Struct, frozen=True):
    """`files`: the config's YAML files, relative paths with `/`, sorted. `environments`: names of the files in `environments/`.
    `problems`: what is not read, and why.
    """

    files: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    problems: tuple[tuple[str, str, str, str], ...] = ()


class Files(Protocol):
    """Where a config's files come from."""

    @property
    def identity(self) -> str:
        """What tells this source from others, for the name of its cache entry."""
        ...

    def listing(self) -> Listing:
        """All YAML files of the config. Raises `FileProblem` where there is no such folder."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """A file's bytes; raises `FileProblem` where it is missing, unreadable, outside of the folder, or larger than `limit`."""
        ...


def is_config_name(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and not name.startswith(".") and not name.endswith((".test.yaml", ".test.yml"))


def outside(file: str) -> FileProblem:
    return FileProblem(
        file, "ORG005", f"`{file}` leads out of the config folder", "move what it leads to into the config folder; nothing outside is read"
    )


def too_large(file: str, size: int, limit: int) -> FileProblem:
    fix = f"split it: a file may have at most {limit // 2**20} MB" if limit == MAX_YAML else f"at most {limit // 2**20} MB are read"
    return FileProblem(file, "ORG006", f"the file has {size / 2**20:,.1f} MB", fix)


def is_printable(name: str) -> bool:
    """Whether a file's name can be shown: it is UTF-8, and has no control characters."""
    return not CONTROL.search(name) and not any("\ud800" <= char <= "\udfff" for char in name)


def odd_name(file: str) -> FileProblem:
    shown = "".join(char if is_printable(char) else "\N{REPLACEMENT CHARACTER}" for char in file)
    return FileProblem(shown, "ORG003", f"the name of `{shown}` has characters that cannot be shown", "give it another name")


def missing(file: str) -> FileProblem:
    return FileProblem(file, "ORG003", f"there is no file `{file}`", "check the path; it is relative to the config folder")


class FolderFiles:
    """The config folder on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = os.path.realpath(folder)

    @property
    def identity(self) -> str:
        return f"folder:{self._root}"

    def listing(self) -> Listing:
        if not Path(self._root).is_dir():
            there = Path(self._root).exists()
            what = "is no folder" if there else "does not exist"
            fix = (
                f"name the folder that it is in: `-C {self.folder.parent}`"
                if there
                else "check `--dir`/`-C`, or make a config with `orgform init`"
            )
            raise FileProblem(str(self.folder), "ORG001", f"the config folder `{self.folder}` {what}", fix)
        walk = _Walk(self._root)
        walk.run()
        environments = tuple(sorted(walk.below_environments))
        return Listing(tuple(sorted(walk.found.values())), environments, tuple(walk.problems))

    def read(self, path: str, limit: int) -> bytes:
        if not is_printable(path):
            raise odd_name(path)
        target = os.path.realpath(os.path.join(self._root, path))  # noqa: PTH118 - an absolute `path` must not stay unnoticed below
        if not _within(self._root, target):
            raise outside(path)
        try:
            info = Path(target).stat()
            if not stat.S_ISREG(info.st_mode):
                raise FileProblem(path, "ORG003", f"`{path}` is no regular file", "name a file")
            if info.st_size > limit:
                raise too_large(path, info.st_size, limit)
            return Path(target).read_bytes()
        except FileNotFoundError as error:
            raise missing(path) from error
        except OSError as error:
            raise _unreadable(path, error) from error


class _Walk:
    """Files below the root by their real path, so that a link inside of the folder adds nothing twice."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.found: dict[str, str] = {}
        self.below_environments: list[str] = []
        self.problems: list[tuple[str, str, str, str]] = []
        self._folders: set[str] = set()
        self._waiting = deque([""])

    def run(self) -> None:
        while self._waiting:
            self._folder(self._waiting.popleft())

    def _folder(self, relative: str) -> None:
        real = os.path.realpath(os.path.join(self._root, relative))  # noqa: PTH118
        if real in self._folders:
            return
        self._folders.add(real)
        try:
            entries = sorted(os.scandir(real), key=lambda e: (e.is_symlink(), e.name))
        except OSError as error:
            self._note(_unreadable(relative, error))
            return
        for entry in entries:
            if not entry.name.startswith(".") and self._good_name(entry.name, relative):
                self._entry(entry, f"{relative}/{entry.name}" if relative else entry.name)

    def _good_name(self, name: str, folder: str) -> bool:
        if is_printable(name) or not name.endswith((".yaml", ".yml")):
            return True
        self._note(odd_name(f"{folder}/{name}" if folder else name))
        return False

    def _entry(self, entry: os.DirEntry[str], relative: str) -> None:
        if entry.is_symlink() and not _within(self._root, os.path.realpath(entry.path)):
            self._note(outside(relative))
        elif _is_folder(entry):
            if relative == ENVIRONMENTS:
                self._environments(entry.path)
            else:
                self._below(relative)
        elif is_config_name(entry.name):
            self._file(entry, relative)

    def _below(self, relative: str) -> None:
        if relative.count("/") < MAX_FOLDERS:
            self._waiting.append(relative)
        else:
            shown = f"{relative[:60]}/.../{relative.rpartition('/')[2][:60]}"
            summary = f"`{shown}` is nested deeper than {MAX_FOLDERS} folders"
            self._note(FileProblem(shown, "ORG025", summary, "move it up, or remove it"))

    def _environments(self, path: str) -> None:
        try:
            names = [e.name for e in os.scandir(path) if is_config_name(e.name)]
        except OSError as error:
            self._note(_unreadable(ENVIRONMENTS, error))
            return
        self.below_environments.extend(names)

    def _file(self, entry: os.DirEntry[str], relative: str) -> None:
        try:
            regular = stat.S_ISREG(entry.stat().st_mode)
        except FileNotFoundError:
            self._note(FileProblem(relative, "ORG003", f"the link `{relative}` leads nowhere", "mend or remove the link"))
            return
        except OSError as error:
            self._note(_unreadable(relative, error))
            return
        if not regular:
            self._note(FileProblem(relative, "ORG003", f"`{relative}` is no regular file", "remove it, or give it another name"))
            return
        if len(self.found) == MAX_FILES:
            self._note(FileProblem(relative, "ORG007", f"the config has more than {MAX_FILES:,} files", "put more into one file"))
        if len(self.found) <= MAX_FILES:
            self.found.setdefault(os.path.realpath(entry.path), relative)

    def _note(self, problem: FileProblem) -> None:
        self.problems.append((problem.file, problem.code, problem.summary, problem.fix))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _unreadable(path: str, error: OSError) -> FileProblem:
    return FileProblem(
        path, "ORG003", f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}", "check its permissions and links"
    )


def is_within(folder: Path, path: Path) -> bool:
    """Whether `path` is below `folder` wherever links lead; it need not be there yet. No system has a path with a NUL in it."""
    return "\0" not in str(path) and _within(os.path.realpath(folder), os.path.realpath(path))


def _within(root: str, path: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)
