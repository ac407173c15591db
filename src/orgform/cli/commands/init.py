"""`orgform init`: a first config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from orgform.cli.options import common, examples, screen
from orgform.cli.output import Screen
from orgform.errors import UsageError

STRATEGIES = ("by-brand", "by-region", "by-environment")


EXAMPLES = examples(
    "orgform init -C acme",
    "orgform init -C acme --strategy by-region --domain acme.example",
    "orgform init -C acme --owner ann@acme.com --owner ben@acme.com",
)


@click.command("init", epilog=EXAMPLES)
@click.option("--strategy", type=click.Choice(STRATEGIES), default="by-brand", show_default=True, help="What the workspaces follow.")
@click.option("--company", metavar="NAME", help="Name of the company (Acme Corp).")
@click.option("--domain", metavar="FQDN", help="Its primary domain (acme.com).")
@click.option("--owner", "owners", metavar="EMAIL", multiple=True, help="An owner of the company; may be repeated.")
@common("dir", "no-color", "quiet")
def command(strategy: str, company: str | None, domain: str | None, owners: tuple[str, ...], **values: Any) -> int:
    """Write a first config into an empty folder: small, commented, and ready to plan.

    On a terminal what is not given is asked; without one the defaults are taken.

    Exits 0; 1 when the folder holds a config already, or cannot be written to.
    """
    from orgform import app
    from orgform.init import refuse_a_config

    paper = screen(values)
    folder: Path = values["folder"]
    refuse_a_config(folder)
    company = company or _asked(paper, "Name of the company", "Acme Corp", lambda word: {"company": word})
    domain = domain or _asked(paper, "Its primary domain", "acme.com", lambda word: {"domain": word})
    owners = owners or _owners(paper, domain)
    files = app.init(folder, strategy=strategy, company=company, domain=domain, owners=owners)
    paper.result("".join(f"{folder / name}\n" for name in files))
    where = "" if folder == Path() else f" -C {folder}"
    paper.note(f"Written. Next: `orgform validate{where}`, `orgform plan{where}`, `orgform apply{where}`.")
    return 0


def _asked(paper: Screen, question: str, default: str, named: Callable[[str], dict[str, Any]]) -> str:
    """An answer that a config can hold; what it cannot is told, and asked for once more."""
    from orgform.init import check_words

    while paper.interactive:
        answer = paper.line(f"{question} [{default}]: ")
        try:
            check_words(**named(answer) if answer else {})
        except UsageError as wrong:
            paper.note(f"{wrong.message}: {wrong.hint}")
        else:
            return answer or default
    return default


def _owners(paper: Screen, domain: str) -> tuple[str, ...]:
    if not paper.interactive:
        return ()
    question = "Owners' e-mail addresses, two or more"
    default = f"owner@{domain}, admin@{domain}"
    answer = _asked(paper, question, default, lambda words: {"owners": _addresses(words)})
    return () if answer == default else _addresses(answer)


def _addresses(answer: str) -> tuple[str, ...]:
    return tuple(answer.replace(",", " ").split())
