"""`orgform export`: the live system as config, or a workspace's features as a file for flagd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, examples, screen
from orgform.cli.output import Screen

EXAMPLES = examples(
    "orgform export -C acme",
    "orgform export -C acme --into acme  # into the files that are there",
    "orgform export -C acme --format flagd --workspace brand-x-us",
)


@click.command("export", epilog=EXAMPLES)
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write files there; comments of existing ones are kept."
)
@click.option("--workspace", metavar="KEY", help="With --format flagd: the workspace whose features are written.")
@click.option(
    "--from",
    "source",
    type=click.Choice(("live", "config")),
    default="live",
    show_default=True,
    help="With --format flagd: whether the features are those of the live system, or the config's.",
)
@common(*CONFIG, "only", *LIVE, *SCREEN, formats=("text", "json", "flagd"))
def command(into: Path | None, workspace: str | None, source: str, **values: Any) -> int:
    """Print the live system as YAML, or write it into a folder as files that one would have written.

    The targets come from the config in --dir. With --format flagd it prints the features of one workspace as a file that flagd and the
    OpenFeature providers read.

    Exits 0; 1 when the live system could not be read, or DIR not be written to; 3 when the config is invalid.
    """
    flagd = values["format"] == "flagd"
    if flagd and workspace is None:
        raise click.UsageError("--format flagd writes the features of one workspace: say which, with --workspace KEY")
    if flagd and into is not None:
        raise click.UsageError("--format flagd prints one file, and --into writes a folder: print it into a file with > flags.json")
    if not flagd and (workspace is not None or source != "live"):
        raise click.UsageError("--workspace and --from belong to --format flagd")
    paper = screen(values)
    return _flags(paper, str(workspace), source == "live", values) if flagd else _config(paper, into, values)


def _flags(paper: Screen, workspace: str, live: bool, values: dict[str, Any]) -> int:
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch
    from orgform.codec import encode_pretty

    with Watch(paper) as watch:
        found = app.export_flags(chosen(values), workspace, live=live, listen=watch, confirm=secret_question(paper, watch))
    paper.result(encode_pretty(found))
    return 0


def _config(paper: Screen, into: Path | None, values: dict[str, Any]) -> int:
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch
    from orgform.codec import encode_pretty
    from orgform.render.words import clean, count

    with Watch(paper) as watch:
        found = app.export(chosen(values), into=into, listen=watch, confirm=secret_question(paper, watch))
    if paper.format == "json":
        paper.result(encode_pretty({"format": "orgform.export/1", "files": found.files, "notes": found.notes}))
        return 0
    paper.result("\n".join(found.files.values()) if into is None else "".join(f"{clean(name)}\n" for name in found.files))
    for note in found.notes:
        paper.note(f"note: {clean(note)}")
    if into is not None:
        unchanged = f"Nothing was written into {into}." if found.notes else f"{into} says all of it already."
        paper.note(f"Wrote {count(len(found.files), 'file')} into {into}." if found.files else unchanged)
    return 0
