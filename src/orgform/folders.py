"""Config files as texts: read to be edited, written whole.

Invariant: a file is replaced in one step, so that an interrupted write leaves the old one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orgform.config.files import ENVIRONMENTS, MAX_YAML, FileProblem, FolderFiles
from orgform.errors import OrgformError


def texts_in(folder: Path, env: str | None = None) -> dict[str, str]:
    """Relative name -> text of a folder's YAML files, its chosen environment's included; empty where there is no config yet.

    Raises `OrgformError` for what cannot be read.
    """
    if not folder.is_dir():
        return {}
    files = FolderFiles(folder)
    try:
        listing = files.listing()
        chosen = [name for name in _overlay_names(env) if env in listing.environments and (folder / name).exists()]
        return {name: files.read(name, MAX_YAML).decode("utf-8") for name in (*listing.files, *chosen)}
    except FileProblem as problem:
        raise OrgformError(f"{problem.file}: {problem.summary}", hint=problem.fix) from None
    except UnicodeDecodeError as error:
        raise OrgformError(f"a file in {folder} is not UTF-8: {error.reason}", hint="`orgform validate` says where") from None


def _overlay_names(env: str | None) -> list[str]:
    return [f"{ENVIRONMENTS}/{env}{ending}" for ending in (".yaml", ".yml")] if env else []


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes them below `folder`, which is made where it is missing. Raises `OrgformError`."""
    for name, text in files.items():
        try:
            _replace(folder / name, text)
        except OSError as error:
            raise OrgformError(f"{folder / name} cannot be written: {error.strerror}", hint="check the folder's rights and space") from None


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".orgform-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
