"""`orgform domains`: the DNS records that prove the domains; `orgform domains verify`: having them looked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, examples, screen
from orgform.cli.output import Screen, write
from orgform.errors import EXIT_FAILED, EXIT_OK, UsageError

if TYPE_CHECKING:
    from orgform.domains import Domain, Domains

FORMAT = "orgform.domains/1"
VERIFY = "verify"
LONGEST_WAIT = 7 * 24 * 3600


class WithVerify(click.Command):
    """A command whose first word may be another command: what follows it belongs to that one."""

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        if args[:1] == [VERIFY]:
            return verify.make_context(f"{info_name} {VERIFY}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


EXAMPLES = examples(
    "orgform domains -C acme",
    "orgform domains acme.com -C acme --format zone  # to be pasted into a zone",
    "orgform domains verify -C acme --wait 600  # looks for them for ten minutes",
)
VERIFY_EXAMPLES = examples(
    "orgform domains verify -C acme",
    "orgform domains verify acme.com -C acme --wait 600",
    "orgform domains verify acme.com -C acme --restart  # with a new record",
)


@click.command("domains", cls=WithVerify, epilog=EXAMPLES)
@click.argument("names", metavar="[DOMAIN]...", nargs=-1)
@click.option("--all", "full", is_flag=True, help="The records of verified domains too.")
@common(*CONFIG, *LIVE, *SCREEN, formats=("text", "json", "octodns", "zone"))
def command(names: tuple[str, ...], full: bool, **values: Any) -> int:
    """Show the DNS records that prove the domains of the config, and how far each domain is.

    With --format octodns or zone: the records to set, to be pasted there.

    `orgform domains verify` has them looked for; it has options of its own.

    Exits 0; 1 when the live system could not be read; 3 when the config is invalid.
    """
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch

    if VERIFY in names:
        raise UsageError("`verify` stands right after `domains`", hint="write it as `orgform domains verify [DOMAIN]... [OPTIONS]`")
    paper = screen(values)
    with Watch(paper) as watch:
        found = app.domains(chosen(values), names, confirm=secret_question(paper, watch))
    _show(paper, found, full=full)
    return EXIT_OK


@click.command(VERIFY, epilog=VERIFY_EXAMPLES)
@click.argument("names", metavar="[DOMAIN]...", nargs=-1)
@click.option("--restart", is_flag=True, help="New records: for the named domains, or for all that failed.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.IntRange(0, LONGEST_WAIT),
    default=0,
    help="Look again and again until all are verified, at most this long.",
)
@common(*CONFIG, *LIVE, *SCREEN, formats=("text", "json"))
def verify(names: tuple[str, ...], restart: bool, wait: int, **values: Any) -> int:
    """Have the live system look for the DNS records now.

    Exits 0 when all domains (or the named ones) are verified, else 1; 3 when the config is invalid.
    """
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch

    paper = screen(values)
    with Watch(paper) as watch:

        def news(domain: Domain) -> None:
            if wait and not paper.quiet:
                watch.pause()
                write(sys.stderr, _news(domain, restart=restart))

        found = app.verify_domains(
            chosen(values), names, restart=restart, wait=wait, listen=watch, news=news, confirm=secret_question(paper, watch)
        )
    _show(paper, found)
    if paper.format == "text" and found.domains:
        from orgform.codec import to_builtins
        from orgform.render import domains as render

        paper.result(f"\n{render.summary(to_builtins(found))}\n")
    return EXIT_OK if all(d.verified for d in found.domains) else EXIT_FAILED


def _news(domain: Domain, *, restart: bool) -> str:
    """What somebody who waits has to know now: above all a record that is new."""
    from orgform.codec import to_builtins
    from orgform.render import domains as render

    doc = to_builtins(domain)
    lines = render.verdict(doc) + "\n"
    return lines + (render.record(doc) if restart and domain.status == "pending" else "")


def _show(paper: Screen, found: Domains, *, full: bool = False) -> None:
    from orgform.codec import encode_pretty, to_builtins
    from orgform.render import domains as render
    from orgform.render.words import clean, listing

    doc = to_builtins(found)
    if paper.format == "json":
        return paper.result(encode_pretty({"format": FORMAT, **doc}))
    if paper.format == "text":
        paper.result(render.text(doc, color=paper.color, width=paper.width, full=full))
    else:
        make = render.octodns if paper.format == "octodns" else render.zone
        paper.result(make(doc, full=full))
    if found.undeclared:
        paper.note(f"note: not in the config, but in the live system: {clean(listing(found.undeclared))}")
    return None
