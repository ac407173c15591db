"""`orgform export`: the live system as config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orgform.cli.options import CONFIG, LIVE, SCREEN, chosen, common, screen


@click.command("export")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write files there; comments of existing ones are kept."
)
@common(*CONFIG, "only", *LIVE, *SCREEN, formats=("text", "json"))
def command(into: Path | None, **values: Any) -> int:
    """Print the live system as YAML, or write it into a folder as files that one would have written.

    The targets come from the config in --dir.
    """
    from orgform import app
    from orgform.cli.ask import secret_question
    from orgform.cli.progress import Watch
    from orgform.codec import encode_pretty
    from orgform.render.words import clean, count

    paper = screen(values)
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
