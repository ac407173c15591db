"""Config files as texts: read to be edited, written whole.

Invariant: a file is replaced in one step, so that an interrupted write leaves the old one; none is replaced before all could be written.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from orgform.config.files import ENVIRONMENTS, MAX_CSV, MAX_YAML, FileProblem, Files, FolderFiles, Listing, is_config_name, is_within
from orgform.errors import OrgformError


class Edited:
    """A config folder as it would be with some files changed: nothing is written."""

    def __init__(self, folder: Path, texts: Mapping[str, str]) -> None:
        self._files: Files = FolderFiles(folder)
        self._texts = texts

    @property
    def identity(self) -> str:
        return f"{self._files.identity} edited"

    def listing(self) -> Listing:
        found = self._files.listing()
        new = (name for name in self._texts if is_config_name(name) and not name.startswith(f"{ENVIRONMENTS}/"))
        return Listing(tuple(sorted({*found.files, *new})), found.environments, found.problems)

    def read(self, path: str, limit: int) -> bytes:
        text = self._texts.get(path)
        return self._files.read(path, limit) if text is None else text.encode()


def environments_in(folder: Path) -> list[str]:
    """Names that `--env` takes."""
    return sorted({name.rpartition(".")[0] for name in FolderFiles(folder).listing().environments})


def texts_in(folder: Path, env: str | None = None, *, also: Iterable[str] = ()) -> dict[str, str]:
    """Relative name -> text of a folder's YAML files, its chosen environment's included; empty where there is no config yet.

    `also`: further files that the config reads. Raises `OrgformError` for what cannot be read.
    """
    if not folder.is_dir():
        return {}
    files = FolderFiles(folder)
    try:
        listing = files.listing()
        chosen = [name for name in _overlay_names(env) if name.partition("/")[2] in listing.environments]
        texts = {name: files.read(name, MAX_YAML).decode("utf-8") for name in (*listing.files, *chosen)}
        return texts | {name: files.read(name, MAX_CSV).decode("utf-8") for name in also if name not in texts}
    except FileProblem as problem:
        raise OrgformError(f"{problem.file}: {problem.summary}", hint=problem.fix) from None
    except UnicodeDecodeError as error:
        raise OrgformError(f"a file in {folder} is not UTF-8: {error.reason}", hint="`orgform validate` says where") from None


def _overlay_names(env: str | None) -> list[str]:
    return [f"{ENVIRONMENTS}/{env}{ending}" for ending in (".yaml", ".yml")] if env else []


def check_folder(folder: Path, names: Iterable[str] = ()) -> None:
    """Whether these files could be written below `folder`, as far as rights tell; nothing is made. Raises `OrgformError`."""
    there = next((p for p in (folder, *folder.absolute().parents) if p.exists()), folder)
    occupied = next((folder / name for name in names if (folder / name).is_dir()), None)
    if not there.is_dir():
        raise OrgformError(f"{there} is a file, so nothing can be written below it", hint="name another folder")
    if occupied:
        raise OrgformError(f"{occupied} is a folder, so no file can be written there", hint="name another folder, or take that one away")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OrgformError(f"nothing can be written into the folder {there}", hint="check its rights, or name another folder")


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes them below `folder`, which is made where it is missing. Raises `OrgformError`; then none of them was replaced, but where
    the very last step failed for one of several.
    """
    drafts: dict[Path, Path] = {}
    path = folder
    try:
        out = next((folder / name for name in files if not is_within(folder, folder / name)), None)
        if out:
            raise OrgformError(f"{out} leads out of {folder}, so nothing was written", hint="remove the link")
        for name, text in files.items():
            path = (folder / name).resolve()  # a link stays one
            drafts[path] = _draft(path, text)
        for path, draft in drafts.items():
            draft.replace(path)
    except OSError as error:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
        raise OrgformError(f"{path} cannot be written: {error.strerror}", hint="check the folder's rights and space") from None


def _draft(path: Path, text: str) -> Path:
    """A whole file beside the one that it is going to replace."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".orgform-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
