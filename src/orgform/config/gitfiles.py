"""The same config folder as it was at a commit, read from git without touching the work tree.

Invariant: git is only asked to list and print objects that are there; no program that a repository's own config names is run, no host
that it names is asked, and a folder that only looks like a repository (a pull request may bring one) is none; a revision can never be
read as an option, and what is no file of the config folder at that commit is never read.
"""

from __future__ import annotations

import os
import posixpath
import subprocess
from functools import cached_property
from pathlib import Path

from orgform.config.files import (
    ENVIRONMENTS,
    MAX_FILES,
    MAX_YAML,
    FileProblem,
    Listing,
    is_config_name,
    is_printable,
    missing,
    odd_name,
    outside,
    too_large,
)
from orgform.errors import GitError

_LINK = "120000"
_FILES = frozenset({"100644", "100755", _LINK})


#: A partial clone would fetch what is missing, by the program that its config names; the second is for git before 2.45.
_STAY = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": ""}
#: Only a `.git` makes a repository: HEAD, objects and a config with programs in it can stand in any folder of a pull request.
_SAFE = ("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat")


class GitFiles:
    """`folder` at `ref`. Raises `GitError` where git, the repository, the revision or the folder in it is missing."""

    def __init__(self, folder: Path, ref: str) -> None:
        self.folder = folder
        self.ref = ref

    @property
    def identity(self) -> str:
        return f"git:{os.path.realpath(self.folder)}"

    @cached_property
    def commit(self) -> str:
        """The full hash of the commit."""
        if not self.folder.is_dir():
            raise GitError(f"the config folder {self.folder} does not exist", hint="check `--dir`/`-C`")
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", self.ref + "^{commit}", check=False)
        if not found.strip():
            self._git("rev-parse", "--git-dir")  # says so where this is no repository at all
            raise GitError(
                f"git knows no commit {self.ref!r} in {self.folder}",
                hint="check the name; in CI, fetch it first (a shallow clone may lack it)",
            )
        return found.decode("ascii").strip()

    @cached_property
    def _tree(self) -> dict[str, tuple[str, str, int]]:
        """Path relative to the config folder -> (mode, object, size)."""
        commit = self.commit
        # the folder's own path in the repository, so that a folder which the commit lacks is told from an empty one
        prefix = self._git("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").strip()
        listed = self._git("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", prefix or ".")
        found = {}
        for row in listed.split(b"\0"):
            head, _, path = row.decode("utf-8", "surrogateescape").partition("\t")
            if path and path.startswith(prefix):
                mode, _, name, size = head.split()
                found[path.removeprefix(prefix)] = (mode, name, int(size) if size.isdigit() else 0)
        return found

    def listing(self) -> Listing:
        files: dict[str, str] = {}
        environments = []
        problems = []
        # links last: a file that two paths lead to is read under its own
        for path, (mode, _, _) in sorted(self._tree.items(), key=lambda item: (item[1][0] == _LINK, item[0])):
            folder, _, name = path.rpartition("/")
            if mode not in _FILES or any(part.startswith(".") for part in path.split("/")):
                continue
            if folder == ENVIRONMENTS and is_config_name(name):
                environments.append(name)
            elif path.split("/")[0] != ENVIRONMENTS and (is_config_name(name) or mode == _LINK):
                try:
                    if not is_printable(path):
                        raise odd_name(path)
                    target = self._resolve(path)
                except FileProblem as problem:
                    problems.append((problem.file, problem.code, problem.summary, problem.fix))
                    continue
                if is_config_name(name) and target in self._tree:
                    files.setdefault(target, path)
        if len(files) > MAX_FILES:
            problems.append((self.ref, "ORG007", f"the config has more than {MAX_FILES:,} files", "put more into one file"))
        return Listing(tuple(sorted(files.values())[:MAX_FILES]), tuple(sorted(environments)), tuple(problems))

    def read(self, path: str, limit: int) -> bytes:
        if not is_printable(path):
            raise odd_name(path)
        target = self._resolve(posixpath.normpath(path))
        entry = self._tree.get(target)
        if entry is None or entry[0] not in _FILES:
            raise missing(path)
        if entry[2] > limit:
            raise too_large(path, entry[2], limit)
        return self._contents.get(entry[1]) or self._git("cat-file", "blob", entry[1])

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        """All small YAML files in one go: a process for each of ten thousand files would take half a minute."""
        wanted = {
            name
            for path, (mode, name, size) in self._tree.items()
            if mode in _FILES and is_config_name(path.rpartition("/")[2]) and size <= MAX_YAML
        }
        answer = self._git("cat-file", "--batch", input="\n".join(sorted(wanted)).encode("ascii") + b"\n") if wanted else b""
        found = {}
        start = 0
        while start < len(answer):
            end = answer.index(b"\n", start)
            name, what, *size = answer[start:end].split()
            if what == b"missing":  # a partial clone: told when it is read
                start = end + 1
                continue
            found[name.decode("ascii")] = answer[end + 1 : end + 1 + int(size[0])]
            start = end + 1 + int(size[0]) + 1
        return found

    def _resolve(self, path: str) -> str:
        """Follows links as they are in the commit; raises `FileProblem` where one leads out of the folder."""
        seen = set()
        while True:
            if path.startswith(("../", "/")) or path == "..":
                raise outside(path)
            link = next((p for p in _prefixes(path) if self._tree.get(p, ("", "", 0))[0] == _LINK), None)
            if link is None:
                return path
            if link in seen:
                raise FileProblem(path, "ORG003", f"the link `{link}` leads back to itself", "mend or remove the link")
            seen.add(link)
            target = self._git("cat-file", "blob", self._tree[link][1]).decode("utf-8", "surrogateescape")
            followed = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
            if followed.startswith(("../", "/")) or followed == "..":
                raise outside(link)
            path = posixpath.normpath(followed + path.removeprefix(link))

    def _git(self, *words: str, check: bool = True, input: bytes = b"") -> bytes:
        environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", **_STAY}
        try:
            done = subprocess.run(["git", *_SAFE, *words], cwd=self.folder, env=environment, input=input, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise GitError("git is not installed, and --base needs it", hint="install git, or plan without --base") from error
        if check and done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise GitError(
                f"git {words[0]} failed: {said[-1] if said else done.returncode}",
                hint="check that the config folder is in a git repository, and that the commit is there whole: nothing is fetched",
            )
        return done.stdout


def _prefixes(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
