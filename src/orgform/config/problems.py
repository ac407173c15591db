"""Collects what is wrong with a config, so that everything is told in one go.

Invariant: nothing is raised for a user's mistake while a config is read; `failed_files` says that parts are missing, and whoever
would report what may only follow from that stays silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from orgform.codec import replace
from orgform.config.places import Places
from orgform.diagnostics import Diagnostic, Source
from orgform.formats import CONTROL, Problem

# Looking for a similar word is slow; a config with thousands of dangling references gets its answer all the same.
_COMPARISONS = 300_000


#: Whoever has more of them has one mistake many times, or means no good; so many are told.
MOST = 10_000


class TooManyProblems(Exception):
    """The rest is not looked at; what was found until here stands in `Problems.found`."""


class TemplateProblem(Exception):
    """A template that gives no value. `word`: what to point at inside of the scalar. `name`: set where it is an undefined variable.
    `final`: what all templates may take together is used up.
    """

    def __init__(self, code: str, summary: str, fix: str, word: str = "", name: str = "", *, final: bool = False) -> None:
        super().__init__(summary)
        self.final = final
        self.code, self.summary, self.fix, self.word, self.name = code, summary, fix, word, name


class Problems:
    """`failed_files` were not read whole; `broken_values`: a template gave nothing; `unchecked`: names that were therefore not looked up,
    since what they name may stand in what is missing; `values`: how many were read from all files; `misshapen`: sections with a wrong shape
    somewhere in them, `refused_sections` as a whole. `sensitive`: names of attributes whose values are never shown."""

    def __init__(self, places: Places | None = None) -> None:
        self.places = places or Places()
        self.found: list[Diagnostic] = []
        self.failed_files: set[str] = set()
        self.broken_values = False
        self.unchecked = 0
        self.values = 0
        self.sensitive: frozenset[str] = frozenset()
        self.misshapen: set[str | int] = set()
        self.refused_sections: set[str] = set()
        self._comparisons = _COMPARISONS

    @property
    def partial(self) -> bool:
        """A file could not be read, or a template not rendered: what seems to be missing may have been in it."""
        return self.broken_values or bool(self.failed_files)

    def add(
        self, code: str, summary: str, detail: str, at: Source | int | None, *, related: Iterable[Source | int] = (), warning: bool = False
    ) -> None:
        """`at`: a source, or the mark of a key (or item) to point at. Words of the config may stand in the texts as they are: what they
        could do to a terminal is taken out here."""
        summary, detail = shown(summary), shown(detail)
        if len(self.found) >= MOST:
            self.give_up()
        others = tuple(place for place in map(self._source, related) if place)
        self.found.append(Diagnostic("warning" if warning else "error", code, summary, detail, self._source(at), None, others))

    def give_up(self) -> NoReturn:
        """Raises `TooManyProblems`."""
        first = self.found[0].source if self.found else None
        what = f"the config has more than {MOST:,} problems, the rest is not looked for"
        self.found.append(Diagnostic("error", "ORG026", what, "mend these first, then validate again", first))
        raise TooManyProblems

    def _source(self, at: Source | int | None) -> Source | None:
        return self.places.at(at) if isinstance(at, int) else at

    @property
    def may_suggest(self) -> bool:
        return self._comparisons >= 0

    def masked(self) -> list[Diagnostic]:
        """All of them, as they may be shown: what turned out to be a secret is starred out everywhere."""
        hide = self.places.hidden
        return [replace(d, source=hide(d.source), related=tuple(s for p in d.related if (s := hide(p)))) for d in self.found]

    def similar(self, word: str, known: Iterable[str]) -> str:
        """The known word that was probably meant, or an empty string."""
        if not self.may_suggest:
            return ""
        candidates = [k for k in known if abs(len(k) - len(word)) <= max(3, len(word) // 3)]
        self._comparisons -= len(candidates)
        folded = {k.casefold(): k for k in candidates}
        exact = folded.get(word.casefold())
        close = get_close_matches(word, candidates, 3, 0.6)
        if "@" in word:  # people of one domain look alike: whom it takes more than two slips to become is somebody else
            close = [k for k in close if _slips(word, k) <= 2]
        return exact or next(iter(close), "")

    def meant(self, word: str, known: Iterable[str], otherwise: str) -> str:
        """`did you mean X?`, or a sentence that says what there is."""
        close = self.similar(word, known)
        return f"did you mean `{close}`?" if close else otherwise


def _slips(one: str, other: str) -> int:
    """How many letters are missing, too many, wrong or swapped with the next one."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            least = min(last[j] + 1, row[-1] + 1, last[j - 1] + (a != b))
            swapped = i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b
            row.append(min(least, before[j - 2] + 1) if swapped else least)
        before, last = last, row
    return last[-1]


def shown(text: str) -> str:
    return text if text.isprintable() else CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def advice(problem: Problem) -> str:
    """What to do about a value's problem, with the value that was probably meant."""
    said = not problem.suggestion or problem.suggestion in problem.fix
    return problem.fix if said else f"did you mean `{problem.suggestion}`? {problem.fix}"


def listed(words: Iterable[str], most: int = 12) -> str:
    """`a, b, c and 4 more`, for messages."""
    every = [f"`{w}`" for w in words]
    if len(every) > most:
        return ", ".join(every[:most]) + f" and {len(every) - most} more"
    return ", ".join(every)
