"""The golden files: `python -m tests.render.golden` writes them anew; look at the difference before it is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from orgform.render import csv, github, html, markdown, text
from tests.render import plans

FOLDER = Path(__file__).parent / "golden"
PLANS = ("nothing", "first", "everything", "hostile", "large", "undone")


def pages() -> Iterator[tuple[str, Callable[[], str]]]:
    """File name -> what is expected in it."""
    for name in PLANS:
        yield from _plan(name, plans.doc(getattr(plans, name)()))
    yield "everything.quiet.txt", lambda: text.plan(plans.doc(plans.everything()), color=False, width=80, quiet=True)
    yield "everything.color.txt", lambda: text.plan(plans.doc(plans.everything()), color=True, width=80)
    yield "everything.narrow.txt", lambda: text.plan(plans.doc(plans.everything()), color=False, width=40)
    yield "diagnostics.txt", lambda: text.diagnostics(plans.DIAGNOSTICS, color=False, width=80)
    yield "diagnostics.md", lambda: markdown.diagnostics(plans.DIAGNOSTICS)
    yield "diagnostics.github", lambda: github.diagnostics(plans.DIAGNOSTICS, prefix="config/")
    yield "diagnostics.html", lambda: html.diagnostics(plans.DIAGNOSTICS)
    yield "validation.txt", lambda: text.validation(plans.VALIDATION, color=False, width=80)
    yield "report.txt", lambda: text.report(plans.REPORT, color=False, width=80)
    yield "report.md", lambda: markdown.report(plans.REPORT)
    yield "report.github", lambda: github.report(plans.REPORT)
    yield "access.txt", lambda: text.access(plans.ACCESS, color=False, width=80)
    yield "access.csv", lambda: csv.access(plans.ACCESS)
    yield "history.txt", lambda: text.history(plans.HISTORY, color=False, width=80)
    yield "history.run.txt", lambda: text.history(plans.RUN, color=False, width=80)
    yield "history.cut-off.txt", lambda: text.history(plans.UNDONE_RUN, color=False, width=80)
    yield "providers.txt", lambda: text.providers(plans.PROVIDERS, color=False, width=80)
    yield "providers.steps.txt", lambda: text.providers(plans.PROVIDERS, color=False, width=80, steps=True)
    yield "providers.md", lambda: markdown.providers(plans.PROVIDERS)
    yield "provider.md", lambda: markdown.provider(plans.PROVIDERS["front"])
    yield "providers.together.md", lambda: markdown.providers_together(plans.PROVIDERS)


def _plan(name: str, doc: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    yield f"{name}.txt", lambda: text.plan(doc, color=False, width=80)
    if name != "large":
        yield f"{name}.html", lambda: html.plan(doc)
    yield f"{name}.md", lambda: markdown.plan(doc)
    yield f"{name}.github", lambda: github.plan(doc, prefix="config/")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, page in pages():
        (FOLDER / file).write_text(page(), encoding="utf-8")
