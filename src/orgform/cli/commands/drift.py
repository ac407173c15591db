"""`orgform drift`: what did somebody change by hand, and what is to be done about it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, examples, naming, screen
from orgform.errors import EXIT_CHANGES, EXIT_FAILED, EXIT_GUARD_REFUSED, EXIT_OK, UsageError

if TYPE_CHECKING:
    from orgform.cli.output import Screen
    from orgform.drift import Drift


EXAMPLES = examples(
    "orgform drift -C acme",
    "orgform drift -C acme --adopt 'member/*'  # the config gets what is live",
    "orgform drift -C acme --ignore workspace/brand-x-us  # from now on",
    "orgform drift -C acme --detailed-exitcode --quiet  # every night",
)


@click.command("drift", epilog=EXAMPLES)
@click.option("--adopt", is_flag=True, help="Write what is live into the config, where it is defined; ADDRESS_GLOB chooses.")
@click.argument("globs", nargs=-1, metavar="[ADDRESS_GLOB]...")
@click.option(
    "--ignore", metavar="ADDRESS_GLOB", multiple=True, help="Add the drifted fields to `lifecycle.ignore` of these; may be repeated."
)
@click.option("--base", metavar="REF", help="Compare with the config at this git revision instead of what was last applied.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there is drift.")
@common(*CONFIG, "only", "today", *LIVE, *SCREEN, formats=("text", "json", "markdown"))
def command(adopt: bool, globs: tuple[str, ...], ignore: tuple[str, ...], base: str | None, detailed_exitcode: bool, **values: Any) -> int:
    """Show what was changed by hand: what differs from the last apply, by whom, when and through what. Changes nothing.

    With --adopt or --ignore the config's files are changed, all or nothing; the live system never is.

    Exits 0; 2 with --detailed-exitcode when there is drift; 1 when something cannot be written into the config; 3 when the config is
    invalid; 4 when the live system could not be read completely.
    """
    from orgform import app
    from orgform.cli import show
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch

    paper, options = screen(values), chosen(values)
    if globs and not adopt:
        raise UsageError("ADDRESS_GLOB stands behind --adopt", hint="`--only ADDRESS_GLOB` chooses what is looked at")
    with Watch(paper) as watch:
        ask = secret_question(paper, watch)
        found = app.drift(options, adopt=globs if adopt else None, ignore=ignore, base=base, listen=watch, confirm=ask)
    if adopt or ignore:
        return _told(paper, found)
    show.drift(paper, found, naming(values))
    if found.guards:
        paper.note("The live system was not read completely: what is missing may not be gone.")
        return EXIT_GUARD_REFUSED
    if unread := ", ".join(name for name, target in found.targets.items() if target.problem):
        paper.note(f"Not read: {unread}; nothing is known of its drift.")
        return EXIT_FAILED
    return EXIT_CHANGES if detailed_exitcode and found.any else EXIT_OK


def _told(paper: Screen, found: Drift) -> int:
    from orgform.cli import show
    from orgform.render.words import clean, count

    show.rewritten(paper, found)
    for note in found.notes:
        paper.note(f"note: {clean(note)}")
    if found.refused:
        return EXIT_FAILED
    if not found.files:
        paper.note("Nothing of that drifted; no file was written.")
        return EXIT_OK
    done = (
        f"Took over {count(len(found.adopted), 'resource')}"
        if found.adopted
        else f"Fields of {count(len(found.ignored), 'resource')} are left alone"
    )
    paper.note(f"{done}: wrote {count(len(found.files), 'file')}.")
    return EXIT_OK
